/* Value ops as LLVM IR. Each rule is a row: op, builder, parameter. What has no rule is a call of the op's body,
 * dg_NAME, so every op works; a rule is worth writing where the call would be felt. */
#include <assert.h>
#include <string.h>

#include "cold.h"
#include "llvm_fp.h"

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

/* -- integers ----------------------------------------------------------------------------------------------- */

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
static LLVMValueRef popcnt(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef args[] = {arg[0]};
    return llvm_intrinsic(g, "llvm.ctpop", LLVMTypeOf(arg[0]), args, 1);
}

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

/* -- flags -------------------------------------------------------------------------------------------------- */

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
        return nzcv_of(g, sign_of(g, r), LLVMBuildICmp(at, LLVMIntEQ, a, b, ""),
                       LLVMBuildICmp(at, LLVMIntUGE, a, b, ""), sign_of(g, differ));
    case FLAG_AND32:
    case FLAG_AND64:
        return nzcv_of(g, sign_of(g, a), LLVMBuildICmp(at, LLVMIntEQ, a, constant(a, 0), ""), NULL, NULL);
    case FLAG_ADC32: /* as constants these are not worth a rule */
    case FLAG_ADC64:
    case FLAG_CARRY_IN:
    case FLAG_BITS:
        break;
    }
    return a;
}

/* a + b + c, c being 0 or 1, and its carry as an i1 */
static LLVMValueRef sum_with_carry(Gen *g, const LLVMValueRef *arg, LLVMValueRef *carry)
{
    LLVMTypeRef type = LLVMTypeOf(arg[0]);
    LLVMValueRef first[] = {arg[0], arg[1]};
    LLVMValueRef pair = llvm_intrinsic(g, "llvm.uadd.with.overflow", type, first, 2);
    LLVMValueRef second[] = {LLVMBuildExtractValue(g->b, pair, 0, ""), LLVMBuildZExtOrBitCast(g->b, arg[2], type, "")};
    LLVMValueRef sum = llvm_intrinsic(g, "llvm.uadd.with.overflow", type, second, 2);
    *carry = LLVMBuildOr(g->b, LLVMBuildExtractValue(g->b, pair, 1, ""), LLVMBuildExtractValue(g->b, sum, 1, ""), "");
    return LLVMBuildExtractValue(g->b, sum, 0, "");
}

static LLVMValueRef sum_nzcv(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef c, r = sum_with_carry(g, arg, &c);
    LLVMValueRef differ = LLVMBuildAnd(g->b, LLVMBuildXor(g->b, arg[0], r, ""), LLVMBuildXor(g->b, arg[1], r, ""), "");
    return nzcv_of(g, sign_of(g, r), LLVMBuildICmp(g->b, LLVMIntEQ, r, constant(r, 0), ""), c, sign_of(g, differ));
}

static LLVMValueRef sum_of(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef c;
    return sum_with_carry(g, arg, &c);
}

static LLVMValueRef sum_carry(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef c;
    sum_with_carry(g, arg, &c);
    return LLVMBuildZExt(g->b, c, g->i32, "");
}

static bool is_wide(FlagKind kind)
{
    return kind == FLAG_ADD64 || kind == FLAG_SUB64 || kind == FLAG_AND64;
}

/* Flags of a kind that isn't known here. Most likely they are no sum's: then nzcv is right, which is made without a
 * branch. Those of 32 bits come out the same from the upper half, and those of a logical operation as of a subtraction
 * of 0 without the carry. */
typedef struct AnyFlags {
    LLVMValueRef sum;         /* i1 */
    LLVMValueRef nzcv, carry; /* carry: i32, 0 or 1 */
} AnyFlags;

static AnyFlags any_flags(Gen *g, const LLVMValueRef *arg)
{
    static_assert(FLAG_SUB32 % 2 == 1 && FLAG_SUB64 == FLAG_SUB32 + 1 && FLAG_AND32 == FLAG_SUB32 + 2 &&
                      FLAG_AND64 == FLAG_SUB32 + 3,
                  "the order of kinds, and those of 32 bits are odd");
    LLVMBuilderRef at = g->b;
    LLVMValueRef kind = arg[0], zero = constant(arg[1], 0), carry_bit = LLVMConstInt(g->i32, 1 << 29, false);
    LLVMValueRef odd = LLVMBuildZExt(at, LLVMBuildAnd(at, kind, constant(kind, 1), ""), g->i64, "");
    LLVMValueRef shift = LLVMBuildShl(at, odd, constant(odd, 5), "");
    LLVMValueRef is_bits = LLVMBuildICmp(at, LLVMIntEQ, kind, constant(kind, FLAG_BITS), "");
    LLVMValueRef logical = LLVMBuildICmp(at, LLVMIntUGE, kind, constant(kind, FLAG_AND32), "");
    LLVMValueRef a = LLVMBuildShl(at, arg[1], shift, "");
    LLVMValueRef b = LLVMBuildSelect(at, logical, zero, LLVMBuildShl(at, arg[2], shift, ""), "");
    LLVMValueRef nzcv = nzcv_of_kind(g, FLAG_SUB64, a, b);
    nzcv = LLVMBuildSelect(at, logical, LLVMBuildAnd(at, nzcv, LLVMConstNot(carry_bit), ""), nzcv, "");
    nzcv = LLVMBuildSelect(at, is_bits, LLVMBuildTrunc(at, arg[1], g->i32, ""), nzcv, "");
    LLVMValueRef carry = LLVMBuildAnd(at, LLVMBuildICmp(at, LLVMIntUGE, a, b, ""), LLVMBuildNot(at, logical, ""), "");
    LLVMValueRef bit = LLVMBuildLShr(at, LLVMBuildTrunc(at, arg[1], g->i32, ""), LLVMConstInt(g->i32, 29, false), "");
    bit = LLVMBuildAnd(at, bit, LLVMConstInt(g->i32, 1, false), "");
    LLVMValueRef from = LLVMBuildSub(at, kind, constant(kind, FLAG_SUB32), "");
    LLVMValueRef none = LLVMBuildICmp(at, LLVMIntULE, from, constant(kind, FLAG_AND64 - FLAG_SUB32), "");
    LLVMValueRef sum = LLVMBuildNot(at, LLVMBuildOr(at, none, is_bits, ""), "");
    return (AnyFlags){
        .sum = sum, .nzcv = nzcv, .carry = LLVMBuildSelect(at, is_bits, bit, LLVMBuildZExt(at, carry, g->i32, ""), "")};
}

static LLVMValueRef nzcv_of_any(Gen *g, const Op *op, const LLVMValueRef *arg)
{
    LLVMBasicBlockRef other_bb = fp_new_bb(g), done = fp_new_bb(g);
    AnyFlags f = any_flags(g, arg);
    LLVMValueRef value[2] = {f.nzcv};
    LLVMBasicBlockRef way[2] = {LLVMGetInsertBlock(g->b), other_bb};
    fp_rare_branch(g, f.sum, other_bb, done);

    LLVMPositionBuilderAtEnd(g->b, other_bb);
    value[1] = llvm_call_body(g, op, arg, true);
    LLVMBuildBr(g->b, done);

    LLVMPositionBuilderAtEnd(g->b, done);
    LLVMValueRef phi = LLVMBuildPhi(g->b, g->i32, "");
    LLVMAddIncoming(phi, value, way, 2);
    return phi;
}

/* A kind that is a constant is this block's, or what every way into it left in the state. */
static LLVMValueRef nzcv(Gen *g, Val v, const Op *op)
{
    LLVMValueRef kind = g->val[op->arg[0]], a = g->val[op->arg[1]], b = g->val[op->arg[2]];
    if (!LLVMIsAConstantInt(kind) || LLVMConstIntGetZExtValue(kind) & FLAG_CARRY_IN)
        return nzcv_of_any(g, op, (LLVMValueRef[]){kind, a, b});
    NzcvOf *of = &g->nzcv[v];
    *of = (NzcvOf){.is = NZCV_INT, .kind = (u8)LLVMConstIntGetZExtValue(kind), .a = a, .b = b};
    if (!is_wide(of->kind)) {
        of->a = LLVMBuildTrunc(g->b, a, g->i32, "");
        of->b = LLVMBuildTrunc(g->b, b, g->i32, "");
    }
    return nzcv_of_kind(g, of->kind, of->a, of->b);
}

static LLVMValueRef carry_of_kind(Gen *g, u32 kind, LLVMValueRef a, LLVMValueRef b)
{
    if (kind == FLAG_AND32 || kind == FLAG_AND64)
        return LLVMConstInt(g->i1, 0, false);
    if (kind < FLAG_ADD32 || kind > FLAG_SUB64)
        return LLVMBuildTrunc(g->b, LLVMBuildLShr(g->b, a, constant(a, 29), ""), g->i1, "");
    if (!is_wide((FlagKind)kind)) {
        a = LLVMBuildTrunc(g->b, a, g->i32, "");
        b = LLVMBuildTrunc(g->b, b, g->i32, "");
    }
    if (kind == FLAG_SUB32 || kind == FLAG_SUB64)
        return LLVMBuildICmp(g->b, LLVMIntUGE, a, b, "");
    return LLVMBuildICmp(g->b, LLVMIntULT, LLVMBuildAdd(g->b, a, b, ""), a, "");
}

/* What isn't known here and is a sum's is most likely the carry of a long one that a loop makes word by word. */
static LLVMValueRef flag_carry(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef kind = arg[0];
    if (LLVMIsAConstantInt(kind) && !(LLVMConstIntGetZExtValue(kind) & FLAG_CARRY_IN)) {
        LLVMValueRef c = carry_of_kind(g, (u32)LLVMConstIntGetZExtValue(kind), arg[1], arg[2]);
        return LLVMBuildZExt(g->b, c, g->i32, "");
    }
    LLVMBasicBlockRef no_bb = fp_new_bb(g), sum_bb = fp_new_bb(g), other_bb = fp_new_bb(g), done = fp_new_bb(g);
    AnyFlags f = any_flags(g, arg);
    LLVMValueRef value[3] = {f.carry};
    LLVMBasicBlockRef way[3] = {LLVMGetInsertBlock(g->b), sum_bb, other_bb};
    LLVMBuildCondBr(g->b, f.sum, no_bb, done);

    LLVMPositionBuilderAtEnd(g->b, no_bb);
    LLVMValueRef base = LLVMBuildAnd(g->b, kind, constant(kind, ~(u64)FLAG_CARRY_IN), "");
    LLVMValueRef other = LLVMBuildICmp(g->b, LLVMIntNE, base, constant(kind, FLAG_ADD64), "");
    fp_rare_branch(g, other, other_bb, sum_bb);

    LLVMPositionBuilderAtEnd(g->b, sum_bb);
    LLVMValueRef in = LLVMBuildAnd(g->b, LLVMBuildLShr(g->b, kind, constant(kind, 3), ""), constant(kind, 1), "");
    LLVMValueRef sum[] = {arg[1], arg[2], in}, c;
    sum_with_carry(g, sum, &c);
    value[1] = LLVMBuildZExt(g->b, c, g->i32, "");
    LLVMBuildBr(g->b, done);

    LLVMPositionBuilderAtEnd(g->b, other_bb);
    value[2] = llvm_call_body(g, op, arg, true);
    LLVMBuildBr(g->b, done);

    LLVMPositionBuilderAtEnd(g->b, done);
    LLVMValueRef phi = LLVMBuildPhi(g->b, g->i32, "");
    LLVMAddIncoming(phi, value, way, 3);
    return phi;
}
_Static_assert(FLAG_CARRY_IN == 1 << 3, "the shift");

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
    return op->code == IR_shr32 && is_const32(g, op->arg[1], bit) ? op->arg[0] : NO_VAL;
}

/* N == V and N != V after a subtraction are its signed comparisons, which LLVM doesn't find from the bits. */
static LLVMValueRef signed_condition(Gen *g, const Op *op)
{
    Val bits = flag_bit_of(g, op->arg[0], 31);
    if (bits == NO_VAL || bits != flag_bit_of(g, op->arg[1], 28) || g->nzcv[bits].is != NZCV_INT)
        return NULL;
    const NzcvOf *of = &g->nzcv[bits];
    if (of->kind != FLAG_SUB32 && of->kind != FLAG_SUB64)
        return NULL;
    LLVMIntPredicate p = op->code == IR_eq32 ? LLVMIntSGE : LLVMIntSLT;
    return LLVMBuildZExt(g->b, LLVMBuildICmp(g->b, p, of->a, of->b, ""), g->i32, "");
}

enum { FP_EQ = 1, FP_GT = 2, FP_LT = 4, FP_UN = 8, FP_ALL = 15 };

/* v as a function of a floating-point comparison's bits: those, masked by a constant perhaps, or a constant. */
static bool of_fp_bits(const Gen *g, Val v, u32 bits, u32 *value, const NzcvOf **of)
{
    const Op *op = &g->ir->ops[v];
    *value = (u32)op->imm;
    if (op->code == IR_const32)
        return true;
    u32 mask = ~0u;
    if (op->code == IR_and32 && g->ir->ops[op->arg[1]].code == IR_const32) {
        mask = (u32)g->ir->ops[op->arg[1]].imm;
        v = op->arg[0];
    }
    if (g->nzcv[v].is != NZCV_FP)
        return false;
    *of = &g->nzcv[v];
    *value = bits & mask;
    return true;
}

/* A comparison of such bits with a constant: the set of outcomes for which it holds. */
static bool fp_bits_condition(const Gen *g, const Op *op, NzcvOf *out)
{
    static const u32 bits[] = {0x60000000, 0x20000000, 0x80000000, 0x30000000}; /* EQ, GT, LT, UN */
    const NzcvOf *of = NULL;
    u32 predicate = 0;
    for (u32 i = 0; i < LEN(bits); i++) {
        u32 a, b;
        if (!of_fp_bits(g, op->arg[0], bits[i], &a, &of) || !of_fp_bits(g, op->arg[1], bits[i], &b, &of) || !of)
            return false;
        bool holds = op->code == IR_eq32    ? a == b
                     : op->code == IR_ne32  ? a != b
                     : op->code == IR_ult32 ? a < b
                     : op->code == IR_ule32 ? a <= b
                     : op->code == IR_slt32 ? (i32)a < (i32)b
                                            : (i32)a <= (i32)b;
        predicate |= (u32)holds << i;
    }
    *out = *of;
    out->is = NZCV_FP_CONDITION;
    out->predicate = (u8)predicate;
    return true;
}

/* Follows what flags_cond does with the bits of a floating-point comparison: each step yields a set of its four
 * outcomes. */
static bool fp_condition(Gen *g, const Op *op, NzcvOf *out)
{
    static const u8 of_bit[] = {
        [31 - 28] = FP_LT, [30 - 28] = FP_EQ, [29 - 28] = FP_EQ | FP_GT | FP_UN, [28 - 28] = FP_UN};
    bool compares = op->code == IR_eq32 || op->code == IR_ne32 || op->code == IR_ult32 || op->code == IR_ule32 ||
                    op->code == IR_slt32 || op->code == IR_sle32;
    if (compares && fp_bits_condition(g, op, out))
        return true;
    for (u32 bit = 28; bit < 32; bit++) {
        Val v = (Val)(op - g->ir->ops), bits = flag_bit_of(g, v, bit);
        if (bits == NO_VAL || g->nzcv[bits].is != NZCV_FP)
            continue;
        *out = g->nzcv[bits];
        out->is = NZCV_FP_CONDITION;
        out->predicate = of_bit[bit - 28];
        return true;
    }
    if (op->code != IR_eq32 && op->code != IR_ne32 && op->code != IR_andn32 && op->code != IR_xor32)
        return false;
    const NzcvOf *a = &g->nzcv[op->arg[0]], *b = &g->nzcv[op->arg[1]];
    if (a->is != NZCV_FP_CONDITION)
        return false;
    *out = *a;
    if (op->code == IR_xor32 && is_const32(g, op->arg[1], 1)) {
        out->predicate = a->predicate ^ FP_ALL;
        return true;
    }
    if (b->is != NZCV_FP_CONDITION || a->a != b->a || a->b != b->b)
        return false;
    out->predicate = op->code == IR_andn32 ? a->predicate & ~b->predicate
                     : op->code == IR_eq32 ? a->predicate ^ b->predicate ^ FP_ALL
                                           : a->predicate ^ b->predicate;
    return true;
}

static LLVMValueRef compare(Gen *g, const Op *op, const LLVMValueRef *arg, u32 predicate)
{
    LLVMValueRef v = op->code == IR_eq32 || op->code == IR_ne32 ? signed_condition(g, op) : NULL;
    if (v)
        return v;
    return LLVMBuildZExt(g->b, LLVMBuildICmp(g->b, (LLVMIntPredicate)predicate, arg[0], arg[1], ""), g->i32, "");
}

/* -- vectors ------------------------------------------------------------------------------------------------ */

static LLVMTypeRef vector(Gen *g, u32 bits)
{
    return LLVMVectorType(LLVMIntTypeInContext(g->ctx, bits), 128 / bits);
}

static LLVMValueRef as(Gen *g, LLVMValueRef v, LLVMTypeRef type)
{
    return LLVMBuildBitCast(g->b, v, type, "");
}

/* Lane-wise rules get the lane's bits and one more parameter in theirs. */
#define LANES(bits, sub) ((bits) << 16 | (sub))

static u32 lane_bits(u32 param)
{
    return param >> 16;
}

static u32 sub_param(u32 param)
{
    return param & 0xffff;
}

static LLVMTypeRef lanes(Gen *g, u32 count, u32 bits)
{
    return LLVMVectorType(LLVMIntTypeInContext(g->ctx, bits), count);
}

static LLVMValueRef index_const(Gen *g, u32 i)
{
    return LLVMConstInt(g->i32, i, false);
}

static LLVMValueRef splat_const(Gen *g, u32 bits, u64 v)
{
    LLVMValueRef lane[16];
    for (u32 i = 0; i < 128 / bits; i++)
        lane[i] = LLVMConstInt(LLVMIntTypeInContext(g->ctx, bits), v, true);
    return LLVMConstVector(lane, 128 / bits);
}

/* Lanes of b:a by index, or anything where the index is -1. */
static LLVMValueRef shuffle(Gen *g, LLVMValueRef a, LLVMValueRef b, const int *index, u32 n)
{
    LLVMValueRef mask[16];
    for (u32 i = 0; i < n; i++)
        mask[i] = index[i] < 0 ? LLVMGetPoison(g->i32) : index_const(g, (u32)index[i]);
    return LLVMBuildShuffleVector(g->b, a, b, LLVMConstVector(mask, n), "");
}

/* Lanes of c:b:a. */
static LLVMValueRef shuffle3(Gen *g, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c, const int *index, u32 n)
{
    int low[16], all[16];
    for (u32 i = 0; i < n; i++) {
        bool in_c = index[i] >= (int)(2 * n);
        low[i] = in_c ? -1 : index[i];
        all[i] = in_c ? index[i] - (int)n : (int)i;
    }
    return shuffle(g, shuffle(g, a, b, low, n), c, all, n);
}

/* The lower half's lanes. */
static LLVMValueRef low_half(Gen *g, LLVMValueRef v, u32 n)
{
    static const int first[] = {0, 1, 2, 3, 4, 5, 6, 7};
    return shuffle(g, v, v, first, n / 2);
}

/* n lanes below n lanes of zeros. */
static LLVMValueRef zero_upper(Gen *g, LLVMValueRef v, u32 n)
{
    static const int all[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return shuffle(g, v, LLVMConstNull(LLVMTypeOf(v)), all, 2 * n);
}

/* Whether the vector is being made of two scalars. */
static bool is_pair(LLVMValueRef v)
{
    if (LLVMIsABitCastInst(v))
        v = LLVMGetOperand(v, 0);
    return LLVMIsAInsertElementInst(v) && LLVMIsAInsertElementInst(LLVMGetOperand(v, 0)) &&
           LLVMIsPoison(LLVMGetOperand(LLVMGetOperand(v, 0), 0)) && LLVMGetVectorSize(LLVMTypeOf(v)) == 2;
}

/* In scalars, so that what is calculated in those (SHA-512) doesn't go to a vector and back for it. */
static LLVMValueRef pair_add(Gen *g, LLVMValueRef a, LLVMValueRef b)
{
    LLVMValueRef pair = LLVMGetPoison(LLVMTypeOf(a));
    for (u32 i = 0; i < 2; i++) {
        LLVMValueRef n = LLVMConstInt(g->i32, i, false);
        LLVMValueRef sum = LLVMBuildAdd(g->b, LLVMBuildExtractElement(g->b, a, n, ""), LLVMBuildExtractElement(g->b, b, n, ""), "");
        pair = LLVMBuildInsertElement(g->b, pair, sum, n, "");
    }
    return as(g, pair, g->q);
}

static LLVMValueRef vbinary(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMTypeRef type = vector(g, lane_bits(param));
    if (op->code == IR_vadd64 && (is_pair(arg[0]) || is_pair(arg[1])))
        return pair_add(g, as(g, arg[0], type), as(g, arg[1], type));
    LLVMValueRef v = LLVMBuildBinOp(g->b, (LLVMOpcode)sub_param(param), as(g, arg[0], type), as(g, arg[1], type), "");
    return as(g, v, g->q);
}

static LLVMValueRef vandn(Gen *g, const Op *op, const LLVMValueRef *arg, u32 opcode)
{
    return LLVMBuildBinOp(g->b, (LLVMOpcode)opcode, arg[0], LLVMBuildNot(g->b, arg[1], ""), "");
}

static LLVMValueRef vbsl(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef yes = LLVMBuildAnd(g->b, arg[0], arg[1], "");
    return LLVMBuildOr(g->b, yes, LLVMBuildAnd(g->b, LLVMBuildNot(g->b, arg[0], ""), arg[2], ""), "");
}

static LLVMValueRef vneg(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    return as(g, LLVMBuildNeg(g->b, as(g, arg[0], vector(g, lane_bits(param))), ""), g->q);
}

static LLVMValueRef vabs(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMTypeRef type = vector(g, lane_bits(param));
    LLVMValueRef args[] = {as(g, arg[0], type), LLVMConstInt(g->i1, 0, false)};
    return as(g, llvm_intrinsic(g, "llvm.abs", type, args, 2), g->q);
}

/* Intrinsics with one operand, or one and a flag, or two, lane by lane. */
enum { CTPOP, BITREVERSE, CTLZ, SMAX, SMIN, UMAX, UMIN };
static const char *const intrinsic_name[] = {"llvm.ctpop", "llvm.bitreverse", "llvm.ctlz", "llvm.smax",
                                             "llvm.smin",  "llvm.umax",       "llvm.umin"};

static LLVMValueRef vintrinsic(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMTypeRef type = vector(g, lane_bits(param));
    u32 which = sub_param(param);
    LLVMValueRef args[] = {as(g, arg[0], type), which == CTLZ ? LLVMConstInt(g->i1, 0, false) : NULL};
    if (which >= SMAX)
        args[1] = as(g, arg[1], type);
    return as(g, llvm_intrinsic(g, intrinsic_name[which], type, args, which < CTLZ ? 1 : 2), g->q);
}

/* |a - b| = max - min; param: the one, the other is next to it. */
static LLVMValueRef vabd(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMTypeRef type = vector(g, lane_bits(param));
    LLVMValueRef args[] = {as(g, arg[0], type), as(g, arg[1], type)};
    LLVMValueRef max = llvm_intrinsic(g, intrinsic_name[sub_param(param)], type, args, 2);
    LLVMValueRef min = llvm_intrinsic(g, intrinsic_name[sub_param(param) + 1], type, args, 2);
    return as(g, LLVMBuildSub(g->b, max, min, ""), g->q);
}

/* (a + b) >> 1 without overflow: what both have, and half of what one has. */
static LLVMValueRef vhadd(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMTypeRef type = vector(g, lane_bits(param));
    LLVMValueRef a = as(g, arg[0], type), b = as(g, arg[1], type), one = splat_const(g, lane_bits(param), 1);
    LLVMValueRef half = LLVMBuildBinOp(g->b, (LLVMOpcode)sub_param(param), LLVMBuildXor(g->b, a, b, ""), one, "");
    return as(g, LLVMBuildAdd(g->b, LLVMBuildAnd(g->b, a, b, ""), half, ""), g->q);
}

/* (a + b + 1) >> 1 likewise. */
static LLVMValueRef vrhadd(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMTypeRef type = vector(g, lane_bits(param));
    LLVMValueRef a = as(g, arg[0], type), b = as(g, arg[1], type), one = splat_const(g, lane_bits(param), 1);
    LLVMValueRef half = LLVMBuildBinOp(g->b, (LLVMOpcode)sub_param(param), LLVMBuildXor(g->b, a, b, ""), one, "");
    return as(g, LLVMBuildSub(g->b, LLVMBuildOr(g->b, a, b, ""), half, ""), g->q);
}

static LLVMValueRef vcompare(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMTypeRef type = vector(g, lane_bits(param));
    LLVMValueRef is =
        LLVMBuildICmp(g->b, (LLVMIntPredicate)sub_param(param), as(g, arg[0], type), as(g, arg[1], type), "");
    return as(g, LLVMBuildSExt(g->b, is, type, ""), g->q);
}

static LLVMValueRef vtest(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMTypeRef type = vector(g, lane_bits(param));
    LLVMValueRef both = as(g, LLVMBuildAnd(g->b, arg[0], arg[1], ""), type);
    LLVMValueRef is = LLVMBuildICmp(g->b, LLVMIntNE, both, LLVMConstNull(type), "");
    return as(g, LLVMBuildSExt(g->b, is, type, ""), g->q);
}

static LLVMValueRef vshift(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param);
    LLVMValueRef amount = splat_const(g, bits, (u64)op->imm);
    LLVMValueRef v = as(g, arg[0], vector(g, bits));
    return as(g, LLVMBuildBinOp(g->b, (LLVMOpcode)sub_param(param), v, amount, ""), g->q);
}

/* Right by 1 to the width, rounding: the last bit shifted out is added. */
static LLVMValueRef vround_shift(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param), imm = (u32)op->imm;
    LLVMOpcode opcode = (LLVMOpcode)sub_param(param);
    LLVMTypeRef type = vector(g, bits);
    LLVMValueRef v = as(g, arg[0], type);
    LLVMValueRef last = LLVMBuildLShr(g->b, v, splat_const(g, bits, imm - 1), "");
    last = LLVMBuildAnd(g->b, last, splat_const(g, bits, 1), "");
    LLVMValueRef whole = imm < bits           ? LLVMBuildBinOp(g->b, opcode, v, splat_const(g, bits, imm), "")
                         : opcode == LLVMAShr ? LLVMBuildAShr(g->b, v, splat_const(g, bits, bits - 1), "")
                                              : LLVMConstNull(type);
    return as(g, LLVMBuildAdd(g->b, whole, last, ""), g->q);
}

/* -- moving between types and lanes ------------------------------------------------------------------------- */

/* Lane `imm` (0 where the op has none), zero-extended. */
static LLVMValueRef vget(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef v = as(g, arg[0], vector(g, lane_bits(param)));
    v = LLVMBuildExtractElement(g->b, v, index_const(g, (u32)op->imm), "");
    LLVMTypeRef type = llvm_type(g, ir_ops[op->code].result);
    return LLVMTypeOf(v) == type ? v : LLVMBuildZExt(g->b, v, type, "");
}

/* A scalar into lane 0, zeros above. */
static LLVMValueRef to_lane0(Gen *g, LLVMValueRef v)
{
    LLVMTypeRef type = vector(g, width_of(v));
    return as(g, LLVMBuildInsertElement(g->b, LLVMConstNull(type), v, index_const(g, 0), ""), g->q);
}

static LLVMValueRef vfrom(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    return to_lane0(g, arg[0]);
}

/* Lane `sub` alone, at the bottom. */
static LLVMValueRef vlane_alone(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param), n = 128 / bits;
    int index[16];
    for (u32 i = 0; i < n; i++)
        index[i] = i ? (int)(n + i) : (int)sub_param(param);
    LLVMTypeRef type = vector(g, bits);
    return as(g, shuffle(g, as(g, arg[0], type), LLVMConstNull(type), index, n), g->q);
}

static LLVMValueRef splat(Gen *g, LLVMValueRef v, u32 lane, u32 n)
{
    int index[16];
    for (u32 i = 0; i < n; i++)
        index[i] = (int)lane;
    return as(g, shuffle(g, v, v, index, n), g->q);
}

static LLVMValueRef vdup(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param);
    LLVMTypeRef lane = LLVMIntTypeInContext(g->ctx, bits);
    LLVMValueRef v = LLVMTypeOf(arg[0]) == lane ? arg[0] : LLVMBuildTrunc(g->b, arg[0], lane, "");
    v = LLVMBuildInsertElement(g->b, LLVMGetPoison(vector(g, bits)), v, index_const(g, 0), "");
    return splat(g, v, 0, 128 / bits);
}

static LLVMValueRef vdup_lane(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param);
    return splat(g, as(g, arg[0], vector(g, bits)), (u32)op->imm, 128 / bits);
}

/* Lane imm of b into a. */
static LLVMValueRef vset_lane(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param), n = 128 / bits;
    int index[16];
    for (u32 i = 0; i < n; i++)
        index[i] = (int)(i == (u32)op->imm ? n + i : i);
    LLVMTypeRef type = vector(g, bits);
    return as(g, shuffle(g, as(g, arg[0], type), as(g, arg[1], type), index, n), g->q);
}

/* -- widening, narrowing, adjacent, across ------------------------------------------------------------------ */

static LLVMValueRef vnarrow(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param), n = 128 / bits;
    LLVMValueRef v = LLVMBuildTrunc(g->b, as(g, arg[0], vector(g, bits)), lanes(g, n, bits / 2), "");
    return as(g, zero_upper(g, v, n), g->q);
}

/* Lower half's lanes extended to twice their width; sub: LLVMSExt or LLVMZExt. */
static LLVMValueRef widen(Gen *g, LLVMValueRef v, u32 bits, LLVMOpcode extension)
{
    u32 n = 128 / bits;
    return LLVMBuildCast(g->b, extension, low_half(g, as(g, v, vector(g, bits)), n), vector(g, bits * 2), "");
}

static LLVMValueRef vwiden(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    return as(g, widen(g, arg[0], lane_bits(param), (LLVMOpcode)sub_param(param)), g->q);
}

static LLVMValueRef vwide_product(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    LLVMValueRef a = widen(g, arg[0], lane_bits(param), (LLVMOpcode)sub_param(param));
    LLVMValueRef b = widen(g, arg[1], lane_bits(param), (LLVMOpcode)sub_param(param));
    return as(g, LLVMBuildMul(g->b, a, b, ""), g->q);
}

/* Every other lane of b:a, from lane `first`. */
static LLVMValueRef every_other(Gen *g, LLVMValueRef a, LLVMValueRef b, u32 bits, u32 first)
{
    int index[16];
    for (u32 i = 0; i < 128 / bits; i++)
        index[i] = (int)(2 * i + first);
    return shuffle(g, as(g, a, vector(g, bits)), as(g, b, vector(g, bits)), index, 128 / bits);
}

static LLVMValueRef vadd_pairs(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param);
    LLVMValueRef even = every_other(g, arg[0], arg[1], bits, 0), odd = every_other(g, arg[0], arg[1], bits, 1);
    return as(g, LLVMBuildAdd(g->b, even, odd, ""), g->q);
}

static LLVMValueRef vpairs(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param);
    LLVMValueRef args[] = {every_other(g, arg[0], arg[1], bits, 0), every_other(g, arg[0], arg[1], bits, 1)};
    return as(g, llvm_intrinsic(g, intrinsic_name[sub_param(param)], vector(g, bits), args, 2), g->q);
}

/* Pairs added into one lane of twice the width; sub: the right shift that extends. */
static LLVMValueRef vadd_long_pairs(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param);
    LLVMOpcode right = (LLVMOpcode)sub_param(param);
    LLVMValueRef v = as(g, arg[0], vector(g, 2 * bits)), by = splat_const(g, 2 * bits, bits);
    LLVMValueRef even = LLVMBuildBinOp(g->b, right, LLVMBuildShl(g->b, v, by, ""), by, "");
    return as(g, LLVMBuildAdd(g->b, even, LLVMBuildBinOp(g->b, right, v, by, ""), ""), g->q);
}

enum { REDUCE_ADD, REDUCE_SMAX, REDUCE_SMIN, REDUCE_UMAX, REDUCE_UMIN };
static LLVMValueRef vreduce(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    static const char *const name[] = {"llvm.vector.reduce.add", "llvm.vector.reduce.smax", "llvm.vector.reduce.smin",
                                       "llvm.vector.reduce.umax", "llvm.vector.reduce.umin"};
    LLVMTypeRef type = vector(g, lane_bits(param));
    LLVMValueRef args[] = {as(g, arg[0], type)};
    return to_lane0(g, llvm_intrinsic(g, name[sub_param(param)], type, args, 1));
}

static LLVMValueRef vreduce_long(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param), n = 128 / bits;
    LLVMTypeRef type = lanes(g, n, bits * 2);
    LLVMValueRef args[] = {LLVMBuildCast(g->b, (LLVMOpcode)sub_param(param), as(g, arg[0], vector(g, bits)), type, "")};
    return to_lane0(g, llvm_intrinsic(g, "llvm.vector.reduce.add", type, args, 1));
}

/* -- permutes ----------------------------------------------------------------------------------------------- */

enum { ZIP1, ZIP2, UZP1, UZP2, TRN1, TRN2 };
static LLVMValueRef vpermute(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param), n = 128 / bits;
    int index[16];
    for (u32 i = 0; i < n; i++) {
        u32 from_b = i % 2 * n;
        switch (sub_param(param)) {
        case ZIP1:
            index[i] = (int)(i / 2 + from_b);
            break;
        case ZIP2:
            index[i] = (int)(n / 2 + i / 2 + from_b);
            break;
        case UZP1:
            index[i] = (int)(2 * i);
            break;
        case UZP2:
            index[i] = (int)(2 * i + 1);
            break;
        case TRN1:
            index[i] = (int)(i / 2 * 2 + from_b);
            break;
        default:
            index[i] = (int)(i / 2 * 2 + 1 + from_b);
            break;
        }
    }
    LLVMTypeRef type = vector(g, bits);
    return as(g, shuffle(g, as(g, arg[0], type), as(g, arg[1], type), index, n), g->q);
}

/* Lanes reversed within each group of `sub` bits. */
static LLVMValueRef vreverse(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param), n = 128 / bits, group = sub_param(param) / bits;
    int index[16];
    for (u32 i = 0; i < n; i++)
        index[i] = (int)(i / group * group + group - 1 - i % group);
    LLVMValueRef v = as(g, arg[0], vector(g, bits));
    return as(g, shuffle(g, v, v, index, n), g->q);
}

static LLVMValueRef vext(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    int index[16];
    for (u32 i = 0; i < 16; i++)
        index[i] = (int)((u32)op->imm + i);
    return shuffle(g, arg[0], arg[1], index, 16);
}

/* Every third lane of c:b:a from lane `sub`, and the inverse's `sub`th 16 bytes. */
static LLVMValueRef vunzip3(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param), n = 128 / bits;
    int index[16];
    for (u32 i = 0; i < n; i++)
        index[i] = (int)(3 * i + sub_param(param));
    LLVMTypeRef type = vector(g, bits);
    return as(g, shuffle3(g, as(g, arg[0], type), as(g, arg[1], type), as(g, arg[2], type), index, n), g->q);
}

static LLVMValueRef vzip3(Gen *g, const Op *op, const LLVMValueRef *arg, u32 param)
{
    u32 bits = lane_bits(param), n = 128 / bits;
    int index[16];
    for (u32 i = 0; i < n; i++) {
        u32 at = sub_param(param) * n + i;
        index[i] = (int)(at % 3 * n + at / 3);
    }
    LLVMTypeRef type = vector(g, bits);
    return as(g, shuffle3(g, as(g, arg[0], type), as(g, arg[1], type), as(g, arg[2], type), index, n), g->q);
}

/* -- the rules ---------------------------------------------------------------------------------------------- */

#define VEC8_32(name, rule, sub)                                                                                       \
    [IR_##name##8] = {rule, LANES(8, sub)}, [IR_##name##16] = {rule, LANES(16, sub)},                                  \
    [IR_##name##32] = {rule, LANES(32, sub)}
#define VEC16_64(name, rule, sub)                                                                                      \
    [IR_##name##16] = {rule, LANES(16, sub)}, [IR_##name##32] = {rule, LANES(32, sub)},                                \
    [IR_##name##64] = {rule, LANES(64, sub)}
#define VEC4(name, rule, sub) VEC8_32(name, rule, sub), [IR_##name##64] = {rule, LANES(64, sub)}
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
    BOTH(popcnt, popcnt, 0),
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
    [IR_flag_carry] = {flag_carry, 0},
    [IR_adc32] = {sum_of, 0},
    [IR_adc64] = {sum_of, 0},
    [IR_adc32_nzcv] = {sum_nzcv, 0},
    [IR_adc64_nzcv] = {sum_nzcv, 0},
    [IR_adc32_carry] = {sum_carry, 0},
    [IR_adc64_carry] = {sum_carry, 0},
    [IR_select128] = {select_, 0},

    [IR_vtow] = {vget, LANES(32, 0)},
    [IR_vtox] = {vget, LANES(64, 0)},
    [IR_wtov] = {vfrom, 0},
    [IR_xtov] = {vfrom, 0},
    VEC4(vlow, vlane_alone, 0),
    [IR_vhigh64] = {vlane_alone, LANES(64, 1)},
    VEC4(vdup, vdup, 0),
    VEC4(vduplane, vdup_lane, 0),
    VEC4(vsetlane, vset_lane, 0),
    VEC4(vget, vget, 0),
    [IR_vand] = {vbinary, LANES(64, LLVMAnd)},
    [IR_vor] = {vbinary, LANES(64, LLVMOr)},
    [IR_vxor] = {vbinary, LANES(64, LLVMXor)},
    [IR_vandn] = {vandn, LLVMAnd},
    [IR_vorn] = {vandn, LLVMOr},
    [IR_vnot] = {not_, 0},
    [IR_vbsl] = {vbsl, 0},
    VEC4(vadd, vbinary, LLVMAdd),
    VEC4(vsub, vbinary, LLVMSub),
    VEC8_32(vmul, vbinary, LLVMMul),
    VEC4(vneg, vneg, 0),
    VEC4(vabs, vabs, 0),
    VEC8_32(vshadd, vhadd, LLVMAShr),
    VEC8_32(vuhadd, vhadd, LLVMLShr),
    VEC8_32(vsrhadd, vrhadd, LLVMAShr),
    VEC8_32(vurhadd, vrhadd, LLVMLShr),
    VEC8_32(vsabd, vabd, SMAX),
    VEC8_32(vuabd, vabd, UMAX),
    VEC8_32(vsmax, vintrinsic, SMAX),
    VEC8_32(vsmin, vintrinsic, SMIN),
    VEC8_32(vumax, vintrinsic, UMAX),
    VEC8_32(vumin, vintrinsic, UMIN),
    VEC8_32(vclz, vintrinsic, CTLZ),
    [IR_vcnt8] = {vintrinsic, LANES(8, CTPOP)},
    [IR_vrbit8] = {vintrinsic, LANES(8, BITREVERSE)},
    VEC4(vcmeq, vcompare, LLVMIntEQ),
    VEC4(vcmgt, vcompare, LLVMIntSGT),
    VEC4(vcmge, vcompare, LLVMIntSGE),
    VEC4(vcmhi, vcompare, LLVMIntUGT),
    VEC4(vcmhs, vcompare, LLVMIntUGE),
    VEC4(vcmtst, vtest, 0),
    VEC4(vshli, vshift, LLVMShl),
    VEC4(vushri, vshift, LLVMLShr),
    VEC4(vsshri, vshift, LLVMAShr),
    VEC4(vurshri, vround_shift, LLVMLShr),
    VEC4(vsrshri, vround_shift, LLVMAShr),
    VEC16_64(vxtn, vnarrow, 0),
    VEC8_32(vsxl, vwiden, LLVMSExt),
    VEC8_32(vuxl, vwiden, LLVMZExt),
    VEC8_32(vsmull, vwide_product, LLVMSExt),
    VEC8_32(vumull, vwide_product, LLVMZExt),
    VEC4(vaddp, vadd_pairs, 0),
    VEC8_32(vsmaxp, vpairs, SMAX),
    VEC8_32(vsminp, vpairs, SMIN),
    VEC8_32(vumaxp, vpairs, UMAX),
    VEC8_32(vuminp, vpairs, UMIN),
    VEC8_32(vsaddlp, vadd_long_pairs, LLVMAShr),
    VEC8_32(vuaddlp, vadd_long_pairs, LLVMLShr),
    VEC8_32(vaddv, vreduce, REDUCE_ADD),
    VEC8_32(vsmaxv, vreduce, REDUCE_SMAX),
    VEC8_32(vsminv, vreduce, REDUCE_SMIN),
    VEC8_32(vumaxv, vreduce, REDUCE_UMAX),
    VEC8_32(vuminv, vreduce, REDUCE_UMIN),
    VEC8_32(vsaddlv, vreduce_long, LLVMSExt),
    VEC8_32(vuaddlv, vreduce_long, LLVMZExt),
    VEC4(vzip1_, vpermute, ZIP1),
    VEC4(vzip2_, vpermute, ZIP2),
    VEC4(vuzp1_, vpermute, UZP1),
    VEC4(vuzp2_, vpermute, UZP2),
    VEC4(vtrn1_, vpermute, TRN1),
    VEC4(vtrn2_, vpermute, TRN2),
    VEC8_32(vrev64_, vreverse, 64),
    [IR_vrev32_8] = {vreverse, LANES(8, 32)},
    [IR_vrev32_16] = {vreverse, LANES(16, 32)},
    [IR_vrev16_8] = {vreverse, LANES(8, 16)},
    [IR_vext] = {vext, 0},
    VEC4(vunzip3a_, vunzip3, 0),
    VEC4(vunzip3b_, vunzip3, 1),
    VEC4(vunzip3c_, vunzip3, 2),
    VEC4(vzip3a_, vzip3, 0),
    VEC4(vzip3b_, vzip3, 1),
    VEC4(vzip3c_, vzip3, 2),
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

LLVMValueRef llvm_call_body(Gen *g, const Op *op, const LLVMValueRef *arg, bool cold)
{
    const OpInfo *info = &ir_ops[op->code];
    LLVMTypeRef params[6];
    LLVMValueRef args[6];
    unsigned n = 0;
    assert(op_body[op->code]);
    const void *body = op_body[op->code];
    if (cold) {
        params[n] = g->ptr;
        args[n++] = llvm_address(g, body);
        body = cold_call(g->host->avx, info->result == TYPE_Q);
    }
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
    LLVMTypeRef type = LLVMFunctionType(llvm_type(g, info->result), params, n, false);
    LLVMValueRef call = LLVMBuildCall2(g->b, type, llvm_address(g, body), args, n, "");
    set_effects(g, call, info);
    if (cold) {
        LLVMSetInstructionCallConv(call, CC_PRESERVE_ALL);
        unsigned kind = LLVMGetEnumAttributeKindForName("nest", 4);
        LLVMAddCallSiteAttribute(call, 1, LLVMCreateEnumAttribute(g->ctx, kind, 0));
    }
    return call;
}

LLVMValueRef llvm_op_value(Gen *g, Val v, const Op *op, const LLVMValueRef *arg)
{
    LLVMValueRef result = NULL;
    if (rules[op->code].rule)
        result = rules[op->code].rule(g, op, arg, rules[op->code].param);
    else if (llvm_fp_has(op->code))
        result = llvm_fp(g, v, op, arg);
    else
        result = llvm_vector(g, op, arg);
    if (!result)
        result = llvm_host(g, op, arg);
    if (!result)
        result = llvm_native(g, op, arg);
    return result ? result : llvm_call_body(g, op, arg, false);
}

LLVMValueRef llvm_value(Gen *g, Val v, const Op *op)
{
    LLVMValueRef arg[3] = {0};
    for (u32 i = 0; i < ir_ops[op->code].nargs; i++)
        arg[i] = g->val[op->arg[i]];
    LLVMValueRef result = NULL;
    NzcvOf of;
    if (op->code == IR_nzcv) {
        result = nzcv(g, v, op);
    } else if (fp_condition(g, op, &of)) {
        g->nzcv[v] = of;
        result = LLVMBuildZExt(g->b, llvm_fp_predicate(g, &of), g->i32, "");
    }
    if (!result)
        result = llvm_op_value(g, v, op, arg);
    llvm_open_moved(g, v, op);
    return result;
}
