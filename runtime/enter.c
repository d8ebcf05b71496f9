/* The way into translated code and out of it. */
#include <assert.h>
#include <ucontext.h>

#include "runtime.h"

static_assert(offsetof(Task, host_sp) == 24, "code_enter's assembly");

/* Saves what preserve_none code may change, notes the stack pointer that code starts with (which lies on the return address
 * that brings it back), and calls. */
asm(".text\n"
    ".globl code_enter\n"
    ".type code_enter, @function\n"
    "code_enter:\n"
    "    push %rbp\n    push %rbx\n    push %r12\n    push %r13\n    push %r14\n    push %r15\n"
    "    sub $8, %rsp\n"
    "    mov %rdi, %r12\n"
    "    mov %rdx, %r14\n"
    "    lea -8(%rsp), %rax\n"
    "    mov %rax, 24(%rdi)\n"
    "    call *%rsi\n"
    "    add $8, %rsp\n"
    "    pop %r15\n    pop %r14\n    pop %r13\n    pop %r12\n    pop %rbx\n    pop %rbp\n"
    "code_leave_ret:\n"
    "    ret\n"
    ".size code_enter, .-code_enter\n");
extern const char code_leave_ret[];

void code_leave(Task *t, void *ucontext)
{
    ucontext_t *uc = ucontext;
    uc->uc_mcontext.gregs[REG_RSP] = (greg_t)t->host_sp;
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)code_leave_ret;
}

_Noreturn void task_raise(Task *t, int signo, int code, u64 addr)
{
    t->fault = (Fault){.signo = signo, .code = code, .addr = addr, .pc = t->pc, .exact = true};
    t->exit = EXIT_FAULT;
    asm volatile("mov %0, %%rsp\n\tret" : : "r"(t->host_sp) : "memory");
    __builtin_unreachable();
}

__attribute__((preserve_none)) void link_stub(Task *t, u64 a, u64 b)
{
    t->exit_link = (Link *)b;
    t->exit = EXIT_LINK;
}

__attribute__((preserve_none)) void lookup_stub(Task *t, u64 a, u64 b)
{
    t->exit = EXIT_LOOKUP;
}

__attribute__((preserve_none)) void signal_stub(Task *t, u64 a, u64 b)
{
    t->exit = EXIT_SIGNAL;
}

__attribute__((preserve_none)) void hot_stub(Task *t, u64 a, u64 b)
{
    t->exit = EXIT_HOT;
}

__attribute__((preserve_none)) void exit_stub(Task *t, u64 a, u64 b)
{
}
