/* POSIX regular expressions: compiled and looked for in lines of a log. */
#include "work.h"
#include <regex.h>
#include <stdio.h>

static void work(void)
{
    static const char *const patterns[] = {
        "^[0-9]{4}-[0-9]{2}-[0-9]{2} ([0-9]+):([0-9]+)", "(error|warning): [a-z ]+", "host=([a-z]+)\\.example\\.(com|org)",
        "\\[([^]]*)\\]$", "(a|b)*c.*[xyz]+ [0-9]+ms",
    };
    static const char *const words[] = {"error: disk full", "note", "warning: slow", "abacabc zzz 12ms", "ok"};
    unsigned x = 1;
    unsigned long sum = 0;
    for (int round = 0; round < 20; round++) {
        for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
            regex_t re;
            regmatch_t m[3];
            if (regcomp(&re, patterns[p], REG_EXTENDED))
                abort();
            for (int i = 0; i < 2500; i++) {
                char line[160];
                x = x * 1664525 + 1013904223;
                snprintf(line, sizeof line, "2024-%02u-%02u %u:%u host=%s.example.%s %s [%u]", (x >> 8) % 12 + 1, (x >> 12) % 28 + 1,
                         (x >> 16) % 24, (x >> 20) % 60, x >> 30 ? "alpha" : "omega", x & 1024 ? "com" : "net", words[(x >> 24) % 5], x >> 18);
                if (!regexec(&re, line, 3, m, 0))
                    sum += (unsigned long)(m[0].rm_so * 7 + m[0].rm_eo + (m[1].rm_so >= 0 ? m[1].rm_so : 0));
            }
            regfree(&re);
        }
    }
    printf("%lu\n", sum);
}
