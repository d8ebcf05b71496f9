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
typedef struct Link Link;

enum { HOST_MACHINE = 62 }; /* EM_X86_64: what the host's own programs are for */
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

/* Calls. Translated code has a stack of its own, which a guest's call is a host's call on, and a guest's return a
 * host's return, whose target the host foresees. What the call leaves there is a guess. The caller compares where the
 * return wants to go (a) with where it goes on itself. If that is elsewhere, because the guest has returned otherwise
 * (longjmp, an exception, another stack) or the guess was lost, return_miss looks for the right caller among the
 * innermost ones, and then as an indirect jump does. So the stack may be emptied whenever translated code doesn't run,
 * and nobody minds when it overflows: safepoints look whether there is room left (Task.attention), and it starts anew.
 *
 * A call's frame is the address of a Link and, below, the return address. The Link behind that one goes on behind the
 * call; a direct call is through the first. At Task.stack_base is the return address of
 * a stack without calls, which looks up where to go. */
enum {
    CODE_STACK = 1 << 20,   /* bytes, and aligned to as many: whoever unwinds a stack finds the Task at its end */
    CODE_RESERVE = 1 << 16, /* for what translated code calls */
};
/* The entry of the jump cache for an indirect call to what it doesn't know. */
extern const struct JumpEntry no_entry;
/* Gives the Task a stack for translated code, and empties it. */
void code_stack_init(Task *t, void *stack);

/* Runs translated code at `code`, with b, until it comes back to the dispatcher: Task.exit says why. */
void code_enter(Task *t, const void *code, u64 b);
/* Makes code_enter return, for the signal handler: changes the ucontext_t so that the thread goes on in the dispatcher,
 * which sees Task.exit. If `pinned`, the pinned registers are in their host registers; else Task.state has them. */
void code_leave(Task *t, void *ucontext, bool pinned);

/* Leaves this stack, with what a function call keeps on it and its pointer in *left, and goes on where `to` was left so. */
void stack_switch(void **left, void *to);
/* Such a pointer at which f begins on a new stack; f doesn't return. */
void *stack_begin(void *stack, u64 size, void (*f)(void));

Code link_stub;       /* b = Link */
Code back_stub;       /* the Link behind b */
Code lookup_stub;     /* a = target: EXIT_LOOKUP */
Code signal_stub;     /* Task.pc = where to go on: EXIT_SIGNAL */
Code hot_stub;        /* Task.pc = the block's: EXIT_HOT */
Code exit_stub;       /* Task.exit and Task.pc set */
Code state_stub;      /* the same, and Task.state has the pinned registers */
/* Of a region: a call through or (if indirect) with a frame of a Link, whose address is an assembler's expression, and
 * a return, as assembler text. The text's size. What of the translator's it names is called by HOST_SYMBOL and the
 * address. */
int code_call_text(char *text, size_t size, const char *link, bool indirect);
#define HOST_SYMBOL "host_"
#define CODE_TRAP_TEXT "hlt\n" /* a SIGSEGV: no other signal is sure to come */
#define CODE_RETURN_TEXT "ret\n"
/* Of a region: an access that may fault, as the text of LLVM's inline assembly. In it $0 is the value and $1 the memory
 * of a load, the other way round of a store. */
typedef struct AccessText {
    const char *text, *constraint; /* the value's constraint */
    char class;                    /* of what is in the register: w 32 bits, x 64 bits, s float, d double, q a vector */
    bool stores;
} AccessText;
/* The IR op's (ld8 to st128); NULL for others. */
const AccessText *code_access_text(u16 op);
Code return_miss;     /* a = target of a return to a caller that has popped its frame and doesn't go on there */
/* Not Code: called with the function in rax, which gets the Task and Task.rare_arg, and has its result there. All registers keep
 * what they have; rax gets Task.rare_rax. */
void code_rare(void);
void code_rare_integer(void);
Code misaligned_stub; /* Task.pc set, a = address: the guest's SIGBUS */

/* Changes the distance of a jump that other threads may be running, through a writable view of it. All that run it jump
 * to the one place or the other. */
void jump_set(u8 *distance, i32 value);
enum { JUMP_WITHIN = 8 }; /* such a distance lies within so many aligned bytes */

/* Ends translated code or a helper with a guest fault at the current instruction (Task.pc), all of the guest's state being
 * in the Task; doesn't return. Callable only from a helper reached from translated code, or from the interpreter. */
_Noreturn void task_raise(Task *t, int signo, int code, u64 addr);

#endif
