/* The features of features.def, for the model that the process was started with, and CPUID. */
#ifndef DRAGOMAN_X86_FEATURES_H
#define DRAGOMAN_X86_FEATURES_H

#include <stdio.h>

#include "../../include/base.h"

enum {
    X86_FT_none,
#define FEATURE(name, level, leaf, reg, bit, text, host) X86_FT_##name,
#include "features.def"
    X86_FEATURES
};

/* Of the model, a bit each; X86_FT_none is always there. */
extern u64 x86_features;

static inline bool x86_has(u32 feature)
{
    return x86_features >> feature & 1;
}

/* Chooses max, if nobody has chosen. */
void x86_default_cpu(void);
/* Chooses a model of cpus.def; false for another. */
bool x86_choose_cpu(const char *name);
/* Guest.cpu_detail: a feature by its name, on or off. */
bool x86_cpu_detail(const char *name, size_t n, const char *value);
void x86_list_cpus(FILE *f);

/* How many processors CPUID tells of. */
void x86_set_cpus(u32 n);
typedef struct X86Cpuid {
    u32 eax, ebx, ecx, edx;
} X86Cpuid;
X86Cpuid x86_cpuid(u32 leaf, u32 subleaf, u32 cpu);
/* Their names, each after a space, as in /proc/cpuinfo. */
void x86_feature_names(FILE *f);
u64 x86_xcr0(void);
u32 x86_xsave_size(u64 xcr0); /* of the standard format */

#endif
