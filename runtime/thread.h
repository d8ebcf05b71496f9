/* Guest threads and processes (runtime/thread.c). */
#ifndef DRAGOMAN_THREAD_H
#define DRAGOMAN_THREAD_H

#include "runtime.h"

/* struct clone_args of clone3, version 2; clone fills it from its registers. `pidfd` and `parent_tid` may name the
 * same place. */
typedef struct CloneArgs {
    u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
} CloneArgs;

/* clone, clone3, fork and vfork: the child's id in the caller and 0 in the child, or -errno. */
i64 thread_clone(Task *t, const CloneArgs *a);
/* pthread_create for the translator's own threads: they share nothing of the kernel's with the guest that it would have only for their
 * sake. */
int thread_create_own(pthread_t *thread, const pthread_attr_t *attr, void *(*main)(void *), void *arg);
/* Ends the calling thread with a status as wait tells it, and with the last one the process, whose status is the first thread's.
 * Returns -ERESTARTNOINTR if a signal is to be delivered before. */
i64 thread_exit(Task *t, int status);
/* Is it the only thread of its process that hasn't ended? */
bool thread_alone(const Task *t);
/* exit_group; the status is as above. */
_Noreturn void process_exit(Task *t, int status);
/* Under --stats: what the process has done since this was called last. Nothing in a vfork child, whose work is its
 * parent's. */
void process_print_stats(Task *t);

#endif
