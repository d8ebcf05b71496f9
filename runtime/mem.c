/* Guest memory: copies that survive a bad guest address, and the map of the guest's mappings.
 *
 * Guest and translator live in one address space. The host kernel decides where things go; this map remembers which of
 * them are the guest's. A guest may replace (MAP_FIXED), unmap or protect its own mappings and use free space, but must
 * not reach the translator's. Free space is told from the translator's by MAP_FIXED_NOREPLACE, which the kernel checks
 * atomically, so nothing the translator's threads map meanwhile can be overwritten. */
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "runtime.h"

/* -- copies. A fault between mem_copy_begin and mem_copy_end, or in mem_string's loop, goes on at the fixup address:
 * the routines keep nothing on the stack, so they can return from there. */
i64 mem_copy_asm(void *dst, const void *src, size_t size);
size_t mem_fetch_asm(void *dst, const void *src, size_t size);
u64 mem_cas_asm(u32 *at, u32 *expected, u32 desired);
i64 mem_string_asm(char *dst, const char *src, size_t max);
i64 mem_strlen_asm(const char *src, size_t max);
extern const char mem_asm_begin[], mem_asm_end[], mem_asm_fault[], mem_fetch_end[], mem_fetch_fault[];

__asm__(".text\n"
        ".balign 16\n"
        ".globl mem_asm_begin, mem_asm_end, mem_asm_fault, mem_copy_asm, mem_string_asm, mem_strlen_asm, mem_cas_asm\n"
        ".globl mem_fetch_asm, mem_fetch_end, mem_fetch_fault\n"
        "mem_fetch_asm:\n" /* rdi = dst, rsi = src, rdx = size; how many could be copied */
        "    mov %rdx, %rcx\n"
        "    rep movsb\n"
        "mem_fetch_end:\n"
        "mem_fetch_fault:\n"
        "    mov %rdx, %rax\n"
        "    sub %rcx, %rax\n"
        "    ret\n"
        "mem_asm_begin:\n"
        "mem_cas_asm:\n" /* rdi = at, rsi = expected, edx = desired; *expected becomes what there was */
        "    mov (%rsi), %eax\n"
        "    lock cmpxchg %edx, (%rdi)\n"
        "    mov %eax, (%rsi)\n"
        "    mov $0, %eax\n"
        "    setz %al\n"
        "    ret\n"
        "mem_copy_asm:\n" /* rdi = dst, rsi = src, rdx = size */
        "    mov %rdx, %rcx\n"
        "    rep movsb\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "mem_string_asm:\n" /* rdi = dst, rsi = src, rdx = max; length, or max if there is no NUL */
        "    xor %eax, %eax\n"
        "1:  cmp %rdx, %rax\n"
        "    jae 2f\n"
        "    movzbl (%rsi,%rax), %ecx\n"
        "    mov %cl, (%rdi,%rax)\n"
        "    test %cl, %cl\n"
        "    jz 2f\n"
        "    inc %rax\n"
        "    jmp 1b\n"
        "2:  ret\n"
        "mem_strlen_asm:\n" /* rdi = src, rsi = max; likewise */
        "    xor %eax, %eax\n"
        "1:  cmp %rsi, %rax\n"
        "    jae 2f\n"
        "    cmpb $0, (%rdi,%rax)\n"
        "    je 2f\n"
        "    inc %rax\n"
        "    jmp 1b\n"
        "2:  ret\n"
        "mem_asm_end:\n"
        "mem_asm_fault:\n"
        "    mov $-14, %rax\n" /* -EFAULT */
        "    ret\n");
_Static_assert(EFAULT == 14, "mem_asm_fault");

int mem_read(void *dst, u64 guest_src, size_t size)
{
    return (int)mem_copy_asm(dst, (const void *)guest_src, size);
}

int mem_write(u64 guest_dst, const void *src, size_t size)
{
    return (int)mem_copy_asm((void *)guest_dst, src, size);
}

int mem_exchange(u64 guest, u32 *expected, u32 desired)
{
    return (int)mem_cas_asm((u32 *)guest, expected, desired);
}

size_t code_read(void *bytes, u64 pc, size_t size)
{
    return mem_fetch_asm(bytes, (const void *)pc, size);
}

ssize_t mem_strlen(u64 guest, size_t max)
{
    i64 length = mem_strlen_asm((const char *)guest, max);
    return length == (i64)max ? -ENAMETOOLONG : length;
}

i64 mem_string(char *dst, u64 guest_src, size_t max)
{
    i64 length = mem_string_asm(dst, (const char *)guest_src, max);
    return length == (i64)max ? -ENAMETOOLONG : length;
}

u64 mem_fixup(u64 rip)
{
    if (rip >= (u64)mem_fetch_asm && rip < (u64)mem_fetch_end)
        return (u64)mem_fetch_fault;
    return rip >= (u64)mem_asm_begin && rip < (u64)mem_asm_end ? (u64)mem_asm_fault : 0;
}

/* -- the map ------------------------------------------------------------------------------------------------------- */

enum : u64 {
    PAGE = 4096,
    ADDRESSES = (u64)1 << 47, /* the host's user addresses */
    ROOM_STEP = 1 << 20,
};
#define SHM_DEV UINT64_MAX /* Mapping.dev of System V segments, whose ino is their id + 1 */

typedef struct Shm {
    u64 addr, size;
} Shm;

struct MemMap {
    pthread_mutex_t lock;
    u64 limit;     /* end of the guest's address space (-R) */
    Mapping *maps; /* sorted, disjoint, equal neighbours merged */
    size_t count, cap;
    u64 space, data;             /* bytes mapped; those that are private and writable */
    u64 space_limit, data_limit; /* of these */
    Shm *shms; /* attached segments, for shmdt */
    size_t nshms;
};

/* What a change may have done to translated code: invalidated once the map's lock is free, because the translator asks
 * this map while it holds its own lock. */
typedef struct CodeRange {
    u64 start, end;
} CodeRange;

static u64 page_up(u64 n)
{
    return (n + PAGE - 1) & ~(u64)(PAGE - 1);
}

static int host_prot(int prot)
{
    int host = prot & ~PROT_EXEC;
    return prot & PROT_EXEC ? host | PROT_READ : host;
}

struct MemMap *mem_new(u64 limit)
{
    struct MemMap *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    pthread_mutex_init(&m->lock, NULL);
    m->limit = limit && limit < ADDRESSES ? limit : ADDRESSES;
    m->space_limit = m->data_limit = UINT64_MAX;
    return m;
}

void mem_limit(struct MemMap *m, u64 space, u64 data)
{
    pthread_mutex_lock(&m->lock);
    m->space_limit = space;
    m->data_limit = data;
    pthread_mutex_unlock(&m->lock);
}

/* Counts towards RLIMIT_DATA (mm/vma.h: is_data_mapping). */
static bool is_data(int prot, int kind)
{
    return prot & PROT_WRITE && !(kind & (MEM_SHARED | MEM_STACK));
}

/* Index of the first mapping that ends above addr. */
static size_t find(const struct MemMap *m, u64 addr)
{
    size_t lo = 0, hi = m->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (m->maps[mid].end <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The part of a mapping within [start, end). */
static Mapping slice(Mapping map, u64 start, u64 end)
{
    if (map.start < start) {
        map.offset += start - map.start;
        map.start = start;
    }
    if (map.end > end)
        map.end = end;
    return map;
}

static bool joins(const Mapping *p, const Mapping *q)
{
    return p->end == q->start && p->prot == q->prot && p->kind == q->kind && p->dev == q->dev && p->ino == q->ino &&
           (!p->ino || p->offset + (p->end - p->start) == q->offset);
}

/* How much of [start, end) is mapped, and how much of that is data. */
static void measure(const struct MemMap *m, u64 start, u64 end, u64 *space, u64 *data)
{
    *space = *data = 0;
    for (size_t i = find(m, start); i < m->count && m->maps[i].start < end; i++) {
        Mapping part = slice(m->maps[i], start, end);
        *space += part.end - part.start;
        if (is_data(part.prot, part.kind))
            *data += part.end - part.start;
    }
}

/* May the guest have [start, end), or as much anywhere if start is 0 (mm/mmap.c: may_expand_vm)? */
static bool may_map(const struct MemMap *m, u64 start, u64 end, int prot, int kind)
{
    u64 space = 0, data = 0, size = end - start;
    if (start)
        measure(m, start, end, &space, &data);
    return size - space <= m->space_limit && m->space <= m->space_limit - (size - space) &&
           (!is_data(prot, kind) || (size - data <= m->data_limit && m->data <= m->data_limit - (size - data)));
}

/* May what is private in [start, end) become writable? */
static bool may_write(const struct MemMap *m, u64 start, u64 end)
{
    u64 grows = 0;
    for (size_t i = find(m, start); i < m->count && m->maps[i].start < end; i++) {
        Mapping part = slice(m->maps[i], start, end);
        if (is_data(PROT_WRITE, part.kind) && !is_data(part.prot, part.kind))
            grows += part.end - part.start;
    }
    return !grows || (grows <= m->data_limit && m->data <= m->data_limit - grows);
}

/* Replaces what there is in [map.start, map.end) by map, or by nothing. */
static void set_range(struct MemMap *m, Mapping map, bool present)
{
    if (map.start >= map.end)
        return;
    u64 space, data;
    measure(m, map.start, map.end, &space, &data);
    m->space += (present ? map.end - map.start : 0) - space;
    m->data += (present && is_data(map.prot, map.kind) ? map.end - map.start : 0) - data;
    size_t first = find(m, map.start), last = first;
    while (last < m->count && m->maps[last].start < map.end)
        last++;
    Mapping pieces[3];
    size_t n = 0;
    if (first < last && m->maps[first].start < map.start)
        pieces[n++] = slice(m->maps[first], 0, map.start);
    if (present)
        pieces[n++] = map;
    if (first < last && m->maps[last - 1].end > map.end)
        pieces[n++] = slice(m->maps[last - 1], map.end, UINT64_MAX);
    if (m->count + 2 > m->cap) {
        m->cap = m->cap ? m->cap * 2 : 64;
        m->maps = realloc(m->maps, m->cap * sizeof *m->maps);
        if (!m->maps)
            abort();
    }
    memmove(m->maps + first + n, m->maps + last, (m->count - last) * sizeof *m->maps);
    memcpy(m->maps + first, pieces, n * sizeof *pieces);
    m->count = m->count - (last - first) + n;

    /* Merge equal neighbours around the change. */
    size_t i = first ? first - 1 : 0, stop = first + n;
    while (i + 1 < m->count && i < stop) {
        Mapping *p = m->maps + i, *q = p + 1;
        if (joins(p, q)) {
            p->end = q->end;
            memmove(q, q + 1, (m->count - i - 2) * sizeof *q);
            m->count--;
            stop--;
        } else {
            i++;
        }
    }
}

static bool covered(const struct MemMap *m, u64 start, u64 end)
{
    for (size_t i = find(m, start); start < end; i++) {
        if (i == m->count || m->maps[i].start > start)
            return false;
        start = m->maps[i].end;
    }
    return true;
}

/* Widens code by the executable guest mappings in the range. */
static void note_code(const struct MemMap *m, u64 start, u64 end, CodeRange *code)
{
    for (size_t i = find(m, start); i < m->count && m->maps[i].start < end; i++) {
        const Mapping *map = m->maps + i;
        if (!(map->prot & PROT_EXEC))
            continue;
        u64 lo = map->start > start ? map->start : start, hi = map->end < end ? map->end : end;
        if (code->start == code->end) {
            *code = (CodeRange){lo, hi};
        } else {
            code->start = lo < code->start ? lo : code->start;
            code->end = hi > code->end ? hi : code->end;
        }
    }
}

static void invalidate(CodeRange code)
{
    if (code.start < code.end)
        cache_invalidate(code.start, code.end - code.start);
}

/* Calls act(start, size) on the parts of [start, end) that are the guest's (mapped), or aren't, until it returns
 * non-zero. */
static i64 each_part(const struct MemMap *m, u64 start, u64 end, bool mapped, i64 (*act)(u64 start, u64 size))
{
    i64 error = 0;
    for (size_t i = find(m, start); start < end && !error;) {
        bool inside = i < m->count && m->maps[i].start <= start;
        u64 stop = end;
        if (inside) {
            stop = m->maps[i++].end;
            while (i < m->count && m->maps[i].start == stop && stop < end) /* one call over adjacent mappings */
                stop = m->maps[i++].end;
            stop = stop < end ? stop : end;
        } else if (i < m->count && m->maps[i].start < end) {
            stop = m->maps[i].start;
        }
        if (inside == mapped)
            error = act(start, stop - start);
        start = stop;
    }
    return error;
}

static i64 host_result(void *p)
{
    return p == MAP_FAILED ? -errno : (i64)p;
}

static i64 reserve(u64 start, u64 size)
{
    void *p =
        mmap((void *)start, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (p == MAP_FAILED)
        return errno == EEXIST ? -ENOMEM : -errno;
    if (p != (void *)start) { /* a kernel without MAP_FIXED_NOREPLACE (before 4.17) */
        munmap(p, size);
        return -ENOMEM;
    }
    return 0;
}

static i64 release(u64 start, u64 size)
{
    return munmap((void *)start, size) ? -errno : 0;
}

/* Makes [start, end) safe to map over: reserves what isn't the guest's yet. -ENOMEM if some of it is the translator's,
 * and then nothing has changed. */
static i64 claim(const struct MemMap *m, u64 start, u64 end)
{
    u64 begin = start;
    for (size_t i = find(m, start); start < end; i++) {
        u64 from = start, stop = i < m->count && m->maps[i].start < end ? m->maps[i].start : end;
        i64 error = from < stop ? reserve(from, stop - from) : 0;
        if (error) {
            each_part(m, begin, from, false, release); /* the gaps before this one */
            return error;
        }
        start = i < m->count ? m->maps[i].end : end;
    }
    return 0;
}

static bool bad_range(const struct MemMap *m, u64 addr, u64 size)
{
    return addr + size < addr || addr + size > m->limit;
}

u64 mem_room(struct MemMap *m, u64 size)
{
    if (m->limit == ADDRESSES || size > m->limit)
        return 0;
    u64 step = size > ROOM_STEP ? size : ROOM_STEP;
    for (u64 at = (m->limit - size) & -PAGE; at >= ROOM_STEP; at -= step) {
        void *p =
            mmap((void *)at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
        if (p != MAP_FAILED)
            munmap(p, size);
        if (p == (void *)at)
            return at;
        if (at < step)
            break;
    }
    return 0;
}

/* -d page: the whole map after a change. The caller holds the lock. */
static void log_map(const struct MemMap *m, const char *change)
{
    if (!log_on(page))
        return;
    log_printf("guest memory after %s:\n", change);
    for (size_t i = 0; i < m->count; i++) {
        const Mapping *map = m->maps + i;
        log_printf("%016llx-%016llx %c%c%c%c%s\n", (unsigned long long)map->start, (unsigned long long)map->end,
                   map->prot & PROT_READ ? 'r' : '-', map->prot & PROT_WRITE ? 'w' : '-',
                   map->prot & PROT_EXEC ? 'x' : '-', map->kind & MEM_SHARED ? 's' : 'p',
                   map->kind & MEM_STACK  ? " [stack]"
                   : map->kind & MEM_HEAP ? " [heap]"
                   : map->kind & MEM_VDSO ? " [vdso]"
                                          : "");
    }
}

i64 mem_map(struct MemMap *m, u64 addr, u64 size, int prot, int flags, int fd, u64 offset, int kind)
{
    /* x86's own MAP_32BIT and MAP_ABOVE4G mean nothing to a guest. */
    flags &= ~(0x40 | 0x80);
    prot &= PROT_READ | PROT_WRITE | PROT_EXEC;
    u64 length = page_up(size);
    bool fixed = (flags & MAP_FIXED) && !(flags & MAP_FIXED_NOREPLACE);
    CodeRange code = {0};
    if (!size || offset % PAGE)
        return -EINVAL;
    if (length < size)
        return -ENOMEM;
    pthread_mutex_lock(&m->lock);
    i64 result = 0;
    if (fixed) {
        if (addr % PAGE)
            result = -EINVAL;
        else if (bad_range(m, addr, length))
            result = -ENOMEM;
    }
    kind |= (flags & MAP_TYPE) == MAP_PRIVATE ? 0 : MEM_SHARED;
    if (result == 0 && !may_map(m, fixed ? addr : 0, fixed ? addr + length : length, prot, kind))
        result = -ENOMEM;
    if (result == 0 && fixed)
        result = claim(m, addr, addr + length);
    if (!fixed && m->limit != ADDRESSES && (!addr || bad_range(m, addr, length)) && !(addr = mem_room(m, length)))
        result = -ENOMEM;
    if (result == 0) {
        result = host_result(mmap((void *)addr, size, host_prot(prot), flags, fd, (off_t)offset));
        if (result < 0 && fixed)
            each_part(m, addr, addr + length, false, release);
    }
    if (result >= 0) {
        if (fixed)
            note_code(m, addr, addr + length, &code);
        Mapping map = {.start = (u64)result, .end = (u64)result + length, .prot = (u16)prot, .kind = (u16)kind};
        struct stat st;
        if (kind & MEM_SHARED && !(flags & MAP_ANONYMOUS) && fstat(fd, &st) == 0) {
            map.dev = st.st_dev;
            map.ino = st.st_ino;
            map.offset = offset;
        }
        set_range(m, map, true);
    }
    log_map(m, "mmap");
    pthread_mutex_unlock(&m->lock);
    invalidate(code);
    return result;
}

i64 mem_unmap(struct MemMap *m, u64 addr, u64 size)
{
    u64 end = addr + page_up(size);
    if (addr % PAGE || !size || bad_range(m, addr, size))
        return -EINVAL;
    CodeRange code = {0};
    pthread_mutex_lock(&m->lock);
    note_code(m, addr, end, &code);
    i64 error = each_part(m, addr, end, true, release);
    if (!error)
        set_range(m, (Mapping){.start = addr, .end = end}, false);
    log_map(m, "munmap");
    pthread_mutex_unlock(&m->lock);
    invalidate(code);
    return error;
}

i64 mem_protect(struct MemMap *m, u64 addr, u64 size, int prot)
{
    int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
    u64 end = addr + page_up(size);
    if (addr % PAGE || grows == (PROT_GROWSDOWN | PROT_GROWSUP))
        return -EINVAL;
    if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN | PROT_GROWSUP | 0x8 /* PROT_SEM */))
        return -EINVAL;
    if (!size)
        return 0;
    if (end < addr)
        return -ENOMEM;
    CodeRange code = {0};
    pthread_mutex_lock(&m->lock);
    size_t i = find(m, addr);
    if (grows == PROT_GROWSDOWN && i < m->count && m->maps[i].start < addr)
        addr = m->maps[i].start;
    /* Up to the first hole, as the kernel does. */
    u64 stop = addr;
    for (; i < m->count && m->maps[i].start <= stop && stop < end; i++)
        stop = m->maps[i].end < end ? m->maps[i].end : end;
    i64 error = 0;
    if (prot & PROT_WRITE && !may_write(m, addr, stop))
        error = -ENOMEM;
    if (!error && stop > addr && mprotect((void *)addr, stop - addr, host_prot(prot & 7)))
        error = -errno;
    if (!error && !(prot & PROT_EXEC))
        note_code(m, addr, stop, &code);
    for (u64 at = addr; at < stop && !error;) {
        Mapping map = slice(m->maps[find(m, at)], at, stop);
        map.prot = (u16)(prot & 7);
        set_range(m, map, true);
        at = map.end;
    }
    if (!error && stop < end)
        error = -ENOMEM;
    log_map(m, "mprotect");
    pthread_mutex_unlock(&m->lock);
    invalidate(code);
    return error;
}

i64 mem_remap(struct MemMap *m, u64 addr, u64 old_size, u64 new_size, int flags, u64 new_addr)
{
    u64 old_end = addr + page_up(old_size), length = page_up(new_size);
    bool fixed = flags & MREMAP_FIXED;
    if (addr % PAGE || !length)
        return -EINVAL;
    if (fixed && (new_addr % PAGE || bad_range(m, new_addr, length) || !(flags & MREMAP_MAYMOVE)))
        return -EINVAL;
    CodeRange code = {0}, over = {0};
    pthread_mutex_lock(&m->lock);
    i64 result = 0;
    bool overlap = fixed && new_addr < old_end && addr < new_addr + length;
    if (!covered(m, addr, addr + 1))
        result = -EFAULT;
    else if (overlap || bad_range(m, addr, old_size))
        result = -EINVAL;
    else if (!covered(m, addr, old_size ? old_end : addr + PAGE))
        result = -EFAULT;
    if (result == 0) {
        const Mapping *map = &m->maps[find(m, addr)];
        u64 grows = flags & MREMAP_DONTUNMAP ? length : length > old_end - addr ? length - (old_end - addr) : 0;
        if (grows && !may_map(m, 0, grows, map->prot, map->kind))
            result = -ENOMEM;
    }
    if (result == 0 && fixed)
        result = claim(m, new_addr, new_addr + length);
    if (result == 0) {
        /* Under a limit the kernel may grow a mapping where it is, but not choose a place for it. */
        bool choose = m->limit != ADDRESSES && !fixed && flags & MREMAP_MAYMOVE;
        if (!choose || (result = host_result(mremap((void *)addr, old_size, new_size, 0))) == -ENOMEM) {
            u64 room = choose ? mem_room(m, length) : 0;
            if (room)
                result = host_result(mremap((void *)addr, old_size, new_size, flags | MREMAP_FIXED, room));
            else if (!choose)
                result = host_result(mremap((void *)addr, old_size, new_size, flags, new_addr));
        }
        if (result < 0 && fixed)
            each_part(m, new_addr, new_addr + length, false, release);
    }
    if (result >= 0) {
        Mapping map = slice(m->maps[find(m, addr)], addr, UINT64_MAX);
        note_code(m, addr, old_end, &code);
        if (fixed)
            note_code(m, new_addr, new_addr + length, &over);
        if (!(flags & MREMAP_DONTUNMAP))
            set_range(m, (Mapping){.start = addr, .end = old_end}, false);
        map.start = (u64)result;
        map.end = map.start + length;
        set_range(m, map, true);
    }
    log_map(m, "mremap");
    pthread_mutex_unlock(&m->lock);
    invalidate(code);
    invalidate(over);
    return result;
}

u64 mem_brk(Process *p, u64 end)
{
    pthread_mutex_lock(&p->brk_lock);
    u64 top = page_up(p->brk), new_top = page_up(end);
    bool ok = end >= p->brk_start && !bad_range(p->mem, end, PAGE);
    if (ok && new_top > top)
        ok = mem_map(p->mem, top, new_top - top, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0, MEM_HEAP) == (i64)top;
    else if (ok && new_top < top)
        ok = mem_unmap(p->mem, new_top, top - new_top) == 0;
    if (ok)
        p->brk = end;
    u64 brk = p->brk;
    pthread_mutex_unlock(&p->brk_lock);
    return brk;
}

i64 mem_shm_attach(struct MemMap *m, int id, u64 addr, int flags)
{
    struct shmid_ds info;
    if (shmctl(id, IPC_STAT, &info))
        return -errno;
    u64 length = page_up(info.shm_segsz);
    if (flags & SHM_RND)
        addr &= ~(u64)(PAGE - 1);
    bool fixed = addr && (flags & SHM_REMAP);
    CodeRange code = {0};
    pthread_mutex_lock(&m->lock);
    i64 result = 0;
    if (fixed && (addr % PAGE || bad_range(m, addr, length)))
        result = -EINVAL;
    else if (!may_map(m, fixed ? addr : 0, fixed ? addr + length : length, PROT_READ, MEM_SHARED))
        result = -ENOMEM;
    else if (fixed)
        result = claim(m, addr, addr + length);
    if (result == 0) {
        result = host_result(shmat(id, (void *)addr, flags & ~SHM_EXEC));
        if (result < 0 && fixed)
            each_part(m, addr, addr + length, false, release);
    }
    if (result >= 0) {
        note_code(m, (u64)result, (u64)result + length, &code);
        int prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
        Mapping map = {(u64)result, (u64)result + length, (u16)prot, MEM_SHARED, SHM_DEV, (u64)id + 1, 0};
        set_range(m, map, true);
        Shm *shms = realloc(m->shms, (m->nshms + 1) * sizeof *shms);
        if (!shms)
            abort();
        m->shms = shms;
        m->shms[m->nshms++] = (Shm){(u64)result, length};
    }
    log_map(m, "shmat");
    pthread_mutex_unlock(&m->lock);
    invalidate(code);
    return result;
}

i64 mem_shm_detach(struct MemMap *m, u64 addr)
{
    CodeRange code = {0};
    pthread_mutex_lock(&m->lock);
    i64 error = -EINVAL;
    for (size_t i = m->nshms; i-- > 0 && error;) {
        Shm shm = m->shms[i];
        if (shm.addr != addr)
            continue;
        error = shmdt((void *)addr) ? -errno : 0;
        m->shms[i] = m->shms[--m->nshms];
        if (!error) {
            note_code(m, addr, addr + shm.size, &code);
            set_range(m, (Mapping){.start = addr, .end = addr + shm.size}, false);
        }
    }
    log_map(m, "shmdt");
    pthread_mutex_unlock(&m->lock);
    invalidate(code);
    return error;
}

/* With the lock held nothing can be unmapped between the two questions. */
int mem_code_fault(struct MemMap *m, u64 pc, int *code)
{
    u8 byte;
    pthread_mutex_lock(&m->lock);
    size_t i = find(m, pc);
    bool mapped = i < m->count && m->maps[i].start <= pc;
    int signo = 0;
    if (!mapped || !(m->maps[i].prot & PROT_EXEC)) {
        signo = SIGSEGV;
        *code = mapped ? SEGV_ACCERR : SEGV_MAPERR;
    } else if (!code_read(&byte, pc, 1)) { /* beyond the end of the file */
        signo = SIGBUS;
        *code = BUS_ADRERR;
    }
    pthread_mutex_unlock(&m->lock);
    return signo;
}

int mem_prot(struct MemMap *m, u64 addr)
{
    pthread_mutex_lock(&m->lock);
    size_t i = find(m, addr);
    int prot = i < m->count && m->maps[i].start <= addr ? m->maps[i].prot : -1;
    pthread_mutex_unlock(&m->lock);
    return prot;
}

void code_written(Task *t, u64 addr, u64 size)
{
    struct MemMap *m = t->process ? t->process->mem : NULL;
    cache_invalidate(addr, size);
    if (!m)
        return;
    /* Other views of the same memory: at most a few, found one at a time because cache_invalidate wants our lock
     * free. */
    for (size_t next = 0, i;;) {
        CodeRange code = {0};
        pthread_mutex_lock(&m->lock);
        i = find(m, addr);
        bool shared = i < m->count && m->maps[i].start <= addr && m->maps[i].ino;
        Mapping map = shared ? m->maps[i] : (Mapping){0};
        u64 at = map.offset + (addr - map.start);
        for (; shared && next < m->count && code.start == code.end; next++) {
            const Mapping *other = m->maps + next;
            if (other->dev == map.dev && other->ino == map.ino && other->prot & PROT_EXEC && other->offset <= at &&
                at - other->offset < other->end - other->start)
                code = (CodeRange){other->start + (at - other->offset), other->start + (at - other->offset) + size};
        }
        pthread_mutex_unlock(&m->lock);
        if (code.start == code.end)
            return;
        if (code.start != addr)
            invalidate(code);
    }
}

bool mem_next(struct MemMap *m, u64 addr, Mapping *out)
{
    pthread_mutex_lock(&m->lock);
    size_t i = find(m, addr);
    bool found = i < m->count;
    if (found)
        *out = m->maps[i];
    pthread_mutex_unlock(&m->lock);
    return found;
}

/* Nobody stops the other process meanwhile: what it changes makes us look again, or accept a moment that never was. */
static Mapping *copy_other(struct MemMap *m, MemReader *read, void *context, size_t *count)
{
    enum { TRIES = 8, MOST = 1 << 20 };
    for (int i = 0; i < TRIES; i++) {
        struct MemMap before, after;
        if (read(context, &before, (u64)m, sizeof before) || before.count > MOST)
            return NULL;
        Mapping *maps = malloc((before.count + 1) * sizeof *maps);
        bool ok = maps && read(context, maps, (u64)before.maps, before.count * sizeof *maps) == 0 &&
                  read(context, &after, (u64)m, sizeof after) == 0 && after.maps == before.maps &&
                  after.count == before.count;
        for (size_t k = 0; ok && k < before.count; k++)
            ok = maps[k].start < maps[k].end && (k == 0 || maps[k - 1].end <= maps[k].start);
        *count = before.count;
        if (ok)
            return maps;
        free(maps);
    }
    return NULL;
}

Mapping *mem_copy(struct MemMap *m, MemReader *read, void *context, size_t *count)
{
    if (read)
        return copy_other(m, read, context, count);
    pthread_mutex_lock(&m->lock);
    Mapping *maps = malloc((m->count + 1) * sizeof *maps);
    if (maps)
        memcpy(maps, m->maps, m->count * sizeof *maps);
    *count = m->count;
    pthread_mutex_unlock(&m->lock);
    return maps;
}

void mem_before_fork(struct MemMap *m)
{
    pthread_mutex_lock(&m->lock);
}

void mem_after_fork(struct MemMap *m)
{
    pthread_mutex_unlock(&m->lock);
}
