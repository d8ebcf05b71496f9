/* Linux/arm (EABI) as its programs see it: auxiliary vector, /proc/cpuinfo, thread creation, the page of helpers, the vDSO. */
#include <linux/audit.h>
#include <stdio.h>

#include "../../frontend/arm/features.h"
#include "../../frontend/arm/state.h"
#include "calls.h"
#include "layout.h"
#include "sigframe.h"

static u64 hwcap(void)
{
    return arm_hwcap(1);
}

static u64 hwcap2(void)
{
    return arm_hwcap(2);
}

static int own_prot(void)
{
    return 0;
}

/* arch/arm/kernel/setup.c: c_show */
static void cpuinfo(FILE *f, int cpu)
{
    u32 midr = arm_midr();
    const char *platform = arm_platform();
    fprintf(f, "processor\t: %d\nmodel name\t: ARMv%c Processor rev %u (%s)\nBogoMIPS\t: 2000.00\nFeatures\t:", cpu, platform[1], midr & 15, platform);
    arm_feature_names(f);
    fprintf(f, "\nCPU implementer\t: 0x%02x\nCPU architecture: %s\nCPU variant\t: 0x%x\nCPU part\t: 0x%03x\nCPU revision\t: %u\n\n",
            midr >> 24, arm_architecture(), midr >> 20 & 0xf, midr >> 4 & 0xfff, midr & 0xf);
}

static void siginfo(void *out, const siginfo_t *info)
{
    arm_siginfo_of(out, info);
}

static void clone_regs(Task *child, u64 stack, bool set_tls, u64 tls)
{
    ArmState *s = arm_state(child);
    /* Status flags live in this host thread's MXCSR; the child's starts clean. */
    s->fpscr = arm_fpscr(child) & ~(FPSR_QC | FPSCR_NZCV);
    s->r[0] = 0;
    if (stack)
        s->r[13] = stack;
    if (set_tls)
        s->tpidruro = (u32)tls;
    s->excl_addr = ARM_NO_EXCL;
}

/* The images that the build made from kuser/ and vdso/; .org fails if one is larger than its page. */
__asm__(".section .rodata\n"
        ".balign 16\n"
        "kuser_arm: .incbin \"" KUSER_ARM "\"\n"
        ".org kuser_arm + 4096\n"
        "vdso_arm: .incbin \"" VDSO_ARM "\"\n"
        ".org vdso_arm + 4096\n"
        ".previous\n");
extern const u8 kuser_arm[4096], vdso_arm[4096];

static const u16 sysno[] = {
#define NR(number, name, form) [number] = CALL_##name,
#include "sysno.def"
};

static const u32 probe[] = {
    0xe3a07001,                /* mov r7, #1: exit */
    0xe3a00000 | PROBE_STATUS, /* mov r0, #PROBE_STATUS */
    0xef000000,                /* svc #0 */
};

const Abi abi_arm = {
    .machine = arm_machine,
    .platform = arm_platform,
    .triplets = {"arm-linux-gnueabihf", "arm-linux-gnueabi"},
    .debian = "armhf",
    .probe = (const u8 *)probe,
    .probe_size = sizeof probe,
    .sysno = sysno,
    .nsysno = LEN(sysno),
    .audit_arch = AUDIT_ARCH_ARM,
    .layout = &layout_arm,
    .off_sysno = OFF_R(7),
    .off_args = {OFF_R(0), OFF_R(1), OFF_R(2), OFF_R(3), OFF_R(4), OFF_R(5)},
    .off_ret = OFF_R(0),
    .own_call = arm_own_call,
    .convert = arm_convert,
    .convert_back = arm_convert_back,
    .hwcap = hwcap,
    .hwcap2 = hwcap2,
    .own_prot = own_prot,
    .vdso = vdso_arm,
    .vdso_size = sizeof vdso_arm,
    .page = kuser_arm,
    .page_address = ARM_KUSER,
    .min_sigstack = 2048,
    .min_altstack = 2048,
    .syscall_bytes = 4,
    .syscall_bytes_odd = 2,
    .push_frame = arm_push_frame,
    .pop_frame = arm_pop_frame,
    .siginfo = siginfo,
    .enter_thread = arm_enter_thread,
    .clone_regs = clone_regs,
    .cpuinfo = cpuinfo,
};
