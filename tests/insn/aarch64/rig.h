/* The host's half of the instruction tests: makes Cases, has them run by the oracle and by each tier, compares. */
#ifndef DRAGOMAN_TESTS_RIG_H
#define DRAGOMAN_TESTS_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../host.h"
#include "case.h"

/* Fills c->state for c's words: every register random, with a bias to values that instructions treat specially; base
 * registers of loads and stores point into scratch memory. */
void case_random(Case *c, Rng *r);
/* Applies "x1=0x10 v3=0x2,0x1 nzcv=0x40000000": high half of a V register first. False with a message on stderr. */
bool case_assign(Case *c, const char *assignments);
/* True if two machines may rightly differ on it: system calls, clocks, identification registers. */
bool case_excluded(const Case *c);

/* Runs the program `oracle` on n cases under `qemu`. False with a message. */
bool oracle_run(const char *qemu, const char *oracle, const Case *cases, Outcome *outcomes, size_t n);
/* Runs cases through the lifter and a tier, in child processes: a crash of ours is that case's outcome, HOST_CRASH, and ends
 * nothing else. */
void rig_run_all(Tier tier, const Case *cases, Outcome *outcomes, size_t n);
/* Prints the IR of a case's first block. */
void rig_print_ir(FILE *f, const Case *c);

/* True if both agree on everything that counts. */
bool outcome_equal(const Outcome *a, const Outcome *b);
/* One line: what `o` changed against c's initial state, as golden files hold it. */
void outcome_print(FILE *f, const Case *c, const Outcome *o);
/* Reads such a line back. False if it is malformed. */
bool outcome_parse(const char *line, const Case *c, Outcome *o);
/* Explains a mismatch: disassembly, differing registers with their initial values, IR. */
void mismatch_print(FILE *f, Tier tier, const Case *c, const Outcome *want, const Outcome *got);

#endif
