/* Guest signals: see signal.h for the scheme. The rules are kernel/signal.c's; where the kernel does the work by
 * itself (blocked and ignored signals, default actions, job control), the host's kernel is left to do it.
 *
 * A thread has at most one asynchronous signal noted and undelivered: its handler leaves the host thread with every
 * other one blocked until signal_deliver. The exceptions are SIGSEGV and SIGBUS, which can't be blocked on the host:
 * see sent.c. */
#include "signal.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "cache.h"
#include "coredump.h"
#include "crash.h"
#include "gdb/debug.h"
#include "host/x86_64/operand.h"
#include "linux/linux.h"
#include "sent.h"
#include "tier.h"

#define ALL_SIGNALS (~(u64)0)
#define UNBLOCKABLE (BIT(SIGKILL) | BIT(SIGSTOP))
/* Come to us even under the default action: the report comes first. */
#define REPORTED (SYNCHRONOUS | BIT(SIGABRT) | BIT(SIGSYS))
#define DEFAULT_IGNORED (BIT(SIGCHLD) | BIT(SIGCONT) | BIT(SIGURG) | BIT(SIGWINCH))
#define STOPPING (BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU))
#define HANDLER_DFL 0
#define HANDLER_IGN 1
#define HOST_RESTORER 0x04000000
#define AUTODISARM ((i32)0x80000000)
enum { HOST_STACK = 32 << 10 };

/* The guest's handlers: shared by the threads of a process. */
typedef struct Actions {
    pthread_mutex_t lock;
    _Atomic u32 users;
    u64 reported;          /* signals that come to us even under the default action: REPORTED, and those that leave a core */
    GuestAction of[SIGNALS + 1];
} Actions;

typedef struct SignalState {
    volatile u32 news;     /* the handler has been here since the last system call began: it isn't waited in */
    volatile u32 pending;  /* a signal is noted in `info` */
    siginfo_t info;
    u64 mask;              /* the guest's blocked signals */
    u64 saved_mask;        /* while `suspended`: the mask from before ppoll, sigsuspend, ... */
    bool suspended;
    bool returned;         /* the system call under way is rt_sigreturn: its result is no result */
    u32 fault_error;       /* FAULT_* of the fault that is to be delivered next */
    const Block *fault_block;    /* not NULL: the thread is on its way to the trap of this region's */
    const FaultSite *fault_site; /* access */
    bool dies_apart;       /* see die_apart */
    bool copies;           /* the last system call may have got copies of what is held for the process */
    ThreadHeld held;
    GuestStack alt;
    Actions *actions;
    u8 host_stack[];       /* HOST_STACK and what the host's CPU adds to its frames */
} SignalState;

/* struct sigaction of the host's kernel */
typedef struct HostAction {
    void (*handler)(int, siginfo_t *, void *);
    u64 flags;
    void (*restorer)(void);
    u64 mask;
} HostAction;

/* -- the host's side ---------------------------------------------------------------------------------------------- */

void signal_return_stub(void);
i64 host_syscall_asm(const volatile u32 *news, long nr, const u64 args[6]);
extern const char host_syscall_begin[], host_syscall_insn[], host_syscall_before[], host_syscall_during[];

/* A signal that comes between host_syscall_begin and the system call makes it not happen; one that comes while it
 * waits finds rip on the instruction again, where the kernel puts it to restart the call (handlers have SA_RESTART). */
__asm__(".text\n"
        ".globl signal_return_stub, host_syscall_asm, host_syscall_begin, host_syscall_insn\n"
        ".globl host_syscall_before, host_syscall_during\n"
        "signal_return_stub:\n"
        "    mov $15, %eax\n" /* rt_sigreturn */
        "    syscall\n"
        "host_syscall_asm:\n"
        "    mov %rdi, %r11\n"
        "    mov %rsi, %rax\n"
        "    mov %rdx, %rcx\n"
        "    mov (%rcx), %rdi\n"
        "    mov 8(%rcx), %rsi\n"
        "    mov 16(%rcx), %rdx\n"
        "    mov 24(%rcx), %r10\n"
        "    mov 32(%rcx), %r8\n"
        "    mov 40(%rcx), %r9\n"
        "host_syscall_begin:\n"
        "    cmpl $0, (%r11)\n"
        "    jne host_syscall_before\n"
        "host_syscall_insn:\n"
        "    syscall\n"
        "    ret\n"
        "host_syscall_before:\n"
        "    mov $-513, %rax\n"
        "    ret\n"
        "host_syscall_during:\n"
        "    mov $-512, %rax\n"
        "    ret\n");
/* A program that ends by the signal whose number is its argc: see die_apart. */
extern const char dying_begin[], dying_end[];
__asm__(".section .rodata\n"
        "dying_begin:\n"
        "    mov (%rsp), %ebx\n"
        "    xor %eax, %eax\n"
        "    push %rax\n    push %rax\n    push %rax\n    push %rax\n"
        "    mov %ebx, %edi\n"
        "    mov %rsp, %rsi\n"
        "    xor %edx, %edx\n"
        "    mov $8, %r10d\n"
        "    mov $13, %eax\n" /* rt_sigaction: the default */
        "    syscall\n"
        "    mov $2, %edi\n"
        "    mov $14, %eax\n" /* rt_sigprocmask: none blocked */
        "    syscall\n"
        "    mov $39, %eax\n" /* getpid */
        "    syscall\n"
        "    mov %eax, %edi\n"
        "    mov %ebx, %esi\n"
        "    mov $62, %eax\n" /* kill */
        "    syscall\n"
        "    lea 128(%rbx), %edi\n"
        "    mov $231, %eax\n" /* exit_group */
        "    syscall\n"
        "dying_end:\n"
        ".text\n");
static_assert(SYS_rt_sigreturn == 15 && RESTART_NOINTR == 513 && RESTART_SYS == 512 && ERESTARTSYS == 512,
              "host_syscall_asm");

static u64 host_set_mask(u64 mask)
{
    u64 old = 0;
    raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (u64)&mask, (u64)&old, sizeof mask, 0, 0);
    return old;
}

static i64 host_get_action(int signo, HostAction *out)
{
    return raw_syscall(SYS_rt_sigaction, (u64)signo, 0, (u64)out, 8, 0, 0);
}

static void host_action(int signo, void (*handler)(int, siginfo_t *, void *), u64 flags)
{
    HostAction a = {
        .handler = handler,
        .flags = flags | HOST_RESTORER,
        .restorer = signal_return_stub,
        .mask = ALL_SIGNALS,
    };
    raw_syscall(SYS_rt_sigaction, (u64)signo, (u64)&a, 0, 8, 0, 0);
}

static void on_signal(int signo, siginfo_t *info, void *context);

/* Gives the host the disposition that fits the guest's. */
static void host_follow(u64 reporting, int signo, const GuestAction *a)
{
    u64 kept = a->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
    if (OURS & BIT(signo))
        return;
    bool reported = (reporting & BIT(signo)) || the_process->debug || the_process->ptraced;
    if ((a->handler == HANDLER_DFL && !reported) || a->handler == HANDLER_IGN)
        host_action(signo, (void (*)(int, siginfo_t *, void *))a->handler, kept);
    else
        host_action(signo, on_signal, kept | SA_SIGINFO | SA_ONSTACK | SA_RESTART);
}

static void host_install_ours(const Actions *a)
{
    for (int signo = 1; signo <= SIGNALS; signo++)
        if ((OURS & BIT(signo)) || ((a->reported & BIT(signo)) && a->of[signo].handler != HANDLER_IGN))
            host_action(signo, on_signal, SA_SIGINFO | SA_ONSTACK | SA_RESTART);
}

static void follow_all(const Actions *a)
{
    for (int signo = 1; signo <= SIGNALS; signo++)
        if (!(UNBLOCKABLE & BIT(signo)))
            host_follow(a->reported, signo, &a->of[signo]);
}

void signal_under_debugger(Task *t)
{
    follow_all(t->signals->actions);
}

void signal_report(Task *t)
{
    u64 mask = host_set_mask(ALL_SIGNALS & ~OURS);
    sent_report(t);
    host_set_mask(mask);
}

void signal_send_self(int signo)
{
    raw_syscall(SYS_tgkill, (u64)getpid(), (u64)gettid(), (u64)signo, 0, 0, 0);
}

void siginfo_as_is(void *out, const siginfo_t *info)
{
    memcpy(out, info, sizeof *info);
}

void signal_block_all(void)
{
    host_set_mask(ALL_SIGNALS);
}

void signal_admit_faults(void)
{
    host_set_mask(ALL_SIGNALS & ~OURS);
}

void signal_unblock(const Task *t)
{
    host_set_mask((t->signals->pending ? ALL_SIGNALS : t->signals->mask) & ~OURS);
}

/* -- system calls ------------------------------------------------------------------------------------------------- */

u64 signal_held(const Task *t)
{
    return held_signals(&t->signals->held);
}

ThreadHeld *signal_held_by(const Task *t)
{
    return t->signals ? &t->signals->held : NULL;
}

static bool settle(Task *t)
{
    bool any = held_settle(&t->signals->held);
    if (any)
        atomic_store(&t->attention, ATTENTION);
    return any;
}

/* A system call while signals are held that the guest blocks. If there are others, or new ones, which the process's other threads must be
 * told of before this one waits, they come first. */
static i64 lending_syscall(Task *t, long nr, const u64 args[6])
{
    SignalState *s = t->signals;
    signal_block_all();
    bool found = settle(t), delivers = signal_held(t) & ~s->mask;
    if (found || delivers) {
        s->news = 1;
        atomic_store(&t->attention, ATTENTION);
        signal_unblock(t);
        return s->suspended && delivers ? -EINTR : -RESTART_NOINTR;
    }
    held_lend(&s->held);
    host_set_mask(s->mask);
    i64 result = host_syscall_asm(&s->news, nr, args);
    signal_block_all();
    settle(t);
    s->copies = true;
    signal_unblock(t);
    return result;
}

/* May it take a signal that is blocked, or wait for one? */
static bool looks_for_signals(long nr)
{
    switch (nr) {
    case SYS_rt_sigtimedwait:
    case SYS_rt_sigsuspend:
    case SYS_read:
    case SYS_readv:
    case SYS_pread64:
    case SYS_preadv:
    case SYS_preadv2:
    case SYS_ppoll:
    case SYS_pselect6:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_io_submit:
    case SYS_io_pgetevents: return true;
    default: return false;
    }
}

i64 host_syscall(Task *t, long nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
    const u64 args[6] = {a, b, c, d, e, f};
    SignalState *s = t->signals;
    s->news = 0;
    s->copies = false;
    if (unlikely(s->pending))
        return -RESTART_NOINTR;
    if (unlikely(signal_held(t)) && looks_for_signals(nr))
        return lending_syscall(t, nr, args);
    i64 result = host_syscall_asm(&s->news, nr, args);
    if (unlikely(s->held.copies)) {
        signal_block_all();
        settle(t);
        s->copies = true;
        signal_unblock(t);
    }
    return result;
}

/* The host's mask, unless a signal has to be delivered first. */
static i64 host_change_mask(Task *t, u64 mask)
{
    u64 host = mask & ~OURS;
    const u64 args[6] = {SIG_SETMASK, (u64)&host, 0, sizeof host};
    t->signals->news = 0;
    return t->signals->pending ? -RESTART_NOINTR : host_syscall_asm(&t->signals->news, SYS_rt_sigprocmask, args);
}

/* -- the handlers ------------------------------------------------------------------------------------------------- */

/* Leaves translated code at an access of this block or region, or at the trap that an earlier call had the thread go to. `site` is
 * that of the access, if there is a map of it. Task.exit is set. */
static void leave_at(Task *t, ucontext_t *uc, const Block *b, const FaultSite *site)
{
    SignalState *s = t->signals;
    if (!site) {
        code_leave(t, uc, b && b->tier == TIER_BASELINE);
    } else if (code_recover(t, uc, b->faults, site)) {
        s->fault_block = NULL;
        code_leave(t, uc, b->tier == TIER_BASELINE);
    } else {
        s->fault_block = b;
        s->fault_site = site;
    }
}

/* Where in translated code an access is. */
typedef struct AccessPlace {
    const Block *block;    /* NULL: in none, but a helper or the interpreter */
    const FaultSite *site; /* not NULL: there is a map of it */
    u64 pc;
    bool exact; /* the guest's state can be had */
} AccessPlace;

static AccessPlace place_of(const Task *t, u64 rip)
{
    AccessPlace p = {.pc = t->pc};
    p.block = cache_find_host(t, (const void *)rip, &p.pc);
    p.site = code_site_at(p.block ? p.block->faults : NULL, rip);
    if (p.site)
        p.pc = p.block->faults->pc + kept_away(p.block->faults) + (u64)(i64)p.site->pc;
    p.exact = !p.block || p.block->tier < TIER_LLVM || cache_is_exact();
    return p;
}

/* A fault of the guest's: leave translated code with it. */
static void leave_with_fault(Task *t, const siginfo_t *info, ucontext_t *uc)
{
    SignalState *s = t->signals;
    AccessPlace at = place_of(t, (u64)uc->uc_mcontext.gregs[REG_RIP]);
    bool no_page = info->si_code == SI_KERNEL; /* an address that no page can have; the CPU doesn't say which */
    bool general = no_page && t->guest->general_faults;
    t->fault = (Fault){
        .signo = no_page ? SIGSEGV : info->si_signo, /* SIGBUS if the base was rsp or rbp */
        .code = general ? SI_KERNEL : no_page ? SEGV_MAPERR : info->si_code,
        .addr = general ? 0 : no_page ? operand_address(uc) : (u64)info->si_addr,
        .pc = at.pc,
        .exact = at.exact,
        .tagged = no_page && at.exact,
    };
    s->fault_error = no_page ? 0 : uc->uc_mcontext.gregs[REG_ERR] & (FAULT_PRESENT | FAULT_WRITE);
    t->exit = EXIT_FAULT;
    leave_at(t, uc, at.block, at.site);
}

/* A store to code (mem_written). Where the state is exact it is done over by itself, so that what runs next is translated anew; the
 * rest goes on, and comes to a safepoint soon. */
static void leave_to_write(Task *t, const siginfo_t *info, ucontext_t *uc)
{
    atomic_store_explicit(&t->attention, ATTENTION, memory_order_relaxed);
    if (!t->in_code || t->process->options.check)
        return;
    AccessPlace at = place_of(t, (u64)uc->uc_mcontext.gregs[REG_RIP]);
    if (!at.exact)
        return;
    t->fault = (Fault){.addr = (u64)info->si_addr, .pc = at.pc, .exact = true};
    t->exit = EXIT_ALONE;
    leave_at(t, uc, at.block, at.site);
}

static void on_synchronous(int signo, siginfo_t *info, ucontext_t *uc)
{
    Task *t = self;
    const SignalState *s = t ? t->signals : NULL;
    greg_t *regs = uc->uc_mcontext.gregs;
    if (t && signo == SIGSEGV && info->si_code == SEGV_ACCERR && regs[REG_ERR] & 2 && mem_written(t->process->mem, (u64)info->si_addr)) {
        leave_to_write(t, info, uc);
        return;
    }
    u64 fixup = mem_fixup((u64)regs[REG_RIP]);
    if (fixup)
        regs[REG_RIP] = (greg_t)fixup;
    else if (t && t->in_code && s->fault_block && code_at_trap(s->fault_block->faults, s->fault_site, (u64)regs[REG_RIP]))
        leave_at(t, uc, s->fault_block, s->fault_site);
    else if (t && t->in_code)
        leave_with_fault(t, info, uc);
    else
        crash_ours(t, info, uc);
}

static bool is_ignored(const GuestAction *a, int signo)
{
    /* PID 1 of a namespace isn't hit by signals without a handler. */
    return a->handler == HANDLER_IGN || (a->handler == HANDLER_DFL && ((DEFAULT_IGNORED & BIT(signo)) || getpid() == 1));
}

/* Notes a signal that has been sent, or holds it if the guest blocks it, or forgets it; a copy has done its work by coming. */
static void note(Task *t, const siginfo_t *raw, u64 *mask)
{
    SignalState *s = t->signals;
    siginfo_t info = *raw;
    int signo = info.si_signo;
    Mark mark = sent_unmark(&info);
    bool blocked = s->mask & BIT(signo);
    if (sent_means_nothing(mark) || (!blocked && !t->ptrace.on && is_ignored(&s->actions->of[signo], signo)))
        return;
    if ((OURS & BIT(signo)) && (blocked || s->pending)) {
        held_keep(&s->held, &info, mark);
    } else if (s->pending) { /* noted in the midst of signal_unblock */
        sent_requeue(raw);
        *mask = ALL_SIGNALS & ~OURS;
    } else {
        s->info = info;
        s->pending = 1;
        *mask = ALL_SIGNALS & ~OURS;
    }
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    int error = errno;
    Task *t = self;
    if (sent_is_fault(info, uc)) {
        on_synchronous(signo, info, uc);
        return;
    }
    SignalState *s = t ? t->signals : NULL;
    u64 *mask = (u64 *)&uc->uc_sigmask;
    if (!s) { /* a thread that doesn't take signals: another will */
        *mask = ALL_SIGNALS;
        sent_pass_on(info);
        return;
    }
    note(t, info, mask);
    s->news = 1;
    atomic_store_explicit(&t->attention, ATTENTION, memory_order_relaxed);
    greg_t *rip = &uc->uc_mcontext.gregs[REG_RIP];
    if (*rip >= (greg_t)host_syscall_begin && *rip < (greg_t)host_syscall_insn)
        *rip = (greg_t)host_syscall_before;
    else if (*rip == (greg_t)host_syscall_insn)
        *rip = (greg_t)host_syscall_during;
    errno = error;
}

/* -- threads ------------------------------------------------------------------------------------------------------ */

static size_t state_size(void)
{
    return sizeof(SignalState) + HOST_STACK + getauxval(AT_MINSIGSTKSZ);
}

/* NULL without memory; the other two are the caller's then. */
static SignalState *state_new(Actions *actions, ProcessHeld *held)
{
    SignalState *s =
        mmap(NULL, state_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (s == MAP_FAILED)
        return NULL;
    s->actions = actions;
    s->held.process = held;
    s->alt.flags = SS_DISABLE;
    return s;
}

static u64 reported_signals(void)
{
    return REPORTED | (core_is_wanted() ? core_signals() : 0);
}

static Actions *actions_new(void)
{
    Actions *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    pthread_mutex_init(&a->lock, NULL);
    a->users = 1;
    a->reported = reported_signals();
    return a;
}

static GuestAction action_get(Actions *a, int signo)
{
    pthread_mutex_lock(&a->lock);
    GuestAction action = a->of[signo];
    pthread_mutex_unlock(&a->lock);
    return action;
}

void signal_init(Process *p, Task *t)
{
    Actions *a = actions_new();
    ProcessHeld *held = held_new();
    SignalState *s = a && held ? state_new(a, held) : NULL;
    if (!s)
        out_of_memory("signals");
    for (int signo = 1; signo <= SIGNALS; signo++) {
        HostAction host = {0};
        host_get_action(signo, &host);
        a->of[signo].handler = (u64)host.handler == HANDLER_IGN ? HANDLER_IGN : HANDLER_DFL;
    }
    s->mask = host_set_mask(ALL_SIGNALS) & ~UNBLOCKABLE;
    t->signals = s;
    host_install_ours(a);
    signal_thread_start(t);
}

static void actions_free(Actions *a)
{
    if (atomic_fetch_sub(&a->users, 1) == 1)
        free(a);
}

bool signal_task_init(Task *child, const Task *parent, bool thread, bool share_actions)
{
    const SignalState *from = parent->signals;
    Actions *a = from->actions;
    if (share_actions)
        atomic_fetch_add(&a->users, 1);
    else if ((a = actions_new()))
        memcpy(a->of, from->actions->of, sizeof a->of);
    ProcessHeld *held = thread ? held_share(from->held.process) : held_new();
    SignalState *s = a && held ? state_new(a, held) : NULL;
    if (!s) {
        if (a)
            actions_free(a);
        if (held)
            held_free(held);
        return false;
    }
    s->mask = from->mask;
    child->signals = s;
    return true;
}

/* Does its process share handlers with another one, which goes on when it ends? */
static bool shares_handlers(const Task *t)
{
    return t->vfork_child && t->signals->actions->users > 1;
}

/* Who runs in another process's memory may hold the translator's locks there, and must not end with them: the signals that end it come to
 * us, too, if it has handlers of its own. */
void signal_vfork_start(Task *t)
{
    if (!shares_handlers(t)) {
        t->signals->actions->reported |= ~(DEFAULT_IGNORED | STOPPING | UNBLOCKABLE);
        follow_all(t->signals->actions);
    }
    signal_thread_start(t);
}

void signal_set_dies_apart(Task *child)
{
    child->signals->dies_apart = true;
}

void signal_keep_stack(Task *child, const Task *parent)
{
    child->signals->alt = parent->signals->alt;
}

void signal_thread_start(Task *t)
{
    stack_t stack = {.ss_sp = t->signals->host_stack, .ss_size = state_size() - sizeof(SignalState)};
    raw_syscall(SYS_sigaltstack, (u64)&stack, 0, 0, 0, 0, 0);
    signal_unblock(t);
    if (signal_held(t)) /* it wasn't told of what came before it was a thread */
        atomic_store(&t->attention, ATTENTION);
}

void signal_task_free(Task *t)
{
    SignalState *s = t->signals;
    if (!s)
        return;
    if (held_unoffered(&s->held))
        held_offer(t, &s->held);
    shared_lock(&t->process->lock);
    t->signals = NULL;
    shared_unlock(&t->process->lock);
    actions_free(s->actions);
    held_free(s->held.process);
    munmap(s, state_size());
}

bool signal_thread_end(Task *t)
{
    signal_block_all();
    if (t->signals->pending)
        return false;
    stack_t stack = {.ss_flags = SS_DISABLE};
    raw_syscall(SYS_sigaltstack, (u64)&stack, 0, 0, 0, 0, 0);
    return true;
}

void signal_before_fork(Task *t)
{
    pthread_mutex_lock(&t->signals->actions->lock);
}

void signal_after_fork(Task *t, bool child)
{
    if (child) {
        t->signals->actions->users = 1;
        t->signals->pending = 0; /* the parent's */
        held_forget(&t->signals->held);
        if (t->vfork_child) { /* an ordinary process, whoever made it */
            t->vfork_child = false;
            t->signals->actions->reported = reported_signals();
            follow_all(t->signals->actions);
        }
    }
    pthread_mutex_unlock(&t->signals->actions->lock);
}

bool signal_before_exec(Task *t)
{
    signal_block_all();
    if (t->signals->pending || settle(t) || (signal_held(t) & ~t->signals->mask))
        return false;
    held_give(&t->signals->held);
    for (int signo = 1; signo <= SIGNALS; signo++)
        if (OURS & BIT(signo)) {
            bool ignored = action_get(t->signals->actions, signo).handler == HANDLER_IGN;
            if (ignored || !shares_handlers(t)) /* else the exec makes it the default one, for this process alone */
                host_action(signo, ignored ? (void (*)(int, siginfo_t *, void *))HANDLER_IGN : NULL, 0);
        }
    host_set_mask(t->signals->mask);
    return true;
}

void signal_after_sharer(const Task *child)
{
    host_install_ours(child->signals->actions);
}

void signal_exec_failed(Task *t)
{
    signal_block_all();
    host_install_ours(t->signals->actions);
    signal_unblock(t);
}

void signal_clear_handlers(Task *t)
{
    Actions *a = t->signals->actions;
    for (int signo = 1; signo <= SIGNALS; signo++) {
        if (a->of[signo].handler == HANDLER_IGN)
            continue;
        a->of[signo] = (GuestAction){0};
        host_follow(a->reported, signo, &a->of[signo]);
    }
}

/* -- masks -------------------------------------------------------------------------------------------------------- */

u64 signal_mask(const Task *t)
{
    return t->signals->mask;
}

void signal_set_mask(Task *t, u64 mask)
{
    SignalState *s = t->signals;
    s->mask = mask & ~UNBLOCKABLE;
    host_change_mask(t, mask); /* or, if a signal is noted, when that has been delivered */
    if (signal_held(t))
        atomic_store(&t->attention, ATTENTION);
}

i64 signal_change_mask(Task *t, u64 mask)
{
    i64 error = host_change_mask(t, mask);
    if (!error)
        t->signals->mask = mask & ~UNBLOCKABLE;
    if (signal_held(t))
        atomic_store(&t->attention, ATTENTION);
    return error;
}

u64 signal_suspend(Task *t, u64 mask)
{
    SignalState *s = t->signals;
    s->saved_mask = s->mask;
    s->suspended = true;
    s->mask = mask & ~UNBLOCKABLE;
    return s->mask;
}

static void end_suspension(Task *t)
{
    SignalState *s = t->signals;
    if (!s->suspended)
        return;
    s->suspended = false;
    signal_set_mask(t, s->saved_mask);
}

/* -- the alternate stack ------------------------------------------------------------------------------------------ */

static u64 guest_sp(const Task *t)
{
    u64 sp;
    memcpy(&sp, t->state + t->guest->off_sp, sizeof sp);
    return sp;
}

static bool on_alt_stack(const Task *t, u64 sp)
{
    const GuestStack *alt = &t->signals->alt;
    return !(alt->flags & AUTODISARM) && sp > alt->sp && sp - alt->sp <= alt->size;
}

static i64 set_alt_stack(Task *t, const GuestStack *new)
{
    i32 mode = new->flags & ~AUTODISARM;
    if (on_alt_stack(t, guest_sp(t)))
        return -EPERM;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
        return -EINVAL;
    GuestStack *alt = &t->signals->alt;
    if (mode == SS_DISABLE) {
        *alt = (GuestStack){.flags = new->flags};
        return 0;
    }
    if (new->size < t->abi->min_altstack)
        return -ENOMEM;
    *alt = *new;
    return 0;
}

/* -- delivery ----------------------------------------------------------------------------------------------------- */

/* Has the host's processor raise it. */
static void host_fault(int signo)
{
    switch (signo) {
    case SIGSEGV: __asm__ volatile("mov $0x8000000000000000, %%rax\n\tmovb $0, (%%rax)" : : : "rax", "memory"); break;
    case SIGBUS: /* a misaligned access with EFLAGS.AC */
        __asm__ volatile("sub $128, %%rsp\n\tpushf\n\torl $0x40000, (%%rsp)\n\tpopf\n\tmov 1(%%rsp), %%eax" : : : "rax", "memory");
        break;
    case SIGFPE: __asm__ volatile("xor %%ecx, %%ecx\n\tdiv %%ecx" : : : "rax", "rcx", "rdx"); break;
    case SIGILL: __asm__ volatile("ud2"); break;
    case SIGTRAP: __asm__ volatile("int3"); break;
    default: break;
    }
}

int signal_caught(MemReader *read, void *context, u64 task, u64 *caught)
{
    u64 state, actions;
    GuestAction of[SIGNALS + 1];
    if (read(context, &state, task + offsetof(Task, signals), sizeof state) ||
        read(context, &actions, state + offsetof(SignalState, actions), sizeof actions) ||
        read(context, of, actions + offsetof(Actions, of), sizeof of))
        return -EFAULT;
    *caught = 0;
    for (int signo = 1; signo <= SIGNALS; signo++)
        if (of[signo].handler != HANDLER_DFL && of[signo].handler != HANDLER_IGN)
            *caught |= BIT(signo);
    return 0;
}

/* The default action can't be set where another process has the same handlers: it would meet its faults, too. What shares nothing any
 * more is a program that has just been executed. Returns if it can't be. */
static void die_apart(int signo)
{
    enum : u64 { BASE = 0x10000 };
    const struct {
        Elf64_Ehdr file;
        Elf64_Phdr segment;
    } headers = {
        .file = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                 .e_type = ET_EXEC,
                 .e_machine = EM_X86_64,
                 .e_version = EV_CURRENT,
                 .e_entry = BASE + sizeof headers,
                 .e_phoff = sizeof headers.file,
                 .e_ehsize = sizeof headers.file,
                 .e_phentsize = sizeof headers.segment,
                 .e_phnum = 1},
        .segment = {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = BASE, .p_filesz = 4096, .p_memsz = 4096, .p_align = 4096},
    };
    char *argv[SIGNALS + 2] = {NULL};
    for (int i = 0; i < signo; i++)
        argv[i] = (char *)"";
    i64 fd = raw_syscall(SYS_memfd_create, (u64)"", MFD_CLOEXEC, 0, 0, 0, 0);
    if (fd >= 0 && write((int)fd, &headers, sizeof headers) == sizeof headers &&
        write((int)fd, dying_begin, (size_t)(dying_end - dying_begin)) == dying_end - dying_begin)
        raw_syscall(SYS_execveat, (u64)fd, (u64)"", (u64)argv, (u64)(argv + signo), AT_EMPTY_PATH, 0);
}

_Noreturn void signal_die(int signo)
{
    signal_block_all();
    if (self && self->signals && self->signals->dies_apart && shares_handlers(self))
        die_apart(signo);
    host_action(signo, NULL, 0);
    raw_syscall(SYS_tgkill, (u64)getpid(), (u64)gettid(), (u64)signo, 0, 0, 0);
    host_set_mask(ALL_SIGNALS & ~BIT(signo));
    host_fault(signo); /* PID 1 of a namespace is spared what is sent to it, but not its own faults */
    for (;;)
        raw_syscall(SYS_exit_group, 128 + (u64)signo, 0, 0, 0, 0, 0);
}

/* The end that a signal is whose action is to end the process. */
_Noreturn static void killed(Task *t, const siginfo_t *info)
{
    if (!t->vfork_child)
        tier_save();
    core_dump(t, info);
    if (unlikely(t->debug))
        debug_end(t, W_EXITCODE(0, info->si_signo));
    signal_die(info->si_signo);
}

static void frame_failed(Task *t, const siginfo_t *info);

/* Pushes the frame and sets the handler's mask; all signals are blocked on the host, or this is a synchronous one. */
static void run_handler(Task *t, const GuestAction *action, const siginfo_t *info, GuestSignal *g)
{
    SignalState *s = t->signals;
    u64 sp = guest_sp(t);
    g->signo = info->si_signo;
    memcpy(g->info, info, sizeof g->info);
    g->action = *action;
    g->mask = s->suspended ? s->saved_mask : s->mask;
    g->stack = s->alt;
    g->sp = (action->flags & SA_ONSTACK) && s->alt.size && !on_alt_stack(t, sp) ? s->alt.sp + s->alt.size : sp;
    if (log_on(int))
        log_printf("signal %d to handler 0x%lx at pc 0x%lx\n", g->signo, action->handler, t->pc);
    if (action->flags & SA_RESETHAND) {
        pthread_mutex_lock(&s->actions->lock);
        s->actions->of[g->signo].handler = HANDLER_DFL;
        host_follow(s->actions->reported, g->signo, &s->actions->of[g->signo]);
        pthread_mutex_unlock(&s->actions->lock);
    }
    if (!t->abi->push_frame(t, g)) {
        frame_failed(t, info);
        return;
    }
    if (s->alt.flags & AUTODISARM)
        s->alt = (GuestStack){.flags = SS_DISABLE};
    s->suspended = false;
    s->mask = (s->mask | action->mask | (action->flags & SA_NODEFER ? 0 : BIT(g->signo))) & ~UNBLOCKABLE;
    if (unlikely(t->ptrace.mode == TRACE_STEPS)) { /* the handler's first instruction is where a step ends */
        atomic_fetch_or(&t->ptrace.wanted, WANT_STEP);
        atomic_store(&t->attention, ATTENTION);
    }
}

/* Takes the next signal that may be delivered; all signals are blocked if any is held. */
static bool take(Task *t, siginfo_t *info)
{
    SignalState *s = t->signals;
    if (s->pending) {
        *info = s->info;
        s->pending = 0;
        return true;
    }
    return signal_held(t) && held_take(&s->held, ~s->mask, info);
}

/* Asks whoever debugs the thread about a signal, which may become another one; false if it is to be forgotten. */
static bool passes(Task *t, siginfo_t *info)
{
    if (unlikely(t->debug) && !debug_signal(t, info))
        return false;
    return likely(!t->ptrace.on) || ptrace_signal(t, info);
}

/* What the kernel does by itself when no debugger wants to know of it first. All signals are blocked. */
static void default_action(Task *t, const siginfo_t *info)
{
    int signo = info->si_signo;
    if (!(STOPPING & BIT(signo)))
        killed(t, info);
    host_action(signo, NULL, 0);
    raw_syscall(SYS_tgkill, (u64)getpid(), (u64)gettid(), (u64)signo, 0, 0, 0);
    host_set_mask(ALL_SIGNALS & ~BIT(signo)); /* here it stops, until SIGCONT */
    host_set_mask(ALL_SIGNALS);
    GuestAction now = action_get(t->signals->actions, signo);
    host_follow(t->signals->actions->reported, signo, &now);
}

bool signal_deliver(Task *t)
{
    SignalState *s = t->signals;
    siginfo_t info;
    bool changed = false, blocked;
    for (;;) {
        blocked = !s->pending && signal_held(t);
        if (blocked)
            signal_block_all();
        if (!take(t, &info))
            break;
        if (!passes(t, &info)) {
            signal_unblock(t);
            continue;
        }
        GuestAction action = action_get(s->actions, info.si_signo);
        if (is_ignored(&action, info.si_signo)) {
            /* nothing */
        } else if (action.handler != HANDLER_DFL) {
            GuestSignal g = {0};
            run_handler(t, &action, &info, &g);
            changed = true;
        } else if (s->actions->reported & BIT(info.si_signo)) {
            if (REPORTED & BIT(info.si_signo))
                crash_guest(t, &info);
            killed(t, &info);
        } else if (unlikely(t->debug) || unlikely(t->process->ptraced)) {
            default_action(t, &info);
        } else {
            /* The guest took its handler away meanwhile: the host's disposition is the default one now. */
            sent_requeue(&info);
        }
        signal_unblock(t);
    }
    if (blocked || s->news) { /* a mask may not have been set because of the news */
        s->news = 0;
        signal_unblock(t);
    }
    if (held_unoffered(&s->held)) {
        signal_block_all();
        held_offer(t, &s->held);
        signal_unblock(t);
        if (signal_held(t) & ~s->mask) /* what another thread has kept since take */
            atomic_store(&t->attention, ATTENTION);
    }
    end_suspension(t);
    return changed;
}

/* Runs the handler, or ends the process if there is none or the guest blocks the signal (kernel/signal.c: force_sig). */
static void force(Task *t, const siginfo_t *info, GuestSignal *g)
{
    SignalState *s = t->signals;
    GuestAction action = action_get(s->actions, info->si_signo);
    if (action.handler == HANDLER_DFL || action.handler == HANDLER_IGN || (s->mask & BIT(info->si_signo))) {
        crash_guest(t, info);
        killed(t, info);
    }
    run_handler(t, &action, info, g);
}

/* A frame that there is no room for is a fault itself; its own frame may go to the alternate stack. */
static void frame_failed(Task *t, const siginfo_t *info)
{
    siginfo_t fault;
    GuestSignal g = {0};
    memset(&fault, 0, sizeof fault);
    fault.si_signo = SIGSEGV;
    fault.si_code = SI_KERNEL;
    if (info->si_signo == SIGSEGV) {
        crash_guest(t, info);
        killed(t, info);
    }
    force(t, &fault, &g);
}

void signal_fault(Task *t, int signo, int code, u64 addr)
{
    SignalState *s = t->signals;
    siginfo_t info;
    bool memory = signo == SIGSEGV || signo == SIGBUS;
    GuestSignal g = {.fault = memory, .fault_addr = memory ? addr : 0, .fault_error = s->fault_error};
    memset(&info, 0, sizeof info);
    info.si_signo = signo;
    info.si_code = code;
    info.si_addr = (void *)addr;
    s->fault_error = 0;
    if (log_on(int))
        log_printf("fault: signal %d code %d at pc 0x%lx, address 0x%lx\n", signo, code, t->pc, addr);
    if (passes(t, &info))
        force(t, &info, &g);
    /* Through the stub: if a signal is noted meanwhile, the mask is set after its delivery. */
    signal_set_mask(t, s->mask);
}

void signal_fetch_fault(Task *t, int signo, int code, u64 addr)
{
    t->signals->fault_error = FAULT_FETCH | (code == SEGV_ACCERR ? FAULT_PRESENT : 0);
    signal_fault(t, signo, code, addr);
}

void signal_force(Task *t, const siginfo_t *info)
{
    GuestSignal g = {0};
    siginfo_t copy = *info;
    if (passes(t, &copy))
        force(t, &copy, &g);
    signal_set_mask(t, t->signals->mask);
}

/* The result's register holds what it did before the call: the first argument or, on others, the number. */
static i64 restart(Task *t)
{
    u64 first;
    end_suspension(t);
    t->pc -= t->pc & ~t->guest->code_mask & 1 ? t->abi->syscall_bytes_odd : t->abi->syscall_bytes;
    memcpy(&first, t->state + t->abi->off_ret, sizeof first);
    return (i64)first;
}

i64 signal_syscall_result(Task *t, i64 result)
{
    SignalState *s = t->signals;
    if (s->returned) {
        s->returned = false;
        return result;
    }
    u64 held = signal_held(t) & ~s->mask;
    bool delivers = s->pending || held;
    if (result == -RESTART_NOINTR || (result == -EINTR && s->news && !delivers)) /* interrupted for what the guest doesn't see */
        return restart(t);
    if (result == -RESTART_SYS) {
        GuestAction action = {0};
        if (delivers)
            action = action_get(s->actions, s->pending ? s->info.si_signo : held & BIT(SIGSEGV) ? SIGSEGV : SIGBUS);
        if (action.handler == HANDLER_DFL || action.handler == HANDLER_IGN || (action.flags & SA_RESTART))
            return restart(t);
        return -EINTR;
    }
    if (s->suspended && !(result == -EINTR && delivers))
        end_suspension(t);
    return result;
}

/* -- what runtime/linux/signal.c needs of this state -------------------------------------------------------------- */

i64 signal_action(Task *t, int signo, const GuestAction *new, GuestAction *old)
{
    /* UAPI_SA_FLAGS: the kernel clears others, so that programs can probe them. */
    enum : u64 { KNOWN_FLAGS = 0xdc000c07 };
    Actions *a = t->signals->actions;
    if (signo < 1 || signo > SIGNALS || (new && (UNBLOCKABLE & BIT(signo))))
        return -EINVAL;
    pthread_mutex_lock(&a->lock);
    if (old)
        *old = a->of[signo];
    if (new) {
        a->of[signo] = *new;
        a->of[signo].mask &= ~UNBLOCKABLE;
        a->of[signo].flags &= KNOWN_FLAGS;
        host_follow(a->reported, signo, &a->of[signo]);
    }
    pthread_mutex_unlock(&a->lock);
    if (new && (OURS & BIT(signo)) && new->handler != HANDLER_DFL &&new->handler != HANDLER_IGN)
        cache_require_exact();
    return 0;
}

i64 signal_alt_stack(Task *t, const GuestStack *new, GuestStack *old)
{
    const GuestStack *alt = &t->signals->alt;
    if (old) {
        *old = *alt;
        old->flags = (alt->flags & AUTODISARM) |
            (!alt->size ? SS_DISABLE : on_alt_stack(t, guest_sp(t)) ? SS_ONSTACK : 0);
        old->pad = 0;
    }
    return new ? set_alt_stack(t, new) : 0;
}

bool signal_take_held(Task *t, u64 set, siginfo_t *info)
{
    if (likely(!(signal_held(t) & set)))
        return false;
    signal_block_all();
    bool taken = held_take(&t->signals->held, set, info);
    signal_unblock(t);
    return taken;
}

bool signal_got_copies(const Task *t)
{
    return t->signals->copies;
}

i64 signal_return(Task *t)
{
    SignalState *s = t->signals;
    t->abi->pop_frame(t);
    s->returned = true;
    i64 result;
    memcpy(&result, t->state + t->abi->off_ret, sizeof result);
    return result;
}
