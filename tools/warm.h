/* `dragoman cache warm`. */
#ifndef DRAGOMAN_TOOLS_WARM_H
#define DRAGOMAN_TOOLS_WARM_H

#include "../include/base.h"

typedef struct Warm {
    const char *cache; /* the directory */
    char **paths;      /* files, and directories with all that is below */
    u32 npaths;
    u32 workers;
    bool regions, exact; /* LLVM's regions, too; which are exact */
} Warm;

/* Translates all code of programs and libraries into the cache. An exit status. */
int warm_main(const Warm *w);

#endif
