/* Advanced SIMD, two registers and miscellaneous (A7.4.5), modified immediates (A7.4.6), permutations. */
#include "../../lifter/softfp.h"
#include "neon.h"

/* -- integers ------------------------------------------------------------------------------------------------------------------- */

static void unary(Lift *l, const Insn *i, u32 code)
{
    put_v(l, i, op1(l, code, v_m(l, i)));
}

/* Lanes reversed within each 64, 32 or 16 bits */
LIFT(vrev64) { unary(l, i, IR_vrev64_8 + i->size); }
LIFT(vrev32) { unary(l, i, i->size ? IR_vrev32_16 : IR_vrev32_8); }
LIFT(vrev16) { unary(l, i, IR_vrev16_8); }
LIFT(vcls) { unary(l, i, IR_vcls8 + i->size); }
LIFT(vclz) { unary(l, i, IR_vclz8 + i->size); }
LIFT(vcnt) { unary(l, i, IR_vcnt8); }
LIFT(vmvn) { unary(l, i, IR_vnot); }
LIFT(vabs) { unary(l, i, IR_vabs8 + i->size); }
LIFT(vneg) { unary(l, i, IR_vneg8 + i->size); }
LIFT(vabs_v) { unary(l, i, IR_vfabs32 + v_fp_size(i)); }
LIFT(vneg_v) { unary(l, i, IR_vfneg32 + v_fp_size(i)); }

LIFT(vqabs)
{
    needs_branch(l);
    unary(l, i, IR_vsqabs8 + i->size);
}

LIFT(vqneg)
{
    needs_branch(l);
    unary(l, i, IR_vsqneg8 + i->size);
}

static Val long_pairs(Lift *l, const Insn *i)
{
    return op1(l, (i->U ? IR_vuaddlp8 : IR_vsaddlp8) + i->size, v_m(l, i));
}

LIFT(vpaddl) { put_v(l, i, long_pairs(l, i)); }
LIFT(vpadal) { put_v(l, i, op2(l, IR_vadd8 + i->size + 1, v_d(l, i), long_pairs(l, i))); }

static Val zero(Lift *l)
{
    return xtov(l, k64(l, 0));
}

LIFT(vcgt0) { put_v(l, i, op2(l, IR_vcmgt8 + i->size, v_m(l, i), zero(l))); }
LIFT(vcge0) { put_v(l, i, op2(l, IR_vcmge8 + i->size, v_m(l, i), zero(l))); }
LIFT(vceq0) { put_v(l, i, op2(l, IR_vcmeq8 + i->size, v_m(l, i), zero(l))); }
LIFT(vcle0) { put_v(l, i, op2(l, IR_vcmge8 + i->size, zero(l), v_m(l, i))); }
LIFT(vclt0) { put_v(l, i, op2(l, IR_vcmgt8 + i->size, zero(l), v_m(l, i))); }

/* -- narrower and wider ------------------------------------------------------------------------------------------------------------ */

static void narrow(Lift *l, const Insn *i, u32 code)
{
    put_d(l, d_number(i->vd, i->D), op1(l, code + i->size, v_at(l, true, i->vm, i->M)));
}

LIFT(vmovn) { narrow(l, i, IR_vxtn16); }

LIFT(vqmovn)
{
    needs_branch(l);
    narrow(l, i, i->U ? IR_vuqxtn16 : IR_vsqxtn16);
}

LIFT(vqmovun)
{
    needs_branch(l);
    narrow(l, i, IR_vsqxtun16);
}

/* By the lane's width */
LIFT(vshll_max)
{
    Val v = op1(l, IR_vuxl8 + i->size, d(l, d_number(i->vm, i->M)));
    put_at(l, true, i->vd, i->D, op1i(l, IR_vshli8 + i->size + 1, v, 8u << i->size));
}

/* One register as both is unpredictable. */
static bool same_register(Lift *l, const Insn *i)
{
    if (i->vd == i->vm && i->D == i->M)
        undefined(l);
    return l->unimplemented;
}

/* -- permutations of two registers ---------------------------------------------------------------------------------------------------- */

static void put_m(Lift *l, const Insn *i, Val v)
{
    put_at(l, i->Q, i->vm, i->M, v);
}

LIFT(vswp)
{
    Val a = v_d(l, i), b = v_m(l, i);
    put_v(l, i, b);
    put_m(l, i, a);
}

/* The results of Vd:Vm are two registers; of double words they are the halves of one. */
static void permute(Lift *l, const Insn *i, u32 first, u32 second)
{
    if (same_register(l, i))
        return;
    Val a = v_d(l, i), b = v_m(l, i);
    Val x = op2(l, first + i->size, a, b), y = op2(l, second + i->size, a, b);
    put_v(l, i, x);
    put_m(l, i, y);
}

LIFT(vtrn) { permute(l, i, IR_vtrn1_8, IR_vtrn2_8); }

LIFT(vzip)
{
    if (i->Q) {
        permute(l, i, IR_vzip1_8, IR_vzip2_8);
        return;
    }
    if (same_register(l, i))
        return;
    Val both = op2(l, IR_vzip1_8 + i->size, v_d(l, i), v_m(l, i));
    if (i->size == 2)
        undefined(l);
    put_v(l, i, both);
    put_m(l, i, vhigh64(l, both));
}

LIFT(vuzp)
{
    if (i->Q) {
        permute(l, i, IR_vuzp1_8, IR_vuzp2_8);
        return;
    }
    if (same_register(l, i))
        return;
    Val pair = low_halves(l, v_d(l, i), v_m(l, i));
    if (i->size == 2)
        undefined(l);
    put_v(l, i, op2(l, IR_vuzp1_8 + i->size, pair, pair));
    put_m(l, i, op2(l, IR_vuzp2_8 + i->size, pair, pair));
}

LIFT(vext)
{
    if (i->Q) {
        put_v(l, i, vext(l, v_n(l, i), v_m(l, i), i->imm4));
    } else if (i->imm4 > 7) {
        undefined(l);
    } else {
        Val both = low_halves(l, v_n(l, i), v_m(l, i));
        put_v(l, i, vext(l, both, both, i->imm4));
    }
}

/* Of up to four double registers; an index beyond gives 0, or leaves the byte (VTBX). */
LIFT(vtbl)
{
    u32 n = d_number(i->vn, i->N), count = i->len + 1u;
    if (n + count > 32) {
        undefined(l);
        return;
    }
    Val index = d(l, d_number(i->vm, i->M)), none = zero(l);
    Val low = low_halves(l, d(l, n), count > 1 ? d(l, n + 1) : none), v = vtbl(l, low, index);
    if (count > 2) {
        Val high = low_halves(l, d(l, n + 2), count > 3 ? d(l, n + 3) : none);
        v = vor(l, v, vtbli(l, high, index, 16));
    }
    if (i->o) {
        Val inside = vcmhi8(l, splat(l, 0, 8 * count), index);
        v = vbsl(l, inside, v, d(l, d_number(i->vd, i->D)));
    }
    put_d(l, d_number(i->vd, i->D), v);
}

/* imm4 is xxx1 for a byte, xx10 for a halfword, x100 for a word. */
LIFT(vdup_lane)
{
    u32 size = (u32)__builtin_ctz(i->imm4);
    put_v(l, i, op1i(l, IR_vduplane8 + size, d(l, d_number(i->vm, i->M)), (u32)i->imm4 >> (size + 1)));
}

/* -- modified immediates: A7.4.6 -------------------------------------------------------------------------------------------------------- */

/* AdvSIMDExpandImm */
static bool expand(u32 cmode, u32 op, u64 imm8, u64 *v)
{
    u64 word;
    switch (cmode >> 1) {
    case 0:
    case 1:
    case 2:
    case 3: word = imm8 << 8 * (cmode >> 1); break;
    case 4:
    case 5: word = (imm8 << 8 * (cmode >> 1 & 1)) * 0x10001; break;
    case 6: word = cmode & 1 ? imm8 << 16 | 0xffff : imm8 << 8 | 0xff; break;
    default:
        if (!(cmode & 1) && op) {
            *v = 0;
            for (u32 n = 0; n < 8; n++)
                *v |= imm8 >> n & 1 ? 0xffull << 8 * n : 0;
            return true;
        }
        if (cmode & 1 && op)
            return false;
        word = cmode & 1 ? (imm8 >> 7) << 31 | (imm8 & 0x40 ? 0x1full << 25 : 1ull << 30) | (imm8 & 0x3f) << 19 : imm8 * 0x01010101;
    }
    *v = word | word << 32;
    return true;
}

LIFT(vmov_imm)
{
    u64 v;
    bool modifies = i->cmode < 12 && i->cmode & 1;
    if (!expand(i->cmode, i->o, (u64)i->i << 7 | (u64)i->imm3 << 4 | i->imm4, &v)) {
        undefined(l);
        return;
    }
    Val constant = vdup64(l, k64(l, v));
    if (modifies) /* VORR, VBIC */
        put_v(l, i, i->o ? vandn(l, v_d(l, i), constant) : vor(l, v_d(l, i), constant));
    else
        put_v(l, i, i->o && i->cmode < 14 ? vdup64(l, k64(l, ~v)) : constant);
}

/* -- floating point ------------------------------------------------------------------------------------------------------------------------ */

/* The lanes that a form of 64 bits doesn't have are copies, which raise nothing new. */
static Val fp_m(Lift *l, const Insn *i)
{
    Val v = v_m(l, i);
    return i->Q ? v : low_halves(l, v, v);
}

static void put_fp(Lift *l, const Insn *i, Val v)
{
    put_v(l, i, v);
}

static void fp1(Lift *l, const Insn *i, u32 code)
{
    Val v = fp_m(l, i);
    standard_fp(l);
    put_fp(l, i, op1(l, code + v_fp_size(i), v));
}

LIFT(vrintn_v) { fp1(l, i, IR_vfrintn32); }
LIFT(vrintx_v) { fp1(l, i, IR_vfrintx32); }
LIFT(vrinta_v) { fp1(l, i, IR_vfrinta32); }
LIFT(vrintz_v) { fp1(l, i, IR_vfrintz32); }
LIFT(vrintm_v) { fp1(l, i, IR_vfrintm32); }
LIFT(vrintp_v) { fp1(l, i, IR_vfrintp32); }
LIFT(vrecpe) { fp1(l, i, IR_vfrecpe32); }
LIFT(vrsqrte) { fp1(l, i, IR_vfrsqrte32); }
LIFT(vrecpe_u) { unary(l, i, IR_vurecpe32); }
LIFT(vrsqrte_u) { unary(l, i, IR_vursqrte32); }

static void fp_compare(Lift *l, const Insn *i, u32 code, bool swapped)
{
    Val v = fp_m(l, i), z = zero(l);
    standard_fp(l);
    code += v_fp_size(i);
    put_fp(l, i, swapped ? op2(l, code, z, v) : op2(l, code, v, z));
}

LIFT(vcgt0_v) { fp_compare(l, i, IR_vfcmgt32, false); }
LIFT(vcge0_v) { fp_compare(l, i, IR_vfcmge32, false); }
LIFT(vceq0_v) { fp_compare(l, i, IR_vfcmeq32, false); }
LIFT(vcle0_v) { fp_compare(l, i, IR_vfcmge32, true); }
LIFT(vclt0_v) { fp_compare(l, i, IR_vfcmgt32, true); }

static void to_int(Lift *l, const Insn *i, Rounding round)
{
    Val v = fp_m(l, i);
    standard_fp(l);
    put_fp(l, i, op1i(l, i->half ? (i->U ? IR_vf16tou16 : IR_vf16tos16) : i->U ? IR_vf32tou32 : IR_vf32tos32, v, round));
}

LIFT(vcvt_to_int_v) { to_int(l, i, ROUND_ZERO); }

LIFT(vcvt_rounded_v)
{
    static const u8 rounding[] = {ROUND_AWAY, ROUND_EVEN, ROUND_UP, ROUND_DOWN};
    to_int(l, i, (Rounding)rounding[i->rm2]);
}

LIFT(vcvt_of_int_v)
{
    Val v = fp_m(l, i);
    standard_fp(l);
    put_fp(l, i, op1i(l, i->half ? (i->U ? IR_vu16tof16 : IR_vs16tof16) : i->U ? IR_vu32tof32 : IR_vs32tof32, v, 0));
}

/* Half precision: rows of their own */
SAME(vcgt0_vh, vcgt0_v) SAME(vcge0_vh, vcge0_v) SAME(vceq0_vh, vceq0_v) SAME(vcle0_vh, vcle0_v) SAME(vclt0_vh, vclt0_v)
SAME(vabs_vh, vabs_v) SAME(vneg_vh, vneg_v) SAME(vrintn_vh, vrintn_v) SAME(vrintx_vh, vrintx_v) SAME(vrinta_vh, vrinta_v)
SAME(vrintz_vh, vrintz_v) SAME(vrintm_vh, vrintm_v) SAME(vrintp_vh, vrintp_v) SAME(vcvt_rounded_vh, vcvt_rounded_v)
SAME(vrecpe_vh, vrecpe) SAME(vrsqrte_vh, vrsqrte) SAME(vcvt_of_int_vh, vcvt_of_int_v) SAME(vcvt_to_int_vh, vcvt_to_int_v)

LIFT(vcvt_to_half_v)
{
    Val v = v_at(l, true, i->vm, i->M);
    standard_fp(l);
    v = vf32to16(l, v);
    put_d(l, d_number(i->vd, i->D), v);
}

LIFT(vcvt_from_half_v)
{
    Val v = d(l, d_number(i->vm, i->M));
    standard_fp(l);
    v = vf16to32(l, v);
    put_at(l, true, i->vd, i->D, v);
}

/* -- cryptography: quad registers, DDI 0487 F6.1 ---------------------------------------------------------------------------------------------- */

static Val quad_d(Lift *l, const Insn *i) { return v_at(l, true, i->vd, i->D); }
static Val quad_m(Lift *l, const Insn *i) { return v_at(l, true, i->vm, i->M); }

static void put_quad(Lift *l, const Insn *i, Val v)
{
    put_at(l, true, i->vd, i->D, v);
}

LIFT(aese) { put_quad(l, i, aese(l, quad_d(l, i), quad_m(l, i))); }
LIFT(aesd) { put_quad(l, i, aesd(l, quad_d(l, i), quad_m(l, i))); }
LIFT(aesmc) { put_quad(l, i, aesmc(l, quad_m(l, i))); }
LIFT(aesimc) { put_quad(l, i, aesimc(l, quad_m(l, i))); }
LIFT(sha1h) { put_quad(l, i, sha1h(l, quad_m(l, i))); }
LIFT(sha1su1) { put_quad(l, i, sha1su1(l, quad_d(l, i), quad_m(l, i))); }
LIFT(sha256su0) { put_quad(l, i, sha256su0(l, quad_d(l, i), quad_m(l, i))); }
