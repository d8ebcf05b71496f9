/* Status registers, hints, barriers, coprocessor 15, exceptions: A32 A5.2.11, A5.2.12, A5.7; T32 A6.2.5, A6.3.4. */
#include "arm.h"

/* -- APSR: B9.3.8 to B9.3.12 ---------------------------------------------------------------------------------------------- */

LIFT(mrs)
{
    Val ge = and32(l, low_word(l, get64(l, OFF(ge))), k32(l, 0x01010101));
    ge = shr32(l, mul32(l, ge, k32(l, 0x10204080)), k32(l, 28));
    Val q = shl32(l, low_word(l, get64(l, OFF(q))), k32(l, 27));
    Val v = or32(l, or32(l, arm_nzcv_bits(l), q), shl32(l, ge, k32(l, ARM_CPSR_GE_SHIFT)));
    put_r(l, i->rd, or32(l, v, k32(l, ARM_CPSR_USER)));
}
SAME(t32_mrs, mrs)

/* Each bit of v from 16 on to a byte of ones. */
static Val mask_of(Lift *l, Val v)
{
    Val four = and32(l, shr32(l, v, k32(l, 16)), k32(l, 15));
    Val bits = and32(l, mul32(l, four, k32(l, 0x00204081)), k32(l, 0x01010101));
    return mul32(l, bits, k32(l, 0xff));
}

/* Data is big-endian from here on if the W is 1, little-endian if it is 0. */
static void set_endian(Lift *l, Val e)
{
    needs_branch(l);
    arm_own_fp(l);
    put64(l, OFF(endian), zx32_64(l, e));
    arm_sync_it(l);
    u64 mode = arm_next(l) & ~(u64)(u32)l->next & ~ARM_BIG;
    Val next = or64(l, code_at(l, l->next), k64(l, mode));
    end_jumpi(l, or64(l, next, shl64(l, zx32_64(l, e), k64(l, ARM_BIG_SHIFT))));
}

/* User code writes the flags, GE and E; the rest of the mask is passed over. */
static void write_apsr(Lift *l, u32 mask, Val v)
{
    if (mask & 8) {
        arm_flags_bits(l, and32(l, v, k32(l, 0xf0000000)));
        put_state64(l, OFF(q), zx32_64(l, and32(l, shr32(l, v, k32(l, 27)), k32(l, 1))));
    }
    if (mask & 4)
        put_state64(l, OFF(ge), zx32_64(l, mask_of(l, v)));
    if (mask & 2)
        set_endian(l, and32(l, shr32(l, v, k32(l, 9)), k32(l, 1)));
}

LIFT(msr_reg)
{
    write_apsr(l, i->mask, r(l, i->rm));
}

LIFT(t32_msr)
{
    write_apsr(l, i->mask, r(l, i->rn));
}

LIFT(msr_imm)
{
    u32 n = (u32)i->imm12 >> 8 << 1, v = i->imm12 & 0xff;
    write_apsr(l, i->mask, k32(l, n ? v >> n | v << (32 - n) : v));
}

/* -- hints and barriers ------------------------------------------------------------------------------------------------------ */

LIFT(hint) {}
LIFT(t16_hint) {}
LIFT(t32_hint) {}
LIFT(sb) {}
LIFT(t32_sb) {}

/* Loads alone have bit 0 of the option, stores alone bit 1: DDI 0487 F5.1.55 */
LIFT(dmb)
{
    arm_barrier(l, i->option);
}
SAME(t32_dmb, dmb)

LIFT(dsb)
{
    arm_barrier(l, 15);
}
SAME(t32_dsb, dsb)

/* Code that was changed before is seen from here on. */
LIFT(isb)
{
    arm_exit(l, EXIT_CONTINUE, arm_next(l));
}
SAME(t32_isb, isb)

LIFT(setend)
{
    if (in_it(l)) {
        undefined(l);
        return;
    }
    put64(l, OFF(endian), k64(l, i->e));
    l->mode = (l->mode & ~ARM_BIG) | (i->e ? ARM_BIG : 0);
}
SAME(t16_setend, setend)

/* -- coprocessor 15: B3.17 --------------------------------------------------------------------------------------------------- */

#define CP15(opc1, crn, crm, opc2) ((u32)(opc1) << 16 | (u32)(crn) << 8 | (u32)(crm) << 4 | (u32)(opc2))
enum {
    CP15_ISB = CP15(0, 7, 5, 4),
    CP15_DSB = CP15(0, 7, 10, 4),
    CP15_DMB = CP15(0, 7, 10, 5),
    CP15_PMUSERENR = CP15(0, 9, 14, 0),
    CP15_TPIDRURW = CP15(0, 13, 0, 2),
    CP15_TPIDRURO = CP15(0, 13, 0, 3),
};

LIFT(mcr)
{
    switch (CP15(i->opc1, i->CRn, i->CRm, i->opc2)) {
    case CP15_ISB: arm_exit(l, EXIT_CONTINUE, arm_next(l)); break;
    case CP15_DSB:
    case CP15_DMB: arm_barrier(l, 15); break;
    case CP15_TPIDRURW: put_state64(l, OFF(tpidrurw), zx32_64(l, r(l, i->rt))); break;
    default: undefined(l); break;
    }
}

/* PC as Rt stands for the flags. PMUSERENR says that user code may use no performance counter. */
LIFT(mrc)
{
    Val v;
    switch (CP15(i->opc1, i->CRn, i->CRm, i->opc2)) {
    case CP15_PMUSERENR: v = k64(l, 0); break;
    case CP15_TPIDRURW: v = get64(l, OFF(tpidrurw)); break;
    case CP15_TPIDRURO: v = get64(l, OFF(tpidruro)); break;
    default: undefined(l); return;
    }
    if (i->rt == 15)
        arm_flags_bits(l, and32(l, low_word(l, v), k32(l, 0xf0000000)));
    else
        put_rx(l, i->rt, v);
}

/* -- exceptions ---------------------------------------------------------------------------------------------------------------- */

LIFT(svc)
{
    arm_exit(l, EXIT_SYSCALL, arm_next(l));
}
SAME(t16_svc, svc)

LIFT(bkpt)
{
    arm_exit(l, EXIT_BREAK, lift_pc(l));
}

/* Unconditional, in an IT block, too: A8.8.24 */
LIFT(t16_bkpt)
{
    arm_own_fp(l);
    end_exit(l, EXIT_BREAK, l->pc | ARM_THUMB);
}
