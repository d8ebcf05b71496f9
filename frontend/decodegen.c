/* Build-time generator of decode tables:
 *
 *     decodegen OUT.h PREFIX WIDTH IN.def... [-- PREFIX WIDTH IN.def...]...
 *
 * Reads rows INSN(name, "pattern") as text and writes struct Insn, the enum of rows, and under DECODE_TABLES the
 * tables of decode.h as `static const DecodeTable PREFIX_table`, and PREFIX_lookup, which takes a word apart. A
 * pattern is WIDTH bits (at most 32), most significant first, in tokens separated by spaces: fixed bits (0, 1, or x
 * for "any"), or name:width, a field (whose name does not begin with x), with any number of !bits after it: values
 * that the field must not have (x again for any). Two rows of one table that match the same word, or a pattern of the wrong
 * length, are errors. A guest with several instruction sets has a table for each; they have Insn and the enum in common. */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 4096, MAX_NAMES = 256, MAX_EXCLS = 16, MAX_FIELDS = 16, MAX_TREE = 0x8000, MAX_WINDOW = 6, MAX_TABLES = 4 };

typedef struct Bits {
    uint32_t mask, value;
} Bits;

typedef struct Row {
    char name[48];
    const char *file;
    int line;
    Bits fixed;
    Bits excl[MAX_EXCLS];
    int nexcl;
    struct {
        int name, shift, width;
    } field[MAX_FIELDS];
    int nfields;
} Row;

/* Rows [first, end). tree and list hold their numbers less the first one's. */
typedef struct Table {
    const char *prefix;
    int width, first, end;
    uint16_t tree[MAX_TREE], list[MAX_TREE];
    int ntree, nlist;
} Table;

static struct {
    Row rows[MAX_ROWS];
    int nrows;
    struct {
        char name[32];
        int width; /* the widest */
    } names[MAX_NAMES];
    int nnames;
    Table tables[MAX_TABLES];
    int ntables;
    Table *table; /* being read or built */
} gen;

static _Noreturn void fail(const char *file, int line, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    exit(1);
}

static int field_name(const Row *row, const char *name, size_t length, int width)
{
    for (int n = 0; n < gen.nnames; n++) {
        if (strlen(gen.names[n].name) == length && !memcmp(gen.names[n].name, name, length)) {
            if (gen.names[n].width < width)
                gen.names[n].width = width;
            return n;
        }
    }
    if (gen.nnames == MAX_NAMES || length >= sizeof gen.names->name)
        fail(row->file, row->line, "too many fields, or the name %.*s is too long", (int)length, name);
    memcpy(gen.names[gen.nnames].name, name, length);
    gen.names[gen.nnames].width = width;
    return gen.nnames++;
}

/* Adds one bit of a pattern below those that bits holds already. */
static bool push_bit(Bits *bits, char c)
{
    if (c != '0' && c != '1' && c != 'x')
        return false;
    bits->mask = bits->mask << 1 | (c != 'x');
    bits->value = bits->value << 1 | (c == '1');
    return true;
}

/* A field token at p; `left` bits of the word are yet to come. Returns the end of the token. */
static const char *parse_field(Row *row, const char *p, int left)
{
    size_t length = strcspn(p, ":");
    char *end;
    long width = strtol(p + length + 1, &end, 10);
    if (end == p + length + 1 || width < 1 || width > left)
        fail(row->file, row->line, "%s: bad field at %s", row->name, p);
    int shift = left - (int)width;
    int name = field_name(row, p, length, (int)width);
    for (int n = 0; n < row->nfields; n++)
        if (row->field[n].name == name)
            fail(row->file, row->line, "%s: field %.*s twice", row->name, (int)length, p);
    if (row->nfields == MAX_FIELDS)
        fail(row->file, row->line, "%s: more than %d fields", row->name, MAX_FIELDS);
    row->field[row->nfields].name = name;
    row->field[row->nfields].shift = shift;
    row->field[row->nfields++].width = (int)width;
    while (*end == '!') {
        Bits excl = {0};
        int count = 0;
        for (end++; push_bit(&excl, *end); end++)
            count++;
        if (count != width || row->nexcl == MAX_EXCLS)
            fail(row->file, row->line, "%s: bad exclusion of %.*s, or too many", row->name, (int)length, p);
        excl.mask <<= shift;
        excl.value <<= shift;
        row->excl[row->nexcl++] = excl;
    }
    return end;
}

static void parse_pattern(Row *row, const char *p)
{
    int left = gen.table->width;
    while (*p) {
        if (*p == ' ') {
            p++;
        } else if (isalpha((unsigned char)*p) && *p != 'x') {
            p = parse_field(row, p, left);
            int width = row->field[row->nfields - 1].width;
            left -= width;
            row->fixed.mask = width == 32 ? 0 : row->fixed.mask << width;
            row->fixed.value = width == 32 ? 0 : row->fixed.value << width;
        } else if (left > 0 && push_bit(&row->fixed, *p)) {
            left--;
            p++;
        } else {
            fail(row->file, row->line, "%s: can't read the pattern at \"%s\"", row->name, p);
        }
    }
    if (left)
        fail(row->file, row->line, "%s: the pattern is %d bits short of %d", row->name, left,
             gen.table->width);
}

static void parse_row(const char *file, int line, const char *p)
{
    if (gen.nrows == MAX_ROWS)
        fail(file, line, "more than %d rows", MAX_ROWS);
    Row *row = &gen.rows[gen.nrows++];
    char pattern[512];
    row->file = file;
    row->line = line;
    if (sscanf(p, "INSN( %47[A-Za-z0-9_] , \"%511[^\"]\" )", row->name, pattern) != 2)
        fail(file, line, "expected INSN(name, \"pattern\")");
    for (int n = 0; n + 1 < gen.nrows; n++)
        if (!strcmp(gen.rows[n].name, row->name))
            fail(file, line, "%s is already at %s:%d", row->name, gen.rows[n].file, gen.rows[n].line);
    parse_pattern(row, pattern);
}

static void read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        fail(path, 0, "can't open");
    char line[1024];
    for (int number = 1; fgets(line, sizeof line, f); number++) {
        const char *p = line + strspn(line, " \t");
        if (!strncmp(p, "INSN(", 5))
            parse_row(path, number, p);
    }
    fclose(f);
}

/* True if some word has the given bits and meets none of the exclusions of a and b. */
static bool satisfiable(Bits fixed, const Row *a, const Row *b)
{
    for (int n = 0; n < a->nexcl + b->nexcl; n++) {
        Bits e = n < a->nexcl ? a->excl[n] : b->excl[n - a->nexcl];
        if ((fixed.value ^ e.value) & fixed.mask & e.mask)
            continue;
        uint32_t open = e.mask & ~fixed.mask;
        if (!open)
            return false;
        /* An exclusion that the free bits decide: try both values of one of them. */
        uint32_t bit = open & -open;
        Bits zero = {fixed.mask | bit, fixed.value}, one = {fixed.mask | bit, fixed.value | bit};
        return satisfiable(zero, a, b) || satisfiable(one, a, b);
    }
    return true;
}

static void check_overlaps(const Table *t)
{
    for (int n = t->first; n < t->end; n++) {
        Row *a = &gen.rows[n];
        if (!satisfiable(a->fixed, a, a))
            fail(a->file, a->line, "%s matches nothing", a->name);
        for (int m = t->first; m < n; m++) {
            Row *b = &gen.rows[m];
            if ((a->fixed.value ^ b->fixed.value) & a->fixed.mask & b->fixed.mask)
                continue;
            Bits both = {a->fixed.mask | b->fixed.mask, a->fixed.value | b->fixed.value};
            if (satisfiable(both, a, b))
                fail(a->file, a->line, "%s overlaps %s at %s:%d", a->name, b->name, b->file, b->line);
        }
    }
}

/* Rows of `from` that match words whose bits at shift have the value; returns how many. */
static int filter(const uint16_t *from, int count, int shift, int width, uint32_t value, uint16_t *to)
{
    uint32_t mask = ((1u << width) - 1) << shift;
    int kept = 0;
    for (int n = 0; n < count; n++) {
        Bits f = gen.rows[gen.table->first + from[n]].fixed;
        if (!((f.value ^ value << shift) & f.mask & mask))
            to[kept++] = from[n];
    }
    return kept;
}

/* What was built: the same rows, of which the same bits have been looked at, are the same node; those of one row or none whatever
 * was. So a tree that asks for a condition first isn't fourteen times as large. */
static struct {
    uint32_t seen;
    int count, entry;
    uint16_t *rows;
} built[2 * MAX_TREE];
static int nbuilt;

static int find_built(const uint16_t *rows, int count, uint32_t seen)
{
    for (int n = 0; n < nbuilt; n++)
        if (built[n].count == count && (built[n].seen == seen || count < 2) && !memcmp(built[n].rows, rows, (size_t)count * sizeof *rows))
            return built[n].entry;
    return -1;
}

static int remember(const uint16_t *rows, int count, uint32_t seen, int entry)
{
    uint16_t *copy = malloc((size_t)(count + 1) * sizeof *copy);
    memcpy(copy, rows, (size_t)count * sizeof *copy);
    built[nbuilt].rows = copy;
    built[nbuilt].count = count;
    built[nbuilt].seen = seen;
    built[nbuilt++].entry = entry;
    return entry;
}

/* Builds the node or leaf for these rows and returns its tree entry. A node looks at the window of bits, none of them
 * `seen` by the nodes above, that leaves the fewest rows per value, a wider window counting as dearer. */
static int build(const uint16_t *rows, int count, uint32_t seen)
{
    Table *t = gen.table;
    static uint16_t scratch[MAX_ROWS];
    int found = find_built(rows, count, seen);
    if (found >= 0)
        return found;
    double best = count;
    int best_shift = 0, best_width = seen ? 0 : 1;
    for (int width = 1; width <= MAX_WINDOW && count > 1; width++) {
        for (int shift = 0; shift + width <= t->width; shift++) {
            if (seen >> shift & ((1u << width) - 1))
                continue;
            double sum = 0;
            for (uint32_t v = 0; v < 1u << width; v++)
                sum += filter(rows, count, shift, width, v, scratch);
            double cost = sum / (1 << width) + width * 0.4;
            if (cost < best)
                best = cost, best_shift = shift, best_width = width;
        }
    }
    if (!best_width) {
        int at = t->nlist;
        if (t->nlist + count + 1 > MAX_TREE)
            fail("decodegen", __LINE__, "too many leaves");
        memcpy(t->list + t->nlist, rows, (size_t)count * sizeof *rows);
        t->list[t->nlist + count] = 0xffff;
        t->nlist += count + 1;
        return remember(rows, count, seen, at | 0x8000);
    }
    int at = t->ntree;
    t->ntree += 1 + (1 << best_width);
    if (t->ntree > MAX_TREE)
        fail("decodegen", __LINE__, "too many nodes");
    t->tree[at] = (uint16_t)(best_shift | best_width << 8);
    uint16_t *part = malloc((size_t)(count + 1) * sizeof *part);
    for (uint32_t v = 0; v < 1u << best_width; v++) {
        int kept = filter(rows, count, best_shift, best_width, v, part);
        t->tree[at + 1 + (int)v] = (uint16_t)build(part, kept, seen | ((1u << best_width) - 1) << best_shift);
    }
    free(part);
    return remember(rows, count, seen, at);
}

static int bytes_of(int width)
{
    return width <= 8 ? 1 : width <= 16 ? 2 : 4;
}

static void write_u16(FILE *f, const char *prefix, const char *name, const uint16_t *v, int count)
{
    fprintf(f, "static const u16 %s_%s[] = {", prefix, name);
    for (int n = 0; n < count; n++)
        fprintf(f, "%s0x%x,", n % 16 ? " " : "\n    ", v[n]);
    fprintf(f, "\n};\n");
}

static void write_header(FILE *f)
{
    fprintf(f, "/* Written by decodegen. */\n#include \"decode.h\"\n\n/* X(name) for each row */\n#define INSNS(X)");
    for (int n = 0; n < gen.nrows; n++)
        fprintf(f, " \\\n    X(%s)", gen.rows[n].name);
    fprintf(f, "\n\nenum {\n#define INSN_ENUM(name) INSN_##name,\n    INSNS(INSN_ENUM)\n#undef INSN_ENUM\n"
               "        INSN_COUNT\n};\n\n");
    fprintf(f, "/* A decoded instruction; fields that its row doesn't have are 0. */\n");
    fprintf(f, "typedef struct Insn {\n    u32 bits;\n    u16 op; /* INSN_... */\n");
    for (int size = 1; size <= 4; size *= 2)
        for (int n = 0; n < gen.nnames; n++)
            if (bytes_of(gen.names[n].width) == size)
                fprintf(f, "    u%d %s;\n", size * 8, gen.names[n].name);
    fprintf(f, "} Insn;\n");
}

static bool same_layout(const Row *a, const Row *b)
{
    return a->nfields == b->nfields && !memcmp(a->field, b->field, (size_t)a->nfields * sizeof *a->field);
}

/* The first row whose fields are where this row's are. */
static int layout_of(const Table *t, int row)
{
    for (int n = t->first; n < row; n++)
        if (same_layout(&gen.rows[n], &gen.rows[row]))
            return n;
    return row;
}

static void write_fields(FILE *f, const Table *t)
{
    fprintf(f, "static inline void %s_fields(Insn *i, u32 word, u32 layout)\n{\n    switch (layout) {\n", t->prefix);
    for (int n = t->first; n < t->end; n++) {
        const Row *row = &gen.rows[n];
        if (layout_of(t, n) != n)
            continue;
        fprintf(f, "    case %d:\n", n);
        for (int k = 0; k < row->nfields; k++)
            fprintf(f, "        i->%s = word >> %d & 0x%x;\n", gen.names[row->field[k].name].name, row->field[k].shift,
                    (uint32_t)((UINT64_C(1) << row->field[k].width) - 1));
        fprintf(f, "        break;\n");
    }
    fprintf(f, "    }\n}\n");
}

static void write_table(FILE *f, const Table *t)
{
    const char *prefix = t->prefix;
    write_fields(f, t);
    fprintf(f, "static const DecodeExcl %s_excls[] = {\n", prefix);
    for (int n = t->first; n < t->end; n++)
        for (int k = 0; k < gen.rows[n].nexcl; k++)
            fprintf(f, "    {0x%08x, 0x%08x},\n", gen.rows[n].excl[k].mask, gen.rows[n].excl[k].value);
    fprintf(f, "    {0},\n};\nstatic const DecodeRow %s_rows[] = {\n", prefix);
    int excl = 0;
    for (int n = t->first; n < t->end; n++) {
        const Row *row = &gen.rows[n];
        fprintf(f, "    {\"%s\", 0x%08x, 0x%08x, %d, %d, %d},\n", row->name, row->fixed.mask, row->fixed.value,
                layout_of(t, n), excl, row->nexcl);
        excl += row->nexcl;
    }
    fprintf(f, "};\n");
    write_u16(f, prefix, "tree", t->tree, t->ntree);
    write_u16(f, prefix, "list", t->list, t->nlist);
    fprintf(f, "static const DecodeTable %s_table = {%s_rows, %s_excls, %s_tree, %s_list, %d};\n", prefix, prefix, prefix,
            prefix, prefix, t->end - t->first);
    fprintf(f,
            "/* False if no row matches. */\n"
            "static inline bool %s_lookup(u32 word, Insn *i)\n{\n    int row = decode_find(&%s_table, word);\n"
            "    if (row < 0)\n        return false;\n    *i = (Insn){.bits = word, .op = (u16)(%d + row)};\n"
            "    %s_fields(i, word, %s_rows[row].layout);\n    return true;\n}\n",
            prefix, prefix, t->first, prefix, prefix);
}

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: decodegen OUT.h PREFIX WIDTH IN.def... [-- PREFIX WIDTH IN.def...]...\n");
    exit(2);
}

/* Reads and builds one table; returns the arguments behind it. */
static char **make_table(char **arg)
{
    static uint16_t all[MAX_ROWS];
    if (gen.ntables == MAX_TABLES || !arg[0] || !arg[1] || !arg[2])
        usage();
    Table *t = gen.table = &gen.tables[gen.ntables++];
    *t = (Table){.prefix = arg[0], .width = atoi(arg[1]), .first = gen.nrows};
    if (t->width < 1 || t->width > 32)
        usage();
    for (arg += 2; *arg && strcmp(*arg, "--"); arg++)
        read_file(*arg);
    t->end = gen.nrows;
    check_overlaps(t);
    for (int n = 0; n < t->end - t->first; n++)
        all[n] = (uint16_t)n;
    build(all, t->end - t->first, 0);
    while (nbuilt)
        free(built[--nbuilt].rows);
    return *arg ? arg + 1 : arg;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        usage();
    for (char **arg = argv + 2; *arg;)
        arg = make_table(arg);
    FILE *f = fopen(argv[1], "w");
    if (!f)
        fail(argv[1], 0, "can't write");
    write_header(f);
    fprintf(f, "\n#ifdef DECODE_TABLES\n");
    for (int n = 0; n < gen.ntables; n++)
        write_table(f, &gen.tables[n]);
    fprintf(f, "#endif\n");
    if (fclose(f))
        fail(argv[1], 0, "can't write");
    return 0;
}
