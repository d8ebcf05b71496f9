/* Advanced SIMD, shifts by an immediate and modified immediates (C4.1.96). */
#include "simd.h"

/* immh:immb holds size and count: the highest bit set in immh is the lane's width, the bits below it the count of a
 * left shift, and their complement to twice the width that of a right shift. */
static u32 lane_size(const Insn *i)
{
    return 31 - (u32)__builtin_clz(i->immh);
}

static u32 left_count(const Insn *i)
{
    return (i->immh << 3 | i->immb) - (8u << lane_size(i));
}

static u32 right_count(const Insn *i)
{
    return (16u << lane_size(i)) - (i->immh << 3 | i->immb);
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

/* Q is that of the vector form, 0 for a scalar: immh then says 64 bits. */
static void put_shift(Lift *l, const Insn *i, bool is_signed, bool round, bool accumulate, bool Q)
{
    u32 size = lane_size(i);
    Val v = shift_right(l, size, is_signed, round, q(l, i->rn), right_count(i));
    if (accumulate)
        v = op2(l, IR_vadd8 + size, q(l, i->rd), v);
    put_q(l, i->rd, Q ? v : vlow64(l, v));
}

static bool reserved(Lift *l, const Insn *i)
{
    if (i->immh >= 8 && !i->Q)
        unallocated(l);
    return l->unimplemented;
}

#define RIGHT(name, is_signed, round, accumulate) \
    LIFT(name##_v) \
    { \
        if (!reserved(l, i)) \
            put_shift(l, i, is_signed, round, accumulate, i->Q); \
    } \
    LIFT(name##_s) \
    { \
        put_shift(l, i, is_signed, round, accumulate, false); \
    }
RIGHT(sshr, true, false, false)
RIGHT(ushr, false, false, false)
RIGHT(ssra, true, false, true)
RIGHT(usra, false, false, true)
RIGHT(srshr, true, true, false)
RIGHT(urshr, false, true, false)
RIGHT(srsra, true, true, true)
RIGHT(ursra, false, true, true)

static Val shift_left(Lift *l, u32 size, Val v, u32 n)
{
    return n ? op1i(l, IR_vshli8 + size, v, n) : v;
}

/* Whether v is a shift by so much that lanes of `bits` have nothing outside the n bits where it ends: the two are half a rotation
 * each, which wants no mask. */
static bool leaves_free(Lift *l, Val v, OpCode shift, u32 bits, u32 n)
{
    const Op *op = &l->ir->ops[v];
    return op->code == shift && (u32)op->imm + n >= bits;
}

/* SLI: the destination keeps the bits that the shift leaves free; SRI likewise. */
static Val insert_left(Lift *l, const Insn *i)
{
    u32 size = lane_size(i), n = left_count(i);
    Val into = q(l, i->rd), shifted = shift_left(l, size, q(l, i->rn), n);
    if (leaves_free(l, into, IR_vushri8 + size, 8u << size, n))
        return vor(l, shifted, into);
    return vbsl(l, splat(l, size, ~0ull << n), shifted, into);
}

static Val insert_right(Lift *l, const Insn *i)
{
    u32 size = lane_size(i), n = right_count(i), bits = 8u << size;
    if (n == bits)
        return q(l, i->rd);
    Val into = q(l, i->rd), shifted = shift_right(l, size, false, false, q(l, i->rn), n);
    if (leaves_free(l, into, IR_vshli8 + size, bits, n))
        return vor(l, shifted, into);
    return vbsl(l, splat(l, size, ~0ull >> (64 - bits) >> n), shifted, into);
}

#define LEFT_OR_INSERT(name, value) \
    LIFT(name##_v) \
    { \
        if (!reserved(l, i)) \
            put_v(l, i, i->rd, value); \
    } \
    LIFT(name##_s) \
    { \
        put_d(l, i->rd, value); \
    }
LEFT_OR_INSERT(shl, shift_left(l, lane_size(i), q(l, i->rn), left_count(i)))
LEFT_OR_INSERT(sli, insert_left(l, i))
LEFT_OR_INSERT(sri, insert_right(l, i))

/* Saturating left shifts are those by a register, with the count in all lanes. */
#define LEFT_SATURATING(name, op) \
    LIFT(name##_v) \
    { \
        if (!reserved(l, i)) \
            put_q(l, i->rd, op2(l, IR_##op##8 + lane_size(i), q_only(l, i, i->rn), splat(l, 0, left_count(i)))); \
    } \
    LIFT(name##_s) \
    { \
        u32 size = lane_size(i); \
        put_q(l, i->rd, op2(l, IR_##op##8 + size, scalar(l, size, i->rn), splat(l, 0, left_count(i)))); \
    }
LEFT_SATURATING(sqshl_imm, vsqshl)
LEFT_SATURATING(uqshl_imm, vuqshl)
LEFT_SATURATING(sqshlu_imm, vsqshlu)

/* Narrowing: i's size is that of the result. Without saturation the bits that rounding may carry into above are cut
 * off. */
LIFT(shrn_v)
{
    u32 size = lane_size(i);
    put_half(l, i, op1(l, IR_vxtn16 + size, op1i(l, IR_vushri16 + size, q(l, i->rn), right_count(i))));
}

LIFT(rshrn_v)
{
    u32 size = lane_size(i);
    put_half(l, i, op1(l, IR_vxtn16 + size, op1i(l, IR_vurshri16 + size, q(l, i->rn), right_count(i))));
}

#define NARROW_SATURATING(name, op, is_signed, round) \
    LIFT(name##_v) \
    { \
        u32 size = lane_size(i); \
        Val v = shift_right(l, size + 1, is_signed, round, q(l, i->rn), right_count(i)); \
        put_half(l, i, op1(l, IR_##op##16 + size, v)); \
    } \
    LIFT(name##_s) \
    { \
        u32 size = lane_size(i); \
        Val v = shift_right(l, size + 1, is_signed, round, scalar(l, size + 1, i->rn), right_count(i)); \
        put_q(l, i->rd, op1(l, IR_##op##16 + size, v)); \
    }
NARROW_SATURATING(sqshrn, vsqxtn, true, false)
NARROW_SATURATING(uqshrn, vuqxtn, false, false)
NARROW_SATURATING(sqrshrn, vsqxtn, true, true)
NARROW_SATURATING(uqrshrn, vuqxtn, false, true)
NARROW_SATURATING(sqshrun, vsqxtun, true, false)
NARROW_SATURATING(sqrshrun, vsqxtun, true, true)

/* Widening; a count of zero is SXTL and UXTL. */
static void shift_long(Lift *l, const Insn *i, u32 code)
{
    u32 size = lane_size(i);
    put_q(l, i->rd, shift_left(l, size + 1, op1(l, code + size, half(l, i, i->rn)), left_count(i)));
}

LIFT(sshll_v)
{
    shift_long(l, i, IR_vsxl8);
}

LIFT(ushll_v)
{
    shift_long(l, i, IR_vuxl8);
}

/* AdvSIMDExpandImm (Arm ARM J1) for cmode below 1110. */
static Val expand_imm(Lift *l, const Insn *i, bool invert)
{
    u64 imm = i->abc << 5 | i->defgh;
    u32 size = 2;
    if (i->cmode < 8) {
        imm <<= 8 * (i->cmode >> 1);
    } else if (i->cmode < 12) {
        size = 1;
        imm <<= 8 * (i->cmode >> 1 & 1);
    } else {
        u32 n = i->cmode & 1 ? 16 : 8;
        imm = imm << n | ((1u << n) - 1);
    }
    return splat(l, size, invert ? ~imm : imm);
}

LIFT(movi_v)
{
    u64 imm = i->abc << 5 | i->defgh;
    put_v(l, i, i->rd, i->cmode == 14 ? splat(l, 0, imm) : expand_imm(l, i, false));
}

LIFT(mvni_v)
{
    put_v(l, i, i->rd, expand_imm(l, i, true));
}

/* Each bit of the immediate is a byte. */
LIFT(movi64_v)
{
    u64 imm = 0;
    for (u32 n = 0; n < 8; n++)
        if ((i->abc << 5 | i->defgh) >> n & 1)
            imm |= 0xffull << 8 * n;
    put_v(l, i, i->rd, splat(l, 3, imm));
}

LIFT(orr_imm_v)
{
    put_v(l, i, i->rd, vor(l, q(l, i->rd), expand_imm(l, i, false)));
}

LIFT(bic_imm_v)
{
    put_v(l, i, i->rd, vand(l, q(l, i->rd), expand_imm(l, i, true)));
}
