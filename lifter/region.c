/* Region formation: from a hot block along direct jumps and branches, breadth first. Indirect branches, system calls
 * and most calls leave the region, but the code that a call returns to belongs to it and is an entry. So are the heads
 * of loops, since some thread may be in one when the region is done. Small functions that call nobody else (but perhaps
 * themselves, or one that is in the region) join it with their callers. Blocks are cut where another one begins, so
 * that code is in a region once. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../include/log.h"
#include "llvm.h"
#include "orc.h"

enum {
    REGION_ENTRIES = 32,
    CALLEE_INSNS = 60, /* a function of so many instructions may join its caller's region */
};

/* How many instructions of the block come before the one at pc; 0 if none begins there but perhaps the first. */
static u32 insns_before(const Ir *ir, u64 pc)
{
    u32 count = 0;
    if (pc <= ir->pc || pc >= ir->end)
        return 0;
    for (u32 n = 0; n < ir->count; n++) {
        if (ir->ops[n].code != IR_insn)
            continue;
        if ((u64)ir->ops[n].imm == pc)
            return count;
        count++;
    }
    return 0;
}

/* Cuts block n short where the block at pc begins, if that is inside it. False if its code is gone meanwhile. */
static bool cut(Region *r, size_t n, u64 pc)
{
    u32 insns = insns_before(r->blocks[n], pc);
    return !insns || lift_block(r->guest, r->blocks[n]->pc, insns, r->blocks[n]);
}

static size_t find(const Region *r, u64 pc)
{
    size_t i = 0;
    while (i < r->nblocks && r->blocks[i]->pc != pc)
        i++;
    return i;
}

/* Adds the block at pc, if there is code. */
static bool add(Region *r, u64 pc)
{
    Ir *ir = ir_new();
    if (!ir)
        return false;
    if (!lift_block(r->guest, pc, BLOCK_INSNS, ir)) {
        ir_free(ir);
        return true;
    }
    size_t n = r->nblocks++;
    r->blocks[n] = ir;
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = cut(r, i, pc) && cut(r, n, r->blocks[i]->pc);
    return ok;
}

static u32 insns_of(const Region *r)
{
    u32 insns = 0;
    for (size_t i = 0; i < r->nblocks; i++)
        insns += r->blocks[i]->insns;
    return insns;
}

/* Adds the target if it may join. */
static bool follow(Region *r, u64 target, RegionFilter *admits, void *context)
{
    u64 distance = code_address(r->guest, target) - code_address(r->guest, r->pc);
    if (distance + REGION_REACH > 2 * REGION_REACH || r->nblocks == REGION_BLOCKS || insns_of(r) >= REGION_INSNS)
        return true;
    if (find(r, target) < r->nblocks || !admits(context, target))
        return true;
    return add(r, target);
}

static void add_entry(Region *r, u64 pc)
{
    for (size_t i = 0; i < r->nentries; i++)
        if (r->entries[i] == pc)
            return;
    if (find(r, pc) < r->nblocks && r->nentries < REGION_ENTRIES)
        r->entries[r->nentries++] = pc;
}

/* Whether what is entered at block `entry` comes back by a return, as far as one sees: a jump to somewhere else is
 * another function's to return from. A branch to where nobody goes doesn't matter, but for one that ends a recursion:
 * the calls before it would all miss their callers. */
static bool returns_itself(const Region *r, size_t entry)
{
    u64 seen = 1ull << entry, todo = seen;
    bool leaves = false, recurs = false;
    while (todo) {
        const Ir *ir = r->blocks[__builtin_ctzll(todo)];
        const Op *last = &ir->ops[ir->count - 1];
        todo &= todo - 1;
        bool jumps = last->code == IR_jump, goes_on = jumps || last->code == IR_branch;
        if (last->code == IR_jumpi || (jumps && find(r, (u64)last->imm) == r->nblocks))
            return false;
        u64 next[2] = {goes_on ? (u64)last->imm : last->imm2, jumps ? (u64)last->imm : last->imm2};
        goes_on |= last->code == IR_call || last->code == IR_calli;
        recurs |= last->code == IR_call && find(r, (u64)last->imm) < r->nblocks;
        for (u32 k = 0; goes_on && k < LEN(next); k++) {
            size_t to = find(r, next[k]);
            leaves |= to == r->nblocks;
            if (to < r->nblocks && !(seen >> to & 1)) {
                seen |= 1ull << to;
                todo |= 1ull << to;
            }
        }
    }
    return !(leaves && recurs);
}

bool region_calls_inside(const Region *r, const Ir *ir)
{
    const Op *last = &ir->ops[ir->count - 1];
    size_t to = last->code == IR_call ? find(r, (u64)last->imm) : r->nblocks;
    return to < r->nblocks && returns_itself(r, to);
}

/* An edge backwards in memory is taken for a loop's. */
static void find_entries(Region *r)
{
    add_entry(r, r->pc);
    for (size_t i = 0; i < r->nblocks; i++) {
        const Ir *ir = r->blocks[i];
        const Op *last = &ir->ops[ir->count - 1];
        if ((last->code == IR_calli || last->code == IR_call) && !region_calls_inside(r, ir))
            add_entry(r, last->imm2);
        if ((last->code == IR_jump || last->code == IR_branch) && (u64)last->imm <= ir->pc)
            add_entry(r, (u64)last->imm);
        if (last->code == IR_branch && last->imm2 <= ir->pc)
            add_entry(r, last->imm2);
    }
}

u64 region_heads(const Region *r)
{
    u64 heads = 0;
    for (size_t i = 0; i < r->nblocks; i++) {
        const Ir *ir = r->blocks[i];
        const Op *last = &ir->ops[ir->count - 1];
        bool branches = last->code == IR_branch, jumps = branches || last->code == IR_jump;
        size_t to = (jumps && (u64)last->imm <= ir->pc) || region_calls_inside(r, ir) ? find(r, (u64)last->imm) : r->nblocks;
        size_t other = branches && last->imm2 <= ir->pc ? find(r, last->imm2) : r->nblocks;
        heads |= (to < r->nblocks ? 1ull << to : 0) | (other < r->nblocks ? 1ull << other : 0);
    }
    return heads;
}

u64 region_successors(const Region *r, size_t i)
{
    const Ir *ir = r->blocks[i];
    const Op *last = &ir->ops[ir->count - 1];
    bool calls = last->code == IR_call || last->code == IR_calli, branches = last->code == IR_branch;
    size_t to = branches || last->code == IR_jump || region_calls_inside(r, ir) ? find(r, (u64)last->imm) : r->nblocks;
    size_t next = branches || calls ? find(r, last->imm2) : r->nblocks;
    return (to < r->nblocks ? 1ull << to : 0) | (next < r->nblocks ? 1ull << next : 0);
}

u32 region_effects(const Region *r)
{
    u32 fx = 0;
    for (size_t i = 0; i < r->nblocks; i++)
        for (u32 n = 0; n < r->blocks[i]->count; n++)
            fx |= ir_ops[r->blocks[i]->ops[n].code].fx;
    return fx;
}

static void log_region(const Region *r)
{
    log_printf("region 0x%" PRIx64 ": %zu blocks, %u instructions, %zu entries%s\n", r->pc, r->nblocks, insns_of(r),
               r->nentries, r->exact ? ", exact" : "");
    for (size_t i = 0; i < r->nblocks; i++)
        log_printf("  0x%" PRIx64 "..0x%" PRIx64 "\n", r->blocks[i]->pc, r->blocks[i]->end);
}

/* Adds what the blocks from number `i` on lead to. */
static bool follow_all(Region *r, size_t i, RegionFilter *admits, void *context)
{
    bool ok = true;
    for (; ok && i < r->nblocks; i++) {
        /* Cutting a block later changes its terminator into a jump to a block that is in the region already. */
        Op last = r->blocks[i]->ops[r->blocks[i]->count - 1];
        if (last.code == IR_jump || last.code == IR_branch)
            ok = follow(r, (u64)last.imm, admits, context);
        if (ok && (last.code == IR_branch || last.code == IR_call || last.code == IR_calli))
            ok = follow(r, last.imm2, admits, context);
    }
    return ok;
}

/* Whether the blocks from number `first` on do nothing that leaves the region but return and go where nobody goes. */
static bool is_simple(const Region *r, size_t first)
{
    for (size_t i = first; i < r->nblocks; i++) {
        const Op *last = &r->blocks[i]->ops[r->blocks[i]->count - 1];
        if (!region_calls_inside(r, r->blocks[i]) && last->code != IR_jump && last->code != IR_branch &&
            last->code != IR_ret)
            return false;
    }
    return true;
}

/* Adds the function at `target` if it is small and simple. */
static bool follow_call(Region *r, u64 target, RegionFilter *admits, void *context)
{
    size_t first = r->nblocks;
    u32 insns = insns_of(r);
    if (!follow(r, target, admits, context) || !follow_all(r, first, admits, context))
        return false;
    if (insns_of(r) - insns <= CALLEE_INSNS && is_simple(r, first))
        return true;
    while (r->nblocks > first)
        ir_free(r->blocks[--r->nblocks]);
    return true;
}

bool region_join_callees(Region *r, RegionFilter *admits, void *context)
{
    bool ok = true;
    for (size_t i = 0, own = r->nblocks; ok && i < own; i++) {
        const Op *last = &r->blocks[i]->ops[r->blocks[i]->count - 1];
        if (last->code == IR_call)
            ok = follow_call(r, (u64)last->imm, admits, context);
    }
    return ok;
}

bool region_returns_inside(const Region *r, u64 pc)
{
    for (size_t i = 0; i < r->nblocks; i++) {
        const Op *last = &r->blocks[i]->ops[r->blocks[i]->count - 1];
        if (last->code == IR_call && last->imm2 == pc)
            return region_calls_inside(r, r->blocks[i]);
    }
    return false;
}

Region *region_form(const Guest *guest, u64 pc, RegionFilter *admits, void *context)
{
    Region *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->guest = guest;
    r->pc = pc;
    r->opt = 1;
    r->blocks = calloc(REGION_BLOCKS, sizeof *r->blocks);
    r->entries = calloc(REGION_ENTRIES, sizeof *r->entries);
    bool ok = r->blocks && r->entries && add(r, pc) && r->nblocks && follow_all(r, 0, admits, context) &&
              region_join_callees(r, admits, context);
    if (!ok) {
        region_free(r);
        return NULL;
    }
    find_entries(r);
    if (log_on(region))
        log_region(r);
    return r;
}

u8 *region_code(const Region *r)
{
    u8 *code = malloc(r->nblocks * IR_CODE), *end = code;
    for (size_t i = 0; code && i < r->nblocks; i++)
        end = mempcpy(end, r->blocks[i]->code, r->blocks[i]->end - r->blocks[i]->pc);
    return code;
}

void region_free(Region *r)
{
    for (size_t i = 0; i < r->nblocks; i++)
        ir_free(r->blocks[i]);
    free(r->blocks);
    free(r->entries);
    free(r);
}
