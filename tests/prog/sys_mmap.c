/* Memory: mappings of every kind, protections and the faults they cause, mremap, brk, MAP_FIXED, madvise. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096 };
static sigjmp_buf fault;
static volatile int fault_signal, fault_code;
static void *volatile fault_address;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    fault_signal = signo;
    fault_code = info->si_code;
    fault_address = info->si_addr;
    siglongjmp(fault, 1);
}

static void touch(const char *what, volatile char *p, int write)
{
    if (sigsetjmp(fault, 1)) {
        printf("%s: signal %d code %d at the address %d\n", what, fault_signal, fault_code, fault_address == (void *)p);
        return;
    }
    if (write)
        *p = 1;
    else
        (void)*p;
    printf("%s: ok\n", what);
}

static void result(const char *what, int value)
{
    printf("%s: %d %s\n", what, value, value < 0 ? strerrorname_np(errno) : "");
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);

    char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 'x', 8 * PAGE);
    result("protect", mprotect(p + PAGE, PAGE, PROT_READ));
    result("protect none", mprotect(p + 3 * PAGE, PAGE, PROT_NONE));
    touch("read only, read", p + PAGE, 0);
    touch("read only, write", p + PAGE, 1);
    touch("none, read", p + 3 * PAGE + 5, 0);
    result("munmap", munmap(p + 5 * PAGE, PAGE));
    touch("unmapped", p + 5 * PAGE, 0);
    touch("beside it", p + 6 * PAGE, 1);
    result("protect over a hole", mprotect(p + 4 * PAGE, 3 * PAGE, PROT_READ));
    touch("before the hole", p + 4 * PAGE, 1);
    touch("after the hole", p + 6 * PAGE, 1);
    result("munmap over a hole", munmap(p + 4 * PAGE, 4 * PAGE));
    result("munmap unaligned", munmap(p + 1, PAGE));
    result("munmap nothing", munmap(p, 0));
    result("protect unaligned", mprotect(p + 1, PAGE, PROT_READ));
    result("protect bad", mprotect(p, PAGE, 0x4000));

    char *q = mmap(p + 4 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    printf("fixed %d zero %d\n", q == p + 4 * PAGE, q[0] == 0);
    q = mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    printf("noreplace %s\n", q == MAP_FAILED ? strerrorname_np(errno) : "mapped");
    q = mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("empty %s\n", q == MAP_FAILED ? strerrorname_np(errno) : "mapped");
    q = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0);
    printf("bad descriptor %s\n", q == MAP_FAILED ? strerrorname_np(errno) : "mapped");
    q = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 100);
    printf("bad offset %s\n", q == MAP_FAILED ? strerrorname_np(errno) : "mapped");
    q = mmap(NULL, (size_t)1 << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("too large %s\n", q == MAP_FAILED ? strerrorname_np(errno) : "mapped");

    q = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(q + 2 * PAGE, "moved");
    char *r = mremap(q, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    printf("mremap %d %s\n", r != MAP_FAILED, r + 2 * PAGE);
    r[63 * PAGE] = 1;
    char *room = mmap(NULL, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    q = mremap(r, 64 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + PAGE);
    printf("mremap fixed %d %s\n", q == room + PAGE, q + 2 * PAGE);
    touch("old place", r, 0);
    q = mremap(q, 4 * PAGE, PAGE, 0);
    printf("shrunk %d\n", q == room + PAGE);
    q = mremap(room + 2 * PAGE, PAGE, 2 * PAGE, 0);
    printf("mremap of nothing %s\n", q == MAP_FAILED ? strerrorname_np(errno) : "mapped");
    q = mremap(room + 2 * PAGE, -2 * PAGE, PAGE, 0);
    printf("mremap of nothing to the end of memory %s\n", q == MAP_FAILED ? strerrorname_np(errno) : "mapped");

    char name[] = "/tmp/sys_mmap.XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    if (ftruncate(fd, PAGE + 100) || pwrite(fd, "file contents", 13, PAGE) != 13)
        return 1;
    char *shared = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
    printf("%s\n", private);
    strcpy(private, "changed");
    strcpy(shared + 10, "through the mapping");
    char buf[64] = {0};
    result("pread", (int)pread(fd, buf, 20, 10));
    printf("%s / %s\n", buf, shared + PAGE);
    result("msync", msync(shared, 2 * PAGE, MS_SYNC));
    result("shrink", ftruncate(fd, 100));
    touch("past the end", shared + PAGE, 0);
    result("dontneed", madvise(p, PAGE, MADV_DONTNEED));
    printf("zero again %d\n", p[0]);
    result("bad advice", madvise(p, PAGE, 9999));
    unsigned char resident[2];
    result("mincore", mincore(p, PAGE, resident));
    result("mlock", mlock(p, PAGE));
    result("munlock", munlock(p, PAGE));

    int memory = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    result("memfd", ftruncate(memory, PAGE));
    char *one = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    char *two = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, memory, 0);
    strcpy(one, "two views");
    printf("%s\n", two);
    result("seal", fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK));
    result("sealed", ftruncate(memory, 0));

    char *heap = sbrk(0), *start = heap;
    result("sbrk", sbrk(10 * PAGE) == start ? 0 : -1);
    memset(start, 'h', 10 * PAGE);
    result("sbrk down", sbrk(-5 * PAGE) == start + 10 * PAGE ? 0 : -1);
    result("sbrk up", sbrk(5 * PAGE) == start + 5 * PAGE ? 0 : -1);
    printf("heap %c %d\n", start[PAGE], start[8 * PAGE]);
    result("brk", brk(start));

    struct iovec local = {buf, 5}, remote = {shared + 10, 5};
    result("process_vm_readv", (int)process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
    printf("%.5s\n", buf);

    /* Many small mappings with different protections. */
    char *many = mmap(NULL, 256 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 256; i += 2)
        if (mprotect(many + i * PAGE, PAGE, PROT_READ))
            return 2;
    for (int i = 0; i < 256; i += 3)
        if (munmap(many + i * PAGE, PAGE))
            return 3;
    touch("many 1", many + PAGE, 1);
    touch("many 2", many + 2 * PAGE, 1);
    touch("many 3", many + 3 * PAGE, 0);
    result("unmap all", munmap(many, 256 * PAGE));

    /* PROT_BTI and PROT_MTE: of processors that have them (HWCAP2) */
    for (int bit = 0; bit < 2; bit++) {
        int has = 0, got = mprotect(shared, PAGE, PROT_READ | 0x10 << bit) ? errno : 0;
#ifdef __aarch64__
        has = getauxval(AT_HWCAP2) >> (17 + bit) & 1;
#endif
        printf("own protection %d: %d\n", bit, got == (has ? 0 : EINVAL));
    }
    return 0;
}
