/* What the A32 and T32 decoders know, against LLVM's disassembler: every encoding that user code may run is lifted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <llvm-c/Disassembler.h>

#include "../../include/guest.h"
#include "../../include/translate.h"
#include "../../lifter/llvm_init.h"

/* The guest's helpers call it; nothing runs here. */
__attribute__((weak)) void cache_invalidate(u64 addr, u64 size)
{
}

/* Mnemonics, as far as they are given, that (some) encodings of are privileged, unpredictable here, or of a coprocessor that there
 * isn't. */
static const char *const refused[] = {"msr",  "mrs",  "cps", "srs",  "rfe",  "smc",  "hvc",  "eret", "hlt", "udf", "mcr", "mrc",
                                      "mcrr", "mrrc", "cdp", "ldc",  "stc",  "vmrs", "vmsr", "dcps", "subs\tpc", "trap", "fldm", "fstm",
                                      "ubfx", "sbfx", "esb",  "tsb",  "csdb", "dbg", "pssbb", "ssbb", "lsrs\tpc"};

static bool is_refused(const char *text)
{
    const char *name = text + strspn(text, "\t ");
    for (size_t i = 0; i < LEN(refused); i++)
        if (!strncmp(name, refused[i], strlen(refused[i])))
            return true;
    /* PC, and in T32 SP, where they are unpredictable; exception returns; registers of another mode */
    return strstr(text, "pc") || strstr(text, "sp") || strchr(text, '^');
}

static bool lifts(Ir *ir, const u8 *bytes, u64 mode)
{
    static Lift l;
    ir_reset(ir, 0x10000 | mode);
    l = (Lift){.ir = ir, .guest = &guest_arm, .pc = 0x10000, .mode = mode};
    memset(l.known, 0xff, sizeof l.known);
    guest_arm.lift(&l, bytes, 4);
    return !l.unimplemented;
}

/* LLVM doesn't look at bits that should be zero or one: is it lifted with them right? In T32 the second halfword is the upper one. */
static bool lifts_when_right(Ir *ir, u32 word, u64 mode)
{
    static const u32 a32[] = {0xf00, 0xf000, 0xf0000, 0xf0f00, 0xff00}, t32[] = {0x80000000, 0xf000000, 0x20000000, 0xf, 0xf0000, 0xf0f0000, 0x8000000, 0x400000, 0x400, 0x200000, 0x200400};
    const u32 *fields = mode ? t32 : a32;
    for (size_t i = 0; i < (mode ? LEN(t32) : LEN(a32)); i++) {
        u32 clear = word & ~fields[i], set = word | fields[i];
        if (lifts(ir, (u8 *)&clear, mode) || lifts(ir, (u8 *)&set, mode))
            return true;
    }
    return false;
}

static void compare(const char *triple, const char *features, u64 mode)
{
    const char *words = getenv("DECODE_TEST_WORDS");
    long count = words ? atol(words) : 300000, missing = 0;
    llvm_init();
    LLVMDisasmContextRef d = LLVMCreateDisasmCPUFeatures(triple, "generic", features, NULL, 0, NULL, NULL);
    assert_non_null(d);
    Ir *ir = ir_new();
    u64 seed = 5;
    for (long n = 0; n < count; n++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        u32 word = (u32)(seed >> 32);
        char text[128] = "";
        if (!mode && n % 3 == 0)
            word |= 0xf0000000;
        if (mode && n % 2 == 0)
            word |= 0xe800;
        if (!LLVMDisasmInstruction(d, (u8 *)&word, sizeof word, 0x10000, text, sizeof text) || lifts(ir, (u8 *)&word, mode) || is_refused(text) ||
            lifts_when_right(ir, word, mode))
            continue;
        if (missing++ < 20)
            print_error("%08x is not lifted: %s\n", word, text);
    }
    ir_free(ir);
    LLVMDisasmDispose(d);
    assert_int_equal(missing, 0);
}

static void test_a32(void **state)
{
    compare("armv8a-linux-gnueabihf", "+v8.6a,+neon,+crypto,+crc,+fullfp16,+fp16fml", 0);
}

static void test_t32(void **state)
{
    compare("thumbv8a-linux-gnueabihf", "+v8.6a,+neon,+crypto,+crc,+fullfp16,+fp16fml", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a32), cmocka_unit_test(test_t32)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
