/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Outstanding bytes and rates over time, one entry per column of pixels.
 *
 * Live bytes here are what is in memory: the exit of a process takes its blocks away. Values at
 * column borders are exact. Minimum and maximum within a column are exact when the range has up to
 * HS_TIMELINE_REPLAY_EVENTS events. Above that, when nothing but process is filtered, they are
 * those of the overview blocks that touch the column (rows.h: never too narrow, too wide by one
 * block at a border at most); else those of its two borders.
 *
 * Where borders may move they go to moments at which the trace knows what lived (level_series.h),
 * and everything is exact for the columns as they are then. No row is read for that: it costs what
 * there are columns, not what there are events.
 */
#ifndef HS_ANALYSIS_TIMELINE_H
#define HS_ANALYSIS_TIMELINE_H

#include "analysis/filter.h"

#define HS_TIMELINE_REPLAY_EVENTS (UINT32_C (1) << 22)

struct hs_timeline_query {
    int64_t from, to; /* ticks shown; the filter's own range is not applied */
    uint32_t n_columns;
    uint32_t max_replay_events; /* 0 = HS_TIMELINE_REPLAY_EVENTS; else no border moves below it */
    bool has_exact_peak;        /* whatever it costs; without it where it is cheap */
    bool may_move_borders;      /* by up to a quarter of a column: end_time tells */
};

struct hs_timeline_column {
    int64_t end_time; /* ticks: the column covers (end_time of the one before, end_time] */
    uint64_t live_bytes, live_count; /* after all events with time <= end_time */
    uint64_t min_bytes, max_bytes;   /* within the column, its first value included */
    uint64_t births, birth_bytes;    /* blocks opened in the column */
    uint64_t ends, end_bytes;        /* blocks closed in it (exit too) */
};

struct hs_timeline {
    _Atomic int n_references;
    int64_t from, to;
    /* The first column covers (begin, its end_time]; from - 1, unless that border moved. */
    int64_t begin;
    uint64_t start_bytes, start_count; /* state before the first column */
    uint64_t max_bytes;                /* over all columns */
    uint64_t max_births, max_ends;
    /* The first moment of max_bytes. Both are exact, but where more than process is filtered in
     * more events than are replayed: there it is the highest border, unless asked for exactly. */
    int64_t peak_time;
    uint32_t n_columns;
    struct hs_timeline_column columns[];
};

/* Any thread. */
enum hs_status hs_timeline (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                            const struct hs_timeline_query *query, const struct hs_cancel *cancel,
                            struct hs_timeline **ret, struct hs_error *err);

/* One moment of a process: the state after all events with time <= the moment. */
struct hs_moment {
    uint64_t live_bytes, live_count;
};

struct hs_moments_query {
    const int64_t *times;
    uint32_t n;
    const uint32_t *row_of;
    uint32_t n_rows;
};

/*
 * The state at `n` given moments (ticks, ascending) for many processes at once: what a report
 * needs. `row_of` says per process id which row of the answer it adds to (UINT32_MAX: none;
 * must cover every id with blocks in the snapshot). *ret, to be freed with hs_free, holds n moments
 * of row 0, then n of row 1 …, at last n of all rows together: (n_rows + 1) * n.
 */
enum hs_status hs_timeline_moments (const struct hs_snapshot *snapshot,
                                    const struct hs_moments_query *query, struct hs_moment **ret,
                                    struct hs_error *err);

struct hs_timeline *hs_timeline_ref (struct hs_timeline *timeline);
void hs_timeline_unref (struct hs_timeline *timeline); /* NULL is allowed */

#endif
