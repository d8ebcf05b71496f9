/* What came to Advanced SIMD with ARMv8.1 to 8.6: rounding doubled products added, complex numbers, dot products and matrices of bytes,
 * products of half precision and of BFloat16 added to single. DDI 0487 F6. */
#include "neon.h"

/* -- products added, doubled and rounded: FPSCR.QC may be set ------------------------------------------------------------------------ */

static void rounding_sum(Lift *l, const Insn *i, u32 code, Val m)
{
    needs_branch(l);
    put_v(l, i, op3(l, code + i->size - 1, v_d(l, i), v_n(l, i), m));
}

static Val scalar_lanes(Lift *l, const Insn *i)
{
    if (i->size == 1)
        return vduplane16(l, d(l, i->vm & 7u), (u32)i->M << 1 | i->vm >> 3);
    return vduplane32(l, d(l, i->vm), i->M);
}

LIFT(vqrdmlah) { rounding_sum(l, i, IR_vsqrdmlah16, v_m(l, i)); }
LIFT(vqrdmlsh) { rounding_sum(l, i, IR_vsqrdmlsh16, v_m(l, i)); }
LIFT(vqrdmlah_lane) { rounding_sum(l, i, IR_vsqrdmlah16, scalar_lanes(l, i)); }
LIFT(vqrdmlsh_lane) { rounding_sum(l, i, IR_vsqrdmlsh16, scalar_lanes(l, i)); }

/* -- complex numbers: the real part in the even lane of each pair, the imaginary one in the odd --------------------------------------- */

/* The lanes that a form of 64 bits doesn't have are copies, which raise nothing new. */
static Val fp_lanes(Lift *l, const Insn *i, Val v)
{
    return i->Q ? v : low_halves(l, v, v);
}

/* sz is 1 for single precision, 0 for half; what is added to the code of an op for single */
static i32 size_of_parts(const Insn *i)
{
    return (i32)i->sz - 1;
}

/* Pairs with their parts exchanged */
static Val exchanged(Lift *l, const Insn *i, Val v)
{
    return i->sz ? vrev64_32(l, v) : vrev32_16(l, v);
}

/* The sign of the even or odd lanes turned round, NaNs' too */
static Val negated_part(Lift *l, const Insn *i, Val v, bool odd)
{
    u64 sign = i->sz ? 0x0000000080000000 : 0x0000800000008000;
    return vxor(l, v, splat(l, 3, odd ? sign << (i->sz ? 32 : 16) : sign));
}

LIFT(vcadd)
{
    Val n = fp_lanes(l, i, v_n(l, i)), m = exchanged(l, i, fp_lanes(l, i, v_m(l, i)));
    standard_fp(l);
    put_v(l, i, op2(l, IR_vfadd32 + size_of_parts(i), n, negated_part(l, i, m, i->rot)));
}

/* Multiplied by the real part of n, or by the imaginary one with m turned by 90 degrees; rot turns both. */
static void complex_multiply_add(Lift *l, const Insn *i, Val m)
{
    Val n = fp_lanes(l, i, v_n(l, i)), sum = fp_lanes(l, i, v_d(l, i));
    n = op2(l, (i->rot & 1 ? IR_vtrn2_32 : IR_vtrn1_32) + size_of_parts(i), n, n);
    if (i->rot & 1)
        m = exchanged(l, i, m);
    if (i->rot == 1 || i->rot == 2)
        m = negated_part(l, i, m, false);
    if (i->rot >= 2)
        m = negated_part(l, i, m, true);
    standard_fp(l);
    put_v(l, i, op3(l, IR_vfma32 + size_of_parts(i), n, m, sum));
}

LIFT(vcmla) { complex_multiply_add(l, i, fp_lanes(l, i, v_m(l, i))); }

LIFT(vcmla_lane)
{
    if (i->sz)
        complex_multiply_add(l, i, vduplane64(l, d(l, d_number(i->vm, i->M)), 0));
    else
        complex_multiply_add(l, i, vduplane32(l, d(l, i->vm), i->M));
}

/* -- dot products of four bytes ----------------------------------------------------------------------------------------------------------- */

static Val four_bytes(Lift *l, const Insn *i)
{
    return vduplane32(l, d(l, i->vm), i->M);
}

LIFT(vsdot) { put_v(l, i, op3(l, i->U ? IR_vudot8 : IR_vsdot8, v_d(l, i), v_n(l, i), v_m(l, i))); }
LIFT(vusdot) { put_v(l, i, vusdot8(l, v_d(l, i), v_n(l, i), v_m(l, i))); }
LIFT(vsdot_lane) { put_v(l, i, op3(l, i->U ? IR_vudot8 : IR_vsdot8, v_d(l, i), v_n(l, i), four_bytes(l, i))); }

/* U: the other one is unsigned */
LIFT(vusdot_lane)
{
    Val n = v_n(l, i), m = four_bytes(l, i);
    put_v(l, i, vusdot8(l, v_d(l, i), i->U ? m : n, i->U ? n : m));
}

/* -- matrices: quad registers ---------------------------------------------------------------------------------------------------------------- */

static Val quad_d(Lift *l, const Insn *i) { return v_at(l, true, i->vd, i->D); }
static Val quad_n(Lift *l, const Insn *i) { return v_at(l, true, i->vn, i->N); }
static Val quad_m(Lift *l, const Insn *i) { return v_at(l, true, i->vm, i->M); }

static void put_quad(Lift *l, const Insn *i, Val v)
{
    put_at(l, true, i->vd, i->D, v);
}

/* Rows of eight bytes, two of n by two of m: the halves of the sums of n's first row come first. */
static void matrix_product(Lift *l, const Insn *i, u32 dot)
{
    Val n = quad_n(l, i), m = quad_m(l, i), zero = splat(l, 3, 0);
    Val first = op3(l, dot, zero, vduplane64(l, n, 0), m), second = op3(l, dot, zero, vduplane64(l, n, 1), m);
    put_quad(l, i, vadd32(l, quad_d(l, i), vaddp32(l, first, second)));
}

LIFT(vsmmla) { matrix_product(l, i, i->U ? IR_vudot8 : IR_vsdot8); }
LIFT(vusmmla) { matrix_product(l, i, IR_vusdot8); }

/* -- BFloat16: the upper half of single precision -------------------------------------------------------------------------------------------- */

LIFT(vdot_bf16) { put_v(l, i, vbfdot(l, v_d(l, i), v_n(l, i), v_m(l, i))); }
LIFT(vdot_bf16_lane) { put_v(l, i, vbfdot(l, v_d(l, i), v_n(l, i), four_bytes(l, i))); }

/* Rows of four, two of n by two of m. */
LIFT(vmmla_bf16)
{
    Val n = quad_n(l, i), m = quad_m(l, i);
    Val sum = vbfdot(l, quad_d(l, i), vtrn1_32(l, n, n), vuzp1_32(l, m, m));
    put_quad(l, i, vbfdot(l, sum, vtrn2_32(l, n, n), vuzp2_32(l, m, m)));
}

static Val bfloats(Lift *l, const Insn *i, Val v)
{
    return i->T ? vand(l, v, vdup32(l, k32(l, 0xffff0000))) : vshli32(l, v, 16);
}

static void bfloat_multiply_add(Lift *l, const Insn *i, Val m)
{
    Val n = bfloats(l, i, quad_n(l, i)), sum = quad_d(l, i);
    standard_fp(l);
    put_quad(l, i, vfma32(l, n, m, sum));
}

/* A half of a low double register in all lanes */
static Val half_lanes(Lift *l, const Insn *i)
{
    return vduplane16(l, d(l, i->vm & 7u), (u32)i->M << 1 | i->vm >> 3);
}

LIFT(vfma_bf16) { bfloat_multiply_add(l, i, bfloats(l, i, quad_m(l, i))); }
LIFT(vfma_bf16_lane) { bfloat_multiply_add(l, i, vshli32(l, half_lanes(l, i), 16)); }

LIFT(vcvt_to_bf16_v)
{
    Val v = quad_m(l, i);
    standard_fp(l);
    put_d(l, d_number(i->vd, i->D), vf32tobf16(l, v));
}

/* -- products of half precision added to single: of double registers to a quad one, or of single ones to a double one ------------------------- */

static Val short_source(Lift *l, const Insn *i, u32 four, u32 one)
{
    if (i->Q)
        return d(l, d_number(four, one));
    Val v = s(l, s_number(four, one));
    return vduplane32(l, v, 0);
}

static void multiply_add_long(Lift *l, const Insn *i, Val m)
{
    Val n = short_source(l, i, i->vn, i->N), sum = fp_lanes(l, i, v_d(l, i));
    standard_fp(l);
    n = vf16to32s(l, n);
    if (i->s)
        n = vfneg32(l, n);
    put_v(l, i, vfma32(l, n, vf16to32s(l, m), sum));
}

LIFT(vfmal) { multiply_add_long(l, i, short_source(l, i, i->vm, i->M)); }

LIFT(vfmal_lane)
{
    if (i->Q)
        multiply_add_long(l, i, half_lanes(l, i));
    else
        multiply_add_long(l, i, vduplane16(l, s(l, s_number(i->vm & 7u, i->M)), i->vm >> 3));
}
