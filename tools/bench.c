/* `dragoman bench`: the programs of tools/bench, or one of the user's, run natively, under qemu-user, in each tier and
 * translated ahead of time.
 *
 * What is measured is CPU time, user and system, of the process and its children, because wall time on a shared machine
 * says more about the neighbours. The ways to run take turns, so that a busy minute hits all of them; medians are
 * shown. */
#include "bench.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../runtime/load.h"
#include "../runtime/runtime.h"
#include "command.h"
#include "version.h"

/* Ways to run a program: WAY(name, colour in the chart). */
#define WAYS(WAY) \
    WAY(native, "#444444") \
    WAY(qemu, "#9a9a9a") \
    WAY(baseline, "#e0a030") \
    WAY(llvm, "#3b78b8") \
    WAY(auto, "#2e9c68") \
    WAY(kept, "#c0504d") \
    WAY(aot, "#8a4f9e")
typedef enum Way {
#define WAY(name, colour) WAY_##name,
    WAYS(WAY)
#undef WAY
        WAY_COUNT
} Way;
static const struct {
    const char *name, *colour;
} ways[] = {
#define WAY(name, colour) {#name, colour},
    WAYS(WAY)
#undef WAY
};

enum { MAX_RUNS = 99, MAX_PROGRAMS = 64, CPU_LIMIT = 600 /* seconds of a run */, EXIT_CANNOT = 2 };
enum { WARMING = 3 }; /* runs before those that find what is kept */

/* Languages of the sources in tools/bench, and their compilers: the guest's has the guest's name before its own. */
typedef struct Language {
    const char *suffix, *native, *guest, *standard;
} Language;
static const Language languages[] = {
    {".c", "cc", "gcc", "-std=gnu17"},
    {".cc", "c++", "g++", "-std=gnu++20"},
};

typedef struct Program {
    char name[64];
    const Language *language;   /* of its source */
    char *native, *guest, *aot; /* paths, owned; aot is NULL if it isn't wanted or can't be made */
    char **args;                /* after the path, NULL-terminated; not owned */
    double seconds[WAY_COUNT];  /* medians; 0 for ways it wasn't run in */
    char problem[96];           /* what went wrong, or "" */
    Way problem_way;
} Program;

typedef struct Bench {
    const Guest *guest;
    char self[PATH_MAX]; /* this executable */
    char sources[PATH_MAX], cache[PATH_MAX];
    char kept[PATH_MAX + 8]; /* what translations are kept in */
    char qemu[PATH_MAX], qemu_cpu[64], qemu_version[128];
    char compilers[256];  /* their versions */
    char command[1024];   /* what has been asked for */
    char conditions[512]; /* date, versions and machine of the measurement */
    int runs;
    bool longer;   /* --long */
    char **chosen; /* names of programs, not owned; all if there are none */
    int nchosen;
    const char *json, *svg;
    Program programs[MAX_PROGRAMS];
    size_t nprograms;
    bool users;             /* the program is the user's: there is no native build of it */
    bool wanted[WAY_COUNT]; /* --ways */
} Bench;

__attribute__((format(printf, 1, 2))) _Noreturn static void fail(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fputs("dragoman bench: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(EXIT_CANNOT);
}

/* -- what is needed -------------------------------------------------------------------------------------- */

/* What is being done: in one place on a terminal, as a line in a log, "" being nothing any more. */
__attribute__((format(printf, 1, 2))) static void progress(const char *format, ...)
{
    char text[64];
    bool terminal = isatty(STDERR_FILENO);
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (terminal)
        fprintf(stderr, "\r%-50s%s", text, *text ? "" : "\r");
    else if (*text)
        fprintf(stderr, "%s\n", text);
}

/* An executable file of that name in PATH (or at that path). */
static bool find_tool(const char *name, char out[PATH_MAX])
{
    const char *path = getenv("PATH");
    if (strchr(name, '/')) {
        snprintf(out, PATH_MAX, "%s", name);
        return access(out, X_OK) == 0;
    }
    char *copy = strdup(path ? path : "/usr/bin:/bin"), *rest = copy, *dir;
    bool found = false;
    while (!found && (dir = strsep(&rest, ":")))
        found = snprintf(out, PATH_MAX, "%s/%s", *dir ? dir : ".", name) < PATH_MAX && access(out, X_OK) == 0;
    free(copy);
    return found;
}

/* The first line of what a command prints that contains `text`, without leading blanks. */
static bool command_line(const char *tool, const char *args, const char *text, char *out, size_t size)
{
    char command[2 * PATH_MAX], line[512];
    bool found = false;
    snprintf(command, sizeof command, "'%s' %s 2>/dev/null", tool, args);
    FILE *p = popen(command, "re");
    while (p && fgets(line, sizeof line, p)) {
        line[strcspn(line, "\n")] = 0;
        if (!found && strstr(line, text)) {
            snprintf(out, size, "%s", line + strspn(line, " "));
            found = true;
        }
    }
    if (p)
        pclose(p);
    return found;
}

static void find_qemu(Bench *b)
{
    /* A processor without extensions that its emulation would only pay for, if this QEMU has it. */
    static const char cpu[] = "neoverse-n1";
    char dynamic[64], fixed[64];
    const char *own = getenv("DRAGOMAN_BENCH_QEMU");
    snprintf(dynamic, sizeof dynamic, "qemu-%s", b->guest->name);
    snprintf(fixed, sizeof fixed, "qemu-%s-static", b->guest->name);
    if (own ? !find_tool(own, b->qemu) : !find_tool(dynamic, b->qemu) && !find_tool(fixed, b->qemu))
        fail("%s not found: install it (Debian: apt-get install qemu-user), or set DRAGOMAN_BENCH_QEMU to its path",
             own ? own : dynamic);
    if (!command_line(b->qemu, "--version", "version", b->qemu_version, sizeof b->qemu_version))
        fail("%s doesn't run: '%s --version' says nothing", b->qemu, b->qemu);
    char known[64];
    if (command_line(b->qemu, "-cpu help", cpu, known, sizeof known))
        snprintf(b->qemu_cpu, sizeof b->qemu_cpu, "%s", cpu);
}

static bool has_sources(const char *dir)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/startup.c", dir) < PATH_MAX && access(path, R_OK) == 0;
}

/* The programs' sources: tools/bench of the tree that the executable was built in, or share/dragoman/bench beside its
 * bin. */
static void find_sources(Bench *b)
{
    static const char *const places[] = {"tools/bench", "share/dragoman/bench"};
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s", b->self);
    for (char *slash; (slash = strrchr(dir, '/'));) {
        *slash = 0;
        for (size_t i = 0; i < LEN(places); i++)
            if (snprintf(b->sources, sizeof b->sources, "%s/%s", dir, places[i]) < PATH_MAX && has_sources(b->sources))
                return;
    }
    fail("the benchmarks' sources are neither in tools/bench of a source tree around %s nor in share/dragoman/bench "
         "of its prefix; 'dragoman bench -- PROGRAM' needs none",
         b->self);
}

static void make_cache(Bench *b)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (xdg && *xdg == '/')
        snprintf(b->cache, sizeof b->cache, "%s/dragoman/bench", xdg);
    else if (home && *home == '/')
        snprintf(b->cache, sizeof b->cache, "%s/.cache/dragoman/bench", home);
    else
        fail("no place for built programs: set HOME or XDG_CACHE_HOME");
    for (char *p = b->cache + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        mkdir(b->cache, 0755);
        *p = '/';
    }
    if (mkdir(b->cache, 0755) && errno != EEXIST)
        fail("%s can't be made: %m", b->cache);
}

/* -- running --------------------------------------------------------------------------------------------- */

/* Runs a command with output to a file (NULL: where ours goes); the wait status, and CPU seconds of it and its
 * children. */
static int run(char **argv, const char *output, double *seconds)
{
    struct rusage u;
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int in = open("/dev/null", O_RDONLY);
        int out = output ? open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
        if (output && (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0))
            _exit(127);
        close(in);
        close(out);
        setrlimit(RLIMIT_CPU, &(struct rlimit){CPU_LIMIT, CPU_LIMIT});
        execv(argv[0], argv);
        _exit(127);
    }
    if (pid < 0)
        fail("fork: %m");
    while (wait4(pid, &status, 0, &u) < 0)
        if (errno != EINTR)
            fail("wait: %m");
    *seconds =
        (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
    return status;
}

static bool newer(const char *made, const char *source)
{
    struct stat from, to;
    return !stat(source, &from) && !stat(made, &to) && to.st_mtime > from.st_mtime;
}

/* `long` is of another width than the host's: programs may print something else than natively, and some can't be built. */
static bool is_narrow(const Bench *b)
{
    return b->guest && b->guest->elf_class == ELFCLASS32;
}

/* Compiles one program unless there is a newer result; its path, owned by the caller. NULL if it can't be for a narrow guest. */
static char *build(const Bench *b, const Program *p, const char *compiler, const char *suffix)
{
    char source[2 * PATH_MAX], header[2 * PATH_MAX], *path;
    double seconds;
    snprintf(source, sizeof source, "%s/%s%s", b->sources, p->name, p->language->suffix);
    snprintf(header, sizeof header, "%s/work.h", b->sources);
    if (asprintf(&path, "%s/%s.%s", b->cache, p->name, suffix) < 0)
        fail("out of memory");
    if (newer(path, source) && newer(path, header))
        return path;
    /* Without contraction both compilers round alike. */
    char *argv[] = {(char *)compiler, (char *)p->language->standard, "-O2", "-static", "-pthread", "-ffp-contract=off",
                    "-o", path, source, "-lm", NULL};
    if (run(argv, NULL, &seconds)) {
        if (!is_narrow(b) || b->nchosen)
            fail("%s could not compile %s (its messages are above)", compiler, source);
        free(path);
        return NULL;
    }
    return path;
}

/* Has a program translated into `path`. Why it can't be is said by the translator. */
static bool translate(const Bench *b, const char *program, const char *path)
{
    char *argv[] = {(char *)b->self, "aot", (char *)program, "-o", (char *)path, NULL};
    double seconds;
    return run(argv, "/dev/null", &seconds) == 0;
}

/* The executable made of a built program unless there is a newer one; its path, owned by the caller. */
static char *build_aot(const Bench *b, const Program *p)
{
    char *path;
    if (asprintf(&path, "%s/%s.aot", b->cache, p->name) < 0)
        fail("out of memory");
    if (!(newer(path, p->guest) && newer(path, b->self)) && !translate(b, p->guest, path))
        fail("%s can't be translated ahead of time (the reason is above)", p->guest);
    return path;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const Program *)a)->name, ((const Program *)b)->name);
}

static bool is_chosen(const Bench *b, const char *name)
{
    for (int i = 0; i < b->nchosen; i++)
        if (!strcmp(b->chosen[i], name))
            return true;
    return b->nchosen == 0;
}

/* Takes note of a source, if it is one and chosen. */
static void add_source(Bench *b, const char *file)
{
    static char *once[] = {NULL}, *longer[] = {"10", NULL};
    const char *dot = strrchr(file, '.');
    Program *p = &b->programs[b->nprograms];
    size_t l = 0;
    while (dot && l < LEN(languages) && strcmp(dot, languages[l].suffix))
        l++;
    if (!dot || l == LEN(languages) || (size_t)(dot - file) >= sizeof p->name)
        return;
    snprintf(p->name, sizeof p->name, "%.*s", (int)(dot - file), file);
    p->language = &languages[l];
    p->args = b->longer ? longer : once;
    b->nprograms += is_chosen(b, p->name);
}

static void find_compilers(const Bench *b, const Language *l, char native[PATH_MAX], char cross[PATH_MAX])
{
    char name[64];
    const char *triplet = abi_of(b->guest)->triplets[0];
    snprintf(name, sizeof name, "%s-%s", triplet, l->guest);
    if (!find_tool(l->native, native))
        fail("%s not found: a compiler of this machine is needed (Debian: apt-get install %s libc6-dev)", l->native,
             l->guest);
    if (!find_tool(name, cross))
        fail("%s not found: a compiler for the guest is needed (Debian: apt-get install %s-%s)", name, l->guest, triplet);
}

static void build_all(Bench *b)
{
    char native[PATH_MAX], cross[PATH_MAX];
    DIR *d = opendir(b->sources);
    for (struct dirent *e; d && (e = readdir(d)) && b->nprograms < MAX_PROGRAMS;)
        add_source(b, e->d_name);
    if (d)
        closedir(d);
    for (int i = 0; i < b->nchosen; i++) {
        size_t n = 0;
        while (n < b->nprograms && strcmp(b->programs[n].name, b->chosen[i]))
            n++;
        if (n == b->nprograms)
            fail("there is no program '%s' in %s", b->chosen[i], b->sources);
    }
    qsort(b->programs, b->nprograms, sizeof *b->programs, by_name);
    for (size_t i = 0; i < b->nprograms; i++) {
        Program *p = &b->programs[i];
        progress("building %s", p->name);
        find_compilers(b, p->language, native, cross);
        p->native = build(b, p, native, "native");
        p->guest = build(b, p, cross, b->guest->name);
        if (!p->guest) {
            progress("%s isn't for this guest", p->name);
            free(p->native);
            memmove(p, p + 1, (--b->nprograms - i--) * sizeof *p);
            continue;
        }
        if (b->wanted[WAY_aot])
            p->aot = build_aot(b, p);
    }
    progress("%s", "");
    char line[2][128];
    if (command_line(native, "--version", " ", line[0], sizeof *line) &&
        command_line(cross, "--version", " ", line[1], sizeof *line))
        snprintf(b->compilers, sizeof b->compilers, "; %.120s, %.120s", line[0], line[1]);
}

/* Owned by the caller: the command line of a program run in one way; `warming`: of a run that leaves for others what
 * many would. */
static char **command(const Bench *b, const Program *p, Way way, bool warming)
{
    size_t n = 0, nargs = 0;
    while (p->args[nargs])
        nargs++;
    char **argv = calloc(nargs + 10, sizeof *argv);
    char *path = way == WAY_native ? p->native : way == WAY_aot ? p->aot : p->guest;
    if (!argv)
        fail("out of memory");
    if (way == WAY_qemu) {
        argv[n++] = (char *)b->qemu;
        if (b->qemu_cpu[0]) {
            argv[n++] = "-cpu";
            argv[n++] = (char *)b->qemu_cpu;
        }
    } else if (way != WAY_native && way != WAY_aot) {
        argv[n++] = (char *)b->self;
        argv[n++] = "run";
        argv[n++] = way == WAY_kept ? "--cache" : "--tier";
        argv[n++] = way == WAY_kept ? (char *)b->kept : (char *)ways[way].name;
        if (warming) {
            argv[n++] = "--hot";
            argv[n++] = "3000";
        }
    }
    argv[n++] = path;
    memcpy(argv + n, p->args, nargs * sizeof *argv);
    return argv;
}

static bool same_file(const char *a, const char *b)
{
    FILE *x = fopen(a, "re"), *y = fopen(b, "re");
    bool same = x && y;
    for (int c = 0; same && c != EOF;) {
        c = getc(x);
        same = c == getc(y);
    }
    if (x)
        fclose(x);
    if (y)
        fclose(y);
    return same;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, ascending);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static Way reference(const Bench *b)
{
    return b->users ? WAY_qemu : WAY_native;
}

/* The next way to run programs in after one; WAY_COUNT at the end. */
static Way next_way(const Bench *b, Way way)
{
    do
        way++;
    while (way < WAY_COUNT && !b->wanted[way]);
    return way;
}

/* Ways beside the reference. */
static int count_ways(const Bench *b)
{
    int n = 0;
    for (Way way = reference(b); (way = next_way(b, way)) < WAY_COUNT;)
        n++;
    return n;
}

__attribute__((format(printf, 3, 4))) static void problem(Program *p, Way way, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(p->problem, sizeof p->problem, format, ap);
    va_end(ap);
    p->problem_way = way;
}

/* Compares how a run ended with how the first one did, `status`. A program that says of itself that it failed may do so
 * in all ways. */
static void judge(Program *p, Way way, int got, int status)
{
    if (WIFEXITED(got) && WEXITSTATUS(got) == 127)
        problem(p, way, "could not be run");
    else if (WIFSIGNALED(got))
        problem(p, way, "died of signal %d (%s)", WTERMSIG(got), strsignal(WTERMSIG(got)));
    else if (got != status)
        problem(p, way, "ended with status %d rather than %d", WEXITSTATUS(got), WEXITSTATUS(status));
}

/* All ways in turn, `runs` times; the first way's first output and status are what the others must show. A narrow guest's output is compared
 * with that of the first of its own ways. */
static void measure(const Bench *b, Program *p)
{
    double seconds[WAY_COUNT][MAX_RUNS];
    char expected[PATH_MAX + 32], output[PATH_MAX + 32];
    int status = 0;
    bool terminal = isatty(STDERR_FILENO);
    snprintf(expected, sizeof expected, "%s/%d.expected", b->cache, getpid());
    snprintf(output, sizeof output, "%s/%d.output", b->cache, getpid());
    if (!terminal)
        progress("measuring %s", p->name);
    for (int r = 0; r < WARMING && b->wanted[WAY_kept]; r++) {
        double unused;
        char **argv = command(b, p, WAY_kept, true);
        run(argv, output, &unused);
        free(argv);
    }
    for (int r = 0; r < b->runs && !p->problem[0]; r++) {
        for (Way way = reference(b); way < WAY_COUNT && !p->problem[0]; way = next_way(b, way)) {
            bool own = is_narrow(b) && way == WAY_native;
            bool first = r == 0 && (way == reference(b) || (is_narrow(b) && way == next_way(b, WAY_native)));
            char **argv = command(b, p, way, false);
            if (terminal)
                progress("%-20s %d/%d %s", p->name, r + 1, b->runs, ways[way].name);
            int s = run(argv, first ? expected : output, &seconds[way][r]);
            free(argv);
            if (first)
                status = s;
            judge(p, way, s, status);
            if (!p->problem[0] && !first && !own && !same_file(expected, output))
                problem(p, way, "printed something else");
        }
    }
    unlink(expected);
    unlink(output);
    for (Way way = reference(b); way < WAY_COUNT && !p->problem[0]; way = next_way(b, way))
        p->seconds[way] = median(seconds[way], b->runs);
    progress("%s", "");
    if (p->problem[0])
        fprintf(stderr, "dragoman bench: %s: under %s it %s\n", p->name, ways[p->problem_way].name, p->problem);
}

/* -- results --------------------------------------------------------------------------------------------- */

static double ratio(const Bench *b, const Program *p, Way way)
{
    /* rusage counts microseconds; nothing that ran took none. */
    double base = p->seconds[reference(b)];
    return p->seconds[way] / (base > 1e-6 ? base : 1e-6);
}

static double geometric_mean(const Bench *b, Way way)
{
    double sum = 0;
    int n = 0;
    for (size_t i = 0; i < b->nprograms; i++) {
        if (b->programs[i].problem[0])
            continue;
        sum += log(ratio(b, &b->programs[i], way));
        n++;
    }
    return n ? exp(sum / n) : 0;
}

/* Programs that there are figures of; a mean is of two at least. */
static size_t count_good(const Bench *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->nprograms; i++)
        n += !b->programs[i].problem[0];
    return n;
}

/* In Markdown, which reads well in a terminal too. */
static void print_table(const Bench *b)
{
    Way base = reference(b);
    printf("| %-16s | %9s |", "program", b->users ? "qemu, s" : "native, s");
    for (Way way = base; (way = next_way(b, way)) < WAY_COUNT;)
        printf(" %8s |", ways[way].name);
    printf("\n|%.18s|%.10s:|", "------------------", "-----------");
    for (Way way = base; (way = next_way(b, way)) < WAY_COUNT;)
        printf("---------:|");
    for (size_t i = 0; i < b->nprograms; i++) {
        const Program *p = &b->programs[i];
        printf("\n| %-16s |", p->name);
        if (p->problem[0]) {
            printf(" under %s it %s |", ways[p->problem_way].name, p->problem);
            continue;
        }
        printf(" %9.4f |", p->seconds[base]);
        for (Way way = base; (way = next_way(b, way)) < WAY_COUNT;)
            printf(" %8.2f |", ratio(b, p, way));
    }
    if (count_good(b) > 1) {
        printf("\n| %-16s | %9s |", "geometric mean", "");
        for (Way way = base; (way = next_way(b, way)) < WAY_COUNT;)
            printf(" %8.2f |", geometric_mean(b, way));
    }
    printf("\n");
}

static void machine(char *model, size_t size)
{
    if (!command_line("/bin/cat", "/proc/cpuinfo", "model name", model, size)) {
        snprintf(model, size, "unknown processor");
        return;
    }
    char *colon = strstr(model, ": ");
    if (colon)
        memmove(model, colon + 2, strlen(colon + 2) + 1);
}

/* When, with what, on what. */
static void note_conditions(Bench *b, const char *model)
{
    struct utsname u;
    char date[32];
    time_t now = time(NULL);
    uname(&u);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", gmtime(&now));
    snprintf(b->conditions, sizeof b->conditions, "%s; %s%s%s%s%s%s; %s, %ld processors, Linux %s", date, version_line,
             b->qemu_version[0] ? "; " : "", b->qemu_version, b->qemu_cpu[0] ? ", -cpu " : "", b->qemu_cpu,
             b->compilers, model, sysconf(_SC_NPROCESSORS_ONLN), u.release);
}

static void note_command(Bench *b, int argc, char **argv)
{
    size_t n = 0;
    for (int i = 0; i < argc && n < sizeof b->command; i++)
        n += (size_t)snprintf(b->command + n, sizeof b->command - n, "%s%s", i ? " " : "", i ? argv[i] : "dragoman");
}

/* Only what we print ourselves goes through here: quotes and backslashes are all there may be to escape. */
static void json_string(FILE *f, const char *s)
{
    putc('"', f);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            putc('\\', f);
        if ((unsigned char)*s >= ' ')
            putc(*s, f);
    }
    putc('"', f);
}

static FILE *create(const char *path)
{
    FILE *f = fopen(path, "we");
    if (!f)
        fail("%s can't be written: %m", path);
    return f;
}

static void finish(FILE *f, const char *path)
{
    if (ferror(f) | fclose(f))
        fail("%s can't be written: %m", path);
}

static void write_json(const Bench *b, const char *model)
{
    FILE *f = create(b->json);
    struct utsname u;
    char date[32];
    time_t now = time(NULL);
    uname(&u);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    fprintf(f, "{\n  \"date\": \"%s\",\n  \"version\": ", date);
    json_string(f, version_line);
    fprintf(f, ",\n  \"command\": ");
    json_string(f, b->command);
    fprintf(f, ",\n  \"compilers\": ");
    json_string(f, b->compilers[0] ? b->compilers + 2 : "");
    fprintf(f, ",\n  \"processor\": ");
    json_string(f, model);
    fprintf(f, ",\n  \"processors\": %ld,\n  \"kernel\": ", sysconf(_SC_NPROCESSORS_ONLN));
    json_string(f, u.release);
    fprintf(f, ",\n  \"qemu\": ");
    json_string(f, b->qemu_version);
    fprintf(f, ",\n  \"qemu_cpu\": ");
    json_string(f, b->qemu_cpu);
    fprintf(f, ",\n  \"runs\": %d,\n  \"reference\": \"%s\",\n  \"programs\": [", b->runs, ways[reference(b)].name);
    for (size_t i = 0; i < b->nprograms; i++) {
        const Program *p = &b->programs[i];
        fprintf(f, "%s\n    {\"name\": ", i ? "," : "");
        json_string(f, p->name);
        if (p->problem[0])
            fprintf(f, ", \"way\": \"%s\", \"problem\": \"%s\"", ways[p->problem_way].name, p->problem);
        else
            for (Way way = reference(b); way < WAY_COUNT; way = next_way(b, way))
                fprintf(f, ", \"%s_s\": %.6f", ways[way].name, p->seconds[way]);
        fprintf(f, "}");
    }
    fprintf(f, "\n  ],\n  \"geometric_mean\": {");
    const char *comma = "";
    for (Way way = reference(b); count_good(b) > 1 && (way = next_way(b, way)) < WAY_COUNT; comma = ", ")
        fprintf(f, "%s\"%s\": %.3f", comma, ways[way].name, geometric_mean(b, way));
    fprintf(f, "}\n}\n");
    finish(f, b->json);
}

/* Bars on a logarithmic axis that start at 1, the reference's time. */
typedef struct Chart {
    FILE *f;
    double left, scale; /* x of 1, and units for a doubling */
} Chart;
enum { BAR = 9, GAP = 10, TOP = 96, LABELS = 130, WIDTH = 820 };

static double chart_x(const Chart *c, double value)
{
    return c->left + c->scale * log2(value);
}

static void chart_bar(const Chart *c, int y, Way way, double value)
{
    double from = chart_x(c, 1), to = chart_x(c, value);
    fprintf(c->f, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>", from < to ? from : to, y,
            fabs(to - from), BAR - 1, ways[way].colour);
    fprintf(c->f, "<text x=\"%.1f\" y=\"%d\" class=\"n\">%.2f</text>\n", (from < to ? to : from) + 4, y + BAR - 1,
            value);
}

/* A program's name and its bars; *y is moved on. */
static void chart_group(const Chart *c, const Bench *b, int *y, const char *name, const Program *p)
{
    int middle = *y + count_ways(b) * BAR / 2 + 4;
    fprintf(c->f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", LABELS - 10, middle, name);
    for (Way way = reference(b); (way = next_way(b, way)) < WAY_COUNT; *y += BAR)
        chart_bar(c, *y, way, p ? ratio(b, p, way) : geometric_mean(b, way));
    *y += GAP;
}

/* Text of an SVG file. */
static void svg_text(FILE *f, int y, const char *class, const char *text)
{
    fprintf(f, "<text x=\"10\" y=\"%d\"%s>", y, class);
    for (const char *s = text; *s; s++)
        if (*s == '<' || *s == '&')
            fputs(*s == '<' ? "&lt;" : "&amp;", f);
        else if ((unsigned char)*s >= ' ')
            putc(*s, f);
    fputs("</text>\n", f);
}

static void write_svg(const Bench *b)
{
    Chart chart = {.f = create(b->svg)}, *c = &chart;
    double least = 1, most = 2;
    int groups = count_good(b) > 1, y = TOP;
    for (size_t i = 0; i < b->nprograms; i++) {
        groups += !b->programs[i].problem[0];
        for (Way way = reference(b); !b->programs[i].problem[0] && (way = next_way(b, way)) < WAY_COUNT;) {
            double r = ratio(b, &b->programs[i], way);
            least = r < least ? r : least;
            most = r > most ? r : most;
        }
    }
    int low = (int)floor(log2(least)), high = (int)ceil(log2(most));
    c->scale = (WIDTH - LABELS - 60.0) / (high - low);
    c->left = LABELS - low * c->scale;
    int height = TOP + groups * (count_ways(b) * BAR + GAP) + 8;
    fprintf(c->f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n",
            WIDTH, height, WIDTH, height);
    fprintf(c->f, "<style>text{font:12px sans-serif;fill:#222}.n{font-size:9px;fill:#555}</style>\n"
                  "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n");
    char title[128];
    snprintf(title, sizeof title, "CPU time, %s = 1 (logarithmic; smaller is better), medians of %d",
             ways[reference(b)].name, b->runs);
    svg_text(c->f, 18, "", title);
    svg_text(c->f, 33, " class=\"n\"", b->conditions);
    svg_text(c->f, 46, " class=\"n\"", b->command);
    int x = LABELS;
    for (Way way = reference(b); (way = next_way(b, way)) < WAY_COUNT; x += 100) {
        fprintf(c->f,
                "<rect x=\"%d\" y=\"58\" width=\"12\" height=\"12\" fill=\"%s\"/><text x=\"%d\" y=\"68\">%s</text>\n",
                x, ways[way].colour, x + 17, ways[way].name);
    }
    for (int i = low; i <= high; i++)
        fprintf(c->f,
                "<path d=\"M%.1f %d V%d\" stroke=\"%s\"/><text x=\"%.1f\" y=\"%d\" class=\"n\" "
                "text-anchor=\"middle\">%g</text>\n",
                chart_x(c, exp2(i)), TOP - 4, height - 8, i ? "#ddd" : "#555", chart_x(c, exp2(i)), TOP - 8, exp2(i));
    for (size_t i = 0; i < b->nprograms; i++)
        if (!b->programs[i].problem[0])
            chart_group(c, b, &y, b->users ? "program" : b->programs[i].name, &b->programs[i]);
    if (count_good(b) > 1)
        chart_group(c, b, &y, "geometric mean", NULL);
    fprintf(c->f, "</svg>\n");
    finish(c->f, b->svg);
}

/* -- command line ---------------------------------------------------------------------------------------- */

static void choose_ways(Bench *b, const char *list)
{
    memset(b->wanted, 0, sizeof b->wanted);
    while (*list) {
        size_t n = strcspn(list, ",");
        Way way = WAY_native;
        while (++way < WAY_COUNT && (strlen(ways[way].name) != n || memcmp(ways[way].name, list, n)))
            ;
        if (way == WAY_COUNT)
            fail("--ways takes qemu, baseline, llvm, auto, kept and aot, not '%.*s'", (int)n, list);
        b->wanted[way] = true;
        list += n + (list[n] == ',');
    }
}

/* Takes options and names; the index of the user's program, or argc. */
static int parse(Bench *b, int argc, char **argv, int at)
{
    for (; at < argc; at++) {
        const char *o = argv[at];
        if (!strcmp(o, "--"))
            return at + 1;
        if (!strcmp(o, "-h") || !strcmp(o, "--help")) {
            command_help("bench");
            exit(0);
        }
        if (!strcmp(o, "--long")) {
            b->longer = true;
            continue;
        }
        if (*o != '-') {
            b->chosen[b->nchosen++] = argv[at];
            continue;
        }
        bool runs = !strcmp(o, "--runs"), json = !strcmp(o, "--json"), svg = !strcmp(o, "--svg");
        bool chosen = !strcmp(o, "--ways"), arch = !strcmp(o, "--arch");
        if (!(runs || json || svg || chosen || arch))
            fail("no such option: %s ('dragoman help bench' lists those there are)", o);
        if (at + 1 == argc)
            fail("%s wants an argument ('dragoman help bench' explains)", o);
        const char *value = argv[++at];
        if (json)
            b->json = value;
        if (svg)
            b->svg = value;
        if (chosen)
            choose_ways(b, value);
        if (arch && !(b->guest = guest_find(value, strlen(value))))
            fail("--arch: there is no guest '%s'", value);
        if (runs) {
            b->runs = atoi(value);
            if (b->runs < 1 || b->runs > MAX_RUNS)
                fail("--runs wants a number from 1 to %d, not '%s'", MAX_RUNS, value);
        }
    }
    return argc;
}

static void take_users(Bench *b, char **argv)
{
    Program *p = &b->programs[b->nprograms++];
    const char *slash = strrchr(argv[0], '/');
    snprintf(p->name, sizeof p->name, "%s", slash ? slash + 1 : argv[0]);
    p->guest = realpath(argv[0], NULL);
    p->args = argv + 1;
    int fd = p->guest ? open(p->guest, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        fail("%s: %m", argv[0]);
    Image image;
    char why[512];
    if (image_open(&image, fd, argv[0], why, sizeof why))
        fail("%s", why);
    b->guest = image.guest;
    image_close(&image);
    b->users = true;
    if (!b->wanted[WAY_aot])
        return;
    if (asprintf(&p->aot, "%s/%d.aot", b->cache, getpid()) < 0)
        fail("out of memory");
    progress("translating %s", p->name);
    if (!translate(b, p->guest, p->aot)) { /* it has said why */
        free(p->aot);
        p->aot = NULL;
        b->wanted[WAY_aot] = false;
    }
    progress("%s", "");
}

int bench_main(int argc, char **argv, int at)
{
    char model[256];
    bool good = true;
    setenv("DRAGOMAN_NO_CACHE", "1", 0); /* each run is to do all the work */
    Bench *b = calloc(1, sizeof *b);
    if (!b)
        fail("out of memory");
    b->guest = guests[0];
    b->runs = 3;
    b->chosen = calloc((size_t)argc, sizeof *b->chosen);
    if (!b->chosen)
        fail("out of memory");
    memset(b->wanted, true, sizeof b->wanted);
    note_command(b, argc, argv);
    at = parse(b, argc, argv, at);
    if (at < argc && (b->nchosen || b->longer))
        fail("names and --long are for the programs of tools/bench; they say nothing to a program of yours");
    ssize_t n = readlink("/proc/self/exe", b->self, sizeof b->self - 1);
    if (n < 0)
        fail("/proc/self/exe can't be read: %m");
    b->self[n] = 0;
    make_cache(b);
    snprintf(b->kept, sizeof b->kept, "%s/kept", b->cache);
    if (at < argc)
        take_users(b, argv + at);
    if (at < argc || b->wanted[WAY_qemu])
        find_qemu(b);
    if (at >= argc) {
        find_sources(b);
        build_all(b);
    }
    for (size_t i = 0; i < b->nprograms; i++) {
        measure(b, &b->programs[i]);
        good &= !b->programs[i].problem[0];
    }
    machine(model, sizeof model);
    note_conditions(b, model);
    printf("CPU time, %s = 1, smaller is better; medians of %d.\n%s\n%s\n\n", ways[reference(b)].name, b->runs,
           b->conditions, b->command);
    print_table(b);
    if (b->json)
        write_json(b, model);
    if (b->svg)
        write_svg(b);
    for (size_t i = 0; i < b->nprograms; i++) {
        if (b->users && b->programs[i].aot)
            unlink(b->programs[i].aot);
        free(b->programs[i].aot);
        free(b->programs[i].native);
        free(b->programs[i].guest);
    }
    free(b->chosen);
    free(b);
    return good ? 0 : 1;
}
