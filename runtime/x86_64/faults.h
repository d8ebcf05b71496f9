/* What is x86-64's own about faults, for abi.c. */
#ifndef DRAGOMAN_X86_FAULTS_H
#define DRAGOMAN_X86_FAULTS_H

#include "../runtime.h"

/* Abi.fetch_fault and is_stack_fault. */
void x86_fetch_fault(Task *t, int signo, int code, u64 addr);
bool x86_is_stack_fault(Task *t);

#endif
