#ifndef DRAGOMAN_LIFTER_LLVM_ACCESS_H
#define DRAGOMAN_LIFTER_LLVM_ACCESS_H

#include "llvm.h"

/* Where each access's code is, its site's, and the site's number: three distances from the region's function. */
#define ACCESS_SECTION ".access"

/* Whether an op is an access whose fault finds the state by a map, in an exact region. */
bool llvm_access_maps(u16 code);
/* The access at `pointer` (of v, as the op's AccessText has it, if it is a store): what it loads, in that text's type.
 * Adds the site to the unit. */
LLVMValueRef llvm_access(Gen *g, u16 code, LLVMValueRef pointer, LLVMValueRef v);
/* Once the module is built. */
void llvm_access_end(Gen *g);

#endif
