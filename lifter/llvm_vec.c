/* Vector ops whose LLVM IR is more than a line or depends on the host: saturation, shifts by a register, table lookups.
 * llvm_value.c has the rest. */
#include <stddef.h>

#include "llvm.h"

/* Builds one op's value, NULL if this host can't; `bits` is the source lane's width, `param` the row's. */
typedef LLVMValueRef Rule(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 param);

static LLVMTypeRef vector_of(Gen *g, u32 bits, u32 count)
{
    return LLVMVectorType(LLVMIntTypeInContext(g->ctx, bits), count);
}

/* 128 bits as lanes of `bits`, and back */
static LLVMValueRef lanes(Gen *g, LLVMValueRef v, u32 bits)
{
    return LLVMBuildBitCast(g->b, v, vector_of(g, bits, 128 / bits), "");
}

static LLVMValueRef whole(Gen *g, LLVMValueRef v)
{
    return LLVMBuildBitCast(g->b, v, g->q, "");
}

/* A constant in as many lanes as v has */
static LLVMValueRef all(LLVMValueRef v, u64 c)
{
    LLVMTypeRef type = LLVMTypeOf(v);
    LLVMValueRef lane[16];
    unsigned n = LLVMGetVectorSize(type);
    for (unsigned i = 0; i < n; i++)
        lane[i] = LLVMConstInt(LLVMGetElementType(type), c, false);
    return LLVMConstVector(lane, n);
}

/* The same for a scalar as well */
static LLVMValueRef all64(LLVMValueRef v, u64 c)
{
    LLVMTypeRef type = LLVMTypeOf(v);
    return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? all(v, c) : LLVMConstInt(type, c, false);
}

/* The first `count` lanes of b:a */
static LLVMValueRef first_lanes(Gen *g, LLVMValueRef a, LLVMValueRef b, u32 count)
{
    LLVMValueRef index[16];
    for (u32 i = 0; i < count; i++)
        index[i] = LLVMConstInt(g->i32, i, false);
    return LLVMBuildShuffleVector(g->b, a, b, LLVMConstVector(index, count), "");
}

static LLVMValueRef call2(Gen *g, const char *name, LLVMValueRef a, LLVMValueRef b)
{
    LLVMValueRef args[] = {a, b};
    return llvm_intrinsic(g, name, LLVMTypeOf(a), args, 2);
}

#define ADD(x, y) LLVMBuildAdd(g->b, x, y, "")
#define SUB(x, y) LLVMBuildSub(g->b, x, y, "")
#define MUL(x, y) LLVMBuildMul(g->b, x, y, "")
#define OR(x, y) LLVMBuildOr(g->b, x, y, "")
#define XOR(x, y) LLVMBuildXor(g->b, x, y, "")
#define SHL(x, n) LLVMBuildShl(g->b, x, n, "")
#define LSHR(x, n) LLVMBuildLShr(g->b, x, n, "")
#define ASHR(x, n) LLVMBuildAShr(g->b, x, n, "")
#define IS(predicate, x, y) LLVMBuildICmp(g->b, LLVMInt##predicate, x, y, "")

/* -- saturation ---------------------------------------------------------------------------------------------------- */

/* Task.saturated |= result != exact; the result. */
static LLVMValueRef saturated(Gen *g, LLVMValueRef result, LLVMValueRef exact)
{
    LLVMTypeRef lane = LLVMGetElementType(LLVMTypeOf(exact));
    u32 bits = LLVMGetIntTypeWidth(lane) * LLVMGetVectorSize(LLVMTypeOf(exact));
    LLVMTypeRef whole_type = LLVMIntTypeInContext(g->ctx, bits);
    LLVMValueRef differs = LLVMBuildBitCast(g->b, XOR(result, exact), whole_type, "");
    LLVMValueRef any = LLVMBuildZExt(g->b, IS(NE, differs, LLVMConstNull(whole_type)), g->i32, "");
    LLVMValueRef offset = LLVMConstInt(g->i64, offsetof(Task, saturated), false);
    LLVMValueRef p = LLVMBuildInBoundsGEP2(g->b, g->i8, g->task, &offset, 1, "");
    LLVMBuildStore(g->b, OR(LLVMBuildLoad2(g->b, g->i32, p, ""), any), p);
    return result;
}

enum { S_ADD, U_ADD, S_SUB, U_SUB };

static LLVMValueRef sum(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 which)
{
    static const char *const names[] = {"llvm.sadd.sat", "llvm.uadd.sat", "llvm.ssub.sat", "llvm.usub.sat"};
    LLVMValueRef a = lanes(g, arg[0], bits), b = lanes(g, arg[1], bits);
    return whole(g, saturated(g, call2(g, names[which], a, b), which <= U_ADD ? ADD(a, b) : SUB(a, b)));
}

static LLVMValueRef negation(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 absolute)
{
    LLVMValueRef a = lanes(g, arg[0], bits), zero = all(a, 0);
    LLVMValueRef r = call2(g, "llvm.ssub.sat", zero, a), exact = SUB(zero, a);
    if (absolute) {
        r = call2(g, "llvm.smax", a, r);
        exact = call2(g, "llvm.smax", a, exact);
    }
    return whole(g, saturated(g, r, exact));
}

/* Lanes of v cut to half their width, in the lower half */
static LLVMValueRef narrowed(Gen *g, LLVMValueRef v, u32 bits)
{
    LLVMTypeRef type = vector_of(g, bits / 2, 128 / bits);
    return whole(g, first_lanes(g, LLVMBuildTrunc(g->b, v, type, ""), LLVMConstNull(type), 256 / bits));
}

enum { FROM_SIGNED = 1, TO_SIGNED = 2 };

static LLVMValueRef narrow(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 how)
{
    LLVMValueRef a = lanes(g, arg[0], bits), v = a;
    u64 max = (1ull << (bits / 2 - (how & TO_SIGNED ? 1 : 0))) - 1;
    v = call2(g, how & FROM_SIGNED ? "llvm.smin" : "llvm.umin", v, all(v, max));
    if (how & FROM_SIGNED)
        v = call2(g, "llvm.smax", v, all(v, how & TO_SIGNED ? ~max : 0));
    return narrowed(g, saturated(g, v, a), bits);
}

/* A doubled product wraps to the most negative number, and nothing else gives that. */
static LLVMValueRef unwrapped(Gen *g, LLVMValueRef r, u32 bits)
{
    LLVMValueRef wrapped = IS(EQ, r, all(r, 1ull << (bits - 1)));
    return saturated(g, XOR(r, LLVMBuildSExt(g->b, wrapped, LLVMTypeOf(r), "")), r);
}

/* 2ab in lanes of twice the width */
static LLVMValueRef doubled(Gen *g, LLVMValueRef a, LLVMValueRef b, u32 bits)
{
    LLVMTypeRef wide = vector_of(g, 2 * bits, LLVMGetVectorSize(LLVMTypeOf(a)));
    LLVMValueRef v = MUL(LLVMBuildSExt(g->b, a, wide, ""), LLVMBuildSExt(g->b, b, wide, ""));
    return SHL(v, all(v, 1));
}

static LLVMValueRef double_long(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 param)
{
    LLVMValueRef a = lanes(g, arg[0], bits), b = lanes(g, arg[1], bits);
    a = first_lanes(g, a, a, 64 / bits);
    b = first_lanes(g, b, b, 64 / bits);
    return whole(g, unwrapped(g, doubled(g, a, b, bits), 2 * bits));
}

static LLVMValueRef double_high(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 round)
{
    LLVMValueRef v = doubled(g, lanes(g, arg[0], bits), lanes(g, arg[1], bits), bits);
    if (round)
        v = ADD(v, all(v, 1ull << (bits - 1)));
    v = LLVMBuildTrunc(g->b, LSHR(v, all(v, bits)), vector_of(g, bits, 128 / bits), "");
    return whole(g, unwrapped(g, v, bits));
}

/* c plus the doubled product's upper half, rounded; minus it */
static LLVMValueRef rounded_sum(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 subtract)
{
    LLVMTypeRef narrow = vector_of(g, bits, 128 / bits), wide = vector_of(g, 2 * bits, 128 / bits);
    LLVMValueRef v[3];
    for (u32 i = 0; i < 3; i++)
        v[i] = LLVMBuildSExt(g->b, lanes(g, arg[i], bits), wide, "");
    LLVMValueRef product = MUL(v[1], v[2]);
    if (subtract)
        product = SUB(LLVMConstNull(wide), product);
    LLVMValueRef exact = ADD(v[0], ASHR(ADD(product, all(product, 1ull << (bits - 2))), all(product, bits - 1)));
    u64 max = (1ull << (bits - 1)) - 1;
    LLVMValueRef r = call2(g, "llvm.smax", call2(g, "llvm.smin", exact, all(exact, max)), all(exact, ~max));
    return whole(g, LLVMBuildTrunc(g->b, saturated(g, r, exact), narrow, ""));
}

enum { SIGNED_B = 1, SIGNED_C = 2 };

static LLVMValueRef dot(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 sign)
{
    LLVMTypeRef bytes = vector_of(g, 8, 8), halves = vector_of(g, 16, 8);
    LLVMValueRef sum[2];
    if (!g->host->pair_products)
        return NULL;
    for (u32 half = 0; half < 2; half++) {
        LLVMValueRef args[2];
        for (u32 i = 0; i < 2; i++) {
            LLVMValueRef index[8];
            for (u32 k = 0; k < 8; k++)
                index[k] = LLVMConstInt(g->i32, 8 * half + k, false);
            LLVMValueRef v = LLVMBuildShuffleVector(g->b, arg[1 + i], LLVMGetPoison(g->q), LLVMConstVector(index, 8), "");
            v = LLVMBuildBitCast(g->b, v, bytes, "");
            args[i] = LLVMBuildCast(g->b, sign & 1u << i ? LLVMSExt : LLVMZExt, v, halves, "");
        }
        sum[half] = llvm_intrinsic(g, g->host->pair_products, NULL, args, 2);
    }
    LLVMValueRef even[4], odd[4];
    for (u32 k = 0; k < 4; k++) {
        even[k] = LLVMConstInt(g->i32, 2 * k, false);
        odd[k] = LLVMConstInt(g->i32, 2 * k + 1, false);
    }
    LLVMValueRef low = LLVMBuildShuffleVector(g->b, sum[0], sum[1], LLVMConstVector(even, 4), "");
    LLVMValueRef high = LLVMBuildShuffleVector(g->b, sum[0], sum[1], LLVMConstVector(odd, 4), "");
    return whole(g, ADD(lanes(g, arg[0], 32), ADD(low, high)));
}

/* -- shifts by a register, and table lookups ----------------------------------------------------------------------- */

/* Left for a positive count, right for a negative one; those out of range leave nothing, or the sign. Only with
 * instructions for it: else LLVM makes powers of two by way of floats, and sets an exception flag of the host's that
 * is the guest's. */
static LLVMValueRef shift(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 is_signed)
{
    if (!g->host->lane_shifts)
        return NULL;
    LLVMValueRef a = lanes(g, arg[0], bits), n = lanes(g, arg[1], bits), zero = all(a, 0);
    n = ASHR(SHL(n, all(n, bits - 8)), all(n, bits - 8));
    LLVMValueRef back = SUB(zero, n), left = LLVMBuildSelect(g->b, IS(ULT, n, all(n, bits)), SHL(a, n), zero, "");
    if (is_signed) {
        LLVMValueRef right = ASHR(a, call2(g, "llvm.umin", back, all(n, bits - 1)));
        return whole(g, LLVMBuildSelect(g->b, IS(SLT, n, zero), right, left, ""));
    }
    return whole(g, OR(left, LLVMBuildSelect(g->b, IS(ULT, back, all(n, bits)), LSHR(a, back), zero, "")));
}

/* As op_vtbl: an index above 15 gets bit 7, which makes the host's shuffle give zero. */
static LLVMValueRef look_up(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 param)
{
    if (!g->host->byte_shuffle)
        return NULL;
    LLVMValueRef index = arg[1];
    if (op->imm)
        index = SUB(index, all(index, (u64)op->imm));
    LLVMValueRef args[] = {arg[0], call2(g, "llvm.uadd.sat", index, all(index, 0x70))};
    return llvm_intrinsic(g, g->host->byte_shuffle, NULL, args, 2);
}

/* -- SHA-512: as their bodies (ops_crypto.h), in scalars ------------------------------------------------------------- */

static LLVMValueRef rotated(Gen *g, LLVMValueRef v, u64 by)
{
    LLVMValueRef args[] = {v, v, all64(v, by)};
    return llvm_intrinsic(g, "llvm.fshr", LLVMTypeOf(v), args, 3);
}

static LLVMValueRef rotations(Gen *g, LLVMValueRef v, u64 first, u64 second, LLVMValueRef third)
{
    return XOR(XOR(rotated(g, v, first), rotated(g, v, second)), third);
}

static LLVMValueRef lane64(Gen *g, LLVMValueRef v, u32 n)
{
    return LLVMBuildExtractElement(g->b, lanes(g, v, 64), LLVMConstInt(g->i32, n, false), "");
}

static LLVMValueRef pair64(Gen *g, LLVMValueRef low, LLVMValueRef high)
{
    LLVMValueRef v = LLVMGetPoison(vector_of(g, 64, 2));
    v = LLVMBuildInsertElement(g->b, v, low, LLVMConstInt(g->i32, 0, false), "");
    return whole(g, LLVMBuildInsertElement(g->b, v, high, LLVMConstInt(g->i32, 1, false), ""));
}

/* a ? b : c, bit by bit */
static LLVMValueRef choose(Gen *g, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c)
{
    return XOR(LLVMBuildAnd(g->b, XOR(b, c), a, ""), c);
}

static LLVMValueRef sha512_h(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 param)
{
    LLVMValueRef x0 = lane64(g, arg[1], 0), x1 = lane64(g, arg[1], 1), y1 = lane64(g, arg[2], 1);
    LLVMValueRef high = ADD(lane64(g, arg[0], 1), choose(g, y1, x0, x1));
    high = ADD(high, rotations(g, y1, 14, 18, rotated(g, y1, 41)));
    LLVMValueRef t = ADD(high, lane64(g, arg[2], 0)), low = ADD(lane64(g, arg[0], 0), choose(g, t, y1, x0));
    return pair64(g, ADD(low, rotations(g, t, 14, 18, rotated(g, t, 41))), high);
}

static LLVMValueRef sha512_h2(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 param)
{
    LLVMValueRef y0 = lane64(g, arg[2], 0), y1 = lane64(g, arg[2], 1), x = lane64(g, arg[1], 0);
    LLVMValueRef both = LLVMBuildAnd(g->b, y0, y1, ""), either = OR(y0, y1);
    LLVMValueRef high = ADD(lane64(g, arg[0], 1), rotations(g, y0, 28, 34, rotated(g, y0, 39)));
    high = ADD(high, OR(both, LLVMBuildAnd(g->b, either, x, "")));
    LLVMValueRef low = ADD(lane64(g, arg[0], 0), rotations(g, high, 28, 34, rotated(g, high, 39)));
    return pair64(g, ADD(low, OR(both, LLVMBuildAnd(g->b, either, high, ""))), high);
}

static LLVMValueRef sha512_schedule0(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 param)
{
    LLVMValueRef a = lanes(g, arg[0], 64), index[] = {LLVMConstInt(g->i32, 1, false), LLVMConstInt(g->i32, 2, false)};
    LLVMValueRef next = LLVMBuildShuffleVector(g->b, a, lanes(g, arg[1], 64), LLVMConstVector(index, 2), "");
    return whole(g, ADD(a, rotations(g, next, 1, 8, LSHR(next, all(next, 7)))));
}

static LLVMValueRef sha512_schedule1(Gen *g, const Op *op, const LLVMValueRef *arg, u32 bits, u32 param)
{
    LLVMValueRef b = lanes(g, arg[1], 64), sum = ADD(lanes(g, arg[0], 64), lanes(g, arg[2], 64));
    return whole(g, ADD(sum, rotations(g, b, 19, 61, LSHR(b, all(b, 6)))));
}

/* -- the rules ----------------------------------------------------------------------------------------------------- */

#define R16_32(op, rule, param) [IR_##op##16] = {rule, 16, param}, [IR_##op##32] = {rule, 32, param}
#define R32_64(op, rule, param) [IR_##op##32] = {rule, 32, param}, [IR_##op##64] = {rule, 64, param}
#define R16_64(op, rule, param) [IR_##op##16] = {rule, 16, param}, R32_64(op, rule, param)
#define R8_64(op, rule, param) [IR_##op##8] = {rule, 8, param}, R16_64(op, rule, param)

static const struct {
    Rule *rule;
    u8 bits, param;
} rules[IR_COUNT] = {
    R8_64(vsqadd, sum, S_ADD),
    R8_64(vuqadd, sum, U_ADD),
    R8_64(vsqsub, sum, S_SUB),
    R8_64(vuqsub, sum, U_SUB),
    R8_64(vsqneg, negation, false),
    R8_64(vsqabs, negation, true),
    R16_64(vsqxtn, narrow, FROM_SIGNED | TO_SIGNED),
    R16_64(vuqxtn, narrow, 0),
    R16_64(vsqxtun, narrow, FROM_SIGNED),
    R16_32(vsqdmull, double_long, 0),
    R16_32(vsqdmulh, double_high, false),
    R16_32(vsqrdmulh, double_high, true),
    R16_32(vsqrdmlah, rounded_sum, false),
    R16_32(vsqrdmlsh, rounded_sum, true),
    [IR_vsdot8] = {dot, 8, SIGNED_B | SIGNED_C},
    [IR_vudot8] = {dot, 8, 0},
    [IR_vusdot8] = {dot, 8, SIGNED_C},
    R32_64(vushl, shift, false),
    R32_64(vsshl, shift, true),
    [IR_vtbl] = {look_up, 8, 0},
    [IR_vtbli] = {look_up, 8, 0},
    [IR_sha512h] = {sha512_h, 64, 0},
    [IR_sha512h2] = {sha512_h2, 64, 0},
    [IR_sha512su0] = {sha512_schedule0, 64, 0},
    [IR_sha512su1] = {sha512_schedule1, 64, 0},
};

LLVMValueRef llvm_vector(Gen *g, const Op *op, const LLVMValueRef *arg)
{
    Rule *rule = rules[op->code].rule;
    return rule ? rule(g, op, arg, rules[op->code].bits, rules[op->code].param) : NULL;
}
