/* The stencils (stencil.h): one small function for each op that the generator has no instructions of its own for.
 *
 * A hole is the address of an undefined symbol: clang takes it for a constant of 31 bits that it knows nothing about
 * (weak: it may even be 0), and the relocation says where it went.
 *
 * Memory that a guest instruction accesses is accessed by the stencil itself, never by a function that it calls, so
 * that a fault's host pc leads to the instruction, and the pinned registers are where they belong. */
#include <emmintrin.h>
#include <stddef.h>

#include "../../../include/guest.h"
#include "../../../include/host.h"
#include "../../../include/ir.h"
#include "../../../include/task.h"
#include "../../../include/translate.h"
#include "../../../lifter/ops.h"
#include "../../../lifter/ops_crypto.h"
#include "../../../lifter/ops_fp.h"
#include "../../../lifter/ops_half.h"
#include "../../../lifter/ops_host.h"
#include "../../../lifter/ops_int.h"
#include "../../../lifter/ops_native.h"
#include "../../../lifter/ops_vec.h"
#include "stencil.h"

#define HOLE_DECLARE(name) extern char HOLE_##name[] __attribute__((weak, visibility("hidden")));
HOLES(HOLE_DECLARE)

/* v3 to v7 only pass through. */
#define PARAMS (CODE_PARAMS, V128 va, V128 vb, V128 vc, V128 v3, V128 v4, V128 v5, V128 v6, V128 v7)
typedef __attribute__((preserve_none)) void Next PARAMS;
Next CONT;

#define STENCIL(name) __attribute__((preserve_none, flatten)) void st_##name PARAMS
#define TAIL(to) [[clang::musttail]] return (to)(CODE_ARGS, va, vb, vc, v3, v4, v5, v6, v7)
#define NEXT TAIL(CONT)

/* An undefined vector: what a stencil that calls a function passes on, so that it need not save what was there. */
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
#define SLOT(type, hole) (*(type *)((char *)t + (u64)(hole)))

#define SET_W(value) a = (u32)(value)
#define SET_X(value) a = (value)
#define SET_Q(value) va = (value)
#define FORGET_VECTORS vb = vc = v3 = v4 = v5 = v6 = v7 = undefined()
#define CALLED_W va = undefined()
#define CALLED_X va = undefined()
#define CALLED_Q (void)0

/* -- value ops --------------------------------------------------------------------------------------------------- */

/* Operands by signature. */
#define ARGS_W ((u32)a)
#define ARGS_X (a)
#define ARGS_Q (va)
#define ARGS_WW ((u32)a, (u32)b)
#define ARGS_XX (a, b)
#define ARGS_QQ (va, vb)
#define ARGS_XW (a, (u32)b)
#define ARGS_XQ (a, va)
#define ARGS_WX ((u32)a, b)
#define ARGS_QW (va, (u32)a)
#define ARGS_QX (va, a)
#define ARGS_QQQ (va, vb, vc)
#define ARGS_WWW ((u32)a, (u32)b, SLOT(u32, HOLE_S2))
#define ARGS_XXX (a, b, SLOT(u64, HOLE_S2))
#define ARGS_WXX ((u32)a, b, SLOT(u64, HOLE_S2))
#define ARGS_WQQ ((u32)a, va, vb)
#define ARGS_XWW (a, (u32)b, SLOT(u32, HOLE_S2))
#define ARGS_XQQ (a, va, vb)
#define ARGS_XXW (a, b, SLOT(u32, HOLE_S2))
#define ARGS_QQX (va, vb, a)
#define ARGS_QQW (va, vb, (u32)a)
#define ARGS_Wi ((u32)a, (u64)HOLE_IMM)
#define ARGS_Xi (a, (u64)HOLE_IMM)
#define ARGS_Qi (va, (u64)HOLE_IMM)
#define ARGS_WWi ((u32)a, (u32)b, (u64)HOLE_IMM)
#define ARGS_XXi (a, b, (u64)HOLE_IMM)
#define ARGS_QQi (va, vb, (u64)HOLE_IMM)
#define ARGS_QWi (va, (u32)a, (u64)HOLE_IMM)
#define ARGS_QXi (va, a, (u64)HOLE_IMM)
#define ARGS_QQQi (va, vb, vc, (u64)HOLE_IMM)
#define ARGS_WXXi ((u32)a, b, SLOT(u64, HOLE_S2), (u64)HOLE_IMM)
#define ARGS_tQ (t, va)
#define ARGS_tQQ (t, va, vb)
#define ARGS_tQQQ (t, va, vb, vc)
#define ARGS_tQi (t, va, (u64)HOLE_IMM)
#define ARGS_tQQi (t, va, vb, (u64)HOLE_IMM)
#define ARGS_tQQQi (t, va, vb, vc, (u64)HOLE_IMM)
#define ARGS_tW (t, (u32)a)
#define ARGS_tX (t, a)
#define ARGS_tWi (t, (u32)a, (u64)HOLE_IMM)
#define ARGS_tXi (t, a, (u64)HOLE_IMM)
#define ARGS_tWX (t, (u32)a, b)
#define ARGS_tQW (t, va, (u32)a)
#define ARGS_tQX (t, va, a)

#define VALUE(name, result, sig, fx) \
    STENCIL(name) \
    { \
        if ((fx) & FX_CALL) { \
            SET_##result(dg_##name ARGS_##sig); \
            CALLED_##result; \
            FORGET_VECTORS; \
        } else { \
            SET_##result(op_##name ARGS_##sig); \
        } \
        NEXT; \
    }
#include "../../../lifter/ir.def"

/* The same with the host's instruction. */
#pragma clang attribute push(__attribute__((target("aes,pclmul,sha"))), apply_to = function)
#define HOST(op, result, sig, feature) \
    STENCIL(host_##op) \
    { \
        SET_##result(host_##op ARGS_##sig); \
        NEXT; \
    }
#include "../../../lifter/host.def"
#pragma clang attribute pop

/* From here on nothing computes in floating point. (What ops_fp.h switches on makes clang put an fwait after each
 * asm.) */
#pragma STDC FENV_ACCESS OFF

/* -- better ones than clang can make of a body: the extractor prefers "best_" ---------------------------------------- */

/* Vector ops whose imm the host takes as one byte. */
#define VECTOR_GET(op, type, insn) \
    STENCIL(best_##op) \
    { \
        type v; \
        __asm__(insn " $HOLE_IMM, %1, %0" : "=r"(v) : "x"(va)); \
        a = v; \
        NEXT; \
    }
VECTOR_GET(vget8, u32, "pextrb")
VECTOR_GET(vget16, u32, "pextrw")
VECTOR_GET(vget32, u32, "pextrd")
VECTOR_GET(vget64, u64, "pextrq")

#define VECTOR_SHIFT(op, insn) \
    STENCIL(best_##op) \
    { \
        __asm__(insn " $HOLE_IMM, %0" : "+x"(va)); \
        NEXT; \
    }
VECTOR_SHIFT(vshli16, "psllw")
VECTOR_SHIFT(vshli32, "pslld")
VECTOR_SHIFT(vshli64, "psllq")
VECTOR_SHIFT(vushri16, "psrlw")
VECTOR_SHIFT(vushri32, "psrld")
VECTOR_SHIFT(vushri64, "psrlq")
VECTOR_SHIFT(vsshri16, "psraw")
VECTOR_SHIFT(vsshri32, "psrad")

/* The native ops' instructions as they are. */
#define NATIVE1(insn) \
    STENCIL(best_n_##insn) \
    { \
        __asm__(#insn " %0, %0" : "+x"(va)); \
        NEXT; \
    }
#define NATIVE2(insn) \
    STENCIL(best_n_##insn) \
    { \
        __asm__(#insn " %1, %0" : "+x"(va) : "x"(vb)); \
        NEXT; \
    }
#define NATIVE2V(insn) \
    STENCIL(best_n_##insn) \
    { \
        __asm__(#insn " %1, %0, %0" : "+x"(va) : "x"(vb)); \
        NEXT; \
    }
#define FNATIVE3(insn) \
    STENCIL(best_n_##insn) \
    { \
        __asm__(#insn " %2, %1, %0" : "+x"(va) : "x"(vb), "x"(vc)); \
        NEXT; \
    }
#define NATIVE1I(insn) \
    STENCIL(best_n_##insn) \
    { \
        __asm__(#insn " $HOLE_IMM, %0, %0" : "+x"(va)); \
        NEXT; \
    }
#define NATIVE2I(insn) \
    STENCIL(best_n_##insn) \
    { \
        __asm__(#insn " $HOLE_IMM, %1, %0" : "+x"(va) : "x"(vb)); \
        NEXT; \
    }
#define FNATIVE1(insn) NATIVE1(insn)
#define FNATIVE2(insn) NATIVE2(insn)
#define FNATIVE1I(insn) NATIVE1I(insn)
#define FNATIVE2I(insn) NATIVE2I(insn)
#include "../../../lifter/native.def"

STENCIL(best_vext)
{
    __asm__("palignr $HOLE_IMM, %1, %0" : "+x"(vb) : "x"(va));
    va = vb;
    NEXT;
}

/* -- atomics ------------------------------------------------------------------------------------------------------- */

/* Values are compared as `type` (signed for the signed minimum and maximum), and returned as `result`, its unsigned
 * twin. */
#define ATOMIC1(op, R, type, result, expr) \
    STENCIL(op) \
    { \
        type *p = (type *)a; \
        type v = (type)b; \
        SET_##R((result)(expr)); \
        NEXT; \
    }
#define ATOMIC(op, s, expr) \
    ATOMIC1(op##8, W, s##8, u8, expr) ATOMIC1(op##16, W, s##16, u16, expr) \
    ATOMIC1(op##32, W, s##32, u32, expr) ATOMIC1(op##64, X, s##64, u64, expr)
ATOMIC(aswap, u, __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST))
ATOMIC(aadd, u, __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST))
ATOMIC(aand, u, __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST))
ATOMIC(aor, u, __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST))
ATOMIC(axor, u, __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST))
ATOMIC(asmax, i, __atomic_fetch_max(p, v, __ATOMIC_SEQ_CST))
ATOMIC(asmin, i, __atomic_fetch_min(p, v, __ATOMIC_SEQ_CST))
ATOMIC(aumax, u, __atomic_fetch_max(p, v, __ATOMIC_SEQ_CST))
ATOMIC(aumin, u, __atomic_fetch_min(p, v, __ATOMIC_SEQ_CST))

STENCIL(cas128)
{
    V128 *p = (V128 *)a;
    u64 lo = (u64)_mm_cvtsi128_si64((__m128i)va), hi = (u64)_mm_cvtsi128_si64(_mm_srli_si128((__m128i)va, 8));
    u64 new_lo = (u64)_mm_cvtsi128_si64((__m128i)vb), new_hi = (u64)_mm_cvtsi128_si64(_mm_srli_si128((__m128i)vb, 8));
    __asm__ volatile("lock cmpxchg16b %0"
                     : "+m"(*p), "+a"(lo), "+d"(hi)
                     : "b"(new_lo), "c"(new_hi)
                     : "memory", "cc");
    va = (V128)_mm_set_epi64x((i64)hi, (i64)lo);
    NEXT;
}

/* -- calls out of translated code ------------------------------------------------------------------------------------ */

/* The generator has stored the pinned registers, and loads them again. */
STENCIL(helper)
{
    t->pc = HOLE64(PC64);
    a = t->guest->helpers[(u64)HOLE_IMM](t, a, b);
    __asm__("" : "=r"(pin0), "=r"(pin1), "=r"(pin2), "=r"(pin3), "=r"(pin4), "=r"(pin5), "=r"(pin6), "=r"(pin7));
    __asm__("" : "=r"(b));
    va = undefined();
    FORGET_VECTORS;
    NEXT;
}

/* HOLE_IMM is the number of bytes. */
STENCIL(wrote)
{
    check_wrote(t, a, (u64)HOLE_IMM);
    va = undefined();
    FORGET_VECTORS;
    NEXT;
}

