/* 32-bit Arm's signal frames: struct sigframe and rt_sigframe of arch/arm/kernel/signal.h with the VFP record. */
#include "sigframe.h"

#include <string.h>

#include "../../frontend/arm/state.h"
#include "../mem.h"
#include "../signal.h"
#include "layout.h"

enum {
    VFP_MAGIC = 0x56465001,
    SA_RESTORER_ = 0x04000000,
    RT = 4,        /* words of the return code by kind: A32, then T32 behind both of A32 */
    THUMB = 16,
};

typedef struct ArmSigcontext {
    u32 trap_no, error_code, oldmask;
    u32 r[16];
    u32 cpsr, fault_address;
} ArmSigcontext;
_Static_assert(sizeof(ArmSigcontext) == 84, "struct sigcontext");

typedef struct ArmVfp {
    u32 magic, size;
    u8 d[256]; /* of doubles */
    u32 fpscr, pad;
    u32 fpexc, fpinst, fpinst2, pad2;
} ArmVfp;
_Static_assert(sizeof(ArmVfp) == 288 && offsetof(ArmVfp, fpexc) == 272, "struct vfp_sigframe");

typedef struct ArmUcontext {
    u32 flags, link;
    ArmStack stack;
    ArmSigcontext mcontext;
    u32 mask[2];
    u32 unused[30];
    _Alignas(8) u8 regspace[512];
} ArmUcontext;
_Static_assert(offsetof(ArmUcontext, mcontext) == 20 && offsetof(ArmUcontext, mask) == 104, "struct ucontext");
_Static_assert(offsetof(ArmUcontext, regspace) == 232 && sizeof(ArmUcontext) == 744, "struct ucontext");

typedef struct ArmFrame {
    ArmSiginfo info; /* not in one for a handler without SA_SIGINFO */
    ArmUcontext uc;
    u32 retcode[4];
} ArmFrame;
_Static_assert(offsetof(ArmFrame, uc) == 128, "struct rt_sigframe");

bool arm_push_frame(Task *t, const GuestSignal *s)
{
    ArmState *state = arm_state(t);
    bool rt = s->action.flags & SA_SIGINFO;
    u64 start = rt ? 0 : offsetof(ArmFrame, uc);
    u64 at = ((s->sp - (sizeof(ArmFrame) - start)) & ~7ull) - start;
    ArmFrame f;
    memset(&f, 0, sizeof f);
    siginfo_t info;
    memcpy(&info, s->info, sizeof info);
    arm_siginfo_of(&f.info, &info);
    f.uc.stack = (ArmStack){(u32)s->stack.sp, s->stack.flags, (u32)s->stack.size};
    if (!rt)
        f.uc.flags = 0x5ac3c35a; /* setup_frame: no one fills what ucontext has of its own */
    f.uc.mask[0] = (u32)s->mask;
    f.uc.mask[1] = (u32)(s->mask >> 32);
    ArmSigcontext *c = &f.uc.mcontext;
    c->oldmask = (u32)s->mask;
    for (u32 n = 0; n < 15; n++)
        c->r[n] = (u32)state->r[n];
    arm_leave_standard_fp(t);
    c->r[15] = (u32)(t->pc & ARM_CODE_MASK);
    c->cpsr = arm_cpsr(state, t->pc);
    c->fault_address = (u32)s->fault_addr;
    if (s->fault) {
        c->trap_no = 14;
        c->error_code = s->fault_error & FAULT_WRITE ? 0x817 : 0x17;
    }
    ArmVfp vfp = {.magic = VFP_MAGIC, .size = sizeof vfp, .fpscr = arm_fpscr(t), .fpexc = 1u << 30};
    memcpy(vfp.d, state->v, sizeof vfp.d);
    memcpy(f.uc.regspace, &vfp, sizeof vfp);
    if (mem_write(at + start, (u8 *)&f + start, sizeof f - start))
        return false;
    bool thumb = s->action.handler & 1;
    u64 restorer = ARM_KUSER_SIGRETURN + (thumb ? THUMB + (rt ? RT : 0) + 1 : rt ? 2 * RT : 0);
    state->r[0] = (u32)s->signo;
    if (rt) {
        state->r[1] = at;
        state->r[2] = at + offsetof(ArmFrame, uc);
    }
    state->r[13] = at + start;
    state->r[14] = (u32)(s->action.flags & SA_RESTORER_ ? s->action.restorer : restorer);
    state->it = state->endian = 0;
    t->pc = (u32)s->action.handler;
    return true;
}

static bool restore(Task *t, u64 at)
{
    ArmState *state = arm_state(t);
    ArmUcontext uc;
    ArmVfp vfp;
    if (at & 7 || mem_read(&uc, at + offsetof(ArmFrame, uc), sizeof uc))
        return false;
    signal_set_mask(t, uc.mask[0] | (u64)uc.mask[1] << 32);
    const ArmSigcontext *c = &uc.mcontext;
    for (u32 n = 0; n < 15; n++)
        state->r[n] = c->r[n];
    if ((c->cpsr & 0x1f) != ARM_CPSR_USER)
        return false;
    u64 mode = arm_set_cpsr(state, c->cpsr);
    t->pc = (c->r[15] & (mode & ARM_THUMB ? ~1u : ~3u)) | mode;
    state->excl_addr = ARM_NO_EXCL;
    memcpy(&vfp, uc.regspace, sizeof vfp);
    if (vfp.magic != VFP_MAGIC || vfp.size != sizeof vfp)
        return false;
    memcpy(state->v, vfp.d, sizeof vfp.d);
    arm_set_fpscr(t, vfp.fpscr);
    GuestStack stack = {.sp = uc.stack.sp, .flags = uc.stack.flags, .size = uc.stack.size};
    if (uc.flags != 0x5ac3c35a)
        signal_alt_stack(t, &stack, NULL); /* what it thinks of that isn't told to anyone */
    return true;
}

void arm_pop_frame(Task *t)
{
    if (!restore(t, arm_state(t)->r[13]))
        signal_fault(t, SIGSEGV, SEGV_MAPERR, arm_state(t)->r[13]);
}
