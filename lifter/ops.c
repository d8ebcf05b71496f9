/* Every value op's body as an external function, and the table of them. */
#include "ops.h"

#include "ops_crypto.h"
#include "ops_fp.h"
#include "ops_half.h"
#include "ops_host.h"
#include "ops_int.h"
#include "ops_native.h"
#include "ops_vec.h"

#define VALUE(name, result, sig, fx) \
    Op##result dg_##name OPS_PARAMS_##sig \
    { \
        return op_##name OPS_ARGS_##sig; \
    }
#include "ir.def"

const void *const op_body[IR_COUNT] = {
#define VALUE(name, result, sig, fx) [IR_##name] = (const void *)dg_##name,
#include "ir.def"
};
