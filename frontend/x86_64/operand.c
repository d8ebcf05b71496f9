/* Operands: registers of all widths, addresses, immediates. */
#include "x86.h"

u64 x86_mask(u32 size)
{
    return size == 8 ? ~0ull : (1ull << 8 * size) - 1;
}

Val x86_const(Lift *l, u32 size, u64 v)
{
    return size == 8 ? k64(l, v) : k32(l, (u32)(v & x86_mask(size)));
}

/* Whether nothing is above 1 or 2 bytes anyway. */
static bool is_narrow(const Lift *l, u32 size, Val v)
{
    const Op *op = &l->ir->ops[v];
    switch (op->code) {
    case IR_ld8: return true;
    case IR_ld16: return size == 2;
    case IR_const32: return (u64)op->imm <= x86_mask(size);
    case IR_and32:
        op = &l->ir->ops[op->arg[1]];
        return op->code == IR_const32 && (u64)(u32)op->imm <= x86_mask(size);
    default: return false;
    }
}

Val x86_narrow(Lift *l, u32 size, Val v)
{
    return size < 4 && !is_narrow(l, size, v) ? and32(l, v, k32(l, (u32)x86_mask(size))) : v;
}

Val x86_sx(Lift *l, u32 from, u32 to, Val v)
{
    if (from == to)
        return v;
    const Op *op = &l->ir->ops[v];
    if (op->code == IR_const32)
        return x86_const(l, to, (u64)((i64)((u64)op->imm << (64 - 8 * from)) >> (64 - 8 * from)));
    if (to == 8)
        return from == 1 ? sx8_64(l, v) : from == 2 ? sx16_64(l, v) : sx32_64(l, v);
    return x86_narrow(l, to, from == 1 ? sx8_32(l, v) : sx16_32(l, v));
}

Val x86_zx(Lift *l, u32 from, u32 to, Val v)
{
    if (from == 8)
        return to == 8 ? v : x86_narrow(l, to, lo32(l, v));
    if (to == 8)
        return zx32_64(l, v);
    return to < from ? x86_narrow(l, to, v) : v;
}

static bool is_high(const Insn *i, u32 n, u32 size)
{
    return size == 1 && n >= 4 && n < 8 && !i->rex;
}

Val x86_reg(Lift *l, const Insn *i, u32 n, u32 size)
{
    if (is_high(i, n, size))
        return and32(l, shr32(l, get32(l, OFF_R(n - 4)), k32(l, 8)), k32(l, 255));
    if (size == 8)
        return get64(l, OFF_R(n));
    Val x = l->known[OFF_R(n) / 8];
    if (x != NO_VAL && l->known_type[OFF_R(n) / 8] == TYPE_X && l->ir->ops[x].code == IR_zx32_64)
        return x86_narrow(l, size, l->ir->ops[x].arg[0]);
    return x86_narrow(l, size, get32(l, OFF_R(n)));
}

void x86_put_reg(Lift *l, const Insn *i, u32 n, u32 size, Val v)
{
    if (size >= 4) {
        put64(l, OFF_R(n), x86_zx(l, size, 8, v));
        return;
    }
    bool high = is_high(i, n, size);
    u32 to = high ? n - 4 : n;
    u64 mask = high ? 0xff00 : x86_mask(size);
    Val part = zx32_64(l, high ? shl32(l, v, k32(l, 8)) : v);
    put64(l, OFF_R(to), or64(l, and64(l, get64(l, OFF_R(to)), k64(l, ~mask)), part));
}

/* -- addresses -------------------------------------------------------------------------------------------------------- */

Val x86_effective(Lift *l, Insn *i)
{
    Val sum = NO_VAL;
    i64 disp = i->disp;
    if (i->base == 16)
        return i->addr32 ? k64(l, (u32)(l->next + (u64)disp)) : addr64(l, l->next + (u64)disp);
    if (i->base >= 0)
        sum = get64(l, OFF_R((u32)i->base));
    if (i->index >= 0) {
        Val index = get64(l, OFF_R((u32)i->index));
        if (i->scale)
            index = shl64(l, index, k64(l, i->scale));
        sum = sum == NO_VAL ? index : add64(l, sum, index);
    }
    if (sum == NO_VAL)
        return k64(l, i->addr32 ? (u32)disp : (u64)disp);
    if (disp)
        sum = add64(l, sum, k64(l, (u64)disp));
    return i->addr32 ? zx32_64(l, lo32(l, sum)) : sum;
}

static Val segment_base(Lift *l, const Insn *i)
{
    return i->seg == 0x64 ? get64(l, OFF(fs)) : i->seg == 0x65 ? get64(l, OFF(gs)) : NO_VAL;
}

void x86_address(Lift *l, Insn *i)
{
    if (i->has_ea)
        return;
    i->has_ea = true;
    Val segment = segment_base(l, i);
    if (i->base == 16 || i->addr32 || (i->base < 0 && i->index < 0)) {
        i->ea = x86_effective(l, i);
        if (segment != NO_VAL && i->base < 0 && i->index < 0 && !i->addr32) {
            i->ea = segment;
            i->ea_disp = i->disp;
            return;
        }
    } else {
        i32 disp = i->disp;
        i->disp = 0;
        i->ea = x86_effective(l, i);
        i->disp = i->ea_disp = disp;
    }
    if (segment != NO_VAL)
        i->ea = add64(l, segment, i->ea);
}

Val x86_linear(Lift *l, Insn *i)
{
    x86_address(l, i);
    if (i->ea_disp) {
        i->ea = add64(l, i->ea, k64(l, (u64)(i64)i->ea_disp));
        i->ea_disp = 0;
    }
    return i->ea;
}

Val x86_load(Lift *l, u32 size, Val base, i32 disp)
{
    switch (size) {
    case 1: return ld8(l, base, disp);
    case 2: return ld16(l, base, disp);
    case 4: return ld32(l, base, disp);
    default: return ld64(l, base, disp);
    }
}

void x86_store(Lift *l, u32 size, Val base, i32 disp, Val v)
{
    switch (size) {
    case 1: st8(l, base, disp, v); break;
    case 2: st16(l, base, disp, v); break;
    case 4: st32(l, base, disp, v); break;
    default: st64(l, base, disp, v); break;
    }
}

/* -- operands by their specification ----------------------------------------------------------------------------------- */

u32 x86_arg_size(const Insn *i, u32 n)
{
    switch ((ArgSpec)i->row->arg[n]) {
    case Eb: case Gb: case Zb: case AL: case Ob: case CL: return 1;
    case Ew: case Gw: return 2;
    case Ed: case Gd: return 4;
    case Eq: case Gq: return 8;
    case Ev:
        if (n && i->row->arg[0] == Gy) /* crc32 */
            return i->w ? 8 : i->op16 ? 2 : 4;
        return i->size;
    case Ey: case Gy: case By: return i->w ? 8 : 4;
    default: return i->size;
    }
}

bool x86_is_mem(const Insn *i, u32 n)
{
    switch ((ArgSpec)i->row->arg[n]) {
    case Eb: case Ew: case Ed: case Eq: case Ev: case Ey: case Wx: case W8: case W4: case W2: case Qq: case Q4: return i->has_mem;
    case Ob: case Ov: case Mem: return true;
    default: return false;
    }
}

/* The register that an operand which is no memory and no constant is; -1 for none. */
static int register_of(const Insn *i, u32 n)
{
    switch ((ArgSpec)i->row->arg[n]) {
    case Eb: case Ew: case Ed: case Eq: case Ev: case Ey: return i->rm;
    case Gb: case Gw: case Gd: case Gq: case Gv: case Gy: return i->reg;
    case By: return i->vvvv;
    case Zb: case Zv: return (i->opcode & 7) | (i->rex & 1) << 3;
    case AL: case AX: return RAX;
    case CL: return RCX;
    default: return -1;
    }
}

/* Ob and Ov */
static void offset_address(Lift *l, Insn *i)
{
    Val segment = segment_base(l, i);
    i->ea = k64(l, i->imm);
    if (segment != NO_VAL)
        i->ea = add64(l, segment, i->ea);
    i->has_ea = true;
}

Val x86_get_as(Lift *l, Insn *i, u32 n, u32 size)
{
    u8 spec = i->row->arg[n];
    if (x86_is_mem(i, n)) {
        if (spec == Ob || spec == Ov)
            offset_address(l, i);
        else
            x86_address(l, i);
        return x86_load(l, size, i->ea, i->ea_disp);
    }
    int reg = register_of(i, n);
    if (reg >= 0)
        return x86_reg(l, i, (u32)reg, size);
    return x86_const(l, size, spec == I1 ? 1 : i->imm);
}

Val x86_get(Lift *l, Insn *i, u32 n)
{
    return x86_get_as(l, i, n, x86_arg_size(i, n));
}

void x86_put(Lift *l, Insn *i, u32 n, Val v)
{
    u32 size = x86_arg_size(i, n);
    if (x86_is_mem(i, n)) {
        if (i->row->arg[n] == Ob || i->row->arg[n] == Ov)
            offset_address(l, i);
        else
            x86_address(l, i);
        x86_store(l, size, i->ea, i->ea_disp, v);
        return;
    }
    x86_put_reg(l, i, (u32)register_of(i, n), size, v);
}

void x86_push(Lift *l, u32 size, Val v)
{
    Val sp = get64(l, OFF_R(RSP));
    x86_store(l, size, sp, -(i32)size, v);
    put64(l, OFF_R(RSP), sub64(l, sp, k64(l, size)));
}
