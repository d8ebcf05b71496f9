/* Units to their place in the arena. */
#include "../include/unit.h"

#include <stdlib.h>
#include <string.h>

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

Block *unit_place(const Unit *u, u64 pc, u32 limit)
{
    u8 *write, *run;
    size_t links = u->nlinks * sizeof(Link), map = u->nmap * sizeof(PcMap);
    Block *b = arena_block_data(sizeof *b + links + map);
    if (!b || !(run = arena_code(u->code_size, &write)))
        return NULL;
    *b = (Block){
        .limit = limit,
        .tier = TIER_BASELINE,
        .skip = u->skip,
        .past = u->past,
        .nlinks = u->nlinks,
        .code = run + u->entry,
        .code_size = u->code_size - u->entry,
        .nmap = u->nmap,
        .map = (PcMap *)((u8 *)(b + 1) + links),
        .pc = pc,
        .low = pc,
        .end = pc + u->guest_size,
        .insns = u->insns,
        .links = (Link *)(b + 1),
    };
    for (u32 i = 0; i < u->nlinks; i++) {
        const UnitLink *l = &u->links[i];
        Link *link = &b->links[i];
        *link = (Link){.pc = pc + (u64)l->to, .jump = run + l->jump, .back = l->back, .forward = l->forward};
        memcpy(&link->apart, u->code + l->jump, sizeof link->apart);
        link->code = link_fresh(link);
    }
    memcpy(b->map, u->map, map);
    memcpy(write, u->code, u->code_size);
    relocate(write, u, (u64)run, (u64)b, pc);
    return b;
}

void unit_buffer_free(UnitBuffer *b)
{
    free(b->unit.code);
    free(b->unit.relocs);
    free(b->unit.map);
    *b = (UnitBuffer){0};
}
