/* malloc, calloc, realloc and free: many small blocks that live for a while, lists built and torn down, a buffer that grows. */
#include "work.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Item {
    struct Item *next;
    unsigned n;
} Item;
enum { LIVE = 4096 };

static void work(void)
{
    static char *live[LIVE];
    unsigned x = 1;
    unsigned long sum = 0;
    for (int i = 0; i < 3000000; i++) {
        x = x * 1664525 + 1013904223;
        char **slot = &live[x >> 20];
        if (*slot)
            sum += (unsigned char)**slot;
        free(*slot);
        size_t size = x % 7 ? x >> 8 & 127 : x >> 8 & 4095;
        *slot = x & 1 << 12 ? calloc(1, size + 1) : malloc(size + 1);
        **slot = (char)x;
    }
    for (int i = 0; i < LIVE; i++) {
        free(live[i]);
        live[i] = NULL;
    }
    for (int round = 0; round < 40; round++) {
        Item *list = NULL;
        for (unsigned i = 0; i < 40000; i++) {
            Item *item = malloc(sizeof *item);
            *item = (Item){list, i};
            list = item;
        }
        for (Item *next; list; list = next) {
            next = list->next;
            sum += list->n;
            free(list);
        }
        size_t used = 0, room = 0;
        char *buffer = NULL;
        for (; used < 100000; used += 10) {
            if (used + 10 > room)
                buffer = realloc(buffer, room = room * 2 + 10);
            memset(buffer + used, round, 10);
        }
        sum += (unsigned char)buffer[used - 1];
        free(buffer);
    }
    printf("%lu\n", sum);
}
