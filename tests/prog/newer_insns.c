/* Instructions that the reference of tests/insn lacks, against the same in C: FEAT_CSSC, FEAT_HBC, FEAT_LSE128,
 * FEAT_LRCPC3; and memory copies (FEAT_MOPS) that fault on their way. */
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

/* -- pairs: x0 and x1 are the operand and then the old value, x2 the address --------------------------------------- */

typedef struct Pair {
    uint64_t low, high;
} Pair;

static _Alignas(16) Pair memory[4];

#ifdef __aarch64__
#define PAIR(name, code, ...) \
    static Pair name(Pair v, Pair **at) \
    { \
        register uint64_t x0 __asm__("x0") = v.low, x1 __asm__("x1") = v.high, x2 __asm__("x2") = (uint64_t)*at; \
        register double d3 __asm__("d3") = 0; \
        __asm__ volatile(".inst " #code : "+r"(x0), "+r"(x1), "+r"(x2), "+w"(d3) : : "memory"); \
        *at = (Pair *)x2; \
        return (Pair){x0, x1}; \
    }
#else
#define PAIR(name, code, ...) \
    static Pair name(Pair v, Pair **at) \
    { \
        Pair *p = *at, old = *p; \
        __VA_ARGS__ \
    }
#endif
PAIR(ldclrp, 0x19211040, p->low &= ~v.low; p->high &= ~v.high; return old;)
PAIR(ldsetp, 0x19213040, p->low |= v.low; p->high |= v.high; return old;)
PAIR(swppal, 0x19e18040, *p = v; return old;)
PAIR(ldiapp, 0xd9411840, return old;)
PAIR(ldiapp_post, 0xd9410840, ++*at; return old;)
PAIR(stilp, 0xd9011840, *p = v; return v;)
PAIR(stilp_pre, 0xd9010840, *--*at = v; return v;)
PAIR(ldapr_post, 0xd9c00840, *at = (Pair *)((char *)p + 8); return (Pair){old.low, v.high};)
PAIR(stlr_pre, 0xd9800840, *at = (Pair *)((char *)p - 8); p[-1].high = v.low; return v;)

static void pairs(const char *name, Pair (*fn)(Pair, Pair **))
{
    for (int i = 0; i < 4; i++)
        memory[i] = (Pair){values[11] * (i + 1), ~values[11] - i};
    Pair *at = memory + 1, r = fn((Pair){values[14] ^ 0x5a5a, values[5]}, &at);
    printf("%s: %" PRIx64 " %" PRIx64 " %td\n", name, r.low, r.high, (char *)at - (char *)memory);
    for (int i = 0; i < 4; i++)
        printf("  %" PRIx64 " %" PRIx64 "\n", memory[i].low, memory[i].high);
}

/* Vector registers: loads of 1 to 16 bytes and a lane, stores of them, x0 the address, v1 the register */
#ifdef __aarch64__
typedef uint64_t Vector __attribute__((vector_size(16)));
#define VECTOR(name, code, ...) \
    static Pair name(Pair v, char *p) \
    { \
        register char *x0 __asm__("x0") = p; \
        register Vector q __asm__("v1") = {v.low, v.high}; \
        __asm__ volatile(".inst " #code : "+w"(q) : "r"(x0) : "memory"); \
        return (Pair){q[0], q[1]}; \
    }
#else
#define VECTOR(name, code, ...) \
    static Pair name(Pair v, char *p) \
    { \
        __VA_ARGS__ \
        return v; \
    }
#endif
VECTOR(ldapur_b, 0x1d401801, v = (Pair){0}; memcpy(&v, p + 1, 1);)
VECTOR(ldapur_h, 0x5d402801, v = (Pair){0}; memcpy(&v, p + 2, 2);)
VECTOR(ldapur_s, 0x9d404801, v = (Pair){0}; memcpy(&v, p + 4, 4);)
VECTOR(ldapur_d, 0xdd408801, v = (Pair){0}; memcpy(&v, p + 8, 8);)
VECTOR(ldapur_q, 0x1dd00801, memcpy(&v, p - 256, 16);)
VECTOR(stlur_b, 0x1d001801, memcpy(p + 1, &v, 1);)
VECTOR(stlur_h, 0x5d002801, memcpy(p + 2, &v, 2);)
VECTOR(stlur_s, 0x9d004801, memcpy(p + 4, &v, 4);)
VECTOR(stlur_d, 0xdd008801, memcpy(p + 8, &v, 8);)
VECTOR(stlur_q, 0x1d900801, memcpy(p - 256, &v, 16);)
VECTOR(ldap1_0, 0x0d418401, memcpy(&v.low, p, 8);)
VECTOR(ldap1_1, 0x4d418401, memcpy(&v.high, p, 8);)
VECTOR(stl1_0, 0x0d018401, memcpy(p, &v.low, 8);)
VECTOR(stl1_1, 0x4d018401, memcpy(p, &v.high, 8);)

static void vectors(const char *name, Pair (*fn)(Pair, char *))
{
    static _Alignas(16) unsigned char bytes[512];
    for (int i = 0; i < 512; i++)
        bytes[i] = i * 7 + i / 256;
    Pair r = fn((Pair){values[11], values[14]}, (char *)bytes + 256);
    uint64_t sum = 0;
    for (int i = 0; i < 512; i++)
        sum = sum * 31 + bytes[i];
    printf("%s: %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", name, r.low, r.high, sum);
}

/* -- copies over pages that a handler makes accessible --------------------------------------------------------------- */

enum { PAGE = 4096, PAGES = 6 };
static unsigned char *area;
static volatile int faults;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    unsigned char *page = (unsigned char *)((uintptr_t)info->si_addr & -(uintptr_t)PAGE);
    faults++;
    if (page < area || page >= area + PAGE * PAGES)
        _exit(9);
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
}

#ifdef __aarch64__
static void move(void *to, const void *from, size_t n)
{
    register void *x0 __asm__("x0") = to;
    register const void *x1 __asm__("x1") = from;
    register size_t x2 __asm__("x2") = n;
    __asm__ volatile(".inst 0x1d010440, 0x1d410440, 0x1d810440" : "+r"(x0), "+r"(x1), "+r"(x2) : : "memory", "cc");
}

static void set(void *to, int byte, size_t n)
{
    register void *x0 __asm__("x0") = to;
    register size_t x1 __asm__("x1") = n, x2 __asm__("x2") = byte;
    __asm__ volatile(".inst 0x19c20420, 0x19c24420, 0x19c28420" : "+r"(x0), "+r"(x1) : "r"(x2) : "memory", "cc");
}
#else
#define move memmove
#define set memset
#endif

static void faulting(const char *name, int to, int from, int n)
{
    for (int i = 0; i < PAGE * PAGES; i++)
        area[i] = i * 13 + i / PAGE;
    faults = 0;
    mprotect(area, PAGE * PAGES, PROT_NONE);
    if (from < 0)
        set(area + to, -from, n);
    else
        move(area + to, area + from, n);
    mprotect(area, PAGE * PAGES, PROT_READ | PROT_WRITE);
    uint64_t sum = 0;
    for (int i = 0; i < PAGE * PAGES; i++)
        sum = sum * 31 + area[i];
    printf("%s: %d faults, %" PRIx64 "\n", name, faults, sum);
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
#define EACH(kind, name) kind(#name, name);
    EACH(pairs, ldclrp) EACH(pairs, ldsetp) EACH(pairs, swppal) EACH(pairs, ldiapp) EACH(pairs, ldiapp_post)
    EACH(pairs, stilp) EACH(pairs, stilp_pre) EACH(pairs, ldapr_post) EACH(pairs, stlr_pre)
    EACH(vectors, ldapur_b) EACH(vectors, ldapur_h) EACH(vectors, ldapur_s) EACH(vectors, ldapur_d) EACH(vectors, ldapur_q)
    EACH(vectors, stlur_b) EACH(vectors, stlur_h) EACH(vectors, stlur_s) EACH(vectors, stlur_d) EACH(vectors, stlur_q)
    EACH(vectors, ldap1_0) EACH(vectors, ldap1_1) EACH(vectors, stl1_0) EACH(vectors, stl1_1)

    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    area = mmap(NULL, PAGE * PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    faulting("down", 100, PAGE + 5, 2 * PAGE + 77);
    faulting("up", PAGE + 5, 100, 2 * PAGE + 77);
    faulting("apart", 10, 4 * PAGE + 1, PAGE + 900);
    faulting("set", PAGE - 3, -0x5b, 3 * PAGE);
}
