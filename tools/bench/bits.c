/* Bit tricks: life in words, counts, shifts, fields, Morton numbers, a bit set, division by constants. */
#include "work.h"
#include <stdint.h>
#include <stdio.h>

enum { ROWS = 64 };
static uint64_t rows[ROWS];

/* A generation of life, 64 cells at a time; the field's edges meet. */
static void live(void)
{
    uint64_t next[ROWS];
    for (int y = 0; y < ROWS; y++) {
        uint64_t one = 0, two = 0, four = 0;
        for (int dy = -1; dy <= 1; dy++) {
            uint64_t row = rows[(y + dy + ROWS) % ROWS];
            uint64_t around[3] = {row << 1 | row >> 63, dy ? row : 0, row >> 1 | row << 63};
            for (int k = 0; k < 3; k++) {
                uint64_t carry = one & around[k];
                one ^= around[k];
                four |= two & carry;
                two ^= carry;
            }
        }
        next[y] = two & ~four & (one | rows[y]);
    }
    for (int y = 0; y < ROWS; y++)
        rows[y] = next[y];
}

static uint64_t spread(uint32_t x)
{
    uint64_t n = x;
    n = (n | n << 16) & 0x0000ffff0000ffffu;
    n = (n | n << 8) & 0x00ff00ff00ff00ffu;
    n = (n | n << 4) & 0x0f0f0f0f0f0f0f0fu;
    n = (n | n << 2) & 0x3333333333333333u;
    return (n | n << 1) & 0x5555555555555555u;
}

static void work(void)
{
    static uint32_t set[2048];
    uint64_t sum = 0, x = 1;
    for (int y = 0; y < ROWS; y++)
        rows[y] = (uint64_t)(y + 1) * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 24000; i++)
        live();
    for (int y = 0; y < ROWS; y++)
        sum += (uint64_t)__builtin_popcountll(rows[y]);
    for (int i = 0; i < 30000000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        uint32_t n = (uint32_t)(x >> 32);
        sum += (uint64_t)__builtin_clz(n | 1) + (uint64_t)__builtin_ctzll(x | 1ull << 40) + __builtin_bswap32(n) % 1000;
        sum ^= spread(n) | spread(n >> 16) << 1;
        set[n >> 21] ^= 1u << (n >> 16 & 31);
        sum += (n >> 5 & 0x3ff) * 3 + ((int32_t)n << 9 >> 20) / 7;
    }
    for (int i = 0; i < 2048; i++)
        sum += (uint64_t)__builtin_popcount(set[i]);
    printf("%llu\n", (unsigned long long)sum);
}
