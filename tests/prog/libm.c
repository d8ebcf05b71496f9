/* The C library's elementary functions. Correctly rounded results can't be expected to agree between two builds of the library,
 * which may use fused operations or not: printed with fewer digits. */
#include <complex.h>
#include <math.h>
#include <stdio.h>

int main(void)
{
    static const double v[] = {0.001, 0.1, 0.5, 0.7853981633974483, 1, 1.5707963, 2, 2.718281828, 3.14159, 10, 33.3, 100, 1e5, 1e-10};

    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        double x = v[i];
        int e;
        double m = frexp(x, &e), ip, f = modf(x * 3, &ip);

        printf("%.12g: %.12g %.12g %.12g %.12g %.12g %.12g\n", x, sin(x), cos(x), tan(x), atan(x), exp(-x), log(x));
        printf("  %.12g %.12g %.12g %.12g %.12g %.12g\n", pow(x, 1.7), cbrt(x), hypot(x, 2), sinh(x > 100 ? 1 : x), erf(x), lgamma(x));
        printf("  %.6g %.6g %.6g %.6g %.6g\n", sinf((float)x), expf(-(float)x), logf((float)x), powf((float)x, 0.3f), atan2f((float)x, 2));
        printf("  %.15g %d %.15g %.15g %.12g %.12g %d\n", m, e, ip, f, fmod(1000, x), remainder(1000, x), ilogb(x));
        double complex c = csqrt(x - 3 + I) * cexp(I * x);
        printf("  %.10g %.10g %.10g\n", creal(c), cimag(c), cabs(c));
    }
    double sum = 0;
    for (int i = 1; i < 100000; i++)
        sum += 1.0 / i / i;
    printf("%.10f %g %g\n", sqrt(6 * sum), nextafter(1, 2) - 1, copysign(3, -0.0));
    return 0;
}
