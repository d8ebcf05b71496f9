/* The first call into LLVM of a process goes through here. */
#ifndef DRAGOMAN_LIFTER_LLVM_INIT_H
#define DRAGOMAN_LIFTER_LLVM_INIT_H

#include "../include/base.h"

/* Runs LLVM's static constructors, which the link keeps out of the program's start (tools/defer_ctors.cmake), and registers
 * the host's code generator and all guests' disassemblers. Idempotent, thread-safe. */
void llvm_init(void);

/* This executable was made without LLVM (dragoman aot --no-jit): from now on nobody may call it. */
void llvm_leave_out(void);
bool llvm_is_left_out(void);

#endif
