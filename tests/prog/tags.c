/* Addresses with something in their top byte, which AArch64 ignores in loads, stores and branches (as Linux sets it up); on
 * hosts that don't, the tags are 0. And calls to where no code can be. */
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __aarch64__
#define TAG(p, tag) ((void *)((uintptr_t)(p) | (uintptr_t)(tag) << 56))
#else
#define TAG(p, tag) ((void *)(p))
#endif

static sigjmp_buf out;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    siglongjmp(out, info->si_addr == NULL ? 2 : 1);
}

static int twice(int x)
{
    return 2 * x;
}

static int call(uintptr_t target)
{
    int how = sigsetjmp(out, 1);
    if (!how)
        ((void (*)(void))target)();
    return how;
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);

    /* Hot before the first tag is seen, then with all sorts of them */
    enum { N = 1000 };
    int *plain = calloc(N, sizeof *plain);
    for (int round = 0; round < 3000; round++) {
        int *p = round < 2000 ? plain : TAG(plain, round & 0xff);
        for (int i = 0; i < N; i++)
            p[i] += i ^ round;
    }
    long sum = 0;
    for (int i = 0; i < N; i++)
        sum += plain[i];
    printf("%ld\n", sum);

    char *text = malloc(4096), *copy = malloc(4096);
    for (int i = 0; i < 4095; i++)
        text[i] = (char)('a' + i % 26);
    text[4095] = 0;
    memcpy(TAG(copy, 0x5a), TAG(text, 0xa5), 4096);
    printf("%zu %d\n", strlen(TAG(copy, 0x7f)), strcmp(TAG(copy, 1), TAG(text, 0x80)));

    _Atomic long *counter = TAG(calloc(1, sizeof *counter), 0x33);
    for (int i = 0; i < 1000; i++)
        atomic_fetch_add(counter, i);
    long expected = 499500;
    int swapped = atomic_compare_exchange_strong(counter, &expected, 7);
    printf("%d %ld\n", swapped, atomic_load(counter));

    int (*function)(int) = (int (*)(int))TAG(twice, 0x42);
    int total = 0;
    for (int i = 0; i < 100; i++)
        total += function(i);
    printf("%d\n", total);

    for (int round = 0; round < 3; round++)
        printf("%d %d %d\n", call(0), call(4) > 0, call((uintptr_t)-4) > 0);
    printf("%d\n", sigsetjmp(out, 1) ? 1 : *(volatile int *)TAG(NULL, 0));
    return 0;
}
