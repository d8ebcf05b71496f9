/* Floating point in the LLVM tier: llvm_fp.c has the ops, llvm_open.c looks at their results. */
#ifndef DRAGOMAN_LIFTER_LLVM_FP_H
#define DRAGOMAN_LIFTER_LLVM_FP_H

#include "llvm.h"

/* Branch weights for a way that is hardly ever taken. */
static inline void fp_rare_branch(Gen *g, LLVMValueRef cond, LLVMBasicBlockRef rare, LLVMBasicBlockRef other)
{
    LLVMSetMetadata(LLVMBuildCondBr(g->b, cond, rare, other), g->md_prof, g->rare);
}

static inline LLVMBasicBlockRef fp_new_bb(Gen *g)
{
    return LLVMAppendBasicBlockInContext(g->ctx, g->fn, "");
}

static inline LLVMTypeRef fp_lane_type(Gen *g, u32 bits)
{
    return bits == 32 ? LLVMFloatTypeInContext(g->ctx) : LLVMDoubleTypeInContext(g->ctx);
}

/* The v128 as lanes, its lowest lane, and a v128 of a lane and zeros. */
LLVMValueRef fp_lanes(Gen *g, LLVMValueRef v, u32 bits);
LLVMValueRef fp_scalar(Gen *g, LLVMValueRef v, u32 bits);
LLVMValueRef fp_from_scalar(Gen *g, LLVMValueRef v);

/* An i1: whether any lane's i1 is set. */
LLVMValueRef fp_any(Gen *g, LLVMValueRef is);
/* Whether a result (a lane or a vector of them, `bits` wide) is a NaN; a NaN or the least normal number: i1s. */
LLVMValueRef fp_is_nan(Gen *g, LLVMValueRef r);
LLVMValueRef fp_is_edge(Gen *g, LLVMValueRef r, u32 bits);

/* The call of dg_NAME on a cold path; a scalar op's operands are passed as scalars, whatever is above them. */
LLVMValueRef fp_cold_body(Gen *g, const Op *op, const LLVMValueRef *arg);

/* How an op stands to NaNs in its operands. */
typedef enum NanEffect {
    NAN_PASSES, /* the result is a NaN then, in the same lane */
    NAN_COUNTS, /* only whether they are NaNs matters, not which */
    NAN_MATTERS,
} NanEffect;
NanEffect llvm_fp_nan(u16 code);

#endif
