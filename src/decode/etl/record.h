/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One record of an ETL file, whatever its header, and the stream of them in time order.
 *
 * Container (buffers, compression, record headers, merge) on this side; meaning of payloads
 * (kernel, heap, stacks) on the other. Layouts: formats/etl.md sections 1 to 5.
 */
#ifndef HS_DECODE_ETL_RECORD_H
#define HS_DECODE_ETL_RECORD_H

#include "base/error.h"
#include "base/span.h"
#include "decode/source.h"
#include "event/event_batch.h"

#define HS_ETL_NO_ID UINT32_MAX
#define HS_ETL_NO_GROUP 0x100 /* a provider that is no system group: see `guid` */

enum hs_etl_record_kind {
    HS_ETL_CLASSIC, /* SYSTEM, COMPACT, PERFINFO, FULL_HEADER, INSTANCE */
    HS_ETL_EVENT,   /* EVENT_HEADER */
    HS_ETL_MESSAGE, /* WPP, MESSAGE, ERROR: no group; a guid when the message names one */
};

struct hs_etl_stack_item {    /* extended items 5, 6, 11, 12 of an EVENT_HEADER */
    struct hs_span addresses; /* leaf first; or one key */
    uint64_t match_id;
    uint8_t address_size; /* 4 or 8; 0 = the record has no such item: match_id is 0, too, and
                             the rest undefined */
    bool is_key;
};

struct hs_etl_record {
    int64_t time;             /* raw stamp; never decreases, see raw_time */
    int64_t raw_time;         /* as it stands in the file: differs when time ran backwards there */
    uint64_t file_offset;     /* of the record, or of its buffer when that was packed */
    uint32_t thread, process; /* HS_ETL_NO_ID when the header has none */
    uint16_t cpu;
    uint16_t file;  /* which of the joined files */
    uint16_t group; /* formats/etl.md 5, by header or GUID; HS_ETL_NO_GROUP otherwise */
    uint16_t version;
    uint16_t event_id; /* of an EVENT, or the number of a MESSAGE */
    uint8_t opcode;
    uint8_t pointer_size; /* 4 or 8: of this record's payload */
    uint8_t kind;         /* enum hs_etl_record_kind */
    uint8_t header_type;  /* the header's own number (formats/etl.md 3.1) */
    const uint8_t *guid;  /* 16 bytes as stored, NULL for records that only name a group */
    struct hs_span payload;
    struct hs_etl_stack_item stack;
};

/* The log file header record (formats/etl.md 1.4) of the first buffer. */
struct hs_etl_header {
    uint32_t buffer_size;
    uint8_t os_major, os_minor;
    uint32_t os_build;
    uint32_t n_processors;
    uint32_t mode;
    uint32_t buffers_written;
    uint32_t pointer_size;
    uint32_t events_lost, buffers_lost;
    uint32_t cpu_mhz;
    uint32_t clock; /* ReservedFlags: 1 QPC, 2 system time, 3 CPU cycles */
    int64_t perf_freq;
    int64_t start_filetime, end_filetime, boot_filetime;
    int64_t record_time; /* raw stamp of the header record: T0 */
    char session_name[512];
    char log_file_name[1024];
};

struct hs_etl_merge;

/*
 * Opens the files of one session and indexes their buffers. HS_UNSUPPORTED / HS_DAMAGED with a
 * sentence when the first buffer is no log file header. Sources stay the caller's.
 */
enum hs_status hs_etl_merge_open (struct hs_source *const *sources, size_t n_sources,
                                  struct hs_etl_merge **ret, struct hs_error *err);

/*
 * The next records of all chains in time order (k-way merge, ties: lower CPU first): one at least,
 * `max` at most. Valid until the next call. HS_AGAIN / HS_END / error as in format.h. Notes about
 * damage met on the way are added to `notes`, which must have room for HS_ETL_MERGE_NOTES events;
 * a record that gives cause for one comes alone.
 */
#define HS_ETL_MERGE_NOTES 32
enum hs_status hs_etl_merge_next (struct hs_etl_merge *merge, struct hs_event_batch *notes,
                                  size_t max, struct hs_etl_record *ret, size_t *ret_n,
                                  struct hs_error *err);

/* Header of the first file. */
const struct hs_etl_header *hs_etl_merge_header (const struct hs_etl_merge *merge);
uint64_t hs_etl_merge_n_buffers (const struct hs_etl_merge *merge); /* found so far, all files */
double hs_etl_merge_progress (const struct hs_etl_merge *merge);
void hs_etl_merge_close (struct hs_etl_merge *merge);

/* Group of a class GUID, HS_ETL_NO_GROUP if none; and its name in `summary` ("Heap", "group42"). */
uint16_t hs_etl_group_of_guid (const uint8_t guid[16]);
const char *hs_etl_group_name (uint16_t group, char buffer[16]);

#endif
