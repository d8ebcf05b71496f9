/* Random A32 and T32 instructions, made from the decode tables' rows, run by QEMU (oracle.c) and by us from the same random state. Prints
 * the first mismatches of each row and a count for every failing row. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../../frontend/arm/arm.h"
#include "../../../lifter/dump.h"
#include "../host.h"
#include "case.h"

enum { MOST_ROWS = 2048, MOST_INSNS = 8 };

static Rng rng = {1};

static u64 next_random(void)
{
    return rng_next(&rng);
}

static u64 below(u64 n)
{
    return rng_below(&rng, n);
}

/* -- our side ------------------------------------------------------------------------------------------------------------ */

static u64 pristine[SCRATCH_SIZE / 8];

static void set_up(void)
{
    u64 *scratch = (u64 *)(u64)SCRATCH_ADDR;
    for (u32 i = 0; i < SCRATCH_SIZE / 8; i++)
        scratch[i] = pristine[i] = case_scratch(i * 8);
    host_init(&guest_arm, true); /* Advanced SIMD flushes */
}

/* How many instructions from pc on are under test. */
static u32 insns_left(const void *test, u64 pc)
{
    const Case *c = test;
    u32 n = 0;
    for (u64 at = (pc & ARM_CODE_MASK) - CODE_PC; at < c->size; n++) {
        u16 half;
        memcpy(&half, c->code + at, 2);
        at += !c->thumb || half >> 11 >= 0x1d ? 4 : 2;
    }
    return n;
}

static void run_case(Tier tier, const void *test, void *outcome)
{
    const Case *c = test;
    Outcome *out = outcome;
    u32 *code = (u32 *)(u64)CODE_ADDR;
    Task *t = host_task();
    for (u32 i = 0; i < CODE_SIZE / 4; i++)
        code[i] = case_filler(i, c->thumb);
    memcpy((void *)(u64)CODE_PC, c->code, c->size);
    guest_arm.reset(t, 0, 0);
    ArmState *s = arm_state(t);
    for (int i = 0; i < 15; i++)
        s->r[i] = c->state.r[i];
    u64 mode = arm_set_cpsr(s, c->state.cpsr);
    arm_set_fpscr(t, c->state.fpscr);
    memcpy(s->v, c->state.d, sizeof s->v);
    memset(out, 0, sizeof *out);
    t->pc = CODE_PC | c->thumb | mode;
    out->signo = host_run(tier, insns_left, c);
    out->addr = (u32)t->fault.addr;
    for (int i = 0; i < 15; i++) {
        out->state.r[i] = (u32)s->r[i];
        if (s->r[i] >> 32)
            out->signo = HOST_CRASH;
    }
    out->state.pc = (u32)(t->pc & ARM_CODE_MASK);
    out->state.cpsr = arm_cpsr(s, t->pc) & CPSR_SEEN;
    out->state.fpscr = arm_fpscr(t);
    memcpy(out->state.d, s->v, sizeof s->v);
    case_scan((uint64_t *)(u64)SCRATCH_ADDR, pristine, out);
}

/* -- QEMU's side ---------------------------------------------------------------------------------------------------------- */

static bool run_oracle(const char *qemu, const char *oracle, const Case *cases, Outcome *outcomes, size_t n)
{
    char in[] = "/tmp/fuzz-arm-XXXXXX", out[] = "/tmp/fuzz-arm-XXXXXX", command[8192];
    int fd = mkstemp(in), result = mkstemp(out);
    bool ok = fd >= 0 && result >= 0 && write(fd, cases, n * sizeof *cases) == (ssize_t)(n * sizeof *cases);
    snprintf(command, sizeof command, "%s -cpu max %s <%s >%s 2>/dev/null", qemu, oracle, in, out);
    ok = ok && system(command) == 0 && pread(result, outcomes, n * sizeof *outcomes, 0) == (ssize_t)(n * sizeof *outcomes);
    close(fd);
    close(result);
    unlink(in);
    unlink(out);
    return ok;
}

/* QEMU itself ends on a jump into the page of helpers: the cases around such a one count as skipped. */
static void run_oracle_in_parts(const char *qemu, const char *oracle, const Case *cases, Outcome *outcomes, size_t n)
{
    enum { FEW = 32 };
    if (run_oracle(qemu, oracle, cases, outcomes, n))
        return;
    if (n > FEW) {
        run_oracle_in_parts(qemu, oracle, cases, outcomes, n / 2);
        run_oracle_in_parts(qemu, oracle, cases + n / 2, outcomes + n / 2, n - n / 2);
        return;
    }
    for (size_t i = 0; i < n; i++)
        outcomes[i].signo = SIGALRM;
}

/* -- random cases ----------------------------------------------------------------------------------------------------------- */

static u32 random_word(void)
{
    static const u32 special[] = {0, 1, 2, 3, ~0u, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0x80000001, 0x55555555, 0x00ff00ff};
    switch (below(6)) {
    case 0:
    case 1: return special[below(LEN(special))];
    case 2: return (u32)below(40);
    case 3: return (u32)next_random() >> below(32);
    default: return (u32)next_random();
    }
}

static u32 random_pointer(void)
{
    u32 p = SCRATCH_ADDR + SCRATCH_BASE + (u32)below(1024);
    return below(6) ? p & ~7u : p;
}

static u32 random_f32(void)
{
    static const u32 special[] = {0, 0x3f800000, 0x3f000000, 0x40000000, 0x3fc00000, 0x7f800000, 0x7fc00000, 0x7fc01234, 0x7f800001, 0x7fa0abcd, 1,
                                  0x007fffff, 0x00400000, 0x00800000, 0x00800001, 0x7f7fffff, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x4f800000, 0x38800000, 0x477fe000};
    u32 sign = (u32)next_random() & 0x80000000;
    switch (below(4)) {
    case 0:
    case 1: return special[below(LEN(special))] ^ sign;
    case 2: return ((u32)next_random() & 0x7fffff) | (u32)(0x70 + below(0x20)) << 23 | sign;
    default: return special[below(LEN(special))] + (u32)below(16) - 8;
    }
}

static u64 random_f64(void)
{
    static const u64 special[] = {0, 0x3ff0000000000000, 0x3fe0000000000000, 0x4000000000000000, 0x7ff0000000000000, 0x7ff8000000000000, 0x7ff8000000001234,
                                  0x7ff0000000000001, 1, 0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x41dfffffffc00000, 0x41e0000000000000,
                                  0x3810000000000000, 0x380fffffffffffff, 0x36a0000000000000, 0x47efffffe0000000};
    u64 sign = next_random() & 1ull << 63;
    switch (below(4)) {
    case 0:
    case 1: return special[below(LEN(special))] ^ sign;
    case 2: return (next_random() & 0xfffffffffffff) | (0x3e0 + below(0x40)) << 52 | sign;
    default: return special[below(LEN(special))] + below(16) - 8;
    }
}

static void random_state(State *s)
{
    memset(s, 0, sizeof *s);
    for (int i = 0; i < 15; i++)
        s->r[i] = below(8) ? random_word() : random_pointer();
    s->r[13] = random_pointer() & ~7u;
    s->cpsr = (u32)below(32) << 27 | (u32)below(16) << 16 | (below(6) ? 0 : ARM_CPSR_E);
    if (below(2))
        s->fpscr = (u32)below(4) << 22 | (below(4) == 0) << 24 | (below(4) == 0) << 25 | (u32)(next_random() & 0xf0000000) | (u32)(next_random() & 0x0800009f);
    int kind = (int)below(4);
    for (int i = 0; i < 32; i++)
        switch (below(4) ? kind : (int)below(4)) {
        case 0: s->d[i] = next_random(); break;
        case 1: s->d[i] = random_f64(); break;
        case 2: s->d[i] = random_f32() | (u64)random_f32() << 32; break;
        default: s->d[i] = random_word() | (u64)random_word() << 32; break;
        }
}

typedef struct Fuzz {
    const char *row;
    bool a32, t32, it;
    u32 length;
} Fuzz;

static bool has(const char *name, const char *part)
{
    return strstr(name, part) != NULL;
}

static bool is_memory(const char *name)
{
    return has(name, "ldr") || has(name, "str") || has(name, "ldm") || has(name, "stm") || has(name, "vld") || has(name, "vst") || has(name, "swp") ||
        has(name, "lda") || has(name, "stl") || has(name, "ldae") || has(name, "tbb") || has(name, "tbh");
}

/* System calls and what reads machine state; WFE and its kind. */
static bool is_incomparable(const char *name)
{
    static const char *const names[] = {"svc", "t16_svc", "mcr", "mrc", "hint", "t16_hint", "t32_hint", "vmrs", "mrs", "t32_mrs"};
    for (size_t i = 0; i < LEN(names); i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

/* What may not stand in an IT block, or only at its end. */
static bool ends_it(const char *name)
{
    return has(name, "_it") || has(name, "cbz") || has(name, "_b") || has(name, "_tb") || has(name, "bkpt") || has(name, "pop") || has(name, "high") || has(name, "setend");
}

/* The first row's number in Insn.op */
static u32 first_of(u32 table)
{
    u32 first = 0;
    for (u32 m = 0; m < table; m++)
        first += arm_decode_tables[m]->nrows;
    return first;
}

/* One instruction behind the case's code; its row, counted through all tables. */
static int add_instruction(const Fuzz *f, Case *c, bool conditional)
{
    for (;;) {
        u32 n = c->thumb ? 1 + (u32)below(2) : 0;
        const DecodeTable *t = arm_decode_tables[n];
        if (c->thumb && below(4) == 0)
            t = arm_decode_tables[n = 0]; /* coprocessors' */
        u32 k = (u32)below(t->nrows);
        const DecodeRow *r = &t->rows[k];
        if ((f->row && strncmp(r->name, f->row, strlen(f->row))) || is_incomparable(r->name) ||
            (c->thumb && conditional && ends_it(r->name)) || (f->length > 1 && !strcmp(r->name, "t16_it")))
            continue;
        u32 w = r->value | ((u32)next_random() & ~r->mask);
        Insn i;
        if (n == 2 && !arm_decode_t16(w &= 0xffff, &i))
            continue;
        if (n == 0 && !c->thumb) {
            if (w >> 28 != 15 && r->mask >> 28 != 15 && !conditional)
                w = (w & 0x0fffffff) | 0xe0000000;
            if (!arm_decode_a32(w, &i))
                continue;
        } else if (n == 0) { /* to its T32 form */
            if (w >> 25 == 0x79)
                w = (w & 0xffffff) | (w >> 24 & 1 ? 0xff000000 : 0xef000000);
            else if (w >> 24 == 0xf4)
                w = (w & 0xffffff) | 0xf9000000;
            else if (w >> 28 != 15)
                w = (w & 0x0fffffff) | 0xe0000000;
            if (w >> 26 != 0x3b && w >> 26 != 0x3f && w >> 24 != 0xf9)
                continue;
            if (!arm_decode_t32(w, &i))
                continue;
        } else if (n == 1 && !arm_decode_t32(w, &i)) {
            continue;
        }
        if (i.op != first_of(n) + k) /* another row's by its fields */
            continue;
        if (n == 1 && conditional && i.rd == 15) /* a jump out of the middle of an IT block */
            continue;
        if (f->length > 1 && has(r->name, "st") && i.rn == 15) /* to the instructions behind it */
            continue;
        if (is_memory(r->name)) {
            u32 base = n == 2 && (has(r->name, "push") || has(r->name, "pop") || has(r->name, "_sp")) ? 13 : i.rn;
            /* Pairs and their kind may be fixed up or not where they aren't aligned. */
            bool aligned = has(r->name, "ex") || has(r->name, "d_") || has(r->name, "rd_") || has(r->name, "m_") || !strcmp(r->name, "ldm") || !strcmp(r->name, "stm") ||
                has(r->name, "16_ldm") || has(r->name, "16_stm") || r->name[0] == 'v';
            if (base < 13 || base == 14)
                c->state.r[base] = aligned ? random_pointer() & ~7u : random_pointer();
            if (has(r->name, "_reg") && i.rm < 13 && i.rm != base)
                c->state.r[i.rm] = (u32)below(64) & (aligned ? ~7u : ~0u);
        }
        if (n == 2) {
            u16 half = (u16)w;
            memcpy(c->code + c->size, &half, 2);
            c->size += 2;
        } else {
            u32 out = c->thumb ? w << 16 | w >> 16 : w;
            memcpy(c->code + c->size, &out, 4);
            c->size += 4;
        }
        return (int)(first_of(n) + k);
    }
}

static const char *row_name(int row)
{
    for (u32 m = 0; m < 3; m++) {
        if (row < (int)arm_decode_tables[m]->nrows)
            return arm_decode_tables[m]->rows[row].name;
        row -= (int)arm_decode_tables[m]->nrows;
    }
    return "?";
}

/* What a case was made of; the row of IT is -1. */
typedef struct Made {
    u32 n, at[MOST_INSNS];
    int row[MOST_INSNS];
} Made;

static void random_case(const Fuzz *f, Case *c, Made *m)
{
    memset(c, 0, sizeof *c);
    m->n = 0;
    random_state(&c->state);
    c->thumb = f->a32 && f->t32 ? (u32)below(2) : f->t32;
    u32 n = f->length;
    if (c->thumb && f->it) {
        u16 it = (u16)(0xbf00 | below(14) << 4 | (1 + below(15)));
        memcpy(c->code, &it, 2);
        c->size = 2;
        m->row[m->n++] = -1;
        n = 4 - (u32)__builtin_ctz(it & 15);
    }
    for (u32 k = 0; k < n; k++) {
        m->at[m->n] = c->size;
        m->row[m->n++] = add_instruction(f, c, f->it);
    }
}

static int last_row(const Made *m)
{
    return m->row[m->n - 1];
}

/* -- comparison --------------------------------------------------------------------------------------------------------------- */

static bool equal(const Outcome *a, const Outcome *b)
{
    if (a->signo != b->signo || a->nmem != b->nmem || memcmp(a->mem, b->mem, a->nmem * sizeof *a->mem))
        return false;
    if (a->signo && a->signo != SIGTRAP && a->signo != SIGILL && a->addr != b->addr)
        return false;
    return !memcmp(&a->state, &b->state, sizeof a->state);
}

static void show(const Case *c, const Outcome *want, const Outcome *got)
{
    memcpy((void *)(u64)CODE_PC, c->code, c->size);
    for (u32 at = 0; at < c->size;) {
        char text[128];
        u32 word;
        memcpy(&word, c->code + at, 4);
        size_t n = dump_guest_insn(&guest_arm, (CODE_PC + at) | c->thumb, 4, text, sizeof text);
        printf("   %08x %s\n", word, text);
        at += n ? (u32)n : 4;
    }
    if (want->signo != got->signo)
        printf("   signal: want %d got %d\n", want->signo, got->signo);
    if (want->addr != got->addr)
        printf("   address: want %08x got %08x\n", want->addr, got->addr);
    for (int i = 0; i < 16; i++) {
        u32 was = i < 15 ? c->state.r[i] : CODE_PC, w = i < 15 ? want->state.r[i] : want->state.pc, g = i < 15 ? got->state.r[i] : got->state.pc;
        if (w != g)
            printf("   r%-2d: was %08x want %08x got %08x\n", i, was, w, g);
    }
    if (want->state.cpsr != got->state.cpsr)
        printf("   cpsr: was %08x want %08x got %08x\n", c->state.cpsr, want->state.cpsr, got->state.cpsr);
    if (want->state.fpscr != got->state.fpscr)
        printf("   fpscr: was %08x want %08x got %08x\n", c->state.fpscr, want->state.fpscr, got->state.fpscr);
    for (int i = 0; i < 32; i++)
        if (want->state.d[i] != got->state.d[i])
            printf("   d%-2d: was %016lx want %016lx got %016lx\n", i, c->state.d[i], want->state.d[i], got->state.d[i]);
    for (u32 i = 0; i < want->nmem || i < got->nmem; i++)
        if (i >= want->nmem || i >= got->nmem || memcmp(&want->mem[i], &got->mem[i], sizeof *want->mem))
            printf("   memory: want %lx: %016lx got %lx: %016lx\n", i < want->nmem ? want->mem[i].offset : 0, i < want->nmem ? want->mem[i].value : 0,
                   i < got->nmem ? got->mem[i].offset : 0, i < got->nmem ? got->mem[i].value : 0);
    printf("   signal %d at %08x, operands:", got->signo, got->state.pc);
    for (int i = 0; i < 15; i++)
        printf(" %x", c->state.r[i]);
    printf(" cpsr %08x fpscr %08x\n", c->state.cpsr, c->state.fpscr);
}

/* What is unpredictable, and QEMU makes something of it: uses of PC, registers twice, more bits of fraction than a number has. Ill: it was
 * SIGILL here. */
static bool unpredictable(const char *row, const Case *c, u32 at, bool ill)
{
    u32 word;
    if (ill && (has(row, "_fixed") || has(row, "vmov_to_rr") || has(row, "vtrn") || has(row, "vzip") || has(row, "vuzp") ||
                has(row, "_multiple") || has(row, "_all") || !strcmp(row, "vld_lane") || !strcmp(row, "vst_lane")))
        return true;
    if (has(row, "ldrd")) /* an index that is loaded, too */
        return true;
    if (!ill && !has(row, "sml") && !has(row, "smm"))
        return false;
    memcpy(&word, c->code + at, 4);
    if (c->thumb)
        word = word << 16 | word >> 16;
    if (c->thumb && (word & 0xfe400000) == 0xe8000000) /* SP or the base in the list of a block transfer */
        return true;
    for (u32 n = 0; n < 20; n += 4)
        if ((word >> n & 15) == 15)
            return true;
    return false;
}

/* A store exclusive behind a load exclusive of another size */
static bool mixes_exclusives(const Made *m)
{
    int loaded = -1;
    for (u32 k = 0; k < m->n; k++) {
        const char *name = m->row[k] < 0 ? "" : row_name(m->row[k]), *ex = strstr(name, "ex");
        if (ex && has(name, "ld"))
            loaded = ex[2];
        else if (ex && has(name, "st") && loaded >= 0 && loaded != ex[2])
            return true;
    }
    return false;
}

static bool refused(const Made *m, const Case *c, const Outcome *want, const Outcome *got)
{
    if (mixes_exclusives(m))
        return true;
    bool ill = got->signo == SIGILL && (want->signo != SIGILL || want->state.pc != got->state.pc);
    for (u32 k = 0; k < m->n; k++) {
        bool here = ill && got->state.pc - CODE_PC == m->at[k];
        if (m->row[k] < 0 || !strcmp(row_name(m->row[k]), "t16_it") ? here : unpredictable(row_name(m->row[k]), c, m->at[k], here))
            return true;
    }
    return false;
}

/* Where QEMU and its program may have memory that we don't have. */
static bool is_elsewhere(u32 addr)
{
    return addr - CODE_ADDR >= CODE_SIZE && addr - SCRATCH_ADDR >= SCRATCH_SIZE;
}

/* What both may do as they like: loops, and jumps to what happens to be the one's or the other's memory. */
static bool skipped(const Case *c, const Outcome *want, const Outcome *got)
{
    bool far = want->state.pc - CODE_ADDR >= CODE_SIZE;
    if ((got->signo == SIGSEGV && got->addr != want->addr && is_elsewhere(got->addr)) ||
        (want->signo == SIGBUS && (got->signo != SIGBUS || got->state.pc > want->state.pc))) /* QEMU doesn't fix up what isn't aligned, as Linux does */
        return true;
    bool switched = (want->state.cpsr >> 5 & 1) != c->thumb || (got->state.cpsr >> 5 & 1) != c->thumb;
    if (switched || /* to what isn't code of that instruction set */ want->state.pc < 0x200000 || got->state.pc < 0x200000)
        return true;
    if (got->signo == SIGSYS) /* in the middle of an instruction */
        return true;
    return want->signo == SIGALRM || (far && want->signo != got->signo) || (far && !want->signo && want->state.pc == got->state.pc + 4);
}

int main(int argc, char **argv)
{
    static u32 failed[MOST_ROWS], tried[MOST_ROWS];
    Fuzz f = {.a32 = true, .t32 = true, .length = 1};
    Tier tier = TIER_INTERP;
    size_t n = 4000, ncases = 20000;
    u32 most = 1, mismatches = 0, skips = 0;
    const char *qemu = "build/qemu10/usr/bin/qemu-arm", *oracle = "build/release/tests/oracle_arm";
    for (int c; (c = getopt(argc, argv, "s:n:l:r:t:v:q:o:ATI")) != -1;) {
        switch (c) {
        case 's': rng.state = strtoull(optarg, NULL, 0); break;
        case 'n': ncases = strtoul(optarg, NULL, 0); break;
        case 'l': f.length = (u32)strtoul(optarg, NULL, 0); break;
        case 'r': f.row = optarg; break;
        case 't': tier = host_tier(optarg); break;
        case 'v': most = (u32)strtoul(optarg, NULL, 0); break;
        case 'q': qemu = optarg; break;
        case 'o': oracle = optarg; break;
        case 'A': f.t32 = false; break;
        case 'T': f.a32 = false; break;
        case 'I': f.it = true; break;
        default:
            fputs("usage: fuzz_arm [-s SEED] [-n CASES] [-l LENGTH] [-r ROW] [-t TIER] [-v SHOWN] [-q QEMU] [-o ORACLE] [-A] [-T] [-I]\n"
                  "  -A A32 alone, -T T32 alone, -I conditional: in IT blocks, or by their condition\n", stderr);
            return 2;
        }
    }
    if (f.length < 1 || f.length > 7)
        return 2;
    if (access(qemu, X_OK) || access(oracle, R_OK)) {
        printf("skipped: no %s or no %s\n", qemu, oracle);
        return 77;
    }
    host_map(CODE_ADDR, CODE_SIZE);
    host_map(SCRATCH_ADDR, SCRATCH_SIZE);
    Case *cases = calloc(n, sizeof *cases);
    Outcome *want = calloc(n, sizeof *want), *got = calloc(n, sizeof *got);
    Made *made = calloc(n, sizeof *made);
    for (size_t done = 0; done < ncases; done += n) {
        if (n > ncases - done)
            n = ncases - done;
        for (size_t i = 0; i < n; i++)
            random_case(&f, &cases[i], &made[i]);
        run_oracle_in_parts(qemu, oracle, cases, want, n);
        host_run_all(tier, n, set_up, run_case, cases, sizeof *cases, got, sizeof *got);
        for (size_t i = 0; i < n; i++) {
            int row = last_row(&made[i]);
            tried[row]++;
            skips += want[i].signo == SIGALRM;
            if (equal(&want[i], &got[i]) || skipped(&cases[i], &want[i], &got[i]) || refused(&made[i], &cases[i], &want[i], &got[i]))
                continue;
            mismatches++;
            if (failed[row]++ < most) {
                printf("%s%s\n", row_name(row), cases[i].thumb ? " (T32)" : "");
                show(&cases[i], &want[i], &got[i]);
            }
        }
    }
    u32 bad = 0;
    for (int i = 0; i < MOST_ROWS; i++)
        if (failed[i]) {
            bad++;
            printf("FAIL %-24s %u of %u\n", row_name(i), failed[i], tried[i]);
        }
    printf("%zu cases, %u mismatches in %u rows\n", ncases, mismatches, bad);
    if (skips > ncases / 20)
        printf("too many that QEMU didn't run: %u\n", skips);
    return mismatches != 0 || skips > ncases / 20;
}
