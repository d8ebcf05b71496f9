/* `dragoman run`. */
#ifndef DRAGOMAN_TOOLS_RUN_H
#define DRAGOMAN_TOOLS_RUN_H

#include "../runtime/runtime.h"

/* Runs the program that argv from index `at` on asks for (options, path, arguments). Returns an exit status only when the
 * program could not be started. */
int run_main(const Guest *guest, int argc, char **argv, int at);

#endif
