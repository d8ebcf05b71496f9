/* TF: a trap behind each instruction, in loops, string instructions, calls and system calls, until POPF clears it; faults in between. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

extern char first[], last[];
static struct { long at; int signo, code; unsigned flags, trap; } seen[400];
static int n;

static void handler(int signo, siginfo_t *info, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (n < 400)
        seen[n++] = (typeof(*seen)){(char *)r[REG_RIP] - first, signo, info->si_code, (unsigned)r[REG_EFL] & 0x1fb, (unsigned)r[REG_TRAPNO]};
    if (signo == SIGSEGV)
        r[REG_RIP] += 2;
}

int main(void)
{
    char from[8] = "abcdefg", to[8] = "abcdefx", copy[8];
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    long pid;
    __asm__ volatile("sub $128, %%rsp\n"
                     "pushfq\n pop %%rax\n or $0x100, %%rax\n push %%rax\n popfq\n"
                     "first:\n"
                     "mov $3, %%ecx\n"
                     "1: dec %%ecx\n jnz 1b\n"
                     "mov $8, %%ecx\n mov %[from], %%rsi\n mov %[copy], %%rdi\n rep movsb\n"
                     "mov $8, %%ecx\n mov %[from], %%rsi\n mov %[to], %%rdi\n repe cmpsb\n"
                     "call 2f\n jmp 3f\n 2: ret\n"
                     "3: mov %[getpid], %%eax\n syscall\n mov %%rax, %[pid]\n"
                     "xor %%eax, %%eax\n mov (%%rax), %%al\n nop\n"
                     "pushfq\n andl $~0x100, (%%rsp)\n popfq\n"
                     "nop\n nop\n"
                     "add $128, %%rsp\n"
                     : [pid] "=&r"(pid)
                     : [from] "r"(from), [to] "r"(to), [copy] "r"(copy), [getpid] "i"(SYS_getpid)
                     : "rax", "rcx", "rsi", "rdi", "r11", "memory", "cc");
    for (int i = 0; i < n; i++)
        printf("%ld: signal %d code %d flags %x trap %u\n", seen[i].at, seen[i].signo, seen[i].code, seen[i].flags, seen[i].trap);
    printf("%d traps, %d %s\n", n, pid > 0, copy);
    return 0;
}
