/* Bodies of the half-precision ops of ir_fp.def. Where the host converts (F16C), they are the single-precision ops on
 * converted operands, whose results are rounded once more. That is the same as rounding once: single precision has more
 * than twice the bits, for directed rounding any more would do, and multiply-add is looked at. softfp.c has the rest:
 * results that are NaNs, denormal or next to it (see ops_fp.h), FP_FLUSH_HALF. */
#ifndef DRAGOMAN_LIFTER_OPS_HALF_H
#define DRAGOMAN_LIFTER_OPS_HALF_H

#include <immintrin.h>

#include "host.h"
#include "ops_fp.h"
#include "ops_vec.h"

#define HALF_HOST static __attribute__((target("f16c"))) inline

static inline bool half_on_host(const Task *t)
{
    return !(t->fp_mode & FP_FLUSH_HALF) && HOST_HAS(f16c);
}

HALF_HOST V128 half_low(V128 a)
{
    return (V128)_mm_cvtph_ps((__m128i)a);
}

HALF_HOST V128 half_high(V128 a)
{
    return half_low(op_vhigh64(a));
}

/* Lane 0 alone: the others might be signalling NaNs. */
HALF_HOST V128 half_first(V128 a)
{
    return half_low(op_vlow16(a));
}

HALF_HOST V128 half_narrow(V128 low, V128 high)
{
    __m128i l = _mm_cvtps_ph((__m128)low, _MM_FROUND_CUR_DIRECTION);
    return (V128)_mm_unpacklo_epi64(l, _mm_cvtps_ph((__m128)high, _MM_FROUND_CUR_DIRECTION));
}

/* NaN, denormal or the least normal number in some lane */
static inline bool half_is_edge(V128 r)
{
    Vu16 magnitude = (Vu16)r & 0x7fff;
    Vs16 edge = (magnitude > 0x7c00) | (magnitude - 1 < 0x400);
    return unlikely(!_mm_testz_si128((__m128i)edge, (__m128i)edge));
}

#define HALF(name, params, args, scalar, low, high, retry)                                                             \
    HALF_HOST V128 host_f##name##16 params                                                                             \
    {                                                                                                                  \
        V128 single = op_f##name##32 scalar, r = half_narrow(single, (V128){0});                                       \
        return half_is_edge(r) || retry(single, single) ? softfp_f##name##16 args : r;                                 \
    }                                                                                                                  \
    HALF_HOST V128 host_vf##name##16 params                                                                            \
    {                                                                                                                  \
        V128 l = op_vf##name##32 low, h = op_vf##name##32 high, r = half_narrow(l, h);                                 \
        return half_is_edge(r) || retry(l, h) ? softfp_vf##name##16 args : r;                                          \
    }                                                                                                                  \
    static inline V128 op_f##name##16 params                                                                           \
    {                                                                                                                  \
        return half_on_host(t) ? host_f##name##16 args : softfp_f##name##16 args;                                      \
    }                                                                                                                  \
    static inline V128 op_vf##name##16 params                                                                          \
    {                                                                                                                  \
        return half_on_host(t) ? host_vf##name##16 args : softfp_vf##name##16 args;                                    \
    }
#define HALF1(name)                                                                                                    \
    HALF(name, (Task * t, V128 a), (t, a), (t, half_first(a)), (t, half_low(a)), (t, half_high(a)), half_sure)
#define HALF2(name)                                                                                                    \
    HALF(name, (Task * t, V128 a, V128 b), (t, a, b), (t, half_first(a), half_first(b)),                               \
         (t, half_low(a), half_low(b)), (t, half_high(a), half_high(b)), half_sure)
#define half_sure(low, high) false
HALF2(add)
HALF2(sub)
HALF2(mul)
HALF2(div)
HALF2(max)
HALF2(min)
HALF1(sqrt)
HALF1(rintn)
HALF1(rintm)
HALF1(rintp)
HALF1(rintz)
HALF1(rinta)
HALF1(rinti)
HALF1(rintx)

/* A multiply-add that single precision has rounded may look like a tie of two numbers and not be one. */
static inline bool half_maybe_tie(V128 low, V128 high)
{
    Vs32 tie = (((Vs32)low & 0x1fff) == 0x1000) | (((Vs32)high & 0x1fff) == 0x1000);
    return unlikely(!_mm_testz_si128((__m128i)tie, (__m128i)tie));
}
HALF(ma, (Task * t, V128 a, V128 b, V128 c), (t, a, b, c), (t, half_first(a), half_first(b), half_first(c)),
     (t, half_low(a), half_low(b), half_low(c)), (t, half_high(a), half_high(b), half_high(c)), half_maybe_tie)

/* Here signalling NaNs don't do as quiet ones, which is what the conversion makes of them. */
static inline bool half_has_nan(V128 a)
{
    Vs16 nan = ((Vu16)a & 0x7fff) > 0x7c00;
    return unlikely(!_mm_testz_si128((__m128i)nan, (__m128i)nan));
}
#define half_has_nan2(low, high) (half_has_nan(a) || half_has_nan(b))
#define HALF_NUMBER(name)                                                                                              \
    HALF(name, (Task * t, V128 a, V128 b), (t, a, b), (t, half_first(a), half_first(b)),                               \
         (t, half_low(a), half_low(b)), (t, half_high(a), half_high(b)), half_has_nan2)
HALF_NUMBER(maxnm)
HALF_NUMBER(minnm)
#undef HALF_NUMBER
#undef half_has_nan2
#undef HALF
#undef HALF1
#undef HALF2
#undef half_sure

static inline V128 op_fabs16(V128 a)
{
    return (V128)((Vu16)a & (Vu16){0x7fff});
}

static inline V128 op_fneg16(V128 a)
{
    return (V128)((Vu16)op_vlow16(a) ^ (Vu16){0x8000});
}

static inline V128 op_vfabs16(V128 a)
{
    return (V128)((Vu16)a & 0x7fff);
}

static inline V128 op_vfneg16(V128 a)
{
    return (V128)((Vu16)a ^ 0x8000);
}

/* -- comparison: single precision says and raises the same -----------------------------------------------------------
 */

#define COMPARE(name)                                                                                                  \
    HALF_HOST u32 host_##name##16(Task * t, V128 a, V128 b)                                                            \
    {                                                                                                                  \
        return op_##name##32(t, half_first(a), half_first(b));                                                         \
    }                                                                                                                  \
    static inline u32 op_##name##16(Task * t, V128 a, V128 b)                                                          \
    {                                                                                                                  \
        return half_on_host(t) ? host_##name##16(t, a, b) : softfp_##name##16(t, a, b);                                \
    }
COMPARE(fcmp)
COMPARE(fcmpe)
#undef COMPARE
#define COMPARE(name)                                                                                                  \
    HALF_HOST V128 host_##name##16(Task * t, V128 a, V128 b)                                                           \
    {                                                                                                                  \
        V128 low = op_##name##32(t, half_low(a), half_low(b)), high = op_##name##32(t, half_high(a), half_high(b));    \
        return (V128)_mm_packs_epi32((__m128i)low, (__m128i)high);                                                     \
    }                                                                                                                  \
    static inline V128 op_##name##16(Task * t, V128 a, V128 b)                                                         \
    {                                                                                                                  \
        return half_on_host(t) ? host_##name##16(t, a, b) : softfp_##name##16(t, a, b);                                \
    }
COMPARE(vfcmeq)
COMPARE(vfcmge)
COMPARE(vfcmgt)
COMPARE(vfacge)
COMPARE(vfacgt)
#undef COMPARE

/* -- estimates and steps ---------------------------------------------------------------------------------------------
 */

SOFT1(vfrecpe16)
SOFT1(vfrsqrte16)
SOFT1(frecpx16)
SOFT2(vfmulx16)
SOFT2(vfrecps16)
SOFT2(vfrsqrts16)
#undef SOFT2

/* -- between formats: flushing of half precision doesn't count -------------------------------------------------------
 */

#define CONVERT(name, flags, result, wrong)                                                                            \
    HALF_HOST V128 host_##name(Task *t, V128 a)                                                                        \
    {                                                                                                                  \
        V128 r = result;                                                                                               \
        return wrong ? softfp_##name(t, a) : r;                                                                        \
    }                                                                                                                  \
    static inline V128 op_##name(Task *t, V128 a)                                                                      \
    {                                                                                                                  \
        return !(t->fp_mode & (flags)) && HOST_HAS(f16c) ? host_##name(t, a) : softfp_##name(t, a);                  \
    }
CONVERT(f16to32, FP_ALT_HALF, half_first(a), fp_is_nan_vf32((F32x4)r))
CONVERT(vf16to32, FP_ALT_HALF, half_low(a), fp_is_nan_vf32((F32x4)r))
CONVERT(f32to16, FP_ALT_HALF | FP_FLUSH, half_narrow(op_vlow32(a), (V128){0}), half_is_edge(r))
CONVERT(vf32to16, FP_ALT_HALF | FP_FLUSH, half_narrow(a, (V128){0}), half_is_edge(r))
#undef CONVERT
SOFT1(f16to64)
SOFT1(f64to16)
SOFT1(f32tobf16)
SOFT1(vf32tobf16)
#undef SOFT1

/* Denormals are made of integers; infinities and NaNs have the greatest exponent in either format. */
static inline V128 op_vf16to32s(Task *t, V128 a)
{
    Vu32 half = (Vu32)op_vuxl16(a), magnitude = half & 0x7fff, sign = (half & 0x8000) << 16;
    Vu32 special = (Vu32)(magnitude >= 0x7c00), denormal = (Vu32)(magnitude < 0x400);
    const Vu32 rebias = (Vu32){} + (112u << 23);
    Vu32 r = (magnitude << 13) + rebias + (rebias & special);
    const F32x4 least = {0x1p-24f, 0x1p-24f, 0x1p-24f, 0x1p-24f};
    Vu32 small = (Vu32)(__builtin_convertvector((Vs32)(magnitude & denormal), F32x4) * least);
    if (t->fp_mode & FP_FLUSH_HALF)
        small = (Vu32){};
    return (V128)(sign | (r & ~denormal) | (small & denormal));
}

/* -- to and from integers --------------------------------------------------------------------------------------------
 */

#define TOINT(letter, is_signed, to, Unsigned)                                                                         \
    HALF_HOST Unsigned host_f16to##letter##to(Task *t, V128 a, u64 imm)                                                \
    {                                                                                                                  \
        return imm == ROUND_ZERO ? op_f32to##letter##to##z(t, half_first(a))                                           \
                                 : op_f32to##letter##to(t, half_first(a), imm);                                        \
    }                                                                                                                  \
    static inline Unsigned op_f16to##letter##to(Task *t, V128 a, u64 imm)                                              \
    {                                                                                                                  \
        return half_on_host(t) ? host_f16to##letter##to(t, a, imm)                                                     \
                               : (Unsigned)softfp_toint(t, a, 16, is_signed, to, imm);                                 \
    }                                                                                                                  \
    static inline Unsigned op_f16to##letter##to##z(Task *t, V128 a)                                                    \
    {                                                                                                                  \
        return op_f16to##letter##to(t, a, ROUND_ZERO);                                                                 \
    }
TOINT(s, true, 32, u32)
TOINT(s, true, 64, u64)
TOINT(u, false, 32, u32)
TOINT(u, false, 64, u64)
#undef TOINT

#define TOINT_V(letter, is_signed)                                                                                     \
    static inline V128 op_vf16to##letter##16(Task * t, V128 a, u64 imm)                                                \
    {                                                                                                                  \
        Vu16 r;                                                                                                        \
        for (int i = 0; i < 8; i++)                                                                                    \
            r[i] = (u16)softfp_toint(t, (V128)(Vu16){((Vu16)a)[i]}, 16, is_signed, 16, imm);                           \
        return (V128)r;                                                                                                \
    }
TOINT_V(s, true)
TOINT_V(u, false)
#undef TOINT_V

#define OFINT(letter, from, arg, is_signed)                                                                            \
    static inline V128 op_##letter##from##tof16(Task *t, arg a, u64 imm)                                               \
    {                                                                                                                  \
        return (V128)(Vu16){softfp_ofint16(t, a, is_signed, from, imm)};                                               \
    }
OFINT(s, 32, u32, true)
OFINT(u, 32, u32, false)
OFINT(s, 64, u64, true)
OFINT(u, 64, u64, false)
#undef OFINT

#define OFINT_V(letter, is_signed)                                                                                     \
    static inline V128 op_v##letter##16tof16(Task * t, V128 a, u64 imm)                                                \
    {                                                                                                                  \
        Vu16 r;                                                                                                        \
        for (int i = 0; i < 8; i++)                                                                                    \
            r[i] = softfp_ofint16(t, ((Vu16)a)[i], is_signed, 16, imm);                                                \
        return (V128)r;                                                                                                \
    }
OFINT_V(s, true)
OFINT_V(u, false)
#undef OFINT_V

/* -- BFloat16 --------------------------------------------------------------------------------------------------------
 */

static inline V128 op_vbfdot(Task *t, V128 a, V128 b, V128 c)
{
    return softfp_vbfdot(t, a, b, c);
}

#undef HALF_HOST
#endif
