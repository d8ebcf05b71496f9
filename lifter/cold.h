#ifndef DRAGOMAN_LIFTER_COLD_H
#define DRAGOMAN_LIFTER_COLD_H

#include "../include/base.h"

/* Code that calls the C function in r10 with all arguments as they are, and keeps all registers but r11 and the
 * function's result (vector: XMM0, else RAX). avx: registers have 32 bytes. */
const void *cold_call(bool avx, bool vector);

#endif
