/* Branches and exception generation: C4.1.93. */
#include "a64.h"
#include "features.h"

static u64 target(const Lift *l, u32 offset, u32 bits)
{
    return l->pc + (u64)sext(offset, bits) * 4;
}

LIFT(b_cond)
{
    u64 to = target(l, i->imm19, 19);
    if (i->cond >= CC_AL)
        end_jump(l, to);
    else
        end_branch(l, flags_cond(l, (Cond)i->cond), to, l->next);
}

/* With a hint that the branch goes the same way nearly always (FEAT_HBC) */
LIFT(bc_cond)
{
    lift_b_cond(l, i);
}

LIFT(b)
{
    end_jump(l, target(l, i->imm26, 26));
}

LIFT(bl)
{
    put_x(l, 30, addr64(l, l->next));
    end_call(l, target(l, i->imm26, 26), l->next);
}

/* In processes with guarded pages alone */
static void check_target(Lift *l, Val to, u32 type)
{
    if (unlikely(a64_is_guarding()))
        call_helper(l, HELPER_indirect_branch, to, k64(l, type));
}

void a64_branch(Lift *l, Val to, u32 rn)
{
    check_target(l, to, rn == 16 || rn == 17 ? A64_BTYPE_VENEER : A64_BTYPE_JUMP);
    end_jumpi(l, to);
}

void a64_branch_link(Lift *l, Val to)
{
    put_x(l, 30, addr64(l, l->next));
    check_target(l, to, A64_BTYPE_CALL);
    end_calli(l, to, l->next);
}

LIFT(br)
{
    a64_branch(l, x(l, i->rn), (u32)i->rn);
}

LIFT(blr)
{
    a64_branch_link(l, x(l, i->rn));
}

LIFT(ret)
{
    end_ret(l, x(l, i->rn));
}

LIFT(cbz)
{
    end_branch(l, eq_r(l, i->sf, r(l, i->sf, i->rt), k_r(l, i->sf, 0)), target(l, i->imm19, 19), l->next);
}

LIFT(cbnz)
{
    end_branch(l, ne_r(l, i->sf, r(l, i->sf, i->rt), k_r(l, i->sf, 0)), target(l, i->imm19, 19), l->next);
}

/* The bit that TBZ and TBNZ test: a W that is 0 if it is clear. */
static Val tested_bit(Lift *l, const Insn *i)
{
    if (!i->b5)
        return and32(l, w(l, i->rt), k32(l, 1u << i->b40));
    return ne64(l, and64(l, x(l, i->rt), k64(l, 1ull << (32 + i->b40))), k64(l, 0));
}

LIFT(tbz)
{
    end_branch(l, tested_bit(l, i), l->next, target(l, i->imm14, 14));
}

LIFT(tbnz)
{
    end_branch(l, tested_bit(l, i), target(l, i->imm14, 14), l->next);
}

LIFT(svc)
{
    end_exit(l, EXIT_SYSCALL, l->next);
}

LIFT(brk)
{
    end_exit(l, EXIT_BREAK, l->pc);
}
