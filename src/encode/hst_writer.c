/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The container side of the .hst encoder; see hst_writer.h. */
#include "encode/hst_writer.h"

#include "base/checksum.h"
#include "event/hst_model.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#define FILE_MODE 0666 /* less the umask */

uint8_t *hs_hst_bytes_room (struct hs_hst_bytes *bytes, size_t n)
{
    if (bytes->has_failed || !hs_array_reserve (bytes, n)) {
        bytes->has_failed = true;
        return NULL;
    }
    return bytes->items + bytes->n;
}

void hs_hst_bytes_put (struct hs_hst_bytes *bytes, const void *from, size_t n)
{
    uint8_t *at = hs_hst_bytes_room (bytes, n);

    if (at == NULL || n == 0)
        return;
    memcpy (at, from, n);
    bytes->n += n;
}

void hs_hst_bytes_put_u8 (struct hs_hst_bytes *bytes, uint8_t value)
{
    hs_hst_bytes_put (bytes, &value, 1);
}

void hs_hst_bytes_put_varint (struct hs_hst_bytes *bytes, uint64_t value)
{
    uint8_t *at = hs_hst_bytes_room (bytes, HS_HST_MAX_VARINT_BYTES);

    if (at != NULL)
        bytes->n += (size_t)(hs_hst_write_varint (at, value) - at);
}

void hs_hst_bytes_put_zigzag (struct hs_hst_bytes *bytes, int64_t value)
{
    hs_hst_bytes_put_varint (bytes, hs_hst_zigzag (value));
}

static void fail (struct hs_hst_writer *writer, const struct hs_error *error)
{
    if (writer->has_failed)
        return;
    writer->error = *error;
    writer->has_failed = true;
}

void hs_hst_writer_fail (struct hs_hst_writer *writer, const char *sentence)
{
    struct hs_error error;

    (void)hs_error_set_errno (&error, errno, "%s", sentence);
    fail (writer, &error);
}

void hs_hst_writer_fail_memory (struct hs_hst_writer *writer)
{
    struct hs_error error;

    (void)hs_error_no_memory (&error);
    fail (writer, &error);
}

enum hs_status hs_hst_writer_status (const struct hs_hst_writer *writer, struct hs_error *err)
{
    if (!writer->has_failed)
        return HS_OK;
    if (err != NULL)
        *err = writer->error;
    return writer->error.status;
}

static void write_all (struct hs_hst_writer *writer, const uint8_t *bytes, size_t n)
{
    while (n > 0 && !writer->has_failed) {
        ssize_t done = write (writer->fd, bytes, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            struct hs_error error;

            (void)hs_error_set_errno (&error, done < 0 ? errno : ENOSPC, "cannot write");
            fail (writer, &error);
            return;
        }
        bytes += done;
        n -= (size_t)done;
        writer->offset += (uint64_t)done;
    }
}

enum hs_status hs_hst_writer_open (struct hs_hst_writer *writer, const char *path,
                                   struct hs_error *err)
{
    uint8_t header[HS_HST_FILE_HEADER_BYTES] = HS_HST_MAGIC;

    writer->fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (writer->fd < 0)
        return hs_error_set_errno (err, errno, "cannot write");
    hs_put_u16 (header + 8, HS_HST_MAJOR);
    hs_put_u16 (header + 10, HS_HST_MINOR);
    hs_put_u32 (header + 12, HS_HST_FILE_HEADER_BYTES);
    hs_put_u32 (header + HS_HST_FILE_HEADER_CHECKED,
                hs_checksum32 ((struct hs_span){ header, HS_HST_FILE_HEADER_CHECKED }));
    write_all (writer, header, sizeof header);
    return hs_hst_writer_status (writer, err);
}

/* Puts the payload at `to`, packed when that is on and worth it; its bytes there. */
static size_t store_payload (struct hs_hst_writer *writer, struct hs_span payload, uint8_t *to,
                             size_t room)
{
    size_t n;

    if (writer->level > 0 && writer->zstd == NULL)
        writer->zstd = ZSTD_createCCtx ();
    if (writer->level > 0 && writer->zstd != NULL) {
        n = ZSTD_compressCCtx (writer->zstd, to, room, payload.data, payload.size, writer->level);
        if (!ZSTD_isError (n) && n < payload.size)
            return n;
    }
    if (payload.size > 0)
        memcpy (to, payload.data, payload.size);
    return payload.size;
}

void hs_hst_writer_add (struct hs_hst_writer *writer, const struct hs_hst_chunk *chunk)
{
    struct hs_span payload = chunk->payload;
    size_t room = ZSTD_compressBound (payload.size);
    uint8_t *header = hs_hst_bytes_room (&writer->out, HS_HST_CHUNK_HEADER_BYTES + room);
    uint16_t flags = chunk->flags;
    size_t n;

    if (writer->has_failed)
        return;
    if (header == NULL || !hs_array_reserve (&writer->directory, 1)) {
        hs_hst_writer_fail_memory (writer);
        return;
    }
    n = store_payload (writer, payload, header + HS_HST_CHUNK_HEADER_BYTES, room);
    if (n < payload.size)
        flags |= HS_HST_CHUNK_ZSTD;
    hs_put_u32 (header, HS_HST_CHUNK_MAGIC);
    hs_put_u16 (header + HS_HST_CHUNK_AT_TYPE, chunk->type);
    hs_put_u16 (header + HS_HST_CHUNK_AT_FLAGS, flags);
    hs_put_u32 (header + HS_HST_CHUNK_AT_NUMBER, (uint32_t)writer->directory.n);
    hs_put_u32 (header + HS_HST_CHUNK_AT_STORED, (uint32_t)n);
    hs_put_u32 (header + HS_HST_CHUNK_AT_RAW, (uint32_t)payload.size);
    hs_put_u32 (header + HS_HST_CHUNK_AT_BLOCK_EVENTS, chunk->n_block_events);
    hs_put_u32 (header + HS_HST_CHUNK_AT_PAYLOAD_CHECKSUM,
                hs_checksum32 ((struct hs_span){ header + HS_HST_CHUNK_HEADER_BYTES, n }));
    hs_put_u32 (header + HS_HST_CHUNK_AT_CHECKSUM,
                hs_checksum32 ((struct hs_span){ header, HS_HST_CHUNK_HEADER_CHECKED }));
    writer->directory.items[writer->directory.n++] = (struct hs_hst_entry){
        .offset = writer->offset + writer->out.n,
        .first_event = chunk->first_event,
        .first_time = chunk->first_time,
        .last_time = chunk->last_time,
        .n_stored = (uint32_t)n,
        .type = chunk->type,
        .flags = flags,
    };
    writer->out.n += HS_HST_CHUNK_HEADER_BYTES + n;
}

void hs_hst_writer_commit (struct hs_hst_writer *writer)
{
    write_all (writer, writer->out.items, writer->out.n);
    writer->out.n = 0;
}

static void put_entry (uint8_t *at, const struct hs_hst_entry *entry)
{
    hs_put_u64 (at + HS_HST_ENTRY_AT_OFFSET, entry->offset);
    hs_put_u16 (at + HS_HST_ENTRY_AT_TYPE, entry->type);
    hs_put_u16 (at + HS_HST_ENTRY_AT_FLAGS, entry->flags);
    hs_put_u32 (at + HS_HST_ENTRY_AT_STORED, entry->n_stored);
    hs_put_u64 (at + HS_HST_ENTRY_AT_FIRST_EVENT, entry->first_event);
    hs_put_u64 (at + HS_HST_ENTRY_AT_FIRST_TIME, (uint64_t)entry->first_time);
    hs_put_u64 (at + HS_HST_ENTRY_AT_LAST_TIME, (uint64_t)entry->last_time);
}

static void put_trailer (struct hs_hst_writer *writer, uint64_t footer)
{
    uint8_t trailer[HS_HST_TRAILER_BYTES] = HS_HST_TRAILER_MAGIC;

    hs_put_u64 (trailer + 8, footer);
    hs_put_u64 (trailer + 16, footer + writer->out.n + sizeof trailer);
    hs_put_u32 (trailer + HS_HST_TRAILER_CHECKED,
                hs_checksum32 ((struct hs_span){ trailer, HS_HST_TRAILER_CHECKED }));
    hs_hst_bytes_put (&writer->out, trailer, sizeof trailer);
}

void hs_hst_writer_finish (struct hs_hst_writer *writer, uint8_t *totals)
{
    struct hs_hst_bytes footer = { 0 };
    size_t n = writer->directory.n;

    /* a directory that a reader would refuse is cut: the file reads without it */
    if (n > (HS_HST_MAX_CHUNK_BYTES - HS_HST_FOOTER_HEADER_BYTES) / HS_HST_ENTRY_BYTES)
        n = 0;
    hs_put_u32 (totals + HS_HST_FOOTER_AT_ENTRY_BYTES, HS_HST_ENTRY_BYTES);
    hs_put_u32 (totals + HS_HST_FOOTER_AT_N_ENTRIES, (uint32_t)n);
    hs_hst_bytes_put (&footer, totals, HS_HST_FOOTER_HEADER_BYTES);
    for (size_t i = 0; i < n; i++) {
        uint8_t *at = hs_hst_bytes_room (&footer, HS_HST_ENTRY_BYTES);

        if (at == NULL)
            break;
        put_entry (at, &writer->directory.items[i]);
        footer.n += HS_HST_ENTRY_BYTES;
    }
    if (footer.has_failed)
        hs_hst_writer_fail_memory (writer);
    hs_hst_writer_commit (writer);
    hs_hst_writer_add (writer, &(struct hs_hst_chunk){ .payload = { footer.items, footer.n },
                                                       .type = HS_HST_CHUNK_FOOTER });
    put_trailer (writer, writer->offset);
    if (writer->out.has_failed)
        hs_hst_writer_fail_memory (writer);
    hs_hst_writer_commit (writer);
    hs_free (footer.items);
    if (close (writer->fd) != 0) {
        struct hs_error error;

        (void)hs_error_set_errno (&error, errno, "cannot write");
        fail (writer, &error);
    }
    writer->fd = -1;
}

void hs_hst_writer_clear (struct hs_hst_writer *writer)
{
    if (writer->fd >= 0)
        close (writer->fd);
    ZSTD_freeCCtx (writer->zstd);
    hs_free (writer->out.items);
    hs_array_clear (&writer->directory);
}
