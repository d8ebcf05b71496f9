/* The x87 unit: volume 1, chapter 8. Each instruction is done by the host's in helpers.c; here is what it has to do with other registers. */
#include "x86.h"

/* Which of the encodings with registers exist: by the opcode's low 3 bits, a bit for each ModRM from 0xc0 on. */
static const u64 exists[8] = {
    ~0ull,
    /* d9: fld fxch, fnop, fstp; fchs fabs ftst fxam, constants; all of the last row but none */
    0xffff000000000000 | 0x7f33ull << 32 | 0xff01ull << 16 | 0xffff,
    0x0000020000000000 | 0xffffffff,
    0x00ffff1f00000000 | 0xffffffff,
    ~0ull,
    0x0000ffffffffffff,
    0xffffffff00000000 | 0x02ffull << 16 | 0xffff,
    0x00ffff0100000000 | 0xffffffff,
};

static Val run(Lift *l, u32 kind, u32 which, Val b)
{
    return call_helper(l, HELPER_x87, k64(l, (u64)kind << 16 | which), b);
}

LIFT(x87)
{
    u32 op = i->opcode & 7, rm = i->modrm & 63;
    if (i->has_mem) {
        u32 which = op << 3 | (rm >> 3 & 7);
        if (which == (1 << 3 | 1) || which == (3 << 3 | 4) || which == (3 << 3 | 6) || which == (5 << 3 | 5)) {
            undefined(l);
            return;
        }
        run(l, i->op16 ? X87_MEMORY16 : X87_MEMORY, which, x86_linear(l, i));
        return;
    }
    if (!(exists[op] >> rm & 1)) {
        undefined(l);
        return;
    }
    u32 row = rm >> 3;
    if ((op == 2 || op == 3) && row < 4) { /* fcmovb, e, be, u and their opposites: fcmovb with the condition as CF */
        static const u8 cc[] = {CC_B, CC_Z, CC_BE, CC_P};
        Val is = x86_cond(l, cc[row] | (op == 3));
        run(l, X87_REGISTERS, 2 << 6 | (rm & 7), zx32_64(l, is));
        return;
    }
    Val r = run(l, X87_REGISTERS, op << 6 | rm, NO_VAL);
    if (op == 7 && rm == 0x20) /* fnstsw ax */
        x86_put_reg(l, i, RAX, 2, and32(l, lo32(l, r), k32(l, 0xffff)));
    if ((op == 3 || op == 7) && (row == 5 || row == 6)) /* fcomi and its kind */
        x86_flags_fcmp(l, and32(l, lo32(l, shr64(l, r, k64(l, 32))), k32(l, X86_CF | X86_PF | X86_ZF)));
}

LIFT(fwait)
{
    run(l, X87_WAIT, 0, NO_VAL);
}

LIFT(emms)
{
    run(l, X87_EMMS, 0, NO_VAL);
}
