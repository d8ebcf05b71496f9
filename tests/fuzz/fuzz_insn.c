/* Random instructions, made from the decode table's rows, run by the oracle and by us from the same random state.
 * fuzz_insn --help says how to use it. Prints the first mismatches of each row and a count for every failing row. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../frontend/decode.h"
#include "../insn/aarch64/rig.h"
#include "../../lifter/host.h"

extern const DecodeTable *const a64_decode_table;

enum { BATCH = 4000 };

typedef struct Fuzz {
    Rng rng;
    u64 seed;
    Tier tier;
    const char *qemu, *oracle, *row, *table; /* row: a prefix of the names to use */
    u64 cases;
    u32 length, show; /* instructions per case; mismatches printed per row */
    u32 *failed, *tried;
    bool max;
} Fuzz;

/* A direct branch to itself or backwards within the case would not end. */
static u32 without_loop(u32 w)
{
    static const struct {
        u32 mask, value, shift, width;
    } branches[] = {
        {0x7c000000, 0x14000000, 0, 26}, {0xfe000000, 0x54000000, 5, 19}, {0x7e000000, 0x34000000, 5, 19}, {0x7e000000, 0x36000000, 5, 14}};

    for (size_t i = 0; i < LEN(branches); i++) {
        u32 width = branches[i].width, offset = w >> branches[i].shift & ((1u << width) - 1);
        if ((w & branches[i].mask) == branches[i].value && (offset == 0 || offset > (1u << width) - CASE_WORDS))
            w ^= 0x20u << branches[i].shift;
    }
    return w;
}

/* Instructions that QEMU 10 lacks (FEAT_CSSC, FEAT_HBC, FEAT_LRCPC3, FEAT_LSE128; tests/prog/newer_insns.c has them), and those of
 * which only a sequence is the same everywhere (FEAT_MOPS). */
static bool is_incomparable(const char *row)
{
    static const char *const names[] = {
        "abs",     "cnt",     "ctz",     "smax",    "smin",     "umax",       "umin",    "smax_imm", "smin_imm", "umax_imm",
        "umin_imm", "bc_cond", "stilp",   "ldiapp",  "stlr_pre", "ldapr_post", "stlurv",  "ldapurv",  "stlurq",   "ldapurq",
        "stl1",    "ldap1",   "ldclrp",  "ldsetp",  "swpp",     "cpyfp",      "cpyfm",   "cpyfe",    "cpyp",     "cpym",
        "cpye",    "setp",    "setm",    "sete"};

    for (size_t i = 0; i < LEN(names); i++)
        if (strcmp(names[i], row) == 0)
            return true;
    return false;
}

/* A random word of a random row; its index in *row. */
static u32 random_word(Fuzz *f, int *row)
{
    const DecodeTable *t = a64_decode_table;

    for (;;) {
        u32 n = (u32)rng_below(&f->rng, t->nrows);
        const DecodeRow *r = &t->rows[n];
        if ((f->row && strncmp(r->name, f->row, strlen(f->row)) != 0) || is_incomparable(r->name))
            continue;
        u32 w = without_loop(r->value | ((u32)rng_next(&f->rng) & ~r->mask));
        if ((w & 0x3b000000) == 0x39000000 && rng_below(&f->rng, 4)) /* unsigned offset: mostly near */
            w &= ~(u32)0x003f0000 | (u32)rng_next(&f->rng);
        *row = decode_find(t, w);
        if (*row == (int)n)
            return w;
    }
}

static void usage(FILE *f)
{
    fputs("usage: fuzz_insn [options]\n"
          "  --seed N      first random number (default 1)\n"
          "  --cases N     how many cases (default 20000)\n"
          "  --length N    instructions per case, 1 to 8 (default 1)\n"
          "  --row PREFIX  only rows whose names start so\n"
          "  --tier T      interp (default), baseline or llvm\n"
          "  --host LEVEL  at most this level of the host's architecture (x86-64-v2, x86-64-v3)\n"
          "  --show N      mismatches to print per row (default 1)\n"
          "  --qemu PATH   default qemu-aarch64-static\n"
          "  --oracle PATH default: oracle beside this program\n"
          "  --max         as -cpu max, and FPCR.EBF is set now and then\n"
          "  --table FILE  adds a line to it for each row: its name, the tier, cases, mismatches\n"
          "  --word HEX    only this word (repeat it for a sequence)\n",
          f);
}

/* True if the two machines' difference says nothing: an endless loop; an address with a tag in its top byte, which hardware
 * ignores and the host doesn't (its fault has address 0); an access or a branch that happens to hit
 * something of the oracle's or of ours. */
static bool skip(const Outcome *want, const Outcome *got)
{
    if (want->signo == SIGALRM || (got->state.pc >= 0x400000 && got->state.pc < 0x600000))
        return true;
    if (want->signo == SIGSEGV && want->addr < UINT64_C(1) << 32) /* may be ours */
        return true;
    return got->signo == SIGSEGV && want->signo == 0 && (got->addr == 0 || (got->addr >= 0x400000 && got->addr < 0x600000));
}

/* Runs n cases whose rows are `rows` (length of each) and reports. False if the oracle can't run. */
static bool run_batch(Fuzz *f, const Case *cases, int (*rows)[CASE_WORDS], size_t n, u32 *mismatches)
{
    static Outcome want[BATCH], got[BATCH];

    if (!oracle_run(f->qemu, f->oracle, cases, want, n))
        return false;
    rig_run_all(f->tier, cases, got, n);

    for (size_t i = 0; i < n; i++) {
        int row = rows[i][0];
        f->tried[row]++;
        if (outcome_equal(&want[i], &got[i]) || skip(&want[i], &got[i]))
            continue;
        ++*mismatches;
        if (f->failed[row]++ < f->show) {
            for (u32 k = 0; k < cases[i].count; k++)
                printf("%s ", a64_decode_table->rows[rows[i][k]].name);
            printf("(seed %llu)\n", (unsigned long long)f->seed);
            mismatch_print(stdout, f->tier, &cases[i], &want[i], &got[i]);
            rig_print_ir(stdout, &cases[i]);
        }
    }
    return true;
}

static const char *const tiers[] = {"interp", "baseline", "llvm"};

/* For tests/insn/coverage.c */
static bool write_table(const Fuzz *f)
{
    FILE *out = fopen(f->table, "a");
    for (u32 i = 0; out && i < a64_decode_table->nrows; i++)
        fprintf(out, "%s %s %u %u\n", a64_decode_table->rows[i].name, tiers[f->tier], f->tried[i], f->failed[i]);
    return out && !fclose(out);
}

static int parse_tier(const char *name)
{
    for (int i = 0; i < 3; i++)
        if (strcmp(name, tiers[i]) == 0)
            return i;
    return -1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seed", 1, 0, 's'},  {"cases", 1, 0, 'n'}, {"length", 1, 0, 'l'}, {"row", 1, 0, 'r'},  {"tier", 1, 0, 't'}, {"show", 1, 0, 'v'},
                                            {"qemu", 1, 0, 'q'}, {"oracle", 1, 0, 'o'}, {"word", 1, 0, 'w'},   {"host", 1, 0, 'm'}, {"table", 1, 0, 'T'}, {"max", 0, 0, 'x'}, {"help", 0, 0, 'h'}, {0, 0, 0, 0}};
    static Case cases[BATCH];
    static int rows[BATCH][CASE_WORDS];
    char beside[4096];
    Fuzz f = {.seed = 1, .cases = 20000, .length = 1, .show = 1, .qemu = "qemu-aarch64-static"};
    u32 words[CASE_WORDS], nwords = 0, mismatches = 0;
    int c, tier;

    snprintf(beside, sizeof beside, "%s", argv[0]);
    char *slash = strrchr(beside, '/');
    snprintf(slash ? slash + 1 : beside, 16, "oracle");
    f.oracle = beside;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 's':
            f.seed = strtoull(optarg, NULL, 0);
            break;
        case 'n':
            f.cases = strtoull(optarg, NULL, 0);
            break;
        case 'l':
            f.length = (u32)strtoul(optarg, NULL, 0);
            break;
        case 'r':
            f.row = optarg;
            break;
        case 't':
            tier = parse_tier(optarg);
            if (tier < 0) {
                usage(stderr);
                return 2;
            }
            f.tier = (Tier)tier;
            break;
        case 'v':
            f.show = (u32)strtoul(optarg, NULL, 0);
            break;
        case 'q':
            f.qemu = optarg;
            break;
        case 'o':
            f.oracle = optarg;
            break;
        case 'x':
            f.max = guest_aarch64.choose_cpu("max") && guest_aarch64.cpu_detail("pauth", 5, "off");
            break;
        case 'T':
            f.table = optarg;
            break;
        case 'm':
            host_level = optarg;
            break;
        case 'w':
            if (nwords < CASE_WORDS)
                words[nwords++] = (u32)strtoul(optarg, NULL, 16);
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return 2;
        }
    }
    if (f.length < 1 || f.length > CASE_WORDS) {
        usage(stderr);
        return 2;
    }
    if (strchr(f.qemu, '/') && access(f.qemu, X_OK) != 0) {
        printf("skipped: no %s\n", f.qemu);
        return 77;
    }
    bool found = !f.row;
    for (u32 i = 0; i < a64_decode_table->nrows && !found; i++)
        found = strncmp(a64_decode_table->rows[i].name, f.row, strlen(f.row)) == 0;
    if (!found) {
        fprintf(stderr, "fuzz_insn: no row's name starts with %s\n", f.row);
        return 2;
    }
    f.rng.state = f.seed;
    f.failed = calloc(a64_decode_table->nrows, sizeof *f.failed);
    f.tried = calloc(a64_decode_table->nrows, sizeof *f.tried);

    for (u64 done = 0; done < f.cases;) {
        size_t n = 0;
        while (n < BATCH && done + n < f.cases) {
            Case *one = &cases[n];
            memset(one, 0, sizeof *one);
            one->count = nwords ? nwords : f.length;
            for (u32 k = 0; k < one->count; k++) {
                one->words[k] = nwords ? words[k] : random_word(&f, &rows[n][k]);
                if (nwords)
                    rows[n][k] = decode_find(a64_decode_table, words[k]) < 0 ? 0 : decode_find(a64_decode_table, words[k]);
            }
            case_random(one, &f.rng);
            if (f.max && rng_below(&f.rng, 2))
                one->state.fpcr |= 1 << 13;
            if (nwords || !case_excluded(one))
                n++;
        }
        if (!run_batch(&f, cases, rows, n, &mismatches))
            return 1;
        done += n;
    }
    if (f.table && !write_table(&f)) {
        perror(f.table);
        return 1;
    }
    u32 bad = 0, untried = 0;
    for (u32 i = 0; i < a64_decode_table->nrows; i++) {
        untried += !f.tried[i];
        if (!f.failed[i])
            continue;
        bad++;
        printf("FAIL %-24s %u of %u\n", a64_decode_table->rows[i].name, f.failed[i], f.tried[i]);
    }
    printf("%llu cases, %u mismatches in %u of %u rows (%u not tried), seed %llu\n", (unsigned long long)f.cases, mismatches, bad,
           a64_decode_table->nrows, untried, (unsigned long long)f.seed);
    return mismatches != 0;
}
