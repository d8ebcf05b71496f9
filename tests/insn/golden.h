/* The line format of tests/golden/<isa>/NAME.txt:
 *
 *     8b020020 | 0 | x1=5 | add x0, x1, x2 => x0=0x7
 *
 * instruction words, number of the random state, register values laid over it, source text, and what changed: registers
 * (pc only if it isn't the next instruction's), signal, scratch memory. Everything not named must be unchanged. */
#ifndef DRAGOMAN_TESTS_GOLDEN_H
#define DRAGOMAN_TESTS_GOLDEN_H

#include "aarch64/rig.h"

/* Makes the initial state of a line from its words, number and overriding assignments. False with a message. */
static inline bool golden_case(Case *c, unsigned variant, const char *assignments)
{
    Rng r = {.state = variant};

    for (uint32_t i = 0; i < c->count; i++)
        r.state = r.state * UINT64_C(0x100000001b3) + c->words[i];
    case_random(c, &r);
    return case_assign(c, assignments);
}

#endif
