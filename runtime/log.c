/* Diagnostics: the log file, -d items, --stats, disassembly of what was translated. */
#include "../include/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

Log log_;

void log_printf(const char *format, ...)
{
    char line[4096];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    if (n > (int)sizeof line - 1)
        n = (int)sizeof line - 1;
    FILE *f = log_.file ? log_.file : stderr;
    fflush(f);
    for (int at = 0; at < n;) {
        ssize_t w = write(fileno(f), line + at, (size_t)(n - at));
        if (w <= 0)
            return;
        at += (int)w;
    }
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

void log_print_stats(FILE *f)
{
#define COUNTER(name, help) fprintf(f, "%14" PRIu64 "  %s\n", (u64)log_.name, help);
    COUNTERS(COUNTER)
#undef COUNTER
}

u64 log_clock(void)
{
    if (!log_.stats)
        return 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
}
