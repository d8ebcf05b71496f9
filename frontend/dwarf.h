/* Debugging information in ELF files, for crash reports. Files are read through libelf and believed in nothing. */
#ifndef DRAGOMAN_DWARF_H
#define DRAGOMAN_DWARF_H

#include "../include/base.h"

/* A section's contents, uncompressed: malloc'd. */
typedef struct Section {
    u64 address, size; /* address: where it is loaded, unrelocated; 0 if it isn't */
    u8 *data;
} Section;
bool dwarf_section(const char *path, const char *name, Section *out);

/* The source line of the code at an offset in the file, as "name.c:12"; false if that isn't known. */
bool dwarf_line(const char *path, u64 offset, char *out, size_t size);

#endif
