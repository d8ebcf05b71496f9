/* Results of floating-point ops are looked at late. The host's result may be wrong in two ways (see ops_fp.h): as a
 * NaN, and as the least normal number with a flag missing. A wrong NaN is still a NaN, and what arithmetic makes of it
 * is one, too. So the results of a block stay open until somebody reads one who could tell, or the block ends; then
 * those that no open result was made from are looked at together, with the products and quotients that may be least
 * normal numbers, and if there is something wrong, all open ones are done anew by their bodies on a cold path. Flags
 * that they raise for the second time were raised already.
 *
 * Ops that only move an open result (a sign bit, a lane) are open, too, and done anew with it. A put of an open result
 * into the state is repeated afterwards. */
#include <assert.h>

#include "llvm_access.h"
#include "llvm_fp.h"

/* Results that may stay open at an access, on whose way out they are settled (llvm_access.c). */
enum { OPEN_AT_ACCESS = 4 };

static bool is_sign_or_move(u16 code)
{
    switch (code) {
    case IR_fabs32:
    case IR_fabs64:
    case IR_fneg32:
    case IR_fneg64:
    case IR_vfabs32:
    case IR_vfabs64:
    case IR_vfneg32:
    case IR_vfneg64:
    case IR_vlow32:
    case IR_vlow64:
        return true;
    default:
        return false;
    }
}

/* The width of the lanes that an op moves whole; 0 if it isn't such an op. */
static u32 moved_lane(u16 code)
{
    switch (code) {
    case IR_fabs32:
    case IR_fneg32:
    case IR_vfabs32:
    case IR_vfneg32:
    case IR_vlow32:
    case IR_vduplane32:
        return 32;
    case IR_fabs64:
    case IR_fneg64:
    case IR_vfabs64:
    case IR_vfneg64:
    case IR_vlow64:
    case IR_vduplane64:
        return 64;
    default:
        return 0;
    }
}

static OpenResult *find(Gen *g, Val v)
{
    for (u32 i = 0; i < g->nopen; i++)
        if (g->open[i].v == v)
            return &g->open[i];
    return NULL;
}

static OpenResult *any_operand(Gen *g, const Op *op)
{
    OpenResult *o = NULL;
    for (u32 i = 0; i < ir_ops[op->code].nargs && !o; i++)
        o = find(g, op->arg[i]);
    return o;
}

/* -- what must not see an open result ------------------------------------------------------------------------------ */

static bool reads_open(Gen *g, const Op *op)
{
    u32 bits = moved_lane(op->code);
    if (llvm_fp_nan(op->code) != NAN_MATTERS)
        bits = llvm_fp_lane(op->code);
    for (u32 i = 0; i < ir_ops[op->code].nargs; i++) {
        OpenResult *o = find(g, op->arg[i]);
        if (o && o->bits != bits && op->code != IR_put128)
            return true;
    }
    return false;
}

static bool reads_put(const Gen *g, const Op *op)
{
    if (!flow_state_bytes(op->code) || op->code == IR_put128)
        return false;
    for (u32 i = 0; i < g->nopen_puts; i++)
        if (g->open_puts[i].component == g->comp_of[op->imm / 4])
            return true;
    return false;
}

void llvm_open_before(Gen *g, const Op *op)
{
    u16 fx = ir_ops[op->code].fx;
    if (!g->nopen)
        return;
    if (fx & (FX_END | FX_RAISE) || g->nopen == LEN(g->open) || g->nopen_puts == LEN(g->open_puts) ||
        (g->region->exact && fx & (FX_READ | FX_WRITE) && (!llvm_access_maps(op->code) || g->nopen > OPEN_AT_ACCESS)) ||
        reads_put(g, op) || reads_open(g, op))
        llvm_open_settle(g);
}

/* -- opening ------------------------------------------------------------------------------------------------------- */

/* The open result that v is, but for its sign or what is above it. */
static OpenResult *origin(Gen *g, Val v)
{
    OpenResult *o = find(g, v);
    while (o && o->moved && is_sign_or_move(g->ir->ops[o->v].code))
        o = find(g, g->ir->ops[o->v].arg[0]);
    return o;
}

void llvm_open(Gen *g, Val v, const Op *op, u32 bits, bool vector, bool edge)
{
    bool converts = bits != llvm_fp_lane(op->code);
    for (u32 i = 0; i < ir_ops[op->code].nargs; i++) {
        OpenResult *o = origin(g, op->arg[i]);
        if (o && (vector ? !converts : !o->vector))
            o->covered = true;
    }
    assert(g->nopen < LEN(g->open));
    g->open[g->nopen++] = (OpenResult){.v = v, .bits = (u8)bits, .vector = vector, .edge = edge};
}

void llvm_open_moved(Gen *g, Val v, const Op *op)
{
    OpenResult *o = g->nopen && moved_lane(op->code) ? any_operand(g, op) : NULL;
    if (!o)
        return;
    bool scalar = llvm_fp_makes(op->code) || op->code == IR_vlow32 || op->code == IR_vlow64;
    bool vector = o->vector || !scalar;
    g->open[g->nopen++] = (OpenResult){.v = v, .bits = o->bits, .vector = vector, .moved = true};
}

void llvm_open_put(Gen *g, u32 component, Val v)
{
    u32 i = 0;
    while (i < g->nopen_puts && g->open_puts[i].component != component)
        i++;
    if (i < g->nopen_puts)
        g->open_puts[i] = g->open_puts[--g->nopen_puts];
    if (find(g, v))
        g->open_puts[g->nopen_puts++] = (OpenPut){(u16)component, v};
}

/* -- settling ------------------------------------------------------------------------------------------------------ */

/* Scalars side by side in vectors of 16 bytes. The rest are zeros: what is just there might be a signalling NaN, and a
 * comparison with it would raise a flag. Returns how many vectors. */
static u32 pack(Gen *g, const LLVMValueRef *scalar, u32 n, u32 bits, LLVMValueRef *vector)
{
    u32 lanes = 128 / bits;
    for (u32 i = 0; i < n; i++) {
        LLVMValueRef *v = &vector[i / lanes];
        if (i % lanes == 0)
            *v = LLVMConstNull(LLVMVectorType(fp_lane_type(g, bits), lanes));
        *v = LLVMBuildInsertElement(g->b, *v, scalar[i], LLVMConstInt(g->i32, i % lanes, false), "");
    }
    return (n + lanes - 1) / lanes;
}

static LLVMValueRef join(Gen *g, LLVMValueRef a, LLVMValueRef b)
{
    return a ? LLVMBuildOr(g->b, a, b, "") : b;
}

/* Whether one of the results of a width is wrong; NULL if none is looked at. */
static LLVMValueRef wrong_of_width(Gen *g, u32 bits)
{
    LLVMValueRef scalar[LEN(g->open)], vector[2 * LEN(g->open)], wrong = NULL;
    u32 nscalars = 0, nvectors = 0;
    bool edge = false;
    for (u32 i = 0; i < g->nopen; i++) {
        const OpenResult *o = &g->open[i];
        if (o->moved || o->bits != bits || (o->covered && !o->edge))
            continue;
        edge |= o->edge;
        if (o->vector)
            vector[nvectors++] = fp_lanes(g, g->val[o->v], bits);
        else
            scalar[nscalars++] = fp_scalar(g, g->val[o->v], bits);
    }
    if (nscalars == 1 && !nvectors)
        return edge ? fp_is_edge(g, scalar[0], bits) : fp_is_nan(g, scalar[0]);
    if (!edge && !nvectors) { /* one comparison says whether either of two is a NaN */
        for (u32 i = 0; i < nscalars; i += 2) {
            LLVMValueRef other = scalar[i + 1 < nscalars ? i + 1 : i];
            wrong = join(g, wrong, LLVMBuildFCmp(g->b, LLVMRealUNO, scalar[i], other, ""));
        }
        return wrong;
    }
    nvectors += pack(g, scalar, nscalars, bits, vector + nvectors);
    for (u32 i = 0; i < nvectors; i++)
        wrong = join(g, wrong, edge ? fp_is_edge(g, vector[i], bits) : fp_is_nan(g, vector[i]));
    return wrong ? fp_any(g, wrong) : NULL;
}

/* All of them again, in order. */
static void redo(Gen *g, LLVMValueRef *again)
{
    for (u32 i = 0; i < g->nopen; i++) {
        Val v = g->open[i].v;
        const Op *op = &g->ir->ops[v];
        LLVMValueRef arg[3] = {0};
        for (u32 k = 0; k < ir_ops[op->code].nargs; k++) {
            OpenResult *o = find(g, op->arg[k]);
            arg[k] = o ? again[o - g->open] : g->val[op->arg[k]];
        }
        again[i] = g->open[i].moved ? llvm_op_value(g, v, op, arg) : fp_cold_body(g, op, arg);
    }
}

void llvm_open_settle(Gen *g)
{
    LLVMValueRef wrong32 = wrong_of_width(g, 32), wrong64 = wrong_of_width(g, 64), again[LEN(g->open)];
    LLVMBasicBlockRef way[2] = {LLVMGetInsertBlock(g->b), fp_new_bb(g)}, done = fp_new_bb(g);
    LLVMValueRef value[LEN(g->open)][2];
    for (u32 i = 0; i < g->nopen; i++)
        value[i][0] = g->open[i].vector ? g->val[g->open[i].v] : fp_scalar(g, g->val[g->open[i].v], g->open[i].bits);
    fp_rare_branch(g,
                   wrong32 && wrong64 ? LLVMBuildOr(g->b, wrong32, wrong64, "")
                   : wrong32          ? wrong32
                                      : wrong64,
                   way[1], done);

    LLVMPositionBuilderAtEnd(g->b, way[1]);
    redo(g, again);
    for (u32 i = 0; i < g->nopen; i++)
        value[i][1] = g->open[i].vector ? again[i] : fp_scalar(g, again[i], g->open[i].bits);
    LLVMBuildBr(g->b, done);

    LLVMPositionBuilderAtEnd(g->b, done);
    LLVMValueRef phi[LEN(g->open)];
    for (u32 i = 0; i < g->nopen; i++) {
        phi[i] = LLVMBuildPhi(g->b, LLVMTypeOf(value[i][0]), "");
        LLVMAddIncoming(phi[i], value[i], way, 2);
    }
    for (u32 i = 0; i < g->nopen; i++)
        g->val[g->open[i].v] = g->open[i].vector ? phi[i] : fp_from_scalar(g, phi[i]);
    g->nopen = 0;
    for (u32 i = 0; i < g->nopen_puts; i++)
        llvm_write_component(g, g->open_puts[i].component, g->val[g->open_puts[i].v]);
    g->nopen_puts = 0;
}

void llvm_open_settle_aside(Gen *g)
{
    u32 n = g->nopen, nputs = g->nopen_puts;
    LLVMValueRef val[LEN(g->open)];
    for (u32 i = 0; i < n; i++)
        val[i] = g->val[g->open[i].v];
    if (n)
        llvm_open_settle(g);
    for (u32 i = 0; i < n; i++)
        g->val[g->open[i].v] = val[i];
    g->nopen = n;
    g->nopen_puts = nputs;
}
