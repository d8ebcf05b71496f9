/* Cases and outcomes as data: random states, text form, comparison, the oracle as a child process. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

static uint64_t random_int(Rng *r)
{
    static const uint64_t special[] = {0, 1, 2, 3, ~UINT64_C(0), 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
                                       0x7fffffffffffffff, 0x8000000000000000, 0xffffffff80000000, 0xffffffff7fffffff, 0x5555555555555555};

    switch (rng_below(r, 8)) {
    case 0:
    case 1:
        return special[rng_below(r, sizeof special / sizeof *special)];
    case 2:
        return rng_below(r, 72);
    case 3:
        return special[rng_below(r, sizeof special / sizeof *special)] + rng_below(r, 8) - 4;
    case 4:
        return rng_next(r) >> rng_below(r, 64);
    case 5:
        return (uint64_t)((int64_t)rng_next(r) >> rng_below(r, 64));
    default:
        return rng_next(r);
    }
}

static uint64_t random_pointer(Rng *r)
{
    uint64_t p = SCRATCH_ADDR + SCRATCH_BASE + rng_below(r, 1024);

    return rng_below(r, 8) ? p & ~UINT64_C(15) : p;
}

/* Bit patterns that floating-point operations of either width treat specially, and near ones. */
static uint64_t random_f64(Rng *r)
{
    static const uint64_t special[] = {0,
                                       0x3ff0000000000000, /* 1 */
                                       0x3fe0000000000000, 0x4000000000000000, 0x3ff8000000000000,
                                       0x7ff0000000000000, /* infinity */
                                       0x7ff8000000000000, /* default NaN */
                                       0x7ff8000000001234, 0x7ff0000000000001, 0x7ff4000000abcdef,
                                       0x0000000000000001, /* subnormals */
                                       0x000fffffffffffff, 0x0008000000000000, 0x0010000000000000, 0x0010000000000001,
                                       0x7fefffffffffffff, /* largest */
                                       0x41dfffffffc00000, /* 2^31 - 1 */
                                       0x41e0000000000000, 0x41efffffffe00000, 0x41f0000000000000, 0x43e0000000000000, 0x43f0000000000000,
                                       0x3810000000000000, /* smallest normal of f32 */
                                       0x380fffffffffffff, 0x36a0000000000000, 0x47efffffe0000000, 0x47efffffffffffff};
    uint64_t sign = rng_next(r) & UINT64_C(1) << 63;

    switch (rng_below(r, 4)) {
    case 0:
    case 1:
        return special[rng_below(r, sizeof special / sizeof *special)] ^ sign;
    case 2: /* moderate exponents, so that sums round and products don't overflow */
        return (rng_next(r) & 0xfffffffffffff) | (0x3e0 + rng_below(r, 0x40)) << 52 | sign;
    default:
        return special[rng_below(r, sizeof special / sizeof *special)] + rng_below(r, 16) - 8;
    }
}

static uint32_t random_f32(Rng *r)
{
    static const uint32_t special[] = {0,          0x3f800000, 0x3f000000, 0x40000000, 0x3fc00000, 0x7f800000, 0x7fc00000, 0x7fc01234, 0x7f800001, 0x7fa0abcd, 0x00000001,
                                       0x007fffff, 0x00400000, 0x00800000, 0x00800001, 0x7f7fffff, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x4f800000, 0x5f000000, 0x5f800000,
                                       0x38800000, /* smallest normal of f16 */
                                       0x387fc000, 0x33800000, 0x477fe000, 0x477ff000};
    uint32_t sign = rng_next(r) & UINT32_C(1) << 31;

    switch (rng_below(r, 4)) {
    case 0:
    case 1:
        return special[rng_below(r, sizeof special / sizeof *special)] ^ sign;
    case 2:
        return (uint32_t)(rng_next(r) & 0x7fffff) | (uint32_t)(0x70 + rng_below(r, 0x20)) << 23 | sign;
    default:
        return special[rng_below(r, sizeof special / sizeof *special)] + (uint32_t)rng_below(r, 16) - 8;
    }
}

static uint64_t random_lane(Rng *r, int kind)
{
    static const uint64_t bytes[] = {0, 1, 0x7f, 0x80, 0xff, 0x81, 0xfe, 0x40}, halves[] = {0, 1, 0x7fff, 0x8000, 0xffff, 0x7c00, 0x7e00, 0x3c00, 0x7c01, 0x0001, 0x03ff, 0x0400, 0xfc00, 0x7bff};
    uint64_t v = 0;

    switch (kind) {
    case 0:
        return rng_next(r);
    case 1:
        return random_f64(r);
    case 2:
        return random_f32(r) | (uint64_t)random_f32(r) << 32;
    case 3:
        for (int i = 0; i < 8; i++)
            v = v << 8 | (rng_below(r, 2) ? bytes[rng_below(r, 8)] : rng_next(r) & 0xff);
        return v;
    case 4:
        for (int i = 0; i < 4; i++)
            v = v << 16 | (rng_below(r, 2) ? halves[rng_below(r, 14)] : rng_next(r) & 0xffff);
        return v;
    default:
        return random_int(r);
    }
}

void case_random(Case *c, Rng *r)
{
    State *s = &c->state;

    memset(s, 0, sizeof *s);
    for (int i = 0; i < 31; i++)
        s->x[i] = rng_below(r, 8) ? random_int(r) : random_pointer(r);
    s->sp = (SCRATCH_ADDR + SCRATCH_BASE + rng_below(r, 1024)) & ~UINT64_C(15);
    s->tpidr = rng_next(r);
    s->nzcv = (uint32_t)rng_below(r, 16) << 28;
    if (rng_below(r, 2))
        s->fpcr = (uint32_t)(rng_below(r, 4) << 22 | (rng_below(r, 4) == 0) << 24 | (rng_below(r, 4) == 0) << 25 | (rng_below(r, 8) == 0) << 26);
    if (rng_below(r, 2))
        s->fpsr = (uint32_t)rng_next(r) & 0x0800009f;
    /* One kind of lane for most registers of a case, so that both operands of an operation are of it. */
    int kind = (int)rng_below(r, 6);
    for (int i = 0; i < 32; i++)
        for (int half = 0; half < 2; half++)
            s->v[i][half] = random_lane(r, rng_below(r, 4) ? kind : (int)rng_below(r, 6));
    for (uint32_t i = 0; i < c->count; i++) {
        uint32_t w = c->words[i], rn = w >> 5 & 31, rm = w >> 16 & 31;

        if ((w & 0x3b200c00) == 0x38200800 && rm != 31) /* register offset (C4.1.94.29) */
            s->x[rm] = rng_below(r, 4) ? rng_below(r, 64) : (uint64_t)-(int64_t)rng_below(r, 64) ^ (rng_below(r, 2) ? 0 : UINT64_C(0xffffffff00000000));
        if (((w >> 25 & 5) == 4 || (w & 0xfff80000) == 0xd5080000) && rn != 31)
            s->x[rn] = random_pointer(r);
        if ((w & 0x3f800000) == 0x08000000 && rn != 31) /* exclusive: whether a failing store checks alignment varies */
            s->x[rn] &= ~UINT64_C(15);
        if ((w & 0xfff80000) == 0xd5080000 && (w & 31) != 31) /* SYS: cache maintenance by address */
            s->x[w & 31] = random_pointer(r);
    }
    if (rng_below(r, 6) == 0)
        s->fpcr |= 1u << 19; /* FZ16 */
    for (uint32_t i = 0; i < c->count; i++)
        if ((c->words[i] & 0xffffffe0) == 0xd51b4400) /* MSR FPCR: the fields that we have (not FEAT_AFP's, FEAT_EBF16's) */
            s->x[c->words[i] & 31] &= 0x07c80000;
}

/* CONSTRAINED UNPREDICTABLE encodings (Arm ARM K1.2): register combinations of loads and stores, should-be-one fields. */
static bool unpredictable(uint32_t w)
{
    uint32_t rt = w & 31, rn = w >> 5 & 31, rt2 = w >> 10 & 31, rs = w >> 16 & 31;
    bool simd = w >> 26 & 1, load = w >> 22 & 1;

    if ((w & 0x3a000000) == 0x28000000) /* pairs */
        return (load && rt == rt2) || ((w & 1 << 23) && !simd && rn != 31 && (rn == rt || rn == rt2));
    if ((w & 0x3b200400) == 0x38000400) /* single, write-back */
        return !simd && rn != 31 && rn == rt;
    if ((w & 0x3f800000) == 0x08000000) { /* exclusives */
        bool pair = w >> 21 & 1;
        return load ? pair && rt == rt2 : rs == rt || (pair && rs == rt2) || (rs == rn && rn != 31);
    }
    if ((w & 0x3fa00000) == 0x08800000) /* LDAR, STLR */
        return rs != 31 || rt2 != 31;
    if ((w & 0xff608000) == 0x9b400000) /* SMULH, UMULH */
        return rt2 != 31;
    return false;
}

bool case_excluded(const Case *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        uint32_t w = c->words[i];

        if (unpredictable(w))
            return true;
        /* In a sequence: QEMU reports a faulting DC ZVA at the start of its block, and the base of a store-exclusive may have
         * become misaligned, which a store that fails anyway need not check. */
        if (c->count > 1 && ((w & 0xffffffe0) == 0xd50b7420 || (w & 0x3fc00000) == 0x08000000))
            return true;

        if (i && (w & 0xffffffe0) == 0xd51b4400) /* MSR FPCR: nor is the value known */
            return true;
        if ((w & 0xffffffe0) == 0xd51b42e0) /* MSR TCO, of FEAT_MTE */
            return true;
        if ((w & 0xff000000) == 0xd4000000 && (w & 0xffe0001f) != 0xd4200000) /* SVC, HVC, SMC, HLT, DCPS; not BRK */
            return true;
        if ((w & 0xfff00000) == 0xd5300000) { /* MRS: only what user code may write */
            uint32_t reg = w >> 5 & 0x7fff;

            if (reg != 0x5a10 && reg != 0x5a20 && reg != 0x5a21 && reg != 0x5e82)
                return true;
        }
    }
    return false;
}

/* -- text ----------------------------------------------------------------------------------------------------------------- */

typedef struct Field {
    char name[8];
    size_t offset;
    int size; /* 4, 8 or 16 */
} Field;

static size_t fields(Field *f)
{
    size_t n = 0;

    for (int i = 0; i < 31; i++, n++) {
        f[n] = (Field){"", offsetof(State, x) + 8 * (size_t)i, 8};
        snprintf(f[n].name, sizeof f[n].name, "x%d", i);
    }
    f[n++] = (Field){"sp", offsetof(State, sp), 8};
    f[n++] = (Field){"pc", offsetof(State, pc), 8};
    f[n++] = (Field){"tpidr", offsetof(State, tpidr), 8};
    f[n++] = (Field){"nzcv", offsetof(State, nzcv), 4};
    f[n++] = (Field){"fpcr", offsetof(State, fpcr), 4};
    f[n++] = (Field){"fpsr", offsetof(State, fpsr), 4};
    for (int i = 0; i < 32; i++, n++) {
        f[n] = (Field){"", offsetof(State, v) + 16 * (size_t)i, 16};
        snprintf(f[n].name, sizeof f[n].name, "v%d", i);
    }
    return n;
}
enum { FIELDS = 31 + 6 + 32 };

static void field_print(FILE *f, const Field *field, const State *s)
{
    const char *p = (const char *)s + field->offset;
    uint64_t v[2] = {0, 0};

    memcpy(v, p, (size_t)field->size);
    fprintf(f, "%s=%#lx", field->name, field->size == 16 ? v[1] : v[0]);
    if (field->size == 16)
        fprintf(f, ",%#lx", v[0]);
}

/* Parses one "name=value" at *p into s; advances *p past it. */
static bool field_parse(const char **p, State *s)
{
    Field f[FIELDS];
    size_t n = fields(f), length = strcspn(*p, "=");
    uint64_t v[2] = {0, 0};
    char *end;

    for (size_t i = 0; i < n; i++) {
        if (strlen(f[i].name) != length || strncmp(f[i].name, *p, length) != 0)
            continue;
        v[0] = strtoull(*p + length + 1, &end, 0);
        if (f[i].size == 16 && *end == ',') {
            v[1] = v[0];
            v[0] = strtoull(end + 1, &end, 0);
        }
        memcpy((char *)s + f[i].offset, v, (size_t)f[i].size);
        *p = end;
        return true;
    }
    return false;
}

bool case_assign(Case *c, const char *assignments)
{
    const char *p = assignments;

    for (;;) {
        p += strspn(p, " \t\n");
        if (!*p)
            return true;
        if (!field_parse(&p, &c->state)) {
            fprintf(stderr, "unknown register in \"%s\"\n", p);
            return false;
        }
    }
}

void outcome_print(FILE *f, const Case *c, const Outcome *o)
{
    Field field[FIELDS];
    size_t n = fields(field);
    State before = c->state;

    before.pc = CODE_PC + 4 * c->count;
    if (o->signo)
        fprintf(f, " signo=%d", o->signo);
    for (size_t i = 0; i < n; i++)
        if (memcmp((char *)&before + field[i].offset, (char *)&o->state + field[i].offset, (size_t)field[i].size)) {
            fputc(' ', f);
            field_print(f, &field[i], &o->state);
        }
    for (uint32_t i = 0; i < o->nmem; i++)
        fprintf(f, " [%#lx]=%#lx", o->mem[i].offset, o->mem[i].value);
    fputc('\n', f);
}

bool outcome_parse(const char *line, const Case *c, Outcome *o)
{
    const char *p = line;
    char *end;

    memset(o, 0, sizeof *o);
    o->state = c->state;
    o->state.pc = CODE_PC + 4 * c->count;
    for (;;) {
        p += strspn(p, " \t\n");
        if (!*p)
            return true;
        if (strncmp(p, "signo=", 6) == 0) {
            o->signo = (int32_t)strtol(p + 6, &end, 0);
            p = end;
        } else if (*p == '[') {
            if (o->nmem == MEM_CHANGES)
                return false;
            MemChange *m = &o->mem[o->nmem++];
            m->offset = strtoull(p + 1, &end, 0);
            if (end[0] != ']' || end[1] != '=')
                return false;
            m->value = strtoull(end + 2, &end, 0);
            p = end;
        } else if (!field_parse(&p, &o->state)) {
            return false;
        }
    }
}

bool outcome_equal(const Outcome *a, const Outcome *b)
{
    State x = a->state, y = b->state;

    /* The top byte of an address is ignored (D8.8.1): hardware sets a branch target's from bit 55, we never look at it. */
    x.pc = (uint64_t)((int64_t)(x.pc << 8) >> 8);
    y.pc = (uint64_t)((int64_t)(y.pc << 8) >> 8);
    return a->signo == b->signo && a->nmem == b->nmem && memcmp(&x, &y, sizeof x) == 0 &&
           memcmp(a->mem, b->mem, a->nmem * sizeof *a->mem) == 0;
}

static void disassemble(FILE *f, const Case *c)
{
    char command[512], line[256];
    int at = snprintf(command, sizeof command, "echo '");

    for (uint32_t i = 0; i < c->count; i++) {
        uint32_t w = c->words[i];
        at += snprintf(command + at, sizeof command - (size_t)at, "0x%02x 0x%02x 0x%02x 0x%02x ", w & 255, w >> 8 & 255, w >> 16 & 255, w >> 24);
    }
    snprintf(command + at, sizeof command - (size_t)at, "' | llvm-mc-19 --disassemble -triple=aarch64 -mattr=+all 2>/dev/null");
    FILE *p = popen(command, "r");
    while (p && fgets(line, sizeof line, p))
        if (!strstr(line, ".text"))
            fputs(line, f);
    if (p)
        pclose(p);
}

void mismatch_print(FILE *f, Tier tier, const Case *c, const Outcome *want, const Outcome *got)
{
    static const char *const tiers[] = {"interp", "baseline", "llvm"};
    Field field[FIELDS];
    size_t n = fields(field);

    fprintf(f, "MISMATCH (%s):", tiers[tier]);
    for (uint32_t i = 0; i < c->count; i++)
        fprintf(f, " %08x", c->words[i]);
    fputc('\n', f);
    fflush(f);
    disassemble(f, c);
    if (want->signo != got->signo)
        fprintf(f, "  signal: want %d, got %d\n", want->signo, got->signo);
    fprintf(f, "  before: nzcv=%#x fpcr=%#x fpsr=%#x\n", c->state.nzcv, c->state.fpcr, c->state.fpsr);
    for (size_t i = 0; i < n; i++) {
        size_t at = field[i].offset, size = (size_t)field[i].size;

        if (memcmp((char *)&want->state + at, (char *)&got->state + at, size) == 0)
            continue;
        fputs("  want ", f);
        field_print(f, &field[i], &want->state);
        fputs("\n   got ", f);
        field_print(f, &field[i], &got->state);
        fputs("\n   was ", f);
        field_print(f, &field[i], &c->state);
        fputc('\n', f);
    }
    for (uint32_t i = 0; i < c->count; i++) { /* operands, as far as field positions tell */
        uint32_t w = c->words[i], r[4] = {w >> 5 & 31, w >> 16 & 31, w >> 10 & 31, w & 31};

        fputs("  operands:", f);
        for (int k = 0; k < 4; k++) {
            Field v = field[37 + r[k]], x = field[r[k]];
            fputc(' ', f);
            field_print(f, &x, &c->state);
            fputc(' ', f);
            field_print(f, &v, &c->state);
        }
        fputc('\n', f);
    }
    for (uint32_t i = 0; i < want->nmem || i < got->nmem; i++) {
        MemChange none = {0, 0}, a = i < want->nmem ? want->mem[i] : none, b = i < got->nmem ? got->mem[i] : none;

        if (memcmp(&a, &b, sizeof a))
            fprintf(f, "  memory: want [%#lx]=%#lx, got [%#lx]=%#lx\n", a.offset, a.value, b.offset, b.value);
    }
}

/* -- the oracle's process ----------------------------------------------------------------------------------------------------- */

static int temporary(void)
{
    const char *dir = getenv("TMPDIR");
    char path[4096];

    snprintf(path, sizeof path, "%s/dragoman-case-XXXXXX", dir ? dir : "/tmp");
    int fd = mkstemp(path);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static bool io_all(int fd, void *p, size_t size, bool out)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = out ? write(fd, (char *)p + done, size - done) : read(fd, (char *)p + done, size - done);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool run_oracle(char *const argv[], const Case *cases, Outcome *outcomes, size_t n)
{
    int in = temporary(), out = temporary(), status = 0;
    bool ok = in >= 0 && out >= 0 && io_all(in, (void *)(uintptr_t)cases, n * sizeof *cases, true);
    pid_t pid;

    fflush(NULL);
    if (ok && (pid = fork()) == 0) {
        lseek(in, 0, SEEK_SET);
        dup2(in, 0);
        dup2(out, 1);
        execvp(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
    ok = ok && waitpid(pid, &status, 0) == pid && status == 0;
    lseek(out, 0, SEEK_SET);
    ok = ok && io_all(out, outcomes, n * sizeof *outcomes, false);
    if (!ok)
        fprintf(stderr, "the oracle (%s) failed: status %#x\n", argv[0], status);
    close(in);
    close(out);
    return ok;
}

static bool zeroes(const Case *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        if ((c->words[i] & 0xffffffe0) == 0xd50b7420) /* DC ZVA */
            return true;
    return false;
}

/* On a processor with everything that we have, and with the vectors in the signal frame's FPSIMD record. Its blocks for DC ZVA are
 * larger than ours, which are neoverse-n1's. */
bool oracle_run(const char *qemu, const char *oracle, const Case *cases, Outcome *outcomes, size_t n)
{
    char *argv[] = {(char *)(uintptr_t)qemu, "-cpu", "max,pauth=off,sve=off,sme=off", (char *)(uintptr_t)oracle, NULL};
    size_t *index = malloc(n * sizeof *index), nagain = 0;
    Case *again = malloc(n * sizeof *again);
    Outcome *other = malloc(n * sizeof *other);

    bool ok = index && again && other && run_oracle(argv, cases, outcomes, n);
    for (size_t i = 0; ok && i < n; i++)
        if (zeroes(&cases[i])) {
            index[nagain] = i;
            again[nagain++] = cases[i];
        }
    argv[2] = "neoverse-n1";
    ok = ok && (!nagain || run_oracle(argv, again, other, nagain));
    for (size_t i = 0; ok && i < nagain; i++)
        outcomes[index[i]] = other[i];
    free(index);
    free(again);
    free(other);
    return ok;
}
