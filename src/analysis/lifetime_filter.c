/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows by their lifetimes; see lifetime_filter.h. Rows are in order of birth, so the events between
 * which a row has to end only go forward from row to row: three walks along the times of events
 * stand for a search per row.
 */
#include "analysis/lifetime_filter.h"

#include "base/memory.h"

#define NS_PER_SECOND 1000000000u

/* A walk along event times, forward only. */
struct walk {
    const struct hs_snapshot *snapshot;
    hs_event_no event;
    uint32_t segment;
    hs_event_no segment_end;
    int64_t base;
    int64_t next_base; /* no event of the segment comes after it */
};

static void enter (struct walk *walk, uint32_t segment)
{
    const struct hs_snapshot *snapshot = walk->snapshot;
    const struct hs_rows *rows = snapshot->rows;
    bool is_last = segment + 1 >= snapshot->n_segments;

    walk->segment = segment;
    walk->event = hs_column_u32 (&rows->segment_first, segment);
    walk->base = (int64_t)hs_column_u64 (&rows->segment_base, segment);
    walk->segment_end =
        is_last ? snapshot->n_events : hs_column_u32 (&rows->segment_first, segment + 1);
    walk->next_base =
        is_last ? INT64_MAX : (int64_t)hs_column_u64 (&rows->segment_base, segment + 1);
    if (walk->segment_end > snapshot->n_events)
        walk->segment_end = snapshot->n_events;
}

static int64_t time_here (const struct walk *walk)
{
    return walk->base + hs_column_u16 (&walk->snapshot->rows->time_delta, walk->event);
}

/* The time of an event that is not before that of the last call. */
static int64_t time_of (struct walk *walk, hs_event_no event)
{
    while (event >= walk->segment_end && walk->segment + 1 < walk->snapshot->n_segments)
        enter (walk, walk->segment + 1);
    walk->event = event;
    return time_here (walk);
}

/* The first event at or after a time that is not before that of the last call. */
static hs_event_no first_at (struct walk *walk, int64_t ticks)
{
    while (walk->next_base < ticks)
        enter (walk, walk->segment + 1);
    for (;;) {
        if (walk->event < walk->segment_end) {
            if (time_here (walk) >= ticks)
                return walk->event;
            walk->event++;
        } else if (walk->segment + 1 < walk->snapshot->n_segments) {
            enter (walk, walk->segment + 1);
        } else {
            return walk->snapshot->n_events;
        }
    }
}

struct lifetimes {
    const struct hs_scan *scan;
    uint64_t *bits;
    int64_t min, max; /* ticks */
    bool has_max;
    struct hs_birth_walk births;
    struct walk born, earliest, latest;
};

static int64_t add_ticks (int64_t time, int64_t ticks)
{
    int64_t sum;

    return __builtin_add_overflow (time, ticks, &sum) ? INT64_MAX : sum;
}

static void look_at_run (struct lifetimes *lives, const struct hs_row_run *run)
{
    const struct hs_snapshot *snapshot = &lives->scan->snapshot;

    for (uint32_t i = 0; i < run->n; i++) {
        int64_t born = time_of (&lives->born, hs_birth_walk_next (&lives->births));
        hs_event_no ended = hs_run_peek (run->end, i), gone;
        hs_row_no row = run->first + i;
        bool passes;

        if (lives->has_max) {
            passes = ended < snapshot->n_events &&
                     ended < first_at (&lives->latest, add_ticks (born, lives->max + 1)) &&
                     ended >= first_at (&lives->earliest, add_ticks (born, lives->min));
        } else {
            gone = hs_scan_gone (lives->scan, hs_narrow_at (run->context, i), ended);
            passes = gone != HS_NO_EVENT
                         ? gone >= first_at (&lives->earliest, add_ticks (born, lives->min))
                         : add_ticks (born, lives->min) <= snapshot->last_time;
        }
        lives->bits[row / 64] |= (uint64_t)passes << row % 64;
    }
}

/* Nanoseconds to ticks, rounded down; `extra` (under a tick) before that. */
static int64_t to_ticks (uint64_t ns, uint64_t ticks_per_second, uint64_t extra)
{
    unsigned __int128 ticks = ((unsigned __int128)ns * ticks_per_second + extra) / NS_PER_SECOND;

    return ticks < INT64_MAX - 1 ? (int64_t)ticks : INT64_MAX - 1;
}

enum hs_status hs_lifetime_filter_rows (const struct hs_scan *scan, const struct hs_filter *filter,
                                        const struct hs_cancel *cancel, uint64_t **ret,
                                        struct hs_error *err)
{
    const struct hs_snapshot *snapshot = &scan->snapshot;
    struct lifetimes lives = {
        .scan = scan,
        .min = to_ticks (filter->lifetime_min, snapshot->ticks_per_second, NS_PER_SECOND - 1),
        .max = to_ticks (filter->lifetime_max, snapshot->ticks_per_second, 0),
        .has_max = filter->lifetime_max != UINT64_MAX,
        .born = { .snapshot = snapshot },
        .births = hs_birth_walk_init (snapshot, snapshot->first_row),
    };
    struct hs_row_run run;

    lives.bits = hs_alloc_zeroed (snapshot->n_rows / 64 + 1, sizeof *lives.bits);
    if (lives.bits == NULL)
        return hs_error_no_memory (err);
    if (snapshot->n_segments > 0)
        enter (&lives.born, 0);
    lives.earliest = lives.latest = lives.born;
    for (hs_row_no row = snapshot->first_row; row < snapshot->n_rows; row += run.n) {
        if (hs_cancel_is_set (cancel)) {
            hs_free (lives.bits);
            return HS_CANCELLED;
        }
        run = hs_row_run_at (snapshot, row, snapshot->n_rows);
        look_at_run (&lives, &run);
    }
    *ret = lives.bits;
    return HS_OK;
}
