/* --check: runs regions twice, by the baseline's code and by LLVM's, and compares. */
#ifndef DRAGOMAN_RUNTIME_CHECK_H
#define DRAGOMAN_RUNTIME_CHECK_H

#include "runtime.h"

/* What a region is checked with: its blocks as the baseline has them, each by itself. */
typedef struct Check Check;

/* For the region that `first` and its siblings were compiled from, which belongs to the check from then on. NULL if it can't
 * be checked: no room, or it does what gives something else each time. Takes the translation lock. */
Check *check_new(Region *r, Block *first);
/* For one that is never run. The blocks' memory is the cache's. */
void check_free(Check *c);
/* Runs the region that b enters; afterwards Task.exit and pc are as code_enter leaves them, but for EXIT_LINK and EXIT_LOOKUP,
 * which come as EXIT_CONTINUE. False if the two codes differ: the log then has all there is to say. */
bool check_run(Task *t, const Block *b);
/* Around the guest's code: under --check one task runs at a time. Who has to wait makes the other one leave its code at the
 * next safepoint. */
void check_begin(Task *t);
void check_end(Task *t);
/* What a task keeps for its runs, at its end. */
void check_task_free(Task *t);
/* In a forked child. */
void check_after_fork(void);

#endif
