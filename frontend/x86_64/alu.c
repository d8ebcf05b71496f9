/* Integer arithmetic and logic: volume 2. */
#include "x86.h"

/* -- two operands ----------------------------------------------------------------------------------------------------- */

#define ATOMIC_OP(name) \
    static Val name(Lift *l, u32 size, Val at, Val v) \
    { \
        switch (size) { \
        case 1: return name##8(l, at, v); \
        case 2: return name##16(l, at, v); \
        case 4: return name##32(l, at, v); \
        default: return name##64(l, at, v); \
        } \
    }
ATOMIC_OP(aadd)
ATOMIC_OP(aand)
ATOMIC_OP(aor)
ATOMIC_OP(axor)
ATOMIC_OP(aswap)

static Val cas(Lift *l, u32 size, Val at, Val expected, Val v)
{
    switch (size) {
    case 1: return cas8(l, at, expected, v);
    case 2: return cas16(l, at, expected, v);
    case 4: return cas32(l, at, expected, v);
    default: return cas64(l, at, expected, v);
    }
}

static Val sized_neg(Lift *l, u32 size, Val v)
{
    return size == 8 ? neg64(l, v) : x86_narrow(l, size, neg32(l, v));
}

#define COMPUTE(name) x86_narrow(l, i->size, SIZED(l, i->size, name, a, b))

LIFT(add)
{
    Val b = x86_get(l, i, 1), a;
    if (i->lock) {
        a = aadd(l, i->size, x86_linear(l, i), b);
        x86_flags_add(l, i->size, a, b, COMPUTE(add));
        return;
    }
    a = x86_get(l, i, 0);
    Val r = COMPUTE(add);
    x86_put(l, i, 0, r);
    x86_flags_add(l, i->size, a, b, r);
}

LIFT(sub)
{
    Val b = x86_get(l, i, 1), a;
    if (i->lock) {
        a = aadd(l, i->size, x86_linear(l, i), sized_neg(l, i->size, b));
        x86_flags_sub(l, i->size, a, b, COMPUTE(sub));
        return;
    }
    if (!i->has_mem && i->row->arg[1] >= Gb && i->row->arg[1] <= Gy && i->reg == i->rm) {
        a = b = x86_const(l, i->size, 0); /* sub of a register from itself doesn't depend on it */
        x86_put(l, i, 0, a);
        x86_flags_sub(l, i->size, a, b, a);
        return;
    }
    a = x86_get(l, i, 0);
    Val r = COMPUTE(sub);
    x86_put(l, i, 0, r);
    x86_flags_sub(l, i->size, a, b, r);
}

LIFT(cmp)
{
    Val a = x86_get(l, i, 0);
    Val b = x86_get(l, i, 1);
    x86_flags_sub(l, i->size, a, b, NO_VAL);
}

/* A locked instruction that no atomic op does: by compare and swap, and again from its beginning if that fails. */
static void end_locked(Lift *l, Insn *i, Val old, Val found)
{
    end_branch(l, SIZED(l, i->size, eq, old, found), l->next, l->pc);
}

LIFT(adc)
{
    Val b = x86_get(l, i, 1), a = x86_get(l, i, 0), c = x86_carry(l), found = NO_VAL;
    Val r = x86_narrow(l, i->size, SIZED(l, i->size, adc, a, b, c));
    if (i->lock) {
        KeptFlags kept = x86_flags_keep(l);
        found = cas(l, i->size, x86_linear(l, i), a, r);
        x86_flags_adc(l, i->size, a, b, c, r);
        x86_flags_choose(l, SIZED(l, i->size, eq, a, found), kept);
        end_locked(l, i, a, found);
        return;
    }
    x86_put(l, i, 0, r);
    x86_flags_adc(l, i->size, a, b, c, r);
}

/* a - b - borrow is a + ~b + !borrow. */
LIFT(sbb)
{
    bool same = !i->has_mem && i->row->arg[1] >= Gb && i->row->arg[1] <= Gy && i->reg == i->rm;
    Val b = same ? x86_const(l, i->size, 0) : x86_get(l, i, 1), a = same ? b : x86_get(l, i, 0), c = x86_not_carry(l);
    Val not_b = same ? x86_const(l, i->size, ~0ull) : i->size == 8 ? not64(l, b) : x86_narrow(l, i->size, not32(l, b));
    Val r = x86_narrow(l, i->size, SIZED(l, i->size, adc, a, not_b, c));
    if (i->lock) {
        KeptFlags kept = x86_flags_keep(l);
        Val found = cas(l, i->size, x86_linear(l, i), a, r);
        x86_flags_sbb(l, i->size, a, not_b, c, r);
        x86_flags_choose(l, SIZED(l, i->size, eq, a, found), kept);
        end_locked(l, i, a, found);
        return;
    }
    x86_put(l, i, 0, r);
    x86_flags_sbb(l, i->size, a, not_b, c, r);
}

static void logic(Lift *l, Insn *i, u16 op32, u16 op64, Val (*atomic)(Lift *, u32, Val, Val))
{
    Val b = x86_get(l, i, 1), a = i->lock ? atomic(l, i->size, x86_linear(l, i), b) : x86_get(l, i, 0);
    Val r = ir_emit(l->ir, i->size == 8 ? op64 : op32, a, b, NO_VAL, 0);
    if (!i->lock)
        x86_put(l, i, 0, r);
    x86_flags_logic(l, i->size, r);
}

LIFT(and)
{
    logic(l, i, IR_and32, IR_and64, aand);
}

LIFT(or)
{
    logic(l, i, IR_or32, IR_or64, aor);
}

LIFT(xor)
{
    if (!i->has_mem && i->row->arg[1] >= Gb && i->row->arg[1] <= Gy && i->reg == i->rm) {
        Val zero = x86_const(l, i->size, 0);
        x86_put(l, i, 0, zero);
        x86_flags_logic(l, i->size, zero);
        return;
    }
    logic(l, i, IR_xor32, IR_xor64, axor);
}

LIFT(test)
{
    Val a = x86_get(l, i, 0);
    bool same = !i->has_mem && i->row->arg[1] >= Gb && i->row->arg[1] <= Gy && i->reg == i->rm;
    Val b = same ? a : x86_get(l, i, 1);
    x86_flags_logic(l, i->size, same ? a : SIZED(l, i->size, and, a, b));
}

LIFT(xadd)
{
    Val b = x86_get(l, i, 1), a;
    if (i->has_mem && i->lock) {
        a = aadd(l, i->size, x86_linear(l, i), b);
    } else {
        a = x86_get(l, i, 0);
        if (i->has_mem)
            x86_put(l, i, 0, COMPUTE(add));
    }
    Val r = COMPUTE(add);
    x86_put(l, i, 1, a);
    if (!i->has_mem)
        x86_put(l, i, 0, r);
    x86_flags_add(l, i->size, a, b, r);
}

LIFT(cmpxchg)
{
    Val b = x86_get(l, i, 1), acc = x86_reg(l, i, RAX, i->size), a;
    if (i->has_mem) {
        a = cas(l, i->size, x86_linear(l, i), acc, b);
        Val is = SIZED(l, i->size, eq, acc, a);
        if (i->size == 4) { /* the upper half of RAX stays if nothing is loaded into it */
            Val rax = get64(l, OFF_R(RAX));
            put64(l, OFF_R(RAX), select64(l, is, rax, zx32_64(l, a)));
        } else {
            x86_put_reg(l, i, RAX, i->size, a);
        }
        x86_flags_sub(l, i->size, acc, a, NO_VAL);
        return;
    }
    a = x86_get(l, i, 0);
    Val is = SIZED(l, i->size, eq, acc, a);
    Val to = get64(l, OFF_R(i->rm)), rax = get64(l, OFF_R(RAX));
    if (i->size >= 4) { /* what isn't written keeps its upper half, too */
        put64(l, OFF_R(RAX), select64(l, is, rax, x86_zx(l, i->size, 8, a)));
        put64(l, OFF_R(i->rm), select64(l, is, x86_zx(l, i->size, 8, b), i->rm == RAX ? get64(l, OFF_R(RAX)) : to));
    } else {
        x86_put_reg(l, i, RAX, i->size, a);
        x86_put(l, i, 0, select32(l, is, b, a));
    }
    x86_flags_sub(l, i->size, acc, a, NO_VAL);
}

/* ZF alone changes. */
static void put_zero_flag(Lift *l, Val is)
{
    Val flags = call_helper(l, HELPER_get_rflags, NO_VAL, NO_VAL);
    flags = or64(l, and64(l, flags, k64(l, ~(u64)X86_ZF)), shl64(l, zx32_64(l, is), k64(l, 6)));
    call_helper(l, HELPER_set_rflags, flags, NO_VAL);
    x86_flags_forget(l);
}

LIFT(cmpxchg8b)
{
    Val at = x86_linear(l, i), is;
    if (i->w) {
        Val lo = get64(l, OFF_R(RAX)), hi = get64(l, OFF_R(RDX));
        Val want = vzip1_64(l, xtov(l, lo), xtov(l, hi));
        Val now = vzip1_64(l, xtov(l, get64(l, OFF_R(RBX))), xtov(l, get64(l, OFF_R(RCX))));
        check_align(l, at, 16);
        Val found = cas128(l, at, want, now), found_lo = vtox(l, found), found_hi = vget64(l, found, 1);
        is = and32(l, eq64(l, lo, found_lo), eq64(l, hi, found_hi));
        put64(l, OFF_R(RAX), found_lo);
        put64(l, OFF_R(RDX), found_hi);
    } else {
        Val rax = get64(l, OFF_R(RAX)), rdx = get64(l, OFF_R(RDX));
        Val low = k64(l, 0xffffffff), k = k64(l, 32);
        Val want = or64(l, and64(l, rax, low), shl64(l, rdx, k));
        Val now = or64(l, and64(l, get64(l, OFF_R(RBX)), low), shl64(l, get64(l, OFF_R(RCX)), k));
        Val found = cas64(l, at, want, now);
        is = eq64(l, found, want);
        put64(l, OFF_R(RAX), select64(l, is, rax, and64(l, found, low)));
        put64(l, OFF_R(RDX), select64(l, is, rdx, shr64(l, found, k)));
    }
    put_zero_flag(l, is);
}

/* -- one operand ------------------------------------------------------------------------------------------------------ */

static void incdec(Lift *l, Insn *i, bool inc)
{
    Val one = x86_const(l, i->size, 1);
    Val a = i->lock ? aadd(l, i->size, x86_linear(l, i), x86_const(l, i->size, inc ? 1 : ~0ull)) : x86_get(l, i, 0);
    Val r = x86_narrow(l, i->size, inc ? SIZED(l, i->size, add, a, one) : SIZED(l, i->size, sub, a, one));
    if (!i->lock)
        x86_put(l, i, 0, r);
    x86_flags_incdec(l, i->size, a, r, inc);
}

LIFT(inc)
{
    incdec(l, i, true);
}

LIFT(dec)
{
    incdec(l, i, false);
}

LIFT(not)
{
    if (i->lock) {
        axor(l, i->size, x86_linear(l, i), x86_const(l, i->size, ~0ull));
        return;
    }
    Val a = x86_get(l, i, 0);
    x86_put(l, i, 0, i->size == 8 ? not64(l, a) : x86_narrow(l, i->size, not32(l, a)));
}

LIFT(neg)
{
    Val zero = x86_const(l, i->size, 0), a = x86_get(l, i, 0), r = sized_neg(l, i->size, a);
    if (i->lock) {
        KeptFlags kept = x86_flags_keep(l);
        Val found = cas(l, i->size, x86_linear(l, i), a, r);
        x86_flags_sub(l, i->size, zero, a, r);
        x86_flags_choose(l, SIZED(l, i->size, eq, a, found), kept);
        end_locked(l, i, a, found);
        return;
    }
    x86_put(l, i, 0, r);
    x86_flags_sub(l, i->size, zero, a, r);
}

LIFT(bswap)
{
    if (i->size == 2) { /* undefined; processors clear it */
        x86_put(l, i, 0, k32(l, 0));
        return;
    }
    Val a = x86_get(l, i, 0);
    x86_put(l, i, 0, i->size == 8 ? bswap64(l, a) : bswap32(l, a));
}

LIFT(movbe)
{
    Val a = x86_get(l, i, 1);
    if (i->size == 2)
        a = shr32(l, bswap32(l, a), k32(l, 16));
    else
        a = i->size == 8 ? bswap64(l, a) : bswap32(l, a);
    x86_put(l, i, 0, a);
}

/* -- multiplication and division -------------------------------------------------------------------------------------- */

/* SF, ZF and PF are undefined; AMD's and Intel's processors set SF by the low half. */
static void flags_mul(Lift *l, u32 size, Val low, Val lost)
{
    x86_flags_result(l, size, low, lost, lost);
}

static void multiply(Lift *l, Insn *i, bool is_signed)
{
    Val b = x86_get(l, i, 0), a = x86_reg(l, i, RAX, i->size);
    if (i->size == 8) {
        Val low = mul64(l, a, b), high = is_signed ? smulh64(l, a, b) : umulh64(l, a, b);
        put64(l, OFF_R(RAX), low);
        put64(l, OFF_R(RDX), high);
        flags_mul(l, 8, low, ne64(l, high, is_signed ? sar64(l, low, k64(l, 63)) : k64(l, 0)));
        return;
    }
    if (i->size == 4) {
        Val full = is_signed ? mul64(l, sx32_64(l, a), sx32_64(l, b)) : mul64(l, zx32_64(l, a), zx32_64(l, b));
        Val low = lo32(l, full), high = shr64(l, full, k64(l, 32));
        put64(l, OFF_R(RAX), zx32_64(l, low));
        put64(l, OFF_R(RDX), high);
        flags_mul(l, 4, low, is_signed ? ne64(l, full, sx32_64(l, low)) : ne64(l, high, k64(l, 0)));
        return;
    }
    u32 bits = 8 * i->size;
    Val full = is_signed ? mul32(l, x86_sx(l, i->size, 4, a), x86_sx(l, i->size, 4, b)) : mul32(l, a, b);
    Val low = x86_narrow(l, i->size, full);
    Val lost = ne32(l, full, is_signed ? x86_sx(l, i->size, 4, low) : low);
    if (i->size == 1) {
        x86_put_reg(l, i, RAX, 2, and32(l, full, k32(l, 0xffff)));
    } else {
        x86_put_reg(l, i, RAX, 2, low);
        x86_put_reg(l, i, RDX, 2, and32(l, shr32(l, full, k32(l, bits)), k32(l, 0xffff)));
    }
    flags_mul(l, i->size, low, lost);
}

LIFT(mul)
{
    multiply(l, i, false);
}

LIFT(imul1)
{
    multiply(l, i, true);
}

/* imul of two operands (the first twice) and of three */
LIFT(imul3)
{
    Val a = x86_get(l, i, 1), b = x86_get(l, i, 2);
    if (i->size == 8) {
        Val low = mul64(l, a, b);
        Val lost = ne64(l, smulh64(l, a, b), sar64(l, low, k64(l, 63)));
        x86_put(l, i, 0, low);
        flags_mul(l, 8, low, lost);
    } else if (i->size == 4) {
        Val full = mul64(l, x86_sx(l, 4, 8, a), x86_sx(l, 4, 8, b)), low = lo32(l, full);
        x86_put(l, i, 0, low);
        flags_mul(l, 4, low, ne64(l, full, sx32_64(l, low)));
    } else {
        Val full = mul32(l, x86_sx(l, 2, 4, a), x86_sx(l, 2, 4, b)), low = x86_narrow(l, 2, full);
        x86_put(l, i, 0, low);
        flags_mul(l, 2, low, ne32(l, full, x86_sx(l, 2, 4, low)));
    }
}

LIFT(mulx)
{
    Val b = x86_get(l, i, 2), low, high;
    if (i->size == 8) {
        Val a = get64(l, OFF_R(RDX));
        low = mul64(l, a, b);
        high = umulh64(l, a, b);
    } else {
        Val full = mul64(l, zx32_64(l, x86_reg(l, i, RDX, 4)), zx32_64(l, b));
        low = lo32(l, full);
        high = lo32(l, shr64(l, full, k64(l, 32)));
    }
    x86_put(l, i, 1, low);
    x86_put(l, i, 0, high);
}

/* Without the slow way: the division of 32 bits or without signs whose quotient fits, or of 64 bits with signs whose dividend is just
 * extended. What doesn't fit, and what faults, is the helper's. */
static void divide(Lift *l, Insn *i, bool is_signed)
{
    Val d = x86_get(l, i, 0);
    if ((i->size == 4 || i->size == 8) && !(l->mode & X86_SLOW)) {
        Val ok, q, r;
        if (i->size == 8) {
            Val low = get64(l, OFF_R(RAX)), high = get64(l, OFF_R(RDX));
            q = is_signed ? sdiv64(l, low, d) : n_div64(l, high, low, d);
            r = sub64(l, low, mul64(l, q, d));
            if (is_signed) { /* 0 and -1: the latter may overflow */
                Val plain = eq64(l, high, sar64(l, low, k64(l, 63)));
                ok = and32(l, plain, ult64(l, k64(l, 1), add64(l, d, k64(l, 1))));
            } else {
                ok = ult64(l, high, d);
            }
            put64(l, OFF_R(RAX), select64(l, ok, q, low));
            put64(l, OFF_R(RDX), select64(l, ok, r, high));
        } else {
            Val rax = get64(l, OFF_R(RAX)), rdx = get64(l, OFF_R(RDX));
            Val full = or64(l, and64(l, rax, k64(l, 0xffffffff)), shl64(l, rdx, k64(l, 32)));
            Val wide = is_signed ? sx32_64(l, d) : zx32_64(l, d);
            q = is_signed ? sdiv64(l, full, wide) : udiv64(l, full, wide);
            r = sub64(l, full, mul64(l, q, wide));
            Val fits = is_signed ? eq64(l, q, sx32_64(l, lo32(l, q))) : eq64(l, shr64(l, q, k64(l, 32)), k64(l, 0));
            /* the least dividend by -1 gives itself, whose low half is 0 */
            ok = and32(l, fits, ne32(l, d, k32(l, 0)));
            put64(l, OFF_R(RAX), select64(l, ok, and64(l, q, k64(l, 0xffffffff)), rax));
            put64(l, OFF_R(RDX), select64(l, ok, and64(l, r, k64(l, 0xffffffff)), rdx));
        }
        end_branch(l, ok, l->next, l->pc | X86_SLOW);
        return;
    }
    l->mode = 0;
    call_helper(l, HELPER_div, i->size == 8 ? d : zx32_64(l, d), k64(l, i->size | (is_signed ? 16 : 0)));
}

LIFT(div)
{
    divide(l, i, false);
}

LIFT(idiv)
{
    divide(l, i, true);
}

LIFT(cbw)
{
    u32 half = i->size / 2;
    x86_put_reg(l, i, RAX, i->size, x86_sx(l, half, i->size, x86_reg(l, i, RAX, half)));
}

LIFT(cwd)
{
    if (i->size == 8)
        put64(l, OFF_R(RDX), sar64(l, get64(l, OFF_R(RAX)), k64(l, 63)));
    else
        x86_put_reg(l, i, RDX, i->size,
                    x86_narrow(l, i->size, sar32(l, x86_sx(l, i->size, 4, x86_reg(l, i, RAX, i->size)), k32(l, 31))));
}

/* -- shifts and rotations --------------------------------------------------------------------------------------------- */

/* The masked count as a W, and whether it is known. */
static Val shift_count(Lift *l, Insn *i, u32 n, bool *is_known, u32 *value)
{
    u8 spec = i->row->arg[n];
    u32 mask = i->size == 8 ? 63 : 31;
    *is_known = spec != CL;
    *value = spec == I1 ? 1 : (u32)i->imm & mask;
    if (*is_known)
        return k32(l, *value);
    return and32(l, x86_reg(l, i, RCX, 4), k32(l, mask));
}

static Val shifted(Lift *l, u32 size, u16 op32, u16 op64, Val v, Val count)
{
    return ir_emit(l->ir, size == 8 ? op64 : op32, v, size == 8 ? zx32_64(l, count) : count, NO_VAL, 0);
}

enum { SHL, SHR, SAR };

/* r = v shifted by count, y the same by one less. For 8 and 16 bits counts may exceed the width, but not 31. */
static void shift(Lift *l, Insn *i, u32 kind)
{
    u32 size = i->size, n;
    bool is_known;
    Val count = shift_count(l, i, 1, &is_known, &n);
    Val v = x86_get(l, i, 0);
    if (is_known && !n) {
        x86_put(l, i, 0, v);
        return;
    }
    Val x = kind == SAR && size < 4 ? x86_sx(l, size, 4, v) : v;
    Val less = is_known ? k32(l, n - 1) : sub32(l, count, k32(l, 1));
    u16 op32 = kind == SHL ? IR_shl32 : kind == SHR ? IR_shr32 : IR_sar32, op64 = kind == SHL ? IR_shl64 : kind == SHR ? IR_shr64 : IR_sar64;
    Val y = is_known && n == 1 ? x : shifted(l, size, op32, op64, x, less);
    Val one = k32(l, 1);
    Val r = x86_narrow(l, size, shifted(l, size, op32, op64, x, count));
    KeptFlags kept = {0};
    if (!is_known)
        kept = x86_flags_keep(l);
    x86_put(l, i, 0, r);
    if (kind == SHL) { /* y + y */
        Val half = x86_narrow(l, size, y);
        x86_flags_add(l, size, half, half, r);
    } else {
        Val carry = and32(l, size == 8 ? lo32(l, y) : y, one), over;
        if (kind == SAR)
            over = k32(l, 0);
        else if (size == 8)
            over = lo32(l, shr64(l, y, k64(l, 63)));
        else
            over = and32(l, shr32(l, y, k32(l, 8 * size - 1)), one);
        x86_flags_result(l, size, r, carry, over);
    }
    if (!is_known)
        x86_flags_choose(l, ne32(l, count, k32(l, 0)), kept);
}

LIFT(shl)
{
    shift(l, i, SHL);
}

LIFT(shr)
{
    shift(l, i, SHR);
}

LIFT(sar)
{
    shift(l, i, SAR);
}

static Val top_bit(Lift *l, u32 size, Val v, u32 below)
{
    u32 n = 8 * size - 1 - below;
    return size == 8 ? and32(l, lo32(l, shr64(l, v, k64(l, n))), k32(l, 1)) : and32(l, shr32(l, v, k32(l, n)), k32(l, 1));
}

static Val low_bit(Lift *l, u32 size, Val v)
{
    return and32(l, size == 8 ? lo32(l, v) : v, k32(l, 1));
}

/* CF and OF unless the (masked) count is 0. */
static void rotate_flags(Lift *l, bool is_known, Val count, Val carry, Val over)
{
    if (!is_known) {
        Val is = ne32(l, count, k32(l, 0));
        carry = select32(l, is, carry, x86_carry(l));
        over = select32(l, is, over, x86_cond(l, CC_O));
    }
    x86_flags_apart(l, carry, over);
}

static void rotate(Lift *l, Insn *i, bool left)
{
    u32 size = i->size, n;
    bool is_known;
    Val count = shift_count(l, i, 1, &is_known, &n), v = x86_get(l, i, 0), r;
    if (is_known && !n) {
        x86_put(l, i, 0, v);
        return;
    }
    if (size < 4) { /* as many copies as fill 32 bits */
        Val wide = size == 1 ? mul32(l, v, k32(l, 0x01010101)) : or32(l, v, shl32(l, v, k32(l, 16)));
        r = x86_narrow(l, size, ror32(l, wide, left ? neg32(l, count) : count));
    } else if (size == 4) {
        r = ror32(l, v, is_known ? k32(l, left ? (32 - n) & 31 : n) : left ? neg32(l, count) : count);
    } else {
        Val c = is_known ? k64(l, left ? (64 - n) & 63 : n) : zx32_64(l, left ? neg32(l, count) : count);
        r = ror64(l, v, c);
    }
    x86_put(l, i, 0, r);
    Val carry = left ? low_bit(l, size, r) : top_bit(l, size, r, 0);
    rotate_flags(l, is_known, count, carry, xor32(l, top_bit(l, size, r, 0), left ? carry : top_bit(l, size, r, 1)));
}

LIFT(rol)
{
    rotate(l, i, true);
}

LIFT(ror)
{
    rotate(l, i, false);
}

/* Through the carry, a rotation of 9, 17, 33 or 65 bits. The narrow ones are done in 64 bits, that of 64 in two parts. */
static void rotate_carry(Lift *l, Insn *i, bool left)
{
    u32 size = i->size, n, bits = 8 * size;
    bool is_known;
    Val count = shift_count(l, i, 1, &is_known, &n), v = x86_get(l, i, 0), c = x86_carry(l), r, carry;
    if (is_known && !n) {
        x86_put(l, i, 0, v);
        return;
    }
    if (size < 8) {
        Val ring = or64(l, zx32_64(l, v), shl64(l, zx32_64(l, c), k64(l, bits)));
        /* the count modulo the ring */
        Val m = zx32_64(l, count);
        if (size < 4)
            m = sub64(l, m, mul64(l, udiv64(l, m, k64(l, bits + 1)), k64(l, bits + 1)));
        Val back = sub64(l, k64(l, bits + 1), m);
        Val turned = left ? or64(l, shl64(l, ring, m), shr64(l, ring, back)) : or64(l, shr64(l, ring, m), shl64(l, ring, back));
        r = x86_narrow(l, size, lo32(l, turned));
        carry = and32(l, lo32(l, shr64(l, turned, k64(l, bits))), k32(l, 1));
    } else {
        Val m = zx32_64(l, count), one = k64(l, 1), wide_c = zx32_64(l, c);
        Val less = sub64(l, m, one), rest = sub64(l, k64(l, 64), m); /* 1 to 63 */
        if (left) {
            /* v << m | c << (m - 1) | v >> (65 - m) */
            Val low = shr64(l, shr64(l, v, rest), one);
            r = or64(l, or64(l, shl64(l, v, m), shl64(l, wide_c, less)), low);
            carry = and32(l, lo32(l, shr64(l, v, rest)), k32(l, 1));
        } else {
            Val high = shl64(l, shl64(l, v, rest), one);
            r = or64(l, or64(l, shr64(l, v, m), shl64(l, wide_c, rest)), high);
            carry = and32(l, lo32(l, shr64(l, v, less)), k32(l, 1));
        }
        if (!is_known) {
            Val is = ne32(l, count, k32(l, 0));
            r = select64(l, is, r, v);
        }
    }
    x86_put(l, i, 0, r);
    Val over = xor32(l, top_bit(l, size, r, 0), left ? carry : top_bit(l, size, r, 1));
    rotate_flags(l, is_known, count, carry, over);
}

LIFT(rcl)
{
    rotate_carry(l, i, true);
}

LIFT(rcr)
{
    rotate_carry(l, i, false);
}

/* Shifts of two registers' bits; for 16 bits counts above the width are undefined. */
static void double_shift(Lift *l, Insn *i, bool left)
{
    u32 size = i->size, n;
    bool is_known;
    Val count = shift_count(l, i, 2, &is_known, &n), b = x86_get(l, i, 1), a = x86_get(l, i, 0), r, carry;
    if (is_known && !n) {
        x86_put(l, i, 0, a);
        return;
    }
    KeptFlags kept = {0};
    if (!is_known)
        kept = x86_flags_keep(l);
    if (size == 8) {
        Val m = zx32_64(l, count), one = k64(l, 1), less = sub64(l, m, one), flip = xor64(l, m, k64(l, 63)); /* 63 - m */
        Val other = left ? shr64(l, shr64(l, b, flip), one) : shl64(l, shl64(l, b, flip), one);
        r = or64(l, left ? shl64(l, a, m) : shr64(l, a, m), other);
        carry = and32(l, lo32(l, left ? shr64(l, shl64(l, a, less), k64(l, 63)) : shr64(l, a, less)), k32(l, 1));
    } else if (size == 4) {
        Val m = zx32_64(l, count), both, out;
        if (left) {
            both = or64(l, shl64(l, zx32_64(l, a), k64(l, 32)), zx32_64(l, b));
            out = shl64(l, both, m);
            r = lo32(l, shr64(l, out, k64(l, 32)));
            carry = and32(l, lo32(l, shr64(l, shl64(l, both, sub64(l, m, k64(l, 1))), k64(l, 63))), k32(l, 1));
        } else {
            both = or64(l, shl64(l, zx32_64(l, b), k64(l, 32)), zx32_64(l, a));
            r = lo32(l, shr64(l, both, m));
            carry = and32(l, lo32(l, shr64(l, both, sub64(l, m, k64(l, 1)))), k32(l, 1));
        }
    } else { /* three of 16 bits in a row: a b a */
        Val m = zx32_64(l, count), wa = zx32_64(l, a), wb = zx32_64(l, b);
        Val ring = or64(l, or64(l, shl64(l, wa, k64(l, 32)), shl64(l, wb, k64(l, 16))), wa);
        if (left) {
            r = and32(l, lo32(l, shr64(l, shl64(l, ring, m), k64(l, 32))), k32(l, 0xffff));
            carry = and32(l, lo32(l, shr64(l, shl64(l, ring, m), k64(l, 48))), k32(l, 1));
        } else {
            r = and32(l, lo32(l, shr64(l, ring, m)), k32(l, 0xffff));
            carry = and32(l, lo32(l, shr64(l, ring, sub64(l, m, k64(l, 1)))), k32(l, 1));
        }
    }
    x86_put(l, i, 0, r);
    x86_flags_result(l, size, r, carry, xor32(l, top_bit(l, size, r, 0), top_bit(l, size, a, 0)));
    if (!is_known)
        x86_flags_choose(l, ne32(l, count, k32(l, 0)), kept);
}

LIFT(shld)
{
    double_shift(l, i, true);
}

LIFT(shrd)
{
    double_shift(l, i, false);
}

/* BMI2's, without flags. */
static void shift_plain(Lift *l, Insn *i, u16 op32, u16 op64)
{
    Val v = x86_get(l, i, 1), count = x86_get(l, i, 2);
    x86_put(l, i, 0, ir_emit(l->ir, i->size == 8 ? op64 : op32, v, count, NO_VAL, 0));
}

LIFT(shlx)
{
    shift_plain(l, i, IR_shl32, IR_shl64);
}

LIFT(shrx)
{
    shift_plain(l, i, IR_shr32, IR_shr64);
}

LIFT(sarx)
{
    shift_plain(l, i, IR_sar32, IR_sar64);
}

LIFT(rorx)
{
    Val v = x86_get(l, i, 1);
    x86_put(l, i, 0, i->size == 8 ? ror64(l, v, k64(l, i->imm & 63)) : ror32(l, v, k32(l, i->imm & 31)));
}

/* -- bits ------------------------------------------------------------------------------------------------------------- */

enum { BT, BTS, BTR, BTC };

static Val bit_changed(Lift *l, u32 size, u32 kind, Val v, Val mask)
{
    switch (kind) {
    case BTS: return SIZED(l, size, or, v, mask);
    case BTR: return SIZED(l, size, andn, v, mask);
    default: return SIZED(l, size, xor, v, mask);
    }
}

static void bit_test(Lift *l, Insn *i, u32 kind)
{
    u32 size = i->size, bits = 8 * size;
    bool by_reg = i->row->arg[1] == Gv;
    Val n = x86_get(l, i, 1), old;
    if (by_reg && i->has_mem) { /* the bit string goes on beyond the operand */
        Val wide = size == 8 ? n : x86_sx(l, size, 8, n);
        Val offset = shl64(l, sar64(l, wide, k64(l, size == 8 ? 6 : size == 4 ? 5 : 4)), k64(l, size == 8 ? 3 : size == 4 ? 2 : 1));
        i->ea = add64(l, x86_linear(l, i), offset);
    }
    Val in = SIZED(l, size, and, n, x86_const(l, size, bits - 1));
    Val mask = x86_narrow(l, size, SIZED(l, size, shl, x86_const(l, size, 1), in));
    if (kind != BT && i->lock) {
        Val at = x86_linear(l, i);
        if (kind == BTS)
            old = aor(l, size, at, mask);
        else if (kind == BTR)
            old = aand(l, size, at, size == 8 ? not64(l, mask) : x86_narrow(l, size, not32(l, mask)));
        else
            old = axor(l, size, at, mask);
    } else {
        old = x86_get(l, i, 0);
        if (kind != BT)
            x86_put(l, i, 0, bit_changed(l, size, kind, old, mask));
    }
    Val carry = SIZED(l, size, shr, old, in);
    carry = and32(l, size == 8 ? lo32(l, carry) : carry, k32(l, 1));
    x86_flags_apart(l, carry, NO_VAL);
}

LIFT(bt)
{
    bit_test(l, i, BT);
}

LIFT(bts)
{
    bit_test(l, i, BTS);
}

LIFT(btr)
{
    bit_test(l, i, BTR);
}

LIFT(btc)
{
    bit_test(l, i, BTC);
}

/* ZF by the source, the destination stays if that is 0, as AMD documents and all processors do; other flags are undefined. */
static void bit_scan(Lift *l, Insn *i, bool forward)
{
    Val v = x86_get(l, i, 1), n;
    Val zero = x86_const(l, i->size, 0);
    if (i->size == 8)
        n = forward ? ctz64(l, v) : xor64(l, clz64(l, v), k64(l, 63));
    else
        n = forward ? ctz32(l, v) : xor32(l, clz32(l, v), k32(l, 31));
    Val is = SIZED(l, i->size, ne, v, zero);
    if (i->size == 2)
        x86_put(l, i, 0, select32(l, is, n, x86_reg(l, i, i->reg, 2)));
    else
        put64(l, OFF_R(i->reg), select64(l, is, i->size == 8 ? n : zx32_64(l, n), get64(l, OFF_R(i->reg))));
    x86_flags_logic(l, i->size, v);
}

LIFT(bsf)
{
    bit_scan(l, i, true);
}

LIFT(bsr)
{
    bit_scan(l, i, false);
}

/* CF if the source is 0, ZF if the result is. */
static void bit_count(Lift *l, Insn *i, bool trailing)
{
    Val v = x86_get(l, i, 1), n;
    if (i->size == 8)
        n = trailing ? ctz64(l, v) : clz64(l, v);
    else if (i->size == 4)
        n = trailing ? ctz32(l, v) : clz32(l, v);
    else
        n = trailing ? ctz32(l, or32(l, v, k32(l, 0x10000))) : sub32(l, clz32(l, v), k32(l, 16));
    x86_put(l, i, 0, n);
    x86_flags_result(l, i->size, n, SIZED(l, i->size, eq, v, x86_const(l, i->size, 0)), NO_VAL);
}

LIFT(tzcnt)
{
    bit_count(l, i, true);
}

LIFT(lzcnt)
{
    bit_count(l, i, false);
}

/* All flags but ZF are cleared: a sum of nothing with the source's zeroness. */
LIFT(popcnt)
{
    Val v = x86_get(l, i, 1);
    Val n = i->size == 8 ? popcnt64(l, v) : popcnt32(l, v);
    x86_put(l, i, 0, n);
    Val is = SIZED(l, i->size, eq, v, x86_const(l, i->size, 0));
    x86_flags_fcmp(l, shl32(l, is, k32(l, 6)));
}

LIFT(andn)
{
    Val a = x86_get(l, i, 1), b = x86_get(l, i, 2), r = SIZED(l, i->size, andn, b, a);
    x86_put(l, i, 0, r);
    x86_flags_logic(l, i->size, r);
}

static Val is_zero(Lift *l, u32 size, Val v)
{
    return SIZED(l, size, eq, v, x86_const(l, size, 0));
}

LIFT(blsr)
{
    Val v = x86_get(l, i, 1), r = SIZED(l, i->size, and, v, SIZED(l, i->size, sub, v, x86_const(l, i->size, 1)));
    x86_put(l, i, 0, r);
    x86_flags_result(l, i->size, r, is_zero(l, i->size, v), NO_VAL);
}

LIFT(blsmsk)
{
    Val v = x86_get(l, i, 1), r = SIZED(l, i->size, xor, v, SIZED(l, i->size, sub, v, x86_const(l, i->size, 1)));
    x86_put(l, i, 0, r);
    x86_flags_result(l, i->size, r, is_zero(l, i->size, v), NO_VAL);
}

LIFT(blsi)
{
    Val v = x86_get(l, i, 1), r = SIZED(l, i->size, and, v, SIZED(l, i->size, neg, v));
    x86_put(l, i, 0, r);
    x86_flags_result(l, i->size, r, xor32(l, is_zero(l, i->size, v), k32(l, 1)), NO_VAL);
}

/* v without what is above its n lowest bits; n is an X below 256. */
static Val low_bits(Lift *l, u32 size, Val v, Val n)
{
    Val all = ult64(l, k64(l, 8 * size - 1), n);
    if (size == 8)
        return select64(l, all, v, andn64(l, v, shl64(l, k64(l, ~0ull), n)));
    return select32(l, all, v, andn32(l, v, shl32(l, k32(l, ~0u), lo32(l, n))));
}

LIFT(bzhi)
{
    Val v = x86_get(l, i, 1), n = and64(l, get64(l, OFF_R(i->vvvv)), k64(l, 255)), r = low_bits(l, i->size, v, n);
    x86_put(l, i, 0, r);
    x86_flags_result(l, i->size, r, ult64(l, k64(l, 8 * i->size - 1), n), NO_VAL);
}

LIFT(bextr)
{
    Val v = x86_get(l, i, 1), control = get64(l, OFF_R(i->vvvv));
    Val start = and64(l, control, k64(l, 255)), length = and64(l, shr64(l, control, k64(l, 8)), k64(l, 255)), moved;
    Val out = ult64(l, k64(l, 8 * i->size - 1), start);
    if (i->size == 8)
        moved = select64(l, out, k64(l, 0), shr64(l, v, start));
    else
        moved = select32(l, out, k32(l, 0), shr32(l, v, lo32(l, start)));
    Val r = low_bits(l, i->size, moved, length);
    x86_put(l, i, 0, r);
    x86_flags_logic(l, i->size, r);
}

LIFT(pext)
{
    Val v = x86_get(l, i, 1), mask = x86_get(l, i, 2);
    if (i->size == 8)
        x86_put(l, i, 0, bits_gather64(l, v, mask));
    else
        x86_put(l, i, 0, lo32(l, bits_gather64(l, zx32_64(l, v), zx32_64(l, mask))));
}

LIFT(pdep)
{
    Val v = x86_get(l, i, 1), mask = x86_get(l, i, 2);
    if (i->size == 8)
        x86_put(l, i, 0, bits_scatter64(l, v, mask));
    else
        x86_put(l, i, 0, lo32(l, bits_scatter64(l, zx32_64(l, v), zx32_64(l, mask))));
}

/* CF alone, or OF alone, is both the carry in and out. */
static void add_through(Lift *l, Insn *i, bool carry)
{
    Val b = x86_get(l, i, 1), a = x86_get(l, i, 0), c = carry ? x86_carry(l) : x86_cond(l, CC_O);
    Val r = SIZED(l, i->size, adc, a, b, c), out = i->size == 8 ? adc64_carry(l, a, b, c) : adc32_carry(l, a, b, c);
    x86_put(l, i, 0, r);
    x86_flags_apart(l, carry ? out : NO_VAL, carry ? NO_VAL : out);
}

LIFT(adcx)
{
    add_through(l, i, true);
}

LIFT(adox)
{
    add_through(l, i, false);
}

LIFT(crc32)
{
    u32 size = x86_arg_size(i, 1);
    Val data = x86_get(l, i, 1), crc = x86_reg(l, i, i->reg, 4);
    Val r = size == 1 ? crc32cb(l, crc, data) : size == 2 ? crc32ch(l, crc, data) : size == 4 ? crc32cw(l, crc, data) : crc32cx(l, crc, data);
    put64(l, OFF_R(i->reg), zx32_64(l, r));
}

/* -- data transfer ---------------------------------------------------------------------------------------------------- */

LIFT(mov)
{
    if (i->row->arg[1] == Ib || i->row->arg[1] == Iz || i->row->arg[1] == Iv)
        x86_put(l, i, 0, x86_const(l, i->size, i->imm));
    else
        x86_put(l, i, 0, x86_get(l, i, 1));
}

LIFT(movzx)
{
    u32 from = x86_arg_size(i, 1);
    x86_put(l, i, 0, x86_zx(l, from, i->size, x86_get(l, i, 1)));
}

LIFT(movsx)
{
    u32 from = x86_arg_size(i, 1);
    x86_put(l, i, 0, x86_sx(l, from, i->size, x86_get(l, i, 1)));
}

LIFT(movsxd)
{
    if (i->size == 2)
        x86_put(l, i, 0, x86_get_as(l, i, 1, 2));
    else
        x86_put(l, i, 0, x86_sx(l, 4, i->size, x86_get(l, i, 1)));
}

LIFT(lea)
{
    Val at = x86_effective(l, i);
    x86_put(l, i, 0, x86_zx(l, 8, i->size, at));
}

LIFT(xchg)
{
    Val b = x86_get(l, i, 1), a;
    if (i->has_mem) {
        a = aswap(l, i->size, x86_linear(l, i), b);
        x86_put(l, i, 1, a);
        return;
    }
    if (i->map == M1 && i->opcode == 0x90 && !(i->rex & 1))
        return; /* nop: not even the upper half changes */
    a = x86_get(l, i, 0);
    x86_put(l, i, 0, b);
    x86_put(l, i, 1, a);
}

LIFT(cmov)
{
    Val v = x86_get(l, i, 1), is = x86_cond(l, i->opcode & 15);
    Val old = x86_reg(l, i, i->reg, i->size);
    x86_put(l, i, 0, i->size == 8 ? select64(l, is, v, old) : select32(l, is, v, old));
}

LIFT(setcc)
{
    x86_put(l, i, 0, x86_cond(l, i->opcode & 15));
}

LIFT(push)
{
    x86_push(l, i->size, x86_get(l, i, 0));
}

LIFT(pop)
{
    Val sp = get64(l, OFF_R(RSP)), v = x86_load(l, i->size, sp, 0);
    if (i->has_mem) { /* an address with RSP is that after the pop; the store may fault first */
        if (i->base == RSP)
            i->disp += i->size;
        x86_put(l, i, 0, v);
        put64(l, OFF_R(RSP), add64(l, sp, k64(l, i->size)));
        return;
    }
    put64(l, OFF_R(RSP), add64(l, sp, k64(l, i->size)));
    x86_put(l, i, 0, v);
}

LIFT(leave)
{
    Val bp = get64(l, OFF_R(RBP)), v = x86_load(l, i->size, bp, 0);
    put64(l, OFF_R(RSP), add64(l, bp, k64(l, i->size)));
    x86_put_reg(l, i, RBP, i->size, v);
}

/* With a level, the frame pointers of the procedures around this one follow, which RBP leads to. */
LIFT(enter)
{
    u32 level = i->imm8 & 31;
    if (i->size != 8) {
        undefined(l);
        return;
    }
    Val sp = get64(l, OFF_R(RSP)), bp = get64(l, OFF_R(RBP)), frame = sub64(l, sp, k64(l, 8));
    st64(l, sp, -8, bp);
    for (u32 n = 1; n < level; n++)
        st64(l, sp, -8 * (i32)(n + 1), ld64(l, bp, -8 * (i32)n));
    if (level)
        st64(l, sp, -8 * (i32)(level + 1), frame);
    put64(l, OFF_R(RBP), frame);
    put64(l, OFF_R(RSP), sub64(l, sp, k64(l, i->imm + 8 * (level + 1))));
}
