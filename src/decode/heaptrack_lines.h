/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines of a text file and the fields of a heaptrack line: hexadecimal numbers and strings.
 * Grammar: formats/heaptrack.md section 1. One thread at a time.
 */
#ifndef HS_DECODE_HEAPTRACK_LINES_H
#define HS_DECODE_HEAPTRACK_LINES_H

#include "decode/source.h"

/* Reads a source in large pieces and lends the whole lines in them. */
struct hs_lines {
    struct hs_source *source; /* the caller's */
    uint8_t *bytes;           /* owned */
    size_t at;                /* first byte not yet read */
    size_t end;               /* just behind the last newline: whole lines end here */
    size_t n;                 /* bytes there are */
    uint64_t offset;          /* of bytes[0] in the source */
    uint64_t n_too_long;      /* lines over HS_LIMIT_LINE_BYTES that were left out */
    bool is_skipping;         /* in such a line */
    bool has_ended;
    bool is_last_open; /* the last line had no newline and was given one */
};

/*
 * Makes at = the begin of a whole line, which ends with a newline before `end`. HS_AGAIN, HS_END or
 * an error otherwise. Lines already lent move.
 */
enum hs_status hs_lines_fill (struct hs_lines *lines, struct hs_error *err);
void hs_lines_clear (struct hs_lines *lines);

/* A cursor over the fields of one line. */
struct hs_fields {
    const uint8_t *at, *end;
    bool is_bad; /* sticky */
};

/* A digit's value + 1; 0 for what is no digit. */
extern const uint8_t hs_hex_values[256];

/* Reads digits up to the first other byte, which must exist; false: none, or over 16 of them. */
static inline bool hs_hex_scan (const uint8_t **at, uint64_t *ret)
{
    const uint8_t *digit = *at;
    uint64_t value = 0;
    uint8_t nibble;

    while ((nibble = hs_hex_values[*digit]) != 0) {
        value = value << 4 | (uint64_t)(nibble - 1);
        digit++;
    }
    if (digit == *at || digit - *at > 16)
        return false;
    *at = digit;
    *ret = value;
    return true;
}

static inline bool hs_fields_are_over (const struct hs_fields *fields)
{
    return fields->is_bad || fields->at == fields->end;
}

/* The next number and the blank behind it. 0 and is_bad when there is none. */
uint64_t hs_fields_number (struct hs_fields *fields);

/* As hs_fields_number, UINT32_MAX when it does not fit: for indexes, of which none is so large. */
uint32_t hs_fields_index (struct hs_fields *fields);

/* The next string and the blank behind it: sized (file version 3), or up to the next blank. */
struct hs_span hs_fields_sized (struct hs_fields *fields);
struct hs_span hs_fields_word (struct hs_fields *fields);
struct hs_span hs_fields_rest (struct hs_fields *fields);

#endif
