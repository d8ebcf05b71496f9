/* Kept code in one piece: what a file of units (unitfile.h) has of the baseline's blocks, placed and connected with one
 * another beforehand, in a file that is mapped as it is, at the address that it was made for, and shared by all
 * processes. Nothing is done for a block that isn't entered by the dispatcher; a jump from one to another is one
 * already. docs/cache.md has the format.
 *
 * The blocks are Blocks as those in the arena, with links that lead to them (Block.incoming), so that they are dropped,
 * made hot and replaced in the same way. A page of the code that must be changed for that becomes this process's own
 * (arena_patch). */
#ifndef DRAGOMAN_KEPT_H
#define DRAGOMAN_KEPT_H

#include "../include/unit.h"
#include "unitfile.h"

/* What the file beside the units `name` is called. */
enum { KEPT_NAME = 40 };
void kept_name(const char *name, char kept[KEPT_NAME]);

/* Whether a file of that name is one, and of these bytes is whole. */
bool kept_is_name(const char *name);
bool kept_is_good(const void *bytes, u64 size);

/* All with the translation lock held, but for those that say otherwise. */

/* Maps the code kept in directory `dir` for the guest code of [lo, end), which counts from `base` (where the file's
 * first byte would be), but for what is other code there; the number of its blocks, 0 if there is none. `own`: the
 * directory may be written. */
u32 kept_map(int dir, bool own, const char *name, u64 base, u64 lo, u64 end);
/* The same of whole pages of this executable's that have what kept_build has made: they go to where they belong. */
u32 kept_move(const void *bytes, u64 base, u64 lo, u64 end);
/* The block at pc, or NULL. Without the lock, if in_code is set. */
Block *kept_lookup(u64 pc);
/* The block whose code is at the host address, or NULL. Without the lock, for a signal handler. */
Block *kept_find_host(const void *host);
/* Whether it is one of these. */
bool kept_has(const Block *b);
/* Calls f for all blocks that are made from code in [lo, hi); whether there are any. */
bool kept_each(u64 lo, u64 hi, void (*f)(Block *));
/* Unmaps all; no task is in code. */
void kept_forget(void);

/* Makes the file from the units in `f` that are made from what the guest has in [lo, end) now. With `wait` another
 * process that does so is waited for. 0 or -errno: what was there is as it was. Blocks that a region is entered at are
 * left out: the dispatcher finds that. */
int kept_make(const Guest *guest, int dir, const char *name, const UnitFile *f, u64 base, u64 lo, u64 end, bool wait);
/* The same for the guest's file in memory, and for this address; *nbytes mapped at *bytes, to be unmapped, if the
 * result is 0. */
int kept_build(const Guest *guest, const UnitFile *f, u64 base, const void *file, u64 size, u64 address, void **bytes,
               u64 *nbytes);

#endif
