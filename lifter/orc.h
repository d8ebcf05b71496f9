/* The LLVM tier for the runtime: forming regions, and keeping ORC sane across fork (compiling is orc_compile,
 * translate.h). */
#ifndef DRAGOMAN_LIFTER_ORC_H
#define DRAGOMAN_LIFTER_ORC_H

#include "../include/translate.h"

/* abort() has been called: if this thread is compiling, that was LLVM's answer to something that it has no other for,
 * such as too little memory. Then it goes on as if the region couldn't be compiled, and doesn't return. */
void orc_aborted(void);

/* False if LLVM has given up while it was starting (or just is): then it can't be used, not even as a disassembler, in this process
 * and those that it forks. */
bool orc_usable(void);

/* Around fork. The child inherits neither the compile thread nor what it was doing; it starts LLVM anew when it needs
 * to. */
void orc_before_fork(void);
void orc_after_fork(bool child);

/* Whether the block at a guest address may join a region: it can be read, and (but for --tier=llvm) it has run. */
typedef bool RegionFilter(void *context, u64 pc);

/* Lifts the block at pc and those that direct jumps and branches lead to from it, as far as the filter admits them and
 * a region's size allows. The filter is not asked about pc itself. Reads guest code: it must not be unmapped meanwhile.
 * NULL without memory. Free with region_free. */
Region *region_form(const Guest *guest, u64 pc, RegionFilter *admits, void *context);
void region_free(Region *r);
/* Whether the region's code goes from a block (by index) to a guest address without leaving. */
bool region_stays(const Region *r, size_t block, u64 target);
/* Adds to a region of finished blocks (r->blocks has room for REGION_BLOCKS) the small functions that its blocks call,
 * as far as the filter admits their blocks and they fit. False without memory. */
bool region_join_callees(Region *r, RegionFilter *admits, void *context);
/* Whether a block of the region ends in a call of a function that has joined it: that is an edge, and no call of the
 * host's. */
bool region_calls_inside(const Region *r, const Ir *block);
/* The blocks of the region, bit by bit, that something in it jumps back to or calls: heads of loops, as far as one sees. */
u64 region_heads(const Region *r);
/* The blocks that block number i leads to without leaving the region, as a set. */
u64 region_successors(const Region *r, size_t i);
/* All that its ops do (FX_*). */
u32 region_effects(const Region *r);
/* Whether pc is where a function returns to that has joined the region: then nobody need come there from outside. */
bool region_returns_inside(const Region *r, u64 pc);

#endif
