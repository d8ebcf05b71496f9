/* Variadic functions of every argument class, structures by value in registers and memory. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct Small {
    char c[3];
} Small;
typedef struct Pair {
    long a, b;
} Pair;
typedef struct Floats {
    float a, b, c;
} Floats;
typedef struct Big {
    long v[5];
} Big;
typedef float Vec4 __attribute__((vector_size(16)));

static double sum(const char *types, ...)
{
    va_list ap, copy;
    double total = 0;

    va_start(ap, types);
    va_copy(copy, ap);
    for (; *types; types++)
        switch (*types) {
        case 'i':
            total += va_arg(ap, int);
            break;
        case 'l':
            total += (double)va_arg(ap, long);
            break;
        case 'd':
            total += va_arg(ap, double);
            break;
        case 's':
            total += (double)strlen(va_arg(ap, char *));
            break;
        case 'p': {
            Pair p = va_arg(ap, Pair);
            total += (double)(p.a * p.b);
            break;
        }
        case 'f': {
            Floats f = va_arg(ap, Floats);
            total += f.a + f.b * f.c;
            break;
        }
        case 'b': {
            Big b = va_arg(ap, Big);
            total += (double)(b.v[0] + b.v[4]);
            break;
        }
        case 'm': {
            Small s = va_arg(ap, Small);
            total += s.c[0] + s.c[2];
            break;
        }
        }
    if (va_arg(copy, int) == 1)
        total += 1000000;
    va_end(copy);
    va_end(ap);
    return total;
}

static Big __attribute__((noinline)) make(long x, Floats f, Pair p, Vec4 v)
{
    return (Big){{x, (long)f.b, p.b, (long)v[2], x * 2}};
}

static Floats __attribute__((noinline)) scale(Floats f, double by)
{
    return (Floats){(float)(f.a * by), (float)(f.b * by), (float)(f.c * by)};
}

int main(void)
{
    Pair p = {3, -4};
    Floats f = {1.5f, 2.5f, -3.25f};
    Big b = {{10, 20, 30, 40, 50}};
    Small s = {{1, 2, 3}};

    printf("%g\n", sum("iiiiiiiiiiii", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
    printf("%g\n", sum("idididididididididid", 1, 0.5, 2, 0.25, 3, 0.125, 4, 1.5, 5, 2.5, 6, 3.5, 7, 4.5, 8, 5.5, 9, 6.5, 10, 7.5));
    printf("%g\n", sum("ipfbmlsdpfbm", 2, p, f, b, s, 123456789012L, "text", 9.75, p, f, b, s));
    Big r = make(7, f, p, (Vec4){1, 2, 3, 4});
    Floats q = scale(f, 3);
    printf("%ld %ld %ld %ld %ld %g %g %g\n", r.v[0], r.v[1], r.v[2], r.v[3], r.v[4], q.a, q.b, q.c);
    printf("%d %5d|%-5d|%05d %x %#o %c %s %10.3s| %ld %lld %zu %hhd %hd %p %%\n", -1, 42, 42, 42, 255, 8, 'x', "str", "abcdef", 1L << 40, -1LL, sizeof(int), (signed char)200, (short)70000, (void *)0x1234);
    char text[128];
    int n = snprintf(text, 10, "%s-%d", "truncated", 12345);
    printf("%d %s\n", n, text);
    int x, y;
    char word[16];
    double d;
    n = sscanf("12 0x1f hello 2.5e3", "%d %i %15s %lf", &x, &y, word, &d);
    printf("%d %d %d %s %g\n", n, x, y, word, d);
    return 0;
}
