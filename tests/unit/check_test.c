/* --check finds what a wrong code generator would do: a region's code is compared with that of the same region with one
 * op changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../lifter/orc.h"
#include "../../frontend/aarch64/state.h"
#include "../../runtime/check.h"
#include "../../runtime/mem.h"

/* Adds x2 to x1 and stores the sum at x3, x4 times; returns. */
static const _Alignas(4096) u32 code[] = {
    0x8b020021, /* again: add x1, x1, x2 */
    0xf8008461, /* str x1, [x3], #8 */
    0xf1000484, /* subs x4, x4, #1 */
    0x54ffffa1, /* b.ne again */
    0xd65f03c0, /* ret */
};
static u64 *memory; /* a page where the guest's may be, not among the translator's */
enum { AT = 22 }; /* what is written ends where the report's unit of memory does */

static bool in_code(void *unused, u64 pc)
{
    return pc - (u64)code < sizeof code;
}

static Region *form(void)
{
    Region *r = region_form(&guest_aarch64, (u64)code, in_code, NULL);
    assert_non_null(r);
    return r;
}

/* The first op of that kind. */
static Op *op_of(Region *r, OpCode wanted)
{
    for (size_t i = 0; i < r->nblocks; i++)
        for (u32 n = 0; n < r->blocks[i]->count; n++)
            if (r->blocks[i]->ops[n].code == wanted)
                return &r->blocks[i]->ops[n];
    fail_msg("no such op");
    return NULL;
}

static u64 *x(Task *t, u32 n)
{
    return &a64(t)->x[n];
}

/* Runs the loop with LLVM's code made from `built`; the report, which the caller frees, or NULL if there was none. */
static char *run(Region *built, Task **task)
{
    char why[200] = "";
    Block *b = orc_compile(built, why, sizeof why);
    if (!b)
        fail_msg("%s", why);
    region_free(built);
    assert_non_null(check_new(form(), b));

    Task *t = *task = task_new(the_process);
    if (!memory)
        memory = (u64 *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(memory, 0, 4096);
    guest_aarch64.reset(t, (u64)code, 0);
    *x(t, 1) = 5;
    *x(t, 2) = 7;
    *x(t, 3) = (u64)&memory[AT];
    *x(t, 4) = 10;
    *x(t, 30) = 0x1000;
    FILE *log = tmpfile();
    log_.file = log;
    bool same = check_run(t, b);
    log_.file = NULL;
    size_t size = (size_t)lseek(fileno(log), 0, SEEK_END);
    char *text = same ? NULL : calloc(1, size + 1);
    if (text)
        assert_int_equal(pread(fileno(log), text, size, 0), size);
    fclose(log);
    return text;
}

static void expect(const char *report, const char *text)
{
    if (!report)
        fail_msg("no difference was found");
    else if (!strstr(report, text)) {
        fputs(report, stderr);
        fail_msg("the report lacks '%s'", text);
    }
}

/* Afterwards everything is as if the code had run once. */
static void the_same(void **unused)
{
    Task *t;
    char *report = run(form(), &t);
    if (report)
        fputs(report, stderr);
    assert_null(report);
    assert_int_equal(t->exit, EXIT_CONTINUE);
    assert_int_equal(t->pc, 0x1000);
    assert_int_equal(*x(t, 1), 75);
    assert_int_equal(*x(t, 4), 0);
    for (u64 i = 0; i < 11; i++)
        assert_int_equal(memory[AT + i], i < 10 ? 12 + 7 * i : 0);
    assert_int_equal(t->executed[TIER_BASELINE], 41);
    assert_int_equal(t->executed[TIER_LLVM], 41);
    task_free(t);
}

/* Both states, memory, the IR and the code of both are in the report. */
static void wrong_value(void **unused)
{
    Task *t;
    Region *r = form();
    op_of(r, IR_add64)->code = IR_sub64;
    char *report = run(r, &t);
    expect(report, "* x1 ");
    expect(report, "\n  x2 ");
    expect(report, "000000000000004b"); /* 75, which is right */
    expect(report, "\n* 0x");
    expect(report, "add x1, x1, x2");
    expect(report, "add64 %");
    expect(report, "check_wrote");
    expect(report, "define preserve_nonecc");
    expect(report, "OUT: region");
    free(report);
    task_free(t);
}

static void wrong_place(void **unused)
{
    Task *t;
    Region *r = form();
    op_of(r, IR_st64)->imm += 8;
    char *report = run(r, &t);
    expect(report, "(not written)");
    free(report);
    task_free(t);
}

/* One iteration too few: registers, memory, and how many instructions it was. */
static void wrong_way(void **unused)
{
    Task *t;
    Region *r = form();
    Op *branch = op_of(r, IR_branch);
    u64 imm = branch->imm2;
    branch->imm2 = (u64)branch->imm;
    branch->imm = (i64)imm;
    char *report = run(r, &t);
    expect(report, "* insns");
    free(report);
    task_free(t);
}

/* The block's work is right, but the register is forgotten. */
static void lost_register(void **unused)
{
    Task *t;
    Region *r = form();
    Op *put = op_of(r, IR_put64);
    put->code = IR_nop;
    char *report = run(r, &t);
    expect(report, "* x1 ");
    free(report);
    task_free(t);
}

static int set_up(void **unused)
{
    static Process process;
    process.mem = mem_new(0);
    process.guest = &guest_aarch64;
    pthread_mutex_init(&process.lock, NULL);
    the_process = &process;
    lift_counting();
    return arena_init() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same),  cmocka_unit_test(wrong_value),   cmocka_unit_test(wrong_place),
        cmocka_unit_test(wrong_way), cmocka_unit_test(lost_register),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
