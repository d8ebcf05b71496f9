/* What the floating-point bodies call when the host's instruction may not do. Programs built with -ffast-math run
 * with FP_FLUSH from start to end, so there the host is used after all for operands that can't lead to anything
 * being flushed; the rest, and all else, is softfp's. */
#define FP_SLOW(name) softfp_##name
#define FP_SPECIAL(t) false
#include "ops_fp.h"

/* Each of these gives a mask of lanes, as MOVMSK does. */

static int mask32(I32x4 lanes)
{
    return __builtin_ia32_movmskps((F32x4)lanes);
}

static int mask64(I64x2 lanes)
{
    return __builtin_ia32_movmskpd((F64x2)lanes);
}

/* Normal, zero, infinite or NaN */
static int normal32(V128 a)
{
    I32x4 magnitude = (I32x4)op_vfabs32(a);
    return mask32((magnitude >= 0x00800000) | (magnitude == 0));
}

static int normal64(V128 a)
{
    I64x2 magnitude = (I64x2)op_vfabs64(a);
    return mask64((magnitude >= 0x0010000000000000) | (magnitude == 0));
}

/* Zero, or so far from the denormals that no sum, product, quotient or fused product and sum of such can be one:
 * with biased exponents e >= low and <= high, low + low - bias - (last bit of an exact product, 2 * fraction bits)
 * >= 1, and low - high + bias >= 1. */
static int moderate32(V128 a)
{
    I32x4 magnitude = (I32x4)op_vfabs32(a);
    return mask32(((magnitude >= 88 << 23) & (magnitude < 167 << 23)) | (magnitude == 0));
}

static int moderate64(V128 a)
{
    I64x2 magnitude = (I64x2)op_vfabs64(a);
    return mask64(((magnitude >= 640ll << 52) & (magnitude < 1408ll << 52)) | (magnitude == 0));
}

/* Normal in single precision, too */
static int narrow64(V128 a)
{
    I64x2 magnitude = (I64x2)op_vfabs64(a);
    return mask64((magnitude >= 898ll << 52) | (magnitude == 0));
}

#define FITS1(fits, lanes) (t->fp_mode & FP_FLUSH && !(~fits(a) & (lanes)))
#define FITS2(fits, lanes) (t->fp_mode & FP_FLUSH && !(~(fits(a) & fits(b)) & (lanes)))
#define FITS3(fits, lanes) (t->fp_mode & FP_FLUSH && !(~(fits(a) & fits(b) & fits(c)) & (lanes)))
#define SLOW1(name, fits, lanes) \
    V128 fp_slow_##name(Task *t, V128 a) \
    { \
        return FITS1(fits, lanes) ? op_##name(t, a) : softfp_##name(t, a); \
    }
#define SLOW2(name, fits, lanes) \
    V128 fp_slow_##name(Task *t, V128 a, V128 b) \
    { \
        return FITS2(fits, lanes) ? op_##name(t, a, b) : softfp_##name(t, a, b); \
    }
#define SLOW3(name, fits, lanes) \
    V128 fp_slow_##name(Task *t, V128 a, V128 b, V128 c) \
    { \
        return FITS3(fits, lanes) ? op_##name(t, a, b, c) : softfp_##name(t, a, b, c); \
    }
#define COMPARE(name, fits) \
    u32 fp_slow_##name(Task *t, V128 a, V128 b) \
    { \
        return FITS2(fits, 1) ? op_##name(t, a, b) : softfp_##name(t, a, b); \
    }
#define SCALAR(SLOW, name, fits) SLOW(f##name##32, fits##32, 1) SLOW(f##name##64, fits##64, 1)
#define VECTOR(SLOW, name, fits) SLOW(vf##name##32, fits##32, 15) SLOW(vf##name##64, fits##64, 3)
#define BOTH(SLOW, name, fits) SCALAR(SLOW, name, fits) VECTOR(SLOW, name, fits)

BOTH(SLOW2, add, moderate)
BOTH(SLOW2, sub, moderate)
BOTH(SLOW2, mul, moderate)
BOTH(SLOW2, div, moderate)
BOTH(SLOW3, ma, moderate)
BOTH(SLOW1, sqrt, normal)
BOTH(SLOW2, max, normal)
BOTH(SLOW2, min, normal)
BOTH(SLOW2, maxnm, normal)
BOTH(SLOW2, minnm, normal)
BOTH(SLOW1, rintn, normal)
BOTH(SLOW1, rintm, normal)
BOTH(SLOW1, rintp, normal)
BOTH(SLOW1, rintz, normal)
BOTH(SLOW1, rinta, normal)
BOTH(SLOW1, rinti, normal)
BOTH(SLOW1, rintx, normal)
VECTOR(SLOW2, cmeq, normal)
VECTOR(SLOW2, cmge, normal)
VECTOR(SLOW2, cmgt, normal)
VECTOR(SLOW2, acge, normal)
VECTOR(SLOW2, acgt, normal)
COMPARE(fcmp32, normal32)
COMPARE(fcmp64, normal64)
COMPARE(fcmpe32, normal32)
COMPARE(fcmpe64, normal64)
SLOW1(f32to64, normal32, 1)
SLOW1(f64to32, narrow64, 1)
SLOW1(vf32to64, normal32, 3)
SLOW1(vf64to32, narrow64, 3)
