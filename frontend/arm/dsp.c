/* Saturating arithmetic, parallel arithmetic in registers, packing: A32 A5.2.6, A5.4.1 to A5.4.3; T32 A6.3.13 to A6.3.15. */
#include "arm.h"

/* -- saturation --------------------------------------------------------------------------------------------------------- */

/* v, an X, to 32 bits, with Q. */
static Val saturated(Lift *l, Val v)
{
    Val low = lo32(l, v), fits = eq64(l, v, sx32_64(l, low));
    Val limit = xor32(l, lo32(l, sar64(l, v, k64(l, 63))), k32(l, 0x7fffffff));
    arm_set_q(l, xor32(l, fits, k32(l, 1)));
    return select32(l, fits, low, limit);
}

static void q_arithmetic(Lift *l, const Insn *i, bool subtract, bool doubles)
{
    Val a = sx32_64(l, r(l, i->rm)), b = sx32_64(l, r(l, i->rn));
    if (doubles)
        b = sx32_64(l, saturated(l, add64(l, b, b)));
    put_r(l, i->rd, saturated(l, subtract ? sub64(l, a, b) : add64(l, a, b)));
}

LIFT(qadd) { q_arithmetic(l, i, false, false); }
LIFT(qsub) { q_arithmetic(l, i, true, false); }
LIFT(qdadd) { q_arithmetic(l, i, false, true); }
LIFT(qdsub) { q_arithmetic(l, i, true, true); }
SAME(t32_qadd, qadd) SAME(t32_qsub, qsub) SAME(t32_qdadd, qdadd) SAME(t32_qdsub, qdsub)

static Val clamp(Lift *l, Val v, i32 lo, i32 hi)
{
    Val low = k32(l, (u32)lo), high = k32(l, (u32)hi);
    v = select32(l, slt32(l, v, low), low, v);
    return select32(l, slt32(l, high, v), high, v);
}

Val arm_saturated(Lift *l, Val v, u32 bits, bool is_signed)
{
    i32 hi = (i32)(is_signed ? (1u << (bits - 1)) - 1 : (1u << bits) - 1);
    Val result = clamp(l, v, is_signed ? -hi - 1 : 0, hi);
    arm_set_q(l, ne32(l, result, v));
    return result;
}

static void saturate(Lift *l, const Insn *i, u32 bits, bool is_signed, u32 type, u32 imm5)
{
    Val v = arm_shift_imm(l, r(l, i->rn), type, imm5, false).v;
    if (is_signed && bits == 32) /* as it is */
        put_r(l, i->rd, v);
    else
        put_r(l, i->rd, arm_saturated(l, v, bits, is_signed));
}

/* Of both halves */
static void saturate16(Lift *l, const Insn *i, u32 bits, bool is_signed)
{
    Val v = r(l, i->rn);
    Val low = arm_saturated(l, sx16_32(l, v), bits, is_signed), high = arm_saturated(l, sar32(l, v, k32(l, 16)), bits, is_signed);
    put_r(l, i->rd, or32(l, and32(l, low, k32(l, 0xffff)), shl32(l, high, k32(l, 16))));
}

enum { LEFT = LSL, RIGHT = ASR };
LIFT(ssat) { saturate(l, i, i->sat + 1u, true, i->sh ? RIGHT : LEFT, i->imm5); }
LIFT(usat) { saturate(l, i, i->sat, false, i->sh ? RIGHT : LEFT, i->imm5); }
LIFT(ssat16) { saturate16(l, i, i->sat + 1u, true); }
LIFT(usat16) { saturate16(l, i, i->sat, false); }

static u32 t32_imm5(const Insn *i)
{
    return (u32)i->imm3 << 2 | i->imm2;
}

LIFT(t32_ssat_lsl) { saturate(l, i, i->sat + 1u, true, LEFT, t32_imm5(i)); }
LIFT(t32_usat_lsl) { saturate(l, i, i->sat, false, LEFT, t32_imm5(i)); }

/* By 0: the forms for halves. */
LIFT(t32_ssat_asr)
{
    if (t32_imm5(i))
        saturate(l, i, i->sat + 1u, true, RIGHT, t32_imm5(i));
    else
        saturate16(l, i, i->sat + 1u, true);
}

LIFT(t32_usat_asr)
{
    if (t32_imm5(i))
        saturate(l, i, i->sat, false, RIGHT, t32_imm5(i));
    else
        saturate16(l, i, i->sat, false);
}

/* -- parallel arithmetic: in the lowest lanes of vectors ----------------------------------------------------------------- */

static Val vector(Lift *l, u32 n)
{
    return wtov(l, r(l, n));
}

static void put_vector(Lift *l, const Insn *i, Val v)
{
    put_r(l, i->rd, vtow(l, v));
}

/* Rm's halves exchanged; and a sum in one half of a difference in the other: ASX adds above and subtracts below. */
static Val exchanged(Lift *l, u32 n)
{
    return wtov(l, ror32(l, r(l, n), k32(l, 16)));
}

static Val halves(Lift *l, Val high, Val low)
{
    return vsetlane16(l, low, high, 1);
}

static Val lane1(Lift *l, Val v)
{
    return vduplane16(l, v, 1);
}

typedef Val Lanes(Lift *l, Val a, Val b);

static void lanes(Lift *l, const Insn *i, Lanes *f)
{
    put_vector(l, i, f(l, vector(l, i->rn), vector(l, i->rm)));
}

/* high of the upper halves and low of the lower ones, Rm exchanged */
static void mixed(Lift *l, const Insn *i, Lanes *high, Lanes *low)
{
    Val a = vector(l, i->rn), b = exchanged(l, i->rm);
    put_vector(l, i, halves(l, lane1(l, high(l, a, b)), low(l, a, b)));
}

/* Saturating here doesn't set Q, as SIMD's would QC: done by hand, of signed lanes in twice the width. */
static Val narrowed(Lift *l, Val v, bool bytes)
{
    i32 hi = bytes ? 0x7f : 0x7fff, lo = -hi - 1;
    u64 ones = bytes ? 0x0001000100010001 : 0x0000000100000001, mask = bytes ? 0xffff : 0xffffffff;
    Val high = xtov(l, k64(l, ones * (u32)hi)), low = xtov(l, k64(l, ones * ((u64)(i64)lo & mask)));
    if (bytes)
        return vxtn16(l, vsmax16(l, vsmin16(l, v, high), low));
    return vxtn32(l, vsmax32(l, vsmin32(l, v, high), low));
}

#define SATURATING(size, wide) \
    static Val q_add##size(Lift *l, Val a, Val b) { return narrowed(l, vadd##wide(l, vsxl##size(l, a), vsxl##size(l, b)), size == 8); } \
    static Val q_sub##size(Lift *l, Val a, Val b) { return narrowed(l, vsub##wide(l, vsxl##size(l, a), vsxl##size(l, b)), size == 8); } \
    static Val uq_add##size(Lift *l, Val a, Val b) { return vadd##size(l, vumin##size(l, a, vnot(l, b)), b); } \
    static Val uq_sub##size(Lift *l, Val a, Val b) { return vsub##size(l, vumax##size(l, a, b), b); }
SATURATING(8, 16) SATURATING(16, 32)
#undef SATURATING

/* GE: of an unsigned sum, that it wrapped; of an unsigned difference, that it didn't; of signed ones, that they aren't negative
 * in more bits. As masks of lanes, of a width of 8 or 16 bits. */
#define GE(size, wide) \
    static Val ge_s_add##size(Lift *l, Val a, Val b) { return vxtn##wide(l, vcmge##wide(l, vadd##wide(l, vsxl##size(l, a), vsxl##size(l, b)), xtov(l, k64(l, 0)))); } \
    static Val ge_s_sub##size(Lift *l, Val a, Val b) { return vcmge##size(l, a, b); } \
    static Val ge_u_add##size(Lift *l, Val a, Val b) { return vcmhi##size(l, a, vadd##size(l, a, b)); } \
    static Val ge_u_sub##size(Lift *l, Val a, Val b) { return vcmhs##size(l, a, b); }
GE(8, 16) GE(16, 32)
#undef GE

static void put_ge(Lift *l, Val mask)
{
    put_state64(l, OFF(ge), zx32_64(l, vtow(l, mask)));
}

static void lanes_ge(Lift *l, const Insn *i, Lanes *f, Lanes *ge)
{
    Val a = vector(l, i->rn), b = vector(l, i->rm);
    put_ge(l, ge(l, a, b));
    put_vector(l, i, f(l, a, b));
}

static void mixed_ge(Lift *l, const Insn *i, Lanes *high, Lanes *low, Lanes *ge_high, Lanes *ge_low)
{
    Val a = vector(l, i->rn), b = exchanged(l, i->rm);
    put_ge(l, halves(l, lane1(l, ge_high(l, a, b)), ge_low(l, a, b)));
    put_vector(l, i, halves(l, lane1(l, high(l, a, b)), low(l, a, b)));
}

#define PARALLEL(p, ge) \
    LIFT(p##add16) { lanes_ge(l, i, vadd16, ge##_add16); } \
    LIFT(p##sub16) { lanes_ge(l, i, vsub16, ge##_sub16); } \
    LIFT(p##add8) { lanes_ge(l, i, vadd8, ge##_add8); } \
    LIFT(p##sub8) { lanes_ge(l, i, vsub8, ge##_sub8); } \
    LIFT(p##asx) { mixed_ge(l, i, vadd16, vsub16, ge##_add16, ge##_sub16); } \
    LIFT(p##sax) { mixed_ge(l, i, vsub16, vadd16, ge##_sub16, ge##_add16); }
PARALLEL(s, ge_s) PARALLEL(u, ge_u)
#undef PARALLEL
#define PARALLEL(p, add, sub) \
    LIFT(p##add16) { lanes(l, i, add##16); } \
    LIFT(p##sub16) { lanes(l, i, sub##16); } \
    LIFT(p##add8) { lanes(l, i, add##8); } \
    LIFT(p##sub8) { lanes(l, i, sub##8); } \
    LIFT(p##asx) { mixed(l, i, add##16, sub##16); } \
    LIFT(p##sax) { mixed(l, i, sub##16, add##16); }
PARALLEL(q, q_add, q_sub) PARALLEL(uq, uq_add, uq_sub) PARALLEL(sh, vshadd, vshsub) PARALLEL(uh, vuhadd, vuhsub)
#undef PARALLEL
#define T32(p) SAME(t32_##p##add16, p##add16) SAME(t32_##p##sub16, p##sub16) SAME(t32_##p##add8, p##add8) SAME(t32_##p##sub8, p##sub8) \
    SAME(t32_##p##asx, p##asx) SAME(t32_##p##sax, p##sax)
T32(s) T32(u) T32(q) T32(uq) T32(sh) T32(uh)
#undef T32

LIFT(sel)
{
    Val mask = low_word(l, get64(l, OFF(ge)));
    put_r(l, i->rd, or32(l, and32(l, r(l, i->rn), mask), andn32(l, r(l, i->rm), mask)));
}
SAME(t32_sel, sel)

LIFT(usada8)
{
    Val sum = vtow(l, vuaddlv8(l, vuabd8(l, vector(l, i->rn), vector(l, i->rm))));
    put_r(l, i->rd, i->ra == 15 ? sum : add32(l, sum, r(l, i->ra)));
}
SAME(t32_usada8, usada8)

/* -- packing and unpacking ----------------------------------------------------------------------------------------------- */

static void pack(Lift *l, const Insn *i, u32 imm5)
{
    Val a = r(l, i->rn), b = arm_shift_imm(l, r(l, i->rm), i->tb ? ASR : LSL, imm5, false).v;
    u32 from_b = i->tb ? 0xffff : 0xffff0000;
    put_r(l, i->rd, or32(l, and32(l, a, k32(l, ~from_b)), and32(l, b, k32(l, from_b))));
}

LIFT(pkh) { pack(l, i, i->imm5); }
LIFT(t32_pkh) { pack(l, i, t32_imm5(i)); }

static Val rotated(Lift *l, const Insn *i)
{
    return i->rotate ? ror32(l, r(l, i->rm), k32(l, 8u * i->rotate)) : r(l, i->rm);
}

static void extend(Lift *l, const Insn *i, Val v)
{
    put_r(l, i->rd, i->rn == 15 ? v : add32(l, r(l, i->rn), v));
}

LIFT(sxtab) { extend(l, i, sx8_32(l, rotated(l, i))); }
LIFT(sxtah) { extend(l, i, sx16_32(l, rotated(l, i))); }
LIFT(uxtab) { extend(l, i, and32(l, rotated(l, i), k32(l, 0xff))); }
LIFT(uxtah) { extend(l, i, and32(l, rotated(l, i), k32(l, 0xffff))); }
SAME(t32_sxtab, sxtab) SAME(t32_sxtah, sxtah) SAME(t32_uxtab, uxtab) SAME(t32_uxtah, uxtah)
LIFT(t16_sxtb) { put_r(l, i->rd, sx8_32(l, r(l, i->rm))); }
LIFT(t16_sxth) { put_r(l, i->rd, sx16_32(l, r(l, i->rm))); }
LIFT(t16_uxtb) { put_r(l, i->rd, and32(l, r(l, i->rm), k32(l, 0xff))); }
LIFT(t16_uxth) { put_r(l, i->rd, and32(l, r(l, i->rm), k32(l, 0xffff))); }

/* Bytes 0 and 2 to halves, added to Rn's without a carry between them. */
static void extend16(Lift *l, const Insn *i, bool is_signed)
{
    Val v = rotated(l, i), low = is_signed ? sx8_32(l, v) : and32(l, v, k32(l, 0xff));
    Val up = shr32(l, v, k32(l, 16)), high = is_signed ? sx8_32(l, up) : and32(l, up, k32(l, 0xff));
    Val both = or32(l, and32(l, low, k32(l, 0xffff)), shl32(l, high, k32(l, 16)));
    put_r(l, i->rd, i->rn == 15 ? both : vtow(l, vadd16(l, vector(l, i->rn), wtov(l, both))));
}

LIFT(sxtab16) { extend16(l, i, true); }
LIFT(uxtab16) { extend16(l, i, false); }
SAME(t32_sxtab16, sxtab16) SAME(t32_uxtab16, uxtab16)
