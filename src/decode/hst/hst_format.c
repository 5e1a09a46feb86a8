/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our own stream, .hst (FORMAT.md): recognises it and goes from chunk to chunk. A segment -
 * definitions and the events between them - is loaded as a whole and let out batch by batch.
 */
#include "decode/format.h"

#include "base/checksum.h"
#include "base/limits.h"
#include "base/text.h"
#include "decode/hst/hst_reader.h"

static int hst_probe (struct hs_span head)
{
    return head.size >= HS_HST_MAGIC_BYTES &&
                   memcmp (head.data, HS_HST_MAGIC, HS_HST_MAGIC_BYTES) == 0
               ? 100
               : 0;
}

static void hst_close (void *data)
{
    struct hs_hst *self = data;

    if (self == NULL)
        return;
    hs_hst_chunks_clear (self);
    hs_hst_definitions_clear (self);
    hs_free (self->model);
    hs_free (self->templates);
    hs_free (self);
}

/* HS_UNSUPPORTED for a newer format. A damaged header is taken for one of this version. */
static enum hs_status read_file_header (struct hs_hst *self, struct hs_error *err)
{
    struct hs_span view;
    uint16_t major;
    enum hs_status status =
        hs_source_view (self->source, &self->window, 0, HS_HST_FILE_HEADER_BYTES, &view, err);

    if (status != HS_OK)
        return status;
    self->has_header = true;
    self->offset = HS_HST_FILE_HEADER_BYTES;
    if (hs_span_u32_at (view, HS_HST_FILE_HEADER_CHECKED) !=
        hs_checksum32 (hs_span_part (view, 0, HS_HST_FILE_HEADER_CHECKED))) {
        hs_hst_note (self, HS_NOTE_BUFFER_DAMAGED, 0, "The file header is damaged.");
        return HS_OK;
    }
    major = hs_span_u16_at (view, 8);
    if (major != HS_HST_MAJOR)
        return hs_error_set (err, HS_UNSUPPORTED, 8,
                             "version %u of the Heapstrata stream; this program reads version %u",
                             major, HS_HST_MAJOR);
    /* a later minor version may have made the header longer */
    self->offset = hs_span_u32_at (view, 12);
    if (self->offset < HS_HST_FILE_HEADER_BYTES || self->offset > UINT16_MAX)
        return hs_error_set (err, HS_DAMAGED, 12, "the file header is %llu bytes long",
                             (unsigned long long)self->offset);
    return HS_OK;
}

static enum hs_status hst_open (struct hs_source *const *sources, size_t n, void **ret,
                                struct hs_error *err)
{
    struct hs_hst *self = HS_NEW (struct hs_hst);
    enum hs_status status;

    (void)n;
    if (self == NULL)
        return hs_error_no_memory (err);
    self->source = sources[0];
    self->model = hs_alloc_array (1, sizeof *self->model);
    self->templates = hs_alloc_array (HS_HST_MAX_CONTEXTS, sizeof *self->templates);
    self->frames = hs_alloc_array (HS_LIMIT_STACK_DEPTH, sizeof *self->frames);
    status = self->model == NULL || self->templates == NULL || self->frames == NULL
                 ? hs_error_no_memory (err)
                 : read_file_header (self, err);
    if (hs_status_is_error (status)) {
        hst_close (self);
        return status;
    }
    *ret = self;
    return HS_OK;
}

static void deliver (struct hs_hst *self)
{
    uint32_t n_told = hs_get_u32 (self->events.bytes + HS_HST_EVENTS_AT_N_DEFINITIONS);

    if (self->n_ops > 0 && n_told > 0 && !self->has_definitions)
        hs_hst_note (self, HS_NOTE_SEQUENCE_GAP, self->events_offset,
                     "The definitions that belong to a chunk of events are missing.");
    if (!self->has_definitions)
        self->definition.at = self->definition.end = NULL;
    self->has_definitions = false;
    self->n_definitions_due = 0;
    self->is_delivering = true;
}

/* Without events behind them, definitions are delivered alone. */
static void deliver_definitions (struct hs_hst *self)
{
    self->n_ops = 0;
    self->n_block_events = self->n_block_events_told = 0;
    self->segment_time = HS_HST_NO_TIME;
    self->op.at = self->op.end = NULL;
    self->has_definitions = false;
    self->n_definitions_due = 0;
    self->is_delivering = true;
}

static enum hs_status load_definitions (struct hs_hst *self, const struct hs_hst_chunk_head *head,
                                        struct hs_error *err)
{
    enum hs_status status = hs_hst_read_payload (self, head, &self->definitions, err);

    if (status != HS_OK)
        return status;
    self->definitions_offset = self->events_offset = head->offset;
    status = hs_hst_begin_read_definitions (self, err);
    if (status != HS_OK)
        return status;
    if ((head->flags & HS_HST_CHUNK_FOLLOWED) != 0)
        self->has_definitions = true;
    else
        deliver_definitions (self);
    return HS_OK;
}

/* The first chunk of events of a circular recording: what came before was dropped on purpose. */
static void enter_base (struct hs_hst *self)
{
    struct hs_span payload = { self->events.bytes, self->events.n };
    uint64_t first_event = hs_span_u64_at (payload, HS_HST_EVENTS_AT_FIRST_EVENT);

    if (self->first_event != 0 || first_event == 0)
        return;
    self->first_event = first_event;
    hs_hst_note (
        self, HS_NOTE_OTHER, self->events_offset,
        "A circular recording: of its oldest part (%llu heap events) only what still stood "
        "at its end is kept.",
        (unsigned long long)first_event);
}

static enum hs_status load_events (struct hs_hst *self, const struct hs_hst_chunk_head *head,
                                   struct hs_error *err)
{
    enum hs_status status = hs_hst_read_payload (self, head, &self->events, err);

    if (status == HS_DAMAGED) {
        self->first_event += head->n_block_events; /* told in the note */
        hs_hst_lose_events (self, self->record_time);
        if (self->has_definitions)
            deliver_definitions (self);
    }
    if (status != HS_OK)
        return status;
    self->events_offset = head->offset;
    self->n_block_events_told = head->n_block_events;
    if ((head->flags & HS_HST_CHUNK_BASE) != 0)
        enter_base (self);
    hs_hst_begin_read_events (self);
    deliver (self);
    return HS_OK;
}

static void check_totals (struct hs_hst *self, struct hs_span footer, uint64_t offset)
{
    static const unsigned at[] = { HS_HST_FOOTER_AT_ALLOCS, HS_HST_FOOTER_AT_FREES,
                                   HS_HST_FOOTER_AT_REALLOCS };
    bool is_equal = footer.size >= HS_HST_FOOTER_HEADER_BYTES &&
                    hs_span_u64_at (footer, HS_HST_FOOTER_AT_BLOCK_EVENTS) == self->first_event;

    for (unsigned i = 0; i < 3; i++)
        is_equal = is_equal && hs_span_u64_at (footer, at[i]) == self->n_by_op[i];
    if (!is_equal && !self->has_damage)
        hs_hst_note (self, HS_NOTE_RECORD_DAMAGED, offset,
                     "The file's closing totals say %llu heap events, but it holds %llu.",
                     (unsigned long long)hs_span_u64_at (footer, HS_HST_FOOTER_AT_BLOCK_EVENTS),
                     (unsigned long long)self->first_event);
}

/* The footer, and the trailer behind it: then the file is complete. */
static enum hs_status read_footer (struct hs_hst *self, const struct hs_hst_chunk_head *head,
                                   struct hs_error *err)
{
    enum hs_status status = hs_hst_read_payload (self, head, &self->events, err);

    if (status != HS_OK)
        return status;
    check_totals (self, (struct hs_span){ self->events.bytes, self->events.n }, head->offset);
    self->has_footer = true;
    return HS_OK;
}

static enum hs_status read_trailer (struct hs_hst *self, struct hs_error *err)
{
    struct hs_span view;
    enum hs_status status = hs_source_view (self->source, &self->window, self->offset,
                                            HS_HST_TRAILER_BYTES, &view, err);
    bool is_sound;

    if (status != HS_OK)
        return status;
    is_sound = memcmp (view.data, HS_HST_TRAILER_MAGIC, 8) == 0 &&
               hs_get_u32 (view.data + HS_HST_TRAILER_CHECKED) ==
                   hs_checksum32 (hs_span_part (view, 0, HS_HST_TRAILER_CHECKED));
    if (!is_sound)
        hs_hst_note (self, HS_NOTE_BUFFER_DAMAGED, self->offset,
                     "The last bytes of the file are damaged; nothing depends on them.");
    self->offset += HS_HST_TRAILER_BYTES;
    self->has_trailer = true;
    return HS_END;
}

/* The last `n` bytes of a part of the file that ends at `end`, into `to`. */
static enum hs_status read_end (struct hs_hst *self, uint64_t end, uint8_t *to, size_t n,
                                struct hs_error *err)
{
    size_t n_read;
    enum hs_status status = HS_END;

    if (end >= HS_HST_FILE_HEADER_BYTES + n)
        status = hs_source_read (self->source, end - n, to, n, &n_read, err);
    if (status == HS_OK && n_read < n)
        status = HS_END;
    return status == HS_AGAIN ? HS_END : status;
}

/* Whether 32 bytes at the end of something are whole: recording and index end alike. */
static bool is_end (const uint8_t *bytes, const char *magic)
{
    return memcmp (bytes, magic, 8) == 0 &&
           hs_get_u32 (bytes + HS_HST_TRAILER_CHECKED) ==
               hs_checksum32 ((struct hs_span){ bytes, HS_HST_TRAILER_CHECKED });
}

/* FORMAT.md 9: the index stands behind the closed recording, and says where it begins. */
static enum hs_status hst_index (void *data, struct hs_extent *ret, struct hs_error *err)
{
    struct hs_hst *self = data;
    struct hs_extent extent = { .recording_bytes = hs_source_size (self->source) };
    uint8_t end[HS_HST_CHUNK_HEADER_BYTES + HS_HST_TRAILER_BYTES];
    uint8_t *trailer = end + HS_HST_CHUNK_HEADER_BYTES;
    size_t n;
    enum hs_status status =
        read_end (self, extent.recording_bytes, trailer, HS_HST_TRAILER_BYTES, err);

    if (status == HS_OK && is_end (trailer, HS_INDEX_END_MAGIC)) {
        uint64_t begin = hs_get_u64 (trailer + 8);

        if (begin >= extent.recording_bytes)
            return HS_END;
        extent.index_bytes = extent.recording_bytes - begin;
        extent.recording_bytes = begin;
        status = read_end (self, begin, trailer, HS_HST_TRAILER_BYTES, err);
    } else if (status == HS_OK && self->has_trailer) {
        /* the recording was read to its end; what is behind it, if anything, is torn */
        extent.recording_bytes = self->offset;
        status = read_end (self, self->offset, trailer, HS_HST_TRAILER_BYTES, err);
    }
    if (status != HS_OK || !is_end (trailer, HS_HST_TRAILER_MAGIC))
        return hs_status_is_error (status) ? status : HS_END;
    status = hs_source_read (self->source, hs_get_u64 (trailer + 8), end, HS_HST_CHUNK_HEADER_BYTES,
                             &n, err);
    if (status != HS_OK || n < HS_HST_CHUNK_HEADER_BYTES)
        return hs_status_is_error (status) ? status : HS_END;
    extent.recording_seal = hs_checksum32 ((struct hs_span){ end, sizeof end });
    *ret = extent;
    return HS_OK;
}

/* What stands behind a closed recording: nothing, or an index, which is not read here. */
static void note_rest (struct hs_hst *self)
{
    uint64_t size = hs_source_size (self->source);
    struct hs_extent extent;
    struct hs_span view;

    if (size == self->offset)
        return;
    if (hst_index (self, &extent, NULL) == HS_OK && extent.index_bytes > 0 &&
        extent.recording_bytes == self->offset)
        return;
    if (hs_source_view (self->source, &self->window, self->offset, 8, &view, NULL) == HS_OK &&
        memcmp (view.data, HS_INDEX_MAGIC, 8) == 0)
        hs_hst_note (self, HS_NOTE_INDEX, self->offset,
                     "The index at the end of the file is not whole.");
    else
        hs_hst_note (self, HS_NOTE_TRUNCATED, self->offset,
                     "%llu bytes behind the end of the recording are left out.",
                     (unsigned long long)(size - self->offset));
}

static void note_end (struct hs_hst *self)
{
    uint64_t size = hs_source_size (self->source);

    if (size > self->offset || !self->has_header)
        hs_hst_note (self, HS_NOTE_TRUNCATED, self->offset,
                     "The file ends inside a chunk; its last %llu bytes are left out.",
                     (unsigned long long)(size - self->offset));
    else
        hs_hst_note (self, HS_NOTE_NOT_FINALIZED, self->offset,
                     "The file was not closed by its writer: what came later is not in it.");
}

/* One chunk further. HS_OK may mean that there is nothing to deliver yet. */
static enum hs_status load_chunk (struct hs_hst *self, struct hs_error *err)
{
    struct hs_hst_chunk_head head;
    enum hs_status status;

    if (!self->has_header) {
        status = read_file_header (self, err);
        if (status != HS_OK)
            return status;
    }
    if (self->has_footer)
        return read_trailer (self, err);
    status = hs_hst_find_chunk (self, &head, err);
    if (status != HS_OK)
        return status;
    if (self->has_definitions &&
        (head.type != HS_HST_CHUNK_EVENTS || head.number != self->next_chunk)) {
        deliver_definitions (self);
        return HS_OK;
    }
    switch ((enum hs_hst_chunk_type)head.type) {
    case HS_HST_CHUNK_DEFINITIONS:
        status = load_definitions (self, &head, err);
        break;
    case HS_HST_CHUNK_EVENTS:
        status = load_events (self, &head, err);
        break;
    case HS_HST_CHUNK_FOOTER:
        status = read_footer (self, &head, err);
        break;
    case HS_HST_CHUNK_FIRST_INDEX:
    default: /* parts of the index, and what later versions add */
        status = hs_hst_skip_chunk (self, &head, err);
        break;
    }
    return status == HS_DAMAGED ? HS_OK : status;
}

/* What the missing events did to the blocks before them cannot be known, as in any gap. */
static void tell_gap (struct hs_hst *self, int64_t end, struct hs_event_batch *out)
{
    struct hs_event *gap = hs_batch_add (out, HS_EVENT_GAP, self->gap_time);

    gap->process = HS_NO_PROCESS;
    gap->end_time = end > self->gap_time ? end : self->gap_time;
    self->is_gap_due = false;
}

/* Lets out what the segment has; sets is_delivering to false when that was all. */
static void read_segment (struct hs_hst *self, struct hs_event_batch *out)
{
    while (hs_batch_has_room (out, HS_HST_OP_ROOM + HS_N_NOTE_KINDS)) {
        if (self->is_gap_due && self->n_ops > 0) {
            tell_gap (self, self->model->time, out);
        } else if (self->n_definitions_due == 0 && self->n_ops > 0) {
            hs_hst_read_ops (self, out);
        } else if (hs_hst_read_definition (self, out)) {
            if (self->n_definitions_due > 0)
                self->n_definitions_due--;
        } else if (self->n_ops > 0) {
            self->n_definitions_due = 0; /* they went with a damaged chunk */
        } else {
            self->is_delivering = false;
            if (self->n_block_events != self->n_block_events_told && !self->has_damage)
                hs_hst_note (self, HS_NOTE_RECORD_DAMAGED, self->events_offset,
                             "A chunk announces %u heap events and holds %u.",
                             self->n_block_events_told, self->n_block_events);
            self->first_event += self->n_block_events_told;
            self->n_block_events_told = 0;
            if (self->segment_time != HS_HST_NO_TIME) {
                self->record_time = self->segment_time;
                self->has_record_time = true;
            }
            return;
        }
    }
}

static enum hs_status hst_next (void *data, struct hs_event_batch *out, struct hs_error *err)
{
    struct hs_hst *self = data;
    enum hs_status status = HS_OK;

    while (status == HS_OK && hs_batch_has_room (out, HS_HST_OP_ROOM + HS_N_NOTE_KINDS)) {
        if (self->is_delivering)
            read_segment (self, out);
        else if (self->has_ended)
            status = HS_END;
        else
            status = load_chunk (self, err);
        if (status == HS_END && self->has_definitions) {
            deliver_definitions (self); /* their events are cut off */
            status = HS_OK;
        } else if (status == HS_END && self->is_gap_due) {
            tell_gap (self, self->record_time, out);
            status = HS_OK;
        } else if (status == HS_END && !self->has_ended) {
            self->has_ended = true;
            if (self->has_trailer)
                note_rest (self);
            else if (!self->has_footer || self->offset != hs_source_size (self->source))
                note_end (self);
        }
    }
    hs_note_pile_flush (&self->notes, out);
    out->last_time = self->record_time;
    out->has_last_time = self->has_record_time;
    return status;
}

static double hst_progress (const void *data)
{
    const struct hs_hst *self = data;

    return hs_source_progress (self->source, self->offset);
}

static const char *const extensions[] = { "hst", NULL };

const struct hs_format hs_hst_format = {
    .name = "hst",
    .description = N_ ("Heapstrata stream"),
    .extensions = extensions,
    .probe = hst_probe,
    .open = hst_open,
    .next = hst_next,
    .index = hst_index,
    .progress = hst_progress,
    .close = hst_close,
};
