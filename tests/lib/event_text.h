/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events as lines of text, for tests that compare what a decoder says; and a source that shows its
 * bytes little by little. One thread at a time.
 */
#ifndef HS_TESTS_LIB_EVENT_TEXT_H
#define HS_TESTS_LIB_EVENT_TEXT_H

#include "decode/decoder.h"

struct text_log {
    char *text; /* NUL-terminated once something was added */
    size_t n, capacity;
    bool leaves_out_facts; /* FACT and COUNT, which depend on where batches end */
    uint32_t n_notes;      /* cases counted by notes, whose lines are left out then as well */
};

/* Adds one line per event of the batch. */
void text_log_add (struct text_log *log, const struct hs_event_batch *batch);
void text_log_clear (struct text_log *log);

/* The lines that contain one of the words (ends with NULL), for free(). */
char *text_log_lines_with (const struct text_log *log, const char *const *words);

/* Decodes until the end; returns the last status (HS_END when all went well). A growing source
 * ends at HS_AGAIN. */
enum hs_status text_log_decode (struct text_log *log, struct hs_span bytes, struct hs_error *err);
enum hs_status text_log_run (struct text_log *log, struct hs_decoder *decoder,
                             struct hs_error *err);

struct late_field { /* bytes of a file that its writer fills in when it closes it */
    size_t offset, n;
};

/* A growing source over `bytes` of which `*visible` are there so far. `late` ends with n = 0 and
 * may be NULL: fields that read as 0 until everything is visible. */
enum hs_status growing_source_new (struct hs_span bytes, const size_t *visible,
                                   const struct late_field *late, struct hs_source **ret,
                                   struct hs_error *err);

/* Decodes with `format` while the bytes appear in slices of a size made up from `seed`. */
enum hs_status text_log_decode_growing (struct text_log *log, const struct hs_format *format,
                                        struct hs_span bytes, uint64_t seed, struct hs_error *err);

#endif
