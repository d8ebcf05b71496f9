#include "store.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "ahead.h"
#include "cache.h"
#include "heat.h"
#include "kept.h"
#include "linux/linux.h"
#include "unitdir.h"
#include "unitfile.h"

enum {
    PAGE = 4096,
    PLACES = 2, /* of others */
    FEW = 24,   /* units that aren't worth a write, but for one of */
    LUCKY = 8,  /* so many runs: the next ones would make them again */
};
enum : i64 { MOST_CREDIT = 60000000000 }; /* ns */

/* A file of the guest's. Its inode says which it is as long as it is mapped; what it has is known by content. */
typedef struct StoreFile {
    u64 dev, ino, size;
    struct timespec changed;
    char name[STORE_NAME];
    char title[64]; /* the last part of the path it was opened by, if its file of units is new */
    UnitFile file;
    UnitFile others[PLACES]; /* as Store.others */
    UnitFile ahead;          /* what this executable has */
    u64 seen; /* bytes of it that were there when it was opened, or are this process's */
    UnitStage stage;
    const Guest *guest; /* the last that code of it was looked for by, with what its file would begin at */
    u64 base, lo, end;  /* and where that code is */
    const void *ahead_kept; /* what this executable has in one piece, until it is mapped */
    bool kept_sought; /* since the last flush */
    u32 kept;         /* blocks that came in one piece */
    u32 placed;       /* and one by one, in all */
    bool heat_loaded;
    Heat heat; /* of earlier runs */
    Heat ran;  /* in this one */
    struct StoreFile *next;
} StoreFile;

/* A block whose counter counts, and where that begins. */
typedef struct Counting {
    StoreFile *file;
    const Block *block;
    u64 offset, from;
} Counting;

static struct Store {
    int dir; /* hidden; -1: nothing is kept */
    int others[PLACES]; /* hidden; where things are found, but not kept */
    u32 nothers;
    u64 limit;
    bool stopped;
    StoreFile *files;
    StoreFile *program; /* the first one */
    Counting *counting;
    u32 ncounting, counting_room;
} store = {.dir = -1};

/* -- where ------------------------------------------------------------------------------------------------------------------- */

bool store_default(char *path, size_t size)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n = -1;
    if (base && *base == '/')
        n = snprintf(path, size, "%s/dragoman", base);
    else if (home && *home == '/')
        n = snprintf(path, size, "%s/.cache/dragoman", home);
    return n > 0 && (size_t)n < size;
}

/* The note in which the linker left this program's build-id; *size has its bytes. NULL if there is none. */
static const void *build_id(size_t *size)
{
    const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
    for (size_t i = 0, n = ph ? getauxval(AT_PHNUM) : 0; i < n; i++) {
        const Elf64_Nhdr *note = (const Elf64_Nhdr *)ph[i].p_vaddr;
        if (ph[i].p_type == PT_NOTE && note->n_type == NT_GNU_BUILD_ID) {
            *size = ph[i].p_memsz;
            return note;
        }
    }
    return NULL;
}

/* The name of a directory for units: by guest, build, and what else their code depends on. False if that can't be
 * told. */
static bool name_directory(const Guest *guest, const u64 *how, size_t n, const char *cpu, char *name, size_t size)
{
    size_t id_size;
    const void *id = build_id(&id_size);
    XXH3_state_t *h = id ? XXH3_createState() : NULL;
    if (!h)
        return false;
    XXH3_64bits_reset(h);
    XXH3_64bits_update(h, id, id_size);
    XXH3_64bits_update(h, how, n * sizeof *how);
    XXH3_64bits_update(h, cpu, strlen(cpu));
    snprintf(name, size, "%s-%016lx", guest->name, XXH3_64bits_digest(h));
    XXH3_freeState(h);
    return true;
}

/* Of one for units like this process's. */
static bool name_flavour(const Process *p, const Guest *guest, char *name, size_t size)
{
    u64 how[] = {baseline_features(), lift_is_counting(), p->options.tier != TIER_BASELINE};
    return name_directory(guest, how, LEN(how), p->options.cpu ? p->options.cpu : "", name, size);
}

/* A directory, with `make` made if it isn't there; -1 if that can't be, or it isn't to be trusted. */
static int open_directory(int at, const char *name, bool make)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(at, name, flags);
    if (fd < 0 && errno == ENOENT && make) {
        mkdirat(at, name, at == AT_FDCWD ? 0700 : unitfile_mode(at)); /* or another process does */
        fd = openat(at, name, flags);
    }
    if (fd >= 0 && !unitfile_trusts(fd, true)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Makes the directories above the last one, as mkdir -p does. */
static void make_parents(const char *path)
{
    char copy[PATH_MAX];
    if (strlen(path) >= sizeof copy)
        return;
    strcpy(copy, path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(copy, 0700);
        *slash = '/';
    }
}

/* The directory of that name below `path`, both made if need be; -1 if that isn't possible. */
static int make_directory(const char *path, const char *name)
{
    int above = open_directory(AT_FDCWD, path, true);
    if (above < 0) {
        make_parents(path);
        above = open_directory(AT_FDCWD, path, true);
    }
    int dir = above < 0 ? -1 : open_directory(above, name, true);
    if (above >= 0)
        close(above);
    return dir;
}

int store_apart(const Guest *guest, const char *path, const u64 *how, size_t n)
{
    char name[64];
    return name_directory(guest, how, n, "", name, sizeof name) ? make_directory(path, name) : -1;
}

void store_open(Process *p, const Guest *guest, const char *path)
{
    char name[64];
    int dir = name_flavour(p, guest, name, sizeof name) ? make_directory(path, name) : -1;
    store.dir = dir < 0 ? -1 : fd_hide(p, dir);
    store.limit = p->options.cache_size ? p->options.cache_size : STORE_SIZE;
}

void store_read_from(Process *p, const Guest *guest, const char *path, bool roots)
{
    struct stat st;
    char name[64];
    int above = store.nothers < PLACES ? open_directory(AT_FDCWD, path, false) : -1;
    int dir = above >= 0 && name_flavour(p, guest, name, sizeof name) ? open_directory(above, name, false) : -1;
    if (dir >= 0 && roots && (fstat(above, &st) || st.st_uid))
        dir = (close(dir), -1);
    if (above >= 0)
        close(above);
    if (dir >= 0)
        store.others[store.nothers++] = fd_hide(p, dir);
    else if (log_on(cache))
        log_printf("cache: nothing to be read from %s\n", path);
}

void store_stop(void)
{
    store.stopped = true;
}

/* -- the guest's files ------------------------------------------------------------------------------------------------------- */

static StoreFile *file_of(u64 dev, u64 ino)
{
    StoreFile *f = store.files;
    while (f && (f->dev != dev || f->ino != ino))
        f = f->next;
    return f;
}

/* The first page, in which linkers leave a note of the content, and the size name a file's content well enough to find
 * what was made of it: each unit has the guest code that it is good for. */
bool store_name(int fd, char name[STORE_NAME])
{
    u8 page[PAGE];
    struct stat st;
    ssize_t n = fstat(fd, &st) ? 0 : pread(fd, page, sizeof page, 0);
    if (n <= 0)
        return false;
    XXH128_hash_t h = XXH3_128bits_withSeed(page, (size_t)n, (u64)st.st_size);
    snprintf(name, STORE_NAME, "%016lx%016lx", h.high64, h.low64);
    return true;
}

bool store_content(int fd, char name[STORE_NAME])
{
    struct stat st;
    void *bytes = fstat(fd, &st) || !st.st_size ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return false;
    XXH128_hash_t h = XXH3_128bits(bytes, (size_t)st.st_size);
    munmap(bytes, (size_t)st.st_size);
    snprintf(name, STORE_NAME, "%016lx%016lx", h.high64, h.low64);
    return true;
}

static void take_title(StoreFile *f, int fd)
{
    char path[PATH_MAX];
    const char *slash = fd_path(fd, path) ? strrchr(path, '/') : NULL;
    snprintf(f->title, sizeof f->title, "%s", slash ? slash + 1 : "");
}

void store_file(int fd)
{
    struct stat st;
    if ((store.dir < 0 && !store.nothers && !ahead_payload()) || store.stopped || fstat(fd, &st) || !S_ISREG(st.st_mode))
        return;
    cache_lock();
    StoreFile *f = file_of(st.st_dev, st.st_ino);
    bool same = f && f->size == (u64)st.st_size && !memcmp(&f->changed, &st.st_mtim, sizeof f->changed);
    if (!same) {
        StoreFile now = {.dev = st.st_dev, .ino = st.st_ino, .size = (u64)st.st_size, .changed = st.st_mtim};
        if (f)
            f->dev = f->ino = 0; /* what it was before: what was made of that is kept under its own name */
        StoreFile *new = store_name(fd, now.name) ? malloc(sizeof *new) : NULL;
        if (new) {
            if (!the_process->options.cpu) /* it is made for the default model */
                now.ahead_kept = ahead_units(now.name, &now.ahead);
            if (store.dir >= 0)
                unitfile_open(&now.file, store.dir, now.name);
            for (u32 i = 0; i < store.nothers; i++)
                unitfile_open(&now.others[i], store.others[i], now.name);
            now.seen = now.file.size;
            if (!now.file.nsegments)
                take_title(&now, fd);
            now.next = store.files;
            *new = now;
            store.files = new;
            store.program = store.program ? store.program : new;
        }
    }
    cache_unlock();
}

/* The bits of a pc that aren't an address, below and above it, in an offset's that files have no use for. */
static u64 mode_of(u64 pc, u64 address)
{
    enum { UP = 16 };
    u64 mode = pc ^ address;
    return (u32)mode | mode >> 32 << (32 + UP);
}

StorePlace store_place(const Guest *guest, const Mapping *map, u64 pc)
{
    bool may = store.files && !store.stopped && map->ino && !(map->kind & MEM_SHARED);
    u64 address = code_address(guest, pc);
    return (StorePlace){.file = may ? file_of(map->dev, map->ino) : NULL,
                        .offset = (map->offset + (address - map->start)) | mode_of(pc, address),
                        .pc = pc,
                        .address = address};
}

/* -- units ------------------------------------------------------------------------------------------------------------------- */

static bool find(const StorePlace *where, const UnitWanted *w, UnitBuffer *scratch, Unit *out, i64 *distance)
{
    const StoreFile *f = where->file;
    if (!f)
        return false;
    const UnitFile *in[] = {&f->ahead, &f->file, &f->others[0], &f->others[1]};
    static_assert(LEN(in) == PLACES + 2, "all of them");
    bool found = false;
    for (u32 i = 0; !found && i < LEN(in); i++)
        found = in[i]->nsegments && unitfile_find(in[i], w, scratch, out, distance);
    return found;
}

bool store_find(const StorePlace *where, UnitBuffer *scratch, Unit *out)
{
    UnitWanted w = {.offset = where->offset, .pc = where->pc, .address = where->address, .tags = lift_ignores_tags()};
    i64 distance;
    bool found = find(where, &w, scratch, out, &distance);
    if (found)
        where->file->placed++;
    return found;
}

static void take_map(StoreFile *f, const Guest *guest, const Mapping *map)
{
    f->guest = guest;
    f->base = map->start - map->offset;
    f->lo = map->start;
    f->end = map->end;
}

u32 store_map_kept(const Guest *guest, const StorePlace *where, const Mapping *map)
{
    StoreFile *f = where->file;
    if (!f || f->kept_sought || map->prot & PROT_WRITE || lift_ignores_tags())
        return 0;
    f->kept_sought = true;
    take_map(f, guest, map);
    f->kept = f->ahead_kept ? kept_move(f->ahead_kept, f->base, map->start, map->end) : 0;
    f->ahead_kept = NULL;
    if (!f->kept && store.dir >= 0)
        f->kept = kept_map(store.dir, true, f->name, f->base, map->start, map->end);
    for (u32 i = 0; !f->kept && i < store.nothers; i++)
        f->kept = kept_map(store.others[i], false, f->name, f->base, map->start, map->end);
    return f->kept;
}

void store_forget_kept(void)
{
    kept_forget();
    for (StoreFile *f = store.files; f; f = f->next)
        f->kept_sought = false;
}

bool store_find_region(const StorePlace *where, UnitBuffer *scratch, Unit *out, u64 *pc)
{
    UnitWanted w = {
        .offset = where->offset,
        .pc = where->pc,
        .address = where->address,
        .region = true,
        .exact = cache_is_exact(),
        .flushes = cache_is_flushing(),
        .tags = lift_ignores_tags(),
    };
    i64 distance;
    if (!find(where, &w, scratch, out, &distance))
        return false;
    *pc = where->pc - (u64)distance;
    return true;
}

int store_add_all(int fd, UnitStage *stage)
{
    struct stat st;
    StoreFile *f = store.dir < 0 || fstat(fd, &st) ? NULL : file_of(st.st_dev, st.st_ino);
    return f ? unitfile_append(store.dir, f->name, stage, f->title, &f->seen) : -ENOENT;
}

/* True if something was written. */
static bool save_file(StoreFile *f)
{
    int error = unitfile_append(store.dir, f->name, &f->stage, f->title, &f->seen);
    if (error && error != -EAGAIN && log_on(cache))
        log_printf("cache: %s can't be written: %s\n", f->name, strerror(-error));
    bool written = !error && f->stage.count;
    unitstage_empty(&f->stage);
    return written;
}

void store_add(const StorePlace *where, const Unit *u, const u8 *guest)
{
    StoreFile *f = where->file;
    if (!f || store.dir < 0 || unitstage_add(&f->stage, u, where->offset, where->pc, guest))
        return;
    save_file(f);
    unitstage_add(&f->stage, u, where->offset, where->pc, guest);
}

void store_add_region(const StorePlace *where, const Unit *u, const Region *r)
{
    u8 *guest = where->file ? region_code(r) : NULL;
    if (guest)
        store_add(where, u, guest);
    free(guest);
}

/* -- heat ---------------------------------------------------------------------------------------------------------- */

static void heat_name(const StoreFile *f, char name[STORE_NAME + 8])
{
    snprintf(name, STORE_NAME + 8, "%s.heat", f->name);
}

static const Heat *heat_of(StoreFile *f)
{
    char name[STORE_NAME + 8];
    heat_name(f, name);
    if (!f->heat_loaded)
        heat_load(&f->heat, store.dir, name);
    f->heat_loaded = true;
    return &f->heat;
}

u64 store_heat(const StorePlace *where, const Block *b)
{
    if (!where->file)
        return 0;
    u64 ran = heat_at(heat_of(where->file), where->offset);
    Counting *more = unit_room(store.counting, &store.counting_room, store.ncounting + 1, sizeof *more);
    if (!more)
        return ran;
    store.counting = more;
    more[store.ncounting++] = (Counting){.file = where->file, .block = b, .offset = where->offset, .from = ran};
    return ran;
}

void store_collect(void)
{
    for (u32 i = 0; i < store.ncounting; i++) {
        const Counting *c = &store.counting[i];
        if (c->block->ran > c->from)
            heat_add(&c->file->ran, c->offset, c->block->ran - c->from);
    }
    store.ncounting = 0;
}

bool store_is_open(void)
{
    return store.dir >= 0 && !store.stopped;
}

i64 store_credit(void)
{
    return store.program ? heat_of(store.program)->credit_ns : 0;
}

/* -- in one piece ------------------------------------------------------------------------------------------------- */

/* Whether making the file's code of one piece (anew) pays: what came one by one would cost the next run as much again.
 * It is a fifteenth of a block's first translation, so that a few of many wait until there are more, or for chance. */
static bool wants_kept(const StoreFile *f)
{
    enum { PART = 16 };
    if (!f->guest || !f->placed)
        return false;
    return (u32)getpid() % (f->kept / (f->placed * PART) + 1) == 0;
}

static int make_kept(const StoreFile *f, bool wait)
{
    UnitFile now;
    unitfile_open(&now, store.dir, f->name);
    int error = now.nsegments ? kept_make(f->guest, store.dir, f->name, &now, f->base, f->lo, f->end, wait) : 0;
    if (error && error != -EAGAIN && log_on(cache))
        log_printf("cache: %s can't be put together: %s\n", f->name, strerror(-error));
    unitfile_close(&now);
    return error;
}

int store_make_kept(int fd, const Guest *guest, const Mapping *map)
{
    struct stat st;
    StoreFile *f = store.dir < 0 || fstat(fd, &st) ? NULL : file_of(st.st_dev, st.st_ino);
    if (!f)
        return -ENOENT;
    take_map(f, guest, map);
    return make_kept(f, true);
}

/* Adds what has run here to what the file says by now. */
static void save_heat(StoreFile *f, i64 credit_ns, u32 weight)
{
    char name[STORE_NAME + 8];
    Heat h;
    heat_name(f, name);
    heat_load(&h, store.dir, name);
    for (u32 i = 0; i < f->ran.count; i++)
        heat_add(&h, f->ran.spots[i].offset, weight * f->ran.spots[i].ran);
    credit_ns *= weight;
    if (f == store.program)
        h.credit_ns = credit_ns > MOST_CREDIT - h.credit_ns ? MOST_CREDIT : h.credit_ns + credit_ns;
    heat_save(&h, store.dir, name);
    heat_free(&h);
    heat_free(&f->ran);
}

/* -- the end ------------------------------------------------------------------------------------------------------- */

void store_save(i64 credit_ns, u32 weight)
{
    if (store.dir < 0 || !store.files)
        return;
    bool written = false;
    if (!cache_lock_soon())
        return;
    store_collect();
    for (StoreFile *f = store.files; f; f = f->next) {
        bool regions = f->stage.regions;
        bool lucky = (u32)getpid() % LUCKY == 0;
        if (f->stage.count >= FEW || regions || (f->stage.count && lucky))
            written |= save_file(f);
        if (wants_kept(f) || (regions && f->kept)) {
            make_kept(f, false);
            written = true;
        }
        if (weight && (f->ran.count || (f == store.program && credit_ns)))
            save_heat(f, credit_ns, weight);
    }
    cache_unlock();
    int top = written ? openat(store.dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (top >= 0) {
        unitdir_tidy(top, store.limit);
        close(top);
    }
}

/* Nothing is freed: what another thread has allocated, such as the compile thread, has a lock that it may have held. */
void store_after_fork(void)
{
    for (StoreFile *f = store.files; f; f = f->next) {
        unitstage_forget(&f->stage);
        f->ran = (Heat){0};
    }
    for (u32 i = 0; i < store.ncounting; i++)
        store.counting[i].from = store.counting[i].block->ran;
}
