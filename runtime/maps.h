/* Guest mappings in the order of their addresses: disjoint, equal neighbours joined, each question and change in O(log n). */
#ifndef DRAGOMAN_MAPS_H
#define DRAGOMAN_MAPS_H

#include "mem.h"

typedef struct MapNode MapNode;

/* Zeroed: empty. */
typedef struct Maps {
    MapNode *root;
    u32 seed;
} Maps;

/* The first mapping that ends above addr, or NULL; good until the next change. The one behind it is maps_find(m, p->end). */
const Mapping *maps_find(const Maps *m, u64 addr);
/* The last mapping that begins below addr, or NULL. */
const Mapping *maps_before(const Maps *m, u64 addr);
/* Replaces what there is in [map.start, map.end) by map, or by nothing. Aborts without memory. */
void maps_set(Maps *m, Mapping map, bool present);

/* A copy of all, malloc'd, and their number: read through `read`, which may be from another process's memory. NULL if that fails or is
 * no tree just then, or without memory. */
Mapping *maps_copy(const Maps *m, MemReader *read, void *context, size_t *count);

/* The part of a mapping within [start, end). */
static inline Mapping maps_slice(Mapping map, u64 start, u64 end)
{
    if (map.start < start) {
        map.offset += start - map.start;
        map.start = start;
    }
    if (map.end > end)
        map.end = end;
    return map;
}

#endif
