/* A small assembler for the host: one function encodes an instruction with a ModRM byte, whatever its operands.
 * Intel SDM volume 2, chapter 2. */
#ifndef DRAGOMAN_HOST_ASM_H
#define DRAGOMAN_HOST_ASM_H

#include <string.h>

#include "../../../include/base.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, NO_REG = -1 };

/* Condition codes as jcc, setcc and cmovcc number them; the lowest bit inverts. */
typedef enum Cc { CC_O, CC_NO, CC_B, CC_AE, CC_E, CC_NE, CC_BE, CC_A, CC_S, CC_NS, CC_P, CC_NP, CC_L, CC_GE, CC_LE, CC_G } Cc;

/* An opcode with its map and prefixes. */
enum {
    OP_0F = 0x100,
    OP_0F3A = 0x300,
    OP_0F38 = 0x10100,
    OP_66 = 0x400,
    OP_F2 = 0x800,
    OP_F3 = 0x1000,
    OP_W = 0x2000,       /* 64 bits */
    OP_BYTE = 0x4000,    /* the register operand is a byte: those from 4 on need a REX prefix not to be ah and the like */
    OP_BYTE_RM = 0x8000, /* the same for the other one */
};

/* The operand of a ModRM byte: a register, or memory at base + index * scale + disp. */
typedef struct Rm {
    bool memory;
    i8 reg;   /* the register, or the base, or NO_REG */
    i8 index; /* NO_REG for none */
    u8 scale; /* as a shift */
    i32 disp;
} Rm;

static inline Rm rm_reg(int reg)
{
    return (Rm){.reg = (i8)reg, .index = NO_REG};
}

static inline Rm rm_memory(int base, i32 disp)
{
    return (Rm){.memory = true, .reg = (i8)base, .index = NO_REG, .disp = disp};
}

/* Where code is being made. The caller sees to it that there is room. */
typedef struct Asm {
    u8 *code;
    u32 at;
} Asm;

static inline void asm_u8(Asm *a, u32 v)
{
    a->code[a->at++] = (u8)v;
}

static inline void asm_u16(Asm *a, u32 v)
{
    memcpy(a->code + a->at, &(u16){(u16)v}, 2);
    a->at += 2;
}

static inline void asm_u32(Asm *a, u32 v)
{
    memcpy(a->code + a->at, &v, 4);
    a->at += 4;
}

static inline void asm_u64(Asm *a, u64 v)
{
    memcpy(a->code + a->at, &v, 8);
    a->at += 8;
}

static inline void asm_modrm(Asm *a, int reg, Rm rm)
{
    u32 field = (u32)(reg & 7) << 3;
    if (!rm.memory) {
        asm_u8(a, 0xc0 | field | (u32)(rm.reg & 7));
        return;
    }
    if (rm.reg == NO_REG) { /* no base: a SIB byte without one, lest it be relative to rip */
        asm_u8(a, field | 4);
        asm_u8(a, (u32)rm.scale << 6 | (rm.index == NO_REG ? 4u : (u32)(rm.index & 7)) << 3 | 5);
        asm_u32(a, (u32)rm.disp);
        return;
    }
    bool sib = rm.index != NO_REG || (rm.reg & 7) == RSP;
    bool none = !rm.disp && (rm.reg & 7) != RBP, byte = rm.disp == (i8)rm.disp;
    asm_u8(a, (none ? 0u : byte ? 0x40u : 0x80u) | field | (sib ? 4u : (u32)(rm.reg & 7)));
    if (sib)
        asm_u8(a, (u32)rm.scale << 6 | (rm.index == NO_REG ? 4u : (u32)(rm.index & 7)) << 3 | (u32)(rm.reg & 7));
    if (none)
        return;
    if (byte)
        asm_u8(a, (u32)rm.disp);
    else
        asm_u32(a, (u32)rm.disp);
}

/* All before the ModRM byte. `reg` is a register or an opcode's extension. */
static inline void asm_opcode(Asm *a, u32 op, int reg, Rm rm)
{
    if (op & OP_66)
        asm_u8(a, 0x66);
    if (op & OP_F2)
        asm_u8(a, 0xf2);
    if (op & OP_F3)
        asm_u8(a, 0xf3);
    u32 rex = (op & OP_W ? 8u : 0) | (reg > 7 ? 4u : 0) | (rm.index > 7 ? 2u : 0) | (rm.reg > 7 ? 1u : 0);
    bool low = (op & OP_BYTE && reg > 3) || (op & OP_BYTE_RM && !rm.memory && rm.reg > 3);
    if (rex || low)
        asm_u8(a, 0x40 | rex);
    if (op & OP_0F)
        asm_u8(a, 0x0f);
    if ((op & OP_0F3A) == OP_0F3A)
        asm_u8(a, 0x3a);
    if ((op & OP_0F38) == OP_0F38)
        asm_u8(a, 0x38);
    asm_u8(a, op & 0xff);
}

/* An instruction of 1 to 3 bytes that does nothing. */
static inline void asm_nop(Asm *a, u32 bytes)
{
    static const u8 nops[3][3] = {{0x90}, {0x66, 0x90}, {0x0f, 0x1f, 0x00}};
    memcpy(a->code + a->at, nops[bytes - 1], bytes);
    a->at += bytes;
}

/* An immediate is the caller's to append. */
static inline void asm_insn(Asm *a, u32 op, int reg, Rm rm)
{
    asm_opcode(a, op, reg, rm);
    asm_modrm(a, reg, rm);
}

/* An instruction of three operands on 16-byte vectors, of those with prefix 66 in map 0F38, in VEX encoding. */
static inline void asm_vex38(Asm *a, bool wide, u32 opcode, int reg, int second, Rm rm)
{
    asm_u8(a, 0xc4);
    asm_u8(a, (reg > 7 ? 0 : 0x80u) | (rm.index > 7 ? 0 : 0x40u) | (rm.reg > 7 ? 0 : 0x20u) | 2);
    asm_u8(a, (wide ? 0x80u : 0) | (u32)(~second & 15) << 3 | 1);
    asm_u8(a, opcode);
    asm_modrm(a, reg, rm);
}

static inline void asm_constant64(Asm *a, int reg, u64 v)
{
    asm_u8(a, reg > 7 ? 0x49 : 0x48);
    asm_u8(a, 0xb8 | (u32)(reg & 7));
    asm_u64(a, v);
}

/* The shortest way to get a constant into a register; leaves flags alone. */
static inline void asm_constant(Asm *a, int reg, u64 v)
{
    if (v <= UINT32_MAX) {
        if (reg > 7)
            asm_u8(a, 0x41);
        asm_u8(a, 0xb8 | (u32)(reg & 7));
        asm_u32(a, (u32)v);
    } else if ((i64)v == (i32)v) {
        asm_insn(a, OP_W | 0xc7, 0, rm_reg(reg));
        asm_u32(a, (u32)v);
    } else {
        asm_constant64(a, reg, v);
    }
}

/* add 0, or 1, and 4, sub 5, xor 6, cmp 7: with an immediate of 32 bits, sign-extended to 64 under OP_W. */
static inline void asm_group1(Asm *a, u32 width, int which, Rm rm, i32 imm)
{
    bool byte = imm == (i8)imm;
    asm_insn(a, width | (byte ? 0x83 : 0x81), which, rm);
    if (byte)
        asm_u8(a, (u32)imm);
    else
        asm_u32(a, (u32)imm);
}

static inline void asm_push(Asm *a, int reg)
{
    if (reg > 7)
        asm_u8(a, 0x41);
    asm_u8(a, 0x50 | (u32)(reg & 7));
}

static inline void asm_pop(Asm *a, int reg)
{
    if (reg > 7)
        asm_u8(a, 0x41);
    asm_u8(a, 0x58 | (u32)(reg & 7));
}

/* A short conditional jump forward; returns where asm_land is to fill in the distance. */
static inline u32 asm_skip(Asm *a, Cc cc)
{
    asm_u8(a, 0x70 | (u32)cc);
    asm_u8(a, 0);
    return a->at;
}

static inline void asm_land(Asm *a, u32 from)
{
    a->code[from - 1] = (u8)(a->at - from);
}

#endif
