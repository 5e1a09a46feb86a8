/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A filter made ready for scans; see filter.h. */
#include "analysis/filter.h"

#include "analysis/lifetime_filter.h"
#include "analysis/stack_filter.h"
#include "base/memory.h"

#include <string.h>

struct hs_filter hs_filter_all (void)
{
    return (struct hs_filter){
        .process = HS_NO_PROCESS,
        .size_max = UINT64_MAX,
        .lifetime_max = UINT64_MAX,
        .classes = HS_CLASS_ALL,
    };
}

static bool has_lifetimes (const struct hs_filter *filter)
{
    return filter->lifetime_min != 0 || filter->lifetime_max != UINT64_MAX;
}

bool hs_filter_is_same (const struct hs_filter *a, const struct hs_filter *b)
{
    return a->process == b->process && a->has_range == b->has_range &&
           (!a->has_range || (a->from == b->from && a->to == b->to)) &&
           a->size_min == b->size_min && a->size_max == b->size_max &&
           a->has_thread == b->has_thread && (!a->has_thread || a->thread == b->thread) &&
           a->has_heap == b->has_heap && (!a->has_heap || a->heap == b->heap) &&
           a->lifetime_min == b->lifetime_min && a->lifetime_max == b->lifetime_max &&
           a->classes == b->classes && strcmp (a->frames, b->frames) == 0 &&
           strcmp (a->module, b->module) == 0;
}

bool hs_filter_has_names (const struct hs_filter *filter)
{
    return filter->frames[0] != '\0';
}

bool hs_filter_is_of_process (const struct hs_filter *filter)
{
    return !filter->has_thread && !filter->has_heap && filter->size_min == 0 &&
           filter->size_max == UINT64_MAX && filter->frames[0] == '\0' &&
           filter->module[0] == '\0' && !has_lifetimes (filter);
}

bool hs_filter_is_of_all (const struct hs_filter *filter, const struct hs_trace *trace)
{
    const struct hs_tables *tables = hs_trace_lock (trace);
    bool is_only = tables->processes.n == 1 && filter->process == 0;

    hs_trace_unlock (trace);
    return is_only || filter->process == HS_NO_PROCESS;
}

static void set_range (struct hs_scan *scan, const struct hs_filter *filter)
{
    const struct hs_snapshot *snapshot = &scan->snapshot;

    scan->begin = snapshot->first_event;
    scan->end = snapshot->n_events;
    scan->row_begin = snapshot->first_row;
    scan->row_end = snapshot->n_rows;
    if (!filter->has_range)
        return;
    if (filter->from > filter->to) {
        scan->end = scan->begin;
        scan->row_end = scan->row_begin;
        return;
    }
    if (filter->from != INT64_MIN)
        scan->begin = hs_snapshot_event_at_or_after (snapshot, filter->from);
    scan->end = hs_snapshot_event_after (snapshot, filter->to);
    if (scan->begin < snapshot->first_event)
        scan->begin = snapshot->first_event;
    if (scan->end < scan->begin)
        scan->end = scan->begin;
    scan->row_begin = hs_snapshot_rows_before (snapshot, scan->begin);
    scan->row_end = hs_snapshot_rows_before (snapshot, scan->end);
}

static bool context_passes (const struct hs_tables *tables, const struct hs_rows *rows,
                            const struct hs_filter *filter, uint32_t context)
{
    hs_process_id process = hs_column_u32 (&rows->context_process, context);

    if (filter->process != HS_NO_PROCESS && filter->process != process)
        return false;
    if (filter->has_thread && filter->thread != hs_column_u32 (&rows->context_thread, context))
        return false;
    return !filter->has_heap ||
           tables->heaps.items[hs_column_u32 (&rows->context_heap, context)].handle == filter->heap;
}

static void set_contexts (struct hs_scan *scan, const struct hs_filter *filter)
{
    const struct hs_tables *tables = hs_trace_lock (scan->snapshot.trace);
    const struct hs_rows *rows = scan->snapshot.rows;

    scan->passes_sizes = scan->size_min == 0 && scan->size_max == UINT64_MAX &&
                         !has_lifetimes (filter) && tables->totals.opened_bytes <= INT64_MAX;
    scan->passes_by_process = !filter->has_thread && !filter->has_heap;
    scan->process = filter->process;
    scan->passes_all = true;
    for (uint32_t i = 0; i < scan->snapshot.n_contexts; i++) {
        hs_event_no exit =
            tables->processes.items[hs_column_u32 (&rows->context_process, i)].exit_event;

        scan->context_passes[i] = context_passes (tables, rows, filter, i);
        scan->passes_all &= scan->context_passes[i] != 0;
        /* an exit that came after the snapshot is none in it */
        scan->context_exit[i] = exit < scan->snapshot.n_events ? exit : HS_NO_EVENT;
        scan->has_exits |= scan->context_exit[i] != HS_NO_EVENT;
    }
    hs_trace_unlock (scan->snapshot.trace);
}

enum hs_status hs_scan_init (struct hs_scan *scan, const struct hs_snapshot *snapshot,
                             const struct hs_filter *filter, const struct hs_cancel *cancel,
                             struct hs_error *err)
{
    enum hs_status status = HS_OK;

    *scan = (struct hs_scan){
        .snapshot = *snapshot,
        .size_min = filter->size_min,
        .size_max = filter->size_max,
    };
    scan->context_passes = hs_alloc_zeroed (snapshot->n_contexts, sizeof *scan->context_passes);
    scan->context_exit = hs_alloc_array (snapshot->n_contexts, sizeof *scan->context_exit);
    if (scan->context_passes == NULL || scan->context_exit == NULL) {
        hs_scan_clear (scan);
        return hs_error_no_memory (err);
    }
    set_range (scan, filter);
    set_contexts (scan, filter);
    if (filter->frames[0] != '\0' || filter->module[0] != '\0')
        status = hs_stack_filter_slots (snapshot, filter, cancel, &scan->slot_passes, err);
    if (status == HS_OK && has_lifetimes (filter))
        status = hs_lifetime_filter_rows (scan, filter, cancel, &scan->row_passes, err);
    if (status != HS_OK)
        hs_scan_clear (scan);
    return status;
}

void hs_scan_clear (struct hs_scan *scan)
{
    hs_free (scan->context_passes);
    hs_free (scan->context_exit);
    hs_free (scan->slot_passes);
    hs_free (scan->row_passes);
    scan->slot_passes = NULL;
    scan->row_passes = NULL;
    scan->context_passes = NULL;
    scan->context_exit = NULL;
}

struct hs_row_run hs_row_run_at (const struct hs_snapshot *snapshot, hs_row_no first, hs_row_no end)
{
    const struct hs_rows *rows = snapshot->rows;
    uint32_t at = first & (HS_COLUMN_CHUNK_VALUES - 1);
    struct hs_row_run run = { .first = first };

    if (first >= end)
        return run;
    run.n = HS_COLUMN_CHUNK_VALUES - at;
    if (run.n > end - first)
        run.n = end - first;
    run.end = hs_column_chunk_u32 (&rows->end, first) + at;
    run.size = hs_column_chunk_u32 (&rows->size, first) + at;
    run.stack = hs_column_chunk_u32 (&rows->stack, first) + at;
    run.context = hs_narrow_values (&rows->context, first);
    return run;
}

const struct hs_range_block *hs_scan_block (const struct hs_scan *scan, hs_row_no first,
                                            hs_row_no end, struct hs_row_run *ret_run)
{
    const struct hs_snapshot *snapshot = &scan->snapshot;
    const struct hs_range_block *block = NULL;
    bool may_use = scan->passes_sizes && (scan->passes_all || scan->passes_by_process);
    hs_row_no border = end;

    if (may_use) {
        block = hs_range_index_block (snapshot, first, end);
        border = hs_range_index_border (snapshot, first);
    }
    if (block == NULL)
        *ret_run = hs_row_run_at (snapshot, first, border < end ? border : end);
    return block;
}

struct hs_sum_run hs_sum_run_at (const struct hs_snapshot *snapshot, uint64_t first, uint64_t end)
{
    const struct hs_range_columns *columns = snapshot->ranges;
    uint64_t at = first & (HS_COLUMN_CHUNK_VALUES - 1);

    return (struct hs_sum_run){
        .n = hs_column_run (first, end),
        .bytes = (const uint64_t *)hs_column_chunk (&columns->sum_bytes, first) + at,
        .slot = hs_column_chunk_u32 (&columns->sum_slot, first) + at,
        .process = hs_column_chunk_u32 (&columns->sum_process, first) + at,
        .count = hs_column_chunk_u32 (&columns->sum_count, first) + at,
        .temporary = hs_column_chunk_u32 (&columns->sum_temporary, first) + at,
        .last_row = hs_column_chunk_u32 (&columns->sum_last_row, first) + at,
    };
}

struct hs_survivor_run hs_survivor_run_at (const struct hs_snapshot *snapshot, uint64_t first,
                                           uint64_t end)
{
    const struct hs_range_columns *columns = snapshot->ranges;
    uint64_t at = first & (HS_COLUMN_CHUNK_VALUES - 1);

    return (struct hs_survivor_run){
        .n = hs_column_run (first, end),
        .has_ends = hs_range_index_has_ends (snapshot),
        .row = hs_column_chunk_u32 (&columns->survivor_row, first) + at,
        .size = hs_column_chunk_u32 (&columns->survivor_size, first) + at,
        .context = hs_narrow_values (&columns->survivor_context, first),
        .stack = hs_column_chunk_u32 (&columns->survivor_stack, first) + at,
        .end = hs_column_chunk_u32 (&columns->survivor_end, first) + at,
    };
}

bool hs_scan_has_peaks (const struct hs_scan *scan, uint32_t n_processes)
{
    const struct hs_snapshot *snapshot = &scan->snapshot;

    return scan->passes_all && scan->passes_sizes && !hs_range_index_is_off (snapshot) &&
           hs_range_index_has_ends (snapshot) &&
           snapshot->ranges->peak_row.n == (uint64_t)snapshot->n_slots + n_processes;
}

bool hs_scan_is_whole (const struct hs_scan *scan)
{
    return scan->begin <= scan->snapshot.first_event && scan->end >= scan->snapshot.n_events &&
           scan->snapshot.n_events == hs_trace_snapshot (scan->snapshot.trace).n_events;
}
