/* Runs a case through our lifter and one of the tiers, in this process and at the oracle's addresses. */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include <xmmintrin.h>

#include "../../../runtime/runtime.h"
#include "rig.h"

static Process process = {.lock = PTHREAD_MUTEX_INITIALIZER};
__attribute__((weak)) Process *the_process = &process;

/* Where the rig's own instructions run: those that set and read the system registers, so that it need not know how the
 * guest keeps them. */
#define SETUP_ADDR UINT64_C(0x3100000000)

static const uint32_t setup_words[] = {
    0xd51b4400, /* msr fpcr, x0 */
    0xd51b4421, /* msr fpsr, x1 */
    0xd51b4202, /* msr nzcv, x2 */
    0xd51bd043, /* msr tpidr_el0, x3 */
};
static const uint32_t readout_words[] = {0xd53b4400, 0xd53b4421, 0xd53b4202, 0xd53bd043};
enum { READOUT = 64 }; /* offset of the second sequence */

static uint64_t pristine[SCRATCH_SIZE / 8];
static Ir *ir;
static Task *task;
static Block *running; /* compiled code that is being run */

static uint64_t guest_pc(const Block *b, uint64_t rip)
{
    uint64_t offset = rip - (uint64_t)b->code, pc = b->pc;

    if (b->tier == TIER_LLVM || offset >= b->code_size)
        return task->pc;
    for (u32 i = 0; i < b->nmap && b->map[i].host <= offset; i++)
        pc = b->pc + (uint64_t)(int64_t)(i32)b->map[i].guest;
    return pc;
}

/* What the runtime's own handler does for a fault of the guest's. One of ours has nowhere to go and crashes. */
static void on_fault(int signo, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;

    if (!task || !task->in_code) {
        signal(signo, SIG_DFL);
        return;
    }
    if (running)
        task->pc = guest_pc(running, (uint64_t)uc->uc_mcontext.gregs[REG_RIP]);
    task->fault = (Fault){.signo = signo, .code = info->si_code, .addr = (u64)info->si_addr, .pc = task->pc};
    task->exit = EXIT_FAULT;
    code_leave(task, context, running && running->tier == TIER_BASELINE);
}

static void *map(uint64_t addr, size_t size)
{
    void *p = mmap((void *)addr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    if (p != (void *)addr) {
        perror("mapping the test area");
        exit(1);
    }
    return p;
}

static void rig_init(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE};
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    uint32_t *code = map(CODE_ADDR, CODE_SIZE), *setup = map(SETUP_ADDR, 4096);
    uint64_t *scratch = map(SCRATCH_ADDR, SCRATCH_SIZE);

    for (uint32_t i = 0; i < CODE_SIZE / 4; i++)
        code[i] = case_filler(i);
    for (uint64_t i = 0; i < SCRATCH_SIZE / 8; i++)
        scratch[i] = pristine[i] = case_scratch(i * 8);
    memcpy(setup, setup_words, sizeof setup_words);
    memcpy((char *)setup + READOUT, readout_words, sizeof readout_words);
    for (size_t i = 0; i < LEN(signals); i++)
        sigaction(signals[i], &sa, NULL);
    the_process = &process; /* the runtime's own variable, if that is linked, is empty */
    ir = ir_new();
    if (!ir || !(task = aligned_alloc(64, (sizeof *task + 63) & ~(size_t)63)) || !arena_init()) {
        perror("setting up");
        exit(1);
    }
}

static void lift(uint64_t pc, uint32_t max_insns)
{
    char why[256];

    lift_block(&guest_aarch64, pc, max_insns, ir);
    if (!ir_verify(ir, why, sizeof why)) {
        fprintf(stderr, "bad IR: %s\n", why);
        ir_print(ir, stderr, &guest_aarch64);
        abort();
    }
}

static void *reg(Task *t, const char *name)
{
    for (size_t i = 0; i < guest_aarch64.nregs; i++)
        if (strcmp(guest_aarch64.regs[i].name, name) == 0)
            return t->state + guest_aarch64.regs[i].offset;
    fprintf(stderr, "guest_aarch64 has no register %s\n", name);
    exit(1);
}

/* The general and vector registers between State and Task. */
static void registers(Task *t, State *s, bool put)
{
    char name[16];

    for (int i = 0; i < 32; i++) {
        u64 *x = i < 31 ? &s->x[i] : &s->sp;
        snprintf(name, sizeof name, i < 31 ? "x%d" : "sp", i);
        void *p = reg(t, name);
        memcpy(put ? p : (void *)x, put ? (void *)x : p, 8);
        snprintf(name, sizeof name, "v%d", i);
        p = reg(t, name);
        memcpy(put ? p : (void *)s->v[i], put ? (void *)s->v[i] : p, 16);
    }
}

/* The interpreter in the place of compiled code, so that task_raise finds its way out. */
static __attribute__((preserve_none)) void interp_code(CODE_PARAMS)
{
    interp_run(t, (const Ir *)b);
    [[clang::musttail]] return state_stub(CODE_ARGS);
}

static void system_registers(Task *t, State *s, bool put)
{
    u64 v[4] = {s->fpcr, s->fpsr, s->nzcv, s->tpidr}, saved[4];
    u64 *x[4] = {reg(t, "x0"), reg(t, "x1"), reg(t, "x2"), reg(t, "x3")};

    for (int i = 0; i < 4; i++) {
        saved[i] = *x[i];
        if (put)
            *x[i] = v[i];
    }
    lift(SETUP_ADDR + (put ? 0 : READOUT), 4);
    t->in_code = true;
    code_enter(t, (const void *)interp_code, (u64)ir);
    t->in_code = false;
    for (int i = 0; i < 4; i++) {
        v[i] = *x[i];
        *x[i] = saved[i];
    }
    if (!put) {
        s->fpcr = (u32)v[0];
        s->fpsr = (u32)v[1];
        s->nzcv = (u32)v[2];
        s->tpidr = v[3];
    }
}

static void step(Task *t, Tier tier)
{
    const void *code = (const void *)interp_code;
    u64 b = (u64)ir;

    char why[256] = "no room for code";

    running = NULL;
    if (tier != TIER_INTERP) {
        Region region = {.guest = t->guest, .pc = t->pc, .blocks = &ir, .nblocks = 1, .exact = true, .opt = 1};
        region.flushes = t->fp_mode & FP_FLUSH;

        running = tier == TIER_BASELINE ? baseline_compile(t->guest, ir, -1) : orc_compile(&region, why, sizeof why);
        if (!running) {
            fprintf(stderr, "%s\n", why);
            exit(1);
        }
        code = running->code;
        b = 0;
    }
    t->in_code = true;
    code_enter(t, code, b);
    t->in_code = false;
    if (t->exit == EXIT_LINK)
        t->pc = t->exit_link->pc;
}

/* Runs blocks until one leaves the words under test or raises something; the signal, or 0. */
static int run(Task *t, Tier tier, uint32_t count)
{
    t->pc = CODE_PC;
    for (int steps = 0; t->pc >= CODE_PC && t->pc < CODE_PC + 4 * count; steps++) {
        if (steps == 1000)
            return SIGALRM;
        lift(t->pc, count - (uint32_t)(t->pc - CODE_PC) / 4);
        step(t, tier);
        switch ((Exit)t->exit) {
        case EXIT_UNDEF:
            return SIGILL;
        case EXIT_BREAK:
            return SIGTRAP;
        case EXIT_SYSCALL:
            return SIGSYS;
        case EXIT_FAULT:
            t->pc = t->fault.pc;
            return t->fault.signo;
        default:
            break;
        }
    }
    return 0;
}

static void rig_run(Tier tier, const Case *c, Outcome *out)
{
    static JumpEntry jump_cache[JUMP_CACHE];
    static _Alignas(CODE_STACK) u8 code_stack[CODE_STACK];
    uint32_t *code = (uint32_t *)CODE_PC;
    State state = c->state;
    Task *t = task;

    memset(t, 0, sizeof *t);
    t->guest = &guest_aarch64;
    t->jump_cache = jump_cache;
    code_stack_init(t, code_stack);
    jump_cache_clear(jump_cache);

    for (uint32_t i = 0; i < CASE_WORDS; i++)
        code[i] = i < c->count ? c->words[i] : case_filler((uint32_t)(CODE_PC - CODE_ADDR) / 4 + i);
    guest_aarch64.reset(t, 0, 0);
    system_registers(t, &state, true);
    registers(t, &state, true);

    memset(out, 0, sizeof *out);
    out->signo = run(t, tier, c->count);
    out->addr = t->fault.addr;
    registers(t, &state, false);
    state.pc = t->pc;
    system_registers(t, &state, false);
    _mm_setcsr(0x1f80);
    out->state = state;
    if (case_writes(c->words, c->count))
        case_scan((uint64_t *)SCRATCH_ADDR, pristine, out);
}

void rig_run_all(Tier tier, const Case *cases, Outcome *outcomes, size_t n)
{
    /* Keeps what compiled tiers produce below the arena's size, and LLVM within the limit of CPU time, which ends a loop. */
    const size_t per_child = tier == TIER_LLVM ? 512 : 4096;
    size_t *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    Outcome *shared = mmap(NULL, n * sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

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
            rig_init();
            for (; *at < end; ++*at)
                rig_run(tier, &cases[*at], &shared[*at]);
            _exit(0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid) {
            perror("fork");
            exit(1);
        }
        if (status)
            shared[(*at)++] = (Outcome){.signo = RIG_CRASH};
    }
    memcpy(outcomes, shared, n * sizeof *outcomes);
    munmap(shared, n * sizeof *shared);
    munmap(at, sizeof *at);
}

void rig_print_ir(FILE *f, const Case *c)
{
    fflush(NULL);
    if (fork() == 0) {
        rig_init();
        memcpy((void *)CODE_PC, c->words, sizeof c->words);
        lift_block(&guest_aarch64, CODE_PC, c->count, ir);
        ir_print(ir, f, &guest_aarch64);
        fflush(f);
        _exit(0);
    }
    wait(NULL);
}
