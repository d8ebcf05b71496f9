#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../runtime/store.h"
#include "../runtime/unitdir.h"
#include "../runtime/unitfile.h"
#include "command.h"
#include "run.h"

typedef struct Total {
    UnitFileStat sum;
    u64 files;
    bool list, verify;
} Total;

static void print_size(u64 bytes)
{
    static const char units[] = "BKMGT";
    size_t unit = 0;
    double n = (double)bytes;
    for (; n >= 1000 && unit + 2 < sizeof units; unit++)
        n /= 1024;
    printf(unit ? "%8.1f%c" : "%8.0f%c", n, units[unit]);
}

static void visit(void *context, int dir, const char *flavour, const char *name)
{
    Total *t = context;
    UnitFileStat s;
    if (strchr(name, '.')) /* no file of units, but what belongs to one */
        return;
    int error = unitfile_stat(dir, name, &s);
    if (error) {
        fprintf(stderr, "dragoman: cache: %s/%s: %s\n", flavour, name, strerror(-error));
        t->sum.bad++;
        return;
    }
    t->files++;
    t->sum.bytes += s.bytes;
    t->sum.records += s.records;
    t->sum.regions += s.regions;
    t->sum.guest_bytes += s.guest_bytes;
    t->sum.code_bytes += s.code_bytes;
    t->sum.bad += s.bad;
    if (t->verify && s.bad)
        printf("%s/%s: %" PRIu64 " damaged\n", flavour, name, s.bad);
    if (!t->list)
        return;
    char when[32];
    time_t used = (time_t)s.used;
    struct tm tm;
    strftime(when, sizeof when, "%Y-%m-%d %H:%M", localtime_r(&used, &tm));
    printf("%s ", when);
    print_size(s.bytes);
    printf(" %8" PRIu64 " %8" PRIu64 "  %.*s (%s/%.8s)\n", s.records - s.regions, s.regions, (int)sizeof s.name,
           s.name[0] ? s.name : "?", flavour, name);
}

int cache_main(int argc, char **argv, int at)
{
    char standard[PATH_MAX];
    const char *what = NULL, *path = getenv("DRAGOMAN_CACHE");
    u64 size = STORE_SIZE;
    for (; at < argc; at++) {
        const char *value = at + 1 < argc ? argv[at + 1] : NULL;
        if (!strcmp(argv[at], "--help") || !strcmp(argv[at], "-h")) {
            command_help("cache");
            return 0;
        } else if ((!strcmp(argv[at], "--cache") || !strcmp(argv[at], "--size")) && !value) {
            fprintf(stderr, "dragoman: cache: %s wants an argument\n", argv[at]);
            return 2;
        } else if (!strcmp(argv[at], "--cache")) {
            path = argv[++at];
        } else if (!strcmp(argv[at], "--size")) {
            if (!size_parse(argv[++at], &size)) {
                fprintf(stderr, "dragoman: cache: --size wants a number of bytes, not '%s'\n", value);
                return 2;
            }
        } else if (argv[at][0] != '-' && !what) {
            what = argv[at];
        } else {
            fprintf(stderr, "dragoman: cache: %s: not understood; 'dragoman help cache' explains\n", argv[at]);
            return 2;
        }
    }
    bool list = what && !strcmp(what, "list"), stat = what && !strcmp(what, "stat"),
         verify = what && !strcmp(what, "verify");
    bool prune = what && !strcmp(what, "prune"), clear = what && !strcmp(what, "clear");
    if (!list && !stat && !verify && !prune && !clear) {
        fprintf(stderr, "dragoman: cache: %s: list, stat, verify, prune or clear\n", what ? "no such command" : "say what to do");
        return 2;
    }
    if (!path && !store_default(standard, sizeof standard)) {
        fputs("dragoman: cache: neither XDG_CACHE_HOME nor HOME says where it is: use --cache DIRECTORY\n", stderr);
        return 2;
    }
    path = path ? path : standard;
    int top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0 && errno != ENOENT) {
        fprintf(stderr, "dragoman: cache: %s: %s\n", path, strerror(errno));
        return 1;
    }
    if (prune || clear) {
        u64 gone = top < 0 ? 0 : unitdir_prune(top, clear ? 0 : size);
        printf("%s: %" PRIu64 " bytes removed\n", path, gone);
        return 0;
    }
    Total t = {.list = list, .verify = verify};
    if (list)
        puts("used                 bytes   blocks  regions  of");
    if (top >= 0)
        unitdir_each(top, visit, &t);
    if (!list)
        printf("%s: %" PRIu64 " files, %" PRIu64 " bytes, %" PRIu64 " blocks, %" PRIu64 " regions (%" PRIu64
               " bytes of guest code, %" PRIu64 " of host code), %" PRIu64 " damaged\n",
               path, t.files, t.sum.bytes, t.sum.records - t.sum.regions, t.sum.regions, t.sum.guest_bytes,
               t.sum.code_bytes, t.sum.bad);
    return verify && t.sum.bad ? 1 : 0;
}
