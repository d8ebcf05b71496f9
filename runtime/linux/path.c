/* Names of files. The guest sees one tree: the sysroot (-L) laid over the host's. A name is looked up in the sysroot
 * first, with the sysroot as its root directory, so that absolute symlinks and ".." stay inside; what isn't there is
 * the host's. Kernel file systems are never the sysroot's, and a directory that is empty there is a place for the host's
 * to be seen, as under a mount: every Debian root file system has a /tmp, a /home, a /run. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux.h"

static bool inside(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == 0);
}

static bool of_kernel(const char *path)
{
    return inside(path, "/proc") || inside(path, "/sys") || inside(path, "/dev");
}

/* A name that goes through a link to the root, as each process's directory in /proc has one, begins at the guest's root. */
static const char *from_root(int dir, const char *name, bool follow)
{
    char start[PATH_MAX];
    for (const char *at = name, *end; *at; at = end + strspn(end, "/")) {
        end = at + strcspn(at, "/");
        if (end - at != 4 || memcmp(at, "root", 4) != 0 || at == name + 1 || (!*end && !follow))
            continue;
        snprintf(start, sizeof start, "%.*s", (int)(end - name), name);
        if (!proc_is_root(dir, start))
            continue;
        if (!*end)
            return "/";
        name = end;
        dir = AT_FDCWD;
    }
    return name;
}

/* The absolute name in the guest's tree of what `name` means for the host's *at calls, in buf if it isn't name itself. NULL
 * if that is the host's affair: no name, or one below a descriptor of the host's. *within: relative to a place in the
 * sysroot. */
static const char *absolute(Process *p, int dir, const char *name, bool follow, char buf[PATH_MAX], bool *within)
{
    *within = false;
    name = from_root(dir, name, follow);
    if (name[0] == '/' || !name[0])
        return name[0] ? name : NULL;
    ssize_t n;
    if (dir == AT_FDCWD) {
        n = raw_syscall(__NR_getcwd, (u64)buf, PATH_MAX, 0, 0, 0, 0) - 1;
    } else {
        char link[32];
        snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        n = readlink(link, buf, PATH_MAX - 1);
    }
    if (n <= 0 || buf[0] != '/')
        return NULL;
    buf[n] = 0;
    *within = inside(buf, p->options.sysroot);
    if (!*within && dir != AT_FDCWD)
        return NULL;
    size_t length = path_to_guest(p, buf);
    if (length + strlen(name) + 2 > PATH_MAX)
        return NULL;
    if (buf[length - 1] != '/')
        buf[length++] = '/';
    strcpy(buf + length, name);
    return buf;
}

bool path_exists(int dir, const char *name, bool follow)
{
    struct stat st;
    return fstatat(dir, name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) == 0;
}

/* Is what fd has open an empty directory that the host has, too (as `name`)? */
static bool is_mount_point(int fd, const char *name)
{
    struct stat st, host;
    if (fstat(fd, &st) || !S_ISDIR(st.st_mode) || st.st_nlink > 2 || stat(name, &host) || !S_ISDIR(host.st_mode))
        return false;
    int dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    u8 buf[1024];
    bool empty = dir >= 0;
    i64 n;
    while (empty && (n = raw_syscall(__NR_getdents64, (u64)dir, (u64)buf, sizeof buf, 0, 0, 0)) > 0)
        for (i64 at = 0; at < n && empty;) {
            const struct dirent64 *entry = (const struct dirent64 *)(buf + at);
            empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
            at += entry->d_reclen;
        }
    if (dir >= 0)
        close(dir);
    return empty;
}

static const char *sysroot(Process *p)
{
    linux_state(p);
    return p->options.sysroot;
}

/* Opens a file of the sysroot for a look at it. */
static i64 look(Process *p, const char *relative, struct open_how *how)
{
    u64 name = (u64)(*relative ? relative : ".");
    i64 fd = raw_syscall(__NR_openat2, (u64)fd_root(p), name, (u64)how, sizeof *how, 0, 0);
    if (fd == -EBADF)
        fd = raw_syscall(__NR_openat2, (u64)fd_reopen_root(p), name, (u64)how, sizeof *how, 0, 0);
    FdLimit saved;
    if (fd == -EMFILE && fd_raise_limit(&saved)) {
        fd = raw_syscall(__NR_openat2, (u64)fd_root(p), name, (u64)how, sizeof *how, 0, 0);
        fd_lower_limit(&saved);
    }
    return fd;
}

/* The host's path of `path` inside the sysroot; false if it has no such file. */
static bool in_sysroot(Process *p, const char *path, bool follow, char *out)
{
    Linux *l = linux_state(p);
    const char *relative = path + strspn(path, "/");
    size_t length = strlen(path);
    bool slash = length > 1 && path[length - 1] == '/';
    if (!l->no_openat2) {
        struct open_how how = {
            .flags = O_PATH | O_CLOEXEC | (follow || slash ? 0 : O_NOFOLLOW),
            .resolve = RESOLVE_IN_ROOT,
        };
        i64 fd = look(p, relative, &how);
        if (fd >= 0) {
            char link[32];
            snprintf(link, sizeof link, "/proc/self/fd/%d", (int)fd);
            ssize_t n = readlink(link, out, PATH_MAX - 2);
            bool hidden = is_mount_point((int)fd, path);
            close((int)fd);
            if (hidden)
                return false;
            if (n > 0) {
                if (slash)
                    out[n++] = '/';
                out[n] = 0;
                return true;
            }
        } else if (fd == -ENOSYS || fd == -EPERM) {
            l->no_openat2 = true;
        } else if (fd != -EBADF && fd != -EMFILE) {
            return false;
        }
    }
    /* Without openat2 (or /proc, or a descriptor), absolute symlinks lead out of the sysroot. */
    int n = snprintf(out, PATH_MAX, "%s%s", p->options.sysroot, path);
    return n < PATH_MAX && path_exists(AT_FDCWD, out, follow);
}

/* Where a file that doesn't exist yet belongs: into its directory, if that is where the name was relative to; else to the host,
 * unless only the sysroot has the directory. */
static bool new_in_sysroot(Process *p, const char *path, bool within, char *out)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n > 1 && path[n - 1] != '/')
        n--;
    char parent[PATH_MAX];
    memcpy(parent, path, n);
    parent[n] = 0;
    if ((!within && path_exists(AT_FDCWD, parent, true)) || !in_sysroot(p, parent, true, out))
        return false;
    size_t length = strlen(out);
    return snprintf(out + length, PATH_MAX - length, "%s%s", out[length - 1] == '/' ? "" : "/", path + n) <
           (int)(PATH_MAX - length);
}

/* Does a name lead to a descriptor or thread of the translator's, or through one? */
static bool to_hidden(Process *p, int dir, const char *name)
{
    char start[PATH_MAX];
    for (const char *at = name, *end; *at; at = end + strspn(end, "/")) {
        end = at + strcspn(at, "/");
        if (strspn(at, "0123456789") != (size_t)(end - at) || at == end)
            continue;
        u32 number = (u32)strtoul(at, NULL, 10);
        if (!fd_hidden(p, number) && !proc_thread_hidden(self, (i32)number))
            continue;
        snprintf(start, sizeof start, "%.*s", (int)(end - name), name);
        if (proc_is_hidden(p, dir, start))
            return true;
    }
    return false;
}

/* A link to a guest's executable leads to that. False if the name is no such link. */
static bool find_exe(Process *p, int dir, const char *name, Path *out)
{
    ProcDir of;
    char other[PATH_MAX];
    if (!proc_is_exe(dir, name, &of))
        return false;
    out->dir = dir;
    out->name = out->buf;
    if (!of.own)
        return proc_exe_of(p, &of, other, out->buf) == 0;
    if (p->exe_fd >= 0)
        snprintf(out->buf, sizeof out->buf, "/proc/self/fd/%d", p->exe_fd);
    else if (p->exe_path)
        snprintf(out->buf, sizeof out->buf, "%s", p->exe_path);
    return p->exe_fd >= 0 || p->exe_path;
}

void path_host(Process *p, int dir, const char *name, PathHow how, Path *out)
{
    if (to_hidden(p, dir, name))
        name = "/proc/self/fd/none"; /* no such file */
    if (how == PATH_FOLLOW && find_exe(p, dir, name, out))
        return;
    out->dir = dir;
    out->name = out->buf;
    snprintf(out->buf, sizeof out->buf, "%s", name);
}

bool path_elsewhere(Process *p, int dir, const char *name, dev_t dev, ino_t ino, Path *out)
{
    enum { LINKS = 40 }; /* the kernel's limit */
    const Linux *l = linux_state(p);
    char at[PATH_MAX], target[PATH_MAX];
    if (unlikely(p->options.sysroot && dev == l->top.dev && ino == l->top.ino)) {
        out->dir = AT_FDCWD;
        out->name = out->buf;
        snprintf(out->buf, sizeof out->buf, "%s", p->options.sysroot);
        return true;
    }
    if (likely(dev != l->exe.dev || ino != l->exe.ino))
        return false;
    snprintf(at, sizeof at, "%s", name);
    for (int i = 0; i < LINKS; i++) {
        if (find_exe(p, dir, at, out))
            return true;
        ssize_t n = readlinkat(dir, at, target, sizeof target - 1);
        char *last = strrchr(at, '/');
        size_t kept = n > 0 && target[0] != '/' && last ? (size_t)(last + 1 - at) : 0;
        if (n <= 0 || kept + (size_t)n >= sizeof at)
            return false;
        memcpy(at + kept, target, (size_t)n);
        at[kept + (size_t)n] = 0;
    }
    return false;
}

int path_find(Process *p, int dir, const char *name, PathHow how, Path *out)
{
    char buf[PATH_MAX];
    bool within;
    const char *guest = sysroot(p) ? absolute(p, dir, name, how == PATH_FOLLOW, buf, &within) : NULL;
    if (guest && !of_kernel(guest)) {
        out->dir = AT_FDCWD;
        out->name = out->buf;
        if (in_sysroot(p, guest, how == PATH_FOLLOW, out->buf))
            return 0;
        if (how == PATH_CREATE && new_in_sysroot(p, guest, within, out->buf))
            return 0;
        if (within)
            name = guest;
    }
    path_host(p, dir, name, how, out);
    return 0;
}

i64 path_open(Task *t, int dir, const char *name, u64 host_flags)
{
    Linux *l = linux_state(t->process);
    char buf[PATH_MAX];
    bool within;
    const char *guest = sysroot(t->process) ? absolute(t->process, dir, name, !(host_flags & O_NOFOLLOW), buf, &within) : NULL;
    if (!guest || of_kernel(guest))
        return -ENOENT;
    if (l->no_openat2)
        return -ENOSYS;
    const char *relative = guest + strspn(guest, "/");
    struct open_how how = {.flags = host_flags, .resolve = RESOLVE_IN_ROOT};
    i64 fd = host_syscall(t, __NR_openat2, (u64)fd_root(t->process), (u64)(*relative ? relative : "."), (u64)&how,
                          sizeof how, 0, 0);
    if (fd >= 0 && (host_flags & O_ACCMODE) == O_RDONLY && is_mount_point((int)fd, guest)) {
        close((int)fd);
        fd = -ENOENT;
    }
    return fd == -ENOENT && within ? -EXDEV : fd;
}

i64 path_chdir(Task *t, const char *name)
{
    Process *p = t->process;
    Path path;
    char buf[PATH_MAX];
    bool within = false;
    const char *guest = sysroot(p) ? absolute(p, AT_FDCWD, name, true, buf, &within) : NULL;
    if (within && in_sysroot(p, guest, true, path.buf))
        return host_syscall(t, __NR_chdir, (u64)path.buf, 0, 0, 0, 0, 0);
    i64 error = host_syscall(t, __NR_chdir, (u64)(within ? guest : name), 0, 0, 0, 0, 0);
    if ((error == -ENOENT || error == -ENOTDIR) && guest && in_sysroot(p, guest, true, path.buf))
        error = host_syscall(t, __NR_chdir, (u64)path.buf, 0, 0, 0, 0, 0);
    return error;
}

int path_lookup(Task *t, int dir, u64 guest_path, PathHow how, Path *out)
{
    if (!guest_path) {
        out->dir = dir;
        out->name = NULL;
        return 0;
    }
    char name[PATH_MAX];
    i64 length = mem_string(name, guest_path, sizeof name);
    if (length < 0)
        return (int)length;
    return path_find(t->process, dir, name, how, out);
}

bool path_in_sysroot(const Process *p, const char *path)
{
    return p->options.sysroot && inside(path, p->options.sysroot);
}

size_t path_to_guest(Process *p, char *path)
{
    size_t length = strlen(path);
    if (path_in_sysroot(p, path)) {
        size_t n = strlen(p->options.sysroot);
        memmove(path, path + n, length - n + 1);
        length -= n;
        if (!length) {
            strcpy(path, "/");
            length = 1;
        }
    }
    return length;
}
