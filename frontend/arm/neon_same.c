/* Advanced SIMD, three registers of the same length (A7.4.1), and what of two and a scalar is as long (A7.4.3). */
#include "neon.h"

/* -- integers ----------------------------------------------------------------------------------------------------------------- */

static void same(Lift *l, const Insn *i, u32 code)
{
    put_v(l, i, op2(l, code + i->size, v_n(l, i), v_m(l, i)));
}

/* A saturating one may set FPSCR.QC. */
static void saturating(Lift *l, const Insn *i, u32 code)
{
    needs_branch(l);
    same(l, i, code);
}

#define BY_SIGN(name, signed_op, unsigned_op) \
    LIFT(name) { same(l, i, i->U ? IR_##unsigned_op##8 : IR_##signed_op##8); }
BY_SIGN(vhadd, vshadd, vuhadd) BY_SIGN(vrhadd, vsrhadd, vurhadd) BY_SIGN(vhsub, vshsub, vuhsub) BY_SIGN(vcgt, vcmgt, vcmhi) BY_SIGN(vcge, vcmge, vcmhs)
BY_SIGN(vmax, vsmax, vumax) BY_SIGN(vmin, vsmin, vumin) BY_SIGN(vabd, vsabd, vuabd)
#undef BY_SIGN
LIFT(vqadd) { saturating(l, i, i->U ? IR_vuqadd8 : IR_vsqadd8); }
LIFT(vqsub) { saturating(l, i, i->U ? IR_vuqsub8 : IR_vsqsub8); }
LIFT(vadd) { same(l, i, IR_vadd8); }
LIFT(vsub) { same(l, i, IR_vsub8); }
LIFT(vtst) { same(l, i, IR_vcmtst8); }
LIFT(vceq) { same(l, i, IR_vcmeq8); }
LIFT(vmul) { same(l, i, IR_vmul8); }
LIFT(vmul_p8) { put_v(l, i, vpmul8(l, v_n(l, i), v_m(l, i))); }
LIFT(vqdmulh) { saturating(l, i, IR_vsqdmulh16 - 1); }
LIFT(vqrdmulh) { saturating(l, i, IR_vsqrdmulh16 - 1); }

LIFT(vaba)
{
    Val difference = op2(l, (i->U ? IR_vuabd8 : IR_vsabd8) + i->size, v_n(l, i), v_m(l, i));
    put_v(l, i, op2(l, IR_vadd8 + i->size, v_d(l, i), difference));
}

static void accumulate(Lift *l, const Insn *i, u32 code, Val m)
{
    Val product = op2(l, IR_vmul8 + i->size, v_n(l, i), m);
    put_v(l, i, op2(l, code + i->size, v_d(l, i), product));
}

LIFT(vmla) { accumulate(l, i, IR_vadd8, v_m(l, i)); }
LIFT(vmls) { accumulate(l, i, IR_vsub8, v_m(l, i)); }

/* The number is Vm's, the count Vn's. */
static void shift(Lift *l, const Insn *i, u32 code)
{
    put_v(l, i, op2(l, code + i->size, v_m(l, i), v_n(l, i)));
}

LIFT(vshl_reg) { shift(l, i, i->U ? IR_vushl8 : IR_vsshl8); }
LIFT(vrshl_reg) { shift(l, i, i->U ? IR_vurshl8 : IR_vsrshl8); }

LIFT(vqshl_reg)
{
    needs_branch(l);
    shift(l, i, i->U ? IR_vuqshl8 : IR_vsqshl8);
}

LIFT(vqrshl_reg)
{
    needs_branch(l);
    shift(l, i, i->U ? IR_vuqrshl8 : IR_vsqrshl8);
}

/* Pairs of lanes, of Vn below and of Vm above */
static void pairs(Lift *l, const Insn *i, u32 code)
{
    Val both = low_halves(l, d(l, d_number(i->vn, i->N)), d(l, d_number(i->vm, i->M)));
    put_d(l, d_number(i->vd, i->D), op2(l, code, both, both));
}

LIFT(vpadd) { pairs(l, i, IR_vaddp8 + i->size); }
LIFT(vpmax) { pairs(l, i, (i->U ? IR_vumaxp8 : IR_vsmaxp8) + i->size); }
LIFT(vpmin) { pairs(l, i, (i->U ? IR_vuminp8 : IR_vsminp8) + i->size); }

/* -- logic ----------------------------------------------------------------------------------------------------------------------- */

LIFT(vand) { put_v(l, i, vand(l, v_n(l, i), v_m(l, i))); }
LIFT(vbic) { put_v(l, i, vandn(l, v_n(l, i), v_m(l, i))); }
LIFT(vorr) { put_v(l, i, vor(l, v_n(l, i), v_m(l, i))); }
LIFT(vorn) { put_v(l, i, vorn(l, v_n(l, i), v_m(l, i))); }
LIFT(veor) { put_v(l, i, vxor(l, v_n(l, i), v_m(l, i))); }
LIFT(vbsl) { put_v(l, i, vbsl(l, v_d(l, i), v_n(l, i), v_m(l, i))); }
LIFT(vbit) { put_v(l, i, vbsl(l, v_m(l, i), v_n(l, i), v_d(l, i))); }
LIFT(vbif) { put_v(l, i, vbsl(l, v_m(l, i), v_d(l, i), v_n(l, i))); }

/* -- floating point: four lanes, of a double word two and zeros ------------------------------------------------------------------ */

/* The lanes that a form of 64 bits doesn't have are copies, which raise nothing new. */
static Val fp_lanes(Lift *l, const Insn *i, Val v)
{
    return i->Q ? v : low_halves(l, v, v);
}

static void put_fp(Lift *l, const Insn *i, Val v)
{
    put_v(l, i, v);
}

static void fp2(Lift *l, const Insn *i, u32 code, Val m)
{
    Val a = fp_lanes(l, i, v_n(l, i)), b = fp_lanes(l, i, m);
    standard_fp(l);
    put_fp(l, i, op2(l, code + v_fp_size(i), a, b));
}

#define FP2(name, op) \
    LIFT(name) { fp2(l, i, IR_##op##32, v_m(l, i)); }
FP2(vadd_v, vfadd) FP2(vsub_v, vfsub) FP2(vmul_v, vfmul) FP2(vceq_v, vfcmeq) FP2(vcge_v, vfcmge) FP2(vcgt_v, vfcmgt) FP2(vacge, vfacge) FP2(vacgt, vfacgt)
FP2(vmax_v, vfmax) FP2(vmin_v, vfmin) FP2(vmaxnm_v, vfmaxnm) FP2(vminnm_v, vfminnm)
#undef FP2

LIFT(vabd_v)
{
    Val a = fp_lanes(l, i, v_n(l, i)), b = fp_lanes(l, i, v_m(l, i));
    standard_fp(l);
    put_fp(l, i, op1(l, IR_vfabs32 + v_fp_size(i), op2(l, IR_vfsub32 + v_fp_size(i), a, b)));
}

/* Rounded twice */
static void fp_chained(Lift *l, const Insn *i, bool negate, Val m)
{
    Val a = fp_lanes(l, i, v_n(l, i)), b = fp_lanes(l, i, m), c = fp_lanes(l, i, v_d(l, i));
    standard_fp(l);
    Val product = op2(l, IR_vfmul32 + v_fp_size(i), a, b);
    if (negate)
        product = op1(l, IR_vfneg32 + v_fp_size(i), product);
    put_fp(l, i, op2(l, IR_vfadd32 + v_fp_size(i), c, product));
}

LIFT(vmla_v) { fp_chained(l, i, false, v_m(l, i)); }
LIFT(vmls_v) { fp_chained(l, i, true, v_m(l, i)); }

static void fp_fused(Lift *l, const Insn *i, bool negate)
{
    Val a = fp_lanes(l, i, v_n(l, i)), b = fp_lanes(l, i, v_m(l, i)), c = fp_lanes(l, i, v_d(l, i));
    standard_fp(l);
    if (negate)
        a = op1(l, IR_vfneg32 + v_fp_size(i), a);
    put_fp(l, i, op3(l, IR_vfma32 + v_fp_size(i), a, b, c));
}

LIFT(vfma_v) { fp_fused(l, i, false); }
LIFT(vfms_v) { fp_fused(l, i, true); }

static void fp_pairs(Lift *l, const Insn *i, u32 code)
{
    Val n = d(l, d_number(i->vn, i->N)), m = d(l, d_number(i->vm, i->M)), both = low_halves(l, n, m);
    Val even = op2(l, IR_vuzp1_32 + v_fp_size(i), both, both), odd = op2(l, IR_vuzp2_32 + v_fp_size(i), both, both);
    standard_fp(l);
    Val v = op2(l, code + v_fp_size(i), even, odd);
    put_d(l, d_number(i->vd, i->D), v);
}

LIFT(vpadd_v) { fp_pairs(l, i, IR_vfadd32); }
LIFT(vpmax_v) { fp_pairs(l, i, IR_vfmax32); }
LIFT(vpmin_v) { fp_pairs(l, i, IR_vfmin32); }

/* The steps are rounded twice here, unlike AArch64's: 2 - a * b, and (3 - a * b) / 2, with 0 * infinity being 0: the infinity becomes
 * another 0, so that a denormal beside it still counts as flushed. By 1, a number is itself, but a denormal that is flushed. */
static void step(Lift *l, const Insn *i, u32 constant, u32 half_constant, bool halve)
{
    i32 sz = v_fp_size(i);
    Val a = fp_lanes(l, i, v_n(l, i)), b = fp_lanes(l, i, v_m(l, i)), nothing = vdup32(l, k32(l, 0));
    Val k = splat(l, 2u + (u32)sz, i->half ? half_constant : constant), one = splat(l, 2u + (u32)sz, i->half ? 0x3c00 : 0x3f800000);
    Val half = splat(l, 2u + (u32)sz, i->half ? 0x3800 : 0x3f000000), infinity = splat(l, 2u + (u32)sz, i->half ? 0x7c00 : 0x7f800000);
    standard_fp(l);
    a = op2(l, IR_vfmul32 + sz, a, one);
    b = op2(l, IR_vfmul32 + sz, b, one);
    Val abs_a = op1(l, IR_vfabs32 + sz, a), abs_b = op1(l, IR_vfabs32 + sz, b);
    Val zero_a = op2(l, IR_vcmeq32 + sz, abs_a, nothing), zero_b = op2(l, IR_vcmeq32 + sz, abs_b, nothing);
    a = vandn(l, a, vand(l, zero_b, op2(l, IR_vcmeq32 + sz, abs_a, infinity)));
    b = vandn(l, b, vand(l, zero_a, op2(l, IR_vcmeq32 + sz, abs_b, infinity)));
    Val v = op2(l, IR_vfsub32 + sz, k, op2(l, IR_vfmul32 + sz, a, b));
    put_fp(l, i, halve ? op2(l, IR_vfmul32 + sz, v, half) : v);
}

LIFT(vrecps) { step(l, i, 0x40000000, 0x4000, false); }
LIFT(vrsqrts) { step(l, i, 0x40400000, 0x4200, true); }

/* -- two registers and a scalar: A7.4.3 ------------------------------------------------------------------------------------------ */

/* A lane of a low register: of 16 bits in D0..7, of 32 in D0..15. */
static Val scalar_lanes(Lift *l, const Insn *i)
{
    u32 index = i->size == 1 ? (u32)i->M << 1 | i->vm >> 3 : i->M;
    return op1i(l, IR_vduplane8 + i->size, d(l, i->size == 1 ? i->vm & 7u : i->vm), index);
}

static Val fp_scalar_lanes(Lift *l, const Insn *i)
{
    return i->half ? vduplane16(l, d(l, i->vm & 7u), (u32)i->M << 1 | i->vm >> 3) : vduplane32(l, d(l, i->vm), i->M);
}

LIFT(vmla_lane) { accumulate(l, i, IR_vadd8, scalar_lanes(l, i)); }
LIFT(vmls_lane) { accumulate(l, i, IR_vsub8, scalar_lanes(l, i)); }
LIFT(vmul_lane) { put_v(l, i, op2(l, IR_vmul8 + i->size, v_n(l, i), scalar_lanes(l, i))); }
LIFT(vmla_lane_v) { fp_chained(l, i, false, fp_scalar_lanes(l, i)); }
LIFT(vmls_lane_v) { fp_chained(l, i, true, fp_scalar_lanes(l, i)); }
LIFT(vmul_lane_v) { fp2(l, i, IR_vfmul32, fp_scalar_lanes(l, i)); }

/* Half precision: rows of their own */
SAME(vfma_vh, vfma_v) SAME(vfms_vh, vfms_v) SAME(vadd_vh, vadd_v) SAME(vsub_vh, vsub_v) SAME(vabd_vh, vabd_v)
SAME(vmla_vh, vmla_v) SAME(vmls_vh, vmls_v) SAME(vmul_vh, vmul_v) SAME(vceq_vh, vceq_v) SAME(vcge_vh, vcge_v)
SAME(vcgt_vh, vcgt_v) SAME(vacge_vh, vacge) SAME(vacgt_vh, vacgt) SAME(vmax_vh, vmax_v) SAME(vmin_vh, vmin_v)
SAME(vrecps_vh, vrecps) SAME(vrsqrts_vh, vrsqrts) SAME(vmaxnm_vh, vmaxnm_v) SAME(vminnm_vh, vminnm_v) SAME(vpadd_vh, vpadd_v)
SAME(vpmax_vh, vpmax_v) SAME(vpmin_vh, vpmin_v) SAME(vmla_lane_vh, vmla_lane_v) SAME(vmls_lane_vh, vmls_lane_v)
SAME(vmul_lane_vh, vmul_lane_v)

static void saturating_lane(Lift *l, const Insn *i, u32 code)
{
    needs_branch(l);
    put_v(l, i, op2(l, code + i->size, v_n(l, i), scalar_lanes(l, i)));
}

LIFT(vqdmulh_lane) { saturating_lane(l, i, IR_vsqdmulh16 - 1); }
LIFT(vqrdmulh_lane) { saturating_lane(l, i, IR_vsqrdmulh16 - 1); }

/* -- cryptography: quad registers, DDI 0487 F6.1 ---------------------------------------------------------------------------------- */

static void sha(Lift *l, const Insn *i, u32 code, bool swapped)
{
    Val a = v_at(l, true, i->vd, i->D), b = v_at(l, true, i->vn, i->N), c = v_at(l, true, i->vm, i->M);
    put_at(l, true, i->vd, i->D, swapped ? op3(l, code, b, a, c) : op3(l, code, a, b, c));
}

LIFT(sha1c) { sha(l, i, IR_sha1c, false); }
LIFT(sha1p) { sha(l, i, IR_sha1p, false); }
LIFT(sha1m) { sha(l, i, IR_sha1m, false); }
LIFT(sha1su0) { sha(l, i, IR_sha1su0, false); }
LIFT(sha256h) { sha(l, i, IR_sha256h, false); }
LIFT(sha256h2) { sha(l, i, IR_sha256h2, true); }
LIFT(sha256su1) { sha(l, i, IR_sha256su1, false); }
