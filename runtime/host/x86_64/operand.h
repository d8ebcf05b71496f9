/* Where a faulting host instruction meant to access memory (operand.c). */
#ifndef DRAGOMAN_OPERAND_H
#define DRAGOMAN_OPERAND_H

#include <ucontext.h>

#include "../../../include/base.h"

/* The address of the memory operand of the instruction at the context's rip; 0 if it has none that is understood.
 * For faults whose siginfo has no address: the host's CPU doesn't tell non-canonical ones. Callable from a signal
 * handler; reads the code at rip. */
u64 operand_address(const ucontext_t *uc);

#endif
