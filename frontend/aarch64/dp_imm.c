/* Data processing, immediate: C4.1.92. */
#include "a64.h"

static u64 adr_offset(const Insn *i)
{
    return (u64)sext((u64)i->immhi << 2 | i->immlo, 21);
}

LIFT(adr)
{
    put_x(l, i->rd, k64(l, l->pc + adr_offset(i)));
}

LIFT(adrp)
{
    put_x(l, i->rd, k64(l, (l->pc & ~0xfffull) + (adr_offset(i) << 12)));
}

static u32 imm12(const Insn *i)
{
    return (u32)i->imm12 << (i->sh ? 12 : 0);
}

LIFT(add_imm)
{
    if (i->sf)
        put_xsp(l, i->rd, i->imm12 ? add64(l, xsp(l, i->rn), k64(l, imm12(i))) : xsp(l, i->rn));
    else
        put_wsp(l, i->rd, i->imm12 ? add32(l, wsp(l, i->rn), k32(l, imm12(i))) : wsp(l, i->rn));
}

LIFT(sub_imm)
{
    if (i->sf)
        put_xsp(l, i->rd, sub64(l, xsp(l, i->rn), k64(l, imm12(i))));
    else
        put_wsp(l, i->rd, sub32(l, wsp(l, i->rn), k32(l, imm12(i))));
}

LIFT(adds_imm)
{
    if (i->sf) {
        Val a = xsp(l, i->rn), b = k64(l, imm12(i));
        flags_set(l, FLAG_ADD64, a, b);
        put_x(l, i->rd, add64(l, a, b));
    } else {
        Val a = wsp(l, i->rn), b = k32(l, imm12(i));
        flags_set(l, FLAG_ADD32, a, b);
        put_w(l, i->rd, add32(l, a, b));
    }
}

LIFT(subs_imm)
{
    if (i->sf) {
        Val a = xsp(l, i->rn), b = k64(l, imm12(i));
        flags_set(l, FLAG_SUB64, a, b);
        put_x(l, i->rd, sub64(l, a, b));
    } else {
        Val a = wsp(l, i->rn), b = k32(l, imm12(i));
        flags_set(l, FLAG_SUB32, a, b);
        put_w(l, i->rd, sub32(l, a, b));
    }
}
