/* Static discovery: where blocks, functions and entries are found, and that regions hold each block once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../lifter/orc.h"
#include "../../lifter/survey.h"

/* Within one page, so that no block ends for another reason than its last instruction. */
_Alignas(64) static const u32 code[] = {
    0xa9bf7bfd, /*  0 f0: stp x29, x30, [sp, #-16]! */
    0x94000007, /*  1     bl f1 */
    0xb4000060, /*  2     cbz x0, 5 */
    0x10000141, /*  3     adr x1, f2 */
    0xd61f0020, /*  4     br x1 */
    0xa8c17bfd, /*  5     ldp x29, x30, [sp], #16 */
    0xd65f03c0, /*  6     ret */
    0xd503201f, /*  7     nop */
    0xd2801588, /*  8 f1: mov x8, #172 */
    0xd4000001, /*  9     svc #0 */
    0x14000002, /* 10     b 12 */
    0xd2800020, /* 11     mov x0, #1: nothing leads here */
    0xd65f03c0, /* 12     ret */
    0xd2800040, /* 13 f2: mov x0, #2 */
    0x17fffff2, /* 14     b f0 */
    0x00000000, /* 15     no instruction */
};

static u64 at(u32 n)
{
    return (u64)&code[n];
}

static Survey *follow(void)
{
    CodeRange range = {at(0), at(LEN(code))};
    Survey *s = survey_new(&guest_aarch64, &range, 1);
    assert_non_null(s);
    survey_seed(s, at(0), CODE_ENTRY | CODE_FUNCTION);
    assert_true(survey_follow(s));
    return s;
}

static void follows_edges(void **state)
{
    Survey *s = follow();
    static const u32 starts[] = {0, 2, 3, 5, 8, 10, 12, 13};
    for (u32 n = 0, k = 0; n < LEN(code); n++) {
        bool is = k < LEN(starts) && starts[k] == n;
        k += is;
        assert_int_equal(survey_flags(s, at(n)) & CODE_START, is ? CODE_START : 0);
    }
    assert_true(survey_flags(s, at(8)) & CODE_FUNCTION);                              /* it is called */
    assert_true(survey_flags(s, at(2)) & CODE_RETURN);                                /* the call returns there */
    assert_true(survey_flags(s, at(10)) & CODE_ENTRY);                                /* and the system call */
    assert_true(survey_flags(s, at(13)) & CODE_ENTRY);                                /* its address is computed */
    assert_false(survey_flags(s, at(5)) & (CODE_ENTRY | CODE_FUNCTION));              /* a branch's target */
    assert_int_equal(survey_flags(s, at(7)), 0);                                      /* padding */
    assert_int_equal(survey_flags(s, at(0) - 4) | survey_flags(s, at(LEN(code))), 0); /* not ours */
    survey_free(s);
}

static void sweeps_the_rest(void **state)
{
    Survey *s = follow();
    assert_int_equal(survey_flags(s, at(11)), 0);
    assert_true(survey_sweep(s));
    assert_true(survey_flags(s, at(11)) & CODE_ENTRY);
    assert_false(survey_flags(s, at(7)) & CODE_START); /* padding makes no block */
    assert_int_equal(survey_flags(s, at(15)), CODE_NONE);
    survey_free(s);
}

static void seeds_are_not_believed(void **state)
{
    Survey *s = follow();
    survey_seed(s, at(2) + 2, CODE_ENTRY);
    survey_seed(s, 0, CODE_ENTRY);
    survey_seed(s, UINT64_MAX, CODE_ENTRY);
    survey_seed(s, at(15), CODE_ENTRY | CODE_FUNCTION);
    assert_true(survey_follow(s));
    assert_int_equal(survey_flags(s, at(15)), CODE_NONE);
    survey_free(s);
}

static void cuts_at_functions(void **state)
{
    Survey *s = follow();
    assert_true(survey_sweep(s));
    const Outline *outlines;
    assert_int_equal(survey_outline(s, &outlines), 2); /* f0; f1 with all that follows: nobody calls f2 */
    assert_int_equal(survey_bytes(s, &outlines[0]), 7 * 4);
    assert_int_equal(survey_bytes(s, &outlines[1]), 7 * 4);
    survey_free(s);
}

/* The loops of a function. */
static i64 loops_of(Survey *s, const u32 *words, Region *loops[REGION_BLOCKS])
{
    const Outline *outlines;
    survey_seed(s, (u64)words, CODE_ENTRY | CODE_FUNCTION);
    assert_true(survey_follow(s));
    assert_true(survey_outline(s, &outlines) > 0);
    return survey_loops(s, &outlines[0], loops);
}

/* What leads to itself again is a region, with the small functions that it calls: nobody comes from outside to where they return. What
 * leads there and what comes after is none. */
static void loops_are_regions(void **state)
{
    _Alignas(64) static const u32 words[] = {
        0x52800001, /* mov w1, #0 */
        0x0b000021, /* loop: add w1, w1, w0 */
        0x94000004, /* bl leaf */
        0x71000400, /* subs w0, w0, #1 */
        0x35ffffa0, /* cbnz w0, loop */
        0xd65f03c0, /* ret */
        0x11000421, /* leaf: add w1, w1, #1 */
        0xd65f03c0, /* ret */
    };
    CodeRange range = {(u64)words, (u64)(words + LEN(words))};
    Survey *s = survey_new(&guest_aarch64, &range, 1);
    assert_non_null(s);
    Region *loops[REGION_BLOCKS];
    assert_int_equal(loops_of(s, words, loops), 1);
    Region *r = loops[0];
    assert_int_equal(r->nblocks, 3);
    assert_int_equal(r->pc, (u64)&words[1]);
    assert_int_equal(r->blocks[2]->pc, (u64)&words[6]);
    assert_int_equal(r->nentries, 1);
    region_free(r);
    survey_free(s);
}

/* A function that calls itself is a region with the end of the recursion. */
static void recursion_is_a_loop(void **state)
{
    _Alignas(64) static const u32 words[] = {
        0x34000080, /* f: cbz w0, end */
        0xf81f0ffe, /* str x30, [sp, #-16]! */
        0x51000400, /* sub w0, w0, #1 */
        0x97fffffd, /* bl f */
        0xf84107fe, /* end: ldr x30, [sp], #16 */
        0xd65f03c0, /* ret */
    };
    CodeRange range = {(u64)words, (u64)(words + LEN(words))};
    Survey *s = survey_new(&guest_aarch64, &range, 1);
    assert_non_null(s);
    Region *loops[REGION_BLOCKS];
    assert_int_equal(loops_of(s, words, loops), 1);
    assert_int_equal(loops[0]->pc, (u64)words);
    assert_int_equal(loops[0]->nblocks, 3);
    region_free(loops[0]);
    survey_free(s);
}

/* A function of more blocks than a region takes: each is in one region, and those that another one leads to are
 * entries. */
static void cuts_what_is_too_large(void **state)
{
    enum { N = 3 * REGION_BLOCKS };
    u32 *big = aligned_alloc(4096, 4096);
    assert_non_null(big);
    for (u32 i = 0; i < N; i++)
        big[i] = 0xb4000020; /* cbz x0, .+4 */
    big[N] = 0xd65f03c0;
    CodeRange range = {(u64)big, (u64)&big[N + 1]};
    Survey *s = survey_new(&guest_aarch64, &range, 1);
    assert_non_null(s);
    survey_seed(s, (u64)big, CODE_ENTRY | CODE_FUNCTION);
    assert_true(survey_follow(s));
    const Outline *outlines;
    i64 n = survey_outline(s, &outlines);
    assert_int_equal(n, 4);
    u64 next = (u64)big;
    for (i64 i = 0; i < n; i++) {
        assert_int_equal(outlines[i].blocks[0], next);
        assert_true(survey_flags(s, next) & CODE_ENTRY);
        next += 4 * outlines[i].nblocks;
    }
    assert_int_equal(next, range.hi);
    survey_free(s);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_edges),          cmocka_unit_test(sweeps_the_rest),
        cmocka_unit_test(seeds_are_not_believed), cmocka_unit_test(cuts_at_functions),
        cmocka_unit_test(cuts_what_is_too_large), cmocka_unit_test(loops_are_regions),
        cmocka_unit_test(recursion_is_a_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
