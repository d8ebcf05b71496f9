/* `dragoman run`. */
#ifndef DRAGOMAN_TOOLS_RUN_H
#define DRAGOMAN_TOOLS_RUN_H

#include "../runtime/ahead.h"

/* Whether the kernel has started this executable in place of a guest program, by binfmt_misc's flags O, C or P: argv[1] is the
 * program then, whatever it looks like. */
bool run_by_kernel(void);
/* Runs the program that argv from index `at` on asks for (options, path, arguments). Returns an exit status only when the
 * program could not be started. */
int run_main(int argc, char **argv, int at);
/* The same for one guest's programs, under qemu-user's name for it. */
int run_guest(const Guest *guest, int argc, char **argv, int at);
/* Runs the program that this executable was made for by `dragoman aot`: all arguments are its, options come from the
 * environment. */
int run_payload(const Guest *guest, const Ahead *payload, char **argv);

/* A number of bytes, K, M, G or T of which may follow; false if that is not what the text says. */
bool size_parse(const char *text, u64 *size);

#endif
