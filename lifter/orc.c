/* LLVM behind a small door: one LLJIT, one target machine, a memory manager that has ORC link into scratch memory.
 *
 * A compilation is: build the module (llvm.c), run passes, generate an object, let ORC link it, and take what it has
 * linked, with the relocations that its place decides, for a unit (include/unit.h). Each has its own LLVMContext, so
 * that nothing of it stays. The lock makes compilations one at a time; after a fork the child forgets all of this and
 * starts afresh when it first needs to, since what another thread was doing in LLVM at that moment stays undone. */
#include <assert.h>
#include <libelf.h>
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
#include "../include/unit.h"
#include "dump.h"
#include "host.h"
#include "llvm_access.h"
#include "llvm_init.h"
#include "orc.h"

/* Where ORC links: a region's code at `text`, what it reads below, and all that nobody will need above. */
typedef struct Scratch {
    u8 *text, *low, *high;
} Scratch;

typedef struct Orc {
    LLVMOrcLLJITRef jit;
    LLVMTargetMachineRef machine;
    LLVMPassBuilderOptionsRef pass_options;
    HostInfo host;
    Scratch scratch;
} Orc;

static struct {
    pthread_mutex_t lock;
    Orc *orc; /* made by the first compilation */
    bool handlers_installed;
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
    return !state.starting && !llvm_is_left_out();
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

enum {
    SCRATCH = 4 << 20,
    SCRATCH_LOW = 1 << 20,
    SCRATCH_TEXT = 2 << 20
}; /* bytes; of them, for Scratch.low and for text */
static_assert(SCRATCH_LOW % REGION_ALIGN == 0, "code is aligned in the unit as it is there");

static u8 *allocate_code(void *opaque, uintptr_t size, unsigned align, unsigned id, const char *name)
{
    Orc *orc = opaque;
    return size <= SCRATCH_TEXT && align <= REGION_ALIGN && !strcmp(name, ".text") ? orc->scratch.text : NULL;
}

/* Constants are part of the unit. */
static bool is_constant(const char *section)
{
    return !strncmp(section, ".rodata", 7);
}

static u8 *allocate_data(void *opaque, uintptr_t size, unsigned align, unsigned id, const char *name,
                         LLVMBool read_only)
{
    Scratch *s = &((Orc *)opaque)->scratch;
    const u8 *begin = s->text - SCRATCH_LOW, *end = begin + SCRATCH;
    align = align < 16 ? 16 : align;
    if (align > REGION_ALIGN || size + align > (u64)(is_constant(name) ? s->low - begin : end - s->high))
        return NULL;
    if (is_constant(name)) {
        u8 *end = s->low, *first;
        s->low = (u8 *)((u64)(end - size) & -(u64)align);
        first = (u8 *)((u64)s->low & -(u64)REGION_ALIGN); /* of the unit, so far: what lies between must not be some other region's */
        memset(first, 0, (size_t)(end - first));
        return s->low;
    }
    u8 *p = (u8 *)(((u64)s->high + align - 1) & -(u64)align);
    s->high = p + size;
    return p;
}

/* Nothing is run there. */
static LLVMBool finalize(void *opaque, char **error)
{
    return false;
}

static void destroy(void *opaque)
{
}

static LLVMOrcObjectLayerRef make_object_layer(void *orc, LLVMOrcExecutionSessionRef session, const char *triple)
{
    return LLVMOrcCreateRTDyldObjectLinkingLayerWithMCJITMemoryManagerLikeCallbacks(
        session, orc, create_context, notify_terminating, allocate_code, allocate_data, finalize, destroy);
}

/* Defines what code names: BLOCKS_SYMBOL, which is anywhere, since a unit's relocations say where it really is, and
 * things of the translator's, whose names say where they are. */
static LLVMErrorRef define(LLVMOrcDefinitionGeneratorRef generator, void *opaque, LLVMOrcLookupStateRef *lookup,
                           LLVMOrcLookupKind kind, LLVMOrcJITDylibRef dylib, LLVMOrcJITDylibLookupFlags flags,
                           LLVMOrcCLookupSet names, size_t n)
{
    const Orc *orc = opaque;
    for (size_t i = 0; i < n; i++) {
        const char *name = LLVMOrcSymbolStringPoolEntryStr(names[i].Name);
        u64 address = (u64)orc->scratch.text;
        if (!strncmp(name, HOST_SYMBOL, strlen(HOST_SYMBOL)))
            address = strtoull(name + strlen(HOST_SYMBOL), NULL, 16);
        else if (strcmp(name, BLOCKS_SYMBOL) != 0)
            continue;
        LLVMOrcRetainSymbolStringPoolEntry(names[i].Name);
        LLVMOrcCSymbolMapPair pair = {names[i].Name, {address, {LLVMJITSymbolGenericFlagsExported, 0}}};
        LLVMErrorRef error = LLVMOrcJITDylibDefine(dylib, LLVMOrcAbsoluteSymbols(&pair, 1));
        if (error)
            return error;
    }
    return LLVMErrorSuccess;
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
    if (failed(LLVMOrcCreateLLJIT(&orc->jit, builder), why, size))
        return false;
    LLVMOrcJITDylibAddGenerator(LLVMOrcLLJITGetMainJITDylib(orc->jit),
                                LLVMOrcCreateCustomCAPIDefinitionGenerator(define, orc, NULL));
    return true;
}

static bool make_scratch(Orc *orc, char *why, size_t size)
{
    u8 *p = arena_scratch(SCRATCH);
    if (p)
        orc->scratch.text = p + SCRATCH_LOW;
    else
        snprintf(why, size, "out of memory");
    return p;
}

/* std::set_terminate and llvm::install_bad_alloc_error_handler: what these libraries say themselves, of an exception that nobody catches
 * or of too little memory, is no news for the guest's user. What abort then does with it is orc_aborted's affair. */
void (*set_terminate(void (*handler)(void)))(void) __asm__("_ZSt13set_terminatePFvvE");
void install_bad_alloc_error_handler(void (*handler)(void *, const char *, bool),
                                     void *data) __asm__("_ZN4llvm31install_bad_alloc_error_handlerEPFvPvPKcbES0_");

static void on_bad_alloc(void *unused, const char *message, bool diagnostics)
{
    on_fatal("out of memory");
    abort();
}

static Orc *orc_new(char *why, size_t size)
{
    if (!state.handlers_installed) {
        set_terminate(abort);
        install_bad_alloc_error_handler(on_bad_alloc, NULL);
        LLVMInstallFatalErrorHandler(on_fatal);
    }
    state.handlers_installed = true;
    state.starting = true;
    llvm_init();
    state.starting = false;

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
        if (make_scratch(orc, why, size) && make_jit(orc, why, size))
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

/* Has ORC link the object into the scratch memory; what it keeps of it belongs to `tracker`. */
static bool link_object(Orc *orc, LLVMOrcResourceTrackerRef tracker, LLVMMemoryBufferRef object, char *why, size_t size)
{
    LLVMOrcExecutorAddress address;
    orc->scratch.low = orc->scratch.text;
    orc->scratch.high = orc->scratch.text + SCRATCH_TEXT;
    return !failed(LLVMOrcLLJITAddObjectFileWithRT(orc->jit, tracker, object), why, size) &&
           !failed(LLVMOrcLLJITLookup(orc->jit, &address, REGION_SYMBOL), why, size);
}

/* -- from an object to a unit ------------------------------------------------------------------------------- */

/* An object of LLVM's, in the file format that the linker reads. */
typedef struct Object {
    Elf *elf;
    size_t names; /* section of the sections' names */
    Elf64_Shdr text;
    size_t text_index;
    Elf_Data *relocs; /* of the text; NULL: none */
    Elf_Data *accesses, *maps; /* NULL: none */
    Elf_Data *symbols;
    size_t strings; /* section of their names */
} Object;

static const char *section_name(const Object *o, const Elf64_Shdr *h)
{
    const char *name = elf_strptr(o->elf, o->names, h->sh_name);
    return name ? name : "";
}

/* False if it has relocations where there should be none: in what else than the text goes into the unit. */
static bool read_object(Object *o, const void *bytes, size_t size)
{
    elf_version(EV_CURRENT);
    o->elf = elf_memory((char *)bytes, size);
    if (!o->elf || elf_getshdrstrndx(o->elf, &o->names))
        return false;
    for (Elf_Scn *s = NULL; (s = elf_nextscn(o->elf, s));) {
        const Elf64_Shdr *h = elf64_getshdr(s);
        if (h && !strcmp(section_name(o, h), ".text")) {
            o->text = *h;
            o->text_index = elf_ndxscn(s);
        }
        if (h && !strcmp(section_name(o, h), ACCESS_SECTION))
            o->accesses = elf_getdata(s, NULL);
        if (h && !strcmp(section_name(o, h), ".llvm_stackmaps"))
            o->maps = elf_getdata(s, NULL);
        if (h && h->sh_type == SHT_SYMTAB) {
            o->symbols = elf_getdata(s, NULL);
            o->strings = h->sh_link;
        }
    }
    for (Elf_Scn *s = NULL; (s = elf_nextscn(o->elf, s));) {
        const Elf64_Shdr *h = elf64_getshdr(s);
        if (h && h->sh_type == SHT_RELA && h->sh_info == o->text_index)
            o->relocs = elf_getdata(s, NULL);
    }
    return o->text_index && o->symbols;
}

static const Elf64_Sym *symbol_of(const Object *o, size_t i, const char **name)
{
    const Elf64_Sym *s = &((const Elf64_Sym *)o->symbols->d_buf)[i];
    const char *n = elf_strptr(o->elf, o->strings, s->st_name);
    *name = n ? n : "";
    return s;
}

/* The unit's relocation for one of the object's; `text` is where the text is in the unit. Nothing for those within it,
 * which ORC has seen to. */
static bool take_reloc(const Object *o, const Elf64_Rela *r, u32 text, UnitBuffer *out)
{
    const char *name;
    const Elf64_Sym *s = symbol_of(o, ELF64_R_SYM(r->r_info), &name);
    u32 at = text + (u32)r->r_offset, type = ELF64_R_TYPE(r->r_info);
    if (s->st_shndx == o->text_index)
        return true;
    if (s->st_shndx != SHN_UNDEF) {
        const Elf64_Shdr *h = elf64_getshdr(elf_getscn(o->elf, s->st_shndx));
        return h && is_constant(section_name(o, h));
    }
    if (type != R_X86_64_PC32 && type != R_X86_64_PLT32)
        return false;
    bool host = !strncmp(name, HOST_SYMBOL, strlen(HOST_SYMBOL));
    u64 to = host ? strtoull(name + strlen(HOST_SYMBOL), NULL, 16) : 0;
    i32 value = (i32)(to + (u64)r->r_addend - at);
    memcpy(out->unit.code + at, &value, sizeof value);
    return (host || !strcmp(name, BLOCKS_SYMBOL)) && unit_add_reloc(out, host ? RELOC_HOST : RELOC_BLOCK, at);
}

/* The entries' places: their numbers' symbols, or the function. */
static bool take_entries(const Object *o, const Region *r, u32 text, UnitBuffer *out)
{
    for (u32 i = 0; i < llvm_entries(r); i++)
        if (!unit_add_entry(out, i ? (i64)(r->entries[i] - r->pc) : 0, 0))
            return false;
    u32 found = 0;
    for (size_t i = 0; i < o->symbols->d_size / sizeof(Elf64_Sym); i++) {
        const char *name;
        const Elf64_Sym *s = symbol_of(o, i, &name);
        bool several = llvm_entries(r) > 1, is = !strncmp(name, ENTRY_SYMBOL, strlen(ENTRY_SYMBOL));
        u32 n = several && is ? (u32)strtoul(name + strlen(ENTRY_SYMBOL), NULL, 10) : 0;
        if (s->st_shndx == o->text_index && n < llvm_entries(r) && (several ? is : !strcmp(name, REGION_SYMBOL))) {
            out->unit.entries[n].code = text + (u32)s->st_value;
            found++;
        }
    }
    return found == llvm_entries(r);
}

/* Where the function is in the text. */
static u32 function_at(const Object *o)
{
    const char *name;
    for (size_t i = 0; i < o->symbols->d_size / sizeof(Elf64_Sym); i++) {
        const Elf64_Sym *s = symbol_of(o, i, &name);
        if (s->st_shndx == o->text_index && !strcmp(name, REGION_SYMBOL))
            return (u32)s->st_value;
    }
    return 0;
}

static bool take_ranges(const Region *r, UnitBuffer *out)
{
    u64 from = code_address(r->guest, r->pc);
    bool ok = true;
    for (size_t i = 0; ok && i < r->nblocks; i++) {
        const Ir *ir = r->blocks[i];
        ok = unit_add_range(out, (i64)(code_address(r->guest, ir->pc) - from), (u32)(ir->end - ir->pc));
        out->unit.insns += ir->insns;
    }
    return ok;
}

/* -- where the state is when an access faults ---------------------------------------------------------------------- */

/* LLVM's stack maps (docs/StackMaps, version 3): a header, functions, constants of 64 bits, a record for each map. */
typedef struct MapHeader {
    u8 version, zero[3];
    u32 functions, constants, records;
} MapHeader;
typedef struct MapFunction {
    u64 address, stack, records;
} MapFunction;
typedef struct MapRecord {
    u64 id;
    u32 at; /* from the function's begin */
    u16 zero, locations;
} MapRecord;
typedef struct MapLocation {
    u8 kind, zero; /* LOCATION_ */
    u16 size, reg, zero2;
    i32 offset;
} MapLocation;
enum { LOCATION_REGISTER = 1, LOCATION_STACK = 3, LOCATION_CONSTANT, LOCATION_LARGE };

/* What an access has put into ACCESS_SECTION; from the function's begin. */
typedef struct AccessAt {
    u32 access, way, site;
} AccessAt;

/* The state's maps, as they are read. */
typedef struct Maps {
    const u8 *bytes;
    size_t size;
    const u64 *constants;
    u32 nconstants, nrecords;
    size_t first; /* record's offset */
} Maps;

static bool open_maps(Maps *m, const Elf_Data *data)
{
    const MapHeader *h = data->d_buf;
    if (data->d_size < sizeof *h || h->version != 3)
        return false;
    *m = (Maps){.bytes = data->d_buf, .size = data->d_size, .nconstants = h->constants, .nrecords = h->records};
    size_t at = sizeof *h + h->functions * sizeof(MapFunction);
    m->constants = (const u64 *)(m->bytes + at);
    m->first = at + h->constants * sizeof(u64);
    return m->first <= m->size;
}

/* The map of this number on the way that begins at `way`, or NULL. LLVM may have made copies of an access, each with its way. */
static const MapRecord *map_of(const Maps *m, u64 id, u32 way)
{
    const MapRecord *found = NULL;
    size_t at = m->first;
    for (u32 i = 0; i < m->nrecords && at + sizeof(MapRecord) <= m->size; i++) {
        const MapRecord *r = (const MapRecord *)(m->bytes + at);
        if (r->id == id && r->at >= way && (!found || r->at < found->at))
            found = r;
        size_t locations = (sizeof *r + r->locations * sizeof(MapLocation) + 7) & ~7ull;
        at += (locations + 2 * sizeof(u16) + 7) & ~7ull; /* what is live follows: nothing */
    }
    return found;
}

/* One piece of state, of which LLVM says where it is; a constant of more bits than a place has room for becomes two. */
static bool take_place(const Maps *m, const MapLocation *l, FaultPlace p, UnitBuffer *out)
{
    p.reg = (u8)l->reg;
    p.at = l->offset;
    switch (l->kind) {
    case LOCATION_REGISTER:
        p.kind = PLACE_REGISTER;
        return code_can_hold(l->reg) && unit_add_place(out, p);
    case LOCATION_STACK:
        p.kind = PLACE_STACK;
        return code_can_hold(l->reg) && unit_add_place(out, p);
    case LOCATION_CONSTANT:
        p.kind = PLACE_CONSTANT;
        return unit_add_place(out, p);
    case LOCATION_LARGE:
        if ((u32)l->offset >= m->nconstants)
            return false;
        p.kind = PLACE_CONSTANT;
        p.size = 4;
        for (u32 half = 0; half < 2; half++, p.offset += 4) {
            p.at = (i32)(m->constants[l->offset] >> 32 * half);
            if (!unit_add_place(out, p))
                return false;
        }
        return true;
    default:
        return false;
    }
}

static bool same_place(const FaultPlace *a, const FaultPlace *b)
{
    return a->offset == b->offset && a->size == b->size && a->kind == b->kind && a->reg == b->reg && a->at == b->at;
}

/* Drops of the site's places, which are the last ones, those that the site's before it say, if it can be read behind
 * them: if they say nothing that doesn't hold any more. */
static void share_places(Unit *u, FaultSite *site, const FaultSite *before)
{
    if (!before)
        return;
    for (u32 i = before->first; i < before->end; i++) { /* each piece that it was about is one of these */
        u32 k = site->first;
        while (k < site->end && u->places[k].offset != u->places[i].offset)
            k++;
        if (k == site->end)
            return;
    }
    u32 kept = site->first;
    for (u32 k = site->first; k < site->end; k++) {
        u32 i = before->end; /* the newest that it says of the piece */
        while (i > before->first && u->places[i - 1].offset != u->places[k].offset)
            i--;
        if (i == before->first || !same_place(&u->places[i - 1], &u->places[k]))
            u->places[kept++] = u->places[k];
    }
    site->first = before->first;
    site->end = u->nplaces = kept;
}

static bool take_site(const Maps *m, const AccessAt *a, const Unit *asked, u32 function, UnitBuffer *out)
{
    const MapRecord *r = map_of(m, a->site, a->way);
    if (!r || a->site >= asked->nsites)
        return false;
    const FaultSite *wanted = &asked->sites[a->site];
    if (r->locations != wanted->end - wanted->first)
        return false;
    Unit *u = &out->unit;
    FaultSite site = {.access = function + a->access,
                      .way = function + a->way,
                      .trap = function + r->at,
                      .pc = wanted->pc,
                      .first = u->nplaces};
    for (u32 i = 0; i < r->locations; i++)
        if (!take_place(m, (const MapLocation *)(r + 1) + i, asked->places[wanted->first + i], out))
            return false;
    site.end = u->nplaces;
    share_places(u, &site, u->nsites ? &u->sites[u->nsites - 1] : NULL);
    return unit_add_site(out, site);
}

/* llvm_build has left the sites with what they are about; where that is takes their place. `function` is where the
 * function is in the unit. */
static bool take_sites(const Object *o, u32 function, UnitBuffer *out)
{
    Maps maps;
    if (!o->accesses) { /* or LLVM has found that none is ever reached */
        out->unit.nsites = out->unit.nplaces = 0;
        return true;
    }
    if (!o->maps || !open_maps(&maps, o->maps))
        return false;
    UnitBuffer asked = {.unit = {.sites = out->unit.sites, .places = out->unit.places, .nsites = out->unit.nsites}};
    out->unit.sites = NULL;
    out->unit.places = NULL;
    out->unit.nsites = out->unit.nplaces = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < o->accesses->d_size / sizeof(AccessAt); i++)
        ok = take_site(&maps, &((const AccessAt *)o->accesses->d_buf)[i], &asked.unit, function, out);
    unit_buffer_free(&asked);
    return ok;
}

/* What has been linked, as a unit. */
static bool take_unit(const Orc *orc, const Region *r, const void *bytes, size_t size, UnitBuffer *out)
{
    Object o = {0};
    const u8 *low = (const u8 *)((u64)orc->scratch.low & -(u64)REGION_ALIGN);
    u32 text = (u32)(orc->scratch.text - low);
    bool ok = read_object(&o, bytes, size);
    Unit *u = &out->unit;
    u->ahead = r->ahead;
    u->tags = true;
    for (size_t i = 0; i < r->nblocks; i++)
        u->tags &= r->blocks[i]->tags;
    u->tier = r->ahead ? TIER_STATIC : TIER_LLVM;
    u32 fx = region_effects(r);
    u->exact = r->exact || !(fx & (FX_READ | FX_WRITE | FX_RAISE));
    u->flushes = r->flushes || !(fx & FX_FP);
    u->cpu = host_cpu();
    u->code_size = text + (u32)o.text.sh_size;
    u8 *code = ok ? unit_room(u->code, &out->code_room, u->code_size, 1) : NULL;
    if (code) {
        u->code = memcpy(code, low, u->code_size);
        for (size_t i = 0; ok && o.relocs && i < o.relocs->d_size / sizeof(Elf64_Rela); i++)
            ok = take_reloc(&o, &((const Elf64_Rela *)o.relocs->d_buf)[i], text, out);
        ok = ok && take_entries(&o, r, text, out) && take_ranges(r, out) && take_sites(&o, text + function_at(&o), out);
    }
    elf_end(o.elf);
    return ok && code;
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

static bool compile(Orc *orc, LLVMContextRef ctx, const Region *r, UnitBuffer *out, char *why, size_t size)
{
    u64 t0 = log_clock();
    LLVMModuleRef mod = llvm_build(ctx, r, &orc->host, out, why, size);
    if (!mod)
        return false;
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
    if (ok) {
        /* ORC takes its own. */
        const char *bytes = LLVMGetBufferStart(object);
        size_t bytes_size = LLVMGetBufferSize(object);
        LLVMMemoryBufferRef copy = LLVMCreateMemoryBufferWithMemoryRangeCopy(bytes, bytes_size, REGION_SYMBOL);
        LLVMOrcResourceTrackerRef tracker = LLVMOrcJITDylibCreateResourceTracker(LLVMOrcLLJITGetMainJITDylib(orc->jit));
        ok = link_object(orc, tracker, copy, why, size);
        forget_object(orc, tracker);
        if (ok && !take_unit(orc, r, bytes, bytes_size, out)) {
            snprintf(why, size, "its object has what no unit can have");
            ok = false;
        }
        LLVMDisposeMemoryBuffer(object);
    }
    u64 t4 = log_clock();
    count(llvm_ir_ns, t1 - t0);
    count(llvm_opt_ns, t2 - t1);
    count(llvm_codegen_ns, t3 - t2);
    count(llvm_link_ns, t4 - t3);
    return ok;
}

static void on_diagnostic(LLVMDiagnosticInfoRef info, void *unused)
{
    char *message = LLVMGetDiagInfoDescription(info);
    snprintf(fatal_message, sizeof fatal_message, "%s", message);
    LLVMDisposeMessage(message);
    if (LLVMGetDiagInfoSeverity(info) == LLVMDSError && rescue)
        siglongjmp(*rescue, 1);
}

bool orc_unit(const Region *r, UnitBuffer *out, char *why, size_t size)
{
    /* The guest's rounding and status may be in MXCSR: LLVM computes too, and must neither see nor change them. */
    u32 mxcsr = _mm_getcsr();
    _mm_setcsr(0x1f80);
    pthread_mutex_lock(&state.lock);
    volatile bool ok = false;
    sigjmp_buf here;
    unit_buffer_begin(out);
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
            ok = compile(state.orc, ctx, r, out, why, size);
            LLVMContextDispose(ctx);
        }
    }
    rescue = NULL;
    state.warm = true;
    if (ok) {
        count(regions, 1);
        count(region_insns, out->unit.insns);
        count(region_bytes, out->unit.code_size);
    } else {
        count(regions_failed, 1);
    }
    pthread_mutex_unlock(&state.lock);
    _mm_setcsr(mxcsr);
    return ok;
}

Block *orc_compile(const Region *r, char *why, size_t size)
{
    UnitBuffer buffer = {0};
    Block *b = NULL;
    if (orc_unit(r, &buffer, why, size) && !(b = unit_place(r->guest, &buffer.unit, r->pc, 0)))
        snprintf(why, size, "the arena is full");
    unit_buffer_free(&buffer);
    if (b && log_on(out_asm))
        dump_region_code(r->guest, b);
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
