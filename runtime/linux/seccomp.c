/* seccomp: the guest's filters (classic BPF, Documentation/userspace-api/seccomp_filter.rst) see the guest's system calls, by its
 * own numbers and architecture, so they are run here and never by the host's kernel, which would ask them about the translator's. The
 * rules are kernel/seccomp.c's and, for what makes a program valid, net/core/filter.c's.
 *
 * A thread's filters are a list from the newest to the oldest; threads that have the older part in common share it. */
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../coredump.h"
#include "../crash.h"
#include "../signal.h"
#include "../thread.h"
#include "linux.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1ul << 5)
#endif

enum {
    MOST_INSNS = 32768, /* of all filters of a thread, with */
    FILTER_COST = 4,    /* so many more for each filter */
    ERRNO_MAX = 4095,
    FLAGS = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC_ESRCH,
};

typedef struct Filter Filter;
struct Filter {
    _Atomic u32 users; /* threads, and newer filters */
    Filter *older;
    u32 count;
    struct sock_filter insns[];
};

static Filter *filter_get(Filter *f)
{
    if (f)
        atomic_fetch_add(&f->users, 1);
    return f;
}

static void filter_put(Filter *f)
{
    while (f && atomic_fetch_sub(&f->users, 1) == 1) {
        Filter *older = f->older;
        free(f);
        f = older;
    }
}

/* -- programs ------------------------------------------------------------------------------------------------------ */

/* seccomp_check_filter: the instructions that filters may have. */
static bool known(const struct sock_filter *i)
{
    switch (i->code) {
    case BPF_LD | BPF_W | BPF_ABS: return i->k < sizeof(struct seccomp_data) && i->k % 4 == 0;
    case BPF_ALU | BPF_DIV | BPF_K: return i->k != 0;
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K: return i->k < 32;
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX: return i->k < BPF_MEMWORDS;
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
    case BPF_ALU | BPF_ADD | BPF_K:
    case BPF_ALU | BPF_ADD | BPF_X:
    case BPF_ALU | BPF_SUB | BPF_K:
    case BPF_ALU | BPF_SUB | BPF_X:
    case BPF_ALU | BPF_MUL | BPF_K:
    case BPF_ALU | BPF_MUL | BPF_X:
    case BPF_ALU | BPF_DIV | BPF_X:
    case BPF_ALU | BPF_AND | BPF_K:
    case BPF_ALU | BPF_AND | BPF_X:
    case BPF_ALU | BPF_OR | BPF_K:
    case BPF_ALU | BPF_OR | BPF_X:
    case BPF_ALU | BPF_XOR | BPF_K:
    case BPF_ALU | BPF_XOR | BPF_X:
    case BPF_ALU | BPF_LSH | BPF_X:
    case BPF_ALU | BPF_RSH | BPF_X:
    case BPF_ALU | BPF_NEG:
    case BPF_JMP | BPF_JA:
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JEQ | BPF_X:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_X:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_X:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_X: return true;
    default: return false;
    }
}

/* True if jumps stay inside, the end is a return, and no word of memory is read that may not have been written. */
static bool valid(const Filter *f)
{
    u16 masks[BPF_MAXINSNS], written = 0; /* words surely written at an instruction; at this one */
    memset(masks, 0xff, sizeof masks);
    for (u32 pc = 0; pc < f->count; pc++) {
        const struct sock_filter *i = f->insns + pc;
        u32 left = f->count - pc - 1; /* instructions after this one */
        written &= masks[pc];
        if (!known(i))
            return false;
        if (BPF_CLASS(i->code) == BPF_ST || BPF_CLASS(i->code) == BPF_STX)
            written |= (u16)(1u << i->k);
        else if ((i->code == (BPF_LD | BPF_MEM) || i->code == (BPF_LDX | BPF_MEM)) && !(written >> i->k & 1))
            return false;
        if (BPF_CLASS(i->code) != BPF_JMP)
            continue;
        bool always = BPF_OP(i->code) == BPF_JA;
        u32 to[] = {always ? i->k : i->jt, always ? i->k : i->jf};
        for (int k = 0; k < 2; k++) {
            if (to[k] >= left)
                return false;
            masks[pc + 1 + to[k]] &= written;
        }
        written = 0xffff;
    }
    u16 last = f->insns[f->count - 1].code;
    return last == (BPF_RET | BPF_K) || last == (BPF_RET | BPF_A);
}

static u32 filter_run(const Filter *f, const struct seccomp_data *data)
{
    u32 a = 0, x = 0, memory[BPF_MEMWORDS];
    for (const struct sock_filter *i = f->insns;; i++) {
        u32 operand = BPF_SRC(i->code) == BPF_X ? x : i->k;
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
        case BPF_LDX: {
            u32 value = BPF_MODE(i->code) == BPF_MEM ? memory[i->k] : BPF_MODE(i->code) == BPF_LEN ? sizeof *data : i->k;
            if (BPF_MODE(i->code) == BPF_ABS)
                memcpy(&value, (const u8 *)data + i->k, sizeof value);
            *(BPF_CLASS(i->code) == BPF_LD ? &a : &x) = value;
            break;
        }
        case BPF_ST: memory[i->k] = a; break;
        case BPF_STX: memory[i->k] = x; break;
        case BPF_ALU:
            switch (BPF_OP(i->code)) {
            case BPF_ADD: a += operand; break;
            case BPF_SUB: a -= operand; break;
            case BPF_MUL: a *= operand; break;
            case BPF_DIV:
                if (!operand)
                    return SECCOMP_RET_KILL_THREAD;
                a /= operand;
                break;
            case BPF_AND: a &= operand; break;
            case BPF_OR: a |= operand; break;
            case BPF_XOR: a ^= operand; break;
            case BPF_LSH: a <<= operand & 31; break;
            case BPF_RSH: a >>= operand & 31; break;
            case BPF_NEG: a = -a; break;
            }
            break;
        case BPF_JMP: {
            bool jump = false;
            switch (BPF_OP(i->code)) {
            case BPF_JA: i += i->k; continue;
            case BPF_JEQ: jump = a == operand; break;
            case BPF_JGT: jump = a > operand; break;
            case BPF_JGE: jump = a >= operand; break;
            case BPF_JSET: jump = a & operand; break;
            }
            i += jump ? i->jt : i->jf;
            break;
        }
        case BPF_RET: return BPF_RVAL(i->code) == BPF_A ? a : i->k;
        case BPF_MISC:
            if (BPF_MISCOP(i->code) == BPF_TAX)
                x = a;
            else
                a = x;
            break;
        }
    }
}

/* -- setting ------------------------------------------------------------------------------------------------------- */

static Filter *filter_new(u32 count)
{
    Filter *f = malloc(sizeof *f + count * sizeof f->insns[0]);
    if (f)
        *f = (Filter){.users = 1, .count = count};
    return f;
}

static bool may_install(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[2] = {0};
    return raw_syscall(__NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0) == 1 ||
           (!raw_syscall(__NR_capget, (u64)&header, (u64)caps, 0, 0, 0, 0) && caps[0].effective >> CAP_SYS_ADMIN & 1);
}

/* The guest's struct sock_fprog as a filter. */
static i64 filter_read(const Task *t, u64 guest, Filter **out)
{
    struct sock_fprog program;
    if (mem_read(&program, guest, sizeof program))
        return -EFAULT;
    if (!program.len || program.len > BPF_MAXINSNS)
        return -EINVAL;
    if (!may_install())
        return -EACCES;
    Filter *f = filter_new(program.len);
    i64 error = !f ? -ENOMEM : mem_read(f->insns, address_accessed(t, (u64)program.filter), f->count * sizeof f->insns[0]);
    if (!error && !valid(f))
        error = -EINVAL;
    if (error)
        free(f);
    else
        *out = f;
    return error;
}

/* Is `f` one of the list, or none? */
static bool in_list(const Filter *f, const Filter *list)
{
    while (list && list != f)
        list = list->older;
    return list == f;
}

/* Another thread of the same process, which has a thread id already (what has none yet is as its creator is). */
static bool other_thread(const Task *t, const Task *other)
{
    return other != t && !other->vfork_child && !t->vfork_child && other->tid;
}

/* Makes f the newest filter of t, and under TSYNC of all threads. */
static i64 filter_attach(Task *t, Filter *f, u64 flags)
{
    Process *p = t->process;
    u32 insns = f->count;
    i64 error = 0;
    shared_lock(&p->lock);
    for (const Filter *older = t->filters; older; older = older->older)
        insns += older->count + FILTER_COST;
    if (t->seccomp == SECCOMP_MODE_STRICT)
        error = -EINVAL;
    else if (insns > MOST_INSNS)
        error = -ENOMEM;
    if (flags & SECCOMP_FILTER_FLAG_TSYNC)
        for (const Task *other = p->tasks; other && !error; other = other->next_task)
            if (other_thread(t, other) && (other->seccomp == SECCOMP_MODE_STRICT || !in_list(other->filters, t->filters)))
                error = flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : other->tid;
    if (!error) {
        f->older = t->filters;
        t->filters = f;
        t->seccomp = SECCOMP_MODE_FILTER;
    }
    if (!error && flags & SECCOMP_FILTER_FLAG_TSYNC) {
        bool locked = raw_syscall(__NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0) == 1;
        for (Task *other = p->tasks; other; other = other->next_task) {
            if (other == t || other->vfork_child || t->vfork_child)
                continue;
            Filter *old = other->filters;
            other->filters = filter_get(f);
            other->no_new_privs |= locked;
            atomic_store(&other->seccomp, SECCOMP_MODE_FILTER);
            filter_put(old); /* an older one of f's: it stays */
        }
    }
    shared_unlock(&p->lock);
    return error;
}

static i64 set_strict(Task *t)
{
    if (t->seccomp == SECCOMP_MODE_FILTER)
        return -EINVAL;
    t->seccomp = SECCOMP_MODE_STRICT;
    return 0;
}

static i64 set_filter(Task *t, u64 flags, u64 program)
{
    Filter *f;
    if (flags & ~(u64)FLAGS) /* no listeners: SECCOMP_FILTER_FLAG_NEW_LISTENER is as in kernels before 5.0 */
        return -EINVAL;
    i64 error = filter_read(t, program, &f);
    if (error)
        return error;
    if ((error = filter_attach(t, f, flags)))
        free(f);
    return error;
}

static i64 action_available(u64 guest)
{
    static const u32 actions[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO,
                                  SECCOMP_RET_TRACE,        SECCOMP_RET_LOG,         SECCOMP_RET_ALLOW};
    u32 action;
    if (mem_read(&action, guest, sizeof action))
        return -EFAULT;
    for (size_t i = 0; i < LEN(actions); i++)
        if (action == actions[i])
            return 0;
    return -EOPNOTSUPP;
}

SYSCALL(seccomp)
{
    switch ((u32)a) {
    case SECCOMP_SET_MODE_STRICT: return b || c ? -EINVAL : set_strict(t);
    case SECCOMP_SET_MODE_FILTER: return set_filter(t, (u32)b, c);
    case SECCOMP_GET_ACTION_AVAIL: return b ? -EINVAL : action_available(c);
    default: return -EINVAL;
    }
}

i64 seccomp_prctl(Task *t, u64 mode, u64 program)
{
    switch (mode) {
    case SECCOMP_MODE_STRICT: return set_strict(t);
    case SECCOMP_MODE_FILTER: return set_filter(t, 0, program);
    default: return -EINVAL;
    }
}

/* -- threads and programs ------------------------------------------------------------------------------------------ */

void seccomp_task_init(Task *child, Task *parent)
{
    shared_lock(&parent->process->lock); /* against TSYNC */
    child->filters = filter_get(parent->filters);
    child->no_new_privs = parent->no_new_privs;
    child->seccomp = parent->seccomp;
    shared_unlock(&parent->process->lock);
}

void seccomp_task_free(Task *t)
{
    filter_put(t->filters);
}

u32 seccomp_count(const Task *t)
{
    u32 n = 0;
    for (const Filter *f = t->filters; f; f = f->older)
        n++;
    return n;
}

/* Oldest first, each as its length and its instructions. */
static i64 save(const Filter *f, int fd)
{
    i64 size = f ? (i64)(f->count * sizeof f->insns[0]) : 0, error = f ? save(f->older, fd) : 0;
    if (!f || error)
        return error;
    bool ok = write(fd, &f->count, sizeof f->count) == sizeof f->count && write(fd, f->insns, (size_t)size) == size;
    return ok ? 0 : -ENOMEM;
}

i64 seccomp_save(const Task *t, int fd)
{
    return save(t->filters, fd);
}

i64 seccomp_restore(Task *t, int fd)
{
    u32 count;
    ssize_t n;
    while ((n = read(fd, &count, sizeof count)) == sizeof count) {
        if (!count || count > BPF_MAXINSNS)
            return -EINVAL;
        Filter *f = filter_new(count);
        i64 size = (i64)(count * sizeof f->insns[0]);
        i64 error = !f ? -ENOMEM : read(fd, f->insns, (size_t)size) != size || !valid(f) ? -EINVAL : filter_attach(t, f, 0);
        if (error) {
            free(f);
            return error;
        }
    }
    return n ? -EINVAL : 0;
}

/* -- every system call --------------------------------------------------------------------------------------------- */

/* A call of the guest's vDSO that a kernel's own vDSO would not make. */
static bool of_vdso(const Task *t, Sys call, const u64 args[6])
{
    enum : u64 {
        CLOCKS = 1u << CLOCK_REALTIME | 1u << CLOCK_MONOTONIC | 1u << CLOCK_MONOTONIC_RAW | 1u << CLOCK_REALTIME_COARSE |
            1u << CLOCK_MONOTONIC_COARSE | 1u << CLOCK_BOOTTIME | 1u << CLOCK_TAI
    };
    if (t->pc - t->process->vdso >= t->abi->vdso_size)
        return false;
    return call == CALL_gettimeofday ||
           ((call == CALL_clock_gettime || call == CALL_clock_getres) && args[0] < 32 && CLOCKS >> args[0] & 1);
}

/* What the filters say of a call: the strictest answer, the newest's among equals. */
static u32 ask(const Task *t, u32 number, const u64 args[6])
{
    struct seccomp_data data = {.nr = (int)number, .arch = t->abi->audit_arch, .instruction_pointer = t->pc};
    memcpy(data.args, args, sizeof data.args);
    u32 answer = SECCOMP_RET_ALLOW;
    for (const Filter *f = t->filters; f; f = f->older) {
        u32 says = filter_run(f, &data);
        if ((i32)(says & SECCOMP_RET_ACTION_FULL) < (i32)(answer & SECCOMP_RET_ACTION_FULL))
            answer = says;
    }
    return answer;
}

/* The thread dies of it, and the process with its last thread. */
static i64 kill_thread(Task *t, int signo)
{
    if (thread_alone(t))
        signal_die(signo);
    return thread_exit(t, W_EXITCODE(0, signo));
}

bool seccomp_allows(Task *t, u32 number, Sys call, const u64 args[6], i64 *result)
{
    if (t->no_new_privs) { /* from another thread, by TSYNC */
        raw_syscall(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
        t->no_new_privs = false;
        rights_changed(t);
    }
    if (of_vdso(t, call, args))
        return true;
    if (t->seccomp == SECCOMP_MODE_STRICT) {
        if (call == CALL_read || call == CALL_write || call == CALL_exit || call == CALL_rt_sigreturn)
            return true;
        *result = kill_thread(t, SIGKILL);
        return false;
    }
    u32 answer = ask(t, number, args), data = answer & SECCOMP_RET_DATA;
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGSYS;
    info.si_code = SYS_SECCOMP;
    info.si_errno = (int)data;
    info.si_call_addr = (void *)t->pc;
    info.si_syscall = (int)number;
    info.si_arch = t->abi->audit_arch;
    switch (answer & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG: return true;
    case SECCOMP_RET_ERRNO: *result = -(i64)(data < ERRNO_MAX ? data : ERRNO_MAX); return false;
    case SECCOMP_RET_TRACE:      /* no tracer */
    case SECCOMP_RET_USER_NOTIF: /* no listener */ *result = -ENOSYS; return false;
    case SECCOMP_RET_TRAP:
        signal_force(t, &info);
        memcpy(result, t->state + t->abi->off_ret, sizeof *result); /* what the handler starts with */
        return false;
    case SECCOMP_RET_KILL_THREAD:
        if (thread_alone(t))
            break;
        *result = kill_thread(t, SIGSYS);
        return false;
    }
    crash_guest(t, &info);
    core_dump(t, &info);
    signal_die(SIGSYS);
}
