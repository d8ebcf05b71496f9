/* The in-memory index of translations.
 *
 * Blocks are found by guest pc in a hash table read without a lock; everything that changes it holds the translation lock.
 * A dropped block is taken out of every place from where it could be entered (hash, links, jump caches), but its memory
 * stays: another thread may be running in it, and leaves at its next exit. */
#include "cache.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "kept.h"
#include "perf.h"
#include "store.h"

enum {
    PAGE_BITS = 12,
    HASH_BITS = 18,
    PAGE_HASH_BITS = 12,
    HOST_LEAF = 512, /* blocks in a leaf of the host index */
    HOST_LEAVES = 8192,
};

/* The blocks that were made from bytes of one guest page. */
typedef struct Page {
    u64 number;
    Block **blocks;
    u32 count, cap;
    struct Page *next;
} Page;

/* Blocks in the order of their host code, which each arena hands out upwards: leaves never move, so that a signal handler
 * can search without a lock. */
typedef struct HostIndex {
    Block **leaf[HOST_LEAVES];
    _Atomic u32 count;
} HostIndex;

static struct Cache {
    pthread_mutex_t lock;
    _Atomic(Block *) hash[1 << HASH_BITS];
    Page *pages[1 << PAGE_HASH_BITS];
    u32 npages;
    HostIndex baseline, regions;
    Watch *watches;
    _Atomic u64 live[2], dead[2]; /* bytes of blocks ([0]) and regions ([1]), and of those that have been dropped */
    _Atomic u64 generation, flushes;
    _Atomic bool exact;
    _Atomic bool flushing; /* some thread flushes denormals */
    _Atomic bool stopping; /* no task may enter translated code; changes with the lock held */
    _Atomic u64 patience;  /* no flush waits for a child that shares memory before this time; see others_in_code */
    pthread_cond_t going_on; /* it is over */
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER, .going_on = PTHREAD_COND_INITIALIZER};

void cache_lock(void)
{
    shared_lock(&cache.lock);
}

bool cache_lock_soon(void)
{
    enum { PATIENCE = 200000000 }; /* nanoseconds */
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += PATIENCE;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    lend_begin();
    bool locked = !pthread_mutex_clocklock(&cache.lock, CLOCK_MONOTONIC, &end);
    if (!locked)
        lend_end();
    return locked;
}

void cache_unlock(void)
{
    shared_unlock(&cache.lock);
}

static size_t hash_of(u64 pc)
{
    return (pc >> 2 ^ pc >> (2 + HASH_BITS)) & ((1 << HASH_BITS) - 1);
}

Block *cache_lookup(u64 pc)
{
    Block *kept = kept_lookup(pc);
    if (kept && !kept->better)
        return kept;
    for (Block *b = atomic_load_explicit(&cache.hash[hash_of(pc)], memory_order_acquire); b; b = b->next_hash)
        if (b->pc == pc)
            return b;
    return kept;
}

static Page **page_slot(u64 number)
{
    Page **p = &cache.pages[(number ^ number >> PAGE_HASH_BITS) & ((1 << PAGE_HASH_BITS) - 1)];
    while (*p && (*p)->number != number)
        p = &(*p)->next;
    return p;
}

static void *checked(void *p)
{
    if (!p)
        out_of_memory("the index of translations");
    return p;
}

static void page_add(u64 number, Block *b)
{
    Page **slot = page_slot(number);
    if (!*slot) {
        *slot = checked(calloc(1, sizeof(Page)));
        (*slot)->number = number;
        cache.npages++;
    }
    Page *p = *slot;
    if (p->count == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 8;
        p->blocks = checked(realloc(p->blocks, p->cap * sizeof *p->blocks));
    }
    p->blocks[p->count++] = b;
}

static Block *host_get(const HostIndex *x, u32 i)
{
    return x->leaf[i / HOST_LEAF][i % HOST_LEAF];
}

static void host_add(HostIndex *x, Block *b)
{
    u32 n = atomic_load_explicit(&x->count, memory_order_relaxed);
    if (n == HOST_LEAF * HOST_LEAVES)
        return; /* faults in the blocks beyond are reported at the block's start */
    if (!x->leaf[n / HOST_LEAF])
        x->leaf[n / HOST_LEAF] = checked(calloc(HOST_LEAF, sizeof(Block *)));
    /* Compile threads may finish out of order: keep the order by host address. */
    u32 at = n;
    for (; at > 0 && host_get(x, at - 1)->code > b->code; at--)
        x->leaf[at / HOST_LEAF][at % HOST_LEAF] = host_get(x, at - 1);
    x->leaf[at / HOST_LEAF][at % HOST_LEAF] = b;
    atomic_store_explicit(&x->count, n + 1, memory_order_release);
}

/* Whether it is LLVM's, made in this process or before. */
static bool is_region(const Block *b)
{
    return b->tier == TIER_LLVM || b->tier == TIER_STATIC;
}

/* Memory that a flush would free. */
static u64 bytes_of(const Block *b)
{
    return sizeof *b + b->code_size + b->nlinks * sizeof(Link) + b->nmap * sizeof *b->map;
}

static bool wasteful(bool regions)
{
    enum { SLACK = 4 << 20 };
    u64 live = atomic_load_explicit(&cache.live[regions], memory_order_relaxed);
    return atomic_load_explicit(&cache.dead[regions], memory_order_relaxed) > SLACK + live;
}

Flush cache_waste(void)
{
    return wasteful(true) ? FLUSH_ALL : wasteful(false) ? FLUSH_BLOCKS : FLUSH_NONE;
}

/* Has it found by its pc, and by its pages. */
static void index_add(Block *b)
{
    _Atomic(Block *) *head = &cache.hash[hash_of(b->pc)];
    b->next_hash = atomic_load_explicit(head, memory_order_relaxed);
    atomic_store_explicit(head, b, memory_order_release);
    for (u64 n = b->low >> PAGE_BITS; n <= (b->end - 1) >> PAGE_BITS; n++)
        page_add(n, b);
}

void cache_insert(Block *b)
{
    if (!b->low)
        b->low = b->pc;
    cache.live[is_region(b)] += bytes_of(b);
    index_add(b);
    if (b->tier != TIER_INTERP)
        host_add(is_region(b) ? &cache.regions : &cache.baseline, b);
    if (b->tier == TIER_BASELINE)
        perf_add(b);
}

/* The first one inserted has the links, and each the code up to the next one's: what is behind the region's last thunk is its
 * function. */
void cache_insert_region(Block *region, u64 entries)
{
    Block *owner = NULL;
    u64 bit = 1;
    for (Block *b = region; b; b = b->sibling, bit <<= 1) {
        if (entries & bit) {
            if (!owner) {
                b->links = region->links;
                b->nlinks = region->nlinks;
            }
            owner = b;
        } else if (owner) {
            owner->code_size = (u32)((u64)b->code + b->code_size - (u64)owner->code);
        }
    }
    bit = 1;
    for (Block *b = region; b; b = b->sibling, bit <<= 1)
        if (entries & bit)
            cache_insert(b);
}

void cache_insert_host(Block *b)
{
    host_add(&cache.baseline, b);
}

/* Whether it may be entered without the dispatcher. */
static bool is_direct(const Block *b)
{
    return b->tier != TIER_INTERP && !b->check && !b->dead;
}

/* Has a connected link lead to where it is to enter its block. */
static void aim(Link *link)
{
    const Block *to = link->to;
    const u8 *code = (const u8 *)to->code + (!link->forward ? 0 : to->settled ? to->past : to->skip);
    atomic_store_explicit(&link->code, code, memory_order_release);
    /* What a forked process has in common with another one leads through its links, which are its own. */
    if (link->jump && arena_is_own(link->jump)) {
        arena_patch(link->jump, (i32)(code - (link->jump + sizeof link->apart)));
        link->direct = true;
    }
}

void cache_connect(Link *link, Block *to)
{
    if (link->to || !is_direct(to))
        return;
    link->to = to;
    link->next_in = to->incoming;
    to->incoming = link;
    aim(link);
}

void cache_settle(Block *b)
{
    b->settled = true;
    for (Link *l = b->incoming; l; l = l->next_in)
        if (l->forward)
            aim(l);
}

static void disconnect(Link *link)
{
    link->to = NULL;
    link->next_in = NULL;
    atomic_store_explicit(&link->code, link_fresh(link), memory_order_release);
    if (link->direct)
        arena_patch(link->jump, link->apart);
    link->direct = false;
}

void cache_fill_jump(Task *t, const Block *b)
{
    if (!is_direct(b))
        return;
    u64 pc = block_pc(b);
    JumpEntry *e = &task_jumps(t)[jump_slot(pc)];
    e->pc = jump_empty(jump_slot(pc));
    e->code = b->code;
    atomic_signal_fence(memory_order_seq_cst);
    e->pc = pc;
}

u64 cache_generation(void)
{
    return atomic_load(&cache.generation);
}

/* What enters `from` enters `to` instead, or, if that is NULL, the dispatcher. */
static void redirect(Block *from, Block *to)
{
    for (Link *l = from->incoming, *next; l; l = next) {
        next = l->next_in;
        disconnect(l);
        if (to)
            cache_connect(l, to);
    }
    from->incoming = NULL;
    u64 pc = block_pc(from);
    shared_lock(&the_process->lock);
    for (Task *t = the_process->tasks; t; t = t->next_task) {
        JumpEntry *e = &task_jumps(t)[jump_slot(pc)];
        if (e->pc == pc)
            e->pc = jump_empty(jump_slot(pc));
    }
    shared_unlock(&the_process->lock);
}

/* The member that is still the baseline's block at pc. */
static Block *replaceable(Block *const *members, size_t n, u64 pc)
{
    for (size_t i = 0; i < n; i++)
        if (block_pc(members[i]) == pc && members[i]->tier == TIER_BASELINE && !members[i]->better)
            return members[i];
    return NULL;
}

bool cache_publish_region(Block *region, bool exact, bool flushes, Block *const *members, size_t n)
{
    cache_lock();
    bool current = (exact || !cache.exact) && (flushes || !cache.flushing);
    for (size_t i = 0; i < n; i++)
        current &= !members[i]->dead;
    if (current) {
        u64 entries = 0, bit = 1;
        for (Block *entry = region; entry; entry = entry->sibling, bit <<= 1)
            entries |= replaceable(members, n, entry->pc) ? bit : 0;
        cache_insert_region(region, entries);
        for (Block *entry = region; entry; entry = entry->sibling) {
            Block *old = replaceable(members, n, entry->pc);
            if (!old)
                continue;
            old->better = entry;
            redirect(old, entry);
        }
        perf_add(region);
    }
    cache_unlock();
    return current;
}

void cache_add_region(Block *region)
{
    Block *old[REGION_BLOCKS] = {0};
    u64 entries = 0;
    u32 n = 0;
    for (Block *entry = region; entry; entry = entry->sibling, n++) {
        old[n] = cache_lookup(entry->pc);
        entries |= !old[n] || old[n]->tier == TIER_BASELINE ? 1ull << n : 0;
    }
    cache_insert_region(region, entries);
    n = 0;
    for (Block *entry = region; entry; entry = entry->sibling, n++) {
        if (!old[n] || !(entries >> n & 1))
            continue;
        old[n]->better = entry;
        redirect(old[n], entry);
    }
    perf_add(region);
}

u64 cache_flushes(void)
{
    return atomic_load(&cache.flushes);
}

static void unhash(Block *b)
{
    _Atomic(Block *) *head = &cache.hash[hash_of(b->pc)];
    Block *p = atomic_load_explicit(head, memory_order_relaxed);
    if (p == b) {
        atomic_store_explicit(head, b->next_hash, memory_order_release);
        return;
    }
    for (; p; p = p->next_hash) {
        if (p->next_hash == b) {
            __atomic_store_n(&p->next_hash, b->next_hash, __ATOMIC_RELEASE);
            return;
        }
    }
}

void cache_drop(Block *b)
{
    b->dead = true;
    if (!kept_has(b)) {
        cache.live[is_region(b)] -= bytes_of(b);
        cache.dead[is_region(b)] += bytes_of(b);
        unhash(b);
    }
    redirect(b, NULL);
    count(invalidated_blocks, 1);
}

/* Drops the page's blocks that overlap [lo, hi); a region is listed on several pages and is dropped once. */
static bool drop_on_page(Page *p, u64 lo, u64 hi)
{
    bool any = false;
    u32 kept = 0;
    for (u32 i = 0; i < p->count; i++) {
        Block *b = p->blocks[i];
        if (!b->dead && b->low < hi && b->end > lo) {
            cache_drop(b);
            any = true;
        }
        if (!b->dead)
            p->blocks[kept++] = b;
    }
    p->count = kept;
    return any;
}

void cache_watch(Watch *w)
{
    cache_lock();
    w->next = cache.watches;
    cache.watches = w;
    cache_unlock();
}

void cache_unwatch(Watch *w)
{
    Watch **at = &cache.watches;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
}

/* Links and jump caches lead to dropped blocks no more, but a task may be in a loop within one: has it leave at the loop's
 * safepoint. */
static void interrupt_tasks(void)
{
    shared_lock(&the_process->lock);
    for (Task *t = the_process->tasks; t; t = t->next_task)
        atomic_store(&t->attention, ATTENTION);
    shared_unlock(&the_process->lock);
}

void cache_invalidate(u64 addr, u64 size)
{
    if (!size)
        return;
    u64 last = addr + size - 1;
    u64 hi = last == UINT64_MAX ? last : last + 1;
    bool any = false;
    cache_lock();
    u64 first_page = addr >> PAGE_BITS, last_page = last >> PAGE_BITS;
    if (last_page - first_page < cache.npages) {
        for (u64 n = first_page; n <= last_page; n++) {
            Page *p = *page_slot(n);
            if (p)
                any |= drop_on_page(p, addr, hi);
        }
    } else if (cache.npages) {
        for (size_t i = 0; i < LEN(cache.pages); i++)
            for (Page *p = cache.pages[i]; p; p = p->next)
                if (p->number >= first_page && p->number <= last_page)
                    any |= drop_on_page(p, addr, hi);
    }
    any |= kept_each(addr, hi, cache_drop);
    for (Watch *w = cache.watches; w; w = w->next)
        w->hit |= w->lo < hi && w->hi > addr;
    if (any) {
        cache.generation++;
        interrupt_tasks();
        count(invalidations, 1);
        if (log_on(cache))
            log_printf("cache: invalidated 0x%llx..0x%llx\n", (unsigned long long)addr, (unsigned long long)hi);
    }
    cache_unlock();
}

typedef enum Inside { NOBODY, CHILDREN, THREADS } Inside;

/* Some task other than t is in translated code: has it leave at its next safepoint. */
static Inside others_in_code(const Task *t)
{
    Inside who = NOBODY;
    shared_lock(&the_process->lock);
    for (Task *other = the_process->tasks; other; other = other->next_task) {
        if (other != t && atomic_load(&other->in_code)) {
            atomic_store(&other->attention, ATTENTION);
            who = other->vfork_child && who != THREADS ? CHILDREN : THREADS;
        }
    }
    shared_unlock(&the_process->lock);
    return who;
}

static u64 now(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* Waits until none is. A child that shares memory may be stopped: it is waited for a while, and then not again for some time. */
static bool all_leave(const Task *t)
{
    enum : u64 { WHILE = 20000000, PAUSE = 1000000000 }; /* ns */
    u64 since = 0;
    for (Inside who; (who = others_in_code(t)); sched_yield()) {
        if (who == THREADS || !since)
            since = now();
        if (who == THREADS)
            continue;
        if (since < cache.patience)
            return false;
        if (now() - since > WHILE) {
            cache.patience = now() + PAUSE;
            return false;
        }
    }
    return true;
}

void cache_detach(Block *b)
{
    b->incoming = NULL;
    for (u32 i = 0; i < b->nlinks; i++) {
        b->links[i].to = NULL;
        b->links[i].next_in = NULL;
        b->links[i].code = link_fresh(&b->links[i]);
    }
}

static void keep_regions(void)
{
    for (u32 i = 0; i < cache.regions.count; i++) {
        Block *b = host_get(&cache.regions, i);
        cache_detach(b);
        if (!b->dead)
            index_add(b);
    }
}

static void forget_regions(void)
{
    for (u32 i = 0; i < cache.regions.count; i++)
        if (i == 0 || host_get(&cache.regions, i)->check != host_get(&cache.regions, i - 1)->check)
            check_free(host_get(&cache.regions, i)->check);
    cache.regions.count = 0;
    cache.live[1] = cache.dead[1] = 0;
}

static void go_on(void)
{
    atomic_store(&cache.stopping, false);
    pthread_cond_broadcast(&cache.going_on);
}

bool cache_flush(Task *t, u64 flushes, Flush what)
{
    bool regions = what == FLUSH_ALL || the_process->options.check; /* which keeps baseline code for each region */
    lend_begin();
    arena_reset_begin();
    cache_lock();
    if (flushes != cache_flushes()) { /* somebody else's has made room meanwhile */
        cache_unlock();
        arena_reset_cancel();
        lend_end();
        return true;
    }
    atomic_store(&cache.stopping, true);
    /* Without a lock: a task may need them all on its way out, because a helper of its code invalidates some. */
    cache_unlock();
    bool left = all_leave(t);
    cache_lock();
    if (!left) {
        go_on();
        cache_unlock();
        arena_reset_cancel();
        lend_end();
        return false;
    }
    shared_lock(&the_process->lock);
    for (Task *other = the_process->tasks; other; other = other->next_task) {
        jump_cache_clear(task_jumps(other));
        other->code_sp = other->stack_base;
    }
    shared_unlock(&the_process->lock);

    for (size_t i = 0; i < LEN(cache.hash); i++)
        cache.hash[i] = NULL;
    for (size_t i = 0; i < LEN(cache.pages); i++) {
        for (Page *p = cache.pages[i], *next; p; p = next) {
            next = p->next;
            free(p->blocks);
            free(p);
        }
        cache.pages[i] = NULL;
    }
    cache.npages = 0;
    store_collect();
    store_forget_kept();
    cache.baseline.count = 0;
    cache.live[0] = cache.dead[0] = 0;
    if (regions)
        forget_regions();
    else
        keep_regions();
    cache.generation++;
    cache.flushes++;
    count(flushes, 1);
    if (log_on(cache))
        log_printf("cache: %s flushed\n", regions ? "everything" : "blocks");
    arena_reset_end(regions);
    go_on();
    cache_unlock();
    lend_end();
    return true;
}

void cache_forget(Task *t)
{
    if (!cache_flush(t, cache_flushes(), FLUSH_ALL))
        cache_invalidate(0, UINT64_MAX);
}

Block *cache_enter(Task *t, u64 generation)
{
    atomic_store(&t->in_code, true);
    if (likely(!atomic_load(&cache.stopping))) {
        Block *b = cache_lookup(t->pc);
        if (likely(b && atomic_load(&cache.generation) == generation))
            return b;
    }
    atomic_store(&t->in_code, false);
    if (atomic_load(&cache.stopping)) {
        cache_lock();
        while (atomic_load(&cache.stopping))
            pthread_cond_wait(&cache.going_on, &cache.lock);
        cache_unlock();
    }
    return NULL;
}

bool cache_is_exact(void)
{
    return atomic_load_explicit(&cache.exact, memory_order_relaxed);
}

/* From now on regions must be such; drops the others, which all are. */
static void require(_Atomic bool *such)
{
    if (atomic_load_explicit(such, memory_order_relaxed))
        return;
    cache_lock();
    if (!*such) {
        *such = true;
        cache.generation++; /* regions being compiled now aren't such */
        u32 n = cache.regions.count;
        for (u32 i = 0; i < n; i++) {
            Block *b = host_get(&cache.regions, i);
            if (!b->dead)
                cache_drop(b);
        }
        interrupt_tasks();
    }
    cache_unlock();
}

void cache_require_exact(void)
{
    require(&cache.exact);
}

bool cache_is_flushing(void)
{
    return atomic_load_explicit(&cache.flushing, memory_order_relaxed);
}

void code_flushes_denormals(void)
{
    require(&cache.flushing);
}

static Block *host_find(const HostIndex *x, const void *host)
{
    u32 lo = 0, hi = atomic_load_explicit(&x->count, memory_order_acquire);
    while (lo < hi) {
        u32 mid = lo + (hi - lo) / 2;
        if ((const u8 *)host_get(x, mid)->code <= (const u8 *)host)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!lo)
        return NULL;
    Block *b = host_get(x, lo - 1);
    return (const u8 *)host < (const u8 *)b->code + b->code_size ? b : NULL;
}

Block *cache_find_host(const Task *t, const void *host, u64 *guest_pc)
{
    Block *b = host_find(&cache.baseline, host);
    if (!b)
        b = host_find(&cache.regions, host);
    if (!b)
        b = kept_find_host(host);
    if (!b)
        return NULL;
    u64 pc = block_pc(b);
    *guest_pc = b->tier == TIER_BASELINE ? pc : t->pc;
    u32 offset = (u32)((const u8 *)host - (const u8 *)b->code);
    for (u32 i = 0; i < b->nmap && b->map[i].host <= offset; i++)
        *guest_pc = pc + (u64)(i32)b->map[i].guest;
    return b;
}

void cache_before_fork(void)
{
    cache_lock();
    arena_before_fork();
}

void cache_after_fork(bool child)
{
    arena_after_fork(child);
    if (child) {
        /* Another thread of the parent's may have been waiting to flush. */
        atomic_store(&cache.stopping, false);
        cache.watches = NULL;
        pthread_cond_init(&cache.going_on, NULL);
        perf_after_fork();
        store_after_fork();
        check_after_fork();
    }
    cache_unlock();
}
