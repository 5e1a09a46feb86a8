/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Heap records; see etl_heap.h. The layouts are packed tables of pointers, so each is read as
 * "pointer number i", with one test of the length per record.
 */
#include "decode/etl/etl_heap.h"

#include "event/block_call.h"

enum { CREATE = 0x20, ALLOC, REALLOC, DESTROY, FREE, SNAPSHOT = 0x26, LAST = 0x3a };

/* Least payload (pointers, bytes behind them, more pointers from version 3 on) and what it is. */
struct heap_layout {
    uint8_t n_pointers, n_bytes, n_pointers_v3;
    uint8_t event_kind, stack_kind;
};

#define SEEN HS_EVENT_HEAP_SEEN, HS_ETL_STACK_OF_OTHER

static const struct heap_layout layouts[LAST - CREATE + 1] = {
    { 1, 4, 3, HS_EVENT_HEAP_CREATE, HS_ETL_STACK_OF_HEAP },  /* 20 Create */
    { 3, 4, 0, HS_EVENT_ALLOC, HS_ETL_STACK_OF_ALLOC },       /* 21 Alloc */
    { 5, 4, 0, HS_EVENT_REALLOC, HS_ETL_STACK_OF_REALLOC },   /* 22 ReAlloc */
    { 1, 0, 0, HS_EVENT_HEAP_DESTROY, HS_ETL_STACK_OF_HEAP }, /* 23 Destroy */
    { 2, 4, 0, HS_EVENT_FREE, HS_ETL_STACK_OF_FREE },         /* 24 Free */
    { 6, 4, 1, SEEN },                                        /* 25 Expand */
    { 4, 4, 0, SEEN }, /* 26 SnapShot: the old class ends here whatever its version says */
    { 0 },             /* 27 to 29: layout unknown */
    { 0 },
    { 0 },
    { 6, 4, 1, SEEN }, /* 2A Contract */
    { 1, 0, 0, SEEN }, /* 2B Lock */
    { 1, 0, 0, SEEN }, /* 2C Unlock */
    { 1, 0, 0, SEEN }, /* 2D Validate */
    { 1, 0, 0, SEEN }, /* 2E Walk */
    { 4, 0, 0, SEEN }, /* 2F Subsegment alloc */
    { 4, 0, 0, SEEN }, /* 30 Subsegment free */
    { 4, 0, 0, SEEN }, /* 31 Subsegment alloc cached */
    { 4, 0, 0, SEEN }, /* 32 Subsegment free cached */
    { 3, 4, 0, SEEN }, /* 33 Commit */
    { 3, 4, 0, SEEN }, /* 34 Decommit */
    { 4, 4, 0, SEEN }, /* 35 Subsegment init */
    { 1, 4, 0, SEEN }, /* 36 Affinity enable */
    { 0 },             /* 37: sources disagree */
    { 2, 0, 0, SEEN }, /* 38 Subsegment activated */
    { 2, 4, 0, SEEN }, /* 39 Affinity slot assign */
    { 2, 4, 0, SEEN }, /* 3A Reuse threshold activated */
};

static inline uint64_t pointer_at (const struct hs_etl_record *record, unsigned i, unsigned size)
{
    const uint8_t *at = record->payload.data + (size_t)i * size;

    return size == 8 ? hs_get_u64 (at) : hs_get_u32 (at);
}

static inline void fill_block (struct hs_event *event, const struct hs_etl_record *record,
                               unsigned n_pointers, unsigned size)
{
    struct hs_block_fields *block = &event->block;

    event->source = (uint8_t)hs_get_u32 (record->payload.data + (size_t)n_pointers * size);
    *block = (struct hs_block_fields){ .heap = pointer_at (record, 0, size) };
    if (record->opcode == ALLOC) {
        block->size = pointer_at (record, 1, size);
        block->address = pointer_at (record, 2, size);
    } else if (record->opcode == FREE) {
        block->address = pointer_at (record, 1, size);
    } else {
        block->address = pointer_at (record, 1, size);
        block->old_address = pointer_at (record, 2, size);
        block->size = pointer_at (record, 3, size);
        block->old_size = pointer_at (record, 4, size);
    }
}

/* What our own provider told of this thread. */
static uint8_t call_of (const struct hs_etl_sink *sink, const struct hs_etl_record *record,
                        unsigned kind)
{
    uint32_t calls = hs_idmap_get (&sink->calls, (uint64_t)record->process << 32 | record->thread);

    if (calls == HS_IDMAP_NONE)
        return HS_CALL_UNKNOWN;
    return (uint8_t)(kind == HS_EVENT_FREE ? calls >> 8 : calls);
}

void hs_etl_heap_record (struct hs_etl_processes *processes, struct hs_etl_stacks *stacks,
                         struct hs_etl_sink *sink, const struct hs_etl_record *record)
{
    int64_t time = hs_etl_ticks (sink, record->time);
    uint32_t pid = record->process;
    const struct heap_layout *layout;
    struct hs_event *event;
    hs_process_id process;
    size_t least;

    if (record->opcode < CREATE || record->opcode > LAST)
        return;
    layout = &layouts[record->opcode - CREATE];
    least = (size_t)(layout->n_pointers + (record->version >= 3 ? layout->n_pointers_v3 : 0)) *
                record->pointer_size +
            layout->n_bytes;
    if (least == 0)
        return;
    if (record->payload.size < least) {
        hs_etl_sink_note_short (sink, record);
        return;
    }
    if (pid == HS_ETL_NO_ID && record->opcode == SNAPSHOT)
        pid = hs_span_has (record->payload, least, 4) ? hs_get_u32 (record->payload.data + least)
                                                      : pid;
    /* without an id all heaps fall to one nameless process: better than losing the blocks */
    process = hs_etl_process_alive (processes, sink, pid, time);
    if (process == HS_NO_PROCESS)
        return;
    if (record->pointer_size == 4)
        hs_etl_process_set_32bit (processes, sink, process, time);
    event = hs_batch_add (sink->batch, (enum hs_event_kind)layout->event_kind, time);
    event->process = process;
    event->thread = record->thread;
    event->flags = sink->block_flags;
    if (layout->event_kind <= HS_EVENT_REALLOC && sink->calls.n > 0)
        event->call = call_of (sink, record, event->kind);
    if (layout->event_kind > HS_EVENT_REALLOC)
        event->heap =
            (struct hs_heap_fields){ .heap = pointer_at (record, 0, record->pointer_size) };
    else if (record->pointer_size == 8) /* a constant saves asking for each pointer */
        fill_block (event, record, layout->n_pointers, 8);
    else
        fill_block (event, record, layout->n_pointers, 4);
    if (layout->stack_kind != HS_ETL_STACK_OF_OTHER)
        hs_etl_stacks_event (stacks, record, (enum hs_etl_stack_kind)layout->stack_kind, pid,
                             event);
}
