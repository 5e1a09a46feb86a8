/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The buffers of one ETL file; see etl_buffers.h. */
#include "decode/etl/etl_buffers.h"

#include "base/limits.h"
#include "decode/etl/etl_layout.h"

#include <inttypes.h>
#include <time.h>

#define SESSION_BUFFER_MIN 0x400u
/* Header and first record marker: zeroed headers in front of records are damage, not empty space.
 */
#define PEEK_BYTES (ETL_BUFFER_HEADER_BYTES + 8u)
/* A header that takes so long comes from a disk; then so many after it are asked for at once. */
#define SLOW_READ_NS 20000
#define HINT_BUFFERS 256u
#define SEARCH_PIECE_BYTES 4096u
#define SEARCH_BUFFERS 2u /* a search for the next header of a packed file looks at so much */

void hs_etl_walk_init (struct hs_etl_walk *walk, struct hs_source *source,
                       const struct hs_etl_log *log)
{
    uint32_t size = log->header.buffer_size;

    if (size < SESSION_BUFFER_MIN)
        size = SESSION_BUFFER_MIN;
    if (size > HS_LIMIT_ETL_BUFFER_BYTES)
        size = HS_LIMIT_ETL_BUFFER_BYTES;
    *walk = (struct hs_etl_walk){ .source = source,
                                  .session_size = size,
                                  .grid_start = log->first_buffer_size,
                                  .is_packed = (log->header.mode & ETL_MODE_PACKED) != 0 };
}

static bool is_growing (const struct hs_etl_walk *walk)
{
    return !walk->is_final && hs_source_mode (walk->source) == HS_SOURCE_FOLLOW;
}

/* Reads up to `n` bytes; HS_OK also when there are fewer, even none: *ret_n says so. */
static enum hs_status read_some (struct hs_etl_walk *walk, uint64_t offset, uint8_t *bytes,
                                 size_t n, size_t *ret_n, struct hs_error *err)
{
    enum hs_status status = hs_source_read (walk->source, offset, bytes, n, ret_n, err);

    return hs_status_is_error (status) ? status : HS_OK;
}

/* Whether the file has `end` bytes at least. */
static bool has_bytes (struct hs_etl_walk *walk, uint64_t end)
{
    uint8_t last;
    size_t n;

    if (end <= walk->known_size)
        return true;
    walk->known_size = hs_source_size (walk->source);
    if (end <= walk->known_size)
        return true;
    /* a packed file knows its size only as far as it has been unpacked: reading makes it go on */
    return read_some (walk, end - 1, &last, 1, &n, NULL) == HS_OK && n == 1;
}

static bool is_blank (const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != bytes[0])
            return false;
    }
    return n > 0 && (bytes[0] == 0 || bytes[0] == 0xff);
}

static bool is_in_range (const struct hs_etl_walk *walk, const uint8_t *at)
{
    uint32_t size = hs_get_u32 (at + ETL_BUFFER_SIZE_AT);
    uint32_t filled = hs_get_u32 (at + ETL_BUFFER_FILLED_AT);
    bool is_packed = (hs_get_u16 (at + ETL_BUFFER_FLAGS_AT) & ETL_FLAG_PACKED) != 0;

    if (size < ETL_BUFFER_HEADER_BYTES || size > HS_LIMIT_ETL_BUFFER_BYTES ||
        filled < ETL_BUFFER_HEADER_BYTES ||
        hs_get_u16 (at + ETL_BUFFER_TYPE_AT) >= ETL_BUFFER_TYPES)
        return false;
    if (is_packed)
        return filled <= walk->session_size && size <= walk->session_size + ETL_BUFFER_HEADER_BYTES;
    return filled <= size;
}

/* The stricter test for a place where nothing says that a header is there. */
static bool is_plausible (const struct hs_etl_walk *walk, const uint8_t *at)
{
    return hs_get_u32 (at + ETL_BUFFER_REFERENCES_AT) == 0 &&
           hs_get_u32 (at + ETL_BUFFER_SAVED_AT) == hs_get_u32 (at + ETL_BUFFER_FILLED_AT) &&
           hs_get_u16 (at + ETL_BUFFER_FLAGS_AT) <= ETL_FLAGS_KNOWN &&
           hs_get_u32 (at + ETL_BUFFER_STATE_AT) < 8 && is_in_range (walk, at);
}

/* A size over that of the session is believed when another header (or the end) follows it. */
static bool is_size_believable (struct hs_etl_walk *walk, uint64_t offset, uint32_t size)
{
    uint8_t next[ETL_BUFFER_HEADER_BYTES];
    size_t n;

    if (size <= walk->session_size + ETL_BUFFER_HEADER_BYTES)
        return true;
    return has_bytes (walk, offset + size) &&
           read_some (walk, offset + size, next, sizeof next, &n, NULL) == HS_OK &&
           (n == 0 || (n == sizeof next && is_in_range (walk, next)));
}

static uint64_t next_on_grid (const struct hs_etl_walk *walk, uint64_t offset)
{
    if (offset < walk->grid_start)
        return walk->grid_start;
    return offset + walk->session_size - (offset - walk->grid_start) % walk->session_size;
}

/* Where a header of a packed file may stand behind `offset`. *ret_found is false when the limit or
 * the end came first; then *ret is how far it looked. */
static enum hs_status search_header (struct hs_etl_walk *walk, uint64_t offset, uint64_t *ret,
                                     bool *ret_found, struct hs_error *err)
{
    uint8_t piece[SEARCH_PIECE_BYTES + ETL_BUFFER_HEADER_BYTES];
    uint64_t end = offset + (uint64_t)SEARCH_BUFFERS * walk->session_size;
    uint64_t at = offset + 1;

    *ret_found = false;
    while (at < end) {
        size_t n;
        enum hs_status status = read_some (walk, at, piece, sizeof piece, &n, err);

        if (status != HS_OK)
            return status;
        for (size_t i = 0; i < SEARCH_PIECE_BYTES && i + ETL_BUFFER_HEADER_BYTES <= n; i++) {
            if (is_plausible (walk, piece + i)) {
                *ret = at + i;
                *ret_found = true;
                return HS_OK;
            }
        }
        if (n < sizeof piece) {
            *ret = at + n;
            return HS_OK;
        }
        at += SEARCH_PIECE_BYTES;
    }
    *ret = at;
    return HS_OK;
}

/* Moves on behind something that is no buffer. HS_AGAIN: the file may yet grow a header. */
static enum hs_status skip_damage (struct hs_etl_walk *walk, struct hs_error *err)
{
    uint64_t next;
    bool found;
    enum hs_status status;

    if (!walk->is_packed) {
        walk->next = next_on_grid (walk, walk->next);
        return HS_OK;
    }
    status = search_header (walk, walk->next, &next, &found, err);
    if (status != HS_OK)
        return status;
    if (!found && is_growing (walk) && !has_bytes (walk, next + 1))
        return HS_AGAIN;
    walk->next = next;
    return HS_OK;
}

static void fill (struct hs_etl_walk *walk, const uint8_t *at, struct hs_etl_buffer *ret)
{
    uint16_t type = hs_get_u16 (at + ETL_BUFFER_TYPE_AT);
    uint16_t cpu = hs_get_u16 (at + ETL_BUFFER_CPU_AT);

    ret->offset = walk->next;
    ret->size = hs_get_u32 (at + ETL_BUFFER_SIZE_AT);
    ret->filled = hs_get_u32 (at + ETL_BUFFER_FILLED_AT);
    ret->sequence = (int64_t)hs_get_u64 (at + ETL_BUFFER_SEQUENCE_AT);
    ret->flush_time = (int64_t)hs_get_u64 (at + ETL_BUFFER_TIME_AT);
    ret->flags = hs_get_u16 (at + ETL_BUFFER_FLAGS_AT);
    ret->cpu = (ret->flags & ETL_FLAG_CPU_INDEX) != 0 ? cpu & 0x7ff : cpu & 0xff;
    ret->logger = hs_get_u16 (at + ETL_BUFFER_LOGGER_AT);
    ret->is_header = type == ETL_BUFFER_TYPE_HEADER;
    ret->is_truncated = false;
    ret->has_records = type != ETL_BUFFER_TYPE_EMPTY && type != ETL_BUFFER_TYPE_DEBUGGER;
    if (type == ETL_BUFFER_TYPE_HEADER && ret->offset > 0 && walk->run < UINT16_MAX)
        walk->run++;
    ret->run = walk->run;
}

static void note_buffer (struct hs_etl_walk *walk, const struct hs_etl_buffer *buffer,
                         struct hs_note_pile *notes)
{
    if (walk->n_blank > 0)
        hs_note_pile_add_many (notes, HS_NOTE_BUFFER_DAMAGED, walk->n_blank, walk->blank_offset,
                               "%" PRIu64 " empty buffers from 0x%" PRIx64
                               " on lie between others; they were skipped.",
                               walk->n_blank, walk->blank_offset);
    walk->n_blank = 0;
    if ((buffer->flags & (ETL_FLAG_EVENTS_LOST | ETL_FLAG_BUFFER_LOST)) != 0)
        hs_note_pile_add (
            notes, HS_NOTE_EVENTS_LOST, buffer->offset,
            "The buffer at 0x%" PRIx64 " is marked: %s lost before or in it.", buffer->offset,
            (buffer->flags & ETL_FLAG_BUFFER_LOST) != 0 ? "a whole buffer was" : "events were");
    if ((buffer->flags & ~(unsigned)ETL_FLAGS_KNOWN) != 0 && !walk->has_odd_flags) {
        walk->has_odd_flags = true;
        hs_note_pile_add (notes, HS_NOTE_OTHER, buffer->offset,
                          "The buffer at 0x%" PRIx64
                          " has unknown flags (0x%x); they were ignored.",
                          buffer->offset, (unsigned)buffer->flags);
    }
}

/* Plain buffers all have one size: a wrong one in a header that is else sound costs nothing. */
static bool can_mend_size (const struct hs_etl_walk *walk, const uint8_t *at)
{
    return walk->next > 0 && !walk->is_packed &&
           (hs_get_u16 (at + ETL_BUFFER_FLAGS_AT) & ETL_FLAG_PACKED) == 0 &&
           is_plausible (walk, at) && hs_get_u32 (at + ETL_BUFFER_FILLED_AT) <= walk->session_size;
}

static uint32_t mended_size (struct hs_etl_walk *walk, const uint8_t *at,
                             struct hs_note_pile *notes)
{
    hs_note_pile_add (notes, HS_NOTE_BUFFER_DAMAGED, walk->next,
                      "The buffer at 0x%" PRIx64 " announces %" PRIu32
                      " bytes, which cannot be; it was read with the session's %" PRIu32 ".",
                      walk->next, hs_get_u32 (at + ETL_BUFFER_SIZE_AT), walk->session_size);
    return walk->session_size;
}

/* A sound header stands at walk->next. HS_DAMAGED (without `err`): but its size cannot be. */
static enum hs_status take_buffer (struct hs_etl_walk *walk, const uint8_t *at,
                                   struct hs_note_pile *notes, struct hs_etl_buffer *ret)
{
    uint32_t size = hs_get_u32 (at + ETL_BUFFER_SIZE_AT);
    uint16_t flags = hs_get_u16 (at + ETL_BUFFER_FLAGS_AT);

    if (!is_size_believable (walk, walk->next, size)) {
        if (!can_mend_size (walk, at))
            return HS_DAMAGED;
        size = mended_size (walk, at, notes);
    }
    if (!has_bytes (walk, walk->next + size)) {
        if (is_growing (walk))
            return HS_AGAIN;
        /* plain buffers all have one size: another one that leads over the end is wrong, the
         * buffers in between are not */
        if ((flags & ETL_FLAG_PACKED) == 0 && walk->next > 0 && size != walk->session_size) {
            if (!can_mend_size (walk, at))
                return HS_DAMAGED;
            size = mended_size (walk, at, notes);
        }
    }
    fill (walk, at, ret);
    ret->size = size;
    if (!has_bytes (walk, walk->next + size)) {
        walk->known_size = hs_source_size (walk->source);
        ret->is_truncated = true;
        ret->size = (uint32_t)(walk->known_size - walk->next);
        hs_note_pile_add (notes, HS_NOTE_TRUNCATED, ret->offset,
                          "The file ends inside the buffer at 0x%" PRIx64 ", after %" PRIu32
                          " of its %" PRIu32 " bytes; the complete records in it were read.",
                          ret->offset, ret->size, size);
    }
    if ((flags & ETL_FLAG_PACKED) != 0)
        walk->is_packed = true;
    note_buffer (walk, ret, notes);
    walk->next += ret->size;
    walk->n_found++;
    return HS_OK;
}

/* Fewer bytes than a header has are left. */
static enum hs_status end_walk (struct hs_etl_walk *walk, const uint8_t *rest, size_t n,
                                struct hs_note_pile *notes)
{
    if (is_growing (walk))
        return HS_AGAIN;
    if (n > 0 && !is_blank (rest, n))
        hs_note_pile_add (notes, HS_NOTE_TRUNCATED, walk->next,
                          "The file ends inside the buffer header at 0x%" PRIx64
                          "; nothing of it can be read.",
                          walk->next);
    walk->next += n;
    return HS_END;
}

static int64_t now_ns (void)
{
    struct timespec now;

    (void)clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Plain buffers all have one size: where the next headers stand is known. */
static void hint_headers (struct hs_etl_walk *walk)
{
    uint64_t at = walk->hinted > walk->next ? walk->hinted : walk->next + walk->session_size;
    uint64_t end = walk->next + (uint64_t)HINT_BUFFERS * walk->session_size;

    if (walk->is_packed || at > end - (end - walk->next) / 2)
        return;
    for (; at < end; at += walk->session_size)
        hs_source_will_need (walk->source, at, PEEK_BYTES);
    walk->hinted = at;
}

static enum hs_status read_header (struct hs_etl_walk *walk, uint8_t at[PEEK_BYTES], size_t *ret_n,
                                   struct hs_error *err)
{
    int64_t begin = now_ns ();
    enum hs_status status = read_some (walk, walk->next, at, PEEK_BYTES, ret_n, err);

    if (now_ns () - begin > SLOW_READ_NS)
        hint_headers (walk);
    return status;
}

enum hs_status hs_etl_walk_next (struct hs_etl_walk *walk, struct hs_note_pile *notes,
                                 struct hs_etl_buffer *ret, struct hs_error *err)
{
    for (;;) {
        uint8_t at[PEEK_BYTES];
        size_t n;
        uint64_t offset = walk->next;
        bool is_empty;
        enum hs_status status = read_header (walk, at, &n, err);

        if (status != HS_OK)
            return status;
        if (n < ETL_BUFFER_HEADER_BYTES)
            return end_walk (walk, at, n, notes);
        if (is_in_range (walk, at)) {
            status = take_buffer (walk, at, notes, ret);
            if (status != HS_DAMAGED)
                return status;
        }
        is_empty = is_blank (at, n);
        if (is_empty && is_growing (walk))
            return HS_AGAIN;
        status = skip_damage (walk, err);
        if (status != HS_OK)
            return status;
        if (is_empty) {
            if (walk->n_blank++ == 0)
                walk->blank_offset = offset;
            continue;
        }
        hs_note_pile_add (notes, HS_NOTE_BUFFER_DAMAGED, offset,
                          "The buffer at 0x%" PRIx64
                          " has no valid header; reading went on at 0x%" PRIx64 ".",
                          offset, walk->next);
    }
}
