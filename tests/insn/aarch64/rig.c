/* Runs a case through our lifter and one of the tiers, in this process and at the oracle's addresses. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

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

static void rig_init(void)
{
    uint32_t *code = host_map(CODE_ADDR, CODE_SIZE), *setup = host_map(SETUP_ADDR, 4096);
    uint64_t *scratch = host_map(SCRATCH_ADDR, SCRATCH_SIZE);

    for (uint32_t i = 0; i < CODE_SIZE / 4; i++)
        code[i] = case_filler(i);
    for (uint64_t i = 0; i < SCRATCH_SIZE / 8; i++)
        scratch[i] = pristine[i] = case_scratch(i * 8);
    memcpy(setup, setup_words, sizeof setup_words);
    memcpy((char *)setup + READOUT, readout_words, sizeof readout_words);
    host_init(&guest_aarch64, false);
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

static void system_registers(Task *t, State *s, bool put)
{
    u64 v[4] = {s->fpcr, s->fpsr, s->nzcv, s->tpidr}, saved[4];
    u64 *x[4] = {reg(t, "x0"), reg(t, "x1"), reg(t, "x2"), reg(t, "x3")};

    for (int i = 0; i < 4; i++) {
        saved[i] = *x[i];
        if (put)
            *x[i] = v[i];
    }
    u64 pc = t->pc;
    host_lift(SETUP_ADDR + (put ? 0 : READOUT), 4);
    host_step(TIER_INTERP);
    t->pc = pc;
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

static uint32_t words_left(const void *test, uint64_t pc)
{
    const Case *c = test;
    return pc >= CODE_PC && pc < CODE_PC + 4 * c->count ? c->count - (uint32_t)(pc - CODE_PC) / 4 : 0;
}

static void rig_run(Tier tier, const void *test, void *outcome)
{
    const Case *c = test;
    Outcome *out = outcome;
    uint32_t *code = (uint32_t *)CODE_PC;
    State state = c->state;
    Task *t = host_task();

    for (uint32_t i = 0; i < CASE_WORDS; i++)
        code[i] = i < c->count ? c->words[i] : case_filler((uint32_t)(CODE_PC - CODE_ADDR) / 4 + i);
    guest_aarch64.reset(t, 0, 0);
    system_registers(t, &state, true);
    registers(t, &state, true);

    memset(out, 0, sizeof *out);
    t->pc = CODE_PC;
    out->signo = host_run(tier, words_left, c);
    out->addr = t->fault.addr;
    registers(t, &state, false);
    state.pc = t->pc;
    system_registers(t, &state, false);
    out->state = state;
    if (case_writes(c->words, c->count))
        case_scan((uint64_t *)SCRATCH_ADDR, pristine, out);
}

void rig_run_all(Tier tier, const Case *cases, Outcome *outcomes, size_t n)
{
    host_run_all(tier, n, rig_init, rig_run, cases, sizeof *cases, outcomes, sizeof *outcomes);
}

void rig_print_ir(FILE *f, const Case *c)
{
    fflush(NULL);
    if (fork() == 0) {
        rig_init();
        memcpy((void *)CODE_PC, c->words, sizeof c->words);
        ir_print(host_lift(CODE_PC, c->count), f, &guest_aarch64);
        fflush(f);
        _exit(0);
    }
    wait(NULL);
}
