/* A bytecode interpreter: a loop around a switch, with its program's counts of primes. */
#include "work.h"
#include <stdio.h>

typedef enum Op { SET, ADD, MUL, MOD, LESS, JUMP_IF, JUMP_UNLESS, JUMP, MOVE, HALT } Op;
typedef struct Insn {
    Op op;
    int a, b, c;
} Insn;

/* r0 = candidate, r1 = divisor, r2 = count, r3 = limit, r4 = scratch, r5 = 1, r6 = square */
static const Insn program[] = {
    {SET, 0, 2, 0},         {SET, 2, 0, 0},          {SET, 3, 30000, 0}, {SET, 5, 1, 0},
    /* 4 */ {SET, 1, 2, 0},
    /* 5 */ {MUL, 6, 1, 1}, {LESS, 4, 0, 6},         {JUMP_IF, 4, 12, 0}, {MOD, 4, 0, 1},
    {JUMP_UNLESS, 4, 13, 0}, {ADD, 1, 1, 5},         {JUMP, 5, 0, 0},
    /* 12 */ {ADD, 2, 2, 5},
    /* 13 */ {ADD, 0, 0, 5}, {LESS, 4, 0, 3},        {JUMP_IF, 4, 4, 0},  {HALT, 0, 0, 0},
};

static long run(const Insn *code)
{
    long r[8] = {0};
    for (const Insn *i = code;; i++) {
        switch (i->op) {
        case SET: r[i->a] = i->b; break;
        case ADD: r[i->a] = r[i->b] + r[i->c]; break;
        case MUL: r[i->a] = r[i->b] * r[i->c]; break;
        case MOD: r[i->a] = r[i->b] % r[i->c]; break;
        case LESS: r[i->a] = r[i->b] < r[i->c]; break;
        case JUMP_IF: i = r[i->a] ? code + i->b - 1 : i; break;
        case JUMP_UNLESS: i = r[i->a] ? i : code + i->b - 1; break;
        case JUMP: i = code + i->a - 1; break;
        case MOVE: r[i->a] = r[i->b]; break;
        case HALT: return r[2];
        }
    }
}

static void work(void)
{
    long sum = 0;
    for (int round = 0; round < 40; round++)
        sum += run(program);
    printf("%ld\n", sum);
}
