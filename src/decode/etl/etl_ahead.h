/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unpacks buffers on a thread of its own while the records of earlier ones are read. What it does
 * to a page depends on nothing but the job, so a page is the same whoever made it; and one that
 * would be worth a note is left to the caller, who notes it at the moment when he would have come
 * to it.
 *
 * The caller's functions are for one thread. A page belongs to the job between give and take.
 */
#ifndef HS_DECODE_ETL_ETL_AHEAD_H
#define HS_DECODE_ETL_ETL_AHEAD_H

#include "decode/etl/etl_records.h"

struct hs_etl_job {
    /* the caller's, filled in before give */
    struct hs_etl_page page; /* with room for header and records; owned by the caller */
    uint8_t *packed;         /* the same */
    size_t packed_capacity;
    size_t n_packed, n_wanted; /* bytes, without header */
    int64_t last_time;         /* as hs_etl_page_scan */
    struct hs_etl_time_range range;
    uint64_t n_bytes; /* of the page, as it was counted; not looked at here */
    /* set by the thread */
    bool is_clean; /* unpacked as announced, nothing to note: the page is complete */
    /* private */
    bool is_given, is_done;
    struct hs_etl_job *next;
};

struct hs_etl_ahead;

/* NULL where there is no memory, no thread or no second processor: then unpack without. */
struct hs_etl_ahead *hs_etl_ahead_new (void);
/* Waits for the job at hand; others given are not done any more. NULL is allowed. */
void hs_etl_ahead_free (struct hs_etl_ahead *ahead);

void hs_etl_ahead_give (struct hs_etl_ahead *ahead, struct hs_etl_job *job);
/* Waits until a job that was given is done; the page is the caller's again. */
void hs_etl_ahead_take (struct hs_etl_ahead *ahead, struct hs_etl_job *job);

#endif
