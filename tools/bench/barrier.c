/* Two threads that meet at a barrier again and again, and hand a turn to each other with a condition. */
#define _GNU_SOURCE
#include "work.h"
#include <pthread.h>
#include <stdio.h>

enum { SIDE = 64, STEPS = 6000, TURNS = 8000 };
static pthread_barrier_t barrier;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;
static unsigned field[2][SIDE][SIDE];

/* Half of the field's rows, each step from the other's last state. */
static void *simulate(void *which)
{
    int me = which != NULL;
    for (int step = 0; step < STEPS; step++) {
        unsigned (*from)[SIDE] = field[step & 1], (*to)[SIDE] = field[~step & 1];
        for (int y = me * SIDE / 2; y < (me + 1) * SIDE / 2; y++)
            for (int x = 0; x < SIDE; x++)
                to[y][x] = (from[y][(x + 1) % SIDE] * 3 + from[(y + 1) % SIDE][x] * 5 + from[(y + SIDE - 1) % SIDE][x]) ^ from[y][x] >> 7;
        pthread_barrier_wait(&barrier);
    }
    for (int i = 0; i < TURNS; i++) {
        pthread_mutex_lock(&lock);
        while (turn != me)
            pthread_cond_wait(&changed, &lock);
        turn = !me;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void work(void)
{
    pthread_t other;
    unsigned sum = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            field[0][y][x] = (unsigned)(y * 31 + x);
    turn = 0;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&other, NULL, simulate, &barrier);
    simulate(NULL);
    pthread_join(other, NULL);
    pthread_barrier_destroy(&barrier);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            sum = sum * 31 + field[0][y][x];
    printf("%u\n", sum);
}
