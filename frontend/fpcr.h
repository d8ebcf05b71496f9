/* FPCR and FPSR, and FPSCR that is both: their control fields and cumulative flags are at the same places (Arm ARM C5.2.8 and
 * C5.2.10; DDI 0406C A2.5.3). What of them the host's MXCSR has, and Task.fp_mode the rest of the control. */
#ifndef DRAGOMAN_FRONTEND_FPCR_H
#define DRAGOMAN_FRONTEND_FPCR_H

#include "../include/task.h"

enum { FPCR_EBF = 1 << 13, FPCR_FZ16 = 1 << 19, FPCR_RMODE_SHIFT = 22, FPCR_FZ = 1 << 24, FPCR_DN = 1 << 25, FPCR_AHP = 1 << 26 };
enum { FPSR_IOC = 1, FPSR_DZC = 2, FPSR_OFC = 4, FPSR_UFC = 8, FPSR_IXC = 16, FPSR_IDC = 128, FPSR_QC = 1 << 27 };

/* MXCSR: exception flags 0..5, DAZ 6, masks 7..12, rounding 13..14, FTZ 15. */
enum {
    MX_IE = 1, MX_ZE = 4, MX_OE = 8, MX_UE = 16, MX_PE = 32, MX_FLAGS = 63,
    MX_DAZ = 64, MX_MASKS = 0x1f80, MX_FTZ = 0x8000,
};

static inline u32 fpsr_of_mxcsr(u32 mxcsr)
{
    return (mxcsr & MX_IE ? FPSR_IOC : 0) | (mxcsr & MX_ZE ? FPSR_DZC : 0) | (mxcsr & MX_OE ? FPSR_OFC : 0) |
           (mxcsr & MX_UE ? FPSR_UFC : 0) | (mxcsr & MX_PE ? FPSR_IXC : 0);
}

/* RMode 0..3 is nearest, up, down, zero; the host's is nearest, down, up, zero. */
static inline u32 mxcsr_of_fpcr(u32 fpcr)
{
    static const u16 rounding[] = {0, 0x4000, 0x2000, 0x6000};
    return MX_MASKS | rounding[fpcr >> FPCR_RMODE_SHIFT & 3] | (fpcr & FPCR_FZ ? MX_FTZ | MX_DAZ : 0);
}

static inline u32 fp_mode_of_fpcr(u32 fpcr)
{
    return (fpcr & FPCR_FZ ? FP_FLUSH : 0) | (fpcr & FPCR_DN ? FP_DEFAULT_NAN : 0) |
           (fpcr & FPCR_AHP ? FP_ALT_HALF : 0) | (fpcr & FPCR_FZ16 ? FP_FLUSH_HALF : 0) |
           (fpcr & FPCR_EBF ? FP_EXTENDED_BF16 : 0);
}

#endif
