/* Coroutines on stacks of their own, switched with swapcontext: a chain of filters that finds primes, and two that take turns. */
#include "work.h"
#include <stdio.h>
#include <ucontext.h>

enum { FILTERS = 40, STACK = 64 * 1024 };
typedef struct Filter {
    ucontext_t context;
    int prime, in; /* in: what the one before handed over */
} Filter;
static ucontext_t caller;
static Filter filters[FILTERS];
static char stacks[FILTERS][STACK];
static int used, found;

static void filter(int n)
{
    for (Filter *self = &filters[n];;) {
        if (!self->prime)
            self->prime = self->in, found++;
        else if (self->in % self->prime && n + 1 < FILTERS) {
            filters[n + 1].in = self->in;
            swapcontext(&self->context, &filters[n + 1].context);
        }
        swapcontext(&self->context, n ? &filters[n - 1].context : &caller);
    }
}

static void work(void)
{
    used = found = 0;
    for (int i = 0; i < FILTERS; i++) {
        Filter *f = &filters[i];
        getcontext(&f->context);
        f->context.uc_stack.ss_sp = stacks[i];
        f->context.uc_stack.ss_size = STACK;
        f->prime = 0;
        makecontext(&f->context, (void (*)(void))filter, 1, i);
    }
    for (int n = 2; n < 40000; n++) {
        filters[0].in = n;
        swapcontext(&caller, &filters[0].context);
        used++;
    }
    printf("%d %d %d\n", used, found, filters[FILTERS - 1].prime);
}
