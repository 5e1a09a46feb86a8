/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the terms of a filter; see filter_words.h. */
#include "analysis/filter_words.h"

#include "base/text.h"
#include "base/units.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_BYTES 1024u

static const struct {
    const char *name, *complaint;
} terms[] = {
    [HS_TERM_FRAMES] = { "frames", N_ ("“%s” is too long for a name") },
    [HS_TERM_MODULE] = { "module", N_ ("“%s” is too long for a name") },
    [HS_TERM_SIZE] = { "size", N_ ("“%s” is no range of sizes; examples: 64..127, 4k.., ..1MiB") },
    [HS_TERM_LIFETIME] = { "lifetime",
                           N_ ("“%s” is no range of times; examples: <10ms, 1s.., 10ms..1s") },
    [HS_TERM_THREAD] = { "thread", N_ ("“%s” is no such number; examples: 4711, 0x1a2b") },
    [HS_TERM_HEAP] = { "heap", N_ ("“%s” is no such number; examples: 4711, 0x1a2b") },
};

const char *hs_filter_term_name (enum hs_filter_term term)
{
    return terms[term].name;
}

const char *hs_filter_term_complaint (enum hs_filter_term term)
{
    return terms[term].complaint;
}

bool hs_filter_has_term (const struct hs_filter *filter, enum hs_filter_term term)
{
    switch (term) {
    case HS_TERM_FRAMES:
        return filter->frames[0] != '\0';
    case HS_TERM_MODULE:
        return filter->module[0] != '\0';
    case HS_TERM_SIZE:
        return filter->size_min != 0 || filter->size_max != UINT64_MAX;
    case HS_TERM_LIFETIME:
        return filter->lifetime_min != 0 || filter->lifetime_max != UINT64_MAX;
    case HS_TERM_THREAD:
        return filter->has_thread;
    case HS_TERM_HEAP:
        return filter->has_heap;
    case HS_N_TERMS:
        break;
    }
    return false;
}

void hs_filter_clear_term (struct hs_filter *filter, enum hs_filter_term term)
{
    switch (term) {
    case HS_TERM_FRAMES:
        memset (filter->frames, 0, sizeof filter->frames);
        break;
    case HS_TERM_MODULE:
        memset (filter->module, 0, sizeof filter->module);
        break;
    case HS_TERM_SIZE:
        filter->size_min = 0;
        filter->size_max = UINT64_MAX;
        break;
    case HS_TERM_LIFETIME:
        filter->lifetime_min = 0;
        filter->lifetime_max = UINT64_MAX;
        break;
    case HS_TERM_THREAD:
        filter->has_thread = false;
        break;
    case HS_TERM_HEAP:
        filter->has_heap = false;
        break;
    case HS_N_TERMS:
        break;
    }
}

/* Nanoseconds; up to 292 years. */
static bool parse_ns (const char *text, uint64_t *ret)
{
    double seconds;

    if (!hs_parse_seconds (text, &seconds) || seconds < 0 || seconds > 0x1p63 / 1e9)
        return false;
    *ret = (uint64_t)llround (seconds * 1e9);
    return true;
}

typedef bool parse_func (const char *text, uint64_t *ret);

/* "<10": up to 9. */
static bool parse_bound (const char *text, parse_func *parse, uint64_t *min, uint64_t *max)
{
    const bool is_upper = text[0] == '<', has_equal = text[1] == '=';
    uint64_t value;

    if (!parse (text + 1 + has_equal, &value))
        return false;
    if (is_upper && !has_equal && value == 0)
        return false;
    if (is_upper)
        *max = has_equal ? value : value - 1;
    else
        *min = has_equal ? value : value + 1;
    return true;
}

static bool parse_range (const char *text, parse_func *parse, uint64_t *ret_min, uint64_t *ret_max)
{
    uint64_t min = 0, max = UINT64_MAX;
    const char *dots = strstr (text, "..");
    char low[HS_FILTER_TEXT];
    bool is_right;

    if (text[0] == '<' || text[0] == '>') {
        is_right = parse_bound (text, parse, &min, &max);
    } else if (dots == NULL) {
        is_right = parse (text, &min);
        max = min;
    } else if ((size_t)(dots - text) >= sizeof low || (dots == text && dots[2] == '\0')) {
        is_right = false;
    } else {
        memcpy (low, text, (size_t)(dots - text));
        low[dots - text] = '\0';
        is_right =
            (low[0] == '\0' || parse (low, &min)) && (dots[2] == '\0' || parse (dots + 2, &max));
    }
    if (!is_right || min > max)
        return false;
    *ret_min = min;
    *ret_max = max;
    return true;
}

static bool parse_number (const char *text, uint64_t max, uint64_t *ret)
{
    const bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = is_hex ? text + 2 : text;
    unsigned long long value;
    char *end;

    if (digits[strspn (digits, is_hex ? "0123456789abcdefABCDEF" : "0123456789")] != '\0' ||
        digits[0] == '\0')
        return false;
    errno = 0;
    value = strtoull (digits, &end, is_hex ? 16 : 10);
    if (errno != 0 || value > max)
        return false;
    *ret = value;
    return true;
}

static bool set_text (char text[HS_FILTER_TEXT], const char *value)
{
    size_t n = strlen (value);

    if (n >= HS_FILTER_TEXT)
        return false;
    memset (text, 0, HS_FILTER_TEXT);
    memcpy (text, value, n);
    return true;
}

bool hs_filter_set_term (struct hs_filter *filter, enum hs_filter_term term, const char *value)
{
    uint64_t number;

    switch (term) {
    case HS_TERM_FRAMES:
        return set_text (filter->frames, value);
    case HS_TERM_MODULE:
        return set_text (filter->module, value);
    case HS_TERM_SIZE:
        return parse_range (value, hs_parse_bytes, &filter->size_min, &filter->size_max);
    case HS_TERM_LIFETIME:
        return parse_range (value, parse_ns, &filter->lifetime_min, &filter->lifetime_max);
    case HS_TERM_THREAD:
        if (!parse_number (value, UINT32_MAX, &number))
            return false;
        filter->has_thread = true;
        filter->thread = (uint32_t)number;
        return true;
    case HS_TERM_HEAP:
        if (!parse_number (value, UINT64_MAX, &number))
            return false;
        filter->has_heap = true;
        filter->heap = number;
        return true;
    case HS_N_TERMS:
        break;
    }
    return false;
}

/* The next word without its quotes, and where the rest begins; NULL at the end. */
static const char *next_word (const char *at, char word[VALUE_BYTES])
{
    bool is_quoted = false;
    size_t n = 0;

    while (*at == ' ' || *at == '\t')
        at++;
    if (*at == '\0')
        return NULL;
    for (; *at != '\0' && (is_quoted || (*at != ' ' && *at != '\t')); at++) {
        if (*at == '"')
            is_quoted = !is_quoted;
        else if (n + 1 < VALUE_BYTES)
            word[n++] = *at;
    }
    word[n] = '\0';
    return at;
}

/* The term a word is of; *ret_value is what comes after the colon. "std::string" is a name. */
static enum hs_filter_term term_of (const char *word, const char **ret_value)
{
    *ret_value = word;
    for (enum hs_filter_term term = 0; term < HS_N_TERMS; term++) {
        size_t n = strlen (terms[term].name);

        if (strncmp (word, terms[term].name, n) == 0 && word[n] == ':' && word[n + 1] != ':') {
            *ret_value = word + n + 1;
            return term;
        }
    }
    return HS_TERM_FRAMES;
}

static bool append_name (char names[VALUE_BYTES], const char *word)
{
    size_t n = strlen (names), n_word = strlen (word);

    if (n + n_word + 2 > VALUE_BYTES)
        return false;
    if (n > 0)
        names[n++] = ' ';
    memcpy (names + n, word, n_word + 1);
    return true;
}

static bool tell_wrong (enum hs_filter_term term, const char *value, struct hs_filter_wrong *ret)
{
    ret->term = term;
    (void)hs_text_from_utf8 ((struct hs_span){ (const uint8_t *)value, strlen (value) }, ret->value,
                             sizeof ret->value);
    return false;
}

bool hs_filter_set_words (struct hs_filter *filter, const char *words,
                          struct hs_filter_wrong *ret_wrong)
{
    char word[VALUE_BYTES], names[VALUE_BYTES] = "";
    struct hs_filter changed = *filter;
    const char *value;

    while ((words = next_word (words, word)) != NULL) {
        enum hs_filter_term term = term_of (word, &value);

        if (value[0] == '\0') /* its value is still to be typed */
            continue;
        if (term == HS_TERM_FRAMES ? append_name (names, value)
                                   : hs_filter_set_term (&changed, term, value))
            continue;
        return tell_wrong (term, value, ret_wrong);
    }
    if (names[0] != '\0' && !hs_filter_set_term (&changed, HS_TERM_FRAMES, names))
        return tell_wrong (HS_TERM_FRAMES, names, ret_wrong);
    *filter = changed;
    return true;
}
