/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Heap records; see etl_heap.h. The layouts are packed tables of pointers, so each is read as
 * "pointer number i", with one test of the length per record.
 */
#include "decode/etl/etl_heap.h"

#include "base/limits.h"

enum {
    CREATE = 0x20,
    ALLOC = 0x21,
    REALLOC = 0x22,
    DESTROY = 0x23,
    FREE = 0x24,
    EXPAND = 0x25,
    SNAPSHOT = 0x26,
    CONTRACT = 0x2a,
    LOCK = 0x2b,
    WALK = 0x2e,
    SUBSEGMENT_ALLOC = 0x2f,
    SUBSEGMENT_FREE_CACHED = 0x32,
    COMMIT = 0x33,
    DECOMMIT = 0x34,
    SUBSEGMENT_INIT = 0x35,
    AFFINITY_ENABLE = 0x36,
    SUBSEGMENT_ACTIVATED = 0x38,
    AFFINITY_ASSIGN = 0x39,
    REUSE_THRESHOLD = 0x3a,
};

static inline uint64_t pointer_at (const struct hs_etl_record *record, unsigned i)
{
    const uint8_t *at = record->payload.data + (size_t)i * record->pointer_size;

    return record->pointer_size == 8 ? hs_get_u64 (at) : hs_get_u32 (at);
}

/* Least payload of the records of 7.1 and 7.2: pointers and bytes behind them. */
static size_t least_size (const struct hs_etl_record *record)
{
    unsigned p = record->pointer_size;
    unsigned version = record->version;

    switch (record->opcode) {
    case CREATE:
        return version >= 3 ? 4 * p + 4 : p + 4;
    case ALLOC:
        return 3 * p + 4;
    case REALLOC:
        return 5 * p + 4;
    case DESTROY:
        return p;
    case FREE:
        return 2 * p + 4;
    case EXPAND:
    case CONTRACT:
        return 6 * p + 4 + (version >= 3 ? p : 0);
    case SNAPSHOT: /* the old class ends behind the flags whatever its version says */
        return 4 * p + 4;
    case COMMIT:
    case DECOMMIT:
        return 3 * p + 4;
    case SUBSEGMENT_INIT:
        return 4 * p + 4;
    case AFFINITY_ENABLE:
        return p + 4;
    case SUBSEGMENT_ACTIVATED:
        return 2 * p;
    case AFFINITY_ASSIGN:
    case REUSE_THRESHOLD:
        return 2 * p + 4;
    default:
        if (record->opcode >= LOCK && record->opcode <= WALK)
            return p;
        if (record->opcode >= SUBSEGMENT_ALLOC && record->opcode <= SUBSEGMENT_FREE_CACHED)
            return 4 * p;
        return 0; /* layout unknown: 27 to 29, 37 and what may come */
    }
}

static enum hs_event_kind event_kind (uint8_t opcode)
{
    switch (opcode) {
    case CREATE:
        return HS_EVENT_HEAP_CREATE;
    case ALLOC:
        return HS_EVENT_ALLOC;
    case REALLOC:
        return HS_EVENT_REALLOC;
    case DESTROY:
        return HS_EVENT_HEAP_DESTROY;
    case FREE:
        return HS_EVENT_FREE;
    default:
        return HS_EVENT_HEAP_SEEN;
    }
}

static void fill_block (struct hs_event *event, const struct hs_etl_record *record)
{
    unsigned n_pointers = record->opcode == ALLOC ? 3 : record->opcode == FREE ? 2 : 5;
    struct hs_block_fields *block = &event->block;

    event->source =
        (uint16_t)hs_get_u32 (record->payload.data + (size_t)n_pointers * record->pointer_size);
    *block = (struct hs_block_fields){ .heap = pointer_at (record, 0) };
    if (record->opcode == ALLOC) {
        block->size = pointer_at (record, 1);
        block->address = pointer_at (record, 2);
    } else if (record->opcode == FREE) {
        block->address = pointer_at (record, 1);
    } else {
        block->address = pointer_at (record, 1);
        block->old_address = pointer_at (record, 2);
        block->size = pointer_at (record, 3);
        block->old_size = pointer_at (record, 4);
    }
}

static enum hs_etl_stack_kind stack_kind (uint8_t opcode)
{
    return opcode == ALLOC     ? HS_ETL_STACK_OF_ALLOC
           : opcode == REALLOC ? HS_ETL_STACK_OF_REALLOC
           : opcode == FREE    ? HS_ETL_STACK_OF_FREE
                               : HS_ETL_STACK_OF_HEAP;
}

void hs_etl_heap_record (struct hs_etl_processes *processes, struct hs_etl_stacks *stacks,
                         struct hs_etl_sink *sink, const struct hs_etl_record *record)
{
    int64_t time = hs_etl_ticks (sink, record->time);
    size_t least = least_size (record);
    uint32_t pid = record->process;
    struct hs_event *event;
    hs_process_id process;

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
    event = hs_batch_add (sink->batch, event_kind (record->opcode), time);
    event->process = process;
    event->thread = record->thread;
    event->flags = sink->block_flags;
    if (record->opcode == ALLOC || record->opcode == FREE || record->opcode == REALLOC)
        fill_block (event, record);
    else
        event->heap = (struct hs_heap_fields){ .heap = pointer_at (record, 0) };
    if (event->kind != HS_EVENT_HEAP_SEEN)
        hs_etl_stacks_event (stacks, record, stack_kind (record->opcode), pid, event);
}
