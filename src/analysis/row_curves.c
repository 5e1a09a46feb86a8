/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Curves of tree rows from one scan; see row_curves.h. The stacks of a row are neighbours in the
 * tree's shape, so the borders of all rows cut the stacks into segments: each block is added to one
 * segment, and a row is the sum of some. Whole blocks of the range index that lie between two
 * borders of columns cost their survivors only: whatever else they hold came and went unseen.
 */
#include "analysis/row_curves.h"

#include "analysis/call_tree_shape.h"
#include "analysis/row_columns.h"
#include "base/memory.h"

#include <stdlib.h>

#define MAX_COLUMNS 4096u
#define MAX_ROWS 4096u
#define NO_SEGMENT UINT32_MAX
#define OF_PROCESS (UINT32_MAX - 1) /* the stack is not known: the row's process tells */

struct span { /* of the shape's stacks, by place */
    uint32_t first, end;
};

struct hs_tree_rows {
    _Atomic int n_references;
    struct hs_call_tree_shape *shape;
    uint32_t n;
    struct {
        struct hs_tree_row row;
        struct span stacks;
    } rows[];
};

struct hs_tree_rows *hs_tree_rows_new (const struct hs_call_tree *tree, const uint32_t *nodes,
                                       uint32_t n)
{
    const struct hs_shape_node *places = tree->shape->nodes;
    struct hs_tree_rows *rows;

    n = n < MAX_ROWS ? n : MAX_ROWS;
    rows = hs_alloc_zeroed (1, sizeof *rows + n * sizeof rows->rows[0]);
    if (rows == NULL)
        return NULL;
    atomic_init (&rows->n_references, 1);
    rows->shape = hs_call_tree_shape_ref (tree->shape);
    rows->n = n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t place = tree->nodes[nodes[i]].place;

        rows->rows[i].row = hs_call_tree_row (tree, nodes[i]);
        rows->rows[i].stacks.first = places[place].first_stack;
        rows->rows[i].stacks.end = places[places[place].end].first_stack;
    }
    return rows;
}

struct hs_tree_rows *hs_tree_rows_ref (struct hs_tree_rows *rows)
{
    atomic_fetch_add_explicit (&rows->n_references, 1, memory_order_relaxed);
    return rows;
}

uint64_t hs_tree_rows_id (const struct hs_tree_rows *rows)
{
    uint64_t id = hs_hash_u64 (rows->n);

    for (uint32_t i = 0; i < rows->n; i++)
        id = hs_hash_u64 (id + rows->rows[i].row.hash * 2 + rows->rows[i].row.direction);
    return id;
}

void hs_tree_rows_unref (struct hs_tree_rows *rows)
{
    if (rows == NULL ||
        atomic_fetch_sub_explicit (&rows->n_references, 1, memory_order_acq_rel) != 1)
        return;
    hs_call_tree_shape_unref (rows->shape);
    hs_free (rows);
}

struct build {
    struct hs_scan scan;
    const struct hs_tree_rows *rows;
    struct hs_row_columns columns;
    uint32_t *cuts; /* n_segments + 1 places, ascending */
    uint32_t n_segments;
    uint32_t *segment_of_slot, *segment_of_process;
    uint32_t n_processes;
    struct hs_row_value *changes; /* n_columns per segment: from that column on */
};

/* ---- which block belongs where -----------------------------------------------------------------
 */

static int compare_u32 (const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;

    return *left < *right ? -1 : *left > *right;
}

/* The segment that begins at a cut, or holds a place; the number of cuts below or at it, less one.
 */
static uint32_t segment_at (const struct build *build, uint32_t place)
{
    uint32_t low = 0, high = build->n_segments + 1;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (build->cuts[middle] <= place)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 || low > build->n_segments ? NO_SEGMENT : low - 1;
}

static enum hs_status cut (struct build *build, struct hs_error *err)
{
    const struct hs_tree_rows *rows = build->rows;
    uint32_t n = 0;

    build->cuts = hs_alloc_array ((size_t)rows->n * 2 + 1, sizeof *build->cuts);
    if (build->cuts == NULL)
        return hs_error_no_memory (err);
    build->cuts[n++] = 0;
    for (uint32_t i = 0; i < rows->n; i++) {
        build->cuts[n++] = rows->rows[i].stacks.first;
        build->cuts[n++] = rows->rows[i].stacks.end;
    }
    qsort (build->cuts, n, sizeof *build->cuts, compare_u32);
    for (uint32_t i = 1; i < n; i++) {
        if (build->cuts[i] != build->cuts[build->n_segments])
            build->cuts[++build->n_segments] = build->cuts[i];
    }
    return HS_OK;
}

/* The first of the shape's stacks that ends in a node, and is of a process where none is known. */
static uint32_t place_of (const struct hs_call_tree_shape *shape, uint32_t node,
                          hs_process_id process)
{
    uint32_t low = 0, high = shape->n_stacks;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct hs_shape_stack *stack = &shape->stacks[middle];

        if (stack->node < node ||
            (stack->node == node && node == HS_NODE_NONE && stack->process < process))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == shape->n_stacks || shape->stacks[low].node != node ||
        (node == HS_NODE_NONE && shape->stacks[low].process != process))
        return UINT32_MAX;
    return shape->stacks[low].place;
}

static enum hs_status set_segments (struct build *build, struct hs_error *err)
{
    const struct hs_snapshot *snapshot = &build->scan.snapshot;
    const struct hs_call_tree_shape *shape = build->rows->shape;

    build->n_processes = (uint32_t)hs_trace_lock (snapshot->trace)->processes.n;
    hs_trace_unlock (snapshot->trace);
    build->segment_of_slot =
        hs_alloc_array ((size_t)snapshot->n_slots + 1, sizeof *build->segment_of_slot);
    build->segment_of_process =
        hs_alloc_array ((size_t)build->n_processes + 1, sizeof *build->segment_of_process);
    if (build->segment_of_slot == NULL || build->segment_of_process == NULL)
        return hs_error_no_memory (err);
    for (uint32_t slot = 0; slot < snapshot->n_slots; slot++) {
        uint32_t node = hs_column_peek (&snapshot->stacks->slot_node, slot), place;

        if (node >= snapshot->n_nodes) {
            build->segment_of_slot[slot] = OF_PROCESS;
            continue;
        }
        place = place_of (shape, node, HS_NO_PROCESS);
        build->segment_of_slot[slot] = place != UINT32_MAX ? segment_at (build, place) : NO_SEGMENT;
    }
    for (uint32_t process = 0; process < build->n_processes; process++) {
        uint32_t place = place_of (shape, HS_NODE_NONE, process);

        build->segment_of_process[process] =
            place != UINT32_MAX ? segment_at (build, place) : NO_SEGMENT;
    }
    return HS_OK;
}

/* ---- the scan ----------------------------------------------------------------------------------
 */

/* One block, born in a column (HS_BEFORE_COLUMNS: before the first). */
static inline void add_block (struct build *build, uint32_t column, uint32_t context,
                              uint32_t stack, hs_event_no ended, uint64_t size)
{
    const struct hs_scan *scan = &build->scan;
    hs_event_no gone = hs_scan_gone (scan, context, ended);
    uint32_t slot = stack & HS_ROW_SLOT_MASK, first = column == HS_BEFORE_COLUMNS ? 0 : column;
    uint32_t segment = slot < scan->snapshot.n_slots ? build->segment_of_slot[slot] : OF_PROCESS;
    bool stays = ended >= scan->end;
    struct hs_row_value *changes;
    uint32_t end = build->columns.n;

    if (segment == OF_PROCESS)
        segment = build->segment_of_process[hs_column_u32 (&scan->snapshot.rows->context_process,
                                                           context)];
    if (segment == NO_SEGMENT || gone < build->columns.borders[first + 1])
        return;
    changes = &build->changes[(size_t)segment * (build->columns.n + 1)];
    if (gone < build->columns.borders[build->columns.n])
        end = hs_event_columns_at (&build->columns.events, gone);
    if (stays) {
        changes[first].stays += size;
        changes[end].stays -= size;
    } else {
        changes[first].freed += size;
        changes[end].freed -= size;
    }
}

/* What ended before it is in no value of a column, nor of those behind it: most rows of a trace. */
static hs_event_no seen_from (const struct build *build, uint32_t column)
{
    return build->columns.borders[column == HS_BEFORE_COLUMNS ? 1 : column + 1];
}

static void scan_run (struct build *build, const struct hs_row_run *run, uint32_t column)
{
    const hs_event_no from = seen_from (build, column);

    for (uint32_t i = 0; i < run->n; i++) {
        hs_event_no ended = hs_run_peek (run->end, i);
        uint64_t size;

        if (ended >= from && hs_scan_passes (&build->scan, run, i, &size))
            add_block (build, column, hs_narrow_at (run->context, i), hs_run_peek (run->stack, i),
                       ended, size);
    }
}

static void scan_survivors (struct build *build, const struct hs_range_block *block,
                            uint32_t column)
{
    const struct hs_scan *scan = &build->scan;
    const hs_event_no from = seen_from (build, column);
    uint64_t first = block->first_survivor, end = first + block->n_survivors;

    while (first < end) {
        struct hs_survivor_run run = hs_survivor_run_at (&scan->snapshot, first, end);

        for (uint32_t i = 0; i < run.n; i++) {
            struct hs_survivor_row row = hs_survivor_at (scan, &run, i);

            if (row.ended >= from && row.passes)
                add_block (build, column, hs_narrow_at (run.context, i), row.stack, row.ended,
                           row.size);
        }
        first += run.n;
    }
}

static void add_rows (void *data, const struct hs_range_block *block, const struct hs_row_run *run,
                      uint32_t column)
{
    if (block != NULL)
        scan_survivors (data, block, column);
    else
        scan_run (data, run, column);
}

/* ---- the answer --------------------------------------------------------------------------------
 */

static void add_segment (const struct build *build, uint32_t segment, struct hs_row_value *values)
{
    const struct hs_row_value *changes = &build->changes[(size_t)segment * (build->columns.n + 1)];
    struct hs_row_value now = { 0, 0 };

    for (uint32_t i = 0; i < build->columns.n; i++) {
        now.stays += changes[i].stays;
        now.freed += changes[i].freed;
        values[i].stays += now.stays;
        values[i].freed += now.freed;
    }
}

static enum hs_status lay_out (const struct build *build, const struct hs_timeline_query *query,
                               struct hs_row_curves **ret, struct hs_error *err)
{
    const struct hs_tree_rows *rows = build->rows;
    size_t n_values = (size_t)rows->n * build->columns.n;
    struct hs_row_curves *curves =
        hs_alloc_zeroed (1, sizeof *curves + rows->n * sizeof *curves->curves +
                                n_values * sizeof (struct hs_row_value));
    struct hs_row_value *values;

    if (curves == NULL)
        return hs_error_no_memory (err);
    atomic_init (&curves->n_references, 1);
    curves->from = query->from;
    curves->to = query->to;
    curves->n_columns = build->columns.n;
    curves->n_rows = rows->n;
    curves->curves = (struct hs_row_curve *)(curves + 1);
    values = (struct hs_row_value *)(curves->curves + rows->n);
    for (uint32_t i = 0; i < rows->n; i++, values += build->columns.n) {
        const struct span *stacks = &rows->rows[i].stacks;
        struct hs_row_curve *curve = &curves->curves[i];

        curve->row = rows->rows[i].row;
        curve->values = values;
        for (uint32_t k = segment_at (build, stacks->first);
             k < build->n_segments && build->cuts[k] < stacks->end; k++)
            add_segment (build, k, values);
        for (uint32_t k = 0; k < build->columns.n; k++) {
            if (values[k].stays + values[k].freed > curve->max)
                curve->max = values[k].stays + values[k].freed;
        }
    }
    *ret = curves;
    return HS_OK;
}

static enum hs_status answer (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                              const struct hs_row_curves_query *query,
                              const struct hs_cancel *cancel, struct hs_row_curves **ret,
                              struct hs_error *err)
{
    struct build build = { .rows = query->rows };
    enum hs_status status = hs_scan_init (&build.scan, snapshot, filter, cancel, err);

    if (status != HS_OK)
        return status;
    status = cut (&build, err);
    if (status == HS_OK)
        status = set_segments (&build, err);
    if (status == HS_OK)
        status = hs_row_columns_init (&build.columns, &build.scan.snapshot, query->times.from,
                                      query->times.to, query->times.n_columns, err);
    if (status == HS_OK) {
        build.changes = hs_alloc_zeroed ((size_t)(build.n_segments + 1) * (build.columns.n + 1),
                                         sizeof *build.changes);
        status = build.changes != NULL
                     ? hs_row_columns_scan (&build.columns, &build.scan, cancel, add_rows, &build)
                     : hs_error_no_memory (err);
    }
    if (status == HS_OK)
        status = hs_trace_check (snapshot->trace, err);
    if (status == HS_OK)
        status = lay_out (&build, &query->times, ret, err);
    hs_scan_clear (&build.scan);
    hs_row_columns_clear (&build.columns);
    hs_free (build.cuts);
    hs_free (build.segment_of_slot);
    hs_free (build.segment_of_process);
    hs_free (build.changes);
    return status;
}

enum hs_status hs_row_curves (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                              const struct hs_row_curves_query *query,
                              const struct hs_cancel *cancel, struct hs_row_curves **ret,
                              struct hs_error *err)
{
    struct hs_row_curves_query sound = *query;
    bool was_off = hs_range_index_is_off (snapshot);
    enum hs_status status;

    if (sound.times.n_columns == 0)
        sound.times.n_columns = 1;
    if (sound.times.n_columns > MAX_COLUMNS)
        sound.times.n_columns = MAX_COLUMNS;
    if (sound.times.to < sound.times.from)
        sound.times.to = sound.times.from;
    status = answer (snapshot, filter, &sound, cancel, ret, err);
    if (status != HS_OK || was_off || !hs_range_index_is_off (snapshot))
        return status;
    hs_row_curves_unref (*ret); /* a part of the index was damaged: once more, without it */
    return answer (snapshot, filter, &sound, cancel, ret, err);
}

const struct hs_row_curve *hs_row_curves_find (const struct hs_row_curves *curves,
                                               struct hs_tree_row row)
{
    for (uint32_t i = 0; i < curves->n_rows; i++) {
        const struct hs_row_curve *curve = &curves->curves[i];

        if (curve->row.hash == row.hash && curve->row.depth == row.depth &&
            curve->row.direction == row.direction)
            return curve;
    }
    return NULL;
}

struct hs_row_curves *hs_row_curves_ref (struct hs_row_curves *curves)
{
    atomic_fetch_add_explicit (&curves->n_references, 1, memory_order_relaxed);
    return curves;
}

void hs_row_curves_unref (struct hs_row_curves *curves)
{
    if (curves != NULL &&
        atomic_fetch_sub_explicit (&curves->n_references, 1, memory_order_acq_rel) == 1)
        hs_free (curves);
}
