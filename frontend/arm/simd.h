/* What the VFP and Advanced SIMD semantics share: the registers, which overlap (A2.6.2), and ops named by the code of one of them. */
#ifndef DRAGOMAN_ARM_SIMD_H
#define DRAGOMAN_ARM_SIMD_H

#include "arm.h"

/* Registers by their number, as values with nothing above. */
static inline Val s(Lift *l, u32 n)
{
    return wtov(l, get32(l, OFF_S(n)));
}

static inline Val d(Lift *l, u32 n)
{
    return xtov(l, get64(l, OFF_D(n)));
}

static inline Val q(Lift *l, u32 n)
{
    return get128(l, OFF_Q(n));
}

static inline void put_s(Lift *l, u32 n, Val v)
{
    put_state32(l, OFF_S(n), vtow(l, v));
}

static inline void put_d(Lift *l, u32 n, Val v)
{
    put_state64(l, OFF_D(n), vtox(l, v));
}

static inline void put_q(Lift *l, u32 n, Val v)
{
    if (l->own[OWN_CONDITION])
        v = select128(l, (Val)(l->own[OWN_CONDITION] - 1), v, q(l, n));
    put128(l, OFF_Q(n), v);
}

/* The numbers that fields make: of a double register the single bit is above the four, of a single one below. */
static inline u32 d_number(u32 four, u32 one)
{
    return one << 4 | four;
}

static inline u32 s_number(u32 four, u32 one)
{
    return four << 1 | one;
}

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

#endif
