/* Large numbers in C, with products of 128 bits: RSA's kind of work, powers modulo a number of 1,024 bits after Montgomery. */
#ifndef __SIZEOF_INT128__
#error "integers of 128 bits are needed"
#endif
#include "work.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { LIMBS = 16 };
typedef unsigned __int128 Wide;
typedef uint64_t Number[LIMBS];

static Number modulus;
static uint64_t inverse; /* -1 / modulus modulo 2^64 */

static void multiply(Number out, const Number a, const Number b)
{
    uint64_t t[LIMBS + 2] = {0};
    for (int i = 0; i < LIMBS; i++) {
        Wide carry = 0;
        for (int j = 0; j < LIMBS; j++) {
            carry += (Wide)a[i] * b[j] + t[j];
            t[j] = (uint64_t)carry;
            carry >>= 64;
        }
        carry += t[LIMBS];
        t[LIMBS] = (uint64_t)carry;
        t[LIMBS + 1] = (uint64_t)(carry >> 64);
        uint64_t m = t[0] * inverse;
        carry = ((Wide)m * modulus[0] + t[0]) >> 64;
        for (int j = 1; j < LIMBS; j++) {
            carry += (Wide)m * modulus[j] + t[j];
            t[j - 1] = (uint64_t)carry;
            carry >>= 64;
        }
        carry += t[LIMBS];
        t[LIMBS - 1] = (uint64_t)carry;
        t[LIMBS] = t[LIMBS + 1] + (uint64_t)(carry >> 64);
    }
    uint64_t less[LIMBS], borrow = 0;
    for (int i = 0; i < LIMBS; i++) {
        Wide d = (Wide)t[i] - modulus[i] - borrow;
        less[i] = (uint64_t)d;
        borrow = (uint64_t)(d >> 64) & 1;
    }
    memcpy(out, t[LIMBS] >= borrow ? less : t, sizeof less);
}

static void work(void)
{
    uint64_t x = 1;
    Number base, result;
    for (int i = 0; i < LIMBS; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        modulus[i] = x | (i == 0) | (uint64_t)(i == LIMBS - 1) << 63;
        base[i] = x >> 3;
        result[i] = i == 0;
    }
    inverse = 1;
    for (int i = 0; i < 6; i++)
        inverse *= 2 - modulus[0] * inverse;
    inverse = -inverse;
    for (int i = 0; i < 500; i++) {
        for (int bit = 0; bit < 1024; bit += 2) {
            multiply(result, result, result);
            if (modulus[bit / 64] >> bit % 64 & 1)
                multiply(result, result, base);
        }
        base[0] ^= result[3];
    }
    for (int i = 0; i < LIMBS; i++)
        printf("%016llx", (unsigned long long)result[i]);
    printf("\n");
}
