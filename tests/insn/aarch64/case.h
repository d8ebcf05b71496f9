/* What the oracle (a guest program run under QEMU) and the host side exchange: a few instructions with the machine's whole
 * state before, and the whole state after. Both sides use the same fixed addresses, so that pointers and pc-relative values
 * compare bit for bit. Records are written to files as they are in memory; both machines are little-endian and LP64. */
#ifndef DRAGOMAN_TESTS_CASE_H
#define DRAGOMAN_TESTS_CASE_H

#include <stdint.h>
#include <string.h>

enum {
    CASE_WORDS = 8,          /* longest sequence */
    CODE_SIZE = 64 << 10,    /* a run of BRKs around the instructions under test */
    SCRATCH_SIZE = 80 << 10, /* reaches past the largest scaled unsigned offset, 4095 * 16 */
    SCRATCH_BASE = 4096,     /* where pointers into it start: room for negative offsets */
    MEM_CHANGES = 80,        /* changed 8-byte words of scratch memory that an outcome can list */
};

#define CODE_ADDR UINT64_C(0x3000000000)
#define CODE_PC (CODE_ADDR + CODE_SIZE / 2)
#define SCRATCH_ADDR UINT64_C(0x2000000000)

typedef struct State {
    uint64_t x[31], sp, pc, tpidr;
    uint32_t nzcv, fpcr, fpsr, pad; /* nzcv in bits 31..28 */
    uint64_t v[32][2];
} State;

typedef struct Case {
    uint32_t count, words[CASE_WORDS];
    uint32_t pad;
    State state; /* pc is ignored */
} Case;

typedef struct MemChange {
    uint64_t offset, value; /* in scratch memory, 8-byte aligned */
} MemChange;

typedef struct Outcome {
    int32_t signo; /* 0: ran through, or branched to state.pc; SIGALRM: didn't end */
    uint32_t nmem;
    uint64_t addr; /* si_addr of SIGSEGV and SIGBUS */
    State state;   /* at a signal, that of the faulting instruction */
    MemChange mem[MEM_CHANGES];
} Outcome;

/* The instruction at index i of the code area where nothing is under test: BRK #i, so that literal loads see varied data. */
static inline uint32_t case_filler(uint32_t i)
{
    return 0xd4200000u | (i & 0xffff) << 5;
}

/* What scratch memory holds before each case: a fixed scramble of the offset. */
static inline uint64_t case_scratch(uint64_t offset)
{
    uint64_t z = (offset >> 3) * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0x2545f4914f6cdd1d);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ z >> 29;
}

/* True if one of the words may write memory: loads and stores (Arm ARM C4.1.94), and DC ZVA. */
static inline int case_writes(const uint32_t *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if ((words[i] >> 25 & 5) == 4 || (words[i] & 0xffffffe0) == 0xd50b7420)
            return 1;
    return 0;
}

/* Lists how scratch memory differs from its initial contents (pristine), and restores it. */
static inline void case_scan(uint64_t *scratch, const uint64_t *pristine, Outcome *out)
{
    enum { CHUNK = 256 };

    for (uint64_t at = 0; at < SCRATCH_SIZE / 8; at += CHUNK) {
        if (memcmp(scratch + at, pristine + at, CHUNK * 8) == 0)
            continue;
        for (uint64_t i = at; i < at + CHUNK; i++) {
            if (scratch[i] == pristine[i])
                continue;
            if (out->nmem < MEM_CHANGES)
                out->mem[out->nmem++] = (MemChange){i * 8, scratch[i]};
            scratch[i] = pristine[i];
        }
    }
}

#endif
