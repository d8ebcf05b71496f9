/* The first call into LLVM: its deferred static constructors, then its targets. */
#include "llvm_init.h"

#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <pthread.h>

#include "../include/base.h"

/* The link collects LLVM's constructors here (tools/defer_ctors.cmake). */
typedef void Ctor(int argc, char **argv, char **envp);
extern Ctor *const __start_llvm_ctors[], *const __stop_llvm_ctors[];

static void init(void)
{
    static char *no_args[] = {"dragoman", NULL};
    for (Ctor *const *c = __start_llvm_ctors; c != __stop_llvm_ctors; c++)
        (*c)(1, no_args, no_args + 1);
    static const char *const options[] = {
        "dragoman",
        /* Two loads and stores of 8 bytes become one of 16 otherwise, and such a load of what was stored in two pieces, as a
         * function's return does of what its entry saved, waits until the stores are done. */
        "-combiner-store-merging=0",
        /* LLVM 19 takes `movb (%rbx), %bl` for something that may write all of rbx, if rbx isn't read again but for its address. */
        "-fixup-byte-word-insts=0",
        /* A tenth of LLVM's time, of which the code doesn't get faster. */
        "-disable-post-ra",
        "-disable-x86-domain-reassignment",
    };
    LLVMParseCommandLineOptions(LEN(options), options, NULL);
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); /* entries of regions */
    LLVMInitializeX86Disassembler();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64Disassembler();
    LLVMInitializeARMTargetInfo();
    LLVMInitializeARMTargetMC();
    LLVMInitializeARMDisassembler();
}

static bool left_out;

void llvm_leave_out(void)
{
    left_out = true;
}

bool llvm_is_left_out(void)
{
    return left_out;
}

void llvm_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init);
}
