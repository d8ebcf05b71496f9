/* Advanced SIMD, registers of different lengths (A7.4.2), with a scalar (A7.4.3). */
#include "neon.h"

_Static_assert(IR_vuxl32 == IR_vuxl8 + 2 && IR_vxtn64 == IR_vxtn16 + 2 && IR_vsqdmull32 == IR_vsqdmull16 + 1, "ops of one group are consecutive");

/* Operands of 64 bits, a result of 128. */
static Val short_n(Lift *l, const Insn *i) { return d(l, d_number(i->vn, i->N)); }
static Val short_m(Lift *l, const Insn *i) { return d(l, d_number(i->vm, i->M)); }
static Val long_d(Lift *l, const Insn *i) { return v_at(l, true, i->vd, i->D); }

static void put_long(Lift *l, const Insn *i, Val v)
{
    put_at(l, true, i->vd, i->D, v);
}

static Val widened(Lift *l, const Insn *i, Val v)
{
    return op1(l, (i->U ? IR_vuxl8 : IR_vsxl8) + i->size, v);
}

static void long_op(Lift *l, const Insn *i, u32 code, bool wide)
{
    Val a = wide ? v_at(l, true, i->vn, i->N) : widened(l, i, short_n(l, i));
    put_long(l, i, op2(l, code + i->size + 1, a, widened(l, i, short_m(l, i))));
}

LIFT(vaddl) { long_op(l, i, IR_vadd8, false); }
LIFT(vaddw) { long_op(l, i, IR_vadd8, true); }
LIFT(vsubl) { long_op(l, i, IR_vsub8, false); }
LIFT(vsubw) { long_op(l, i, IR_vsub8, true); }

/* The upper halves of lanes of 128 bits */
static void high_half(Lift *l, const Insn *i, u32 code, bool round)
{
    u32 bits = 8u << i->size;
    Val v = op2(l, code + i->size + 1, v_at(l, true, i->vn, i->N), v_at(l, true, i->vm, i->M));
    if (round)
        v = op2(l, IR_vadd8 + i->size + 1, v, splat(l, i->size + 1u, 1ull << (bits - 1)));
    put_d(l, d_number(i->vd, i->D), op1(l, IR_vxtn16 + i->size, op1i(l, IR_vushri8 + i->size + 1, v, bits)));
}

LIFT(vaddhn) { high_half(l, i, IR_vadd8, false); }
LIFT(vraddhn) { high_half(l, i, IR_vadd8, true); }
LIFT(vsubhn) { high_half(l, i, IR_vsub8, false); }
LIFT(vrsubhn) { high_half(l, i, IR_vsub8, true); }

static Val long_difference(Lift *l, const Insn *i)
{
    Val v = op2(l, (i->U ? IR_vuabd8 : IR_vsabd8) + i->size, short_n(l, i), short_m(l, i));
    return op1(l, IR_vuxl8 + i->size, v);
}

LIFT(vabdl) { put_long(l, i, long_difference(l, i)); }
LIFT(vabal) { put_long(l, i, op2(l, IR_vadd8 + i->size + 1, long_d(l, i), long_difference(l, i))); }

static Val long_product(Lift *l, const Insn *i, Val m)
{
    return op2(l, (i->U ? IR_vumull8 : IR_vsmull8) + i->size, short_n(l, i), m);
}

static void long_accumulate(Lift *l, const Insn *i, u32 code, Val m)
{
    put_long(l, i, op2(l, code + i->size + 1, long_d(l, i), long_product(l, i, m)));
}

LIFT(vmull) { put_long(l, i, long_product(l, i, short_m(l, i))); }
LIFT(vmlal) { long_accumulate(l, i, IR_vadd8, short_m(l, i)); }
LIFT(vmlsl) { long_accumulate(l, i, IR_vsub8, short_m(l, i)); }

static Val doubled_product(Lift *l, const Insn *i, Val m)
{
    needs_branch(l);
    return op2(l, IR_vsqdmull16 + i->size - 1, short_n(l, i), m);
}

static void doubled_accumulate(Lift *l, const Insn *i, u32 code, Val m)
{
    Val product = doubled_product(l, i, m);
    put_long(l, i, op2(l, code + i->size + 1, long_d(l, i), product));
}

LIFT(vqdmull) { put_long(l, i, doubled_product(l, i, short_m(l, i))); }
LIFT(vqdmlal) { doubled_accumulate(l, i, IR_vsqadd8, short_m(l, i)); }
LIFT(vqdmlsl) { doubled_accumulate(l, i, IR_vsqsub8, short_m(l, i)); }
LIFT(vmull_p8) { put_long(l, i, vpmull8(l, short_n(l, i), short_m(l, i))); }
LIFT(vmull_p64) { put_long(l, i, vpmull64(l, short_n(l, i), short_m(l, i))); }

static Val scalar_lanes(Lift *l, const Insn *i)
{
    u32 index = i->size == 1 ? (u32)i->M << 1 | i->vm >> 3 : i->M;
    return op1i(l, IR_vduplane8 + i->size, d(l, i->size == 1 ? i->vm & 7u : i->vm), index);
}

LIFT(vmull_lane) { put_long(l, i, long_product(l, i, scalar_lanes(l, i))); }
LIFT(vmlal_lane) { long_accumulate(l, i, IR_vadd8, scalar_lanes(l, i)); }
LIFT(vmlsl_lane) { long_accumulate(l, i, IR_vsub8, scalar_lanes(l, i)); }
LIFT(vqdmull_lane) { put_long(l, i, doubled_product(l, i, vlow64(l, scalar_lanes(l, i)))); }
LIFT(vqdmlal_lane) { doubled_accumulate(l, i, IR_vsqadd8, vlow64(l, scalar_lanes(l, i))); }
LIFT(vqdmlsl_lane) { doubled_accumulate(l, i, IR_vsqsub8, vlow64(l, scalar_lanes(l, i))); }
