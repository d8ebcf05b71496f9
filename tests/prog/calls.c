/* Calls that become part of their callers' regions: from many places, of oneself and of each other, deep, left by
 * longjmp and by switching stacks, interrupted by signals, returning to somewhere else. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>

#define OWN __attribute__((noipa))

OWN static unsigned leaf(unsigned a, unsigned b)
{
    return a * 31 + (b ^ a >> 7);
}

/* More places than a return is compared with. */
OWN static unsigned many_places(unsigned n)
{
    unsigned h = 1;
    for (unsigned i = 0; i < n; i++) {
        h = leaf(h, i);
        if (h & 1)
            h = leaf(i, h);
        else
            h = leaf(h, h);
        if (h & 2)
            h = leaf(h, 2);
        if (h & 4)
            h = leaf(h, 4);
        if (h & 8)
            h = leaf(h, 8);
        if (h & 16)
            h = leaf(h, 16);
        if (h & 32)
            h = leaf(h, 32);
        if (h & 64)
            h = leaf(h, 64);
        h = leaf(h, 5) + leaf(i, 6);
        h ^= leaf(7, h);
    }
    return h;
}

OWN static unsigned fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

OWN static double power(double x, unsigned n)
{
    if (!n)
        return 1;
    double half = power(x, n / 2);
    return n % 2 ? half * half * x : half * half;
}

OWN static int is_odd(unsigned n);
OWN static int is_even(unsigned n)
{
    return n ? is_odd(n - 1) : 1;
}
static int is_odd(unsigned n)
{
    return n ? is_even(n - 1) : 0;
}

OWN static unsigned deep(unsigned n)
{
    volatile unsigned here = n;
    return n ? deep(n - 1) + here : 0;
}

static jmp_buf out;
OWN static int search(int n, int goal)
{
    if (n == goal)
        longjmp(out, n);
    return n > 60 ? 0 : search(n * 2, goal) + search(n * 2 + 1, goal) + 1;
}

static volatile sig_atomic_t ticks;
static unsigned in_handler;
static void tick(int signo)
{
    in_handler = fib(10);
    ticks++;
}

static ucontext_t main_context, other;
static char other_stack[64 << 10];
static unsigned other_sum;
OWN static void yield_deep(unsigned n)
{
    other_sum += leaf(n, other_sum);
    if (n)
        yield_deep(n - 1);
    swapcontext(&other, &main_context);
}
static void coroutine(void)
{
    for (;;)
        yield_deep(5);
}

#ifdef __aarch64__
/* Returns past its call's next instruction, and once to its caller's caller. */
__asm__(".text\n"
        "skipping: add x30, x30, #4\n\tret\n"
        "twice: mov x30, x9\n\tret\n"
        "outer: mov x9, x30\n\tmov w0, #7\n\tbl twice\n\tmov w0, #8\n\tret\n"
        "skips: mov x10, x30\n\tmov w0, #1\n\tbl skipping\n\tmov w0, #2\n\tadd w0, w0, #4\n\tret x10\n");
unsigned outer(void), skips(void);
#else
static unsigned outer(void)
{
    return 7;
}
static unsigned skips(void)
{
    return 5;
}
#endif

int main(void)
{
    printf("%u %u\n", many_places(200000), fib(24));
    double sum = 0;
    for (unsigned i = 0; i < 20000; i++)
        sum += power(1.0000001, i);
    printf("%a\n", sum);
    int odd = 0;
    for (unsigned i = 0; i < 1500; i++)
        odd += is_odd(i);
    printf("%d %u\n", odd, deep(50000));

    int found = 0;
    for (volatile int i = 1; i < 4000; i++) {
        int got = setjmp(out);
        if (!got)
            search(1, i % 120 + 1);
        found += got;
    }
    printf("%d\n", found);

    struct itimerval each = {{0, 2000}, {0, 2000}};
    signal(SIGALRM, tick);
    setitimer(ITIMER_REAL, &each, NULL);
    unsigned total = 0;
    while (ticks < 20)
        total = fib(18);
    memset(&each, 0, sizeof each);
    setitimer(ITIMER_REAL, &each, NULL);
    printf("%u %u\n", total, in_handler);

    getcontext(&other);
    other.uc_stack.ss_sp = other_stack;
    other.uc_stack.ss_size = sizeof other_stack;
    makecontext(&other, coroutine, 0);
    for (unsigned i = 0; i < 5000; i++)
        swapcontext(&main_context, &other);
    printf("%u\n", other_sum);

    unsigned odd_returns = 0;
    for (unsigned i = 0; i < 100000; i++)
        odd_returns += outer() + skips();
    printf("%u\n", odd_returns);
}
