/* FLAGS: -mno-red-zone */
/* Segment registers: which selectors they take, and what is known of those; far returns; memory below 2 GiB. */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

static sigjmp_buf back;

static void handler(int signo)
{
    siglongjmp(back, signo);
}

#define LOAD(segment, selector) \
    do { \
        unsigned short now; \
        int signo = sigsetjmp(back, 1); \
        if (!signo) \
            __asm__ volatile("mov %0, %%" #segment : : "r"(selector)); \
        __asm__ volatile("mov %%" #segment ", %0" : "=r"(now)); \
        printf(#segment " %x: signal %d, %x\n", (unsigned)(selector), signo, now); \
    } while (0)

static void describe(unsigned long selector)
{
    unsigned long access = 0x1111, limit = 0x2222;
    unsigned char a, l, r, w;
    __asm__("lar %2, %0; setz %1" : "+&r"(access), "=&q"(a) : "r"(selector));
    __asm__("lsl %2, %0; setz %1" : "+&r"(limit), "=&q"(l) : "r"(selector));
    __asm__("verr %w1; setz %0" : "=q"(r) : "r"(selector));
    __asm__("verw %w1; setz %0" : "=q"(w) : "r"(selector));
    printf("%lx: %d %lx %d %lx %d %d\n", selector, a, access, l, (selector | 3) == 0x7b ? 0 : limit, r, w);
}

int main(void)
{
    static const int selectors[] = {0, 3, 0x23, 0x28, 0x2b, 0x33, 0x10, 7};
    unsigned long flags;
    setvbuf(stdout, NULL, _IONBF, 0);
    signal(SIGSEGV, handler);
    for (unsigned n = 0; n < sizeof selectors / sizeof *selectors; n++) {
        LOAD(ds, selectors[n]);
        LOAD(es, selectors[n]);
        LOAD(gs, selectors[n]);
        LOAD(ss, selectors[n] ? selectors[n] : 0x2b);
    }
    LOAD(ds, 0);
    for (unsigned long s = 0; s < 0x90; s++)
        if (!(s & 4) && (s & 3) != 2)
            describe(s);
    __asm__ volatile("push $0x33; lea 1f(%%rip), %%rax; push %%rax; lretq; 1: pushfq; pop %0" : "=r"(flags) : : "rax", "memory");
    __asm__ volatile("mov %%rsp, %%rax; mov %%ss, %%ecx; push %%rcx; push %%rax; push $0x8d7; push $0x33; lea 1f(%%rip), %%rcx; push %%rcx\n\t"
                     "iretq; 1: pushfq; pop %0"
                     : "=r"(flags) : : "rax", "rcx", "memory", "cc");
    printf("flags %lx\n", flags & 0xcd5);
    for (int n = 0; n < 3; n++)
        printf("%d\n", (uintptr_t)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0) < 0x80000000);
    return 0;
}
