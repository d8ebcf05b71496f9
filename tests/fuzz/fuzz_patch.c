/* Code that some threads execute while others write it anew, unmap, map, move, protect and drop it, and cut the file under it. A call
 * has only these ends: the value of one of the versions there have been, or a fault, which the handler leaves by a jump.
 *
 *     fuzz_patch SEED [SECONDS]     exits with 0 if it was so */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"

enum { PAGE = 4096, SLOTS = 6, PAGES = 4, FUNCTIONS = PAGE / 64, EXECUTORS = 3, WRITERS = 2, MAPPERS = 2 };

static char *slots[SLOTS]; /* of PAGES pages; the last two are views of a file */
static int file;
static atomic_bool over;
static atomic_long called, faulted, wrong;
static __thread sigjmp_buf out;
static __thread volatile int guarded;
static uint64_t seed;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    if (!guarded)
        _exit(3);
    siglongjmp(out, 1);
}

static char *some_function(uint64_t *state)
{
    return slots[next(state) % SLOTS] + next(state) % PAGES * PAGE + next(state) % FUNCTIONS * 64;
}

/* w0 counts w1 down from 20; the value is added after it: a loop that is hot soon. */
static void write_function(char *at, unsigned value)
{
    const uint32_t code[] = {
        0x52800281,                 /* mov w1, #20 */
        0x52800000,                 /* mov w0, #0 */
        0x11000400,                 /* add w0, w0, #1 */
        0x71000421,                 /* subs w1, w1, #1 */
        0x54ffffc1,                 /* b.ne .-8 */
        0x11000000 | value << 10,   /* add w0, w0, #value */
        0xd65f03c0,                 /* ret */
    };
    guarded = 1;
    if (!sigsetjmp(out, 1)) {
        memcpy(at, code, sizeof code);
        __builtin___clear_cache(at, at + sizeof code);
    }
    guarded = 0;
}

static void *execute(void *arg)
{
    uint64_t state = seed * 77 + (uint64_t)(long)arg;
    while (!atomic_load(&over)) {
        int (*f)(void) = (int (*)(void))some_function(&state);
        guarded = 1;
        if (sigsetjmp(out, 1)) {
            guarded = 0;
            atomic_fetch_add(&faulted, 1);
            continue;
        }
        for (int i = 0; i < 100; i++) {
            int got = f();
            if (got < 21 || got > 20 + 255) {
                printf("%d at %p\n", got, (void *)f);
                atomic_fetch_add(&wrong, 1);
            }
            atomic_fetch_add(&called, 1);
        }
        guarded = 0;
    }
    return NULL;
}

static void *write_some(void *arg)
{
    uint64_t state = seed * 78 + (uint64_t)(long)arg;
    while (!atomic_load(&over))
        write_function(some_function(&state), (unsigned)(1 + next(&state) % 255));
    return NULL;
}

static void fill(char *at, size_t size, uint64_t *state)
{
    for (size_t i = 0; i < size; i += 64)
        write_function(at + i, (unsigned)(1 + next(state) % 255));
}

static void *map_some(void *arg)
{
    uint64_t state = seed * 79 + (uint64_t)(long)arg;
    const int all = PROT_READ | PROT_WRITE | PROT_EXEC;
    while (!atomic_load(&over)) {
        unsigned slot = next(&state) % SLOTS, page = next(&state) % PAGES;
        char *at = slots[slot] + page * PAGE;
        size_t size = (1 + next(&state) % (PAGES - page)) * PAGE;
        switch (next(&state) % 8) {
        case 0: munmap(at, size); break;
        case 1: mprotect(at, size, (int)(next(&state) % 8)); break;
        case 2: madvise(at, size, MADV_DONTNEED); break;
        case 3: ftruncate(file, (off_t)(next(&state) % (PAGES + 1) * PAGE)); break;
        case 4: {
            char *other = mmap(NULL, PAGE, all, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            fill(other, PAGE, &state);
            if (mremap(other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED)
                munmap(other, PAGE);
            break;
        }
        default:
            if (slot >= SLOTS - 2) {
                ftruncate(file, PAGES * PAGE);
                mmap(at, size, all, MAP_SHARED | MAP_FIXED, file, page * PAGE);
            } else {
                mmap(at, size, all, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            }
            fill(at, size, &state);
            break;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[EXECUTORS + WRITERS + MAPPERS];
    double seconds = argc > 2 ? atof(argv[2]) : 3;
    seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    file = memfd_create("code", 0);
    /* Room that nothing else is mapped into while a part of it is unmapped. */
    char *room = mmap(NULL, SLOTS * 2 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < SLOTS; i++)
        slots[i] = room + i * 2 * PAGES * PAGE;
    for (long i = 0; i < EXECUTORS + WRITERS + MAPPERS; i++)
        pthread_create(&threads[i], NULL, i < EXECUTORS ? execute : i < EXECUTORS + WRITERS ? write_some : map_some, (void *)i);
    for (double until = now() + seconds; now() < until;)
        usleep(10000);
    atomic_store(&over, 1);
    for (int i = 0; i < EXECUTORS + WRITERS + MAPPERS; i++)
        pthread_join(threads[i], NULL);
    printf("%ld called, %ld faults, %ld wrong\n", (long)called, (long)faulted, (long)wrong);
    return wrong || !called || !faulted;
}
