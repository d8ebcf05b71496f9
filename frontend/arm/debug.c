/* const DebugGuest debug_arm: registers as gdb's features org.gnu.gdb.arm.* have them. */
#include <elf.h>
#include <string.h>
#include <xmmintrin.h>

#include "../../include/debugger.h"
#include "../../include/guest.h"
#include "arm.h"

static u64 get_pc(Task *t)
{
    return t->pc & ARM_CODE_MASK;
}

/* In the instruction set that the thread is in; outside of IT blocks. */
static void set_pc(Task *t, u64 v)
{
    t->pc = (v & ARM_CODE_MASK) | (t->pc & (ARM_THUMB | ARM_STANDARD | ARM_BIG));
    arm_state(t)->it = 0;
}

static u64 get_cpsr(Task *t)
{
    return arm_cpsr(arm_state(t), t->pc);
}

static void set_cpsr(Task *t, u64 v)
{
    t->pc = (t->pc & (ARM_CODE_MASK | ARM_STANDARD)) | arm_set_cpsr(arm_state(t), (u32)v);
}

/* MXCSR and Task.fp_status are in it: leave. */
static u64 get_fpscr(Task *t)
{
    const ArmState *s = arm_state(t);
    return s->fpscr | s->fp_nzcv | (t->saturated ? FPSR_QC : 0);
}

static void set_fpscr(Task *t, u64 v)
{
    ArmState *s = arm_state(t);
    s->fpscr = v & ~(u64)(FPSCR_NZCV | FPSR_QC);
    s->fp_nzcv = v & FPSCR_NZCV;
    t->saturated = !!(v & FPSR_QC);
}

static void leave(Task *t)
{
    arm_state(t)->fpscr = arm_fpscr(t) & ~(u64)(FPSCR_NZCV | FPSR_QC);
    _mm_setcsr(_mm_getcsr() & ~(u32)MX_FLAGS);
}

enum { CORE, VFP, NEON, TLS };
static const DebugFeature features[] = {
    [CORE] = {"org.gnu.gdb.arm.core", ""},
    [VFP] = {"org.gnu.gdb.arm.vfp", ""},
    [NEON] = {"org.gnu.gdb.arm.neon", ""},
    [TLS] = {"org.gnu.gdb.arm.tls", ""},
};

#define R(n, called, as) {.name = called, .bits = 32, .dwarf = n, .type = as, .offset = OFF_R(n), .slot = 8}
#define D(n) {.name = "d" #n, .bits = 64, .feature = VFP, .dwarf = -1, .type = "ieee_double", .offset = OFF_D(n), .slot = 8}
#define MADE(what, of, as) {.name = #what, .bits = 32, .feature = of, .dwarf = -1, .type = as, .get = get_##what, .set = set_##what}
static const DebugReg regs[] = {
    R(0, "r0", "uint32"), R(1, "r1", "uint32"), R(2, "r2", "uint32"), R(3, "r3", "uint32"), R(4, "r4", "uint32"),
    R(5, "r5", "uint32"), R(6, "r6", "uint32"), R(7, "r7", "uint32"), R(8, "r8", "uint32"), R(9, "r9", "uint32"),
    R(10, "r10", "uint32"), R(11, "r11", "uint32"), R(12, "r12", "uint32"), R(13, "sp", "data_ptr"), R(14, "lr", "uint32"),
    MADE(pc, CORE, "code_ptr"),
    MADE(cpsr, CORE, "uint32"),
    D(0), D(1), D(2), D(3), D(4), D(5), D(6), D(7), D(8), D(9), D(10), D(11), D(12), D(13), D(14), D(15),
    D(16), D(17), D(18), D(19), D(20), D(21), D(22), D(23), D(24), D(25), D(26), D(27), D(28), D(29), D(30), D(31),
    MADE(fpscr, VFP, "int"),
    {.name = "tpidruro", .bits = 32, .feature = TLS, .dwarf = -1, .type = "data_ptr", .offset = OFF(tpidruro), .slot = 8},
};
enum { REG_SP = 13, REG_PC = 15, REG_CPSR };

/* struct pt_regs: the last one is orig_r0 */
static const u8 general[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, REG_PC, REG_CPSR, 0};

/* struct user_vfp */
static u32 float_note(Task *t, u8 *out, u32 *size)
{
    u32 fpscr = (u32)get_fpscr(t);
    memcpy(out, arm_state(t)->v, 256);
    memcpy(out + 256, &fpscr, sizeof fpscr);
    *size = 260;
    return NT_ARM_VFP;
}

const DebugGuest debug_arm = {
    .architecture = "arm",
    .features = features,
    .nfeatures = LEN(features),
    .regs = regs,
    .nregs = LEN(regs),
    .pc = REG_PC,
    .sp = REG_SP,
    .fp = 11,
    .ra = 14,
    .watch_before = true,
    .general = general,
    .ngeneral = LEN(general),
    .float_note = float_note,
    .float_owner = "LINUX",
    .leave = leave,
    .enter = arm_enter_thread,
};
