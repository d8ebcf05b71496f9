/* The IR between guests and code generators: linear, typed, one block at a time.
 *
 * A block is an array of ops. An op defines at most one value, named by the op's index (SSA within the block), and reads
 * up to three. Values are i32 (W), i64 (X) or v128 (Q); narrower widths exist in memory accesses and extensions
 * only, floating-point scalars are lane 0 of a Q as they are in the guest. Guest registers live in Task.state and are
 * reached with get/put at a byte offset. The last op, and only the last, is a terminator.
 *
 * Conditions are symbolic: a lifter remembers which operation set the flags and compares its operands anew
 * (lifter/flags.h); what must outlive a block is put into the state as kind and operands (FLAG_*), and only when
 * somebody reads NZCV as bits are the bits computed.
 *
 * Ops stand in lifter/ir.def, one row each, with their operand types and effects. */
#ifndef DRAGOMAN_IR_H
#define DRAGOMAN_IR_H

#include "base.h"

typedef enum Type { TYPE_V, TYPE_W, TYPE_X, TYPE_Q } Type; /* nothing, i32, i64, v128 */

typedef enum OpCode {
#define OP(name, ...) IR_##name,
#include "../lifter/ir.def"
    IR_COUNT
} OpCode;

/* What an op does besides defining a value. */
enum {
    FX_PURE = 0,    /* nothing: removable, movable */
    FX_FP = 1,      /* reads the FP control and accumulates FP status (signature t...): not removable */
    FX_READ = 2,    /* reads guest memory: may fault */
    FX_WRITE = 4,   /* writes guest memory: may fault */
    FX_STATE = 8,   /* reads or writes guest registers (get, put, helper) */
    FX_END = 16,    /* terminator */
    FX_MARK = 32,   /* bookkeeping, no code of its own */
    FX_RAISE = 64,  /* may leave the block with a guest signal at the current instruction */
    FX_BODY = 128,  /* a value op whose C body is op_NAME (lifter/ops.h) */
    FX_CALL = 256,  /* its body is large: call it, don't inline it */
    FX_COMM = 512,  /* first two operands commute */
    FX_COUNT = 1024, /* counts what is executed: not removable, seen by nobody */
    FX_LEAVE = 2048, /* may go on somewhere else */
};

typedef struct OpInfo {
    const char *name;
    u8 result, arg[3]; /* Type; TYPE_V past the last operand */
    u8 nargs;
    bool imm, task;    /* the body takes imm, the Task */
    u16 fx;
} OpInfo;
extern const OpInfo ir_ops[IR_COUNT];

typedef u32 Val; /* index of the defining op in its block */
#define NO_VAL ((Val)-1)

typedef struct Op {
    u16 code; /* OpCode */
    u16 uses; /* how many operands name this op; filled by ir_finish, 65535 means "that many or more" */
    Val arg[3];
    i64 imm;  /* constant, state offset, memory displacement, lane, helper index, branch target: see ir.def */
    u64 imm2; /* second target of a two-way terminator, or the return/next address */
} Op;

/* Why translated code hands control back; `exit`'s imm. */
typedef enum Exit {
    EXIT_SYSCALL,  /* pc is the next instruction */
    EXIT_UNDEF,    /* SIGILL at pc, which is the instruction itself */
    EXIT_BREAK,    /* SIGTRAP (software breakpoint) at pc, the instruction itself */
    EXIT_CONTINUE, /* look the next pc up anew (after code invalidation, or a block grown too long) */
    EXIT_LINK,     /* from the code generators: a direct link that isn't connected yet (Task.exit_link) */
    EXIT_LOOKUP,   /* from the code generators: an indirect target that the jump cache doesn't hold */
    EXIT_SIGNAL,   /* from the code generators: a safepoint saw Task.attention */
    EXIT_FAULT,    /* from the host signal handler or task_raise: Task.fault_* says what */
    EXIT_HOT,      /* from the code generators: the block at pc has run as often as its limit says */
    EXIT_DEBUG,    /* a debugger's breakpoint at pc, the instruction itself */
    EXIT_ALONE,    /* from the host signal handler: the instruction at pc, which Task.fault has, writes to code; nothing that
                      was translated before may run behind it */
} Exit;

/* Lazily kept flags: Task.state holds kind, a and b. Kinds name the operation whose NZCV is meant. */
typedef enum FlagKind {
    FLAG_BITS,  /* a holds N,Z,C,V in bits 31..28 */
    FLAG_ADD32, /* a + b */
    FLAG_ADD64,
    FLAG_SUB32, /* a - b; C is "no borrow" as on Arm */
    FLAG_SUB64,
    FLAG_AND32, /* logical result in a: N and Z; C = V = 0 */
    FLAG_AND64,
    FLAG_CARRY_IN = 8, /* added to the kind of a sum: it is a + b + 1 */
    FLAG_ADC32 = FLAG_ADD32 + FLAG_CARRY_IN,
    FLAG_ADC64 = FLAG_ADD64 + FLAG_CARRY_IN,
} FlagKind;

enum { IR_CODE = 2048 }; /* bytes of guest code in a block at most */

typedef struct Ir {
    Op *ops;
    u32 count, cap;
    u64 pc, end;       /* of the first instruction, and what follows the last one; end - pc is their length in bytes */
    u32 insns;         /* guest instructions */
    bool tags;         /* right for addresses with tags, too: see lift_ignore_tags */
    u8 code[IR_CODE];  /* the guest's bytes from pc on, as they were when they were lifted */
} Ir;

Ir *ir_new(void);
void ir_free(Ir *ir);
/* Empties the block for reuse; keeps its memory. */
void ir_reset(Ir *ir, u64 pc);
/* Doubles the room for ops. */
void ir_grow(Ir *ir);
/* Appends an op and returns its value. imm and imm2 are 0 unless set afterwards in ir->ops[val]. */
static inline Val ir_emit(Ir *ir, OpCode code, Val a, Val b, Val c, i64 imm)
{
    if (unlikely(ir->count == ir->cap))
        ir_grow(ir);
    ir->ops[ir->count] = (Op){.code = (u16)code, .arg = {a, b, c}, .imm = imm};
    return ir->count++;
}

/* Removes state writes that a later write in the same block hides with nothing observable between, removes unused pure
 * ops, and counts uses. Every code generator expects it to have run. Removed ops become `nop`. */
void ir_finish(Ir *ir);
/* True if the block is well formed: operands defined earlier and of the row's type, one terminator, at the end. Otherwise
 * writes one line to `why` (NUL-terminated, at most `size` bytes). */
bool ir_verify(const Ir *ir, char *why, size_t size);
/* Op n as text: `%7 = add64 %5 %6`, with the guest's names for its registers (guest may be NULL); "" for a nop. */
struct Guest;
void ir_text(const Ir *ir, Val n, const struct Guest *guest, char *text, size_t size);
/* Prints one op a line. */
void ir_print(const Ir *ir, void *FILE_out, const struct Guest *guest);

#endif
