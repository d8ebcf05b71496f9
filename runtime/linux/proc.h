/* Files of /proc, between the files that make their contents: what a process's translator knows (procview.c), the texts made of it
 * (procwrite.c) and which files have them (proc.c). */
#ifndef DRAGOMAN_PROC_H
#define DRAGOMAN_PROC_H

#include <stdio.h>

#include "linux.h"

/* -- procview.c */

typedef struct View {
    ProcDir dir;
    int mem; /* the process's memory, if it is another's */
    u64 at;  /* where in it its Process is: */
    Process process;
    Linux kernel;
    Mapping *maps;
    size_t nmaps;
    i32 *tids;
    size_t ntids;
    u64 task; /* where the first thread's Task is */
} View;

/* What is known about the process of v->dir, which is filled in; false if it is no guest's, or may not be looked at. */
bool view_open(View *v, const Task *t);
/* The same of v->process and v->kernel alone, of another process, whose memory is opened with these flags. */
bool view_peek(View *v, const Task *t, int flags);
enum { MOST_TASKS = 1 << 16 }; /* that are believed */
/* The next task after the one at `task`, the first after 0; 0 at the end. */
u64 view_next_task(View *v, u64 task);
void view_close(View *v);
/* Copies from the process's memory, its translator's included. A MemReader. */
int view_read(void *view, void *dst, u64 src, size_t size);
/* Index of the first mapping that ends above addr. */
size_t view_find(const View *v, u64 addr);
/* Is any of [start, end) the guest's? */
bool view_has(const View *v, u64 start, u64 end);
/* Is it one of the guest's threads, one of its translator's descriptors? */
bool view_thread(const View *v, i32 tid);
bool view_hides(const View *v, i32 fd);

/* All that there is to read from fd, from its beginning, NUL-terminated; NULL with errno set if it can't be read. The caller frees
 * it. */
char *view_text(int fd, size_t *size);
/* The same of a file in a directory. */
char *view_file(const char *dir, const char *file);
/* Cuts the next line off *text, without its end; NULL if there is none. */
char *view_line(char **text);
/* A line of maps, which is the first of an entry of smaps. */
typedef struct MapLine {
    u64 start, end, offset, inode;
    char perms[5];
    unsigned major, minor;
    char *name;
} MapLine;
bool view_map_line(char *line, MapLine *out);

/* -- procwrite.c: each writes a file for the guest, from the kernel's text */
typedef void Writer(const View *v, FILE *f, char *text);
Writer write_maps, write_smaps, write_rollup, write_numa_maps, write_stat, write_statm, write_status, write_limits;
Writer write_auxv, write_cmdline, write_environ, write_cpuinfo, write_system_stat, write_cpus;

#endif
