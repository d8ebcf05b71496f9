/* Hot blocks to regions. The guest's thread lifts the region when a counter runs out, because it may read guest code
 * there and then without fear of its being unmapped; a background thread, started by the first hot block, has LLVM
 * compile it and puts it in the block's place, unless code has been invalidated meanwhile. */
#include "tier.h"

#include <assert.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../include/unit.h"
#include "../lifter/dump.h"
#include "../lifter/llvm_init.h"
#include "../lifter/orc.h"
#include "cache.h"
#include "check.h"
#include "mem.h"
#include "perf.h"
#include "signal.h"
#include "store.h"
#include "thread.h"

enum : u32 {
    /* Entries until a block is hot: then it is seen whether a region around it pays, and again when there are as many more. */
    THRESHOLD = 200000,
    /* LLVM takes about 0.2 ms an instruction. What it saves each time that runs depends on what the baseline makes of it: from
     * 15 bytes (integers), with a fifth of a nanosecond, to 40 (vectors, floating point), with one; LLVM's own code takes about LEAN
     * bytes. With as much lost by then as LLVM will take, a program is never much worse off than with the better of both: so a
     * region is compiled when each of its instructions has run through WORTH bytes more than LLVM's, on average. */
    LEAN = 8,
    WORTH = 5600000,
    /* Entries until those by forward jumps aren't counted any more: what leads to the block counts, and counting costs
     * as much as five instructions. */
    SETTLED = 20000,
    SAMPLES = 64,
    LONGEST = 4096, /* that a threshold takes, and entries between two of them (Task.sample) */
    /* Under --tier=llvm, where the guest waits for LLVM. Most of a program's code runs a few times only, and having
     * LLVM compile that would take minutes for an interpreter's start; --hot 0 does. */
    LLVM_THRESHOLD = 500,
    WARM = 16,     /* a block that has run once for so many times that the first one has is worth having in a region */
    COVERED = 8,   /* a block inside another region becomes hot in so many times that */
    NEVER = UINT32_MAX,
    NS_PER_INSN = 200000,  /* LLVM's CPU time for an instruction, about, */
    INSNS_PER_REGION = 10, /* and what a region costs beside */
    ROUNDS = 4,            /* what goes round so many times is a loop */
    EXACT_PRICE =
        2,     /* times as many runs where each access has a map of the state: that takes twice the time to make */
    STRAIGHT_PRICE = 5, /* and so many times where there is no loop (Guest.straight_regions): less is saved */
    SHARE = 3, /* compiling takes at most one part in so many of the CPU time that the program has used itself; */
    START_NS = 25000000, /* and LLVM's start costs this; */
    SHORT_NS = 100000000,
    ONE_OF = 8, /* of what is over before, one of so many runs keeps how often its blocks have run, for all of them; */
    LONG_NS = 50000000,   /* what is over before has no use for it */
    STACK_SIZE = 8 << 20, /* LLVM recurses */
};

/* A region waiting to be compiled. */
typedef struct Job {
    Region *region;  /* owned */
    Block **members; /* owned: the blocks it is made from, in its order; not hot until this is settled */
    size_t nmembers;
    u32 insns;   /* of the region */
    StorePlace place; /* where it is kept */
    u64 flushes; /* of the cache when they were found */
    struct Job *next;
} Job;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    Job *first, **last;
    _Atomic u64 waiting;  /* instructions of regions in the queue and being compiled */
    _Atomic u64 spent_ns; /* CPU time of compilations done */
    bool running;  /* there is a compile thread: */
    bool stopping; /* which is to end, and be joined by who says so */
    pthread_cond_t stopped;
    pthread_t thread;
    i32 tid;
    u32 rights; /* Task.rights of who has started it */
} tier = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER,
          .stopped = PTHREAD_COND_INITIALIZER,
          .last = &tier.first};

i32 tier_threshold(void)
{
    const Options *o = &the_process->options;
    return o->hot >= 0 ? o->hot : o->tier == TIER_LLVM ? LLVM_THRESHOLD : THRESHOLD;
}

/* Of a block whose earlier runs have been looked up, if it can have any. */
static u32 first_limit(void)
{
    u32 limit = (u32)tier_threshold() < SETTLED ? (u32)tier_threshold() : SETTLED;
    return limit ? limit : 1;
}

/* Whether what earlier runs have executed counts in this one. */
static bool remembers(void)
{
    return the_process->options.tier == TIER_AUTO && the_process->options.hot < 0 && store_is_open();
}

u32 tier_first_limit(void)
{
    return llvm_is_left_out() ? NEVER : remembers() ? BLOCK_UNWEIGHED : first_limit();
}

u32 tier_sample_mean(void)
{
    u32 mean = (u32)tier_threshold() / SAMPLES;
    return mean < 1 ? 1 : mean > LONGEST ? LONGEST : mean;
}

/* How often the first, and the region's other blocks must yet be entered to be hot. */
static void set_limits(const Job *job, u32 first, u32 others)
{
    for (size_t i = 0; i < job->nmembers; i++) {
        Block *b = job->members[i];
        u32 more = i ? others : first;
        b->limit = more < NEVER - b->ran ? b->ran + more : NEVER;
    }
}

/* Compiles a region, into a unit and from that; NULL with a line in `why` if it can't be had. Under --check the blocks
 * take the region over. */
static Block *compile(Region **region, UnitBuffer *unit, char *why, size_t size)
{
    if (!orc_unit(*region, unit, why, size))
        return NULL;
    Block *b = unit_place((*region)->guest, &unit->unit, (*region)->pc, 0);
    if (!b)
        snprintf(why, size, "the arena is full");
    else if (log_on(out_asm))
        dump_region_code((*region)->guest, b);
    if (!b || !the_process->options.check)
        return b;
    if (!check_new(*region, b)) {
        snprintf(why, size, "it can't be checked");
        return NULL;
    }
    *region = NULL;
    return b;
}

static void compile_job(Job *job)
{
    char why[200];
    UnitBuffer unit = {0};
    u64 pc = job->region->pc;
    bool exact = job->region->exact, flushes = job->region->flushes;
    u32 threshold = (u32)tier_threshold();
    Block *b = compile(&job->region, &unit, why, sizeof why);
    if (!b) {
        if (log_on(tier))
            log_printf("tier: 0x%" PRIx64 ": LLVM: %s\n", pc, why);
    } else if (!cache_publish_region(b, exact, flushes, job->members, job->nmembers)) {
        check_free(b->check);
        if (log_on(tier))
            log_printf("tier: 0x%" PRIx64 ": code changed meanwhile\n", pc);
        set_limits(job, threshold, threshold);
    } else {
        /* Blocks inside the region get their own only if they go on being entered from elsewhere. */
        set_limits(job, NEVER, threshold > NEVER / COVERED ? NEVER : COVERED * threshold);
        if (log_on(tier))
            log_printf("tier: 0x%" PRIx64 ": region of %u instructions\n", pc, b->insns);
        if (job->region) {
            cache_lock();
            store_add_region(&job->place, &unit.unit, job->region);
            cache_unlock();
        }
    }
    unit_buffer_free(&unit);
}

static void free_job(Job *job)
{
    if (job->region)
        region_free(job->region);
    free(job->members);
    free(job);
}

/* Compiles the region unless its blocks have been flushed, and frees the job. Room for LLVM's code is made here when it is used
 * up; what doesn't fit is compiled when it is hot again. */
static void run_job(Job *job)
{
    arena_use();
    if (job->flushes == cache_flushes())
        compile_job(job);
    arena_unuse();
    Flush waste = arena_is_full() ? FLUSH_ALL : cache_waste();
    if (waste)
        cache_flush(self, job->flushes, waste);
    free_job(job);
}

static void *compile_thread(void *unused)
{
    signal_block_all();
    shared_lock(&tier.lock);
    tier.tid = (i32)gettid();
    while (!tier.stopping) {
        Job *job = tier.first;
        if (!job) {
            pthread_cond_wait(&tier.wake, &tier.lock);
            continue;
        }
        tier.first = job->next;
        if (!tier.first)
            tier.last = &tier.first;
        shared_unlock(&tier.lock);
        u32 insns = job->insns;
        u64 start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        run_job(job);
        tier.spent_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
        tier.waiting -= insns;
        shared_lock(&tier.lock);
    }
    shared_unlock(&tier.lock);
    return NULL;
}

/* The guest's signals are none of the compile thread's business. Lock held. */
static bool start_thread(void)
{
    tier.rights = self->rights;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    signal_block_all();
    bool ok = !thread_create_own(&tier.thread, &attr, compile_thread, NULL);
    signal_unblock(self);
    pthread_attr_destroy(&attr);
    return ok;
}

void tier_stop(void)
{
    shared_lock(&tier.lock);
    while (tier.stopping)
        pthread_cond_wait(&tier.stopped, &tier.lock);
    if (tier.running) {
        tier.stopping = true;
        pthread_cond_signal(&tier.wake);
        shared_unlock(&tier.lock);
        pthread_join(tier.thread, NULL);
        /* It counts as the process's until the kernel has buried it, which is a moment later. */
        while (!tgkill(getpid(), tier.tid, 0))
            sched_yield();
        shared_lock(&tier.lock);
        tier.running = tier.stopping = false;
        pthread_cond_broadcast(&tier.stopped);
    }
    shared_unlock(&tier.lock);
}

bool tier_has_rights(u32 rights)
{
    shared_lock(&tier.lock);
    bool same = !tier.running || tier.rights == rights;
    shared_unlock(&tier.lock);
    return same;
}

void tier_start(void)
{
    shared_lock(&tier.lock);
    if (tier.first && !tier.running)
        tier.running = start_thread();
    shared_unlock(&tier.lock);
}

/* Where no thread is to be had (RLIMIT_NPROC, another namespace for children) the baseline serves, and this is tried now and then. */
static void forget_job(Job *job)
{
    u32 threshold = (u32)tier_threshold(), later = threshold > NEVER / COVERED ? NEVER : COVERED * threshold;
    arena_use();
    if (job->flushes == cache_flushes())
        set_limits(job, later, later);
    arena_unuse();
    free_job(job);
}

static void enqueue(Job *job)
{
    shared_lock(&tier.lock);
    if (!tier.running)
        tier.running = start_thread();
    bool running = tier.running;
    if (running) {
        *tier.last = job;
        tier.last = &job->next;
        tier.waiting += job->insns;
        pthread_cond_signal(&tier.wake);
    }
    shared_unlock(&tier.lock);
    if (!running)
        forget_job(job);
}

/* How often the block has run in the baseline, as far as that has been counted; as often as a hot one if it isn't there. */
static u64 entries_of(const Block *b)
{
    return b->tier == TIER_BASELINE ? b->ran : (u32)tier_threshold();
}

/* What a region is formed around, and where that is mapped. */
typedef struct Forming {
    const Guest *guest;
    Block *first;
    const Mapping *map; /* NULL: nowhere */
    Block *warm[REGION_BLOCKS]; /* of its members, those that have a block of their own */
    size_t nwarm;
} Forming;

/* Adds what the block has run in earlier runs to its counter. */
static void weigh(const Forming *f, Block *b)
{
    if (b->tier != TIER_BASELINE || b->limit != BLOCK_UNWEIGHED)
        return;
    b->limit = llvm_is_left_out() ? NEVER : first_limit();
    if (!remembers())
        return;
    u64 address = code_address(f->guest, block_pc(b));
    if (!f->map || address < f->map->start || address >= f->map->end)
        return;
    StorePlace place = store_place(f->guest, f->map, block_pc(b));
    u64 ran = b->ran + store_heat(&place, b);
    b->ran = ran < NEVER / 2 ? (u32)ran : NEVER / 2;
}

/* What has run the member at pc: its own block, or else the superblock of a member that goes on through it. */
static Block *block_of(const Forming *f, u64 pc)
{
    Block *b = cache_lookup(pc);
    u64 address = code_address(f->guest, pc);
    for (size_t i = 0; !b && i < f->nwarm; i++) {
        const Block *warm = f->warm[i];
        u64 low = warm->low + kept_away(warm);
        if (address > low && address - low < warm->end - warm->low)
            b = f->warm[i];
    }
    return b;
}

/* Blocks that ran rarely stay out: they would make the region larger and its hot paths worse. */
static bool is_warm(void *context, u64 pc)
{
    Forming *f = context;
    Block *b = block_of(f, pc);
    if (!b || block_pc(b) != pc)
        return b;
    weigh(f, b);
    bool warm = b->settled || entries_of(b) >= entries_of(f->first) / WARM;
    if (warm && b->tier == TIER_BASELINE && f->nwarm < REGION_BLOCKS)
        f->warm[f->nwarm++] = b;
    return warm;
}

/* How often a member of the first one's region has run: what isn't known is taken for half as often. */
static u64 runs_of(const Block *b, const Block *first)
{
    u64 counted = entries_of(b), half = entries_of(first) / 2;
    return b->settled && counted < half ? half : counted;
}

/* Whether the region goes round its loops several times before it is left, by what its blocks' counters have counted: jumps back
 * where a loop begins, calls and indirect jumps elsewhere. What is left again at once is no faster as LLVM's code: the baseline has the
 * most used registers where they belong, too, and a loop gets and stores all others on its way in and out. */
static bool goes_round(const Region *r)
{
    u64 heads = region_heads(r), back = 0, in = 0;
    for (size_t i = 0; i < r->nblocks; i++) {
        const Block *b = cache_lookup(r->blocks[i]->pc);
        if (!b) /* in a superblock, which has been counted */
            continue;
        u64 n = entries_of(b);
        *(heads >> i & 1 ? &back : &in) += b->settled ? n - (n < SETTLED ? n : SETTLED) : n;
    }
    return back >= ROUNDS * in;
}

/* CPU time of the process but for LLVM. */
static i64 own_ns(void)
{
    return (i64)clock_ns(CLOCK_PROCESS_CPUTIME_ID) - (i64)tier.spent_ns;
}

/* Whether so many bytes, run in so many instructions, are as much more than LLVM's would be as so many instructions to compile are worth. */
static bool is_worth(u64 bytes, u64 executed, u64 insns)
{
    u64 lean = executed * LEAN;
    return bytes > lean && bytes - lean >= insns * WORTH;
}

/* Whether compiling the region now is a good use of the user's time. */
static bool pays(const Region *r, const Forming *f)
{
    const Options *o = &the_process->options;
    u64 insns = INSNS_PER_REGION, executed = 0, bytes = 0;
    if (o->tier == TIER_LLVM)
        return true;
    for (size_t i = 0; i < r->nblocks; i++) {
        insns += r->blocks[i]->insns;
        const Block *b = block_of(f, r->blocks[i]->pc);
        u64 runs = runs_of(b, f->first) * r->blocks[i]->insns;
        executed += runs;
        bytes += b->tier == TIER_BASELINE ? runs * b->code_size / b->insns : runs * LEAN;
    }
    if (o->hot >= 0)
        return executed >= (insns - INSNS_PER_REGION) * (u32)o->hot;
    bool loops = goes_round(r);
    u64 price_factor = (r->exact ? EXACT_PRICE : 1) * (loops ? 1 : STRAIGHT_PRICE);
    if ((!loops && !r->guest->straight_regions) || !is_worth(bytes, executed, insns * price_factor))
        return false;
    i64 spent = (i64)tier.spent_ns, own = own_ns();
    i64 price = (spent ? spent : START_NS) + (i64)(tier.waiting + insns) * NS_PER_INSN;
    return own >= LONG_NS && price <= own / SHARE + (remembers() ? store_credit() : 0);
}

void tier_save(void)
{
    i64 own = own_ns();
    i64 spent = (i64)(tier.spent_ns + tier.waiting * NS_PER_INSN); /* what is not done is lost */
    bool is_short = own < SHORT_NS;
    u32 weight = !is_short ? 1 : (u32)getpid() % ONE_OF ? 0 : ONE_OF;
    store_save(remembers() && own >= LONG_NS ? own / SHARE - spent : 0, weight);
}

/* Remembers the region's blocks, and keeps them from becoming hot by themselves while it is being compiled. */
static bool hold_members(Job *job, const Forming *f)
{
    const Region *r = job->region;
    job->members = malloc(r->nblocks * sizeof *job->members);
    if (!job->members)
        return false;
    for (size_t i = 0; i < r->nblocks; i++) {
        Block *b = i ? block_of(f, r->blocks[i]->pc) : f->first;
        assert(b); /* else it would not have been admitted, and the lock is held */
        job->members[job->nmembers++] = b;
        job->insns += r->blocks[i]->insns;
    }
    set_limits(job, NEVER, NEVER);
    return true;
}

static bool is_within(const Region *r, const Mapping *map)
{
    bool all = true;
    for (size_t i = 0; i < r->nblocks; i++) {
        u64 begin = code_address(r->guest, r->blocks[i]->pc), size = r->blocks[i]->end - r->blocks[i]->pc;
        all &= begin >= map->start && begin + size <= map->end;
    }
    return all;
}

/* The region around the task's pc, or NULL if its block isn't hot (any more). */
static Job *form_job(const Task *t)
{
    Job *job = NULL;
    Mapping map;
    int code;
    u64 start = log_clock();
    bool mapped = !mem_code_fault(t->process->mem, code_address(t->guest, t->pc), &code, &map);
    cache_lock();
    Block *b = cache_lookup(t->pc);
    Forming forming = {.guest = t->guest, .first = b, .map = mapped ? &map : NULL, .warm = {b}, .nwarm = b != NULL};
    if (b)
        weigh(&forming, b);
    bool out = b && b->tier == TIER_BASELINE && b->ran >= b->limit;
    if (out && !b->settled && (u32)tier_threshold() > SETTLED) {
        b->limit = (u32)tier_threshold();
        cache_settle(b);
    } else if (out) {
        b->limit = b->ran < NEVER / 2 ? 2 * b->ran : NEVER; /* it is hot again when it has run as often again as until now */
        /* A compile thread started now would be that child's, and gone with it. */
        job = t->vfork_child ? NULL : calloc(1, sizeof *job);
    }
    if (job) {
        job->flushes = cache_flushes();
        job->region = region_form(t->guest, block_pc(b), is_warm, &forming);
        if (job->region) {
            job->region->exact = cache_is_exact();
            job->region->flushes = cache_is_flushing();
        }
        if (!job->region || !pays(job->region, &forming) || !hold_members(job, &forming)) {
            free_job(job);
            job = NULL;
        }
    }
    if (job && mapped && is_within(job->region, &map))
        job->place = store_place(t->guest, &map, job->region->pc);
    cache_unlock();
    count(lift_ns, log_clock() - start);
    return job;
}

void tier_hot(Task *t)
{
    Job *job = form_job(t);
    if (!job)
        return;
    if (log_on(tier))
        log_printf("tier: 0x%" PRIx64 " is hot\n", job->region->pc);
    if (t->process->options.tier == TIER_LLVM)
        run_job(job);
    else
        enqueue(job);
}

static bool is_code(void *task, u64 pc)
{
    const Task *t = task;
    u64 address = code_address(t->guest, pc);
    int prot = mem_prot(t->process->mem, address);
    return prot >= 0 && prot & PROT_EXEC && !(address & (t->guest->insn_align - 1u));
}

Block *tier_translate_now(Task *t, u64 pc)
{
    const u64 reach = REGION_REACH + 4096; /* blocks end with their page */
    for (;;) {
        char why[200];
        u64 at = code_address(t->guest, pc);
        Watch code = {.lo = at > reach ? at - reach : 0, .hi = at + reach};
        u64 generation = cache_generation();
        cache_watch(&code);
        Region *r = region_form(t->guest, pc, is_code, t);
        bool formed = r != NULL;
        Block *made = NULL;
        UnitBuffer unit = {0};
        if (formed) {
            r->exact = cache_is_exact();
            r->flushes = cache_is_flushing();
            arena_use();
            made = compile(&r, &unit, why, sizeof why);
            arena_unuse();
            unit_buffer_free(&unit);
            if (r)
                region_free(r);
        }
        cache_lock();
        cache_unwatch(&code);
        Block *b = made ? cache_lookup(pc) : NULL;
        bool current = generation == cache_generation() && !code.hit;
        if (made && !b && current) {
            u64 entries = 1, bit = 2;
            for (const Block *s = made->sibling; s; s = s->sibling, bit <<= 1)
                entries |= cache_lookup(s->pc) ? 0 : bit;
            cache_insert_region(b = made, entries);
            perf_add(made);
        }
        cache_unlock();
        if (!formed)
            return NULL;
        if (!made) {
            if (log_on(tier))
                log_printf("tier: 0x%" PRIx64 ": LLVM: %s\n", pc, why);
            return NULL;
        }
        if (b != made)
            check_free(made->check);
        if (b)
            return b;
    }
}

void tier_before_fork(void)
{
    shared_lock(&tier.lock);
    orc_before_fork();
}

void tier_after_fork(bool child)
{
    orc_after_fork(child);
    if (child) {
        /* The thread is the parent's, and so is what it was compiling; what waits here waits for the child's own
         * thread. */
        tier.running = tier.stopping = false;
        pthread_cond_init(&tier.wake, NULL);
        pthread_cond_init(&tier.stopped, NULL);
        tier.spent_ns = tier.waiting = 0; /* as is the child's CPU time */
        for (const Job *job = tier.first; job; job = job->next)
            tier.waiting += job->insns;
    }
    shared_unlock(&tier.lock);
}
