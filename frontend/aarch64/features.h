/* The features of features.def by what asks for them, for the model that the process was started with. */
#ifndef DRAGOMAN_A64_FEATURES_H
#define DRAGOMAN_A64_FEATURES_H

#include <stdio.h>

#include "../../include/base.h"

/* MIDR_EL1 and ID_AA64..._EL1; user code reads those by Linux's emulation
 * (Documentation/arm64/cpu-feature-registers.rst). */
typedef enum A64Id { A64_MIDR, A64_PFR0, A64_PFR1, A64_ISAR0, A64_ISAR1, A64_ISAR2, A64_MMFR0, A64_MMFR2 } A64Id;

/* Chooses a model of cpus.def; false if there is none of that name. Before anything is translated; else it is one with
 * all that is fast, and that says it is neoverse-n1, for which libraries choose their SIMD routines. */
bool a64_choose_cpu(const char *name);
/* The models with their features, a line each. */
void a64_list_cpus(FILE *f);

u64 a64_id_register(A64Id id);
/* AT_HWCAP for n = 1, AT_HWCAP2 for 2. */
u64 a64_hwcap(u32 n);
/* Their names, each after a space, as in /proc/cpuinfo. */
void a64_feature_names(FILE *f);
/* FEAT_EBF16: FPCR.EBF can be set. */
bool a64_extends_bf16(void);
/* FEAT_BTI */
bool a64_guards_pages(void);
/* FEAT_PAuth: its instructions aren't there, or do nothing, if the model lacks it. */
bool a64_signs_pointers(void);
/* -cpu's property NAME=VALUE, if it is one of pointer authentication's, as QEMU has them: pauth=off is without; which
 * algorithm it is makes no difference. */
bool a64_cpu_detail(const char *name, size_t n, const char *value);
/* FEAT_LSE2: 16 aligned bytes that a pair of registers is loaded from or stored to are accessed at once. */
bool a64_pairs_at_once(void);

#endif
