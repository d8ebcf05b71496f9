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
    Val sum = i->sf ? adc64(l, a, b, c) : adc32(l, a, b, c);
    if (set_flags)
        flags_set_sum(l, i->sf, a, b, c);
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

/* -- FEAT_CSSC ------------------------------------------------------------------------------------------------------ */

LIFT(ctz)
{
    put_r(l, i->sf, i->rd, ctz_r(l, i->sf, r(l, i->sf, i->rn)));
}

LIFT(cnt)
{
    put_r(l, i->sf, i->rd, popcnt_r(l, i->sf, r(l, i->sf, i->rn)));
}

LIFT(abs)
{
    Val n = r(l, i->sf, i->rn);
    put_r(l, i->sf, i->rd, select_r(l, i->sf, slt_r(l, i->sf, n, k_r(l, i->sf, 0)), neg_r(l, i->sf, n), n));
}

#define MAX_MIN(name, less, a, b, imm) \
    static Val name(Lift *l, bool sf, Val n, Val m) \
    { \
        return select_r(l, sf, less##_r(l, sf, a, b), m, n); \
    } \
    LIFT(name) \
    { \
        put_r(l, i->sf, i->rd, name(l, i->sf, r(l, i->sf, i->rn), r(l, i->sf, i->rm))); \
    } \
    LIFT(name##_imm) \
    { \
        put_r(l, i->sf, i->rd, name(l, i->sf, r(l, i->sf, i->rn), k_r(l, i->sf, imm))); \
    }
MAX_MIN(smax, slt, n, m, (u64)(i8)i->imm8)
MAX_MIN(smin, slt, m, n, (u64)(i8)i->imm8)
MAX_MIN(umax, ult, n, m, i->imm8)
MAX_MIN(umin, ult, m, n, i->imm8)
#undef MAX_MIN

/* -- flags: FEAT_FlagM, FEAT_FlagM2 --------------------------------------------------------------------------------- */

enum { N = 8u << 28, Z = 4u << 28, C = 2u << 28, V = 1u << 28 };

static void put_flags(Lift *l, Val nzcv)
{
    flags_set(l, FLAG_BITS, nzcv, NO_VAL);
}

/* Bits of v where mask has ones, of the flags elsewhere. */
static void replace_flags(Lift *l, u32 mask, Val v)
{
    put_flags(l, or32(l, and32(l, flags_bits(l), k32(l, ~mask & 0xf0000000)), and32(l, v, k32(l, mask))));
}

LIFT(rmif)
{
    Val bits = lo32(l, ror64(l, x(l, i->rn), k64(l, i->imm6)));
    replace_flags(l, (u32)i->mask << 28, shl32(l, bits, k32(l, 28)));
}

/* The sum or difference was of 8 or 16 bits: its sign, whether it is zero, and whether the bit above differs from the
 * sign. */
LIFT(setf)
{
    u32 unused = i->sz ? 16 : 24;
    Val n = w(l, i->rn), top = shl32(l, n, k32(l, unused));
    Val zero = select32(l, top, k32(l, 0), k32(l, Z));
    Val overflow = and32(l, shr32(l, xor32(l, n, shr32(l, n, k32(l, 1))), k32(l, 31 - unused)), k32(l, 1));
    replace_flags(l, N | Z | V, or32(l, or32(l, and32(l, top, k32(l, N)), zero), shl32(l, overflow, k32(l, 28))));
}

LIFT(cfinv)
{
    put_flags(l, xor32(l, flags_bits(l), k32(l, C)));
}

/* To the form of another architecture, in which Z says "unordered", too; and back. */
LIFT(axflag)
{
    Val nzcv = flags_bits(l), v = and32(l, nzcv, k32(l, V));
    Val z = or32(l, and32(l, nzcv, k32(l, Z)), shl32(l, v, k32(l, 2)));
    put_flags(l, or32(l, z, andn32(l, and32(l, nzcv, k32(l, C)), shl32(l, v, k32(l, 1)))));
}

LIFT(xaflag)
{
    Val nzcv = flags_bits(l), z = and32(l, shr32(l, nzcv, k32(l, 30)), k32(l, 1));
    Val c = and32(l, shr32(l, nzcv, k32(l, 29)), k32(l, 1));
    Val n = andn32(l, andn32(l, k32(l, 1), c), z);
    Val bits = or32(l, shl32(l, n, k32(l, 3)), shl32(l, and32(l, z, c), k32(l, 2)));
    bits = or32(l, bits, or32(l, shl32(l, or32(l, c, z), k32(l, 1)), andn32(l, z, c)));
    put_flags(l, shl32(l, bits, k32(l, 28)));
}
