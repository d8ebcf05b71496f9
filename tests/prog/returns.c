/* Returns that aren't to the innermost call, calls that never return, and calls deeper than the translator's own stack;
 * code that changes behind a call that is under way. FLAGS: -fno-optimize-sibling-calls */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <ucontext.h>

#define OWN __attribute__((noipa))

/* -- out of many functions at once -- */

static _Thread_local jmp_buf out;

OWN static unsigned descend(unsigned n)
{
    if (!n)
        longjmp(out, 1);
    return descend(n - 1) + n;
}

OWN static unsigned jump_out(unsigned depth)
{
    return setjmp(out) ? depth : descend(depth);
}

static void long_jumps(unsigned times)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < times; i++)
        sum += jump_out(i % 3 ? 50 : i % 2000);
    printf("long jumps %u\n", sum);
}

/* -- deeper than any stack of the translator's -- */

OWN static unsigned long deep(unsigned long n)
{
    return n ? deep(n - 1) * 3 + n : 1;
}

static void *on_large_stack(void *depth)
{
    static _Thread_local unsigned long results[3];
    for (int i = 0; i < 3; i++)
        results[i] = deep((unsigned long)depth);
    return (void *)(results[0] ^ results[1] ^ results[2]);
}

static void deep_calls(void)
{
    pthread_attr_t attr;
    pthread_t threads[2];
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 160 << 20);
    for (unsigned long i = 0; i < 2; i++)
        pthread_create(&threads[i], &attr, on_large_stack, (void *)(1000000 + i));
    for (int i = 0; i < 2; i++) {
        void *result;
        pthread_join(threads[i], &result);
        printf("deep %lu\n", (unsigned long)result);
    }
}

/* -- coroutines that are left in the midst of calls -- */

enum { COROUTINES = 40 };
static ucontext_t scheduler, coroutine[COROUTINES];
static unsigned value[COROUTINES];

OWN static unsigned yield_below(int id, unsigned depth)
{
    if (depth)
        return yield_below(id, depth - 1) + 1;
    swapcontext(&coroutine[id], &scheduler);
    return value[id];
}

static void routine(int id)
{
    for (unsigned i = 0; i < 400; i++)
        value[id] = value[id] * 5 + yield_below(id, (unsigned)id + i % 7);
}

static void coroutines(void)
{
    static char stacks[COROUTINES][32 << 10];
    unsigned sum = 0;
    for (int i = 0; i < COROUTINES; i++) {
        getcontext(&coroutine[i]);
        coroutine[i].uc_stack.ss_sp = stacks[i];
        coroutine[i].uc_stack.ss_size = sizeof stacks[i];
        coroutine[i].uc_link = &scheduler;
        makecontext(&coroutine[i], (void (*)(void))routine, 1, i);
    }
    for (int round = 0; round < 401; round++)
        for (int i = 0; i < COROUTINES; i++)
            swapcontext(&scheduler, &coroutine[i]);
    for (int i = 0; i < COROUTINES; i++)
        sum = sum * 7 + value[i];
    printf("coroutines %u\n", sum);
}

/* -- signals while calls are open -- */

static volatile sig_atomic_t ticks;
static sigjmp_buf tick_out;

static void tick(int signo)
{
    ticks++;
    (void)deep(20);
    if (signo == SIGVTALRM && ticks % 2)
        siglongjmp(tick_out, 1);
}

OWN static unsigned spin(unsigned n)
{
    volatile unsigned here = n;
    return n ? spin(n - 1) + here : 0;
}

static void signals(void)
{
    struct itimerval every = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = tick};
    unsigned wrong = 0, want = spin(300);
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &every, NULL);
    while (ticks < 40)
        wrong += spin(300) != want;
    setitimer(ITIMER_PROF, &never, NULL);
    ticks = 0;
    sigaction(SIGVTALRM, &action, NULL);
    if (!sigsetjmp(tick_out, 1))
        setitimer(ITIMER_VIRTUAL, &every, NULL);
    while (ticks < 40)
        wrong += spin(300) != want;
    setitimer(ITIMER_VIRTUAL, &never, NULL);
    printf("signals wrong %u\n", wrong);
}

/* -- calls and returns that aren't -- */

static void unbalanced(void)
{
    unsigned long sum = 0;
#ifdef __aarch64__
    for (unsigned long i = 0; i < 3000000; i++) {
        unsigned long a, b;
        /* The way to one's own address */
        __asm__ volatile("bl 1f\n1: mov %0, x30\n adr %1, 1b" : "=r"(a), "=r"(b) : : "x30");
        sum += a == b;
    }
    for (unsigned long i = 0; i < 300000; i++) {
        unsigned long a = i;
        /* A return as a jump; one that goes on behind where it should */
        __asm__ volatile("adr x30, 1f\n ret\n add %0, %0, #100\n1: bl 2f\n add %0, %0, #1000\n b 3f\n"
                         "2: add x30, x30, #4\n ret\n3: adr x9, 4f\n ret x9\n4:"
                         : "+r"(a)
                         :
                         : "x30", "x9");
        sum += a;
    }
#else
    sum = 3000000 + 300000ul * 299999 / 2;
#endif
    printf("unbalanced %lu\n", sum);
}

/* -- code that changes behind an open call -- */

#ifdef __aarch64__
static uint32_t *code;

OWN static void change(unsigned n)
{
    code[3] = 0xd2800000 | n << 5; /* mov x0, n */
    __builtin___clear_cache((char *)code, (char *)(code + 8));
}
#endif

static void changing(void)
{
    unsigned sum = 0;
#ifdef __aarch64__
    static const uint32_t caller[] = {
        0xa9bf7bfd, /* stp x29, x30, [sp, -16]! */
        0xaa0103e9, /* mov x9, x1 */
        0xd63f0120, /* blr x9 */
        0xd2800000, /* mov x0, 0 */
        0xa8c17bfd, /* ldp x29, x30, [sp], 16 */
        0xd65f03c0, /* ret */
    };
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(code, caller, sizeof caller);
    __builtin___clear_cache((char *)code, (char *)code + sizeof caller);
    for (unsigned i = 1; i < 2000; i++)
        sum = sum * 3 + (((unsigned (*)(unsigned, void (*)(unsigned)))code)(i, change) == i);
#else
    for (unsigned i = 1; i < 2000; i++)
        sum = sum * 3 + 1;
#endif
    printf("changing %u\n", sum);
}

static void *worker(void *unused)
{
    long_jumps(3000);
    return NULL;
}

int main(void)
{
    long_jumps(20000);
    deep_calls();
    coroutines();
    signals();
    unbalanced();
    changing();
    for (int i = 0; i < 8; i++) {
        pthread_t t;
        pthread_create(&t, NULL, worker, NULL);
        pthread_join(t, NULL);
    }
    return 0;
}
