/* Flags and conditions.
 *
 * The state has the operation that set them (X86State.flag_kind, flag_a, flag_b), in terms of the IR's FlagKinds, which are of 32 and 64
 * bits: operands of 8 and 16 bits are shifted to the top of 32, which leaves all flags what they are but P and A, and those
 * are found when somebody asks. CF and OF can be apart, because many instructions change just these two or leave them: INC and DEC
 * leave CF, rotations change CF and OF alone, BT changes CF.
 *
 * What is known of the operation within the block is in Lift.own, with the operands as they are, so that a condition on a comparison
 * becomes one op. */
#include "x86.h"

static void own(Lift *l, u32 what, Val v)
{
    l->own[what] = v == NO_VAL ? 0 : v + 1ull;
}

static Val owned(const Lift *l, u32 what)
{
    return l->own[what] ? (Val)(l->own[what] - 1) : NO_VAL;
}

static u32 shift_of(u32 size)
{
    return size < 4 ? 32 - 8 * size : 0;
}

/* An operand as the state has it. */
static Val stored(Lift *l, u32 size, Val v)
{
    if (size == 8)
        return v;
    if (l->ir->ops[v].code == IR_const32)
        return k64(l, (u32)l->ir->ops[v].imm << shift_of(size));
    return zx32_64(l, size < 4 ? shl32(l, v, k32(l, shift_of(size))) : v);
}

/* CF or OF has been put apart, and won't be asked for there: that needn't be done if nobody can have seen it. */
static void drop_put(Lift *l, u32 which, u32 offset)
{
    Val put = owned(l, which);
    l->own[which] = 0;
    if (put == NO_VAL)
        return;
    for (Val n = put; n < l->ir->count; n++) {
        const Op *op = &l->ir->ops[n];
        if (ir_ops[op->code].fx & (FX_READ | FX_WRITE | FX_RAISE | FX_END) || op->code == IR_helper)
            return;
    }
    l->ir->ops[put] = (Op){.code = IR_nop, .arg = {NO_VAL, NO_VAL, NO_VAL}};
    l->known[offset / 8] = NO_VAL;
}

static void put_apart(Lift *l, u32 which, u32 offset, Val v)
{
    drop_put(l, which, offset);
    put64(l, offset, zx32_64(l, v));
    const Op *last = &l->ir->ops[l->ir->count - 1];
    if (last->code == IR_put64 && last->imm == offset)
        own(l, which, l->ir->count - 1);
}

static void set(Lift *l, u32 size, u32 kind, Val a, Val b, Val r)
{
    kind += size == 8 ? FLAG_ADD64 - FLAG_ADD32 : 0;
    kind |= shift_of(size) << X86_SHIFT;
    drop_put(l, OWN_PUT_CARRY, OFF(carry));
    drop_put(l, OWN_PUT_OVER, OFF(over));
    put32(l, OFF(flag_kind), k32(l, kind));
    put64(l, OFF(flag_a), stored(l, size, a));
    if (b != NO_VAL)
        put64(l, OFF(flag_b), stored(l, size, b));
    l->own[OWN_KIND] = kind + 1ull;
    own(l, OWN_A, a);
    own(l, OWN_B, b);
    own(l, OWN_R, r);
    l->own[OWN_SIZE] = size;
    l->own[OWN_CARRY] = l->own[OWN_OVER] = l->own[OWN_FCMP] = 0;
}

void x86_flags_forget(Lift *l)
{
    l->own[OWN_KIND] = l->own[OWN_OUT] = l->own[OWN_NOT_OUT] = l->own[OWN_SUM] = 0;
}

void x86_flags_add(Lift *l, u32 size, Val a, Val b, Val r)
{
    set(l, size, FLAG_ADD32, a, b, r);
}

void x86_flags_sub(Lift *l, u32 size, Val a, Val b, Val r)
{
    set(l, size, FLAG_SUB32 | X86_BORROW, a, b, r);
}

void x86_flags_logic(Lift *l, u32 size, Val r)
{
    set(l, size, FLAG_AND32, r, NO_VAL, r);
}

/* A sum's operand b with ones where a carry in passes through to the shifted operands; carry is a W. */
static Val filled(Lift *l, u32 size, Val b, Val carry)
{
    if (size >= 4)
        return b;
    u32 shift = shift_of(size);
    return or32(l, shl32(l, b, k32(l, shift)), and32(l, neg32(l, carry), k32(l, (1u << shift) - 1)));
}

static void set_sum(Lift *l, u32 size, u32 extra, Val a, Val b, Val carry, Val r)
{
    u32 kind = (size == 8 ? FLAG_ADD64 : FLAG_ADD32) | extra | shift_of(size) << X86_SHIFT;
    put32(l, OFF(flag_kind), or32(l, shl32(l, carry, k32(l, 3)), k32(l, kind)));
    put64(l, OFF(flag_a), stored(l, size, a));
    Val b_stored = filled(l, size, b, carry);
    put64(l, OFF(flag_b), size == 8 ? b_stored : zx32_64(l, b_stored));
    Val out;
    if (size >= 4)
        out = size == 8 ? adc64_carry(l, a, b, carry) : adc32_carry(l, a, b, carry);
    else
        out = shr32(l, add32(l, add32(l, a, b), carry), k32(l, 8 * size));
    x86_flags_forget(l);
    own(l, extra ? OWN_NOT_OUT : OWN_OUT, out);
    own(l, OWN_SUM, r);
    l->own[OWN_SUM_SIZE] = size;
}
_Static_assert(FLAG_CARRY_IN == 1 << 3, "the shift");

void x86_flags_adc(Lift *l, u32 size, Val a, Val b, Val carry, Val r)
{
    set_sum(l, size, 0, a, b, carry, r);
}

void x86_flags_sbb(Lift *l, u32 size, Val a, Val not_b, Val not_borrow, Val r)
{
    set_sum(l, size, X86_BORROW, a, not_b, not_borrow, r);
}

static void set_apart(Lift *l, Val carry, Val over)
{
    u32 bits = (carry != NO_VAL ? X86_CARRY : 0) | (over != NO_VAL ? X86_OVER : 0);
    if (l->own[OWN_KIND]) {
        l->own[OWN_KIND] = ((l->own[OWN_KIND] - 1) | bits) + 1;
        put32(l, OFF(flag_kind), k32(l, (u32)(l->own[OWN_KIND] - 1)));
    } else {
        put32(l, OFF(flag_kind), or32(l, get32(l, OFF(flag_kind)), k32(l, bits)));
        if (carry != NO_VAL)
            l->own[OWN_NOT_OUT] = 0;
    }
    if (carry != NO_VAL) {
        put_apart(l, OWN_PUT_CARRY, OFF(carry), carry);
        own(l, l->own[OWN_KIND] ? OWN_CARRY : OWN_OUT, carry);
    }
    if (over != NO_VAL) {
        put_apart(l, OWN_PUT_OVER, OFF(over), over);
        own(l, OWN_OVER, over);
    }
}

void x86_flags_apart(Lift *l, Val carry, Val over)
{
    set_apart(l, carry, over);
}

void x86_flags_incdec(Lift *l, u32 size, Val a, Val r, bool inc)
{
    Val carry = x86_carry(l), one = x86_const(l, size, 1);
    if (inc)
        x86_flags_add(l, size, a, one, r);
    else
        x86_flags_sub(l, size, a, one, r);
    set_apart(l, carry, NO_VAL);
}

void x86_flags_result(Lift *l, u32 size, Val r, Val carry, Val over)
{
    x86_flags_logic(l, size, r);
    set_apart(l, carry, over);
}

/* FLAG_BITS, of which CF, PF and ZF are in `flags`, too. */
static void set_bits(Lift *l, Val bits, Val flags)
{
    put32(l, OFF(flag_kind), k32(l, FLAG_BITS));
    put64(l, OFF(flag_a), zx32_64(l, bits));
    l->own[OWN_KIND] = FLAG_BITS + 1;
    l->own[OWN_A] = l->own[OWN_B] = l->own[OWN_R] = l->own[OWN_CARRY] = l->own[OWN_OVER] = 0;
    own(l, OWN_FCMP, flags);
}

void x86_flags_fcmp(Lift *l, Val flags)
{
    /* CF 0, PF 2, ZF 6 to C 29, P 26, Z 30: the three lie 24 bits up but C */
    Val c = shl32(l, and32(l, flags, k32(l, X86_CF)), k32(l, 29));
    Val bits = or32(l, shl32(l, and32(l, flags, k32(l, X86_ZF | X86_PF)), k32(l, 24)), c);
    set_bits(l, bits, flags);
}

void x86_flags_eflags(Lift *l, Val f)
{
    static const struct {
        u32 mask, up;
    } moves[] = {{X86_SF | X86_ZF | X86_PF, 24}, {X86_AF, 23}, {X86_OF, 17}, {X86_CF, 29}};
    Val bits = NO_VAL;
    for (u32 n = 0; n < LEN(moves); n++) {
        Val part = shl32(l, and32(l, f, k32(l, moves[n].mask)), k32(l, moves[n].up));
        bits = bits == NO_VAL ? part : or32(l, bits, part);
    }
    set_bits(l, bits, f);
}

KeptFlags x86_flags_keep(Lift *l)
{
    return (KeptFlags){get32(l, OFF(flag_kind)), get64(l, OFF(flag_a)), get64(l, OFF(flag_b)), get64(l, OFF(carry)),
                       get64(l, OFF(over))};
}

static void choose64(Lift *l, Val cond, u32 offset, Val old)
{
    Val now = get64(l, offset);
    if (now != old)
        put64(l, offset, select64(l, cond, now, old));
}

void x86_flags_choose(Lift *l, Val cond, KeptFlags kept)
{
    put32(l, OFF(flag_kind), select32(l, cond, get32(l, OFF(flag_kind)), kept.kind));
    choose64(l, cond, OFF(flag_a), kept.a);
    choose64(l, cond, OFF(flag_b), kept.b);
    choose64(l, cond, OFF(carry), kept.carry);
    choose64(l, cond, OFF(over), kept.over);
    x86_flags_forget(l);
}

/* -- conditions -------------------------------------------------------------------------------------------------------- */

static Val bit(Lift *l, Val v, u32 n)
{
    return and32(l, n ? shr32(l, v, k32(l, n)) : v, k32(l, 1));
}

/* What the state says. */
static Val state_bits(Lift *l)
{
    Val kind = and32(l, get32(l, OFF(flag_kind)), k32(l, X86_KIND));
    return nzcv(l, kind, get64(l, OFF(flag_a)), get64(l, OFF(flag_b)));
}

static Val state_carry(Lift *l)
{
    Val kind = get32(l, OFF(flag_kind));
    Val c = flag_carry(l, and32(l, kind, k32(l, X86_KIND)), get64(l, OFF(flag_a)), get64(l, OFF(flag_b)));
    c = xor32(l, c, bit(l, kind, 6));
    return select32(l, and32(l, kind, k32(l, X86_CARRY)), lo32(l, get64(l, OFF(carry))), c);
}

static Val state_over(Lift *l)
{
    Val kind = get32(l, OFF(flag_kind));
    Val over = bit(l, state_bits(l), 28);
    return select32(l, and32(l, kind, k32(l, X86_OVER)), lo32(l, get64(l, OFF(over))), over);
}
_Static_assert(X86_BORROW == 1 << 6, "the shift");

/* The operation known in the block, as one of the sizes that the IR has. */
typedef struct Known {
    bool is;
    u32 kind; /* FLAG_ADD32, FLAG_SUB32, FLAG_AND32 */
    u32 size;
    Val a, b;
} Known;

static Known known(const Lift *l)
{
    Known k = {0};
    u32 kind = (u32)(l->own[OWN_KIND] - 1) & X86_KIND;
    if (!l->own[OWN_KIND] || kind == FLAG_BITS)
        return k;
    k.is = true;
    k.size = (u32)l->own[OWN_SIZE];
    k.kind = k.size == 8 ? kind - (FLAG_ADD64 - FLAG_ADD32) : kind;
    k.a = owned(l, OWN_A);
    k.b = owned(l, OWN_B);
    return k;
}

static bool is_apart(const Lift *l, u32 bit_)
{
    return (l->own[OWN_KIND] - 1) & bit_;
}

/* The result, clean above its size. */
static Val result(Lift *l, Known k)
{
    Val r = owned(l, OWN_R);
    if (r == NO_VAL) {
        r = x86_narrow(l, k.size, SIZED(l, k.size, sub, k.a, k.b));
        own(l, OWN_R, r);
    }
    return r;
}

static Val sign_of(Lift *l, u32 size, Val r)
{
    return size == 8 ? slt64(l, r, k64(l, 0)) : size == 4 ? slt32(l, r, k32(l, 0)) : bit(l, r, 8 * size - 1);
}

/* A condition of the IR's builder, whose C is Arm's, on the operands in 32 or 64 bits. */
static Val of_operands(Lift *l, Cond cc, Known k)
{
    Val a = k.a, b = k.b;
    if (k.size < 4) {
        a = lo32(l, stored(l, k.size, a));
        b = lo32(l, stored(l, k.size, b));
    }
    return flags_cond_of(l, cc, (FlagKind)(k.kind + (k.size == 8 ? FLAG_ADD64 - FLAG_ADD32 : 0)), a, b);
}

Val x86_carry(Lift *l)
{
    Known k = known(l);
    if (!l->own[OWN_KIND] && l->own[OWN_OUT])
        return owned(l, OWN_OUT);
    if (!l->own[OWN_KIND] && l->own[OWN_NOT_OUT])
        return xor32(l, owned(l, OWN_NOT_OUT), k32(l, 1));
    if (l->own[OWN_KIND] && is_apart(l, X86_CARRY) && l->own[OWN_CARRY])
        return owned(l, OWN_CARRY);
    if (l->own[OWN_FCMP] && l->own[OWN_KIND])
        return bit(l, owned(l, OWN_FCMP), 0);
    if (!k.is || is_apart(l, X86_CARRY))
        return state_carry(l);
    if (k.kind == FLAG_SUB32)
        return SIZED(l, k.size, ult, k.a, k.b);
    if (k.kind == FLAG_ADD32)
        return SIZED(l, k.size, ult, result(l, k), k.a);
    return k32(l, 0);
}

Val x86_not_carry(Lift *l)
{
    if (!l->own[OWN_KIND] && l->own[OWN_NOT_OUT])
        return owned(l, OWN_NOT_OUT);
    return xor32(l, x86_carry(l), k32(l, 1));
}

/* The result of a sum with a carry in. */
static Known known_sum(const Lift *l)
{
    Known k = {.size = (u32)l->own[OWN_SUM_SIZE], .a = owned(l, OWN_SUM)};
    k.is = !l->own[OWN_KIND] && k.a != NO_VAL;
    return k;
}

static Val zero(Lift *l)
{
    Known k = known(l), sum = known_sum(l);
    if (sum.is)
        return SIZED(l, sum.size, eq, sum.a, x86_const(l, sum.size, 0));
    if (l->own[OWN_FCMP] && l->own[OWN_KIND])
        return bit(l, owned(l, OWN_FCMP), 6);
    if (!k.is)
        return bit(l, state_bits(l), 30);
    if (k.kind == FLAG_SUB32)
        return SIZED(l, k.size, eq, k.a, k.b);
    return k.size == 8 ? eq64(l, result(l, k), k64(l, 0)) : eq32(l, result(l, k), k32(l, 0));
}

static Val negative(Lift *l)
{
    Known k = known(l), sum = known_sum(l);
    if (sum.is)
        return sign_of(l, sum.size, sum.a);
    return k.is ? sign_of(l, k.size, result(l, k)) : bit(l, state_bits(l), 31);
}

static Val over(Lift *l)
{
    Known k = known(l);
    if (l->own[OWN_KIND] && is_apart(l, X86_OVER) && l->own[OWN_OVER])
        return owned(l, OWN_OVER);
    if (!k.is || is_apart(l, X86_OVER))
        return state_over(l);
    if (k.kind == FLAG_AND32)
        return k32(l, 0);
    return of_operands(l, CC_VS, k);
}

static Val parity(Lift *l)
{
    Known k = known(l);
    if (l->own[OWN_FCMP] && l->own[OWN_KIND])
        return bit(l, owned(l, OWN_FCMP), 2);
    if (!k.is)
        return bit(l, lo32(l, call_helper(l, HELPER_get_rflags, NO_VAL, NO_VAL)), 2);
    Val r = x86_zx(l, k.size, 1, result(l, k));
    return xor32(l, bit(l, popcnt32(l, r), 0), k32(l, 1));
}

static Val less(Lift *l)
{
    Known k = known(l);
    if (!k.is || is_apart(l, X86_OVER))
        return ne32(l, negative(l), over(l));
    if (k.kind == FLAG_AND32)
        return negative(l);
    if (k.kind == FLAG_SUB32 && k.size < 4)
        return slt32(l, x86_sx(l, k.size, 4, k.a), x86_sx(l, k.size, 4, k.b));
    if (k.kind == FLAG_SUB32)
        return of_operands(l, CC_LT, k);
    return ne32(l, negative(l), over(l));
}

static Val less_or_equal(Lift *l)
{
    Known k = known(l);
    if (k.is && k.kind == FLAG_SUB32 && !is_apart(l, X86_OVER))
        return k.size < 4 ? sle32(l, x86_sx(l, k.size, 4, k.a), x86_sx(l, k.size, 4, k.b)) : of_operands(l, CC_LE, k);
    if (k.is && k.kind == FLAG_AND32 && k.size >= 4 && !is_apart(l, X86_OVER))
        return k.size == 8 ? sle64(l, k.a, k64(l, 0)) : sle32(l, k.a, k32(l, 0));
    return or32(l, zero(l), less(l));
}

static Val below_or_equal(Lift *l)
{
    Known k = known(l);
    if (k.is && k.kind == FLAG_SUB32 && !is_apart(l, X86_CARRY))
        return SIZED(l, k.size, ule, k.a, k.b);
    if (l->own[OWN_FCMP] && l->own[OWN_KIND] && !is_apart(l, X86_CARRY))
        return ne32(l, and32(l, owned(l, OWN_FCMP), k32(l, X86_CF | X86_ZF)), k32(l, 0));
    return or32(l, zero(l), x86_carry(l));
}

Val x86_cond(Lift *l, u32 cc)
{
    Val v;
    switch (cc & 14) {
    case CC_O: v = over(l); break;
    case CC_B: v = x86_carry(l); break;
    case CC_Z: v = zero(l); break;
    case CC_BE: v = below_or_equal(l); break;
    case CC_S: v = negative(l); break;
    case CC_P: v = parity(l); break;
    case CC_L: v = less(l); break;
    default: v = less_or_equal(l); break;
    }
    if (!(cc & 1))
        return v;
    /* the opposite of a comparison that was made for this is one itself */
    Op *op = &l->ir->ops[v];
    bool last = v == l->ir->count - 1;
    if (last && (op->code == IR_eq32 || op->code == IR_eq64)) {
        op->code = op->code == IR_eq32 ? IR_ne32 : IR_ne64;
        return v;
    }
    if (last && (op->code == IR_ult32 || op->code == IR_ult64 || op->code == IR_slt32 || op->code == IR_slt64 || op->code == IR_ule32 ||
                 op->code == IR_ule64 || op->code == IR_sle32 || op->code == IR_sle64)) {
        static const u16 opposite[][2] = {{IR_ult32, IR_ule32}, {IR_ult64, IR_ule64}, {IR_slt32, IR_sle32}, {IR_slt64, IR_sle64}};
        for (u32 n = 0; n < 4; n++)
            for (u32 k = 0; k < 2; k++)
                if (op->code == opposite[n][k]) {
                    Val a = op->arg[0];
                    op->code = opposite[n][!k];
                    op->arg[0] = op->arg[1];
                    op->arg[1] = a;
                    return v;
                }
    }
    return xor32(l, v, k32(l, 1));
}
