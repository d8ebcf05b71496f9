/* The few types every folder shares. */
#ifndef DRAGOMAN_BASE_H
#define DRAGOMAN_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef __int128 i128;
typedef unsigned __int128 u128;

/* One guest SIMD register: lane 0 in the lowest bytes, as both the guest and the host store it. */
typedef u8 V128 __attribute__((vector_size(16)));

#define LEN(array) (sizeof(array) / sizeof *(array))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
