/* A translation unit: the host code of a block or a region, and all that must be known to run it at any address, for
 * guest code at any address. The baseline and LLVM make it (baseline_unit, orc_unit), unit_place makes Blocks of it,
 * and between the two it may have been in a file. Guest addresses in it are distances from its pc, the address that it
 * is for. */
#ifndef DRAGOMAN_UNIT_H
#define DRAGOMAN_UNIT_H

#include "translate.h"

/* A field of the code that depends on where things are. */
typedef enum RelocKind {
    RELOC_HOST,  /* 32 bits: a distance to something of the translator's; holds its address less the field's end in the
                    unit, or where else the instruction counts from */
    RELOC_BLOCK, /* 32 bits: a distance to something in the Blocks and what follows them; holds its offset there less
                    the same */
    RELOC_GUEST, /* 64 bits: a guest address; holds how far it is from the pc */
} RelocKind;

typedef struct Reloc {
    u32 at : 30; /* of the field in the code */
    u32 kind : 2;
} Reloc;

/* An exit to a known guest address. */
typedef struct UnitLink {
    i64 to;
    u32 jump; /* where the code has the distance of the exit's direct jump: the one to what goes through the Link; 0: it
                 has none */
    bool back, forward; /* as in Link */
} UnitLink;

/* A guest address where it may be entered, and where in the code that is. In the order of their code. */
typedef struct UnitEntry {
    i64 pc;
    u32 code;
} UnitEntry;

/* Guest code that it was made from; counted from where the pc's code is. */
typedef struct UnitRange {
    i64 at;
    u32 size;
} UnitRange;

/* All pointers are whoever's made the unit. */
typedef struct Unit {
    u8 *code;
    Reloc *relocs;
    PcMap *map; /* host offsets count from the first entry */
    UnitLink *links;
    UnitEntry *entries; /* the first one's pc is the unit's, but under TIER_BASELINE there is no other */
    UnitRange *ranges;
    FaultSite *sites; /* of exact regions, and where flags are late in baseline code */
    FaultPlace *places;
    u32 nsites, nplaces;
    u32 code_size, nrelocs, nmap, nlinks, nentries, nranges;
    u32 insns;
    u8 tier;       /* as in Block */
    u8 skip, past; /* as in Block */
    bool fixed;    /* good for the pc that it was made for only: a guest address is part of an instruction */
    bool exact, flushes; /* of Region */
    bool tags;     /* of Ir */
    bool ahead;    /* made ahead of time, as all code was: it needn't be about to run */
    u32 cpu; /* what it needs of the host's processor, see host_cpu; 0: nothing that isn't known otherwise */
} Unit;

/* Where Link number n is, from the first Block. */
static inline size_t unit_link_at(u32 nentries, u32 n)
{
    return nentries * sizeof(Block) + n * sizeof(Link);
}

/* The unit's Blocks in the arena, one an entry and chained by `sibling`, for guest code at pc; links not connected, the
 * first has them; Block.limit as given. NULL if the arena is full. The caller holds the translation lock, or keeps the
 * arena (arena_use). */
Block *unit_place(const Guest *guest, const Unit *u, u64 pc, u32 limit);

/* The same with given places, which may be written elsewhere than they will be: what follows the Blocks, code and its
 * map. */
typedef struct UnitRoom {
    Block *block, *write; /* unit_data_size */
    PcMap *map;           /* Block.map and Block.faults; whoever calls fills them in */
    FaultMap *faults;
    u8 *code, *write_code;
} UnitRoom;
void unit_lay(const Guest *guest, const Unit *u, u64 pc, u32 limit, const UnitRoom *room);
/* Bytes of the Blocks and Links. */
size_t unit_data_size(const Unit *u);
/* Of Block.faults, 0 if there are none; and writing that, which will be `there`, for code that will be at `run`. */
size_t unit_faults_size(const Unit *u);
void unit_lay_faults(const Unit *u, FaultMap *write, FaultMap *there, u64 pc, const u8 *run);

/* What a code generator writes a unit into; zeroed: empty. Its memory is used again for the next one. */
typedef struct UnitBuffer {
    Unit unit;
    u32 code_room, reloc_room, map_room, link_room, entry_room, range_room, site_room, place_room;
} UnitBuffer;
/* Empties it. */
void unit_buffer_begin(UnitBuffer *b);
void unit_buffer_free(UnitBuffer *b);
/* Add one element; false if there is no memory. */
bool unit_add_reloc(UnitBuffer *b, RelocKind kind, u32 at);
bool unit_add_link(UnitBuffer *b, i64 to, bool back, bool forward);
bool unit_add_entry(UnitBuffer *b, i64 pc, u32 code);
bool unit_add_range(UnitBuffer *b, i64 at, u32 size);
bool unit_add_site(UnitBuffer *b, FaultSite site);
bool unit_add_place(UnitBuffer *b, FaultPlace place);
/* An array with room for at least n elements of this size, in the place of the old one, which stays if the result is
 * NULL: there is no memory. */
void *unit_room(void *array, u32 *room, u64 n, size_t size);

/* -- runtime/host: IR to host code in one pass -- */

/* Compiles ir (finished, verified) into out->unit. With `counts` the code counts its entries; what `ahead` is is to
 * Region. Always succeeds. */
void baseline_unit(const Guest *guest, const Ir *ir, bool counts, bool ahead, UnitBuffer *out);

/* Bits for what units use of this host's processor: those made with other bits aren't good here. */
u64 baseline_features(void);

/* -- lifter/orc.c -- */

/* Compiles a region into out->unit; false with one line in `why` if it can't be. Called from a compile thread or, under
 * --tier=llvm, from the guest's thread; takes no lock of the runtime's but the arena's. */
bool orc_unit(const Region *r, UnitBuffer *out, char *why, size_t size);

#endif
