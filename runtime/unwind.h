/* Who has called whom in a guest's thread (runtime/unwind.c). */
#ifndef DRAGOMAN_UNWIND_H
#define DRAGOMAN_UNWIND_H

#include "runtime.h"

/* The pcs of the frames of t, which is stopped or the caller's own with all of its state in the Task: its pc, and where each call
 * returns to; how many there are, at most `max`. Reads the guest's memory, which it trusts in nothing. */
size_t unwind(Task *t, u64 *pcs, size_t max);

#endif
