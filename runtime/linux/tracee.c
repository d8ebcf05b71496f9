/* A thread that another guest process traces: where it stops, and what for. The essay is in tracer.c.
 *
 * A thread stops at safepoints, around system calls and before a signal is delivered, with all of its state in its
 * Task. It says in Task.ptrace what the stop is, and has the kernel stop it by a signal that its tracer knows
 * (sent_report). */
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "../../include/debugger.h"
#include "../cache.h"
#include "../sent.h"
#include "../signal.h"
#include "../thread.h"
#include "linux.h"

/* False if no tracer is there any more. The signal may be one with another one in the kernel's queue, which isn't for
 * the tracer: hence the repetitions. */
static bool report(Task *t, StopWhy why, u32 status, u64 message)
{
    enum { TRIES = 8 };
    Ptrace *x = &t->ptrace;
    x->why = why;
    x->status = status;
    x->message = message;
    x->mask = signal_mask(t);
    x->signo = 0;
    x->answered = 0;
    t->guest->debug->leave(t);
    for (int i = 0; i < TRIES && !x->answered; i++)
        signal_report(t);
    t->guest->debug->enter(t);
    x->why = STOP_NONE;
    x->stops++;
    if (!x->answered) {
        x->on = 0;
        x->mode = TRACE_RUN;
    }
    if (x->mask != signal_mask(t))
        signal_set_mask(t, x->mask);
    return x->answered;
}

bool ptrace_signal(Task *t, siginfo_t *info)
{
    Ptrace *x = &t->ptrace;
    int signo = info->si_signo;
    x->info = *info;
    if (!report(t, STOP_SIGNAL, (u32)signo, 0))
        return true;
    if (x->signo == SIGSTOP) {
        x->stops_really = true;
        signal_send_self(SIGSTOP);
        x->stops_really = false;
        return false;
    }
    if (x->signo == (u32)signo)
        *info = x->info;
    else
        *info = (siginfo_t){.si_signo = (int)x->signo, .si_code = SI_USER, .si_pid = getppid(), .si_uid = getuid()};
    if (x->signo && x->signo != (u32)signo && (signal_mask(t) & BIT(x->signo))) {
        signal_send_self((int)x->signo);
        return false;
    }
    return x->signo;
}

/* A signal that is there for the tracer's sake; without one it is nothing. */
static void tell_signal(Task *t, int signo, int code, u64 addr)
{
    siginfo_t info = {.si_signo = signo, .si_code = code};
    if (code > 0)
        info.si_addr = (void *)addr;
    if (t->ptrace.on && ptrace_signal(t, &info) && t->ptrace.answered)
        signal_send_self(info.si_signo);
}

/* A stop that isn't a signal's; one that the tracer sends then comes later. */
static void tell_stop(Task *t, StopWhy why, u32 status, u64 message)
{
    if (report(t, why, status, message) && t->ptrace.signo && t->ptrace.signo <= SIGNALS)
        signal_send_self((int)t->ptrace.signo);
}

static bool tells_calls(const Task *t)
{
    return t->ptrace.on && t->ptrace.mode == TRACE_CALLS;
}

static void tell_call(Task *t, StopWhy why)
{
    tell_stop(t, why, SIGTRAP | (t->ptrace.options & PTRACE_O_TRACESYSGOOD ? 0x80 : 0), why == STOP_ENTRY ? 1 : 2);
}

/* Signals with a default action come to us from now on, and faults are to have exact state. */
static void begin(Task *t)
{
    Process *p = t->process;
    if (p->ptraced)
        return;
    p->ptraced = true;
    signal_under_debugger(t);
    cache_require_exact();
}

void ptrace_attend(Task *t)
{
    Ptrace *x = &t->ptrace;
    begin(t);
    u32 wanted = atomic_exchange(&x->wanted, 0);
    if ((wanted & WANT_EXEC) && (x->options & PTRACE_O_TRACEEXEC))
        tell_stop(t, STOP_EVENT, SIGTRAP | PTRACE_EVENT_EXEC << 8, (u64)t->tid);
    if ((wanted & WANT_EXEC) && tells_calls(t))
        tell_call(t, STOP_RETURN);
    if ((wanted & WANT_EXEC) && !(x->options & PTRACE_O_TRACEEXEC) && !x->seized)
        tell_signal(t, SIGTRAP, SI_USER, 0);
    if ((wanted & WANT_EVENT) && x->on)
        tell_stop(t, STOP_EVENT, SIGTRAP | PTRACE_EVENT_STOP << 8, 0);
    if (wanted & WANT_STOP) {
        tell_signal(t, SIGSTOP, SI_USER, 0);
        if (!x->answered)
            signal_send_self(SIGSTOP);
    }
    if (wanted & WANT_STEP)
        tell_signal(t, SIGTRAP, TRAP_TRACE, t->pc);
}

/* A call that is to be made again looks to the tracer as in the kernel: it returns with ERESTARTSYS. */
static void tell_restart(Task *t, u64 behind)
{
    enum : i64 { ERESTARTSYS_ = 512 };
    u8 *at = t->state + t->abi->off_ret;
    const u64 shown = (u64)-ERESTARTSYS_;
    u64 again = t->pc, result, now;
    memcpy(&result, at, sizeof result);
    memcpy(at, &shown, sizeof shown);
    t->pc = behind;
    tell_call(t, STOP_RETURN);
    memcpy(&now, at, sizeof now);
    if (now == shown)
        memcpy(at, &result, sizeof result);
    if (t->pc == behind)
        t->pc = again;
}

void ptrace_syscall(Task *t)
{
    enum { LONGEST = 8 }; /* bytes of a system call instruction, or more */
    u64 behind = t->pc;
    if (tells_calls(t))
        tell_call(t, STOP_ENTRY);
    t->guest->debug->leave(t); /* for what the kernel stops it for */
    linux_syscall(t);
    t->guest->debug->enter(t);
    if (!tells_calls(t))
        return;
    if (t->pc < behind && behind - t->pc <= LONGEST)
        tell_restart(t, behind);
    else
        tell_call(t, STOP_RETURN);
}

void ptrace_stepped(Task *t)
{
    if (t->ptrace.mode == TRACE_STEPS && t->ptrace.stops == t->ptrace.begun && !(t->ptrace.wanted & WANT_STEP))
        tell_signal(t, SIGTRAP, TRAP_TRACE, t->pc);
}

/* -- children and programs ----------------------------------------------------------------------------------------- */

bool ptrace_follows(const Task *t, const CloneArgs *a)
{
    u32 event = a->flags & CLONE_VFORK      ? PTRACE_O_TRACEVFORK
                : a->exit_signal != SIGCHLD ? PTRACE_O_TRACECLONE
                                            : PTRACE_O_TRACEFORK;
    return t->ptrace.on && !(a->flags & CLONE_UNTRACED) && (a->flags & CLONE_PTRACE || t->ptrace.options & event);
}

void ptrace_born(Task *child, const Ptrace *parent)
{
    child->ptrace = (Ptrace){0};
    if (!parent)
        return;
    child->ptrace.options = parent->options;
    child->ptrace.seized = parent->seized;
    child->ptrace.wanted = parent->seized ? WANT_EVENT : WANT_STOP;
    child->ptrace.on = 1;
    atomic_store(&child->attention, ATTENTION);
}

void ptrace_executed(Task *t, const Ptrace *before)
{
    if (!before->on)
        return;
    t->ptrace = *before;
    t->ptrace.wanted = WANT_EXEC;
    atomic_store(&t->attention, ATTENTION);
}

i64 ptrace_me(Task *t)
{
    i64 error = raw_syscall(__NR_ptrace, PTRACE_TRACEME, 0, 0, 0, 0, 0);
    if (error)
        return error;
    t->ptrace = (Ptrace){.on = 1};
    begin(t);
    return 0;
}
