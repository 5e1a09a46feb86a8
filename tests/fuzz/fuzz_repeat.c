/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target: the same bytes give the same events when they are read again, and when they arrive
 * in slices as from a growing file. Compiled once per format (HS_FUZZ_FORMAT).
 */
#include "event_text.h"

#include <stdio.h>
#include <stdlib.h>

#define ETL_MODE_AT 0x88 /* of the log file header, in the file */
#define ETL_CIRCULAR 2u

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void demand_same (const struct text_log *a, const struct text_log *b, const char *what)
{
    size_t at = 0;

    if (a->n == b->n && (a->n == 0 || memcmp (a->text, b->text, a->n) == 0))
        return;
    while (at < a->n && at < b->n && a->text[at] == b->text[at])
        at++;
    fprintf (stderr, "%s: events differ at byte %zu:\n%.400s\nand\n%.400s\n", what, at,
             a->text + at, b->text + at);
    __builtin_trap ();
}

static const struct hs_format *format_of (struct hs_span bytes)
{
    struct hs_decoder *decoder;
    const struct hs_format *format = NULL;

    if (hs_decoder_open_memory (bytes, &decoder, NULL) != HS_OK)
        return NULL;
    format = hs_decoder_format (decoder);
    hs_decoder_close (decoder);
    return strcmp (format->name, HS_FUZZ_FORMAT) == 0 ? format : NULL;
}

/* Packed bytes would be sliced before unpacking. What may still go on has no counterpart in slices:
 * a last line without an end, and a list of modules. */
static bool can_be_sliced (const struct hs_format *format, struct hs_span bytes)
{
    const uint8_t *last;

    if (format->probe (hs_span_part (bytes, 0, HS_PROBE_BYTES)) == 0)
        return false;
    if (strcmp (format->name, "etl") == 0) /* a circular log begins anywhere; formats/etl.md 1.4 */
        return (hs_span_u32_at (bytes, ETL_MODE_AT) & ETL_CIRCULAR) == 0;
    if (bytes.data[bytes.size - 1] != '\n')
        return false;
    last = memrchr (bytes.data, '\n', bytes.size - 1);
    return last == NULL || last[1] != 'm';
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct hs_span bytes = { data, size };
    struct text_log first = { 0 }, again = { 0 }, plain = { .leaves_out_facts = true };
    struct text_log slices = { .leaves_out_facts = true };
    const struct hs_format *format = format_of (bytes);
    uint64_t seed = size > 0 ? data[size / 2] + size : 1;
    struct hs_error err = { 0 };
    enum hs_status status;

    if (format == NULL)
        return 0;
    status = text_log_decode (&first, bytes, NULL);
    if (text_log_decode (&again, bytes, NULL) != status)
        __builtin_trap ();
    demand_same (&first, &again, "read again");
    if (status == HS_END && can_be_sliced (format, bytes)) {
        (void)text_log_decode (&plain, bytes, NULL);
        status = text_log_decode_growing (&slices, format, bytes, seed, &err);
        if (status != HS_AGAIN && status != HS_END) {
            fprintf (stderr, "in slices it ends with %d: %s\n", status, err.text);
            __builtin_trap ();
        }
        /* an ETL file that still lacks buffers holds back what others may come before */
        if (status == HS_AGAIN && strcmp (format->name, "etl") == 0 && slices.n < plain.n)
            plain.n = slices.n;
        /* nor does it wait for buffers that come too late: only sound ones are the same */
        if (strcmp (format->name, "etl") != 0 || first.n_notes == 0)
            demand_same (&plain, &slices, "read in slices");
    }
    text_log_clear (&first);
    text_log_clear (&again);
    text_log_clear (&plain);
    text_log_clear (&slices);
    return 0;
}
