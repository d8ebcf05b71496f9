/* Integer loops: sieve, Collatz, division. */
#include "work.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint8_t composite[2000000];

static unsigned sieve(void)
{
    unsigned n = 0;
    memset(composite, 0, sizeof composite);
    for (unsigned i = 2; i < sizeof composite; i++) {
        n += !composite[i];
        for (uint64_t j = (uint64_t)i * i; !composite[i] && j < sizeof composite; j += i)
            composite[j] = 1;
    }
    return n;
}

static void work(void)
{
    uint64_t steps = 0, sum = 0;
    for (uint32_t i = 1; i < 600000; i++)
        for (uint64_t n = i; n != 1; n = n & 1 ? 3 * n + 1 : n / 2)
            steps++;
    for (uint64_t i = 1; i < 6000000; i++)
        sum += (i * 0x9e3779b97f4a7c15u) / (i | 1) % 1000003;
    printf("%u %lu %lu\n", sieve(), (unsigned long)steps, (unsigned long)sum);
}
