/* Cryptography (Arm ARM C3.6.22 to C3.6.27). */
#include "a64.h"

/* -- AES ----------------------------------------------------------------------------------------------------------- */

LIFT(aese)
{
    put_q(l, i->rd, aese(l, q(l, i->rd), q(l, i->rn)));
}

LIFT(aesd)
{
    put_q(l, i->rd, aesd(l, q(l, i->rd), q(l, i->rn)));
}

/* The result of `round` that v is; NULL if it isn't one. */
static const Op *result_of(const Lift *l, Val v, OpCode round)
{
    const Op *op = &l->ir->ops[v];
    return op->code == round ? op : NULL;
}

/* Programs mix columns right after the round, as the manual advises (C3.6.22), and hosts do both in one. */
LIFT(aesmc)
{
    Val v = q(l, i->rn);
    const Op *round = result_of(l, v, IR_aese);
    put_q(l, i->rd, round ? aese_mc(l, round->arg[0], round->arg[1]) : aesmc(l, v));
}

LIFT(aesimc)
{
    Val v = q(l, i->rn);
    const Op *round = result_of(l, v, IR_aesd);
    put_q(l, i->rd, round ? aesd_imc(l, round->arg[0], round->arg[1]) : aesimc(l, v));
}

/* -- hashes: the destination is the first operand -------------------------------------------------------------------
 */

#define ACCUMULATE3(name)                                                                                              \
    LIFT(name)                                                                                                         \
    {                                                                                                                  \
        put_q(l, i->rd, name(l, q(l, i->rd), q(l, i->rn), q(l, i->rm)));                                               \
    }
#define ACCUMULATE2(name)                                                                                              \
    LIFT(name)                                                                                                         \
    {                                                                                                                  \
        put_q(l, i->rd, name(l, q(l, i->rd), q(l, i->rn)));                                                            \
    }
ACCUMULATE3(sha1c)
ACCUMULATE3(sha1p)
ACCUMULATE3(sha1m)
ACCUMULATE3(sha1su0)
ACCUMULATE2(sha1su1)
ACCUMULATE3(sha256h)
ACCUMULATE2(sha256su0)
ACCUMULATE3(sha256su1)
ACCUMULATE3(sha512h)
ACCUMULATE3(sha512h2)
ACCUMULATE2(sha512su0)
ACCUMULATE3(sha512su1)
ACCUMULATE3(sm3partw1)
ACCUMULATE3(sm3partw2)
ACCUMULATE2(sm4e)
#undef ACCUMULATE2
#undef ACCUMULATE3

LIFT(sha1h)
{
    put_q(l, i->rd, sha1h(l, q(l, i->rn)));
}

/* Here the destination is the upper half of the state. */
LIFT(sha256h2)
{
    put_q(l, i->rd, sha256h2(l, q(l, i->rn), q(l, i->rd), q(l, i->rm)));
}

LIFT(sm3ss1)
{
    put_q(l, i->rd, sm3ss1(l, q(l, i->rn), q(l, i->rm), q(l, i->ra)));
}

#define SM3TT(name)                                                                                                    \
    LIFT(name)                                                                                                         \
    {                                                                                                                  \
        put_q(l, i->rd, name(l, q(l, i->rd), q(l, i->rn), q(l, i->rm), i->imm2));                                      \
    }
SM3TT(sm3tt1a)
SM3TT(sm3tt1b)
SM3TT(sm3tt2a)
SM3TT(sm3tt2b)
#undef SM3TT

LIFT(sm4ekey)
{
    put_q(l, i->rd, sm4ekey(l, q(l, i->rn), q(l, i->rm)));
}

/* -- SHA-3: logic of general use ------------------------------------------------------------------------------------
 */

LIFT(eor3)
{
    put_q(l, i->rd, vxor(l, q(l, i->rn), vxor(l, q(l, i->rm), q(l, i->ra))));
}

LIFT(bcax)
{
    put_q(l, i->rd, vxor(l, q(l, i->rn), vandn(l, q(l, i->rm), q(l, i->ra))));
}

static Val rotated_left(Lift *l, Val v, u32 by)
{
    return by ? vor(l, vshli64(l, v, by), vushri64(l, v, 64 - by)) : v;
}

LIFT(rax1)
{
    put_q(l, i->rd, vxor(l, q(l, i->rn), rotated_left(l, q(l, i->rm), 1)));
}

LIFT(xar)
{
    put_q(l, i->rd, rotated_left(l, vxor(l, q(l, i->rn), q(l, i->rm)), (64u - i->imm6) % 64));
}
