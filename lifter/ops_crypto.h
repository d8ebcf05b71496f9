/* Bodies of the ops of ir_crypto.def in plain C; ops_host.h chooses between plain_NAME and the host's instruction. */
#ifndef DRAGOMAN_LIFTER_OPS_CRYPTO_H
#define DRAGOMAN_LIFTER_OPS_CRYPTO_H

#include "ops_vec.h"

/* -- AES ----------------------------------------------------------------------------------------------------------- */

static const u8 aes_sbox[256] = {
    0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76, 0xca, 0x82, 0xc9,
    0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0, 0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f,
    0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15, 0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07,
    0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75, 0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3,
    0x29, 0xe3, 0x2f, 0x84, 0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58,
    0xcf, 0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8, 0x51, 0xa3,
    0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2, 0xcd, 0x0c, 0x13, 0xec, 0x5f,
    0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73, 0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88,
    0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb, 0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac,
    0x62, 0x91, 0x95, 0xe4, 0x79, 0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a,
    0xae, 0x08, 0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a, 0x70,
    0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e, 0xe1, 0xf8, 0x98, 0x11,
    0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf, 0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42,
    0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};
static const u8 aes_inverse_sbox[256] = {
    0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e, 0x81, 0xf3, 0xd7, 0xfb, 0x7c, 0xe3, 0x39,
    0x82, 0x9b, 0x2f, 0xff, 0x87, 0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb, 0x54, 0x7b, 0x94, 0x32, 0xa6, 0xc2,
    0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e, 0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9, 0x24, 0xb2, 0x76,
    0x5b, 0xa2, 0x49, 0x6d, 0x8b, 0xd1, 0x25, 0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16, 0xd4, 0xa4, 0x5c, 0xcc,
    0x5d, 0x65, 0xb6, 0x92, 0x6c, 0x70, 0x48, 0x50, 0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15, 0x46, 0x57, 0xa7, 0x8d, 0x9d,
    0x84, 0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05, 0xb8, 0xb3, 0x45, 0x06, 0xd0, 0x2c,
    0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02, 0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13, 0x8a, 0x6b, 0x3a, 0x91, 0x11, 0x41, 0x4f,
    0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73, 0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85,
    0xe2, 0xf9, 0x37, 0xe8, 0x1c, 0x75, 0xdf, 0x6e, 0x47, 0xf1, 0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89, 0x6f, 0xb7, 0x62,
    0x0e, 0xaa, 0x18, 0xbe, 0x1b, 0xfc, 0x56, 0x3e, 0x4b, 0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd,
    0x5a, 0xf4, 0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07, 0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59, 0x27, 0x80, 0xec, 0x5f, 0x60,
    0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d, 0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef, 0xa0, 0xe0, 0x3b, 0x4d,
    0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb, 0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61, 0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6,
    0x26, 0xe1, 0x69, 0x14, 0x63, 0x55, 0x21, 0x0c, 0x7d,
};

static inline V128 substituted(V128 a, const u8 *sbox)
{
    for (int i = 0; i < 16; i++)
        a[i] = sbox[a[i]];
    return a;
}

/* The state's columns are consecutive words: ShiftRows moves byte i to where 5i (modulo 16) was, its inverse 13i. */
static inline V128 plain_aese(V128 a, V128 b)
{
    const V128 shifted = {0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11};
    return substituted(bytes_at(a ^ b, shifted), aes_sbox);
}

static inline V128 plain_aesd(V128 a, V128 b)
{
    const V128 shifted = {0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3};
    return substituted(bytes_at(a ^ b, shifted), aes_inverse_sbox);
}

/* Times x in GF(2^8) */
static inline V128 doubled(V128 a)
{
    return (a << 1) ^ (0x1b & (V128)((Vs8)a < 0));
}

static inline V128 rotated_words(V128 a, int bits)
{
    return (V128)((Vu32)a >> bits | (Vu32)a << (32 - bits));
}

static inline V128 plain_aesmc(V128 a)
{
    V128 next = rotated_words(a, 8);
    return doubled(a ^ next) ^ next ^ rotated_words(a ^ next, 16);
}

/* {0e 0b 0d 09} is {02 03 01 01} times {05 00 04 00}. */
static inline V128 plain_aesimc(V128 a)
{
    return plain_aesmc(a ^ doubled(doubled(a ^ rotated_words(a, 16))));
}

static inline V128 plain_aese_mc(V128 a, V128 b)
{
    return plain_aesmc(plain_aese(a, b));
}

static inline V128 plain_aesd_imc(V128 a, V128 b)
{
    return plain_aesimc(plain_aesd(a, b));
}

static inline V128 plain_vpmull64(V128 a, V128 b)
{
    u128 product = 0;
    for (u64 left = op_vtox(b); left; left &= left - 1)
        product ^= (u128)op_vtox(a) << __builtin_ctzll(left);
    return (V128)(Vu64){(u64)product, (u64)(product >> 64)};
}

static inline V128 plain_vpmull64h(V128 a, V128 b)
{
    return plain_vpmull64(op_vhigh64(a), op_vhigh64(b));
}

/* -- SHA-1 and SHA-256 --------------------------------------------------------------------------------------------- */

static inline u32 rol32(u32 v, int n)
{
    return v << n | v >> (32 - n);
}

static inline u32 ror32_(u32 v, int n)
{
    return rol32(v, 32 - n);
}

static inline u64 ror64_(u64 v, int n)
{
    return v >> n | v << (64 - n);
}

static inline u32 choose(u32 a, u32 b, u32 c)
{
    return ((b ^ c) & a) ^ c;
}

static inline u32 parity(u32 a, u32 b, u32 c)
{
    return a ^ b ^ c;
}

static inline u32 majority(u32 a, u32 b, u32 c)
{
    return (a & b) | ((a | b) & c);
}

/* Four rounds: x is a to d, y e, w schedule and constants. */
#define SHA1(name, function)                                                                                           \
    static inline V128 plain_##name(V128 x_, V128 y_, V128 w_)                                                         \
    {                                                                                                                  \
        Vu32 x = (Vu32)x_, w = (Vu32)w_;                                                                               \
        u32 y = op_vtow(y_);                                                                                           \
        for (int i = 0; i < 4; i++) {                                                                                  \
            u32 a = y + rol32(x[0], 5) + function(x[1], x[2], x[3]) + w[i];                                            \
            y = x[3];                                                                                                  \
            x = (Vu32){a, x[0], rol32(x[1], 30), x[2]};                                                                \
        }                                                                                                              \
        return (V128)x;                                                                                                \
    }
SHA1(sha1c, choose)
SHA1(sha1p, parity)
SHA1(sha1m, majority)
#undef SHA1

static inline V128 op_sha1h(V128 a)
{
    return op_wtov(rol32(op_vtow(a), 30));
}

static inline V128 op_sha1su0(V128 a, V128 b, V128 c)
{
    return (V128)_mm_alignr_epi8((__m128i)b, (__m128i)a, 8) ^ a ^ c;
}

static inline V128 op_sha1su1(V128 a, V128 b)
{
    Vu32 t = (Vu32)(a ^ (V128)_mm_srli_si128((__m128i)b, 4)), r = t << 1 | t >> 31;
    return (V128)(r ^ (Vu32){0, 0, 0, rol32(t[0], 2)});
}

/* Four rounds: x is a to d, y e to h. */
static inline void sha256_rounds(Vu32 *x, Vu32 *y, Vu32 w)
{
    for (int i = 0; i < 4; i++) {
        u32 e = (*y)[0], a = (*x)[0];
        u32 t = (*y)[3] + (ror32_(e, 6) ^ ror32_(e, 11) ^ ror32_(e, 25)) + choose(e, (*y)[1], (*y)[2]) + w[i];
        u32 sum = t + (ror32_(a, 2) ^ ror32_(a, 13) ^ ror32_(a, 22)) + majority(a, (*x)[1], (*x)[2]);
        *y = (Vu32){(*x)[3] + t, e, (*y)[1], (*y)[2]};
        *x = (Vu32){sum, a, (*x)[1], (*x)[2]};
    }
}

static inline V128 plain_sha256h(V128 x_, V128 y_, V128 w)
{
    Vu32 x = (Vu32)x_, y = (Vu32)y_;
    sha256_rounds(&x, &y, (Vu32)w);
    return (V128)x;
}

static inline V128 plain_sha256h2(V128 x_, V128 y_, V128 w)
{
    Vu32 x = (Vu32)x_, y = (Vu32)y_;
    sha256_rounds(&x, &y, (Vu32)w);
    return (V128)y;
}

/* Lanes 1 to 4 of b:a */
static inline V128 next_words(V128 a, V128 b)
{
    return (V128)_mm_alignr_epi8((__m128i)b, (__m128i)a, 4);
}

static inline Vu32 rotations(Vu32 v, int first, int second, int shift)
{
    return (v >> first | v << (32 - first)) ^ (v >> second | v << (32 - second)) ^ v >> shift;
}

static inline V128 plain_sha256su0(V128 a, V128 b)
{
    return (V128)((Vu32)a + rotations((Vu32)next_words(a, b), 7, 18, 3));
}

/* The upper two words need the lower two. */
static inline V128 plain_sha256su1(V128 a, V128 b, V128 c)
{
    Vu32 r = (Vu32)a + (Vu32)next_words(b, c);
    r += (Vu32)op_vhigh64((V128)rotations((Vu32)c, 17, 19, 10));
    return (V128)(r + ((Vu32)op_vzip1_64((V128){0}, (V128)rotations(r, 17, 19, 10))));
}

/* -- SHA-512 ------------------------------------------------------------------------------------------------------- */

static inline u64 sha512_sum1(u64 v)
{
    return ror64_(v, 14) ^ ror64_(v, 18) ^ ror64_(v, 41);
}

static inline u64 sha512_sum0(u64 v)
{
    return ror64_(v, 28) ^ ror64_(v, 34) ^ ror64_(v, 39);
}

static inline V128 op_sha512h(V128 w_, V128 x_, V128 y_)
{
    Vu64 w = (Vu64)w_, x = (Vu64)x_, y = (Vu64)y_;
    u64 high = w[1] + sha512_sum1(y[1]) + (((x[0] ^ x[1]) & y[1]) ^ x[1]), t = high + y[0];
    return (V128)(Vu64){w[0] + sha512_sum1(t) + (((y[1] ^ x[0]) & t) ^ x[0]), high};
}

static inline V128 op_sha512h2(V128 w_, V128 x_, V128 y_)
{
    Vu64 w = (Vu64)w_, y = (Vu64)y_;
    u64 x = op_vtox(x_), both = y[0] & y[1], either = y[0] | y[1];
    u64 high = w[1] + sha512_sum0(y[0]) + (both | (either & x));
    return (V128)(Vu64){w[0] + sha512_sum0(high) + (both | (either & high)), high};
}

static inline Vu64 sha512_rotations(Vu64 v, int first, int second, int shift)
{
    return (v >> first | v << (64 - first)) ^ (v >> second | v << (64 - second)) ^ v >> shift;
}

static inline V128 op_sha512su0(V128 a, V128 b)
{
    Vu64 next = (Vu64)_mm_alignr_epi8((__m128i)b, (__m128i)a, 8);
    return (V128)((Vu64)a + sha512_rotations(next, 1, 8, 7));
}

static inline V128 op_sha512su1(V128 a, V128 b, V128 c)
{
    return (V128)((Vu64)a + (Vu64)c + sha512_rotations((Vu64)b, 19, 61, 6));
}

/* -- SM3 and SM4 --------------------------------------------------------------------------------------------------- */

static inline V128 op_sm3partw1(V128 d, V128 n, V128 m)
{
    Vu32 r = (Vu32)(d ^ n);
    for (int i = 0; i < 4; i++) {
        r[i] ^= rol32(i < 3 ? ((Vu32)m)[i + 1] : r[0], 15);
        r[i] ^= rol32(r[i], 15) ^ rol32(r[i], 23);
    }
    return (V128)r;
}

static inline V128 op_sm3partw2(V128 d, V128 n, V128 m)
{
    Vu32 t = (Vu32)n ^ (Vu32)rotated_words(m, 25);
    u32 first = rol32(t[0], 15);
    return d ^ (V128)(t ^ (Vu32){0, 0, 0, first ^ rol32(first, 15) ^ rol32(first, 23)});
}

static inline V128 op_sm3ss1(V128 n, V128 m, V128 a)
{
    return (V128)(Vu32){0, 0, 0, rol32(rol32(((Vu32)n)[3], 12) + ((Vu32)m)[3] + ((Vu32)a)[3], 7)};
}

/* One round's halves; imm is the lane of m. */
#define SM3TT1(name, function)                                                                                         \
    static inline V128 op_##name(V128 d_, V128 n, V128 m, u64 imm)                                                     \
    {                                                                                                                  \
        Vu32 d = (Vu32)d_;                                                                                             \
        u32 t = function(d[3], d[2], d[1]) + d[0] + (((Vu32)n)[3] ^ rol32(d[3], 12)) + ((Vu32)m)[imm & 3];             \
        return (V128)(Vu32){d[1], rol32(d[2], 9), d[3], t};                                                            \
    }
#define SM3TT2(name, function)                                                                                         \
    static inline V128 op_##name(V128 d_, V128 n, V128 m, u64 imm)                                                     \
    {                                                                                                                  \
        Vu32 d = (Vu32)d_;                                                                                             \
        u32 t = function(d[3], d[2], d[1]) + d[0] + ((Vu32)n)[3] + ((Vu32)m)[imm & 3];                                 \
        return (V128)(Vu32){d[1], rol32(d[2], 19), d[3], t ^ rol32(t, 9) ^ rol32(t, 17)};                              \
    }
SM3TT1(sm3tt1a, parity)
SM3TT1(sm3tt1b, majority)
SM3TT2(sm3tt2a, parity)
SM3TT2(sm3tt2b, choose)
#undef SM3TT1
#undef SM3TT2

static const u8 sm4_sbox[256] = {
    0xd6, 0x90, 0xe9, 0xfe, 0xcc, 0xe1, 0x3d, 0xb7, 0x16, 0xb6, 0x14, 0xc2, 0x28, 0xfb, 0x2c, 0x05, 0x2b, 0x67, 0x9a,
    0x76, 0x2a, 0xbe, 0x04, 0xc3, 0xaa, 0x44, 0x13, 0x26, 0x49, 0x86, 0x06, 0x99, 0x9c, 0x42, 0x50, 0xf4, 0x91, 0xef,
    0x98, 0x7a, 0x33, 0x54, 0x0b, 0x43, 0xed, 0xcf, 0xac, 0x62, 0xe4, 0xb3, 0x1c, 0xa9, 0xc9, 0x08, 0xe8, 0x95, 0x80,
    0xdf, 0x94, 0xfa, 0x75, 0x8f, 0x3f, 0xa6, 0x47, 0x07, 0xa7, 0xfc, 0xf3, 0x73, 0x17, 0xba, 0x83, 0x59, 0x3c, 0x19,
    0xe6, 0x85, 0x4f, 0xa8, 0x68, 0x6b, 0x81, 0xb2, 0x71, 0x64, 0xda, 0x8b, 0xf8, 0xeb, 0x0f, 0x4b, 0x70, 0x56, 0x9d,
    0x35, 0x1e, 0x24, 0x0e, 0x5e, 0x63, 0x58, 0xd1, 0xa2, 0x25, 0x22, 0x7c, 0x3b, 0x01, 0x21, 0x78, 0x87, 0xd4, 0x00,
    0x46, 0x57, 0x9f, 0xd3, 0x27, 0x52, 0x4c, 0x36, 0x02, 0xe7, 0xa0, 0xc4, 0xc8, 0x9e, 0xea, 0xbf, 0x8a, 0xd2, 0x40,
    0xc7, 0x38, 0xb5, 0xa3, 0xf7, 0xf2, 0xce, 0xf9, 0x61, 0x15, 0xa1, 0xe0, 0xae, 0x5d, 0xa4, 0x9b, 0x34, 0x1a, 0x55,
    0xad, 0x93, 0x32, 0x30, 0xf5, 0x8c, 0xb1, 0xe3, 0x1d, 0xf6, 0xe2, 0x2e, 0x82, 0x66, 0xca, 0x60, 0xc0, 0x29, 0x23,
    0xab, 0x0d, 0x53, 0x4e, 0x6f, 0xd5, 0xdb, 0x37, 0x45, 0xde, 0xfd, 0x8e, 0x2f, 0x03, 0xff, 0x6a, 0x72, 0x6d, 0x6c,
    0x5b, 0x51, 0x8d, 0x1b, 0xaf, 0x92, 0xbb, 0xdd, 0xbc, 0x7f, 0x11, 0xd9, 0x5c, 0x41, 0x1f, 0x10, 0x5a, 0xd8, 0x0a,
    0xc1, 0x31, 0x88, 0xa5, 0xcd, 0x7b, 0xbd, 0x2d, 0x74, 0xd0, 0x12, 0xb8, 0xe5, 0xb4, 0xb0, 0x89, 0x69, 0x97, 0x4a,
    0x0c, 0x96, 0x77, 0x7e, 0x65, 0xb9, 0xf1, 0x09, 0xc5, 0x6e, 0xc6, 0x84, 0x18, 0xf0, 0x7d, 0xec, 0x3a, 0xdc, 0x4d,
    0x20, 0x79, 0xee, 0x5f, 0x3e, 0xd7, 0xcb, 0x39, 0x48,
};

static inline u32 sm4_substituted(u32 v)
{
    return (u32)sm4_sbox[v & 0xff] | (u32)sm4_sbox[v >> 8 & 0xff] << 8 | (u32)sm4_sbox[v >> 16 & 0xff] << 16 |
           (u32)sm4_sbox[v >> 24] << 24;
}

static inline V128 op_sm4e(V128 d, V128 keys)
{
    Vu32 x = (Vu32)d;
    for (int i = 0; i < 4; i++) {
        u32 t = sm4_substituted(x[1] ^ x[2] ^ x[3] ^ ((Vu32)keys)[i]);
        t ^= rol32(t, 2) ^ rol32(t, 10) ^ rol32(t, 18) ^ rol32(t, 24);
        x = (Vu32){x[1], x[2], x[3], x[0] ^ t};
    }
    return (V128)x;
}

static inline V128 op_sm4ekey(V128 n, V128 constants)
{
    Vu32 x = (Vu32)n;
    for (int i = 0; i < 4; i++) {
        u32 t = sm4_substituted(x[1] ^ x[2] ^ x[3] ^ ((Vu32)constants)[i]);
        x = (Vu32){x[1], x[2], x[3], x[0] ^ t ^ rol32(t, 13) ^ rol32(t, 23)};
    }
    return (V128)x;
}

#endif
