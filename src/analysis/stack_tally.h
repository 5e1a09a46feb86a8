/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one scan of rows adds up per stack slot: the work of stack_sums.c. Rows are added up per
 * slot; slots become stacks at the end, when there are far fewer of them than rows. What rows born
 * before the range add and what those born in it add lie apart, 32 bytes a slot each: all that is
 * touched at a time stays in the second cache, and a row costs one line of it.
 */
#ifndef HS_ANALYSIS_STACK_TALLY_H
#define HS_ANALYSIS_STACK_TALLY_H

#include "analysis/stack_sums.h"

struct hs_tally_inside { /* of rows born in the range */
    uint64_t aifi_bytes, aifo_bytes;
    uint32_t aifi_count, aifo_count;
    uint32_t temporary;
    hs_row_no row; /* the newest that was looked at */
};

struct hs_tally_before { /* of rows born before it, that had not ended by then */
    uint64_t bytes[2];   /* AOFI, AOFO */
    uint32_t count[2];
    hs_row_no row;
};

struct hs_tally_peak {
    uint64_t bytes;
    uint32_t count;
    hs_row_no row;
};

struct hs_tally_unsure {
    uint64_t bytes, count;
};

struct hs_stack_tally {
    struct hs_scan scan;
    enum hs_stacks_of stacks_of;
    hs_event_no peak_event;
    bool has_kept_peak, has_kept_whole; /* the index has them */
    hs_row_no peak_rows; /* rows born up to the peak; 0 when the index knows what lived then */
    uint32_t n_slots, n_processes;
    /* n_slots, then one per process for rows without a stack, then (of ends) one per process for
     * rows that have not ended */
    size_t n_places;
    struct hs_tally_inside *inside;
    struct hs_tally_before *before;
    struct hs_tally_peak *peak;
    struct hs_tally_unsure *unsure; /* NULL without gaps */
    uint8_t *context_at_peak;       /* per context: its process had not ended at the peak */
};

/* Adds up all rows; `scan`, `stacks_of`, what is said of the peak and n_processes are set. To be
 * cleared after a failure, too. */
enum hs_status hs_stack_tally (struct hs_stack_tally *tally, const struct hs_cancel *cancel,
                               struct hs_error *err);
/* But for `scan`. */
void hs_stack_tally_clear (struct hs_stack_tally *tally);

/* stack_unsure.c: blocks of `unsure`, after the others. */
enum hs_status hs_stack_tally_unsure (struct hs_stack_tally *tally, const struct hs_cancel *cancel,
                                      struct hs_error *err);

/* The place of a row by who allocated it. */
static inline size_t hs_tally_birth_place (const struct hs_stack_tally *tally, uint32_t stack,
                                           hs_process_id process)
{
    size_t at = stack & HS_ROW_SLOT_MASK;

    return at == HS_NO_STACK || at >= tally->n_slots ? (size_t)tally->n_slots + process : at;
}

/* And by who freed it. */
static inline size_t hs_tally_end_place (const struct hs_stack_tally *tally, hs_row_no row,
                                         hs_event_no ended, hs_process_id process)
{
    size_t at;

    if (ended >= tally->scan.snapshot.n_events)
        return (size_t)tally->n_slots + tally->n_processes + process;
    at = hs_rows_end_stack (tally->scan.snapshot.rows, row);
    return at == HS_NO_STACK || at >= tally->n_slots ? (size_t)tally->n_slots + process : at;
}

#endif
