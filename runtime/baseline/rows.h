/* Rows of the stencil table: the IR's ops, the generator's own, and those of ops on hosts with an instruction for them. */
#ifndef DRAGOMAN_BASELINE_ROWS_H
#define DRAGOMAN_BASELINE_ROWS_H

#include "../../include/ir.h"
#include "stencil.h"

enum {
    ROW_FIRST = IR_COUNT - 1,
#define ROW_ENUM(name, nargs) ROW_##name,
    ROWS(ROW_ENUM)
#undef ROW_ENUM
#define HOST(op, ...) ROW_host_##op,
#include "../../lifter/host.def"
        ROW_COUNT
};

#endif
