/* Checksums: CRC-32 by table, by eight tables, bit by bit; Adler-32; Fletcher. */
#include "work.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 1 << 16 };
static uint32_t table[8][256];
static uint8_t data[SIZE];

static uint32_t bytes(uint32_t crc, const uint8_t *p, size_t n)
{
    for (; n > 0; n--)
        crc = table[0][(crc ^ *p++) & 0xff] ^ crc >> 8;
    return crc;
}

static uint32_t words(uint32_t crc, const uint8_t *p, size_t n)
{
    for (; n > 0; n -= 8, p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        w ^= crc;
        crc = table[7][w & 0xff] ^ table[6][w >> 8 & 0xff] ^ table[5][w >> 16 & 0xff] ^ table[4][w >> 24 & 0xff] ^
              table[3][w >> 32 & 0xff] ^ table[2][w >> 40 & 0xff] ^ table[1][w >> 48 & 0xff] ^ table[0][w >> 56];
    }
    return crc;
}

static uint32_t adler(uint32_t sum, const uint8_t *p, size_t n)
{
    uint32_t a = sum & 0xffff, b = sum >> 16;
    while (n > 0) {
        size_t some = n < 5552 ? n : 5552;
        n -= some;
        for (; some > 0; some--) {
            a += *p++;
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    return b << 16 | a;
}

static void work(void)
{
    uint32_t a = ~0u, b = ~0u, c = 1, d = ~0u;
    for (unsigned i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        table[0][i] = crc;
    }
    for (int t = 1; t < 8; t++)
        for (unsigned i = 0; i < 256; i++)
            table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 0xff];
    for (unsigned i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 24);
    for (int round = 0; round < 600; round++) {
        a = bytes(a, data, SIZE);
        b = words(b, data, SIZE);
        b = words(b, data, SIZE);
        c = adler(c, data, SIZE);
        if (round % 16 == 0)
            for (int i = 0; i < SIZE; i++)
                for (int k = 0; k < 8; k++)
                    d = d >> 1 ^ ((d ^ data[i] >> k) & 1 ? 0x82f63b78 : 0);
    }
    printf("%08x %08x %08x %08x\n", a, b, c, d);
}
