/* Instructions that the reference of tests/insn lacks, against the same in C: FEAT_CSSC, FEAT_HBC. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

static const uint64_t values[] = {0,
                                  1,
                                  2,
                                  0x7f,
                                  0x80,
                                  0xff,
                                  0xffffff80,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff,
                                  0x100000000,
                                  0x123456789abcdef0,
                                  0x7fffffffffffffff,
                                  0x8000000000000000,
                                  0xffffffffffffff7f,
                                  0xffffffffffffffff};
enum { VALUES = sizeof values / sizeof *values };

#ifdef __aarch64__
#define INSN(name, code, expr64, expr32) \
    static uint64_t name(uint64_t a, uint64_t b) \
    { \
        register uint64_t x0 __asm__("x0") = a, x1 __asm__("x1") = b; \
        __asm__(".inst " #code : "+r"(x0) : "r"(x1) : "cc"); \
        return x0; \
    }
#else
#define INSN(name, code, expr64, expr32) \
    static uint64_t name(uint64_t a, uint64_t b) \
    { \
        return (code) >> 31 ? (uint64_t)(expr64) : (uint32_t)(expr32); \
    }
#endif
#define A64 ((int64_t)a)
#define B64 ((int64_t)b)
#define A32 ((int32_t)a)
#define B32 ((int32_t)b)
#define BOTH(name, code, expr64, expr32) \
    INSN(name##_x, 0x80000000 | (code), expr64, expr32) INSN(name##_w, code, expr64, expr32)
/* op x0, x0, x1; op x0, x0, #imm */
BOTH(ctz, 0x5ac01800, a ? __builtin_ctzll(a) : 64, (uint32_t)a ? __builtin_ctz(a) : 32)
BOTH(cnt, 0x5ac01c00, __builtin_popcountll(a), __builtin_popcount(a))
BOTH(abs_, 0x5ac02000, A64 < 0 ? -a : a, A32 < 0 ? -(uint32_t)a : (uint32_t)a)
BOTH(smax, 0x1ac16000, A64 > B64 ? A64 : B64, A32 > B32 ? A32 : B32)
BOTH(umax, 0x1ac16400, a > b ? a : b, (uint32_t)a > (uint32_t)b ? a : b)
BOTH(smin, 0x1ac16800, A64 < B64 ? A64 : B64, A32 < B32 ? A32 : B32)
BOTH(umin, 0x1ac16c00, a < b ? a : b, (uint32_t)a < (uint32_t)b ? a : b)
BOTH(smax_imm, 0x11c20000, A64 > -128 ? A64 : -128, A32 > -128 ? A32 : -128)
BOTH(umax_imm, 0x11c60000, a > 128 ? a : 128, (uint32_t)a > 128 ? a : 128)
BOTH(smin_imm, 0x11c9fc00, A64 < 127 ? A64 : 127, A32 < 127 ? A32 : 127)
BOTH(umin_imm, 0x11cffc00, a < 255 ? a : 255, (uint32_t)a < 255 ? a : 255)

/* BC.LO over the second instruction, after comparing x0 with x1 */
static uint64_t less(uint64_t a, uint64_t b)
{
#ifdef __aarch64__
    register uint64_t x0 __asm__("x0") = a, x1 __asm__("x1") = b, r;
    __asm__("cmp %1, %2\n\tmov %0, #1\n\t.inst 0x54000053\n\tmov %0, #0" : "=&r"(r) : "r"(x0), "r"(x1) : "cc");
    return r;
#else
    return a < b;
#endif
}

int main(void)
{
    static const struct {
        const char *name;
        uint64_t (*fn)(uint64_t, uint64_t);
    } insns[] = {{"ctz x", ctz_x},           {"ctz w", ctz_w},           {"cnt x", cnt_x},           {"cnt w", cnt_w},
                 {"abs x", abs__x},          {"abs w", abs__w},          {"smax x", smax_x},         {"smax w", smax_w},
                 {"umax x", umax_x},         {"umax w", umax_w},         {"smin x", smin_x},         {"smin w", smin_w},
                 {"umin x", umin_x},         {"umin w", umin_w},         {"smax_imm x", smax_imm_x}, {"smax_imm w", smax_imm_w},
                 {"umax_imm x", umax_imm_x}, {"umax_imm w", umax_imm_w}, {"smin_imm x", smin_imm_x}, {"smin_imm w", smin_imm_w},
                 {"umin_imm x", umin_imm_x}, {"umin_imm w", umin_imm_w}, {"bc", less}};
    for (size_t n = 0; n < sizeof insns / sizeof *insns; n++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < VALUES; i++)
            for (size_t k = 0; k < VALUES; k++) {
                uint64_t r = insns[n].fn(values[i], values[k]);
                sum = sum * 31 + r;
                if (k == (i + 3) % VALUES)
                    printf("%s %" PRIx64 " %" PRIx64 ": %" PRIx64 "\n", insns[n].name, values[i], values[k], r);
            }
        printf("%s: %" PRIx64 "\n", insns[n].name, sum);
    }
}
