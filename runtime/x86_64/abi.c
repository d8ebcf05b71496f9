/* Linux/x86-64 as its programs see it: auxiliary vector, /proc/cpuinfo, thread creation. */
#include <linux/audit.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "../../frontend/x86_64/features.h"
#include "../../frontend/x86_64/state.h"
#include "calls.h"
#include "faults.h"
#include "layout.h"
#include "sigframe.h"

static u64 hwcap(void)
{
    x86_default_cpu();
    x86_set_cpus((u32)proc_cpus(the_process));
    return x86_cpuid(1, 0, 0).edx;
}

static u64 hwcap2(void)
{
    return x86_has(X86_FT_fsgsbase) ? 2 : 0;
}

static int own_prot(void)
{
    return 0;
}

/* arch/x86/kernel/cpu/proc.c: show_cpuinfo */
static void cpuinfo(FILE *f, int cpu)
{
    X86Cpuid v = x86_cpuid(0, 0, 0), s = x86_cpuid(1, 0, 0);
    u32 name[13] = {0}, family = s.eax >> 8 & 15, model = s.eax >> 4 & 15;
    if (family == 15)
        family += s.eax >> 20 & 255;
    if (family >= 6)
        model |= s.eax >> 12 & 0xf0;
    for (u32 n = 0; n < 3; n++) {
        X86Cpuid r = x86_cpuid(0x80000002 + n, 0, 0);
        memcpy(name + 4 * n, &r, sizeof r);
    }
    char vendor[13] = {0};
    memcpy(vendor, &v.ebx, 4);
    memcpy(vendor + 4, &v.edx, 4);
    memcpy(vendor + 8, &v.ecx, 4);
    fprintf(f, "processor\t: %d\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n", cpu, vendor, family,
            model, (const char *)name, s.eax & 15);
    fprintf(f, "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %d\ncpu cores\t: %u\napicid\t\t: %d\ninitial apicid\t: %d\nfpu\t\t: yes\n"
               "fpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\nflags\t\t:", s.ebx >> 16 & 255, cpu, s.ebx >> 16 & 255, cpu, cpu, v.eax);
    x86_feature_names(f);
    fprintf(f, "\nbugs\t\t:\nbogomips\t: 2000.00\nclflush size\t: 64\ncache_alignment\t: 64\naddress sizes\t: 48 bits physical, 48 bits virtual\n"
               "power management:\n\n");
}

/* MXCSR and the x87 unit are the parent's: the kernel hands on its host thread's. */
static void clone_regs(Task *child, u64 stack, bool set_tls, u64 tls)
{
    X86State *s = x86_state(child);
    s->r[RAX] = 0;
    child->traps = s->flag_rest & X86_TF;
    if (stack)
        s->r[RSP] = stack;
    if (set_tls)
        s->fs = tls;
}

/* The image that the build made from vdso/; .org fails if it is larger than its page. */
__asm__(".section .rodata\n"
        ".balign 16\n"
        "vdso_x86_64: .incbin \"" VDSO_X86_64 "\"\n"
        ".org vdso_x86_64 + 4096\n"
        ".previous\n");
extern const u8 vdso_x86_64[4096];

static const u16 sysno[] = {
#define NR(number, name, form) [number] = CALL_##name,
#include "sysno.def"
};

static const u8 probe[] = {
    0xb8, 60, 0, 0, 0,           /* mov eax, 60: exit */
    0xbf, PROBE_STATUS, 0, 0, 0, /* mov edi, PROBE_STATUS */
    0x0f, 0x05,                  /* syscall */
};

static const char *machine(void)
{
    return "x86_64";
}

const Abi abi_x86_64 = {
    .machine = machine,
    .platform = machine,
    .triplets = {"x86_64-linux-gnu"},
    .debian = "amd64",
    .probe = probe,
    .probe_size = sizeof probe,
    .sysno = sysno,
    .nsysno = LEN(sysno),
    .audit_arch = AUDIT_ARCH_X86_64,
    .layout = &layout_x86_64,
    .off_sysno = OFF_R(RAX),
    .off_args = {OFF_R(RDI), OFF_R(RSI), OFF_R(RDX), OFF_R(10), OFF_R(8), OFF_R(9)},
    .off_ret = OFF_R(RAX),
    .own_call = x86_own_call,
    .arrange = x86_arrange,
    .hwcap = hwcap,
    .hwcap2 = hwcap2,
    .own_prot = own_prot,
    .own_map_flags = MAP_32BIT | 0x80 /* MAP_ABOVE4G */,
    .vdso = vdso_x86_64,
    .vdso_size = sizeof vdso_x86_64,
    .min_sigstack = 2048,
    .min_altstack = 2048,
    .clone_tls_last = true,
    .fetch_call = x86_fetch_call,
    .undefined_code = ILL_ILLOPN,
    .syscall_bytes = 2,
    .push_frame = x86_push_frame,
    .pop_frame = x86_pop_frame,
    .siginfo = siginfo_as_is,
    .fetch_fault = x86_fetch_fault,
    .is_stack_fault = x86_is_stack_fault,
    .enter_thread = x86_enter_thread,
    .clone_regs = clone_regs,
    .cpuinfo = cpuinfo,
};
