/* Advanced SIMD copies, extract, permutes and table lookups (C4.1.96). */
#include "simd.h"

/* The lowest bit set in imm5 is the lane's size, the bits above it the lane. */
static u32 copy_size(const Insn *i)
{
    return (u32)__builtin_ctz(i->imm5);
}

static u32 copy_lane(const Insn *i)
{
    return i->imm5 >> (copy_size(i) + 1);
}

LIFT(dup_v)
{
    u32 size = copy_size(i);
    if (size == 3 && !i->Q)
        unallocated(l);
    else
        put_v(l, i, i->rd, op1i(l, IR_vduplane8 + size, q(l, i->rn), copy_lane(i)));
}

LIFT(dup_s)
{
    Val v = q(l, i->rn);
    if (copy_lane(i))
        v = op1i(l, IR_vduplane8 + copy_size(i), v, copy_lane(i));
    put_q(l, i->rd, op1(l, IR_vlow8 + copy_size(i), v));
}

/* A general register in all lanes */
static Val dup_of(Lift *l, u32 size, u32 n)
{
    return size == 3 ? vdup64(l, x(l, n)) : op1(l, IR_vdup8 + size, w(l, n));
}

LIFT(dup_gen_v)
{
    if (copy_size(i) == 3 && !i->Q)
        unallocated(l);
    else
        put_v(l, i, i->rd, dup_of(l, copy_size(i), i->rn));
}

LIFT(smov)
{
    u32 size = copy_size(i);
    if (size == 2 && !i->Q) {
        unallocated(l);
        return;
    }
    Val v = op1i(l, IR_vget8 + size, q(l, i->rn), copy_lane(i));
    if (!i->Q)
        put_w(l, i->rd, size == 0 ? sx8_32(l, v) : sx16_32(l, v));
    else
        put_x(l, i->rd, size == 0 ? sx8_64(l, v) : size == 1 ? sx16_64(l, v) : sx32_64(l, v));
}

LIFT(umov)
{
    u32 size = copy_size(i), lane = copy_lane(i);
    Val v = q(l, i->rn);
    if ((size == 3) != i->Q)
        unallocated(l);
    else if (size == 3)
        put_x(l, i->rd, vtox(l, lane ? vhigh64(l, v) : v));
    else if (size == 2 && !lane)
        put_w(l, i->rd, vtow(l, v));
    else
        put_w(l, i->rd, op1i(l, IR_vget8 + size, v, lane));
}

/* Lane `lane` of v, which has it in the same lane, into Vd. */
static Val set_lane(Lift *l, u32 size, Val d, Val v, u32 lane)
{
    return ir_emit(l->ir, (OpCode)(IR_vsetlane8 + size), d, v, NO_VAL, lane);
}

/* Vd with a lane replaced by one of v, which has it in all lanes. */
static Val set_any(Lift *l, u32 size, Val d, Val v, u32 lane)
{
    if (size == 3)
        return lane ? vzip1_64(l, d, v) : vzip2_64(l, v, d);
    return set_lane(l, size, d, v, lane);
}

LIFT(ins_gen)
{
    u32 size = copy_size(i);
    put_q(l, i->rd, set_any(l, size, q(l, i->rd), dup_of(l, size, i->rn), copy_lane(i)));
}

LIFT(ins_elem)
{
    u32 size = copy_size(i), to = copy_lane(i), from = i->imm4 >> size;
    Val d = q(l, i->rd), v = q(l, i->rn);
    if (from == to)
        v = set_lane(l, size, d, v, to);
    else if (size == 3) /* the lane wanted is where the zip takes it from */
        v = to ? vzip1_64(l, d, v) : vzip2_64(l, v, d);
    else
        v = set_lane(l, size, d, op1i(l, IR_vduplane8 + size, v, from), to);
    put_q(l, i->rd, v);
}

LIFT(ext_v)
{
    Val a = q(l, i->rn), b = q(l, i->rm);
    if (!i->Q && i->imm4 >= 8) {
        unallocated(l);
        return;
    }
    if (!i->Q)
        a = b = low_halves(l, a, b);
    put_v(l, i, i->rd, i->imm4 ? vext(l, a, b, i->imm4) : a);
}

LIFT(zip1_v)
{
    if (!reserved_1d(l, i))
        put_v(l, i, i->rd, op2(l, IR_vzip1_8 + i->size, q(l, i->rn), q(l, i->rm)));
}

/* The low halves' upper lanes: the upper half of what interleaving all of the low halves gives */
LIFT(zip2_v)
{
    if (reserved_1d(l, i))
        return;
    Val a = q(l, i->rn), b = q(l, i->rm);
    put_q(l, i->rd, i->Q ? op2(l, IR_vzip2_8 + i->size, a, b) : vhigh64(l, op2(l, IR_vzip1_8 + i->size, a, b)));
}

LIFT(uzp1_v)
{
    across_pair(l, i, IR_vuzp1_8);
}

LIFT(uzp2_v)
{
    across_pair(l, i, IR_vuzp2_8);
}

LIFT(trn1_v)
{
    if (!reserved_1d(l, i))
        put_v(l, i, i->rd, op2(l, IR_vtrn1_8 + i->size, q(l, i->rn), q(l, i->rm)));
}

LIFT(trn2_v)
{
    if (!reserved_1d(l, i))
        put_v(l, i, i->rd, op2(l, IR_vtrn2_8 + i->size, q(l, i->rn), q(l, i->rm)));
}

/* Each register of the table contributes the bytes that lie in it, zero elsewhere. */
static Val look_up(Lift *l, const Insn *i)
{
    Val index = q(l, i->rm), v = vtbl(l, q(l, i->rn), index);
    for (u32 n = 1; n <= i->len; n++)
        v = vor(l, v, vtbli(l, q(l, (i->rn + n) % 32), index, 16 * n));
    return v;
}

LIFT(tbl_v)
{
    put_v(l, i, i->rd, look_up(l, i));
}

LIFT(tbx_v)
{
    Val in_table = vcmhi8(l, splat(l, 0, 16 * (i->len + 1)), q(l, i->rm));
    put_v(l, i, i->rd, vbsl(l, in_table, look_up(l, i), q(l, i->rd)));
}
