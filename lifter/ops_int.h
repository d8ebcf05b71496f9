/* Bodies of the integer value ops of ir.def: what each op means, for every tier. Pure C on u32 (W), u64 (X), V128
 * (Q). */
#ifndef DRAGOMAN_LIFTER_OPS_INT_H
#define DRAGOMAN_LIFTER_OPS_INT_H

#include <nmmintrin.h>

#include "../include/ir.h"
#include "../include/task.h"

#define BOTH(op, expr) \
    static inline u32 op_##op##32(u32 a, u32 b) \
    { \
        typedef u32 U; \
        typedef i32 S; \
        enum { BITS = 32 }; \
        return (U)(expr); \
    } \
    static inline u64 op_##op##64(u64 a, u64 b) \
    { \
        typedef u64 U; \
        typedef i64 S; \
        enum { BITS = 64 }; \
        return (U)(expr); \
    }
#define COMPARE(op, expr) \
    static inline u32 op_##op##32(u32 a, u32 b) \
    { \
        typedef i32 S __attribute__((unused)); \
        return expr; \
    } \
    static inline u32 op_##op##64(u64 a, u64 b) \
    { \
        typedef i64 S __attribute__((unused)); \
        return expr; \
    }
/* The typedefs and BITS are there for those expressions that want them. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-local-typedef"
BOTH(add, a + b)
BOTH(sub, a - b)
BOTH(mul, a *b)
BOTH(and, a &b)
BOTH(or, a | b)
BOTH(xor, a ^ b)
BOTH(andn, a & ~b)
BOTH(shl, a << (b & (BITS - 1)))
BOTH(shr, a >> (b & (BITS - 1)))
BOTH(sar, (S)a >> (b & (BITS - 1)))
BOTH(ror, a >> (b & (BITS - 1)) | a << (-b & (BITS - 1)))
BOTH(udiv, b ? a / b : 0)
/* b + 1 <= 1 picks out 0 and -1, the two divisors the host traps or may trap on. */
BOTH(sdiv, b + 1 > 1 ? (U)((S)a / (S)b) : b ? -a : 0)
COMPARE(eq, a == b)
COMPARE(ne, a != b)
COMPARE(ult, a < b)
COMPARE(ule, a <= b)
COMPARE(slt, (S)a < (S)b)
COMPARE(sle, (S)a <= (S)b)
#pragma clang diagnostic pop
#undef BOTH
#undef COMPARE

static inline u64 op_umulh64(u64 a, u64 b)
{
    return (u64)((u128)a * b >> 64);
}

static inline u64 op_smulh64(u64 a, u64 b)
{
    return (u64)((i128)(i64)a * (i64)b >> 64);
}

static inline u32 op_not32(u32 a)
{
    return ~a;
}

static inline u64 op_not64(u64 a)
{
    return ~a;
}

static inline u32 op_neg32(u32 a)
{
    return -a;
}

static inline u64 op_neg64(u64 a)
{
    return -a;
}

static inline u32 op_clz32(u32 a)
{
    return a ? (u32)__builtin_clz(a) : 32;
}

static inline u64 op_clz64(u64 a)
{
    return a ? (u64)__builtin_clzll(a) : 64;
}

/* Bits that repeat the sign become leading zeros of x ^ x<<1; the lowest bit shifted in stops the count at width -
 * 1. */
static inline u32 op_cls32(u32 a)
{
    return (u32)__builtin_clz((a ^ (u32)((i32)a >> 31)) << 1 | 1);
}

static inline u64 op_cls64(u64 a)
{
    return (u64)__builtin_clzll((a ^ (u64)((i64)a >> 63)) << 1 | 1);
}

static inline u32 op_popcnt32(u32 a)
{
    return (u32)__builtin_popcount(a);
}

static inline u64 op_popcnt64(u64 a)
{
    return (u64)__builtin_popcountll(a);
}

static inline u32 op_ctz32(u32 a)
{
    return a ? (u32)__builtin_ctz(a) : 32;
}

static inline u64 op_ctz64(u64 a)
{
    return a ? (u64)__builtin_ctzll(a) : 64;
}

static inline u32 op_rbit32(u32 a)
{
    return __builtin_bitreverse32(a);
}

static inline u64 op_rbit64(u64 a)
{
    return __builtin_bitreverse64(a);
}

static inline u32 op_bswap32(u32 a)
{
    return __builtin_bswap32(a);
}

static inline u64 op_bswap64(u64 a)
{
    return __builtin_bswap64(a);
}

static inline u32 op_rev16_32(u32 a)
{
    return (a & 0x00ff00ff) << 8 | (a >> 8 & 0x00ff00ff);
}

static inline u64 op_rev16_64(u64 a)
{
    return (a & 0x00ff00ff00ff00ff) << 8 | (a >> 8 & 0x00ff00ff00ff00ff);
}

static inline u64 op_rev32_64(u64 a)
{
    u64 swapped = __builtin_bswap64(a);
    return swapped << 32 | swapped >> 32;
}

static inline u32 op_sx8_32(u32 a)
{
    return (u32)(i8)a;
}

static inline u32 op_sx16_32(u32 a)
{
    return (u32)(i16)a;
}

static inline u64 op_sx8_64(u32 a)
{
    return (u64)(i8)a;
}

static inline u64 op_sx16_64(u32 a)
{
    return (u64)(i16)a;
}

static inline u64 op_sx32_64(u32 a)
{
    return (u64)(i32)a;
}

static inline u64 op_zx32_64(u32 a)
{
    return a;
}

static inline u32 op_lo32(u64 a)
{
    return (u32)a;
}

static inline u32 op_select32(u32 a, u32 b, u32 c)
{
    return __builtin_unpredictable(a) ? b : c;
}

static inline u64 op_select64(u32 a, u64 b, u64 c)
{
    return __builtin_unpredictable(a) ? b : c;
}

static inline V128 op_select128(u32 a, V128 b, V128 c)
{
    return __builtin_unpredictable(a) ? b : c;
}

/* The low end of a:b moved down by imm. */
static inline u32 op_extr32(u32 a, u32 b, u64 imm)
{
    return (u32)(((u64)a << 32 | b) >> (imm & 31));
}

static inline u64 op_extr64(u64 a, u64 b, u64 imm)
{
    return b >> (imm & 63) | a << 1 << (~imm & 63);
}

/* NZCV of the flag kinds (Arm ARM J1.1.3, AddWithCarry). */
static inline u32 nzcv_add32(u32 a, u32 b, u32 carry)
{
    u32 sum = a + b, r = sum + carry;
    return (r & 1u << 31) | (u32)(r == 0) << 30 | (u32)(sum < a || r < sum) << 29 | ((a ^ r) & (b ^ r)) >> 31 << 28;
}

static inline u32 nzcv_add64(u64 a, u64 b, u32 carry)
{
    u64 sum = a + b, r = sum + carry;
    return (u32)(r >> 63) << 31 | (u32)(r == 0) << 30 | (u32)(sum < a || r < sum) << 29 | (u32)(((a ^ r) & (b ^ r)) >> 63) << 28;
}

static inline u32 nzcv_sub32(u32 a, u32 b)
{
    u32 r = a - b;
    return (r & 1u << 31) | (u32)(r == 0) << 30 | (u32)(a >= b) << 29 | ((a ^ b) & (a ^ r)) >> 31 << 28;
}

static inline u32 nzcv_sub64(u64 a, u64 b)
{
    u64 r = a - b;
    return (u32)(r >> 63) << 31 | (u32)(r == 0) << 30 | (u32)(a >= b) << 29 | (u32)(((a ^ b) & (a ^ r)) >> 63) << 28;
}

static inline u32 nzcv_and32(u32 r)
{
    return (r & 1u << 31) | (u32)(r == 0) << 30;
}

static inline u32 nzcv_and64(u64 r)
{
    return (u32)(r >> 63) << 31 | (u32)(r == 0) << 30;
}

static inline u64 op_bits_gather64(u64 a, u64 mask)
{
    u64 r = 0;
    for (u32 n = 0; mask; n++, mask &= mask - 1)
        r |= (a >> __builtin_ctzll(mask) & 1) << n;
    return r;
}

static inline u64 op_bits_scatter64(u64 a, u64 mask)
{
    u64 r = 0;
    for (u32 n = 0; mask; n++, mask &= mask - 1)
        r |= (a >> n & 1) << __builtin_ctzll(mask);
    return r;
}

static inline u32 op_nzcv(u32 kind, u64 a, u64 b)
{
    switch ((FlagKind)kind) {
    case FLAG_ADD32:
        return nzcv_add32((u32)a, (u32)b, 0);
    case FLAG_ADD64:
        return nzcv_add64(a, b, 0);
    case FLAG_SUB32:
        return nzcv_sub32((u32)a, (u32)b);
    case FLAG_SUB64:
        return nzcv_sub64(a, b);
    case FLAG_AND32:
        return nzcv_and32((u32)a);
    case FLAG_AND64:
        return nzcv_and64(a);
    case FLAG_ADC32:
        return nzcv_add32((u32)a, (u32)b, 1);
    case FLAG_ADC64:
        return nzcv_add64(a, b, 1);
    case FLAG_CARRY_IN:
    case FLAG_BITS:
        break;
    }
    return (u32)a;
}

static inline u32 op_flag_carry(u32 kind, u64 a, u64 b)
{
    u64 sum = a + b;
    switch ((FlagKind)kind) {
    case FLAG_ADC64:
        return sum < a || !(sum + 1);
    case FLAG_ADD64:
        return sum < a;
    case FLAG_SUB64:
        return a >= b;
    case FLAG_ADD32:
        return (u32)sum < (u32)a;
    case FLAG_ADC32:
        return (u32)sum < (u32)a || !(u32)(sum + 1);
    case FLAG_SUB32:
        return (u32)a >= (u32)b;
    case FLAG_AND32:
    case FLAG_AND64:
        return 0;
    case FLAG_CARRY_IN:
    case FLAG_BITS:
        break;
    }
    return a >> 29 & 1;
}

static inline u32 op_adc32(u32 a, u32 b, u32 c)
{
    return a + b + c;
}

static inline u64 op_adc64(u64 a, u64 b, u32 c)
{
    return a + b + c;
}

static inline u32 op_adc32_nzcv(u32 a, u32 b, u32 c)
{
    return nzcv_add32(a, b, c);
}

static inline u32 op_adc64_nzcv(u64 a, u64 b, u32 c)
{
    return nzcv_add64(a, b, c);
}

static inline u32 op_adc32_carry(u32 a, u32 b, u32 c)
{
    u32 sum = a + b;
    return sum < a || sum + c < sum;
}

static inline u32 op_adc64_carry(u64 a, u64 b, u32 c)
{
    u64 sum = a + b;
    return sum < a || sum + c < sum;
}

/* CRC-32 (polynomial 0x04c11db7, bits reflected) of a byte, which is linear in the byte's bits: a row is eight xors of
 * constants. The host has an instruction for the other polynomial only. */
#define CRC_BIT(i, bit, value) ((i) >> (bit)&1 ? (value) : 0u)
#define CRC1(i) \
    (CRC_BIT(i, 0, 0x77073096u) ^ CRC_BIT(i, 1, 0xee0e612cu) ^ CRC_BIT(i, 2, 0x076dc419u) ^ \
     CRC_BIT(i, 3, 0x0edb8832u) ^ CRC_BIT(i, 4, 0x1db71064u) ^ CRC_BIT(i, 5, 0x3b6e20c8u) ^ \
     CRC_BIT(i, 6, 0x76dc4190u) ^ CRC_BIT(i, 7, 0xedb88320u))
#define CRC4(i) CRC1(i), CRC1((i) + 1), CRC1((i) + 2), CRC1((i) + 3)
#define CRC16(i) CRC4(i), CRC4((i) + 4), CRC4((i) + 8), CRC4((i) + 12)
#define CRC64(i) CRC16(i), CRC16((i) + 16), CRC16((i) + 32), CRC16((i) + 48)

static inline u32 crc32_bytes(u32 crc, u64 data, int bytes)
{
    static const u32 table[256] = {CRC64(0), CRC64(64), CRC64(128), CRC64(192)};
    for (int i = 0; i < bytes; i++, data >>= 8)
        crc = crc >> 8 ^ table[(crc ^ data) & 0xff];
    return crc;
}
#undef CRC_BIT
#undef CRC1
#undef CRC4
#undef CRC16
#undef CRC64

static inline u32 op_crc32b(u32 a, u32 b)
{
    return crc32_bytes(a, b, 1);
}

static inline u32 op_crc32h(u32 a, u32 b)
{
    return crc32_bytes(a, b, 2);
}

static inline u32 op_crc32w(u32 a, u32 b)
{
    return crc32_bytes(a, b, 4);
}

static inline u32 op_crc32x(u32 a, u64 b)
{
    return crc32_bytes(a, b, 8);
}

static inline u32 op_crc32cb(u32 a, u32 b)
{
    return _mm_crc32_u8(a, (u8)b);
}

static inline u32 op_crc32ch(u32 a, u32 b)
{
    return _mm_crc32_u16(a, (u16)b);
}

static inline u32 op_crc32cw(u32 a, u32 b)
{
    return _mm_crc32_u32(a, b);
}

static inline u32 op_crc32cx(u32 a, u64 b)
{
    return (u32)_mm_crc32_u64(a, b);
}

#endif
