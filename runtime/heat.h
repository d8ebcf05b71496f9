/* How often blocks of a guest's file have run, in all runs together: what is hot in none of them is compiled in the end, once. */
#ifndef DRAGOMAN_RUNTIME_HEAT_H
#define DRAGOMAN_RUNTIME_HEAT_H

#include "../include/base.h"

typedef struct HeatSpot {
    u64 offset; /* as in StorePlace */
    u64 ran;    /* entries, about */
} HeatSpot;

typedef struct Heat {
    HeatSpot *spots; /* by offset, as they are loaded */
    u32 count, room;
    i64 credit_ns; /* CPU time that runs of the program have left for LLVM's use */
} Heat;

/* What the file `name` in the directory says; nothing if it isn't there, or isn't to be trusted. */
void heat_load(Heat *h, int dir, const char *name);
/* Of what has been loaded. */
u64 heat_at(const Heat *h, u64 offset);
void heat_add(Heat *h, u64 offset, u64 ran);
/* Replaces the file, the hottest spots first if they are too many. 0 or -errno: it is as it was then. */
int heat_save(Heat *h, int dir, const char *name);
void heat_free(Heat *h);

#endif
