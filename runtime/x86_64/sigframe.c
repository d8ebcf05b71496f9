/* x86-64 signal frames: struct rt_sigframe of arch/x86/include/asm/sigframe.h, and above it the XSAVE area with what
 * arch/x86/kernel/fpu/signal.c says of it in its software part. */
#include "sigframe.h"

#include <string.h>
#include <xmmintrin.h>

#include "../../frontend/x86_64/features.h"
#include "../../frontend/x86_64/x86.h"
#include "../mem.h"
#include "../signal.h"

enum : u32 {
    XSTATE_MAGIC1 = 0x46505853,
    XSTATE_MAGIC2 = 0x46505845,
    UC_FP_XSTATE = 1,
    UC_SIGCONTEXT_SS = 2,
    UC_STRICT_RESTORE_SS = 4,
    USER_CS = 0x33,
    USER_SS = 0x2b,
    RED_ZONE = 128,
    FX_SIZE = 512,
    FX_SOFTWARE = 464,
    XSTATE_BV = 512,
    YMMH = 576,
};

typedef struct X86Sigcontext {
    u64 r8_15[8], di, si, bp, bx, dx, ax, cx, sp, ip, flags;
    u16 cs, gs, fs, ss;
    u64 err, trapno, oldmask, cr2, fpstate, reserved[8];
} X86Sigcontext;
_Static_assert(sizeof(X86Sigcontext) == 256, "struct sigcontext_64");

typedef struct X86Frame {
    u64 return_address;
    u64 flags, link;
    GuestStack stack;
    X86Sigcontext mcontext;
    u64 mask;
    u64 info[16];
} X86Frame;
_Static_assert(sizeof(X86Frame) == 8 + 40 + 256 + 8 + 128, "struct rt_sigframe");

/* struct _fpx_sw_bytes */
typedef struct Software {
    u32 magic1, extended_size;
    u64 xfeatures;
    u32 xstate_size, padding[7];
} Software;

static u32 area_size(void)
{
    return x86_has(X86_FT_xsave) ? x86_xsave_size(x86_xcr0()) : FX_SIZE;
}

static u32 area_extended(void)
{
    return x86_has(X86_FT_xsave) ? area_size() + (u32)sizeof(u32) : FX_SIZE;
}

/* Writes the area for the frame to `area`, area_extended() bytes. */
static void fill_area(const Task *t, u8 *area)
{
    const X86State *s = (const X86State *)t->state;
    x86_save_area(t, area, true);
    if (!x86_has(X86_FT_xsave))
        return;
    u64 xcr0 = x86_xcr0();
    Software sw = {XSTATE_MAGIC1, area_extended(), xcr0, area_size(), {0}};
    memcpy(area + FX_SOFTWARE, &sw, sizeof sw);
    memset(area + XSTATE_BV, 0, 64);
    memcpy(area + XSTATE_BV, &xcr0, sizeof xcr0);
    if (xcr0 & 4)
        memcpy(area + YMMH, s->ymmh, sizeof s->ymmh);
    memcpy(area + area_size(), &(u32){XSTATE_MAGIC2}, sizeof(u32));
}

/* What the processor says of an exception (volume 3, 6.15). */
static void describe(const GuestSignal *s, X86Sigcontext *c)
{
    i32 code;
    memcpy(&code, (const u8 *)s->info + 8, sizeof code);
    if (s->fault) {
        bool kernel = s->fault_addr >= 0x7ffffffff000; /* all of its pages seem to be there */
        c->trapno = code != SI_KERNEL ? 14 : s->signo == SIGBUS ? 12 : 13;
        c->err = code == SI_KERNEL ? 0 : 4 | s->fault_error | (kernel ? FAULT_PRESENT : 0);
        c->cr2 = s->fault_addr;
    } else if (code > 0) {
        c->trapno = s->signo == SIGILL ? 6 : s->signo == SIGFPE ? (code == FPE_INTDIV ? 0 : 19) : s->signo == SIGTRAP ? (code == SI_KERNEL ? 3 : 1) : 0;
    }
}

bool x86_push_frame(Task *t, const GuestSignal *s)
{
    _Alignas(64) u8 area[1024];
    X86State *state = x86_state(t);
    u64 sp = s->sp == state->r[RSP] ? s->sp - RED_ZONE : s->sp;
    u64 at_area = (sp - area_extended()) & ~63ull;
    u64 at = ((at_area - sizeof(X86Frame)) & ~15ull) - 8;
    X86Frame f;
    memset(&f, 0, sizeof f);
    fill_area(t, area);
    f.return_address = s->action.restorer;
    f.flags = (x86_has(X86_FT_xsave) ? UC_FP_XSTATE : 0) | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
    f.stack = s->stack;
    f.mask = s->mask;
    memcpy(f.info, s->info, sizeof f.info);
    X86Sigcontext *c = &f.mcontext;
    const u64 *r = state->r;
    memcpy(c->r8_15, r + 8, sizeof c->r8_15);
    c->di = r[RDI], c->si = r[RSI], c->bp = r[RBP], c->bx = r[RBX], c->dx = r[RDX], c->ax = r[RAX], c->cx = r[RCX], c->sp = r[RSP];
    c->ip = x86_address_of(t->pc);
    c->flags = x86_rflags(state);
    c->cs = USER_CS;
    c->ss = USER_SS;
    c->oldmask = s->mask;
    c->fpstate = at_area;
    describe(s, c);
    if (mem_write(at_area, area, area_extended()) || mem_write(at, &f, sizeof f))
        return false;
    state->r[RDI] = (u64)s->signo;
    state->r[RSI] = at + offsetof(X86Frame, info);
    state->r[RDX] = at + offsetof(X86Frame, flags);
    state->r[RAX] = 0;
    state->r[RSP] = at;
    state->direction = 0;
    state->flag_rest = 0;
    t->traps = false;
    memset(state->xmm, 0, sizeof state->xmm);
    memset(state->ymmh, 0, sizeof state->ymmh);
    x86_reset_fp();
    t->pc = s->action.handler;
    return true;
}

/* The x87 unit and vector registers from a frame's area; without one, as a program begins. */
static bool restore_area(Task *t, u64 at)
{
    _Alignas(64) u8 area[1024];
    X86State *state = x86_state(t);
    Software sw;
    u64 there = 3;
    u32 mxcsr, magic2;
    memset(state->xmm, 0, sizeof state->xmm);
    memset(state->ymmh, 0, sizeof state->ymmh);
    x86_reset_fp();
    if (!at)
        return true;
    if (at & 63 || mem_read(area, at, FX_SIZE))
        return false;
    memcpy(&sw, area + FX_SOFTWARE, sizeof sw);
    /* anything else is a plain FXSAVE area */
    if (x86_has(X86_FT_xsave) && sw.magic1 == XSTATE_MAGIC1 && sw.xstate_size >= YMMH && sw.xstate_size <= area_size() &&
        sw.extended_size >= sw.xstate_size && !mem_read(&magic2, at + sw.xstate_size, sizeof magic2) && magic2 == XSTATE_MAGIC2) {
        if (mem_read(area, at, sw.xstate_size))
            return false;
        memcpy(&there, area + XSTATE_BV, sizeof there);
        there &= sw.xfeatures & x86_xcr0();
        if (there & 4 && sw.xstate_size >= YMMH + sizeof state->ymmh)
            memcpy(state->ymmh, area + YMMH, sizeof state->ymmh);
    }
    memcpy(&mxcsr, area + 24, sizeof mxcsr);
    if (mxcsr & ~0xffffu)
        return false;
    if (there & 1)
        x86_load_x87(area, true);
    if (there & 2)
        memcpy(state->xmm, area + 160, sizeof state->xmm);
    _mm_setcsr(mxcsr);
    return true;
}

static bool restore(Task *t, u64 at)
{
    X86State *state = x86_state(t);
    X86Frame f;
    if (mem_read(&f, at, sizeof f))
        return false;
    const X86Sigcontext *c = &f.mcontext;
    signal_set_mask(t, f.mask);
    u64 *r = state->r;
    memcpy(r + 8, c->r8_15, sizeof c->r8_15);
    r[RDI] = c->di, r[RSI] = c->si, r[RBP] = c->bp, r[RBX] = c->bx, r[RDX] = c->dx, r[RAX] = c->ax, r[RCX] = c->cx, r[RSP] = c->sp;
    t->pc = c->ip;
    x86_set_rflags(state, c->flags);
    t->traps = c->flags & X86_TF;
    if (!restore_area(t, c->fpstate))
        return false;
    signal_alt_stack(t, &f.stack, NULL); /* what it thinks of that isn't told to anyone */
    return true;
}

void x86_pop_frame(Task *t)
{
    u64 at = x86_state(t)->r[RSP] - 8;
    if (!restore(t, at))
        signal_fault(t, SIGSEGV, SI_KERNEL, 0);
}
