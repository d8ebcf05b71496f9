/* The translations that this process finds on disk and leaves there: for each file of the guest's with code in memory,
 * one file of units (unitfile.h) in a directory for this translator and what changes its code. */
#ifndef DRAGOMAN_STORE_H
#define DRAGOMAN_STORE_H

#include "../include/unit.h"
#include "mem.h"
#include "runtime.h"
#include "unitfile.h"

/* Keeps units below `path`, which is made if need be. Does nothing if that isn't possible: a program runs without.
 * Before guest code is translated. */
void store_open(Process *p, const Guest *guest, const char *path);
/* Finds units below `path`, too, and writes nothing there; with `roots` only if it is root's. */
void store_read_from(Process *p, const Guest *guest, const char *path, bool roots);
#define STORE_SYSTEM "/var/cache/dragoman" /* what all users read */
/* A directory below `path` for files of units that depend on `how`, besides what all do, and are none of a run's; made if need be. -1 if
 * that isn't possible. */
int store_apart(const Guest *guest, const char *path, const u64 *how, size_t n);
/* Bytes that all files of units may have together, if nothing else is said: those that have not been used for longest
 * go. */
enum : u64 { STORE_SIZE = 1ull << 30 };
/* No more: what is translated from now on is different. */
void store_stop(void);

/* What a guest file's file of units is called: a name for its content, with its NUL 128 bits in hexadecimal digits. False if it can't be
 * read. */
enum { STORE_NAME = 33 };
bool store_name(int fd, char name[STORE_NAME]);
/* One for all of its bytes. */
bool store_content(int fd, char name[STORE_NAME]);

/* The guest has mapped code of this file, open as fd. Takes the translation lock. */
void store_file(int fd);

/* With the translation lock held. Guest code at pc, which is in a mapping: which file it is of, if it may be kept. */
typedef struct StorePlace {
    struct StoreFile *file; /* NULL: of none */
    u64 offset;             /* in it; and what the pc says besides, see code_address */
    u64 pc, address;
} StorePlace;
StorePlace store_place(const Guest *guest, const Mapping *map, u64 pc);
/* The unit of the block there; its memory is `scratch`'s. */
bool store_find(const StorePlace *where, UnitBuffer *scratch, Unit *out);
/* Maps what is kept of the file's code in one piece (kept.h), the first time after a flush; how many blocks that are.
 */
u32 store_map_kept(const Guest *guest, const StorePlace *where, const Mapping *map);
void store_forget_kept(void);
/* Makes that of the file, which is mapped like this, as far as there are units for it. 0 or -errno. */
int store_make_kept(int fd, const Guest *guest, const Mapping *map);
/* The unit of a region that is entered there, and what pc it is for. */
bool store_find_region(const StorePlace *where, UnitBuffer *scratch, Unit *out, u64 *pc);
/* Keeps the unit that was made from the code there, of which `guest` is the copy that was translated. */
void store_add(const StorePlace *where, const Unit *u, const u8 *guest);
void store_add_region(const StorePlace *where, const Unit *u, const Region *r);
/* Appends all these records to what is kept of the guest's file, which store_file has been told of. 0 or -errno. */
int store_add_all(int fd, UnitStage *stage);

/* How often the block there has run in earlier runs. How often b does in this one, by its counter less that, is added
 * when the process ends; until store_collect, before blocks are freed, b must stay. */
u64 store_heat(const StorePlace *where, const Block *b);
void store_collect(void);
/* Whether anything is kept; CPU time that earlier runs of the program have left for LLVM (tier.c). */
bool store_is_open(void);
i64 store_credit(void);

/* Writes what was kept, if it is worth it; `credit_ns` is what this run leaves or (less than 0) has used of earlier
 * ones'. That and how often blocks have run count `weight` times, or not at all. Takes the
 * translation lock. */
void store_save(i64 credit_ns, u32 weight);
/* In a forked child: what its parent made is the parent's to write. */
void store_after_fork(void);

/* The directory in use by default: $XDG_CACHE_HOME/dragoman or $HOME/.cache/dragoman; false if there is neither. */
bool store_default(char *path, size_t size);

#endif
