/* `dragoman run`: options, environment, loading, running. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lifter/host.h"
#include "../lifter/llvm_init.h"
#include "../runtime/gdb/debug.h"
#include "../runtime/load.h"
#include "../runtime/mem.h"
#include "../runtime/perf.h"
#include "../runtime/signal.h"
#include "../runtime/store.h"
#include "command.h"
#include "version.h"

extern char **environ;

typedef struct Args {
    Options options;
    const Guest *guest;
    char typed[256];     /* the option that is being taken, or the variable, with its value: for what is refused */
    const char *logfile; /* -D */
    bool append_log;
} Args;

enum { EXIT_USAGE = 2, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

__attribute__((format(printf, 1, 2))) _Noreturn static void fail(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fputs("dragoman: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(EXIT_USAGE);
}

/* What is wrong with the option that is being taken, or the variable. */
__attribute__((format(printf, 2, 3))) _Noreturn static void refuse(const Args *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fprintf(stderr, "dragoman: %s: ", a->typed);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(EXIT_USAGE);
}

/* -- the guest's environment ------------------------------------------------------------------------------------------------ */

static size_t env_find(char **env, const char *name, size_t n)
{
    size_t i = 0;
    while (env[i] && !(strncmp(env[i], name, n) == 0 && env[i][n] == '='))
        i++;
    return i;
}

static void env_set(Args *a, const char *assignment)
{
    Options *o = &a->options;
    const char *eq = strchr(assignment, '=');
    if (!eq)
        refuse(a, "wants NAME=VALUE, not '%s'", assignment);
    size_t at = env_find(o->env, assignment, (size_t)(eq - assignment));
    if (!o->env[at]) {
        o->env = realloc(o->env, (at + 2) * sizeof *o->env);
        if (!o->env)
            fail("out of memory");
        o->env[at + 1] = NULL;
    }
    o->env[at] = strdup(assignment);
}

static void env_unset(Args *a, const char *name)
{
    Options *o = &a->options;
    size_t at = env_find(o->env, name, strlen(name));
    if (!o->env[at])
        return;
    do
        o->env[at] = o->env[at + 1];
    while (o->env[at++]);
}

/* Applies f to each item of a comma-separated list. */
static void each(Args *a, const char *list, void (*f)(Args *, const char *))
{
    char *copy = strdup(list), *rest = copy, *item;
    while ((item = strsep(&rest, ",")))
        f(a, item);
    free(copy);
}

/* -- options ------------------------------------------------------------------------------------------------------------------ */

bool size_parse(const char *text, u64 *size)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    *size = strtoull(text, &end, 0);
    if (*end && strchr(units, *end & ~32)) {
        *size <<= 10 * (strchr(units, *end & ~32) - units + 1);
        end++;
    }
    return !errno && !*end && end != text && *text != '-';
}

static u64 parse_size(const Args *a, const char *text)
{
    u64 v;
    if (!size_parse(text, &v))
        refuse(a, "wants a number");
    return v;
}

static u64 parse_room(const Args *a, const char *text)
{
    u64 v = parse_size(a, text);
    if (!v)
        refuse(a, "wants a size greater than 0");
    return v;
}

static void opt_help(Args *a, const char *arg)
{
    command_help("run");
    exit(0);
}

static void opt_version(Args *a, const char *arg)
{
    version_print();
    exit(0);
}

static void opt_ld_prefix(Args *a, const char *arg)
{
    struct stat st;
    char *path = realpath(arg, NULL);
    bool found = path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    /* A static program needs none, and is often started with a prefix that not every machine has. */
    a->options.no_sysroot = found || !*arg ? NULL : arg;
    a->options.root_given = true;
    a->options.sysroot = found && strcmp(path, "/") ? path : NULL;
}

static void opt_set_env(Args *a, const char *arg)
{
    each(a, arg, env_set);
}

static void opt_unset_env(Args *a, const char *arg)
{
    each(a, arg, env_unset);
}

static void opt_argv0(Args *a, const char *arg)
{
    a->options.argv0 = arg;
}

/* Programs that the guest executes don't inherit it. */
static void take_descriptor(Options *o, int fd)
{
    o->fd = fd;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void opt_fd(Args *a, const char *arg)
{
    u64 fd = parse_size(a, arg);
    if (fd > INT_MAX || fcntl((int)fd, F_GETFD) < 0)
        refuse(a, "no such descriptor is open");
    take_descriptor(&a->options, (int)fd);
}

static void opt_uname(Args *a, const char *arg)
{
    a->options.release = arg;
}

static void opt_stack(Args *a, const char *arg)
{
    a->options.stack_size = parse_size(a, arg);
}

/* Where in the host's memory the guest's begins is nothing that a program can see: it is at 0 always. */
static void opt_guest_base(Args *a, const char *arg)
{
    if (parse_size(a, arg) % 4096)
        refuse(a, "no multiple of the page size");
}

static void opt_reserved_va(Args *a, const char *arg)
{
    a->options.reserved_va = parse_size(a, arg);
}

/* Which guest's program it will be isn't known yet, and it may execute others: every guest that has the model has it then. */
static bool choose_cpu(const char *name)
{
    bool any = false;
    for (size_t i = 0; i < nguests; i++)
        any |= guests[i]->choose_cpu(name);
    return any;
}

static bool cpu_detail(const char *name, size_t n, const char *value)
{
    bool any = false;
    for (size_t i = 0; i < nguests; i++)
        any |= guests[i]->cpu_detail(name, n, value);
    return any;
}

static void opt_cpu(Args *a, const char *arg)
{
    if (!strcmp(arg, "help")) {
        puts("Available CPUs and their features (MODEL,FEATURE=on or off, or +FEATURE and -FEATURE; off is allowed for what there isn't):");
        for (size_t i = 0; i < nguests; i++) {
            printf("%s:\n", guests[i]->name);
            guests[i]->list_cpus(stdout);
        }
        exit(0);
    }
    char *copy = strdup(arg), *rest = copy, *name = strsep(&rest, ",");
    if (!choose_cpu(name))
        refuse(a, "no such model; '-cpu help' lists those there are");
    while ((name = strsep(&rest, ","))) {
        bool sign = *name == '+' || *name == '-'; /* as in +avx2 */
        const char *from = name + sign, *equals = strchr(from, '=');
        size_t n = equals ? (size_t)(equals - from) : strlen(from);
        const char *value = sign ? *name == '+' ? "on" : "off" : equals ? equals + 1 : "on";
        if (!cpu_detail(from, n, value) && strcmp(value, "off"))
            refuse(a, "%s is not there; only 'off' is possible", name);
    }
    a->options.cpu = arg;
    free(copy);
}

static void opt_gdb(Args *a, const char *arg)
{
    a->options.gdb = *arg ? arg : NULL;
}

static void opt_log(Args *a, const char *arg)
{
    if (!strcmp(arg, "help")) {
        log_help(stdout);
        exit(0);
    }
    const char *bad = log_parse(arg, &log_.items);
    if (bad)
        refuse(a, "no such item: %s; '-d help' lists those there are", bad);
}

static void opt_logfile(Args *a, const char *arg)
{
    a->logfile = arg;
    a->append_log = false;
}

static void opt_append_log(Args *a, const char *arg)
{
    a->logfile = arg;
    a->append_log = true;
}

static void opt_dfilter(Args *a, const char *arg)
{
    if (!log_filter(arg))
        refuse(a, "wants ranges of addresses with commas in between: FIRST..LAST, FIRST+SIZE or LAST-SIZE");
    a->options.dfilter = arg;
}

/* As qemu, which once could. */
static void opt_pagesize(Args *a, const char *arg)
{
    u64 size;
    if (!size_parse(arg, &size) || size != 4096)
        fprintf(stderr, "dragoman: %s: the page size is the host's, 4096, whatever is asked for\n", a->typed);
}

/* Blocks of one instruction are the baseline's; LLVM would see more at once. */
static void opt_one_insn(Args *a, const char *arg)
{
    a->options.one_insn = true;
}

/* In MiB, as TCG's; 0 is the default there. */
static void opt_tb_size(Args *a, const char *arg)
{
    u64 size = parse_size(a, arg);
    if (size > UINT32_MAX)
        refuse(a, "wants a number of MiB");
    a->options.code_size = size << 20;
}

/* Signals have the same numbers on both sides, so there is nothing to move out of the way. */
static void opt_rtsig_map(Args *a, const char *arg)
{
    unsigned target, host, n;
    int used, all = 0;
    do {
        if (sscanf(arg + all, " %u %u %u%n", &target, &host, &n, &used) != 3)
            refuse(a, "wants 'TARGET HOST NUMBER', several with commas in between");
        all += used;
        if (target != host)
            refuse(a, "the guest's signals are the host's here, each by its own number");
    } while (arg[all++] == ',');
    if (arg[all - 1])
        refuse(a, "wants 'TARGET HOST NUMBER', several with commas in between");
}

static void opt_trace(Args *a, const char *arg)
{
    refuse(a, "trace events are points in qemu's own code; -d, -strace and --stats show what this one does");
}

static void opt_plugin(Args *a, const char *arg)
{
    refuse(a, "plugins are for qemu's code generator; -d, --stats, perf (--perf) and 'dragoman dis' show what a program does");
}

static void opt_strace(Args *a, const char *arg)
{
    a->options.strace = true;
    log_.items |= LOG(strace);
}

static void opt_seed(Args *a, const char *arg)
{
    a->options.seed = parse_size(a, arg);
    a->options.has_seed = true;
}

static void opt_tier(Args *a, const char *arg)
{
    static const struct {
        const char *name;
        int tier;
    } tiers[] = {{"auto", TIER_AUTO}, {"baseline", TIER_BASELINE}, {"llvm", TIER_LLVM}, {"interp", TIER_INTERP}};
    for (size_t i = 0; i < LEN(tiers); i++) {
        if (!strcmp(arg, tiers[i].name)) {
            a->options.tier = tiers[i].tier;
            return;
        }
    }
    refuse(a, "the tiers are auto, baseline, llvm and interp");
}

static void opt_hot(Args *a, const char *arg)
{
    u64 n = parse_size(a, arg);
    if (n > INT32_MAX)
        refuse(a, "wants a number from 0 to %d", INT32_MAX);
    a->options.hot = (int)n;
}

static void opt_cpus(Args *a, const char *arg)
{
    /* What an exec hands on has a list of processors behind the number (runtime/linux/process.c). */
    const char *list = strchr(arg, ':');
    char *number = list ? strndup(arg, (size_t)(list - arg)) : strdup(arg);
    u64 n = parse_size(a, number);
    if (n < 1 || n > 4096)
        refuse(a, "wants a number from 1 to 4096");
    free(number);
    a->options.cpus = (int)n;
    a->options.affinity = list ? list + 1 : NULL;
}

static void opt_translate_host(Args *a, const char *arg)
{
    a->options.translate_host = true;
}

static void opt_host(Args *a, const char *arg)
{
    if (!host_reaches(arg))
        refuse(a, "neither x86-64-v2 nor x86-64-v3, or more than this processor has");
    host_level = arg;
}

static void opt_code_size(Args *a, const char *arg)
{
    a->options.code_size = parse_room(a, arg);
}

/* For programs that the guest executes from somewhere else. An empty one is none. */
static const char *absolute(const char *path)
{
    if (!*path)
        return NULL;
    char *all = NULL, *here = *path == '/' ? NULL : getcwd(NULL, 0);
    if (here && asprintf(&all, "%s/%s", here, path) < 0)
        all = NULL;
    free(here);
    return all ? all : path;
}

static void opt_cache(Args *a, const char *arg)
{
    a->options.cache = absolute(arg);
    a->options.no_cache = false;
}

static void opt_cache_from(Args *a, const char *arg)
{
    a->options.cache_from = absolute(arg);
    a->options.no_cache = false;
}

static void opt_cache_size(Args *a, const char *arg)
{
    a->options.cache_size = parse_room(a, arg);
}

static void opt_no_cache(Args *a, const char *arg)
{
    a->options.no_cache = true;
}

static void opt_inherited(Args *a, const char *arg)
{
    if (parse_size(a, arg) > INT32_MAX)
        refuse(a, "wants a descriptor");
    a->options.inherited = arg;
}

static void opt_crash(Args *a, const char *arg)
{
    if (strcmp(arg, "full") && strcmp(arg, "short"))
        refuse(a, "reports are full or short");
    a->options.crash_short = *arg == 's';
}

static void opt_gdb_session(Args *a, const char *arg)
{
    a->options.gdb_session = arg;
}

static void opt_stats(Args *a, const char *arg)
{
    log_.stats = true;
    lift_counting();
}

static void opt_check(Args *a, const char *arg)
{
    a->options.check = true;
    lift_counting();
}

static void opt_perf(Args *a, const char *arg)
{
    a->options.perf |= PERF_MAP;
}

static void opt_jitdump(Args *a, const char *arg)
{
    a->options.perf |= PERF_DUMP;
}

static void opt_gdb_names(Args *a, const char *arg)
{
    a->options.perf |= PERF_GDB;
}

static const struct Option {
    const char *name; /* with its dashes */
    const char *arg, *env;
    void (*apply)(Args *a, const char *arg);
} table[] = {
#define OPTION(handler, name, arg, env, help) {name, arg, env, opt_##handler},
#include "options.def"
};

/* The option of a name of n characters, dashes left out. */
static const struct Option *option_find(const char *wanted, size_t n)
{
    for (size_t i = 0; i < LEN(table); i++) {
        const char *name = table[i].name + strspn(table[i].name, "-");
        if (strlen(name) == n && !memcmp(name, wanted, n))
            return &table[i];
    }
    return NULL;
}

/* Takes options from argv[at] on; returns the index of the program. */
static int parse_options(Args *a, int argc, char **argv, int at)
{
    for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
        const char *name = argv[at] + 1 + (argv[at][1] == '-');
        if (!*name) /* -- */
            return at + 1;
        size_t n = strcspn(name, "=");
        const struct Option *o = option_find(name, n);
        if (!o)
            fail("no such option: %s ('dragoman help run' lists those there are)", argv[at]);
        const char *value = name[n] ? name + n + 1 : NULL;
        snprintf(a->typed, sizeof a->typed, "%s", argv[at]);
        if (o->arg && !value) {
            if (at + 1 >= argc)
                refuse(a, "wants an argument: %s", o->arg);
            value = argv[++at];
            snprintf(a->typed, sizeof a->typed, "%s %s", argv[at - 1], value);
        } else if (!o->arg && value) {
            refuse(a, "takes no argument");
        }
        o->apply(a, value);
    }
    return at;
}

/* Options from the environment. A program with more rights than whoever starts it (set-user-ID and the like) has none, nor do the
 * programs that it starts: the variables go, as the dynamic linker's own go. */
static Args defaults(const Guest *guest)
{
    Args a = {.options = {.tier = TIER_AUTO, .hot = -1, .fd = -1}, .guest = guest};
    bool secure = getauxval(AT_SECURE);
    size_t n = 0;
    while (environ[n])
        n++;
    a.options.env = malloc((n + 1) * sizeof *a.options.env);
    if (!a.options.env)
        fail("out of memory");
    memcpy(a.options.env, environ, (n + 1) * sizeof *environ);
    for (size_t i = 0; i < LEN(table); i++) {
        const char *value = table[i].env ? getenv(table[i].env) : NULL;
        if (!value)
            continue;
        snprintf(a.typed, sizeof a.typed, "%s=%s", table[i].env, value);
        if (secure)
            env_unset(&a, table[i].env);
        else
            table[i].apply(&a, value);
    }
    return a;
}

/* Translations of earlier runs. A program with more rights than whoever starts it has the system's only: other
 * directories are named by variables. And whoever wants to see how code is translated wants it translated. */
static void open_store(Process *p, const Guest *guest)
{
    char path[PATH_MAX];
    const Options *o = &p->options;
    bool watched = o->one_insn || log_.items & (LOG(in_asm) | LOG(op) | LOG(out_asm) | LOG(block) | LOG(nochain));
    const Ahead *payload = ahead_payload();
    bool good = payload && host_reaches(payload->cpu) && (!host_level || strcmp(payload->cpu, host_level) <= 0) && !o->cpu &&
                (payload->counts || !lift_is_counting());
    if (good && !o->check && !watched)
        ahead_use();
    if (o->no_cache || o->check || o->tier == TIER_INTERP || watched)
        return;
    bool secure = getauxval(AT_SECURE);
    if (!secure && (o->cache || store_default(path, sizeof path)))
        store_open(p, guest, o->cache ? o->cache : path);
    if (!secure && o->cache_from)
        store_read_from(p, guest, o->cache_from, false);
    store_read_from(p, guest, STORE_SYSTEM, true);
}

/* Runs `path`, or the payload of this executable, which is `path` then; `command` is this program's own argv. Returns an exit status if
 * it can't be started. */
static int start(const Args *a, const Ahead *payload, const char *path, char **guest_argv, char **command)
{
    char why[512];
    /* What was left by the program that executed this one may be out of reach, in a chroot. */
    if (a->logfile && !log_open(a->logfile, a->append_log) && !a->append_log)
        fail("-D %s: %s", a->logfile, strerror(errno));
    bool both = a->options.tier == TIER_AUTO || a->options.tier == TIER_LLVM;
    if (llvm_is_left_out() && (a->options.tier == TIER_LLVM || a->options.check))
        fail("%s was made without LLVM (dragoman aot --no-jit)", path);
    if (a->options.check && !both)
        fail("--check compares the baseline's code with LLVM's; --tier leaves it only one");
    if (payload && !host_reaches(payload->cpu))
        fprintf(stderr, "dragoman: %s: its translation is for %s processors; it is translated anew\n", path, payload->cpu);
    if (payload && log_.stats && !payload->counts)
        fprintf(stderr, "dragoman: %s: what its translation executes isn't counted; 'dragoman aot --stats' makes one that counts\n",
                path);
    if (a->options.code_size)
        arena_limit(a->options.code_size);
    if (!arena_init())
        fail("no memory for translated code: %s", strerror(errno));
    Process *p = calloc(1, sizeof *p);
    if (!p)
        fail("out of memory");
    p->options = a->options;
    p->command = command;
    if (p->options.check)
        p->options.tier = TIER_LLVM;
    else if ((p->options.one_insn || log_on(nochain)) && p->options.tier != TIER_INTERP)
        p->options.tier = TIER_BASELINE; /* LLVM's code is of many blocks at once */
    p->argv = guest_argv;
    p->exe_fd = -1;
    p->pid = getpid();
    pthread_mutex_init(&p->lock, NULL);
    p->mem = mem_new(a->options.reserved_va);
    the_process = p;
    Task *t = p->mem ? task_new(p) : NULL;
    if (!t)
        fail("out of memory");
    self = t;
    t->tid = (i32)gettid();
    t->thread = pthread_self();

    signal_init(p, t); /* before guest memory is touched */
    if (p->options.inherited && process_inherit(t, atoi(p->options.inherited)))
        fail("--inherited %s: nothing that dragoman has left there", p->options.inherited);
    open_store(p, a->guest);
    int error = payload ? load_payload(p, t, payload, path, why, sizeof why) : load_program(p, t, path, why, sizeof why);
    if (error) {
        fprintf(stderr, "dragoman: %s\n", why);
        if (p->options.no_sysroot)
            fprintf(stderr, "dragoman: -L %s: not a directory\n", p->options.no_sysroot);
        return error == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
    }
    if (p->options.perf)
        perf_start(p->options.perf);
    if (p->options.gdb_session && atoi(p->options.gdb_session) >= 0 && !debug_inherit(p, t, atoi(p->options.gdb_session)))
        fail("--gdb-session %s: nothing that dragoman has left there", p->options.gdb_session);
    if (p->options.gdb && !p->options.gdb_session && !debug_start(p, t, p->options.gdb, why, sizeof why))
        fail("-g %s: %s", p->options.gdb, why);
    task_loop(t);
}

/* The program's descriptor under binfmt_misc's flags O and C, or -1. */
static int kernel_descriptor(void)
{
    errno = 0;
    u64 fd = getauxval(AT_EXECFD);
    return errno ? -1 : (int)fd;
}

/* Under flag P, the program's own argv[0] follows its path. */
static bool keeps_argv0(void)
{
    return getauxval(AT_FLAGS) & 1;
}

bool run_by_kernel(void)
{
    return kernel_descriptor() >= 0 || keeps_argv0();
}

int run_main(int argc, char **argv, int at)
{
    return run_guest(guests[0], argc, argv, at);
}

int run_guest(const Guest *guest, int argc, char **argv, int at)
{
    Args a = defaults(guest);
    if (!run_by_kernel())
        at = parse_options(&a, argc, argv, at);
    else if (kernel_descriptor() >= 0)
        take_descriptor(&a.options, kernel_descriptor());
    if (at >= argc)
        fail("no program given: dragoman [options] PROGRAM [ARGUMENT...]; 'dragoman help' explains");
    const char *path = argv[at];
    char **command = malloc((size_t)(argc + 1) * sizeof *argv), **guest_argv = argv + at;
    if (!command)
        fail("out of memory");
    memcpy(command, argv, (size_t)(argc + 1) * sizeof *argv);
    if (keeps_argv0() && at + 1 < argc)
        guest_argv++;
    if (a.options.argv0)
        guest_argv[0] = (char *)a.options.argv0;
    return start(&a, NULL, path, guest_argv, command);
}

int run_payload(const Guest *guest, const Ahead *payload, char **argv)
{
    Args a = defaults(guest);
    const char *path = (const char *)getauxval(AT_EXECFN);
    if (payload->root[0] && !a.options.root_given)
        opt_ld_prefix(&a, payload->root);
    return start(&a, payload, path ? path : argv[0], argv, argv);
}
