/* Who is told of translated code, and /tmp/perf-PID.map: one line for each block and region with the guest function it
 * belongs to.
 *
 * The file is opened for each line: a descriptor that stayed open would be in the guest's way. What the guest unmaps or
 * maps anew invalidates code, so the mappings found are good until the cache's next generation. */
#include "perf.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ahead.h"
#include "cache.h"

/* A file of which symbols were wanted. */
typedef struct File {
    char *path;
    Symbols *symbols; /* NULL if it has none */
    struct File *next;
} File;

/* Guest addresses [lo, hi) show the file from offset on; file is NULL where none is mapped. */
typedef struct Range {
    u64 lo, hi, offset;
    const File *file;
} Range;

enum { RANGES = 64 };

static struct {
    int wanted;    /* PERF_* */
    char path[64]; /* the map's; "" if none is wanted */
    off_t size;    /* of the map so far */
    File *files;
    Range range[RANGES]; /* the first nranges, valid in this generation of the cache */
    size_t nranges;
    u64 generation;
} perf;

int perf_create(const char *path)
{
    unlink(path); /* an earlier process's, or a trap */
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int perf_open(const char *path, int flags)
{
    struct stat st;
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid())) {
        close(fd);
        return -1;
    }
    return fd;
}

static void start_map(void)
{
    snprintf(perf.path, sizeof perf.path, "/tmp/perf-%d.map", getpid());
    int fd = perf_create(perf.path);
    if (fd < 0) {
        fprintf(stderr, "dragoman: --perf: %s can't be written: %m\n", perf.path);
        perf.wanted &= ~PERF_MAP;
        return;
    }
    close(fd);
}

void perf_start(int wanted)
{
    perf.wanted = wanted;
    if (wanted & PERF_MAP)
        start_map();
    if (wanted & PERF_DUMP)
        jitdump_start();
}

static const File *file_of(const char *path)
{
    File *f = perf.files;
    while (f && strcmp(f->path, path))
        f = f->next;
    if (f)
        return f;
    f = calloc(1, sizeof *f);
    if (!f || !(f->path = strdup(path))) {
        free(f);
        return NULL;
    }
    f->symbols = ahead_symbols(path);
    f->next = perf.files;
    return perf.files = f;
}

static const Range *range_of(u64 pc)
{
    if (perf.generation != cache_generation() || perf.nranges == RANGES) {
        perf.nranges = 0;
        perf.generation = cache_generation();
    }
    for (size_t i = 0; i < perf.nranges; i++)
        if (pc >= perf.range[i].lo && pc < perf.range[i].hi)
            return &perf.range[i];
    MappedFile m;
    if (!mapped_file(pc, &m))
        return NULL;
    Range *r = &perf.range[perf.nranges++];
    *r = (Range){m.lo, m.hi, m.offset, file_of(m.path)};
    return r;
}

void perf_function(u64 pc, char *name, size_t size)
{
    u64 distance;
    const Range *r = range_of(pc);
    const char *found =
        r && r->file && r->file->symbols ? symbols_find(r->file->symbols, pc - r->lo + r->offset, &distance) : NULL;
    if (found)
        snprintf(name, size, "%s", found);
    else
        snprintf(name, size, "0x%" PRIx64, pc);
}

static void add_to_map(const char *name, const void *code, u64 size)
{
    char line[512];
    int n = snprintf(line, sizeof line, "%" PRIx64 " %" PRIx64 " %s\n", (u64)code, size, name);
    int fd = perf_open(perf.path, O_WRONLY | O_APPEND);
    if (fd < 0)
        return;
    if (write(fd, line, (size_t)n) == n)
        perf.size += n;
    close(fd);
}

bool perf_is_wanted(void)
{
    return perf.wanted;
}

void perf_add(const Block *b)
{
    char function[400], name[420];
    u64 size = 0;
    if (likely(!perf.wanted))
        return;
    for (const Block *s = b; s; s = s->sibling)
        size += s->code_size;
    perf_function(block_pc(b), function, sizeof function);
    snprintf(name, sizeof name, "%s [%s]", function,
             b->tier == TIER_STATIC ? "static" : b->tier == TIER_LLVM ? "llvm" : "baseline");
    if (perf.wanted & PERF_MAP)
        add_to_map(name, b->code, size);
    if (perf.wanted & PERF_DUMP)
        jitdump_add(name, b->code, size);
    if (perf.wanted & PERF_GDB)
        gdb_add(name, b->code, size);
}

void perf_after_fork(void)
{
    if (perf.wanted & PERF_DUMP)
        jitdump_start();
    if (!(perf.wanted & PERF_MAP))
        return;
    int from = perf_open(perf.path, O_RDONLY);
    start_map();
    int to = perf.wanted & PERF_MAP ? perf_open(perf.path, O_WRONLY) : -1;
    char buf[65536];
    off_t copied = 0;
    while (from >= 0 && to >= 0 && copied < perf.size) {
        size_t left = (size_t)(perf.size - copied);
        ssize_t n = read(from, buf, left < sizeof buf ? left : sizeof buf);
        if (n <= 0 || write(to, buf, (size_t)n) != n)
            break;
        copied += n;
    }
    perf.size = copied;
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
}
