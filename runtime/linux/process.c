/* System calls about processes: clone, exec, exit. */
#include <fcntl.h>
#include <linux/ioprio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../lifter/host.h"
#include "../gdb/debug.h"
#include "../load.h"
#include "../perf.h"
#include "../signal.h"
#include "../thread.h"
#include "../tier.h"
#include "linux.h"

#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000
#endif

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
    u64 *const addresses[] = {&args.pidfd, &args.child_tid, &args.parent_tid, &args.set_tid};
    for (size_t i = 0; i < LEN(addresses); i++)
        *addresses[i] = address_accessed(t, *addresses[i]);
    if (args.flags & (CSIGNAL | CLONE_DETACHED) || args.exit_signal & ~(u64)CSIGNAL)
        return -EINVAL;
    if (!args.stack != !args.stack_size)
        return -EINVAL;
    if ((args.flags & (CLONE_THREAD | CLONE_PARENT)) && args.exit_signal)
        return -EINVAL;
    return thread_clone(t, &args);
}

SYSCALL(exit)
{
    return thread_exit(t, W_EXITCODE((int)(a & 0xff), 0));
}

SYSCALL(exit_group)
{
    process_exit(t, W_EXITCODE((int)(a & 0xff), 0));
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
    u64 flags;           /* execveat's, for file */
    int fd;              /* the same, open */
    char name[PATH_MAX]; /* the guest's name for it */
    bool closed;         /* which the exec makes void: by a close-on-exec descriptor */
    char **argv;         /* [0] is free for what goes before the guest's arguments from [FRONT] on */
    size_t argc;
    u64 guest_argv, envp;
    bool ours;           /* what is executed is this program, which does what the guest's kernel would */
    bool raised;         /* the limit of descriptors is, for ours */
    FdLimit limit;       /* what it is for the program */
} Exec;
enum { FRONT = 64 }; /* room for the translator's own command line */

/* Reads a list of the guest's strings to x->argv[at], and how many they are; the strings stay where they are, for the host's
 * kernel to read. */
static i64 read_strings(Exec *x, u64 list, size_t at, size_t *count)
{
    size_t cap = 0;
    for (*count = 0;; ++*count) {
        if (*count + at + 1 >= cap) {
            cap = cap ? 2 * cap : at + 128;
            char **more = realloc(x->argv, cap * sizeof *more);
            if (!more)
                return -ENOMEM;
            x->t->exec_argv = x->argv = more;
        }
        char *arg = NULL;
        if (list && mem_read(&arg, list + 8 * *count, sizeof arg))
            return -EFAULT;
        x->argv[at + *count] = (char *)address_accessed(x->t, (u64)arg);
        if (!arg)
            return 0;
    }
}

/* The guest's argv; its environment, too, if the strings in that may have addresses that the host's kernel refuses. */
static i64 read_argv(Exec *x)
{
    size_t n;
    i64 error = read_strings(x, x->guest_argv, FRONT, &x->argc);
    if (error || !x->t->tagged_addresses)
        return error;
    size_t at = FRONT + x->argc + 2; /* exec_guest needs one more */
    error = read_strings(x, x->envp, at, &n);
    x->envp = (u64)(x->argv + at);
    return error;
}

/* The host's execve, with the guest's signals as they are; returns -errno, or -RESTART_NOINTR to deliver a signal
 * first. */
static i64 host_exec(Exec *x, int dir, const char *name, char **argv, u64 flags)
{
    i64 error = -RESTART_NOINTR;
    if (x->t->seccomp && !x->ours)
        return -EACCES; /* a host program's calls pass no guest's filter */
    system_before_exec(x->t->process, x->ours);
    if (x->raised)
        fd_lower_limit(&x->limit);
    if (signal_before_exec(x->t)) {
        if (!x->t->vfork_child)
            tier_save();
        process_print_stats(x->t);
        error = dir == AT_FDCWD && !flags ? raw_syscall(__NR_execve, (u64)name, (u64)argv, x->envp, 0, 0, 0)
                                          : raw_syscall(__NR_execveat, (u64)dir, (u64)name, (u64)argv, x->envp, flags, 0);
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

/* Executes the guest's file itself: a program of the host's, or one that binfmt_misc has the kernel run by us or another. */
static i64 exec_file(Exec *x)
{
    return host_exec(x, x->file.dir, x->file.name, x->argv + FRONT, x->flags);
}

/* Did the exec fail because this program could not be found? */
static bool lost(i64 error)
{
    return error == -ENOENT || error == -ENOTDIR || error == -ELOOP || error == -EACCES || error == -EBADF;
}

/* Executes this program, which inherits the guest's. Without /proc, or with something else in its place, by its descriptor, which
 * stays open for what that executes in turn (fd.c: open_self). */
static i64 exec_self(Exec *x, char **argv)
{
    int self_fd = linux_state(x->t->process)->self;
    raw_syscall(__NR_fcntl, (u64)x->fd, F_SETFD, 0, 0, 0, 0);
    i64 error = host_exec(x, AT_FDCWD, "/proc/self/exe", argv, 0);
    if (lost(error) && self_fd >= 0) {
        raw_syscall(__NR_fcntl, (u64)self_fd, F_SETFD, 0, 0, 0, 0);
        error = host_exec(x, self_fd, "", argv, AT_EMPTY_PATH);
        raw_syscall(__NR_fcntl, (u64)self_fd, F_SETFD, FD_CLOEXEC, 0, 0, 0);
    }
    raw_syscall(__NR_fcntl, (u64)x->fd, F_SETFD, FD_CLOEXEC, 0, 0, 0);
    return error;
}

/* What the guest's kernel would keep over an exec and the host's doesn't know: PR_SET_MDWE's bits, limits on memory,
 * how another guest traces it, and the filters. */
typedef struct Inherited {
    int mdwe;
    Ptrace trace;
    MemoryLimits limits;
} Inherited;

static bool inherits(const Task *t, Inherited *out)
{
    int bits = mem_mdwe(t->process->mem);
    out->mdwe = bits & MDWE_NO_INHERIT ? 0 : bits;
    out->trace = t->ptrace;
    return system_memory_limits(t->process, &out->limits) || out->mdwe || t->seccomp || out->trace.on;
}

/* In a pipe for process_inherit, as no limit on files is one on pipes: the descriptor that stays open over an exec, or -errno. */
static i64 inheritance(const Task *t, const Inherited *what)
{
    enum { ROOM = 1 << 20 };
    int ends[2];
    i64 error = raw_syscall(__NR_pipe2, (u64)ends, O_CLOEXEC | O_NONBLOCK, 0, 0, 0, 0);
    if (error)
        return error;
    raw_syscall(__NR_fcntl, (u64)ends[1], F_SETPIPE_SZ, ROOM, 0, 0, 0);
    error = write(ends[1], what, sizeof *what) == sizeof *what ? seccomp_save(t, ends[1]) : -ENOMEM;
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return error;
    }
    raw_syscall(__NR_fcntl, (u64)ends[0], F_SETFD, 0, 0, 0, 0);
    return ends[0];
}

i64 process_inherit(Task *t, int fd)
{
    Inherited what;
    if (read(fd, &what, sizeof what) != sizeof what)
        return -EINVAL;
    mem_set_mdwe(t->process->mem, what.mdwe);
    system_set_memory_limits(t->process, &what.limits);
    ptrace_executed(t, &what.trace);
    i64 error = seccomp_restore(t, fd);
    close(fd);
    return error;
}

/* Executes a guest program: this program again, with its options, before the guest's arguments. Built back to front. */
static i64 exec_guest(Exec *x)
{
    const Options *o = &x->t->process->options;
    static const char *const tiers[] = {[TIER_INTERP] = "interp", [TIER_BASELINE] = "baseline", [TIER_LLVM] = "llvm"};
    char numbers[9][24], cpus[2048], items[512] = "";
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
    snprintf(numbers[5], sizeof numbers[5], "%d", x->fd);
    STRING("--fd", numbers[5])
    NUMBER(0, "-s", o->stack_size)
    NUMBER(1, "-R", o->reserved_va)
    if (o->cpus) {
        system_cpus_option(x->t, cpus, sizeof cpus);
        STRING("--cpus", cpus)
    }
    NUMBER(2, "--code-size", o->code_size)
    STRING("--cache", o->cache)
    STRING("--cache-from", o->cache_from)
    NUMBER(8, "--cache-size", o->cache_size)
    if (o->no_cache)
        argv[--at] = (char *)"--no-cache";
    if (o->has_seed)
        NUMBER(3, "-seed", o->seed)
    if (o->hot >= 0) {
        snprintf(numbers[4], sizeof numbers[4], "%d", o->hot);
        STRING("--hot", numbers[4])
    }
    STRING("-cpu", o->cpu)
    STRING("--host", host_level)
    STRING("-L", o->sysroot ? o->sysroot : o->root_given ? "/" : NULL)
    STRING("-r", o->release)
    STRING("--tier", o->tier == TIER_AUTO ? NULL : tiers[o->tier])
    STRING("--append-log", log_.name)
    STRING("-dfilter", o->dfilter)
    STRING("-d", log_list(items, sizeof items))
    if (log_.stats)
        argv[--at] = (char *)"--stats";
    if (o->check)
        argv[--at] = (char *)"--check";
    if (o->translate_host || x->t->process->guest->elf_machine == HOST_MACHINE)
        argv[--at] = (char *)"--translate-host";
    if (o->crash_short)
        STRING("--crash", "short")
    if (o->one_insn)
        argv[--at] = (char *)"-one-insn-per-tb";
    if (o->perf & PERF_MAP)
        argv[--at] = (char *)"--perf";
    if (o->perf & PERF_DUMP)
        argv[--at] = (char *)"--jitdump";
    if (o->perf & PERF_GDB)
        argv[--at] = (char *)"--gdb-names";
    i64 inherited = -1;
    Inherited what;
    if (inherits(x->t, &what)) {
        if ((inherited = inheritance(x->t, &what)) < 0)
            return inherited;
        snprintf(numbers[6], sizeof numbers[6], "%ld", inherited);
        STRING("--inherited", numbers[6])
    }
    if (o->gdb || o->gdb_session) { /* which isn't to be asked for anew */
        snprintf(numbers[7], sizeof numbers[7], "%d", x->t->debug ? debug_hand_on(x->t) : -1);
        STRING("--gdb-session", numbers[7])
    }
    argv[--at] = (char *)"run";
    argv[--at] = (char *)"dragoman";
#undef NUMBER
#undef STRING
    x->ours = true;
    i64 error = exec_self(x, argv + at);
    x->ours = false;
    if (x->t->debug)
        debug_keep(x->t);
    if (inherited >= 0)
        close((int)inherited);
    if (!lost(error))
        return error;
    /* In a chroot without /proc; but under binfmt_misc the kernel knows what runs guest programs. */
    argv[FRONT] = x->argc ? argv0 : NULL;
    i64 second = exec_file(x);
    return second == -ENOEXEC ? error : second;
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

/* What execveat means, open for reading; a descriptor or -errno. */
static int open_program(int dir, const char *name, u64 flags)
{
    u64 how = O_RDONLY | O_CLOEXEC | O_NONBLOCK; /* it may be a pipe */
    if (!(flags & AT_EMPTY_PATH) || *name)
        return (int)raw_syscall(__NR_openat, (u64)dir, (u64)name, how | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0), 0, 0, 0);
    i64 mode = raw_syscall(__NR_fcntl, (u64)dir, F_GETFL, 0, 0, 0, 0);
    if (mode < 0 || (!(mode & O_PATH) && (mode & O_ACCMODE) != O_WRONLY))
        return (int)raw_syscall(__NR_fcntl, (u64)dir, F_DUPFD_CLOEXEC, 0, 0, 0, 0);
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    return (int)raw_syscall(__NR_openat, AT_FDCWD, (u64)link, how, 0, 0, 0);
}

/* May the effective user execute an open file, as far as permission bits say? */
static bool permitted(const struct stat *st)
{
    uid_t user = geteuid();
    if (user == 0)
        return st->st_mode & (S_IXUSR | S_IXGRP | S_IXOTH);
    if (user == st->st_uid)
        return st->st_mode & S_IXUSR;
    bool member = getegid() == st->st_gid;
    gid_t *groups = member ? NULL : malloc(NGROUPS_MAX * sizeof *groups);
    for (int i = groups ? getgroups(NGROUPS_MAX, groups) : 0; !member && i-- > 0;)
        member = groups[i] == st->st_gid;
    free(groups);
    return st->st_mode & (member ? S_IXGRP : S_IXOTH);
}

/* The same, asked of the kernel; 0 or -errno. */
static i64 may_execute(int fd, const struct stat *st)
{
    i64 error = raw_syscall(__NR_faccessat2, (u64)fd, (u64)"", X_OK, AT_EMPTY_PATH | AT_EACCESS, 0, 0);
    if (error != -ENOSYS && error != -EPERM)
        return error;
    /* Before Linux 5.8, or under a filter that doesn't know the call, there is one for the real user only. */
    if (getuid() == geteuid() && getgid() == getegid()) {
        char link[32];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        error = raw_syscall(__NR_faccessat, AT_FDCWD, (u64)link, X_OK, 0, 0, 0);
        if (error != -ENOENT)
            return error;
    }
    return permitted(st) ? 0 : -EACCES;
}

/* The first bytes of a program: how many there are, or -errno as execve has it. */
static i64 look(int fd, char head[SCRIPT_LINE])
{
    struct stat st;
    if (fstat(fd, &st))
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EACCES;
    i64 error = may_execute(fd, &st);
    return error ? error : raw_syscall(__NR_pread64, (u64)fd, (u64)head, SCRIPT_LINE, 0, 0, 0);
}

/* The same of an interpreter. */
static i64 look_at(const Path *file, char head[SCRIPT_LINE])
{
    int fd = open_program(file->dir, file->name, 0);
    if (fd < 0)
        return fd;
    i64 n = look(fd, head);
    close(fd);
    return n;
}

/* Would the loader take it? 0, or the -errno that execve has for what is wrong with it: after the exec only the
 * program that isn't there any more could be told. */
static i64 check_guest(Exec *x)
{
    Image image;
    char why[512], head[SCRIPT_LINE];
    i64 error = image_open(&image, x->fd, x->name, why, sizeof why);
    char root[PATH_MAX];
    if (!error && image.interp[0] && !load_default_root(&x->t->process->options, &image, root)) {
        Path interp;
        error = path_find(x->t->process, AT_FDCWD, image.interp, PATH_FOLLOW, &interp);
        if (!error)
            error = look_at(&interp, head);
    }
    image.fd = -1; /* it stays open */
    image_close(&image);
    return error < 0 ? error : 0;
}

/* Does the file have rights to give that this process hasn't? */
static bool gives_rights(int fd)
{
    struct stat st;
    if (fstat(fd, &st))
        return false;
    return (st.st_mode & S_ISUID && st.st_uid != geteuid()) ||
           ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getegid()) ||
           (geteuid() && fgetxattr(fd, "security.capability", NULL, 0) > 0);
}

/* Executes a guest program. Rights are the kernel's to give: by binfmt_misc with flag C, if the host has that; the kernel doesn't
 * know of a sysroot, though. */
static i64 exec_checked(Exec *x)
{
    if (linux_state(x->t->process)->root < 0 && gives_rights(x->fd)) {
        i64 error = exec_file(x);
        if (error != -ENOEXEC)
            return error;
    }
    /* A program made by `dragoman aot` can't be told to be dragoman by somebody with fewer rights: not by itself, then, either. */
    if (ahead_payload() && getauxval(AT_SECURE))
        return -EACCES;
    i64 error = check_guest(x);
    return error ? error : exec_guest(x);
}

static i64 exec_script(Exec *x, const Script *s)
{
    char head[SCRIPT_LINE];
    Path found, *interp = &found;
    Script inner = *s;
    /* Whose is the interpreter at the end of the chain? */
    for (int depth = 0;; depth++) {
        i64 n = path_find(x->t->process, AT_FDCWD, inner.interp, PATH_FOLLOW, interp);
        if (!n)
            n = look_at(interp, head);
        if (n < 0)
            return n;
        switch (program_kind_for(x->t->process, head, (size_t)n, &inner)) {
        case PROGRAM_GUEST: return exec_guest(x);
        case PROGRAM_OTHER: return depth == 0 ? exec_host_script(x, s, interp) : exec_file(x);
        case PROGRAM_SCRIPT: break;
        }
        if (depth + 1 >= SCRIPT_DEPTH)
            return -ELOOP;
    }
}

/* What the kernel says of executing the open file (Linux 6.14; EINVAL before). */
static i64 ask_kernel(const Exec *x)
{
    const char *const argv[] = {x->name, NULL};
    return raw_syscall(__NR_execveat, (u64)x->fd, (u64)"", (u64)argv, (u64)(argv + 1), AT_EMPTY_PATH | AT_EXECVE_CHECK, 0);
}

/* The open file, whose first `n` bytes these are. */
static i64 exec_open(Exec *x, const char *head, size_t n)
{
    Script s;
    switch (program_kind_for(x->t->process, head, n, &s)) {
    case PROGRAM_GUEST: return exec_checked(x);
    case PROGRAM_OTHER: return exec_file(x);
    case PROGRAM_SCRIPT: break;
    }
    return x->closed ? -ENOENT : exec_script(x, &s);
}

/* The errors come in the order of fs/exec.c: the file's before those of the arguments, and these before those of its contents. */
static i64 exec(Exec *x)
{
    char head[SCRIPT_LINE];
    struct stat st;
    Path other;
    x->fd = open_program(x->file.dir, x->file.name, x->flags);
    if (x->fd >= 0 && *x->file.name && !(x->flags & AT_SYMLINK_NOFOLLOW) && fstat(x->fd, &st) == 0 &&
        path_elsewhere(x->t->process, x->file.dir, x->file.name, st.st_dev, st.st_ino, &other)) {
        close(x->fd);
        snprintf(x->file.buf, sizeof x->file.buf, "%s", other.buf);
        x->file.name = x->file.buf;
        x->file.dir = other.dir;
        x->fd = open_program(x->file.dir, x->file.name, x->flags);
    }
    i64 n = x->fd < 0 ? x->fd : look(x->fd, head);
    if (n >= 0 && ask_kernel(x) == -ETXTBSY) /* somebody may be writing it */
        n = -ETXTBSY;
    i64 error = n >= 0 || n == -EACCES ? read_argv(x) : 0;
    if (n == -EACCES && !error && (n = exec_file(x)) == -ENOEXEC) /* the kernel may open what can be executed but not read */
        n = -EACCES;
    if (n >= 0)
        n = error ? error : x->flags & AT_EXECVE_CHECK ? ask_kernel(x) : exec_open(x, head, (size_t)n);
    if (x->fd >= 0)
        close(x->fd);
    return n;
}

/* The name of a program that is opened by way of a descriptor (fs/exec.c: alloc_bprm). */
static void fd_name(Exec *x, int dir)
{
    char name[PATH_MAX];
    strcpy(name, x->name);
    snprintf(x->name, sizeof x->name, "/dev/fd/%d%s%s", dir, *name ? "/" : "", name);
    x->closed = raw_syscall(__NR_fcntl, (u64)dir, F_GETFD, 0, 0, 0, 0) & FD_CLOEXEC;
}

static i64 do_execveat(Task *t, int dir, u64 path, u64 argv, u64 envp, u64 flags)
{
    Exec exec_state = {.t = t, .flags = flags, .guest_argv = argv, .envp = envp}, *x = &exec_state;
    i64 error = mem_string(x->name, path, sizeof x->name);
    if (error < 0)
        return error;
    if (!*x->name && !(flags & AT_EMPTY_PATH))
        return -ENOENT;
    if (flags & ~(u64)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_EXECVE_CHECK))
        return -EINVAL;
    if (!*x->name)
        x->file = (Path){.dir = dir, .name = x->file.buf};
    else if ((error = path_find(t->process, dir, x->name, flags & AT_SYMLINK_NOFOLLOW ? PATH_NOFOLLOW : PATH_FOLLOW, &x->file)))
        return error;
    if (dir != AT_FDCWD && *x->name != '/')
        fd_name(x, dir);
    error = exec(x);
    if (error == -EMFILE && (x->raised = fd_raise_limit(&x->limit))) { /* the kernel's exec needs none */
        error = exec(x);
        fd_lower_limit(&x->limit);
    }
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

/* -- calls about other processes and threads ----------------------------------------------------------------------- */

SYSCALL(kcmp)
{
    bool hidden = proc_thread_hidden(t, (i32)a) || proc_thread_hidden(t, (i32)b);
    return hidden ? -ESRCH : host_syscall(t, __NR_kcmp, a, b, c, d, e, 0);
}

/* Numbers of threads, among others. */
#define BY_KIND(name, thread)                                                                                          \
    SYSCALL(name)                                                                                                      \
    {                                                                                                                  \
        bool hidden = (int)a == (thread) && proc_thread_hidden(t, (i32)b);                                             \
        return hidden ? -ESRCH : host_syscall(t, __NR_##name, a, b, c, 0, 0, 0);                                       \
    }
BY_KIND(getpriority, PRIO_PROCESS)
BY_KIND(setpriority, PRIO_PROCESS)
BY_KIND(ioprio_get, IOPRIO_WHO_PROCESS)
BY_KIND(ioprio_set, IOPRIO_WHO_PROCESS)
