/* From a file to a process about to run its first instruction (runtime/load.c). */
#ifndef DRAGOMAN_LOAD_H
#define DRAGOMAN_LOAD_H

#include <limits.h>

#include "ahead.h"
#include "runtime.h"

enum {
    SCRIPT_LINE = 256,  /* bytes of a file that the kernel looks at for `#!` (BINPRM_BUF_SIZE) */
    SCRIPT_DEPTH = 5,   /* interpreters of interpreters (fs/exec.c) */
};

/* A `#!` line taken apart. */
typedef struct Script {
    char interp[SCRIPT_LINE];
    char arg[SCRIPT_LINE]; /* all that follows the interpreter, or "" */
} Script;

/* Parses the first bytes of a file. 1: a script, *s is filled; 0: none; -ENOEXEC: a `#!` line without an interpreter
 * or too long (fs/binfmt_script.c). */
int script_parse(const char *head, size_t size, Script *s);

/* What kind of program a file is, by its first bytes. */
typedef enum ProgramKind { PROGRAM_GUEST, PROGRAM_SCRIPT, PROGRAM_OTHER } ProgramKind;
ProgramKind program_kind(const char *head, size_t size, Script *s);
/* The same for what p executes: a program of the host's own machine is a guest only to such a guest, and by --translate-host. */
ProgramKind program_kind_for(const Process *p, const char *head, size_t size, Script *s);

/* The Abi that belongs to a guest. */
const Abi *abi_of(const Guest *guest);

/* The root of a guest program where nobody has said what it is: where Debian's qemu has it (/etc/qemu-binfmt); or, for a program that
 * couldn't run otherwise, where Debian's cross packages have their libraries (/usr/TRIPLET). These names are the administrator's, so they
 * hold for set-user-ID programs, too. False if there is none. */
bool load_default_root(const Options *o, const Image *image, char root[PATH_MAX]);

/* Makes `path` (as the guest sees it: looked up in the sysroot first) the program of p, whose options and argv are
 * set: maps it, its interpreter, stack, vDSO; builds the stack; sets guest and abi of p and t, t's registers and pc,
 * and p's addresses. If the options have a descriptor of it, that is taken instead of what has the name now. A script
 * is replaced by its interpreter, with p->argv as the kernel would make it; an interpreter that belongs to the host is
 * executed. Returns 0, or -errno with one line for the user in `why`; after a failure the process is good for exiting
 * only. */
int load_program(Process *p, Task *t, const char *path, char *why, size_t size);
/* The same with the program in this executable's payload; `path` is this executable's. */
int load_payload(Process *p, Task *t, const Ahead *a, const char *path, char *why, size_t size);
/* Gives the process what the one before its exec has left it (--inherited), from a descriptor, which is closed. 0 or -errno. */
i64 process_inherit(Task *t, int fd);
/* Maps just the image, a position-independent one at `bias`: what translation ahead of time needs. 0, or -errno with one line
 * in `why`. */
#define LOAD_PIE_BASE ((u64)0x500000000000) /* a good one: below where the host's kernel puts its own */
int load_for_aot(Process *p, const Image *image, const char *path, u64 bias, char *why, size_t size);

#endif
