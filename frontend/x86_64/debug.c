/* const DebugGuest debug_x86_64: registers as gdb's features org.gnu.gdb.i386.* have them. What the host has of them while the thread runs,
 * MXCSR and the x87 unit, is saved in Task.spill, which translated code alone uses. */
#include <elf.h>
#include <string.h>
#include <xmmintrin.h>

#include "../../include/debugger.h"
#include "../../include/guest.h"
#include "x86.h"

/* The FXSAVE area: volume 1, 10.5.1. */
typedef struct Saved {
    u16 fcw, fsw;
    u8 ftw, reserved;
    u16 fop;
    u32 fip, fcs, fdp, fds, mxcsr, mxcsr_mask;
    u8 st[8][16];
} Saved;
_Static_assert(sizeof(((Task *)0)->spill) >= 512 && offsetof(Saved, st) == 32, "Task.spill holds it");

static Saved *saved(Task *t)
{
    return (Saved *)t->spill;
}

static void leave(Task *t)
{
    x86_save_area(t, t->spill, true);
}

static void enter(Task *t)
{
    x86_load_x87(t->spill, true);
    _mm_setcsr(saved(t)->mxcsr);
}

/* FXSAVE has a bit for each register that isn't empty, in the order of the registers; the tag word as FSAVE has it says more. */
static u64 get_ftag(Task *t)
{
    u64 tags = 0;
    for (u32 i = 0; i < 8; i++)
        tags |= (saved(t)->ftw >> i & 1 ? 0ull : 3ull) << 2 * i;
    return tags;
}

static void set_ftag(Task *t, u64 v)
{
    saved(t)->ftw = 0;
    for (u32 i = 0; i < 8; i++)
        saved(t)->ftw |= (u8)((v >> 2 * i & 3) != 3) << i;
}

#define FIELD(name, field, type) \
    static u64 get_##name(Task *t) \
    { \
        return saved(t)->field; \
    } \
    static void set_##name(Task *t, u64 v) \
    { \
        saved(t)->field = (type)v; \
    }
FIELD(fctrl, fcw, u16)
FIELD(fstat, fsw, u16)
FIELD(fiseg, fcs, u32)
FIELD(fioff, fip, u32)
FIELD(foseg, fds, u32)
FIELD(fooff, fdp, u32)
FIELD(fop, fop, u16)
FIELD(mxcsr, mxcsr, u32)

static u64 get_rip(Task *t)
{
    return code_address(t->guest, t->pc);
}

static void set_rip(Task *t, u64 v)
{
    t->pc = v;
}

static u64 get_eflags(Task *t)
{
    return x86_rflags(x86_state(t));
}

static void set_eflags(Task *t, u64 v)
{
    x86_set_rflags(x86_state(t), v);
}

/* Selectors, which user space doesn't change. */
static u64 get_cs(Task *t)
{
    return 0x33;
}

static u64 get_ss(Task *t)
{
    return 0x2b;
}

static u64 get_ds(Task *t)
{
    return 0;
}

/* The system call that a thread is in: it is in none when it stands. */
static u64 get_orig_rax(Task *t)
{
    return ~0ull;
}

static void set_nothing(Task *t, u64 v)
{
}

enum { CORE, SSE, LINUX, SEGMENTS, AVX };
static const DebugFeature features[] = {
    [CORE] = {"org.gnu.gdb.i386.core",
              "<flags id=\"i386_eflags\" size=\"4\"><field name=\"CF\" start=\"0\" end=\"0\"/><field name=\"\" start=\"1\" end=\"1\"/>"
              "<field name=\"PF\" start=\"2\" end=\"2\"/><field name=\"AF\" start=\"4\" end=\"4\"/>"
              "<field name=\"ZF\" start=\"6\" end=\"6\"/><field name=\"SF\" start=\"7\" end=\"7\"/>"
              "<field name=\"TF\" start=\"8\" end=\"8\"/><field name=\"IF\" start=\"9\" end=\"9\"/>"
              "<field name=\"DF\" start=\"10\" end=\"10\"/><field name=\"OF\" start=\"11\" end=\"11\"/>"
              "<field name=\"NT\" start=\"14\" end=\"14\"/><field name=\"RF\" start=\"16\" end=\"16\"/>"
              "<field name=\"AC\" start=\"18\" end=\"18\"/><field name=\"ID\" start=\"21\" end=\"21\"/></flags>"},
    [SSE] = {"org.gnu.gdb.i386.sse",
             "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/><vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
             "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/><vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
             "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/><vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
             "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/>"
             "<field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/>"
             "<field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>"
             "<field name=\"uint128\" type=\"uint128\"/></union>"
             "<flags id=\"i386_mxcsr\" size=\"4\"><field name=\"IE\" start=\"0\" end=\"0\"/><field name=\"DE\" start=\"1\" end=\"1\"/>"
             "<field name=\"ZE\" start=\"2\" end=\"2\"/><field name=\"OE\" start=\"3\" end=\"3\"/>"
             "<field name=\"UE\" start=\"4\" end=\"4\"/><field name=\"PE\" start=\"5\" end=\"5\"/>"
             "<field name=\"DAZ\" start=\"6\" end=\"6\"/><field name=\"FZ\" start=\"15\" end=\"15\"/></flags>"},
    [LINUX] = {"org.gnu.gdb.i386.linux", ""},
    [SEGMENTS] = {"org.gnu.gdb.i386.segments", ""},
    [AVX] = {"org.gnu.gdb.i386.avx", ""},
};

#define SPILL (offsetof(Task, spill) - offsetof(Task, state))
#define R(called, n, number) {.name = called, .bits = 64, .dwarf = number, .type = "int64", .offset = OFF_R(n), .slot = 8}
#define P(called, n, number) {.name = called, .bits = 64, .dwarf = number, .type = "data_ptr", .offset = OFF_R(n), .slot = 8}
#define MADE(what, width, of, as, put) {.name = #what, .bits = width, .feature = of, .dwarf = -1, .type = as, .get = get_##what, .set = put}
#define SELECTOR(called, from) {.name = called, .bits = 32, .dwarf = -1, .type = "int32", .get = get_##from, .set = set_nothing}
#define ST(n) {.name = "st" #n, .bits = 80, .dwarf = -1, .type = "i387_ext", .offset = SPILL + offsetof(Saved, st) + 16 * n, .slot = 10}
#define X87(what) {.name = #what, .bits = 32, .dwarf = -1, .type = "int", .get = get_##what, .set = set_##what}
#define XMM(n) {.name = "xmm" #n, .bits = 128, .feature = SSE, .dwarf = -1, .type = "vec128", .offset = OFF_XMM(n), .slot = 16}
#define YMMH(n) {.name = "ymm" #n "h", .bits = 128, .feature = AVX, .dwarf = -1, .type = "uint128", .offset = OFF_YMMH(n), .slot = 16}
#define BASE(called, field) {.name = called, .bits = 64, .feature = SEGMENTS, .dwarf = -1, .type = "int", .offset = OFF(field), .slot = 8}
static const DebugReg regs[] = {
    R("rax", RAX, 0), R("rbx", RBX, 3), R("rcx", RCX, 2), R("rdx", RDX, 1), R("rsi", RSI, 4), R("rdi", RDI, 5),
    P("rbp", RBP, 6), P("rsp", RSP, 7),
    R("r8", 8, 8), R("r9", 9, 9), R("r10", 10, 10), R("r11", 11, 11), R("r12", 12, 12), R("r13", 13, 13), R("r14", 14, 14), R("r15", 15, 15),
    MADE(rip, 64, CORE, "code_ptr", set_rip),
    MADE(eflags, 32, CORE, "i386_eflags", set_eflags),
    SELECTOR("cs", cs), SELECTOR("ss", ss), SELECTOR("ds", ds), SELECTOR("es", ds), SELECTOR("fs", ds), SELECTOR("gs", ds),
    ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),
    X87(fctrl), X87(fstat), X87(ftag), X87(fiseg), X87(fioff), X87(foseg), X87(fooff), X87(fop),
    XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7), XMM(8), XMM(9), XMM(10), XMM(11), XMM(12), XMM(13), XMM(14), XMM(15),
    MADE(mxcsr, 32, SSE, "i386_mxcsr", set_mxcsr),
    MADE(orig_rax, 64, LINUX, "int", set_nothing),
    BASE("fs_base", fs), BASE("gs_base", gs),
    YMMH(0), YMMH(1), YMMH(2), YMMH(3), YMMH(4), YMMH(5), YMMH(6), YMMH(7),
    YMMH(8), YMMH(9), YMMH(10), YMMH(11), YMMH(12), YMMH(13), YMMH(14), YMMH(15),
};
enum { N_RBP = 6, N_RSP, N_RIP = 16, N_EFLAGS, N_CS, N_SS, N_ORIG = 57, N_FS_BASE, N_GS_BASE };

/* struct user_regs_struct */
static const u8 general[] = {15, 14, 13, 12, N_RBP, 1, 11, 10, 9, 8, 0, 2, 3, 4, 5, N_ORIG, N_RIP, N_CS, N_EFLAGS, N_RSP,
                             N_SS, N_FS_BASE, N_GS_BASE, DEBUG_NONE, DEBUG_NONE, DEBUG_NONE, DEBUG_NONE};

/* struct user_fpregs_struct is FXSAVE's. */
static u32 float_note(Task *t, u8 *out, u32 *size)
{
    *size = 512;
    memcpy(out, t->spill, *size);
    return NT_PRFPREG;
}

const DebugGuest debug_x86_64 = {
    .architecture = "i386:x86-64",
    .features = features,
    .nfeatures = LEN(features),
    .regs = regs,
    .nregs = LEN(regs),
    .pc = N_RIP,
    .sp = N_RSP,
    .fp = N_RBP,
    .ra = 16,
    .frame_records = true,
    .general = general,
    .ngeneral = LEN(general),
    .float_note = float_note,
    .float_owner = "CORE",
    .leave = leave,
    .enter = enter,
};
