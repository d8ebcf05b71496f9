/* Signals that somebody has sent, as far as the runtime has to do with them (runtime/sent.c): how they are told from faults, and those
 * that it holds because the host can't keep them blocked. Inside of signal.c's business; nobody else's. */
#ifndef DRAGOMAN_SENT_H
#define DRAGOMAN_SENT_H

#include <signal.h>
#include <ucontext.h>

#include "runtime.h"

#define BIT(signo) ((u64)1 << ((signo) - 1))
/* Never blocked on the host: the translator's own faults come by them. */
#define OURS (BIT(SIGSEGV) | BIT(SIGBUS))
#define SYNCHRONOUS (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGTRAP))

/* What a signal's si_errno says in its upper half, where the kernel leaves it 0. */
typedef enum Mark {
    MARK_NONE,
    MARK_SENT =
        0x5e47,  /* sent with a si_code of the kernel's, or with what looks like a mark; the lower half is si_errno */
    MARK_RESENT, /* sent on by us with another si_code, as the kernel wants it; the lower half is the sender's */
    MARK_COPY,   /* likewise; a copy of what is held for the process */
    MARK_REPORT, /* likewise; has the kernel stop this thread for its tracer, and means nothing if there is none */
    MARK_TO_THREAD, /* sent to a thread, though si_code doesn't say so (pthread_sigqueue); the lower half is si_errno */
} Mark;

/* Is such a signal none of the guest's? */
static inline bool sent_means_nothing(Mark mark)
{
    return mark == MARK_COPY || mark == MARK_REPORT;
}

/* A fault of this thread's, as opposed to a signal that has been sent. */
bool sent_is_fault(const siginfo_t *info, const ucontext_t *uc);
/* Marks what the guest sends. */
void sent_mark(int signo, siginfo_t *info);
/* The same of what it sends to a thread of its own process. */
void sent_mark_to_thread(int signo, siginfo_t *info);
/* Makes it what its sender has made it; the mark it had. */
Mark sent_unmark(siginfo_t *info);
/* Into the kernel's queue for this thread. */
void sent_requeue(const siginfo_t *info);
/* Has a thread leave the system call that it waits in, and look at Task.attention: a copy of nothing. */
void sent_kick(i32 pid, i32 tid);
/* Stops this thread, if it is traced, with a signal that tells the tracer of `task`: sent_is_report. */
void sent_report(const void *task);
/* Is a signal that another guest has been stopped by such a one? The task is then in *task. */
bool sent_is_report(const siginfo_t *info, u64 *task);
/* The signal of sent_kick. */
siginfo_t sent_kicking(void);
/* Into that of the process, for another thread: info is as the handler got it. */
void sent_pass_on(const siginfo_t *info);

/* SIGSEGV and SIGBUS, pending; one of each, as in the kernel. */
typedef struct Held {
    volatile u32 set;      /* bit 0: SIGSEGV, 1: SIGBUS */
    siginfo_t info[2];
} Held;

typedef struct ProcessHeld {
    _Atomic u32 users;     /* threads */
    atomic_flag lock;      /* a spin lock, taken with all signals blocked */
    Held held;
    bool offered;          /* the process's threads know of it */
} ProcessHeld;

typedef struct ThreadHeld {
    Held held;
    atomic_bool copies;    /* the kernel may have, or a system call got, copies of what is held for the process */
    ProcessHeld *process;
} ThreadHeld;

/* For the first thread of a process, NULL without memory; for another one; and when one ends. */
ProcessHeld *held_new(void);
ProcessHeld *held_share(ProcessHeld *p);
void held_free(ProcessHeld *p);
/* The signals held for the thread or its process. */
u64 held_signals(const ThreadHeld *h);

/* The others are called with all signals blocked. */

/* Keeps one, whose mark has been taken off, for the thread or the process, whichever it was sent to. */
void held_keep(ThreadHeld *h, const siginfo_t *info, Mark mark);
/* Takes one of `set` out; false if there is none. */
bool held_take(ThreadHeld *h, u64 set, siginfo_t *info);
/* The process holds what its threads haven't been told of. */
bool held_unoffered(const ThreadHeld *h);
/* Tells t's process's other threads by copies of it. */
void held_offer(const Task *t, ThreadHeld *h);
/* For a system call: gives the kernel the thread's, and copies of the process's. */
void held_lend(ThreadHeld *h);
/* Takes back from the kernel what a system call hasn't consumed. True if there was anything. */
bool held_settle(ThreadHeld *h);
/* Gives all of it back to the kernel, in this thread's queue. */
void held_give(ThreadHeld *h);
/* In a forked child: the parent's are none of its. */
void held_forget(ThreadHeld *h);

#endif
