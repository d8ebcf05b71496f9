/* The map of guest memory against a model of one entry a page, and copies that meet bad addresses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../runtime/mem.h"
#include "../../runtime/runtime.h"

enum { PAGE = 4096, PAGES = 64, HOST_PAGE = 20, UNMAPPED = -1 };

static u64 invalidated_lo, invalidated_hi;

void cache_invalidate(u64 addr, u64 size)
{
    invalidated_lo = addr < invalidated_lo ? addr : invalidated_lo;
    invalidated_hi = addr + size > invalidated_hi ? addr + size : invalidated_hi;
}

typedef struct Window {
    struct MemMap *map;
    u64 base;
    int prot[PAGES];
    u8 *host; /* one page in the middle that isn't the guest's */
} Window;

/* Where the kernel puts the guest's memory, not where the translator has its own. */
static void *kernel_map(u64 size, int prot)
{
    return (void *)syscall(SYS_mmap, NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static u32 next_random(u32 *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static Window window_new(void)
{
    Window w = {.map = mem_new(0)};
    void *room = kernel_map(PAGES * PAGE, PROT_NONE);
    assert_true(room != MAP_FAILED);
    munmap(room, PAGES * PAGE);
    w.base = (u64)room;
    w.host = mmap((u8 *)room + HOST_PAGE * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                  -1, 0);
    strcpy((char *)w.host, "the translator's");
    for (int i = 0; i < PAGES; i++)
        w.prot[i] = UNMAPPED;
    return w;
}

static void check(const Window *w)
{
    for (int i = 0; i < PAGES; i++)
        assert_int_equal(mem_prot(w->map, w->base + (u64)i * PAGE), w->prot[i]);
    /* Sorted, disjoint, merged. */
    Mapping m, last = {0};
    for (u64 at = 0; mem_next(w->map, at, &m); at = m.end) {
        assert_true(m.start < m.end && m.start >= last.end);
        assert_false(m.start == last.end && m.prot == last.prot && m.kind == last.kind && last.end);
        last = m;
    }
    assert_string_equal((char *)w->host, "the translator's");
}

static void random_changes(void **state)
{
    static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};
    Window w = window_new();
    u32 random = 1;
    for (int step = 0; step < 3000; step++) {
        int first = (int)(next_random(&random) % PAGES), n = 1 + (int)(next_random(&random) % 12);
        int prot = prots[next_random(&random) % LEN(prots)];
        if (first + n > PAGES)
            n = PAGES - first;
        u64 addr = w.base + (u64)first * PAGE, size = (u64)n * PAGE;
        bool over_host = first <= HOST_PAGE && first + n > HOST_PAGE;
        int holes = 0, mapped_prefix = 0;
        for (int i = first; i < first + n; i++)
            holes += w.prot[i] == UNMAPPED;
        while (mapped_prefix < n && w.prot[first + mapped_prefix] != UNMAPPED)
            mapped_prefix++;
        switch (next_random(&random) % 4) {
        case 0: {
            i64 got = mem_map(w.map, addr, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0, 0);
            assert_int_equal(got, over_host ? -ENOMEM : (i64)addr);
            for (int i = first; i < first + n && !over_host; i++)
                w.prot[i] = prot;
            break;
        }
        case 1: {
            i64 got = mem_map(w.map, addr, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0, 0);
            bool fits = holes == n && !over_host;
            assert_int_equal(got, fits ? (i64)addr : -EEXIST);
            for (int i = first; i < first + n && fits; i++)
                w.prot[i] = prot;
            break;
        }
        case 2:
            assert_int_equal(mem_unmap(w.map, addr, size), 0);
            for (int i = first; i < first + n; i++)
                w.prot[i] = UNMAPPED;
            break;
        case 3:
            assert_int_equal(mem_protect(w.map, addr, size, prot), holes ? -ENOMEM : 0);
            for (int i = first; i < first + mapped_prefix; i++)
                w.prot[i] = prot;
            break;
        }
        check(&w);
    }
    mem_unmap(w.map, w.base, PAGES * PAGE);
    munmap(w.host, PAGE);
}

static void code_is_invalidated(void **state)
{
    Window w = window_new();
    u64 code = w.base + 4 * PAGE;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    mem_map(w.map, w.base, 4 * PAGE, PROT_READ, flags, -1, 0, 0);
    mem_map(w.map, code, 2 * PAGE, PROT_READ | PROT_EXEC, flags, -1, 0, 0);
    invalidated_lo = UINT64_MAX, invalidated_hi = 0;
    mem_protect(w.map, w.base, 4 * PAGE, PROT_READ | PROT_WRITE);
    assert_int_equal(invalidated_hi, 0);
    mem_protect(w.map, w.base, 5 * PAGE, PROT_READ | PROT_WRITE);
    assert_int_equal(invalidated_lo, code);
    assert_int_equal(invalidated_hi, code + PAGE);
    invalidated_lo = UINT64_MAX, invalidated_hi = 0;
    mem_unmap(w.map, w.base, 8 * PAGE);
    assert_int_equal(invalidated_lo, code + PAGE);
    assert_int_equal(invalidated_hi, code + 2 * PAGE);
    munmap(w.host, PAGE);
}

static void moved(void **state)
{
    Window w = window_new();
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    mem_map(w.map, w.base, 4 * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0, 0);
    strcpy((char *)w.base, "contents");
    u64 to = w.base + 30 * PAGE, onto_host = w.base + (HOST_PAGE - 1) * PAGE;
    assert_int_equal(mem_remap(w.map, w.base, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, onto_host), -ENOMEM);
    assert_int_equal(mem_prot(w.map, onto_host), UNMAPPED);
    assert_string_equal((char *)w.host, "the translator's");
    assert_int_equal(mem_remap(w.map, w.base, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
    assert_string_equal((char *)to, "contents");
    assert_int_equal(mem_prot(w.map, w.base), UNMAPPED);
    assert_int_equal(mem_prot(w.map, to), PROT_READ | PROT_WRITE);
    assert_int_equal(mem_prot(w.map, to + 2 * PAGE), UNMAPPED);
    assert_int_equal(mem_remap(w.map, (u64)w.host, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0), -EFAULT);
    munmap(w.host, PAGE);
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    u64 fixup = mem_fixup((u64)*rip);
    if (!fixup)
        abort();
    *rip = (greg_t)fixup;
}

static void bad_addresses(void **state)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
    sigaction(SIGSEGV, &action, &old);
    char *p = kernel_map(2 * PAGE, PROT_READ | PROT_WRITE), buf[PAGE];
    munmap(p + PAGE, PAGE);
    strcpy(p + PAGE - 6, "hello");
    assert_int_equal(mem_read(buf, (u64)p + PAGE - 6, 6), 0);
    assert_string_equal(buf, "hello");
    assert_int_equal(mem_read(buf, (u64)p + PAGE - 6, 7), -EFAULT);
    assert_int_equal(mem_write((u64)p + PAGE - 2, buf, 4), -EFAULT);
    assert_int_equal(mem_write(0, buf, 1), -EFAULT);
    assert_int_equal(mem_read(buf, 0, 0), 0);
    strcpy(p + PAGE - 6, "hello");
    assert_int_equal(mem_strlen((u64)p + PAGE - 6, 100), 5);
    assert_int_equal(mem_strlen((u64)p + PAGE - 6, 3), -ENAMETOOLONG);
    assert_int_equal(mem_string(buf, (u64)p + PAGE - 6, sizeof buf), 5);
    p[PAGE - 1] = 'x';
    assert_int_equal(mem_strlen((u64)p + PAGE - 6, 100), -EFAULT);
    assert_int_equal(mem_string(buf, (u64)p + PAGE - 6, sizeof buf), -EFAULT);
    sigaction(SIGSEGV, &old, NULL);
    munmap(p, PAGE);
}

/* In an address space that ends below the host's nothing is ever above: the kernel would choose so for a hint that is taken, and may for
 * a large file. */
static void below_limit(void **state)
{
    enum : u64 { LIMIT = 0xffff1000, SIZE = 8 << 20 };
    struct MemMap *m = mem_new(LIMIT);
    int fd = memfd_create("large", 0), flags = MAP_PRIVATE;
    u64 hint = 0;
    assert_int_equal(ftruncate(fd, SIZE), 0);
    for (int i = 0; i < 4; i++) {
        i64 at = mem_map(m, hint, SIZE, PROT_READ, flags, fd, 0, 0);
        assert_true(at > 0 && (u64)at + SIZE <= LIMIT);
        hint = (u64)at;
    }
    assert_int_equal(mem_map(m, LIMIT - PAGE, SIZE, PROT_READ, flags | MAP_FIXED_NOREPLACE, fd, 0, 0), -ENOMEM);
    assert_int_equal(mem_map(m, 0, LIMIT, PROT_READ, flags, fd, 0, 0), -ENOMEM);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes),
        cmocka_unit_test(code_is_invalidated),
        cmocka_unit_test(moved),
        cmocka_unit_test(bad_addresses),
        cmocka_unit_test(below_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
