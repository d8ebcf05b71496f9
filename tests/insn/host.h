/* What the guests' instruction tests have in common on our side: random numbers, guest code that is run block by block in a tier, and that
 * in child processes. The states, and whom they are compared with, are each guest's own. */
#ifndef DRAGOMAN_TESTS_HOST_H
#define DRAGOMAN_TESTS_HOST_H

#include "../../include/translate.h"
#include "../../runtime/runtime.h"

/* A repeatable stream of random numbers (splitmix64). */
typedef struct Rng {
    u64 state;
} Rng;

static inline u64 rng_next(Rng *r)
{
    u64 z = r->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline u64 rng_below(Rng *r, u64 n)
{
    return rng_next(r) % n;
}

/* Memory at an address; ends the program if there is none. */
void *host_map(u64 addr, size_t size);
/* Makes this process one that can run the guest's code. flushes: LLVM's code is made for threads that flush denormals, whatever the mode
 * is when it is made. */
void host_init(const Guest *guest, bool flushes);
/* The thread, with a state of zeros. */
Task *host_task(void);
/* The block at pc, of at most max_insns instructions; verified. */
Ir *host_lift(u64 pc, u32 max_insns);
/* Runs that in a tier. */
void host_step(Tier tier);
/* Runs blocks from Task.pc on until `left`, the number of instructions under test from a pc on, is 0, or one raises something: the signal,
 * or 0; SIGALRM if it doesn't end. Task.pc is where it is then. */
int host_run(Tier tier, u32 left(const void *test, u64 pc), const void *test);
/* Runs n tests in child processes, each of which is `init`ed; the outcome of a test begins with an int32_t, which is HOST_CRASH if the
 * child has died of it. */
void host_run_all(Tier tier, size_t n, void init(void), void run(Tier tier, const void *test, void *outcome), const void *tests,
                  size_t test_size, void *outcomes, size_t outcome_size);
enum { HOST_CRASH = -1 };

/* -t's argument */
Tier host_tier(const char *name);

#endif
