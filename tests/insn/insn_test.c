/* Replays recorded instruction tests through a tier: insn_test [-v] [-e N] [-m LEVEL] TIER GOLDEN.txt... Shows 10 mismatches, or
 * with -v all. -e N takes each Nth line only, -m the host's instructions up to an architecture level ("x86-64-v2"). */
#include <stdlib.h>
#include <unistd.h>

#include "../../lifter/host.h"
#include "golden.h"

typedef struct Suite {
    Case *cases;
    Outcome *want, *got;
    char (*text)[256];
    size_t n, cap;
} Suite;

static bool parse_line(Suite *s, char *line)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 1024;
        s->cases = realloc(s->cases, s->cap * sizeof *s->cases);
        s->want = realloc(s->want, s->cap * sizeof *s->want);
        s->text = realloc(s->text, s->cap * sizeof *s->text);
        if (!s->cases || !s->want || !s->text)
            return false;
    }
    Case *c = &s->cases[s->n];
    char *p = line, *end, *arrow = strstr(line, "=>");
    memset(c, 0, sizeof *c);
    for (;;) {
        u32 word = (u32)strtoul(p, &end, 16);
        if (end == p)
            break;
        if (c->count == CASE_WORDS)
            return false;
        c->words[c->count++] = word;
        p = end;
    }
    p += strspn(p, " ");
    if (*p != '|' || !arrow || !c->count)
        return false;
    unsigned variant = (unsigned)strtoul(p + 1, &p, 10);
    p += strspn(p, " ");
    if (*p++ != '|')
        return false;
    char *bar = strchr(p, '|');
    if (!bar || bar > arrow)
        return false;
    *bar = 0;
    *arrow = 0;
    snprintf(s->text[s->n], sizeof s->text[s->n], "%s", bar + 1);
    return golden_case(c, variant, p) && outcome_parse(arrow + 2, c, &s->want[s->n]) && ++s->n;
}

static bool read_file(Suite *s, const char *path, size_t every)
{
    FILE *f = fopen(path, "r");
    static char line[1 << 16];
    size_t number = 0;

    if (!f) {
        perror(path);
        return false;
    }
    while (fgets(line, sizeof line, f)) {
        if (number++ % every == 0 && !parse_line(s, line)) {
            fprintf(stderr, "%s:%zu: malformed\n", path, number);
            return false;
        }
    }
    fclose(f);
    return true;
}

int main(int argc, char **argv)
{
    static const char *const tiers[] = {"interp", "baseline", "llvm"};
    Suite s = {0};
    int tier = -1;
    size_t failed = 0, show = 10, every = 1;

    for (int c; (c = getopt(argc, argv, "ve:m:")) != -1;) {
        if (c == 'v')
            show = SIZE_MAX;
        else if (c == 'e')
            every = strtoul(optarg, NULL, 10);
        else if (c == 'm')
            host_level = optarg;
    }

    for (int i = 0; optind < argc && i < 3; i++)
        if (strcmp(argv[optind], tiers[i]) == 0)
            tier = i;
    if (tier < 0 || !every) {
        fputs("usage: insn_test [-v] [-e N] [-m LEVEL] interp|baseline|llvm GOLDEN.txt...\n", stderr);
        return 2;
    }
    for (int i = optind + 1; i < argc; i++)
        if (!read_file(&s, argv[i], every))
            return 1;
    s.got = calloc(s.n, sizeof *s.got);
    rig_run_all((Tier)tier, s.cases, s.got, s.n);
    for (size_t i = 0; i < s.n; i++) {
        if (outcome_equal(&s.want[i], &s.got[i]))
            continue;
        if (failed++ < show) {
            printf("%s\n", s.text[i]);
            mismatch_print(stdout, (Tier)tier, &s.cases[i], &s.want[i], &s.got[i]);
            rig_print_ir(stdout, &s.cases[i]);
        }
    }
    printf("%zu passed, %zu failed\n", s.n - failed, failed);
    return failed != 0;
}
