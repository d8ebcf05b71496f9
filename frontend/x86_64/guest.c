/* const Guest guest_x86_64: registers, helpers, lifting one instruction.
 *
 * What is odd about x86-64 as a guest: it is the host's own architecture, so the host's floating-point registers of control (MXCSR, the
 * whole x87 unit) are the guest's, and memory is ordered as the guest expects without a word; nearly every instruction sets six flags,
 * which nobody reads (flags.c); registers are written in parts; and no instruction says that code has changed. */
#include <elf.h>

#include "x86.h"

#define HELPER_ROW(name) x86_helper_##name,
static GuestHelper *const helpers[] = {X86_HELPERS(HELPER_ROW)};
#undef HELPER_ROW

static const GuestReg regs[] = {
#define REG(name, field, type) {name, offsetof(X86State, field), TYPE_##type},
#include "regs.def"
};

LIFT(privileged);

static void lift(Lift *l, const u8 *bytes, size_t size)
{
    Insn insn;
    int decoded = x86_decode(&insn, bytes, size);
    l->next = l->pc + 1;
    if (decoded < 0) { /* it goes on where nothing can be read: that is the fault, which reading there makes */
        l->next = l->pc + size;
        ld8(l, k64(l, l->pc + size), 0);
        end_exit(l, EXIT_CONTINUE, l->pc);
        return;
    }
    if (decoded == 2) {
        l->next = l->pc + 15;
        x86_lift_privileged(l, &insn);
        return;
    }
    if (!decoded) {
        undefined(l);
        return;
    }
    l->next = l->pc + insn.bytes;
    u64 slow = l->mode;
    insn.row->lift(l, &insn);
    if (!l->unimplemented && !l->ended && slow)
        end_jump(l, l->next);
    l->mode = 0;
}

static void reset(Task *t, u64 entry, u64 sp)
{
    X86State *s = x86_state(t);
    *s = (X86State){.flag_kind = FLAG_BITS, .selector = {[SEG_CS] = X86_USER_CS, [SEG_SS] = X86_USER_DS}};
    s->r[RSP] = sp;
    t->pc = entry;
    t->saturated = t->fp_status = t->fp_mode = 0;
    x86_reset_fp();
    x86_enter_thread(t);
}

const Guest guest_x86_64 = {
    .name = "x86_64",
    .choose_cpu = x86_choose_cpu,
    .list_cpus = x86_list_cpus,
    .cpu_detail = x86_cpu_detail,
    .elf_machine = EM_X86_64,
    .elf_class = ELFCLASS64,
    .insn_align = 1,
    .code_mask = X86_CODE_MASK,
    .llvm_triple = "x86_64-linux-gnu",
    .llvm_features = "",
    .regs = regs,
    .nregs = LEN(regs),
    .off_flag_kind = OFF(flag_kind),
    .off_flag_a = OFF(flag_a),
    .off_flag_b = OFF(flag_b),
    .off_sp = OFF_R(RSP),
    .general_faults = true,
    .pinned = {OFF_R(RAX), OFF_R(RCX), OFF_R(RDX), OFF_R(RBX), OFF_R(RSP), OFF_R(RBP), OFF_R(RSI), OFF_R(RDI)},
    .helpers = helpers,
    .nhelpers = LEN(helpers),
    .ordered = true,
    .straight_regions = true,
    .verify_helper = HELPER_verify,
    .unrepeatable_helpers = 1u << HELPER_string | 1u << HELPER_x87 | 1u << HELPER_mmx_get | 1u << HELPER_mmx_put | 1u << HELPER_rdtsc | 1u << HELPER_rdrand |
                            1u << HELPER_fxsave | 1u << HELPER_fxrstor,
    .lift = lift,
    .reset = reset,
    .debug = &debug_x86_64,
};
