/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON written straight to a stream, as much of it as reports need: no tree in memory, unsigned
 * 64-bit numbers, and strings and names that may hold NUL (pool tags do), none of which json-glib's
 * builder can. Keys are NULL inside arrays. One thread; write errors show in ferror (out).
 */
#ifndef HS_CLI_JSON_OUT_H
#define HS_CLI_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_MAX_DEPTH 32

struct json_out {
    FILE *out;
    int depth;
    int compact_depth; /* everything deeper stands on one line; 0 = nothing does */
    bool has_items[JSON_MAX_DEPTH];
};

enum json_layout {
    JSON_LINES,   /* one item per line */
    JSON_COMPACT, /* the whole thing on one line */
};

struct json_out json_begin (FILE *out);
void json_end (struct json_out *json); /* the final newline */

void json_begin_object (struct json_out *json, const char *key, enum json_layout layout);
void json_end_object (struct json_out *json);
void json_begin_array (struct json_out *json, const char *key, enum json_layout layout);
void json_end_array (struct json_out *json);

/* The next item is given to a member named by `n` bytes that may hold NUL. */
void json_begin_object_named (struct json_out *json, const char *name, size_t n);

void json_string (struct json_out *json, const char *key, const char *text); /* NULL: null */
void json_string_n (struct json_out *json, const char *key, const char *text, size_t n);
void json_int (struct json_out *json, const char *key, int64_t value);
void json_uint (struct json_out *json, const char *key, uint64_t value);
void json_double (struct json_out *json, const char *key, double value); /* not finite: null */
void json_bool (struct json_out *json, const char *key, bool value);
void json_null (struct json_out *json, const char *key);
void json_hex (struct json_out *json, const char *key, uint64_t value); /* "0x1f" */

#endif
