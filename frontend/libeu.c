/* Debian 13's libelf.a refers to four functions of elfutils' internal libeu, which no package has. Here they are, for static links:
 * weak, so that a libelf that brings its own wins. The tree's lock, which follows root, is left alone: an Elf is used by one
 * thread at a time here. (elfutils 0.192, lib/eu-search.h) */
#include <search.h>
#include <stddef.h>

typedef struct SearchTree {
    void *root;
} SearchTree;

typedef int Compare(const void *a, const void *b);

void eu_search_tree_init(SearchTree *tree);
void eu_search_tree_fini(SearchTree *tree, void (*free_node)(void *));
void *eu_tsearch(const void *key, SearchTree *tree, Compare *compare);
void *eu_tfind(const void *key, SearchTree *tree, Compare *compare);
void *eu_tdelete(const void *key, SearchTree *tree, Compare *compare);

__attribute__((weak)) void eu_search_tree_init(SearchTree *tree)
{
    tree->root = NULL;
}

__attribute__((weak)) void eu_search_tree_fini(SearchTree *tree, void (*free_node)(void *))
{
    tdestroy(tree->root, free_node);
}

__attribute__((weak)) void *eu_tsearch(const void *key, SearchTree *tree, Compare *compare)
{
    return tsearch(key, &tree->root, compare);
}

__attribute__((weak)) void *eu_tfind(const void *key, SearchTree *tree, Compare *compare)
{
    return tfind(key, &tree->root, compare);
}

__attribute__((weak)) void *eu_tdelete(const void *key, SearchTree *tree, Compare *compare)
{
    return tdelete(key, &tree->root, compare);
}
