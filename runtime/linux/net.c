/* Sockets whose addresses are file names, and IPC whose structs differ. The rest of both is the host's as it is. */
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "linux.h"

/* bind and connect: a UNIX socket's path is looked up like any other. One that gets too long for its field stays as it
 * is. */
static i64 with_address(Task *t, long nr, u64 fd, u64 guest, u64 size, PathHow how)
{
    struct sockaddr_un address;
    const size_t start = offsetof(struct sockaddr_un, sun_path);
    Path path;
    if (linux_state(t->process)->root < 0 || size <= start || size > sizeof address ||
        mem_read(&address, guest, size) || address.sun_family != AF_UNIX || address.sun_path[0] != '/')
        return host_syscall(t, nr, fd, guest, size, 0, 0, 0);
    char name[sizeof address.sun_path + 1] = {0};
    memcpy(name, address.sun_path, size - start);
    if (path_find(t->process, AT_FDCWD, name, how, &path) || strlen(path.name) >= sizeof address.sun_path)
        return host_syscall(t, nr, fd, guest, size, 0, 0, 0);
    strcpy(address.sun_path, path.name);
    return host_syscall(t, nr, fd, (u64)&address, start + strlen(path.name) + 1, 0, 0, 0);
}

SYSCALL(bind)
{
    return with_address(t, __NR_bind, a, b, (u32)c, PATH_CREATE);
}

SYSCALL(connect)
{
    return with_address(t, __NR_connect, a, b, (u32)c, PATH_FOLLOW);
}

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
