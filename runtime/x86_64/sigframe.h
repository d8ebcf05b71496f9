/* x86-64's side of signal delivery, for abi.c. */
#ifndef DRAGOMAN_X86_SIGFRAME_H
#define DRAGOMAN_X86_SIGFRAME_H

#include "../runtime.h"

bool x86_push_frame(Task *t, const struct GuestSignal *s);
void x86_pop_frame(Task *t);

#endif
