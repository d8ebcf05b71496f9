/* The baseline against the interpreter: random IR programs, every op in turn, all of the guest state and memory
 * compared; then what the interpreter doesn't have: exits, counters, safepoints, faults. */
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <xmmintrin.h>

#include <cmocka.h>

#include "../../include/log.h"
#include "../../include/translate.h"

enum {
    MEMORY = 512,        /* bytes the programs access */
    POINTER = 0,         /* state offset that holds the address of the memory's middle; never put */
    FIRST = 16,          /* state offsets that the programs use, */
    UNPINNED = 96,       /* those from here on not as 64 bits alone */
    LAST = 400,
    FLAGS = 400,         /* kind, and operands a and b behind it */
    PC = 0x10000,
    ROUNDS = 60,         /* programs for each op */
    FAULT_ROUNDS = 20000,
};

static u64 seed;

static u64 rnd(void)
{
    seed += 0x9e3779b97f4a7c15;
    u64 z = seed;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static u32 below(u32 n)
{
    return (u32)(rnd() % n);
}

static u64 edge(void)
{
    static const u64 edges[] = {
        0, 1, 2, 3, 15, 16, 31, 32, 33, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff,
        0x7fffffff, 0x80000000, 0xffffffff,
        0x100000000, 0x7fffffffffffffff, 0x8000000000000000, ~0ull, ~0ull - 1, ~0ull - 4095, 0xffffffff80000000,
        0x3f8000003f800000, 0x7f8000007fc00000, 0x7ff0000000000000, 0x7ff8000000000000, 0x7fa0000080000000,
        0x0000000100000001,
        0x8080808080808080, 0x7f7f7f7f7f7f7f7f, 0x3ff0000000000000, 0x4330000000000000, 0x41efffffffe00000,
    };
    return below(3) ? edges[below(LEN(edges))] : below(3) ? rnd() >> below(64) : rnd();
}

static u64 fake_helper(Task *t, u64 a, u64 b)
{
    u64 old;
    memcpy(&old, t->state + 32, 8);
    u64 new = old * 3 + a;
    memcpy(t->state + 32, &new, 8);
    return old ^ b;
}

static GuestHelper *const helpers[] = {fake_helper};
static const Guest guest = {.name = "test",
                            .helpers = helpers,
                            .nhelpers = 1,
                            .off_flag_kind = FLAGS,
                            .off_flag_a = FLAGS + 8,
                            .off_flag_b = FLAGS + 16,
                            .pinned = {FIRST, POINTER, FIRST + 8, FIRST + 16, FIRST + 24, FIRST + 40, FIRST + 56,
                                       FIRST + 64}};

static JumpEntry jump_cache[JUMP_CACHE];
static _Alignas(CODE_STACK) u8 code_stack[CODE_STACK];
static Task *task_make(void)
{
    Task *t = aligned_alloc(64, (sizeof *t + 63) & ~(size_t)63);
    memset(t, 0, sizeof *t);
    t->guest = &guest;
    t->jump_cache = jump_cache;
    code_stack_init(t, code_stack);
    for (size_t i = 0; i < JUMP_CACHE; i++)
        jump_cache[i] = (JumpEntry){i ? 0 : 4, (const void *)lookup_stub};
    return t;
}

/* -- random programs ----------------------------------------------------------------------------------------------- */

static Ir *ir;

static Val emit(OpCode code, Val a, Val b, Val c, i64 imm)
{
    return ir_emit(ir, code, a, b, c, imm);
}

static u32 slot(u32 bytes)
{
    u32 first = bytes == 8 && below(2) ? FIRST : UNPINNED, last = first == FIRST ? UNPINNED : LAST;
    return first + below((last - first) / bytes) * bytes;
}

static Val any(Type type)
{
    Val found = NO_VAL;
    u32 how = below(8);
    if (how >= 4) { /* an earlier value: the latest of its type, or any */
        u32 start = how == 4 ? below(ir->count + 1) : ir->count;
        for (u32 n = start; n-- > 0 && found == NO_VAL;)
            if (ir_ops[ir->ops[n].code].result == type)
                found = n;
        if (found != NO_VAL)
            return found;
    }
    switch (type) {
    case TYPE_W:
        return how & 1 ? emit(IR_const32, NO_VAL, NO_VAL, NO_VAL, (u32)edge())
                       : emit(IR_get32, NO_VAL, NO_VAL, NO_VAL, slot(below(2) ? 4 : 8));
    case TYPE_X:
        return how & 1 ? emit(IR_const64, NO_VAL, NO_VAL, NO_VAL, (i64)edge())
                       : emit(IR_get64, NO_VAL, NO_VAL, NO_VAL, slot(8));
    default:
        return emit(IR_get128, NO_VAL, NO_VAL, NO_VAL, slot(16));
    }
}

/* An address at which 32 bytes on either side may be accessed; a multiple of 16. */
static Val address(u8 *memory)
{
    if (!below(3))
        return emit(IR_const64, NO_VAL, NO_VAL, NO_VAL, (i64)(memory + MEMORY / 2 + 16 * below(8)));
    Val base = emit(IR_get64, NO_VAL, NO_VAL, NO_VAL, POINTER);
    if (below(2))
        return base;
    Val mask = emit(IR_const64, NO_VAL, NO_VAL, NO_VAL, 0x70);
    return emit(IR_add64, base, emit(IR_and64, any(TYPE_X), mask, NO_VAL, 0), NO_VAL, 0);
}

/* The number that an op's name ends in. */
static u32 width(const char *name)
{
    const char *p = name + strlen(name);
    while (p > name && p[-1] >= '0' && p[-1] <= '9')
        p--;
    return *p ? (u32)atoi(p) : 8;
}

static i64 immediate(const char *name)
{
    u32 bits = width(name);
    if (!strncmp(name, "vget", 4) || !strncmp(name, "vduplane", 8) || !strncmp(name, "vsetlane", 8))
        return below(128 / bits);
    if (!strncmp(name, "vext", 4))
        return below(16);
    if (!strncmp(name, "vtbli", 5))
        return 16 * below(4);
    return 1 + below(bits - 1);
}

static Val comparison(void)
{
    OpCode cmp = IR_eq32 + below(IR_sle64 - IR_eq32 + 1);
    Val a = any(ir_ops[cmp].arg[0]), b = any(ir_ops[cmp].arg[1]);
    return emit(cmp, a, b, NO_VAL, 0);
}

/* What lifters do with flags. */
static void random_flags(void)
{
    switch (below(8)) {
    case 0:
        emit(IR_get32, NO_VAL, NO_VAL, NO_VAL, FLAGS);
        break;
    case 1:
        emit(IR_get64, NO_VAL, NO_VAL, NO_VAL, FLAGS + 8 + 8 * below(2));
        break;
    case 2:
    case 3:
        emit(IR_put32, any(TYPE_W), NO_VAL, NO_VAL, FLAGS);
        break;
    case 4:
        emit(IR_put64, emit(IR_zx32_64, any(TYPE_W), NO_VAL, NO_VAL, 0), NO_VAL, NO_VAL, FLAGS + 8 + 8 * below(2));
        break;
    default:
        emit(IR_put64, any(TYPE_X), NO_VAL, NO_VAL, FLAGS + 8 + 8 * below(2));
        break;
    }
}

static void random_op(OpCode code, u8 *memory)
{
    const OpInfo *info = &ir_ops[code];
    i64 imm = 0;
    if (info->fx & (FX_END | FX_MARK))
        return;
    Val arg[3] = {NO_VAL, NO_VAL, NO_VAL};
    for (u32 i = 0; i < info->nargs; i++)
        arg[i] = any(info->arg[i]);
    bool memory_op = info->fx & (FX_READ | FX_WRITE) && code != IR_helper && code != IR_fence;
    if (memory_op || code == IR_align) {
        arg[0] = address(memory);
        bool plain = code >= IR_ld8 && code <= IR_st128;
        imm = plain ? (i64)below(64) - 32 : 0;
        if (code == IR_ld128a || code == IR_st128a) {
            arg[0] = emit(IR_and64, arg[0], emit(IR_const64, NO_VAL, NO_VAL, NO_VAL, -16), NO_VAL, 0);
            imm &= -16;
        }
    }
    if (code == IR_align)
        imm = 1 << below(5);
    if (code == IR_fence)
        imm = 1 + below(3);
    if (code == IR_nzcv && below(2))
        arg[0] = emit(IR_const32, NO_VAL, NO_VAL, NO_VAL, below(FLAG_AND64 + 1));
    if (!strncmp(info->name, "adc", 3))
        arg[2] = emit(IR_and32, arg[2], emit(IR_const32, NO_VAL, NO_VAL, NO_VAL, 1), NO_VAL, 0);
    if (info->imm)
        imm = immediate(info->name);
    if (code == IR_const32 || code == IR_const64)
        imm = (i64)edge();
    if (code == IR_leave_if) {
        imm = (i64)(rnd() & ~3ull);
        if (below(2))
            arg[0] = comparison();
    }
    if (info->fx & FX_STATE && code != IR_helper)
        imm = slot(code == IR_get32 || code == IR_put32 ? 4 : code == IR_get64 || code == IR_put64 ? 8 : 16);
    Val v = emit(code, arg[0], arg[1], arg[2], imm);
    /* Most results go to the state, where they are compared. */
    if (info->result != TYPE_V && below(4)) {
        static const OpCode put[] = {[TYPE_W] = IR_put32, [TYPE_X] = IR_put64, [TYPE_Q] = IR_put128};
        static const u32 bytes[] = {[TYPE_W] = 4, [TYPE_X] = 8, [TYPE_Q] = 16};
        emit(put[info->result], v, NO_VAL, NO_VAL, slot(bytes[info->result]));
    }
}

static void random_end(void)
{
    static const OpCode ends[] = {
        IR_jump, IR_branch, IR_branch, IR_branch, IR_jumpi, IR_call, IR_calli, IR_ret, IR_exit,
    };
    OpCode code = ends[below(LEN(ends))];
    u64 target = rnd() & ~3ull;
    if (code == IR_exit)
        target = below(2) ? EXIT_SYSCALL : EXIT_BREAK;
    Val arg = NO_VAL;
    if (code == IR_branch && below(3))
        arg = comparison();
    else if (ir_ops[code].nargs)
        arg = any(ir_ops[code].arg[0]);
    Val v = emit(code, arg, NO_VAL, NO_VAL, (i64)target);
    ir->ops[v].imm2 = rnd() & ~3ull;
}

/* An access that faults. */
static void random_fault(void)
{
    OpCode code = IR_ld8 + below(IR_st128 - IR_ld8 + 1);
    Val address = emit(IR_const64, NO_VAL, NO_VAL, NO_VAL, 1ll << 46);
    emit(code, address, ir_ops[code].nargs == 2 ? any(ir_ops[code].arg[1]) : NO_VAL, NO_VAL, 0);
}

/* The program, with an op of this code in it; `faulting` if it isn't one: the number of an access that faults is the result. */
static Val random_program(OpCode first, u8 *memory, bool faulting)
{
    ir_reset(ir, PC);
    u32 length = 1 + below(24), at = faulting ? below(length) : length;
    Val fault = NO_VAL;
    for (u32 i = 0; i < length; i++) {
        emit(IR_insn, NO_VAL, NO_VAL, NO_VAL, PC + 4 * i);
        if (i == at) {
            random_fault();
            fault = ir->count - 1;
        }
        ir->insns++;
        random_op(i == length / 2 ? first : below(IR_COUNT), memory);
        for (u32 n = below(3); n--;)
            random_flags();
        if (!below(6))
            random_op(IR_leave_if, memory);
    }
    random_end();
    ir->end = PC + 4 * length;
    ir_finish(ir);
    char why[200];
    if (!ir_verify(ir, why, sizeof why))
        fail_msg("%s", why);
    return fault;
}

typedef struct Machine {
    Task *t;
    u8 memory[MEMORY] __attribute__((aligned(64)));
    u32 mxcsr;
} Machine;

/* Both machines see the memory at the same address. */
static u8 shared[MEMORY] __attribute__((aligned(64)));

static void begin(Machine *m, const Machine *from)
{
    memcpy(m->t->state, from->t->state, STATE_BYTES);
    m->t->pc = m->t->exit = m->t->saturated = 0;
    m->t->code_sp = m->t->stack_base; /* code that has called may be gone */
    memcpy(shared, from->memory, MEMORY);
    _mm_setcsr(0x1f80);
}

static void finish(Machine *m)
{
    m->mxcsr = _mm_getcsr();
    _mm_setcsr(0x1f80);
    memcpy(m->memory, shared, MEMORY);
}

static void random_state(Machine *m)
{
    for (u32 i = 0; i < STATE_BYTES; i += 8) {
        u64 v = edge();
        memcpy(m->t->state + i, &v, 8);
    }
    u64 pointer = (u64)(shared + MEMORY / 2);
    memcpy(m->t->state + POINTER, &pointer, 8);
    for (u32 i = 0; i < MEMORY; i++)
        m->memory[i] = below(2) ? 0 : (u8)edge();
}

static void show_difference(const Machine *start, const Machine *want, const Machine *got, const Block *block, u64 at)
{
    fprintf(stderr, "program with seed %#llx:\n", (unsigned long long)at);
    ir_print(ir, stderr, NULL);
    for (u32 i = 0; i < STATE_BYTES; i += 8) {
        u64 s, w, g;
        memcpy(&s, start->t->state + i, 8);
        memcpy(&w, want->t->state + i, 8);
        memcpy(&g, got->t->state + i, 8);
        if (w != g)
            fprintf(stderr, "  [%u] want %#llx, got %#llx, was %#llx\n", i, (unsigned long long)w,
                    (unsigned long long)g,
                    (unsigned long long)s);
    }
    fprintf(stderr, "  pc want %#llx got %#llx; exit want %u got %u; ", (unsigned long long)want->t->pc,
            (unsigned long long)got->t->pc, want->t->exit, got->t->exit);
    fprintf(stderr, "mxcsr want %#x got %#x; saturated want %u got %u\n", want->mxcsr, got->mxcsr, want->t->saturated,
            got->t->saturated);
    fprintf(stderr, "  code:");
    for (u32 i = 0; i < block->code_size; i++)
        fprintf(stderr, " %02x", ((const u8 *)block->code)[i]);
    fputc('\n', stderr);
}

static void programs(void **state)
{
    Machine start = {.t = task_make()}, want = {.t = task_make()}, got = {.t = task_make()};
    u32 done = 0;
    for (u32 round = 0; round < ROUNDS; round++) {
        for (OpCode code = 0; code < IR_COUNT; code++) {
            seed = (u64)round << 32 | (u64)code << 16;
            u64 at = seed;
            random_program(code, shared, false);
            random_state(&start);
            if (++done % 4096 == 0) {
                arena_reset_begin();
                arena_reset_end(true);
            }
            Block *block = baseline_compile(&guest, ir, 0);
            assert_non_null(block);

            begin(&want, &start);
            interp_run(want.t, ir);
            finish(&want);
            begin(&got, &start);
            code_enter(got.t, block->code, 0);
            finish(&got);

            if (got.t->exit == EXIT_LINK) {
                got.t->pc = got.t->exit_link->pc;
                got.t->exit = EXIT_CONTINUE;
            } else if (got.t->exit == EXIT_LOOKUP) {
                got.t->exit = EXIT_CONTINUE;
            }
            bool same = want.t->pc == got.t->pc && want.t->exit == got.t->exit && want.mxcsr == got.mxcsr &&
                        want.t->saturated == got.t->saturated && !memcmp(want.t->state, got.t->state, STATE_BYTES) &&
                        !memcmp(want.memory, got.memory, MEMORY);
            if (!same) {
                show_difference(&start, &want, &got, block, at);
                fail_msg("op %s, round %u", ir_ops[code].name, round);
            }
        }
    }
    free(start.t);
    free(want.t);
    free(got.t);
}

/* -- exits --------------------------------------------------------------------------------------------------------- */

static Block *jump_block(u64 pc, u64 target, u32 limit)
{
    ir_reset(ir, pc);
    emit(IR_insn, NO_VAL, NO_VAL, NO_VAL, (i64)pc);
    ir->insns = 1;
    emit(IR_jump, NO_VAL, NO_VAL, NO_VAL, (i64)target);
    ir->end = pc + 4;
    ir_finish(ir);
    return baseline_compile(&guest, ir, limit);
}

static void counter_and_safepoint(void **state)
{
    Task *t = task_make();
    Block *b = jump_block(PC, 0x2000, 3);
    t->sample_size = 1; /* without a mean, each entry is a sample */
    for (int i = 0; i < 3; i++) {
        code_enter(t, b->code, 0);
        if (i < 2) {
            assert_int_equal(t->exit, EXIT_LINK);
            assert_ptr_equal(t->exit_link, &b->links[0]);
            assert_int_equal(t->exit_link->pc, 0x2000);
        } else {
            assert_int_equal(t->exit, EXIT_HOT);
            assert_int_equal(t->pc, PC);
        }
    }
    b->limit = 10;
    t->pc = 0;
    t->attention = ATTENTION;
    code_enter(t, b->code, 0);
    assert_int_equal(t->exit, EXIT_SIGNAL);
    assert_int_equal(t->pc, PC);
    /* A forward link enters behind the safepoint, but not past the counter, */
    t->sample = 100;
    code_enter(t, (const u8 *)b->code + b->skip, 0);
    assert_int_equal(t->exit, EXIT_LINK);
    assert_int_equal(t->sample, 99);
    /* and past that once the block is settled. */
    code_enter(t, (const u8 *)b->code + b->past, 0);
    assert_int_equal(t->exit, EXIT_LINK);
    assert_int_equal(t->sample, 99);
    assert_int_equal(b->ran, 3);
    assert_false(b->links[0].forward);
    Block *uncounted = jump_block(PC, 0x20000, 0);
    assert_true(uncounted->links[0].forward);
    code_enter(t, uncounted->code, 0);
    assert_int_equal(t->exit, EXIT_SIGNAL);
    free(t);
}

static void links_and_jump_cache(void **state)
{
    Task *t = task_make();
    Block *a = jump_block(PC, PC + 4, 0), *b = jump_block(PC + 4, PC + 8, 0);
    a->links[0].code = b->code;
    code_enter(t, a->code, 0);
    assert_ptr_equal(t->exit_link, &b->links[0]);

    ir_reset(ir, PC);
    Val target = emit(IR_const64, NO_VAL, NO_VAL, NO_VAL, PC + 4);
    emit(IR_ret, target, NO_VAL, NO_VAL, 0);
    ir_finish(ir);
    Block *r = baseline_compile(&guest, ir, 0);
    code_enter(t, r->code, 0);
    assert_int_equal(t->exit, EXIT_LOOKUP);
    assert_int_equal(t->pc, PC + 4);
    t->jump_cache[jump_slot(PC + 4)] = (JumpEntry){PC + 4, b->code};
    code_enter(t, r->code, 0);
    assert_int_equal(t->exit, EXIT_LINK);
    assert_ptr_equal(t->exit_link, &b->links[0]);
    free(t);
}

static void misaligned(void **state)
{
    Task *t = task_make();
    ir_reset(ir, PC);
    emit(IR_insn, NO_VAL, NO_VAL, NO_VAL, PC);
    emit(IR_insn, NO_VAL, NO_VAL, NO_VAL, PC + 4);
    ir->insns = 2;
    Val addr = emit(IR_get64, NO_VAL, NO_VAL, NO_VAL, FIRST);
    emit(IR_align, addr, NO_VAL, NO_VAL, 8);
    emit(IR_jump, NO_VAL, NO_VAL, NO_VAL, PC + 8);
    ir->end = PC + 8;
    ir_finish(ir);
    Block *b = baseline_compile(&guest, ir, 0);
    for (u64 address = 0x1230; address < 0x1240; address++) {
        memcpy(t->state + FIRST, &address, 8);
        code_enter(t, b->code, 0);
        if (address % 8 == 0) {
            assert_int_equal(t->exit, EXIT_LINK);
        } else {
            assert_int_equal(t->exit, EXIT_FAULT);
            assert_int_equal(t->fault.signo, SIGBUS);
            assert_int_equal(t->fault.pc, PC + 4);
            assert_int_equal(t->fault.addr, address);
        }
    }
    free(t);
}

/* -- faults -------------------------------------------------------------------------------------------------------- */

static Task *faulting;
static const Block *running;
static volatile u64 fault_rip;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    fault_rip = (u64)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    const FaultSite *site = code_site_at(running->faults, fault_rip);
    if (site)
        code_recover(faulting, context, running->faults, site);
    code_leave(faulting, context, true);
}

/* A fault's host pc lies in the rows of the instruction that made it, and puts before it have been done. */
static void fault_is_exact(void **state)
{
    static const OpCode ops[] = {IR_ld64, IR_ld8sx, IR_ld128, IR_ld8q, IR_aadd32};
    Task *t = faulting = task_make();
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
    sigaction(SIGSEGV, &sa, &old);
    for (size_t i = 0; i < LEN(ops); i++) {
        ir_reset(ir, PC);
        for (u32 n = 0; n < 3; n++) {
            emit(IR_insn, NO_VAL, NO_VAL, NO_VAL, PC + 4 * n);
            Val seven = emit(IR_const64, NO_VAL, NO_VAL, NO_VAL, 7 + n);
            emit(IR_put64, emit(IR_add64, seven, seven, NO_VAL, 0), NO_VAL, NO_VAL, FIRST + 8 * n);
            if (n == 1) {
                Val addr = emit(IR_get64, NO_VAL, NO_VAL, NO_VAL, FIRST + 32);
                Val value = ops[i] == IR_aadd32 ? emit(IR_lo32, seven, NO_VAL, NO_VAL, 0) : NO_VAL;
                emit(ops[i], addr, value, NO_VAL, 0);
            }
        }
        ir->insns = 3;
        emit(IR_jump, NO_VAL, NO_VAL, NO_VAL, 0);
        ir->end = PC + 12;
        ir_finish(ir);
        Block *b = baseline_compile(&guest, ir, 0);
        memset(t->state, 0, STATE_BYTES);
        running = b;
        fault_rip = 0;
        code_enter(t, b->code, 0);
        assert_int_not_equal(fault_rip, 0);
        assert_int_equal(b->nmap, 3);
        u64 at = fault_rip - (u64)b->code;
        assert_true(at >= b->map[1].host && at < b->map[2].host);
        assert_int_equal(b->map[1].guest, 4);
        u64 first, second, third;
        memcpy(&first, t->state + FIRST, 8);
        memcpy(&second, t->state + FIRST + 8, 8);
        memcpy(&third, t->state + FIRST + 16, 8);
        assert_int_equal(first, 14);
        assert_int_equal(second, 16);
        assert_int_equal(third, 0);
    }
    sigaction(SIGSEGV, &old, NULL);
    free(t);
}

/* The reference runs up to the access alone; the state must be what it is then. */
static void flags_at_faults(void **state)
{
    Machine start = {.t = task_make()}, want = {.t = task_make()}, got = {.t = task_make()};
    Ir *before = ir_new();
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
    sigaction(SIGSEGV, &sa, &old);
    faulting = got.t;
    u32 faults = 0, mapped = 0;
    for (u32 round = 0; round < FAULT_ROUNDS; round++) {
        seed = (u64)round << 20;
        Val at = random_program(IR_nop, shared, true);
        random_state(&start);
        ir_reset(before, PC);
        for (Val n = 0; n < at; n++) {
            const Op *op = &ir->ops[n];
            Val same = ir_emit(before, op->code, op->arg[0], op->arg[1], op->arg[2], op->imm);
            before->ops[same].imm2 = op->imm2;
        }
        ir_emit(before, IR_exit, NO_VAL, NO_VAL, NO_VAL, EXIT_BREAK);
        if (round % 4096 == 0) {
            arena_reset_begin();
            arena_reset_end(true);
        }
        Block *block = baseline_compile(&guest, ir, 0);
        assert_non_null(block);
        running = block;
        begin(&want, &start);
        interp_run(want.t, before);
        finish(&want);
        begin(&got, &start);
        fault_rip = 0;
        code_enter(got.t, block->code, 0);
        finish(&got);
        if (!fault_rip) /* it has left before */
            continue;
        faults++;
        mapped += code_site_at(block->faults, fault_rip) != NULL;
        assert_int_equal(want.t->exit, EXIT_BREAK);
        if (memcmp(want.t->state, got.t->state, STATE_BYTES) || memcmp(want.memory, got.memory, MEMORY)) {
            show_difference(&start, &want, &got, block, seed);
            fail_msg("round %u", round);
        }
    }
    assert_in_range(faults, FAULT_ROUNDS / 4, FAULT_ROUNDS);
    assert_in_range(mapped, FAULT_ROUNDS / 20, faults);
    sigaction(SIGSEGV, &old, NULL);
    ir_free(before);
    free(start.t);
    free(want.t);
    free(got.t);
}

static int setup(void **state)
{
    ir = ir_new();
    return arena_init() ? 0 : -1;
}

static int teardown(void **state)
{
    ir_free(ir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs),
        cmocka_unit_test(counter_and_safepoint),
        cmocka_unit_test(links_and_jump_cache),
        cmocka_unit_test(misaligned),
        cmocka_unit_test(fault_is_exact),
        cmocka_unit_test(flags_at_faults),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
