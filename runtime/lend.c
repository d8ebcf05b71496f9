/* What a child that shares memory does under the translator's locks.
 *
 * Its parent's thread, or the host thread that stands for it, waits for its end, and meanwhile the child has that thread's storage. So
 * the two can change places: the child saves where it is and waits, and the other thread goes on from there, on the child's stack, with
 * the same thread-local variables; at the end they change again. If the child is killed meanwhile the work is done to its end, and if
 * it is stopped nobody waits for it. Where it is when it is killed outside it has nothing of anybody's.
 *
 * A child of such a child has the same lender; its own parent waits and does nothing. If the lender itself is killed, with all of its
 * process, the child goes on alone. */
#include "lend.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../include/host.h"
#include "linux/linux.h"
#include "sent.h"

#define EVERY (~(u64)0) /* signal */

enum { GONE, RUNS, POKED }; /* *Lender.runs */
enum { MINE, ASKED, LENT }; /* Lender.state: whose turn it is */

struct Lender {
    _Atomic u32 *runs;   /* futex: what the lender waits on */
    _Atomic u32 state;   /* futex: what the child waits on */
    u32 depth;           /* of sections, while the child is moved or about to be */
    u32 paused;
    bool lost;           /* the lender has been killed */
    bool seen;           /* it could be seen when the child started */
    i32 pid, tid;        /* the lender's */
    i32 child, ppid;     /* the first child, and its parent as it sees it */
    u64 mask;            /* the child's signals */
    Borrower *inner;
    void *code, *lender; /* where they are left (stack_switch) */
    u8 stack[16 << 10];  /* where the child waits */
};

static_assert(sizeof(Lender) <= LENDER_ROOM, "a child's stack begins behind it");

__thread Task *self;

static void futex_wait(_Atomic u32 *word, u32 value, u64 ns)
{
    const struct timespec time = {.tv_nsec = (long)ns};
    raw_syscall(SYS_futex, (u64)word, FUTEX_WAIT, value, ns ? (u64)&time : 0, 0, 0);
}

static void futex_wake(_Atomic u32 *word)
{
    raw_syscall(SYS_futex, (u64)word, FUTEX_WAKE, 1, 0, 0, 0);
}

Lender *lend_init(void *room, _Atomic u32 *runs)
{
    Lender *l = room;
    l->runs = runs;
    l->pid = getpid();
    l->tid = gettid();
    return l;
}

static bool lender_exists(const Lender *l)
{
    return raw_syscall(SYS_tgkill, (u64)l->pid, (u64)l->tid, 0, 0, 0, 0) != -ESRCH;
}

void lend_start(Lender *l)
{
    if (!l->child) {
        l->child = getpid();
        l->ppid = getppid();
        l->seen = lender_exists(l);
    }
    self->lender = l;
}

/* -- the lender's side ------------------------------------------------------------------------------------------------------- */

void lend_push(Lender *l, Borrower *b)
{
    b->outer = l->inner;
    l->inner = b;
}

Borrower *lend_pop(Lender *l)
{
    Borrower *b = l->inner;
    if (b)
        l->inner = b->outer;
    return b;
}

/* The first child may have been killed while it waited for others. */
static bool others_run(const Lender *l)
{
    for (Borrower *b = l->inner; b; b = b->outer)
        if (atomic_load(&b->runs))
            return true;
    return false;
}

void lend_until_gone(Lender *l)
{
    enum { POLL = 1000000 }; /* ns: nobody tells of the others' requests then */
    for (;;) {
        u32 asked = ASKED;
        if (atomic_compare_exchange_strong(&l->state, &asked, LENT)) {
            stack_switch(&l->lender, l->code);
            atomic_store(&l->state, MINE);
            futex_wake(&l->state);
        }
        u32 runs = POKED;
        if (atomic_compare_exchange_strong(l->runs, &runs, RUNS))
            continue;
        if (runs != GONE)
            futex_wait(l->runs, runs, 0);
        else if (others_run(l))
            futex_wait(l->runs, runs, POLL);
        else if (atomic_load(&l->state) != ASKED)
            break;
    }
}

/* -- the child's side -------------------------------------------------------------------------------------------------------- */

static bool lender_is_gone(const Lender *l)
{
    return (l->child == getpid() && l->ppid != getppid()) || (l->seen && !lender_exists(l));
}

static void wait_for_lender(Lender *l)
{
    enum { LOOK = 100000000 }; /* ns */
    u32 state;
    while ((state = atomic_load(&l->state)) != MINE) {
        futex_wait(&l->state, state, LOOK);
        if (atomic_load(&l->state) == MINE || !lender_is_gone(l))
            continue;
        if (!atomic_compare_exchange_strong(&l->state, &(u32){ASKED}, MINE)) /* in the midst of what it did for this process */
            raw_syscall(SYS_kill, (u64)getpid(), SIGKILL, 0, 0, 0, 0);
        l->lost = true;
    }
}

/* On a stack of its own. */
static void ask(void)
{
    Lender *l = self->lender;
    u32 runs = RUNS;
    atomic_store(&l->state, ASKED);
    if (atomic_compare_exchange_strong(l->runs, &runs, POKED))
        futex_wake(l->runs);
    wait_for_lender(l);
    void *left;
    stack_switch(&left, l->code);
}

void lend_until_alone(Lender *l, Borrower *b)
{
    while (atomic_load(&b->runs))
        futex_wait(&b->runs, RUNS, 0);
    wait_for_lender(l);
    l->depth = l->paused = 0; /* it may have been killed when it was about to ask */
    lend_pop(l);
}

static u64 set_mask(u64 mask)
{
    u64 old = 0;
    raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (u64)&mask, (u64)&old, sizeof mask, 0, 0);
    return old;
}

void lend_move(Lender *l)
{
    if (l->paused || (l->lost && !l->depth))
        return;
    if (l->depth++)
        return;
    l->mask = set_mask(EVERY);
    stack_switch(&l->code, stack_begin(l->stack, sizeof l->stack, ask));
    set_mask(EVERY & ~OURS);
}

void lend_return(Lender *l)
{
    if (l->paused || (l->lost && !l->depth))
        return;
    if (--l->depth)
        return;
    set_mask(EVERY);
    if (!l->lost)
        stack_switch(&l->code, l->lender);
    set_mask(l->mask);
}

void lend_pause(void)
{
    if (self && unlikely(self->lender) && !self->lender->depth)
        self->lender->paused++;
}

void lend_resume(void)
{
    if (self && unlikely(self->lender) && !self->lender->depth)
        self->lender->paused--;
}
