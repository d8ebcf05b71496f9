/* Makes, from the tables of commands and options: manual pages, docs/options.md, the shell's completion.
 *
 * usage: manual man DIRECTORY | manual options | manual bash */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../include/log.h"
#include "command.h"

static const struct {
    const char *option, *verdict, *note;
} qemu[] = {
#define QEMU(option, verdict, note) {option, verdict, note},
#include "qemu.def"
};

static const struct {
    const char *name, *help;
} items[] = {
#define ITEM(name, help) {#name, help},
    LOG_ITEMS(ITEM)
#undef ITEM
};

static const struct {
    const char *name, *why;
} others[] = {
#define OTHER(name, items, why) {#name, why},
    LOG_OTHERS(OTHER)
#undef OTHER
};

static const char *const guest_names[] = {
#define GUEST(isa) #isa,
#include "../frontend/guests.def"
};

static bool of(const Flag *o, const Command *c)
{
    return !strcmp(o->command, c->name);
}

static bool is_run(const Command *c)
{
    return c == commands;
}

/* "OPTION ARGUMENT" or "OPTION=ARGUMENT". */
static const char *between(const Flag *o)
{
    return !o->arg || strchr(o->name, '=') ? "" : " ";
}

/* -- man(7) ------------------------------------------------------------------------------------------------- */

/* Text as it is, on lines of its own. */
static void roff(FILE *f, const char *text)
{
    bool begins = true;
    for (; *text; text++) {
        if (begins && (*text == '.' || *text == '\''))
            fputs("\\&", f);
        begins = *text == '\n';
        switch (*text) {
        case '\\':
            fputs("\\e", f);
            break;
        case '-':
            fputs("\\-", f);
            break;
        case '\'':
            fputs("\\(aq", f);
            break;
        case '`':
            fputs("\\(ga", f);
            break;
        case '^':
            fputs("\\(ha", f);
            break;
        case '~':
            fputs("\\(ti", f);
            break;
        case '\n':
            fputs("\n.PP\n", f);
            break;
        default:
            fputc(*text, f);
        }
    }
    fputc('\n', f);
}

static void heading(FILE *f, const char *name, const char *summary)
{
    fputs(".\\\" Made by tools/manual.c.\n.TH ", f);
    for (const char *c = name; *c; c++)
        fputc(toupper(*c), f);
    fprintf(f, " 1 \"\" \"dragoman " DRAGOMAN_VERSION "\"\n.SH NAME\n%s \\- ", name);
    roff(f, summary);
}

static void tagged(FILE *f, const char *tag, const char *text)
{
    fputs(".TP\n.B ", f);
    roff(f, tag);
    roff(f, text);
}

static void command_page(FILE *f, const Command *c)
{
    char name[64], tag[128];
    snprintf(name, sizeof name, "dragoman-%s", c->name);
    heading(f, name, c->summary);
    fprintf(f, ".SH SYNOPSIS\n.B dragoman %s\n", is_run(c) ? "[run]" : c->name);
    roff(f, c->args);
    fputs(".SH DESCRIPTION\n", f);
    roff(f, c->text);
    fputs(".SH OPTIONS\n", f);
    for (size_t i = 0; i < nflags; i++) {
        const Flag *o = &flags[i];
        if (!of(o, c))
            continue;
        snprintf(tag, sizeof tag, "%s%s%s%s%s", o->name, between(o), o->arg ? o->arg : "", o->env ? ", $" : "",
                 o->env ? o->env : "");
        tagged(f, tag, o->help);
    }
    if (is_run(c)) {
        fputs(".SH \"ITEMS OF -d\"\n", f);
        for (size_t i = 0; i < LEN(items); i++)
            tagged(f, items[i].name, items[i].help);
        fputs(".PP\nFurther items of qemu's are taken:\n", f);
        for (size_t i = 0; i < LEN(others); i++)
            tagged(f, others[i].name, others[i].why);
    }
    fputs(".SH SEE ALSO\n.BR dragoman (1)\n", f);
}

static void main_page(FILE *f)
{
    char tag[128];
    heading(f, "dragoman", "runs Linux programs built for another processor");
    fputs(".SH SYNOPSIS\n.B dragoman\n[\\fBrun\\fR] [\\fIoptions\\fR] \\fIPROGRAM\\fR [\\fIARGUMENT\\fR...]\n.br\n"
          ".B dragoman\n\\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n.SH DESCRIPTION\n",
          f);
    roff(f, commands[0].text);
    fputs(".SH COMMANDS\n", f);
    for (size_t i = 0; i < ncommands; i++) {
        snprintf(tag, sizeof tag, "dragoman-%s(1)", commands[i].name);
        tagged(f, tag, commands[i].summary);
    }
    tagged(f, "dragoman help [COMMAND]", "lists the commands, or explains one");
    tagged(f, "dragoman --version", "prints version, guests and host");
    fputs(".SH FILES\n", f);
    tagged(f, "/etc/qemu-binfmt/GUEST", "the guest's root where nobody names one");
    tagged(f, "/usr/TRIPLET", "... or Debian's cross packages'");
    tagged(f, "~/.cache/dragoman", "translations of earlier runs");
    fputs(".SH SEE ALSO\n", f);
    for (size_t i = 0; i < ncommands; i++)
        fprintf(f, ".BR dragoman\\-%s (1)%s\n", commands[i].name, i + 1 < ncommands ? "," : "");
}

static int man(const char *directory)
{
    for (size_t i = 0; i <= ncommands; i++) {
        char path[4096];
        const Command *c = i ? &commands[i - 1] : NULL;
        snprintf(path, sizeof path, "%s/dragoman%s%s.1", directory, c ? "-" : "", c ? c->name : "");
        FILE *f = fopen(path, "w");
        if (!f)
            return fprintf(stderr, "manual: %s: %s\n", path, strerror(errno)), 1;
        if (c)
            command_page(f, c);
        else
            main_page(f);
        fclose(f);
    }
    return 0;
}

/* -- docs/options.md ---------------------------------------------------------------------------------------- */

/* Text of a table's cell. */
static void cell(const char *text)
{
    for (; *text; text++)
        printf(strchr("|<>*_\\", *text) ? "\\%c" : "%c", *text);
}

static const char *variable_of(const char *option)
{
    for (size_t i = 0; i < nflags; i++)
        if (!strcmp(flags[i].name, option) && of(&flags[i], commands))
            return flags[i].env;
    return NULL;
}

static void options_of(const Command *c)
{
    printf("\n## dragoman %s\n\n    dragoman %s%s%s %s\n\n", c->name, is_run(c) ? "[" : "", c->name,
           is_run(c) ? "]" : "", c->args);
    for (const char *at = c->text; *at; at++)
        fputs(*at == '\n' ? "\n\n" : (char[]){*at, 0}, stdout);
    puts(is_run(c) ? "\n\n| option | variable | |\n|---|---|---|" : "\n\n| option | |\n|---|---|");
    for (size_t i = 0; i < nflags; i++) {
        const Flag *o = &flags[i];
        if (!of(o, c))
            continue;
        printf("| `%s%s%s` | ", o->name, between(o), o->arg ? o->arg : "");
        if (is_run(c))
            printf("%s%s%s | ", o->env ? "`" : "", o->env ? o->env : "", o->env ? "`" : "");
        cell(o->help);
        puts(" |");
    }
}

static int options(void)
{
    puts("# Options\n\nEvery option and variable. (Made from the tables that the program itself has: "
         "`build/release/tools/manual "
         "options`.)");
    for (size_t i = 0; i < ncommands; i++)
        options_of(&commands[i]);
    puts("\n## Items of -d\n\n| item | |\n|---|---|");
    for (size_t i = 0; i < LEN(items); i++) {
        printf("| `%s` | ", items[i].name);
        cell(items[i].help);
        puts(" |");
    }
    puts("| `all` | all of them |\n\nItems of qemu's that are taken, with a line on what there is instead:\n\n| item | "
         "|\n|---|---|");
    for (size_t i = 0; i < LEN(others); i++) {
        printf("| `%s` | ", others[i].name);
        cell(others[i].why);
        puts(" |");
    }
    puts("| `trace:PATTERN` | there are no trace events |\n\n## Beside qemu 10\n\n"
         "Under the name `qemu-GUEST`, and without it. An option that there isn't, or a bad argument, has exit status "
         "2 (qemu: 1); a "
         "program that is not found 127, one that can't be run 126 (qemu: 1, all of them).\n\n"
         "| option | variable | here | |\n|---|---|---|---|");
    for (size_t i = 0; i < LEN(qemu); i++) {
        const char *env = variable_of(qemu[i].option);
        printf("| `%s` | %s%s%s | %s | ", qemu[i].option, env ? "`" : "", env ? env : "", env ? "`" : "",
               qemu[i].verdict);
        cell(qemu[i].note);
        puts(" |");
    }
    return 0;
}

/* -- bash --------------------------------------------------------------------------------------------------- */

/* Has the shell's words be what an option's argument may be, if that isn't anything, or a file. */
static void values(const Flag *o)
{
    const char *name = o->name + strspn(o->name, "-"), *words = NULL;
    bool arch = !strcmp(name, "arch");
    if (arch || !strcmp(name, "d")) {
        fputs("words=\"", stdout);
        for (size_t i = 0; i < (arch ? LEN(guest_names) : LEN(items)); i++)
            printf("%s%s", i ? " " : "", arch ? guest_names[i] : items[i].name);
        fputs("\" ", stdout);
    } else if (!strcmp(name, "tier")) {
        words = of(o, commands) ? "auto baseline llvm interp" : "baseline llvm";
    } else if (!strcmp(name, "host")) {
        words = "x86-64-v2 x86-64-v3";
    } else if (!strcmp(name, "cpu")) {
        words = "$(\"${COMP_WORDS[0]}\" -cpu help 2>/dev/null | sed -n 's/^  \\([^ ]*\\).*/\\1/p')";
    } else if (!strcmp(name, "ways")) {
        words = "qemu baseline llvm auto aot";
    } else if (!strcmp(name, "flags")) {
        words = "POCF POF OCF";
    }
    if (words)
        printf("words=\"%s\" ", words);
}

static int bash(void)
{
    puts("# Completion of dragoman's command line. Made by tools/manual.c.\n_dragoman() {\n"
         "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=run words\n"
         "    COMPREPLY=()");
    fputs("    case ${COMP_WORDS[1]} in\n    ", stdout);
    for (size_t i = 0; i < ncommands; i++)
        printf("%s%s", i ? " | " : "", commands[i].name);
    puts(" | help) [ \"$COMP_CWORD\" = 1 ] || command=${COMP_WORDS[1]} ;;\n    esac\n    words=");
    puts("    case $command$previous in");
    for (size_t i = 0; i < nflags; i++) {
        if (!flags[i].arg || strchr(flags[i].name, '='))
            continue;
        printf("    %s%s) ", flags[i].command, flags[i].name);
        values(&flags[i]);
        puts(";;");
    }
    puts("    *)\n        case $command in");
    for (size_t i = 0; i < ncommands; i++) {
        const Command *c = &commands[i];
        printf("        %s) words=\"", c->name);
        for (size_t k = 0, n = 0; k < nflags; k++)
            if (of(&flags[k], c))
                printf("%s%s", n++ ? " " : "", flags[k].name);
        fputs("\"", stdout);
        size_t n = strcspn(c->args, " ");
        if (memchr(c->args, '|', n)) {
            fputs("\n            [ \"$COMP_CWORD\" != 2 ] || words=\"", stdout);
            for (size_t k = 0; k < n; k++)
                fputc(c->args[k] == '|' ? ' ' : c->args[k], stdout);
            fputs("\"", stdout);
        }
        puts(" ;;");
    }
    fputs("        help) words=\"", stdout);
    for (size_t i = 0; i < ncommands; i++)
        printf("%s%s", i ? " " : "", commands[i].name);
    fputs("\" ;;\n        esac\n"
          "        # Commands have words; what else isn't an option is a file's name.\n"
          "        case $current in\n        -*) ;;\n        *)\n            case $command$COMP_CWORD in\n            "
          "run1) words=\"",
          stdout);
    for (size_t i = 0; i < ncommands; i++)
        printf("%s ", commands[i].name);
    puts("help\" ;;\n            help2 | binfmt2 | cache2) ;;\n            *) words= ;;\n            esac ;;\n        "
         "esac ;;\n    esac\n"
         "    # shellcheck disable=SC2207\n    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}\n"
         "complete -o default -F _dragoman dragoman");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "man"))
        return man(argv[2]);
    if (argc == 2 && !strcmp(argv[1], "options"))
        return options();
    if (argc == 2 && !strcmp(argv[1], "bash"))
        return bash();
    fputs("usage: manual man DIRECTORY | manual options | manual bash\n", stderr);
    return 2;
}
