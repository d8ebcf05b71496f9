/* Synchronization: A32 A5.2.10, T32 A6.3.6; load-acquire and store-release: DDI 0487 F5. A pair is a load that remembers address and
 * value, and a compare-and-swap against that value. */
#include "arm.h"

enum { FULL = 3 }; /* a fence's kinds, and DMB's types of accesses */

static Val base(Lift *l, u32 rn, i32 disp)
{
    if (rn == 15)
        undefined(l);
    Address a = arm_address(l, rx(l, rn), disp);
    return a.disp ? zx32_64(l, add32(l, low_word(l, a.base), k32(l, (u32)a.disp))) : a.base;
}

static Val aligned_base(Lift *l, u32 rn, i32 disp, u32 bytes)
{
    Val addr = base(l, rn, disp);
    check_align(l, addr, bytes);
    return addr;
}

/* As memory has it */
static Val load_x(Lift *l, u32 size, Val addr)
{
    return size == 3 ? ld64(l, addr, 0) : zx32_64(l, size == 2 ? ld32(l, addr, 0) : size == 1 ? ld16(l, addr, 0) : ld8(l, addr, 0));
}

static void put_loaded(Lift *l, u32 size, u32 rt, u32 rt2, Val v)
{
    if (size == 3) {
        v = words_in_order(l, v);
        put_r(l, rt, lo32(l, v));
        put_rx(l, rt2, shr64(l, v, k64(l, 32)));
    } else {
        put_r(l, rt, in_order(l, size, lo32(l, v)));
    }
}

static void load_exclusive(Lift *l, u32 size, u32 rt, u32 rt2, u32 rn, i32 disp, bool acquires)
{
    if (rt == 15 || (size == 3 && (rt2 == 15 || rt2 == rt))) {
        undefined(l);
        return;
    }
    Val addr = aligned_base(l, rn, disp, 1u << size), v = load_x(l, size, addr);
    if (acquires)
        fence(l, 1);
    put_state64(l, OFF(excl_addr), addr);
    put_state64(l, OFF(excl_val), v);
    put_loaded(l, size, rt, rt2, v);
}

static Val stored_value(Lift *l, u32 size, u32 rt, u32 rt2)
{
    if (size == 3)
        return words_in_order(l, or64(l, rx(l, rt), shl64(l, rx(l, rt2), k64(l, 32))));
    return is_big(l) ? zx32_64(l, in_order(l, size, r(l, rt))) : rx(l, rt);
}

/* W 1 if what was loaded (of a pair, the first word) isn't there any more. */
static Val swap_fails(Lift *l, u32 size, Val addr, Val expected, Val v)
{
    if (size == 3)
        return ne64(l, cas64(l, addr, expected, v), expected);
    Val e = low_word(l, expected), n = lo32(l, v);
    return ne32(l, size == 0 ? cas8(l, addr, e, n) : size == 1 ? cas16(l, addr, e, n) : cas32(l, addr, e, n), e);
}

/* Without a load of the same address before, nothing is accessed. In the load's own block the address is known to be the same. */
static void store_exclusive(Lift *l, u32 size, u32 rd, u32 rt, u32 rt2, u32 rn, i32 disp)
{
    if (rd == 15 || rt == 15 || (size == 3 && rt2 == 15) || rd == rn || rd == rt || (size == 3 && rd == rt2)) {
        undefined(l);
        return;
    }
    Val addr = base(l, rn, disp), expected = get64(l, OFF(excl_val)), stored = stored_value(l, size, rt, rt2), fails;
    if (!disp && l->known[OFF(excl_addr) / 8] == rx(l, rn)) {
        fails = swap_fails(l, size, addr, expected, stored);
    } else {
        Val watched = eq64(l, addr, get64(l, OFF(excl_addr)));
        addr = select64(l, watched, addr, get64(l, OFF(nowhere)));
        check_align(l, addr, 1u << size);
        fails = select32(l, watched, swap_fails(l, size, addr, expected, select64(l, watched, stored, expected)), k32(l, 1));
    }
    put_state64(l, OFF(excl_addr), k64(l, ARM_NO_EXCL));
    put_r(l, rd, fails);
}

/* -- barriers ------------------------------------------------------------------------------------------------------------ */

static bool is_access(const Op *op)
{
    return ir_ops[op->code].fx & (FX_READ | FX_WRITE);
}

/* The last access before op `end` if it is a full barrier, as every atomic one is on the host; or NO_VAL. */
static Val barrier_before(const Lift *l, Val end)
{
    const Op *ops = l->ir->ops;
    while (end-- > 0) {
        if (!is_access(&ops[end]))
            continue;
        bool atomic = ops[end].code >= IR_cas8 && ops[end].code < IR_helper;
        return atomic || (ops[end].code == IR_fence && ops[end].imm == FULL) ? end : NO_VAL;
    }
    return NO_VAL;
}

/* Is all that came before ordered already? */
bool arm_is_ordered(const Lift *l)
{
    if (barrier_before(l, l->ir->count) != NO_VAL)
        return true;
    bool any = false;
    for (Val n = 0; n < l->ir->count && !any; n++)
        any = is_access(&l->ir->ops[n]);
    return !any && l->ir->pc & ARM_ORDERED;
}

void arm_barrier(Lift *l, u32 option)
{
    u32 types = option & FULL;
    if (types != 1 && types != 2)
        types = FULL;
    if (types != FULL || !arm_is_ordered(l))
        fence(l, (int)types);
}

/* Is op v, a condition, that `fails` isn't 0? */
static bool means_failure(const Lift *l, Val v, Val fails)
{
    const Op *op = &l->ir->ops[v];
    if (op->code != IR_ne32)
        return false;
    const Op *compared = &l->ir->ops[op->arg[0]];
    return op->arg[0] == fails || ((compared->code == IR_sub32 || compared->code == IR_xor32) && compared->arg[0] == fails);
}

/* The block ends with a branch back to `target`. If that is a load exclusive which is done again because its store has failed, as
 * in DMB; again: LDREX, ADD, STREX, CMP, BNE again, then the barrier before it isn't needed: what counts is a load whose
 * compare-and-swap found the same value, and that is ordered. */
void arm_retry(Lift *l, u64 target, Val condition)
{
    Op *ops = l->ir->ops;
    Val n = l->ir->count, swap = NO_VAL, load = NO_VAL;
    while (n-- > 0 && !(ops[n].code == IR_insn && (u32)ops[n].imm == (u32)target)) {
        if (!is_access(&ops[n]))
            continue;
        if (load != NO_VAL)
            return;
        *(swap == NO_VAL ? &swap : &load) = n;
    }
    if (n == NO_VAL || load == NO_VAL || ops[swap].code < IR_cas8 || ops[swap].code > IR_cas64 || ops[swap].arg[0] != ops[load].arg[0])
        return;
    Val barrier = barrier_before(l, n);
    for (Val fails = swap; fails < l->ir->count; fails++)
        if (ir_ops[ops[fails].code].result == TYPE_W && (ops[fails].arg[0] == swap) && barrier != NO_VAL &&
            ops[barrier].code == IR_fence && means_failure(l, condition, fails))
            ops[barrier] = (Op){.code = IR_nop, .arg = {NO_VAL, NO_VAL, NO_VAL}};
}

/* A store-release is ordered before a load-acquire that follows. */
static void store_release(Lift *l, u32 size, u32 rt, u32 rn)
{
    if (rt == 15) {
        undefined(l);
        return;
    }
    Val addr = aligned_base(l, rn, 0, 1u << size), v = in_order(l, size, r(l, rt));
    if (size == 0)
        aswap8(l, addr, v);
    else if (size == 1)
        aswap16(l, addr, v);
    else
        aswap32(l, addr, v);
}

static void load_acquire(Lift *l, u32 size, u32 rt, u32 rn)
{
    if (rt == 15) {
        undefined(l);
        return;
    }
    Val v = load_x(l, size, aligned_base(l, rn, 0, 1u << size));
    fence(l, 1);
    put_loaded(l, size, rt, 0, v);
}

/* In A32 the second register of a pair is the next one. */
static bool bad_pair(Lift *l, u32 rt)
{
    if (rt & 1 || rt == 14)
        undefined(l);
    return l->unimplemented;
}

#define EXCLUSIVE(suffix, size) \
    LIFT(ldrex##suffix) { if (size != 3 || !bad_pair(l, i->rt)) load_exclusive(l, size, i->rt, i->rt + 1u, i->rn, 0, false); } \
    LIFT(ldaex##suffix) { if (size != 3 || !bad_pair(l, i->rt)) load_exclusive(l, size, i->rt, i->rt + 1u, i->rn, 0, true); } \
    LIFT(strex##suffix) { if (size != 3 || !bad_pair(l, i->rt)) store_exclusive(l, size, i->rd, i->rt, i->rt + 1u, i->rn, 0); } \
    SAME(stlex##suffix, strex##suffix) \
    LIFT(t32_ldaex##suffix) { load_exclusive(l, size, i->rt, i->rt2, i->rn, 0, true); } \
    LIFT(t32_stlex##suffix) { store_exclusive(l, size, i->rd, i->rt, i->rt2, i->rn, 0); }
EXCLUSIVE(, 2) EXCLUSIVE(b, 0) EXCLUSIVE(h, 1) EXCLUSIVE(d, 3)
#undef EXCLUSIVE
#define EXCLUSIVE(suffix, size) \
    LIFT(t32_ldrex##suffix) { load_exclusive(l, size, i->rt, i->rt2, i->rn, 0, false); } \
    LIFT(t32_strex##suffix) { store_exclusive(l, size, i->rd, i->rt, i->rt2, i->rn, 0); }
EXCLUSIVE(b, 0) EXCLUSIVE(h, 1) EXCLUSIVE(d, 3)
#undef EXCLUSIVE
LIFT(t32_ldrex) { load_exclusive(l, 2, i->rt, 0, i->rn, 4 * i->imm8, false); }
LIFT(t32_strex) { store_exclusive(l, 2, i->rd, i->rt, 0, i->rn, 4 * i->imm8); }

#define ORDERED(suffix, size) \
    LIFT(lda##suffix) { load_acquire(l, size, i->rt, i->rn); } \
    LIFT(stl##suffix) { store_release(l, size, i->rt, i->rn); } \
    SAME(t32_lda##suffix, lda##suffix) SAME(t32_stl##suffix, stl##suffix)
ORDERED(, 2) ORDERED(b, 0) ORDERED(h, 1)
#undef ORDERED

LIFT(swp)
{
    put_r(l, i->rt, in_order(l, 2, aswap32(l, aligned_base(l, i->rn, 0, 4), in_order(l, 2, r(l, i->rm)))));
}

LIFT(swpb)
{
    put_r(l, i->rt, aswap8(l, aligned_base(l, i->rn, 0, 1), r(l, i->rm)));
}

LIFT(clrex)
{
    put_state64(l, OFF(excl_addr), k64(l, ARM_NO_EXCL));
}
SAME(t32_clrex, clrex)
