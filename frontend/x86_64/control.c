/* Control transfer, string instructions, flags as bits, and the system's instructions: volume 2. */
#include "x86.h"

LIFT(xchg);

/* -- branches --------------------------------------------------------------------------------------------------------- */

LIFT(jmp)
{
    end_jump(l, l->next + i->imm);
}

LIFT(jcc)
{
    end_branch(l, x86_cond(l, i->opcode & 15), l->next + i->imm, l->next);
}

LIFT(jmpi)
{
    end_jumpi(l, x86_get(l, i, 0));
}

LIFT(call)
{
    x86_push(l, 8, addr64(l, l->next));
    if (!i->imm) /* how code finds its own address */
        end_jump(l, l->next);
    else
        end_call(l, l->next + i->imm, l->next);
}

LIFT(calli)
{
    Val to = x86_get(l, i, 0);
    x86_push(l, 8, addr64(l, l->next));
    end_calli(l, to, l->next);
}

LIFT(ret)
{
    Val sp = get64(l, OFF_R(RSP)), to = ld64(l, sp, 0);
    put64(l, OFF_R(RSP), add64(l, sp, k64(l, 8 + i->imm)));
    end_ret(l, to);
}

/* The counter less 1, as the address size says; whether that isn't 0. */
static Val count_down(Lift *l, Insn *i)
{
    Val n;
    if (i->addr32) {
        n = sub32(l, get32(l, OFF_R(RCX)), k32(l, 1));
        put64(l, OFF_R(RCX), zx32_64(l, n));
        return ne32(l, n, k32(l, 0));
    }
    n = sub64(l, get64(l, OFF_R(RCX)), k64(l, 1));
    put64(l, OFF_R(RCX), n);
    return ne64(l, n, k64(l, 0));
}

LIFT(loop)
{
    end_branch(l, count_down(l, i), l->next + i->imm, l->next);
}

LIFT(loope)
{
    Val is = x86_cond(l, CC_Z);
    end_branch(l, and32(l, is, count_down(l, i)), l->next + i->imm, l->next);
}

LIFT(loopne)
{
    Val is = x86_cond(l, CC_Z | 1);
    end_branch(l, and32(l, is, count_down(l, i)), l->next + i->imm, l->next);
}

LIFT(jrcxz)
{
    Val is = i->addr32 ? eq32(l, get32(l, OFF_R(RCX)), k32(l, 0)) : eq64(l, get64(l, OFF_R(RCX)), k64(l, 0));
    end_branch(l, is, l->next + i->imm, l->next);
}

/* -- strings ---------------------------------------------------------------------------------------------------------- */

static Val string_pointer(Lift *l, const Insn *i, u32 n)
{
    return i->addr32 ? zx32_64(l, get32(l, OFF_R(n))) : get64(l, OFF_R(n));
}

static Val string_source(Lift *l, const Insn *i)
{
    Val at = string_pointer(l, i, RSI);
    return i->seg ? add64(l, get64(l, i->seg == 0x64 ? OFF(fs) : OFF(gs)), at) : at;
}

static void advance(Lift *l, const Insn *i, u32 n)
{
    Val step = select64(l, lo32(l, get64(l, OFF(direction))), k64(l, (u64)-(i64)i->size), k64(l, i->size));
    Val to = add64(l, get64(l, OFF_R(n)), step);
    put64(l, OFF_R(n), i->addr32 ? zx32_64(l, lo32(l, to)) : to);
}

/* With a prefix: the helper does as many as it likes, and says whether there is more to do. */
static bool repeated(Lift *l, Insn *i, u32 kind)
{
    if (!i->rep)
        return false;
    Val base = i->seg ? get64(l, i->seg == 0x64 ? OFF(fs) : OFF(gs)) : k64(l, 0);
    Val what = k64(l, kind | (u64)i->size << 4 | (u64)i->rep << 8 | (u64)i->addr32 << 16);
    Val more = call_helper(l, HELPER_string, what, base);
    if (kind == STR_SCAS || kind == STR_CMPS)
        x86_flags_forget(l);
    end_branch(l, ne64(l, more, k64(l, 0)), l->pc, l->next);
    return true;
}

LIFT(movs)
{
    if (repeated(l, i, STR_MOVS))
        return;
    x86_store(l, i->size, string_pointer(l, i, RDI), 0, x86_load(l, i->size, string_source(l, i), 0));
    advance(l, i, RSI);
    advance(l, i, RDI);
}

LIFT(stos)
{
    if (repeated(l, i, STR_STOS))
        return;
    x86_store(l, i->size, string_pointer(l, i, RDI), 0, x86_reg(l, i, RAX, i->size));
    advance(l, i, RDI);
}

LIFT(lods)
{
    if (repeated(l, i, STR_LODS))
        return;
    Val v = x86_load(l, i->size, string_source(l, i), 0);
    x86_put_reg(l, i, RAX, i->size, v);
    advance(l, i, RSI);
}

LIFT(scas)
{
    if (repeated(l, i, STR_SCAS))
        return;
    Val v = x86_load(l, i->size, string_pointer(l, i, RDI), 0);
    x86_flags_sub(l, i->size, x86_reg(l, i, RAX, i->size), v, NO_VAL);
    advance(l, i, RDI);
}

LIFT(cmps)
{
    if (repeated(l, i, STR_CMPS))
        return;
    Val a = x86_load(l, i->size, string_source(l, i), 0), b = x86_load(l, i->size, string_pointer(l, i, RDI), 0);
    x86_flags_sub(l, i->size, a, b, NO_VAL);
    advance(l, i, RSI);
    advance(l, i, RDI);
}

/* -- flags as bits ---------------------------------------------------------------------------------------------------- */

static Val rflags(Lift *l)
{
    return call_helper(l, HELPER_get_rflags, NO_VAL, NO_VAL);
}

static void set_rflags(Lift *l, Val v)
{
    call_helper(l, HELPER_set_rflags, v, NO_VAL);
    x86_flags_forget(l);
}

LIFT(pushf)
{
    Val v = rflags(l);
    x86_push(l, i->size, x86_zx(l, 8, i->size, v));
}

LIFT(popf)
{
    Val sp = get64(l, OFF_R(RSP)), v = x86_load(l, i->size, sp, 0);
    put64(l, OFF_R(RSP), add64(l, sp, k64(l, i->size)));
    v = x86_zx(l, i->size, 8, v);
    if (i->size == 2)
        v = or64(l, v, and64(l, rflags(l), k64(l, ~0xffffull)));
    set_rflags(l, v);
    end_exit(l, EXIT_CONTINUE, l->next); /* TF may be set */
}

LIFT(lahf)
{
    Val v = and64(l, rflags(l), k64(l, 0xff));
    Val rest = and64(l, get64(l, OFF_R(RAX)), k64(l, ~0xff00ull));
    put64(l, OFF_R(RAX), or64(l, rest, shl64(l, v, k64(l, 8))));
}

LIFT(sahf)
{
    Val v = and64(l, shr64(l, get64(l, OFF_R(RAX)), k64(l, 8)), k64(l, 0xd5));
    set_rflags(l, or64(l, v, and64(l, rflags(l), k64(l, ~0xd5ull))));
}

LIFT(clc)
{
    x86_flags_apart(l, k32(l, 0), NO_VAL);
}

LIFT(stc)
{
    x86_flags_apart(l, k32(l, 1), NO_VAL);
}

LIFT(cmc)
{
    x86_flags_apart(l, xor32(l, x86_carry(l), k32(l, 1)), NO_VAL);
}

LIFT(cld)
{
    put64(l, OFF(direction), k64(l, 0));
}

LIFT(std)
{
    put64(l, OFF(direction), k64(l, 1));
}

/* -- the system's ----------------------------------------------------------------------------------------------------- */

LIFT(syscall)
{
    put64(l, OFF_R(11), rflags(l));
    put64(l, OFF_R(RCX), addr64(l, l->next));
    end_exit(l, EXIT_SYSCALL, l->next);
}

LIFT(ud)
{
    end_exit(l, EXIT_UNDEF, l->pc);
}

static void raise_exception(Lift *l, u32 what)
{
    call_helper(l, HELPER_raise, k64(l, what), k64(l, l->next));
    end_exit(l, EXIT_UNDEF, l->pc); /* not reached */
}

LIFT(privileged)
{
    raise_exception(l, RAISE_GP);
}

LIFT(int3)
{
    raise_exception(l, RAISE_BP);
}

LIFT(int1)
{
    raise_exception(l, RAISE_DB);
}

LIFT(int_n)
{
    raise_exception(l, i->imm == 3 ? RAISE_BP : i->imm == 4 ? RAISE_OF : RAISE_GP);
}

LIFT(nop)
{
}

/* Not if REX says that it is of R8: XCHG then. */
LIFT(pause)
{
    if (i->rex & 1)
        x86_lift_xchg(l, i);
}

LIFT(mfence)
{
    fence(l, 3);
}

/* The order of loads among themselves, and of stores, is always as the program has it. */
LIFT(lfence)
{
    fence(l, 1);
}

LIFT(sfence)
{
    fence(l, 2);
}

LIFT(clflush)
{
    x86_address(l, i);
    ld8(l, i->ea, i->ea_disp);
}

static void put_wide(Lift *l, Val v)
{
    put64(l, OFF_R(RAX), and64(l, v, k64(l, 0xffffffff)));
    put64(l, OFF_R(RDX), shr64(l, v, k64(l, 32)));
}

LIFT(rdtsc)
{
    put_wide(l, call_helper(l, HELPER_rdtsc, NO_VAL, NO_VAL));
}

LIFT(rdpid)
{
    x86_put(l, i, 0, call_helper(l, HELPER_rdpid, NO_VAL, NO_VAL));
}

LIFT(rdtscp)
{
    Val v = call_helper(l, HELPER_rdtsc, NO_VAL, NO_VAL), id = call_helper(l, HELPER_rdpid, NO_VAL, NO_VAL);
    put_wide(l, v);
    put64(l, OFF_R(RCX), id);
}

LIFT(cpuid)
{
    call_helper(l, HELPER_cpuid, NO_VAL, NO_VAL);
}

LIFT(xgetbv)
{
    put_wide(l, call_helper(l, HELPER_xgetbv, get64(l, OFF_R(RCX)), NO_VAL));
}

LIFT(rdrand)
{
    Val v = call_helper(l, HELPER_rdrand, NO_VAL, NO_VAL);
    x86_put_reg(l, i, i->rm, i->size, x86_zx(l, 8, i->size, v));
    x86_flags_fcmp(l, k32(l, X86_CF));
}

LIFT(rdfsbase)
{
    x86_put(l, i, 0, x86_zx(l, 8, i->size, get64(l, OFF(fs))));
}

LIFT(rdgsbase)
{
    x86_put(l, i, 0, x86_zx(l, 8, i->size, get64(l, OFF(gs))));
}

LIFT(wrfsbase)
{
    put64(l, OFF(fs), x86_zx(l, i->size, 8, x86_get(l, i, 0)));
}

LIFT(wrgsbase)
{
    put64(l, OFF(gs), x86_zx(l, i->size, 8, x86_get(l, i, 0)));
}

/* Selectors are Linux's: CS and SS are its user segments, the others are null. */
static u32 selector(u32 n)
{
    return n == 1 ? 0x33 : n == 2 ? 0x2b : 0;
}

LIFT(mov_from_seg)
{
    u32 n = i->reg & 7;
    if (n > 5) {
        undefined(l);
        return;
    }
    if (i->has_mem) {
        x86_address(l, i);
        st16(l, i->ea, i->ea_disp, k32(l, selector(n)));
    } else {
        x86_put(l, i, 0, x86_const(l, i->size, selector(n)));
    }
}

/* A null selector in FS or GS clears the base on Intel's processors only: nothing is done. */
LIFT(mov_to_seg)
{
    u32 n = i->reg & 7;
    if (n > 5 || n == 1)
        undefined(l);
    else
        x86_get(l, i, 0);
}

LIFT(push_seg)
{
    x86_push(l, i->size, x86_const(l, i->size, 0));
}

LIFT(pop_seg)
{
    Val sp = get64(l, OFF_R(RSP));
    x86_load(l, i->size, sp, 0);
    put64(l, OFF_R(RSP), add64(l, sp, k64(l, i->size)));
}

LIFT(ldmxcsr)
{
    Val v = x86_get(l, i, 0);
    call_helper(l, HELPER_set_mxcsr, zx32_64(l, v), NO_VAL);
}

LIFT(stmxcsr)
{
    Val v = call_helper(l, HELPER_get_mxcsr, NO_VAL, NO_VAL);
    x86_put(l, i, 0, lo32(l, v));
}

static void save(Lift *l, Insn *i, u32 helper, u32 kind)
{
    call_helper(l, helper, x86_linear(l, i), k64(l, kind | (u64)i->w << 8));
}

LIFT(fxsave)
{
    save(l, i, HELPER_fxsave, SAVE_FX);
}

LIFT(fxrstor)
{
    save(l, i, HELPER_fxrstor, SAVE_FX);
}

LIFT(xsave)
{
    save(l, i, HELPER_fxsave, SAVE_X);
}

LIFT(xsaveopt)
{
    save(l, i, HELPER_fxsave, SAVE_XOPT);
}

LIFT(xsavec)
{
    save(l, i, HELPER_fxsave, SAVE_XC);
}

LIFT(xrstor)
{
    save(l, i, HELPER_fxrstor, SAVE_X);
}
