/* Single precision: a Fourier transform, a filter, and points turned in space. */
#include "work.h"
#include <math.h>
#include <stdio.h>

enum { N = 4096, LOG = 12, POINTS = 3000 };
static float re[N], im[N], cosine[N / 2], sine[N / 2], points[POINTS][3];

static void transform(void)
{
    for (int i = 0, j = 0; i < N; i++) {
        if (i < j) {
            float t = re[i];
            re[i] = re[j], re[j] = t;
            t = im[i], im[i] = im[j], im[j] = t;
        }
        for (int bit = N / 2; bit && !((j ^= bit) & bit); bit /= 2)
            ;
    }
    for (int half = 1; half < N; half *= 2)
        for (int i = 0; i < N; i += 2 * half)
            for (int k = 0; k < half; k++) {
                float c = cosine[k * (N / 2 / half)], s = sine[k * (N / 2 / half)];
                float x = re[i + k + half] * c - im[i + k + half] * s, y = re[i + k + half] * s + im[i + k + half] * c;
                re[i + k + half] = re[i + k] - x;
                im[i + k + half] = im[i + k] - y;
                re[i + k] += x;
                im[i + k] += y;
            }
}

static void work(void)
{
    float sum = 0;
    for (int i = 0; i < N; i++) {
        re[i] = (float)(i * 37 % 101) / 101;
        im[i] = 0;
    }
    for (int i = 0; i < N / 2; i++) {
        cosine[i] = (float)cos(i * 2 * 3.141592653589793 / N);
        sine[i] = (float)sin(i * 2 * 3.141592653589793 / N);
    }
    for (int i = 0; i < POINTS; i++)
        for (int k = 0; k < 3; k++)
            points[i][k] = (float)((i * 7 + k * 3) % 100) / 50 - 1;
    for (int round = 0; round < 2400; round++) {
        transform();
        for (int i = 0; i < N; i++) {
            re[i] /= 64;
            im[i] /= -64;
            re[i] = re[i] * 0.7f + (i ? re[i - 1] : 0) * 0.3f;
        }
        for (int i = 0; i < POINTS; i++) {
            float *p = points[i], length = sqrtf(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]) + 0.001f;
            float x = p[0] * 0.8f - p[1] * 0.6f, y = p[0] * 0.6f + p[1] * 0.8f;
            p[0] = x / length, p[1] = y / length, p[2] = fminf(p[2], 0.5f) - 0.001f;
            sum += p[2] > 0 ? p[0] : p[1];
        }
    }
    printf("%a %a %a\n", (double)re[5], (double)im[77], (double)sum);
}
