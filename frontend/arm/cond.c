/* Conditions, flags and ends of blocks.
 *
 * A conditional instruction is made of selects: its results are chosen between the new and the old values, and its accesses go to
 * ArmState.unused if the condition fails. That costs a conditional move each and keeps blocks whole; what can't be done so (calls
 * of helpers, floating-point arithmetic with its flags, indirect jumps) is a block of its own, entered by a branch, whose pc says
 * that the condition holds.
 *
 * The flags are a tuple in the state (state.h). N and Z are apart from C and V because most of T32's 16-bit instructions set just
 * the former, and a shifter's carry is apart from V. What is known of the tuple within the block comes from the builder's known
 * values: nothing else is remembered.
 *
 * A second condition on the same flags often comes behind a conditional branch: CMP, BLO, IT HI. There the tuple is in the state, and
 * what isn't known of it costs dozens of host instructions; so, if the instruction behind the branch looks at the flags and they are
 * those of a comparison, the pc of the block there says that they are (ARM_COMPARED). Whoever changes the flags of a stopped thread
 * takes that away. */
#include <string.h>

#include "arm.h"

/* -- what is known of the flags ---------------------------------------------------------------------------------------- */

static bool known_kind(Lift *l, u32 *kind)
{
    Val v = l->known[OFF(flag_kind) / 8];
    if (v == NO_VAL || l->ir->ops[v].code != IR_const32)
        return false;
    *kind = (u32)l->ir->ops[v].imm;
    return true;
}

/* Is C known to be in ArmState.carry? */
static bool carry_is_apart(Lift *l)
{
    Val v = l->known[OFF(flag_kind) / 8];
    if (v == NO_VAL)
        return false;
    const Op *op = &l->ir->ops[v];
    if (op->code == IR_or32)
        op = &l->ir->ops[op->arg[1]];
    return op->code == IR_const32 && op->imm & ARM_CARRY;
}

/* The W that was added to flag_a + flag_b by what V is of, as arm_flags_sum leaves it; or NO_VAL. */
static Val known_carry_in(Lift *l)
{
    Val v = l->known[OFF(flag_kind) / 8];
    if (v == NO_VAL || l->ir->ops[v].code != IR_or32)
        return NO_VAL;
    const Op *in = &l->ir->ops[l->ir->ops[v].arg[0]];
    return in->code == IR_shl32 ? in->arg[0] : NO_VAL;
}

static Val operand(Lift *l, u32 offset)
{
    return low_word(l, get64(l, offset));
}

/* The W that N and Z are of, or NO_VAL. */
static Val known_result(Lift *l)
{
    Val v = l->known[OFF(nz) / 8];
    if (v == NO_VAL)
        return NO_VAL;
    const Op *op = &l->ir->ops[v];
    if (op->code == IR_const64 && op->imm == (i32)op->imm)
        return k32(l, (u32)op->imm);
    return op->code == IR_sx32_64 ? op->arg[0] : NO_VAL;
}

/* The comparison that all flags are of, or NULL. */
static const Op *known_difference(Lift *l)
{
    u32 kind;
    Val result = known_result(l);
    if (result == NO_VAL || !known_kind(l, &kind) || kind != FLAG_SUB32)
        return NULL;
    Val a = operand(l, OFF(flag_a)), b = operand(l, OFF(flag_b));
    const Op *op = &l->ir->ops[result];
    return op->code == IR_sub32 && op->arg[0] == a && op->arg[1] == b ? op : NULL;
}

/* -- conditions -------------------------------------------------------------------------------------------------------- */

/* C and V in bits 29 and 28, but C only if the shifter's carry isn't in the way. */
static Val carry_and_overflow(Lift *l)
{
    u32 kind;
    Val a = get64(l, OFF(flag_a)), b = get64(l, OFF(flag_b)), in = known_carry_in(l);
    if (in != NO_VAL)
        return adc32_nzcv(l, low_word(l, a), low_word(l, b), in);
    if (known_kind(l, &kind))
        return (kind & ~ARM_CARRY) == FLAG_BITS ? low_word(l, a) : nzcv(l, k32(l, kind & ~(u32)ARM_CARRY), a, b);
    return nzcv(l, and32(l, get32(l, OFF(flag_kind)), k32(l, ARM_CARRY - 1)), a, b);
}

static Val bit(Lift *l, Val v, u32 n)
{
    return and32(l, shr32(l, v, k32(l, n)), k32(l, 1));
}

Val arm_carry(Lift *l)
{
    u32 kind;
    if (carry_is_apart(l))
        return operand(l, OFF(carry));
    if (!known_kind(l, &kind)) {
        Val all = get32(l, OFF(flag_kind)), apart = and32(l, all, k32(l, ARM_CARRY));
        Val c = flag_carry(l, and32(l, all, k32(l, ARM_CARRY - 1)), get64(l, OFF(flag_a)), get64(l, OFF(flag_b)));
        return select32(l, apart, operand(l, OFF(carry)), c);
    }
    Val a = operand(l, OFF(flag_a));
    switch (kind) {
    case FLAG_SUB32:
        return ule32(l, operand(l, OFF(flag_b)), a);
    case FLAG_ADD32:
        return ult32(l, add32(l, a, operand(l, OFF(flag_b))), a);
    default:
        return bit(l, carry_and_overflow(l), 29);
    }
}

static Val is_zero(Lift *l)
{
    Val result = known_result(l);
    return eq32(l, result != NO_VAL ? result : lo32(l, get64(l, OFF(nz))), k32(l, 0));
}

static Val is_negative(Lift *l)
{
    Val result = known_result(l);
    return result != NO_VAL ? slt32(l, result, k32(l, 0)) : slt64(l, get64(l, OFF(nz)), k64(l, 0));
}

static Val overflow(Lift *l)
{
    return bit(l, carry_and_overflow(l), 28);
}

/* N != V. Of a sum it is the sign that it has in more bits. */
static Val is_less(Lift *l)
{
    Val in = known_carry_in(l), result = known_result(l);
    if (in == NO_VAL || result == NO_VAL)
        return xor32(l, is_negative(l), overflow(l));
    Val a = operand(l, OFF(flag_a)), b = operand(l, OFF(flag_b));
    const Op *op = &l->ir->ops[result];
    if (op->code != IR_adc32 || op->arg[0] != a || op->arg[1] != b || op->arg[2] != in)
        return xor32(l, is_negative(l), overflow(l));
    return slt64(l, add64(l, add64(l, sx32_64(l, a), sx32_64(l, b)), zx32_64(l, in)), k64(l, 0));
}

/* Its opposite, of a W 0 or 1 */
static Val inverted(Lift *l, Val v)
{
    const Op op = l->ir->ops[v];
    switch (op.code) {
    case IR_eq32: return ne32(l, op.arg[0], op.arg[1]);
    case IR_ult32: return ule32(l, op.arg[1], op.arg[0]);
    case IR_ule32: return ult32(l, op.arg[1], op.arg[0]);
    case IR_slt32: return sle32(l, op.arg[1], op.arg[0]);
    case IR_slt64: return sle64(l, op.arg[1], op.arg[0]);
    default: return xor32(l, v, k32(l, 1));
    }
}

static Val find_cond(Lift *l, Cond cc)
{
    const Op *difference = known_difference(l);
    if (difference)
        return flags_cond_of(l, cc, FLAG_SUB32, difference->arg[0], difference->arg[1]);
    if (l->own[OWN_BITS])
        return flags_cond_of(l, cc, FLAG_BITS, (Val)(l->own[OWN_BITS] - 1), NO_VAL);
    Val v;
    switch (cc & ~1u) {
    case CC_EQ:
        v = is_zero(l);
        break;
    case CC_CS:
        v = arm_carry(l);
        break;
    case CC_MI:
        v = is_negative(l);
        break;
    case CC_VS:
        v = overflow(l);
        break;
    case CC_HI:
        v = andn32(l, arm_carry(l), is_zero(l));
        break;
    case CC_GE:
        v = is_less(l);
        return cc & 1 ? v : inverted(l, v);
    default: /* CC_GT */
        v = or32(l, is_less(l), is_zero(l));
        return cc & 1 ? v : inverted(l, v);
    }
    return cc & 1 ? inverted(l, v) : v;
}

Val arm_cond(Lift *l, Cond cc)
{
    u64 kept = l->own[OWN_KEPT];
    if (kept && (kept & 15) == cc)
        return (Val)((kept >> 8) - 1);
    Val v = find_cond(l, cc);
    l->own[OWN_KEPT] = (u64)(v + 1) << 8 | cc;
    return v;
}

Val arm_nzcv_bits(Lift *l)
{
    if (l->own[OWN_BITS])
        return and32(l, (Val)(l->own[OWN_BITS] - 1), k32(l, 0xf0000000));
    Val n = shl32(l, is_negative(l), k32(l, 31)), z = shl32(l, is_zero(l), k32(l, 30));
    Val c = shl32(l, arm_carry(l), k32(l, 29)), v = and32(l, carry_and_overflow(l), k32(l, 1u << 28));
    return or32(l, or32(l, n, z), or32(l, c, v));
}

/* -- setting them ------------------------------------------------------------------------------------------------------ */

static void changed(Lift *l)
{
    l->own[OWN_KEPT] = l->own[OWN_BITS] = 0;
}

static void put_operation(Lift *l, Val kind, Val a, Val b)
{
    put_state32(l, OFF(flag_kind), kind);
    put_state64(l, OFF(flag_a), zx32_64(l, a));
    if (b != NO_VAL)
        put_state64(l, OFF(flag_b), zx32_64(l, b));
}

void arm_flags_nz(Lift *l, Val result)
{
    changed(l);
    const Op *op = &l->ir->ops[result];
    put_state64(l, OFF(nz), op->code == IR_const32 ? k64(l, (u64)(i64)(i32)op->imm) : sx32_64(l, result));
}

void arm_flags_nz64(Lift *l, Val result)
{
    changed(l);
    Val low = zx32_64(l, ne64(l, result, k64(l, 0)));
    put_state64(l, OFF(nz), or64(l, and64(l, result, k64(l, 1ull << 63)), low));
}

void arm_flags_nzc(Lift *l, Val result, Val carry)
{
    u32 kind;
    arm_flags_nz(l, result);
    if (carry == NO_VAL)
        return;
    put_state64(l, OFF(carry), zx32_64(l, carry));
    if (!carry_is_apart(l))
        put_state32(l, OFF(flag_kind), known_kind(l, &kind) ? k32(l, kind | ARM_CARRY)
                                                            : or32(l, get32(l, OFF(flag_kind)), k32(l, ARM_CARRY)));
}

void arm_flags_add(Lift *l, Val a, Val b, Val sum)
{
    arm_flags_nz(l, sum);
    put_operation(l, k32(l, FLAG_ADD32), a, b);
}

void arm_flags_sub(Lift *l, Val a, Val b, Val difference)
{
    arm_flags_nz(l, difference);
    put_operation(l, k32(l, FLAG_SUB32), a, b);
}

/* With C apart, since what comes next is most likely a sum with it. */
void arm_flags_sum(Lift *l, Val a, Val b, Val carry, Val sum)
{
    Val out = adc32_carry(l, a, b, carry);
    arm_flags_nz(l, sum);
    put_operation(l, or32(l, shl32(l, carry, k32(l, 3)), k32(l, FLAG_ADD32 | ARM_CARRY)), a, b);
    put_state64(l, OFF(carry), zx32_64(l, out));
}
_Static_assert(FLAG_CARRY_IN == 1 << 3 && ARM_CARRY > FLAG_ADC64, "kinds");

void arm_flags_bits(Lift *l, Val bits)
{
    changed(l);
    Val n = and64(l, sx32_64(l, bits), k64(l, 1ull << 63));
    Val not_z = xor32(l, bit(l, bits, 30), k32(l, 1));
    put_state64(l, OFF(nz), or64(l, n, zx32_64(l, not_z)));
    put_operation(l, k32(l, FLAG_BITS), bits, NO_VAL);
    if (!l->own[OWN_CONDITION])
        l->own[OWN_BITS] = bits + 1;
}

void arm_set_q(Lift *l, Val condition)
{
    Val q = get64(l, OFF(q));
    put_state64(l, OFF(q), or64(l, q, zx32_64(l, condition)));
}

/* -- what the block behind a branch knows ------------------------------------------------------------------------------- */

static void know(Lift *l, u32 offset, Val v, Type type)
{
    l->known[offset / 8] = v;
    l->known_type[offset / 8] = (u8)type;
}

void arm_know_flags(Lift *l)
{
    Val a = get32(l, OFF(flag_a));
    know(l, OFF(flag_a), zx32_64(l, a), TYPE_X);
    if (l->mode & ARM_BITS) {
        know(l, OFF(flag_kind), k32(l, FLAG_BITS), TYPE_W);
        return;
    }
    Val b = get32(l, OFF(flag_b));
    know(l, OFF(flag_b), zx32_64(l, b), TYPE_X);
    know(l, OFF(nz), sx32_64(l, sub32(l, a, b)), TYPE_X);
    know(l, OFF(flag_kind), k32(l, FLAG_SUB32), TYPE_W);
}

/* Does the instruction behind this one look at the flags? Conditional ones do, and in T32 conditional branches and IT. */
static bool next_is_conditional(const Lift *l)
{
    const u8 *next = (const u8 *)l->own[OWN_CODE] + (l->next - l->pc);
    u64 need = l->next - l->pc + 4;
    if (l->mode & ARM_IT)
        return true;
    if (l->own[OWN_CODE_SIZE] < need)
        return false;
    if (!is_thumb(l))
        return next[3] >> 4 < CC_AL;
    u32 half = next[0] | (u32)next[1] << 8, second = next[2] | (u32)next[3] << 8;
    bool is_it = half >> 8 == 0xbf && half & 15 && half >> 4 < 0xbfe, is_branch = half >> 12 == 0xd && (half >> 8 & 15) < CC_AL;
    bool is_long_branch = half >> 11 == 0x1e && second >> 14 == 2 && !(second >> 12 & 1) && (half >> 6 & 15) < CC_AL;
    return is_it || is_branch || is_long_branch;
}

u64 arm_flag_hints(Lift *l)
{
    u32 kind;
    if (!next_is_conditional(l))
        return 0;
    if (known_difference(l))
        return ARM_COMPARED;
    return known_kind(l, &kind) && kind == FLAG_BITS ? ARM_BITS : 0;
}

/* DMB, in either instruction set */
static bool next_is_barrier(const Lift *l)
{
    const u8 *next = (const u8 *)l->own[OWN_CODE] + (l->next - l->pc);
    u32 word;
    if (l->own[OWN_CODE_SIZE] < l->next - l->pc + 4)
        return false;
    memcpy(&word, next, 4);
    return is_thumb(l) ? (word & ~0xf0000u) == 0x8f50f3bf : (word & ~15u) == 0xf57ff050;
}

u64 arm_behind(Lift *l)
{
    return arm_next(l) | arm_flag_hints(l) | (next_is_barrier(l) && arm_is_ordered(l) ? ARM_ORDERED : 0);
}

/* -- ends of blocks ---------------------------------------------------------------------------------------------------- */

void arm_sync_it(Lift *l)
{
    if (l->own[OWN_IT])
        put32(l, OFF(it), k32(l, (u32)((l->mode & ARM_IT) >> ARM_IT_SHIFT)));
}

void arm_own_fp(Lift *l)
{
    if (!(l->mode & ARM_STANDARD))
        return;
    Val zero = k64(l, 0);
    ir_emit(l->ir, IR_helper, zero, zero, NO_VAL, HELPER_leave_standard_fp);
    l->mode &= ~ARM_STANDARD;
}

u64 arm_next(const Lift *l)
{
    return (u32)l->next | l->mode;
}

/* MOV LR, PC before a jump, as ARMv4 has it: the jump is a call. */
static bool link_is_next(const Lift *l)
{
    Val v = l->known[OFF_R(14) / 8];
    if (v == NO_VAL || is_thumb(l))
        return false;
    const Op *op = &l->ir->ops[v];
    while (op->code == IR_zx32_64 || op->code == IR_lo32)
        op = &l->ir->ops[op->arg[0]];
    return op->code == IR_addr64 && (u32)op->imm == (u32)l->next;
}

void arm_branch(Lift *l, Val condition, u64 pc)
{
    u64 behind = arm_behind(l);
    arm_retry(l, pc, condition);
    end_branch(l, condition, (u32)pc | lasting_mode(l), behind);
}

void arm_jump(Lift *l, u64 pc)
{
    if (!l->own[OWN_CONDITION] && link_is_next(l)) {
        arm_own_fp(l);
        end_call(l, (u32)pc | lasting_mode(l), arm_next(l));
        return;
    }
    pc = (u32)pc | lasting_mode(l);
    arm_sync_it(l);
    if (l->own[OWN_CONDITION])
        arm_branch(l, (Val)(l->own[OWN_CONDITION] - 1), pc);
    else
        end_jump(l, pc);
}

void arm_jump_to(Lift *l, Val address)
{
    needs_branch(l);
    arm_own_fp(l);
    arm_sync_it(l);
    if (link_is_next(l))
        end_calli(l, arm_target(l, address), arm_next(l));
    else
        end_jumpi(l, arm_target(l, address));
}

void arm_exit(Lift *l, Exit why, u64 pc)
{
    needs_branch(l);
    arm_own_fp(l);
    if (why == EXIT_SYSCALL || why == EXIT_CONTINUE)
        arm_sync_it(l);
    end_exit(l, why, pc);
}
