/* The value ops as functions: dg_NAME for code that calls an op instead of inlining it, and op_body to find them by
 * op. */
#ifndef DRAGOMAN_LIFTER_OPS_H
#define DRAGOMAN_LIFTER_OPS_H

#include "../include/ir.h"
#include "../include/task.h"

typedef void OpV;
typedef u32 OpW;
typedef u64 OpX;
typedef V128 OpQ;

/* Parameter lists by signature: OPS_PARAMS_sig with names, OPS_ARGS_sig to pass them on. */
#define OPS_PARAMS_W (u32 a)
#define OPS_PARAMS_X (u64 a)
#define OPS_PARAMS_Q (V128 a)
#define OPS_PARAMS_WW (u32 a, u32 b)
#define OPS_PARAMS_XX (u64 a, u64 b)
#define OPS_PARAMS_QQ (V128 a, V128 b)
#define OPS_PARAMS_XW (u64 a, u32 b)
#define OPS_PARAMS_XQ (u64 a, V128 b)
#define OPS_PARAMS_WX (u32 a, u64 b)
#define OPS_PARAMS_QW (V128 a, u32 b)
#define OPS_PARAMS_QX (V128 a, u64 b)
#define OPS_PARAMS_QQQ (V128 a, V128 b, V128 c)
#define OPS_PARAMS_WWW (u32 a, u32 b, u32 c)
#define OPS_PARAMS_XXX (u64 a, u64 b, u64 c)
#define OPS_PARAMS_WXX (u32 a, u64 b, u64 c)
#define OPS_PARAMS_WQQ (u32 a, V128 b, V128 c)
#define OPS_PARAMS_XWW (u64 a, u32 b, u32 c)
#define OPS_PARAMS_XQQ (u64 a, V128 b, V128 c)
#define OPS_PARAMS_XXW (u64 a, u64 b, u32 c)
#define OPS_PARAMS_QQX (V128 a, V128 b, u64 c)
#define OPS_PARAMS_QQW (V128 a, V128 b, u32 c)
#define OPS_PARAMS_Wi (u32 a, u64 imm)
#define OPS_PARAMS_Xi (u64 a, u64 imm)
#define OPS_PARAMS_Qi (V128 a, u64 imm)
#define OPS_PARAMS_WWi (u32 a, u32 b, u64 imm)
#define OPS_PARAMS_XXi (u64 a, u64 b, u64 imm)
#define OPS_PARAMS_QQi (V128 a, V128 b, u64 imm)
#define OPS_PARAMS_QWi (V128 a, u32 b, u64 imm)
#define OPS_PARAMS_QXi (V128 a, u64 b, u64 imm)
#define OPS_PARAMS_QQQi (V128 a, V128 b, V128 c, u64 imm)
#define OPS_PARAMS_WXXi (u32 a, u64 b, u64 c, u64 imm)
#define OPS_PARAMS_tQ (Task *t, V128 a)
#define OPS_PARAMS_tQQ (Task *t, V128 a, V128 b)
#define OPS_PARAMS_tQQQ (Task *t, V128 a, V128 b, V128 c)
#define OPS_PARAMS_tQi (Task *t, V128 a, u64 imm)
#define OPS_PARAMS_tQQi (Task *t, V128 a, V128 b, u64 imm)
#define OPS_PARAMS_tQQQi (Task *t, V128 a, V128 b, V128 c, u64 imm)
#define OPS_PARAMS_tW (Task *t, u32 a)
#define OPS_PARAMS_tX (Task *t, u64 a)
#define OPS_PARAMS_tWi (Task *t, u32 a, u64 imm)
#define OPS_PARAMS_tXi (Task *t, u64 a, u64 imm)
#define OPS_PARAMS_tWX (Task *t, u32 a, u64 b)
#define OPS_PARAMS_tQW (Task *t, V128 a, u32 b)
#define OPS_PARAMS_tQX (Task *t, V128 a, u64 b)
#define OPS_ARGS_W (a)
#define OPS_ARGS_X (a)
#define OPS_ARGS_Q (a)
#define OPS_ARGS_WW (a, b)
#define OPS_ARGS_XX (a, b)
#define OPS_ARGS_QQ (a, b)
#define OPS_ARGS_XW (a, b)
#define OPS_ARGS_XQ (a, b)
#define OPS_ARGS_WX (a, b)
#define OPS_ARGS_QW (a, b)
#define OPS_ARGS_QX (a, b)
#define OPS_ARGS_QQQ (a, b, c)
#define OPS_ARGS_WWW (a, b, c)
#define OPS_ARGS_XXX (a, b, c)
#define OPS_ARGS_WXX (a, b, c)
#define OPS_ARGS_WQQ (a, b, c)
#define OPS_ARGS_XWW (a, b, c)
#define OPS_ARGS_XQQ (a, b, c)
#define OPS_ARGS_XXW (a, b, c)
#define OPS_ARGS_QQX (a, b, c)
#define OPS_ARGS_QQW (a, b, c)
#define OPS_ARGS_Wi (a, imm)
#define OPS_ARGS_Xi (a, imm)
#define OPS_ARGS_Qi (a, imm)
#define OPS_ARGS_WWi (a, b, imm)
#define OPS_ARGS_XXi (a, b, imm)
#define OPS_ARGS_QQi (a, b, imm)
#define OPS_ARGS_QWi (a, b, imm)
#define OPS_ARGS_QXi (a, b, imm)
#define OPS_ARGS_QQQi (a, b, c, imm)
#define OPS_ARGS_WXXi (a, b, c, imm)
#define OPS_ARGS_tQ (t, a)
#define OPS_ARGS_tQQ (t, a, b)
#define OPS_ARGS_tQQQ (t, a, b, c)
#define OPS_ARGS_tQi (t, a, imm)
#define OPS_ARGS_tQQi (t, a, b, imm)
#define OPS_ARGS_tQQQi (t, a, b, c, imm)
#define OPS_ARGS_tW (t, a)
#define OPS_ARGS_tX (t, a)
#define OPS_ARGS_tWi (t, a, imm)
#define OPS_ARGS_tXi (t, a, imm)
#define OPS_ARGS_tWX (t, a, b)
#define OPS_ARGS_tQW (t, a, b)
#define OPS_ARGS_tQX (t, a, b)

#define VALUE(name, result, sig, fx) Op##result dg_##name OPS_PARAMS_##sig;
#include "ir.def"

/* dg_NAME of each value op, NULL for the others. */
extern const void *const op_body[IR_COUNT];

#endif
