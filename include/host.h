/* The seam to the host architecture (runtime/host/<isa>): how translated code is called, and what it keeps where.
 *
 * Translated code is a chain of functions of one type, Code, in clang's preserve_none convention: all arguments are in
 * registers, nobody saves any, and each function ends in a jump to the next one. The arguments are the Task, two
 * scratch values, and the guest's most used registers (Guest.pinned): those live in host registers as long as translated
 * code runs, in every tier, and in Task.state otherwise. code_enter loads them, the stubs that lead back to the
 * dispatcher store them. What Task.state holds of them meanwhile is out of date. */
#ifndef DRAGOMAN_HOST_H
#define DRAGOMAN_HOST_H

#include "base.h"

typedef struct Task Task;

enum { PINNED = 8 }; /* guest registers of 64 bits, at offsets Guest.pinned of Task.state, the most used first */

/* Parameters of translated code, in the order of the convention's registers: r12, r13 (the Task), r14, r15, rdi, rsi,
 * rdx, rcx, r8, r9, r11. pinN is the guest's register number N. a and b are nothing between functions but
 *  - an exit through a Link has its address in b,
 *  - an indirect jump has its target in a,
 *  - a region with several entries is told in a which one is meant. */
#define CODE_PARAMS \
    u64 pin7, Task *t, u64 pin4, u64 pin5, u64 pin0, u64 pin1, u64 a, u64 b, u64 pin2, u64 pin3, u64 pin6
#define CODE_ARGS pin7, t, pin4, pin5, pin0, pin1, a, b, pin2, pin3, pin6
enum { CODE_NPARAMS = 11, CODE_TASK = 1, CODE_A = 6, CODE_B = 7 };
/* The parameter that a pinned register is, and its name in disassembly. */
static const u8 code_pin[PINNED] = {4, 5, 8, 9, 2, 3, 10, 0};
#define CODE_PIN_NAMES {"di", "si", "8", "9", "14", "15", "11", "12"} /* behind %r or, if of letters, %e */

typedef __attribute__((preserve_none)) void Code(CODE_PARAMS);

/* Runs translated code at `code`, with b, until it comes back to the dispatcher: Task.exit says why. */
void code_enter(Task *t, const void *code, u64 b);
/* Makes code_enter return, for the signal handler: changes the ucontext_t so that the thread goes on in the dispatcher,
 * which sees Task.exit. If `pinned`, the pinned registers are in their host registers; else Task.state has them. */
void code_leave(Task *t, void *ucontext, bool pinned);

Code link_stub;       /* b = Link */
Code lookup_stub;     /* a = target: EXIT_LOOKUP */
Code signal_stub;     /* Task.pc = where to go on: EXIT_SIGNAL */
Code hot_stub;        /* Task.pc = the block's: EXIT_HOT */
Code exit_stub;       /* Task.exit and Task.pc set */
Code misaligned_stub; /* Task.pc set, a = address: the guest's SIGBUS */

/* Ends translated code or a helper with a guest fault at the current instruction (Task.pc), all of the guest's state being
 * in the Task; doesn't return. Callable only from a helper reached from translated code, or from the interpreter. */
_Noreturn void task_raise(Task *t, int signo, int code, u64 addr);

#endif
