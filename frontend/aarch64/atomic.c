/* Exclusives, ordered accesses, atomics: C4.1.94. They fault if they leave a block of 16 bytes (B2.8.2,
 * FEAT_LSE2, whose other half, pairs of 16 bytes that are accessed at once, isn't there: so it isn't shown).
 *
 * The exclusive monitor is an address and the value that was loaded from it. A store exclusive to that address is a
 * compare-and-swap of the value; one to another address swaps the value for itself, which changes nothing, and fails.
 * So it misses another thread's store of the same value (ABA): code that relies on the monitor for that, like a
 * lock-free stack without tags, is at risk here, as it is under every translator without a monitor of its own. */
#include "a64.h"

static Val ordered_load(Lift *l, u32 size, Val addr)
{
    return size == 0 ? ld8(l, addr, 0) : size == 1 ? ld16(l, addr, 0) : size == 2 ? ld32(l, addr, 0) : ld64(l, addr, 0);
}

static Val swap_if(Lift *l, u32 size, Val addr, Val expected, Val desired)
{
    return size == 0   ? cas8(l, addr, expected, desired)
           : size == 1 ? cas16(l, addr, expected, desired)
           : size == 2 ? cas32(l, addr, expected, desired)
                       : cas64(l, addr, expected, desired);
}

static Val aligned_base(Lift *l, const Insn *i, u32 bytes)
{
    Val addr = xsp(l, i->rn);
    check_align_within(l, addr, bytes, 16);
    return addr;
}

/* Starts watching addr. */
static void watch(Lift *l, Val addr)
{
    put64(l, OFF_EXCL_ADDR, addr);
}

LIFT(clrex)
{
    watch(l, k64(l, NO_EXCL));
}

/* -- load and store exclusive, o0: with acquire and release -- */

LIFT(ldxr)
{
    Val addr = aligned_base(l, i, 1u << i->size), v = ordered_load(l, i->size, addr);
    if (i->o0)
        fence(l, 1);
    watch(l, addr);
    put64(l, OFF_EXCL_VAL, i->size == 3 ? v : zx32_64(l, v));
    put_r(l, i->size == 3, i->rt, v);
}

LIFT(stxr)
{
    bool sf = i->size == 3;
    Val addr = aligned_base(l, i, 1u << i->size);
    Val watched = eq64(l, addr, get64(l, OFF_EXCL_ADDR));
    Val expected = sf ? get64(l, OFF_EXCL_VAL) : w_at(l, OFF_EXCL_VAL);
    Val old = swap_if(l, i->size, addr, expected, select_r(l, sf, watched, r(l, sf, i->rt), expected));
    watch(l, k64(l, NO_EXCL));
    put_w(l, i->rs, select32(l, watched, ne_r(l, sf, old, expected), k32(l, 1)));
}

/* Two registers as one 64-bit or 128-bit value in memory order. */
static Val pack64(Lift *l, Val low, Val high)
{
    return or64(l, zx32_64(l, low), shl64(l, zx32_64(l, high), k64(l, 32)));
}

static Val pack128(Lift *l, Val low, Val high)
{
    return vzip1_64(l, xtov(l, low), xtov(l, high));
}

static Val high32(Lift *l, Val v)
{
    return lo32(l, shr64(l, v, k64(l, 32)));
}

static Val high64(Lift *l, Val v)
{
    return vtox(l, vhigh64(l, v));
}

/* The two halves may be read apart: the store exclusive fails if they don't belong together. */
LIFT(ldxp)
{
    Val addr = aligned_base(l, i, 8u << i->sz);
    Val low = ld64(l, addr, 0), high = i->sz ? ld64(l, addr, 8) : NO_VAL;
    if (i->o0)
        fence(l, 1);
    watch(l, addr);
    if (i->sz) {
        put128(l, OFF_EXCL_VAL, pack128(l, low, high));
        put_x(l, i->rt, low);
        put_x(l, i->rt2, high);
    } else {
        put64(l, OFF_EXCL_VAL, low);
        put_w(l, i->rt, lo32(l, low));
        put_w(l, i->rt2, high32(l, low));
    }
}

LIFT(stxp)
{
    Val addr = aligned_base(l, i, 8u << i->sz);
    Val watched = eq64(l, addr, get64(l, OFF_EXCL_ADDR)), differ;
    if (i->sz) {
        Val expected = get128(l, OFF_EXCL_VAL), desired = pack128(l, x(l, i->rt), x(l, i->rt2));
        Val old = cas128(l, addr, expected, select128(l, watched, desired, expected));
        Val low = xor64(l, vtox(l, old), vtox(l, expected)), high = xor64(l, high64(l, old), high64(l, expected));
        differ = ne64(l, or64(l, low, high), k64(l, 0));
    } else {
        Val expected = get64(l, OFF_EXCL_VAL), desired = pack64(l, w(l, i->rt), w(l, i->rt2));
        Val old = cas64(l, addr, expected, select64(l, watched, desired, expected));
        differ = ne64(l, old, expected);
    }
    watch(l, k64(l, NO_EXCL));
    put_w(l, i->rs, select32(l, watched, differ, k32(l, 1)));
}

/* -- load-acquire, store-release: the first may not pass an earlier second (RCsc), hence the full barrier -- */

LIFT(ldar)
{
    Val v = ordered_load(l, i->size, aligned_base(l, i, 1u << i->size));
    fence(l, 1);
    put_r(l, i->size == 3, i->rt, v);
}

static void ordered_store(Lift *l, const Insn *i, Val addr)
{
    fence(l, 2);
    if (i->size == 0)
        st8(l, addr, 0, w(l, i->rt));
    else if (i->size == 1)
        st16(l, addr, 0, w(l, i->rt));
    else if (i->size == 2)
        st32(l, addr, 0, w(l, i->rt));
    else
        st64(l, addr, 0, x(l, i->rt));
    fence(l, 3);
}

LIFT(stlr)
{
    ordered_store(l, i, aligned_base(l, i, 1u << i->size));
}

/* Without an order to earlier store-releases, which the host keeps all the same. */
LIFT(ldapr)
{
    lift_ldar(l, i);
}

/* Unscaled offsets; sign-extended loads as in loadstore.c. */
static Val unscaled_base(Lift *l, const Insn *i)
{
    Val addr = add64(l, xsp(l, i->rn), k64(l, (u64)sext(i->imm9, 9)));
    check_align_within(l, addr, 1u << i->size, 16);
    return addr;
}

LIFT(ldapur)
{
    Val v = ordered_load(l, i->size, unscaled_base(l, i));
    fence(l, 1);
    put_r(l, i->size == 3, i->rt, v);
}

LIFT(ldapur_s)
{
    Val v = ordered_load(l, i->size, unscaled_base(l, i));
    fence(l, 1);
    put_x(l, i->rt, i->size == 0 ? sx8_64(l, v) : i->size == 1 ? sx16_64(l, v) : sx32_64(l, v));
}

LIFT(ldapur_sw)
{
    Val v = ordered_load(l, i->size, unscaled_base(l, i));
    fence(l, 1);
    put_w(l, i->rt, i->size ? sx16_32(l, v) : sx8_32(l, v));
}

LIFT(stlur)
{
    ordered_store(l, i, unscaled_base(l, i));
}

/* -- compare and swap -- */

LIFT(cas)
{
    bool sf = i->size == 3;
    Val addr = aligned_base(l, i, 1u << i->size);
    put_r(l, sf, i->rs, swap_if(l, i->size, addr, r(l, sf, i->rs), r(l, sf, i->rt)));
}

LIFT(casp)
{
    if ((i->rs | i->rt) & 1) {
        unallocated(l);
        return;
    }
    u32 rs2 = i->rs + 1u, rt2 = i->rt + 1u;
    Val addr = aligned_base(l, i, 8u << i->sz);
    if (i->sz) {
        Val expected = pack128(l, x(l, i->rs), x(l, rs2)), desired = pack128(l, x(l, i->rt), x(l, rt2));
        Val old = cas128(l, addr, expected, desired);
        put_x(l, i->rs, vtox(l, old));
        put_x(l, rs2, high64(l, old));
    } else {
        Val expected = pack64(l, w(l, i->rs), w(l, rs2)), desired = pack64(l, w(l, i->rt), w(l, rt2));
        Val old = cas64(l, addr, expected, desired);
        put_w(l, i->rs, lo32(l, old));
        put_w(l, rs2, high32(l, old));
    }
}

/* -- read-modify-write: Rs is the operand, Rt gets the old value -- */

#define ATOMIC(name, op, operand) \
    LIFT(name) \
    { \
        Val addr = aligned_base(l, i, 1u << i->size); \
        bool sf = i->size == 3; \
        Val v = operand(l, sf, r(l, sf, i->rs)); \
        put_r(l, sf, i->rt, \
              i->size == 0   ? op##8(l, addr, v) \
              : i->size == 1 ? op##16(l, addr, v) \
              : i->size == 2 ? op##32(l, addr, v) \
                             : op##64(l, addr, v)); \
    }
#define same_r(l, sf, v) (v)
ATOMIC(ldadd, aadd, same_r)
ATOMIC(ldclr, aand, not_r)
ATOMIC(ldeor, axor, same_r)
ATOMIC(ldset, aor, same_r)
ATOMIC(ldsmax, asmax, same_r)
ATOMIC(ldsmin, asmin, same_r)
ATOMIC(ldumax, aumax, same_r)
ATOMIC(ldumin, aumin, same_r)
ATOMIC(swp, aswap, same_r)
