/* Linux/arm64 as its programs see it: auxiliary vector, /proc/cpuinfo, thread creation, vDSO. */
#include <errno.h>
#include <linux/audit.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "../../frontend/aarch64/features.h"
#include "../../frontend/aarch64/state.h"
#include "../cache.h"
#include "../linux/linux.h"
#include "../store.h"
#include "layout.h"
#include "sigframe.h"

static u64 hwcap(void)
{
    return a64_hwcap(1);
}

static u64 hwcap2(void)
{
    return a64_hwcap(2);
}

/* arch/arm64/include/asm/mman.h: arch_validate_prot */
static int own_prot(void)
{
    return a64_guards_pages() ? A64_PROT_BTI : 0;
}

/* arch_elf_adjust_prot */
static int image_prot(u32 and)
{
    enum { GNU_PROPERTY_AARCH64_FEATURE_1_BTI = 1 };
    return and & GNU_PROPERTY_AARCH64_FEATURE_1_BTI ? own_prot() : 0;
}

/* What has been translated, now and before, doesn't look where branches lead. */
static void guard(Task *t)
{
    if (a64_guard_code()) {
        store_stop();
        cache_flush(t, cache_flushes(), FLUSH_ALL);
    }
}

/* arch/arm64/kernel/pointer_auth.c. The options' bits are in the keys' order but for the generic one's. */
static i64 reset_keys(Task *t, u64 keys, u64 others)
{
    if (others || keys & ~31ull)
        return -EINVAL;
    a64_new_keys(a64(t), keys ? (u32)keys : ~0u);
    return 0;
}

static i64 enable_keys(Task *t, u64 keys, u64 enabled, u64 others)
{
    if (others || keys & ~15ull || enabled & ~keys)
        return -EINVAL;
    a64(t)->keys_off = (a64(t)->keys_off & ~keys) | (keys & ~enabled);
    return 0;
}

static i64 own_prctl(Task *t, int option, u64 b, u64 c, u64 d, u64 e)
{
    if (!a64_signs_pointers())
        return -EINVAL;
    switch (option) {
    case PR_PAC_RESET_KEYS:
        return reset_keys(t, b, c | d | e);
    case PR_PAC_SET_ENABLED_KEYS:
        return enable_keys(t, b, c, d | e);
    case PR_PAC_GET_ENABLED_KEYS:
        return b | c | d | e ? -EINVAL : (i64)(~a64(t)->keys_off & 15);
    default:
        return -EINVAL;
    }
}

/* arch/arm64/kernel/cpuinfo.c: c_show. BogoMIPS is twice the counter's frequency in MHz. */
static void cpuinfo(FILE *f, int cpu)
{
    fprintf(f, "processor\t: %d\nBogoMIPS\t: 2000.00\nFeatures\t:", cpu);
    a64_feature_names(f);
    u32 midr = (u32)a64_id_register(A64_MIDR);
    fprintf(f,
            "\nCPU implementer\t: 0x%02x\nCPU architecture: 8\nCPU variant\t: 0x%x\nCPU part\t: 0x%03x\nCPU "
            "revision\t: %d\n\n",
            midr >> 24, midr >> 20 & 0xf, midr >> 4 & 0xfff, midr & 0xf);
}

static void clone_regs(Task *child, u64 stack, bool set_tls, u64 tls)
{
    A64State *s = a64(child);
    /* Status flags live in this host thread's MXCSR; the child's starts clean. */
    u32 fpsr = a64_fpsr(child);
    s->fpsr = fpsr & ~(u32)FPSR_QC;
    s->x[0] = 0;
    if (stack)
        s->sp = stack;
    if (set_tls)
        s->tpidr = tls;
    s->excl_addr = NO_EXCL;
}

/* The image that the build made from vdso/; .org fails if it is larger than its page. */
__asm__(".section .rodata\n"
        ".balign 16\n"
        "vdso_aarch64: .incbin \"" VDSO_AARCH64 "\"\n"
        ".org vdso_aarch64 + 4096\n"
        ".previous\n");
extern const u8 vdso_aarch64[4096];

static const u16 sysno[] = {
#define NR(number, name) [number] = CALL_##name,
#include "sysno.def"
#undef NR
};

static const u32 probe[] = {
    0xd2800ba8,                     /* mov x8, #93: exit */
    0xd2800000 | PROBE_STATUS << 5, /* mov x0, #PROBE_STATUS */
    0xd4000001,                     /* svc #0 */
};

static const char *machine(void)
{
    return "aarch64";
}

const Abi abi_aarch64 = {
    .machine = machine,
    .platform = machine,
    .triplets = {"aarch64-linux-gnu"},
    .debian = "arm64",
    .probe = (const u8 *)probe,
    .probe_size = sizeof probe,
    .sysno = sysno,
    .nsysno = LEN(sysno),
    .audit_arch = AUDIT_ARCH_AARCH64,
    .layout = &layout_aarch64,
    .off_sysno = OFF_X(8),
    .off_args = {OFF_X(0), OFF_X(1), OFF_X(2), OFF_X(3), OFF_X(4), OFF_X(5)},
    .off_ret = OFF_X(0),
    .hwcap = hwcap,
    .hwcap2 = hwcap2,
    .own_prot = own_prot,
    .image_prot = image_prot,
    .guard = guard,
    .own_prctl = own_prctl,
    .vdso = vdso_aarch64,
    .vdso_size = sizeof vdso_aarch64,
    .min_sigstack = A64_MINSIGSTKSZ,
    .min_altstack = 5120,
    .syscall_bytes = 4,
    .push_frame = a64_push_frame,
    .pop_frame = a64_pop_frame,
    .settle = a64_settle,
    .siginfo = siginfo_as_is,
    .enter_thread = a64_enter_thread,
    .clone_regs = clone_regs,
    .cpuinfo = cpuinfo,
};
