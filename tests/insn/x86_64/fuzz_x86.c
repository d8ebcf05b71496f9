/* Random x86-64 instructions, made from the rows of insns.def, run by the processor in a child process and by us from the same random
 * state; registers, flags, the x87 unit, MXCSR, memory and signals are compared. Prints the first mismatches of each row.
 *
 * The child runs an instruction by returning from a signal handler to it, with all registers in the frame, and finds the result in the
 * frame of the next signal: of the int3 behind it, or of what it did wrong. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include <xmmintrin.h>

#include "../../../frontend/x86_64/x86.h"
#include "../../../lifter/dump.h"
#include "../host.h"

#define CODE 0x200000000ull
#define SCRATCH 0x300000000ull
enum { SIZE = 4096, MIDDLE = 2048, BATCH = 500, MOST_INSNS = 4, MOST_CODE = 80 };

typedef struct State {
    u64 r[16], flags, pc;
    u8 fx[512];
    V128 ymmh[16];
} State;

typedef struct Case {
    State in, out;
    u8 code[MOST_CODE];
    u32 size, ninsns, at[MOST_INSNS];
    u64 ignored; /* flags that are undefined */
    int row;     /* of the last instruction */
    int signo, signo_at;
    u8 scratch[SIZE];
} Case;

static Rng rng = {1};

static u64 below(u64 n)
{
    return rng_below(&rng, n);
}

static u64 next_random(void)
{
    return rng_next(&rng);
}

/* -- rows ---------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    u8 map, opcode, pp;
    i16 ext;
    u32 attr;
    u8 arg[4];
} rows[] = {
#define I(map, opcode, pp, ext, attr, name, ...) {#name, map, opcode, pp, ext, attr, {__VA_ARGS__}},
#include "../../../frontend/x86_64/insns.def"
};
enum { NROWS = LEN(rows) };

static bool is_one_of(const char *name, const char *list)
{
    size_t n = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
            return true;
    return false;
}

/* What gives something else each time, or isn't an instruction alone. */
static bool is_left_out(const char *name)
{
    return is_one_of(name, "syscall popf rdtsc rdtscp rdrand rdpid cpuid xgetbv fxsave fxrstor xsave xrstor xsaveopt xsavec wrfsbase wrgsbase "
                           "rdfsbase rdgsbase mov_to_seg mov_from_seg push_seg pop_seg clflush int1 loop loope loopne rcpps rsqrtps "
                           "rcpss rsqrtss maskmovdqu maskmovq ldmxcsr");
}

static u64 undefined_flags(int row)
{
    static const struct {
        const char *names;
        u64 flags;
    } table[] = {
        {"shl shr sar shld shrd", X86_AF | X86_OF | X86_CF},
        {"rol ror rcl rcr", X86_OF},
        {"mul imul1 imul3", X86_SF | X86_ZF | X86_AF | X86_PF},
        {"div idiv", X86_SF | X86_ZF | X86_AF | X86_PF | X86_OF | X86_CF},
        {"bsf bsr", X86_SF | X86_AF | X86_PF | X86_OF | X86_CF},
        {"bt bts btr btc", X86_SF | X86_AF | X86_PF | X86_OF},
        {"tzcnt lzcnt", X86_SF | X86_AF | X86_PF | X86_OF},
        {"bzhi blsr blsi blsmsk andn", X86_AF | X86_PF},
        {"bextr", X86_SF | X86_AF | X86_PF},
        {"and or xor test", X86_AF},
    };
    for (size_t n = 0; n < LEN(table); n++)
        if (is_one_of(rows[row].name, table[n].names))
            return table[n].flags;
    return 0;
}

static bool is_branch(int row)
{
    return is_one_of(rows[row].name, "jmp jcc jmpi call calli ret jrcxz int3 int_n ud privileged mov_cr mov_dr retf iret");
}

static bool takes(int row, u8 spec)
{
    for (u32 n = 0; n < 4; n++)
        if (rows[row].arg[n] == spec)
            return true;
    return false;
}

/* Puts a random instruction of the row to `out`; its size. */
static u32 make_insn(int row, u8 *out)
{
    u8 *p = out;
    u32 attr = rows[row].attr;
    bool vex = attr & VEX || (attr & BOTH && !below(3)), mem = attr & MEM || (!(attr & REG) && below(2));
    u8 pp = rows[row].pp, rex = (u8)(below(3) ? 0x40 | below(16) : 0);
    bool w = attr & W1 || (!(attr & W0) && rex & 8);
    bool ymm = attr & L1 || (!(attr & L0) && below(2));
    if (takes(row, Wx) && !vex) /* which the processor mostly wants aligned */
        mem = mem && !(attr & MEM) ? below(2) : mem;
    if (takes(row, Mem))
        mem = true;
    bool gather = !strcmp(rows[row].name, "gather");
    u8 reg = (u8)below(16), rm = (u8)below(16), v = (u8)below(16), index = (u8)below(16);
    if (rows[row].ext >= 0 && rows[row].ext < MODRM)
        reg = (u8)(rows[row].ext | (reg & 8));
    if (mem)
        rm = 3; /* rbx */
    if (gather)
        v = (u8)((reg + 1) & 15), index = (u8)((reg + 2) & 15);
    if (takes(row, Pq) || takes(row, Qq))
        reg &= 7;
    if (rows[row].map == M1 && rows[row].opcode >= 0xd8 && rows[row].opcode <= 0xdf) {
        if (!mem)
            reg &= 7, rm &= 7;
        else if ((rows[row].opcode == 0xd9 || rows[row].opcode == 0xdd) && (reg & 7) == 6)
            reg ^= 4; /* FNSTENV and FNSAVE have addresses of ours */
    }
    bool nomodrm = attr & NOMODRM;
    if (vex) {
        u8 p0 = (u8)((reg & 8 ? 0 : 0x80) | (gather && index & 8 ? 0 : 0x40) | (rm & 8 ? 0 : 0x20) | rows[row].map);
        static const u8 code[] = {[ANY] = 0, [NP] = 0, [P66] = 1, [PF3] = 2, [PF2] = 3};
        *p++ = 0xc4;
        *p++ = p0;
        *p++ = (u8)((w ? 0x80 : 0) | (~v & 15) << 3 | (ymm ? 4 : 0) | code[pp]);
    } else {
        if (attr & LOCK && mem && !below(4))
            *p++ = 0xf0;
        if (pp == P66 || (pp == ANY && !(attr & (F64 | D64)) && !below(5) && !(takes(row, CL) && takes(row, Gv))) || (pp == PF2 && rows[row].map == M38 && !below(4)))
            *p++ = 0x66;
        if (pp == PF3)
            *p++ = 0xf3;
        if (pp == PF2)
            *p++ = 0xf2;
        if (pp == ANY && nomodrm && is_one_of(rows[row].name, "movs stos lods scas cmps") && below(2))
            *p++ = below(2) ? 0xf3 : 0xf2;
        if (attr & W1)
            rex |= 0x48;
        if (attr & W0)
            rex &= 0x47;
        if (rex || (reg & 8) || (rm & 8)) {
            rex = (u8)(0x40 | (rex & 8) | (nomodrm ? rex & 1 : 0) | (reg & 8 ? 4 : 0) | (rm & 8 ? 1 : 0));
            if (rows[row].map == M1 && rows[row].opcode >= 0xd8 && rows[row].opcode <= 0xdf)
                rex = 0x40;
            *p++ = rex;
        }
        if (rows[row].map != M1)
            *p++ = 0x0f;
        if (rows[row].map == M38)
            *p++ = 0x38;
        if (rows[row].map == M3A)
            *p++ = 0x3a;
    }
    *p++ = rows[row].opcode;
    if (!nomodrm) {
        if (rows[row].ext >= MODRM) {
            *p++ = (u8)rows[row].ext;
        } else if (gather) {
            *p++ = (u8)(0x44 | (reg & 7) << 3);
            *p++ = (u8)(below(4) << 6 | (index & 7) << 3 | 3);
            *p++ = (u8)below(64);
        } else if (mem) {
            *p++ = (u8)(0x43 | (reg & 7) << 3);
            *p++ = (u8)(below(4) ? 32 * (below(4) - 2) : below(128) - 64);
        } else {
            *p++ = (u8)(0xc0 | (reg & 7) << 3 | (rm & 7));
        }
    }
    u64 imm = next_random();
    u32 imm_size = 0;
    bool op16 = memchr(out, 0x66, (size_t)(p - out)) == out || (out[0] == 0xf0 && out[1] == 0x66);
    for (u32 n = 0; n < 4; n++) {
        switch ((ArgSpec)rows[row].arg[n]) {
        case Ib: case Isb: case Jb: case Lx: imm_size += 1; break;
        case Iw: imm_size += 2; break;
        case Iz: imm_size += op16 && !(rex & 8) ? 2 : 4; break;
        case Jz: imm_size += 4; break;
        case Iv: imm_size += rex & 8 ? 8 : op16 ? 2 : 4; break;
        case Ob: case Ov:
            imm_size += 8;
            imm = SCRATCH + MIDDLE + below(64);
            break;
        default: break;
        }
    }
    if (takes(row, Jz) || takes(row, Jb)) /* behind the code */
        imm = MOST_CODE + below(40);
    if (is_one_of(rows[row].name, "enter"))
        imm = below(64) | below(33) << 16;
    else if (is_one_of(rows[row].name, "int_n") && (u8)imm == 0x80) /* system calls of 32 bits */
        imm = 0x81;
    else if (takes(row, Ib) && !below(2))
        imm = below(20);
    if (is_one_of(rows[row].name, "shld shrd")) /* of 16 bits: counts above that are undefined */
        imm = below(16);
    memcpy(p, &imm, imm_size);
    return (u32)(p - out) + imm_size;
}

/* -- states -------------------------------------------------------------------------------------------------------------- */

static u64 random_value(void)
{
    static const u64 special[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
                                  0x7fffffffffffffff, 0x8000000000000000, ~0ull, ~1ull, 63, 64, 31, 32, 33};
    static const u64 floats[] = {0x3f800000, 0x3f800000bf800000, 0x3ff0000000000000, 0x7f800000ff800000, 0x7ff0000000000000, 0x7fc00001,
                                 0x7f800001, 0x7ff8000000000001, 0x7ff0000000000001, 0x0000000100000001, 0x000fffffffffffff, 0x4000000040400000,
                                 0x41e0000000000000, 0x4f000000cf000000, 0x43e0000000000000, 0x5f000000, 0x40490fdb, 0x400921fb54442d18};
    switch (below(5)) {
    case 0: return special[below(LEN(special))];
    case 1: return floats[below(LEN(floats))];
    case 2: return below(256);
    default: return next_random();
    }
}

static void random_state(State *s)
{
    for (u32 n = 0; n < 16; n++)
        s->r[n] = random_value();
    s->r[RBX] = SCRATCH + MIDDLE;
    s->r[RSP] = SCRATCH + MIDDLE + 256 + 8 * below(2);
    s->r[RSI] = SCRATCH + MIDDLE + below(128);
    s->r[RDI] = SCRATCH + MIDDLE + 128 + below(128);
    if (below(2))
        s->r[RCX] = below(16);
    s->flags = 0x202 | (next_random() & (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF | X86_OF)) | (below(8) ? 0 : X86_DF);
    s->pc = CODE;
    memset(s->fx, 0, sizeof s->fx);
    u16 cw = (u16)(0x3f | below(4) << 10 | (below(3) ? 3 : below(2) * 2) << 8 | 0x40), sw = (u16)(below(8) << 11 | below(8) << 8);
    memcpy(s->fx, &cw, 2);
    memcpy(s->fx + 2, &sw, 2);
    s->fx[4] = (u8)next_random();
    u32 mxcsr = 0x1f80 | (u32)(below(2) ? 0 : below(4) << 13) | (below(8) ? 0 : 0x8000) | (below(8) ? 0 : 0x40), mask = 0xffff;
    memcpy(s->fx + 24, &mxcsr, 4);
    memcpy(s->fx + 28, &mask, 4);
    for (u32 n = 0; n < 8; n++) {
        long double v;
        double d;
        u64 bits = random_value();
        memcpy(&d, &bits, 8);
        v = (long double)d;
        memcpy(s->fx + 32 + 16 * n, &v, 10);
        if (!below(3)) {
            bits = next_random();
            memcpy(s->fx + 32 + 16 * n, &bits, 8);
            u16 e = (u16)(below(2) ? next_random() : 0x3fff + below(70) - 10);
            memcpy(s->fx + 40 + 16 * n, &e, 2);
        }
    }
    for (u32 n = 0; n < 16; n++) {
        u64 v[4] = {random_value(), random_value(), random_value(), random_value()};
        memcpy(s->fx + 160 + 16 * n, v, 16);
        memcpy(&s->ymmh[n], v + 2, 16);
    }
}

static u8 pristine[SIZE];

static void make_case(Case *c, int only)
{
    u32 n = 1 + (below(2) ? (u32)below(MOST_INSNS) : 0);
    memset(c, 0, sizeof *c);
    random_state(&c->in);
    for (u32 k = 0; k < n; k++) {
        int row;
        Insn insn;
        u32 size;
        do {
            row = only >= 0 && k == n - 1 ? only : (int)below(NROWS);
            size = make_insn(row, c->code + c->size);
        } while (is_left_out(rows[row].name) || (k < n - 1 && (is_branch(row) || undefined_flags(row))) ||
                 x86_decode(&insn, c->code + c->size, size) != 1 || insn.bytes != size);
        c->at[k] = c->size;
        c->size += size;
        c->row = row;
        if (undefined_flags(row))
            c->ignored |= undefined_flags(row);
    }
    c->ninsns = n;
}

/* -- the processor's side -------------------------------------------------------------------------------------------------- */

static Case *cases;
static u32 ncases, native_at;

static void native_take(Case *c, const ucontext_t *uc)
{
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    for (u32 n = 0; n < 16; n++)
        c->out.r[n] = (u64)uc->uc_mcontext.gregs[order[n]];
    c->out.flags = (u64)uc->uc_mcontext.gregs[REG_EFL];
    c->out.pc = (u64)uc->uc_mcontext.gregs[REG_RIP];
    memcpy(c->out.fx, uc->uc_mcontext.fpregs, 512);
    u64 there;
    memcpy(&there, (u8 *)uc->uc_mcontext.fpregs + 512, 8);
    if (!(there & 2))
        memset(c->out.fx + 160, 0, 256);
    if (there & 4)
        memcpy(c->out.ymmh, (u8 *)uc->uc_mcontext.fpregs + 576, sizeof c->out.ymmh);
    else
        memset(c->out.ymmh, 0, sizeof c->out.ymmh);
    if (!(there & 1)) {
        memset(c->out.fx, 0, 24);
        memset(c->out.fx + 32, 0, 128);
        memcpy(c->out.fx, &(u16){0x37f}, 2);
    }
    memcpy(c->scratch, (void *)SCRATCH, SIZE);
}

static void native_give(const Case *c, ucontext_t *uc)
{
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    for (u32 n = 0; n < 16; n++)
        uc->uc_mcontext.gregs[order[n]] = (greg_t)c->in.r[n];
    uc->uc_mcontext.gregs[REG_EFL] = (greg_t)c->in.flags;
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)CODE;
    u8 *fx = (u8 *)uc->uc_mcontext.fpregs;
    memcpy(fx, c->in.fx, 416);
    u64 there = 7;
    memcpy(fx + 512, &there, 8);
    memcpy(fx + 576, c->in.ymmh, sizeof c->in.ymmh);
    memcpy((void *)SCRATCH, pristine, SIZE);
    memset((void *)CODE, 0xcc, SIZE);
    memcpy((void *)CODE, c->code, c->size);
}

static void on_native(int signo, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    if (native_at) {
        Case *c = &cases[native_at - 1];
        native_take(c, uc);
        c->signo = signo;
        bool behind = signo == SIGTRAP && info->si_code == SI_KERNEL && c->out.pc > CODE && c->out.pc <= CODE + SIZE;
        if (behind && c->out.pc - 1 >= CODE + c->size)
            c->signo = 0, c->out.pc--; /* an int3 that fills the page */
        if (signo == SIGSEGV && (c->out.pc < CODE || c->out.pc >= CODE + SIZE))
            c->signo = 0; /* where a jump has led */
    }
    if (native_at++ == ncases)
        _exit(0);
    native_give(&cases[native_at - 1], uc);
}

static void run_native(void)
{
    static u8 stack[1 << 16];
    pid_t pid = fork();
    if (pid < 0)
        exit(1);
    if (!pid) {
        static const int signals[] = {SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS};
        struct sigaction sa = {.sa_sigaction = on_native, .sa_flags = SA_SIGINFO | SA_ONSTACK};
        sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
        for (size_t n = 0; n < LEN(signals); n++)
            sigaction(signals[n], &sa, NULL);
        mprotect((void *)CODE, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
        native_at = 0;
        __asm__ volatile("vzeroall");
        raise(SIGTRAP);
        _exit(1);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || status) {
        fprintf(stderr, "the processor's side ended with status 0x%x\n", status);
        exit(1);
    }
}

/* -- our side -------------------------------------------------------------------------------------------------------------- */

typedef struct Ours {
    int signo;
    State out;
    u8 scratch[SIZE];
} Ours;

static void set_up(void)
{
    host_init(&guest_x86_64, false);
    x86_default_cpu();
}

static u32 insns_left(const void *test, u64 pc)
{
    const Case *c = test;
    for (u32 k = 0; k < c->ninsns; k++)
        if ((pc & X86_CODE_MASK) == CODE + c->at[k])
            return c->ninsns - k;
    return 0;
}

static void run_ours(Tier tier, const void *test, void *outcome)
{
    const Case *c = test;
    Ours *o = outcome;
    Task *t = host_task();
    X86State *s = x86_state(t);
    memset((void *)CODE, 0xcc, SIZE);
    memcpy((void *)CODE, c->code, c->size);
    memcpy((void *)SCRATCH, pristine, SIZE);
    guest_x86_64.reset(t, CODE, 0);
    memcpy(s->r, c->in.r, sizeof s->r);
    x86_set_rflags(s, c->in.flags);
    memcpy(s->xmm, c->in.fx + 160, sizeof s->xmm);
    memcpy(s->ymmh, c->in.ymmh, sizeof s->ymmh);
    u32 mxcsr, kept = _mm_getcsr();
    memcpy(&mxcsr, c->in.fx + 24, 4);
    x86_load_x87(c->in.fx, true);
    _mm_setcsr(mxcsr);
    o->signo = host_run(tier, insns_left, c);
    x86_save_area(t, o->out.fx, true);
    _mm_setcsr(kept);
    __asm__ volatile("fninit");
    o->out.pc = t->pc & X86_CODE_MASK;
    memcpy(o->out.r, s->r, sizeof s->r);
    o->out.flags = x86_rflags(s);
    memcpy(o->out.ymmh, s->ymmh, sizeof s->ymmh);
    memcpy(o->scratch, (void *)SCRATCH, SIZE);
}

/* -- comparison ------------------------------------------------------------------------------------------------------------ */

static u32 differences, shown_of[NROWS], failed_of[NROWS], runs_of[NROWS];
static u32 most_shown = 3;

static void describe(const Case *c, Tier tier)
{
    printf("%s (row %d) tier %d:", rows[c->row].name, c->row, (int)tier);
    for (u32 n = 0; n < c->size; n++)
        printf(" %02x", c->code[n]);
    printf("\n");
    for (u32 k = 0; k < c->ninsns; k++) {
        char text[128];
        dump_guest_insn(&guest_x86_64, CODE + c->at[k], (k + 1 < c->ninsns ? c->at[k + 1] : c->size) - c->at[k], text, sizeof text);
        printf("    %s\n", text);
    }
}

static void compare(const Case *c, Ours *o, Tier tier)
{
    char text[4096];
    size_t n = 0;
#define SAY(...) n += (size_t)snprintf(text + n, n < sizeof text ? sizeof text - n : 0, __VA_ARGS__)
    /* jumps to where no code can be fault where they are */
    bool nowhere = (c->out.pc | o->out.pc) >> 47 || (c->signo == SIGSEGV && is_one_of(rows[c->row].name, "jmpi calli ret"));
    /* An address that isn't canonical is SIGBUS if it is in RSP or RBP, natively and in our code, which the runtime knows about. */
    bool same = c->signo == o->signo || (c->signo == SIGBUS && o->signo == SIGSEGV) || (c->signo == SIGSEGV && o->signo == SIGBUS);
    if (!same && !nowhere)
        SAY("  signal %d, ours %d\n", c->signo, o->signo);
    bool fault = c->signo || o->signo;
    for (u32 k = 0; k < c->ninsns; k++) { /* done in part by then */
        Insn insn;
        if (fault && x86_decode(&insn, c->code + c->at[k], 15) == 1 && !strcmp(insn.row->name, "gather"))
            return;
    }
    if (c->out.pc != o->out.pc && !(c->signo == o->signo && c->signo == SIGTRAP) && !nowhere)
        SAY("  pc %lx, ours %lx\n", c->out.pc, o->out.pc);
    for (u32 k = 0; k < 16 && !nowhere; k++)
        if (c->out.r[k] != o->out.r[k])
            SAY("  r%u %lx, ours %lx (was %lx)\n", k, c->out.r[k], o->out.r[k], c->in.r[k]);
    u64 mask = (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF | X86_OF | X86_DF) & ~c->ignored;
    if (!fault && (c->out.flags ^ o->out.flags) & mask)
        SAY("  flags %lx, ours %lx (was %lx)\n", c->out.flags & mask, o->out.flags & mask, c->in.flags);
    for (u32 k = 0; k < 16; k++)
        if (memcmp(c->out.fx + 160 + 16 * k, o->out.fx + 160 + 16 * k, 16) || memcmp(&c->out.ymmh[k], &o->out.ymmh[k], 16)) {
            u64 a[4], b[4];
            memcpy(a, c->out.fx + 160 + 16 * k, 16), memcpy(a + 2, &c->out.ymmh[k], 16);
            memcpy(b, o->out.fx + 160 + 16 * k, 16), memcpy(b + 2, &o->out.ymmh[k], 16);
            SAY("  ymm%u %016lx_%016lx_%016lx_%016lx, ours\n        %016lx_%016lx_%016lx_%016lx\n", k, a[3], a[2], a[1], a[0], b[3], b[2], b[1], b[0]);
        }
    if (!fault && memcmp(c->out.fx + 24, o->out.fx + 24, 4))
        SAY("  mxcsr %x, ours %x\n", *(const u32 *)(c->out.fx + 24), *(const u32 *)(o->out.fx + 24));
    if (fault) /* an MMX store that faults has read its register */
        memcpy(o->out.fx, c->out.fx, 24), memcpy(o->out.fx + 32, c->out.fx + 32, 128);
    if (memcmp(c->out.fx, o->out.fx, 5))
        SAY("  x87 cw %x sw %x tags %x, ours %x %x %x\n", *(const u16 *)c->out.fx, *(const u16 *)(c->out.fx + 2), c->out.fx[4],
            *(const u16 *)o->out.fx, *(const u16 *)(o->out.fx + 2), o->out.fx[4]);
    for (u32 k = 0; k < 8; k++)
        if (memcmp(c->out.fx + 32 + 16 * k, o->out.fx + 32 + 16 * k, 10))
            SAY("  st%u %04x%016lx, ours %04x%016lx\n", k, *(const u16 *)(c->out.fx + 40 + 16 * k), *(const u64 *)(c->out.fx + 32 + 16 * k),
                *(const u16 *)(o->out.fx + 40 + 16 * k), *(const u64 *)(o->out.fx + 32 + 16 * k));
    for (u32 k = 0; k < SIZE; k++)
        if (o->scratch[k] != c->scratch[k] && !nowhere) {
            SAY("  memory at %d: %02x, ours %02x\n", (int)k - MIDDLE, c->scratch[k], o->scratch[k]);
            break;
        }
    runs_of[c->row]++;
    if (!n)
        return;
    differences++;
    failed_of[c->row]++;
    if (shown_of[c->row]++ < most_shown) {
        describe(c, tier);
        fputs(text, stdout);
    }
}

static void map_areas(void)
{
    host_map(CODE, SIZE);
    host_map(SCRATCH, SIZE);
    for (u32 k = 0; k < SIZE; k += 8) {
        u64 v = random_value();
        memcpy(pristine + k, &v, 8);
    }
    cases = mmap(NULL, BATCH * sizeof *cases, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (cases == MAP_FAILED) {
        perror("setting up");
        exit(1);
    }
}

int main(int argc, char **argv)
{
    u64 n = 1000;
    Tier tier = TIER_INTERP;
    int only = -1, option;
    const char *name = NULL;
    while ((option = getopt(argc, argv, "n:s:t:r:m:")) != -1) {
        switch (option) {
        case 'n': n = strtoull(optarg, NULL, 0); break;
        case 's': rng.state = strtoull(optarg, NULL, 0); break;
        case 't': tier = host_tier(optarg); break;
        case 'r': name = optarg; break;
        case 'm': most_shown = (u32)atoi(optarg); break;
        default: return 2;
        }
    }
    map_areas();
    x86_default_cpu();
    static Ours ours[BATCH];
    for (u64 done = 0; done < n; done += ncases) {
        ncases = n - done < BATCH ? (u32)(n - done) : BATCH;
        for (u32 k = 0; k < ncases; k++) {
            if (name)
                do
                    only = (int)below(NROWS);
                while (strcmp(rows[only].name, name));
            make_case(&cases[k], only);
        }
        run_native();
        host_run_all(tier, ncases, set_up, run_ours, cases, sizeof *cases, ours, sizeof *ours);
        for (u32 k = 0; k < ncases; k++)
            compare(&cases[k], &ours[k], tier);
    }
    for (u32 k = 0; k < NROWS; k++)
        if (failed_of[k])
            printf("%s (row %u): %u of %u\n", rows[k].name, k, failed_of[k], runs_of[k]);
    printf("%lu cases, %u differences\n", n, differences);
    return differences != 0;
}
