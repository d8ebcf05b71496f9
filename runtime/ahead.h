/* Translations made ahead of time. `dragoman aot` writes an executable that is a copy of this one with one more
 * segment, the payload: files of units (unitfile.h), found as those of the cache are (store.c), and guest files that
 * needn't be anywhere else. Since units are good anywhere, nothing of the payload is at a fixed address of the guest's;
 * but for what they name of the translator, which they find where this executable has it, being a copy of it. */
#ifndef DRAGOMAN_RUNTIME_AHEAD_H
#define DRAGOMAN_RUNTIME_AHEAD_H

#include <limits.h>

#include "../frontend/symbols.h"
#include "runtime.h"
#include "store.h"
#include "unitfile.h"
#include "zone.h"

/* Where the payload's segment is mapped: what is left of the executable's zone below the translator's mappings. */
#define AHEAD_ADDRESS (ZONE_LO + ((u64)2 << 30))
enum : u64 { AHEAD_SIZE = ZONE_MAPPINGS - AHEAD_ADDRESS }; /* bytes that there is room for */
#define AHEAD_MAGIC "dragoman ahead3"

/* A guest file that has been translated. */
typedef struct AheadFile {
    char name[STORE_NAME]; /* of what was translated (store_name) */
    char path[PATH_MAX];   /* as the guest names it */
    u64 units, units_size; /* its file of units: offset and bytes */
    u64 kept, kept_size;   /* what of them is in one piece (kept.h); 0: nothing */
    u64 image, image_size; /* the file itself; 0: it is found where it was */
} AheadFile;

/* The payload's beginning. Offsets are from there. */
typedef struct Ahead {
    char magic[16];
    u64 size;            /* bytes of the payload */
    char root[PATH_MAX]; /* the guest's, where files are found; "": none */
    bool counts;         /* the code counts the instructions that it executes (--stats) */
    bool no_llvm;        /* the executable has none (lifter/llvm_init.h) */
    char cpu[24];        /* the host's architecture level that the code needs, "x86-64-v3" */
    u64 nfiles;
    AheadFile files[]; /* the program first */
} Ahead;

/* This executable's payload, or NULL. */
const Ahead *ahead_payload(void);
/* From now on its units are found. */
void ahead_use(void);
/* The file of units for the guest's file of that name (store_name); an empty one if there is none. The result is what
 * it has of them in one piece (kept_move), or NULL. */
const void *ahead_units(const char *name, UnitFile *out);
/* The guest's file of that path, if the payload has it: a descriptor, which nobody else has, or -ENOENT. */
int ahead_open(const char *path);
/* Looks for the files that the payload names and hasn't: false, with one line in `why`, if one isn't there. What isn't
 * the same any more is told on standard error. */
bool ahead_check(Task *t, char *why, size_t size);
/* The symbols of a mapped file, which may be the payload's (ahead_open): see symbols_new. */
Symbols *ahead_symbols(const char *path);

#endif
