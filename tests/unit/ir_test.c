/* The IR: what the verifier accepts and refuses, what ir_finish removes and must not, how it prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../include/ir.h"

static Ir *ir;

static Val emit(OpCode code, Val a, Val b, Val c, i64 imm)
{
    return ir_emit(ir, code, a, b, c, imm);
}

static Val leaf(OpCode code, i64 imm)
{
    return emit(code, NO_VAL, NO_VAL, NO_VAL, imm);
}

static int setup(void **state)
{
    ir = ir_new();
    ir_reset(ir, 0x1000);
    return ir == NULL;
}

static int teardown(void **state)
{
    ir_free(ir);
    return 0;
}

static void refuses(const char *reason)
{
    char why[200] = "";
    assert_false(ir_verify(ir, why, sizeof why));
    if (!strstr(why, reason))
        fail_msg("refused for '%s', not '%s'", why, reason);
}

static void accepts(void)
{
    char why[200] = "";
    if (!ir_verify(ir, why, sizeof why))
        fail_msg("refused: %s", why);
}

static void good_block(void **state)
{
    leaf(IR_insn, 0x1000);
    Val a = leaf(IR_get64, 8), b = leaf(IR_const64, 5);
    emit(IR_put64, emit(IR_add64, a, b, NO_VAL, 0), NO_VAL, NO_VAL, 16);
    emit(IR_branch, emit(IR_ult64, a, b, NO_VAL, 0), NO_VAL, NO_VAL, 0x1000);
    accepts();
}

static void empty_block(void **state)
{
    refuses("empty");
}

static void no_terminator(void **state)
{
    leaf(IR_const64, 1);
    refuses("not a terminator");
}

static void early_terminator(void **state)
{
    leaf(IR_jump, 0x1000);
    leaf(IR_jump, 0x1000);
    refuses("before the end");
}

static void wrong_type(void **state)
{
    Val w = leaf(IR_get32, 8);
    emit(IR_not64, w, NO_VAL, NO_VAL, 0);
    leaf(IR_jump, 0x1000);
    refuses("is W, not X");
}

static void operand_without_value(void **state)
{
    Val put = emit(IR_put64, leaf(IR_const64, 1), NO_VAL, NO_VAL, 8);
    emit(IR_not64, put, NO_VAL, NO_VAL, 0);
    leaf(IR_jump, 0x1000);
    refuses("is V, not X");
}

static void later_operand(void **state)
{
    emit(IR_not64, 1, NO_VAL, NO_VAL, 0);
    leaf(IR_const64, 1);
    leaf(IR_jump, 0x1000);
    refuses("not an earlier op");
}

static void missing_operand(void **state)
{
    emit(IR_add64, leaf(IR_const64, 1), NO_VAL, NO_VAL, 0);
    leaf(IR_jump, 0x1000);
    refuses("not an earlier op");
}

static void bad_offsets(void **state)
{
    static const struct {
        OpCode code;
        i64 offset;
    } bad[] = {{IR_get64, 4}, {IR_get64, -8}, {IR_get32, 1024}, {IR_get128, 1016}, {IR_get128, 8}};
    for (size_t i = 0; i < LEN(bad); i++) {
        ir_reset(ir, 0x1000);
        leaf(bad[i].code, bad[i].offset);
        leaf(IR_jump, 0x1000);
        refuses("bad state offset");
    }
}

static void no_such_op(void **state)
{
    leaf(IR_const64, 1);
    ir->ops[0].code = IR_COUNT;
    leaf(IR_jump, 0x1000);
    refuses("no such op");
}

static bool is_removed(Val v)
{
    return ir->ops[v].code == IR_nop;
}

static void unused_values_go(void **state)
{
    Val a = leaf(IR_get64, 0), b = leaf(IR_const64, 3), sum = emit(IR_add64, a, b, NO_VAL, 0);
    Val kept = emit(IR_xor64, a, b, NO_VAL, 0), put = emit(IR_put64, kept, NO_VAL, NO_VAL, 8);
    leaf(IR_jump, 0x1000);
    ir_finish(ir);
    assert_true(is_removed(sum));
    assert_false(is_removed(a) || is_removed(b) || is_removed(kept) || is_removed(put));
    assert_int_equal(ir->ops[a].uses, 1);
    assert_int_equal(ir->ops[kept].uses, 1);
}

/* A load may fault, a floating-point op raises flags: both stay though nobody wants their values. */
static void effects_stay(void **state)
{
    Val addr = leaf(IR_get64, 0), load = emit(IR_ld64, addr, NO_VAL, NO_VAL, 0);
    Val q = leaf(IR_get128, 256), fp = emit(IR_fadd64, q, q, NO_VAL, 0);
    leaf(IR_jump, 0x1000);
    ir_finish(ir);
    assert_false(is_removed(load) || is_removed(fp));
}

static void hidden_puts_go(void **state)
{
    Val one = leaf(IR_const64, 1), two = leaf(IR_const64, 2), low = leaf(IR_const32, 3);
    Val first = emit(IR_put64, one, NO_VAL, NO_VAL, 8), half = emit(IR_put32, low, NO_VAL, NO_VAL, 8);
    Val last = emit(IR_put64, two, NO_VAL, NO_VAL, 8);
    Val wide = emit(IR_put64, one, NO_VAL, NO_VAL, 16), part = emit(IR_put32, low, NO_VAL, NO_VAL, 16);
    leaf(IR_jump, 0x1000);
    ir_finish(ir);
    assert_true(is_removed(first) && is_removed(half));
    assert_false(is_removed(last) || is_removed(wide) || is_removed(part));
}

/* What a fault, a helper or a get in between could see must be there. */
static void seen_puts_stay(void **state)
{
    Val one = leaf(IR_const64, 1), put[3], between[3];
    put[0] = emit(IR_put64, one, NO_VAL, NO_VAL, 8);
    between[0] = emit(IR_ld64, one, NO_VAL, NO_VAL, 0);
    put[1] = emit(IR_put64, one, NO_VAL, NO_VAL, 8);
    between[1] = emit(IR_helper, one, one, NO_VAL, 0);
    put[2] = emit(IR_put64, one, NO_VAL, NO_VAL, 8);
    between[2] = leaf(IR_get64, 8);
    emit(IR_put64, between[2], NO_VAL, NO_VAL, 24);
    emit(IR_put64, one, NO_VAL, NO_VAL, 8);
    leaf(IR_jump, 0x1000);
    ir_finish(ir);
    for (size_t i = 0; i < LEN(put); i++)
        assert_false(is_removed(put[i]) || is_removed(between[i]));
}

static void printing(void **state)
{
    leaf(IR_insn, 0x1000);
    Val a = leaf(IR_get64, 8);
    emit(IR_st64, a, emit(IR_ld64, a, NO_VAL, NO_VAL, -8), NO_VAL, 0);
    leaf(IR_jump, 0x2000);
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    ir_print(ir, f, NULL);
    fclose(f);
    assert_string_equal(text, "  ; 0x1000\n  %1 = get64 [8]\n  %2 = ld64 %1 -8\n  st64 %1 %2\n  jump 0x2000\n");
    free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(good_block),       TEST(empty_block),  TEST(no_terminator), TEST(early_terminator), TEST(wrong_type),
        TEST(operand_without_value), TEST(later_operand), TEST(missing_operand), TEST(bad_offsets), TEST(no_such_op),
        TEST(unused_values_go), TEST(effects_stay), TEST(hidden_puts_go), TEST(seen_puts_stay), TEST(printing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
