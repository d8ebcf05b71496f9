/* Diagnostics: the log file, -d items, --stats, disassembly of what was translated. */
#include "../include/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

Log log_;

static void log_write(const char *text, size_t size)
{
    FILE *f = log_.file ? log_.file : stderr;
    fflush(f);
    for (size_t at = 0; at < size;) {
        ssize_t n = write(fileno(f), text + at, size - at);
        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

bool log_open(const char *name, bool append)
{
    char path[PATH_MAX], full[PATH_MAX] = "";
    if (name[0] != '/' && getcwd(full, sizeof full - 1) && full[1])
        strcat(full, "/");
    size_t n = strlen(full);
    if (n + strlen(name) >= sizeof full) {
        errno = ENAMETOOLONG;
        return false;
    }
    strcpy(full + n, name);
    const char *d = strstr(full, "%d");
    n = (size_t)(d ? snprintf(path, sizeof path, "%.*s%d%s", (int)(d - full), full, (int)getpid(), d + 2)
                   : snprintf(path, sizeof path, "%s", full));
    FILE *f = n < sizeof path ? fopen(path, append ? "ae" : "we") : NULL;
    if (!f)
        return false;
    fcntl(fileno(f), F_SETFL, O_APPEND); /* several processes may write there */
    if (log_.file) { /* whose descriptor's number the guest knows not to be its own */
        dup3(fileno(f), fileno(log_.file), O_CLOEXEC);
        fclose(f);
    } else {
        log_.file = f;
    }
    if (log_.name != name) {
        free(log_.name);
        log_.name = strdup(full);
    }
    return true;
}

void log_after_fork(void)
{
    if (log_.name && strstr(log_.name, "%d"))
        log_open(log_.name, false);
}

bool log_at(u64 low, u64 end)
{
    for (size_t i = 0; i < log_.nranges; i++)
        if (low <= log_.ranges[i][1] && end > log_.ranges[i][0])
            return true;
    return !log_.nranges;
}

/* "first..last", "first+size", "last-size": qemu's util/log.c. */
static bool parse_range(const char *text, u64 range[2])
{
    char *end;
    errno = 0;
    u64 first = strtoull(text, &end, 0), second;
    char kind = *end;
    if (end == text || errno || !kind)
        return false;
    text = end + (!strncmp(end, "..", 2) ? 2 : 1);
    second = strtoull(text, &end, 0);
    if (end == text || *end || errno || !strchr(".+-", kind) || (kind != '.' && !second))
        return false;
    range[0] = kind == '-' ? first - (second - 1) : first;
    range[1] = kind == '.' ? second : kind == '+' ? first + (second - 1) : first;
    return range[0] <= range[1];
}

bool log_filter(const char *list)
{
    char *copy = strdup(list), *rest = copy, *item;
    bool good = copy != NULL;
    log_.nranges = 0;
    while (good && (item = strsep(&rest, ","))) {
        u64(*ranges)[2] = realloc(log_.ranges, (log_.nranges + 1) * sizeof *ranges);
        good = ranges && parse_range(item, ranges[log_.nranges]);
        if (ranges)
            log_.ranges = ranges;
        log_.nranges += good;
    }
    free(copy);
    return good;
}

void out_of_memory(const char *what)
{
    sigset_t s;
    dprintf(STDERR_FILENO, "dragoman: out of memory for %s\n", what);
    signal(SIGABRT, SIG_DFL);
    sigemptyset(&s);
    sigaddset(&s, SIGABRT);
    pthread_sigmask(SIG_UNBLOCK, &s, NULL);
    raise(SIGABRT);
    _exit(128 + SIGABRT);
}

void log_text(const char *text)
{
    log_write(text, strlen(text));
}

void log_printf(const char *format, ...)
{
    char line[4096];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    if (n > (int)sizeof line - 1)
        n = (int)sizeof line - 1;
    log_write(line, (size_t)n);
}

static const struct {
    const char *name, *help;
    u32 bit;
} items[] = {
#define ITEM(item, text) {#item, text, LOG(item)},
    LOG_ITEMS(ITEM)
#undef ITEM
};

static const struct {
    const char *name, *why;
    u32 bits;
} others[] = {
#define OTHER(item, items, why) {#item, why, items},
    LOG_OTHERS(OTHER)
#undef OTHER
};

const char *log_parse(const char *list, u32 *bits)
{
    static char bad[64];
    while (*list) {
        size_t n = strcspn(list, ",");
        bool found = n == 3 && !memcmp(list, "all", n);
        if (found)
            *bits |= (1u << LOG_COUNT) - 1;
        for (size_t i = 0; i < LEN(others); i++) {
            if (strlen(others[i].name) == n && !memcmp(others[i].name, list, n)) {
                *bits |= others[i].bits;
                fprintf(stderr, "dragoman: -d %s: %s\n", others[i].name, others[i].why);
                found = true;
            }
        }
        if (!strncmp(list, "trace:", 6)) {
            fprintf(stderr, "dragoman: -d %.*s: there are no trace events\n", (int)n, list);
            found = true;
        }
        for (size_t i = 0; i < LEN(items); i++) {
            if (strlen(items[i].name) == n && !memcmp(items[i].name, list, n)) {
                *bits |= items[i].bit;
                found = true;
            }
        }
        if (!found) {
            snprintf(bad, sizeof bad, "%.*s", (int)n, list);
            return bad;
        }
        list += n + (list[n] == ',');
    }
    return NULL;
}

void log_help(FILE *f)
{
    fputs("Log items (comma separated):\n", f);
    for (size_t i = 0; i < LEN(items); i++)
        fprintf(f, "%-15s %s\n", items[i].name, items[i].help);
    fprintf(f, "%-15s %s\n", "all", "all of them");
    fputs("qemu's that are taken and log nothing of their own: ", f);
    for (size_t i = 0; i < LEN(others); i++)
        fprintf(f, "%s, ", others[i].name);
    fputs("trace:PATTERN\n", f);
}

enum {
#define COUNTER(name, help) COUNT_##name,
    COUNTERS(COUNTER)
#undef COUNTER
        COUNT_EXECUTED = COUNT_executed_static + 1,
};

static const struct {
    const char *help;
    _Atomic u64 *count;
} counters[] = {
#define COUNTER(name, help) {help, &log_.name},
    COUNTERS(COUNTER)
#undef COUNTER
};

/* Of each counter, what has been printed. */
static u64 printed[LEN(counters)];

void log_print_stats(FILE *f)
{
    u64 value[LEN(counters)], executed = 0;
    for (size_t i = 0; i < LEN(counters); i++) {
        u64 now = *counters[i].count;
        value[i] = now - printed[i];
        printed[i] = now;
        executed += i < COUNT_EXECUTED ? value[i] : 0;
    }
    for (size_t i = 0; i < LEN(counters); i++) {
        fprintf(f, "%14" PRIu64 "  %s", value[i], counters[i].help);
        if (i < COUNT_EXECUTED && executed)
            fprintf(f, ", %.1f %%", 100.0 * (double)value[i] / (double)executed);
        fputc('\n', f);
    }
    fflush(f);
}

void log_clear_stats(void)
{
    for (size_t i = 0; i < LEN(counters); i++)
        *counters[i].count = printed[i] = 0;
}

u64 clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
}

u64 log_clock(void)
{
    return log_.stats ? clock_ns(CLOCK_MONOTONIC) : 0;
}
