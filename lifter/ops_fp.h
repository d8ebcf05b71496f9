/* Bodies of the floating-point ops of ir_fp.def. */
#ifndef DRAGOMAN_LIFTER_OPS_FP_H
#define DRAGOMAN_LIFTER_OPS_FP_H

#include "../include/ir.h"
#include "../include/task.h"

#endif
