/* Bodies of the floating-point ops of ir_fp.def: the host's instruction, a check whether it may differ from the
 * guest's, and softfp.c if so. What differs (the host is SSE, the guest the Arm ARM's FP pseudocode):
 *  - with FP_FLUSH the flags for flushed operands and results: tested first, everything goes to softfp;
 *  - NaN results: which operand survives, and the sign of a generated one. Redone in softfp, whose flags are the
 *    same;
 *  - underflow: the host looks for tininess after rounding, so a result that rounded up to the least normal number
 *    may lack the    flag. Only multiplication, division, fused multiply-add and narrowing can be both tiny and
 *    inexact; they redo that one    result, which a single unordered-or-equal comparison finds together with the
 *    NaNs. A code generator may emit the fast part itself, behind one test that Task.fp_mode lacks FP_FLUSH, and
 *    call dg_NAME otherwise. */
#ifndef DRAGOMAN_LIFTER_OPS_FP_H
#define DRAGOMAN_LIFTER_OPS_FP_H

#include <emmintrin.h>
#include <float.h>

#include "host.h"
#include "softfp.h"

/* No operation may be moved, dropped or done in more lanes: each may raise flags. Holds for what includes this file,
 * too, since the compiler inlines these functions only into such as are compiled in the same way. It also converts
 * constants of another type when the code runs, so there are none. */
#pragma STDC FENV_ACCESS ON

typedef float F32x4 __attribute__((vector_size(16)));
typedef float F32x2 __attribute__((vector_size(8)));
typedef double F64x2 __attribute__((vector_size(16)));
typedef i32 I32x4 __attribute__((vector_size(16)));
typedef i64 I64x2 __attribute__((vector_size(16)));

/* fp_slow.c compiles the bodies once more, for operands that it has seen not to be flushed. */
#ifndef FP_SLOW
#define FP_SLOW(name) fp_slow_##name
#define FP_SPECIAL(t) unlikely((t)->fp_mode & FP_FLUSH)
#endif

static inline bool fp_is_nan_f32(float v)
{
    return unlikely(__builtin_isunordered(v, v));
}

static inline bool fp_is_nan_f64(double v)
{
    return unlikely(__builtin_isunordered(v, v));
}

static inline bool fp_is_nan_vf32(F32x4 v)
{
    return unlikely(__builtin_ia32_movmskps((F32x4)(v != v)));
}

static inline bool fp_is_nan_vf64(F64x2 v)
{
    return unlikely(__builtin_ia32_movmskpd((F64x2)(v != v)));
}

/* NaN, or the least normal number */
static inline bool fp_is_edge_f32(float v)
{
    return unlikely(!__builtin_islessgreater(__builtin_fabsf(v), FLT_MIN));
}

static inline bool fp_is_edge_f64(double v)
{
    return unlikely(!__builtin_islessgreater(__builtin_fabs(v), DBL_MIN));
}

static inline bool fp_is_edge_vf32(F32x4 v)
{
    I32x4 least = ((I32x4)v & INT32_MAX) == 0x00800000;
    return unlikely(__builtin_ia32_movmskps((F32x4)((v != v) | least)));
}

static inline bool fp_is_edge_vf64(F64x2 v)
{
    /* High halves suffice to find candidates. */
    I32x4 least = ((I32x4)v & INT32_MAX) == 0x00100000;
    return unlikely(__builtin_ia32_movmskpd((F64x2)((v != v) | (I64x2)least)));
}

/* -- sign bits ----------------------------------------------------------------------------------------------------- */

static inline V128 op_fabs32(V128 a)
{
    return (V128)((I32x4)a & (I32x4){INT32_MAX, 0, 0, 0});
}

static inline V128 op_fabs64(V128 a)
{
    return (V128)((I64x2)a & (I64x2){INT64_MAX, 0});
}

static inline V128 op_fneg32(V128 a)
{
    return (V128)(((I32x4)a ^ INT32_MIN) & (I32x4){-1, 0, 0, 0});
}

static inline V128 op_fneg64(V128 a)
{
    return (V128)(((I64x2)a ^ INT64_MIN) & (I64x2){-1, 0});
}

static inline V128 op_vfabs32(V128 a)
{
    return (V128)((I32x4)a & INT32_MAX);
}

static inline V128 op_vfabs64(V128 a)
{
    return (V128)((I64x2)a & INT64_MAX);
}

static inline V128 op_vfneg32(V128 a)
{
    return (V128)((I32x4)a ^ INT32_MIN);
}

static inline V128 op_vfneg64(V128 a)
{
    return (V128)((I64x2)a ^ INT64_MIN);
}

/* -- arithmetic ---------------------------------------------------------------------------------------------------- */

#define ARITH2(name, op, check) \
    static inline V128 op_f##name##32(Task *t, V128 a, V128 b) \
    { \
        if (FP_SPECIAL(t)) \
            return FP_SLOW(f##name##32)(t, a, b); \
        float r = ((F32x4)a)[0] op((F32x4)b)[0]; \
        if (check##_f32(r)) \
            return FP_SLOW(f##name##32)(t, a, b); \
        return (V128)(F32x4){r}; \
    } \
    static inline V128 op_f##name##64(Task *t, V128 a, V128 b) \
    { \
        if (FP_SPECIAL(t)) \
            return FP_SLOW(f##name##64)(t, a, b); \
        double r = ((F64x2)a)[0] op((F64x2)b)[0]; \
        if (check##_f64(r)) \
            return FP_SLOW(f##name##64)(t, a, b); \
        return (V128)(F64x2){r}; \
    } \
    static inline V128 op_vf##name##32(Task *t, V128 a, V128 b) \
    { \
        if (FP_SPECIAL(t)) \
            return FP_SLOW(vf##name##32)(t, a, b); \
        F32x4 r = (F32x4)a op(F32x4) b; \
        if (check##_vf32(r)) \
            return FP_SLOW(vf##name##32)(t, a, b); \
        return (V128)r; \
    } \
    static inline V128 op_vf##name##64(Task *t, V128 a, V128 b) \
    { \
        if (FP_SPECIAL(t)) \
            return FP_SLOW(vf##name##64)(t, a, b); \
        F64x2 r = (F64x2)a op(F64x2) b; \
        if (check##_vf64(r)) \
            return FP_SLOW(vf##name##64)(t, a, b); \
        return (V128)r; \
    }
ARITH2(add, +, fp_is_nan)
ARITH2(sub, -, fp_is_nan)
ARITH2(mul, *, fp_is_edge)
ARITH2(div, /, fp_is_edge)
#undef ARITH2

/* expr: the host's instruction on the vector v, whose lanes above 0 hold zeros in the scalar forms. */
#define UNARY(op, Vector, check, expr) \
    static inline V128 op_##op(Task *t, V128 a) \
    { \
        if (FP_SPECIAL(t)) \
            return FP_SLOW(op)(t, a); \
        Vector v = (Vector)a, r = expr; \
        if (check(r)) \
            return FP_SLOW(op)(t, a); \
        return (V128)r; \
    }
#define UNARY_SCALAR(op, Vector, check, expr) \
    static inline V128 op_##op(Task *t, V128 a) \
    { \
        if (FP_SPECIAL(t)) \
            return FP_SLOW(op)(t, a); \
        Vector v = (Vector)a; \
        v = expr; \
        if (check(v[0])) \
            return FP_SLOW(op)(t, a); \
        return (V128)(Vector){v[0]}; \
    }
UNARY_SCALAR(fsqrt32, F32x4, fp_is_nan_f32, __builtin_ia32_sqrtss(v))
UNARY_SCALAR(fsqrt64, F64x2, fp_is_nan_f64, __builtin_ia32_sqrtsd(v))
UNARY(vfsqrt32, F32x4, fp_is_nan_vf32, __builtin_ia32_sqrtps(v))
UNARY(vfsqrt64, F64x2, fp_is_nan_vf64, __builtin_ia32_sqrtpd(v))

/* ROUNDSS etc.: bit 3 suppresses "inexact", bit 2 takes the mode from MXCSR, else the mode is in bits 1..0. */
#define ROUND(name, imm) \
    UNARY_SCALAR(frint##name##32, F32x4, fp_is_nan_f32, __builtin_ia32_roundss(v, v, imm)) \
    UNARY_SCALAR(frint##name##64, F64x2, fp_is_nan_f64, __builtin_ia32_roundsd(v, v, imm)) \
    UNARY(vfrint##name##32, F32x4, fp_is_nan_vf32, __builtin_ia32_roundps(v, imm)) \
    UNARY(vfrint##name##64, F64x2, fp_is_nan_vf64, __builtin_ia32_roundpd(v, imm))
ROUND(n, 8)
ROUND(m, 9)
ROUND(p, 10)
ROUND(z, 11)
ROUND(i, 12)
ROUND(x, 4)
#undef ROUND

/* Ties away from zero: the whole part, and one more if the rest, which is exact, is a half or above. Adding with the
 * operand's sign keeps -0. */
#define ROUND_AWAY_SCALAR(bits, Float, Vector, half, one, round) \
    static inline V128 op_frinta##bits(Task *t, V128 a) \
    { \
        Vector v = (Vector)a, whole = round(v, v, 11); \
        if (FP_SPECIAL(t) || fp_is_nan_f##bits(v[0])) \
            return FP_SLOW(frinta##bits)(t, a); \
        /* an infinity minus itself would raise "invalid" */ \
        if (whole[0] == v[0]) \
            return (V128)(Vector){whole[0]}; \
        Float rest = v[0] - whole[0], r = whole[0]; \
        if (rest >= half) \
            r = whole[0] + one; \
        else if (rest <= -half) \
            r = whole[0] - one; \
        return (V128)(Vector){r}; \
    }
ROUND_AWAY_SCALAR(32, float, F32x4, 0.5f, 1.0f, __builtin_ia32_roundss)
ROUND_AWAY_SCALAR(64, double, F64x2, 0.5, 1.0, __builtin_ia32_roundsd)
#undef ROUND_AWAY_SCALAR

static inline V128 op_vfrinta32(Task *t, V128 a)
{
    F32x4 v = (F32x4)a, whole = __builtin_ia32_roundps(v, 11);
    if (FP_SPECIAL(t) || fp_is_nan_vf32(v))
        return FP_SLOW(vfrinta32)(t, a);
    I32x4 fraction = whole != v;
    F32x4 rest = (F32x4)((I32x4)v & fraction) - (F32x4)((I32x4)whole & fraction);
    const F32x4 half = {0.5f, 0.5f, 0.5f, 0.5f};
    I32x4 up = rest >= half, down = rest <= -half, one = (I32x4){} + 0x3f800000;
    /* Lanes that stay get a zero of their own sign added, which changes nothing in any rounding mode. */
    I32x4 addend = (up & one) | (down & (one | INT32_MIN)) | (~(up | down) & (I32x4)whole & INT32_MIN);
    return (V128)(whole + (F32x4)addend);
}

static inline V128 op_vfrinta64(Task *t, V128 a)
{
    F64x2 v = (F64x2)a, whole = __builtin_ia32_roundpd(v, 11);
    if (FP_SPECIAL(t) || fp_is_nan_vf64(v))
        return FP_SLOW(vfrinta64)(t, a);
    I64x2 fraction = whole != v;
    F64x2 rest = (F64x2)((I64x2)v & fraction) - (F64x2)((I64x2)whole & fraction);
    const F64x2 half = {0.5, 0.5};
    I64x2 up = rest >= half, down = rest <= -half, one = (I64x2){} + 0x3ff0000000000000;
    I64x2 addend = (up & one) | (down & (one | INT64_MIN)) | (~(up | down) & (I64x2)whole & INT64_MIN);
    return (V128)(whole + (F64x2)addend);
}

/* Fused multiply-add, where the host has it; else softfp's. */
#define FMA_HOST __attribute__((target("fma")))

static inline bool fp_host_fma(void)
{
    return likely(host_features & HOST_FEATURE_fma);
}

static FMA_HOST inline V128 fp_host_fma32(Task *t, V128 a, V128 b, V128 c)
{
    float r = __builtin_fmaf(((F32x4)a)[0], ((F32x4)b)[0], ((F32x4)c)[0]);
    return fp_is_edge_f32(r) ? FP_SLOW(fma32)(t, a, b, c) : (V128)(F32x4){r};
}

static FMA_HOST inline V128 fp_host_fma64(Task *t, V128 a, V128 b, V128 c)
{
    double r = __builtin_fma(((F64x2)a)[0], ((F64x2)b)[0], ((F64x2)c)[0]);
    return fp_is_edge_f64(r) ? FP_SLOW(fma64)(t, a, b, c) : (V128)(F64x2){r};
}

static FMA_HOST inline V128 fp_host_vfma32(Task *t, V128 a, V128 b, V128 c)
{
    F32x4 r = __builtin_ia32_vfmaddps((F32x4)a, (F32x4)b, (F32x4)c);
    return fp_is_edge_vf32(r) ? FP_SLOW(vfma32)(t, a, b, c) : (V128)r;
}

static FMA_HOST inline V128 fp_host_vfma64(Task *t, V128 a, V128 b, V128 c)
{
    F64x2 r = __builtin_ia32_vfmaddpd((F64x2)a, (F64x2)b, (F64x2)c);
    return fp_is_edge_vf64(r) ? FP_SLOW(vfma64)(t, a, b, c) : (V128)r;
}

#define FMA(name) \
    static inline V128 op_##name(Task *t, V128 a, V128 b, V128 c) \
    { \
        if (FP_SPECIAL(t) || !fp_host_fma()) \
            return FP_SLOW(name)(t, a, b, c); \
        return fp_host_##name(t, a, b, c); \
    }
FMA(fma32)
FMA(fma64)
FMA(vfma32)
FMA(vfma64)
#undef FMA

/* 2 - a * b on finite operands; infinity times zero counts as 0 here, without "invalid". */
#define RECPS(bits, Vector, Ints, infinity, two, movmsk, fma) \
    static FMA_HOST inline V128 fp_host_vfrecps##bits(Task *t, V128 a, V128 b) \
    { \
        Ints magnitude_a = (Ints)op_vfabs##bits(a), magnitude_b = (Ints)op_vfabs##bits(b); \
        if (unlikely(movmsk((Vector)((magnitude_a >= infinity) | (magnitude_b >= infinity))))) \
            return softfp_vfrecps##bits(t, a, b); \
        return (V128)fma((Vector)op_vfneg##bits(a), (Vector)b, (Vector)((Ints){} + two)); \
    }
RECPS(32, F32x4, I32x4, 0x7f800000, 0x40000000, __builtin_ia32_movmskps, __builtin_ia32_vfmaddps)
RECPS(64, F64x2, I64x2, 0x7ff0000000000000, 0x4000000000000000, __builtin_ia32_movmskpd, __builtin_ia32_vfmaddpd)
#undef RECPS

/* (3 - a * b) / 2 on operands between 2^-32 and 2^32, where halving afterwards is exact */
#define RSQRTS(bits, Vector, Ints, low, high, three, half, movmsk, fma) \
    static FMA_HOST inline V128 fp_host_vfrsqrts##bits(Task *t, V128 a, V128 b) \
    { \
        Ints magnitude_a = (Ints)op_vfabs##bits(a), magnitude_b = (Ints)op_vfabs##bits(b); \
        Ints outside = (magnitude_a < low) | (magnitude_b < low) | (magnitude_a > high) | (magnitude_b > high); \
        if (unlikely(movmsk((Vector)outside))) \
            return softfp_vfrsqrts##bits(t, a, b); \
        Vector twice = fma((Vector)op_vfneg##bits(a), (Vector)b, (Vector)((Ints){} + three)); \
        return (V128)(twice * (Vector)((Ints){} + half)); \
    }
RSQRTS(32, F32x4, I32x4, 0x2f800000, 0x4f800000, 0x40400000, 0x3f000000, __builtin_ia32_movmskps,
       __builtin_ia32_vfmaddps)
RSQRTS(64, F64x2, I64x2, 0x3df0000000000000, 0x41f0000000000000, 0x4008000000000000, 0x3fe0000000000000,
       __builtin_ia32_movmskpd, __builtin_ia32_vfmaddpd)
#undef RSQRTS

#define STEP(name) \
    static inline V128 op_##name(Task *t, V128 a, V128 b) \
    { \
        if (FP_SPECIAL(t) || !fp_host_fma()) \
            return softfp_##name(t, a, b); \
        return fp_host_##name(t, a, b); \
    }
STEP(vfrecps32)
STEP(vfrecps64)
STEP(vfrsqrts32)
STEP(vfrsqrts64)
#undef STEP

/* The host's MAX gives its second operand if both are zero, so taking it both ways round and joining the bits
 * settles the sign: + wins for the maximum (and), - for the minimum (or). It signals quiet NaNs: they are sorted out
 * first. */
#define MAX_MIN(name, host, join) \
    static inline V128 op_f##name##32(Task *t, V128 a, V128 b) \
    { \
        F32x4 x = (F32x4)a, y = (F32x4)b; \
        if (FP_SPECIAL(t) || unlikely(__builtin_isunordered(x[0], y[0]))) \
            return FP_SLOW(f##name##32)(t, a, b); \
        I32x4 r = (I32x4)__builtin_ia32_##host##ss(x, y) join(I32x4) __builtin_ia32_##host##ss(y, x); \
        return (V128)(I32x4){r[0]}; \
    } \
    static inline V128 op_f##name##64(Task *t, V128 a, V128 b) \
    { \
        F64x2 x = (F64x2)a, y = (F64x2)b; \
        if (FP_SPECIAL(t) || unlikely(__builtin_isunordered(x[0], y[0]))) \
            return FP_SLOW(f##name##64)(t, a, b); \
        I64x2 r = (I64x2)__builtin_ia32_##host##sd(x, y) join(I64x2) __builtin_ia32_##host##sd(y, x); \
        return (V128)(I64x2){r[0]}; \
    } \
    static inline V128 op_vf##name##32(Task *t, V128 a, V128 b) \
    { \
        F32x4 x = (F32x4)a, y = (F32x4)b; \
        if (FP_SPECIAL(t) || unlikely(__builtin_ia32_movmskps((F32x4)((x != x) | (y != y))))) \
            return FP_SLOW(vf##name##32)(t, a, b); \
        return (V128)((I32x4)__builtin_ia32_##host##ps(x, y) join(I32x4) __builtin_ia32_##host##ps(y, x)); \
    } \
    static inline V128 op_vf##name##64(Task *t, V128 a, V128 b) \
    { \
        F64x2 x = (F64x2)a, y = (F64x2)b; \
        if (FP_SPECIAL(t) || unlikely(__builtin_ia32_movmskpd((F64x2)((x != x) | (y != y))))) \
            return FP_SLOW(vf##name##64)(t, a, b); \
        return (V128)((I64x2)__builtin_ia32_##host##pd(x, y) join(I64x2) __builtin_ia32_##host##pd(y, x)); \
    }
MAX_MIN(max, max, &)
MAX_MIN(min, min, |)
MAX_MIN(maxnm, max, &)
MAX_MIN(minnm, min, |)
#undef MAX_MIN

/* -- comparison ---------------------------------------------------------------------------------------------------- */

#define COMPARE(name, bits, Vector) \
    static inline u32 op_##name##bits(Task *t, V128 a, V128 b) \
    { \
        Vector x = (Vector)a, y = (Vector)b; \
        if (FP_SPECIAL(t) || unlikely(__builtin_isunordered(x[0], y[0]))) \
            return FP_SLOW(name##bits)(t, a, b); \
        u32 equal_or_greater = __builtin_islessgreater(x[0], y[0]) ? 0x20000000 : 0x60000000; \
        return __builtin_isless(x[0], y[0]) ? 0x80000000 : equal_or_greater; \
    }
COMPARE(fcmp, 32, F32x4)
COMPARE(fcmp, 64, F64x2)
COMPARE(fcmpe, 32, F32x4)
COMPARE(fcmpe, 64, F64x2)
#undef COMPARE

/* The vector comparisons raise what the guest's do: == is quiet, < and <= signal. */
#define COMPARE(name, Vector, expr) \
    static inline V128 op_##name(Task *t, V128 a, V128 b) \
    { \
        if (FP_SPECIAL(t)) \
            return FP_SLOW(name)(t, a, b); \
        Vector x = (Vector)a, y = (Vector)b; \
        return (V128)(expr); \
    }
COMPARE(vfcmeq32, F32x4, x == y)
COMPARE(vfcmeq64, F64x2, x == y)
COMPARE(vfcmge32, F32x4, y <= x)
COMPARE(vfcmge64, F64x2, y <= x)
COMPARE(vfcmgt32, F32x4, y < x)
COMPARE(vfcmgt64, F64x2, y < x)
COMPARE(vfacge32, F32x4, (F32x4)op_vfabs32((V128)y) <= (F32x4)op_vfabs32((V128)x))
COMPARE(vfacge64, F64x2, (F64x2)op_vfabs64((V128)y) <= (F64x2)op_vfabs64((V128)x))
COMPARE(vfacgt32, F32x4, (F32x4)op_vfabs32((V128)y) < (F32x4)op_vfabs32((V128)x))
COMPARE(vfacgt64, F64x2, (F64x2)op_vfabs64((V128)y) < (F64x2)op_vfabs64((V128)x))
#undef COMPARE

/* -- always in integers -------------------------------------------------------------------------------------------- */

/* ops_half.h has more of them. */
#define SOFT1(name) \
    static inline V128 op_##name(Task *t, V128 a) \
    { \
        return softfp_##name(t, a); \
    }
#define SOFT2(name) \
    static inline V128 op_##name(Task *t, V128 a, V128 b) \
    { \
        return softfp_##name(t, a, b); \
    }
SOFT1(vfrecpe32)
SOFT1(vfrecpe64)
SOFT1(vfrsqrte32)
SOFT1(vfrsqrte64)
SOFT1(frecpx32)
SOFT1(frecpx64)
SOFT2(vfmulx32)
SOFT2(vfmulx64)
SOFT1(vf64to32x)
SOFT1(frint32z32)
SOFT1(frint32z64)
SOFT1(frint32x32)
SOFT1(frint32x64)
SOFT1(frint64z32)
SOFT1(frint64z64)
SOFT1(frint64x32)
SOFT1(frint64x64)
SOFT1(vfrint32z32)
SOFT1(vfrint32z64)
SOFT1(vfrint32x32)
SOFT1(vfrint32x64)
SOFT1(vfrint64z32)
SOFT1(vfrint64z64)
SOFT1(vfrint64x32)
SOFT1(vfrint64x64)

/* -- between formats ----------------------------------------------------------------------------------------------- */

static inline V128 op_f32to64(Task *t, V128 a)
{
    if (FP_SPECIAL(t))
        return FP_SLOW(f32to64)(t, a);
    double r = (double)((F32x4)a)[0];
    if (fp_is_nan_f64(r))
        return FP_SLOW(f32to64)(t, a);
    return (V128)(F64x2){r};
}

static inline V128 op_f64to32(Task *t, V128 a)
{
    if (FP_SPECIAL(t))
        return FP_SLOW(f64to32)(t, a);
    float r = (float)((F64x2)a)[0];
    if (fp_is_edge_f32(r))
        return FP_SLOW(f64to32)(t, a);
    return (V128)(F32x4){r};
}

static inline V128 op_vf32to64(Task *t, V128 a)
{
    if (FP_SPECIAL(t))
        return FP_SLOW(vf32to64)(t, a);
    F32x4 v = (F32x4)a;
    F64x2 r = __builtin_convertvector((F32x2)__builtin_shufflevector(v, v, 0, 1), F64x2);
    if (fp_is_nan_vf64(r))
        return FP_SLOW(vf32to64)(t, a);
    return (V128)r;
}

static inline V128 op_vf64to32(Task *t, V128 a)
{
    if (FP_SPECIAL(t))
        return FP_SLOW(vf64to32)(t, a);
    F32x4 r = __builtin_ia32_cvtpd2ps((F64x2)a);
    if (fp_is_edge_vf32(r))
        return FP_SLOW(vf64to32)(t, a);
    return (V128)r;
}

/* -- to integers --------------------------------------------------------------------------------------------------- */

/* Signed, to zero: the host marks what doesn't fit, and then has raised "invalid" as the guest does. */
#define TOINT_Z(bits, Vector, to, Int, Unsigned, host) \
    static inline Unsigned op_f##bits##tos##to##z(Task *t, V128 a) \
    { \
        if (FP_SPECIAL(t)) \
            return (Unsigned)softfp_toint(t, a, bits, true, to, ROUND_ZERO); \
        Int r = (Int)host((Vector)a); \
        if (unlikely(r == INT##to##_MIN)) \
            return (Unsigned)softfp_toint(t, a, bits, true, to, ROUND_ZERO); \
        return (Unsigned)r; \
    }
TOINT_Z(32, F32x4, 32, i32, u32, __builtin_ia32_cvttss2si)
TOINT_Z(32, F32x4, 64, i64, u64, __builtin_ia32_cvttss2si64)
TOINT_Z(64, F64x2, 32, i32, u32, __builtin_ia32_cvttsd2si)
TOINT_Z(64, F64x2, 64, i64, u64, __builtin_ia32_cvttsd2si64)
#undef TOINT_Z

/* Unsigned, to zero: what fits a signed 64-bit integer the host converts; the rest is rare. */
#define TOINT_UZ(bits, Vector, to, Unsigned, limit, sign, host) \
    static inline Unsigned op_f##bits##tou##to##z(Task *t, V128 a) \
    { \
        Vector v = (Vector)a; \
        if (FP_SPECIAL(t) || unlikely(sign(v) & 1 || !__builtin_isless(v[0], limit))) \
            return (Unsigned)softfp_toint(t, a, bits, false, to, ROUND_ZERO); \
        return (Unsigned)host(v); \
    }
TOINT_UZ(32, F32x4, 32, u32, 0x1p32f, __builtin_ia32_movmskps, __builtin_ia32_cvttss2si64)
TOINT_UZ(32, F32x4, 64, u64, 0x1p63f, __builtin_ia32_movmskps, __builtin_ia32_cvttss2si64)
TOINT_UZ(64, F64x2, 32, u32, 0x1p32, __builtin_ia32_movmskpd, __builtin_ia32_cvttsd2si64)
TOINT_UZ(64, F64x2, 64, u64, 0x1p63, __builtin_ia32_movmskpd, __builtin_ia32_cvttsd2si64)
#undef TOINT_UZ

/* Signed, to nearest, down or up: rounded in the format first, which raises "inexact", if the result is sure to fit. */
#define TOINT(bits, Vector, fabs, to, Unsigned, limit, round, host) \
    static inline Unsigned op_f##bits##tos##to(Task *t, V128 a, u64 imm) \
    { \
        Vector v = (Vector)a; \
        if (FP_SPECIAL(t) || imm > ROUND_UP || unlikely(!__builtin_isless(fabs(v[0]), limit))) \
            return (Unsigned)softfp_toint(t, a, bits, true, to, imm); \
        if (imm == ROUND_DOWN) \
            v = round(v, v, ROUND_DOWN); \
        else if (imm == ROUND_UP) \
            v = round(v, v, ROUND_UP); \
        else \
            v = round(v, v, ROUND_EVEN); \
        return (Unsigned)host(v); \
    } \
    static inline Unsigned op_f##bits##tou##to(Task *t, V128 a, u64 imm) \
    { \
        return (Unsigned)softfp_toint(t, a, bits, false, to, imm); \
    }
TOINT(32, F32x4, __builtin_fabsf, 32, u32, 0x1p31f, __builtin_ia32_roundss, __builtin_ia32_cvttss2si)
TOINT(32, F32x4, __builtin_fabsf, 64, u64, 0x1p63f, __builtin_ia32_roundss, __builtin_ia32_cvttss2si64)
TOINT(64, F64x2, __builtin_fabs, 32, u32, 0x1.fffffffcp30, __builtin_ia32_roundsd, __builtin_ia32_cvttsd2si)
TOINT(64, F64x2, __builtin_fabs, 64, u64, 0x1p63, __builtin_ia32_roundsd, __builtin_ia32_cvttsd2si64)
#undef TOINT

static inline V128 op_vf32tos32z(Task *t, V128 a)
{
    I32x4 r = {0};
    if (!FP_SPECIAL(t)) {
        r = (I32x4)__builtin_ia32_cvttps2dq((F32x4)a);
        if (likely(!__builtin_ia32_movmskps((F32x4)(r == INT32_MIN))))
            return (V128)r;
    }
    for (int i = 0; i < 4; i++)
        r[i] = (i32)softfp_toint(t, (V128)(I32x4){((I32x4)a)[i]}, 32, true, 32, ROUND_ZERO);
    return (V128)r;
}

#define TOINT_V(bits, Vector, count, letter) \
    static inline V128 op_vf##bits##to##letter##bits(Task *t, V128 a, u64 imm) \
    { \
        Vector v = (Vector)a; \
        for (int i = 0; i < count; i++) { \
            V128 lane = (V128)(Vector){v[i]}; \
            v[i] = (i##bits)(imm == ROUND_ZERO ? op_f##bits##to##letter##bits##z(t, lane) \
                                               : op_f##bits##to##letter##bits(t, lane, imm)); \
        } \
        return (V128)v; \
    }
TOINT_V(32, I32x4, 4, s)
TOINT_V(32, I32x4, 4, u)
TOINT_V(64, I64x2, 2, s)
TOINT_V(64, I64x2, 2, u)
#undef TOINT_V

/* -- from integers: scaling by a power of two afterwards is exact, since nothing gets near the denormals ----------- */

static inline float fp_scale_f32(u64 fraction_bits)
{
    return (float)((F32x4)(I32x4){(i32)(127 - fraction_bits) << 23})[0];
}

static inline double fp_scale_f64(u64 fraction_bits)
{
    return ((F64x2)(I64x2){(i64)(1023 - fraction_bits) << 52})[0];
}

/* Above the signed range: halve, keeping the lost bit as a sticky one, and double the result. */
static inline float fp_of_u64_f32(u64 v)
{
    if (likely((i64)v >= 0))
        return (float)(i64)v;
    float half = (float)(i64)(v >> 1 | (v & 1));
    return half + half;
}

static inline double fp_of_u64_f64(u64 v)
{
    if (likely((i64)v >= 0))
        return (double)(i64)v;
    double half = (double)(i64)(v >> 1 | (v & 1));
    return half + half;
}

#define OFINT1(name, arg, bits, Float, Vector, expr) \
    static inline V128 op_##name##tof##bits(Task *t, arg a, u64 imm) \
    { \
        Float r = expr; \
        if (imm) \
            r *= fp_scale_f##bits(imm); \
        return (V128)(Vector){r}; \
    }
#define OFINT(bits, Float, Vector) \
    OFINT1(s32, u32, bits, Float, Vector, (Float)(i32)a) \
    OFINT1(u32, u32, bits, Float, Vector, (Float)(i64)a) \
    OFINT1(s64, u64, bits, Float, Vector, (Float)(i64)a) \
    OFINT1(u64, u64, bits, Float, Vector, fp_of_u64_f##bits(a))
OFINT(32, float, F32x4)
OFINT(64, double, F64x2)
#undef OFINT
#undef OFINT1

static inline V128 op_vs32tof32(Task *t, V128 a, u64 imm)
{
    F32x4 r = __builtin_convertvector((I32x4)a, F32x4);
    if (imm)
        r *= fp_scale_f32(imm);
    return (V128)r;
}

#define OFINT_V(letter, bits, Float, Vector, Ints, count, expr) \
    static inline V128 op_v##letter##bits##tof##bits(Task *t, V128 a, u64 imm) \
    { \
        Vector r; \
        for (int i = 0; i < count; i++) { \
            u##bits n = (u##bits)((Ints)a)[i]; \
            r[i] = expr; \
        } \
        if (imm) \
            r *= fp_scale_f##bits(imm); \
        return (V128)r; \
    }
OFINT_V(u, 32, float, F32x4, I32x4, 4, (float)(i64)n)
OFINT_V(s, 64, double, F64x2, I64x2, 2, (double)(i64)n)
OFINT_V(u, 64, double, F64x2, I64x2, 2, fp_of_u64_f64(n))
#undef OFINT_V

/* To a 32-bit integer as in JavaScript; what the host marks, the least one, is left to softfp. */
static inline u64 op_fjcvtzs(Task *t, V128 a)
{
    if (FP_SPECIAL(t))
        return softfp_fjcvtzs(t, a);
    double v = ((F64x2)a)[0];
    i32 r = __builtin_ia32_cvttsd2si((F64x2)a);
    if (unlikely(r == INT32_MIN))
        return softfp_fjcvtzs(t, a);
    bool exact = v == (double)r && ((I64x2)a)[0] != INT64_MIN;
    return (u32)r | (u64)exact << 32;
}

#undef UNARY
#undef UNARY_SCALAR
#undef FMA_HOST

#endif
