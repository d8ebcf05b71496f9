/* Instructions with an immediate byte: a function of NATIVE_EACH bytes for each value, with operands in xmm0 and xmm1 and the result in
 * xmm0, or in rax. */
#include "ops_native.h"

#define EACH(name, ...) \
    __asm__(".text\n.balign 32\n.globl native_" #name "\nnative_" #name ":\n.set imm, 0\n.rept 256\n.balign 32\n" __VA_ARGS__ \
            "\nret\n.set imm, imm + 1\n.endr\n");
#define NATIVE1(insn)
#define NATIVE2(insn)
#define NATIVE2V(insn)
#define FNATIVE1(insn)
#define FNATIVE2(insn)
#define FNATIVE3(insn)
#define NATIVE1I(insn) EACH(insn, #insn " $imm, %xmm0, %xmm0")
#define NATIVE2I(insn) EACH(insn, #insn " $imm, %xmm1, %xmm0")
#define FNATIVE1I(insn) NATIVE1I(insn)
#define FNATIVE2I(insn) NATIVE2I(insn)
#include "native.def"
EACH(vcvtps2ph, "vcvtps2ph $imm, %xmm0, %xmm0")
EACH(cmpps, "vcmpps $imm & 31, %xmm1, %xmm0, %xmm0")
EACH(cmppd, "vcmppd $imm & 31, %xmm1, %xmm0, %xmm0")
EACH(cmpss, "vcmpss $imm & 31, %xmm1, %xmm0, %xmm0")
EACH(cmpsd, "vcmpsd $imm & 31, %xmm1, %xmm0, %xmm0")
/* The flags as LAHF and SETO have them: PUSHF takes several times the time. */
#define FLAGS_AND_INDEX "lahf\nseto %al\nmovzwl %ax, %eax\nshlq $32, %rax\norq %rcx, %rax"
EACH(pcmpistri, "pcmpistri $imm, %xmm1, %xmm0\n" FLAGS_AND_INDEX)
EACH(pcmpistrm, "pcmpistrm $imm, %xmm1, %xmm0")
EACH(pcmpestri, "movl %edi, %eax\nmovl %esi, %edx\npcmpestri $imm, %xmm1, %xmm0\n" FLAGS_AND_INDEX)
EACH(pcmpestrm, "movl %edi, %eax\nmovl %esi, %edx\npcmpestrm $imm, %xmm1, %xmm0")
