/* IR -> LLVM IR: the structure of a region's function. Values are in llvm_value.c.
 *
 * A region is one function of type Code (include/host.h). The pinned guest registers are its arguments, SSA values from
 * there to the exits. Outside of loops other guest registers are loaded where a block first reads them and stored at its end; LLVM forwards what it can from block to block. A loop loads
 * what it touches on the way in, keeps it in SSA values (allocas, which SROA promotes), and stores on each way out what
 * may be dirty there: a forward data-flow analysis says which. Had all of a region its registers in SSA values, each
 * entry would have to load whatever some other entry's path makes dirty, and the values would go from the guest's
 * memory to the stack's.
 *
 * Guest memory is reached through `getelementptr i8, ptr null, i64 address`: the address stays an index, which alias
 * analysis understands, and a constant null base is known not to alias the Task, which is a noalias argument. Functions
 * are null_pointer_is_valid, for a guest may well touch page 0 and must get its fault.
 *
 * Edges that close a cycle check Task.attention and carry a single-thread fence: without it a plain load is hoisted out
 * of a spin loop, which then never ends. */
#include "llvm_access.h"

#include <assert.h>
#include <llvm-c/Analysis.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static_assert(offsetof(Link, code) == 0, "exits jump through the first field of a Link");
static_assert(offsetof(JumpEntry, code) == 8 && sizeof(JumpEntry) == 16, "the inline jump-cache lookup");
static_assert(STATE_BYTES % 16 == 0 && offsetof(Task, state) % 16 == 0, "128-bit registers are aligned in the Task");

/* -- small builders ----------------------------------------------------------------------------------------- */

LLVMTypeRef llvm_type(Gen *g, Type t)
{
    return t == TYPE_W ? g->i32 : t == TYPE_X ? g->i64 : t == TYPE_Q ? g->q : g->t_void;
}

static LLVMValueRef const64(Gen *g, u64 v)
{
    return LLVMConstInt(g->i64, v, false);
}

static LLVMValueRef const32(Gen *g, u32 v)
{
    return LLVMConstInt(g->i32, v, false);
}

/* Something that the module doesn't have, which is near enough for 32 bits of distance. */
static LLVMValueRef outside(Gen *g, const char *name, LLVMTypeRef type)
{
    LLVMValueRef v = LLVMGetNamedGlobal(g->mod, name);
    if (!v) {
        v = LLVMAddGlobal(g->mod, type, name);
        LLVMSetVisibility(v, LLVMHiddenVisibility);
    }
    return v;
}

LLVMValueRef llvm_address(Gen *g, const void *p)
{
    char name[32];
    snprintf(name, sizeof name, HOST_SYMBOL "%lx", (u64)p);
    return outside(g, name, g->i8);
}

/* A program's own addresses are constants where it is linked to run; elsewhere they are sums. Symbols for them would be
 * fields of 64 bits and what LLVM folds with them wrong. */
LLVMValueRef llvm_guest_address(Gen *g, u64 address)
{
    if (g->out->unit.fixed)
        return const64(g, address);
    return LLVMBuildAdd(g->b, g->pc_base, const64(g, address - g->region->pc), "");
}

/* The address of the unit's Link number n. */
static LLVMValueRef link_address(Gen *g, u32 n)
{
    LLVMValueRef at = const64(g, unit_link_at(llvm_entries(g->region), n));
    return LLVMConstPtrToInt(LLVMConstGEP2(g->i8, g->blocks, &at, 1), g->i64);
}

LLVMValueRef llvm_intrinsic(Gen *g, const char *name, LLVMTypeRef overload, LLVMValueRef *args, unsigned nargs)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    assert(id);
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(g->mod, id, &overload, overload != NULL);
    return LLVMBuildCall2(g->b, LLVMIntrinsicGetType(g->ctx, id, &overload, overload != NULL), f, args, nargs, "");
}

static void add_attribute(Gen *g, LLVMAttributeIndex where, const char *name, u64 value)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    assert(kind);
    LLVMAddAttributeAtIndex(g->fn, where, LLVMCreateEnumAttribute(g->ctx, kind, value));
}

static LLVMValueRef task_field(Gen *g, size_t offset)
{
    LLVMValueRef index = const64(g, offset);
    return LLVMBuildInBoundsGEP2(g->b, g->i8, g->task, &index, 1, "");
}

static void store_field(Gen *g, size_t offset, LLVMValueRef v)
{
    LLVMBuildStore(g->b, v, task_field(g, offset));
}

static LLVMBasicBlockRef new_bb(Gen *g)
{
    return LLVMAppendBasicBlockInContext(g->ctx, g->fn, "");
}

/* Branches to `rare` if cond, and goes on in a fresh block otherwise. */
static void branch_rarely(Gen *g, LLVMValueRef cond, LLVMBasicBlockRef rare)
{
    LLVMBasicBlockRef next = new_bb(g);
    LLVMValueRef br = LLVMBuildCondBr(g->b, cond, rare, next);
    LLVMSetMetadata(br, g->md_prof, g->rare);
    LLVMPositionBuilderAtEnd(g->b, next);
}

/* -- guest state -------------------------------------------------------------------------------------------- */

static LLVMTypeRef component_type(Gen *g, const Component *c)
{
    return c->bytes == 16 ? g->q : c->bytes == 8 ? g->i64 : g->i32;
}

/* The pieces of a component kept lane by lane: the scalar, and what is above it. */
static u32 piece(Gen *g, const Component *c, u32 i, LLVMTypeRef *type)
{
    LLVMTypeRef types32[] = {LLVMFloatTypeInContext(g->ctx), g->i32, g->i64};
    LLVMTypeRef types64[] = {LLVMDoubleTypeInContext(g->ctx), g->i64};
    static const u32 offset32[] = {0, 4, 8}, offset64[] = {0, 8};
    *type = c->lane == 32 ? types32[i] : types64[i];
    return c->lane == 32 ? offset32[i] : offset64[i];
}

u32 llvm_pieces(const Component *c)
{
    return c->lane == 32 ? 3 : c->lane == 64 ? 2 : 1;
}

/* What the module's readers know a component by. */
static void component_name(Gen *g, const Component *c, char *name, size_t size)
{
    if (c->offset >= STATE_BYTES)
        snprintf(name, size, "executed");
    else
        guest_state_name(g->region->guest, c->offset, name, size);
}

static void new_slots(Gen *g, Component *c)
{
    char name[32];
    component_name(g, c, name, sizeof name);
    for (u32 i = 0; i < llvm_pieces(c); i++) {
        LLVMTypeRef type = component_type(g, c);
        if (c->lane)
            piece(g, c, i, &type);
        c->slot[i] = LLVMBuildAlloca(g->b, type, name);
    }
}

/* A 128-bit value's lane of `bits` bits as `type`, and back into `v`. */
static LLVMValueRef take_lane(Gen *g, LLVMValueRef v, LLVMTypeRef type, u32 bits, u32 n)
{
    v = LLVMBuildBitCast(g->b, v, LLVMVectorType(type, 128 / bits), "");
    return LLVMBuildExtractElement(g->b, v, const32(g, n), "");
}

static LLVMValueRef give_lane(Gen *g, LLVMValueRef v, LLVMValueRef lane, u32 bits, u32 n)
{
    v = LLVMBuildBitCast(g->b, v, LLVMVectorType(LLVMTypeOf(lane), 128 / bits), "");
    return LLVMBuildBitCast(g->b, LLVMBuildInsertElement(g->b, v, lane, const32(g, n), ""), g->q, "");
}

static u32 piece_bits(const Component *c, u32 i)
{
    return c->lane == 64 || i == 2 ? 64 : 32;
}

LLVMValueRef llvm_read_piece(Gen *g, const Component *c, u32 i, u32 *offset, u32 *bytes)
{
    LLVMTypeRef type = component_type(g, c);
    *offset = c->lane ? piece(g, c, i, &type) : 0;
    *bytes = c->lane ? piece_bits(c, i) / 8 : c->bytes;
    return LLVMBuildLoad2(g->b, type, c->slot[i], "");
}

/* A component's variable as one value. */
static LLVMValueRef read_slot(Gen *g, const Component *c)
{
    if (!c->lane)
        return LLVMBuildLoad2(g->b, component_type(g, c), c->slot[0], "");
    LLVMValueRef v = LLVMConstNull(g->q);
    for (u32 i = llvm_pieces(c); i-- > 0;) {
        LLVMTypeRef type;
        u32 offset = piece(g, c, i, &type), bits = piece_bits(c, i);
        v = give_lane(g, v, LLVMBuildLoad2(g->b, type, c->slot[i], ""), bits, offset * 8 / bits);
    }
    return v;
}

static void write_slot(Gen *g, const Component *c, LLVMValueRef v)
{
    if (!c->lane)
        LLVMBuildStore(g->b, v, c->slot[0]);
    for (u32 i = 0; i < llvm_pieces(c) && c->lane; i++) {
        LLVMTypeRef type;
        u32 offset = piece(g, c, i, &type), bits = piece_bits(c, i);
        LLVMBuildStore(g->b, take_lane(g, v, type, bits, offset * 8 / bits), c->slot[i]);
    }
}

void llvm_write_component(Gen *g, u32 component, LLVMValueRef v)
{
    write_slot(g, &g->comps[component], v);
}

static LLVMValueRef state_field(Gen *g, const Component *c)
{
    return task_field(g, offsetof(Task, state) + c->offset);
}

/* Whether floating-point ops must flush denormals: a helper may have changed it. */
static void load_fp_mode(Gen *g)
{
    if (!g->fp_flush)
        return;
    LLVMValueRef mode = LLVMBuildLoad2(g->b, g->i32, task_field(g, offsetof(Task, fp_mode)), "");
    LLVMValueRef flush = LLVMBuildAnd(g->b, mode, const32(g, FP_FLUSH), "");
    LLVMBuildStore(g->b, LLVMBuildICmp(g->b, LLVMIntNE, flush, const32(g, 0), ""), g->fp_flush);
}

/* Ends the block in a jump to code of our convention (include/host.h), with a or b if they aren't NULL. */
static void tail_call(Gen *g, LLVMValueRef code, LLVMValueRef a, LLVMValueRef b)
{
    LLVMValueRef undefined = LLVMGetUndef(g->i64), args[CODE_NPARAMS];
    for (u32 i = 0; i < PINNED; i++)
        args[code_pin[i]] = read_slot(g, &g->comps[g->pin_comp[i]]);
    args[CODE_TASK] = g->task;
    args[CODE_A] = a ? a : undefined;
    args[CODE_B] = b ? b : undefined;
    LLVMValueRef call = LLVMBuildCall2(g->b, g->code_type, code, args, CODE_NPARAMS, "");
    LLVMSetInstructionCallConv(call, CC_PRESERVE_NONE);
    LLVMSetTailCallKind(call, LLVMTailCallKindMustTail);
    LLVMBuildRetVoid(g->b);
}

/* Brings a component into its variable unless it is there. */
static void load_component(Gen *g, u32 c)
{
    if (set_has(&g->valid, c))
        return;
    char name[40];
    component_name(g, &g->comps[c], name, sizeof name - 3);
    strcat(name, ".in");
    LLVMValueRef v = LLVMBuildLoad2(g->b, component_type(g, &g->comps[c]), state_field(g, &g->comps[c]), name);
    write_slot(g, &g->comps[c], v);
    set_add(&g->valid, c);
}

/* On the way into a block from outside of its loop: what the loop touches. */
static void load_loop_state(Gen *g, u32 block)
{
    Set want = g->loop_state[block];
    set_meet(&want, &g->live_in[block]);
    for (u32 c = 0; c < g->ncomps; c++)
        if (set_has(&want, c))
            load_component(g, c);
}

static void store_set(Gen *g, const Set *which)
{
    for (u32 i = 0; i < g->ncomps; i++)
        if (set_has(which, i))
            LLVMBuildStore(g->b, read_slot(g, &g->comps[i]), state_field(g, &g->comps[i]));
}

/* Stores what may be dirty here but the pinned registers, which stay where they are. */
static void store_state(Gen *g)
{
    Set unpinned = g->dirty;
    set_remove(&unpinned, &g->pins);
    store_set(g, &unpinned);
}

/* Makes the state in memory complete as of the current instruction, pc included. */
static void flush_state(Gen *g)
{
    store_set(g, &g->dirty);
    store_field(g, offsetof(Task, pc), llvm_guest_address(g, g->pc));
    g->dirty = (Set){0};
}

/* -- guest memory ------------------------------------------------------------------------------------------- */

static LLVMValueRef guest_pointer(Gen *g, LLVMValueRef address, i64 disp)
{
    LLVMValueRef p = LLVMBuildGEP2(g->b, g->i8, LLVMConstNull(g->ptr), &address, 1, "");
    if (disp) {
        LLVMValueRef index = const64(g, (u64)disp);
        p = LLVMBuildGEP2(g->b, g->i8, p, &index, 1, "");
    }
    return p;
}

static LLVMValueRef zext(Gen *g, LLVMValueRef v, LLVMTypeRef type)
{
    return LLVMTypeOf(v) == type ? v : LLVMBuildZExt(g->b, v, type, "");
}

static LLVMValueRef trunc_to(Gen *g, LLVMValueRef v, LLVMTypeRef type)
{
    return LLVMTypeOf(v) == type ? v : LLVMBuildTrunc(g->b, v, type, "");
}

/* Under `exact`, the host fault handler sees the state as it is before this access, of which there is no map: nothing
 * may move across. */
static void before_access(Gen *g)
{
    if (!g->region->exact)
        return;
    flush_state(g);
    LLVMBuildFence(g->b, LLVMAtomicOrderingSequentiallyConsistent, true, "");
}

static LLVMValueRef load(Gen *g, LLVMTypeRef type, const Op *op)
{
    LLVMValueRef v = LLVMBuildLoad2(g->b, type, guest_pointer(g, g->val[op->arg[0]], op->imm), "");
    LLVMSetAlignment(v, 1);
    /* A load whose value nobody wants is a probe: its fault is what it is for. */
    LLVMSetVolatile(v, g->region->guest->ordered || !op->uses);
    return v;
}

static void store(Gen *g, LLVMValueRef v, const Op *op)
{
    LLVMValueRef s = LLVMBuildStore(g->b, v, guest_pointer(g, g->val[op->arg[0]], op->imm));
    LLVMSetAlignment(s, 1);
    LLVMSetVolatile(s, g->region->guest->ordered);
}

/* The type that a lane travels in between memory and a vector register: a floating-point one keeps it there. */
static LLVMTypeRef lane_type(Gen *g, u32 bits)
{
    if (bits == 64)
        return LLVMDoubleTypeInContext(g->ctx);
    return bits == 32 ? LLVMFloatTypeInContext(g->ctx) : LLVMIntTypeInContext(g->ctx, bits);
}

/* The width of the lane of a vector register that a load or store is about, 0 for others. */
static u32 lane_of(u16 code)
{
    switch (code) {
    case IR_ld8q:
    case IR_st8q:
        return 8;
    case IR_ld16q:
    case IR_st16q:
        return 16;
    case IR_ld32q:
    case IR_st32q:
        return 32;
    case IR_ld64q:
    case IR_st64q:
        return 64;
    default:
        return 0;
    }
}

/* A load or store as the host's instruction, in its place. As far as LLVM knows it touches its operand, which isn't the
 * Task's, and something that nobody sees. */
static LLVMValueRef insn_access(Gen *g, const Op *op)
{
    const AccessText *a = code_access_text(op->code);
    enum : u64 { TOUCHES_UNSEEN = 3 << 2, READS_OPERAND = 1, WRITES_OPERAND = 2 };
    LLVMTypeRef params[] = {g->ptr, g->q};
    LLVMValueRef args[] = {guest_pointer(g, g->val[op->arg[0]], op->imm), a->stores ? g->val[op->arg[1]] : NULL};
    LLVMTypeRef type = LLVMFunctionType(a->stores ? g->t_void : g->q, params, a->stores ? 2 : 1, false);
    const char *constraints = a->stores ? "=*m,x" : "=x,*m";
    LLVMValueRef insn = LLVMGetInlineAsm(type, a->text, strlen(a->text), constraints, strlen(constraints), true, false,
                                         LLVMInlineAsmDialectATT, false);
    LLVMValueRef v = LLVMBuildCall2(g->b, type, insn, args, a->stores ? 2 : 1, "");
    unsigned kind = LLVMGetEnumAttributeKindForName("elementtype", 11), memory = LLVMGetEnumAttributeKindForName("memory", 6);
    LLVMAddCallSiteAttribute(v, 1, LLVMCreateTypeAttribute(g->ctx, kind, g->i8));
    LLVMAddCallSiteAttribute(v, LLVMAttributeFunctionIndex,
                             LLVMCreateEnumAttribute(g->ctx, memory, TOUCHES_UNSEEN | (a->stores ? WRITES_OPERAND : READS_OPERAND)));
    return v;
}

/* A load or store whose fault finds the state by a map. */
static LLVMValueRef mapped_access(Gen *g, const Op *op, u32 lane)
{
    LLVMValueRef p = guest_pointer(g, g->val[op->arg[0]], op->imm);
    LLVMTypeRef type = lane ? lane_type(g, lane) : NULL;
    if (ir_ops[op->code].fx & FX_WRITE) {
        LLVMValueRef v = g->val[op->arg[1]];
        if (lane)
            v = take_lane(g, v, type, lane, 0);
        llvm_access(g, op->code, p, lane && lane < 32 ? zext(g, v, g->i32) : v);
        return NULL;
    }
    LLVMValueRef v = llvm_access(g, op->code, p, NULL);
    if (!lane)
        return v;
    return give_lane(g, LLVMConstNull(g->q), lane < 32 ? trunc_to(g, v, type) : v, lane, 0);
}

/* A load of `bits` bits into the lowest lane of an otherwise zero vector. */
static LLVMValueRef load_lane(Gen *g, u32 bits, const Op *op)
{
    if (g->region->guest->ordered && bits >= 32)
        return insn_access(g, op); /* of a volatile load LLVM doesn't know that it leaves zeros above */
    LLVMValueRef v = load(g, lane_type(g, bits), op);
    LLVMTypeRef vec = LLVMVectorType(LLVMTypeOf(v), 128 / bits);
    v = LLVMBuildInsertElement(g->b, LLVMConstNull(vec), v, const32(g, 0), "");
    return LLVMBuildBitCast(g->b, v, g->q, "");
}

static void store_lane(Gen *g, u32 bits, const Op *op)
{
    LLVMTypeRef vec = LLVMVectorType(lane_type(g, bits), 128 / bits);
    LLVMValueRef v = LLVMBuildBitCast(g->b, g->val[op->arg[1]], vec, "");
    store(g, LLVMBuildExtractElement(g->b, v, const32(g, 0), ""), op);
}

static LLVMValueRef compare_swap(Gen *g, LLVMTypeRef type, const Op *op)
{
    before_access(g);
    LLVMValueRef p = guest_pointer(g, g->val[op->arg[0]], op->imm), want = g->val[op->arg[1]], new = g->val[op->arg[2]];
    Type result = ir_ops[op->code].result;
    if (result == TYPE_Q) {
        want = LLVMBuildBitCast(g->b, want, type, "");
        new = LLVMBuildBitCast(g->b, new, type, "");
    } else {
        want = trunc_to(g, want, type);
        new = trunc_to(g, new, type);
    }
    LLVMValueRef pair = LLVMBuildAtomicCmpXchg(g->b, p, want, new, LLVMAtomicOrderingSequentiallyConsistent,
                                               LLVMAtomicOrderingSequentiallyConsistent, false);
    LLVMValueRef old = LLVMBuildExtractValue(g->b, pair, 0, "");
    return result == TYPE_Q ? LLVMBuildBitCast(g->b, old, g->q, "") : zext(g, old, llvm_type(g, result));
}

static LLVMValueRef atomic(Gen *g, LLVMAtomicRMWBinOp rmw, u32 bits, const Op *op)
{
    before_access(g);
    LLVMTypeRef type = LLVMIntTypeInContext(g->ctx, bits);
    LLVMValueRef v = trunc_to(g, g->val[op->arg[1]], type);
    v = LLVMBuildAtomicRMW(g->b, rmw, guest_pointer(g, g->val[op->arg[0]], op->imm), v,
                           LLVMAtomicOrderingSequentiallyConsistent, false);
    return zext(g, v, llvm_type(g, ir_ops[op->code].result));
}

/* imm is 1 acquire, 2 release, 3 both and store-load. */
static void fence(Gen *g, i64 imm)
{
    static const LLVMAtomicOrdering order[] = {LLVMAtomicOrderingAcquireRelease, LLVMAtomicOrderingAcquire,
                                               LLVMAtomicOrderingRelease, LLVMAtomicOrderingSequentiallyConsistent};
    LLVMBuildFence(g->b, order[imm & 3], false, "");
}

/* A misaligned address leaves the region for good, with the fault's state complete. */
static void check_align(Gen *g, const Op *op)
{
    LLVMValueRef address = g->val[op->arg[0]];
    LLVMValueRef low = LLVMBuildAnd(g->b, address, const64(g, (u64)op->imm - 1), "");
    LLVMBasicBlockRef bad = new_bb(g);
    branch_rarely(g, LLVMBuildICmp(g->b, LLVMIntNE, low, const64(g, 0), ""), bad);
    LLVMBasicBlockRef good = LLVMGetInsertBlock(g->b);

    LLVMPositionBuilderAtEnd(g->b, bad);
    if (op->imm2) {
        LLVMValueRef last = LLVMBuildAnd(g->b, address, const64(g, op->imm2 - 1), "");
        last = LLVMBuildAdd(g->b, last, const64(g, (u64)op->imm), "");
        LLVMValueRef inside = LLVMBuildICmp(g->b, LLVMIntULE, last, const64(g, op->imm2), "");
        bad = new_bb(g);
        LLVMBuildCondBr(g->b, inside, good, bad);
        LLVMPositionBuilderAtEnd(g->b, bad);
    }
    Set dirty = g->dirty;
    flush_state(g);
    g->dirty = dirty;
    LLVMTypeRef params[] = {g->ptr, g->i32, g->i32, g->i64};
    LLVMValueRef args[] = {g->task, const32(g, SIGBUS), const32(g, BUS_ADRALN), address};
    LLVMBuildCall2(g->b, LLVMFunctionType(g->t_void, params, 4, false), llvm_address(g, (const void *)task_raise), args,
                   4, "");
    LLVMBuildUnreachable(g->b);
    LLVMPositionBuilderAtEnd(g->b, good);
}

static LLVMValueRef call_helper(Gen *g, const Op *op)
{
    flush_state(g);
    LLVMTypeRef params[] = {g->ptr, g->i64, g->i64};
    LLVMValueRef args[] = {g->task, g->val[op->arg[0]], g->val[op->arg[1]]};
    const void *helper = (const void *)g->region->guest->helpers[op->imm];
    LLVMValueRef v =
        LLVMBuildCall2(g->b, LLVMFunctionType(g->i64, params, 3, false), llvm_address(g, helper), args, 3, "");
    /* All variables are stale. */
    load_fp_mode(g);
    g->fp_unsure = g->has_fp && !g->region->flushes;
    g->valid = (Set){0};
    for (u32 c = 0; c < g->ncomps; c++)
        if (set_has(&g->loop_state[g->block], c) || set_has(&g->pins, c))
            load_component(g, c);
    return v;
}

/* -- leaving ------------------------------------------------------------------------------------------------ */

/* Leaves for a known guest address outside the region. */
static void exit_direct(Gen *g, u64 target)
{
    store_state(g);
    LLVMValueRef v = link_address(g, flow_exit(g, target));
    LLVMBasicBlockRef from = LLVMGetInsertBlock(g->b);
    LLVMAddIncoming(g->link_phi, &v, &from, 1);
    LLVMBuildBr(g->b, g->link_bb);
}

/* Leaves through the jump cache. Each exit has a jump of its own, which the host predicts by where it is. */
static void exit_indirect(Gen *g, LLVMValueRef pc)
{
    store_state(g);
    LLVMValueRef slot =
        LLVMBuildXor(g->b, LLVMBuildLShr(g->b, pc, const64(g, 2), ""), LLVMBuildLShr(g->b, pc, const64(g, 2 + JUMP_CACHE_BITS), ""), "");
    slot = LLVMBuildAnd(g->b, slot, const64(g, JUMP_CACHE - 1), "");
    LLVMValueRef offset = LLVMBuildShl(g->b, slot, const64(g, 4), "");
    LLVMValueRef cache = LLVMBuildLoad2(g->b, g->ptr, task_field(g, offsetof(Task, jump_cache)), "");
    LLVMValueRef entry = LLVMBuildInBoundsGEP2(g->b, g->i8, cache, &offset, 1, "");
    LLVMValueRef have = LLVMBuildLoad2(g->b, g->i64, entry, "");
    LLVMBasicBlockRef miss = new_bb(g);
    branch_rarely(g, LLVMBuildICmp(g->b, LLVMIntNE, have, pc, ""), miss);
    LLVMValueRef eight = const64(g, 8);
    LLVMValueRef field = LLVMBuildInBoundsGEP2(g->b, g->i8, entry, &eight, 1, "");
    tail_call(g, LLVMBuildLoad2(g->b, g->ptr, field, ""), NULL, NULL);

    LLVMPositionBuilderAtEnd(g->b, miss);
    tail_call(g, llvm_address(g, (const void *)lookup_stub), pc, NULL);
}

/* Code of a few instructions beside the function: `name`.kind or, if there are several, with a number. */
static LLVMValueRef piece_of_code(Gen *g, const char *kind, u32 n)
{
    char name[32];
    snprintf(name, sizeof name, "%s%u", kind, n);
    LLVMValueRef f = LLVMGetNamedFunction(g->mod, name);
    if (!f) {
        f = LLVMAddFunction(g->mod, name, g->code_type);
        LLVMSetVisibility(f, LLVMHiddenVisibility);
    }
    return f;
}

/* Leaves for a function, which comes back to another block or region. */
static void exit_call(Gen *g, LLVMValueRef target)
{
    store_state(g);
    tail_call(g, piece_of_code(g, "call", g->block), target, NULL);
}

/* Leaves for whoever has called. */
static void exit_return(Gen *g, LLVMValueRef target)
{
    store_state(g);
    LLVMBasicBlockRef from = LLVMGetInsertBlock(g->b);
    LLVMAddIncoming(g->return_phi, &target, &from, 1);
    LLVMBuildBr(g->b, g->return_bb);
}

static void build_return_exit(Gen *g)
{
    LLVMPositionBuilderAtEnd(g->b, g->return_bb);
    tail_call(g, piece_of_code(g, "return", 0), g->return_phi, NULL);
}

/* Leaves for the dispatcher if cond; the guest goes on at pc. */
static void leave_if(Gen *g, LLVMValueRef cond, u64 pc)
{
    LLVMBasicBlockRef leave = new_bb(g);
    branch_rarely(g, cond, leave);
    LLVMBasicBlockRef stay = LLVMGetInsertBlock(g->b);

    LLVMPositionBuilderAtEnd(g->b, leave);
    store_state(g);
    store_field(g, offsetof(Task, pc), llvm_guest_address(g, pc));
    tail_call(g, llvm_address(g, (const void *)signal_stub), NULL, NULL);
    LLVMPositionBuilderAtEnd(g->b, stay);
}

static LLVMValueRef load_attention(Gen *g)
{
    LLVMValueRef v = LLVMBuildLoad2(g->b, g->i64, task_field(g, offsetof(Task, attention)), "");
    LLVMSetVolatile(v, true);
    return v;
}

/* ... if Task.attention asks for it. */
static void check_attention(Gen *g, u64 pc)
{
    leave_if(g, LLVMBuildICmp(g->b, LLVMIntEQ, load_attention(g), const64(g, ATTENTION), ""), pc);
}

/* ... or if there is no room for more calls. */
static void check_stack(Gen *g, u64 pc)
{
    LLVMMetadataRef name = LLVMMDStringInContext2(g->ctx, g->host->stack_pointer, strlen(g->host->stack_pointer));
    LLVMValueRef arg = LLVMMetadataAsValue(g->ctx, LLVMMDNodeInContext2(g->ctx, &name, 1));
    LLVMValueRef sp = llvm_intrinsic(g, "llvm.read_register", g->i64, &arg, 1);
    leave_if(g, LLVMBuildICmp(g->b, LLVMIntULT, sp, load_attention(g), ""), pc);
}

/* ... if a helper may just have made this a thread that flushes, which the region isn't made for. */
static void check_fp_mode(Gen *g, u64 pc)
{
    if (!g->fp_unsure)
        return;
    LLVMValueRef mode = LLVMBuildLoad2(g->b, g->i32, task_field(g, offsetof(Task, fp_mode)), "");
    LLVMValueRef flush = LLVMBuildAnd(g->b, mode, const32(g, FP_FLUSH), "");
    leave_if(g, LLVMBuildICmp(g->b, LLVMIntNE, flush, const32(g, 0), ""), pc);
    g->fp_unsure = false;
}

/* Goes on at a guest address; `which` of the terminator's targets it is. */
static void go(Gen *g, u64 target, u32 which)
{
    int to = flow_block_at(g->region, target);
    if (to < 0) {
        exit_direct(g, target);
        return;
    }
    check_fp_mode(g, target);
    if (g->next_copy && (u32)to == g->block) {
        LLVMBuildBr(g->b, g->next_copy);
        return;
    }
    if (!flow_keeps_state(g, g->block, target)) {
        Set live = flow_live_after(g, g->block, target, which);
        set_join(&live, &g->pins);
        set_meet(&g->dirty, &live);
        store_state(g);
        set_meet(&g->dirty, &g->pins);
    }
    if (g->edges[g->block].retreating >> which & 1) {
        /* In this order, so that the check's other way is a jump back and not one to the fence before one. */
        LLVMBuildFence(g->b, LLVMAtomicOrderingSequentiallyConsistent, true, "");
        check_attention(g, target);
    }
    if (!flow_keeps_state(g, g->block, target))
        load_loop_state(g, (u32)to);
    LLVMBuildBr(g->b, g->bb[to]);
}

/* Stores before a branch what both ways would store. */
static void store_common(Gen *g, const Op *op)
{
    if (flow_keeps_state(g, g->block, (u64)op->imm) || flow_keeps_state(g, g->block, op->imm2))
        return;
    Set dirty = g->dirty, yes = flow_live_after(g, g->block, (u64)op->imm, 0),
        no = flow_live_after(g, g->block, op->imm2, 1);
    set_meet(&g->dirty, &yes);
    set_meet(&g->dirty, &no);
    Set stored = g->dirty;
    set_remove(&stored, &g->pins);
    store_state(g);
    set_remove(&dirty, &stored);
    g->dirty = dirty;
}

static void branch(Gen *g, const Op *op)
{
    LLVMValueRef cond = LLVMBuildICmp(g->b, LLVMIntNE, g->val[op->arg[0]], const32(g, 0), "");
    store_common(g, op);
    LLVMBasicBlockRef yes = new_bb(g), no = new_bb(g);
    LLVMBuildCondBr(g->b, cond, yes, no);
    LLVMPositionBuilderAtEnd(g->b, yes);
    Set dirty = g->dirty, valid = g->valid;
    bool fp_unsure = g->fp_unsure;
    go(g, (u64)op->imm, 0);
    g->dirty = dirty;
    g->valid = valid;
    g->fp_unsure = fp_unsure;
    LLVMPositionBuilderAtEnd(g->b, no);
    go(g, op->imm2, 1);
}

/* To where the region's own calls come back to, or elsewhere. */
static void return_(Gen *g, LLVMValueRef target)
{
    const Edges *e = &g->edges[g->block];
    for (u32 k = 0; k < e->n; k++) {
        LLVMBasicBlockRef yes = new_bb(g), no = new_bb(g);
        LLVMBuildCondBr(g->b, LLVMBuildICmp(g->b, LLVMIntEQ, target, llvm_guest_address(g, e->target[k]), ""), yes, no);
        LLVMPositionBuilderAtEnd(g->b, yes);
        Set dirty = g->dirty, valid = g->valid;
        bool fp_unsure = g->fp_unsure;
        go(g, e->target[k], k);
        g->dirty = dirty;
        g->valid = valid;
        g->fp_unsure = fp_unsure;
        LLVMPositionBuilderAtEnd(g->b, no);
    }
    exit_return(g, target);
}

static void exit_to_dispatcher(Gen *g, const Op *op)
{
    store_state(g);
    store_field(g, offsetof(Task, exit), const32(g, (u32)op->imm));
    store_field(g, offsetof(Task, pc), llvm_guest_address(g, op->imm2));
    tail_call(g, llvm_address(g, (const void *)exit_stub), NULL, NULL);
}

/* The one jump through a link that all direct exits share (musttail calls are slow to compile). */
static void build_link_exit(Gen *g)
{
    LLVMPositionBuilderAtEnd(g->b, g->link_bb);
    LLVMValueRef p = LLVMBuildIntToPtr(g->b, g->link_phi, g->ptr, "");
    LLVMValueRef code = LLVMBuildLoad2(g->b, g->ptr, p, "");
    tail_call(g, code, NULL, g->link_phi);
}

/* -- ops ---------------------------------------------------------------------------------------------------- */

static LLVMValueRef sext(Gen *g, LLVMValueRef v, LLVMTypeRef type)
{
    return LLVMBuildSExt(g->b, v, type, "");
}

/* Slots are read and written whole, whatever part an op wants: SROA would split a slot at its parts' borders, and carry
 * two values where there is one. */
static LLVMValueRef get_state(Gen *g, Type type, const Op *op)
{
    const Component *c = &g->comps[g->comp_of[op->imm / 4]];
    load_component(g, (u32)(c - g->comps));
    LLVMTypeRef want = llvm_type(g, type);
    u32 bytes = flow_state_bytes(op->code), offset = (u32)op->imm - c->offset;
    LLVMValueRef v = read_slot(g, c);
    if (bytes == c->bytes)
        return v;
    if (c->bytes == 16) {
        v = LLVMBuildBitCast(g->b, v, LLVMVectorType(want, 16 / bytes), "");
        return LLVMBuildExtractElement(g->b, v, const32(g, offset / bytes), "");
    }
    return LLVMBuildTrunc(g->b, LLVMBuildLShr(g->b, v, const64(g, offset * 8), ""), want, "");
}

/* The component's value with v in the place of a part. */
static LLVMValueRef with_part(Gen *g, const Component *c, LLVMValueRef v, u32 bytes, u32 offset)
{
    LLVMValueRef old = read_slot(g, c);
    if (c->bytes == 16) {
        old = LLVMBuildBitCast(g->b, old, LLVMVectorType(LLVMTypeOf(v), 16 / bytes), "");
        v = LLVMBuildInsertElement(g->b, old, v, const32(g, offset / bytes), "");
        return LLVMBuildBitCast(g->b, v, g->q, "");
    }
    old = LLVMBuildAnd(g->b, old, const64(g, offset ? 0xffffffff : 0xffffffff00000000), "");
    v = LLVMBuildShl(g->b, zext(g, v, g->i64), const64(g, offset * 8), "");
    return LLVMBuildOr(g->b, old, v, "");
}

static void count_executed(Gen *g, const Op *op)
{
    const Component *c = &g->comps[g->executed];
    load_component(g, g->executed);
    write_slot(g, c, LLVMBuildAdd(g->b, read_slot(g, c), const64(g, (u64)op->imm), ""));
    set_add(&g->dirty, g->executed);
}

static void put_state(Gen *g, const Op *op)
{
    const Component *c = &g->comps[g->comp_of[op->imm / 4]];
    u32 bytes = flow_state_bytes(op->code);
    LLVMValueRef v = g->val[op->arg[0]];
    if (bytes != c->bytes) {
        load_component(g, (u32)(c - g->comps));
        v = with_part(g, c, v, bytes, (u32)op->imm - c->offset);
    }
    write_slot(g, c, v);
    if (op->code == IR_put128)
        llvm_open_put(g, (u32)(c - g->comps), op->arg[0]);
    set_add(&g->valid, (u32)(c - g->comps));
    set_add(&g->dirty, (u32)(c - g->comps));
    if (op->code == IR_put32 && op->imm == g->region->guest->off_flag_kind) {
        const Op *def = &g->ir->ops[op->arg[0]];
        g->kind = def->code == IR_const32 ? (int)def->imm : KIND_UNKNOWN;
    }
}

#define ATOMIC(name, rmw)                                                                                              \
    case IR_##name##8:                                                                                                 \
        return atomic(g, rmw, 8, op);                                                                                  \
    case IR_##name##16:                                                                                                \
        return atomic(g, rmw, 16, op);                                                                                 \
    case IR_##name##32:                                                                                                \
        return atomic(g, rmw, 32, op);                                                                                 \
    case IR_##name##64:                                                                                                \
        return atomic(g, rmw, 64, op);

/* One op; the value it defines, or NULL. */
static LLVMValueRef build_op(Gen *g, Val v, const Op *op)
{
    LLVMValueRef b = ir_ops[op->code].nargs > 1 ? g->val[op->arg[1]] : NULL;
    if (g->region->exact && llvm_access_maps(op->code))
        return mapped_access(g, op, lane_of(op->code));
    switch (op->code) {
    case IR_nop:
        return NULL;
    case IR_insn:
        g->pc = (u64)op->imm;
        check_fp_mode(g, g->pc);
        return NULL;
    case IR_count:
        count_executed(g, op);
        return NULL;
    case IR_const32:
        return const32(g, (u32)op->imm);
    case IR_const64:
        return const64(g, (u64)op->imm);
    case IR_addr64:
        return llvm_guest_address(g, (u64)op->imm);
    case IR_get32:
        if (op->imm == g->region->guest->off_flag_kind && g->kind >= 0)
            return const32(g, (u32)g->kind);
        return get_state(g, TYPE_W, op);
    case IR_get64:
        return get_state(g, TYPE_X, op);
    case IR_get128:
        return get_state(g, TYPE_Q, op);
    case IR_put32:
    case IR_put64:
    case IR_put128:
        put_state(g, op);
        return NULL;

    case IR_ld8:
        return zext(g, load(g, g->i8, op), g->i32);
    case IR_ld16:
        return zext(g, load(g, g->i16, op), g->i32);
    case IR_ld32:
        return load(g, g->i32, op);
    case IR_ld64:
        return load(g, g->i64, op);
    case IR_ld8s:
        return sext(g, load(g, g->i8, op), g->i32);
    case IR_ld16s:
        return sext(g, load(g, g->i16, op), g->i32);
    case IR_ld8sx:
        return sext(g, load(g, g->i8, op), g->i64);
    case IR_ld16sx:
        return sext(g, load(g, g->i16, op), g->i64);
    case IR_ld32sx:
        return sext(g, load(g, g->i32, op), g->i64);
    case IR_ld8q:
        return load_lane(g, 8, op);
    case IR_ld16q:
        return load_lane(g, 16, op);
    case IR_ld32q:
        return load_lane(g, 32, op);
    case IR_ld64q:
        return load_lane(g, 64, op);
    case IR_ld128a:
    case IR_st128a:
        return insn_access(g, op);
    case IR_ld128:
        return load(g, g->q, op);
    case IR_st8:
        store(g, LLVMBuildTrunc(g->b, b, g->i8, ""), op);
        return NULL;
    case IR_st16:
        store(g, LLVMBuildTrunc(g->b, b, g->i16, ""), op);
        return NULL;
    case IR_st32:
    case IR_st64:
    case IR_st128:
        store(g, b, op);
        return NULL;
    case IR_st8q:
        store_lane(g, 8, op);
        return NULL;
    case IR_st16q:
        store_lane(g, 16, op);
        return NULL;
    case IR_st32q:
        store_lane(g, 32, op);
        return NULL;
    case IR_st64q:
        store_lane(g, 64, op);
        return NULL;

    case IR_fence:
        fence(g, op->imm);
        return NULL;
    case IR_align:
        check_align(g, op);
        return NULL;
    case IR_cas8:
        return compare_swap(g, g->i8, op);
    case IR_cas16:
        return compare_swap(g, g->i16, op);
    case IR_cas32:
        return compare_swap(g, g->i32, op);
    case IR_cas64:
        return compare_swap(g, g->i64, op);
    case IR_cas128:
        return compare_swap(g, g->i128, op);
        ATOMIC(aswap, LLVMAtomicRMWBinOpXchg)
        ATOMIC(aadd, LLVMAtomicRMWBinOpAdd)
        ATOMIC(aand, LLVMAtomicRMWBinOpAnd)
        ATOMIC(aor, LLVMAtomicRMWBinOpOr)
        ATOMIC(axor, LLVMAtomicRMWBinOpXor)
        ATOMIC(asmax, LLVMAtomicRMWBinOpMax)
        ATOMIC(asmin, LLVMAtomicRMWBinOpMin)
        ATOMIC(aumax, LLVMAtomicRMWBinOpUMax)
        ATOMIC(aumin, LLVMAtomicRMWBinOpUMin)
    case IR_helper:
        g->kind = KIND_UNKNOWN;
        return call_helper(g, op);

    case IR_call:
        if (flow_calls_out(g->region, g->block)) {
            exit_call(g, NULL);
            return NULL;
        }
        [[fallthrough]];
    case IR_jump:
        go(g, (u64)op->imm, 0);
        return NULL;
    case IR_branch:
        branch(g, op);
        return NULL;
    case IR_calli:
        exit_call(g, g->val[op->arg[0]]);
        return NULL;
    case IR_jumpi:
        exit_indirect(g, g->val[op->arg[0]]);
        return NULL;
    case IR_ret:
        return_(g, g->val[op->arg[0]]);
        return NULL;
    case IR_exit:
        exit_to_dispatcher(g, op);
        return NULL;
    default:
        assert(ir_ops[op->code].fx & FX_BODY);
        return llvm_value(g, v, op);
    }
}

/* A small block that loops to itself is built several times in a row: only the last copy looks whether the loop must be
 * left, and what the copies count they count at once. */
static u32 copies(const Gen *g, u32 n)
{
    const Ir *ir = g->region->blocks[n];
    if (ir->ops[ir->count - 1].code != IR_branch || !flow_keeps_state(g, n, ir->pc))
        return 1;
    for (u32 k = 0; k < g->edges[n].n; k++)
        if (g->edges[n].target[k] == ir->pc)
            return ir->insns <= UNROLL_4 ? 4 : ir->insns <= UNROLL_2 ? 2 : 1;
    return 1;
}

static bool build_copy(Gen *g, u32 n)
{
    g->pc = g->ir->pc;
    g->val = calloc(g->ir->count, sizeof *g->val);
    g->nzcv = calloc(g->ir->count, sizeof *g->nzcv);
    bool ok = g->val && g->nzcv;
    g->dirty = g->dirty_in[n];
    g->valid = g->loop_state[n];
    set_join(&g->valid, &g->pins);
    g->fp_unsure = false;
    for (u32 v = 0; ok && v < g->ir->count; v++) {
        llvm_open_before(g, &g->ir->ops[v]);
        g->val[v] = build_op(g, v, &g->ir->ops[v]);
    }
    free(g->val);
    free(g->nzcv);
    return ok;
}

static bool build_block(Gen *g, u32 n)
{
    bool ok = true;
    g->block = n;
    g->ir = g->region->blocks[n];
    g->kind = g->kind_in[n];
    g->next_copy = g->bb[n];
    for (u32 left = copies(g, n); ok && left > 0; left--) {
        LLVMPositionBuilderAtEnd(g->b, g->next_copy);
        g->next_copy = left > 1 ? new_bb(g) : NULL;
        ok = build_copy(g, n);
    }
    return ok;
}

/* -- the function ------------------------------------------------------------------------------------------- */

static void find_types(Gen *g)
{
    g->t_void = LLVMVoidTypeInContext(g->ctx);
    g->i1 = LLVMInt1TypeInContext(g->ctx);
    g->i8 = LLVMInt8TypeInContext(g->ctx);
    g->i16 = LLVMInt16TypeInContext(g->ctx);
    g->i32 = LLVMInt32TypeInContext(g->ctx);
    g->i64 = LLVMInt64TypeInContext(g->ctx);
    g->i128 = LLVMInt128TypeInContext(g->ctx);
    g->ptr = LLVMPointerTypeInContext(g->ctx, 0);
    g->q = LLVMVectorType(g->i8, 16);
    LLVMTypeRef params[CODE_NPARAMS];
    for (u32 i = 0; i < CODE_NPARAMS; i++)
        params[i] = i == CODE_TASK ? g->ptr : g->i64;
    g->code_type = LLVMFunctionType(g->t_void, params, CODE_NPARAMS, false);

    g->md_prof = LLVMGetMDKindIDInContext(g->ctx, "prof", 4);
    LLVMMetadataRef weights[] = {LLVMMDStringInContext2(g->ctx, "branch_weights", 14),
                                 LLVMValueAsMetadata(const32(g, 1)), LLVMValueAsMetadata(const32(g, 1 << 20))};
    g->rare = LLVMMetadataAsValue(g->ctx, LLVMMDNodeInContext2(g->ctx, weights, 3));
}

static void new_function(Gen *g)
{
    g->fn = LLVMAddFunction(g->mod, REGION_SYMBOL, g->code_type);
    g->task = LLVMGetParam(g->fn, CODE_TASK);
    LLVMSetValueName2(g->task, "task", 4);
    LLVMSetFunctionCallConv(g->fn, CC_PRESERVE_NONE);
    add_attribute(g, LLVMAttributeFunctionIndex, "nounwind", 0);
    add_attribute(g, LLVMAttributeFunctionIndex, "null_pointer_is_valid", 0);
    add_attribute(g, CODE_TASK + 1, "noalias", 0);
    add_attribute(g, CODE_TASK + 1, "align", 16);
    add_attribute(g, CODE_TASK + 1, "dereferenceable", sizeof(Task));
}

static bool has_fp(const Region *r)
{
    for (size_t i = 0; i < r->nblocks; i++)
        for (u32 n = 0; n < r->blocks[i]->count; n++)
            if (ir_ops[r->blocks[i]->ops[n].code].task && llvm_fp_has(r->blocks[i]->ops[n].code))
                return true;
    return false;
}

/* The way into a block from outside. */
static void enter(Gen *g, u32 block)
{
    g->dirty = g->valid = g->pins;
    check_stack(g, g->region->blocks[block]->pc);
    load_fp_mode(g);
    load_loop_state(g, block);
    LLVMBuildBr(g->b, g->bb[block]);
}

/* A region with several entries gets the number of one in a. */
static void build_entry_switch(Gen *g)
{
    LLVMBasicBlockRef nowhere = new_bb(g);
    u32 n = (u32)g->region->nentries;
    LLVMValueRef choose = LLVMBuildSwitch(g->b, LLVMGetParam(g->fn, CODE_A), nowhere, n);
    for (u32 i = 0; i < n; i++) {
        LLVMBasicBlockRef way = new_bb(g);
        LLVMAddCase(choose, const64(g, i), way);
        LLVMPositionBuilderAtEnd(g->b, way);
        enter(g, (u32)flow_block_at(g->region, g->region->entries[i]));
    }
    LLVMPositionBuilderAtEnd(g->b, nowhere);
    LLVMBuildUnreachable(g->b);
}

/* An entry in assembly: its number to a's register, then the function. As functions of LLVM's own
 * they would cost more to compile than some regions. */
static void build_thunks(Gen *g)
{
    for (size_t i = 0; i < g->region->nentries && g->region->nentries > 1; i++) {
        char text[256];
        int size = snprintf(text, sizeof text,
                            ".p2align 4\n" ENTRY_SYMBOL "%zu:\nmovl $%zu, %%edx\njmp " REGION_SYMBOL "\n", i, i);
        LLVMAppendModuleInlineAsm(g->mod, text, (size_t)size);
    }
}

/* The code that calls and returns leave through, behind the function. */
static void build_calls(Gen *g)
{
    char text[1024], link[64];
    for (u32 i = 0; i < g->region->nblocks; i++) {
        const Ir *ir = g->region->blocks[i];
        if (!flow_calls_out(g->region, i))
            continue;
        i64 at = (i64)unit_link_at(llvm_entries(g->region), 0) + (i64)(i32)g->call_link[i] * (i64)sizeof(Link);
        snprintf(link, sizeof link, BLOCKS_SYMBOL "+%ld", at);
        int n = snprintf(text, sizeof text, ".text 1\ncall%u:\n", i);
        n += code_call_text(text + n, sizeof text - (size_t)n, link, ir->ops[ir->count - 1].code == IR_calli);
        LLVMAppendModuleInlineAsm(g->mod, text, (size_t)n);
    }
    int n = snprintf(text, sizeof text, ".text 1\nreturn0:\n" CODE_RETURN_TEXT ".text\n");
    LLVMAppendModuleInlineAsm(g->mod, text, (size_t)n);
}

/* The first Block's pc. It is the same as long as the code is there. */
static void load_pc_base(Gen *g)
{
    LLVMValueRef at = const64(g, offsetof(Block, pc));
    g->pc_base = LLVMBuildLoad2(g->b, g->i64, LLVMConstGEP2(g->i8, g->blocks, &at, 1), "pc");
    LLVMSetMetadata(g->pc_base, LLVMGetMDKindIDInContext(g->ctx, "invariant.load", 14),
                    LLVMMetadataAsValue(g->ctx, LLVMMDNodeInContext2(g->ctx, NULL, 0)));
}

static void build_entry(Gen *g)
{
    LLVMBasicBlockRef entry = new_bb(g);
    LLVMPositionBuilderAtEnd(g->b, entry);
    for (u32 i = 0; i < g->ncomps; i++)
        new_slots(g, &g->comps[i]);
    for (u32 i = 0; i < PINNED; i++)
        write_slot(g, &g->comps[g->pin_comp[i]], LLVMGetParam(g->fn, code_pin[i]));
    g->has_fp = has_fp(g->region);
    if (g->has_fp && g->region->flushes)
        g->fp_flush = LLVMBuildAlloca(g->b, g->i1, "");
    for (size_t i = 0; i < g->region->nblocks; i++) {
        char at[32];
        snprintf(at, sizeof at, "at_%llx", (unsigned long long)g->region->blocks[i]->pc);
        g->bb[i] = LLVMAppendBasicBlockInContext(g->ctx, g->fn, at);
    }
    g->link_bb = new_bb(g);
    LLVMPositionBuilderAtEnd(g->b, g->link_bb);
    g->link_phi = LLVMBuildPhi(g->b, g->i64, "");
    g->return_bb = new_bb(g);
    LLVMPositionBuilderAtEnd(g->b, g->return_bb);
    g->return_phi = LLVMBuildPhi(g->b, g->i64, "");

    LLVMPositionBuilderAtEnd(g->b, entry);
    if (!g->out->unit.fixed)
        load_pc_base(g);
    if (g->region->nentries > 1)
        build_entry_switch(g);
    else
        enter(g, 0);
}

static bool build_function(Gen *g)
{
    size_t size = unit_link_at(REGION_BLOCKS, g->out->unit.nlinks);
    g->blocks = outside(g, BLOCKS_SYMBOL, LLVMArrayType2(g->i8, size));
    build_thunks(g);
    build_calls(g);
    new_function(g);
    build_entry(g);
    for (u32 i = 0; i < g->region->nblocks; i++)
        if (!build_block(g, i))
            return false;
    /* A shared exit that nothing uses would have a phi without operands. */
    if (LLVMCountIncoming(g->link_phi))
        build_link_exit(g);
    else
        LLVMDeleteBasicBlock(g->link_bb);
    if (LLVMCountIncoming(g->return_phi))
        build_return_exit(g);
    else
        LLVMDeleteBasicBlock(g->return_bb);
    return true;
}

/* Whether the code is where it was linked to run: that needs no table of relocations, and addresses take few bytes. */
static bool is_fixed(const Region *r)
{
    return r->pc <= UINT32_MAX && !r->guest->address_end;
}

LLVMModuleRef llvm_build(LLVMContextRef ctx, const Region *r, const HostInfo *host, UnitBuffer *out, char *why,
                         size_t size)
{
    assert(r->nblocks && r->nblocks <= REGION_BLOCKS && r->blocks[0]->pc == r->pc);
    Gen g = {.ctx = ctx, .region = r, .host = host, .out = out};
    out->unit.fixed = is_fixed(r);
    size_t n = r->nblocks;
    g.live_in = calloc(n, sizeof *g.live_in);
    g.dirty_in = calloc(n, sizeof *g.dirty_in);
    g.kind_in = calloc(n, sizeof *g.kind_in);
    g.bb = calloc(n, sizeof *g.bb);
    g.is_entry = calloc(n, sizeof *g.is_entry);
    g.mod = LLVMModuleCreateWithNameInContext(REGION_SYMBOL, ctx);
    g.b = LLVMCreateBuilderInContext(ctx);
    /* Before anything else: without a layout, i64 accesses come out with the wrong alignment. */
    LLVMSetTarget(g.mod, host->triple);
    LLVMSetDataLayout(g.mod, host->layout);

    bool ok = g.live_in && g.dirty_in && g.kind_in && g.bb && g.is_entry;
    if (ok) {
        find_types(&g);
        ok = flow_analyse(&g) && build_function(&g) && !g.short_of_memory;
    }
    if (!ok)
        snprintf(why, size, "out of memory");
#ifndef NDEBUG
    char *message = NULL;
    if (ok && LLVMVerifyModule(g.mod, LLVMReturnStatusAction, &message)) {
        snprintf(why, size, "%s", message);
        ok = false;
    }
    LLVMDisposeMessage(message);
#endif
    llvm_access_end(&g);
    LLVMDisposeBuilder(g.b);
    free(g.live_in);
    free(g.dirty_in);
    free(g.kind_in);
    free(g.bb);
    free(g.is_entry);
    if (ok)
        return g.mod;
    LLVMDisposeModule(g.mod);
    return NULL;
}
