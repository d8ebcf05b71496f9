#include "command.h"

#include <string.h>

#include "../include/base.h"

const Command commands[] = {
#define COMMAND(name, args, summary, text) {#name, args, summary, text},
#include "commands.def"
};
const size_t ncommands = LEN(commands);

const Flag flags[] = {
#define OPTION(handler, name, arg, env, help) {"run", name, arg, env, help},
#include "options.def"
#define FLAG(command, option, arg, help) {#command, option, arg, NULL, help},
#include "commands.def"
};
const size_t nflags = LEN(flags);

enum { WIDTH = 100 };

/* The text from column `at` on, in lines that begin at column `indent`. */
static void wrap(FILE *f, const char *text, int at, int indent)
{
    bool first = true;
    for (const char *end; *text; text = end + (*end == ' ')) {
        end = text + strcspn(text, " \n");
        int n = (int)(end - text);
        if (!first && at + 1 + n > WIDTH) {
            fprintf(f, "\n%*s", indent, "");
            at = indent;
            first = true;
        }
        fprintf(f, "%s%.*s", first ? "" : " ", n, text);
        at += n + !first;
        first = false;
        if (*end == '\n') {
            fprintf(f, "\n%*s", indent, "");
            at = indent;
            first = true;
            end++;
        }
    }
    fputc('\n', f);
}

const Command *command_find(const char *name)
{
    for (size_t i = 0; i < ncommands; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static void print_flag(const Flag *o, int left, int env)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", o->name, !o->arg || strchr(o->name, '=') ? "" : " ", o->arg ? o->arg : "");
    printf("  %-*s ", left, name);
    if (env)
        printf("%-*s ", env, o->env ? o->env : "");
    int indent = 2 + left + 1 + env + !!env;
    if ((int)strlen(name) > left)
        printf("\n%*s", indent, "");
    wrap(stdout, o->help, indent, indent);
}

void command_help(const char *name)
{
    const Command *c = command_find(name);
    bool run = c == commands;
    printf("usage: dragoman %s%s%s %s\n\n", run ? "[" : "", c->name, run ? "]" : "", c->args);
    wrap(stdout, c->text, 0, 0);
    puts(run ? "\n  Argument          Variable             Meaning" : "\nOptions:");
    for (size_t i = 0; i < nflags; i++)
        if (!strcmp(flags[i].command, name))
            print_flag(&flags[i], run ? 17 : 16, run ? 20 : 0);
}

void command_list(FILE *f)
{
    fputs("usage: dragoman [run] [options] PROGRAM [ARGUMENT...]\n"
          "       dragoman COMMAND [ARGUMENT...]\n\n"
          "Runs Linux programs built for another processor.\n\nCommands:\n",
          f);
    for (size_t i = 0; i < ncommands; i++)
        fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("  help       explain a command: 'dragoman help run' lists the options of programs\n"
          "\n  --version  print version, guests and host\n",
          f);
}
