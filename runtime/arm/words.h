/* Structures that differ between kernels of 32 and of 64 bits by the size of long and of addresses. A string tells
 * both: its letters are the members in order, each behind as many of it as a number in front says. Members and the
 * whole are aligned as in C.
 *
 *   b h i q   1, 2, 4 or 8 bytes, which are the same in both
 *   l         long; o: one that is EOVERFLOW if it doesn't fit the narrow one
 *   p         unsigned long or an address; u: one that is EOVERFLOW if it doesn't fit
 *   r         a limit: an unsigned long, the highest of which stands for all that are higher
 *   v         a user's or group's number of 16 bits, of 32 in the wide structure
 *   z         8 bytes, the upper half of which is padding in the narrow structure
 *   x         a byte of the wide structure alone */
#ifndef DRAGOMAN_ARM_WORDS_H
#define DRAGOMAN_ARM_WORDS_H

#include "../../include/base.h"

size_t words_narrow_size(const char *layout);
size_t words_wide_size(const char *layout);
void words_widen(void *wide, const void *narrow, const char *layout);
/* False if something doesn't fit. */
bool words_narrow(void *narrow, const void *wide, const char *layout);

#endif
