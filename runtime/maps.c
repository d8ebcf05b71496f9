/* A treap (Seidel and Aragon, "Randomized search trees", 1996): a search tree by address that is a heap by random priorities,
 * which keeps it balanced whatever a guest does. Everything is made of two operations: cutting a tree in two at an address, and
 * putting two together of which one lies below the other. */
#include "maps.h"

#include <stdlib.h>

#include "../include/log.h"

struct MapNode {
    Mapping map;
    u32 priority; /* none below has a higher one */
    MapNode *left, *right;
};

const Mapping *maps_find(const Maps *m, u64 addr)
{
    const Mapping *found = NULL;
    for (const MapNode *n = m->root; n;) {
        if (n->map.end > addr) {
            found = &n->map;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return found;
}

const Mapping *maps_before(const Maps *m, u64 addr)
{
    const Mapping *found = NULL;
    for (const MapNode *n = m->root; n;) {
        if (n->map.start < addr) {
            found = &n->map;
            n = n->right;
        } else {
            n = n->left;
        }
    }
    return found;
}

/* Those that begin below addr to *low, the others to *high. */
static void cut(MapNode *n, u64 addr, MapNode **low, MapNode **high)
{
    if (!n) {
        *low = *high = NULL;
    } else if (n->map.start < addr) {
        *low = n;
        cut(n->right, addr, &n->right, high);
    } else {
        *high = n;
        cut(n->left, addr, low, &n->left);
    }
}

static MapNode *join(MapNode *low, MapNode *high)
{
    if (!low || !high)
        return low ? low : high;
    if (low->priority > high->priority) {
        low->right = join(low->right, high);
        return low;
    }
    high->left = join(low, high->left);
    return high;
}

static void free_all(MapNode *n)
{
    if (!n)
        return;
    free_all(n->left);
    free_all(n->right);
    free(n);
}

static MapNode *new_node(Maps *m, Mapping map)
{
    MapNode *n = calloc(1, sizeof *n);
    if (!n)
        out_of_memory("the map of the guest's memory");
    m->seed = m->seed * 1664525 + 1013904223;
    n->map = map;
    n->priority = m->seed;
    return n;
}

/* Makes two mappings of the one that addr is inside of. */
static void divide(Maps *m, u64 addr)
{
    Mapping *map = (Mapping *)maps_find(m, addr);
    if (!map || map->start >= addr)
        return;
    MapNode *low, *high, *upper = new_node(m, maps_slice(*map, addr, UINT64_MAX));
    map->end = addr;
    cut(m->root, addr, &low, &high);
    m->root = join(join(low, upper), high);
}

static bool continues(const Mapping *p, const Mapping *q)
{
    return p->end == q->start && p->prot == q->prot && p->kind == q->kind && p->dev == q->dev && p->ino == q->ino &&
           (!p->ino || p->offset + (p->end - p->start) == q->offset);
}

/* Makes one mapping of those that meet at addr, if they are equal. */
static void unite(Maps *m, u64 addr)
{
    Mapping *below = (Mapping *)maps_before(m, addr), *above = (Mapping *)maps_find(m, addr);
    if (!below || !above || !continues(below, above))
        return;
    MapNode *low, *rest, *gone, *high;
    cut(m->root, addr, &low, &rest);
    cut(rest, addr + 1, &gone, &high);
    below->end = above->end;
    free_all(gone);
    m->root = join(low, high);
}

void maps_set(Maps *m, Mapping map, bool present)
{
    if (map.start >= map.end)
        return;
    MapNode *low, *rest, *gone, *high;
    divide(m, map.start);
    divide(m, map.end);
    cut(m->root, map.start, &low, &rest);
    cut(rest, map.end, &gone, &high);
    free_all(gone);
    if (present)
        low = join(low, new_node(m, map));
    m->root = join(low, high);
    unite(m, map.start);
    unite(m, map.end);
}

typedef struct Copy {
    MemReader *read;
    void *context;
    Mapping *maps;
    size_t count, cap;
} Copy;

/* Another process may change its tree at any time: whatever is found must be in order, and have an end. */
static bool copy(Copy *c, const MapNode *at, int depth)
{
    enum { DEEPEST = 256, MOST = 1 << 20 };
    MapNode n;
    if (!at)
        return true;
    if (depth == DEEPEST || c->count == MOST || c->read(c->context, &n, (u64)at, sizeof n) || !copy(c, n.left, depth + 1))
        return false;
    if (n.map.start >= n.map.end || (c->count && c->maps[c->count - 1].end > n.map.start))
        return false;
    if (c->count == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 64;
        Mapping *more = realloc(c->maps, c->cap * sizeof *more);
        if (!more)
            return false;
        c->maps = more;
    }
    c->maps[c->count++] = n.map;
    return copy(c, n.right, depth + 1);
}

Mapping *maps_copy(const Maps *m, MemReader *read, void *context, size_t *count)
{
    Copy c = {.read = read, .context = context};
    bool ok = copy(&c, m->root, 0);
    *count = c.count;
    if (ok && !c.maps)
        return calloc(1, sizeof *c.maps);
    if (ok)
        return c.maps;
    free(c.maps);
    return NULL;
}
