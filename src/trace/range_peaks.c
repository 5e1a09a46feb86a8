/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What lived at the peak, per stack: no range changes it, so it is summed up once, at the end of
 * the trace, and questions about ranges need not look at all rows before the peak for it.
 */
#include "trace/trace_private.h"

struct peaks {
    const struct hs_trace *trace;
    hs_event_no event;
    uint32_t n_slots, n_places;
    struct place {
        uint64_t bytes;
        uint32_t count;
        hs_row_no row;
    } * places;
};

static void add_row (struct peaks *peaks, hs_row_no row)
{
    const struct hs_trace *trace = peaks->trace;
    uint32_t slot = hs_column_u32 (&trace->rows.stack, row) & HS_ROW_SLOT_MASK;
    uint32_t context = hs_narrow_get (&trace->rows.context, row);
    uint32_t process = hs_column_u32 (&trace->rows.context_process, context);
    hs_event_no exit = trace->tables.processes.items[process].exit_event;
    struct place *place;

    if (hs_column_u32 (&trace->rows.end, row) <= peaks->event ||
        (exit != HS_NO_EVENT && exit <= peaks->event))
        return;
    place = &peaks->places[slot != HS_NO_STACK && slot < peaks->n_slots ? slot
                                                                        : peaks->n_slots + process];
    place->bytes += hs_rows_size (&trace->rows, row);
    place->count++;
    place->row = row;
}

static void add_rows (struct peaks *peaks, const struct hs_snapshot *snapshot)
{
    const struct hs_column *survivors = &peaks->trace->range_index.columns.survivor_row;
    hs_row_no end = hs_snapshot_rows_before (snapshot, peaks->event + 1), row = snapshot->first_row;

    while (row < end) {
        const struct hs_range_block *block = hs_range_index_block (snapshot, row, end);

        for (uint32_t i = 0; block != NULL && i < block->n_survivors; i++)
            add_row (peaks, hs_column_u32 (survivors, block->first_survivor + i));
        if (block == NULL)
            add_row (peaks, row);
        row += block != NULL ? block->n_rows : 1;
    }
}

static bool keep (struct hs_range_columns *columns, const struct peaks *peaks)
{
    for (uint32_t i = 0; i < peaks->n_places; i++) {
        const struct place *place = &peaks->places[i];

        if (!hs_column_append_u64 (&columns->peak_bytes, place->bytes) ||
            !hs_column_append_u32 (&columns->peak_count, place->count) ||
            !hs_column_append_u32 (&columns->peak_row, place->row))
            return false;
    }
    return true;
}

bool hs_range_index_set_peaks (struct hs_trace *trace)
{
    struct hs_snapshot snapshot = hs_trace_snapshot (trace);
    struct peaks peaks = { .trace = trace,
                           .event = trace->tables.totals.peak_event,
                           .n_slots = snapshot.n_slots };
    bool is_done;

    peaks.n_places = snapshot.n_slots + (uint32_t)trace->tables.processes.n;
    peaks.places = hs_alloc_zeroed (peaks.n_places, sizeof *peaks.places);
    if (peaks.places == NULL)
        return false;
    if (peaks.event != HS_NO_EVENT && peaks.event < snapshot.n_events)
        add_rows (&peaks, &snapshot);
    is_done = keep (&trace->range_index.columns, &peaks);
    hs_free (peaks.places);
    return is_done;
}
