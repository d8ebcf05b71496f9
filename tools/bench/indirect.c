/* Calls through function pointers: targets change from call to call. */
#include "work.h"
#include <stdint.h>
#include <stdio.h>

typedef uint32_t Step(uint32_t);

#define STEP(name, expression) \
    __attribute__((noipa)) static uint32_t name(uint32_t x) \
    { \
        return expression; \
    }
STEP(add, x + 0x9e3779b9)
STEP(rotate, x << 7 | x >> 25)
STEP(mix, x ^ x >> 15)
STEP(scale, x * 2654435761u)
STEP(flip, ~x)
STEP(swap, __builtin_bswap32(x))
STEP(low, x - (x << 3))
STEP(high, x + (x >> 9))

static void work(void)
{
    static Step *const steps[] = {add, rotate, mix, scale, flip, swap, low, high};
    uint32_t x = 1, choice = 1;
    for (int i = 0; i < 40000000; i++) {
        choice = choice * 1664525 + 1013904223;
        x = steps[choice >> 29](x);
    }
    printf("%u\n", x);
}
