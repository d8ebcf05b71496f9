/* Signals that somebody has sent: marks and held signals.
 *
 * A signal is a fault if the kernel says so in si_code, and is known not to have been sent with that code: what is sent carries a mark,
 * and a fault fits to where the host was.
 *
 * SIGSEGV and SIGBUS can't be blocked on the host, where they are our faults. If they have been sent and the guest blocks them, they are
 * held here, for the thread or the process, as the kernel would keep them pending. A thread's own go back to the kernel for the time of
 * system calls that may wait for them (sigtimedwait, signalfd) or take them along (exec).
 *
 * What is held for the process is there once, whereas any of its threads may get it. It stays here; the kernel gets marked copies, which
 * mean no more than "look here": one for the thread that enters a system call, and one for each other thread when the signal comes, since
 * it may be in a system call or about to enter one. Whoever gets a copy takes the signal itself out, under the lock; if somebody has been
 * quicker, the copy is nothing. So the signal is neither lost nor got twice, whatever becomes of the copies: one may come late, or be one
 * with another in a queue. */
#include "sent.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "linux/linux.h"
#include "signal.h"

/* -- marks -------------------------------------------------------------------------------------------------------- */

static Mark mark_of(const siginfo_t *info)
{
    int kind = info->si_errno >> 16;
    return kind >= MARK_SENT && kind <= MARK_TO_THREAD ? (Mark)kind : MARK_NONE;
}

static bool keeps_code(Mark kind)
{
    return kind == MARK_SENT || kind == MARK_TO_THREAD;
}

static void mark(siginfo_t *info, Mark kind)
{
    info->si_errno = (int)kind << 16 | ((keeps_code(kind) ? info->si_errno : info->si_code) & 0xffff);
    if (!keeps_code(kind))
        info->si_code = SI_QUEUE;
}

Mark sent_unmark(siginfo_t *info)
{
    Mark kind = mark_of(info);
    i16 lower = (i16)info->si_errno;
    if (kind == MARK_NONE)
        return kind;
    info->si_errno = keeps_code(kind) ? lower : 0;
    if (!keeps_code(kind))
        info->si_code = lower;
    return kind;
}

void sent_mark(int signo, siginfo_t *info)
{
    bool fault = signo > 0 && signo <= SIGNALS && (SYNCHRONOUS & BIT(signo)) && info->si_code > 0;
    if (fault || mark_of(info))
        mark(info, MARK_SENT);
}

/* Does the kernel have it for the process, by what si_code says? */
static bool is_for_process(const siginfo_t *info)
{
    return info->si_code <= 0 && info->si_code != SI_TKILL;
}

void sent_mark_to_thread(int signo, siginfo_t *info)
{
    if (signo > 0 && signo <= SIGNALS && (OURS & BIT(signo)) && is_for_process(info) && !mark_of(info))
        mark(info, MARK_TO_THREAD);
}

/* The kernel also gives a positive code to what comes of a child's end (clone's exit signal) or of a file (F_SETSIG). These know
 * nothing of where the host was: of a page fault the processor has told the address, any other fault is at the instruction. */
bool sent_is_fault(const siginfo_t *info, const ucontext_t *uc)
{
    enum { PAGE_FAULT = 14 };
    const greg_t *regs = uc->uc_mcontext.gregs;
    if (!(SYNCHRONOUS & BIT(info->si_signo)) || info->si_code <= 0 || info->si_errno)
        return false;
    if (info->si_code == SI_KERNEL || (info->si_signo == SIGBUS && info->si_code == BUS_ADRALN && !info->si_addr))
        return true;
    if (info->si_signo == SIGSEGV || info->si_signo == SIGBUS)
        return regs[REG_TRAPNO] == PAGE_FAULT && regs[REG_CR2] == (greg_t)info->si_addr;
    return regs[REG_RIP] == (greg_t)info->si_addr;
}

void sent_requeue(const siginfo_t *info)
{
    siginfo_t sent = *info;
    sent_mark(sent.si_signo, &sent);
    sent_mark_to_thread(sent.si_signo, &sent);
    raw_syscall(SYS_rt_tgsigqueueinfo, (u64)getpid(), (u64)gettid(), (u64)sent.si_signo, (u64)&sent, 0, 0);
}

void sent_pass_on(const siginfo_t *info)
{
    siginfo_t sent = *info;
    if (sent_means_nothing(sent_unmark(&sent)))
        return;
    mark(&sent, MARK_RESENT);
    raw_syscall(SYS_rt_sigqueueinfo, (u64)getpid(), (u64)sent.si_signo, (u64)&sent, 0, 0, 0);
}

siginfo_t sent_kicking(void)
{
    siginfo_t info = {.si_signo = SIGSEGV};
    mark(&info, MARK_COPY);
    return info;
}

void sent_kick(i32 pid, i32 tid)
{
    siginfo_t info = sent_kicking();
    raw_syscall(SYS_rt_tgsigqueueinfo, (u64)pid, (u64)tid, SIGSEGV, (u64)&info, 0, 0);
}

void sent_report(const void *task)
{
    siginfo_t info = {.si_signo = SIGSEGV, .si_ptr = (void *)task};
    mark(&info, MARK_REPORT);
    raw_syscall(SYS_rt_tgsigqueueinfo, (u64)getpid(), (u64)gettid(), SIGSEGV, (u64)&info, 0, 0);
}

bool sent_is_report(const siginfo_t *info, u64 *task)
{
    *task = (u64)info->si_ptr;
    return info->si_signo == SIGSEGV && mark_of(info) == MARK_REPORT;
}

/* -- held signals ------------------------------------------------------------------------------------------------- */

static const int signals[] = {SIGBUS, SIGSEGV}; /* the lower one is the first to be taken */

static u32 held_bit(int signo)
{
    return signo == SIGSEGV ? 2 : 1;
}

static void lock(ProcessHeld *p)
{
    while (atomic_flag_test_and_set_explicit(&p->lock, memory_order_acquire))
        raw_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

static void unlock(ProcessHeld *p)
{
    atomic_flag_clear_explicit(&p->lock, memory_order_release);
}

u64 held_signals(const ThreadHeld *h)
{
    u32 set = h->held.set | h->process->held.set;
    return (set & 1 ? BIT(SIGBUS) : 0) | (set & 2 ? BIT(SIGSEGV) : 0);
}

ProcessHeld *held_new(void)
{
    ProcessHeld *p = calloc(1, sizeof *p);
    if (p)
        p->users = 1;
    return p;
}

ProcessHeld *held_share(ProcessHeld *p)
{
    atomic_fetch_add(&p->users, 1);
    return p;
}

void held_free(ProcessHeld *p)
{
    if (atomic_fetch_sub(&p->users, 1) == 1)
        free(p);
}

static void keep(ThreadHeld *h, const siginfo_t *info, Mark mark)
{
    ProcessHeld *p = h->process;
    u32 bit = held_bit(info->si_signo);
    Held *to = is_for_process(info) && mark != MARK_TO_THREAD ? &p->held : &h->held;
    if (!(to->set & bit)) {
        to->info[bit >> 1] = *info;
        to->set |= bit;
        if (to == &p->held)
            p->offered = false;
    }
}

void held_keep(ThreadHeld *h, const siginfo_t *info, Mark mark)
{
    lock(h->process);
    keep(h, info, mark);
    unlock(h->process);
}

static bool take_from(Held *h, u64 set, siginfo_t *info)
{
    for (size_t i = 0; i < LEN(signals); i++) {
        if ((h->set & 1u << i) && (set & BIT(signals[i]))) {
            *info = h->info[i];
            h->set &= ~(1u << i);
            return true;
        }
    }
    return false;
}

bool held_take(ThreadHeld *h, u64 set, siginfo_t *info)
{
    lock(h->process);
    bool taken = take_from(&h->held, set, info) || take_from(&h->process->held, set, info);
    unlock(h->process);
    return taken;
}

static void send_copy(ThreadHeld *to, i32 tid, const siginfo_t *info)
{
    siginfo_t copy = *info;
    mark(&copy, MARK_COPY);
    to->copies = true;
    raw_syscall(SYS_rt_tgsigqueueinfo, (u64)getpid(), (u64)tid, (u64)copy.si_signo, (u64)&copy, 0, 0);
}

bool held_unoffered(const ThreadHeld *h)
{
    return unlikely(h->process->held.set) && !h->process->offered;
}

void held_offer(const Task *t, ThreadHeld *h)
{
    ProcessHeld *p = h->process;
    if (t->vfork_child) /* it has no other threads; these tasks are its parent's */
        return;
    shared_lock(&t->process->lock);
    lock(p);
    for (const Task *other = p->offered ? NULL : t->process->tasks; other; other = other->next_task) {
        ThreadHeld *to = other == t || other->vfork_child || !other->tid ? NULL : signal_held_by(other);
        for (size_t i = 0; to && i < LEN(signals); i++)
            if (p->held.set & 1u << i)
                send_copy(to, other->tid, &p->held.info[i]);
    }
    p->offered = true;
    unlock(p);
    shared_unlock(&t->process->lock);
}

/* Empties the kernel's queue of them. True if there was anything. */
static bool drain(ThreadHeld *h)
{
    const u64 set = OURS;
    const struct timespec now = {0, 0};
    siginfo_t info;
    bool any = false;
    while (raw_syscall(SYS_rt_sigtimedwait, (u64)&set, (u64)&info, (u64)&now, sizeof set, 0, 0) > 0) {
        Mark mark = sent_unmark(&info);
        if (!sent_means_nothing(mark))
            keep(h, &info, mark);
        any = true;
    }
    h->copies = false;
    return any;
}

bool held_settle(ThreadHeld *h)
{
    lock(h->process);
    bool any = drain(h);
    unlock(h->process);
    return any;
}

void held_give(ThreadHeld *h)
{
    siginfo_t info;
    lock(h->process);
    drain(h);
    while (take_from(&h->held, OURS, &info) || take_from(&h->process->held, OURS, &info))
        sent_requeue(&info);
    unlock(h->process);
}

void held_lend(ThreadHeld *h)
{
    ProcessHeld *p = h->process;
    siginfo_t info;
    u32 own = h->held.set;
    while (take_from(&h->held, OURS, &info))
        sent_requeue(&info);
    lock(p);
    for (size_t i = 0; i < LEN(signals); i++)
        if (p->held.set & ~own & 1u << i) /* two of a kind would be one for the kernel */
            send_copy(h, gettid(), &p->held.info[i]);
    unlock(p);
}

void held_forget(ThreadHeld *h)
{
    h->process->users = 1;
    atomic_flag_clear(&h->process->lock);
    h->process->held.set = h->held.set = 0;
    h->copies = false;
}
