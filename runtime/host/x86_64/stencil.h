/* Stencils: the host code of one op each, its operands in fixed places. stencils.c is compiled at build time, extract.c
 * turns its object into the tables declared here, baseline.c copies the bytes and fills the holes.
 *
 * A stencil is a preserve_none function that ends in a jump to CONT, which isn't copied. Integer operands are in a and
 * b, a third one in the Task at HOLE_S2; vector operands in va, vb, vc. The result is in a or va. The pinned registers,
 * b, and the vectors that it doesn't set pass through; what else there is of registers it may change. */
#ifndef DRAGOMAN_HOST_STENCIL_H
#define DRAGOMAN_HOST_STENCIL_H

#include "../../../include/base.h"
#include "../../../include/ir.h"

/* Values that the generator puts into holes. S2: Task offset of the third integer operand; IMM the op's imm; PC64 a
 * guest address; CONT the place of the stencil's end. */
#define HOLES(HOLE) HOLE(S2) HOLE(IMM) HOLE(PC64) HOLE(CONT)
enum {
#define HOLE_ENUM(name) HOLE_##name##_,
    HOLES(HOLE_ENUM)
#undef HOLE_ENUM
        HOLE_COUNT
};

typedef enum Patch {
    PATCH_ABS8, /* value + addend */
    PATCH_ABS16,
    PATCH_ABS32,
    PATCH_ABS64,
    PATCH_PLACE32,  /* place in the block + addend - position in the block */
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
    u16 nholes;
} Stencil;

enum { STENCIL_PAD = 16, STENCIL_MAX = 4096 }; /* readable bytes past each stencil; the largest size */

/* Rows: an op each, then those of ops that some hosts have an instruction for. */
enum {
    STENCIL_FIRST = IR_COUNT - 1,
#define HOST(op, ...) STENCIL_host_##op,
#include "../../../lifter/host.def"
    STENCILS
};

extern const Stencil stencils[STENCILS]; /* size 0: the generator has its own way */
extern const u8 stencil_bytes[];
extern const Hole stencil_holes[];
extern const void *const stencil_symbols[];

#endif
