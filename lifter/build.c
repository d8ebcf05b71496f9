/* The builder's out-of-line half: guest state with forwarding, terminators, symbolic flags. */
#include "build.h"

#include <assert.h>

#include "flags.h"

/* A known value that covers bytes of state being put, but isn't replaced by it, is known no more: the v128 whose upper half the
 * slot is, and what is in the upper half of a v128. */
static void forget_overlapping(Lift *l, u32 slot, Type type)
{
    if (slot % 2 && l->known_type[slot - 1] == TYPE_Q)
        l->known[slot - 1] = NO_VAL;
    if (type == TYPE_Q)
        l->known[slot + 1] = NO_VAL;
}

static Val state_get(Lift *l, u32 offset, OpCode get, Type type)
{
    assert(offset % 8 == 0 || type == TYPE_W);
    u32 slot = offset / 8;
    bool low = offset % 8 == 0;
    if (low && l->known[slot] != NO_VAL) {
        if (l->known_type[slot] == type)
            return l->known[slot];
        if (type == TYPE_W && l->known_type[slot] == TYPE_X)
            return lo32(l, l->known[slot]);
    }
    Val v = ir_emit(l->ir, get, NO_VAL, NO_VAL, NO_VAL, offset);
    /* A 32-bit get must not hide a wider value from later gets, and the second half of a v128 slot is never looked up. */
    if (low && (type != TYPE_W || l->known[slot] == NO_VAL)) {
        l->known[slot] = v;
        l->known_type[slot] = (u8)type;
    }
    return v;
}

static void state_put(Lift *l, u32 offset, Val v, OpCode put, Type type)
{
    ir_emit(l->ir, put, v, NO_VAL, NO_VAL, offset);
    u32 slot = offset / 8;
    l->known[slot] = offset % 8 == 0 ? v : NO_VAL;
    l->known_type[slot] = (u8)type;
    forget_overlapping(l, slot, type);
}

Val get32(Lift *l, u32 offset)
{
    return state_get(l, offset, IR_get32, TYPE_W);
}

Val get64(Lift *l, u32 offset)
{
    return state_get(l, offset, IR_get64, TYPE_X);
}

Val get128(Lift *l, u32 offset)
{
    return state_get(l, offset, IR_get128, TYPE_Q);
}

void put32(Lift *l, u32 offset, Val v)
{
    state_put(l, offset, v, IR_put32, TYPE_W);
}

void put64(Lift *l, u32 offset, Val v)
{
    state_put(l, offset, v, IR_put64, TYPE_X);
}

void put128(Lift *l, u32 offset, Val v)
{
    state_put(l, offset, v, IR_put128, TYPE_Q);
}

Val call_helper(Lift *l, u32 index, Val a, Val b)
{
    assert(index < l->guest->nhelpers);
    if (a == NO_VAL)
        a = k64(l, 0);
    if (b == NO_VAL)
        b = k64(l, 0);
    for (size_t i = 0; i < LEN(l->known); i++)
        l->known[i] = NO_VAL;
    l->flags.set = false;
    return ir_emit(l->ir, IR_helper, a, b, NO_VAL, index);
}

static void end(Lift *l, OpCode code, Val operand, i64 imm, u64 imm2)
{
    assert(!l->ended);
    Val v = ir_emit(l->ir, code, operand, NO_VAL, NO_VAL, imm);
    l->ir->ops[v].imm2 = imm2;
    l->ended = true;
}

void end_jump(Lift *l, u64 target)
{
    end(l, IR_jump, NO_VAL, (i64)target, 0);
}

void end_branch(Lift *l, Val cond, u64 target, u64 otherwise)
{
    end(l, IR_branch, cond, (i64)target, otherwise);
}

void end_jumpi(Lift *l, Val target)
{
    end(l, IR_jumpi, target, 0, 0);
}

void end_call(Lift *l, u64 target, u64 ret)
{
    end(l, IR_call, NO_VAL, (i64)target, ret);
}

void end_calli(Lift *l, Val target, u64 ret)
{
    end(l, IR_calli, target, 0, ret);
}

void end_ret(Lift *l, Val target)
{
    end(l, IR_ret, target, 0, 0);
}

void end_exit(Lift *l, Exit why, u64 pc)
{
    end(l, IR_exit, NO_VAL, why, pc);
}

static bool is_wide(FlagKind kind)
{
    return kind == FLAG_ADD64 || kind == FLAG_SUB64 || kind == FLAG_AND64;
}

static Val widened(Lift *l, FlagKind kind, Val v)
{
    return is_wide(kind) ? v : zx32_64(l, v);
}

static bool has_b(FlagKind kind)
{
    return kind == FLAG_ADD32 || kind == FLAG_ADD64 || kind == FLAG_SUB32 || kind == FLAG_SUB64;
}

static void put_operands(Lift *l, FlagKind kind, Val a, Val b)
{
    put64(l, l->guest->off_flag_a, widened(l, kind, a));
    if (has_b(kind))
        put64(l, l->guest->off_flag_b, widened(l, kind, b));
}

static void put_flags(Lift *l, FlagKind kind, Val a, Val b)
{
    put32(l, l->guest->off_flag_kind, k32(l, kind));
    put_operands(l, kind, a, b);
}

void flags_set(Lift *l, FlagKind kind, Val a, Val b)
{
    l->flags.set = true;
    l->flags.kind = kind;
    l->flags.a = a;
    l->flags.b = b;
    l->flags.cond = NO_VAL;
    put_flags(l, kind, a, b);
}

void flags_set_sum(Lift *l, bool wide, Val a, Val b, Val c)
{
    FlagKind kind = wide ? FLAG_ADD64 : FLAG_ADD32;
    l->flags.set = true;
    l->flags.kind = FLAG_BITS;
    l->flags.a = wide ? adc64_nzcv(l, a, b, c) : adc32_nzcv(l, a, b, c);
    l->flags.b = l->flags.cond = NO_VAL;
    put32(l, l->guest->off_flag_kind, or32(l, shl32(l, c, k32(l, 3)), k32(l, kind)));
    put_operands(l, kind, a, b);
}
_Static_assert(FLAG_CARRY_IN == 1 << 3, "the shift");

static Val nzcv_of(Lift *l, FlagKind kind, Val a, Val b)
{
    if (kind == FLAG_BITS)
        return a;
    return nzcv(l, k32(l, kind), widened(l, kind, a), has_b(kind) ? widened(l, kind, b) : k64(l, 0));
}

void flags_set_if(Lift *l, Val cond, FlagKind kind, Val a, Val b, u32 bits)
{
    l->flags.set = true;
    l->flags.kind = kind;
    l->flags.a = a;
    l->flags.b = b;
    l->flags.cond = cond;
    l->flags.nzcv = bits;
    put32(l, l->guest->off_flag_kind, select32(l, cond, k32(l, kind), k32(l, FLAG_BITS)));
    put64(l, l->guest->off_flag_a, select64(l, cond, widened(l, kind, a), k64(l, bits)));
    if (has_b(kind))
        put64(l, l->guest->off_flag_b, widened(l, kind, b));
}

/* Bits to condition, Arm ARM C1.2.4 ConditionHolds; `bits` is W with N,Z,C,V in 31..28. */
static Val cond_of_bits(Lift *l, Cond cc, Val bits)
{
    Val n = shr32(l, bits, k32(l, 31));
    Val one = k32(l, 1);
    Val z = and32(l, shr32(l, bits, k32(l, 30)), one);
    Val c = and32(l, shr32(l, bits, k32(l, 29)), one);
    Val v = and32(l, shr32(l, bits, k32(l, 28)), one);
    switch (cc & ~1u) {
    case CC_EQ:
        return cc & 1 ? xor32(l, z, one) : z;
    case CC_CS:
        return cc & 1 ? xor32(l, c, one) : c;
    case CC_MI:
        return cc & 1 ? xor32(l, n, one) : n;
    case CC_VS:
        return cc & 1 ? xor32(l, v, one) : v;
    case CC_HI: {
        Val hi = andn32(l, c, z);
        return cc & 1 ? xor32(l, hi, one) : hi;
    }
    case CC_GE:
        return cc & 1 ? ne32(l, n, v) : eq32(l, n, v);
    case CC_GT: {
        Val gt = andn32(l, eq32(l, n, v), z);
        return cc & 1 ? xor32(l, gt, one) : gt;
    }
    default:
        return one;
    }
}

static bool cond_of_const(Cond cc, u32 bits)
{
    bool n = bits >> 31 & 1, z = bits >> 30 & 1, c = bits >> 29 & 1, v = bits >> 28 & 1, r;
    switch (cc & ~1u) {
    case CC_EQ:
        r = z;
        break;
    case CC_CS:
        r = c;
        break;
    case CC_MI:
        r = n;
        break;
    case CC_VS:
        r = v;
        break;
    case CC_HI:
        r = c && !z;
        break;
    case CC_GE:
        r = n == v;
        break;
    case CC_GT:
        r = !z && n == v;
        break;
    default:
        return true;
    }
    return r != (cc & 1);
}

/* A condition on "a - b" is a comparison of a and b. */
static Val cond_of_sub(Lift *l, Cond cc, bool wide, Val a, Val b)
{
    switch (cc) {
    case CC_EQ:
        return wide ? eq64(l, a, b) : eq32(l, a, b);
    case CC_NE:
        return wide ? ne64(l, a, b) : ne32(l, a, b);
    case CC_CS:
        return wide ? ule64(l, b, a) : ule32(l, b, a);
    case CC_CC:
        return wide ? ult64(l, a, b) : ult32(l, a, b);
    case CC_HI:
        return wide ? ult64(l, b, a) : ult32(l, b, a);
    case CC_LS:
        return wide ? ule64(l, a, b) : ule32(l, a, b);
    case CC_GE:
        return wide ? sle64(l, b, a) : sle32(l, b, a);
    case CC_LT:
        return wide ? slt64(l, a, b) : slt32(l, a, b);
    case CC_GT:
        return wide ? slt64(l, b, a) : slt32(l, b, a);
    case CC_LE:
        return wide ? sle64(l, a, b) : sle32(l, a, b);
    case CC_MI:
        return wide ? slt64(l, sub64(l, a, b), k64(l, 0)) : slt32(l, sub32(l, a, b), k32(l, 0));
    case CC_PL:
        return wide ? sle64(l, k64(l, 0), sub64(l, a, b)) : sle32(l, k32(l, 0), sub32(l, a, b));
    default:
        return NO_VAL;
    }
}

/* A logical result has C = V = 0. */
static Val cond_of_and(Lift *l, Cond cc, bool wide, Val r)
{
    Val zero = wide ? k64(l, 0) : k32(l, 0);
    switch (cc) {
    case CC_EQ:
        return wide ? eq64(l, r, zero) : eq32(l, r, zero);
    case CC_NE:
        return wide ? ne64(l, r, zero) : ne32(l, r, zero);
    case CC_MI:
    case CC_LT:
        return wide ? slt64(l, r, zero) : slt32(l, r, zero);
    case CC_PL:
    case CC_GE:
        return wide ? sle64(l, zero, r) : sle32(l, zero, r);
    case CC_GT:
        return wide ? slt64(l, zero, r) : slt32(l, zero, r);
    case CC_LE:
        return wide ? sle64(l, r, zero) : sle32(l, r, zero);
    case CC_CS:
    case CC_HI:
    case CC_VS:
        return k32(l, 0);
    default:
        return k32(l, 1);
    }
}

/* The sum, which the instruction that set the flags has most likely made. */
static Val sum_of(Lift *l, bool wide, Val a, Val b)
{
    enum { NEAR = 32 };
    u16 code = wide ? IR_add64 : IR_add32;
    for (Val n = l->ir->count, end = n > NEAR ? n - NEAR : 0; n-- > end;) {
        const Op *op = &l->ir->ops[n];
        if (op->code == code && op->arg[0] == a && op->arg[1] == b)
            return n;
    }
    return wide ? add64(l, a, b) : add32(l, a, b);
}

static Val cond_of_add(Lift *l, Cond cc, bool wide, Val a, Val b)
{
    Val sum = sum_of(l, wide, a, b);
    switch (cc) {
    case CC_EQ:
    case CC_NE:
    case CC_MI:
    case CC_PL:
        return cond_of_and(l, cc, wide, sum);
    case CC_CS: /* the sum wrapped */
        return wide ? ult64(l, sum, a) : ult32(l, sum, a);
    case CC_CC:
        return wide ? ule64(l, a, sum) : ule32(l, a, sum);
    default:
        return NO_VAL;
    }
}

_Static_assert(IR_fcmpe64 == IR_fcmp16 + 5, "the floating-point comparisons are consecutive");

/* A floating-point comparison leaves less 8, equal 6, greater 2 or unordered 3 in bits 31..28. */
static Val cond_of_fp(Lift *l, Cond cc, Val r)
{
    switch (cc) {
    case CC_EQ:
        return eq32(l, r, k32(l, 0x60000000));
    case CC_NE:
        return ne32(l, r, k32(l, 0x60000000));
    case CC_MI:
    case CC_CC:
        return slt32(l, r, k32(l, 0));
    case CC_PL:
    case CC_CS:
        return sle32(l, k32(l, 0), r);
    case CC_VS:
        return eq32(l, r, k32(l, 0x30000000));
    case CC_VC:
        return ne32(l, r, k32(l, 0x30000000));
    case CC_HI:
        return ult32(l, r, k32(l, 0x40000000));
    case CC_LS:
        return ule32(l, k32(l, 0x40000000), r);
    case CC_GE:
        return eq32(l, and32(l, r, k32(l, 0x90000000)), k32(l, 0));
    case CC_LT:
        return ne32(l, and32(l, r, k32(l, 0x90000000)), k32(l, 0));
    case CC_GT:
        return eq32(l, r, k32(l, 0x20000000));
    case CC_LE:
        return ne32(l, r, k32(l, 0x20000000));
    default:
        return k32(l, 1);
    }
}

/* The carry out of a sum with carry, that those of numbers of many words are made of. */
static Val carry_of_sum(Lift *l, Op sum)
{
    if (sum.code == IR_adc64_nzcv)
        return adc64_carry(l, sum.arg[0], sum.arg[1], sum.arg[2]);
    return sum.code == IR_adc32_nzcv ? adc32_carry(l, sum.arg[0], sum.arg[1], sum.arg[2]) : NO_VAL;
}

Val flags_cond_of(Lift *l, Cond cc, FlagKind kind, Val a, Val b)
{
    Val v = NO_VAL;
    switch (kind) {
    case FLAG_SUB32:
    case FLAG_SUB64:
        v = cond_of_sub(l, cc, is_wide(kind), a, b);
        break;
    case FLAG_ADD32:
    case FLAG_ADD64:
        v = cond_of_add(l, cc, is_wide(kind), a, b);
        break;
    case FLAG_AND32:
    case FLAG_AND64:
        v = cond_of_and(l, cc, is_wide(kind), a);
        break;
    case FLAG_ADC32: /* in the state alone: flags_set_sum */
    case FLAG_ADC64:
    case FLAG_CARRY_IN:
        break;
    case FLAG_BITS:
        if (l->ir->ops[a].code >= IR_fcmp16 && l->ir->ops[a].code <= IR_fcmpe64)
            v = cond_of_fp(l, cc, a);
        else if (cc == CC_CS)
            v = carry_of_sum(l, l->ir->ops[a]);
        break;
    }
    return v != NO_VAL ? v : cond_of_bits(l, cc, nzcv_of(l, kind, a, b));
}

Val flags_bits(Lift *l)
{
    if (!l->flags.set)
        return nzcv(l, get32(l, l->guest->off_flag_kind), get64(l, l->guest->off_flag_a), get64(l, l->guest->off_flag_b));
    Val bits = nzcv_of(l, l->flags.kind, l->flags.a, l->flags.b);
    return l->flags.cond == NO_VAL ? bits : select32(l, l->flags.cond, bits, k32(l, l->flags.nzcv));
}

Val flags_cond(Lift *l, Cond cc)
{
    if (cc >= CC_AL)
        return k32(l, 1);
    if (!l->flags.set && (cc == CC_CS || cc == CC_CC)) {
        Val c = flag_carry(l, get32(l, l->guest->off_flag_kind), get64(l, l->guest->off_flag_a), get64(l, l->guest->off_flag_b));
        return cc == CC_CS ? c : xor32(l, c, k32(l, 1));
    }
    if (!l->flags.set)
        return cond_of_bits(l, cc, flags_bits(l));
    Val v = flags_cond_of(l, cc, l->flags.kind, l->flags.a, l->flags.b);
    if (l->flags.cond == NO_VAL)
        return v;
    return select32(l, l->flags.cond, v, k32(l, cond_of_const(cc, l->flags.nzcv)));
}

Val flags_carry(Lift *l)
{
    return flags_cond(l, CC_CS);
}
