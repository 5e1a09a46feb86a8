/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The meaning of ETL records: record after record in, events out. Knows nothing of buffers and
 * files (record.h gives the records) and applies no rule to blocks (the trace does). One thread.
 */
#ifndef HS_DECODE_ETL_ETL_MEANING_H
#define HS_DECODE_ETL_ETL_MEANING_H

#include "decode/etl/record.h"

struct hs_etl_meaning;

/* NULL when memory is out. */
struct hs_etl_meaning *hs_etl_meaning_new (const struct hs_etl_header *header);
void hs_etl_meaning_free (struct hs_etl_meaning *meaning);

/* All events go to `batch` (just reset) until the next begin. The first one gets the clock and
 * what the header says. */
void hs_etl_meaning_begin (struct hs_etl_meaning *meaning, struct hs_event_batch *batch);

/* Whether the batch has room for what the next record may say, and for notes of the merge. */
bool hs_etl_meaning_has_room (const struct hs_etl_meaning *meaning);

/* Takes in records, in time order: the first, for which there must be room, and as many more as
 * the batch has room for. *ret_n of them are done. False when memory is out. */
bool hs_etl_meaning_read (struct hs_etl_meaning *meaning, const struct hs_etl_record *records,
                          size_t n, size_t *ret_n);

/* Moves what the records set off to the batch; false when it is full. Before the next record. */
bool hs_etl_meaning_drain (struct hs_etl_meaning *meaning);

/* Counts, facts and gathered notes; false when the batch is full: call again with the next one. */
bool hs_etl_meaning_tell (struct hs_etl_meaning *meaning, uint64_t n_buffers);
bool hs_etl_meaning_has_news (const struct hs_etl_meaning *meaning); /* since all was told */

/* No more records: what waits gets what is known. Then drain and tell. False when memory is out. */
bool hs_etl_meaning_finish (struct hs_etl_meaning *meaning);

#endif
