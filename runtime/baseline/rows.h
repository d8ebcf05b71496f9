/* Rows of the stencil table: the IR's ops, then the generator's own. */
#ifndef DRAGOMAN_BASELINE_ROWS_H
#define DRAGOMAN_BASELINE_ROWS_H

#include "../../include/ir.h"
#include "stencil.h"

enum {
    ROW_FIRST = IR_COUNT - 1,
#define ROW_ENUM(name, nargs) ROW_##name,
    ROWS(ROW_ENUM)
#undef ROW_ENUM
        ROW_COUNT
};

#endif
