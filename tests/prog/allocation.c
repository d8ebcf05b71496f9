/* malloc under stress: many sizes, realloc, calloc, aligned blocks, brk and mmap thresholds; contents are checked. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2000, ROUNDS = 100000 };

static struct {
    unsigned char *p;
    size_t n;
    unsigned char fill;
} slot[SLOTS];

static uint64_t state = 77;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static int intact(int i)
{
    for (size_t k = 0; k < slot[i].n; k += 1 + slot[i].n / 64)
        if (slot[i].p[k] != slot[i].fill)
            return 0;
    return !slot[i].n || slot[i].p[slot[i].n - 1] == slot[i].fill;
}

int main(void)
{
    size_t live = 0, errors = 0;
    uint64_t h = 0;

    for (int round = 0; round < ROUNDS; round++) {
        int i = (int)(next() % SLOTS);
        size_t n = next() % 10 == 0 ? next() % 300000 : next() % 500;

        if (slot[i].p && !intact(i))
            errors++;
        live -= slot[i].n;
        switch (next() % 4) {
        case 0:
            free(slot[i].p);
            slot[i].p = malloc(n);
            break;
        case 1: {
            size_t keep = n < slot[i].n ? n : slot[i].n;
            slot[i].p = realloc(slot[i].p, n ? n : 1);
            for (size_t k = 0; k < keep; k += 97)
                errors += slot[i].p[k] != slot[i].fill;
            break;
        }
        case 2:
            free(slot[i].p);
            slot[i].p = calloc(1, n + 1);
            for (size_t k = 0; k <= n; k += 61)
                errors += slot[i].p[k] != 0;
            break;
        case 3: {
            void *p;
            free(slot[i].p);
            errors += posix_memalign(&p, 256, n + 1) != 0 || ((uintptr_t)p & 255);
            slot[i].p = p;
            break;
        }
        }
        slot[i].n = n;
        slot[i].fill = (unsigned char)round;
        memset(slot[i].p, round & 255, n);
        live += n;
        h = h * 31 + live;
        if (round % 25000 == 0) {
            printf("%d live %zu\n", round, live);
            malloc_trim(0);
        }
    }
    for (int i = 0; i < SLOTS; i++) {
        errors += slot[i].p && !intact(i);
        free(slot[i].p);
    }
    printf("%zu errors, %016" PRIx64 "\n", errors, h);
    return errors != 0;
}
