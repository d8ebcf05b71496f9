/* Loads and stores: A32 A5.2.8, A5.3, A5.5; T32 A6.2.4, A6.3.5 to A6.3.10. Those that the manual calls unprivileged are no different in
 * user mode. Where a loaded register is also a base that is written back (unpredictable) the loaded value stays. */
#include "arm.h"

/* Far enough from both ends of the 4 GiB that no sum with a smaller displacement needs to wrap: docs/arm.md. */
enum { REACH = 1 << 16 };

static Val added(Lift *l, Val base, i32 disp)
{
    return zx32_64(l, add32(l, low_word(l, base), k32(l, (u32)disp)));
}

Address arm_address(Lift *l, Val base, i32 disp)
{
    if (l->own[OWN_CONDITION]) {
        if (disp)
            base = added(l, base, disp);
        return (Address){select64(l, (Val)(l->own[OWN_CONDITION] - 1), base, get64(l, OFF(nowhere))), 0};
    }
    if (disp <= -REACH || disp >= REACH)
        return (Address){added(l, base, disp), 0};
    return (Address){base, disp};
}

Val arm_load(Lift *l, u32 size, Address a)
{
    return in_order(l, size, size == 0 ? ld8(l, a.base, a.disp) : size == 1 ? ld16(l, a.base, a.disp) : ld32(l, a.base, a.disp));
}

void arm_store(Lift *l, u32 size, Address a, Val v)
{
    v = in_order(l, size, v);
    if (size == 0)
        st8(l, a.base, a.disp, v);
    else if (size == 1)
        st16(l, a.base, a.disp, v);
    else
        st32(l, a.base, a.disp, v);
}

/* -- single registers ----------------------------------------------------------------------------------------------------- */

/* What an instruction accesses, and what becomes of its base. */
typedef struct Access {
    u32 rt, rn;
    Val base;     /* X: where the access goes, less disp */
    i32 disp;
    Val updated;  /* X: Rn afterwards, or NO_VAL */
} Access;

typedef enum Kind { WORD, BYTE, HALF, SIGNED_BYTE, SIGNED_HALF } Kind;

static Access with_imm(Lift *l, const Insn *i, bool p, bool u, bool w, u32 imm)
{
    i32 offset = u ? (i32)imm : -(i32)imm;
    Access a = {.rt = i->rt, .rn = i->rn, .updated = NO_VAL, .disp = p ? offset : 0};
    if (i->rn == 15)
        a.base = code_at(l, pc_value(l) & ~3ull);
    else
        a.base = rx(l, i->rn);
    if (!p || w)
        a.updated = added(l, a.base, offset);
    return a;
}

static Access with_reg(Lift *l, const Insn *i, Val offset)
{
    Val base = rx(l, i->rn), low = low_word(l, base);
    Access a = {.rt = i->rt, .rn = i->rn, .updated = NO_VAL};
    Val sum = zx32_64(l, i->u ? add32(l, low, offset) : sub32(l, low, offset));
    a.base = i->p ? sum : base;
    if (!i->p || i->w)
        a.updated = sum;
    return a;
}

static void write_back(Lift *l, const Access *a)
{
    if (a->updated == NO_VAL)
        return;
    if (a->rn == 15)
        undefined(l);
    else
        put_rx(l, a->rn, a->updated);
}

static void load(Lift *l, Kind kind, Access a)
{
    Address at = arm_address(l, a.base, a.disp);
    Val v;
    switch (kind) {
    case WORD: v = arm_load(l, 2, at); break;
    case BYTE: v = arm_load(l, 0, at); break;
    case HALF: v = arm_load(l, 1, at); break;
    case SIGNED_BYTE: v = ld8s(l, at.base, at.disp); break;
    default: v = is_big(l) ? sx16_32(l, arm_load(l, 1, at)) : ld16s(l, at.base, at.disp); break;
    }
    write_back(l, &a);
    if (a.rt != 15)
        put_r(l, a.rt, v);
    else if (kind == WORD && a.rn == 13 && a.updated != NO_VAL && !l->unimplemented) {
        needs_branch(l);
        arm_own_fp(l);
        arm_sync_it(l);
        end_ret(l, arm_target(l, zx32_64(l, v))); /* POP {pc} */
    } else if (kind == WORD)
        arm_bx(l, v);
    else
        undefined(l);
}

static void store(Lift *l, Kind kind, Access a)
{
    arm_store(l, kind == WORD ? 2 : kind == BYTE ? 0 : 1, arm_address(l, a.base, a.disp), r(l, a.rt));
    write_back(l, &a);
}

static Access a32_imm(Lift *l, const Insn *i)
{
    return with_imm(l, i, i->p, i->u, i->w, i->imm12);
}

static Access a32_reg(Lift *l, const Insn *i)
{
    return with_reg(l, i, arm_shift_imm(l, r(l, i->rm), i->type, i->imm5, false).v);
}

static Access extra_imm(Lift *l, const Insn *i)
{
    return with_imm(l, i, i->p, i->u, i->w, (u32)i->immh << 4 | i->imml);
}

static Access extra_reg(Lift *l, const Insn *i)
{
    return with_reg(l, i, r(l, i->rm));
}

LIFT(ldr_imm) { load(l, WORD, a32_imm(l, i)); }
LIFT(ldr_reg) { load(l, WORD, a32_reg(l, i)); }
LIFT(ldrb_imm) { load(l, BYTE, a32_imm(l, i)); }
LIFT(ldrb_reg) { load(l, BYTE, a32_reg(l, i)); }
LIFT(str_imm) { store(l, WORD, a32_imm(l, i)); }
LIFT(str_reg) { store(l, WORD, a32_reg(l, i)); }
LIFT(strb_imm) { store(l, BYTE, a32_imm(l, i)); }
LIFT(strb_reg) { store(l, BYTE, a32_reg(l, i)); }
LIFT(ldrh_imm) { load(l, HALF, extra_imm(l, i)); }
LIFT(ldrh_reg) { load(l, HALF, extra_reg(l, i)); }
LIFT(ldrsb_imm) { load(l, SIGNED_BYTE, extra_imm(l, i)); }
LIFT(ldrsb_reg) { load(l, SIGNED_BYTE, extra_reg(l, i)); }
LIFT(ldrsh_imm) { load(l, SIGNED_HALF, extra_imm(l, i)); }
LIFT(ldrsh_reg) { load(l, SIGNED_HALF, extra_reg(l, i)); }
LIFT(strh_imm) { store(l, HALF, extra_imm(l, i)); }
LIFT(strh_reg) { store(l, HALF, extra_reg(l, i)); }

/* -- T32, 32 bits ---------------------------------------------------------------------------------------------------------- */

static Access t32_imm12(Lift *l, const Insn *i)
{
    return with_imm(l, i, true, true, false, i->imm12);
}

static Access t32_lit(Lift *l, const Insn *i)
{
    Access a = {.rt = i->rt, .rn = 15, .updated = NO_VAL};
    a.base = code_at(l, (pc_value(l) & ~3ull) + (i->u ? (u64)i->imm12 : -(u64)i->imm12));
    return a;
}

static Access t32_imm8(Lift *l, const Insn *i)
{
    if ((!i->p && !i->w) || (i->rt == 15 && i->p && i->u && !i->w))
        undefined(l);
    return with_imm(l, i, i->p, i->u, i->w, i->imm8);
}

static Access t32_reg(Lift *l, const Insn *i)
{
    Val offset = i->imm2 ? shl32(l, r(l, i->rm), k32(l, i->imm2)) : r(l, i->rm);
    return (Access){.rt = i->rt, .rn = i->rn, .updated = NO_VAL, .base = zx32_64(l, add32(l, r(l, i->rn), offset))};
}

/* PC instead of a byte or halfword is a preload or a hint; with write-back there is no such thing. */
static void t32_load(Lift *l, const Insn *i, Kind kind, Access a)
{
    if (kind != WORD && i->rt == 15) {
        if (a.updated != NO_VAL)
            undefined(l);
        return;
    }
    if (!l->unimplemented)
        load(l, kind, a);
}

static void t32_store(Lift *l, const Insn *i, Kind kind, Access a)
{
    if (i->rt == 15)
        undefined(l);
    if (!l->unimplemented)
        store(l, kind, a);
}

#define LOAD_T32(name, kind) \
    LIFT(t32_##name##_imm12) { t32_load(l, i, kind, t32_imm12(l, i)); } \
    LIFT(t32_##name##_imm8) { t32_load(l, i, kind, t32_imm8(l, i)); } \
    LIFT(t32_##name##_reg) { t32_load(l, i, kind, t32_reg(l, i)); } \
    LIFT(t32_##name##_lit) { t32_load(l, i, kind, t32_lit(l, i)); }
#define STORE_T32(name, kind) \
    LIFT(t32_##name##_imm12) { t32_store(l, i, kind, t32_imm12(l, i)); } \
    LIFT(t32_##name##_imm8) { t32_store(l, i, kind, t32_imm8(l, i)); } \
    LIFT(t32_##name##_reg) { t32_store(l, i, kind, t32_reg(l, i)); }
LOAD_T32(ldr, WORD) LOAD_T32(ldrb, BYTE) LOAD_T32(ldrh, HALF) LOAD_T32(ldrsb, SIGNED_BYTE) LOAD_T32(ldrsh, SIGNED_HALF)
STORE_T32(str, WORD) STORE_T32(strb, BYTE) STORE_T32(strh, HALF)
#undef LOAD_T32
#undef STORE_T32

/* -- T32, 16 bits ---------------------------------------------------------------------------------------------------------- */

static Access t16_imm(Lift *l, const Insn *i, u32 rn, u32 offset)
{
    return (Access){.rt = i->rt, .rn = rn, .updated = NO_VAL, .base = rx(l, rn), .disp = (i32)offset};
}

static Access t16_reg(Lift *l, const Insn *i)
{
    return (Access){.rt = i->rt, .rn = i->rn, .updated = NO_VAL, .base = zx32_64(l, add32(l, r(l, i->rn), r(l, i->rm)))};
}

LIFT(t16_ldr_imm) { load(l, WORD, t16_imm(l, i, i->rn, 4u * i->imm5)); }
LIFT(t16_ldrb_imm) { load(l, BYTE, t16_imm(l, i, i->rn, i->imm5)); }
LIFT(t16_ldrh_imm) { load(l, HALF, t16_imm(l, i, i->rn, 2u * i->imm5)); }
LIFT(t16_ldr_sp) { load(l, WORD, t16_imm(l, i, 13, 4u * i->imm8)); }
LIFT(t16_str_imm) { store(l, WORD, t16_imm(l, i, i->rn, 4u * i->imm5)); }
LIFT(t16_strb_imm) { store(l, BYTE, t16_imm(l, i, i->rn, i->imm5)); }
LIFT(t16_strh_imm) { store(l, HALF, t16_imm(l, i, i->rn, 2u * i->imm5)); }
LIFT(t16_str_sp) { store(l, WORD, t16_imm(l, i, 13, 4u * i->imm8)); }
LIFT(t16_ldr_reg) { load(l, WORD, t16_reg(l, i)); }
LIFT(t16_ldrb_reg) { load(l, BYTE, t16_reg(l, i)); }
LIFT(t16_ldrh_reg) { load(l, HALF, t16_reg(l, i)); }
LIFT(t16_ldrsb_reg) { load(l, SIGNED_BYTE, t16_reg(l, i)); }
LIFT(t16_ldrsh_reg) { load(l, SIGNED_HALF, t16_reg(l, i)); }
LIFT(t16_str_reg) { store(l, WORD, t16_reg(l, i)); }
LIFT(t16_strb_reg) { store(l, BYTE, t16_reg(l, i)); }
LIFT(t16_strh_reg) { store(l, HALF, t16_reg(l, i)); }

LIFT(t16_ldr_lit)
{
    load(l, WORD, (Access){.rt = i->rt, .rn = 15, .updated = NO_VAL, .base = code_at(l, (pc_value(l) & ~3ull) + 4u * i->imm8)});
}

/* -- pairs ------------------------------------------------------------------------------------------------------------------ */

/* At once, as the architecture says of aligned ones with large physical addresses. */
static void load_pair(Lift *l, u32 rt, u32 rt2, Access a)
{
    Address at = arm_address(l, a.base, a.disp);
    Val both = words_in_order(l, ld64(l, at.base, at.disp));
    put_r(l, rt, lo32(l, both));
    put_rx(l, rt2, shr64(l, both, k64(l, 32)));
    write_back(l, &a);
}

static void store_pair(Lift *l, u32 rt, u32 rt2, Access a)
{
    Address at = arm_address(l, a.base, a.disp);
    st64(l, at.base, at.disp, words_in_order(l, or64(l, rx(l, rt), shl64(l, rx(l, rt2), k64(l, 32)))));
    write_back(l, &a);
}

static void a32_pair(Lift *l, const Insn *i, void f(Lift *l, u32 rt, u32 rt2, Access a), Access a)
{
    if (i->rt & 1 || i->rt == 14 || (!i->p && i->w))
        undefined(l);
    else
        f(l, i->rt, i->rt + 1u, a);
}

LIFT(ldrd_imm) { a32_pair(l, i, load_pair, extra_imm(l, i)); }
LIFT(ldrd_reg) { a32_pair(l, i, load_pair, extra_reg(l, i)); }
LIFT(strd_imm) { a32_pair(l, i, store_pair, extra_imm(l, i)); }
LIFT(strd_reg) { a32_pair(l, i, store_pair, extra_reg(l, i)); }

static void t32_pair(Lift *l, const Insn *i, void f(Lift *l, u32 rt, u32 rt2, Access a), bool p)
{
    if (i->rt == 15 || i->rt2 == 15)
        undefined(l);
    else
        f(l, i->rt, i->rt2, with_imm(l, i, p, i->u, p ? i->w : true, 4u * i->imm8));
}

LIFT(t32_ldrd_pre) { t32_pair(l, i, load_pair, true); }
LIFT(t32_ldrd_post) { t32_pair(l, i, load_pair, false); }
LIFT(t32_strd_pre) { t32_pair(l, i, store_pair, true); }
LIFT(t32_strd_post) { t32_pair(l, i, store_pair, false); }

/* -- blocks ----------------------------------------------------------------------------------------------------------------- */

/* Registers lie in memory in their order, from the lowest address that the form gives on. */
typedef struct Span {
    Address at;
    Val updated;
} Span;

static Span span(Lift *l, u32 rn, u32 list, bool p, bool u)
{
    i32 bytes = 4 * __builtin_popcount(list);
    Val base = rx(l, rn);
    i32 first = u ? (p ? 4 : 0) : p ? -bytes : 4 - bytes;
    return (Span){arm_address(l, base, first), added(l, base, u ? bytes : -bytes)};
}

static void load_block(Lift *l, u32 rn, u32 list, bool p, bool u, bool w)
{
    Val v[16];
    Span s = span(l, rn, list, p, u);
    Address at = s.at;
    if (rn == 15 || !list || (w && list >> rn & 1)) {
        undefined(l);
        return;
    }
    for (u32 n = 0; n < 16; n++) {
        if (!(list >> n & 1))
            continue;
        v[n] = arm_load(l, 2, at);
        at.disp += 4;
    }
    if (w)
        put_rx(l, rn, s.updated);
    for (u32 n = 0; n < 15; n++)
        if (list >> n & 1)
            put_r(l, n, v[n]);
    if (!(list >> 15))
        return;
    needs_branch(l);
    if (rn != 13) {
        arm_bx(l, v[15]);
        return;
    }
    arm_own_fp(l);
    arm_sync_it(l);
    end_ret(l, arm_target(l, zx32_64(l, v[15])));
}

/* A base that isn't the first one stored is written back, if at all, before in some cores: it is unknown. Here it is the old one. */
static void store_block(Lift *l, u32 rn, u32 list, bool p, bool u, bool w)
{
    Span s = span(l, rn, list, p, u);
    Address at = s.at;
    if (rn == 15 || !list) {
        undefined(l);
        return;
    }
    for (u32 n = 0; n < 16; n++) {
        if (!(list >> n & 1))
            continue;
        arm_store(l, 2, at, r(l, n));
        at.disp += 4;
    }
    if (w)
        put_rx(l, rn, s.updated);
}

LIFT(ldm) { load_block(l, i->rn, i->list, i->p, i->u, i->w); }
LIFT(stm) { store_block(l, i->rn, i->list, i->p, i->u, i->w); }

/* SP isn't in the list, nor PC in one to store. */
static void t32_block(Lift *l, const Insn *i, bool loads, bool down)
{
    bool base_too = !loads && i->w && i->list >> i->rn & 1;
    if (i->list & (1u << 13) || (!loads && i->list >> 15) || base_too)
        undefined(l);
    else if (loads)
        load_block(l, i->rn, i->list, down, !down, i->w);
    else
        store_block(l, i->rn, i->list, down, !down, i->w);
}

LIFT(t32_ldm_ia) { t32_block(l, i, true, false); }
LIFT(t32_ldm_db) { t32_block(l, i, true, true); }
LIFT(t32_stm_ia) { t32_block(l, i, false, false); }
LIFT(t32_stm_db) { t32_block(l, i, false, true); }
LIFT(t16_ldm) { load_block(l, i->rn, i->list8, false, true, !(i->list8 >> i->rn & 1)); }
LIFT(t16_stm) { store_block(l, i->rn, i->list8, false, true, true); }
LIFT(t16_push) { store_block(l, 13, i->list8 | (u32)i->h << 14, true, false, true); }
LIFT(t16_pop) { load_block(l, 13, i->list8 | (u32)i->h << 15, false, true, true); }

/* -- preloads: hints, which never fault ---------------------------------------------------------------------------------------- */

LIFT(pld_imm) {}
LIFT(pld_reg) {}
LIFT(pli_imm) {}
LIFT(pli_reg) {}
