/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks of which a gap makes unsure whether they were freed; see stack_tally.h. */
#include "analysis/stack_tally.h"

#include "base/memory.h"
#include "base/units.h"

struct unsure {
    struct hs_stack_tally *tally;
    hs_row_no *rows; /* per process: rows below it are older than a gap of the range */
    hs_row_no end;   /* the largest of them */
};

/* What a gap makes unsure: only gaps before the end of the range count, a block that lived then and
 * was never freed is there for sure when the gap came later. */
static enum hs_status set_rows (struct unsure *unsure, struct hs_error *err)
{
    struct hs_stack_tally *tally = unsure->tally;
    const struct hs_snapshot *snapshot = &tally->scan.snapshot;
    const struct hs_tables *tables = hs_trace_lock (snapshot->trace);
    enum hs_status status = HS_OK;
    hs_row_no common = 0;

    if (tables->gaps.n > 0) {
        unsure->rows = hs_alloc_zeroed (tally->n_processes, sizeof *unsure->rows);
        tally->unsure = hs_alloc_zeroed (tally->n_places, sizeof *tally->unsure);
        if (unsure->rows == NULL || tally->unsure == NULL)
            status = hs_error_no_memory (err);
    }
    for (size_t i = 0; i < tables->gaps.n && status == HS_OK; i++) {
        const struct hs_gap *gap = &tables->gaps.items[i];

        if (gap->event > tally->scan.end)
            continue;
        if (gap->process == HS_NO_PROCESS)
            common = gap->rows;
        else if (gap->process < tally->n_processes)
            unsure->rows[gap->process] = gap->rows;
        if (unsure->end < gap->rows)
            unsure->end = gap->rows;
    }
    for (uint32_t i = 0; i < tally->n_processes && common > 0; i++) {
        if (unsure->rows[i] < common)
            unsure->rows[i] = common;
    }
    hs_trace_unlock (snapshot->trace);
    return status;
}

/* A row that may be unsure and passes the filter. */
static void add_row (struct unsure *unsure, hs_row_no row, uint32_t stack, uint32_t context)
{
    struct hs_stack_tally *tally = unsure->tally;
    const struct hs_rows *rows = tally->scan.snapshot.rows;
    hs_process_id process = hs_column_u32 (&rows->context_process, context);
    size_t at;

    if (process >= tally->n_processes || row >= unsure->rows[process])
        return;
    at = tally->stacks_of == HS_STACKS_OF_ENDS
             ? hs_tally_end_place (tally, row, hs_column_peek (&rows->end, row), process)
             : hs_tally_birth_place (tally, stack, process);
    tally->unsure[at].count++;
    tally->unsure[at].bytes = hs_add_saturated (tally->unsure[at].bytes, hs_rows_size (rows, row));
}

static void add_run (struct unsure *unsure, const struct hs_row_run *run)
{
    const struct hs_scan *scan = &unsure->tally->scan;

    for (uint32_t i = 0; i < run->n; i++) {
        uint64_t size;

        if (hs_run_peek (run->end, i) >= scan->end && hs_scan_passes (scan, run, i, &size))
            add_row (unsure, run->first + i, hs_run_peek (run->stack, i),
                     hs_narrow_at (run->context, i));
    }
}

/* Of a whole block, only survivors can be outstanding. */
static void add_survivors (struct unsure *unsure, const struct hs_range_block *block)
{
    const struct hs_scan *scan = &unsure->tally->scan;
    const struct hs_rows *rows = scan->snapshot.rows;
    const struct hs_range_columns *columns = scan->snapshot.ranges;

    for (uint32_t i = block->first_survivor; i < block->first_survivor + block->n_survivors; i++) {
        hs_row_no row = hs_column_u32 (&columns->survivor_row, i);
        uint32_t context = hs_narrow_get (&columns->survivor_context, i);

        if (hs_column_peek (&rows->end, row) >= scan->end &&
            (scan->passes_all || scan->context_passes[context]))
            add_row (unsure, row, hs_column_peek (&rows->stack, row), context);
    }
}

enum hs_status hs_stack_tally_unsure (struct hs_stack_tally *tally, const struct hs_cancel *cancel,
                                      struct hs_error *err)
{
    const struct hs_scan *scan = &tally->scan;
    struct unsure unsure = { .tally = tally };
    enum hs_status status = set_rows (&unsure, err);
    hs_row_no end = unsure.end < scan->row_end ? unsure.end : scan->row_end;
    uint32_t n;

    for (hs_row_no row = scan->snapshot.first_row; row < end && status == HS_OK; row += n) {
        struct hs_row_run run;
        const struct hs_range_block *block = hs_scan_block (scan, row, end, &run);

        if (hs_cancel_is_set (cancel))
            status = HS_CANCELLED;
        n = block != NULL ? block->n_rows : run.n;
        if (block != NULL)
            add_survivors (&unsure, block);
        else
            add_run (&unsure, &run);
    }
    hs_free (unsure.rows);
    return status;
}
