/* Accesses of regions whose faults find the guest's state by a map (lifter/llvm_access.c): their text, and reading the
 * map. */
#include <cpuid.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>

#include "../../../include/host.h"
#include "../../../include/ir.h"
#include "../../../include/task.h"
#include "../../../include/translate.h"

#define LOAD(insn, constraint, class) {insn " $1, $0", "=" constraint, class, false}
#define STORE(insn, constraint, class) {insn ", $0", constraint, class, true}

static const AccessText texts[] = {
    [IR_ld8] = LOAD("movzbl", "r", 'w'),        [IR_ld16] = LOAD("movzwl", "r", 'w'),
    [IR_ld32] = LOAD("movl", "r", 'w'),         [IR_ld64] = LOAD("movq", "r", 'x'),
    [IR_ld8s] = LOAD("movsbl", "r", 'w'),       [IR_ld16s] = LOAD("movswl", "r", 'w'),
    [IR_ld8sx] = LOAD("movsbq", "r", 'x'),      [IR_ld16sx] = LOAD("movswq", "r", 'x'),
    [IR_ld32sx] = LOAD("movslq", "r", 'x'),     [IR_ld8q] = LOAD("movzbl", "r", 'w'),
    [IR_ld16q] = LOAD("movzwl", "r", 'w'),      [IR_ld32q] = LOAD("movss", "x", 's'),
    [IR_ld64q] = LOAD("movsd", "x", 'd'),       [IR_ld128a] = LOAD("movaps", "x", 'q'),
    [IR_ld128] = LOAD("movups", "x", 'q'),
    [IR_st8] = STORE("movb ${1:b}", "r", 'w'),  [IR_st16] = STORE("movw ${1:w}", "r", 'w'),
    [IR_st32] = STORE("movl $1", "ri", 'w'),    [IR_st64] = STORE("movq $1", "re", 'x'),
    [IR_st8q] = STORE("movb ${1:b}", "r", 'w'), [IR_st16q] = STORE("movw ${1:w}", "r", 'w'),
    [IR_st32q] = STORE("movss $1", "x", 's'),   [IR_st64q] = STORE("movsd $1", "x", 'd'),
    [IR_st128a] = STORE("movaps $1", "x", 'q'), [IR_st128] = STORE("movups $1", "x", 'q'),
};

const AccessText *code_access_text(u16 op)
{
    return op < LEN(texts) && texts[op].text ? &texts[op] : NULL;
}

/* -- reading a map ------------------------------------------------------------------------------------------------- */

/* By their numbers in DWARF (System V ABI for AMD64, figure 3.36). */
static u64 general_register(const ucontext_t *uc, u32 n)
{
    static const u8 index[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP,
                               REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return (u64)uc->uc_mcontext.gregs[index[n]];
}

enum { DWARF_XMM0 = 17, DWARF_XMM15 = 32, DWARF_XMM16 = 67, DWARF_XMM31 = 82 };

/* Registers 16 to 31 are one of XSAVE's components, where CPUID says (Intel SDM volume 1, 13.4 and 13.5). */
static const void *vector_register(const ucontext_t *uc, u32 n)
{
    enum { HI16_ZMM = 7 };
    if (n <= DWARF_XMM15)
        return &uc->uc_mcontext.fpregs->_xmm[n - DWARF_XMM0];
    u32 size, offset, c, d;
    __cpuid_count(13, HI16_ZMM, size, offset, c, d);
    return (const u8 *)uc->uc_mcontext.fpregs + offset + (n - DWARF_XMM16) * 64;
}

bool code_can_hold(u32 dwarf)
{
    return dwarf <= DWARF_XMM15 ? dwarf != 16 : dwarf >= DWARF_XMM16 && dwarf <= DWARF_XMM31;
}

static void recover_piece(Task *t, const ucontext_t *uc, const FaultPlace *p)
{
    u8 *to = t->state + p->offset;
    u64 v;
    switch ((PlaceKind)p->kind) {
    case PLACE_CONSTANT:
        v = (u64)(i64)p->at;
        memcpy(to, &v, p->size);
        break;
    case PLACE_STACK:
        memcpy(to, (const u8 *)(general_register(uc, p->reg) + (u64)(i64)p->at), p->size);
        break;
    case PLACE_REGISTER:
        v = p->reg < DWARF_XMM0 ? general_register(uc, p->reg) : 0;
        memcpy(to, p->reg < DWARF_XMM0 ? (const void *)&v : vector_register(uc, p->reg), p->size);
        break;
    }
}

const FaultSite *code_site_at(const FaultMap *m, u64 host)
{
    for (u32 i = 0; m && i < m->nsites; i++)
        if ((u64)m->code + m->sites[i].access == host)
            return &m->sites[i];
    return NULL;
}

bool code_at_trap(const FaultMap *m, const FaultSite *site, u64 host)
{
    return site && (u64)m->code + site->trap == host;
}

bool code_recover(Task *t, void *ucontext, const FaultMap *m, const FaultSite *site)
{
    ucontext_t *uc = ucontext;
    greg_t *rip = &uc->uc_mcontext.gregs[REG_RIP];
    if (site->way != site->trap && !code_at_trap(m, site, (u64)*rip)) {
        *rip = (greg_t)((u64)m->code + site->way);
        return false;
    }
    for (u32 i = site->first; i < site->end; i++)
        recover_piece(t, uc, &m->places[i]);
    return true;
}
