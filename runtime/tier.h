/* Tier policy: which blocks become LLVM regions and when; the background thread that compiles them. */
#ifndef DRAGOMAN_RUNTIME_TIER_H
#define DRAGOMAN_RUNTIME_TIER_H

#include "runtime.h"

/* Block.limit of a new baseline block. */
u32 tier_first_limit(void);
/* The process ends, or becomes another program: what it has made and learnt is kept on disk (store_save). */
void tier_save(void);
/* What a new thread's sample_mean is. */
u32 tier_sample_mean(void);
/* Entries after which a baseline block is hot. */
i32 tier_threshold(void);
/* The counter of the block at t->pc has run out: forms a region from it and queues that for the compile thread without waiting; under
 * --tier=llvm compiles it now. */
void tier_hot(Task *t);
/* --tier=llvm --hot 0: forms and compiles the region at pc now and enters it into the index. NULL if LLVM can't compile
 * it (the baseline then serves). pc must be executable. Takes the translation lock. */
Block *tier_translate_now(Task *t, u64 pc);
/* The compile thread has the credentials and namespaces of the guest's thread that has started it: what changes them ends it, after the
 * region it is at, and has the next one started by a thread that has the new ones. When tier_stop returns it is gone for the kernel,
 * too; tier_start starts one if there is something to do. Not for vfork children, whose parent's it is. */
void tier_stop(void);
void tier_start(void);
/* Whether the compile thread, if there is one, may do what a task with this Task.rights may. */
bool tier_has_rights(u32 rights);
/* Around fork, outside of the cache's locks: the child has no compile thread and starts one when it next has a hot
 * block. */
void tier_before_fork(void);
void tier_after_fork(bool child);

#endif
