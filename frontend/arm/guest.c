/* const Guest guest_arm: registers, helpers, lifting one instruction.
 *
 * What is odd about 32-bit Arm: two instruction sets, the pc's bit 0 says which; nearly every instruction is
 * conditional (cond.c); in T32 by an IT instruction before it, whose state is part of what a block is known by; the pc
 * is register 15; the SIMD registers overlap each other; Advanced SIMD flushes denormals and makes default NaNs
 * whatever FPSCR says. */
#include <elf.h>
#include <string.h>
#include <xmmintrin.h>

#include "../../include/translate.h"
#include "../../lifter/ops_int.h"
#include "arm.h"
#include "features.h"

/* -- flags ------------------------------------------------------------------------------------------------------------
 */

u32 arm_nzcv(const ArmState *s)
{
    u32 cv = op_nzcv(s->flag_kind & (ARM_CARRY - 1), s->flag_a, s->flag_b) & 0x30000000;
    if (s->flag_kind & ARM_CARRY)
        cv = (cv & 0x10000000) | (u32)s->carry << 29;
    return (u32)(s->nz >> 32 & 0x80000000) | ((u32)s->nz ? 0 : 0x40000000) | cv;
}

void arm_set_nzcv(ArmState *s, u32 nzcv)
{
    s->flag_kind = FLAG_BITS;
    s->flag_a = nzcv & 0xf0000000;
    s->nz = (u64)(nzcv >> 31) << 63 | !(nzcv >> 30 & 1);
}

/* GE's four bits and the mask of bytes that they are kept as. */
static u32 ge_bits(u64 mask)
{
    return ((u32)mask & 0x01010101) * 0x10204080 >> 28;
}

static u64 ge_mask(u32 bits)
{
    u32 mask = 0;
    for (u32 n = 0; n < 4; n++)
        mask |= bits >> n & 1 ? 0xffu << 8 * n : 0;
    return mask;
}

u32 arm_cpsr(const ArmState *s, u64 pc)
{
    u32 it = (u32)(pc & ARM_HOLDS ? pc >> ARM_IT_SHIFT & 0xff : s->it);
    return arm_nzcv(s) | (s->q ? ARM_CPSR_Q : 0) | (it & 3) << 25 | ge_bits(s->ge) << ARM_CPSR_GE_SHIFT |
           (it >> 2) << 10 | (s->endian ? ARM_CPSR_E : 0) | (pc & ARM_THUMB ? ARM_CPSR_T : 0) | ARM_CPSR_USER;
}

u64 arm_set_cpsr(ArmState *s, u32 cpsr)
{
    bool thumb = cpsr & ARM_CPSR_T;
    arm_set_nzcv(s, cpsr);
    s->q = !!(cpsr & ARM_CPSR_Q);
    s->ge = ge_mask(cpsr >> ARM_CPSR_GE_SHIFT & 15);
    s->it = thumb ? (cpsr >> 25 & 3) | (cpsr >> 10 & 63) << 2 : 0;
    s->endian = !!(cpsr & ARM_CPSR_E);
    return (thumb ? ARM_THUMB : 0) | s->it << ARM_IT_SHIFT | s->endian << ARM_BIG_SHIFT;
}

/* -- floating-point status and control -------------------------------------------------------------------------------
 */

enum : u32 {
    FPSCR_CONTROL = FPCR_AHP | FPCR_DN | FPCR_FZ | 3u << FPCR_RMODE_SHIFT | FPCR_FZ16,
    FPSCR_SEEN = FPSCR_CONTROL | FPSCR_VECTOR | 0x9f,
};

u32 arm_fpscr(Task *t)
{
    ArmState *s = arm_state(t);
    s->fpscr |= fpsr_of_mxcsr(t->fp_status) | (t->fp_status & FP_DENORMAL ? FPSR_IDC : 0);
    t->fp_status = 0;
    return (u32)s->fpscr | (u32)s->fp_nzcv | fpsr_of_mxcsr(_mm_getcsr()) | (t->saturated ? FPSR_QC : 0);
}

static void set_fp_mode(Task *t, u32 fpscr)
{
    t->fp_mode = fp_mode_of_fpcr(fpscr);
    if (t->fp_mode & FP_FLUSH)
        code_flushes_denormals();
    _mm_setcsr(mxcsr_of_fpcr(fpscr) | (_mm_getcsr() & MX_FLAGS));
}

void arm_set_fpscr(Task *t, u32 fpscr)
{
    ArmState *s = arm_state(t);
    t->fp_status = 0;
    _mm_setcsr(_mm_getcsr() & ~MX_FLAGS);
    s->fpscr = fpscr & FPSCR_SEEN;
    s->fp_nzcv = fpscr & FPSCR_NZCV;
    t->saturated = !!(fpscr & FPSR_QC);
    set_fp_mode(t, fpscr);
}

void arm_enter_thread(Task *t)
{
    ArmState *s = arm_state(t);
    s->nowhere = (u64)s->unused;
    _mm_setcsr(MX_MASKS);
    set_fp_mode(t, (u32)s->fpscr);
}

/* -- helpers ----------------------------------------------------------------------------------------------------------
 */

static u64 arm_helper_get_fpscr(Task *t, u64 a, u64 b)
{
    return arm_fpscr(t);
}

static u64 arm_helper_set_fpscr(Task *t, u64 fpscr, u64 b)
{
    arm_set_fpscr(t, (u32)fpscr);
    return 0;
}

/* Around arithmetic of Advanced SIMD, whose control is the "standard FPSCR value": A2.7.3. */
static u64 arm_helper_set_standard_fp(Task *t, u64 a, u64 b)
{
    set_fp_mode(t, (u32)(arm_state(t)->fpscr & (FPCR_AHP | FPCR_FZ16)) | FPCR_DN | FPCR_FZ);
    return 0;
}

static u64 arm_helper_leave_standard_fp(Task *t, u64 a, u64 b)
{
    set_fp_mode(t, (u32)arm_state(t)->fpscr);
    return 0;
}

void arm_leave_standard_fp(Task *t)
{
    set_fp_mode(t, (u32)arm_state(t)->fpscr);
    t->pc &= ~ARM_STANDARD;
}

#define HELPER_ROW(name) arm_helper_##name,
static GuestHelper *const helpers[] = {ARM_HELPERS(HELPER_ROW)};
#undef HELPER_ROW

/* -- the guest --------------------------------------------------------------------------------------------------------
 */

static const GuestReg regs[] = {
#define REG(name, field, type) {name, offsetof(ArmState, field), TYPE_##type},
#include "regs.def"
};

#define LIFT_ROW(name) [INSN_##name] = arm_lift_##name,
static void (*const lift_row[])(Lift *l, const Insn *i) = {INSNS(LIFT_ROW)};
#undef LIFT_ROW

/* Decodes the instruction at l->pc and sets l->next; its condition, too. False if there is none. */
static bool decode(Lift *l, const u8 *bytes, size_t size, Insn *i, u32 *cond)
{
    u32 word = 0;
    u16 half[2] = {0};
    *cond = CC_AL;
    if (!is_thumb(l)) {
        l->pc &= ~3ull;
        l->next = l->pc + 4;
        memcpy(&word, bytes, size < 4 ? size : 4);
        if (word >> 28 != 15)
            *cond = word >> 28;
        return size >= 4 && arm_decode_a32(word, i);
    }
    memcpy(half, bytes, size < 4 ? size & ~1u : 4);
    if (l->mode & ARM_IT)
        *cond = l->mode >> (ARM_IT_SHIFT + 4) & 15;
    bool is_long = half[0] >> 11 >= 0x1d;
    l->next = l->pc + (is_long ? 4 : 2);
    if (!is_long)
        return size >= 2 && arm_decode_t16(half[0], i);
    if (size < 4) /* goes on in the next page, which isn't looked at here */
        l->next = l->pc + 2;
    return size >= 4 && arm_decode_t32((u32)half[0] << 16 | half[1], i);
}

/* ITAdvance, A2.5.2 */
static u64 it_advanced(u64 it)
{
    return it & 7 ? (it & 0xe0) | (it << 1 & 0x1f) : 0;
}

/* Do the ops from `mark` on depend on the floating-point control? */
static bool uses_fp(const Ir *ir, u32 mark)
{
    for (; mark < ir->count; mark++)
        if (ir->ops[mark].code == IR_helper || ir_ops[ir->ops[mark].code].fx & FX_FP)
            return true;
    return false;
}

/* With the floating-point control that the instruction wants. */
static void lift_whole(Lift *l, const Insn *i)
{
    l->own[OWN_STANDARD] = false;
    if (!(l->mode & ARM_STANDARD)) {
        lift_row[i->op](l, i);
        return;
    }
    Lift before = *l;
    u32 mark = l->ir->count;
    lift_row[i->op](l, i);
    if (l->own[OWN_STANDARD] || !uses_fp(l->ir, mark))
        return;
    *l = before;
    l->ir->count = mark;
    arm_own_fp(l);
    lift_row[i->op](l, i);
}

static void lift(Lift *l, const u8 *bytes, size_t size)
{
    static const Insn none;
    Insn insn = none;
    u32 cond;
    bool known = decode(l, bytes, size, &insn, &cond);
    u64 it = (l->mode & ARM_IT) >> ARM_IT_SHIFT, here = l->mode;
    bool holds = l->mode & ARM_HOLDS;
    if (l->mode & (ARM_COMPARED | ARM_BITS))
        arm_know_flags(l);
    l->mode = (l->mode & ARM_THUMB) | lasting_mode(l) | it_advanced(it) << ARM_IT_SHIFT;
    l->own[OWN_CODE] = (u64)bytes;
    l->own[OWN_CODE_SIZE] = size;
    l->own[OWN_IT] = it != 0;
    if (!known) {
        undefined(l);
        return;
    }
    if (it && holds) /* the branch here came with what is behind */
        put32(l, OFF(it), k32(l, (u32)it));
    l->own[OWN_CONDITION] = l->own[OWN_BRANCH] = 0;
    if (cond < CC_AL && !holds) {
        Val holds_now = arm_cond(l, (Cond)cond);
        Lift before = *l;
        u32 mark = l->ir->count;
        l->own[OWN_CONDITION] = holds_now + 1;
        lift_whole(l, &insn);
        if (l->own[OWN_BRANCH] || l->unimplemented) {
            *l = before;
            l->ir->count = mark;
            arm_sync_it(l);
            u64 hints = arm_flag_hints(l);
            end_branch(l, holds_now, (u32)l->pc | (here & (ARM_THUMB | ARM_IT | ARM_STANDARD | ARM_BIG)) | ARM_HOLDS | hints,
                       arm_next(l) | hints);
        }
        l->own[OWN_CONDITION] = 0;
    } else {
        lift_whole(l, &insn);
    }
    if (l->unimplemented)
        return;
    if (!l->ended)
        arm_sync_it(l);
    if (!l->ended && holds)
        end_jump(l, arm_behind(l));
}

static void reset(Task *t, u64 entry, u64 sp)
{
    *arm_state(t) = (ArmState){.r[13] = sp, .nz = 1, .excl_addr = ARM_NO_EXCL};
    t->pc = entry;
    t->saturated = t->fp_status = 0;
    arm_enter_thread(t);
}

static bool cpu_detail(const char *name, size_t n, const char *value)
{
    return false;
}

const Guest guest_arm = {
    .name = "arm",
    .choose_cpu = arm_choose_cpu,
    .list_cpus = arm_list_cpus,
    .cpu_detail = cpu_detail,
    .elf_machine = EM_ARM,
    .elf_class = ELFCLASS32,
    .insn_align = 2,
    .code_mask = ARM_CODE_MASK,
    .hint_mask = ARM_COMPARED | ARM_BITS | ARM_ORDERED,
    .address_end = 0xffff1000, /* a kernel of 64 bits leaves it all but the last page: TASK_SIZE_32 */
    .llvm_triple = "armv8a-linux-gnueabihf",
    .llvm_triple_odd = "thumbv8a-linux-gnueabihf",
    .llvm_features = "+v8.6a,+neon,+crypto,+crc,+fullfp16,+fp16fml",
    .regs = regs,
    .nregs = LEN(regs),
    .off_flag_kind = OFF(flag_kind),
    .off_flag_a = OFF(flag_a),
    .off_flag_b = OFF(flag_b),
    .off_sp = OFF_R(13),
    .pinned = {OFF_R(0), OFF_R(1), OFF_R(13), OFF_R(2), OFF_R(3), OFF_R(4), OFF_R(5), OFF_R(6)},
    .helpers = helpers,
    .nhelpers = LEN(helpers),
    .lift = lift,
    .reset = reset,
    .debug = &debug_arm,
};
