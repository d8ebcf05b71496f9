/* strlen, memchr, strchr, strrchr, strstr, memmem, strspn and their kin, in short and long strings. */
#define _GNU_SOURCE
#include "work.h"
#include <stdio.h>
#include <string.h>

enum { SIZE = 1 << 14 };
static char text[SIZE + 1];

static void work(void)
{
    static const char *const words[] = {"the", "quick brown", "fox", "jumps over", "a", "lazy dog", "translation", "unit of work"};
    unsigned x = 1;
    unsigned long sum = 0;
    size_t n = 0;
    while (n < SIZE - 64) {
        x = x * 1664525 + 1013904223;
        n += (size_t)sprintf(text + n, "%s ", words[x >> 29]);
    }
    memcpy(text + n, "needle, hay", 12);
    for (int i = 0; i < 20000; i++) {
        const char *from = text + i % 100;
        sum += strlen(from) + (size_t)(strchr(from, ',') - from) + (size_t)((char *)memchr(from, 'y', SIZE) - from);
        sum += (size_t)(strrchr(from, 'q') - from) + strnlen(from, SIZE / 2) + (size_t)((char *)rawmemchr(from, ',') - from);
    }
    for (int i = 0; i < 400; i++) {
        const char *from = text + i;
        sum += (size_t)(strstr(from, "needle") - from) + (memmem(from, n - 200, "needle", 6) != NULL);
        sum += strcspn(from, ",;") + strspn(from, "abcdefghijklmnopqrstuvwxyz ");
    }
    for (int i = 0; i < 10000000; i++) { /* where most time goes in programs: the end is near */
        const char *from = text + (unsigned)i * 7919u % (unsigned)(n - 100);
        const char *space = strchr(from, ' ');
        sum += (size_t)(space - from) + (memchr(from, 'o', 12) != NULL) + strlen(words[i & 7]);
        sum += strspn(space, " ") + (strpbrk(from, "jkl") != NULL);
    }
    printf("%lu\n", sum);
}
