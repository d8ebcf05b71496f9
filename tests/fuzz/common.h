/* What the fuzzers that are guest programs share: random numbers, the time. */
#ifndef DRAGOMAN_FUZZ_COMMON_H
#define DRAGOMAN_FUZZ_COMMON_H

#include <stdint.h>
#include <time.h>

/* The next number of a sequence (SplitMix64) that its start alone decides. */
static inline uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* In seconds. */
static inline double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
