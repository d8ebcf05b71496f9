/* Scalar floating point, Arm ARM C3.6 and C4.1.95. A result fills its register: the ops leave zeros above lane 0. */
#include "fp.h"

FP_SIZES(fabs);
FP_SIZES(fneg);
FP_SIZES(fadd);
FP_SIZES(fsub);
FP_SIZES(fmul);
FP_SIZES(fdiv);
FP_SIZES(fsqrt);
FP_SIZES(fma);
FP_SIZES(fmax);
FP_SIZES(fmin);
FP_SIZES(fmaxnm);
FP_SIZES(fminnm);
FP_SIZES(frintn);
FP_SIZES(frintm);
FP_SIZES(frintp);
FP_SIZES(frintz);
FP_SIZES(frinta);
FP_SIZES(frinti);
FP_SIZES(frintx);
_Static_assert(IR_fcmp64 == IR_fcmp32 + 1 && IR_fcmpe64 == IR_fcmpe32 + 1, "op + size");

#define UNARY(name) \
    LIFT(name) \
    { \
        put_q(l, i->rd, fp1(l, IR_##name##32 + fp_size(i), q(l, i->rn))); \
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
UNARY(frint32z)
UNARY(frint32x)
UNARY(frint64z)
UNARY(frint64x)
#undef UNARY

#define BINARY(name) \
    LIFT(name) \
    { \
        put_q(l, i->rd, fp2(l, IR_##name##32 + fp_size(i), q(l, i->rn), q(l, i->rm))); \
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
    return fp1(l, IR_fneg32 + fp_size(i), v);
}

LIFT(fnmul)
{
    put_q(l, i->rd, negated(l, i, fp2(l, IR_fmul32 + fp_size(i), q(l, i->rn), q(l, i->rm))));
}

/* Operands are negated before the operation, NaNs too. */
static void multiply_add(Lift *l, const Insn *i, bool negate_product, bool negate_addend)
{
    Val n = q(l, i->rn), m = q(l, i->rm), a = q(l, i->ra);
    if (negate_product)
        n = negated(l, i, n);
    if (negate_addend)
        a = negated(l, i, a);
    put_q(l, i->rd, fp3(l, IR_fma32 + fp_size(i), n, m, a));
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
    put_q(l, i->rd, fp_low(l, fp_size(i), q(l, i->rn)));
}

LIFT(fmov_imm)
{
    u64 v = fp_expand_imm(fp_size(i), i->imm8);
    put_q(l, i->rd, fp_size(i) > 0 ? xtov(l, k64(l, v)) : wtov(l, k32(l, (u32)v)));
}

LIFT(fmov_h_r)
{
    put_q(l, i->rd, vlow16(l, wtov(l, w(l, i->rn))));
}

LIFT(fmov_r_h)
{
    put_w(l, i->rd, vget16(l, q(l, i->rn), 0));
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
    put_q(l, i->rd, fp_low(l, fp_size(i), select128(l, flags_cond(l, i->cond), n, m)));
}

/* -- comparison ---------------------------------------------------------------------------------------------------- */

static Val compare(Lift *l, const Insn *i, Val n, Val m)
{
    i32 sz = fp_size(i);
    if (sz < 0)
        return i->e ? fcmpe16(l, n, m) : fcmp16(l, n, m);
    return fp2(l, (i->e ? IR_fcmpe32 : IR_fcmp32) + sz, n, m);
}

LIFT(fcmp)
{
    flags_set(l, FLAG_BITS, compare(l, i, q(l, i->rn), q(l, i->rm)), NO_VAL);
}

LIFT(fcmp_zero)
{
    flags_set(l, FLAG_BITS, compare(l, i, q(l, i->rn), xtov(l, k64(l, 0))), NO_VAL);
}

/* If the condition fails there is no comparison, so no exception: zeros are compared instead. */
LIFT(fccmp)
{
    Val holds = flags_cond(l, i->cond), zero = xtov(l, k64(l, 0));
    Val n = select128(l, holds, q(l, i->rn), zero), m = select128(l, holds, q(l, i->rm), zero);
    Val nzcv = compare(l, i, n, m);
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
    put_r(l, i->sf, i->rd, fp_toint(l, fp_size(i), i->sf, i->U, rounding[i->rmode], 0, q(l, i->rn)));
}

LIFT(fcvta_int)
{
    put_r(l, i->sf, i->rd, fp_toint(l, fp_size(i), i->sf, i->U, ROUND_AWAY, 0, q(l, i->rn)));
}

LIFT(fcvtz_fix)
{
    if (!i->sf && i->scale < 32) {
        unallocated(l);
        return;
    }
    put_r(l, i->sf, i->rd, fp_toint(l, fp_size(i), i->sf, i->U, ROUND_ZERO, 64 - i->scale, q(l, i->rn)));
}

LIFT(cvtf_int)
{
    put_q(l, i->rd, fp_ofint(l, fp_size(i), i->sf, i->U, 0, r(l, i->sf, i->rn)));
}

LIFT(cvtf_fix)
{
    if (!i->sf && i->scale < 32) {
        unallocated(l);
        return;
    }
    put_q(l, i->rd, fp_ofint(l, fp_size(i), i->sf, i->U, 64 - i->scale, r(l, i->sf, i->rn)));
}

LIFT(bfcvt)
{
    put_q(l, i->rd, f32tobf16(l, q(l, i->rn)));
}

/* Modulo 2^32; Z says that it was exact. */
LIFT(fjcvtzs)
{
    Val v = fjcvtzs(l, q(l, i->rn));
    put_w(l, i->rd, lo32(l, v));
    flags_set(l, FLAG_BITS, shl32(l, lo32(l, shr64(l, v, k64(l, 32))), k32(l, 30)), NO_VAL);
}
