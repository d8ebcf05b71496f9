/* Memory copy and set (FEAT_MOPS, Arm ARM C3.2.13), in the manual's option A: after the prologue Xn counts up from the
 * negated size, addresses being those of the ends, or down to 0 for a copy from the end. How much each of the three
 * instructions does is free: here the prologue does nothing and the main part all. They go page by page, so that a
 * fault leaves the registers at what is done. */
#include <string.h>

#include "a64.h"

enum { PAGE = 4096, PIECE = 1024 /* below what the C library gives to `rep movsb`, which is slower on many hosts */ };

typedef struct Registers {
    u64 *d, *s, *n;
} Registers;

static u64 pack(const Insn *i)
{
    return i->rd | (u64)i->rs << 8 | (u64)i->rn << 16;
}

static Registers unpack(Task *t, u64 packed)
{
    u64 *x = a64(t)->x; /* x[31] is SP, which takes no part */
    return (Registers){&x[packed & 31], &x[packed >> 8 & 31], &x[packed >> 16 & 31]};
}

/* Without its tag */
static u8 *memory(u64 addr)
{
    return (u8 *)(addr & ~(0xffull << 56));
}

static u64 least(u64 a, u64 b)
{
    return a < b ? a : b;
}

/* Up to a piece of the bytes from addr, or before it, that lie on one page */
static u64 page_after(u64 addr)
{
    return least(PAGE - addr % PAGE, PIECE);
}

static u64 page_before(u64 addr)
{
    return least((addr - 1) % PAGE + 1, PIECE);
}

/* -- prologues ------------------------------------------------------------------------------------------------------
 */

static void forwards(Registers r, u64 size)
{
    *r.d += size;
    *r.s += size;
    *r.n = -size;
}

u64 a64_helper_cpyf_prologue(Task *t, u64 packed, u64 unused)
{
    Registers r = unpack(t, packed);
    forwards(r, least(*r.n, INT64_MAX));
    return 0;
}

/* From the end only if the beginning would overwrite what is yet to be copied. */
u64 a64_helper_cpy_prologue(Task *t, u64 packed, u64 unused)
{
    Registers r = unpack(t, packed);
    u64 size = least(*r.n, 0x007fffffffffffff), to = (u64)memory(*r.d), from = (u64)memory(*r.s);
    if (from < to && from + size > to)
        *r.n = size;
    else
        forwards(r, size);
    return 0;
}

u64 a64_helper_set_prologue(Task *t, u64 packed, u64 unused)
{
    Registers r = unpack(t, packed);
    u64 size = least(*r.n, INT64_MAX);
    *r.d += size;
    *r.n = -size;
    return 0;
}

/* -- main part ------------------------------------------------------------------------------------------------------
 */

u64 a64_helper_cpy_main(Task *t, u64 packed, u64 unused)
{
    Registers r = unpack(t, packed);
    while ((i64)*r.n < 0) {
        u64 to = *r.d + *r.n, from = *r.s + *r.n, size = least(least(page_after(to), page_after(from)), -*r.n);
        u8 *d = memory(to), *s = memory(from);
        *(volatile u8 *)d = *(volatile u8 *)s; /* what faults is the first byte */
        memmove(d, s, size);
        *r.n += size;
    }
    while (*r.n) {
        u64 to = *r.d + *r.n, from = *r.s + *r.n, size = least(least(page_before(to), page_before(from)), *r.n);
        u8 *d = memory(to - size), *s = memory(from - size);
        *(volatile u8 *)(d + size - 1) = *(volatile u8 *)(s + size - 1); /* the last one here */
        memmove(d, s, size);
        *r.n -= size;
    }
    return 0;
}

u64 a64_helper_set_main(Task *t, u64 packed, u64 value)
{
    Registers r = unpack(t, packed);
    while ((i64)*r.n < 0) {
        u64 to = *r.d + *r.n, size = least(page_after(to), -*r.n);
        *(volatile u8 *)memory(to) = (u8)value;
        memset(memory(to), (u8)value, size);
        *r.n += size;
    }
    return 0;
}

/* -- the instructions -----------------------------------------------------------------------------------------------
 */

/* Three registers that aren't the same; a value to set may be zero. */
static bool reserved(Lift *l, const Insn *i, bool set)
{
    if (i->rd == i->rs || i->rd == i->rn || i->rs == i->rn || i->rd == 31 || i->rn == 31 || (i->rs == 31 && !set))
        unallocated(l);
    return l->unimplemented;
}

static void prologue(Lift *l, const Insn *i, u32 helper, bool set)
{
    if (reserved(l, i, set))
        return;
    call_helper(l, helper, k64(l, pack(i)), NO_VAL);
    flags_set(l, FLAG_BITS, k32(l, 0), NO_VAL);
}

static void copy_main(Lift *l, const Insn *i)
{
    if (!reserved(l, i, false))
        call_helper(l, HELPER_cpy_main, k64(l, pack(i)), NO_VAL);
}

static void set_main(Lift *l, const Insn *i)
{
    if (!reserved(l, i, true))
        call_helper(l, HELPER_set_main, k64(l, pack(i)), x(l, i->rs));
}

LIFT(cpyfp)
{
    prologue(l, i, HELPER_cpyf_prologue, false);
}

LIFT(cpyp)
{
    prologue(l, i, HELPER_cpy_prologue, false);
}

LIFT(setp)
{
    prologue(l, i, HELPER_set_prologue, true);
}

LIFT(cpyfm)
{
    copy_main(l, i);
}

LIFT(cpyfe)
{
    copy_main(l, i);
}

LIFT(cpym)
{
    copy_main(l, i);
}

LIFT(cpye)
{
    copy_main(l, i);
}

LIFT(setm)
{
    set_main(l, i);
}

LIFT(sete)
{
    set_main(l, i);
}
