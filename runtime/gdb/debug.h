/* A debugger's hold on the guest (-g), as the rest of the runtime sees it. Without -g Process.debug and Task.debug are NULL, and
 * nobody calls any of this. */
#ifndef DRAGOMAN_DEBUG_H
#define DRAGOMAN_DEBUG_H

#include "../runtime.h"

typedef enum DebugGo { GO_STOP, GO_ON, GO_STEP } DebugGo;

/* Task.debug. */
struct DebugTask {
    _Atomic u32 go;      /* DebugGo: what the debugger wants of it */
    bool stopped;        /* it waits in the runtime, with all of its state in the Task */
    bool parked;         /* or in the kernel, for a child that shares its memory, which is as good */
    bool loose;          /* the debugger has let go of it, or never had it: a child that shares memory with this process */
    bool one;            /* the instruction of GO_STEP has begun, and nothing been told since */
    u64 step_lo, step_hi; /* GO_STEP goes on while pc is here */
    struct DebugStop {
        u8 why;          /* DebugWhy */
        bool told;       /* to the debugger */
        int kind;        /* DEBUG_WATCH: of the watchpoint, as Z packets have it */
        siginfo_t info;  /* DEBUG_SIGNAL; si_signo comes back as what the debugger makes of it */
        u64 value;       /* address, number of the system call, process */
    } stop;
    u64 call;            /* pc behind a system call that has been told of and is to be made again, or 0 */
    i64 forked;          /* child that the last system call made, to be told of */
    struct DebugTask *vforked; /* in the child's: its parent's */
    bool shares;         /* such a child of this one is under the debugger, or was */
    bool late;           /* a watched access is being made, to be told of afterwards: `watch` */
    struct DebugStop watch;
    int pass;            /* signal that the debugger sends it */
    bool born;           /* it is that child */
};

/* -g's argument: [suspend=n,] and [ADDRESS:]PORT, the name of a socket or fd:NUMBER. Takes the process, whose program is loaded, to
 * the debugger: it waits for one, unless suspend=n, before its first instruction. False, with one line in `why`, if there can't be
 * one. */
bool debug_start(Process *p, Task *t, const char *where, char *why, size_t size);
/* The same for a program that a debugged one has executed, by the descriptor that debug_hand_on gave. */
bool debug_inherit(Process *p, Task *t, int fd);

/* A new Task's part of it. Process.lock is not held. */
void debug_task_new(Task *t);
void debug_task_free(Task *t);

/* In the dispatcher. At a safepoint: stops as long as the debugger wants it. */
void debug_attend(Task *t);
/* A breakpoint at t->pc. */
void debug_break(Task *t);
/* The guest's system call, with what the debugger wants to know of it. */
void debug_syscall(Task *t);
/* Whether the thread goes one instruction at a time; then before one and after it. */
static inline bool debug_is_stepping(const Task *t)
{
    return unlikely(t->debug) && t->debug->go == GO_STEP;
}
void debug_step(Task *t);
void debug_stepped(Task *t);
/* It has come to the first instruction of a signal's handler, which counts as a step. */
void debug_handler(Task *t);
/* While there are watchpoints everything is interpreted: see debug_access. */
bool debug_watches(const Process *p);

/* A signal that is about to be delivered; false if the debugger has it forgotten. It may have made another one of it. */
bool debug_signal(Task *t, siginfo_t *info);
/* The process ends with this wait status. */
void debug_end(Task *t, int status);

/* Around fork and its kind. */
void debug_before_fork(Task *t);
void debug_after_fork(Task *t, i64 pid);
/* Around a child that shares memory while its parent's thread waits; and the child, before it runs. */
void debug_before_vfork(Task *parent, Task *child);
void debug_vfork_child(Task *child);
void debug_after_vfork(Task *parent);
/* Around what may not be done in a process with threads. */
void debug_pause(Task *t);
void debug_resume(Task *t);
/* Before an exec: a descriptor for debug_inherit, or -1. After an exec that has failed. */
int debug_hand_on(Task *t);
void debug_keep(Task *t);

#endif
