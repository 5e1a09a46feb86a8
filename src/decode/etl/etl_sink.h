/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the readers of ETL payloads put what they found: the caller's batch, and a queue for what
 * one record may set off in any number (stack links, stack definitions, heap ranges), so that a
 * batch never runs over. One thread; belongs to struct hs_etl_meaning.
 */
#ifndef HS_DECODE_ETL_ETL_SINK_H
#define HS_DECODE_ETL_ETL_SINK_H

#include "base/array.h"
#include "base/idmap.h"
#include "decode/etl/record.h"
#include "decode/note_pile.h"

/* Most events that reading one record adds directly. */
#define HS_ETL_RECORD_EVENTS 8

struct hs_etl_deferred {
    uint8_t kind;           /* STACK_LINK, STACK or HEAP_RANGE */
    hs_stack_slot slot;     /* STACK_LINK, STACK */
    hs_process_id process;  /* STACK, HEAP_RANGE */
    uint32_t n_frames;      /* STACK */
    uint64_t ref;           /* STACK_LINK; HEAP_RANGE: the heap */
    const uint64_t *frames; /* STACK: lent by the stack table, lives as long as the decoder */
    uint64_t address, size; /* HEAP_RANGE */
    int64_t time;
};

struct hs_etl_sink {
    struct hs_event_batch *batch;
    uint64_t batch_number; /* changes with every batch: events of older ones are out of reach */
    int64_t zero;          /* T0: raw stamp of the log file header */
    uint8_t block_flags;   /* hs_event.flags of all block events */
    struct hs_idmap calls; /* pid << 32 | tid -> calls of its allocations and frees << 8 */
    uint64_t n_refs;       /* stack_ref values given out */
    HS_ARRAY (struct hs_etl_deferred) deferred;
    size_t n_drained;
    struct hs_note_pile notes;
    bool is_out_of_memory; /* sticky */
};

/* Raw stamp to ticks since the trace's zero, saturated. */
static inline int64_t hs_etl_ticks (const struct hs_etl_sink *sink, int64_t raw)
{
    int64_t ticks;

    if (__builtin_sub_overflow (raw, sink->zero, &ticks))
        return raw < 0 ? INT64_MIN : INT64_MAX;
    return ticks;
}

/* The batch that all further events go to. */
void hs_etl_sink_begin (struct hs_etl_sink *sink, struct hs_event_batch *batch);

/* "Heap/33 is shorter than its version needs": for every payload that fails its minimum. */
void hs_etl_sink_note_short (struct hs_etl_sink *sink, const struct hs_etl_record *record);

/* Room for one more deferred event, zeroed but for its kind; NULL when memory is out. */
struct hs_etl_deferred *hs_etl_sink_defer (struct hs_etl_sink *sink, enum hs_event_kind kind);

/* Moves deferred events to the batch; true when none is left. */
bool hs_etl_sink_drain (struct hs_etl_sink *sink);

void hs_etl_sink_clear (struct hs_etl_sink *sink);

#endif
