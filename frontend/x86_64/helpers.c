/* What translated code calls: divisions that may fault, string instructions, the x87 unit, CPUID, areas of state.
 *
 * A guest thread's x87 unit is its host thread's: nothing else here uses it, the kernel keeps it over signals and from thread to
 * thread, and so every result, rounding and status bit is the processor's own. For each x87 instruction there is a piece of host
 * code that is this instruction and a return; a memory operand is at rdi, which is the guest's address, so that a fault is the guest's. */
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <x86intrin.h>

#include "../../include/host.h"
#include "../../include/translate.h"
#include "../../lifter/ops_int.h"
#include "x86.h"

/* -- flags ------------------------------------------------------------------------------------------------------------ */

u64 x86_rflags(const X86State *s)
{
    u32 kind = s->flag_kind & X86_KIND, shift = s->flag_kind >> X86_SHIFT, nzcv = op_nzcv(kind, s->flag_a, s->flag_b);
    bool borrow = s->flag_kind & X86_BORROW;
    u64 carry = s->flag_kind & X86_CARRY ? s->carry : (nzcv >> 29 & 1) ^ borrow;
    u64 over = s->flag_kind & X86_OVER ? s->over : nzcv >> 28 & 1;
    u64 flags = X86_FLAGS_FIXED | s->flag_rest | (s->direction ? X86_DF : 0) | (carry ? X86_CF : 0) | (over ? X86_OF : 0) |
                (nzcv >> 31 ? X86_SF : 0) | (nzcv >> 30 & 1 ? X86_ZF : 0);
    u64 a = s->flag_a, b = s->flag_b, r;
    switch (kind) {
    case FLAG_BITS:
        return flags | (a & X86_BITS_A ? X86_AF : 0) | (a & X86_BITS_P ? X86_PF : 0);
    case FLAG_AND32:
    case FLAG_AND64: r = a; break;
    case FLAG_SUB32:
    case FLAG_SUB64: r = a - b; break;
    default: r = a + b + (kind > FLAG_CARRY_IN); break;
    }
    if (kind != FLAG_AND32 && kind != FLAG_AND64) {
        bool half = (a ^ b ^ r) >> shift >> 4 & 1;
        flags |= half ^ (borrow && kind != FLAG_SUB32 && kind != FLAG_SUB64) ? X86_AF : 0;
    }
    return flags | (__builtin_parity((u8)(r >> shift)) ? 0 : X86_PF);
}

void x86_set_rflags(X86State *s, u64 flags)
{
    s->flag_kind = FLAG_BITS;
    s->flag_b = 0;
    s->flag_a = (flags & X86_SF ? 1u << 31 : 0) | (flags & X86_ZF ? 1u << 30 : 0) | (flags & X86_CF ? 1u << 29 : 0) |
                (flags & X86_OF ? 1u << 28 : 0) | (flags & X86_AF ? X86_BITS_A : 0) | (flags & X86_PF ? X86_BITS_P : 0);
    s->direction = !!(flags & X86_DF);
    s->flag_rest = flags & X86_FLAGS_REST;
}

X86_HELPER(get_rflags)
{
    return x86_rflags(x86_state(t));
}

X86_HELPER(set_rflags)
{
    x86_set_rflags(x86_state(t), a);
    t->traps = a & X86_TF;
    return 0;
}

/* -- exceptions ------------------------------------------------------------------------------------------------------- */

/* Traps are at the next instruction, b. */
X86_HELPER(raise)
{
    u64 pc = t->pc;
    switch (a) {
    case RAISE_DE: task_raise(t, SIGFPE, FPE_INTDIV, pc);
    case RAISE_BP:
        t->pc = b;
        task_raise(t, SIGTRAP, SI_KERNEL, 0);
    case RAISE_DB:
        t->pc = b;
        task_raise(t, SIGTRAP, TRAP_BRKPT, b);
    case RAISE_OF: t->pc = b; [[fallthrough]];
    default: task_raise(t, SIGSEGV, SI_KERNEL, 0);
    }
}

X86_HELPER(div)
{
    X86State *s = x86_state(t);
    u32 size = b & 15;
    bool is_signed = b & 16, fits;
    u128 n;
    u64 mask = x86_mask(size), d = a & mask, q, r;
    u32 bits = 8 * size;
    if (size == 1)
        n = s->r[RAX] & 0xffff;
    else
        n = (u128)(s->r[RDX] & mask) << bits | (s->r[RAX] & mask);
    if (!d)
        x86_helper_raise(t, RAISE_DE, 0);
    if (size == 8 && !is_signed) {
        fits = (u64)(n >> 64) < d;
        q = r = 0;
        if (fits)
            __asm__("divq %4" : "=a"(q), "=d"(r) : "a"((u64)n), "d"((u64)(n >> 64)), "r"(d) : "cc");
    } else if (is_signed) {
        i128 sn = (i128)(n << (128 - 2 * bits)) >> (128 - 2 * bits), sd = (i64)(d << (64 - bits)) >> (64 - bits);
        bool least = sn == (i128)((u128)1 << 127); /* by -1 it would trap here */
        i128 sq = least && sd == -1 ? sn : sn / sd;
        q = (u64)sq & mask;
        r = least && sd == -1 ? 0 : (u64)(sn % sd) & mask;
        fits = sq == (i64)(q << (64 - bits)) >> (64 - bits);
    } else {
        u128 uq = n / d;
        q = (u64)uq & mask;
        r = (u64)(n % d);
        fits = uq <= mask;
    }
    if (!fits)
        x86_helper_raise(t, RAISE_DE, 0);
    switch (size) {
    case 1: s->r[RAX] = (s->r[RAX] & ~0xffffull) | r << 8 | q; break;
    case 2:
        s->r[RAX] = (s->r[RAX] & ~0xffffull) | q;
        s->r[RDX] = (s->r[RDX] & ~0xffffull) | r;
        break;
    default:
        s->r[RAX] = q;
        s->r[RDX] = r;
        break;
    }
    return 0;
}

/* -- strings ---------------------------------------------------------------------------------------------------------- */

/* As much of an instruction as one call does: then it looks whether there is a signal. */
enum : u64 { STRING_BYTES = 1 << 20, PAGE = 4096 };

static inline u64 up_to_page(u64 addr)
{
    return PAGE - (addr & (PAGE - 1));
}

/* Forwards, so many bytes of one page to one page; each fault is at the first byte of a piece. */
static void piece(u32 kind, u32 size, u64 to, u64 from, u64 n, u64 value)
{
    if (kind == STR_MOVS && to - from >= n) {
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    } else if (kind == STR_MOVS) { /* overlapping: what is copied is copied again */
        for (u64 k = 0; k < n; k += size) {
            switch (size) {
            case 1: *(volatile u8 *)(to + k) = *(volatile u8 *)(from + k); break;
            case 2: *(volatile u16 *)(to + k) = *(volatile u16 *)(from + k); break;
            case 4: *(volatile u32 *)(to + k) = *(volatile u32 *)(from + k); break;
            default: *(volatile u64 *)(to + k) = *(volatile u64 *)(from + k); break;
            }
        }
    } else {
        switch (size) {
        case 1: __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory"); break;
        case 2: n /= 2; __asm__ volatile("rep stosw" : "+D"(to), "+c"(n) : "a"(value) : "memory"); break;
        case 4: n /= 4; __asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(value) : "memory"); break;
        default: n /= 8; __asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(value) : "memory"); break;
        }
    }
}

static u64 fetch(u64 addr, u32 size)
{
    switch (size) {
    case 1: return *(volatile u8 *)addr;
    case 2: return *(volatile u16 *)addr;
    case 4: return *(volatile u32 *)addr;
    default: return *(volatile u64 *)addr;
    }
}

static void store(u64 addr, u32 size, u64 v)
{
    switch (size) {
    case 1: *(volatile u8 *)addr = (u8)v; break;
    case 2: *(volatile u16 *)addr = (u16)v; break;
    case 4: *(volatile u32 *)addr = (u32)v; break;
    default: *(volatile u64 *)addr = v; break;
    }
}

/* The flags of x - y. */
static void flags_of_difference(X86State *s, u32 size, u64 x, u64 y)
{
    u32 shift = size < 4 ? 32 - 8 * size : 0;
    s->flag_kind = (size == 8 ? FLAG_SUB64 : FLAG_SUB32) | X86_BORROW | shift << X86_SHIFT;
    s->flag_a = x << shift;
    s->flag_b = y << shift;
}

/* Registers are brought up to date after each element, or piece: a fault finds what has been done, and the instruction goes on there
 * when it is run again. */
X86_HELPER(string)
{
    X86State *s = x86_state(t);
    u32 kind = a & 15, size = a >> 4 & 15;
    u8 rep = (u8)(a >> 8);
    u64 mask = a >> 16 & 1 ? 0xffffffff : ~0ull, step = s->direction ? -(u64)size : size;
    bool uses_si = kind == STR_MOVS || kind == STR_LODS || kind == STR_CMPS, uses_di = kind != STR_LODS;
    for (u64 done = 0; s->r[RCX] & mask;) {
        u64 si = b + (s->r[RSI] & mask), di = s->r[RDI] & mask, n = 1;
        bool stop = false;
        if (done >= STRING_BYTES || (done && t->traps))
            return 1;
        if ((kind == STR_MOVS || kind == STR_STOS) && !s->direction && mask == ~0ull && !t->traps) {
            u64 room = up_to_page(di);
            if (uses_si && up_to_page(si) < room)
                room = up_to_page(si);
            n = room / size < s->r[RCX] ? room / size : s->r[RCX];
        }
        if (n > 1) {
            piece(kind, size, di, si, n * size, s->r[RAX]);
        } else {
            n = 1;
            u64 acc = s->r[RAX] & x86_mask(size), v;
            switch (kind) {
            case STR_MOVS: store(di, size, fetch(si, size)); break;
            case STR_STOS: store(di, size, acc); break;
            case STR_LODS:
                v = fetch(si, size);
                s->r[RAX] = size == 4 ? v : (s->r[RAX] & ~x86_mask(size)) | v;
                break;
            default:
                v = fetch(di, size);
                if (kind == STR_CMPS)
                    acc = fetch(si, size);
                flags_of_difference(s, size, acc, v);
                stop = (acc == v) != (rep == 0xf3);
                break;
            }
        }
        if (uses_si)
            s->r[RSI] = (s->r[RSI] + n * step) & mask;
        if (uses_di)
            s->r[RDI] = (s->r[RDI] + n * step) & mask;
        s->r[RCX] = (s->r[RCX] - n) & mask;
        done += n * size;
        if (stop)
            return 0;
    }
    return 0;
}

/* -- the x87 unit, and MMX -------------------------------------------------------------------------------------------- */

__asm__(".text\n"
        ".balign 8\n"
        "x87_registers:\n" /* by the opcode's low 3 bits << 6 | ModRM - 0xc0 */
        ".set op, 0\n.rept 8\n.set rm, 0\n.rept 64\n"
        ".balign 8\n.byte 0xd8 + op, 0xc0 + rm\nret\n"
        ".set rm, rm + 1\n.endr\n.set op, op + 1\n.endr\n"
        ".balign 8\n"
        "x87_memory:\n" /* by the opcode's low 3 bits << 3 | ModRM.reg */
        ".set op, 0\n.rept 8\n.set rm, 0\n.rept 8\n"
        ".balign 8\n.byte 0xd8 + op, rm << 3 | 7\nret\n"
        ".set rm, rm + 1\n.endr\n.set op, op + 1\n.endr\n"
        ".balign 8\n"
        "x87_memory16:\n"
        ".set op, 0\n.rept 8\n.set rm, 0\n.rept 8\n"
        ".balign 8\n.byte 0x66, 0xd8 + op, rm << 3 | 7\nret\n"
        ".set rm, rm + 1\n.endr\n.set op, op + 1\n.endr\n"
        ".balign 8\n"
        "x87_wait: fwait\nret\n"
        ".balign 8\n"
        "x87_emms: emms\nret\n");
extern const u8 x87_registers[], x87_memory[], x87_memory16[], x87_wait[], x87_emms[];

/* a: the kind of code and which of it; b: the operand's address, or CF for FCMOVB. The result: EFLAGS << 32 | AX. */
X86_HELPER(x87)
{
    static const u8 *const tables[] = {x87_registers, x87_memory, x87_memory16, x87_wait, x87_emms};
    const u8 *code = tables[a >> 16];
    u64 ax = 0, flags;
    code += (a & 0xffff) * 8;
    __asm__ volatile("sub $128, %%rsp\n\tbtl $0, %k[b]\n\tcall *%[code]\n\tpushfq\n\tpopq %[flags]\n\tadd $128, %%rsp"
                     : [flags] "=&r"(flags), "+a"(ax)
                     : [code] "r"(code), "D"(b), [b] "r"(b)
                     : "memory", "cc");
    return flags << 32 | (u16)ax;
}

#define EACH_MM(CASE) CASE(0) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7)

X86_HELPER(mmx_get)
{
    u64 v = 0;
    switch (a) {
#define CASE(n) case n: __asm__ volatile("movq %%mm" #n ", %0" : "=r"(v)); break;
        EACH_MM(CASE)
#undef CASE
    }
    return v;
}

X86_HELPER(mmx_put)
{
    switch (a) {
#define CASE(n) case n: __asm__ volatile("movq %0, %%mm" #n : : "r"(b)); break;
        EACH_MM(CASE)
#undef CASE
    }
    return 0;
}

/* -- control registers and areas of state ----------------------------------------------------------------------------- */

enum { MXCSR_MASK = 0xffff, MXCSR_START = 0x1f80 };

void x86_reset_fp(void)
{
    __asm__ volatile("fninit");
    _mm_setcsr(MXCSR_START);
}

void x86_enter_thread(Task *t)
{
    x86_state(t)->nowhere = (u64)x86_state(t)->scratch;
}

X86_HELPER(get_mxcsr)
{
    return _mm_getcsr();
}

X86_HELPER(set_mxcsr)
{
    if (a & ~(u64)MXCSR_MASK)
        x86_helper_raise(t, RAISE_GP, 0);
    _mm_setcsr((u32)a);
    return 0;
}

/* The 512 bytes of FXSAVE. */
typedef struct Area {
    u8 x87[24];
    u32 mxcsr, mxcsr_mask;
    u8 st[128];
    V128 xmm[16];
    u8 rest[96];
    u64 xstate, xcomp, header[6];
    V128 ymmh[16];
} __attribute__((aligned(64))) Area;
_Static_assert(offsetof(Area, xmm) == 160 && offsetof(Area, xstate) == 512 && offsetof(Area, ymmh) == 576, "XSAVE area");

void x86_save_area(const Task *t, void *area, bool wide)
{
    Area *to = area;
    const X86State *s = (const X86State *)t->state;
    if (wide)
        __asm__ volatile("fxsave64 %0" : "=m"(*(u8(*)[512])to));
    else
        __asm__ volatile("fxsave %0" : "=m"(*(u8(*)[512])to));
    memcpy(to->xmm, s->xmm, sizeof to->xmm);
    memset(to->rest, 0, sizeof to->rest);
}

/* The x87 unit from an area, or as FNINIT leaves it. */
void x86_load_x87(const void *area, bool wide)
{
    Area with;
    memcpy(&with, area, 512);
    with.mxcsr = _mm_getcsr();
    if (wide)
        __asm__ volatile("fxrstor64 %0" : : "m"(*(u8(*)[512])&with) : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
                         "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    else
        __asm__ volatile("fxrstor %0" : : "m"(*(u8(*)[512])&with) : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
                         "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static u64 requested(const X86State *s)
{
    return (s->r[RDX] << 32 | (u32)s->r[RAX]) & x86_xcr0();
}

static void copy(u64 to, const void *from, size_t n)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void copy_in(void *to, u64 from, size_t n)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

/* a: the area's address; b: which instruction, with 0x100 for REX.W. */
X86_HELPER(fxsave)
{
    X86State *s = x86_state(t);
    u32 kind = b & 15;
    bool wide = b >> 8;
    Area area;
    if (a & (kind == SAVE_FX ? 15 : 63))
        x86_helper_raise(t, RAISE_GP, 0);
    x86_save_area(t, &area, wide);
    if (kind == SAVE_FX) {
        copy(a, &area, 416); /* what is behind stays */
        return 0;
    }
    u64 parts = requested(s), xstate, head[8] = {0};
    if (parts & 1) {
        copy(a, area.x87, sizeof area.x87);
        copy(a + offsetof(Area, st), area.st, sizeof area.st);
    }
    if (parts & 6)
        copy(a + offsetof(Area, mxcsr), &area.mxcsr, 8);
    if (parts & 2)
        copy(a + offsetof(Area, xmm), area.xmm, sizeof area.xmm);
    if (parts & 4)
        copy(a + offsetof(Area, ymmh), s->ymmh, sizeof s->ymmh);
    copy_in(&xstate, a + offsetof(Area, xstate), 8);
    head[0] = kind == SAVE_XC ? parts : (xstate & ~requested(s)) | parts;
    head[1] = kind == SAVE_XC ? 1ull << 63 | parts : 0;
    copy(a + offsetof(Area, xstate), head, kind == SAVE_XC ? sizeof head : 8);
    return 0;
}

X86_HELPER(fxrstor)
{
    X86State *s = x86_state(t);
    u32 kind = b & 15;
    bool wide = b >> 8;
    Area area;
    static const Area initial = {.x87 = {0x7f, 3}};
    if (a & (kind == SAVE_FX ? 15 : 63))
        x86_helper_raise(t, RAISE_GP, 0);
    copy_in(&area, a, kind == SAVE_FX ? 512 : 576);
    u64 parts = kind == SAVE_FX ? 3 : requested(s), there = kind == SAVE_FX ? 3 : area.xstate;
    if (kind != SAVE_FX && ((there & ~x86_xcr0()) || (area.xcomp && area.xcomp >> 63 == 0)))
        x86_helper_raise(t, RAISE_GP, 0);
    if (((kind == SAVE_FX || parts & 6) && area.mxcsr & ~MXCSR_MASK))
        x86_helper_raise(t, RAISE_GP, 0);
    if (parts & there & 4)
        copy_in(area.ymmh, a + offsetof(Area, ymmh), sizeof area.ymmh);
    if (parts & 1)
        x86_load_x87(there & 1 ? &area : &initial, wide);
    if (kind == SAVE_FX || parts & 6)
        _mm_setcsr(area.mxcsr);
    for (u32 n = 0; n < 16; n++) {
        if (parts & 2)
            s->xmm[n] = there & 2 ? area.xmm[n] : (V128){0};
        if (parts & 4)
            s->ymmh[n] = there & 4 ? area.ymmh[n] : (V128){0};
    }
    return 0;
}

X86_HELPER(xgetbv)
{
    if ((u32)a > 1 || (a && !x86_has(X86_FT_xsavec)))
        x86_helper_raise(t, RAISE_GP, 0);
    return x86_xcr0();
}

/* -- segments --------------------------------------------------------------------------------------------------------- */

/* Linux's descriptors for user code, as LAR has them, and their limits; NULL for others. */
static const struct Descriptor {
    u16 selector;
    bool writable;
    u32 access, limit;
} descriptors[] = {
    {X86_USER32_CS, false, 0xcffb00, ~0u}, {X86_USER_DS, true, 0xcff300, ~0u}, {X86_USER_CS, false, 0xaffb00, ~0u}, {X86_CPU_NODE, false, 0x40f500, 0},
};

static const struct Descriptor *find_descriptor(u64 selector)
{
    for (u32 n = 0; n < LEN(descriptors); n++)
        if (((u16)selector | 3) == descriptors[n].selector)
            return &descriptors[n];
    return NULL;
}

/* b: the selector for register a. FS and GS get base 0, but keep theirs with a null selector, as on AMD's processors. */
X86_HELPER(load_segment)
{
    X86State *s = x86_state(t);
    u16 selector = (u16)b;
    const struct Descriptor *d = find_descriptor(selector);
    if (a == SEG_SS ? !d || !d->writable || (selector & 3) != 3 : !d && selector > 3)
        x86_helper_raise(t, RAISE_GP, 0);
    s->selector[a] = selector;
    if (d && a == SEG_FS)
        s->fs = 0;
    if (d && a == SEG_GS)
        s->gs = 0;
    return 0;
}

/* a: the code segment's selector, b: the stack's. */
X86_HELPER(far_target)
{
    if ((u16)a != X86_USER_CS || (u16)b != X86_USER_DS)
        x86_helper_raise(t, RAISE_GP, 0);
    return 0;
}

/* The result of what b says << 1, with ZF below. */
X86_HELPER(describe)
{
    const struct Descriptor *d = find_descriptor(a);
    u64 limit;
    if (!d || (b == DESCRIBE_VERW && !d->writable))
        return 0;
    limit = d->selector == X86_CPU_NODE ? x86_helper_rdpid(t, 0, 0) : d->limit;
    return (b == DESCRIBE_LAR ? (u64)d->access : limit) << 1 | 1;
}

/* -- others ----------------------------------------------------------------------------------------------------------- */

X86_HELPER(cpuid)
{
    X86State *s = x86_state(t);
    X86Cpuid r = x86_cpuid((u32)s->r[RAX], (u32)s->r[RCX], 0);
    s->r[RAX] = r.eax;
    s->r[RBX] = r.ebx;
    s->r[RCX] = r.ecx;
    s->r[RDX] = r.edx;
    return 0;
}

/* Guest.verify_helper */
X86_HELPER(verify)
{
    if (code_hash((const u8 *)(a & X86_CODE_MASK), b >> 32) != (u32)b)
        task_raise(t, 0, 0, a);
    return 0;
}

X86_HELPER(rdtsc)
{
    return __rdtsc();
}

X86_HELPER(rdpid)
{
    u32 node, cpu = task_cpu(t, &node);
    return node << 12 | cpu;
}

X86_HELPER(rdrand)
{
    u64 v = 0;
    while (getrandom(&v, sizeof v, 0) != sizeof v)
        ;
    return v;
}
