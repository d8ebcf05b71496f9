/* Atomics without contention: counters, flags, compare and exchange, a reference count, a stack without locks. */
#include "work.h"
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct Item {
    struct Item *next;
    atomic_int references;
} Item;
static Item items[64];
static _Atomic(Item *) top;
static atomic_ulong counter;
static _Atomic uint32_t word;
static _Atomic uint8_t flag;

static void push(Item *item)
{
    Item *old = atomic_load_explicit(&top, memory_order_relaxed);
    do
        item->next = old;
    while (!atomic_compare_exchange_weak_explicit(&top, &old, item, memory_order_release, memory_order_relaxed));
}

static Item *pop(void)
{
    Item *old = atomic_load_explicit(&top, memory_order_acquire);
    while (old && !atomic_compare_exchange_weak_explicit(&top, &old, old->next, memory_order_acquire, memory_order_acquire))
        ;
    return old;
}

static void work(void)
{
    unsigned long sum = 0;
    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        push(&items[i]);
    for (int i = 0; i < 14000000; i++) {
        Item *item = pop(); /* as a pointer that counts is copied and dropped */
        atomic_fetch_add_explicit(&item->references, 1, memory_order_relaxed);
        sum += atomic_fetch_sub_explicit(&item->references, 1, memory_order_acq_rel) == 1;
        push(item);
        atomic_fetch_add(&counter, 3);
        if (i % 4 == 0) {
            atomic_fetch_or(&word, 1u << (i & 31));
            sum += atomic_exchange(&flag, (uint8_t)i);
            sum += atomic_fetch_xor_explicit(&word, (uint32_t)i, memory_order_relaxed);
            atomic_store(&flag, 1);
            sum += atomic_load(&counter);
        }
    }
    while (pop())
        ;
    printf("%lu %lu %u\n", sum, atomic_load(&counter), atomic_load(&word));
}
