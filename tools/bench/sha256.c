/* SHA-256 and SHA-512, unrolled the way libraries do it. */
#include "work.h"
#include <stdint.h>
#include <stdio.h>

#define ROTATE(x, n, bits) ((x) >> (n) | (x) << ((bits) - (n)))
#define ROUND(a, b, c, d, e, f, g, h, i, bits, s1, s2, s3, s4, s5, s6) \
    do { \
        h += (ROTATE(e, s1, bits) ^ ROTATE(e, s2, bits) ^ ROTATE(e, s3, bits)) + ((e & (f ^ g)) ^ g) + k[i] + w[(i) & 15]; \
        d += h; \
        h += (ROTATE(a, s4, bits) ^ ROTATE(a, s5, bits) ^ ROTATE(a, s6, bits)) + ((a & b) | (c & (a | b))); \
    } while (0)
#define ROUNDS8(i, ...) \
    do { \
        ROUND(a, b, c, d, e, f, g, h, (i), __VA_ARGS__); \
        ROUND(h, a, b, c, d, e, f, g, (i) + 1, __VA_ARGS__); \
        ROUND(g, h, a, b, c, d, e, f, (i) + 2, __VA_ARGS__); \
        ROUND(f, g, h, a, b, c, d, e, (i) + 3, __VA_ARGS__); \
        ROUND(e, f, g, h, a, b, c, d, (i) + 4, __VA_ARGS__); \
        ROUND(d, e, f, g, h, a, b, c, (i) + 5, __VA_ARGS__); \
        ROUND(c, d, e, f, g, h, a, b, (i) + 6, __VA_ARGS__); \
        ROUND(b, c, d, e, f, g, h, a, (i) + 7, __VA_ARGS__); \
    } while (0)
#define COMPRESS(name, Word, rounds, bits, e1, e2, e3, e4, e5, e6, l1, l2, l3, h1, h2, h3) \
    __attribute__((noipa)) static void name(Word s[8], const Word *block, const Word *k) \
    { \
        Word w[16], a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7]; \
        for (int i = 0; i < 16; i++) \
            w[i] = block[i]; \
        for (int i = 0;; i += 16) { \
            ROUNDS8(i, bits, e1, e2, e3, e4, e5, e6); \
            ROUNDS8(i + 8, bits, e1, e2, e3, e4, e5, e6); \
            if (i + 16 == rounds) \
                break; \
            for (int j = 0; j < 16; j++) { \
                Word x = w[(j + 1) & 15], y = w[(j + 14) & 15]; \
                w[j] += (ROTATE(x, l1, bits) ^ ROTATE(x, l2, bits) ^ x >> l3) + w[(j + 9) & 15] + \
                        (ROTATE(y, h1, bits) ^ ROTATE(y, h2, bits) ^ y >> h3); \
            } \
        } \
        s[0] += a, s[1] += b, s[2] += c, s[3] += d, s[4] += e, s[5] += f, s[6] += g, s[7] += h; \
    }
COMPRESS(compress256, uint32_t, 64, 32, 6, 11, 25, 2, 13, 22, 7, 18, 3, 17, 19, 10)
COMPRESS(compress512, uint64_t, 80, 64, 14, 18, 41, 28, 34, 39, 1, 8, 7, 19, 61, 6)

static void work(void)
{
    static uint32_t small[8], small_k[64], small_block[16];
    static uint64_t large[8], large_k[80], large_block[16];
    for (unsigned i = 0; i < 80; i++) {
        large_k[i] = (i + 1) * 0x9e3779b97f4a7c15u; /* not the real constants, which take the same time */
        if (i < 64)
            small_k[i] = (uint32_t)(large_k[i] >> 32);
    }
    for (unsigned i = 0; i < 300000; i++) {
        for (unsigned j = 0; j < 16; j++) {
            small_block[j] = i * 16 + j;
            large_block[j] = small_block[j] * 0x100000001u;
        }
        compress256(small, small_block, small_k);
        compress512(large, large_block, large_k);
    }
    printf("%08x %016llx\n", small[0], (unsigned long long)large[7]);
}
