/* Floating point in integers, exact to the bit and the flag: what the bodies in ops_fp.h call when the host's
 * instructions would not do (a NaN, a result at the edge of the denormals, operands to be flushed, half precision),
 * and the reference that they are tested against. Semantics are those of the Arm ARM's shared pseudocode (DDI 0487,
 * J1.3 "shared/functions/float"); other guests select theirs through Task.fp_mode. Rounding is MXCSR's; flags are
 * added to Task.fp_status.  The functions take and return what the op of the same name does (ir_fp.def). */
#ifndef DRAGOMAN_LIFTER_SOFTFP_H
#define DRAGOMAN_LIFTER_SOFTFP_H

#include "../include/task.h"

/* Rounding: the last overflows to infinity, where the one before gives the largest number. The first four are MXCSR's RC; conversions to integers take these in the low byte of imm. */
typedef enum Rounding { ROUND_EVEN, ROUND_DOWN, ROUND_UP, ROUND_ZERO, ROUND_AWAY, ROUND_ODD, ROUND_ODD_INFINITE } Rounding;

/* fp_slow_NAME (fp_slow.c) is what the bodies call: softfp_NAME, unless with FP_FLUSH the operands show that the
 * host does it. */
#define COLD __attribute__((cold))
#define SOFTFP1(name) COLD V128 softfp_##name(Task *t, V128 a), fp_slow_##name(Task *t, V128 a);
#define SOFTFP2(name) COLD V128 softfp_##name(Task *t, V128 a, V128 b), fp_slow_##name(Task *t, V128 a, V128 b);
#define SOFTFP3(name) \
    COLD V128 softfp_##name(Task *t, V128 a, V128 b, V128 c), fp_slow_##name(Task *t, V128 a, V128 b, V128 c);
/* Scalar (upper lanes of the result zero) and vector forms of all widths. */
#define SOFTFP_ALL(FORM, name) SOFTFP_SCALAR(FORM, name) SOFTFP_VECTOR(FORM, name)
#define SOFTFP_SCALAR(FORM, name) FORM(f##name##16) FORM(f##name##32) FORM(f##name##64)
#define SOFTFP_VECTOR(FORM, name) FORM(vf##name##16) FORM(vf##name##32) FORM(vf##name##64)

SOFTFP_ALL(SOFTFP2, add)
SOFTFP_ALL(SOFTFP2, sub)
SOFTFP_ALL(SOFTFP2, mul)
SOFTFP_ALL(SOFTFP2, div)
SOFTFP_ALL(SOFTFP1, sqrt)
SOFTFP_ALL(SOFTFP3, ma)
SOFTFP_ALL(SOFTFP2, max)
SOFTFP_ALL(SOFTFP2, min)
SOFTFP_ALL(SOFTFP2, maxnm)
SOFTFP_ALL(SOFTFP2, minnm)
SOFTFP_ALL(SOFTFP1, rintn)
SOFTFP_ALL(SOFTFP1, rintm)
SOFTFP_ALL(SOFTFP1, rintp)
SOFTFP_ALL(SOFTFP1, rintz)
SOFTFP_ALL(SOFTFP1, rinta)
SOFTFP_ALL(SOFTFP1, rinti)
SOFTFP_ALL(SOFTFP1, rintx)
SOFTFP_SCALAR(SOFTFP1, recpx)
SOFTFP_VECTOR(SOFTFP2, mulx)
SOFTFP_VECTOR(SOFTFP1, recpe)
SOFTFP_VECTOR(SOFTFP1, rsqrte)
SOFTFP_VECTOR(SOFTFP2, recps)
SOFTFP_VECTOR(SOFTFP2, rsqrts)
SOFTFP_VECTOR(SOFTFP2, cmeq)
SOFTFP_VECTOR(SOFTFP2, cmge)
SOFTFP_VECTOR(SOFTFP2, cmgt)
SOFTFP_VECTOR(SOFTFP2, acge)
SOFTFP_VECTOR(SOFTFP2, acgt)
#define SOFTFP_INTEGER(name) SOFTFP1(f##name##32) SOFTFP1(f##name##64) SOFTFP1(vf##name##32) SOFTFP1(vf##name##64)
SOFTFP_INTEGER(rint32z)
SOFTFP_INTEGER(rint32x)
SOFTFP_INTEGER(rint64z)
SOFTFP_INTEGER(rint64x)
#undef SOFTFP_INTEGER
#undef SOFTFP_ALL
#undef SOFTFP_SCALAR
#undef SOFTFP_VECTOR

SOFTFP1(f16to32)
SOFTFP1(f16to64)
SOFTFP1(f32to16)
SOFTFP1(f32to64)
SOFTFP1(f64to16)
SOFTFP1(f64to32)
SOFTFP1(vf16to32)
SOFTFP1(vf32to16)
SOFTFP1(vf32to64)
SOFTFP1(vf64to32)
SOFTFP1(vf64to32x)
SOFTFP1(f32tobf16)
SOFTFP1(vf32tobf16)
#undef SOFTFP1
#undef SOFTFP2
#undef SOFTFP3

/* N,Z,C,V in bits 31..28; fcmpe signals quiet NaNs as well. */
#define SOFTFP_COMPARE(name) COLD u32 softfp_##name(Task *t, V128 a, V128 b), fp_slow_##name(Task *t, V128 a, V128 b);
SOFTFP_COMPARE(fcmp16)
SOFTFP_COMPARE(fcmp32)
SOFTFP_COMPARE(fcmp64)
SOFTFP_COMPARE(fcmpe16)
SOFTFP_COMPARE(fcmpe32)
SOFTFP_COMPARE(fcmpe64)
#undef SOFTFP_COMPARE

/* Lane 0, of `from` bits (16, 32 or 64), to an integer of `to` bits; imm is Rounding | fraction bits << 8. Saturates. */
COLD u64 softfp_toint(Task *t, V128 a, u32 from, bool is_signed, u32 to, u64 imm);
/* v, an integer of `from` bits with fraction_bits, to half precision */
COLD u16 softfp_ofint16(Task *t, u64 v, bool is_signed, u32 from, u64 fraction_bits);
V128 softfp_vbfdot(Task *t, V128 a, V128 b, V128 c);
COLD u64 softfp_fjcvtzs(Task *t, V128 a);
#undef COLD

#endif
