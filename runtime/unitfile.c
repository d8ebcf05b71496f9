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

#include "runtime.h"

enum {
    LINKS = 2,
    UNIT = 8,         /* records, and all that counts in them, are multiples of this */
    PROBES = 64,      /* slots that are looked at */
    USED_STEP = 3600, /* seconds: a file's time says when it was used, about */
    SMALLEST = 16,    /* slots of a hash table */
    STAGE = 8 << 20,  /* bytes of records that are kept in memory at most */
    STAGE_FIRST = 256 << 10,
    STAGE_PAGES = 128 << 10,
};

static const char magic[16] = "dragoman units1";

typedef struct Header {
    char magic[16];
    u64 size; /* of the segment, all told */
    u32 records;
    u32 slots;     /* of the hash table that follows, a power of two */
    char name[64]; /* of the guest's file, for people */
    u64 check;     /* of the above */
} Header;

/* An open hash table by the offset of the guest code. */
typedef struct Slot {
    u32 key; /* of the offset */
    u32 at;  /* the record's place, in UNITs from the header; 0: the slot is empty */
} Slot;

/* Followed by: relocations, map, guest code, host code. */
typedef struct Record {
    u32 units; /* size of all of it, in UNITs */
    u32 insns;
    u64 check; /* of all that follows */
    u64 offset;
    u64 pc; /* which it is good for; 0: any */
    i32 to[LINKS];
    u32 code_size, nrelocs, nmap, guest_size;
    u16 jump[LINKS];
    u8 entry, skip, nlinks, how; /* how: a LINK_ for each link, LINK_BITS apart; then `past` less `skip` */
} Record;
_Static_assert(sizeof(Record) % UNIT == 0 && sizeof(Header) % UNIT == 0, "what follows is aligned");

enum { LINK_BACK = 1, LINK_FORWARD = 2, LINK_BITS = 2, PAST_AT = LINKS * LINK_BITS }; /* as in UnitLink */

/* A row of the map, as it is kept. */
typedef struct Row {
    u16 host, guest;
} Row;

static u64 header_check(const Header *h)
{
    return XXH3_64bits(h, offsetof(Header, check));
}

static u64 record_check(const Record *r)
{
    size_t from = offsetof(Record, offset);
    return XXH3_64bits((const u8 *)r + from, (size_t)r->units * UNIT - from);
}

static u32 key_of(u64 offset)
{
    return (u32)((offset * 0x9e3779b97f4a7c15ull) >> 32);
}

/* Bytes that a record has, by what it says of itself. */
static u64 record_size(const Record *r)
{
    u64 size = sizeof *r + (u64)r->nrelocs * sizeof(Reloc) + (u64)r->nmap * sizeof(Row) + r->guest_size + r->code_size;
    return (size + UNIT - 1) / UNIT * UNIT;
}

/* -- reading ----------------------------------------------------------------------------------------------------------------- */

bool unitfile_trusts(int fd, bool directory)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (directory ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode)) &&
           (st.st_uid == geteuid() || st.st_uid == 0) && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* The segment that begins at `at`, if there is one and the file has all of it. */
static bool read_header(int fd, u64 at, u64 file_size, Header *h)
{
    return file_size - at >= sizeof *h && pread(fd, h, sizeof *h, (off_t)at) == sizeof *h &&
           !memcmp(h->magic, magic, sizeof magic) && h->check == header_check(h) && h->size <= file_size - at &&
           h->size % UNIT == 0 && h->slots && !(h->slots & (h->slots - 1)) &&
           h->size >= sizeof *h + (u64)h->slots * sizeof(Slot);
}

/* Fills in the segments; where the last one ends. */
static u64 read_segments(int fd, u64 file_size, UnitFile *f)
{
    u64 at = 0;
    Header h;
    for (f->nsegments = 0; f->nsegments < UNITFILE_SEGMENTS && read_header(fd, at, file_size, &h); at += h.size) {
        f->segment[f->nsegments] = at;
        f->slots[f->nsegments++] = h.slots;
    }
    return at;
}

static void map_file(UnitFile *f, int fd, u64 size)
{
    void *map = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (map == MAP_FAILED) {
        *f = (UnitFile){0};
        return;
    }
    f->map = map;
    f->size = size;
}

void unitfile_open(UnitFile *f, int dir, const char *name)
{
    struct stat st;
    *f = (UnitFile){0};
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    if (unitfile_trusts(fd, false) && fstat(fd, &st) == 0) {
        map_file(f, fd, read_segments(fd, (u64)st.st_size, f));
        if (st.st_mtime < time(NULL) - USED_STEP)
            futimens(fd, NULL);
    }
    close(fd);
}

void unitfile_close(UnitFile *f)
{
    if (f->map)
        munmap((void *)f->map, f->size);
    *f = (UnitFile){0};
}

/* Copies from the file; false beyond its end, or if it has been cut. */
static bool peek(const UnitFile *f, u64 at, void *out, u64 size)
{
    return at <= f->size && size <= f->size - at && !mem_peek(out, (u64)f->map + at, size);
}

/* A search through the segments, the newest first. */
typedef struct Search {
    u32 segment; /* the one before is next when no probe is left */
    u32 slot, left;
} Search;

/* The head of the next record of guest code at this offset; *at is where it is. */
static bool next_record(const UnitFile *f, u64 offset, Search *s, Record *r, u64 *at)
{
    for (;;) {
        if (!s->left) {
            if (!s->segment)
                return false;
            s->segment--;
            s->slot = key_of(offset);
            s->left = PROBES;
        }
        Slot slot;
        u64 begin = f->segment[s->segment];
        u32 index = s->slot++ & (f->slots[s->segment] - 1);
        s->left--;
        if (!peek(f, begin + sizeof(Header) + index * sizeof slot, &slot, sizeof slot) || !slot.at)
            s->left = 0;
        else if (slot.key == key_of(offset) && peek(f, *at = begin + (u64)slot.at * UNIT, r, sizeof *r) &&
                 r->offset == offset)
            return true;
    }
}

/* The whole record into the buffer's code. */
static Record *fetch(const UnitFile *f, u64 at, const Record *head, UnitBuffer *scratch)
{
    u64 size = (u64)head->units * UNIT;
    u8 *room = size == record_size(head) ? unit_room(scratch->unit.code, &scratch->code_room, size, 1) : NULL;
    if (!room)
        return NULL;
    scratch->unit.code = room;
    if (!peek(f, at, room, size))
        return NULL;
    Record *r = (Record *)room;
    return r->units == head->units && record_size(r) == size && r->check == record_check(r) ? r : NULL;
}

bool unitfile_find(const UnitFile *f, u64 offset, u64 pc, u64 address, UnitBuffer *scratch, Unit *out)
{
    enum { PAGE = 4096 };
    u8 now[PAGE];
    u64 at;
    Record head;
    for (Search s = {.segment = f->nsegments}; next_record(f, offset, &s, &head, &at);) {
        if ((head.pc && head.pc != pc) || head.guest_size > sizeof now)
            continue;
        const Record *r = fetch(f, at, &head, scratch);
        if (!r || r->nlinks > LINKS)
            continue;
        Reloc *relocs = (Reloc *)(r + 1);
        const Row *rows = (const Row *)(relocs + r->nrelocs);
        const u8 *guest = (const u8 *)(rows + r->nmap);
        if (code_read(now, address, r->guest_size) != r->guest_size || memcmp(now, guest, r->guest_size) != 0)
            continue;
        PcMap *map = unit_room(scratch->unit.map, &scratch->map_room, r->nmap, sizeof *map);
        if (r->nmap && !map)
            return false;
        scratch->unit.map = map;
        for (u32 i = 0; i < r->nmap; i++)
            map[i] = (PcMap){.host = rows[i].host, .guest = rows[i].guest};
        scratch->unit.nlinks = scratch->unit.nentries = scratch->unit.nranges = 0;
        if (!unit_add_entry(scratch, 0, r->entry) || !unit_add_range(scratch, 0, r->guest_size))
            return false;
        for (u32 i = 0, how = r->how; i < r->nlinks; i++, how >>= LINK_BITS) {
            if (!unit_add_link(scratch, r->to[i], how & LINK_BACK, how & LINK_FORWARD))
                return false;
            scratch->unit.links[i].jump = r->jump[i];
        }
        *out = (Unit){
            .code = (u8 *)guest + r->guest_size,
            .relocs = relocs,
            .map = map,
            .links = scratch->unit.links,
            .entries = scratch->unit.entries,
            .ranges = scratch->unit.ranges,
            .nentries = 1,
            .nranges = 1,
            .tier = TIER_BASELINE,
            .code_size = r->code_size,
            .nrelocs = r->nrelocs,
            .nmap = r->nmap,
            .insns = r->insns,
            .skip = r->skip,
            .past = (u8)(r->skip + (r->how >> PAST_AT)),
            .nlinks = r->nlinks,
        };
        return true;
    }
    return false;
}

/* -- writing ----------------------------------------------------------------------------------------------------------------- */

/* Room for so many bytes of records, in all. */
static bool grow_stage(UnitStage *s, size_t room)
{
    void *p = s->bytes ? mremap(s->bytes, s->room, room, MREMAP_MAYMOVE)
                       : mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    s->bytes = p;
    s->room = room;
    u32 places = (u32)(room / sizeof(Record));
    UnitPlace *more = realloc(s->places, places * sizeof *more);
    if (more)
        s->places = more;
    return more;
}

static void add_place(UnitStage *s, const Record *r)
{
    u64 at = (u64)((const u8 *)r - s->bytes);
    s->places[s->count++] = (UnitPlace){.offset = r->offset, .at = (u32)(at / UNIT)};
    s->size = at + (u64)r->units * UNIT;
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

bool unitstage_add(UnitStage *s, const Unit *u, u64 offset, u64 pc, const u8 *guest)
{
    Record r = {
        .offset = offset,
        .pc = u->fixed ? pc : 0,
        .code_size = u->code_size,
        .nrelocs = u->nrelocs,
        .nmap = u->nmap,
        .guest_size = u->ranges[0].size,
        .insns = u->insns,
        .entry = (u8)u->entries[0].code,
        .skip = u->skip,
        .nlinks = (u8)u->nlinks,
        .how = (u8)((u->past - u->skip) << PAST_AT),
    };
    if (u->code_size > UINT16_MAX) /* and what a record can't say isn't kept */
        return true;
    for (u32 i = 0; i < u->nlinks; i++) {
        r.jump[i] = (u16)u->links[i].jump;
        r.to[i] = (i32)u->links[i].to;
        if (r.to[i] != u->links[i].to)
            return true;
        u32 how = (u->links[i].back ? LINK_BACK : 0) | (u->links[i].forward ? LINK_FORWARD : 0);
        r.how |= (u8)(how << i * LINK_BITS);
    }
    u64 size = record_size(&r);
    r.units = (u32)(size / UNIT);
    if (!stage_room(s, size))
        return false;
    u8 *p = s->bytes + s->size, *start = p;
    memset(p + size - UNIT, 0, UNIT);
    p += sizeof r;
    p = mempcpy(p, u->relocs, u->nrelocs * sizeof *u->relocs);
    for (u32 i = 0; i < u->nmap; i++)
        p = mempcpy(p, &(Row){(u16)u->map[i].host, (u16)u->map[i].guest}, sizeof(Row));
    p = mempcpy(p, guest, r.guest_size);
    memcpy(p, u->code, u->code_size);
    memcpy(start, &r, sizeof r);
    ((Record *)start)->check = record_check((Record *)start);
    add_place(s, (const Record *)start);
    return true;
}

void unitstage_free(UnitStage *s)
{
    if (s->bytes)
        munmap(s->bytes, s->room);
    free(s->places);
    *s = (UnitStage){0};
}

void unitstage_empty(UnitStage *s)
{
    s->size = s->count = 0;
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
    for (Search s = {.segment = f->nsegments}; next_record(f, r->offset, &s, &other, &at);)
        if (other.check == r->check && other.pc == r->pc)
            return true;
    return false;
}

/* Takes out of the stage what the file has already. */
static void drop_known(const UnitFile *f, UnitStage *s)
{
    u32 n = s->count;
    s->size = s->count = 0;
    for (u32 i = 0; i < n; i++) {
        const Record *r = (const Record *)(s->bytes + (u64)s->places[i].at * UNIT);
        if (!has(f, r))
            add_place(s, memmove(s->bytes + s->size, r, (u64)r->units * UNIT));
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

/* Adds the file's records, those that are good, in front of the stage's. */
static bool add_old(const UnitFile *f, UnitStage *s)
{
    UnitStage all = {0};
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
            add_place(&all, (const Record *)(all.bytes + all.size));
        }
    }
    for (u32 i = 0; i < s->count; i++) {
        const Record *r = (const Record *)(s->bytes + (u64)s->places[i].at * UNIT);
        add_place(&all, memcpy(all.bytes + all.size, r, (u64)r->units * UNIT));
    }
    unitstage_free(s);
    *s = all;
    return true;
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
    while (slots < s->count + s->count / 4)
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
        u32 key = key_of(s->places[i].offset), slot = key;
        while (table[slot & (slots - 1)].at)
            slot++;
        table[slot & (slots - 1)] = (Slot){.key = key, .at = (u32)(front / UNIT) + s->places[i].at};
    }
    Header h = {.size = front + s->size, .records = s->count, .slots = slots};
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

/* A new file of one segment, in the place of the old one. */
static int rewrite(int dir, const char *name, const UnitStage *s, const char *title)
{
    char temporary[NAME_MAX];
    snprintf(temporary, sizeof temporary, "%s.%d", name, (int)getpid());
    int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int error = write_segment(fd, 0, s, title);
    close(fd);
    if (!error && renameat(dir, temporary, dir, name))
        error = -errno;
    if (error)
        unlinkat(dir, temporary, 0);
    return error;
}

/* Whether a file may be so long: to exceed the limit is a signal, not an error. */
static bool within_limit(u64 size)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && size <= limit.rlim_cur;
}

static int append_locked(int fd, int dir, const char *name, UnitStage *s, const char *title, u64 *seen)
{
    struct stat st;
    UnitFile f = {0};
    if (!unitfile_trusts(fd, false))
        return -EPERM;
    if (fstat(fd, &st))
        return -errno;
    u64 end = read_segments(fd, (u64)st.st_size, &f);
    map_file(&f, fd, end);
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
    int fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return -errno;
    int error = flock(fd, LOCK_EX | LOCK_NB) ? -EAGAIN : append_locked(fd, dir, name, s, title, seen);
    close(fd);
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
    u64 end = read_segments(fd, out->bytes, &f);
    map_file(&f, fd, end);
    close(fd);
    out->segments = f.nsegments;
    title_of(&f, out->name);
    out->used = st.st_mtime;
    UnitBuffer scratch = {0};
    Walk w = {.bad = end != out->bytes};
    Record head;
    for (u64 at; step(&f, &w, &head, &at);) {
        bool good = fetch(&f, at, &head, &scratch);
        out->records += good;
        w.bad += !good;
        out->guest_bytes += good ? head.guest_size : 0;
        out->code_bytes += good ? head.code_size : 0;
    }
    out->bad = w.bad;
    unit_buffer_free(&scratch);
    unitfile_close(&f);
    return 0;
}
