/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target: the same bytes give the same events when they are read again, and when they arrive
 * in slices as from a growing file. Compiled once per format (HS_FUZZ_FORMAT).
 */
#include "event_text.h"

#include <stdio.h>
#include <stdlib.h>

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

    if (format->probe (hs_span_part (bytes, 0, HS_PROBE_BYTES)) == 0 ||
        bytes.data[bytes.size - 1] != '\n')
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
    enum hs_status status;

    if (format == NULL)
        return 0;
    status = text_log_decode (&first, bytes, NULL);
    if (text_log_decode (&again, bytes, NULL) != status)
        __builtin_trap ();
    demand_same (&first, &again, "read again");
    if (status == HS_END && can_be_sliced (format, bytes)) {
        (void)text_log_decode (&plain, bytes, NULL);
        status = text_log_decode_growing (&slices, format, bytes, seed, NULL);
        if (status != HS_AGAIN)
            __builtin_trap ();
        demand_same (&plain, &slices, "read in slices");
    }
    text_log_clear (&first);
    text_log_clear (&again);
    text_log_clear (&plain);
    text_log_clear (&slices);
    return 0;
}
