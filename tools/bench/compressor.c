/* A compressor: matches found through a hash, coded with adaptive bits and a range coder; then undone. */
#include "work.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 1 << 19, HASHES = 1 << 14, FULL = 1 << 11, MOVE = 5 };

typedef struct Coder {
    uint64_t low;
    uint32_t range, code;
    uint8_t *at, *start;
} Coder;
/* Probabilities of a bit being 0: is it a match, a literal after one of 8 kinds of bytes, a length, a distance's size. */
typedef struct Model {
    uint16_t match[256], literal[8][256], length[256], width[32], reverse[18][16];
} Model;

static uint8_t text[SIZE], packed[SIZE + 1024], unpacked[SIZE];
static int head[HASHES];

static void reset(Model *m)
{
    for (uint16_t *p = m->match; p != (uint16_t *)(m + 1); p++)
        *p = FULL / 2;
}

static void put_bit(Coder *c, uint16_t *p, int bit)
{
    uint32_t bound = (c->range >> 11) * *p;
    if (bit) {
        c->low += bound;
        c->range -= bound;
        *p -= *p >> MOVE;
    } else {
        c->range = bound;
        *p += (FULL - *p) >> MOVE;
    }
    for (; c->range < 1 << 24; c->range <<= 8) {
        if (c->low >> 32) /* a carry runs back over what was written */
            for (uint8_t *q = c->at; q > c->start && !++*--q;)
                ;
        c->low &= 0xffffffff;
        *c->at++ = (uint8_t)(c->low >> 24);
        c->low = (c->low & 0xffffff) << 8;
    }
}

static int get_bit(Coder *c, uint16_t *p)
{
    uint32_t bound = (c->range >> 11) * *p;
    int bit = c->code >= bound;
    if (bit) {
        c->code -= bound;
        c->range -= bound;
        *p -= *p >> MOVE;
    } else {
        c->range = bound;
        *p += (FULL - *p) >> MOVE;
    }
    for (; c->range < 1 << 24; c->range <<= 8)
        c->code = c->code << 8 | *c->at++;
    return bit;
}

static void put_tree(Coder *c, uint16_t *tree, int bits, unsigned value)
{
    for (unsigned node = 1; bits-- > 0;) {
        int bit = value >> bits & 1;
        put_bit(c, &tree[node], bit);
        node = node * 2 + (unsigned)bit;
    }
}

static unsigned get_tree(Coder *c, uint16_t *tree, int bits)
{
    unsigned node = 1;
    for (int i = 0; i < bits; i++)
        node = node * 2 + (unsigned)get_bit(c, &tree[node]);
    return node - (1u << bits);
}

static size_t pack(void)
{
    static Model m;
    Coder c = {.range = ~0u, .at = packed, .start = packed};
    reset(&m);
    memset(head, -1, sizeof head);
    for (int i = 0, before = 0; i < SIZE;) {
        int length = 0, from = -1;
        if (i + 4 <= SIZE) {
            uint32_t four;
            memcpy(&four, text + i, 4);
            int *h = &head[four * 2654435761u >> 18];
            from = *h;
            *h = i;
            while (from >= 0 && i - from < 1 << 17 && length < 255 && i + length < SIZE && text[from + length] == text[i + length])
                length++;
        }
        put_bit(&c, &m.match[before], length >= 4);
        if (length >= 4) {
            unsigned distance = (unsigned)(i - from);
            int width = 31 - __builtin_clz(distance);
            put_tree(&c, m.length, 8, (unsigned)length);
            put_tree(&c, m.width, 5, (unsigned)width);
            for (int b = width - 1; b >= 0; b--)
                put_bit(&c, &m.reverse[width][b & 15], distance >> b & 1);
            i += length;
        } else {
            put_tree(&c, m.literal[before >> 5], 8, text[i++]);
        }
        before = text[i - 1];
    }
    for (int i = 0; i < 5; i++) {
        uint16_t even = FULL / 2;
        c.range = 1 << 23; /* flush */
        put_bit(&c, &even, 0);
    }
    return (size_t)(c.at - packed);
}

static void unpack(void)
{
    static Model m;
    Coder c = {.range = ~0u, .at = packed};
    reset(&m);
    for (int i = 0; i < 4; i++)
        c.code = c.code << 8 | *c.at++;
    for (int i = 0, before = 0; i < SIZE; before = unpacked[i - 1]) {
        if (get_bit(&c, &m.match[before])) {
            int length = (int)get_tree(&c, m.length, 8), width = (int)get_tree(&c, m.width, 5);
            unsigned distance = 1;
            for (int b = width - 1; b >= 0; b--)
                distance = distance * 2 + (unsigned)get_bit(&c, &m.reverse[width][b & 15]);
            for (; length > 0; length--, i++)
                unpacked[i] = unpacked[i - (int)distance];
        } else {
            unpacked[i++] = (uint8_t)get_tree(&c, m.literal[before >> 5], 8);
        }
    }
}

static void work(void)
{
    static const char *const words[] = {"the ", "processor ", "of ", "translation ", "a ", "block ", "is ", "and ",
                                        "register ", "to ", "memory ", "in ", "guest ", "host ", ".\n", "that "};
    unsigned x = 1;
    for (int i = 0; i < SIZE;) {
        x = x * 1664525 + 1013904223;
        const char *w = words[(x >> 28) & (x >> 20)];
        if (x % 11 == 0)
            text[i++] = (uint8_t)('0' + (x >> 16) % 40);
        for (; *w && i < SIZE; w++)
            text[i++] = (uint8_t)*w;
    }
    size_t size = 0;
    for (int round = 0; round < 12; round++) {
        size = pack();
        unpack();
    }
    printf("%zu %d\n", size, memcmp(text, unpacked, SIZE));
}
