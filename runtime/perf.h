/* Maps for perf (runtime/perf.c). */
#ifndef DRAGOMAN_PERF_H
#define DRAGOMAN_PERF_H

#include "../include/translate.h"

/* What is told the names of translated code; bits of Options.perf. */
enum {
    PERF_MAP = 1,  /* --perf: /tmp/perf-PID.map, which perf reads such names from (Linux,
                      tools/perf/Documentation/jit-interface.txt) */
    PERF_DUMP = 2, /* --jitdump: /tmp/jit-PID.dump, with the code itself (jitdump.c) */
    PERF_GDB = 4,  /* --gdb-names: a gdb that looks at this process (gdb.c) */
};
void perf_start(int wanted);
/* Whether anything is wanted: then no code may be mapped from a file, which perf takes for the file's. */
bool perf_is_wanted(void);
/* Tells of new host code; a region's entries (Block.sibling) are all given. Under the cache's lock. */
void perf_add(const Block *b);
/* In a forked child, under the cache's lock: its code has a map of its own, which starts with what the parent's had. */
void perf_after_fork(void);

/* Files in /tmp, where others may have put something else by their names: makes a new one that nobody else can read or write; opens it
 * again (O_* flags) if it is still that. A descriptor, or -1. */
int perf_create(const char *path);
int perf_open(const char *path, int flags);

/* One name and its code for jitdump.c and gdb.c. */
void jitdump_start(void);
void jitdump_add(const char *name, const void *code, u64 size);
void gdb_add(const char *name, const void *code, u64 size);

/* The guest function at a guest address, or the address if none is known. The translation lock is held. */
void perf_function(u64 pc, char *name, size_t size);

#endif
