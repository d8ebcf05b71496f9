/* The ops of host.def as LLVM IR: the host's instructions by their intrinsics, as ops_host.h has them. */
#include "host.h"
#include "llvm.h"

typedef LLVMValueRef Rule(Gen *g, const LLVMValueRef *arg, const char *intrinsic, u32 param);

static LLVMValueRef lanes(Gen *g, LLVMValueRef v, u32 bits)
{
    return LLVMBuildBitCast(g->b, v, LLVMVectorType(LLVMIntTypeInContext(g->ctx, bits), 128 / bits), "");
}

static LLVMValueRef whole(Gen *g, LLVMValueRef v)
{
    return LLVMBuildBitCast(g->b, v, g->q, "");
}

static LLVMValueRef call(Gen *g, const char *intrinsic, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c)
{
    LLVMValueRef args[] = {a, b, c};
    return llvm_intrinsic(g, intrinsic, NULL, args, c ? 3 : b ? 2 : 1);
}

/* Words 0 to 3 of a, 4 to 7 of b */
static LLVMValueRef pick(Gen *g, LLVMValueRef a, LLVMValueRef b, u32 w0, u32 w1, u32 w2, u32 w3)
{
    LLVMValueRef index[] = {LLVMConstInt(g->i32, w0, false), LLVMConstInt(g->i32, w1, false),
                            LLVMConstInt(g->i32, w2, false), LLVMConstInt(g->i32, w3, false)};
    return LLVMBuildShuffleVector(g->b, a, b, LLVMConstVector(index, 4), "");
}

static LLVMValueRef reversed(Gen *g, LLVMValueRef v)
{
    return pick(g, v, v, 3, 2, 1, 0);
}

static LLVMValueRef add(Gen *g, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildAdd(g->b, a, b, "");
}

static LLVMValueRef aes_round(Gen *g, const LLVMValueRef *arg, const char *intrinsic, u32 param)
{
    LLVMValueRef state = lanes(g, LLVMBuildXor(g->b, arg[0], arg[1], ""), 64);
    return whole(g, call(g, intrinsic, state, LLVMConstNull(LLVMTypeOf(state)), NULL));
}

static LLVMValueRef aes_mix(Gen *g, const LLVMValueRef *arg, const char *intrinsic, u32 param)
{
    LLVMValueRef state = lanes(g, arg[0], 64), zero = LLVMConstNull(LLVMTypeOf(state));
    return whole(g, call(g, intrinsic, call(g, "llvm.x86.aesni.aesdeclast", state, zero, NULL), zero, NULL));
}

static LLVMValueRef aes_unmix(Gen *g, const LLVMValueRef *arg, const char *intrinsic, u32 param)
{
    return whole(g, call(g, intrinsic, lanes(g, arg[0], 64), NULL, NULL));
}

static LLVMValueRef polynomial(Gen *g, const LLVMValueRef *arg, const char *intrinsic, u32 halves)
{
    LLVMValueRef which = LLVMConstInt(g->i8, halves, false);
    return whole(g, call(g, intrinsic, lanes(g, arg[0], 64), lanes(g, arg[1], 64), which));
}

static LLVMValueRef sha1(Gen *g, const LLVMValueRef *arg, const char *intrinsic, u32 function)
{
    static const u32 added[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc};
    LLVMValueRef a = lanes(g, arg[0], 32), e = lanes(g, arg[1], 32), w = lanes(g, arg[2], 32);
    LLVMValueRef k = LLVMConstInt(g->i32, added[function], false), ks[] = {k, k, k, k};
    e = pick(g, e, LLVMConstNull(LLVMTypeOf(e)), 0, 4, 4, 4);
    w = reversed(g, LLVMBuildSub(g->b, add(g, w, e), LLVMConstVector(ks, 4), ""));
    return whole(g, reversed(g, call(g, intrinsic, reversed(g, a), w, LLVMConstInt(g->i8, function, false))));
}

static LLVMValueRef sha256(Gen *g, const LLVMValueRef *arg, const char *intrinsic, u32 upper)
{
    LLVMValueRef x = lanes(g, arg[0], 32), y = lanes(g, arg[1], 32), w = lanes(g, arg[2], 32);
    LLVMValueRef feba = pick(g, x, y, 5, 4, 1, 0), hgdc = pick(g, x, y, 7, 6, 3, 2);
    LLVMValueRef two = call(g, intrinsic, hgdc, feba, w);
    LLVMValueRef four = call(g, intrinsic, feba, two, pick(g, w, w, 2, 3, 2, 3));
    return whole(g, upper ? pick(g, two, four, 5, 4, 1, 0) : pick(g, two, four, 7, 6, 3, 2));
}

static LLVMValueRef sha256_first(Gen *g, const LLVMValueRef *arg, const char *intrinsic, u32 param)
{
    return whole(g, call(g, intrinsic, lanes(g, arg[0], 32), lanes(g, arg[1], 32), NULL));
}

static LLVMValueRef sha256_second(Gen *g, const LLVMValueRef *arg, const char *intrinsic, u32 param)
{
    LLVMValueRef a = lanes(g, arg[0], 32), b = lanes(g, arg[1], 32), c = lanes(g, arg[2], 32);
    return whole(g, call(g, intrinsic, add(g, a, pick(g, b, c, 1, 2, 3, 4)), c, NULL));
}

static const struct {
    Rule *rule;
    const char *intrinsic;
    u32 param;
} rules[IR_COUNT] = {
    [IR_aese] = {aes_round, "llvm.x86.aesni.aesenclast", 0},
    [IR_aesd] = {aes_round, "llvm.x86.aesni.aesdeclast", 0},
    [IR_aesmc] = {aes_mix, "llvm.x86.aesni.aesenc", 0},
    [IR_aesimc] = {aes_unmix, "llvm.x86.aesni.aesimc", 0},
    [IR_aese_mc] = {aes_round, "llvm.x86.aesni.aesenc", 0},
    [IR_aesd_imc] = {aes_round, "llvm.x86.aesni.aesdec", 0},
    [IR_vpmull64] = {polynomial, "llvm.x86.pclmulqdq", 0x00},
    [IR_vpmull64h] = {polynomial, "llvm.x86.pclmulqdq", 0x11},
    [IR_sha1c] = {sha1, "llvm.x86.sha1rnds4", 0},
    [IR_sha1p] = {sha1, "llvm.x86.sha1rnds4", 1},
    [IR_sha1m] = {sha1, "llvm.x86.sha1rnds4", 2},
    [IR_sha256h] = {sha256, "llvm.x86.sha256rnds2", false},
    [IR_sha256h2] = {sha256, "llvm.x86.sha256rnds2", true},
    [IR_sha256su0] = {sha256_first, "llvm.x86.sha256msg1", 0},
    [IR_sha256su1] = {sha256_second, "llvm.x86.sha256msg2", 0},
};

LLVMValueRef llvm_host(Gen *g, const Op *op, const LLVMValueRef *arg)
{
    switch ((OpCode)op->code) {
#define HOST(op, result, sig, feature)                                                                                 \
    case IR_##op:                                                                                                      \
        if (!HOST_HAS(feature))                                                                                        \
            return NULL;                                                                                               \
        break;
#include "host.def"
    default:
        return NULL;
    }
    return rules[op->code].rule(g, arg, rules[op->code].intrinsic, rules[op->code].param);
}
