/* Multiplication and division: A32 A5.2.5, A5.2.7, A5.4.4; T32 A6.3.16, A6.3.17. */
#include "arm.h"

static void put_product(Lift *l, const Insn *i, bool s, Val v)
{
    if (s)
        arm_flags_nz(l, v);
    put_r(l, i->rd, v);
}

LIFT(mul)
{
    put_product(l, i, i->s, mul32(l, r(l, i->rn), r(l, i->rm)));
}

LIFT(mla)
{
    put_product(l, i, i->s, add32(l, mul32(l, r(l, i->rn), r(l, i->rm)), r(l, i->ra)));
}

LIFT(mls)
{
    put_product(l, i, false, sub32(l, r(l, i->ra), mul32(l, r(l, i->rn), r(l, i->rm))));
}

LIFT(t16_mul)
{
    put_product(l, i, !in_it(l), mul32(l, r(l, i->rd), r(l, i->rm)));
}

LIFT(t32_mla)
{
    if (i->ra == 15)
        arm_lift_mul(l, i);
    else
        arm_lift_mla(l, i);
}

SAME(t32_mls, mls)

/* -- 64-bit results ----------------------------------------------------------------------------------------------------- */

static Val wide(Lift *l, u32 n, bool is_signed)
{
    Val v = r(l, n);
    return is_signed ? sx32_64(l, v) : zx32_64(l, v);
}

static Val both(Lift *l, const Insn *i)
{
    return or64(l, shl64(l, rx(l, i->rdhi), k64(l, 32)), rx(l, i->rdlo));
}

static void put_both(Lift *l, const Insn *i, bool s, Val v)
{
    if (s)
        arm_flags_nz64(l, v);
    put_r(l, i->rdlo, lo32(l, v));
    put_rx(l, i->rdhi, shr64(l, v, k64(l, 32)));
}

static void multiply(Lift *l, const Insn *i, bool is_signed, bool accumulates)
{
    Val v = mul64(l, wide(l, i->rn, is_signed), wide(l, i->rm, is_signed));
    put_both(l, i, i->s, accumulates ? add64(l, v, both(l, i)) : v);
}

LIFT(umull) { multiply(l, i, false, false); }
LIFT(umlal) { multiply(l, i, false, true); }
LIFT(smull) { multiply(l, i, true, false); }
LIFT(smlal) { multiply(l, i, true, true); }

LIFT(umaal)
{
    Val v = mul64(l, wide(l, i->rn, false), wide(l, i->rm, false));
    put_both(l, i, false, add64(l, add64(l, v, rx(l, i->rdhi)), rx(l, i->rdlo)));
}

SAME(t32_umull, umull) SAME(t32_umlal, umlal) SAME(t32_smull, smull) SAME(t32_smlal, smlal) SAME(t32_umaal, umaal)

/* -- halfwords ---------------------------------------------------------------------------------------------------------- */

/* A half of a register, sign-extended. */
static Val half(Lift *l, u32 n, bool high)
{
    return high ? sar32(l, r(l, n), k32(l, 16)) : sx16_32(l, r(l, n));
}

/* v plus Ra, if that isn't PC; Q on overflow. */
static void put_accumulated(Lift *l, const Insn *i, u32 ra, Val v)
{
    if (ra == 15) {
        put_r(l, i->rd, v);
        return;
    }
    Val sum = add64(l, sx32_64(l, v), sx32_64(l, r(l, ra))), low = lo32(l, sum);
    arm_set_q(l, ne64(l, sum, sx32_64(l, low)));
    put_r(l, i->rd, low);
}

static Val half_product(Lift *l, const Insn *i)
{
    return mul32(l, half(l, i->rn, i->n), half(l, i->rm, i->m));
}

LIFT(smlaxy) { put_accumulated(l, i, i->ra, half_product(l, i)); }
LIFT(smulxy) { put_accumulated(l, i, 15, half_product(l, i)); }
SAME(t32_smlaxy, smlaxy)

/* A word by a halfword, the upper 32 bits of 48. */
static Val word_product(Lift *l, const Insn *i)
{
    return lo32(l, sar64(l, mul64(l, wide(l, i->rn, true), sx32_64(l, half(l, i->rm, i->m))), k64(l, 16)));
}

LIFT(smlaw) { put_accumulated(l, i, i->ra, word_product(l, i)); }
LIFT(smulw) { put_accumulated(l, i, 15, word_product(l, i)); }
SAME(t32_smlaw, smlaw)

LIFT(smlalxy)
{
    put_both(l, i, false, add64(l, both(l, i), sx32_64(l, half_product(l, i))));
}
SAME(t32_smlalxy, smlalxy)

/* The sum or difference of two products as 64 bits; M exchanges Rm's halves. */
static Val dual(Lift *l, const Insn *i, bool subtract)
{
    Val a = sx32_64(l, mul32(l, half(l, i->rn, false), half(l, i->rm, i->m)));
    Val b = sx32_64(l, mul32(l, half(l, i->rn, true), half(l, i->rm, !i->m)));
    return subtract ? sub64(l, a, b) : add64(l, a, b);
}

static void put_dual(Lift *l, const Insn *i, Val v)
{
    if (i->ra != 15)
        v = add64(l, v, sx32_64(l, r(l, i->ra)));
    Val low = lo32(l, v);
    arm_set_q(l, ne64(l, v, sx32_64(l, low)));
    put_r(l, i->rd, low);
}

LIFT(smlad) { put_dual(l, i, dual(l, i, false)); }
LIFT(smlsd) { put_dual(l, i, dual(l, i, true)); }
LIFT(smlald) { put_both(l, i, false, add64(l, both(l, i), dual(l, i, false))); }
LIFT(smlsld) { put_both(l, i, false, add64(l, both(l, i), dual(l, i, true))); }
SAME(t32_smlad, smlad) SAME(t32_smlsd, smlsd) SAME(t32_smlald, smlald) SAME(t32_smlsld, smlsld)

/* Most significant words, with R rounded */
static void most_significant(Lift *l, const Insn *i, bool subtract)
{
    Val v = mul64(l, wide(l, i->rn, true), wide(l, i->rm, true));
    if (i->ra != 15 || subtract) {
        Val a = shl64(l, rx(l, i->ra), k64(l, 32));
        v = subtract ? sub64(l, a, v) : add64(l, a, v);
    }
    if (i->r)
        v = add64(l, v, k64(l, 0x80000000));
    put_rx(l, i->rd, shr64(l, v, k64(l, 32)));
}

LIFT(smmla) { most_significant(l, i, false); }
LIFT(smmls) { most_significant(l, i, true); }
SAME(t32_smmla, smmla) SAME(t32_smmls, smmls)

LIFT(sdiv) { put_r(l, i->rd, sdiv32(l, r(l, i->rn), r(l, i->rm))); }
LIFT(udiv) { put_r(l, i->rd, udiv32(l, r(l, i->rn), r(l, i->rm))); }
SAME(t32_sdiv, sdiv) SAME(t32_udiv, udiv)
