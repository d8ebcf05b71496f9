/* Pointer authentication (FEAT_PAuth2, FEAT_FPAC, FEAT_FPACCOMBINE; Arm ARM D8.10) and branch targets (FEAT_BTI,
 * D8.4.8.1).
 *
 * The code is an implementation-defined one, as ID_AA64ISAR1_EL1.API says: a hash that is good enough to tell values
 * apart, not a cipher. It lies in the bits between the address, of 48 bits, and the tag, less bit 55. All of it is
 * there only for models that show it: else those instructions that are hints do nothing, and the others aren't there.
 *
 * BTYPE doesn't outlive a branch: an indirect one looks by itself whether a guarded page's instruction may be its
 * target, and has the exception there if not. So only PSTATE of a signal frame ever shows another than 0. */
#include <signal.h>
#include <string.h>
#include <sys/random.h>

#include "../../include/translate.h"
#include "a64.h"
#include "features.h"

enum { ADDRESS_BITS = 48, ADDRESS_TOP = 55 };
#define CODE_MASK (((1ull << ADDRESS_TOP) - 1) & ~((1ull << ADDRESS_BITS) - 1))
#define EXTENSION_MASK (CODE_MASK | 1ull << ADDRESS_TOP)

static u64 rol(u64 v, u32 n)
{
    return v << n | v >> (64 - n);
}

/* Multiplications and folds by turns, after XXH64 */
static u64 hash(u64 value, u64 modifier, const A64Key *key)
{
    enum : u64 { P1 = 0x9e3779b185ebca87, P2 = 0xc2b2ae3d27d4eb4f, P3 = 0x165667b19e3779f9 };
    u64 h = (value ^ key->lo) * P1;
    h = ((h ^ h >> 32) + rol(modifier ^ key->hi, 32)) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}

/* With the address's own extension in the code's place. */
static u64 original(u64 pointer)
{
    return pointer >> ADDRESS_TOP & 1 ? pointer | EXTENSION_MASK : pointer & ~EXTENSION_MASK;
}

/* What the helpers are told: the key, and the register that has the modifier. */
enum { NO_MODIFIER = 32 };

static u64 what(u32 key, u32 modifier)
{
    return key | modifier << 8;
}

static u64 code_of(Task *t, u64 pointer, u64 what)
{
    const A64State *s = a64(t);
    u32 n = what >> 8 & 0xff;
    u64 modifier = n == NO_MODIFIER ? 0 : n == 31 ? s->sp : s->x[n];
    const A64Key *key = &s->keys[what & 3];
    return hash(original(pointer), modifier, key) & CODE_MASK;
}

static bool disabled(Task *t, u64 what)
{
    return a64(t)->keys_off >> (what & 3) & 1;
}

/* AddPAC */
u64 a64_helper_sign(Task *t, u64 pointer, u64 what)
{
    if (disabled(t, what))
        return pointer;
    u64 sign = original(pointer) & 1ull << ADDRESS_TOP;
    return (pointer & ~EXTENSION_MASK) | sign | ((pointer & CODE_MASK) ^ code_of(t, pointer, what));
}

/* Auth */
u64 a64_helper_authenticate(Task *t, u64 pointer, u64 what)
{
    if (disabled(t, what))
        return pointer;
    u64 result = pointer ^ code_of(t, pointer, what);
    if (result != original(result))
        task_raise(t, SIGILL, ILL_ILLOPN, t->pc);
    return result;
}

u64 a64_helper_sign_generic(Task *t, u64 value, u64 modifier)
{
    const A64Key *key = &a64(t)->keys[A64_KEY_GA];
    return hash(value, modifier, key) & ~0xffffffffull;
}

void a64_new_keys(A64State *s, u32 keys)
{
    for (u32 i = 0; i < A64_KEYS; i++)
        while (keys >> i & 1 && getrandom(&s->keys[i], sizeof s->keys[i], 0) != sizeof s->keys[i])
            ;
}

/* -- branch targets -------------------------------------------------------------------------------------------------
 */

static _Atomic bool guarding;

/* Branches that were right, by what they depend on but for the code and the protection: those are as they were as long
 * as nobody says otherwise. */
enum { SEEN = 512 };
static __thread struct {
    u64 changes;
    struct {
        u64 target, from;
    } of[SEEN];
} seen;
static _Atomic u64 changes = 1;

bool a64_guard_code(void)
{
    atomic_fetch_add(&changes, 1);
    return !atomic_exchange(&guarding, true);
}

void a64_targets_changed(void)
{
    atomic_fetch_add_explicit(&changes, 1, memory_order_release);
}

bool a64_is_guarding(void)
{
    return atomic_load_explicit(&guarding, memory_order_relaxed);
}

static bool is_guarded(Task *t, u64 pc)
{
    int prot = code_prot(t, pc);
    return prot >= 0 && prot & A64_PROT_BTI;
}

/* BTypeCompatible_BTI, BTypeCompatible_PACIXSP with SCTLR_EL1.BT0 set, and those that are exceptions by themselves
 * (BRK, HLT). What can't be read has a fault of its own. */
bool a64_may_branch_to(Task *t, u64 pc, u32 btype)
{
    u32 word;
    if (!btype || !is_guarded(t, pc) || code_read(&word, pc, sizeof word) < sizeof word)
        return true;
    switch (word) {
    case 0xd503233f: /* PACIASP */
    case 0xd503237f: /* PACIBSP */
    case 0xd503245f:
        return btype != A64_BTYPE_JUMP; /* BTI c */
    case 0xd503249f:
        return btype != A64_BTYPE_CALL; /* BTI j */
    case 0xd50324df:
        return true; /* BTI jc */
    default:
        return (word & 0xffe0001f) == 0xd4200000 || (word & 0xffe0001f) == 0xd4400000;
    }
}

u64 a64_helper_indirect_branch(Task *t, u64 target, u64 type)
{
    u64 now = atomic_load_explicit(&changes, memory_order_acquire), from = t->pc << 2 | type;
    typeof(seen.of[0]) *known = &seen.of[(target >> 2 ^ t->pc >> 2) % SEEN];
    if (likely(known->target == target && known->from == from && seen.changes == now))
        return 0;
    u64 pc = (u64)((i64)(target << 8) >> 8);
    if (type == A64_BTYPE_JUMP && !is_guarded(t, t->pc))
        type = A64_BTYPE_VENEER;
    if (!a64_may_branch_to(t, pc, (u32)type)) {
        a64(t)->pstate |= type << PSTATE_BTYPE_SHIFT;
        t->pc = pc;
        task_raise(t, SIGILL, ILL_ILLOPC, pc);
    }
    if (seen.changes != now)
        memset(&seen, 0, sizeof seen);
    seen.changes = now;
    known->target = target;
    known->from = from;
    return 0;
}

/* -- instructions ---------------------------------------------------------------------------------------------------
 */

/* The row of an instruction that isn't a hint begins with it; false: it isn't there. */
static bool is_there(Lift *l)
{
    if (!a64_signs_pointers())
        unallocated(l);
    return a64_signs_pointers();
}

static Val sign(Lift *l, Val pointer, u32 key, u32 modifier)
{
    return call_helper(l, HELPER_sign, pointer, k64(l, what(key, modifier)));
}

static Val authenticate(Lift *l, Val pointer, u32 key, u32 modifier)
{
    return call_helper(l, HELPER_authenticate, pointer, k64(l, what(key, modifier)));
}

static Val strip(Lift *l, Val pointer)
{
    Val upper = sar64(l, shl64(l, pointer, k64(l, 63 - ADDRESS_TOP)), k64(l, 63));
    return or64(l, and64(l, upper, k64(l, EXTENSION_MASK)), and64(l, pointer, k64(l, ~EXTENSION_MASK)));
}

LIFT(pac)
{
    if (is_there(l))
        put_x(l, i->rd, sign(l, x(l, i->rd), i->key, i->rn));
}

LIFT(pacz)
{
    if (is_there(l))
        put_x(l, i->rd, sign(l, x(l, i->rd), i->key, NO_MODIFIER));
}

LIFT(aut)
{
    if (is_there(l))
        put_x(l, i->rd, authenticate(l, x(l, i->rd), i->key, i->rn));
}

LIFT(autz)
{
    if (is_there(l))
        put_x(l, i->rd, authenticate(l, x(l, i->rd), i->key, NO_MODIFIER));
}

LIFT(xpac)
{
    if (is_there(l))
        put_x(l, i->rd, strip(l, x(l, i->rd)));
}

LIFT(pacga)
{
    if (is_there(l))
        put_x(l, i->rd, call_helper(l, HELPER_sign_generic, x(l, i->rn), xsp(l, i->rm)));
}

/* LDRAA and LDRAB: S is the offset's sign, W whether the address is written back. */
LIFT(ldraa)
{
    if (!is_there(l))
        return;
    Val base = authenticate(l, xsp(l, i->rn), A64_KEY_DA + i->key, NO_MODIFIER);
    Val addr = add64(l, base, k64(l, (u64)sext((u32)(i->S << 9 | i->imm9), 10) * 8));
    Val v = ld64(l, addr, 0);
    if (i->W)
        put_xsp(l, i->rn, addr);
    put_x(l, i->rt, v);
}

static void branch(Lift *l, u32 rn, u32 key, u32 modifier)
{
    if (is_there(l))
        a64_branch(l, authenticate(l, x(l, rn), key, modifier), rn);
}

static void branch_link(Lift *l, u32 rn, u32 key, u32 modifier)
{
    if (is_there(l))
        a64_branch_link(l, authenticate(l, x(l, rn), key, modifier));
}

LIFT(braa)
{
    branch(l, i->rn, i->key, i->rm);
}

LIFT(braaz)
{
    branch(l, i->rn, i->key, NO_MODIFIER);
}

LIFT(blraa)
{
    branch_link(l, i->rn, i->key, i->rm);
}

LIFT(blraaz)
{
    branch_link(l, i->rn, i->key, NO_MODIFIER);
}

LIFT(retaa)
{
    if (is_there(l))
        end_ret(l, authenticate(l, x(l, 30), i->key, 31));
}

/* HINT's CRm:op2 are numbers of C6.2: 7 XPACLRI; from 8 on x17 with x16 for its modifier; from 24 on x30 with 0 or SP.
 */
void a64_hint_pauth(Lift *l, u32 n)
{
    enum { XPACLRI = 7, PACIA1716 = 8, PACIAZ = 24 };
    if (n == XPACLRI) {
        put_x(l, 30, strip(l, x(l, 30)));
    } else if (n / 8 == PACIA1716 / 8 && n % 2 == 0) {
        u32 key = n / 2 % 2;
        put_x(l, 17, n & 4 ? authenticate(l, x(l, 17), key, 16) : sign(l, x(l, 17), key, 16));
    } else if (n / 8 == PACIAZ / 8) {
        u32 key = n / 2 % 2, modifier = n & 1 ? 31 : NO_MODIFIER;
        put_x(l, 30, n & 4 ? authenticate(l, x(l, 30), key, modifier) : sign(l, x(l, 30), key, modifier));
    }
}
