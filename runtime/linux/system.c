/* The machine as the guest sees it: names, limits, processors, and what a process may ask of the kernel about
 * itself. */
#include <elf.h>
#include <linux/random.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>

#include "linux.h"

SYSCALL(uname)
{
    struct utsname name;
    i64 error = raw_syscall(__NR_uname, (u64)&name, 0, 0, 0, 0, 0);
    if (error)
        return error;
    strncpy(name.machine, t->abi->machine(), sizeof name.machine - 1);
    if (t->process->options.release)
        strncpy(name.release, t->process->options.release, sizeof name.release - 1);
    return mem_write(a, &name, sizeof name);
}

/* Newer than the oldest kernel headers we build with. */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif
#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif

/* Options that mean on the host what they mean to the guest. The others are about processors the guest isn't on
 * (PR_SET_TSC), or would hit the translator (PR_SET_MM, PR_SET_SYSCALL_USER_DISPATCH) and are done here or not at all:
 * these are EINVAL as in kernels without them. */
static const int passed_options[] = {
    PR_SET_PDEATHSIG,
    PR_GET_PDEATHSIG,
    PR_GET_DUMPABLE,
    PR_SET_DUMPABLE,
    PR_GET_KEEPCAPS,
    PR_GET_TIMING,
    PR_SET_TIMING,
    PR_SET_NAME,
    PR_GET_NAME,
    PR_CAPBSET_READ,
    PR_GET_SECUREBITS,
    PR_SET_TIMERSLACK,
    PR_GET_TIMERSLACK,
    PR_TASK_PERF_EVENTS_DISABLE,
    PR_TASK_PERF_EVENTS_ENABLE,
    PR_MCE_KILL,
    PR_MCE_KILL_GET,
    PR_SET_CHILD_SUBREAPER,
    PR_GET_CHILD_SUBREAPER,
    PR_GET_NO_NEW_PRIVS,
    PR_SET_THP_DISABLE,
    PR_GET_THP_DISABLE,
    PR_GET_SPECULATION_CTRL,
    PR_SET_SPECULATION_CTRL,
    PR_SET_IO_FLUSHER,
    PR_GET_IO_FLUSHER,
    PR_SCHED_CORE,
    PR_SET_PTRACER,
    PR_SET_VMA,
    PR_SET_MEMORY_MERGE,
    PR_GET_MEMORY_MERGE,
};

static bool changes_rights(int option)
{
    return option == PR_SET_KEEPCAPS || option == PR_CAPBSET_DROP || option == PR_SET_SECUREBITS ||
           option == PR_SET_NO_NEW_PRIVS || option == PR_CAP_AMBIENT;
}

/* PR_SET_TAGGED_ADDR_CTRL and its GET. */
static i64 tagged_addresses(Task *t, bool set, u64 value, u64 others)
{
    if (!t->guest->tag_bits || others || value & ~(u64)(set ? PR_TAGGED_ADDR_ENABLE : 0))
        return -EINVAL;
    if (set)
        t->tagged_addresses = value;
    return set ? 0 : t->tagged_addresses;
}

/* PR_SET_MDWE and its GET: the guest's mappings never become executable later, nor both that and writable. */
static i64 write_execute(Task *t, bool set, u64 value, u64 others)
{
    int now = mem_mdwe(t->process->mem);
    if (others || (!set && value))
        return -EINVAL;
    if (!set)
        return now;
    if (value & ~(u64)(MDWE_REFUSE | MDWE_NO_INHERIT) || (value && !(value & MDWE_REFUSE)))
        return -EINVAL;
    if (now && now != (int)value)
        return -EPERM;
    mem_set_mdwe(t->process->mem, (int)value);
    return 0;
}

SYSCALL(prctl)
{
    Process *p = t->process;
    int option = (int)a;
    if (option == PR_GET_SECCOMP)
        return t->seccomp;
    if (option == PR_SET_SECCOMP)
        return seccomp_prctl(t, b, c);
    if (option == PR_SET_MDWE || option == PR_GET_MDWE)
        return write_execute(t, option == PR_SET_MDWE, b, c | d | e);
    if (option == PR_SET_TAGGED_ADDR_CTRL || option == PR_GET_TAGGED_ADDR_CTRL)
        return tagged_addresses(t, option == PR_SET_TAGGED_ADDR_CTRL, b, c | d | e);
    if (option == PR_GET_TID_ADDRESS)
        return mem_write(b, &t->clear_child_tid, sizeof t->clear_child_tid);
    if (option == PR_GET_AUXV && !d && !e) {
        size_t size = p->auxv_size < c ? p->auxv_size : c;
        u8 auxv[1024];
        if (size > sizeof auxv || mem_read(auxv, p->auxv, size) || mem_write(b, auxv, size))
            return -EFAULT;
        return (i64)p->auxv_size;
    }
    if (changes_rights(option))
        return rights_call(t, __NR_prctl, a, b, c, d, e);
    for (size_t i = 0; i < LEN(passed_options); i++)
        if (option == passed_options[i])
            return host_syscall(t, __NR_prctl, a, b, c, d, e, 0);
    return t->abi->own_prctl ? t->abi->own_prctl(t, option, b, c, d, e) : -EINVAL;
}

/* The host's kernel walks the guest's list when the thread is killed. It knows one of each width, that of 32 bits by a system call of its
 * 32-bit ABI; without that ABI, or where a filter may not expect it, none. A fault of the call itself is -EFAULT (mem.c). */
i64 host_robust_list_32(u64 head, u64 size);

static i64 narrow_robust_list(u64 head, u64 size)
{
    if (size != 3 * sizeof(u32))
        return -EINVAL;
    if (raw_syscall(__NR_prctl, PR_GET_SECCOMP, 0, 0, 0, 0, 0) == 0)
        host_robust_list_32(head, size);
    return 0;
}

SYSCALL(set_robust_list)
{
    bool wide = t->guest->elf_class == ELFCLASS64;
    i64 error = wide ? raw_syscall(__NR_set_robust_list, a, b, 0, 0, 0, 0) : narrow_robust_list(a, b);
    if (!error)
        t->robust_list = a;
    return error;
}

/* Clocks: the C library asks the host's vDSO, which enters the kernel only for clocks that it doesn't know. */

SYSCALL(clock_gettime)
{
    struct timespec now;
    if (clock_gettime((clockid_t)a, &now))
        return -errno;
    return mem_write(b, &now, sizeof now);
}

SYSCALL(gettimeofday)
{
    struct timeval now;
    struct timezone zone;
    gettimeofday(&now, b ? &zone : NULL);
    i64 error = a ? mem_write(a, &now, sizeof now) : 0;
    return !error && b ? mem_write(b, &zone, sizeof zone) : error;
}

/* -- limits. RLIMIT_AS and RLIMIT_DATA are for what the guest maps (mem_limit). The host's would count the translator too, and so
 * are raised as far as may be while the guest runs; a program of the host's gets the guest's with its exec. Where they can't be raised, the
 * guest's mappings are kept so far below them that the translator has room; if there isn't much, it does without LLVM, which ends
 * the process when it gets no memory. */

static const u32 memory_limits[] = {RLIMIT_AS, RLIMIT_DATA};
enum : u64 {
    OWN_ROOM = 48 << 20,    /* for the translator's data and code, within limits that it can't raise */
    LLVM_ROOM = 160 << 20,  /* for LLVM */
    LLVM_LEAST = 768 << 20, /* where it is worth that */
};

static bool of_memory(u32 resource)
{
    return resource == RLIMIT_AS || resource == RLIMIT_DATA;
}

static void raise_limit(u32 resource)
{
    struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY}, now;
    if (!raw_syscall(__NR_prlimit64, 0, resource, (u64)&none, 0, 0, 0) ||
        raw_syscall(__NR_prlimit64, 0, resource, 0, (u64)&now, 0, 0))
        return;
    now.rlim_cur = now.rlim_max;
    raw_syscall(__NR_prlimit64, 0, resource, (u64)&now, 0, 0, 0);
}

static u64 host_limit(u32 resource)
{
    struct rlimit host;
    return raw_syscall(__NR_prlimit64, 0, resource, 0, (u64)&host, 0, 0) ? RLIM_INFINITY : host.rlim_cur;
}

/* What the guest may map: its own limit, and no more than the host's leaves. */
static u64 effective_limit(const Linux *l, u32 resource)
{
    extern const char __executable_start[], end[];
    u64 host = host_limit(resource), limit = l->limits[resource].rlim_cur, own = OWN_ROOM;
    if (host == RLIM_INFINITY)
        return limit;
    if (resource == RLIMIT_AS)
        own += (u64)(end - __executable_start);
    if (host >= LLVM_LEAST)
        own += LLVM_ROOM;
    u64 left = host > 2 * own ? host - own : host / 2;
    return left < limit ? left : limit;
}

static void apply_limits(Process *p, const Linux *l)
{
    mem_limit(p->mem, effective_limit(l, RLIMIT_AS), effective_limit(l, RLIMIT_DATA));
}

static bool limited(const Linux *l, u32 resource)
{
    return l->limits[resource].rlim_max != RLIM_INFINITY || l->limits[resource].rlim_cur != RLIM_INFINITY;
}

bool system_memory_limits(Process *p, MemoryLimits *out)
{
    const Linux *l = linux_state(p);
    *out = (MemoryLimits){.address_space = l->limits[RLIMIT_AS], .data = l->limits[RLIMIT_DATA]};
    return limited(l, RLIMIT_AS) || limited(l, RLIMIT_DATA);
}

void system_set_memory_limits(Process *p, const MemoryLimits *limits)
{
    Linux *l = linux_state(p);
    l->limits[RLIMIT_AS] = limits->address_space;
    l->limits[RLIMIT_DATA] = limits->data;
    apply_limits(p, l);
}

/* With a limit that is a small program's, this one couldn't even start. */
void system_before_exec(Process *p, bool ours)
{
    Linux *l = linux_state(p);
    procfd_tell(p);
    for (size_t i = 0; i < LEN(memory_limits) && !ours; i++)
        if (limited(l, memory_limits[i]))
            raw_syscall(__NR_prlimit64, 0, memory_limits[i], (u64)&l->limits[memory_limits[i]], 0, 0, 0);
}

void system_exec_failed(Process *p)
{
    Linux *l = linux_state(p);
    for (size_t i = 0; i < LEN(memory_limits); i++)
        if (limited(l, memory_limits[i]))
            raise_limit(memory_limits[i]);
    apply_limits(p, l);
}

SYSCALL(prlimit64)
{
    Linux *l = linux_state(t->process);
    u32 resource = (u32)b;
    struct rlimit old, new;
    if (proc_thread_hidden(t, (i32)a))
        return -ESRCH;
    if (!of_memory(resource) || ((i32)a && (i32)a != (i32)raw_syscall(__NR_getpid, 0, 0, 0, 0, 0, 0)))
        return host_syscall(t, __NR_prlimit64, a, b, c, d, 0, 0);
    old = l->limits[resource];
    if (c) {
        if (mem_read(&new, c, sizeof new))
            return -EFAULT;
        if (new.rlim_cur > new.rlim_max)
            return -EINVAL;
        if (new.rlim_max > old.rlim_max && raw_syscall(__NR_geteuid, 0, 0, 0, 0, 0, 0) != 0)
            return -EPERM;
        l->limits[resource] = new;
        apply_limits(t->process, l);
    }
    return d ? mem_write(d, &old, sizeof old) : 0;
}

SYSCALL(getrlimit)
{
    return b ? sys_prlimit64(t, 0, a, 0, b, 0, 0) : -EFAULT;
}

SYSCALL(setrlimit)
{
    return b ? sys_prlimit64(t, 0, a, b, 0, 0, 0) : -EFAULT;
}

SYSCALL(getrandom)
{
    Process *p = t->process;
    if (!p->options.has_seed)
        return host_syscall(t, __NR_getrandom, a, b, c, 0, 0, 0);
    if (c & ~(u64)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    Linux *l = linux_state(p);
    for (u64 done = 0; done < b;) {
        /* splitmix64 */
        u64 z = l->seed += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        z ^= z >> 31;
        u64 n = b - done < sizeof z ? b - done : sizeof z;
        if (mem_write(a + done, &z, n))
            return done ? (i64)done : -EFAULT;
        done += n;
    }
    return (i64)b;
}

/* -- processors. Under --cpus N the guest's processor i is the i-th (modulo their number) that the host lets us run on.
 */

int proc_cpus(Process *p)
{
    Linux *l = linux_state(p);
    return p->options.cpus > 0 ? p->options.cpus : l->ncpus;
}

enum { CPU_WORDS = 128 }; /* 8192 processors, the kernel's limit */

static bool bit(const u64 *set, u32 i)
{
    return set[i / 64] >> (i % 64) & 1;
}

static void set_bit(u64 *set, u32 i)
{
    set[i / 64] |= (u64)1 << (i % 64);
}

/* The host's processors for the guest's. */
static void host_cpus(const Process *p, const u64 *guest, u64 host[CPU_WORDS])
{
    const Linux *l = p->kernel;
    memset(host, 0, CPU_WORDS * sizeof *host);
    for (u32 i = 0; i < (u32)p->options.cpus; i++)
        if (bit(guest, i))
            set_bit(host, l->cpus[i % (u32)l->ncpus]);
}

/* The guest's processors that a thread on these of the host's is on. With more of them than the host has, several of
 * the guest's are one of the host's: `asked`, what the thread wanted, says which, as long as nobody else has moved it.
 */
static void guest_cpus(const Process *p, const u64 *host, const u64 *asked, u64 guest[CPU_WORDS])
{
    const Linux *l = p->kernel;
    u64 expected[CPU_WORDS];
    if (asked) {
        host_cpus(p, asked, expected);
        if (memcmp(expected, host, sizeof expected) == 0) {
            memcpy(guest, asked, sizeof expected);
            return;
        }
    }
    memset(guest, 0, CPU_WORDS * sizeof *guest);
    for (u32 i = 0; i < (u32)p->options.cpus; i++)
        if (bit(host, l->cpus[i % (u32)l->ncpus]))
            set_bit(guest, i);
}

/* The task of this process that `tid` names (0: the caller); NULL for another process's. Process.lock is held. */
static Task *task_of(Task *t, i32 tid)
{
    Task *each = t->process->tasks;
    if (!tid)
        return t;
    while (each && each->tid != tid)
        each = each->next_task;
    return each;
}

SYSCALL(sched_getaffinity)
{
    Process *p = t->process;
    u64 host[CPU_WORDS] = {0}, guest[CPU_WORDS];
    if (proc_thread_hidden(t, (i32)a))
        return -ESRCH;
    if (!p->options.cpus)
        return host_syscall(t, __NR_sched_getaffinity, a, b, c, 0, 0, 0);
    u64 size = ((u64)p->options.cpus + 63) / 64 * 8;
    if (b % 8 || (u32)b < size)
        return -EINVAL;
    i64 n = raw_syscall(__NR_sched_getaffinity, a, sizeof host, (u64)host, 0, 0, 0);
    if (n < 0)
        return n;
    shared_lock(&p->lock);
    const Task *of = task_of(t, (i32)a);
    guest_cpus(p, host, of ? of->affinity : NULL, guest);
    shared_unlock(&p->lock);
    return mem_write(c, guest, size) ? -EFAULT : (i64)size;
}

SYSCALL(sched_setaffinity)
{
    Process *p = t->process;
    u64 host[CPU_WORDS], guest[CPU_WORDS] = {0};
    if (proc_thread_hidden(t, (i32)a))
        return -ESRCH;
    if (!p->options.cpus)
        return host_syscall(t, __NR_sched_setaffinity, a, b, c, 0, 0, 0);
    if (mem_read(guest, c, (u32)b < sizeof guest ? (u32)b : sizeof guest))
        return -EFAULT;
    for (u32 i = (u32)p->options.cpus; i < CPU_WORDS * 64; i++)
        guest[i / 64] &= ~((u64)1 << (i % 64));
    host_cpus(p, guest, host);
    i64 error = raw_syscall(__NR_sched_setaffinity, a, sizeof host, (u64)host, 0, 0, 0);
    if (error)
        return error;
    shared_lock(&p->lock);
    Task *of = task_of(t, (i32)a);
    if (of && !of->affinity)
        of->affinity = malloc(sizeof guest);
    if (of && of->affinity)
        memcpy(of->affinity, guest, sizeof guest);
    shared_unlock(&p->lock);
    return 0;
}

void system_inherit_affinity(Task *child, const Task *parent)
{
    if (parent->affinity && (child->affinity = malloc(CPU_WORDS * sizeof *child->affinity)))
        memcpy(child->affinity, parent->affinity, CPU_WORDS * sizeof *child->affinity);
}

/* Appends the first `count` processors of a set as ranges. */
static size_t format_cpus(char *out, size_t size, size_t n, const u64 *set, u32 count)
{
    const char *before = ":";
    for (u32 i = 0; i < count && n < size; i++) {
        u32 first = i;
        if (!bit(set, i))
            continue;
        while (i + 1 < count && bit(set, i + 1))
            i++;
        n += (size_t)snprintf(out + n, size - n, "%s%u-%u", before, first, i);
        before = ",";
    }
    return n;
}

/* Returns what follows the ranges. */
static const char *parse_cpus(const char *list, u64 set[CPU_WORDS])
{
    unsigned first, last;
    int used = 0;
    memset(set, 0, CPU_WORDS * sizeof *set);
    for (; sscanf(list, "%u-%u%n", &first, &last, &used) == 2; list += used + (list[used] == ','))
        for (unsigned i = first; i <= last && i < CPU_WORDS * 64; i++)
            set_bit(set, i);
    return list;
}

void system_cpus_option(const Task *t, char *out, size_t size)
{
    const Linux *l = t->process->kernel;
    u32 cpus = (u32)t->process->options.cpus;
    u64 all[CPU_WORDS] = {0};
    size_t n = (size_t)snprintf(out, size, "%u", cpus);
    if (!t->affinity)
        return;
    for (int i = 0; i < l->ncpus; i++)
        set_bit(all, l->cpus[i]);
    n = format_cpus(out, size, n, t->affinity, cpus);
    format_cpus(out, size, n, all, CPU_WORDS * 64);
}

/* The lowest of the guest's processors that are the one of the host's that this thread runs on, and among those it may
 * use. */
u32 task_cpu(Task *t, u32 *node)
{
    Process *p = t->process;
    u32 cpu = 0, found = 0;
    *node = 0;
    raw_syscall(__NR_getcpu, (u64)&cpu, (u64)node, 0, 0, 0, 0);
    if (!p->options.cpus)
        return cpu;
    const Linux *l = linux_state(p);
    u64 host[CPU_WORDS] = {0}, guest[CPU_WORDS];
    raw_syscall(__NR_sched_getaffinity, 0, sizeof host, (u64)host, 0, 0, 0);
    guest_cpus(p, host, t->affinity, guest);
    while (found < (u32)p->options.cpus && !(bit(guest, found) && l->cpus[found % (u32)l->ncpus] == cpu))
        found++;
    return found == (u32)p->options.cpus ? 0 : found;
}

SYSCALL(getcpu)
{
    u32 node, cpu = task_cpu(t, &node);
    i64 error = a ? mem_write(a, &cpu, sizeof cpu) : 0;
    return error || !b ? error : mem_write(b, &node, sizeof node);
}

/* Takes over the limits on memory, fills l->cpus, and under --cpus keeps the process on the first of them. */
void system_init(Process *p, Linux *l)
{
    u64 set[CPU_WORDS] = {0};
    l->seed = p->options.seed;
    for (size_t i = 0; i < LEN(memory_limits); i++) {
        l->limits[memory_limits[i]] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
        raw_syscall(__NR_prlimit64, 0, memory_limits[i], 0, (u64)&l->limits[memory_limits[i]], 0, 0);
        if (l->limits[memory_limits[i]].rlim_cur != RLIM_INFINITY)
            raise_limit(memory_limits[i]);
        if (host_limit(memory_limits[i]) < LLVM_LEAST && p->options.tier != TIER_INTERP && !p->options.check)
            p->options.tier = TIER_BASELINE;
    }
    apply_limits(p, l);
    raw_syscall(__NR_sched_getaffinity, 0, sizeof set, (u64)set, 0, 0, 0);
    if (p->options.affinity && p->tasks) { /* the thread that did the exec had chosen some of them */
        u64 *chosen = p->tasks->affinity = calloc(CPU_WORDS, sizeof *chosen);
        if (!chosen)
            abort();
        const char *rest = parse_cpus(p->options.affinity, chosen);
        parse_cpus(rest + (*rest == ':'), set);
    }
    for (u32 i = 0; i < CPU_WORDS * 64; i++)
        l->ncpus += bit(set, i);
    l->cpus = calloc((size_t)l->ncpus + 1, sizeof *l->cpus);
    if (!l->cpus)
        out_of_memory("the host's processors");
    int n = 0;
    for (u32 i = 0; i < CPU_WORDS * 64; i++)
        if (bit(set, i))
            l->cpus[n++] = (u16)i;
    if (!n)
        l->ncpus = 1; /* cpus[0] is processor 0 */
    if (p->options.cpus > 0 && p->options.cpus < n && !p->options.affinity) {
        memset(set, 0, sizeof set);
        for (int i = 0; i < p->options.cpus; i++)
            set_bit(set, l->cpus[i]);
        raw_syscall(__NR_sched_setaffinity, 0, sizeof set, (u64)set, 0, 0, 0);
    }
}
