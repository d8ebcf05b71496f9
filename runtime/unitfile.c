#include "unitfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "../lifter/host.h"
#include "runtime.h"

enum {
    PAGE = 4096,
    UNIT = 8,         /* records, and all that counts in them, are multiples of this */
    PROBES = 256,     /* slots that are looked at */
    USED_STEP = 3600, /* seconds: a file's time says when it was used, about */
    SMALLEST = 16,    /* slots of a hash table */
    STAGE = 8 << 20,  /* bytes of records that are kept in memory at most */
    STAGE_FIRST = 256 << 10,
    STAGE_PAGES = 128 << 10,
};

static const char magic[16] = "dragoman units4";

typedef struct Header {
    char magic[16];
    u64 size;      /* of the segment, all told */
    u32 regions;   /* slots that are regions' */
    u32 slots;     /* of the hash table that follows, a power of two */
    char name[64]; /* of the guest's file, for people */
    u64 check;     /* of the above */
} Header;

/* An open hash table by the offset of the guest code. A region has a slot for each of its entries. */
typedef struct Slot {
    u32 check; /* of the offset */
    u32 at;    /* the record's place, in UNITs from the header; 0: the slot is empty */
} Slot;

/* Followed by: links, entries, ranges and the map of faults of a region, relocations, map, guest code, host code. */
typedef struct Record {
    u32 units; /* size of all of it, in UNITs */
    u32 insns;
    u64 check; /* of all that follows */
    u64 offset;
    u64 pc; /* which it is good for; 0: any */
    u32 code_size, nrelocs, nmap, guest_size;
    u32 nsites, nplaces;
    u32 cpu; /* as in Unit */
    u16 nlinks, nentries,
        nranges;   /* a block's entry and range aren't kept: the offset, at `entry` in the code, and guest_size */
    u8 entry, how; /* how: a Tier and HOW_ */
    u8 skip, past;
    u16 zero;
} Record;
_Static_assert(offsetof(Record, zero) + sizeof(u16) == sizeof(Record), "the same unit has the same bytes: none that nobody sets");
_Static_assert(sizeof(Record) % UNIT == 0 && sizeof(Header) % UNIT == 0, "what follows is aligned");

enum { HOW_TIER = 7, HOW_EXACT = 8, HOW_FLUSHES = 16, HOW_AHEAD = 32, HOW_TAGS = 64 };

typedef struct RecordLink {
    i32 to;
    u16 jump, how; /* a sum of */
} RecordLink;
enum { LINK_BACK = 1, LINK_FORWARD = 2 };

typedef struct RecordEntry {
    i32 pc;
    u32 code;
} RecordEntry;

typedef struct RecordRange {
    i32 at;
    u32 size;
} RecordRange;

/* A row of the map, as it is kept. */
typedef struct Row {
    u16 host, guest;
} Row;

/* Where a record's parts are. */
typedef struct Parts {
    const RecordLink *links;
    const RecordEntry *entries;
    const RecordRange *ranges;
    FaultSite *sites;
    FaultPlace *places;
    Reloc *relocs;
    const Row *rows;
    u8 *guest, *code;
} Parts;

static Parts parts_of(Record *r)
{
    Parts p = {.links = (RecordLink *)(r + 1)};
    p.entries = (RecordEntry *)(p.links + r->nlinks);
    p.ranges = (RecordRange *)(p.entries + r->nentries);
    p.sites = (FaultSite *)(p.ranges + r->nranges);
    p.places = (FaultPlace *)(p.sites + r->nsites);
    p.relocs = (Reloc *)(p.places + r->nplaces);
    p.rows = (Row *)(p.relocs + r->nrelocs);
    p.guest = (u8 *)(p.rows + r->nmap);
    p.code = p.guest + r->guest_size;
    return p;
}

static bool is_region(const Record *r)
{
    return (r->how & HOW_TIER) != TIER_BASELINE;
}

static u64 header_check(const Header *h)
{
    return XXH3_64bits(h, offsetof(Header, check));
}

static u64 record_check(const Record *r)
{
    size_t from = offsetof(Record, offset);
    return XXH3_64bits((const u8 *)r + from, (size_t)r->units * UNIT - from);
}

static u32 hash_of(u64 offset, bool region)
{
    return (u32)(((offset ^ (region ? 1ull << 63 : 0)) * 0x9e3779b97f4a7c15ull) >> 32);
}

/* Where in the table an offset is looked for first, and what its slot says of it. What is near in the guest's code,
 * where most jumps lead, is so in the table: a cache line of 8 slots has 128 bytes' blocks. */
static UnitKey key_of(u64 offset, bool region)
{
    return (UnitKey){.slot = hash_of(offset >> 7, region) << 3 | (u32)(offset >> 4 & 7),
                     .check = hash_of(offset, region)};
}

/* Bytes that a record has, by what it says of itself. */
static u64 record_size(const Record *r)
{
    u64 size = sizeof *r + r->nlinks * sizeof(RecordLink) + r->nentries * sizeof(RecordEntry) +
               r->nranges * sizeof(RecordRange) + (u64)r->nsites * sizeof(FaultSite) +
               (u64)r->nplaces * sizeof(FaultPlace) + (u64)r->nrelocs * sizeof(Reloc) + (u64)r->nmap * sizeof(Row) +
               r->guest_size + r->code_size;
    return (size + UNIT - 1) / UNIT * UNIT;
}

/* -- reading ------------------------------------------------------------------------------------------------------- */

bool unitfile_trusts(int fd, bool directory)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (directory ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode)) &&
           (st.st_uid == geteuid() || st.st_uid == 0) && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

mode_t unitfile_mode(int dir)
{
    struct stat st;
    return fstat(dir, &st) == 0 ? (st.st_mode & 0755) | 0700 : 0700;
}

/* Copies from the file; false beyond its end, or if it has been cut. */
static bool peek(const UnitFile *f, u64 at, void *out, u64 size)
{
    if (at > f->size || size > f->size - at)
        return false;
    if (!f->own)
        return !mem_peek(out, (u64)f->map + at, size);
    memcpy(out, f->map + at, size);
    return true;
}

/* The segment that begins at `at`, if there is one and the file has all of it. */
static bool read_header(const UnitFile *f, u64 at, Header *h)
{
    return peek(f, at, h, sizeof *h) && !memcmp(h->magic, magic, sizeof magic) && h->check == header_check(h) &&
           h->size <= f->size - at && h->size % UNIT == 0 && h->slots && !(h->slots & (h->slots - 1)) &&
           h->size >= sizeof *h + (u64)h->slots * sizeof(Slot);
}

/* Fills in the segments, and cuts off what is behind them. */
static void find_segments(UnitFile *f)
{
    u64 at = 0;
    Header h;
    for (; f->nsegments < UNITFILE_SEGMENTS && read_header(f, at, &h); at += h.size) {
        f->segment[f->nsegments] = at;
        f->regions[f->nsegments] = h.regions;
        f->slots[f->nsegments++] = h.slots;
    }
    f->size = at;
}

void unitfile_within(UnitFile *f, const void *bytes, u64 size)
{
    *f = (UnitFile){.map = bytes, .size = size, .own = true};
    find_segments(f);
}

/* What lies behind the last segment stays unmapped. */
void unitfile_map(UnitFile *f, int fd)
{
    struct stat st;
    *f = (UnitFile){0};
    u64 size = fstat(fd, &st) == 0 ? (u64)st.st_size : 0;
    u8 *map = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (map == MAP_FAILED)
        return;
    *f = (UnitFile){.map = map, .size = size};
    find_segments(f);
    u64 end = (f->size + PAGE - 1) & -(u64)PAGE;
    if (end < size)
        munmap(map + end, size - end);
    if (!end)
        *f = (UnitFile){0};
}

bool unitfile_used(int fd, const struct stat *st)
{
    return st->st_mtime < time(NULL) - USED_STEP && !futimens(fd, NULL);
}

void unitfile_open(UnitFile *f, int dir, const char *name)
{
    struct stat st;
    *f = (UnitFile){0};
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    if (unitfile_trusts(fd, false) && fstat(fd, &st) == 0) {
        unitfile_map(f, fd);
        unitfile_used(fd, &st);
    }
    close(fd);
}

void unitfile_close(UnitFile *f)
{
    if (f->map)
        munmap((void *)f->map, f->size);
    *f = (UnitFile){0};
}

/* A search through the segments, the newest first. */
typedef struct Search {
    u32 segment; /* the one before is next when no probe is left */
    u32 slot, left;
    UnitKey key;
    bool region; /* only segments that have any */
} Search;

static Search search_for(const UnitFile *f, u64 offset, bool region)
{
    return (Search){.segment = f->nsegments, .key = key_of(offset, region), .region = region};
}

/* The head of the next record that may be of guest code at this offset; *at is where it is. */
static bool next_record(const UnitFile *f, Search *s, Record *r, u64 *at)
{
    for (;;) {
        if (!s->left) {
            if (!s->segment)
                return false;
            s->segment--;
            s->slot = s->key.slot;
            s->left = s->region && !f->regions[s->segment] ? 0 : PROBES;
            continue;
        }
        Slot slot;
        u64 begin = f->segment[s->segment];
        u32 index = s->slot++ & (f->slots[s->segment] - 1);
        s->left--;
        if (!peek(f, begin + sizeof(Header) + index * sizeof slot, &slot, sizeof slot) || !slot.at)
            s->left = 0;
        else if (slot.check == s->key.check && peek(f, *at = begin + (u64)slot.at * UNIT, r, sizeof *r))
            return true;
    }
}

/* The whole record, in the buffer's code if it may change. */
static Record *fetch(const UnitFile *f, u64 at, const Record *head, UnitBuffer *scratch)
{
    u64 size = (u64)head->units * UNIT;
    if (f->own)
        return size <= f->size - at ? (Record *)(f->map + at) : NULL;
    u8 *room = size == record_size(head) ? unit_room(scratch->unit.code, &scratch->code_room, size, 1) : NULL;
    if (!room)
        return NULL;
    scratch->unit.code = room;
    if (!peek(f, at, room, size))
        return NULL;
    Record *r = (Record *)room;
    return r->units == head->units && record_size(r) == size && r->check == record_check(r) ? r : NULL;
}

/* Whether the guest has the code that the record was made from, now; `address` is where the unit's is. */
static bool is_current(const Record *r, const Parts *p, u64 address)
{
    u8 now[PAGE];
    RecordRange all = {.size = r->guest_size};
    const RecordRange *ranges = r->nranges ? p->ranges : &all;
    u64 done = 0;
    for (u32 i = 0; i < (r->nranges ? r->nranges : 1); i++) {
        u32 size = ranges[i].size;
        if (size > sizeof now || size > r->guest_size - done ||
            code_read(now, address + (u64)ranges[i].at, size) != size || memcmp(now, p->guest + done, size) != 0)
            return false;
        done += size;
    }
    return done == r->guest_size;
}

/* How far from the unit's pc the one is that is looked for; false if the unit isn't entered there. */
static bool entry_at(const Record *r, const Parts *p, u64 offset, i64 *distance)
{
    *distance = (i64)(offset - r->offset);
    bool found = !r->nentries && !*distance;
    for (u32 i = 0; i < r->nentries && !found; i++)
        found = p->entries[i].pc == *distance;
    return found;
}

/* The unit of a record, with its arrays in the buffer whose code it is. */
static bool unit_of(const Record *r, const Parts *p, UnitBuffer *scratch, Unit *out)
{
    Unit *u = &scratch->unit;
    u->nlinks = u->nentries = u->nranges = 0;
    bool ok = r->nentries || (unit_add_entry(scratch, 0, r->entry) && unit_add_range(scratch, 0, r->guest_size));
    for (u32 i = 0; ok && i < r->nentries; i++)
        ok = unit_add_entry(scratch, p->entries[i].pc, p->entries[i].code);
    for (u32 i = 0; ok && i < r->nranges; i++)
        ok = unit_add_range(scratch, p->ranges[i].at, p->ranges[i].size);
    for (u32 i = 0; ok && i < r->nlinks; i++) {
        const RecordLink *l = &p->links[i];
        ok = unit_add_link(scratch, l->to, l->how & LINK_BACK, l->how & LINK_FORWARD);
        if (ok)
            u->links[i].jump = l->jump;
    }
    PcMap *map = r->nmap ? unit_room(u->map, &scratch->map_room, r->nmap, sizeof *map) : u->map;
    if (!ok || (r->nmap && !map))
        return false;
    u->map = map;
    for (u32 i = 0; i < r->nmap; i++)
        map[i] = (PcMap){.host = p->rows[i].host, .guest = p->rows[i].guest};
    *out = (Unit){
        .code = p->code,
        .relocs = p->relocs,
        .map = map,
        .links = u->links,
        .entries = u->entries,
        .ranges = u->ranges,
        .sites = p->sites,
        .places = p->places,
        .nsites = r->nsites,
        .nplaces = r->nplaces,
        .code_size = r->code_size,
        .nrelocs = r->nrelocs,
        .nmap = r->nmap,
        .nlinks = u->nlinks,
        .nentries = u->nentries,
        .nranges = u->nranges,
        .insns = r->insns,
        .tier = r->how & HOW_TIER,
        .skip = r->skip,
        .past = r->past,
        .ahead = r->how & HOW_AHEAD,
    };
    return true;
}

bool unitfile_find(const UnitFile *f, const UnitWanted *w, UnitBuffer *scratch, Unit *out, i64 *distance)
{
    u64 at;
    Record head;
    for (Search s = search_for(f, w->offset, w->region); next_record(f, &s, &head, &at);) {
        if ((w->exact && !(head.how & HOW_EXACT)) || (w->flushes && !(head.how & HOW_FLUSHES)) ||
            (w->tags && !(head.how & HOW_TAGS)) ||
            !host_takes(head.cpu) || is_region(&head) != w->region || (!w->region && head.offset != w->offset))
            continue;
        Record *r = fetch(f, at, &head, scratch);
        if (!r)
            continue;
        Parts p = parts_of(r);
        if (entry_at(r, &p, w->offset, distance) && (!r->pc || r->pc == w->pc - (u64)*distance) &&
            is_current(r, &p, w->address - (u64)*distance))
            return unit_of(r, &p, scratch, out);
    }
    return false;
}

/* -- writing ------------------------------------------------------------------------------------------------------- */

/* Room for so many bytes of records, in all. */
static bool grow_stage(UnitStage *s, size_t room)
{
    void *p = s->bytes ? mremap(s->bytes, s->room, room, MREMAP_MAYMOVE)
                       : mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    s->bytes = p;
    s->room = room;
    return true;
}

/* A slot for each of the record's entries. */
static bool add_places(UnitStage *s, Record *r)
{
    u64 at = (u64)((const u8 *)r - s->bytes);
    Parts p = parts_of(r);
    u32 n = r->nentries ? r->nentries : 1;
    UnitPlace *places = unit_room(s->places, &s->places_room, s->count + n, sizeof *places);
    if (!places)
        return false;
    s->places = places;
    for (u32 i = 0; i < n; i++) {
        u64 offset = r->offset + (r->nentries ? (u64)(i64)p.entries[i].pc : 0);
        s->places[s->count++] = (UnitPlace){.key = key_of(offset, is_region(r)), .at = (u32)(at / UNIT)};
    }
    s->regions += is_region(r) ? n : 0;
    s->size = at + (u64)r->units * UNIT;
    return true;
}

/* Room for so many bytes more. */
static bool stage_room(UnitStage *s, size_t size)
{
    if (s->size + size > s->room && (s->room >= STAGE || !grow_stage(s, s->room ? 2 * s->room : STAGE_FIRST)))
        return false;
    if (s->size + size > s->paged) {
        size_t step = s->room - s->paged < STAGE_PAGES ? s->room - s->paged : STAGE_PAGES;
        madvise(s->bytes + s->paged, step, MADV_POPULATE_WRITE); /* before Linux 5.14: each page is a fault */
        s->paged += step;
    }
    return true;
}

/* What a record has room for. */
static bool can_be_kept(const Unit *u)
{
    bool region = u->tier != TIER_BASELINE;
    bool ok =
        u->code_size <= (region ? UINT32_MAX : UINT16_MAX) && u->nlinks <= UINT16_MAX && u->nentries <= UINT16_MAX;
    for (u32 i = 0; ok && i < u->nlinks; i++)
        ok = u->links[i].to == (i32)u->links[i].to;
    for (u32 i = 0; ok && i < u->nentries; i++)
        ok = u->entries[i].pc == (i32)u->entries[i].pc;
    for (u32 i = 0; ok && i < u->nranges; i++)
        ok = u->ranges[i].at == (i32)u->ranges[i].at;
    return ok;
}

bool unitstage_add(UnitStage *s, const Unit *u, u64 offset, u64 pc, const u8 *guest)
{
    bool region = u->tier != TIER_BASELINE;
    if (!can_be_kept(u))
        return true;
    Record r = {
        .offset = offset,
        .pc = u->fixed ? pc : 0,
        .code_size = u->code_size,
        .nrelocs = u->nrelocs,
        .nmap = u->nmap,
        .nsites = u->nsites,
        .nplaces = u->nplaces,
        .insns = u->insns,
        .cpu = u->cpu,
        .nlinks = (u16)u->nlinks,
        .nentries = region ? (u16)u->nentries : 0,
        .nranges = region ? (u16)u->nranges : 0,
        .entry = region ? 0 : (u8)u->entries[0].code,
        .how = (u8)(u->tier | (u->exact ? HOW_EXACT : 0) | (u->flushes ? HOW_FLUSHES : 0) | (u->ahead ? HOW_AHEAD : 0) | (u->tags ? HOW_TAGS : 0)),
        .skip = u->skip,
        .past = u->past,
    };
    for (u32 i = 0; i < u->nranges; i++)
        r.guest_size += u->ranges[i].size;
    u64 size = record_size(&r);
    r.units = (u32)(size / UNIT);
    if (!stage_room(s, size))
        return false;
    u8 *p = s->bytes + s->size, *start = p;
    memset(p + size - UNIT, 0, UNIT);
    p += sizeof r;
    for (u32 i = 0; i < u->nlinks; i++) {
        const UnitLink *l = &u->links[i];
        u16 how = (l->back ? LINK_BACK : 0) | (l->forward ? LINK_FORWARD : 0);
        p = mempcpy(p, &(RecordLink){.to = (i32)l->to, .jump = (u16)l->jump, .how = how}, sizeof(RecordLink));
    }
    for (u32 i = 0; i < r.nentries; i++)
        p = mempcpy(p, &(RecordEntry){.pc = (i32)u->entries[i].pc, .code = u->entries[i].code}, sizeof(RecordEntry));
    for (u32 i = 0; i < r.nranges; i++)
        p = mempcpy(p, &(RecordRange){.at = (i32)u->ranges[i].at, .size = u->ranges[i].size}, sizeof(RecordRange));
    p = mempcpy(p, u->sites, u->nsites * sizeof *u->sites);
    p = mempcpy(p, u->places, u->nplaces * sizeof *u->places);
    p = mempcpy(p, u->relocs, u->nrelocs * sizeof *u->relocs);
    for (u32 i = 0; i < u->nmap; i++)
        p = mempcpy(p, &(Row){(u16)u->map[i].host, (u16)u->map[i].guest}, sizeof(Row));
    p = mempcpy(p, guest, r.guest_size);
    memcpy(p, u->code, u->code_size);
    memcpy(start, &r, sizeof r);
    ((Record *)start)->check = record_check((Record *)start);
    return add_places(s, (Record *)start);
}

bool unitstage_take(UnitStage *s, const void *records, size_t size)
{
    if (s->size + size > s->room && !grow_stage(s, 2 * (s->size + size)))
        return false;
    bool ok = true;
    memcpy(s->bytes + s->size, records, size);
    for (u64 end = s->size + size; ok && s->size < end;)
        ok = add_places(s, (Record *)(s->bytes + s->size));
    return ok;
}

void unitstage_forget(UnitStage *s)
{
    if (s->bytes)
        munmap(s->bytes, s->room);
    *s = (UnitStage){0};
}

void unitstage_free(UnitStage *s)
{
    free(s->places);
    unitstage_forget(s);
}

void unitstage_empty(UnitStage *s)
{
    s->size = s->count = s->regions = 0;
}

/* What the first segment's writer called the guest's file; unchanged if there is none. */
static void title_of(const UnitFile *f, char title[sizeof((Header *)0)->name])
{
    Header h;
    if (f->nsegments && peek(f, f->segment[0], &h, sizeof h))
        memcpy(title, h.name, sizeof h.name);
}

/* Whether the file has this very record. */
static bool has(const UnitFile *f, const Record *r)
{
    Record other;
    u64 at;
    for (Search s = search_for(f, r->offset, is_region(r)); next_record(f, &s, &other, &at);)
        if (other.check == r->check && other.offset == r->offset && other.pc == r->pc)
            return true;
    return false;
}

/* Takes out of the stage what the file has already. */
static void drop_known(const UnitFile *f, UnitStage *s)
{
    u64 end = s->size;
    unitstage_empty(s);
    for (u64 at = 0, size; at < end; at += size) {
        Record *r = (Record *)(s->bytes + at);
        size = (u64)r->units * UNIT;
        if (!has(f, r))
            add_places(s, memmove(s->bytes + s->size, r, size));
    }
}

/* Walks through all records: the head of the next one, and where it is; false at the end. A segment's rest is skipped
 * where a record makes no sense, and counted in `bad`. */
typedef struct Walk {
    u32 segment;
    u64 at, bad; /* at: the next one's; 0: at the segment's first */
} Walk;

static bool step(const UnitFile *f, Walk *w, Record *head, u64 *at)
{
    for (; w->segment < f->nsegments; w->segment++, w->at = 0) {
        u64 end = w->segment + 1 < f->nsegments ? f->segment[w->segment + 1] : f->size;
        *at = w->at ? w->at : f->segment[w->segment] + sizeof(Header) + f->slots[w->segment] * sizeof(Slot);
        if (*at == end)
            continue;
        if (peek(f, *at, head, sizeof *head) && record_size(head) == (u64)head->units * UNIT &&
            record_size(head) <= end - *at) {
            w->at = *at + record_size(head);
            return true;
        }
        w->bad++;
    }
    return false;
}

bool unitfile_copy(UnitFile *copy, const UnitFile *f)
{
    u8 *bytes = f->size ? mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (bytes == MAP_FAILED)
        return false;
    madvise(bytes, f->size, MADV_POPULATE_WRITE);
    if (!peek(f, 0, bytes, f->size)) {
        munmap(bytes, f->size);
        return false;
    }
    *copy = *f;
    copy->map = bytes;
    copy->own = true;
    return true;
}

void unitfile_each(const UnitFile *f, UnitVisit *visit, void *context)
{
    Record head;
    u64 at;
    for (Walk w = {0}; step(f, &w, &head, &at);) {
        Record *r = (Record *)(f->map + at);
        if (record_check(r) != r->check || !host_takes(r->cpu))
            continue;
        Parts p = parts_of(r);
        UnitRef ref = {.offset = r->offset,
                       .pc = r->pc,
                       .region = is_region(r),
                       .record = r,
                       .guest = p.guest,
                       .guest_size = r->guest_size};
        for (u32 i = 0; i < (r->nentries ? r->nentries : 1); i++) {
            ref.entry = r->offset + (r->nentries ? (u64)(i64)p.entries[i].pc : 0);
            visit(context, &ref);
        }
    }
}

bool unitfile_unit(const UnitRef *ref, UnitBuffer *scratch, Unit *out)
{
    Record *r = (Record *)ref->record;
    Parts p = parts_of(r);
    return unit_of(r, &p, scratch, out);
}

/* Adds the file's records, those that are good, in front of the stage's. */
static bool add_old(const UnitFile *f, UnitStage *s)
{
    UnitStage all = {0};
    bool ok = true;
    if (!grow_stage(&all, f->size + s->size)) {
        unitstage_free(&all);
        return false;
    }
    Record head;
    u64 at;
    for (Walk w = {0}; step(f, &w, &head, &at);) {
        u64 size = record_size(&head);
        if (peek(f, at, all.bytes + all.size, size) &&
            record_check((const Record *)(all.bytes + all.size)) == head.check) {
            ok &= add_places(&all, (Record *)(all.bytes + all.size));
        }
    }
    for (u64 at = 0, size; ok && at < s->size; at += size) {
        const Record *r = (const Record *)(s->bytes + at);
        size = (u64)r->units * UNIT;
        ok = add_places(&all, memcpy(all.bytes + all.size, r, size));
    }
    unitstage_free(ok ? s : &all);
    if (ok)
        *s = all;
    return ok;
}

static int write_all(int fd, const void *bytes, size_t size, u64 at)
{
    while (size) {
        ssize_t n = pwrite(fd, bytes, size, (off_t)at);
        if (n <= 0)
            return n < 0 ? -errno : -ENOSPC;
        bytes = (const u8 *)bytes + n;
        size -= (size_t)n;
        at += (u64)n;
    }
    return 0;
}

static u32 slots_for(const UnitStage *s)
{
    u32 slots = SMALLEST;
    while (slots < 2 * s->count)
        slots *= 2;
    return slots;
}

static u64 segment_size(const UnitStage *s)
{
    return sizeof(Header) + slots_for(s) * sizeof(Slot) + s->size;
}

/* Writes the stage as a segment at this place, which is the file's end or becomes it. */
static int write_segment(int fd, u64 at, const UnitStage *s, const char *title)
{
    u32 slots = slots_for(s);
    Slot *table = calloc(slots, sizeof *table);
    if (!table)
        return -ENOMEM;
    u64 front = sizeof(Header) + slots * sizeof *table;
    for (u32 i = 0; i < s->count; i++) {
        u32 slot = s->places[i].key.slot;
        while (table[slot & (slots - 1)].at)
            slot++;
        table[slot & (slots - 1)] =
            (Slot){.check = s->places[i].key.check, .at = (u32)(front / UNIT) + s->places[i].at};
    }
    Header h = {.size = front + s->size, .regions = s->regions, .slots = slots};
    memcpy(h.magic, magic, sizeof magic);
    snprintf(h.name, sizeof h.name, "%.*s", (int)sizeof h.name - 1, title);
    h.check = header_check(&h);
    int error = ftruncate(fd, (off_t)at) ? -errno : 0;
    if (!error)
        error = write_all(fd, table, slots * sizeof *table, at + sizeof h);
    if (!error)
        error = write_all(fd, s->bytes, s->size, at + front);
    if (!error)
        error = write_all(fd, &h, sizeof h, at);
    if (error && ftruncate(fd, (off_t)at))
        error = -errno;
    free(table);
    return error;
}

/* A file that is to have this name when it is complete; open for writing, or -errno. */
static int begin_file(int dir, const char *name, char temporary[NAME_MAX])
{
    snprintf(temporary, NAME_MAX, "%s.%d", name, (int)getpid());
    int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, unitfile_mode(dir) & 0644);
    return fd < 0 ? -errno : fd;
}

/* Gives it its name, unless there has been an error. */
static int end_file(int dir, const char *name, const char *temporary, int fd, int error)
{
    close(fd);
    if (!error && renameat(dir, temporary, dir, name))
        error = -errno;
    if (error)
        unlinkat(dir, temporary, 0);
    return error;
}

/* A new file of one segment, in the place of the old one. */
static int rewrite(int dir, const char *name, const UnitStage *s, const char *title)
{
    char temporary[NAME_MAX];
    int fd = begin_file(dir, name, temporary);
    return fd < 0 ? fd : end_file(dir, name, temporary, fd, write_segment(fd, 0, s, title));
}

/* Whether a file may be so long: to exceed the limit is a signal, not an error. */
static bool within_limit(u64 size)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && size <= limit.rlim_cur;
}

int unitfile_replace(int dir, const char *name, const void *bytes, size_t size)
{
    char temporary[NAME_MAX];
    int fd = within_limit(size) ? begin_file(dir, name, temporary) : -EFBIG;
    return fd < 0 ? fd : end_file(dir, name, temporary, fd, write_all(fd, bytes, size, 0));
}

int unitfile_write(int fd, const UnitStage *s, const char *title)
{
    return write_segment(fd, 0, s, title);
}

static int append_locked(int fd, int dir, const char *name, UnitStage *s, const char *title, u64 *seen)
{
    UnitFile f = {0};
    if (!unitfile_trusts(fd, false))
        return -EPERM;
    unitfile_map(&f, fd);
    u64 end = f.size;
    if (end != *seen)
        drop_known(&f, s);
    int error = 0;
    char old_title[sizeof((Header *)0)->name] = "";
    title_of(&f, old_title);
    if (s->count && !within_limit(end + 2 * s->size))
        error = -EFBIG;
    else if (s->count && f.nsegments == UNITFILE_SEGMENTS)
        error = add_old(&f, s) ? rewrite(dir, name, s, old_title) : -ENOMEM;
    else if (s->count)
        error = write_segment(fd, end, s, title);
    if (!error && s->count)
        *seen = f.nsegments == UNITFILE_SEGMENTS ? 0 : end + segment_size(s);
    unitfile_close(&f);
    return error;
}

int unitfile_append(int dir, const char *name, UnitStage *s, const char *title, u64 *seen)
{
    int fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, unitfile_mode(dir) & 0644);
    if (fd < 0)
        return -errno;
    int error = flock(fd, LOCK_EX | LOCK_NB) ? -EAGAIN : append_locked(fd, dir, name, s, title, seen);
    close(fd);
    return error;
}

int unitfile_merge(int dir, const char *name, const UnitFile *from)
{
    UnitStage s = {0};
    char title[sizeof((Header *)0)->name] = "";
    u64 seen = 0;
    title_of(from, title);
    int error = add_old(from, &s) ? unitfile_append(dir, name, &s, title, &seen) : -ENOMEM;
    unitstage_free(&s);
    return error;
}

int unitfile_stat(int dir, const char *name, UnitFileStat *out)
{
    struct stat st;
    UnitFile f = {0};
    *out = (UnitFileStat){0};
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st)) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return -error;
    }
    out->bytes = (u64)st.st_size;
    unitfile_map(&f, fd);
    close(fd);
    out->segments = f.nsegments;
    title_of(&f, out->name);
    out->used = st.st_mtime;
    UnitBuffer scratch = {0};
    Walk w = {.bad = f.size != out->bytes};
    Record head;
    for (u64 at; step(&f, &w, &head, &at);) {
        bool good = fetch(&f, at, &head, &scratch);
        out->records += good;
        out->regions += good && is_region(&head);
        w.bad += !good;
        out->guest_bytes += good ? head.guest_size : 0;
        out->code_bytes += good ? head.code_size : 0;
    }
    out->bad = w.bad;
    unit_buffer_free(&scratch);
    unitfile_close(&f);
    return 0;
}
