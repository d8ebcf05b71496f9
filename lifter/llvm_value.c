/* Value ops as LLVM IR. Each rule is a row: op, builder, parameter. What has no rule is a call of the op's body, dg_NAME, so
 * every op works; a rule is worth writing where the call would be felt. */
#include <assert.h>
#include <string.h>

#include "llvm.h"

/* Builds one op's value from its operands; `param` is the row's. */
typedef LLVMValueRef Rule(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param);

static LLVMValueRef constant(LLVMValueRef like, u64 v)
{
    return LLVMConstInt(LLVMTypeOf(like), v, false);
}

static u32 width_of(LLVMValueRef v)
{
    return LLVMGetIntTypeWidth(LLVMTypeOf(v));
}

static LLVMValueRef not_zero(Gen *g, LLVMValueRef v)
{
    return LLVMBuildICmp(g->b, LLVMIntNE, v, constant(v, 0), "");
}

/* -- integers ------------------------------------------------------------------------------------------------------------- */

static LLVMValueRef binary(Gen *g, const Op *op, const LLVMValueRef *arg, u32 opcode)
{
    return LLVMBuildBinOp(g->b, (LLVMOpcode)opcode, arg[0], arg[1], "");
}

static LLVMValueRef and_not(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    return LLVMBuildAnd(g->b, arg[0], LLVMBuildNot(g->b, arg[1], ""), "");
}

/* Amounts are taken modulo the width; LLVM's are poison beyond it. */
static LLVMValueRef shift(Gen *g, const Op *op, const LLVMValueRef *arg, u32 opcode)
{
    LLVMValueRef amount = LLVMBuildAnd(g->b, arg[1], constant(arg[1], width_of(arg[1]) - 1), "");
    return LLVMBuildBinOp(g->b, (LLVMOpcode)opcode, arg[0], amount, "");
}

static LLVMValueRef rotate(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef args[] = {arg[0], arg[0], arg[1]};
    return llvm_intrinsic(g, "llvm.fshr", LLVMTypeOf(arg[0]), args, 3);
}

static LLVMValueRef extract(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef args[] = {arg[0], arg[1], constant(arg[0], (u64)op->imm)};
    return llvm_intrinsic(g, "llvm.fshr", LLVMTypeOf(arg[0]), args, 3);
}

/* x / 0 = 0; the host would trap. */
static LLVMValueRef udiv(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef ok = not_zero(g, arg[1]);
    LLVMValueRef by = LLVMBuildSelect(g->b, ok, arg[1], constant(arg[1], 1), "");
    return LLVMBuildSelect(g->b, ok, LLVMBuildUDiv(g->b, arg[0], by, ""), constant(arg[0], 0), "");
}

/* x / 0 = 0, and x / -1 = -x even where the host traps. */
static LLVMValueRef sdiv(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef zero = constant(arg[0], 0);
    LLVMValueRef biased = LLVMBuildAdd(g->b, arg[1], constant(arg[1], 1), "");
    LLVMValueRef plain = LLVMBuildICmp(g->b, LLVMIntUGT, biased, constant(arg[1], 1), "");
    LLVMValueRef by = LLVMBuildSelect(g->b, plain, arg[1], constant(arg[1], 1), "");
    LLVMValueRef special = LLVMBuildSelect(g->b, not_zero(g, arg[1]), LLVMBuildSub(g->b, zero, arg[0], ""), zero, "");
    return LLVMBuildSelect(g->b, plain, LLVMBuildSDiv(g->b, arg[0], by, ""), special, "");
}

static LLVMValueRef high_product(Gen *g, const Op *op, const LLVMValueRef *arg, u32 extension)
{
    LLVMValueRef a = LLVMBuildCast(g->b, (LLVMOpcode)extension, arg[0], g->i128, "");
    LLVMValueRef b = LLVMBuildCast(g->b, (LLVMOpcode)extension, arg[1], g->i128, "");
    LLVMValueRef product = LLVMBuildMul(g->b, a, b, "");
    return LLVMBuildTrunc(g->b, LLVMBuildLShr(g->b, product, constant(product, 64), ""), g->i64, "");
}

static LLVMValueRef not_(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    return LLVMBuildNot(g->b, arg[0], "");
}

static LLVMValueRef neg(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    return LLVMBuildNeg(g->b, arg[0], "");
}

static LLVMValueRef count_zeros(Gen *g, const char *name, LLVMValueRef v, bool zero_is_poison)
{
    LLVMValueRef args[] = {v, LLVMConstInt(g->i1, zero_is_poison, false)};
    return llvm_intrinsic(g, name, LLVMTypeOf(v), args, 2);
}

static LLVMValueRef clz(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    return count_zeros(g, "llvm.ctlz", arg[0], false);
}

static LLVMValueRef ctz(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    return count_zeros(g, "llvm.cttz", arg[0], false);
}

/* Sign repetitions become leading zeros; the 1 shifted in stops the count at width - 1. */
static LLVMValueRef cls(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef sign = LLVMBuildAShr(g->b, arg[0], constant(arg[0], width_of(arg[0]) - 1), "");
    LLVMValueRef differ = LLVMBuildXor(g->b, arg[0], sign, "");
    LLVMValueRef one = constant(arg[0], 1);
    return count_zeros(g, "llvm.ctlz", LLVMBuildOr(g->b, LLVMBuildShl(g->b, differ, one, ""), one, ""), true);
}

static LLVMValueRef reverse_bits(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef args[] = {arg[0]};
    return llvm_intrinsic(g, "llvm.bitreverse", LLVMTypeOf(arg[0]), args, 1);
}

/* Swaps the bytes of each piece of `bits` bits. */
static LLVMValueRef swap_bytes(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits)
{
    LLVMTypeRef scalar = LLVMTypeOf(arg[0]), vec = scalar;
    u32 width = width_of(arg[0]);
    if (bits < width)
        vec = LLVMVectorType(LLVMIntTypeInContext(g->ctx, bits), width / bits);
    LLVMValueRef args[] = {LLVMBuildBitCast(g->b, arg[0], vec, "")};
    return LLVMBuildBitCast(g->b, llvm_intrinsic(g, "llvm.bswap", vec, args, 1), scalar, "");
}

static LLVMValueRef swap_whole(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    return swap_bytes(g, op, arg, width_of(arg[0]));
}

static LLVMValueRef sign_extend(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits)
{
    LLVMValueRef low = bits < 32 ? LLVMBuildTrunc(g->b, arg[0], LLVMIntTypeInContext(g->ctx, bits), "") : arg[0];
    return LLVMBuildSExt(g->b, low, llvm_type(g, ir_ops[op->code].result), "");
}

static LLVMValueRef cast(Gen *g, const Op *op, const LLVMValueRef *arg, u32 opcode)
{
    return LLVMBuildCast(g->b, (LLVMOpcode)opcode, arg[0], llvm_type(g, ir_ops[op->code].result), "");
}

static LLVMValueRef select_(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    return LLVMBuildSelect(g->b, not_zero(g, arg[0]), arg[1], arg[2], "");
}

/* -- flags ------------------------------------------------------------------------------------------------------------------ */

static LLVMValueRef sign_of(Gen *g, LLVMValueRef v)
{
    return LLVMBuildICmp(g->b, LLVMIntSLT, v, constant(v, 0), "");
}

static LLVMValueRef nzcv_of(Gen *g, LLVMValueRef n, LLVMValueRef z, LLVMValueRef c, LLVMValueRef v)
{
    LLVMValueRef flag[] = {v, c, z, n}, bits = LLVMConstInt(g->i32, 0, false);
    for (u32 i = 0; i < 4; i++) {
        if (!flag[i])
            continue;
        LLVMValueRef bit = LLVMBuildZExt(g->b, flag[i], g->i32, "");
        bits = LLVMBuildOr(g->b, bits, LLVMBuildShl(g->b, bit, LLVMConstInt(g->i32, 28 + i, false), ""), "");
    }
    return bits;
}

/* NZCV of a flag kind known here, so that conditions on the bits fold to comparisons of a and b. */
static LLVMValueRef nzcv_of_kind(Gen *g, FlagKind kind, LLVMValueRef a, LLVMValueRef b)
{
    LLVMBuilderRef at = g->b;
    LLVMValueRef r, differ;
    switch (kind) {
    case FLAG_ADD32:
    case FLAG_ADD64:
        r = LLVMBuildAdd(at, a, b, "");
        differ = LLVMBuildAnd(at, LLVMBuildXor(at, a, r, ""), LLVMBuildXor(at, b, r, ""), "");
        return nzcv_of(g, sign_of(g, r), LLVMBuildICmp(at, LLVMIntEQ, r, constant(r, 0), ""),
                       LLVMBuildICmp(at, LLVMIntULT, r, a, ""), sign_of(g, differ));
    case FLAG_SUB32:
    case FLAG_SUB64:
        r = LLVMBuildSub(at, a, b, "");
        differ = LLVMBuildAnd(at, LLVMBuildXor(at, a, b, ""), LLVMBuildXor(at, a, r, ""), "");
        return nzcv_of(g, sign_of(g, r), LLVMBuildICmp(at, LLVMIntEQ, a, b, ""), LLVMBuildICmp(at, LLVMIntUGE, a, b, ""),
                       sign_of(g, differ));
    case FLAG_AND32:
    case FLAG_AND64:
        return nzcv_of(g, sign_of(g, a), LLVMBuildICmp(at, LLVMIntEQ, a, constant(a, 0), ""), NULL, NULL);
    case FLAG_BITS:
        break;
    }
    return a;
}

static bool is_wide(FlagKind kind)
{
    return kind == FLAG_ADD64 || kind == FLAG_SUB64 || kind == FLAG_AND64;
}

/* Inline if the kind is a constant here: this block's, or what every way into it left in the state. */
static LLVMValueRef nzcv(Gen *g, Val v, const Op *op)
{
    LLVMValueRef kind = g->val[op->arg[0]], a = g->val[op->arg[1]], b = g->val[op->arg[2]];
    if (!LLVMIsAConstantInt(kind))
        return NULL;
    NzcvOf *of = &g->nzcv[v];
    *of = (NzcvOf){.known = true, .kind = (u8)LLVMConstIntGetZExtValue(kind), .a = a, .b = b};
    if (!is_wide(of->kind)) {
        of->a = LLVMBuildTrunc(g->b, a, g->i32, "");
        of->b = LLVMBuildTrunc(g->b, b, g->i32, "");
    }
    return nzcv_of_kind(g, of->kind, of->a, of->b);
}

static bool is_const32(const Gen *g, Val v, u32 c)
{
    return g->ir->ops[v].code == IR_const32 && (u32)g->ir->ops[v].imm == c;
}

/* If v is bit `bit` of an nzcv value (as flags_cond in build.c takes it out), that value. */
static Val flag_bit_of(const Gen *g, Val v, u32 bit)
{
    const Op *op = &g->ir->ops[v];
    if (op->code == IR_and32 && is_const32(g, op->arg[1], 1))
        op = &g->ir->ops[op->arg[0]];
    else if (bit != 31)
        return NO_VAL;
    if (op->code != IR_shr32 || !is_const32(g, op->arg[1], bit) || !g->nzcv[op->arg[0]].known)
        return NO_VAL;
    return op->arg[0];
}

/* N == V and N != V after a subtraction are its signed comparisons, which LLVM doesn't find from the bits. */
static LLVMValueRef signed_condition(Gen *g, const Op *op)
{
    Val bits = flag_bit_of(g, op->arg[0], 31);
    if (bits == NO_VAL || bits != flag_bit_of(g, op->arg[1], 28))
        return NULL;
    const NzcvOf *of = &g->nzcv[bits];
    if (of->kind != FLAG_SUB32 && of->kind != FLAG_SUB64)
        return NULL;
    LLVMIntPredicate p = op->code == IR_eq32 ? LLVMIntSGE : LLVMIntSLT;
    return LLVMBuildZExt(g->b, LLVMBuildICmp(g->b, p, of->a, of->b, ""), g->i32, "");
}

static LLVMValueRef compare(Gen *g, const Op *op, const LLVMValueRef *arg, u32 predicate)
{
    LLVMValueRef v = op->code == IR_eq32 || op->code == IR_ne32 ? signed_condition(g, op) : NULL;
    if (v)
        return v;
    return LLVMBuildZExt(g->b, LLVMBuildICmp(g->b, (LLVMIntPredicate)predicate, arg[0], arg[1], ""), g->i32, "");
}

/* -- vectors ------------------------------------------------------------------------------------------------------------------- */

static LLVMTypeRef vector(Gen *g, u32 bits)
{
    return LLVMVectorType(LLVMIntTypeInContext(g->ctx, bits), 128 / bits);
}

static LLVMValueRef as(Gen *g, LLVMValueRef v, LLVMTypeRef type)
{
    return LLVMBuildBitCast(g->b, v, type, "");
}

/* A bitwise or lane-wise binary operator: param is lane bits << 8 | LLVMOpcode. */
#define LANES(bits, opcode) ((bits) << 8 | (opcode))
static LLVMValueRef vbinary(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMTypeRef type = vector(g, param >> 8);
    LLVMValueRef v = LLVMBuildBinOp(g->b, (LLVMOpcode)(param & 255), as(g, arg[0], type), as(g, arg[1], type), "");
    return as(g, v, g->q);
}

/* -- the rules ------------------------------------------------------------------------------------------------------------------- */

#define BOTH(name, rule, param) [IR_##name##32] = {rule, param}, [IR_##name##64] = {rule, param}

static const struct {
    Rule *rule;
    u32 param;
} rules[IR_COUNT] = {
    BOTH(add, binary, LLVMAdd),
    BOTH(sub, binary, LLVMSub),
    BOTH(mul, binary, LLVMMul),
    BOTH(and, binary, LLVMAnd),
    BOTH(or, binary, LLVMOr),
    BOTH(xor, binary, LLVMXor),
    BOTH(andn, and_not, 0),
    BOTH(shl, shift, LLVMShl),
    BOTH(shr, shift, LLVMLShr),
    BOTH(sar, shift, LLVMAShr),
    BOTH(ror, rotate, 0),
    BOTH(extr, extract, 0),
    BOTH(udiv, udiv, 0),
    BOTH(sdiv, sdiv, 0),
    [IR_umulh64] = {high_product, LLVMZExt},
    [IR_smulh64] = {high_product, LLVMSExt},
    BOTH(not, not_, 0),
    BOTH(neg, neg, 0),
    BOTH(clz, clz, 0),
    BOTH(ctz, ctz, 0),
    BOTH(cls, cls, 0),
    BOTH(rbit, reverse_bits, 0),
    BOTH(bswap, swap_whole, 0),
    BOTH(rev16_, swap_bytes, 16),
    [IR_rev32_64] = {swap_bytes, 32},
    [IR_sx8_32] = {sign_extend, 8},
    [IR_sx16_32] = {sign_extend, 16},
    [IR_sx8_64] = {sign_extend, 8},
    [IR_sx16_64] = {sign_extend, 16},
    [IR_sx32_64] = {sign_extend, 32},
    [IR_zx32_64] = {cast, LLVMZExt},
    [IR_lo32] = {cast, LLVMTrunc},
    BOTH(eq, compare, LLVMIntEQ),
    BOTH(ne, compare, LLVMIntNE),
    BOTH(ult, compare, LLVMIntULT),
    BOTH(ule, compare, LLVMIntULE),
    BOTH(slt, compare, LLVMIntSLT),
    BOTH(sle, compare, LLVMIntSLE),
    BOTH(select, select_, 0),
    [IR_select128] = {select_, 0},
    [IR_vand] = {vbinary, LANES(64, LLVMAnd)},
};

/* A pure body may be dropped, merged and moved; one that takes the Task accumulates FP status and may not. */
static void set_effects(Gen *g, LLVMValueRef call, const OpInfo *info)
{
    static const char *const names[] = {"nounwind", "willreturn", "strictfp"};
    for (size_t i = 0; i < LEN(names); i++) {
        unsigned kind = LLVMGetEnumAttributeKindForName(names[i], strlen(names[i]));
        LLVMAddCallSiteAttribute(call, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(g->ctx, kind, 0));
    }
    /* LLVM's MemoryEffects: two bits (read, write) for each of argument, inaccessible, other memory. */
    u64 effects = info->task ? 3 | 3 << 2 : 0;
    unsigned kind = LLVMGetEnumAttributeKindForName("memory", 6);
    LLVMAddCallSiteAttribute(call, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(g->ctx, kind, effects));
}

static LLVMValueRef call_body(Gen *g, const Op *op, const LLVMValueRef *arg)
{
    const OpInfo *info = &ir_ops[op->code];
    LLVMTypeRef params[5];
    LLVMValueRef args[5];
    unsigned n = 0;
    if (info->task) {
        params[n] = g->ptr;
        args[n++] = g->task;
    }
    for (u32 i = 0; i < info->nargs; i++) {
        params[n] = llvm_type(g, info->arg[i]);
        args[n++] = arg[i];
    }
    if (info->imm) {
        params[n] = g->i64;
        args[n++] = LLVMConstInt(g->i64, (u64)op->imm, false);
    }
    assert(op_body[op->code]);
    LLVMTypeRef type = LLVMFunctionType(llvm_type(g, info->result), params, n, false);
    LLVMValueRef call = LLVMBuildCall2(g->b, type, llvm_address(g, op_body[op->code]), args, n, "");
    set_effects(g, call, info);
    return call;
}

LLVMValueRef llvm_value(Gen *g, Val v, const Op *op)
{
    LLVMValueRef arg[3] = {0};
    for (u32 i = 0; i < ir_ops[op->code].nargs; i++)
        arg[i] = g->val[op->arg[i]];
    LLVMValueRef result = NULL;
    if (op->code == IR_nzcv)
        result = nzcv(g, v, op);
    else if (rules[op->code].rule)
        result = rules[op->code].rule(g, op, arg, rules[op->code].param);
    return result ? result : call_body(g, op, arg);
}
