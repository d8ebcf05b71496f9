/* Matrices of doubles, multiplied. */
#include "work.h"
#include <stdio.h>

enum { N = 300 };
static double a[N][N], b[N][N], c[N][N];

static void work(void)
{
    double sum = 0;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            a[i][j] = (i * 7 + j) % 13 - 6;
            b[i][j] = (i + j * 5) % 11 * 0.5;
        }
    }
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < N; i++)
            for (int k = 0; k < N; k++)
                for (int j = 0; j < N; j++)
                    c[i][j] += a[i][k] * b[k][j];
        a[round][round] += 1;
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            sum += c[i][j] * (i ^ j);
    printf("%a\n", sum);
}
