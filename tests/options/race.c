/* For ThreadSanitizer: threads that share a number, in order or, with an argument, not. */
#include <pthread.h>
#include <stdio.h>

static int shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *count(void *racy)
{
    for (int i = 0; i < 1000; i++) {
        if (!racy)
            pthread_mutex_lock(&lock);
        shared++;
        if (!racy)
            pthread_mutex_unlock(&lock);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, count, argc > 1 ? argv : NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    puts("done");
    return 0;
}
