/* 32-bit Arm's side of signal delivery, for abi.c. */
#ifndef DRAGOMAN_ARM_SIGFRAME_H
#define DRAGOMAN_ARM_SIGFRAME_H

#include "../runtime.h"

/* Where kuser/kuser.S has the code that a handler without a restorer returns to. */
enum : u64 { ARM_KUSER = 0xffff0000, ARM_KUSER_SIGRETURN = ARM_KUSER + 0x500 };

bool arm_push_frame(Task *t, const struct GuestSignal *s);
void arm_pop_frame(Task *t);

#endif
