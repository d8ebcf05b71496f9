/* Directories of unit files: DIR/GUEST-FLAVOUR/FILE (docs/cache.md). */
#ifndef DRAGOMAN_UNITDIR_H
#define DRAGOMAN_UNITDIR_H

#include "../include/base.h"

/* Whether it is GUEST-FLAVOUR: other things may be kept beside. */
bool unitdir_is_flavour(const char *name);
/* Calls f for each file below the directory `top`, with the directory it is in, that one's name and its own. */
typedef void UnitVisitor(void *context, int dir, const char *flavour, const char *name);
void unitdir_each(int top, UnitVisitor *f, void *context);

/* Removes those that have not been used for longest until the rest has `limit` bytes at most; how many bytes went. */
u64 unitdir_prune(int top, u64 limit);
/* The same, unless that has been done in the last minutes. */
void unitdir_tidy(int top, u64 limit);

#endif
