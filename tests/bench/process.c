/* CPU time of what the process model is made of: system calls, signals, threads, processes. Figures: docs/processes.md.
 *     aarch64-linux-gnu-gcc -O1 -static -pthread tests/bench/process.c -o process && build/release/dragoman ./process */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int caught;
static sigjmp_buf jump;

/* Of this process and its children. */
static double cpu_seconds(void)
{
    struct rusage u;
    double sum = 0;
    for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++) {
        getrusage(who, &u);
        sum += u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
    }
    return sum;
}

static void count(int s)
{
    caught++;
}

static void leap(int s)
{
    siglongjmp(jump, 1);
}

static void *nothing(void *arg)
{
    return arg;
}

#define TIME(what, times, ...) \
    do { \
        double start = cpu_seconds(); \
        for (int i = 0; i < (times); i++) { \
            __VA_ARGS__; \
        } \
        printf("%-28s %10.0f ns\n", what, (cpu_seconds() - start) / (times) * 1e9); \
    } while (0)

int main(void)
{
    sigset_t set, old;
    pthread_t t;
    struct timespec now;
    setvbuf(stdout, NULL, _IONBF, 0);
    TIME("clock_gettime", 1000000, clock_gettime(CLOCK_MONOTONIC, &now));
    TIME("getppid", 300000, syscall(SYS_getppid));
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    TIME("sigprocmask, twice", 100000, sigprocmask(SIG_BLOCK, &set, &old); sigprocmask(SIG_SETMASK, &old, NULL));
    signal(SIGUSR1, count);
    TIME("raise, handler", 100000, raise(SIGUSR1));
    signal(SIGSEGV, leap);
    TIME("fault, handler, siglongjmp", 50000, if (!sigsetjmp(jump, 1)) *(volatile int *)8 = 1);
    TIME("pthread_create, join", 3000, pthread_create(&t, NULL, nothing, NULL); pthread_join(t, NULL));
    TIME("fork, exit, wait", 200, if (!fork()) _exit(0); wait(NULL));
    TIME("vfork, exit, wait", 200, if (!vfork()) _exit(0); wait(NULL));
    return 0;
}
