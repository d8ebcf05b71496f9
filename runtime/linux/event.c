/* Waiting for files: poll, select and epoll, with a signal mask of their own for the wait. */
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../zone.h"
#include "linux.h"

/* The mask a waiting call was given at guest address `set`: *host is what to hand to the host's call, NULL for none. */
static int wait_mask(Task *t, u64 set, u64 size, u64 *mask, u64 **host)
{
    *host = NULL;
    if (!set)
        return 0;
    if (size != sizeof *mask)
        return -EINVAL;
    if (mem_read(mask, set, sizeof *mask))
        return -EFAULT;
    *mask = signal_suspend(t, *mask);
    *host = mask;
    return 0;
}

/* poll with descriptors of the translator's among the guest's: the kernel gets in their place one that isn't open. */
static i64 poll_hidden(Task *t, u64 guest, u32 count, const u64 args[5])
{
    struct pollfd *fds = malloc((count + 1) * sizeof *fds);
    if (!fds)
        return -ENOMEM;
    i64 result = mem_read(fds, guest, count * sizeof *fds);
    for (u32 i = 0; i < count; i++)
        if (!result && fd_hidden(t->process, (u32)fds[i].fd))
            fds[i].fd = INT_MAX;
    if (!result)
        result = host_syscall(t, __NR_ppoll, (u64)fds, args[1], args[2], args[3], args[4], 0);
    for (u32 i = 0; i < count && result >= 0; i++)
        if (mem_write(guest + i * sizeof *fds + offsetof(struct pollfd, revents), &fds[i].revents,
                      sizeof fds[i].revents))
            result = -EFAULT;
    free(fds);
    return result;
}

SYSCALL(ppoll)
{
    u64 mask, *host;
    int error = wait_mask(t, d, e, &mask, &host), fd;
    if (error)
        return error;
    u64 args[] = {a, b, c, (u64)host, sizeof mask};
    enum { MOST = 1 << 16 };
    for (u32 i = 0; i < (u32)b && (u32)b <= MOST; i++)
        if (!mem_read(&fd, a + i * sizeof(struct pollfd), sizeof fd) && fd_hidden(t->process, (u32)fd))
            return poll_hidden(t, a, (u32)b, args);
    return host_syscall(t, __NR_ppoll, a, b, c, (u64)host, sizeof mask, 0);
}

/* pselect6's and io_pgetevents' sixth argument: two words that hold the mask's address and size. */
static i64 wait_pair(Task *t, long nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
    u64 pair[2] = {0}, mask, *host;
    if (!f)
        return host_syscall(t, nr, a, b, c, d, e, 0);
    if (mem_read(pair, f, sizeof pair))
        return -EFAULT;
    int error = wait_mask(t, address_accessed(t, pair[0]), pair[1], &mask, &host);
    pair[0] = (u64)host;
    pair[1] = sizeof mask;
    return error ? error : host_syscall(t, nr, a, b, c, d, e, (u64)pair);
}

SYSCALL(pselect6)
{
    const Linux *l = t->process->kernel;
    const u64 sets[] = {b, c, d};
    for (int i = 0; i < l->nhidden; i++)
        for (size_t k = 0; k < LEN(sets) && l->hidden[i] < (i32)a; k++) {
            u8 byte;
            u32 fd = (u32)l->hidden[i];
            if (sets[k] && !mem_read(&byte, sets[k] + fd / 8, 1) && byte >> (fd % 8) & 1)
                return -EBADF;
        }
    return wait_pair(t, __NR_pselect6, a, b, c, d, e, f);
}

/* A file of what the kernel would read elsewhere without us; a descriptor or -errno. */
static i64 file_of(const void *data, size_t size)
{
    i64 file = raw_syscall(__NR_memfd_create, (u64)"text", MFD_CLOEXEC, 0, 0, 0, 0);
    if (file >= 0 && write((int)file, data, size) != (ssize_t)size) {
        close((int)file);
        file = -ENOMEM;
    }
    return file;
}

/* The text that the guest is to read from fd. */
static i64 text_file(Task *t, int fd)
{
    char *text = NULL;
    size_t size;
    i64 error = proc_text(t, fd, &text, &size);
    i64 file = error ? error : file_of(text, size);
    free(text);
    return file;
}

/* The signals that the guest is to read from fd, in up to `room` bytes; with an error it is the kernel that tells it. */
static i64 signal_file(Task *t, int fd, u64 room)
{
    struct signalfd_siginfo signals[64];
    i64 n = signalfd_read(t, fd, signals, room < sizeof signals ? room : sizeof signals);
    return n > 0 ? file_of(signals, (size_t)n) : n == -RESTART_SYS || n == -RESTART_NOINTR ? n : fd;
}

/* What the kernel is to see in the place of a request; *vector, and *file if it isn't -1, are to be freed and closed after the call.
 * 0 or -errno. */
static i64 request(Task *t, struct iocb *io, struct iovec **vector, i64 *file)
{
    u16 what = io->aio_lio_opcode;
    bool reads = what == IOCB_CMD_PREAD || what == IOCB_CMD_PREADV, vectored = what == IOCB_CMD_PREADV || what == IOCB_CMD_PWRITEV;
    if (fd_hidden(t->process, io->aio_fildes) || (io->aio_flags & IOCB_FLAG_RESFD && fd_hidden(t->process, io->aio_resfd)))
        return -EBADF;
    if (!reads && !vectored && what != IOCB_CMD_PWRITE)
        return 0;
    if (t->tagged_addresses)
        io->aio_buf = address_untagged(t, io->aio_buf);
    u64 n = vectored && io->aio_nbytes <= UIO_MAXIOV ? io->aio_nbytes : 0;
    if (!n && zone_overlaps(io->aio_buf, 1))
        return -EFAULT;
    if (n && !(*vector = malloc(n * sizeof **vector)))
        return -ENOMEM;
    if (n && mem_read(*vector, io->aio_buf, n * sizeof **vector))
        return -EFAULT;
    for (u64 i = 0; i < n; i++) {
        void **base = &(*vector)[i].iov_base;
        if (t->tagged_addresses)
            *base = (void *)address_untagged(t, (u64)*base);
        if (zone_overlaps((u64)*base, 1))
            return -EFAULT;
    }
    u64 room = n ? 0 : io->aio_nbytes;
    for (u64 i = 0; i < n; i++)
        room += (*vector)[i].iov_len;
    if (n)
        io->aio_buf = (u64)*vector;
    if (reads && !procfd_plain(t->process->kernel, io->aio_fildes) && proc_is_systems(t->process, (int)io->aio_fildes)) {
        *file = text_file(t, (int)io->aio_fildes);
        if (*file < 0)
            return *file;
        io->aio_fildes = (u32)*file;
    } else if (reads && signalfd_is((int)io->aio_fildes)) {
        *file = signal_file(t, (int)io->aio_fildes, room);
        if (*file < 0)
            return *file;
        if (*file == io->aio_fildes)
            *file = -1;
        else
            *io = (struct iocb){.aio_data = io->aio_data, .aio_lio_opcode = what, .aio_fildes = (u32)*file, .aio_buf = io->aio_buf,
                                .aio_nbytes = io->aio_nbytes, .aio_flags = io->aio_flags, .aio_resfd = io->aio_resfd};
    }
    return 0;
}

/* Submits the request at guest address `at`. That address says later which request it was, so what the kernel is to see stands in the
 * guest's own memory meanwhile. 1 or -errno. */
static i64 submit(Task *t, u64 context, u64 at)
{
    struct iocb io, asked;
    struct iovec *vector = NULL;
    i64 file = -1;
    if (zone_overlaps(at, sizeof io) || mem_read(&io, at, sizeof io))
        return -EFAULT;
    asked = io;
    i64 result = request(t, &asked, &vector, &file);
    bool differs = !result && memcmp(&io, &asked, sizeof io) != 0;
    if (differs)
        result = mem_write(at, &asked, sizeof asked);
    if (!result)
        result = host_syscall(t, __NR_io_submit, context, 1, (u64)&at, 0, 0, 0);
    if (differs) {
        io.aio_key = asked.aio_key; /* the kernel has set it */
        mem_write(at, &io, sizeof io);
    }
    if (file >= 0)
        close((int)file);
    free(vector);
    return result;
}

SYSCALL(io_submit)
{
    i64 done = 0, result = 1;
    u64 at;
    if ((i64)b <= 0)
        return host_syscall(t, __NR_io_submit, a, b, c, 0, 0, 0);
    while (done < (i64)b && result > 0) {
        result = mem_read(&at, c + (u64)done * sizeof at, sizeof at);
        if (!result)
            result = submit(t, a, t->tagged_addresses ? address_untagged(t, at) : at);
        done += result > 0;
    }
    return done ? done : result;
}

SYSCALL(io_pgetevents)
{
    return wait_pair(t, __NR_io_pgetevents, a, b, c, d, e, f);
}

SYSCALL(epoll_ctl)
{
    struct epoll_event event;
    u8 guest[32];
    if ((int)b == EPOLL_CTL_DEL)
        return host_syscall(t, __NR_epoll_ctl, a, b, c, 0, 0, 0);
    if (mem_read(guest, d, epoll_size(t->abi->layout)))
        return -EFAULT;
    epoll_in(t->abi->layout, &event, guest);
    return host_syscall(t, __NR_epoll_ctl, a, b, c, (u64)&event, 0, 0);
}

static i64 wait_epoll(Task *t, long nr, u64 fd, u64 events, u64 max, u64 timeout, u64 set, u64 size)
{
    struct epoll_event few[64], *host_events = few;
    const Layout *l = t->abi->layout;
    u64 mask, *host;
    if ((int)max <= 0 || (u64)(int)max > INT_MAX / epoll_size(l))
        return -EINVAL;
    /* More than these at once are rare: the others are ready the next time. */
    int count = (int)max < 4096 ? (int)max : 4096;
    int error = wait_mask(t, set, size, &mask, &host);
    if (error)
        return error;
    if (count > (int)LEN(few) && !(host_events = malloc((size_t)count * sizeof *host_events)))
        return -ENOMEM;
    i64 n = host_syscall(t, nr, fd, (u64)host_events, (u64)count, timeout, (u64)host, sizeof mask);
    for (i64 i = 0; i < n; i++) {
        u8 out[32];
        epoll_out(l, out, host_events + i);
        if (mem_write(events + (u64)i * epoll_size(l), out, epoll_size(l))) {
            n = -EFAULT;
            break;
        }
    }
    if (host_events != few)
        free(host_events);
    return n;
}

SYSCALL(epoll_pwait)
{
    return wait_epoll(t, __NR_epoll_pwait, a, b, c, d, e, f);
}

SYSCALL(epoll_pwait2)
{
    return wait_epoll(t, __NR_epoll_pwait2, a, b, c, d, e, f);
}
