/* What the Advanced SIMD semantics share. Ops that exist for several lane widths are named by the code of their
 * first; size (log2 of the lane's bytes) is added to it, as lifter/ir_vec.def promises. */
#ifndef DRAGOMAN_A64_SIMD_H
#define DRAGOMAN_A64_SIMD_H

#include "a64.h"

_Static_assert(IR_vadd64 == IR_vadd8 + 3 && IR_vuqxtn64 == IR_vuqxtn16 + 2 && IR_vumull32 == IR_vumull8 + 2 &&
                   IR_vsqdmulh32 == IR_vsqdmulh16 + 1,
               "ops of one group are consecutive");

static inline Val op1(Lift *l, u32 code, Val a)
{
    return ir_emit(l->ir, (OpCode)code, a, NO_VAL, NO_VAL, 0);
}

static inline Val op1i(Lift *l, u32 code, Val a, u64 imm)
{
    return ir_emit(l->ir, (OpCode)code, a, NO_VAL, NO_VAL, (i64)imm);
}

static inline Val op2(Lift *l, u32 code, Val a, Val b)
{
    return ir_emit(l->ir, (OpCode)code, a, b, NO_VAL, 0);
}

static inline Val op3(Lift *l, u32 code, Val a, Val b, Val c)
{
    return ir_emit(l->ir, (OpCode)code, a, b, c, 0);
}

/* A 64-bit lane in a 64-bit vector is reserved; true if so. */
static inline bool reserved_1d(Lift *l, const Insn *i)
{
    if (i->size == 3 && !i->Q)
        unallocated(l);
    return l->unimplemented;
}

/* The result of a vector form: Q = 0 leaves the lower half. */
static inline void put_v(Lift *l, const Insn *i, u32 n, Val v)
{
    put_q(l, n, i->Q ? v : vlow64(l, v));
}

/* A source of a vector form, with nothing above: a saturating op must not see lanes that don't take part. Zeros
 * saturate in none of them and give zero. */
static inline Val q_only(Lift *l, const Insn *i, u32 n)
{
    return i->Q ? q(l, n) : vlow64(l, q(l, n));
}

/* A scalar of 8 << size bits, with nothing above. */
static inline Val scalar(Lift *l, u32 size, u32 n)
{
    return op1(l, IR_vlow8 + size, q(l, n));
}

/* What the long and wide forms read: their second halves are the upper half of the register. Only the low half
 * counts. */
static inline Val half(Lift *l, const Insn *i, u32 n)
{
    return i->Q ? vhigh64(l, q(l, n)) : q(l, n);
}

/* What the narrowing forms write: v's upper half is zero; the second forms keep the lower half of the destination. */
static inline void put_half(Lift *l, const Insn *i, Val v)
{
    put_q(l, i->rd, i->Q ? vzip1_64(l, q(l, i->rd), v) : v);
}

/* The low halves of both: so a 64-bit form of an op that mixes neighbouring lanes is the 128-bit op on (pair, pair). */
static inline Val low_halves(Lift *l, Val a, Val b)
{
    return vzip1_64(l, a, b);
}

/* Puts the op of the lane size on the lanes of Vn and Vm as one sequence: for the 64-bit form, on their low halves. */
static inline void across_pair(Lift *l, const Insn *i, u32 code)
{
    if (reserved_1d(l, i))
        return;
    Val a = q(l, i->rn), b = q(l, i->rm);
    if (!i->Q)
        a = b = low_halves(l, a, b);
    put_v(l, i, i->rd, op2(l, code + i->size, a, b));
}

/* A constant in all lanes of 8 << size bits. */
static inline Val splat(Lift *l, u32 size, u64 value)
{
    u32 bits = 8u << size;
    if (bits < 64)
        value &= (1ull << bits) - 1;
    for (; bits < 64; bits *= 2)
        value |= value << bits;
    return vdup64(l, k64(l, value));
}

#endif
