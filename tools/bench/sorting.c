/* Sorting: qsort with its comparison by pointer, and a merge sort. */
#include "work.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 400000 };
static unsigned first[N], second[N], spare[N];

static int compare(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return x < y ? -1 : x > y;
}

static void merge_sort(unsigned *v, unsigned *tmp, int n)
{
    if (n < 2)
        return;
    int half = n / 2, i = 0, j = half;
    merge_sort(v, tmp, half);
    merge_sort(v + half, tmp, n - half);
    for (int k = 0; k < n; k++)
        tmp[k] = j == n || (i < half && v[i] <= v[j]) ? v[i++] : v[j++];
    memcpy(v, tmp, (size_t)n * sizeof *v);
}

static void work(void)
{
    unsigned x = 1, sum = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++)
            first[i] = second[i] = x = x * 1664525 + 1013904223;
        qsort(first, N, sizeof *first, compare);
        merge_sort(second, spare, N);
        sum += (unsigned)(memcmp(first, second, sizeof first) == 0) + first[N / 3];
    }
    printf("%u\n", sum);
}
