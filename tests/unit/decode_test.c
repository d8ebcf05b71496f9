/* The A64 decode table: every row is reachable and alone, and no word does harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../frontend/decode.h"
#include "../../include/guest.h"
#include "../../include/translate.h"
#include "../../lifter/build.h"

extern const DecodeTable *const a64_decode_table;

/* The guest's helpers call it; nothing runs here. Weak, in case the runtime is linked after all. */
__attribute__((weak)) void code_written(Task *t, u64 addr, u64 size)
{
}

__attribute__((weak)) int code_prot(Task *t, u64 pc)
{
    return -1;
}

__attribute__((weak)) size_t code_read(void *bytes, u64 pc, size_t size)
{
    return 0;
}

__attribute__((weak)) void code_flushes_denormals(void)
{
}

/* xorshift64* */
static u32 next_random(u64 *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (u32)(*state * 0x2545f4914f6cdd1dull >> 32);
}

/* A random word of the row, or false if the exclusions refused a hundred of them. */
static bool instance(const DecodeTable *t, const DecodeRow *row, u64 *seed, u32 *word)
{
    for (int n = 0; n < 100; n++) {
        *word = (next_random(seed) & ~row->mask) | row->value;
        if (decode_match(t, row, *word))
            return true;
    }
    return false;
}

static void test_rows_reachable_and_alone(void **state)
{
    const DecodeTable *t = a64_decode_table;
    u64 seed = 1;
    for (u32 n = 0; n < t->nrows; n++) {
        for (int k = 0; k < 200; k++) {
            u32 word;
            assert_true(instance(t, &t->rows[n], &seed, &word));
            int found = decode_find(t, word);
            if (found != (int)n)
                fail_msg("%08x is of %s, but decodes as %s", word, t->rows[n].name,
                         found < 0 ? "nothing" : t->rows[found].name);
            for (u32 m = 0; m < t->nrows; m++)
                if (m != n && decode_match(t, &t->rows[m], word))
                    fail_msg("%08x matches %s and %s", word, t->rows[n].name, t->rows[m].name);
        }
    }
}

/* The walk finds what a search of all rows finds, in particular nothing where nothing matches. */
static void test_walk_is_search(void **state)
{
    const DecodeTable *t = a64_decode_table;
    u64 seed = 2;
    for (int n = 0; n < 200000; n++) {
        u32 word = next_random(&seed);
        int want = -1;
        for (u32 m = 0; m < t->nrows && want < 0; m++)
            if (decode_match(t, &t->rows[m], word))
                want = (int)m;
        assert_int_equal(decode_find(t, word), want);
    }
}

/* Lifts one word as a block of its own; false if it is undefined. */
static bool lift_word(Ir *ir, u32 word)
{
    static Lift l;
    u64 pc = 0x10000;
    ir_reset(ir, pc);
    l = (Lift){.ir = ir, .guest = &guest_aarch64, .pc = pc};
    memset(l.known, 0xff, sizeof l.known);
    ir_emit(ir, IR_insn, NO_VAL, NO_VAL, NO_VAL, (i64)pc);
    guest_aarch64.lift(&l, (const u8 *)&word, sizeof word);
    if (l.unimplemented)
        return false;
    assert_int_equal(l.next, pc + 4);
    if (!l.ended)
        end_jump(&l, l.next);
    return true;
}

static void check_ir(Ir *ir, u32 word)
{
    char why[200];
    if (!ir_verify(ir, why, sizeof why))
        fail_msg("%08x: %s", word, why);
    ir_finish(ir);
    if (!ir_verify(ir, why, sizeof why))
        fail_msg("%08x, finished: %s", word, why);
}

static void test_rows_lift(void **state)
{
    const DecodeTable *t = a64_decode_table;
    Ir *ir = ir_new();
    u64 seed = 3;
    for (u32 n = 0; n < t->nrows; n++) {
        int lifted = 0;
        for (int k = 0; k < 2000; k++) {
            u32 word;
            if (instance(t, &t->rows[n], &seed, &word) && lift_word(ir, word)) {
                check_ir(ir, word);
                lifted++;
            }
        }
        /* so wide a space, so few registers in it */
        if (!lifted && strcmp(t->rows[n].name, "mrs") && strcmp(t->rows[n].name, "msr"))
            fail_msg("every word of %s is undefined", t->rows[n].name);
    }
    ir_free(ir);
}

static void test_random_words_lift(void **state)
{
    const char *words = getenv("DECODE_TEST_WORDS"); /* 10 million by hand */
    long count = words ? atol(words) : 300000;
    Ir *ir = ir_new();
    u64 seed = 4;
    for (long n = 0; n < count; n++) {
        u32 word = next_random(&seed);
        if (lift_word(ir, word))
            check_ir(ir, word);
    }
    ir_free(ir);
}

static void test_short_code_is_undefined(void **state)
{
    static Lift l;
    Ir *ir = ir_new();
    u32 nop = 0xd503201f;
    l = (Lift){.ir = ir, .guest = &guest_aarch64, .pc = 0x10000};
    guest_aarch64.lift(&l, (const u8 *)&nop, 3);
    assert_true(l.unimplemented);
    ir_free(ir);
}

int main(void)
{
    guest_aarch64.choose_cpu("max"); /* which has all that there is */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_reachable_and_alone), cmocka_unit_test(test_walk_is_search),
        cmocka_unit_test(test_rows_lift),                cmocka_unit_test(test_random_words_lift),
        cmocka_unit_test(test_short_code_is_undefined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
