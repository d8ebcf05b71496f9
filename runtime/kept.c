#include "kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "cache.h"

enum {
    PAGE = 4096,
    MOST = ARENA_KEPT_FILES, /* files in a process */
    LONGEST = PAGE,          /* bytes of guest code of a block */
    FEWEST_SLOTS = 16,
    CODE_ALIGN = 16, /* as the arena's */
    READ_AHEAD = 4 * PAGE,
    FEW = 64, /* pieces that may be other code than they were */
};

static const char magic[16] = "dragoman kept 1";
static const char suffix[] = ".code";

/* Followed by the parts, each at its offset. */
typedef struct Header {
    char magic[16];
    u64 check;   /* of all that follows */
    u64 size;    /* of the file */
    u64 address; /* where it is to be mapped */
    u64 base;    /* of the guest's file, that guest addresses in it are for */
    u32 fixed;   /* good at that base only */
    u32 nblocks;
    u32 nslots, slots; /* open hash table by the offset in the guest's file; a power of two */
    u32 blocks; /* an array of where in `data` each Block is; in the order of their guest code, and of their own */
    u32 npieces, pieces;
    u32 nrelocs, relocs; /* places in `code` that have a guest address of 64 bits */
    u32 npcs, pcs;       /* guest addresses that code reads, u64 */
    u32 offsets;         /* of each block's guest code */
    u32 maps;            /* all Block.map */
    u32 code, code_size; /* from here on in multiples of a grain */
    u32 data, data_size; /* Blocks, each followed by its Links; behind `pcs`, all on pages that may be written */
} Header;

typedef struct Slot {
    u32 offset, block; /* block: its number + 1; 0: the slot is empty */
} Slot;

/* Guest code, within a page: from where in the file to where, and its hash. */
typedef struct Piece {
    u32 lo, end;
    u64 check;
} Piece;

/* One that is mapped. */
typedef struct Kept {
    const Header *h;
    u64 base, lo, end; /* of guest code */
    u64 moved;         /* base - h->base */
} Kept;

static struct {
    Kept files[MOST];
    _Atomic u32 count;
} kept;

static const void *part(const Header *h, u32 offset)
{
    return (const u8 *)h + offset;
}

static Block *block_at(const Header *h, u32 n)
{
    return (Block *)((u64)h + h->data + ((const u32 *)part(h, h->blocks))[n]);
}

static u32 hash_of(u32 offset)
{
    return (offset >> 7) * 0x9e3779b1u ^ offset >> 2; /* neighbours lie together */
}

static u64 up(u64 n, u64 to)
{
    return (n + to - 1) & -to;
}

void kept_name(const char *name, char out[KEPT_NAME])
{
    snprintf(out, KEPT_NAME, "%s%s", name, suffix);
}

/* -- finding ------------------------------------------------------------------------------------------------------- */

Block *kept_lookup(u64 pc)
{
    for (u32 i = 0, n = atomic_load_explicit(&kept.count, memory_order_acquire); i < n; i++) {
        const Kept *k = &kept.files[i];
        u64 offset = pc - k->base;
        if (offset < k->lo - k->base || offset >= k->end - k->base)
            continue;
        const Slot *slots = part(k->h, k->h->slots);
        for (u32 s = hash_of((u32)offset);; s++) {
            Slot slot = slots[s & (k->h->nslots - 1)];
            if (!slot.block)
                break;
            if (slot.offset != offset)
                continue;
            Block *b = block_at(k->h, slot.block - 1);
            if (!b->dead)
                return b;
            break;
        }
    }
    return NULL;
}

Block *kept_find_host(const void *host)
{
    for (u32 i = 0, n = atomic_load_explicit(&kept.count, memory_order_acquire); i < n; i++) {
        const Header *h = kept.files[i].h;
        if ((u64)host - (u64)part(h, h->code) >= h->code_size)
            continue;
        u32 lo = 0, hi = h->nblocks;
        while (lo < hi) {
            u32 mid = lo + (hi - lo) / 2;
            if (block_at(h, mid)->code <= host)
                lo = mid + 1;
            else
                hi = mid;
        }
        Block *b = lo ? block_at(h, lo - 1) : NULL;
        return b && (const u8 *)host < (const u8 *)b->code + b->code_size ? b : NULL;
    }
    return NULL;
}

bool kept_has(const Block *b)
{
    return (u64)b >= ARENA_KEPT_LO && (u64)b < ARENA_KEPT_HI;
}

bool kept_each(u64 lo, u64 hi, void (*f)(Block *))
{
    bool any = false;
    for (u32 i = 0; i < kept.count; i++) {
        const Kept *k = &kept.files[i];
        if (lo >= k->end || hi <= k->lo)
            continue;
        u32 first = 0, end = k->h->nblocks;
        const u32 *offsets = part(k->h, k->h->offsets);
        while (first < end) {
            u32 mid = first + (end - first) / 2;
            if (k->base + offsets[mid] + LONGEST < lo)
                first = mid + 1;
            else
                end = mid;
        }
        for (; first < k->h->nblocks && k->base + offsets[first] < hi; first++) {
            Block *b = block_at(k->h, first);
            if (!b->dead && b->end + k->moved > lo) {
                f(b);
                any = true;
            }
        }
    }
    return any;
}

/* -- mapping ------------------------------------------------------------------------------------------------------- */

static u64 check_of(const Header *h)
{
    size_t from = offsetof(Header, size);
    return XXH3_64bits((const u8 *)h + from, h->size - from);
}

/* Reads guest code in order, some pages at a time. */
typedef struct Reader {
    u64 base, at, end; /* what `bytes` has */
    u8 bytes[READ_AHEAD];
} Reader;

/* A hash of what the guest has there, 0 if that can't be read. */
static u64 guest_check(Reader *r, const Piece *p)
{
    u64 lo = r->base + p->lo, end = r->base + p->end;
    if (lo < r->at || end > r->end) {
        r->at = lo & -(u64)PAGE;
        r->end = r->at + code_read(r->bytes, r->at, sizeof r->bytes);
    }
    return end > r->end ? 0 : XXH3_64bits(r->bytes + (lo - r->at), end - lo);
}

/* The pieces that the guest hasn't got as they were, at most FEW of them; more: -1. */
static int find_changed(const Header *h, u64 base, u32 changed[FEW])
{
    static Reader r; /* the translation lock guards it */
    const Piece *pieces = part(h, h->pieces);
    int n = 0;
    r.base = base;
    r.at = r.end = 0;
    for (u32 i = 0; i < h->npieces; i++) {
        if (guest_check(&r, &pieces[i]) == pieces[i].check)
            continue;
        if (n == FEW)
            return -1;
        changed[n++] = i;
    }
    return n;
}

/* Has all guest addresses count from another base. */
static bool move(const Header *h, u64 base)
{
    u64 by = base - h->base;
    u8 *code = (u8 *)part(h, h->code);
    const u32 *relocs = part(h, h->relocs);
    if (!by)
        return true;
    if (h->nrelocs && mprotect(code, h->code_size, PROT_READ | PROT_WRITE))
        return false;
    for (u32 i = 0; i < h->nrelocs; i++) {
        u64 value;
        memcpy(&value, code + relocs[i], sizeof value);
        value += by;
        memcpy(code + relocs[i], &value, sizeof value);
    }
    u64 *pcs = (u64 *)part(h, h->pcs);
    for (u32 i = 0; i < h->npcs; i++)
        pcs[i] += by;
    return true;
}

/* A file that has been checked, or has just been made, is known by what the kernel says of it as long as nobody changes
 * it: its change time can't be set. What a stamp says is kept in a file beside. */
typedef struct Stamp {
    u64 dev, ino, size;
    i64 seconds, nanoseconds;
    u64 check; /* of the above */
} Stamp;

static Stamp stamp_of(const struct stat *st)
{
    Stamp s = {.dev = st->st_dev,
               .ino = st->st_ino,
               .size = (u64)st->st_size,
               .seconds = st->st_ctim.tv_sec,
               .nanoseconds = st->st_ctim.tv_nsec};
    s.check = XXH3_64bits(&s, offsetof(Stamp, check));
    return s;
}

static void stamp_name(const char *name, char stamp[KEPT_NAME])
{
    snprintf(stamp, KEPT_NAME, "%s.seen", name);
}

static bool is_stamped(int dir, const char *name, const struct stat *st)
{
    char file[KEPT_NAME];
    Stamp now = stamp_of(st), then;
    stamp_name(name, file);
    int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool same = fd >= 0 && unitfile_trusts(fd, false) && read(fd, &then, sizeof then) == sizeof then &&
                !memcmp(&now, &then, sizeof now);
    if (fd >= 0)
        close(fd);
    return same;
}

/* Where it can't be left, the file is checked each time. */
static void stamp(int dir, const char *name, const struct stat *st)
{
    char file[KEPT_NAME];
    Stamp s = stamp_of(st);
    stamp_name(name, file);
    unitfile_replace(dir, file, &s, sizeof s);
}

/* Maps it where it belongs; MAP_FAILED if that can't be. `own`: the directory is this process's to write. */
static const Header *map_file(int fd, int dir, const char *name, bool own)
{
    Header h;
    struct stat st;
    if (!unitfile_trusts(fd, false) || pread(fd, &h, sizeof h, 0) != sizeof h || memcmp(h.magic, magic, sizeof magic) ||
        fstat(fd, &st) || (u64)st.st_size != h.size || h.size < sizeof h || h.address % ARENA_GRAIN ||
        h.address < ARENA_KEPT_LO || h.size > ARENA_KEPT_HI - h.address)
        return MAP_FAILED;
    bool known = is_stamped(dir, name, &st);
    void *p = mmap((void *)h.address, h.size, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE | (known ? 0 : MAP_POPULATE),
                   fd, 0);
    if (p == MAP_FAILED)
        return p;
    if (p != (void *)h.address || (!known && !kept_is_good(p, h.size))) {
        munmap(p, h.size);
        return MAP_FAILED;
    }
    if (own && unitfile_used(fd, &st) && !fstat(fd, &st))
        known = false;
    if (own && !known)
        stamp(dir, name, &st);
    return p;
}

/* What is mapped comes into use; unmapped if it can't. */
static u32 take(const Header *h, u64 base, u64 lo, u64 end)
{
    u32 changed[FEW];
    const Piece *pieces = part(h, h->pieces);
    Kept k = {.h = h,
              .base = base,
              .lo = base + pieces[0].lo,
              .end = base + pieces[h->npieces - 1].end,
              .moved = base - h->base};
    int nchanged = -1;
    bool ok = k.lo >= lo && k.end <= end && (!h->fixed || h->base == base) &&
              (nchanged = find_changed(h, base, changed)) >= 0 &&
              !mprotect((void *)part(h, h->pcs), h->size - h->pcs, PROT_READ | PROT_WRITE) && move(h, base) &&
              !mprotect((void *)part(h, h->code), h->code_size, PROT_READ | PROT_EXEC);
    if (!ok || !arena_kept(h->address, h->size, k.moved)) {
        munmap((void *)h, h->size);
        return 0;
    }
    kept.files[kept.count] = k;
    atomic_fetch_add_explicit(&kept.count, 1, memory_order_release);
    for (int i = 0; i < nchanged; i++)
        kept_each(base + pieces[changed[i]].lo, base + pieces[changed[i]].end, cache_drop);
    return h->nblocks;
}

u32 kept_map(int dir, bool own, const char *name, u64 base, u64 lo, u64 end)
{
    char file[KEPT_NAME];
    kept_name(name, file);
    int fd = kept.count < MOST ? openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    const Header *h = fd < 0 ? MAP_FAILED : map_file(fd, dir, name, own);
    if (fd >= 0)
        close(fd);
    return h == MAP_FAILED ? 0 : take(h, base, lo, end);
}

u32 kept_move(const void *bytes, u64 base, u64 lo, u64 end)
{
    const Header *h = bytes;
    for (u32 i = 0; i < kept.count; i++) {
        const Header *other = kept.files[i].h;
        if (h->address < up((u64)other + other->size, ARENA_GRAIN) && (u64)other < h->address + h->size)
            return 0;
    }
    void *at = kept.count == MOST
                   ? MAP_FAILED
                   : mremap((void *)bytes, h->size, h->size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)h->address);
    return at == MAP_FAILED ? 0 : take(at, base, lo, end);
}

void kept_forget(void)
{
    for (u32 i = 0; i < kept.count; i++)
        munmap((void *)kept.files[i].h, kept.files[i].h->size);
    kept.count = 0;
    arena_kept_forget();
}

bool kept_is_name(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot && !strcmp(dot, suffix);
}

bool kept_is_good(const void *bytes, u64 size)
{
    const Header *h = bytes;
    return size >= sizeof *h && !memcmp(h->magic, magic, sizeof magic) && h->size == size && h->check == check_of(h);
}

/* -- making -------------------------------------------------------------------------------------------------------- */

typedef struct Making {
    const Guest *guest;
    u64 base;
    const u8 *code; /* of the guest's file, from `from` to `to` */
    u64 from, to;
    UnitRef *blocks;
    u32 nblocks, blocks_room;
    u32 *entered; /* offsets that regions are entered at */
    u32 nentered, entered_room;
    bool ok;
    UnitBuffer scratch;
    u8 *bytes; /* of the file */
    Header h;
} Making;

/* The guest code of that place in its file, NULL if it isn't known. */
static const u8 *code_of(const Making *m, u64 offset, u64 size)
{
    return offset >= m->from && offset <= m->to && size <= m->to - offset ? m->code + (offset - m->from) : NULL;
}

/* Whether the guest has the code of a block. */
static bool is_current(const Making *m, const UnitRef *ref)
{
    u64 offset = code_address(m->guest, m->base + ref->offset) - m->base;
    const u8 *code = code_of(m, offset, ref->guest_size);
    return code && ref->guest_size && ref->guest_size <= LONGEST && !memcmp(code, ref->guest, ref->guest_size);
}

static void collect(void *context, const UnitRef *ref)
{
    Making *m = context;
    if (ref->entry > INT32_MAX) /* a pc that says more than an address */
        return;
    if (ref->region) {
        u32 *more = unit_room(m->entered, &m->entered_room, m->nentered + 1, sizeof *more);
        m->ok &= more != NULL;
        if (more) {
            m->entered = more;
            more[m->nentered++] = (u32)ref->entry;
        }
    } else if ((!ref->pc || ref->pc == m->base + ref->offset) && is_current(m, ref)) {
        UnitRef *more = unit_room(m->blocks, &m->blocks_room, m->nblocks + 1, sizeof *more);
        m->ok &= more != NULL;
        if (more) {
            m->blocks = more;
            more[m->nblocks++] = *ref;
        }
    }
}

/* By their code; the same one's newest first. */
static int by_offset(const void *a, const void *b)
{
    const UnitRef *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return (x->record < y->record) - (x->record > y->record);
}

static int by_value(const void *a, const void *b)
{
    const u32 *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* In order, one of each, and none where a region is entered. */
static void choose(Making *m)
{
    u32 n = 0;
    if (m->nblocks)
        qsort(m->blocks, m->nblocks, sizeof *m->blocks, by_offset);
    if (m->nentered)
        qsort(m->entered, m->nentered, sizeof *m->entered, by_value);
    for (u32 i = 0, e = 0; i < m->nblocks; i++) {
        const UnitRef *ref = &m->blocks[i];
        while (e < m->nentered && m->entered[e] < ref->offset)
            e++;
        bool again = n && m->blocks[n - 1].offset == ref->offset,
             entered = e < m->nentered && m->entered[e] == ref->offset;
        if (!again && !entered)
            m->blocks[n++] = *ref;
    }
    m->nblocks = n;
}

/* The code that the blocks are made from, without what two have in common. */
static u32 find_pieces(const Making *m, Piece *pieces)
{
    u32 n = 0;
    for (u32 i = 0; i < m->nblocks; i++) {
        u32 lo = (u32)(code_address(m->guest, m->base + m->blocks[i].offset) - m->base),
            end = lo + m->blocks[i].guest_size;
        if (n && lo <= pieces[n - 1].end && lo / PAGE == pieces[n - 1].lo / PAGE)
            pieces[n - 1].end = end > pieces[n - 1].end ? end : pieces[n - 1].end;
        else
            pieces[n++] = (Piece){.lo = lo, .end = end};
    }
    return n;
}

/* Has links lead to the blocks that are there, as cache_connect does. */
static void connect(Making *m)
{
    const Header *h = &m->h;
    const u32 *at = (const u32 *)(m->bytes + h->blocks);
    const Slot *slots = (const Slot *)(m->bytes + h->slots);
    u8 *data = m->bytes + h->data;
    i64 write = (i64)((u64)m->bytes - h->address);
    for (u32 i = 0; i < h->nblocks; i++) {
        Block *b = (Block *)(data + at[i]);
        Link *links = (Link *)(b + 1), *there = b->links;
        for (u32 k = 0; k < b->nlinks; k++) {
            Link *l = &links[k];
            u64 offset = l->pc - m->base;
            u32 s = offset > UINT32_MAX ? 0 : hash_of((u32)offset);
            while (offset <= UINT32_MAX && slots[s & (h->nslots - 1)].block &&
                   slots[s & (h->nslots - 1)].offset != offset)
                s++;
            u32 n = offset > UINT32_MAX ? 0 : slots[s & (h->nslots - 1)].block;
            if (!n)
                continue;
            Block *to = (Block *)(data + at[n - 1]);
            const u8 *code = (const u8 *)to->code + (l->forward ? to->skip : 0);
            l->to = (Block *)(h->address + h->data + at[n - 1]);
            l->next_in = to->incoming;
            to->incoming = &there[k];
            l->code = code;
            if (l->jump) {
                i32 distance = (i32)(code - (l->jump + sizeof distance));
                memcpy(l->jump + write, &distance, sizeof distance);
                l->direct = true;
            }
        }
    }
}

/* A place for so many bytes where none of the directory's other files is, if there is one. */
static u64 find_place(int dir, const char *name, u64 size)
{
    enum { TRIES = 4096 };
    struct stat st;
    u64 grains = (ARENA_KEPT_HI - ARENA_KEPT_LO - size) / ARENA_GRAIN;
    u64 first = ARENA_KEPT_LO + (fstat(dir, &st) ? 0 : (u64)st.st_ino * 0x9e3779b97f4a7c15ull % grains * ARENA_GRAIN),
        at = first;
    Header *others = NULL;
    u32 n = 0, room = 0;
    for (u32 i = 0; i < kept.count; i++) { /* this process may have other directories' */
        Header *more = unit_room(others, &room, n + 1, sizeof *more);
        others = more ? more : others;
        if (more)
            more[n++] = *kept.files[i].h;
    }
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    for (const struct dirent *e; d && (e = readdir(d));) {
        const char *dot = strchr(e->d_name, '.');
        if (!dot || strcmp(dot, suffix) != 0 || !strcmp(e->d_name, name))
            continue;
        Header *more = unit_room(others, &room, n + 1, sizeof *more);
        int file = more ? openat(dir, e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
        others = more ? more : others;
        if (file >= 0 && pread(file, &others[n], sizeof *others, 0) == sizeof *others)
            n++;
        if (file >= 0)
            close(file);
    }
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    bool wrapped = false, taken = true;
    for (int i = 0; i < TRIES && taken; i++) {
        taken = false;
        for (u32 k = 0; k < n && !taken; k++) {
            u64 end = up(others[k].address + others[k].size, ARENA_GRAIN);
            taken = at < end && others[k].address < at + size;
            at = taken ? end : at;
        }
        if (at + size > ARENA_KEPT_HI || at < ARENA_KEPT_LO) {
            at = ARENA_KEPT_LO;
            taken = !wrapped;
            wrapped = true;
        }
    }
    free(others);
    return taken ? first : at;
}

static u64 maps_size(const Unit *u)
{
    return u->nmap * sizeof(PcMap) + up(unit_faults_size(u), sizeof(u64));
}

/* The tables, and how large all is. */
static bool plan(Making *m, u64 *size)
{
    Header *h = &m->h;
    u32 slots = FEWEST_SLOTS;
    while (slots < 2 * m->nblocks)
        slots *= 2;
    u64 maps = 0, code = 0, data = 0, relocs = 0;
    for (u32 i = 0; i < m->nblocks; i++) {
        Unit u;
        if (!unitfile_unit(&m->blocks[i], &m->scratch, &u))
            return false;
        maps += maps_size(&u);
        code += up(u.code_size, CODE_ALIGN);
        data += up(unit_data_size(&u), CODE_ALIGN);
        for (u32 k = 0; k < u.nrelocs; k++)
            relocs += u.relocs[k].kind == RELOC_GUEST;
        h->fixed |= m->blocks[i].pc != 0;
    }
    h->nblocks = m->nblocks;
    h->nslots = slots;
    h->slots = sizeof *h;
    u64 at = h->slots + slots * sizeof(Slot);
    h->blocks = (u32)at;
    at = up(at + m->nblocks * sizeof(u32), 8);
    h->pieces = (u32)at;
    at += m->nblocks * sizeof(Piece);
    h->relocs = (u32)at;
    at += relocs * sizeof(u32);
    h->offsets = (u32)at;
    at = up(at + m->nblocks * sizeof(u32), 8);
    h->maps = (u32)at;
    at = up(at + maps, ARENA_GRAIN);
    h->code = (u32)at;
    h->code_size = (u32)up(code, ARENA_GRAIN);
    at += h->code_size;
    h->pcs = (u32)at;
    at = up(at + 2 * m->nblocks * sizeof(u64), CODE_ALIGN);
    h->data = (u32)at;
    *size = up(at + data, PAGE);
    h->data_size = (u32)(*size - h->data);
    return *size < INT32_MAX / 2; /* the sums above are not larger either */
}

/* What the code reads of guest addresses in its Block and Links it has close together here, so that few pages must be
 * changed where the guest's code is elsewhere. */
static void use_pcs(Making *m, const Unit *u, const UnitRoom *room)
{
    Header *h = &m->h;
    u64 *pcs = (u64 *)(m->bytes + h->pcs);
    u32 link = u->nlinks ? (u32)(unit_link_at(u->nentries, u->nlinks - 1) + offsetof(Link, pc)) : 0;
    const u64 *values[] = {&room->write->pc, (const u64 *)((const u8 *)room->write + link)};
    const u32 places[] = {offsetof(Block, pc), link};
    for (u32 p = 0; p < LEN(places) && places[p]; p++) {
        bool used = false;
        for (u32 i = 0; i < u->nrelocs; i++) {
            u32 at = u->relocs[i].at, there;
            memcpy(&there, u->code + at, sizeof there);
            if (u->relocs[i].kind != RELOC_BLOCK || there + at + sizeof there != places[p])
                continue;
            u32 away = (u32)(h->address + h->pcs + h->npcs * sizeof *pcs - (u64)(room->code + at + sizeof away));
            memcpy(room->write_code + at, &away, sizeof away);
            used = true;
        }
        if (used)
            pcs[h->npcs++] = *values[p];
    }
}

static bool fill(Making *m)
{
    Header *h = &m->h;
    u32 *at = (u32 *)(m->bytes + h->blocks), *relocs = (u32 *)(m->bytes + h->relocs);
    Slot *slots = (Slot *)(m->bytes + h->slots);
    u64 code = 0, data = 0, maps = 0;
    for (u32 i = 0; i < m->nblocks; i++) {
        Unit u;
        if (!unitfile_unit(&m->blocks[i], &m->scratch, &u))
            return false;
        at[i] = (u32)data;
        ((u32 *)(m->bytes + h->offsets))[i] = (u32)(code_address(m->guest, m->base + m->blocks[i].offset) - m->base);
        UnitRoom room = {
            .block = (Block *)(h->address + h->data + data),
            .write = (Block *)(m->bytes + h->data + data),
            .map = (PcMap *)(h->address + h->maps + maps),
            .faults = u.nsites ? (FaultMap *)(h->address + h->maps + maps + u.nmap * sizeof(PcMap)) : NULL,
            .code = (u8 *)(h->address + h->code + code),
            .write_code = m->bytes + h->code + code,
        };
        unit_lay(m->guest, &u, m->base + m->blocks[i].offset, BLOCK_UNWEIGHED, &room);
        use_pcs(m, &u, &room);
        if (u.nsites)
            unit_lay_faults(&u, (FaultMap *)(m->bytes + h->maps + maps + u.nmap * sizeof(PcMap)), room.faults,
                            m->base + m->blocks[i].offset, room.code);
        if (u.nmap)
            memcpy(m->bytes + h->maps + maps, u.map, u.nmap * sizeof(PcMap));
        for (u32 k = 0; k < u.nrelocs; k++)
            if (u.relocs[k].kind == RELOC_GUEST)
                relocs[h->nrelocs++] = (u32)code + u.relocs[k].at;
        u32 s = hash_of((u32)m->blocks[i].offset);
        while (slots[s & (h->nslots - 1)].block)
            s++;
        slots[s & (h->nslots - 1)] = (Slot){.offset = (u32)m->blocks[i].offset, .block = i + 1};
        code += up(u.code_size, CODE_ALIGN);
        data += up(unit_data_size(&u), CODE_ALIGN);
        maps += maps_size(&u);
    }
    return true;
}

static void check_pieces(Making *m)
{
    Piece *pieces = (Piece *)(m->bytes + m->h.pieces);
    for (u32 i = 0; i < m->h.npieces; i++) {
        u64 size = pieces[i].end - pieces[i].lo;
        pieces[i].check = XXH3_64bits(code_of(m, pieces[i].lo, size), size);
    }
}

/* The file, in m->bytes: at this address or (0) at one that is free. */
static int make(Making *m, const UnitFile *f, int dir, const char *name, u64 address)
{
    Header *h = &m->h;
    UnitFile copy;
    m->ok = unitfile_copy(&copy, f);
    if (!m->ok)
        return -ENOMEM;
    unitfile_each(&copy, collect, m);
    choose(m);
    int error = !m->ok || !plan(m, &h->size) ? -ENOMEM : !m->nblocks ? -ENODATA : 0;
    m->bytes = error ? MAP_FAILED : mmap(NULL, h->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m->bytes != MAP_FAILED) {
        madvise(m->bytes, h->size, MADV_POPULATE_WRITE);
        memcpy(h->magic, magic, sizeof magic);
        h->address = address ? address : find_place(dir, name, h->size);
        h->base = m->base;
        h->npieces = find_pieces(m, (Piece *)(m->bytes + h->pieces));
        error = fill(m) ? 0 : -ENOMEM;
        connect(m);
        check_pieces(m);
        memcpy(m->bytes, h, sizeof *h);
        ((Header *)m->bytes)->check = check_of((const Header *)m->bytes);
    } else if (!error) {
        error = -ENOMEM;
    }
    unitfile_close(&copy);
    free(m->blocks);
    free(m->entered);
    unit_buffer_free(&m->scratch);
    return error;
}

int kept_build(const Guest *guest, const UnitFile *f, u64 base, const void *file, u64 size, u64 address, void **bytes,
               u64 *nbytes)
{
    Making m = {.guest = guest, .base = base, .code = file, .to = size};
    int error = make(&m, f, -1, "", address);
    *bytes = m.bytes;
    *nbytes = m.h.size;
    if (error && m.bytes != MAP_FAILED)
        munmap(m.bytes, m.h.size);
    return error;
}

/* A copy of what the guest has there, zeros where it has nothing; without faults, for which there may be no handler any
 * more. NULL if it can't be had. */
static u8 *copy_of_guest(u64 from, u64 size)
{
    u8 *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED)
        return NULL;
    for (u64 at = 0; at < size;) {
        struct iovec here = {bytes + at, size - at}, there = {(void *)(from + at), size - at};
        ssize_t n = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
        at += n > 0 ? (u64)n : PAGE;
    }
    return bytes;
}

int kept_make(const Guest *guest, int dir, const char *name, const UnitFile *f, u64 base, u64 lo, u64 end, bool wait)
{
    struct stat st;
    char file[KEPT_NAME];
    kept_name(name, file);
    Making m = {.guest = guest, .base = base, .from = lo - base, .to = end - base, .bytes = MAP_FAILED};
    if (flock(dir, LOCK_EX | (wait ? 0 : LOCK_NB))) /* one at a time: each has an address of its own */
        return -EAGAIN;
    u8 *code = copy_of_guest(lo, end - lo);
    m.code = code;
    int error = code ? make(&m, f, dir, file, 0) : -ENOMEM;
    if (!error)
        error = unitfile_replace(dir, file, m.bytes, m.h.size);
    if (!error && !fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW))
        stamp(dir, name, &st);
    if (m.bytes != MAP_FAILED)
        munmap(m.bytes, m.h.size);
    if (code)
        munmap(code, end - lo);
    flock(dir, LOCK_UN);
    return error;
}
