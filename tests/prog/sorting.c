/* qsort, bsearch, and a few sorts of our own with callbacks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Item {
    uint32_t key, order;
    char name[12];
} Item;

static int by_key(const void *a, const void *b)
{
    const Item *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : (x->order > y->order) - (x->order < y->order);
}
static int by_name(const void *a, const void *b)
{
    return strcmp(((const Item *)a)->name, ((const Item *)b)->name);
}
static int by_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void heapify(double *a, size_t root, size_t n)
{
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && a[child] < a[child + 1])
            child++;
        if (a[root] >= a[child])
            return;
        double t = a[root];
        a[root] = a[child], a[child] = t;
    }
}

int main(void)
{
    enum { N = 20000 };
    static Item items[N];
    static double d[N], e[N];
    uint32_t r = 1;
    uint64_t h = 0;

    for (uint32_t i = 0; i < N; i++) {
        r = r * 1664525 + 1013904223;
        items[i] = (Item){r >> 18, i, ""};
        snprintf(items[i].name, sizeof items[i].name, "n%u", r % 100000);
        d[i] = e[i] = (int32_t)r / 65536.0;
    }
    qsort(items, N, sizeof *items, by_key);
    for (int i = 0; i < N; i++)
        h = h * 31 + items[i].order;
    printf("%" PRIx64 "\n", h);
    Item want = items[N / 3];
    Item *found = bsearch(&want, items, N, sizeof *items, by_key);
    printf("%td\n", found - items);
    qsort(items, N, sizeof *items, by_name);
    printf("%s %s %s\n", items[0].name, items[N / 2].name, items[N - 1].name);
    qsort(d, N, sizeof *d, by_double);
    for (size_t i = N; i-- > 0;)
        heapify(e, i, N);
    for (size_t n = N; n-- > 1;) {
        double t = e[0];
        e[0] = e[n], e[n] = t;
        heapify(e, 0, n);
    }
    printf("%d %g %g\n", memcmp(d, e, sizeof d), d[0], d[N - 1]);
    return 0;
}
