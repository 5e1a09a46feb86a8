/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines and fields of heaptrack files; see heaptrack_lines.h. */
#include "decode/heaptrack_lines.h"

#include "base/limits.h"
#include "base/memory.h"

#define BUFFER_BYTES (2u * HS_LIMIT_LINE_BYTES) /* a line within its limit always fits */

const uint8_t hs_hex_values[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

/* Moves the unread rest to the front and reads behind it. */
static enum hs_status read_more (struct hs_lines *lines, struct hs_error *err)
{
    size_t got = 0;
    enum hs_status status;

    if (lines->bytes == NULL)
        lines->bytes = hs_alloc_array (BUFFER_BYTES + 1, 1);
    if (lines->bytes == NULL)
        return hs_error_no_memory (err);
    if (lines->at > 0) {
        memmove (lines->bytes, lines->bytes + lines->at, lines->n - lines->at);
        lines->offset += lines->at;
        lines->n -= lines->at;
        lines->at = lines->end = 0;
    }
    status = hs_source_read (lines->source, lines->offset + lines->n, lines->bytes + lines->n,
                             BUFFER_BYTES - lines->n, &got, err);
    lines->n += got;
    return status;
}

/* Leaves out what belongs to a line that is too long. */
static void skip_long_line (struct hs_lines *lines)
{
    const uint8_t *newline;

    if (!lines->is_skipping && lines->n - lines->at > HS_LIMIT_LINE_BYTES) {
        lines->is_skipping = true;
        lines->n_too_long++;
    }
    if (!lines->is_skipping)
        return;
    newline = memchr (lines->bytes + lines->at, '\n', lines->n - lines->at);
    lines->is_skipping = newline == NULL;
    lines->at = newline == NULL ? lines->n : (size_t)(newline + 1 - lines->bytes);
}

/* The last line of a file that does not end with a newline gets one. */
static enum hs_status close_last_line (struct hs_lines *lines)
{
    lines->has_ended = true;
    if (lines->at == lines->n)
        return HS_END;
    lines->bytes[lines->n++] = '\n'; /* one byte more than is ever read was allocated */
    lines->end = lines->n;
    lines->is_last_open = true;
    return HS_OK;
}

enum hs_status hs_lines_fill (struct hs_lines *lines, struct hs_error *err)
{
    while (lines->at == lines->end) {
        const uint8_t *newline;
        enum hs_status status;

        if (lines->has_ended)
            return HS_END;
        status = read_more (lines, err);
        if (status == HS_END)
            return close_last_line (lines);
        if (status != HS_OK)
            return status;
        newline = memrchr (lines->bytes + lines->at, '\n', lines->n - lines->at);
        if (newline == NULL || lines->is_skipping) {
            skip_long_line (lines);
            lines->end = lines->at;
            newline = memrchr (lines->bytes + lines->at, '\n', lines->n - lines->at);
        }
        if (newline != NULL)
            lines->end = (size_t)(newline + 1 - lines->bytes);
    }
    return HS_OK;
}

void hs_lines_clear (struct hs_lines *lines)
{
    hs_free (lines->bytes);
    *lines = (struct hs_lines){ 0 };
}

/* The field has ended: takes the blank that separates it from the next. */
static void end_field (struct hs_fields *fields)
{
    if (fields->at < fields->end && *fields->at++ != ' ')
        fields->is_bad = true;
}

uint64_t hs_fields_number (struct hs_fields *fields)
{
    uint64_t value;

    /* The byte at `end` is the newline, so the scan ends there at the latest. */
    if (fields->is_bad || !hs_hex_scan (&fields->at, &value)) {
        fields->is_bad = true;
        return 0;
    }
    end_field (fields);
    return value;
}

uint32_t hs_fields_index (struct hs_fields *fields)
{
    uint64_t value = hs_fields_number (fields);

    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static struct hs_span take_string (struct hs_fields *fields, size_t n)
{
    struct hs_span text = { fields->at, n };

    fields->at += n;
    end_field (fields);
    return text;
}

struct hs_span hs_fields_sized (struct hs_fields *fields)
{
    uint64_t length = hs_fields_number (fields);

    if (fields->is_bad || length > (size_t)(fields->end - fields->at)) {
        fields->is_bad = true;
        return (struct hs_span){ fields->at, 0 };
    }
    return take_string (fields, (size_t)length);
}

struct hs_span hs_fields_word (struct hs_fields *fields)
{
    size_t rest = (size_t)(fields->end - fields->at);
    const uint8_t *blank = memchr (fields->at, ' ', rest);

    return take_string (fields, blank != NULL ? (size_t)(blank - fields->at) : rest);
}

struct hs_span hs_fields_rest (struct hs_fields *fields)
{
    return take_string (fields, (size_t)(fields->end - fields->at));
}
