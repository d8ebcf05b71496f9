/* The A64 decoder: the generated table and the walk through it. */
#define DECODE_TABLES
#include "a64.h"

const DecodeTable *const a64_decode_table = &a64_table;

bool a64_decode(u32 word, Insn *i)
{
    int row = decode_find(&a64_table, word);
    if (row < 0)
        return false;
    *i = (Insn){.bits = word, .op = (u16)row};
    a64_fields(i, word, a64_rows[row].layout);
    return true;
}
