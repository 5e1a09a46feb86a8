/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The container side of the .hst encoder: file header, chunks, footer and trailer
 * (decode/hst/FORMAT.md sections 2, 3 and 7). Knows nothing of what chunks hold.
 *
 * Failure is sticky: after the first one chunks go nowhere and hs_hst_writer_status says why.
 * One thread at a time.
 */
#ifndef HS_ENCODE_HST_WRITER_H
#define HS_ENCODE_HST_WRITER_H

#include "base/array.h"
#include "base/error.h"
#include "base/span.h"
#include "event/hst_layout.h"

/* Bytes on their way to a chunk. Growing; a failure to grow is sticky. */
struct hs_hst_bytes {
    uint8_t *items;
    size_t n, capacity;
    bool has_failed;
};

/* Room for `n` more bytes, which the caller fills and counts; NULL when memory is out. */
uint8_t *hs_hst_bytes_room (struct hs_hst_bytes *bytes, size_t n);
void hs_hst_bytes_put (struct hs_hst_bytes *bytes, const void *from, size_t n);
void hs_hst_bytes_put_u8 (struct hs_hst_bytes *bytes, uint8_t value);
void hs_hst_bytes_put_varint (struct hs_hst_bytes *bytes, uint64_t value);
void hs_hst_bytes_put_zigzag (struct hs_hst_bytes *bytes, int64_t value);

/* LEB128; returns the place behind it. */
static inline uint8_t *hs_hst_write_varint (uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

struct hs_hst_entry { /* one line of the footer's directory */
    uint64_t offset;
    uint64_t first_event;
    int64_t first_time, last_time;
    uint32_t n_stored;
    uint16_t type, flags;
};

struct hs_hst_chunk {
    struct hs_span payload;
    uint64_t first_event;
    int64_t first_time, last_time;
    uint32_t n_block_events;
    uint16_t type, flags;
};

struct hs_hst_writer {
    int fd;
    int level;               /* of zstd, 0 = none */
    void *zstd;              /* ZSTD_CCtx, NULL until needed */
    uint64_t offset;         /* of the next chunk in the file */
    struct hs_hst_bytes out; /* chunks that belong together, not yet written */
    HS_ARRAY (struct hs_hst_entry) directory;
    struct hs_error error;
    bool has_failed;
};

/* Creates `path`, or empties it, and writes the file header. */
enum hs_status hs_hst_writer_open (struct hs_hst_writer *writer, const char *path,
                                   struct hs_error *err);

/* Lines a chunk up; hs_hst_writer_commit writes all that are lined up at once. */
void hs_hst_writer_add (struct hs_hst_writer *writer, const struct hs_hst_chunk *chunk);
void hs_hst_writer_commit (struct hs_hst_writer *writer);

/* `totals`: HS_HST_FOOTER_HEADER_BYTES whose first 8 bytes are filled in here. Closes the file. */
void hs_hst_writer_finish (struct hs_hst_writer *writer, uint8_t *totals);

/* Frees and closes; the file stays as it is. */
void hs_hst_writer_clear (struct hs_hst_writer *writer);

/* HS_OK or the first failure. */
enum hs_status hs_hst_writer_status (const struct hs_hst_writer *writer, struct hs_error *err);
void hs_hst_writer_fail (struct hs_hst_writer *writer, const char *sentence);
void hs_hst_writer_fail_memory (struct hs_hst_writer *writer);

#endif
