/* setjmp, longjmp, across many frames and out of signal handlers; alloca; nested and tail calls; function pointers. */
#include <alloca.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static jmp_buf buf;
static sigjmp_buf sigbuf;

static __attribute__((noinline)) int dive(int depth, double x)
{
    char *pad = alloca((size_t)(depth % 7) * 16 + 1);

    pad[0] = (char)depth;
    if (depth == 0)
        longjmp(buf, (int)(x * 2));
    return dive(depth - 1, x + 0.5) + pad[0];
}

static void on_signal(int signo)
{
    siglongjmp(sigbuf, signo);
}

static __attribute__((noinline)) unsigned even(unsigned n);
static __attribute__((noinline)) unsigned odd(unsigned n)
{
    return n ? even(n - 1) : 0;
}
static unsigned even(unsigned n)
{
    return n ? odd(n - 1) : 1;
}

static int apply(int (*f)(int), int n)
{
    int sum = 0;

    for (int i = 0; i < n; i++)
        sum += f(i);
    return sum;
}
static int twice(int x)
{
    return 2 * x;
}
static int square(int x)
{
    return x * x;
}
static int fib(int n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(void)
{
    volatile double keep = 1.25;
    volatile int rounds = 0;
    int v = setjmp(buf);

    rounds++;
    if (rounds <= 200)
        dive(rounds * 3, keep * rounds);
    printf("setjmp %d after %d, kept %g\n", v, rounds, keep);
    signal(SIGUSR1, on_signal);
    signal(SIGSEGV, on_signal);
    for (volatile int i = 0; i < 20000; i++) {
        int s = sigsetjmp(sigbuf, 1);
        if (!s) {
            if (i % 100 == 0)
                *(volatile int *)8 = 1;
            else if (i % 7 == 0)
                raise(SIGUSR1);
            else
                siglongjmp(sigbuf, 3);
        } else if (i % 5000 == 0) {
            printf("signal %d\n", s);
        }
    }
    printf("%u %u\n", even(10001), odd(1000001));
    printf("%d %d %d\n", apply(twice, 1000), apply(square, 100), fib(24));
    return 17;
}
