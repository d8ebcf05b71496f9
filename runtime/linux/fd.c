/* The translator's own descriptors. A guest may close everything from 3 up, count on dup giving it the lowest free
 * number, or use all that its limit allows: ours live beyond that limit, which only has to be higher in the moment in
 * which they are made. The guest's calls can't touch them (linux.c, fd_in_message and others below).
 *
 * Where the limit can't be raised they lie at its top, and where it is high not so far up, because the kernel's table
 * grows with the highest descriptor. They are moved or given up when the guest needs their numbers; then the sysroot's
 * files are found by name, and the program's too. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "../tier.h"
#include "linux.h"

/* Is it this program's file? Told by the ELF header, which is mapped. */
static bool is_self(int fd)
{
    extern const char __ehdr_start[];
    char header[sizeof(Elf64_Ehdr)];
    return pread(fd, header, sizeof header, 0) == sizeof header && memcmp(header, __ehdr_start, sizeof header) == 0;
}

/* This program's own file, to be executed again where there is no /proc (any more): by the descriptor that an exec of ours left
 * open (its name is then /dev/fd/N), or by the name that it was started with, which under binfmt_misc is the guest's. Names and
 * descriptors of somebody with fewer rights are left alone. */
static int open_self(void)
{
    const char *name = getauxval(AT_SECURE) ? NULL : (const char *)getauxval(AT_EXECFN);
    int fd = -1;
    if (name && sscanf(name, "/dev/fd/%d", &fd) == 1 && is_self(fd))
        return fd;
    fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == EACCES)
        fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    if (fd >= 0 || !name)
        return fd;
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && !is_self(fd)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static FileId file_id(const char *name)
{
    struct stat st;
    return stat(name, &st) ? (FileId){0} : (FileId){st.st_dev, st.st_ino};
}

Linux *linux_state(Process *p)
{
    if (likely(p->kernel != NULL))
        return p->kernel;
    Linux *l = calloc(1, sizeof *l);
    if (!l)
        out_of_memory("the system calls");
    l->root = -1;
    for (size_t i = 0; i < LEN(l->debug); i++)
        l->debug[i] = -1;
    p->kernel = l;
    system_init(p, l);
    procfd_init(l);
    l->self = fd_hide(p, open_self());
    l->exe = file_id("/proc/self/exe");
    l->top = file_id("/");
    fd_set_root(p, p->options.sysroot);
    return l;
}

/* By its real name, which is what the kernel reports of files in it. */
void fd_set_root(Process *p, const char *path)
{
    char *real = path ? realpath(path, NULL) : NULL;
    if (real && strcmp(real, "/") != 0) {
        p->options.sysroot = real;
        fd_root(p);
    } else {
        free(real);
        p->options.sysroot = NULL;
    }
}

enum {
    FAR = 1000,  /* high enough for descriptors of ours, if the limit is higher */
    FEW = 64,    /* with a lower limit that can't be raised there is no room for them */
    BEYOND = 16, /* so far the limit is raised */
};

/* The guest's limit; 0 if it can't be told. */
static u32 soft_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) ? 0 : limit.rlim_cur < INT_MAX ? (u32)limit.rlim_cur : INT_MAX;
}

bool fd_raise_limit(FdLimit *saved)
{
    struct rlimit higher;
    int error = errno;
    if (getrlimit(RLIMIT_NOFILE, &saved->limit))
        return false;
    higher.rlim_cur = saved->limit.rlim_cur + BEYOND;
    higher.rlim_max = saved->limit.rlim_max > higher.rlim_cur ? saved->limit.rlim_max : higher.rlim_cur;
    bool raised = setrlimit(RLIMIT_NOFILE, &higher) == 0;
    errno = error;
    return raised;
}

void fd_lower_limit(const FdLimit *saved)
{
    setrlimit(RLIMIT_NOFILE, &saved->limit);
}

/* Copies fd beyond the guest's limit; -1 if that can't be. */
static int copy_beyond(int fd)
{
    FdLimit saved;
    if (!fd_raise_limit(&saved))
        return -1;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, (int)saved.limit.rlim_cur);
    fd_lower_limit(&saved);
    return high;
}

static void note_range(Linux *l)
{
    int low = INT_MAX, high = -1;
    for (int i = 0; i < l->nhidden; i++) {
        low = l->hidden[i] < low ? l->hidden[i] : low;
        high = l->hidden[i] > high ? l->hidden[i] : high;
    }
    l->lowest = (u32)low;
    l->span = high < 0 ? 0 : (u32)(high - low + 1);
}

/* Puts `other` in the place of the i-th hidden descriptor, or nothing if it is -1. */
static void replace(Process *p, int i, int other)
{
    Linux *l = p->kernel;
    int *users[] = {&l->root, &l->self, &p->exe_fd, &l->debug[0], &l->debug[1], &l->debug[2], &l->debug[3]};
    for (size_t k = 0; k < LEN(users); k++)
        if (*users[k] == l->hidden[i])
            *users[k] = other;
    if (other >= 0)
        l->hidden[i] = other;
    else
        l->hidden[i] = l->hidden[--l->nhidden];
    note_range(l);
}

int fd_hide(Process *p, int fd)
{
    Linux *l = linux_state(p);
    u32 limit = soft_limit();
    int high = -1;
    if (fd >= 0 && l->nhidden < (int)LEN(l->hidden)) {
        high = limit <= FAR ? copy_beyond(fd) : fcntl(fd, F_DUPFD_CLOEXEC, FAR);
        if (high < 0 && limit >= FEW)
            high = fcntl(fd, F_DUPFD_CLOEXEC, limit > FAR ? FAR : (int)limit - BEYOND);
    }
    if (fd >= 0)
        close(fd);
    if (high >= 0) {
        l->hidden[l->nhidden++] = high;
        note_range(l);
    }
    return high;
}

void fd_close_hidden(Process *p, int fd)
{
    Linux *l = linux_state(p);
    for (int i = 0; i < l->nhidden && fd >= 0; i++) {
        if (l->hidden[i] != fd)
            continue;
        replace(p, i, -1);
        close(fd);
    }
}

bool fd_path(int fd, char path[PATH_MAX])
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    if (n <= 0)
        return false;
    path[n] = 0;
    return path[0] == '/';
}

int fd_root(Process *p)
{
    Linux *l = linux_state(p);
    if (l->root < 0 && p->options.sysroot)
        l->root = fd_hide(p, open(p->options.sysroot, O_PATH | O_DIRECTORY | O_CLOEXEC));
    return l->root;
}

int fd_reopen_root(Process *p)
{
    Linux *l = linux_state(p);
    for (int i = l->nhidden; i-- > 0 && l->root >= 0;)
        if (l->hidden[i] == l->root)
            replace(p, i, -1);
    return fd_root(p);
}

bool fd_is_hidden(const Linux *l, u32 fd)
{
    for (int i = 0; i < l->nhidden; i++)
        if (fd == (u32)l->hidden[i])
            return true;
    return false;
}

bool fd_give_up(Task *t)
{
    Process *p = t->process;
    Linux *l = linux_state(p);
    u32 limit = soft_limit();
    bool changed = false;
    for (int i = l->nhidden; i-- > 0 && !t->vfork_child;) {
        int fd = l->hidden[i];
        if ((u32)fd >= limit)
            continue;
        replace(p, i, copy_beyond(fd));
        close(fd);
        changed = true;
    }
    return changed;
}

/* Moves a descriptor of ours out of the way of the guest's dup3. */
static void give_way(Process *p, u32 fd)
{
    Linux *l = linux_state(p);
    for (int i = l->nhidden; i-- > 0 && fd < soft_limit();)
        if (fd == (u32)l->hidden[i]) {
            int other = copy_beyond((int)fd);
            replace(p, i, other >= 0 ? other : fcntl((int)fd, F_DUPFD_CLOEXEC, FEW));
        }
}

SYSCALL(close)
{
    procfd_closed(t, (u32)a, (u32)a);
    return host_syscall(t, __NR_close, a, 0, 0, 0, 0, 0);
}

SYSCALL(dup)
{
    i64 copy = host_syscall(t, __NR_dup, a, 0, 0, 0, 0, 0);
    procfd_dup(t, (int)a, copy);
    return copy;
}

SYSCALL(dup3)
{
    give_way(t->process, (u32)b);
    if ((u32)a != (u32)b)
        procfd_closed(t, (u32)b, (u32)b);
    i64 copy = host_syscall(t, __NR_dup3, a, b, c, 0, 0, 0);
    procfd_dup(t, (int)a, copy);
    return copy;
}

/* Around the hidden ones, lowest gap first. */
static i64 close_around(Task *t, u32 first, u32 last, u64 flags)
{
    Linux *l = linux_state(t->process);
    procfd_closed(t, first, last);
    for (;;) {
        u32 stop = last;
        bool hole = false;
        for (int i = 0; i < l->nhidden; i++) {
            u32 fd = (u32)l->hidden[i];
            if (fd >= first && fd <= stop) {
                stop = fd;
                hole = true;
            }
        }
        i64 error = 0;
        if (!hole)
            return host_syscall(t, __NR_close_range, first, last, flags, 0, 0, 0);
        if (stop > first)
            error = host_syscall(t, __NR_close_range, first, stop - 1, flags, 0, 0, 0);
        if (error || stop == last)
            return error;
        first = stop + 1;
    }
}

SYSCALL(close_range)
{
    /* The compile thread would keep the table open that the guest leaves. */
    bool leaves = c & CLOSE_RANGE_UNSHARE && !t->vfork_child;
    if ((u32)a > (u32)b)
        return -EINVAL;
    if (leaves)
        tier_stop();
    i64 error = close_around(t, (u32)a, (u32)b, c);
    if (leaves)
        tier_start();
    return error;
}

/* From another process, it may be any file; from this one, it mustn't be ours. */
SYSCALL(pidfd_getfd)
{
    char name[32], line[64];
    int pid = 0;
    if (fd_hidden(t->process, (u32)b)) {
        snprintf(name, sizeof name, "/proc/self/fdinfo/%d", (int)a);
        FILE *f = fopen(name, "r");
        while (f && fgets(line, sizeof line, f) && sscanf(line, "Pid: %d", &pid) != 1)
            ;
        if (f)
            fclose(f);
        if (pid == getpid())
            return -EBADF;
    }
    i64 fd = host_syscall(t, __NR_pidfd_getfd, a, b, c, 0, 0, 0);
    procfd_opened(t->process, fd, false);
    return fd;
}
