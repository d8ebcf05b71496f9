/* A cache's files of units as one file, to be copied to another machine. */
#ifndef DRAGOMAN_UNITPACK_H
#define DRAGOMAN_UNITPACK_H

#include <stdio.h>

#include "../include/base.h"

/* Writes all files of units below the directory `top`; how many, or -errno. */
i64 unitpack_write(int top, FILE *f);
/* Adds what is in the pack to the files below `top`, which are made if need be; how many files that were, or -errno: -EINVAL if it
 * isn't a pack, or damaged: what came before the damage has been added. */
i64 unitpack_read(int top, FILE *f);

#endif
