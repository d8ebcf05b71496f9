/* VFP: A7.5 to A7.9; what ARMv8 added, DDI 0487 F6. Arithmetic raises flags, so that an instruction of it whose condition may fail is
 * branched around. */
#include <math.h>
#include <string.h>

#include "../../lifter/softfp.h"
#include "neon.h"
#include "simd.h"

/* -- operands -------------------------------------------------------------------------------------------------------------- */

/* -1, 0 or 1 for half, single and double precision, which ops are named by */
static i32 fp_size(const Insn *i)
{
    return i->half ? -1 : i->sz;
}

static Val fp_at(Lift *l, const Insn *i, u32 four, u32 one)
{
    return i->sz ? d(l, d_number(four, one)) : s(l, s_number(four, one));
}

static Val fp_d(Lift *l, const Insn *i) { return fp_at(l, i, i->vd, i->D); }
static Val fp_n(Lift *l, const Insn *i) { return fp_at(l, i, i->vn, i->N); }
static Val fp_m(Lift *l, const Insn *i) { return fp_at(l, i, i->vm, i->M); }

static void put_fp(Lift *l, const Insn *i, Val v)
{
    if (i->sz)
        put_d(l, d_number(i->vd, i->D), v);
    else
        put_s(l, s_number(i->vd, i->D), v);
}

#define SIZED(name) _Static_assert(IR_##name##64 == IR_##name##32 + 1 && IR_##name##16 == IR_##name##32 - 1, "op + size");
SIZED(fadd) SIZED(fsub) SIZED(fmul) SIZED(fdiv) SIZED(fma) SIZED(fneg) SIZED(fabs) SIZED(fsqrt) SIZED(fmaxnm) SIZED(fminnm) SIZED(frintn)
SIZED(frintm) SIZED(frintp) SIZED(frintz) SIZED(frinta) SIZED(frinti) SIZED(frintx)
#undef SIZED
_Static_assert(IR_fcmp64 == IR_fcmp32 + 1 && IR_fcmpe64 == IR_fcmpe32 + 1, "op + sz");

static Val negated(Lift *l, const Insn *i, Val v)
{
    return op1(l, IR_fneg32 + fp_size(i), v);
}

/* -- arithmetic -------------------------------------------------------------------------------------------------------------- */

static void binary(Lift *l, const Insn *i, u32 code)
{
    needs_branch(l);
    put_fp(l, i, op2(l, code + fp_size(i), fp_n(l, i), fp_m(l, i)));
}

LIFT(vadd_f) { binary(l, i, IR_fadd32); }
LIFT(vsub_f) { binary(l, i, IR_fsub32); }
LIFT(vmul_f) { binary(l, i, IR_fmul32); }
LIFT(vdiv) { binary(l, i, IR_fdiv32); }
LIFT(vmaxnm_f) { binary(l, i, IR_fmaxnm32); }
LIFT(vminnm_f) { binary(l, i, IR_fminnm32); }

LIFT(vnmul)
{
    needs_branch(l);
    put_fp(l, i, negated(l, i, op2(l, IR_fmul32 + fp_size(i), fp_n(l, i), fp_m(l, i))));
}

/* Rounded twice */
static void chained(Lift *l, const Insn *i, bool negate_product, bool negate_addend)
{
    needs_branch(l);
    Val product = op2(l, IR_fmul32 + fp_size(i), fp_n(l, i), fp_m(l, i)), addend = fp_d(l, i);
    if (negate_product)
        product = negated(l, i, product);
    if (negate_addend)
        addend = negated(l, i, addend);
    put_fp(l, i, op2(l, IR_fadd32 + fp_size(i), addend, product));
}

LIFT(vmla_f) { chained(l, i, false, false); }
LIFT(vmls_f) { chained(l, i, true, false); }
LIFT(vnmls) { chained(l, i, false, true); }
LIFT(vnmla) { chained(l, i, true, true); }

static void fused(Lift *l, const Insn *i, bool negate_product, bool negate_addend)
{
    needs_branch(l);
    Val a = fp_n(l, i), addend = fp_d(l, i);
    if (negate_product)
        a = negated(l, i, a);
    if (negate_addend)
        addend = negated(l, i, addend);
    put_fp(l, i, op3(l, IR_fma32 + fp_size(i), a, fp_m(l, i), addend));
}

LIFT(vfma_f) { fused(l, i, false, false); }
LIFT(vfms_f) { fused(l, i, true, false); }
LIFT(vfnms) { fused(l, i, false, true); }
LIFT(vfnma) { fused(l, i, true, true); }

static void unary(Lift *l, const Insn *i, u32 code)
{
    needs_branch(l);
    put_fp(l, i, op1(l, code + fp_size(i), fp_m(l, i)));
}

LIFT(vsqrt) { unary(l, i, IR_fsqrt32); }
LIFT(vrintr) { unary(l, i, IR_frinti32); }
LIFT(vrintz_f) { unary(l, i, IR_frintz32); }
LIFT(vrintx_f) { unary(l, i, IR_frintx32); }

LIFT(vrint_f)
{
    static const u16 codes[] = {IR_frinta32, IR_frintn32, IR_frintp32, IR_frintm32};
    unary(l, i, codes[i->rm2]);
}

/* -- what raises nothing --------------------------------------------------------------------------------------------------------- */

LIFT(vmov_f) { put_fp(l, i, fp_m(l, i)); }
LIFT(vabs_f) { put_fp(l, i, op1(l, IR_fabs32 + fp_size(i), fp_m(l, i))); }
LIFT(vneg_f) { put_fp(l, i, negated(l, i, fp_m(l, i))); }

/* VFPExpandImm */
LIFT(vmov_f_imm)
{
    u64 imm8 = (u64)i->imm4h << 4 | i->imm4l, sign = imm8 >> 7, b = imm8 >> 6 & 1, low = imm8 & 0x3f;
    if (i->half)
        put_s(l, s_number(i->vd, i->D), wtov(l, k32(l, (u32)(sign << 15 | (b ? 3ull << 12 : 1ull << 14) | low << 6))));
    else if (i->sz)
        put_d(l, d_number(i->vd, i->D), xtov(l, k64(l, sign << 63 | (b ? 0xffull << 54 : 1ull << 62) | low << 48)));
    else
        put_s(l, s_number(i->vd, i->D), wtov(l, k32(l, (u32)(sign << 31 | (b ? 0x1full << 25 : 1ull << 30) | low << 19))));
}

LIFT(vsel)
{
    static const u8 conditions[] = {CC_EQ, CC_VS, CC_GE, CC_GT};
    Val holds = arm_cond(l, (Cond)conditions[i->cc]);
    Val v = select128(l, holds, fp_n(l, i), fp_m(l, i));
    put_fp(l, i, i->half ? vlow16(l, v) : v);
}

/* -- comparison: the flags are FPSCR's -------------------------------------------------------------------------------------------- */

static void compare(Lift *l, const Insn *i, Val b)
{
    needs_branch(l);
    u32 code = i->half ? (i->E ? IR_fcmpe16 : IR_fcmp16) : (i->E ? IR_fcmpe32 : IR_fcmp32) + i->sz;
    Val bits = op2(l, code, fp_d(l, i), b);
    put_state64(l, OFF(fp_nzcv), zx32_64(l, bits));
}

LIFT(vcmp) { compare(l, i, fp_m(l, i)); }
LIFT(vcmp_zero) { compare(l, i, xtov(l, k64(l, 0))); }

/* PC stands for the flags. */
LIFT(vmrs)
{
    if (i->reg != 1)
        undefined(l);
    else if (i->rt == 15)
        arm_flags_bits(l, low_word(l, get64(l, OFF(fp_nzcv))));
    else {
        needs_branch(l);
        put_rx(l, i->rt, call_helper(l, HELPER_get_fpscr, NO_VAL, NO_VAL));
    }
}

LIFT(vmsr)
{
    needs_branch(l);
    if (i->reg != 1 || i->rt == 15)
        undefined(l);
    else
        call_helper(l, HELPER_set_fpscr, rx(l, i->rt), NO_VAL);
}

/* -- conversions --------------------------------------------------------------------------------------------------------------------- */

_Static_assert(IR_f32tou32z == IR_f32tos32z + 2 && IR_f32tos32 == IR_f32tos32z + 4 && IR_f32tou32 == IR_f32tos32 + 2 &&
                   IR_f64tos32z == IR_f32tos32z + 8 && IR_f16tos32z == IR_f32tos32z - 8 && IR_u32tof32 == IR_s32tof32 + 1 &&
                   IR_s32tof64 == IR_s32tof32 + 4 && IR_s32tof16 == IR_s32tof32 - 4,
               "order of the conversions");

/* v to a W with fbits of fraction */
static Val to_int(Lift *l, const Insn *i, bool is_signed, Rounding round, u32 fbits, Val v)
{
    u32 code = (u32)(IR_f32tos32z + 8 * fp_size(i)) + (is_signed ? 0 : 2);
    return round == ROUND_ZERO && !fbits ? op1(l, code, v) : op1i(l, code + 4, v, round | (u64)fbits << 8);
}

static Val of_int(Lift *l, const Insn *i, bool is_signed, u32 fbits, Val w)
{
    return op1i(l, (u32)(IR_s32tof32 + 4 * fp_size(i)) + !is_signed, w, fbits);
}

/* A number's representation, saturated */
static u64 encoded(const Insn *i, double number)
{
    if (i->half)
        return number > 65504 ? 0x7c00 : 0x3c00; /* infinity, 1 */
    float single = (float)number;
    u64 bits = 0;
    memcpy(&bits, i->sz ? (void *)&number : &single, i->sz ? 8 : 4);
    return bits;
}

/* v, or if the number `of`, which it is or is rounded to, is beyond one of the limits (representations without the sign), one that is
 * beyond those of all integers: a conversion that saturates is "invalid" and not "inexact". */
static Val beyond(Lift *l, const Insn *i, Val of, Val v, u64 above, u64 below)
{
    u32 top = i->half ? 15 : i->sz ? 63 : 31;
    u64 sign = 1ull << top;
    Val bits = i->sz ? vtox(l, of) : zx32_64(l, vtow(l, of)), size = and64(l, bits, k64(l, sign - 1));
    Val limit = select64(l, lo32(l, shr64(l, bits, k64(l, top))), k64(l, below), k64(l, above));
    Val out = and32(l, ule64(l, limit, size), ule64(l, size, k64(l, encoded(i, (double)INFINITY))));
    Val far = or64(l, and64(l, bits, k64(l, sign)), k64(l, encoded(i, 0x1p100)));
    return select128(l, out, xtov(l, far), v);
}

/* By FPSCR's rounding mode to an integer in the format first, unless to zero. */
LIFT(vcvt_to_int)
{
    needs_branch(l);
    Val v = fp_m(l, i);
    if (!i->z) {
        Val rounded = op1(l, IR_frinti32 + fp_size(i), v);
        u64 above = encoded(i, i->s ? 0x1p31 : 0x1p32), below = i->s ? above + 1 : encoded(i, 1);
        v = op1(l, IR_frintx32 + fp_size(i), beyond(l, i, rounded, v, above, below));
    }
    put_state32(l, OFF_S(s_number(i->vd, i->D)), to_int(l, i, i->s, ROUND_ZERO, 0, v));
}

LIFT(vcvt_rounded)
{
    static const u8 rounding[] = {ROUND_AWAY, ROUND_EVEN, ROUND_UP, ROUND_DOWN};
    needs_branch(l);
    put_state32(l, OFF_S(s_number(i->vd, i->D)), to_int(l, i, i->s, (Rounding)rounding[i->rm2], 0, fp_m(l, i)));
}

LIFT(vcvt_of_int)
{
    needs_branch(l);
    put_fp(l, i, of_int(l, i, i->s, 0, get32(l, OFF_S(s_number(i->vm, i->M)))));
}

static u32 fraction_bits(Lift *l, const Insn *i)
{
    u32 size = i->sx ? 32 : 16, imm5 = (u32)i->imm4 << 1 | i->i;
    if (imm5 > size)
        undefined(l);
    return size - imm5;
}

LIFT(vcvt_of_fixed)
{
    u32 fbits = fraction_bits(l, i);
    needs_branch(l);
    if (l->unimplemented)
        return;
    Val w = vtow(l, fp_d(l, i));
    if (!i->sx)
        w = i->U ? and32(l, w, k32(l, 0xffff)) : sx16_32(l, w);
    if (i->half || (i->sx && !i->sz)) /* is rounded, to nearest whatever FPSCR says; the others are exact */
        standard_fp(l);
    put_fp(l, i, of_int(l, i, !i->U, fbits, w));
}

/* Of 16 bits, saturated, and extended to the whole register. */
LIFT(vcvt_to_fixed)
{
    u32 fbits = fraction_bits(l, i);
    needs_branch(l);
    if (l->unimplemented)
        return;
    if (i->half && !i->sx) {
        u64 how = ROUND_ZERO | (u64)fbits << 8;
        Val v = vduplane16(l, fp_d(l, i), 0);
        Val number = vtow(l, i->U ? vf16tou16(l, v, how) : vf16tos16(l, v, how));
        put_state32(l, OFF_S(s_number(i->vd, i->D)), i->U ? and32(l, number, k32(l, 0xffff)) : sx16_32(l, number));
        return;
    }
    Val v = fp_d(l, i);
    if (!i->sx) {
        double unit = 1 / (double)(1u << fbits);
        v = beyond(l, i, v, v, encoded(i, (i->U ? 65536 : 32768) * unit), encoded(i, (i->U ? 1 : 32769) * unit));
    }
    Val w = to_int(l, i, !i->U, ROUND_ZERO, fbits, v);
    if (!i->sx) {
        Val lo = k32(l, i->U ? 0 : 0xffff8000), hi = k32(l, i->U ? 0xffff : 0x7fff);
        if (i->U) {
            w = select32(l, ult32(l, hi, w), hi, w);
        } else {
            w = select32(l, slt32(l, w, lo), lo, w);
            w = select32(l, slt32(l, hi, w), hi, w);
        }
    }
    if (i->sz)
        put_state64(l, OFF_D(d_number(i->vd, i->D)), i->U ? zx32_64(l, w) : sx32_64(l, w));
    else
        put_state32(l, OFF_S(s_number(i->vd, i->D)), w);
}

/* sz is the source's. */
LIFT(vcvt_sizes)
{
    needs_branch(l);
    if (i->sz)
        put_s(l, s_number(i->vd, i->D), f64to32(l, fp_m(l, i)));
    else
        put_d(l, d_number(i->vd, i->D), f32to64(l, fp_m(l, i)));
}

/* A half of a single register */
LIFT(vcvt_from_half)
{
    needs_branch(l);
    Val w = get32(l, OFF_S(s_number(i->vm, i->M)));
    Val half = wtov(l, i->T ? shr32(l, w, k32(l, 16)) : and32(l, w, k32(l, 0xffff)));
    put_fp(l, i, i->sz ? f16to64(l, half) : f16to32(l, half));
}

static void put_half(Lift *l, const Insn *i, Val v)
{
    Val half = vtow(l, v);
    u32 offset = OFF_S(s_number(i->vd, i->D));
    Val kept = and32(l, get32(l, offset), k32(l, i->T ? 0xffff : 0xffff0000));
    put_state32(l, offset, or32(l, kept, i->T ? shl32(l, half, k32(l, 16)) : and32(l, half, k32(l, 0xffff))));
}

LIFT(vcvt_to_half)
{
    needs_branch(l);
    put_half(l, i, i->sz ? f64to16(l, fp_m(l, i)) : f32to16(l, fp_m(l, i)));
}

LIFT(vcvt_to_bf16)
{
    needs_branch(l);
    put_half(l, i, f32tobf16(l, fp_m(l, i)));
}

/* The comparison says whether the conversion is exact. */
LIFT(vjcvt)
{
    needs_branch(l);
    Val v = fjcvtzs(l, fp_m(l, i));
    put_state32(l, OFF_S(s_number(i->vd, i->D)), lo32(l, v));
    put_state64(l, OFF(fp_nzcv), shl64(l, shr64(l, v, k64(l, 32)), k64(l, 30)));
}

/* -- transfers between the register files -------------------------------------------------------------------------------------------- */

LIFT(vmov_r)
{
    if (i->rt == 15)
        undefined(l);
    else
        put_state32(l, OFF_S(s_number(i->vn, i->N)), r(l, i->rt));
}

LIFT(vmov_to_r)
{
    if (i->rt == 15)
        undefined(l);
    else
        put_r(l, i->rt, get32(l, OFF_S(s_number(i->vn, i->N))));
}

/* The lower half of a single register */
LIFT(vmov_r_h)
{
    if (i->rt == 15)
        undefined(l);
    else
        put_state32(l, OFF_S(s_number(i->vn, i->N)), and32(l, r(l, i->rt), k32(l, 0xffff)));
}

LIFT(vmov_to_r_h)
{
    if (i->rt == 15)
        undefined(l);
    else
        put_r(l, i->rt, and32(l, get32(l, OFF_S(s_number(i->vn, i->N))), k32(l, 0xffff)));
}

LIFT(vmovx)
{
    put_state32(l, OFF_S(s_number(i->vd, i->D)), shr32(l, get32(l, OFF_S(s_number(i->vm, i->M))), k32(l, 16)));
}

LIFT(vins)
{
    u32 offset = OFF_S(s_number(i->vd, i->D));
    Val upper = shl32(l, get32(l, OFF_S(s_number(i->vm, i->M))), k32(l, 16));
    put_state32(l, offset, or32(l, and32(l, get32(l, offset), k32(l, 0xffff)), upper));
}

/* Two registers and a double one, or two single ones. */
LIFT(vmov_rr)
{
    u32 m = s_number(i->vm, i->M);
    if (i->rt == 15 || i->rt2 == 15 || (!i->sz && m == 31)) {
        undefined(l);
    } else if (i->sz) {
        put_state64(l, OFF_D(d_number(i->vm, i->M)), or64(l, rx(l, i->rt), shl64(l, rx(l, i->rt2), k64(l, 32))));
    } else {
        put_state32(l, OFF_S(m), r(l, i->rt));
        put_state32(l, OFF_S(m + 1), r(l, i->rt2));
    }
}

LIFT(vmov_to_rr)
{
    u32 m = s_number(i->vm, i->M);
    if (i->rt == 15 || i->rt2 == 15 || i->rt == i->rt2 || (!i->sz && m == 31)) {
        undefined(l);
    } else if (i->sz) {
        Val v = get64(l, OFF_D(d_number(i->vm, i->M)));
        put_r(l, i->rt, lo32(l, v));
        put_rx(l, i->rt2, shr64(l, v, k64(l, 32)));
    } else {
        Val low = get32(l, OFF_S(m)), high = get32(l, OFF_S(m + 1));
        put_r(l, i->rt, low);
        put_r(l, i->rt2, high);
    }
}

/* opc1:opc2 is 1xxx for byte xxx, 0xx1 for halfword xx, 0x00 for word x. The size as log2; -1 if there is none. */
static int lane_of(const Insn *i, u32 *lane)
{
    u32 opc = (u32)i->opc1 << 2 | i->opc2;
    *lane = opc & 8 ? opc & 7 : opc & 1 ? opc >> 1 & 3 : opc >> 2 & 1;
    return opc & 8 ? 0 : opc & 1 ? 1 : opc & 2 ? -1 : 2;
}

_Static_assert(IR_vsetlane32 == IR_vsetlane8 + 2 && IR_vdup32 == IR_vdup8 + 2 && IR_vget32 == IR_vget8 + 2, "op + size");

LIFT(vmov_lane)
{
    u32 lane, n = d_number(i->vn, i->N);
    int size = lane_of(i, &lane);
    if (size < 0 || i->rt == 15) {
        undefined(l);
        return;
    }
    Val v = op1(l, IR_vdup8 + (u32)size, r(l, i->rt));
    v = ir_emit(l->ir, (OpCode)(IR_vsetlane8 + size), d(l, n), v, NO_VAL, lane);
    put_d(l, n, v);
}

LIFT(vmov_to_lane)
{
    u32 lane;
    int size = lane_of(i, &lane);
    if (size < 0 || i->rt == 15 || (size == 2 && i->U)) {
        undefined(l);
        return;
    }
    Val v = op1i(l, IR_vget8 + (u32)size, d(l, d_number(i->vn, i->N)), lane);
    if (!i->U && size < 2)
        v = size ? sx16_32(l, v) : sx8_32(l, v);
    put_r(l, i->rt, v);
}

LIFT(vdup_r)
{
    u32 n = d_number(i->vn, i->N);
    if ((i->B && i->E) || i->rt == 15 || (i->Q && n & 1)) {
        undefined(l);
        return;
    }
    Val v = op1(l, i->B ? IR_vdup8 : i->E ? IR_vdup16 : IR_vdup32, r(l, i->rt));
    if (i->Q)
        put_q(l, n / 2, v);
    else
        put_d(l, n, v);
}

/* -- loads and stores ------------------------------------------------------------------------------------------------------------------ */

static Address fp_address(Lift *l, const Insn *i)
{
    i32 scale = i->half ? 2 : 4, offset = i->u ? scale * i->imm8 : -scale * i->imm8;
    Val base = i->rn == 15 ? code_at(l, pc_value(l) & ~3ull) : rx(l, i->rn);
    return arm_address(l, base, offset);
}

LIFT(vldr)
{
    Address a = fp_address(l, i);
    if (i->half)
        put_state32(l, OFF_S(s_number(i->vd, i->D)), arm_load(l, 1, a));
    else if (i->sz)
        put_state64(l, OFF_D(d_number(i->vd, i->D)), in_order(l, 3, ld64(l, a.base, a.disp)));
    else
        put_state32(l, OFF_S(s_number(i->vd, i->D)), arm_load(l, 2, a));
}

LIFT(vstr)
{
    Address a = fp_address(l, i);
    if (i->half)
        arm_store(l, 1, a, get32(l, OFF_S(s_number(i->vd, i->D))));
    else if (i->sz)
        st64(l, a.base, a.disp, in_order(l, 3, get64(l, OFF_D(d_number(i->vd, i->D)))));
    else
        arm_store(l, 2, a, get32(l, OFF_S(s_number(i->vd, i->D))));
}


/* imm8 words; an odd number of them with double registers has a word more in memory (FLDMX). */
static void transfer(Lift *l, const Insn *i, bool loads, bool down, bool writes_back)
{
    u32 first = i->sz ? d_number(i->vd, i->D) : s_number(i->vd, i->D), n = i->sz ? i->imm8 / 2u : i->imm8;
    i32 bytes = 4 * i->imm8;
    Val v[32];
    if (!n || first + n > 32 || (i->sz && n > 16) || (i->rn == 15 && (writes_back || is_thumb(l)))) {
        undefined(l);
        return;
    }
    if (bytes > 64) /* ArmState.unused is meant for less */
        needs_branch(l);
    Val base = i->rn == 15 ? code_at(l, pc_value(l)) : rx(l, i->rn);
    Address a = arm_address(l, base, down ? -bytes : 0);
    for (u32 k = 0; k < n; k++) {
        Address at = {a.base, a.disp + (i32)(k << (2 + i->sz))};
        if (loads)
            v[k] = i->sz ? in_order(l, 3, ld64(l, at.base, at.disp)) : arm_load(l, 2, at);
        else if (i->sz)
            st64(l, at.base, at.disp, in_order(l, 3, get64(l, OFF_D(first + k))));
        else
            arm_store(l, 2, at, get32(l, OFF_S(first + k)));
    }
    if (writes_back)
        put_r(l, i->rn, add32(l, low_word(l, base), k32(l, (u32)(down ? -bytes : bytes))));
    for (u32 k = 0; k < n && loads; k++) {
        if (i->sz)
            put_state64(l, OFF_D(first + k), v[k]);
        else
            put_state32(l, OFF_S(first + k), v[k]);
    }
}

LIFT(vldm_ia) { transfer(l, i, true, false, i->w); }
LIFT(vstm_ia) { transfer(l, i, false, false, i->w); }
LIFT(vldm_db) { transfer(l, i, true, true, true); }
LIFT(vstm_db) { transfer(l, i, false, true, true); }

/* -- half precision: rows of their own -------------------------------------------------------------------------------------------------- */

SAME(vadd_h, vadd_f) SAME(vsub_h, vsub_f) SAME(vmul_h, vmul_f) SAME(vdiv_h, vdiv) SAME(vmaxnm_h, vmaxnm_f)
SAME(vminnm_h, vminnm_f) SAME(vnmul_h, vnmul) SAME(vmla_h, vmla_f) SAME(vmls_h, vmls_f) SAME(vnmls_h, vnmls)
SAME(vnmla_h, vnmla) SAME(vfma_h, vfma_f) SAME(vfms_h, vfms_f) SAME(vfnms_h, vfnms) SAME(vfnma_h, vfnma) SAME(vsqrt_h, vsqrt)
SAME(vrintr_h, vrintr) SAME(vrintz_h, vrintz_f) SAME(vrintx_h, vrintx_f) SAME(vrint_h, vrint_f) SAME(vabs_h, vabs_f)
SAME(vneg_h, vneg_f) SAME(vmov_f_imm_h, vmov_f_imm) SAME(vsel_h, vsel) SAME(vcmp_h, vcmp) SAME(vcmp_zero_h, vcmp_zero)
SAME(vcvt_to_int_h, vcvt_to_int) SAME(vcvt_rounded_h, vcvt_rounded) SAME(vcvt_of_int_h, vcvt_of_int)
SAME(vcvt_of_fixed_h, vcvt_of_fixed) SAME(vcvt_to_fixed_h, vcvt_to_fixed) SAME(vldr_h, vldr) SAME(vstr_h, vstr)
