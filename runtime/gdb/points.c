/* Breakpoints and watchpoints, and memory as a debugger reads and writes it.
 *
 * Nothing is written into the guest's memory. A block ends where a breakpoint is, and what begins there is a block that does nothing
 * but leave (lift_breakpoints); so insertion and removal each forget the translations that overlap it, in all tiers, and everything
 * else runs as fast as ever. While there are watchpoints all code is interpreted, which tells of each access before it is made. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../cache.h"
#include "stub.h"

enum { Z_SOFTWARE, Z_HARDWARE, Z_WRITE, Z_READ, Z_ACCESS, PAGE = 4096 };

size_t memory_peek(void *bytes, u64 addr, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t left = PAGE - (addr + done) % PAGE, n = size - done < left ? size - done : left;
        if (mem_read((u8 *)bytes + done, addr + done, n))
            break;
        done += n;
    }
    return done;
}

int memory_poke(Debug *d, u64 addr, const void *bytes, size_t size)
{
    if (mem_write(addr, bytes, size)) {
        /* Memory that the guest may only read; not what isn't the guest's. */
        Mapping m;
        for (u64 at = addr; at < addr + size; at = m.end)
            if (!mem_next(d->p->mem, at, &m) || m.start > at)
                return -EFAULT;
        int fd = open("/proc/self/mem", O_WRONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : pwrite(fd, bytes, size, (off_t)addr);
        if (fd >= 0)
            close(fd);
        if (n != (ssize_t)size)
            return -EFAULT;
    }
    cache_invalidate(addr, size);
    return 0;
}

/* The place of the first breakpoint at or behind addr. */
static u32 place(const Debug *d, u64 addr)
{
    u32 i = 0;
    while (i < d->npoints && d->points[i] < addr)
        i++;
    return i;
}

static void tell(Debug *d)
{
    cache_lock();
    lift_breakpoints(d->points, d->npoints);
    cache_unlock();
}

static int break_at(Debug *d, u64 addr, bool insert)
{
    u32 i = place(d, addr);
    bool there = i < d->npoints && d->points[i] == addr;
    if (there == insert)
        return 0;
    if (insert && d->npoints == POINTS)
        return -ENOSPC;
    if (insert)
        memmove(&d->points[i + 1], &d->points[i], (d->npoints++ - i) * sizeof addr);
    else
        memmove(&d->points[i], &d->points[i + 1], (--d->npoints - i) * sizeof addr);
    if (insert)
        d->points[i] = addr;
    tell(d);
    cache_invalidate(addr, 1);
    return 0;
}

/* All code is of another kind from here on. */
static void watching_changed(void)
{
    cache_forget(NULL);
}

static int watch_at(Debug *d, int kind, u64 lo, u64 size, bool insert)
{
    u32 n = d->nwatches, i = 0;
    while (i < n && !(d->watch[i].kind == kind && d->watch[i].lo == lo && d->watch[i].hi == lo + size))
        i++;
    if ((i < n) == insert)
        return 0;
    if (insert && n == WATCHES)
        return -ENOSPC;
    if (insert)
        d->watch[n] = (WatchPoint){.lo = lo, .hi = lo + size, .kind = kind};
    else
        d->watch[i] = d->watch[n - 1];
    d->nwatches = insert ? n + 1 : n - 1;
    if (!n || !d->nwatches)
        watching_changed();
    return 0;
}

static int change(Debug *d, int kind, u64 addr, u64 size, bool insert)
{
    if (kind == Z_SOFTWARE || kind == Z_HARDWARE)
        return break_at(d, code_address(d->p->guest, addr), insert);
    return kind > Z_ACCESS || !size || addr + size < addr ? -EINVAL : watch_at(d, kind, addr, size, insert);
}

int point_insert(Debug *d, int kind, u64 addr, u64 size)
{
    return change(d, kind, addr, size, true);
}

int point_remove(Debug *d, int kind, u64 addr, u64 size)
{
    return change(d, kind, addr, size, false);
}

void points_clear(Debug *d)
{
    while (d->npoints)
        break_at(d, d->points[d->npoints - 1], false);
    if (d->nwatches) {
        d->nwatches = 0;
        watching_changed();
    }
}

void debug_access(Task *t, u64 addr, u64 size, bool write)
{
    Debug *d = t->process->debug;
    if (t->debug->loose || t->debug->late)
        return;
    for (u32 i = 0; i < d->nwatches; i++) {
        const WatchPoint *w = &d->watch[i];
        bool wanted = w->kind == Z_ACCESS || (write ? w->kind == Z_WRITE : w->kind == Z_READ);
        if (!wanted || addr >= w->hi || addr + size <= w->lo)
            continue;
        t->debug->stop.kind = w->kind;
        task_raise(t, SIGTRAP, TRAP_HWBKPT, addr > w->lo ? addr : w->lo);
    }
}

bool debug_watches(const Process *p)
{
    return unlikely(p->debug) && p->debug->nwatches;
}
