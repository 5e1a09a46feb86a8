/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows by column; see row_columns.h. */
#include "analysis/row_columns.h"

#include "base/memory.h"

static enum hs_status take_room (struct hs_row_columns *columns, uint32_t n, struct hs_error *err)
{
    *columns = (struct hs_row_columns){ .n = n };
    columns->borders = hs_alloc_array (n + 1, sizeof *columns->borders);
    columns->row_borders = hs_alloc_array (n + 1, sizeof *columns->row_borders);
    return columns->borders != NULL && columns->row_borders != NULL ? HS_OK
                                                                    : hs_error_no_memory (err);
}

static enum hs_status set_rows (struct hs_row_columns *columns, const struct hs_snapshot *snapshot,
                                struct hs_error *err)
{
    for (uint32_t i = 0; i <= columns->n; i++)
        columns->row_borders[i] = hs_snapshot_rows_before (snapshot, columns->borders[i]);
    return hs_event_columns_init (&columns->events, columns->borders, columns->n, err);
}

enum hs_status hs_row_columns_init (struct hs_row_columns *columns,
                                    const struct hs_snapshot *snapshot, int64_t from, int64_t to,
                                    uint32_t n, struct hs_error *err)
{
    enum hs_status status = take_room (columns, n, err);

    if (status != HS_OK)
        return status;
    hs_event_columns_borders (snapshot, from, to, n, columns->borders);
    return set_rows (columns, snapshot, err);
}

enum hs_status hs_row_columns_init_at (struct hs_row_columns *columns,
                                       const struct hs_snapshot *snapshot, const int64_t *times,
                                       uint32_t n, struct hs_error *err)
{
    enum hs_status status = take_room (columns, n, err);

    if (status != HS_OK)
        return status;
    columns->borders[0] = snapshot->first_event;
    for (uint32_t i = 0; i < n; i++) {
        hs_event_no border = hs_snapshot_event_after (snapshot, times[i]);

        columns->borders[i + 1] = border > columns->borders[i] ? border : columns->borders[i];
    }
    return set_rows (columns, snapshot, err);
}

void hs_row_columns_clear (struct hs_row_columns *columns)
{
    hs_event_columns_clear (&columns->events);
    hs_free (columns->borders);
    hs_free (columns->row_borders);
}

enum hs_status hs_row_columns_scan (const struct hs_row_columns *columns,
                                    const struct hs_scan *scan, const struct hs_cancel *cancel,
                                    hs_row_columns_add add, void *data)
{
    hs_row_no row = scan->snapshot.first_row, next = columns->row_borders[0];
    uint32_t column = HS_BEFORE_COLUMNS;

    while (row < columns->row_borders[columns->n]) {
        const struct hs_range_block *block;
        struct hs_row_run run;

        while (row >= next)
            next = columns->row_borders[++column + 1];
        if (hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        block = hs_scan_block (scan, row, next, &run);
        add (data, block, &run, column);
        row += block != NULL ? block->n_rows : run.n;
    }
    return HS_OK;
}
