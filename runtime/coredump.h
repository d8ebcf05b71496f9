/* Core files of guests (runtime/coredump.c). */
#ifndef DRAGOMAN_COREDUMP_H
#define DRAGOMAN_COREDUMP_H

#include "runtime.h"

/* The signals whose default action is to leave one, as bits. */
u64 core_signals(void);
/* Does the guest's RLIMIT_CORE ask for one? */
bool core_is_wanted(void);
/* The process is about to die of a signal at t's pc: leaves a core of it, if one is asked for, and sees to it that the host's kernel
 * leaves none of the translator. For the last moment: other threads don't go on, and what comes next is signal_die. */
void core_dump(Task *t, const siginfo_t *info);
/* The name that a pattern of /proc/sys/kernel/core_pattern (core(5)) gives the core of this process, whose executable is `exe`. */
void core_name(const char *pattern, const char *exe, int signo, char *out, size_t size);
/* A thread at a safepoint while another one dumps (Process.dumping): it stands there until the process ends. */
_Noreturn void core_stand(Task *t);

#endif
