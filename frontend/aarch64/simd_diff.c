/* Advanced SIMD, three registers of different types, and the multiplies by an element (C4.1.96). i->size is that of
 * the narrow lanes. */
#include "simd.h"

/* What is done with a product, or an absolute difference. */
typedef enum Into { REPLACE, ADD, SUBTRACT, ADD_SATURATING, SUBTRACT_SATURATING } Into;

static Val into(Lift *l, Into how, u32 size, Val acc, Val v)
{
    static const u16 codes[] = {[ADD] = IR_vadd8,
                                [SUBTRACT] = IR_vsub8,
                                [ADD_SATURATING] = IR_vsqadd8,
                                [SUBTRACT_SATURATING] = IR_vsqsub8};
    return how == REPLACE ? v : op2(l, codes[how] + size, acc, v);
}

static Val widen(Lift *l, const Insn *i, bool is_signed, u32 n)
{
    return op1(l, (is_signed ? IR_vsxl8 : IR_vuxl8) + i->size, half(l, i, n));
}

/* ADDL, SUBL, and with a wide first operand ADDW, SUBW */
static void sum_long(Lift *l, const Insn *i, bool is_signed, bool wide, u32 code)
{
    Val a = wide ? q(l, i->rn) : widen(l, i, is_signed, i->rn);
    put_q(l, i->rd, op2(l, code + i->size + 1, a, widen(l, i, is_signed, i->rm)));
}

#define SUM_LONG(name, is_signed, wide, op) \
    LIFT(name##_v) \
    { \
        sum_long(l, i, is_signed, wide, IR_##op##8); \
    }
SUM_LONG(saddl, true, false, vadd)
SUM_LONG(uaddl, false, false, vadd)
SUM_LONG(saddw, true, true, vadd)
SUM_LONG(uaddw, false, true, vadd)
SUM_LONG(ssubl, true, false, vsub)
SUM_LONG(usubl, false, false, vsub)
SUM_LONG(ssubw, true, true, vsub)
SUM_LONG(usubw, false, true, vsub)

/* The upper halves of wide sums */
static void sum_high(Lift *l, const Insn *i, u32 code, bool round)
{
    u32 bits = 8u << i->size, wide = i->size + 1;
    Val v = op2(l, code + wide, q(l, i->rn), q(l, i->rm));
    if (round)
        v = op2(l, IR_vadd8 + wide, v, splat(l, wide, 1ull << (bits - 1)));
    v = op1i(l, IR_vushri8 + wide, v, bits);
    put_half(l, i, op1(l, IR_vxtn16 + i->size, v));
}

LIFT(addhn_v)
{
    sum_high(l, i, IR_vadd8, false);
}

LIFT(raddhn_v)
{
    sum_high(l, i, IR_vadd8, true);
}

LIFT(subhn_v)
{
    sum_high(l, i, IR_vsub8, false);
}

LIFT(rsubhn_v)
{
    sum_high(l, i, IR_vsub8, true);
}

/* The absolute difference fits the narrow lane as an unsigned number. */
static void difference_long(Lift *l, const Insn *i, u32 code, Into how)
{
    Val v = op2(l, code + i->size, half(l, i, i->rn), half(l, i, i->rm));
    v = op1(l, IR_vuxl8 + i->size, v);
    put_q(l, i->rd, into(l, how, i->size + 1, how == REPLACE ? NO_VAL : q(l, i->rd), v));
}

LIFT(sabdl_v)
{
    difference_long(l, i, IR_vsabd8, REPLACE);
}

LIFT(uabdl_v)
{
    difference_long(l, i, IR_vuabd8, REPLACE);
}

LIFT(sabal_v)
{
    difference_long(l, i, IR_vsabd8, ADD);
}

LIFT(uabal_v)
{
    difference_long(l, i, IR_vuabd8, ADD);
}

/* The element that i names, in all lanes: 16-bit elements are those of V0 to V15. */
static Val element(Lift *l, const Insn *i)
{
    if (i->size == 1)
        return vduplane16(l, q(l, i->rm), i->H << 2 | i->L << 1 | i->M);
    return vduplane32(l, q(l, i->M << 4 | i->rm), i->H << 1 | i->L);
}

/* code is that of the 8-bit op, even where there is none */
static void multiply_long(Lift *l, const Insn *i, u32 code, Into how, Val b)
{
    Val v = op2(l, code + i->size, half(l, i, i->rn), b);
    put_q(l, i->rd, into(l, how, i->size + 1, how == REPLACE ? NO_VAL : q(l, i->rd), v));
}

/* The same with one lane: the others are zero and stay so. */
static void multiply_long_scalar(Lift *l, const Insn *i, Into how, Val b)
{
    Val v = op2(l, IR_vsqdmull16 - 1 + i->size, scalar(l, i->size, i->rn), b);
    put_q(l, i->rd, into(l, how, i->size + 1, how == REPLACE ? NO_VAL : scalar(l, i->size + 1, i->rd), v));
}

#define MULTIPLY_LONG(name, code, how) \
    LIFT(name##_v) \
    { \
        multiply_long(l, i, code, how, half(l, i, i->rm)); \
    } \
    LIFT(name##_e) \
    { \
        multiply_long(l, i, code, how, element(l, i)); \
    }
MULTIPLY_LONG(smull, IR_vsmull8, REPLACE)
MULTIPLY_LONG(umull, IR_vumull8, REPLACE)
MULTIPLY_LONG(smlal, IR_vsmull8, ADD)
MULTIPLY_LONG(umlal, IR_vumull8, ADD)
MULTIPLY_LONG(smlsl, IR_vsmull8, SUBTRACT)
MULTIPLY_LONG(umlsl, IR_vumull8, SUBTRACT)
#define MULTIPLY_LONG_SATURATING(name, how) \
    MULTIPLY_LONG(name, IR_vsqdmull16 - 1, how) \
    LIFT(name##_s) \
    { \
        multiply_long_scalar(l, i, how, q(l, i->rm)); \
    } \
    LIFT(name##_es) \
    { \
        multiply_long_scalar(l, i, how, element(l, i)); \
    }
MULTIPLY_LONG_SATURATING(sqdmull, REPLACE)
MULTIPLY_LONG_SATURATING(sqdmlal, ADD_SATURATING)
MULTIPLY_LONG_SATURATING(sqdmlsl, SUBTRACT_SATURATING)

LIFT(pmull_v)
{
    put_q(l, i->rd, vpmull8(l, half(l, i, i->rn), half(l, i, i->rm)));
}

LIFT(pmull_1q_v)
{
    Val n = q(l, i->rn), m = q(l, i->rm);
    put_q(l, i->rd, i->Q ? vpmull64h(l, n, m) : vpmull64(l, n, m));
}

static void multiply(Lift *l, const Insn *i, Into how)
{
    Val v = op2(l, IR_vmul8 + i->size, q(l, i->rn), element(l, i));
    put_v(l, i, i->rd, into(l, how, i->size, how == REPLACE ? NO_VAL : q(l, i->rd), v));
}

LIFT(mul_e)
{
    multiply(l, i, REPLACE);
}

LIFT(mla_e)
{
    multiply(l, i, ADD);
}

LIFT(mls_e)
{
    multiply(l, i, SUBTRACT);
}

LIFT(sqdmulh_e)
{
    put_q(l, i->rd, op2(l, IR_vsqdmulh16 + i->size - 1, q_only(l, i, i->rn), element(l, i)));
}

LIFT(sqrdmulh_e)
{
    put_q(l, i->rd, op2(l, IR_vsqrdmulh16 + i->size - 1, q_only(l, i, i->rn), element(l, i)));
}

LIFT(sqdmulh_es)
{
    put_q(l, i->rd, op2(l, IR_vsqdmulh16 + i->size - 1, scalar(l, i->size, i->rn), element(l, i)));
}

LIFT(sqrdmulh_es)
{
    put_q(l, i->rd, op2(l, IR_vsqrdmulh16 + i->size - 1, scalar(l, i->size, i->rn), element(l, i)));
}

#define ROUNDING_SUM(name, op) \
    LIFT(name##_e) \
    { \
        put_q(l, i->rd, op3(l, IR_##op##16 + i->size - 1, q_only(l, i, i->rd), q_only(l, i, i->rn), element(l, i))); \
    } \
    LIFT(name##_es) \
    { \
        put_q(l, i->rd, op3(l, IR_##op##16 + i->size - 1, scalar(l, i->size, i->rd), scalar(l, i->size, i->rn), \
                            element(l, i))); \
    }
ROUNDING_SUM(sqrdmlah, vsqrdmlah)
ROUNDING_SUM(sqrdmlsh, vsqrdmlsh)

/* Four bytes of m to each lane */
static Val four_bytes(Lift *l, const Insn *i)
{
    return vduplane32(l, q(l, i->M << 4 | i->rm), i->H << 1 | i->L);
}

#define DOT(name) \
    LIFT(name##_e) \
    { \
        put_v(l, i, i->rd, v##name##8(l, q(l, i->rd), q(l, i->rn), four_bytes(l, i))); \
    }
DOT(sdot)
DOT(udot)
DOT(usdot)

LIFT(sudot_e)
{
    put_v(l, i, i->rd, vusdot8(l, q(l, i->rd), four_bytes(l, i), q(l, i->rn)));
}
