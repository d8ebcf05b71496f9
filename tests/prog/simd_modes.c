/* Arithmetic by two floating-point controls side by side, where an architecture has those (Advanced SIMD of 32-bit Arm flushes denormals,
 * VFP doesn't): in loops, over calls and conditions, and with signals in between.
 * GUEST_ARM: -mfpu=neon */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#if defined __arm__ && defined __ARM_NEON
#include <arm_neon.h>
static volatile float tiny = 1e-39f, one = 1;
static volatile int wrong, signals;
static sigjmp_buf out;

/* VFP: a denormal stays one. */
__attribute__((noinline)) static int keeps(float x)
{
    return x * one != 0;
}

/* Advanced SIMD: it doesn't. */
__attribute__((noinline)) static int flushes(float x)
{
    float32x2_t v = vmul_f32(vdup_n_f32(x), vdup_n_f32(1));
    return vget_lane_u32(vreinterpret_u32_f32(v), 0) == 0;
}

static void on_alarm(int signo)
{
    signals++;
    wrong += !keeps(tiny) + !flushes(tiny) + !keeps(tiny);
}

static void on_fault(int signo)
{
    wrong += !keeps(tiny);
    siglongjmp(out, 1);
}

__attribute__((noinline)) static uint32x4_t long_loop(const float *p, int n, int stride)
{
    float32x4_t sum = vdupq_n_f32(0);
    for (int i = 0; i < n; i++)
        sum = vmlaq_f32(sum, vld1q_f32(p + (i & stride)), vdupq_n_f32(1));
    return vreinterpretq_u32_f32(sum);
}

static float values[64];

int main(void)
{
    for (int i = 0; i < 64; i++)
        values[i] = tiny;
    for (int i = 0; i < 20000; i++) { /* both in one loop, and what one of them sees depends on a condition */
        float x = i % 3 ? tiny : -tiny;
        float32x2_t v = vadd_f32(vdup_n_f32(x), vdup_n_f32(x));
        float y = x + x;
        if (i % 5 == 0)
            v = vmul_n_f32(v, one), y = y * one;
        wrong += vget_lane_f32(v, 0) != 0 || y == 0;
        wrong += i % 7 == 0 && !keeps(x);
    }
    struct itimerval timer = {{0, 300}, {0, 300}};
    signal(SIGALRM, on_alarm);
    signal(SIGSEGV, on_fault);
    setitimer(ITIMER_REAL, &timer, NULL);
    for (int i = 0; i < 3000 || signals < 20; i++) {
        uint32x4_t v = long_loop(values, 1000, 31);
        wrong += vgetq_lane_u32(v, 0) != 0 || !keeps(tiny);
    }
    memset(&timer, 0, sizeof timer);
    setitimer(ITIMER_REAL, &timer, NULL);
    for (int i = 0; i < 100; i++) {
        if (!sigsetjmp(out, 1))
            long_loop(values, 1 << 30, 0x7fffffff); /* until there is no more memory */
        wrong += !keeps(tiny) + !flushes(tiny);
    }
    printf("wrong %d\n", wrong);
    return 0;
}
#else
int main(void)
{
    printf("wrong 0\n");
    return 0;
}
#endif
