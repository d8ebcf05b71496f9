/* What the A64 decoder knows, against LLVM's disassembler set to just what HWCAP claims: every encoding that user code may run
 * is lifted, and nothing of a later architecture is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <llvm-c/Disassembler.h>

#include "../../frontend/decode.h"
#include "../../include/guest.h"
#include "../../include/translate.h"
#include "../../lifter/llvm_init.h"

extern const DecodeTable *const a64_decode_table;

/* The guest's helpers call it; nothing runs here. */
__attribute__((weak)) void cache_invalidate(u64 addr, u64 size)
{
}

/* Mnemonics of which (some) encodings are undefined at EL0. */
static const char *const privileged[] = {"msr",  "mrs",   "sys",   "sysl",  "dc",  "ic",  "at",   "tlbi", "cfp", "cpp",
                                         "dvp",  "dcps1", "dcps2", "dcps3", "hlt", "hvc", "smc",  "udf",  "eret", "drps"};

/* Rows that go beyond LLVM: bits that should be one but are ignored, and registers used twice (constrained unpredictable). */
static const char *const lenient[] = {"ldxr",       "ldxp",     "ldar",      "stlr",      "ldp",         "ldpv",
                                      "ldpsw",      "stp",      "stpv",      "ldr_pre",   "ldr_post",    "ldr_unpriv",
                                      "str_pre",    "str_post", "str_unpriv", "ldrs_pre", "ldrs_post",   "ldrs_unpriv",
                                      "ldrsw_pre",  "ldrsw_post", "ldrsw_unpriv", "stxr", "stxp"};

static bool is_one_of(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i], name))
            return true;
    return false;
}

/* LLVM takes the same register twice, and the zero register, where the architecture doesn't. */
static bool names_registers(const char *name)
{
    return !strncmp(name, "cpy", 3) || !strncmp(name, "set", 3) || !strncmp(name, "swpp", 4) || !strncmp(name, "ldclrp", 6) ||
           !strncmp(name, "ldsetp", 6);
}

static bool lifts(Ir *ir, u32 word)
{
    static Lift l;
    ir_reset(ir, 0x10000);
    l = (Lift){.ir = ir, .guest = &guest_aarch64, .pc = 0x10000};
    memset(l.known, 0xff, sizeof l.known);
    guest_aarch64.lift(&l, (const u8 *)&word, sizeof word);
    return !l.unimplemented;
}

static void test_same_as_llvm(void **state)
{
    const char *words = getenv("DECODE_TEST_WORDS");
    long count = words ? atol(words) : 400000;
    llvm_init();
    LLVMDisasmContextRef d = LLVMCreateDisasmCPUFeatures("aarch64-unknown-linux-gnu", "generic",
                                                         "+v8a,+fp-armv8,+neon,+crc,+lse,+aes,+sha2,+sha3,+sm4,+rdm,+rcpc,+rcpc-immo,+dotprod,+i8mm,+flagm,+altnzcv,+sb,+ssbs,+dit,+ccdp,+ccpp,+wfxt,+cssc,+hbc,+rand,+ecv,+fullfp16,+fp16fml,+jsconv,+complxnum,+fptoint,+bf16,+mops,+rcpc3,+lse128", NULL, 0, NULL, NULL);
    assert_non_null(d);
    Ir *ir = ir_new();
    u64 seed = 5;
    for (long n = 0; n < count; n++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        u32 word = (u32)(seed >> 32);
        char text[128] = "", name[32] = "";
        bool known = LLVMDisasmInstruction(d, (u8 *)&word, sizeof word, 0x10000, text, sizeof text);
        bool ours = lifts(ir, word);
        if (known && !ours) {
            sscanf(text, "%31s", name);
            if (!is_one_of(privileged, LEN(privileged), name) && !names_registers(name))
                fail_msg("%08x is not lifted: %s", word, text);
        } else if (!known && ours) {
            const char *row = a64_decode_table->rows[decode_find(a64_decode_table, word)].name;
            if (!is_one_of(lenient, LEN(lenient), row))
                fail_msg("%08x is lifted as %s, but LLVM doesn't know it", word, row);
        }
    }
    ir_free(ir);
    LLVMDisasmDispose(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_as_llvm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
