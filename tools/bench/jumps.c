/* setjmp and longjmp, as interpreters written in C raise errors with them: across many frames, now and then or always. */
#include "work.h"
#include <setjmp.h>
#include <stdio.h>

static jmp_buf *handler;

__attribute__((noipa)) static int evaluate(int depth, int n)
{
    if (depth > 0)
        return evaluate(depth - 1, n * 3 + 1) + 1;
    if (n & 1)
        longjmp(*handler, n & 0xff);
    return n & 0xff;
}

static int protect(int depth, int n)
{
    jmp_buf here, *outer = handler;
    handler = &here;
    int value = setjmp(here);
    if (!value)
        value = evaluate(depth, n);
    handler = outer;
    return value;
}

static void work(void)
{
    unsigned long sum = 0;
    for (int i = 0; i < 20000000; i++)
        sum += (unsigned long)protect(i % 12, i);
    for (int i = 0; i < 1000000; i++)
        sum += (unsigned long)protect(50, 2 * i);
    printf("%lu\n", sum);
}
