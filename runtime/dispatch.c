/* The dispatcher: finds or makes the translation of the task's pc, enters it, and sees to what made it come back. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../include/unit.h"
#include "../lifter/dump.h"
#include "cache.h"
#include "check.h"
#include "coredump.h"
#include "gdb/debug.h"
#include "linux/linux.h"
#include "mem.h"
#include "perf.h"
#include "signal.h"
#include "store.h"
#include "tier.h"

enum {
    FLUSHES = 100, /* until a block has found room; other tasks may use up what one has freed */
    GUARD = 4096,
    TASK_BYTES = (sizeof(Task) + JUMP_CACHE * sizeof(JumpEntry) + GUARD - 1) & -GUARD, /* behind its stack */
};

Process *the_process;

/* -- one instruction at a time, for debuggers ------------------------------------------------------------------------
 */

struct OneInsn {
    Ir *ir;
    Block block;
};

__attribute__((preserve_none)) static void run_one(CODE_PARAMS)
{
    interp_run(t, t->one->ir);
    [[clang::musttail]] return state_stub(CODE_ARGS);
}

static bool ptrace_is_stepping(const Task *t)
{
    return unlikely(t->ptrace.mode == TRACE_STEPS);
}

static bool steps(const Task *t)
{
    return debug_is_stepping(t) || ptrace_is_stepping(t) || unlikely(t->traps);
}

/* The block of the instruction at t->pc, with t->in_code set; NULL if it can't be read. */
static Block *one_insn(Task *t)
{
    Mapping map;
    int code;
    if (!t->one && (t->one = calloc(1, sizeof *t->one)))
        t->one->ir = ir_new();
    if (!t->one || !t->one->ir)
        out_of_memory("a debugger");
    if (mem_code_fault(t->process->mem, code_address(t->guest, t->pc), &code, &map) ||
        !lift_insn(t->guest, t->pc, t->one->ir))
        return NULL;
    t->one->block.code = (const void *)run_one;
    t->one->block.pc = t->pc;
    if (debug_is_stepping(t))
        debug_step(t);
    t->ptrace.begun = t->ptrace.stops;
    atomic_store(&t->in_code, true);
    return &t->one->block;
}

static void one_insn_free(Task *t)
{
    if (t->one)
        ir_free(t->one->ir);
    free(t->one);
}

/* -- tasks --------------------------------------------------------------------------------------------------------- */

Task *task_new(Process *p)
{
    /* Pages rather than malloc: the jump cache and the stack are touched sparsely, and a new thread should cost what it
     * touches. What is mapped to be aligned counts for no limit. */
    u8 *all =
        mmap(NULL, CODE_STACK + TASK_BYTES + CODE_STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return NULL;
    u8 *stack = (u8 *)(((u64)all + CODE_STACK - 1) & -(u64)CODE_STACK), *end = stack + CODE_STACK + TASK_BYTES;
    if (stack > all)
        munmap(all, (size_t)(stack - all));
    munmap(end, (size_t)(all + CODE_STACK - stack));
    if (mprotect(stack + GUARD, CODE_STACK - GUARD + TASK_BYTES, PROT_READ | PROT_WRITE)) {
        munmap(stack, CODE_STACK + TASK_BYTES);
        return NULL;
    }
    Task *t = (Task *)(stack + CODE_STACK);
    t->process = p;
    t->guest = p->guest;
    t->abi = p->abi;
    code_stack_init(t, stack);
    t->sample_mean = tier_sample_mean();
    t->jump_cache = task_jumps(t); /* pc 0 is an empty entry, but in pc 0's own slot */
    t->jump_cache[jump_slot(0)].pc = jump_empty(jump_slot(0));
    shared_lock(&p->lock);
    t->next_task = p->tasks;
    p->tasks = t;
    shared_unlock(&p->lock);
    if (unlikely(p->debug))
        debug_task_new(t);
    return t;
}

void task_count(Task *t)
{
    _Atomic u64 *counter[] = {
#define COUNTER(name, help) &log_.name,
        EXECUTED_COUNTERS(COUNTER)
#undef COUNTER
    };
    static_assert(LEN(counter) == TIERS, "a counter for each tier");
    for (size_t i = 0; i < TIERS; i++) {
        u64 now = t->executed[i];
        *counter[i] += now - t->reported[i];
        t->reported[i] = now;
    }
}

bool task_free(Task *t)
{
    Process *p = t->process;
    int threads = 0;
    shared_lock(&p->lock);
    task_count(t);
    for (Task **at = &p->tasks; *at; at = &(*at)->next_task) {
        if (*at == t) {
            *at = t->next_task;
            break;
        }
    }
    for (const Task *other = p->tasks; other; other = other->next_task)
        threads += !other->vfork_child;
    shared_unlock(&p->lock);
    check_task_free(t);
    debug_task_free(t);
    one_insn_free(t);
    free(t->affinity);
    seccomp_task_free(t);
    munmap((u8 *)t - CODE_STACK, CODE_STACK + TASK_BYTES);
    return !threads;
}

/* -- translation --------------------------------------------------------------------------------------------------- */

/* The interpreter leaves the state in the Task. */
__attribute__((preserve_none)) static void interp_entry(CODE_PARAMS)
{
    interp_run(t, ((Block *)b)->ir);
    [[clang::musttail]] return state_stub(CODE_ARGS);
}

static Block *make_interp_block(const Guest *guest, const Ir *ir)
{
    Block *b = arena_block_data(sizeof *b);
    Ir *copy = ir_new();
    if (!b || !copy)
        return NULL;
    copy->ops = malloc(ir->count * sizeof *ir->ops);
    if (!copy->ops)
        return NULL;
    memcpy(copy->ops, ir->ops, ir->count * sizeof *ir->ops);
    copy->count = copy->cap = ir->count;
    b->tier = TIER_INTERP;
    b->pc = ir->pc;
    b->low = code_address(guest, ir->pc);
    b->end = b->low + (ir->end - ir->pc);
    b->insns = ir->insns;
    b->ir = copy;
    b->code = (const void *)interp_entry;
    return b;
}

/* Block.limit of new blocks; 0: they don't count. */
static u32 first_limit(const Task *t)
{
    return t->process->options.tier == TIER_BASELINE ? 0 : tier_first_limit();
}

/* Whether regions from the disk are what the process wants. */
static bool takes_regions(const Process *p)
{
    return p->options.tier != TIER_BASELINE && p->options.tier != TIER_INTERP;
}

/* The region from the disk that is entered there, or NULL. */
static Block *place_region(const Task *t, const StorePlace *place, UnitBuffer *buffer)
{
    Unit found;
    u64 pc;
    if (!takes_regions(t->process) || !store_find_region(place, buffer, &found, &pc))
        return NULL;
    Block *b = unit_place(t->guest, &found, pc, 0);
    if (!b)
        return NULL;
    count(kept_regions, 1);
    cache_add_region(b);
    return cache_lookup(place->pc);
}

/* The block from the disk, or NULL. */
static Block *place_kept(const Task *t, const StorePlace *place, UnitBuffer *buffer)
{
    u64 start = log_clock();
    Unit found;
    Block *region = place_region(t, place, buffer);
    if (region)
        return region;
    Block *b = store_find(place, buffer, &found) ? unit_place(t->guest, &found, place->pc, first_limit(t)) : NULL;
    if (b) {
        count(units, 1);
        count(units_ns, log_clock() - start);
        cache_insert(b);
    }
    return b;
}

/* Whether the block surely goes there, if it isn't left before: to where it jumps or calls. */
static bool goes_to(const Block *b, u32 link)
{
    bool calls = b->nlinks == 2 && (b->links[0].back || b->links[1].back);
    return b->nlinks == 1 || (calls && !b->links[link].back);
}

/* What a kept block leads to has been kept because it ran, and probably will again: placed and connected now it needs
 * no way back to the dispatcher. What has been made ahead of time, of all code, says nothing of that. */
static void place_following(const Task *t, Block *first, const Mapping *map, UnitBuffer *buffer)
{
    enum { MOST = 32 };
    Block *blocks[MOST] = {first};
    for (size_t i = 0, n = 1; i < n; i++) {
        for (u32 k = 0; k < blocks[i]->nlinks; k++) {
            Link *link = &blocks[i]->links[k];
            u64 pc = link_pc(link);
            Block *to = cache_lookup(pc);
            if (!to && n < MOST && (!blocks[i]->ahead || goes_to(blocks[i], k)) &&
                code_address(t->guest, pc) - map->start < map->end - map->start) {
                StorePlace place = store_place(t->guest, map, pc);
                if ((to = place_kept(t, &place, buffer)))
                    blocks[n++] = to;
            }
            if (to)
                cache_connect(link, to);
        }
    }
}

/* Whether blocks may be connected before somebody goes from one to the other: LLVM compiles what the dispatcher comes to. */
static bool chains(int tier)
{
    return tier != TIER_LLVM && !log_on(nochain);
}

/* Where superblocks end: where there is a block already, and its code is in use. */
static bool goes_on(void *unused, u64 pc)
{
    return !cache_lookup(pc);
}

/* The block, if it comes with what is kept of its file in one piece. */
static Block *map_kept(const Task *t, const StorePlace *place, const Mapping *map)
{
    u64 start = log_clock();
    u32 n = store_map_kept(t->guest, place, map);
    if (!n)
        return NULL;
    count(units, n);
    count(units_ns, log_clock() - start);
    return cache_lookup(place->pc);
}

/* Finds or makes the block at pc, which is in `map`, for the process's tier; lock held. NULL when the arena is full, or
 * with *readable false if there is no code (any more). */
static Block *make_block(Task *t, u64 pc, const Mapping *map, bool *readable)
{
    static Ir *ir; /* the translation lock guards both */
    static UnitBuffer buffer;
    if (!ir)
        ir = ir_new();
    int tier = debug_watches(t->process) ? TIER_INTERP : t->process->options.tier;
    StorePlace place = store_place(t->guest, map, pc);
    Block *b = chains(tier) && !perf_is_wanted() ? map_kept(t, &place, map) : NULL;
    if (!b)
        b = place_kept(t, &place, &buffer);
    if (b && chains(tier))
        place_following(t, b, map, &buffer);
    if (b)
        return b;
    u64 start = log_clock();
    *readable = t->process->options.one_insn ? lift_block(t->guest, pc, 1, ir)
                                             : lift_superblock(t->guest, pc, goes_on, NULL, ir);
    if (!*readable)
        return NULL;
    u64 lifted = log_clock();
    if (tier == TIER_INTERP) {
        b = make_interp_block(t->guest, ir);
    } else {
        baseline_unit(t->guest, ir, first_limit(t) > 0, false, &buffer);
        b = unit_place(t->guest, &buffer.unit, pc, first_limit(t));
        store_add(&place, &buffer.unit, ir->code);
    }
    if (!b)
        return NULL;
    count(lift_ns, lifted - start);
    count(baseline_ns, log_clock() - lifted);
    count(blocks, 1);
    count(block_insns, ir->insns);
    count(block_bytes, b->code_size);
    dump_block(t->guest, ir, b);
    cache_insert(b);
    for (u32 i = 0; i < b->nlinks && chains(tier); i++) {
        Block *to = cache_lookup(b->links[i].pc);
        if (to)
            cache_connect(&b->links[i], to);
    }
    return b;
}

static void log_entry(const Task *t, const Block *b)
{
    if (!log_at(block_pc(b), b->end + kept_away(b)))
        return;
    if (log_on(exec))
        log_printf("exec %d 0x%" PRIx64 " tier %u\n", t->tid, t->pc, b->tier);
    if (log_on(cpu))
        dump_regs(t);
}

static void log_unimplemented(const Task *t)
{
    char text[128];
    u32 word = 0;
    code_read(&word, code_address(t->guest, t->pc), sizeof word);
    cache_lock();
    dump_guest_insn(t->guest, t->pc, sizeof word, text, sizeof text);
    cache_unlock();
    log_printf("unimplemented instruction at 0x%" PRIx64 ": %08x %s\n", t->pc, word, text);
}

/* Makes a translation of t->pc, if there is none; false after a fault has been raised because nothing can be executed
 * there. *cramped says that there is no room for one. */
static bool translate(Task *t, bool *cramped)
{
    t->pc = address_untagged(t, t->pc);
    Mapping map;
    u64 address = code_address(t->guest, t->pc);
    int code, signo = mem_code_fault(t->process->mem, address, &code, &map);
    if (signo) {
        (t->abi->fetch_fault ? t->abi->fetch_fault : signal_fetch_fault)(t, signo, code, address);
        return false;
    }
    if (address & (t->guest->insn_align - 1u)) {
        signal_fault(t, SIGBUS, BUS_ADRALN, address);
        return false;
    }
    if (t->guest->verify_helper && map.prot & PROT_WRITE && !cache_is_exact())
        cache_require_exact(); /* code may write to itself, and that is done over: see signal.c */
    Flush waste = cache_waste();
    if (unlikely(waste))
        cache_flush(t, cache_flushes(), waste);
    if (t->process->options.tier == TIER_LLVM && !tier_threshold()) {
        lend_begin();
        const Block *made = tier_translate_now(t, t->pc);
        lend_end();
        if (made)
            return true;
    }
    for (int attempt = 0; attempt < FLUSHES; attempt++) {
        cache_lock();
        u64 flushes = cache_flushes();
        Block *b = cache_lookup(t->pc);
        bool readable = true, ok = b || make_block(t, t->pc, &map, &readable);
        cache_unlock();
        if (ok || !readable) /* a fault, when the dispatcher comes back with it */
            return true;
        *cramped = !cache_flush(t, flushes, attempt ? FLUSH_ALL : FLUSH_BLOCKS);
        if (*cramped)
            return true;
    }
    out_of_memory("translated code");
}

/* After an access to an address that isn't canonical: true if it is worth another try, because it was done by code that
 * didn't expect tags. `seen` is the generation of that code. */
static bool retry_untagged(Task *t, u64 seen)
{
    if (!lift_ignore_tags())
        return cache_generation() != seen;
    cache_forget(t);
    return true;
}

/* What the last exit asked for: connects the link, or has the jump cache know the target. A flush frees links, so they
 * are good only while the generation stands. */
static void remember_target(Task *t, Link *from, u64 generation)
{
    cache_lock();
    Block *b = cache_lookup(t->pc);
    if (b && !from)
        cache_fill_jump(t, b);
    else if (b && generation == cache_generation())
        cache_connect(from, b);
    cache_unlock();
}

/* Runs b, and whatever it leads to without coming back here, under --check. */
static void enter_checked(Task *t, const Block *b)
{
    if (!b->check)
        code_enter(t, b->code, (u64)b);
    else if (!check_run(t, b))
        signal_die(SIGABRT);
}

_Noreturn void task_loop(Task *t)
{
    const bool checks = t->process->options.check;
    /* How the last block was left: through this unconnected link, or for an indirect target to remember. */
    Link *from = NULL;
    bool fill = false;
    bool alone = false; /* EXIT_ALONE */
    bool cramped = false; /* one instruction without a translation */
    u64 generation = 0;
    self = t;
    for (;;) {
        if (unlikely(atomic_load_explicit(&t->attention, memory_order_relaxed) == ATTENTION)) {
            atomic_store(&t->attention, t->stack_limit);
            if (unlikely(t->process->overwritten) && atomic_exchange(&t->process->overwritten, false))
                cache_forget(t);
            mem_settle(t->process->mem);
            if (unlikely(t->process->dumping) && t->process->dumping != t)
                core_stand(t);
            if (unlikely(t->traced))
                ptrace_stand(t);
            if (unlikely(t->debug))
                debug_attend(t);
            if (unlikely(t->ptrace.on))
                ptrace_attend(t);
            if (signal_deliver(t) && debug_is_stepping(t))
                debug_handler(t);
            if (t->abi->settle)
                t->abi->settle(t);
            from = NULL;
            fill = false;
        }
        if ((from || fill) && !log_on(nochain))
            remember_target(t, from, generation);
        if (checks)
            check_begin(t);
        u64 seen = cache_generation();
        const bool traps = t->traps;
        Block *b = alone || cramped || steps(t) ? one_insn(t) : cache_enter(t, seen);
        cramped = false;
        if (b && alone) { /* its page may have been protected again when it was read */
            mem_written(t->process->mem, t->fault.addr);
            atomic_store(&t->attention, ATTENTION);
        }
        if (!b) {
            if (checks)
                check_end(t);
            if (!translate(t, &cramped))
                from = NULL, fill = false;
            continue;
        }
        from = NULL;
        fill = false;
        if (log_on(exec) || log_on(cpu))
            log_entry(t, b);
        count(dispatches, 1);
        generation = seen;
        if (checks)
            enter_checked(t, b);
        else
            code_enter(t, b->code, (u64)b);
        /* The link may be freed as soon as another task's flush sees this one outside of code. */
        if (t->exit == EXIT_LINK)
            t->pc = link_pc(t->exit_link);
        atomic_store_explicit(&t->in_code, false, memory_order_release);
        if (checks)
            check_end(t);
        alone = t->exit == EXIT_ALONE;
        switch ((Exit)t->exit) {
        case EXIT_LINK:
            from = t->exit_link;
            count(exit_link, 1);
            break;
        case EXIT_LOOKUP:
            fill = true;
            count(exit_lookup, 1);
            break;
        case EXIT_SIGNAL:
            count(exit_signal, 1);
            if (atomic_load(&t->attention) != ATTENTION) /* too many calls */
                t->code_sp = t->stack_base;
            break;
        case EXIT_HOT:
            count(exit_hot, 1);
            tier_hot(t);
            break;
        case EXIT_SYSCALL:
            count(exit_syscall, 1);
            if (unlikely(t->debug))
                debug_syscall(t);
            else if (unlikely(t->ptrace.on))
                ptrace_syscall(t);
            else
                linux_syscall(t);
            break;
        case EXIT_UNDEF:
            if (log_on(unimp))
                log_unimplemented(t);
            signal_fault(t, SIGILL, t->abi->undefined_code ? t->abi->undefined_code : ILL_ILLOPC, t->pc);
            break;
        case EXIT_BREAK:
            signal_fault(t, SIGTRAP, TRAP_BRKPT, t->pc);
            break;
        case EXIT_FAULT:
            count(exit_fault, 1);
            t->pc = t->fault.pc & ~t->guest->hint_mask; /* in the middle of a block they needn't hold */
            if (!t->fault.signo) { /* the block at pc has found its code changed */
                cache_invalidate(code_address(t->guest, t->pc), 1);
                break;
            }
            if (t->fault.tagged && t->guest->tag_bits && retry_untagged(t, seen))
                break;
            if (t->fault.code == SI_KERNEL && t->fault.exact && t->abi->is_stack_fault && t->abi->is_stack_fault(t))
                t->fault.signo = SIGBUS;
            signal_fault(t, t->fault.signo, t->fault.code, t->fault.addr);
            break;
        case EXIT_CONTINUE:
            break;
        case EXIT_DEBUG:
            debug_break(t);
            break;
        case EXIT_ALONE:
            t->pc = t->fault.pc;
            continue; /* nothing has been done yet */
        }
        if (traps && t->exit != EXIT_FAULT && t->exit != EXIT_UNDEF && t->exit != EXIT_SYSCALL)
            signal_fault(t, SIGTRAP, TRAP_TRACE, t->pc);
        if (debug_is_stepping(t))
            debug_stepped(t);
        if (ptrace_is_stepping(t))
            ptrace_stepped(t);
    }
}
