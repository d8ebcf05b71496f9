/* Files of units: what one guest file's code was translated to (docs/cache.md has the format).
 *
 * A file is a row of segments, each what one process added. Records of a segment are found by a hash table in front of
 * them. A segment is complete once its header is, which is written last; whoever appends first cuts off what a killed
 * process left. Nothing in a file is trusted: each record carries a checksum, and the guest code that it was made from.
 */
#ifndef DRAGOMAN_UNITFILE_H
#define DRAGOMAN_UNITFILE_H

#include <stdio.h>
#include <sys/types.h>

#include "../include/unit.h"

enum { UNITFILE_SEGMENTS = 12 }; /* of a file; one more, and they become one */

/* A file for reading, as it was when it was opened. */
typedef struct UnitFile {
    const u8 *map; /* NULL: there is nothing in it. May be cut short by others, so it is read through mem_peek only */
    u64 size;      /* of the mapping */
    bool own;      /* part of this executable: read without a check */
    u32 nsegments;
    u64 segment[UNITFILE_SEGMENTS]; /* where they begin */
    u32 slots[UNITFILE_SEGMENTS];   /* of their hash tables, */
    u32 regions[UNITFILE_SEGMENTS]; /* and how many of those are for regions */
} UnitFile;

/* What an offset in a file is to its hash tables. */
typedef struct UnitKey {
    u32 slot, check;
} UnitKey;

/* Where the record of a unit that is entered at some guest code is. */
typedef struct UnitPlace {
    UnitKey key; /* of the code's offset */
    u32 at; /* in multiples of 8 from the stage's begin */
} UnitPlace;

/* Records made by this process, not written yet; zeroed: none. */
typedef struct UnitStage {
    u8 *bytes;    /* mapped, to grow without being copied; pages come a few dozen at a time */
    size_t size;  /* of the records */
    size_t room;  /* bytes mapped */
    size_t paged; /* and those that have their pages */
    u32 count, regions; /* entries, and those that are regions' */
    u32 places_room;
    UnitPlace *places; /* of the entries, `count` */
} UnitStage;

/* Opens the file `name` in the directory. An empty UnitFile if there is none, or nothing in it may be used: it must be
 * a regular file of the user's or root's that nobody else may write. */
void unitfile_open(UnitFile *f, int dir, const char *name);
/* The file is in use: has its time say so, within an hour. True if that has been changed. */
struct stat;
bool unitfile_used(int fd, const struct stat *st);
/* The same of one that is open, whosever it is. */
void unitfile_map(UnitFile *f, int fd);
/* The same of one that this executable has at an address; not to be closed. */
void unitfile_within(UnitFile *f, const void *bytes, u64 size);
void unitfile_close(UnitFile *f);

/* A unit that is looked for: of guest code at this offset of the guest's file, which is mapped at `address`; pc may say
 * more (code_address). */
typedef struct UnitWanted {
    u64 offset, pc, address;
    bool region;         /* otherwise a block's */
    bool exact, flushes; /* which the region must be, */
    bool tags;           /* and any unit */
} UnitWanted;

/* True if there is one, made from what the guest has there now, for a pc that is *distance before the one that is
 * looked for. It lies in `scratch`, which is overwritten by the next. */
bool unitfile_find(const UnitFile *f, const UnitWanted *w, UnitBuffer *scratch, Unit *out, i64 *distance);

/* A copy in memory that nobody changes, to be closed. False if that can't be. */
bool unitfile_copy(UnitFile *copy, const UnitFile *f);
/* Of such a copy: each good record that this host takes, for each of its entries, the newest last. */
typedef struct UnitRef {
    u64 offset, entry; /* of the unit, and of where it is entered, in the guest's file */
    u64 pc;            /* that it is good for; 0: any */
    bool region;
    u32 guest_size;
    const u8 *guest; /* code that it was made from */
    const void *record;
} UnitRef;
typedef void UnitVisit(void *context, const UnitRef *ref);
void unitfile_each(const UnitFile *f, UnitVisit *visit, void *context);
/* The unit, in the memory of `scratch` and the copy. */
bool unitfile_unit(const UnitRef *ref, UnitBuffer *scratch, Unit *out);

/* Adds a unit made from the guest code at pc, whose bytes are `guest`, range by range, to the stage. False if there is
 * no room for it: it can be written then and is empty again. */
bool unitstage_add(UnitStage *s, const Unit *u, u64 offset, u64 pc, const u8 *guest);
/* Adds the records of another stage, or some of them that lie together. False without memory. */
bool unitstage_take(UnitStage *s, const void *records, size_t size);
void unitstage_empty(UnitStage *s);
void unitstage_free(UnitStage *s);
/* The same in a forked child, whose allocator isn't to be trusted with what its parent's threads had. */
void unitstage_forget(UnitStage *s);

/* Appends the stage's records, creating the file if need be; those that have come into it behind its first *seen bytes
 * meanwhile are left out, and *seen is how long it is then. `title` is for people. 0 or -errno: -EAGAIN if another
 * process is doing so, and whatever else there is; the file is as it was then. */
int unitfile_append(int dir, const char *name, UnitStage *s, const char *title, u64 *seen);

/* Makes a file of the stage's records, and nothing else, of one that is open. 0 or -errno. */
int unitfile_write(int fd, const UnitStage *s, const char *title);
/* Appends another file's records, those that are good, to a file. 0 or -errno. */
int unitfile_merge(int dir, const char *name, const UnitFile *from);
/* The mode of a new directory in this one, or, as far as 0644 goes, of a file: who may read that may read what is in
 * it. */
mode_t unitfile_mode(int dir);

/* Puts a file of these bytes in the place of the one with that name. 0 or -errno: that is as it was then. */
int unitfile_replace(int dir, const char *name, const void *bytes, size_t size);

/* Whether the file, or directory, is the user's or root's and only its owner may write it. */
bool unitfile_trusts(int fd, bool directory);

/* What is in a file, for `dragoman cache`. */
typedef struct UnitFileStat {
    char name[64]; /* of the guest's file; may not end in NUL */
    i64 used;      /* when it was last opened or written, within an hour; seconds since 1970 */
    u64 bytes, segments, records, regions, guest_bytes, code_bytes; /* regions: records that are */
    u64 bad; /* records, or rests of segments, that aren't what was written */
} UnitFileStat;
/* 0 or -errno. */
int unitfile_stat(int dir, const char *name, UnitFileStat *out);

#endif
