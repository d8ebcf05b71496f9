/* The translator's zones: the top of the address space, from its own stack on, which is where the kernel has its own pages, too; and
 * one for all else, far from where the kernel puts what a guest maps without saying where (downwards from the top; from a third of the
 * address space upwards in the legacy layout), and from where programs are linked.
 *
 * For what it and its libraries map or allocate, what the C library has of mmap, mremap and sbrk is replaced here. Linked statically,
 * its malloc and its threads use these, too; malloc does without a heap that grows by sbrk. */
#include "zone.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum : u64 {
    PAGE = 4096,
    BIG = 2 << 20, /* a page of the kernel's larger size: mappings of that size are aligned to it */
    RANDOM = 1 << 18, /* of so many places, BIG apart, the first mapping has one */
    USER_END = (u64)1 << 47,
};

static struct {
    _Atomic u64 next; /* where the next mapping may be; 0 before the first */
    u64 top;
} zone = {.top = USER_END};

void zone_init(u64 top)
{
    zone.top = top;
}

static bool meets(u64 addr, u64 end, u64 lo, u64 hi)
{
    return addr < hi && end > lo;
}

bool zone_overlaps(u64 addr, u64 size)
{
    u64 end = addr + size < addr ? UINT64_MAX : addr + size;
    return meets(addr, end, ZONE_LO, ZONE_HI) || meets(addr, end, zone.top, USER_END);
}

/* -- the C library's */

void *__mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset);
void *__mmap64(void *addr, size_t size, int prot, int flags, int fd, off_t offset) __attribute__((alias("__mmap")));
void *mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset) __attribute__((alias("__mmap")));
void *mmap64(void *addr, size_t size, int prot, int flags, int fd, off_t offset) __attribute__((alias("__mmap")));
void *__mremap(void *old, size_t old_size, size_t size, int flags, ...);
void *mremap(void *old, size_t old_size, size_t size, int flags, ...) __attribute__((alias("__mremap")));
void *__sbrk(intptr_t increment);
void *sbrk(intptr_t increment) __attribute__((alias("__sbrk")));

static void *kernel_map(u64 addr, size_t size, int prot, int flags, int fd, off_t offset)
{
    return (void *)syscall(SYS_mmap, addr, size, prot, flags, fd, offset);
}

/* So much of the zone that nobody else is offered it until all has been; it may still be in use. */
static u64 take(u64 size)
{
    u64 from = atomic_load(&zone.next), at;
    do {
        at = from;
        if (!at) {
            u32 random = 0;
            const void *bytes = (const void *)getauxval(AT_RANDOM);
            if (bytes)
                memcpy(&random, bytes, sizeof random);
            at = ZONE_MAPPINGS + random % RANDOM * BIG;
        }
        if (size >= BIG)
            at = (at + BIG - 1) & -BIG;
        if (at + size > ZONE_HI)
            at = ZONE_MAPPINGS;
    } while (!atomic_compare_exchange_weak(&zone.next, &from, at + size));
    return at;
}

void *__mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
    enum { TRIES = 64 };
    u64 hint = (u64)addr, length = (size + PAGE - 1) & -PAGE, room = length;
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) || !length || length > ZONE_HI - ZONE_LO)
        return kernel_map(hint, size, prot, flags, fd, offset);
    bool hinted = hint >= ZONE_LO && hint < ZONE_HI && length <= ZONE_HI - hint && hint % PAGE == 0;
    /* What is in the way may be large: each time it is skipped by twice as much. */
    for (int i = 0; i < TRIES; i++, room = room < ((u64)1 << 32) ? 2 * room : room) {
        u64 at = hinted && i == 0 ? hint : take(i == 0 ? length : room);
        void *p = kernel_map(at, size, prot, flags | MAP_FIXED_NOREPLACE, fd, offset);
        if (p == (void *)at || (p == MAP_FAILED && errno != EEXIST))
            return p;
        if (p != MAP_FAILED)
            munmap(p, size); /* by a kernel before 4.17, which takes the address as a hint */
    }
    return kernel_map(0, size, prot, flags, fd, offset);
}

void *__mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    u64 to = flags & MREMAP_FIXED ? (u64)va_arg(args, void *) : 0;
    va_end(args);
    if (flags == MREMAP_MAYMOVE) {
        void *p = old_size ? (void *)syscall(SYS_mremap, old, old_size, size, 0) : MAP_FAILED;
        if (p != MAP_FAILED)
            return p;
        to = (u64)__mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if ((void *)to == MAP_FAILED)
            return MAP_FAILED;
        p = (void *)syscall(SYS_mremap, old, old_size, size, flags | MREMAP_FIXED, to);
        if (p == MAP_FAILED) {
            int error = errno;
            munmap((void *)to, size);
            errno = error;
        }
        return p;
    }
    return (void *)syscall(SYS_mremap, old, old_size, size, flags, to);
}

void *__sbrk(intptr_t increment)
{
    errno = ENOMEM;
    return (void *)-1;
}
