/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where readers of ETL payloads put what they found; see etl_sink.h. */
#include "decode/etl/etl_sink.h"

void hs_etl_sink_begin (struct hs_etl_sink *sink, struct hs_event_batch *batch)
{
    sink->batch = batch;
    sink->batch_number++;
}

void hs_etl_sink_note_short (struct hs_etl_sink *sink, const struct hs_etl_record *record)
{
    char name[16];

    hs_note_pile_add (&sink->notes, HS_NOTE_PAYLOAD_SHORT, record->file_offset,
                      "%s/%u version %u: %zu bytes of payload are too few; the record was ignored",
                      record->group != HS_ETL_NO_GROUP ? hs_etl_group_name (record->group, name)
                                                       : "record of a provider",
                      record->opcode, record->version, record->payload.size);
}

struct hs_etl_deferred *hs_etl_sink_defer (struct hs_etl_sink *sink, enum hs_event_kind kind)
{
    struct hs_etl_deferred *deferred;

    if (!hs_array_reserve (&sink->deferred, 1)) {
        sink->is_out_of_memory = true;
        return NULL;
    }
    deferred = &sink->deferred.items[sink->deferred.n++];
    *deferred = (struct hs_etl_deferred){ .kind = (uint8_t)kind };
    return deferred;
}

static void add_deferred (struct hs_event_batch *batch, const struct hs_etl_deferred *deferred)
{
    if (deferred->kind == HS_EVENT_STACK_LINK) {
        hs_batch_add_stack_link (batch, deferred->ref, deferred->slot);
    } else if (deferred->kind == HS_EVENT_STACK) {
        hs_batch_add_stack (batch, deferred->process, deferred->slot, deferred->frames,
                            deferred->n_frames);
    } else {
        struct hs_event *event = hs_batch_add (batch, HS_EVENT_HEAP_RANGE, deferred->time);

        event->process = deferred->process;
        event->heap = (struct hs_heap_fields){ deferred->ref, deferred->address, deferred->size,
                                               HS_HEAP_RANGE_RUNDOWN };
    }
}

bool hs_etl_sink_drain (struct hs_etl_sink *sink)
{
    while (sink->n_drained < sink->deferred.n) {
        if (!hs_batch_has_room (sink->batch, 1))
            return false;
        add_deferred (sink->batch, &sink->deferred.items[sink->n_drained++]);
    }
    sink->deferred.n = sink->n_drained = 0;
    return true;
}

void hs_etl_sink_clear (struct hs_etl_sink *sink)
{
    hs_array_clear (&sink->deferred);
    hs_idmap_clear (&sink->calls);
}
