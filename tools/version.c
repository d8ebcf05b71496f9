#include "version.h"

#include <stdio.h>
#include <sys/utsname.h>

#include "../include/guest.h"
#include "../lifter/host.h"
#include "commit.gen.h"

const char version_line[] = "dragoman " DRAGOMAN_VERSION DRAGOMAN_COMMIT ", LLVM " DRAGOMAN_LLVM;

void version_print(void)
{
    struct utsname host;
    printf("dragoman version " DRAGOMAN_VERSION "%s\nLLVM " DRAGOMAN_LLVM "\nguests:", DRAGOMAN_COMMIT);
    for (size_t i = 0; i < nguests; i++)
        printf(" %s", guests[i]->name);
    uname(&host);
    printf("\nhost: %s, %s %s\n", host_newest(), host.sysname, host.release);
}
