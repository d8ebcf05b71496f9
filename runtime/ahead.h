/* Translations made ahead of time. `dragoman aot` writes an executable that is a copy of this one with one more
 * segment, the payload: the guest's ELF file, what LLVM made of its code, and an index of that. Translated code knows
 * nothing but fixed addresses, of the guest (an image of fixed or, for a PIE, chosen address), of the arena and of this
 * executable, so that it is mapped where it was made and needs no linking. Blocks of it enter the cache when they are
 * first reached. */
#ifndef DRAGOMAN_RUNTIME_AHEAD_H
#define DRAGOMAN_RUNTIME_AHEAD_H

#include "../frontend/symbols.h"
#include "runtime.h"
#include "zone.h"

/* Where the payload's segment is mapped: above the executable, in the same 2 GiB. */
#define AHEAD_ADDRESS (ZONE_LO + 0x7a000000)
#define AHEAD_MAGIC "dragoman ahead"

/* A block's place in the index, which is sorted by pc. */
typedef struct AheadEntry {
    u64 pc;
    Block *block; /* in the arena */
} AheadEntry;

/* The payload's beginning. Offsets are from there. */
typedef struct Ahead {
    char magic[16];
    u64 size;                   /* bytes of the payload */
    u64 image, image_size;      /* the guest's file: offset and bytes */
    u64 lo, hi;                 /* hull of the guest code that has been translated */
    u64 bias;                   /* that the image was mapped with */
    u64 extents, nextents;      /* the arena's: ArenaPart[] */
    u64 index, nblocks;         /* AheadEntry[] */
    u64 hosts;                  /* Block *[nblocks], in the order of their code */
    u64 code_bytes, insn_bytes; /* of the guest: executable, and translated */
    bool exact;                 /* Region.exact */
    bool counts;                /* the code counts the instructions that it executes (--stats) */
    char cpu[24];               /* the host's architecture level that the code needs, "x86-64-v3" */
} Ahead;

/* The program header that becomes the payload's is that of a note; its address. */
const void *ahead_note(void);

/* This executable's payload, or NULL. */
const Ahead *ahead_payload(void);
/* Maps the payload's translations; false, with one line in `why`, if they can't be used here: the program then runs
 * without. Before arena_init. With `copy` their code isn't mapped from the file but memory like that of other tiers, for
 * which perf has a map. */
bool ahead_map(const Ahead *a, bool copy, char *why, size_t size);
/* Names all translations for perf (perf_add). After load_payload. */
void ahead_perf(void);
/* The symbols of a mapped file, which may be the payload's (load_payload): see symbols_new. */
Symbols *ahead_symbols(const char *path);
/* The block at pc if it was translated ahead of time and is good still. Translation lock held. */
Block *ahead_find(u64 pc);
/* The block whose host code contains `host`, or NULL. Callable from a signal handler. */
Block *ahead_find_host(const void *host);
/* Blocks made from guest code that overlaps [lo, hi), dead ones left out: *at is 0 for the first and kept by the
 * caller. NULL at the end. Lock held. */
Block *ahead_next(u64 lo, u64 hi, u64 *at);
/* All links of the blocks as if they had never been connected: the other translations are about to be freed. Lock held
 * and no task in translated code. */
void ahead_disconnect(void);
/* Whether the blocks give exact state at faults, so that they are good as long as the guest handles such signals. */
bool ahead_is_exact(void);
/* No block is good any more: guest code is translated otherwise from now on. Then the cache must be flushed. */
void ahead_stop(void);

#endif
