/* What the host's processor can do beyond x86-64-v2, which everything here is compiled for. */
#ifndef DRAGOMAN_LIFTER_HOST_H
#define DRAGOMAN_LIFTER_HOST_H

#include "../include/base.h"

/* The architecture level that translated code may use at most, "x86-64-v2" or "x86-64-v3"; NULL: all that this
 * processor has. Set before anything is translated. */
extern const char *host_level;

/* What this processor has of what is part of no level, or is asked for alone. What the C library has asked CPUID at its start is all
 * that is looked at: in a virtual machine each such question may take 20 us. */
enum { HOST_FEATURE_aes = 1, HOST_FEATURE_pclmul = 2, HOST_FEATURE_sha = 4, HOST_FEATURE_f16c = 8, HOST_FEATURE_fma = 16 };
extern u32 host_features;
#define HOST_HAS(feature) (!host_level && host_features & HOST_FEATURE_##feature)

/* Whether this processor reaches a level. */
bool host_reaches(const char *level);
/* Stands for all that translated code may use of this processor: what LLVM has made is good where this is the same. */
u32 host_cpu(void);
/* Whether code that was made where host_cpu was this may run here; 0: it may anywhere. */
bool host_takes(u32 cpu);
/* The newest level that it reaches, for people to read: there may be newer ones than translated code can be bound to. */
const char *host_newest(void);

#endif
