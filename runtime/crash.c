/* Crash reports. Everything is formatted into one buffer without malloc or stdio's locks and written at once. */
#include "crash.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "../frontend/dwarf.h"
#include "../lifter/dump.h"
#include "../lifter/orc.h"
#include "ahead.h"
#include "cache.h"
#include "linux/linux.h"
#include "signal.h"
#include "unwind.h"

typedef struct Report {
    size_t n;
    char text[8192];
} Report;

__attribute__((format(printf, 2, 3))) static void add(Report *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(r->text + r->n, sizeof r->text - r->n, format, args);
    va_end(args);
    if (n > 0)
        r->n = r->n + (size_t)n < sizeof r->text ? r->n + (size_t)n : sizeof r->text - 1;
}

static void send(const Report *r)
{
    raw_syscall(__NR_write, 2, (u64)r->text, r->n, 0, 0, 0);
}

/* The file mapped at an address and the address's place in it, if there is one; with `symbol`, the function too, for
 * which memory is allocated, and the source line, of what is `back` bytes before: a return address is behind the call. */
static void add_module(Report *r, u64 addr, bool symbol, u64 back)
{
    MappedFile m;
    u64 distance;
    if (!mapped_file(addr, &m))
        return;
    u64 offset = addr - m.lo + m.offset;
    Symbols *symbols = symbol ? ahead_symbols(m.path) : NULL;
    const char *name = symbols ? symbols_find(symbols, offset, &distance) : NULL;
    if (name)
        add(r, " %.256s+0x%lx", name, distance);
    char line[256];
    if (symbol && dwarf_line(m.path, offset - back, line, sizeof line))
        add(r, " at %s", line);
    add(r, " (%s, file offset 0x%lx)", m.path, offset);
    symbols_free(symbols);
}

static void add_instruction(Report *r, Task *t)
{
    u8 bytes[16];
    char text[128];
    cache_lock();
    size_t size = dump_guest_insn(t->guest, t->pc, sizeof bytes, text, sizeof text);
    cache_unlock();
    if (!size)
        size = t->guest->insn_align;
    if (mem_read(bytes, code_address(t->guest, t->pc), size))
        return;
    add(r, "  instruction ");
    for (size_t i = size; i-- > 0;)
        add(r, "%02x", bytes[i]);
    add(r, " %s\n", text);
}

static void add_registers(Report *r, const Task *t)
{
    int column = 0;
    for (size_t i = 0; i < t->guest->nregs; i++) {
        const GuestReg *reg = &t->guest->regs[i];
        u64 value;
        if (reg->type != TYPE_X)
            continue;
        memcpy(&value, t->state + reg->offset, sizeof value);
        add(r, "  %-5s %016lx", reg->name, value);
        if (++column % 4 == 0)
            add(r, "\n");
    }
    if (column % 4)
        add(r, "\n");
}

/* A place in the guest's code, with all that is known of it. */
static void add_place(Report *r, const Task *t, u64 pc, u64 back)
{
    u64 vdso = t->process->vdso;
    add(r, " 0x%lx%s", pc, vdso && pc - vdso < t->abi->vdso_size ? " [vdso]" : "");
    add_module(r, pc, true, back);
    add(r, "\n");
}

/* Who has called it. */
static void add_callers(Report *r, Task *t)
{
    enum { FRAMES = 24 };
    u64 pc[FRAMES + 1];
    size_t n = unwind(t, pc, LEN(pc));
    for (size_t i = 1; i < n && i < FRAMES; i++) {
        add(r, "  from ");
        add_place(r, t, pc[i], 1);
    }
    if (n > FRAMES)
        add(r, "  ... and more\n");
}

static const char *meaning(const siginfo_t *info)
{
    switch (info->si_signo << 8 | (info->si_code & 0xff)) {
    case SIGSEGV << 8 | SEGV_MAPERR: return "nothing is mapped there";
    case SIGSEGV << 8 | SI_KERNEL: return "no room on the stack for a signal's frame";
    case SIGSEGV << 8 | SEGV_ACCERR: return "its protection forbids the access";
    case SIGBUS << 8 | BUS_ADRALN: return "misaligned";
    case SIGBUS << 8 | BUS_ADRERR: return "beyond the end of the mapped file";
    case SIGILL << 8 | ILL_ILLOPC:
    case SIGILL << 8 | ILL_ILLOPN: return "no such instruction, or not one that dragoman knows";
    case SIGSYS << 8 | SYS_SECCOMP: return "a seccomp filter forbids the system call";
    case SIGTRAP << 8 | TRAP_BRKPT: return "breakpoint";
    default: return NULL;
    }
}

/* The command line, so that it can be run again. */
static void add_command(Report *r)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
    char **argv = the_process ? the_process->command : NULL;
    if (!argv)
        return;
    add(r, "  to see it again:");
    for (; *argv && r->n < sizeof r->text / 2; argv++) {
        const char *at = *argv;
        if (*at && !at[strspn(at, plain)]) {
            add(r, " %.2000s", at);
            continue;
        }
        add(r, " '");
        for (size_t n; *at; at += n + (at[n] == '\'')) {
            n = strcspn(at, "'");
            add(r, "%.*s%s", n < 2000 ? (int)n : 2000, at, at[n] ? "'\\''" : "");
        }
        add(r, "'");
    }
    add(r, "%s\n", *argv ? " ..." : "");
}

void crash_guest(Task *t, const siginfo_t *info)
{
    Report r = {0};
    const char *why = meaning(info);
    bool is_short = t->process->options.crash_short;
    add(&r, "dragoman: %s: %s (SIG%s), pid %d, thread %d%s", t->process->guest_exe ? t->process->guest_exe : "guest",
        strsignal(info->si_signo), sigabbrev_np(info->si_signo), getpid(), gettid(), is_short ? ", at" : "\n  pc   ");
    add_place(&r, t, code_address(t->guest, t->pc), 0);
    if (is_short) {
        send(&r);
        return;
    }
    if (info->si_code > 0 && info->si_code != SI_KERNEL && (info->si_signo == SIGSEGV || info->si_signo == SIGBUS))
        add(&r, "  address 0x%lx%s%s\n", (u64)info->si_addr, why ? ": " : "", why ? why : "");
    else if (info->si_code > 0 && why)
        add(&r, "  %s\n", why);
    else if (info->si_code <= 0)
        add(&r, "  sent by process %d\n", info->si_pid);
    if (info->si_code > 0 && t->exit == EXIT_FAULT && !t->fault.exact)
        add(&r, "  in optimised code: pc and registers are as of somewhere before, in the same function or its caller; with "
                "DRAGOMAN_TIER=baseline they are exact\n");
    else if (info->si_code > 0)
        add_instruction(&r, t);
    add_callers(&r, t);
    add_registers(&r, t);
    add_command(&r);
    send(&r);
}

/* What was being run. */
static void add_context(Report *r, Task *t)
{
    if (t && t->guest) {
        u64 pc = code_address(t->guest, t->pc);
        add(r, "  guest pc 0x%lx", pc);
        add_module(r, pc, false, 0);
        add(r, "\n");
    }
    add_command(r);
}

_Noreturn void crash_ours(Task *t, const siginfo_t *info, void *ucontext)
{
    Report r = {0};
    const ucontext_t *uc = ucontext;
    add(&r, "dragoman: internal error: %s at host pc 0x%llx, address 0x%lx, pid %d; please report it\n",
        strsignal(info->si_signo), uc->uc_mcontext.gregs[REG_RIP], (u64)info->si_addr, getpid());
    add_context(&r, t);
    send(&r);
    signal_die(info->si_signo);
}

_Noreturn void __wrap_abort(void)
{
    orc_aborted();
    Report r = {0};
    add(&r, "dragoman: internal error: abort() called before host pc 0x%lx, pid %d; please report it\n",
        (u64)__builtin_return_address(0), getpid());
    add_context(&r, self);
    send(&r);
    signal_die(SIGABRT);
}
