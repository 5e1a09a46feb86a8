/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the .hst decoder share (FORMAT.md beside this). hst_format.c goes from chunk
 * to chunk and lets a segment - definitions and the events between them - out into batches;
 * hst_chunks.c finds, checks and unpacks chunks. One thread at a time.
 */
#ifndef HS_DECODE_HST_HST_READER_H
#define HS_DECODE_HST_HST_READER_H

#include "base/arena.h"
#include "base/array.h"
#include "base/span.h"
#include "decode/note_pile.h"
#include "decode/source.h"
#include "event/hst_model.h"

/* What one op or definition may add to a batch: itself, the process it names unknown, and a gap. */
#define HS_HST_OP_ROOM 3u

struct hs_hst_chunk_head {
    uint64_t offset; /* of the header in the file */
    uint32_t number, n_stored, n_raw, n_block_events, payload_checksum;
    uint16_t type, flags;
};

struct hs_hst_payload {
    uint8_t *bytes; /* HS_HST_MAX_OP_BYTES zeros behind the n bytes: an op never reads past them */
    size_t n, capacity;
};

/* Numbers given by the writer to things that lie in an array here; holes are what damage took. */
struct hs_hst_numbers {
    uint32_t first, n;
    size_t at; /* of `first` in the array */
};

struct hs_hst_numbering {
    HS_ARRAY (struct hs_hst_numbers) parts;
};

struct hs_hst_known_node {
    uint64_t address;
    uint32_t parent; /* number; 0 = the root */
};

struct hs_hst_cursor {
    const uint8_t *at, *end;
};

struct hs_hst {
    struct hs_source *source;
    struct hs_window window;
    uint64_t offset; /* of what is read next */
    uint64_t search; /* > 0: looking from here for a chunk behind damage */
    void *zstd;      /* ZSTD_DCtx, NULL until needed */
    struct hs_hst_payload stored;
    struct hs_note_pile notes;

    /* the segment being delivered */
    struct hs_hst_payload definitions, events;
    struct hs_hst_cursor definition; /* what is left of it */
    struct hs_hst_cursor op;
    uint32_t n_ops;               /* left */
    uint32_t n_definitions_due;   /* to be delivered before the next op */
    uint32_t n_block_events;      /* of the chunk, delivered or dropped so far */
    uint32_t n_block_events_told; /* of the chunk, as its header says */
    int64_t definition_time;
    hs_stack_slot definition_slot;
    int64_t segment_time; /* HS_HST_NO_TIME: none */
    uint64_t events_offset, definitions_offset;
    struct hs_hst_model *model;
    struct hs_event *templates; /* by context of the model */

    /* the file so far */
    struct hs_hst_numbering node_numbers, string_numbers;
    HS_ARRAY (struct hs_hst_known_node) nodes;
    HS_ARRAY (struct hs_text) strings;
    struct hs_arena texts;
    uint64_t *frames;     /* HS_LIMIT_STACK_DEPTH */
    uint64_t n_raw;       /* payload bytes so far: no sensible number is larger than that */
    uint64_t first_event; /* block events so far, lost ones too */
    uint64_t n_by_op[3];  /* allocs, frees, reallocs delivered */
    uint32_t n_processes; /* highest told + 1 */
    uint32_t next_chunk;
    int64_t record_time;
    int64_t gap_time; /* since when heap events are missing: a gap is due */
    bool has_record_time, is_gap_due;
    bool has_header, has_definitions, is_delivering, has_footer, has_trailer, has_damage, has_ended;
};

/* hst_chunks.c */

/*
 * The header at self->offset, without moving on. HS_END: the file ends here, self->offset then
 * stands at its end or at what is cut off. Damaged headers are noted and searched past.
 */
enum hs_status hs_hst_find_chunk (struct hs_hst *self, struct hs_hst_chunk_head *ret,
                                  struct hs_error *err);

/*
 * Reads, checks and unpacks the payload and moves on. HS_END: cut off. HS_DAMAGED: noted and moved
 * past; the caller goes on.
 */
enum hs_status hs_hst_read_payload (struct hs_hst *self, const struct hs_hst_chunk_head *head,
                                    struct hs_hst_payload *to, struct hs_error *err);

/* Moves past a chunk that is not read. HS_END: cut off. */
enum hs_status hs_hst_skip_chunk (struct hs_hst *self, const struct hs_hst_chunk_head *head,
                                  struct hs_error *err);
void hs_hst_chunks_clear (struct hs_hst *self);

/* Heap events are missing from the newest time so far on: told as a gap before what comes next. */
void hs_hst_lose_events (struct hs_hst *self, int64_t time);

void hs_hst_note (struct hs_hst *self, enum hs_note_kind kind, uint64_t offset, const char *format,
                  ...) __attribute__ ((format (printf, 4, 5)));

/* hst_read_definitions.c */

/* Checks the header of self->definitions and makes it ready to be delivered. */
enum hs_status hs_hst_begin_read_definitions (struct hs_hst *self, struct hs_error *err);

/* Delivers the next definition that is an event; false when there is none left. */
bool hs_hst_read_definition (struct hs_hst *self, struct hs_event_batch *out);
void hs_hst_definitions_clear (struct hs_hst *self);

/* Whether events may speak of that process; tells it first when it was never defined. */
bool hs_hst_need_process (struct hs_hst *self, hs_process_id process, struct hs_event_batch *out);
bool hs_hst_is_slot (struct hs_hst *self, int64_t slot);

/* hst_read_events.c */

/* Checks the header of self->events and makes it ready to be delivered. */
void hs_hst_begin_read_events (struct hs_hst *self);

/* Delivers ops until the batch is full, definitions are due, or none is left. */
void hs_hst_read_ops (struct hs_hst *self, struct hs_event_batch *out);

/* LEB128; bytes behind the end of a payload are zeros, so this ends. */
static inline uint64_t hs_hst_varint (const uint8_t **at)
{
    const uint8_t *byte = *at;
    uint64_t value = *byte & 0x7f;

    for (unsigned shift = 7; (*byte++ & 0x80) != 0 && shift < 64; shift += 7)
        value |= (uint64_t)(*byte & 0x7f) << shift;
    *at = byte;
    return value;
}

static inline int64_t hs_hst_signed_varint (const uint8_t **at)
{
    return hs_hst_unzigzag (hs_hst_varint (at));
}

#endif
