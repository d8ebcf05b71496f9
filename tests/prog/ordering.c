/* Dekker's question: of two threads that each write one word and then read the other's, one sees what the other wrote, if both do so
 * by a sequentially consistent store, exchange, addition or (failing) compare-and-swap, or have a barrier in between. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

enum { ROUNDS = 3000, KINDS = 5 };
static atomic_int word[2], seen[2], arrived[2];

static int write_and_read(int me, int kind)
{
    int zero = 7;
    switch (kind) {
    case 0:
        atomic_store(&word[me], 1);
        break;
    case 1:
        atomic_exchange(&word[me], 1);
        break;
    case 2:
        atomic_fetch_add(&word[me], 1);
        break;
    case 3:
        atomic_store_explicit(&word[me], 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        break;
    default:
        atomic_store_explicit(&word[me], 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        atomic_compare_exchange_strong(&word[!me], &zero, 9); /* never 7: zero is what is there */
        return zero;
    }
    return atomic_load(&word[!me]);
}

static void meet(int me, int round)
{
    atomic_store(&arrived[me], round);
    while (atomic_load(&arrived[!me]) < round)
        sched_yield();
}

static void *run(void *arg)
{
    int me = arg != NULL, round = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        int missed = 0;
        for (int i = 0; i < ROUNDS; i++) {
            meet(me, ++round);
            atomic_store(&seen[me], write_and_read(me, kind));
            meet(me, ++round);
            missed += !atomic_load(&seen[0]) && !atomic_load(&seen[1]);
            meet(me, ++round);
            atomic_store(&word[me], 0);
        }
        if (!me)
            printf("%d: %d\n", kind, missed);
    }
    return NULL;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, run, &thread);
    run(NULL);
    pthread_join(thread, NULL);
}
