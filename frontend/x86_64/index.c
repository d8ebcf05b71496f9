/* Writes insns.index.h: for each opcode of each map the rows of insns.def that have it, in their order. */
#include <stdio.h>

enum { M1, M0F, M38, M3A, MAPS };
static const struct {
    int map, opcode;
} rows[] = {
#define I(map, opcode, pp, ext, attr, name, ...) {map, opcode},
#include "insns.def"
};

int main(int argc, char **argv)
{
    enum { N = sizeof rows / sizeof *rows };
    FILE *f = argc == 2 ? fopen(argv[1], "w") : NULL;
    int first[MAPS * 256 + 1], n = 0;
    if (!f)
        return 1;
    fprintf(f, "static const u16 row_order[] = {");
    for (int key = 0; key < MAPS * 256; key++) {
        first[key] = n;
        for (int k = 0; k < N; k++)
            if (rows[k].map * 256 + rows[k].opcode == key)
                fprintf(f, "%s%d", n++ ? ", " : "", k);
    }
    first[MAPS * 256] = n;
    fprintf(f, "};\nstatic const u16 row_first[] = {");
    for (int key = 0; key <= MAPS * 256; key++)
        fprintf(f, "%s%d", key ? ", " : "", first[key]);
    fprintf(f, "};\n");
    return fclose(f) != 0;
}
