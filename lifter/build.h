/* The vocabulary lifters write in: one function per IR op, named like the op. Values are Val; their types are the op's and
 * ir_verify checks them. */
#ifndef DRAGOMAN_LIFTER_BUILD_H
#define DRAGOMAN_LIFTER_BUILD_H

#include "../include/guest.h"

static inline Val k32(Lift *l, u32 v)
{
    return ir_emit(l->ir, IR_const32, NO_VAL, NO_VAL, NO_VAL, v);
}

static inline Val k64(Lift *l, u64 v)
{
    return ir_emit(l->ir, IR_const64, NO_VAL, NO_VAL, NO_VAL, (i64)v);
}

/* A guest address that the instruction makes from its own. */
static inline Val addr64(Lift *l, u64 v)
{
    return ir_emit(l->ir, IR_addr64, NO_VAL, NO_VAL, NO_VAL, (i64)v);
}

/* Guest state at a byte offset (8-aligned; 16-aligned for get128). A 32-bit get of a register put as 64 bits gives its
 * low half; registers narrower than their slot are put as 64 bits. Lift.known makes repeated gets free. */
Val get32(Lift *l, u32 offset);
Val get64(Lift *l, u32 offset);
Val get128(Lift *l, u32 offset);
void put32(Lift *l, u32 offset, Val v);
void put64(Lift *l, u32 offset, Val v);
void put128(Lift *l, u32 offset, Val v);

/* The address an access really goes to. */
static inline Val untagged(Lift *l, Val addr)
{
    return likely(!l->addr_mask) ? addr : ir_emit(l->ir, IR_and64, addr, k64(l, l->addr_mask), NO_VAL, 0);
}

#define LOAD(name) \
    static inline Val name(Lift *l, Val addr, i32 disp) \
    { \
        return ir_emit(l->ir, IR_##name, untagged(l, addr), NO_VAL, NO_VAL, disp); \
    }
LOAD(ld8) LOAD(ld16) LOAD(ld32) LOAD(ld64) LOAD(ld8s) LOAD(ld16s) LOAD(ld8sx) LOAD(ld16sx) LOAD(ld32sx)
LOAD(ld8q) LOAD(ld16q) LOAD(ld32q) LOAD(ld64q) LOAD(ld128a) LOAD(ld128)
#undef LOAD

#define STORE(name) \
    static inline void name(Lift *l, Val addr, i32 disp, Val v) \
    { \
        ir_emit(l->ir, IR_##name, untagged(l, addr), v, NO_VAL, disp); \
    }
STORE(st8) STORE(st16) STORE(st32) STORE(st64) STORE(st8q) STORE(st16q) STORE(st32q) STORE(st64q) STORE(st128a) STORE(st128)
#undef STORE

/* kind: 1 acquire, 2 release, 3 full */
static inline void fence(Lift *l, int kind)
{
    ir_emit(l->ir, IR_fence, NO_VAL, NO_VAL, NO_VAL, kind);
}

static inline void check_align(Lift *l, Val addr, u32 bytes)
{
    if (bytes > 1)
        ir_emit(l->ir, IR_align, addr, NO_VAL, NO_VAL, bytes);
}

/* Misaligned addresses are right as long as the access stays within a block of `block` bytes. */
static inline void check_align_within(Lift *l, Val addr, u32 bytes, u32 block)
{
    check_align(l, addr, bytes);
    if (bytes > 1 && bytes < block)
        l->ir->ops[l->ir->count - 1].imm2 = block;
}

#define CAS(name) \
    static inline Val name(Lift *l, Val addr, Val expected, Val desired) \
    { \
        return ir_emit(l->ir, IR_##name, untagged(l, addr), expected, desired, 0); \
    }
CAS(cas8) CAS(cas16) CAS(cas32) CAS(cas64) CAS(cas128)
#undef CAS

#define ATOMIC1(name) \
    static inline Val name(Lift *l, Val addr, Val v) \
    { \
        return ir_emit(l->ir, IR_##name, untagged(l, addr), v, NO_VAL, 0); \
    }
#define ATOMIC(name) ATOMIC1(name##8) ATOMIC1(name##16) ATOMIC1(name##32) ATOMIC1(name##64)
ATOMIC(aswap) ATOMIC(aadd) ATOMIC(aand) ATOMIC(aor) ATOMIC(axor) ATOMIC(asmax) ATOMIC(asmin) ATOMIC(aumax) ATOMIC(aumin)
#undef ATOMIC
#undef ATOMIC1

/* Calls Guest.helpers[index]; NO_VAL operands become 0. Known state values are forgotten, since it may change them. */
Val call_helper(Lift *l, u32 index, Val a, Val b);

/* Terminators; they set l->ended. Guest flags kept symbolically are written to the state first. */
void end_jump(Lift *l, u64 target);
void end_branch(Lift *l, Val cond, u64 target, u64 otherwise);
void end_jumpi(Lift *l, Val target);
void end_call(Lift *l, u64 target, u64 ret);
void end_calli(Lift *l, Val target, u64 ret);
void end_ret(Lift *l, Val target);
void end_exit(Lift *l, Exit why, u64 pc);

/* Value ops, from the table. */
#define BUILD0(name) static inline Val name(Lift *l) { return ir_emit(l->ir, IR_##name, NO_VAL, NO_VAL, NO_VAL, 0); }
#define BUILD1(name) static inline Val name(Lift *l, Val a) { return ir_emit(l->ir, IR_##name, a, NO_VAL, NO_VAL, 0); }
#define BUILD1i(name) static inline Val name(Lift *l, Val a, u64 imm) { return ir_emit(l->ir, IR_##name, a, NO_VAL, NO_VAL, (i64)imm); }
#define BUILD2(name) static inline Val name(Lift *l, Val a, Val b) { return ir_emit(l->ir, IR_##name, a, b, NO_VAL, 0); }
#define BUILD2i(name) static inline Val name(Lift *l, Val a, Val b, u64 imm) { return ir_emit(l->ir, IR_##name, a, b, NO_VAL, (i64)imm); }
#define BUILD3(name) static inline Val name(Lift *l, Val a, Val b, Val c) { return ir_emit(l->ir, IR_##name, a, b, c, 0); }
#define BUILD3i(name) static inline Val name(Lift *l, Val a, Val b, Val c, u64 imm) { return ir_emit(l->ir, IR_##name, a, b, c, (i64)imm); }
#define BUILD_N BUILD0
#define BUILD_W BUILD1
#define BUILD_X BUILD1
#define BUILD_Q BUILD1
#define BUILD_WW BUILD2
#define BUILD_XX BUILD2
#define BUILD_QQ BUILD2
#define BUILD_XW BUILD2
#define BUILD_XQ BUILD2
#define BUILD_QQQ BUILD3
#define BUILD_WWW BUILD3
#define BUILD_XXX BUILD3
#define BUILD_WXX BUILD3
#define BUILD_WQQ BUILD3
#define BUILD_XWW BUILD3
#define BUILD_XQQ BUILD3
#define BUILD_XXW BUILD3
#define BUILD_WX BUILD2
#define BUILD_QW BUILD2
#define BUILD_QX BUILD2
#define BUILD_QQX BUILD3
#define BUILD_QQW BUILD3
#define BUILD_Wi BUILD1i
#define BUILD_Xi BUILD1i
#define BUILD_Qi BUILD1i
#define BUILD_WWi BUILD2i
#define BUILD_XXi BUILD2i
#define BUILD_QQi BUILD2i
#define BUILD_QWi BUILD2i
#define BUILD_QXi BUILD2i
#define BUILD_QQQi BUILD3i
#define BUILD_tQ BUILD1
#define BUILD_tQQ BUILD2
#define BUILD_tQQQ BUILD3
#define BUILD_tQi BUILD1i
#define BUILD_tQQi BUILD2i
#define BUILD_tQQQi BUILD3i
#define BUILD_tW BUILD1
#define BUILD_tX BUILD1
#define BUILD_tWi BUILD1i
#define BUILD_tXi BUILD1i
#define BUILD_WXXi BUILD3i
#define BUILD_tWX BUILD2
#define BUILD_tQW BUILD2
#define BUILD_tQX BUILD2
#define VALUE(name, result, sig, fx) BUILD_##sig(name)
#include "ir.def"

#endif
