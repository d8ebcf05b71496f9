/* What the Advanced SIMD semantics share. Ops that exist for several lane widths are named by the code of their first;
 * size (log2 of the lane's bytes) is added to it, as lifter/ir_vec.def promises. */
#ifndef DRAGOMAN_ARM_NEON_H
#define DRAGOMAN_ARM_NEON_H

#include "simd.h"

_Static_assert(IR_vadd64 == IR_vadd8 + 3 && IR_vuqxtn64 == IR_vuqxtn16 + 2 && IR_vumull32 == IR_vumull8 + 2 &&
                   IR_vsqdmulh32 == IR_vsqdmulh16 + 1,
               "ops of one group are consecutive");

/* A register of the instruction's length; of a double word nothing is above. */
static inline Val v_at(Lift *l, bool wide, u32 four, u32 one)
{
    u32 n = d_number(four, one);
    if (!wide)
        return d(l, n);
    if (n & 1)
        undefined(l);
    return q(l, n / 2);
}

static inline Val v_d(Lift *l, const Insn *i)
{
    return v_at(l, i->Q, i->vd, i->D);
}
static inline Val v_n(Lift *l, const Insn *i)
{
    return v_at(l, i->Q, i->vn, i->N);
}
static inline Val v_m(Lift *l, const Insn *i)
{
    return v_at(l, i->Q, i->vm, i->M);
}

static inline void put_at(Lift *l, bool wide, u32 four, u32 one, Val v)
{
    u32 n = d_number(four, one);
    if (wide && n & 1)
        undefined(l);
    else if (wide)
        put_q(l, n / 2, v);
    else
        put_d(l, n, v);
}

static inline void put_v(Lift *l, const Insn *i, Val v)
{
    put_at(l, i->Q, i->vd, i->D, v);
}

/* The low halves of both: so a 64-bit form of an op that mixes neighbouring lanes is the 128-bit op on (pair, pair). */
static inline Val low_halves(Lift *l, Val a, Val b)
{
    return vzip1_64(l, a, b);
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

/* -1 for half precision, 0 for single: ops are named by the code of the single one. */
static inline i32 v_fp_size(const Insn *i)
{
    return i->half ? -1 : 0;
}

/* Floating-point arithmetic of Advanced SIMD is by the standard FPSCR value, A2.7.3. The thread keeps that over direct
 * branches, until it comes to arithmetic by its own (guest.c) or what doesn't know the mode: so a loop sets it once. */
static inline void standard_fp(Lift *l)
{
    needs_branch(l);
    l->own[OWN_STANDARD] = true;
    if (l->mode & ARM_STANDARD)
        return;
    Val zero = k64(l, 0); /* the helper changes nothing that the builder knows of the state */
    ir_emit(l->ir, IR_helper, zero, zero, NO_VAL, HELPER_set_standard_fp);
    l->mode |= ARM_STANDARD;
}

#endif
