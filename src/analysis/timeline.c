/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Live bytes per column of pixels; see timeline.h. One scan gives births, ends and border values;
 * minimum and maximum come from a replay of the range or from the overview blocks.
 */
#include "analysis/timeline.h"

#include "analysis/event_columns.h"
#include "analysis/replay.h"
#include "base/memory.h"
#include "base/units.h"

#define MAX_COLUMNS (UINT32_C (1) << 20)

struct build {
    struct hs_scan scan;
    struct hs_timeline *timeline;
    hs_event_no *borders;   /* n_columns + 1 */
    hs_row_no *row_borders; /* rows born before each border */
    struct hs_event_columns columns;
};

static enum hs_status set_borders (struct build *build, struct hs_error *err)
{
    struct hs_timeline *timeline = build->timeline;
    const struct hs_snapshot *snapshot = &build->scan.snapshot;
    uint32_t n = timeline->n_columns;

    build->borders = hs_alloc_array (n + 1, sizeof *build->borders);
    build->row_borders = hs_alloc_array (n + 1, sizeof *build->row_borders);
    if (build->borders == NULL || build->row_borders == NULL)
        return hs_error_no_memory (err);
    hs_event_columns_borders (snapshot, timeline->from, timeline->to, n, build->borders);
    for (uint32_t i = 0; i < n; i++)
        timeline->columns[i].end_time = hs_event_columns_end (timeline->from, timeline->to, n, i);
    for (uint32_t i = 0; i <= n; i++)
        build->row_borders[i] = hs_snapshot_rows_before (snapshot, build->borders[i]);
    return hs_event_columns_init (&build->columns, build->borders, n, err);
}

/* Rows of one run that were born in one column; column UINT32_MAX: before the first. */
static void scan_run (struct build *build, const struct hs_row_run *run, uint32_t column)
{
    struct hs_timeline *timeline = build->timeline;
    hs_event_no first = build->borders[0], last = build->borders[timeline->n_columns];
    uint64_t count = 0, bytes = 0;

    for (uint32_t i = 0; i < run->n; i++) {
        hs_event_no gone = hs_scan_gone (&build->scan, run->context[i], hs_run_peek (run->end, i));
        uint64_t size;

        if (gone < first || !hs_scan_passes (&build->scan, run, i, &size))
            continue;
        count++;
        bytes += size;
        if (gone < last) {
            struct hs_timeline_column *end =
                &timeline->columns[hs_event_columns_at (&build->columns, gone)];

            end->ends++;
            end->end_bytes += size;
        }
    }
    if (column == UINT32_MAX) {
        timeline->start_count += count;
        timeline->start_bytes += bytes;
    } else {
        timeline->columns[column].births += count;
        timeline->columns[column].birth_bytes += bytes;
    }
}

static enum hs_status scan_rows (struct build *build, const struct hs_cancel *cancel)
{
    const struct hs_snapshot *snapshot = &build->scan.snapshot;
    uint32_t n = build->timeline->n_columns, column = UINT32_MAX;
    hs_row_no row = snapshot->first_row, next = build->row_borders[0];
    struct hs_row_run run;

    for (; row < build->row_borders[n]; row += run.n) {
        while (row >= next)
            next = build->row_borders[++column + 1];
        run = hs_row_run_at (snapshot, row, next);
        if (hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        scan_run (build, &run, column);
    }
    return HS_OK;
}

/* Border values and totals out of births and ends. */
static void sum_up (struct hs_timeline *timeline)
{
    uint64_t bytes = timeline->start_bytes, count = timeline->start_count;

    timeline->max_bytes = bytes;
    timeline->peak_time = timeline->from;
    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        struct hs_timeline_column *column = &timeline->columns[i];

        column->min_bytes = column->max_bytes = bytes;
        bytes += column->birth_bytes - column->end_bytes;
        count += column->births - column->ends;
        column->live_bytes = bytes;
        column->live_count = count;
        if (bytes < column->min_bytes)
            column->min_bytes = bytes;
        if (bytes > column->max_bytes)
            column->max_bytes = bytes;
        if (column->births > timeline->max_births)
            timeline->max_births = column->births;
        if (column->ends > timeline->max_ends)
            timeline->max_ends = column->ends;
    }
}

static void widen (struct hs_timeline_column *column, uint64_t min, uint64_t max)
{
    if (min < column->min_bytes)
        column->min_bytes = min;
    if (max > column->max_bytes)
        column->max_bytes = max;
}

static enum hs_status replay_range (struct build *build, const struct hs_cancel *cancel)
{
    struct hs_timeline *timeline = build->timeline;
    hs_event_no begin = build->borders[0], end = build->borders[timeline->n_columns];
    hs_event_no peak_event = HS_NO_EVENT;
    uint64_t *deltas, level;
    enum hs_status status = hs_replay (&build->scan, begin, end, cancel, &deltas, &level);

    if (status != HS_OK)
        return status;
    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        uint64_t min = level, max = level;

        for (hs_event_no event = build->borders[i]; event < build->borders[i + 1]; event++) {
            level += deltas[event - begin];
            if (level < min)
                min = level;
            if (level > max)
                max = level;
            if (level > timeline->max_bytes) {
                timeline->max_bytes = level;
                peak_event = event;
            }
        }
        widen (&timeline->columns[i], min, max);
    }
    hs_free (deltas);
    if (peak_event != HS_NO_EVENT)
        timeline->peak_time = hs_snapshot_event_time (&build->scan.snapshot, peak_event);
    return HS_OK;
}

static void use_overview (struct build *build, hs_process_id process)
{
    struct hs_timeline *timeline = build->timeline;
    const struct hs_snapshot *snapshot = &build->scan.snapshot;
    const struct hs_rows *rows = snapshot->rows;
    hs_event_no begin = build->borders[0], end = build->borders[timeline->n_columns];

    for (uint32_t i = 0; i < snapshot->n_overview; i++) {
        hs_event_no first = hs_column_u32 (&rows->overview_first, i);
        hs_event_no last = hs_column_u32 (&rows->overview_last, i);
        uint64_t min = hs_column_u64 (&rows->overview_min, i);
        uint64_t max = hs_column_u64 (&rows->overview_max, i);
        uint32_t column;

        if (hs_column_u32 (&rows->overview_process, i) != process || last < begin || first >= end ||
            first < snapshot->first_event)
            continue;
        column = hs_event_columns_at (&build->columns, first < begin ? begin : first);
        for (; column < timeline->n_columns && build->borders[column] <= last; column++)
            widen (&timeline->columns[column], min, max);
    }
}

/* Where the minima and maxima are not replayed: the highest column's end stands for the moment. */
static void find_peak (struct hs_timeline *timeline)
{
    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        if (timeline->columns[i].max_bytes > timeline->max_bytes) {
            timeline->max_bytes = timeline->columns[i].max_bytes;
            timeline->peak_time = timeline->columns[i].end_time;
        }
    }
}

static enum hs_status build_all (struct build *build, const struct hs_filter *filter,
                                 uint32_t max_replay_events, const struct hs_cancel *cancel,
                                 struct hs_error *err)
{
    struct hs_timeline *timeline = build->timeline;
    enum hs_status status = set_borders (build, err);

    if (status == HS_OK)
        status = scan_rows (build, cancel);
    if (status != HS_OK)
        return status;
    sum_up (timeline);
    if (build->borders[timeline->n_columns] - build->borders[0] <= max_replay_events) {
        status = replay_range (build, cancel);
        return status == HS_NO_MEMORY ? hs_error_no_memory (err) : status;
    }
    if (hs_filter_is_of_process (filter))
        use_overview (build, filter->process);
    find_peak (timeline);
    return HS_OK;
}

enum hs_status hs_timeline (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                            const struct hs_timeline_query *query, const struct hs_cancel *cancel,
                            struct hs_timeline **ret, struct hs_error *err)
{
    struct hs_filter whole = *filter;
    uint32_t n = query->n_columns < MAX_COLUMNS ? query->n_columns : MAX_COLUMNS;
    struct build build = { 0 };
    enum hs_status status;

    if (n == 0)
        n = 1;
    whole.has_range = false;
    build.timeline =
        hs_alloc_zeroed (1, sizeof *build.timeline + n * sizeof build.timeline->columns[0]);
    if (build.timeline == NULL)
        return hs_error_no_memory (err);
    build.timeline->from = query->from;
    build.timeline->to = query->to < query->from ? query->from : query->to;
    build.timeline->n_columns = n;
    atomic_init (&build.timeline->n_references, 1);
    status = hs_scan_init (&build.scan, snapshot, &whole, cancel, err);
    if (status == HS_OK)
        status = build_all (&build, &whole,
                            query->max_replay_events > 0 ? query->max_replay_events
                                                         : HS_TIMELINE_REPLAY_EVENTS,
                            cancel, err);
    if (status == HS_OK)
        status = hs_trace_check (snapshot->trace, err);
    hs_scan_clear (&build.scan);
    hs_event_columns_clear (&build.columns);
    hs_free (build.borders);
    hs_free (build.row_borders);
    if (status == HS_OK)
        *ret = build.timeline;
    else
        hs_free (build.timeline);
    return status;
}

struct hs_timeline *hs_timeline_ref (struct hs_timeline *timeline)
{
    atomic_fetch_add_explicit (&timeline->n_references, 1, memory_order_relaxed);
    return timeline;
}

void hs_timeline_unref (struct hs_timeline *timeline)
{
    if (timeline != NULL &&
        atomic_fetch_sub_explicit (&timeline->n_references, 1, memory_order_acq_rel) == 1)
        hs_free (timeline);
}
