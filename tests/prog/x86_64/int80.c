/* System calls by INT 0x80: a 32-bit program's numbers and arguments, made by 64-bit code. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static long call(long number, long a, long b, long c)
{
    long result;
    register long r8 __asm__("r8") = 8, r11 __asm__("r11") = 11;
    __asm__ volatile("int $0x80" : "=a"(result), "+r"(r8), "+r"(r11) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    printf("%ld %ld: ", r8, r11);
    return result;
}

int main(void)
{
    enum { WRITE = 4, CLOSE = 6, GETPID = 20, BRK = 45, UNAME = 122, MMAP2 = 192, NONE = 9999 };
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    setvbuf(stdout, NULL, _IONBF, 0);
    strcpy(p, "hello\n");
    printf("%ld\n", call(WRITE, 1 | 1l << 40, (long)p | 1l << 50, 6));
    printf("%d\n", call(GETPID, 0, 0, 0) > 0);
    printf("%ld\n", call(CLOSE, 77, 0, 0));
    printf("%ld\n", call(NONE, 0, 0, 0));
    printf("%ld\n", call(UNAME, (long)p, 0, 0));
    printf("%s\n", p);
    printf("%d\n", call(BRK, 0, 0, 0) != 0);
    printf("%ld\n", call(WRITE, 1, 0xfffffff0, 5));
    return 0;
}
