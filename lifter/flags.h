/* Symbolic NZCV. A lifter says which operation set the flags; conditions compare that operation's operands, and the state
 * gets kind and operands. Recombining stored bits would never fold back into the host's compare-and-branch. */
#ifndef DRAGOMAN_LIFTER_FLAGS_H
#define DRAGOMAN_LIFTER_FLAGS_H

#include "build.h"

/* Conditions on four flags N, Z, C (no borrow) and V, in the order of Arm's numbers. */
typedef enum Cond { CC_EQ, CC_NE, CC_CS, CC_CC, CC_MI, CC_PL, CC_VS, CC_VC, CC_HI, CC_LS, CC_GE, CC_LT, CC_GT, CC_LE, CC_AL, CC_NV } Cond;

/* The flags are now those of `kind` on a and b (64-bit kinds take X values, 32-bit kinds W values; b is ignored by the
 * AND kinds; FLAG_BITS takes a W in a). Puts kind and operands into the state. */
void flags_set(Lift *l, FlagKind kind, Val a, Val b);
/* The flags are those of a + b + c, c being a W 0 or 1; `wide`: a and b are X values. */
void flags_set_sum(Lift *l, bool wide, Val a, Val b, Val c);
/* if cond (W) then the flags of kind on a and b, else the constant nzcv in bits 31..28 (conditional compare). */
void flags_set_if(Lift *l, Val cond, FlagKind kind, Val a, Val b, u32 nzcv);
/* W value 1 or 0: the condition on the flags of kind on a and b. */
Val flags_cond_of(Lift *l, Cond cc, FlagKind kind, Val a, Val b);
/* The same on the flags as they are. */
Val flags_cond(Lift *l, Cond cc);
/* NZCV in bits 31..28, as a W. */
Val flags_bits(Lift *l);
/* The carry flag as a W 0 or 1. */
Val flags_carry(Lift *l);

#endif
