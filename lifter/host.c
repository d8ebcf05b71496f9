#include "host.h"

#include <cpuid.h>
#include <string.h>

const char *host_level;

bool host_reaches(const char *level)
{
    __builtin_cpu_init();
    if (!strcmp(level, "x86-64-v3"))
        return __builtin_cpu_supports("x86-64-v3");
    return !strcmp(level, "x86-64-v2") && __builtin_cpu_supports("x86-64-v2");
}

enum { CPU_V2 = 2, CPU_V3 = 3, CPU_OTHER = 4 }; /* bits of host_cpu; the last one is set in hashes */

/* A level, or a hash of what CPUID says of instructions, which takes long to ask in a virtual machine. */
u32 host_cpu(void)
{
    static _Atomic u32 known;
    static const struct {
        u32 leaf, registers; /* of eax, ebx, ecx, edx: bits 0 to 3 */
    } leaves[] = {{1, 12}, {7, 14}, {0x80000001, 12}};
    if (host_level)
        return strcmp(host_level, "x86-64-v3") ? CPU_V2 : CPU_V3;
    if (known)
        return known;
    u64 hash = 0;
    for (size_t i = 0; i < LEN(leaves); i++) {
        u32 r[4] = {0};
        __get_cpuid_count(leaves[i].leaf, 0, &r[0], &r[1], &r[2], &r[3]);
        for (u32 k = 0; k < 4; k++)
            if (leaves[i].registers >> k & 1)
                hash = (hash ^ r[k]) * 0x9e3779b97f4a7c15ull, hash ^= hash >> 32;
    }
    return known = (u32)hash | CPU_OTHER;
}

bool host_takes(u32 cpu)
{
    if (!cpu || cpu & CPU_OTHER || host_level)
        return !cpu || cpu == host_cpu() || cpu == CPU_V2; /* which is the least there is */
    return host_reaches(cpu == CPU_V3 ? "x86-64-v3" : "x86-64-v2");
}

const char *host_newest(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4"))
        return "x86-64-v4";
    return __builtin_cpu_supports("x86-64-v3") ? "x86-64-v3" : "x86-64-v2";
}
