/* Ciphers in C: ChaCha20, whose rotations are all there is, and AES with its tables. */
#include "work.h"
#include <stdint.h>
#include <stdio.h>

static uint32_t rotate(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static void quarter(uint32_t *s, int a, int b, int c, int d)
{
    s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 7);
}

__attribute__((noipa)) static void chacha(uint32_t out[16], const uint32_t in[16])
{
    uint32_t s[16];
    for (int i = 0; i < 16; i++)
        s[i] = in[i];
    for (int round = 0; round < 20; round += 2) {
        for (int i = 0; i < 4; i++)
            quarter(s, i, i + 4, i + 8, i + 12);
        for (int i = 0; i < 4; i++)
            quarter(s, i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12);
    }
    for (int i = 0; i < 16; i++)
        out[i] = s[i] + in[i];
}

static uint8_t box[256];
static uint32_t mixed[4][256];

static uint8_t twice(uint8_t x)
{
    return (uint8_t)(x << 1 ^ (x & 0x80 ? 0x1b : 0));
}

static void make_tables(void)
{
    for (uint8_t p = 1, q = 1, first = 1; first || p != 1; first = 0) {
        p = (uint8_t)(p ^ twice(p)); /* times 3 */
        q ^= (uint8_t)(q << 1), q ^= (uint8_t)(q << 2), q ^= (uint8_t)(q << 4); /* over 3 */
        q ^= q & 0x80 ? 9 : 0;
        box[p] = (uint8_t)(q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4) ^ 0x63);
    }
    box[0] = 0x63;
    for (int i = 0; i < 256; i++)
        for (int k = 0; k < 4; k++)
            mixed[k][i] = rotate((uint32_t)twice(box[i]) | (uint32_t)box[i] << 8 | (uint32_t)box[i] << 16 |
                                     (uint32_t)(box[i] ^ twice(box[i])) << 24, 8 * k);
}

__attribute__((noipa)) static void aes(uint32_t s[4], const uint32_t keys[44])
{
    for (int i = 0; i < 4; i++)
        s[i] ^= keys[i];
    for (int round = 1; round < 10; round++) {
        uint32_t t[4];
        for (int i = 0; i < 4; i++)
            t[i] = mixed[0][s[i] & 0xff] ^ mixed[1][s[(i + 1) & 3] >> 8 & 0xff] ^ mixed[2][s[(i + 2) & 3] >> 16 & 0xff] ^
                   mixed[3][s[(i + 3) & 3] >> 24] ^ keys[4 * round + i];
        for (int i = 0; i < 4; i++)
            s[i] = t[i];
    }
    uint32_t t[4];
    for (int i = 0; i < 4; i++)
        t[i] = ((uint32_t)box[s[i] & 0xff] | (uint32_t)box[s[(i + 1) & 3] >> 8 & 0xff] << 8 |
                (uint32_t)box[s[(i + 2) & 3] >> 16 & 0xff] << 16 | (uint32_t)box[s[(i + 3) & 3] >> 24] << 24) ^ keys[40 + i];
    for (int i = 0; i < 4; i++)
        s[i] = t[i];
}

static void work(void)
{
    uint32_t state[16], out[16], sum = 0, keys[44], block[4] = {1, 2, 3, 4};
    make_tables();
    for (uint32_t i = 0; i < 44; i++)
        keys[i] = (i + 1) * 0x9e3779b9u;
    for (uint32_t i = 0; i < 16; i++)
        state[i] = keys[i];
    for (int i = 0; i < 350000; i++) {
        chacha(out, state);
        state[12]++;
        sum ^= out[i & 15];
    }
    for (int i = 0; i < 1000000; i++)
        aes(block, keys);
    printf("%08x %08x\n", sum, block[0]);
}
