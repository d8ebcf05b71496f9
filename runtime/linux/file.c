/* System calls on files and directories. */
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../ahead.h"
#include "../signal.h"
#include "linux.h"

int flags_to_host(Task *t, u32 guest)
{
    const Layout *l = t->abi->layout;
    u32 host = guest;
    for (size_t i = 0; i < l->nopen_flags; i++)
        host &= ~l->open_flags[i].guest;
    for (size_t i = 0; i < l->nopen_flags; i++)
        if (guest & l->open_flags[i].guest)
            host |= l->open_flags[i].host;
    return (int)host;
}

u32 flags_to_guest(Task *t, int host)
{
    const Layout *l = t->abi->layout;
    u32 guest = (u32)host;
    for (size_t i = 0; i < l->nopen_flags; i++)
        guest &= ~l->open_flags[i].host;
    for (size_t i = 0; i < l->nopen_flags; i++)
        if ((u32)host & l->open_flags[i].host)
            guest |= l->open_flags[i].guest;
    return guest;
}

static i64 open_host(Task *t, const Path *path, const struct open_how *how, u64 how_size)
{
    return how_size ? host_syscall(t, __NR_openat2, (u64)path->dir, (u64)path->name, (u64)how, how_size, 0, 0)
                    : host_syscall(t, __NR_openat, (u64)path->dir, (u64)path->name, how->flags, how->mode, 0, 0);
}

i64 file_busy(const Task *t, const Path *path, bool follow)
{
    struct stat st;
    if (fstatat(path->dir, path->name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) || !st.st_size ||
        !(st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) || !proc_executes(t, st.st_dev, st.st_ino))
        return 0;
    int fd = openat(path->dir, path->name, O_WRONLY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0)
        return -errno;
    close(fd);
    return -ETXTBSY;
}

/* openat and openat2 (whose resolve flags keep a lookup out of the sysroot: they're about the caller's own tree). */
static i64 open_path(Task *t, int dir, u64 guest_path, struct open_how *how, u64 how_size)
{
    char name[PATH_MAX];
    Path path = {.dir = dir};
    i64 length = mem_string(name, guest_path, sizeof name);
    if (length < 0)
        return length;
    i64 made;
    PathHow follow = how->flags & O_NOFOLLOW ? PATH_NOFOLLOW : PATH_FOLLOW;
    bool create = how->flags & O_CREAT, write = (how->flags & O_ACCMODE) != O_RDONLY || how->flags & O_TRUNC;
    if (how->resolve) {
        path.name = name;
    } else if (!create && !write && (made = ahead_open(name)) >= 0) {
        if (!(how->flags & O_CLOEXEC))
            fcntl((int)made, F_SETFD, 0);
        return made;
    } else if (!create && !write && !(how_size && how->mode)) {
        i64 fd = path_open(t, dir, name, how->flags);
        if (fd >= 0 || fd == -RESTART_SYS || fd == -RESTART_NOINTR)
            return fd;
        if (fd == -ENOENT)
            path_host(t->process, dir, name, follow, &path);
        else
            path_find(t->process, dir, name, follow, &path);
    } else {
        path_find(t->process, dir, name, follow, &path);
        if (create && !path_exists(path.dir, path.name, follow == PATH_FOLLOW))
            path_find(t->process, dir, name, PATH_CREATE, &path);
    }
    i64 busy = write && !(how->flags & (O_PATH | O_EXCL)) ? file_busy(t, &path, follow == PATH_FOLLOW) : 0;
    if (busy)
        return busy;
    i64 fd = open_host(t, &path, how, how_size);
    struct stat st;
    Path other;
    if (fd >= 0 && follow == PATH_FOLLOW && fstat((int)fd, &st) == 0 &&
        path_elsewhere(t->process, path.dir, path.name, st.st_dev, st.st_ino, &other)) {
        close((int)fd);
        fd = open_host(t, &other, how, how_size);
    }
    if (fd >= 0 && (how->flags & O_ACCMODE) != O_RDONLY)
        memory_opened(t, (int)fd);
    if (fd >= 0 && how->flags & O_TRUNC)
        memory_file_cut(t, (int)fd, "");
    return fd;
}

SYSCALL(openat)
{
    struct open_how how = {.flags = (u32)flags_to_host(t, (u32)c), .mode = d};
    i64 fd = open_path(t, (int)a, b, &how, 0);
    procfd_opened(t->process, fd, true);
    return fd;
}

SYSCALL(openat2)
{
    struct open_how how = {0};
    u8 rest[256];
    if (d < sizeof how)
        return -EINVAL;
    if (d > sizeof how + sizeof rest)
        return -E2BIG;
    if (mem_read(&how, c, sizeof how) || mem_read(rest, c + sizeof how, d - sizeof how))
        return -EFAULT;
    for (size_t i = 0; i < d - sizeof how; i++)
        if (rest[i])
            return -E2BIG;
    how.flags = (how.flags & ~(u64)UINT32_MAX) | (u32)flags_to_host(t, (u32)how.flags);
    i64 fd = open_path(t, (int)a, b, &how, sizeof how);
    procfd_opened(t->process, fd, true);
    return fd;
}

SYSCALL(fcntl)
{
    if ((int)b == F_SETFL)
        c = (u64)(u32)flags_to_host(t, (u32)c);
    i64 result = host_syscall(t, __NR_fcntl, a, b, c, 0, 0, 0);
    if ((int)b == F_DUPFD || (int)b == F_DUPFD_CLOEXEC)
        procfd_dup(t, (int)a, result);
    return (int)b == F_GETFL && result >= 0 ? (i64)flags_to_guest(t, (int)result) : result;
}

SYSCALL(pipe2)
{
    return host_syscall(t, __NR_pipe2, a, (u64)(u32)flags_to_host(t, (u32)b), 0, 0, 0, 0);
}

SYSCALL(open_by_handle_at)
{
    return host_syscall(t, __NR_open_by_handle_at, a, b, (u64)(u32)flags_to_host(t, (u32)c), 0, 0, 0);
}

SYSCALL(fanotify_init)
{
    return host_syscall(t, __NR_fanotify_init, a, (u64)(u32)flags_to_host(t, (u32)b), 0, 0, 0, 0);
}

SYSCALL(getcwd)
{
    char cwd[PATH_MAX];
    i64 n = raw_syscall(__NR_getcwd, (u64)cwd, sizeof cwd, 0, 0, 0, 0);
    if (n < 0)
        return n;
    size_t size = path_to_guest(t->process, cwd) + 1;
    if (size > b)
        return -ERANGE;
    return mem_write(a, cwd, size) ? -EFAULT : (i64)size;
}

SYSCALL(chdir)
{
    char name[PATH_MAX];
    i64 length = mem_string(name, a, sizeof name);
    return length < 0 ? length : path_chdir(t, name);
}

/* The new root is all there is from then on: the sysroot no more than the host's other files. */
SYSCALL(chroot)
{
    Process *p = t->process;
    Path path;
    i64 error = path_lookup(t, AT_FDCWD, a, PATH_FOLLOW, &path);
    if (error || (path.name && p->options.sysroot && strcmp(path.name, p->options.sysroot) == 0))
        return error;
    error = host_syscall(t, __NR_chroot, (u64)path.name, 0, 0, 0, 0, 0);
    if (!error) {
        linux_state(p)->root = -1;
        p->options.sysroot = NULL;
    }
    return error;
}

/* Is the link a file of procfs, where the kernel makes up what it says? */
static bool in_proc(const Path *link)
{
    struct statfs fs;
    int fd = openat(link->dir, link->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    bool is = fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
    if (fd >= 0)
        close(fd);
    return is;
}

SYSCALL(readlinkat)
{
    Process *p = t->process;
    char name[PATH_MAX], target[PATH_MAX], open_name[PATH_MAX];
    Path path;
    ProcDir of;
    i64 length = mem_string(name, b, sizeof name);
    if (length < 0)
        return length;
    if ((int)d <= 0)
        return -EINVAL;
    i64 error = path_find(p, (int)a, name, PATH_NOFOLLOW, &path);
    if (error)
        return error;
    if ((*name ? proc_is_exe(path.dir, path.name, &of) : proc_fd_is_exe((int)a, &of)) && (of.own || proc_exe_of(p, &of, target, open_name) == 0)) {
        if (of.own && !fd_path(p->exe_fd, target))
            snprintf(target, sizeof target, "%s", p->guest_exe);
    } else {
        length = host_syscall(t, __NR_readlinkat, (u64)path.dir, (u64)path.name, (u64)target, sizeof target - 1, 0, 0);
        if (length < 0)
            return length;
        target[length] = 0;
    }
    if (path_in_sysroot(p, target) && in_proc(&path))
        path_to_guest(p, target);
    length = (i64)strlen(target);
    length = length < (int)d ? length : (int)d;
    return mem_write(c, target, (size_t)length) ? -EFAULT : length;
}

static i64 put_stat(Task *t, u64 guest, const struct stat *st)
{
    u8 out[256];
    t->abi->layout->stat(out, st);
    return mem_write(guest, out, t->abi->layout->stat_size);
}

SYSCALL(fstat)
{
    struct stat st;
    i64 error = raw_syscall(__NR_fstat, a, (u64)&st, 0, 0, 0, 0);
    return error ? error : put_stat(t, b, &st);
}

/* Opens the file of a call that only asks about it, if it is the sysroot's: *fd is then its descriptor, "" its name.
 * Else *fd is -1 and path is as path_lookup has it. */
static i64 ask_path(Task *t, int dir, u64 guest_path, bool follow, Path *path, int *fd)
{
    char name[PATH_MAX];
    *fd = -1;
    if (!guest_path)
        return path_lookup(t, dir, 0, PATH_FOLLOW, path);
    i64 length = mem_string(name, guest_path, sizeof name);
    if (length < 0)
        return length;
    i64 opened = path_open(t, dir, name, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    PathHow how = follow ? PATH_FOLLOW : PATH_NOFOLLOW;
    if (opened == -ENOENT) {
        path_host(t->process, dir, name, how, path);
        return 0;
    }
    if (opened < 0)
        return path_find(t->process, dir, name, how, path);
    *fd = path->dir = (int)opened;
    path->name = "";
    return 0;
}

static i64 asked(int fd, i64 result)
{
    if (fd >= 0)
        close(fd);
    return result;
}

SYSCALL(newfstatat)
{
    struct stat st;
    Path path;
    int fd;
    i64 error = ask_path(t, (int)a, b, !(d & AT_SYMLINK_NOFOLLOW), &path, &fd);
    if (error)
        return error;
    if (fd >= 0)
        d |= AT_EMPTY_PATH;
    error = asked(fd, host_syscall(t, __NR_newfstatat, (u64)path.dir, (u64)path.name, (u64)&st, d, 0, 0));
    Path other;
    if (!error && fd < 0 && b && !(d & AT_SYMLINK_NOFOLLOW) &&
        path_elsewhere(t->process, path.dir, path.name, st.st_dev, st.st_ino, &other))
        error = host_syscall(t, __NR_newfstatat, (u64)other.dir, (u64)other.name, (u64)&st, d, 0, 0);
    return error ? error : put_stat(t, c, &st);
}

SYSCALL(statx)
{
    Path path;
    int fd;
    i64 error = ask_path(t, (int)a, b, !(c & AT_SYMLINK_NOFOLLOW), &path, &fd);
    if (error)
        return error;
    if (fd >= 0)
        c |= AT_EMPTY_PATH;
    error = asked(fd, host_syscall(t, __NR_statx, (u64)path.dir, (u64)path.name, c, d, e, 0));
    struct statx st;
    Path other;
    if (!error && fd < 0 && b && !(c & AT_SYMLINK_NOFOLLOW) && !mem_read(&st, e, sizeof st) &&
        path_elsewhere(t->process, path.dir, path.name, makedev(st.stx_dev_major, st.stx_dev_minor), st.stx_ino, &other))
        error = host_syscall(t, __NR_statx, (u64)other.dir, (u64)other.name, c, d, e, 0);
    return error;
}

SYSCALL(faccessat)
{
    Path path;
    int fd;
    i64 error = ask_path(t, (int)a, b, true, &path, &fd);
    if (error)
        return error;
    if (fd >= 0) {
        i64 result = asked(fd, host_syscall(t, __NR_faccessat2, (u64)fd, (u64) "", c, AT_EMPTY_PATH, 0, 0));
        if (result != -ENOSYS && result != -EPERM)
            return result;
        path_lookup(t, (int)a, b, PATH_FOLLOW, &path);
    }
    return host_syscall(t, __NR_faccessat, (u64)path.dir, (u64)path.name, c, 0, 0, 0);
}

/* Into memory of our own, where no other thread can change what is being filtered. */
SYSCALL(getdents64)
{
    enum { ROOM = 64 << 10 };
    u64 room = (u32)c < ROOM ? (u32)c : ROOM;
    u8 *entries = malloc(ROOM);
    i64 size, kept;
    if (!entries)
        return -ENOMEM;
    do {
        size = kept = host_syscall(t, __NR_getdents64, a, (u64)entries, room, 0, 0, 0);
        if (size > 0)
            kept = proc_filter(t, (int)a, entries, size, (i64)room);
    } while (size > 0 && kept == 0); /* 0 would mean the end */
    if (kept > 0 && mem_write(b, entries, (size_t)kept))
        kept = -EFAULT;
    free(entries);
    return kept;
}

/* -- reading: the contents of some files are made here (procfd.c) */

/* `offset`: where to read; -1 for the file's position. */
static i64 read_at(Task *t, long nr, const u64 args[6], bool vector, i64 offset)
{
    i64 result;
    if (unlikely(!procfd_plain(t->process->kernel, (u32)args[0])) && offset >= -1 &&
        procfd_read(t, (int)args[0], args[1], args[2], vector, offset, &result))
        return result;
    result = host_syscall(t, nr, args[0], args[1], args[2], args[3], args[4], args[5]);
    return unlikely(signal_got_copies(t)) ? signalfd_received(t, (int)args[0], result, args[1], args[2], vector) : result;
}

#define READ(name, vector, offset)                                                                                     \
    SYSCALL(name)                                                                                                      \
    {                                                                                                                  \
        return read_at(t, __NR_##name, (u64[]){a, b, c, d, e, f}, vector, offset);                                     \
    }
READ(read, false, -1)
READ(readv, true, -1)
READ(pread64, false, (i64)d == -1 ? -2 : (i64)d)
READ(preadv, true, (i64)d == -1 ? -2 : (i64)d)
READ(preadv2, true, (i64)d)

SYSCALL(lseek)
{
    i64 result;
    if (unlikely(!procfd_plain(t->process->kernel, (u32)a)) && procfd_seek(t, (int)a, (i64)b, (int)c, &result))
        return result;
    return host_syscall(t, __NR_lseek, a, b, c, 0, 0, 0);
}

/* The kernel can't send the contents of files in /proc either. */

static bool unsendable(Task *t, u64 fd)
{
    return unlikely(!procfd_plain(t->process->kernel, (u32)fd)) && procfd_is(t, (int)fd);
}

SYSCALL(sendfile)
{
    return unsendable(t, b) ? -EINVAL : host_syscall(t, __NR_sendfile, a, b, c, d, 0, 0);
}

SYSCALL(splice)
{
    return unsendable(t, a) ? -EINVAL : host_syscall(t, __NR_splice, a, b, c, d, e, f);
}

SYSCALL(copy_file_range)
{
    return unsendable(t, a) ? -EINVAL : host_syscall(t, __NR_copy_file_range, a, b, c, d, e, f);
}

/* -- calls with two names */

SYSCALL(linkat)
{
    Path from, to;
    i64 error = path_lookup(t, (int)a, b, e & AT_SYMLINK_FOLLOW ? PATH_FOLLOW : PATH_NOFOLLOW, &from);
    if (!error)
        error = path_lookup(t, (int)c, d, PATH_CREATE, &to);
    return error ? error
                 : host_syscall(t, __NR_linkat, (u64)from.dir, (u64)from.name, (u64)to.dir, (u64)to.name, e, 0);
}

SYSCALL(symlinkat)
{
    Path to;
    i64 error = path_lookup(t, (int)b, c, PATH_CREATE, &to);
    return error ? error : host_syscall(t, __NR_symlinkat, a, (u64)to.dir, (u64)to.name, 0, 0, 0);
}

SYSCALL(renameat2)
{
    Path from, to;
    i64 error = path_lookup(t, (int)a, b, PATH_NOFOLLOW, &from);
    if (!error)
        error = path_lookup(t, (int)c, d, PATH_CREATE, &to);
    return error ? error
                 : host_syscall(t, __NR_renameat2, (u64)from.dir, (u64)from.name, (u64)to.dir, (u64)to.name, e, 0);
}

SYSCALL(renameat)
{
    return sys_renameat2(t, a, b, c, d, 0, 0);
}

/* What is asked of the mount at the guest's root is asked of the host's, unless there is a mount at the sysroot: the
 * guest's tree is laid over the host's. */
static i64 at_root(Task *t, const Path *path, i64 result, i64 (*again)(Task *t, u64 root, const u64 args[6]),
                   const u64 args[6])
{
    const char *root = t->process->options.sysroot, *name = path->name;
    bool is_root =
        root && name && path_in_sysroot(t->process, name) && !name[strlen(root) + strspn(name + strlen(root), "/")];
    return result == -EINVAL && is_root ? again(t, (u64) "/", args) : result;
}

static i64 mount_at(Task *t, u64 target, const u64 args[6])
{
    return host_syscall(t, __NR_mount, args[0], target, args[2], args[3], args[4], 0);
}

SYSCALL(mount)
{
    Path from, to;
    char source[PATH_MAX];
    u64 args[6] = {a, b, c, d, e};
    i64 error = path_lookup(t, AT_FDCWD, b, PATH_FOLLOW, &to);
    /* The source is a file name for bind mounts and devices, a label for the rest. */
    if (!error && a && mem_string(source, a, sizeof source) > 0 && source[0] == '/') {
        error = path_find(t->process, AT_FDCWD, source, PATH_FOLLOW, &from);
        args[0] = (u64)from.name;
    }
    if (error)
        return error;
    i64 result = mount_at(t, (u64)to.name, args);
    return d & (MS_REMOUNT | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)
               ? at_root(t, &to, result, mount_at, args)
               : result;
}

static i64 mount_setattr_at(Task *t, u64 path, const u64 args[6])
{
    return host_syscall(t, __NR_mount_setattr, args[0], path, args[2], args[3], args[4], 0);
}

SYSCALL(mount_setattr)
{
    Path path;
    i64 error = path_lookup(t, (int)a, b, c & AT_SYMLINK_NOFOLLOW ? PATH_NOFOLLOW : PATH_FOLLOW, &path);
    if (error)
        return error;
    u64 args[6] = {(u64)path.dir, b, c, d, e};
    return at_root(t, &path, mount_setattr_at(t, (u64)path.name, args), mount_setattr_at, args);
}

SYSCALL(pivot_root)
{
    Path from, to;
    i64 error = path_lookup(t, AT_FDCWD, a, PATH_FOLLOW, &from);
    if (!error)
        error = path_lookup(t, AT_FDCWD, b, PATH_FOLLOW, &to);
    return error ? error : host_syscall(t, __NR_pivot_root, (u64)from.name, (u64)to.name, 0, 0, 0, 0);
}

SYSCALL(move_mount)
{
    Path from, to;
    i64 error = path_lookup(t, (int)a, b, PATH_FOLLOW, &from);
    if (!error)
        error = path_lookup(t, (int)c, d, PATH_FOLLOW, &to);
    return error ? error
                 : host_syscall(t, __NR_move_mount, (u64)from.dir, (u64)from.name, (u64)to.dir, (u64)to.name, e, 0);
}
