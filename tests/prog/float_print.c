/* printf and strtod of floating-point values: special ones, powers, and random bit patterns. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 1234567;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void show(double d)
{
    char text[400];
    float f = (float)d;

    if (isnan(d)) {
        puts("nan");
        return;
    }
    printf("%a %g %.17g %e %.3f %.0f %A %G|%a %.9g\n", d, d, d, d, fabs(d) < 1e15 ? d : 0, fabs(d) < 1e15 ? d : 0, d, d, f, f);
    snprintf(text, sizeof text, "%.17g", d);
    if (strtod(text, NULL) != d)
        printf("strtod lost %s\n", text);
    snprintf(text, sizeof text, "%.9g", f);
    if (strtof(text, NULL) != f)
        printf("strtof lost %s\n", text);
}

int main(void)
{
    static const double special[] = {0.0, -0.0, 1, -1, 0.1, 1e-300, 1e300, DBL_MAX, DBL_MIN, DBL_EPSILON, 4.9e-324, INFINITY, -INFINITY, NAN, FLT_MAX, FLT_MIN, 1.5, 2.5, 3.5, 0.5, 123456789.125, 9007199254740993.0, 1e22, 1e23};

    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        show(special[i]);
    for (int e = -320; e < 309; e += 7)
        show(pow(10, e));
    for (int i = 0; i < 2000; i++) {
        uint64_t bits = next();
        double d;
        if (i & 1)
            bits = (bits & ~(0x7ffull << 52)) | (0x3f0ull + next() % 64) << 52;
        memcpy(&d, &bits, 8);
        show(d);
    }
    static const char *const texts[] = {"1e400", "-1e-400", "0x1.8p3", "inf", "nan", "2.2250738585072011e-308", "1.7976931348623159e308", "123456789012345678901234567890", "0.1e-5x", "  +7."};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *end;
        double d = strtod(texts[i], &end);
        printf("%s -> ", texts[i]);
        if (isnan(d))
            printf("nan");
        else
            printf("%a", d);
        printf(" rest \"%s\"\n", end);
    }
    return 0;
}
