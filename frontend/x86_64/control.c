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

/* Control registers 0, 2, 3, 4 and 8 exist, and debug registers 0 to 7. */
LIFT(mov_cr)
{
    if (i->reg < 16 && 0x11d >> i->reg & 1)
        raise_exception(l, RAISE_GP);
    else
        undefined(l);
}

LIFT(mov_dr)
{
    if (i->reg < 8)
        raise_exception(l, RAISE_GP);
    else
        undefined(l);
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
    if (i->imm == 0x80) { /* a 32-bit program's system call */
        put64(l, OFF(compat), k64(l, 1));
        end_exit(l, EXIT_SYSCALL, l->next);
        return;
    }
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

static Val selector(Lift *l, u32 n)
{
    return get32(l, (u32)(offsetof(X86State, selector) + 4 * n));
}

LIFT(mov_from_seg)
{
    u32 n = i->reg & 7;
    if (n > SEG_GS) {
        undefined(l);
        return;
    }
    if (i->has_mem) {
        x86_address(l, i);
        st16(l, i->ea, i->ea_disp, selector(l, n));
    } else {
        x86_put(l, i, 0, x86_zx(l, 4, i->size, selector(l, n)));
    }
}

static void load_segment(Lift *l, u32 n, Val v)
{
    call_helper(l, HELPER_load_segment, k64(l, n), v);
}

LIFT(mov_to_seg)
{
    u32 n = i->reg & 7;
    if (n > SEG_GS || n == SEG_CS)
        undefined(l);
    else
        load_segment(l, n, zx32_64(l, x86_zx(l, x86_arg_size(i, 0), 4, x86_get(l, i, 0))));
}

/* FS by opcodes with bit 3 clear, GS by the others */
LIFT(push_seg)
{
    x86_push(l, i->size, x86_zx(l, 4, i->size, selector(l, i->opcode & 8 ? SEG_GS : SEG_FS)));
}

LIFT(pop_seg)
{
    Val sp = get64(l, OFF_R(RSP)), v = ld16(l, sp, 0);
    load_segment(l, i->opcode & 8 ? SEG_GS : SEG_FS, zx32_64(l, v));
    put64(l, OFF_R(RSP), add64(l, get64(l, OFF_R(RSP)), k64(l, i->size)));
}

/* Far returns: within 64-bit code. */
LIFT(retf)
{
    Val sp = get64(l, OFF_R(RSP));
    Val to = x86_load(l, i->size, sp, 0), cs = x86_load(l, i->size, sp, (i32)i->size);
    call_helper(l, HELPER_far_target, x86_zx(l, i->size, 8, cs), k64(l, X86_USER_DS));
    put64(l, OFF_R(RSP), add64(l, sp, k64(l, 2 * i->size + i->imm)));
    end_jumpi(l, x86_zx(l, i->size, 8, to));
}

LIFT(iret)
{
    if (i->size != 8) {
        x86_lift_privileged(l, i);
        return;
    }
    Val sp = get64(l, OFF_R(RSP)), to = ld64(l, sp, 0), cs = ld64(l, sp, 8), flags = ld64(l, sp, 16);
    Val new_sp = ld64(l, sp, 24), ss = ld64(l, sp, 32);
    call_helper(l, HELPER_far_target, cs, ss);
    set_rflags(l, flags);
    put64(l, OFF_R(RSP), new_sp);
    end_jumpi(l, to);
}

/* What the kernel says of its tables where user code may not look (arch/x86/kernel/umip.c). */
static void store_table(Lift *l, Insn *i, u64 base)
{
    x86_address(l, i);
    st16(l, i->ea, i->ea_disp, k32(l, 0));
    st64(l, i->ea, i->ea_disp + 2, k64(l, base));
}

LIFT(sgdt)
{
    store_table(l, i, 0xfffffffffffe0000);
}

LIFT(sidt)
{
    store_table(l, i, 0xffffffffffff0000);
}

/* It writes two bytes of memory, and of a register what the operand size says, where 32 bits leave the others. */
static void store_word(Lift *l, Insn *i, u32 v)
{
    Val rest;
    if (i->has_mem) {
        x86_put(l, i, 0, k32(l, v & 0xffff));
        return;
    }
    u64 mask = i->w ? ~0ull : i->op16 ? 0xffff : 0xffffffff;
    rest = and64(l, get64(l, OFF_R(i->rm)), k64(l, ~mask));
    put64(l, OFF_R(i->rm), or64(l, rest, k64(l, v & mask)));
}

LIFT(smsw)
{
    enum : u32 { CR0 = 0x80050033 };
    store_word(l, i, CR0);
}

LIFT(sldt)
{
    store_word(l, i, 0);
}

LIFT(str)
{
    enum : u32 { TASK_REGISTER = 0x40 };
    store_word(l, i, TASK_REGISTER);
}

/* ZF alone changes, and without it the result stays, too. */
static Val describe(Lift *l, Insn *i, u32 n, u32 what)
{
    Val v = call_helper(l, HELPER_describe, zx32_64(l, x86_get(l, i, n)), k64(l, what));
    Val is = lo32(l, and64(l, v, k64(l, 1))), flags = rflags(l);
    flags = or64(l, and64(l, flags, k64(l, ~(u64)X86_ZF)), shl64(l, zx32_64(l, is), k64(l, 6)));
    set_rflags(l, flags);
    return v;
}

static void describe_to_register(Lift *l, Insn *i, u32 what)
{
    Val v = describe(l, i, 1, what), is = lo32(l, and64(l, v, k64(l, 1))), old = get64(l, OFF_R(i->reg));
    x86_put(l, i, 0, x86_zx(l, 8, i->size, shr64(l, v, k64(l, 1))));
    put64(l, OFF_R(i->reg), select64(l, is, get64(l, OFF_R(i->reg)), old));
}

LIFT(lar)
{
    describe_to_register(l, i, DESCRIBE_LAR);
}

LIFT(lsl)
{
    describe_to_register(l, i, DESCRIBE_LSL);
}

LIFT(verr)
{
    describe(l, i, 0, DESCRIBE_VERR);
}

LIFT(verw)
{
    describe(l, i, 0, DESCRIBE_VERW);
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
