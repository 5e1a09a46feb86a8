/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The records of one buffer in memory (formats/etl.md 1.6 and 3): one pass that checks markers and
 * sizes and lists them, then decoding one header after the other from that list. Owns nothing but
 * the list; knows no files.
 */
#ifndef HS_DECODE_ETL_ETL_RECORDS_H
#define HS_DECODE_ETL_ETL_RECORDS_H

#include "base/array.h"
#include "decode/etl/record.h"
#include "decode/note_pile.h"

/* What the pass has checked, so that decoding need not. */
struct hs_etl_entry {
    int64_t time;
    uint32_t at; /* in the buffer */
    uint16_t size;
    uint8_t type;   /* ETL_SYSTEM32 … or ETL_WPP */
    uint8_t header; /* bytes in front of payload or extended items */
};

/* Raw stamps outside cannot be: such a record takes the time of the one before it. */
struct hs_etl_time_range {
    int64_t first;
    uint64_t length;
};

struct hs_etl_page { /* one unpacked buffer with its list; zeroed = empty */
    uint8_t *bytes;
    uint32_t capacity;
    uint32_t filled; /* bytes of `bytes` that hold records, header included */
    uint64_t offset; /* of the buffer in the file */
    uint16_t cpu;
    uint16_t file;   /* which of the joined files */
    bool was_packed; /* then offsets of records in the file do not exist */
    bool is_truncated;
    HS_ARRAY (struct hs_etl_entry) entries;
    size_t next; /* first entry that has not been delivered */
};

/*
 * Lists the records in order of time (stable). `last_time`: of the record before this buffer; for
 * messages without a time. Stops at damage with a note. HS_NO_MEMORY only.
 */
enum hs_status hs_etl_page_scan (struct hs_etl_page *page, int64_t last_time,
                                 const struct hs_etl_time_range *range, struct hs_note_pile *notes,
                                 struct hs_error *err);

/* Decodes the headers of the next records that are not later than `until`: one at least, `max` at
 * most, only one if that gives cause for a note. Returns how many. There must be a next record. */
size_t hs_etl_page_take (struct hs_etl_page *page, int64_t until, size_t max,
                         struct hs_note_pile *notes, struct hs_etl_record *ret);

void hs_etl_page_clear (struct hs_etl_page *page);

#endif
