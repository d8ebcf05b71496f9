/* The ops of ir_native.def as LLVM IR: the instruction, as inline assembler. */
#include <stdio.h>
#include <string.h>

#include "llvm.h"

typedef struct Rule {
    const char *text;        /* AT&T's; %d is the immediate */
    const char *constraints; /* of the result and the operands, as many as the op has */
    bool imm, effects;
} Rule;

static const Rule rules[IR_COUNT] = {
#define NATIVE1(insn) [IR_n_##insn] = {#insn " $1, $0", "=x,x", false, false},
#define NATIVE2(insn) [IR_n_##insn] = {#insn " $2, $0", "=x,0,x", false, false},
#define NATIVE2V(insn) [IR_n_##insn] = {#insn " $2, $1, $0", "=x,x,x", false, false},
#define NATIVE1I(insn) [IR_n_##insn] = {#insn " $$%d, $1, $0", "=x,x", true, false},
#define NATIVE2I(insn) [IR_n_##insn] = {#insn " $$%d, $2, $0", "=x,0,x", true, false},
#define FNATIVE1(insn) [IR_n_##insn] = {#insn " $1, $0", "=x,x", false, true},
#define FNATIVE2(insn) [IR_n_##insn] = {#insn " $2, $0", "=x,0,x", false, true},
#define FNATIVE3(insn) [IR_n_##insn] = {#insn " $3, $2, $0", "=x,0,x,x", false, true},
#define FNATIVE1I(insn) [IR_n_##insn] = {#insn " $$%d, $1, $0", "=x,x", true, true},
#define FNATIVE2I(insn) [IR_n_##insn] = {#insn " $$%d, $2, $0", "=x,0,x", true, true},
#include "native.def"
    [IR_n_cvtsi2ss_w] = {"cvtsi2ssl $2, $0", "=x,0,r", false, true},
    [IR_n_cvtsi2ss_x] = {"cvtsi2ssq $2, $0", "=x,0,r", false, true},
    [IR_n_cvtsi2sd_w] = {"cvtsi2sdl $2, $0", "=x,0,r", false, false},
    [IR_n_cvtsi2sd_x] = {"cvtsi2sdq $2, $0", "=x,0,r", false, true},
#define FLAGS(insn, effects) [IR_n_##insn] = {#insn " $2, $1\n\tlahf\n\tmovzbl %%ah, %%eax", "={ax},x,x,~{flags}", false, effects}
    FLAGS(comiss, true),
    FLAGS(comisd, true),
    FLAGS(ucomiss, true),
    FLAGS(ucomisd, true),
    FLAGS(ptest, false),
#define TO_INTEGER(insn) \
    [IR_n_##insn##_w] = {#insn " $1, $0", "=r,x", false, true}, [IR_n_##insn##_x] = {#insn " $1, $0", "=r,x", false, true}
    TO_INTEGER(cvtss2si),
    TO_INTEGER(cvtsd2si),
    TO_INTEGER(cvttss2si),
    TO_INTEGER(cvttsd2si),
    [IR_n_sha256rnds2] = {"sha256rnds2 $2, $0", "=x,0,x,{xmm0}", false, false},
};

/* The string comparisons whose result is an index. */
static LLVMValueRef strings_native(Gen *g, const Op *op, const LLVMValueRef *arg)
{
    bool lengths = op->code == IR_n_pcmpestri;
    if (op->code != IR_n_pcmpistri && !lengths)
        return NULL;
    char text[80];
    LLVMTypeRef params[] = {g->q, g->q, g->i32, g->i32}, results[] = {g->i32, g->i32};
    LLVMValueRef args[] = {arg[0], arg[1], NULL, NULL};
    for (u32 i = 0; i < 2 && lengths; i++) {
        LLVMValueRef half = LLVMBuildBitCast(g->b, arg[2], LLVMVectorType(g->i64, 2), "");
        half = LLVMBuildExtractElement(g->b, half, LLVMConstInt(g->i32, i, false), "");
        args[2 + i] = LLVMBuildTrunc(g->b, half, g->i32, "");
    }
    LLVMTypeRef type = LLVMFunctionType(LLVMStructTypeInContext(g->ctx, results, 2, false), params, lengths ? 4 : 2, false);
    const char *constraints = lengths ? "={ax},={cx},x,x,{ax},{dx},~{flags}" : "={ax},={cx},x,x,~{flags}";
    int n = snprintf(text, sizeof text, "%s $$%d, $3, $2\n\tlahf\n\tseto %%al", lengths ? "pcmpestri" : "pcmpistri",
                     (int)(op->imm & 255));
    LLVMValueRef insn = LLVMGetInlineAsm(type, text, (size_t)n, constraints, strlen(constraints), false, false,
                                         LLVMInlineAsmDialectATT, false);
    LLVMValueRef both = LLVMBuildCall2(g->b, type, insn, args, lengths ? 4 : 2, "");
    LLVMValueRef ax = LLVMBuildExtractValue(g->b, both, 0, ""), index = LLVMBuildExtractValue(g->b, both, 1, "");
    LLVMValueRef v = LLVMBuildAnd(g->b, ax, LLVMConstInt(g->i32, 0xffff, false), "");
    v = LLVMBuildShl(g->b, LLVMBuildZExt(g->b, v, g->i64, ""), LLVMConstInt(g->i64, 32, false), "");
    return LLVMBuildOr(g->b, v, LLVMBuildZExt(g->b, index, g->i64, ""), "");
}

/* Signs of lanes as bits, which LLVM knows of, so that it needn't make lanes of conditions first. */
static LLVMValueRef mask_native(Gen *g, const Op *op, const LLVMValueRef *arg)
{
    u32 lanes = op->code == IR_n_pmovmskb ? 16 : op->code == IR_n_movmskps ? 4 : op->code == IR_n_movmskpd ? 2 : 0;
    if (!lanes)
        return NULL;
    LLVMTypeRef vec = LLVMVectorType(LLVMIntTypeInContext(g->ctx, 128 / lanes), lanes);
    LLVMValueRef v = LLVMBuildBitCast(g->b, arg[0], vec, "");
    v = LLVMBuildICmp(g->b, LLVMIntSLT, v, LLVMConstNull(vec), "");
    return LLVMBuildZExt(g->b, LLVMBuildBitCast(g->b, v, LLVMIntTypeInContext(g->ctx, lanes), ""), g->i32, "");
}

/* n_div64: of what doesn't fit, 0 is divided. */
static LLVMValueRef divide_native(Gen *g, const Op *op, const LLVMValueRef *arg)
{
    if (op->code != IR_n_div64)
        return NULL;
    LLVMValueRef zero = LLVMConstInt(g->i64, 0, false), fits = LLVMBuildICmp(g->b, LLVMIntULT, arg[0], arg[2], "");
    LLVMValueRef args[] = {LLVMBuildSelect(g->b, fits, arg[1], zero, ""), LLVMBuildSelect(g->b, fits, arg[0], zero, ""),
                           LLVMBuildSelect(g->b, fits, arg[2], LLVMConstInt(g->i64, 1, false), "")};
    LLVMTypeRef params[] = {g->i64, g->i64, g->i64};
    LLVMTypeRef type = LLVMFunctionType(LLVMStructTypeInContext(g->ctx, params, 2, false), params, 3, false);
    static const char text[] = "divq $4", constraints[] = "={ax},={dx},0,1,r,~{flags}";
    LLVMValueRef insn = LLVMGetInlineAsm(type, text, sizeof text - 1, constraints, sizeof constraints - 1, false, false,
                                         LLVMInlineAsmDialectATT, false);
    return LLVMBuildExtractValue(g->b, LLVMBuildCall2(g->b, type, insn, args, 3, ""), 0, "");
}

LLVMValueRef llvm_native(Gen *g, const Op *op, const LLVMValueRef *arg)
{
    const Rule *rule = &rules[op->code];
    const OpInfo *info = &ir_ops[op->code];
    char text[80];
    LLVMTypeRef params[3];
    LLVMValueRef args[3];
    LLVMValueRef v = strings_native(g, op, arg);
    if (!v)
        v = mask_native(g, op, arg);
    if (!v)
        v = divide_native(g, op, arg);
    if (v || !rule->text)
        return v;
    int n = snprintf(text, sizeof text, rule->text, (int)(op->imm & 255));
    for (u32 i = 0; i < info->nargs; i++) {
        params[i] = llvm_type(g, info->arg[i]);
        args[i] = arg[i];
    }
    LLVMTypeRef type = LLVMFunctionType(llvm_type(g, info->result), params, info->nargs, false);
    LLVMValueRef insn = LLVMGetInlineAsm(type, text, (size_t)n, rule->constraints, strlen(rule->constraints), rule->effects, false,
                                         LLVMInlineAsmDialectATT, false);
    return LLVMBuildCall2(g->b, type, insn, args, info->nargs, "");
}
