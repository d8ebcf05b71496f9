/* An AArch64 thread's registers, in Task.state, and their parts that are not kept as the architecture shows them. */
#ifndef DRAGOMAN_A64_STATE_H
#define DRAGOMAN_A64_STATE_H

#include "../fpcr.h"

/* APIAKey_EL1 and the others, in the order of the instructions' fields */
typedef struct A64Key {
    u64 lo, hi;
} A64Key;
enum { A64_KEY_IA, A64_KEY_IB, A64_KEY_DA, A64_KEY_DB, A64_KEY_GA, A64_KEYS };

typedef struct A64State {
    /* NZCV, lazily: kind is a FlagKind (a u32 that a 64-bit access may not be used on), see include/ir.h. */
    u32 flag_kind, flag_pad;
    u64 flag_a, flag_b;
    u64 x[31];
    u64 sp;
    u64 fpcr; /* AHP, DN, FZ, RMode, FZ16, EBF as written; the host's MXCSR holds what it can of them */
    V128 v[32];
    u64 fpsr; /* the cumulative bits but those that are yet in MXCSR, Task.fp_status and Task.saturated (QC) */
    u64 tpidr, tpidrro;
    u64 pstate; /* SSBS and DIT */
    u64 excl_addr; /* what the exclusive monitor watches, or NO_EXCL */
    V128 excl_val; /* what was loaded from it; a store exclusive succeeds if it is still there */
    A64Key keys[A64_KEYS];
    u64 keys_off; /* a bit for each key but GA: SCTLR_EL1.EnIA and the others are 0 */
} A64State;

#define NO_EXCL (~0ull)

#define OFF_X(n) ((u32)(offsetof(A64State, x) + 8 * (n)))
#define OFF_SP ((u32)offsetof(A64State, sp))
#define OFF_V(n) ((u32)(offsetof(A64State, v) + 16 * (n)))
#define OFF_FPCR ((u32)offsetof(A64State, fpcr))
#define OFF_FPSR ((u32)offsetof(A64State, fpsr))
#define OFF_PSTATE ((u32)offsetof(A64State, pstate))
#define OFF_TPIDR ((u32)offsetof(A64State, tpidr))
#define OFF_TPIDRRO ((u32)offsetof(A64State, tpidrro))
#define OFF_EXCL_ADDR ((u32)offsetof(A64State, excl_addr))
#define OFF_EXCL_VAL ((u32)offsetof(A64State, excl_val))
#define OFF_FLAG_KIND ((u32)offsetof(A64State, flag_kind))
#define OFF_FLAG_A ((u32)offsetof(A64State, flag_a))
#define OFF_FLAG_B ((u32)offsetof(A64State, flag_b))

_Static_assert(sizeof(A64State) <= STATE_BYTES, "Task.state holds the registers");
_Static_assert(offsetof(A64State, sp) == OFF_X(31), "register 31 of the SP forms");
_Static_assert(offsetof(A64State, v) % 16 == 0 && offsetof(A64State, excl_val) % 16 == 0,
               "get128 and put128 want 16-byte alignment");

static inline A64State *a64(Task *t)
{
    return (A64State *)t->state;
}

/* PSTATE.BTYPE: what an indirect branch leaves there, BR by x16 or x17 or from a page that isn't guarded, BLR, BR. */
enum { A64_BTYPE_VENEER = 1, A64_BTYPE_CALL, A64_BTYPE_JUMP };
enum { PSTATE_BTYPE_SHIFT = 10, PSTATE_BTYPE = 3 << PSTATE_BTYPE_SHIFT };
enum { A64_PROT_BTI = 0x10 }; /* Mapping.prot of a guarded page */
/* Whether the instruction at pc may be reached by such a branch. */
bool a64_may_branch_to(Task *t, u64 pc, u32 btype);
/* From now on indirect branches are translated with a look where they lead; true the first time. */
bool a64_guard_code(void);
bool a64_is_guarding(void);
/* Code, or whether it is guarded, may be another now. */
void a64_targets_changed(void);
/* PSTATE bits as the register of the same name shows them, C5.2. */
enum { PSTATE_SSBS = 1 << 12, PSTATE_DIT = 1 << 24 };
/* What can be written, Arm ARM C5.2.8 and C5.2.10. */
enum { FPCR_MASK = 0x07c80000 };
#define FPSR_MASK 0xf800009fu

/* NZCV in bits 31..28, as MRS NZCV and PSTATE show it. */
u32 a64_nzcv(const A64State *s);
void a64_set_nzcv(A64State *s, u32 nzcv);

/* FPSR and FPCR as MRS shows and MSR takes them. They read and write this host thread's MXCSR, so t must be the
 * caller's own. */
u32 a64_fpsr(Task *t);
void a64_set_fpsr(Task *t, u32 fpsr);
u32 a64_fpcr(const Task *t);
void a64_set_fpcr(Task *t, u32 fpcr);
/* Random keys, for a new program and PR_PAC_RESET_KEYS: those whose bits are set. */
void a64_new_keys(A64State *s, u32 keys);
/* Sets up MXCSR on a host thread that is about to run t, from t's FPCR; a new thread's flags are in A64State.fpsr. */
void a64_enter_thread(Task *t);

#endif
