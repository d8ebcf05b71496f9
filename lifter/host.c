#include "host.h"

#include <string.h>

const char *host_level;

bool host_reaches(const char *level)
{
    __builtin_cpu_init();
    if (!strcmp(level, "x86-64-v3"))
        return __builtin_cpu_supports("x86-64-v3");
    return !strcmp(level, "x86-64-v2") && __builtin_cpu_supports("x86-64-v2");
}

const char *host_newest(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4"))
        return "x86-64-v4";
    return __builtin_cpu_supports("x86-64-v3") ? "x86-64-v3" : "x86-64-v2";
}
