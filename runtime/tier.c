/* Hot blocks to regions. The guest's thread lifts the region when a counter runs out, because it may read guest code there and
 * then without fear of its being unmapped; a background thread, started by the first hot block, has LLVM compile it and puts
 * it in the block's place, unless code has been invalidated meanwhile. */
#include "tier.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../lifter/orc.h"
#include "cache.h"
#include "mem.h"

enum {
    /* Entries until a block is hot. LLVM takes about 0.15 ms an instruction of a region, the baseline about 1 ns to run one: a
     * region pays when its blocks have run some 10^5 times. */
    THRESHOLD = 50000,
    WARM = 50,   /* a block that has run one in so many of that is worth having in a region */
    COVERED = 8, /* a block inside another region becomes hot in so many times that */
    NEVER = INT32_MAX,
    STACK_SIZE = 8 << 20,      /* LLVM recurses */
};

/* A region waiting to be compiled. */
typedef struct Job {
    Region *region; /* owned */
    Block *block;   /* that it replaces */
    Block **members; /* owned: the other blocks in the region, not hot until this is settled */
    size_t nmembers;
    u64 generation; /* of the cache when its code was read */
    struct Job *next;
} Job;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    Job *first, **last;
    bool running; /* there is a compile thread */
} tier = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .last = &tier.first};

i32 tier_threshold(void)
{
    return the_process->options.hot ? the_process->options.hot : THRESHOLD;
}

/* Each entry takes the place of the block at its address. */
static bool publish(const Job *job, Block *b)
{
    bool current = cache_publish_region(job->block, b, job->generation);
    for (b = b->sibling; b && current; b = b->sibling) {
        Block *old = cache_lookup(b->pc);
        if (old && old->tier == TIER_BASELINE)
            current = cache_publish_region(old, b, job->generation);
    }
    return current;
}

/* How often the region's other blocks must be entered to be hot. */
static void release(const Job *job, i32 entries)
{
    for (size_t i = 0; i < job->nmembers; i++)
        atomic_store(&job->members[i]->counter, entries);
}

static void compile_job(Job *job)
{
    char why[200];
    u64 pc = job->region->pc;
    Block *b = job->generation == cache_generation() ? orc_compile(job->region, why, sizeof why) : NULL;
    if (job->generation != cache_generation() || (b && !publish(job, b))) {
        if (log_on(tier))
            log_printf("tier: 0x%" PRIx64 ": code changed meanwhile\n", pc);
        release(job, tier_threshold());
        atomic_store(&job->block->counter, tier_threshold());
    } else if (b) {
        /* Blocks inside the region get their own only if they go on being entered from elsewhere. */
        release(job, tier_threshold() > NEVER / COVERED ? NEVER : COVERED * tier_threshold());
        if (log_on(tier))
            log_printf("tier: 0x%" PRIx64 ": region of %u instructions\n", pc, b->insns);
    } else if (log_on(tier)) {
        log_printf("tier: 0x%" PRIx64 ": LLVM: %s\n", pc, why);
    }
}

static void free_job(Job *job)
{
    if (job->region)
        region_free(job->region);
    free(job->members);
    free(job);
}

static void *compile_thread(void *unused)
{
    for (;;) {
        pthread_mutex_lock(&tier.lock);
        while (!tier.first)
            pthread_cond_wait(&tier.wake, &tier.lock);
        Job *job = tier.first;
        tier.first = job->next;
        if (!tier.first)
            tier.last = &tier.first;
        pthread_mutex_unlock(&tier.lock);
        compile_job(job);
        free_job(job);
    }
    return NULL;
}

/* The guest's signals are none of the compile thread's business. Lock held. */
static bool start_thread(void)
{
    sigset_t all, old;
    pthread_attr_t attr;
    pthread_t thread;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool ok = !pthread_create(&thread, &attr, compile_thread, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return ok;
}

static void enqueue(Job *job)
{
    pthread_mutex_lock(&tier.lock);
    *tier.last = job;
    tier.last = &job->next;
    if (!tier.running)
        tier.running = start_thread();
    pthread_cond_signal(&tier.wake);
    pthread_mutex_unlock(&tier.lock);
}

/* Blocks that ran rarely stay out: they would make the region larger and its hot paths worse. */
static bool is_warm(void *unused, u64 pc)
{
    const Block *b = cache_lookup(pc);
    if (!b)
        return false;
    i32 left = atomic_load(&b->counter), threshold = tier_threshold();
    return b->tier == TIER_LLVM || left > threshold /* hot or covered before */ || threshold - left >= threshold / WARM;
}

/* Keeps the region's other blocks from becoming hot by themselves while it is being compiled. */
static bool hold_members(Job *job)
{
    const Region *r = job->region;
    job->members = malloc(r->nblocks * sizeof *job->members);
    for (size_t i = 1; i < r->nblocks && job->members; i++) {
        Block *b = cache_lookup(r->blocks[i]->pc);
        if (b && b->tier == TIER_BASELINE && atomic_load(&b->counter) <= tier_threshold()) {
            atomic_store(&b->counter, NEVER);
            job->members[job->nmembers++] = b;
        }
    }
    return job->members;
}

void tier_hot(Task *t, Block *b)
{
    /* A compile thread started now would be that child's, and gone with it. */
    atomic_store(&b->counter, t->vfork_child ? tier_threshold() : NEVER);
    if (t->vfork_child || b->dead || b->better)
        return;
    Job *job = calloc(1, sizeof *job);
    if (!job)
        return;
    u64 start = log_clock();
    cache_lock();
    job->block = b;
    job->generation = cache_generation();
    job->region = region_form(t->guest, b->pc, is_warm, NULL);
    if (job->region) {
        job->region->exact = cache_is_exact();
    }
    bool ok = job->region && hold_members(job);
    cache_unlock();
    count(lift_ns, log_clock() - start);
    if (!ok) {
        free_job(job);
        return;
    }
    if (log_on(tier))
        log_printf("tier: 0x%" PRIx64 " is hot\n", b->pc);
    enqueue(job);
}

static bool is_code(void *task, u64 pc)
{
    const Task *t = task;
    int prot = mem_prot(t->process->mem, pc);
    return prot >= 0 && prot & PROT_EXEC && !(pc & (t->guest->insn_align - 1u));
}

Block *tier_translate_now(Task *t, u64 pc)
{
    for (;;) {
        char why[200];
        u64 generation = cache_generation();
        Region *r = region_form(t->guest, pc, is_code, t);
        if (!r)
            return NULL;
        r->exact = cache_is_exact();
        Block *made = orc_compile(r, why, sizeof why);
        region_free(r);
        if (!made) {
            if (log_on(tier))
                log_printf("tier: 0x%" PRIx64 ": LLVM: %s\n", pc, why);
            return NULL;
        }
        cache_lock();
        Block *b = cache_lookup(pc);
        bool current = generation == cache_generation();
        if (!b && current) {
            cache_insert(b = made);
            for (Block *s = made->sibling; s; s = s->sibling)
                if (!cache_lookup(s->pc))
                    cache_insert(s);
        }
        cache_unlock();
        if (b)
            return b;
    }
}

void tier_before_fork(void)
{
    pthread_mutex_lock(&tier.lock);
    orc_before_fork();
}

void tier_after_fork(bool child)
{
    orc_after_fork(child);
    if (child) {
        /* The thread is the parent's, and so is what it was compiling; what waits here waits for the child's own thread. */
        tier.running = false;
        pthread_cond_init(&tier.wake, NULL);
    }
    pthread_mutex_unlock(&tier.lock);
}
