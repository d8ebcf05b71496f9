/* Exclusives, ordered accesses, atomics: C4.1.94. They fault if they leave a block of 16 bytes (B2.8.2,
 * FEAT_LSE2; its other half, pairs that are accessed at once, is -cpu max's).
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
static Val unscaled_base(Lift *l, const Insn *i, u32 size)
{
    Val addr = add64(l, xsp(l, i->rn), k64(l, (u64)sext(i->imm9, 9)));
    check_align_within(l, addr, 1u << size, 16);
    return addr;
}

LIFT(ldapur)
{
    Val v = ordered_load(l, i->size, unscaled_base(l, i, i->size));
    fence(l, 1);
    put_r(l, i->size == 3, i->rt, v);
}

LIFT(ldapur_s)
{
    Val v = ordered_load(l, i->size, unscaled_base(l, i, i->size));
    fence(l, 1);
    put_x(l, i->rt, i->size == 0 ? sx8_64(l, v) : i->size == 1 ? sx16_64(l, v) : sx32_64(l, v));
}

LIFT(ldapur_sw)
{
    Val v = ordered_load(l, i->size, unscaled_base(l, i, i->size));
    fence(l, 1);
    put_w(l, i->rt, i->size ? sx16_32(l, v) : sx8_32(l, v));
}

LIFT(stlur)
{
    ordered_store(l, i, unscaled_base(l, i, i->size));
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

/* -- pairs (FEAT_LSE128): a helper's; operand and result are the registers `what` & 31 and `what` >> 8 & 31 -- */

enum { PAIR_CLEAR, PAIR_SET, PAIR_SWAP, PAIR_OP_SHIFT = 16 };

u64 a64_helper_atomic_pair(Task *t, u64 addr, u64 what)
{
    u64 *low = &a64(t)->x[what & 31], *high = &a64(t)->x[what >> 8 & 31];
    u128 operand = (u128)*high << 64 | *low, *p = (u128 *)(addr & ~(0xffull << 56)), old = 0, now;
    do {
        now = old;
        u128 desired = what >> PAIR_OP_SHIFT == PAIR_CLEAR ? now & ~operand
                       : what >> PAIR_OP_SHIFT == PAIR_SET ? now | operand
                                                           : operand;
        old = __sync_val_compare_and_swap(p, now, desired);
    } while (old != now);
    *low = (u64)old;
    *high = (u64)(old >> 64);
    return 0;
}

static void atomic_pair(Lift *l, const Insn *i, u64 op)
{
    if (i->rt == i->rt2 || i->rt == 31 || i->rt2 == 31)
        unallocated(l);
    else
        call_helper(l, HELPER_atomic_pair, aligned_base(l, i, 16), k64(l, i->rt | (u64)i->rt2 << 8 | op << PAIR_OP_SHIFT));
}

LIFT(ldclrp)
{
    atomic_pair(l, i, PAIR_CLEAR);
}

LIFT(ldsetp)
{
    atomic_pair(l, i, PAIR_SET);
}

LIFT(swpp)
{
    atomic_pair(l, i, PAIR_SWAP);
}

/* -- FEAT_LRCPC3: the parts of a pair are ordered, and may be accessed apart ---------------------------------------------- */

LIFT(ldiapp)
{
    i32 bytes = 4 << i->sz;
    Val addr = xsp(l, i->rn);
    check_align_within(l, addr, 2u * (u32)bytes, 16);
    Val first = i->sz ? ld64(l, addr, 0) : ld32(l, addr, 0), second = i->sz ? ld64(l, addr, bytes) : ld32(l, addr, bytes);
    fence(l, 1);
    put_r(l, i->sz, i->rt2, second);
    put_r(l, i->sz, i->rt, first);
    if (!i->offset)
        put_xsp(l, i->rn, add64(l, addr, k64(l, 2u * (u32)bytes)));
}

LIFT(stilp)
{
    i32 bytes = 4 << i->sz;
    Val addr = xsp(l, i->rn);
    if (!i->offset)
        addr = sub64(l, addr, k64(l, 2u * (u32)bytes));
    check_align_within(l, addr, 2u * (u32)bytes, 16);
    fence(l, 2);
    if (i->sz) {
        st64(l, addr, 0, x(l, i->rt));
        st64(l, addr, bytes, x(l, i->rt2));
    } else {
        st32(l, addr, 0, w(l, i->rt));
        st32(l, addr, bytes, w(l, i->rt2));
    }
    fence(l, 3);
    if (!i->offset)
        put_xsp(l, i->rn, addr);
}

LIFT(ldapr_post)
{
    u32 bytes = 4u << i->sz;
    Val addr = xsp(l, i->rn);
    check_align_within(l, addr, bytes, 16);
    Val v = ordered_load(l, 2u + i->sz, addr);
    fence(l, 1);
    put_r(l, i->sz, i->rt, v);
    put_xsp(l, i->rn, add64(l, addr, k64(l, bytes)));
}

LIFT(stlr_pre)
{
    u32 bytes = 4u << i->sz;
    Val addr = sub64(l, xsp(l, i->rn), k64(l, bytes));
    check_align_within(l, addr, bytes, 16);
    fence(l, 2);
    if (i->sz)
        st64(l, addr, 0, x(l, i->rt));
    else
        st32(l, addr, 0, w(l, i->rt));
    fence(l, 3);
    put_xsp(l, i->rn, addr);
}

LIFT(ldapurv)
{
    Val addr = unscaled_base(l, i, i->size);
    Val v = i->size == 0   ? ld8q(l, addr, 0)
            : i->size == 1 ? ld16q(l, addr, 0)
            : i->size == 2 ? ld32q(l, addr, 0)
                           : ld64q(l, addr, 0);
    fence(l, 1);
    put_q(l, i->rt, v);
}

LIFT(ldapurq)
{
    Val v = ld128(l, unscaled_base(l, i, 4), 0);
    fence(l, 1);
    put_q(l, i->rt, v);
}

LIFT(stlurv)
{
    Val addr = unscaled_base(l, i, i->size), v = q(l, i->rt);
    fence(l, 2);
    if (i->size == 0)
        st8q(l, addr, 0, v);
    else if (i->size == 1)
        st16q(l, addr, 0, v);
    else if (i->size == 2)
        st32q(l, addr, 0, v);
    else
        st64q(l, addr, 0, v);
    fence(l, 3);
}

LIFT(stlurq)
{
    Val addr = unscaled_base(l, i, 4);
    fence(l, 2);
    st128(l, addr, 0, q(l, i->rt));
    fence(l, 3);
}

/* Q is the lane. */
LIFT(ldap1)
{
    Val v = ld64q(l, aligned_base(l, i, 8), 0);
    fence(l, 1);
    put_q(l, i->rt, i->Q ? vzip1_64(l, q(l, i->rt), v) : vsetlane64(l, q(l, i->rt), v, 0));
}

LIFT(stl1)
{
    Val addr = aligned_base(l, i, 8), v = q(l, i->rt);
    fence(l, 2);
    st64q(l, addr, 0, i->Q ? vhigh64(l, v) : v);
    fence(l, 3);
}
