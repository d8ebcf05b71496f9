/* Callbacks: qsort and bsearch on records with several orders, and a table walked with a visitor. */
#include "work.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Person {
    char name[12];
    int age, height;
} Person;
enum { PEOPLE = 60000 };
static Person people[PEOPLE];

static int by_name(const void *a, const void *b)
{
    return strcmp(((const Person *)a)->name, ((const Person *)b)->name);
}

static int by_age(const void *a, const void *b)
{
    const Person *x = a, *y = b;
    return x->age != y->age ? x->age - y->age : by_name(a, b);
}

static int by_height(const void *a, const void *b)
{
    const Person *x = a, *y = b;
    return x->height != y->height ? x->height - y->height : by_age(a, b);
}

__attribute__((noipa)) static void each(const Person *p, size_t n, void (*visit)(void *, const Person *), void *context)
{
    for (size_t i = 0; i < n; i++)
        visit(context, &p[i]);
}

static void add_age(void *context, const Person *p)
{
    *(unsigned long *)context += (unsigned long)p->age;
}

static void mix_height(void *context, const Person *p)
{
    unsigned long *sum = context;
    *sum = *sum * 31 + (unsigned long)p->height;
}

static void work(void)
{
    static int (*const orders[])(const void *, const void *) = {by_name, by_age, by_height};
    unsigned x = 1;
    unsigned long sum = 0;
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < PEOPLE; i++) {
            x = x * 1664525 + 1013904223;
            for (int k = 0; k < 8; k++)
                people[i].name[k] = (char)('a' + (x >> k * 3 & 15));
            people[i].age = (int)(x >> 9) % 90;
            people[i].height = (int)(x >> 16) % 60 + 140;
        }
        qsort(people, PEOPLE, sizeof *people, orders[round % 3]);
        for (int i = 0; i < PEOPLE; i += 2) {
            Person wanted = people[(unsigned)i * 7919u % PEOPLE];
            sum += (size_t)((Person *)bsearch(&wanted, people, PEOPLE, sizeof *people, orders[round % 3]) - people);
        }
        for (int k = 0; k < 60; k++)
            each(people, PEOPLE, k % 4 ? add_age : mix_height, &sum);
    }
    printf("%lu\n", sum);
}
