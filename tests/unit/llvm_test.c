/* The LLVM tier against the interpreter: every value op by itself, and random blocks and loops, from random guest
 * state. Both run the same IR on the same state and memory; afterwards state, memory, floating-point status and the
 * place where they left must agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xmmintrin.h>

#include <cmocka.h>

#include "../../include/guest.h"
#include "../../include/log.h"
#include "../../include/translate.h"
#include "../../lifter/ops.h"
#include "../../lifter/orc.h"

enum : u64 {
    OFF_X = 0, /* 32 of 8 bytes */
    OFF_KIND = 256,
    OFF_A = 264,
    OFF_B = 272,
    OFF_V = 512, /* 32 of 16 bytes */
    MEMORY = 4096,
    BASE_PC = 0x550000010000, /* above 4 GiB, where a unit's guest addresses are relative to its pc; instruction tests
                                 are below */
    OUTSIDE = 0x550000090000,
};

typedef struct Rng {
    u64 s;
} Rng;

static u64 next(Rng *r)
{
    r->s ^= r->s << 13;
    r->s ^= r->s >> 7;
    r->s ^= r->s << 17;
    return r->s * 0x2545f4914f6cdd1dull;
}

static u32 below(Rng *r, u32 n)
{
    return (u32)(next(r) >> 33) % n;
}

/* -- the guest the blocks belong to ------------------------------------------------------------------------- */

/* Reads and writes registers behind the code's back, which must see it. */
static u64 mix_registers(Task *t, u64 a, u64 b)
{
    u64 *x = (u64 *)(t->state + OFF_X);
    u64 r = x[3] + a;
    x[4] ^= b;
    x[5] = t->pc;
    return r;
}

static u64 start_flushing(Task *t, u64 a, u64 b)
{
    t->fp_mode |= FP_FLUSH;
    return 0;
}

static GuestHelper *const helpers[] = {mix_registers, start_flushing};
static const Guest guest = {.name = "test",
                            .off_flag_kind = OFF_KIND,
                            .off_flag_a = OFF_A,
                            .off_flag_b = OFF_B,
                            .pinned = {OFF_X, OFF_X + 8, OFF_X + 16, OFF_X + 24, OFF_X + 32, OFF_X + 40, OFF_X + 48,
                                       OFF_X + 56},
                            .helpers = helpers,
                            .nhelpers = 2};

/* -- random IR ---------------------------------------------------------------------------------------------- */

typedef struct Gen {
    Ir *ir;
    Rng *rng;
    u8 *memory;
    bool counts; /* blocks begin with IR_count */
} Gen;

static Val emit(Gen *g, OpCode code, Val a, Val b, Val c, i64 imm)
{
    return ir_emit(g->ir, code, a, b, c, imm);
}

static u64 interesting(Rng *r)
{
    static const u64 special[] = {0,
                                  1,
                                  2,
                                  0x7f,
                                  0x80,
                                  0xff,
                                  0x7fff,
                                  0x8000,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff,
                                  0x7fffffffffffffff,
                                  0x8000000000000000,
                                  ~0ull,
                                  0x3f8000003f800000,
                                  0x3ff0000000000000,
                                  0x7ff0000000000000,
                                  0x7ff8000000000000,
                                  0x7ff0000000000001,
                                  0x7f8000007fc00000,
                                  0x7f800001ff800001,
                                  0x0000000100000001,
                                  0x000fffffffffffff,
                                  0xc1e0000000000000};
    switch (below(r, 3)) {
    case 0:
        return special[below(r, LEN(special))];
    case 1:
        return next(r) >> below(r, 64);
    default:
        return next(r);
    }
}

/* A value of the type defined earlier in the block, or a fresh one. */
static Val operand(Gen *g, Type type)
{
    u32 n = g->ir->count;
    for (int tries = 0; n && tries < 8; tries++) {
        Val v = n - 1 - below(g->rng, n < 24 ? n : 24);
        if (ir_ops[g->ir->ops[v].code].result == type)
            return v;
    }
    u32 reg = below(g->rng, 8);
    switch (type) {
    case TYPE_W:
        if (below(g->rng, 2))
            return emit(g, IR_const32, NO_VAL, NO_VAL, NO_VAL, (u32)interesting(g->rng));
        return emit(g, IR_get32, NO_VAL, NO_VAL, NO_VAL, OFF_X + 4 * below(g->rng, 16));
    case TYPE_X:
        if (below(g->rng, 2))
            return emit(g, IR_const64, NO_VAL, NO_VAL, NO_VAL, (i64)interesting(g->rng));
        return emit(g, IR_get64, NO_VAL, NO_VAL, NO_VAL, below(g->rng, 4) ? OFF_X + 8 * reg : OFF_V + 8 * reg);
    default:
        return emit(g, IR_get128, NO_VAL, NO_VAL, NO_VAL, OFF_V + 16 * reg);
    }
}

/* What imm an op takes can be told from its name: the lane width at its end, and whether it picks lanes or shifts. */
static i64 imm_for(Gen *g, OpCode code)
{
    const char *name = ir_ops[code].name, *digits = name + strlen(name);
    while (digits > name && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    u32 width = (u32)atoi(digits);
    if (!strncmp(name, "vget", 4) || !strncmp(name, "vduplane", 8) || !strncmp(name, "vsetlane", 8))
        return below(g->rng, 128 / width);
    if (!strncmp(name, "vurshri", 7) || !strncmp(name, "vsrshri", 7))
        return 1 + below(g->rng, width);
    return below(g->rng, width ? width : 16);
}

static Val value_op(Gen *g, OpCode code)
{
    const OpInfo *info = &ir_ops[code];
    Val arg[3] = {NO_VAL, NO_VAL, NO_VAL};
    for (u32 i = 0; i < info->nargs; i++)
        arg[i] = operand(g, info->arg[i]);
    if (code >= IR_adc32_nzcv && code <= IR_adc64_carry)
        arg[2] = emit(g, IR_and32, arg[2], emit(g, IR_const32, NO_VAL, NO_VAL, NO_VAL, 1), NO_VAL, 0);
    if (code == IR_nzcv && below(g->rng, 4))
        arg[0] = emit(g, IR_const32, NO_VAL, NO_VAL, NO_VAL, below(g->rng, FLAG_AND64 + 1));
    return emit(g, code, arg[0], arg[1], arg[2], info->imm ? imm_for(g, code) : 0);
}

static void put(Gen *g, Val v)
{
    u32 reg = below(g->rng, 8);
    switch (ir_ops[g->ir->ops[v].code].result) {
    case TYPE_W:
        emit(g, IR_put32, v, NO_VAL, NO_VAL, OFF_X + 4 * below(g->rng, 16));
        break;
    case TYPE_X:
        emit(g, IR_put64, v, NO_VAL, NO_VAL, below(g->rng, 4) ? OFF_X + 8 * reg : OFF_V + 8 * reg);
        break;
    case TYPE_Q:
        emit(g, IR_put128, v, NO_VAL, NO_VAL, OFF_V + 16 * reg);
        break;
    default:
        break;
    }
}

static bool is_memory(OpCode code)
{
    return code >= IR_ld8 && code <= IR_st128;
}

static bool may_be_anywhere(OpCode code)
{
    return is_memory(code) && code != IR_ld128a && code != IR_st128a;
}

static bool is_atomic(OpCode code)
{
    return code >= IR_cas8 && code < IR_helper;
}

static Val memory_op(Gen *g, OpCode code)
{
    const OpInfo *info = &ir_ops[code];
    u32 disp = is_memory(code) ? below(g->rng, 64) : 0;
    u64 address = (u64)g->memory + 16 * below(g->rng, MEMORY / 16 - 8) + (may_be_anywhere(code) ? below(g->rng, 16) : 0);
    Val a = emit(g, IR_const64, NO_VAL, NO_VAL, NO_VAL, (i64)(address - disp));
    Val b = info->nargs > 1 ? operand(g, info->arg[1]) : NO_VAL,
        c = info->nargs > 2 ? operand(g, info->arg[2]) : NO_VAL;
    if (is_atomic(code))
        emit(g, IR_align, a, NO_VAL, NO_VAL, 16);
    return emit(g, code, a, b, c, disp);
}

static void random_op(Gen *g)
{
    for (;;) {
        OpCode code = (OpCode)below(g->rng, IR_COUNT);
        if (below(g->rng, 3) == 0)
            code = IR_ld8 + below(g->rng, IR_add32 - IR_ld8);
        if (is_memory(code) || is_atomic(code)) {
            put(g, memory_op(g, code));
            return;
        }
        if (code == IR_fence) {
            emit(g, code, NO_VAL, NO_VAL, NO_VAL, 1 + below(g->rng, 3));
            return;
        }
        if (code == IR_helper && below(g->rng, 4) == 0) {
            Val a = operand(g, TYPE_X), b = operand(g, TYPE_X);
            put(g, emit(g, code, a, b, NO_VAL, 0));
            return;
        }
        if (ir_ops[code].fx & FX_BODY) {
            put(g, value_op(g, code));
            return;
        }
    }
}

static void begin(Gen *g, u64 pc)
{
    ir_reset(g->ir, pc);
    if (g->counts)
        emit(g, IR_count, NO_VAL, NO_VAL, NO_VAL, 1 + below(g->rng, 99));
    emit(g, IR_insn, NO_VAL, NO_VAL, NO_VAL, (i64)pc);
    g->ir->insns = 1;
    g->ir->end = pc + 4;
}

static void finish(Gen *g)
{
    char why[200] = "";
    ir_finish(g->ir);
    if (!ir_verify(g->ir, why, sizeof why))
        fail_msg("%s", why);
}

/* -- running it both ways ----------------------------------------------------------------------------------- */

typedef struct World {
    Task *task;
    u8 memory[MEMORY];
    u32 mxcsr;
    u64 pc; /* where it left to */
} World;

static _Alignas(CODE_STACK) u8 code_stack[CODE_STACK];

static Task *new_task(void)
{
    size_t size = (sizeof(Task) + 63) & ~(size_t)63;
    Task *t = aligned_alloc(64, size);
    memset(t, 0, size);
    t->guest = &guest;
    code_stack_init(t, code_stack);
    t->jump_cache = malloc(JUMP_CACHE * sizeof(JumpEntry));
    memset(t->jump_cache, 0x5a, JUMP_CACHE * sizeof(JumpEntry));
    return t;
}

static void free_task(Task *t)
{
    free(t->jump_cache);
    free(t);
}

/* Numbers around those for which the host's results differ from the guest's: NaNs of both kinds, products that round up
 * to the least normal number. */
static u64 interesting_double(Rng *r)
{
    static const u64 special[] = {0x7ff8000000000001,
                                  0xfff8000000000002,
                                  0x7ff0000000000003,
                                  0xfff4000000000004,
                                  0x7ff0000000000000,
                                  0xfff0000000000000,
                                  0x0010000000000000,
                                  0x0010000000000001,
                                  0x001fffffffffffff,
                                  0x000fffffffffffff,
                                  0x3fefffffffffffff,
                                  0x3ff0000000000001,
                                  0x3ff0000000000000,
                                  0xbfe0000000000000,
                                  0x2000000000000000,
                                  0x1ff0000000000000,
                                  0x3810000000000000,
                                  0x380fffffffffffff,
                                  0,
                                  1};
    return below(r, 4) ? 0x3fe0000000000000 + (next(r) >> 10) : special[below(r, LEN(special))];
}

static u32 interesting_float(Rng *r)
{
    static const u32 special[] = {0x7fc00001, 0xffc00002, 0x7f800003, 0xffa00004, 0x7f800000, 0xff800000,
                                  0x00800000, 0x00800001, 0x00ffffff, 0x007fffff, 0x3f7fffff, 0x3f800001,
                                  0x3f800000, 0xbf000000, 0x20000000, 0x1f800000, 0,          1};
    return below(r, 4) ? 0x3f000000 + (u32)(next(r) >> 41) : special[below(r, LEN(special))];
}

static void floating_state(Rng *rng, World *w)
{
    for (u32 reg = 0; reg < 8; reg++) {
        u64 d[2] = {interesting_double(rng), interesting_double(rng)};
        u32 s[4] = {interesting_float(rng), interesting_float(rng), interesting_float(rng), interesting_float(rng)};
        memcpy(w->task->state + OFF_V + 16 * reg, reg < 4 ? (void *)d : s, 16);
    }
}

/* flush: may the thread flush denormals? */
static void random_state(Rng *rng, World *w, u8 *memory, bool flush)
{
    memset(w->task->state, 0, STATE_BYTES);
    for (u32 i = 0; i < STATE_BYTES; i += 8) {
        u64 v = interesting(rng);
        memcpy(w->task->state + i, &v, 8);
    }
    u32 kind = below(rng, FLAG_AND64 + 1);
    memcpy(w->task->state + OFF_KIND, &kind, 4);
    for (u32 i = 0; i < MEMORY; i++)
        memory[i] = (u8)next(rng);
    w->task->saturated = 0;
    flush &= below(rng, 4) == 0;
    w->task->fp_status = 0;
    w->task->fp_mode = (flush ? FP_FLUSH : 0) | (below(rng, 4) == 0 ? FP_DEFAULT_NAN : 0);
    w->mxcsr = 0x1f80 | below(rng, 4) << 13 | (flush ? 0x8040 : 0);
}

static size_t block_at(const Region *r, u64 pc)
{
    size_t i = 0;
    while (i < r->nblocks && r->blocks[i]->pc != pc)
        i++;
    return i;
}

static void run_interpreted(World *w, const Region *r, u64 pc)
{
    _mm_setcsr(w->mxcsr);
    bool stays = true;
    for (size_t i; stays && (i = block_at(r, pc)) < r->nblocks; pc = w->task->pc) {
        interp_run(w->task, r->blocks[i]);
        u16 end = r->blocks[i]->ops[r->blocks[i]->count - 1].code;
        stays = (end != IR_call && end != IR_ret) || region_stays(r, i, w->task->pc);
    }
    w->mxcsr = _mm_getcsr();
    _mm_setcsr(0x1f80);
    w->pc = pc;
}

static void run_compiled(World *w, const Block *b)
{
    _mm_setcsr(w->mxcsr);
    w->task->code_sp = w->task->stack_base; /* a return must lead back here */
    code_enter(w->task, b->code, (u64)b);
    w->mxcsr = _mm_getcsr();
    _mm_setcsr(0x1f80);
    w->pc = w->task->exit == EXIT_LINK ? w->task->exit_link->pc : w->task->pc;
}

/* What the guest can read of it: flags are in MXCSR, whose denormal flag means nothing, or in the Task. */
static u32 fp_state(const World *w)
{
    return (w->mxcsr & ~(u32)FP_DENORMAL) | w->task->fp_status;
}

static void print_region(const Region *r)
{
    for (size_t i = 0; i < r->nblocks; i++) {
        fprintf(stderr, "block 0x%llx\n", (unsigned long long)r->blocks[i]->pc);
        ir_print(r->blocks[i], stderr, NULL);
    }
}

static void compare(const Region *r, const World *want, const World *have)
{
    const u8 *a = want->task->state, *b = have->task->state;
    u64 counted = want->task->executed[TIER_INTERP];
    bool same = !memcmp(a, b, STATE_BYTES) && !memcmp(want->memory, have->memory, MEMORY) && want->pc == have->pc &&
                fp_state(want) == fp_state(have) && want->task->saturated == have->task->saturated &&
                counted == have->task->executed[r->ahead ? TIER_STATIC : TIER_LLVM];
    if (same)
        return;
    print_region(r);
    for (u32 i = 0; i < STATE_BYTES; i += 8)
        if (memcmp(a + i, b + i, 8))
            fprintf(stderr, "state[%u]: interpreter %016llx, LLVM %016llx\n", i, *(unsigned long long *)(a + i),
                    *(unsigned long long *)(b + i));
    fail_msg("they differ: memory %d, pc %llx %llx, mxcsr %x %x, saturated %u %u, status %x %x, %llu instructions",
             memcmp(want->memory, have->memory, MEMORY), (unsigned long long)want->pc, (unsigned long long)have->pc,
             want->mxcsr, have->mxcsr, want->task->saturated, have->task->saturated, want->task->fp_status,
             have->task->fp_status, (unsigned long long)counted);
}

/* Compiles the region and runs it `times` times both ways, from its entries in turn. floating: vector registers hold
 * numbers, doubles in the lower four, floats in the upper. */
static void check_with(Region *r, Rng *rng, u8 *memory, int times, bool floating)
{
    char why[200] = "";
    r->ahead = below(rng, 2);
    Block *b = orc_compile(r, why, sizeof why);
    if (!b) {
        print_region(r);
        fail_msg("%s", why);
    }
    static World interpreted, compiled;
    interpreted.task = new_task();
    compiled.task = new_task();
    const Block *entry = b;
    for (int i = 0; i < times; i++, entry = entry->sibling ? entry->sibling : b) {
        random_state(rng, &interpreted, memory, r->flushes);
        if (floating)
            floating_state(rng, &interpreted);
        memcpy(compiled.task->state, interpreted.task->state, STATE_BYTES);
        compiled.task->saturated = 0;
        compiled.task->fp_status = 0;
        compiled.task->fp_mode = interpreted.task->fp_mode;
        compiled.mxcsr = interpreted.mxcsr;
        u8 before[MEMORY];
        memcpy(before, memory, MEMORY);
        run_interpreted(&interpreted, r, entry->pc);
        memcpy(interpreted.memory, memory, MEMORY);
        memcpy(memory, before, MEMORY);
        run_compiled(&compiled, entry);
        memcpy(compiled.memory, memory, MEMORY);
        compare(r, &interpreted, &compiled);
    }
    free_task(interpreted.task);
    free_task(compiled.task);
}

static void check(Region *r, Rng *rng, u8 *memory, int times)
{
    check_with(r, rng, memory, times, false);
}

static _Alignas(64) u8 memory_[MEMORY];

static void each_value_op(void **unused)
{
    Rng rng = {88172645463325252ull};
    for (OpCode code = 0; code < IR_COUNT; code++) {
        if (!(ir_ops[code].fx & FX_BODY))
            continue;
        Gen g = {.ir = ir_new(), .rng = &rng, .memory = memory_};
        begin(&g, BASE_PC);
        /* Operands from the state, so that LLVM can't fold them, and a few constants. */
        for (int copies = 0; copies < 4; copies++) {
            Val arg[3] = {NO_VAL, NO_VAL, NO_VAL};
            for (u32 i = 0; i < ir_ops[code].nargs; i++) {
                Type type = ir_ops[code].arg[i];
                u32 reg = below(&rng, 8);
                arg[i] = type == TYPE_W   ? emit(&g, IR_get32, NO_VAL, NO_VAL, NO_VAL, OFF_X + 8 * reg)
                         : type == TYPE_X ? emit(&g, IR_get64, NO_VAL, NO_VAL, NO_VAL, OFF_X + 8 * reg)
                                          : emit(&g, IR_get128, NO_VAL, NO_VAL, NO_VAL, OFF_V + 16 * reg);
            }
            if (code >= IR_adc32_nzcv && code <= IR_adc64_carry)
                arg[2] = emit(&g, IR_and32, arg[2], emit(&g, IR_const32, NO_VAL, NO_VAL, NO_VAL, 1), NO_VAL, 0);
            if (code == IR_nzcv && copies)
                arg[0] = emit(&g, IR_const32, NO_VAL, NO_VAL, NO_VAL, below(&rng, FLAG_AND64 + 1));
            put(&g, emit(&g, code, arg[0], arg[1], arg[2], ir_ops[code].imm ? imm_for(&g, code) : 0));
        }
        emit(&g, IR_jump, NO_VAL, NO_VAL, NO_VAL, OUTSIDE);
        finish(&g);
        Region r = {.guest = &guest, .pc = BASE_PC, .blocks = &g.ir, .nblocks = 1, .opt = 1, .flushes = below(&rng, 2)};
        check(&r, &rng, memory_, 64);
        ir_free(g.ir);
    }
}

static void random_blocks(bool exact, u64 seed, int rounds)
{
    Rng rng = {seed};
    for (int round = 0; round < rounds; round++) {
        Gen g = {ir_new(), &rng, memory_, .counts = round % 3 == 0};
        begin(&g, BASE_PC);
        for (u32 n = 20 + below(&rng, 60); n > 0; n--)
            random_op(&g);
        if (below(&rng, 2)) {
            emit(&g, IR_jumpi, operand(&g, TYPE_X), NO_VAL, NO_VAL, 0);
        } else {
            Val end = emit(&g, IR_branch, operand(&g, TYPE_W), NO_VAL, NO_VAL, OUTSIDE);
            g.ir->ops[end].imm2 = OUTSIDE + 16;
        }
        finish(&g);
        Region r = {.guest = &guest,
                    .pc = BASE_PC,
                    .blocks = &g.ir,
                    .nblocks = 1,
                    .opt = 1,
                    .exact = exact,
                    .flushes = round & 1};
        check(&r, &rng, memory_, 16);
        ir_free(g.ir);
    }
}

static void blocks(void **unused)
{
    random_blocks(false, 0x9e3779b97f4a7c15ull, 150);
}

static void exact_blocks(void **unused)
{
    random_blocks(true, 0x123456789abcdefull, 50);
}

/* Several blocks that jump, call and return among each other at random until a counter in x31, which every block steps,
 * runs out. */
static void loops(void **unused)
{
    enum { NBLOCKS = 6, OFF_COUNTER = OFF_X + 8 * 31 };
    Rng rng = {0xfeedfacecafebeefull};
    for (int round = 0; round < 80; round++) {
        Ir *irs[NBLOCKS];
        for (u32 n = 0; n < NBLOCKS; n++) {
            Gen g = {irs[n] = ir_new(), &rng, memory_, .counts = round % 2};
            u64 pc = BASE_PC + n * 64;
            begin(&g, pc);
            for (u32 k = 2 + below(&rng, 12); k > 0; k--)
                random_op(&g);
            if (below(&rng, 2)) { /* leave flags for others */
                Val kind = emit(&g, IR_const32, NO_VAL, NO_VAL, NO_VAL, FLAG_SUB64);
                emit(&g, IR_put32, kind, NO_VAL, NO_VAL, OFF_KIND);
                emit(&g, IR_put64, operand(&g, TYPE_X), NO_VAL, NO_VAL, OFF_A);
                emit(&g, IR_put64, operand(&g, TYPE_X), NO_VAL, NO_VAL, OFF_B);
            }
            Val flags = emit(&g, IR_nzcv, emit(&g, IR_get32, NO_VAL, NO_VAL, NO_VAL, OFF_KIND),
                             emit(&g, IR_get64, NO_VAL, NO_VAL, NO_VAL, OFF_A),
                             emit(&g, IR_get64, NO_VAL, NO_VAL, NO_VAL, OFF_B), 0);
            Val n31 = emit(&g, IR_shr32, flags, emit(&g, IR_const32, NO_VAL, NO_VAL, NO_VAL, 31), NO_VAL, 0);
            Val v28 = emit(&g, IR_shr32, flags, emit(&g, IR_const32, NO_VAL, NO_VAL, NO_VAL, 28), NO_VAL, 0);
            v28 = emit(&g, IR_and32, v28, emit(&g, IR_const32, NO_VAL, NO_VAL, NO_VAL, 1), NO_VAL, 0);
            Val ge = emit(&g, below(&rng, 2) ? IR_eq32 : IR_ne32, n31, v28, NO_VAL, 0);
            Val counter = emit(&g, IR_get64, NO_VAL, NO_VAL, NO_VAL, OFF_COUNTER);
            counter = emit(&g, IR_and64, counter, emit(&g, IR_const64, NO_VAL, NO_VAL, NO_VAL, 63), NO_VAL, 0);
            /* Above 1: of blocks that alternate, one sees every other value only. */
            Val one = emit(&g, IR_const64, NO_VAL, NO_VAL, NO_VAL, 1);
            Val going = emit(&g, IR_ult64, one, counter, NO_VAL, 0);
            counter = emit(&g, IR_sub64, counter, one, NO_VAL, 0);
            emit(&g, IR_put64, counter, NO_VAL, NO_VAL, OFF_COUNTER);
            u32 odd = 1 + 2 * below(&rng, NBLOCKS / 2), other = 1 + 2 * below(&rng, NBLOCKS / 2), how = below(&rng, 3);
            if (n % 2) {
                Val end = emit(&g, IR_branch, going, NO_VAL, NO_VAL, BASE_PC + 64 * below(&rng, NBLOCKS));
                g.ir->ops[end].imm2 = OUTSIDE;
            } else if (how == 0) {
                Val end = emit(&g, IR_branch, ge, NO_VAL, NO_VAL, BASE_PC + 64 * odd);
                g.ir->ops[end].imm2 = BASE_PC + 64 * other;
            } else if (how == 1) { /* to whatever it is in x30, mostly what some call has put there */
                emit(&g, IR_ret, emit(&g, IR_get64, NO_VAL, NO_VAL, NO_VAL, OFF_X + 8 * 30), NO_VAL, NO_VAL, 0);
            } else {
                Val link = emit(&g, IR_const64, NO_VAL, NO_VAL, NO_VAL, BASE_PC + 64 * other);
                emit(&g, IR_put64, link, NO_VAL, NO_VAL, OFF_X + 8 * 30);
                Val end = emit(&g, IR_call, NO_VAL, NO_VAL, NO_VAL, BASE_PC + 64 * odd);
                g.ir->ops[end].imm2 = BASE_PC + 64 * other;
            }
            finish(&g);
        }
        u64 entries[NBLOCKS] = {BASE_PC};
        size_t nentries = 1;
        for (u32 n = 1; n < NBLOCKS; n++)
            if (below(&rng, 2))
                entries[nentries++] = BASE_PC + n * 64;
        Region r = {.guest = &guest,
                    .pc = BASE_PC,
                    .blocks = irs,
                    .nblocks = NBLOCKS,
                    .entries = entries,
                    .nentries = nentries,
                    .exact = below(&rng, 4) == 0,
                    .flushes = below(&rng, 2),
                    .opt = 1 + round % 2};
        check(&r, &rng, memory_, 16);
        for (u32 n = 0; n < NBLOCKS; n++)
            ir_free(irs[n]);
    }
}

/* One step of a calculation: on a value made before or a register, doubles or floats. */
static void floating_op(Gen *g, Val *last, bool wide)
{
    static const OpCode op[][2] = {
        {IR_fadd32, IR_fadd64},       {IR_fsub32, IR_fsub64},         {IR_fmul32, IR_fmul64},
        {IR_fdiv32, IR_fdiv64},       {IR_fma32, IR_fma64},           {IR_fmul32, IR_fmul64},
        {IR_fadd32, IR_fadd64},       {IR_fma32, IR_fma64},           {IR_fsqrt32, IR_fsqrt64},
        {IR_fneg32, IR_fneg64},       {IR_fabs32, IR_fabs64},         {IR_frintn32, IR_frintn64},
        {IR_vfadd32, IR_vfadd64},     {IR_vfmul32, IR_vfmul64},       {IR_vfma32, IR_vfma64},
        {IR_vfsub32, IR_vfsub64},     {IR_vfneg32, IR_vfneg64},       {IR_vfdiv32, IR_vfdiv64},
        {IR_vlow32, IR_vlow64},       {IR_vduplane32, IR_vduplane64}, {IR_fmax32, IR_fmax64},
        {IR_fminnm32, IR_fminnm64},   {IR_vfcmgt32, IR_vfcmgt64},     {IR_fcmp32, IR_fcmpe64},
        {IR_f32tos32z, IR_f64tou64z}, {IR_f32to64, IR_f64to32},       {IR_vf32to64, IR_vf64to32},
        {IR_select128, IR_select128},
    };
    OpCode code = op[below(g->rng, below(g->rng, 3) ? 9 : LEN(op))][wide];
    Val arg[3] = {NO_VAL, NO_VAL, NO_VAL};
    for (u32 i = 0; i < ir_ops[code].nargs; i++) {
        if (ir_ops[code].arg[i] != TYPE_Q)
            arg[i] = operand(g, ir_ops[code].arg[i]);
        else if (*last != NO_VAL && below(g->rng, 2))
            arg[i] = *last;
        else
            arg[i] = emit(g, IR_get128, NO_VAL, NO_VAL, NO_VAL, OFF_V + 16 * (below(g->rng, 4) + (wide ? 0 : 4)));
    }
    Val v = emit(g, code, arg[0], arg[1], arg[2], ir_ops[code].imm ? below(g->rng, 2) : 0);
    if (ir_ops[code].result == TYPE_Q)
        *last = v;
    if (below(g->rng, 3) == 0)
        put(g, v);
    if (below(g->rng, 8) == 0 && ir_ops[code].result == TYPE_Q)
        emit(g, IR_st128, emit(g, IR_const64, NO_VAL, NO_VAL, NO_VAL, (i64)g->memory), v, NO_VAL,
             16 * below(g->rng, 8));
}

/* Chains of floating-point ops, where what is wrong about one result must not be seen in another's, in a loop. */
static void chains(void **unused)
{
    Rng rng = {0x1234fedc5678ba98ull};
    for (int round = 0; round < 150; round++) {
        Gen g = {ir_new(), &rng, memory_, round & 1};
        Val last = NO_VAL;
        begin(&g, BASE_PC);
        bool wide = below(&rng, 2);
        for (u32 n = 2 + below(&rng, 30); n > 0; n--)
            floating_op(&g, &last, below(&rng, 10) ? wide : !wide);
        Val counter = emit(&g, IR_get64, NO_VAL, NO_VAL, NO_VAL, OFF_X + 8 * 31);
        counter = emit(&g, IR_and64, counter, emit(&g, IR_const64, NO_VAL, NO_VAL, NO_VAL, 3), NO_VAL, 0);
        Val one = emit(&g, IR_const64, NO_VAL, NO_VAL, NO_VAL, 1);
        Val going = emit(&g, IR_ult64, one, counter, NO_VAL, 0);
        emit(&g, IR_put64, emit(&g, IR_sub64, counter, one, NO_VAL, 0), NO_VAL, NO_VAL, OFF_X + 8 * 31);
        Val end = emit(&g, IR_branch, going, NO_VAL, NO_VAL, BASE_PC);
        g.ir->ops[end].imm2 = OUTSIDE;
        finish(&g);
        Region r = {.guest = &guest,
                    .pc = BASE_PC,
                    .blocks = &g.ir,
                    .nblocks = 1,
                    .exact = below(&rng, 8) == 0,
                    .flushes = below(&rng, 6) == 0,
                    .opt = 1 + (round % 8 == 0)};
        check_with(&r, &rng, memory_, 200, true);
        ir_free(g.ir);
    }
}

/* A thread that begins to flush denormals leaves a region that isn't made for it, before the next instruction. */
static void flushing(void **unused)
{
    Rng rng = {1};
    Gen g = {ir_new(), &rng, memory_, false};
    begin(&g, BASE_PC);
    Val k = emit(&g, IR_const64, NO_VAL, NO_VAL, NO_VAL, 7);
    emit(&g, IR_helper, k, k, NO_VAL, 1);
    emit(&g, IR_put64, k, NO_VAL, NO_VAL, OFF_X);
    emit(&g, IR_insn, NO_VAL, NO_VAL, NO_VAL, BASE_PC + 4);
    Val v = emit(&g, IR_get128, NO_VAL, NO_VAL, NO_VAL, OFF_V);
    emit(&g, IR_put128, emit(&g, IR_fadd64, v, v, NO_VAL, 0), NO_VAL, NO_VAL, OFF_V);
    emit(&g, IR_jump, NO_VAL, NO_VAL, NO_VAL, OUTSIDE);
    finish(&g);
    for (int flushes = 0; flushes < 2; flushes++) {
        Region r = {.guest = &guest, .pc = BASE_PC, .blocks = &g.ir, .nblocks = 1, .opt = 1, .flushes = flushes};
        char why[200] = "";
        Block *b = orc_compile(&r, why, sizeof why);
        assert_non_null(b);
        Task *t = new_task();
        code_enter(t, b->code, (u64)b);
        assert_int_equal(t->exit, flushes ? EXIT_LINK : EXIT_SIGNAL);
        if (!flushes)
            assert_int_equal(t->pc, BASE_PC + 4);
        assert_int_equal(((u64 *)t->state)[0], 7);
        free_task(t);
    }
    ir_free(g.ir);
}

/* A loop that never ends by itself leaves when the task is wanted elsewhere. */
static void attention(void **unused)
{
    Rng rng = {1};
    Gen g = {.ir = ir_new(), .rng = &rng, .memory = memory_};
    begin(&g, BASE_PC);
    emit(&g, IR_jump, NO_VAL, NO_VAL, NO_VAL, BASE_PC);
    finish(&g);
    Region r = {.guest = &guest, .pc = BASE_PC, .blocks = &g.ir, .nblocks = 1, .opt = 1};
    char why[200] = "";
    Block *b = orc_compile(&r, why, sizeof why);
    assert_non_null(b);
    Task *t = new_task();
    t->attention = ATTENTION;
    code_enter(t, b->code, (u64)b);
    assert_int_equal(t->exit, EXIT_SIGNAL);
    assert_int_equal(t->pc, BASE_PC);
    free_task(t);
    ir_free(g.ir);
}

/* A misaligned atomic raises with pc and registers as before the instruction. */
static void misaligned(void **unused)
{
    Rng rng = {1};
    Gen g = {.ir = ir_new(), .rng = &rng, .memory = memory_};
    begin(&g, BASE_PC);
    Val k = emit(&g, IR_const64, NO_VAL, NO_VAL, NO_VAL, 0x1234);
    emit(&g, IR_put64, k, NO_VAL, NO_VAL, OFF_X + 8);
    emit(&g, IR_insn, NO_VAL, NO_VAL, NO_VAL, BASE_PC + 4);
    Val a = emit(&g, IR_const64, NO_VAL, NO_VAL, NO_VAL, (i64)(memory_ + 1));
    emit(&g, IR_align, a, NO_VAL, NO_VAL, 8);
    emit(&g, IR_put64, emit(&g, IR_aadd64, a, k, NO_VAL, 0), NO_VAL, NO_VAL, OFF_X + 8);
    emit(&g, IR_jump, NO_VAL, NO_VAL, NO_VAL, OUTSIDE);
    finish(&g);
    Region r = {.guest = &guest, .pc = BASE_PC, .blocks = &g.ir, .nblocks = 1, .opt = 1};
    char why[200] = "";
    Block *b = orc_compile(&r, why, sizeof why);
    assert_non_null(b);
    Task *t = new_task();
    code_enter(t, b->code, (u64)b);
    assert_int_equal(t->exit, EXIT_FAULT);
    assert_int_equal(t->fault.signo, SIGBUS);
    assert_int_equal(t->fault.pc, BASE_PC + 4);
    assert_int_equal(t->fault.addr, (u64)(memory_ + 1));
    assert_int_equal(((u64 *)t->state)[1], 0x1234);
    free_task(t);
    ir_free(g.ir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_op), cmocka_unit_test(blocks),     cmocka_unit_test(exact_blocks),
        cmocka_unit_test(loops),         cmocka_unit_test(chains),     cmocka_unit_test(flushing),
        cmocka_unit_test(attention),     cmocka_unit_test(misaligned),
    };
    log_.file = stderr;
    if (getenv("LLVM_TEST_LOG"))
        log_parse(getenv("LLVM_TEST_LOG"), &log_.items);
    if (!arena_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
