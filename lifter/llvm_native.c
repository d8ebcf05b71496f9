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
#define FLAGS(insn, effects) [IR_n_##insn] = {#insn " $2, $1\n\tlahf\n\tmovzbl %%ah, %%eax", "={ax},x,x,~{flags}", false, effects}
    FLAGS(comiss, true),
    FLAGS(comisd, true),
    FLAGS(ucomiss, true),
    FLAGS(ucomisd, true),
    FLAGS(ptest, false),
    [IR_n_movmskps] = {"movmskps $1, $0", "=r,x", false, false},
    [IR_n_movmskpd] = {"movmskpd $1, $0", "=r,x", false, false},
    [IR_n_pmovmskb] = {"pmovmskb $1, $0", "=r,x", false, false},
    [IR_n_cvtsi2ss_w] = {"cvtsi2ssl $2, $0", "=x,0,r", false, true},
    [IR_n_cvtsi2ss_x] = {"cvtsi2ssq $2, $0", "=x,0,r", false, true},
    [IR_n_cvtsi2sd_w] = {"cvtsi2sdl $2, $0", "=x,0,r", false, false},
    [IR_n_cvtsi2sd_x] = {"cvtsi2sdq $2, $0", "=x,0,r", false, true},
#define TO_INTEGER(insn) \
    [IR_n_##insn##_w] = {#insn " $1, $0", "=r,x", false, true}, [IR_n_##insn##_x] = {#insn " $1, $0", "=r,x", false, true}
    TO_INTEGER(cvtss2si),
    TO_INTEGER(cvtsd2si),
    TO_INTEGER(cvttss2si),
    TO_INTEGER(cvttsd2si),
    [IR_n_sha256rnds2] = {"sha256rnds2 $2, $0", "=x,0,x,{xmm0}", false, false},
};

LLVMValueRef llvm_native(Gen *g, const Op *op, const LLVMValueRef *arg)
{
    const Rule *rule = &rules[op->code];
    const OpInfo *info = &ir_ops[op->code];
    char text[80];
    LLVMTypeRef params[3];
    LLVMValueRef args[3];
    if (!rule->text)
        return NULL;
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
