/* Code that is written over and over, next to data, by stores and by the kernel; with a flush where the architecture has one. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef int Function(void);

/* A function that returns value, below 4096. */
static void put(unsigned char *to, int value)
{
#if defined __x86_64__
    unsigned char code[] = {0xb8, (unsigned char)value, (unsigned char)(value >> 8), 0, 0, 0xc3};
#elif defined __aarch64__
    unsigned code[] = {0x52800000u | (unsigned)value << 5, 0xd65f03c0}; /* mov w0, #value; ret */
#else
    unsigned code[] = {0xe3000000u | ((unsigned)value & 0xfff), 0xe12fff1e}; /* movw r0, #value; bx lr */
#endif
    memcpy(to, code, sizeof code);
    __builtin___clear_cache((char *)to, (char *)to + sizeof code);
}

static int call(void *code)
{
    return ((Function *)code)();
}

/* A function that writes its argument into the next instruction, or into one that it jumps forward to; elsewhere, what
 * comes to the same. */
static int rewrite(unsigned char *to, int value, int jumps)
{
#if defined __x86_64__
    static const unsigned char straight[] = {0x89, 0x3d, 1, 0, 0, 0, /* mov %edi, 1(%rip) */
                                             0xb8, 0, 0, 0, 0, 0xc3}; /* mov $0, %eax; ret */
    static const unsigned char jumping[] = {0x89, 0x3d, 6, 0, 0, 0, 0xeb, 3, 0x0f, 0x0b, 0x90, 0xb8, 0, 0, 0, 0, 0xc3};
    if (!to[jumps])
        memcpy(to, jumps ? jumping : straight, jumps ? sizeof jumping : sizeof straight);
    return ((int (*)(int))(void *)to)(value);
#else
    put(to, value);
    return call(to) + 0 * jumps;
#endif
}

int main(void)
{
    unsigned char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *other = page + 4096;
    long sum = 0;
    for (int i = 0; i < 4000; i++) {
        put(page, i);
        sum += call(page);
    }
    printf("rewritten: %ld\n", sum);
    volatile int *data = (volatile int *)(page + 2048);
    put(page, 5);
    for (int i = 0; i < 100000; i++)
        data[0] += call(page);
    printf("data beside: %d\n", data[0]);
    int fds[2];
    put(other, 1);
    sum = call(other);
    if (pipe(fds))
        return 1;
    for (int i = 0; i < 100; i++) {
        unsigned char code[8];
        put(page + 1024, i);
        memcpy(code, page + 1024, sizeof code);
        if (write(fds[1], code, sizeof code) != sizeof code || read(fds[0], other, sizeof code) != sizeof code)
            puts("read or write");
        __builtin___clear_cache((char *)other, (char *)other + sizeof code);
        sum += call(other);
    }
    printf("by the kernel: %ld\n", sum);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    printf("protected: %d\n", call(page));
    mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    put(page, 77);
    printf("and not: %d\n", call(page));
    sum = 0;
    for (int jumps = 0; jumps < 2; jumps++) {
        memset(page, 0, 4096);
        for (int i = 0; i < 500; i++)
            sum = sum * 3 % 1000003 + rewrite(page, i, jumps);
        memset(other, 0, 4096); /* seldom */
        for (int i = 0; i < 5; i++)
            sum = sum * 3 % 1000003 + rewrite(other, i, jumps);
    }
    printf("by itself: %ld\n", sum);
    return 0;
}
