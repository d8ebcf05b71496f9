/* A ring between two threads, one writing and one reading, with acquire and release. Whoever finds it full or empty yields
 * after some tries, so that one processor is enough. */
#include "work.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

enum { SLOTS = 4096, MESSAGES = 40000000 };
static unsigned long slots[SLOTS];
static _Alignas(64) atomic_ulong head; /* written */
static _Alignas(64) atomic_ulong tail; /* read */

static void pause_after(int *tries)
{
    if (++*tries % 256 == 0)
        sched_yield();
}

static void *writer(void *unused)
{
    int tries = 0;
    for (unsigned long i = 0; i < MESSAGES; i++) {
        unsigned long at = atomic_load_explicit(&head, memory_order_relaxed);
        while (at - atomic_load_explicit(&tail, memory_order_acquire) == SLOTS)
            pause_after(&tries);
        slots[at % SLOTS] = i * 3;
        atomic_store_explicit(&head, at + 1, memory_order_release);
    }
    return unused;
}

static void work(void)
{
    pthread_t thread;
    unsigned long sum = 0;
    int tries = 0;
    pthread_create(&thread, NULL, writer, NULL);
    for (unsigned long i = 0; i < MESSAGES; i++) {
        unsigned long at = atomic_load_explicit(&tail, memory_order_relaxed);
        while (atomic_load_explicit(&head, memory_order_acquire) == at)
            pause_after(&tries);
        sum = sum * 5 + slots[at % SLOTS];
        atomic_store_explicit(&tail, at + 1, memory_order_release);
    }
    pthread_join(thread, NULL);
    printf("%lu\n", sum);
}
