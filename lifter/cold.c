/* Calls out of a region's cold paths. A call with the C convention would have the registers of the hot path around it
 * saved and restored by compiled code, which is larger than all the rest and worse for the hot path, too. These keep
 * all registers but the result's, as LLVM's preserve_all says; the function to call is in r10 (a `nest` argument). */
#include "cold.h"

#define EACH_VECTOR(each)                                                                                              \
    each(1) each(2) each(3) each(4) each(5) each(6) each(7) each(8) each(9) each(10) each(11) each(12) each(13)        \
        each(14) each(15)

#define SAVE_SSE(n) "movaps %xmm" #n ", 16*" #n "(%rsp)\n"
#define LOAD_SSE(n) "movaps 16*" #n "(%rsp), %xmm" #n "\n"
#define SAVE_AVX(n) "vmovaps %ymm" #n ", 32*" #n "(%rsp)\n"
#define LOAD_AVX(n) "vmovaps 32*" #n "(%rsp), %ymm" #n "\n"

/* first: what saves and restores vector register 0; rax: what restores that. */
#define COLD(name, size, SAVE, LOAD, before, vector0, rax)                                                             \
    __attribute__((naked)) static void name(void)                                                                      \
    {                                                                                                                  \
        __asm__("push %rbp\n"                                                                                          \
                "mov %rsp, %rbp\n"                                                                                     \
                "push %rax\n push %rcx\n push %rdx\n push %rsi\n push %rdi\n push %r8\n push %r9\n push %r10\n"        \
                "sub $" size "*16, %rsp\n"                                                                             \
                "and $-32, %rsp\n" SAVE(0) EACH_VECTOR(SAVE) before "call *%r10\n" vector0 EACH_VECTOR(                \
                    LOAD) "lea -64(%rbp), %rsp\n"                                                                      \
                          "pop %r10\n pop %r9\n pop %r8\n pop %rdi\n pop %rsi\n pop %rdx\n pop %rcx\n" rax             \
                          "pop %rbp\n"                                                                                 \
                          "ret\n");                                                                                    \
    }
#define DROP "lea 8(%rsp), %rsp\n"
COLD(cold_sse_vector, "16", SAVE_SSE, LOAD_SSE, "", "", "pop %rax\n")
COLD(cold_sse_integer, "16", SAVE_SSE, LOAD_SSE, "", LOAD_SSE(0), DROP)
COLD(cold_avx_vector, "32", SAVE_AVX, LOAD_AVX, "vzeroupper\n", "", "pop %rax\n")
COLD(cold_avx_integer, "32", SAVE_AVX, LOAD_AVX, "vzeroupper\n", LOAD_AVX(0), DROP)

const void *cold_call(bool avx, bool vector)
{
    if (avx)
        return vector ? (const void *)cold_avx_vector : (const void *)cold_avx_integer;
    return vector ? (const void *)cold_sse_vector : (const void *)cold_sse_integer;
}
