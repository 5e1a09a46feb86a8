/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A recursive descent over decorated names; see undecorate.h. */
#include "symbols/pdb/undecorate.h"

#include "symbols/pdb/undecorate_operators.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH_BYTES 16384u
#define DEEPEST 64u
#define N_REMEMBERED 10u
#define MOST_SCOPES 64u
#define MOST_DIMENSIONS 16

struct memory { /* what digits refer back to */
    const char *names[N_REMEMBERED];
    const char *types[N_REMEMBERED]; /* parameters of function types */
    unsigned n_names, n_types;
};

struct parser {
    const char *at;
    bool has_failed;
    unsigned depth;
    struct memory memory;
    size_t used;
    char scratch[SCRATCH_BYTES]; /* all texts of this name */
};

static const char *parse_type (struct parser *p);
static const char *parse_qualified (struct parser *p);
static const char *parse_scope (struct parser *p);
static const char *parse_symbol (struct parser *p);

static const char *fail (struct parser *p)
{
    p->has_failed = true;
    p->at = "";
    return "";
}

static __attribute__ ((format (printf, 2, 3))) const char *keep (struct parser *p,
                                                                 const char *format, ...)
{
    char *text = p->scratch + p->used;
    size_t room = SCRATCH_BYTES - p->used;
    va_list args;
    int n;

    va_start (args, format);
    n = vsnprintf (text, room, format, args);
    va_end (args);
    if (n < 0 || (size_t)n >= room)
        return fail (p);
    p->used += (size_t)n + 1;
    return text;
}

static bool accept (struct parser *p, const char *token)
{
    size_t n = strlen (token);

    if (strncmp (p->at, token, n) != 0)
        return false;
    p->at += n;
    return true;
}

static bool ends_in (const char *text, const char *end)
{
    size_t n = strlen (text), n_end = strlen (end);

    return n >= n_end && strcmp (text + n - n_end, end) == 0;
}

static const char *remember (struct parser *p, const char *name)
{
    for (unsigned i = 0; i < p->memory.n_names; i++) {
        if (strcmp (p->memory.names[i], name) == 0)
            return name;
    }
    if (p->memory.n_names < N_REMEMBERED)
        p->memory.names[p->memory.n_names++] = name;
    return name;
}

static const char *parse_plain (struct parser *p)
{
    const char *end = strchr (p->at, '@');
    const char *name;

    if (end == NULL || end == p->at)
        return fail (p);
    name = keep (p, "%.*s", (int)(end - p->at), p->at);
    if (!p->has_failed)
        p->at = end + 1;
    return remember (p, name);
}

static const char *parse_back_reference (struct parser *p)
{
    unsigned number = (unsigned)(*p->at - '0');

    if (number >= p->memory.n_names)
        return fail (p);
    p->at++;
    return p->memory.names[number];
}

/* ---- numbers and template arguments ------------------------------------------------------ */

static const char *parse_number (struct parser *p)
{
    const char *sign = accept (p, "?") ? "-" : "";
    unsigned long long value = 0;

    if (*p->at >= '0' && *p->at <= '9')
        return keep (p, "%s%d", sign, *p->at++ - '0' + 1);
    for (; *p->at >= 'A' && *p->at <= 'P'; p->at++)
        value = value << 4 | (unsigned)(*p->at - 'A');
    return accept (p, "@") ? keep (p, "%s%llu", sign, value) : fail (p);
}

/* NULL for what stands for nothing: an empty pack. */
static const char *parse_argument (struct parser *p)
{
    static const char *const nothing[] = { "$$$V", "$$V", "$$Z", "$S" };

    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        if (accept (p, nothing[i]))
            return NULL;
    }
    if (accept (p, "$$Y"))
        return parse_qualified (p);
    if (accept (p, "$$B"))
        return parse_type (p);
    if (accept (p, "$0"))
        return parse_number (p);
    if (accept (p, "$1"))
        return keep (p, "&%s", parse_symbol (p));
    if (accept (p, "$E"))
        return parse_symbol (p);
    if (*p->at == '$' && p->at[1] != '$')
        return fail (p); /* pointers to members: too rare to be worth their grammar */
    return parse_type (p);
}

/* After "?$": name, arguments, '@'. Inside, digits refer to names of the template itself. */
static const char *parse_template (struct parser *p, const char *(*parse_name) (struct parser *))
{
    struct memory outer = p->memory;
    const char *text, *between = "";

    p->memory.n_names = p->memory.n_types = 0;
    text = keep (p, "%s<", parse_name (p));
    while (!p->has_failed && !accept (p, "@")) {
        const char *argument = parse_argument (p);

        if (argument == NULL)
            continue;
        text = keep (p, "%s%s%s", text, between, argument);
        between = ", ";
    }
    p->memory = outer;
    return keep (p, "%s>", text);
}

/* ---- types ------------------------------------------------------------------------------ */

static const char *basic_type (char letter)
{
    static const char *const names[] = {
        ['C'] = "signed char",    ['D'] = "char",  ['E'] = "unsigned char", ['F'] = "short",
        ['G'] = "unsigned short", ['H'] = "int",   ['I'] = "unsigned int",  ['J'] = "long",
        ['K'] = "unsigned long",  ['M'] = "float", ['N'] = "double",        ['O'] = "long double",
        ['X'] = "void",
    };

    return letter >= 'C' && letter <= 'X' ? names[(unsigned char)letter] : NULL;
}

static const char *extended_type (char letter)
{
    static const char *const names[] = {
        ['D'] = "__int8",   ['E'] = "unsigned __int8",
        ['F'] = "__int16",  ['G'] = "unsigned __int16",
        ['H'] = "__int32",  ['I'] = "unsigned __int32",
        ['J'] = "__int64",  ['K'] = "unsigned __int64",
        ['L'] = "__int128", ['M'] = "unsigned __int128",
        ['N'] = "bool",     ['Q'] = "char8_t",
        ['S'] = "char16_t", ['U'] = "char32_t",
        ['W'] = "wchar_t",
    };

    return letter >= 'D' && letter <= 'W' ? names[(unsigned char)letter] : NULL;
}

/* The letter of a qualifier, const and volatile as 1 and 2; -1 for none. */
static int qualifiers_of (char letter)
{
    return letter >= 'A' && letter <= 'D' ? letter - 'A' : -1;
}

static const char *const qualifier_texts[] = { "", " const", " volatile", " const volatile" };

static const char *parse_parameters (struct parser *p)
{
    const char *text = "", *between = "";

    if (accept (p, "X"))
        return "void";
    while (!p->has_failed && *p->at != '@' && *p->at != 'Z') {
        const char *begin = p->at, *type;

        if (*p->at >= '0' && *p->at <= '9') {
            unsigned number = (unsigned)(*p->at - '0');

            if (number >= p->memory.n_types)
                return fail (p);
            type = p->memory.types[number];
            p->at++;
        } else {
            type = parse_type (p);
            if (p->at - begin > 1 && p->memory.n_types < N_REMEMBERED)
                p->memory.types[p->memory.n_types++] = type;
        }
        text = keep (p, "%s%s%s", text, between, type);
        between = ", ";
    }
    if (accept (p, "Z"))
        return keep (p, "%s%s...", text, between);
    return accept (p, "@") ? text : fail (p);
}

/* After '6': convention, result, parameters. `inside` stands where the name would. */
static const char *parse_function (struct parser *p, const char *inside)
{
    static const char *const conventions[] = {
        ['A' - 'A'] = "__cdecl",   ['C' - 'A'] = "__pascal",   ['E' - 'A'] = "__thiscall",
        ['G' - 'A'] = "__stdcall", ['I' - 'A'] = "__fastcall", ['Q' - 'A'] = "__vectorcall",
    };
    unsigned letter = (unsigned)(*p->at - 'A');
    const char *convention, *result, *parameters;

    if (letter > 'Q' - 'A' || conventions[letter & ~1u] == NULL)
        return fail (p);
    convention = conventions[letter & ~1u]; /* odd letters: the exported twin */
    p->at++;
    result = accept (p, "@") ? "" : parse_type (p);
    parameters = parse_parameters (p);
    if (!accept (p, "Z"))
        return fail (p);
    if (*inside == '\0')
        return keep (p, "%s %s(%s)", result, convention, parameters);
    return keep (p, "%s (%s %s)(%s)", result, convention, inside, parameters);
}

/* After 'Y': how many dimensions, each, the type of an element. `inside` stands where the name
 * would. */
static const char *parse_array (struct parser *p, const char *inside)
{
    const char *sizes = "", *first = *p->at == '?' ? "" : parse_number (p);
    long n = strtol (first, NULL, 10);

    if (n < 1 || n > MOST_DIMENSIONS)
        return fail (p);
    for (long i = 0; i < n && !p->has_failed; i++)
        sizes = keep (p, "%s[%s]", sizes, parse_number (p));
    return keep (p, "%s%s%s", parse_type (p), inside, sizes);
}

static const char *parse_pointer (struct parser *p, const char *sign, const char *own_qualifiers)
{
    const char *pointee, *space;
    int qualifiers;
    char last;

    if (accept (p, "6"))
        return parse_function (p, keep (p, "%s%s", sign, own_qualifiers));
    while (*p->at == 'E' || *p->at == 'F' || *p->at == 'I') /* 64 bit, unaligned, restrict */
        p->at++;
    qualifiers = qualifiers_of (*p->at);
    if (qualifiers < 0)
        return fail (p); /* a pointer to a member */
    p->at++;
    if (accept (p, "Y"))
        return parse_array (
            p, keep (p, "%s (%s%s)", qualifier_texts[qualifiers], sign, own_qualifiers));
    pointee = parse_type (p);
    if (qualifiers != 1 || !ends_in (pointee, "const")) /* a pointer says so itself, too */
        pointee = keep (p, "%s%s", pointee, qualifier_texts[qualifiers]);
    last = *pointee != '\0' ? pointee[strlen (pointee) - 1] : ' ';
    space = last == '*' || last == '&' ? "" : " ";
    return keep (p, "%s%s%s%s", pointee, space, sign, own_qualifiers);
}

static const char *parse_dollar_type (struct parser *p)
{
    int qualifiers;

    if (accept (p, "$$Q"))
        return parse_pointer (p, "&&", "");
    if (accept (p, "$$T"))
        return "std::nullptr_t";
    if (accept (p, "$$A6"))
        return parse_function (p, "");
    if (accept (p, "$$C")) {
        qualifiers = qualifiers_of (*p->at);
        if (qualifiers < 0)
            return fail (p);
        p->at++;
        return keep (p, "%s%s", parse_type (p), qualifier_texts[qualifiers]);
    }
    return fail (p);
}

static const char *parse_plain_type (struct parser *p)
{
    const char *name;
    int qualifiers;

    switch (*p->at) {
    case '$':
        return parse_dollar_type (p);
    case 'A':
        p->at++;
        return parse_pointer (p, "&", "");
    case 'P':
    case 'Q':
    case 'R':
    case 'S':
        qualifiers = *p->at++ - 'P';
        return parse_pointer (p, "*", qualifier_texts[qualifiers] + (qualifiers > 0));
    case 'T':
        p->at++;
        return keep (p, "union %s", parse_qualified (p));
    case 'U':
        p->at++;
        return keep (p, "struct %s", parse_qualified (p));
    case 'V':
        p->at++;
        return keep (p, "class %s", parse_qualified (p));
    case 'Y':
        p->at++;
        return parse_array (p, " ");
    case 'W':
        return accept (p, "W4") ? keep (p, "enum %s", parse_qualified (p)) : fail (p);
    case '_':
        name = extended_type (p->at[1]);
        p->at += name != NULL ? 2 : 0;
        return name != NULL ? name : fail (p);
    case '?': /* a qualified result: "?AV"; else a type by its name alone: "?<auto>@@" */
        qualifiers = qualifiers_of (p->at[1]);
        p->at += qualifiers < 0 ? 1 : 2;
        if (qualifiers < 0)
            return parse_qualified (p);
        name = parse_type (p);
        return keep (p, "%s%s", name, qualifier_texts[qualifiers]);
    default:
        name = basic_type (*p->at);
        p->at += name != NULL;
        return name != NULL ? name : fail (p);
    }
}

static const char *parse_type (struct parser *p)
{
    const char *type;

    if (++p->depth > DEEPEST)
        return fail (p);
    type = parse_plain_type (p);
    p->depth--;
    return type;
}

/* ---- names ------------------------------------------------------------------------------ */

static const char *parse_operator (struct parser *p)
{
    size_t length;
    const char *name = hs_undecorate_operator (p->at, &length);

    if (name == NULL)
        return fail (p);
    p->at += length;
    return name;
}

/* A template may be an operator too. */
static const char *parse_leaf_name (struct parser *p)
{
    return accept (p, "?") ? parse_operator (p) : parse_plain (p);
}

static const char *parse_leaf (struct parser *p)
{
    if (accept (p, "?$"))
        return parse_template (p, parse_leaf_name);
    if (*p->at >= '0' && *p->at <= '9')
        return parse_back_reference (p);
    return parse_leaf_name (p);
}

static const char *parse_scope (struct parser *p)
{
    if (accept (p, "?$"))
        return remember (p, parse_template (p, parse_plain));
    if (accept (p, "?A")) { /* "?A0x12345678@" */
        const char *end = strchr (p->at, '@');

        if (end == NULL)
            return fail (p);
        p->at = end + 1;
        return remember (p, "`anonymous namespace'");
    }
    if (accept (p, "?")) { /* inside a function: which of its scopes, its whole decorated name */
        const char *number = parse_number (p);

        return accept (p, "?") ? keep (p, "`%s'::`%s'", parse_symbol (p), number) : fail (p);
    }
    if (*p->at >= '0' && *p->at <= '9')
        return parse_back_reference (p);
    return parse_plain (p);
}

/* Scopes come innermost first, up to an '@'. */
static const char *parse_scopes (struct parser *p, const char *leaf)
{
    const char *text = leaf;

    for (unsigned n = 0; !p->has_failed && !accept (p, "@"); n++) {
        const char *scope = parse_scope (p);

        if (n >= MOST_SCOPES)
            return fail (p);
        if (strncmp (text, HS_OPERATOR_CONSTRUCTOR, 1) == 0 ||
            strncmp (text, HS_OPERATOR_DESTRUCTOR, 1) == 0) {
            const char *end = strchr (scope, '<');

            /* a class template's constructor has its plain name */
            text = keep (p, "%s%.*s%s", *text == *HS_OPERATOR_DESTRUCTOR ? "~" : "",
                         (int)(end != NULL ? end - scope : (long)strlen (scope)), scope, text + 1);
        }
        text = keep (p, "%s::%s", scope, text);
    }
    return text;
}

static const char *parse_qualified (struct parser *p)
{
    const char *leaf, *text;

    if (++p->depth > DEEPEST)
        return fail (p);
    leaf = parse_scope (p);
    text = parse_scopes (p, leaf);
    p->depth--;
    return text;
}

/* Access, qualifiers of `this`, convention, result, parameters; what a conversion converts to is
 * its result. The name with what has to be added to it. */
static const char *parse_member_type (struct parser *p, const char *text, bool is_conversion)
{
    static const char thunks[] = "GHOPWX", statics[] = "CDKLSTYZ";
    char access = *p->at++;

    if (strchr (thunks, access) != NULL)
        text = keep (p, "%s`adjustor{%s}'", text, parse_number (p));
    if (strchr (statics, access) == NULL) {
        while (*p->at >= 'E' && *p->at <= 'I') /* 64 bit, restrict, unaligned, & and && */
            p->at++;
        if (qualifiers_of (*p->at) < 0)
            return fail (p);
        p->at++;
    }
    if (!is_conversion) {
        (void)parse_function (p, "");
        return text;
    }
    if (*p->at == '\0')
        return fail (p);
    p->at++;
    text = keep (p, "%s %s", text, parse_type (p));
    (void)parse_parameters (p);
    return accept (p, "Z") ? text : fail (p);
}

/* After the name: the type of what it names. The name with what has to be added to it. */
static const char *parse_own_type (struct parser *p, const char *leaf, const char *text)
{
    if (*p->at == '\0')
        return fail (p);
    if (*p->at >= '0' && *p->at <= '4') { /* a variable */
        p->at++;
        (void)parse_type (p);
        while (*p->at >= 'E' && *p->at <= 'I')
            p->at++;
        if (qualifiers_of (*p->at) < 0)
            return fail (p);
        p->at++;
        return text;
    }
    if (accept (p, "9")) /* C: the name says nothing of its type */
        return text;
    return parse_member_type (p, text, strcmp (leaf, HS_OPERATOR_CONVERSION) == 0);
}

static const char *parse_name (struct parser *p, const char **ret_leaf)
{
    const char *text;

    *ret_leaf = parse_leaf (p);
    text = parse_scopes (p, *ret_leaf);
    return p->has_failed || *text <= '\2' ? fail (p) : text;
}

static const char *parse_symbol (struct parser *p)
{
    const char *text, *leaf;

    if (++p->depth > DEEPEST || !accept (p, "?"))
        return fail (p);
    text = parse_name (p, &leaf);
    text = parse_own_type (p, leaf, text);
    p->depth--;
    return text;
}

void hs_undecorate (const char *name, char *ret, size_t size)
{
    struct parser p = { .at = name };
    const char *text, *leaf, *whole;

    if (accept (&p, "?") && strncmp (p.at, "?_C@", 4) != 0) {
        text = parse_name (&p, &leaf);
        if (!p.has_failed) {
            whole = parse_own_type (&p, leaf, text);
            if (!p.has_failed || strcmp (leaf, HS_OPERATOR_CONVERSION) != 0) {
                (void)snprintf (ret, size, "%s", p.has_failed ? text : whole);
                return;
            }
        }
    }
    (void)snprintf (ret, size, "%s", name);
}
