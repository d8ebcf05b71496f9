/* Static discovery. What an image's symbols, unwind tables and data point at is where code begins; from there direct
 * edges are followed. Then whatever lies between is taken for code that computed jumps lead to. Where code isn't found,
 * or isn't entered where it was thought to be, nothing is lost but speed: it is translated when it is reached. */
#include "survey.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "orc.h"

/* A range and a byte of CODE_* for each pc that an instruction may have. */
typedef struct Ground {
    u64 lo, hi;
    u8 *flags;
} Ground;

struct Survey {
    const Guest *guest;
    Ground *grounds;
    size_t ngrounds;
    u64 *todo; /* addresses to be looked at */
    size_t ntodo, cap;
    bool out_of_memory;
    Ir *ir;
    u64 *starts; /* survey_outline's */
    Outline *outlines;
};

static const Ground *ground_at(const Survey *s, u64 pc)
{
    for (size_t i = 0; i < s->ngrounds; i++)
        if (pc >= s->grounds[i].lo && pc < s->grounds[i].hi)
            return &s->grounds[i];
    return NULL;
}

/* Whether bit 0 of a pc says which of two instruction sets it is of. The one of even pcs has instructions of twice the other's size. */
static bool has_sets(const Guest *guest)
{
    return !(guest->code_mask & 1);
}

/* Distance of the pcs that have flags. */
static u32 step_of(const Guest *guest)
{
    return has_sets(guest) ? 1 : guest->insn_align;
}

/* The flags of a pc, or NULL if there can be no instruction. */
static u8 *flags_at(const Survey *s, u64 pc)
{
    u32 align = s->guest->insn_align << (has_sets(s->guest) && !(pc & 1));
    const Ground *g = code_address(s->guest, pc) & (align - 1u) ? NULL : ground_at(s, pc);
    return g ? &g->flags[(pc - g->lo) / step_of(s->guest)] : NULL;
}

Survey *survey_new(const Guest *guest, const CodeRange *ranges, size_t n)
{
    Survey *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->guest = guest;
    s->ir = ir_new();
    s->grounds = calloc(n ? n : 1, sizeof *s->grounds);
    bool ok = s->ir && s->grounds;
    for (size_t i = 0; ok && i < n; i++) {
        u64 mask = guest->insn_align - 1u, lo = (ranges[i].lo + mask) & ~mask, hi = ranges[i].hi & ~mask;
        if (lo >= hi)
            continue;
        u8 *flags = calloc((hi - lo) / step_of(guest), 1);
        ok = flags != NULL;
        s->grounds[s->ngrounds++] = (Ground){lo, hi, flags};
    }
    if (ok)
        return s;
    survey_free(s);
    return NULL;
}

void survey_free(Survey *s)
{
    for (size_t i = 0; s->grounds && i < s->ngrounds; i++)
        free(s->grounds[i].flags);
    free(s->grounds);
    free(s->todo);
    free(s->starts);
    free(s->outlines);
    if (s->ir)
        ir_free(s->ir);
    free(s);
}

u32 survey_flags(const Survey *s, u64 pc)
{
    const u8 *f = flags_at(s, pc);
    return f ? *f : 0;
}

void survey_seed(Survey *s, u64 pc, u32 flags)
{
    u8 *f = flags_at(s, pc);
    if (!f)
        return;
    bool known = *f & CODE_START;
    *f |= CODE_START | flags;
    if (known)
        return;
    if (s->ntodo == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 4096;
        u64 *more = realloc(s->todo, cap * sizeof *more);
        if (!more) {
            s->out_of_memory = true;
            return;
        }
        s->todo = more;
        s->cap = cap;
    }
    s->todo[s->ntodo++] = pc;
}

/* An address that code computes may be a function's, a computed jump's target, or mean nothing, as an even one mostly does in code of the
 * other set. (A return address is seed_targets' business.) */
static void seed_constants(Survey *s, const Ir *ir)
{
    const Op *last = &ir->ops[ir->count - 1];
    u64 back = last->code == IR_call || last->code == IR_calli ? last->imm2 : 0;
    u64 set = has_sets(s->guest) ? ir->pc & 1 : 0;
    for (u32 n = 0; n < ir->count; n++) {
        u64 to = (u64)ir->ops[n].imm;
        if ((ir->ops[n].code == IR_const64 || ir->ops[n].code == IR_addr64) && to != back && (to & set) == set)
            survey_seed(s, to, CODE_ENTRY);
    }
}

/* A signal is delivered where a loop goes back, and the program goes on from there. */
static void seed_target(Survey *s, const Ir *ir, u64 target)
{
    survey_seed(s, target, target <= ir->pc ? CODE_ENTRY : 0);
}

static void seed_targets(Survey *s, const Ir *ir)
{
    const Op *last = &ir->ops[ir->count - 1];
    switch (last->code) {
    case IR_branch:
        seed_target(s, ir, last->imm2);
        [[fallthrough]];
    case IR_jump:
        seed_target(s, ir, (u64)last->imm);
        break;
    case IR_call:
        survey_seed(s, (u64)last->imm, CODE_ENTRY | CODE_FUNCTION);
        [[fallthrough]];
    case IR_calli:
        survey_seed(s, last->imm2, CODE_RETURN);
        break;
    case IR_exit:
        if (last->imm == EXIT_SYSCALL || last->imm == EXIT_CONTINUE)
            survey_seed(s, last->imm2, CODE_ENTRY);
        break;
    default:
        break;
    }
}

static bool undefined(const Ir *ir)
{
    const Op *last = &ir->ops[ir->count - 1];
    return last->code == IR_exit && last->imm == EXIT_UNDEF;
}

/* The block at pc, whose bytes end at `hi` at the latest, in the survey's own memory; NULL if they can't be read. */
static const Ir *lift_before(Survey *s, u64 pc, u64 hi)
{
    u64 room = (hi - pc) / s->guest->insn_align;
    return lift_block(s->guest, pc, room < BLOCK_INSNS ? (u32)room : BLOCK_INSNS, s->ir) ? s->ir : NULL;
}

/* Looks at the block at pc, whose bytes end at `hi` at the latest. */
static void look(Survey *s, u64 pc, u64 hi)
{
    const Ir *ir = lift_before(s, pc, hi);
    u64 bad = !ir ? pc : undefined(ir) ? ir->ops[ir->count - 1].imm2 : 0;
    if (bad == pc) {
        u8 *f = flags_at(s, pc);
        *f = (u8)((*f & ~(CODE_START | CODE_ENTRY | CODE_FUNCTION | CODE_RETURN)) | CODE_NONE);
        return;
    }
    for (u32 n = 0; n < ir->count; n++) {
        if (ir->ops[n].code != IR_insn)
            continue;
        u8 *f = flags_at(s, (u64)ir->ops[n].imm);
        if (!f) /* behind the range's end: not all instructions are of the least size */
            break;
        *f |= bad && (u64)ir->ops[n].imm == bad ? CODE_NONE : CODE_INSN;
        for (u32 k = s->guest->insn_align; k < ir->ops[n].imm2; k += s->guest->insn_align)
            if ((f = flags_at(s, (u64)ir->ops[n].imm + k)))
                *f |= CODE_INSIDE;
    }
    seed_constants(s, ir);
    seed_targets(s, ir);
}

bool survey_follow(Survey *s)
{
    while (s->ntodo && !s->out_of_memory) {
        u64 pc = s->todo[--s->ntodo];
        look(s, pc, ground_at(s, pc)->hi);
    }
    return !s->out_of_memory;
}

/* The first instruction at or behind pc, within the block there, that does anything: padding does nothing. */
static u64 behind_padding(Survey *s, u64 pc, u64 hi)
{
    const Ir *ir = lift_before(s, pc, hi);
    for (u32 n = 0; ir && n + 1 < ir->count; n++) {
        if (ir->ops[n].code == IR_insn && ir->ops[n + 1].code != IR_insn)
            return (u64)ir->ops[n].imm;
        u8 *f = ir->ops[n].code == IR_insn ? flags_at(s, (u64)ir->ops[n].imm) : NULL;
        if (f)
            *f |= CODE_INSN;
    }
    return ir ? ir->end : pc;
}

/* Is the address of an instruction, or known to be of none? *set becomes that of the instruction. */
static bool is_covered(const Survey *s, u64 address, u64 *set)
{
    u32 flags = 0;
    for (u64 odd = 0; odd <= has_sets(s->guest); odd++) {
        u32 here = survey_flags(s, address | odd);
        if (here & CODE_INSN)
            *set = odd;
        flags |= here;
    }
    return flags & (CODE_INSN | CODE_INSIDE | CODE_NONE);
}

bool survey_sweep(Survey *s)
{
    u32 step = s->guest->insn_align;
    for (size_t i = 0; i < s->ngrounds; i++) {
        const Ground *g = &s->grounds[i];
        u64 set = 0; /* what is between instructions is of the same one */
        for (u64 address = g->lo; address < g->hi; address += step) {
            u64 pc = address | set;
            if (is_covered(s, address, &set) || !flags_at(s, pc = address | set))
                continue;
            u64 at = behind_padding(s, pc, g->hi);
            if (at >= g->hi || !flags_at(s, at) || *flags_at(s, at) & CODE_INSN)
                continue;
            survey_seed(s, at, CODE_ENTRY);
            if (!survey_follow(s))
                return false;
        }
    }
    return true;
}

/* -- regions ------------------------------------------------------------------------------------------------ */

/* How many instructions the block at pc has until another one begins. */
static u32 block_insns(const Survey *s, u64 pc)
{
    const Ground *g = ground_at(s, pc);
    u32 n = 1;
    for (u64 at = pc + s->guest->insn_align; at < g->hi && n < BLOCK_INSNS; at += s->guest->insn_align) {
        u32 f = survey_flags(s, at);
        if (f & CODE_START)
            break;
        n += f & CODE_INSN;
    }
    return n;
}

/* The block at pc, up to where another one begins. False if it can't be read (any more). */
static bool lift_whole(const Survey *s, u64 pc, Ir *out)
{
    return lift_block(s->guest, pc, block_insns(s, pc), out);
}

static i64 count_starts(const Survey *s)
{
    i64 n = 0;
    for (size_t i = 0; i < s->ngrounds; i++)
        for (u64 k = 0; k < (s->grounds[i].hi - s->grounds[i].lo) / step_of(s->guest); k++)
            n += (s->grounds[i].flags[k] & CODE_START) != 0;
    return n;
}

static void list_starts(const Survey *s, u64 *out)
{
    for (size_t i = 0; i < s->ngrounds; i++)
        for (u64 pc = s->grounds[i].lo; pc < s->grounds[i].hi; pc += step_of(s->guest))
            if (survey_flags(s, pc) & CODE_START)
                *out++ = pc;
}

/* Whether a block's address is one of the outline's: those are neighbours. */
static bool has(const Outline *o, u64 pc)
{
    return pc >= o->blocks[0] && pc <= o->blocks[o->nblocks - 1];
}

/* Marks what the outline's blocks lead to outside of it. */
static void mark_entries(Survey *s, const Outline *o)
{
    for (u32 i = 0; i < o->nblocks; i++) {
        if (!lift_whole(s, o->blocks[i], s->ir))
            continue;
        const Op *last = &s->ir->ops[s->ir->count - 1];
        u64 target[] = {(u64)last->imm, last->imm2};
        u32 n = last->code == IR_branch ? 2 : last->code == IR_jump ? 1 : 0;
        if (last->code == IR_call || last->code == IR_calli) {
            n = 1;
            target[0] = last->imm2;
        }
        for (u32 k = 0; k < n; k++) {
            u8 *f = has(o, target[k]) ? NULL : flags_at(s, target[k]);
            if (f)
                *f |= CODE_ENTRY;
        }
    }
}

i64 survey_outline(Survey *s, const Outline **out)
{
    i64 n = count_starts(s), noutlines = 0;
    s->starts = malloc((size_t)(n ? n : 1) * sizeof *s->starts);
    s->outlines = malloc((size_t)(n ? n : 1) * sizeof *s->outlines);
    if (!s->starts || !s->outlines)
        return -1;
    list_starts(s, s->starts);
    Outline *o = NULL;
    u32 insns = 0;
    for (i64 i = 0; i < n; i++) {
        u32 more = block_insns(s, s->starts[i]);
        if (!o || survey_flags(s, s->starts[i]) & CODE_FUNCTION || o->nblocks == REGION_BLOCKS ||
            insns + more > REGION_INSNS) {
            o = &s->outlines[noutlines++];
            *o = (Outline){&s->starts[i], 0};
            insns = 0;
        }
        o->nblocks++;
        insns += more;
    }
    for (i64 i = 0; i < noutlines; i++)
        mark_entries(s, &s->outlines[i]);
    *out = s->outlines;
    return noutlines;
}

u64 survey_bytes(const Survey *s, const Outline *o)
{
    u64 bytes = 0;
    for (u32 i = 0; i < o->nblocks; i++) {
        if (lift_whole(s, o->blocks[i], s->ir))
            bytes += s->ir->end - s->ir->pc;
    }
    return bytes;
}

static bool is_start(void *survey, u64 pc)
{
    return survey_flags(survey, pc) & CODE_START;
}

/* A region of these blocks. */
static Region *lift_all(const Survey *s, const u64 *blocks, u32 n)
{
    assert(n && n <= REGION_BLOCKS);
    Region *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->guest = s->guest;
    r->pc = blocks[0];
    r->opt = 1;
    r->ahead = true;
    r->blocks = calloc(REGION_BLOCKS, sizeof *r->blocks);
    r->entries = calloc(n, sizeof *r->entries);
    bool ok = r->blocks && r->entries;
    for (u32 i = 0; ok && i < n; i++) {
        Ir *ir = ir_new();
        ok = ir != NULL;
        if (!ok)
            break;
        r->blocks[r->nblocks++] = ir;
        ok = lift_whole(s, blocks[i], ir);
    }
    if (ok)
        return r;
    region_free(r);
    return NULL;
}

/* Whether control may come to the region at its block number k. */
static bool is_entry(const Survey *s, const Region *r, size_t k)
{
    u64 pc = r->blocks[k]->pc;
    u32 flags = survey_flags(s, pc);
    return k == 0 || flags & CODE_ENTRY || (flags & CODE_RETURN && !region_returns_inside(r, pc));
}

/* For each block of the outline those that it leads to in the end. A computed jump may lead to whatever is entered so. */
static void find_ways(const Survey *s, const Region *all, u64 ways[REGION_BLOCKS])
{
    u64 computed = 0;
    for (size_t i = 1; i < all->nblocks; i++)
        computed |= survey_flags(s, all->blocks[i]->pc) & CODE_ENTRY ? 1ull << i : 0;
    for (size_t i = 0; i < all->nblocks; i++) {
        const Ir *ir = all->blocks[i];
        ways[i] = region_successors(all, i) | (ir->ops[ir->count - 1].code == IR_jumpi ? computed : 0);
    }
    for (bool more = true; more;) {
        more = false;
        for (size_t i = all->nblocks; i-- > 0;) {
            u64 before = ways[i];
            for (u64 left = before; left; left &= left - 1)
                ways[i] |= ways[__builtin_ctzll(left)];
            more |= ways[i] != before;
        }
    }
}

/* The region of some blocks of the outline. */
static Region *region_of(const Survey *s, const Outline *o, const Region *all, u64 blocks)
{
    u64 pcs[REGION_BLOCKS], reached = 0;
    u32 n = 0, number[REGION_BLOCKS];
    for (size_t i = 0; i < all->nblocks; i++) {
        if (blocks >> i & 1) {
            number[n] = (u32)i;
            pcs[n++] = o->blocks[i];
        } else {
            reached |= region_successors(all, i);
        }
    }
    Region *r = lift_all(s, pcs, n);
    bool ok = r && region_join_callees(r, is_start, (void *)s);
    for (u32 k = 0; ok && k < n; k++)
        if (is_entry(s, r, k) || reached >> number[k] & 1)
            r->entries[r->nentries++] = pcs[k];
    if (ok || !r)
        return r;
    region_free(r);
    return NULL;
}

/* Whether a function that calls itself is why the blocks lead to themselves: it is one with what it does in the end. */
static bool recurs(const Region *all, u64 blocks)
{
    bool calls = false;
    for (size_t i = 0; i < all->nblocks; i++)
        calls |= blocks >> i & 1 && region_calls_inside(all, all->blocks[i]);
    return calls;
}

i64 survey_loops(const Survey *s, const Outline *o, Region *loops[REGION_BLOCKS])
{
    u64 ways[REGION_BLOCKS], done = 0;
    i64 n = 0;
    Region *all = lift_all(s, o->blocks, o->nblocks);
    if (!all)
        return -1;
    find_ways(s, all, ways);
    for (size_t i = 0; i < all->nblocks; i++) {
        u64 loop = 0;
        for (size_t k = 0; k < all->nblocks; k++)
            loop |= ways[i] >> k & ways[k] >> i & 1 ? 1ull << k : 0;
        if (!loop || done >> i & 1)
            continue;
        if (recurs(all, loop))
            loop |= ways[i];
        done |= loop;
        Region *r = region_of(s, o, all, loop);
        if (r)
            loops[n++] = r;
    }
    region_free(all);
    return n;
}
