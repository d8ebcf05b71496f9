/* Small loops, one by name, for docs/performance.md: loops sum | sieve | collatz | crc | bubble | hash | imat | lcg |
 * bits | daxpy | nbody | mandel | poly | fmat | fsum. Prints a result that depends on all of the work. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t u64;
typedef uint32_t u32;
static u32 A[4096];
static unsigned char B[1 << 16];
static double D[4096], E[4096];
static u64 sum(void)
{
    u64 s = 0;
    for (int r = 0; r < 60000; r++)
        for (int i = 0; i < 4096; i++) {
            s += A[i] ^ r;
            __asm__ volatile("" : "+r"(s));
        }
    return s;
}

static u64 sieve(void)
{
    u64 c = 0;
    static char p[2000001];
    for (int r = 0; r < 60; r++) {
        memset(p, 0, sizeof p);
        for (int i = 2; i <= 2000000; i++)
            if (!p[i]) {
                c++;
                for (int j = 2 * i; j <= 2000000; j += i)
                    p[j] = 1;
            }
    }
    return c;
}

static u64 collatz(void)
{
    u64 s = 0;
    for (u32 i = 1; i < 2500000; i++) {
        u64 x = i;
        while (x != 1) {
            x = x & 1 ? 3 * x + 1 : x >> 1;
            s++;
        }
    }
    return s;
}

static u64 crc(void)
{
    u32 t[256];
    for (u32 i = 0; i < 256; i++) {
        u32 c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
        t[i] = c;
    }
    u32 c = ~0u;
    for (int r = 0; r < 4000; r++)
        for (int i = 0; i < (1 << 16); i++)
            c = t[(c ^ B[i]) & 255] ^ c >> 8;
    return c;
}

static u64 bubble(void)
{
    static int v[6000];
    u64 s = 0;
    for (int r = 0; r < 12; r++) {
        for (int i = 0; i < 6000; i++)
            v[i] = (i * 7919 + r) % 6007;
        for (int i = 0; i < 6000; i++)
            for (int j = 0; j + 1 < 6000 - i; j++)
                if (v[j] > v[j + 1]) {
                    int t = v[j];
                    v[j] = v[j + 1];
                    v[j + 1] = t;
                }
        s += v[100];
    }
    return s;
}

static u64 hash(void)
{
    u64 h = 14695981039346656037ull;
    for (int r = 0; r < 5000; r++)
        for (int i = 0; i < (1 << 16); i++) {
            h ^= B[i];
            h *= 1099511628211ull;
        }
    return h;
}

static u64 imat(void)
{
    static int a[300][300], b[300][300];
    for (int i = 0; i < 300; i++)
        for (int j = 0; j < 300; j++)
            a[i][j] = i + j, b[i][j] = i - j;
    u64 s = 0;
    for (int r = 0; r < 10; r++)
        for (int i = 0; i < 300; i++)
            for (int j = 0; j < 300; j++) {
                int t = 0;
                for (int k = 0; k < 300; k++)
                    t += a[i][k] * b[k][j];
                                s += t;
            }
    return s;
}

static u64 lcg(void)
{
    u64 x = 1, s = 0;
    for (long i = 0; i < 400000000; i++) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        s += x >> 33;
    }
    return s;
}

static u64 bits(void)
{
    u64 s = 0;
    for (long i = 0; i < 60000000; i++) {
        u64 v = i * 0x9e3779b97f4a7c15ull;
        int c = 0;
        while (v) {
            v &= v - 1;
            c++;
            if (c > 8)
                break;
        }
        s += c;
    }
    return s;
}

static double daxpy(void)
{
    for (int r = 0; r < 100000; r++)
        for (int i = 0; i < 4096; i++) {
            D[i] += 0.5 * E[i];
            __asm__ volatile("" ::: "memory");
        }
    return D[77];
}

static double nbody(void)
{
    double x = 1, y = 0, vx = 0, vy = 1;
    for (long i = 0; i < 40000000; i++) {
        double r2 = x * x + y * y, k = -0.001 / (r2);
        vx += k * x;
        vy += k * y;
        x += 0.001 * vx;
        y += 0.001 * vy;
    }
    return x + y;
}

static double mandel(void)
{
    double t = 0;
    for (int y = 0; y < 900; y++)
        for (int x = 0; x < 900; x++) {
            double cr = 2.0 * x / 900 - 1.5, ci = 2.0 * y / 900 - 1, zr = 0, zi = 0;
            int i = 0;
            for (; i < 150 && zr * zr + zi * zi < 4; i++) {
                double a = zr * zr - zi * zi + cr;
                zi = 2 * zr * zi + ci;
                zr = a;
            }
            t += i;
        }
    return t;
}

static double poly(void)
{
    double s = 0;
    for (long i = 0; i < 80000000; i++) {
        double x = i * 1e-8;
        s += ((((0.1 * x + 0.2) * x + 0.3) * x + 0.4) * x + 0.5);
    }
    return s;
}

static double fmat(void)
{
    static double a[300][300], b[300][300];
    for (int i = 0; i < 300; i++)
        for (int j = 0; j < 300; j++)
            a[i][j] = i + j, b[i][j] = i - j;
    double s = 0;
    for (int r = 0; r < 10; r++)
        for (int i = 0; i < 300; i++)
            for (int j = 0; j < 300; j++) {
                double t = 0;
                for (int k = 0; k < 300; k++)
                    t += a[i][k] * b[k][j];
                s += t;
            }
    return s;
}

static double fsum(void)
{
    float s = 0;
    for (int r = 0; r < 50000; r++)
        for (int i = 0; i < 4096; i++)
            s += (float)D[i];
    return s;
}
int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        u64 (*integer)(void);
        double (*floating)(void);
    } loops[] = {
        {"sum", sum, NULL},       {"sieve", sieve, NULL},   {"collatz", collatz, NULL}, {"crc", crc, NULL},
        {"bubble", bubble, NULL}, {"hash", hash, NULL},     {"imat", imat, NULL},       {"lcg", lcg, NULL},
        {"bits", bits, NULL},     {"daxpy", NULL, daxpy},   {"nbody", NULL, nbody},     {"mandel", NULL, mandel},
        {"poly", NULL, poly},     {"fmat", NULL, fmat},     {"fsum", NULL, fsum},
    };
    for (int i = 0; i < 4096; i++) {
        A[i] = i * 2654435761u;
        D[i] = i * .25;
        E[i] = i * .125;
    }
    for (int i = 0; i < 1 << 16; i++)
        B[i] = i * 131 >> 3;
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        if (argc != 2 || strcmp(argv[1], loops[i].name))
            continue;
        if (loops[i].integer)
            printf("%llu\n", (unsigned long long)loops[i].integer());
        else
            printf("%.10g\n", loops[i].floating());
        return 0;
    }
    fputs("usage: loops NAME\n", stderr);
    return 2;
}
