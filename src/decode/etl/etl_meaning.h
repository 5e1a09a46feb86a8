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

/* How many events the batch must have room for before the next record. */
uint32_t hs_etl_meaning_room (const struct hs_etl_meaning *meaning);

/* Records come in time order. False when memory is out. */
bool hs_etl_meaning_record (struct hs_etl_meaning *meaning, const struct hs_etl_record *record);

/* Moves what the records set off to the batch; false when it is full. Before the next record. */
bool hs_etl_meaning_drain (struct hs_etl_meaning *meaning);

/* Counts, facts and gathered notes; false when the batch is full: call again with the next one. */
bool hs_etl_meaning_tell (struct hs_etl_meaning *meaning, uint64_t n_buffers);
bool hs_etl_meaning_has_news (const struct hs_etl_meaning *meaning); /* since all was told */

/* No more records: what waits gets what is known. Then drain and tell. False when memory is out. */
bool hs_etl_meaning_finish (struct hs_etl_meaning *meaning);

#endif
