/* The table of docs/aarch64_rows.md: which tests reach each row of the decoder, how often.
 *
 *     coverage [-g GOLDEN.txt]... [-r TABLE]... [-o NAME=CODE]...
 *
 * GOLDEN holds recorded cases, TABLE what fuzz_insn --table wrote, CODE is what a test program has for a text
 * section. Fails if there is a row that nothing reaches, or one with mismatches. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../frontend/decode.h"

extern const DecodeTable *const a64_decode_table;

enum { INTERP, BASELINE, LLVM, RANDOM_TIERS };

typedef struct Reached {
    unsigned golden, random[RANDOM_TIERS], mismatches;
    char programs[256];
} Reached;

static Reached *reached;

static int row_of(const char *name)
{
    for (unsigned n = 0; n < a64_decode_table->nrows; n++)
        if (!strcmp(a64_decode_table->rows[n].name, name))
            return (int)n;
    return -1;
}

static bool read_golden(const char *path)
{
    static char line[1 << 16];
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        char *p = line, *end;
        for (;; p = end) {
            unsigned word = (unsigned)strtoul(p, &end, 16);
            if (end == p)
                break;
            int row = decode_find(a64_decode_table, word);
            if (row >= 0)
                reached[row].golden++;
        }
    }
    return f && !fclose(f);
}

static bool read_table(const char *path)
{
    static const char *const tiers[RANDOM_TIERS] = {"interp", "baseline", "llvm"};
    char name[64], tier[16];
    unsigned cases, mismatches;
    FILE *f = fopen(path, "r");
    while (f && fscanf(f, "%63s %15s %u %u", name, tier, &cases, &mismatches) == 4) {
        int row = row_of(name);
        for (int t = 0; row >= 0 && t < RANDOM_TIERS; t++)
            reached[row].random[t] += strcmp(tier, tiers[t]) ? 0 : cases;
        if (row >= 0)
            reached[row].mismatches += mismatches;
    }
    return f && !fclose(f);
}

/* The program's words that are instructions of a row. */
static void read_code(const char *name, const unsigned *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int row = decode_find(a64_decode_table, words[i]);
        if (row < 0 || strstr(reached[row].programs, name))
            continue;
        size_t used = strlen(reached[row].programs);
        if (used + strlen(name) + 3 < sizeof reached->programs)
            sprintf(reached[row].programs + used, "%s%s", used ? ", " : "", name);
    }
}

static bool read_program(char *arg)
{
    static unsigned words[1 << 16];
    char *path = strchr(arg, '=');
    if (!path)
        return false;
    *path++ = 0;
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(words, sizeof *words, sizeof words / sizeof *words, f) : 0;
    read_code(arg, words, n);
    return f && !fclose(f) && n;
}

static bool is_reached(const Reached *r)
{
    unsigned random = 0;
    for (int t = 0; t < RANDOM_TIERS; t++)
        random += r->random[t];
    return r->golden || random || r->programs[0];
}

int main(int argc, char **argv)
{
    unsigned n = a64_decode_table->nrows, bad = 0;
    reached = calloc(n, sizeof *reached);
    if (!reached)
        return 1;
    for (int c; (c = getopt(argc, argv, "g:r:o:")) != -1;)
        if (!(c == 'g' ? read_golden(optarg) : c == 'r' ? read_table(optarg) : c == 'o' && read_program(optarg))) {
            fprintf(stderr, "coverage: can't read %s\n", optarg ? optarg : "its arguments");
            return 2;
        }
    puts("| row | recorded | random: interpreter | baseline | LLVM | programs |\n|---|---|---|---|---|---|");
    for (unsigned i = 0; i < n; i++) {
        const Reached *r = &reached[i];
        printf("| %s | %u | %u | %u | %u | %s |\n", a64_decode_table->rows[i].name, r->golden, r->random[INTERP], r->random[BASELINE],
               r->random[LLVM], r->programs);
        if (is_reached(r) && !r->mismatches)
            continue;
        fprintf(stderr, "coverage: %s: %s\n", a64_decode_table->rows[i].name, r->mismatches ? "has mismatches" : "nothing reaches it");
        bad++;
    }
    return bad != 0;
}
