/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries of overview and steps in order of time; see level_series.h. */
#include "analysis/level_series.h"

#include "base/memory.h"

/* The entries of one process among those of all. */
static enum hs_status pick (struct hs_level_series *series, const struct hs_snapshot *snapshot,
                            hs_process_id process)
{
    const struct hs_column *processes = &snapshot->rows->overview_process;

    series->entries = hs_alloc_array (snapshot->n_overview, sizeof *series->entries);
    if (series->entries == NULL && snapshot->n_overview > 0)
        return HS_NO_MEMORY;
    for (uint32_t i = 0; i < snapshot->n_overview; i++) {
        if (hs_column_u32 (processes, i) == process)
            series->entries[series->n++] = i;
    }
    return HS_OK;
}

/* Whether the last entry has counted every block. */
static bool is_whole (const struct hs_level_series *series, const struct hs_snapshot *snapshot)
{
    return series->n > 0 && hs_level_at (series, series->n - 1).births == snapshot->n_rows;
}

enum hs_status hs_level_series_init (struct hs_level_series *series,
                                     const struct hs_snapshot *snapshot,
                                     const struct hs_filter *filter, enum hs_level_steps steps)
{
    const struct hs_level *tail =
        steps == HS_LEVELS_BY_TIME ? &snapshot->step_tail : &snapshot->overview_tail;
    enum hs_status status = HS_OK;

    *series = (struct hs_level_series){ 0 };
    if (!snapshot->has_levels || snapshot->first_event > 0 || !hs_filter_is_of_process (filter) ||
        !hs_filter_is_of_all (filter, snapshot->trace))
        return HS_OK;
    if (steps == HS_LEVELS_BY_TIME) {
        series->columns = &snapshot->rows->steps;
        series->n = snapshot->n_steps;
    } else {
        series->columns = &snapshot->rows->overview;
        status = pick (series, snapshot, HS_NO_PROCESS);
    }
    if (tail->n_events > 0) {
        series->tail = tail;
        series->n++;
    }
    if (status == HS_OK && !is_whole (series, snapshot))
        series->n = 0;
    return status;
}

void hs_level_series_clear (struct hs_level_series *series)
{
    hs_free (series->entries);
    series->entries = NULL;
}

static uint32_t place_of (const struct hs_level_series *series, uint32_t i)
{
    return series->entries != NULL ? series->entries[i] : i;
}

static bool is_tail (const struct hs_level_series *series, uint32_t i)
{
    return series->tail != NULL && i + 1 == series->n;
}

struct hs_level hs_level_at (const struct hs_level_series *series, uint32_t i)
{
    const struct hs_level_columns *columns = series->columns;
    uint32_t at;

    if (is_tail (series, i))
        return *series->tail;
    at = place_of (series, i);
    return (struct hs_level){
        .min = hs_column_u64 (&columns->min, at),
        .max = hs_column_u64 (&columns->max, at),
        .end = hs_column_u64 (&columns->end, at),
        .birth_bytes = hs_column_u64 (&columns->birth_bytes, at),
        .first_time = (int64_t)hs_column_u64 (&columns->first_time, at),
        .last_time = (int64_t)hs_column_u64 (&columns->last_time, at),
        .births = hs_column_u32 (&columns->births, at),
        .live_count = hs_column_u32 (&columns->live_count, at),
        .peak_event = hs_column_u32 (&columns->peak_event, at),
    };
}

static int64_t first_time (const struct hs_level_series *series, uint32_t i)
{
    return is_tail (series, i)
               ? series->tail->first_time
               : (int64_t)hs_column_u64 (&series->columns->first_time, place_of (series, i));
}

static int64_t last_time (const struct hs_level_series *series, uint32_t i)
{
    return is_tail (series, i)
               ? series->tail->last_time
               : (int64_t)hs_column_u64 (&series->columns->last_time, place_of (series, i));
}

/* Whether there is a moment between entry i - 1 and entry i. */
static bool is_between (const struct hs_level_series *series, uint32_t i)
{
    return i == 0 || i == series->n || first_time (series, i) > last_time (series, i - 1);
}

bool hs_level_border_find (const struct hs_level_series *series, int64_t time, uint64_t tolerance,
                           struct hs_level_border *ret)
{
    uint32_t low = 0, high = series->n;
    uint64_t before, after;
    int64_t first, last;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (last_time (series, middle) <= time)
            low = middle + 1;
        else
            high = middle;
    }
    *ret = (struct hs_level_border){ time, low };
    if (low == series->n || (first = first_time (series, low)) > time)
        return true;
    /* within an entry: to the moment before it, or to its last one */
    last = last_time (series, low);
    before = (uint64_t)time - (uint64_t)first + 1;
    after = (uint64_t)last - (uint64_t)time;
    if (after <= tolerance && after <= before && is_between (series, low + 1)) {
        *ret = (struct hs_level_border){ last, low + 1 };
        return true;
    }
    if (before <= tolerance && first > INT64_MIN && is_between (series, low)) {
        *ret = (struct hs_level_border){ first - 1, low };
        return true;
    }
    if (after <= tolerance && is_between (series, low + 1)) {
        *ret = (struct hs_level_border){ last, low + 1 };
        return true;
    }
    return false;
}
