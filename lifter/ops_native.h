/* Bodies of the ops of ir_native.def: the instruction. One with an immediate is a function for each value of that, in native.c. */
#ifndef DRAGOMAN_LIFTER_OPS_NATIVE_H
#define DRAGOMAN_LIFTER_OPS_NATIVE_H

#include "../include/base.h"
#include "../include/task.h"

enum { NATIVE_EACH = 32 }; /* bytes of such a function */
typedef V128 NativeImm(V128 a, V128 b);
typedef u64 NativeImmX(V128 a, V128 b);

#define NATIVE1(insn) \
    static inline V128 op_n_##insn(V128 a) \
    { \
        V128 r; \
        __asm__(#insn " %1, %0" : "=x"(r) : "x"(a)); \
        return r; \
    }
#define NATIVE2(insn) \
    static inline V128 op_n_##insn(V128 a, V128 b) \
    { \
        __asm__(#insn " %1, %0" : "+x"(a) : "x"(b)); \
        return a; \
    }
#define NATIVE2V(insn) \
    static inline V128 op_n_##insn(V128 a, V128 b) \
    { \
        __asm__(#insn " %1, %0, %0" : "+x"(a) : "x"(b)); \
        return a; \
    }
#define FNATIVE1(insn) \
    static inline V128 op_n_##insn(Task *t, V128 a) \
    { \
        V128 r; \
        __asm__ volatile(#insn " %1, %0" : "=x"(r) : "x"(a)); \
        return r; \
    }
#define FNATIVE2(insn) \
    static inline V128 op_n_##insn(Task *t, V128 a, V128 b) \
    { \
        __asm__ volatile(#insn " %1, %0" : "+x"(a) : "x"(b)); \
        return a; \
    }
#define FNATIVE3(insn) \
    static inline V128 op_n_##insn(Task *t, V128 a, V128 b, V128 c) \
    { \
        __asm__ volatile(#insn " %2, %1, %0" : "+x"(a) : "x"(b), "x"(c)); \
        return a; \
    }
#define BY_IMM(insn) ((NativeImm *)(native_##insn + NATIVE_EACH * (imm & 255)))
#define NATIVE1I(insn) \
    extern const u8 native_##insn[]; \
    static inline V128 op_n_##insn(V128 a, u64 imm) \
    { \
        return BY_IMM(insn)(a, a); \
    }
#define NATIVE2I(insn) \
    extern const u8 native_##insn[]; \
    static inline V128 op_n_##insn(V128 a, V128 b, u64 imm) \
    { \
        return BY_IMM(insn)(a, b); \
    }
#define FNATIVE1I(insn) \
    extern const u8 native_##insn[]; \
    static inline V128 op_n_##insn(Task *t, V128 a, u64 imm) \
    { \
        return BY_IMM(insn)(a, a); \
    }
#define FNATIVE2I(insn) \
    extern const u8 native_##insn[]; \
    static inline V128 op_n_##insn(Task *t, V128 a, V128 b, u64 imm) \
    { \
        return BY_IMM(insn)(a, b); \
    }
#include "native.def"

extern const u8 native_vcvtps2ph[], native_cmpps[], native_cmppd[], native_cmpss[], native_cmpsd[], native_pcmpistri[], native_pcmpistrm[],
    native_pcmpestri[], native_pcmpestrm[];

static inline V128 op_n_vcvtps2ph(Task *t, V128 a, u64 imm)
{
    return BY_IMM(vcvtps2ph)(a, a);
}

static inline V128 op_n_sha256rnds2(V128 a, V128 b, V128 c)
{
    register V128 k __asm__("xmm0") = c;
    __asm__("sha256rnds2 %%xmm0, %1, %0" : "+x"(a) : "x"(b), "x"(k));
    return a;
}

#define COMPARE(type) \
    static inline V128 op_n_cmp_avx##type(Task *t, V128 a, V128 b, u64 imm) \
    { \
        return BY_IMM(cmp##type)(a, b); \
    }
COMPARE(ps)
COMPARE(pd)
COMPARE(ss)
COMPARE(sd)
#undef COMPARE

#define FLAGS(insn, params, volatile_) \
    static inline u32 op_n_##insn params \
    { \
        u32 r; \
        __asm__ volatile_(#insn " %2, %1\n\tlahf\n\tmovzbl %%ah, %%eax" : "=a"(r) : "x"(a), "x"(b) : "cc"); \
        return r; \
    }
FLAGS(comiss, (Task *t, V128 a, V128 b), volatile)
FLAGS(comisd, (Task *t, V128 a, V128 b), volatile)
FLAGS(ucomiss, (Task *t, V128 a, V128 b), volatile)
FLAGS(ucomisd, (Task *t, V128 a, V128 b), volatile)
FLAGS(ptest, (V128 a, V128 b), )
#undef FLAGS

#define MASK(insn) \
    static inline u32 op_n_##insn(V128 a) \
    { \
        u32 r; \
        __asm__(#insn " %1, %0" : "=r"(r) : "x"(a)); \
        return r; \
    }
MASK(movmskps)
MASK(movmskpd)
MASK(pmovmskb)
#undef MASK

static inline V128 op_n_cvtsi2sd_w(V128 a, u32 b)
{
    __asm__("cvtsi2sdl %1, %0" : "+x"(a) : "r"(b));
    return a;
}

#define OF_INTEGER(name, insn, type) \
    static inline V128 op_n_##name(Task *t, V128 a, type b) \
    { \
        __asm__ volatile(#insn " %1, %0" : "+x"(a) : "r"(b)); \
        return a; \
    }
OF_INTEGER(cvtsi2ss_w, cvtsi2ssl, u32)
OF_INTEGER(cvtsi2ss_x, cvtsi2ssq, u64)
OF_INTEGER(cvtsi2sd_x, cvtsi2sdq, u64)
#undef OF_INTEGER

#define TO_INTEGER(insn) \
    static inline u32 op_n_##insn##_w(Task *t, V128 a) \
    { \
        u32 r; \
        __asm__ volatile(#insn " %1, %0" : "=r"(r) : "x"(a)); \
        return r; \
    } \
    static inline u64 op_n_##insn##_x(Task *t, V128 a) \
    { \
        u64 r; \
        __asm__ volatile(#insn " %1, %0" : "=r"(r) : "x"(a)); \
        return r; \
    }
TO_INTEGER(cvtss2si)
TO_INTEGER(cvtsd2si)
TO_INTEGER(cvttss2si)
TO_INTEGER(cvttsd2si)
#undef TO_INTEGER

static inline u64 op_n_div64(u64 a, u64 b, u64 c)
{
    if (a >= c)
        return 0;
    __asm__("divq %2" : "+a"(b), "+d"(a) : "r"(c) : "cc");
    return b;
}

static inline u64 op_n_pcmpistri(V128 a, V128 b, u64 imm)
{
    return ((NativeImmX *)(native_pcmpistri + NATIVE_EACH * (imm & 255)))(a, b);
}

static inline V128 op_n_pcmpistrm(V128 a, V128 b, u64 imm)
{
    return BY_IMM(pcmpistrm)(a, b);
}

/* The lengths as the instruction has them: the functions are called with them in edi and esi. */
static inline u64 op_n_pcmpestri(V128 a, V128 b, V128 c, u64 imm)
{
    typedef u64 Fn(V128, V128, u64, u64);
    typedef u64 Two __attribute__((vector_size(16)));
    return ((Fn *)(native_pcmpestri + NATIVE_EACH * (imm & 255)))(a, b, ((Two)c)[0], ((Two)c)[1]);
}

static inline V128 op_n_pcmpestrm(V128 a, V128 b, V128 c, u64 imm)
{
    typedef V128 Fn(V128, V128, u64, u64);
    typedef u64 Two __attribute__((vector_size(16)));
    return ((Fn *)(native_pcmpestrm + NATIVE_EACH * (imm & 255)))(a, b, ((Two)c)[0], ((Two)c)[1]);
}
#undef BY_IMM

#endif
