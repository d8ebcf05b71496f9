/* const Guest guest_aarch64: registers, helpers, lifting one instruction.
 *
 * What is odd about A64: register 31 is the zero register or SP by position; NZCV is kept as the operation that set it
 * (lifter/flags.h); FPCR and FPSR live mostly in the host's MXCSR while the thread runs; exclusives are compare-and-
 * swap against the value that was loaded, so that a store by another thread of the same value goes unnoticed. */
#include <elf.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <xmmintrin.h>

#include "../../include/translate.h"
#include "../../lifter/ops_int.h"
#include "a64.h"
#include "features.h"

u32 a64_nzcv(const A64State *s)
{
    return op_nzcv(s->flag_kind, s->flag_a, s->flag_b) & 0xf0000000;
}

void a64_set_nzcv(A64State *s, u32 nzcv)
{
    s->flag_kind = FLAG_BITS;
    s->flag_a = nzcv & 0xf0000000;
    s->flag_b = 0;
}

u32 a64_fpsr(Task *t)
{
    A64State *s = a64(t);
    s->fpsr |= fpsr_of_mxcsr(t->fp_status) | (t->fp_status & FP_DENORMAL ? FPSR_IDC : 0);
    t->fp_status = 0;
    return (u32)s->fpsr | fpsr_of_mxcsr(_mm_getcsr()) | (t->saturated ? FPSR_QC : 0);
}

void a64_set_fpsr(Task *t, u32 fpsr)
{
    A64State *s = a64(t);
    t->fp_status = 0;
    _mm_setcsr(_mm_getcsr() & ~MX_FLAGS);
    s->fpsr = fpsr & FPSR_MASK & ~FPSR_QC;
    t->saturated = !!(fpsr & FPSR_QC);
}

u32 a64_fpcr(const Task *t)
{
    return (u32)((const A64State *)t->state)->fpcr;
}

static void set_fp_mode(Task *t)
{
    t->fp_mode = fp_mode_of_fpcr(a64_fpcr(t));
    if (t->fp_mode & FP_FLUSH)
        code_flushes_denormals();
}

void a64_set_fpcr(Task *t, u32 fpcr)
{
    A64State *s = a64(t);
    s->fpcr = fpcr & (FPCR_MASK | (a64_extends_bf16() ? FPCR_EBF : 0));
    set_fp_mode(t);
    _mm_setcsr(mxcsr_of_fpcr((u32)s->fpcr) | (_mm_getcsr() & MX_FLAGS));
}

void a64_enter_thread(Task *t)
{
    _mm_setcsr(mxcsr_of_fpcr(a64_fpcr(t)));
    set_fp_mode(t);
}

/* -- helpers -- */

static u64 a64_helper_get_fpsr(Task *t, u64 a, u64 b)
{
    return a64_fpsr(t);
}

static u64 a64_helper_set_fpsr(Task *t, u64 fpsr, u64 b)
{
    a64_set_fpsr(t, (u32)fpsr);
    return 0;
}

static u64 a64_helper_set_fpcr(Task *t, u64 fpcr, u64 b)
{
    a64_set_fpcr(t, (u32)fpcr);
    return 0;
}

static u64 nanoseconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
}

/* CNTVCT_EL0 at the 1 GHz that CNTFRQ_EL0 gives. */
static u64 a64_helper_counter(Task *t, u64 a, u64 b)
{
    return nanoseconds(CLOCK_MONOTONIC);
}

static u64 a64_helper_clock(Task *t, u64 a, u64 b)
{
    return nanoseconds(CLOCK_REALTIME);
}

static u64 a64_helper_random(Task *t, u64 a, u64 b)
{
    u64 v;
    while (getrandom(&v, sizeof v, 0) != sizeof v)
        ;
    return v;
}

static u64 a64_helper_id_register(Task *t, u64 id, u64 b)
{
    return a64_id_register((A64Id)id);
}

static u64 a64_helper_ic_ivau(Task *t, u64 line, u64 size)
{
    code_written(t, line, size);
    a64_targets_changed();
    return 0;
}

#define HELPER_ROW(name) a64_helper_##name,
static GuestHelper *const helpers[] = {A64_HELPERS(HELPER_ROW)};
#undef HELPER_ROW

/* -- the guest -- */

static const GuestReg regs[] = {
#define REG(name, field, type) {name, offsetof(A64State, field), TYPE_##type},
#include "regs.def"
};

#define LIFT_ROW(name) [INSN_##name] = lift_##name,
static void (*const lift_row[])(Lift *l, const Insn *i) = {INSNS(LIFT_ROW)};
#undef LIFT_ROW

static void lift(Lift *l, const u8 *bytes, size_t size)
{
    Insn insn;
    u32 word;
    l->next = l->pc + 4;
    if (size < sizeof word) {
        l->unimplemented = true;
        return;
    }
    memcpy(&word, bytes, sizeof word);
    if (a64_decode(word, &insn))
        lift_row[insn.op](l, &insn);
    else
        l->unimplemented = true;
}

static void reset(Task *t, u64 entry, u64 sp)
{
    *a64(t) = (A64State){.sp = sp, .excl_addr = NO_EXCL};
    if (a64_signs_pointers())
        a64_new_keys(a64(t), ~0u);
    t->pc = entry;
    t->saturated = t->fp_status = 0;
    a64_enter_thread(t);
}

const Guest guest_aarch64 = {
    .name = "aarch64",
    .choose_cpu = a64_choose_cpu,
    .list_cpus = a64_list_cpus,
    .cpu_detail = a64_cpu_detail,
    .elf_machine = EM_AARCH64,
    .elf_class = ELFCLASS64,
    .insn_align = 4,
    .code_mask = ~0ull,
    .tag_bits = 8, /* Linux sets TCR_EL1.TBI0 for every process */
    .llvm_triple = "aarch64-unknown-linux-gnu",
    .llvm_features = "+all",
    .regs = regs,
    .nregs = LEN(regs),
    .off_flag_kind = OFF_FLAG_KIND,
    .off_flag_a = OFF_FLAG_A,
    .off_flag_b = OFF_FLAG_B,
    .off_sp = OFF_SP,
    .pinned = {OFF_X(0), OFF_X(1), OFF_SP, OFF_X(2), OFF_X(19), OFF_X(20), OFF_X(3), OFF_X(21)},
    .helpers = helpers,
    .nhelpers = LEN(helpers),
    .unrepeatable_helpers = 1u << HELPER_counter | 1u << HELPER_random | 1u << HELPER_cpy_main | 1u << HELPER_set_main |
                            1u << HELPER_atomic_pair,
    .lift = lift,
    .reset = reset,
    .debug = &debug_aarch64,
};
