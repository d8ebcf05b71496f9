/* System calls about processes: clone, exec, exit. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../load.h"
#include "../perf.h"
#include "../signal.h"
#include "../thread.h"
#include "linux.h"

SYSCALL(clone)
{
    CloneArgs args = {
        .flags = (u32)a & ~(u64)CSIGNAL,
        .exit_signal = a & CSIGNAL,
        .stack = b,
        .pidfd = c,
        .parent_tid = c,
        .tls = t->abi->clone_tls_last ? e : d,
        .child_tid = t->abi->clone_tls_last ? d : e,
    };
    if ((args.flags & CLONE_PIDFD) && (args.flags & CLONE_PARENT_SETTID))
        return -EINVAL; /* one argument for both */
    return thread_clone(t, &args);
}

SYSCALL(clone3)
{
    enum { VER0 = 64 };
    CloneArgs args = {0};
    u8 rest[4096];
    if (b < VER0)
        return -EINVAL;
    if (b > sizeof rest)
        return -E2BIG;
    memset(rest, 0, sizeof rest);
    if (mem_read(rest, a, b))
        return -EFAULT;
    for (size_t i = sizeof args; i < b; i++)
        if (rest[i])
            return -E2BIG;
    memcpy(&args, rest, sizeof args);
    if (args.flags & (CSIGNAL | CLONE_DETACHED) || args.exit_signal & ~(u64)CSIGNAL)
        return -EINVAL;
    if (!args.stack != !args.stack_size)
        return -EINVAL;
    if ((args.flags & CLONE_THREAD) && args.exit_signal)
        return -EINVAL;
    return thread_clone(t, &args);
}

SYSCALL(exit)
{
    thread_exit(t, (int)(a & 0xff));
}

SYSCALL(exit_group)
{
    process_exit(t, (int)(a & 0xff));
}

SYSCALL(set_tid_address)
{
    t->clear_child_tid = a;
    return t->tid;
}

/* -- execve ------------------------------------------------------------------------------------------------------- */

/* Everything one exec needs. It lives on the stack, because nobody frees the heap of a vfork child that succeeds. */
typedef struct Exec {
    Task *t;
    Path file;           /* where the host finds it */
    char name[PATH_MAX]; /* the guest's name for it */
    char **argv;         /* [0] is free for what goes before the guest's arguments from [FRONT] on */
    size_t argc;
    u64 envp;
} Exec;
enum { FRONT = 32 }; /* room for the translator's own command line */

/* Reads the guest's argv; the strings stay where they are, for the host's kernel to read. */
static i64 read_argv(Exec *x, u64 argv)
{
    size_t cap = 0;
    x->argc = 0;
    for (;; x->argc++) {
        if (x->argc + FRONT + 1 >= cap) {
            cap = cap ? 2 * cap : 128;
            char **more = realloc(x->argv, cap * sizeof *more);
            if (!more)
                return -ENOMEM;
            x->t->exec_argv = x->argv = more;
        }
        char *arg = NULL;
        if (argv && mem_read(&arg, argv + 8 * x->argc, sizeof arg))
            return -EFAULT;
        x->argv[FRONT + x->argc] = arg;
        if (!arg)
            return 0;
    }
}

/* The host's execve, with the guest's signals as they are; returns -errno, or -RESTART_NOINTR to deliver a signal
 * first. */
static i64 host_exec(Exec *x, int dir, const char *name, char **argv, u64 flags)
{
    i64 error = -RESTART_NOINTR;
    system_before_exec(x->t->process);
    if (signal_before_exec(x->t)) {
        process_print_stats(x->t);
        error = raw_syscall(__NR_execveat, (u64)dir, (u64)name, (u64)argv, x->envp, flags, 0);
    }
    signal_exec_failed(x->t);
    system_exec_failed(x->t->process);
    return error;
}

/* The items of -d that are on, as its argument; NULL for none. */
static const char *log_list(char *out, size_t size)
{
    size_t n = 0;
#define ITEM(name, help) \
    if (log_.items & LOG(name)) \
        n += (size_t)snprintf(out + n, size - n, "%s" #name, n ? "," : "");
    LOG_ITEMS(ITEM)
#undef ITEM
    return n ? out : NULL;
}

/* The log's file; NULL for stderr. */
static const char *log_path(char out[PATH_MAX])
{
    char link[64];
    if (!log_.file)
        return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fileno(log_.file));
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    if (n <= 0)
        return NULL;
    out[n] = 0;
    return out;
}

/* Executes this program. Without /proc, or with something else in its place, by its descriptor, which stays open for what that
 * executes in turn (fd.c: open_self). */
static i64 exec_self(Exec *x, char **argv)
{
    int fd = linux_state(x->t->process)->self;
    i64 error = host_exec(x, AT_FDCWD, "/proc/self/exe", argv, 0);
    if ((error != -ENOENT && error != -ENOTDIR && error != -ELOOP && error != -EACCES) || fd < 0)
        return error;
    raw_syscall(__NR_fcntl, (u64)fd, F_SETFD, 0, 0, 0, 0);
    error = host_exec(x, fd, "", argv, AT_EMPTY_PATH);
    raw_syscall(__NR_fcntl, (u64)fd, F_SETFD, FD_CLOEXEC, 0, 0, 0);
    /* Under binfmt_misc the kernel knows what runs guest programs. */
    return error == -EBADF || error == -ENOENT ? host_exec(x, x->file.dir, x->file.name, x->argv + FRONT, 0) : error;
}

/* Executes a guest program: this program again, with its options, before the guest's arguments. Built back to front. */
static i64 exec_guest(Exec *x)
{
    const Options *o = &x->t->process->options;
    static const char *const tiers[] = {[TIER_INTERP] = "interp", [TIER_BASELINE] = "baseline", [TIER_LLVM] = "llvm"};
    char numbers[6][24], items[512] = "", log[PATH_MAX] = "";
    char *argv0 = x->argv[FRONT] ? x->argv[FRONT] : (char *)"";
    size_t at = FRONT;
    char **argv = x->argv;
    /* The program's path stands where the guest's argv[0] was, which -0 hands on. */
    if (!x->argc)
        argv[FRONT + 1] = NULL;
    argv[at] = x->name;
    argv[--at] = (char *)"--";
    argv[--at] = argv0;
    argv[--at] = (char *)"-0";
#define NUMBER(i, option, value) \
    if (value) { \
        snprintf(numbers[i], sizeof numbers[i], "%lu", (u64)(value)); \
        argv[--at] = numbers[i]; \
        argv[--at] = (char *)option; \
    }
#define STRING(option, value) \
    if (value) { \
        argv[--at] = (char *)(value); \
        argv[--at] = (char *)option; \
    }
    NUMBER(0, "-s", o->stack_size)
    NUMBER(1, "-R", o->reserved_va)
    NUMBER(2, "--cpus", o->cpus)
    NUMBER(5, "--code-size", o->code_size)
    if (o->has_seed)
        NUMBER(3, "-seed", o->seed)
    if (o->hot >= 0) {
        snprintf(numbers[4], sizeof numbers[4], "%d", o->hot);
        STRING("--hot", numbers[4])
    }
    STRING("-L", o->sysroot)
    STRING("-r", o->release)
    STRING("--tier", o->tier == TIER_AUTO ? NULL : tiers[o->tier])
    STRING("-D", log_path(log))
    STRING("-d", log_list(items, sizeof items))
    if (log_.stats)
        argv[--at] = (char *)"--stats";
    if (o->check)
        argv[--at] = (char *)"--check";
    if (o->perf & PERF_MAP)
        argv[--at] = (char *)"--perf";
    if (o->perf & PERF_DUMP)
        argv[--at] = (char *)"--jitdump";
    if (o->perf & PERF_GDB)
        argv[--at] = (char *)"--gdb-names";
    argv[--at] = (char *)"run";
    argv[--at] = (char *)"dragoman";
#undef NUMBER
#undef STRING
    return exec_self(x, argv + at);
}

/* A script whose interpreter is the host's: the kernel would look for it in the host's root, so it is named here. */
static i64 exec_host_script(Exec *x, const Script *s, const Path *interp)
{
    char **argv = x->argv;
    size_t at = FRONT;
    argv[at] = x->name;
    if (!x->argc)
        argv[FRONT + 1] = NULL;
    if (s->arg[0])
        argv[--at] = (char *)s->arg;
    argv[--at] = (char *)s->interp;
    return host_exec(x, interp->dir, interp->name, argv + at, 0);
}

/* A new descriptor for what execveat means, or -errno. */
static int dup_or_open(int dir, const char *name, u64 flags)
{
    u64 how = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0);
    if ((flags & AT_EMPTY_PATH) && !*name)
        return (int)raw_syscall(__NR_fcntl, (u64)dir, F_DUPFD_CLOEXEC, 0, 0, 0, 0);
    return (int)raw_syscall(__NR_openat, (u64)dir, (u64)name, how, 0, 0, 0);
}

/* Opens a file for a look at its first bytes: how many there are, or -errno as execve has it. */
static i64 look(int dir, const char *name, u64 flags, char head[SCRIPT_LINE])
{
    struct stat st;
    int fd = dup_or_open(dir, name, flags);
    if (fd < 0)
        return fd;
    i64 n = raw_syscall(__NR_faccessat2, (u64)fd, (u64)"", X_OK, AT_EMPTY_PATH | AT_EACCESS, 0, 0);
    if (fstat(fd, &st) < 0)
        n = -errno;
    else if (!S_ISREG(st.st_mode))
        n = -EACCES;
    if (n >= 0)
        n = raw_syscall(__NR_pread64, (u64)fd, (u64)head, SCRIPT_LINE, 0, 0, 0);
    close(fd);
    return n;
}

/* Would the loader take it? 0, or the -errno that execve has for what is wrong with it: after the exec only the
 * program that isn't there any more could be told. */
static i64 check_guest(Exec *x, u64 flags)
{
    Image image;
    char why[512], head[SCRIPT_LINE];
    int fd = dup_or_open(x->file.dir, x->file.name, flags);
    if (fd < 0)
        return fd;
    i64 error = image_open(&image, fd, x->name, why, sizeof why);
    if (!error && image.interp[0]) {
        Path interp;
        error = path_find(x->t->process, AT_FDCWD, image.interp, PATH_FOLLOW, &interp);
        if (!error)
            error = look(interp.dir, interp.name, 0, head);
    }
    image_close(&image);
    return error < 0 ? error : 0;
}

static i64 exec(Exec *x, u64 flags)
{
    Task *t = x->t;
    char head[SCRIPT_LINE];
    Script s;
    i64 n = look(x->file.dir, x->file.name, flags, head);
    if (n < 0)
        return n == -EACCES ? host_exec(x, x->file.dir, x->file.name, x->argv + FRONT, flags) : n;
    switch (program_kind(head, (size_t)n, &s)) {
    case PROGRAM_GUEST:
        if ((n = check_guest(x, flags)))
            return n;
        /* By its own name: in the new process /proc/self/exe is another file until the program is loaded. */
        if (strcmp(x->file.name, t->process->exe_path) == 0 && strncmp(x->name, "/proc/", 6) == 0)
            snprintf(x->name, sizeof x->name, "%s", t->process->guest_exe);
        return exec_guest(x);
    case PROGRAM_OTHER: return host_exec(x, x->file.dir, x->file.name, x->argv + FRONT, flags);
    case PROGRAM_SCRIPT: break;
    }
    /* Whose is the interpreter at the end of the chain? */
    Path found, *interp = &found;
    Script inner = s;
    i64 result = 0;
    for (int depth = 0; !result; depth++) {
        result = path_find(t->process, AT_FDCWD, inner.interp, PATH_FOLLOW, interp);
        if (!result && (n = look(interp->dir, interp->name, 0, head)) < 0)
            result = n;
        if (result)
            break;
        ProgramKind kind = program_kind(head, (size_t)n, &inner);
        if (kind == PROGRAM_SCRIPT && depth + 1 >= SCRIPT_DEPTH)
            result = -ELOOP;
        else if (kind == PROGRAM_GUEST)
            result = exec_guest(x);
        else if (kind == PROGRAM_OTHER)
            result = depth == 0 ? exec_host_script(x, &s, interp)
                                : host_exec(x, x->file.dir, x->file.name, x->argv + FRONT, flags);
    }
    return result;
}

/* The name a program opened by descriptor gets, as the kernel makes it (fs/exec.c: alloc_bprm). */
static void fd_name(Exec *x, int dir, const char *name)
{
    if (*name)
        snprintf(x->name, sizeof x->name, "/dev/fd/%d/%s", dir, name);
    else
        snprintf(x->name, sizeof x->name, "/dev/fd/%d", dir);
}

static i64 do_execveat(Task *t, int dir, u64 path, u64 argv, u64 envp, u64 flags)
{
    if (flags & ~(u64)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    Exec exec_state = {.t = t, .envp = envp}, *x = &exec_state;
    int kept = -1;
    i64 error = mem_string(x->name, path, sizeof x->name);
    if (error >= 0)
        error = !*x->name && !(flags & AT_EMPTY_PATH) ? -ENOENT : read_argv(x, argv);
    if (!error && !*x->name) {
        /* The descriptor goes with the program, whatever becomes of the original at exec. */
        x->file = (Path){.dir = dir, .name = x->file.buf};
        kept = (int)raw_syscall(__NR_fcntl, (u64)dir, F_DUPFD, 100, 0, 0, 0);
        error = kept < 0 ? kept : 0;
        fd_name(x, kept, "");
    } else if (!error) {
        error =
            path_find(t->process, dir, x->name, flags & AT_SYMLINK_NOFOLLOW ? PATH_NOFOLLOW : PATH_FOLLOW, &x->file);
        if (!error && dir != AT_FDCWD && *x->name != '/') {
            char name[PATH_MAX];
            memcpy(name, x->name, sizeof name);
            fd_name(x, dir, name);
        }
    }
    if (!error)
        error = exec(x, flags);
    if (kept >= 0)
        close(kept);
    free(x->argv);
    t->exec_argv = NULL;
    return error;
}

SYSCALL(execve)
{
    return do_execveat(t, AT_FDCWD, a, b, c, 0);
}

SYSCALL(execveat)
{
    return do_execveat(t, (int)a, b, c, d, (u32)e);
}
