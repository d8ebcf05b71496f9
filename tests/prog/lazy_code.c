/* Code whose pages another thread brings when they are first executed (userfaultfd), and brings again when they have been dropped. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 40, ROUNDS = 3 };
typedef int Function(void);
static int uffd;
static char *area;

/* "return n" */
static void emit(void *p, int n)
{
#if defined __aarch64__
    uint32_t code[] = {0x52800000 | (uint32_t)n << 5, 0xd65f03c0}; /* mov w0, #n; ret */
#elif defined __arm__
    uint32_t code[] = {0xe3a00000 | (uint32_t)n, 0xe12fff1e}; /* mov r0, #n; bx lr */
#elif defined __x86_64__
    uint8_t code[] = {0xb8, n, 0, 0, 0, 0xc3};
#else
#error "return n, please"
#endif
    memcpy(p, code, sizeof code);
}

static void *serve(void *arg)
{
    struct uffd_msg m;
    char page[PAGE] = {0};
    while (read(uffd, &m, sizeof m) == sizeof m) {
        uintptr_t at = (uintptr_t)m.arg.pagefault.address & -(uintptr_t)PAGE;
        emit(page, 1 + (int)((at - (uintptr_t)area) / PAGE));
        struct uffdio_copy copy = {.dst = at, .src = (uintptr_t)page, .len = PAGE};
        ioctl(uffd, UFFDIO_COPY, &copy);
    }
    return NULL;
}

int main(void)
{
    pthread_t thread;
    struct uffdio_api api = {.api = UFFD_API};
    uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */);
    if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api)) {
        puts("not here");
        return 0;
    }
    area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register all = {.range = {(uintptr_t)area, PAGES * PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    printf("registered: %d\n", ioctl(uffd, UFFDIO_REGISTER, &all));
    pthread_create(&thread, NULL, serve, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        int sum = 0;
        for (int i = 0; i < PAGES; i++)
            sum += ((Function *)(area + i * PAGE))();
        printf("sum %d\n", sum);
        madvise(area, PAGES * PAGE, MADV_DONTNEED);
    }
    return 0;
}
