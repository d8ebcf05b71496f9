/* Branches: A32 A5.5, A5.2.12; T32 A6.2.6, A6.3.4. */
#include "arm.h"

static u64 thumb_bit(const Lift *l)
{
    return l->mode & ARM_THUMB;
}

void arm_bx(Lift *l, Val v)
{
    arm_jump_to(l, zx32_64(l, v));
}

void arm_put_pc(Lift *l, Val v)
{
    if (is_thumb(l))
        v = or32(l, v, k32(l, 1));
    arm_bx(l, v);
}

static void branch(Lift *l, i32 offset)
{
    arm_jump(l, (pc_value(l) + (u64)(i64)offset) | thumb_bit(l));
}

/* What LR is set to, and where the call comes back to. */
static u64 put_link(Lift *l)
{
    u64 back = (u32)l->next | thumb_bit(l);
    needs_branch(l);
    arm_own_fp(l);
    put_rx(l, 14, code_at(l, back));
    arm_sync_it(l);
    return back | (l->mode & ~ARM_THUMB);
}

static void call(Lift *l, u64 target)
{
    u64 back = put_link(l);
    end_call(l, (u32)target | lasting_mode(l), back);
}

LIFT(b) { branch(l, sext(i->imm24, 24) * 4); }
LIFT(bl) { call(l, pc_value(l) + (u64)(i64)(sext(i->imm24, 24) * 4)); }
LIFT(blx_imm) { call(l, (pc_value(l) + (u64)(i64)(sext(i->imm24, 24) * 4 + 2 * i->h)) | ARM_THUMB); }

LIFT(bx)
{
    if (i->rm != 14) {
        arm_bx(l, r(l, i->rm));
        return;
    }
    needs_branch(l);
    arm_own_fp(l);
    arm_sync_it(l);
    end_ret(l, arm_target(l, rx(l, 14)));
}
SAME(bxj, bx) SAME(t16_bx, bx) SAME(t32_bxj, bx)

LIFT(blx_reg)
{
    Val target = i->rm == 15 ? zx32_64(l, r(l, 15)) : rx(l, i->rm);
    u64 back = put_link(l);
    end_calli(l, arm_target(l, target), back);
}
SAME(t16_blx_reg, blx_reg)

/* In an IT block these would be unpredictable. */
static void conditional(Lift *l, u32 cond, i32 offset)
{
    u64 target = (pc_value(l) + (u64)(i64)offset) | ARM_THUMB;
    if (in_it(l))
        undefined(l);
    else
        arm_branch(l, arm_cond(l, (Cond)cond), target);
}

LIFT(t16_b) { branch(l, sext(i->imm11, 11) * 2); }
LIFT(t16_b_cond) { conditional(l, i->cond, sext(i->imm8, 8) * 2); }

LIFT(t16_cbz)
{
    u64 target = (pc_value(l) + 2u * ((u32)i->i << 5 | i->imm5)) | ARM_THUMB;
    Val v = r(l, i->rn), zero = k32(l, 0);
    if (in_it(l))
        undefined(l);
    else
        arm_branch(l, i->nz ? ne32(l, v, zero) : eq32(l, v, zero), target);
}

LIFT(t32_b_cond)
{
    u32 offset = (u32)i->s << 19 | (u32)i->j2 << 18 | (u32)i->j1 << 17 | (u32)i->imm6 << 11 | i->imm11;
    conditional(l, i->cond, sext(offset, 20) * 2);
}

/* 24 bits in halfwords */
static i32 long_offset(const Insn *i)
{
    u32 i1 = !(i->j1 ^ i->s), i2 = !(i->j2 ^ i->s);
    return sext((u32)i->s << 23 | i1 << 22 | i2 << 21 | (u32)i->imm10 << 11 | i->imm11, 24) * 2;
}

LIFT(t32_b) { branch(l, long_offset(i)); }
LIFT(t32_bl) { call(l, (pc_value(l) + (u64)(i64)long_offset(i)) | ARM_THUMB); }

LIFT(t32_blx_imm)
{
    if (i->imm11 & 1)
        undefined(l);
    else
        call(l, (pc_value(l) & ~3ull) + (u64)(i64)long_offset(i));
}

/* Table branches */
static void table(Lift *l, const Insn *i, u32 size)
{
    Val index = size ? shl32(l, r(l, i->rm), k32(l, 1)) : r(l, i->rm);
    Address at = arm_address(l, zx32_64(l, add32(l, r(l, i->rn), index)), 0);
    Val offset = shl32(l, arm_load(l, size, at), k32(l, 1));
    arm_put_pc(l, add32(l, r(l, 15), offset));
}

LIFT(t32_tbb) { table(l, i, 0); }
LIFT(t32_tbh) { table(l, i, 1); }

/* The instruction sets how the next ones are decoded: A2.5.2, A8.8.54 */
LIFT(t16_it)
{
    u32 it = (u32)i->cond << 4 | i->mask;
    if (in_it(l) || i->cond == 15 || (i->cond == 14 && __builtin_popcount(i->mask) != 1)) {
        undefined(l);
        return;
    }
    l->mode |= (u64)it << ARM_IT_SHIFT;
    put32(l, OFF(it), k32(l, it));
}
