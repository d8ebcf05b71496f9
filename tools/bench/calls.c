/* Calls and recursion. */
#include "work.h"
#include <stdio.h>

__attribute__((noipa)) static unsigned fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

__attribute__((noipa)) static unsigned ackermann(unsigned m, unsigned n)
{
    return !m ? n + 1 : !n ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static void work(void)
{
    printf("%u ", fib(38));
    printf("%u\n", ackermann(2, 2000));
}
