/* What the host's processor can do beyond x86-64-v2, which everything here is compiled for. */
#ifndef DRAGOMAN_LIFTER_HOST_H
#define DRAGOMAN_LIFTER_HOST_H

#include "../include/base.h"

/* The architecture level that translated code may use at most, "x86-64-v2" or "x86-64-v3"; NULL: all that this
 * processor has. Set before anything is translated. */
extern const char *host_level;

/* One of __builtin_cpu_supports's features that is part of no level. */
#define HOST_HAS(feature) (!host_level && __builtin_cpu_supports(feature))

/* Whether this processor reaches a level. */
bool host_reaches(const char *level);
/* Stands for all that translated code may use of this processor: what LLVM has made is good where this is the same. */
u32 host_cpu(void);
/* Whether code that was made where host_cpu was this may run here; 0: it may anywhere. */
bool host_takes(u32 cpu);
/* The newest level that it reaches, for people to read: there may be newer ones than translated code can be bound to. */
const char *host_newest(void);

#endif
