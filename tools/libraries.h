/* Which files a guest program is made of: its interpreter and libraries, found as the dynamic linker would. */
#ifndef DRAGOMAN_TOOLS_LIBRARIES_H
#define DRAGOMAN_TOOLS_LIBRARIES_H

#include <limits.h>

#include "../runtime/runtime.h"

typedef struct Library {
    char *path; /* as the guest names it */
    char *host; /* where it is; both are owned */
    bool named; /* somebody else than a program's interpreter asks for it by path */
} Library;

typedef struct Libraries {
    const char *root; /* the guest's, looked at before the host's; NULL: none */
    char
        *home; /* directory of the first library found where all dynamic linkers look, as the guest names it; or NULL */
    Library *all; /* the program first */
    size_t count;
} Libraries;

/* Opens a file by the guest's name for it; *host (PATH_MAX bytes) is where it is. -1 with errno set. */
int libraries_open(const Libraries *l, const char *path, char host[PATH_MAX]);
/* Adds the program's interpreter, and what it and all of that need. 0, or -errno with one line in `why`. */
int libraries_add_program(Libraries *l, const Image *image, const char *path, char *why, size_t size);
/* Adds a library that it loads by itself, and what that needs: by the guest's path, or a name to be looked for. */
int libraries_add(Libraries *l, const Image *program, const char *name, char *why, size_t size);

#endif
