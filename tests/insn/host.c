#include "host.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include <xmmintrin.h>

static Process process = {.lock = PTHREAD_MUTEX_INITIALIZER};
__attribute__((weak)) Process *the_process = &process;

static Ir *ir;
static Task *task;
static Block *running; /* compiled code that is being run */
static const FaultSite *site; /* whose trap the thread is on its way to, in `running` */
static bool always_flushes;

/* What the runtime's own handler does for a fault of the guest's. One of ours has nowhere to go and crashes. */
static void on_fault(int signo, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;
    if (!task || !task->in_code) {
        signal(signo, SIG_DFL);
        return;
    }
    u64 rip = (u64)uc->uc_mcontext.gregs[REG_RIP];
    const FaultMap *map = running ? running->faults : NULL;
    if (map && (code_at_trap(map, site, rip) || (site = code_site_at(map, rip)))) {
        task->pc = map->pc + (u64)(i64)site->pc;
        if (!code_at_trap(map, site, rip))
            task->fault = (Fault){.signo = signo, .code = info->si_code, .addr = (u64)info->si_addr, .pc = task->pc};
        task->exit = EXIT_FAULT;
        if (code_recover(task, context, map, site))
            code_leave(task, context, running->tier == TIER_BASELINE);
        return;
    }
    u64 offset = running ? (u64)uc->uc_mcontext.gregs[REG_RIP] - (u64)running->code : 0;
    bool inside = running && running->tier == TIER_BASELINE && offset < running->code_size;
    for (u32 i = 0; inside && i < running->nmap && running->map[i].host <= offset; i++)
        task->pc = running->pc + (u64)(i64)(i32)running->map[i].guest;
    task->fault = (Fault){.signo = signo, .code = info->si_code, .addr = (u64)info->si_addr, .pc = task->pc};
    task->exit = EXIT_FAULT;
    code_leave(task, context, inside);
}

void *host_map(u64 addr, size_t size)
{
    void *p = mmap((void *)addr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p != (void *)addr) {
        perror("mapping the test area");
        exit(1);
    }
    return p;
}

void host_init(const Guest *guest, bool flushes)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE};
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (size_t i = 0; i < LEN(signals); i++)
        sigaction(signals[i], &sa, NULL);
    process.guest = guest;
    always_flushes = flushes;
    the_process = &process; /* the runtime's own variable, if that is linked, is empty */
    ir = ir_new();
    if (!ir || !(task = aligned_alloc(64, (sizeof *task + 63) & ~(size_t)63)) || !arena_init()) {
        perror("setting up");
        exit(1);
    }
}

Task *host_task(void)
{
    static JumpEntry jump_cache[JUMP_CACHE];
    static _Alignas(CODE_STACK) u8 code_stack[CODE_STACK];
    memset(task, 0, sizeof *task);
    task->process = &process;
    task->guest = process.guest;
    task->jump_cache = jump_cache;
    code_stack_init(task, code_stack);
    jump_cache_clear(jump_cache);
    return task;
}

Ir *host_lift(u64 pc, u32 max_insns)
{
    char why[256];
    lift_block(process.guest, pc, max_insns, ir);
    if (!ir_verify(ir, why, sizeof why)) {
        fprintf(stderr, "bad IR: %s\n", why);
        ir_print(ir, stderr, process.guest);
        abort();
    }
    return ir;
}

/* The interpreter in the place of compiled code, so that task_raise finds its way out. */
static __attribute__((preserve_none)) void interp_code(CODE_PARAMS)
{
    interp_run(t, (const Ir *)b);
    [[clang::musttail]] return state_stub(CODE_ARGS);
}

void host_step(Tier tier)
{
    const void *code = (const void *)interp_code;
    u64 b = (u64)ir;
    char why[256] = "no room for code";
    running = NULL;
    site = NULL;
    if (tier != TIER_INTERP) {
        Region region = {.guest = task->guest, .pc = task->pc, .blocks = &ir, .nblocks = 1, .exact = true, .opt = 1};
        region.flushes = always_flushes || task->fp_mode & FP_FLUSH;
        running = tier == TIER_BASELINE ? baseline_compile(task->guest, ir, -1) : orc_compile(&region, why, sizeof why);
        if (!running) {
            fprintf(stderr, "%s\n", why);
            exit(1);
        }
        code = running->code;
        b = 0;
    }
    task->in_code = true;
    code_enter(task, code, b);
    task->in_code = false;
    if (task->exit == EXIT_LINK)
        task->pc = task->exit_link->pc;
    else if (task->exit == EXIT_FAULT)
        task->pc = task->fault.pc;
}

int host_run(Tier tier, u32 left(const void *test, u64 pc), const void *test)
{
    u32 n;
    for (int steps = 0; (n = left(test, task->pc)); steps++) {
        if (steps == 1000)
            return SIGALRM;
        host_lift(task->pc, n);
        host_step(tier);
        switch ((Exit)task->exit) {
        case EXIT_UNDEF:
            return SIGILL;
        case EXIT_BREAK:
            return SIGTRAP;
        case EXIT_SYSCALL:
            return SIGSYS;
        case EXIT_FAULT:
            return task->fault.signo;
        default:
            break;
        }
    }
    return 0;
}

void host_run_all(Tier tier, size_t n, void init(void), void run(Tier tier, const void *test, void *outcome), const void *tests,
                  size_t test_size, void *outcomes, size_t outcome_size)
{
    /* Keeps what compiled tiers produce below the arena's size, and LLVM within the limit of CPU time, which ends a loop. */
    const size_t per_child = tier == TIER_LLVM ? 512 : 4096;
    size_t *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    u8 *shared = mmap(NULL, n * outcome_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || shared == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    fflush(NULL);
    *at = 0;
    while (*at < n) {
        size_t end = *at + per_child < n ? *at + per_child : n;
        int status = 0;
        pid_t pid = fork();
        if (pid == 0) {
            setrlimit(RLIMIT_CPU, &(struct rlimit){60, 60});
            init();
            for (; *at < end; ++*at) {
                run(tier, (const u8 *)tests + *at * test_size, shared + *at * outcome_size);
                _mm_setcsr(0x1f80);
            }
            _exit(0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid) {
            perror("fork");
            exit(1);
        }
        if (status) {
            memset(shared + *at * outcome_size, 0, outcome_size);
            *(int32_t *)(shared + (*at)++ * outcome_size) = HOST_CRASH;
        }
    }
    memcpy(outcomes, shared, n * outcome_size);
    munmap(shared, n * outcome_size);
    munmap(at, sizeof *at);
}

Tier host_tier(const char *name)
{
    return !strcmp(name, "llvm") ? TIER_LLVM : !strcmp(name, "baseline") ? TIER_BASELINE : TIER_INTERP;
}
