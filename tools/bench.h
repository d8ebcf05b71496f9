/* `dragoman bench`. */
#ifndef DRAGOMAN_TOOLS_BENCH_H
#define DRAGOMAN_TOOLS_BENCH_H

/* Runs the benchmarks that argv from index `at` on asks for. Returns the exit status: 0 if everything ran and all
 * outputs were equal, 1 if not, 2 if it couldn't start. */
int bench_main(int argc, char **argv, int at);

#endif
