/* Bodies of the vector integer and permute ops of ir_vec.def. */
#ifndef DRAGOMAN_LIFTER_OPS_VEC_H
#define DRAGOMAN_LIFTER_OPS_VEC_H

#include "../include/ir.h"
#include "../include/task.h"

static inline V128 op_vand(V128 a, V128 b)
{
    return a & b;
}

#endif
