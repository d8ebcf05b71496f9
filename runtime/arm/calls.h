/* 32-bit Arm's system calls, for abi.c. */
#ifndef DRAGOMAN_ARM_CALLS_H
#define DRAGOMAN_ARM_CALLS_H

#include "../linux/linux.h"

bool arm_own_call(Task *t, u32 number, const u64 args[6], i64 *result);
i64 arm_convert(Task *t, u32 number, u64 args[6], Conversion *c);
i64 arm_convert_back(Task *t, Conversion *c, i64 result);

#endif
