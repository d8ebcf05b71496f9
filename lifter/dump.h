/* Readable forms of what a stage made, for -d. */
#ifndef DRAGOMAN_LIFTER_DUMP_H
#define DRAGOMAN_LIFTER_DUMP_H

#include "../include/translate.h"

/* Logs a fresh block as -d in_asm, op, block and out_asm ask. */
void dump_block(const Guest *guest, const Ir *ir, const Block *b);
/* Logs host code [code, code+size) under a title line. */
void dump_host(const char *title, const void *code, size_t size);
/* Disassembles one guest instruction of at most `size` bytes into `text`; its length, or 0 if LLVM doesn't know it. */
size_t dump_guest_insn(const Guest *guest, u64 pc, size_t size, char *text, size_t text_size);
/* Logs the guest registers of t. */
void dump_regs(const Task *t);

#endif
