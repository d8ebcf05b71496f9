/* dragoman: runs Linux programs built for another processor. */
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#include "aot.h"
#include "bench.h"
#include "cache.h"
#include "dis.h"
#include "run.h"

/* Guests there are; a program's own ELF header could choose among several. */
static const Guest *const guests[] = {&guest_aarch64};

#if __has_feature(address_sanitizer)
/* Faults are the guest's, and its memory is not the sanitizer's to judge. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0:use_sigaltstack=0:"
           "detect_stack_use_after_return=0:allow_user_segv_handler=1";
}
#endif

/* Whether this executable, holding a program, has been executed by its guest to run another one
 * (runtime/linux/process.c: exec_guest), by the only names that nobody else uses; and if somebody does, then not with more
 * rights than they have. */
static bool reentered(int argc, char **argv)
{
    const char *name = (const char *)getauxval(AT_EXECFN);
    bool ours = name && !getauxval(AT_SECURE) && (!strcmp(name, "/proc/self/exe") || !strncmp(name, "/dev/fd/", 8));
    return ours && argc > 2 && !strcmp(argv[0], "dragoman") && !strcmp(argv[1], "run");
}

static int command(int argc, char **argv)
{
    const Ahead *payload = ahead_payload();
    if (payload && !reentered(argc, argv))
        return run_payload(guests[0], payload, argv);
    if (argc < 1)
        return 2;
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    /* Installed under qemu-user's name it takes qemu-user's command line, which has no subcommands. */
    if (!strncmp(name, "qemu-", 5)) {
        const char *isa = name + 5;
        size_t n = strcspn(isa, "-");
        for (size_t i = 0; i < LEN(guests); i++)
            if (strlen(guests[i]->name) == n && !memcmp(guests[i]->name, isa, n))
                return run_main(guests[i], argc, argv, 1);
        fprintf(stderr, "dragoman: called as %s, but there is no guest %s\n", name, isa);
        return 2;
    }
    if (run_by_kernel())
        return run_main(guests[0], argc, argv, 1);
    if (argc > 1 && !strcmp(argv[1], "aot"))
        return aot_main(argc, argv, 2);
    if (argc > 1 && !strcmp(argv[1], "bench"))
        return bench_main(guests[0], argc, argv, 2);
    if (argc > 1 && !strcmp(argv[1], "cache"))
        return cache_main(argc, argv, 2);
    if (argc > 1 && !strcmp(argv[1], "dis"))
        return dis_main(argc, argv, 2);
    int at = argc > 1 && !strcmp(argv[1], "run") ? 2 : 1;
    return run_main(guests[0], argc, argv, at);
}

/* -- the host's stack. The kernel's may grow as far as the guest's may (RLIMIT_STACK), which can be too little, or be made so while we
 * run. So it is made to grow at once as far as is needed, or, where it mustn't, another one is used. */

enum { STACK = 4 << 20, OWN_STACK = 8 << 20, OWN_STACK_MIN = 1 << 20 };

typedef struct Main {
    int argc;
    char **argv;
    int result;
} Main;

static void enter(unsigned high, unsigned low)
{
    Main *m = (Main *)((uintptr_t)high << 32 | low);
    m->result = command(m->argc, m->argv);
}

static int on_own_stack(int argc, char **argv)
{
    Main m = {argc, argv, 1};
    ucontext_t here, there;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
    size_t size = OWN_STACK;
    void *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (stack == MAP_FAILED)
        stack = mmap(NULL, size = OWN_STACK_MIN, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (stack == MAP_FAILED) {
        static const char none[] = "dragoman: no memory for a stack\n";
        return write(STDERR_FILENO, none, sizeof none - 1) < 0 ? 1 : 126;
    }
    getcontext(&there);
    there.uc_stack = (stack_t){.ss_sp = stack, .ss_size = size};
    there.uc_link = &here;
    makecontext(&there, (void (*)(void))enter, 2, (unsigned)((uintptr_t)&m >> 32), (unsigned)(uintptr_t)&m);
    swapcontext(&here, &there);
    return m.result;
}

__attribute__((no_sanitize("address"))) int main(int argc, char **argv)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < 2 * STACK)
        return on_own_stack(argc, argv);
    *(volatile char *)((char *)__builtin_frame_address(0) - STACK);
    return command(argc, argv);
}
