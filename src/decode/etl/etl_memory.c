/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Virtual memory, pool and heap ranges of an ETL file; see etl_memory.h. */
#include "decode/etl/etl_memory.h"

enum { VIRTUAL_ALLOC = 98, VIRTUAL_FREE = 99, VIRTUAL_ROTATE = 127 };
enum { VIRTUAL_DC_START = 128, VIRTUAL_DC_END = 129 };
enum { RANGE_RUNDOWN = 100, RANGE_CREATE, RANGE_RESERVE, RANGE_RELEASE, RANGE_DESTROY };
enum { POOL_ALLOC = 0x20, POOL_ALLOC_SESSION, POOL_FREE, POOL_FREE_SESSION };

static enum hs_virtual_op virtual_op (uint8_t opcode)
{
    return opcode == VIRTUAL_ALLOC    ? HS_VIRTUAL_ALLOC
           : opcode == VIRTUAL_FREE   ? HS_VIRTUAL_FREE
           : opcode == VIRTUAL_ROTATE ? HS_VIRTUAL_ROTATE
                                      : HS_VIRTUAL_RUNDOWN;
}

/* P base, P size, u32 pid (not in Rotate), u32 flags, P commit size (rundown). The owner is the
 * payload's process; a free behind the end of a process is still its own, while an allocation
 * there is an early one of the next process with that pid. */
static void read_virtual (struct hs_etl_processes *processes, struct hs_etl_stacks *stacks,
                          struct hs_etl_sink *sink, const struct hs_etl_record *record)
{
    struct hs_reader reader = hs_reader_init (record->payload);
    int64_t time = hs_etl_ticks (sink, record->time);
    uint64_t base = hs_reader_ptr (&reader, record->pointer_size);
    uint64_t size = hs_reader_ptr (&reader, record->pointer_size);
    uint32_t pid = record->opcode == VIRTUAL_ROTATE ? record->process : hs_reader_u32 (&reader);
    uint32_t flags = hs_reader_u32 (&reader);
    struct hs_event *event;
    hs_process_id process;

    if (record->opcode >= VIRTUAL_DC_START)
        (void)hs_reader_ptr (&reader, record->pointer_size);
    if (reader.has_overrun) {
        hs_etl_sink_note_short (sink, record);
        return;
    }
    process = record->opcode == VIRTUAL_ALLOC
                  ? hs_etl_process_alive (processes, sink, pid, time)
                  : hs_etl_process_trailing (processes, sink, pid, time);
    if (process == HS_NO_PROCESS)
        return;
    event = hs_batch_add (sink->batch, HS_EVENT_VIRTUAL, time);
    event->process = process;
    event->thread = record->thread;
    event->virtual_memory =
        (struct hs_virtual_fields){ base, size, flags, virtual_op (record->opcode) };
    if (record->opcode < VIRTUAL_DC_START)
        hs_etl_stacks_event (stacks, record, HS_ETL_STACK_OF_VIRTUAL, pid, event);
}

/* Rundown: P heap, u32 flags, u32 pid, u32 count, v3: u32 reserved, then count × (P, P). */
static void read_range_rundown (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                                const struct hs_etl_record *record)
{
    struct hs_reader reader = hs_reader_init (record->payload);
    int64_t time = hs_etl_ticks (sink, record->time);
    uint64_t heap = hs_reader_ptr (&reader, record->pointer_size);
    uint32_t pid = (hs_reader_u32 (&reader), hs_reader_u32 (&reader));
    uint32_t count = hs_reader_u32 (&reader);
    hs_process_id process;

    if (record->version >= 3)
        (void)hs_reader_u32 (&reader);
    if (reader.has_overrun) {
        hs_etl_sink_note_short (sink, record);
        return;
    }
    if (count > reader.rest.size / (2u * record->pointer_size)) {
        hs_note_pile_add (&sink->notes, HS_NOTE_VALUE_ABSURD, record->file_offset,
                          "a heap range rundown announces %u ranges and holds %zu", count,
                          reader.rest.size / (2u * record->pointer_size));
        count = (uint32_t)(reader.rest.size / (2u * record->pointer_size));
    }
    process = hs_etl_process_trailing (processes, sink, pid, time);
    if (process == HS_NO_PROCESS)
        return;
    for (uint32_t i = 0; i < count; i++) {
        struct hs_etl_deferred *deferred = hs_etl_sink_defer (sink, HS_EVENT_HEAP_RANGE);

        if (deferred == NULL)
            return;
        deferred->process = process;
        deferred->time = time;
        deferred->ref = heap;
        deferred->address = hs_reader_ptr (&reader, record->pointer_size);
        deferred->size = hs_reader_ptr (&reader, record->pointer_size);
    }
}

/* Create: P heap, P first size, u32 flags. Reserve, release: P heap, P address, P size. Destroy:
 * P heap. The process is the header's. */
static void read_range (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                        const struct hs_etl_record *record)
{
    struct hs_reader reader = hs_reader_init (record->payload);
    int64_t time = hs_etl_ticks (sink, record->time);
    struct hs_heap_fields fields = { .heap = hs_reader_ptr (&reader, record->pointer_size) };
    struct hs_event *event;
    hs_process_id process;

    if (record->opcode == RANGE_CREATE) {
        fields.op = HS_HEAP_RANGE_CREATE;
        fields.size = hs_reader_ptr (&reader, record->pointer_size);
        (void)hs_reader_u32 (&reader);
    } else if (record->opcode == RANGE_DESTROY) {
        fields.op = HS_HEAP_RANGE_DESTROY;
    } else {
        fields.op = record->opcode == RANGE_RESERVE ? HS_HEAP_RANGE_RESERVE : HS_HEAP_RANGE_RELEASE;
        fields.address = hs_reader_ptr (&reader, record->pointer_size);
        fields.size = hs_reader_ptr (&reader, record->pointer_size);
    }
    if (reader.has_overrun) {
        hs_etl_sink_note_short (sink, record);
        return;
    }
    process = hs_etl_process_trailing (processes, sink, record->process, time);
    if (process == HS_NO_PROCESS)
        return;
    event = hs_batch_add (sink->batch, HS_EVENT_HEAP_RANGE, time);
    event->process = process;
    event->thread = record->thread;
    event->heap = fields;
}

void hs_etl_page_fault_record (struct hs_etl_processes *processes, struct hs_etl_stacks *stacks,
                               struct hs_etl_sink *sink, const struct hs_etl_record *record)
{
    uint8_t opcode = record->opcode;

    if (opcode == VIRTUAL_ALLOC || opcode == VIRTUAL_FREE ||
        (opcode >= VIRTUAL_ROTATE && opcode <= VIRTUAL_DC_END))
        read_virtual (processes, stacks, sink, record);
    else if (opcode == RANGE_RUNDOWN)
        read_range_rundown (processes, sink, record);
    else if (opcode > RANGE_RUNDOWN && opcode <= RANGE_DESTROY)
        read_range (processes, sink, record);
}

/* u32 type, 4 bytes of tag, P bytes, P address; session forms: + u32 session. */
void hs_etl_pool_record (struct hs_etl_stacks *stacks, struct hs_etl_sink *sink,
                         const struct hs_etl_record *record)
{
    struct hs_reader reader = hs_reader_init (record->payload);
    bool is_session = record->opcode == POOL_ALLOC_SESSION || record->opcode == POOL_FREE_SESSION;
    struct hs_pool_fields fields = { .is_session = is_session,
                                     .is_free = record->opcode >= POOL_FREE };
    const uint8_t *tag;
    struct hs_event *event;

    if (record->opcode < POOL_ALLOC || record->opcode > POOL_FREE_SESSION)
        return;
    (void)hs_reader_u32 (&reader);
    tag = hs_reader_take (&reader, 4);
    fields.size = hs_reader_ptr (&reader, record->pointer_size);
    fields.address = hs_reader_ptr (&reader, record->pointer_size);
    if (is_session)
        (void)hs_reader_u32 (&reader);
    if (reader.has_overrun) {
        hs_etl_sink_note_short (sink, record);
        return;
    }
    memcpy (fields.tag, tag, 4);
    event = hs_batch_add (sink->batch, HS_EVENT_POOL, hs_etl_ticks (sink, record->time));
    event->thread = record->thread;
    event->pool = fields;
    hs_etl_stacks_event (stacks, record,
                         fields.is_free ? HS_ETL_STACK_OF_POOL_FREE : HS_ETL_STACK_OF_POOL,
                         record->process, event);
}
