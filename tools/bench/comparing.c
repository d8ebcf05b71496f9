/* strcmp, strncmp, strcasecmp, memcmp, strcoll: strings that differ at once, late or never. */
#define _GNU_SOURCE
#include "work.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NAMES = 512, LONG = 4096 };
static char names[NAMES][40], a[LONG + 16], b[LONG + 16];

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void work(void)
{
    unsigned x = 1;
    long sum = 0;
    for (int i = 0; i < NAMES; i++) {
        x = x * 1664525 + 1013904223;
        snprintf(names[i], sizeof names[i], "%.*sname_%u", (int)(x >> 28), "namespace::prefix", x >> 12 & 1023);
    }
    for (int i = 0; i < 8000000; i++) {
        x = x * 1664525 + 1013904223;
        const char *p = names[x >> 23], *q = names[x >> 14 & 511];
        sum += sign(strcmp(p, q)) + sign(strncmp(p, q, x >> 28)) + sign(memcmp(p, q, 16));
        if (i % 4 == 0)
            sum += sign(strcasecmp(p, q)) * 3 + sign(strncasecmp(p, q, 8)) + sign(strcoll(p, q));
    }
    for (int i = 0; i < LONG; i++)
        a[i] = b[i + 5] = (char)(i % 100 + 1);
    for (int i = 0; i < 200000; i++) {
        int at = (int)((unsigned)i * 7919u % LONG);
        b[at + 5] = 120;
        sum += sign(memcmp(a, b + 5, LONG)) + sign(strcmp(a, b + 5)) + sign(strncmp(a, b + 5, LONG));
        b[at + 5] = a[at];
    }
    printf("%ld\n", sum);
}
