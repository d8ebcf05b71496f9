/* Where the translator's own memory lies: in zones of their own, apart from all that the kernel gives the guest, so that an address
 * says whose it is. */
#ifndef DRAGOMAN_ZONE_H
#define DRAGOMAN_ZONE_H

#include "../include/base.h"

/* The executable (tools/llvm_link.cmake) and the arena of translated code lie in the first 2 GiB, so that 32 bits of distance lead
 * from each to the other; mappings begin behind 4 GiB. */
enum : u64 {
    ZONE_LO = 0x680000000000,
    ZONE_MAPPINGS = ZONE_LO + ((u64)4 << 30),
    ZONE_HI = ZONE_LO + ((u64)1 << 40),
};

/* The guest's memory ends, and our own stack's room begins, at `top`. */
void zone_init(u64 top);
/* Whether some of [addr, addr + size) is the translator's, or its to use: nothing that the guest could have mapped. */
bool zone_overlaps(u64 addr, u64 size);

#endif
