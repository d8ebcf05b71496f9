/* Floating-point ops as LLVM IR: the fast part of their bodies (ops_fp.h, which says when the host's result is the
 * guest's), and a call of dg_NAME for the rest. The host's instructions are constrained intrinsics: rounding is
 * MXCSR's, and each may raise flags that the guest reads, so none may be dropped, moved across another or folded.
 *
 * A result is looked at later (llvm_open.c) in regions for threads that don't flush denormals. In others each op looks
 * whether FP_FLUSH is set, in which case dg_NAME does it all; that is an SSA value, read on entry and after helpers. */
#include <assert.h>
#include <string.h>

#include "llvm_fp.h"

/* One op's fast part. Emits code for the result, and sets *slow to an i1 that says that dg_NAME must make it instead
 * (NULL for never); blocks that end early on the way go to `slow_bb`. */
typedef struct Fp {
    Gen *g;
    const Op *op;
    const LLVMValueRef *arg;
    u32 bits; /* of the floating-point lanes: 32 or 64 */
    bool vector;
    LLVMTypeRef lane; /* float or double */
    LLVMTypeRef type; /* what is operated on: lane, or a vector of lanes */
    LLVMTypeRef wide; /* vector of lanes */
    LLVMTypeRef ints; /* integer(s) of the same shape as type */
    u32 param;
    LLVMValueRef scalar; /* a scalar result before `out` made it a v128 */
    bool edge;           /* the result may be the least normal number without a flag */
    u32 result_bits;
} Fp;
typedef LLVMValueRef FpRule(Fp *f, LLVMValueRef *slow);

/* -- constrained intrinsics -----------------------------------------------------------------------------------------
 */

static LLVMValueRef text(Gen *g, const char *s)
{
    return LLVMMetadataAsValue(g->ctx, LLVMMDStringInContext2(g->ctx, s, strlen(s)));
}

/* Calls llvm.experimental.constrained.NAME, overloaded on the result type and, if `from` is given, the operand's. */
static LLVMValueRef constrained_as(Gen *g, const char *name, LLVMTypeRef to, LLVMTypeRef from, LLVMValueRef *operand,
                                   u32 n, const char *predicate, bool rounds, const char *flags)
{
    char full[64] = "llvm.experimental.constrained.";
    strcat(full, name);
    LLVMTypeRef overload[] = {to, from};
    unsigned id = LLVMLookupIntrinsicID(full, strlen(full)), noverload = from ? 2 : 1;
    assert(id);
    LLVMValueRef args[6];
    for (u32 i = 0; i < n; i++)
        args[i] = operand[i];
    if (predicate)
        args[n++] = text(g, predicate);
    if (rounds)
        args[n++] = text(g, "round.dynamic");
    args[n++] = text(g, flags);
    LLVMValueRef call = LLVMBuildCall2(g->b, LLVMIntrinsicGetType(g->ctx, id, overload, noverload),
                                       LLVMGetIntrinsicDeclaration(g->mod, id, overload, noverload), args, n, "");
    unsigned kind = LLVMGetEnumAttributeKindForName("strictfp", 8);
    LLVMAddCallSiteAttribute(call, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(g->ctx, kind, 0));
    return call;
}

static LLVMValueRef constrained(Gen *g, const char *name, LLVMTypeRef to, LLVMTypeRef from, LLVMValueRef *operand,
                                u32 n, const char *predicate, bool rounds)
{
    return constrained_as(g, name, to, from, operand, n, predicate, rounds, "fpexcept.strict");
}

static LLVMValueRef compare(Fp *f, LLVMValueRef a, LLVMValueRef b, const char *predicate, bool signals)
{
    LLVMValueRef operand[] = {a, b};
    return constrained(f->g, signals ? "fcmps" : "fcmp", f->type, NULL, operand, 2, predicate, false);
}

/* -- shapes ---------------------------------------------------------------------------------------------------------
 */

static LLVMValueRef as(Gen *g, LLVMValueRef v, LLVMTypeRef type)
{
    return LLVMBuildBitCast(g->b, v, type, "");
}

static LLVMValueRef index_const(Gen *g, u32 i)
{
    return LLVMConstInt(g->i32, i, false);
}

LLVMValueRef fp_lanes(Gen *g, LLVMValueRef v, u32 bits)
{
    return as(g, v, LLVMVectorType(fp_lane_type(g, bits), 128 / bits));
}

LLVMValueRef fp_scalar(Gen *g, LLVMValueRef v, u32 bits)
{
    return LLVMBuildExtractElement(g->b, fp_lanes(g, v, bits), index_const(g, 0), "");
}

LLVMValueRef fp_from_scalar(Gen *g, LLVMValueRef v)
{
    LLVMTypeRef wide = LLVMVectorType(LLVMTypeOf(v), LLVMTypeOf(v) == fp_lane_type(g, 32) ? 4 : 2);
    return as(g, LLVMBuildInsertElement(g->b, LLVMConstNull(wide), v, index_const(g, 0), ""), g->q);
}

/* Lane 0 of a v128, or all its lanes. */
static LLVMValueRef in(Fp *f, u32 n)
{
    return f->vector ? fp_lanes(f->g, f->arg[n], f->bits) : fp_scalar(f->g, f->arg[n], f->bits);
}

/* A v128 of a result: zeros above a scalar. */
static LLVMValueRef out(Fp *f, LLVMValueRef v)
{
    if (f->vector)
        return as(f->g, v, f->g->q);
    f->scalar = v;
    return fp_from_scalar(f->g, v);
}

/* The same constant in every lane of `type`, given as bits. */
static LLVMValueRef same_in(Gen *g, LLVMTypeRef ints, u64 bits)
{
    if (LLVMGetTypeKind(ints) != LLVMVectorTypeKind)
        return LLVMConstInt(ints, bits, false);
    LLVMValueRef lane[4];
    u32 n = LLVMGetVectorSize(ints);
    for (u32 i = 0; i < n; i++)
        lane[i] = LLVMConstInt(LLVMGetElementType(ints), bits, false);
    return LLVMConstVector(lane, n);
}

static LLVMValueRef real(Fp *f, double v)
{
    LLVMValueRef lane[4], k = LLVMConstReal(f->lane, v);
    if (!f->vector)
        return k;
    for (u32 i = 0; i < 128 / f->bits; i++)
        lane[i] = k;
    return LLVMConstVector(lane, 128 / f->bits);
}

LLVMValueRef fp_any(Gen *g, LLVMValueRef is)
{
    LLVMTypeRef type = LLVMTypeOf(is);
    if (type == g->i1)
        return is;
    LLVMTypeRef bits = LLVMIntTypeInContext(g->ctx, LLVMGetVectorSize(type));
    return LLVMBuildICmp(g->b, LLVMIntNE, as(g, is, bits), LLVMConstInt(bits, 0, false), "");
}

static LLVMValueRef fabs_(Fp *f, LLVMValueRef v)
{
    LLVMValueRef args[] = {v};
    return llvm_intrinsic(f->g, "llvm.fabs", LLVMTypeOf(v), args, 1);
}

/* -- when the host's result may differ ------------------------------------------------------------------------------
 */

/* These comparisons are plain ones, free to be combined: on results, which are never signalling NaNs, they raise
 * nothing. */
LLVMValueRef fp_is_nan(Gen *g, LLVMValueRef r)
{
    return LLVMBuildFCmp(g->b, LLVMRealUNO, r, r, "");
}

/* One comparison, unordered or equal. */
LLVMValueRef fp_is_edge(Gen *g, LLVMValueRef r, u32 bits)
{
    LLVMValueRef least = LLVMConstReal(fp_lane_type(g, bits), bits == 32 ? 0x1p-126 : 0x1p-1022);
    LLVMValueRef lane[4] = {least, least, least, least};
    LLVMTypeRef type = LLVMTypeOf(r);
    if (LLVMGetTypeKind(type) == LLVMVectorTypeKind)
        least = LLVMConstVector(lane, LLVMGetVectorSize(type));
    return LLVMBuildFCmp(g->b, LLVMRealUEQ, llvm_intrinsic(g, "llvm.fabs", type, &r, 1), least, "");
}

/* Leaves the rest to the body before anything that would raise flags has run. */
static void slow_if(Fp *f, LLVMValueRef cond)
{
    LLVMBasicBlockRef fine = fp_new_bb(f->g);
    fp_rare_branch(f->g, cond, f->g->fp_slow_bb, fine);
    LLVMPositionBuilderAtEnd(f->g->b, fine);
}

/* -- denormals to be flushed ----------------------------------------------------------------------------------------
 */

/* a - low < span: of unsigned lanes, whether low <= a < low + span. */
static LLVMValueRef within(Fp *f, LLVMValueRef a, u64 low, u64 span)
{
    LLVMValueRef from_low = LLVMBuildSub(f->g->b, a, same_in(f->g, f->ints, low), "");
    return LLVMBuildICmp(f->g->b, LLVMIntULT, from_low, same_in(f->g, f->ints, span), "");
}

/* Whether an operand isn't what fp_slow.c calls normal, moderate, or narrow: so that something may be flushed. */
typedef enum Need { NORMAL, MODERATE, NARROW } Need;
static LLVMValueRef may_flush(Fp *f, Need need)
{
    Gen *g = f->g;
    u32 fraction = f->bits == 32 ? 23 : 52;
    u64 low = f->bits == 32 ? 88 : 640, high = f->bits == 32 ? 167 : 1408;
    if (need == NARROW) {
        low = 898;
        high = 2048;
    }
    LLVMValueRef may = NULL;
    for (u32 i = 0; i < ir_ops[f->op->code].nargs; i++) {
        LLVMValueRef bits = as(g, in(f, i), f->ints), is;
        LLVMValueRef magnitude = LLVMBuildAnd(g->b, bits, same_in(g, f->ints, ~(1ull << (f->bits - 1))), "");
        if (need == NORMAL) {
            is = within(f, magnitude, 1, (1ull << fraction) - 1);
        } else {
            LLVMValueRef zero = LLVMBuildICmp(g->b, LLVMIntEQ, magnitude, LLVMConstNull(f->ints), "");
            LLVMValueRef inside = within(f, magnitude, low << fraction, (high - low) << fraction);
            is = LLVMBuildNot(g->b, LLVMBuildOr(g->b, zero, inside, ""), "");
        }
        may = may ? LLVMBuildOr(g->b, may, is, "") : is;
    }
    return fp_any(g, may);
}

/* -- rules ----------------------------------------------------------------------------------------------------------
 */

enum { FADD, FSUB, FMUL, FDIV, FSQRT, FMA, FLOOR, CEIL, TRUNC, RINT, NEARBYINT, ROUNDEVEN };
static const struct {
    const char *name;
    bool edge, rounds; /* may hit the least normal number; takes a rounding mode */
} host_op[] = {
    [FADD] = {"fadd", false, true},
    [FSUB] = {"fsub", false, true},
    [FMUL] = {"fmul", true, true},
    [FDIV] = {"fdiv", true, true},
    [FSQRT] = {"sqrt", false, true},
    [FMA] = {"fma", true, true},
    [FLOOR] = {"floor", false, false},
    [CEIL] = {"ceil", false, false},
    [TRUNC] = {"trunc", false, false},
    [RINT] = {"rint", false, true},
    [NEARBYINT] = {"nearbyint", false, true},
    [ROUNDEVEN] = {"roundeven", false, false},
};

/* LLVM computes with operands that it knows, and takes a zero sum for exact; but its sign is the rounding mode's (x - x is
 * -0 if that is downwards). Hides the first operand where all may turn out to be known. */
static void hide_constant(Fp *f, LLVMValueRef *operand)
{
    bool sum = f->param == FADD || f->param == FSUB || f->param == FMA;
    if (sum && (f->arg[0] == f->arg[1] || LLVMIsConstant(operand[0]) || LLVMIsConstant(operand[1])))
        operand[0] = llvm_intrinsic(f->g, "llvm.arithmetic.fence", f->type, operand, 1);
}

/* One host operation on one to three operands of the result's format. */
static LLVMValueRef arithmetic(Fp *f, LLVMValueRef *slow)
{
    LLVMValueRef operand[3];
    u32 n = ir_ops[f->op->code].nargs;
    for (u32 i = 0; i < n; i++)
        operand[i] = in(f, i);
    hide_constant(f, operand);
    LLVMValueRef r =
        constrained(f->g, host_op[f->param].name, f->type, NULL, operand, n, NULL, host_op[f->param].rounds);
    /* A square, unlike other products, is the least normal number only if that is exact. */
    f->edge = host_op[f->param].edge && !(f->param == FMUL && f->op->arg[0] == f->op->arg[1]);
    return out(f, r);
}

static LLVMValueRef abs_(Fp *f, LLVMValueRef *slow)
{
    return out(f, fabs_(f, in(f, 0)));
}

static LLVMValueRef neg(Fp *f, LLVMValueRef *slow)
{
    return out(f, LLVMBuildFNeg(f->g->b, in(f, 0), ""));
}

/* NaNs are the body's. Of equal operands, which differ only if they are zeros, + is the maximum. param: is it the
 * minimum? */
static LLVMValueRef max_min(Fp *f, LLVMValueRef *slow)
{
    Gen *g = f->g;
    LLVMValueRef a = in(f, 0), b = in(f, 1), ia = as(g, a, f->ints), ib = as(g, b, f->ints);
    slow_if(f, fp_any(g, LLVMBuildFCmp(g->b, LLVMRealUNO, a, b, "")));
    LLVMValueRef zero = f->param ? LLVMBuildOr(g->b, ia, ib, "") : LLVMBuildAnd(g->b, ia, ib, "");
    LLVMValueRef below = compare(f, a, b, f->param ? "ogt" : "olt", true);
    LLVMValueRef above = compare(f, a, b, f->param ? "olt" : "ogt", true);
    LLVMValueRef r = LLVMBuildSelect(g->b, above, ia, zero, "");
    return out(f, as(g, LLVMBuildSelect(g->b, below, ib, r, ""), f->type));
}

/* All ones where the comparison holds. The host signals as the guest does: == is quiet, the others not. */
enum { CMP_EQ, CMP_GE, CMP_GT, CMP_ABS = 4 };
static LLVMValueRef mask(Fp *f, LLVMValueRef *slow)
{
    static const char *const predicate[] = {"oeq", "ole", "olt"};
    LLVMValueRef a = in(f, 0), b = in(f, 1);
    if (f->param & CMP_ABS) {
        a = fabs_(f, a);
        b = fabs_(f, b);
    }
    u32 which = f->param & 3;
    LLVMValueRef is = compare(f, b, a, predicate[which], which != CMP_EQ);
    return as(f->g, LLVMBuildSExt(f->g->b, is, f->ints, ""), f->g->q);
}

/* Between 32 and 64 bits, of the lowest lanes; f->bits are the source's. */
static LLVMValueRef convert(Fp *f, LLVMValueRef *slow)
{
    static const int low[] = {0, 1, 2, 3};
    Gen *g = f->g;
    bool narrows = f->bits == 64;
    LLVMTypeRef to = fp_lane_type(g, narrows ? 32 : 64), from = f->type;
    LLVMValueRef v = in(f, 0);
    if (f->vector) {
        to = LLVMVectorType(to, 2);
        if (!narrows) {
            LLVMValueRef pick[] = {index_const(g, 0), index_const(g, 1)};
            v = LLVMBuildShuffleVector(g->b, v, v, LLVMConstVector(pick, 2), "");
            from = LLVMVectorType(f->lane, 2);
        }
    }
    LLVMValueRef r = constrained(g, narrows ? "fptrunc" : "fpext", to, from, &v, 1, NULL, narrows);
    f->result_bits = narrows ? 32 : 64;
    f->edge = narrows;
    if (f->vector && narrows) {
        LLVMValueRef pick[4];
        for (u32 i = 0; i < 4; i++)
            pick[i] = index_const(g, (u32)low[i]);
        r = LLVMBuildShuffleVector(g->b, r, LLVMConstNull(to), LLVMConstVector(pick, 4), "");
    }
    return out(f, r);
}

/* Towards zero to a signed integer: the host gives the least one for what doesn't fit. */
static LLVMValueRef to_signed(Fp *f, LLVMValueRef *slow)
{
    Gen *g = f->g;
    LLVMTypeRef to = f->vector ? f->ints : llvm_type(g, ir_ops[f->op->code].result);
    LLVMValueRef v = in(f, 0), r = constrained(g, "fptosi", to, f->type, &v, 1, NULL, false);
    u32 bits = LLVMGetIntTypeWidth(f->vector ? LLVMGetElementType(to) : to);
    *slow = fp_any(g, LLVMBuildICmp(g->b, LLVMIntEQ, r, same_in(g, to, 1ull << (bits - 1)), ""));
    return f->vector ? as(g, r, g->q) : r;
}

/* To an unsigned one: what fits a signed 64-bit integer is converted as such. param: bits of the result. */
static LLVMValueRef to_unsigned(Fp *f, LLVMValueRef *slow)
{
    Gen *g = f->g;
    LLVMValueRef v = in(f, 0), bits = as(g, v, f->ints);
    LLVMValueRef negative = LLVMBuildICmp(g->b, LLVMIntSLT, bits, LLVMConstInt(f->ints, 0, false), "");
    LLVMValueRef big = LLVMBuildFCmp(g->b, LLVMRealUGE, v, real(f, f->param == 32 ? 0x1p32 : 0x1p63), "");
    /* Conversions raise flags: what is too big must not get that far. */
    slow_if(f, LLVMBuildOr(g->b, negative, big, ""));
    LLVMValueRef r = constrained(g, "fptosi", g->i64, f->type, &v, 1, NULL, false);
    return f->param == 32 ? LLVMBuildTrunc(g->b, r, g->i32, "") : r;
}

/* From an integer (f->bits: the format's), scaled down by imm bits, which is exact. param: is it signed? */
static LLVMValueRef from_integer(Fp *f, LLVMValueRef *slow)
{
    Gen *g = f->g;
    LLVMValueRef v = f->vector ? as(g, f->arg[0], f->ints) : f->arg[0];
    if (!f->param && LLVMTypeOf(v) == g->i64)
        slow_if(f, LLVMBuildICmp(g->b, LLVMIntSLT, v, LLVMConstInt(g->i64, 0, false), ""));
    else if (!f->param)
        v = LLVMBuildZExt(g->b, v, g->i64, "");
    LLVMValueRef r = constrained(g, "sitofp", f->type, LLVMTypeOf(v), &v, 1, NULL, true);
    if (f->op->imm) {
        LLVMValueRef operand[] = {r, real(f, __builtin_ldexp(1, -(int)f->op->imm))};
        r = constrained(g, "fmul", f->type, NULL, operand, 2, NULL, true);
    }
    return out(f, r);
}

/* -- comparison to flags --------------------------------------------------------------------------------------------
 */

static LLVMValueRef flag(Gen *g, LLVMRealPredicate p, LLVMValueRef a, LLVMValueRef b, u32 bit)
{
    LLVMValueRef is = LLVMBuildZExt(g->b, LLVMBuildFCmp(g->b, p, a, b, ""), g->i32, "");
    return LLVMBuildShl(g->b, is, LLVMConstInt(g->i32, bit, false), "");
}

/* The comparison that raises flags can be any: it is the first one that somebody wants the outcome of, or its contrary.
 * Others are quiet ones; a plain one may be selected as an instruction that signals. */
LLVMValueRef llvm_fp_predicate(Gen *g, const NzcvOf *of)
{
    static const char *const name[] = {NULL,  "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
                                       "uno", "ueq", "ugt", "uge", "ult", "ule", "une", NULL};
    if (!name[of->predicate])
        return LLVMConstInt(g->i1, of->predicate != 0, false);
    NzcvOf *compared = &g->nzcv[of->compared];
    if (!compared->predicate) {
        compared->predicate = of->predicate;
        LLVMSetOperand(compared->raises, 2, text(g, name[of->predicate]));
    }
    if (of->predicate == compared->predicate)
        return compared->raises;
    if ((of->predicate ^ compared->predicate) == 15)
        return LLVMBuildNot(g->b, compared->raises, "");
    LLVMValueRef operand[] = {of->a, of->b};
    return constrained_as(g, "fcmp", LLVMTypeOf(of->a), NULL, operand, 2, name[of->predicate], false,
                          "fpexcept.ignore");
}

/* The bits come from plain comparisons, since mostly nobody wants them: conditions made of the bits become comparisons
 * of a and b (llvm_fp_predicate). Flushing changes no result here (MXCSR has DAZ then) but has a flag, for which the
 * body is called. */
static LLVMValueRef compare_to_flags(Fp *f, Val v)
{
    Gen *g = f->g;
    LLVMValueRef a = in(f, 0), b = in(f, 1);
    LLVMValueRef raises = compare(f, a, b, "uno", f->param);
    LLVMValueRef bits = flag(g, LLVMRealOLT, a, b, 31);
    bits = LLVMBuildOr(g->b, bits, flag(g, LLVMRealOEQ, a, b, 30), "");
    bits = LLVMBuildOr(g->b, bits, flag(g, LLVMRealUGE, a, b, 29), "");
    bits = LLVMBuildOr(g->b, bits, flag(g, LLVMRealUNO, a, b, 28), "");
    g->nzcv[v] = (NzcvOf){.is = NZCV_FP, .a = a, .b = b, .compared = v, .raises = raises};
    return bits;
}

/* -- the table ------------------------------------------------------------------------------------------------------
 */

#define SCALAR(name, rule, param)                                                                                      \
    [IR_f##name##32] = {rule, 32, false, param}, [IR_f##name##64] = {rule, 64, false, param}
#define VECTOR(name, rule, param)                                                                                      \
    [IR_vf##name##32] = {rule, 32, true, param}, [IR_vf##name##64] = {rule, 64, true, param}
#define BOTH(name, rule, param) SCALAR(name, rule, param), VECTOR(name, rule, param)

static const struct {
    FpRule *rule;
    u8 bits;
    bool vector;
    u8 param;
} rules[IR_COUNT] = {
    BOTH(abs, abs_, 0),
    BOTH(neg, neg, 0),
    BOTH(add, arithmetic, FADD),
    BOTH(sub, arithmetic, FSUB),
    BOTH(mul, arithmetic, FMUL),
    BOTH(div, arithmetic, FDIV),
    BOTH(sqrt, arithmetic, FSQRT),
    BOTH(ma, arithmetic, FMA),
    BOTH(rintn, arithmetic, ROUNDEVEN),
    BOTH(rintm, arithmetic, FLOOR),
    BOTH(rintp, arithmetic, CEIL),
    BOTH(rintz, arithmetic, TRUNC),
    BOTH(rinti, arithmetic, NEARBYINT),
    BOTH(rintx, arithmetic, RINT),
    BOTH(max, max_min, false),
    BOTH(min, max_min, true),
    BOTH(maxnm, max_min, false),
    BOTH(minnm, max_min, true),
    VECTOR(cmeq, mask, CMP_EQ),
    VECTOR(cmge, mask, CMP_GE),
    VECTOR(cmgt, mask, CMP_GT),
    VECTOR(acge, mask, CMP_GE | CMP_ABS),
    VECTOR(acgt, mask, CMP_GT | CMP_ABS),
    [IR_f32to64] = {convert, 32, false, 0},
    [IR_f64to32] = {convert, 64, false, 0},
    [IR_vf32to64] = {convert, 32, true, 0},
    [IR_vf64to32] = {convert, 64, true, 0},
    [IR_f32tos32z] = {to_signed, 32, false, 0},
    [IR_f32tos64z] = {to_signed, 32, false, 0},
    [IR_f64tos32z] = {to_signed, 64, false, 0},
    [IR_f64tos64z] = {to_signed, 64, false, 0},
    [IR_vf32tos32z] = {to_signed, 32, true, 0},
    [IR_f32tou32z] = {to_unsigned, 32, false, 32},
    [IR_f32tou64z] = {to_unsigned, 32, false, 64},
    [IR_f64tou32z] = {to_unsigned, 64, false, 32},
    [IR_f64tou64z] = {to_unsigned, 64, false, 64},
    [IR_s32tof32] = {from_integer, 32, false, true},
    [IR_s32tof64] = {from_integer, 64, false, true},
    [IR_s64tof32] = {from_integer, 32, false, true},
    [IR_s64tof64] = {from_integer, 64, false, true},
    [IR_u32tof32] = {from_integer, 32, false, false},
    [IR_u32tof64] = {from_integer, 64, false, false},
    [IR_u64tof32] = {from_integer, 32, false, false},
    [IR_u64tof64] = {from_integer, 64, false, false},
    [IR_vs32tof32] = {from_integer, 32, true, true},
};

bool llvm_fp_has(u16 code)
{
    return rules[code].rule || (code >= IR_fcmp32 && code <= IR_fcmpe64);
}

u32 llvm_fp_reads(u16 code)
{
    if (code == IR_fcmp32 || code == IR_fcmpe32)
        return 32;
    if (code == IR_fcmp64 || code == IR_fcmpe64)
        return 64;
    bool scalar = rules[code].rule && !rules[code].vector && rules[code].rule != from_integer;
    return scalar ? rules[code].bits : 0;
}

u32 llvm_fp_makes(u16 code)
{
    if (!rules[code].rule || rules[code].vector || ir_ops[code].result != TYPE_Q)
        return 0;
    return rules[code].rule == convert ? 96 - rules[code].bits : rules[code].bits;
}

u32 llvm_fp_lane(u16 code)
{
    return rules[code].rule ? rules[code].bits : llvm_fp_reads(code);
}

NanEffect llvm_fp_nan(u16 code)
{
    FpRule *rule = rules[code].rule;
    if (rule == arithmetic || rule == convert)
        return NAN_PASSES;
    bool counts = rule == mask || rule == to_signed || rule == to_unsigned || (code >= IR_fcmp32 && code <= IR_fcmpe64);
    return counts ? NAN_COUNTS : NAN_MATTERS;
}

static Fp shape(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, bool vector, u32 param)
{
    Fp f = {.g = g, .op = op, .arg = arg, .bits = bits, .vector = vector, .param = param, .result_bits = bits};
    f.lane = fp_lane_type(g, bits);
    f.wide = LLVMVectorType(f.lane, 128 / bits);
    f.type = vector ? f.wide : f.lane;
    f.ints = LLVMIntTypeInContext(g->ctx, bits);
    if (vector)
        f.ints = LLVMVectorType(f.ints, 128 / bits);
    return f;
}

LLVMValueRef fp_cold_body(Gen *g, const Op *op, const LLVMValueRef *arg)
{
    LLVMValueRef cold[3];
    u32 bits = llvm_fp_reads(op->code);
    for (u32 i = 0; i < ir_ops[op->code].nargs; i++)
        cold[i] = bits ? fp_from_scalar(g, fp_scalar(g, arg[i], bits)) : arg[i];
    return llvm_call_body(g, op, cold, true);
}

static LLVMValueRef flush_mode(Gen *g)
{
    return LLVMBuildLoad2(g->b, g->i1, g->fp_flush, "");
}

/* In code for threads that flush: with FP_FLUSH set to `slow`, unless the operands are seen to be harmless, else to
 * `fast`. */
static void flush_branch(Fp *f, Need need, LLVMBasicBlockRef slow, LLVMBasicBlockRef fast)
{
    Gen *g = f->g;
    LLVMBasicBlockRef look = fp_new_bb(g);
    fp_rare_branch(g, flush_mode(g), look, fast);
    LLVMPositionBuilderAtEnd(g->b, look);
    fp_rare_branch(g, may_flush(f, need), slow, fast);
}

static LLVMValueRef fcmp(Gen *g, Val v, const Op *op, const LLVMValueRef *arg)
{
    Fp f = shape(g, op, arg, llvm_fp_lane(op->code), false, op->code == IR_fcmpe32 || op->code == IR_fcmpe64);
    if (g->region->flushes) {
        LLVMBasicBlockRef slow = fp_new_bb(g), go_on = fp_new_bb(g);
        flush_branch(&f, NORMAL, slow, go_on);
        LLVMPositionBuilderAtEnd(g->b, slow);
        fp_cold_body(g, op, arg);
        LLVMBuildBr(g->b, go_on);
        LLVMPositionBuilderAtEnd(g->b, go_on);
    }
    return compare_to_flags(&f, v);
}

/* The operands that an op can't do on the host under FP_FLUSH. */
static Need flush_need(const Fp *f)
{
    FpRule *rule = rules[f->op->code].rule;
    if (rule == convert && f->bits == 64)
        return NARROW;
    return rule == arithmetic && (f->param <= FDIV || f->param == FMA) ? MODERATE : NORMAL;
}

/* Both ways of an op that doesn't leave its result open. */
static LLVMValueRef two_ways(Fp *f)
{
    Gen *g = f->g;
    FpRule *rule = rules[f->op->code].rule;
    LLVMBasicBlockRef slow_bb = fp_new_bb(g), done = fp_new_bb(g);
    if (g->region->flushes && rule != from_integer) { /* no denormals come of that */
        LLVMBasicBlockRef fast_bb = fp_new_bb(g);
        flush_branch(f, flush_need(f), slow_bb, fast_bb);
        LLVMPositionBuilderAtEnd(g->b, fast_bb);
    }
    LLVMValueRef slow = NULL;
    g->fp_slow_bb = slow_bb;
    LLVMValueRef value[2] = {rule(f, &slow)};
    if (llvm_fp_nan(f->op->code) == NAN_PASSES) {
        LLVMValueRef r = f->scalar ? f->scalar : fp_lanes(g, value[0], f->result_bits);
        slow = fp_any(g, f->edge ? fp_is_edge(g, r, f->result_bits) : fp_is_nan(g, r));
    }
    LLVMBasicBlockRef way[2] = {LLVMGetInsertBlock(g->b), slow_bb};
    if (slow)
        fp_rare_branch(g, slow, slow_bb, done);
    else
        LLVMBuildBr(g->b, done);

    LLVMPositionBuilderAtEnd(g->b, slow_bb);
    value[1] = fp_cold_body(g, f->op, f->arg);
    if (f->scalar) { /* the ways join as scalars, so that the next op on this one needs no vector around it */
        value[0] = f->scalar;
        value[1] = fp_scalar(g, value[1], f->result_bits);
    }
    LLVMBuildBr(g->b, done);
    LLVMPositionBuilderAtEnd(g->b, done);
    LLVMValueRef phi = LLVMBuildPhi(g->b, LLVMTypeOf(value[0]), "");
    LLVMAddIncoming(phi, value, way, 2);
    return f->scalar ? fp_from_scalar(g, phi) : phi;
}

LLVMValueRef llvm_fp(Gen *g, Val v, const Op *op, const LLVMValueRef *arg)
{
    if (op->code >= IR_fcmp32 && op->code <= IR_fcmpe64)
        return fcmp(g, v, op, arg);
    Fp f = shape(g, op, arg, rules[op->code].bits, rules[op->code].vector, rules[op->code].param);
    LLVMValueRef slow;
    if (rules[op->code].rule == arithmetic && f.param == FMA && !g->host->fma)
        return NULL;
    if (!ir_ops[op->code].task) /* sign bits: nothing can go wrong */
        return rules[op->code].rule(&f, &slow);
    if (g->region->flushes || llvm_fp_nan(op->code) != NAN_PASSES)
        return two_ways(&f);
    LLVMValueRef r = rules[op->code].rule(&f, &slow);
    llvm_open(g, v, op, f.result_bits, f.vector, f.edge);
    return r;
}
