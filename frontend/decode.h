/* Decoding by table, for guests of fixed-width instructions: the tables that decodegen writes, and the walk through
 * them. */
#ifndef DRAGOMAN_FRONTEND_DECODE_H
#define DRAGOMAN_FRONTEND_DECODE_H

#include "../include/base.h"

/* Words that a row must not match: (word & mask) == value. */
typedef struct DecodeExcl {
    u32 mask, value;
} DecodeExcl;

/* One instruction: matches if (word & mask) == value and no exclusion applies. */
typedef struct DecodeRow {
    const char *name;
    u32 mask, value;
    u16 layout; /* of its fields, see PREFIX_fields */
    u16 excl;   /* first of its nexcl in the table */
    u8 nexcl;
} DecodeRow;

/* tree holds nodes: shift | width << 8, then one entry for each value of those bits of the word: the index of another
 * node, or DECODE_LEAF | the start of a list of rows in `list`, which DECODE_END ends. */
enum { DECODE_LEAF = 0x8000, DECODE_END = 0xffff };
typedef struct DecodeTable {
    const DecodeRow *rows;
    const DecodeExcl *excls;
    const u16 *tree, *list;
    u32 nrows;
} DecodeTable;

static inline bool decode_match(const DecodeTable *t, const DecodeRow *row, u32 word)
{
    if ((word & row->mask) != row->value)
        return false;
    for (u32 n = 0; n < row->nexcl; n++) {
        const DecodeExcl *e = &t->excls[row->excl + n];
        if ((word & e->mask) == e->value)
            return false;
    }
    return true;
}

/* The row that matches, or -1. */
static inline int decode_find(const DecodeTable *t, u32 word)
{
    u32 node = 0;
    do {
        u32 window = t->tree[node];
        node = t->tree[node + 1 + (word >> (window & 0xff) & ((1u << (window >> 8)) - 1))];
    } while (!(node & DECODE_LEAF));
    for (const u16 *row = t->list + (node & ~DECODE_LEAF); *row != DECODE_END; row++)
        if (decode_match(t, &t->rows[*row], word))
            return *row;
    return -1;
}

#endif
