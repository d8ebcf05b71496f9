/* The baseline's rules for floating-point ops: the host's instruction and the checks of lifter/ops_fp.h, whose rare cases are
 * left for the op's body, behind the block. */
#include <stdlib.h>

#include "../../../lifter/host.h"
#include "../../../lifter/ops.h"
#include "baseline.h"

/* What a result must be looked at for. */
enum {
    CHECK_NONE,
    CHECK_NAN,
    CHECK_EDGE, /* a NaN or the least normal number */
};

/* The lanes an instruction works on. */
typedef enum Lanes { SCALAR32, SCALAR64, VECTOR32, VECTOR64 } Lanes;

typedef enum Kind { BY_STENCIL, ARITHMETIC, UNARY, MULTIPLY_ADD, COMPARE, TO_INTEGER, FROM_INTEGER } Kind;

typedef struct Rule {
    u8 kind, check;
    u8 lanes; /* of the result, or of the operands where that is an integer */
    u32 insn; /* with the prefix that says which lanes it works on */
} Rule;

#define EACH_LANES(name, kind, insn, check) \
    [IR_f##name##32] = {kind, check, SCALAR32, OP_F3 | OP_0F | (insn)}, \
    [IR_f##name##64] = {kind, check, SCALAR64, OP_F2 | OP_0F | (insn)}, \
    [IR_vf##name##32] = {kind, check, VECTOR32, OP_0F | (insn)}, \
    [IR_vf##name##64] = {kind, check, VECTOR64, OP_66 | OP_0F | (insn)}
/* The instruction converts 64 bits to or from an integer of w. */
#define CONVERT(name, kind, w, insn) \
    [IR_##name] = {kind, CHECK_NONE, (insn) & OP_F2 ? SCALAR64 : SCALAR32, (w) | OP_0F | (insn)}
static const Rule rules[IR_COUNT] = {
    EACH_LANES(add, ARITHMETIC, 0x58, CHECK_NAN),
    EACH_LANES(sub, ARITHMETIC, 0x5c, CHECK_NAN),
    EACH_LANES(mul, ARITHMETIC, 0x59, CHECK_EDGE),
    EACH_LANES(div, ARITHMETIC, 0x5e, CHECK_EDGE),
    EACH_LANES(sqrt, UNARY, 0x51, CHECK_NAN),
    [IR_fma32] = {MULTIPLY_ADD, CHECK_EDGE, SCALAR32, 0xb9}, /* vfmadd231, in map 0F38 */
    [IR_fma64] = {MULTIPLY_ADD, CHECK_EDGE, SCALAR64, 0xb9},
    [IR_vfma32] = {MULTIPLY_ADD, CHECK_EDGE, VECTOR32, 0xb8},
    [IR_vfma64] = {MULTIPLY_ADD, CHECK_EDGE, VECTOR64, 0xb8},
    [IR_f32to64] = {UNARY, CHECK_NAN, SCALAR64, OP_F3 | OP_0F | 0x5a},
    [IR_f64to32] = {UNARY, CHECK_EDGE, SCALAR32, OP_F2 | OP_0F | 0x5a},
    [IR_vf32to64] = {UNARY, CHECK_NAN, VECTOR64, OP_0F | 0x5a},
    [IR_vf64to32] = {UNARY, CHECK_EDGE, VECTOR32, OP_66 | OP_0F | 0x5a},
    [IR_fcmp32] = {COMPARE, CHECK_NONE, SCALAR32, OP_0F | 0x2e},
    [IR_fcmpe32] = {COMPARE, CHECK_NONE, SCALAR32, OP_0F | 0x2e},
    [IR_fcmp64] = {COMPARE, CHECK_NONE, SCALAR64, OP_66 | OP_0F | 0x2e},
    [IR_fcmpe64] = {COMPARE, CHECK_NONE, SCALAR64, OP_66 | OP_0F | 0x2e},
    CONVERT(f32tos32z, TO_INTEGER, 0, OP_F3 | 0x2c),
    CONVERT(f32tos64z, TO_INTEGER, OP_W, OP_F3 | 0x2c),
    CONVERT(f64tos32z, TO_INTEGER, 0, OP_F2 | 0x2c),
    CONVERT(f64tos64z, TO_INTEGER, OP_W, OP_F2 | 0x2c),
    CONVERT(s32tof32, FROM_INTEGER, 0, OP_F3 | 0x2a),
    CONVERT(s64tof32, FROM_INTEGER, OP_W, OP_F3 | 0x2a),
    CONVERT(s32tof64, FROM_INTEGER, 0, OP_F2 | 0x2a),
    CONVERT(s64tof64, FROM_INTEGER, OP_W, OP_F2 | 0x2a),
};

/* By Lanes: what leaves the magnitude (of a vector of 64 bits its upper half: the least number's lower one is 0, and so is that
 * of few others), and what to compare it with. */
static const _Alignas(16) u32 magnitude[][4] = {
    [SCALAR32] = {0x7fffffff, 0, 0, 0},
    [SCALAR64] = {0xffffffff, 0x7fffffff, 0, 0},
    [VECTOR32] = {0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff},
    [VECTOR64] = {0, 0x7fffffff, 0, 0x7fffffff},
};
static const _Alignas(16) u32 least[][4] = {
    [SCALAR32] = {0x00800000, 0, 0, 0},
    [SCALAR64] = {0, 0x00100000, 0, 0},
    [VECTOR32] = {0x00800000, 0x00800000, 0x00800000, 0x00800000},
    [VECTOR64] = {1, 0x00100000, 1, 0x00100000},
};

/* -- the rare cases ------------------------------------------------------------------------------------------------ */

/* A jump, `cc`, to where the op at hand is done by its body. */
static void rarely(Gen *g, Rare *r, Cc cc)
{
    asm_u8(&g->as, 0x0f);
    asm_u8(&g->as, 0x80 | cc);
    r->from[r->njumps++] = g->as.at;
    asm_u32(&g->as, 0);
}

/* With FP_FLUSH the flags differ. */
static void check_mode(Gen *g, Rare *r)
{
    asm_insn(&g->as, 0xf6, 0, rm_memory(TASK, offsetof(Task, fp_mode)));
    asm_u8(&g->as, FP_FLUSH);
    rarely(g, r, CC_NE);
}

/* The op goes on here. */
static void rare_ends(Gen *g, Rare *r)
{
    r->back = g->as.at;
    g->rare = must(realloc(g->rare, (g->nrare + 1) * sizeof *g->rare));
    g->rare[g->nrare++] = *r;
}

static Rm argument_slot(u32 i)
{
    return rm_memory(TASK, (i32)(offsetof(Task, rare_arg) + i * sizeof(V128)));
}

void fp_finish(Gen *g)
{
    for (u32 i = 0; i < g->nrare; i++) {
        const Rare *r = &g->rare[i];
        make_room(g, OP_ROOM);
        for (u32 k = 0; k < r->njumps; k++)
            memcpy(g->as.code + r->from[k], &(u32){g->as.at - r->from[k] - 4}, 4);
        for (u32 k = 0; k < r->nargs; k++) {
            int reg = r->arg[k].reg;
            if (r->arg[k].memory)
                asm_insn(&g->as, OP_0F | 0x28, reg = r->free, r->arg[k]);
            asm_insn(&g->as, OP_0F | 0x29, reg, argument_slot(k));
        }
        asm_insn(&g->as, OP_W | 0x89, RAX, rm_memory(TASK, offsetof(Task, rare_rax)));
        asm_u8(&g->as, 0x48); /* lea, relative to rip */
        asm_u8(&g->as, 0x8d);
        asm_u8(&g->as, 5);
        distance(g, RELOC_HOST, (u64)op_body[r->code]);
        asm_u8(&g->as, 0xe8);
        distance(g, RELOC_HOST, (u64)(r->integer ? code_rare_integer : code_rare));
        if (r->integer) /* the bits above a W's are zero in registers, but not in what C returns */
            asm_insn(&g->as, (ir_ops[r->code].result == TYPE_X ? OP_W : 0) | 0x8b, r->result, argument_slot(0));
        else
            asm_insn(&g->as, OP_0F | 0x28, r->result, argument_slot(0));
        asm_u8(&g->as, 0xe9);
        asm_u32(&g->as, r->back - g->as.at - 4);
    }
}

/* -- code ---------------------------------------------------------------------------------------------------------- */

/* An instruction with one of the tables above for its memory operand. */
static void with_table(Gen *g, u32 insn, int reg, const void *table)
{
    asm_opcode(&g->as, insn, reg, rm_reg(0));
    asm_u8(&g->as, (u32)reg << 3 | 5); /* relative to rip */
    distance(g, RELOC_HOST, (u64)table);
}

/* The lowest lane, with zeros above. */
static void copy_scalar(Gen *g, Lanes lanes, int to, Rm from)
{
    if (lanes == SCALAR64) {
        asm_insn(&g->as, OP_F3 | OP_0F | 0x7e, to, from); /* movq */
    } else if (from.memory) {
        asm_insn(&g->as, OP_66 | OP_0F | 0x6e, to, from); /* movd */
    } else {
        asm_insn(&g->as, OP_66 | OP_0F3A | 0x21, to, from); /* insertps */
        asm_u8(&g->as, 0xe);
    }
}

static void copy(Gen *g, Lanes lanes, int to, Rm from)
{
    if (lanes == SCALAR32 || lanes == SCALAR64)
        copy_scalar(g, lanes, to, from);
    else
        asm_insn(&g->as, OP_0F | 0x28, to, from);
}

static bool is_scalar(Lanes lanes)
{
    return lanes == SCALAR32 || lanes == SCALAR64;
}

static bool is_wide(Lanes lanes)
{
    return lanes == SCALAR64 || lanes == VECTOR64;
}

/* An op at hand. All registers are taken before its first jump to the rare case, which comes back behind it: making room for one
 * may move others. */
typedef struct Doing {
    Gen *g;
    const Rule *rule;
    Rare rare;
    int dst, t, m; /* the result's register, and two for the check */
} Doing;

/* The operands have their registers. Those that are used no more stay as they are until the op is done. */
static Doing begin(Gen *g, Val n, const Op *op, const Rule *rule, const Rm *arg)
{
    Doing d = {.g = g, .rule = rule, .rare = {.code = op->code, .nargs = ir_ops[op->code].nargs}};
    bool integer = ir_ops[op->code].result != TYPE_Q;
    for (u32 i = 0; i < d.rare.nargs; i++) {
        d.rare.arg[i] = arg[i];
        used(g, operand(g, op, i));
    }
    d.dst = destination(g, n, NO_REG);
    if (integer || !is_scalar(rule->lanes) || rule->check == CHECK_EDGE)
        d.t = allocate(g, true);
    if (!is_scalar(rule->lanes) && rule->check == CHECK_EDGE)
        d.m = allocate(g, true);
    d.rare.result = (i8)d.dst;
    d.rare.free = (i8)(integer ? d.t : d.dst);
    d.rare.integer = integer;
    return d;
}

static void check(Doing *d)
{
    Gen *g = d->g;
    Asm *a = &g->as;
    Lanes lanes = d->rule->lanes;
    bool edge = d->rule->check == CHECK_EDGE;
    const u32 wide = is_wide(lanes) ? OP_66 : 0;
    if (is_scalar(lanes) && !edge) {
        asm_insn(a, wide | OP_0F | 0x2e, d->dst, rm_reg(d->dst)); /* ucomis */
        rarely(g, &d->rare, CC_P);
    } else if (is_scalar(lanes)) {
        asm_insn(a, OP_0F | 0x28, d->t, rm_reg(d->dst));
        with_table(g, OP_0F | 0x54, d->t, magnitude[lanes]);    /* and */
        with_table(g, wide | OP_0F | 0x2e, d->t, least[lanes]); /* equal also if it is unordered */
        rarely(g, &d->rare, CC_E);
    } else {
        asm_insn(a, OP_0F | 0x28, d->t, rm_reg(d->dst));
        asm_insn(a, wide | OP_0F | 0xc2, d->t, rm_reg(d->t)); /* cmpunord */
        asm_u8(a, 3);
        if (edge) {
            asm_insn(a, OP_0F | 0x28, d->m, rm_reg(d->dst));
            with_table(g, OP_0F | 0x54, d->m, magnitude[lanes]);
            with_table(g, OP_66 | OP_0F | 0x76, d->m, least[lanes]); /* pcmpeqd */
            asm_insn(a, OP_0F | 0x56, d->t, rm_reg(d->m));           /* or */
        }
        asm_insn(a, OP_66 | OP_0F38 | 0x17, d->t, rm_reg(d->t)); /* ptest */
        rarely(g, &d->rare, CC_NE);
    }
}

static void arithmetic(Doing *d)
{
    copy(d->g, d->rule->lanes, d->dst, d->rare.arg[0]);
    asm_insn(&d->g->as, d->rule->insn, d->dst, d->rare.arg[1]);
    check(d);
}

/* The third operand, and the product of the others. */
static void multiply_add(Doing *d)
{
    copy(d->g, d->rule->lanes, d->dst, d->rare.arg[2]);
    asm_vex38(&d->g->as, is_wide(d->rule->lanes), d->rule->insn, d->dst, d->rare.arg[0].reg, d->rare.arg[1]);
    check(d);
}

static void unary(Doing *d)
{
    if (is_scalar(d->rule->lanes))
        asm_insn(&d->g->as, OP_0F | 0x57, d->dst, rm_reg(d->dst)); /* xor: zeros above */
    asm_insn(&d->g->as, d->rule->insn, d->dst, d->rare.arg[0]);
    check(d);
}

/* As ops_fp.h's comparisons have it: NZCV of less, equal or greater. What is unordered is the body's, signalled or not. */
static void compare(Doing *d, int t)
{
    enum : u32 { LESS = 0x80000000, EQUAL = 0x60000000, GREATER = 0x20000000 };
    Asm *a = &d->g->as;
    asm_insn(a, d->rule->insn, d->rare.arg[0].reg, d->rare.arg[1]);
    rarely(d->g, &d->rare, CC_P);
    asm_constant(a, d->dst, GREATER);
    asm_constant(a, t, EQUAL);
    asm_insn(a, OP_0F | 0x40 | CC_E, d->dst, rm_reg(t));
    asm_constant(a, t, LESS);
    asm_insn(a, OP_0F | 0x40 | CC_B, d->dst, rm_reg(t));
}

/* To zero. For what is no integer of that size the host has the least one, and cmp overflows for that alone. */
static void to_integer(Doing *d)
{
    asm_insn(&d->g->as, d->rule->insn, d->dst, d->rare.arg[0]);
    asm_group1(&d->g->as, d->rule->insn & OP_W, 7, rm_reg(d->dst), 1);
    rarely(d->g, &d->rare, CC_O);
}

static void from_integer(Gen *g, Val n, const Op *op, const Rule *rule)
{
    Val x = operand(g, op, 0);
    int a = in_reg(g, x);
    used(g, x);
    int dst = destination(g, n, NO_REG);
    asm_insn(&g->as, OP_0F | 0x57, dst, rm_reg(dst));
    asm_insn(&g->as, rule->insn, dst, rm_reg(a));
    define(g, n, dst);
}

bool fp_has_fma(void)
{
    return host_level ? host_reaches("x86-64-v3") && !strcmp(host_level, "x86-64-v3") : host_features & HOST_FEATURE_fma;
}

bool fp_by_rule(Gen *g, Val n, const Op *op)
{
    const Rule *rule = &rules[op->code];
    if (rule->kind == BY_STENCIL || (rule->kind == MULTIPLY_ADD && !fp_has_fma()))
        return false;
    if (rule->kind == FROM_INTEGER) {
        if (op->imm) /* fraction bits */
            return false;
        from_integer(g, n, op, rule);
        return true;
    }
    Rm arg[3];
    u32 last = ir_ops[op->code].nargs - 1;
    u32 memory = rule->kind == MULTIPLY_ADD ? 1 : last; /* the operand that the instruction may have there */
    for (u32 i = 0; i <= last; i++)
        arg[i] = i == memory ? in_place(g, operand(g, op, i)) : rm_reg(in_reg(g, operand(g, op, i)));
    Doing d = begin(g, n, op, rule, arg);
    int t = rule->kind == COMPARE ? allocate(g, false) : NO_REG;
    check_mode(g, &d.rare);
    switch ((Kind)rule->kind) {
    case ARITHMETIC:
        arithmetic(&d);
        break;
    case MULTIPLY_ADD:
        multiply_add(&d);
        break;
    case UNARY:
        unary(&d);
        break;
    case COMPARE:
        compare(&d, t);
        break;
    default:
        to_integer(&d);
        break;
    }
    rare_ends(g, &d.rare);
    define(g, n, d.dst);
    return true;
}
