/* AArch64's side of signal delivery and thread creation, for abi.c. */
#ifndef DRAGOMAN_A64_SIGFRAME_H
#define DRAGOMAN_A64_SIGFRAME_H

#include "../runtime.h"

enum { A64_MINSIGSTKSZ = 4720 }; /* sizeof(struct rt_sigframe) and its frame record, rounded as the kernel does */

bool a64_push_frame(Task *t, const struct GuestSignal *s);
void a64_pop_frame(Task *t);
/* The branch that a frame was pushed or popped for: Abi.settle. */
void a64_settle(Task *t);

#endif
