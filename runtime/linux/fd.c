/* The translator's own descriptors. A guest may close everything from 3 up, or count on dup giving it the lowest
 * free number: ours live at the top of the descriptor table, where no guest looks, and the guest's calls can't touch
 * them. */
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

Linux *linux_state(Process *p)
{
    if (likely(p->kernel != NULL))
        return p->kernel;
    Linux *l = calloc(1, sizeof *l);
    if (!l)
        out_of_memory("the system calls");
    l->root = -1;
    p->kernel = l;
    system_init(p, l);
    procfd_init(l);
    int self_fd = open_self();
    l->self = self_fd < 0 ? -1 : fd_hide(p, self_fd);
    /* By its real name, which is what the kernel reports of files in it. */
    char *real = p->options.sysroot ? realpath(p->options.sysroot, NULL) : NULL;
    if (real && strcmp(real, "/") != 0) {
        int fd = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
        l->root = fd < 0 ? -1 : fd_hide(p, fd);
        p->options.sysroot = real;
    } else {
        free(real);
        p->options.sysroot = NULL;
    }
    return l;
}

int fd_hide(Process *p, int fd)
{
    Linux *l = linux_state(p);
    if (l->nhidden == LEN(l->hidden))
        return fd;
    struct rlimit limit;
    u64 top = getrlimit(RLIMIT_NOFILE, &limit) ? 256 : limit.rlim_cur;
    top = top > 1024 ? 1024 : top; /* the kernel's table grows with the highest descriptor */
    int high = fcntl(fd, F_DUPFD_CLOEXEC, top > 64 ? (int)top - 24 : (int)top / 2);
    if (high < 0)
        return fd;
    close(fd);
    l->hidden[l->nhidden] = high;
    l->nhidden++;
    return high;
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

bool fd_reopen_root(Process *p)
{
    Linux *l = linux_state(p);
    int fd = open(p->options.sysroot, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 64);
    if (fd >= 0)
        close(fd);
    for (int i = 0; i < l->nhidden && high >= 0; i++)
        if (l->hidden[i] == l->root)
            l->hidden[i] = high;
    if (high >= 0)
        l->root = high;
    return high >= 0;
}

bool fd_hidden(Process *p, u32 fd)
{
    Linux *l = linux_state(p);
    for (int i = 0; i < l->nhidden; i++)
        if (fd == (u32)l->hidden[i])
            return true;
    return false;
}

/* Moves a descriptor of ours out of the way of the guest's dup3. */
static bool give_way(Process *p, u32 fd)
{
    Linux *l = linux_state(p);
    for (int i = 0; i < l->nhidden; i++) {
        if (fd != (u32)l->hidden[i])
            continue;
        int other = fcntl((int)fd, F_DUPFD_CLOEXEC, (int)fd + 1);
        if (other < 0)
            other = fcntl((int)fd, F_DUPFD_CLOEXEC, 64);
        if (other < 0)
            return false;
        if (l->root == l->hidden[i])
            l->root = other;
        if (l->self == l->hidden[i])
            l->self = other;
        if (p->exe_fd == l->hidden[i])
            p->exe_fd = other;
        l->hidden[i] = other;
    }
    return true;
}

SYSCALL(close)
{
    procfd_closed(t, (u32)a, (u32)a);
    return fd_hidden(t->process, (u32)a) ? -EBADF : host_syscall(t, __NR_close, a, 0, 0, 0, 0, 0);
}

SYSCALL(dup)
{
    i64 copy = fd_hidden(t->process, (u32)a) ? -EBADF : host_syscall(t, __NR_dup, a, 0, 0, 0, 0, 0);
    procfd_dup(t, (int)a, copy);
    return copy;
}

SYSCALL(dup3)
{
    if (fd_hidden(t->process, (u32)a) || !give_way(t->process, (u32)b))
        return -EBADF;
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
