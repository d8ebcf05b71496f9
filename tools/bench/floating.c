/* Scalar floating point: planets, square roots and divisions. */
#include "work.h"
#include <math.h>
#include <stdio.h>

typedef struct Body {
    double x[3], v[3], mass;
} Body;

static Body bodies[5] = {
    {{0, 0, 0}, {0, 0, 0}, 39.5},
    {{4.8, -1.2, -0.1}, {0.6, 2.8, -0.02}, 0.04},
    {{8.3, 4.1, -0.4}, {-1.0, 1.8, 0.008}, 0.01},
    {{12.9, -15.1, -0.2}, {1.1, 0.9, -0.01}, 0.002},
    {{15.4, -25.9, 0.2}, {1.0, 0.6, -0.03}, 0.002},
};

static void step(double dt)
{
    for (int i = 0; i < 5; i++) {
        for (int j = i + 1; j < 5; j++) {
            double d[3], square = 0;
            for (int k = 0; k < 3; k++) {
                d[k] = bodies[i].x[k] - bodies[j].x[k];
                square += d[k] * d[k];
            }
            double force = dt / (square * sqrt(square));
            for (int k = 0; k < 3; k++) {
                bodies[i].v[k] -= d[k] * bodies[j].mass * force;
                bodies[j].v[k] += d[k] * bodies[i].mass * force;
            }
        }
    }
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 3; k++)
            bodies[i].x[k] += dt * bodies[i].v[k];
}

static void work(void)
{
    for (int i = 0; i < 2500000; i++)
        step(0.001);
    for (int i = 0; i < 5; i++)
        printf("%a %a %a\n", bodies[i].x[0], bodies[i].x[1], bodies[i].x[2]);
}
