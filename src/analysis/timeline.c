/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Live bytes per column of pixels; see timeline.h. One scan gives births, ends and border values;
 * minimum and maximum come from a replay of the range or from the overview blocks.
 */
#include "analysis/timeline.h"

#include "analysis/level_series.h"
#include "analysis/replay.h"
#include "analysis/row_columns.h"
#include "base/memory.h"
#include "base/units.h"

#include <string.h>

#define MAX_COLUMNS (UINT32_C (1) << 20)
#define EXACT_EVENTS (UINT32_C (1) << 17) /* so many cost nothing: no border moves */

struct build {
    struct hs_scan scan;
    struct hs_timeline *timeline;
    struct hs_row_columns columns;
};

static enum hs_status set_borders (struct build *build, struct hs_error *err)
{
    struct hs_timeline *timeline = build->timeline;
    uint32_t n = timeline->n_columns;

    for (uint32_t i = 0; i < n; i++)
        timeline->columns[i].end_time = hs_event_columns_end (timeline->from, timeline->to, n, i);
    return hs_row_columns_init (&build->columns, &build->scan.snapshot, timeline->from,
                                timeline->to, n, err);
}

/* Rows of one run that were born in one column; column HS_BEFORE_COLUMNS: before the first. */
static void scan_run (struct build *build, const struct hs_row_run *run, uint32_t column)
{
    struct hs_timeline *timeline = build->timeline;
    hs_event_no first = build->columns.borders[0],
                last = build->columns.borders[timeline->n_columns];
    uint64_t count = 0, bytes = 0;

    for (uint32_t i = 0; i < run->n; i++) {
        hs_event_no gone =
            hs_scan_gone (&build->scan, hs_narrow_at (run->context, i), hs_run_peek (run->end, i));
        uint64_t size;

        if (gone < first || !hs_scan_passes (&build->scan, run, i, &size))
            continue;
        count++;
        bytes += size;
        if (gone < last) {
            struct hs_timeline_column *end =
                &timeline->columns[hs_event_columns_at (&build->columns.events, gone)];

            end->ends++;
            end->end_bytes += size;
        }
    }
    if (column == HS_BEFORE_COLUMNS) {
        timeline->start_count += count;
        timeline->start_bytes += bytes;
    } else {
        timeline->columns[column].births += count;
        timeline->columns[column].birth_bytes += bytes;
    }
}

struct amount {
    uint64_t count, bytes;
};

/* All rows of a block that pass. */
static struct amount block_amount (const struct hs_scan *scan, const struct hs_range_block *block)
{
    uint64_t first = block->first_sum, end = first + block->n_sums;
    struct amount all = { 0, 0 };

    for (unsigned k = 0; scan->passes_all && scan->slot_passes == NULL && k < HS_N_SIZE_CLASSES;
         k++) {
        all.count += block->classes[k].count;
        all.bytes += block->classes[k].bytes;
    }
    if (scan->passes_all && scan->slot_passes == NULL)
        return all;
    while (first < end) {
        struct hs_sum_run run = hs_sum_run_at (&scan->snapshot, first, end);

        for (uint32_t i = 0; i < run.n; i++) {
            if ((!scan->passes_all && run.process[i] != scan->process) ||
                !hs_scan_stack_passes (scan, run.slot[i] & HS_ROW_SLOT_MASK))
                continue;
            all.count += run.count[i];
            all.bytes += run.bytes[i];
        }
        first += run.n;
    }
    return all;
}

/* Those of a block that were not over when its last row was born; returns how many pass. */
static struct amount scan_survivors (struct build *build, const struct hs_range_block *block,
                                     uint32_t column)
{
    const struct hs_scan *scan = &build->scan;
    struct hs_timeline *timeline = build->timeline;
    hs_event_no begin = build->columns.borders[0],
                last = build->columns.borders[timeline->n_columns];
    uint64_t first = block->first_survivor, end = first + block->n_survivors;
    struct amount all = { 0, 0 };

    for (struct hs_survivor_run run; first < end; first += run.n) {
        run = hs_survivor_run_at (&scan->snapshot, first, end);
        for (uint32_t i = 0; i < run.n; i++) {
            struct hs_survivor_row row = hs_survivor_at (scan, &run, i);

            if (!row.passes || (column == HS_BEFORE_COLUMNS && row.gone < begin))
                continue;
            all.count++;
            all.bytes += row.size;
            if (row.gone < last) {
                struct hs_timeline_column *over =
                    &timeline->columns[hs_event_columns_at (&build->columns.events, row.gone)];

                over->ends++;
                over->end_bytes += row.size;
            }
        }
    }
    return all;
}

/* A block whose rows were all born in one column: but for its survivors they ended in it, too. */
static void add_block (struct build *build, const struct hs_range_block *block, uint32_t column)
{
    struct amount survivors = scan_survivors (build, block, column), all;
    struct hs_timeline *timeline = build->timeline;

    if (column == HS_BEFORE_COLUMNS) {
        timeline->start_count += survivors.count;
        timeline->start_bytes += survivors.bytes;
        return;
    }
    all = block_amount (&build->scan, block);
    timeline->columns[column].births += all.count;
    timeline->columns[column].birth_bytes += all.bytes;
    timeline->columns[column].ends += all.count - survivors.count;
    timeline->columns[column].end_bytes += all.bytes - survivors.bytes;
}

static void add_rows (void *data, const struct hs_range_block *block, const struct hs_row_run *run,
                      uint32_t column)
{
    if (block != NULL)
        add_block (data, block, column);
    else
        scan_run (data, run, column);
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
    hs_event_no begin = build->columns.borders[0],
                end = build->columns.borders[timeline->n_columns];
    hs_event_no peak_event = HS_NO_EVENT;
    uint64_t *deltas, level;
    enum hs_status status = hs_replay (&build->scan, begin, end, cancel, &deltas, &level);

    if (status != HS_OK)
        return status;
    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        uint64_t min = level, max = level;

        for (hs_event_no event = build->columns.borders[i]; event < build->columns.borders[i + 1];
             event++) {
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
    hs_event_no begin = build->columns.borders[0],
                end = build->columns.borders[timeline->n_columns];

    for (uint32_t i = 0; i < snapshot->n_overview; i++) {
        hs_event_no first = hs_column_u32 (&rows->overview_first, i);
        hs_event_no last = hs_column_u32 (&rows->overview_last, i);
        uint64_t min = hs_column_u64 (&rows->overview.min, i);
        uint64_t max = hs_column_u64 (&rows->overview.max, i);
        uint32_t column;

        if (hs_column_u32 (&rows->overview_process, i) != process || last < begin || first >= end ||
            first < snapshot->first_event)
            continue;
        column = hs_event_columns_at (&build->columns.events, first < begin ? begin : first);
        for (; column < timeline->n_columns && build->columns.borders[column] <= last; column++)
            widen (&timeline->columns[column], min, max);
    }
}

/* Where nothing says more: the highest column's end stands for the moment. */
static void guess_peak (struct hs_timeline *timeline)
{
    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        if (timeline->columns[i].max_bytes > timeline->max_bytes) {
            timeline->max_bytes = timeline->columns[i].max_bytes;
            timeline->peak_time = timeline->columns[i].end_time;
        }
    }
}

static enum hs_status find_peak (struct build *build, const struct hs_filter *filter,
                                 const struct hs_cancel *cancel)
{
    struct hs_timeline *timeline = build->timeline;
    struct hs_peak peak = { .bytes = timeline->start_bytes, .event = HS_NO_EVENT };
    enum hs_status status =
        hs_replay_range_peak (&build->scan, filter, build->columns.borders[0],
                              build->columns.borders[timeline->n_columns], cancel, &peak);

    if (status != HS_OK)
        return status;
    timeline->max_bytes = peak.bytes;
    if (peak.event != HS_NO_EVENT) {
        timeline->peak_time = hs_snapshot_event_time (&build->scan.snapshot, peak.event);
        widen (&timeline->columns[hs_event_columns_at (&build->columns.events, peak.event)],
               peak.bytes, peak.bytes);
    }
    for (uint32_t i = 0; i < timeline->n_columns; i++) { /* where the overview is too wide */
        if (timeline->columns[i].max_bytes > peak.bytes)
            timeline->columns[i].max_bytes = peak.bytes;
    }
    return HS_OK;
}

/* ---- with borders where the levels are known ---- */

/* Everything that lives at a border; before the first entry nothing does. */
static struct hs_level level_before (const struct hs_level_series *series, uint32_t n)
{
    return n > 0 ? hs_level_at (series, n - 1) : (struct hs_level){ 0 };
}

/* The column between two borders, and its peak when that is the highest so far. */
static void fill_column (struct build *build, const struct hs_level_series *series,
                         const struct hs_level_border borders[2], struct hs_timeline_column *column,
                         hs_event_no *peak_event)
{
    struct hs_timeline *timeline = build->timeline;
    struct hs_level before = level_before (series, borders[0].n_before), after;

    column->end_time = borders[1].time;
    column->min_bytes = column->max_bytes = before.end;
    for (uint32_t i = borders[0].n_before; i < borders[1].n_before; i++) {
        struct hs_level level = hs_level_at (series, i);

        widen (column, level.min, level.max);
        if (level.max > timeline->max_bytes) {
            timeline->max_bytes = level.max;
            *peak_event = level.peak_event;
        }
    }
    after = level_before (series, borders[1].n_before);
    column->live_bytes = after.end;
    column->live_count = after.live_count;
    column->births = after.births - before.births;
    column->birth_bytes = after.birth_bytes - before.birth_bytes;
    column->ends = before.live_count + column->births - after.live_count;
    column->end_bytes = before.end + column->birth_bytes - after.end;
    if (column->births > timeline->max_births)
        timeline->max_births = column->births;
    if (column->ends > timeline->max_ends)
        timeline->max_ends = column->ends;
}

/* False: some border is too far from what the series knows, and the columns are void. */
static bool use_series (struct build *build, const struct hs_level_series *series)
{
    struct hs_timeline *timeline = build->timeline;
    uint64_t span = (uint64_t)timeline->to - (uint64_t)timeline->from;
    uint64_t tolerance = span / timeline->n_columns / 4;
    hs_event_no peak_event = HS_NO_EVENT;
    struct hs_level_border borders[2];

    if (timeline->from == INT64_MIN ||
        !hs_level_border_find (series, timeline->from - 1, tolerance, &borders[0]))
        return false;
    timeline->begin = borders[0].time;
    timeline->start_bytes = level_before (series, borders[0].n_before).end;
    timeline->start_count = level_before (series, borders[0].n_before).live_count;
    timeline->max_bytes = timeline->start_bytes;
    timeline->max_births = timeline->max_ends = 0;
    timeline->peak_time = timeline->from;
    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        int64_t time = hs_event_columns_end (timeline->from, timeline->to, timeline->n_columns, i);

        if (!hs_level_border_find (series, time, tolerance, &borders[1]))
            return false;
        fill_column (build, series, borders, &timeline->columns[i], &peak_event);
        borders[0] = borders[1];
    }
    if (peak_event < build->scan.snapshot.n_events)
        timeline->peak_time = hs_snapshot_event_time (&build->scan.snapshot, peak_event);
    return true;
}

/* False: not there, not near enough, or no memory for it; the rows know everything, too. */
static bool use_levels (struct build *build, const struct hs_filter *filter, uint32_t exact_events)
{
    struct hs_timeline *timeline = build->timeline;
    bool is_done = false;

    if (build->scan.snapshot.n_events <= exact_events || !build->scan.passes_sizes)
        return false;
    for (unsigned steps = HS_LEVELS_BY_TIME; steps <= HS_LEVELS_BY_EVENTS && !is_done; steps++) {
        struct hs_level_series series;

        is_done = hs_level_series_init (&series, &build->scan.snapshot, filter,
                                        (enum hs_level_steps)steps) == HS_OK &&
                  series.n > 0 && use_series (build, &series);
        hs_level_series_clear (&series);
    }
    if (!is_done)
        memset (timeline->columns, 0, timeline->n_columns * sizeof timeline->columns[0]);
    return is_done;
}

/* ---- with borders where they are wanted ---- */

static enum hs_status build_all (struct build *build, const struct hs_filter *filter,
                                 const struct hs_timeline_query *query,
                                 const struct hs_cancel *cancel, struct hs_error *err)
{
    struct hs_timeline *timeline = build->timeline;
    uint32_t max_events =
        query->max_replay_events > 0 ? query->max_replay_events : HS_TIMELINE_REPLAY_EVENTS;
    bool has_overview = hs_filter_is_of_process (filter);
    enum hs_status status;

    timeline->begin = timeline->from > INT64_MIN ? timeline->from - 1 : timeline->from;
    timeline->start_bytes = timeline->start_count = 0;
    timeline->max_births = timeline->max_ends = 0;
    status = set_borders (build, err);
    if (status == HS_OK)
        status = hs_row_columns_scan (&build->columns, &build->scan, cancel, add_rows, build);
    if (status != HS_OK)
        return status;
    sum_up (timeline);
    if (build->columns.borders[timeline->n_columns] - build->columns.borders[0] <= max_events) {
        status = replay_range (build, cancel);
    } else {
        if (has_overview)
            use_overview (build, filter->process);
        if (has_overview || query->has_exact_peak)
            status = find_peak (build, filter, cancel);
        else
            guess_peak (timeline);
    }
    return status == HS_NO_MEMORY ? hs_error_no_memory (err) : status;
}

static enum hs_status answer (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                              const struct hs_timeline_query *query, const struct hs_cancel *cancel,
                              struct hs_timeline **ret, struct hs_error *err)
{
    struct hs_filter whole = *filter;
    uint32_t n = query->n_columns < MAX_COLUMNS ? query->n_columns : MAX_COLUMNS;
    uint32_t exact_events = query->max_replay_events > 0 ? query->max_replay_events : EXACT_EVENTS;
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
    if (status == HS_OK && !(query->may_move_borders && use_levels (&build, &whole, exact_events)))
        status = build_all (&build, &whole, query, cancel, err);
    if (status == HS_OK)
        status = hs_trace_check (snapshot->trace, err);
    hs_scan_clear (&build.scan);
    hs_row_columns_clear (&build.columns);
    if (status == HS_OK)
        *ret = build.timeline;
    else
        hs_free (build.timeline);
    return status;
}

enum hs_status hs_timeline (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                            const struct hs_timeline_query *query, const struct hs_cancel *cancel,
                            struct hs_timeline **ret, struct hs_error *err)
{
    bool was_off = hs_range_index_is_off (snapshot);
    enum hs_status status = answer (snapshot, filter, query, cancel, ret, err);

    if (status != HS_OK || was_off || !hs_range_index_is_off (snapshot))
        return status;
    hs_timeline_unref (*ret); /* a part of the index was damaged: once more, without it */
    return answer (snapshot, filter, query, cancel, ret, err);
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
