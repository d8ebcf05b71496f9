/* Data processing, register: C4.1.95. */
#include "a64.h"

enum { LSL, LSR, ASR, ROR };

static Val shifted(Lift *l, const Insn *i)
{
    Val v = r(l, i->sf, i->rm);
    if (!i->imm6 || i->rm == 31)
        return v;
    Val by = k_r(l, i->sf, i->imm6);
    switch (i->shift) {
    case LSL:
        return shl_r(l, i->sf, v, by);
    case LSR:
        return shr_r(l, i->sf, v, by);
    case ASR:
        return sar_r(l, i->sf, v, by);
    default:
        return ror_r(l, i->sf, v, by);
    }
}

Val a64_extended(Lift *l, bool sf, u32 rm, u32 option, u32 shift)
{
    Val v;
    switch (option) {
    case 0:
    case 1:
        v = and_r(l, sf, r(l, sf, rm), k_r(l, sf, option ? 0xffff : 0xff));
        break;
    case 2:
        v = sf ? zx32_64(l, w(l, rm)) : w(l, rm);
        break;
    case 4:
        v = sf ? sx8_64(l, w(l, rm)) : sx8_32(l, w(l, rm));
        break;
    case 5:
        v = sf ? sx16_64(l, w(l, rm)) : sx16_32(l, w(l, rm));
        break;
    case 6:
        v = sf ? sx32_64(l, w(l, rm)) : w(l, rm);
        break;
    default:
        v = r(l, sf, rm);
        break;
    }
    return shift ? shl_r(l, sf, v, k_r(l, sf, shift)) : v;
}

/* A shift amount past the register is reserved. */
static bool reserved_shift(Lift *l, const Insn *i)
{
    if (i->sf || i->imm6 < 32)
        return false;
    unallocated(l);
    return true;
}

/* -- logical; N inverts the second operand -- */

LIFT(and_shift)
{
    if (reserved_shift(l, i))
        return;
    Val a = r(l, i->sf, i->rn), b = shifted(l, i);
    put_r(l, i->sf, i->rd, i->N ? andn_r(l, i->sf, a, b) : and_r(l, i->sf, a, b));
}

LIFT(orr_shift)
{
    if (reserved_shift(l, i))
        return;
    Val b = shifted(l, i);
    if (i->N)
        b = not_r(l, i->sf, b);
    put_r(l, i->sf, i->rd, i->rn == 31 ? b : or_r(l, i->sf, r(l, i->sf, i->rn), b));
}

LIFT(eor_shift)
{
    if (reserved_shift(l, i))
        return;
    Val v = xor_r(l, i->sf, r(l, i->sf, i->rn), shifted(l, i));
    put_r(l, i->sf, i->rd, i->N ? not_r(l, i->sf, v) : v);
}

LIFT(ands_shift)
{
    if (reserved_shift(l, i))
        return;
    Val a = r(l, i->sf, i->rn), b = shifted(l, i);
    Val v = i->N ? andn_r(l, i->sf, a, b) : i->rn == i->rm && !i->imm6 ? a : and_r(l, i->sf, a, b);
    flags_set(l, AND_FLAGS(i->sf), v, NO_VAL);
    put_r(l, i->sf, i->rd, v);
}

/* -- add and subtract -- */

LIFT(add_shift)
{
    if (!reserved_shift(l, i))
        put_r(l, i->sf, i->rd, add_r(l, i->sf, r(l, i->sf, i->rn), shifted(l, i)));
}

LIFT(sub_shift)
{
    if (reserved_shift(l, i))
        return;
    Val b = shifted(l, i);
    put_r(l, i->sf, i->rd, i->rn == 31 ? neg_r(l, i->sf, b) : sub_r(l, i->sf, r(l, i->sf, i->rn), b));
}

static void adds(Lift *l, const Insn *i, Val a, Val b)
{
    flags_set(l, ADD_FLAGS(i->sf), a, b);
    put_r(l, i->sf, i->rd, add_r(l, i->sf, a, b));
}

static void subs(Lift *l, const Insn *i, Val a, Val b)
{
    flags_set(l, SUB_FLAGS(i->sf), a, b);
    put_r(l, i->sf, i->rd, sub_r(l, i->sf, a, b));
}

LIFT(adds_shift)
{
    if (!reserved_shift(l, i))
        adds(l, i, r(l, i->sf, i->rn), shifted(l, i));
}

LIFT(subs_shift)
{
    if (!reserved_shift(l, i))
        subs(l, i, r(l, i->sf, i->rn), shifted(l, i));
}

static Val extended(Lift *l, const Insn *i)
{
    return a64_extended(l, i->sf, i->rm, i->option, i->imm3);
}

LIFT(add_ext)
{
    put_rsp(l, i->sf, i->rd, add_r(l, i->sf, rsp(l, i->sf, i->rn), extended(l, i)));
}

LIFT(sub_ext)
{
    put_rsp(l, i->sf, i->rd, sub_r(l, i->sf, rsp(l, i->sf, i->rn), extended(l, i)));
}

LIFT(adds_ext)
{
    adds(l, i, rsp(l, i->sf, i->rn), extended(l, i));
}

LIFT(subs_ext)
{
    subs(l, i, rsp(l, i->sf, i->rn), extended(l, i));
}

/* a + b + C; subtraction adds the inverted b. */
static void with_carry(Lift *l, const Insn *i, Val a, Val b, bool set_flags)
{
    Val c = flags_carry(l);
    Val sum = add_r(l, i->sf, add_r(l, i->sf, a, b), i->sf ? zx32_64(l, c) : c);
    if (set_flags)
        flags_set(l, FLAG_BITS, i->sf ? adc64_nzcv(l, a, b, c) : adc32_nzcv(l, a, b, c), NO_VAL);
    put_r(l, i->sf, i->rd, sum);
}

LIFT(adc)
{
    with_carry(l, i, r(l, i->sf, i->rn), r(l, i->sf, i->rm), false);
}

LIFT(adcs)
{
    with_carry(l, i, r(l, i->sf, i->rn), r(l, i->sf, i->rm), true);
}

LIFT(sbc)
{
    with_carry(l, i, r(l, i->sf, i->rn), not_r(l, i->sf, r(l, i->sf, i->rm)), false);
}

LIFT(sbcs)
{
    with_carry(l, i, r(l, i->sf, i->rn), not_r(l, i->sf, r(l, i->sf, i->rm)), true);
}

/* -- conditional -- */

static void cond_compare(Lift *l, const Insn *i, FlagKind kind, Val b)
{
    Val a = r(l, i->sf, i->rn);
    if (i->cond >= CC_AL)
        flags_set(l, kind, a, b);
    else
        flags_set_if(l, flags_cond(l, (Cond)i->cond), kind, a, b, (u32)i->nzcv << 28);
}

LIFT(ccmn_reg)
{
    cond_compare(l, i, ADD_FLAGS(i->sf), r(l, i->sf, i->rm));
}

LIFT(ccmn_imm)
{
    cond_compare(l, i, ADD_FLAGS(i->sf), k_r(l, i->sf, i->imm5));
}

LIFT(ccmp_reg)
{
    cond_compare(l, i, SUB_FLAGS(i->sf), r(l, i->sf, i->rm));
}

LIFT(ccmp_imm)
{
    cond_compare(l, i, SUB_FLAGS(i->sf), k_r(l, i->sf, i->imm5));
}

/* CSEL and its kin but for the aliases CSET and CSETM: b is Rm as the instruction changes it. */
static void cond_select(Lift *l, const Insn *i, Val b)
{
    Val a = r(l, i->sf, i->rn);
    put_r(l, i->sf, i->rd, i->cond >= CC_AL ? a : select_r(l, i->sf, flags_cond(l, (Cond)i->cond), a, b));
}

/* Both sources are the zero register: the result is made of the inverted condition itself. */
static bool is_cset(const Insn *i)
{
    return i->rn == 31 && i->rm == 31 && i->cond < CC_AL;
}

LIFT(csel)
{
    cond_select(l, i, r(l, i->sf, i->rm));
}

LIFT(csinc)
{
    if (is_cset(i))
        put_w(l, i->rd, flags_cond(l, (Cond)(i->cond ^ 1)));
    else
        cond_select(l, i, add_r(l, i->sf, r(l, i->sf, i->rm), k_r(l, i->sf, 1)));
}

LIFT(csinv)
{
    if (is_cset(i)) {
        Val c = flags_cond(l, (Cond)(i->cond ^ 1));
        put_r(l, i->sf, i->rd, neg_r(l, i->sf, i->sf ? zx32_64(l, c) : c));
    } else {
        cond_select(l, i, not_r(l, i->sf, r(l, i->sf, i->rm)));
    }
}

LIFT(csneg)
{
    cond_select(l, i, neg_r(l, i->sf, r(l, i->sf, i->rm)));
}

/* -- two sources -- */

#define TWO_SOURCES(name, op) \
    LIFT(name) \
    { \
        put_r(l, i->sf, i->rd, op(l, i->sf, r(l, i->sf, i->rn), r(l, i->sf, i->rm))); \
    }
TWO_SOURCES(udiv, udiv_r)
TWO_SOURCES(sdiv, sdiv_r)
TWO_SOURCES(lslv, shl_r)
TWO_SOURCES(lsrv, shr_r)
TWO_SOURCES(asrv, sar_r)
TWO_SOURCES(rorv, ror_r)

LIFT(crc32)
{
    Val crc = w(l, i->rn), data = w(l, i->rm);
    put_w(l, i->rd, i->sz == 0 ? crc32b(l, crc, data) : i->sz == 1 ? crc32h(l, crc, data) : crc32w(l, crc, data));
}

LIFT(crc32_x)
{
    put_w(l, i->rd, crc32x(l, w(l, i->rn), x(l, i->rm)));
}

LIFT(crc32c)
{
    Val crc = w(l, i->rn), data = w(l, i->rm);
    put_w(l, i->rd, i->sz == 0 ? crc32cb(l, crc, data) : i->sz == 1 ? crc32ch(l, crc, data) : crc32cw(l, crc, data));
}

LIFT(crc32c_x)
{
    put_w(l, i->rd, crc32cx(l, w(l, i->rn), x(l, i->rm)));
}

/* -- one source -- */

#define ONE_SOURCE(name, op) \
    LIFT(name) \
    { \
        put_r(l, i->sf, i->rd, op(l, i->sf, r(l, i->sf, i->rn))); \
    }
ONE_SOURCE(rbit, rbit_r)
ONE_SOURCE(rev16, rev16__r)
ONE_SOURCE(clz, clz_r)
ONE_SOURCE(cls, cls_r)

LIFT(rev_w)
{
    put_w(l, i->rd, bswap32(l, w(l, i->rn)));
}

LIFT(rev32)
{
    put_x(l, i->rd, rev32_64(l, x(l, i->rn)));
}

LIFT(rev_x)
{
    put_x(l, i->rd, bswap64(l, x(l, i->rn)));
}

/* -- three sources -- */

LIFT(madd)
{
    Val p = mul_r(l, i->sf, r(l, i->sf, i->rn), r(l, i->sf, i->rm));
    put_r(l, i->sf, i->rd, i->ra == 31 ? p : add_r(l, i->sf, r(l, i->sf, i->ra), p));
}

LIFT(msub)
{
    Val p = mul_r(l, i->sf, r(l, i->sf, i->rn), r(l, i->sf, i->rm));
    put_r(l, i->sf, i->rd, i->ra == 31 ? neg_r(l, i->sf, p) : sub_r(l, i->sf, r(l, i->sf, i->ra), p));
}

static Val signed_product(Lift *l, const Insn *i)
{
    return mul64(l, sx32_64(l, w(l, i->rn)), sx32_64(l, w(l, i->rm)));
}

static Val unsigned_product(Lift *l, const Insn *i)
{
    return mul64(l, zx32_64(l, w(l, i->rn)), zx32_64(l, w(l, i->rm)));
}

LIFT(smaddl)
{
    Val p = signed_product(l, i);
    put_x(l, i->rd, i->ra == 31 ? p : add64(l, x(l, i->ra), p));
}

LIFT(smsubl)
{
    put_x(l, i->rd, sub64(l, x(l, i->ra), signed_product(l, i)));
}

LIFT(umaddl)
{
    Val p = unsigned_product(l, i);
    put_x(l, i->rd, i->ra == 31 ? p : add64(l, x(l, i->ra), p));
}

LIFT(umsubl)
{
    put_x(l, i->rd, sub64(l, x(l, i->ra), unsigned_product(l, i)));
}

LIFT(smulh)
{
    put_x(l, i->rd, smulh64(l, x(l, i->rn), x(l, i->rm)));
}

LIFT(umulh)
{
    put_x(l, i->rd, umulh64(l, x(l, i->rn), x(l, i->rm)));
}
