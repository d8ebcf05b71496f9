/* Scalar floating point, Arm ARM C3.6 and C4.1.95. A result fills its register: the ops leave zeros above lane 0. */
#include "fp.h"

FP_PAIR(fabs);
FP_PAIR(fneg);
FP_PAIR(fadd);
FP_PAIR(fsub);
FP_PAIR(fmul);
FP_PAIR(fdiv);
FP_PAIR(fsqrt);
FP_PAIR(fma);
FP_PAIR(fmax);
FP_PAIR(fmin);
FP_PAIR(fmaxnm);
FP_PAIR(fminnm);
FP_PAIR(frintn);
FP_PAIR(frintm);
FP_PAIR(frintp);
FP_PAIR(frintz);
FP_PAIR(frinta);
FP_PAIR(frinti);
FP_PAIR(frintx);
FP_PAIR(fcmp);
FP_PAIR(fcmpe);

#define UNARY(name) \
    LIFT(name) \
    { \
        put_q(l, i->rd, fp1(l, IR_##name##32 + i->sz, q(l, i->rn))); \
    }
UNARY(fabs)
UNARY(fneg)
UNARY(fsqrt)
UNARY(frintn)
UNARY(frintm)
UNARY(frintp)
UNARY(frintz)
UNARY(frinta)
UNARY(frinti)
UNARY(frintx)
#undef UNARY

#define BINARY(name) \
    LIFT(name) \
    { \
        put_q(l, i->rd, fp2(l, IR_##name##32 + i->sz, q(l, i->rn), q(l, i->rm))); \
    }
BINARY(fadd)
BINARY(fsub)
BINARY(fmul)
BINARY(fdiv)
BINARY(fmax)
BINARY(fmin)
BINARY(fmaxnm)
BINARY(fminnm)
#undef BINARY

static Val negated(Lift *l, const Insn *i, Val v)
{
    return fp1(l, IR_fneg32 + i->sz, v);
}

LIFT(fnmul)
{
    put_q(l, i->rd, negated(l, i, fp2(l, IR_fmul32 + i->sz, q(l, i->rn), q(l, i->rm))));
}

/* Operands are negated before the operation, NaNs too. */
static void multiply_add(Lift *l, const Insn *i, bool negate_product, bool negate_addend)
{
    Val n = q(l, i->rn), m = q(l, i->rm), a = q(l, i->ra);
    if (negate_product)
        n = negated(l, i, n);
    if (negate_addend)
        a = negated(l, i, a);
    put_q(l, i->rd, fp3(l, IR_fma32 + i->sz, n, m, a));
}

LIFT(fmadd)
{
    multiply_add(l, i, false, false);
}

LIFT(fmsub)
{
    multiply_add(l, i, true, false);
}

LIFT(fnmadd)
{
    multiply_add(l, i, true, true);
}

LIFT(fnmsub)
{
    multiply_add(l, i, false, true);
}

/* -- moves --------------------------------------------------------------------------------------------------------- */

LIFT(fmov)
{
    put_q(l, i->rd, fp_low(l, i->sz, q(l, i->rn)));
}

LIFT(fmov_imm)
{
    u64 v = fp_expand_imm(i->sz, i->imm8);
    put_q(l, i->rd, i->sz ? xtov(l, k64(l, v)) : wtov(l, k32(l, (u32)v)));
}

LIFT(fmov_w_s)
{
    put_w(l, i->rd, vtow(l, q(l, i->rn)));
}

LIFT(fmov_s_w)
{
    put_q(l, i->rd, wtov(l, w(l, i->rn)));
}

LIFT(fmov_x_d)
{
    put_x(l, i->rd, vtox(l, q(l, i->rn)));
}

LIFT(fmov_d_x)
{
    put_q(l, i->rd, xtov(l, x(l, i->rn)));
}

LIFT(fmov_x_top)
{
    put_x(l, i->rd, vtox(l, vhigh64(l, q(l, i->rn))));
}

LIFT(fmov_top_x)
{
    put_q(l, i->rd, vzip1_64(l, q(l, i->rd), xtov(l, x(l, i->rn))));
}

LIFT(fcsel)
{
    Val n = q(l, i->rn), m = q(l, i->rm);
    put_q(l, i->rd, fp_low(l, i->sz, select128(l, flags_cond(l, i->cond), n, m)));
}

/* -- comparison ---------------------------------------------------------------------------------------------------- */

static Val compared(Lift *l, const Insn *i, Val m)
{
    return fp2(l, (i->e ? IR_fcmpe32 : IR_fcmp32) + i->sz, q(l, i->rn), m);
}

LIFT(fcmp)
{
    flags_set(l, FLAG_BITS, compared(l, i, q(l, i->rm)), NO_VAL);
}

LIFT(fcmp_zero)
{
    flags_set(l, FLAG_BITS, compared(l, i, xtov(l, k64(l, 0))), NO_VAL);
}

/* If the condition fails there is no comparison, so no exception: zeros are compared instead. */
LIFT(fccmp)
{
    Val holds = flags_cond(l, i->cond), zero = xtov(l, k64(l, 0));
    Val n = select128(l, holds, q(l, i->rn), zero), m = select128(l, holds, q(l, i->rm), zero);
    Val nzcv = fp2(l, (i->e ? IR_fcmpe32 : IR_fcmp32) + i->sz, n, m);
    flags_set_if(l, holds, FLAG_BITS, nzcv, NO_VAL, (u32)i->nzcv << 28);
}

/* -- conversion ---------------------------------------------------------------------------------------------------- */

/* ftype and opc: 0 single, 1 double, 3 half */
LIFT(fcvt)
{
    static const u16 code[4][4] = {
        [0] = {[1] = IR_f32to64, [3] = IR_f32to16},
        [1] = {[0] = IR_f64to32, [3] = IR_f64to16},
        [3] = {[0] = IR_f16to32, [1] = IR_f16to64},
    };
    if (i->ftype == i->opc) {
        unallocated(l);
        return;
    }
    put_q(l, i->rd, fp1(l, code[i->ftype][i->opc], q(l, i->rn)));
}

/* rmode of the conversions to integers */
static const u8 rounding[] = {ROUND_EVEN, ROUND_UP, ROUND_DOWN, ROUND_ZERO};

LIFT(fcvt_int)
{
    put_r(l, i->sf, i->rd, fp_toint(l, i->sz, i->sf, i->U, rounding[i->rmode], 0, q(l, i->rn)));
}

LIFT(fcvta_int)
{
    put_r(l, i->sf, i->rd, fp_toint(l, i->sz, i->sf, i->U, ROUND_AWAY, 0, q(l, i->rn)));
}

LIFT(fcvtz_fix)
{
    if (!i->sf && i->scale < 32) {
        unallocated(l);
        return;
    }
    put_r(l, i->sf, i->rd, fp_toint(l, i->sz, i->sf, i->U, ROUND_ZERO, 64 - i->scale, q(l, i->rn)));
}

LIFT(cvtf_int)
{
    put_q(l, i->rd, fp_ofint(l, i->sz, i->sf, i->U, 0, r(l, i->sf, i->rn)));
}

LIFT(cvtf_fix)
{
    if (!i->sf && i->scale < 32) {
        unallocated(l);
        return;
    }
    put_q(l, i->rd, fp_ofint(l, i->sz, i->sf, i->U, 64 - i->scale, r(l, i->sf, i->rn)));
}
