/* Every exception that an instruction may raise, with the signal and what that says; arch_prctl. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
/* FLAGS: -mno-red-zone -O1 */
static sigjmp_buf jb;
static int sig, code;
static unsigned long ad;
static void h(int s, siginfo_t *i, void *u)
{
    sig = s;
    code = i->si_code;
    ad = (unsigned long)i->si_addr;
    siglongjmp(jb, 1);
}
#define P(c, a)                                                                                                        \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long r = syscall(SYS_arch_prctl, c, a);                                                                        \
        printf("%x: %ld %d\n", c, r, errno);                                                                           \
    } while (0)
#define TR(name, ...)                                                                                                  \
    do {                                                                                                               \
        if (!sigsetjmp(jb, 1)) {                                                                                       \
            __asm__ volatile(__VA_ARGS__);                                                                             \
            puts(name " fine");                                                                                        \
        } else                                                                                                         \
            printf(name " sig %d code %d addr %s\n", sig, code, ad ? "some" : "0");                                    \
    } while (0)
int main(void)
{
    setvbuf(stdout, 0, _IONBF, 0);
    alarm(10);
    struct sigaction sa = {.sa_sigaction = h, .sa_flags = SA_SIGINFO | SA_NODEFER};
    int ss[] = {4, 5, 7, 8, 11};
    for (int i = 0; i < 5; i++)
        sigaction(ss[i], &sa, 0);
    P(0x1001, 0x12340000ul);
    P(0x1001, 0x800000000000ul);
    P(0x1001, 0x8000000000000000ul);
    P(0x1002, 0xffff800000000000ul);
    unsigned long b = 0;
    syscall(SYS_arch_prctl, 0x1004, &b);
    printf("%lx\n", b);
    P(0x1003, 0x10ul);
    P(0x1004, 0ul);
    P(0x1011, 0ul);
    P(0x1012, 1ul);
    P(0x1021, &b);
    P(0x1022, &b);
    P(0x1023, 2ul);
    P(0x1024, &b);
    P(0x1025, 18ul);
    P(0x2001, 0ul);
    P(0x2003, 0ul);
    P(0x3001, 0ul);
    P(0x4001, 0ul);
    P(0x5005, &b);
    P(0x5001, 1ul);
    P(77, 0ul);
    TR("ud2", "ud2");
    TR("int3", "int3");
    TR("icebp", ".byte 0xf1");
    TR("hlt", "hlt");
    TR("cli", "cli");
    TR("in", "in $0x80,%%al" :: : "eax");
    TR("int4", "int $4");
    TR("int0", "int $0");
    TR("int21", "int $0x21");
    TR("into", ".byte 0xce");
    TR("rdmsr", "rdmsr" :: : "eax", "edx");
    TR("div0", "xor %%ecx,%%ecx; div %%ecx" :: : "eax", "ecx", "edx");
    TR("divovf", "mov $-1,%%ecx; mov $0x80000000,%%eax; cltd; idiv %%ecx" :: : "eax", "ecx", "edx");
    TR("noncanon", "mov $0x8000000000000000,%%rax; mov (%%rax),%%eax" :: : "rax");
    TR("null", "xor %%eax,%%eax; mov (%%rax),%%eax" :: : "rax");
    TR("jmpnull", "sub $256,%%rsp; xor %%eax,%%eax; jmp *%%rax" :: : "rax");
    TR("kernel", "mov $0xffffffff81000000,%%rax; mov (%%rax),%%eax" :: : "rax");
    TR("ldmxcsr", "sub $128,%%rsp; movl $-1,(%%rsp); ldmxcsr (%%rsp); add $128,%%rsp" :: : "memory");
    TR("movaps", "lea 1(%%rsp),%%rax; movaps (%%rax),%%xmm0" :: : "rax", "xmm0");
    TR("lockreg", ".byte 0xf0,0x01,0xc0");
    TR("ud0", ".byte 0x0f,0xff,0xc0");
    TR("ud1", ".byte 0x0f,0xb9,0xc0");
    TR("sysenter", ".byte 0x0f,0x34");
    TR("swapgs", "swapgs");
    TR("xgetbv2", "mov $2,%%ecx; xgetbv" :: : "eax", "ecx", "edx");
    TR("movcr", "mov %%cr0,%%rax" :: : "rax");
    TR("sgdt", "sub $128,%%rsp; sgdt (%%rsp); add $128,%%rsp" :: : "memory");
    TR("smsw", "smsw %%eax" :: : "eax");
    TR("clts", "clts");
    TR("rdpmc", "xor %%ecx,%%ecx; rdpmc" :: : "eax", "ecx", "edx");
    TR("invd", "invd");
    TR("monitor", "monitor %rax,%ecx,%edx");
    TR("endbr", "endbr64");
    TR("rdssp", "mov $5,%%rax; rdsspq %%rax" :: : "rax");
    TR("incssp", "incsspq %rax");
    TR("prefetch", "prefetchw (%rsp); prefetchnta 0; prefetcht0 0");
    TR("long15", ".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90");
    TR("long16", ".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90");
    TR("mov88", "mov $0,%eax; .byte 0x8e,0xc8");
    return 0;
}
