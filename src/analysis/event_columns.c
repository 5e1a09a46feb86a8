/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A table of guesses over equal groups of events; see event_columns.h. */
#include "analysis/event_columns.h"

#include "base/memory.h"

/* Groups per column: the walk from the guess is then short on average (rarely over one step), and
 * the table of a window's width still fits a cache. */
#define GROUPS_PER_COLUMN 8u

int64_t hs_event_columns_end (int64_t from, int64_t to, uint32_t n, uint32_t i)
{
    return (int64_t)(from + ((__int128)to - from) * (i + 1) / n);
}

void hs_event_columns_borders (const struct hs_snapshot *snapshot, int64_t from, int64_t to,
                               uint32_t n, hs_event_no *borders)
{
    borders[0] = hs_snapshot_event_at_or_after (snapshot, from);
    for (uint32_t i = 0; i < n; i++)
        borders[i + 1] = hs_snapshot_event_after (snapshot, hs_event_columns_end (from, to, n, i));
    for (uint32_t i = 0; i <= n; i++) {
        if (borders[i] < snapshot->first_event)
            borders[i] = snapshot->first_event;
    }
}

enum hs_status hs_event_columns_init (struct hs_event_columns *columns, const hs_event_no *borders,
                                      uint32_t n_columns, struct hs_error *err)
{
    uint32_t n_events = borders[n_columns] - borders[0], n_groups, column = 0;
    uint64_t wanted = (uint64_t)n_columns * GROUPS_PER_COLUMN;

    *columns = (struct hs_event_columns){ .borders = borders, .n_columns = n_columns };
    while (n_events >> columns->shift > wanted)
        columns->shift++;
    n_groups = (n_events >> columns->shift) + 1;
    columns->guess = hs_alloc_array (n_groups, sizeof *columns->guess);
    if (columns->guess == NULL)
        return hs_error_no_memory (err);
    for (uint32_t i = 0; i < n_groups; i++) {
        uint64_t first = borders[0] + ((uint64_t)i << columns->shift);

        while (column + 1 < n_columns && borders[column + 1] <= first)
            column++;
        columns->guess[i] = column;
    }
    return HS_OK;
}

void hs_event_columns_clear (struct hs_event_columns *columns)
{
    hs_free (columns->guess);
    columns->guess = NULL;
}
