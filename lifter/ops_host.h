/* The ops of host.def with the host's instructions for them: host_NAME, to be called only where HOST_HAS its feature.
 * op_NAME chooses. */
#ifndef DRAGOMAN_LIFTER_OPS_HOST_H
#define DRAGOMAN_LIFTER_OPS_HOST_H

#include <immintrin.h>

#include "host.h"
#include "ops.h"
#include "ops_crypto.h"
#include "ops_vec.h"

#pragma clang attribute push(__attribute__((target("aes,pclmul,sha"))), apply_to = function)

/* -- AES: the host adds the round key last ------------------------------------------------------------------------- */

static inline V128 host_aese(V128 a, V128 b)
{
    return (V128)_mm_aesenclast_si128((__m128i)(a ^ b), _mm_setzero_si128());
}

static inline V128 host_aesd(V128 a, V128 b)
{
    return (V128)_mm_aesdeclast_si128((__m128i)(a ^ b), _mm_setzero_si128());
}

static inline V128 host_aesmc(V128 a)
{
    __m128i zero = _mm_setzero_si128();
    return (V128)_mm_aesenc_si128(_mm_aesdeclast_si128((__m128i)a, zero), zero);
}

static inline V128 host_aesimc(V128 a)
{
    return (V128)_mm_aesimc_si128((__m128i)a);
}

static inline V128 host_aese_mc(V128 a, V128 b)
{
    return (V128)_mm_aesenc_si128((__m128i)(a ^ b), _mm_setzero_si128());
}

static inline V128 host_aesd_imc(V128 a, V128 b)
{
    return (V128)_mm_aesdec_si128((__m128i)(a ^ b), _mm_setzero_si128());
}

static inline V128 host_vpmull64(V128 a, V128 b)
{
    return (V128)_mm_clmulepi64_si128((__m128i)a, (__m128i)b, 0x00);
}

static inline V128 host_vpmull64h(V128 a, V128 b)
{
    return (V128)_mm_clmulepi64_si128((__m128i)a, (__m128i)b, 0x11);
}

/* -- SHA-1: the host has the first word in the highest lane, and adds the round's constant --------------------------
 */

#define REVERSED(v) _mm_shuffle_epi32((__m128i)(v), 0x1b)
#define SHA1(name, kind, constant)                                                                                     \
    static inline V128 host_##name(V128 a, V128 e, V128 w)                                                             \
    {                                                                                                                  \
        __m128i wk = REVERSED((Vu32)w + (Vu32){op_vtow(e)} - (u32)constant);                                           \
        return (V128)REVERSED(_mm_sha1rnds4_epu32(REVERSED(a), wk, kind));                                             \
    }
SHA1(sha1c, 0, 0x5a827999)
SHA1(sha1p, 1, 0x6ed9eba1)
SHA1(sha1m, 2, 0x8f1bbcdc)
#undef SHA1
#undef REVERSED

/* -- SHA-256: two rounds at a time on the words f e b a and h g d c -------------------------------------------------
 */

/* The state's halves, x = a to d and y = e to h, in the host's order, and back. */
#define FEBA(x, y) _mm_shuffle_epi32(_mm_unpacklo_epi64((__m128i)(x), (__m128i)(y)), 0x1b)
#define HGDC(x, y) _mm_shuffle_epi32(_mm_unpackhi_epi64((__m128i)(x), (__m128i)(y)), 0x1b)

static inline __m128i sha256_two(V128 x, V128 y, V128 w)
{
    return _mm_sha256rnds2_epu32(HGDC(x, y), FEBA(x, y), (__m128i)w);
}

static inline __m128i sha256_four(V128 x, V128 y, V128 w, __m128i two)
{
    return _mm_sha256rnds2_epu32(FEBA(x, y), two, (__m128i)op_vhigh64(w));
}

static inline V128 host_sha256h(V128 x, V128 y, V128 w)
{
    __m128i two = sha256_two(x, y, w), four = sha256_four(x, y, w, two);
    return (V128)_mm_shuffle_epi32(_mm_unpackhi_epi64(two, four), 0x1b);
}

static inline V128 host_sha256h2(V128 x, V128 y, V128 w)
{
    __m128i two = sha256_two(x, y, w), four = sha256_four(x, y, w, two);
    return (V128)_mm_shuffle_epi32(_mm_unpacklo_epi64(two, four), 0x1b);
}
#undef FEBA
#undef HGDC

static inline V128 host_sha256su0(V128 a, V128 b)
{
    return (V128)_mm_sha256msg1_epu32((__m128i)a, (__m128i)b);
}

static inline V128 host_sha256su1(V128 a, V128 b, V128 c)
{
    __m128i next = _mm_alignr_epi8((__m128i)c, (__m128i)b, 4);
    return (V128)_mm_sha256msg2_epu32((__m128i)((Vu32)a + (Vu32)next), (__m128i)c);
}

#pragma clang attribute pop

#define HOST(op, result, sig, feature)                                                                                 \
    static inline Op##result op_##op OPS_PARAMS_##sig                                                                  \
    {                                                                                                                  \
        return HOST_HAS(feature) ? host_##op OPS_ARGS_##sig : plain_##op OPS_ARGS_##sig;                               \
    }
#include "host.def"

#endif
