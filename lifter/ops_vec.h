/* Bodies of the vector integer and permute ops of ir_vec.def. */
#ifndef DRAGOMAN_LIFTER_OPS_VEC_H
#define DRAGOMAN_LIFTER_OPS_VEC_H

#include <smmintrin.h>

#include "../include/ir.h"
#include "../include/task.h"

typedef u8 Vu8 __attribute__((vector_size(16)));
typedef u16 Vu16 __attribute__((vector_size(16)));
typedef u32 Vu32 __attribute__((vector_size(16)));
typedef u64 Vu64 __attribute__((vector_size(16)));
typedef i8 Vs8 __attribute__((vector_size(16)));
typedef i16 Vs16 __attribute__((vector_size(16)));
typedef i32 Vs32 __attribute__((vector_size(16)));
typedef i64 Vs64 __attribute__((vector_size(16)));

/* A body over lanes of one type: the expression sees a, b, c as vectors of Vs or Vu lanes. */
#define BODY1(name, T, expr) \
    static inline V128 op_##name(V128 a_) \
    { \
        T a = (T)a_; \
        return (V128)(expr); \
    }
#define BODY2(name, T, expr) \
    static inline V128 op_##name(V128 a_, V128 b_) \
    { \
        T a = (T)a_, b = (T)b_; \
        return (V128)(expr); \
    }
#define BODY1_4(name, s, expr) \
    BODY1(name##8, V##s##8, expr) \
    BODY1(name##16, V##s##16, expr) BODY1(name##32, V##s##32, expr) BODY1(name##64, V##s##64, expr)
#define BODY2_3(name, s, expr) \
    BODY2(name##8, V##s##8, expr) BODY2(name##16, V##s##16, expr) BODY2(name##32, V##s##32, expr)
#define BODY2_4(name, s, expr) BODY2_3(name, s, expr) BODY2(name##64, V##s##64, expr)

/* Lane lists of permutes for __builtin_shufflevector: A is the lane count. */
#define EVEN_2 0, 2
#define EVEN_4 0, 2, 4, 6
#define EVEN_8 EVEN_4, 8, 10, 12, 14
#define EVEN_16 EVEN_8, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_2 1, 3
#define ODD_4 1, 3, 5, 7
#define ODD_8 ODD_4, 9, 11, 13, 15
#define ODD_16 ODD_8, 17, 19, 21, 23, 25, 27, 29, 31
#define ZIP1_2 0, 2
#define ZIP1_4 0, 4, 1, 5
#define ZIP1_8 0, 8, 1, 9, 2, 10, 3, 11
#define ZIP1_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define ZIP2_2 1, 3
#define ZIP2_4 2, 6, 3, 7
#define ZIP2_8 4, 12, 5, 13, 6, 14, 7, 15
#define ZIP2_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define TRN1_2 0, 2
#define TRN1_4 0, 4, 2, 6
#define TRN1_8 0, 8, 2, 10, 4, 12, 6, 14
#define TRN1_16 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define TRN2_2 1, 3
#define TRN2_4 1, 5, 3, 7
#define TRN2_8 1, 9, 3, 11, 5, 13, 7, 15
#define TRN2_16 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define SHUFFLE(a, b, lanes) __builtin_shufflevector(a, b, lanes)

static inline V128 mask_of(u32 byte)
{
    return (V128)_mm_set1_epi8((char)byte);
}

/* Where mask is ones a, else b. */
static inline V128 pick(V128 mask, V128 a, V128 b)
{
    return (a & mask) | (b & ~mask);
}

/* -- Moving between types ------------------------------------------------------------------------------------------ */

static inline u32 op_vtow(V128 a)
{
    return ((Vu32)a)[0];
}

static inline u64 op_vtox(V128 a)
{
    return ((Vu64)a)[0];
}

static inline V128 op_wtov(u32 a)
{
    return (V128)(Vu32){a};
}

static inline V128 op_xtov(u64 a)
{
    return (V128)(Vu64){a};
}

static inline V128 op_vlow8(V128 a)
{
    return op_wtov(op_vtow(a) & 0xff);
}

static inline V128 op_vlow16(V128 a)
{
    return op_wtov(op_vtow(a) & 0xffff);
}

static inline V128 op_vlow32(V128 a)
{
    return (V128)(Vu32){((Vu32)a)[0]};
}

static inline V128 op_vlow64(V128 a)
{
    return (V128)_mm_move_epi64((__m128i)a);
}

static inline V128 op_vhigh64(V128 a)
{
    return (V128)_mm_srli_si128((__m128i)a, 8);
}

static inline V128 op_vdup8(u32 a)
{
    return mask_of(a);
}

static inline V128 op_vdup16(u32 a)
{
    return (V128)_mm_set1_epi16((short)a);
}

static inline V128 op_vdup32(u32 a)
{
    return (V128)_mm_set1_epi32((int)a);
}

static inline V128 op_vdup64(u64 a)
{
    return (V128)(Vu64){a, a};
}

/* pshufb indices that bring a lane to the lowest one */
#define LANE16(imm) ((u32)(imm)*0x0202u + 0x0100u)
#define LANE32(imm) ((u32)(imm)*0x04040404u + 0x03020100u)
#define LANE64(imm) ((u64)(imm)*0x0808080808080808u + 0x0706050403020100u)

static inline V128 bytes_at(V128 a, V128 index)
{
    return (V128)_mm_shuffle_epi8((__m128i)a, (__m128i)index);
}

static inline V128 op_vduplane8(V128 a, u64 imm)
{
    return bytes_at(a, op_vdup8((u32)imm));
}

static inline V128 op_vduplane16(V128 a, u64 imm)
{
    return bytes_at(a, op_vdup16(LANE16(imm)));
}

static inline V128 op_vduplane32(V128 a, u64 imm)
{
    return bytes_at(a, op_vdup32(LANE32(imm)));
}

static inline V128 op_vduplane64(V128 a, u64 imm)
{
    return bytes_at(a, op_vdup64(LANE64(imm)));
}

static inline V128 op_vsetlane8(V128 a, V128 b, u64 imm)
{
    const Vu8 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return pick((V128)(lanes == (Vu8)op_vdup8((u32)imm)), b, a);
}

static inline V128 op_vsetlane16(V128 a, V128 b, u64 imm)
{
    const Vu16 lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    return pick((V128)(lanes == (Vu16)op_vdup16((u32)imm)), b, a);
}

static inline V128 op_vsetlane32(V128 a, V128 b, u64 imm)
{
    const Vu32 lanes = {0, 1, 2, 3};
    return pick((V128)(lanes == (Vu32)op_vdup32((u32)imm)), b, a);
}

static inline V128 op_vsetlane64(V128 a, V128 b, u64 imm)
{
    const Vu64 lanes = {0, 1};
    return pick((V128)(lanes == (Vu64)op_vdup64(imm)), b, a);
}

static inline u32 op_vget8(V128 a, u64 imm)
{
    return op_vtow(bytes_at(a, op_wtov((u32)imm))) & 0xff;
}

static inline u32 op_vget16(V128 a, u64 imm)
{
    return op_vtow(bytes_at(a, op_wtov(LANE16(imm)))) & 0xffff;
}

static inline u32 op_vget32(V128 a, u64 imm)
{
    return op_vtow(bytes_at(a, op_wtov(LANE32(imm))));
}

static inline u64 op_vget64(V128 a, u64 imm)
{
    return op_vtox(bytes_at(a, op_xtov(LANE64(imm))));
}

/* -- Logic and arithmetic ------------------------------------------------------------------------------------------ */

BODY2(vand, V128, a & b)
BODY2(vor, V128, a | b)
BODY2(vxor, V128, a ^ b)
BODY2(vandn, V128, a & ~b)
BODY2(vorn, V128, a | ~b)
BODY1(vnot, V128, ~a)

static inline V128 op_vbsl(V128 a, V128 b, V128 c)
{
    return pick(a, b, c);
}

BODY2_4(vadd, u, a + b)
BODY2_4(vsub, u, a - b)
BODY1_4(vneg, u, -a)
BODY1_4(vabs, s, __builtin_elementwise_abs(a))
BODY2_3(vmul, u, a * b)
BODY2_3(vshadd, s, (a & b) + ((a ^ b) >> 1))
BODY2_3(vuhadd, u, (a & b) + ((a ^ b) >> 1))
BODY2_3(vsrhadd, s, (a | b) - ((a ^ b) >> 1))
BODY2(vurhadd8, __m128i, _mm_avg_epu8(a, b))
BODY2(vurhadd16, __m128i, _mm_avg_epu16(a, b))
BODY2(vurhadd32, Vu32, (a | b) - ((a ^ b) >> 1))
BODY2_3(vshsub, s, (a >> 1) - (b >> 1) - (~a & b & 1))
BODY2_3(vuhsub, u, (a >> 1) - (b >> 1) - (~a & b & 1))
BODY2_3(vsabd, s, __builtin_elementwise_max(a, b) - __builtin_elementwise_min(a, b))
BODY2_3(vuabd, u, __builtin_elementwise_max(a, b) - __builtin_elementwise_min(a, b))
BODY2_3(vsmax, s, __builtin_elementwise_max(a, b))
BODY2_3(vumax, u, __builtin_elementwise_max(a, b))
BODY2_3(vsmin, s, __builtin_elementwise_min(a, b))
BODY2_3(vumin, u, __builtin_elementwise_min(a, b))
BODY2_4(vcmeq, u, a == b)
BODY2_4(vcmgt, s, a > b)
BODY2_4(vcmge, s, a >= b)
BODY2_4(vcmhi, u, a > b)
BODY2_4(vcmhs, u, a >= b)
BODY2_4(vcmtst, u, (a & b) != 0)

static inline V128 op_vpmul8(V128 a_, V128 b_)
{
    Vu8 a = a_, b = b_, r = {0};
    for (int bit = 0; bit < 8; bit++)
        r ^= (a << bit) & -(b >> bit & 1);
    return r;
}

/* -- Bits ---------------------------------------------------------------------------------------------------------- */

/* Looks each byte's nibbles up in two tables. */
static inline V128 low_nibbles(V128 a, V128 table)
{
    return bytes_at(table, a & 15);
}

static inline V128 high_nibbles(V128 a, V128 table)
{
    return bytes_at(table, (V128)((Vu16)a >> 4) & 15);
}

static inline V128 op_vcnt8(V128 a)
{
    const V128 ones = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
    return low_nibbles(a, ones) + high_nibbles(a, ones);
}

static inline V128 op_vrbit8(V128 a)
{
    const V128 reversed = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
    return low_nibbles(a, reversed << 4) | high_nibbles(a, reversed);
}

static inline V128 op_vclz8(V128 a)
{
    const V128 zeros = {4, 3, 2, 2, 1, 1, 1, 1};
    V128 high = high_nibbles(a, zeros);
    return high + (low_nibbles(a, zeros) & (V128)(high == 4));
}

/* Leading zeros of a lane from those of its halves. */
static inline V128 op_vclz16(V128 a)
{
    Vu16 halves = (Vu16)op_vclz8(a), high = halves >> 8;
    return (V128)(high + (halves & 0xff & (Vu16)(high == 8)));
}

static inline V128 op_vclz32(V128 a)
{
    Vu32 halves = (Vu32)op_vclz16(a), high = halves >> 16;
    return (V128)(high + (halves & 0xffff & (Vu32)(high == 16)));
}

BODY1(vcls8, Vs8, op_vclz8((V128)(a ^ a >> 7)) - 1)
BODY1(vcls16, Vs16, (Vu16)op_vclz16((V128)(a ^ a >> 15)) - 1)
BODY1(vcls32, Vs32, (Vu32)op_vclz32((V128)(a ^ a >> 31)) - 1)

/* -- Shifts by an immediate ---------------------------------------------------------------------------------------- */

/* The host's shifts give zero, or the sign, for counts of the width and above; it lacks those of bytes, and the
 * arithmetic one of 64 bits. Complementing negative lanes before and after makes a logical shift arithmetic. */
#define COUNT(imm) _mm_cvtsi64_si128((i64)(imm))

static inline V128 op_vshli8(V128 a, u64 imm)
{
    return (V128)_mm_sll_epi16((__m128i)a, COUNT(imm)) & mask_of(0xffu << imm);
}

static inline V128 op_vshli16(V128 a, u64 imm)
{
    return (V128)_mm_sll_epi16((__m128i)a, COUNT(imm));
}

static inline V128 op_vshli32(V128 a, u64 imm)
{
    return (V128)_mm_sll_epi32((__m128i)a, COUNT(imm));
}

static inline V128 op_vshli64(V128 a, u64 imm)
{
    return (V128)_mm_sll_epi64((__m128i)a, COUNT(imm));
}

static inline V128 op_vushri8(V128 a, u64 imm)
{
    return (V128)_mm_srl_epi16((__m128i)a, COUNT(imm)) & mask_of(0xffu >> imm);
}

static inline V128 op_vushri16(V128 a, u64 imm)
{
    return (V128)_mm_srl_epi16((__m128i)a, COUNT(imm));
}

static inline V128 op_vushri32(V128 a, u64 imm)
{
    return (V128)_mm_srl_epi32((__m128i)a, COUNT(imm));
}

static inline V128 op_vushri64(V128 a, u64 imm)
{
    return (V128)_mm_srl_epi64((__m128i)a, COUNT(imm));
}

static inline V128 op_vsshri8(V128 a, u64 imm)
{
    V128 sign = (V128)((Vs8)a < 0);
    return op_vushri8(a ^ sign, imm) ^ sign;
}

static inline V128 op_vsshri16(V128 a, u64 imm)
{
    return (V128)_mm_sra_epi16((__m128i)a, COUNT(imm));
}

static inline V128 op_vsshri32(V128 a, u64 imm)
{
    return (V128)_mm_sra_epi32((__m128i)a, COUNT(imm));
}

static inline V128 op_vsshri64(V128 a, u64 imm)
{
    V128 sign = (V128)((Vs64)a < 0);
    return op_vushri64(a ^ sign, imm) ^ sign;
}

/* Rounding adds the last bit shifted out. */
#define ROUNDING(bits) \
    static inline V128 op_vurshri##bits(V128 a, u64 imm) \
    { \
        return (V128)((Vu##bits)op_vushri##bits(a, imm) + ((Vu##bits)op_vushri##bits(a, imm - 1) & 1)); \
    } \
    static inline V128 op_vsrshri##bits(V128 a, u64 imm) \
    { \
        return (V128)((Vu##bits)op_vsshri##bits(a, imm) + ((Vu##bits)op_vushri##bits(a, imm - 1) & 1)); \
    }
ROUNDING(8)
ROUNDING(16)
ROUNDING(32)
ROUNDING(64)
#undef ROUNDING

/* -- Saturation ---------------------------------------------------------------------------------------------------- */

/* Some lane saturated if the result isn't the exact one. */
static inline V128 saturated(Task *t, V128 result, V128 exact)
{
    V128 differs = result ^ exact;
    t->saturated |= !_mm_testz_si128((__m128i)differs, (__m128i)differs);
    return result;
}

#define SATURATING2(name, T, sat, wrapped) \
    static inline V128 op_##name(Task *t, V128 a_, V128 b_) \
    { \
        T a = (T)a_, b = (T)b_; \
        return saturated(t, (V128)(sat), (V128)(wrapped)); \
    }
#define SATURATING1(name, T, sat, wrapped) \
    static inline V128 op_##name(Task *t, V128 a_) \
    { \
        T a = (T)a_; \
        return saturated(t, (V128)(sat), (V128)(wrapped)); \
    }
#define BY_WIDTH(M) M(8) M(16) M(32) M(64)
#define ADD_SUB(bits) \
    SATURATING2(vsqadd##bits, Vs##bits, __builtin_elementwise_add_sat(a, b), (Vu##bits)a + (Vu##bits)b) \
    SATURATING2(vuqadd##bits, Vu##bits, __builtin_elementwise_add_sat(a, b), a + b) \
    SATURATING2(vsqsub##bits, Vs##bits, __builtin_elementwise_sub_sat(a, b), (Vu##bits)a - (Vu##bits)b) \
    SATURATING2(vuqsub##bits, Vu##bits, __builtin_elementwise_sub_sat(a, b), a - b) \
    SATURATING1(vsqneg##bits, Vs##bits, __builtin_elementwise_sub_sat((Vs##bits){0}, a), -(Vu##bits)a) \
    SATURATING1(vsqabs##bits, Vs##bits, \
                __builtin_elementwise_max(a, __builtin_elementwise_sub_sat((Vs##bits){0}, a)), \
                __builtin_elementwise_abs(a))
BY_WIDTH(ADD_SUB)
#undef ADD_SUB

/* The exact result of each lane in a type wide enough, then clamped to the lane. */
#define CLAMP(v, lo, hi) ((v) < (lo) ? (lo) : (v) > (hi) ? (hi) : (v))
#define S_MAX(bits) ((Wide##bits)((u##bits)-1 >> 1))
#define S_MIN(bits) (-S_MAX(bits) - 1)
#define U_MAX(bits) ((Wide##bits)(u##bits)-1)
typedef i64 Wide8, Wide16, Wide32;
typedef i128 Wide64;

#define LANES2(name, bits, A, B, lo, hi, exact) \
    static inline V128 op_##name##bits(Task *t, V128 a_, V128 b_) \
    { \
        A va = (A)a_; \
        B vb = (B)b_; \
        Vu##bits r; \
        bool sat = false; \
        for (int i = 0; i < 128 / bits; i++) { \
            Wide##bits a = va[i], b = vb[i], v = (exact), clamped = CLAMP(v, lo, hi); \
            sat |= v != clamped; \
            r[i] = (u##bits)clamped; \
        } \
        t->saturated |= sat; \
        return (V128)r; \
    }
#define MIXED_ADD(bits) \
    LANES2(vsuqadd, bits, Vs##bits, Vu##bits, S_MIN(bits), S_MAX(bits), a + b) \
    LANES2(vusqadd, bits, Vu##bits, Vs##bits, 0, U_MAX(bits), a + b)
BY_WIDTH(MIXED_ADD)
#undef MIXED_ADD

/* A product doubled overflows for the most negative numbers only, and then wraps to the most negative number, which
 * nothing else gives. */
#define UNWRAPPED(bits, r) saturated(t, (V128)((r) ^ (Vu##bits)((r) == (u##bits)1 << (bits - 1))), (V128)(r))

static inline V128 op_vsqdmulh16(Task *t, V128 a, V128 b)
{
    Vu16 low = (Vu16)_mm_mullo_epi16((__m128i)a, (__m128i)b), high = (Vu16)_mm_mulhi_epi16((__m128i)a, (__m128i)b);
    Vu16 r = high << 1 | low >> 15;
    return UNWRAPPED(16, r);
}

static inline V128 op_vsqrdmulh16(Task *t, V128 a, V128 b)
{
    Vu16 r = (Vu16)_mm_mulhrs_epi16((__m128i)a, (__m128i)b);
    return UNWRAPPED(16, r);
}

/* The upper halves of the doubled products of the even and the odd lanes, plus `round` in each */
static inline Vu32 high_of_doubled(V128 a, V128 b, u64 round)
{
    Vu64 even = (Vu64)_mm_mul_epi32((__m128i)a, (__m128i)b);
    Vu64 odd = (Vu64)_mm_mul_epi32((__m128i)((Vu64)a >> 32), (__m128i)((Vu64)b >> 32));
    return SHUFFLE((Vu32)(even * 2 + round), (Vu32)(odd * 2 + round), TRN2_4);
}

static inline V128 op_vsqdmulh32(Task *t, V128 a, V128 b)
{
    Vu32 r = high_of_doubled(a, b, 0);
    return UNWRAPPED(32, r);
}

static inline V128 op_vsqrdmulh32(Task *t, V128 a, V128 b)
{
    Vu32 r = high_of_doubled(a, b, 1u << 31);
    return UNWRAPPED(32, r);
}

static inline V128 op_vsqdmull16(Task *t, V128 a, V128 b)
{
    __m128i low = _mm_mullo_epi16((__m128i)a, (__m128i)b), high = _mm_mulhi_epi16((__m128i)a, (__m128i)b);
    Vu32 r = (Vu32)_mm_unpacklo_epi16(low, high) * 2;
    return UNWRAPPED(32, r);
}

static inline V128 op_vsqdmull32(Task *t, V128 a, V128 b)
{
    Vu64 r = (Vu64)_mm_mul_epi32(_mm_cvtepu32_epi64((__m128i)a), _mm_cvtepu32_epi64((__m128i)b)) * 2;
    return UNWRAPPED(64, r);
}
#undef UNWRAPPED

/* The manual adds c, shifted left, before it rounds and shifts right; c has no part in what is lost. */
#define ROUNDED_SUM(name, bits, sign) \
    static inline V128 op_##name##bits(Task *t, V128 c, V128 a, V128 b) \
    { \
        Vs##bits r; \
        for (int i = 0; i < 128 / bits; i++) { \
            i64 product = sign((i64)((Vs##bits)a)[i] * ((Vs##bits)b)[i]); \
            i64 sum = ((Vs##bits)c)[i] + ((product + (1ll << (bits - 2))) >> (bits - 1)); \
            r[i] = (i##bits)(sum > INT##bits##_MAX ? INT##bits##_MAX : sum < INT##bits##_MIN ? INT##bits##_MIN : sum); \
            t->saturated |= r[i] != sum; \
        } \
        return (V128)r; \
    }
ROUNDED_SUM(vsqrdmlah, 16, +)
ROUNDED_SUM(vsqrdmlah, 32, +)
ROUNDED_SUM(vsqrdmlsh, 16, -)
ROUNDED_SUM(vsqrdmlsh, 32, -)
#undef ROUNDED_SUM

/* -- Shifts by a register ------------------------------------------------------------------------------------------ */

/* x shifted by s, exact as far as it fits a lane of `bits`; a left shift by the width or more gives 0 or a number
 * far out of range whose low bits are 0. */
#define SHIFTED(Wide) \
    static inline Wide shifted_##Wide(Wide x, int s, int bits, bool round) \
    { \
        const Wide huge = (Wide)1 << (sizeof(Wide) * 8 - 2); \
        if (s >= bits) \
            return x == 0 ? 0 : x < 0 ? -huge : huge; \
        if (s >= 0) \
            return (Wide)((u128)x << s); \
        if (-s > bits) \
            return !round && x < 0 ? -1 : 0; \
        return (x + (round ? (Wide)1 << (-s - 1) : 0)) >> -s; \
    }
SHIFTED(i64)
SHIFTED(i128)
#undef SHIFTED
#define shifted_8 shifted_i64
#define shifted_16 shifted_i64
#define shifted_32 shifted_i64
#define shifted_64 shifted_i128

#define ROUNDING_SHIFT(name, bits, V) \
    static inline V128 op_##name##bits(V128 a, V128 b) \
    { \
        Vu##bits r; \
        for (int i = 0; i < 128 / bits; i++) \
            r[i] = (u##bits)shifted_##bits(((V)a)[i], (i8)((Vu##bits)b)[i], bits, true); \
        return (V128)r; \
    }
#define REGISTER_SHIFTS(bits) \
    ROUNDING_SHIFT(vurshl, bits, Vu##bits) \
    ROUNDING_SHIFT(vsrshl, bits, Vs##bits) \
    LANES2(vuqshl, bits, Vu##bits, Vu##bits, 0, U_MAX(bits), shifted_##bits(a, (i8)b, bits, false)) \
    LANES2(vsqshl, bits, Vs##bits, Vu##bits, S_MIN(bits), S_MAX(bits), shifted_##bits(a, (i8)b, bits, false)) \
    LANES2(vsqshlu, bits, Vs##bits, Vu##bits, 0, U_MAX(bits), shifted_##bits(a, (i8)b, bits, false)) \
    LANES2(vuqrshl, bits, Vu##bits, Vu##bits, 0, U_MAX(bits), shifted_##bits(a, (i8)b, bits, true)) \
    LANES2(vsqrshl, bits, Vs##bits, Vu##bits, S_MIN(bits), S_MAX(bits), shifted_##bits(a, (i8)b, bits, true))
BY_WIDTH(REGISTER_SHIFTS)
#undef REGISTER_SHIFTS
#undef ROUNDING_SHIFT

/* Each lane of v shifted by the count's low bits in n, one bit of the count at a time. A plain v << n won't do: the
 * compiler makes powers of two by way of floats, which sets exception flags that are the guest's. It mustn't see
 * through the masks, or it makes v << n of this again. */
static inline V128 opaque(V128 mask)
{
    __asm__("" : "+x"(mask));
    return mask;
}

#define BY_BITS(bits) \
    static inline Vu##bits shifted_left##bits(Vu##bits v, Vu##bits n) \
    { \
        _Pragma("unroll") for (u##bits step = bits / 2; step; step /= 2) \
            v = (Vu##bits)pick(opaque((V128)((n & step) != 0)), (V128)(v << step), (V128)v); \
        return v; \
    } \
    static inline Vu##bits shifted_right##bits(Vu##bits v, Vu##bits n) \
    { \
        _Pragma("unroll") for (u##bits step = bits / 2; step; step /= 2) \
            v = (Vu##bits)pick(opaque((V128)((n & step) != 0)), (V128)(v >> step), (V128)v); \
        return v; \
    }
BY_BITS(8)
BY_BITS(16)
BY_BITS(32)
#undef BY_BITS

static inline Vu64 shifted_left64(Vu64 v, Vu64 n)
{
    return (Vu64){v[0] << (n[0] & 63), v[1] << (n[1] & 63)};
}

static inline Vu64 shifted_right64(Vu64 v, Vu64 n)
{
    return (Vu64){v[0] >> (n[0] & 63), v[1] >> (n[1] & 63)};
}

/* Compilers shift by a register that holds one count in all lanes, above all to the right by a variable. */
#define PLAIN_SHIFT(bits) \
    static inline V128 op_vushl##bits(V128 a, V128 b) \
    { \
        Vs##bits s = (Vs##bits)((Vu##bits)b << (bits - 8)) >> (bits - 8), first = s[0] - (Vs##bits){0}; \
        if (_mm_test_all_ones((__m128i)(s == first))) { \
            if (s[0] <= -bits || s[0] >= bits) \
                return (V128){0}; \
            return s[0] < 0 ? op_vushri##bits(a, (u64)-s[0]) : op_vshli##bits(a, (u64)s[0]); \
        } \
        Vu##bits left = shifted_left##bits((Vu##bits)a, (Vu##bits)s); \
        Vu##bits right = shifted_right##bits((Vu##bits)a, (Vu##bits)-s); \
        return pick((V128)(s < 0), (V128)right & (V128)(s > -bits), (V128)left & (V128)(s < bits)); \
    } \
    static inline V128 op_vsshl##bits(V128 a, V128 b) \
    { \
        /* complementing negative lanes before and after makes a logical shift right arithmetic */ \
        V128 sign = (V128)((Vs##bits)a < 0) & (V128)((Vs##bits)((Vu##bits)b << (bits - 8)) < 0); \
        return op_vushl##bits(a ^ sign, b) ^ sign; \
    }
BY_WIDTH(PLAIN_SHIFT)
#undef PLAIN_SHIFT

/* -- Narrowing and widening ---------------------------------------------------------------------------------------- */

BODY1(vxtn16, Vu8, SHUFFLE(a, (Vu8){0}, EVEN_16))
BODY1(vxtn32, Vu16, SHUFFLE(a, (Vu16){0}, EVEN_8))
BODY1(vxtn64, Vu32, SHUFFLE(a, (Vu32){0}, EVEN_4))

#define SPLAT(v) ((__typeof__(a[0]))(v) - (__typeof__(a)){0})
#define CLAMPED(lo, hi) __builtin_elementwise_min(__builtin_elementwise_max(a, SPLAT(lo)), SPLAT(hi))
#define NARROWING(bits, half) \
    static inline V128 op_vsqxtn##bits(Task *t, V128 a_) \
    { \
        Vs##bits a = (Vs##bits)a_; \
        i##bits max = (u##half)-1 >> 1; \
        return op_vxtn##bits(saturated(t, (V128)CLAMPED(-max - 1, max), a_)); \
    } \
    static inline V128 op_vuqxtn##bits(Task *t, V128 a_) \
    { \
        Vu##bits a = (Vu##bits)a_; \
        return op_vxtn##bits(saturated(t, (V128)CLAMPED(0, (u##bits)(u##half)-1), a_)); \
    } \
    static inline V128 op_vsqxtun##bits(Task *t, V128 a_) \
    { \
        Vs##bits a = (Vs##bits)a_; \
        return op_vxtn##bits(saturated(t, (V128)CLAMPED(0, (i##bits)(u##half)-1), a_)); \
    }
NARROWING(16, 8)
NARROWING(32, 16)
NARROWING(64, 32)
#undef NARROWING
#undef CLAMPED
#undef SPLAT

BODY1(vsxl8, __m128i, _mm_cvtepi8_epi16(a))
BODY1(vsxl16, __m128i, _mm_cvtepi16_epi32(a))
BODY1(vsxl32, __m128i, _mm_cvtepi32_epi64(a))
BODY1(vuxl8, __m128i, _mm_cvtepu8_epi16(a))
BODY1(vuxl16, __m128i, _mm_cvtepu16_epi32(a))
BODY1(vuxl32, __m128i, _mm_cvtepu32_epi64(a))
BODY2(vsmull8, V128, (Vu16)op_vsxl8(a) * (Vu16)op_vsxl8(b))
BODY2(vumull8, V128, (Vu16)op_vuxl8(a) * (Vu16)op_vuxl8(b))
BODY2(vsmull16, __m128i, _mm_unpacklo_epi16(_mm_mullo_epi16(a, b), _mm_mulhi_epi16(a, b)))
BODY2(vumull16, __m128i, _mm_unpacklo_epi16(_mm_mullo_epi16(a, b), _mm_mulhi_epu16(a, b)))
BODY2(vsmull32, V128, _mm_mul_epi32((__m128i)op_vuxl32(a), (__m128i)op_vuxl32(b)))
BODY2(vumull32, V128, _mm_mul_epu32((__m128i)op_vuxl32(a), (__m128i)op_vuxl32(b)))

#define DOT(name, extend_b, extend_c) \
    static inline V128 op_##name(V128 a, V128 b, V128 c) \
    { \
        __m128i low = _mm_madd_epi16((__m128i)extend_b(b), (__m128i)extend_c(c)); \
        __m128i high = _mm_madd_epi16((__m128i)extend_b(op_vhigh64(b)), (__m128i)extend_c(op_vhigh64(c))); \
        return (V128)((Vu32)a + (Vu32)_mm_hadd_epi32(low, high)); \
    }
DOT(vsdot8, op_vsxl8, op_vsxl8)
DOT(vudot8, op_vuxl8, op_vuxl8)
DOT(vusdot8, op_vuxl8, op_vsxl8)
#undef DOT

static inline V128 op_vpmull8(V128 a_, V128 b_)
{
    Vu16 a = (Vu16)op_vuxl8(a_), b = (Vu16)op_vuxl8(b_), r = {0};
    for (int bit = 0; bit < 8; bit++)
        r ^= (a << bit) & -(b >> bit & 1);
    return (V128)r;
}

/* -- Adjacent lanes and across ------------------------------------------------------------------------------------- */

BODY2(vaddp8, Vu8, SHUFFLE(a, b, EVEN_16) + SHUFFLE(a, b, ODD_16))
BODY2(vaddp16, __m128i, _mm_hadd_epi16(a, b))
BODY2(vaddp32, __m128i, _mm_hadd_epi32(a, b))
BODY2(vaddp64, Vu64, SHUFFLE(a, b, EVEN_2) + SHUFFLE(a, b, ODD_2))
#define PAIRWISE(name, s, fn) \
    BODY2(name##8, V##s##8, fn(SHUFFLE(a, b, EVEN_16), SHUFFLE(a, b, ODD_16))) \
    BODY2(name##16, V##s##16, fn(SHUFFLE(a, b, EVEN_8), SHUFFLE(a, b, ODD_8))) \
    BODY2(name##32, V##s##32, fn(SHUFFLE(a, b, EVEN_4), SHUFFLE(a, b, ODD_4)))
PAIRWISE(vsmaxp, s, __builtin_elementwise_max)
PAIRWISE(vumaxp, u, __builtin_elementwise_max)
PAIRWISE(vsminp, s, __builtin_elementwise_min)
PAIRWISE(vuminp, u, __builtin_elementwise_min)
#undef PAIRWISE

/* a is taken as lanes of twice the width. */
BODY1(vuaddlp8, Vu16, (a & 0xff) + (a >> 8))
BODY1(vuaddlp16, Vu32, (a & 0xffff) + (a >> 16))
BODY1(vuaddlp32, Vu64, (a & 0xffffffff) + (a >> 32))
BODY1(vsaddlp8, __m128i, _mm_maddubs_epi16(_mm_set1_epi8(1), a))
BODY1(vsaddlp16, __m128i, _mm_madd_epi16(a, _mm_set1_epi16(1)))
BODY1(vsaddlp32, Vs64, ((Vs64)((Vu64)a << 32) >> 32) + (a >> 32))

#define ACROSS(name, T, fn) BODY1(name, T, ((T){fn(a)}))
ACROSS(vaddv16, Vu16, __builtin_reduce_add)
ACROSS(vaddv32, Vu32, __builtin_reduce_add)
#define MIN_MAX(bits) \
    ACROSS(vsmaxv##bits, Vs##bits, __builtin_reduce_max) \
    ACROSS(vumaxv##bits, Vu##bits, __builtin_reduce_max) \
    ACROSS(vsminv##bits, Vs##bits, __builtin_reduce_min) \
    ACROSS(vuminv##bits, Vu##bits, __builtin_reduce_min)
MIN_MAX(8)
MIN_MAX(16)
MIN_MAX(32)
#undef MIN_MAX

static inline u64 sum_of_bytes(V128 a)
{
    Vu64 halves = (Vu64)_mm_sad_epu8((__m128i)a, _mm_setzero_si128());
    return halves[0] + halves[1];
}

BODY1(vaddv8, V128, op_xtov(sum_of_bytes(a) & 0xff))
BODY1(vuaddlv8, V128, op_xtov(sum_of_bytes(a)))
BODY1(vsaddlv8, V128, ((Vu16){__builtin_reduce_add((Vu16)op_vsaddlp8(a))}))
BODY1(vuaddlv16, V128, ((Vu32){__builtin_reduce_add((Vu32)op_vuaddlp16(a))}))
BODY1(vsaddlv16, V128, ((Vu32){__builtin_reduce_add((Vu32)op_vsaddlp16(a))}))
BODY1(vuaddlv32, V128, ((Vu64){__builtin_reduce_add((Vu64)op_vuaddlp32(a))}))
BODY1(vsaddlv32, V128, ((Vu64){__builtin_reduce_add((Vu64)op_vsaddlp32(a))}))

/* -- Permutes ------------------------------------------------------------------------------------------------------ */

#define PERMUTE(name, LIST) \
    BODY2(name##8, Vu8, SHUFFLE(a, b, LIST##_16)) \
    BODY2(name##16, Vu16, SHUFFLE(a, b, LIST##_8)) \
    BODY2(name##32, Vu32, SHUFFLE(a, b, LIST##_4)) \
    BODY2(name##64, Vu64, SHUFFLE(a, b, LIST##_2))
PERMUTE(vzip1_, ZIP1)
PERMUTE(vzip2_, ZIP2)
PERMUTE(vuzp1_, EVEN)
PERMUTE(vuzp2_, ODD)
PERMUTE(vtrn1_, TRN1)
PERMUTE(vtrn2_, TRN2)
#undef PERMUTE

BODY1(vrev64_8, Vu8, __builtin_shufflevector(a, a, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8))
BODY1(vrev64_16, Vu16, __builtin_shufflevector(a, a, 3, 2, 1, 0, 7, 6, 5, 4))
BODY1(vrev64_32, Vu32, __builtin_shufflevector(a, a, 1, 0, 3, 2))
BODY1(vrev32_8, Vu8, __builtin_shufflevector(a, a, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12))
BODY1(vrev32_16, Vu16, __builtin_shufflevector(a, a, 1, 0, 3, 2, 5, 4, 7, 6))
BODY1(vrev16_8, Vu8, __builtin_shufflevector(a, a, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14))

/* pshufb gives zero for an index with bit 7 set: adding 0x70 with saturation sets it for all above 15. */
static inline V128 op_vtbl(V128 a, V128 b)
{
    return bytes_at(a, (V128)_mm_adds_epu8((__m128i)b, _mm_set1_epi8(0x70)));
}

static inline V128 op_vtbli(V128 a, V128 b, u64 imm)
{
    return op_vtbl(a, b - mask_of((u32)imm));
}

static inline V128 op_vext(V128 a, V128 b, u64 imm)
{
    const V128 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    V128 index = lanes + mask_of((u32)imm);
    return op_vtbl(a, index) | bytes_at(b, index - 16);
}

/* Bytes of the 48 in c:b:a, as constant indices say: byte i of the result is byte F(i, x, y). */
#define BYTES(F, x, y) \
    F(0, x, y), F(1, x, y), F(2, x, y), F(3, x, y), F(4, x, y), F(5, x, y), F(6, x, y), F(7, x, y), F(8, x, y), \
        F(9, x, y), F(10, x, y), F(11, x, y), F(12, x, y), F(13, x, y), F(14, x, y), F(15, x, y)
#define IN_A(from) (u8)((from) < 16 ? (from) : 0x80)
#define IN_B(from) (u8)((from) >= 16 && (from) < 32 ? (from)-16 : 0x80)
#define IN_C(from) (u8)((from) >= 32 ? (from)-32 : 0x80)
#define FROM3(name, F, x, y) \
    static inline V128 op_##name(V128 a, V128 b, V128 c) \
    { \
        const V128 in_a = {BYTES(F##_A, x, y)}, in_b = {BYTES(F##_B, x, y)}, in_c = {BYTES(F##_C, x, y)}; \
        return bytes_at(a, in_a) | bytes_at(b, in_b) | bytes_at(c, in_c); \
    }
/* Lane k of each group of three; and the k'th 16 bytes of the interleaved lanes. */
#define UNZIP3(i, bytes, k) (((i) / (bytes)*3 + (k)) * (bytes) + (i) % (bytes))
#define UNZIP3_A(i, bytes, k) IN_A(UNZIP3(i, bytes, k))
#define UNZIP3_B(i, bytes, k) IN_B(UNZIP3(i, bytes, k))
#define UNZIP3_C(i, bytes, k) IN_C(UNZIP3(i, bytes, k))
#define ZIP3(i, bytes) ((i) / (bytes) % 3 * 16 + (i) / (bytes) / 3 * (bytes) + (i) % (bytes))
#define ZIP3_A(i, bytes, k) IN_A(ZIP3((i) + 16 * (k), bytes))
#define ZIP3_B(i, bytes, k) IN_B(ZIP3((i) + 16 * (k), bytes))
#define ZIP3_C(i, bytes, k) IN_C(ZIP3((i) + 16 * (k), bytes))
#define THREES(bits) \
    FROM3(vunzip3a_##bits, UNZIP3, bits / 8, 0) \
    FROM3(vunzip3b_##bits, UNZIP3, bits / 8, 1) \
    FROM3(vunzip3c_##bits, UNZIP3, bits / 8, 2) \
    FROM3(vzip3a_##bits, ZIP3, bits / 8, 0) \
    FROM3(vzip3b_##bits, ZIP3, bits / 8, 1) \
    FROM3(vzip3c_##bits, ZIP3, bits / 8, 2)
BY_WIDTH(THREES)
#undef THREES
#undef FROM3
#undef BYTES
#undef IN_A
#undef IN_B
#undef IN_C

/* -- Estimates (Arm ARM, RecipEstimate and RecipSqrtEstimate) ------------------------------------------------------ */

static inline V128 op_vurecpe32(V128 a)
{
    Vu32 r;
    for (int i = 0; i < 4; i++) {
        u32 x = ((Vu32)a)[i];
        u32 estimate = ((1u << 19) / ((x >> 23) * 2 + 1) + 1) / 2;
        r[i] = x >> 31 ? estimate << 23 : UINT32_MAX;
    }
    return (V128)r;
}

static inline V128 op_vursqrte32(V128 a)
{
    Vu32 r;
    for (int i = 0; i < 4; i++) {
        u32 x = ((Vu32)a)[i], n = x >> 23, b = 512;
        n = n < 256 ? n * 2 + 1 : (n / 2 * 2 + 1) * 2;
        if (x >> 30 == 0) {
            r[i] = UINT32_MAX;
            continue;
        }
        while (n * (b + 1) * (b + 1) < 1u << 28)
            b++;
        r[i] = (b + 1) / 2 << 23;
    }
    return (V128)r;
}

#undef BODY1
#undef BODY2
#undef BODY1_4
#undef BODY2_3
#undef BODY2_4
#undef LANES2
#undef CLAMP
#undef SATURATING1
#undef SATURATING2
#undef ACROSS
#undef BY_WIDTH

#endif
