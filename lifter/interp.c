/* The IR run directly, op by op. Slow and plain: the reference that both code generators are tested against. */
#include <signal.h>
#include <string.h>

#include "../include/guest.h"
#include "../include/translate.h"
#include "ops_int.h"
#include "ops_native.h"
#include "ops_vec.h"
#include "ops_crypto.h"
#include "ops_host.h"
#include "ops_fp.h"
#include "ops_half.h"

typedef union Value {
    u32 w;
    u64 x;
    V128 q;
} Value;

/* Accesses go through these types: unaligned, and free to alias anything. */
typedef u16 __attribute__((aligned(1), may_alias)) u16_any;
typedef u32 __attribute__((aligned(1), may_alias)) u32_any;
typedef u64 __attribute__((aligned(1), may_alias)) u64_any;
typedef V128 __attribute__((aligned(1), may_alias)) v128_any;
typedef u128 __attribute__((aligned(16), may_alias)) u128_any;

static void *host(u64 addr)
{
    return (void *)addr;
}

/* A debugger may be watching. */
static inline void tell_access(Task *t, u64 addr, u64 size, bool write)
{
    if (unlikely(t->debug))
        debug_access(t, addr, size, write);
}

#define A(i) v[op->arg[i]]
/* Where an access with a displacement goes, told to a debugger. */
#define AT(size, write) (tell_access(t, A(0).x + (u64)op->imm, size, write), host(A(0).x + (u64)op->imm))

/* The arguments of a value op's body, by signature. */
#define INTERP_N ()
#define INTERP_W (A(0).w)
#define INTERP_X (A(0).x)
#define INTERP_Q (A(0).q)
#define INTERP_WW (A(0).w, A(1).w)
#define INTERP_XX (A(0).x, A(1).x)
#define INTERP_QQ (A(0).q, A(1).q)
#define INTERP_XW (A(0).x, A(1).w)
#define INTERP_XQ (A(0).x, A(1).q)
#define INTERP_QQQ (A(0).q, A(1).q, A(2).q)
#define INTERP_WWW (A(0).w, A(1).w, A(2).w)
#define INTERP_XXX (A(0).x, A(1).x, A(2).x)
#define INTERP_WXX (A(0).w, A(1).x, A(2).x)
#define INTERP_WQQ (A(0).w, A(1).q, A(2).q)
#define INTERP_XWW (A(0).x, A(1).w, A(2).w)
#define INTERP_XQQ (A(0).x, A(1).q, A(2).q)
#define INTERP_XXW (A(0).x, A(1).x, A(2).w)
#define INTERP_WX (A(0).w, A(1).x)
#define INTERP_QW (A(0).q, A(1).w)
#define INTERP_QX (A(0).q, A(1).x)
#define INTERP_QQX (A(0).q, A(1).q, A(2).x)
#define INTERP_QQW (A(0).q, A(1).q, A(2).w)
#define INTERP_Wi (A(0).w, (u64)op->imm)
#define INTERP_Xi (A(0).x, (u64)op->imm)
#define INTERP_Qi (A(0).q, (u64)op->imm)
#define INTERP_WWi (A(0).w, A(1).w, (u64)op->imm)
#define INTERP_XXi (A(0).x, A(1).x, (u64)op->imm)
#define INTERP_QQi (A(0).q, A(1).q, (u64)op->imm)
#define INTERP_QWi (A(0).q, A(1).w, (u64)op->imm)
#define INTERP_QXi (A(0).q, A(1).x, (u64)op->imm)
#define INTERP_QQQi (A(0).q, A(1).q, A(2).q, (u64)op->imm)
#define INTERP_tQ (t, A(0).q)
#define INTERP_tQQ (t, A(0).q, A(1).q)
#define INTERP_tQQQ (t, A(0).q, A(1).q, A(2).q)
#define INTERP_tQi (t, A(0).q, (u64)op->imm)
#define INTERP_tQQi (t, A(0).q, A(1).q, (u64)op->imm)
#define INTERP_tQQQi (t, A(0).q, A(1).q, A(2).q, (u64)op->imm)
#define INTERP_tW (t, A(0).w)
#define INTERP_tX (t, A(0).x)
#define INTERP_tWi (t, A(0).w, (u64)op->imm)
#define INTERP_tXi (t, A(0).x, (u64)op->imm)
#define INTERP_WXXi (A(0).w, A(1).x, A(2).x, (u64)op->imm)
#define INTERP_tWX (t, A(0).w, A(1).x)
#define INTERP_tQW (t, A(0).q, A(1).w)
#define INTERP_tQX (t, A(0).q, A(1).x)

#define RESULT_W(expr) v[n].w = expr
#define RESULT_X(expr) v[n].x = expr
#define RESULT_Q(expr) v[n].q = expr

#define LD(name, type, field, ctype) \
    case IR_##name: \
        v[n].field = (ctype) * (volatile type *)AT(sizeof(type), false); \
        break;
#define LDQ(name, type) \
    case IR_##name: { \
        type low = *(volatile type *)AT(sizeof(type), false); \
        v[n].q = (V128){0}; \
        memcpy(&v[n].q, &low, sizeof low); \
        break; \
    }
#define ST(name, type, field) \
    case IR_##name: \
        *(volatile type *)AT(sizeof(type), true) = (type)A(1).field; \
        break;
#define STQ(name, type) \
    case IR_##name: { \
        type low; \
        memcpy(&low, &A(1).q, sizeof low); \
        *(volatile type *)AT(sizeof(type), true) = low; \
        break; \
    }
#define CAS(name, type, field) \
    case IR_##name: { \
        type expected = (type)A(1).field; \
        tell_access(t, A(0).x, sizeof(type), true); \
        __atomic_compare_exchange_n((type *)host(A(0).x), &expected, (type)A(2).field, false, __ATOMIC_SEQ_CST, \
                                    __ATOMIC_SEQ_CST); \
        v[n].field = expected; \
        break; \
    }
#define ATOMIC1(name, type, field, expr) \
    case IR_##name: { \
        type *p = AT(sizeof(type), true); \
        type b = (type)A(1).field, a = __atomic_load_n(p, __ATOMIC_RELAXED); \
        while (!__atomic_compare_exchange_n(p, &a, (type)(expr), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) \
            ; \
        v[n].field = a; \
        break; \
    }
#define ATOMIC_OP(name, expr) \
    ATOMIC1(name##8, u8, w, expr) ATOMIC1(name##16, u16, w, expr) ATOMIC1(name##32, u32, w, expr) \
        ATOMIC1(name##64, u64, x, expr)
/* Signed views of the unsigned a and b, at their own width. */
#define SIGNED_LESS(a, b) \
    (sizeof(a) == 1 ? (i8)(a) < (i8)(b) : sizeof(a) == 2 ? (i16)(a) < (i16)(b) : sizeof(a) == 4 ? (i32)(a) < (i32)(b) : (i64)(a) < (i64)(b))

void interp_run(Task *t, const Ir *ir)
{
    Value v[ir->count];
    for (u32 n = 0; n < ir->count; n++) {
        const Op *op = &ir->ops[n];
        switch ((OpCode)op->code) {
        case IR_nop:
            break;
        case IR_insn:
            t->pc = (u64)op->imm;
            break;
        case IR_count:
            t->executed[TIER_INTERP] += (u64)op->imm;
            break;
        case IR_wrote:
            check_wrote(t, A(0).x, (u64)op->imm);
            break;
        case IR_const32:
            v[n].w = (u32)op->imm;
            break;
        case IR_const64:
        case IR_addr64:
            v[n].x = (u64)op->imm;
            break;
        case IR_get32:
            memcpy(&v[n].w, t->state + op->imm, 4);
            break;
        case IR_get64:
            memcpy(&v[n].x, t->state + op->imm, 8);
            break;
        case IR_get128:
            memcpy(&v[n].q, t->state + op->imm, 16);
            break;
        case IR_put32:
            memcpy(t->state + op->imm, &A(0).w, 4);
            break;
        case IR_put64:
            memcpy(t->state + op->imm, &A(0).x, 8);
            break;
        case IR_put128:
            memcpy(t->state + op->imm, &A(0).q, 16);
            break;

        LD(ld8, u8, w, u32)
        LD(ld16, u16_any, w, u32)
        LD(ld32, u32_any, w, u32)
        LD(ld64, u64_any, x, u64)
        LD(ld8s, i8, w, u32)
        case IR_ld16s:
            v[n].w = (u32)(i16) * (volatile u16_any *)AT(2, false);
            break;
        LD(ld8sx, i8, x, u64)
        case IR_ld16sx:
            v[n].x = (u64)(i16) * (volatile u16_any *)AT(2, false);
            break;
        case IR_ld32sx:
            v[n].x = (u64)(i32) * (volatile u32_any *)AT(4, false);
            break;
        LDQ(ld8q, u8)
        LDQ(ld16q, u16_any)
        LDQ(ld32q, u32_any)
        LDQ(ld64q, u64_any)
        case IR_ld128a:
        case IR_st128a:
            if ((A(0).x + (u64)op->imm) % sizeof(V128))
                task_raise(t, SIGBUS, BUS_ADRALN, A(0).x);
            if (op->code == IR_st128a)
                *(volatile v128_any *)AT(sizeof(V128), true) = A(1).q;
            else
                v[n].q = *(volatile v128_any *)AT(sizeof(V128), false);
            break;
        LDQ(ld128, v128_any)
        ST(st8, u8, w)
        ST(st16, u16_any, w)
        ST(st32, u32_any, w)
        ST(st64, u64_any, x)
        STQ(st8q, u8)
        STQ(st16q, u16_any)
        STQ(st32q, u32_any)
        STQ(st64q, u64_any)
        STQ(st128, v128_any)

        case IR_fence:
            if (op->imm == 3)
                __atomic_thread_fence(__ATOMIC_SEQ_CST);
            else
                __atomic_thread_fence(__ATOMIC_ACQ_REL);
            break;
        case IR_align:
            if (A(0).x & (u64)(op->imm - 1) && !(op->imm2 && (A(0).x & (op->imm2 - 1)) + (u64)op->imm <= op->imm2))
                task_raise(t, SIGBUS, BUS_ADRALN, A(0).x);
            break;

        CAS(cas8, u8, w)
        CAS(cas16, u16, w)
        CAS(cas32, u32, w)
        CAS(cas64, u64, x)
        case IR_cas128: {
            u128 expected, desired;
            tell_access(t, A(0).x, sizeof(u128), true);
            memcpy(&expected, &A(1).q, 16);
            memcpy(&desired, &A(2).q, 16);
            u128 old = __sync_val_compare_and_swap((u128_any *)host(A(0).x), expected, desired);
            memcpy(&v[n].q, &old, 16);
            break;
        }
        ATOMIC_OP(aswap, b)
        ATOMIC_OP(aadd, a + b)
        ATOMIC_OP(aand, a & b)
        ATOMIC_OP(aor, a | b)
        ATOMIC_OP(axor, a ^ b)
        ATOMIC_OP(asmax, SIGNED_LESS(a, b) ? b : a)
        ATOMIC_OP(asmin, SIGNED_LESS(a, b) ? a : b)
        ATOMIC_OP(aumax, a < b ? b : a)
        ATOMIC_OP(aumin, a < b ? a : b)

        case IR_helper:
            v[n].x = t->guest->helpers[op->imm](t, A(0).x, A(1).x);
            break;

        case IR_jump:
        case IR_call:
            t->pc = (u64)op->imm;
            t->exit = EXIT_CONTINUE;
            return;
        case IR_leave_if:
            if (!A(0).w)
                break;
            t->pc = (u64)op->imm;
            t->exit = EXIT_CONTINUE;
            return;
        case IR_branch:
            t->pc = A(0).w ? (u64)op->imm : op->imm2;
            t->exit = EXIT_CONTINUE;
            return;
        case IR_jumpi:
        case IR_calli:
        case IR_ret:
            t->pc = A(0).x;
            t->exit = EXIT_CONTINUE;
            return;
        case IR_exit:
            t->pc = op->imm2;
            t->exit = (u32)op->imm;
            return;

#define VALUE(name, result, sig, fx) \
    case IR_##name: \
        RESULT_##result(op_##name INTERP_##sig); \
        break;
#include "ir.def"
        case IR_COUNT:
            __builtin_unreachable();
        }
    }
}
