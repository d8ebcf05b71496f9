/* Floating point in integers; see softfp.h. A number is unpacked into sign, exponent and a 64-bit significand,
 * computed on in 128 bits with everything lost kept as one sticky bit, and rounded once, in `round_pack`. */
#include "softfp.h"

#include <string.h>
#include <xmmintrin.h>

typedef struct Format {
    u8 bits, frac; /* width of the whole, and of the fraction field */
    u16 max_exp;   /* the exponent field's all ones */
    i16 bias;
} Format;
static const Format f16 = {16, 10, 31, 15}, f32 = {32, 23, 255, 127}, f64 = {64, 52, 2047, 1023}, bf16 = {16, 7, 255, 127};

/* The environment of one op: read at its start, flags written back at its end. */
typedef struct Env {
    u32 mode;  /* Task.fp_mode */
    u32 flags; /* for Task.fp_status */
    Rounding round;
} Env;

/* The alternative half-precision format is for conversions between formats alone; flushing of half precision is for everything
 * else (FPUnpack, FPUnpackCV). */
static Env enter_except(const Task *t, u32 without)
{
    return (Env){.mode = t->fp_mode & ~without, .round = (Rounding)(_mm_getcsr() >> 13 & 3)};
}

static Env enter(const Task *t)
{
    return enter_except(t, FP_ALT_HALF);
}

static void leave(Task *t, const Env *e)
{
    t->fp_status |= e->flags;
}

typedef enum Kind { ZERO, FINITE, INFINITE, QNAN, SNAN } Kind;

/* FINITE: m * 2^(exp - 63), m's top bit set */
typedef struct Num {
    Kind kind;
    bool sign;
    i32 exp;
    u64 m;
} Num;

static u64 signed_bits(const Format *f, bool sign, u64 rest)
{
    return (u64)sign << (f->bits - 1) | rest;
}

static u64 infinity(const Format *f, bool sign)
{
    return signed_bits(f, sign, (u64)f->max_exp << f->frac);
}

static u64 largest(const Format *f, bool sign)
{
    return infinity(f, sign) - 1;
}

static u64 default_nan(const Format *f)
{
    return (u64)f->max_exp << f->frac | 1ull << (f->frac - 1);
}

static u64 invalid(Env *e, const Format *f)
{
    e->flags |= FP_INVALID;
    return default_nan(f);
}

static bool flushes(const Env *e, const Format *f)
{
    return e->mode & (f == &f16 ? FP_FLUSH_HALF : FP_FLUSH);
}

static bool is_alternative(const Env *e, const Format *f)
{
    return f == &f16 && e->mode & FP_ALT_HALF;
}

/* FPUnpack. Nothing tells of flushed operands of half precision. */
static Num unpack(Env *e, const Format *f, u64 v)
{
    Num n = {.sign = v >> (f->bits - 1) & 1};
    u32 exp = (u32)(v >> f->frac) & f->max_exp;
    u64 frac = v & ((1ull << f->frac) - 1);
    if (exp == 0) {
        n.kind = frac ? FINITE : ZERO;
        if (frac && flushes(e, f)) {
            e->flags |= f == &f16 ? 0 : FP_DENORMAL;
            n.kind = ZERO;
        }
        if (n.kind == FINITE) {
            int zeros = __builtin_clzll(frac);
            n.m = frac << zeros;
            n.exp = 1 - f->bias + 63 - f->frac - zeros;
        }
    } else if (exp == f->max_exp && !is_alternative(e, f)) {
        n.kind = !frac ? INFINITE : frac >> (f->frac - 1) ? QNAN : SNAN;
    } else {
        n.kind = FINITE;
        n.m = 1ull << 63 | frac << (63 - f->frac);
        n.exp = (i32)exp - f->bias;
    }
    return n;
}

static bool is_nan(Num n)
{
    return n.kind >= QNAN;
}

/* FPProcessNaN */
static u64 quieted(Env *e, const Format *f, Num n, u64 v)
{
    if (n.kind == SNAN)
        e->flags |= FP_INVALID;
    return e->mode & FP_DEFAULT_NAN ? default_nan(f) : v | 1ull << (f->frac - 1);
}

/* FPProcessNaNs: the first signalling operand, else the first quiet one. True if there was a NaN. */
static bool nan_of_2(Env *e, const Format *f, Num a, u64 va, Num b, u64 vb, u64 *result)
{
    if (!is_nan(a) && !is_nan(b))
        return false;
    bool first = a.kind == SNAN || (is_nan(a) && b.kind != SNAN);
    *result = first ? quieted(e, f, a, va) : quieted(e, f, b, vb);
    return true;
}

/* m / 2^shift rounded to an integer; `sticky` says that something was lost below m. */
static u64 round_shift(u64 m, u32 shift, bool sticky, bool sign, Rounding round, bool *inexact)
{
    u64 kept = shift < 64 ? m >> shift : 0;
    u64 rest = shift == 0 ? 0 : shift <= 64 ? m << (64 - shift) % 64 : shift < 128 ? m >> (shift - 64) : 0;
    if (shift > 64)
        sticky |= shift >= 128 ? m != 0 : (m & ((1ull << (shift - 64)) - 1)) != 0;
    *inexact = rest || sticky;
    const u64 half = 1ull << 63;
    switch (round) {
    case ROUND_EVEN:
        return kept + (rest > half || (rest == half && (sticky || kept & 1)));
    case ROUND_AWAY:
        return kept + (rest >= half);
    case ROUND_UP:
        return kept + (*inexact && !sign);
    case ROUND_DOWN:
        return kept + (*inexact && sign);
    case ROUND_ODD:
    case ROUND_ODD_INFINITE:
        return kept | *inexact;
    case ROUND_ZERO:
        break;
    }
    return kept;
}

static u64 overflow(Env *e, const Format *f, bool sign, Rounding round)
{
    if (is_alternative(e, f)) {
        e->flags |= FP_INVALID;
        return signed_bits(f, sign, 0x7fff);
    }
    e->flags |= FP_OVERFLOW | FP_INEXACT;
    bool to_infinity =
        round == ROUND_EVEN || round == ROUND_AWAY || round == ROUND_ODD_INFINITE || (round == ROUND_UP && !sign) ||
        (round == ROUND_DOWN && sign);
    return to_infinity ? infinity(f, sign) : largest(f, sign);
}

/* FPRound of m * 2^(exp - 63), m's top bit set, plus something smaller than m's last bit if sticky. Tininess is
 * detected before rounding. */
static u64 round_pack(Env *e, const Format *f, bool sign, i32 exp, u64 m, bool sticky, Rounding round)
{
    bool tiny = exp < 1 - f->bias, inexact;
    if (tiny && flushes(e, f)) {
        e->flags |= FP_UNDERFLOW;
        return signed_bits(f, sign, 0);
    }
    u32 top_exp = is_alternative(e, f) ? f->max_exp + 1u : f->max_exp;
    if (!tiny && exp + f->bias >= (i32)top_exp)
        return overflow(e, f, sign, round);
    u32 shift = 63 - f->frac + (tiny ? (u32)(1 - f->bias - exp) : 0);
    u64 r = round_shift(m, shift, sticky, sign, round, &inexact);
    if (!tiny)
        r += (u64)(exp + f->bias - 1) << f->frac;
    if (r >> f->frac >= top_exp)
        return overflow(e, f, sign, round);
    if (inexact)
        e->flags |= FP_INEXACT | (tiny ? FP_UNDERFLOW : 0);
    return signed_bits(f, sign, r);
}

/* A term of a sum: m * 2^(exp - 126), m's top bit at 126, or 0. */
typedef struct Term {
    bool sign;
    i32 exp;
    u128 m;
} Term;

static Term term(Num n)
{
    return n.kind == FINITE ? (Term){n.sign, n.exp, (u128)n.m << 63} : (Term){.sign = n.sign};
}

/* The significands hold at most 53 bits, so that nothing is lost in the shift. */
static Term product(Num a, Num b)
{
    Term p = {.sign = a.sign ^ b.sign};
    if (a.kind != FINITE || b.kind != FINITE)
        return p;
    p.m = (u128)a.m * b.m;
    p.exp = a.exp + b.exp;
    if (p.m >> 127) {
        p.m >>= 1;
        p.exp++;
    }
    return p;
}

/* (a + b) * 2^scale, rounded once */
static u64 sum(Env *e, const Format *f, Term a, Term b, i32 scale)
{
    if (!a.m || (b.m && b.exp > a.exp)) {
        Term swap = a;
        a = b;
        b = swap;
    }
    if (!a.m && a.sign == b.sign)
        return signed_bits(f, a.sign, 0);
    if (b.m) {
        u32 d = (u32)(a.exp - b.exp);
        bool lost = d >= 127 ? true : d && (b.m & (((u128)1 << d) - 1)) != 0;
        b.m = (d >= 127 ? 0 : b.m >> d) | lost;
    }
    if (a.sign != b.sign && b.m > a.m) {
        a.m = b.m - a.m;
        a.sign = b.sign;
    } else {
        a.m = a.sign == b.sign ? a.m + b.m : a.m - b.m;
    }
    if (!a.m)
        return signed_bits(f, e->round == ROUND_DOWN, 0);
    int zeros = a.m >> 64 ? __builtin_clzll((u64)(a.m >> 64)) : 64 + __builtin_clzll((u64)a.m);
    a.m <<= zeros;
    return round_pack(e, f, a.sign, a.exp + 1 - zeros + scale, (u64)(a.m >> 64), (u64)a.m != 0, e->round);
}

static u64 add_sub(Env *e, const Format *f, u64 va, u64 vb, bool subtract)
{
    Num a = unpack(e, f, va), b = unpack(e, f, vb);
    u64 nan;
    if (nan_of_2(e, f, a, va, b, vb, &nan))
        return nan;
    b.sign ^= subtract;
    if (a.kind == INFINITE && b.kind == INFINITE && a.sign != b.sign)
        return invalid(e, f);
    if (a.kind == INFINITE || b.kind == INFINITE)
        return infinity(f, a.kind == INFINITE ? a.sign : b.sign);
    return sum(e, f, term(a), term(b), 0);
}

static u64 add(Env *e, const Format *f, u64 a, u64 b)
{
    return add_sub(e, f, a, b, false);
}

static u64 sub(Env *e, const Format *f, u64 a, u64 b)
{
    return add_sub(e, f, a, b, true);
}

static u64 mul_or(Env *e, const Format *f, u64 va, u64 vb, bool extended)
{
    Num a = unpack(e, f, va), b = unpack(e, f, vb);
    bool sign = a.sign ^ b.sign;
    u64 nan;
    if (nan_of_2(e, f, a, va, b, vb, &nan))
        return nan;
    if ((a.kind == INFINITE && b.kind == ZERO) || (a.kind == ZERO && b.kind == INFINITE))
        return extended ? signed_bits(f, sign, (u64)(f->bias + 1) << f->frac) : invalid(e, f);
    if (a.kind == INFINITE || b.kind == INFINITE)
        return infinity(f, sign);
    return sum(e, f, product(a, b), (Term){.sign = sign}, 0);
}

static u64 mul(Env *e, const Format *f, u64 a, u64 b)
{
    return mul_or(e, f, a, b, false);
}

static u64 mulx(Env *e, const Format *f, u64 a, u64 b)
{
    return mul_or(e, f, a, b, true);
}

static u64 div_(Env *e, const Format *f, u64 va, u64 vb)
{
    Num a = unpack(e, f, va), b = unpack(e, f, vb);
    bool sign = a.sign ^ b.sign;
    u64 nan;
    if (nan_of_2(e, f, a, va, b, vb, &nan))
        return nan;
    if (a.kind == b.kind && a.kind != FINITE)
        return invalid(e, f);
    if (b.kind == ZERO && a.kind == FINITE)
        e->flags |= FP_DIV_ZERO;
    if (a.kind == INFINITE || b.kind == ZERO)
        return infinity(f, sign);
    if (a.kind == ZERO || b.kind == INFINITE)
        return signed_bits(f, sign, 0);
    u128 n = (u128)a.m << 63;
    u64 quotient = (u64)(n / b.m), rest = (u64)(n % b.m);
    i32 exp = a.exp - b.exp;
    if (!(quotient >> 63)) {
        quotient <<= 1; /* the bit shifted in is below the sticky one's place */
        exp--;
    }
    return round_pack(e, f, sign, exp, quotient, rest != 0, e->round);
}

static u64 sqrt_(Env *e, const Format *f, u64 va)
{
    Num a = unpack(e, f, va);
    if (is_nan(a))
        return quieted(e, f, a, va);
    if (a.kind == ZERO)
        return signed_bits(f, a.sign, 0);
    if (a.sign)
        return invalid(e, f);
    if (a.kind == INFINITE)
        return infinity(f, false);
    bool odd = a.exp & 1;
    u128 n = (u128)a.m << (63 + odd);
    u64 root = 0;
    for (int bit = 63; bit >= 0; bit--) {
        u64 next = root | 1ull << bit;
        if ((u128)next * next <= n)
            root = next;
    }
    return round_pack(e, f, false, (a.exp - odd) / 2, root, (u128)root * root != n, e->round);
}

/* a * b + c: FPMulAdd, the addend being its first operand in NaN processing */
static u64 ma(Env *e, const Format *f, u64 va, u64 vb, u64 vc)
{
    Num c = unpack(e, f, vc), a = unpack(e, f, va), b = unpack(e, f, vb);
    bool bad_product = (a.kind == INFINITE && b.kind == ZERO) || (a.kind == ZERO && b.kind == INFINITE);
    u64 nan;
    if (bad_product && c.kind != SNAN)
        return invalid(e, f);
    if (c.kind == SNAN)
        return quieted(e, f, c, vc);
    if (a.kind == SNAN || b.kind == SNAN || c.kind != QNAN) {
        if (nan_of_2(e, f, a, va, b, vb, &nan))
            return nan;
    } else {
        return quieted(e, f, c, vc);
    }
    bool sign = a.sign ^ b.sign, infinite = a.kind == INFINITE || b.kind == INFINITE;
    if (infinite && c.kind == INFINITE && sign != c.sign)
        return invalid(e, f);
    if (infinite || c.kind == INFINITE)
        return infinity(f, infinite ? sign : c.sign);
    return sum(e, f, product(a, b), term(c), 0);
}

/* constant - a * b, halved if `halve`: FPRecipStepFused, FPRSqrtStepFused */
static u64 step(Env *e, const Format *f, u64 va, u64 vb, u64 constant, bool halve)
{
    va ^= 1ull << (f->bits - 1);
    Num a = unpack(e, f, va), b = unpack(e, f, vb), c = {FINITE, false, 1, constant << 62};
    bool sign = a.sign ^ b.sign;
    u64 nan;
    if (nan_of_2(e, f, a, va, b, vb, &nan))
        return nan;
    if ((a.kind == INFINITE && b.kind == ZERO) || (a.kind == ZERO && b.kind == INFINITE)) {
        a.kind = b.kind = ZERO;
        return sum(e, f, product(a, b), term(c), -halve);
    }
    if (a.kind == INFINITE || b.kind == INFINITE)
        return infinity(f, sign);
    return sum(e, f, product(a, b), term(c), -halve);
}

static u64 recps(Env *e, const Format *f, u64 a, u64 b)
{
    return step(e, f, a, b, 2, false);
}

static u64 rsqrts(Env *e, const Format *f, u64 a, u64 b)
{
    return step(e, f, a, b, 3, true);
}

typedef enum Relation { LESS, EQUAL, GREATER, UNORDERED } Relation;

static i32 magnitude_order(Num a, Num b)
{
    if (a.kind != b.kind)
        return a.kind < b.kind ? -1 : 1;
    if (a.kind != FINITE)
        return 0;
    if (a.exp != b.exp)
        return a.exp < b.exp ? -1 : 1;
    return a.m < b.m ? -1 : a.m > b.m;
}

static Relation relation(Num a, Num b)
{
    if (is_nan(a) || is_nan(b))
        return UNORDERED;
    if (a.kind == ZERO && b.kind == ZERO)
        return EQUAL;
    if (a.sign != b.sign)
        return a.sign ? LESS : GREATER;
    i32 order = a.sign ? -magnitude_order(a, b) : magnitude_order(a, b);
    return order < 0 ? LESS : order ? GREATER : EQUAL;
}

static Relation compare(Env *e, const Format *f, u64 va, u64 vb, bool signals_quiet)
{
    Num a = unpack(e, f, va), b = unpack(e, f, vb);
    if (a.kind == SNAN || b.kind == SNAN || (signals_quiet && (is_nan(a) || is_nan(b))))
        e->flags |= FP_INVALID;
    return relation(a, b);
}

static u64 all_ones(bool set)
{
    return set ? ~0ull : 0;
}

static u64 cmeq(Env *e, const Format *f, u64 a, u64 b)
{
    return all_ones(compare(e, f, a, b, false) == EQUAL);
}

static u64 cmgt(Env *e, const Format *f, u64 a, u64 b)
{
    return all_ones(compare(e, f, a, b, true) == GREATER);
}

static u64 cmge(Env *e, const Format *f, u64 a, u64 b)
{
    Relation r = compare(e, f, a, b, true);
    return all_ones(r == GREATER || r == EQUAL);
}

static u64 positive(const Format *f, u64 v)
{
    return v & ~(1ull << (f->bits - 1));
}

static u64 acgt(Env *e, const Format *f, u64 a, u64 b)
{
    return cmgt(e, f, positive(f, a), positive(f, b));
}

static u64 acge(Env *e, const Format *f, u64 a, u64 b)
{
    return cmge(e, f, positive(f, a), positive(f, b));
}

/* FPMax and FPMin; with `number` FPMaxNum and FPMinNum, which prefer a number to a quiet NaN. */
static u64 max_min(Env *e, const Format *f, u64 va, u64 vb, bool max, bool number)
{
    Num a = unpack(e, f, va), b = unpack(e, f, vb);
    const Num loser = {.kind = INFINITE, .sign = max};
    if (number && a.kind == QNAN && b.kind != QNAN)
        a = loser, va = infinity(f, max);
    else if (number && b.kind == QNAN && a.kind != QNAN)
        b = loser, vb = infinity(f, max);
    u64 nan;
    if (nan_of_2(e, f, a, va, b, vb, &nan))
        return nan;
    if (a.kind == ZERO && b.kind == ZERO)
        return signed_bits(f, max ? a.sign && b.sign : a.sign || b.sign, 0);
    bool first = relation(a, b) == (max ? GREATER : LESS);
    if ((first ? a : b).kind == ZERO)
        return signed_bits(f, first ? a.sign : b.sign, 0); /* it may have been flushed */
    return first ? va : vb;
}

static u64 max(Env *e, const Format *f, u64 a, u64 b)
{
    return max_min(e, f, a, b, true, false);
}

static u64 min(Env *e, const Format *f, u64 a, u64 b)
{
    return max_min(e, f, a, b, false, false);
}

static u64 maxnm(Env *e, const Format *f, u64 a, u64 b)
{
    return max_min(e, f, a, b, true, true);
}

static u64 minnm(Env *e, const Format *f, u64 a, u64 b)
{
    return max_min(e, f, a, b, false, true);
}

/* FPRoundInt */
static u64 rint_(Env *e, const Format *f, u64 va, Rounding round, bool exact)
{
    Num a = unpack(e, f, va);
    if (is_nan(a))
        return quieted(e, f, a, va);
    if (a.kind == INFINITE)
        return va;
    if (a.kind == ZERO)
        return signed_bits(f, a.sign, 0);
    if (a.exp >= f->frac)
        return va;
    bool inexact;
    u64 whole = round_shift(a.m, (u32)(63 - a.exp), false, a.sign, round, &inexact);
    if (inexact && exact)
        e->flags |= FP_INEXACT;
    if (!whole)
        return signed_bits(f, a.sign, 0);
    int zeros = __builtin_clzll(whole);
    return round_pack(e, f, a.sign, 63 - zeros, whole << zeros, false, round);
}

static u64 rintn(Env *e, const Format *f, u64 a)
{
    return rint_(e, f, a, ROUND_EVEN, false);
}

static u64 rintm(Env *e, const Format *f, u64 a)
{
    return rint_(e, f, a, ROUND_DOWN, false);
}

static u64 rintp(Env *e, const Format *f, u64 a)
{
    return rint_(e, f, a, ROUND_UP, false);
}

static u64 rintz(Env *e, const Format *f, u64 a)
{
    return rint_(e, f, a, ROUND_ZERO, false);
}

static u64 rinta(Env *e, const Format *f, u64 a)
{
    return rint_(e, f, a, ROUND_AWAY, false);
}

static u64 rinti(Env *e, const Format *f, u64 a)
{
    return rint_(e, f, a, e->round, false);
}

static u64 rintx(Env *e, const Format *f, u64 a)
{
    return rint_(e, f, a, e->round, true);
}

/* FPRoundIntN */
static u64 rint_to_range(Env *e, const Format *f, u64 va, Rounding round, i32 bits)
{
    Num a = unpack(e, f, va);
    u64 least = signed_bits(f, true, (u64)(bits - 1 + f->bias) << f->frac);
    if (a.kind == ZERO)
        return signed_bits(f, a.sign, 0);
    if (a.kind != FINITE || a.exp >= bits) {
        e->flags |= FP_INVALID;
        return least;
    }
    Env exact = *e;
    u64 r = rint_(&exact, f, va, round, true);
    Num n = unpack(&exact, f, r);
    if (n.kind == FINITE && n.exp >= bits - 1 && !(n.sign && n.exp == bits - 1 && n.m == 1ull << 63)) {
        e->flags |= FP_INVALID;
        return least;
    }
    e->flags = exact.flags;
    return r;
}

static u64 rint32z(Env *e, const Format *f, u64 a)
{
    return rint_to_range(e, f, a, ROUND_ZERO, 32);
}

static u64 rint32x(Env *e, const Format *f, u64 a)
{
    return rint_to_range(e, f, a, e->round, 32);
}

static u64 rint64z(Env *e, const Format *f, u64 a)
{
    return rint_to_range(e, f, a, ROUND_ZERO, 64);
}

static u64 rint64x(Env *e, const Format *f, u64 a)
{
    return rint_to_range(e, f, a, e->round, 64);
}

/* FPConvert */
static u64 convert(Env *e, const Format *from, const Format *to, u64 va, Rounding round)
{
    Num a = unpack(e, from, va);
    bool alternative = is_alternative(e, to);
    if (is_nan(a)) {
        if (a.kind == SNAN || alternative)
            e->flags |= FP_INVALID;
        if (alternative)
            return signed_bits(to, a.sign, 0);
        if (e->mode & FP_DEFAULT_NAN)
            return default_nan(to);
        u64 top = va << (64 - from->frac); /* the fraction, left-aligned */
        return signed_bits(to, a.sign, default_nan(to) | top >> (64 - to->frac));
    }
    if (a.kind == INFINITE) {
        if (!alternative)
            return infinity(to, a.sign);
        e->flags |= FP_INVALID;
        return signed_bits(to, a.sign, 0x7fff);
    }
    if (a.kind == ZERO)
        return signed_bits(to, a.sign, 0);
    return round_pack(e, to, a.sign, a.exp, a.m, false, round);
}

/* FPToFixed */
static u64 to_fixed(Env *e, const Format *f, u64 va, u32 fraction_bits, bool is_signed, u32 bits, Rounding round)
{
    Num a = unpack(e, f, va);
    if (a.kind == ZERO)
        return 0;
    if (is_nan(a)) {
        e->flags |= FP_INVALID;
        return 0;
    }
    i32 exp = a.exp + (i32)fraction_bits;
    bool inexact = false, over = a.kind == INFINITE || exp >= 64;
    u64 whole = over ? 0 : round_shift(a.m, (u32)(63 - exp), false, a.sign, round, &inexact);
    u64 limit = ~0ull >> (64 - bits);
    if (is_signed)
        limit = (limit >> 1) + a.sign;
    else if (a.sign)
        limit = 0;
    if (over || whole > limit) {
        e->flags |= FP_INVALID;
        whole = limit;
    } else if (inexact) {
        e->flags |= FP_INEXACT;
    }
    return a.sign ? -whole : whole;
}

/* RecipEstimate: 256 <= a < 512 stands for 0.5 <= a/512 < 1; the result over 256 is the reciprocal. */
static u32 recip_estimate(u32 a)
{
    return ((1u << 19) / (2 * a + 1) + 1) / 2;
}

/* RecipSqrtEstimate: 128 <= a < 512 stands for 0.25 <= a/512 < 1. */
static u32 recip_sqrt_estimate(u32 a)
{
    a = a < 256 ? 2 * a + 1 : ((a >> 1 << 1) + 1) * 2;
    u32 b = 512; /* becomes the greatest with a * b * b < 2^28 */
    for (u32 step = 256; step; step /= 2)
        if ((u64)a * (b + step) * (b + step) < 1u << 28)
            b += step;
    return (b + 1) / 2;
}

/* FPRecipEstimate */
static u64 recpe(Env *e, const Format *f, u64 va)
{
    Num a = unpack(e, f, va);
    if (is_nan(a))
        return quieted(e, f, a, va);
    if (a.kind == INFINITE)
        return signed_bits(f, a.sign, 0);
    if (a.kind == ZERO) {
        e->flags |= FP_DIV_ZERO;
        return infinity(f, a.sign);
    }
    if (a.exp < -f->bias - 1)
        return overflow(e, f, a.sign, e->round);
    if (flushes(e, f) && a.exp >= f->bias - 1) {
        e->flags |= FP_UNDERFLOW;
        return signed_bits(f, a.sign, 0);
    }
    u64 fraction = (u64)recip_estimate((u32)(a.m >> 55)) << (f->frac - 8); /* with its leading one */
    i32 exp = -1 - a.exp + f->bias;
    if (exp <= 0)
        return signed_bits(f, a.sign, fraction >> (1 - exp));
    return signed_bits(f, a.sign, fraction + ((u64)(exp - 1) << f->frac));
}

/* FPRSqrtEstimate */
static u64 rsqrte(Env *e, const Format *f, u64 va)
{
    Num a = unpack(e, f, va);
    if (is_nan(a))
        return quieted(e, f, a, va);
    if (a.kind == ZERO) {
        e->flags |= FP_DIV_ZERO;
        return infinity(f, a.sign);
    }
    if (a.sign)
        return invalid(e, f);
    if (a.kind == INFINITE)
        return 0;
    /* a = m * 2^(2k), 0.25 <= m < 1 */
    bool odd = a.exp & 1;
    i32 k = odd ? (a.exp + 1) / 2 : (a.exp + 2) / 2;
    u64 estimate = recip_sqrt_estimate((u32)(a.m >> (odd ? 55 : 56)));
    return (estimate << (f->frac - 8)) + ((u64)(f->bias - k - 1) << f->frac);
}

/* FPRecpX */
static u64 recpx(Env *e, const Format *f, u64 va)
{
    Num a = unpack(e, f, va);
    if (is_nan(a))
        return quieted(e, f, a, va);
    u64 exp = va >> f->frac & f->max_exp;
    return signed_bits(f, a.sign, (exp ? f->max_exp - exp : f->max_exp - 1u) << f->frac);
}

/* -- the ops: scalar and vector forms of each, for both widths ----------------------------------------------------- */

typedef union Lanes {
    V128 q;
    u16 h[8];
    u32 s[4];
    u64 d[2];
} Lanes;

#define FORM(op, type, lane, count, format, args, ...) \
    V128 softfp_##op args \
    { \
        Env e = enter(t); \
        Lanes r = {0}; \
        for (u32 i = 0; i < count; i++) \
            r.lane[i] = (type)(__VA_ARGS__); \
        leave(t, &e); \
        return r.q; \
    }
#define AT(v, lane) ((Lanes){.q = v}.lane[i])
#define FORM1(op, fn, type, lane, count, format) \
    FORM(op, type, lane, count, format, (Task * t, V128 a), fn(&e, &format, AT(a, lane)))
#define FORM2(op, fn, type, lane, count, format) \
    FORM(op, type, lane, count, format, (Task * t, V128 a, V128 b), fn(&e, &format, AT(a, lane), AT(b, lane)))
#define FORM3(op, fn, type, lane, count, format) \
    FORM(op, type, lane, count, format, (Task * t, V128 a, V128 b, V128 c), \
         fn(&e, &format, AT(a, lane), AT(b, lane), AT(c, lane)))
#define SCALAR(FORM, name, fn) \
    FORM(f##name##16, fn, u16, h, 1, f16) FORM(f##name##32, fn, u32, s, 1, f32) FORM(f##name##64, fn, u64, d, 1, f64)
#define VECTOR(FORM, name, fn) \
    FORM(vf##name##16, fn, u16, h, 8, f16) FORM(vf##name##32, fn, u32, s, 4, f32) FORM(vf##name##64, fn, u64, d, 2, f64)
#define BOTH(FORM, name, fn) SCALAR(FORM, name, fn) VECTOR(FORM, name, fn)

BOTH(FORM2, add, add)
BOTH(FORM2, sub, sub)
BOTH(FORM2, mul, mul)
BOTH(FORM2, div, div_)
BOTH(FORM1, sqrt, sqrt_)
BOTH(FORM3, ma, ma)
BOTH(FORM2, max, max)
BOTH(FORM2, min, min)
BOTH(FORM2, maxnm, maxnm)
BOTH(FORM2, minnm, minnm)
BOTH(FORM1, rintn, rintn)
BOTH(FORM1, rintm, rintm)
BOTH(FORM1, rintp, rintp)
BOTH(FORM1, rintz, rintz)
BOTH(FORM1, rinta, rinta)
BOTH(FORM1, rinti, rinti)
BOTH(FORM1, rintx, rintx)
#define ROUND_TO_RANGE(name) \
    FORM1(f##name##32, name, u32, s, 1, f32) FORM1(f##name##64, name, u64, d, 1, f64) \
    FORM1(vf##name##32, name, u32, s, 4, f32) FORM1(vf##name##64, name, u64, d, 2, f64)
ROUND_TO_RANGE(rint32z)
ROUND_TO_RANGE(rint32x)
ROUND_TO_RANGE(rint64z)
ROUND_TO_RANGE(rint64x)
SCALAR(FORM1, recpx, recpx)
VECTOR(FORM2, mulx, mulx)
VECTOR(FORM1, recpe, recpe)
VECTOR(FORM1, rsqrte, rsqrte)
VECTOR(FORM2, recps, recps)
VECTOR(FORM2, rsqrts, rsqrts)
VECTOR(FORM2, cmeq, cmeq)
VECTOR(FORM2, cmge, cmge)
VECTOR(FORM2, cmgt, cmgt)
VECTOR(FORM2, acge, acge)
VECTOR(FORM2, acgt, acgt)

#define CONVERT(op, from_lane, from, to_lane, to_type, to, count, round) \
    V128 softfp_##op(Task *t, V128 a) \
    { \
        Env e = enter_except(t, FP_FLUSH_HALF); \
        Lanes r = {0}; \
        for (u32 i = 0; i < count; i++) \
            r.to_lane[i] = (to_type)convert(&e, &from, &to, AT(a, from_lane), round); \
        leave(t, &e); \
        return r.q; \
    }
CONVERT(f16to32, h, f16, s, u32, f32, 1, e.round)
CONVERT(f16to64, h, f16, d, u64, f64, 1, e.round)
CONVERT(f32to16, s, f32, h, u16, f16, 1, e.round)
CONVERT(f32to64, s, f32, d, u64, f64, 1, e.round)
CONVERT(f64to16, d, f64, h, u16, f16, 1, e.round)
CONVERT(f64to32, d, f64, s, u32, f32, 1, e.round)
CONVERT(vf16to32, h, f16, s, u32, f32, 4, e.round)
CONVERT(vf32to16, s, f32, h, u16, f16, 4, e.round)
CONVERT(vf32to64, s, f32, d, u64, f64, 2, e.round)
CONVERT(vf64to32, d, f64, s, u32, f32, 2, e.round)
CONVERT(vf64to32x, d, f64, s, u32, f32, 2, ROUND_ODD)
CONVERT(f32tobf16, s, f32, h, u16, bf16, 1, e.round)
CONVERT(vf32tobf16, s, f32, h, u16, bf16, 4, e.round)

static u32 nzcv_of(Task *t, const Format *f, u64 a, u64 b, bool signals_quiet)
{
    static const u32 nzcv[] = {
        [LESS] = 0x80000000, [EQUAL] = 0x60000000, [GREATER] = 0x20000000, [UNORDERED] = 0x30000000};
    Env e = enter(t);
    Relation r = compare(&e, f, a, b, signals_quiet);
    leave(t, &e);
    return nzcv[r];
}

u32 softfp_fcmp16(Task *t, V128 a, V128 b)
{
    return nzcv_of(t, &f16, (Lanes){a}.h[0], (Lanes){b}.h[0], false);
}

u32 softfp_fcmpe16(Task *t, V128 a, V128 b)
{
    return nzcv_of(t, &f16, (Lanes){a}.h[0], (Lanes){b}.h[0], true);
}

u32 softfp_fcmp32(Task *t, V128 a, V128 b)
{
    return nzcv_of(t, &f32, (Lanes){a}.s[0], (Lanes){b}.s[0], false);
}

u32 softfp_fcmp64(Task *t, V128 a, V128 b)
{
    return nzcv_of(t, &f64, (Lanes){a}.d[0], (Lanes){b}.d[0], false);
}

u32 softfp_fcmpe32(Task *t, V128 a, V128 b)
{
    return nzcv_of(t, &f32, (Lanes){a}.s[0], (Lanes){b}.s[0], true);
}

u32 softfp_fcmpe64(Task *t, V128 a, V128 b)
{
    return nzcv_of(t, &f64, (Lanes){a}.d[0], (Lanes){b}.d[0], true);
}

u64 softfp_toint(Task *t, V128 a, u32 from, bool is_signed, u32 to, u64 imm)
{
    Env e = enter(t);
    Lanes v = {a};
    const Format *f = from == 16 ? &f16 : from == 32 ? &f32 : &f64;
    u64 bits = from == 16 ? v.h[0] : from == 32 ? v.s[0] : v.d[0];
    u64 r = to_fixed(&e, f, bits, (u32)(imm >> 8), is_signed, to, (Rounding)(imm & 0xff));
    leave(t, &e);
    return r;
}

/* FixedToFP */
u16 softfp_ofint16(Task *t, u64 v, bool is_signed, u32 from, u64 fraction_bits)
{
    Env e = enter(t);
    if (from < 64)
        v = is_signed ? (u64)((i64)(v << (64 - from)) >> (64 - from)) : v & ((1ull << from) - 1);
    bool sign = is_signed && (i64)v < 0;
    if (sign)
        v = -v;
    if (!v)
        return 0;
    int zeros = __builtin_clzll(v);
    u16 r = (u16)round_pack(&e, &f16, sign, 63 - zeros - (i32)fraction_bits, v << zeros, false, e.round);
    leave(t, &e);
    return r;
}

/* FPDot of BFloat16s, each the upper half of one of single precision, rounded once: the products are exact in double
 * precision, and rounding their sum to odd there leaves what the other rounding has to know. */
static u64 dot(Env *e, u64 a, u64 b, u64 c, u64 d)
{
    Env odd = {.mode = e->mode, .round = ROUND_ODD};
    u64 wide[4], in[4] = {a, b, c, d};
    for (u32 i = 0; i < 4; i++)
        wide[i] = convert(e, &f32, &f64, in[i], e->round);
    u64 first = mul(&odd, &f64, wide[0], wide[1]), both = ma(&odd, &f64, wide[2], wide[3], first);
    if (!(both << 1)) /* then it is exact, and its sign is the rounding's */
        both = ma(e, &f64, wide[2], wide[3], first);
    return convert(e, &f64, &f32, both, e->round);
}

V128 softfp_vbfdot(Task *t, V128 a, V128 b, V128 c)
{
    bool extended = t->fp_mode & FP_EXTENDED_BF16;
    Env e = {.mode = FP_FLUSH | FP_DEFAULT_NAN, .round = ROUND_ODD_INFINITE};
    if (extended)
        e = (Env){.mode = (t->fp_mode & FP_FLUSH) | FP_DEFAULT_NAN, .round = enter(t).round};
    Lanes r = {a};
    for (u32 i = 0; i < 4; i++) {
        u32 x = (Lanes){b}.s[i], y = (Lanes){c}.s[i], x0 = x << 16, y0 = y << 16, x1 = x & 0xffff0000, y1 = y & 0xffff0000;
        u64 products = extended ? dot(&e, x0, y0, x1, y1) : add(&e, &f32, mul(&e, &f32, x0, y0), mul(&e, &f32, x1, y1));
        r.s[i] = (u32)add(&e, &f32, r.s[i], products);
    }
    return r.q;
}

u64 softfp_fjcvtzs(Task *t, V128 v)
{
    Env e = enter(t);
    u64 bits = (Lanes){v}.d[0];
    Num a = unpack(&e, &f64, bits);
    bool inexact = false, exact = bits == 0;
    u64 whole = 0;
    if (is_nan(a) || a.kind == INFINITE) {
        e.flags |= FP_INVALID;
    } else if (a.kind == FINITE) {
        u64 all = a.exp > 63 ? a.exp > 63 + 31 ? 0 : a.m << (a.exp - 63)
                             : round_shift(a.m, (u32)(63 - a.exp), false, a.sign, ROUND_ZERO, &inexact);
        whole = a.sign ? -all : all;
        bool fits = a.exp < 31 || (a.sign && a.exp == 31 && all == 1u << 31);
        e.flags |= !fits ? FP_INVALID : inexact ? FP_INEXACT : 0;
        exact = fits && !inexact;
    }
    leave(t, &e);
    return (u32)whole | (u64)exact << 32;
}
