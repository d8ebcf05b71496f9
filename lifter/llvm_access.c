/* Guest loads and stores whose faults find all of the guest's state, at no cost to speak of where none faults.
 *
 * Such an access is an asm statement that may go to a label (LLVM's callbr): there a stack map lists the state that the
 * Task doesn't have at that point, and a trap ends the region. Nothing goes there but the host's signal handler, which
 * sets the pc when the access has faulted (runtime/signal.c); code that LLVM has put in front of the map runs, and
 * where the map then says that pieces of the state are, they are. A map beside the access instead would be wrong: the
 * register allocator may move values between the two instructions.
 *
 * The asm touches no memory as far as LLVM knows, or it would be ordered with the Task's fields. It is `sideeffect`, so
 * each is done once and in order. An access for which there is no such text (an atomic one, mostly) has all state
 * stored before it.
 *
 * LLVM's C API can't build a callbr: the statement is parsed once for each kind of access, and copied from there. */
#include "llvm_access.h"

#include <assert.h>
#include <llvm-c/IRReader.h>
#include <stdio.h>
#include <string.h>

#include "../include/host.h"

/* Of what the statement reads or writes in a register. */
static const struct {
    char class;
    const char *name;
} type_names[] = {{'w', "i32"}, {'x', "i64"}, {'s', "float"}, {'d', "double"}, {'q', "<16 x i8>"}};

static const char *type_name(char class)
{
    u32 i = 0;
    while (type_names[i].class != class)
        i++;
    return type_names[i].name;
}

#define FORMAT                                                                                                         \
    "define void @access(ptr %%p, %s %%v) {\n"                                                                         \
    "%scallbr %s asm sideeffect \"1:%s\\0A.pushsection " ACCESS_SECTION ",\\22\\22,@progbits\\0A"                      \
    ".long 1b-" REGION_SYMBOL ",${3:l}-" REGION_SYMBOL ",${2:c}\\0A.popsection\", "                                    \
    "\"%s,%s,i,!i\"(ptr elementtype(i8) %%p, %s%s%si32 0) nounwind memory(none) to label %%next [label %%fault]\n"     \
    "next:\nret void\n"                                                                                                \
    "fault:\nunreachable\n}\n"

/* The statement, in a function of a module of its own. In the asm a load's value is $0 and its memory $1, the other way
 * round a store's; $2 is the site's number and $3 the label. */
static LLVMModuleRef parse(Gen *g, const AccessText *a)
{
    const char *type = type_name(a->class);
    char text[1024];
    if (a->stores)
        snprintf(text, sizeof text, FORMAT, type, "", "void", a->text, "=*m", a->constraint, type, " %v", ", ");
    else
        snprintf(text, sizeof text, FORMAT, type, "%r = ", type, a->text, a->constraint, "*m", "", "", "");
    LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(text, strlen(text), "access");
    LLVMModuleRef mod;
    char *message;
    LLVMBool discards = LLVMContextShouldDiscardValueNames(g->ctx);
    LLVMContextSetDiscardValueNames(g->ctx, false); /* the parser insists */
    bool failed = LLVMParseIRInContext(g->ctx, buffer, &mod, &message);
    assert(!failed);
    (void)failed;
    LLVMContextSetDiscardValueNames(g->ctx, discards);
    return mod;
}

bool llvm_access_maps(u16 code)
{
    return code_access_text(code);
}

/* The pieces of state that the Task doesn't have, and where the unit's reader finds out what they are. */
static u32 list_state(Gen *g, LLVMValueRef *args)
{
    u32 n = 0;
    for (u32 i = 0; i < g->ncomps; i++) {
        const Component *c = &g->comps[i];
        for (u32 k = 0; set_has(&g->dirty, i) && k < llvm_pieces(c); k++) {
            u32 offset, bytes;
            args[n++] = llvm_read_piece(g, c, k, &offset, &bytes);
            g->short_of_memory |=
                !unit_add_place(g->out, (FaultPlace){.offset = (u16)(c->offset + offset), .size = (u8)bytes});
        }
    }
    return n;
}

/* Where the access goes if it faults. */
static LLVMBasicBlockRef build_site(Gen *g)
{
    LLVMBasicBlockRef from = LLVMGetInsertBlock(g->b), site = LLVMAppendBasicBlockInContext(g->ctx, g->fn, "");
    LLVMPositionBuilderAtEnd(g->b, site);
    llvm_open_settle_aside(g);
    LLVMValueRef args[2 + STATE_BYTES / 4 + 1] = {LLVMConstInt(g->i64, g->out->unit.nsites, false),
                                                  LLVMConstInt(g->i32, 0, false)};
    u32 first = g->out->unit.nplaces, n = list_state(g, args + 2);
    g->short_of_memory |=
        !unit_add_site(g->out, (FaultSite){.pc = (i32)(g->pc - g->region->pc), .first = first, .end = first + n});
    llvm_intrinsic(g, "llvm.experimental.stackmap", NULL, args, 2 + n);
    LLVMTypeRef none = LLVMFunctionType(g->t_void, NULL, 0, false);
    LLVMValueRef trap = LLVMGetInlineAsm(none, CODE_TRAP_TEXT, strlen(CODE_TRAP_TEXT), "", 0, true, false,
                                         LLVMInlineAsmDialectATT, false);
    LLVMBuildCall2(g->b, none, trap, NULL, 0, "");
    LLVMBuildUnreachable(g->b);
    LLVMPositionBuilderAtEnd(g->b, from);
    return site;
}

LLVMValueRef llvm_access(Gen *g, u16 code, LLVMValueRef pointer, LLVMValueRef v)
{
    static_assert(LEN(g->access) > IR_st128 - IR_ld8, "one for each op");
    const AccessText *a = code_access_text(code);
    LLVMModuleRef *mod = &g->access[code - IR_ld8];
    if (!*mod)
        *mod = parse(g, a);
    LLVMValueRef number = LLVMConstInt(g->i32, g->out->unit.nsites, false);
    LLVMBasicBlockRef site = build_site(g), next = LLVMAppendBasicBlockInContext(g->ctx, g->fn, "");
    LLVMValueRef original = LLVMGetBasicBlockTerminator(LLVMGetEntryBasicBlock(LLVMGetNamedFunction(*mod, "access")));
    LLVMValueRef access = LLVMInstructionClone(original);
    /* Its operands: the arguments, where it goes, the asm. */
    u32 n = 0;
    LLVMSetOperand(access, n++, pointer);
    if (a->stores)
        LLVMSetOperand(access, n++, v);
    LLVMSetOperand(access, n++, number);
    LLVMSetOperand(access, n++, LLVMBasicBlockAsValue(next));
    LLVMSetOperand(access, n++, LLVMBasicBlockAsValue(site));
    LLVMInsertIntoBuilder(g->b, access);
    LLVMPositionBuilderAtEnd(g->b, next);
    return access;
}

void llvm_access_end(Gen *g)
{
    for (u32 i = 0; i < LEN(g->access); i++)
        if (g->access[i])
            LLVMDisposeModule(g->access[i]);
}
