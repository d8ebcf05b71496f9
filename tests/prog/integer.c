/* Integer arithmetic of every width, shifts, division's corners, carries, bit operations, 128 bits. */
#include <inttypes.h>
#include <stdio.h>

static uint64_t state = 88172645463325252ull;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static uint64_t special(int i)
{
    static const uint64_t v[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX};
    return i % 3 ? next() >> (next() & 63) : v[next() % 15];
}

#define MIX(h, v) (h = (h ^ (uint64_t)(v)) * 0x100000001b3ull)

int main(void)
{
    uint64_t h = 0xcbf29ce484222325ull;

    for (int i = 0; i < 200000; i++) {
        uint64_t a = special(i), b = special(i + 1);
        int64_t sa = (int64_t)a, sb = (int64_t)b;
        uint32_t c = (uint32_t)a, d = (uint32_t)b;
        int32_t sc = (int32_t)c, sd = (int32_t)d;
        unsigned s = b & 63, s32 = b & 31;

        MIX(h, a + b), MIX(h, a - b), MIX(h, a * b), MIX(h, c + d), MIX(h, c * d), MIX(h, a << s), MIX(h, a >> s), MIX(h, sa >> s);
        MIX(h, c << s32), MIX(h, c >> s32), MIX(h, sc >> s32), MIX(h, a & b), MIX(h, a | ~b), MIX(h, a ^ b);
        if (b)
            MIX(h, a / b), MIX(h, a % b);
        if (sb && !(sa == INT64_MIN && sb == -1))
            MIX(h, sa / sb), MIX(h, sa % sb);
        if (d)
            MIX(h, c / d), MIX(h, c % d);
        if (sd && !(sc == INT32_MIN && sd == -1))
            MIX(h, sc / sd), MIX(h, sc % sd);
        MIX(h, sa < sb), MIX(h, a < b), MIX(h, sc <= sd), MIX(h, c >= d);
        MIX(h, (signed char)a), MIX(h, (unsigned char)a), MIX(h, (short)a), MIX(h, (unsigned short)a);
        MIX(h, (uint64_t)((unsigned __int128)a * b >> 64)), MIX(h, (uint64_t)((__int128)sa * sb >> 64));
        MIX(h, __builtin_popcountll(a)), MIX(h, __builtin_bswap64(a)), MIX(h, __builtin_bswap32(c)), MIX(h, __builtin_bswap16((uint16_t)a));
        if (a)
            MIX(h, __builtin_clzll(a)), MIX(h, __builtin_ctzll(a)), MIX(h, __builtin_ffsll(sa));
        MIX(h, __builtin_clrsbll(sa)), MIX(h, a >> 7 | a << 57), MIX(h, c >> 9 | c << 23);
        uint64_t r;
        int64_t sr;
        int32_t sr32;
        MIX(h, __builtin_add_overflow(a, b, &r)), MIX(h, r), MIX(h, __builtin_sub_overflow(sa, sb, &sr)), MIX(h, sr);
        MIX(h, __builtin_mul_overflow(sa, sb, &sr)), MIX(h, sr), MIX(h, __builtin_mul_overflow(sc, sd, &sr32)), MIX(h, sr32);
        unsigned __int128 wide = (unsigned __int128)a << 64 | b, other = (unsigned __int128)d << 32 | c;
        if (other)
            wide = wide / other + wide % other;
        MIX(h, wide), MIX(h, wide >> 64), MIX(h, wide >> s), MIX(h, (wide << s) >> 64), MIX(h, (__int128)wide >> (s + 32) % 128);
        struct {
            unsigned x : 3, y : 13;
            int z : 7;
            uint64_t w : 41;
        } bits = {a, b, sa, a ^ b};
        bits.x += 3, bits.y *= 5, bits.z -= 9, bits.w ^= b;
        MIX(h, bits.x), MIX(h, bits.y), MIX(h, bits.z), MIX(h, bits.w);
        if (i % 20000 == 0)
            printf("%d %016" PRIx64 "\n", i, h);
    }
    printf("%016" PRIx64 "\n", h);
    return h & 63;
}
