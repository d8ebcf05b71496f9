/* Assembles the fixed tests of one file and records what QEMU makes of them:
 *
 *     insn_record QEMU ORACLE IN.txt OUT.txt
 *
 * A line is one instruction or a sequence joined by `;`, optionally `| register=value ...`. Each runs from VARIANTS states. */
#include <stdlib.h>

#include "golden.h"

enum { VARIANTS = 4, LINES = 8192 };

typedef struct Line {
    char text[256], init[256];
    uint32_t words[CASE_WORDS], count;
} Line;

static Line lines[LINES];
static size_t nlines;

static char *trim(char *s)
{
    s += strspn(s, " \t");
    size_t n = strlen(s);
    while (n && strchr(" \t\n", s[n - 1]))
        s[--n] = 0;
    return s;
}

static bool read_lines(const char *path)
{
    FILE *f = fopen(path, "r");
    char buffer[512];

    if (!f) {
        perror(path);
        return false;
    }
    while (fgets(buffer, sizeof buffer, f)) {
        char *bar = strchr(buffer, '|');
        if (bar)
            *bar++ = 0;
        char *text = trim(buffer);
        if (!*text || *text == '#')
            continue;
        if (nlines == LINES) {
            fprintf(stderr, "%s: too many lines\n", path);
            return false;
        }
        snprintf(lines[nlines].text, sizeof lines[nlines].text, "%s", text);
        snprintf(lines[nlines].init, sizeof lines[nlines].init, "%s", bar ? trim(bar) : "");
        nlines++;
    }
    fclose(f);
    return true;
}

/* A marker that no test contains goes between the lines' code. */
enum { MARK = 0x00004d4b };

static bool assemble(void)
{
    char dir[] = "/tmp/insn-record-XXXXXX", source[64], command[512];
    uint32_t word;

    if (!mkdtemp(dir)) {
        perror(dir);
        return false;
    }
    snprintf(source, sizeof source, "%s/a.s", dir);
    FILE *f = fopen(source, "w");
    for (size_t i = 0; i < nlines; i++)
        fprintf(f, "%s\n.inst %#x\n", lines[i].text, MARK);
    fclose(f);
    snprintf(command, sizeof command, "clang-19 --target=aarch64-linux-gnu -march=armv9.5-a+crypto+sha3+sm4+fp16+fp16fml+rng+lse128+rcpc3 -c -o %s/a.o %s && aarch64-linux-gnu-objcopy -O binary -j .text %s/a.o %s/a.bin", dir, source, dir, dir);
    if (system(command) != 0)
        return false;
    snprintf(command, sizeof command, "%s/a.bin", dir);
    f = fopen(command, "rb");
    for (size_t i = 0; f && i < nlines;) {
        if (fread(&word, 4, 1, f) != 1)
            return false;
        if (word == MARK)
            i++;
        else if (lines[i].count < CASE_WORDS)
            lines[i].words[lines[i].count++] = word;
    }
    fclose(f);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command) == 0;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs("usage: insn_record QEMU ORACLE IN.txt OUT.txt\n", stderr);
        return 2;
    }
    if (!read_lines(argv[3]) || !assemble())
        return 1;
    size_t n = nlines * VARIANTS;
    Case *cases = calloc(n, sizeof *cases);
    Outcome *outcomes = calloc(n, sizeof *outcomes);
    for (size_t i = 0; i < n; i++) {
        const Line *line = &lines[i / VARIANTS];
        cases[i].count = line->count;
        memcpy(cases[i].words, line->words, sizeof line->words);
        if (!golden_case(&cases[i], i % VARIANTS, line->init))
            return 1;
    }
    if (!oracle_run(argv[1], argv[2], cases, outcomes, n))
        return 1;
    FILE *f = fopen(argv[4], "w");
    if (!f) {
        perror(argv[4]);
        return 1;
    }
    for (size_t i = 0; i < n; i++) {
        const Line *line = &lines[i / VARIANTS];
        for (uint32_t k = 0; k < line->count; k++)
            fprintf(f, "%08x ", line->words[k]);
        fprintf(f, "| %zu | %s | %s =>", i % VARIANTS, line->init, line->text);
        outcome_print(f, &cases[i], &outcomes[i]);
    }
    return fclose(f) != 0;
}
