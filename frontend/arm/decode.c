/* The A32 and T32 decoders: the generated tables. */
#define DECODE_TABLES
#include "arm.h"

const DecodeTable *const arm_decode_tables[3] = {&a32_table, &t32_table, &t16_table};

bool arm_decode_a32(u32 word, Insn *i)
{
    return a32_lookup(word, i);
}

bool arm_decode_t16(u32 word, Insn *i)
{
    return t16_lookup(word, i);
}

/* Coprocessor instructions are those of A32 with an "always" or the unconditional prefix, Advanced SIMD's data processing
 * has its U elsewhere, its loads and stores have another prefix (A6.3.18, A7.4, A7.7). */
bool arm_decode_t32(u32 word, Insn *i)
{
    u32 top = word >> 24;
    if ((top & 0xef) == 0xef)
        return a32_lookup((word & 0xffffff) | 0xf2000000 | (top >> 4 & 1) << 24, i);
    if (top == 0xf9 && !(word >> 20 & 1))
        return a32_lookup((word & 0xffffff) | 0xf4000000, i);
    if ((top & 0xec) == 0xec)
        return a32_lookup(word, i);
    return t32_lookup(word, i);
}
