/* Names of guest functions, from the symbol tables of the files that are mapped. */
#ifndef DRAGOMAN_SYMBOLS_H
#define DRAGOMAN_SYMBOLS_H

#include "../include/base.h"

/* A mapping of a file in this process: addresses [lo, hi) show the file from `offset` on. */
typedef struct MappedFile {
    u64 lo, hi, offset;
    char path[4096];
} MappedFile;

/* The file mapped at an address, from /proc/self/maps; false if there is none. Allocates nothing. */
bool mapped_file(u64 addr, MappedFile *out);

/* The functions of an ELF file. */
typedef struct Symbols Symbols;

/* Reads them from .symtab and .dynsym; owned by the caller. NULL if the file has none or can't be read: it isn't
 * trusted. */
Symbols *symbols_new(const char *path);
/* The same for a file in memory. */
Symbols *symbols_new_in(const void *file, size_t size);
void symbols_free(Symbols *s);
/* Functions in the order of their places in the file; aliases are functions, too. */
typedef struct Function {
    u64 offset, size; /* in the file */
    u64 mode;         /* what its pcs say besides the address (Guest.code_mask) */
    char *name;
} Function;
const Function *symbols_all(const Symbols *s, size_t *n);
/* The function that holds the byte at a file offset, *distance bytes from its start; NULL if the tables don't tell. */
const char *symbols_find(const Symbols *s, u64 offset, u64 *distance);
/* Calls f for each. */
void symbols_each(const Symbols *s, void (*f)(void *context, const Function *function), void *context);

#endif
