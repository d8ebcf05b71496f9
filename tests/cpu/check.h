/* What the programs here look at, line by line. */
#include <stdio.h>

static int failed;
#define CHECK(what) \
    do { \
        if (!(what)) { \
            printf("line %d: %s\n", __LINE__, #what); \
            failed = 1; \
        } \
    } while (0)
