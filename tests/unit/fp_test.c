/* The floating-point ops, which use the host's instructions, against the same operations in integers: result and
 * flags, over special and random operands, in every rounding mode, with and without flushing and default NaNs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xmmintrin.h>

#include <cmocka.h>

#include "../../include/base.h"
#include "../../lifter/ops.h"
#include "../../lifter/softfp.h"

enum { ROUNDS = 20000 };

static u64 next(u64 *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed * 0x2545f4914f6cdd1dull;
}

/* A double with an interesting exponent, or a special value or a neighbour of it. */
static u64 random_f64(u64 *seed)
{
    static const u64 special[] = {0,
                                  1,
                                  0x000fffffffffffff,
                                  0x0010000000000000,
                                  0x3fe0000000000000,
                                  0x3ff0000000000000,
                                  0x3ff8000000000000,
                                  0x41dfffffffc00000,
                                  0x41e0000000000000,
                                  0x41f0000000000000,
                                  0x43e0000000000000,
                                  0x43f0000000000000,
                                  0x4330000000000000,
                                  0x380fffffe0000000,
                                  0x3810000000000000,
                                  0x36a0000000000000,
                                  0x47efffffe0000000,
                                  0x7fefffffffffffff,
                                  0x7ff0000000000000,
                                  0x7ff0000000000001,
                                  0x7ff8000000000000,
                                  0x7ff8123400005678};
    static const u16 exponents[] = {0,     1,     2,     0x380, 0x200, 0x3fe, 0x3ff, 0x400,
                                    0x401, 0x41e, 0x432, 0x433, 0x434, 0x5ff, 0x7fe};
    u64 r = next(seed), sign = r & 1ull << 63;
    switch (r & 3) {
    case 0:
        return special[(r >> 8) % LEN(special)] | sign;
    case 1:
        return (special[(r >> 8) % LEN(special)] + (r >> 20 & 7) - 4) ^ sign;
    case 2:
        return sign | (u64)exponents[(r >> 8) % LEN(exponents)] << 52 | (next(seed) & 0xfffffffffffff);
    default:
        return sign | (u64)exponents[(r >> 8) % LEN(exponents)] << 52 |
               (next(seed) & next(seed) & next(seed) & 0xfffffffffffff);
    }
}

static u32 random_f32(u64 *seed)
{
    static const u32 special[] = {0,          1,          0x007fffff, 0x00800000, 0x3f000000, 0x3f800000,
                                  0x3fc00000, 0x4f000000, 0x4f800000, 0x5f000000, 0x5f800000, 0x4b000000,
                                  0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x7fc12345};
    static const u8 exponents[] = {0, 1, 2, 0x40, 0x7e, 0x7f, 0x80, 0x81, 0x95, 0x96, 0x97, 0xbf, 0xfe};
    u32 r = (u32)(next(seed) >> 32), sign = r & 1u << 31;
    switch (r & 3) {
    case 0:
        return special[(r >> 8) % LEN(special)] | sign;
    case 1:
        return (special[(r >> 8) % LEN(special)] + (r >> 20 & 7) - 4) ^ sign;
    case 2:
        return sign | (u32)exponents[(r >> 8) % LEN(exponents)] << 23 | (u32)(next(seed) >> 41);
    default:
        return sign | (u32)exponents[(r >> 8) % LEN(exponents)] << 23 |
               (u32)((next(seed) & next(seed) & next(seed)) >> 41);
    }
}

static V128 random_vector(u64 *seed, bool wide)
{
    union {
        V128 q;
        u64 d[2];
        u32 s[4];
    } v;
    for (int i = 0; i < 4; i++)
        if (!wide)
            v.s[i] = random_f32(seed);
        else if (i < 2)
            v.d[i] = random_f64(seed);
    return v.q;
}

typedef V128 Fp1(Task *t, V128 a);
typedef V128 Fp2(Task *t, V128 a, V128 b);
typedef V128 Fp3(Task *t, V128 a, V128 b, V128 c);
typedef u32 FpCompare(Task *t, V128 a, V128 b);
typedef u32 FpToW(Task *t, V128 a, u64 imm);
typedef u64 FpToX(Task *t, V128 a, u64 imm);
typedef u32 FpToWZ(Task *t, V128 a);
typedef u64 FpToXZ(Task *t, V128 a);

/* One call, its result widened to a vector, and the flags it raised. */
typedef struct Row {
    const char *name;
    u8 nargs, result; /* result: Type */
    bool wide;
    const void *fast, *soft;
    u8 to; /* conversions to integers: their width, */
    bool is_signed;
} Row;

#define ROW(op, n, w) {#op, n, TYPE_Q, w, dg_##op, softfp_##op, 0, false},
#define SCALAR(name, n) ROW(f##name##32, n, false) ROW(f##name##64, n, true)
#define VECTOR(name, n) ROW(vf##name##32, n, false) ROW(vf##name##64, n, true)
#define BOTH(name, n) SCALAR(name, n) VECTOR(name, n)
#define COMPARE(op, w) {#op, 2, TYPE_W, w, dg_##op, softfp_##op, 0, false},
#define TOINT(from, w)                                                                                                 \
    {"f" #from "tos32", 1, TYPE_W, w, dg_f##from##tos32, NULL, 32, true},                                              \
        {"f" #from "tos64", 1, TYPE_X, w, dg_f##from##tos64, NULL, 64, true},                                          \
        {"f" #from "tou32", 1, TYPE_W, w, dg_f##from##tou32, NULL, 32, false},                                         \
        {"f" #from "tou64", 1, TYPE_X, w, dg_f##from##tou64, NULL, 64, false},                                         \
        {"f" #from "tos32z", 1, TYPE_W, w, dg_f##from##tos32z, NULL, 32, true},                                        \
        {"f" #from "tos64z", 1, TYPE_X, w, dg_f##from##tos64z, NULL, 64, true},                                        \
        {"f" #from "tou32z", 1, TYPE_W, w, dg_f##from##tou32z, NULL, 32, false},                                       \
        {"f" #from "tou64z", 1, TYPE_X, w, dg_f##from##tou64z, NULL, 64, false},
static const Row rows[] = {
    BOTH(add, 2) BOTH(sub, 2) BOTH(mul, 2) BOTH(div, 2) BOTH(sqrt, 1) BOTH(ma, 3) BOTH(max, 2) BOTH(min, 2)
        BOTH(maxnm, 2) BOTH(minnm, 2) BOTH(rintn, 1) BOTH(rintm, 1) BOTH(rintp, 1) BOTH(rintz, 1) BOTH(rinta, 1)
            BOTH(rinti, 1) BOTH(rintx, 1) VECTOR(cmeq, 2) VECTOR(cmge, 2) VECTOR(cmgt, 2) VECTOR(acge, 2)
                VECTOR(acgt, 2) VECTOR(recps, 2) VECTOR(rsqrts, 2) ROW(f32to64, 1, false) ROW(f64to32, 1, true)
                    ROW(vf32to64, 1, false) ROW(vf64to32, 1, true) COMPARE(fcmp32, false) COMPARE(fcmp64, true)
                        COMPARE(fcmpe32, false) COMPARE(fcmpe64, true) TOINT(32, false) TOINT(64, true)};

typedef struct Outcome {
    union {
        V128 q;
        u64 d[2];
    } result;
    u32 flags;
} Outcome;

/* Conversions that round to zero and take no imm. */
static bool is_to_zero(const Row *row)
{
    return row->name[strlen(row->name) - 1] == 'z';
}

static Outcome run(const Row *row, bool soft, u32 mode, u32 mxcsr, const V128 *v, u64 imm)
{
    static Task task;
    const void *f = soft ? row->soft : row->fast;
    Outcome o = {0};
    task.fp_mode = mode;
    task.fp_status = 0;
    u32 saved = _mm_getcsr();
    _mm_setcsr(mxcsr);
    if (soft && row->to)
        o.result.d[0] = softfp_toint(&task, v[0], row->wide ? 64 : 32, row->is_signed, row->to, imm);
    else if (row->to && is_to_zero(row))
        o.result.d[0] = row->result == TYPE_X ? ((FpToXZ *)f)(&task, v[0]) : ((FpToWZ *)f)(&task, v[0]);
    else if (row->result == TYPE_X)
        o.result.d[0] = ((FpToX *)f)(&task, v[0], imm);
    else if (row->result == TYPE_W)
        o.result.d[0] = row->nargs == 1 ? ((FpToW *)f)(&task, v[0], imm) : ((FpCompare *)f)(&task, v[0], v[1]);
    else if (row->nargs == 1)
        o.result.q = ((Fp1 *)f)(&task, v[0]);
    else if (row->nargs == 2)
        o.result.q = ((Fp2 *)f)(&task, v[0], v[1]);
    else
        o.result.q = ((Fp3 *)f)(&task, v[0], v[1], v[2]);
    if (row->to == 32)
        o.result.d[0] = (u32)o.result.d[0];
    o.flags = (_mm_getcsr() & 0x3f & ~(u32)FP_DENORMAL) | task.fp_status;
    _mm_setcsr(saved);
    return o;
}

static void fast_is_exact(void **state)
{
    static const u32 modes[] = {0, 0, FP_DEFAULT_NAN, FP_FLUSH, FP_FLUSH | FP_DEFAULT_NAN};
    u64 seed = 1;
    for (size_t n = 0; n < LEN(rows); n++) {
        const Row *row = &rows[n];
        for (u32 i = 0; i < ROUNDS; i++) {
            u64 r = next(&seed);
            u32 mode = modes[(r >> 40) % LEN(modes)];
            u32 mxcsr = 0x1f80 | (u32)(r >> 32 & 3) << 13 | (mode & FP_FLUSH ? 0x8040 : 0);
            u64 imm = is_to_zero(row) ? ROUND_ZERO : (r >> 50) % 5 | (r >> 60 ? 0 : (r >> 48 & 31) << 8);
            V128 v[3];
            for (int a = 0; a < 3; a++)
                v[a] = random_vector(&seed, row->wide);
            Outcome fast = run(row, false, mode, mxcsr, v, imm), soft = run(row, true, mode, mxcsr, v, imm);
            if (memcmp(&fast.result, &soft.result, 16) || fast.flags != soft.flags) {
                print_error("%s mode %x mxcsr %x imm %#lx\n", row->name, mode, mxcsr, (unsigned long)imm);
                for (int a = 0; a < row->nargs; a++)
                    print_error("  %016lx%016lx\n", ((unsigned long *)&v[a])[1], ((unsigned long *)&v[a])[0]);
                print_error("  fast %016lx%016lx flags %x\n  soft %016lx%016lx flags %x\n", fast.result.d[1],
                            fast.result.d[0], fast.flags, soft.result.d[1], soft.result.d[0], soft.flags);
                fail();
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fast_is_exact)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
