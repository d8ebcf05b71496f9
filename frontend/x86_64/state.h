/* An x86-64 thread's registers, in Task.state. What the host has of the same kind is kept there while the thread runs: MXCSR, and the
 * whole x87 unit (which the MMX registers are part of). */
#ifndef DRAGOMAN_X86_STATE_H
#define DRAGOMAN_X86_STATE_H

#include "../../include/task.h"

typedef struct X86State {
    /* The flags, lazily: those of the operation flag_kind on flag_a and flag_b, see flags.c. First, where a displacement of a byte reaches. */
    u32 flag_kind, flag_pad;
    u64 flag_a, flag_b;
    u64 carry, over; /* CF and OF, 0 or 1, where flag_kind says that they are apart */
    u64 r[16];       /* rax rcx rdx rbx rsp rbp rsi rdi r8 ... */
    u64 fs, gs;      /* bases of the segments */
    u64 direction;   /* DF */
    u64 flag_rest;   /* AC, ID, NT and TF (which Task.traps follows), at their places in RFLAGS */
    u64 nowhere;     /* the address of scratch: where accesses of lanes that are masked out go */
    u64 compat;      /* 1 while a system call made by INT 0x80 is under way */
    V128 xmm[16], ymmh[16]; /* the YMM registers' halves */
    V128 scratch[4];
    u32 selector[6]; /* of ES, CS, SS, DS, FS and GS */
} X86State;

/* flag_kind: a FlagKind of 32 or 64 bits (include/ir.h), and */
enum {
    X86_KIND = 15,       /* (the FlagKind) */
    X86_CARRY = 16,      /* CF is in carry */
    X86_OVER = 32,       /* OF is in over */
    X86_BORROW = 64,     /* CF is the complement of the FlagKind's C */
    X86_SHIFT = 8,       /* from this bit on: by how much the operands of 8 or 16 bits are shifted, to have their top at bit 31 */
};
/* FLAG_BITS has A and P below N, Z, C and V. */
enum : u32 { X86_BITS_A = 1u << 27, X86_BITS_P = 1u << 26 };

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };
/* Linux's selectors */
enum { X86_USER32_CS = 0x23, X86_USER_DS = 0x2b, X86_USER_CS = 0x33, X86_CPU_NODE = 0x7b };

/* RFLAGS */
enum {
    X86_CF = 1, X86_PF = 4, X86_AF = 0x10, X86_ZF = 0x40, X86_SF = 0x80, X86_TF = 0x100, X86_IF = 0x200, X86_DF = 0x400,
    X86_OF = 0x800, X86_NT = 0x4000, X86_RF = 0x10000, X86_AC = 0x40000, X86_ID = 0x200000,
    X86_FLAGS_FIXED = 0x202, X86_FLAGS_REST = X86_TF | X86_NT | X86_AC | X86_ID,
};

#define OFF_R(n) ((u32)(offsetof(X86State, r) + 8 * (n)))
#define OFF(field) ((u32)offsetof(X86State, field))
#define OFF_XMM(n) ((u32)(offsetof(X86State, xmm) + 16 * (n)))
#define OFF_YMMH(n) ((u32)(offsetof(X86State, ymmh) + 16 * (n)))

_Static_assert(sizeof(X86State) <= STATE_BYTES, "Task.state holds the registers");
_Static_assert(offsetof(X86State, xmm) % 16 == 0, "get128 and put128 want 16-byte alignment");

static inline X86State *x86_state(Task *t)
{
    return (X86State *)t->state;
}

u64 x86_rflags(const X86State *s);
void x86_set_rflags(X86State *s, u64 flags); /* those that a program may change */
/* Sets up MXCSR and the x87 unit as a new program finds them. */
void x86_enter_thread(Task *t);
void x86_reset_fp(void);

#endif
