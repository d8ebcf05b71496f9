/* `dragoman cache warm`. */
#ifndef DRAGOMAN_TOOLS_WARM_H
#define DRAGOMAN_TOOLS_WARM_H

#include "producer.h"

typedef struct Warm {
    char **paths; /* files, and directories with all that is below */
    u32 npaths;
    Producer producer; /* its directory, number of processes, and kind of regions */
} Warm;

/* Translates all code of programs and libraries into the cache. An exit status. */
int warm_main(Warm *w);

#endif
