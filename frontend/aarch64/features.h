/* The features of features.def by what asks for them. */
#ifndef DRAGOMAN_A64_FEATURES_H
#define DRAGOMAN_A64_FEATURES_H

#include <stdio.h>

#include "../../include/base.h"

/* ID_AA64..._EL1; user code reads those by Linux's emulation (Documentation/arm64/cpu-feature-registers.rst). */
typedef enum A64Id { A64_PFR0, A64_PFR1, A64_ISAR0, A64_ISAR1, A64_ISAR2, A64_MMFR0, A64_MMFR2 } A64Id;

u64 a64_id_register(A64Id id);
/* AT_HWCAP for n = 1, AT_HWCAP2 for 2. */
u64 a64_hwcap(u32 n);
/* Their names, each after a space, as in /proc/cpuinfo. */
void a64_feature_names(FILE *f);

#endif
