/* Advanced SIMD floating point, Arm ARM C3.5. Ops work on whole vectors, so lanes that an instruction leaves out are
 * filled with copies of those it has (which raise the same flags) and cut off the result: a 64-bit vector is
 * doubled, a scalar of the rarer operations is put into every lane. */
#include "fp.h"

FP_SIZES(vfabs);
FP_SIZES(vfneg);
FP_SIZES(vfadd);
FP_SIZES(vfsub);
FP_SIZES(vfmul);
FP_SIZES(vfdiv);
FP_SIZES(vfsqrt);
FP_SIZES(vfma);
FP_SIZES(vfmax);
FP_SIZES(vfmin);
FP_SIZES(vfmaxnm);
FP_SIZES(vfminnm);
FP_SIZES(vfrintn);
FP_SIZES(vfrintm);
FP_SIZES(vfrintp);
FP_SIZES(vfrintz);
FP_SIZES(vfrinta);
FP_SIZES(vfrinti);
FP_SIZES(vfrintx);
FP_SIZES(vfcmeq);
FP_SIZES(vfcmge);
FP_SIZES(vfcmgt);
FP_SIZES(vfacge);
FP_SIZES(vfacgt);
FP_SIZES(vfrecpe);
FP_SIZES(vfrsqrte);
FP_SIZES(frecpx);
FP_SIZES(vfrecps);
FP_SIZES(vfrsqrts);
FP_SIZES(vfmulx);
FP_SIZES(vduplane);
FP_SIZES(vuzp1_);
FP_SIZES(vuzp2_);

/* Which lanes an instruction works on. */
typedef enum Shape { SCALAR, HALF, FULL } Shape;

static Shape shape(const Insn *i)
{
    return i->Q ? FULL : HALF;
}

/* A vector of one double lane is reserved; true if so. */
static bool reserved_1d(Lift *l, const Insn *i)
{
    if (fp_size(i) > 0 && !i->Q)
        unallocated(l);
    return fp_size(i) > 0 && !i->Q;
}

static Val spread(Lift *l, i32 sz, Val v, u32 lane)
{
    return fp1i(l, IR_vduplane32 + sz, v, lane);
}

/* Register n with every lane a lane that counts. */
static Val source(Lift *l, Shape shape, i32 sz, u32 n)
{
    Val v = q(l, n);
    if (shape == HALF)
        return vzip1_64(l, v, v);
    return shape == SCALAR ? spread(l, sz, v, 0) : v;
}

static void put_result(Lift *l, Shape shape, i32 sz, u32 n, Val v)
{
    put_q(l, n, shape == FULL ? v : shape == HALF ? vlow64(l, v) : fp_low(l, sz, v));
}

#define FORM_V(name, V) \
    LIFT(name##_v) \
    { \
        if (!reserved_1d(l, i)) \
            V; \
    } \
    LIFT(name##_vh) \
    { \
        lift_##name##_v(l, i); \
    }
#define FORMS(name, V, S) \
    FORM_V(name, V) \
    LIFT(name##_s) \
    { \
        S; \
    } \
    LIFT(name##_sh) \
    { \
        lift_##name##_s(l, i); \
    }

/* -- three registers ----------------------------------------------------------------------------------------------- */

static void three(Lift *l, const Insn *i, Shape shape, u32 code)
{
    Val n = source(l, shape, fp_size(i), i->rn), m = source(l, shape, fp_size(i), i->rm);
    put_result(l, shape, fp_size(i), i->rd, fp2(l, code + fp_size(i), n, m));
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
    Val n = source(l, shape, fp_size(i), i->rn), m = source(l, shape, fp_size(i), i->rm);
    Val difference = fp2(l, IR_vfsub32 + fp_size(i), n, m);
    put_result(l, shape, fp_size(i), i->rd, fp1(l, IR_vfabs32 + fp_size(i), difference));
}
FORMS(fabd, absolute_difference(l, i, shape(i)), absolute_difference(l, i, SCALAR))

/* rd + n * m or rd - n * m: the operand n is negated first, NaNs too. */
static void multiply_add(Lift *l, const Insn *i, Shape shape, Val m, bool negate)
{
    Val n = source(l, shape, fp_size(i), i->rn);
    if (negate)
        n = fp1(l, IR_vfneg32 + fp_size(i), n);
    Val d = source(l, shape, fp_size(i), i->rd);
    put_result(l, shape, fp_size(i), i->rd, fp3(l, IR_vfma32 + fp_size(i), n, m, d));
}
FORM_V(fmla, multiply_add(l, i, shape(i), source(l, shape(i), fp_size(i), i->rm), false))
FORM_V(fmls, multiply_add(l, i, shape(i), source(l, shape(i), fp_size(i), i->rm), true))

/* -- by element ---------------------------------------------------------------------------------------------------- */

/* L is the low bit of a single-precision index, and reserved for doubles. */
static bool reserved_element(Lift *l, const Insn *i, Shape shape)
{
    bool reserved = fp_size(i) > 0 && (i->L || shape == HALF);
    if (reserved)
        unallocated(l);
    return reserved;
}

static Val element(Lift *l, const Insn *i)
{
    i32 sz = fp_size(i);
    u32 lane = sz > 0 ? i->H : i->H << 1 | i->L;
    return spread(l, sz, q(l, i->rm), sz < 0 ? lane << 1 | i->M : lane);
}

static void by_element(Lift *l, const Insn *i, Shape shape, u32 code)
{
    if (!reserved_element(l, i, shape))
        put_result(l, shape, fp_size(i), i->rd, fp2(l, code + fp_size(i), source(l, shape, fp_size(i), i->rn), element(l, i)));
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
    } \
    LIFT(name##_eh) \
    { \
        lift_##name##_e(l, i); \
    } \
    LIFT(name##_esh) \
    { \
        lift_##name##_es(l, i); \
    }
ELEMENT(fmul, by_element(l, i, shape(i), IR_vfmul32), by_element(l, i, SCALAR, IR_vfmul32))
ELEMENT(fmulx, by_element(l, i, shape(i), IR_vfmulx32), by_element(l, i, SCALAR, IR_vfmulx32))
ELEMENT(fmla, multiply_add_element(l, i, shape(i), false), multiply_add_element(l, i, SCALAR, false))
ELEMENT(fmls, multiply_add_element(l, i, shape(i), true), multiply_add_element(l, i, SCALAR, true))
#undef ELEMENT

/* -- pairwise and across lanes ------------------------------------------------------------------------------------- */

/* code on neighbours: those of a give the lower lanes, those of b the upper. */
static Val pairwise(Lift *l, i32 sz, u32 code, Val a, Val b)
{
    return fp2(l, code + sz, fp2(l, IR_vuzp1_32 + sz, a, b), fp2(l, IR_vuzp2_32 + sz, a, b));
}

static void pairwise_v(Lift *l, const Insn *i, u32 code)
{
    Val n = q(l, i->rn), m = q(l, i->rm);
    if (!i->Q)
        n = m = vzip1_64(l, n, m);
    put_result(l, shape(i), fp_size(i), i->rd, pairwise(l, fp_size(i), code, n, m));
}

static void pairwise_s(Lift *l, const Insn *i, u32 code)
{
    Val n = q(l, i->rn);
    if (fp_size(i) < 0)
        n = vduplane32(l, n, 0);
    else if (!fp_size(i))
        n = vzip1_64(l, n, n);
    put_result(l, SCALAR, fp_size(i), i->rd, pairwise(l, fp_size(i), code, n, n));
}

#define PAIRWISE(name, op) FORMS(name, pairwise_v(l, i, IR_##op##32), pairwise_s(l, i, IR_##op##32))
PAIRWISE(faddp, vfadd)
PAIRWISE(fmaxp, vfmax)
PAIRWISE(fminp, vfmin)
PAIRWISE(fmaxnmp, vfmaxnm)
PAIRWISE(fminnmp, vfminnm)
#undef PAIRWISE

/* Reduce() halves the vector: neighbours first, at last the two halves. */
static void across(Lift *l, const Insn *i, u32 code)
{
    i32 sz = fp_size(i);
    Val v = source(l, sz < 0 ? shape(i) : FULL, sz, i->rn);
    for (u32 lanes = sz == 0 ? 4 : i->Q ? 8 : 4; lanes > 1; lanes /= 2)
        v = pairwise(l, sz, code, v, v);
    put_result(l, SCALAR, sz, i->rd, v);
}

#define ACROSS(name, op) \
    LIFT(name) \
    { \
        across(l, i, IR_##op##32); \
    } \
    LIFT(name##h) \
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
    put_result(l, shape, fp_size(i), i->rd, fp1(l, code + fp_size(i), source(l, shape, fp_size(i), i->rn)));
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
    put_q(l, i->rd, fp1(l, IR_frecpx32 + fp_size(i), q(l, i->rn)));
}

LIFT(frecpx_sh)
{
    lift_frecpx_s(l, i);
}

/* Less than zero is zero greater than. */
static void with_zero(Lift *l, const Insn *i, Shape shape, u32 code, bool zero_first)
{
    Val n = source(l, shape, fp_size(i), i->rn), zero = xtov(l, k64(l, 0));
    put_result(l, shape, fp_size(i), i->rd, fp2(l, code + fp_size(i), zero_first ? zero : n, zero_first ? n : zero));
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

static Val toint(Lift *l, i32 sz, u32 U, Rounding round, u32 fbits, Val v)
{
    static const u16 code[3][2] = {
        {IR_vf16tos16, IR_vf16tou16}, {IR_vf32tos32, IR_vf32tou32}, {IR_vf64tos64, IR_vf64tou64}};
    if (!sz && !U && round == ROUND_ZERO && !fbits)
        return vf32tos32z(l, v);
    return fp1i(l, code[sz + 1][U], v, round | (u64)fbits << 8);
}

static Val ofint(Lift *l, i32 sz, u32 U, u32 fbits, Val v)
{
    static const u16 code[3][2] = {
        {IR_vs16tof16, IR_vu16tof16}, {IR_vs32tof32, IR_vu32tof32}, {IR_vs64tof64, IR_vu64tof64}};
    return fp1i(l, code[sz + 1][U], v, fbits);
}

static Val toint_s(Lift *l, i32 sz, u32 U, Rounding round, u32 fbits, u32 n)
{
    if (sz < 0)
        return vlow16(l, toint(l, sz, U, round, fbits, source(l, SCALAR, sz, n)));
    Val v = fp_toint(l, sz, (u32)sz, U, round, fbits, q(l, n));
    return sz ? xtov(l, v) : wtov(l, v);
}

static Val ofint_s(Lift *l, i32 sz, u32 U, u32 fbits, u32 n)
{
    Val v = q(l, n);
    if (sz < 0)
        return vlow16(l, ofint(l, sz, U, fbits, source(l, SCALAR, sz, n)));
    return fp_ofint(l, sz, (u32)sz, U, fbits, sz ? vtox(l, v) : vtow(l, v));
}

static void toint_v(Lift *l, const Insn *i, u32 U, Rounding round)
{
    put_result(l, shape(i), fp_size(i), i->rd, toint(l, fp_size(i), U, round, 0, source(l, shape(i), fp_size(i), i->rn)));
}

#define TOINT(name, U, round) \
    FORMS(name##_int, toint_v(l, i, U, round), put_q(l, i->rd, toint_s(l, fp_size(i), U, round, 0, i->rn)))
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
    put_result(l, shape(i), fp_size(i), i->rd, ofint(l, fp_size(i), i->U, 0, source(l, shape(i), fp_size(i), i->rn)));
}
FORMS(cvtf_int, ofint_v(l, i), put_q(l, i->rd, ofint_s(l, fp_size(i), i->U, 0, i->rn)))

/* immh:immb is twice the lane's width less the fraction bits. */
static i32 fixed_sz(const Insn *i)
{
    return i->immh >> 3 ? 1 : i->immh >> 2 ? 0 : -1;
}

static u32 fixed_fbits(const Insn *i)
{
    return (64u << (fixed_sz(i) + 1)) / 2 - (i->immh << 3 | i->immb);
}

static void fixed_v(Lift *l, const Insn *i, bool to_fixed)
{
    i32 sz = fixed_sz(i);
    u32 fbits = fixed_fbits(i);
    if (sz > 0 && !i->Q) {
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
    i32 sz = fp_size(i);
    u64 v = fp_expand_imm(sz, i->abc << 5 | i->defgh);
    if (sz < 0)
        v |= v << 16;
    put_result(l, shape(i), sz, i->rd, vdup64(l, k64(l, sz > 0 ? v : v << 32 | v)));
}

LIFT(fmov_imm_vh)
{
    lift_fmov_imm_v(l, i);
}

#define ROUND_TO_RANGE(name) \
    LIFT(f##name##_v) \
    { \
        if (!reserved_1d(l, i)) \
            two(l, i, shape(i), IR_vf##name##32); \
    }
ROUND_TO_RANGE(rint32z)
ROUND_TO_RANGE(rint32x)
ROUND_TO_RANGE(rint64z)
ROUND_TO_RANGE(rint64x)
#undef ROUND_TO_RANGE

LIFT(bfcvtn_v)
{
    put_narrowed(l, i, vf32tobf16(l, q(l, i->rn)));
}

/* -- complex numbers: the real part in the even lane of each pair, the imaginary one in the odd ---------------------- */

/* Pairs with their parts exchanged */
static Val exchanged(Lift *l, i32 sz, Val v)
{
    return sz < 0 ? vrev32_16(l, v) : sz ? vext(l, v, v, 8) : vrev64_32(l, v);
}

/* The sign of the even or odd lanes turned round, NaNs' too */
static Val negated_part(Lift *l, i32 sz, Val v, bool odd)
{
    static const u64 signs[3][2] = {
        {0x0000800000008000, 0x8000000080000000}, {0x80000000, 1ull << 63}, {1ull << 63, 1ull << 63}};
    Val low = k64(l, signs[sz + 1][odd]), mask = vdup64(l, low);
    if (sz > 0)
        mask = odd ? vzip1_64(l, vdup64(l, k64(l, 0)), mask) : xtov(l, low);
    return vxor(l, v, mask);
}

LIFT(fcadd_v)
{
    i32 sz = i->size - 2;
    if (sz > 0 && !i->Q) {
        unallocated(l);
        return;
    }
    Val n = source(l, shape(i), sz, i->rn), m = exchanged(l, sz, source(l, shape(i), sz, i->rm));
    put_result(l, shape(i), sz, i->rd, fp2(l, IR_vfadd32 + sz, n, negated_part(l, sz, m, i->rot)));
}

/* Multiplied by the real part of n, or by the imaginary one with m turned by 90 degrees; rot turns both. */
static void complex_multiply_add(Lift *l, const Insn *i, i32 sz, Val m)
{
    Val n = source(l, shape(i), sz, i->rn);
    n = fp2(l, (i->rot & 1 ? IR_vtrn2_32 : IR_vtrn1_32) + sz, n, n);
    if (i->rot & 1)
        m = exchanged(l, sz, m);
    if (i->rot == 1 || i->rot == 2)
        m = negated_part(l, sz, m, false);
    if (i->rot >= 2)
        m = negated_part(l, sz, m, true);
    put_result(l, shape(i), sz, i->rd, fp3(l, IR_vfma32 + sz, n, m, source(l, shape(i), sz, i->rd)));
}

LIFT(fcmla_v)
{
    i32 sz = i->size - 2;
    if (sz > 0 && !i->Q)
        unallocated(l);
    else
        complex_multiply_add(l, i, sz, source(l, shape(i), sz, i->rm));
}

LIFT(fcmla_e)
{
    i32 sz = i->size - 2;
    Val m = q(l, i->M << 4 | i->rm);
    if (sz ? i->H && !i->Q : i->L || !i->Q)
        unallocated(l);
    else
        complex_multiply_add(l, i, sz, sz ? vduplane32(l, m, i->H << 1 | i->L) : vduplane64(l, m, i->H));
}

/* -- products of half precision added to single --------------------------------------------------------------------- */

/* The first or second half of the lanes that take part, as single precision. */
static Val widened_half(Lift *l, const Insn *i, Val v, bool second)
{
    if (i->Q)
        return vf16to32s(l, second ? vhigh64(l, v) : v);
    return vf16to32s(l, vduplane32(l, v, second));
}

static void multiply_add_long(Lift *l, const Insn *i, bool second, Val m)
{
    Val n = widened_half(l, i, q(l, i->rn), second);
    if (i->S)
        n = vfneg32(l, n);
    put_result(l, shape(i), 0, i->rd, vfma32(l, n, m, source(l, shape(i), 0, i->rd)));
}

static Val half_element(Lift *l, const Insn *i)
{
    return vf16to32s(l, vduplane16(l, q(l, i->rm), i->H << 2 | i->L << 1 | i->M));
}

LIFT(fmlal_v)
{
    multiply_add_long(l, i, false, widened_half(l, i, q(l, i->rm), false));
}

LIFT(fmlal2_v)
{
    multiply_add_long(l, i, true, widened_half(l, i, q(l, i->rm), true));
}

LIFT(fmlal_e)
{
    multiply_add_long(l, i, false, half_element(l, i));
}

LIFT(fmlal2_e)
{
    multiply_add_long(l, i, true, half_element(l, i));
}

/* -- BFloat16: the upper half of single precision ------------------------------------------------------------------- */

LIFT(bfdot_v)
{
    put_result(l, shape(i), 0, i->rd, vbfdot(l, q(l, i->rd), q(l, i->rn), q(l, i->rm)));
}

LIFT(bfdot_e)
{
    Val m = vduplane32(l, q(l, i->M << 4 | i->rm), i->H << 1 | i->L);
    put_result(l, shape(i), 0, i->rd, vbfdot(l, q(l, i->rd), q(l, i->rn), m));
}

/* Rows of four, two of n by two of m. */
LIFT(bfmmla_v)
{
    Val n = q(l, i->rn), m = q(l, i->rm);
    Val sum = vbfdot(l, q(l, i->rd), vtrn1_32(l, n, n), vuzp1_32(l, m, m));
    put_q(l, i->rd, vbfdot(l, sum, vtrn2_32(l, n, n), vuzp2_32(l, m, m)));
}

static Val bfloats(Lift *l, const Insn *i, Val v)
{
    return i->T ? vand(l, v, vdup32(l, k32(l, 0xffff0000))) : vshli32(l, v, 16);
}

LIFT(bfmlal_v)
{
    put_q(l, i->rd, vfma32(l, bfloats(l, i, q(l, i->rn)), bfloats(l, i, q(l, i->rm)), q(l, i->rd)));
}

LIFT(bfmlal_e)
{
    Val m = vshli32(l, vduplane16(l, q(l, i->rm), i->H << 2 | i->L << 1 | i->M), 16);
    put_q(l, i->rd, vfma32(l, bfloats(l, i, q(l, i->rn)), m, q(l, i->rd)));
}
