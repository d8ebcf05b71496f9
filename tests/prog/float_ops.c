/* Floating-point operations whose results IEEE 754 fixes: arithmetic, fma, sqrt, comparisons, conversions, rounding modes and
 * exception flags. NaNs count as NaN only: which one comes out is the machine's own. FLAGS: -O1 -frounding-math -ffp-contract=off -fno-builtin */
#include <fenv.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static uint64_t state = 42, h = 0xcbf29ce484222325ull;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void mix(uint64_t v)
{
    h = (h ^ v) * 0x100000001b3ull;
}

static void mix_d(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, 8);
    mix(isnan(d) ? 1 : bits);
}

static void mix_f(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, 4);
    mix(isnan(f) ? 1 : bits);
}

static double random_d(void)
{
    uint64_t bits = next();
    double d;
    switch (next() % 4) {
    case 0:
        bits = (bits & 0x800fffffffffffff) | (0x3e0 + next() % 64) << 52;
        break;
    case 1:
        bits &= 0x800fffffffffffff;
        break;
    case 2:
        bits &= 0xfff0000000000000;
        break;
    }
    memcpy(&d, &bits, 8);
    return d;
}

int main(void)
{
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    static const int flags[] = {FE_INVALID, FE_DIVBYZERO, FE_OVERFLOW, FE_UNDERFLOW, FE_INEXACT};

    for (int m = 0; m < 4; m++) {
        fesetround(modes[m]);
        for (int i = 0; i < 20000; i++) {
            volatile double a = random_d(), b = random_d(), c = random_d(), d;
            volatile float fa = (float)a, fb = (float)b, fc = (float)c, f;
            feclearexcept(FE_ALL_EXCEPT);
            d = a + b, mix_d(d), d = a - b, mix_d(d), d = a * b, mix_d(d), d = a / b, mix_d(d), d = sqrt(a), mix_d(d), d = fma(a, b, c), mix_d(d);
            f = fa + fb, mix_f(f), f = fa - fb, mix_f(f), f = fa * fb, mix_f(f), f = fa / fb, mix_f(f), f = sqrtf(fa), mix_f(f), f = fmaf(fa, fb, fc), mix_f(f);
            mix(a < b), mix(a <= b), mix(a == b), mix(a != b), mix(isgreater(a, b)), mix(isunordered(a, b));
            d = rint(a), mix_d(d), d = nearbyint(a), mix_d(d), d = floor(a), mix_d(d), d = ceil(a), mix_d(d), d = trunc(a), mix_d(d), d = round(a), mix_d(d);
            if (fabs(a) < 9e18)
                mix((uint64_t)(int64_t)a), mix((uint64_t)llrint(a));
            if (fabs(a) < 2e9)
                mix((uint64_t)(int32_t)a), mix((uint64_t)(int32_t)fa);
            if (a >= 0 && a < 1.8e19)
                mix((uint64_t)a);
            uint64_t n = next();
            d = (double)n, mix_d(d), d = (double)(int64_t)n, mix_d(d), f = (float)n, mix_f(f), f = (float)(int64_t)n, mix_f(f), d = (int32_t)n, mix_d(d), f = (uint32_t)n, mix_f(f);
            if (!isnan(a) && !isnan(b) && (a != 0 || b != 0))
                d = fmax(a, b), mix_d(d), d = fmin(a, b), mix_d(d);
            d = ldexp(a, (int)(n % 200) - 100), mix_d(d);
            mix((uint64_t)(signbit(a) != 0));
        }
        printf("mode %d: %016" PRIx64 "\n", m, h);
    }
    fesetround(FE_TONEAREST);
    /* Flags one operation at a time; underflow apart, since machines may detect it before or after rounding. */
    for (int i = 0; i < 20000; i++) {
        volatile double a = random_d(), b = random_d(), d;
        volatile float f;
        int seen = 0;
        feclearexcept(FE_ALL_EXCEPT);
        switch (i % 5) {
        case 0:
            d = a + b;
            break;
        case 1:
            d = a * b;
            break;
        case 2:
            d = a / b;
            break;
        case 3:
            d = sqrt(a);
            break;
        case 4:
            f = (float)a;
            break;
        }
        for (int k = 0; k < 5; k++)
            if (flags[k] != FE_UNDERFLOW && fetestexcept(flags[k]))
                seen |= 1 << k;
        mix((uint64_t)seen);
    }
    printf("flags: %016" PRIx64 "\n", h);
    return 0;
}
