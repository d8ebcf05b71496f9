/* Diagnostics: the log file, -d items, --stats, disassembly of what was translated. */
#include "../include/log.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
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

const char *log_parse(const char *list, u32 *bits)
{
    static char bad[64];
    while (*list) {
        size_t n = strcspn(list, ",");
        bool found = false;
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

u64 log_clock(void)
{
    if (!log_.stats)
        return 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
}
