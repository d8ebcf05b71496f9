/* The decoder: prefixes, opcode, ModRM, SIB, displacement, immediate (volume 2, chapter 2); then the first row of insns.def that fits
 * the opcode, prefixes and ModRM.reg. insns.index.h, made from the same rows when the project is built, says which rows an opcode has. */
#include <string.h>

#include "x86.h"

#define I(map, opcode, pp, ext, attr, name, ...) LIFT(name);
#include "insns.def"

static const Row rows[] = {
#define I(map, opcode, pp, ext, attr, name, ...) {x86_lift_##name, #name, map, opcode, pp, ext, attr, {__VA_ARGS__}},
#include "insns.def"
};
#include "x86_64/insns.index.h"

/* What is still to be read. */
typedef struct Bytes {
    const u8 *at;
    size_t n, used;
    bool out;
} Bytes;

static u8 byte(Bytes *b)
{
    if (b->used == b->n) {
        b->out = true;
        return 0;
    }
    return b->at[b->used++];
}

static u64 bytes_le(Bytes *b, u32 n)
{
    u64 v = 0;
    for (u32 k = 0; k < n; k++)
        v |= (u64)byte(b) << 8 * k;
    return v;
}

static u64 bytes_signed(Bytes *b, u32 n)
{
    u64 v = bytes_le(b, n);
    return n == 8 ? v : (u64)((i64)(v << (64 - 8 * n)) >> (64 - 8 * n));
}

static bool prefixes(Insn *i, Bytes *b, u8 *opcode)
{
    for (;;) {
        u8 c = byte(b);
        switch (c) {
        case 0x66: i->op16 = true; break;
        case 0x67: i->addr32 = true; break;
        case 0xf0: i->lock = true; break;
        case 0xf2:
        case 0xf3: i->rep = c; break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e: break; /* without meaning in 64-bit mode */
        case 0x64:
        case 0x65: i->seg = c; break;
        default:
            if ((c & 0xf0) == 0x40) {
                i->rex = c;
                c = byte(b);
                /* only the last REX, right before the opcode, counts */
                if (c == 0x66 || c == 0x67 || c == 0xf0 || (c & 0xfe) == 0xf2 || (c & 0xfe) == 0x64 || (c & 0xe7) == 0x26 ||
                    (c & 0xf0) == 0x40) {
                    i->rex = 0;
                    b->used--;
                    continue;
                }
            }
            *opcode = c;
            return !b->out;
        }
        if (b->out)
            return false;
    }
}

/* VEX, 2.3.5: fills what REX and the prefixes fill otherwise. */
static bool vex(Insn *i, Bytes *b, u8 first, u8 *pp)
{
    if (i->rex || i->op16 || i->rep || i->lock)
        return false;
    u8 p0 = byte(b), p1 = first == 0xc4 ? byte(b) : p0;
    u8 map = first == 0xc4 ? p0 & 31 : 1;
    i->rex = 0x40 | (p0 & 0x80 ? 0 : 4);
    if (first == 0xc4)
        i->rex |= (p0 & 0x40 ? 0 : 2) | (p0 & 0x20 ? 0 : 1) | (p1 & 0x80 ? 8 : 0);
    i->w = i->rex & 8;
    i->vvvv = (u8)(~p1 >> 3 & 15);
    i->l256 = p1 & 4;
    i->vex = true;
    *pp = p1 & 3;
    i->op16 = *pp == 1;
    i->rep = *pp == 2 ? 0xf3 : *pp == 3 ? 0xf2 : 0;
    i->map = map;
    return map >= M0F && map <= M3A;
}

static void modrm(Insn *i, Bytes *b)
{
    u8 m = byte(b);
    i->modrm = m;
    i->mod = m >> 6;
    i->reg = (u8)((m >> 3 & 7) | (i->rex & 4) << 1);
    u8 rm = m & 7;
    i->rm = (u8)(rm | (i->rex & 1) << 3);
    i->base = i->index = -1;
    if (i->mod == 3)
        return;
    i->has_mem = true;
    if (rm == 4) {
        u8 sib = byte(b);
        u8 index = (u8)((sib >> 3 & 7) | (i->rex & 2) << 2);
        i->scale = sib >> 6;
        i->index = index == 4 ? -1 : (i8)index;
        if ((sib & 7) != 5 || i->mod)
            i->base = (i8)((sib & 7) | (i->rex & 1) << 3);
        else
            i->disp = (i32)bytes_signed(b, 4);
    } else if (rm == 5 && !i->mod) {
        i->base = 16;
        i->disp = (i32)bytes_signed(b, 4);
    } else {
        i->base = (i8)i->rm;
    }
    if (i->mod)
        i->disp = (i32)bytes_signed(b, i->mod == 1 ? 1 : 4);
}

/* Without an operand for it VEX.vvvv has to be 1111, here 0. Shifts by an immediate have their destination there. */
static bool uses_vvvv(const Row *r)
{
    for (u32 n = 0; n < 4; n++)
        if (r->arg[n] == Hx || r->arg[n] == By)
            return true;
    return r->arg[0] == Wx && r->arg[1] == Ib;
}

static bool fits(const Insn *i, const Row *r, u8 modrm_byte)
{
    switch (r->pp) {
    case NP:
        if (i->op16 || i->rep)
            return false;
        break;
    case P66:
        if (!i->op16 || i->rep)
            return false;
        break;
    case PF3:
        if (i->rep != 0xf3)
            return false;
        break;
    case PF2:
        if (i->rep != 0xf2)
            return false;
        break;
    }
    if (r->ext >= MODRM ? modrm_byte != (u8)r->ext : r->ext >= 0 && (modrm_byte >> 3 & 7) != r->ext)
        return false;
    if (!x86_has(r->attr >> 16))
        return false;
    bool w = i->vex ? i->w : i->rex & 8, mem = modrm_byte < 0xc0;
    if (((r->attr & MEM) && !mem) || ((r->attr & REG) && mem) || ((r->attr & W0) && w) || ((r->attr & W1) && !w))
        return false;
    if (i->vex && r->attr & BOTH && !x86_has(i->l256 && r->attr & AVX256 ? X86_FT_avx2 : X86_FT_avx))
        return false;
    if (i->vex && i->vvvv && !uses_vvvv(r))
        return false;
    if (i->vex)
        return r->attr & (VEX | BOTH) && !((r->attr & L0) && i->l256) && !((r->attr & L1) && !i->l256);
    return !(r->attr & VEX);
}

static const Row *find_row(const Insn *i, u8 opcode, u8 modrm_byte)
{
    u32 key = i->map * 256u + opcode;
    for (u32 k = row_first[key]; k < row_first[key + 1]; k++)
        if (fits(i, &rows[row_order[k]], modrm_byte))
            return &rows[row_order[k]];
    return NULL;
}

static u8 spec_size(const Insn *i, u8 spec)
{
    u8 v = i->row->attr & F64 ? 8 : i->w ? 8 : i->op16 ? 2 : i->row->attr & D64 ? 8 : 4;
    switch ((ArgSpec)spec) {
    case Eb: case Gb: case Zb: case AL: case Ob: return 1;
    case Ew: case Gw: return 2;
    case Ed: case Gd: return 4;
    case Eq: case Gq: case Pq: case Qq: return 8;
    case Ey: case Gy: case By: return i->w ? 8 : 4;
    default: return v;
    }
}

static void immediates(Insn *i, Bytes *b)
{
    u32 v = i->size;
    for (u32 k = 0; k < 4; k++) {
        switch ((ArgSpec)i->row->arg[k]) {
        case Ib:
            i->imm = i->imm8 = byte(b);
            break;
        case Lx:
            i->imm8 = byte(b);
            break;
        case Isb:
        case Jb: i->imm = bytes_signed(b, 1); break;
        case Iw: i->imm = bytes_le(b, 2); break;
        case Iz: i->imm = bytes_signed(b, v == 2 ? 2 : 4); break;
        case Jz: i->imm = bytes_signed(b, 4); break;
        case Iv: i->imm = bytes_le(b, v); break;
        case Ob:
        case Ov: i->imm = bytes_le(b, i->addr32 ? 4 : 8); break;
        default: break;
        }
    }
}

int x86_decode(Insn *i, const u8 *bytes, size_t size)
{
    x86_default_cpu();
    Bytes b = {bytes, size < 15 ? size : 15, 0, false};
    u8 opcode, pp;
    *i = (Insn){.base = -1, .index = -1};
    if (!prefixes(i, &b, &opcode))
        return size < 15 ? -1 : 2;
    i->w = i->rex & 8;
    i->map = M1;
    if (opcode == 0xc4 || opcode == 0xc5) {
        if (!vex(i, &b, opcode, &pp))
            return !b.out ? 0 : size < 15 ? -1 : 2;
        opcode = byte(&b);
    } else if (opcode == 0x0f) {
        opcode = byte(&b);
        i->map = M0F;
        if (opcode == 0x38 || opcode == 0x3a) {
            i->map = opcode == 0x38 ? M38 : M3A;
            opcode = byte(&b);
        }
    }
    i->opcode = opcode;
    u8 next = b.used < b.n ? b.at[b.used] : 0xc0;
    if (b.out)
        return size < 15 ? -1 : 2;
    i->row = find_row(i, opcode, next);
    if (!i->row)
        return 0;
    if (!(i->row->attr & NOMODRM))
        modrm(i, &b);
    i->size = spec_size(i, i->row->arg[0]);
    immediates(i, &b);
    if (b.out)
        return size < 15 ? -1 : 2;
    if (i->lock && (!(i->row->attr & LOCK) || !i->has_mem))
        return 0;
    i->bytes = (u8)b.used;
    return 1;
}
