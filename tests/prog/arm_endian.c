/* Big-endian data by SETEND, in both instruction sets: over a call and its return, and around a signal. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile uint32_t word = 0x11223344, handled;

static void handler(int signo)
{
    handled = word; /* data is little-endian here */
}

__attribute__((noinline, used)) static uint32_t load(const volatile uint32_t *p)
{
    return *p;
}

int main(void)
{
    uint32_t big = 0x44332211, half = 0x1122, called = 0x44332211, behind = 0x44332211, low = 0x44332211, high = 0x88776655;
    signal(SIGUSR1, handler);
#ifdef __arm__
    static volatile uint32_t two[2] __attribute__((aligned(8))) = {0x11223344, 0x55667788};
    __asm__ volatile("setend be\n ldr %0, [%2]\n ldrh %1, [%2, #2]\n setend le" : "=&r"(big), "=&r"(half) : "r"(&word) : "memory");
    half = (half >> 8 | half << 8) & 0xffff;
    __asm__ volatile("setend be\n ldrexd r2, r3, [%2]\n setend le\n clrex\n mov %0, r2\n mov %1, r3"
                     : "=&r"(low), "=&r"(high)
                     : "r"(two)
                     : "r2", "r3", "memory");
    __asm__ volatile("setend be\n mov r0, %2\n push {r4, lr}\n blx %1\n pop {r4, lr}\n setend le\n mov %0, r0"
                     : "=r"(called)
                     : "r"(load), "r"(&word)
                     : "r0", "r1", "r2", "r3", "r12", "lr", "memory", "cc");
    register int pid __asm__("r0") = getpid();
    register int tid __asm__("r1") = (int)syscall(SYS_gettid);
    register int signo __asm__("r2") = SIGUSR1;
    __asm__ volatile("setend be\n mov r12, r7\n mov r7, %4\n svc #0\n mov r7, r12\n ldr r3, [%5]\n setend le\n mov %0, r3"
                     : "=r"(behind), "+r"(pid)
                     : "r"(tid), "r"(signo), "r"(SYS_tgkill), "r"(&word)
                     : "r3", "r12", "memory");
#else
    raise(SIGUSR1);
#endif
    printf("%x %x %x %x %x %x %x\n", (unsigned)big, (unsigned)half, (unsigned)called, (unsigned)behind, (unsigned)low, (unsigned)high,
           (unsigned)handled);
    return 0;
}
