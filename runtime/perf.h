/* Maps for perf (runtime/perf.c). */
#ifndef DRAGOMAN_PERF_H
#define DRAGOMAN_PERF_H

#include "../include/translate.h"

/* --perf: from here on /tmp/perf-PID.map is written, which perf reads the names of generated code from (Linux,
 * tools/perf/Documentation/jit-interface.txt). */
void perf_start(void);
bool perf_on(void);
/* Writes one line for new host code; a region's entries (Block.sibling) are all given. Under the cache's lock. */
void perf_add(const Block *b);
/* In a forked child, under the cache's lock: its code has a map of its own, which starts with what the parent's had. */
void perf_after_fork(void);

/* The guest function at a guest address, or the address if none is known. The translation lock is held. */
void perf_function(u64 pc, char *name, size_t size);

#endif
