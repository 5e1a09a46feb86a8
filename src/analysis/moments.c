/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of every process at given moments, in one scan; see hs_timeline_moments (timeline.h).
 */
#include "analysis/event_columns.h"
#include "analysis/replay.h"
#include "analysis/timeline.h"
#include "base/memory.h"

struct moments {
    struct hs_scan scan;
    hs_event_no *borders; /* n + 1: the first event, then the first event after each moment */
    struct hs_event_columns columns;
    const struct hs_moments_query *query;
    struct hs_moment *deltas; /* by row, then by column: what changed in it */
};

static enum hs_status set_borders (struct moments *moments, struct hs_error *err)
{
    const struct hs_moments_query *query = moments->query;
    const struct hs_snapshot *snapshot = &moments->scan.snapshot;

    moments->borders = hs_alloc_array (query->n + 1, sizeof *moments->borders);
    moments->deltas =
        hs_alloc_zeroed (((size_t)query->n_rows + 1) * query->n, sizeof *moments->deltas);
    if (moments->borders == NULL || moments->deltas == NULL)
        return hs_error_no_memory (err);
    moments->borders[0] = snapshot->first_event;
    for (uint32_t i = 0; i < query->n; i++) {
        hs_event_no border = hs_snapshot_event_after (snapshot, query->times[i]);

        moments->borders[i + 1] = border < moments->borders[0] ? moments->borders[0] : border;
    }
    return hs_event_columns_init (&moments->columns, moments->borders, query->n, err);
}

static void scan_run (struct moments *moments, const struct hs_row_run *run,
                      struct hs_birth_walk *births)
{
    const struct hs_scan *scan = &moments->scan;
    const struct hs_column *processes = &scan->snapshot.rows->context_process;
    const struct hs_moments_query *query = moments->query;
    hs_event_no first = moments->borders[0], last = moments->borders[query->n];

    for (uint32_t i = 0; i < run->n; i++) {
        uint32_t context = hs_narrow_at (run->context, i);
        hs_event_no birth = hs_birth_walk_next (births);
        hs_event_no gone = hs_scan_gone (scan, context, hs_run_peek (run->end, i));
        uint32_t row = query->row_of[hs_column_u32 (processes, context)];
        struct hs_moment *deltas;
        uint64_t size = hs_run_size (&scan->snapshot, run, i);

        if (row == UINT32_MAX)
            continue;
        deltas = &moments->deltas[(size_t)row * query->n];
        if (birth < last) {
            struct hs_moment *at = &deltas[hs_event_columns_at (&moments->columns, birth)];

            at->live_bytes += size;
            at->live_count++;
        }
        if (gone >= first && gone < last) {
            struct hs_moment *at = &deltas[hs_event_columns_at (&moments->columns, gone)];

            at->live_bytes -= size;
            at->live_count--;
        }
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

enum hs_status hs_timeline_moments (const struct hs_snapshot *snapshot,
                                    const struct hs_moments_query *query, struct hs_moment **ret,
                                    struct hs_error *err)
{
    struct moments moments = { .query = query };
    struct hs_filter filter = hs_filter_all ();
    struct hs_birth_walk births = hs_birth_walk_init (snapshot, snapshot->first_row);
    struct hs_row_run run;
    enum hs_status status = hs_scan_init (&moments.scan, snapshot, &filter, NULL, err);

    if (status == HS_OK)
        status = set_borders (&moments, err);
    if (status == HS_OK) {
        for (hs_row_no row = snapshot->first_row; row < snapshot->n_rows; row += run.n) {
            run = hs_row_run_at (snapshot, row, snapshot->n_rows);
            scan_run (&moments, &run, &births);
        }
        sum_up (&moments);
        status = hs_trace_check (snapshot->trace, err);
    }
    if (status == HS_OK)
        *ret = moments.deltas;
    else
        hs_free (moments.deltas);
    hs_event_columns_clear (&moments.columns);
    hs_free (moments.borders);
    hs_scan_clear (&moments.scan);
    return status;
}
