/* Memory-order litmus tests: threads that run the same few accesses on thousands of cells, and how often what their orders forbid was
 * seen. On AArch64 each order is the instruction that it is named after. Names are the literature's (Alglave, Maranget, Tautschnig:
 * Herding cats); what the architecture allows isn't counted. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { CELLS = 1000, ROUNDS = 100, STRIDE = 500, THREADS = 4 };

typedef struct Cell {
    _Alignas(64) atomic_int x;
    _Alignas(64) atomic_int y;
} Cell;

#ifdef __aarch64__
#define ACCESS __attribute__((always_inline)) static inline
ACCESS int ldr(atomic_int *p) { int v; __asm__ volatile("ldr %w0, %1" : "=r"(v) : "Q"(*p) : "memory"); return v; }
ACCESS int ldar(atomic_int *p) { int v; __asm__ volatile("ldar %w0, %1" : "=r"(v) : "Q"(*p) : "memory"); return v; }
ACCESS int ldapr(atomic_int *p) { int v; __asm__ volatile(".arch armv8.3-a\n ldapr %w0, %1" : "=r"(v) : "Q"(*p) : "memory"); return v; }
ACCESS void str(atomic_int *p, int v) { __asm__ volatile("str %w1, %0" : "=Q"(*p) : "r"(v) : "memory"); }
ACCESS void stlr(atomic_int *p, int v) { __asm__ volatile("stlr %w1, %0" : "=Q"(*p) : "r"(v) : "memory"); }
ACCESS int swpal(atomic_int *p, int v) { __asm__ volatile(".arch armv8.1-a\n swpal %w1, %w1, %0" : "+Q"(*p), "+r"(v) : : "memory"); return v; }
ACCESS void dmb(void) { __asm__ volatile("dmb ish" : : : "memory"); }
ACCESS void dmb_ld(void) { __asm__ volatile("dmb ishld" : : : "memory"); }
ACCESS void dmb_st(void) { __asm__ volatile("dmb ishst" : : : "memory"); }
/* One more, by an exclusive pair, by one with acquire and release, by CASAL, by LDADD */
ACCESS void add_excl(atomic_int *p) { int v, s; __asm__ volatile("1: ldxr %w0, %2\n add %w0, %w0, #1\n stxr %w1, %w0, %2\n cbnz %w1, 1b" : "=&r"(v), "=&r"(s), "+Q"(*p) : : "memory"); }
ACCESS void add_excl_al(atomic_int *p) { int v, s; __asm__ volatile("1: ldaxr %w0, %2\n add %w0, %w0, #1\n stlxr %w1, %w0, %2\n cbnz %w1, 1b" : "=&r"(v), "=&r"(s), "+Q"(*p) : : "memory"); }
ACCESS void add_cas(atomic_int *p) { int old, was; do { was = old = ldr(p); int new = old + 1; __asm__ volatile(".arch armv8.1-a\n casal %w1, %w2, %0" : "+Q"(*p), "+r"(was) : "r"(new) : "memory"); } while (was != old); }
ACCESS void add_ld(atomic_int *p) { __asm__ volatile(".arch armv8.1-a\n ldadd %w1, wzr, %0" : "+Q"(*p) : "r"(1) : "memory"); }
#else
#define ACCESS static inline
ACCESS int ldr(atomic_int *p) { return atomic_load_explicit(p, memory_order_relaxed); }
ACCESS int ldar(atomic_int *p) { return atomic_load(p); }
ACCESS int ldapr(atomic_int *p) { return atomic_load_explicit(p, memory_order_acquire); }
ACCESS void str(atomic_int *p, int v) { atomic_store_explicit(p, v, memory_order_relaxed); }
ACCESS void stlr(atomic_int *p, int v) { atomic_store(p, v); }
ACCESS int swpal(atomic_int *p, int v) { return atomic_exchange(p, v); }
ACCESS void dmb(void) { atomic_thread_fence(memory_order_seq_cst); }
ACCESS void dmb_ld(void) { atomic_thread_fence(memory_order_acquire); }
ACCESS void dmb_st(void) { atomic_thread_fence(memory_order_release); }
ACCESS void add_excl(atomic_int *p) { atomic_fetch_add(p, 1); }
ACCESS void add_excl_al(atomic_int *p) { atomic_fetch_add(p, 1); }
ACCESS void add_cas(atomic_int *p) { atomic_fetch_add(p, 1); }
ACCESS void add_ld(atomic_int *p) { atomic_fetch_add(p, 1); }
#endif

static struct {
    _Alignas(64) atomic_int to;
} went[THREADS];

/* Waits until the n threads have all come to cell i: what they do next is at the same time. */
static void keep_up(int me, int n, int i)
{
    atomic_store(&went[me].to, i);
    for (int k = 0; k < n; k++)
        for (int spins = 0; atomic_load_explicit(&went[k].to, memory_order_acquire) < i; spins++)
            if (spins > 2000)
                sched_yield();
}

/* What one thread does with each cell; it leaves what it has read in a and b. */
typedef struct Seen {
    int a, b;
} Seen;
typedef void Code(Cell *cells, Seen *seen, int me, int n);
#define CODE(name, body) \
    static void name(Cell *cells, Seen *seen, int me, int n) \
    { \
        for (int i = 0; i < CELLS; i++) { \
            if (i % STRIDE == 0) \
                keep_up(me, n, i); \
            atomic_int *x = &cells[i].x, *y = &cells[i].y; \
            int a = 0, b = 0; \
            body; \
            seen[i] = (Seen){a, b}; \
        } \
    }

CODE(mp_stlr, str(x, 1); stlr(y, 1))
CODE(mp_dmb, str(x, 1); dmb(); str(y, 1))
CODE(mp_dmb_st, str(x, 1); dmb_st(); str(y, 1))
CODE(mp_swpal, str(x, 1); swpal(y, 1))
CODE(mp_ldar, a = ldar(y); b = ldr(x))
CODE(mp_ldapr, a = ldapr(y); b = ldr(x))
CODE(mp_dmb_ld, a = ldr(y); dmb_ld(); b = ldr(x))
CODE(sb_0, stlr(x, 1); a = ldar(y))
CODE(sb_1, stlr(y, 1); a = ldar(x))
CODE(sb_dmb_0, str(x, 1); dmb(); a = ldr(y))
CODE(sb_dmb_1, str(y, 1); dmb(); a = ldr(x))
CODE(sb_swp_0, swpal(x, 1); a = ldar(y))
CODE(sb_swp_1, swpal(y, 1); a = ldar(x))
CODE(lb_0, a = ldar(x); str(y, 1))
CODE(lb_1, a = ldapr(y); str(x, 1))
CODE(lb_stlr_0, a = ldr(x); stlr(y, 1))
CODE(lb_stlr_1, a = ldr(y); stlr(x, 1))
CODE(write_x, str(x, 1))
CODE(write_y, str(y, 1))
CODE(release_x, stlr(x, 1))
CODE(release_y, stlr(y, 1))
CODE(read_xy, a = ldar(x); b = ldar(y))
CODE(read_yx, a = ldar(y); b = ldar(x))
CODE(read_xy_pc, a = ldapr(x); b = ldapr(y))
CODE(read_yx_pc, a = ldapr(y); b = ldapr(x))
CODE(wrc_1, a = ldar(x); stlr(y, a))
CODE(wrc_dmb_1, a = ldr(x); dmb(); str(y, a))
CODE(same_twice, a = ldr(x); b = ldr(x))
CODE(write_12, str(x, 1); str(x, 2))
CODE(w2_0, str(x, 1); stlr(y, 2))
CODE(w2_1, str(y, 1); stlr(x, 2))
CODE(count_excl, add_excl(x); add_excl_al(y))
CODE(count_cas, add_cas(x); add_ld(y))

/* Outcomes: of thread n, what it has seen; of the cell, what is there at the end. */
typedef int Forbidden(const Seen *s[THREADS], int x, int y);
#define FORBID(name, condition) static int name(const Seen *s[THREADS], int x, int y) { return condition; }
FORBID(mp, s[1]->a == 1 && s[1]->b == 0)
FORBID(sb, s[0]->a == 0 && s[1]->a == 0)
FORBID(lb, s[0]->a == 1 && s[1]->a == 1)
FORBID(iriw, s[2]->a == 1 && s[2]->b == 0 && s[3]->a == 1 && s[3]->b == 0)
FORBID(wrc, s[1]->a == 1 && s[2]->a == 1 && s[2]->b == 0)
FORBID(corr, s[1]->a > s[1]->b)
FORBID(w2, x == 1 && y == 1)
FORBID(lost2, x != 2 || y != 2)
FORBID(lost4, x != 4 || y != 4)

static const struct {
    const char *name;
    Forbidden *forbidden;
    int n;
    Code *code[THREADS];
} tests[] = {
    {"MP+stlr+ldar", mp, 2, {mp_stlr, mp_ldar}},
    {"MP+stlr+ldapr", mp, 2, {mp_stlr, mp_ldapr}},
    {"MP+dmb+dmb.ld", mp, 2, {mp_dmb, mp_dmb_ld}},
    {"MP+dmb.st+ldar", mp, 2, {mp_dmb_st, mp_ldar}},
    {"MP+swpal+ldapr", mp, 2, {mp_swpal, mp_ldapr}},
    {"SB+stlr-ldar", sb, 2, {sb_0, sb_1}},
    {"SB+dmb", sb, 2, {sb_dmb_0, sb_dmb_1}},
    {"SB+swpal", sb, 2, {sb_swp_0, sb_swp_1}},
    {"SB+dmb+stlr-ldar", sb, 2, {sb_dmb_0, sb_1}},
    {"LB+ldar+ldapr", lb, 2, {lb_0, lb_1}},
    {"LB+stlr", lb, 2, {lb_stlr_0, lb_stlr_1}},
    {"IRIW+ldar", iriw, 4, {release_x, release_y, read_xy, read_yx}},
    {"IRIW+ldapr", iriw, 4, {write_x, write_y, read_xy_pc, read_yx_pc}},
    {"WRC+stlr+ldar", wrc, 3, {write_x, wrc_1, mp_ldar}},
    {"WRC+dmb+ldapr", wrc, 3, {write_x, wrc_dmb_1, mp_ldapr}},
    {"CoRR", corr, 2, {write_12, same_twice}},
    {"2+2W+stlr", w2, 2, {w2_0, w2_1}},
    {"LL/SC loops", lost2, 2, {count_excl, count_excl}},
    {"CAS and LDADD loops", lost2, 2, {count_cas, count_cas}},
    {"LL/SC, CAS and LDADD loops", lost4, 4, {count_excl, count_cas, count_excl, count_cas}},
};
enum { TESTS = sizeof tests / sizeof *tests };

static Cell cells[CELLS];
static Seen seen[THREADS][CELLS];
static atomic_int arrived;

/* All threads go on together. */
static void meet(int *met)
{
    *met += THREADS;
    atomic_fetch_add(&arrived, 1);
    while (atomic_load(&arrived) < *met)
        sched_yield();
}

static int count(int test)
{
    int found = 0;
    for (int i = 0; i < CELLS; i++) {
        const Seen *s[THREADS] = {&seen[0][i], &seen[1][i], &seen[2][i], &seen[3][i]};
        found += tests[test].forbidden(s, atomic_load(&cells[i].x), atomic_load(&cells[i].y));
    }
    return found;
}

static void *run(void *arg)
{
    int me = *(int *)arg, met = 0;
    for (int t = 0; t < TESTS; t++) {
        int found = 0;
        for (int r = 0; r < ROUNDS; r++) {
            if (me == 0)
                memset(cells, 0, sizeof cells);
            went[me].to = -1;
            meet(&met);
            if (me < tests[t].n)
                tests[t].code[me](cells, seen[me], me, tests[t].n);
            meet(&met);
            if (me == 0)
                found += count(t);
        }
        if (me == 0)
            printf("%s: %d\n", tests[t].name, found);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = THREADS - 1; i >= 0; i--) {
        numbers[i] = i;
        if (i)
            pthread_create(&threads[i], NULL, run, &numbers[i]);
    }
    run(&numbers[0]);
    for (int i = 1; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}
