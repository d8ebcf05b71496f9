/* 64 threads at mutexes, condition variables, barriers and atomics of both kinds, 1,000 thread creations, and a fork in the middle
 * of it, whose child starts threads of its own. Prints one line of results; exits 1 if any was wrong. */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 64, ROUNDS = 200, CREATIONS = 1000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier, halfway;
static long counter, turn;
static _Atomic long added, swapped, exclusive, created;
static _Atomic unsigned long xored;
static __thread long local;
static _Atomic long locals;

/* The load and store exclusive pair by hand: what the compiler makes of atomics may be LSE or calls that choose. */
static void add_exclusive(_Atomic long *p)
{
#ifdef __aarch64__
    long value;
    int failed;
    do
        __asm__ volatile("ldaxr %0, [%2]\n add %0, %0, #1\n stlxr %w1, %0, [%2]" : "=&r"(value), "=&r"(failed) : "r"(p) : "memory");
    while (failed);
#else
    atomic_fetch_add(p, 1);
#endif
}

static void add_lse(_Atomic long *p)
{
#ifdef __aarch64__
    long old;
    __asm__ volatile(".arch armv8.1-a\n ldaddal %2, %0, [%1]" : "=r"(old) : "r"(p), "r"(1L) : "memory");
#else
    atomic_fetch_add(p, 1);
#endif
}

static void *work(void *arg)
{
    long me = (long)arg;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
        add_lse(&added);
        add_exclusive(&exclusive);
        atomic_fetch_xor(&xored, (unsigned long)me << (i % 8));
        for (long seen = atomic_load(&swapped); !atomic_compare_exchange_weak(&swapped, &seen, seen + 1);)
            ;
        local += me;
        if (i == ROUNDS / 2) {
            pthread_barrier_wait(&halfway); /* the first thread forks now */
            pthread_barrier_wait(&halfway);
        }
        pthread_barrier_wait(&barrier);
    }
    /* In turn, by the condition variable. */
    pthread_mutex_lock(&mutex);
    while (turn != me)
        pthread_cond_wait(&cond, &mutex);
    turn++;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
    atomic_fetch_add(&locals, local);
    return (void *)(me * 3);
}

static void *count_one(void *arg)
{
    atomic_fetch_add(&created, 1);
    return arg;
}

static int create(int n)
{
    int wrong = 0;
    for (int i = 0; i < n; i += 8) {
        pthread_t t[8];
        for (int j = 0; j < 8; j++)
            wrong += pthread_create(&t[j], NULL, count_one, (void *)(long)j) != 0;
        for (int j = 0; j < 8; j++) {
            void *result;
            wrong += pthread_join(t[j], &result) || result != (void *)(long)j;
        }
    }
    return wrong;
}

static int own_threads(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n - 2;
}

int main(int argc, char **argv)
{
    pthread_t t[THREADS];
    int wrong = 0, status = -1;
    pthread_barrier_init(&barrier, NULL, THREADS);
    pthread_barrier_init(&halfway, NULL, THREADS + 1);
    for (long i = 0; i < THREADS; i++)
        wrong += pthread_create(&t[i], NULL, work, (void *)i) != 0;
    pthread_barrier_wait(&halfway);
    int threads = own_threads();
    if (argc > 1) { /* somebody counts the host's threads */
        sleep(atoi(argv[1]));
        return 0;
    }
    pid_t child = fork();
    if (child == 0) {
        created = 0;
        _exit(create(80) || created != 80);
    }
    pthread_barrier_wait(&halfway);
    wrong += create(CREATIONS - 80);
    for (long i = 0; i < THREADS; i++) {
        void *result;
        wrong += pthread_join(t[i], &result) || result != (void *)(i * 3);
    }
    waitpid(child, &status, 0);
    create(80);
    printf("%d threads, counter %ld, LSE %ld, exclusive %ld, swapped %ld, xor %lx, locals %ld, created %ld, turn %ld, child %d, wrong %d\n",
           threads, counter, added, exclusive, swapped, xored, locals, created, turn, status, wrong);
    long all = (long)THREADS * ROUNDS;
    return wrong || status || threads != THREADS + 1 || counter != all || added != all || exclusive != all || swapped != all ||
           created != CREATIONS || turn != THREADS || locals != ROUNDS * (THREADS * (THREADS - 1) / 2);
}
