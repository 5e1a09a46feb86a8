/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The container side of the ETL encoder: buffers, record headers, the log file header.
 * Layouts: formats/etl.md sections 1, 3 and 12. Knows nothing of what records mean.
 *
 * Failure is sticky: after the first one records go nowhere, hs_etl_writer_status says why, and
 * nobody has to test in between. One thread at a time.
 */
#ifndef HS_ENCODE_ETL_WRITER_H
#define HS_ENCODE_ETL_WRITER_H

#include "base/error.h"
#include "event/heap_event.h"

#include <stdbool.h>
#include <stddef.h>

#define HS_ETL_BUFFER_BYTES 0x10000u
#define HS_ETL_BUFFER_HEADER_BYTES 0x48u
/* The largest header is EVENT_HEADER64's; a record never crosses a buffer. */
#define HS_ETL_PAYLOAD_BYTES (HS_ETL_BUFFER_BYTES - HS_ETL_BUFFER_HEADER_BYTES - 0x50u)
#define HS_ETL_NONE UINT32_MAX

/* Raw stamp of the header record, so that tick 0 is not raw 0. */
#define HS_ETL_T0 INT64_C (1000000000)

struct hs_etl_writer {
    int fd;
    uint8_t *buffer;    /* HS_ETL_BUFFER_BYTES */
    uint32_t used;      /* of buffer, 0 = no buffer begun */
    uint64_t n_buffers; /* written, the header buffer too */
    uint64_t n_records;
    int64_t last_stamp; /* raw, of the record before; stamps never decrease */
    bool has_lost;      /* flag the next buffer: records were lost before it */
    bool has_failed;
    struct hs_error error;
};

struct hs_etl_header_fields {
    int64_t start_filetime;
    int64_t end_filetime;
    uint32_t events_lost;
    const char *log_file_name; /* UTF-8 */
};

/* A payload whose size is not known beforehand: what does not fit is cut. */
struct hs_etl_payload {
    uint8_t bytes[HS_ETL_PAYLOAD_BYTES];
    uint32_t n;
    bool is_cut;
};

/* Creates `path`, or empties it. */
enum hs_status hs_etl_writer_open (struct hs_etl_writer *writer, const char *path,
                                   struct hs_error *err);

/* The header buffer, to be written before any record. */
void hs_etl_writer_header (struct hs_etl_writer *writer, const struct hs_etl_header_fields *fields);

/* Writes the current buffer though it is not full: every buffer takes its whole size in the file.
 */
void hs_etl_writer_flush (struct hs_etl_writer *writer);

/* Flushes the last buffer, patches the header, closes the file. */
enum hs_status hs_etl_writer_finish (struct hs_etl_writer *writer,
                                     const struct hs_etl_header_fields *fields,
                                     struct hs_error *err);

/* Frees and closes; the file stays as it is. */
void hs_etl_writer_clear (struct hs_etl_writer *writer);

/* HS_OK or the first failure. */
enum hs_status hs_etl_writer_status (const struct hs_etl_writer *writer, struct hs_error *err);
void hs_etl_writer_fail (struct hs_etl_writer *writer, const struct hs_error *error);
void hs_etl_writer_fail_memory (struct hs_etl_writer *writer);

/*
 * Each begins and completes a record of `n_payload` bytes (at most HS_ETL_PAYLOAD_BYTES) at
 * writer->last_stamp and lends the payload, which the caller must fill at once.
 * `hook` = group << 8 | opcode.
 */
uint8_t *hs_etl_system_record (struct hs_etl_writer *writer, uint16_t hook, uint8_t version,
                               uint32_t pid, uint32_t tid, uint32_t n_payload);
uint8_t *hs_etl_perfinfo_record (struct hs_etl_writer *writer, uint16_t hook, uint8_t version,
                                 uint32_t n_payload);
uint8_t *hs_etl_full_record (struct hs_etl_writer *writer, const uint8_t guid[16], uint8_t opcode,
                             uint32_t pid, uint32_t n_payload);
uint8_t *hs_etl_event_record (struct hs_etl_writer *writer, const uint8_t guid[16],
                              uint16_t event_id, uint32_t pid, uint32_t tid, uint32_t n_payload);

void hs_etl_put_u8 (struct hs_etl_payload *payload, uint8_t value);
void hs_etl_put_u16 (struct hs_etl_payload *payload, uint16_t value);
void hs_etl_put_u32 (struct hs_etl_payload *payload, uint32_t value);
void hs_etl_put_u64 (struct hs_etl_payload *payload, uint64_t value);
void hs_etl_put_bytes (struct hs_etl_payload *payload, const void *bytes, uint32_t n);
void hs_etl_put_zeros (struct hs_etl_payload *payload, uint32_t n);

/* NUL-terminated; at most `max` bytes with the NUL, cut at a whole character. */
void hs_etl_put_ansi (struct hs_etl_payload *payload, struct hs_text text, uint32_t max);
void hs_etl_put_utf16 (struct hs_etl_payload *payload, struct hs_text text, uint32_t max);

/* u16 length and UTF-8 bytes, at most `max` of them: `str` of event/own_provider.h. */
void hs_etl_put_text (struct hs_etl_payload *payload, struct hs_text text, uint32_t max);

#endif
