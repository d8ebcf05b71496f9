/* What the floating-point semantics share. Ops exist for half, single and double precision; they are named by the code of the
 * one for single, and the size (-1, 0 or 1) is added to it. */
#ifndef DRAGOMAN_A64_FP_H
#define DRAGOMAN_A64_FP_H

#include "../../lifter/softfp.h"
#include "a64.h"

#define FP_SIZES(name) \
    _Static_assert(IR_##name##64 == IR_##name##32 + 1 && IR_##name##16 == IR_##name##32 - 1, "op + size")

/* The size that an instruction's fields give. */
static inline i32 fp_size(const Insn *i)
{
    return i->half || i->ftype == 3 ? -1 : i->ftype | i->sz;
}

static inline Val fp1(Lift *l, u32 code, Val a)
{
    return ir_emit(l->ir, (OpCode)code, a, NO_VAL, NO_VAL, 0);
}

static inline Val fp1i(Lift *l, u32 code, Val a, u64 imm)
{
    return ir_emit(l->ir, (OpCode)code, a, NO_VAL, NO_VAL, (i64)imm);
}

static inline Val fp2(Lift *l, u32 code, Val a, Val b)
{
    return ir_emit(l->ir, (OpCode)code, a, b, NO_VAL, 0);
}

static inline Val fp3(Lift *l, u32 code, Val a, Val b, Val c)
{
    return ir_emit(l->ir, (OpCode)code, a, b, c, 0);
}

/* Lane 0 of v, as a register's scalar */
FP_SIZES(vlow);
static inline Val fp_low(Lift *l, i32 sz, Val v)
{
    return fp1(l, (u32)(IR_vlow32 + sz), v);
}

/* The codes of conversions between scalars and general registers: sf for 64-bit integers, U for unsigned ones. */
_Static_assert(IR_f32tos64z == IR_f32tos32z + 1 && IR_f32tou32z == IR_f32tos32z + 2 &&
                   IR_f32tou64z == IR_f32tos32z + 3 && IR_f32tos32 == IR_f32tos32z + 4 &&
                   IR_f32tos64 == IR_f32tos32 + 1 && IR_f32tou32 == IR_f32tos32 + 2 &&
                   IR_f32tou64 == IR_f32tos32 + 3 && IR_f64tos32z - IR_f32tos32z == 8 && IR_f64tou64 - IR_f32tou64 == 8 &&
                   IR_f32tos32z - IR_f16tos32z == 8,
               "order of the conversions to integers");
_Static_assert(IR_u32tof32 == IR_s32tof32 + 1 && IR_s64tof32 == IR_s32tof32 + 2 && IR_u64tof32 == IR_s32tof32 + 3 &&
                   IR_s32tof64 - IR_s32tof32 == 4 && IR_u64tof64 - IR_u64tof32 == 4 &&
                   IR_s32tof32 - IR_s32tof16 == 4,
               "order of the conversions from integers");

/* v, a scalar, to an integer W or X; fbits are the fraction bits of a fixed-point result. */
static inline Val fp_toint(Lift *l, i32 sz, u32 sf, u32 U, Rounding round, u32 fbits, Val v)
{
    u32 code = (u32)((i32)IR_f32tos32z + 8 * sz) + 2 * U + sf;
    return round == ROUND_ZERO && !fbits ? fp1(l, code, v) : fp1i(l, code + 4, v, round | (u64)fbits << 8);
}

/* v, W or X with fbits fraction bits, to a scalar */
static inline Val fp_ofint(Lift *l, i32 sz, u32 sf, u32 U, u32 fbits, Val v)
{
    return fp1i(l, (u32)((i32)IR_s32tof32 + 4 * sz) + 2 * sf + U, v, fbits);
}

/* VFPExpandImm */
static inline u64 fp_expand_imm(i32 sz, u32 imm8)
{
    u64 sign = imm8 >> 7, b = imm8 >> 6 & 1, low = imm8 & 0x3f;
    if (sz < 0)
        return sign << 15 | (b ? 3ull << 12 : 1ull << 14) | low << 6;
    if (sz)
        return sign << 63 | (b ? 0xffull << 54 : 1ull << 62) | low << 48;
    return sign << 31 | (b ? 0x1full << 25 : 1ull << 30) | low << 19;
}

#endif
