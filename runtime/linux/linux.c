/* From a guest's system call instruction to the row of syscalls.def that runs it. */
#include "linux.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>

static i64 pass_path(Task *t, long nr, u64 args[6], int dir, int path, PathHow how)
{
    Path found;
    int error = path_lookup(t, dir < 0 ? AT_FDCWD : (int)args[dir], args[path], how, &found);
    if (error)
        return error;
    if (dir >= 0)
        args[dir] = (u64)found.dir;
    args[path] = (u64)found.name;
    return host_syscall(t, nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

static PathHow at_flags(u64 flags)
{
    return flags & AT_SYMLINK_NOFOLLOW ? PATH_NOFOLLOW : PATH_FOLLOW;
}

/* PATH rows' handlers. */
#define FOLLOW PATH_FOLLOW
#define NOFOLLOW PATH_NOFOLLOW
#define CREATE PATH_CREATE
#define AT(n) at_flags(args[n])
#define SYS(name, signature)
#define PASS(name, signature)
#define PATH(name, dir, path, how, signature)                                                                          \
    static SYSCALL(name)                                                                                               \
    {                                                                                                                  \
        u64 args[6] = {a, b, c, d, e, f};                                                                              \
        return pass_path(t, __NR_##name, args, dir, path, how);                                                        \
    }
#define THREAD(name, arg, signature)                                                                                   \
    static SYSCALL(name)                                                                                               \
    {                                                                                                                  \
        const u64 args[6] = {a, b, c, d, e, f};                                                                        \
        return proc_thread_hidden(t, (i32)args[arg]) ? -ESRCH : host_syscall(t, __NR_##name, a, b, c, d, e, f);        \
    }
#define NOSYS(name)
/* Newer than the oldest kernel headers we build with; numbers from 424 on are every architecture's. */
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#ifndef __NR_futex_wake
#define __NR_futex_wake 454
#define __NR_futex_wait 455
#define __NR_futex_requeue 456
#endif
#ifndef __NR_statmount
#define __NR_statmount 457
#define __NR_listmount 458
#endif
#ifndef __NR_lsm_get_self_attr
#define __NR_lsm_get_self_attr 459
#define __NR_lsm_set_self_attr 460
#define __NR_lsm_list_modules 461
#endif
#include "syscalls.def"
#undef SYS
#undef PASS
#undef PATH
#undef THREAD
#undef NOSYS

typedef struct Row {
    const char *name, *signature;
    SysHandler *run; /* NULL: the host's call `nr`, or none if that is -1 */
    i32 nr;
} Row;

static const Row rows[CALL_COUNT] = {
    [CALL_none] = {"?", "hex hex hex hex hex hex", NULL, -1},
#define SYS(name, signature) [CALL_##name] = {#name, signature, sys_##name, -1},
#define PASS(name, signature) [CALL_##name] = {#name, signature, NULL, __NR_##name},
#define PATH(name, dir, path, how, signature) [CALL_##name] = {#name, signature, sys_##name, -1},
#define THREAD(name, arg, signature) [CALL_##name] = {#name, signature, sys_##name, -1},
#define NOSYS(name) [CALL_##name] = {#name, "hex hex hex hex", NULL, -1},
#include "syscalls.def"
#undef SYS
#undef PASS
#undef PATH
#undef THREAD
#undef NOSYS
};

const char *call_name(Sys call)
{
    return rows[call].name;
}

const char *call_signature(Sys call)
{
    return rows[call].signature;
}

/* Is argument i a descriptor, as the row's signature says? */
static bool is_fd(const Row *row, int i)
{
    const char *s = row->signature;
    for (; i && s; i--)
        s = strchr(s, ' ') ? strchr(s, ' ') + 1 : NULL;
    size_t n = s ? strcspn(s, " ") : 0;
    return (n == 2 && memcmp(s, "fd", n) == 0) || (n == 3 && memcmp(s, "dfd", n) == 0);
}

/* Does the guest name a descriptor of the translator's? */
static bool names_hidden(Task *t, const Row *row, const u64 args[6])
{
    for (int i = 0; i < 6; i++)
        if (unlikely(fd_hidden(t->process, (u32)args[i])) && is_fd(row, i))
            return true;
    return false;
}

static i64 unimplemented(u32 number, const Row *row)
{
    if (log_on(unimp) && row == rows + CALL_none)
        log_printf("system call %u isn't implemented\n", number);
    else if (log_on(unimp))
        log_printf("system call %s (%u) isn't implemented\n", row->name, number);
    return -ENOSYS;
}

static i64 run_row(Task *t, u32 number, const Row *row, const u64 args[6])
{
    if (row->run)
        return row->run(t, args[0], args[1], args[2], args[3], args[4], args[5]);
    if (row->nr >= 0)
        return host_syscall(t, row->nr, args[0], args[1], args[2], args[3], args[4], args[5]);
    return unimplemented(number, row);
}

static i64 run(Task *t, u32 number, Sys call, const u64 args[6])
{
    const Row *row = rows + call;
    if (names_hidden(t, row, args))
        return -EBADF;
    i64 result = run_row(t, number, row, args);
    if (unlikely(result == -EFAULT) && mem_unwatch(t->process->mem))
        result = run_row(t, number, row, args);
    if (unlikely(result == -EMFILE) && fd_give_up(t))
        result = run_row(t, number, row, args);
    return result;
}

static __attribute__((noinline)) i64 run_traced(Task *t, u32 number, Sys call, const u64 args[6])
{
    Trace trace;
    strace_begin(t, &trace, number, call, args);
    i64 result = run(t, number, call, args);
    strace_end(t, &trace, result);
    return result;
}

static i64 run_or_trace(Task *t, u32 number, Sys call, const u64 args[6])
{
    return log_on(strace) || unlikely(t->process->options.strace) ? run_traced(t, number, call, args) : run(t, number, call, args);
}

static __attribute__((noinline)) i64 run_untagged(Task *t, u32 number, Sys call, u64 args[6])
{
    Untagged untagged;
    tags_strip(t, call, args, &untagged);
    mem_own_arguments(untagged.copies[0] != NULL);
    i64 result = run_or_trace(t, number, call, args);
    mem_own_arguments(false);
    tags_return(&untagged);
    return result;
}

static u64 get(const Task *t, u16 offset)
{
    u64 value;
    memcpy(&value, t->state + offset, sizeof value);
    return value;
}

/* A guest that can reach just a part of the address space names nothing in the translator's. */
static __attribute__((noinline)) i64 run_converted(Task *t, u32 number, Sys call, u64 args[6])
{
    const Abi *abi = t->abi;
    Conversion conversion;
    i64 result = abi->convert(t, number, args, &conversion);
    mem_own_arguments(true);
    if (!result)
        result = run_or_trace(t, number, call, args);
    else if (result == -ENOSYS)
        unimplemented(number, rows + call);
    mem_own_arguments(false);
    return abi->convert_back(t, &conversion, result);
}

static void put_result(Task *t, i64 result)
{
    u64 v = t->guest->elf_class == ELFCLASS32 ? (u32)result : (u64)result;
    memcpy(t->state + t->abi->off_ret, &v, sizeof v);
}

void linux_syscall(Task *t)
{
    const Abi *abi = t->abi;
    u32 number = (u32)get(t, abi->off_sysno);
    u64 args[6];
    for (int i = 0; i < 6; i++)
        args[i] = get(t, abi->off_args[i]);
    if (abi->fetch_call)
        abi->fetch_call(t, &number, args);
    Sys call = number < abi->nsysno ? (Sys)abi->sysno[number] : CALL_none;
    linux_state(t->process);
    i64 result;
    if (unlikely(t->seccomp) && !seccomp_allows(t, number, call, args, &result)) {
        put_result(t, signal_syscall_result(t, result));
        return;
    }
    if (abi->own_call && abi->own_call(t, number, args, &result)) {
        put_result(t, signal_syscall_result(t, result));
        return;
    }
    if (abi->arrange)
        abi->arrange(number, args);
    bool tags = unlikely(t->tagged_addresses) || args[0] != address_untagged(t, args[0]);
    if (abi->convert)
        result = run_converted(t, number, call, args);
    else if (unlikely(memory_refused(t, call, args)))
        result = -EFAULT;
    else
        result = tags ? run_untagged(t, number, call, args) : run_or_trace(t, number, call, args);
    put_result(t, signal_syscall_result(t, result));
}
