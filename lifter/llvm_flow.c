/* What a region's function is built by: which pieces of guest state are variables, where loops are and what they touch,
 * what of the state may be read after an edge (backward) and differ from the Task's before it (forward), which links
 * there are. */
#include "llvm_access.h"
#include "orc.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* -- facts about ops ---------------------------------------------------------------------------------------- */

u32 flow_state_bytes(u16 code)
{
    switch (code) {
    case IR_get32:
    case IR_put32:
        return 4;
    case IR_get64:
    case IR_put64:
        return 8;
    case IR_get128:
    case IR_put128:
        return 16;
    default:
        return 0;
    }
}

bool flow_is_put(u16 code)
{
    return code == IR_put32 || code == IR_put64 || code == IR_put128;
}

int flow_component(const Gen *g, const Op *op)
{
    if (op->code == IR_count)
        return (int)g->executed;
    return flow_state_bytes(op->code) ? g->comp_of[op->imm / 4] : -1;
}

/* An op whose fault, under `exact`, must find all of the state. */
static bool faults(const Gen *g, u16 code)
{
    return g->region->exact && ir_ops[code].fx & (FX_READ | FX_WRITE) && code != IR_fence;
}

/* An op before which all of the state is stored: helpers see it. */
static bool flushes(const Gen *g, u16 code)
{
    return code == IR_helper || (faults(g, code) && !llvm_access_maps(code));
}

int flow_block_at(const Region *r, u64 pc)
{
    for (size_t i = 0; i < r->nblocks; i++)
        if (r->blocks[i]->pc == pc)
            return (int)i;
    return -1;
}

/* -- edges -------------------------------------------------------------------------------------------------- */

static const Op *last_op(const Region *r, size_t n)
{
    return &r->blocks[n]->ops[r->blocks[n]->count - 1];
}

static void add_edge(Edges *e, u64 target)
{
    for (u32 k = 0; k < e->n; k++)
        if (e->target[k] == target)
            return;
    if (e->n < LEN(e->target))
        e->target[e->n++] = target;
}

/* Returns reached from the block at `entry` without going into what is called on the way may go to `site`. */
static void add_returns(const Region *r, Edges *edges, size_t entry, u64 site)
{
    u64 seen = 1ull << entry, todo = seen;
    while (todo) {
        size_t n = (size_t)__builtin_ctzll(todo);
        todo &= todo - 1;
        const Op *op = last_op(r, n);
        if (op->code == IR_ret)
            add_edge(&edges[n], site);
        u64 next[2] = {op->code == IR_branch || op->code == IR_jump ? (u64)op->imm : op->imm2, op->imm2};
        bool goes_on = op->code == IR_branch || op->code == IR_jump || op->code == IR_call || op->code == IR_calli;
        for (u32 k = 0; goes_on && k < 2; k++) {
            int to = flow_block_at(r, next[k]);
            if (to >= 0 && !(seen >> to & 1)) {
                seen |= 1ull << to;
                todo |= 1ull << to;
            }
        }
    }
}

/* Where blocks go: what their last op names, and for returns also where a call of the region's comes back to. */
static void find_edges(const Region *r, Edges *edges)
{
    for (size_t i = 0; i < r->nblocks; i++) {
        const Op *op = last_op(r, i);
        Edges *e = &edges[i];
        if (op->code == IR_branch)
            *e = (Edges){.n = 2, .target = {(u64)op->imm, op->imm2}};
        else if (op->code == IR_jump || region_calls_inside(r, r->blocks[i]))
            *e = (Edges){.n = 1, .target = {(u64)op->imm}};
    }
    for (size_t i = 0; i < r->nblocks; i++) {
        const Op *op = last_op(r, i);
        int entry = region_calls_inside(r, r->blocks[i]) ? flow_block_at(r, (u64)op->imm) : -1;
        if (entry >= 0 && flow_block_at(r, op->imm2) >= 0)
            add_returns(r, edges, (size_t)entry, op->imm2);
    }
}

bool region_stays(const Region *r, size_t block, u64 target)
{
    Edges edges[REGION_BLOCKS] = {0};
    const Edges *e = &edges[block];
    find_edges(r, edges);
    for (u32 k = 0; k < e->n; k++)
        if (e->target[k] == target)
            return flow_block_at(r, target) >= 0;
    return false;
}

bool flow_calls_out(const Region *r, size_t block)
{
    const Op *op = last_op(r, block);
    return op->code == IR_calli || (op->code == IR_call && !region_calls_inside(r, r->blocks[block]));
}

/* -- analysis ----------------------------------------------------------------------------------------------- */

/* Splits the state that the region touches into components: 16 bytes where anything accesses 16, else 8, else 4. */
static void find_components(Gen *g)
{
    u8 width[STATE_BYTES / 4] = {0}; /* by unit: widest access that covers it */
    for (size_t i = 0; i < g->region->nblocks; i++) {
        const Ir *ir = g->region->blocks[i];
        for (u32 n = 0; n < ir->count; n++) {
            u32 bytes = flow_state_bytes(ir->ops[n].code);
            for (u32 u = 0; u < bytes / 4; u++) {
                u8 *w = &width[ir->ops[n].imm / 4 + u];
                *w = *w < bytes ? (u8)bytes : *w;
            }
        }
    }
    for (u32 i = 0; i < PINNED; i++)
        for (u32 u = 0; u < 2; u++)
            width[g->region->guest->pinned[i] / 4 + u] = 8;
    memset(g->comp_of, -1, sizeof g->comp_of);
    for (u32 u = 0; u < STATE_BYTES / 4; u++) {
        if (!width[u] || g->comp_of[u] >= 0)
            continue;
        u32 units = width[u] / 4, first = u & ~(units - 1);
        g->comps[g->ncomps] = (Component){.offset = (u16)(first * 4), .bytes = width[u]};
        for (u32 k = 0; k < units; k++)
            g->comp_of[first + k] = (i16)g->ncomps;
        g->ncomps++;
    }
    for (u32 i = 0; i < PINNED; i++) {
        g->pin_comp[i] = (u32)g->comp_of[g->region->guest->pinned[i] / 4];
        set_add(&g->pins, g->pin_comp[i]);
    }
    if (g->region->blocks[0]->ops[0].code == IR_count) {
        Tier counter = g->region->ahead ? TIER_STATIC : TIER_LLVM;
        assert(g->ncomps < LEN(g->comps));
        g->executed = g->ncomps++;
        g->comps[g->executed] =
            (Component){.offset = offsetof(Task, executed[counter]) - offsetof(Task, state), .bytes = 8};
    }
}

static void find_entries(Gen *g)
{
    g->is_entry[0] = true;
    for (size_t i = 0; i < g->region->nentries; i++) {
        int n = flow_block_at(g->region, g->region->entries[i]);
        assert(n >= 0);
        g->is_entry[n] = true;
    }
}

/* The lane's width if the op makes just that, with zeros above. */
static u32 makes_lane(const Ir *ir, Val v)
{
    const Op *op = &ir->ops[v];
    switch (op->code) {
    case IR_ld32q:
    case IR_vlow32:
        return 32;
    case IR_ld64q:
    case IR_vlow64:
        return 64;
    default:
        return llvm_fp_makes(op->code);
    }
}

static u32 reads_lane(const Op *op)
{
    switch (op->code) {
    case IR_st32q:
    case IR_vlow32:
        return 32;
    case IR_st64q:
    case IR_vlow64:
        return 64;
    default:
        return llvm_fp_reads(op->code);
    }
}

/* A vector register that the region uses for scalars of one width only is kept lane by lane: the zeros above the scalar
 * then are constants, and not something that each result in a loop must be merged with. What else touches a register
 * (or a get that something else reads, or a put of something else) decides for whole vectors. */
static void find_lanes(Gen *g)
{
    enum { WHOLE = 1 };
    u16 *lane = calloc(g->ncomps, sizeof *lane);
    for (size_t i = 0; i < g->region->nblocks && lane; i++) {
        const Ir *ir = g->region->blocks[i];
        for (u32 n = 0; n < ir->count; n++) {
            const Op *op = &ir->ops[n];
            if (op->code == IR_put128 ||
                (flow_state_bytes(op->code) && g->comps[g->comp_of[op->imm / 4]].bytes == 16)) {
                u32 c = (u32)g->comp_of[op->imm / 4];
                u32 bits = op->code == IR_put128 ? makes_lane(ir, op->arg[0]) : op->code == IR_get128 ? lane[c] : WHOLE;
                lane[c] = lane[c] && lane[c] != bits ? WHOLE : bits ? (u16)bits : op->code == IR_put128 ? WHOLE : 0;
            }
            for (u32 k = 0; k < ir_ops[op->code].nargs; k++) {
                const Op *def = &ir->ops[op->arg[k]];
                if (def->code != IR_get128)
                    continue;
                u32 c = (u32)g->comp_of[def->imm / 4], bits = reads_lane(op);
                lane[c] = bits && (!lane[c] || lane[c] == bits) ? (u16)bits : WHOLE;
            }
        }
    }
    for (u32 c = 0; c < g->ncomps && lane; c++)
        g->comps[c].lane = lane[c] == WHOLE ? 0 : lane[c];
    free(lane);
}

/* Marks edges to a block that a depth-first walk from the entry is still inside of: every cycle has one. */
static void find_retreating(Gen *g, u32 n, u8 *mark)
{
    const Edges *e = &g->edges[n];
    mark[n] = 1;
    for (u32 k = 0; k < e->n; k++) {
        int to = flow_block_at(g->region, e->target[k]);
        if (to < 0)
            continue;
        if (mark[to] == 1)
            g->edges[n].retreating |= 1u << k;
        else if (!mark[to])
            find_retreating(g, (u32)to, mark);
    }
    mark[n] = 2;
}

/* Which blocks are in one loop, nested ones together: those that reach each other. So is a function that a loop calls,
 * and one that calls itself. */
static void find_loops(Gen *g)
{
    u64 reach[REGION_BLOCKS] = {0};
    size_t n = g->region->nblocks;
    for (size_t i = 0; i < n; i++) {
        const Edges *e = &g->edges[i];
        for (u32 k = 0; k < e->n; k++) {
            int to = flow_block_at(g->region, e->target[k]);
            if (to >= 0)
                reach[i] |= 1ull << to;
        }
    }
    for (size_t via = 0; via < n; via++)
        for (size_t i = 0; i < n; i++)
            if (reach[i] >> via & 1)
                reach[i] |= reach[via];
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            if (reach[i] >> k & 1 && reach[k] >> i & 1)
                g->loop[i] |= 1ull << k;
}

static void find_loop_state(Gen *g)
{
    size_t n = g->region->nblocks;
    Set *touched = calloc(n, sizeof *touched);
    for (size_t i = 0; i < n && touched; i++) {
        const Ir *ir = g->region->blocks[i];
        for (u32 k = 0; k < ir->count; k++) {
            int c = flow_component(g, &ir->ops[k]);
            if (c >= 0)
                set_add(&touched[i], (u32)c);
        }
    }
    for (size_t i = 0; i < n && touched; i++)
        for (size_t k = 0; k < n; k++)
            if (g->loop[i] >> k & 1)
                set_join(&g->loop_state[i], &touched[k]);
    free(touched);
}

/* Whether state stays in variables along an edge. */
bool flow_keeps_state(const Gen *g, size_t from, u64 target)
{
    int to = flow_block_at(g->region, target);
    return to >= 0 && g->loop[from] >> to & 1;
}

/* What a block reads of the state as it finds it, and what it writes before anybody could read it. */
static void uses_and_kills(const Gen *g, const Ir *ir, Set *uses, Set *kills)
{
    for (u32 n = 0; n < ir->count; n++) {
        const Op *op = &ir->ops[n];
        int c = flow_component(g, op);
        if (flushes(g, op->code) || faults(g, op->code) || ir_ops[op->code].fx & FX_RAISE) {
            for (u32 k = 0; k < g->ncomps; k++)
                if (!set_has(kills, k))
                    set_add(uses, k);
        } else if (c >= 0) {
            bool whole = flow_is_put(op->code) && flow_state_bytes(op->code) == g->comps[c].bytes;
            if (whole && !set_has(uses, (u32)c))
                set_add(kills, (u32)c);
            else if (!set_has(kills, (u32)c))
                set_add(uses, (u32)c);
        }
    }
}

/* The state that somebody may read after the edge. Who leaves the region, or may at a safepoint, leaves all of it. */
Set flow_live_after(const Gen *g, size_t from, u64 target, u32 which)
{
    int to = flow_block_at(g->region, target);
    if (to >= 0 && !(g->edges[from].retreating >> which & 1))
        return g->live_in[to];
    Set all = {0};
    for (u32 c = 0; c < g->ncomps; c++)
        set_add(&all, c);
    return all;
}

static void find_live(Gen *g)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = g->region->nblocks; i-- > 0;) {
            const Ir *ir = g->region->blocks[i];
            Set uses = {0}, kills = {0};
            uses_and_kills(g, ir, &uses, &kills);
            const Edges *e = &g->edges[i];
            bool leaves = !e->n || last_op(g->region, i)->code == IR_ret;
            for (u32 k = 0; k < e->n + leaves; k++) {
                Set live = flow_live_after(g, i, k < e->n ? e->target[k] : (u64)-1, k);
                for (size_t w = 0; w < LEN(uses.word); w++)
                    uses.word[w] |= live.word[w] & ~kills.word[w];
            }
            changed |= set_join(&g->live_in[i], &uses);
        }
    }
}

static void through_block(const Gen *g, const Ir *ir, Set *dirty)
{
    for (u32 n = 0; n < ir->count; n++) {
        const Op *op = &ir->ops[n];
        if (flushes(g, op->code))
            *dirty = (Set){0};
        else if (flow_is_put(op->code) || op->code == IR_count)
            set_add(dirty, (u32)flow_component(g, op));
    }
}

static void find_dirty(Gen *g)
{
    bool changed = true;
    for (size_t i = 0; i < g->region->nblocks; i++)
        if (g->is_entry[i])
            g->dirty_in[i] = g->pins;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < g->region->nblocks; i++) {
            Set out = g->dirty_in[i];
            through_block(g, g->region->blocks[i], &out);
            const Edges *e = &g->edges[i];
            for (u32 k = 0; k < e->n; k++) {
                int to = flow_block_at(g->region, e->target[k]);
                if (to < 0)
                    continue;
                Set live = g->pins;
                if (flow_keeps_state(g, i, e->target[k])) {
                    Set after = flow_live_after(g, i, e->target[k], k);
                    set_join(&live, &after);
                }
                set_meet(&live, &out);
                changed |= set_join(&g->dirty_in[to], &live);
            }
        }
    }
}

static int kind_after(const Gen *g, const Ir *ir, int kind)
{
    for (u32 n = 0; n < ir->count; n++) {
        const Op *op = &ir->ops[n];
        if (op->code == IR_helper)
            kind = KIND_UNKNOWN;
        else if (op->code == IR_put32 && op->imm == g->region->guest->off_flag_kind) {
            const Op *def = &ir->ops[op->arg[0]];
            kind = def->code == IR_const32 ? (int)def->imm : KIND_UNKNOWN;
        }
    }
    return kind;
}

/* Which kind of flags each block finds in the state, where all ways into it agree. */
static void find_kinds(Gen *g)
{
    for (size_t i = 0; i < g->region->nblocks; i++)
        g->kind_in[i] = g->is_entry[i] ? KIND_UNKNOWN : KIND_UNSEEN;
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < g->region->nblocks; i++) {
            if (g->kind_in[i] == KIND_UNSEEN)
                continue;
            int out = kind_after(g, g->region->blocks[i], g->kind_in[i]);
            const Edges *e = &g->edges[i];
            for (u32 k = 0; k < e->n; k++) {
                int to = flow_block_at(g->region, e->target[k]);
                if (to < 0 || g->kind_in[to] == out || g->kind_in[to] == KIND_UNKNOWN)
                    continue;
                g->kind_in[to] = g->kind_in[to] == KIND_UNSEEN ? (i16)out : KIND_UNKNOWN;
                changed = true;
            }
        }
    }
}

/* One link for each guest address outside the region that a block's jump or branch names, and those of each call to the
 * outside, which belong together. */
static bool add_exit(Gen *g, u64 pc, bool back)
{
    return unit_add_link(g->out, (i64)(pc - g->region->pc), back, false);
}

u32 flow_exit(const Gen *g, u64 target)
{
    const Unit *u = &g->out->unit;
    u32 n = 0;
    while (n < u->nlinks && g->region->pc + (u64)u->links[n].to != target)
        n++;
    return n;
}

static bool find_exits(Gen *g)
{
    bool ok = true;
    for (size_t i = 0; i < g->region->nblocks; i++) {
        const Edges *e = &g->edges[i];
        for (u32 k = 0; ok && k < e->n; k++)
            if (flow_block_at(g->region, e->target[k]) < 0 && flow_exit(g, e->target[k]) == g->out->unit.nlinks)
                ok = add_exit(g, e->target[k], false);
    }
    for (size_t i = 0; ok && i < g->region->nblocks; i++) {
        const Op *op = last_op(g->region, i);
        if (!flow_calls_out(g->region, i))
            continue;
        /* What is behind the frame's Link is where the function returns to. */
        g->call_link[i] = op->code == IR_call ? g->out->unit.nlinks : g->out->unit.nlinks - 1;
        ok = (op->code != IR_call || add_exit(g, (u64)op->imm, false)) && add_exit(g, op->imm2, true);
    }
    return ok;
}

bool flow_analyse(Gen *g)
{
    size_t n = g->region->nblocks;
    u8 mark[REGION_BLOCKS] = {0};
    find_edges(g->region, g->edges);
    find_components(g);
    find_lanes(g);
    find_entries(g);
    for (u32 i = 0; i < n; i++)
        if (g->is_entry[i] && !mark[i])
            find_retreating(g, i, mark);
    find_loops(g);
    find_loop_state(g);
    find_live(g);
    find_dirty(g);
    find_kinds(g);
    return find_exits(g);
}
