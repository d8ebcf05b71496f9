/* Advanced SIMD, shifts by an immediate: A7.4.4. */
#include "neon.h"

/* imm6 has the highest bit that says the lanes' width, and the count below it; rows named _64 are of 64 bits. */
static u32 lane_size(const Insn *i)
{
    return 31 - (u32)__builtin_clz((u32)i->imm6 >> 3 | 1);
}

static u32 left_count(const Insn *i, u32 size)
{
    return size == 3 ? i->imm6 : i->imm6 - (8u << size);
}

static u32 right_count(const Insn *i, u32 size)
{
    return size == 3 ? 64u - i->imm6 : (16u << size) - i->imm6;
}

/* A right shift by n, 1 to the width; the ops want less than the width. */
static Val shift_right(Lift *l, u32 size, bool is_signed, bool round, Val v, u32 n)
{
    u32 bits = 8u << size;
    if (round)
        return op1i(l, (is_signed ? IR_vsrshri8 : IR_vurshri8) + size, v, n);
    if (is_signed)
        return op1i(l, IR_vsshri8 + size, v, n < bits ? n : bits - 1);
    return n < bits ? op1i(l, IR_vushri8 + size, v, n) : splat(l, 3, 0);
}

static void right(Lift *l, const Insn *i, u32 size, bool round, bool accumulate)
{
    Val v = shift_right(l, size, !i->U, round, v_m(l, i), right_count(i, size));
    put_v(l, i, accumulate ? op2(l, IR_vadd8 + size, v_d(l, i), v) : v);
}

static Val shift_left(Lift *l, u32 size, Val v, u32 n)
{
    return n ? op1i(l, IR_vshli8 + size, v, n) : v;
}

static void left(Lift *l, const Insn *i, u32 size)
{
    put_v(l, i, shift_left(l, size, v_m(l, i), left_count(i, size)));
}

/* The destination keeps the bits that the shift leaves free. */
static void insert_left(Lift *l, const Insn *i, u32 size)
{
    u32 n = left_count(i, size);
    put_v(l, i, vbsl(l, splat(l, size, ~0ull << n), shift_left(l, size, v_m(l, i), n), v_d(l, i)));
}

static void insert_right(Lift *l, const Insn *i, u32 size)
{
    u32 n = right_count(i, size), bits = 8u << size;
    if (n == bits) {
        v_m(l, i);
        put_v(l, i, v_d(l, i));
        return;
    }
    Val mask = splat(l, size, ~0ull >> (64 - bits) >> n);
    put_v(l, i, vbsl(l, mask, shift_right(l, size, false, false, v_m(l, i), n), v_d(l, i)));
}

/* By a register with the count in all lanes */
static void saturating_left(Lift *l, const Insn *i, u32 size, u32 code)
{
    needs_branch(l);
    put_v(l, i, op2(l, code + size, v_m(l, i), splat(l, 0, left_count(i, size))));
}

#define SHIFT(name, ...) \
    LIFT(name) \
    { \
        u32 size = lane_size(i); \
        __VA_ARGS__; \
    } \
    LIFT(name##_64) \
    { \
        u32 size = 3; \
        __VA_ARGS__; \
    }
SHIFT(vshr, right(l, i, size, false, false))
SHIFT(vsra, right(l, i, size, false, true))
SHIFT(vrshr, right(l, i, size, true, false))
SHIFT(vrsra, right(l, i, size, true, true))
SHIFT(vsri, insert_right(l, i, size))
SHIFT(vshl, left(l, i, size))
SHIFT(vsli, insert_left(l, i, size))
SHIFT(vqshl, saturating_left(l, i, size, i->U ? IR_vuqshl8 : IR_vsqshl8))
SHIFT(vqshlu, saturating_left(l, i, size, IR_vsqshlu8))
#undef SHIFT

/* Of 128 bits to 64: the size is the result's. */
static void narrow(Lift *l, const Insn *i, bool is_signed, bool round, u32 code)
{
    u32 size = lane_size(i), n = right_count(i, size);
    Val v = shift_right(l, size + 1, is_signed, round, v_at(l, true, i->vm, i->M), n);
    if (code != IR_vxtn16)
        needs_branch(l);
    put_d(l, d_number(i->vd, i->D), op1(l, code + size, v));
}

LIFT(vshrn) { narrow(l, i, false, false, IR_vxtn16); }
LIFT(vrshrn) { narrow(l, i, false, true, IR_vxtn16); }
LIFT(vqshrn) { narrow(l, i, !i->U, false, i->U ? IR_vuqxtn16 : IR_vsqxtn16); }
LIFT(vqrshrn) { narrow(l, i, !i->U, true, i->U ? IR_vuqxtn16 : IR_vsqxtn16); }
LIFT(vqshrun) { narrow(l, i, true, false, IR_vsqxtun16); }
LIFT(vqrshrun) { narrow(l, i, true, true, IR_vsqxtun16); }

LIFT(vshll)
{
    u32 size = lane_size(i);
    Val v = op1(l, (i->U ? IR_vuxl8 : IR_vsxl8) + size, d(l, d_number(i->vm, i->M)));
    put_at(l, true, i->vd, i->D, shift_left(l, size + 1, v, left_count(i, size)));
}

/* Fixed-point numbers with 64 - imm6 bits of fraction; to them rounded to zero. */
LIFT(vcvt_to_fixed_v)
{
    Val v = v_m(l, i);
    standard_fp(l);
    u64 how = 3 | (u64)(64 - i->imm6) << 8; /* ROUND_ZERO */
    v = op1i(l, i->half ? (i->U ? IR_vf16tou16 : IR_vf16tos16) : i->U ? IR_vf32tou32 : IR_vf32tos32, v, how);
    put_v(l, i, v);
}

LIFT(vcvt_of_fixed_v)
{
    Val v = v_m(l, i);
    standard_fp(l);
    v = op1i(l, i->half ? (i->U ? IR_vu16tof16 : IR_vs16tof16) : i->U ? IR_vu32tof32 : IR_vs32tof32, v, 64u - i->imm6);
    put_v(l, i, v);
}

/* Half precision: rows of their own */
SAME(vcvt_to_fixed_vh, vcvt_to_fixed_v) SAME(vcvt_of_fixed_vh, vcvt_of_fixed_v)
