/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The log file header: first record of the first buffer (formats/etl.md 1.4), which makes a file
 * an ETL file, and what follows from it (clock, time range). Reads nothing behind the first buffer.
 */
#ifndef HS_DECODE_ETL_ETL_HEADER_H
#define HS_DECODE_ETL_ETL_HEADER_H

#include "decode/etl/record.h"
#include "decode/note_pile.h"

struct hs_etl_log {
    struct hs_etl_header header;
    uint32_t first_buffer_size; /* bytes in the file, may be smaller than header.buffer_size */
    uint32_t packing;           /* ETL_PACKING_*; means something when mode has ETL_MODE_PACKED */
};

/*
 * HS_AGAIN: a growing file that does not hold its first buffer yet. HS_UNSUPPORTED: no ETL file,
 * or one that is packed in a way not read here. HS_DAMAGED: an ETL file with a damaged head.
 */
enum hs_status hs_etl_log_read (struct hs_source *source, struct hs_etl_log *ret,
                                struct hs_error *err);

/* What is odd about the header but does not keep the file from being read. */
void hs_etl_log_note (const struct hs_etl_log *log, struct hs_note_pile *notes);

/* > 0 */
uint64_t hs_etl_ticks_per_second (const struct hs_etl_header *header);

/* Whether raw time stamps of both files count the same ticks; if not, HS_UNSUPPORTED and why. */
enum hs_status hs_etl_header_compare_clocks (const struct hs_etl_header *a,
                                             const struct hs_etl_header *b, struct hs_error *err);

#endif
