/* Threads: synchronisation, thread-local storage, cancellation, robust mutexes, signals to threads, a fork among them. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 64, ROUNDS = 2000 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static long plain;
static atomic_long counter, xors;
static __thread long local = 7;
static int turn;
static atomic_int started;

static void *hammer(void *arg)
{
    long n = (long)arg;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&lock);
        plain++;
        pthread_mutex_unlock(&lock);
        atomic_fetch_add(&counter, n);
        atomic_fetch_xor(&xors, n << (i & 31));
        local += n;
    }
    pthread_barrier_wait(&barrier);
    return (void *)(local == 7 + n * ROUNDS);
}

static void *ping(void *arg)
{
    int me = (int)(long)arg;
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&lock);
        while (turn != me)
            pthread_cond_wait(&cond, &lock);
        turn = !me;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void cleanup(void *arg)
{
    *(int *)arg = 1;
}

static void *cancelled(void *arg)
{
    pthread_cleanup_push(cleanup, arg);
    atomic_store(&started, 1);
    for (;;)
        pause();
    pthread_cleanup_pop(0);
    return NULL;
}

static void *spinner(void *arg)
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    atomic_store(&started, 1);
    for (;;)
        ;
}

static pthread_mutex_t robust;
static void *dies_with_it(void *arg)
{
    pthread_mutex_lock(&robust);
    return NULL;
}

static atomic_int caught;
static pthread_t catcher;
static void on_usr1(int s)
{
    if (pthread_equal(pthread_self(), catcher))
        atomic_fetch_add(&caught, 1);
}

static void *sleeper(void *arg)
{
    catcher = pthread_self();
    atomic_store(&started, 1);
    while (atomic_load(&caught) < 10)
        usleep(1000);
    return NULL;
}

static void *nothing(void *arg)
{
    return arg;
}

static pthread_key_t key;
static atomic_int destroyed;
static void destroy(void *p)
{
    atomic_fetch_add(&destroyed, 1);
}
static void *specific(void *arg)
{
    pthread_setspecific(key, arg);
    return NULL;
}

static int thread_count(void)
{
    char line[256];
    int n = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "Threads: %d", &n);
    if (f) /* an empty root has none */
        fclose(f);
    return n;
}

int main(void)
{
    pthread_t t[THREADS];
    setvbuf(stdout, NULL, _IOLBF, 0);
    pthread_barrier_init(&barrier, NULL, THREADS);
    long good = 0;
    for (long i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, hammer, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++) {
        void *r;
        pthread_join(t[i], &r);
        good += (long)r;
    }
    printf("hammer: %ld %ld %ld %ld\n", plain, atomic_load(&counter), atomic_load(&xors), good);

    pthread_create(&t[0], NULL, ping, (void *)0);
    pthread_create(&t[1], NULL, ping, (void *)1);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    printf("ping-pong done, turn %d\n", turn);

    int cleaned = 0;
    void *r;
    pthread_create(&t[0], NULL, cancelled, &cleaned);
    while (!atomic_load(&started))
        sched_yield();
    pthread_cancel(t[0]);
    pthread_join(t[0], &r);
    printf("cancelled: %d, cleaned up %d\n", r == PTHREAD_CANCELED, cleaned);
    atomic_store(&started, 0);
    pthread_create(&t[0], NULL, spinner, NULL);
    while (!atomic_load(&started))
        sched_yield();
    pthread_cancel(t[0]);
    pthread_join(t[0], &r);
    printf("cancelled a spinning thread: %d\n", r == PTHREAD_CANCELED);

    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &a);
    pthread_create(&t[0], NULL, dies_with_it, NULL);
    pthread_join(t[0], NULL);
    printf("robust: %s\n", pthread_mutex_lock(&robust) == EOWNERDEAD ? "owner dead" : "?");
    pthread_mutex_consistent(&robust);
    pthread_mutex_unlock(&robust);
    pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&robust, &a);
    pthread_create(&t[0], NULL, dies_with_it, NULL);
    pthread_join(t[0], NULL);
    printf("robust, inheriting priority: %s\n", pthread_mutex_lock(&robust) == EOWNERDEAD ? "owner dead" : "?");

    signal(SIGUSR1, on_usr1);
    atomic_store(&started, 0);
    pthread_create(&t[0], NULL, sleeper, NULL);
    while (!atomic_load(&started))
        sched_yield();
    for (int i = 1; i <= 10; i++) {
        pthread_kill(t[0], SIGUSR1);
        while (atomic_load(&caught) < i)
            sched_yield();
    }
    pthread_join(t[0], NULL);
    printf("caught %d\n", atomic_load(&caught));

    for (long i = 0; i < 1000; i++) {
        pthread_create(&t[0], NULL, nothing, (void *)i);
        pthread_join(t[0], &r);
        if ((long)r != i)
            printf("thread %ld returned %ld\n", i, (long)r);
    }
    pthread_key_create(&key, destroy);
    for (int i = 0; i < 8; i++)
        pthread_create(&t[i], NULL, specific, &key);
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
    printf("destructors %d\n", atomic_load(&destroyed));

    /* A fork while others hammer: the child is alone and can make threads. */
    pthread_barrier_destroy(&barrier);
    pthread_barrier_init(&barrier, NULL, 4);
    for (long i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, hammer, (void *)(i + 1));
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        if (!pid) {
            pthread_t c;
            char *m = malloc(100000);
            pthread_create(&c, NULL, nothing, m);
            pthread_join(c, &r);
            _exit(r == m && thread_count() <= 3 ? 42 : 1);
        }
        int status;
        waitpid(pid, &status, 0);
        printf("forked child: %d\n", WEXITSTATUS(status));
    }
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);

    /* Atomics across processes. */
    atomic_long *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 4; i++)
        if (!fork()) {
            for (int j = 0; j < 50000; j++)
                atomic_fetch_add(shared, 1);
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    printf("shared counter %ld\n", atomic_load(shared));
    fflush(stdout);
    /* The first thread goes, the last one ends the process. */
    pthread_exit(NULL);
}
