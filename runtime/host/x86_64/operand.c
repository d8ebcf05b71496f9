/* The memory operand of an x86-64 instruction: Intel SDM volume 2, chapter 2. Legacy, REX and VEX encodings. */
#include "operand.h"

#include <string.h>

enum { REX_B = 1, REX_X = 2, REX_R = 4 };

static u64 reg(const ucontext_t *uc, unsigned number)
{
    static const u8 order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                 REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return (u64)uc->uc_mcontext.gregs[order[number]];
}

static bool canonical(u64 addr)
{
    return (u64)((i64)(addr << 16) >> 16) == addr;
}

static bool is_prefix(u8 b)
{
    return memchr("\x66\xf2\xf3\xf0\x2e\x36\x3e\x26\x64\x65\x67", b, 11) != NULL;
}

/* Bytes of immediate data behind the operand, which a rip-relative address counts from the end of. */
static unsigned immediate_bytes(u8 map, u8 opcode, bool short_operand)
{
    if (map == 3 || (map == 1 && (opcode == 0xc2 || opcode == 0xc4 || opcode == 0xc5 || opcode == 0xc6 ||
                                  (opcode & 0xfc) == 0x70 || opcode == 0xa4 || opcode == 0xac || opcode == 0xba)))
        return 1;
    if (map != 0)
        return 0;
    switch (opcode) {
    case 0x6b: case 0x80: case 0x83: case 0xc0: case 0xc1: case 0xc6: return 1;
    case 0x69: case 0x81: case 0xc7: return short_operand ? 2 : 4;
    default: return 0;
    }
}

u64 operand_address(const ucontext_t *uc)
{
    const u8 *p = (const u8 *)uc->uc_mcontext.gregs[REG_RIP];
    bool short_operand = false;
    u8 rex = 0, map = 0;
    for (int i = 0; i < 14 && is_prefix(*p); i++)
        short_operand |= *p++ == 0x66;
    if ((*p & 0xf0) == 0x40)
        rex = *p++;
    if (*p == 0xc5) {
        p += 2;
        map = 1;
    } else if (*p == 0xc4) {
        rex = ~p[1] >> 5 & 7;
        map = p[1] & 31;
        p += 3;
    } else if (*p == 0x0f) {
        map = p[1] == 0x38 ? 2 : p[1] == 0x3a ? 3 : 1;
        p += map == 1 ? 1 : 2;
    }
    u8 opcode = *p++;
    if (map == 0 && opcode >= 0xa4 && opcode <= 0xaf) { /* string instructions */
        u64 source = reg(uc, 6), target = reg(uc, 7);
        return canonical(target) ? source : target;
    }
    u8 modrm = *p++;
    unsigned mod = modrm >> 6, rm = modrm & 7;
    u64 addr = 0;
    if (mod == 3)
        return 0;
    if (rm == 4) {
        u8 sib = *p++;
        unsigned index = (sib >> 3 & 7) | (rex & REX_X ? 8 : 0), base = sib & 7;
        if (index != 4)
            addr = reg(uc, index) << (sib >> 6);
        if (base == 5 && mod == 0)
            mod = 4; /* no base, 32 bits of displacement */
        else
            addr += reg(uc, base | (rex & REX_B ? 8 : 0));
    } else if (rm == 5 && mod == 0) {
        i32 disp;
        memcpy(&disp, p, sizeof disp);
        return (u64)p + 4 + immediate_bytes(map, opcode, short_operand) + (u64)(i64)disp;
    } else {
        addr = reg(uc, rm | (rex & REX_B ? 8 : 0));
    }
    if (mod == 1) {
        addr += (u64)(i64)(i8)*p;
    } else if (mod != 0) {
        i32 disp;
        memcpy(&disp, p, sizeof disp);
        addr += (u64)(i64)disp;
    }
    return addr;
}
