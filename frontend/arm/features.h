/* The features of features.def, for the model that the process was started with. */
#ifndef DRAGOMAN_ARM_FEATURES_H
#define DRAGOMAN_ARM_FEATURES_H

#include <stdio.h>

#include "../../include/base.h"

/* Chooses a model of cpus.def; false if there is none of that name. */
bool arm_choose_cpu(const char *name);
/* The models with their features, a line each. */
void arm_list_cpus(FILE *f);

/* AT_HWCAP for n = 1, AT_HWCAP2 for 2. */
u32 arm_hwcap(u32 n);
/* Their names, each after a space, as in /proc/cpuinfo. */
void arm_feature_names(FILE *f);
u32 arm_midr(void);
/* What uname -m, AT_PLATFORM and "CPU architecture" say. ARMv6 with its MMU is a 7 there: arch/arm/kernel/setup.c, __get_cpu_architecture. */
const char *arm_machine(void);
const char *arm_platform(void);
const char *arm_architecture(void);

#endif
