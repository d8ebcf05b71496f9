/* The commands and their options as tables (commands.def, options.def): for help, manual pages and completion. */
#ifndef DRAGOMAN_TOOLS_COMMAND_H
#define DRAGOMAN_TOOLS_COMMAND_H

#include <stddef.h>
#include <stdio.h>

typedef struct Command {
    const char *name, *args, *summary;
    const char *text; /* paragraphs, a line each */
} Command;

/* An option of a command: its name as one types it, its argument or NULL, the variable that has the same meaning or
 * NULL. */
typedef struct Flag {
    const char *command, *name, *arg, *env, *help;
} Flag;

extern const Command commands[];
extern const size_t ncommands;
extern const Flag flags[];
extern const size_t nflags;

/* NULL if there is no such command. */
const Command *command_find(const char *name);
/* Prints the help of a command that there is. */
void command_help(const char *name);
/* Prints what commands there are. */
void command_list(FILE *f);

#endif
