/* Pictures in bytes: blended, compared and summed with vector intrinsics, or in plain C where there are none. */
#include "work.h"
#include <stdint.h>
#include <stdio.h>
#ifdef __ARM_NEON
#include <arm_neon.h>
#endif

enum { N = 1 << 16, ROUNDS = 8000 };
static uint8_t front[N], back[N], out[N];

/* out = max(back, (front * 3 + back + 2) / 4); returns the sum of |out - back|. */
__attribute__((noipa)) static uint64_t blend(void)
{
    uint64_t total = 0;
#ifdef __ARM_NEON
    uint32x4_t sum = vdupq_n_u32(0);
    uint8x8_t three = vdup_n_u8(3);
    for (int i = 0; i < N; i += 16) {
        uint8x16_t f = vld1q_u8(front + i), b = vld1q_u8(back + i);
        uint16x8_t lo = vaddw_u8(vmull_u8(vget_low_u8(f), three), vget_low_u8(b));
        uint16x8_t hi = vaddw_u8(vmull_u8(vget_high_u8(f), three), vget_high_u8(b));
        uint8x16_t r = vmaxq_u8(b, vcombine_u8(vrshrn_n_u16(lo, 2), vrshrn_n_u16(hi, 2)));
        vst1q_u8(out + i, r);
        sum = vpadalq_u16(sum, vpaddlq_u8(vabdq_u8(r, b)));
    }
    total = vaddlvq_u32(sum);
#else
    for (int i = 0; i < N; i++) {
        uint8_t r = (uint8_t)((front[i] * 3 + back[i] + 2) >> 2);
        out[i] = r > back[i] ? r : back[i];
        total += out[i] - back[i];
    }
#endif
    return total;
}

static void work(void)
{
    uint64_t total = 0;
    for (int i = 0; i < N; i++) {
        front[i] = (uint8_t)(i * 37 ^ i >> 5);
        back[i] = (uint8_t)(i * 11 + (i >> 8));
    }
    for (int round = 0; round < ROUNDS; round++) {
        total += blend();
        front[round * 7 % N] ^= out[round * 31 % N];
    }
    printf("%lu\n", (unsigned long)total);
}
