/* Four threads: private work, an atomic counter, a mutex. */
#include "work.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_ulong counter;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long sum;

static void *run(void *seed)
{
    unsigned x = (unsigned)(unsigned long)seed;
    for (int round = 0; round < 400; round++) {
        for (int i = 0; i < 50000; i++)
            x = x * 1664525 + 1013904223 + (x >> 16);
        for (int i = 0; i < 1000; i++)
            atomic_fetch_add(&counter, 1);
        pthread_mutex_lock(&lock);
        sum += x & 0xffff;
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void work(void)
{
    pthread_t threads[4];
    for (unsigned long i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, run, (void *)(i + 1));
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("%lu %lu\n", atomic_load(&counter), sum);
}
