/* Memory for translated code, and for the data that code names.
 *
 * Everything lies in the 2 GiB of the translator's zone that its executable is in, so that 32 bits of distance lead
 * from code to the translator, to links and to counters. Nothing is reserved ahead (a reservation would count against
 * the guest's RLIMIT_AS): chunks are mapped one after another where the address space is still free.
 *
 * No page is ever writable and executable at once. Code is written through a second mapping of the same shared
 * pages, because other threads run in a chunk while it fills. A forked child shares those pages with its parent: it may
 * run them, since nothing in a chunk that both have is overwritten, and continues in chunks of its own; whoever must
 * change a jump that both have makes a copy of the chunk first. (A guest that overwrites them by intention changes the
 * other process's code: before one of them has less rights, it parts with them, see runtime/linux/rights.c.) */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "../include/log.h"
#include "../include/translate.h"
#include "zone.h"

enum : u64 {
    CODE_LO = ZONE_LO + 0x50000000,
    CODE_HI = ZONE_LO + 0x58000000,
    REGION_CODE_LO = ZONE_LO + 0x58000000,
    REGION_CODE_HI = ZONE_LO + 0x60000000,
    BLOCK_DATA_LO = ZONE_LO + 0x60000000,
    BLOCK_DATA_HI = ZONE_LO + 0x68000000,
    SCRATCH_LO = ZONE_LO + 0x68000000,
    SCRATCH_HI = ZONE_LO + 0x6a000000,
    DATA_LO = ZONE_LO + 0x6a000000,
    DATA_HI = ZONE_LO + 0x6f000000,
    CODE_CHUNK = 1 << 18,
    GRAINS = (ARENA_KEPT_HI - ARENA_KEPT_LO) / ARENA_GRAIN,
    DATA_CHUNK = 1 << 18,
    AHEAD =
        1 << 17, /* bytes of code or data that get their pages at once, at most: one by one each would cost a fault; */
    AHEAD_FIRST = 1 << 13, /* as many as there have been before, at first */
    PAGE = 4096,
};

/* A bump allocator over one address range, growing chunk by chunk. */
typedef struct Range {
    u64 lo, hi;
    u64 next;      /* where the next chunk may begin */
    u64 at, end;   /* free part of the current chunk */
    u64 paged;     /* code and data: everything of the current chunk below has its pages */
    bool full;     /* it was used up */
} Range;

struct CodeChunk {
    u8 *twin; /* the writable view */
    u64 own;  /* all from here on is in no other process */
};

/* Of kept code, mapped with the first file of it; what isn't used of it takes no memory. */
typedef struct Grains {
    struct CodeChunk chunks[GRAINS];   /* those that have been changed, */
    u32 changed[GRAINS], nchanged;     /* which are these */
    u8 file[GRAINS];                   /* the number of the file that is there, from 1 on */
    u64 moved[ARENA_KEPT_FILES + 1];
    u32 nfiles;
} Grains;

static struct Arena {
    pthread_mutex_t lock;
    Range code, block_data;               /* of the baseline */
    Range region_code, data;              /* of regions */
    struct CodeChunk chunks[(REGION_CODE_HI - CODE_LO) / CODE_CHUNK];
    Grains *kept; /* NULL: there is none */
    _Atomic bool common; /* some code chunks are another process's, too */
    pthread_rwlock_t in_use; /* read: somebody keeps pointers into the arena; written: it is being emptied */
} arena = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .in_use = PTHREAD_RWLOCK_INITIALIZER,
    .code = {.lo = CODE_LO, .hi = CODE_HI, .next = CODE_LO},
    .block_data = {.lo = BLOCK_DATA_LO, .hi = BLOCK_DATA_HI, .next = BLOCK_DATA_LO},
    .region_code = {.lo = REGION_CODE_LO, .hi = REGION_CODE_HI, .next = REGION_CODE_LO},
    .data = {.lo = DATA_LO, .hi = DATA_HI, .next = DATA_LO},
};

/* Maps the next `size` bytes of the range; 0 if there is no room. A range ends where something else has got in its way, so
 * that all of [lo, next) is always ours. */
static u64 map_chunk(Range *r, u64 size, int flags)
{
    if (r->next + size > r->hi)
        return 0;
    void *p = mmap((void *)r->next, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p == MAP_FAILED)
        return 0;
    if (p != (void *)r->next) { /* a kernel before 4.17 takes the address as a hint */
        munmap(p, size);
        return 0;
    }
    r->next += size;
    return (u64)p;
}

void arena_limit(u64 size)
{
    size = (size + CODE_CHUNK - 1) & ~(u64)(CODE_CHUNK - 1);
    Range *limited[] = {&arena.code, &arena.region_code};
    for (size_t i = 0; i < LEN(limited); i++)
        if (size < limited[i]->hi - limited[i]->lo)
            limited[i]->hi = limited[i]->lo + size;
}

/* Gives the free part of the chunk pages for as much as is about to be used. Kernels before 5.14 don't: then each is a fault. */
static void add_pages(Range *r, u64 size, i64 write_offset)
{
    bool some = r->paged > r->at && r->paged <= r->end; /* of this chunk */
    u64 from = some ? r->paged : r->at & ~(u64)(PAGE - 1);
    if (some && r->paged >= r->at + size)
        return;
    u64 ahead = AHEAD_FIRST;
    while (ahead < AHEAD && ahead < r->at - r->lo)
        ahead *= 2;
    u64 to = (r->at + size + ahead) & ~(ahead - 1);
    if (to > r->end)
        to = r->end;
    if (to <= from)
        return;
    madvise((void *)(from + (u64)write_offset), to - from, MADV_POPULATE_WRITE);
    if (write_offset)
        madvise((void *)from, to - from, MADV_POPULATE_READ);
    r->paged = to;
}

bool arena_init(void)
{
    return arena_block_data(16) != NULL;
}

static bool is_kept(u64 code)
{
    return code >= ARENA_KEPT_LO && code < ARENA_KEPT_HI;
}

bool arena_kept(u64 address, u64 size, u64 moved)
{
    u64 grain = (address - ARENA_KEPT_LO) / ARENA_GRAIN, n = (size + ARENA_GRAIN - 1) / ARENA_GRAIN;
    if (!arena.kept) {
        void *p = mmap(NULL, sizeof(Grains), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return false;
        arena.kept = p;
    }
    Grains *g = arena.kept;
    assert(g->nfiles < ARENA_KEPT_FILES && grain + n <= GRAINS);
    g->moved[++g->nfiles] = moved;
    memset(&g->file[grain], (int)g->nfiles, n);
    return true;
}

void arena_kept_forget(void)
{
    if (arena.kept)
        arena.kept->nfiles = 0;
}

u64 arena_moved(const void *p)
{
    return arena.kept->moved[arena.kept->file[((u64)p - ARENA_KEPT_LO) / ARENA_GRAIN]];
}

static u64 chunk_size(u64 code)
{
    return is_kept(code) ? ARENA_GRAIN : CODE_CHUNK;
}

static struct CodeChunk *chunk_of(u64 code)
{
    return is_kept(code) ? &arena.kept->chunks[(code - ARENA_KEPT_LO) / ARENA_GRAIN]
                         : &arena.chunks[(code - CODE_LO) / CODE_CHUNK];
}

/* From the address of code to that of its writable view. */
static i64 write_offset(u64 code)
{
    return (i64)((u64)chunk_of(code)->twin - (code & -chunk_size(code)));
}
static_assert(CODE_LO % CODE_CHUNK == 0 && ARENA_KEPT_LO % ARENA_GRAIN == 0, "write_offset");

/* Makes a shared mapping of a chunk's size, which may be filled, executable, and returns another view of it, which is writable;
 * NULL if there is no memory. */
static u8 *second_view(void *chunk, u64 size)
{
    /* Growing a shared mapping from size 0 makes a second view of the same pages. */
    void *write = mremap(chunk, 0, size, MREMAP_MAYMOVE);
    if (write != MAP_FAILED && !mprotect(chunk, size, PROT_READ | PROT_EXEC))
        return write;
    if (write != MAP_FAILED)
        munmap(write, size);
    return NULL;
}

static bool new_code_chunk(Range *r)
{
    u64 run = map_chunk(r, CODE_CHUNK, MAP_SHARED | MAP_NORESERVE);
    if (!run)
        return false;
    u8 *write = second_view((void *)run, CODE_CHUNK);
    if (!write) {
        munmap((void *)run, CODE_CHUNK);
        return false;
    }
    *chunk_of(run) = (struct CodeChunk){.twin = write, .own = run};
    r->at = run;
    r->end = run + CODE_CHUNK;
    return true;
}

/* Puts a copy in the place of a chunk that another process has, too; threads go on in it without noticing. */
static bool part_with(u64 code)
{
    struct CodeChunk *c = chunk_of(code);
    u64 size = chunk_size(code), run = code & -size, used = arena.code.end == run + size ? arena.code.at - run : size;
    int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    void *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (copy == MAP_FAILED)
        return false;
    madvise(copy, used, MADV_POPULATE_WRITE);
    memcpy(copy, (void *)run, used);
    u8 *write = second_view(copy, size);
    if (!write || mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)run) == MAP_FAILED) {
        munmap(copy, size);
        return false;
    }
    if (c->twin)
        munmap(c->twin, size);
    else
        arena.kept->changed[arena.kept->nchanged++] = (u32)((code - ARENA_KEPT_LO) / ARENA_GRAIN);
    *c = (struct CodeChunk){.twin = write, .own = run};
    return true;
}

bool arena_is_own(const u8 *code)
{
    const struct CodeChunk *c = chunk_of((u64)code);
    return c->twin && (u64)code >= c->own;
}

/* What is own changes here and at a fork, and both hold the translation lock. */
void arena_patch(u8 *code, i32 value)
{
    if (!arena_is_own(code)) {
        pthread_mutex_lock(&arena.lock);
        bool ok = part_with((u64)code);
        pthread_mutex_unlock(&arena.lock);
        if (!ok)
            out_of_memory("translated code");
    }
    jump_set(code + write_offset((u64)code), value);
}

/* A flush helps if the range is what was too small, not if the process may have no more memory. */
static void note_full(Range *r)
{
    r->full |= r->next - r->lo >= (r->hi - r->lo) / 2;
}

/* Room in one of the ranges of code, which are handed out in multiples of `align`. */
static u8 *code(Range *r, size_t size, size_t align, u8 **write)
{
    size = (size + align - 1) & -align;
    u8 *run = NULL;
    pthread_mutex_lock(&arena.lock);
    if (size <= CODE_CHUNK && (size <= r->end - r->at || new_code_chunk(r))) {
        i64 offset = write_offset(r->at);
        add_pages(r, size, offset);
        run = (u8 *)r->at;
        *write = run + offset;
        r->at += size;
    } else if (size <= CODE_CHUNK) {
        note_full(r);
    }
    pthread_mutex_unlock(&arena.lock);
    return run;
}

u8 *arena_code(size_t size, u8 **write)
{
    return code(&arena.code, size, 16, write);
}

u8 *arena_region_code(size_t size, u8 **write)
{
    return code(&arena.region_code, size, REGION_ALIGN, write);
}

u8 *arena_scratch(size_t size)
{
    assert(size <= SCRATCH_HI - SCRATCH_LO);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    void *p = mmap((void *)SCRATCH_LO, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    return p == (void *)SCRATCH_LO || (p == MAP_FAILED && errno == EEXIST) ? (u8 *)SCRATCH_LO : NULL;
}

/* Room in a private range, growing it by whole chunks; contiguous chunks continue one another. */
static u64 bump(Range *r, u64 size, u64 chunk)
{
    if (size > r->end - r->at) {
        u64 want = (size + chunk - 1) / chunk * chunk;
        u64 p = map_chunk(r, want, MAP_PRIVATE | MAP_NORESERVE);
        if (!p) {
            note_full(r);
            return 0;
        }
        if (p != r->end)
            r->at = p;
        r->end = p + want;
    }
    u64 p = r->at;
    r->at += size;
    return p;
}

static void *data(Range *r, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    pthread_mutex_lock(&arena.lock);
    u64 p = bump(r, size, DATA_CHUNK);
    if (p)
        add_pages(r, 0, 0);
    pthread_mutex_unlock(&arena.lock);
    return (void *)p;
}

void *arena_data(size_t size)
{
    return data(&arena.data, size);
}

void *arena_block_data(size_t size)
{
    return data(&arena.block_data, size);
}

bool arena_is_full(void)
{
    pthread_mutex_lock(&arena.lock);
    bool full = arena.region_code.full || arena.data.full;
    pthread_mutex_unlock(&arena.lock);
    return full;
}

bool arena_is_common(void)
{
    return atomic_load(&arena.common);
}

bool arena_is_code(u64 host)
{
    return (host >= CODE_LO && host < CODE_HI) || (host >= REGION_CODE_LO && host < REGION_CODE_HI) || is_kept(host);
}

void arena_use(void)
{
    pthread_rwlock_rdlock(&arena.in_use);
}

void arena_unuse(void)
{
    pthread_rwlock_unlock(&arena.in_use);
}

static void empty(Range *r)
{
    munmap((void *)r->lo, r->next - r->lo);
    r->next = r->lo;
    r->at = r->end = r->paged = 0;
    r->full = false;
}

static void empty_code(Range *r)
{
    for (u64 run = r->lo; run < r->next; run += CODE_CHUNK) {
        munmap(chunk_of(run)->twin, CODE_CHUNK);
        *chunk_of(run) = (struct CodeChunk){0};
    }
    empty(r);
}

static void empty_grains(void)
{
    for (u32 i = 0; arena.kept && i < arena.kept->nchanged; i++) {
        struct CodeChunk *c = &arena.kept->chunks[arena.kept->changed[i]];
        munmap(c->twin, ARENA_GRAIN);
        *c = (struct CodeChunk){0};
    }
    if (arena.kept)
        arena.kept->nchanged = 0;
}

void arena_reset_begin(void)
{
    pthread_rwlock_wrlock(&arena.in_use);
}

void arena_reset_cancel(void)
{
    pthread_rwlock_unlock(&arena.in_use);
}

void arena_reset_end(bool regions)
{
    pthread_mutex_lock(&arena.lock);
    /* Fresh pages rather than the old ones: a forked child may still run what lies in those. */
    empty_code(&arena.code);
    empty(&arena.block_data);
    empty_grains();
    if (regions) {
        empty_code(&arena.region_code);
        empty(&arena.data);
        atomic_store(&arena.common, false);
    }
    pthread_mutex_unlock(&arena.lock);
    pthread_rwlock_unlock(&arena.in_use);
}

void arena_before_fork(void)
{
    pthread_mutex_lock(&arena.lock);
}

void arena_after_fork(bool child)
{
    atomic_store(&arena.common,
                 arena.code.next > arena.code.lo || arena.region_code.next > arena.region_code.lo || (arena.kept && arena.kept->nchanged));
    for (u64 run = arena.code.lo; run < arena.code.next; run += CODE_CHUNK)
        chunk_of(run)->own = !child && run + CODE_CHUNK == arena.code.end ? arena.code.at : run + CODE_CHUNK;
    for (u32 i = 0; arena.kept && i < arena.kept->nchanged; i++)
        arena.kept->chunks[arena.kept->changed[i]].own = UINT64_MAX;
    if (child) {
        /* The open chunks are the parent's to fill. */
        arena.code.at = arena.code.end = arena.region_code.at = arena.region_code.end = 0;
        /* So is the compile thread, which may be using the arena. */
        pthread_rwlock_init(&arena.in_use, NULL);
    }
    pthread_mutex_unlock(&arena.lock);
}
