/* image_open on files that are wrong in one way each: an error, one line that says so, and never a crash. Script lines too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../runtime/load.h"

static const char interp_name[] = "/lib/ld.so.1";

/* A small position-independent program: two segments, an interpreter. */
typedef struct File {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[4];
    char interp[sizeof interp_name];
    u8 rest[8192];
} File;

static File good_file(void)
{
    File f = {
        .eh = {
            .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
            .e_type = ET_DYN, .e_machine = guest_aarch64.elf_machine, .e_version = EV_CURRENT, .e_entry = 0x100,
            .e_phoff = offsetof(File, ph), .e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 4,
        },
        .ph = {
            {PT_INTERP, PF_R, offsetof(File, interp), offsetof(File, interp), 0, sizeof interp_name, sizeof interp_name, 1},
            {PT_LOAD, PF_R | PF_X, 0, 0, 0, 4096, 4096, 4096},
            {PT_LOAD, PF_R | PF_W, 4096, 0x11000, 0, 100, 9000, 0x10000},
            {PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16},
        },
    };
    memcpy(f.interp, interp_name, sizeof interp_name);
    return f;
}

static int try_file(const void *data, size_t size, Image *image, char why[512])
{
    int fd = memfd_create("image", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    why[0] = 0;
    return image_open(image, fd, "FILE", why, 512);
}

static void refused(const File *f, size_t size, int error, const char *words)
{
    Image image;
    char why[512];
    assert_int_equal(try_file(f, size, &image, why), -error);
    if (!strstr(why, words) || strncmp(why, "FILE: ", 6) || strchr(why, '\n'))
        fail_msg("message \"%s\" without \"%s\"", why, words);
    image_close(&image);
}

static void test_good(void **state)
{
    File f = good_file();
    Image image;
    char why[512];
    assert_int_equal(try_file(&f, sizeof f, &image, why), 0);
    assert_ptr_equal(image.guest, &guest_aarch64);
    assert_true(image.pie);
    assert_int_equal(image.nsegments, 2);
    assert_int_equal(image.segments[1].vaddr, 0x11000);
    assert_int_equal(image.segments[1].prot, PROT_READ | PROT_WRITE);
    assert_int_equal(image.segments[1].align, 0x10000);
    assert_int_equal(image.phdr_vaddr, offsetof(File, ph));
    assert_string_equal(image.interp, interp_name);
    assert_false(image.exec_stack);
    image_close(&image);
}

#define WRONG(error, words, ...) \
    do { \
        File f = good_file(); \
        __VA_ARGS__; \
        refused(&f, sizeof f, error, words); \
    } while (0)

static void test_headers(void **state)
{
    WRONG(ENOEXEC, "isn't an ELF program", f.eh.e_ident[1] = 'X');
    WRONG(ENOEXEC, "is a program for RISC-V", f.eh.e_machine = EM_RISCV);
    WRONG(ENOEXEC, "is a program for ELF machine 9999", f.eh.e_machine = 9999);
    WRONG(ENOEXEC, "32-bit", f.eh.e_ident[EI_CLASS] = ELFCLASS32);
    WRONG(ENOEXEC, "big-endian", f.eh.e_ident[EI_DATA] = ELFDATA2MSB; f.eh.e_machine = __builtin_bswap16(f.eh.e_machine));
    WRONG(ENOEXEC, "object file", f.eh.e_type = ET_REL);
    WRONG(ENOEXEC, "core dump", f.eh.e_type = ET_CORE);
    WRONG(ENOEXEC, "ELF type 77", f.eh.e_type = 77);
    WRONG(ENOEXEC, "program headers of 32 bytes", f.eh.e_phentsize = 32);
    WRONG(ENOEXEC, "0 program headers", f.eh.e_phnum = 0);
    WRONG(ENOEXEC, "65535 program headers", f.eh.e_phnum = PN_XNUM);
    WRONG(ENOEXEC, "truncated: program headers", f.eh.e_phoff = 1 << 20);
    WRONG(ENOEXEC, "truncated: program headers", f.eh.e_phoff = ~0ull - 8);
    WRONG(ENOEXEC, "nothing to load", f.ph[1].p_type = f.ph[2].p_type = PT_NOTE);
}

static void test_segments(void **state)
{
    WRONG(ENOEXEC, "truncated: segment 2", f.ph[2].p_offset = 1 << 20);
    WRONG(ENOEXEC, "truncated: segment 2", f.ph[2].p_offset = ~0ull << 12);
    WRONG(ENOEXEC, "more of the file", f.ph[2].p_memsz = 99);
    WRONG(ENOEXEC, "outside the address space", f.ph[2].p_memsz = ~0ull);
    WRONG(ENOEXEC, "outside the address space", f.ph[2].p_vaddr = ~0ull << 12);
    WRONG(ENOEXEC, "modulo the page size", f.ph[2].p_vaddr += 8);
    WRONG(ENOEXEC, "overlap", f.ph[2].p_vaddr = 0);
    WRONG(ENOEXEC, "PT_INTERP", f.ph[0].p_filesz = 0);
    WRONG(ENOEXEC, "PT_INTERP", f.ph[0].p_filesz = 5000);
    WRONG(ENOEXEC, "PT_INTERP", f.ph[0].p_offset = 1 << 20);
    WRONG(ENOEXEC, "isn't a string", f.interp[sizeof interp_name - 1] = 'x');
    File f = good_file();
    f.ph[2].p_align = 3; /* the kernel doesn't mind */
    Image image;
    char why[512];
    assert_int_equal(try_file(&f, sizeof f, &image, why), 0);
    image_close(&image);
}

/* Cut anywhere, it is refused or opened, but read within its bounds. */
static void test_truncated(void **state)
{
    File f = good_file();
    for (size_t size = 0; size < sizeof f; size += size < 400 ? 1 : 97) {
        Image image;
        char why[512];
        if (try_file(&f, size, &image, why))
            assert_true(why[0]);
        image_close(&image);
    }
}

/* Any 8 bytes of the headers replaced by values that computations overflow on. */
static void test_corrupted(void **state)
{
    static const u64 values[] = {0, 1, 0xfff, 1ull << 31, 1ull << 32, 1ull << 46, (1ull << 47) - 1, 1ull << 63, ~0ull, ~0xfffull};
    for (size_t at = 0; at + 8 <= offsetof(File, interp); at += 4) {
        for (size_t i = 0; i < LEN(values); i++) {
            File f = good_file();
            Image image;
            char why[512];
            memcpy((u8 *)&f + at, &values[i], 8);
            if (try_file(&f, sizeof f, &image, why))
                assert_true(why[0]);
            image_close(&image);
        }
    }
}

static void test_no_file(void **state)
{
    Image image;
    char why[512];
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(image_open(&image, fds[0], "FILE", why, sizeof why), -EACCES);
    image_close(&image);
    close(fds[1]);
    assert_int_equal(image_open(&image, -1, "FILE", why, sizeof why), -EBADF);
    assert_int_equal(try_file("", 0, &image, why), -ENOEXEC);
    assert_non_null(strstr(why, "is empty"));
    image_close(&image);
}

static void script(const char *text, int result, const char *interp, const char *arg)
{
    Script s;
    assert_int_equal(script_parse(text, strlen(text), &s), result);
    if (result == 1) {
        assert_string_equal(s.interp, interp);
        assert_string_equal(s.arg, arg);
    }
}

static void test_scripts(void **state)
{
    script("#!/bin/sh\necho", 1, "/bin/sh", "");
    script("#! /bin/sh -e  -x \t\n", 1, "/bin/sh", "-e  -x");
    script("#!/bin/sh", 1, "/bin/sh", "");
    script("#!\n", -ENOEXEC, "", "");
    script("#!   \n", -ENOEXEC, "", "");
    script("#", 0, "", "");
    script("echo", 0, "", "");
    char longest[400] = "#!/";
    memset(longest + 3, 'a', 390);
    script(longest, -ENOEXEC, "", "");
    longest[100] = ' '; /* the interpreter is whole, its argument is cut */
    Script s;
    assert_int_equal(script_parse(longest, SCRIPT_LINE, &s), 1);
    assert_int_equal(strlen(s.interp), 98);
    assert_int_equal(strlen(s.arg), SCRIPT_LINE - 1 - 101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),      cmocka_unit_test(test_headers),   cmocka_unit_test(test_segments),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_corrupted), cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_scripts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
