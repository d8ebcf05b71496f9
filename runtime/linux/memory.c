/* System calls on memory: runtime/mem.c does the work of those that map. Others take a range, and what isn't the guest's of it, the
 * translator's included, is to them as if nothing were mapped there. */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../store.h"
#include "../zone.h"
#include "linux.h"

#ifndef __NR_mseal
#define __NR_mseal 462
#endif
#define PAGE ((u64)4096)

/* Is the file on a file system that is mounted noexec? */
static bool on_noexec(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_flags & ST_NOEXEC;
}

/* Memory has got protection that only its architecture has. */
static void guard(Task *t, u64 prot)
{
    if (unlikely(prot & (u64)t->abi->own_prot()))
        t->abi->guard(t);
}

SYSCALL(mmap)
{
    int kind = d & MAP_ANONYMOUS || !on_noexec((int)e) ? 0 : MEM_NOEXEC;
    if (kind && c & PROT_EXEC)
        return -EPERM;
    bool file = !(d & MAP_ANONYMOUS);
    if (file)
        lend_pause();
    i64 result = mem_map(t->process->mem, a, b, (int)c, (int)d, (int)e, f, kind);
    guard(t, c);
    if (result >= 0 && c & PROT_EXEC && file)
        store_file((int)e);
    if (file)
        lend_resume();
    return result;
}

SYSCALL(munmap)
{
    return mem_unmap(t->process->mem, a, b);
}

SYSCALL(mprotect)
{
    i64 result = mem_protect(t->process->mem, a, b, (int)c);
    guard(t, c);
    return result;
}

SYSCALL(mremap)
{
    return mem_remap(t->process->mem, a, b, c, (int)d, e);
}

SYSCALL(brk)
{
    return (i64)mem_brk(t->process, a);
}

SYSCALL(shmat)
{
    return mem_shm_attach(t->process->mem, (int)a, b, (int)c);
}

SYSCALL(shmdt)
{
    return mem_shm_detach(t->process->mem, a);
}

SYSCALL(mlockall)
{
    return mem_lock_all(t->process->mem, (int)a);
}

SYSCALL(munlockall)
{
    return mem_unlock_all(t->process->mem);
}

SYSCALL(personality)
{
    struct MemMap *m = t->process->mem;
    bool query = (u32)a == UINT32_MAX;
    u64 host = query ? UINT32_MAX : (u32)a & ~(u32)READ_IMPLIES_EXEC;
    i64 before = raw_syscall(__NR_personality, host, 0, 0, 0, 0, 0);
    bool implied = mem_read_implies_exec(m, query || before < 0 ? -1 : (a & READ_IMPLIES_EXEC) != 0);
    return before < 0 ? before : before | (implied ? READ_IMPLIES_EXEC : 0);
}

/* -- ranges ------------------------------------------------------------------------------------------------------------- */

/* The first part of [start, end) that is the guest's, adjacent mappings together; false if there is none. */
static bool next_part(Task *t, u64 start, u64 end, u64 *lo, u64 *hi)
{
    struct MemMap *m = t->process->mem;
    Mapping map;
    if (start >= end || !mem_next(m, start, &map) || map.start >= end)
        return false;
    *lo = map.start > start ? map.start : start;
    do
        *hi = map.end < end ? map.end : end;
    while (*hi < end && mem_next(m, *hi, &map) && map.start == *hi);
    return true;
}

static bool whole(Task *t, u64 start, u64 end)
{
    u64 lo, hi;
    return next_part(t, start, end, &lo, &hi) && lo == start && hi == end;
}

/* A range, or one that the kernel will find fault with before it looks at memory. */
static bool is_range(u64 start, u64 size)
{
    return start % PAGE == 0 && size && start + size + PAGE > start + size && start + size > start;
}

static u64 range_end(u64 start, u64 size)
{
    return (start + size + PAGE - 1) & -PAGE;
}

/* Runs a call whose first two arguments are a range on the parts that are the guest's. -ENOMEM if that isn't all of it: when all
 * parts are done, or, if it `stops`, at the first hole. */
static i64 on_parts(Task *t, long nr, u64 start, u64 size, bool stops, u64 c, u64 d)
{
    u64 end = range_end(start, size), at = start, lo, hi;
    bool hole = false;
    i64 error = 0;
    if (!is_range(start, size))
        return host_syscall(t, nr, start, size, c, d, 0, 0);
    while (!error && next_part(t, at, end, &lo, &hi)) {
        hole |= lo > at;
        if (hole && stops)
            return -ENOMEM;
        error = host_syscall(t, nr, lo, hi - lo, c, d, 0, 0);
        at = hi;
    }
    return error ? error : hole || at < end ? -ENOMEM : 0;
}

/* Code in [start, end) may be another now. */
static void forget_code(Task *t, u64 start, u64 end)
{
    Mapping map;
    for (u64 at = start; at < end && mem_next(t->process->mem, at, &map) && map.start < end; at = map.end)
        if (map.prot & PROT_EXEC) {
            u64 lo = map.start > start ? map.start : start, hi = map.end < end ? map.end : end;
            cache_invalidate(lo, hi - lo);
        }
}

/* True if the advice takes the contents away, so that code may change. */
static bool drops(int advice)
{
    enum { MADV_DONTNEED_LOCKED_ = 24, MADV_GUARD_INSTALL_ = 102, MADV_GUARD_REMOVE_ = 103 };
    return advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_REMOVE || advice == MADV_HWPOISON ||
           advice == MADV_DONTNEED_LOCKED_ || advice == MADV_GUARD_INSTALL_ || advice == MADV_GUARD_REMOVE_;
}

SYSCALL(madvise)
{
    i64 error = on_parts(t, __NR_madvise, a, b, false, c, 0);
    if (drops((int)c) && is_range(a, b))
        forget_code(t, a, range_end(a, b));
    return error;
}

SYSCALL(msync)
{
    return on_parts(t, __NR_msync, a, b, false, c, 0);
}

/* The range of these may begin within a page. */
static i64 lock_parts(Task *t, long nr, u64 start, u64 size, u64 flags)
{
    return on_parts(t, nr, start & -PAGE, size ? size + start % PAGE : 0, true, flags, 0);
}

SYSCALL(mlock)
{
    return lock_parts(t, __NR_mlock, a, b, 0);
}

SYSCALL(mlock2)
{
    return lock_parts(t, __NR_mlock2, a, b, c);
}

SYSCALL(munlock)
{
    return lock_parts(t, __NR_munlock, a, b, 0);
}

SYSCALL(mseal)
{
    if (is_range(a, b) && !whole(t, a, range_end(a, b)))
        return -ENOMEM;
    return host_syscall(t, __NR_mseal, a, b, c, 0, 0, 0);
}

SYSCALL(mincore)
{
    u64 lo = 0, hi = a, end = range_end(a, b);
    if (!is_range(a, b) || whole(t, a, end))
        return host_syscall(t, __NR_mincore, a, b, c, 0, 0, 0);
    i64 error = next_part(t, a, end, &lo, &hi) && lo == a ? host_syscall(t, __NR_mincore, a, hi - a, c, 0, 0, 0) : 0;
    return error ? error : -ENOMEM;
}

SYSCALL(remap_file_pages)
{
    Mapping map;
    if (!mem_next(t->process->mem, a, &map) || map.start > a || b > map.end - a)
        return -EINVAL;
    i64 error = host_syscall(t, __NR_remap_file_pages, a, b, c, d, e, 0);
    if (!error && map.prot & PROT_EXEC)
        cache_invalidate(a, b);
    return error;
}

/* -- processors' memory */

SYSCALL(mbind)
{
    enum { MODE_FLAGS = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | MPOL_F_NUMA_BALANCING };
    u64 end = range_end(a, b), lo, hi;
    if (!is_range(a, b) || whole(t, a, end))
        return host_syscall(t, __NR_mbind, a, b, c, d, e, f);
    if (((int)c & ~MODE_FLAGS) != MPOL_DEFAULT) /* which alone may have holes */
        return -EFAULT;
    i64 error = 0;
    for (u64 at = a; !error && next_part(t, at, end, &lo, &hi); at = hi)
        error = host_syscall(t, __NR_mbind, lo, hi - lo, c, d, e, f);
    return error;
}

SYSCALL(set_mempolicy_home_node)
{
    i64 error = on_parts(t, __NR_set_mempolicy_home_node, a, b, false, c, d);
    u64 lo, hi;
    return error == -ENOMEM && is_range(a, b) ? (next_part(t, a, a + b, &lo, &hi) ? 0 : -ENOENT) : error;
}

SYSCALL(get_mempolicy)
{
    if (e & MPOL_F_ADDR && mem_prot(t->process->mem, d) < 0)
        return -EFAULT;
    return host_syscall(t, __NR_get_mempolicy, a, b, c, d, e, 0);
}

static bool is_self(u64 pid)
{
    return !(i32)pid || (i32)pid == (i32)raw_syscall(__NR_getpid, 0, 0, 0, 0, 0, 0);
}

/* Pages by a list of addresses: in the place of those that aren't the guest's, one that is never mapped. */
SYSCALL(move_pages)
{
    enum { CHUNK = 256 };
    u64 pages[CHUNK];
    i64 left = 0;
    if (proc_thread_hidden(t, (i32)a))
        return -ESRCH;
    if (!is_self(a) || !c)
        return host_syscall(t, __NR_move_pages, a, b, c, d, e, f);
    for (u64 done = 0; done < b; done += CHUNK) {
        u64 n = b - done < CHUNK ? b - done : CHUNK;
        if (mem_read(pages, c + 8 * done, 8 * n))
            return -EFAULT;
        for (u64 i = 0; i < n; i++)
            if (mem_prot(t->process->mem, pages[i]) < 0)
                pages[i] = 0;
        i64 result = host_syscall(t, __NR_move_pages, a, n, (u64)pages, d ? d + 4 * done : 0, e ? e + 4 * done : 0, f);
        if (result < 0)
            return result;
        left += result;
    }
    return left;
}

/* -- this process by a handle, and others ------------------------------------------------------------------------------- */

/* Whether a pidfd is this process's. */
static bool is_own_pidfd(int fd)
{
    enum { PIDFD_SELF_THREAD_ = -10000, PIDFD_SELF_THREAD_GROUP_ = -10001 };
    if (fd == PIDFD_SELF_THREAD_ || fd == PIDFD_SELF_THREAD_GROUP_)
        return true;
    char name[64], line[256];
    int pid = 0;
    snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
    FILE *info = fopen(name, "re");
    while (info && fgets(line, sizeof line, info))
        sscanf(line, "Pid: %d", &pid);
    if (info)
        fclose(info);
    return pid > 0 && is_self((u64)pid);
}

/* One range after the other, as far as they go; other processes' are the kernel's to judge, which lets only harmless advice to
 * them. */
SYSCALL(process_madvise)
{
    u64 done = 0;
    if (!c || !is_own_pidfd((int)a))
        return host_syscall(t, __NR_process_madvise, a, b, c, d, e, 0);
    if (c > UIO_MAXIOV)
        return -EINVAL;
    for (u64 i = 0; i < c; i++) {
        struct iovec range, part;
        u64 lo, hi;
        i64 error = mem_read(&range, b + i * sizeof range, sizeof range);
        u64 start = (u64)range.iov_base, end = range_end(start, range.iov_len), at = start;
        if (!error && !is_range(start, range.iov_len)) {
            i64 n = host_syscall(t, __NR_process_madvise, a, (u64)&range, 1, d, e, 0);
            error = n < 0 ? n : 0;
            at = end;
        }
        while (!error && at < end) {
            bool some = next_part(t, at, end, &lo, &hi);
            if (!some || lo > at) {
                error = -ENOMEM;
                break;
            }
            part = (struct iovec){(void *)lo, hi - lo};
            i64 n = host_syscall(t, __NR_process_madvise, a, (u64)&part, 1, d, e, 0);
            error = n < 0 ? n : 0;
            at = hi;
        }
        if (drops((int)d))
            forget_code(t, start, end);
        if (error)
            return done ? (i64)done : error;
        done += range.iov_len;
    }
    return (i64)done;
}

/* What the kernel writes into a process's memory on behalf of another may be code, and the kernel sees to it that it runs
 * (copy_to_user_page). */
SYSCALL(process_vm_writev)
{
    if (proc_thread_hidden(t, (i32)a))
        return -ESRCH;
    i64 n = host_syscall(t, __NR_process_vm_writev, a, b, c, d, e, f);
    struct iovec to;
    ProcDir other = {.own = false};
    if (n > 0 && !is_self(a)) {
        snprintf(other.path, sizeof other.path, "/proc/%d", (i32)a);
        proc_written(t, &other);
    }
    u64 left = n > 0 && is_self(a) ? (u64)n : 0;
    for (u64 i = 0; i < e && left && !mem_peek(&to, d + i * sizeof to, sizeof to); i++) {
        u64 size = to.iov_len < left ? to.iov_len : left;
        forget_code(t, (u64)to.iov_base, (u64)to.iov_base + size);
        left -= size;
    }
    return n;
}

void memory_opened(Task *t, int fd)
{
    Linux *l = linux_state(t->process);
    ProcDir of;
    if (!l->memory_open && proc_is_memory(fd, &of))
        l->memory_open = true;
}

/* write or its like, of `size` bytes at `pos` (-1: where the file stands): what is written into this process's must be the guest's. */
static i64 write_memory(Task *t, long nr, const u64 args[6], u64 size, i64 pos)
{
    ProcDir of;
    if (size && proc_is_memory((int)args[0], &of)) {
        u64 at = pos >= 0 ? (u64)pos : (u64)raw_syscall(__NR_lseek, args[0], 0, SEEK_CUR, 0, 0, 0);
        if (of.own && at + size > at && !whole(t, at, at + size))
            return -EIO;
        i64 n = host_syscall(t, nr, args[0], args[1], args[2], args[3], args[4], args[5]);
        if (n > 0 && of.own)
            forget_code(t, at, at + (u64)n);
        else if (n > 0)
            proc_written(t, &of);
        return n;
    }
    return host_syscall(t, nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

static u64 total(u64 vector, u64 n)
{
    struct iovec part;
    u64 size = 0;
    for (u64 i = 0; i < n && i < UIO_MAXIOV && !mem_peek(&part, vector + i * sizeof part, sizeof part); i++)
        size += part.iov_len;
    return size;
}

#define WRITES(name, size, pos) \
    SYSCALL(name) \
    { \
        if (likely(!linux_state(t->process)->memory_open)) \
            return host_syscall(t, __NR_##name, a, b, c, d, e, f); \
        return write_memory(t, __NR_##name, (const u64[]){a, b, c, d, e, f}, size, pos); \
    }
WRITES(write, c, -1)
WRITES(writev, total(b, c), -1)
WRITES(pwrite64, c, (i64)d)
WRITES(pwritev, total(b, c), (i64)d)
WRITES(pwritev2, total(b, c), (i64)d)

/* -- files that lose contents, of which some may be mapped and executed */

void memory_file_cut(Task *t, int dir, const char *name)
{
    struct stat st;
    if (!fstatat(dir, name, &st, AT_EMPTY_PATH))
        mem_file_cut(t->process->mem, st.st_dev, st.st_ino);
}

SYSCALL(ftruncate)
{
    i64 error = host_syscall(t, __NR_ftruncate, a, b, 0, 0, 0, 0);
    if (!error)
        memory_file_cut(t, (int)a, "");
    return error;
}

SYSCALL(truncate)
{
    Path path;
    i64 error = path_lookup(t, AT_FDCWD, a, PATH_FOLLOW, &path);
    if (error)
        return error;
    error = path.name ? file_busy(t, &path, true) : 0;
    if (error)
        return error;
    error = host_syscall(t, __NR_truncate, (u64)path.name, b, 0, 0, 0, 0);
    if (!error)
        memory_file_cut(t, path.dir, path.name);
    return error;
}

SYSCALL(fallocate)
{
    i64 error = host_syscall(t, __NR_fallocate, a, b, c, d, 0, 0);
    if (!error && b)
        memory_file_cut(t, (int)a, "");
    return error;
}

/* -- what is the translator's ------------------------------------------------------------------------------------------- */

static bool vector_refused(u64 vector, u64 n)
{
    struct iovec part;
    for (u64 i = 0; i < n && i < UIO_MAXIOV && !mem_read(&part, vector + i * sizeof part, sizeof part); i++)
        if (part.iov_len && zone_overlaps((u64)part.iov_base, 1))
            return true;
    return false;
}

static bool message_refused(u64 header)
{
    struct msghdr m;
    return !mem_read(&m, header, sizeof m) &&
           (zone_overlaps((u64)m.msg_name, 1) || zone_overlaps((u64)m.msg_control, 1) ||
            vector_refused((u64)m.msg_iov, m.msg_iovlen));
}

/* Whether argument number `arg` is an address where the call reads or writes. */
static bool takes_memory(Sys call, int arg)
{
    const char *left = call_signature(call);
    ArgKind kind;
    for (int i = 0; next_argument(&left, &kind); i++)
        if (i == arg)
            return kind.what == IN || kind.what == OUT;
    return false;
}

bool memory_refused(Task *t, Sys call, const u64 args[6])
{
    for (int i = 0; i < 6; i++)
        if (unlikely(zone_overlaps(address_untagged(t, args[i]), 1)) && takes_memory(call, i))
            return true;
    switch (call) {
    case CALL_process_vm_readv:
    case CALL_process_vm_writev:
        if (is_self(args[0]) && vector_refused(args[3], args[4]))
            return true;
        [[fallthrough]];
    case CALL_readv:
    case CALL_writev:
    case CALL_preadv:
    case CALL_pwritev:
    case CALL_preadv2:
    case CALL_pwritev2:
    case CALL_vmsplice:
        return vector_refused(args[1], args[2]);
    case CALL_sendmsg:
    case CALL_recvmsg:
        return message_refused(args[1]);
    case CALL_sendmmsg:
    case CALL_recvmmsg:
        for (u64 i = 0; i < (u32)args[2] && i < UIO_MAXIOV; i++)
            if (message_refused(args[1] + i * sizeof(struct mmsghdr)))
                return true;
        return false;
    default:
        return false;
    }
}

/* -- userfaultfd -------------------------------------------------------------------------------------------------------- */

/* Registers, or not any more, the parts of a range that are the guest's. */
static i64 register_parts(Task *t, u64 fd, u64 request, u64 arg)
{
    struct uffdio_register r, part;
    size_t size = request == UFFDIO_REGISTER ? sizeof r : sizeof r.range;
    if (mem_read(&r, arg, size))
        return -EFAULT;
    u64 start = r.range.start, end = start + r.range.len, at = start, lo, hi;
    i64 error = -EINVAL;
    part = r;
    if (!is_range(start, r.range.len) || end % PAGE || whole(t, start, end))
        return host_syscall(t, __NR_ioctl, fd, request, arg, 0, 0, 0);
    for (; next_part(t, at, end, &lo, &hi); at = hi) {
        part.range.start = lo;
        part.range.len = hi - lo;
        error = host_syscall(t, __NR_ioctl, fd, request, (u64)&part, 0, 0, 0);
        if (error)
            return error;
    }
    part.range = r.range;
    return error ? error : mem_write(arg, &part, size);
}

SYSCALL(ioctl)
{
    u64 move[3]; /* of struct uffdio_move: dst, src, len */
    switch ((u32)b) {
    case (u32)UFFDIO_REGISTER:
    case (u32)UFFDIO_UNREGISTER:
        return register_parts(t, a, (u32)b, c);
    case (u32)_IOWR(UFFDIO, 0x05, u64[5]): /* UFFDIO_MOVE: the source need not be registered */
        if (!mem_read(move, c, sizeof move) && is_range(move[1], move[2]) && !whole(t, move[1], move[1] + move[2]))
            return -ENOENT;
        break;
    default:
        break;
    }
    return host_syscall(t, __NR_ioctl, a, b, c, d, e, f);
}
