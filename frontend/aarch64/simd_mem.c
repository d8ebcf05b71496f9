/* Advanced SIMD loads and stores of structures (C4.1.94): interleaved elements in memory, one register for each
 * member.
 *
 * All loads precede the first register put, so that a fault leaves the registers alone; the base register comes
 * last. */
#include "simd.h"

/* Post-index: by a register, or by the bytes transferred if it is 31. */
static void advance(Lift *l, const Insn *i, Val addr, u32 bytes)
{
    put_xsp(l, i->rn, add64(l, addr, i->rm == 31 ? k64(l, bytes) : x(l, i->rm)));
}

static u32 reg(const Insn *i, u32 n)
{
    return (i->rt + n) % 32;
}

/* `count` vectors in memory order; of a 64-bit form each holds 8 bytes. */
static void load_each(Lift *l, const Insn *i, Val addr, u32 count, Val *v)
{
    for (u32 n = 0; n < count; n++)
        v[n] = i->Q ? ld128(l, addr, (i32)(16 * n)) : ld64q(l, addr, (i32)(8 * n));
}

static void store_each(Lift *l, const Insn *i, Val addr, u32 count, const Val *v)
{
    for (u32 n = 0; n < count; n++) {
        if (i->Q)
            st128(l, addr, (i32)(16 * n), v[n]);
        else
            st64q(l, addr, (i32)(8 * n), v[n]);
    }
}

/* The bytes of `count` registers in memory order, 16 to a value; an odd number of 8-byte registers leaves the last
 * half full. */
static void load_packed(Lift *l, const Insn *i, Val addr, u32 count, Val *v)
{
    u32 bytes = i->Q ? 16 * count : 8 * count;
    for (u32 n = 0; n < bytes; n += 16)
        v[n / 16] = bytes - n >= 16 ? ld128(l, addr, (i32)n) : ld64q(l, addr, (i32)n);
}

static void store_packed(Lift *l, const Insn *i, Val addr, u32 count, const Val *v)
{
    u32 bytes = i->Q ? 16 * count : 8 * count;
    for (u32 n = 0; n < bytes; n += 16) {
        if (bytes - n >= 16)
            st128(l, addr, (i32)n, v[n / 16]);
        else
            st64q(l, addr, (i32)n, v[n / 16]);
    }
}

/* LD1, ST1: registers one after the other. */
static u32 ld1_count(const Insn *i)
{
    switch (i->opcode) {
    case 7:
        return 1;
    case 10:
        return 2;
    case 6:
        return 3;
    default:
        return 4;
    }
}

static void ld1(Lift *l, const Insn *i, bool post)
{
    Val v[4], addr = xsp(l, i->rn);
    u32 count = ld1_count(i);
    load_each(l, i, addr, count, v);
    for (u32 n = 0; n < count; n++)
        put_q(l, reg(i, n), v[n]);
    if (post)
        advance(l, i, addr, (i->Q ? 16 : 8) * count);
}

static void st1(Lift *l, const Insn *i, bool post)
{
    Val v[4], addr = xsp(l, i->rn);
    u32 count = ld1_count(i);
    for (u32 n = 0; n < count; n++)
        v[n] = q(l, reg(i, n));
    store_each(l, i, addr, count, v);
    if (post)
        advance(l, i, addr, (i->Q ? 16 : 8) * count);
}

/* From memory order m to one value for each member, r; of 64-bit forms the upper halves are of no meaning. */
static void deinterleave(Lift *l, const Insn *i, u32 count, const Val *m, Val *r)
{
    u32 even = IR_vuzp1_8 + i->size, odd = IR_vuzp2_8 + i->size;
    if (count == 2) {
        Val second = m[i->Q];
        r[0] = op2(l, even, m[0], second);
        r[1] = op2(l, odd, m[0], second);
    } else if (count == 3) {
        static const u16 codes[] = {IR_vunzip3a_8, IR_vunzip3b_8, IR_vunzip3c_8};
        /* the first 8 bytes of each come from the first 24 of the 48 */
        for (u32 n = 0; n < 3; n++)
            r[n] = ir_emit(l->ir, (OpCode)(codes[n] + i->size), m[0], m[1], m[i->Q ? 2 : 1], 0);
    } else {
        /* members 0 and 2 alternate in the even lanes, 1 and 3 in the odd ones */
        Val evens[2], odds[2];
        evens[0] = evens[1] = op2(l, even, m[0], m[1]);
        odds[0] = odds[1] = op2(l, odd, m[0], m[1]);
        if (i->Q) {
            evens[1] = op2(l, even, m[2], m[3]);
            odds[1] = op2(l, odd, m[2], m[3]);
        }
        r[0] = op2(l, even, evens[0], evens[1]);
        r[1] = op2(l, even, odds[0], odds[1]);
        r[2] = op2(l, odd, evens[0], evens[1]);
        r[3] = op2(l, odd, odds[0], odds[1]);
    }
}

/* The reverse; of 64-bit forms, the first 8 * count bytes of m are made. */
static void interleave(Lift *l, const Insn *i, u32 count, const Val *r, Val *m)
{
    u32 low = IR_vzip1_8 + i->size, high = IR_vzip2_8 + i->size;
    if (count == 2) {
        m[0] = op2(l, low, r[0], r[1]);
        if (i->Q)
            m[1] = op2(l, high, r[0], r[1]);
    } else if (count == 3) {
        static const u16 codes[] = {IR_vzip3a_8, IR_vzip3b_8, IR_vzip3c_8};
        for (u32 n = 0; n < (i->Q ? 3u : 2u); n++)
            m[n] = ir_emit(l->ir, (OpCode)(codes[n] + i->size), r[0], r[1], r[2], 0);
    } else {
        for (u32 n = 0; n < (i->Q ? 2u : 1u); n++) {
            u32 code = n ? high : low;
            Val evens = op2(l, code, r[0], r[2]), odds = op2(l, code, r[1], r[3]);
            m[2 * n] = op2(l, low, evens, odds);
            m[2 * n + 1] = op2(l, high, evens, odds);
        }
    }
}

static void ld_multi(Lift *l, const Insn *i, u32 count, bool post)
{
    Val m[4], r[4];
    if (reserved_1d(l, i))
        return;
    Val addr = xsp(l, i->rn);
    load_packed(l, i, addr, count, m);
    deinterleave(l, i, count, m, r);
    for (u32 n = 0; n < count; n++)
        put_v(l, i, reg(i, n), r[n]);
    if (post)
        advance(l, i, addr, (i->Q ? 16 : 8) * count);
}

static void st_multi(Lift *l, const Insn *i, u32 count, bool post)
{
    Val m[4], r[4];
    if (reserved_1d(l, i))
        return;
    Val addr = xsp(l, i->rn);
    for (u32 n = 0; n < count; n++)
        r[n] = q(l, reg(i, n));
    interleave(l, i, count, r, m);
    store_packed(l, i, addr, count, m);
    if (post)
        advance(l, i, addr, (i->Q ? 16 : 8) * count);
}

#define MULTI(count) \
    LIFT(ld##count##_multi) \
    { \
        ld_multi(l, i, count, false); \
    } \
    LIFT(ld##count##_multi_post) \
    { \
        ld_multi(l, i, count, true); \
    } \
    LIFT(st##count##_multi) \
    { \
        st_multi(l, i, count, false); \
    } \
    LIFT(st##count##_multi_post) \
    { \
        st_multi(l, i, count, true); \
    }
MULTI(2)
MULTI(3)
MULTI(4)

LIFT(ld1_multi)
{
    ld1(l, i, false);
}

LIFT(ld1_multi_post)
{
    ld1(l, i, true);
}

LIFT(st1_multi)
{
    st1(l, i, false);
}

LIFT(st1_multi_post)
{
    st1(l, i, true);
}

/* One element in all lanes */
static Val load_dup(Lift *l, u32 size, Val addr, i32 disp)
{
    switch (size) {
    case 0:
        return vdup8(l, ld8(l, addr, disp));
    case 1:
        return vdup16(l, ld16(l, addr, disp));
    case 2:
        return vdup32(l, ld32(l, addr, disp));
    default:
        return vdup64(l, ld64(l, addr, disp));
    }
}

static void store_lane(Lift *l, u32 size, Val addr, i32 disp, Val v, u32 lane)
{
    if (size == 3)
        st64q(l, addr, disp, lane ? vhigh64(l, v) : v);
    else if (size == 2)
        st32(l, addr, disp, lane ? vget32(l, v, lane) : vtow(l, v));
    else if (size == 1)
        st16(l, addr, disp, vget16(l, v, lane));
    else
        st8(l, addr, disp, vget8(l, v, lane));
}

/* The lane's index stands in Q:S:size, shifted by the size that opcode and size give (C7.2, LD1,
 * single structure). False if reserved. */
static bool lane_of(const Insn *i, u32 *size, u32 *lane)
{
    u32 index = i->Q << 3 | i->S << 2 | i->size;
    *size = i->opcode >> 1;
    if (*size == 2 && i->size & 1)
        *size = 3;
    *lane = index >> *size;
    switch (*size) {
    case 1:
        return !(i->size & 1);
    case 2:
        return i->size == 0;
    case 3:
        return i->size == 1 && !i->S;
    default:
        return true;
    }
}

/* Members of the structure: 1 to 4 */
static u32 lane_members(const Insn *i)
{
    return ((i->opcode << 1 & 2) | i->R) + 1;
}

static void ld_lane(Lift *l, const Insn *i, bool post)
{
    u32 size, lane, count = lane_members(i);
    if (!lane_of(i, &size, &lane)) {
        unallocated(l);
        return;
    }
    Val v[4], addr = xsp(l, i->rn);
    for (u32 n = 0; n < count; n++)
        v[n] = load_dup(l, size, addr, (i32)(n << size));
    for (u32 n = 0; n < count; n++) {
        Val d = q(l, reg(i, n));
        if (size == 3)
            d = lane ? vzip1_64(l, d, v[n]) : vzip2_64(l, v[n], d);
        else
            d = ir_emit(l->ir, (OpCode)(IR_vsetlane8 + size), d, v[n], NO_VAL, lane);
        put_q(l, reg(i, n), d);
    }
    if (post)
        advance(l, i, addr, count << size);
}

static void st_lane(Lift *l, const Insn *i, bool post)
{
    u32 size, lane, count = lane_members(i);
    if (!lane_of(i, &size, &lane)) {
        unallocated(l);
        return;
    }
    Val addr = xsp(l, i->rn);
    for (u32 n = 0; n < count; n++)
        store_lane(l, size, addr, (i32)(n << size), q(l, reg(i, n)), lane);
    if (post)
        advance(l, i, addr, count << size);
}

static void ld_all(Lift *l, const Insn *i, bool post)
{
    Val v[4], addr = xsp(l, i->rn);
    u32 count = (i->three << 1 | i->R) + 1;
    for (u32 n = 0; n < count; n++)
        v[n] = load_dup(l, i->size, addr, (i32)(n << i->size));
    for (u32 n = 0; n < count; n++)
        put_v(l, i, reg(i, n), v[n]);
    if (post)
        advance(l, i, addr, count << i->size);
}

#define PLAIN_AND_POST(name) \
    LIFT(name) \
    { \
        name(l, i, false); \
    } \
    LIFT(name##_post) \
    { \
        name(l, i, true); \
    }
PLAIN_AND_POST(ld_lane)
PLAIN_AND_POST(st_lane)
PLAIN_AND_POST(ld_all)
