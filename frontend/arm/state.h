/* A 32-bit Arm thread's registers, in Task.state, and their parts that are not kept as the architecture shows them. */
#ifndef DRAGOMAN_ARM_STATE_H
#define DRAGOMAN_ARM_STATE_H

#include "../fpcr.h"

typedef struct ArmState {
    /* The flags, lazily. N is bit 63 of nz, Z that its low half is 0. C and V are those of the operation flag_kind (a FlagKind,
     * include/ir.h) on flag_a and flag_b; but C is in carry if ARM_CARRY is added to the kind, as a shifter's carry leaves V. */
    u32 flag_kind, flag_pad;
    u64 nz, flag_a, flag_b, carry;
    u64 r[15]; /* zero-extended always: they are host addresses as they stand */
    u64 q;      /* APSR.Q, 0 or 1 */
    u64 ge;     /* APSR.GE, as a mask of bytes: all ones where the bit is set */
    u64 it;     /* ITSTATE of the instruction at pc */
    u64 endian; /* CPSR.E: data is big-endian */
    V128 v[16]; /* Q0..Q15; Dn and Sn are their parts */
    u64 fpscr;   /* all but the flags, and the cumulative bits that are yet in MXCSR, Task.fp_status and Task.saturated (QC) */
    u64 fp_nzcv; /* the flags, in bits 31..28 */
    u64 tpidrurw, tpidruro;
    u64 excl_addr; /* what the exclusive monitor watches, or ARM_NO_EXCL */
    u64 excl_val;  /* what was loaded from it; a store exclusive succeeds if it is still there */
    u64 nowhere;   /* the address of unused: where the accesses of instructions whose condition fails go */
    _Alignas(16) u8 unused[128];
} ArmState;

#define ARM_NO_EXCL (~0ull)
enum { ARM_CARRY = 16 };

/* A pc's bits besides the address: the instruction set; ITSTATE, if the block begins within an IT block; that the condition of
 * the instruction at pc is known to hold; that the thread has the floating-point control of Advanced SIMD (neon.h); that the flags are those of a
 * comparison, or C and V those of bits (cond.c); that data is big-endian; and that all accesses so far are ordered before those to come (excl.c). */
#define ARM_THUMB 1ull
#define ARM_IT_SHIFT 32
#define ARM_IT (0xffull << ARM_IT_SHIFT)
#define ARM_HOLDS (1ull << 40)
#define ARM_STANDARD (1ull << 41)
#define ARM_COMPARED (1ull << 42)
enum { ARM_BIG_SHIFT = 43 };
#define ARM_BIG (1ull << ARM_BIG_SHIFT)
#define ARM_BITS (1ull << 44)
#define ARM_ORDERED (1ull << 45)
#define ARM_CODE_MASK 0xfffffffeull

#define OFF_R(n) ((u32)(offsetof(ArmState, r) + 8 * (n)))
#define OFF(field) ((u32)offsetof(ArmState, field))
#define OFF_Q(n) ((u32)(offsetof(ArmState, v) + 16 * (n)))
#define OFF_D(n) ((u32)(offsetof(ArmState, v) + 8 * (n)))
#define OFF_S(n) ((u32)(offsetof(ArmState, v) + 4 * (n)))

_Static_assert(sizeof(ArmState) <= STATE_BYTES, "Task.state holds the registers");
_Static_assert(offsetof(ArmState, v) % 16 == 0 && offsetof(ArmState, r) % 8 == 0, "get128 and put128 want 16-byte alignment");

static inline ArmState *arm_state(Task *t)
{
    return (ArmState *)t->state;
}

/* CPSR fields, DDI 0406C B1.3.3, as signal frames show them. */
#define ARM_CPSR_Q (1u << 27)
#define ARM_CPSR_E (1u << 9)
#define ARM_CPSR_T (1u << 5)
enum { ARM_CPSR_GE_SHIFT = 16, ARM_CPSR_USER = 0x10 };
/* Of FPSCR, A2.5.3, what FPCR and FPSR don't have. */
#define FPSCR_NZCV 0xf0000000u
enum { FPSCR_VECTOR = 0x370000 }; /* length and stride of short vectors, which there aren't */

/* NZCV in bits 31..28. */
u32 arm_nzcv(const ArmState *s);
void arm_set_nzcv(ArmState *s, u32 nzcv);
/* NZCV, Q, GE, IT, E and T, of a thread that is at pc; and back: returns pc's bits besides the address. */
u32 arm_cpsr(const ArmState *s, u64 pc);
u64 arm_set_cpsr(ArmState *s, u32 cpsr);

/* FPSCR as VMRS shows and VMSR takes it. They read and write this host thread's MXCSR, so t must be the caller's own. */
u32 arm_fpscr(Task *t);
void arm_set_fpscr(Task *t, u32 fpscr);
/* For a signal: the thread's own floating-point control, wherever it was. */
void arm_leave_standard_fp(Task *t);
/* Sets up MXCSR on a host thread that is about to run t, from t's FPSCR; and what of the state depends on where it is. */
void arm_enter_thread(Task *t);

#endif
