/* Sockets whose addresses are file names, and IPC whose structs differ. The rest of both is the host's as it is. */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "linux.h"

/* -- addresses. A UNIX socket's path is looked up like any other, and told without the sysroot. The kernel keeps it as
 * it was given to bind, and so the host's name should be the guest's as far as that leads to the same place. */

typedef struct Address {
    union {
        struct sockaddr_storage any;
        struct sockaddr_un un;
    };
    u32 size;
} Address;
enum { PATH_AT = offsetof(struct sockaddr_un, sun_path), PATH_ROOM = sizeof(struct sockaddr_un) - PATH_AT };

static bool has_sysroot(Task *t)
{
    return t->process->options.sysroot != NULL;
}

/* The path in an address, NUL-terminated; false if there is none. */
static bool get_path(const Address *a, char name[PATH_ROOM + 1])
{
    if (a->any.ss_family != AF_UNIX || a->size <= PATH_AT || a->size > sizeof a->un || !a->un.sun_path[0])
        return false;
    size_t n = strnlen(a->un.sun_path, a->size - PATH_AT);
    memcpy(name, a->un.sun_path, n);
    name[n] = 0;
    return true;
}

static bool set_path(Address *a, const char *name)
{
    size_t n = strlen(name);
    if (n >= PATH_ROOM)
        return false;
    memcpy(a->un.sun_path, name, n + 1);
    a->size = (u32)(PATH_AT + n + 1);
    return true;
}

static bool same_file(const char *x, const char *y)
{
    struct stat a, b;
    return stat(x, &a) == 0 && stat(y, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static const char *split(const char *name, char dir[PATH_MAX])
{
    const char *slash = strrchr(name, '/');
    size_t n = slash ? (size_t)(slash + 1 - name) : 0;
    snprintf(dir, PATH_MAX, "%.*s", n ? (int)n : 1, n ? name : ".");
    return name + n;
}

/* Does the host find under `name` what path_find has found as `found`? What needn't exist is told by its directory. */
static bool leads_to(const char *name, const char *found, PathHow how)
{
    char x[PATH_MAX], y[PATH_MAX];
    if (how != PATH_CREATE)
        return same_file(name, found);
    return strcmp(split(name, x), split(found, y)) == 0 && same_file(x, y);
}

static void address_to_host(Task *t, Address *a, PathHow how)
{
    Process *p = t->process;
    char name[PATH_ROOM + 1], other[2 * PATH_MAX];
    Path found;
    if (!has_sysroot(t) || !get_path(a, name) || path_find(p, AT_FDCWD, name, how, &found) ||
        leads_to(name, found.name, how))
        return;
    snprintf(other, sizeof other, "%s%s", p->options.sysroot, name);
    if (name[0] == '/' && leads_to(other, found.name, how) && set_path(a, other))
        return;
    if (set_path(a, found.name) || !path_in_sysroot(p, found.name))
        return;
    /* Too long for the field, but not with a shorter name of the sysroot. */
    snprintf(other, sizeof other, "/proc/self/fd/%d%s", fd_root(p), found.name + strlen(p->options.sysroot));
    set_path(a, other);
}

static void address_to_guest(Task *t, Address *a)
{
    char name[PATH_MAX];
    int end = 0;
    if (!has_sysroot(t) || !get_path(a, name))
        return;
    if (path_in_sysroot(t->process, name)) {
        path_to_guest(t->process, name);
        set_path(a, name);
    } else if (sscanf(name, "/proc/self/fd/%*d%n", &end) == 0 && end && name[end] == '/') {
        set_path(a, name + end);
    }
}

/* Reads an address that the guest passes, for the host's call at a->any and a->size. False if it is for the kernel to
 * refuse. */
static bool take_address(Task *t, u64 guest, u64 size, PathHow how, Address *a)
{
    if ((u32)size > sizeof a->any || mem_read(&a->any, guest, (u32)size))
        return false;
    a->size = (u32)size;
    address_to_host(t, a, how);
    return true;
}

/* Writes an address that the kernel has given, as far as there is room, and its size to guest address `size_at`. */
static i64 give_address(Task *t, Address *a, u64 guest, u32 room, u64 size_at)
{
    address_to_guest(t, a);
    u32 n = a->size < room ? a->size : room;
    return mem_write(guest, &a->any, n < sizeof a->any ? n : sizeof a->any) ||
                   mem_write(size_at, &a->size, sizeof a->size)
               ? -EFAULT
               : 0;
}

static i64 with_address(Task *t, long nr, u64 args[6], int at, PathHow how)
{
    Address address;
    if (has_sysroot(t) && args[at] && take_address(t, args[at], args[at + 1], how, &address)) {
        args[at] = (u64)&address.any;
        args[at + 1] = address.size;
    }
    return host_syscall(t, nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

SYSCALL(bind)
{
    return with_address(t, __NR_bind, (u64[6]){a, b, c}, 1, PATH_CREATE);
}

SYSCALL(connect)
{
    return with_address(t, __NR_connect, (u64[6]){a, b, c}, 1, PATH_FOLLOW);
}

SYSCALL(sendto)
{
    return with_address(t, __NR_sendto, (u64[6]){a, b, c, d, e, f}, 4, PATH_FOLLOW);
}

/* A call that fills an address in argument `at`, whose size the one behind points at. */
static i64 for_address(Task *t, long nr, u64 args[6], int at)
{
    Address address = {.size = sizeof address.any};
    u64 guest = args[at], size_at = args[at + 1];
    i32 room;
    if (!has_sysroot(t) || !guest)
        return host_syscall(t, nr, args[0], args[1], args[2], args[3], args[4], args[5]);
    if (mem_read(&room, size_at, sizeof room))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    args[at] = (u64)&address.any;
    args[at + 1] = (u64)&address.size;
    i64 result = host_syscall(t, nr, args[0], args[1], args[2], args[3], args[4], args[5]);
    if (result < 0 || !give_address(t, &address, guest, (u32)room, size_at))
        return result;
    if (nr == __NR_accept || nr == __NR_accept4)
        close((int)result);
    return -EFAULT;
}

SYSCALL(accept)
{
    return for_address(t, __NR_accept, (u64[6]){a, b, c}, 1);
}

SYSCALL(accept4)
{
    return for_address(t, __NR_accept4, (u64[6]){a, b, c, d}, 1);
}

SYSCALL(getsockname)
{
    return for_address(t, __NR_getsockname, (u64[6]){a, b, c}, 1);
}

SYSCALL(getpeername)
{
    return for_address(t, __NR_getpeername, (u64[6]){a, b, c}, 1);
}

SYSCALL(recvfrom)
{
    return for_address(t, __NR_recvfrom, (u64[6]){a, b, c, d, e, f}, 4);
}

/* -- messages: their headers are copied, for the address in them and for the descriptors that they carry */

typedef struct Message {
    struct mmsghdr host; /* what the kernel gets */
    u64 guest, name;     /* the guest's header, and its msg_name */
    Address address;
} Message;
enum { MESSAGES = 1024 }; /* UIO_MAXIOV: more are cut off */

static bool take_message(u64 guest, bool many, Message *m)
{
    m->guest = guest;
    if (mem_read(&m->host, guest, many ? sizeof m->host : sizeof m->host.msg_hdr))
        return false;
    m->name = (u64)m->host.msg_hdr.msg_name;
    return true;
}

/* Does a message carry a descriptor of the translator's? */
static bool has_hidden(Task *t, const struct msghdr *h)
{
    struct cmsghdr c;
    u64 at = (u64)h->msg_control, end = at + h->msg_controllen;
    for (; end - at >= sizeof c && !mem_read(&c, at, sizeof c) && c.cmsg_len >= sizeof c && c.cmsg_len <= end - at;
         at += CMSG_ALIGN(c.cmsg_len)) {
        int fd;
        if (c.cmsg_level == SOL_SOCKET && c.cmsg_type == SCM_RIGHTS)
            for (u64 i = sizeof c; i + sizeof fd <= c.cmsg_len && !mem_read(&fd, at + i, sizeof fd); i += sizeof fd)
                if (fd_hidden(t->process, (u32)fd))
                    return true;
        if (CMSG_ALIGN(c.cmsg_len) > end - at)
            break;
    }
    return false;
}

static void prepare_to_send(Task *t, Message *m)
{
    struct msghdr *h = &m->host.msg_hdr;
    if (has_sysroot(t) && m->name && take_address(t, m->name, h->msg_namelen, PATH_FOLLOW, &m->address)) {
        h->msg_name = &m->address.any;
        h->msg_namelen = m->address.size;
    }
    if (h->msg_controllen)
        procfd_tell(t->process); /* another process may get the file */
}

static void prepare_to_receive(Task *t, Message *m)
{
    struct msghdr *h = &m->host.msg_hdr;
    if (has_sysroot(t) && m->name && (i32)h->msg_namelen >= 0) {
        h->msg_name = &m->address.any;
        h->msg_namelen = sizeof m->address.any;
    }
}

/* Writes back what the kernel has changed in a received message's header. */
static i64 give_message(Task *t, Message *m)
{
    struct msghdr *h = &m->host.msg_hdr, guest;
    if (h->msg_controllen)
        procfd_opened_any(t->process);
    if (mem_read(&guest, m->guest, sizeof guest))
        return -EFAULT;
    if (h->msg_name == &m->address.any) {
        m->address.size = h->msg_namelen;
        if (give_address(t, &m->address, m->name, guest.msg_namelen, m->guest + offsetof(struct msghdr, msg_namelen)))
            return -EFAULT;
        mem_read(&guest.msg_namelen, m->guest + offsetof(struct msghdr, msg_namelen), sizeof guest.msg_namelen);
    } else {
        guest.msg_namelen = h->msg_namelen;
    }
    guest.msg_controllen = h->msg_controllen;
    guest.msg_flags = h->msg_flags;
    return mem_write(m->guest, &guest, sizeof guest);
}

SYSCALL(sendmsg)
{
    Message m;
    if (!take_message(b, false, &m))
        return -EFAULT;
    if (has_hidden(t, &m.host.msg_hdr))
        return -EBADF;
    prepare_to_send(t, &m);
    return host_syscall(t, __NR_sendmsg, a, (u64)&m.host.msg_hdr, c, 0, 0, 0);
}

SYSCALL(recvmsg)
{
    Message m;
    if (!take_message(b, false, &m))
        return -EFAULT;
    prepare_to_receive(t, &m);
    i64 result = host_syscall(t, __NR_recvmsg, a, (u64)&m.host.msg_hdr, c, 0, 0, 0);
    return result >= 0 && give_message(t, &m) ? -EFAULT : result;
}

/* sendmmsg and recvmmsg: the headers must lie in a row for the kernel. */
static i64 with_messages(Task *t, long nr, u64 fd, u64 guest, u64 count, u64 flags, u64 timeout)
{
    u32 n = (u32)count < MESSAGES ? (u32)count : MESSAGES, taken = 0;
    bool receive = nr == __NR_recvmmsg;
    Message *m = malloc((n + 1) * sizeof *m);
    struct mmsghdr *host = malloc((n + 1) * sizeof *host);
    i64 result = m && host ? 0 : -ENOMEM;
    while (!result && taken < n && take_message(guest + taken * sizeof *host, true, &m[taken])) {
        if (!receive && has_hidden(t, &m[taken].host.msg_hdr)) {
            result = taken ? 0 : -EBADF;
            break;
        }
        receive ? prepare_to_receive(t, &m[taken]) : prepare_to_send(t, &m[taken]);
        host[taken] = m[taken].host;
        taken++;
    }
    if (!result)
        result = n && !taken ? -EFAULT : host_syscall(t, nr, fd, (u64)host, taken, flags, timeout, 0);
    for (i64 i = 0; i < result; i++) {
        m[i].host = host[i];
        if ((receive && give_message(t, &m[i])) ||
            mem_write(m[i].guest + offsetof(struct mmsghdr, msg_len), &host[i].msg_len, sizeof host[i].msg_len))
            result = i ? i : -EFAULT;
    }
    free(host);
    free(m);
    return result;
}

SYSCALL(sendmmsg)
{
    return with_messages(t, __NR_sendmmsg, a, b, c, d, 0);
}

SYSCALL(recvmmsg)
{
    return with_messages(t, __NR_recvmmsg, a, b, c, d, e);
}

/* -- IPC */

SYSCALL(mq_open)
{
    return host_syscall(t, __NR_mq_open, a, (u64)(u32)flags_to_host(t, (u32)b), c, d, 0, 0);
}

SYSCALL(semctl)
{
    const Layout *l = t->abi->layout;
    struct semid_ds info = {0};
    u8 guest[256];
    int command = (int)c;
    bool in = command == IPC_SET, out = command == IPC_STAT || command == SEM_STAT || command == SEM_STAT_ANY;
    if (in) {
        if (mem_read(guest, d, l->semid_size))
            return -EFAULT;
        l->semid_in(&info, guest);
    }
    i64 result = host_syscall(t, __NR_semctl, a, b, c, in || out ? (u64)&info : d, 0, 0);
    if (out && result >= 0) {
        l->semid_out(guest, &info);
        if (mem_write(d, guest, l->semid_size))
            return -EFAULT;
    }
    return result;
}
