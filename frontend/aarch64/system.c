/* Hints, barriers, system registers, cache maintenance: C4.1.93. */
#include "a64.h"
#include "features.h"

/* YIELD, WFE, SEV ..., and what architectures after 8.0 made of the free ones: BTI, which the branch that leads there has
 * looked at, CSDB, pointer authentication. */
LIFT(hint)
{
    if (a64_signs_pointers())
        a64_hint_pauth(l, (u32)(i->CRm << 3 | i->op2));
}

/* There is no event to wait for: they return at once, as they may. */
LIFT(wfet)
{
}

LIFT(wfit)
{
}

/* Nothing is executed speculatively that a barrier would keep. */
LIFT(sb)
{
}

/* CRm's low bits say which accesses: 1 loads before anything, 2 stores before stores, else all. */
LIFT(dmb)
{
    u32 types = i->CRm & 3;
    fence(l, types == 1 || types == 2 ? (int)types : 3);
}

LIFT(dsb)
{
    fence(l, 3);
}

/* Code that was changed before is seen from here on. */
LIFT(isb)
{
    end_exit(l, EXIT_CONTINUE, l->next);
}

/* -- system registers -- */

static Val read_counter(Lift *l)
{
    return call_helper(l, HELPER_counter, NO_VAL, NO_VAL);
}

static Val read_clock(Lift *l)
{
    return call_helper(l, HELPER_clock, NO_VAL, NO_VAL);
}

static Val read_nzcv(Lift *l)
{
    return zx32_64(l, flags_bits(l));
}

static void write_nzcv(Lift *l, Val v)
{
    flags_set(l, FLAG_BITS, and32(l, lo32(l, v), k32(l, 0xf0000000)), NO_VAL);
}

/* Bits of PSTATE that only stand there: speculative store bypass safe, data-independent timing. */
static Val read_pstate(Lift *l, u32 bit)
{
    return and64(l, get64(l, OFF_PSTATE), k64(l, bit));
}

static void write_pstate(Lift *l, u32 bit, Val v)
{
    Val rest = and64(l, get64(l, OFF_PSTATE), k64(l, ~(u64)bit));
    put64(l, OFF_PSTATE, or64(l, rest, and64(l, v, k64(l, bit))));
}

static Val read_ssbs(Lift *l)
{
    return read_pstate(l, PSTATE_SSBS);
}

static void write_ssbs(Lift *l, Val v)
{
    write_pstate(l, PSTATE_SSBS, v);
}

static Val read_dit(Lift *l)
{
    return read_pstate(l, PSTATE_DIT);
}

static void write_dit(Lift *l, Val v)
{
    write_pstate(l, PSTATE_DIT, v);
}

LIFT(msr_ssbs)
{
    write_pstate(l, PSTATE_SSBS, k64(l, i->CRm & 1 ? PSTATE_SSBS : 0));
}

LIFT(msr_dit)
{
    write_pstate(l, PSTATE_DIT, k64(l, i->CRm & 1 ? PSTATE_DIT : 0));
}

/* FEAT_RNG: there always is a number, so NZCV is 0. */
static Val read_random(Lift *l)
{
    Val v = call_helper(l, HELPER_random, NO_VAL, NO_VAL);
    flags_set(l, FLAG_BITS, k32(l, 0), NO_VAL);
    return v;
}

static Val read_fpcr(Lift *l)
{
    return get64(l, OFF_FPCR);
}

static void write_fpcr(Lift *l, Val v)
{
    call_helper(l, HELPER_set_fpcr, v, NO_VAL);
}

static Val read_fpsr(Lift *l)
{
    return call_helper(l, HELPER_get_fpsr, NO_VAL, NO_VAL);
}

static void write_fpsr(Lift *l, Val v)
{
    call_helper(l, HELPER_set_fpsr, v, NO_VAL);
}

static Val read_tpidr(Lift *l)
{
    return get64(l, OFF_TPIDR);
}

static void write_tpidr(Lift *l, Val v)
{
    put64(l, OFF_TPIDR, v);
}

static Val read_tpidrro(Lift *l)
{
    return get64(l, OFF_TPIDRRO);
}

typedef struct SysReg {
    const char *name;
    u32 key;
    u64 value; /* if read is NULL; of an ID register its A64Id */
    bool is_id;
    Val (*read)(Lift *l);
    void (*write)(Lift *l, Val v);
} SysReg;

#define KEY(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

static const SysReg sysregs[] = {
#define CONST(name, op0, op1, crn, crm, op2, value) {#name, KEY(op0, op1, crn, crm, op2), value, false, NULL, NULL},
#define ID(name, op0, op1, crn, crm, op2, id) {#name, KEY(op0, op1, crn, crm, op2), A64_##id, true, NULL, NULL},
#define REG(name, op0, op1, crn, crm, op2, read, write) {#name, KEY(op0, op1, crn, crm, op2), 0, false, read, write},
#include "sysregs.def"
};

static const SysReg *find_sysreg(const Insn *i)
{
    u32 key = KEY(2u + i->o0, (u32)i->op1, (u32)i->CRn, (u32)i->CRm, (u32)i->op2);
    for (size_t n = 0; n < LEN(sysregs); n++)
        if (sysregs[n].key == key)
            return &sysregs[n];
    return NULL;
}

/* Asked for when it is read: code translated ahead of time may run on another model. */
static Val read_id(Lift *l, u64 id)
{
    return call_helper(l, HELPER_id_register, k64(l, id), NO_VAL);
}

static Val read_constant(Lift *l, const SysReg *reg)
{
    return reg->is_id ? read_id(l, reg->value) : k64(l, reg->value);
}

LIFT(mrs)
{
    const SysReg *reg = find_sysreg(i);
    if (reg)
        put_x(l, i->rt, reg->read ? reg->read(l) : read_constant(l, reg));
    else if (i->o0 && i->op1 == 0 && i->CRn == 0 && i->CRm >= 4 && i->CRm <= 7) /* the rest of the ID registers */
        put_x(l, i->rt, k64(l, 0));
    else
        unallocated(l);
}

LIFT(msr)
{
    const SysReg *reg = find_sysreg(i);
    if (reg && reg->write)
        reg->write(l, x(l, i->rt));
    else
        unallocated(l);
}

/* -- caches; lines are 64 bytes (CTR_EL0, DCZID_EL0) -- */

static Val cache_line(Lift *l, const Insn *i)
{
    return and64(l, x(l, i->rt), k64(l, ~63ull));
}

LIFT(dc_zva)
{
    Val line = cache_line(l, i), zero = k64(l, 0);
    for (i32 disp = 0; disp < 64; disp += 8)
        st64(l, line, disp, zero);
}

LIFT(ic_ivau)
{
    call_helper(l, HELPER_ic_ivau, cache_line(l, i), k64(l, 64));
    end_exit(l, EXIT_CONTINUE, l->next);
}

/* The host's caches are coherent. */
LIFT(dc_cvac)
{
}

LIFT(dc_cvau)
{
}

/* To the point of persistence, which makes nothing of memory persistent here; the address must be readable all the same. */
LIFT(dc_cvap)
{
    ld8(l, x(l, i->rt), 0);
}

LIFT(dc_cvadp)
{
    ld8(l, x(l, i->rt), 0);
}

LIFT(dc_civac)
{
}
