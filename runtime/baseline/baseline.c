/* The first tier: IR to host code by copying stencils and filling their holes (stencils.c says what those are).
 *
 * One pass over the ops. Integer results are made in register A, vector results in VA, so at most one value of each
 * kind is in a register (and a second integer in B, for a while); every other value is in a Task slot, its home: the
 * guest register it was got from or put to as long as nothing overwrites that, else a spill slot. A get costs
 * nothing, a constant costs nothing until a stencil without an immediate operand wants it, a value that is used by
 * the next op stays in its register. Puts are never delayed, so that at every faulting access the guest state in the
 * Task is exact. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../include/log.h"
#include "../../include/translate.h"
#include "../../lifter/host.h"
#include "rows.h"

enum { STATE_UNITS = STATE_BYTES / 4 }; /* a home's start is noted by 4-byte unit of state */
enum { NO_HOME = -1 };

/* What is known about a value. Indexed by Val, as the ops are. */
typedef struct Rec {
    u16 left;    /* uses to come; 65535 never runs down */
    u8 bytes;    /* of the home that hold the value: 4, 8 or 16 */
    bool wide;   /* must be kept as 64 bits although its type is W: an alias of type X exists */
    i32 home;    /* offset in Task, or NO_HOME */
    Val same;    /* the value it is another name for (widenings and narrowings that cost nothing), or itself */
    Val next;    /* another value at home in the same unit of state, or NO_VAL */
    bool constant;
    u64 value;   /* if constant */
} Rec;

typedef struct Gen {
    const Ir *ir;
    Rec *recs;
    u8 *code, *end;       /* scratch buffer: code runs elsewhere, see fixups */
    u32 at;               /* bytes made */
    u32 *fixups;          /* positions of 32-bit fields from which the address of the code must be subtracted */
    u32 nfixups, fixup_room;
    Val in_a, in_va;      /* the values in the registers, or NO_VAL */
    Val in_b;             /* a value that had to leave A, on its way to a put or a home, or NO_VAL */
    u64 spilled;          /* spill slots in use */
    u64 pc;               /* guest address of the instruction */
    u64 holes[HOLE_COUNT];
    Val heads[STATE_UNITS]; /* values at home in guest state, by the unit their home starts at */
} Gen;
_Static_assert(SPILL_SLOTS == 64, "Gen.spilled has a bit for each");

static void *must(void *p)
{
    if (!p)
        out_of_memory("a block");
    return p;
}

/* -- stencils ------------------------------------------------------------------------------------------------------ */

static void add_fixup(Gen *g, u32 at)
{
    if (g->nfixups == g->fixup_room) {
        g->fixup_room = g->fixup_room ? 2 * g->fixup_room : 64;
        g->fixups = must(realloc(g->fixups, g->fixup_room * sizeof *g->fixups));
    }
    g->fixups[g->nfixups++] = at;
}

static bool is_i8(u64 value)
{
    return (i32)value == (i8)value;
}

/* Copies n bytes, and up to STENCIL_PAD - 1 more. */
static void copy_bytes(u8 *to, const u8 *from, u32 n)
{
    for (u32 i = 0; i < n; i += STENCIL_PAD)
        memcpy(to + i, from + i, STENCIL_PAD);
}

/* Copies a stencil to `at` and fills its holes, which stand in the order of their places; returns its size there.
 * Fields that hold small values are made one byte: most displacements do, and code that is dense runs better. */
static u32 fill(Gen *g, const Stencil *s, u32 at)
{
    const u8 *from = stencil_bytes + s->bytes;
    u8 *code = g->code;
    u32 saved = 0; /* bytes that earlier fields were shortened by */
    g->holes[HOLE_CONT_] = at + s->size;
    copy_bytes(code + at, from, s->size);
    const Hole *hole = &stencil_holes[s->holes];
    for (u32 i = 0; i < s->nholes; i++, hole++) {
        u32 to = at + hole->at - saved;
        u8 *p = code + to;
        u64 value = hole->patch < PATCH_SYM32 ? g->holes[hole->what] : (u64)stencil_symbols[hole->what];
        value += (u64)(i64)hole->addend;
        switch ((Patch)hole->patch) {
        case PATCH_ABS8:
            *p = (u8)value;
            break;
        case PATCH_ABS16:
            memcpy(p, &(u16){(u16)value}, 2);
            break;
        case PATCH_SYM32:
        case PATCH_ABS32:
            memcpy(p, &(u32){(u32)value}, 4);
            break;
        case PATCH_ABS64:
            memcpy(p, &value, 8);
            break;
        case PATCH_DISP:
        case PATCH_IMM:
            if (!is_i8(value)) {
                memcpy(p, &(u32){(u32)value}, 4);
                break;
            }
            if (hole->patch == PATCH_IMM) {
                p[-2] |= 2; /* 81 to 83, 69 to 6b */
            } else {
                u8 *modrm = hole->what == HOLE_DISP_ ? p - 1 : p - 2;
                *modrm ^= 0xc0; /* mod 10 to 01 */
            }
            *p = (u8)value;
            copy_bytes(p + 1, from + hole->at + 4, s->size - hole->at - 4);
            saved += 3;
            break;
        case PATCH_PLACE32:
            memcpy(p, &(u32){(u32)value - to}, 4);
            break;
        case PATCH_REL32:
        case PATCH_SYMREL32:
            memcpy(p, &(u32){(u32)value - to}, 4);
            add_fixup(g, to);
            break;
        }
    }
    return s->size - saved;
}

static void room(Gen *g)
{
    if (g->end - g->code >= (i64)g->at + STENCIL_MAX)
        return;
    size_t size = 2 * (size_t)(g->end - g->code) + STENCIL_MAX;
    g->code = must(realloc(g->code, size));
    g->end = g->code + size;
}

static void emit(Gen *g, u32 row, u32 variant)
{
    u32 index = stencil_of[row][variant];
    assert(index);
    const Stencil *s = &stencils[index];
    room(g);
    g->at += fill(g, s, g->at);
}

/* -- where values are ---------------------------------------------------------------------------------------------- */

static u8 type_of(const Gen *g, Val v)
{
    return ir_ops[g->ir->ops[v].code].result;
}

static bool is_const(const Gen *g, Val v)
{
    return g->recs[v].constant;
}

static u64 const_of(const Gen *g, Val v)
{
    return g->recs[v].value;
}

static u8 type_bytes(const Gen *g, const Rec *r, Val v)
{
    u8 type = type_of(g, v);
    return type == TYPE_Q ? 16 : type == TYPE_X || r->wide ? 8 : 4;
}

static i32 spill_new(Gen *g)
{
    if (!~g->spilled)
        abort(); /* no lifter keeps this many values alive at once */
    int slot = __builtin_ctzll(~g->spilled);
    g->spilled |= 1ull << slot;
    return (i32)(offsetof(Task, spill) + (size_t)slot * sizeof(V128));
}

static void spill_free(Gen *g, Rec *r)
{
    if (r->home >= (i32)offsetof(Task, spill))
        g->spilled &= ~(1ull << (((size_t)r->home - offsetof(Task, spill)) / sizeof(V128)));
    r->home = NO_HOME;
}
_Static_assert(offsetof(Task, spill) > offsetof(Task, state), "spill slots lie behind the guest state");

static bool in_register(const Gen *g, Val v)
{
    return g->in_a == v || g->in_b == v || g->in_va == v;
}

/* Copies v, which is in letter's place (S: the slot from), to the slot at `to`. */
static void copy(Gen *g, Val v, u32 letter, i32 from, i32 to)
{
    u8 type = type_of(g, v);
    g->holes[HOLE_S0_] = (u64)from;
    g->holes[HOLE_D_] = (u64)to;
    emit(g, type == TYPE_Q ? IR_put128 : IR_put64, VARIANT(letter, 0, 0));
}

static void put_const(Gen *g, u64 value, i32 to, bool word)
{
    g->holes[HOLE_D_] = (u64)to;
    u32 row = word ? IR_put32 : IR_put64;
    i64 extended = word ? (i32)value : (i64)value;
    bool fits = word || (extended >= 0 ? extended <= INT32_MAX
                                       : extended >= INT32_MIN && stencils[stencil_of[row][LETTER_I]].negative & 1);
    if (fits) {
        g->holes[HOLE_I0_] = (u64)extended;
        emit(g, row, VARIANT(LETTER_I, 0, 0));
    } else {
        g->holes[HOLE_C64_] = value;
        emit(g, ROW_put_c64, 0);
    }
}

/* Sees to it that v has a home. */
static void give_home(Gen *g, Val v)
{
    Rec *r = &g->recs[v];
    if (r->home != NO_HOME)
        return;
    r->home = spill_new(g);
    r->bytes = type_of(g, v) == TYPE_Q ? 16 : 8;
    if (g->in_a == v || g->in_va == v) {
        copy(g, v, LETTER_A, 0, r->home);
    } else if (g->in_b == v) {
        g->holes[HOLE_D_] = (u64)r->home;
        emit(g, ROW_put_b64, 0);
    } else {
        assert(is_const(g, v));
        put_const(g, const_of(g, v), r->home, false);
    }
}

/* v's home in the guest state is about to be overwritten. */
static void evict(Gen *g, Val v)
{
    Rec *r = &g->recs[v];
    i32 from = r->home;
    r->home = NO_HOME;
    if (!r->left || in_register(g, v) || is_const(g, v))
        return;
    r->home = spill_new(g);
    g->holes[HOLE_S0_] = (u64)from;
    g->holes[HOLE_D_] = (u64)r->home;
    /* Four bytes of a W in the state may have others behind them. */
    if (r->bytes == 4) {
        emit(g, IR_put32, VARIANT(LETTER_S, 0, 0));
    } else {
        copy(g, v, LETTER_S, from, r->home);
        r->bytes = type_of(g, v) == TYPE_Q ? 16 : 8;
    }
}

static void evict_unit(Gen *g, u32 unit, i32 from, i32 to)
{
    i32 start = (i32)(offsetof(Task, state) + unit * 4);
    Val *link = &g->heads[unit];
    while (*link != NO_VAL) {
        Val v = *link;
        Rec *r = &g->recs[v];
        bool stays = r->home == start && r->left && !(start < to && start + r->bytes > from);
        if (stays) {
            link = &r->next;
            continue;
        }
        *link = r->next;
        if (r->home == start)
            evict(g, v);
    }
}

/* Moves whatever is at home in state bytes [offset, offset+bytes) elsewhere. A home starts at a multiple of its
 * size. */
static void evict_range(Gen *g, u32 offset, u32 bytes)
{
    i32 from = (i32)(offsetof(Task, state) + offset), to = from + (i32)bytes;
    u32 first = offset & ~15u;
    for (u32 unit = first / 4; unit < (offset + bytes) / 4; unit++)
        if (g->heads[unit] != NO_VAL)
            evict_unit(g, unit, from, to);
}

static void evict_all(Gen *g)
{
    for (u32 unit = 0; unit < STATE_UNITS; unit++)
        if (g->heads[unit] != NO_VAL)
            evict_unit(g, unit, 0, INT32_MAX);
}

/* v is (also) in the guest state at this offset from now on. */
static void set_home(Gen *g, Val v, u32 offset, u8 bytes)
{
    Rec *r = &g->recs[v];
    if (r->home != NO_HOME || !r->left || bytes < type_bytes(g, r, v))
        return;
    r->home = (i32)(offsetof(Task, state) + offset);
    r->bytes = bytes;
    r->next = g->heads[offset / 4];
    g->heads[offset / 4] = v;
}

/* v, which is in a register, doesn't live in the guest state any more. */
static void leave_home(Gen *g, Val v)
{
    Rec *r = &g->recs[v];
    Val *link = &g->heads[(r->home - (i32)offsetof(Task, state)) / 4];
    while (*link != v)
        link = &g->recs[*link].next;
    *link = r->next;
    r->home = NO_HOME;
}

/* The value v of a register is about to be overwritten, after an op that uses it `uses` times. An integer moves to B
 * if that is free: a pair of loads is two values before it is two puts. */
static void save(Gen *g, Val v, u32 uses)
{
    if (v == NO_VAL || g->recs[v].left <= uses || is_const(g, v) || g->recs[v].home != NO_HOME || g->in_b == v)
        return;
    bool b_free = g->in_b == NO_VAL || g->recs[g->in_b].home != NO_HOME;
    if (v == g->in_a && b_free) {
        emit(g, ROW_a_to_b, 0);
        g->in_b = v;
    } else {
        give_home(g, v);
    }
}

static void used(Gen *g, Val v)
{
    Rec *r = &g->recs[v];
    if (r->left == UINT16_MAX || --r->left)
        return;
    spill_free(g, r);
    if (g->in_a == v)
        g->in_a = NO_VAL;
    if (g->in_b == v)
        g->in_b = NO_VAL;
    if (g->in_va == v)
        g->in_va = NO_VAL;
}

/* -- operands ------------------------------------------------------------------------------------------------------ */

typedef struct Operands {
    u32 n;
    Val val[3];    /* not aliases */
    u8 type[3];
    u32 letter[3];
} Operands;

static u32 uses_of(const Operands *o, Val v)
{
    u32 n = 0;
    for (u32 i = 0; i < o->n; i++)
        n += o->val[i] == v;
    return n;
}

/* The immediate of constant operand i as a stencil would have it. */
static i64 immediate(const Gen *g, const Operands *o, u32 i)
{
    u64 value = const_of(g, o->val[i]);
    return o->type[i] == TYPE_W ? (i32)value : (i64)value;
}

static bool immediate_fits(const Gen *g, const Operands *o, u32 i, const Stencil *s)
{
    i64 v = immediate(g, o, i);
    if (o->type[i] == TYPE_W)
        return true; /* the stencil uses 32 bits of it */
    return v >= 0 ? v <= INT32_MAX : v >= INT32_MIN && s->negative >> i & 1;
}

static void const_to_a(Gen *g, Val v)
{
    u64 value = const_of(g, v);
    if (value <= UINT32_MAX) {
        g->holes[HOLE_I0_] = value;
        emit(g, IR_const32, VARIANT(LETTER_I, 0, 0));
    } else if ((i64)value >= INT32_MIN && (i64)value < 0) {
        g->holes[HOLE_I0_] = value;
        emit(g, IR_const64, VARIANT(LETTER_I, 0, 0));
    } else {
        g->holes[HOLE_C64_] = value;
        emit(g, ROW_const_c64, 0);
    }
    g->in_a = v;
}

/* Makes operand i something that more stencils take: a constant goes to A if A is free, everything else to a slot. */
static void degrade(Gen *g, Operands *o, u32 i)
{
    Val v = o->val[i];
    if (o->letter[i] == LETTER_I && g->recs[v].home == NO_HOME) {
        Val old = g->in_a;
        bool a_free = old == NO_VAL ||
                      (!uses_of(o, old) && (is_const(g, old) || g->recs[old].home != NO_HOME));
        if (a_free) {
            const_to_a(g, v);
            o->letter[i] = LETTER_A;
            return;
        }
    }
    give_home(g, v);
    o->letter[i] = LETTER_S;
}

/* If the op wants a value that is in B alone and none that is in A: brings it there, and what A holds to B if it
 * must be kept. */
static void bring_from_b(Gen *g, const Operands *o)
{
    Val v = g->in_b;
    if (v == NO_VAL || v == g->in_a || g->recs[v].home != NO_HOME || !uses_of(o, v))
        return;
    Val old = g->in_a;
    if (old != NO_VAL && uses_of(o, old))
        return;
    bool keep = old != NO_VAL && !is_const(g, old) && g->recs[old].home == NO_HOME;
    emit(g, keep ? ROW_swap_ab : ROW_b_to_a, 0);
    g->in_a = v;
    g->in_b = keep ? old : NO_VAL;
}

/* Chooses a place for each operand such that there is a stencil of the row, moves what must be moved, and fills the
 * operand holes. Returns the variant. */
static u32 prepare(Gen *g, u32 row, Operands *o, bool commutes)
{
    bool a_used = false, va_used = false;
    bring_from_b(g, o);
    for (u32 i = 0; i < o->n; i++) {
        Val v = o->val[i];
        if (o->type[i] == TYPE_Q ? g->in_va == v && !va_used : g->in_a == v && !a_used) {
            *(o->type[i] == TYPE_Q ? &va_used : &a_used) = true;
            o->letter[i] = LETTER_A;
        } else if (o->type[i] != TYPE_Q && is_const(g, v)) {
            o->letter[i] = LETTER_I;
        } else {
            give_home(g, v);
            o->letter[i] = LETTER_S;
        }
    }
    if (commutes && o->letter[1] != LETTER_I && (o->letter[0] == LETTER_I || o->letter[1] == LETTER_A)) {
        Operands other = *o;
        o->val[0] = other.val[1];
        o->val[1] = other.val[0];
        o->letter[0] = other.letter[1];
        o->letter[1] = other.letter[0];
    }
    for (;;) {
        u32 variant = 0, scale = 1, bad = o->n;
        for (u32 i = 0; i < o->n; i++, scale *= LETTERS)
            variant += scale * o->letter[i];
        u32 index = stencil_of[row][variant];
        if (index) {
            for (u32 i = 0; i < o->n; i++)
                if (o->letter[i] == LETTER_I && !immediate_fits(g, o, i, &stencils[index]))
                    bad = i;
            if (bad == o->n) {
                for (u32 i = 0; i < o->n; i++) {
                    if (o->letter[i] == LETTER_S)
                        g->holes[HOLE_S0_ + i] = (u64)g->recs[o->val[i]].home;
                    else if (o->letter[i] == LETTER_I)
                        g->holes[HOLE_I0_ + i] = (u64)immediate(g, o, i);
                }
                return variant;
            }
        } else {
            for (u32 i = o->n; i-- > 0;)
                if (o->letter[i] == LETTER_I || (bad == o->n && o->letter[i] == LETTER_A))
                    bad = i;
            assert(bad < o->n && "an op without a stencil");
        }
        degrade(g, o, bad);
    }
}

static Operands operands(const Gen *g, const Op *op)
{
    const OpInfo *info = &ir_ops[op->code];
    Operands o = {.n = info->nargs};
    for (u32 i = 0; i < o.n; i++) {
        o.val[i] = g->recs[op->arg[i]].same;
        o.type[i] = info->arg[i];
    }
    return o;
}

static void consume(Gen *g, const Operands *o)
{
    for (u32 i = 0; i < o->n; i++)
        used(g, o->val[i]);
}

/* -- ops ----------------------------------------------------------------------------------------------------------- */

/* An op with operands in any place and its result, if any, in A or VA. */
static void general(Gen *g, Val n, u32 row, Operands *o, const OpInfo *info)
{
    bool to_a = info->result == TYPE_W || info->result == TYPE_X;
    bool loses_va = info->result == TYPE_Q || info->fx & FX_CALL || row == IR_helper || row == IR_wrote;
    u32 variant = prepare(g, row, o, info->fx & FX_COMM);
    /* Saving doesn't disturb what prepare found: it writes to a fresh slot and changes D alone. */
    u64 s0 = g->holes[HOLE_S0_];
    if (to_a && g->in_a != NO_VAL)
        save(g, g->in_a, uses_of(o, g->in_a));
    if (loses_va && g->in_va != NO_VAL)
        save(g, g->in_va, uses_of(o, g->in_va));
    g->holes[HOLE_S0_] = s0;
    emit(g, row, variant);
    consume(g, o);
    if (to_a)
        g->in_a = g->recs[n].left ? n : NO_VAL;
    if (loses_va)
        g->in_va = info->result == TYPE_Q && g->recs[n].left ? n : NO_VAL;
}

static void alias(Gen *g, Val n, Val of)
{
    Rec *r = &g->recs[of];
    g->recs[n].same = of;
    u32 left = r->left + (u32)g->recs[n].left;
    r->left = r->left == UINT16_MAX || left > UINT16_MAX ? UINT16_MAX : (u16)left;
    used(g, of);
}

/* zx32_64: a W in A is zero-extended already. */
static bool widen(Gen *g, Val n, const Op *op)
{
    Val v = g->recs[op->arg[0]].same;
    Rec *r = &g->recs[v];
    if (!g->recs[n].left || type_of(g, v) != TYPE_W)
        return false;
    if (in_register(g, v)) {
        if (r->home != NO_HOME && r->bytes < 8)
            leave_home(g, v);
    } else if (!is_const(g, v) && (r->home == NO_HOME || r->bytes < 8)) {
        return false;
    }
    r->wide = true;
    alias(g, n, v);
    return true;
}

static void put(Gen *g, const Op *op, u8 bytes)
{
    u32 offset = (u32)op->imm;
    i32 slot = (i32)(offsetof(Task, state) + offset);
    Operands o = operands(g, op);
    Val v = o.val[0];
    Rec *r = &g->recs[v];
    if (r->home == slot && r->bytes >= bytes) {
        used(g, v);
        return;
    }
    evict_range(g, offset, bytes);
    if (is_const(g, v) && g->in_a != v) {
        put_const(g, const_of(g, v), slot, bytes == 4);
    } else if (g->in_b == v && g->in_a != v) {
        g->holes[HOLE_D_] = (u64)slot;
        emit(g, bytes == 4 ? ROW_put_b32 : ROW_put_b64, 0);
    } else {
        u32 variant = prepare(g, op->code, &o, false);
        g->holes[HOLE_D_] = (u64)slot;
        emit(g, op->code, variant);
    }
    consume(g, &o);
    set_home(g, v, offset, bytes);
}

static bool is_comparison(u16 code)
{
    switch (code) {
#define COMPARISON_CASES(cmp) \
    case IR_##cmp##32: \
    case IR_##cmp##64:
        COMPARISONS(COMPARISON_CASES)
        return true;
    default:
        return false;
    }
}

static u32 branch_row(u16 code)
{
    switch (code) {
#define BRANCH_ROWS(cmp) \
    case IR_##cmp##32: \
        return ROW_br_##cmp##32; \
    case IR_##cmp##64: \
        return ROW_br_##cmp##64;
        COMPARISONS(BRANCH_ROWS)
    default:
        return IR_branch;
    }
}

/* c < x as !(x <= c) and so on: puts a constant second. Returns the comparison of the swapped operands, and whether its
 * outcome is the opposite. */
static u16 swapped(u16 code, bool *opposite)
{
    *opposite = true;
    switch (code) {
    case IR_ult32:
        return IR_ule32;
    case IR_ule32:
        return IR_ult32;
    case IR_slt32:
        return IR_sle32;
    case IR_sle32:
        return IR_slt32;
    case IR_ult64:
        return IR_ule64;
    case IR_ule64:
        return IR_ult64;
    case IR_slt64:
        return IR_sle64;
    case IR_sle64:
        return IR_slt64;
    default:
        *opposite = false;
        return code;
    }
}

/* True if op n is a comparison that the block's branch right behind it alone uses: it becomes part of the branch. */
static bool fuses(const Ir *ir, Val n)
{
    if (!is_comparison(ir->ops[n].code) || ir->ops[n].uses != 1)
        return false;
    Val next = n + 1;
    while (next < ir->count && ir->ops[next].code == IR_nop)
        next++;
    return next < ir->count && ir->ops[next].code == IR_branch && ir->ops[next].arg[0] == n;
}

static void branch(Gen *g, const Op *op, Link *links)
{
    const Op *cmp = &g->ir->ops[op->arg[0]];
    u64 taken = (u64)&links[0], other = (u64)&links[1];
    u32 row = IR_branch;
    Operands o;
    if (fuses(g->ir, op->arg[0])) {
        u16 code = cmp->code;
        o = operands(g, cmp);
        if (is_const(g, o.val[0]) && g->in_a != o.val[0]) {
            bool opposite;
            code = swapped(code, &opposite);
            Val first = o.val[0];
            o.val[0] = o.val[1];
            o.val[1] = first;
            if (opposite) {
                taken = (u64)&links[1];
                other = (u64)&links[0];
            }
        }
        row = branch_row(code);
    } else {
        o = operands(g, op);
    }
    u32 variant = prepare(g, row, &o, false);
    g->holes[HOLE_LINK0_] = taken;
    g->holes[HOLE_LINK1_] = other;
    emit(g, row, variant);
    consume(g, &o);
}

static u32 nzcv_row(u64 kind)
{
    switch (kind) {
    case FLAG_ADD32:
        return ROW_nzcv_add32;
    case FLAG_ADD64:
        return ROW_nzcv_add64;
    case FLAG_SUB32:
        return ROW_nzcv_sub32;
    case FLAG_SUB64:
        return ROW_nzcv_sub64;
    case FLAG_AND32:
        return ROW_nzcv_and32;
    case FLAG_AND64:
        return ROW_nzcv_and64;
    default:
        return IR_nzcv;
    }
}

static void nzcv(Gen *g, Val n, const Op *op)
{
    Operands o = operands(g, op);
    u32 row = is_const(g, o.val[0]) ? nzcv_row(const_of(g, o.val[0])) : IR_nzcv;
    if (row == IR_nzcv) {
        general(g, n, row, &o, &ir_ops[IR_nzcv]);
        return;
    }
    Operands rest = {.n = row == ROW_nzcv_and32 || row == ROW_nzcv_and64 ? 1 : 2,
                     .val = {o.val[1], o.val[2]},
                     .type = {TYPE_X, TYPE_X}};
    general(g, n, row, &rest, &ir_ops[IR_nzcv]);
    used(g, o.val[0]);
    if (rest.n == 1)
        used(g, o.val[2]);
}

/* The row of a value op on this host. */
static u32 value_row(u16 code)
{
    switch (code) {
#define HOST(op, result, sig, feature) \
    case IR_##op: \
        return HOST_HAS(feature) ? ROW_host_##op : IR_##op;
#include "../../lifter/host.def"
    default:
        return code;
    }
}

static void value(Gen *g, Val n, const Op *op)
{
    Operands o = operands(g, op);
    /* A shift amount is taken modulo the width: its stencils hold it in one byte. */
    assert(!ir_ops[op->code].imm || (op->imm >= 0 && op->imm <= INT32_MAX));
    g->holes[HOLE_IMM_] = (u64)op->imm;
    general(g, n, value_row(op->code), &o, &ir_ops[op->code]);
}

static void set_const(Gen *g, Val n, u64 value)
{
    g->recs[n].constant = true;
    g->recs[n].value = value;
}

/* The one sum of constants that lifters make: addresses from a page and an offset in it. */
static bool folds(Gen *g, Val n, const Op *op)
{
    if (op->code != IR_add64)
        return false;
    Operands o = operands(g, op);
    if (!is_const(g, o.val[0]) || !is_const(g, o.val[1]))
        return false;
    set_const(g, n, const_of(g, o.val[0]) + const_of(g, o.val[1]));
    consume(g, &o);
    return true;
}

static void one_op(Gen *g, Val n, Block *block)
{
    const Op *op = &g->ir->ops[n];
    switch ((OpCode)op->code) {
    case IR_nop:
        return;
    case IR_const32:
        set_const(g, n, (u32)op->imm);
        return;
    case IR_const64:
        set_const(g, n, (u64)op->imm);
        return;
    case IR_insn:
        g->pc = (u64)op->imm;
        block->map[block->nmap++] = (PcMap){.host = g->at - ENTRY_AT, .guest = (u32)(g->pc - g->ir->pc)};
        return;
    case IR_count:
        g->holes[HOLE_IMM_] = (u64)op->imm;
        emit(g, IR_count, 0);
        return;
    case IR_get32:
        set_home(g, n, (u32)op->imm, 4);
        return;
    case IR_get64:
        set_home(g, n, (u32)op->imm, 8);
        return;
    case IR_get128:
        set_home(g, n, (u32)op->imm, 16);
        return;
    case IR_put32:
        put(g, op, 4);
        return;
    case IR_put64:
        put(g, op, 8);
        return;
    case IR_put128:
        put(g, op, 16);
        return;
    case IR_fence:
        if (op->imm == 3)
            emit(g, IR_fence, 0);
        return;
    case IR_align: {
        Operands o = operands(g, op);
        u32 variant = prepare(g, IR_align, &o, false);
        g->holes[HOLE_IMM_] = (u64)op->imm - 1;
        g->holes[HOLE_D_] = (op->imm2 ? op->imm2 : (u64)op->imm) - 1;
        g->holes[HOLE_PC64_] = g->pc;
        emit(g, IR_align, variant);
        consume(g, &o);
        return;
    }
    case IR_helper:
        evict_all(g);
        g->holes[HOLE_PC64_] = g->pc;
        value(g, n, op);
        return;
    case IR_wrote: {
        Operands o = operands(g, op);
        g->holes[HOLE_IMM_] = (u64)op->imm;
        general(g, n, IR_wrote, &o, &ir_ops[IR_wrote]);
        return;
    }
    case IR_jump:
    case IR_call:
        g->holes[HOLE_LINK0_] = (u64)&block->links[0];
        emit(g, op->code, 0);
        return;
    case IR_branch:
        branch(g, op, block->links);
        return;
    case IR_exit:
        g->holes[HOLE_IMM_] = (u64)op->imm;
        g->holes[HOLE_PC64_] = op->imm2;
        emit(g, IR_exit, 0);
        return;
    case IR_lo32:
        alias(g, n, g->recs[op->arg[0]].same);
        return;
    case IR_zx32_64:
        if (!widen(g, n, op))
            value(g, n, op);
        return;
    case IR_nzcv:
        nzcv(g, n, op);
        return;
    default:
        g->holes[HOLE_DISP_] = (u64)op->imm;
        if (!fuses(g->ir, n) && !folds(g, n, op))
            value(g, n, op);
        return;
    }
}

static u16 count_links(const Op *last)
{
    switch (last->code) {
    case IR_jump:
    case IR_call:
        return 1;
    case IR_branch:
        return 2;
    default:
        return 0;
    }
}

static Block *new_block(const Ir *ir, i32 counter_start)
{
    const Op *last = &ir->ops[ir->count - 1];
    u16 nlinks = count_links(last);
    Block *b = arena_data(sizeof *b + nlinks * sizeof(Link));
    if (!b)
        return NULL;
    b->counter = counter_start;
    b->tier = TIER_BASELINE;
    b->skip = ENTRY_SAFEPOINT;
    b->pc = ir->pc;
    b->end = ir->end;
    b->insns = ir->insns;
    b->nlinks = nlinks;
    b->links = (Link *)(b + 1);
    for (u32 i = 0; i < nlinks; i++) {
        b->links[i].code = (const void *)link_stub;
        b->links[i].pc = i ? last->imm2 : (u64)last->imm;
        b->links[i].forward = b->links[i].pc > ir->pc && last->code != IR_call;
    }
    return b;
}

/* Code to its place; false if the arena is full. */
static bool place(Gen *g, Block *b)
{
    u8 *write, *run = arena_code(g->at, &write);
    if (!run)
        return false;
    for (u32 i = 0; i < g->nfixups; i++)
        *(u32 *)(g->code + g->fixups[i]) -= (u32)(u64)run;
    memcpy(write, g->code, g->at);
    b->code = run + ENTRY_AT;
    b->code_size = g->at - ENTRY_AT;
    return true;
}

/* Where a block's entry goes if it may not simply be run: b is the block. */
__attribute__((preserve_none)) void baseline_entry_slow(Task *t, u64 a, u64 b)
{
    t->pc = ((const Block *)b)->pc;
    if (t->attention)
        [[clang::musttail]] return signal_stub(t, a, b);
    [[clang::musttail]] return hot_stub(t, a, b);
}

Block *baseline_compile(const Ir *ir, i32 counter_start)
{
    Block *b = new_block(ir, counter_start);
    if (!b)
        return NULL;
    Gen g = {.ir = ir, .in_a = NO_VAL, .in_b = NO_VAL, .in_va = NO_VAL, .pc = ir->pc};
    memset(g.heads, 0xff, sizeof g.heads);
    g.recs = must(malloc(ir->count * sizeof *g.recs));
    u32 insns = 0;
    for (Val n = 0; n < ir->count; n++) {
        g.recs[n] = (Rec){.left = ir->ops[n].uses, .home = NO_HOME, .same = n, .next = NO_VAL};
        insns += ir->ops[n].code == IR_insn;
    }
    b->map = must(malloc((insns + 1) * sizeof *b->map));
    size_t size = 16 * (size_t)ir->count + 2 * STENCIL_MAX;
    g.code = must(malloc(size));
    g.end = g.code + size;

    g.holes[HOLE_BLOCK_] = (u64)b;
    emit(&g, counter_start >= 0 ? ROW_entry_count : ROW_entry, 0);
    for (Val n = 0; n < ir->count; n++)
        one_op(&g, n, b);

    bool ok = place(&g, b);
    if (!ok)
        free(b->map);
    free(g.recs);
    free(g.code);
    free(g.fixups);
    return ok ? b : NULL;
}
