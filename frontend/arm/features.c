#include "features.h"

#include <string.h>

typedef enum Level { V5, V6, V6K, V7, V7VE, V8, V86 } Level;

static const struct {
    const char *name;
    u8 hwcap, bit, level;
} features[] = {
#define FEATURE(name, hwcap, bit, level) {name, hwcap, bit, level},
#include "features.def"
};

typedef struct Cpu {
    const char *name;
    u32 midr;
    Level level;
} Cpu;

static const Cpu cpus[] = {
#define CPU(name, midr, level) {name, midr, level},
#include "cpus.def"
};

static const Cpu *cpu = &cpus[0];

bool arm_choose_cpu(const char *name)
{
    for (size_t n = 0; n < LEN(cpus); n++)
        if (!strcmp(cpus[n].name, name)) {
            cpu = &cpus[n];
            return true;
        }
    return false;
}

static void names(FILE *f, Level level)
{
    for (size_t n = 0; n < LEN(features); n++)
        if (features[n].level <= level)
            fprintf(f, " %s", features[n].name);
}

void arm_list_cpus(FILE *f)
{
    for (size_t n = 0; n < LEN(cpus); n++) {
        fprintf(f, "  %-12s", cpus[n].name);
        names(f, cpus[n].level);
        fputc('\n', f);
    }
}

u32 arm_hwcap(u32 n)
{
    u32 v = 0;
    for (size_t k = 0; k < LEN(features); k++)
        if (features[k].hwcap == n && features[k].level <= cpu->level)
            v |= 1u << features[k].bit;
    return v;
}

void arm_feature_names(FILE *f)
{
    names(f, cpu->level);
}

u32 arm_midr(void)
{
    return cpu->midr;
}

const char *arm_machine(void)
{
    return cpu->level == V5 ? "armv5tel" : cpu->level < V7 ? "armv6l" : "armv7l";
}

const char *arm_platform(void)
{
    return cpu->level == V5 ? "v5l" : cpu->level < V7 ? "v6l" : cpu->level < V8 ? "v7l" : "v8l";
}

const char *arm_architecture(void)
{
    return cpu->level == V5 ? "5TEJ" : cpu->level < V8 ? "7" : "8";
}
