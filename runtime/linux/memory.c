/* System calls on memory: runtime/mem.c does the work. */
#include <sys/mman.h>

#include "linux.h"

SYSCALL(mmap)
{
    return mem_map(t->process->mem, a, b, (int)c, (int)d, (int)e, f, 0);
}

SYSCALL(munmap)
{
    return mem_unmap(t->process->mem, a, b);
}

SYSCALL(mprotect)
{
    return mem_protect(t->process->mem, a, b, (int)c);
}

SYSCALL(mremap)
{
    return mem_remap(t->process->mem, a, b, c, (int)d, e);
}

SYSCALL(brk)
{
    return (i64)mem_brk(t->process, a);
}

/* True if the advice takes the contents away, so that code may change. */
static bool drops(int advice)
{
    return advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_REMOVE || advice == MADV_HWPOISON;
}

SYSCALL(madvise)
{
    struct MemMap *m = t->process->mem;
    Mapping map;
    /* Memory between the guest's mappings is the translator's, not the guest's to drop. */
    u64 end = a + b;
    for (u64 at = a; at < end; at = map.end)
        if (!mem_next(m, at, &map) || map.start > at) {
            if (drops((int)c))
                return -ENOMEM;
            break;
        }
    i64 error = host_syscall(t, __NR_madvise, a, b, c, 0, 0, 0);
    if (!error && drops((int)c))
        for (u64 at = a; at < end && mem_next(m, at, &map) && map.start < end; at = map.end)
            if (map.prot & PROT_EXEC) {
                u64 start = map.start > a ? map.start : a, stop = map.end < end ? map.end : end;
                cache_invalidate(start, stop - start);
            }
    return error;
}

SYSCALL(remap_file_pages)
{
    Mapping map;
    if (!mem_next(t->process->mem, a, &map) || map.start > a || map.end < a + b)
        return -EINVAL;
    i64 error = host_syscall(t, __NR_remap_file_pages, a, b, c, d, e, 0);
    if (!error && map.prot & PROT_EXEC)
        cache_invalidate(a, b);
    return error;
}

SYSCALL(shmat)
{
    return mem_shm_attach(t->process->mem, (int)a, b, (int)c);
}

SYSCALL(shmdt)
{
    return mem_shm_detach(t->process->mem, a);
}
