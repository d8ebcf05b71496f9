/* Advanced SIMD, two registers, and across the lanes of one (C4.1.96). */
#include "simd.h"

/* Lanes of one register; bits above the result don't matter. */
static void lanes(Lift *l, const Insn *i, u32 code)
{
    if (!reserved_1d(l, i))
        put_v(l, i, i->rd, op1(l, code + i->size, q(l, i->rn)));
}

#define LANES(name, op) \
    LIFT(name##_v) \
    { \
        lanes(l, i, IR_##op##8); \
    }
LANES(cls, vcls)
LANES(clz, vclz)
LANES(saddlp, vsaddlp)
LANES(uaddlp, vuaddlp)
LANES(abs, vabs)
LANES(neg, vneg)

LIFT(rev64_v)
{
    lanes(l, i, IR_vrev64_8);
}

LIFT(rev32_v)
{
    put_v(l, i, i->rd, i->h ? vrev32_16(l, q(l, i->rn)) : vrev32_8(l, q(l, i->rn)));
}

LIFT(rev16_v)
{
    put_v(l, i, i->rd, vrev16_8(l, q(l, i->rn)));
}

LIFT(cnt_v)
{
    put_v(l, i, i->rd, vcnt8(l, q(l, i->rn)));
}

LIFT(not_v)
{
    put_v(l, i, i->rd, vnot(l, q(l, i->rn)));
}

LIFT(rbit_v)
{
    put_v(l, i, i->rd, vrbit8(l, q(l, i->rn)));
}

LIFT(urecpe_v)
{
    put_v(l, i, i->rd, vurecpe32(l, q(l, i->rn)));
}

LIFT(ursqrte_v)
{
    put_v(l, i, i->rd, vursqrte32(l, q(l, i->rn)));
}

LIFT(abs_s)
{
    put_d(l, i->rd, vabs64(l, q(l, i->rn)));
}

LIFT(neg_s)
{
    put_d(l, i->rd, vneg64(l, q(l, i->rn)));
}

LIFT(sadalp_v)
{
    put_v(l, i, i->rd, op2(l, IR_vadd16 + i->size, q(l, i->rd), op1(l, IR_vsaddlp8 + i->size, q(l, i->rn))));
}

LIFT(uadalp_v)
{
    put_v(l, i, i->rd, op2(l, IR_vadd16 + i->size, q(l, i->rd), op1(l, IR_vuaddlp8 + i->size, q(l, i->rn))));
}

/* Comparisons with zero; the scalar is always of 64 bits */
#define COMPARE0(name, first, op, a, b) \
    LIFT(name##_v) \
    { \
        if (reserved_1d(l, i)) \
            return; \
        Val v = q(l, i->rn), zero = splat(l, 3, 0); \
        put_v(l, i, i->rd, op2(l, first + i->size, a, b)); \
    } \
    LIFT(name##_s) \
    { \
        Val v = q(l, i->rn), zero = splat(l, 3, 0); \
        put_d(l, i->rd, op(l, a, b)); \
    }
COMPARE0(cmgt0, IR_vcmgt8, vcmgt64, v, zero)
COMPARE0(cmge0, IR_vcmge8, vcmge64, v, zero)
COMPARE0(cmeq0, IR_vcmeq8, vcmeq64, v, zero)
COMPARE0(cmle0, IR_vcmge8, vcmge64, zero, v)
COMPARE0(cmlt0, IR_vcmgt8, vcmgt64, zero, v)

#define SATURATING1(name, op) \
    LIFT(name##_v) \
    { \
        if (!reserved_1d(l, i)) \
            put_q(l, i->rd, op1(l, IR_##op##8 + i->size, q_only(l, i, i->rn))); \
    } \
    LIFT(name##_s) \
    { \
        put_q(l, i->rd, op1(l, IR_##op##8 + i->size, scalar(l, i->size, i->rn))); \
    }
SATURATING1(sqabs, vsqabs)
SATURATING1(sqneg, vsqneg)

/* Accumulating: the destination is the first operand. */
#define SATURATING2(name, op) \
    LIFT(name##_v) \
    { \
        if (!reserved_1d(l, i)) \
            put_q(l, i->rd, op2(l, IR_##op##8 + i->size, q_only(l, i, i->rd), q_only(l, i, i->rn))); \
    } \
    LIFT(name##_s) \
    { \
        put_q(l, i->rd, op2(l, IR_##op##8 + i->size, scalar(l, i->size, i->rd), scalar(l, i->size, i->rn))); \
    }
SATURATING2(suqadd, vsuqadd)
SATURATING2(usqadd, vusqadd)

/* Narrowing; i->size is that of the result. */
LIFT(xtn_v)
{
    put_half(l, i, op1(l, IR_vxtn16 + i->size, q(l, i->rn)));
}

#define NARROWING(name, op) \
    LIFT(name##_v) \
    { \
        put_half(l, i, op1(l, IR_##op##16 + i->size, q(l, i->rn))); \
    } \
    LIFT(name##_s) \
    { \
        put_q(l, i->rd, op1(l, IR_##op##16 + i->size, scalar(l, i->size + 1, i->rn))); \
    }
NARROWING(sqxtn, vsqxtn)
NARROWING(uqxtn, vuqxtn)
NARROWING(sqxtun, vsqxtun)

/* A shift by the lane's width while widening puts zeros below each lane. */
LIFT(shll_v)
{
    put_q(l, i->rd, op2(l, IR_vzip1_8 + i->size, splat(l, 3, 0), half(l, i, i->rn)));
}

/* Across lanes */
static void across(Lift *l, const Insn *i, u32 code, bool sum)
{
    Val v = q(l, i->rn);
    if (i->size == 2 && !i->Q) {
        unallocated(l);
        return;
    }
    if (!i->Q)
        v = sum ? vlow64(l, v) : low_halves(l, v, v);
    put_q(l, i->rd, op1(l, code + i->size, v));
}

#define ACROSS(name, sum) \
    LIFT(name##_v) \
    { \
        across(l, i, IR_v##name##8, sum); \
    }
ACROSS(addv, true)
ACROSS(saddlv, true)
ACROSS(uaddlv, true)
ACROSS(smaxv, false)
ACROSS(umaxv, false)
ACROSS(sminv, false)
ACROSS(uminv, false)

LIFT(addp_s)
{
    put_d(l, i->rd, vaddp64(l, q(l, i->rn), q(l, i->rn)));
}
