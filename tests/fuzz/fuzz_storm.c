/* Storms of signals: threads that send each other signals of all kinds as fast as they can, timers, handlers in handlers, on alternate
 * stacks, that fault and jump out; and beside them calculations and system calls whose results must not change. Real-time signals
 * are queued, so of those that were sent each has to arrive exactly once.
 *
 *     fuzz_storm SEED [SECONDS]     exits with 0 if all is as it should be */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "common.h"

enum { THREADS = 6, STACK = 1 << 20 };
#define QUEUED (SIGRTMIN + 3)

static pid_t tids[THREADS];
static atomic_bool over;
static atomic_long sent, arrived, wrong, faults;
static __thread sigjmp_buf out;
static __thread volatile int can_jump, depth;
static uint64_t seed;
static pthread_barrier_t ended;

static void on_queued(int signo, siginfo_t *info, void *context)
{
    int error = errno;
    atomic_fetch_add(&arrived, 1);
    if (info->si_code != SI_QUEUE || info->si_value.sival_int != 4711)
        atomic_fetch_add(&wrong, 1);
    errno = error;
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
    atomic_fetch_add(&faults, 1);
    if (info->si_code <= 0) /* sent */
        return;
    if (!can_jump)
        _exit(3);
    siglongjmp(out, 1);
}

/* Spoils what a handler may spoil, faults now and then, and lets further signals in. */
static void on_any(int signo, siginfo_t *info, void *context)
{
    int error = errno;
    volatile double x = 1;
    for (int i = 0; i < signo; i++)
        x = x / 3 + i;
    if (depth < 4 && signo % 3 == 0) {
        depth++;
        raise(signo == SIGUSR1 ? SIGUSR2 : SIGUSR1);
        depth--;
    }
    errno = error;
}

/* The same numbers each time, however often it is interrupted. */
static uint64_t calculate(uint64_t start)
{
    uint64_t x = start;
    double d = 1;
    for (int i = 0; i < 2000; i++) {
        x = x * 6364136223846793005 + 1442695040888963407;
        d = d * 1.0000001 + (double)(x >> 60);
        x ^= x >> 29;
    }
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return x ^ bits;
}

static void fault(void)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    can_jump = 1;
    if (!sigsetjmp(out, 1))
        *(volatile int *)8 = 1;
    can_jump = 0;
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void *run(void *arg)
{
    long self = (long)arg;
    uint64_t state = seed * 31 + (uint64_t)self, wanted = calculate(self);
    stack_t stack = {.ss_sp = malloc(STACK), .ss_size = STACK};
    if (self % 2 && stack.ss_sp)
        sigaltstack(&stack, NULL);
    tids[self] = (pid_t)syscall(SYS_gettid);
    char buf[64];
    int ends[2];
    pipe(ends);
    while (!atomic_load(&over)) {
        static const int signals[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGINT, SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGWINCH, SIGURG, SIGSYS};
        pid_t to = tids[next(&state) % THREADS];
        uint64_t what = next(&state) % 16;
        sigset_t set, old;
        if (!to)
            continue;
        if (what < 4) {
            syscall(SYS_tgkill, getpid(), to, signals[next(&state) % (sizeof signals / sizeof *signals)]);
        } else if (what < 6) {
            siginfo_t info = {.si_signo = QUEUED, .si_code = SI_QUEUE};
            info.si_pid = getpid();
            info.si_value.sival_int = 4711;
            if (syscall(SYS_rt_tgsigqueueinfo, getpid(), to, QUEUED, &info) == 0)
                atomic_fetch_add(&sent, 1);
        } else if (what == 6) {
            kill(getpid(), next(&state) % 2 ? SIGUSR1 : SIGALRM);
        } else if (what == 7) {
            fault();
        } else if (what == 8) {
            struct timespec soon = {0, (long)(next(&state) % 100000)};
            nanosleep(&soon, NULL);
        } else if (what == 9) {
            sigfillset(&set);
            if (next(&state) % 2) {
                sigdelset(&set, SIGSEGV);
                sigdelset(&set, SIGBUS);
            }
            pthread_sigmask(SIG_BLOCK, &set, &old);
            if (calculate(self) != wanted)
                atomic_fetch_add(&wrong, 1);
            pthread_sigmask(SIG_SETMASK, &old, NULL);
        } else if (what == 10) {
            /* What is written is read, whatever interrupts it. */
            if (write(ends[1], "0123456789", 10) != 10 || read(ends[0], buf, 10) != 10 || memcmp(buf, "0123456789", 10))
                atomic_fetch_add(&wrong, 1);
        } else if (what == 11) {
            struct timespec soon = {0, 50000};
            sigemptyset(&set);
            sigaddset(&set, SIGWINCH);
            sigtimedwait(&set, NULL, &soon);
        } else if (calculate(self) != wanted) {
            atomic_fetch_add(&wrong, 1);
        }
    }
    /* Nobody sends any more behind the barrier, and what has been sent is delivered at the latest here. */
    pthread_barrier_wait(&ended);
    getppid();
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    double seconds = argc > 2 ? atof(argv[2]) : 3;
    seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    for (int signo = 1; signo < SIGRTMIN; signo++) {
        struct sigaction a = {.sa_sigaction = on_any, .sa_flags = SA_SIGINFO | SA_RESTART | (signo % 2 ? SA_ONSTACK : 0) | (signo % 5 ? 0 : SA_NODEFER)};
        if (signo == SIGSEGV || signo == SIGBUS)
            a.sa_sigaction = on_fault;
        sigaction(signo, &a, NULL);
    }
    struct sigaction a = {.sa_sigaction = on_queued, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(QUEUED, &a, NULL);
    pthread_barrier_init(&ended, NULL, THREADS);
    for (long i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)i)) {
            puts("no threads");
            exit(2);
        }
    struct itimerval often = {{0, 300}, {0, 300}};
    setitimer(ITIMER_REAL, &often, NULL);
    for (double until = now() + seconds; now() < until;)
        usleep(10000);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    atomic_store(&over, 1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%ld queued, %ld arrived, %ld faults, %ld wrong\n", (long)sent, (long)arrived, (long)faults, (long)wrong);
    return wrong || arrived != sent || !arrived || !faults;
}
