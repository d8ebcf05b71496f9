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
#include <sys/syscall.h>
#include <unistd.h>

#include "maps.h"
#include "runtime.h"
#include "zone.h"

/* -- copies. A fault between mem_copy_begin and mem_copy_end, or in mem_string's loop, goes on at the fixup address:
 * the routines keep nothing on the stack, so they can return from there. */
i64 mem_copy_asm(void *dst, const void *src, size_t size);
size_t mem_fetch_asm(void *dst, const void *src, size_t size);
u64 mem_cas_asm(u32 *at, u32 *expected, u32 desired);
i64 mem_string_asm(char *dst, const char *src, size_t max);
i64 mem_strlen_asm(const char *src, size_t max);
extern const char mem_asm_begin[], mem_asm_end[], mem_asm_fault[], mem_fetch_again[], mem_fetch_end[], mem_fetch_fault[];

/* Copies rcx bytes from rsi to rdi. The three agree wherever it may fault. (rep movsb starts slowly, and most copies are short.) */
#define COPY \
    "    cmp $1024, %rcx\n" \
    "    jae 4f\n" \
    "1:  cmp $16, %rcx\n" \
    "    jb 2f\n" \
    "    movups (%rsi), %xmm0\n" \
    "    movups %xmm0, (%rdi)\n" \
    "    add $16, %rsi\n" \
    "    add $16, %rdi\n" \
    "    sub $16, %rcx\n" \
    "    jmp 1b\n" \
    "2:\n" \
    SOME(8, "mov", "%rax") SOME(4, "movl", "%eax") SOME(2, "movw", "%ax") SOME(1, "movb", "%al") \
    "    jmp 5f\n" \
    "4:  rep movsb\n" \
    "5:\n"
#define SOME(bytes, mov, reg) \
    "    test $" #bytes ", %cl\n" \
    "    jz 3f\n" \
    "    " mov " (%rsi), " reg "\n" \
    "    " mov " " reg ", (%rdi)\n" \
    "    add $" #bytes ", %rsi\n" \
    "    add $" #bytes ", %rdi\n" \
    "    sub $" #bytes ", %rcx\n" \
    "3:\n"

__asm__(".text\n"
        ".balign 16\n"
        ".globl mem_asm_begin, mem_asm_end, mem_asm_fault, mem_copy_asm, mem_string_asm, mem_strlen_asm, mem_cas_asm, host_robust_list_32\n"
        ".globl mem_fetch_asm, mem_fetch_again, mem_fetch_end, mem_fetch_fault\n"
        "mem_fetch_asm:\n" /* rdi = dst, rsi = src, rdx = size; how many could be copied */
        "    mov %rdx, %rcx\n"
        COPY
        "    mov %rdx, %rax\n"
        "    ret\n"
        "mem_fetch_again:\n" /* after a fault: the bytes up to where it is */
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
        COPY
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
        "1:  int $0x80\n"
        "    ret\n"
        "mem_asm_end:\n"
        "host_robust_list_32:\n" /* rdi = head, rsi = size */
        "    push %rbx\n"
        "    mov %rdi, %rbx\n"
        "    mov %rsi, %rcx\n"
        "    mov $311, %eax\n" /* i386's set_robust_list */
        "    call 1b\n"
        "    pop %rbx\n"
        "    ret\n"
        "mem_asm_fault:\n"
        "    mov $-14, %rax\n" /* -EFAULT */
        "    ret\n");
_Static_assert(EFAULT == 14, "mem_asm_fault");

int mem_peek(void *dst, u64 src, size_t size)
{
    return (int)mem_copy_asm(dst, (const void *)src, size);
}

/* See mem_own_arguments. */
static __thread bool own_arguments;

void mem_own_arguments(bool own)
{
    own_arguments = own;
}

static bool is_ours(u64 addr, u64 size)
{
    return zone_overlaps(addr, size) && !own_arguments;
}

int mem_read(void *dst, u64 guest_src, size_t size)
{
    return is_ours(guest_src, size) ? -EFAULT : mem_peek(dst, guest_src, size);
}

int mem_write(u64 guest_dst, const void *src, size_t size)
{
    if (is_ours(guest_dst, size))
        return -EFAULT;
    return (int)mem_copy_asm((void *)guest_dst, src, size);
}

int mem_exchange(u64 guest, u32 *expected, u32 desired)
{
    if (is_ours(guest, sizeof *expected))
        return -EFAULT;
    return (int)mem_cas_asm((u32 *)guest, expected, desired);
}

/* The map whose pages with code are watched (mem_watch_code), or NULL: readers of code know no process. */
static struct MemMap *watched;
static void watch(struct MemMap *m, u64 start, u64 end);

size_t code_read(void *bytes, u64 pc, size_t size)
{
    if (watched)
        watch(watched, pc, pc + size);
    return mem_fetch_asm(bytes, (const void *)pc, size);
}

ssize_t mem_strlen(u64 guest, size_t max)
{
    if (is_ours(guest, 1))
        return -EFAULT;
    i64 length = mem_strlen_asm((const char *)guest, max);
    return length == (i64)max ? -ENAMETOOLONG : length;
}

i64 mem_string(char *dst, u64 guest_src, size_t max)
{
    if (is_ours(guest_src, 1))
        return -EFAULT;
    i64 length = mem_string_asm(dst, (const char *)guest_src, max);
    return length == (i64)max ? -ENAMETOOLONG : length;
}

u64 mem_fixup(u64 rip)
{
    if (rip >= (u64)mem_fetch_asm && rip < (u64)mem_fetch_again)
        return (u64)mem_fetch_again;
    if (rip >= (u64)mem_fetch_again && rip < (u64)mem_fetch_end)
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

struct MemMap {
    pthread_mutex_t lock;
    u64 limit;                   /* end of the guest's address space (-R) */
    u64 room;                    /* where mem_room found some last */
    Maps maps;                   /* what the guest has mapped */
    Maps views;                  /* of these, files and shared memory that may be executed */
    u64 space, data;             /* bytes mapped; those that are private and writable */
    u64 space_limit, data_limit; /* of these */
    bool watching;               /* pages with code: */
    _Atomic bool dirty;          /* some of them are WATCH_WRITTEN */
    u64 nwatch;                  /* how many there are of them */
    _Atomic u64 *watch;          /* WATCH_SLOTS pages that are or were watched, by hash: the address | a state */
    u8 *writes;                  /* how often each has been written */
    int lock_future;             /* mlockall's MCL_FUTURE and MCL_ONFAULT */
    bool read_implies_exec;      /* personality's */
    int mdwe;                    /* MDWE_* */
    int own_prot, own_flags;     /* bits of mem_own_prot */
};

/* Of addresses. What a change may have done to translated code is noted in one and invalidated once the map's lock is free, because
 * the translator asks this map while it holds its own lock. */
typedef struct Range {
    u64 start, end;
} Range;

static u64 page_up(u64 n)
{
    return (n + PAGE - 1) & ~(u64)(PAGE - 1);
}

static int host_prot(int prot)
{
    int host = prot & (PROT_READ | PROT_WRITE);
    return prot & PROT_EXEC ? host | PROT_READ : host;
}

struct MemMap *mem_new(u64 limit)
{
    struct MemMap *m = calloc(1, sizeof *m);
    if (!m)
        out_of_memory("the map of the guest's memory");
    pthread_mutex_init(&m->lock, NULL);
    m->limit = limit && limit < ADDRESSES ? limit : ADDRESSES;
    m->space_limit = m->data_limit = UINT64_MAX;
    return m;
}

void mem_set_end(struct MemMap *m, u64 end)
{
    m->limit = end < m->limit ? end : m->limit;
}

void mem_own_prot(struct MemMap *m, int bits, int flags)
{
    m->own_prot = bits;
    m->own_flags = flags;
}

void mem_limit(struct MemMap *m, u64 space, u64 data)
{
    shared_lock(&m->lock);
    m->space_limit = space;
    m->data_limit = data;
    shared_unlock(&m->lock);
}

/* Counts towards RLIMIT_DATA (mm/vma.h: is_data_mapping). */
static bool is_data(int prot, int kind)
{
    return prot & PROT_WRITE && !(kind & (MEM_SHARED | MEM_STACK));
}

static const Mapping *find(const struct MemMap *m, u64 addr)
{
    return maps_find(&m->maps, addr);
}

/* Does PR_SET_MDWE forbid a mapping with `prot` that has had `old`? */
static bool refuses_exec(const struct MemMap *m, int old, int prot)
{
    return m->mdwe && prot & PROT_EXEC && (prot & PROT_WRITE || !(old & PROT_EXEC));
}

/* How much of [start, end) is mapped, and how much of that is data. */
static void measure(const struct MemMap *m, u64 start, u64 end, u64 *space, u64 *data)
{
    *space = *data = 0;
    for (const Mapping *p = find(m, start); p && p->start < end; p = find(m, p->end)) {
        Mapping part = maps_slice(*p, start, end);
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
    for (const Mapping *p = find(m, start); p && p->start < end; p = find(m, p->end)) {
        Mapping part = maps_slice(*p, start, end);
        if (is_data(PROT_WRITE, part.kind) && !is_data(part.prot, part.kind))
            grows += part.end - part.start;
    }
    return !grows || (grows <= m->data_limit && m->data <= m->data_limit - grows);
}

/* -- pages with code that the guest may write. Their mappings say MEM_WATCHED; the table is for the signal handler, which can't take
 * the lock. */
enum : u64 { WATCH_SLOTS = 1 << 14, WATCH_PROBES = 16, WATCH_LIMIT = 24, WATCH_PATIENCE = 10000 };
/* Open: the guest's mapping is writable, and so is the page; closed: the mapping isn't. */
enum : u64 { WATCH_OPEN, WATCH_ON, WATCH_WRITTEN, WATCH_CLOSED };

/* The page's slot, or an empty one for it; NULL if there is neither. */
static _Atomic u64 *watch_slot(const struct MemMap *m, u64 page)
{
    u64 at = page / PAGE * 0x9e3779b97f4a7c15 >> 40;
    for (u64 n = 0; n < WATCH_PROBES; n++) {
        _Atomic u64 *slot = &m->watch[(at + n) % WATCH_SLOTS];
        u64 is = atomic_load(slot) & -PAGE;
        if (is == page || !is)
            return slot;
    }
    return NULL;
}

/* A page that is or was watched is in this mapping now, or in none. */
static void watch_follow(struct MemMap *m, const Mapping *map, bool present)
{
    u64 state = present && map->prot & PROT_WRITE ? WATCH_OPEN : WATCH_CLOSED;
    if (!m->watching || !m->nwatch)
        return;
    if ((map->end - map->start) / PAGE > WATCH_SLOTS) {
        for (u64 n = 0; n < WATCH_SLOTS; n++) {
            u64 page = m->watch[n] & -PAGE;
            if (page && page >= map->start && page < map->end)
                m->watch[n] = page | state;
        }
        return;
    }
    for (u64 page = map->start; page < map->end; page += PAGE) {
        _Atomic u64 *slot = watch_slot(m, page);
        if (slot && *slot)
            *slot = page | state;
    }
}

/* Replaces what there is in [map.start, map.end) by map, or by nothing. */
static void set_range(struct MemMap *m, Mapping map, bool present)
{
    if (map.start >= map.end)
        return;
    u64 space, data;
    watch_follow(m, &map, present);
    measure(m, map.start, map.end, &space, &data);
    m->space += (present ? map.end - map.start : 0) - space;
    m->data += (present && is_data(map.prot, map.kind) ? map.end - map.start : 0) - data;
    maps_set(&m->maps, map, present);
    maps_set(&m->views, map, present && map.ino && map.prot & PROT_EXEC);
}

/* The kernel lets a mapping with MAP_GROWSDOWN grow at an access below it. Then nothing but itself lies there, so how far it has is
 * where memory that is mapped all the way up to it begins. */
static void see_growth(struct MemMap *m, Mapping map)
{
    const Mapping *before = maps_before(&m->maps, map.start);
    u64 lo = before ? before->end : 0, hi = map.start - PAGE; /* mapped from hi on, if from anywhere */
    if (map.start <= lo || msync((void *)hi, PAGE, MS_ASYNC))
        return;
    while (lo < hi) {
        u64 mid = lo + (hi - lo) / 2 / PAGE * PAGE;
        if (msync((void *)mid, map.start - mid, MS_ASYNC))
            lo = mid + PAGE;
        else
            hi = mid;
    }
    map.start = hi;
    set_range(m, map, true);
}

/* Brings what the map says about [start, end) up to date. */
static void settle(struct MemMap *m, u64 start, u64 end)
{
    for (const Mapping *p = find(m, start); p; p = find(m, p->end)) {
        bool last = p->start >= end;
        if (p->kind & MEM_GROWS && p->start > start) {
            u64 stop = p->end;
            see_growth(m, *p);
            p = find(m, stop - 1);
        }
        if (last)
            break;
    }
}

static void lock(struct MemMap *m, u64 start, u64 end)
{
    shared_lock(&m->lock);
    settle(m, start, end);
}

static void unlock(struct MemMap *m)
{
    shared_unlock(&m->lock);
}

static bool covered(const struct MemMap *m, u64 start, u64 end)
{
    for (const Mapping *p; start < end; start = p->end)
        if (!(p = find(m, start)) || p->start > start)
            return false;
    return true;
}

/* Widens code by the executable guest mappings in the range. */
static void note_code(const struct MemMap *m, u64 start, u64 end, Range *code)
{
    for (const Mapping *p = find(m, start); p && p->start < end; p = find(m, p->end)) {
        if (!(p->prot & PROT_EXEC))
            continue;
        Mapping part = maps_slice(*p, start, end);
        if (code->start == code->end) {
            *code = (Range){part.start, part.end};
        } else {
            code->start = part.start < code->start ? part.start : code->start;
            code->end = part.end > code->end ? part.end : code->end;
        }
    }
}

static void invalidate(Range code)
{
    if (code.start < code.end)
        cache_invalidate(code.start, code.end - code.start);
}

/* The first part of [start, end) that is the guest's, adjacent mappings together; empty, at end, if there is none. */
static Range next_part(const struct MemMap *m, u64 start, u64 end)
{
    const Mapping *p = find(m, start);
    if (!p || p->start >= end)
        return (Range){end, end};
    Range part = {p->start > start ? p->start : start, p->end};
    while (part.end < end && (p = find(m, part.end)) && p->start == part.end)
        part.end = p->end;
    if (part.end > end)
        part.end = end;
    return part;
}

static i64 host_result(long p)
{
    return p == -1 ? -errno : p;
}

/* The kernel's, not the C library's, which are for the translator's own memory (zone.c). */
static i64 host_map(u64 addr, u64 size, int prot, int flags, int fd, u64 offset)
{
    return host_result(syscall(SYS_mmap, addr, size, prot, flags, fd, offset));
}

static i64 host_remap(u64 addr, u64 old_size, u64 new_size, int flags, u64 new_addr)
{
    return host_result(syscall(SYS_mremap, addr, old_size, new_size, flags, new_addr));
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

/* Frees what claim has reserved of [start, end). */
static void unclaim(const struct MemMap *m, u64 start, u64 end)
{
    while (start < end) {
        Range part = next_part(m, start, end);
        if (part.start > start)
            munmap((void *)start, part.start - start);
        start = part.end;
    }
}

/* Makes [start, end) safe to map over: reserves what isn't the guest's yet. -ENOMEM if some of it is the translator's,
 * and then nothing has changed. */
static i64 claim(const struct MemMap *m, u64 start, u64 end)
{
    for (u64 at = start; at < end;) {
        Range part = next_part(m, at, end);
        i64 error = part.start > at ? reserve(at, part.start - at) : 0;
        if (error) {
            unclaim(m, start, at);
            return error;
        }
        at = part.end;
    }
    return 0;
}

/* Unmaps what is the guest's. */
static i64 release(struct MemMap *m, Range part)
{
    if (munmap((void *)part.start, part.end - part.start))
        return -errno;
    set_range(m, (Mapping){.start = part.start, .end = part.end}, false);
    return 0;
}

static bool bad_range(const struct MemMap *m, u64 addr, u64 size)
{
    return addr + size < addr || addr + size > m->limit;
}

/* Where the guest can't be given memory. */
static bool bad_place(const struct MemMap *m, u64 addr, u64 size)
{
    return bad_range(m, addr, size) || zone_overlaps(addr, size);
}

/* Below `from`, downwards: what the guest has is passed over at a stride, the translator's is told by the kernel. 0: none. */
static u64 room_below(struct MemMap *m, u64 from, u64 size)
{
    u64 at = from;
    while (at >= size + ROOM_STEP) {
        u64 start = (at - size) & -PAGE;
        const Mapping *p = maps_before(&m->maps, start + size);
        if (p && p->end > start) {
            at = p->start;
            continue;
        }
        if (!reserve(start, size)) {
            unclaim(m, start, start + size);
            return start;
        }
        at -= ROOM_STEP;
    }
    return 0;
}

u64 mem_room(struct MemMap *m, u64 size)
{
    if (m->limit == ADDRESSES || size > m->limit)
        return 0;
    /* Below the last one; what has become free above it is looked for when there is no more room there. */
    u64 at = room_below(m, m->room ? m->room : m->limit, size);
    if (!at)
        at = room_below(m, m->limit, size);
    return m->room = at;
}

/* -d page: the whole map after a change. The caller holds the lock. */
static void log_map(const struct MemMap *m, const char *change)
{
    if (!log_on(page))
        return;
    log_printf("guest memory after %s:\n", change);
    for (const Mapping *map = find(m, 0); map; map = find(m, map->end)) {
        log_printf("%016llx-%016llx %c%c%c%c%s\n", (unsigned long long)map->start, (unsigned long long)map->end,
                   map->prot & PROT_READ ? 'r' : '-', map->prot & PROT_WRITE ? 'w' : '-',
                   map->prot & PROT_EXEC ? 'x' : '-', map->kind & MEM_SHARED ? 's' : 'p',
                   map->kind & MEM_STACK  ? " [stack]"
                   : map->kind & MEM_HEAP ? " [heap]"
                   : map->kind & MEM_VDSO ? " [vdso]"
                                          : "");
    }
}

/* READ_IMPLIES_EXEC is the guest's alone: the host's kernel would make writable pages of the translator's executable. */
static int implied_prot(const struct MemMap *m, int prot, int kind)
{
    return m->read_implies_exec && prot & PROT_READ && !(kind & MEM_NOEXEC) ? prot | PROT_EXEC : prot;
}

/* Locks a new mapping at `at`, unless that is an error, as mlockall asked. Returns `at`, or -EAGAIN and it is gone again. */
static i64 lock_new(const struct MemMap *m, i64 at, u64 size)
{
    if (at < 0 || !(m->lock_future & MCL_ONFAULT) || !mlock2((void *)at, size, MLOCK_ONFAULT))
        return at;
    munmap((void *)at, size);
    return -EAGAIN;
}

/* The kernel may pass over a hint for the sake of large pages, and over one that is taken in any case: then it would choose a place that
 * the guest can't reach. */
static i64 map_below_limit(struct MemMap *m, u64 hint, u64 size, int prot, int flags, int fd, u64 offset)
{
    hint &= -PAGE;
    if (hint && !bad_range(m, hint, size)) {
        i64 at = host_map(hint, size, prot, flags | MAP_FIXED_NOREPLACE, fd, offset);
        if (at != -EEXIST && at != -EPERM)
            return at;
    }
    u64 room = mem_room(m, page_up(size));
    return room ? host_map(room, size, prot, flags | MAP_FIXED_NOREPLACE, fd, offset) : -ENOMEM;
}

i64 mem_map(struct MemMap *m, u64 addr, u64 size, int prot, int flags, int fd, u64 offset, int kind)
{
    flags &= ~(MAP_32BIT | 0x80 /* MAP_ABOVE4G */) | m->own_flags; /* the host's own mean nothing to other guests */
    prot &= PROT_READ | PROT_WRITE | PROT_EXEC | m->own_prot;
    u64 length = page_up(size);
    bool fixed = (flags & MAP_FIXED) && !(flags & MAP_FIXED_NOREPLACE);
    Range code = {0};
    if (!size || offset % PAGE)
        return -EINVAL;
    if (length < size)
        return -ENOMEM;
    lock(m, addr, addr + length);
    prot = implied_prot(m, prot, kind);
    i64 result = 0;
    if (fixed) {
        if (addr % PAGE)
            result = -EINVAL;
        else if (bad_place(m, addr, length))
            result = -ENOMEM;
    }
    kind |= ((flags & MAP_TYPE) == MAP_PRIVATE ? 0 : MEM_SHARED) | (flags & MAP_GROWSDOWN ? MEM_GROWS : 0);
    if (m->lock_future == MCL_FUTURE)
        flags |= MAP_LOCKED;
    if (result == 0 && !may_map(m, fixed ? addr : 0, fixed ? addr + length : length, prot, kind))
        result = -ENOMEM;
    if (result == 0 && refuses_exec(m, prot, prot))
        result = -EACCES;
    if (result == 0 && fixed)
        result = claim(m, addr, addr + length);
    if (!fixed && zone_overlaps(addr, length)) {
        if (flags & MAP_FIXED_NOREPLACE)
            result = -EEXIST;
        addr = 0;
    }
    if (!fixed && flags & MAP_FIXED_NOREPLACE && bad_range(m, addr, length))
        result = -ENOMEM;
    if (result == 0) {
        bool chosen = !(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) && m->limit != ADDRESSES;
        result = chosen ? map_below_limit(m, addr, size, host_prot(prot), flags, fd, offset)
                        : host_map(addr, size, host_prot(prot), flags, fd, offset);
        result = lock_new(m, result, length);
        if (result < 0 && fixed)
            unclaim(m, addr, addr + length);
    }
    if (result >= 0) {
        if (fixed)
            note_code(m, addr, addr + length, &code);
        Mapping map = {.start = (u64)result, .end = (u64)result + length, .prot = (u16)prot, .kind = (u16)kind};
        struct stat st;
        if ((kind & MEM_SHARED || prot & PROT_EXEC) && !(flags & MAP_ANONYMOUS) && fstat(fd, &st) == 0) {
            map.dev = st.st_dev;
            map.ino = st.st_ino;
            map.offset = offset;
        }
        set_range(m, map, true);
    }
    log_map(m, "mmap");
    unlock(m);
    invalidate(code);
    return result;
}

i64 mem_unmap(struct MemMap *m, u64 addr, u64 size)
{
    u64 end = addr + page_up(size);
    if (addr % PAGE || !size || bad_range(m, addr, size))
        return -EINVAL;
    Range code = {0};
    lock(m, addr, end);
    note_code(m, addr, end, &code);
    i64 error = 0;
    for (Range part = next_part(m, addr, end); part.start < end && !error; part = next_part(m, part.end, end))
        error = release(m, part);
    log_map(m, "munmap");
    unlock(m);
    invalidate(code);
    return error;
}

i64 mem_protect(struct MemMap *m, u64 addr, u64 size, int prot)
{
    int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
    u64 end = addr + page_up(size);
    if (addr % PAGE || grows == (PROT_GROWSDOWN | PROT_GROWSUP))
        return -EINVAL;
    if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN | PROT_GROWSUP | 0x8 /* PROT_SEM */ | m->own_prot))
        return -EINVAL;
    if (!size)
        return 0;
    if (end < addr)
        return -ENOMEM;
    Range code = {0};
    lock(m, addr, end);
    const Mapping *p = find(m, addr);
    if (grows) {
        i64 error = !p || p->start >= end ? -ENOMEM : p->kind & (MEM_GROWS | MEM_STACK) ? 0 : -EINVAL;
        if (error || grows == PROT_GROWSUP) {
            unlock(m);
            return error ? error : -EINVAL;
        }
        if (p->kind & MEM_GROWS) {
            see_growth(m, *p);
            p = find(m, addr);
        }
        addr = p->start;
    }
    prot &= PROT_READ | PROT_WRITE | PROT_EXEC | m->own_prot;
    /* Up to the first hole, or what may not have the protection, as the kernel does. */
    u64 stop = addr;
    bool refused = false;
    for (; p && p->start <= stop && stop < end; p = find(m, stop)) {
        refused = refuses_exec(m, p->prot, prot) || (prot & PROT_EXEC && p->kind & MEM_NOEXEC);
        if (refused)
            break;
        stop = p->end < end ? p->end : end;
    }
    i64 error = 0;
    if (prot & PROT_WRITE && !may_write(m, addr, stop))
        error = -ENOMEM;
    if (!error && stop > addr && mprotect((void *)addr, stop - addr, host_prot(prot)))
        error = -errno;
    if (!error && (!(implied_prot(m, prot, 0) & PROT_EXEC) || (m->watching && prot & PROT_WRITE)))
        note_code(m, addr, stop, &code);
    for (u64 at = addr; at < stop && !error;) {
        Mapping map = maps_slice(*find(m, at), at, stop);
        map.prot = (u16)implied_prot(m, prot, map.kind);
        map.kind &= (u16)~MEM_WATCHED;
        set_range(m, map, true);
        at = map.end;
    }
    if (!error && stop < end)
        error = refused ? -EACCES : -ENOMEM;
    log_map(m, "mprotect");
    unlock(m);
    invalidate(code);
    return error;
}

static void watch_open(struct MemMap *m, u64 start, u64 end);

i64 mem_remap(struct MemMap *m, u64 addr, u64 old_size, u64 new_size, int flags, u64 new_addr)
{
    u64 old_end = addr + page_up(old_size), length = page_up(new_size);
    bool fixed = flags & MREMAP_FIXED;
    if (addr % PAGE || !length)
        return -EINVAL;
    if (fixed && (new_addr % PAGE || bad_place(m, new_addr, length) || !(flags & MREMAP_MAYMOVE)))
        return -EINVAL;
    Range code = {0}, over = {0};
    lock(m, addr, old_end);
    if (fixed)
        settle(m, new_addr, new_addr + length);
    watch_open(m, addr, old_end);
    i64 result = 0;
    bool overlap = fixed && new_addr < old_end && addr < new_addr + length;
    if (!covered(m, addr, addr + 1))
        result = -EFAULT;
    else if (overlap || bad_range(m, addr, old_size))
        result = -EINVAL;
    else if (!covered(m, addr, old_size ? old_end : addr + PAGE))
        result = -EFAULT;
    if (result == 0) {
        const Mapping *map = find(m, addr);
        u64 grows = flags & MREMAP_DONTUNMAP ? length : length > old_end - addr ? length - (old_end - addr) : 0;
        if (grows && !may_map(m, 0, grows, map->prot, map->kind))
            result = -ENOMEM;
    }
    if (result == 0 && fixed)
        result = claim(m, new_addr, new_addr + length);
    if (result == 0) {
        /* Under a limit the kernel may grow a mapping where it is, but not choose a place for it. */
        bool choose = m->limit != ADDRESSES && !fixed && flags & MREMAP_MAYMOVE;
        if (!choose || (result = host_remap(addr, old_size, new_size, 0, 0)) == -ENOMEM) {
            u64 room = choose ? mem_room(m, length) : 0;
            if (room)
                result = host_remap(addr, old_size, new_size, flags | MREMAP_FIXED, room);
            else if (!choose)
                result = host_remap(addr, old_size, new_size, flags, new_addr);
        }
        if (result < 0 && fixed)
            unclaim(m, new_addr, new_addr + length);
    }
    if (result >= 0) {
        Mapping map = maps_slice(*find(m, addr), addr, UINT64_MAX);
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
    unlock(m);
    invalidate(code);
    invalidate(over);
    return result;
}

u64 mem_brk(Process *p, u64 end)
{
    shared_lock(&p->brk_lock);
    u64 top = page_up(p->brk), new_top = page_up(end);
    bool ok = end >= p->brk_start && !bad_place(p->mem, end, PAGE);
    if (ok && new_top > top)
        ok = mem_map(p->mem, top, new_top - top, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0, MEM_HEAP) == (i64)top;
    else if (ok && new_top < top)
        ok = mem_unmap(p->mem, new_top, top - new_top) == 0;
    if (ok)
        p->brk = end;
    u64 brk = p->brk;
    shared_unlock(&p->brk_lock);
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
    Range code = {0};
    lock(m, addr, addr + length);
    i64 result = 0;
    int prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
    if (addr && (addr % PAGE || bad_place(m, addr, length)))
        result = -EINVAL;
    else if (!addr && m->limit != ADDRESSES && !(addr = mem_room(m, length)))
        result = -ENOMEM;
    else if (refuses_exec(m, prot, prot))
        result = -EACCES;
    else if (!may_map(m, fixed ? addr : 0, fixed ? addr + length : length, PROT_READ, MEM_SHARED))
        result = -ENOMEM;
    else if (fixed)
        result = claim(m, addr, addr + length);
    if (result == 0) {
        result = host_result((long)shmat(id, (void *)addr, flags & ~SHM_EXEC));
        if (result >= 0 && m->lock_future == MCL_FUTURE)
            mlock((void *)result, length);
        result = lock_new(m, result, length);
        if (result < 0 && fixed)
            unclaim(m, addr, addr + length);
    }
    if (result >= 0) {
        note_code(m, (u64)result, (u64)result + length, &code);
        prot = implied_prot(m, prot, 0);
        Mapping map = {(u64)result, (u64)result + length, (u16)prot, MEM_SHARED, SHM_DEV, (u64)id + 1, 0};
        set_range(m, map, true);
    }
    log_map(m, "shmat");
    unlock(m);
    invalidate(code);
    return result;
}

i64 mem_shm_detach(struct MemMap *m, u64 addr)
{
    Range code = {0};
    u64 segment = 0;
    i64 error = -EINVAL;
    lock(m, addr, addr);
    /* What is left of the segment: pages of it in the places that they had (ipc/shm.c: ksys_shmdt). */
    for (const Mapping *p = addr % PAGE ? NULL : find(m, addr), *next; p; p = next) {
        Mapping map = *p;
        next = find(m, map.end);
        if (map.dev != SHM_DEV || map.start - addr != map.offset || (segment && map.ino != segment))
            continue;
        segment = map.ino;
        note_code(m, map.start, map.end, &code);
        error = release(m, (Range){map.start, map.end});
        next = find(m, map.end);
    }
    log_map(m, "shmdt");
    unlock(m);
    invalidate(code);
    return error;
}

/* With the lock held nothing can be unmapped between the two questions. A page that a thread has yet to bring (userfaultfd) is waited for
 * before: that thread may need the lock, and others. */
int mem_code_fault(struct MemMap *m, u64 pc, int *code, Mapping *map)
{
    u8 byte;
    code_read(&byte, pc, 1);
    lock(m, pc, pc + 1);
    const Mapping *p = find(m, pc);
    bool mapped = p && p->start <= pc;
    int signo = 0;
    if (!mapped || !(p->prot & PROT_EXEC)) {
        signo = SIGSEGV;
        *code = mapped ? SEGV_ACCERR : SEGV_MAPERR;
    } else if (!mem_fetch_asm(&byte, (const void *)pc, 1)) { /* beyond the end of the file */
        signo = SIGBUS;
        *code = BUS_ADRERR;
    } else {
        *map = *p;
    }
    shared_unlock(&m->lock);
    return signo;
}

int mem_mdwe(struct MemMap *m)
{
    shared_lock(&m->lock);
    int bits = m->mdwe;
    shared_unlock(&m->lock);
    return bits;
}

void mem_set_mdwe(struct MemMap *m, int bits)
{
    shared_lock(&m->lock);
    m->mdwe = bits;
    shared_unlock(&m->lock);
}

int code_prot(Task *t, u64 pc)
{
    return t->process ? mem_prot(t->process->mem, pc) : -1;
}

int mem_prot(struct MemMap *m, u64 addr)
{
    lock(m, addr, addr + 1);
    const Mapping *p = find(m, addr);
    int prot = p && p->start <= addr ? p->prot : -1;
    unlock(m);
    return prot;
}

/* Forgets the translations of the memory at [addr, addr+size), at most a page, wherever it is mapped. */
static void written(struct MemMap *m, u64 addr, u64 size)
{
    cache_invalidate(addr, size);
    if (!m)
        return;
    /* Other views of the same memory: a few, found one at a time because cache_invalidate wants our lock free. */
    for (u64 from = 0;;) {
        Range code = {0};
        shared_lock(&m->lock);
        const Mapping *p = m->views.root ? find(m, addr) : NULL;
        if (!p || p->start > addr || !p->ino) {
            unlock(m);
            return;
        }
        u64 at = p->offset + (addr - p->start);
        const Mapping *view = maps_find(&m->views, from);
        while (view && (view->dev != p->dev || view->ino != p->ino || at - view->offset >= view->end - view->start))
            view = maps_find(&m->views, view->end);
        if (view) {
            code.start = view->start + (at - view->offset);
            code.end = code.start + size;
            from = view->end;
        }
        unlock(m);
        if (!view)
            return;
        if (code.start != addr)
            invalidate(code);
    }
}

void code_written(Task *t, u64 addr, u64 size)
{
    written(t->process ? t->process->mem : NULL, addr, size);
}

/* The page, which the guest may write, in mapping p; the lock is held. False if it is written too often for that. */
static bool watch_page(struct MemMap *m, const Mapping *p, u64 page)
{
    Mapping map = maps_slice(*p, page, page + PAGE);
    if (map.kind & (MEM_WATCHED | MEM_CHECKED))
        return !(map.kind & MEM_CHECKED);
    _Atomic u64 *slot = watch_slot(m, page);
    bool can = slot && m->writes[slot - m->watch] < WATCH_LIMIT;
    map.kind |= can ? MEM_WATCHED : MEM_CHECKED;
    set_range(m, map, true);
    if (can) {
        m->nwatch += !*slot;
        *slot = page | WATCH_ON;
        mprotect((void *)page, PAGE, host_prot(map.prot & ~PROT_WRITE));
    }
    return can;
}

/* Other views of a page of shared memory. */
static void watch_views(struct MemMap *m, u64 page)
{
    Mapping code = maps_slice(*find(m, page), page, page + PAGE);
    bool all = true;
    for (const Mapping *v = find(m, 0); v; v = find(m, v->end)) {
        u64 at = v->start + (code.offset - v->offset);
        if (v->dev != code.dev || v->ino != code.ino || code.offset - v->offset >= v->end - v->start || at == page || !(v->prot & PROT_WRITE))
            continue;
        all &= watch_page(m, v, at);
        v = find(m, at);
    }
    if (!all && !(code.kind & MEM_CHECKED)) {
        code.kind |= MEM_CHECKED;
        set_range(m, code, true);
    }
}

static void watch(struct MemMap *m, u64 start, u64 end)
{
    shared_lock(&m->lock);
    for (u64 page = start & -PAGE; page < end; page += PAGE) {
        const Mapping *p = find(m, page);
        if (!p || p->start > page || !(p->prot & PROT_EXEC))
            continue;
        bool views = p->kind & MEM_SHARED && p->ino;
        if (p->prot & PROT_WRITE)
            watch_page(m, p, page);
        if (views)
            watch_views(m, page);
    }
    unlock(m);
}

/* Makes what is watched in [start, end) writable; the lock is held. */
static void watch_open(struct MemMap *m, u64 start, u64 end)
{
    for (const Mapping *p = find(m, start); m->watching && p && p->start < end; p = find(m, p->end)) {
        Mapping map = maps_slice(*p, start, end);
        if (!(map.kind & MEM_WATCHED))
            continue;
        mprotect((void *)map.start, map.end - map.start, host_prot(map.prot));
        map.kind &= (u16)~MEM_WATCHED;
        set_range(m, map, true);
        p = find(m, map.start);
    }
}

void mem_watch_code(struct MemMap *m)
{
    m->watch = calloc(WATCH_SLOTS, sizeof *m->watch);
    m->writes = calloc(WATCH_SLOTS, 1);
    if (!m->watch || !m->writes)
        out_of_memory("the pages with code");
    m->watching = true;
    watched = m;
}

bool code_is_checked(u64 pc)
{
    struct MemMap *m = watched;
    if (!m)
        return false;
    shared_lock(&m->lock);
    const Mapping *p = find(m, pc);
    bool is = p && p->start <= pc && p->kind & MEM_CHECKED;
    unlock(m);
    return is;
}

/* A page that is open already has been made so since the fault; unless the same address faults on and on. */
bool mem_written(struct MemMap *m, u64 addr)
{
    static __thread u64 last, times;
    if (!m || !m->watching)
        return false;
    u64 page = addr & -PAGE;
    _Atomic u64 *slot = watch_slot(m, page);
    u64 is = slot ? atomic_load(slot) : 0;
    if (!is || is == (page | WATCH_CLOSED))
        return false;
    if (is == (page | WATCH_OPEN)) {
        times = last == addr ? times + 1 : 0;
        last = addr;
        return times < WATCH_PATIENCE;
    }
    int error = errno;
    bool ok;
    do { /* again if it has become watched anew in the meantime */
        *slot = page | WATCH_WRITTEN;
        m->dirty = true;
        ok = mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE) == 0;
    } while (ok && atomic_load(slot) == (page | WATCH_ON));
    errno = error;
    return ok;
}

void mem_settle(struct MemMap *m)
{
    if (!m || !m->watching || !atomic_exchange(&m->dirty, false))
        return;
    for (u64 n = 0; n < WATCH_SLOTS; n++) {
        u64 is = m->watch[n], page = is & -PAGE;
        if ((is & (PAGE - 1)) != WATCH_WRITTEN)
            continue;
        shared_lock(&m->lock);
        const Mapping *p = find(m, page);
        int prot = p && p->start <= page ? p->prot : 0;
        bool open = prot & PROT_WRITE;
        if (p && p->start <= page && p->kind & MEM_WATCHED) {
            Mapping map = maps_slice(*p, page, page + PAGE);
            map.kind &= (u16)~MEM_WATCHED;
            set_range(m, map, true);
        }
        m->watch[n] = page | (open ? WATCH_OPEN : WATCH_CLOSED);
        if (open) /* whoever watched it again when it was written may have protected it last */
            mprotect((void *)page, PAGE, host_prot(prot));
        m->writes[n] += m->writes[n] < UINT8_MAX;
        unlock(m);
        written(m, page, PAGE);
    }
}

bool mem_unwatch(struct MemMap *m)
{
    bool any = false;
    for (u64 n = 0; m->watching && n < WATCH_SLOTS; n++) {
        u64 is = m->watch[n];
        if ((is & (PAGE - 1)) == WATCH_ON)
            any |= mem_written(m, is & -PAGE);
    }
    if (any)
        mem_settle(m);
    return any;
}

void mem_file_cut(struct MemMap *m, u64 dev, u64 ino)
{
    for (u64 from = 0;;) {
        shared_lock(&m->lock);
        const Mapping *view = maps_find(&m->views, from);
        while (view && (view->dev != dev || view->ino != ino))
            view = maps_find(&m->views, view->end);
        Range code = view ? (Range){view->start, view->end} : (Range){0};
        unlock(m);
        if (!view)
            return;
        invalidate(code);
        from = code.end;
    }
}

bool mem_next(struct MemMap *m, u64 addr, Mapping *out)
{
    lock(m, addr, addr);
    const Mapping *p = find(m, addr);
    bool found = p != NULL;
    if (found)
        *out = *p;
    unlock(m);
    return found;
}

/* Nobody stops the other process meanwhile: what it changes makes us look again, or accept a moment that never was. */
static Mapping *copy_other(struct MemMap *m, MemReader *read, void *context, size_t *count)
{
    enum { TRIES = 8 };
    struct MemMap other;
    Mapping *maps = NULL;
    for (int i = 0; i < TRIES && !maps && read(context, &other, (u64)m, sizeof other) == 0; i++)
        maps = maps_copy(&other.maps, read, context, count);
    return maps;
}

static int read_own(void *context, void *dst, u64 src, size_t size)
{
    memcpy(dst, (const void *)src, size);
    return 0;
}

Mapping *mem_copy(struct MemMap *m, MemReader *read, void *context, size_t *count)
{
    if (read)
        return copy_other(m, read, context, count);
    lock(m, 0, UINT64_MAX);
    Mapping *maps = maps_copy(&m->maps, read_own, NULL, count);
    unlock(m);
    return maps;
}

/* -- locks in memory: the guest's alone, because the translator is bigger than what most may lock ------------------------ */

/* Locks or unlocks all that is the guest's. */
static i64 lock_all(const struct MemMap *m, bool locked, unsigned flags)
{
    i64 error = 0;
    for (const Mapping *p = find(m, 0); p; p = find(m, p->end)) {
        void *start = (void *)p->start;
        u64 size = p->end - p->start;
        if (locked ? mlock2(start, size, flags) : munlock(start, size))
            error = -errno;
    }
    return error;
}

i64 mem_lock_all(struct MemMap *m, int flags)
{
    if (!flags || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
        return -EINVAL;
    if (mlock(NULL, 0))
        return -errno; /* EPERM: the caller may lock nothing */
    lock(m, 0, UINT64_MAX);
    /* First without touching the pages: that fails only if the limit is exceeded. */
    i64 error = flags & MCL_CURRENT ? lock_all(m, true, MLOCK_ONFAULT) : 0;
    if (error)
        lock_all(m, false, 0);
    else
        m->lock_future = flags & MCL_FUTURE ? flags & (MCL_FUTURE | MCL_ONFAULT) : 0;
    if (!error && (flags & (MCL_CURRENT | MCL_ONFAULT)) == MCL_CURRENT)
        lock_all(m, true, 0); /* what can't be touched isn't there to be locked */
    unlock(m);
    return error ? -ENOMEM : 0;
}

i64 mem_unlock_all(struct MemMap *m)
{
    lock(m, 0, UINT64_MAX);
    m->lock_future = 0;
    lock_all(m, false, 0);
    unlock(m);
    return 0;
}

bool mem_read_implies_exec(struct MemMap *m, int implies)
{
    shared_lock(&m->lock);
    bool before = m->read_implies_exec;
    if (implies >= 0)
        m->read_implies_exec = implies;
    unlock(m);
    return before;
}

void mem_before_fork(struct MemMap *m)
{
    shared_lock(&m->lock);
}

void mem_after_fork(struct MemMap *m, bool child)
{
    if (child && m->mdwe & MDWE_NO_INHERIT)
        m->mdwe = 0;
    if (child)
        m->lock_future = 0; /* memory locks aren't inherited */
    unlock(m);
}
