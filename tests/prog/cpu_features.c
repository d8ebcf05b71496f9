/* What a processor has is told in three places: the auxiliary vector, /proc/cpuinfo, and the ID registers, which user code
 * may read. They must agree (Linux, Documentation/arch/arm64/elf_hwcaps.rst). */
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#ifdef __aarch64__
static char names[4096];

static int in_cpuinfo(const char *name)
{
    char word[64];
    snprintf(word, sizeof word, " %s ", name);
    return strstr(names, word) != NULL;
}

static void read_names(void)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(names, sizeof names - 1, f))
        if (!strncmp(names, "Features", 8))
            break;
    names[strcspn(names, "\n")] = ' ';
}

#define FIELD(reg, shift, value) \
    ({ \
        unsigned long v_; \
        __asm__("mrs %0, " #reg : "=r"(v_)); \
        (v_ >> (shift) & 15) >= (value) && (v_ >> (shift) & 15) != 15; \
    })
#define PFR0 S3_0_C0_C4_0
#define PFR1 S3_0_C0_C4_1
#define ISAR0 S3_0_C0_C6_0
#define ISAR1 S3_0_C0_C6_1
#define ISAR2 S3_0_C0_C6_2
#define MMFR0 S3_0_C0_C7_0
#define MMFR2 S3_0_C0_C7_2
#define CHECK(name, hwcap, bit, reg, shift, value) CHECK_(name, hwcap, bit, reg, shift, value)
#define CHECK_(name, hwcap, bit, reg, shift, value) check(name, hwcap, bit, FIELD(reg, shift, value))

static unsigned long left[2]; /* HWCAP, HWCAP2 less what has been looked at */

static void check(const char *name, int hwcap, int bit, int field)
{
    left[hwcap - 1] &= ~(1ul << bit);
    int told = getauxval(hwcap == 1 ? AT_HWCAP : AT_HWCAP2) >> bit & 1;
    if (told != in_cpuinfo(name) || told != field)
        printf("%s: HWCAP %d, cpuinfo %d, ID register %d\n", name, told, in_cpuinfo(name), field);
}
#endif

int main(void)
{
#ifdef __aarch64__
    read_names();
    left[0] = getauxval(AT_HWCAP) & ~(1ul << 2 | 1ul << 11); /* evtstrm, cpuid: no field */
    left[1] = getauxval(AT_HWCAP2);
    CHECK("fp", 1, 0, PFR0, 16, 0);
    CHECK("asimd", 1, 1, PFR0, 20, 0);
    CHECK("aes", 1, 3, ISAR0, 4, 1);
    CHECK("pmull", 1, 4, ISAR0, 4, 2);
    CHECK("sha1", 1, 5, ISAR0, 8, 1);
    CHECK("sha2", 1, 6, ISAR0, 12, 1);
    CHECK("crc32", 1, 7, ISAR0, 16, 1);
    CHECK("atomics", 1, 8, ISAR0, 20, 2);
    CHECK("fphp", 1, 9, PFR0, 16, 1);
    CHECK("asimdhp", 1, 10, PFR0, 20, 1);
    CHECK("asimdrdm", 1, 12, ISAR0, 28, 1);
    CHECK("jscvt", 1, 13, ISAR1, 12, 1);
    CHECK("fcma", 1, 14, ISAR1, 16, 1);
    CHECK("lrcpc", 1, 15, ISAR1, 20, 1);
    CHECK("dcpop", 1, 16, ISAR1, 0, 1);
    CHECK("sha3", 1, 17, ISAR0, 32, 1);
    CHECK("sm3", 1, 18, ISAR0, 36, 1);
    CHECK("sm4", 1, 19, ISAR0, 40, 1);
    CHECK("asimddp", 1, 20, ISAR0, 44, 1);
    CHECK("sha512", 1, 21, ISAR0, 12, 2);
    CHECK("sve", 1, 22, PFR0, 32, 1);
    CHECK("asimdfhm", 1, 23, ISAR0, 48, 1);
    CHECK("dit", 1, 24, PFR0, 48, 1);
    CHECK("uscat", 1, 25, MMFR2, 32, 1);
    CHECK("ilrcpc", 1, 26, ISAR1, 20, 2);
    CHECK("flagm", 1, 27, ISAR0, 52, 1);
    CHECK("ssbs", 1, 28, PFR1, 4, 2);
    CHECK("sb", 1, 29, ISAR1, 36, 1);
    CHECK("paca", 1, 30, ISAR1, 8, 1);
    CHECK("pacg", 1, 31, ISAR1, 28, 1);
    CHECK("dcpodp", 2, 0, ISAR1, 0, 2);
    CHECK("flagm2", 2, 7, ISAR0, 52, 2);
    CHECK("frint", 2, 8, ISAR1, 32, 1);
    CHECK("i8mm", 2, 13, ISAR1, 52, 1);
    CHECK("bf16", 2, 14, ISAR1, 44, 1);
    CHECK("dgh", 2, 15, ISAR1, 48, 1);
    CHECK("rng", 2, 16, ISAR0, 60, 1);
    CHECK("bti", 2, 17, PFR1, 0, 1);
    CHECK("ecv", 2, 19, MMFR0, 60, 1);
    CHECK("wfxt", 2, 31, ISAR2, 0, 2);
    CHECK("ebf16", 2, 32, ISAR1, 44, 2);
    CHECK("cssc", 2, 34, ISAR2, 52, 1);
    CHECK("rprfm", 2, 35, ISAR2, 48, 1);
    CHECK("mops", 2, 43, ISAR2, 16, 1);
    CHECK("hbc", 2, 44, ISAR2, 20, 1);
    CHECK("lrcpc3", 2, 46, ISAR1, 20, 3);
    CHECK("lse128", 2, 47, ISAR0, 20, 3);
    if (left[0] || left[1])
        printf("unknown: HWCAP %lx, HWCAP2 %lx\n", left[0], left[1]);
#endif
    puts("agreed");
}
