/* 128-bit floating point: long double on the guest is done by library functions; the host has the same format under another
 * name. Results are compared bit for bit. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#ifdef __aarch64__
typedef long double Quad;
#else
typedef __float128 Quad;
#endif

static void show(const char *name, Quad q)
{
    uint64_t v[2];

    memcpy(v, &q, 16);
    if ((v[1] & 0x7fffffffffffffff) > 0x7fff000000000000)
        printf("%s nan\n", name);
    else
        printf("%s %016" PRIx64 "%016" PRIx64 " %g\n", name, v[1], v[0], (double)q);
}

int main(void)
{
    volatile Quad one = 1, three = 3, tenth = one / 10, big = 1, e = 1, term = 1, zero = 0;

    show("third", one / three);
    show("tenth", tenth);
    for (int i = 1; i < 40; i++)
        term = term / i, e = e + term;
    show("e", e);
    for (int i = 0; i < 500; i++)
        big = big * e;
    show("e^500", big);
    show("small", one / big - one / (big + 1));
    show("inf", one / zero);
    show("nan", zero / zero);
    show("int", (Quad)INT64_MIN);
    show("unsigned", (Quad)UINT64_MAX);
    show("double", (Quad)0.1);
    show("float", (Quad)0.1f);
    printf("%" PRId64 " %" PRIu64 " %d %.17g %.9g\n", (int64_t)(e * 1000000), (uint64_t)(e * 1e18), (int)-e, (double)e, (float)e);
    printf("%d %d %d %d\n", e > three, e == e, tenth * 10 == one, zero / zero != zero / zero);
    Quad x = 2;
    for (int i = 0; i < 8; i++)
        x = (x + (Quad)2 / x) / 2;
    show("sqrt2", x);
    return 0;
}
