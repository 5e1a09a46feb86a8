/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which column of a time line an event falls into, quickly: rows come in order of birth, but their
 * ends are anywhere. Borders are event numbers; column i holds events [border[i], border[i + 1]).
 * Owned by whoever asked for it; read-only after init, so any thread.
 */
#ifndef HS_ANALYSIS_EVENT_COLUMNS_H
#define HS_ANALYSIS_EVENT_COLUMNS_H

#include "trace/trace.h"

#include <stdint.h>

/* When column i of n equal parts of [from, to] ends, ticks. */
int64_t hs_event_columns_end (int64_t from, int64_t to, uint32_t n, uint32_t i);

/* The borders of all parts: the first event at or after `from`, then those after each end; n + 1.
 */
void hs_event_columns_borders (const struct hs_snapshot *snapshot, int64_t from, int64_t to,
                               uint32_t n, hs_event_no *borders);

struct hs_event_columns {
    const hs_event_no *borders; /* n_columns + 1, ascending; lent */
    uint32_t n_columns;
    uint32_t *guess; /* per group of 2^shift events from borders[0]: a column not past them */
    unsigned shift;
};

enum hs_status hs_event_columns_init (struct hs_event_columns *columns, const hs_event_no *borders,
                                      uint32_t n_columns, struct hs_error *err);
void hs_event_columns_clear (struct hs_event_columns *columns);

/* The column of an event in [borders[0], borders[n_columns]). */
static inline uint32_t hs_event_columns_at (const struct hs_event_columns *columns,
                                            hs_event_no event)
{
    uint32_t at = columns->guess[(event - columns->borders[0]) >> columns->shift];

    while (columns->borders[at + 1] <= event)
        at++;
    return at;
}

#endif
