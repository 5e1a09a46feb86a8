/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What lived between which events, as the writer of a trace wrote it down (rows.h, overview and
 * steps), as one list in order of time. Exact, but only for the moments that lie between two
 * entries. Owned by whoever asked for it; read-only after init.
 */
#ifndef HS_ANALYSIS_LEVEL_SERIES_H
#define HS_ANALYSIS_LEVEL_SERIES_H

#include "analysis/filter.h"

struct hs_level_series {
    const struct hs_level_columns *columns;
    uint32_t *entries;           /* numbers in the columns; NULL: all, from the first on */
    uint32_t n;                  /* entries, the tail included */
    const struct hs_level *tail; /* the last one; NULL: it is in the columns as the others are */
};

enum hs_level_steps {
    HS_LEVELS_BY_TIME,   /* steps: few, however many events there are */
    HS_LEVELS_BY_EVENTS, /* overview */
};

/*
 * The entries that tell of the blocks of a filter, all of them; none (n is 0) when they do not:
 * more than process is filtered, the process still goes on, or there was a RESET. HS_NO_MEMORY. The
 * snapshot is lent until the series is cleared.
 */
enum hs_status hs_level_series_init (struct hs_level_series *series,
                                     const struct hs_snapshot *snapshot,
                                     const struct hs_filter *filter, enum hs_level_steps steps);
void hs_level_series_clear (struct hs_level_series *series);

struct hs_level hs_level_at (const struct hs_level_series *series, uint32_t i);

/* What lives at a moment that is `time` where the series knows that, else the nearest one at most
 * `tolerance` ticks away. False: it knows none. */
struct hs_level_border {
    int64_t time;
    uint32_t n_before; /* entries up to then */
};
bool hs_level_border_find (const struct hs_level_series *series, int64_t time, uint64_t tolerance,
                           struct hs_level_border *ret);

#endif
