/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ETL files made by hand, byte by byte after formats/etl.md 1 to 3, and what the container reader
 * (decode/etl/record.h) says of them. For Check programs: what cannot be fails the test. Not for
 * payloads: those are made in etl_maker.h.
 */
#ifndef TESTS_LIB_HANDMADE_ETL_H
#define TESTS_LIB_HANDMADE_ETL_H

#include "decode/etl/record.h"

#define ETL_SIZE 0x400u /* of every buffer: the smallest a session can have */
#define ETL_HEAD 0x48u
#define ETL_T0 1000000
#define ETL_MAX_BUFFERS 16
#define ETL_MAX_RECORDS 256

struct etl_file {
    uint8_t bytes[ETL_MAX_BUFFERS * ETL_SIZE];
    size_t n; /* bytes, whole buffers */
};

struct etl_seen {
    struct hs_etl_record records[ETL_MAX_RECORDS]; /* spans dangle: only sizes may be looked at */
    size_t n;
    uint64_t n_buffers;
    uint32_t notes[HS_N_NOTE_KINDS];
    enum hs_status status;
    struct hs_error err;
};

/* The log file header (type 1 or 2) and nothing else. To be freed. */
struct etl_file *etl_new_file (unsigned header_type);
uint8_t *etl_log_of (struct etl_file *maker); /* the payload of the header record */

void etl_begin_buffer (struct etl_file *maker, unsigned cpu, unsigned sequence);
uint8_t *etl_last_buffer (struct etl_file *maker);

/* Room for a record of `size` bytes in the last buffer; the gap behind it holds rubbish. */
uint8_t *etl_add_bytes (struct etl_file *maker, size_t size);

/* A PERFINFO64 record of group 10 (Heap) whose opcode tells it from others. */
uint8_t *etl_add_perf (struct etl_file *maker, int64_t time, unsigned opcode, size_t payload);

/* Packs the last buffer with XPRESS, without matches. */
void etl_pack_last (struct etl_file *maker);

/* Reads until nothing comes; adds to `seen`. */
void etl_drain (struct hs_etl_merge *merge, struct etl_seen *seen);

/* Reads `n` bytes in memory of exactly that size. The result is to be freed. */
struct etl_seen *etl_read_bytes (const uint8_t *bytes, size_t n);
struct etl_seen *etl_read_file (struct etl_file *maker); /* and frees it */

uint32_t etl_n_issues (const struct etl_seen *seen);

/* The opcodes behind the log file header record, in the order of delivery. */
void etl_expect_opcodes (const struct etl_seen *seen, const char *wanted);

#endif
