/* Faults as the processor and arch/x86 of the kernel tell them. */
#include "faults.h"

#include <signal.h>

#include "../../frontend/x86_64/x86.h"
#include "../linux/linux.h"
#include "../signal.h"

/* The vsyscall page: three functions from before there was a vDSO, at fixed addresses in the kernel's half, of which the page alone may be
 * executed (arch/x86/entry/vsyscall). True if pc is one of them, which has been done then. */
static bool vsyscall(Task *t, u64 pc)
{
    enum : u64 { PAGE = 0xffffffffff600000, STEP = 0x400 };
    static const u16 calls[] = {__NR_gettimeofday, __NR_time, __NR_getcpu};
    X86State *s = x86_state(t);
    u64 to;
    if (pc < PAGE || pc >= PAGE + STEP * LEN(calls) || pc % STEP)
        return false;
    if (mem_read(&to, s->r[RSP], sizeof to)) {
        signal_fault(t, SIGSEGV, SI_KERNEL, 0);
        return true;
    }
    s->r[RAX] = calls[(pc - PAGE) / STEP];
    t->pc = to;
    s->r[RSP] += 8;
    linux_syscall(t);
    if (s->r[RAX] == (u64)-EFAULT)
        signal_fault(t, SIGSEGV, SI_KERNEL, 0);
    return true;
}

void x86_fetch_fault(Task *t, int signo, int code, u64 addr)
{
    addr = x86_address_of(t->pc);
    if (vsyscall(t, addr))
        return;
    if (x86_is_canonical(addr))
        signal_fetch_fault(t, signo, code, addr);
    else /* the branch to it has been done already, which it isn't by processors */
        signal_fault(t, SIGSEGV, SI_KERNEL, 0);
}

/* Where a memory operand of the instruction is. */
static u64 operand_address(const X86State *s, const Insn *i)
{
    u64 at = (u64)(i64)i->disp;
    if (i->base >= 0)
        at += i->base == 16 ? s->r[0] : s->r[i->base];
    if (i->index >= 0)
        at += s->r[i->index] << i->scale;
    return at;
}

LIFT(leave);

/* An access to an address that isn't canonical is a stack fault if its base is RSP or RBP, or none but the stack. */
bool x86_is_stack_fault(Task *t)
{
    const X86State *s = x86_state(t);
    u8 bytes[16];
    Insn i;
    size_t n = code_read(bytes, x86_address_of(t->pc), sizeof bytes);
    if (x86_decode(&i, bytes, n) != 1)
        return false;
    u64 at = operand_address(s, &i);
    if (i.has_mem && i.base != 16 && !(x86_is_canonical(at) && x86_is_canonical(at + 7)))
        return (i.base == RSP || i.base == RBP) && !i.seg;
    u64 sp = i.row->lift == x86_lift_leave ? s->r[RBP] : s->r[RSP];
    return (i.row->attr & (D64 | F64)) && !x86_is_canonical(sp);
}
