/* Static discovery: which bytes of a guest image are code, where its blocks begin, how they make regions. */
#ifndef DRAGOMAN_LIFTER_SURVEY_H
#define DRAGOMAN_LIFTER_SURVEY_H

#include "../include/translate.h"

/* Guest addresses [lo, hi). */
typedef struct CodeRange {
    u64 lo, hi;
} CodeRange;

/* What is known of an address. */
enum {
    CODE_INSN = 1,     /* an instruction begins here */
    CODE_START = 2,    /* a block begins here */
    CODE_ENTRY = 4,    /* control may come here from elsewhere than a direct edge of the same function */
    CODE_FUNCTION = 8, /* a function begins here */
    CODE_NONE = 16,    /* not an instruction the guest knows */
    CODE_RETURN = 32,  /* a call returns here */
    CODE_INSIDE = 64,  /* within an instruction */
};

typedef struct Survey Survey;

/* A survey of the guest code in `ranges` (sorted, apart; copied), which must be readable at its addresses until
 * survey_free. NULL without memory. */
Survey *survey_new(const Guest *guest, const CodeRange *ranges, size_t n);
void survey_free(Survey *s);
/* Code begins at pc, says somebody who knows (a symbol, an unwind table, the ELF header) or something that looks like
 * a pointer; flags are CODE_ENTRY, CODE_FUNCTION or both. Ignored if pc is outside the ranges or misaligned. */
void survey_seed(Survey *s, u64 pc, u32 flags);
/* Follows all that is known: direct edges, calls, return addresses, addresses that code computes. Call after seeding;
 * may be called again after more of it. False without memory. */
bool survey_follow(Survey *s);
/* Takes what has not been reached for code too, as far as it decodes: on guests with aligned instructions, what
 * nothing seems to lead to is mostly the target of a computed jump. */
bool survey_sweep(Survey *s);
/* CODE_* of an address; 0 outside the ranges. */
u32 survey_flags(const Survey *s, u64 pc);

/* A region to be: its blocks' addresses in order, the first one included. */
typedef struct Outline {
    const u64 *blocks; /* the survey's */
    u32 nblocks;
} Outline;

/* Cuts functions into regions: blocks in the order of their addresses, each in exactly one, as large as regions may
 * be. Whatever is entered from another region becomes an entry. Returns how many outlines there are in *out (the
 * survey's own memory), or -1 without memory. */
i64 survey_outline(Survey *s, const Outline **out);
/* Bytes of guest code in it. */
u64 survey_bytes(const Survey *s, const Outline *outline);
/* The loops of the outline's blocks: a region for each with those within it and small functions that they call. How they are
 * to be compiled is the caller's to say (opt 1, not exact), and to free them with region_free. How many; -1 without memory. What is in
 * no loop runs hardly better as LLVM's code than as the baseline's (runtime/tier.c: goes_round), which is made in no time. */
i64 survey_loops(const Survey *s, const Outline *outline, Region *loops[REGION_BLOCKS]);

#endif
