/* Atomic operations by several threads: every C11 operation and width. Built without and with LSE instructions, and with
 * out-of-line helpers that ask HWCAP.  GUEST: -march=armv8-a -mno-outline-atomics
 * GUEST: -march=armv8.1-a
 * GUEST: -march=armv8-a -moutline-atomics */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 4, ROUNDS = 20000 };

static _Atomic uint8_t a8;
static _Atomic uint16_t a16;
static _Atomic uint32_t a32, or32, xor32, lock;
static _Atomic uint64_t a64, max64, sum64, and64 = ~0ull;
static _Atomic(int64_t) min64;
static struct {
    uint64_t a, b;
} guarded;
static atomic_flag flag = ATOMIC_FLAG_INIT;
static uint64_t by_flag;

static void *run(void *arg)
{
    unsigned id = (unsigned)(uintptr_t)arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&a8, 3);
        atomic_fetch_sub_explicit(&a16, 5, memory_order_relaxed);
        atomic_fetch_add_explicit(&a32, 7, memory_order_acquire);
        atomic_fetch_add_explicit(&a64, i, memory_order_release);
        atomic_fetch_or(&or32, 1u << (i + id) % 32);
        atomic_fetch_xor(&xor32, i * (id + 1));
        atomic_fetch_and(&and64, ~(1ull << (i * id) % 64));
        uint64_t old = atomic_load(&max64), mine = (uint64_t)i * (id + 3);
        while (old < mine && !atomic_compare_exchange_weak(&max64, &old, mine))
            ;
        int64_t low = atomic_load_explicit(&min64, memory_order_acquire);
        while (low > -(int64_t)i && !atomic_compare_exchange_strong(&min64, &low, -(int64_t)i))
            ;
        uint32_t free_ = 0;
        while (!atomic_compare_exchange_weak_explicit(&lock, &free_, 1, memory_order_acquire, memory_order_relaxed))
            free_ = 0;
        guarded.a++;
        guarded.b += guarded.a;
        atomic_store_explicit(&lock, 0, memory_order_release);
        while (atomic_flag_test_and_set(&flag))
            ;
        by_flag++;
        atomic_flag_clear(&flag);
        sum64 += atomic_exchange(&a64, 0);
        atomic_thread_fence(memory_order_seq_cst);
    }
    return NULL;
}

int main(void)
{
    pthread_t t[THREADS];

    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, run, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    printf("%u %u %u %" PRIu64 "\n", a8, a16, a32, sum64 + a64);
    printf("%x %x %" PRIx64 " %" PRIu64 " %" PRId64 "\n", or32, xor32, and64, max64, min64);
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", guarded.a, guarded.b, by_flag);
    return 0;
}
