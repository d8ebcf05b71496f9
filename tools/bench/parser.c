/* JSON read into a tree by recursive descent, walked, printed and freed. */
#include "work.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum Kind { NOTHING, TRUTH, NUMBER, STRING, ARRAY, OBJECT } Kind;
typedef struct Value {
    struct Value *next, *first; /* in the list it stands in; of an array's or object's values */
    char *key, *text;
    double number;
    Kind kind;
} Value;

static char *string(const char **at)
{
    size_t n = 0;
    char buffer[256];
    for ((*at)++; **at != '"'; (*at)++) {
        if (**at == '\\')
            (*at)++;
        buffer[n++] = **at;
    }
    (*at)++;
    char *copy = malloc(n + 1);
    memcpy(copy, buffer, n);
    copy[n] = 0;
    return copy;
}

static const char *blanks(const char *p)
{
    while (*p == ' ' || *p == '\n' || *p == ',' || *p == ':')
        p++;
    return p;
}

static Value *parse(const char **at)
{
    Value *v = calloc(1, sizeof *v);
    *at = blanks(*at);
    switch (**at) {
    case '{':
    case '[':;
        v->kind = **at == '{' ? OBJECT : ARRAY;
        Value **end = &v->first;
        for (*at = blanks(*at + 1); **at != ']' && **at != '}'; *at = blanks(*at)) {
            char *key = v->kind == OBJECT ? string(at) : NULL;
            *end = parse(at);
            (*end)->key = key;
            end = &(*end)->next;
        }
        (*at)++;
        break;
    case '"':
        v->kind = STRING;
        v->text = string(at);
        break;
    case 't':
    case 'f':
        v->kind = TRUTH;
        v->number = **at == 't';
        *at += **at == 't' ? 4 : 5;
        break;
    case 'n':
        *at += 4;
        break;
    default:;
        char *rest;
        v->kind = NUMBER;
        v->number = strtod(*at, &rest);
        *at = rest;
    }
    return v;
}

static char *print(char *out, const Value *v)
{
    if (v->key)
        out += sprintf(out, "\"%s\":", v->key);
    switch (v->kind) {
    case NOTHING:
        return stpcpy(out, "null,");
    case TRUTH:
        return stpcpy(out, v->number ? "true," : "false,");
    case NUMBER:
        return out + sprintf(out, "%g,", v->number);
    case STRING:
        return out + sprintf(out, "\"%s\",", v->text);
    case ARRAY:
    case OBJECT:
        *out++ = v->kind == ARRAY ? '[' : '{';
        for (const Value *w = v->first; w; w = w->next)
            out = print(out, w);
        *out++ = v->kind == ARRAY ? ']' : '}';
        *out++ = ',';
        *out = 0;
    }
    return out;
}

static void drop(Value *v)
{
    for (Value *next; v; v = next) {
        next = v->next;
        drop(v->first);
        free(v->key);
        free(v->text);
        free(v);
    }
}

static void work(void)
{
    static char text[400000], again[400000];
    char *p = stpcpy(text, "[");
    for (int i = 0; i < 1500; i++)
        p += sprintf(p, "{\"id\": %d, \"name\": \"item \\\"%d\\\"\", \"price\": %d.%02d, \"tags\": [\"a\", \"b%d\", null], \"in\": {\"stock\": %s}},\n",
                     i, i * 7, i * 13 % 1000, i % 100, i % 9, i % 3 ? "true" : "false");
    strcpy(p, "]");
    unsigned long sum = 0;
    for (int round = 0; round < 120; round++) {
        const char *at = text;
        Value *v = parse(&at);
        char *end = print(again, v);
        sum = sum * 31 + (unsigned long)(end - again) + (unsigned char)again[(size_t)(end - again) / 3];
        drop(v);
    }
    printf("%lu\n", sum);
}
