/* The C library's string functions on short and long strings. */
#include "work.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG = 100000 };

static void work(void)
{
    static const char *const words[] = {"translate", "guest", "host", "a", "instruction", "block", "", "processor"};
    static char text[LONG + 1], copy[LONG + 1];
    unsigned long sum = 0;
    for (int i = 0; i < LONG; i++)
        text[i] = (char)('a' + i % 23);
    for (int round = 0; round < 12000; round++) {
        text[round * 17 % LONG] = 'z';
        memcpy(copy, text, sizeof copy);
        copy[round * 8] = 'y';
        sum += strlen(copy) + (size_t)(strchr(copy, 'y') - copy) + (unsigned)(memcmp(text, copy, LONG) > 0);
        memmove(text + 1, text, 1000);
    }
    for (int round = 0; round < 2000000; round++) {
        char line[64];
        strcpy(line, words[round & 7]);
        strcat(line, words[round >> 3 & 7]);
        sum += strlen(line) + (strcmp(line, words[round >> 6 & 7]) > 0) + (strstr(line, "st") != NULL);
        if (round % 8 == 0) {
            snprintf(line, sizeof line, "%d:%x", round, round * 3);
            sum += strtoul(line, NULL, 10);
        }
    }
    printf("%lu\n", sum);
}
