/* A lexer: character classes, keywords, numbers and names, with ctype, strtok and strtol. */
#include "work.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char source[] = "int main(int argc, char **argv)\n{\n    unsigned long total = 0x1f, step = 12;\n"
                             "    for (int i = 0; i < 100000; i++) {\n        total += argv[i % argc][0] * step - 077;\n"
                             "        if (total > 4096 && i != 7) /* now and then */\n            total = total >> 3;\n"
                             "    }\n    return printf(\"%lu items\\n\", total) < 0 ? -1 : (int)total;\n}\n";
static const char *const keywords[] = {"char", "else", "for", "if", "int", "long", "return", "unsigned", "while"};

typedef enum Kind { KEYWORD, NAME, NUMBER, STRING, PUNCTUATION, KINDS } Kind;

static Kind next(const char **at, unsigned long *value)
{
    const char *p = *at, *start = p;
    Kind kind = PUNCTUATION;
    *value = 0;
    if (isalpha((unsigned char)*p) || *p == '_') {
        while (isalnum((unsigned char)*p) || *p == '_')
            *value = *value * 31 + (unsigned char)tolower((unsigned char)*p++);
        kind = NAME;
        for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
            if (strlen(keywords[i]) == (size_t)(p - start) && !memcmp(keywords[i], start, (size_t)(p - start)))
                kind = KEYWORD;
    } else if (isdigit((unsigned char)*p)) {
        char *end;
        *value = strtoul(p, &end, 0);
        p = end;
        kind = NUMBER;
    } else if (*p == '"') {
        for (p++; *p != '"'; p++)
            p += *p == '\\';
        p++;
        kind = STRING;
    } else if (p[0] == '/' && p[1] == '*') {
        p = strstr(p, "*/") + 2;
    } else {
        p += 1 + (ispunct((unsigned char)p[0]) && p[0] == p[1] && strchr("+-<>&|", *p));
    }
    while (isspace((unsigned char)*p))
        p++;
    *at = p;
    return kind;
}

static void work(void)
{
    unsigned long counts[KINDS] = {0}, sum = 0, value;
    for (int round = 0; round < 80000; round++)
        for (const char *p = source; *p;) {
            counts[next(&p, &value)]++;
            sum += value;
        }
    for (int round = 0; round < 60000; round++) {
        char copy[sizeof source], *rest;
        memcpy(copy, source, sizeof source);
        for (char *t = strtok_r(copy, " \n,;(){}", &rest); t; t = strtok_r(NULL, " \n,;(){}", &rest))
            sum += (unsigned char)*t;
    }
    printf("%lu %lu %lu %lu %lu %lu\n", sum, counts[0], counts[1], counts[2], counts[3], counts[4]);
}
