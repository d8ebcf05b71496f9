/* Reports on stderr about what ends the process (runtime/crash.c). */
#ifndef DRAGOMAN_CRASH_H
#define DRAGOMAN_CRASH_H

#include <signal.h>

#include "../include/task.h"

/* The guest is about to die of an uncaught signal at t->pc. */
void crash_guest(Task *t, const siginfo_t *info);
/* The translator itself faulted: reports and ends the process by that signal. Callable from a signal handler; t may
 * be NULL. */
_Noreturn void crash_ours(Task *t, const siginfo_t *info, void *ucontext);
/* What abort is in this program, whoever calls it (the linker's --wrap): likewise. */
_Noreturn void __wrap_abort(void);

#endif
