#include "features.h"

#include <string.h>

typedef enum Level { V80, V82, FAST, MAX, PAUTH } Level;

static const struct {
    const char *name;
    u8 hwcap, bit;
    u8 id, shift, value;
    u8 level;
} features[] = {
#define FEATURE(name, hwcap, bit, id, shift, value, level) {name, hwcap, bit, A64_##id, shift, value, level},
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

static Cpu cpu = {"", 0x414fd0c1, FAST};

/* What isn't a feature: EL1 is AArch64; granules that virtual memory doesn't have. */
static const u64 initial[] = {[A64_PFR0] = 0x10, [A64_MMFR0] = 0xff000000, [A64_MMFR2] = 0};

bool a64_choose_cpu(const char *name)
{
    for (size_t n = 0; n < LEN(cpus); n++)
        if (!strcmp(cpus[n].name, name)) {
            cpu = cpus[n];
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

void a64_list_cpus(FILE *f)
{
    for (size_t n = 0; n < LEN(cpus); n++) {
        fprintf(f, "  %-12s", cpus[n].name);
        names(f, cpus[n].level);
        fputc('\n', f);
    }
}

u64 a64_id_register(A64Id id)
{
    u64 v = id == A64_MIDR ? cpu.midr : initial[id];
    for (size_t n = 0; n < LEN(features); n++)
        if (features[n].id == id && features[n].level <= cpu.level)
            v = (v & ~(15ull << features[n].shift)) | (u64)features[n].value << features[n].shift;
    return v;
}

u64 a64_hwcap(u32 n)
{
    u64 v = 0;
    for (size_t k = 0; k < LEN(features); k++)
        if (features[k].hwcap == n && features[k].level <= cpu.level)
            v |= 1ull << features[k].bit;
    return v;
}

void a64_feature_names(FILE *f)
{
    names(f, cpu.level);
}

bool a64_pairs_at_once(void)
{
    return cpu.level >= MAX;
}

bool a64_extends_bf16(void)
{
    return cpu.level >= MAX;
}

bool a64_guards_pages(void)
{
    return cpu.level >= MAX;
}

bool a64_signs_pointers(void)
{
    return cpu.level == PAUTH;
}

bool a64_cpu_detail(const char *name, size_t n, const char *value)
{
    bool on = !strcmp(value, "on");
    if (cpu.level < PAUTH || (!on && strcmp(value, "off")))
        return false;
    if (n == 5 && !memcmp(name, "pauth", n)) {
        cpu.level = on ? PAUTH : MAX;
        return true;
    }
    return n > 6 && !memcmp(name, "pauth-", 6);
}
