/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of every process at given moments; see hs_timeline_moments (timeline.h). */
#include "analysis/row_columns.h"
#include "analysis/timeline.h"
#include "base/memory.h"

struct moments {
    struct hs_scan scan;
    struct hs_row_columns columns;
    const struct hs_moments_query *query;
    struct hs_moment *deltas; /* by row, then by column: what changed in it */
};

/* A block of memory that was there from a column on until the event `gone`. */
static void add_memory (struct moments *moments, uint32_t context, uint64_t size, uint32_t column,
                        hs_event_no gone)
{
    const struct hs_moments_query *query = moments->query;
    const struct hs_rows *rows = moments->scan.snapshot.rows;
    uint32_t row = query->row_of[hs_column_u32 (&rows->context_process, context)];
    struct hs_moment *deltas;

    if (row == UINT32_MAX)
        return;
    deltas = &moments->deltas[(size_t)row * query->n];
    deltas[column].live_bytes += size;
    deltas[column].live_count++;
    if (gone < moments->columns.borders[query->n]) {
        column = hs_event_columns_at (&moments->columns.events, gone);
        deltas[column].live_bytes -= size;
        deltas[column].live_count--;
    }
}

/* All but the survivors of a block came and went in the same column. */
static void add_survivors (struct moments *moments, const struct hs_range_block *block,
                           uint32_t column)
{
    uint64_t first = block->first_survivor, end = first + block->n_survivors;

    for (struct hs_survivor_run run; first < end; first += run.n) {
        run = hs_survivor_run_at (&moments->scan.snapshot, first, end);
        for (uint32_t i = 0; i < run.n; i++) {
            struct hs_survivor_row row = hs_survivor_at (&moments->scan, &run, i);

            add_memory (moments, hs_narrow_at (run.context, i), row.size, column, row.gone);
        }
    }
}

static void add_rows (void *data, const struct hs_range_block *block, const struct hs_row_run *run,
                      uint32_t column)
{
    struct moments *moments = data;

    if (block != NULL) {
        add_survivors (moments, block, column);
        return;
    }
    for (uint32_t i = 0; i < run->n; i++) {
        uint32_t context = hs_narrow_at (run->context, i);

        add_memory (moments, context, hs_run_size (&moments->scan.snapshot, run, i), column,
                    hs_scan_gone (&moments->scan, context, hs_run_peek (run->end, i)));
    }
}

static void sum_up (struct moments *moments)
{
    uint32_t n = moments->query->n, n_rows = moments->query->n_rows;
    struct hs_moment *totals = &moments->deltas[(size_t)n_rows * n];

    for (uint32_t row = 0; row < n_rows; row++) {
        struct hs_moment *at = &moments->deltas[(size_t)row * n];

        for (uint32_t i = 0; i < n; i++) {
            if (i > 0) {
                at[i].live_bytes += at[i - 1].live_bytes;
                at[i].live_count += at[i - 1].live_count;
            }
            totals[i].live_bytes += at[i].live_bytes;
            totals[i].live_count += at[i].live_count;
        }
    }
}

static enum hs_status answer (const struct hs_snapshot *snapshot,
                              const struct hs_moments_query *query, struct hs_moment **ret,
                              struct hs_error *err)
{
    struct moments moments = { .query = query };
    struct hs_filter filter = hs_filter_all ();
    enum hs_status status = hs_scan_init (&moments.scan, snapshot, &filter, NULL, err);

    if (status == HS_OK)
        status = hs_row_columns_init_at (&moments.columns, snapshot, query->times, query->n, err);
    if (status == HS_OK) {
        moments.deltas =
            hs_alloc_zeroed (((size_t)query->n_rows + 1) * query->n, sizeof *moments.deltas);
        status = moments.deltas == NULL ? hs_error_no_memory (err) : HS_OK;
    }
    if (status == HS_OK) {
        (void)hs_row_columns_scan (&moments.columns, &moments.scan, NULL, add_rows, &moments);
        sum_up (&moments);
        status = hs_trace_check (snapshot->trace, err);
    }
    if (status == HS_OK)
        *ret = moments.deltas;
    else
        hs_free (moments.deltas);
    hs_row_columns_clear (&moments.columns);
    hs_scan_clear (&moments.scan);
    return status;
}

enum hs_status hs_timeline_moments (const struct hs_snapshot *snapshot,
                                    const struct hs_moments_query *query, struct hs_moment **ret,
                                    struct hs_error *err)
{
    bool was_off = hs_range_index_is_off (snapshot);
    enum hs_status status = answer (snapshot, query, ret, err);

    if (status != HS_OK || was_off || !hs_range_index_is_off (snapshot))
        return status;
    hs_free (*ret); /* a part of the index was damaged: once more, without it */
    return answer (snapshot, query, ret, err);
}
