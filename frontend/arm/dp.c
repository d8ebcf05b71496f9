/* Data processing: A32 A5.2.1 to A5.2.4, T32 A6.2.1 to A6.2.3, A6.3.1 to A6.3.3, A6.3.11, A6.3.12. */
#include "arm.h"

/* -- shifts: A8.4 ----------------------------------------------------------------------------------------------------- */

static Val shift(Lift *l, u32 type, Val v, Val amount)
{
    return type == LSL ? shl32(l, v, amount) : type == LSR ? shr32(l, v, amount) : type == ASR ? sar32(l, v, amount) : ror32(l, v, amount);
}

/* By a constant. The same is often shifted twice: compared with, then subtracted. */
static Val shift_by(Lift *l, u32 type, Val v, u32 n)
{
    enum { NEAR = 24 };
    static const u16 codes[] = {[LSL] = IR_shl32, [LSR] = IR_shr32, [ASR] = IR_sar32, [ROR] = IR_ror32};
    const Op *ops = l->ir->ops;
    for (Val m = l->ir->count, end = m > NEAR ? m - NEAR : 0; m-- > end;)
        if (ops[m].code == codes[type] && ops[m].arg[0] == v && ops[ops[m].arg[1]].code == IR_const32 && ops[ops[m].arg[1]].imm == n)
            return m;
    return shift(l, type, v, k32(l, n));
}

static Val bit_of(Lift *l, Val v, u32 n)
{
    if (n == 31)
        return shr32(l, v, k32(l, 31));
    return and32(l, n ? shr32(l, v, k32(l, n)) : v, k32(l, 1));
}

Shifted arm_shift_imm(Lift *l, Val v, u32 type, u32 imm5, bool want_carry)
{
    if (type == LSL && !imm5)
        return (Shifted){v, NO_VAL};
    if (type == ROR && !imm5) /* RRX */
        return (Shifted){or32(l, shr32(l, v, k32(l, 1)), shl32(l, arm_carry(l), k32(l, 31))), want_carry ? bit_of(l, v, 0) : NO_VAL};
    u32 n = imm5 ? imm5 : 32, last = type == LSL ? 32 - n : n - 1;
    Val carry = want_carry ? bit_of(l, v, last) : NO_VAL;
    if (n == 32)
        return (Shifted){type == LSR ? k32(l, 0) : sar32(l, v, k32(l, 31)), carry};
    return (Shifted){shift_by(l, type, v, n), carry};
}

/* By the lowest byte of a register, up to 255 bits: shifted as 64 bits at most 32 times, which leaves the same. */
Shifted arm_shift_reg(Lift *l, Val v, u32 type, Val amount, bool want_carry)
{
    Val n = and32(l, amount, k32(l, 0xff)), zero = eq32(l, n, k32(l, 0)), result, last;
    if (type == ROR) {
        result = ror32(l, v, n);
        last = shr32(l, result, k32(l, 31));
    } else {
        Val limit = k32(l, 33), by = zx32_64(l, select32(l, ult32(l, n, limit), n, limit));
        Val wide = type == ASR ? sx32_64(l, v) : zx32_64(l, v);
        if (type == LSL) {
            Val both = shl64(l, wide, by);
            result = lo32(l, both);
            last = and32(l, lo32(l, shr64(l, both, k64(l, 32))), k32(l, 1));
        } else { /* one bit further up, for the last that is shifted out */
            Val up = shl64(l, wide, k64(l, 1));
            Val both = type == ASR ? sar64(l, up, by) : shr64(l, up, by);
            last = and32(l, lo32(l, both), k32(l, 1));
            result = lo32(l, type == ASR ? sar64(l, both, k64(l, 1)) : shr64(l, both, k64(l, 1)));
        }
    }
    return (Shifted){result, want_carry ? select32(l, zero, arm_carry(l), last) : NO_VAL};
}

/* ARMExpandImm_C and ThumbExpandImm_C: A5.2.4, A6.3.2. The carry is -1 if it stays. */
static u32 a32_expand(u32 imm12, int *carry)
{
    u32 n = imm12 >> 8 << 1, v = imm12 & 0xff;
    v = n ? v >> n | v << (32 - n) : v;
    *carry = n ? (int)(v >> 31) : -1;
    return v;
}

static u32 t32_expand(u32 imm12, int *carry)
{
    u32 v = imm12 & 0xff;
    *carry = -1;
    switch (imm12 >> 8) {
    case 0: return v;
    case 1: return v | v << 16;
    case 2: return v << 8 | v << 24;
    case 3: return v * 0x01010101;
    }
    u32 n = imm12 >> 7;
    v |= 0x80;
    v = v >> n | v << (32 - n);
    *carry = (int)(v >> 31);
    return v;
}

/* -- the sixteen operations -------------------------------------------------------------------------------------------- */

/* Numbered as in A32. */
typedef enum DpOp { AND, EOR, SUB, RSB, ADD, ADC, SBC, RSC, TST, TEQ, CMP, CMN, ORR, MOV, BIC, MVN, ORN } DpOp;

static bool is_logical(DpOp op)
{
    return op <= EOR || op == TST || op == TEQ || op >= ORR;
}

static Val inverse(Lift *l, Val v)
{
    const Op *op = &l->ir->ops[v];
    return op->code == IR_const32 ? k32(l, ~(u32)op->imm) : not32(l, v);
}

static Val logical(Lift *l, DpOp op, Val a, Val b)
{
    switch (op) {
    case AND:
    case TST: return and32(l, a, b);
    case EOR:
    case TEQ: return xor32(l, a, b);
    case ORR: return or32(l, a, b);
    case MOV: return b;
    case BIC: return l->ir->ops[b].code == IR_const32 ? and32(l, a, inverse(l, b)) : andn32(l, a, b);
    case ORN: return or32(l, a, inverse(l, b));
    default: return inverse(l, b);
    }
}

/* a + b + carry, or as a difference if the carry is known. */
static Val with_carry(Lift *l, Val a, Val b, bool s)
{
    Val carry = arm_carry(l), sum = adc32(l, a, b, carry);
    if (s)
        arm_flags_sum(l, a, b, carry, sum);
    return sum;
}

static Val arithmetic(Lift *l, DpOp op, Val a, Val b, bool s)
{
    Val v;
    switch (op) {
    case SUB:
    case CMP:
        v = sub32(l, a, b);
        if (s)
            arm_flags_sub(l, a, b, v);
        return v;
    case RSB:
        v = sub32(l, b, a);
        if (s)
            arm_flags_sub(l, b, a, v);
        return v;
    case ADC: return with_carry(l, a, b, s);
    case SBC: return with_carry(l, a, inverse(l, b), s);
    case RSC: return with_carry(l, b, inverse(l, a), s);
    default:
        v = add32(l, a, b);
        if (s)
            arm_flags_add(l, a, b, v);
        return v;
    }
}

/* rd is 16 for none. With S and PC it would be an exception return. */
static void dp(Lift *l, DpOp op, bool s, u32 rd, Val a, Shifted b)
{
    if (s && rd == 15) {
        undefined(l);
        return;
    }
    Val v;
    if (is_logical(op)) {
        v = logical(l, op, a, b.v);
        if (s)
            arm_flags_nzc(l, v, b.carry);
    } else {
        v = arithmetic(l, op, a, b.v, s);
    }
    if (rd < 16)
        put_rd(l, rd, v);
}

static bool reads_rn(DpOp op)
{
    return op != MOV && op != MVN;
}

static bool writes_rd(DpOp op)
{
    return op < TST || op > CMN;
}

/* Flags are set after the operands are read, the result is put after that: PC as Rd ends the block. */
static void a32_dp(Lift *l, const Insn *i, DpOp op, Shifted b)
{
    dp(l, op, i->s || !writes_rd(op), writes_rd(op) ? i->rd : 16, reads_rn(op) ? r(l, i->rn) : NO_VAL, b);
}

static bool wants_carry(const Insn *i, DpOp op)
{
    return is_logical(op) && (i->s || !writes_rd(op));
}

static void a32_dp_imm(Lift *l, const Insn *i, DpOp op)
{
    int carry;
    u32 v = a32_expand(i->imm12, &carry);
    if (i->rn == 15 && (op == ADD || op == SUB) && !i->s) { /* ADR: A8.8.12 */
        u64 base = pc_value(l) & ~3ull;
        put_rd(l, i->rd, lo32(l, code_at(l, op == ADD ? base + v : base - v)));
        return;
    }
    a32_dp(l, i, op, (Shifted){k32(l, v), carry < 0 ? NO_VAL : k32(l, (u32)carry)});
}

#define DP(name, op) \
    LIFT(name##_reg) { a32_dp(l, i, op, arm_shift_imm(l, r(l, i->rm), i->type, i->imm5, wants_carry(i, op))); } \
    LIFT(name##_rsr) { a32_dp(l, i, op, arm_shift_reg(l, r(l, i->rm), i->type, r(l, i->rs), wants_carry(i, op))); } \
    LIFT(name##_imm) { a32_dp_imm(l, i, op); }
DP(and, AND) DP(eor, EOR) DP(sub, SUB) DP(rsb, RSB) DP(add, ADD) DP(adc, ADC) DP(sbc, SBC) DP(rsc, RSC)
DP(tst, TST) DP(teq, TEQ) DP(cmp, CMP) DP(cmn, CMN) DP(orr, ORR) DP(mov, MOV) DP(bic, BIC) DP(mvn, MVN)
#undef DP

LIFT(movw)
{
    put_r(l, i->rd, k32(l, (u32)i->imm4 << 12 | i->imm12));
}

LIFT(movt)
{
    put_r(l, i->rd, or32(l, and32(l, r(l, i->rd), k32(l, 0xffff)), k32(l, (u32)i->imm4 << 28 | (u32)i->imm12 << 16)));
}

/* -- T32, 32 bits ------------------------------------------------------------------------------------------------------- */

/* Rd PC with S is the comparison, Rn PC the move. */
static void t32_dp(Lift *l, const Insn *i, DpOp op, Shifted b)
{
    bool compares = i->rd == 15 && i->s;
    bool moves = i->rn == 15 && (op == ORR || op == ORN);
    if (compares && op != AND && op != EOR && op != ADD && op != SUB) {
        undefined(l);
        return;
    }
    if (moves)
        op = op == ORR ? MOV : MVN;
    dp(l, op, i->s, compares ? 16 : i->rd, moves ? NO_VAL : r(l, i->rn), b);
}

static u32 imm12_of(const Insn *i)
{
    return (u32)i->i << 11 | (u32)i->imm3 << 8 | i->imm8;
}

static void t32_dp_imm(Lift *l, const Insn *i, DpOp op)
{
    int carry;
    u32 v = t32_expand(imm12_of(i), &carry);
    t32_dp(l, i, op, (Shifted){k32(l, v), carry < 0 ? NO_VAL : k32(l, (u32)carry)});
}

#define DP(name, op) \
    LIFT(t32_##name##_reg) \
    { \
        t32_dp(l, i, op, arm_shift_imm(l, r(l, i->rm), i->type, (u32)i->imm3 << 2 | i->imm2, i->s && is_logical(op))); \
    } \
    LIFT(t32_##name##_imm) { t32_dp_imm(l, i, op); }
DP(and, AND) DP(bic, BIC) DP(orr, ORR) DP(orn, ORN) DP(eor, EOR) DP(add, ADD) DP(adc, ADC) DP(sbc, SBC) DP(sub, SUB) DP(rsb, RSB)
#undef DP

static void add_wide(Lift *l, const Insn *i, u32 v)
{
    if (i->rn == 15)
        put_r(l, i->rd, lo32(l, code_at(l, (pc_value(l) & ~3ull) + v)));
    else
        put_r(l, i->rd, add32(l, r(l, i->rn), k32(l, v)));
}

LIFT(t32_addw)
{
    if (i->rd == 15)
        undefined(l);
    else
        add_wide(l, i, imm12_of(i));
}

LIFT(t32_subw)
{
    if (i->rd == 15)
        undefined(l);
    else
        add_wide(l, i, -imm12_of(i));
}

LIFT(t32_movw)
{
    if (i->rd == 15)
        undefined(l);
    else
        put_r(l, i->rd, k32(l, (u32)i->imm4 << 12 | imm12_of(i)));
}

LIFT(t32_movt)
{
    if (i->rd == 15)
        undefined(l);
    else
        put_r(l, i->rd, or32(l, and32(l, r(l, i->rd), k32(l, 0xffff)), k32(l, (u32)i->imm4 << 28 | imm12_of(i) << 16)));
}

LIFT(t32_shift_reg)
{
    if (i->rd == 15)
        undefined(l);
    else
        dp(l, MOV, i->s, i->rd, NO_VAL, arm_shift_reg(l, r(l, i->rn), i->type, r(l, i->rm), i->s));
}

/* -- T32, 16 bits ------------------------------------------------------------------------------------------------------- */

static bool sets(const Lift *l)
{
    return !in_it(l);
}

static Shifted plain(Val v)
{
    return (Shifted){v, NO_VAL};
}

LIFT(t16_shift)
{
    dp(l, MOV, sets(l), i->rd, NO_VAL, arm_shift_imm(l, r(l, i->rm), i->type, i->imm5, sets(l)));
}

LIFT(t16_add_reg)
{
    dp(l, ADD, sets(l), i->rd, r(l, i->rn), plain(r(l, i->rm)));
}

LIFT(t16_sub_reg)
{
    dp(l, SUB, sets(l), i->rd, r(l, i->rn), plain(r(l, i->rm)));
}

LIFT(t16_add_imm3)
{
    dp(l, ADD, sets(l), i->rd, r(l, i->rn), plain(k32(l, i->imm3)));
}

LIFT(t16_sub_imm3)
{
    dp(l, SUB, sets(l), i->rd, r(l, i->rn), plain(k32(l, i->imm3)));
}

LIFT(t16_mov_imm)
{
    dp(l, MOV, sets(l), i->rd, NO_VAL, plain(k32(l, i->imm8)));
}

LIFT(t16_cmp_imm)
{
    dp(l, CMP, true, 16, r(l, i->rn), plain(k32(l, i->imm8)));
}

LIFT(t16_add_imm8)
{
    dp(l, ADD, sets(l), i->rd, r(l, i->rd), plain(k32(l, i->imm8)));
}

LIFT(t16_sub_imm8)
{
    dp(l, SUB, sets(l), i->rd, r(l, i->rd), plain(k32(l, i->imm8)));
}

#define DP(name, op) \
    LIFT(t16_##name) { dp(l, op, sets(l), i->rd, r(l, i->rd), plain(r(l, i->rm))); }
DP(and, AND) DP(eor, EOR) DP(adc, ADC) DP(sbc, SBC) DP(orr, ORR) DP(bic, BIC)
#undef DP
#define COMPARE(name, op) \
    LIFT(t16_##name) { dp(l, op, true, 16, r(l, i->rd), plain(r(l, i->rm))); }
COMPARE(tst, TST) COMPARE(cmp, CMP) COMPARE(cmn, CMN)
#undef COMPARE
#define SHIFT(name, type) \
    LIFT(t16_##name) { dp(l, MOV, sets(l), i->rd, NO_VAL, arm_shift_reg(l, r(l, i->rd), type, r(l, i->rm), sets(l))); }
SHIFT(lsl, LSL) SHIFT(lsr, LSR) SHIFT(asr, ASR) SHIFT(ror, ROR)
#undef SHIFT

LIFT(t16_mvn)
{
    dp(l, MVN, sets(l), i->rd, NO_VAL, plain(r(l, i->rm)));
}

LIFT(t16_rsb)
{
    dp(l, RSB, sets(l), i->rd, r(l, i->rm), plain(k32(l, 0)));
}

static u32 high_rd(const Insn *i)
{
    return (u32)i->h << 3 | i->rd;
}

LIFT(t16_add_high)
{
    dp(l, ADD, false, high_rd(i), r(l, high_rd(i)), plain(r(l, i->rm)));
}

LIFT(t16_cmp_high)
{
    dp(l, CMP, true, 16, r(l, high_rd(i)), plain(r(l, i->rm)));
}

LIFT(t16_mov_high)
{
    put_rd(l, high_rd(i), r(l, i->rm));
}

LIFT(t16_adr)
{
    put_r(l, i->rd, lo32(l, code_at(l, (pc_value(l) & ~3ull) + 4u * i->imm8)));
}

LIFT(t16_add_sp)
{
    put_r(l, i->rd, add32(l, r(l, 13), k32(l, 4u * i->imm8)));
}

LIFT(t16_inc_sp)
{
    put_r(l, 13, add32(l, r(l, 13), k32(l, 4u * i->imm7)));
}

LIFT(t16_dec_sp)
{
    put_r(l, 13, sub32(l, r(l, 13), k32(l, 4u * i->imm7)));
}

/* -- bits --------------------------------------------------------------------------------------------------------------- */

LIFT(clz)
{
    put_r(l, i->rd, clz32(l, r(l, i->rm)));
}

LIFT(rev)
{
    put_r(l, i->rd, bswap32(l, r(l, i->rm)));
}

LIFT(rev16)
{
    put_r(l, i->rd, rev16_32(l, r(l, i->rm)));
}

LIFT(revsh)
{
    put_r(l, i->rd, sx16_32(l, rev16_32(l, r(l, i->rm))));
}

LIFT(rbit)
{
    put_r(l, i->rd, rbit32(l, r(l, i->rm)));
}

SAME(t32_clz, clz) SAME(t32_rev, rev) SAME(t32_rev16, rev16) SAME(t32_revsh, revsh) SAME(t32_rbit, rbit)
SAME(t16_rev, rev) SAME(t16_rev16, rev16) SAME(t16_revsh, revsh)

static void field(Lift *l, const Insn *i, u32 lsb, bool is_signed)
{
    u32 width = i->widthm1 + 1u;
    if (lsb + width > 32 || i->rd == 15) {
        undefined(l);
        return;
    }
    Val up = shl32(l, r(l, i->rn), k32(l, 32 - width - lsb)), by = k32(l, 32 - width);
    put_r(l, i->rd, is_signed ? sar32(l, up, by) : shr32(l, up, by));
}

static void insert_field(Lift *l, const Insn *i, u32 lsb)
{
    if (i->msb < lsb || i->rd == 15) {
        undefined(l);
        return;
    }
    u32 mask = 0xffffffffu >> (31 - (i->msb - lsb)) << lsb;
    Val kept = and32(l, r(l, i->rd), k32(l, ~mask));
    if (i->rn != 15) /* else BFC */
        kept = or32(l, kept, and32(l, shl32(l, r(l, i->rn), k32(l, lsb)), k32(l, mask)));
    put_r(l, i->rd, kept);
}

LIFT(sbfx) { field(l, i, i->lsb, true); }
LIFT(ubfx) { field(l, i, i->lsb, false); }
LIFT(bfi) { insert_field(l, i, i->lsb); }
LIFT(t32_sbfx) { field(l, i, (u32)i->imm3 << 2 | i->imm2, true); }
LIFT(t32_ubfx) { field(l, i, (u32)i->imm3 << 2 | i->imm2, false); }
LIFT(t32_bfi) { insert_field(l, i, (u32)i->imm3 << 2 | i->imm2); }

/* CRC32: DDI 0487 F5.1.39 */
static void crc(Lift *l, const Insn *i, bool castagnoli)
{
    Val a = r(l, i->rn), b = r(l, i->rm);
    if (castagnoli)
        put_r(l, i->rd, i->sz == 0 ? crc32cb(l, a, b) : i->sz == 1 ? crc32ch(l, a, b) : crc32cw(l, a, b));
    else
        put_r(l, i->rd, i->sz == 0 ? crc32b(l, a, b) : i->sz == 1 ? crc32h(l, a, b) : crc32w(l, a, b));
}

LIFT(crc32) { crc(l, i, false); }
LIFT(crc32c) { crc(l, i, true); }
SAME(t32_crc32, crc32) SAME(t32_crc32c, crc32c)
