/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Buffers and record headers; see etl_writer.h. Layouts: formats/etl.md 1, 3 and 12. */
#include "encode/etl_writer.h"

#include "base/endian.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Buffer header, formats/etl.md 1.1 and 1.2. */
#define STATE_FLUSHED 3u
#define FLAG_FLUSH_MARKER 0x01u
#define FLAG_EVENTS_LOST 0x02u
#define FLAG_PROC_INDEX 0x20u
#define TYPE_GENERIC 0u
#define TYPE_HEADER 4u
#define LOGGER_ID 1u

/* Record headers, 3.1: the last byte of the marker, header types. */
#define MARKER_TRACE 0xc0u
#define SYSTEM64 2u
#define PERFINFO64 17u
#define EVENT_HEADER64 19u
#define FULL_HEADER64 20u
#define SYSTEM_BYTES 0x20u
#define PERFINFO_BYTES 0x10u
#define FULL_BYTES 0x30u
#define EVENT_BYTES 0x50u

/* Log file header record, 1.4: its payload begins behind buffer header and SYSTEM64 header. */
#define LOG_HEADER_AT (HS_ETL_BUFFER_HEADER_BYTES + SYSTEM_BYTES)
#define LOG_HEADER_BYTES 0x118u
#define LOG_MODE_ONE_CHAIN 0x10000000u

#define FILETIME_PER_SECOND INT64_C (10000000)

static void write_all (struct hs_etl_writer *writer, const uint8_t *bytes, size_t n, int64_t at)
{
    while (n > 0 && !writer->has_failed) {
        ssize_t done =
            at < 0 ? write (writer->fd, bytes, n) : pwrite (writer->fd, bytes, n, (off_t)at);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            hs_error_set_errno (&writer->error, done < 0 ? errno : EIO, "cannot write");
            writer->has_failed = true;
            return;
        }
        bytes += done;
        n -= (size_t)done;
        if (at >= 0)
            at += done;
    }
}

enum hs_status hs_etl_writer_open (struct hs_etl_writer *writer, const char *path,
                                   struct hs_error *err)
{
    *writer = (struct hs_etl_writer){ .fd = -1, .last_stamp = HS_ETL_T0 };
    writer->buffer = hs_alloc_array (HS_ETL_BUFFER_BYTES, 1);
    if (writer->buffer == NULL)
        return hs_error_no_memory (err);
    writer->fd = open (path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (writer->fd < 0) {
        int saved_errno = errno;

        hs_etl_writer_clear (writer);
        return hs_error_set_errno (err, saved_errno, "cannot create %s", path);
    }
    return HS_OK;
}

void hs_etl_writer_clear (struct hs_etl_writer *writer)
{
    if (writer->fd >= 0)
        (void)close (writer->fd);
    writer->fd = -1;
    hs_free (writer->buffer);
    writer->buffer = NULL;
}

enum hs_status hs_etl_writer_status (const struct hs_etl_writer *writer, struct hs_error *err)
{
    if (!writer->has_failed)
        return HS_OK;
    if (err != NULL)
        *err = writer->error;
    return writer->error.status;
}

void hs_etl_writer_fail (struct hs_etl_writer *writer, const struct hs_error *error)
{
    if (writer->has_failed)
        return;
    writer->error = *error;
    writer->has_failed = true;
}

void hs_etl_writer_fail_memory (struct hs_etl_writer *writer)
{
    struct hs_error error;

    hs_error_no_memory (&error);
    hs_etl_writer_fail (writer, &error);
}

static void flush (struct hs_etl_writer *writer, uint16_t type, uint16_t flags)
{
    uint8_t *at = writer->buffer;

    if (writer->has_lost && type != TYPE_HEADER) {
        flags |= FLAG_EVENTS_LOST;
        writer->has_lost = false;
    }
    memset (at, 0, HS_ETL_BUFFER_HEADER_BYTES);
    hs_put_u32 (at + 0x00, HS_ETL_BUFFER_BYTES);
    hs_put_u32 (at + 0x04, writer->used);
    hs_put_u32 (at + 0x08, writer->used);
    hs_put_u64 (at + 0x10, type == TYPE_HEADER ? 0 : (uint64_t)writer->last_stamp);
    hs_put_u64 (at + 0x18, writer->n_buffers);
    hs_put_u16 (at + 0x2a, LOGGER_ID);
    hs_put_u32 (at + 0x2c, STATE_FLUSHED);
    hs_put_u32 (at + 0x30, writer->used);
    hs_put_u16 (at + 0x34, (uint16_t)(flags | FLAG_PROC_INDEX));
    hs_put_u16 (at + 0x36, type);
    memset (at + writer->used, 0xff, HS_ETL_BUFFER_BYTES - writer->used);
    write_all (writer, at, HS_ETL_BUFFER_BYTES, -1);
    writer->n_buffers++;
    writer->used = 0;
}

/* Room for a record in the current buffer; a buffer is flushed only when the next record needs
 * room, so that the last one is never empty and can carry the flush marker. */
static uint8_t *reserve (struct hs_etl_writer *writer, uint32_t n)
{
    uint32_t aligned = (n + 7) & ~UINT32_C (7);
    uint8_t *at;

    if (writer->used > 0 && aligned > HS_ETL_BUFFER_BYTES - writer->used)
        flush (writer, TYPE_GENERIC, 0);
    if (writer->used == 0)
        writer->used = HS_ETL_BUFFER_HEADER_BYTES;
    at = writer->buffer + writer->used;
    memset (at + n, 0, aligned - n);
    writer->used += aligned;
    writer->n_records++;
    return at;
}

uint8_t *hs_etl_system_record (struct hs_etl_writer *writer, uint16_t hook, uint8_t version,
                               uint32_t pid, uint32_t tid, uint32_t n_payload)
{
    uint8_t *at = reserve (writer, SYSTEM_BYTES + n_payload);

    hs_put_u32 (at + 0x00, MARKER_TRACE << 24 | SYSTEM64 << 16 | version);
    hs_put_u16 (at + 0x04, (uint16_t)(SYSTEM_BYTES + n_payload));
    hs_put_u16 (at + 0x06, hook);
    hs_put_u32 (at + 0x08, tid);
    hs_put_u32 (at + 0x0c, pid);
    hs_put_u64 (at + 0x10, (uint64_t)writer->last_stamp);
    hs_put_u64 (at + 0x18, 0);
    return at + SYSTEM_BYTES;
}

uint8_t *hs_etl_perfinfo_record (struct hs_etl_writer *writer, uint16_t hook, uint8_t version,
                                 uint32_t n_payload)
{
    uint8_t *at = reserve (writer, PERFINFO_BYTES + n_payload);

    hs_put_u32 (at + 0x00, MARKER_TRACE << 24 | PERFINFO64 << 16 | version);
    hs_put_u16 (at + 0x04, (uint16_t)(PERFINFO_BYTES + n_payload));
    hs_put_u16 (at + 0x06, hook);
    hs_put_u64 (at + 0x08, (uint64_t)writer->last_stamp);
    return at + PERFINFO_BYTES;
}

uint8_t *hs_etl_full_record (struct hs_etl_writer *writer, const uint8_t guid[16], uint8_t opcode,
                             uint32_t pid, uint32_t n_payload)
{
    uint8_t *at = reserve (writer, FULL_BYTES + n_payload);

    hs_put_u16 (at + 0x00, (uint16_t)(FULL_BYTES + n_payload));
    at[0x02] = FULL_HEADER64;
    at[0x03] = MARKER_TRACE;
    at[0x04] = opcode;
    at[0x05] = 0;
    hs_put_u16 (at + 0x06, 0);
    hs_put_u32 (at + 0x08, HS_ETL_NONE);
    hs_put_u32 (at + 0x0c, pid);
    hs_put_u64 (at + 0x10, (uint64_t)writer->last_stamp);
    memcpy (at + 0x18, guid, 16);
    hs_put_u64 (at + 0x28, 0);
    return at + FULL_BYTES;
}

uint8_t *hs_etl_event_record (struct hs_etl_writer *writer, const uint8_t guid[16],
                              uint16_t event_id, uint32_t pid, uint32_t tid, uint32_t n_payload)
{
    uint8_t *at = reserve (writer, EVENT_BYTES + n_payload);

    memset (at, 0, EVENT_BYTES);
    hs_put_u16 (at + 0x00, (uint16_t)(EVENT_BYTES + n_payload));
    at[0x02] = EVENT_HEADER64;
    at[0x03] = MARKER_TRACE;
    hs_put_u32 (at + 0x08, tid);
    hs_put_u32 (at + 0x0c, pid);
    hs_put_u64 (at + 0x10, (uint64_t)writer->last_stamp);
    memcpy (at + 0x18, guid, 16);
    hs_put_u16 (at + 0x28, event_id);
    at[0x2c] = 4; /* level: information */
    return at + EVENT_BYTES;
}

static void put_log_header_times (uint8_t *log, const struct hs_etl_header_fields *fields,
                                  uint64_t n_buffers)
{
    hs_put_u64 (log + 0x10, (uint64_t)fields->end_filetime);
    hs_put_u32 (log + 0x24, n_buffers > UINT32_MAX ? UINT32_MAX : (uint32_t)n_buffers);
    hs_put_u32 (log + 0x30, fields->events_lost);
    hs_put_u64 (log + 0xf8,
                (uint64_t)(fields->start_filetime - HS_ETL_T0 / 1000000000 * FILETIME_PER_SECOND));
    hs_put_u64 (log + 0x108, (uint64_t)fields->start_filetime);
}

void hs_etl_writer_header (struct hs_etl_writer *writer, const struct hs_etl_header_fields *fields)
{
    static const char session[] = "heapstrata";
    struct hs_etl_payload *names = hs_alloc_array (1, sizeof *names);
    struct hs_text text = { session, sizeof session - 1 };
    uint8_t *log;

    if (names == NULL) {
        hs_etl_writer_fail_memory (writer);
        return;
    }
    names->n = 0;
    hs_etl_put_utf16 (names, text, 0x400);
    text = (struct hs_text){ fields->log_file_name, (uint32_t)strlen (fields->log_file_name) };
    hs_etl_put_utf16 (names, text, 0x800);
    log =
        hs_etl_system_record (writer, 0, 2, HS_ETL_NONE, HS_ETL_NONE, LOG_HEADER_BYTES + names->n);
    memset (log, 0, LOG_HEADER_BYTES);
    hs_put_u32 (log + 0x00, HS_ETL_BUFFER_BYTES);
    hs_put_u32 (log + 0x04, 10 | 0 << 8 | 1 << 16 | 5u << 24); /* Windows 10.0, layout 1.5 */
    hs_put_u32 (log + 0x08, 19045);
    hs_put_u32 (log + 0x0c, 1);      /* processors: one chain */
    hs_put_u32 (log + 0x18, 156250); /* timer resolution, 100 ns */
    hs_put_u32 (log + 0x20, LOG_MODE_ONE_CHAIN);
    hs_put_u32 (log + 0x28, 1);
    hs_put_u32 (log + 0x2c, 8);
    hs_put_u32 (log + 0x34, 1000); /* MHz: not used with this clock, but never 0 */
    hs_put_u64 (log + 0x100, 1000000000);
    hs_put_u32 (log + 0x110, 1); /* clock: performance counter */
    put_log_header_times (log, fields, 0);
    memcpy (log + LOG_HEADER_BYTES, names->bytes, names->n);
    hs_free (names);
    flush (writer, TYPE_HEADER, FLAG_FLUSH_MARKER);
}

void hs_etl_writer_flush (struct hs_etl_writer *writer)
{
    if (writer->used > 0)
        flush (writer, TYPE_GENERIC, 0);
}

enum hs_status hs_etl_writer_finish (struct hs_etl_writer *writer,
                                     const struct hs_etl_header_fields *fields,
                                     struct hs_error *err)
{
    uint8_t log[LOG_HEADER_BYTES];
    enum hs_status status;

    if (writer->used > 0)
        flush (writer, TYPE_GENERIC, FLAG_FLUSH_MARKER);
    if (!writer->has_failed && pread (writer->fd, log, sizeof log, LOG_HEADER_AT) != sizeof log) {
        hs_error_set_errno (&writer->error, errno, "cannot read back the file header");
        writer->has_failed = true;
    }
    if (!writer->has_failed) {
        put_log_header_times (log, fields, writer->n_buffers);
        write_all (writer, log, sizeof log, LOG_HEADER_AT);
    }
    if (close (writer->fd) != 0 && !writer->has_failed) {
        hs_error_set_errno (&writer->error, errno, "cannot complete the file");
        writer->has_failed = true;
    }
    writer->fd = -1;
    status = hs_etl_writer_status (writer, err);
    hs_etl_writer_clear (writer);
    return status;
}

void hs_etl_put_bytes (struct hs_etl_payload *payload, const void *bytes, uint32_t n)
{
    if (n > sizeof payload->bytes - payload->n) {
        payload->is_cut = true;
        return;
    }
    if (n > 0)
        memcpy (payload->bytes + payload->n, bytes, n);
    payload->n += n;
}

void hs_etl_put_zeros (struct hs_etl_payload *payload, uint32_t n)
{
    for (; n > 0; n--)
        hs_etl_put_u8 (payload, 0);
}

void hs_etl_put_u8 (struct hs_etl_payload *payload, uint8_t value)
{
    hs_etl_put_bytes (payload, &value, 1);
}

void hs_etl_put_u16 (struct hs_etl_payload *payload, uint16_t value)
{
    uint8_t bytes[2];

    hs_put_u16 (bytes, value);
    hs_etl_put_bytes (payload, bytes, sizeof bytes);
}

void hs_etl_put_u32 (struct hs_etl_payload *payload, uint32_t value)
{
    uint8_t bytes[4];

    hs_put_u32 (bytes, value);
    hs_etl_put_bytes (payload, bytes, sizeof bytes);
}

void hs_etl_put_u64 (struct hs_etl_payload *payload, uint64_t value)
{
    uint8_t bytes[8];

    hs_put_u64 (bytes, value);
    hs_etl_put_bytes (payload, bytes, sizeof bytes);
}

/* How much of `text` fits `max` bytes without cutting a UTF-8 character. */
static uint32_t whole_length (struct hs_etl_payload *payload, struct hs_text text, uint32_t max)
{
    uint32_t n = text.length;

    if (n <= max)
        return n;
    payload->is_cut = true;
    for (n = max; n > 0 && ((uint8_t)text.bytes[n] & 0xc0) == 0x80;)
        n--;
    return n;
}

void hs_etl_put_ansi (struct hs_etl_payload *payload, struct hs_text text, uint32_t max)
{
    hs_etl_put_bytes (payload, text.bytes, whole_length (payload, text, max - 1));
    hs_etl_put_u8 (payload, 0);
}

void hs_etl_put_text (struct hs_etl_payload *payload, struct hs_text text, uint32_t max)
{
    uint32_t n = whole_length (payload, text, max);

    hs_etl_put_u16 (payload, (uint16_t)n);
    hs_etl_put_bytes (payload, text.bytes, n);
}

/* The code point at `at`, or U+FFFD for one byte that starts none; moves `at` on. */
static uint32_t next_code_point (const uint8_t **at, const uint8_t *end)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t first = *(*at)++;
    uint32_t n = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t value = first & (0x7fu >> n);

    if (first < 0x80)
        return first;
    if (n == 1 || first >= 0xf8 || (uint32_t)(end - *at) < n - 1)
        return 0xfffd;
    for (uint32_t i = 0; i < n - 1; i++) {
        if (((*at)[i] & 0xc0) != 0x80)
            return 0xfffd;
        value = value << 6 | ((*at)[i] & 0x3f);
    }
    if (value < least[n] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return 0xfffd;
    *at += n - 1;
    return value;
}

void hs_etl_put_utf16 (struct hs_etl_payload *payload, struct hs_text text, uint32_t max)
{
    const uint8_t *at = (const uint8_t *)text.bytes;
    const uint8_t *end = text.length > 0 ? at + text.length : at;
    uint32_t left = max - 2;

    while (at != end) {
        uint32_t code = next_code_point (&at, end);
        uint32_t need = code >= 0x10000 ? 4 : 2;

        if (code == 0)
            break;
        if (need > left) {
            payload->is_cut = true;
            break;
        }
        left -= need;
        if (code >= 0x10000) {
            hs_etl_put_u16 (payload, (uint16_t)(0xd800 + ((code - 0x10000) >> 10)));
            code = 0xdc00 + ((code - 0x10000) & 0x3ff);
        }
        hs_etl_put_u16 (payload, (uint16_t)code);
    }
    hs_etl_put_u16 (payload, 0);
}
