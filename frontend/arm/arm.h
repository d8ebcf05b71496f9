/* What the A32 and T32 semantics share: rows' functions, register access, conditions. Sections named in comments are those of DDI
 * 0406C, if nothing else is said. */
#ifndef DRAGOMAN_ARM_H
#define DRAGOMAN_ARM_H

#include "../../lifter/build.h"
#include "../../lifter/flags.h"
#include "arm/insns.gen.h"
#include "state.h"

/* One function for each row of the .def files, named after it: t16_ and t32_ rows are of tables of their own. It emits the
 * instruction's IR as if its condition held; all memory accesses before the first register put, so that a fault leaves the
 * registers as they were. */
#define LIFT(name) void arm_lift_##name(Lift *l, const Insn *i)
#define LIFT_DECLARE(name) LIFT(name);
INSNS(LIFT_DECLARE)
#undef LIFT_DECLARE
/* A row that is another one's instruction in another encoding, with the same fields. */
#define SAME(name, other) \
    LIFT(name) \
    { \
        arm_lift_##other(l, i); \
    }

bool arm_decode_a32(u32 word, Insn *i);
bool arm_decode_t16(u32 word, Insn *i);
/* The first halfword is the upper half. */
bool arm_decode_t32(u32 word, Insn *i);
extern const DecodeTable *const arm_decode_tables[3]; /* A32, T32, T16 */

/* Lift.own */
enum {
    OWN_CONDITION, /* 1 + the W that says whether the instruction's condition holds; 0 for an unconditional one */
    OWN_BRANCH,    /* such an instruction can't be made of selects: it has to be branched around */
    OWN_KEPT,      /* 1 + the W of a condition, << 8 | the condition, as long as nothing changes the flags */
    OWN_BITS,      /* 1 + the W whose bits 31..28 the flags were set from, likewise */
    OWN_IT,        /* the instruction is in an IT block */
    OWN_STANDARD,  /* its arithmetic is by the standard floating-point control */
    OWN_CODE,      /* the instruction's bytes (const u8 *), and those behind it; */
    OWN_CODE_SIZE, /* so many */
};

/* -- conditions (cond.c) -------------------------------------------------------------------------------------------- */

/* An instruction does what a select of its results can't: translated code branches around it if the condition fails. The
 * function's work is thrown away then, and done again in a block of its own. */
static inline void needs_branch(Lift *l)
{
    l->own[OWN_BRANCH] = l->own[OWN_CONDITION] != 0;
}

/* The encoding is undefined, or unpredictable and refused. */
static inline void undefined(Lift *l)
{
    l->unimplemented = true;
}

static inline bool is_thumb(const Lift *l)
{
    return l->mode & ARM_THUMB;
}

static inline bool is_big(const Lift *l)
{
    return l->mode & ARM_BIG;
}

/* What goes on over direct branches */
static inline u64 lasting_mode(const Lift *l)
{
    return l->mode & (ARM_STANDARD | ARM_BIG);
}

/* The pc that an indirect jump to an address, an X, leads to */
static inline Val arm_target(Lift *l, Val address)
{
    return is_big(l) ? or64(l, address, k64(l, ARM_BIG)) : address;
}

static inline bool in_it(const Lift *l)
{
    return l->own[OWN_IT];
}

/* Is it the same whether the condition holds? So it is with the kind of flags, mostly, which stays known then. */
static inline bool is_same(const Lift *l, Val v, Val old)
{
    const Op *a = &l->ir->ops[v], *b = &l->ir->ops[old];
    return v == old || (a->code == b->code && (a->code == IR_const32 || a->code == IR_const64) && a->imm == b->imm);
}

/* v if the condition holds, else what is there. */
static inline Val chosen32(Lift *l, u32 offset, Val v)
{
    if (!l->own[OWN_CONDITION])
        return v;
    Val old = get32(l, offset);
    return is_same(l, v, old) ? old : select32(l, (Val)(l->own[OWN_CONDITION] - 1), v, old);
}

static inline Val chosen64(Lift *l, u32 offset, Val v)
{
    if (!l->own[OWN_CONDITION])
        return v;
    Val old = get64(l, offset);
    return is_same(l, v, old) ? old : select64(l, (Val)(l->own[OWN_CONDITION] - 1), v, old);
}

static inline void put_state32(Lift *l, u32 offset, Val v)
{
    put32(l, offset, chosen32(l, offset, v));
}

static inline void put_state64(Lift *l, u32 offset, Val v)
{
    put64(l, offset, chosen64(l, offset, v));
}

/* Terminators that know the mode: where an instruction ends its block, ITSTATE is brought up to date first. */
void arm_sync_it(Lift *l);
void arm_own_fp(Lift *l); /* before one that doesn't: the floating-point control is FPSCR's */
u64 arm_next(const Lift *l);                       /* the pc of the next instruction */
u64 arm_flag_hints(Lift *l);                       /* what is known of the flags (cond.c), if the next instruction looks at them */
u64 arm_behind(Lift *l);                           /* arm_next with them */
void arm_branch(Lift *l, Val condition, u64 pc);   /* else to the next */
void arm_jump(Lift *l, u64 pc);                    /* conditional: else to the next */
void arm_jump_to(Lift *l, Val address);            /* X: bit 0 is the instruction set */
void arm_exit(Lift *l, Exit why, u64 pc);

/* Where a block begins that is known by ARM_COMPARED or ARM_BITS. */
void arm_know_flags(Lift *l);

/* -- flags (cond.c) -------------------------------------------------------------------------------------------------- */

Val arm_cond(Lift *l, Cond cc); /* W 0 or 1 */
Val arm_carry(Lift *l);         /* W 0 or 1 */
Val arm_nzcv_bits(Lift *l);     /* W, in bits 31..28 */
void arm_flags_nz(Lift *l, Val result);
void arm_flags_nzc(Lift *l, Val result, Val carry); /* carry may be NO_VAL: unchanged */
void arm_flags_add(Lift *l, Val a, Val b, Val sum);
void arm_flags_sub(Lift *l, Val a, Val b, Val difference);
void arm_flags_sum(Lift *l, Val a, Val b, Val carry, Val sum); /* of a + b + carry */
void arm_flags_bits(Lift *l, Val bits);
void arm_flags_nz64(Lift *l, Val result); /* N and Z of an X */
void arm_set_q(Lift *l, Val condition);   /* Q becomes 1 if the W isn't 0 */

/* -- registers ------------------------------------------------------------------------------------------------------- */

/* PC as an operand: A2.3 */
static inline u64 pc_value(const Lift *l)
{
    return l->pc + (is_thumb(l) ? 4 : 8);
}

/* A guest address as an X. */
static inline Val code_at(Lift *l, u64 address)
{
    return addr64(l, (u32)address);
}

static inline Val rx(Lift *l, u32 n)
{
    return n == 15 ? code_at(l, pc_value(l)) : get64(l, OFF_R(n));
}

/* The word that an X is the zero extension of. */
static inline Val low_word(Lift *l, Val x)
{
    return l->ir->ops[x].code == IR_zx32_64 ? l->ir->ops[x].arg[0] : lo32(l, x);
}

static inline Val r(Lift *l, u32 n)
{
    if (n == 15)
        return lo32(l, code_at(l, pc_value(l)));
    Val v = l->known[OFF_R(n) / 8];
    if (v != NO_VAL && l->known_type[OFF_R(n) / 8] == TYPE_X)
        return low_word(l, v);
    return get32(l, OFF_R(n));
}

/* PC is the result of nothing but data processing and loads (put_rd): elsewhere it is unpredictable. */
static inline void put_rx(Lift *l, u32 n, Val v)
{
    if (n == 15)
        undefined(l);
    else
        put_state64(l, OFF_R(n), v);
}

static inline void put_r(Lift *l, u32 n, Val v)
{
    put_rx(l, n, zx32_64(l, v));
}

/* ALUWritePC, A2.3.1: in A32 with a change of the instruction set, in T32 without. */
void arm_put_pc(Lift *l, Val v);
/* BXWritePC and LoadWritePC */
void arm_bx(Lift *l, Val v);
/* Rd of data processing */
static inline void put_rd(Lift *l, u32 n, Val v)
{
    if (n == 15)
        arm_put_pc(l, v);
    else
        put_r(l, n, v);
}

/* -- memory (ldst.c) ------------------------------------------------------------------------------------------------- */

/* A data address: base, an X, plus a small displacement. A zero-extended base plus less than 64 KiB either way needs no wrapping
 * at 32 bits: where it would be needed, nothing is ever mapped (docs/arm.md). */
typedef struct Address {
    Val base;
    i32 disp;
} Address;

/* What memory and registers have the other way round if data is big-endian: a W, of size 3 an X. */
static inline Val in_order(Lift *l, u32 size, Val v)
{
    if (!is_big(l) || !size)
        return v;
    return size == 1 ? and32(l, rev16_32(l, v), k32(l, 0xffff)) : size == 2 ? bswap32(l, v) : bswap64(l, v);
}

/* The same of each half of an X */
static inline Val words_in_order(Lift *l, Val v)
{
    return is_big(l) ? ror64(l, bswap64(l, v), k64(l, 32)) : v;
}

/* The address of an access; if the instruction is conditional, that of nowhere in particular when the condition fails. */
Address arm_address(Lift *l, Val base, i32 disp);
Val arm_load(Lift *l, u32 size, Address a); /* W, zero-extended; size is log2 of the bytes */
void arm_store(Lift *l, u32 size, Address a, Val v);

/* -- ordering (excl.c) ----------------------------------------------------------------------------------------------- */

void arm_barrier(Lift *l, u32 option); /* DMB's */
bool arm_is_ordered(const Lift *l);    /* no access since the last full barrier */
void arm_retry(Lift *l, u64 target, Val condition);

/* -- operands -------------------------------------------------------------------------------------------------------- */

/* A shifter's result and its carry, NO_VAL if that is as it was. */
typedef struct Shifted {
    Val v, carry;
} Shifted;
enum { LSL, LSR, ASR, ROR };
Shifted arm_shift_imm(Lift *l, Val v, u32 type, u32 imm5, bool want_carry); /* DecodeImmShift and Shift_C, A8.4.3 */
Shifted arm_shift_reg(Lift *l, Val v, u32 type, Val amount, bool want_carry);
Val arm_saturated(Lift *l, Val v, u32 bits, bool is_signed); /* of a W; sets Q */

static inline i32 sext(u32 value, u32 bits)
{
    return (i32)(value << (32 - bits)) >> (32 - bits);
}

/* -- helpers (guest.c) ----------------------------------------------------------------------------------------------- */

#define ARM_HELPERS(HELPER) \
    HELPER(get_fpscr) \
    HELPER(set_fpscr) \
    HELPER(set_standard_fp) \
    HELPER(leave_standard_fp)
enum {
#define HELPER_ENUM(name) HELPER_##name,
    ARM_HELPERS(HELPER_ENUM)
#undef HELPER_ENUM
        HELPER_COUNT
};

#endif
