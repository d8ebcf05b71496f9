/* What a signal frame says of faults: addresses that nothing is at, the kernel's, those that aren't canonical, by a plain register and by
 * the stack's; loads, stores and fetches. And the vsyscall page, which only fetches reach. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

static sigjmp_buf back;
static siginfo_t info;
static ucontext_t context;

static void handler(int signo, siginfo_t *i, void *c)
{
    info = *i;
    context = *(ucontext_t *)c;
    siglongjmp(back, 1);
}

static void access_by(int way, uint64_t at)
{
    switch (way) {
    case 0: (void)*(volatile uint64_t *)at; break;
    case 1: *(volatile uint64_t *)at = 1; break;
    case 2: __asm__ volatile("mov %%rbp, %%r8\n mov %0, %%rbp\n mov 0(%%rbp), %%rax\n mov %%r8, %%rbp" ::"r"(at) : "rax", "r8", "memory"); break;
    case 3: __asm__ volatile("mov %%rsp, %%r8\n mov %0, %%rsp\n push %%rax\n mov %%r8, %%rsp" ::"r"(at) : "rax", "r8", "memory"); break;
    case 4: __asm__ volatile("mov %%rsp, %%r8\n mov %0, %%rsp\n push (%1)\n mov %%r8, %%rsp" ::"r"(at), "r"(&info) : "r8", "memory"); break;
    case 5: __asm__ volatile("push (%0)\n pop %%rax" ::"r"(at) : "rax", "memory"); break;
    default: ((void (*)(void))at)(); break;
    }
}

int main(void)
{
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    static const uint64_t places[] = {8, 0x5a5a5a5a5a5a, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0x1111111111111111,
                                      0x8000000000000000, 0xffff7fffffffffff, 0xffff800000000010, 0xffffffffff600000, 0xfffffffffffffff8};
    for (unsigned n = 0; n < sizeof places / sizeof *places; n++)
        for (int way = 0; way < 7; way++) {
            if (way == 6 && places[n] == 0xffffffffff600000)
                continue;
            if (sigsetjmp(back, 1) == 0) {
                access_by(way, places[n]);
                puts("no fault");
                continue;
            }
            greg_t *r = context.uc_mcontext.gregs;
            printf("%#lx by %d: signal %d code %d address %p error %llx trap %lld\n", places[n], way, info.si_signo, info.si_code, info.si_addr,
                   (unsigned long long)r[REG_ERR], (long long)r[REG_TRAPNO]);
        }
    struct timeval tv = {0};
    time_t now = time(NULL), then;
    unsigned cpu = ~0u, node;
    int error = ((int (*)(struct timeval *, void *))0xffffffffff600000)(&tv, NULL);
    printf("gettimeofday: %d %d\n", error, tv.tv_sec - now < 2);
    printf("time: %d\n", ((time_t (*)(time_t *))0xffffffffff600400)(&then) - now < 2);
    error = ((int (*)(unsigned *, unsigned *, void *))0xffffffffff600800)(&cpu, &node, NULL);
    printf("getcpu: %d %d\n", error, cpu < 4096);
    if (sigsetjmp(back, 1) == 0)
        ((time_t (*)(time_t *))0xffffffffff600400)((time_t *)16);
    printf("time to nowhere: %d %d\n", info.si_signo, info.si_code);
    return 0;
}
