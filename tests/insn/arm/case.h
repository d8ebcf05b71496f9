/* What the oracle (a guest program run under QEMU) and the host side exchange: a few instructions with the machine's whole state before,
 * and the whole state after, in files as they are in memory. Both sides use the same fixed addresses. */
#ifndef DRAGOMAN_TESTS_ARM_CASE_H
#define DRAGOMAN_TESTS_ARM_CASE_H

#include <stdint.h>
#include <string.h>

enum {
    CASE_BYTES = 32,         /* longest sequence */
    CODE_SIZE = 64 << 10,    /* breakpoints around the instructions under test */
    SCRATCH_SIZE = 32 << 10,
    SCRATCH_BASE = 8192,     /* where pointers into it start: room for negative offsets */
    MEM_CHANGES = 40,        /* changed double words of scratch memory that an outcome can list */
};

#define CODE_ADDR 0x30000000u
#define CODE_PC (CODE_ADDR + CODE_SIZE / 2)
#define SCRATCH_ADDR 0x20000000u

typedef struct State {
    uint32_t r[15], pc, cpsr, fpscr; /* of cpsr: NZCVQ, GE, IT, E, T */
    uint64_t d[32];
} State;

typedef struct Case {
    uint32_t size, thumb;
    uint8_t code[CASE_BYTES];
    State state; /* pc is ignored */
} Case;

typedef struct MemChange {
    uint64_t offset, value; /* in scratch memory, 8-byte aligned */
} MemChange;

typedef struct Outcome {
    int32_t signo; /* 0: ran through, or branched to state.pc; SIGALRM: didn't end */
    uint32_t nmem, addr, pad; /* addr: of SIGSEGV and SIGBUS */
    State state;   /* at a signal, that of the faulting instruction */
    MemChange mem[MEM_CHANGES];
} Outcome;

#define CPSR_SEEN 0xfe0ffe20u

/* BKPT, with varied bits for literal loads to see; in T32 two of 16 bits. */
static inline uint32_t case_filler(uint32_t i, uint32_t thumb)
{
    uint32_t n = i * 2654435761u;
    return thumb ? 0xbe00be00u | (n & 0xff) | (n & 0xff0000) : 0xe1200070u | (n & 0xfff0f);
}

static inline uint64_t case_scratch(uint64_t offset)
{
    uint64_t z = (offset >> 3) * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0x2545f4914f6cdd1d);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ z >> 29;
}

/* Lists how scratch memory differs from its initial contents, and restores it. */
static inline void case_scan(uint64_t *scratch, const uint64_t *pristine, Outcome *out)
{
    enum { CHUNK = 256 };
    for (uint32_t at = 0; at < SCRATCH_SIZE / 8; at += CHUNK) {
        if (memcmp(scratch + at, pristine + at, CHUNK * 8) == 0)
            continue;
        for (uint32_t i = at; i < at + CHUNK; i++) {
            if (scratch[i] == pristine[i])
                continue;
            if (out->nmem < MEM_CHANGES)
                out->mem[out->nmem++] = (MemChange){i * 8, scratch[i]};
            scratch[i] = pristine[i];
        }
    }
}

#endif
