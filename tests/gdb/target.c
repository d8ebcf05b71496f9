/* What a debugger is shown: threads, a hot loop, a variable, calls within calls, signals, children of both kinds, programs executed. */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
volatile int watched, caught, stops;
volatile double fraction = 1.5;

NOINLINE long long hot(long n)
{
    long long sum = 0;
    for (long i = 0; i < n; i++)
        sum += i ^ (sum >> 3);
    return sum;
}

NOINLINE void set(int value)
{
    watched = value;
}

bool crashes;
char *heap;

static void handler(int signo);

NOINLINE void crash_here(void)
{
    *(volatile int *)64 = 1;
}

NOINLINE int innermost(int depth, int value)
{
    if (!depth && crashes && signal(SIGUSR1, SIG_DFL) != SIG_DFL)
        signal(SIGUSR1, handler), raise(SIGUSR1);
    if (!depth && crashes)
        crash_here();
    if (depth)
        return innermost(depth - 1, value) + 1;
    stops++; /* innermost stop */
    return value;
}

static void handler(int signo)
{
    caught = signo;
    if (crashes)
        crash_here();
}

static void *waits(void *arg)
{
    for (;;)
        pause();
}

static void *spins(void *arg)
{
    for (;;)
        watched = 77;
}

static void *worker(void *arg)
{
    long *n = arg;
    *n = (long)hot(200000 + *n);
    return NULL;
}

NOINLINE void in_child(int status)
{
    _exit(status);
}

static void finish(pid_t pid)
{
    int status;
    waitpid(pid, &status, 0);
    printf("child %d\n", WEXITSTATUS(status));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    pthread_t thread[3];
    long n[3] = {1, 2, 3};
    if (!strcmp(what, "threads")) {
        for (int i = 0; i < 3; i++)
            pthread_create(&thread[i], NULL, worker, &n[i]);
        for (int i = 0; i < 3; i++)
            pthread_join(thread[i], NULL);
    } else if (!strcmp(what, "watch")) {
        printf("sum %lld\n", hot(20000));
        set(7);
        set(7);
        set(9);
    } else if (!strcmp(what, "calls")) {
        printf("calls %d\n", innermost(5, 10));
    } else if (!strcmp(what, "signal")) {
        signal(SIGUSR1, handler);
        raise(SIGUSR1);
        printf("caught %d\n", caught);
        caught = 0;
        raise(SIGUSR1);
        printf("caught %d\n", caught);
        getppid();
    } else if (!strcmp(what, "fork")) {
        pid_t pid = fork();
        if (!pid)
            in_child(3);
        finish(pid);
    } else if (!strcmp(what, "vfork")) {
        pid_t pid = vfork();
        if (!pid) {
            execl(argv[0], argv[0], "executed", NULL);
            _exit(1);
        }
        finish(pid);
    } else if (!strcmp(what, "exec")) {
        execl(argv[0], argv[0], "executed", NULL);
    } else if (!strcmp(what, "executed")) {
        in_child(9);
    } else if (!strcmp(what, "wait")) {
        puts("waiting");
        fflush(stdout);
        for (;;)
            pause();
    } else if (!strcmp(what, "spin")) {
        puts("waiting");
        fflush(stdout);
        for (;;)
            watched++;
    } else if (!strcmp(what, "crash")) {
        heap = strdup("on the heap");
        watched = 77;
        crashes = true;
        if (argc > 2) {
            pthread_create(&thread[0], NULL, waits, &n[0]);
            pthread_create(&thread[1], NULL, spins, &n[1]);
            usleep(50000);
        }
        printf("%d\n", innermost(2, 3));
    } else if (!strcmp(what, "handler")) {
        crashes = true;
        signal(SIGUSR1, handler);
        printf("%d\n", innermost(2, 3));
    } else if (!strcmp(what, "quit") || !strcmp(what, "term")) {
        raise(*what == 'q' ? SIGQUIT : SIGTERM);
    } else if (!strcmp(what, "fault")) {
        *(volatile int *)(long)atoi(argv[2]) = 1;
    }
    return 5;
}
