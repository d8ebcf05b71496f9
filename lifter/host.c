#include "host.h"

#include <string.h>
#include <sys/platform/x86.h>

const char *host_level;

u32 host_features;

/* The header's own macro shifts a 1 into the sign. */
static bool is_active(u32 number)
{
    const struct cpuid_feature *leaf = __x86_get_cpuid_feature_leaf(number / 128);
    return leaf->active_array[number % 128 / 32] >> number % 32 & 1;
}
#define ACTIVE(name) is_active(x86_cpu_##name)

/* Before anything else is. */
__attribute__((constructor)) static void find_features(void)
{
    host_features = (ACTIVE(AES) ? HOST_FEATURE_aes : 0) | (ACTIVE(PCLMULQDQ) ? HOST_FEATURE_pclmul : 0) |
                    (ACTIVE(SHA) ? HOST_FEATURE_sha : 0) | (ACTIVE(F16C) ? HOST_FEATURE_f16c : 0) |
                    (ACTIVE(FMA) ? HOST_FEATURE_fma : 0);
}

/* The levels, as the ABI has them (System V, x86-64, micro-architecture levels). */
static bool reaches(int level)
{
    if (level == 2)
        return ACTIVE(CMPXCHG16B) && ACTIVE(LAHF64_SAHF64) && ACTIVE(POPCNT) && ACTIVE(SSE3) && ACTIVE(SSSE3) &&
               ACTIVE(SSE4_1) && ACTIVE(SSE4_2);
    if (level == 3)
        return reaches(2) && ACTIVE(AVX) && ACTIVE(AVX2) && ACTIVE(BMI1) && ACTIVE(BMI2) && ACTIVE(F16C) &&
               ACTIVE(FMA) && ACTIVE(LZCNT) && ACTIVE(MOVBE);
    return reaches(3) && ACTIVE(AVX512F) && ACTIVE(AVX512BW) && ACTIVE(AVX512CD) && ACTIVE(AVX512DQ) &&
           ACTIVE(AVX512VL);
}

bool host_reaches(const char *level)
{
    if (!strcmp(level, "x86-64-v3"))
        return reaches(3);
    return !strcmp(level, "x86-64-v2") && reaches(2);
}

enum { CPU_V2 = 2, CPU_V3 = 3, CPU_OTHER = 4 }; /* bits of host_cpu; the last one is set in hashes */

/* A level, or a hash of what CPUID says of instructions. */
u32 host_cpu(void)
{
    static const struct {
        u32 leaf, registers; /* of eax, ebx, ecx, edx: bits 0 to 3 */
    } leaves[] = {{CPUID_INDEX_1, 12}, {CPUID_INDEX_7, 14}, {CPUID_INDEX_80000001, 12}};
    if (host_level)
        return strcmp(host_level, "x86-64-v3") ? CPU_V2 : CPU_V3;
    u64 hash = 0;
    for (size_t i = 0; i < LEN(leaves); i++) {
        const struct cpuid_feature *leaf = __x86_get_cpuid_feature_leaf(leaves[i].leaf);
        for (u32 k = 0; k < LEN(leaf->cpuid_array); k++)
            if (leaves[i].registers >> k & 1)
                hash = (hash ^ leaf->cpuid_array[k]) * 0x9e3779b97f4a7c15ull, hash ^= hash >> 32;
    }
    return (u32)hash | CPU_OTHER;
}

bool host_takes(u32 cpu)
{
    if (!cpu || cpu & CPU_OTHER || host_level)
        return !cpu || cpu == host_cpu() || cpu == CPU_V2; /* which is the least there is */
    return host_reaches(cpu == CPU_V3 ? "x86-64-v3" : "x86-64-v2");
}

const char *host_newest(void)
{
    return reaches(4) ? "x86-64-v4" : reaches(3) ? "x86-64-v3" : "x86-64-v2";
}
