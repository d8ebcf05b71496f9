/* LLVM behind a small door: one LLJIT, one target machine, a memory manager that puts what ORC links into the arena.
 *
 * A compilation is: build the module (llvm.c), run passes, generate an object, let ORC link it. Each has its own
 * LLVMContext, so that nothing of it stays. The lock makes compilations one at a time; after a fork the child forgets
 * all of this and starts afresh when it first needs to, since what another thread was doing in LLVM at that moment
 * stays undone. */
#include <assert.h>
#include <inttypes.h>
#include <llvm-c/Error.h>
#include <llvm-c/ErrorHandling.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/OrcEE.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <xmmintrin.h>

#include "../include/log.h"
#include "dump.h"
#include "host.h"
#include "llvm.h"
#include "llvm_init.h"
#include "orc.h"

/* What the memory manager saw of the object being linked. */
typedef struct Placed {
    u8 *code;
    size_t code_size;
} Placed;

typedef struct Orc {
    LLVMOrcLLJITRef jit;
    LLVMTargetMachineRef machine;
    LLVMPassBuilderOptionsRef pass_options;
    HostInfo host;
    Placed placed;
    u64 serial; /* makes symbol names unique */
} Orc;

static struct {
    pthread_mutex_t lock;
    Orc *orc; /* made by the first compilation */
    bool handler_installed;
    _Atomic bool starting; /* LLVM's start is under way, or was when LLVM gave up */
    bool warm; /* a compilation has ended: LLVM's one-time initialisations are behind us */
    bool fork_holds_lock;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Where LLVM's fatal errors go while this thread compiles: LLVM would end the process otherwise. */
static __thread sigjmp_buf *rescue;
static __thread char fatal_message[200];

static void on_fatal(const char *message)
{
    snprintf(fatal_message, sizeof fatal_message, "%s", message);
    if (rescue)
        siglongjmp(*rescue, 1);
}

void orc_aborted(void)
{
    on_fatal("LLVM gave up");
}

bool orc_usable(void)
{
    return !state.starting;
}

/* Takes the error; one line in `why`. */
static bool failed(LLVMErrorRef error, char *why, size_t size)
{
    if (!error)
        return false;
    char *message = LLVMGetErrorMessage(error);
    snprintf(why, size, "%s", message);
    for (char *c = why; *c; c++)
        if (*c == '\n')
            *c = ' ';
    LLVMDisposeErrorMessage(message);
    return true;
}

/* -- memory manager ----------------------------------------------------------------------------------------- */

static void *create_context(void *orc)
{
    return orc;
}

static void notify_terminating(void *orc)
{
}

static u8 *place(size_t size, unsigned align, bool code)
{
    if (align < 16)
        align = 16;
    u8 *p = arena_object(size + align, code);
    return p ? (u8 *)(((u64)p + align - 1) & -(u64)align) : NULL;
}

static u8 *allocate_code(void *opaque, uintptr_t size, unsigned align, unsigned id, const char *name)
{
    Orc *orc = opaque;
    u8 *p = place(size, align, true);
    if (size > orc->placed.code_size)
        orc->placed = (Placed){p, size};
    return p;
}

static u8 *allocate_data(void *opaque, uintptr_t size, unsigned align, unsigned id, const char *name,
                         LLVMBool read_only)
{
    return place(size, align, false);
}

static LLVMBool finalize(void *opaque, char **error)
{
    if (arena_object_seal())
        return false;
    *error = strdup("the code's pages could not be made executable");
    return true;
}

/* The arena is never freed in pieces. */
static void destroy(void *opaque)
{
}

static LLVMOrcObjectLayerRef make_object_layer(void *orc, LLVMOrcExecutionSessionRef session, const char *triple)
{
    return LLVMOrcCreateRTDyldObjectLinkingLayerWithMCJITMemoryManagerLikeCallbacks(
        session, orc, create_context, notify_terminating, allocate_code, allocate_data, finalize, destroy);
}

/* -- set-up ------------------------------------------------------------------------------------------------- */

static LLVMTargetMachineRef make_machine(const char *triple, const char *cpu, const char *features, char *why,
                                         size_t size)
{
    LLVMTargetRef target;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(triple, &target, &message)) {
        snprintf(why, size, "%s", message);
        LLVMDisposeMessage(message);
        return NULL;
    }
    return LLVMCreateTargetMachine(target, triple, cpu, features, LLVMCodeGenLevelDefault, LLVMRelocPIC,
                                   LLVMCodeModelSmall);
}

static bool has_feature(const char *features, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = strstr(features, name); at; at = strstr(at + n, name))
        if (at[n] == ',' || !at[n])
            return true;
    return false;
}

static bool make_jit(Orc *orc, char *why, size_t size)
{
    LLVMOrcLLJITBuilderRef builder = LLVMOrcCreateLLJITBuilder();
    LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(builder, LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(
                                                               make_machine(orc->host.triple, "", "", why, size)));
    LLVMOrcLLJITBuilderSetObjectLinkingLayerCreator(builder, make_object_layer, orc);
    return !failed(LLVMOrcCreateLLJIT(&orc->jit, builder), why, size);
}

/* std::set_terminate: the C++ library's own handler says what hasn't been caught (LLVM lets std::bad_alloc through), which is no news for
 * the guest's user; what abort then does with it is orc_aborted's affair. */
void (*set_terminate(void (*handler)(void)))(void) __asm__("_ZSt13set_terminatePFvvE");

static Orc *orc_new(char *why, size_t size)
{
    set_terminate(abort);
    state.starting = true;
    llvm_init();
    state.starting = false;
    if (!state.handler_installed)
        LLVMInstallFatalErrorHandler(on_fatal);
    state.handler_installed = true;

    Orc *orc = calloc(1, sizeof *orc);
    if (!orc) {
        snprintf(why, size, "out of memory");
        return NULL;
    }
    char *cpu = LLVMGetHostCPUName(), *features = LLVMGetHostCPUFeatures();
    orc->host.triple = LLVMGetDefaultTargetTriple();
    bool v3 = host_level && !strcmp(host_level, "x86-64-v3");
    orc->host.fma = host_level ? v3 : has_feature(features, "+fma");
    orc->host.avx = host_level ? v3 : has_feature(features, "+avx");
    orc->host.lane_shifts = host_level ? v3 : has_feature(features, "+avx2");
    orc->host.stack_pointer = "rsp";
    orc->host.pair_products = "llvm.x86.sse2.pmadd.wd";
    orc->host.byte_shuffle = host_level || has_feature(features, "+ssse3") ? "llvm.x86.ssse3.pshuf.b.128" : NULL;
    orc->machine = make_machine(orc->host.triple, host_level ? host_level : cpu, host_level ? "" : features, why, size);
    LLVMDisposeMessage(cpu);
    LLVMDisposeMessage(features);
    if (orc->machine) {
        LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(orc->machine);
        orc->host.layout = LLVMCopyStringRepOfTargetData(layout);
        LLVMDisposeTargetData(layout);
        orc->pass_options = LLVMCreatePassBuilderOptions();
        if (make_jit(orc, why, size))
            return orc;
    }
    free(orc);
    return NULL;
}

/* -- compiling ---------------------------------------------------------------------------------------------- */

static void log_module(const Region *r, LLVMModuleRef mod, const char *title)
{
    if (!dump_wanted(r))
        return;
    char *text = LLVMPrintModuleToString(mod);
    dump_module(r->guest, title, text);
    LLVMDisposeMessage(text);
}

static bool optimise(Orc *orc, LLVMModuleRef mod, const Region *r, char *why, size_t size)
{
    static const char quick[] = "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg)";
    return !failed(LLVMRunPasses(mod, r->opt > 1 ? "default<O2>" : quick, orc->machine, orc->pass_options), why, size);
}

/* Hands the object to ORC, which links it into the arena, and what it keeps of it belongs to `tracker`; returns the address of
 * `name`. */
static u64 link_object(Orc *orc, LLVMOrcResourceTrackerRef tracker, LLVMMemoryBufferRef object, const char *name, char *why,
                       size_t size)
{
    LLVMOrcExecutorAddress address = 0;
    orc->placed = (Placed){0};
    if (failed(LLVMOrcLLJITAddObjectFileWithRT(orc->jit, tracker, object), why, size) ||
        failed(LLVMOrcLLJITLookup(orc->jit, &address, name), why, size))
        return 0;
    return address;
}

/* One entry's Block. */
static Block *make_block(const Region *r, u64 pc, u64 code)
{
    Block *b = arena_data(sizeof *b);
    if (!b)
        return NULL;
    b->tier = r->ahead ? TIER_STATIC : TIER_LLVM;
    b->code = (const void *)code;
    b->pc = pc;
    b->low = code_address(r->guest, r->pc);
    for (size_t i = 0; i < r->nblocks; i++) {
        const Ir *ir = r->blocks[i];
        u64 low = code_address(r->guest, ir->pc), end = low + (ir->end - ir->pc);
        b->low = low < b->low ? low : b->low;
        b->end = end > b->end ? end : b->end;
    }
    return b;
}

/* The entries' Blocks, in the order of their code: each owns its thunk, and the last one the function behind it, too.
 */
static Block *make_blocks(Orc *orc, const Region *r, const Exits *exits, const char *name, u64 code, char *why,
                          size_t size)
{
    u64 end = (u64)orc->placed.code + orc->placed.code_size;
    Block *first = NULL, *last = NULL;
    for (size_t i = 0; i == 0 || i < r->nentries; i++) {
        LLVMOrcExecutorAddress entry = code;
        if (r->nentries > 1) {
            char thunk[80];
            snprintf(thunk, sizeof thunk, "%s.%zu", name, i);
            if (failed(LLVMOrcLLJITLookup(orc->jit, &entry, thunk), why, size))
                return NULL;
        }
        Block *b = make_block(r, i ? r->entries[i] : r->pc, entry);
        if (!b) {
            snprintf(why, size, "the arena is full");
            return NULL;
        }
        if (last) {
            last->sibling = b;
            last->code_size = (u32)(entry - (u64)last->code);
        } else {
            first = b;
        }
        last = b;
    }
    last->code_size = (u32)(end - (u64)last->code);
    first->links = exits->links;
    first->nlinks = (u16)exits->count;
    for (size_t i = 0; i < r->nblocks; i++)
        first->insns += r->blocks[i]->insns;
    return first;
}

/* Has ORC forget an object's symbols and sections: nobody asks for them again, and there may be many. The code stays in the
 * arena. */
static void forget_object(Orc *orc, LLVMOrcResourceTrackerRef tracker)
{
    char why[200];
    failed(LLVMOrcResourceTrackerRemove(tracker), why, sizeof why);
    LLVMOrcReleaseResourceTracker(tracker);
    LLVMOrcExecutionSessionRef session = LLVMOrcLLJITGetExecutionSession(orc->jit);
    LLVMOrcSymbolStringPoolClearDeadEntries(LLVMOrcExecutionSessionGetSymbolStringPool(session));
}

static Block *compile(Orc *orc, LLVMContextRef ctx, const Region *r, char *why, size_t size)
{
    char name[64];
    snprintf(name, sizeof name, "r%" PRIx64 "_%" PRIu64, r->pc, orc->serial++);
    u64 t0 = log_clock();
    Exits exits;
    LLVMModuleRef mod = llvm_build(ctx, r, &orc->host, name, &exits, why, size);
    if (!mod)
        return NULL;
    u64 t1 = log_clock();
    if (log_on(llvm))
        log_module(r, mod, "LLVM IR");
    bool ok = optimise(orc, mod, r, why, size);
    u64 t2 = log_clock();
    if (log_on(op_opt))
        log_module(r, mod, "LLVM IR, optimised");

    LLVMMemoryBufferRef object = NULL;
    char *message = NULL;
    if (ok && LLVMTargetMachineEmitToMemoryBuffer(orc->machine, mod, LLVMObjectFile, &message, &object)) {
        snprintf(why, size, "%s", message);
        LLVMDisposeMessage(message);
        ok = false;
    }
    LLVMDisposeModule(mod);
    u64 t3 = log_clock();
    LLVMOrcResourceTrackerRef tracker = LLVMOrcJITDylibCreateResourceTracker(LLVMOrcLLJITGetMainJITDylib(orc->jit));
    u64 code = ok ? link_object(orc, tracker, object, name, why, size) : 0;
    Block *b = code ? make_blocks(orc, r, &exits, name, code, why, size) : NULL;
    forget_object(orc, tracker);
    u64 t4 = log_clock();
    count(llvm_ir_ns, t1 - t0);
    count(llvm_opt_ns, t2 - t1);
    count(llvm_codegen_ns, t3 - t2);
    count(llvm_link_ns, t4 - t3);
    return b;
}

static void on_diagnostic(LLVMDiagnosticInfoRef info, void *unused)
{
    char *message = LLVMGetDiagInfoDescription(info);
    snprintf(fatal_message, sizeof fatal_message, "%s", message);
    LLVMDisposeMessage(message);
    if (LLVMGetDiagInfoSeverity(info) == LLVMDSError && rescue)
        siglongjmp(*rescue, 1);
}

Block *orc_compile(const Region *r, char *why, size_t size)
{
    /* The guest's rounding and status may be in MXCSR: LLVM computes too, and must neither see nor change them. */
    u32 mxcsr = _mm_getcsr();
    _mm_setcsr(0x1f80);
    pthread_mutex_lock(&state.lock);
    Block *b = NULL;
    sigjmp_buf here;
    if (sigsetjmp(here, 0)) {
        /* LLVM was left in the middle of something, perhaps with its locks held: never to be used again. */
        snprintf(why, size, "%s", fatal_message);
        state.orc = NULL;
    } else {
        rescue = &here;
        if (state.starting)
            snprintf(why, size, "LLVM could not be started");
        else if (!state.orc)
            state.orc = orc_new(why, size);
        if (state.orc) {
            LLVMContextRef ctx = LLVMContextCreate();
            LLVMContextSetDiscardValueNames(ctx, !(log_on(llvm) || log_on(op_opt)));
            LLVMContextSetDiagnosticHandler(ctx, on_diagnostic, NULL);
            dump_region(r);
            b = compile(state.orc, ctx, r, why, size);
            LLVMContextDispose(ctx);
        }
    }
    rescue = NULL;
    state.warm = true;
    if (b) {
        count(regions, 1);
        count(region_insns, b->insns);
        count(region_bytes, state.orc->placed.code_size);
        if (log_on(out_asm))
            dump_region_code(r->guest, b);
    } else {
        count(regions_failed, 1);
    }
    pthread_mutex_unlock(&state.lock);
    _mm_setcsr(mxcsr);
    return b;
}

/* LLVM's process-wide locks (registries, static initialisers) are contended for and held across real work only during
 * the first compilation: fork waits for that one. Later a fork may fall into the middle of a compilation, which the
 * child forgets. */
void orc_before_fork(void)
{
    state.fork_holds_lock = !state.warm;
    if (state.fork_holds_lock)
        pthread_mutex_lock(&state.lock);
}

void orc_after_fork(bool child)
{
    if (state.fork_holds_lock)
        pthread_mutex_unlock(&state.lock);
    state.fork_holds_lock = false;
    if (child) {
        pthread_mutex_init(&state.lock, NULL);
        state.orc = NULL;
    }
}
