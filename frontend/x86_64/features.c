/* CPUID: the host's where that is harmless (names, caches, addresses), the model's features, and as many processors as --cpus says. */
#include "features.h"

#include <cpuid.h>
#include <string.h>
#include <unistd.h>

enum { EAX, EBX, ECX, EDX };

static const struct {
    u32 leaf, reg, bit, level;
    bool host;
    const char *name;
} features[X86_FEATURES] = {
#define FEATURE(name, level, leaf, reg, bit, text, host) [X86_FT_##name] = {leaf, reg, bit, level, host, text},
#include "features.def"
};

u64 x86_features; /* 0: not chosen yet */
static u32 cpus;

static void host_cpuid(u32 leaf, u32 subleaf, u32 r[4])
{
    r[0] = r[1] = r[2] = r[3] = 0;
    if (__get_cpuid_max(leaf & 0x80000000, NULL) >= leaf)
        __cpuid_count(leaf, subleaf, r[0], r[1], r[2], r[3]);
}

static bool host_has(u32 n)
{
    u32 r[4];
    host_cpuid(features[n].leaf, features[n].leaf == 0xd ? 1 : 0, r);
    return r[features[n].reg] >> features[n].bit & 1;
}

static const struct {
    const char *name;
    u32 level;
    const char *others;
} models[] = {
#define CPU(name, level, others) {name, level, others},
#include "cpus.def"
};

/* Whether a list of names, a space before each, has this one. */
static bool lists(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (; n && (list = strstr(list, name)); list += n)
        if (list[-1] == ' ' && (list[n] == ' ' || !list[n]))
            return true;
    return false;
}

static bool model_has(size_t model, u32 n)
{
    bool xsave = n == X86_FT_osxsave && lists(models[model].others, "xsave"); /* OSXSAVE has no name */
    return features[n].level <= models[model].level || lists(models[model].others, features[n].name) || xsave;
}

static void set_feature(u32 n, bool on)
{
    x86_features = on ? x86_features | 1ull << n : x86_features & ~(1ull << n);
}

bool x86_choose_cpu(const char *name)
{
    for (size_t m = 0; m < LEN(models); m++) {
        if (strcmp(models[m].name, name))
            continue;
        bool host = !strcmp(name, "host");
        x86_features = 1;
        for (u32 n = 1; n < X86_FEATURES; n++)
            set_feature(n, model_has(m, n) && (!(host || features[n].host) || host_has(n)));
        return true;
    }
    return false;
}

/* QEMU has dots and dashes in some names. */
static bool is_named(u32 f, const char *name, size_t n)
{
    const char *own = features[f].name;
    for (size_t k = 0; k < n; k++)
        if (own[k] != (name[k] == '.' || name[k] == '-' ? '_' : name[k]))
            return false;
    return n && !own[n];
}

bool x86_cpu_detail(const char *name, size_t n, const char *value)
{
    /* What goes with another one's end. */
    static const u8 needs[][2] = {
        {X86_FT_osxsave, X86_FT_xsave}, {X86_FT_xsaveopt, X86_FT_xsave}, {X86_FT_xsavec, X86_FT_xsave}, {X86_FT_avx, X86_FT_xsave},
        {X86_FT_avx2, X86_FT_avx}, {X86_FT_fma, X86_FT_avx}, {X86_FT_f16c, X86_FT_avx},
    };
    bool on = !strcmp(value, "on");
    u32 f = 1;
    while (f < X86_FEATURES && !is_named(f, name, n))
        f++;
    if (f == X86_FEATURES || (!on && strcmp(value, "off")) || (on && features[f].host && !host_has(f)))
        return false;
    x86_default_cpu();
    set_feature(f, on);
    if (f == X86_FT_xsave)
        set_feature(X86_FT_osxsave, on);
    for (u32 k = 0; k < LEN(needs); k++)
        if (!x86_has(needs[k][1]))
            set_feature(needs[k][0], false);
    return true;
}

void x86_default_cpu(void)
{
    if (!x86_features)
        x86_choose_cpu("max");
}

void x86_list_cpus(FILE *f)
{
    for (size_t m = 0; m < LEN(models); m++) {
        fprintf(f, "  %-14s", models[m].name);
        for (u32 n = 1; n < X86_FEATURES; n++)
            if (model_has(m, n) && features[n].name[0])
                fprintf(f, " %s", features[n].name);
        fprintf(f, "\n");
    }
}

void x86_feature_names(FILE *f)
{
    fprintf(f, " fpu de tsc msr pae cx8 apic sep cmov pat clflush mmx fxsr sse sse2 ht syscall nx lm constant_tsc rep_good nopl cpuid");
    for (u32 n = 1; n < X86_FEATURES; n++)
        if (x86_has(n) && features[n].name[0])
            fprintf(f, " %s", features[n].name);
}

void x86_set_cpus(u32 n)
{
    cpus = n;
}

u64 x86_xcr0(void)
{
    return x86_has(X86_FT_avx) ? 7 : 3;
}

u32 x86_xsave_size(u64 xcr0)
{
    return xcr0 & 4 ? 576 + 256 : 576;
}

static u32 feature_bits(u32 leaf, u32 reg)
{
    u32 bits = 0;
    for (u32 n = 1; n < X86_FEATURES; n++)
        if (features[n].leaf == leaf && features[n].reg == reg && x86_has(n))
            bits |= 1u << features[n].bit;
    return bits;
}

static u32 log2_up(u32 n)
{
    return n > 1 ? 32 - (u32)__builtin_clz(n - 1) : 0;
}

X86Cpuid x86_cpuid(u32 leaf, u32 subleaf, u32 cpu)
{
    enum : u32 { BASIC = 0xd, EXTENDED = 0x80000008, LEGACY_EDX = 0x078bfbff & ~(1u << 7 | 1u << 12 | 1u << 14 | 1u << 17) };
    u32 n = cpus ? cpus : (u32)sysconf(_SC_NPROCESSORS_ONLN), r[4];
    if (leaf >= 0x80000000 ? leaf > EXTENDED : leaf > BASIC)
        return (X86Cpuid){0};
    host_cpuid(leaf, subleaf, r);
    switch (leaf) {
    case 0: r[EAX] = BASIC; break;
    case 1:
        r[EBX] = (r[EBX] & 0xffff) | (n > 255 ? 255 : n) << 16 | cpu << 24;
        r[ECX] = feature_bits(1, ECX) | 1u << 31; /* under a hypervisor, so to say */
        r[EDX] = LEGACY_EDX | 1u << 28;
        break;
    case 4: r[EAX] = (r[EAX] & 0x3fff) | ((n - 1) & 63) << 26; break;
    case 7:
        if (subleaf)
            return (X86Cpuid){0};
        r[EAX] = 0;
        for (u32 k = EBX; k <= EDX; k++)
            r[k] = feature_bits(7, k);
        break;
    case 0xb:
        r[EAX] = subleaf == 1 ? log2_up(n) : 0;
        r[EBX] = subleaf == 0 ? 1 : subleaf == 1 ? n : 0;
        r[ECX] = (subleaf & 0xff) | (subleaf < 2 ? (subleaf + 1) << 8 : 0);
        r[EDX] = cpu;
        break;
    case 0xd: {
        u64 xcr0 = x86_has(X86_FT_xsave) ? x86_xcr0() : 0;
        r[EAX] = r[EBX] = r[ECX] = r[EDX] = 0;
        if (subleaf == 0 && xcr0) {
            r[EAX] = (u32)xcr0;
            r[EBX] = r[ECX] = x86_xsave_size(xcr0);
        } else if (subleaf == 1 && xcr0) {
            r[EAX] = feature_bits(0xd, EAX);
            r[EBX] = x86_xsave_size(xcr0);
        } else if (subleaf == 2 && xcr0 & 4) {
            r[EAX] = 256;
            r[EBX] = 576;
        }
        break;
    }
    case 5:
    case 6:
    case 9:
    case 0xa: return (X86Cpuid){0};
    case 0x80000000: r[EAX] = EXTENDED; break;
    case 0x80000001:
        r[ECX] = feature_bits(leaf, ECX) | 1u << 8 /* 3DNow! prefetches */;
        r[EDX] = feature_bits(leaf, EDX) | 1u << 11 /* syscall */ | 1u << 20 /* nx */ | 1u << 29 /* lm */;
        break;
    case 0x80000007: r[EBX] = r[ECX] = 0; r[EDX] &= 1u << 8; r[EAX] = 0; break;
    case 0x80000008: r[EBX] = 0; r[ECX] = (n - 1) & 255; r[EDX] = 0; break;
    }
    return (X86Cpuid){r[EAX], r[EBX], r[ECX], r[EDX]};
}
