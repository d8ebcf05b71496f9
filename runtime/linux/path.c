/* Names of files. The guest sees one tree: the sysroot (-L) laid over the host's. A name is looked up in the sysroot
 * first, with the sysroot as its root directory, so that absolute symlinks and ".." stay inside; what isn't there is
 * the host's. Kernel file systems are never the sysroot's. In the directories people work in (/tmp, /home, ...), which
 * every Debian root file system has and has empty, the host's files come first. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux.h"

typedef enum Order { SYSROOT_FIRST, HOST_FIRST, HOST_ONLY } Order;

static const struct {
    const char *dir;
    Order order;
} orders[] = {
    {"/proc", HOST_ONLY}, {"/sys", HOST_ONLY},      {"/dev", HOST_ONLY},  {"/tmp", HOST_FIRST},
    {"/run", HOST_FIRST}, {"/var/tmp", HOST_FIRST}, {"/home", HOST_FIRST}, {"/root", HOST_FIRST},
};

static bool inside(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == 0);
}

static Order order_of(const char *path)
{
    for (size_t i = 0; i < LEN(orders); i++)
        if (inside(path, orders[i].dir))
            return orders[i].order;
    return SYSROOT_FIRST;
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
        u64 name = (u64)(*relative ? relative : ".");
        i64 fd = raw_syscall(__NR_openat2, (u64)l->root, name, (u64)&how, sizeof how, 0, 0);
        if (fd == -EBADF && fd_reopen_root(p))
            fd = raw_syscall(__NR_openat2, (u64)l->root, name, (u64)&how, sizeof how, 0, 0);
        if (fd >= 0) {
            char link[32];
            snprintf(link, sizeof link, "/proc/self/fd/%d", (int)fd);
            ssize_t n = readlink(link, out, PATH_MAX - 2);
            close((int)fd);
            if (n > 0) {
                if (slash)
                    out[n++] = '/';
                out[n] = 0;
                return true;
            }
        } else if (fd == -ENOSYS || fd == -EPERM) {
            l->no_openat2 = true;
        } else {
            return false;
        }
    }
    /* Without openat2 (or /proc), absolute symlinks lead out of the sysroot. */
    int n = snprintf(out, PATH_MAX, "%s%s", p->options.sysroot, path);
    return n < PATH_MAX && faccessat(AT_FDCWD, out, F_OK, follow ? 0 : AT_SYMLINK_NOFOLLOW) == 0;
}

static bool on_host(const char *path)
{
    return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Where a file that doesn't exist yet belongs: the host, unless only the sysroot has its directory. */
static bool new_in_sysroot(Process *p, const char *path, char *out)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n > 1 && path[n - 1] != '/')
        n--;
    char parent[PATH_MAX];
    memcpy(parent, path, n);
    parent[n] = 0;
    if (faccessat(AT_FDCWD, parent, F_OK, 0) == 0 || !in_sysroot(p, parent, true, out))
        return false;
    size_t length = strlen(out);
    return snprintf(out + length, PATH_MAX - length, "%s%s", out[length - 1] == '/' ? "" : "/", path + n) <
           (int)(PATH_MAX - length);
}

void path_host(Process *p, int dir, const char *name, PathHow how, Path *out)
{
    char kernel[PATH_MAX];
    bool exe = how == PATH_FOLLOW && p->exe_path && path_kernel(dir, name, kernel) && proc_is_exe(p, kernel);
    out->dir = dir;
    out->name = strcpy(out->buf, exe ? p->exe_path : name);
}

int path_find(Process *p, int dir, const char *name, PathHow how, Path *out)
{
    if (name[0] == '/' && linux_state(p)->root >= 0) {
        Order order = order_of(name);
        if (order == SYSROOT_FIRST || (order == HOST_FIRST && !on_host(name))) {
            out->dir = dir;
            out->name = out->buf;
            if (in_sysroot(p, name, how == PATH_FOLLOW, out->buf))
                return 0;
            if (how == PATH_CREATE && new_in_sysroot(p, name, out->buf))
                return 0;
        }
    }
    path_host(p, dir, name, how, out);
    return 0;
}

i64 path_open(Task *t, const char *name, u64 host_flags)
{
    Linux *l = linux_state(t->process);
    if (name[0] != '/' || l->root < 0)
        return -ENOENT;
    if (l->no_openat2)
        return -ENOSYS;
    Order order = order_of(name);
    if (order == HOST_ONLY || (order == HOST_FIRST && on_host(name)))
        return -ENOENT;
    const char *relative = name + strspn(name, "/");
    struct open_how how = {.flags = host_flags, .resolve = RESOLVE_IN_ROOT};
    return host_syscall(t, __NR_openat2, (u64)l->root, (u64)(*relative ? relative : "."), (u64)&how, sizeof how, 0, 0);
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

size_t path_to_guest(Process *p, char *path)
{
    size_t length = strlen(path);
    if (p->options.sysroot && inside(path, p->options.sysroot)) {
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

bool path_kernel(int dir, const char *name, char *out)
{
    if (name[0] == '/') {
        if (strncmp(name, "/proc/", 6) != 0 && strncmp(name, "/sys/devices/system/cpu/", 24) != 0)
            return false;
        strcpy(out, name);
        return true;
    }
    const char *last = strrchr(name, '/');
    if (!proc_is_name(last ? last + 1 : name))
        return false;
    ssize_t n;
    if (dir == AT_FDCWD) {
        n = readlink("/proc/self/cwd", out, PATH_MAX);
    } else {
        char link[32];
        snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        n = readlink(link, out, PATH_MAX);
    }
    if (n <= 0 || n + strlen(name) + 2 > PATH_MAX)
        return false;
    out[n] = '/';
    strcpy(out + n + 1, name);
    return strncmp(out, "/proc/", 6) == 0 || strncmp(out, "/sys/devices/system/cpu/", 24) == 0;
}
