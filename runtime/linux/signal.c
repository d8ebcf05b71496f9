/* System calls about signals. Sets are 64 bits and structs alike in all 64-bit guests and the host. */
#include "../signal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../sent.h"
#include "linux.h"

enum { SIGSET = 8, KERNEL_SIGINFO = 48 /* as much of a siginfo_t as the kernel keeps */ };

SYSCALL(rt_sigaction)
{
    GuestAction new, old;
    if (d != SIGSET)
        return -EINVAL;
    if (b && mem_read(&new, b, sizeof new))
        return -EFAULT;
    i64 error = signal_action(t, (int)a, b ? &new : NULL, &old);
    return !error && c && mem_write(c, &old, sizeof old) ? -EFAULT : error;
}

SYSCALL(rt_sigprocmask)
{
    u64 old = signal_mask(t), set, new = old;
    if (d != SIGSET)
        return -EINVAL;
    if (b) {
        if (mem_read(&set, b, sizeof set))
            return -EFAULT;
        switch ((int)a) {
        case SIG_BLOCK: new = old | set; break;
        case SIG_UNBLOCK: new = old & ~set; break;
        case SIG_SETMASK: new = set; break;
        default: return -EINVAL;
        }
        i64 error = signal_change_mask(t, new);
        if (error)
            return error;
    }
    return c && mem_write(c, &old, sizeof old) ? -EFAULT : 0;
}

SYSCALL(rt_sigpending)
{
    u64 set = 0;
    if (b > SIGSET)
        return -EINVAL;
    i64 error = raw_syscall(__NR_rt_sigpending, (u64)&set, SIGSET, 0, 0, 0, 0);
    set |= signal_held(t);
    return !error && mem_write(a, &set, b) ? -EFAULT : error;
}

SYSCALL(rt_sigsuspend)
{
    u64 mask;
    if (b != SIGSET)
        return -EINVAL;
    if (mem_read(&mask, a, sizeof mask))
        return -EFAULT;
    mask = signal_suspend(t, mask);
    i64 result = host_syscall(t, __NR_rt_sigsuspend, (u64)&mask, SIGSET, 0, 0, 0, 0);
    return result == -RESTART_SYS ? -EINTR : result;
}

SYSCALL(rt_sigtimedwait)
{
    u64 set;
    siginfo_t info;
    if (d != SIGSET)
        return -EINVAL;
    if (mem_read(&set, a, sizeof set))
        return -EFAULT;
    if (!signal_take_held(t, set, &info)) {
        /* -EAGAIN when the time is over; EINTR by a signal outside the set, which is never restarted. */
        i64 result = host_syscall(t, __NR_rt_sigtimedwait, (u64)&set, (u64)&info, c, SIGSET, 0, 0);
        if (result < 0)
            return result == -RESTART_SYS ? -EINTR : result;
        if (sent_unmark(&info) == MARK_COPY && !signal_take_held(t, BIT(info.si_signo), &info))
            return -RESTART_NOINTR;
    }
    return b && mem_write(b, &info, sizeof info) ? -EFAULT : info.si_signo;
}

/* A siginfo from the guest; copied, so that what has been looked at is what is sent. */
static i64 read_info(siginfo_t *info, u64 at, int signo)
{
    memset(info, 0, sizeof *info);
    if (mem_read(info, at, KERNEL_SIGINFO))
        return -EFAULT;
    sent_mark(signo, info);
    return 0;
}

SYSCALL(rt_sigqueueinfo)
{
    siginfo_t info;
    i64 error = proc_thread_hidden(t, (i32)a) ? -ESRCH : read_info(&info, c, (int)b);
    return error ? error : host_syscall(t, __NR_rt_sigqueueinfo, a, b, (u64)&info, 0, 0, 0);
}

SYSCALL(rt_tgsigqueueinfo)
{
    siginfo_t info;
    i64 error = proc_thread_hidden(t, (i32)b) ? -ESRCH : read_info(&info, d, (int)c);
    if (!error && (i32)a == getpid())
        sent_mark_to_thread((int)c, &info);
    return error ? error : host_syscall(t, __NR_rt_tgsigqueueinfo, a, b, c, (u64)&info, 0, 0);
}

SYSCALL(pidfd_send_signal)
{
    siginfo_t info;
    i64 error = c ? read_info(&info, c, (int)b) : 0;
    return error ? error : host_syscall(t, __NR_pidfd_send_signal, a, b, c ? (u64)&info : 0, d, 0, 0);
}

SYSCALL(rt_sigreturn)
{
    return signal_return(t);
}

SYSCALL(sigaltstack)
{
    GuestStack new, old;
    if (a && mem_read(&new, a, sizeof new))
        return -EFAULT;
    i64 error = signal_alt_stack(t, a ? &new : NULL, &old);
    return !error && b && mem_write(b, &old, sizeof old) ? -EFAULT : error;
}

SYSCALL(signalfd4)
{
    return host_syscall(t, __NR_signalfd4, a, b, c, (u64)(u32)flags_to_host(t, (u32)d), 0, 0);
}

/* Copies the `size` bytes that a read has brought from where it has put them (as in signalfd_received), or back there. */
static bool copy_read(void *data, u64 size, u64 at, u64 count, bool vector, bool back)
{
    u64 done = 0;
    for (u64 i = 0; done < size && i < (vector ? count : 1); i++) {
        struct iovec part = {(void *)at, size};
        if (vector && mem_read(&part, at + i * sizeof part, sizeof part))
            return false;
        u64 n = part.iov_len < size - done ? part.iov_len : size - done;
        if (back ? mem_write((u64)part.iov_base, (u8 *)data + done, n) : mem_read((u8 *)data + done, (u64)part.iov_base, n))
            return false;
        done += n;
    }
    return done == size;
}

/* fs/signalfd.c: signalfd_copyinfo */
static struct signalfd_siginfo signalfd_info(const siginfo_t *info)
{
    struct signalfd_siginfo r = {.ssi_signo = (u32)info->si_signo, .ssi_errno = info->si_errno, .ssi_code = info->si_code};
    if (info->si_code > 0 && info->si_code < SI_KERNEL) {
        r.ssi_addr = (u64)info->si_addr;
        return r;
    }
    if (info->si_code == SI_TIMER) {
        r.ssi_tid = (u32)info->si_timerid;
        r.ssi_overrun = (u32)info->si_overrun;
    } else {
        r.ssi_pid = (u32)info->si_pid;
        r.ssi_uid = info->si_uid;
    }
    r.ssi_ptr = (u64)info->si_ptr;
    r.ssi_int = info->si_int;
    return r;
}

/* Takes the signals out that there are copies of among them; drops copies of what is gone. The thread's own may have kept copies of the
 * process's out of the kernel's queue: these come behind them. Returns how many there are, of which there is room for `most`. */
static size_t take_signals(Task *t, struct signalfd_siginfo *r, size_t n, size_t most)
{
    size_t kept = 0;
    u64 own = 0;
    for (size_t i = 0; i < n; i++) {
        siginfo_t info = {.si_signo = (int)r[i].ssi_signo, .si_errno = r[i].ssi_errno, .si_code = r[i].ssi_code};
        bool copy = sent_unmark(&info) == MARK_COPY;
        if (copy && !signal_take_held(t, BIT(info.si_signo), &info))
            continue;
        r[kept] = copy ? signalfd_info(&info) : r[i];
        r[kept].ssi_errno = info.si_errno;
        r[kept].ssi_code = info.si_code;
        kept++;
        own |= copy ? 0 : BIT(info.si_signo);
    }
    for (siginfo_t info; kept < most && signal_take_held(t, own, &info); kept++)
        r[kept] = signalfd_info(&info);
    return kept;
}

/* How many bytes a read has room for. */
static u64 read_room(u64 at, u64 count, bool vector)
{
    u64 room = vector ? 0 : count;
    struct iovec part;
    for (u64 i = 0; vector && i < count && !mem_read(&part, at + i * sizeof part, sizeof part); i++)
        room += part.iov_len;
    return room;
}

i64 signalfd_received(Task *t, int fd, i64 size, u64 at, u64 count, bool vector)
{
    enum { RECORD = sizeof(struct signalfd_siginfo), HELD = 2 /* for the process, of two kinds */ };
    struct stat st;
    if (size <= 0 || size % RECORD || fstat(fd, &st) || (st.st_mode & S_IFMT))
        return size;
    struct signalfd_siginfo *records = malloc((size_t)size + HELD * RECORD);
    if (!records)
        return -ENOMEM;
    i64 result = -EFAULT;
    if (copy_read(records, (u64)size, at, count, vector, false)) {
        size_t had = (size_t)size / RECORD, room = read_room(at, count, vector) / RECORD;
        size_t n = take_signals(t, records, had, had + HELD < room ? had + HELD : room);
        if (copy_read(records, n * RECORD, at, count, vector, true))
            result = n ? (i64)(n * RECORD) : -RESTART_NOINTR;
    }
    free(records);
    return result;
}

bool signalfd_is(int fd)
{
    struct stat st;
    char link[32], name[32] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return !fstat(fd, &st) && !(st.st_mode & S_IFMT) && readlink(link, name, sizeof name - 1) > 0 && !strcmp(name, "anon_inode:[signalfd]");
}

i64 signalfd_read(Task *t, int fd, void *data, size_t size)
{
    i64 n = host_syscall(t, __NR_read, (u64)fd, (u64)data, size, 0, 0, 0);
    if (n <= 0 || !signal_got_copies(t))
        return n;
    size_t records = take_signals(t, data, (size_t)n / sizeof(struct signalfd_siginfo), size / sizeof(struct signalfd_siginfo));
    return records ? (i64)(records * sizeof(struct signalfd_siginfo)) : -RESTART_NOINTR;
}

SYSCALL(restart_syscall)
{
    return -EINTR; /* no call of the guest's leaves a restart block behind */
}
