/* What every program here is made of: work(), done as often as the argument says, once without one. */
#ifndef DRAGOMAN_BENCH_WORK_H
#define DRAGOMAN_BENCH_WORK_H

#include <stdlib.h>

static void work(void);

int main(int argc, char **argv)
{
    for (long n = argc > 1 ? atol(argv[1]) : 1; n > 0; n--)
        work();
    return 0;
}

#endif
