/* Data processing, immediate: C4.1.92. */
#include "a64.h"

static u64 adr_offset(const Insn *i)
{
    return (u64)sext((u64)i->immhi << 2 | i->immlo, 21);
}

LIFT(adr)
{
    put_x(l, i->rd, addr64(l, l->pc + adr_offset(i)));
}

LIFT(adrp)
{
    put_x(l, i->rd, addr64(l, (l->pc & ~0xfffull) + (adr_offset(i) << 12)));
}

static Val imm12(Lift *l, const Insn *i)
{
    return k_r(l, i->sf, (u64)i->imm12 << (i->sh ? 12 : 0));
}

LIFT(add_imm)
{
    Val a = rsp(l, i->sf, i->rn);
    const Op *base = &l->ir->ops[a];
    if (i->sf && base->code == IR_addr64) /* an address that ADRP began */
        put_xsp(l, i->rd, addr64(l, (u64)base->imm + ((u64)i->imm12 << (i->sh ? 12 : 0))));
    else
        put_rsp(l, i->sf, i->rd, i->imm12 ? add_r(l, i->sf, a, imm12(l, i)) : a);
}

LIFT(sub_imm)
{
    put_rsp(l, i->sf, i->rd, sub_r(l, i->sf, rsp(l, i->sf, i->rn), imm12(l, i)));
}

LIFT(adds_imm)
{
    Val a = rsp(l, i->sf, i->rn), b = imm12(l, i);
    flags_set(l, ADD_FLAGS(i->sf), a, b);
    put_r(l, i->sf, i->rd, add_r(l, i->sf, a, b));
}

LIFT(subs_imm)
{
    Val a = rsp(l, i->sf, i->rn), b = imm12(l, i);
    flags_set(l, SUB_FLAGS(i->sf), a, b);
    put_r(l, i->sf, i->rd, sub_r(l, i->sf, a, b));
}

bool a64_logical_imm(u32 n, u32 imms, u32 immr, u64 *mask)
{
    u32 selector = n << 6 | (~imms & 63);
    if (selector < 2)
        return false;
    u32 size = 1u << (31 - __builtin_clz(selector));
    u32 ones = (imms & (size - 1)) + 1, rotate = immr & (size - 1);
    if (ones == size)
        return false;
    u64 element = (1ull << ones) - 1;
    if (rotate)
        element = element >> rotate | element << (size - rotate);
    if (size < 64)
        element &= (1ull << size) - 1;
    for (; size < 64; size *= 2)
        element |= element << size;
    *mask = element;
    return true;
}

/* The immediate of a logical instruction; NO_VAL after unallocated(). */
static Val logical_imm(Lift *l, const Insn *i)
{
    u64 mask;
    if ((!i->sf && i->N) || !a64_logical_imm(i->N, i->imms, i->immr, &mask)) {
        unallocated(l);
        return NO_VAL;
    }
    return k_r(l, i->sf, mask);
}

LIFT(and_imm)
{
    Val mask = logical_imm(l, i);
    if (mask != NO_VAL)
        put_rsp(l, i->sf, i->rd, and_r(l, i->sf, r(l, i->sf, i->rn), mask));
}

LIFT(orr_imm)
{
    Val mask = logical_imm(l, i);
    if (mask != NO_VAL)
        put_rsp(l, i->sf, i->rd, i->rn == 31 ? mask : or_r(l, i->sf, r(l, i->sf, i->rn), mask));
}

LIFT(eor_imm)
{
    Val mask = logical_imm(l, i);
    if (mask != NO_VAL)
        put_rsp(l, i->sf, i->rd, xor_r(l, i->sf, r(l, i->sf, i->rn), mask));
}

LIFT(ands_imm)
{
    Val mask = logical_imm(l, i);
    if (mask == NO_VAL)
        return;
    Val v = and_r(l, i->sf, r(l, i->sf, i->rn), mask);
    flags_set(l, AND_FLAGS(i->sf), v, NO_VAL);
    put_r(l, i->sf, i->rd, v);
}

/* MOVN, MOVZ: X constants whatever the width, so that gets of either width know them. */
static void move_wide(Lift *l, const Insn *i, u64 flip)
{
    if (!i->sf && i->hw > 1) {
        unallocated(l);
        return;
    }
    u64 v = ((u64)i->imm16 << 16 * i->hw) ^ flip;
    put_x(l, i->rd, k64(l, i->sf ? v : (u32)v));
}

LIFT(movz)
{
    move_wide(l, i, 0);
}

LIFT(movn)
{
    move_wide(l, i, ~0ull);
}

LIFT(movk)
{
    if (!i->sf && i->hw > 1) {
        unallocated(l);
        return;
    }
    u64 field = 0xffffull << 16 * i->hw, part = (u64)i->imm16 << 16 * i->hw;
    Val old = r(l, i->sf, i->rd);
    const Op *op = &l->ir->ops[old];
    if (op->code == IR_const64 || op->code == IR_const32) { /* the usual chain after MOVZ: one constant */
        u64 v = ((u64)op->imm & ~field) | part;
        put_x(l, i->rd, k64(l, i->sf ? v : (u32)v));
    } else {
        put_r(l, i->sf, i->rd, or_r(l, i->sf, and_r(l, i->sf, old, k_r(l, i->sf, ~field)), k_r(l, i->sf, part)));
    }
}

/* Bitfields. imms >= immr takes the field [imms:immr] down to bit 0; else [imms:0] goes up to bit `width - immr`. */
typedef struct Bitfield {
    u32 width, size, from, to; /* of the register, of the field; lowest bit in the source, in the destination */
    u64 mask;                  /* size ones */
} Bitfield;

static bool bitfield(Lift *l, const Insn *i, Bitfield *b)
{
    if (i->N != i->sf || (!i->sf && (i->immr > 31 || i->imms > 31))) {
        unallocated(l);
        return false;
    }
    b->width = i->sf ? 64 : 32;
    bool down = i->imms >= i->immr;
    b->size = down ? i->imms - i->immr + 1u : i->imms + 1u;
    b->from = down ? i->immr : 0;
    b->to = down ? 0 : b->width - i->immr;
    b->mask = ~0ull >> (64 - b->size);
    return true;
}

/* The field of v in place, zeros around it. */
static Val field_zero(Lift *l, bool sf, const Bitfield *b, Val v)
{
    if (b->from)
        v = shr_r(l, sf, v, k_r(l, sf, b->from));
    if (b->from + b->size < b->width && b->to + b->size < b->width)
        v = and_r(l, sf, v, k_r(l, sf, b->mask));
    if (b->to)
        v = shl_r(l, sf, v, k_r(l, sf, b->to));
    return v;
}

LIFT(ubfm)
{
    Bitfield b;
    if (bitfield(l, i, &b))
        put_r(l, i->sf, i->rd, field_zero(l, i->sf, &b, r(l, i->sf, i->rn)));
}

LIFT(sbfm)
{
    Bitfield b;
    if (!bitfield(l, i, &b))
        return;
    Val v;
    if (!b.from && !b.to && b.size == 8) {
        v = i->sf ? sx8_64(l, w(l, i->rn)) : sx8_32(l, w(l, i->rn));
    } else if (!b.from && !b.to && b.size == 16) {
        v = i->sf ? sx16_64(l, w(l, i->rn)) : sx16_32(l, w(l, i->rn));
    } else if (!b.from && !b.to && b.size == 32 && i->sf) {
        v = sx32_64(l, w(l, i->rn));
    } else { /* the field to the top, then down to its place */
        u32 up = b.width - b.size - b.from, down = b.width - b.size - b.to;
        v = r(l, i->sf, i->rn);
        if (up)
            v = shl_r(l, i->sf, v, k_r(l, i->sf, up));
        if (down)
            v = sar_r(l, i->sf, v, k_r(l, i->sf, down));
    }
    put_r(l, i->sf, i->rd, v);
}

LIFT(bfm)
{
    Bitfield b;
    if (!bitfield(l, i, &b))
        return;
    Val v = field_zero(l, i->sf, &b, r(l, i->sf, i->rn));
    if (b.size < b.width) {
        /* field_zero leaves no stray bits: what it need not mask, shifting has dropped */
        Val rest = and_r(l, i->sf, r(l, i->sf, i->rd), k_r(l, i->sf, ~(b.mask << b.to)));
        v = or_r(l, i->sf, rest, v);
    }
    put_r(l, i->sf, i->rd, v);
}

LIFT(extr)
{
    if (i->N != i->sf || (!i->sf && i->imms > 31)) {
        unallocated(l);
        return;
    }
    Val low = r(l, i->sf, i->rm), v;
    if (!i->imms)
        v = low;
    else if (i->rn == i->rm)
        v = ror_r(l, i->sf, low, k_r(l, i->sf, i->imms));
    else
        v = i->sf ? extr64(l, x(l, i->rn), low, i->imms) : extr32(l, w(l, i->rn), low, i->imms);
    put_r(l, i->sf, i->rd, v);
}
