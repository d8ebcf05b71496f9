/* Guest threads are host threads, guest processes host processes.
 *
 * - A thread (CLONE_THREAD) is a pthread, so that the host's C library and LLVM work in it.
 * - A fork is the C library's fork, which keeps its own locks whole, with ours held over it. What fork can't express
 *   (namespaces, shared descriptor tables, other exit signals) is a bare clone.
 * - A child that shares memory while its parent waits (vfork, posix_spawn) is a host process that shares memory
 *   likewise. It runs on a Task and a stack of its own, but on its parent's thread-local storage, which nobody else
 *   uses meanwhile; so it may have a child of this kind, too, but no threads. For the parent's other threads it is one
 *   more task. If the parent doesn't wait, a host thread made for the purpose does so in its place and lends its
 *   storage. */
#include "thread.h"

#include <elf.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache.h"
#include "gdb/debug.h"
#include "lend.h"
#include "linux/linux.h"
#include "mem.h"
#include "signal.h"
#include "tier.h"

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ull
#endif

enum : u64 {
    HOST_STACK = 512 << 10, /* of a thread */
    LLVM_STACK = 8 << 20,   /* where LLVM runs on it, --tier=llvm */
    /* What the C library's fork can do, or what is done around it. */
    FORK_FLAGS = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID | CLONE_PIDFD | CLONE_SETTLS |
        CLONE_DETACHED | CLONE_CLEAR_SIGHAND,
    /* Acted upon here, never handed to the host's clone. */
    OWN_FLAGS = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID | CLONE_SETTLS | CLONE_CLEAR_SIGHAND,
    NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
    /* What every pthread shares. */
    PTHREAD_FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
};

/* -- the end of a thread ------------------------------------------------------------------------------------------ */

/* Where a pthread's start function goes on to return. */
static __thread jmp_buf *thread_end;

static void futex_wake(u64 addr)
{
    raw_syscall(SYS_futex, addr, FUTEX_WAKE, 1, 0, 0, 0);
}

/* Marks one robust futex as its dead owner's, as kernel/futex/core.c's handle_futex_death does. */
static void futex_death(const Task *t, u64 addr, bool pi, bool pending)
{
    u32 word;
    if (addr & 3 || mem_read(&word, addr, sizeof word))
        return;
    if (pending && !pi && !word) {
        futex_wake(addr);
        return;
    }
    int done = 0;
    while (!done && (word & FUTEX_TID_MASK) == (u32)t->tid)
        done = mem_exchange(addr, &word, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
    if (done > 0 && !pi && (word & FUTEX_WAITERS))
        futex_wake(addr);
}

/* struct robust_list_head and, its first word, struct robust_list: words of the guest's. */
typedef struct RobustHead {
    u64 next, offset, pending;
} RobustHead;

static bool read_robust(const Task *t, u64 addr, RobustHead *head, size_t words)
{
    u32 narrow[3] = {0};
    *head = (RobustHead){0};
    if (t->guest->elf_class == ELFCLASS64)
        return !mem_read(head, addr, words * sizeof(u64));
    if (mem_read(narrow, addr, words * sizeof(u32)))
        return false;
    *head = (RobustHead){narrow[0], (u64)(i64)(i32)narrow[1], narrow[2]};
    return true;
}

/* The guest's robust list. The kernel would find it too, but only when the host thread is gone, and by then others
 * may have been told that the guest's is and may have freed its memory. */
static void robust_list_exit(Task *t)
{
    RobustHead head, next;
    if (!t->robust_list || !read_robust(t, t->robust_list, &head, 3))
        return;
    u64 entry = head.next, pending = head.pending & ~(u64)1;
    for (int limit = 2048; limit-- && (entry & ~(u64)1) != t->robust_list;) {
        u64 at = address_accessed(t, entry & ~(u64)1);
        bool more = read_robust(t, at, &next, 1);
        if (at != pending)
            futex_death(t, at + head.offset, entry & 1, false);
        if (!more)
            break;
        entry = next.next;
    }
    if (pending)
        futex_death(t, pending + head.offset, head.pending & 1, true);
    sys_set_robust_list(t, 0, (t->guest->elf_class == ELFCLASS64 ? sizeof(u64) : sizeof(u32)) * 3, 0, 0, 0, 0);
}

/* What others wait for, last of all: the guest's memory may be gone after it. */
static void tell_joiner(Task *t)
{
    u32 zero = 0;
    u64 addr = t->clear_child_tid;
    t->clear_child_tid = 0;
    if (addr && mem_write(addr, &zero, sizeof zero) == 0)
        futex_wake(addr);
}

bool thread_alone(const Task *t)
{
    Process *p = t->process;
    int n = 0;
    if (t->vfork_child)
        return true;
    shared_lock(&p->lock);
    for (const Task *each = p->tasks; each; each = each->next_task)
        n += !each->vfork_child && !each->ended;
    shared_unlock(&p->lock);
    return n == 1;
}

static void print_stats(Process *p)
{
    FILE *f = log_.file ? log_.file : stderr;
    if (likely(!log_.stats))
        return;
    shared_lock(&p->lock);
    for (Task *each = p->tasks; each; each = each->next_task)
        task_count(each);
    fprintf(f, "counters of process %d, %s:\n", getpid(), p->guest_exe);
    log_print_stats(f);
    shared_unlock(&p->lock);
}

_Noreturn static void exit_group(int status)
{
    if (WIFSIGNALED(status))
        signal_die(WTERMSIG(status));
    for (;;)
        raw_syscall(SYS_exit_group, (u64)WEXITSTATUS(status), 0, 0, 0, 0, 0);
}

_Noreturn static void end_process(Process *p, int status)
{
    if (!atomic_exchange(&p->exiting, true)) {
        procfd_tell(p);
        tier_save();
        print_stats(p);
    }
    exit_group(status);
}

i64 thread_exit(Task *t, int status)
{
    Process *p = t->process;
    if (t->vfork_child)
        process_exit(t, status);
    if (!signal_thread_end(t))
        return -RESTART_NOINTR;
    rights_thread_end(t);
    if (unlikely(t->debug) && thread_alone(t))
        debug_end(t, t->tid == getpid() ? status : p->leader_status);
    if (t->tid == getpid())
        p->leader_status = status;
    shared_lock(&p->lock);
    t->ended = true;
    shared_unlock(&p->lock);
    signal_admit_faults();
    robust_list_exit(t);
    tell_joiner(t);
    signal_block_all();
    jmp_buf *end = thread_end;
    self = NULL;
    signal_task_free(t);
    /* Threads of ours may be left, which the kernel would wait for. */
    if (task_free(t))
        end_process(p, p->leader_status);
    if (end)
        longjmp(*end, 1);
    /* The first thread isn't a pthread that could return; its stack stays. */
    for (;;)
        raw_syscall(SYS_exit, 0, 0, 0, 0, 0, 0);
}

void process_print_stats(Task *t)
{
    if (!t->vfork_child)
        print_stats(t->process);
}

_Noreturn void process_exit(Task *t, int status)
{
    if (unlikely(t->debug))
        debug_end(t, status);
    if (t->guest->elf_class != ELFCLASS64) /* the host's kernel doesn't know of the list */
        robust_list_exit(t);
    if (!t->vfork_child)
        end_process(t->process, status);
    tell_joiner(t); /* who shares its memory */
    exit_group(status);
}

/* -- children in general ------------------------------------------------------------------------------------------ */

/* With all signals blocked, as around each clone: the address may be bad. */
static void put_tid(u64 addr, i32 tid)
{
    signal_admit_faults();
    mem_write(addr, &tid, sizeof tid);
    signal_block_all();
}

/* A Task that goes on where t is, with the registers clone asks for. Signals are blocked on the host. NULL without
 * memory. */
static Task *child_new(Task *t, const CloneArgs *a)
{
    Task *child = task_new(t->process);
    if (!child)
        return NULL;
    child->pc = t->pc;
    child->saturated = t->saturated;
    child->rights = t->rights;
    child->tagged_addresses = t->tagged_addresses;
    seccomp_task_init(child, t);
    child->guest = t->guest;
    child->abi = t->abi;
    memcpy(child->state, t->state, sizeof child->state);
    system_inherit_affinity(child, t);
    if (!signal_task_init(child, t, a->flags & CLONE_THREAD, a->flags & CLONE_SIGHAND)) {
        task_free(child);
        return NULL;
    }
    if ((a->flags & (CLONE_SIGHAND | CLONE_THREAD)) == CLONE_SIGHAND && a->exit_signal == SIGCHLD)
        signal_set_dies_apart(child);
    ptrace_born(child, ptrace_follows(t, a) ? &t->ptrace : NULL);
    child->abi->clone_regs(child, a->stack ? a->stack + a->stack_size : 0, a->flags & CLONE_SETTLS, a->tls);
    if (a->flags & CLONE_CHILD_CLEARTID)
        child->clear_child_tid = a->child_tid;
    return child;
}

static void child_free(Task *child)
{
    signal_task_free(child);
    task_free(child);
}

/* -- threads ------------------------------------------------------------------------------------------------------ */

typedef struct Start {
    Task *child;
    const CloneArgs *args;
    _Atomic u32 ready; /* futex: 1 once the child doesn't need this any more */
    i32 tid;
} Start;

static void tell_started(Start *start, i64 tid)
{
    start->tid = (i32)tid;
    atomic_store(&start->ready, 1);
    raw_syscall(SYS_futex, (u64)&start->ready, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
}

static void *thread_main(void *arg)
{
    Start *start = arg;
    Task *t = start->child;
    const CloneArgs *a = start->args;
    jmp_buf end;
    signal_block_all(); /* pthread_create leaves the C library's own signals open */
    self = t;
    t->thread = pthread_self();
    t->tid = (i32)gettid();
    t->abi->enter_thread(t);
    u64 unshared = (PTHREAD_FLAGS & (CLONE_FS | CLONE_FILES) & ~a->flags) | (a->flags & NAMESPACES);
    i64 error = unshared ? raw_syscall(SYS_unshare, unshared, 0, 0, 0, 0, 0) : 0;
    if (error) {
        self = NULL;
        child_free(t);
        tell_started(start, error);
        return NULL;
    }
    if (a->flags & CLONE_PARENT_SETTID)
        put_tid(a->parent_tid, t->tid);
    if (a->flags & CLONE_CHILD_SETTID)
        put_tid(a->child_tid, t->tid);
    tell_started(start, t->tid);
    if (setjmp(end))
        return NULL;
    thread_end = &end;
    signal_thread_start(t);
    if (unshared & NAMESPACES)
        rights_changed(t);
    task_loop(t);
}

/* The C library (2.34 and later) makes threads with clone3, and with clone where that is ENOSYS; but the filters of older containers
 * answer EPERM to calls that they don't know. In a static link this is its clone3. */
int __clone3(void *args, size_t size, int (*f)(void *), void *arg);
int __clone3(void *args, size_t size, int (*f)(void *), void *arg)
{
    errno = ENOSYS;
    return -1;
}

/* The C library's own way to clone, which the linker has come here (--wrap). Its threads share the list of semaphore operations to be
 * undone (CLONE_SYSVSEM), for which the kernel gives the process one: kcmp would tell a guest that has none. */
static __thread bool without_semaphores;
/* A tracer of the guest's, which follows threads, isn't to get the translator's. */
static __thread bool untraced;
int __real___clone_internal(CloneArgs *args, int (*main)(void *), void *arg) __attribute__((weak));
int __wrap___clone_internal(CloneArgs *args, int (*main)(void *), void *arg);

int __wrap___clone_internal(CloneArgs *args, int (*main)(void *), void *arg)
{
    if (without_semaphores)
        args->flags &= ~(u64)CLONE_SYSVSEM;
    if (untraced)
        args->flags |= CLONE_UNTRACED;
    return __real___clone_internal(args, main, arg);
}

/* Its first thread also brings a handler for the signal by which it changes the user in all of them. The guest's C library uses the same
 * one; here nothing does. */
int __real___libc_sigaction(int signo, const struct sigaction *action, struct sigaction *old) __attribute__((weak));
int __wrap___libc_sigaction(int signo, const struct sigaction *action, struct sigaction *old);

int __wrap___libc_sigaction(int signo, const struct sigaction *action, struct sigaction *old)
{
    enum { SIGSETXID = 33 };
    return signo == SIGSETXID ? 0 : __real___libc_sigaction(signo, action, old);
}

int thread_create_own(pthread_t *thread, const pthread_attr_t *attr, void *(*main)(void *), void *arg)
{
    without_semaphores = untraced = true;
    int error = pthread_create(thread, attr, main, arg);
    without_semaphores = untraced = false;
    return error;
}

static size_t host_stack(const Process *p)
{
    return p->options.tier == TIER_LLVM ? LLVM_STACK : HOST_STACK;
}

/* A detached host thread; 0 or an errno. */
static int host_thread(const Process *p, void *(*main)(void *), void *arg)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, host_stack(p));
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attr, main, arg);
    pthread_attr_destroy(&attr);
    without_semaphores = untraced = false;
    return error;
}

static i64 new_thread(Task *t, const CloneArgs *a)
{
    Start start = {.args = a};
    signal_block_all();
    start.child = child_new(t, a);
    without_semaphores = !(a->flags & CLONE_SYSVSEM);
    untraced = a->flags & CLONE_UNTRACED;
    int error = start.child ? host_thread(t->process, thread_main, &start) : ENOMEM;
    if (error && start.child)
        child_free(start.child);
    while (!error && !atomic_load(&start.ready))
        raw_syscall(SYS_futex, (u64)&start.ready, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, 0, 0, 0);
    signal_unblock(t);
    return error ? -error : start.tid;
}

/* -- fork --------------------------------------------------------------------------------------------------------- */

static void before_fork(Task *t)
{
    Process *p = t->process;
    if (unlikely(t->debug))
        debug_before_fork(t);
    procfd_before_fork(p);
    tier_before_fork();
    shared_lock(&p->brk_lock);
    cache_before_fork();
    shared_lock(&p->lock);
    mem_before_fork(p->mem);
    signal_before_fork(t);
}

static void after_fork(Task *t, bool child)
{
    Process *p = t->process;
    signal_after_fork(t, child);
    mem_after_fork(p->mem, child);
    if (child) {
        log_clear_stats();
        log_after_fork();
        memset(t->executed, 0, sizeof t->executed);
        memset(t->reported, 0, sizeof t->reported);
        p->tasks = t;
        p->pid = getpid();
        atomic_store(&t->traced, 0);
        tracer_after_fork(p);
        atomic_store(&p->exiting, false);
        t->next_task = NULL;
        t->tid = (i32)gettid();
        t->thread = pthread_self();
        t->robust_list = 0;
        t->clear_child_tid = 0;
        t->lender = NULL;
    }
    shared_unlock(&p->lock);
    cache_after_fork(child);
    shared_unlock(&p->brk_lock);
    tier_after_fork(child);
    procfd_after_fork(p);
}

/* Whether a child's pidfd can be had afterwards (Linux 5.3). */
static bool has_pidfd_open(void)
{
    i64 fd = raw_syscall(SYS_pidfd_open, (u64)getpid(), 0, 0, 0, 0, 0);
    if (fd >= 0)
        close((int)fd);
    return fd >= 0;
}

/* What the C library's own fork does for its allocator, whose locks another thread may have at that moment; not there if the
 * allocator is another. */
extern __attribute__((weak)) void __malloc_fork_lock_parent(void), __malloc_fork_unlock_parent(void), __malloc_fork_unlock_child(void);

/* A clone that doesn't share memory; *pidfd is set under CLONE_PIDFD. */
static i64 host_fork(const CloneArgs *a, int *pidfd)
{
    u64 flags = a->flags & ~OWN_FLAGS;
    if (!(a->flags & ~FORK_FLAGS) && a->exit_signal == SIGCHLD && !a->set_tid_size &&
        (!(a->flags & CLONE_PIDFD) || has_pidfd_open())) {
        pid_t pid = fork();
        if (pid > 0 && (a->flags & CLONE_PIDFD))
            *pidfd = (int)raw_syscall(SYS_pidfd_open, (u64)pid, 0, 0, 0, 0, 0);
        return pid < 0 ? -errno : pid;
    }
    CloneArgs host = {
        .flags = flags,
        .pidfd = (u64)pidfd,
        .exit_signal = flags & CLONE_PARENT ? 0 : a->exit_signal, /* this process's; clone3 wants none then */
        .set_tid = a->set_tid,
        .set_tid_size = a->set_tid_size,
        .cgroup = a->cgroup,
    };
    if (__malloc_fork_lock_parent)
        __malloc_fork_lock_parent();
    i64 pid = raw_syscall(SYS_clone3, (u64)&host, sizeof host, 0, 0, 0, 0);
    /* Before Linux 5.3, or under a filter that doesn't know the call. */
    if ((pid == -ENOSYS || pid == -EPERM) && !a->set_tid_size && !(flags & CLONE_INTO_CGROUP))
        pid = raw_syscall(SYS_clone, flags | a->exit_signal, 0, (u64)pidfd, 0, 0, 0);
    if (pid == 0 && __malloc_fork_unlock_child)
        __malloc_fork_unlock_child();
    else if (pid != 0 && __malloc_fork_unlock_parent)
        __malloc_fork_unlock_parent();
    return pid;
}

/* May the child have less rights than a thread of this process? */
static bool less_rights(Task *t, const CloneArgs *a)
{
    if (a->flags & NAMESPACES)
        return true;
    return rights_differ(t);
}

static i64 new_process(Task *t, const CloneArgs *a)
{
    int pidfd = -1;
    bool parts = less_rights(t, a);
    const Ptrace traced = t->ptrace, *follows = ptrace_follows(t, a) ? &traced : NULL;
    signal_block_all();
    lend_pause();
    before_fork(t);
    i64 pid = host_fork(a, &pidfd);
    after_fork(t, pid == 0);
    lend_resume();
    if (unlikely(t->debug))
        debug_after_fork(t, pid);
    if (pid == 0) {
        ptrace_born(t, follows);
        t->abi->clone_regs(t, a->stack ? a->stack + a->stack_size : 0, a->flags & CLONE_SETTLS, a->tls);
        t->abi->enter_thread(t);
        if (a->flags & CLONE_CHILD_SETTID)
            put_tid(a->child_tid, t->tid);
        if (a->flags & CLONE_CHILD_CLEARTID)
            t->clear_child_tid = a->child_tid;
        if (a->flags & CLONE_CLEAR_SIGHAND)
            signal_clear_handlers(t);
        if (parts)
            rights_part(t);
    } else if (pid > 0) {
        if (a->flags & CLONE_PARENT_SETTID)
            put_tid(a->parent_tid, (i32)pid);
        if (a->flags & CLONE_PIDFD)
            put_tid(a->pidfd, pidfd);
    }
    signal_unblock(t);
    return pid;
}

/* -- vfork -------------------------------------------------------------------------------------------------------- */

typedef struct Vfork {
    Task *child;
    const CloneArgs *args;
    Start *start; /* of a caller that doesn't wait: tells it that there is a child, which needs `args` no more */
    int pidfd;
    Borrower borrower; /* runs: 0 once the kernel has seen the child execute a program or end */
    Lender *lender;
    void *stack;
    bool shares_handlers;
    bool inner; /* its parent is such a child itself: somebody else is the lender */
} Vfork;

static int vfork_main(void *arg)
{
    Vfork *v = arg;
    Task *t = v->child;
    self = t;
    t->thread = pthread_self();
    t->tid = (i32)gettid();
    if (v->lender)
        lend_start(v->lender);
    t->abi->enter_thread(t);
    if (v->args->flags & CLONE_PARENT_SETTID)
        put_tid(v->args->parent_tid, t->tid);
    if (v->args->flags & CLONE_CHILD_SETTID)
        put_tid(v->args->child_tid, t->tid);
    if (v->args->flags & CLONE_CLEAR_SIGHAND)
        signal_clear_handlers(t);
    if (v->start) {
        if (v->args->flags & CLONE_PIDFD)
            put_tid(v->args->pidfd, v->pidfd);
        tell_started(v->start, t->tid);
    }
    signal_vfork_start(t);
    if (unlikely(t->debug))
        debug_vfork_child(t);
    task_loop(t);
}

/* This thread may use none of the rights that it has been made with, and which its process may give up while it waits: it is a guest's
 * memory that it runs on. Nothing is left to it but to wait, to translate from memory, to find that some isn't there, and to end. */
static void give_up_rights(void)
{
    static const u32 left[] = {SYS_futex,          SYS_munmap,       SYS_mmap,         SYS_mremap,      SYS_mprotect,
                               SYS_madvise,        SYS_brk,          SYS_exit,         SYS_sched_yield, SYS_rt_sigprocmask,
                               SYS_rt_sigaction,   SYS_rt_sigreturn, SYS_memfd_create, SYS_ftruncate,   SYS_close,
                               SYS_write,          SYS_getpid,       SYS_gettid,       SYS_clock_gettime};
    struct sock_filter filter[LEN(left) + 3];
    struct sock_fprog program = {LEN(filter), filter};
    struct sock_filter *at = filter;
    *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (u8 i = 0; i < LEN(left); i++)
        *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, left[i], LEN(left) - i, 0);
    *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    raw_syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
    raw_syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (u64)&program, 0, 0, 0);
}

/* Frees what is left of a child that has executed a program or ended, or that never was. All signals are blocked. */
static void end_vfork(Vfork *v, bool was)
{
    if (was) {
        signal_admit_faults();
        tell_joiner(v->child);
        signal_block_all();
    }
    ptrace_release(v->child);
    if (v->shares_handlers)
        signal_after_sharer(v->child);
    free(v->child->exec_argv);
    child_free(v->child);
    if (v->stack)
        munmap(v->stack, host_stack(the_process));
}

/* Waits until it has executed a program or ended, and what it made of its kind, too, if it has been killed before that. */
static void await_vfork(Vfork *v, Task *parent)
{
    if (v->lender && !v->inner) {
        Borrower *left;
        lend_until_gone(v->lender);
        self = parent;
        while ((left = lend_pop(v->lender)))
            end_vfork(left->what, true);
        return;
    }
    if (v->inner)
        lend_until_alone(v->lender, &v->borrower);
    while (atomic_load(&v->borrower.runs))
        raw_syscall(SYS_futex, (u64)&v->borrower.runs, FUTEX_WAIT, 1, 0, 0, 0);
    self = parent;
}

/* Who does for the child what needs locks; NULL if nobody does. A debugger's locks are none of a lender's business, and a tracer is to be
 * told of a vfork, in which the kernel has the parent wait. */
static Lender *find_lender(Vfork *v, const Task *parent, void *room)
{
    bool traced = parent && parent->ptrace.on;
    v->inner = parent && parent->lender;
    if (v->inner) {
        lend_push(parent->lender, &v->borrower);
        return parent->lender;
    }
    return traced || v->child->debug || v->child->process->options.check ? NULL : lend_init(room, &v->borrower.runs);
}

/* Makes the child and waits for it; frees it. All signals are blocked. */
static i64 run_vfork(Vfork *v)
{
    u64 flags = (v->args->flags & ~OWN_FLAGS) | CLONE_CHILD_CLEARTID | v->args->exit_signal;
    i64 pid = -ENOMEM;
    Task *parent = self;
    size_t size = host_stack(v->child->process);
    u8 *stack =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    v->shares_handlers = v->args->flags & CLONE_SIGHAND; /* the arguments may go when the child runs */
    if (stack != MAP_FAILED) {
        v->stack = stack;
        v->child->vfork_child = true;
        v->borrower = (Borrower){.runs = 1, .what = v};
        v->lender = find_lender(v, parent, stack);
        if (v->lender && !v->inner)
            flags &= ~(u64)CLONE_VFORK; /* this thread has other things to do than wait */
        pid = clone(vfork_main, stack + size, (int)flags, v, &v->pidfd, NULL, &v->borrower.runs);
        if (pid < 0) {
            pid = -errno;
            if (v->inner)
                lend_pop(v->lender);
        } else {
            if (v->start)
                give_up_rights();
            await_vfork(v, parent);
        }
    }
    end_vfork(v, pid > 0);
    return pid;
}

static i64 new_vfork(Task *t, const CloneArgs *a)
{
    Vfork v = {.args = a, .pidfd = -1};
    signal_block_all();
    v.child = child_new(t, a);
    i64 pid = -ENOMEM;
    if (v.child) {
        signal_keep_stack(v.child, t);
        if (unlikely(t->debug))
            debug_before_vfork(t, v.child);
        pid = run_vfork(&v);
        if (unlikely(t->debug))
            debug_after_vfork(t);
    }
    if (pid > 0 && (a->flags & CLONE_PIDFD))
        put_tid(a->pidfd, v.pidfd);
    signal_unblock(t);
    return pid;
}

/* The host thread that waits for a child in its parent's place. */
static void *lender_main(void *arg)
{
    Vfork v = *(Vfork *)arg;
    Start *start = v.start;
    signal_block_all();
    i64 pid = run_vfork(&v);
    if (pid < 0)
        tell_started(start, pid);
    return NULL;
}

/* A process that shares memory and runs beside its parent (CLONE_VM alone). */
static i64 new_sharing_process(Task *t, const CloneArgs *a)
{
    Start start = {.args = a};
    Vfork v = {.args = a, .start = &start, .pidfd = -1};
    signal_block_all();
    v.child = child_new(t, a);
    if (v.child && unlikely(v.child->debug))
        v.child->debug->loose = true;
    without_semaphores = untraced = true;
    int error = v.child ? host_thread(t->process, lender_main, &v) : ENOMEM;
    if (error && v.child)
        child_free(v.child);
    while (!error && !atomic_load(&start.ready))
        raw_syscall(SYS_futex, (u64)&start.ready, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, 0, 0, 0);
    signal_unblock(t);
    return error ? -error : start.tid;
}

/* -- clone -------------------------------------------------------------------------------------------------------- */

i64 thread_clone(Task *t, const CloneArgs *a)
{
    u64 flags = a->flags;
    /* kernel/fork.c: copy_process */
    if (((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND)) || ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)))
        return -EINVAL;
    if ((flags & CLONE_FS) && (flags & (CLONE_NEWNS | CLONE_NEWUSER)))
        return -EINVAL;
    if ((flags & CLONE_SIGHAND) && (flags & CLONE_CLEAR_SIGHAND))
        return -EINVAL;
    if ((flags & CLONE_THREAD) && (flags & (CLONE_NEWUSER | CLONE_NEWPID)))
        return -EINVAL;
    if (t->vfork_child && (flags & CLONE_VM) && !(flags & CLONE_VFORK))
        return -EINVAL; /* its thread-local storage is taken */
    if ((flags & CLONE_VM) && (flags & CLONE_INTO_CGROUP))
        return -EINVAL; /* the C library's clone can't say it */
    if (flags & CLONE_THREAD)
        return new_thread(t, a);
    procfd_tell(t->process);
    if ((flags & CLONE_VM) && (flags & CLONE_VFORK))
        return new_vfork(t, a);
    return flags & CLONE_VM ? new_sharing_process(t, a) : new_process(t, a);
}
