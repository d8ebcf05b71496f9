/* const DebugGuest debug_aarch64: registers as gdb's features org.gnu.gdb.aarch64.* have them. */
#include <elf.h>
#include <string.h>
#include <xmmintrin.h>

#include "../../include/debugger.h"
#include "../../include/guest.h"
#include "a64.h"
#include "features.h"

static u64 get_pc(Task *t)
{
    return t->pc;
}

static void set_pc(Task *t, u64 v)
{
    t->pc = v;
}

static u64 get_cpsr(Task *t)
{
    return a64_nzcv(a64(t)) | a64(t)->pstate;
}

static void set_cpsr(Task *t, u64 v)
{
    a64_set_nzcv(a64(t), (u32)v);
    a64(t)->pstate = v & (PSTATE_SSBS | PSTATE_DIT);
}

/* MXCSR and Task.fp_status are in it: leave. */
static u64 get_fpsr(Task *t)
{
    return a64(t)->fpsr | (t->saturated ? FPSR_QC : 0);
}

static void set_fpsr(Task *t, u64 v)
{
    a64(t)->fpsr = v & FPSR_MASK & ~(u64)FPSR_QC;
    t->saturated = !!(v & FPSR_QC);
}

static u64 get_fpcr(Task *t)
{
    return a64_fpcr(t);
}

static void set_fpcr(Task *t, u64 v)
{
    a64(t)->fpcr = v & (FPCR_MASK | (a64_extends_bf16() ? FPCR_EBF : 0));
}

static void leave(Task *t)
{
    a64(t)->fpsr = a64_fpsr(t) & ~(u64)FPSR_QC;
    _mm_setcsr(_mm_getcsr() & ~(u32)MX_FLAGS);
}

enum { CORE, FPU, TLS, SYSTEM };
static const DebugFeature features[] = {
    [CORE] = {"org.gnu.gdb.aarch64.core",
              "<flags id=\"cpsr_flags\" size=\"4\">"
              "<field name=\"SSBS\" start=\"12\" end=\"12\"/><field name=\"DIT\" start=\"24\" end=\"24\"/>"
              "<field name=\"V\" start=\"28\" end=\"28\"/><field name=\"C\" start=\"29\" end=\"29\"/>"
              "<field name=\"Z\" start=\"30\" end=\"30\"/><field name=\"N\" start=\"31\" end=\"31\"/></flags>"},
    [FPU] = {"org.gnu.gdb.aarch64.fpu",
             "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/><vector id=\"v2u\" type=\"uint64\" count=\"2\"/>"
             "<vector id=\"v2i\" type=\"int64\" count=\"2\"/><vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
             "<vector id=\"v4u\" type=\"uint32\" count=\"4\"/><vector id=\"v4i\" type=\"int32\" count=\"4\"/>"
             "<vector id=\"v8f\" type=\"ieee_half\" count=\"8\"/><vector id=\"v8u\" type=\"uint16\" count=\"8\"/>"
             "<vector id=\"v8i\" type=\"int16\" count=\"8\"/><vector id=\"v16u\" type=\"uint8\" count=\"16\"/>"
             "<vector id=\"v16i\" type=\"int8\" count=\"16\"/><vector id=\"v1u\" type=\"uint128\" count=\"1\"/>"
             "<vector id=\"v1i\" type=\"int128\" count=\"1\"/>"
             "<union id=\"vnd\"><field name=\"f\" type=\"v2d\"/><field name=\"u\" type=\"v2u\"/><field name=\"s\" type=\"v2i\"/></union>"
             "<union id=\"vns\"><field name=\"f\" type=\"v4f\"/><field name=\"u\" type=\"v4u\"/><field name=\"s\" type=\"v4i\"/></union>"
             "<union id=\"vnh\"><field name=\"f\" type=\"v8f\"/><field name=\"u\" type=\"v8u\"/><field name=\"s\" type=\"v8i\"/></union>"
             "<union id=\"vnb\"><field name=\"u\" type=\"v16u\"/><field name=\"s\" type=\"v16i\"/></union>"
             "<union id=\"vnq\"><field name=\"u\" type=\"v1u\"/><field name=\"s\" type=\"v1i\"/></union>"
             "<union id=\"aarch64v\"><field name=\"d\" type=\"vnd\"/><field name=\"s\" type=\"vns\"/><field name=\"h\" type=\"vnh\"/>"
             "<field name=\"b\" type=\"vnb\"/><field name=\"q\" type=\"vnq\"/></union>"},
    [TLS] = {"org.gnu.gdb.aarch64.tls", ""},
    [SYSTEM] = {"org.dragoman.aarch64.system", ""},
};

#define X(n) {.name = "x" #n, .bits = 64, .dwarf = n, .type = "int", .offset = OFF_X(n), .slot = 8}
#define V(n) {.name = "v" #n, .bits = 128, .feature = FPU, .dwarf = -1, .type = "aarch64v", .offset = OFF_V(n), .slot = 16}
#define MADE(what, width, of, as) {.name = #what, .bits = width, .feature = of, .dwarf = -1, .type = as, .get = get_##what, .set = set_##what}
static const DebugReg regs[] = {
    X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7), X(8), X(9), X(10), X(11), X(12), X(13), X(14), X(15),
    X(16), X(17), X(18), X(19), X(20), X(21), X(22), X(23), X(24), X(25), X(26), X(27), X(28), X(29), X(30),
    {.name = "sp", .bits = 64, .dwarf = 31, .type = "data_ptr", .offset = OFF_SP, .slot = 8},
    MADE(pc, 64, CORE, "code_ptr"),
    MADE(cpsr, 32, CORE, "cpsr_flags"),
    V(0), V(1), V(2), V(3), V(4), V(5), V(6), V(7), V(8), V(9), V(10), V(11), V(12), V(13), V(14), V(15),
    V(16), V(17), V(18), V(19), V(20), V(21), V(22), V(23), V(24), V(25), V(26), V(27), V(28), V(29), V(30), V(31),
    MADE(fpsr, 32, FPU, "int"),
    MADE(fpcr, 32, FPU, "int"),
    {.name = "tpidr", .bits = 64, .feature = TLS, .dwarf = -1, .type = "data_ptr", .offset = OFF_TPIDR, .slot = 8, .core_note = NT_ARM_TLS},
    {.name = "tpidrro", .bits = 64, .feature = SYSTEM, .dwarf = -1, .type = "data_ptr", .offset = OFF_TPIDRRO, .slot = 8},
};
enum { REG_SP = 31, REG_PC, REG_CPSR };

/* struct user_pt_regs */
static const u8 general[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                             17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, REG_PC, REG_CPSR};

/* struct user_fpsimd_state */
static u32 float_note(Task *t, u8 *out, u32 *size)
{
    u32 control[4] = {(u32)get_fpsr(t), (u32)get_fpcr(t)};
    memcpy(out, a64(t)->v, sizeof a64(t)->v);
    memcpy(out + sizeof a64(t)->v, control, sizeof control);
    *size = sizeof a64(t)->v + sizeof control;
    return NT_PRFPREG;
}

static bool set_float(Task *t, const u8 *in, u64 size)
{
    u32 control[2];
    u64 registers = sizeof a64(t)->v;
    if (size < registers + sizeof control)
        return false;
    memcpy(a64(t)->v, in, registers);
    memcpy(control, in + registers, sizeof control);
    set_fpsr(t, control[0]);
    set_fpcr(t, control[1]);
    return true;
}

const DebugGuest debug_aarch64 = {
    .architecture = "aarch64",
    .features = features,
    .nfeatures = LEN(features),
    .regs = regs,
    .nregs = LEN(regs),
    .pc = REG_PC,
    .sp = REG_SP,
    .fp = 29,
    .ra = 30,
    .frame_records = true,
    .watch_before = true,
    .general = general,
    .ngeneral = LEN(general),
    .float_note = float_note,
    .set_float = set_float,
    .point_notes = {NT_ARM_HW_BREAK, NT_ARM_HW_WATCH},
    .point_info = 6 << 8, /* Armv8.0's debug architecture */
    .call_note = NT_ARM_SYSTEM_CALL,
    .float_owner = "CORE",
    .leave = leave,
    .enter = a64_enter_thread,
};
