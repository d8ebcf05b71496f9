/* Threads that make code and run it, in so little room for translations (--code-size) that all of them are thrown away again and
 * again while other threads run, link, compile and invalidate theirs. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { THREADS = 4, FUNCTIONS = 24, WORDS = 256 };

static int rounds = 60;

/* x0 = x0 * 2 + k, a few times over, with a jump to the next instruction between, so that there are many blocks. */
static uint64_t write_function(uint32_t *at, unsigned seed, uint64_t x)
{
    uint32_t *start = at;
    while (at < start + WORDS - 4) {
        unsigned k = seed++ % 4096;
        *at++ = 0x8b000000;          /* add x0, x0, x0 */
        *at++ = 0x91000000 | k << 10; /* add x0, x0, #k */
        *at++ = 0x14000001;          /* b .+4 */
        x = 2 * x + k;
    }
    *at = 0xd65f03c0; /* ret */
    return x;
}

static void *worker(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    size_t size = FUNCTIONS * WORDS * sizeof(uint32_t);
    uint32_t *code = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t expected[FUNCTIONS], wrong = 0;
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < FUNCTIONS; i++) {
            uint32_t *at = code + i * WORDS;
            expected[i] = write_function(at, seed++, 1);
            __builtin___clear_cache((char *)at, (char *)(at + WORDS));
        }
        for (int again = 0; again < 30; again++)
            for (int i = 0; i < FUNCTIONS; i++)
                wrong += ((uint64_t(*)(uint64_t))(code + i * WORDS))(1) != expected[i];
    }
    return (void *)wrong;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    uint64_t wrong = 0;
    if (argc > 1)
        rounds = atoi(argv[1]);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, worker, (void *)(uintptr_t)(i * 1000 + 1));
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        wrong += (uintptr_t)result;
    }
    printf("%lu wrong\n", (unsigned long)wrong);
    return wrong != 0;
}
