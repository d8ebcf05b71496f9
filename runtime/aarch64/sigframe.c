/* AArch64 signal frames: struct rt_sigframe of arch/arm64/kernel/signal.c with the FPSIMD record, and the frame
 * record that x29 points at. Layouts: arch/arm64/include/uapi/asm/{sigcontext,ucontext}.h. */
#include "sigframe.h"

#include <string.h>

#include "../../frontend/aarch64/state.h"
#include "../signal.h"

enum {
    FPSIMD_MAGIC = 0x46508001,
    ESR_MAGIC = 0x45535201,
    EXTRA_MAGIC = 0x45585401,
    VDSO_SIGRETURN = 0x804, /* asserted by vdso/vdso.lds */
    SA_RESTORER_ = 0x04000000,
    PSTATE_NZCV = (int)0xf0000000,
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
    u64 status = s->signo == SIGBUS && code == BUS_ADRALN ? FSC_ALIGNMENT
        : s->signo == SIGSEGV && code == SEGV_ACCERR ? FSC_PERMISSION_L3 : FSC_TRANSLATION_L3;
    u64 class = s->fault_addr == t->pc ? EC_IABT_LOWER : EC_DABT_LOWER;
    return class << EC_SHIFT | IL | status | (s->fault_write ? WNR : 0);
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
    return true;
}

/* Finds the FPSIMD record, which user space may have moved or removed; false if the records are malformed. */
static bool restore_fp(Task *t, const A64Sigcontext *c)
{
    size_t at = 0;
    for (;;) {
        A64Record head;
        if (sizeof c->reserved - at < sizeof head)
            return false;
        memcpy(&head, c->reserved + at, sizeof head);
        if (head.magic == 0)
            return head.size == 0;
        if (head.size < sizeof head || head.size % 16 || head.size > sizeof c->reserved - at)
            return false;
        switch (head.magic) {
        case FPSIMD_MAGIC: {
            A64Fpsimd fp;
            if (head.size != sizeof fp)
                return false;
            memcpy(&fp, c->reserved + at, sizeof fp);
            memcpy(a64(t)->v, fp.v, sizeof fp.v);
            a64_set_fpcr(t, fp.fpcr);
            a64_set_fpsr(t, fp.fpsr);
            break;
        }
        case ESR_MAGIC: break;
        default: return false;
        }
        at += head.size;
    }
}

bool a64_pop_frame(Task *t)
{
    A64State *state = a64(t);
    A64Frame f;
    if (state->sp & 15 || mem_read(&f, state->sp, sizeof f))
        return false;
    const A64Sigcontext *c = &f.uc.mcontext;
    memcpy(state->x, c->regs, sizeof state->x);
    state->sp = c->sp;
    t->pc = c->pc;
    a64_set_nzcv(state, (u32)c->pstate & (u32)PSTATE_NZCV);
    state->pstate = c->pstate & (PSTATE_SSBS | PSTATE_DIT);
    state->excl_addr = NO_EXCL;
    signal_restore(t, f.uc.mask, &f.uc.stack);
    return restore_fp(t, c);
}
