/* Carry chains as libraries for large numbers write them, in assembly: rows added, subtracted and multiplied without the carry
 * ever leaving the flags. In C where neither processor's is known. */
#ifndef __SIZEOF_INT128__
#error "integers of 128 bits are needed"
#endif
#include "work.h"
#include <stdint.h>
#include <stdio.h>

enum { LIMBS = 64 };

#ifdef __aarch64__
/* r += a; the carry out. n is a multiple of 4. */
__attribute__((noipa)) static uint64_t add(uint64_t *r, const uint64_t *a, long n)
{
    uint64_t carry;
    __asm__ volatile("cmn xzr, xzr\n"
                     "1: ldp x8, x9, [%[r]]\n ldp x10, x11, [%[a]], #16\n adcs x8, x8, x10\n adcs x9, x9, x11\n stp x8, x9, [%[r]], #16\n"
                     "ldp x8, x9, [%[r]]\n ldp x10, x11, [%[a]], #16\n adcs x8, x8, x10\n adcs x9, x9, x11\n stp x8, x9, [%[r]], #16\n"
                     "sub %[n], %[n], #4\n cbnz %[n], 1b\n cset %[carry], cs"
                     : [r] "+r"(r), [a] "+r"(a), [n] "+r"(n), [carry] "=r"(carry)::"x8", "x9", "x10", "x11", "cc", "memory");
    return carry;
}

__attribute__((noipa)) static uint64_t subtract(uint64_t *r, const uint64_t *a, long n)
{
    uint64_t borrow;
    __asm__ volatile("cmp xzr, xzr\n"
                     "1: ldp x8, x9, [%[r]]\n ldp x10, x11, [%[a]], #16\n sbcs x8, x8, x10\n sbcs x9, x9, x11\n stp x8, x9, [%[r]], #16\n"
                     "ldp x8, x9, [%[r]]\n ldp x10, x11, [%[a]], #16\n sbcs x8, x8, x10\n sbcs x9, x9, x11\n stp x8, x9, [%[r]], #16\n"
                     "sub %[n], %[n], #4\n cbnz %[n], 1b\n cset %[borrow], cc"
                     : [r] "+r"(r), [a] "+r"(a), [n] "+r"(n), [borrow] "=r"(borrow)::"x8", "x9", "x10", "x11", "cc", "memory");
    return borrow;
}

/* r += a * b; the limb above. */
__attribute__((noipa)) static uint64_t multiply_add(uint64_t *r, const uint64_t *a, long n, uint64_t b)
{
    uint64_t carry = 0;
    __asm__ volatile("1: ldp x8, x9, [%[a]], #16\n mul x10, x8, %[b]\n umulh x11, x8, %[b]\n mul x12, x9, %[b]\n umulh x13, x9, %[b]\n"
                     "ldp x14, x15, [%[r]]\n adds x10, x10, %[carry]\n adcs x12, x12, x11\n adc x13, x13, xzr\n"
                     "adds x14, x14, x10\n adcs x15, x15, x12\n adc %[carry], x13, xzr\n stp x14, x15, [%[r]], #16\n"
                     "sub %[n], %[n], #2\n cbnz %[n], 1b"
                     : [r] "+r"(r), [a] "+r"(a), [n] "+r"(n), [carry] "+r"(carry)
                     : [b] "r"(b)
                     : "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "cc", "memory");
    return carry;
}
#elif defined __x86_64__
#define CHAIN(op) \
    uint64_t carry; \
    __asm__ volatile("clc\n" \
                     "1: mov (%[a]), %%r8\n " op " %%r8, (%[r])\n mov 8(%[a]), %%r8\n " op " %%r8, 8(%[r])\n" \
                     "mov 16(%[a]), %%r8\n " op " %%r8, 16(%[r])\n mov 24(%[a]), %%r8\n " op " %%r8, 24(%[r])\n" \
                     "lea 32(%[a]), %[a]\n lea 32(%[r]), %[r]\n dec %[n]\n jnz 1b\n setc %b[carry]\n movzbl %b[carry], %k[carry]" \
                     : [r] "+r"(r), [a] "+r"(a), [n] "+r"(n), [carry] "=&q"(carry)::"r8", "cc", "memory"); \
    return carry;
__attribute__((noipa)) static uint64_t add(uint64_t *r, const uint64_t *a, long n)
{
    n /= 4;
    CHAIN("adc")
}

__attribute__((noipa)) static uint64_t subtract(uint64_t *r, const uint64_t *a, long n)
{
    n /= 4;
    CHAIN("sbb")
}

__attribute__((noipa)) static uint64_t multiply_add(uint64_t *r, const uint64_t *a, long n, uint64_t b)
{
    uint64_t carry = 0;
    __asm__ volatile("1: mov (%[a]), %%rax\n mul %[b]\n add %[carry], %%rax\n adc $0, %%rdx\n add %%rax, (%[r])\n adc $0, %%rdx\n"
                     "mov %%rdx, %[carry]\n lea 8(%[a]), %[a]\n lea 8(%[r]), %[r]\n dec %[n]\n jnz 1b"
                     : [r] "+r"(r), [a] "+r"(a), [n] "+r"(n), [carry] "+r"(carry)
                     : [b] "r"(b)
                     : "rax", "rdx", "cc", "memory");
    return carry;
}
#else
static uint64_t add(uint64_t *r, const uint64_t *a, long n)
{
    uint64_t carry = 0;
    for (long i = 0; i < n; i++) {
        unsigned __int128 t = (unsigned __int128)r[i] + a[i] + carry;
        r[i] = (uint64_t)t;
        carry = (uint64_t)(t >> 64);
    }
    return carry;
}

static uint64_t subtract(uint64_t *r, const uint64_t *a, long n)
{
    uint64_t borrow = 0;
    for (long i = 0; i < n; i++) {
        unsigned __int128 t = (unsigned __int128)r[i] - a[i] - borrow;
        r[i] = (uint64_t)t;
        borrow = (uint64_t)(t >> 64) & 1;
    }
    return borrow;
}

static uint64_t multiply_add(uint64_t *r, const uint64_t *a, long n, uint64_t b)
{
    uint64_t carry = 0;
    for (long i = 0; i < n; i++) {
        unsigned __int128 t = (unsigned __int128)a[i] * b + r[i] + carry;
        r[i] = (uint64_t)t;
        carry = (uint64_t)(t >> 64);
    }
    return carry;
}
#endif

static void work(void)
{
    static uint64_t a[LIMBS], b[LIMBS], product[2 * LIMBS];
    uint64_t sum = 0;
    for (int i = 0; i < LIMBS; i++) {
        a[i] = (uint64_t)(i + 1) * 0x9e3779b97f4a7c15u;
        b[i] = ~a[i] * 3;
        product[i] = product[i + LIMBS] = 0;
    }
    for (int round = 0; round < 60000; round++) {
        for (int i = 0; i < LIMBS; i += 2)
            product[i + LIMBS] += multiply_add(product + i, a, LIMBS, b[i]);
        for (int i = 0; i < 40; i++) {
            sum += add(a, b, LIMBS);
            sum += subtract(b, product + i, LIMBS) * 2;
        }
    }
    printf("%llu %llx\n", (unsigned long long)sum, (unsigned long long)(a[LIMBS / 2] ^ product[LIMBS]));
}
