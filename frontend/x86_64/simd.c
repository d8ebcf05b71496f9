/* SSE, AVX and MMX: volume 2. A YMM register is two halves, and its instructions are the XMM ones, twice; those that cross the halves
 * are at the end. What the host's instruction does it does here, too (lifter/native.def); plain arithmetic is the IR's own. */
#include "x86.h"

/* -- operands --------------------------------------------------------------------------------------------------------- */

static Val q_zero(Lift *l)
{
    return xtov(l, k64(l, 0));
}

static Val q_const(Lift *l, u64 low, u64 high)
{
    return vzip1_64(l, xtov(l, k64(l, low)), xtov(l, k64(l, high)));
}

static Val reg_half(Lift *l, u32 n, u32 half)
{
    return get128(l, half ? OFF_YMMH(n) : OFF_XMM(n));
}

/* Memory of 2 to 16 bytes, the rest zero. */
static Val q_load(Lift *l, Insn *i, u32 bytes, u32 offset, bool aligned)
{
    x86_address(l, i);
    i32 disp = i->ea_disp + (i32)offset;
    if (aligned)
        return ld128a(l, i->ea, disp);
    switch (bytes) {
    case 1: return ld8q(l, i->ea, disp);
    case 2: return ld16q(l, i->ea, disp);
    case 4: return ld32q(l, i->ea, disp);
    case 8: return ld64q(l, i->ea, disp);
    default: return ld128(l, i->ea, disp);
    }
}

static u32 spec_bytes(u8 spec)
{
    return spec == W8 ? 8 : spec == W4 ? 4 : spec == W2 ? 2 : 16;
}

LIFT(movaps);
LIFT(movaps_store);
LIFT(movups);
LIFT(pcmpistri);
LIFT(pcmpistrm);
LIFT(pcmpestri);
LIFT(pcmpestrm);

/* With VEX it is MOVAPS and its like alone; without, all but MOVUPS, its like, the string comparisons and (on AMD's processors) SHA. */
static bool wants_aligned(const Insn *i)
{
    LiftFn *f = i->row->lift;
    if (f == x86_lift_movaps || f == x86_lift_movaps_store)
        return true;
    return !i->vex && !(i->map != M0F && i->row->pp == NP) && f != x86_lift_movups && f != x86_lift_pcmpistri && f != x86_lift_pcmpistrm && f != x86_lift_pcmpestri &&
           f != x86_lift_pcmpestrm;
}

/* Half of operand n. */
static Val q_get(Lift *l, Insn *i, u32 n, u32 half)
{
    u8 spec = i->row->arg[n];
    switch ((ArgSpec)spec) {
    case Vx: return reg_half(l, i->reg, half);
    case Hx: return reg_half(l, i->vex ? i->vvvv : i->reg, half);
    case Lx: return reg_half(l, i->imm8 >> 4, half);
    default: break;
    }
    if (!i->has_mem)
        return reg_half(l, i->rm, half);
    bool aligned = spec == Wx && wants_aligned(i), both = i->vex && i->l256;
    if (aligned && both && !half)
        check_align(l, x86_linear(l, i), 32);
    return q_load(l, i, spec_bytes(spec), 16 * half, aligned && !both);
}

static bool is_scalar(const Insn *i)
{
    for (u32 n = 0; n < 4; n++)
        if (i->row->arg[n] == W8 || i->row->arg[n] == W4 || i->row->arg[n] == W2)
            return true;
    return false;
}

static u32 halves(const Insn *i)
{
    return i->vex && i->l256 && !is_scalar(i) ? 2 : 1;
}

/* Whether it is known that there are zeros. */
static bool is_zero(const Lift *l, u32 offset)
{
    Val v = l->known[offset / 8];
    if (v == NO_VAL || l->known_type[offset / 8] != TYPE_Q || l->ir->ops[v].code != IR_xtov)
        return false;
    const Op *from = &l->ir->ops[l->ir->ops[v].arg[0]];
    return from->code == IR_const64 && !from->imm;
}

/* Without VEX the upper half stays; with it and 128 bits it becomes zero. */
static void put_reg(Lift *l, Insn *i, u32 reg, Val low, Val high)
{
    put128(l, OFF_XMM(reg), low);
    if (i->vex && high != NO_VAL)
        put128(l, OFF_YMMH(reg), high);
    else if (i->vex && !is_zero(l, OFF_YMMH(reg)))
        put128(l, OFF_YMMH(reg), q_zero(l));
}

static void q_put(Lift *l, Insn *i, Val low, Val high)
{
    put_reg(l, i, i->reg, low, high);
}

/* The two operands that an operation has besides the destination: the last two vectors. */
static u32 last_vector(const Insn *i)
{
    u32 n = 3;
    while (n && (i->row->arg[n] == NOARG || i->row->arg[n] == Ib || i->row->arg[n] == Lx))
        n--;
    return n;
}

static Val emit(Lift *l, u16 op, Val a, Val b, Val c, u64 imm)
{
    return ir_emit(l->ir, op, a, b, c, (i64)imm);
}

/* -- MMX -------------------------------------------------------------------------------------------------------------- */

typedef enum Mmx {
    MMX_SAME, /* the lower half of what the XMM operation does */
    MMX_HIGH, /* interleaves the upper halves of 64 bits */
    MMX_BOTH, /* of the two operands as one of 128 bits */
    MMX_INDEX /* the second operand is indices into 8 bytes */
} Mmx;

static Val mm_get(Lift *l, u32 n)
{
    return xtov(l, call_helper(l, HELPER_mmx_get, k64(l, n & 7), NO_VAL));
}

static Val mm_operand(Lift *l, Insn *i)
{
    return i->has_mem ? q_load(l, i, 8, 0, false) : mm_get(l, i->rm);
}

static void mm_put(Lift *l, u32 n, Val v)
{
    call_helper(l, HELPER_mmx_put, k64(l, n & 7), vtox(l, v));
}

static void mmx2(Lift *l, Insn *i, u16 op, Mmx how)
{
    Val b = mm_operand(l, i), a = mm_get(l, i->reg), r;
    switch (how) {
    case MMX_HIGH: r = vhigh64(l, emit(l, op == IR_vzip2_8 ? IR_vzip1_8 : op == IR_vzip2_16 ? IR_vzip1_16 : IR_vzip1_32, a, b, NO_VAL, 0)); break;
    case MMX_BOTH:
        a = vzip1_64(l, a, b);
        r = emit(l, op, a, a, NO_VAL, 0);
        break;
    case MMX_INDEX: r = emit(l, op, a, vand(l, b, xtov(l, k64(l, 0x8787878787878787))), NO_VAL, 0); break;
    default: r = emit(l, op, a, b, NO_VAL, 0); break;
    }
    mm_put(l, i->reg, r);
}

/* -- operations by their form ------------------------------------------------------------------------------------------- */

static void op2_mmx(Lift *l, Insn *i, u16 op, Mmx how)
{
    if (i->row->arg[0] == Pq) {
        mmx2(l, i, op, how);
        return;
    }
    u32 last = last_vector(i), n = halves(i);
    Val b[2], r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < n; h++)
        b[h] = q_get(l, i, last, h);
    for (u32 h = 0; h < n; h++)
        r[h] = emit(l, op, q_get(l, i, last - 1, h), b[h], NO_VAL, 0);
    q_put(l, i, r[0], r[1]);
}

static void op2(Lift *l, Insn *i, u16 op)
{
    op2_mmx(l, i, op, MMX_SAME);
}

/* With an immediate for each half. */
static void op2i(Lift *l, Insn *i, u16 op, u64 imm, u64 imm_high)
{
    u32 last = last_vector(i), n = halves(i);
    Val b[2], r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < n; h++)
        b[h] = q_get(l, i, last, h);
    for (u32 h = 0; h < n; h++)
        r[h] = emit(l, op, q_get(l, i, last - 1, h), b[h], NO_VAL, h ? imm_high : imm);
    q_put(l, i, r[0], r[1]);
}

static void op1i(Lift *l, Insn *i, u16 op, u64 imm)
{
    u32 last = last_vector(i), n = halves(i);
    Val r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < n; h++)
        r[h] = q_get(l, i, last, h);
    for (u32 h = 0; h < n; h++)
        r[h] = emit(l, op, r[h], NO_VAL, NO_VAL, imm);
    q_put(l, i, r[0], r[1]);
}

static void op1(Lift *l, Insn *i, u16 op)
{
    if (i->row->arg[0] == Pq)
        mm_put(l, i->reg, emit(l, op, mm_operand(l, i), NO_VAL, NO_VAL, 0));
    else
        op1i(l, i, op, 0);
}

/* Shifts of all lanes by the lower half of a register, or 128 bits of memory. */
static void shift_all(Lift *l, Insn *i, u16 op)
{
    if (i->row->arg[0] == Pq) {
        mmx2(l, i, op, MMX_SAME);
        return;
    }
    Val b = q_get(l, i, 2, 0), r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < halves(i); h++)
        r[h] = emit(l, op, q_get(l, i, 1, h), b, NO_VAL, 0);
    q_put(l, i, r[0], r[1]);
}

#define SHIFT_ALL(name) LIFT(name) { shift_all(l, i, IR_n_##name); }
#define OP2(name, op) LIFT(name) { op2(l, i, IR_##op); }
#define OP2M(name, op, how) LIFT(name) { op2_mmx(l, i, IR_##op, how); }
#define OP1(name, op) LIFT(name) { op1(l, i, IR_##op); }
#define OP1I(name) LIFT(name) { op1i(l, i, IR_n_##name, i->imm); }
#define OP2I(name) LIFT(name) { op2i(l, i, IR_n_##name, i->imm, i->imm); }
#define NAT2(name) OP2(name, n_##name)
#define NAT1(name) OP1(name, n_##name)

OP2(punpcklbw, vzip1_8) OP2(punpcklwd, vzip1_16) OP2(punpckldq, vzip1_32) OP2(punpcklqdq, vzip1_64)
OP2M(punpckhbw, vzip2_8, MMX_HIGH) OP2M(punpckhwd, vzip2_16, MMX_HIGH) OP2M(punpckhdq, vzip2_32, MMX_HIGH) OP2(punpckhqdq, vzip2_64)
OP2M(packsswb, n_packsswb, MMX_BOTH) OP2M(packuswb, n_packuswb, MMX_BOTH) OP2M(packssdw, n_packssdw, MMX_BOTH) NAT2(packusdw)
OP2(pcmpgtb, vcmgt8) OP2(pcmpgtw, vcmgt16) OP2(pcmpgtd, vcmgt32) OP2(pcmpgtq, vcmgt64)
OP2(pcmpeqb, vcmeq8) OP2(pcmpeqw, vcmeq16) OP2(pcmpeqd, vcmeq32) OP2(pcmpeqq, vcmeq64)
SHIFT_ALL(psrlw) SHIFT_ALL(psrld) SHIFT_ALL(psrlq) SHIFT_ALL(psraw) SHIFT_ALL(psrad) SHIFT_ALL(psllw) SHIFT_ALL(pslld) SHIFT_ALL(psllq)
OP2(paddb, vadd8) OP2(paddw, vadd16) OP2(paddd, vadd32) OP2(paddq, vadd64)
OP2(psubb, vsub8) OP2(psubw, vsub16) OP2(psubd, vsub32) OP2(psubq, vsub64)
OP2(pmullw, vmul16) OP2(pmulld, vmul32)
NAT2(psubusb) NAT2(psubusw) NAT2(paddusb) NAT2(paddusw) NAT2(psubsb) NAT2(psubsw) NAT2(paddsb) NAT2(paddsw)
OP2(pminub, vumin8) OP2(pmaxub, vumax8) OP2(pminsw, vsmin16) OP2(pmaxsw, vsmax16) OP2(pminsb, vsmin8) OP2(pmaxsb, vsmax8)
OP2(pminsd, vsmin32) OP2(pmaxsd, vsmax32) OP2(pminuw, vumin16) OP2(pmaxuw, vumax16) OP2(pminud, vumin32) OP2(pmaxud, vumax32)
OP2(pand, vand) OP2(por, vor)
OP2(pavgb, vurhadd8) OP2(pavgw, vurhadd16)
NAT2(pmulhuw) NAT2(pmulhw) NAT2(pmuludq) NAT2(pmuldq) NAT2(pmaddwd) NAT2(psadbw) NAT2(pmulhrsw) NAT2(pmaddubsw)
OP2M(pshufb, n_pshufb, MMX_INDEX)
OP2M(phaddw, n_phaddw, MMX_BOTH) OP2M(phaddd, n_phaddd, MMX_BOTH) OP2M(phaddsw, n_phaddsw, MMX_BOTH)
OP2M(phsubw, n_phsubw, MMX_BOTH) OP2M(phsubd, n_phsubd, MMX_BOTH) OP2M(phsubsw, n_phsubsw, MMX_BOTH)
NAT2(psignb) NAT2(psignw) NAT2(psignd)
OP1(pabsb, vabs8) OP1(pabsw, vabs16) OP1(pabsd, vabs32) NAT1(phminposuw)
NAT2(aesenc) NAT2(aesenclast) NAT2(aesdec) NAT2(aesdeclast) NAT1(aesimc) OP1I(aeskeygenassist) OP2I(pclmulqdq)
NAT2(sha1nexte) NAT2(sha1msg1) NAT2(sha1msg2) NAT2(sha256msg1) NAT2(sha256msg2) OP2I(sha1rnds4)
OP1I(pshufd) OP1I(pshuflw) OP1I(pshufhw) OP2I(shufps)
#define FP4(name) NAT2(name##ps) NAT2(name##pd) NAT2(name##ss) NAT2(name##sd)
FP4(add) FP4(sub) FP4(mul) FP4(div) FP4(min) FP4(max)
NAT1(sqrtps) NAT1(sqrtpd) NAT2(sqrtss) NAT2(sqrtsd) NAT1(rsqrtps) NAT2(rsqrtss) NAT1(rcpps) NAT2(rcpss)
NAT2(haddps) NAT2(haddpd) NAT2(hsubps) NAT2(hsubpd) NAT2(addsubps) NAT2(addsubpd)
OP1I(roundps) OP1I(roundpd) OP2I(roundss) OP2I(roundsd) OP2I(dpps) OP2I(dppd)
NAT2(cvtss2sd) NAT2(cvtsd2ss) NAT1(cvtdq2ps) NAT1(cvtps2dq) NAT1(cvttps2dq)
NAT2(vpsrlvd) NAT2(vpsrlvq) NAT2(vpsravd) NAT2(vpsllvd) NAT2(vpsllvq)

/* Of a register with itself it is zero, whatever that holds. */
LIFT(pxor)
{
    bool same = i->row->arg[0] != Pq && !i->has_mem && i->rm == (i->vex ? i->vvvv : i->reg);
    if (same)
        q_put(l, i, q_zero(l), halves(i) == 2 ? q_zero(l) : NO_VAL);
    else
        op2(l, i, IR_vxor);
}

LIFT(pandn)
{
    if (i->row->arg[0] == Pq) {
        Val b = mm_operand(l, i);
        mm_put(l, i->reg, vandn(l, b, mm_get(l, i->reg)));
        return;
    }
    u32 n = halves(i);
    Val b[2], r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < n; h++)
        b[h] = q_get(l, i, 2, h);
    for (u32 h = 0; h < n; h++)
        r[h] = vandn(l, b[h], q_get(l, i, 1, h));
    q_put(l, i, r[0], r[1]);
}

LIFT(sha256rnds2)
{
    Val b = q_get(l, i, 2, 0);
    q_put(l, i, n_sha256rnds2(l, reg_half(l, i->reg, 0), b, reg_half(l, 0, 0)), NO_VAL);
}

LIFT(shufpd)
{
    op2i(l, i, IR_n_shufpd, i->imm & 3, i->imm >> 2 & 3);
}

LIFT(vpermilpd_i)
{
    Val a[2], r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < halves(i); h++)
        a[h] = q_get(l, i, 1, h);
    for (u32 h = 0; h < halves(i); h++)
        r[h] = emit(l, IR_n_shufpd, a[h], a[h], NO_VAL, i->imm >> 2 * h & 3);
    q_put(l, i, r[0], r[1]);
}

LIFT(pblendw)
{
    op2i(l, i, IR_n_pblendw, i->imm, i->imm);
}

LIFT(blendps)
{
    op2i(l, i, IR_n_blendps, i->imm & 15, i->imm >> 4);
}

LIFT(blendpd)
{
    op2i(l, i, IR_n_blendpd, i->imm & 3, i->imm >> 2 & 3);
}

LIFT(mpsadbw)
{
    op2i(l, i, IR_n_mpsadbw, i->imm & 7, i->imm >> 3 & 7);
}

/* Bytes imm up in a:b, a being the first operand. */
static Val align_right(Lift *l, Val a, Val b, u64 imm)
{
    if (imm >= 32)
        return q_zero(l);
    if (imm == 0)
        return b;
    if (imm == 16)
        return a;
    return imm < 16 ? emit(l, IR_vext, b, a, NO_VAL, imm) : emit(l, IR_vext, a, q_zero(l), NO_VAL, imm - 16);
}

LIFT(palignr)
{
    if (i->row->arg[0] == Pq) {
        Val b = mm_operand(l, i), a = mm_get(l, i->reg);
        mm_put(l, i->reg, align_right(l, q_zero(l), vzip1_64(l, b, a), i->imm > 16 ? 16 : i->imm));
        return;
    }
    Val b[2], r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < halves(i); h++)
        b[h] = q_get(l, i, 2, h);
    for (u32 h = 0; h < halves(i); h++)
        r[h] = align_right(l, q_get(l, i, 1, h), b[h], i->imm);
    q_put(l, i, r[0], r[1]);
}

LIFT(pshufw)
{
    mm_put(l, i->reg, n_pshuflw(l, mm_operand(l, i), i->imm));
}

static void blend_variable(Lift *l, Insn *i, u16 spread, u64 by)
{
    Val b[2], r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < halves(i); h++)
        b[h] = q_get(l, i, 2, h);
    for (u32 h = 0; h < halves(i); h++) {
        Val mask = i->vex ? q_get(l, i, 3, h) : reg_half(l, 0, 0);
        r[h] = vbsl(l, emit(l, spread, mask, NO_VAL, NO_VAL, by), b[h], q_get(l, i, 1, h));
    }
    q_put(l, i, r[0], r[1]);
}

LIFT(pblendvb)
{
    blend_variable(l, i, IR_vsshri8, 7);
}

LIFT(blendvps)
{
    blend_variable(l, i, IR_vsshri32, 31);
}

LIFT(blendvpd)
{
    blend_variable(l, i, IR_vsshri64, 63);
}

/* -- shifts by an immediate: Wx is the source, VEX.vvvv or itself the destination ---------------------------------------- */

static Val shifted(Lift *l, u16 op, u32 bits, bool arithmetic, Val v, u64 imm)
{
    if (imm >= bits && !arithmetic)
        return q_zero(l);
    return emit(l, op, v, NO_VAL, NO_VAL, imm >= bits ? bits - 1 : imm);
}

static void shift_i(Lift *l, Insn *i, u16 op, u32 bits, bool arithmetic)
{
    if (i->row->arg[0] == Qq) {
        mm_put(l, i->rm, shifted(l, op, bits, arithmetic, mm_get(l, i->rm), i->imm));
        return;
    }
    Val r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < halves(i); h++)
        r[h] = shifted(l, op, bits, arithmetic, reg_half(l, i->rm, h), i->imm);
    put_reg(l, i, i->vex ? i->vvvv : i->rm, r[0], r[1]);
}

#define SHIFT_I(name, op, bits, arithmetic) LIFT(name) { shift_i(l, i, IR_##op, bits, arithmetic); }
SHIFT_I(psrlw_i, vushri16, 16, false) SHIFT_I(psrld_i, vushri32, 32, false) SHIFT_I(psrlq_i, vushri64, 64, false)
SHIFT_I(psraw_i, vsshri16, 16, true) SHIFT_I(psrad_i, vsshri32, 32, true)
SHIFT_I(psllw_i, vshli16, 16, false) SHIFT_I(pslld_i, vshli32, 32, false) SHIFT_I(psllq_i, vshli64, 64, false)

LIFT(psrldq)
{
    Val r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < halves(i); h++)
        r[h] = align_right(l, q_zero(l), reg_half(l, i->rm, h), i->imm > 16 ? 16 : i->imm);
    put_reg(l, i, i->vex ? i->vvvv : i->rm, r[0], r[1]);
}

LIFT(pslldq)
{
    Val r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < halves(i); h++)
        r[h] = align_right(l, reg_half(l, i->rm, h), q_zero(l), i->imm > 15 ? 0 : 16 - i->imm);
    put_reg(l, i, i->vex ? i->vvvv : i->rm, r[0], r[1]);
}

/* -- moves ------------------------------------------------------------------------------------------------------------- */

LIFT(movups)
{
    Val r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < halves(i); h++)
        r[h] = q_get(l, i, 1, h);
    q_put(l, i, r[0], r[1]);
}

LIFT(movups_store)
{
    if (!i->has_mem) {
        put_reg(l, i, i->rm, reg_half(l, i->reg, 0), halves(i) == 2 ? reg_half(l, i->reg, 1) : NO_VAL);
        return;
    }
    x86_address(l, i);
    bool aligned = i->row->lift == x86_lift_movaps_store;
    if (aligned && halves(i) == 1) {
        st128a(l, i->ea, i->ea_disp, reg_half(l, i->reg, 0));
        return;
    }
    if (aligned)
        check_align(l, x86_linear(l, i), 32);
    for (u32 h = 0; h < halves(i); h++)
        st128(l, i->ea, i->ea_disp + 16 * (i32)h, reg_half(l, i->reg, h));
}

LIFT(movaps)
{
    x86_lift_movups(l, i);
}

LIFT(movaps_store)
{
    x86_lift_movups_store(l, i);
}

/* From memory the rest becomes zero, from a register it is the other operand's. */
static void scalar_load(Lift *l, Insn *i, u16 set)
{
    Val v = q_get(l, i, last_vector(i), 0);
    q_put(l, i, i->has_mem ? v : emit(l, set, q_get(l, i, 1, 0), v, NO_VAL, 0), NO_VAL);
}

LIFT(movss_load)
{
    scalar_load(l, i, IR_vsetlane32);
}

LIFT(movsd_load)
{
    scalar_load(l, i, IR_vsetlane64);
}

static void scalar_store(Lift *l, Insn *i, bool is_double)
{
    Val v = reg_half(l, i->reg, 0);
    if (!i->has_mem) {
        u32 other = i->vex ? i->vvvv : i->rm;
        put_reg(l, i, i->rm, emit(l, is_double ? IR_vsetlane64 : IR_vsetlane32, reg_half(l, other, 0), v, NO_VAL, 0), NO_VAL);
        return;
    }
    x86_address(l, i);
    if (is_double)
        st64q(l, i->ea, i->ea_disp, v);
    else
        st32q(l, i->ea, i->ea_disp, v);
}

LIFT(movss_store)
{
    scalar_store(l, i, false);
}

LIFT(movsd_store)
{
    scalar_store(l, i, true);
}

LIFT(movlps)
{
    Val v = q_get(l, i, 2, 0);
    q_put(l, i, emit(l, IR_vsetlane64, q_get(l, i, 1, 0), v, NO_VAL, 0), NO_VAL);
}

LIFT(movhlps)
{
    Val v = vhigh64(l, q_get(l, i, 2, 0));
    q_put(l, i, emit(l, IR_vsetlane64, q_get(l, i, 1, 0), v, NO_VAL, 0), NO_VAL);
}

LIFT(movhps)
{
    Val v = q_get(l, i, 2, 0);
    q_put(l, i, vzip1_64(l, q_get(l, i, 1, 0), v), NO_VAL);
}

LIFT(movlps_store)
{
    x86_address(l, i);
    st64q(l, i->ea, i->ea_disp, reg_half(l, i->reg, 0));
}

LIFT(movhps_store)
{
    x86_address(l, i);
    st64q(l, i->ea, i->ea_disp, vhigh64(l, reg_half(l, i->reg, 0)));
}

LIFT(movq)
{
    Val v = q_get(l, i, 1, 0);
    q_put(l, i, i->has_mem ? v : vlow64(l, v), NO_VAL);
}

LIFT(movq_store)
{
    Val v = reg_half(l, i->reg, 0);
    if (i->has_mem) {
        x86_address(l, i);
        st64q(l, i->ea, i->ea_disp, v);
    } else {
        put_reg(l, i, i->rm, vlow64(l, v), NO_VAL);
    }
}

LIFT(movd)
{
    Val v = x86_get(l, i, 1);
    q_put(l, i, i->w ? xtov(l, v) : wtov(l, v), NO_VAL);
}

LIFT(movd_store)
{
    Val v = reg_half(l, i->reg, 0);
    x86_put(l, i, 0, i->w ? vtox(l, v) : vtow(l, v));
}

LIFT(movd_mmx)
{
    Val v = x86_get(l, i, 1);
    call_helper(l, HELPER_mmx_put, k64(l, i->reg & 7), i->w ? v : zx32_64(l, v));
}

LIFT(movd_mmx_store)
{
    Val v = call_helper(l, HELPER_mmx_get, k64(l, i->reg & 7), NO_VAL);
    x86_put(l, i, 0, i->w ? v : lo32(l, v));
}

LIFT(movq_mmx)
{
    mm_put(l, i->reg, mm_operand(l, i));
}

LIFT(movq_mmx_store)
{
    Val v = mm_get(l, i->reg);
    if (i->has_mem) {
        x86_address(l, i);
        st64q(l, i->ea, i->ea_disp, v);
    } else {
        mm_put(l, i->rm, v);
    }
}

LIFT(movq2dq)
{
    q_put(l, i, mm_get(l, i->rm), NO_VAL);
}

LIFT(movdq2q)
{
    mm_put(l, i->reg, reg_half(l, i->rm, 0));
}

LIFT(movddup)
{
    if (i->l256) {
        Val a[2];
        for (u32 h = 0; h < 2; h++)
            a[h] = i->has_mem ? q_load(l, i, 16, 16 * h, false) : reg_half(l, i->rm, h);
        q_put(l, i, vduplane64(l, a[0], 0), vduplane64(l, a[1], 0));
        return;
    }
    q_put(l, i, vduplane64(l, q_get(l, i, 1, 0), 0), NO_VAL);
}

LIFT(movsldup)
{
    op1i(l, i, IR_n_pshufd, 0xa0);
}

LIFT(movshdup)
{
    op1i(l, i, IR_n_pshufd, 0xf5);
}

/* Stores the lanes whose mask's top bit is set: others go nowhere. */
static void store_masked(Lift *l, u32 bytes, Val base, i32 disp, Val v, Val mask)
{
    Val nowhere = get64(l, OFF(nowhere));
    for (u32 n = 0; n < 16 / bytes; n++) {
        Val m, x;
        if (bytes == 1)
            m = and32(l, vget8(l, mask, n), k32(l, 0x80));
        else if (bytes == 4)
            m = shr32(l, vget32(l, mask, n), k32(l, 31));
        else
            m = lo32(l, shr64(l, vget64(l, mask, n), k64(l, 63)));
        x = bytes == 1 ? vget8(l, v, n) : bytes == 4 ? vget32(l, v, n) : vget64(l, v, n);
        Val at = select64(l, m, add64(l, base, k64(l, (u64)(i64)(disp + (i32)(n * bytes)))), nowhere);
        x86_store(l, bytes, at, 0, x);
    }
}

LIFT(maskmovdqu)
{
    Val at = get64(l, OFF_R(RDI));
    if (i->seg)
        at = add64(l, at, get64(l, i->seg == 0x64 ? OFF(fs) : OFF(gs)));
    store_masked(l, 1, at, 0, reg_half(l, i->reg, 0), reg_half(l, i->rm, 0));
}

LIFT(maskmovq)
{
    Val at = get64(l, OFF_R(RDI)), v = mm_get(l, i->reg), mask = mm_get(l, i->rm);
    store_masked(l, 1, at, 0, v, mask); /* the upper half of the mask is zero */
}

static void mask_bits(Lift *l, Insn *i, u16 op, u32 bits)
{
    Val m = emit(l, op, reg_half(l, i->rm, 0), NO_VAL, NO_VAL, 0);
    if (i->l256)
        m = or32(l, m, shl32(l, emit(l, op, reg_half(l, i->rm, 1), NO_VAL, NO_VAL, 0), k32(l, bits)));
    put64(l, OFF_R(i->reg), zx32_64(l, m));
}

LIFT(movmskps)
{
    mask_bits(l, i, IR_n_movmskps, 4);
}

LIFT(movmskpd)
{
    mask_bits(l, i, IR_n_movmskpd, 2);
}

LIFT(pmovmskb)
{
    mask_bits(l, i, IR_n_pmovmskb, 16);
}

LIFT(pmovmskb_mmx)
{
    Val m = n_pmovmskb(l, mm_get(l, i->rm));
    put64(l, OFF_R(i->reg), zx32_64(l, m));
}

/* -- lanes and general registers ------------------------------------------------------------------------------------------ */

static void extract(Lift *l, Insn *i, u32 bytes, Val v)
{
    if (i->has_mem) {
        x86_address(l, i);
        x86_store(l, bytes, i->ea, i->ea_disp, v);
    } else {
        put64(l, OFF_R(i->rm), bytes == 8 ? v : zx32_64(l, v));
    }
}

LIFT(pextrb)
{
    extract(l, i, 1, vget8(l, reg_half(l, i->reg, 0), i->imm & 15));
}

LIFT(pextrw_m)
{
    extract(l, i, 2, vget16(l, reg_half(l, i->reg, 0), i->imm & 7));
}

LIFT(pextrd)
{
    Val v = reg_half(l, i->reg, 0);
    if (i->w)
        extract(l, i, 8, vget64(l, v, i->imm & 1));
    else
        extract(l, i, 4, vget32(l, v, i->imm & 3));
}

LIFT(extractps)
{
    extract(l, i, 4, vget32(l, reg_half(l, i->reg, 0), i->imm & 3));
}

LIFT(pextrw)
{
    put64(l, OFF_R(i->reg), zx32_64(l, vget16(l, reg_half(l, i->rm, 0), i->imm & 7)));
}

LIFT(pextrw_mmx)
{
    Val v = vget16(l, mm_get(l, i->rm), i->imm & 3);
    put64(l, OFF_R(i->reg), zx32_64(l, v));
}

/* A general register's low part as it stands: there are no high byte registers here. */
static Val low_part(Lift *l, Insn *i, u32 n)
{
    return i->has_mem ? x86_get(l, i, n) : get32(l, OFF_R(i->rm));
}

LIFT(pinsrb)
{
    Val v = vdup8(l, low_part(l, i, 2));
    q_put(l, i, emit(l, IR_vsetlane8, q_get(l, i, 1, 0), v, NO_VAL, i->imm & 15), NO_VAL);
}

LIFT(pinsrw)
{
    Val v = vdup16(l, low_part(l, i, 2));
    q_put(l, i, emit(l, IR_vsetlane16, q_get(l, i, 1, 0), v, NO_VAL, i->imm & 7), NO_VAL);
}

LIFT(pinsrw_mmx)
{
    Val v = vdup16(l, low_part(l, i, 1));
    mm_put(l, i->reg, emit(l, IR_vsetlane16, mm_get(l, i->reg), v, NO_VAL, i->imm & 3));
}

LIFT(pinsrd)
{
    Val v = x86_get(l, i, 2);
    if (i->w)
        q_put(l, i, emit(l, IR_vsetlane64, q_get(l, i, 1, 0), vdup64(l, v), NO_VAL, i->imm & 1), NO_VAL);
    else
        q_put(l, i, emit(l, IR_vsetlane32, q_get(l, i, 1, 0), vdup32(l, v), NO_VAL, i->imm & 3), NO_VAL);
}

LIFT(insertps)
{
    op2i(l, i, IR_n_insertps, i->has_mem ? i->imm & 0x3f : i->imm, 0);
}

/* -- comparison ----------------------------------------------------------------------------------------------------------- */

_Static_assert(IR_n_cmpeqsd == IR_n_cmpeqps + 3 && IR_n_cmpordps == IR_n_cmpeqps + 28, "comparisons are in their numbers' order");

static void compare(Lift *l, Insn *i, u32 type, u16 avx)
{
    if (i->vex && i->imm & 0x18)
        op2i(l, i, avx, i->imm & 31, i->imm & 31);
    else
        op2(l, i, (u16)(IR_n_cmpeqps + 4 * (i->imm & 7) + type));
}

LIFT(cmpps)
{
    compare(l, i, 0, IR_n_cmp_avxps);
}

LIFT(cmppd)
{
    compare(l, i, 1, IR_n_cmp_avxpd);
}

LIFT(cmpss)
{
    compare(l, i, 2, IR_n_cmp_avxss);
}

LIFT(cmpsd)
{
    compare(l, i, 3, IR_n_cmp_avxsd);
}

#define COMPARE_FLAGS(name) \
    LIFT(name) \
    { \
        Val b = q_get(l, i, 1, 0); \
        x86_flags_fcmp(l, n_##name(l, reg_half(l, i->reg, 0), b)); \
    }
COMPARE_FLAGS(comiss)
COMPARE_FLAGS(comisd)
COMPARE_FLAGS(ucomiss)
COMPARE_FLAGS(ucomisd)

static void test(Lift *l, Insn *i, u64 mask)
{
    Val flags = NO_VAL;
    for (u32 h = 0; h < halves(i); h++) {
        Val b = q_get(l, i, 1, h);
        if (mask)
            b = vand(l, b, vdup64(l, k64(l, mask)));
        Val f = n_ptest(l, reg_half(l, i->reg, h), b);
        flags = h ? and32(l, flags, f) : f;
    }
    x86_flags_fcmp(l, and32(l, flags, k32(l, X86_CF | X86_ZF)));
}

LIFT(ptest)
{
    test(l, i, 0);
}

LIFT(vtestps)
{
    test(l, i, 0x8000000080000000);
}

LIFT(vtestpd)
{
    test(l, i, 1ull << 63);
}

/* A length in EAX or RAX, as 32 bits. */
static Val string_length(Lift *l, Insn *i, u32 reg)
{
    Val v = get64(l, OFF_R(reg));
    if (!i->w)
        return v;
    return select64(l, eq64(l, v, sx32_64(l, lo32(l, v))), v, k64(l, 16));
}

static void string_compare(Lift *l, Insn *i, bool explicit_, bool mask)
{
    Val b = q_get(l, i, 1, 0), a = reg_half(l, i->reg, 0), c = NO_VAL;
    if (explicit_)
        c = vzip1_64(l, xtov(l, string_length(l, i, RAX)), xtov(l, string_length(l, i, RDX)));
    Val r = emit(l, explicit_ ? IR_n_pcmpestri : IR_n_pcmpistri, a, b, c, i->imm);
    if (mask)
        put_reg(l, i, 0, emit(l, explicit_ ? IR_n_pcmpestrm : IR_n_pcmpistrm, a, b, c, i->imm), NO_VAL);
    else
        put64(l, OFF_R(RCX), and64(l, r, k64(l, 0xffffffff)));
    Val ax = lo32(l, shr64(l, r, k64(l, 32)));
    Val low = and32(l, shr32(l, ax, k32(l, 8)), k32(l, X86_CF | X86_ZF | X86_SF));
    x86_flags_eflags(l, or32(l, low, shl32(l, and32(l, ax, k32(l, 1)), k32(l, 11))));
}

LIFT(pcmpistri)
{
    string_compare(l, i, false, false);
}

LIFT(pcmpistrm)
{
    string_compare(l, i, false, true);
}

LIFT(pcmpestri)
{
    string_compare(l, i, true, false);
}

LIFT(pcmpestrm)
{
    string_compare(l, i, true, true);
}

/* -- conversion ----------------------------------------------------------------------------------------------------------- */

LIFT(cvtsi2ss)
{
    Val v = x86_get(l, i, 2), a = q_get(l, i, 1, 0);
    q_put(l, i, i->w ? n_cvtsi2ss_x(l, a, v) : n_cvtsi2ss_w(l, a, v), NO_VAL);
}

LIFT(cvtsi2sd)
{
    Val v = x86_get(l, i, 2), a = q_get(l, i, 1, 0);
    q_put(l, i, i->w ? n_cvtsi2sd_x(l, a, v) : n_cvtsi2sd_w(l, a, v), NO_VAL);
}

#define TO_INTEGER(name) \
    LIFT(name) \
    { \
        Val v = q_get(l, i, 1, 0); \
        x86_put(l, i, 0, i->w ? n_##name##_x(l, v) : n_##name##_w(l, v)); \
    }
TO_INTEGER(cvtss2si)
TO_INTEGER(cvtsd2si)
TO_INTEGER(cvttss2si)
TO_INTEGER(cvttsd2si)

LIFT(cvtpi2ps)
{
    Val v = n_cvtdq2ps(l, mm_operand(l, i));
    q_put(l, i, emit(l, IR_vsetlane64, reg_half(l, i->reg, 0), v, NO_VAL, 0), NO_VAL);
}

LIFT(cvtpi2pd)
{
    q_put(l, i, n_cvtdq2pd(l, mm_operand(l, i)), NO_VAL);
}

LIFT(cvttps2pi)
{
    mm_put(l, i->reg, n_cvttps2dq(l, vlow64(l, q_get(l, i, 1, 0))));
}

LIFT(cvtps2pi)
{
    mm_put(l, i->reg, n_cvtps2dq(l, vlow64(l, q_get(l, i, 1, 0))));
}

LIFT(cvttpd2pi)
{
    mm_put(l, i->reg, n_cvttpd2dq(l, q_get(l, i, 1, 0)));
}

LIFT(cvtpd2pi)
{
    mm_put(l, i->reg, n_cvtpd2dq(l, q_get(l, i, 1, 0)));
}

/* From 64 bits to 128, or from 128 to 256. */
static void widen(Lift *l, Insn *i, u16 op)
{
    if (!i->l256) {
        Val v = q_get(l, i, 1, 0);
        q_put(l, i, emit(l, op, v, NO_VAL, NO_VAL, 0), NO_VAL);
        return;
    }
    Val v = i->has_mem ? q_load(l, i, 16, 0, false) : reg_half(l, i->rm, 0);
    Val low = emit(l, op, v, NO_VAL, NO_VAL, 0);
    q_put(l, i, low, emit(l, op, vhigh64(l, v), NO_VAL, NO_VAL, 0));
}

LIFT(cvtps2pd)
{
    widen(l, i, IR_n_cvtps2pd);
}

LIFT(cvtdq2pd)
{
    widen(l, i, IR_n_cvtdq2pd);
}

LIFT(vcvtph2ps)
{
    widen(l, i, IR_n_vcvtph2ps);
}

static void narrow(Lift *l, Insn *i, u16 op)
{
    Val a[2];
    for (u32 h = 0; h < halves(i); h++)
        a[h] = q_get(l, i, 1, h);
    Val r = emit(l, op, a[0], NO_VAL, NO_VAL, 0);
    if (i->l256)
        r = vzip1_64(l, r, emit(l, op, a[1], NO_VAL, NO_VAL, 0));
    q_put(l, i, r, NO_VAL);
}

LIFT(cvtpd2ps)
{
    narrow(l, i, IR_n_cvtpd2ps);
}

LIFT(cvtpd2dq)
{
    narrow(l, i, IR_n_cvtpd2dq);
}

LIFT(cvttpd2dq)
{
    narrow(l, i, IR_n_cvttpd2dq);
}

LIFT(vcvtps2ph)
{
    Val r = emit(l, IR_n_vcvtps2ph, reg_half(l, i->reg, 0), NO_VAL, NO_VAL, i->imm);
    if (i->l256)
        r = vzip1_64(l, r, emit(l, IR_n_vcvtps2ph, reg_half(l, i->reg, 1), NO_VAL, NO_VAL, i->imm));
    if (!i->has_mem) {
        put_reg(l, i, i->rm, i->l256 ? r : vlow64(l, r), NO_VAL);
        return;
    }
    x86_address(l, i);
    if (i->l256)
        st128(l, i->ea, i->ea_disp, r);
    else
        st64q(l, i->ea, i->ea_disp, r);
}

/* Lanes to twice, four or eight times their width. */
static Val widened(Lift *l, u16 first, u32 steps, Val v)
{
    for (u32 n = 0; n < steps; n++)
        v = emit(l, (u16)(first + n), v, NO_VAL, NO_VAL, 0);
    return v;
}

static void widen_lanes(Lift *l, Insn *i, u16 first, u32 steps)
{
    u32 bytes = 16 >> steps; /* of 128 bits' lanes */
    Val v = !i->has_mem ? reg_half(l, i->rm, 0) : q_load(l, i, i->l256 ? 2 * bytes : bytes, 0, false);
    Val low = widened(l, first, steps, v), high = NO_VAL;
    if (i->l256)
        high = widened(l, first, steps, align_right(l, q_zero(l), v, bytes));
    q_put(l, i, low, high);
}
_Static_assert(IR_vsxl32 == IR_vsxl8 + 2 && IR_vuxl32 == IR_vuxl8 + 2, "widening ops are in their sizes' order");

#define WIDEN_LANES(name, signed_, unsigned_, steps) \
    LIFT(pmovsx##name) { widen_lanes(l, i, IR_##signed_, steps); } \
    LIFT(pmovzx##name) { widen_lanes(l, i, IR_##unsigned_, steps); }
WIDEN_LANES(bw, vsxl8, vuxl8, 1)
WIDEN_LANES(bd, vsxl8, vuxl8, 2)
WIDEN_LANES(bq, vsxl8, vuxl8, 3)
WIDEN_LANES(wd, vsxl16, vuxl16, 1)
WIDEN_LANES(wq, vsxl16, vuxl16, 2)
WIDEN_LANES(dq, vsxl32, vuxl32, 1)

/* -- fused ---------------------------------------------------------------------------------------------------------------- */

static void fused(Lift *l, Insn *i, u16 op)
{
    Val c[2], r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < halves(i); h++)
        c[h] = q_get(l, i, 2, h);
    for (u32 h = 0; h < halves(i); h++)
        r[h] = emit(l, op, reg_half(l, i->reg, h), q_get(l, i, 1, h), c[h], 0);
    q_put(l, i, r[0], r[1]);
}

#define FUSED1(name) LIFT(name) { fused(l, i, IR_n_##name); }
#define FUSED(name) FUSED1(name##ps) FUSED1(name##pd) FUSED1(name##ss) FUSED1(name##sd)
#define FUSED2(name) FUSED1(name##ps) FUSED1(name##pd)
FUSED(vfmadd132) FUSED(vfmadd213) FUSED(vfmadd231) FUSED(vfmsub132) FUSED(vfmsub213) FUSED(vfmsub231)
FUSED(vfnmadd132) FUSED(vfnmadd213) FUSED(vfnmadd231) FUSED(vfnmsub132) FUSED(vfnmsub213) FUSED(vfnmsub231)
FUSED2(vfmaddsub132) FUSED2(vfmaddsub213) FUSED2(vfmaddsub231) FUSED2(vfmsubadd132) FUSED2(vfmsubadd213) FUSED2(vfmsubadd231)

/* -- AVX's across the halves ------------------------------------------------------------------------------------------------ */

/* vzeroupper and vzeroall */
LIFT(vzero)
{
    Val zero = q_zero(l);
    for (u32 n = 0; n < 16; n++) {
        if (i->l256)
            put128(l, OFF_XMM(n), zero);
        if (!is_zero(l, OFF_YMMH(n)))
            put128(l, OFF_YMMH(n), zero);
    }
}

static void broadcast(Lift *l, Insn *i, u16 op, u32 bytes)
{
    Val v = i->has_mem ? q_load(l, i, bytes, 0, false) : reg_half(l, i->rm, 0);
    if (op)
        v = emit(l, op, v, NO_VAL, NO_VAL, 0);
    q_put(l, i, v, i->l256 ? v : NO_VAL);
}

LIFT(broadcast8)
{
    broadcast(l, i, IR_vduplane8, 1);
}

LIFT(broadcast16)
{
    broadcast(l, i, IR_vduplane16, 2);
}

LIFT(broadcast32)
{
    broadcast(l, i, IR_vduplane32, 4);
}

LIFT(broadcast64)
{
    broadcast(l, i, IR_vduplane64, 8);
}

LIFT(broadcast128)
{
    broadcast(l, i, 0, 16);
}

/* The byte indices of the words that the words of `index` name. */
static Val byte_indices(Lift *l, Val index, u64 mask)
{
    Val each = vand(l, index, vdup64(l, k64(l, mask << 32 | mask)));
    each = n_pshufb(l, each, q_const(l, 0x0404040400000000, 0x0c0c0c0c08080808));
    return vadd8(l, vshli8(l, each, 2), vdup64(l, k64(l, 0x0302010003020100)));
}

LIFT(vpermilps)
{
    Val b[2], r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < halves(i); h++)
        b[h] = q_get(l, i, 2, h);
    for (u32 h = 0; h < halves(i); h++)
        r[h] = vtbl(l, q_get(l, i, 1, h), byte_indices(l, b[h], 3));
    q_put(l, i, r[0], r[1]);
}

LIFT(vpermilpd)
{
    Val b[2], r[2] = {NO_VAL, NO_VAL};
    for (u32 h = 0; h < halves(i); h++)
        b[h] = q_get(l, i, 2, h);
    for (u32 h = 0; h < halves(i); h++) {
        Val upper = vsshri64(l, vshli64(l, b[h], 62), 63), a = q_get(l, i, 1, h);
        r[h] = vbsl(l, upper, vduplane64(l, a, 1), vduplane64(l, a, 0));
    }
    q_put(l, i, r[0], r[1]);
}

LIFT(vpermd)
{
    Val a[2], r[2];
    for (u32 h = 0; h < 2; h++)
        a[h] = q_get(l, i, 2, h);
    for (u32 h = 0; h < 2; h++) {
        Val c = byte_indices(l, q_get(l, i, 1, h), 7);
        r[h] = vor(l, vtbl(l, a[0], c), vtbli(l, a[1], c, 16));
    }
    q_put(l, i, r[0], r[1]);
}

LIFT(vpermq)
{
    Val a[2], q[4];
    for (u32 h = 0; h < 2; h++)
        a[h] = q_get(l, i, 1, h);
    for (u32 n = 0; n < 4; n++) {
        u32 from = i->imm >> 2 * n & 3;
        q[n] = vduplane64(l, a[from / 2], from & 1);
    }
    q_put(l, i, vzip1_64(l, q[0], q[1]), vzip1_64(l, q[2], q[3]));
}

LIFT(vperm2f128)
{
    Val part[4], r[2];
    for (u32 h = 0; h < 2; h++)
        part[2 + h] = q_get(l, i, 2, h);
    for (u32 h = 0; h < 2; h++)
        part[h] = q_get(l, i, 1, h);
    for (u32 h = 0; h < 2; h++)
        r[h] = i->imm >> 4 * h & 8 ? q_zero(l) : part[i->imm >> 4 * h & 3];
    q_put(l, i, r[0], r[1]);
}

LIFT(vinsertf128)
{
    Val v = i->has_mem ? q_load(l, i, 16, 0, false) : reg_half(l, i->rm, 0);
    q_put(l, i, i->imm & 1 ? q_get(l, i, 1, 0) : v, i->imm & 1 ? v : q_get(l, i, 1, 1));
}

LIFT(vextractf128)
{
    Val v = reg_half(l, i->reg, i->imm & 1);
    if (!i->has_mem) {
        put_reg(l, i, i->rm, v, NO_VAL);
        return;
    }
    x86_address(l, i);
    st128(l, i->ea, i->ea_disp, v);
}

/* A lane from memory if its mask's top bit is set, else `otherwise`. */
static Val load_lane(Lift *l, u32 bytes, Val at, Val mask, u32 n, Val into, bool keep)
{
    Val m = bytes == 4 ? shr32(l, vget32(l, mask, n), k32(l, 31)) : lo32(l, shr64(l, vget64(l, mask, n), k64(l, 63)));
    Val from = select64(l, m, at, get64(l, OFF(nowhere)));
    if (bytes == 4) {
        Val v = ld32(l, from, 0);
        v = select32(l, m, v, keep ? vget32(l, into, n) : k32(l, 0));
        return emit(l, IR_vsetlane32, into, vdup32(l, v), NO_VAL, n);
    }
    Val v = ld64(l, from, 0);
    v = select64(l, m, v, keep ? vget64(l, into, n) : k64(l, 0));
    return emit(l, IR_vsetlane64, into, vdup64(l, v), NO_VAL, n);
}

static void load_masked(Lift *l, Insn *i, u32 bytes)
{
    Val r[2] = {NO_VAL, NO_VAL}, base = x86_linear(l, i);
    for (u32 h = 0; h < halves(i); h++) {
        Val mask = q_get(l, i, 1, h), v = q_zero(l);
        for (u32 n = 0; n < 16 / bytes; n++)
            v = load_lane(l, bytes, add64(l, base, k64(l, 16 * h + n * bytes)), mask, n, v, false);
        r[h] = v;
    }
    q_put(l, i, r[0], r[1]);
}

LIFT(maskload)
{
    load_masked(l, i, 4);
}

LIFT(maskload64)
{
    load_masked(l, i, 8);
}

static void maskstore(Lift *l, Insn *i, u32 bytes)
{
    Val base = x86_linear(l, i);
    for (u32 h = 0; h < halves(i); h++)
        store_masked(l, bytes, base, 16 * (i32)h, reg_half(l, i->reg, h), q_get(l, i, 1, h));
}

LIFT(maskstore)
{
    maskstore(l, i, 4);
}

LIFT(maskstore64)
{
    maskstore(l, i, 8);
}

/* The address is base + index lane * scale + displacement; opcode bit 0: indices of 64 bits; VEX.W: elements of 64 bits. The index
 * register is a vector's. The mask becomes zero. */
LIFT(gather)
{
    if (i->index < 0 && (i->modrm & 7) != 4) {
        undefined(l);
        return;
    }
    u32 bytes = i->w ? 8 : 4, index_bytes = i->opcode & 1 ? 8 : 4;
    u32 index_reg = i->index < 0 ? 4 : (u32)i->index;
    u32 width = i->l256 ? 32 : 16, count = width / (bytes > index_bytes ? bytes : index_bytes);
    Val base = i->base >= 0 ? get64(l, OFF_R((u32)i->base)) : k64(l, 0), r[2], mask[2];
    if (i->seg)
        base = add64(l, base, get64(l, i->seg == 0x64 ? OFF(fs) : OFF(gs)));
    base = add64(l, base, k64(l, (u64)(i64)i->disp));
    for (u32 h = 0; h < 2; h++) {
        r[h] = reg_half(l, i->reg, h);
        mask[h] = reg_half(l, i->vvvv, h);
    }
    for (u32 n = 0; n < count; n++) {
        u32 per = 16 / index_bytes;
        Val from = reg_half(l, index_reg, n / per), index;
        index = index_bytes == 4 ? sx32_64(l, vget32(l, from, n % per)) : vget64(l, from, n % per);
        Val at = add64(l, base, shl64(l, index, k64(l, i->scale)));
        u32 lanes = 16 / bytes, h = n / lanes;
        r[h] = load_lane(l, bytes, at, mask[h], n % lanes, r[h], true);
    }
    u32 filled = count * bytes;
    Val zero = q_zero(l);
    if (filled < 16)
        r[0] = vlow64(l, r[0]);
    put128(l, OFF_XMM(i->reg), r[0]);
    put128(l, OFF_YMMH(i->reg), filled > 16 ? r[1] : zero);
    put128(l, OFF_XMM(i->vvvv), zero);
    put128(l, OFF_YMMH(i->vvvv), zero);
}
