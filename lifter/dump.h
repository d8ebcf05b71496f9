/* Readable forms of what a stage made, for -d, `dragoman dis` and reports. All go to the log. */
#ifndef DRAGOMAN_LIFTER_DUMP_H
#define DRAGOMAN_LIFTER_DUMP_H

#include "../include/translate.h"

/* Logs a fresh baseline or interpreter block as -d in_asm, op, block and out_asm ask. */
void dump_block(const Guest *guest, const Ir *ir, const Block *b);
/* Logs what a region is made from as -d in_asm and op ask. */
/* Does -dfilter have any of it logged? */
bool dump_wanted(const Region *r);
void dump_region(const Region *r);
/* Logs a module's text with the names of what it uses in the Task and in this program. */
void dump_module(const Guest *guest, const char *title, const char *text);
/* Logs a region's host code, entries marked; b is its first Block. */
void dump_region_code(const Guest *guest, const Block *b);
/* Logs a baseline block, an instruction after the other, in columns side by side: guest code, IR, and host code with
 * the names of what it uses. `items` says which (LOG(in_asm), LOG(op), LOG(out_asm)). */
void dump_side_by_side(const Guest *guest, const Ir *ir, const Block *b, u32 items);
/* Disassembles one guest instruction of at most `size` bytes into `text`; its length, or 0 if LLVM doesn't know it. */
size_t dump_guest_insn(const Guest *guest, u64 pc, size_t size, char *text, size_t text_size);
/* Logs the guest registers of t. */
void dump_regs(const Task *t);

#endif
