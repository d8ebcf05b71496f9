/* dragoman: runs Linux programs built for another processor. */
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#include "../lifter/llvm_init.h"
#include "aot.h"
#include "bench.h"
#include "binfmt.h"
#include "cache.h"
#include "command.h"
#include "dis.h"
#include "run.h"

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
 * (runtime/linux/process.c: exec_guest), by the only names that nobody else uses; and if somebody does, then not with
 * more rights than they have. */
static bool reentered(int argc, char **argv)
{
    const char *name = (const char *)getauxval(AT_EXECFN);
    bool ours = name && !getauxval(AT_SECURE) && (!strcmp(name, "/proc/self/exe") || !strncmp(name, "/dev/fd/", 8));
    return ours && argc > 2 && !strcmp(argv[0], "dragoman") && !strcmp(argv[1], "run");
}

/* The program to run is qemu-user's by this name ("qemu-aarch64", also "qemu-aarch64-static"); NULL for another. */
static const char *qemu_name(const char *argv0)
{
    const char *slash = strrchr(argv0, '/'), *name = slash ? slash + 1 : argv0;
    return strncmp(name, "qemu-", 5) ? NULL : name;
}

static const struct {
    const char *name;
    int (*main)(int argc, char **argv, int at);
} mains[] = {
#define COMMAND(name, args, summary, text) {#name, name##_main},
#include "commands.def"
};

static int help(int argc, char **argv, int at)
{
    if (at >= argc)
        command_list(stdout);
    else if (command_find(argv[at]))
        command_help(argv[at]);
    else
        fprintf(stderr, "dragoman help: there is no command '%s'; 'dragoman help' lists those there are\n", argv[at]);
    return at < argc && !command_find(argv[at]) ? 2 : 0;
}

static int command(int argc, char **argv)
{
    const Ahead *payload = ahead_payload();
    if (payload && payload->no_llvm)
        llvm_leave_out();
    if (payload && !reentered(argc, argv))
        return run_payload(guests[0], payload, argv);
    if (argc < 1)
        return 2;
    /* Installed under qemu-user's name it takes qemu-user's command line, which has no subcommands. */
    const char *name = qemu_name(argv[0]);
    if (name) {
        const char *isa = name + strlen("qemu-");
        const Guest *guest = guest_find(isa, strcspn(isa, "-"));
        if (guest)
            return run_guest(guest, argc, argv, 1);
        fprintf(stderr, "dragoman: called as %s, but there is no guest %s\n", name, isa);
        return 2;
    }
    if (argc < 2 || run_by_kernel())
        return run_main(argc, argv, 1);
    for (size_t i = 0; i < LEN(mains); i++) {
        if (strcmp(argv[1], mains[i].name))
            continue;
        if (argc > 2 && (!strcmp(argv[2], "-h") || !strcmp(argv[2], "--help")))
            return help(argc, argv, 1);
        return mains[i].main(argc, argv, 2);
    }
    if (!strcmp(argv[1], "help"))
        return help(argc, argv, 2);
    if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "-help") || !strcmp(argv[1], "--help"))
        return help(argc, argv, argc);
    return run_main(argc, argv, 1);
}

/* -- the host's stack. The kernel's may grow as far as the guest's may (RLIMIT_STACK), which can be too little, or be
 * made so while we run. So it is made to grow at once as far as is needed, or, where it mustn't, another one is used.
 */

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
