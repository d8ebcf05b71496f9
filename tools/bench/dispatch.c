/* Threaded code: a stack machine with computed goto, which runs loops, a recursive function and a sieve. */
#include "work.h"
#include <stdio.h>

enum { PUSH, DUP, DROP, SWAP, OVER, ADD, SUB, MUL, LESS, JUMP0, JUMP, CALL, RET, LOAD, STORE, HALT };

/* fib: ( n -- fib(n) ) */
static const int fib[] = {
    PUSH, 29, CALL, 5, HALT,
    /* 5 */ DUP, PUSH, 2, LESS, JUMP0, 12, RET,
    /* 12 */ DUP, PUSH, 1, SUB, CALL, 5, SWAP, PUSH, 2, SUB, CALL, 5, ADD, RET,
};
/* Marks the multiples of each number below 90 in cells, then counts cells that are 0. */
static const int sieve[] = {
    PUSH, 2,
    /* 2: i */ DUP, DUP, MUL,
    /* 5: i j */ DUP, PUSH, 8000, LESS, JUMP0, 20, DUP, PUSH, 1, SWAP, STORE, OVER, ADD, JUMP, 5,
    /* 20 */ DROP, PUSH, 1, ADD, DUP, PUSH, 90, LESS, JUMP0, 32, JUMP, 2,
    /* 32 */ DROP, PUSH, 0, PUSH, 2,
    /* 37: n i */ DUP, LOAD, PUSH, 1, LESS, JUMP0, 49, SWAP, PUSH, 1, ADD, SWAP,
    /* 49 */ PUSH, 1, ADD, DUP, PUSH, 8000, LESS, JUMP0, 60, JUMP, 37,
    /* 60 */ DROP, HALT,
};
static long cells[8000];

static long run(const int *code)
{
    static const void *const labels[] = {&&push, &&dup, &&drop, &&swap, &&over, &&add, &&sub, &&mul, &&less, &&jump0, &&jump,
                                         &&call, &&ret, &&load, &&store, &&halt};
    long stack[256], *sp = stack, t;
    const int *calls[256], **rp = calls, *pc = code;
#define NEXT goto *labels[*pc++]
    NEXT;
push:
    *sp++ = *pc++;
    NEXT;
dup:
    *sp = sp[-1], sp++;
    NEXT;
drop:
    sp--;
    NEXT;
swap:
    t = sp[-1], sp[-1] = sp[-2], sp[-2] = t;
    NEXT;
over:
    *sp = sp[-2], sp++;
    NEXT;
add:
    sp--, sp[-1] += *sp;
    NEXT;
sub:
    sp--, sp[-1] -= *sp;
    NEXT;
mul:
    sp--, sp[-1] *= *sp;
    NEXT;
less:
    sp--, sp[-1] = sp[-1] < *sp;
    NEXT;
jump0:
    pc = *--sp ? pc + 1 : code + *pc;
    NEXT;
jump:
    pc = code + *pc;
    NEXT;
call:
    *rp++ = pc + 1;
    pc = code + *pc;
    NEXT;
ret:
    pc = *--rp;
    NEXT;
load:
    sp[-1] = cells[sp[-1]];
    NEXT;
store:
    sp -= 2, cells[sp[1]] = *sp;
    NEXT;
halt:
    return sp[-1];
}

static void work(void)
{
    long sum = run(fib);
    for (int round = 0; round < 300; round++)
        sum += run(sieve);
    printf("%ld\n", sum);
}
