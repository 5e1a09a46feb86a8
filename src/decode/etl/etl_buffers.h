/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Walks over the buffers of one ETL file: finds their headers, checks them, goes on behind damage
 * (formats/etl.md 1.1 to 1.3 and 10). Knows nothing of records. A growing file is walked as far as
 * it goes and later on from there.
 */
#ifndef HS_DECODE_ETL_ETL_BUFFERS_H
#define HS_DECODE_ETL_ETL_BUFFERS_H

#include "decode/etl/etl_header.h"

struct hs_etl_buffer {
    uint64_t offset; /* in the file */
    uint32_t size;   /* bytes in the file, at most what is there */
    uint32_t filled; /* bytes in use once unpacked, header included */
    int64_t sequence;
    int64_t flush_time; /* raw; another clock in merged files */
    uint16_t cpu;
    uint16_t logger;
    uint16_t flags;
    uint16_t run;      /* which of the sessions that were appended to each other */
    bool is_truncated; /* the file ends inside of it */
    bool is_header;
    bool has_records; /* not one of the kinds without */
};

struct hs_etl_walk {
    struct hs_source *source; /* borrowed */
    uint64_t next;            /* where the next header is looked for */
    uint64_t known_size;      /* at least so many bytes are there */
    uint64_t hinted;          /* headers up to here are on their way from the disk */
    uint64_t grid_start;      /* plain files: damage ends at grid_start + k * session_size */
    uint32_t session_size;
    uint64_t n_found;
    uint64_t n_blank; /* empty places since the last buffer */
    uint64_t blank_offset;
    uint16_t run;
    bool is_packed;     /* some buffer is */
    bool is_final;      /* a followed file that has been closed: its end is the end */
    bool has_odd_flags; /* noted once */
};

void hs_etl_walk_init (struct hs_etl_walk *walk, struct hs_source *source,
                       const struct hs_etl_log *log);

/* The next sound buffer. HS_END; HS_AGAIN: nothing was changed, call again when the file grew. */
enum hs_status hs_etl_walk_next (struct hs_etl_walk *walk, struct hs_note_pile *notes,
                                 struct hs_etl_buffer *ret, struct hs_error *err);

#endif
