/* Memory: a list in random order is followed, a tree is built and searched. */
#include "work.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct Node {
    struct Node *left, *right;
    unsigned key;
} Node;

enum { N = 100000 };
static Node nodes[N];

static void work(void)
{
    unsigned x = 1;
    unsigned long sum = 0;
    Node *root = NULL;
    for (int i = 0; i < N; i++) {
        x = x * 1664525 + 1013904223;
        nodes[i] = (Node){.key = x};
        Node **at = &root;
        while (*at)
            at = x < (*at)->key ? &(*at)->left : &(*at)->right;
        *at = &nodes[i];
    }
    for (int i = 0; i < 600000; i++) {
        x = x * 22695477 + 1;
        unsigned depth = 0;
        for (const Node *n = root; n; n = x < n->key ? n->left : n->right)
            depth++;
        sum += depth;
    }
    for (int i = 0; i < N; i++)
        nodes[i].left = &nodes[(i * 7919u + 13) % N];
    const Node *n = nodes;
    for (int i = 0; i < 8000000; i++) {
        sum += n->key & 1;
        n = n->left;
    }
    printf("%lu\n", sum);
}
