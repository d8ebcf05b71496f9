/* The way into translated code and out of it. */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <ucontext.h>

#include "../../../include/guest.h"
#include "../../../include/host.h"
#include "../../../include/task.h"
#include "../../../include/translate.h"

/* All that the assembly knows of C's structures. */
#define OFFSETS                                                                                                        \
    "i"(offsetof(Task, guest)), "i"(offsetof(Guest, pinned)), "i"(offsetof(Task, state)),                              \
        "i"(offsetof(Task, host_sp)), "i"(offsetof(Task, pc)), "i"(offsetof(Task, exit)),                              \
        "i"(offsetof(Task, exit_link)), "i"(EXIT_LINK), "i"(EXIT_LOOKUP), "i"(EXIT_SIGNAL), "i"(EXIT_HOT),             \
        "i"(offsetof(Task, code_sp)), "i"(sizeof(Link))
#define GUEST "%c0(%%r13)"
#define PINNED_AT(n) "%c1+2*" #n "(%%rbx)"
#define STATE "%c2(%%r13, %%rbp)"
#define HOST_SP "%c3(%%r13)"
#define PC "%c4(%%r13)"
#define WHY "%c5(%%r13)"
#define LINK "%c6(%%r13)"
#define CODE_SP "%c11(%%r13)"

#define EACH_PIN(each) \
    "mov " GUEST ", %%rbx\n" each(0, rdi) each(1, rsi) each(2, r8) each(3, r9) each(4, r14) each(5, r15) each(6, r11) \
        each(7, r12)
#define LOAD_PIN(n, reg) "movzwl " PINNED_AT(n) ", %%ebp\n mov " STATE ", %%" #reg "\n"
#define STORE_PIN(n, reg) "movzwl " PINNED_AT(n) ", %%ebp\n mov %%" #reg ", " STATE "\n"
_Static_assert(PINNED == 8 && sizeof(((Guest *)0)->pinned[0]) == 2, "EACH_PIN");

/* Saves what preserve_none code may change, notes the stack pointer (which lies on the return address that brings it
 * back), and goes on on the other stack. */
__attribute__((naked)) void code_enter(Task *t, const void *code, u64 b)
{
    __asm__("push %%rbp\n push %%rbx\n push %%r12\n push %%r13\n push %%r14\n push %%r15\n"
            "sub $8, %%rsp\n"
            "mov %%rdi, %%r13\n"
            "mov %%rsi, %%rax\n"
            "mov %%rdx, %%rcx\n"
            "call 1f\n"
            "add $8, %%rsp\n"
            "pop %%r15\n pop %%r14\n pop %%r13\n pop %%r12\n pop %%rbx\n pop %%rbp\n"
            ".globl code_leave_ret\n"
            "code_leave_ret:\n"
            "ret\n"
            "1: mov %%rsp, " HOST_SP "\n"
            "mov " CODE_SP ", %%rsp\n" EACH_PIN(LOAD_PIN) "jmp *%%rax\n"
            :
            : OFFSETS);
}
extern const char code_leave_ret[];

__attribute__((naked, preserve_none)) void state_stub(CODE_PARAMS)
{
    __asm__("mov %%rsp, " CODE_SP "\n mov " HOST_SP ", %%rsp\n ret\n" : : OFFSETS);
}

/* Back to code_enter's caller, with the pinned registers in the Task. */
__attribute__((naked)) static void store_and_leave(void)
{
    __asm__(EACH_PIN(STORE_PIN) "jmp %P13\n" : : OFFSETS, "i"(state_stub));
}

#define STUB(name, before)                                                                                             \
    __attribute__((naked, preserve_none)) void name(CODE_PARAMS)                                                       \
    {                                                                                                                  \
        __asm__(before "jmp %P13\n" : : OFFSETS, "i"(store_and_leave));                                                \
    }
STUB(link_stub, "mov %%rcx, " LINK "\n movl $%c7, " WHY "\n")
STUB(back_stub, "add $%c12, %%rcx\n mov %%rcx, " LINK "\n movl $%c7, " WHY "\n")
STUB(lookup_stub, "mov %%rdx, " PC "\n movl $%c8, " WHY "\n")
STUB(signal_stub, "movl $%c9, " WHY "\n")
STUB(hot_stub, "movl $%c10, " WHY "\n")
STUB(exit_stub, "")

/* -- returns ----------------------------------------------------------------------------------------------------------
 */

enum { NEAREST = 32 }; /* callers that are tried */

#define RETURN_OFFSETS                                                                                                 \
    "i"(offsetof(Task, jump_cache)), "i"(JUMP_CACHE_BITS), "i"((JUMP_CACHE - 1) * sizeof(JumpEntry)),                  \
        "i"(offsetof(JumpEntry, code)), "i"(lookup_stub)

__attribute__((naked)) static void look_up(void)
{
    __asm__("mov %%rdx, %%rax\n shr $%c1, %%rax\n xor %%edx, %%eax\n shl $2, %%eax\n and $%c2, %%eax\n"
            "add %c0(%%r13), %%rax\n cmp (%%rax), %%rdx\n jne %P4\n jmp *%c3(%%rax)\n"
            :
            : RETURN_OFFSETS);
}
_Static_assert(sizeof(JumpEntry) == 16 && offsetof(JumpEntry, pc) == 0, "look_up");

/* With the stack as Task.code_sp has it: behind the call whose frame was the last one, or, that frame being left, by
 * the jump cache. */
__attribute__((naked, preserve_none)) static void go_behind(CODE_PARAMS)
{
    __asm__("mov %c0(%%r13), %%rsp\n jmp *%c1(%%rcx)\n" : : "i"(offsetof(Task, code_sp)), "i"(sizeof(Link)));
}

__attribute__((naked, preserve_none)) static void go_elsewhere(CODE_PARAMS)
{
    __asm__("mov %c0(%%r13), %%rsp\n sub $16, %%rsp\n jmp %P1\n" : : "i"(offsetof(Task, code_sp)), "i"(look_up));
}

/* A guest that has left functions without returning (longjmp, an exception) has a caller further up; then all below it
 * are forgotten. If there is none, the frame was not this return's and is left for the one whose it is: a signal
 * handler's return isn't to a caller. */
static __attribute__((preserve_none, used)) void find_caller(CODE_PARAMS)
{
    const u64 *frame = (const u64 *)t->code_sp, *end = frame + 2 * NEAREST;
    end = (u64)end > t->stack_base ? (const u64 *)t->stack_base : end;
    for (; frame < end; frame += 2) {
        const Link *link = (const Link *)frame[1];
        if (link_pc(link + 1) == a) {
            t->code_sp = (u64)(frame + 2);
            b = (u64)link;
            [[clang::musttail]] return go_behind(CODE_ARGS);
        }
    }
    [[clang::musttail]] return go_elsewhere(CODE_ARGS);
}

__attribute__((naked, preserve_none)) void return_miss(CODE_PARAMS)
{
    __asm__("mov %%rsp, %c0(%%r13)\n sub $16, %%rsp\n jmp %P1\n" : : "i"(offsetof(Task, code_sp)), "i"(find_caller));
}

/* A return without a call: its own address stays on the stack. */
__attribute__((naked)) static void return_base(void)
{
    __asm__("sub $8, %%rsp\n jmp %P0\n" : : "i"(look_up));
}

/* What an indirect call to what the jump cache doesn't know has for an entry. */
const JumpEntry no_entry = {.code = (const void *)lookup_stub};

/* As the baseline's call_direct and call_indirect. */
int code_call_text(char *text, size_t size, const char *link, bool indirect)
{
    int n = 0;
    if (indirect)
        n = snprintf(text, size,
                     "movq %%rdx, %%rax\nshrq $%d, %%rax\nxorl %%edx, %%eax\nshll $2, %%eax\nandl $%zu, %%eax\n"
                     "addq %zu(%%r13), %%rax\ncmpq (%%rax), %%rdx\nje 1f\nleaq " HOST_SYMBOL "%lx(%%rip), %%rax\n1:\n",
                     JUMP_CACHE_BITS, (JUMP_CACHE - 1) * sizeof(JumpEntry), offsetof(Task, jump_cache), (u64)&no_entry);
    n += snprintf(text + n, size - (size_t)n,
                  "leaq %s(%%rip), %%rcx\npushq %%rcx\ncallq *%s\npopq %%rcx\ncmpq %%rdx, %zu(%%rcx)\n"
                  "jne " HOST_SYMBOL "%lx\njmpq *%zu(%%rcx)\n",
                  link, indirect ? "8(%rax)" : "(%rcx)", offsetof(Link, pc) + sizeof(Link), (u64)return_miss,
                  sizeof(Link));
    return n;
}
_Static_assert(offsetof(JumpEntry, code) == 8, "code_call_text");

/* A store within eight aligned bytes is one that whoever fetches the instruction sees all or nothing of, and a processor
 * that runs what is stored into notices by the physical address (AMD64 manual volume 2, 7.6.1; Intel SDM volume 3, 8.1.1, 12.6). */
void jump_set(u8 *distance, i32 value)
{
    asm volatile("movl %1, %0" : "=m"(*(i32(*)[1])distance) : "r"(value) : "memory");
}

void code_stack_init(Task *t, void *stack)
{
    u64 *end = (u64 *)((u8 *)stack + CODE_STACK);
    end[-1] = (u64)t;
    end[-3] = (u64)return_base;
    t->code_sp = t->stack_base = (u64)&end[-3];
    t->stack_limit = (u64)stack + CODE_RESERVE;
    t->attention = t->stack_limit;
}

/* -- rare cases -------------------------------------------------------------------------------------------------------
 */

#define EACH_VECTOR(each) \
    each(0) each(1) each(2) each(3) each(4) each(5) each(6) each(7) each(8) each(9) each(10) each(11) each(12) each(13) \
        each(14) each(15)
#define SAVE_VECTOR(n) "movaps %%xmm" #n ", 16*" #n "(%%rsp)\n"
#define LOAD_VECTOR(n) "movaps 16*" #n "(%%rsp), %%xmm" #n "\n"
#define RARE(name, result)                                                                                             \
    __attribute__((naked)) void name(void)                                                                             \
    {                                                                                                                  \
        __asm__("push %%rbp\n mov %%rsp, %%rbp\n"                                                                      \
                "push %%rcx\n push %%rdx\n push %%rsi\n push %%rdi\n push %%r8\n push %%r9\n push %%r10\n push %%r11\n"  \
                "sub $16*16, %%rsp\n and $-16, %%rsp\n" EACH_VECTOR(SAVE_VECTOR)                                       \
                "movaps %c0(%%r13), %%xmm0\n movaps 16+%c0(%%r13), %%xmm1\n movaps 32+%c0(%%r13), %%xmm2\n"            \
                "mov %%r13, %%rdi\n"                                                                                   \
                "call *%%rax\n" result EACH_VECTOR(LOAD_VECTOR) "lea -64(%%rbp), %%rsp\n"                              \
                "pop %%r11\n pop %%r10\n pop %%r9\n pop %%r8\n pop %%rdi\n pop %%rsi\n pop %%rdx\n pop %%rcx\n"        \
                "pop %%rbp\n mov %c1(%%r13), %%rax\n ret\n"                                                           \
                :                                                                                                      \
                : "i"(offsetof(Task, rare_arg)), "i"(offsetof(Task, rare_rax)));                                       \
    }
RARE(code_rare, "movaps %%xmm0, %c0(%%r13)\n")
RARE(code_rare_integer, "mov %%rax, %c0(%%r13)\n")

/* -- faults -----------------------------------------------------------------------------------------------------------
 */

void code_leave(Task *t, void *ucontext, bool pinned)
{
    static const i8 reg[PINNED] = {REG_RDI, REG_RSI, REG_R8, REG_R9, REG_R14, REG_R15, REG_R11, REG_R12};
    greg_t *gregs = ((ucontext_t *)ucontext)->uc_mcontext.gregs;
    for (u32 i = 0; i < PINNED && pinned; i++)
        __builtin_memcpy(t->state + t->guest->pinned[i], &gregs[reg[i]], 8);
    t->code_sp = t->stack_base; /* what is on the stack beside calls isn't known */
    gregs[REG_RSP] = (greg_t)t->host_sp;
    gregs[REG_RIP] = (greg_t)code_leave_ret;
}

_Noreturn void task_raise(Task *t, int signo, int code, u64 addr)
{
    if (signo == SIGBUS && code == BUS_ADRALN && t->guest->general_faults) {
        signo = SIGSEGV;
        code = SI_KERNEL;
        addr = 0;
    }
    t->fault = (Fault){.signo = signo, .code = code, .addr = addr, .pc = t->pc, .exact = true};
    t->exit = EXIT_FAULT;
    t->code_sp = t->stack_base;
    asm volatile("mov %0, %%rsp\n\tret" : : "r"(t->host_sp) : "memory");
    __builtin_unreachable();
}

static _Noreturn __attribute__((used)) void raise_misaligned(Task *t, u64 addr)
{
    task_raise(t, SIGBUS, BUS_ADRALN, addr);
}

__attribute__((naked, preserve_none)) void misaligned_stub(CODE_PARAMS)
{
    __asm__(EACH_PIN(STORE_PIN) "mov %%r13, %%rdi\n mov %%rdx, %%rsi\n jmp %P13\n" : : OFFSETS, "i"(raise_misaligned));
}

/* -- other stacks ------------------------------------------------------------------------------------------------- */

/* What a called function must keep, in the order of stack_switch's pushes, lowest first. */
typedef struct Left {
    u32 mxcsr;
    u16 fpu_control;
    u64 r15, r14, r13, r12, rbx, rbp, rip;
    u64 none; /* where f would return to: its stack is aligned as behind a call */
} Left;

__attribute__((naked)) void stack_switch(void **left, void *to)
{
    __asm__("push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15; sub $8, %rsp\n"
            "stmxcsr (%rsp); fnstcw 4(%rsp)\n"
            "mov %rsp, (%rdi); mov %rsi, %rsp\n"
            "ldmxcsr (%rsp); fldcw 4(%rsp)\n"
            "add $8, %rsp; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp; ret");
}

void *stack_begin(void *stack, u64 size, void (*f)(void))
{
    enum { MXCSR = 0x1f80, FPU_CONTROL = 0x37f }; /* as in a new process */
    u64 end = ((u64)stack + size) & -(u64)16;
    Left *left = (Left *)(end - sizeof *left);
    *left = (Left){.mxcsr = MXCSR, .fpu_control = FPU_CONTROL, .rip = (u64)f};
    return left;
}
