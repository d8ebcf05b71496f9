/* The first tier: IR to host code in one pass. Integer ops, loads, stores and branches are instructions chosen here; what
 * has no such rule is copied from its stencil (stencil.h).
 *
 * Values. The pinned guest registers are in host registers of their own, all other guest state is in the Task. A value
 * lives wherever the guest has it anyway: in the register or slot that it was got from or put to (its home), as long as
 * nothing overwrites that; beside that, or else, in one of the six temporary registers, or in a spill slot. A get costs
 * nothing, a constant costs nothing until an instruction can't have it as an immediate, and an op whose result is put to
 * a pinned register makes it there (`target`), if nothing may fault in between.
 *
 * Exactness. Puts are made where they stand, in the Task or in the pinned register: at every faulting access the guest
 * state is exact. What is delayed is pure: an address's sum becomes part of the access, a comparison part of the branch.
 * But most flags are set anew before anybody looks: their puts are late. They are made where the block is left in between,
 * behind the block, and where an access may fault a map says where the values are (FaultSite).
 *
 * Vectors. Temporaries are xmm0 to xmm7. Stencils have their operands in the first three; the others, which pass through
 * them, are where values are kept from op to op. */
#include <assert.h>
#include <stdlib.h>

#include "../../../include/host.h"
#include "../../../include/log.h"
#include "../../../include/unit.h"
#include "../../../lifter/host.h"
#include "baseline.h"

/* preserve_none's registers, in the order of parameters. */
static const i8 param_reg[CODE_NPARAMS] = {R12, R13, R14, R15, RDI, RSI, RDX, RCX, R8, R9, R11};
_Static_assert(CODE_TASK == 1 && CODE_A == 6 && CODE_B == 7, "TASK, A and B");

static void need(bool ok)
{
    if (!ok)
        out_of_memory("a block");
}

void *must(void *p)
{
    need(p);
    return p;
}

/* -- code ---------------------------------------------------------------------------------------------------------- */

void make_room(Gen *g, u32 bytes)
{
    g->as.code = g->out->unit.code = must(unit_room(g->out->unit.code, &g->out->code_room, g->as.at + bytes, 1));
}

static void add_reloc(Gen *g, RelocKind kind, u32 at)
{
    need(unit_add_reloc(g->out, kind, at));
}

/* A distance as a 32-bit field that ends the instruction. */
void distance(Gen *g, RelocKind kind, u64 to)
{
    add_reloc(g, kind, g->as.at);
    asm_u32(&g->as, (u32)to - g->as.at - 4);
}

/* The address of something that is a distance away. */
/* An instruction of 64 bits with a register and what is at this place in memory. */
static void of_memory_at(Gen *g, u8 opcode, int reg, RelocKind kind, u64 of)
{
    asm_u8(&g->as, reg > 7 ? 0x4c : 0x48);
    asm_u8(&g->as, opcode);
    asm_u8(&g->as, (u32)(reg & 7) << 3 | 5); /* relative to rip */
    distance(g, kind, of);
}

static void address_of(Gen *g, int reg, RelocKind kind, u64 of)
{
    of_memory_at(g, 0x8d, reg, kind, of);
}

/* Where its user is right only if the guest code is where it is now, takes the address for a plain constant. */
static bool moves(Gen *g, u64 guest_address)
{
    if (guest_address > UINT32_MAX)
        return true;
    g->out->unit.fixed = true; /* as it is for a program linked to run here */
    return false;
}

/* What moves is a distance from the pc that the Block has: so the code is the same wherever the guest's is. */
static void guest_address(Gen *g, int reg, u64 address)
{
    i64 away = (i64)(address - g->ir->pc);
    if (!moves(g, address)) {
        asm_constant(&g->as, reg, address);
    } else if (away == (i32)away) {
        of_memory_at(g, 0x8b, reg, RELOC_BLOCK, offsetof(Block, pc));
        if (away)
            asm_insn(&g->as, OP_W | 0x8d, reg, rm_memory(reg, (i32)away));
    } else {
        asm_constant64(&g->as, reg, (u64)away);
        add_reloc(g, RELOC_GUEST, g->as.at - 8);
    }
}

static void constant(Gen *g, int reg, const Rec *r)
{
    if (r->relative)
        guest_address(g, reg, r->value);
    else
        asm_constant(&g->as, reg, r->value);
}

static void jump_outside(Gen *g, const void *symbol)
{
    asm_u8(&g->as, 0xe9);
    distance(g, RELOC_HOST, (u64)symbol);
}

/* Copies n bytes, and up to STENCIL_PAD - 1 more. */
static void copy_bytes(u8 *to, const u8 *from, u32 n)
{
    for (u32 i = 0; i < n; i += STENCIL_PAD)
        memcpy(to + i, from + i, STENCIL_PAD);
}

/* The stencil of an op on this host. */
static u32 stencil_of(u16 code)
{
    switch (code) {
#define HOST(op, result, sig, feature) \
    case IR_##op: \
        return HOST_HAS(feature) ? STENCIL_host_##op : IR_##op;
#include "../../../lifter/host.def"
    default:
        return code;
    }
}

u64 baseline_features(void)
{
    u64 bits = 0;
#define HOST(op, result, sig, feature) bits = bits << 1 | (HOST_HAS(feature) ? 1 : 0);
#include "../../../lifter/host.def"
    return bits << 1 | (fp_has_fma() ? 1 : 0);
}

/* Copies an op's stencil and fills its holes. */
static void copy_stencil(Gen *g, u16 code)
{
    const Stencil *s = &stencils[stencil_of(code)];
    assert(s->size && "an op without code");
    make_room(g, s->size + STENCIL_PAD);
    u32 at = g->as.at;
    copy_bytes(g->as.code + at, stencil_bytes + s->bytes, s->size);
    g->holes[HOLE_CONT_] = at + s->size;
    for (u32 i = 0; i < s->nholes; i++) {
        const Hole *hole = &stencil_holes[s->holes + i];
        u32 to = at + hole->at;
        u8 *p = g->as.code + to;
        u64 value = hole->patch < PATCH_SYMREL32 ? g->holes[hole->what] : (u64)stencil_symbols[hole->what];
        value += (u64)(i64)hole->addend;
        switch ((Patch)hole->patch) {
        case PATCH_ABS8:
            *p = (u8)value;
            break;
        case PATCH_ABS16:
            memcpy(p, &(u16){(u16)value}, 2);
            break;
        case PATCH_ABS32:
            memcpy(p, &(u32){(u32)value}, 4);
            break;
        case PATCH_ABS64:
            if (hole->what == HOLE_PC64_) {
                value -= g->ir->pc;
                add_reloc(g, RELOC_GUEST, to);
            }
            memcpy(p, &value, 8);
            break;
        case PATCH_PLACE32:
            memcpy(p, &(u32){(u32)value - to}, 4);
            break;
        case PATCH_SYMREL32:
            memcpy(p, &(u32){(u32)value - to}, 4);
            add_reloc(g, RELOC_HOST, to);
            break;
        }
    }
    g->as.at += s->size;
}

/* -- where values are ---------------------------------------------------------------------------------------------- */

static u8 type_of(const Gen *g, Val v)
{
    return ir_ops[g->ir->ops[v].code].result;
}

static bool is_vector(const Gen *g, Val v)
{
    return type_of(g, v) == TYPE_Q;
}

static Bank *bank_of(Gen *g, bool vector)
{
    return vector ? &g->vectors : &g->integers;
}

/* An operand's value. */
Val operand(const Gen *g, const Op *op, u32 i)
{
    return g->recs[op->arg[i]].same;
}

static i32 state_home(u32 offset)
{
    return (i32)(offsetof(Task, state) + offset);
}

/* The register that a home is, or NO_REG for memory. */
static int pin_of(const Gen *g, i32 home)
{
    u32 offset = (u32)home - (u32)offsetof(Task, state);
    return home != NO_HOME && offset < STATE_BYTES ? g->pin_at[offset / 8] : NO_REG;
}

static bool is_spill(i32 home)
{
    return home >= (i32)offsetof(Task, spill);
}
_Static_assert(offsetof(Task, spill) > offsetof(Task, state), "spill slots lie behind the guest state");

static u32 width(u8 type)
{
    return type == TYPE_X ? OP_W : 0;
}

static i32 spill_new(Gen *g)
{
    if (!~g->spilled)
        abort(); /* no lifter keeps this many values alive at once */
    int slot = __builtin_ctzll(~g->spilled);
    g->spilled |= 1ull << slot;
    return (i32)(offsetof(Task, spill) + (size_t)slot * sizeof(V128));
}

static void spill_free(Gen *g, Rec *r)
{
    if (is_spill(r->home))
        g->spilled &= ~(1ull << (((size_t)r->home - offsetof(Task, spill)) / sizeof(V128)));
    r->home = NO_HOME;
}

static void move(Gen *g, int to, int from)
{
    if (to != from)
        asm_insn(&g->as, OP_W | 0x8b, to, rm_reg(from));
}

static void move32(Gen *g, int to, int from)
{
    asm_insn(&g->as, 0x8b, to, rm_reg(from));
}

static void move_vector(Gen *g, int to, int from)
{
    if (to != from)
        asm_insn(&g->as, OP_0F | 0x28, to, rm_reg(from));
}

static Rm slot(i32 home)
{
    return rm_memory(TASK, home);
}

static void bind(Gen *g, Val v, int reg)
{
    bank_of(g, is_vector(g, v))->holder[reg] = v;
    g->recs[v].reg = (i8)reg;
}

/* The register doesn't hold its value any more. */
static void unbind(Gen *g, Bank *bank, int reg)
{
    Val v = bank->holder[reg];
    if (v != NO_VAL)
        g->recs[v].reg = NO_REG;
    bank->holder[reg] = NO_VAL;
}

/* Whether the value is nowhere but in its register. */
static bool only_there(const Gen *g, Val v)
{
    return v != NO_VAL && g->recs[v].left && !g->recs[v].constant && g->recs[v].home == NO_HOME;
}

/* Gives a value that is in a temporary register a spill slot, too. */
static void spill(Gen *g, Val v)
{
    Rec *r = &g->recs[v];
    r->home = spill_new(g);
    r->bytes = is_vector(g, v) ? 16 : 8;
    if (is_vector(g, v))
        asm_insn(&g->as, OP_0F | 0x29, r->reg, slot(r->home));
    else
        asm_insn(&g->as, OP_W | 0x89, r->reg, slot(r->home));
}

/* A free register among those of the mask, or NO_REG. */
static int find_free(const Bank *bank, u32 mask)
{
    for (u32 left = bank->temps & ~bank->locked & mask; left; left &= left - 1)
        if (bank->holder[__builtin_ctz(left)] == NO_VAL)
            return __builtin_ctz(left);
    return NO_REG;
}

/* Makes a temporary register empty; a value that is nowhere else moves to another register or a slot. */
static void vacate(Gen *g, bool vector, int reg)
{
    Bank *bank = bank_of(g, vector);
    Val v = bank->holder[reg];
    if (only_there(g, v)) {
        int to = find_free(bank, vector ? VECTOR_TEMPS & ~VECTOR_OPERANDS : TEMPS);
        if (to == NO_REG) {
            spill(g, v);
        } else {
            (vector ? move_vector : move)(g, to, reg);
            bank->holder[reg] = NO_VAL;
            bind(g, v, to);
            return;
        }
    }
    unbind(g, bank, reg);
}

/* An empty temporary register, locked for the op at hand. */
int allocate(Gen *g, bool vector)
{
    Bank *bank = bank_of(g, vector);
    int reg = vector ? find_free(bank, VECTOR_TEMPS & ~VECTOR_OPERANDS) : NO_REG;
    if (reg == NO_REG)
        reg = find_free(bank, ~0u);
    for (u32 left = bank->temps & ~bank->locked; left && reg == NO_REG; left &= left - 1)
        if (!only_there(g, bank->holder[__builtin_ctz(left)]))
            reg = __builtin_ctz(left);
    if (reg == NO_REG) {
        assert(bank->temps & ~bank->locked);
        reg = __builtin_ctz(bank->temps & ~bank->locked);
    }
    vacate(g, vector, reg);
    bank->locked |= 1u << reg;
    return reg;
}

void used(Gen *g, Val v)
{
    Rec *r = &g->recs[v];
    if (r->left == UINT16_MAX || --r->left)
        return;
    spill_free(g, r);
    if (r->reg != NO_REG)
        unbind(g, bank_of(g, is_vector(g, v)), r->reg);
}

static void load_home(Gen *g, Val v, int reg)
{
    const Rec *r = &g->recs[v];
    int pin = pin_of(g, r->home);
    bool word = type_of(g, v) == TYPE_W && !r->wide;
    if (is_vector(g, v))
        asm_insn(&g->as, OP_0F | 0x28, reg, slot(r->home));
    else if (pin != NO_REG)
        (word ? move32 : move)(g, reg, pin);
    else
        asm_insn(&g->as, (word ? 0 : OP_W) | 0x8b, reg, slot(r->home));
}

static void materialise(Gen *g, Val v);

/* A register that has the value: a temporary one, locked, or a pinned one (in which the bits above a W may be
 * anything). */
int in_reg(Gen *g, Val v)
{
    Rec *r = &g->recs[v];
    if (r->delayed)
        materialise(g, v);
    bool vector = is_vector(g, v);
    if (r->reg == NO_REG) {
        int pin = pin_of(g, r->home);
        if (pin != NO_REG)
            return pin;
        int reg = allocate(g, vector);
        if (r->constant)
            constant(g, reg, r);
        else
            load_home(g, v, reg);
        bind(g, v, reg);
    }
    bank_of(g, vector)->locked |= 1u << r->reg;
    return r->reg;
}

/* The value as the operand of an instruction that may have it in memory: that is as good if it isn't used again. */
Rm in_place(Gen *g, Val v)
{
    const Rec *r = &g->recs[v];
    bool memory = !r->delayed && !r->constant && r->reg == NO_REG && r->left == 1 && r->home != NO_HOME &&
                  !is_spill(r->home) && pin_of(g, r->home) == NO_REG;
    return memory ? slot(r->home) : rm_reg(in_reg(g, v));
}

/* A copy of the value in this temporary register, which is locked; what else is in it moves away. */
static void bring(Gen *g, Val v, int reg)
{
    Rec *r = &g->recs[v];
    bool vector = is_vector(g, v);
    Bank *bank = bank_of(g, vector);
    if (r->delayed)
        materialise(g, v);
    if (r->reg != reg) {
        vacate(g, vector, reg);
        if (r->reg != NO_REG)
            (vector ? move_vector : move)(g, reg, r->reg);
        else if (r->constant)
            constant(g, reg, r);
        else
            load_home(g, v, reg);
    }
    bank->locked |= 1u << reg;
}

/* v's home in the guest state is about to be overwritten. */
static void evict(Gen *g, Val v)
{
    Rec *r = &g->recs[v];
    if (r->left && r->reg == NO_REG && !r->constant) {
        int reg = allocate(g, is_vector(g, v));
        load_home(g, v, reg);
        bind(g, v, reg);
        bank_of(g, is_vector(g, v))->locked &= ~(1u << reg);
    }
    r->home = NO_HOME;
}

static void evict_unit(Gen *g, u32 unit, i32 from, i32 to)
{
    i32 start = state_home(unit * 4);
    Val *link = &g->heads[unit];
    while (*link != NO_VAL) {
        Val v = *link;
        Rec *r = &g->recs[v];
        bool stays = r->home == start && r->left && !(start < to && start + r->bytes > from);
        if (stays) {
            link = &r->next;
            continue;
        }
        *link = r->next;
        if (r->home == start)
            evict(g, v);
    }
}

/* Moves whatever is at home in state bytes [offset, offset+bytes) elsewhere. A home starts at a multiple of its
 * size. */
static void evict_range(Gen *g, u32 offset, u32 bytes)
{
    i32 from = state_home(offset), to = from + (i32)bytes;
    for (u32 unit = (offset & ~15u) / 4; unit < (offset + bytes) / 4; unit++)
        if (g->heads[unit] != NO_VAL)
            evict_unit(g, unit, from, to);
}

/* v is (also) in the guest state at this offset from now on. */
static void set_home(Gen *g, Val v, u32 offset, u8 bytes)
{
    Rec *r = &g->recs[v];
    u8 type = type_of(g, v);
    u8 want = type == TYPE_Q ? 16 : type == TYPE_X || r->wide ? 8 : 4;
    if (r->home != NO_HOME || !r->left || bytes < want)
        return;
    r->home = state_home(offset);
    r->bytes = bytes;
    r->next = g->heads[offset / 4];
    g->heads[offset / 4] = v;
}

/* v, which is in a register, doesn't live in the guest state any more. */
static void leave_home(Gen *g, Val v)
{
    Rec *r = &g->recs[v];
    Val *link = &g->heads[(r->home - (i32)offsetof(Task, state)) / 4];
    while (*link != v)
        link = &g->recs[*link].next;
    *link = r->next;
    r->home = NO_HOME;
}

/* Where the result of op n goes: the pinned register that it is meant for; or `reuse`, the register of an operand that
 * isn't needed any more; or a fresh one. The operands have been used (`used`), but are still where they were. */
int destination(Gen *g, Val n, int reuse)
{
    const Rec *r = &g->recs[n];
    if (r->target != NO_REG && r->left) {
        u32 offset = g->guest->pinned[r->target];
        evict_range(g, offset, 8);
        set_home(g, n, offset, 8);
        return pin_of(g, r->home);
    }
    if (reuse != NO_REG && !is_vector(g, n) && TEMPS >> reuse & 1 && g->integers.holder[reuse] == NO_VAL)
        return reuse;
    return allocate(g, is_vector(g, n));
}

/* The result is in the register that destination() has given. */
void define(Gen *g, Val n, int reg)
{
    const Rec *r = &g->recs[n];
    if (r->left && r->home == NO_HOME)
        bind(g, n, reg);
}

/* A result that an instruction or stencil leaves in a certain register. */
static void define_in(Gen *g, Val n, int reg)
{
    if (g->recs[n].target != NO_REG && g->recs[n].left)
        move(g, destination(g, n, NO_REG), reg);
    else
        define(g, n, reg);
}

/* -- integer ops --------------------------------------------------------------------------------------------------- */

/* The value as a sign-extended immediate of an operation of this type, if it is one. */
static bool immediate(const Gen *g, Val v, u8 type, i32 *imm)
{
    const Rec *r = &g->recs[v];
    *imm = (i32)r->value;
    return r->constant && !r->relative && (type != TYPE_X || (i64)r->value == *imm);
}

/* dst = a op b for instructions with two operands, the first of which is also the result. */
static void two_operand(Gen *g, u32 insn, int dst, int a, Rm b, bool commutes)
{
    bool clash = (!b.memory && b.reg == dst) && a != dst;
    if (clash && commutes) {
        b = rm_reg(a);
    } else if (clash) {
        int t = allocate(g, false);
        move(g, t, a);
        asm_insn(&g->as, insn, t, b);
        move(g, dst, t);
        return;
    } else {
        move(g, dst, a);
    }
    asm_insn(&g->as, insn, dst, b);
}

/* add, or, and, sub, xor by their group 1 number; mul as MUL. */
enum { ADD = 0, OR = 1, AND = 4, SUB = 5, XOR = 6, CMP = 7, MUL = 8 };

static void add_constant(Gen *g, u32 w, int dst, int a, i32 imm)
{
    if (dst == a)
        asm_group1(&g->as, w, ADD, rm_reg(dst), imm);
    else
        asm_insn(&g->as, w | 0x8d, dst, rm_memory(a, imm));
}

/* a & imm where that is a zero-extension. */
static bool and_extends(Gen *g, int dst, int a, u64 mask)
{
    if (mask == 0xff)
        asm_insn(&g->as, OP_0F | OP_BYTE_RM | 0xb6, dst, rm_reg(a));
    else if (mask == 0xffff)
        asm_insn(&g->as, OP_0F | 0xb7, dst, rm_reg(a));
    else if (mask == 0xffffffff)
        move32(g, dst, a);
    else
        return false;
    return true;
}

static void arithmetic(Gen *g, Val n, const Op *op, int which)
{
    u8 type = ir_ops[op->code].result;
    u32 w = width(type);
    bool commutes = which != SUB;
    Val x = operand(g, op, 0), y = operand(g, op, 1);
    i32 imm;
    bool in_temp = !g->recs[y].constant && g->recs[y].reg != NO_REG && g->recs[x].reg == NO_REG;
    if (commutes && (g->recs[x].constant || in_temp)) {
        Val other = x;
        x = y;
        y = other;
    }
    int a = in_reg(g, x);
    bool constant = immediate(g, y, type, &imm);
    bool extends = which == AND && g->recs[y].constant &&
                   (g->recs[y].value == 0xff || g->recs[y].value == 0xffff || g->recs[y].value == 0xffffffff);
    Rm b = constant || extends ? rm_reg(NO_REG) : in_place(g, y);
    u64 mask = g->recs[y].value;
    used(g, x);
    used(g, y);
    int dst = destination(g, n, a);
    if (extends) {
        and_extends(g, dst, a, mask);
    } else if (constant && (which == ADD || (which == SUB && imm != INT32_MIN))) {
        add_constant(g, w, dst, a, which == ADD ? imm : -imm);
    } else if (constant && which == MUL) {
        bool byte = imm == (i8)imm;
        asm_insn(&g->as, w | (byte ? 0x6b : 0x69), dst, rm_reg(a));
        byte ? asm_u8(&g->as, (u32)imm) : asm_u32(&g->as, (u32)imm);
    } else if (constant) {
        move(g, dst, a);
        asm_group1(&g->as, w, which, rm_reg(dst), imm);
    } else if (which == ADD && !b.memory && dst != a && dst != b.reg) {
        asm_insn(&g->as, w | 0x8d, dst, (Rm){.memory = true, .reg = (i8)a, .index = b.reg});
    } else {
        u32 insn = which == MUL ? OP_0F | 0xaf : (u32)which << 3 | 3;
        two_operand(g, w | insn, dst, a, b, commutes);
    }
    define(g, n, dst);
}

/* a & ~b */
static void and_not(Gen *g, Val n, const Op *op)
{
    u32 w = width(ir_ops[op->code].result);
    Val x = operand(g, op, 0), y = operand(g, op, 1);
    int a = in_reg(g, x), t = allocate(g, false);
    Rm b = in_place(g, y);
    asm_insn(&g->as, w | 0x8b, t, b);
    asm_insn(&g->as, w | 0xf7, 2, rm_reg(t));
    used(g, x);
    used(g, y);
    int dst = destination(g, n, t);
    two_operand(g, w | 0x23, dst, a, rm_reg(t), true);
    define(g, n, dst);
}

/* ror 1, shl 4, shr 5, sar 7 by their group 2 number. */
static void shift(Gen *g, Val n, const Op *op, int which)
{
    u8 type = ir_ops[op->code].result;
    u32 w = width(type);
    Val x = operand(g, op, 0), y = operand(g, op, 1);
    bool constant = g->recs[y].constant;
    u32 by = (u32)g->recs[y].value & (type == TYPE_X ? 63 : 31);
    if (!constant)
        bring(g, y, RCX);
    int a = in_reg(g, x);
    used(g, x);
    used(g, y);
    int dst = destination(g, n, a);
    if (dst == RCX) { /* the amount's own register */
        dst = allocate(g, false);
    }
    if (type == TYPE_W)
        move32(g, dst, a);
    else
        move(g, dst, a);
    asm_insn(&g->as, w | (constant ? 0xc1 : 0xd3), which, rm_reg(dst));
    if (constant)
        asm_u8(&g->as, by);
    define(g, n, dst);
}

/* not 2, neg 3 by their group 3 number. */
static void unary(Gen *g, Val n, const Op *op, int which)
{
    u8 type = ir_ops[op->code].result;
    Val x = operand(g, op, 0);
    int a = in_reg(g, x);
    used(g, x);
    int dst = destination(g, n, a);
    move(g, dst, a);
    asm_insn(&g->as, width(type) | 0xf7, which, rm_reg(dst));
    define(g, n, dst);
}

static void byte_swap(Gen *g, Val n, const Op *op)
{
    Val x = operand(g, op, 0);
    int a = in_reg(g, x);
    used(g, x);
    int dst = destination(g, n, a);
    bool wide = ir_ops[op->code].result == TYPE_X;
    move(g, dst, a);
    if (wide || dst > 7)
        asm_u8(&g->as, 0x40 | (wide ? 8u : 0) | (dst > 7 ? 1u : 0));
    asm_u8(&g->as, 0x0f);
    asm_u8(&g->as, 0xc8 | (u32)(dst & 7));
    define(g, n, dst);
}

/* An instruction that moves and extends. */
static void extend(Gen *g, Val n, const Op *op, u32 insn)
{
    Val x = operand(g, op, 0);
    int a = in_reg(g, x);
    used(g, x);
    int dst = destination(g, n, a);
    asm_insn(&g->as, insn, dst, rm_reg(a));
    define(g, n, dst);
}

/* The upper half of a product: mul 4, imul 5. */
static void multiply_high(Gen *g, Val n, const Op *op, int which)
{
    Val x = operand(g, op, 0), y = operand(g, op, 1);
    bring(g, x, RAX);
    Rm b = in_place(g, y);
    /* The lower half overwrites RAX, the upper one RDX. */
    used(g, x);
    used(g, y);
    vacate(g, false, RAX);
    if (b.memory || b.reg != RDX)
        vacate(g, false, RDX);
    else if (g->integers.holder[RDX] != NO_VAL) {
        int t = allocate(g, false);
        move(g, t, RDX);
        bind(g, g->integers.holder[RDX], t);
        g->integers.holder[RDX] = NO_VAL;
        b = rm_reg(t);
    }
    g->integers.locked |= 1u << RDX;
    asm_insn(&g->as, OP_W | 0xf7, which, b);
    define_in(g, n, RDX);
}

/* The host's carry as a value, which is defined before its turn. */
static void carry_from_host(Gen *g, Val n, int t)
{
    asm_insn(&g->as, OP_0F | OP_BYTE_RM | 0x90 | CC_B, 0, rm_reg(t));
    asm_insn(&g->as, OP_0F | OP_BYTE_RM | 0xb6, t, rm_reg(t));
    g->recs[n].target = NO_REG;
    g->recs[n].made = true;
    define(g, n, t);
}

static void carry_to_host(Gen *g, Val v);

/* A sum with a carry in, out, or both: numbers of many words are added so. */
static void add_with_carry(Gen *g, Val n, const Op *op)
{
    bool with = ir_ops[op->code].nargs == 3;
    Val out = g->recs[n].carry;
    u32 w = width(ir_ops[op->code].result);
    Val x = operand(g, op, 0), y = operand(g, op, 1), in = with ? operand(g, op, 2) : NO_VAL;
    i32 imm;
    int a = in_reg(g, x), t = out == NO_VAL ? NO_REG : allocate(g, false);
    bool constant = immediate(g, y, ir_ops[op->code].result, &imm);
    Rm b = constant ? rm_reg(NO_REG) : in_place(g, y);
    if (with)
        carry_to_host(g, in);
    used(g, x);
    used(g, y);
    int dst = destination(g, n, NO_REG);
    bool clash = !constant && !b.memory && b.reg == dst && a != dst;
    if (clash)
        b = rm_reg(a);
    else
        move(g, dst, a);
    if (constant)
        asm_group1(&g->as, w, with ? 2 : ADD, rm_reg(dst), imm);
    else
        asm_insn(&g->as, w | (with ? 0x13 : 0x03), dst, b);
    define(g, n, dst);
    if (out != NO_VAL)
        carry_from_host(g, out, t);
}

/* The carry out of a sum with a carry in. */
static void carry_out(Gen *g, Val n, const Op *op)
{
    u32 w = width(ir_ops[op->code].arg[0]);
    Val x = operand(g, op, 0), y = operand(g, op, 1), in = operand(g, op, 2);
    int a = in_reg(g, x), t = allocate(g, false);
    Rm b = in_place(g, y);
    carry_to_host(g, in);
    move(g, t, a);
    asm_insn(&g->as, w | 0x13, t, b);
    asm_insn(&g->as, OP_0F | OP_BYTE_RM | 0x90 | CC_B, 0, rm_reg(t));
    asm_insn(&g->as, OP_0F | OP_BYTE_RM | 0xb6, t, rm_reg(t));
    used(g, x);
    used(g, y);
    define_in(g, n, t);
}

static void extract(Gen *g, Val n, const Op *op)
{
    u32 w = width(ir_ops[op->code].result);
    Val x = operand(g, op, 0), y = operand(g, op, 1);
    int a = in_reg(g, x), b = in_reg(g, y);
    used(g, x);
    used(g, y);
    int dst = destination(g, n, b), t = dst == a && a != b ? allocate(g, false) : dst;
    move(g, t, b);
    asm_insn(&g->as, w | OP_0F | 0xac, a, rm_reg(t));
    asm_u8(&g->as, (u32)op->imm);
    move(g, dst, t);
    define(g, n, dst);
}

/* -- comparisons --------------------------------------------------------------------------------------------------- */

enum { NO_CC = 16 };

static u32 cc_of(u16 code)
{
    switch (code) {
    case IR_eq32:
    case IR_eq64:
        return CC_E;
    case IR_ne32:
    case IR_ne64:
        return CC_NE;
    case IR_ult32:
    case IR_ult64:
        return CC_B;
    case IR_ule32:
    case IR_ule64:
        return CC_BE;
    case IR_slt32:
    case IR_slt64:
        return CC_L;
    case IR_sle32:
    case IR_sle64:
        return CC_LE;
    default:
        return NO_CC;
    }
}

/* The condition on b, a that cc is on a, b. */
static Cc mirrored(Cc cc)
{
    switch (cc) {
    case CC_B:
        return CC_A;
    case CC_BE:
        return CC_AE;
    case CC_L:
        return CC_G;
    case CC_LE:
        return CC_GE;
    default:
        return cc;
    }
}

static bool is_and(u16 code)
{
    return code == IR_and32 || code == IR_and64;
}

/* Sets the host's flags for a & b, the operands of an op that is delayed. */
static void test_and(Gen *g, Val v)
{
    const Op *op = &g->ir->ops[v];
    u8 type = ir_ops[op->code].result;
    Val x = operand(g, op, 0), y = operand(g, op, 1);
    i32 imm;
    if (g->recs[x].constant) {
        Val other = x;
        x = y;
        y = other;
    }
    int a = in_reg(g, x);
    if (immediate(g, y, type, &imm)) {
        bool byte = !(imm & ~0x7f);
        bool word = !byte && type == TYPE_X && imm >= 0;
        g->compare = g->as.at;
        asm_insn(&g->as, byte ? OP_BYTE_RM | 0xf6 : (word ? 0 : width(type)) | 0xf7, 0, rm_reg(a));
        byte ? asm_u8(&g->as, (u32)imm) : asm_u32(&g->as, (u32)imm);
    } else {
        int b = in_reg(g, y);
        g->compare = g->as.at;
        asm_insn(&g->as, width(type) | 0x85, b, rm_reg(a));
    }
    used(g, x);
    used(g, y);
    g->recs[v].delayed = false;
}

static Cc compare(Gen *g, const Op *op)
{
    u8 type = ir_ops[op->code].arg[0];
    u32 w = width(type);
    Cc cc = (Cc)cc_of(op->code);
    Val x = operand(g, op, 0), y = operand(g, op, 1);
    if (g->recs[x].constant) {
        Val other = x;
        x = y;
        y = other;
        cc = mirrored(cc);
    }
    i32 imm;
    if (immediate(g, y, type, &imm) && !imm) {
        if (g->recs[x].delayed && is_and(g->ir->ops[x].code)) {
            test_and(g, x);
        } else {
            Rm a = in_place(g, x);
            g->compare = g->as.at;
            if (a.memory)
                asm_group1(&g->as, w, CMP, a, 0);
            else
                asm_insn(&g->as, w | 0x85, a.reg, a);
        }
    } else if (immediate(g, y, type, &imm)) {
        Rm a = in_place(g, x);
        g->compare = g->as.at;
        asm_group1(&g->as, w, CMP, a, imm);
    } else {
        int a = in_reg(g, x);
        Rm b = in_place(g, y);
        g->compare = g->as.at;
        asm_insn(&g->as, w | 0x3b, a, b);
    }
    used(g, x);
    used(g, y);
    return cc;
}

/* Has the host's flags say whether v, a W, isn't 0. */
static Cc condition(Gen *g, Val v)
{
    Rec *r = &g->recs[v];
    Cc cc = CC_NE;
    if (r->delayed && is_and(g->ir->ops[v].code)) {
        test_and(g, v);
    } else if (r->delayed) {
        r->delayed = false;
        cc = compare(g, &g->ir->ops[v]);
    } else {
        int a = in_reg(g, v);
        g->compare = g->as.at;
        asm_insn(&g->as, 0x85, a, rm_reg(a));
    }
    used(g, v);
    return cc;
}

/* Has the host's carry flag be v, a W 0 or 1. Nothing that the op at hand has in registers by now moves. */
static void carry_to_host(Gen *g, Val v)
{
    u32 locked = g->integers.locked;
    int t;
    if (g->recs[v].delayed) {
        Op op = g->ir->ops[v];
        bool inverted = op.code == IR_ule32 || op.code == IR_ule64;
        if (inverted) {
            op.code = op.code == IR_ule32 ? IR_ult32 : IR_ult64;
            op.arg[0] = g->ir->ops[v].arg[1];
            op.arg[1] = g->ir->ops[v].arg[0];
        }
        g->recs[v].delayed = false;
        Cc cc = compare(g, &op);
        used(g, v);
        g->integers.locked = locked;
        if (cc == CC_B) {
            if (inverted)
                asm_u8(&g->as, 0xf5); /* cmc */
            return;
        }
        t = allocate(g, false);
        asm_insn(&g->as, OP_0F | OP_BYTE_RM | 0x90 | (u32)(cc ^ inverted), 0, rm_reg(t));
    } else {
        t = in_reg(g, v);
        used(g, v);
    }
    asm_insn(&g->as, OP_0F | 0xba, 4, rm_reg(t)); /* bt */
    asm_u8(&g->as, 0);
    g->integers.locked = locked;
}

static void comparison(Gen *g, Val n, const Op *op)
{
    Cc cc = compare(g, op);
    int dst = destination(g, n, NO_REG);
    asm_insn(&g->as, OP_0F | OP_BYTE_RM | 0x90 | (u32)cc, 0, rm_reg(dst));
    asm_insn(&g->as, OP_0F | OP_BYTE_RM | 0xb6, dst, rm_reg(dst));
    define(g, n, dst);
}

static void choose(Gen *g, Val n, const Op *op)
{
    u32 w = width(ir_ops[op->code].result);
    Val yes = operand(g, op, 1), no = operand(g, op, 2);
    int b = in_reg(g, yes), c = in_reg(g, no);
    Cc cc = condition(g, operand(g, op, 0));
    g->integers.locked = TEMPS & (1u << b | 1u << c);
    used(g, yes);
    used(g, no);
    int dst = destination(g, n, c);
    if (dst == b) {
        asm_insn(&g->as, w | OP_0F | 0x40 | (u32)(cc ^ 1), dst, rm_reg(c));
    } else {
        move(g, dst, c);
        asm_insn(&g->as, w | OP_0F | 0x40 | (u32)cc, dst, rm_reg(b));
    }
    define(g, n, dst);
}

/* -- memory -------------------------------------------------------------------------------------------------------- */

static i32 field_of(const Gen *g, u32 offset)
{
    return offset == g->guest->off_flag_kind ? 0 : offset == g->guest->off_flag_a ? 1 : offset == g->guest->off_flag_b ? 2 : -1;
}

/* Whether a put's value can be found later, whatever order such are stored in. */
static bool can_be_late(const Gen *g, Val v, bool extend)
{
    const Rec *r = &g->recs[v];
    u64 value = extend ? (u32)r->value : r->value;
    if (r->constant)
        return !r->relative && (i64)value == (i32)value;
    return r->home == NO_HOME || field_of(g, (u32)(r->home - (i32)offsetof(Task, state))) < 0;
}

/* The operand of a late put, or of the widening that nobody else needs. */
static Val late_value(const Gen *g, const Op *put, bool *extend)
{
    const Op *from = &g->ir->ops[put->arg[0]];
    *extend = g->recs[put->arg[0]].delayed && from->code == IR_zx32_64;
    return operand(g, *extend ? from : put, 0);
}

static Place place_of(const Gen *g, Val n)
{
    const Op *put = &g->ir->ops[n];
    Place p = {.offset = (u16)put->imm, .bytes = put->code == IR_put32 ? 4 : 8};
    Val v = late_value(g, put, &p.extend);
    const Rec *r = &g->recs[v];
    int pin = pin_of(g, r->home);
    if (r->constant) {
        p.kind = PLACE_CONSTANT;
        p.at = (i32)r->value;
        p.extend = false;
    } else if (r->reg != NO_REG || pin != NO_REG) {
        p.kind = PLACE_REGISTER;
        p.reg = r->reg != NO_REG ? r->reg : (i8)pin;
    } else {
        p.kind = PLACE_STACK;
        p.reg = TASK;
        p.at = r->home;
    }
    return p;
}

static u32 late_places(const Gen *g, Place places[FLAG_FIELDS])
{
    u32 n = 0;
    for (u32 i = 0; i < FLAG_FIELDS; i++)
        if (g->late[i] != NO_VAL)
            places[n++] = place_of(g, g->late[i]);
    return n;
}

static void delayed_used(Gen *g, Val v);

/* Nobody will need the late put of this field any more. */
static void forget_late(Gen *g, i32 field)
{
    if (field < 0 || g->late[field] == NO_VAL)
        return;
    Val v = g->ir->ops[g->late[field]].arg[0];
    g->late[field] = NO_VAL;
    if (g->recs[v].delayed) {
        g->recs[v].delayed = false;
        used(g, operand(g, &g->ir->ops[v], 0));
    }
    used(g, g->recs[v].same);
}

static void add_place(Gen *g, const Place *p)
{
    static const u8 dwarf[] = {[RAX] = 0, [RDX] = 1, [RCX] = 2, [RBX] = 3, [RSI] = 4, [RDI] = 5, [RBP] = 6, [RSP] = 7};
    need(unit_add_place(g->out, (FaultPlace){.offset = p->offset,
                                             .size = p->bytes & 31,
                                             .kind = p->kind & 7,
                                             .reg = p->reg < R8 ? dwarf[p->reg] : (u8)p->reg,
                                             .at = p->at}));
}

/* The next instruction is an access that may fault. */
static void may_fault(Gen *g)
{
    Place places[FLAG_FIELDS];
    u32 n = late_places(g, places), first = g->out->unit.nplaces;
    if (!n)
        return;
    for (u32 i = 0; i < n; i++) {
        Place *p = &places[i];
        if (p->extend) {
            p->bytes = 4;
            add_place(g, &(Place){.offset = p->offset + 4u, .bytes = 4, .kind = PLACE_CONSTANT});
        }
        add_place(g, p);
    }
    need(unit_add_site(g->out, (FaultSite){.access = g->as.at,
                                           .pc = (i32)(g->pc - g->ir->pc),
                                           .first = first,
                                           .end = g->out->unit.nplaces}));
}

/* An access's address operand, of which the uses are still to be counted: see address_used. */
static Rm address(Gen *g, const Op *op)
{
    Val v = operand(g, op, 0);
    const Rec *r = &g->recs[v];
    i32 disp = (i32)op->imm, imm;
    if (r->constant && !r->relative && (i64)(r->value + (u64)op->imm) == (i32)(r->value + (u64)op->imm))
        return rm_memory(NO_REG, (i32)(r->value + (u64)op->imm));
    if (!r->delayed)
        return rm_memory(in_reg(g, v), disp);
    const Op *sum = &g->ir->ops[v];
    Val base = operand(g, sum, 0), index = operand(g, sum, 1);
    if (g->recs[base].constant) {
        Val other = base;
        base = index;
        index = other;
    }
    if (immediate(g, index, TYPE_X, &imm) && (i64)imm + disp == (i32)((i64)imm + disp))
        return rm_memory(in_reg(g, base), imm + disp);
    Rm rm = {.memory = true, .reg = (i8)in_reg(g, base), .disp = disp};
    if (g->recs[index].delayed && g->ir->ops[index].code == IR_shl64) {
        const Op *shl = &g->ir->ops[index];
        rm.scale = (u8)g->recs[operand(g, shl, 1)].value;
        rm.index = (i8)in_reg(g, operand(g, shl, 0));
    } else {
        rm.index = (i8)in_reg(g, index);
    }
    return rm;
}

static void delayed_used(Gen *g, Val v)
{
    if (g->recs[v].delayed) {
        g->recs[v].delayed = false;
        delayed_used(g, operand(g, &g->ir->ops[v], 0));
        delayed_used(g, operand(g, &g->ir->ops[v], 1));
    }
    used(g, v);
}

/* How ops load: the instruction. */
static u32 load_insn(u16 code)
{
    switch (code) {
    case IR_ld8:
        return OP_0F | 0xb6;
    case IR_ld16:
        return OP_0F | 0xb7;
    case IR_ld32:
        return 0x8b;
    case IR_ld64:
        return OP_W | 0x8b;
    case IR_ld8s:
        return OP_0F | 0xbe;
    case IR_ld16s:
        return OP_0F | 0xbf;
    case IR_ld8sx:
        return OP_W | OP_0F | 0xbe;
    case IR_ld16sx:
        return OP_W | OP_0F | 0xbf;
    case IR_ld32sx:
        return OP_W | 0x63;
    case IR_ld32q:
        return OP_66 | OP_0F | 0x6e; /* movd */
    case IR_ld64q:
        return OP_F3 | OP_0F | 0x7e; /* movq */
    case IR_ld128a:
        return OP_0F | 0x28; /* movaps */
    case IR_ld128:
        return OP_0F | 0x10; /* movups */
    default:
        return 0;
    }
}

static void load(Gen *g, Val n, const Op *op)
{
    Rm at = address(g, op);
    delayed_used(g, operand(g, op, 0));
    /* A load that faults must not have changed anything: a pinned register that is evicted for it has moved before. */
    int dst = destination(g, n, at.reg == NO_REG ? NO_REG : at.reg);
    if (op->code == IR_ld8q || op->code == IR_ld16q) {
        int t = allocate(g, false);
        may_fault(g);
        asm_insn(&g->as, OP_0F | (op->code == IR_ld8q ? 0xb6 : 0xb7), t, at);
        asm_insn(&g->as, OP_66 | OP_0F | 0x6e, dst, rm_reg(t));
    } else {
        may_fault(g);
        asm_insn(&g->as, load_insn(op->code), dst, at);
    }
    define(g, n, dst);
}

/* How ops store: the instruction; OP_0F3A ones have a lane number behind them. */
static u32 store_insn(u16 code)
{
    switch (code) {
    case IR_st8:
        return OP_BYTE | 0x88;
    case IR_st16:
        return OP_66 | 0x89;
    case IR_st32:
        return 0x89;
    case IR_st64:
        return OP_W | 0x89;
    case IR_st8q:
        return OP_66 | OP_0F3A | 0x14; /* pextrb */
    case IR_st16q:
        return OP_66 | OP_0F3A | 0x15;
    case IR_st32q:
        return OP_66 | OP_0F | 0x7e;
    case IR_st64q:
        return OP_66 | OP_0F | 0xd6;
    case IR_st128a:
        return OP_0F | 0x29;
    case IR_st128:
        return OP_0F | 0x11;
    default:
        return 0;
    }
}

static void store(Gen *g, const Op *op)
{
    Val v = operand(g, op, 1);
    Rm at = address(g, op);
    u32 insn = store_insn(op->code);
    i32 imm;
    if (!is_vector(g, v) && immediate(g, v, ir_ops[op->code].arg[1], &imm)) {
        u32 prefix = insn & (OP_66 | OP_W);
        may_fault(g);
        asm_insn(&g->as, prefix | (op->code == IR_st8 ? 0xc6 : 0xc7), 0, at);
        if (op->code == IR_st8)
            asm_u8(&g->as, (u32)imm);
        else if (op->code == IR_st16)
            asm_u16(&g->as, (u32)imm);
        else
            asm_u32(&g->as, (u32)imm);
    } else {
        int from = in_reg(g, v);
        may_fault(g);
        asm_insn(&g->as, insn, from, at);
        if ((insn & OP_0F3A) == OP_0F3A)
            asm_u8(&g->as, 0);
    }
    delayed_used(g, operand(g, op, 0));
    used(g, v);
}

static void compare_exchange(Gen *g, Val n, const Op *op)
{
    static const struct {
        u16 code;
        u32 insn;
    } sizes[] = {{IR_cas8, OP_BYTE | OP_0F | 0xb0},
                 {IR_cas16, OP_66 | OP_0F | 0xb1},
                 {IR_cas32, OP_0F | 0xb1},
                 {IR_cas64, OP_W | OP_0F | 0xb1}};
    Val at = operand(g, op, 0), expected = operand(g, op, 1), new = operand(g, op, 2);
    bring(g, expected, RAX);
    int p = in_reg(g, at), v = in_reg(g, new);
    /* Operands that are in RAX move out of the result's way first. */
    int where = p == RAX || v == RAX ? allocate(g, false) : RAX;
    if (where != RAX)
        move(g, where, RAX);
    used(g, at);
    used(g, expected);
    used(g, new);
    vacate(g, false, RAX);
    asm_u8(&g->as, 0xf0);
    u32 insn = 0;
    for (size_t i = 0; i < LEN(sizes); i++)
        if (sizes[i].code == op->code)
            insn = sizes[i].insn;
    asm_insn(&g->as, insn, v == RAX ? where : v, rm_memory(p == RAX ? where : p, 0));
    if (op->code == IR_cas8)
        asm_insn(&g->as, OP_0F | OP_BYTE_RM | 0xb6, RAX, rm_reg(RAX));
    else if (op->code == IR_cas16)
        asm_insn(&g->as, OP_0F | 0xb7, RAX, rm_reg(RAX));
    else if (op->code == IR_cas32)
        move32(g, RAX, RAX);
    define_in(g, n, RAX);
}

/* A misaligned address leaves for misaligned_stub, out of line. */
static void check_align(Gen *g, const Op *op)
{
    Val v = operand(g, op, 0);
    int a = in_reg(g, v);
    asm_insn(&g->as, OP_BYTE_RM | 0xf6, 0, rm_reg(a));
    asm_u8(&g->as, (u32)op->imm - 1);
    asm_u8(&g->as, 0x0f);
    asm_u8(&g->as, 0x80 | CC_NE);
    g->misaligned = must(realloc(g->misaligned, (g->nmisaligned + 1) * sizeof *g->misaligned));
    g->misaligned[g->nmisaligned++] = (struct Misaligned){.at = g->as.at, .reg = (i8)a, .op = op, .pc = g->pc};
    asm_u32(&g->as, 0);
    used(g, v);
}

static void set_pc(Gen *g, u64 pc)
{
    guest_address(g, RAX, pc);
    asm_insn(&g->as, OP_W | 0x89, RAX, rm_memory(TASK, offsetof(Task, pc)));
}

static void finish_misaligned(Gen *g)
{
    for (u32 i = 0; i < g->nmisaligned; i++) {
        const struct Misaligned *m = &g->misaligned[i];
        make_room(g, OP_ROOM);
        memcpy(g->as.code + m->at, &(u32){g->as.at - m->at - 4}, 4);
        if (m->op->imm2) { /* good all the same within a block of so many bytes */
            asm_u8(&g->as, 0x50); /* push %rax, which may be anybody's */
            if (m->reg != RAX)
                move32(g, RAX, m->reg);
            asm_group1(&g->as, 0, AND, rm_reg(RAX), (i32)m->op->imm2 - 1);
            asm_group1(&g->as, 0, CMP, rm_reg(RAX), (i32)((i64)m->op->imm2 - m->op->imm));
            asm_u8(&g->as, 0x58); /* pop */
            asm_u8(&g->as, 0x0f);
            asm_u8(&g->as, 0x80 | CC_BE);
            asm_u32(&g->as, m->at + 4 - g->as.at - 4);
        }
        move(g, A, m->reg);
        set_pc(g, m->pc);
        jump_outside(g, (const void *)misaligned_stub);
    }
}

/* -- stencils ------------------------------------------------------------------------------------------------------ */

/* Before the op's stencil, whose operands have been used: what temporary registers hold that is needed later goes to
 * slots. */
static void save_temps(Gen *g, u32 mask, bool vector)
{
    Bank *bank = bank_of(g, vector);
    for (u32 left = bank->temps & mask; left; left &= left - 1) {
        int reg = __builtin_ctz(left);
        if (only_there(g, bank->holder[reg]))
            spill(g, bank->holder[reg]);
        unbind(g, bank, reg);
    }
}

/* An op whose code is its stencil. */
static void from_stencil(Gen *g, Val n, const Op *op)
{
    static const int integer[] = {A, B};
    const OpInfo *info = &ir_ops[op->code];
    u32 nints = 0, nvectors = 0;
    bool calls = info->fx & FX_CALL || op->code == IR_helper || op->code == IR_wrote;
    i32 third = NO_HOME;
    for (u32 i = 0; i < info->nargs; i++) {
        Val v = operand(g, op, i);
        if (is_vector(g, v)) {
            bring(g, v, (int)nvectors++);
        } else if (nints < 2) {
            bring(g, v, integer[nints++]);
        } else { /* a copy of its own, which nothing else moves */
            int reg = in_reg(g, v);
            third = spill_new(g);
            asm_insn(&g->as, OP_W | 0x89, reg, slot(third));
        }
    }
    for (u32 i = 0; i < info->nargs; i++)
        used(g, operand(g, op, i));
    save_temps(g, TEMPS, false);
    if (calls)
        save_temps(g, VECTOR_TEMPS, true);
    else if (nvectors || info->result == TYPE_Q)
        for (int i = 0; i < 3; i++)
            vacate(g, true, i);
    g->holes[HOLE_S2_] = (u64)third;
    g->holes[HOLE_IMM_] = (u64)op->imm;
    copy_stencil(g, op->code);
    if (third != NO_HOME)
        spill_free(g, &(Rec){.home = third});
    if (info->result == TYPE_Q)
        define(g, n, 0);
    else if (info->result != TYPE_V)
        define_in(g, n, A);
}

/* Vector ops that are one instruction with two operands. */
static u32 vector_insn(u16 code)
{
    switch (code) {
    case IR_vand:
        return 0xdb;
    case IR_vor:
        return 0xeb;
    case IR_vxor:
        return 0xef;
    case IR_vadd8:
        return 0xfc;
    case IR_vadd16:
        return 0xfd;
    case IR_vadd32:
        return 0xfe;
    case IR_vadd64:
        return 0xd4;
    case IR_vsub8:
        return 0xf8;
    case IR_vsub16:
        return 0xf9;
    case IR_vsub32:
        return 0xfa;
    case IR_vsub64:
        return 0xfb;
    case IR_vcmeq8:
        return 0x74;
    case IR_vcmeq16:
        return 0x75;
    case IR_vcmeq32:
        return 0x76;
    case IR_vcmgt8:
        return 0x64;
    case IR_vcmgt16:
        return 0x65;
    case IR_vcmgt32:
        return 0x66;
    case IR_vumin8:
        return 0xda;
    case IR_vumax8:
        return 0xde;
    case IR_vsmin16:
        return 0xea;
    case IR_vsmax16:
        return 0xee;
    case IR_vmul16:
        return 0xd5;
    default:
        return 0;
    }
}

static void vector(Gen *g, Val n, const Op *op)
{
    Val x = operand(g, op, 0), y = operand(g, op, 1);
    int a = in_reg(g, x);
    Rm b = in_place(g, y);
    used(g, x);
    used(g, y);
    int dst = g->vectors.holder[a] == NO_VAL ? a : allocate(g, true);
    move_vector(g, dst, a);
    asm_insn(&g->as, OP_66 | OP_0F | vector_insn(op->code), dst, b);
    define(g, n, dst);
}

/* A native op of one or two vectors (lifter/native.def): its stencil is the instruction, with registers 0 and 1, or 0 alone. */
typedef struct OneInsn {
    u32 insn;
    bool has_imm, imm_is_op; /* an immediate byte; it is the op's */
    u8 imm;
} OneInsn;

static bool one_insn(const Op *op, OneInsn *one)
{
    enum { LONGEST = 7 };
    const OpInfo *info = &ir_ops[op->code];
    const Stencil *s = &stencils[stencil_of(op->code)];
    const u8 *p = stencil_bytes + s->bytes, *end = p + s->size;
    *one = (OneInsn){.insn = OP_0F};
    if (op->code < IR_n_packsswb || op->code > IR_n_mpsadbw || info->nargs > 2 || s->size > LONGEST)
        return false;
    one->insn |= *p == 0x66 ? OP_66 : *p == 0xf2 ? OP_F2 : *p == 0xf3 ? OP_F3 : 0;
    p += one->insn != OP_0F;
    if (end - p < 3 || *p++ != 0x0f)
        return false;
    if (*p == 0x38 || *p == 0x3a)
        one->insn |= *p++ == 0x38 ? OP_0F38 : OP_0F3A;
    one->insn |= *p++;
    if (end - p < 1 || end - p > 2 || *p++ != (info->nargs == 2 ? 0xc1 : 0xc0))
        return false;
    one->has_imm = p < end;
    one->imm_is_op = s->nholes;
    one->imm = one->has_imm ? *p : 0;
    return true;
}

static bool vector_by_insn(Gen *g, Val n, const Op *op)
{
    OneInsn one;
    if (!one_insn(op, &one))
        return false;
    Val x = operand(g, op, 0), y = NO_VAL;
    int dst;
    if (ir_ops[op->code].nargs == 1) {
        Rm a = in_place(g, x);
        used(g, x);
        dst = allocate(g, true);
        asm_insn(&g->as, one.insn, dst, a);
    } else {
        y = operand(g, op, 1);
        int a = in_reg(g, x);
        bool selects = op->code == IR_n_insertps; /* a lane, if not of memory */
        Rm b = selects ? rm_reg(in_reg(g, y)) : in_place(g, y);
        used(g, x);
        used(g, y);
        dst = g->vectors.holder[a] == NO_VAL ? a : allocate(g, true);
        move_vector(g, dst, a);
        asm_insn(&g->as, one.insn, dst, b);
    }
    if (one.has_imm)
        asm_u8(&g->as, one.imm_is_op ? (u32)op->imm & 255 : one.imm);
    define(g, n, dst);
    return true;
}

/* An integer register's content in the lowest lane, zeros above. */
static void to_vector(Gen *g, Val n, const Op *op, u32 w)
{
    Val v = operand(g, op, 0);
    const Op *from = &g->ir->ops[v];
    if ((from->code == IR_const32 || from->code == IR_const64) && !from->imm) {
        used(g, v);
        int dst = allocate(g, true);
        asm_insn(&g->as, OP_66 | OP_0F | 0xef, dst, rm_reg(dst)); /* pxor */
        define(g, n, dst);
        return;
    }
    Rm a = in_place(g, v);
    used(g, v);
    int dst = allocate(g, true);
    asm_insn(&g->as, OP_66 | w | OP_0F | 0x6e, dst, a);
    define(g, n, dst);
}

/* An instruction from a vector to an integer register; that is the r/m operand if `stores`. */
static void from_vector(Gen *g, Val n, const Op *op, u32 insn, bool stores)
{
    int a = in_reg(g, operand(g, op, 0));
    used(g, operand(g, op, 0));
    int dst = destination(g, n, NO_REG);
    asm_insn(&g->as, insn, stores ? a : dst, rm_reg(stores ? dst : a));
    define(g, n, dst);
}

/* -- state --------------------------------------------------------------------------------------------------------- */

static void alias(Gen *g, Val n, Val of)
{
    Rec *r = &g->recs[of];
    g->recs[n].same = of;
    u32 left = r->left + (u32)g->recs[n].left;
    r->left = r->left == UINT16_MAX || left > UINT16_MAX ? UINT16_MAX : (u16)left;
    used(g, of);
}

/* zx32_64: a W in a temporary register is zero-extended already. */
static bool widen(Gen *g, Val n, const Op *op)
{
    Val v = operand(g, op, 0);
    Rec *r = &g->recs[v];
    if (!g->recs[n].left || type_of(g, v) != TYPE_W || r->delayed)
        return false;
    if (r->reg != NO_REG) {
        if (r->home != NO_HOME && r->bytes < 8)
            leave_home(g, v);
    } else if (!r->constant && (r->home == NO_HOME || r->bytes < 8)) {
        return false;
    }
    r->wide = true;
    alias(g, n, v);
    return true;
}

static void put(Gen *g, Val n, const Op *op, u8 bytes)
{
    u32 offset = (u32)op->imm;
    i32 field = field_of(g, offset);
    forget_late(g, field);
    bool extend;
    Val late = late_value(g, op, &extend);
    if (g->recs[n].late && can_be_late(g, late, extend)) {
        g->late[field] = n;
        return;
    }
    if (g->recs[op->arg[0]].delayed)
        materialise(g, op->arg[0]);
    i32 home = state_home(offset), imm;
    Val v = operand(g, op, 0);
    Rec *r = &g->recs[v];
    if (r->home == home && r->bytes >= bytes) {
        used(g, v);
        return;
    }
    int pin = pin_of(g, home);
    assert(pin == NO_REG || bytes == 8);
    bool is_constant = r->constant && r->reg == NO_REG;
    if (is_constant && (pin != NO_REG || immediate(g, v, bytes == 8 ? TYPE_X : TYPE_W, &imm))) {
        evict_range(g, offset, bytes);
        if (pin != NO_REG) {
            constant(g, pin, r);
        } else {
            asm_insn(&g->as, (bytes == 8 ? OP_W : 0) | 0xc7, 0, slot(home));
            asm_u32(&g->as, (u32)r->value);
        }
    } else {
        Rm from = pin != NO_REG ? in_place(g, v) : rm_reg(in_reg(g, v));
        evict_range(g, offset, bytes);
        if (bytes == 16)
            asm_insn(&g->as, OP_0F | 0x29, from.reg, slot(home));
        else if (pin != NO_REG && (from.memory || from.reg != pin))
            asm_insn(&g->as, OP_W | 0x8b, pin, from);
        else if (pin == NO_REG)
            asm_insn(&g->as, (bytes == 8 ? OP_W : 0) | 0x89, from.reg, slot(home));
    }
    used(g, v);
    if (field < 0) /* where late ones may be stored */
        set_home(g, v, offset, bytes);
}

static void set_const(Gen *g, Val n, u64 value, bool relative)
{
    g->recs[n].constant = true;
    g->recs[n].relative = relative && moves(g, value);
    g->recs[n].value = value;
}

/* The one sum of constants that lifters make: addresses from a page and an offset in it. */
static bool folds(Gen *g, Val n, const Op *op)
{
    if (op->code != IR_add64)
        return false;
    Val x = operand(g, op, 0), y = operand(g, op, 1);
    const Rec *a = &g->recs[x], *b = &g->recs[y];
    if (!a->constant || !b->constant || (a->relative && b->relative))
        return false;
    set_const(g, n, a->value + b->value, a->relative || b->relative);
    used(g, x);
    used(g, y);
    return true;
}

static void each_pin(Gen *g, u32 insn)
{
    for (u32 i = 0; i < PINNED; i++)
        asm_insn(&g->as, OP_W | insn, param_reg[code_pin[i]], slot(state_home(g->guest->pinned[i])));
}

/* Helpers see the guest state in the Task and may change it there. */
static void helper(Gen *g, Val n, const Op *op)
{
    for (u32 unit = 0; unit < STATE_UNITS; unit++)
        if (g->heads[unit] != NO_VAL) {
            evict_unit(g, unit, 0, INT32_MAX);
            g->integers.locked = g->vectors.locked = 0;
        }
    each_pin(g, 0x89);
    g->holes[HOLE_PC64_] = g->pc;
    i8 target = g->recs[n].target;
    g->recs[n].target = NO_REG; /* not before the registers are loaded */
    from_stencil(g, n, op);
    g->recs[n].target = target;
    each_pin(g, 0x8b);
}

/* -- ends ---------------------------------------------------------------------------------------------------------- */

/* Bytes before an instruction of so many bytes of opcode and a distance that others may change. */
static u32 padding(const Asm *a, u32 opcode_bytes)
{
    u32 over = (a->at + opcode_bytes) % JUMP_WITHIN;
    return over > JUMP_WITHIN - 4 ? JUMP_WITHIN - over : 0;
}

/* A direct jump or call of so many bytes of opcode, for this link of the unit's. */
static void direct(Gen *g, u32 opcode, u32 bytes, u32 link)
{
    Asm *a = &g->as;
    u32 pad = padding(a, bytes);
    if (pad)
        asm_nop(a, pad);
    for (u32 i = bytes; i-- > 0;)
        asm_u8(a, opcode >> 8 * i & 0xff);
    g->out->unit.links[link].jump = a->at;
    asm_u32(a, 0);
}

/* The same of a conditional jump behind condition(); what has set the host's flags, from `compare` on, stays next to
 * it, for processors make one operation of the two. */
static void direct_if(Gen *g, Cc cc)
{
    Asm *a = &g->as;
    u32 pad = padding(a, 2), size = a->at - g->compare;
    if (pad) {
        memmove(a->code + g->compare + pad, a->code + g->compare, size);
        a->at = g->compare;
        asm_nop(a, pad);
        a->at += size;
    }
    direct(g, 0x0f80 | cc, 2, g->jumps++);
}

/* Of link number `link`: where its direct jump leads until it is connected begins here. */
static void lands(Gen *g, u32 link)
{
    u32 at = g->out->unit.links[link].jump;
    memcpy(g->as.code + at, &(u32){g->as.at - (at + 4)}, 4);
}

/* Goes through a Link that lies behind b. */
static void through(Gen *g, u32 link, u32 behind)
{
    lands(g, link);
    asm_insn(&g->as, 0xff, 4, rm_memory(B, (i32)behind));
}
_Static_assert(offsetof(Link, code) == 0, "through");

static void through_link(Gen *g, u32 link)
{
    lands(g, link);
    address_of(g, B, RELOC_BLOCK, sizeof(Block) + link * sizeof(Link));
    asm_insn(&g->as, 0xff, 4, rm_memory(B, 0));
}

static void jump(Gen *g)
{
    direct(g, 0xe9, 1, g->jumps++);
    through_link(g, g->leaves);
}

static void branch(Gen *g, const Op *op)
{
    direct_if(g, condition(g, operand(g, op, 0)));
    direct(g, 0xe9, 1, g->jumps++);
    through_link(g, g->leaves + 1);
    through_link(g, g->leaves);
}

/* The exit's way through its link stands behind the block (finish_leaves). */
static void leave_if(Gen *g, const Op *op)
{
    Asm *a = &g->as;
    Cc cc = condition(g, operand(g, op, 0));
    Leave *l = &g->leave[g->jumps];
    l->nplaces = late_places(g, l->places);
    if (!l->nplaces) {
        direct_if(g, cc);
        return;
    }
    asm_u8(a, 0x0f);
    asm_u8(a, 0x80 | cc);
    l->at = a->at;
    asm_u32(a, 0);
    g->jumps++;
}

/* Stores a piece of state that is late, where nothing else is needed any more but what is in registers. */
static void store_place(Gen *g, const Place *p)
{
    Asm *a = &g->as;
    u32 w = p->bytes == 8 ? OP_W : 0;
    Rm to = slot(state_home(p->offset));
    int reg = p->reg;
    if (p->kind == PLACE_CONSTANT) {
        asm_insn(a, w | 0xc7, 0, to);
        asm_u32(a, (u32)p->at);
        return;
    }
    if (p->kind == PLACE_STACK)
        asm_insn(a, (p->extend ? 0 : w) | 0x8b, reg = B, rm_memory(p->reg, p->at));
    else if (p->extend)
        move32(g, reg = B, p->reg);
    asm_insn(a, w | 0x89, reg, to);
}

static void finish_leaves(Gen *g)
{
    for (u32 i = 0; i < g->leaves; i++) {
        const Leave *l = &g->leave[i];
        make_room(g, OP_ROOM);
        if (l->at) {
            memcpy(g->as.code + l->at, &(u32){g->as.at - (l->at + 4)}, 4);
            for (u32 late = 0; late < 2; late++) /* b may hold one, until it is stored */
                for (u32 k = 0; k < l->nplaces; k++)
                    if (late != (l->places[k].kind == PLACE_REGISTER && l->places[k].reg == B))
                        store_place(g, &l->places[k]);
            direct(g, 0xe9, 1, i);
        }
        through_link(g, i);
    }
}

/* Behind a call: goes on through the link behind the one that the frame has, which is the unit's last (include/host.h). */
static void behind_call(Gen *g)
{
    Asm *a = &g->as;
    asm_pop(a, B);
    of_memory_at(g, 0x3b, A, RELOC_BLOCK,
                 sizeof(Block) + (g->out->unit.nlinks - 1) * sizeof(Link) + offsetof(Link, pc));
    asm_u8(a, 0x0f);
    asm_u8(a, 0x80 | CC_NE);
    distance(g, RELOC_HOST, (u64)return_miss);
    direct(g, 0xe9, 1, g->jumps++);
    through(g, g->jumps - 1, sizeof(Link));
}

/* The jump cache's entry for the address in a to rax. Sets the host's flags: equal if it is that address's. */
static void find_entry(Gen *g)
{
    Asm *a = &g->as;
    move(g, RAX, A);
    asm_insn(a, OP_W | 0xc1, 5, rm_reg(RAX));
    asm_u8(a, JUMP_CACHE_BITS);
    asm_insn(a, 0x33, RAX, rm_reg(A));
    asm_insn(a, 0xc1, 4, rm_reg(RAX));
    asm_u8(a, 2);
    asm_group1(a, 0, AND, rm_reg(RAX), (JUMP_CACHE - 1) * sizeof(JumpEntry));
    asm_insn(a, OP_W | 0x03, RAX, rm_memory(TASK, offsetof(Task, jump_cache)));
    asm_insn(a, OP_W | 0x3b, A, rm_memory(RAX, offsetof(JumpEntry, pc)));
}
_Static_assert(sizeof(JumpEntry) == 16, "find_entry, as jump_slot has it");

static void indirect(Gen *g, const Op *op)
{
    bring(g, operand(g, op, 0), A);
    find_entry(g);
    u32 other = asm_skip(&g->as, CC_NE);
    asm_insn(&g->as, 0xff, 4, rm_memory(RAX, offsetof(JumpEntry, code)));
    asm_land(&g->as, other);
    jump_outside(g, (const void *)lookup_stub);
}

static void call_indirect(Gen *g, const Op *op)
{
    bring(g, operand(g, op, 0), A);
    find_entry(g);
    u32 found = asm_skip(&g->as, CC_E);
    address_of(g, RAX, RELOC_HOST, (u64)&no_entry);
    asm_land(&g->as, found);
    address_of(g, B, RELOC_BLOCK, sizeof(Block) + g->leaves * sizeof(Link) - sizeof(Link));
    asm_push(&g->as, B);
    asm_insn(&g->as, 0xff, 2, rm_memory(RAX, offsetof(JumpEntry, code)));
    behind_call(g);
}

static void call_direct(Gen *g)
{
    address_of(g, B, RELOC_BLOCK, sizeof(Block) + g->leaves * sizeof(Link));
    asm_push(&g->as, B);
    direct(g, 0xe8, 1, g->jumps++);
    behind_call(g);
    through(g, g->leaves, 0);
}

static void return_(Gen *g, const Op *op)
{
    bring(g, operand(g, op, 0), A);
    asm_u8(&g->as, 0xc3);
}

static void leave(Gen *g, const Op *op)
{
    asm_insn(&g->as, 0xc7, 0, rm_memory(TASK, offsetof(Task, exit)));
    asm_u32(&g->as, (u32)op->imm);
    set_pc(g, op->imm2);
    jump_outside(g, (const void *)exit_stub);
}

/* -- a block ------------------------------------------------------------------------------------------------------- */

static bool by_rule(Gen *g, Val n, const Op *op);

/* Makes a delayed op's value after all. */
static void materialise(Gen *g, Val v)
{
    const Op *op = &g->ir->ops[v];
    g->recs[v].delayed = false;
    if (op->code == IR_add64)
        arithmetic(g, v, op, ADD);
    else if (op->code == IR_shl64)
        shift(g, v, op, 4);
    else if (is_and(op->code))
        arithmetic(g, v, op, AND);
    else if (op->code == IR_zx32_64)
        by_rule(g, v, op);
    else
        comparison(g, v, op);
}

#define BOTH(name) \
    case IR_##name##32: \
    case IR_##name##64

/* A value op with a rule of its own; false if it is its stencil's. */
static bool by_rule(Gen *g, Val n, const Op *op)
{
    switch (op->code) {
    BOTH(add):
        if (g->recs[n].carry == NO_VAL)
            arithmetic(g, n, op, ADD);
        else
            add_with_carry(g, n, op);
        return true;
    BOTH(adc):
        add_with_carry(g, n, op);
        return true;
    BOTH(sub):
        arithmetic(g, n, op, SUB);
        return true;
    BOTH(mul):
        arithmetic(g, n, op, MUL);
        return true;
    BOTH(and):
        arithmetic(g, n, op, AND);
        return true;
    BOTH(or):
        arithmetic(g, n, op, OR);
        return true;
    BOTH(xor):
        arithmetic(g, n, op, XOR);
        return true;
    BOTH(andn):
        and_not(g, n, op);
        return true;
    BOTH(ror):
        shift(g, n, op, 1);
        return true;
    BOTH(shl):
        shift(g, n, op, 4);
        return true;
    BOTH(shr):
        shift(g, n, op, 5);
        return true;
    BOTH(sar):
        shift(g, n, op, 7);
        return true;
    BOTH(not):
        unary(g, n, op, 2);
        return true;
    BOTH(neg):
        unary(g, n, op, 3);
        return true;
    BOTH(bswap):
        byte_swap(g, n, op);
        return true;
    BOTH(eq):
    BOTH(ne):
    BOTH(ult):
    BOTH(ule):
    BOTH(slt):
    BOTH(sle):
        comparison(g, n, op);
        return true;
    BOTH(select):
        choose(g, n, op);
        return true;
    BOTH(extr):
        extract(g, n, op);
        return true;
    case IR_adc32_carry:
    case IR_adc64_carry:
        carry_out(g, n, op);
        return true;
    case IR_wtov:
        to_vector(g, n, op, 0);
        return true;
    case IR_xtov:
        to_vector(g, n, op, OP_W);
        return true;
    case IR_vtow:
        from_vector(g, n, op, OP_66 | OP_0F | 0x7e, true);
        return true;
    case IR_vtox:
        from_vector(g, n, op, OP_66 | OP_W | OP_0F | 0x7e, true);
        return true;
    case IR_n_movmskps:
        from_vector(g, n, op, OP_0F | 0x50, false);
        return true;
    case IR_n_movmskpd:
        from_vector(g, n, op, OP_66 | OP_0F | 0x50, false);
        return true;
    case IR_n_pmovmskb:
        from_vector(g, n, op, OP_66 | OP_0F | 0xd7, false);
        return true;
    case IR_umulh64:
        multiply_high(g, n, op, 4);
        return true;
    case IR_smulh64:
        multiply_high(g, n, op, 5);
        return true;
    case IR_sx8_32:
        extend(g, n, op, OP_0F | OP_BYTE_RM | 0xbe);
        return true;
    case IR_sx8_64:
        extend(g, n, op, OP_W | OP_0F | OP_BYTE_RM | 0xbe);
        return true;
    case IR_sx16_32:
        extend(g, n, op, OP_0F | 0xbf);
        return true;
    case IR_sx16_64:
        extend(g, n, op, OP_W | OP_0F | 0xbf);
        return true;
    case IR_sx32_64:
        extend(g, n, op, OP_W | 0x63);
        return true;
    case IR_zx32_64:
        if (!widen(g, n, op))
            extend(g, n, op, 0x8b);
        return true;
    case IR_lo32:
        if (g->recs[op->arg[0]].delayed)
            materialise(g, op->arg[0]);
        alias(g, n, operand(g, op, 0));
        return true;
    default:
        return false;
    }
}

static void one_op(Gen *g, Val n)
{
    const Op *op = &g->ir->ops[n];
    make_room(g, OP_ROOM);
    g->integers.locked = g->vectors.locked = 0;
    if (g->recs[n].delayed)
        return;
    if (g->recs[n].made) {
        for (u32 i = 0; i < ir_ops[op->code].nargs; i++)
            used(g, operand(g, op, i));
        return;
    }
    switch ((OpCode)op->code) {
    case IR_nop:
        return;
    case IR_const32:
        set_const(g, n, (u32)op->imm, false);
        return;
    case IR_const64:
        set_const(g, n, (u64)op->imm, false);
        return;
    case IR_addr64:
        set_const(g, n, (u64)op->imm, true);
        return;
    case IR_insn:
        g->pc = (u64)op->imm;
        g->out->unit.map[g->out->unit.nmap++] = (PcMap){.host = g->as.at - ENTRY_AT, .guest = (u32)(g->pc - g->ir->pc)};
        return;
    case IR_count:
        asm_insn(&g->as, OP_W | 0x81, 0, rm_memory(TASK, offsetof(Task, executed) + g->counter * sizeof(u64)));
        asm_u32(&g->as, (u32)op->imm);
        return;
    case IR_get32:
        set_home(g, n, (u32)op->imm, 4);
        return;
    case IR_get64:
        set_home(g, n, (u32)op->imm, 8);
        return;
    case IR_get128:
        set_home(g, n, (u32)op->imm, 16);
        return;
    case IR_put32:
        put(g, n, op, 4);
        return;
    case IR_put64:
        put(g, n, op, 8);
        return;
    case IR_put128:
        put(g, n, op, 16);
        return;
    case IR_fence:
        if (op->imm == 3) { /* lock orl $0, (%rsp): only the full barrier needs an instruction */
            asm_u8(&g->as, 0xf0);
            asm_group1(&g->as, 0, OR, rm_memory(RSP, 0), 0);
        }
        return;
    case IR_align:
        check_align(g, op);
        return;
    case IR_cas8:
    case IR_cas16:
    case IR_cas32:
    case IR_cas64:
        compare_exchange(g, n, op);
        return;
    case IR_helper:
        helper(g, n, op);
        return;
    case IR_leave_if:
        leave_if(g, op);
        return;
    case IR_jump:
        jump(g);
        return;
    case IR_call:
        call_direct(g);
        return;
    case IR_branch:
        branch(g, op);
        return;
    case IR_jumpi:
        indirect(g, op);
        return;
    case IR_calli:
        call_indirect(g, op);
        return;
    case IR_ret:
        return_(g, op);
        return;
    case IR_exit:
        leave(g, op);
        return;
    default:
        if (op->code >= IR_ld8 && op->code <= IR_ld128)
            load(g, n, op);
        else if (op->code >= IR_st8 && op->code <= IR_st128)
            store(g, op);
        else if (vector_insn(op->code))
            vector(g, n, op);
        else if (!folds(g, n, op) && !by_rule(g, n, op) && !fp_by_rule(g, n, op) && !vector_by_insn(g, n, op))
            from_stencil(g, n, op);
        return;
    }
}

/* -- before: what is made by its user, and where results are going ---------------------------------------------------- */

static bool is_access(u16 code)
{
    return code >= IR_ld8 && code <= IR_st128;
}

static bool is_zero(const Ir *ir, Val v)
{
    return (ir->ops[v].code == IR_const32 || ir->ops[v].code == IR_const64) && !ir->ops[v].imm;
}

static bool is_constant(const Ir *ir, Val v)
{
    return ir->ops[v].code == IR_const64 || ir->ops[v].code == IR_addr64;
}

/* Whether the only user of op n, which is operand i of op `user`, makes it. */
static bool delays(const Ir *ir, const Rec *recs, Val n, Val user, u32 i)
{
    u16 code = ir->ops[n].code, by = ir->ops[user].code;
    bool condition = by == IR_branch || by == IR_leave_if || ((by == IR_select32 || by == IR_select64) && i == 0);
    switch (code) {
    case IR_add64: {
        bool constant = is_constant(ir, ir->ops[n].arg[0]) && is_constant(ir, ir->ops[n].arg[1]);
        return is_access(by) && i == 0 && !constant;
    }
    case IR_shl64: {
        const Op *amount = &ir->ops[ir->ops[n].arg[1]];
        return by == IR_add64 && i == 1 && recs[user].delayed && amount->code == IR_const64 && amount->imm > 0 &&
               amount->imm <= 3;
    }
    case IR_and32:
    case IR_and64:
        if (cc_of(by) != NO_CC && recs[user].delayed)
            return i == 0 && is_zero(ir, ir->ops[user].arg[1]);
        return code == IR_and32 && condition;
    BOTH(ult):
    BOTH(ule): {
        bool carry = by == IR_adc32 || by == IR_adc64 || by == IR_adc32_carry || by == IR_adc64_carry;
        return condition || (carry && i == 2);
    }
    case IR_zx32_64:
        return recs[user].late;
    default:
        return cc_of(code) != NO_CC && condition;
    }
}

/* The sum whose carry out op n is, or NO_VAL: the one it compares, or for a sum with a carry in, one near of the same operands. */
static Val sum_of_carry(const Ir *ir, Val n)
{
    enum { NEAR = 32 };
    const Op *op = &ir->ops[n], *sum = &ir->ops[op->arg[0]];
    switch (op->code) {
    BOTH(ult): {
        bool adds = sum->code == (op->code == IR_ult64 ? IR_add64 : IR_add32);
        return adds && (op->arg[1] == sum->arg[0] || op->arg[1] == sum->arg[1]) ? op->arg[0] : NO_VAL;
    }
    case IR_adc32_carry:
    case IR_adc64_carry:
        for (Val m = n; m-- > 0 && n - m < NEAR;) {
            sum = &ir->ops[m];
            if (sum->code == (op->code == IR_adc64_carry ? IR_adc64 : IR_adc32) && sum->arg[0] == op->arg[0] &&
                sum->arg[1] == op->arg[1] && sum->arg[2] == op->arg[2])
                return m;
        }
        return NO_VAL;
    default:
        return NO_VAL;
    }
}

/* Backwards: whether op n is a put of flags that is late. `replaced` says of which fields others come before somebody looks. */
static void find_late(Gen *g, Val n, bool replaced[FLAG_FIELDS])
{
    const Op *op = &g->ir->ops[n];
    bool puts = op->code == IR_put32 || op->code == IR_put64, gets = op->code == IR_get32 || op->code == IR_get64;
    i32 field = puts || gets ? field_of(g, (u32)op->imm) : -1;
    if (field >= 0) {
        g->recs[n].late = puts && replaced[field];
        replaced[field] = puts;
    } else if (op->code == IR_helper ||
               (ir_ops[op->code].fx & (FX_READ | FX_WRITE | FX_RAISE | FX_END) && !is_access(op->code))) {
        memset(replaced, 0, FLAG_FIELDS * sizeof *replaced);
    }
}

/* Backwards: each op knows its only user's fate, and which pinned register a put that nothing can observe before gives
 * its value to. */
static void look_ahead(Gen *g)
{
    const Ir *ir = g->ir;
    Val going[16]; /* by host register: the value that is put to it next, */
    u32 registers = 0; /* if it is one of these */
    bool replaced[FLAG_FIELDS] = {false};
    for (Val n = ir->count; n-- > 0;) {
        const Op *op = &ir->ops[n];
        const OpInfo *info = &ir_ops[op->code];
        u32 pins = registers;
        if (info->fx & (FX_READ | FX_WRITE | FX_RAISE | FX_LEAVE | FX_END) || op->code == IR_helper)
            registers = 0;
        for (; pins; pins &= pins - 1) {
            int reg = __builtin_ctz(pins);
            if (going[reg] != n)
                continue;
            g->recs[n].target = g->pin_number[reg];
            if (op->code == IR_zx32_64)
                going[reg] = op->arg[0];
            else
                registers &= ~(1u << reg);
        }
        if (op->code == IR_put64 || op->code == IR_get64 || op->code == IR_get32) {
            int reg = g->pin_at[op->imm / 8];
            if (reg != NO_REG && op->code == IR_put64) {
                going[reg] = op->arg[0];
                registers |= 1u << reg;
            } else if (reg != NO_REG) {
                registers &= ~(1u << reg);
            }
        }
        find_late(g, n, replaced);
        for (u32 i = 0; i < info->nargs; i++)
            if (ir->ops[op->arg[i]].uses == 1)
                g->recs[op->arg[i]].delayed = delays(ir, g->recs, op->arg[i], n, i);
        Val sum = g->recs[n].left && !g->recs[n].delayed ? sum_of_carry(ir, n) : NO_VAL;
        if (sum != NO_VAL)
            g->recs[sum].carry = n;
    }
}

static void add_link(const Gen *g, u64 to, bool call, bool back)
{
    need(unit_add_link(g->out, (i64)(to - g->ir->pc), back, to > g->ir->pc && !call));
}

static void add_links(Gen *g)
{
    for (Val n = 0; n < g->ir->count; n++)
        if (g->ir->ops[n].code == IR_leave_if) {
            add_link(g, (u64)g->ir->ops[n].imm, false, false);
            g->leaves++;
        }
    if (g->leaves)
        g->leave = must(calloc(g->leaves, sizeof *g->leave));
    const Op *last = &g->ir->ops[g->ir->count - 1];
    if (last->code == IR_jump || last->code == IR_call || last->code == IR_branch)
        add_link(g, (u64)last->imm, last->code == IR_call, false);
    if (last->code == IR_branch || last->code == IR_call || last->code == IR_calli)
        add_link(g, last->imm2, false, last->code != IR_branch);
}

/* Where a block's entry goes if it may not simply be run: b is the block. */
static __attribute__((preserve_none)) void entry_slow(CODE_PARAMS)
{
    u64 sp;
    __asm__("mov %%rsp, %0" : "=r"(sp));
    t->pc = block_pc((const Block *)b);
    if (sp < t->attention) [[clang::musttail]]
        return signal_stub(CODE_ARGS);
    Block *block = (Block *)b;
    u32 ran = block->ran + t->sample_size;
    block->ran = ran;
    task_sample(t);
    if (ran >= block->limit) [[clang::musttail]]
        return hot_stub(CODE_ARGS);
    Code *past = (Code *)((const u8 *)block->code + block->past);
    [[clang::musttail]] return past(CODE_ARGS);
}

/* The slow cases, then the entry: the safepoint, which links that are forward skip, and the counter, which they skip later. */
static void entry(Gen *g, bool counts)
{
    Asm *a = &g->as;
    address_of(g, B, RELOC_BLOCK, 0);
    jump_outside(g, (const void *)entry_slow);
    assert(a->at == ENTRY_AT);
    asm_insn(a, OP_W | 0x3b, RSP, rm_memory(TASK, offsetof(Task, attention)));
    asm_u8(a, 0x70 | CC_B);
    asm_u8(a, 0 - (a->at + 1));
    assert(a->at == ENTRY_AT + ENTRY_SAFEPOINT);
    if (!counts)
        return;
    asm_insn(a, 0xff, 1, rm_memory(TASK, offsetof(Task, sample))); /* dec */
    asm_u8(a, 0x70 | CC_S);
    asm_u8(a, 0 - (a->at + 1));
    assert(a->at == ENTRY_AT + ENTRY_SAFEPOINT + ENTRY_COUNTER);
}

void baseline_unit(const Guest *guest, const Ir *ir, bool counts, bool ahead, UnitBuffer *out)
{
    Unit *u = &out->unit;
    unit_buffer_begin(out);
    u->tier = TIER_BASELINE;
    u->ahead = ahead;
    u->tags = ir->tags;
    u->insns = ir->insns;
    u->skip = ENTRY_SAFEPOINT;
    u->past = ENTRY_SAFEPOINT + (counts ? ENTRY_COUNTER : 0);
    need(unit_add_entry(out, 0, ENTRY_AT) && unit_add_range(out, 0, (u32)(ir->end - ir->pc)));
    Gen g = {.out = out, .ir = ir, .guest = guest, .pc = ir->pc, .counter = ahead ? TIER_STATIC : TIER_BASELINE};
    g.integers.temps = TEMPS;
    g.vectors.temps = VECTOR_TEMPS;
    memset(g.integers.holder, 0xff, sizeof g.integers.holder);
    memset(g.vectors.holder, 0xff, sizeof g.vectors.holder);
    memset(g.heads, 0xff, sizeof g.heads);
    memset(g.pin_at, NO_REG, sizeof g.pin_at);
    for (u32 i = 0; i < PINNED; i++) {
        i8 reg = param_reg[code_pin[i]];
        g.pin_at[guest->pinned[i] / 8] = reg;
        g.pin_number[reg] = (i8)i;
    }
    g.recs = must(malloc(ir->count * sizeof *g.recs));
    u32 insns = 0;
    for (Val n = 0; n < ir->count; n++) {
        g.recs[n] = (Rec){
            .left = ir->ops[n].uses, .home = NO_HOME, .same = n, .next = NO_VAL, .carry = NO_VAL, .reg = NO_REG, .target = NO_REG};
        insns += ir->ops[n].code == IR_insn;
    }
    if (insns)
        u->map = must(unit_room(u->map, &out->map_room, insns, sizeof *u->map));
    memset(g.late, 0xff, sizeof g.late);
    look_ahead(&g);
    make_room(&g, 16 * ir->count + 2 * OP_ROOM);
    add_links(&g);

    entry(&g, counts);
    for (Val n = 0; n < ir->count; n++)
        one_op(&g, n);
    finish_leaves(&g);
    finish_misaligned(&g);
    fp_finish(&g);

    u->code_size = g.as.at;
    free(g.recs);
    free(g.misaligned);
    free(g.rare);
    free(g.leave);
}

Block *baseline_compile(const Guest *guest, const Ir *ir, u32 limit)
{
    UnitBuffer buffer = {0};
    baseline_unit(guest, ir, limit > 0, false, &buffer);
    Block *b = unit_place(guest, &buffer.unit, ir->pc, limit);
    unit_buffer_free(&buffer);
    return b;
}
