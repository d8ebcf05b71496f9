/* AArch64 signal frames: struct rt_sigframe of arch/arm64/kernel/signal.c with the FPSIMD record, and the frame
 * record that x29 points at. Layouts: arch/arm64/include/uapi/asm/{sigcontext,ucontext}.h. */
#include "sigframe.h"

#include <string.h>

#include "../../frontend/aarch64/state.h"
#include "../mem.h"
#include "../signal.h"

enum {
    FPSIMD_MAGIC = 0x46508001,
    ESR_MAGIC = 0x45535201,
    EXTRA_MAGIC = 0x45585401,
    VDSO_SIGRETURN = 0x804, /* asserted by vdso/vdso.lds */
    SA_RESTORER_ = 0x04000000,
    PSTATE_NZCV = (int)0xf0000000,
    PSTATE_MODE = 0x1e, /* 0 is what programs run in, 1 the same with another stack pointer; the 16 bit is AArch32's */
    PSTATE_DAIF = 0x3c0,
};

typedef struct A64Record {
    u32 magic, size;
} A64Record;

typedef struct A64Fpsimd {
    A64Record head;
    u32 fpsr, fpcr;
    V128 v[32];
} A64Fpsimd;

typedef struct A64Esr {
    A64Record head;
    u64 esr;
} A64Esr;

typedef struct A64Extra {
    A64Record head;
    u64 data; /* the address of more records */
    u32 size, unused[3];
} A64Extra;

typedef struct A64Sigcontext {
    u64 fault_address;
    u64 regs[31], sp, pc, pstate;
    _Alignas(16) u8 reserved[4096];
} A64Sigcontext;

typedef struct A64Ucontext {
    u64 flags, link;
    GuestStack stack;
    u64 mask;
    u8 unused[1024 / 8 - sizeof(u64)];
    A64Sigcontext mcontext;
} A64Ucontext;

typedef struct A64Frame {
    u64 info[16];
    A64Ucontext uc;
} A64Frame;

typedef struct A64FrameRecord {
    u64 fp, lr;
} A64FrameRecord;

_Static_assert(sizeof(A64Fpsimd) == 528, "struct fpsimd_context");
_Static_assert(sizeof(A64Extra) == 32, "struct extra_context");
_Static_assert(offsetof(A64Sigcontext, reserved) == 288, "struct sigcontext");
_Static_assert(offsetof(A64Ucontext, mcontext) == 176, "struct ucontext");
_Static_assert(sizeof(A64Frame) == 128 + 176 + 288 + 4096, "struct rt_sigframe");
_Static_assert(A64_MINSIGSTKSZ == sizeof(A64Frame) + sizeof(A64FrameRecord) + 16, "signal_minsigstksz");

/* ESR_EL1 as the kernel shows it to user space (set_thread_esr): class, instruction length, write-not-read and fault
 * status. */
static u64 syndrome(const Task *t, const GuestSignal *s)
{
    enum { EC_IABT_LOWER = 0x20, EC_DABT_LOWER = 0x24, EC_SHIFT = 26, IL = 1 << 25, WNR = 1 << 6 };
    enum { FSC_ALIGNMENT = 0x21, FSC_PERMISSION_L3 = 0x0f, FSC_TRANSLATION_L3 = 0x07 };
    i32 code;
    memcpy(&code, (const u8 *)s->info + 8, sizeof code);
    u64 status = s->signo == SIGBUS && code == BUS_ADRALN     ? FSC_ALIGNMENT
                 : s->signo == SIGSEGV && code == SEGV_ACCERR ? FSC_PERMISSION_L3
                                                              : FSC_TRANSLATION_L3;
    u64 class = s->fault_addr == t->pc ? EC_IABT_LOWER : EC_DABT_LOWER;
    return class << EC_SHIFT | IL | status | (s->fault_error & FAULT_WRITE ? WNR : 0);
}

/* The guest goes on at t->pc as if a branch of that type had led there: see a64_settle. */
static void arrive(Task *t, u64 btype)
{
    A64State *state = a64(t);
    state->pstate &= ~(u64)PSTATE_BTYPE;
    if (unlikely(btype && a64_is_guarding())) {
        state->pstate |= btype << PSTATE_BTYPE_SHIFT;
        atomic_store(&t->attention, ATTENTION);
    }
}

void a64_settle(Task *t)
{
    A64State *state = a64(t);
    while (unlikely(state->pstate & PSTATE_BTYPE)) { /* the fault's handler is arrived at, too */
        if (a64_may_branch_to(t, t->pc, (state->pstate & PSTATE_BTYPE) >> PSTATE_BTYPE_SHIFT))
            state->pstate &= ~(u64)PSTATE_BTYPE;
        else
            signal_fault(t, SIGILL, ILL_ILLOPC, t->pc);
    }
}

bool a64_push_frame(Task *t, const GuestSignal *s)
{
    A64State *state = a64(t);
    A64FrameRecord record = {state->x[29], state->x[30]};
    u64 sp = s->sp & ~(u64)15;
    u64 at_record = sp - sizeof record;
    u64 at = at_record - sizeof(A64Frame);
    A64Frame f;
    memset(&f, 0, sizeof f);
    memcpy(f.info, s->info, sizeof f.info);
    f.uc.stack = s->stack;
    f.uc.mask = s->mask;
    A64Sigcontext *c = &f.uc.mcontext;
    c->fault_address = s->fault_addr;
    memcpy(c->regs, state->x, sizeof c->regs);
    c->sp = state->sp;
    c->pc = t->pc;
    c->pstate = a64_nzcv(state) | state->pstate;
    A64Fpsimd fp = {.head = {FPSIMD_MAGIC, sizeof fp}, .fpsr = a64_fpsr(t), .fpcr = a64_fpcr(t)};
    memcpy(fp.v, state->v, sizeof fp.v);
    memcpy(c->reserved, &fp, sizeof fp);
    if (s->fault) {
        A64Esr esr = {.head = {ESR_MAGIC, sizeof esr}, .esr = syndrome(t, s)};
        memcpy(c->reserved + sizeof fp, &esr, sizeof esr);
    }
    if (mem_write(at, &f, sizeof f) || mem_write(at_record, &record, sizeof record))
        return false;
    state->x[0] = (u64)s->signo;
    if (s->action.flags & SA_SIGINFO) {
        state->x[1] = at;
        state->x[2] = at + offsetof(A64Frame, uc);
    }
    state->x[29] = at_record;
    state->x[30] = s->action.flags & SA_RESTORER_ ? s->action.restorer : t->process->vdso + VDSO_SIGRETURN;
    state->sp = at;
    t->pc = s->action.handler;
    arrive(t, A64_BTYPE_CALL);
    return true;
}

/* The FPSIMD record's place among a frame's records, which user space may have moved: parse_user_sigframe of
 * arch/arm64/kernel/signal.c. 0 if it isn't there once, as the only one that we know, or the records are malformed. */
static u64 find_fpsimd(u64 frame)
{
    enum : u64 { FRAME_MAX = 64 << 10, TERMINATOR = 16 };
    u64 base = frame + offsetof(A64Frame, uc.mcontext.reserved), limit = sizeof(((A64Sigcontext *)0)->reserved);
    u64 at = 0, found = 0;
    bool extra = false;
    for (;;) {
        A64Record head;
        if (limit - at < sizeof head || at % 16 || mem_read(&head, base + at, sizeof head) || head.size > limit - at)
            return 0;
        switch (head.magic) {
        case 0:
            return head.size ? 0 : found;
        case FPSIMD_MAGIC:
            if (found || head.size != sizeof(A64Fpsimd))
                return 0;
            found = base + at;
            break;
        case ESR_MAGIC:
            break;
        case EXTRA_MAGIC: { /* the records go on behind the frame */
            A64Extra e;
            A64Record end;
            u64 next = base + at + head.size;
            if (extra || head.size < sizeof e || limit - at - head.size < TERMINATOR ||
                mem_read(&e, base + at, sizeof e) || mem_read(&end, next, sizeof end) || end.magic || end.size)
                return 0;
            next += TERMINATOR;
            if (e.data != next || e.data % 16 || e.size % 16 || e.size > frame + FRAME_MAX - next)
                return 0;
            extra = true;
            base = next;
            at = 0;
            limit = e.size;
            continue;
        }
        default:
            return 0;
        }
        if (head.size < sizeof head)
            return 0;
        at += head.size;
    }
}

static bool restore(Task *t, u64 at)
{
    A64State *state = a64(t);
    A64Frame f;
    A64Fpsimd fp;
    if (at & 15 || mem_read(&f, at, offsetof(A64Frame, uc.mcontext.reserved)))
        return false;
    const A64Sigcontext *c = &f.uc.mcontext;
    signal_set_mask(t, f.uc.mask);
    memcpy(state->x, c->regs, sizeof state->x);
    state->sp = c->sp;
    t->pc = c->pc;
    a64_set_nzcv(state, (u32)c->pstate & (u32)PSTATE_NZCV);
    state->pstate = c->pstate & (PSTATE_SSBS | PSTATE_DIT);
    arrive(t, (c->pstate & PSTATE_BTYPE) >> PSTATE_BTYPE_SHIFT);
    state->excl_addr = NO_EXCL;
    u64 record = c->pstate & (PSTATE_MODE | PSTATE_DAIF) ? 0 : find_fpsimd(at);
    if (!record || mem_read(&fp, record, sizeof fp))
        return false;
    memcpy(state->v, fp.v, sizeof fp.v);
    a64_set_fpcr(t, fp.fpcr);
    a64_set_fpsr(t, fp.fpsr);
    signal_alt_stack(t, &f.uc.stack, NULL); /* what it thinks of that isn't told to anyone */
    return true;
}

void a64_pop_frame(Task *t)
{
    Mapping m;
    A64State *state = a64(t);
    if (!restore(t, state->sp)) /* arm64_notify_segfault */
        signal_fault(t, SIGSEGV, mem_next(t->process->mem, state->sp, &m) ? SEGV_ACCERR : SEGV_MAPERR, state->sp);
}
