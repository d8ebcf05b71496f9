/* Advanced SIMD, three registers of the same type: vector and scalar (C4.1.96). */
#include "simd.h"

/* Lanes by lanes; bits above the result don't matter. */
static void lanes(Lift *l, const Insn *i, u32 code)
{
    if (!reserved_1d(l, i))
        put_v(l, i, i->rd, op2(l, code + i->size, q(l, i->rn), q(l, i->rm)));
}

static void lanes_saturating(Lift *l, const Insn *i, u32 code)
{
    if (!reserved_1d(l, i))
        put_q(l, i->rd, op2(l, code + i->size, q_only(l, i, i->rn), q_only(l, i, i->rm)));
}

static void scalar_saturating(Lift *l, const Insn *i, u32 code)
{
    put_q(l, i->rd, op2(l, code + i->size, scalar(l, i->size, i->rn), scalar(l, i->size, i->rm)));
}

#define LANES(name, op) \
    LIFT(name##_v) \
    { \
        lanes(l, i, IR_##op##8); \
    }
#define SATURATING(name, op) \
    LIFT(name##_v) \
    { \
        lanes_saturating(l, i, IR_##op##8); \
    } \
    LIFT(name##_s) \
    { \
        scalar_saturating(l, i, IR_##op##8); \
    }
/* The scalar is always of 64 bits. */
#define LANES_AND_SCALAR(name, op) \
    LANES(name, op) \
    LIFT(name##_s) \
    { \
        put_d(l, i->rd, op##64(l, q(l, i->rn), q(l, i->rm))); \
    }

LANES_AND_SCALAR(add, vadd)
LANES_AND_SCALAR(sub, vsub)
LANES_AND_SCALAR(cmeq, vcmeq)
LANES_AND_SCALAR(cmgt, vcmgt)
LANES_AND_SCALAR(cmge, vcmge)
LANES_AND_SCALAR(cmhi, vcmhi)
LANES_AND_SCALAR(cmhs, vcmhs)
LANES_AND_SCALAR(cmtst, vcmtst)
LANES_AND_SCALAR(sshl, vsshl)
LANES_AND_SCALAR(ushl, vushl)
LANES_AND_SCALAR(srshl, vsrshl)
LANES_AND_SCALAR(urshl, vurshl)
LANES(shadd, vshadd)
LANES(uhadd, vuhadd)
LANES(srhadd, vsrhadd)
LANES(urhadd, vurhadd)
LANES(shsub, vshsub)
LANES(uhsub, vuhsub)
LANES(smax, vsmax)
LANES(umax, vumax)
LANES(smin, vsmin)
LANES(umin, vumin)
LANES(sabd, vsabd)
LANES(uabd, vuabd)
LANES(mul, vmul)
SATURATING(sqadd, vsqadd)
SATURATING(uqadd, vuqadd)
SATURATING(sqsub, vsqsub)
SATURATING(uqsub, vuqsub)
SATURATING(sqshl, vsqshl)
SATURATING(uqshl, vuqshl)
SATURATING(sqrshl, vsqrshl)
SATURATING(uqrshl, vuqrshl)

LIFT(pmul_v)
{
    put_v(l, i, i->rd, vpmul8(l, q(l, i->rn), q(l, i->rm)));
}

LIFT(sqdmulh_v)
{
    put_q(l, i->rd, op2(l, IR_vsqdmulh16 + i->size - 1, q_only(l, i, i->rn), q_only(l, i, i->rm)));
}

LIFT(sqrdmulh_v)
{
    put_q(l, i->rd, op2(l, IR_vsqrdmulh16 + i->size - 1, q_only(l, i, i->rn), q_only(l, i, i->rm)));
}

LIFT(sqdmulh_s)
{
    scalar_saturating(l, i, IR_vsqdmulh16 - 1);
}

LIFT(sqrdmulh_s)
{
    scalar_saturating(l, i, IR_vsqrdmulh16 - 1);
}

/* Accumulating forms */
static void accumulate(Lift *l, const Insn *i, u32 code, u32 add)
{
    put_v(l, i, i->rd, op2(l, add + i->size, q(l, i->rd), op2(l, code + i->size, q(l, i->rn), q(l, i->rm))));
}

LIFT(mla_v)
{
    accumulate(l, i, IR_vmul8, IR_vadd8);
}

LIFT(mls_v)
{
    accumulate(l, i, IR_vmul8, IR_vsub8);
}

LIFT(saba_v)
{
    accumulate(l, i, IR_vsabd8, IR_vadd8);
}

LIFT(uaba_v)
{
    accumulate(l, i, IR_vuabd8, IR_vadd8);
}

/* Adjacent lanes */
LIFT(addp_v)
{
    across_pair(l, i, IR_vaddp8);
}

LIFT(smaxp_v)
{
    across_pair(l, i, IR_vsmaxp8);
}

LIFT(umaxp_v)
{
    across_pair(l, i, IR_vumaxp8);
}

LIFT(sminp_v)
{
    across_pair(l, i, IR_vsminp8);
}

LIFT(uminp_v)
{
    across_pair(l, i, IR_vuminp8);
}

/* Logic; ORR of one register is MOV */
LIFT(and_v)
{
    put_v(l, i, i->rd, i->rn == i->rm ? q(l, i->rn) : vand(l, q(l, i->rn), q(l, i->rm)));
}

LIFT(orr_v)
{
    put_v(l, i, i->rd, i->rn == i->rm ? q(l, i->rn) : vor(l, q(l, i->rn), q(l, i->rm)));
}

LIFT(bic_v)
{
    put_v(l, i, i->rd, vandn(l, q(l, i->rn), q(l, i->rm)));
}

LIFT(orn_v)
{
    put_v(l, i, i->rd, vorn(l, q(l, i->rn), q(l, i->rm)));
}

LIFT(eor_v)
{
    put_v(l, i, i->rd, vxor(l, q(l, i->rn), q(l, i->rm)));
}

LIFT(bsl_v)
{
    put_v(l, i, i->rd, vbsl(l, q(l, i->rd), q(l, i->rn), q(l, i->rm)));
}

LIFT(bit_v)
{
    put_v(l, i, i->rd, vbsl(l, q(l, i->rm), q(l, i->rn), q(l, i->rd)));
}

LIFT(bif_v)
{
    put_v(l, i, i->rd, vbsl(l, q(l, i->rm), q(l, i->rd), q(l, i->rn)));
}

/* -- three registers, extension ------------------------------------------------------------------------------------- */

#define ROUNDING_SUM(name, op) \
    LIFT(name##_v) \
    { \
        put_q(l, i->rd, op3(l, IR_##op##16 + i->size - 1, q_only(l, i, i->rd), q_only(l, i, i->rn), q_only(l, i, i->rm))); \
    } \
    LIFT(name##_s) \
    { \
        put_q(l, i->rd, op3(l, IR_##op##16 + i->size - 1, scalar(l, i->size, i->rd), scalar(l, i->size, i->rn), \
                            scalar(l, i->size, i->rm))); \
    }
ROUNDING_SUM(sqrdmlah, vsqrdmlah)
ROUNDING_SUM(sqrdmlsh, vsqrdmlsh)

#define DOT(name) \
    LIFT(name##_v) \
    { \
        put_v(l, i, i->rd, v##name##8(l, q(l, i->rd), q(l, i->rn), q(l, i->rm))); \
    }
DOT(sdot)
DOT(udot)
DOT(usdot)

/* Rows of eight bytes, two of n by two of m: the halves of the sums of n's first row come first. */
static void matrix_product(Lift *l, const Insn *i, OpCode dot)
{
    Val n = q(l, i->rn), m = q(l, i->rm), zero = splat(l, 3, 0);
    Val first = op3(l, dot, zero, vduplane64(l, n, 0), m), second = op3(l, dot, zero, vduplane64(l, n, 1), m);
    put_q(l, i->rd, vadd32(l, q(l, i->rd), vaddp32(l, first, second)));
}

LIFT(smmla_v)
{
    matrix_product(l, i, IR_vsdot8);
}

LIFT(ummla_v)
{
    matrix_product(l, i, IR_vudot8);
}

LIFT(usmmla_v)
{
    matrix_product(l, i, IR_vusdot8);
}
