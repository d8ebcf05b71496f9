/* Flags over branches: of sums with carry, of comparisons, of floating point, and a carry that goes round a loop. */
#include <stdint.h>
#include <stdio.h>

#ifdef __arm__
/* Eight conditions one after another: bit n of the result says that the n-th doesn't hold. */
#define BRANCHES \
    " mov %0, #0\n bcs 1f\n orr %0, %0, #1\n1: bmi 1f\n orr %0, %0, #2\n1: bvs 1f\n orr %0, %0, #4\n1: beq 1f\n orr %0, %0, #8\n" \
    "1: bhi 1f\n orr %0, %0, #16\n1: bge 1f\n orr %0, %0, #32\n1: bgt 1f\n orr %0, %0, #64\n1:\n"
#endif

/* The same bits of NZCV */
static uint32_t failing(int n, int z, int c, int v)
{
    return !c | !n << 1 | !v << 2 | !z << 3 | !(c && !z) << 4 | (n != v) << 5 | !(n == v && !z) << 6;
}

static uint32_t flags_of_sum(uint32_t a, uint32_t b, uint32_t carry)
{
    uint64_t sum = (uint64_t)a + b + carry;
    uint32_t r = (uint32_t)sum;
    return failing(r >> 31, !r, (int)(sum >> 32), (int)(((a ^ r) & (b ^ r)) >> 31));
}

__attribute__((noinline)) static uint32_t compare_wide(uint64_t a, uint64_t b)
{
#ifdef __arm__
    uint32_t r, t;
    __asm__ volatile("cmp %Q2, %Q3\n sbcs %1, %R2, %R3\n" BRANCHES : "=&r"(r), "=&r"(t) : "r"(a), "r"(b) : "cc");
    return r;
#else
    return flags_of_sum((uint32_t)(a >> 32), ~(uint32_t)(b >> 32), (uint32_t)a >= (uint32_t)b);
#endif
}

/* Behind a move that changes N and Z alone, and a branch */
__attribute__((noinline)) static uint32_t moved_between(uint32_t a, uint32_t b, uint32_t in)
{
#ifdef __arm__
    uint32_t r, t;
    __asm__ volatile("cmp %4, #1\n adcs %1, %2, %3\n ands %1, %2, %3\n bmi 2f\n nop\n2:\n" BRANCHES
                     : "=&r"(r), "=&r"(t) : "r"(a), "r"(b), "r"(in) : "cc");
    return r;
#else
    uint64_t sum = (uint64_t)a + b + in;
    uint32_t s = (uint32_t)sum;
    return failing((a & b) >> 31, !(a & b), (int)(sum >> 32), (int)(((a ^ s) & (b ^ s)) >> 31));
#endif
}

/* The conditional return is a block of its own, and so is what comes behind it. */
__attribute__((noinline)) static uint32_t returned_between(uint32_t a, uint32_t b)
{
#ifdef __arm__
    uint32_t r;
    __asm__ volatile("subs %0, %1, %2\n bl 3f\n b 4f\n3: it eq\n bxeq lr\n bcc 5f\n mov %0, #1\n bx lr\n5: mov %0, #2\n bx lr\n4:\n"
                     : "=&r"(r) : "r"(a), "r"(b) : "cc", "lr");
    return r;
#else
    return a == b ? 0 : a < b ? 2 : 1;
#endif
}

__attribute__((noinline)) static uint32_t compare_floats(double a, double b)
{
#ifdef __arm__
    uint32_t r;
    __asm__ volatile("vcmp.f64 %P1, %P2\n vmrs APSR_nzcv, fpscr\n" BRANCHES : "=&r"(r) : "w"(a), "w"(b) : "cc");
    return r;
#else
    return a < b ? failing(1, 0, 0, 0) : a == b ? failing(0, 1, 1, 0) : a > b ? failing(0, 0, 1, 0) : failing(0, 0, 1, 1);
#endif
}

/* Numbers of many words: the carry goes round, the count is compared without it. */
__attribute__((noinline)) static uint32_t add_words(uint32_t *sum, const uint32_t *a, const uint32_t *b, int n)
{
#ifdef __arm__
    uint32_t x, y;
    __asm__ volatile("cmn %4, #0\n1: ldr %4, [%1], #4\n ldr %5, [%2], #4\n adcs %4, %4, %5\n str %4, [%0], #4\n"
                     " sub %3, %3, #1\n teq %3, #0\n bne 1b\n mov %4, #0\n adc %4, %4, %4\n"
                     : "+r"(sum), "+r"(a), "+r"(b), "+r"(n), "=&r"(x), "=&r"(y) : : "cc", "memory");
    return x;
#else
    uint64_t carry = 0;
    for (int i = 0; i < n; i++) {
        carry += (uint64_t)a[i] + b[i];
        sum[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return (uint32_t)carry;
#endif
}

int main(void)
{
    static const uint32_t words[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 0x12345678};
    static const double doubles[] = {0, -0.0, 1, -1, 2.5, __builtin_inf(), -__builtin_inf(), __builtin_nan("")};
    enum { N = sizeof words / sizeof *words, M = sizeof doubles / sizeof *doubles };
    uint64_t h = 0;
    for (int round = 0; round < 40; round++) {
        for (uint32_t i = 0; i < N * N * N * N; i++) {
            uint32_t a = words[i % N], b = words[i / N % N], c = words[i / N / N % N], d = words[i / N / N / N];
            h = h * 31 + compare_wide((uint64_t)a << 32 | b, (uint64_t)c << 32 | d);
        }
        for (uint32_t i = 0; i < N * N; i++) {
            uint32_t a = words[i % N], b = words[i / N];
            h = h * 31 + moved_between(a, b, 0);
            h = h * 31 + moved_between(a, b, 1);
            h = h * 31 + returned_between(a, b);
        }
        for (uint32_t i = 0; i < M * M; i++)
            h = h * 31 + compare_floats(doubles[i % M], doubles[i / M]);
        uint32_t sum[N];
        for (int n = 1; n <= N; n++) {
            h = h * 31 + add_words(sum, words, words + N - n, n);
            for (int i = 0; i < n; i++)
                h = h * 31 + sum[i];
        }
    }
    printf("%016llx\n", (unsigned long long)h);
}
