/* Recursion, deep and wide: a list of 100,000 cells, a tree that has become one, queens, and two functions that call each other. */
#include "work.h"
#include <stdio.h>

typedef struct Cell {
    struct Cell *next;
    long n;
} Cell;
enum { CELLS = 100000 };
static Cell cells[CELLS];

__attribute__((noipa)) static long sum(const Cell *c)
{
    return c ? c->n + sum(c->next) / 2 : 0;
}

__attribute__((noipa)) static Cell *reverse(Cell *c, Cell *before)
{
    Cell *next = c->next, *first = next ? reverse(next, c) : c;
    c->next = before;
    return first;
}

static int queens(int n, unsigned columns, unsigned left, unsigned right)
{
    int found = 0;
    unsigned all = (1u << n) - 1;
    if (columns == all)
        return 1;
    for (unsigned free = all & ~(columns | left | right); free; free &= free - 1) {
        unsigned one = free & -free;
        found += queens(n, columns | one, (left | one) << 1, (right | one) >> 1);
    }
    return found;
}

__attribute__((noipa)) static int female(int n);
__attribute__((noipa)) static int male(int n)
{
    return n ? n - female(male(n - 1)) : 0;
}
__attribute__((noipa)) static int female(int n)
{
    return n ? n - male(female(n - 1)) : 1;
}

static void work(void)
{
    long total = 0;
    for (int i = 0; i < CELLS; i++) {
        cells[i].next = i + 1 < CELLS ? &cells[i + 1] : NULL;
        cells[i].n = i;
    }
    Cell *first = cells;
    for (int round = 0; round < 240; round++) {
        total += sum(first);
        first = reverse(first, NULL);
    }
    printf("%ld %d %d\n", total, queens(12, 0, 0, 0), male(115));
}
