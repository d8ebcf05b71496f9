/* What the stencils, their extractor and the code generator agree on.
 *
 * A stencil is the host code of one IR op for one choice of where its operands are. A letter an operand says where:
 * S the Task slot at HOLE_Sn, A the register (r13 for integers, xmm0 for vectors), I the immediate HOLE_In. */
#ifndef DRAGOMAN_BASELINE_STENCIL_H
#define DRAGOMAN_BASELINE_STENCIL_H

#include "../../include/base.h"

/* Values the generator puts into holes. S0..S2 operands' Task offsets; I0..I2 operands' immediates; D destination's
 * Task offset; IMM the op's imm; DISP a memory displacement (sign-extended everywhere); C64 a 64-bit constant; PC64
 * a guest address; LINK0, LINK1, BLOCK addresses of those; CONT the place of the stencil's end. */
#define HOLES(HOLE) \
    HOLE(S0) HOLE(S1) HOLE(S2) HOLE(I0) HOLE(I1) HOLE(I2) HOLE(D) HOLE(IMM) HOLE(DISP) HOLE(C64) HOLE(PC64) \
    HOLE(LINK0) HOLE(LINK1) HOLE(BLOCK) HOLE(CONT)
enum {
#define HOLE_ENUM(name) HOLE_##name##_,
    HOLES(HOLE_ENUM)
#undef HOLE_ENUM
        HOLE_COUNT
};

/* Stencils that are no IR op's: ROW(name, number of operands). */
#define COMPARISONS(X) X(eq) X(ne) X(ult) X(ule) X(slt) X(sle)
#define ROWS(ROW) \
    ROW(entry, 0)       /* block entry: safepoint */ \
    ROW(entry_count, 0) /* the same with the hot counter */ \
    ROW(const_c64, 0)   /* a 64-bit constant into A */ \
    ROW(put_c64, 0)     /* a 64-bit constant into a slot */ \
    ROW(a_to_b, 0)      /* A into B */ \
    ROW(b_to_a, 0) \
    ROW(swap_ab, 0) \
    ROW(put_b32, 0)     /* B into a slot */ \
    ROW(put_b64, 0) \
    ROW(br_eq32, 2) ROW(br_ne32, 2) ROW(br_ult32, 2) ROW(br_ule32, 2) ROW(br_slt32, 2) ROW(br_sle32, 2) \
    ROW(br_eq64, 2) ROW(br_ne64, 2) ROW(br_ult64, 2) ROW(br_ule64, 2) ROW(br_slt64, 2) ROW(br_sle64, 2) \
    ROW(nzcv_add32, 2) ROW(nzcv_add64, 2) ROW(nzcv_sub32, 2) ROW(nzcv_sub64, 2) ROW(nzcv_and32, 2) ROW(nzcv_and64, 2)

enum { LETTER_S, LETTER_A, LETTER_I, LETTERS };
enum { VARIANTS = LETTERS * LETTERS * LETTERS };
#define VARIANT(l0, l1, l2) ((l0) + LETTERS * (l1) + LETTERS * LETTERS * (l2))

typedef enum Patch {
    PATCH_ABS8,     /* value + addend */
    PATCH_ABS16,
    PATCH_ABS32,
    PATCH_ABS64,
    PATCH_DISP,     /* 32-bit displacement in a stencil without jumps: one byte is enough for small values (fill) */
    PATCH_IMM,      /* 32-bit immediate of an instruction that has a one-byte form, likewise */
    PATCH_PLACE32,  /* place in the block + addend - position in the block */
    PATCH_REL32,    /* value + addend - position */
    PATCH_SYM32,    /* address of symbol + addend */
    PATCH_SYMREL32, /* address of symbol + addend - position */
} Patch;

typedef struct Hole {
    u16 at;   /* byte in the stencil */
    u16 what; /* HOLE_*_, or index of stencil_symbols for PATCH_SYM* */
    i32 addend;
    u32 patch; /* Patch */
} Hole;

typedef struct Stencil {
    u32 bytes; /* index of stencil_bytes */
    u32 holes; /* index of stencil_holes */
    u16 size;
    u8 nholes;
    u8 negative; /* bit n: operand n's immediate is sign-extended wherever it is used */
} Stencil;

/* Bytes of the entry stencils before the entry itself: the slow cases, within a short jump's reach. */
enum { ENTRY_AT = 11, ENTRY_SAFEPOINT = 8 /* bytes of the safepoint, at the entry */ };
enum { STENCIL_PAD = 16, STENCIL_MAX = 4096 }; /* readable bytes past each stencil; the largest size */

extern const Stencil stencils[];
extern const u8 stencil_bytes[];
extern const Hole stencil_holes[];
extern const void *const stencil_symbols[];
extern const u16 stencil_of[][VARIANTS]; /* by row and variant; 0: there is none */

#endif
