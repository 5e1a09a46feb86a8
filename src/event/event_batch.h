/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A batch of events on its way from a decoder to a trace.
 *
 * The decoder fills it, the trace reads it, then it is reset and used again: no allocation per
 * event. Text, frames and wide fields are copied into the batch's own arena, so an event never
 * points into a decoder's window. One thread at a time.
 */
#ifndef HS_EVENT_EVENT_BATCH_H
#define HS_EVENT_EVENT_BATCH_H

#include "base/arena.h"
#include "base/span.h"
#include "event/heap_event.h"

#define HS_BATCH_EVENTS 4096

struct hs_event_batch {
    struct hs_event events[HS_BATCH_EVENTS];
    uint32_t n;
    int64_t last_time; /* ticks: the latest record of any kind read so far */
    bool has_last_time;
    bool is_out_of_memory; /* sticky: some hs_batch_* call could not copy its data */
    struct hs_arena arena;
};

/* An alloc or free in short, for long runs of them; what is not here is the same for all. */
struct hs_brief_block {
    int64_t time;
    uint64_t address;
    uint64_t size;
    hs_stack_slot stack;
    uint32_t thread;
    uint16_t origin; /* hs_event_origin() */
    uint8_t is_free;
};

/* NULL when memory is out. */
struct hs_event_batch *hs_batch_new (void);
void hs_batch_free (struct hs_event_batch *batch);

/* Empties the batch; lent text and frames end here. */
void hs_batch_reset (struct hs_event_batch *batch);

/* Whether `n` more events fit. A decoder stops between records when they do not. */
static inline bool hs_batch_has_room (const struct hs_event_batch *batch, uint32_t n)
{
    return HS_BATCH_EVENTS - batch->n >= n;
}

/* Adds an event of that kind and lends it for filling in: the caller has made sure of room. The
 * head fields (time … stack_ref) are zeroed, process is HS_NO_PROCESS; the union is not touched. */
static inline struct hs_event *hs_batch_add (struct hs_event_batch *batch, enum hs_event_kind kind,
                                             int64_t time)
{
    struct hs_event *event = &batch->events[batch->n++];

    event->time = time;
    event->kind = (uint8_t)kind;
    event->flags = 0;
    event->source = 0;
    event->call = 0;
    event->process = HS_NO_PROCESS;
    event->thread = 0;
    event->stack = HS_NO_STACK;
    event->stack_ref = 0;
    return event;
}

/* The opposite of hs_event_origin(). */
static inline void hs_event_set_origin (struct hs_event *event, uint16_t origin)
{
    event->source = (uint8_t)origin;
    event->call = (uint8_t)(origin >> 8);
}

/* Copies into the arena. On no memory: is_out_of_memory is set and an empty text / NULL returned.
 */
struct hs_text hs_batch_text (struct hs_event_batch *batch, const char *bytes, size_t length);
const uint64_t *hs_batch_frames (struct hs_event_batch *batch, const uint64_t *frames, uint32_t n);

/* Each adds one event with a copy of `fields` whose texts are copied as well; the returned event
 * (never NULL) can still be given process, thread and so on. The caller has made sure of room. */
struct hs_event *hs_batch_add_process (struct hs_event_batch *batch, enum hs_event_kind kind,
                                       int64_t time, const struct hs_process_fields *fields);
struct hs_event *hs_batch_add_module (struct hs_event_batch *batch, int64_t time,
                                      const struct hs_module_fields *fields);
struct hs_event *hs_batch_add_frame (struct hs_event_batch *batch,
                                     const struct hs_frame_fields *fields);
void hs_batch_add_note (struct hs_event_batch *batch, enum hs_note_kind kind, uint64_t file_offset,
                        const char *format, ...) __attribute__ ((format (printf, 4, 5)));
/* A note that stands for `count` cases, of which `sentence` is the first. */
void hs_batch_add_notes (struct hs_event_batch *batch, enum hs_note_kind kind, uint32_t count,
                         uint64_t file_offset, const char *sentence);
void hs_batch_add_fact_number (struct hs_event_batch *batch, const char *name, int64_t number);
void hs_batch_add_fact_unsigned (struct hs_event_batch *batch, const char *name, uint64_t number);
void hs_batch_add_fact_text (struct hs_event_batch *batch, const char *name, const char *text);
void hs_batch_add_count (struct hs_event_batch *batch, const char *name, uint64_t count);
void hs_batch_add_stack (struct hs_event_batch *batch, hs_process_id process, hs_stack_slot slot,
                         const uint64_t *frames, uint32_t n_frames);
void hs_batch_add_stack_link (struct hs_event_batch *batch, uint64_t ref, hs_stack_slot slot);

#endif
