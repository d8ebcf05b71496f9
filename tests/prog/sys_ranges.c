/* Calls that take a range of memory: over holes, over what isn't this program's, over mappings that have grown or been replaced; locks;
 * a stack whose limit is raised; code that the kernel writes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096 };
#ifdef __aarch64__
#define CODE(value) {0x52800000u | (unsigned)(value) << 5, 0xd65f03c0} /* mov w0, #value; ret */
#else
#define CODE(value) {0xb8 | (unsigned)(value) << 8, 0x9090c300}
#endif

static void result(const char *what, long value)
{
    printf("%s: %s\n", what, value < 0 ? strerrorname_np(errno) : "ok");
}

static void *map(int pages)
{
    return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int is_mapped(void *p)
{
    unsigned char v;
    return !mincore(p, PAGE, &v);
}

static void put_code(void *p, int value)
{
    unsigned code[] = CODE(value);
    memcpy(p, code, sizeof code);
    __builtin___clear_cache(p, (char *)p + sizeof code);
}

static int run(void *p)
{
    return ((int (*)(void))p)();
}

static void growing(void)
{
    char *p = mmap(NULL, 64 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    munmap(p, 64 << 20);
    char *q = mmap(p + (32 << 20), 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    for (int i = 0; i < 64; i++)
        *(volatile char *)(q - i * PAGE - 1) = 1;
    char *g = q - 32 * PAGE;
    put_code(g, 42);
    result("grown, mprotect", mprotect(g, PAGE, PROT_READ | PROT_EXEC));
    printf("grown, exec: %d\n", run(g));
    result("grown, fixed over it", (long)mmap(g - PAGE, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    result("grown, munmap", munmap(q - 64 * PAGE, 66 * PAGE));
    printf("grown, there: %d %d\n", is_mapped(q - PAGE), is_mapped(q - 64 * PAGE));
    q = mmap(p + (32 << 20), 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    q[-5 * PAGE] = 1;
    result("grown, mprotect PROT_GROWSDOWN", mprotect(q, PAGE, PROT_READ | PROT_GROWSDOWN));
    result("grown, read(2) into what has grown", readv(open("/dev/zero", O_RDONLY), &(struct iovec){q - 3 * PAGE, PAGE}, 1));
    result("grown, read(2) into what grows", readv(open("/dev/zero", O_RDONLY), &(struct iovec){q + PAGE, PAGE}, 1));
    char *other = map(1);
    result("mprotect PROT_GROWSDOWN of another", mprotect(other, PAGE, PROT_READ | PROT_GROWSDOWN));
    munmap(q - 5 * PAGE, 7 * PAGE);
}

static void segments(void)
{
    int id = shmget(IPC_PRIVATE, 16 * PAGE, 0600), small = shmget(IPC_PRIVATE, 4 * PAGE, 0600);
    char *p = shmat(id, NULL, 0);
    char *m = mmap(p + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    *m = 7;
    result("shmdt inside", shmdt(p + PAGE));
    result("shmdt of what has been replaced in part", shmdt(p));
    printf("there: %d %d %d, holds %d\n", is_mapped(p), is_mapped(m), is_mapped(m + PAGE), *m);
    result("mprotect", mprotect(m, PAGE, PROT_READ));
    result("munmap", munmap(m, PAGE));
    result("shmdt again", shmdt(p));
    p = shmat(id, NULL, 0);
    result("a smaller one over it", shmat(small, p, SHM_REMAP) == p ? 0 : -1);
    result("shmdt", shmdt(p));
    printf("there: %d %d\n", is_mapped(p), is_mapped(p + 4 * PAGE));
    result("shmdt of the rest", shmdt(p));
    printf("there: %d\n", is_mapped(p + 4 * PAGE));
    shmctl(id, IPC_RMID, NULL);
    shmctl(small, IPC_RMID, NULL);
}

static void holes(void)
{
    unsigned char vec[8] = {0};
    char *p = map(8);
    memset(p, 1, 8 * PAGE);
    munmap(p + 3 * PAGE, PAGE);
    result("madvise over a hole", madvise(p, 8 * PAGE, MADV_DONTNEED));
    printf("both sides dropped: %d %d\n", p[0], p[7 * PAGE]);
    result("msync over a hole", msync(p, 8 * PAGE, MS_ASYNC));
    result("mlock over a hole", mlock(p + 2 * PAGE + 5, 2 * PAGE));
    result("munlock over a hole", munlock(p, 8 * PAGE));
    result("mlock", mlock(p + 1, PAGE));
    result("mincore over a hole", mincore(p, 8 * PAGE, vec));
    result("mbind over a hole", syscall(SYS_mbind, p, 8 * PAGE, 2 /* MPOL_BIND */, &(long){1}, 64, 0));
    result("madvise of nothing", madvise(p, 0, MADV_DONTNEED));
    result("madvise unaligned", madvise(p + 1, PAGE, MADV_DONTNEED));
    result("madvise around the end", madvise(p, -PAGE, MADV_DONTNEED));
    result("mlock of nothing", mlock(p + 3 * PAGE, 0));
    result("msync unaligned", msync(p + 1, PAGE, MS_ASYNC));
    munmap(p, 8 * PAGE);
}

static int pidfd, advice, uffd;
static long by_madvise(char *p) { return madvise(p, PAGE, advice); }
static long by_process(char *p) { return syscall(SYS_process_madvise, pidfd, &(struct iovec){p, PAGE}, 1, advice, 0); }
static long by_mprotect(char *p) { return mprotect(p, PAGE, PROT_NONE); }
static long by_mremap(char *p) { return mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0; }
static long by_remap_file(char *p) { return remap_file_pages(p, PAGE, 0, 0, 0); }
static long by_mseal(char *p) { return syscall(462, p, PAGE, 0); }
static long by_mlock(char *p) { return mlock(p, PAGE); }
static long by_mbind(char *p) { return syscall(SYS_mbind, p, PAGE, 2, &(long){1}, 64, 0); }
static long by_uffd(char *p) { return ioctl(uffd, UFFDIO_REGISTER, &(struct uffdio_register){{(unsigned long)p, PAGE}, UFFDIO_REGISTER_MODE_MISSING}); }
static long by_move_pages(char *p)
{
    int status = 1;
    void *pages[] = {p};
    return syscall(SYS_move_pages, 0, 1, pages, NULL, &status, 0) ? -1 : status;
}

/* Addresses that aren't this program's; under a translator some are the translator's. */
static void strangers(void)
{
    static const int advices[] = {MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_COLD, MADV_PAGEOUT, 24, MADV_DONTFORK, MADV_WIPEONFORK, 102, MADV_MERGEABLE};
    static const struct {
        const char *name;
        long (*call)(char *p);
    } calls[] = {{"madvise", by_madvise}, {"process_madvise", by_process}, {"mprotect", by_mprotect}, {"mremap", by_mremap},
                 {"remap_file_pages", by_remap_file}, {"mseal", by_mseal}, {"mlock", by_mlock}, {"mbind", by_mbind},
                 {"userfaultfd", by_uffd}, {"move_pages", by_move_pages}};
    pidfd = syscall(SYS_pidfd_open, getpid(), 0);
    uffd = syscall(SYS_userfaultfd, O_CLOEXEC | 1);
    ioctl(uffd, UFFDIO_API, &(struct uffdio_api){.api = UFFD_API});
    for (int i = 0; i < sizeof calls / sizeof *calls; i++)
        for (int k = 0; k < (i < 2 ? sizeof advices / sizeof *advices : 1); k++) {
            int done = 0;
            advice = advices[k];
            for (unsigned long at = 0x680050000000; at < 0x680078000000; at += 0x10000)
                done += calls[i].call((char *)at) >= 0;
            printf("%s %d: %d done\n", calls[i].name, i < 2 ? advice : 0, done);
        }
    void *p = map(1);
    pid_t child = fork();
    if (!child) {
        put_code(p, 1);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    printf("a child: %d\n", status);
    close(uffd);
}

/* Pointers to where a translator has its own memory: nothing is mapped there. */
static void stray_pointers(void)
{
    static const unsigned long addresses[] = {0x680058000000, 0x680070001000, 0x680072000000, 0x680000000000, 0x684000000000, 0x68ffffff0000};
    int fd = open("/dev/zero", O_RDWR), faults = 0, calls = 0, s[2];
    struct stat st;
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    for (int i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        char *p = (char *)addresses[i];
        struct iovec v[] = {{&st, 8}, {p, 8}};
        struct msghdr m = {.msg_iov = v + 1, .msg_iovlen = 1};
        long results[] = {write(s[0], p, 8), read(fd, p, 8), writev(s[0], v + 1, 1), readv(fd, v + 1, 1), sendmsg(s[0], &m, 0),
                          open(p, O_RDONLY), syscall(SYS_fstat, fd, p), syscall(SYS_rt_sigaction, SIGUSR1, p, NULL, 8), nanosleep((void *)p, NULL),
                          process_vm_readv(getpid(), v, 1, v + 1, 1, 0), process_vm_writev(getpid(), v, 1, v + 1, 1, 0)};
        for (int k = 0; k < sizeof results / sizeof *results; k++, calls++)
            faults += results[k] < 0;
    }
    printf("stray pointers: %d of %d calls fail\n", faults, calls);
    aio_context_t context = 0;
    syscall(SYS_io_setup, 4, &context);
    for (int i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        struct iovec v = {(void *)addresses[i], 8};
        struct iocb direct = {.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = fd, .aio_buf = addresses[i], .aio_nbytes = 8};
        struct iocb vector = {.aio_lio_opcode = IOCB_CMD_PREADV, .aio_fildes = fd, .aio_buf = (unsigned long)&v, .aio_nbytes = 1};
        struct iocb *lists[] = {&direct, &vector};
        struct io_event event;
        int refused = 0;
        for (int k = 0; k < 2; k++)
            refused += syscall(SYS_io_submit, context, 1, &lists[k]) != 1 ||
                       (syscall(SYS_io_getevents, context, 1, 1, &event, NULL) == 1 && (long)event.res == -EFAULT);
        printf(" %d", refused);
    }
    printf(" of 2 requests, and by an address of a request %d\n", syscall(SYS_io_submit, context, 1, &addresses[0]) < 0 && errno == EFAULT);
    close(fd);
    close(s[0]);
    close(s[1]);
}

static void written_code(void)
{
    unsigned code[] = CODE(2);
    char *p = map(1);
    put_code(p, 1);
    mprotect(p, PAGE, PROT_READ | PROT_EXEC);
    printf("code: %d", run(p));
    int fd = open("/proc/self/mem", O_RDWR);
    pwrite(fd, code, sizeof code, (off_t)(unsigned long)p);
    for (int i = 0; i < 200000; i++)
        run(p);
    printf(" %d", run(p));
    memcpy(code, (unsigned[])CODE(3), sizeof code);
    lseek(fd, (off_t)(unsigned long)p, SEEK_SET);
    write(fd, code, sizeof code);
    printf(" %d", run(p));
    memcpy(code, (unsigned[])CODE(4), sizeof code);
    mprotect(p, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    process_vm_writev(getpid(), &(struct iovec){code, sizeof code}, 1, &(struct iovec){p, sizeof code}, 1, 0);
    printf(" %d\n", run(p));
    result("write to what isn't mapped", pwrite(fd, code, sizeof code, 0x70000000));
    close(fd);
}

static void locks(void)
{
    pid_t child = fork();
    if (!child) {
        struct rlimit limit = {8 << 20, 8 << 20};
        setrlimit(RLIMIT_MEMLOCK, &limit);
        if (getuid() == 0 && setuid(54321))
            _exit(1);
        result("mlockall, of nothing", mlockall(0));
        result("mlockall, of an unknown kind", mlockall(64));
        result("mlockall", mlockall(MCL_CURRENT | MCL_FUTURE));
        result("more than may be locked", (long)mmap(NULL, 16 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        void *p = malloc(1 << 20);
        result("less", p ? 0 : -1);
        result("munlockall", munlockall());
        result("more", (long)mmap(NULL, 16 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        result("mlockall, when that is there", mlockall(MCL_CURRENT));
        result("on fault", mlockall(MCL_FUTURE | MCL_ONFAULT));
        result("a page", (long)map(1));
        exit(0);
    }
    waitpid(child, NULL, 0);
}

static __attribute__((noinline)) int deep(long left)
{
    volatile char pad[PAGE];
    memset((void *)pad, 1, sizeof pad);
    return left > PAGE ? deep(left - PAGE) + pad[7] : pad[9];
}

int main(void)
{
    struct rlimit stack;
    setvbuf(stdout, NULL, _IOLBF, 0);
    growing();
    segments();
    holes();
    strangers();
    stray_pointers();
    written_code();
    locks();
    getrlimit(RLIMIT_STACK, &stack);
    stack.rlim_cur = 64 << 20;
    if (stack.rlim_cur <= stack.rlim_max)
        setrlimit(RLIMIT_STACK, &stack);
    printf("deep: %d\n", deep(40 << 20) > 0);
    int before = personality(0xffffffff);
    personality(before | READ_IMPLIES_EXEC);
    printf("personality: %d\n", personality(0xffffffff) == (before | READ_IMPLIES_EXEC));
    char *p = map(1);
    put_code(p, 5);
    printf("readable is executable: %d\n", run(p));
    personality(before);
}
