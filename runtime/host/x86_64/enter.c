/* The way into translated code and out of it. */
#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

#include "../../../include/guest.h"
#include "../../../include/host.h"
#include "../../../include/task.h"

/* All that the assembly knows of C's structures. */
#define OFFSETS \
    "i"(offsetof(Task, guest)), "i"(offsetof(Guest, pinned)), "i"(offsetof(Task, state)), "i"(offsetof(Task, host_sp)), \
        "i"(offsetof(Task, pc)), "i"(offsetof(Task, exit)), "i"(offsetof(Task, exit_link)), "i"(EXIT_LINK), \
        "i"(EXIT_LOOKUP), "i"(EXIT_SIGNAL), "i"(EXIT_HOT)
#define GUEST "%c0(%%r13)"
#define PINNED_AT(n) "%c1+2*" #n "(%%rbx)"
#define STATE "%c2(%%r13, %%rbp)"
#define HOST_SP "%c3(%%r13)"
#define PC "%c4(%%r13)"
#define WHY "%c5(%%r13)"
#define LINK "%c6(%%r13)"

#define EACH_PIN(each) \
    "mov " GUEST ", %%rbx\n" each(0, rdi) each(1, rsi) each(2, r8) each(3, r9) each(4, r14) each(5, r15) each(6, r11) \
        each(7, r12)
#define LOAD_PIN(n, reg) "movzwl " PINNED_AT(n) ", %%ebp\n mov " STATE ", %%" #reg "\n"
#define STORE_PIN(n, reg) "movzwl " PINNED_AT(n) ", %%ebp\n mov %%" #reg ", " STATE "\n"
_Static_assert(PINNED == 8 && sizeof(((Guest *)0)->pinned[0]) == 2, "EACH_PIN");

/* Saves what preserve_none code may change, notes the stack pointer that code starts with (which lies on the return
 * address that brings it back), and calls. */
__attribute__((naked)) void code_enter(Task *t, const void *code, u64 b)
{
    __asm__("push %%rbp\n push %%rbx\n push %%r12\n push %%r13\n push %%r14\n push %%r15\n"
            "sub $8, %%rsp\n"
            "mov %%rdi, %%r13\n"
            "mov %%rsi, %%rax\n"
            "mov %%rdx, %%rcx\n"
            "lea -8(%%rsp), %%rdx\n"
            "mov %%rdx, " HOST_SP "\n" EACH_PIN(LOAD_PIN) "call *%%rax\n"
            "add $8, %%rsp\n"
            "pop %%r15\n pop %%r14\n pop %%r13\n pop %%r12\n pop %%rbx\n pop %%rbp\n"
            ".globl code_leave_ret\n"
            "code_leave_ret:\n"
            "ret\n"
            :
            : OFFSETS);
}
extern const char code_leave_ret[];

/* Back to code_enter's caller, with the pinned registers in the Task. */
__attribute__((naked)) static void store_and_leave(void)
{
    __asm__(EACH_PIN(STORE_PIN) "mov " HOST_SP ", %%rsp\n ret\n" : : OFFSETS);
}

#define STUB(name, before) \
    __attribute__((naked, preserve_none)) void name(CODE_PARAMS) \
    { \
        __asm__(before "jmp %P11\n" : : OFFSETS, "i"(store_and_leave)); \
    }
STUB(link_stub, "mov %%rcx, " LINK "\n movl $%c7, " WHY "\n")
STUB(lookup_stub, "mov %%rdx, " PC "\n movl $%c8, " WHY "\n")
STUB(signal_stub, "movl $%c9, " WHY "\n")
STUB(hot_stub, "movl $%c10, " WHY "\n")
STUB(exit_stub, "")

void code_leave(Task *t, void *ucontext, bool pinned)
{
    static const i8 reg[PINNED] = {REG_RDI, REG_RSI, REG_R8, REG_R9, REG_R14, REG_R15, REG_R11, REG_R12};
    greg_t *gregs = ((ucontext_t *)ucontext)->uc_mcontext.gregs;
    for (u32 i = 0; i < PINNED && pinned; i++)
        __builtin_memcpy(t->state + t->guest->pinned[i], &gregs[reg[i]], 8);
    gregs[REG_RSP] = (greg_t)t->host_sp;
    gregs[REG_RIP] = (greg_t)code_leave_ret;
}

_Noreturn void task_raise(Task *t, int signo, int code, u64 addr)
{
    t->fault = (Fault){.signo = signo, .code = code, .addr = addr, .pc = t->pc, .exact = true};
    t->exit = EXIT_FAULT;
    asm volatile("mov %0, %%rsp\n\tret" : : "r"(t->host_sp) : "memory");
    __builtin_unreachable();
}

static _Noreturn __attribute__((used)) void raise_misaligned(Task *t, u64 addr)
{
    task_raise(t, SIGBUS, BUS_ADRALN, addr);
}

__attribute__((naked, preserve_none)) void misaligned_stub(CODE_PARAMS)
{
    __asm__(EACH_PIN(STORE_PIN) "mov %%r13, %%rdi\n mov %%rdx, %%rsi\n jmp %P11\n" : : OFFSETS, "i"(raise_misaligned));
}
