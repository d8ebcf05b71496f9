/* memcpy, memmove, memset, strcpy and their kin, in every size. */
#define _GNU_SOURCE
#include "work.h"
#include <stdio.h>
#include <string.h>

enum { SIZE = 1 << 16 };
static char from[SIZE + 64], to[SIZE + 64];

static void work(void)
{
    unsigned x = 1;
    unsigned long sum = 0;
    for (int i = 0; i < SIZE; i++)
        from[i] = (char)(i * 31 % 127 + 1);
    for (int i = 0; i < 10000000; i++) { /* small, at any alignment */
        x = x * 1664525 + 1013904223;
        size_t n = x >> 26, a = x >> 8 & 0xfff, b = x >> 14 & 0xfff;
        switch (x >> 4 & 3) {
        case 0:
            memcpy(to + a, from + b, n);
            break;
        case 1:
            memmove(to + a, to + b, n);
            break;
        case 2:
            memset(to + a, (int)x, n);
            break;
        default:
            sum += (unsigned char)*(char *)mempcpy(to + a, from + b, n);
        }
    }
    for (int i = 0; i < 15000; i++) {
        memcpy(to + i % 64, from + i % 32, SIZE - 64);
        memmove(to + 1 + i % 7, to, SIZE - 8);
        memset(to, i, SIZE / 2);
        sum += (unsigned char)to[i];
    }
    for (int i = 0; i < 2000000; i++) {
        size_t at = SIZE - 1 - (unsigned)i * 7919u % 200;
        strcpy(to, from + at);
        sum += (size_t)(stpcpy(to, from + SIZE - 20) - to);
        strncat(to, from + SIZE - 30, 20);
        strncpy(to + 100, from + at, 64);
        sum += (unsigned char)to[110];
    }
    printf("%lu\n", sum);
}
