/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What lived at the peak, per stack, and what there is in all: no range changes it, so it is summed
 * up once, at the end of the trace. Questions about ranges need not look at all rows before the
 * peak for it, and the one about the whole trace, which is the first of all, looks at no row.
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
        struct whole {
            uint64_t freed_bytes, live_bytes;
            uint32_t freed_count, live_count, temporary;
            hs_row_no row;
        } whole;
    } * places;
};

static struct place *place_of (const struct peaks *peaks, uint32_t slot, uint32_t process)
{
    bool has_stack = slot != HS_NO_STACK && slot < peaks->n_slots;

    return &peaks->places[has_stack ? slot : peaks->n_slots + process];
}

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
    place = place_of (peaks, slot, process);
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

/* ---- the whole trace ---- */

static void add_whole_row (struct peaks *peaks, hs_row_no row, bool is_in_sums)
{
    const struct hs_rows *rows = &peaks->trace->rows;
    uint32_t stack = hs_column_u32 (&rows->stack, row);
    uint32_t process = hs_column_u32 (&rows->context_process, hs_narrow_get (&rows->context, row));
    struct whole *whole = &place_of (peaks, stack & HS_ROW_SLOT_MASK, process)->whole;
    uint64_t size = hs_rows_size (rows, row);
    bool is_freed = hs_column_u32 (&rows->end, row) != HS_NO_EVENT;

    if (!is_in_sums || !is_freed) { /* sums of blocks have all their rows as freed ones */
        whole->freed_count += is_freed ? 1 : is_in_sums ? UINT32_MAX : 0;
        whole->freed_bytes += is_freed ? size : is_in_sums ? -size : 0;
        whole->live_count += !is_freed;
        whole->live_bytes += is_freed ? 0 : size;
    }
    whole->temporary += is_freed && (stack & HS_ROW_IS_TEMPORARY) != 0;
    whole->row = whole->row > row ? whole->row : row;
}

static void add_whole_block (struct peaks *peaks, const struct hs_range_block *block)
{
    const struct hs_range_columns *columns = &peaks->trace->range_index.columns;

    for (uint32_t i = block->first_sum; i < block->first_sum + block->n_sums; i++) {
        struct whole *whole = &place_of (peaks, hs_column_u32 (&columns->sum_slot, i),
                                         hs_column_u32 (&columns->sum_process, i))
                                   ->whole;

        whole->freed_bytes += hs_column_u64 (&columns->sum_bytes, i);
        whole->freed_count += hs_column_u32 (&columns->sum_count, i);
        whole->temporary += hs_column_u32 (&columns->sum_temporary, i);
        if (whole->row < hs_column_u32 (&columns->sum_last_row, i))
            whole->row = hs_column_u32 (&columns->sum_last_row, i);
    }
    for (uint32_t i = block->first_survivor; i < block->first_survivor + block->n_survivors; i++)
        add_whole_row (peaks, hs_column_u32 (&columns->survivor_row, i), true);
}

static void add_whole (struct peaks *peaks, const struct hs_snapshot *snapshot)
{
    for (hs_row_no row = snapshot->first_row; row < snapshot->n_rows;) {
        const struct hs_range_block *block = hs_range_index_block (snapshot, row, snapshot->n_rows);

        if (block != NULL)
            add_whole_block (peaks, block);
        else
            add_whole_row (peaks, row, false);
        row += block != NULL ? block->n_rows : 1;
    }
}

static bool keep_whole (struct hs_range_columns *columns, const struct hs_snapshot *snapshot,
                        const struct whole *whole)
{
    const struct hs_rows *rows = snapshot->rows;
    bool is_any = whole->freed_count > 0 || whole->live_count > 0;
    int64_t time = 0;
    uint32_t process = 0;

    if (is_any) {
        time = hs_snapshot_event_time (snapshot, hs_snapshot_birth (snapshot, whole->row));
        process =
            hs_column_u32 (&rows->context_process, hs_narrow_get (&rows->context, whole->row));
    }
    return hs_column_append_u64 (&columns->whole_freed_bytes, whole->freed_bytes) &&
           hs_column_append_u64 (&columns->whole_live_bytes, whole->live_bytes) &&
           hs_column_append_u64 (&columns->whole_time, (uint64_t)time) &&
           hs_column_append_u32 (&columns->whole_freed_count, whole->freed_count) &&
           hs_column_append_u32 (&columns->whole_live_count, whole->live_count) &&
           hs_column_append_u32 (&columns->whole_temporary, whole->temporary) &&
           hs_column_append_u32 (&columns->whole_row, whole->row) &&
           hs_column_append_u32 (&columns->whole_process, process);
}

static bool keep (struct hs_range_columns *columns, const struct hs_snapshot *snapshot,
                  const struct peaks *peaks)
{
    for (uint32_t i = 0; i < peaks->n_places; i++) {
        const struct place *place = &peaks->places[i];

        if (!hs_column_append_u64 (&columns->peak_bytes, place->bytes) ||
            !hs_column_append_u32 (&columns->peak_count, place->count) ||
            !hs_column_append_u32 (&columns->peak_row, place->row) ||
            !keep_whole (columns, snapshot, &place->whole))
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
    add_whole (&peaks, &snapshot);
    is_done = keep (&trace->range_index.columns, &snapshot, &peaks);
    hs_free (peaks.places);
    return is_done;
}
