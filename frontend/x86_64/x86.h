/* What the x86-64 semantics share. Sections named in comments are those of Intel's Software Developer's Manual, volume 1 or 2. */
#ifndef DRAGOMAN_X86_H
#define DRAGOMAN_X86_H

#include "../../lifter/build.h"
#include "../../lifter/flags.h"
#include "features.h"
#include "state.h"

/* -- decoding (decode.c, insns.def) ---------------------------------------------------------------------------------- */

enum { M1, M0F, M38, M3A, MAPS };                /* opcode maps */
enum { ANY, NP, P66, PF3, PF2 };                 /* mandatory prefix */
enum { NOEXT = -1, MODRM = 0x100 };              /* ext: modrm.reg, or MODRM + the whole byte */
enum {
    MEM = 1, REG = 2,                            /* modrm.mod */
    D64 = 4,                                     /* operand size 64 (or 16), as in pushes */
    F64 = 8,                                     /* 64 always, as in branches */
    LOCK = 16,                                   /* may have the prefix */
    VEX = 32,                                    /* VEX-encoded only */
    BOTH = 64,                                   /* VEX or not */
    L0 = 128,                                    /* VEX.L is 0 */
    L1 = 256,                                    /* VEX.L is 1 */
    W0 = 512, W1 = 1024,
    NOMODRM = 2048,
    AVX256 = 4096,                               /* 256 bits of it are AVX2's, and 128 are AVX's */
};

/* A row's feature, in its attributes: rows of one that the model hasn't don't count. */
#define FT(name) ((u32)X86_FT_##name << 16)

/* Operands, by the manual's names (volume 2, A.2): the second letter is the size. */
typedef enum ArgSpec {
    NOARG,
    Eb, Ew, Ed, Eq, Ev, Ey, Gb, Gw, Gd, Gq, Gv, Gy, By, Zb, Zv, AL, AX, DX_, CL, I1, Ib, Iw, Isb, Iz, Iv, Jb, Jz, Ob, Ov, Mem,
    Vx, Hx, Wx, W8, W4, W2, Lx,                  /* vectors; W8 is of 8 bytes in memory */
    Pq, Qq, Q4,                                  /* MMX */
} ArgSpec;

typedef struct Insn Insn;
typedef void LiftFn(Lift *l, Insn *i);

typedef struct Row {
    LiftFn *lift;
    const char *name;
    u8 map, opcode, pp;
    i16 ext;
    u32 attr;
    u8 arg[4];
} Row;

/* An instruction, decoded. */
struct Insn {
    const Row *row;
    u8 bytes;           /* its length */
    u8 map, opcode;
    u8 size;            /* of the operation, in bytes: 1, 2, 4, 8 */
    u8 rep;             /* 0xf2, 0xf3 or 0 */
    bool op16, addr32, lock;
    u8 seg;             /* the prefix, 0 for none */
    u8 rex;             /* 0x40..0x4f, 0 for none */
    bool w;             /* REX.W or VEX.W */
    bool vex, l256;
    u8 vvvv;
    u8 mod, reg, rm;    /* reg and rm with the bits of REX */
    u8 modrm;
    bool has_mem;
    i8 base, index;     /* registers, -1 for none; base 16 is rip */
    u8 scale;
    i32 disp;
    u64 imm;
    u8 imm8;            /* the last byte of immediates, as in is4 */
    bool has_ea;        /* the address has been made: */
    Val ea;
    i32 ea_disp;
};

/* 1: decoded; 0: there is no such instruction; 2: it is longer than 15 bytes; -1: more than `size` bytes are needed. */
int x86_decode(Insn *i, const u8 *bytes, size_t size);

#define LIFT(name) void x86_lift_##name(Lift *l, Insn *i)

/* Lift.own: what is known of the flags (flags.c). Values are 1 + theirs, 0 for unknown. */
enum {
    OWN_KIND, OWN_A, OWN_B, OWN_R, OWN_CARRY, OWN_OVER, OWN_FCMP, OWN_SIZE,
    OWN_OUT, OWN_NOT_OUT, /* of a sum with a carry in, whose kind isn't known: CF, or its complement; its result is */
    OWN_SUM, OWN_SUM_SIZE,
    OWN_PUT_CARRY, OWN_PUT_OVER, /* the ops that have put CF and OF apart */
};

/* A pc's bit besides the address: the slow way through the instruction at pc is to be taken. */
#define X86_SLOW (1ull << 62)
#define X86_CODE_MASK (~X86_SLOW)
/* Addresses of code have that bit as the one above it. */
static inline u64 x86_address_of(u64 pc)
{
    return (pc & X86_CODE_MASK) | (pc >> 1 & X86_SLOW);
}

static inline bool x86_is_canonical(u64 addr)
{
    return (u64)((i64)(addr << 16) >> 16) == addr;
}

static inline void undefined(Lift *l)
{
    l->unimplemented = true;
}

/* -- operands (operand.c) -------------------------------------------------------------------------------------------- */

/* Values of 1 and 2 bytes are zero-extended W, of 4 W, of 8 X. */
Val x86_reg(Lift *l, const Insn *i, u32 n, u32 size);
void x86_put_reg(Lift *l, const Insn *i, u32 n, u32 size, Val v);
void x86_address(Lift *l, Insn *i);        /* makes i->ea */
Val x86_effective(Lift *l, Insn *i);       /* the address without segment's base, as LEA has it */
Val x86_linear(Lift *l, Insn *i);          /* with it, as one value */
Val x86_load(Lift *l, u32 size, Val base, i32 disp);
void x86_store(Lift *l, u32 size, Val base, i32 disp, Val v);
u32 x86_arg_size(const Insn *i, u32 n);
bool x86_is_mem(const Insn *i, u32 n);
Val x86_get(Lift *l, Insn *i, u32 n);
Val x86_get_as(Lift *l, Insn *i, u32 n, u32 size); /* operand n as if it had this size */
void x86_put(Lift *l, Insn *i, u32 n, Val v);
Val x86_const(Lift *l, u32 size, u64 v);
Val x86_narrow(Lift *l, u32 size, Val v);  /* clears what is above 1 or 2 bytes */
Val x86_sx(Lift *l, u32 from, u32 to, Val v); /* sign extension */
Val x86_zx(Lift *l, u32 from, u32 to, Val v); /* zero extension, or truncation */
/* W or X op by size. */
#define SIZED(l, size, op, ...) ((size) == 8 ? op##64(l, __VA_ARGS__) : op##32(l, __VA_ARGS__))
u64 x86_mask(u32 size);
void x86_push(Lift *l, u32 size, Val v);

/* -- flags (flags.c) ------------------------------------------------------------------------------------------------- */

enum { CC_O, CC_B = 2, CC_Z = 4, CC_BE = 6, CC_S = 8, CC_P = 10, CC_L = 12, CC_LE_ = 14 };
Val x86_cond(Lift *l, u32 cc);  /* W 0 or 1 */
Val x86_carry(Lift *l);         /* W 0 or 1 */
Val x86_not_carry(Lift *l);     /* its complement */
void x86_flags_add(Lift *l, u32 size, Val a, Val b, Val r);
void x86_flags_sub(Lift *l, u32 size, Val a, Val b, Val r); /* r may be NO_VAL */
void x86_flags_logic(Lift *l, u32 size, Val r);
void x86_flags_incdec(Lift *l, u32 size, Val a, Val r, bool inc);
void x86_flags_adc(Lift *l, u32 size, Val a, Val b, Val carry, Val r);
/* of a - b - 1 + not_borrow, which is a + not_b + not_borrow */
void x86_flags_sbb(Lift *l, u32 size, Val a, Val not_b, Val not_borrow, Val r);
/* Of result r; CF and OF are W 0 or 1. */
void x86_flags_result(Lift *l, u32 size, Val r, Val carry, Val over);
/* CF alone, OF alone (NO_VAL: unchanged) */
void x86_flags_apart(Lift *l, Val carry, Val over);
/* From here on: if cond (W), what has been set since x86_flags_keep; else as it was. */
typedef struct KeptFlags {
    Val kind, a, b, carry, over;
} KeptFlags;
KeptFlags x86_flags_keep(Lift *l);
void x86_flags_choose(Lift *l, Val cond, KeptFlags kept);
void x86_flags_fcmp(Lift *l, Val eflags); /* W with CF, PF and ZF at their places, OF = SF = AF = 0 */
void x86_flags_eflags(Lift *l, Val eflags); /* W with all six at their places */
void x86_flags_forget(Lift *l); /* a helper has set them */

/* -- helpers (helpers.c) --------------------------------------------------------------------------------------------- */

#define X86_HELPERS(HELPER) \
    HELPER(get_rflags) \
    HELPER(set_rflags) \
    HELPER(div) \
    HELPER(string) \
    HELPER(x87) \
    HELPER(mmx_get) \
    HELPER(mmx_put) \
    HELPER(get_mxcsr) \
    HELPER(set_mxcsr) \
    HELPER(cpuid) \
    HELPER(xgetbv) \
    HELPER(rdtsc) \
    HELPER(rdrand) \
    HELPER(fxsave) \
    HELPER(fxrstor) \
    HELPER(raise) \
    HELPER(rdpid) \
    HELPER(load_segment) \
    HELPER(far_target) \
    HELPER(describe) \
    HELPER(verify)
enum {
#define HELPER_ENUM(name) HELPER_##name,
    X86_HELPERS(HELPER_ENUM)
#undef HELPER_ENUM
        HELPER_COUNT
};
#define X86_HELPER(name) u64 x86_helper_##name(Task *t, u64 a, u64 b)
#define HELPER_DECLARE(name) X86_HELPER(name);
X86_HELPERS(HELPER_DECLARE)
#undef HELPER_DECLARE

/* x86_helper_x87's a, from bit 16 on */
enum { X87_REGISTERS, X87_MEMORY, X87_MEMORY16 /* with the prefix 66 */, X87_WAIT, X87_EMMS };
/* x86_helper_fxsave's and fxrstor's b */
enum { SAVE_FX, SAVE_X, SAVE_XOPT, SAVE_XC };
/* All but the AVX part of an XSAVE area; the x87 unit from one. With 64-bit pointers if `wide`. */
void x86_save_area(const Task *t, void *area, bool wide);
void x86_load_x87(const void *area, bool wide);

/* x86_helper_raise's */
enum { RAISE_DE, RAISE_GP, RAISE_OF, RAISE_DB, RAISE_BP };
/* x86_helper_describe's b */
enum { DESCRIBE_LAR, DESCRIBE_LSL, DESCRIBE_VERR, DESCRIBE_VERW };
/* x86_helper_string's a: the operation, | size << 4 | prefix << 8; b: the segment's base of the source. */
enum { STR_MOVS, STR_STOS, STR_LODS, STR_SCAS, STR_CMPS };

#endif
