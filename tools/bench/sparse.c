/* Pointers into 64 MB: what misses the caches natively, too. A radix tree over sparse numbers, and a list across pages. */
#include "work.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Table {
    struct Table *at[64];
} Table;
enum { LEVELS = 4, NODES = 1 << 20 };
typedef struct Node {
    struct Node *next;
    uint64_t n, unused[6];
} Node;

/* The leaf's word of a key of 24 bits, made if it isn't there. */
static Table **find(Table **root, uint32_t key)
{
    for (int level = LEVELS - 1; level >= 0; level--) {
        if (!*root)
            *root = calloc(1, sizeof **root);
        root = &(*root)->at[key >> level * 6 & 63];
    }
    return root;
}

static void drop(Table *t, int level)
{
    if (!t)
        return;
    for (int i = 0; i < 64 && level > 0; i++)
        drop(t->at[i], level - 1);
    free(t);
}

static void work(void)
{
    Table *root = NULL;
    Node *nodes = malloc(NODES * sizeof *nodes);
    uint32_t x = 1;
    uintptr_t sum = 0;
    for (int i = 0; i < 400000; i++) {
        x = x * 1664525 + 1013904223;
        Table **word = find(&root, x >> 8 & 0xfc3f0f);
        *word = (Table *)((uintptr_t)*word + 1);
        sum += (uintptr_t)*word;
    }
    drop(root, LEVELS - 1);
    for (uint32_t i = 0; i < NODES; i++)
        nodes[i] = (Node){&nodes[(i * 524309u + 4099) % NODES], i, {0}};
    const Node *n = nodes;
    for (int i = 0; i < 1000000; i++) {
        sum = sum * 3 + n->n;
        n = n->next;
    }
    free(nodes);
    printf("%lu\n", (unsigned long)sum);
}
