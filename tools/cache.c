#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../runtime/kept.h"
#include "../runtime/store.h"
#include "../runtime/unitdir.h"
#include "../runtime/unitfile.h"
#include "../runtime/unitpack.h"
#include "command.h"
#include "run.h"
#include "warm.h"

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

/* A file of code in one piece, beside its units. */
static void visit_kept(Total *t, int dir, const char *flavour, const char *name)
{
    struct stat st;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    void *bytes = fd < 0 || fstat(fd, &st) ? NULL : malloc((size_t)st.st_size + 1);
    bool good = bytes && read(fd, bytes, (size_t)st.st_size) == st.st_size && kept_is_good(bytes, (u64)st.st_size);
    t->sum.bad += !good;
    t->sum.bytes += bytes ? (u64)st.st_size : 0;
    if (t->verify && !good)
        printf("%s/%s: 1 damaged\n", flavour, name);
    free(bytes);
    if (fd >= 0)
        close(fd);
}

static void visit(void *context, int dir, const char *flavour, const char *name)
{
    Total *t = context;
    UnitFileStat s;
    if (kept_is_name(name))
        visit_kept(t, dir, flavour, name);
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

/* What the command line says. */
typedef struct CacheArgs {
    const char *what, *path;
    u64 size;
    Warm warm;
} CacheArgs;

static int bad(const char *format, const char *what)
{
    fputs("dragoman: cache: ", stderr);
    fprintf(stderr, format, what);
    fputs("; 'dragoman help cache' explains\n", stderr);
    return 2;
}

/* Takes an option's value. */
static int take_value(CacheArgs *a, const char *option, char *value)
{
    char *end;
    if (!strcmp(option, "--cache")) {
        a->path = value;
    } else if (!strcmp(option, "-L")) {
        a->warm.paths[a->warm.npaths++] = value;
    } else if (!strcmp(option, "--size")) {
        if (!size_parse(value, &a->size))
            return bad("--size wants a number of bytes, not '%s'", value);
    } else {
        unsigned long n = strtoul(value, &end, 10);
        if (*end || end == value || n < 1 || n > 1024)
            return bad("-j wants a number of processes, not '%s'", value);
        a->warm.producer.workers = (u32)n;
    }
    return 0;
}

/* 0, or an exit status. */
static int parse(CacheArgs *a, int argc, char **argv, int at)
{
    for (; at < argc; at++) {
        const char *arg = argv[at];
        if (!strcmp(arg, "--cache") || !strcmp(arg, "--size") || !strcmp(arg, "-L") || !strcmp(arg, "-j")) {
            if (at + 1 == argc)
                return bad("%s wants an argument", arg);
            int status = take_value(a, arg, argv[++at]);
            if (status)
                return status;
        } else if (!strcmp(arg, "-O")) {
            a->warm.producer.regions = true;
        } else if (!strcmp(arg, "--exact")) {
            a->warm.producer.exact = a->warm.producer.regions = true;
        } else if (arg[0] == '-' && arg[1]) {
            return bad("%s: not understood", arg);
        } else if (!a->what) {
            a->what = arg;
        } else {
            a->warm.paths[a->warm.npaths++] = argv[at];
        }
    }
    return a->what ? 0 : bad("say what to do%s", "");
}

/* Looks at everything; with `list` a line for each file, with `verify` one for each that is damaged. */
static int show(const char *path, int top, bool list, bool verify)
{
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

static int prune(const char *path, int top, u64 size)
{
    u64 gone = top < 0 ? 0 : unitdir_prune(top, size);
    printf("%s: %" PRIu64 " bytes removed\n", path, gone);
    return 0;
}

/* To or from a file, or a pipe ("-"). */
static int move(const char *path, int top, const char *file, bool in)
{
    bool standard = !strcmp(file, "-");
    if (top < 0 && in) {
        mkdir(path, 0700);
        top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    FILE *f = standard ? in ? stdin : stdout : fopen(file, in ? "re" : "we");
    if (top < 0 || !f) {
        fprintf(stderr, "dragoman: cache: %s: %s\n", f ? path : file, strerror(errno));
        return 1;
    }
    i64 n = in ? unitpack_read(top, f) : unitpack_write(top, f);
    if (!standard && fclose(f) && n >= 0)
        n = -errno;
    if (n == -EINVAL)
        fprintf(stderr, "dragoman: cache: %s: not what 'dragoman cache export' writes, or damaged\n", file);
    else if (n < 0)
        fprintf(stderr, "dragoman: cache: %s: %s\n", file, strerror((int)-n));
    else
        fprintf(standard && !in ? stderr : stdout, "%s: %" PRId64 " files\n", in ? path : file, n);
    return n < 0;
}

static int run(CacheArgs *a)
{
    static const char *const known[] = {"list", "stat", "verify", "prune", "clear", "warm", "export", "import"};
    enum { LIST, STAT, VERIFY, PRUNE, CLEAR, WARM, EXPORT, IMPORT, NONE };
    size_t what = 0;
    while (what < NONE && strcmp(a->what, known[what]) != 0)
        what++;
    if (what == NONE)
        return bad("%s: no such command", a->what);
    if (what == WARM ? !a->warm.npaths : a->warm.npaths != (what == EXPORT || what == IMPORT))
        return bad(what == WARM                       ? "%s wants files or directories"
                   : what == EXPORT || what == IMPORT ? "%s wants one file"
                                                      : "%s takes no files",
                   a->what);
    if (what == WARM)
        return warm_main(&a->warm);
    int top = open(a->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0 && errno != ENOENT) {
        fprintf(stderr, "dragoman: cache: %s: %s\n", a->path, strerror(errno));
        return 1;
    }
    if (what == EXPORT || what == IMPORT)
        return move(a->path, top, a->warm.paths[0], what == IMPORT);
    if (what == PRUNE || what == CLEAR)
        return prune(a->path, top, what == CLEAR ? 0 : a->size);
    return show(a->path, top, what == LIST, what == VERIFY);
}

int cache_main(int argc, char **argv, int at)
{
    char standard[PATH_MAX];
    for (int i = at; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            command_help("cache");
            return 0;
        }
    }
    CacheArgs a = {.path = getenv("DRAGOMAN_CACHE"), .size = STORE_SIZE};
    a.warm.producer.workers = (u32)sysconf(_SC_NPROCESSORS_ONLN);
    a.warm.paths = calloc((size_t)argc + 1, sizeof *a.warm.paths);
    int status = a.warm.paths ? parse(&a, argc, argv, at) : 1;
    if (!status && !a.path && !store_default(standard, sizeof standard)) {
        fputs("dragoman: cache: neither XDG_CACHE_HOME nor HOME says where it is: use --cache DIRECTORY\n", stderr);
        status = 2;
    }
    a.path = a.path ? a.path : standard;
    a.warm.producer.cache = a.path;
    status = status ? status : run(&a);
    free(a.warm.paths);
    return status;
}
