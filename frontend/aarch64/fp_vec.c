/* Advanced SIMD floating point, Arm ARM C3.5. Ops work on whole vectors, so lanes that an instruction leaves out are
 * filled with copies of those it has (which raise the same flags) and cut off the result: a 64-bit vector is
 * doubled, a scalar of the rarer operations is put into every lane. */
#include "fp.h"

FP_PAIR(vfabs);
FP_PAIR(vfneg);
FP_PAIR(vfadd);
FP_PAIR(vfsub);
FP_PAIR(vfmul);
FP_PAIR(vfdiv);
FP_PAIR(vfsqrt);
FP_PAIR(vfma);
FP_PAIR(vfmax);
FP_PAIR(vfmin);
FP_PAIR(vfmaxnm);
FP_PAIR(vfminnm);
FP_PAIR(vfrintn);
FP_PAIR(vfrintm);
FP_PAIR(vfrintp);
FP_PAIR(vfrintz);
FP_PAIR(vfrinta);
FP_PAIR(vfrinti);
FP_PAIR(vfrintx);
FP_PAIR(vfcmeq);
FP_PAIR(vfcmge);
FP_PAIR(vfcmgt);
FP_PAIR(vfacge);
FP_PAIR(vfacgt);
FP_PAIR(vfrecpe);
FP_PAIR(vfrsqrte);
FP_PAIR(frecpx);
FP_PAIR(vfrecps);
FP_PAIR(vfrsqrts);
FP_PAIR(vfmulx);
FP_PAIR(vduplane);
FP_PAIR(vuzp1_);
FP_PAIR(vuzp2_);

/* Which lanes an instruction works on. */
typedef enum Shape { SCALAR, HALF, FULL } Shape;

static Shape shape(const Insn *i)
{
    return i->Q ? FULL : HALF;
}

/* A vector of one double lane is reserved; true if so. */
static bool reserved_1d(Lift *l, const Insn *i)
{
    if (i->sz && !i->Q)
        unallocated(l);
    return i->sz && !i->Q;
}

static Val spread(Lift *l, u32 sz, Val v, u32 lane)
{
    return fp1i(l, IR_vduplane32 + sz, v, lane);
}

/* Register n with every lane a lane that counts. */
static Val source(Lift *l, Shape shape, u32 sz, u32 n)
{
    Val v = q(l, n);
    if (shape == HALF)
        return vzip1_64(l, v, v);
    return shape == SCALAR ? spread(l, sz, v, 0) : v;
}

static void put_result(Lift *l, Shape shape, u32 sz, u32 n, Val v)
{
    put_q(l, n, shape == FULL ? v : shape == HALF ? vlow64(l, v) : fp_low(l, sz, v));
}

#define FORMS(name, V, S) \
    LIFT(name##_v) \
    { \
        if (!reserved_1d(l, i)) \
            V; \
    } \
    LIFT(name##_s) \
    { \
        S; \
    }
#define FORM_V(name, V) \
    LIFT(name##_v) \
    { \
        if (!reserved_1d(l, i)) \
            V; \
    }

/* -- three registers ----------------------------------------------------------------------------------------------- */

static void three(Lift *l, const Insn *i, Shape shape, u32 code)
{
    Val n = source(l, shape, i->sz, i->rn), m = source(l, shape, i->sz, i->rm);
    put_result(l, shape, i->sz, i->rd, fp2(l, code + i->sz, n, m));
}

#define THREE_V(name) FORM_V(name, three(l, i, shape(i), IR_v##name##32))
#define THREE(name) FORMS(name, three(l, i, shape(i), IR_v##name##32), three(l, i, SCALAR, IR_v##name##32))
THREE_V(fadd)
THREE_V(fsub)
THREE_V(fmul)
THREE_V(fdiv)
THREE_V(fmax)
THREE_V(fmin)
THREE_V(fmaxnm)
THREE_V(fminnm)
THREE(fmulx)
THREE(frecps)
THREE(frsqrts)
THREE(fcmeq)
THREE(fcmge)
THREE(fcmgt)
THREE(facge)
THREE(facgt)
#undef THREE_V
#undef THREE

static void absolute_difference(Lift *l, const Insn *i, Shape shape)
{
    Val n = source(l, shape, i->sz, i->rn), m = source(l, shape, i->sz, i->rm);
    Val difference = fp2(l, IR_vfsub32 + i->sz, n, m);
    put_result(l, shape, i->sz, i->rd, fp1(l, IR_vfabs32 + i->sz, difference));
}
FORMS(fabd, absolute_difference(l, i, shape(i)), absolute_difference(l, i, SCALAR))

/* rd + n * m or rd - n * m: the operand n is negated first, NaNs too. */
static void multiply_add(Lift *l, const Insn *i, Shape shape, Val m, bool negate)
{
    Val n = source(l, shape, i->sz, i->rn);
    if (negate)
        n = fp1(l, IR_vfneg32 + i->sz, n);
    Val d = source(l, shape, i->sz, i->rd);
    put_result(l, shape, i->sz, i->rd, fp3(l, IR_vfma32 + i->sz, n, m, d));
}
FORM_V(fmla, multiply_add(l, i, shape(i), source(l, shape(i), i->sz, i->rm), false))
FORM_V(fmls, multiply_add(l, i, shape(i), source(l, shape(i), i->sz, i->rm), true))

/* -- by element ---------------------------------------------------------------------------------------------------- */

/* L is the low bit of a single-precision index, and reserved for doubles. */
static bool reserved_element(Lift *l, const Insn *i, Shape shape)
{
    bool reserved = i->sz && (i->L || shape == HALF);
    if (reserved)
        unallocated(l);
    return reserved;
}

static Val element(Lift *l, const Insn *i)
{
    return spread(l, i->sz, q(l, i->rm), i->sz ? i->H : i->H << 1 | i->L);
}

static void by_element(Lift *l, const Insn *i, Shape shape, u32 code)
{
    if (!reserved_element(l, i, shape))
        put_result(l, shape, i->sz, i->rd, fp2(l, code + i->sz, source(l, shape, i->sz, i->rn), element(l, i)));
}

static void multiply_add_element(Lift *l, const Insn *i, Shape shape, bool negate)
{
    if (!reserved_element(l, i, shape))
        multiply_add(l, i, shape, element(l, i), negate);
}

#define ELEMENT(name, V, S) \
    LIFT(name##_e) \
    { \
        V; \
    } \
    LIFT(name##_es) \
    { \
        S; \
    }
ELEMENT(fmul, by_element(l, i, shape(i), IR_vfmul32), by_element(l, i, SCALAR, IR_vfmul32))
ELEMENT(fmulx, by_element(l, i, shape(i), IR_vfmulx32), by_element(l, i, SCALAR, IR_vfmulx32))
ELEMENT(fmla, multiply_add_element(l, i, shape(i), false), multiply_add_element(l, i, SCALAR, false))
ELEMENT(fmls, multiply_add_element(l, i, shape(i), true), multiply_add_element(l, i, SCALAR, true))
#undef ELEMENT

/* -- pairwise and across lanes ------------------------------------------------------------------------------------- */

/* code on neighbours: those of a give the lower lanes, those of b the upper. */
static Val pairwise(Lift *l, u32 sz, u32 code, Val a, Val b)
{
    return fp2(l, code + sz, fp2(l, IR_vuzp1_32 + sz, a, b), fp2(l, IR_vuzp2_32 + sz, a, b));
}

static void pairwise_v(Lift *l, const Insn *i, u32 code)
{
    Val n = q(l, i->rn), m = q(l, i->rm);
    if (!i->Q)
        n = m = vzip1_64(l, n, m);
    put_result(l, shape(i), i->sz, i->rd, pairwise(l, i->sz, code, n, m));
}

static void pairwise_s(Lift *l, const Insn *i, u32 code)
{
    Val n = q(l, i->rn);
    if (!i->sz)
        n = vzip1_64(l, n, n);
    put_result(l, SCALAR, i->sz, i->rd, pairwise(l, i->sz, code, n, n));
}

#define PAIRWISE(name, op) FORMS(name, pairwise_v(l, i, IR_##op##32), pairwise_s(l, i, IR_##op##32))
PAIRWISE(faddp, vfadd)
PAIRWISE(fmaxp, vfmax)
PAIRWISE(fminp, vfmin)
PAIRWISE(fmaxnmp, vfmaxnm)
PAIRWISE(fminnmp, vfminnm)
#undef PAIRWISE

/* Reduce() halves the vector: neighbours first, then the two halves. */
static void across(Lift *l, const Insn *i, u32 code)
{
    Val n = q(l, i->rn), pairs = pairwise(l, 0, code, n, n);
    put_result(l, SCALAR, 0, i->rd, pairwise(l, 0, code, pairs, pairs));
}

#define ACROSS(name, op) \
    LIFT(name) \
    { \
        across(l, i, IR_##op##32); \
    }
ACROSS(fmaxv, vfmax)
ACROSS(fminv, vfmin)
ACROSS(fmaxnmv, vfmaxnm)
ACROSS(fminnmv, vfminnm)
#undef ACROSS

/* -- two registers ------------------------------------------------------------------------------------------------- */

static void two(Lift *l, const Insn *i, Shape shape, u32 code)
{
    put_result(l, shape, i->sz, i->rd, fp1(l, code + i->sz, source(l, shape, i->sz, i->rn)));
}

#define TWO_V(name) FORM_V(name, two(l, i, shape(i), IR_v##name##32))
#define TWO(name) FORMS(name, two(l, i, shape(i), IR_v##name##32), two(l, i, SCALAR, IR_v##name##32))
TWO_V(fabs)
TWO_V(fneg)
TWO_V(fsqrt)
TWO_V(frintn)
TWO_V(frintm)
TWO_V(frintp)
TWO_V(frintz)
TWO_V(frinta)
TWO_V(frinti)
TWO_V(frintx)
TWO(frecpe)
TWO(frsqrte)
#undef TWO_V
#undef TWO

LIFT(frecpx_s)
{
    put_q(l, i->rd, fp1(l, IR_frecpx32 + i->sz, q(l, i->rn)));
}

/* Less than zero is zero greater than. */
static void with_zero(Lift *l, const Insn *i, Shape shape, u32 code, bool zero_first)
{
    Val n = source(l, shape, i->sz, i->rn), zero = xtov(l, k64(l, 0));
    put_result(l, shape, i->sz, i->rd, fp2(l, code + i->sz, zero_first ? zero : n, zero_first ? n : zero));
}

#define WITH_ZERO(name, op, first) \
    FORMS(name##_zero, with_zero(l, i, shape(i), IR_##op##32, first), with_zero(l, i, SCALAR, IR_##op##32, first))
WITH_ZERO(fcmeq, vfcmeq, false)
WITH_ZERO(fcmge, vfcmge, false)
WITH_ZERO(fcmgt, vfcmgt, false)
WITH_ZERO(fcmle, vfcmge, true)
WITH_ZERO(fcmlt, vfcmgt, true)
#undef WITH_ZERO

/* -- conversion ---------------------------------------------------------------------------------------------------- */

/* The "2" forms read the upper half of their source, or write the upper half of their destination. */
LIFT(fcvtl_v)
{
    Val n = q(l, i->rn);
    if (i->Q)
        n = vhigh64(l, n);
    put_q(l, i->rd, i->sz ? vf32to64(l, n) : vf16to32(l, n));
}

static void put_narrowed(Lift *l, const Insn *i, Val v)
{
    put_q(l, i->rd, i->Q ? vzip1_64(l, q(l, i->rd), v) : v);
}

LIFT(fcvtn_v)
{
    Val n = q(l, i->rn);
    put_narrowed(l, i, i->sz ? vf64to32(l, n) : vf32to16(l, n));
}

LIFT(fcvtxn_v)
{
    put_narrowed(l, i, vf64to32x(l, q(l, i->rn)));
}

LIFT(fcvtxn_s)
{
    put_q(l, i->rd, vlow32(l, vf64to32x(l, source(l, SCALAR, 1, i->rn))));
}

static Val toint(Lift *l, u32 sz, u32 U, Rounding round, u32 fbits, Val v)
{
    static const u16 code[2][2] = {{IR_vf32tos32, IR_vf32tou32}, {IR_vf64tos64, IR_vf64tou64}};
    if (!sz && !U && round == ROUND_ZERO && !fbits)
        return vf32tos32z(l, v);
    return fp1i(l, code[sz][U], v, round | (u64)fbits << 8);
}

static Val ofint(Lift *l, u32 sz, u32 U, u32 fbits, Val v)
{
    static const u16 code[2][2] = {{IR_vs32tof32, IR_vu32tof32}, {IR_vs64tof64, IR_vu64tof64}};
    return fp1i(l, code[sz][U], v, fbits);
}

static Val toint_s(Lift *l, u32 sz, u32 U, Rounding round, u32 fbits, u32 n)
{
    Val v = fp_toint(l, sz, sz, U, round, fbits, q(l, n));
    return sz ? xtov(l, v) : wtov(l, v);
}

static Val ofint_s(Lift *l, u32 sz, u32 U, u32 fbits, u32 n)
{
    Val v = q(l, n);
    return fp_ofint(l, sz, sz, U, fbits, sz ? vtox(l, v) : vtow(l, v));
}

static void toint_v(Lift *l, const Insn *i, u32 U, Rounding round)
{
    put_result(l, shape(i), i->sz, i->rd, toint(l, i->sz, U, round, 0, source(l, shape(i), i->sz, i->rn)));
}

#define TOINT(name, U, round) \
    FORMS(name##_int, toint_v(l, i, U, round), put_q(l, i->rd, toint_s(l, i->sz, U, round, 0, i->rn)))
TOINT(fcvtn, 0, ROUND_EVEN)
TOINT(fcvtm, 0, ROUND_DOWN)
TOINT(fcvtp, 0, ROUND_UP)
TOINT(fcvtz, 0, ROUND_ZERO)
TOINT(fcvta, 0, ROUND_AWAY)
TOINT(fcvtnu, 1, ROUND_EVEN)
TOINT(fcvtmu, 1, ROUND_DOWN)
TOINT(fcvtpu, 1, ROUND_UP)
TOINT(fcvtzu, 1, ROUND_ZERO)
TOINT(fcvtau, 1, ROUND_AWAY)
#undef TOINT

static void ofint_v(Lift *l, const Insn *i)
{
    put_result(l, shape(i), i->sz, i->rd, ofint(l, i->sz, i->U, 0, source(l, shape(i), i->sz, i->rn)));
}
FORMS(cvtf_int, ofint_v(l, i), put_q(l, i->rd, ofint_s(l, i->sz, i->U, 0, i->rn)))

/* immh:immb is twice the lane's width less the fraction bits. */
static u32 fixed_sz(const Insn *i)
{
    return i->immh >> 3;
}

static u32 fixed_fbits(const Insn *i)
{
    return (64u << fixed_sz(i)) - (i->immh << 3 | i->immb);
}

static void fixed_v(Lift *l, const Insn *i, bool to_fixed)
{
    u32 sz = fixed_sz(i), fbits = fixed_fbits(i);
    if (sz && !i->Q) {
        unallocated(l);
        return;
    }
    Val n = source(l, shape(i), sz, i->rn);
    Val v = to_fixed ? toint(l, sz, i->U, ROUND_ZERO, fbits, n) : ofint(l, sz, i->U, fbits, n);
    put_result(l, shape(i), sz, i->rd, v);
}

LIFT(cvtf_fix_v)
{
    fixed_v(l, i, false);
}

LIFT(fcvtz_fix_v)
{
    fixed_v(l, i, true);
}

LIFT(cvtf_fix_s)
{
    put_q(l, i->rd, ofint_s(l, fixed_sz(i), i->U, fixed_fbits(i), i->rn));
}

LIFT(fcvtz_fix_s)
{
    put_q(l, i->rd, toint_s(l, fixed_sz(i), i->U, ROUND_ZERO, fixed_fbits(i), i->rn));
}

LIFT(fmov_imm_v)
{
    if (reserved_1d(l, i))
        return;
    u64 v = fp_expand_imm(i->sz, i->abc << 5 | i->defgh);
    put_result(l, shape(i), i->sz, i->rd, vdup64(l, k64(l, i->sz ? v : v << 32 | v)));
}
