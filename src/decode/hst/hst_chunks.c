/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds, checks and unpacks the chunks of an .hst file; see hst_reader.h and FORMAT.md 2, 3. */
#include "decode/hst/hst_reader.h"

#include "base/checksum.h"
#include "base/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <zstd.h>

#define SEARCH_BYTES 65536u

void hs_hst_note (struct hs_hst *self, enum hs_note_kind kind, uint64_t offset, const char *format,
                  ...)
{
    char sentence[192];
    va_list args;

    self->has_damage = true;
    va_start (args, format);
    (void)vsnprintf (sentence, sizeof sentence, format, args);
    va_end (args);
    hs_note_pile_add (&self->notes, kind, offset, "%s", sentence);
}

void hs_hst_lose_events (struct hs_hst *self, int64_t time)
{
    if (!self->is_gap_due)
        self->gap_time = time;
    self->is_gap_due = true;
}

static bool parse_head (struct hs_span bytes, uint64_t offset, struct hs_hst_chunk_head *ret)
{
    struct hs_span checked = hs_span_part (bytes, 0, HS_HST_CHUNK_HEADER_CHECKED);

    if (hs_span_u32_at (bytes, 0) != HS_HST_CHUNK_MAGIC ||
        hs_span_u32_at (bytes, HS_HST_CHUNK_AT_CHECKSUM) != hs_checksum32 (checked))
        return false;
    *ret = (struct hs_hst_chunk_head){
        .offset = offset,
        .number = hs_span_u32_at (bytes, HS_HST_CHUNK_AT_NUMBER),
        .n_stored = hs_span_u32_at (bytes, HS_HST_CHUNK_AT_STORED),
        .n_raw = hs_span_u32_at (bytes, HS_HST_CHUNK_AT_RAW),
        .n_block_events = hs_span_u32_at (bytes, HS_HST_CHUNK_AT_BLOCK_EVENTS),
        .payload_checksum = hs_span_u32_at (bytes, HS_HST_CHUNK_AT_PAYLOAD_CHECKSUM),
        .type = hs_span_u16_at (bytes, HS_HST_CHUNK_AT_TYPE),
        .flags = hs_span_u16_at (bytes, HS_HST_CHUNK_AT_FLAGS),
    };
    return true;
}

/* Behind damage: the next place with a valid header. HS_END: there is none. */
static enum hs_status search_chunk (struct hs_hst *self, struct hs_hst_chunk_head *ret,
                                    struct hs_error *err)
{
    static const uint8_t magic[4] = { 'H', 'S', 'T', 'C' };

    for (;;) {
        uint64_t left = hs_source_size (self->source);
        struct hs_span view;
        enum hs_status status;
        size_t n = SEARCH_BYTES;
        const uint8_t *found;

        left = left > self->search ? left - self->search : 0;
        if (left < n)
            n = left < HS_HST_CHUNK_HEADER_BYTES ? HS_HST_CHUNK_HEADER_BYTES : (size_t)left;
        status = hs_source_view (self->source, &self->window, self->search, n, &view, err);
        if (status != HS_OK)
            return status;
        found = memmem (view.data, view.size, magic, sizeof magic);
        if (found == NULL) {
            self->search += view.size - (sizeof magic - 1);
            continue;
        }
        self->search += (size_t)(found - view.data);
        status = hs_source_view (self->source, &self->window, self->search,
                                 HS_HST_CHUNK_HEADER_BYTES, &view, err);
        if (status != HS_OK)
            return status;
        if (parse_head (view, self->search, ret)) {
            self->offset = self->search;
            self->search = 0;
            return HS_OK;
        }
        self->search++;
    }
}

enum hs_status hs_hst_find_chunk (struct hs_hst *self, struct hs_hst_chunk_head *ret,
                                  struct hs_error *err)
{
    struct hs_span view;
    enum hs_status status;

    if (self->search == 0) {
        status = hs_source_view (self->source, &self->window, self->offset,
                                 HS_HST_CHUNK_HEADER_BYTES, &view, err);
        if (status != HS_OK)
            return status;
        if (parse_head (view, self->offset, ret))
            return HS_OK;
        hs_hst_note (self, HS_NOTE_BUFFER_DAMAGED, self->offset,
                     "The header of chunk %u is damaged; reading goes on at the next sound chunk.",
                     self->next_chunk);
        self->search = self->offset + 1;
    }
    status = search_chunk (self, ret, err);
    if (status == HS_END)
        self->offset = hs_source_size (self->source);
    return status;
}

static void count_chunk (struct hs_hst *self, const struct hs_hst_chunk_head *head)
{
    if (head->number != self->next_chunk) {
        hs_hst_note (self, HS_NOTE_SEQUENCE_GAP, head->offset,
                     "Chunk %u stands where number %u was expected: what lies between is missing.",
                     head->number, self->next_chunk);
        hs_hst_lose_events (self, self->record_time);
    }
    self->next_chunk = head->number + 1;
    self->offset = head->offset + HS_HST_CHUNK_HEADER_BYTES + head->n_stored;
}

static bool reserve (struct hs_hst_payload *payload, size_t n)
{
    if (payload->capacity < n + HS_HST_MAX_OP_BYTES) {
        uint8_t *bytes = hs_realloc_array (payload->bytes, n + HS_HST_MAX_OP_BYTES, 1);

        if (bytes == NULL)
            return false;
        payload->bytes = bytes;
        payload->capacity = n + HS_HST_MAX_OP_BYTES;
    }
    payload->n = n;
    memset (payload->bytes + n, 0, HS_HST_MAX_OP_BYTES);
    return true;
}

/* The n_stored bytes as they lie in the file. */
static enum hs_status read_stored (struct hs_hst *self, const struct hs_hst_chunk_head *head,
                                   struct hs_hst_payload *to, struct hs_error *err)
{
    uint64_t offset = head->offset + HS_HST_CHUNK_HEADER_BYTES;
    size_t n = 0;
    enum hs_status status;

    if (!reserve (to, head->n_stored))
        return hs_error_no_memory (err);
    if (head->n_stored == 0)
        return HS_OK;
    status = hs_source_read (self->source, offset, to->bytes, head->n_stored, &n, err);
    if (status == HS_OK && n < head->n_stored)
        status = hs_source_mode (self->source) == HS_SOURCE_FOLLOW ? HS_AGAIN : HS_END;
    return status;
}

static enum hs_status unpack (struct hs_hst *self, const struct hs_hst_chunk_head *head,
                              struct hs_hst_payload *to, struct hs_error *err)
{
    size_t n;

    if (self->zstd == NULL)
        self->zstd = ZSTD_createDCtx ();
    if (self->zstd == NULL || !reserve (to, head->n_raw))
        return hs_error_no_memory (err);
    n = ZSTD_decompressDCtx (self->zstd, to->bytes, head->n_raw, self->stored.bytes,
                             self->stored.n);
    if (!ZSTD_isError (n) && n == head->n_raw)
        return HS_OK;
    hs_hst_note (self, HS_NOTE_DECOMPRESSION, head->offset,
                 "Chunk %u does not unpack to the %u bytes it announces; it is left out.",
                 head->number, head->n_raw);
    return HS_DAMAGED;
}

static enum hs_status refuse_size (struct hs_hst *self, const struct hs_hst_chunk_head *head)
{
    hs_hst_note (self, HS_NOTE_VALUE_ABSURD, head->offset,
                 "Chunk %u says it holds %u bytes in %u, over the limit of %u; it is left out.",
                 head->number, head->n_raw, head->n_stored, HS_HST_MAX_CHUNK_BYTES);
    count_chunk (self, head);
    return HS_DAMAGED;
}

enum hs_status hs_hst_read_payload (struct hs_hst *self, const struct hs_hst_chunk_head *head,
                                    struct hs_hst_payload *to, struct hs_error *err)
{
    bool is_packed = (head->flags & HS_HST_CHUNK_ZSTD) != 0;
    struct hs_hst_payload *stored = is_packed ? &self->stored : to;
    enum hs_status status;

    if (head->n_stored > HS_HST_MAX_CHUNK_BYTES || head->n_raw > HS_HST_MAX_CHUNK_BYTES ||
        (!is_packed && head->n_raw != head->n_stored))
        return refuse_size (self, head);
    status = read_stored (self, head, stored, err);
    if (status != HS_OK)
        return status;
    count_chunk (self, head);
    self->n_raw += head->n_raw;
    if (hs_checksum32 ((struct hs_span){ stored->bytes, stored->n }) != head->payload_checksum) {
        hs_hst_note (self, HS_NOTE_BUFFER_DAMAGED, head->offset,
                     "The checksum of chunk %u is wrong; it is left out with its %u heap events.",
                     head->number, head->n_block_events);
        return HS_DAMAGED;
    }
    return is_packed ? unpack (self, head, to, err) : HS_OK;
}

enum hs_status hs_hst_skip_chunk (struct hs_hst *self, const struct hs_hst_chunk_head *head,
                                  struct hs_error *err)
{
    uint64_t end = head->offset + HS_HST_CHUNK_HEADER_BYTES + head->n_stored;
    struct hs_span view;
    enum hs_status status = hs_source_view (self->source, &self->window, end - 1, 1, &view, err);

    if (status == HS_OK)
        count_chunk (self, head);
    return status;
}

void hs_hst_chunks_clear (struct hs_hst *self)
{
    hs_window_clear (&self->window);
    ZSTD_freeDCtx (self->zstd);
    hs_free (self->stored.bytes);
    hs_free (self->definitions.bytes);
    hs_free (self->events.bytes);
}
