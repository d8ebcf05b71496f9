/* System calls that only x86-64 has, and old ones that are others' special cases. */
#ifndef DRAGOMAN_X86_CALLS_H
#define DRAGOMAN_X86_CALLS_H

#include "../linux/linux.h"

/* Abi.own_call and Abi.arrange. */
bool x86_own_call(Task *t, u32 number, const u64 args[6], i64 *result);
void x86_fetch_call(Task *t, u32 *number, u64 args[6]);
void x86_arrange(u32 number, u64 args[6]);

#endif
