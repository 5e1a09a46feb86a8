/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON to a stream; see json_out.h. */
#include "cli/json_out.h"

#include <glib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool is_compact (const struct json_out *json)
{
    return json->compact_depth > 0 && json->depth >= json->compact_depth;
}

static void new_line (const struct json_out *json)
{
    (void)fputc ('\n', json->out);
    for (int i = 0; i < json->depth; i++)
        (void)fputc (' ', json->out);
}

/* Bytes as a JSON string. What is not UTF-8 is read as Latin-1, so that nothing gets lost. */
static void put_string (FILE *out, const char *text, size_t n)
{
    (void)fputc ('"', out);
    while (n > 0) {
        gunichar c = g_utf8_get_char_validated (text, (gssize)n);
        size_t length;

        if (*text == '\0')
            c = 0; /* GLib takes NUL for an end */
        if (c == (gunichar)-1 || c == (gunichar)-2) {
            (void)fprintf (out, "\\u%04x", (unsigned char)*text);
            length = 1;
        } else {
            length = c == 0 ? 1 : (size_t)g_utf8_skip[(unsigned char)*text];
            if (c == '"' || c == '\\')
                (void)fprintf (out, "\\%c", (char)c);
            else if (c < 0x20 || c == 0x7f)
                (void)fprintf (out, "\\u%04x", c);
            else
                (void)fwrite (text, 1, length, out);
        }
        text += length;
        n -= length;
    }
    (void)fputc ('"', out);
}

/* Comma, line and key before an item. */
static void begin_item (struct json_out *json, const char *key, size_t n)
{
    bool *has_items = &json->has_items[json->depth];

    if (*has_items)
        (void)fputs (is_compact (json) ? ", " : ",", json->out);
    *has_items = true;
    if (json->depth > 0 && !is_compact (json))
        new_line (json);
    if (key != NULL) {
        put_string (json->out, key, n);
        (void)fputs (": ", json->out);
    }
}

static void begin_value (struct json_out *json, const char *key)
{
    begin_item (json, key, key != NULL ? strlen (key) : 0);
}

static void begin_level (struct json_out *json, char bracket, enum json_layout layout)
{
    (void)fputc (bracket, json->out);
    g_assert (json->depth + 1 < JSON_MAX_DEPTH);
    json->has_items[++json->depth] = false;
    if (layout == JSON_COMPACT && json->compact_depth == 0)
        json->compact_depth = json->depth;
}

static void end_level (struct json_out *json, char bracket)
{
    bool was_compact = is_compact (json), had_items = json->has_items[json->depth];

    if (json->compact_depth == json->depth)
        json->compact_depth = 0;
    json->depth--;
    if (had_items && !was_compact)
        new_line (json);
    (void)fputc (bracket, json->out);
}

struct json_out json_begin (FILE *out)
{
    return (struct json_out){ .out = out };
}

void json_end (struct json_out *json)
{
    (void)fputc ('\n', json->out);
    json->has_items[0] = false;
}

void json_begin_object (struct json_out *json, const char *key, enum json_layout layout)
{
    begin_value (json, key);
    begin_level (json, '{', layout);
}

void json_end_object (struct json_out *json)
{
    end_level (json, '}');
}

void json_begin_array (struct json_out *json, const char *key, enum json_layout layout)
{
    begin_value (json, key);
    begin_level (json, '[', layout);
}

void json_end_array (struct json_out *json)
{
    end_level (json, ']');
}

void json_begin_object_named (struct json_out *json, const char *name, size_t n)
{
    begin_item (json, name, n);
    begin_level (json, '{', JSON_COMPACT);
}

void json_string (struct json_out *json, const char *key, const char *text)
{
    if (text != NULL)
        json_string_n (json, key, text, strlen (text));
    else
        json_null (json, key);
}

void json_string_n (struct json_out *json, const char *key, const char *text, size_t n)
{
    begin_value (json, key);
    put_string (json->out, text, n);
}

void json_int (struct json_out *json, const char *key, int64_t value)
{
    begin_value (json, key);
    (void)fprintf (json->out, "%" PRId64, value);
}

void json_uint (struct json_out *json, const char *key, uint64_t value)
{
    begin_value (json, key);
    (void)fprintf (json->out, "%" PRIu64, value);
}

void json_double (struct json_out *json, const char *key, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (!isfinite (value)) {
        json_null (json, key);
        return;
    }
    /* 15 digits read better; 17 always come back as the same number */
    g_ascii_formatd (text, sizeof text, "%.15g", value);
    if (g_ascii_strtod (text, NULL) != value)
        g_ascii_dtostr (text, sizeof text, value);
    begin_value (json, key);
    (void)fputs (text, json->out);
}

void json_bool (struct json_out *json, const char *key, bool value)
{
    begin_value (json, key);
    (void)fputs (value ? "true" : "false", json->out);
}

void json_null (struct json_out *json, const char *key)
{
    begin_value (json, key);
    (void)fputs ("null", json->out);
}

void json_hex (struct json_out *json, const char *key, uint64_t value)
{
    begin_value (json, key);
    (void)fprintf (json->out, "\"0x%" PRIx64 "\"", value);
}
