/* The stencils: one small function for each op and operand placement, compiled at build time, never linked. The
 * extractor turns the object into tables, and baseline.c copies the bytes and fills the holes.
 *
 * preserve_none passes t in r12, a in r13, b in r14 and va in xmm0, none of them saved by anybody, so that a chain
 * of stencils that end in a tail call to CONT is straight code with t, a and va staying where they are; the trailing
 * jump to CONT is not copied. A hole is the address of an undefined symbol: clang takes it for a constant of 31 bits
 * that it knows nothing about (weak: it may even be 0), and the relocation says where it went. What the generator
 * must know about a constant that is negative is in Stencil.negative.
 *
 * Memory that a guest instruction accesses is accessed by the stencil itself, never by a function that it calls, so
 * that a fault's host pc leads to the instruction. */
#include <emmintrin.h>
#include <signal.h>
#include <stddef.h>

#include "../../include/guest.h"
#include "../../include/ir.h"
#include "../../include/task.h"
#include "../../include/translate.h"
#include "../../lifter/ops.h"
#include "../../lifter/ops_fp.h"
#include "../../lifter/ops_half.h"
#include "../../lifter/ops_int.h"
#include "../../lifter/ops_crypto.h"
#include "../../lifter/ops_host.h"
#include "../../lifter/ops_vec.h"
#include "stencil.h"

#define HOLE_DECLARE(name) extern char HOLE_##name[] __attribute__((weak, visibility("hidden")));
HOLES(HOLE_DECLARE)

#define PARAMS (Task * t, u64 a, u64 b, V128 va)
typedef __attribute__((preserve_none)) void Next PARAMS;
Next CONT;

#define STENCIL(name) __attribute__((preserve_none, flatten)) void st_##name PARAMS
#define TAIL(to) [[clang::musttail]] return (to)(t, a, b, va)
#define NEXT TAIL(CONT)

/* An undefined vector: what a stencil that calls a function passes on, so that it need not save va. */
static inline V128 undefined(void)
{
    V128 v;
    __asm__("" : "=x"(v));
    return v;
}

#define HOLE64(name) \
    ({ \
        u64 v_; \
        __asm__("movabsq $HOLE_" #name ", %0" : "=r"(v_)); \
        v_; \
    })

/* Operand n of type W, X or Q as letter A, S or I. */
#define SLOT(type, hole) (*(type *)((char *)t + (u64)(hole)))
#define ARG_W_A(n) ((u32)a)
#define ARG_X_A(n) (a)
#define ARG_Q_A(n) (va)
#define ARG_W_S(n) SLOT(u32, HOLE_S##n)
#define ARG_X_S(n) SLOT(u64, HOLE_S##n)
#define ARG_Q_S(n) SLOT(V128, HOLE_S##n)
#define ARG_W_I(n) ((u32)(u64)HOLE_I##n)
#define ARG_X_I(n) ((u64)HOLE_I##n)
#define ARG(type, letter, n) ARG_##type##_##letter(n)

#define SET_W(value) a = (u32)(value)
#define SET_X(value) a = (value)
#define SET_Q(value) va = (value)
#define CALLED_W va = undefined()
#define CALLED_X va = undefined()
#define CALLED_Q (void)0

/* -- value ops: every signature's set of variants ------------------------------------------------------------------ */

#define TASK_0
#define TASK_1 t,
#define IMM_0
#define IMM_1 , (u64)HOLE_IMM
#define BODY(name, R, fx, args) \
    if ((fx) & FX_CALL) { \
        SET_##R(dg_##name args); \
        CALLED_##R; \
    } else { \
        SET_##R(op_##name args); \
    } \
    NEXT;
#define ST1(name, R, fx, task, imm, T0, L0) \
    STENCIL(name##__##L0) \
    { \
        BODY(name, R, fx, (TASK_##task ARG(T0, L0, 0) IMM_##imm)) \
    }
#define ST2(name, R, fx, task, imm, T0, T1, L0, L1) \
    STENCIL(name##__##L0##L1) \
    { \
        BODY(name, R, fx, (TASK_##task ARG(T0, L0, 0), ARG(T1, L1, 1) IMM_##imm)) \
    }
#define ST3(name, R, fx, task, imm, T0, T1, T2, L0, L1, L2) \
    STENCIL(name##__##L0##L1##L2) \
    { \
        BODY(name, R, fx, (TASK_##task ARG(T0, L0, 0), ARG(T1, L1, 1), ARG(T2, L2, 2) IMM_##imm)) \
    }

/* One register of each class: at most one operand of each class is in A. */
#define SET1(...) ST1(__VA_ARGS__, A) ST1(__VA_ARGS__, S)
#define SET_INT_INT(...) \
    ST2(__VA_ARGS__, A, S) ST2(__VA_ARGS__, A, I) ST2(__VA_ARGS__, S, A) ST2(__VA_ARGS__, S, S) ST2(__VA_ARGS__, S, I)
#define SET_VEC_VEC(...) ST2(__VA_ARGS__, A, S) ST2(__VA_ARGS__, S, A) ST2(__VA_ARGS__, S, S)
#define SET_INT_VEC(...) ST2(__VA_ARGS__, A, A) ST2(__VA_ARGS__, A, S) ST2(__VA_ARGS__, S, A) ST2(__VA_ARGS__, S, S)
#define SET_VEC_INT(...) SET_INT_VEC(__VA_ARGS__) ST2(__VA_ARGS__, A, I) ST2(__VA_ARGS__, S, I)
#define SET_INT_INT_INT(...) \
    ST3(__VA_ARGS__, A, S, S) ST3(__VA_ARGS__, A, S, I) ST3(__VA_ARGS__, A, I, S) ST3(__VA_ARGS__, A, I, I) \
    ST3(__VA_ARGS__, S, A, S) ST3(__VA_ARGS__, S, A, I) ST3(__VA_ARGS__, S, S, A) ST3(__VA_ARGS__, S, I, A) \
    ST3(__VA_ARGS__, S, S, S) ST3(__VA_ARGS__, S, S, I) ST3(__VA_ARGS__, S, I, S) ST3(__VA_ARGS__, S, I, I)
#define SET_VEC_VEC_VEC(...) \
    ST3(__VA_ARGS__, A, S, S) ST3(__VA_ARGS__, S, A, S) ST3(__VA_ARGS__, S, S, A) ST3(__VA_ARGS__, S, S, S)
#define SET_INT_VEC_VEC(...) \
    ST3(__VA_ARGS__, A, S, S) ST3(__VA_ARGS__, A, A, S) ST3(__VA_ARGS__, A, S, A) \
    ST3(__VA_ARGS__, S, S, S) ST3(__VA_ARGS__, S, A, S) ST3(__VA_ARGS__, S, S, A)
#define SET_VEC_VEC_INT(...) \
    ST3(__VA_ARGS__, S, S, A) ST3(__VA_ARGS__, A, S, A) ST3(__VA_ARGS__, S, A, A) \
    ST3(__VA_ARGS__, S, S, S) ST3(__VA_ARGS__, A, S, S) ST3(__VA_ARGS__, S, A, S) \
    ST3(__VA_ARGS__, S, S, I) ST3(__VA_ARGS__, A, S, I) ST3(__VA_ARGS__, S, A, I)

#define OPS_W(name, R, fx) SET1(name, R, fx, 0, 0, W)
#define OPS_X(name, R, fx) SET1(name, R, fx, 0, 0, X)
#define OPS_Q(name, R, fx) SET1(name, R, fx, 0, 0, Q)
#define OPS_Wi(name, R, fx) SET1(name, R, fx, 0, 1, W)
#define OPS_Xi(name, R, fx) SET1(name, R, fx, 0, 1, X)
#define OPS_Qi(name, R, fx) SET1(name, R, fx, 0, 1, Q)
#define OPS_tQ(name, R, fx) SET1(name, R, fx, 1, 0, Q)
#define OPS_tQi(name, R, fx) SET1(name, R, fx, 1, 1, Q)
#define OPS_tW(name, R, fx) SET1(name, R, fx, 1, 0, W)
#define OPS_tX(name, R, fx) SET1(name, R, fx, 1, 0, X)
#define OPS_tWi(name, R, fx) SET1(name, R, fx, 1, 1, W)
#define OPS_tXi(name, R, fx) SET1(name, R, fx, 1, 1, X)
#define OPS_WW(name, R, fx) SET_INT_INT(name, R, fx, 0, 0, W, W)
#define OPS_XX(name, R, fx) SET_INT_INT(name, R, fx, 0, 0, X, X)
#define OPS_XW(name, R, fx) SET_INT_INT(name, R, fx, 0, 0, X, W)
#define OPS_WX(name, R, fx) SET_INT_INT(name, R, fx, 0, 0, W, X)
#define OPS_WWi(name, R, fx) SET_INT_INT(name, R, fx, 0, 1, W, W)
#define OPS_XXi(name, R, fx) SET_INT_INT(name, R, fx, 0, 1, X, X)
#define OPS_tWX(name, R, fx) SET_INT_INT(name, R, fx, 1, 0, W, X)
#define OPS_QQ(name, R, fx) SET_VEC_VEC(name, R, fx, 0, 0, Q, Q)
#define OPS_QQi(name, R, fx) SET_VEC_VEC(name, R, fx, 0, 1, Q, Q)
#define OPS_tQQ(name, R, fx) SET_VEC_VEC(name, R, fx, 1, 0, Q, Q)
#define OPS_tQQi(name, R, fx) SET_VEC_VEC(name, R, fx, 1, 1, Q, Q)
#define OPS_XQ(name, R, fx) SET_INT_VEC(name, R, fx, 0, 0, X, Q)
#define OPS_QW(name, R, fx) SET_VEC_INT(name, R, fx, 0, 0, Q, W)
#define OPS_QX(name, R, fx) SET_VEC_INT(name, R, fx, 0, 0, Q, X)
#define OPS_QWi(name, R, fx) SET_VEC_INT(name, R, fx, 0, 1, Q, W)
#define OPS_QXi(name, R, fx) SET_VEC_INT(name, R, fx, 0, 1, Q, X)
#define OPS_tQW(name, R, fx) SET_VEC_INT(name, R, fx, 1, 0, Q, W)
#define OPS_tQX(name, R, fx) SET_VEC_INT(name, R, fx, 1, 0, Q, X)
#define OPS_WWW(name, R, fx) SET_INT_INT_INT(name, R, fx, 0, 0, W, W, W)
#define OPS_XXX(name, R, fx) SET_INT_INT_INT(name, R, fx, 0, 0, X, X, X)
#define OPS_WXX(name, R, fx) SET_INT_INT_INT(name, R, fx, 0, 0, W, X, X)
#define OPS_XWW(name, R, fx) SET_INT_INT_INT(name, R, fx, 0, 0, X, W, W)
#define OPS_XXW(name, R, fx) SET_INT_INT_INT(name, R, fx, 0, 0, X, X, W)
#define OPS_WXXi(name, R, fx) SET_INT_INT_INT(name, R, fx, 0, 1, W, X, X)
#define OPS_QQQ(name, R, fx) SET_VEC_VEC_VEC(name, R, fx, 0, 0, Q, Q, Q)
#define OPS_QQQi(name, R, fx) SET_VEC_VEC_VEC(name, R, fx, 0, 1, Q, Q, Q)
#define OPS_tQQQ(name, R, fx) SET_VEC_VEC_VEC(name, R, fx, 1, 0, Q, Q, Q)
#define OPS_tQQQi(name, R, fx) SET_VEC_VEC_VEC(name, R, fx, 1, 1, Q, Q, Q)
#define OPS_WQQ(name, R, fx) SET_INT_VEC_VEC(name, R, fx, 0, 0, W, Q, Q)
#define OPS_XQQ(name, R, fx) SET_INT_VEC_VEC(name, R, fx, 0, 0, X, Q, Q)
#define OPS_QQX(name, R, fx) SET_VEC_VEC_INT(name, R, fx, 0, 0, Q, Q, X)
#define OPS_QQW(name, R, fx) SET_VEC_VEC_INT(name, R, fx, 0, 0, Q, Q, W)

#define VALUE(name, result, sig, fx) OPS_##sig(name, result, fx)
#include "../../lifter/ir.def"

/* The same with the host's instruction. */
#pragma clang attribute push(__attribute__((target("aes,pclmul,sha"))), apply_to = function)
#undef BODY
#define BODY(name, R, fx, args) \
    SET_##R(name args); \
    NEXT;
#define HOST(op, result, sig, feature) OPS_##sig(host_##op, result, 0)
#include "../../lifter/host.def"
#pragma clang attribute pop

/* From here on nothing computes in floating point. (What ops_fp.h switches on makes clang put an fwait after each
 * asm.) */
#pragma STDC FENV_ACCESS OFF

/* -- better variants than clang can make of a body: the extractor prefers "best_" over the table's ----------------- */

/* clang moves a hole's value to a register first wherever the instruction could have it as an immediate; the assembler
 * sign-extends 32 bits to 64. A constant shift amount is one byte, which the host takes modulo the width. */
#define IMMEDIATE1(op, type, template, L) \
    STENCIL(best_##op##__##L##I) \
    { \
        type v = IMMEDIATE_##L(type); \
        __asm__(template : "+r"(v) : : "cc"); \
        a = v; \
        NEXT; \
    }
#define IMMEDIATE_A(type) (type)a
#define IMMEDIATE_S(type) SLOT(type, HOLE_S0)
#define IMMEDIATE(op, insn, operands) \
    IMMEDIATE1(op##32, u32, insn "l " operands, A) IMMEDIATE1(op##32, u32, insn "l " operands, S) \
    IMMEDIATE1(op##64, u64, insn "q " operands, A) IMMEDIATE1(op##64, u64, insn "q " operands, S)
IMMEDIATE(add, "add", "$HOLE_I1, %0")
IMMEDIATE(sub, "sub", "$HOLE_I1, %0")
IMMEDIATE(and, "and", "$HOLE_I1, %0")
IMMEDIATE(or, "or", "$HOLE_I1, %0")
IMMEDIATE(xor, "xor", "$HOLE_I1, %0")
IMMEDIATE(mul, "imul", "$HOLE_I1, %0, %0")
IMMEDIATE(shl, "shl", "$HOLE_I1, %0")
IMMEDIATE(shr, "shr", "$HOLE_I1, %0")
IMMEDIATE(sar, "sar", "$HOLE_I1, %0")
IMMEDIATE(ror, "ror", "$HOLE_I1, %0")

/* Vector ops whose imm the host takes as one byte. */
#define VECTOR_GET1(op, type, insn, L) \
    STENCIL(best_##op##__##L) \
    { \
        type v; \
        __asm__(insn " $HOLE_IMM, %1, %0" : "=r"(v) : "x"(ARG(Q, L, 0))); \
        a = v; \
        NEXT; \
    }
#define VECTOR_GET(op, type, insn) VECTOR_GET1(op, type, insn, A) VECTOR_GET1(op, type, insn, S)
VECTOR_GET(vget8, u32, "pextrb")
VECTOR_GET(vget16, u32, "pextrw")
VECTOR_GET(vget32, u32, "pextrd")
VECTOR_GET(vget64, u64, "pextrq")

#define VECTOR_SHIFT1(op, insn, L) \
    STENCIL(best_##op##__##L) \
    { \
        V128 v = ARG(Q, L, 0); \
        __asm__(insn " $HOLE_IMM, %0" : "+x"(v)); \
        va = v; \
        NEXT; \
    }
#define VECTOR_SHIFT(op, insn) VECTOR_SHIFT1(op, insn, A) VECTOR_SHIFT1(op, insn, S)
VECTOR_SHIFT(vshli16, "psllw")
VECTOR_SHIFT(vshli32, "pslld")
VECTOR_SHIFT(vshli64, "psllq")
VECTOR_SHIFT(vushri16, "psrlw")
VECTOR_SHIFT(vushri32, "psrld")
VECTOR_SHIFT(vushri64, "psrlq")
VECTOR_SHIFT(vsshri16, "psraw")
VECTOR_SHIFT(vsshri32, "psrad")

#define VECTOR_EXTRACT(L0, L1) \
    STENCIL(best_vext__##L0##L1) \
    { \
        V128 low = ARG(Q, L0, 0), high = ARG(Q, L1, 1); \
        __asm__("palignr $HOLE_IMM, %1, %0" : "+x"(high) : "x"(low)); \
        va = high; \
        NEXT; \
    }
VECTOR_EXTRACT(A, S)
VECTOR_EXTRACT(S, A)
VECTOR_EXTRACT(S, S)

/* NZCV of a kind that is known when the block is compiled. */
#define NZCV(kind, type, args) \
    STENCIL(nzcv_##kind##__AS) \
    { \
        type x = (type)a, y = SLOT(type, HOLE_S1); \
        a = nzcv_##kind args; \
        NEXT; \
    } \
    STENCIL(nzcv_##kind##__SA) \
    { \
        type x = SLOT(type, HOLE_S0), y = (type)a; \
        a = nzcv_##kind args; \
        NEXT; \
    } \
    STENCIL(nzcv_##kind##__SS) \
    { \
        type x = SLOT(type, HOLE_S0), y = SLOT(type, HOLE_S1); \
        a = nzcv_##kind args; \
        NEXT; \
    }
NZCV(add32, u32, (x, y, 0))
NZCV(add64, u64, (x, y, 0))
NZCV(sub32, u32, (x, y))
NZCV(sub64, u64, (x, y))

/* The second operand of a logical operation's flags is not looked at. */
#define NZCV_AND(kind, type) \
    STENCIL(nzcv_##kind##__A) \
    { \
        a = nzcv_##kind((type)a); \
        NEXT; \
    } \
    STENCIL(nzcv_##kind##__S) \
    { \
        a = nzcv_##kind(SLOT(type, HOLE_S0)); \
        NEXT; \
    }
NZCV_AND(and32, u32)
NZCV_AND(and64, u64)

/* -- constants and guest state ------------------------------------------------------------------------------------- */

STENCIL(const32__I)
{
    a = (u32)(u64)HOLE_I0;
    NEXT;
}

STENCIL(const64__I)
{
    __asm__("movq $HOLE_I0, %0" : "=r"(a));
    NEXT;
}

STENCIL(const_c64__)
{
    a = HOLE64(C64);
    NEXT;
}

STENCIL(put_c64__)
{
    SLOT(u64, HOLE_D) = HOLE64(C64);
    NEXT;
}

STENCIL(a_to_b__)
{
    b = a;
    NEXT;
}

STENCIL(b_to_a__)
{
    a = b;
    NEXT;
}

STENCIL(swap_ab__)
{
    u64 old = a;
    a = b;
    b = old;
    NEXT;
}

STENCIL(put_b32__)
{
    SLOT(u32, HOLE_D) = (u32)b;
    NEXT;
}

STENCIL(put_b64__)
{
    SLOT(u64, HOLE_D) = b;
    NEXT;
}

#define PUT(op, type, T, L) \
    STENCIL(op##__##L) \
    { \
        SLOT(type, HOLE_D) = ARG(T, L, 0); \
        NEXT; \
    }
PUT(put32, u32, W, A)
PUT(put32, u32, W, S)
STENCIL(put32__I)
{
    __asm__("movl $HOLE_I0, %0" : "=m"(SLOT(u32, HOLE_D)));
    NEXT;
}

PUT(put64, u64, X, A)
PUT(put64, u64, X, S)
PUT(put64, u64, X, I)
PUT(put128, V128, Q, A)
PUT(put128, V128, Q, S)

/* -- memory -------------------------------------------------------------------------------------------------------- */

typedef u16 U16 __attribute__((aligned(1)));
typedef u32 U32 __attribute__((aligned(1)));
typedef u64 U64 __attribute__((aligned(1)));
typedef i16 I16 __attribute__((aligned(1)));
typedef i32 I32 __attribute__((aligned(1)));
typedef V128 U128 __attribute__((aligned(1)));

#define LOAD1(op, R, type, conv, L) \
    STENCIL(op##__##L) \
    { \
        type v = *(type *)(ARG(X, L, 0) + (u64)HOLE_DISP); \
        SET_##R(conv(v)); \
        NEXT; \
    }
#define LOAD(op, R, type, conv) LOAD1(op, R, type, conv, A) LOAD1(op, R, type, conv, S)
#define LOW(v) ((V128)_mm_cvtsi64_si128((i64)(v)))
LOAD(ld8, W, u8, )
LOAD(ld16, W, U16, )
LOAD(ld32, W, U32, )
LOAD(ld64, X, U64, )
LOAD(ld8s, W, i8, )
LOAD(ld16s, W, I16, )
LOAD(ld8sx, X, i8, (u64))
LOAD(ld16sx, X, I16, (u64))
LOAD(ld32sx, X, I32, (u64))
LOAD(ld8q, Q, u8, LOW)
LOAD(ld16q, Q, U16, LOW)
LOAD(ld32q, Q, U32, LOW)
LOAD(ld64q, Q, U64, LOW)
LOAD(ld128, Q, U128, )

#define STORE1(op, T, type, conv, L0, L1) \
    STENCIL(op##__##L0##L1) \
    { \
        *(type *)(ARG(X, L0, 0) + (u64)HOLE_DISP) = (type)conv(ARG(T, L1, 1)); \
        NEXT; \
    }
#define STORE_IMMEDIATE(op, type, insn, L) \
    STENCIL(op##__##L##I) \
    { \
        __asm__ volatile(insn " $HOLE_I1, %0" : "=m"(*(type *)(ARG(X, L, 0) + (u64)HOLE_DISP))); \
        NEXT; \
    }
#define STORE(op, T, type, insn) \
    STORE1(op, T, type, , A, S) STORE1(op, T, type, , S, A) STORE1(op, T, type, , S, S) \
    STORE_IMMEDIATE(op, type, insn, A) STORE_IMMEDIATE(op, type, insn, S)
#define STORE_VEC(op, type, conv) \
    STORE1(op, Q, type, conv, A, A) STORE1(op, Q, type, conv, A, S) STORE1(op, Q, type, conv, S, A) \
    STORE1(op, Q, type, conv, S, S)
#define LOW64(v) ((u64)_mm_cvtsi128_si64((__m128i)(v)))
STORE(st8, W, u8, "movb")
STORE(st16, W, U16, "movw")
STORE(st32, W, U32, "movl")
STORE(st64, X, U64, "movq")
STORE_VEC(st8q, u8, LOW64)
STORE_VEC(st16q, U16, LOW64)
STORE_VEC(st32q, U32, LOW64)
STORE_VEC(st64q, U64, LOW64)
STORE_VEC(st128, U128, )

/* Only the full barrier needs an instruction: the host's loads acquire and its stores release. */
STENCIL(fence__)
{
    __asm__ volatile("lock orl $0, (%%rsp)" : : : "memory", "cc");
    NEXT;
}

/* HOLE_IMM is the alignment less 1, HOLE_D the size of the block to stay in less 1. */
#define ALIGN(L) \
    STENCIL(align__##L) \
    { \
        u64 addr = ARG(X, L, 0); \
        if (unlikely(addr & (u64)HOLE_IMM) && (addr & (u64)HOLE_D) + (u64)HOLE_IMM > (u64)HOLE_D) { \
            t->pc = HOLE64(PC64); \
            task_raise(t, SIGBUS, BUS_ADRALN, addr); \
        } \
        NEXT; \
    }
ALIGN(A)
ALIGN(S)

/* Values are compared as `type` (signed for the signed minimum and maximum), and returned as `result`, its unsigned
 * twin. */
#define ATOMIC1(op, R, T, type, result, expr, L0, L1) \
    STENCIL(op##__##L0##L1) \
    { \
        type *p = (type *)ARG(X, L0, 0); \
        type v = (type)ARG(T, L1, 1); \
        SET_##R((result)(expr)); \
        NEXT; \
    }
#define ATOMIC_SIZE(op, R, T, type, result, expr) \
    ATOMIC1(op, R, T, type, result, expr, A, S) ATOMIC1(op, R, T, type, result, expr, A, I) \
    ATOMIC1(op, R, T, type, result, expr, S, A) ATOMIC1(op, R, T, type, result, expr, S, S) \
    ATOMIC1(op, R, T, type, result, expr, S, I)
#define ATOMIC(op, s, expr) \
    ATOMIC_SIZE(op##8, W, W, s##8, u8, expr) ATOMIC_SIZE(op##16, W, W, s##16, u16, expr) \
    ATOMIC_SIZE(op##32, W, W, s##32, u32, expr) ATOMIC_SIZE(op##64, X, X, s##64, u64, expr)
ATOMIC(aswap, u, __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST))
ATOMIC(aadd, u, __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST))
ATOMIC(aand, u, __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST))
ATOMIC(aor, u, __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST))
ATOMIC(axor, u, __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST))
ATOMIC(asmax, i, __atomic_fetch_max(p, v, __ATOMIC_SEQ_CST))
ATOMIC(asmin, i, __atomic_fetch_min(p, v, __ATOMIC_SEQ_CST))
ATOMIC(aumax, u, __atomic_fetch_max(p, v, __ATOMIC_SEQ_CST))
ATOMIC(aumin, u, __atomic_fetch_min(p, v, __ATOMIC_SEQ_CST))

#define CAS1(op, R, T, type, L0, L1, L2) \
    STENCIL(op##__##L0##L1##L2) \
    { \
        type *p = (type *)ARG(X, L0, 0); \
        type expected = (type)ARG(T, L1, 1); \
        __atomic_compare_exchange_n(p, &expected, (type)ARG(T, L2, 2), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
        SET_##R((u64)expected); \
        NEXT; \
    }
#define CAS(op, R, T, type) \
    CAS1(op, R, T, type, A, S, S) CAS1(op, R, T, type, S, A, S) \
    CAS1(op, R, T, type, S, S, A) CAS1(op, R, T, type, S, S, S)
CAS(cas8, W, W, u8)
CAS(cas16, W, W, u16)
CAS(cas32, W, W, u32)
CAS(cas64, X, X, u64)

#define CAS128(L0) \
    STENCIL(cas128__##L0##SS) \
    { \
        u64 *p = (u64 *)ARG(X, L0, 0); \
        u64 lo = SLOT(u64, HOLE_S1), hi = SLOT(u64, HOLE_S1 + 8); \
        __asm__ volatile("lock cmpxchg16b %0" \
                         : "+m"(*(u128 *)p), "+a"(lo), "+d"(hi) \
                         : "b"(SLOT(u64, HOLE_S2)), "c"(SLOT(u64, HOLE_S2 + 8)) \
                         : "memory", "cc"); \
        va = (V128)_mm_set_epi64x((i64)hi, (i64)lo); \
        NEXT; \
    }
CAS128(A)
CAS128(S)

/* -- helpers ------------------------------------------------------------------------------------------------------- */

#define HELPER(L0, L1) \
    STENCIL(helper__##L0##L1) \
    { \
        t->pc = HOLE64(PC64); \
        a = t->guest->helpers[(u64)HOLE_IMM](t, ARG(X, L0, 0), ARG(X, L1, 1)); \
        va = undefined(); \
        NEXT; \
    }
HELPER(A, S)
HELPER(A, I)
HELPER(S, A)
HELPER(S, S)
HELPER(S, I)

/* -- entry and exits ----------------------------------------------------------------------------------------------- */

/* Starts with ENTRY_AT bytes that are not the entry: what the conditional jumps go to. (The jump there is spelt in
 * bytes, lest the assembler be free to choose its length.) Then the safepoint, which links that are forward skip,
 * and the counter. */
#define ENTRY(name, count) \
    STENCIL(name##__) \
    { \
        __asm__ volatile("0:\n\tmovl $HOLE_BLOCK, %%r14d\n\t" \
                         ".byte 0xe9\n\t.long baseline_entry_slow - . - 4\n\t" \
                         ".if . - 0b - %c1\n\t.error \"ENTRY_AT\"\n\t.endif\n\t" \
                         "1:\n\tcmpl $0, %0\n\tjne 0b\n\t" \
                         ".org 1b + %c2\n\t" count \
                         : \
                         : "m"(t->attention), "i"(ENTRY_AT), "i"(ENTRY_SAFEPOINT) \
                         : "cc"); \
        NEXT; \
    }
ENTRY(entry, "")
ENTRY(entry_count, "decl HOLE_BLOCK\n\tjs 0b")
_Static_assert(offsetof(Block, counter) == 0, "entry_count decrements it at the block's address");

/* b = link, jump through it. In assembly, because clang would merge a branch's two exits into one or load the target
 * first. */
#define EXIT_THROUGH(link) \
    do { \
        register Task *t_ __asm__("r12") = t; \
        __asm__ volatile("movl $" #link ", %%r14d\n\tjmp *(%%r14)" : : "r"(t_) : "r14", "memory"); \
        __builtin_unreachable(); \
    } while (0)
_Static_assert(offsetof(Link, code) == 0, "exits jump through the link's address");

/* HOLE_IMM is the block's number of instructions. */
STENCIL(count__)
{
    t->executed[TIER_BASELINE] += (u64)HOLE_IMM;
    NEXT;
}

/* HOLE_IMM is the number of bytes. */
#define WROTE(L) \
    STENCIL(wrote__##L) \
    { \
        check_wrote(t, ARG(X, L, 0), (u64)HOLE_IMM); \
        va = undefined(); \
        NEXT; \
    }
WROTE(A)
WROTE(S)

STENCIL(jump__)
{
    EXIT_THROUGH(HOLE_LINK0);
}

STENCIL(call__)
{
    EXIT_THROUGH(HOLE_LINK0);
}

#define BRANCH1(op, cond, letters) \
    STENCIL(op##__##letters) \
    { \
        if (cond) \
            EXIT_THROUGH(HOLE_LINK0); \
        EXIT_THROUGH(HOLE_LINK1); \
    }
#define BRANCH_IMMEDIATE(op, type, insn, cc, L) \
    STENCIL(op##__##L##I) \
    { \
        __asm__ goto(insn " $HOLE_I1, %0\n\tj" cc " %l1" : : "r"(IMMEDIATE_##L(type)) : "cc" : taken); \
        EXIT_THROUGH(HOLE_LINK1); \
    taken: \
        EXIT_THROUGH(HOLE_LINK0); \
    }
#define BRANCH(cmp, T, type, insn) \
    BRANCH1(br_##cmp, op_##cmp(ARG(T, A, 0), ARG(T, S, 1)), AS) \
    BRANCH1(br_##cmp, op_##cmp(ARG(T, S, 0), ARG(T, A, 1)), SA) \
    BRANCH1(br_##cmp, op_##cmp(ARG(T, S, 0), ARG(T, S, 1)), SS) \
    BRANCH_IMMEDIATE(br_##cmp, type, insn, CC_##cmp, A) \
    BRANCH_IMMEDIATE(br_##cmp, type, insn, CC_##cmp, S)
#define CC_eq32 "e"
#define CC_ne32 "ne"
#define CC_ult32 "b"
#define CC_ule32 "be"
#define CC_slt32 "l"
#define CC_sle32 "le"
#define CC_eq64 CC_eq32
#define CC_ne64 CC_ne32
#define CC_ult64 CC_ult32
#define CC_ule64 CC_ule32
#define CC_slt64 CC_slt32
#define CC_sle64 CC_sle32
#define BRANCH_32(cmp) BRANCH(cmp##32, W, u32, "cmpl")
#define BRANCH_64(cmp) BRANCH(cmp##64, X, u64, "cmpq")
COMPARISONS(BRANCH_32)
COMPARISONS(BRANCH_64)
BRANCH1(branch, ARG(W, A, 0), A)
BRANCH1(branch, ARG(W, S, 0), S)

#define INDIRECT1(op, L) \
    STENCIL(op##__##L) \
    { \
        u64 target = ARG(X, L, 0); \
        const JumpEntry *entry = &t->jump_cache[jump_slot(target)]; \
        if (likely(entry->pc == target)) \
            TAIL((Next *)entry->code); \
        t->pc = target; \
        TAIL((Next *)lookup_stub); \
    }
#define INDIRECT(op) INDIRECT1(op, A) INDIRECT1(op, S)
INDIRECT(jumpi)
INDIRECT(calli)
INDIRECT(ret)

STENCIL(exit__)
{
    t->exit = (u32)(u64)HOLE_IMM;
    t->pc = HOLE64(PC64);
    TAIL((Next *)exit_stub);
}
