/* `dragoman aot`. */
#ifndef DRAGOMAN_TOOLS_AOT_H
#define DRAGOMAN_TOOLS_AOT_H

/* Translates the program that argv from index `at` on names into an executable of its own. Returns the exit status: 0,
 * 1 if it could not be done, 2 for a bad option. */
int aot_main(int argc, char **argv, int at);

#endif
