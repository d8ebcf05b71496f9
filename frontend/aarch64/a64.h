/* What the A64 semantics share: rows' functions, register access. Sections named in comments are the Arm ARM's (DDI
 * 0487). */
#ifndef DRAGOMAN_A64_H
#define DRAGOMAN_A64_H

#include "../../lifter/build.h"
#include "../../lifter/flags.h"
#include "aarch64/insns.gen.h"
#include "state.h"

/* One function for each row of the .def files, named after it. It emits the instruction's IR; all memory accesses
 * before the first register put, so that a fault leaves the registers as they were. */
#define LIFT(name) void lift_##name(Lift *l, const Insn *i)
#define LIFT_DECLARE(name) LIFT(name);
INSNS(LIFT_DECLARE)
#undef LIFT_DECLARE

/* Decodes one word; false if no row matches. */
bool a64_decode(u32 word, Insn *i);
extern const DecodeTable *const a64_decode_table;

/* The encoding is reserved: SIGILL. Return right after it, having emitted nothing that matters. */
static inline void unallocated(Lift *l)
{
    l->unimplemented = true;
}

/* Guest.helpers, called as call_helper(l, HELPER_name, a, b). HELPER(name) */
#define A64_HELPERS(HELPER) \
    HELPER(get_fpsr) \
    HELPER(set_fpsr) \
    HELPER(set_fpcr) \
    HELPER(counter) \
    HELPER(clock) \
    HELPER(random) \
    HELPER(id_register) \
    HELPER(cpyf_prologue) \
    HELPER(cpy_prologue) \
    HELPER(set_prologue) \
    HELPER(cpy_main) \
    HELPER(set_main) \
    HELPER(atomic_pair) \
    HELPER(ic_ivau) \
    HELPER(sign) \
    HELPER(authenticate) \
    HELPER(sign_generic) \
    HELPER(indirect_branch)
enum {
#define HELPER_ENUM(name) HELPER_##name,
    A64_HELPERS(HELPER_ENUM)
#undef HELPER_ENUM
        HELPER_COUNT
};

/* Those that aren't in guest.c: mops.c, atomic.c, pauth.c */
u64 a64_helper_cpyf_prologue(Task *t, u64 registers, u64 unused);
u64 a64_helper_cpy_prologue(Task *t, u64 registers, u64 unused);
u64 a64_helper_set_prologue(Task *t, u64 registers, u64 unused);
u64 a64_helper_cpy_main(Task *t, u64 registers, u64 unused);
u64 a64_helper_set_main(Task *t, u64 registers, u64 value);
u64 a64_helper_atomic_pair(Task *t, u64 addr, u64 what);
u64 a64_helper_sign(Task *t, u64 pointer, u64 what);
u64 a64_helper_authenticate(Task *t, u64 pointer, u64 what);
u64 a64_helper_sign_generic(Task *t, u64 value, u64 modifier);

u64 a64_helper_indirect_branch(Task *t, u64 target, u64 type);

/* BR and BLR, once it is known where to. */
void a64_branch(Lift *l, Val to, u32 rn);
void a64_branch_link(Lift *l, Val to);
/* HINT #n, one of pointer authentication's or none. */
void a64_hint_pauth(Lift *l, u32 n);

/* General registers; 31 is the zero register. */
static inline Val x(Lift *l, u32 n)
{
    return n == 31 ? k64(l, 0) : get64(l, OFF_X(n));
}

/* The low half of Xn. If that is known to be a zero-extended word, the word itself. */
static inline Val w_at(Lift *l, u32 offset)
{
    Val v = l->known[offset / 8];
    if (v != NO_VAL && l->known_type[offset / 8] == TYPE_X && l->ir->ops[v].code == IR_zx32_64)
        return l->ir->ops[v].arg[0];
    return get32(l, offset);
}

static inline Val w(Lift *l, u32 n)
{
    return n == 31 ? k32(l, 0) : w_at(l, OFF_X(n));
}

static inline void put_x(Lift *l, u32 n, Val v)
{
    if (n != 31)
        put64(l, OFF_X(n), v);
}

static inline void put_w(Lift *l, u32 n, Val v)
{
    if (n != 31)
        put64(l, OFF_X(n), zx32_64(l, v));
}

/* The same with 31 for SP. */
static inline Val xsp(Lift *l, u32 n)
{
    return get64(l, OFF_X(n));
}

static inline Val wsp(Lift *l, u32 n)
{
    return w_at(l, OFF_X(n));
}

static inline void put_xsp(Lift *l, u32 n, Val v)
{
    put64(l, OFF_X(n), v);
}

static inline void put_wsp(Lift *l, u32 n, Val v)
{
    put64(l, OFF_X(n), zx32_64(l, v));
}

/* SIMD&FP registers, all 128 bits; a scalar is lane 0. A load or scalar op clears the rest by itself (see ir.def). */
static inline Val q(Lift *l, u32 n)
{
    return get128(l, OFF_V(n));
}

static inline void put_q(Lift *l, u32 n, Val v)
{
    put128(l, OFF_V(n), v);
}

/* The low half of v, the upper zeroed: what the forms with Q = 0 leave. */
#define put_d(l, n, v) put_q(l, n, vlow64(l, v))

/* -- the same with the width as data: sf is 1 for X, 0 for W -- */

static inline Val r(Lift *l, bool sf, u32 n)
{
    return sf ? x(l, n) : w(l, n);
}

static inline Val rsp(Lift *l, bool sf, u32 n)
{
    return sf ? xsp(l, n) : wsp(l, n);
}

static inline void put_r(Lift *l, bool sf, u32 n, Val v)
{
    if (sf)
        put_x(l, n, v);
    else
        put_w(l, n, v);
}

static inline void put_rsp(Lift *l, bool sf, u32 n, Val v)
{
    if (sf)
        put_xsp(l, n, v);
    else
        put_wsp(l, n, v);
}

static inline Val k_r(Lift *l, bool sf, u64 v)
{
    return sf ? k64(l, v) : k32(l, (u32)v);
}

#define OP2_R(name) \
    static inline Val name##_r(Lift *l, bool sf, Val a, Val b) \
    { \
        return sf ? name##64(l, a, b) : name##32(l, a, b); \
    }
#define OP1_R(name) \
    static inline Val name##_r(Lift *l, bool sf, Val a) \
    { \
        return sf ? name##64(l, a) : name##32(l, a); \
    }
OP2_R(add) OP2_R(sub) OP2_R(mul) OP2_R(and) OP2_R(or) OP2_R(xor) OP2_R(andn) OP2_R(shl) OP2_R(shr) OP2_R(sar) OP2_R(ror)
OP2_R(udiv) OP2_R(sdiv) OP2_R(eq) OP2_R(ne) OP2_R(slt) OP2_R(ult)
OP1_R(not) OP1_R(neg) OP1_R(clz) OP1_R(cls) OP1_R(rbit) OP1_R(rev16_) OP1_R(ctz) OP1_R(popcnt)
#undef OP1_R
#undef OP2_R

static inline Val select_r(Lift *l, bool sf, Val cond, Val a, Val b)
{
    return sf ? select64(l, cond, a, b) : select32(l, cond, a, b);
}

/* FlagKind of a width. */
_Static_assert(FLAG_ADD64 == FLAG_ADD32 + 1 && FLAG_SUB64 == FLAG_SUB32 + 1 && FLAG_AND64 == FLAG_AND32 + 1,
               "kind + sf");
#define ADD_FLAGS(sf) ((FlagKind)(FLAG_ADD32 + (sf)))
#define SUB_FLAGS(sf) ((FlagKind)(FLAG_SUB32 + (sf)))
#define AND_FLAGS(sf) ((FlagKind)(FLAG_AND32 + (sf)))

/* DecodeBitMasks (shared/functions/common): the mask that N:imms:immr of a logical immediate stand for, in 64 bits;
 * false if reserved. */
bool a64_logical_imm(u32 n, u32 imms, u32 immr, u64 *mask);
/* Rm of an extended-register operand: option is UXTB..SXTX, then shifted left (DecodeRegExtend, ExtendReg). */
Val a64_extended(Lift *l, bool sf, u32 rm, u32 option, u32 shift);

/* value of a field of `bits` bits, sign-extended */
static inline i64 sext(u64 value, u32 bits)
{
    return (i64)(value << (64 - bits)) >> (64 - bits);
}

#endif
