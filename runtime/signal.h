/* Guest signals (runtime/signal.c): host handlers queue them, the dispatcher delivers them.
 *
 * The host's signal mask of a guest thread is the guest's own, but for SIGSEGV and SIGBUS, which the translator
 * needs while no system call is under way. So the kernel queues what the guest has blocked, chooses threads and answers
 * sigpending, sigtimedwait and signalfd by itself. The host handler of an asynchronous signal notes it in its thread, blocks all others until it
 * is delivered, and asks for the attention of the dispatcher, which pushes a frame on the guest's stack at the next
 * safepoint. */
#ifndef DRAGOMAN_SIGNAL_H
#define DRAGOMAN_SIGNAL_H

#include "mem.h"
#include "runtime.h"

enum { SIGNALS = 64 };
#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1 /* si_code of SIGSYS; not in every C library */
#endif

/* struct sigaction as a 64-bit kernel takes it from any guest. */
typedef struct GuestAction {
    u64 handler, flags, restorer, mask;
} GuestAction;

/* A guest's stack_t. */
typedef struct GuestStack {
    u64 sp;
    i32 flags, pad;
    u64 size;
} GuestStack;

/* A fault was at a page that is there, a store's, a fetch's: numbered as the host does. */
enum { FAULT_PRESENT = 1, FAULT_WRITE = 2, FAULT_FETCH = 16 };

/* What Abi.push_frame puts on the guest's stack. */
typedef struct GuestSignal {
    int signo;
    u64 info[16];        /* siginfo_t: 128 bytes, laid out alike by all 64-bit guests and the host */
    GuestAction action;
    u64 mask;            /* to be restored by sigreturn */
    GuestStack stack;    /* the alternate stack as the frame records it */
    u64 sp;              /* where the frame goes below: the alternate stack's top, or the current stack pointer */
    bool fault;          /* a memory fault: fault_addr is its address */
    u32 fault_error;     /* what is known of it: FAULT_* */
    u64 fault_addr;
} GuestSignal;

/* The process's and its first task's signals, from what the host process was started with. Call before the first
 * signal can matter; the handlers are installed here. */
void signal_init(Process *p, Task *t);
/* A new thread's: the parent's mask, nothing pending, no alternate stack; its host thread calls signal_thread_start
 * as its first act, with all signals blocked, and signal_thread_end as its last, which blocks them, or is false if one
 * has to be delivered first. A child that isn't a thread has no signals pending, and gets a copy of the handlers unless it shares them.
 * False without memory. */
bool signal_task_init(Task *child, const Task *parent, bool thread, bool share_actions);
/* signal_thread_start for a process that runs in another's memory. */
void signal_vfork_start(Task *t);
/* A process that shares its parent's handlers may end by executing something that dies, as that sends the signal that it sends. */
void signal_set_dies_apart(Task *child);
void signal_keep_stack(Task *child, const Task *parent); /* the alternate stack too, as vfork does */
void signal_thread_start(Task *t);
bool signal_thread_end(Task *t);
void signal_task_free(Task *t);
/* Around fork: the child's copy of the handlers is whole. */
void signal_before_fork(Task *t);
void signal_after_fork(Task *t, bool child);
/* Blocks every signal on this host thread (around clone, fork and exec); signal_unblock goes back to the guest's
 * mask. */
void signal_block_all(void);
/* After it: copying to and from guest memory may fault. */
void signal_admit_faults(void);
void signal_unblock(const Task *t);
/* For exec: gives the host the guest's dispositions and mask as they are; false if a signal has to be delivered first.
 * signal_exec_failed undoes it in either case. */
bool signal_before_exec(Task *t);
void signal_exec_failed(Task *t);
/* A process that shares its handlers with this one has executed a program or ended: it may have put away ours. */
void signal_after_sharer(const Task *child);
/* CLONE_CLEAR_SIGHAND. */
void signal_clear_handlers(Task *t);

/* At a safepoint, with exact guest state: delivers what is pending. True if the guest's pc changed. Ends the process
 * if the signal is fatal. */
bool signal_deliver(Task *t);
/* Delivers a synchronous signal of the instruction at t->pc, or ends the process if the guest has no handler or
 * blocks it. */
void signal_fault(Task *t, int signo, int code, u64 addr);
void signal_fetch_fault(Task *t, int signo, int code, u64 addr); /* the same at the address of code */

/* The same with all that the handler is told. */
void signal_force(Task *t, const siginfo_t *info);

/* A system call that a signal may interrupt: the result or -errno. -ERESTARTSYS if a signal came during the call,
 * -ERESTARTNOINTR if one was there before it (no wake-up is lost in between); the handler hands both to
 * signal_syscall_result. */
i64 host_syscall(Task *t, long nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);
/* What a system call's result becomes for the guest. For the restart codes: EINTR if a handler without SA_RESTART is
 * about to run, else t->pc goes back to the instruction and the first argument is returned, so that the call runs
 * again. */
i64 signal_syscall_result(Task *t, i64 result);
/* Restart codes of the kernel, include/linux/errno.h (ERESTARTSYS is 512). */
enum { RESTART_SYS = 512, RESTART_NOINTR = 513 };

/* A system call that waits with another mask (ppoll, pselect6, epoll_pwait, rt_sigsuspend): `mask` is the guest's
 * until the signal it lets in is delivered, or the call ends without one. Returns the mask to hand to the host's
 * call. */
u64 signal_suspend(Task *t, u64 mask);

/* The guest's blocked signals, as bits. */
u64 signal_mask(const Task *t);
void signal_set_mask(Task *t, u64 mask);
/* Sets the mask if no signal is noted that has to be delivered first, else -RESTART_NOINTR. */
i64 signal_change_mask(Task *t, u64 mask);

/* rt_sigaction, sigaltstack (which Abi.pop_frame calls, too) and rt_sigreturn: 0 or -errno; new and old may be NULL. signal_return's result is no
 * result. */
i64 signal_action(Task *t, int signo, const GuestAction *new, GuestAction *old);
i64 signal_alt_stack(Task *t, const GuestStack *new, GuestStack *old);
i64 signal_return(Task *t);
/* Signals that the host couldn't keep blocked for the guest: which are pending, and taking one of `set` out. */
u64 signal_held(const Task *t);
struct ThreadHeld *signal_held_by(const Task *t); /* NULL when it is about to end; Process.lock is held */
bool signal_take_held(Task *t, u64 set, siginfo_t *info);
/* The last host_syscall may have got copies of those, which others take the signals of (sent.c). */
bool signal_got_copies(const Task *t);

/* The signals that the Task at `task`, as `read` reads it, has handlers for, a bit each. 0 or -EFAULT. */
int signal_caught(MemReader *read, void *context, u64 task, u64 *caught);

/* Abi.siginfo of guests whose siginfo_t is the host's. */
void siginfo_as_is(void *out, const siginfo_t *info);
/* All signals that the guest doesn't ignore come to us from now on, for the debugger or tracer. */
void signal_under_debugger(Task *t);
/* Stops this thread for its tracer, if it has one: sent_report. */
void signal_report(Task *t);
/* Sends this thread a signal. */
void signal_send_self(int signo);

/* Ends the process by a signal, as the kernel's default action does. */
_Noreturn void signal_die(int signo);

#endif
