/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rows of a snapshot by the column of a time line that they were born in, in whole blocks where
 * those answer. What is done with them is the caller's; one thread.
 */
#ifndef HS_ANALYSIS_ROW_COLUMNS_H
#define HS_ANALYSIS_ROW_COLUMNS_H

#include "analysis/event_columns.h"
#include "analysis/filter.h"

#define HS_BEFORE_COLUMNS UINT32_MAX /* born before the first */

struct hs_row_columns {
    uint32_t n;
    hs_event_no *borders;   /* n + 1 */
    hs_row_no *row_borders; /* rows born before each */
    struct hs_event_columns events;
};

/* n equal parts of [from, to], ticks. To be cleared after a failure, too: HS_NO_MEMORY. */
enum hs_status hs_row_columns_init (struct hs_row_columns *columns,
                                    const struct hs_snapshot *snapshot, int64_t from, int64_t to,
                                    uint32_t n, struct hs_error *err);
/* The same between `n` times (ticks, ascending): column i is what came after times[i - 1], up to
 * and with times[i], the first one everything up to times[0]. */
enum hs_status hs_row_columns_init_at (struct hs_row_columns *columns,
                                       const struct hs_snapshot *snapshot, const int64_t *times,
                                       uint32_t n, struct hs_error *err);
void hs_row_columns_clear (struct hs_row_columns *columns);

/* A block whose rows were all born in one column, or (NULL) a run of such rows. */
typedef void (*hs_row_columns_add) (void *data, const struct hs_range_block *block,
                                    const struct hs_row_run *run, uint32_t column);

/* All rows born before the last border, in order. HS_CANCELLED. */
enum hs_status hs_row_columns_scan (const struct hs_row_columns *columns,
                                    const struct hs_scan *scan, const struct hs_cancel *cancel,
                                    hs_row_columns_add add, void *data);

#endif
