/* The A64 decoder: the generated table. */
#define DECODE_TABLES
#include "a64.h"

const DecodeTable *const a64_decode_table = &a64_table;

bool a64_decode(u32 word, Insn *i)
{
    return a64_lookup(word, i);
}
