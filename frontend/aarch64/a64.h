/* What the A64 semantics share: rows' functions, register access. Sections named in comments are the Arm ARM's (DDI 0487). */
#ifndef DRAGOMAN_A64_H
#define DRAGOMAN_A64_H

#include "../../lifter/build.h"
#include "../../lifter/flags.h"
#include "aarch64/insns.gen.h"
#include "state.h"

/* One function for each row of the .def files, named after it. It emits the instruction's IR; all memory accesses before the
 * first register put, so that a fault leaves the registers as they were. */
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
    HELPER(ic_ivau)
enum {
#define HELPER_ENUM(name) HELPER_##name,
    A64_HELPERS(HELPER_ENUM)
#undef HELPER_ENUM
        HELPER_COUNT
};

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

/* value of a field of `bits` bits, sign-extended */
static inline i64 sext(u64 value, u32 bits)
{
    return (i64)(value << (64 - bits)) >> (64 - bits);
}

#endif
