/* Units to their place in the arena. */
#include "../include/unit.h"

#include <stdlib.h>
#include <string.h>

/* -- making -------------------------------------------------------------------------------------------------------- */

void *unit_room(void *array, u32 *room, u64 n, size_t size)
{
    if (array && *room >= n)
        return array;
    void *more = n <= UINT32_MAX / 2 ? realloc(array, 2 * n * size) : NULL;
    if (more)
        *room = (u32)(2 * n);
    return more;
}

/* Room in the unit's array of that name for one more element. */
#define MORE(b, array, count, room)                                                                                    \
    ({                                                                                                                 \
        void *more_ = unit_room((b)->unit.array, &(b)->room, (b)->unit.count + 1, sizeof *(b)->unit.array);            \
        (b)->unit.array = more_ ? more_ : (b)->unit.array;                                                             \
        more_ ? &(b)->unit.array[(b)->unit.count++] : NULL;                                                            \
    })

bool unit_add_reloc(UnitBuffer *b, RelocKind kind, u32 at)
{
    Reloc *r = MORE(b, relocs, nrelocs, reloc_room);
    if (r)
        *r = (Reloc){.at = at, .kind = kind};
    return r;
}

bool unit_add_link(UnitBuffer *b, i64 to, bool back, bool forward)
{
    UnitLink *l = MORE(b, links, nlinks, link_room);
    if (l)
        *l = (UnitLink){.to = to, .back = back, .forward = forward};
    return l;
}

bool unit_add_entry(UnitBuffer *b, i64 pc, u32 code)
{
    UnitEntry *e = MORE(b, entries, nentries, entry_room);
    if (e)
        *e = (UnitEntry){.pc = pc, .code = code};
    return e;
}

bool unit_add_range(UnitBuffer *b, i64 at, u32 size)
{
    UnitRange *r = MORE(b, ranges, nranges, range_room);
    if (r)
        *r = (UnitRange){.at = at, .size = size};
    return r;
}

bool unit_add_site(UnitBuffer *b, FaultSite site)
{
    FaultSite *s = MORE(b, sites, nsites, site_room);
    if (s)
        *s = site;
    return s;
}

bool unit_add_place(UnitBuffer *b, FaultPlace place)
{
    FaultPlace *p = MORE(b, places, nplaces, place_room);
    if (p)
        *p = place;
    return p;
}

void unit_buffer_begin(UnitBuffer *b)
{
    Unit *u = &b->unit;
    *u = (Unit){.code = u->code,
                .relocs = u->relocs,
                .map = u->map,
                .links = u->links,
                .entries = u->entries,
                .ranges = u->ranges,
                .sites = u->sites,
                .places = u->places};
}

void unit_buffer_free(UnitBuffer *b)
{
    free(b->unit.code);
    free(b->unit.relocs);
    free(b->unit.map);
    free(b->unit.links);
    free(b->unit.entries);
    free(b->unit.ranges);
    free(b->unit.sites);
    free(b->unit.places);
    *b = (UnitBuffer){0};
}

/* -- placing ------------------------------------------------------------------------------------------------------- */

static void relocate(u8 *code, const Unit *u, u64 run, u64 block, u64 pc)
{
    for (u32 i = 0; i < u->nrelocs; i++) {
        u8 *field = code + u->relocs[i].at;
        u64 add = u->relocs[i].kind == RELOC_GUEST ? pc : (u->relocs[i].kind == RELOC_BLOCK ? block : 0) - run;
        u64 value = 0;
        size_t size = u->relocs[i].kind == RELOC_GUEST ? 8 : 4;
        memcpy(&value, field, size);
        value += add;
        memcpy(field, &value, size);
    }
}

/* The hull of the guest code. */
static void find_range(const Unit *u, u64 address, u64 *low, u64 *end)
{
    *low = UINT64_MAX;
    *end = 0;
    for (u32 i = 0; i < u->nranges; i++) {
        u64 lo = address + (u64)u->ranges[i].at, hi = lo + u->ranges[i].size;
        *low = lo < *low ? lo : *low;
        *end = hi > *end ? hi : *end;
    }
}

static void place_links(const Unit *u, Link *links, u64 pc, u8 *run)
{
    for (u32 i = 0; i < u->nlinks; i++) {
        const UnitLink *l = &u->links[i];
        links[i] = (Link){.pc = pc + (u64)l->to, .back = l->back, .forward = l->forward};
        if (l->jump) {
            links[i].jump = run + l->jump;
            memcpy(&links[i].apart, u->code + l->jump, sizeof links[i].apart);
        }
        links[i].code = link_fresh(&links[i]);
    }
}

size_t unit_faults_size(const Unit *u)
{
    return u->nsites ? sizeof(FaultMap) + u->nsites * sizeof(FaultSite) + u->nplaces * sizeof(FaultPlace) : 0;
}

void unit_lay_faults(const Unit *u, FaultMap *write, FaultMap *there, u64 pc, const u8 *run)
{
    FaultSite *sites = (FaultSite *)(write + 1);
    const FaultSite *sites_there = (const FaultSite *)(there + 1);
    memcpy(sites, u->sites, u->nsites * sizeof *sites);
    memcpy(sites + u->nsites, u->places, u->nplaces * sizeof(FaultPlace));
    *write = (FaultMap){.code = run, .pc = pc, .nsites = u->nsites, .sites = sites_there, .places = (const FaultPlace *)(sites_there + u->nsites)};
}

size_t unit_data_size(const Unit *u)
{
    return unit_link_at(u->nentries, u->nlinks);
}

void unit_lay(const Guest *guest, const Unit *u, u64 pc, u32 limit, const UnitRoom *room)
{
    Block *b = room->write, *there = room->block;
    u64 low, end;
    find_range(u, code_address(guest, pc), &low, &end);
    for (u32 i = 0; i < u->nentries; i++) {
        u32 next = i + 1 < u->nentries ? u->entries[i + 1].code : u->code_size;
        b[i] = (Block){
            .tier = u->tier,
            .code = room->code + u->entries[i].code,
            .code_size = next - u->entries[i].code,
            .pc = pc + (u64)u->entries[i].pc,
            .low = low,
            .end = end,
            .faults = room->faults,
            .sibling = i + 1 < u->nentries ? &there[i + 1] : NULL,
        };
    }
    b->limit = limit;
    b->ahead = u->ahead;
    b->skip = u->skip;
    b->past = u->past;
    b->insns = u->insns;
    b->nlinks = (u16)u->nlinks;
    b->links = (Link *)(there + u->nentries);
    b->nmap = u->nmap;
    b->map = room->map;
    place_links(u, (Link *)(b + u->nentries), pc, room->code);
    memcpy(room->write_code, u->code, u->code_size);
    relocate(room->write_code, u, (u64)room->code, (u64)there, pc);
}

Block *unit_place(const Guest *guest, const Unit *u, u64 pc, u32 limit)
{
    bool region = u->tier != TIER_BASELINE;
    u8 *write, *run;
    size_t front = unit_data_size(u), map = u->nmap * sizeof(PcMap), faults = unit_faults_size(u);
    Block *b = region ? arena_data(front + map + faults) : arena_block_data(front + map + faults);
    if (!b || !(run = region ? arena_region_code(u->code_size, &write) : arena_code(u->code_size, &write)))
        return NULL;
    PcMap *to = (PcMap *)((u8 *)b + front);
    FaultMap *sites = faults ? (FaultMap *)((u8 *)to + map) : NULL;
    unit_lay(guest, u, pc, limit,
             &(UnitRoom){.block = b, .write = b, .map = to, .faults = sites, .code = run, .write_code = write});
    if (map)
        memcpy(to, u->map, map);
    if (faults)
        unit_lay_faults(u, sites, sites, pc, run);
    return b;
}
