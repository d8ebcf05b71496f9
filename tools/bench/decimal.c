/* Numbers printed and read: integers and floating point through printf's and strtod's kind. */
#include "work.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void work(void)
{
    char line[128];
    unsigned long sum = 0;
    unsigned long long x = 1;
    double total = 0;
    for (int i = 0; i < 250000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        int n = snprintf(line, sizeof line, "%d %5u|%-8lx|%lld", (int)(x >> 40) - 8000000, (unsigned)(x >> 50), (long)(x >> 20), (long long)x);
        char *end;
        sum += (unsigned long)n + (unsigned long)strtol(line, &end, 10) + strtoul(end, NULL, 10);
    }
    for (int i = 0; i < 120000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        double v = (double)(x >> 11) / (double)(1 << (i & 30));
        int n = snprintf(line, sizeof line, "%.6g %.2f %e %.17g", v, v / 1e6, v * 1e20, v);
        sum += (unsigned long)n + (unsigned char)line[n / 2];
        total += strtod(strrchr(line, ' '), NULL);
    }
    printf("%lu %.17g\n", sum, total);
}
