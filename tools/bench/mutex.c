/* Locks that nobody else wants: mutexes of each kind, read-write locks, a semaphore, once, thread-local data. A second thread
 * sleeps, so that the C library doesn't take short cuts. */
#define _GNU_SOURCE
#include "work.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int first;
static __thread unsigned long own;

static void initialize(void)
{
    first++;
}

static void *sleeper(void *end)
{
    sem_wait(end);
    return NULL;
}

static void work(void)
{
    pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER, recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
    pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
    sem_t end, tokens;
    pthread_t thread;
    unsigned long sum = 0;
    sem_init(&end, 0, 0);
    sem_init(&tokens, 0, 1);
    pthread_create(&thread, NULL, sleeper, &end);
    for (int i = 0; i < 20000000; i++) {
        pthread_mutex_lock(&plain);
        sum += (unsigned)i;
        pthread_mutex_unlock(&plain);
        if (i % 4)
            continue;
        pthread_mutex_lock(&recursive);
        sum += pthread_mutex_trylock(&recursive) == 0;
        pthread_mutex_unlock(&recursive);
        pthread_mutex_unlock(&recursive);
        pthread_rwlock_rdlock(&shared);
        own += sum & 3;
        pthread_rwlock_unlock(&shared);
        sem_wait(&tokens);
        pthread_once(&once, initialize);
        sem_post(&tokens);
    }
    sem_post(&end);
    pthread_join(thread, NULL);
    printf("%lu %lu %d\n", sum, own, first);
}
