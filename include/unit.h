/* A translation unit: a block's host code and all that must be known to run it at any address, for guest code at any
 * address. The baseline makes it (baseline_unit), unit_place makes a Block of it, and between the two it may have been
 * in a file. */
#ifndef DRAGOMAN_UNIT_H
#define DRAGOMAN_UNIT_H

#include "translate.h"

enum { UNIT_LINKS = 2 };

/* A field of the code that depends on where things are. */
typedef enum RelocKind {
    RELOC_HOST,  /* 32 bits: a distance to something of the translator's; holds its address less the field's end in the
                    unit */
    RELOC_BLOCK, /* 32 bits: a distance to something in the Block; holds its offset there less the field's end */
    RELOC_GUEST, /* 64 bits: a guest address; holds how far it is from the pc */
} RelocKind;

typedef struct Reloc {
    u32 at : 30; /* of the field in the code */
    u32 kind : 2;
} Reloc;

/* An exit to a known guest address. */
typedef struct UnitLink {
    i64 to; /* distance from the pc */
    u32 jump; /* where the code has the distance of the exit's direct jump: the one to what goes through the Link */
    bool back, forward; /* as in Link */
} UnitLink;

/* All pointers are whoever's made the unit. */
typedef struct Unit {
    u8 *code;
    Reloc *relocs;
    PcMap *map;
    u32 code_size, nrelocs, nmap;
    u32 entry;      /* where the block is entered, from the code's begin; host offsets in the map count from there */
    u32 guest_size; /* bytes of guest code from the pc on that it was made from */
    u32 insns;
    u8 skip, past; /* as in Block */
    u8 nlinks;
    bool fixed; /* good for the pc that it was made for only: a guest address is part of a shorter instruction */
    UnitLink links[UNIT_LINKS];
} Unit;

/* A Block of the unit in the arena, for guest code at pc, its links not connected, Block.limit as given. NULL if the arena is full. The
 * caller holds the translation lock. */
Block *unit_place(const Unit *u, u64 pc, u32 limit);

/* What a code generator writes a unit into; zeroed: empty. Its memory is used again for the next one. */
typedef struct UnitBuffer {
    Unit unit;
    u32 code_room, reloc_room, map_room;
} UnitBuffer;
void unit_buffer_free(UnitBuffer *b);

/* -- runtime/host: IR to host code in one pass -- */

/* Compiles ir (finished, verified) into out->unit. With `counts` the code counts its entries. Always succeeds. */
void baseline_unit(const Guest *guest, const Ir *ir, bool counts, UnitBuffer *out);

/* Bits for what units use of this host's processor: those made with other bits aren't good here. */
u64 baseline_features(void);

#endif
