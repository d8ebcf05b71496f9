/* Loads and stores of one register and of pairs: C4.1.94. Sizes are log2 of bytes. Where Rt is also a base that is
 * written back (constrained unpredictable) the new base wins in loads, and stores store the old value. Of two loads
 * into one general register the first wins, of two into one SIMD&FP register the second, as in QEMU. */
#include "a64.h"
#include "features.h"

static Val load_zero(Lift *l, u32 size, Val addr, i32 disp)
{
    switch (size) {
    case 0:
        return ld8(l, addr, disp);
    case 1:
        return ld16(l, addr, disp);
    case 2:
        return ld32(l, addr, disp);
    default:
        return ld64(l, addr, disp);
    }
}

static Val load_q(Lift *l, u32 size, Val addr, i32 disp)
{
    switch (size) {
    case 0:
        return ld8q(l, addr, disp);
    case 1:
        return ld16q(l, addr, disp);
    case 2:
        return ld32q(l, addr, disp);
    case 3:
        return ld64q(l, addr, disp);
    default:
        return ld128(l, addr, disp);
    }
}

static void store(Lift *l, u32 size, Val addr, i32 disp, u32 rt)
{
    switch (size) {
    case 0:
        st8(l, addr, disp, w(l, rt));
        break;
    case 1:
        st16(l, addr, disp, w(l, rt));
        break;
    case 2:
        st32(l, addr, disp, w(l, rt));
        break;
    default:
        st64(l, addr, disp, x(l, rt));
        break;
    }
}

static void store_q(Lift *l, u32 size, Val addr, i32 disp, u32 rt)
{
    switch (size) {
    case 0:
        st8q(l, addr, disp, q(l, rt));
        break;
    case 1:
        st16q(l, addr, disp, q(l, rt));
        break;
    case 2:
        st32q(l, addr, disp, q(l, rt));
        break;
    case 3:
        st64q(l, addr, disp, q(l, rt));
        break;
    default:
        st128(l, addr, disp, q(l, rt));
        break;
    }
}

/* -- literals -- */

static Val literal(Lift *l, const Insn *i)
{
    return addr64(l, l->pc + (u64)sext(i->imm19, 19) * 4);
}

LIFT(ldr_lit)
{
    put_r(l, i->sf, i->rt, load_zero(l, 2 + i->sf, literal(l, i), 0));
}

LIFT(ldrs_lit)
{
    put_x(l, i->rt, ld32sx(l, literal(l, i), 0));
}

LIFT(ldrv_lit)
{
    put_q(l, i->rt, load_q(l, 2 + i->opc, literal(l, i), 0));
}

/* -- addressing forms -- */

/* Where an access goes, and what becomes of the base register. */
typedef struct Addr {
    Val base;
    i32 disp;
    i32 update; /* added to the base register afterwards */
} Addr;

static Addr at(Lift *l, const Insn *i, i32 disp, i32 update)
{
    return (Addr){xsp(l, i->rn), disp, update};
}

static void write_back(Lift *l, const Insn *i, Addr a)
{
    if (a.update)
        put_xsp(l, i->rn, add64(l, a.base, k64(l, (u64)(i64)a.update)));
}

static Addr addr_uimm(Lift *l, const Insn *i, u32 size)
{
    return at(l, i, (i32)((u32)i->imm12 << size), 0);
}

static Addr addr_unscaled(Lift *l, const Insn *i, u32 size)
{
    return at(l, i, (i32)sext(i->imm9, 9), 0);
}

static Addr addr_post(Lift *l, const Insn *i, u32 size)
{
    return at(l, i, 0, (i32)sext(i->imm9, 9));
}

static Addr addr_pre(Lift *l, const Insn *i, u32 size)
{
    return at(l, i, (i32)sext(i->imm9, 9), (i32)sext(i->imm9, 9));
}

static Addr addr_reg(Lift *l, const Insn *i, u32 size)
{
    Val offset = a64_extended(l, true, i->rm, i->option, i->S ? size : 0);
    return (Addr){add64(l, xsp(l, i->rn), offset), 0, 0};
}

/* At EL0 the unprivileged forms are the unscaled ones. */
#define addr_unpriv addr_unscaled

/* -- single registers -- */

static void do_str(Lift *l, const Insn *i, Addr a)
{
    store(l, i->size, a.base, a.disp, i->rt);
    write_back(l, i, a);
}

static void do_ldr(Lift *l, const Insn *i, Addr a)
{
    put_r(l, i->size == 3, i->rt, load_zero(l, i->size, a.base, a.disp));
    write_back(l, i, a);
}

static void do_ldrs(Lift *l, const Insn *i, Addr a)
{
    put_x(l, i->rt,
          i->size == 0   ? ld8sx(l, a.base, a.disp)
          : i->size == 1 ? ld16sx(l, a.base, a.disp)
                         : ld32sx(l, a.base, a.disp));
    write_back(l, i, a);
}

static void do_ldrsw(Lift *l, const Insn *i, Addr a)
{
    put_w(l, i->rt, i->size ? ld16s(l, a.base, a.disp) : ld8s(l, a.base, a.disp));
    write_back(l, i, a);
}

static void do_strv(Lift *l, const Insn *i, Addr a, u32 size)
{
    store_q(l, size, a.base, a.disp, i->rt);
    write_back(l, i, a);
}

static void do_ldrv(Lift *l, const Insn *i, Addr a, u32 size)
{
    put_q(l, i->rt, load_q(l, size, a.base, a.disp));
    write_back(l, i, a);
}

#define SINGLE(form) \
    LIFT(str_##form) { do_str(l, i, addr_##form(l, i, i->size)); } \
    LIFT(ldr_##form) { do_ldr(l, i, addr_##form(l, i, i->size)); } \
    LIFT(ldrs_##form) { do_ldrs(l, i, addr_##form(l, i, i->size)); } \
    LIFT(ldrsw_##form) { do_ldrsw(l, i, addr_##form(l, i, i->size)); }
#define SINGLE_V(form) \
    LIFT(strv_##form) { do_strv(l, i, addr_##form(l, i, i->size), i->size); } \
    LIFT(ldrv_##form) { do_ldrv(l, i, addr_##form(l, i, i->size), i->size); } \
    LIFT(strq_##form) { do_strv(l, i, addr_##form(l, i, 4), 4); } \
    LIFT(ldrq_##form) { do_ldrv(l, i, addr_##form(l, i, 4), 4); }
SINGLE(uimm) SINGLE(unscaled) SINGLE(post) SINGLE(unpriv) SINGLE(pre) SINGLE(reg)
SINGLE_V(uimm) SINGLE_V(unscaled) SINGLE_V(post) SINGLE_V(pre) SINGLE_V(reg)
#undef SINGLE
#undef SINGLE_V

/* Prefetches are hints, and never fault. */
#define PREFETCH(form) LIFT(prfm_##form) {}
PREFETCH(uimm) PREFETCH(unscaled) PREFETCH(reg) PREFETCH(lit)
#undef PREFETCH

/* -- pairs -- */

enum { PAIR_POST = 1 }; /* idx; its low bit means write-back */

static Addr addr_pair(Lift *l, const Insn *i, u32 size)
{
    i32 offset = (i32)sext(i->imm7, 7) * (1 << size);
    return at(l, i, i->idx == PAIR_POST ? 0 : offset, i->idx & 1 ? offset : 0);
}

LIFT(stp)
{
    u32 size = 2 + i->sf;
    Addr a = addr_pair(l, i, size);
    if (i->sf && a64_pairs_at_once()) {
        st128(l, a.base, a.disp, vzip1_64(l, xtov(l, x(l, i->rt)), xtov(l, x(l, i->rt2))));
        write_back(l, i, a);
        return;
    }
    store(l, size, a.base, a.disp, i->rt);
    store(l, size, a.base, a.disp + (1 << size), i->rt2);
    write_back(l, i, a);
}

LIFT(ldp)
{
    u32 size = 2 + i->sf;
    Addr a = addr_pair(l, i, size);
    Val first, second;
    if (i->sf && a64_pairs_at_once()) {
        Val both = ld128(l, a.base, a.disp);
        first = vtox(l, both);
        second = vtox(l, vhigh64(l, both));
    } else {
        first = load_zero(l, size, a.base, a.disp);
        second = load_zero(l, size, a.base, a.disp + (1 << size));
    }
    put_r(l, i->sf, i->rt2, second);
    put_r(l, i->sf, i->rt, first);
    write_back(l, i, a);
}

LIFT(ldpsw)
{
    Addr a = addr_pair(l, i, 2);
    Val first = ld32sx(l, a.base, a.disp), second = ld32sx(l, a.base, a.disp + 4);
    put_x(l, i->rt2, second);
    put_x(l, i->rt, first);
    write_back(l, i, a);
}

LIFT(stpv)
{
    u32 size = 2 + i->opc;
    Addr a = addr_pair(l, i, size);
    store_q(l, size, a.base, a.disp, i->rt);
    store_q(l, size, a.base, a.disp + (1 << size), i->rt2);
    write_back(l, i, a);
}

LIFT(ldpv)
{
    u32 size = 2 + i->opc;
    Addr a = addr_pair(l, i, size);
    Val first = load_q(l, size, a.base, a.disp), second = load_q(l, size, a.base, a.disp + (1 << size));
    put_q(l, i->rt, first);
    put_q(l, i->rt2, second);
    write_back(l, i, a);
}
