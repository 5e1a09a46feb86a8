/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sums per stack from one scan; see stack_sums.h. Rows are added up per slot, one cache line each;
 * slots become nodes at the end, when there are far fewer of them than rows.
 */
#include "analysis/stack_sums.h"

#include "analysis/replay.h"
#include "base/memory.h"
#include "base/units.h"

#include <stdlib.h>

/* What most rows of a range touch: kept close together, it stays in the second cache. */
struct slot_short {
    uint64_t bytes; /* AIFI */
    uint32_t count;
    uint32_t temporary;
    hs_row_no row; /* the newest of any class that was looked at */
};

struct slot_sums {     /* 64 bytes: rows are 32-bit numbers, so are counts */
    uint64_t bytes[4]; /* [0] is slot_short's */
    uint64_t peak_bytes;
    uint32_t count[4];
    uint32_t peak_count;
};
_Static_assert(sizeof (struct slot_sums) <= 64, "a cache line");

struct unsure_sums { /* apart from slot_sums: few traces have gaps */
    uint64_t bytes, count;
};

struct build {
    struct hs_scan scan;
    enum hs_stacks_of stacks_of;
    /* n_slots, then one per process for rows without a stack, then (of ends) one per process for
     * rows that have not ended */
    struct slot_sums *slots;
    struct slot_short *shorts; /* of each of them */
    uint32_t n_slots, n_processes;
    size_t n_places;
    uint8_t *context_at_peak;   /* per context: its process had not ended at the peak */
    struct unsure_sums *unsure; /* like slots; NULL without gaps */
    hs_row_no *unsure_rows;     /* per process: rows below it are older than a gap of the range */
    hs_row_no unsure_end;       /* the largest of them */
    hs_event_no peak_event;
    hs_row_no peak_rows; /* rows born up to the peak; 0 when the index knows what lived then */
    bool has_kept_peak, has_kept_whole;
};

void hs_sums_add (struct hs_sums *to, const struct hs_sums *from)
{
    for (int i = 0; i < 4; i++) {
        to->count[i] += from->count[i];
        to->bytes[i] = hs_add_saturated (to->bytes[i], from->bytes[i]);
    }
    to->peak_count += from->peak_count;
    to->peak_bytes = hs_add_saturated (to->peak_bytes, from->peak_bytes);
    to->temporary += from->temporary;
    to->unsure_count += from->unsure_count;
    to->unsure_bytes = hs_add_saturated (to->unsure_bytes, from->unsure_bytes);
}

static enum hs_status set_peak (struct build *build, hs_process_id process,
                                const struct hs_cancel *cancel, struct hs_error *err)
{
    const struct hs_snapshot *snapshot = &build->scan.snapshot;
    const struct hs_tables *tables = hs_trace_lock (snapshot->trace);
    enum hs_status status = HS_OK;
    bool is_newer;

    build->n_processes = (uint32_t)tables->processes.n;
    build->peak_event = HS_NO_EVENT;
    if (process == HS_NO_PROCESS)
        build->peak_event = tables->totals.peak_event;
    else if (process < build->n_processes)
        build->peak_event = tables->processes.items[process].counters.peak_event;
    hs_trace_unlock (snapshot->trace);
    /* a trace that grew since the snapshot has a newer peak: find the one of the snapshot */
    is_newer = build->peak_event != HS_NO_EVENT && build->peak_event >= snapshot->n_events;
    if (is_newer)
        status = hs_replay_find_peak (snapshot, process, cancel, &build->peak_event, err);
    build->has_kept_peak = !is_newer && status == HS_OK && process == HS_NO_PROCESS &&
                           build->stacks_of == HS_STACKS_OF_BIRTHS &&
                           hs_scan_has_peaks (&build->scan, build->n_processes);
    build->has_kept_whole = build->has_kept_peak && hs_scan_is_whole (&build->scan);
    if (status == HS_OK && build->peak_event != HS_NO_EVENT && !build->has_kept_peak)
        build->peak_rows = hs_snapshot_rows_before (snapshot, build->peak_event + 1);
    return status;
}

static enum hs_status begin (struct build *build, struct hs_error *err)
{
    const struct hs_snapshot *snapshot = &build->scan.snapshot;
    size_t n_groups = build->stacks_of == HS_STACKS_OF_ENDS ? 2 : 1;
    size_t n = (size_t)snapshot->n_slots + n_groups * build->n_processes;

    build->n_slots = snapshot->n_slots;
    build->n_places = n;
    build->slots = hs_alloc_zeroed (n, sizeof *build->slots);
    build->shorts = hs_alloc_zeroed (n, sizeof *build->shorts);
    build->context_at_peak = hs_alloc_zeroed (snapshot->n_contexts, 1);
    if (build->slots == NULL || build->shorts == NULL || build->context_at_peak == NULL)
        return hs_error_no_memory (err);
    for (uint32_t i = 0; i < snapshot->n_contexts; i++) {
        hs_event_no exit = build->scan.context_exit[i];

        build->context_at_peak[i] = exit == HS_NO_EVENT || exit > build->peak_event;
    }
    return HS_OK;
}

/* Where the rows of a run stand to the range. */
enum run_place {
    RUN_BEFORE = 2, /* AO…: class 2 or 3 */
    RUN_INSIDE = 0, /* AI…: class 0 or 1 */
    RUN_AFTER = 4,  /* looked at for the peak only */
};

static inline void add_at_peak (struct slot_sums *sums, uint64_t size)
{
    sums->peak_count++;
    sums->peak_bytes = hs_add_saturated (sums->peak_bytes, size);
}

/* Where a row belongs by who freed it. */
static size_t end_place (const struct build *build, hs_row_no row, hs_event_no ended,
                         hs_process_id process)
{
    size_t at;

    if (ended >= build->scan.snapshot.n_events)
        return (size_t)build->n_slots + build->n_processes + process;
    at = hs_rows_end_stack (build->scan.snapshot.rows, row);
    return at == HS_NO_STACK || at >= build->n_slots ? (size_t)build->n_slots + process : at;
}

/* One run of rows; made five times for the constants of its callers, everything in registers. */
static inline __attribute__ ((always_inline)) void scan_run (
    struct build *build, const struct hs_row_run *run, const enum run_place place,
    const bool has_peak, const bool is_plain, const bool is_by_end)
{
    const struct hs_scan *const scan = &build->scan;
    const struct hs_column *const processes = &scan->snapshot.rows->context_process;
    const hs_event_no begin_event = scan->begin, end_event = scan->end, peak = build->peak_event;
    const bool passes_all = scan->passes_all;
    const uint64_t size_min = scan->size_min, size_max = scan->size_max;
    const uint32_t n_slots = build->n_slots;

    for (uint32_t i = 0; i < run->n; i++) {
        hs_event_no ended = hs_run_peek (run->end, i);
        uint32_t stack = hs_run_peek (run->stack, i);
        size_t at = stack & HS_ROW_SLOT_MASK;
        bool is_at_peak =
            has_peak && ended > peak && build->context_at_peak[hs_narrow_at (run->context, i)];
        bool is_in_range = place == RUN_INSIDE || (place == RUN_BEFORE && ended >= begin_event);
        unsigned class = (unsigned)place + (ended >= end_event);
        uint64_t size = hs_run_size (&scan->snapshot, run, i);

        if ((!is_at_peak && !is_in_range) ||
            (!is_plain && (size < size_min || size > size_max ||
                           (!passes_all && !scan->context_passes[hs_narrow_at (run->context, i)]) ||
                           !hs_scan_lifetime_passes (scan, run->first + i))) ||
            (is_by_end && !hs_scan_stack_passes (scan, stack)))
            continue;
        if (is_by_end)
            at = end_place (build, run->first + i, ended,
                            hs_column_u32 (processes, hs_narrow_at (run->context, i)));
        else if (at == HS_NO_STACK || at >= n_slots) /* the place of its process */
            at = (size_t)n_slots + hs_column_u32 (processes, hs_narrow_at (run->context, i));
        build->shorts[at].row = run->first + i;
        if (is_in_range && class == 0) {
            struct slot_short *sums = &build->shorts[at];

            sums->count++;
            sums->bytes = is_plain ? sums->bytes + size : hs_add_saturated (sums->bytes, size);
            sums->temporary += stack >> 31;
        } else if (is_in_range) {
            struct slot_sums *sums = &build->slots[at];

            sums->count[class]++;
            sums->bytes[class] = hs_add_saturated (sums->bytes[class], size);
        }
        if (is_at_peak)
            add_at_peak (&build->slots[at], size);
    }
}

/* All rows of a block inside the range, as if all but its survivors ended in it, which they did. */
static void add_block_sums (struct build *build, const struct hs_range_block *block)
{
    const struct hs_scan *scan = &build->scan;
    uint64_t end = (uint64_t)block->first_sum + block->n_sums;

    for (uint64_t first = block->first_sum; first < end;) {
        struct hs_sum_run run = hs_sum_run_at (&scan->snapshot, first, end);

        for (uint32_t i = 0; i < run.n; i++) {
            size_t at =
                run.slot[i] != HS_NO_STACK ? run.slot[i] : (size_t)build->n_slots + run.process[i];
            struct slot_short *to = &build->shorts[at];

            if (!scan->passes_all && run.process[i] != scan->process)
                continue;
            to->count += run.count[i];
            to->bytes += run.bytes[i];
            to->temporary += run.temporary[i];
            if (to->row < run.last_row[i])
                to->row = run.last_row[i];
        }
        first += run.n;
    }
}

/* A survivor of a block inside the range is in the block's sums already, as one that ended. */
static inline void move_survivor (struct build *build, size_t at, uint64_t size, bool is_ended,
                                  uint32_t stack)
{
    uint64_t moved = is_ended ? 0 : size;

    build->shorts[at].count -= !is_ended;
    build->shorts[at].bytes -= moved;
    build->shorts[at].temporary += is_ended && (stack & HS_ROW_IS_TEMPORARY) != 0;
    build->slots[at].count[1] += !is_ended;
    build->slots[at].bytes[1] += moved;
}

/* No branch is to be guessed in here: half of the survivors lived, and half did not. */
static inline void add_survivor (struct build *build, size_t at, uint64_t size, hs_row_no row,
                                 hs_event_no ended)
{
    struct slot_sums *sums = &build->slots[at];
    bool is_in_range = ended >= build->scan.begin;
    unsigned class = RUN_BEFORE + (ended >= build->scan.end);

    sums->count[class] += is_in_range;
    sums->bytes[class] += is_in_range ? size : 0;
    build->shorts[at].row = is_in_range ? row : build->shorts[at].row;
}

static inline __attribute__ ((always_inline)) void scan_survivor_run (
    struct build *build, const struct hs_survivor_run *run, const enum run_place place,
    const bool has_peak, const bool has_ends)
{
    const struct hs_scan *const scan = &build->scan;
    const struct hs_rows *const rows = scan->snapshot.rows;
    const struct hs_column *const processes = &rows->context_process;

    for (uint32_t i = 0; i < run->n; i++) {
        hs_row_no row = run->row[i];
        hs_event_no ended = has_ends ? hs_run_peek (run->end, i) : hs_column_peek (&rows->end, row);
        uint32_t stack =
            has_ends ? hs_run_peek (run->stack, i) : hs_column_peek (&rows->stack, row);
        size_t at = stack & HS_ROW_SLOT_MASK;
        uint64_t size = run->size[i] != HS_SIZE_LARGE ? run->size[i] : hs_rows_size (rows, row);

        if (!scan->passes_all && !scan->context_passes[hs_narrow_at (run->context, i)])
            continue;
        if (at == HS_NO_STACK || at >= build->n_slots)
            at = (size_t)build->n_slots + hs_column_u32 (processes, hs_narrow_at (run->context, i));
        if (place == RUN_INSIDE)
            move_survivor (build, at, size, ended < scan->end, stack);
        else if (place == RUN_BEFORE)
            add_survivor (build, at, size, row, ended);
        if (has_peak && ended > build->peak_event &&
            build->context_at_peak[hs_narrow_at (run->context, i)]) {
            add_at_peak (&build->slots[at], size);
            if (build->shorts[at].row < row)
                build->shorts[at].row = row;
        }
    }
}

static void scan_survivors (struct build *build, const struct hs_range_block *block,
                            enum run_place place, bool has_peak)
{
    const bool has_ends = hs_range_index_has_ends (&build->scan.snapshot);
    uint64_t end = (uint64_t)block->first_survivor + block->n_survivors;

    for (uint64_t first = block->first_survivor; first < end;) {
        struct hs_survivor_run run = hs_survivor_run_at (&build->scan.snapshot, first, end);

        if (has_ends && !has_peak && place == RUN_BEFORE)
            scan_survivor_run (build, &run, RUN_BEFORE, false, true);
        else if (has_ends && !has_peak && place == RUN_INSIDE)
            scan_survivor_run (build, &run, RUN_INSIDE, false, true);
        else
            scan_survivor_run (build, &run, place, has_peak, has_ends);
        first += run.n;
    }
}

/* Rows [first, end), all of the same place. */
static enum hs_status scan_part (struct build *build, hs_row_no first, hs_row_no end,
                                 enum run_place place, const struct hs_cancel *cancel)
{
    uint32_t n;

    for (hs_row_no row = first; row < end; row += n) {
        bool has_peak = row < build->peak_rows;
        hs_row_no limit = has_peak && build->peak_rows < end ? build->peak_rows : end;
        struct hs_row_run run;
        const struct hs_range_block *block;

        if (hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        block = hs_scan_block (&build->scan, row, limit, &run);
        n = block != NULL ? block->n_rows : run.n;
        if (build->stacks_of == HS_STACKS_OF_ENDS) {
            scan_run (build, &run, place, has_peak || place == RUN_AFTER, false, true);
        } else if (block != NULL) {
            if (place == RUN_INSIDE)
                add_block_sums (build, block);
            scan_survivors (build, block, place, has_peak);
        } else if (place == RUN_BEFORE) {
            scan_run (build, &run, RUN_BEFORE, has_peak, false, false);
        } else if (place == RUN_AFTER) {
            scan_run (build, &run, RUN_AFTER, true, false, false);
        } else if (has_peak) {
            scan_run (build, &run, RUN_INSIDE, true, false, false);
        } else if (build->scan.passes_all && build->scan.passes_sizes) {
            scan_run (build, &run, RUN_INSIDE, false, true, false);
        } else {
            scan_run (build, &run, RUN_INSIDE, false, false, false);
        }
    }
    return HS_OK;
}

/* What lived at the peak, as the index has it. */
static void add_kept_peak (struct build *build)
{
    const struct hs_range_columns *columns = build->scan.snapshot.ranges;
    size_t n = (size_t)build->n_slots + build->n_processes;

    for (size_t at = 0; at < n; at++) {
        hs_row_no row = hs_column_u32 (&columns->peak_row, at);

        build->slots[at].peak_bytes = hs_column_u64 (&columns->peak_bytes, at);
        build->slots[at].peak_count = hs_column_u32 (&columns->peak_count, at);
        if (build->shorts[at].row < row)
            build->shorts[at].row = row;
    }
}

/* All rows, likewise. */
static void add_kept_whole (struct build *build)
{
    const struct hs_range_columns *columns = build->scan.snapshot.ranges;
    size_t n = (size_t)build->n_slots + build->n_processes;

    for (size_t at = 0; at < n; at++) {
        build->shorts[at] = (struct slot_short){
            .bytes = hs_column_u64 (&columns->whole_freed_bytes, at),
            .count = hs_column_u32 (&columns->whole_freed_count, at),
            .temporary = hs_column_u32 (&columns->whole_temporary, at),
            .row = hs_column_u32 (&columns->whole_row, at),
        };
        build->slots[at].bytes[1] = hs_column_u64 (&columns->whole_live_bytes, at);
        build->slots[at].count[1] = hs_column_u32 (&columns->whole_live_count, at);
    }
}

static enum hs_status scan_rows (struct build *build, const struct hs_cancel *cancel)
{
    const struct hs_scan *scan = &build->scan;
    enum hs_status status;

    if (build->has_kept_whole) {
        add_kept_whole (build);
        add_kept_peak (build);
        return HS_OK;
    }
    status = scan_part (build, scan->snapshot.first_row, scan->row_begin, RUN_BEFORE, cancel);

    if (status == HS_OK)
        status = scan_part (build, scan->row_begin, scan->row_end, RUN_INSIDE, cancel);
    if (status == HS_OK)
        status = scan_part (build, scan->row_end, build->peak_rows, RUN_AFTER, cancel);
    if (status == HS_OK && build->has_kept_peak)
        add_kept_peak (build);
    return status;
}

/* What a gap makes unsure: only gaps before the end of the range count, a block that lived then and
 * was never freed is there for sure when the gap came later. */
static enum hs_status set_unsure_rows (struct build *build, struct hs_error *err)
{
    const struct hs_snapshot *snapshot = &build->scan.snapshot;
    const struct hs_tables *tables = hs_trace_lock (snapshot->trace);
    enum hs_status status = HS_OK;
    hs_row_no common = 0;

    if (tables->gaps.n > 0) {
        build->unsure_rows = hs_alloc_zeroed (build->n_processes, sizeof *build->unsure_rows);
        build->unsure = hs_alloc_zeroed (build->n_places, sizeof *build->unsure);
        if (build->unsure_rows == NULL || build->unsure == NULL)
            status = hs_error_no_memory (err);
    }
    for (size_t i = 0; i < tables->gaps.n && status == HS_OK; i++) {
        const struct hs_gap *gap = &tables->gaps.items[i];

        if (gap->event > build->scan.end)
            continue;
        if (gap->process == HS_NO_PROCESS)
            common = gap->rows;
        else if (gap->process < build->n_processes)
            build->unsure_rows[gap->process] = gap->rows;
        if (build->unsure_end < gap->rows)
            build->unsure_end = gap->rows;
    }
    for (uint32_t i = 0; i < build->n_processes && common > 0; i++) {
        if (build->unsure_rows[i] < common)
            build->unsure_rows[i] = common;
    }
    hs_trace_unlock (snapshot->trace);
    return status;
}

/* A row that may be unsure and passes the filter. */
static void add_unsure_row (struct build *build, hs_row_no row, uint32_t stack,
                            hs_process_id process)
{
    size_t at = stack & HS_ROW_SLOT_MASK;

    if (process >= build->n_processes || row >= build->unsure_rows[process])
        return;
    if (build->stacks_of == HS_STACKS_OF_ENDS)
        at = end_place (build, row, hs_column_peek (&build->scan.snapshot.rows->end, row), process);
    else if (at == HS_NO_STACK || at >= build->n_slots)
        at = (size_t)build->n_slots + process;
    build->unsure[at].count++;
    build->unsure[at].bytes =
        hs_add_saturated (build->unsure[at].bytes, hs_rows_size (build->scan.snapshot.rows, row));
}

static void add_unsure (struct build *build, const struct hs_row_run *run)
{
    const struct hs_scan *scan = &build->scan;

    for (uint32_t i = 0; i < run->n; i++) {
        uint64_t size;

        if (hs_run_peek (run->end, i) >= scan->end && hs_scan_passes (scan, run, i, &size))
            add_unsure_row (build, run->first + i, hs_run_peek (run->stack, i),
                            hs_column_u32 (&scan->snapshot.rows->context_process,
                                           hs_narrow_at (run->context, i)));
    }
}

/* Of a whole block, only survivors can be outstanding. */
static void add_unsure_survivors (struct build *build, const struct hs_range_block *block)
{
    const struct hs_scan *scan = &build->scan;
    const struct hs_rows *rows = scan->snapshot.rows;
    const struct hs_range_columns *columns = scan->snapshot.ranges;

    for (uint32_t i = block->first_survivor; i < block->first_survivor + block->n_survivors; i++) {
        hs_row_no row = hs_column_u32 (&columns->survivor_row, i);
        uint32_t context = hs_narrow_get (&columns->survivor_context, i);

        if (hs_column_peek (&rows->end, row) >= scan->end &&
            (scan->passes_all || scan->context_passes[context]))
            add_unsure_row (build, row, hs_column_peek (&rows->stack, row),
                            hs_column_u32 (&rows->context_process, context));
    }
}

static enum hs_status scan_unsure (struct build *build, const struct hs_cancel *cancel,
                                   struct hs_error *err)
{
    const struct hs_scan *scan = &build->scan;
    enum hs_status status = set_unsure_rows (build, err);
    hs_row_no end = build->unsure_end < scan->row_end ? build->unsure_end : scan->row_end;
    uint32_t n;

    for (hs_row_no row = scan->snapshot.first_row; row < end && status == HS_OK; row += n) {
        struct hs_row_run run;
        const struct hs_range_block *block = hs_scan_block (scan, row, end, &run);

        if (hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        n = block != NULL ? block->n_rows : run.n;
        if (block != NULL)
            add_unsure_survivors (build, block);
        else
            add_unsure (build, &run);
    }
    return status;
}

/* Stacks that do not pass are summed up and left out here: so a filter on them costs no scan. */
static bool is_any (const struct build *build, size_t at)
{
    const struct slot_sums *sums = &build->slots[at];
    const struct hs_scan *scan = &build->scan;
    bool passes = build->stacks_of == HS_STACKS_OF_ENDS ||
                  (at < build->n_slots ? hs_scan_stack_passes (scan, (uint32_t)at)
                                       : scan->slot_passes == NULL);

    return passes && (build->shorts[at].count | sums->count[1] | sums->count[2] | sums->count[3] |
                      sums->peak_count) != 0;
}

static void set_stack (const struct build *build, size_t at, struct hs_stack_sum *ret)
{
    const struct hs_snapshot *snapshot = &build->scan.snapshot;
    const struct slot_sums *from = &build->slots[at];

    *ret = (struct hs_stack_sum){
        .node = HS_NODE_NONE,
        .row = build->shorts[at].row,
        .is_of_end = build->stacks_of == HS_STACKS_OF_ENDS && at < build->n_slots,
        .is_not_freed = at >= (size_t)build->n_slots + build->n_processes,
        .sums = { .peak_count = from->peak_count,
                  .peak_bytes = from->peak_bytes,
                  .temporary = build->shorts[at].temporary },
    };
    ret->sums.count[0] = build->shorts[at].count;
    ret->sums.bytes[0] = build->shorts[at].bytes;
    for (int i = 1; i < 4; i++) {
        ret->sums.count[i] = from->count[i];
        ret->sums.bytes[i] = from->bytes[i];
    }
    if (build->unsure != NULL) {
        ret->sums.unsure_count = build->unsure[at].count;
        ret->sums.unsure_bytes = build->unsure[at].bytes;
    }
    if (at < build->n_slots)
        ret->node = hs_column_peek (&snapshot->stacks->slot_node, at);
    if (ret->node != HS_NODE_NONE && ret->node >= snapshot->n_nodes)
        ret->node = HS_NODE_NONE; /* defined after the snapshot */
    ret->has_time = build->has_kept_whole;
    if (build->has_kept_whole) {
        ret->process = hs_column_u32 (&snapshot->ranges->whole_process, at);
        ret->time = (int64_t)hs_column_u64 (&snapshot->ranges->whole_time, at);
    } else {
        ret->process = hs_column_u32 (&snapshot->rows->context_process,
                                      hs_narrow_get (&snapshot->rows->context, ret->row));
    }
}

static int compare_stacks (const void *a, const void *b)
{
    const struct hs_stack_sum *left = a, *right = b;

    if (left->node != right->node)
        return left->node < right->node ? -1 : 1;
    if (left->is_not_freed != right->is_not_freed)
        return left->is_not_freed ? 1 : -1;
    return left->process < right->process ? -1 : left->process > right->process;
}

/* Slots to nodes: sorts, and makes one of several slots of the same stack. */
static enum hs_status collect (const struct build *build, struct hs_stack_sums **ret,
                               struct hs_error *err)
{
    size_t n_places = build->n_places, n = 0;
    struct hs_stack_sums *sums;
    uint32_t n_kept = 0;
    bool is_sorted = true;

    for (size_t i = 0; i < n_places; i++)
        n += is_any (build, i);
    sums = hs_alloc_zeroed (1, sizeof *sums + n * sizeof sums->stacks[0]);
    if (sums == NULL)
        return hs_error_no_memory (err);
    n = 0;
    for (size_t i = 0; i < n_places; i++) {
        if (!is_any (build, i))
            continue;
        set_stack (build, i, &sums->stacks[n++]);
        is_sorted = is_sorted &&
                    (n < 2 || compare_stacks (&sums->stacks[n - 2], &sums->stacks[n - 1]) <= 0);
    }
    if (!is_sorted) /* slots mostly get their numbers as their stacks do */
        qsort (sums->stacks, n, sizeof sums->stacks[0], compare_stacks);
    for (size_t i = 0; i < n; i++) {
        struct hs_stack_sum *last = n_kept > 0 ? &sums->stacks[n_kept - 1] : NULL;

        hs_sums_add (&sums->total, &sums->stacks[i].sums);
        if (last == NULL || compare_stacks (last, &sums->stacks[i]) != 0) {
            sums->stacks[n_kept++] = sums->stacks[i];
            continue;
        }
        hs_sums_add (&last->sums, &sums->stacks[i].sums);
        if (last->row < sums->stacks[i].row) {
            last->row = sums->stacks[i].row;
            last->time = sums->stacks[i].time;
        }
    }
    sums->n = n_kept;
    sums->peak_event = build->peak_event;
    if (build->peak_event != HS_NO_EVENT)
        sums->peak_time = hs_snapshot_event_time (&build->scan.snapshot, build->peak_event);
    *ret = sums;
    return HS_OK;
}

static enum hs_status answer (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                              enum hs_stacks_of stacks_of, const struct hs_cancel *cancel,
                              struct hs_stack_sums **ret, struct hs_error *err)
{
    struct build build = { .stacks_of = stacks_of };
    enum hs_status status = hs_scan_init (&build.scan, snapshot, filter, cancel, err);

    if (status != HS_OK)
        return status;
    /* the sums of whole blocks are by birth */
    build.scan.passes_sizes &= stacks_of == HS_STACKS_OF_BIRTHS;
    /* the only process is all: the index knows what lived at the peak of all */
    status = set_peak (
        &build, hs_filter_is_of_all (filter, snapshot->trace) ? HS_NO_PROCESS : filter->process,
        cancel, err);
    if (status == HS_OK)
        status = begin (&build, err);
    if (status == HS_OK)
        status = scan_rows (&build, cancel);
    if (status == HS_OK)
        status = scan_unsure (&build, cancel, err);
    if (status == HS_OK)
        status = hs_trace_check (snapshot->trace, err);
    if (status == HS_OK)
        status = collect (&build, ret, err);
    hs_free (build.slots);
    hs_free (build.shorts);
    hs_free (build.unsure);
    hs_free (build.unsure_rows);
    hs_free (build.context_at_peak);
    hs_scan_clear (&build.scan);
    return status;
}

enum hs_status hs_stack_sums_of (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                                 enum hs_stacks_of stacks_of, const struct hs_cancel *cancel,
                                 struct hs_stack_sums **ret, struct hs_error *err)
{
    bool was_off = hs_range_index_is_off (snapshot);
    enum hs_status status = answer (snapshot, filter, stacks_of, cancel, ret, err);

    if (status != HS_OK || was_off || !hs_range_index_is_off (snapshot))
        return status;
    hs_stack_sums_free (*ret); /* a part of the index was damaged: once more, without it */
    return answer (snapshot, filter, stacks_of, cancel, ret, err);
}

enum hs_status hs_stack_sums (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                              const struct hs_cancel *cancel, struct hs_stack_sums **ret,
                              struct hs_error *err)
{
    return hs_stack_sums_of (snapshot, filter, HS_STACKS_OF_BIRTHS, cancel, ret, err);
}

int64_t hs_stack_sum_time (const struct hs_snapshot *snapshot, const struct hs_stack_sum *stack)
{
    hs_event_no event, end;

    if (stack->has_time)
        return stack->time;
    event = hs_snapshot_birth (snapshot, stack->row);
    end = hs_column_peek (&snapshot->rows->end, stack->row);
    return hs_snapshot_event_time (snapshot,
                                   stack->is_of_end && end < snapshot->n_events ? end : event);
}

static void keep_classes (struct hs_sums *sums, enum hs_class_mask classes)
{
    for (unsigned i = 0; i < 4; i++) {
        if (!(classes & 1u << i))
            sums->count[i] = sums->bytes[i] = 0;
    }
    if (!(classes & HS_CLASS_AIFI))
        sums->temporary = 0;
    if (!(classes & HS_CLASS_AIFO) || !(classes & HS_CLASS_AOFO))
        sums->unsure_count = sums->unsure_bytes = 0;
}

void hs_stack_sums_keep_classes (struct hs_stack_sums *sums, enum hs_class_mask classes)
{
    keep_classes (&sums->total, classes);
    for (uint32_t i = 0; i < sums->n; i++)
        keep_classes (&sums->stacks[i].sums, classes);
}

void hs_stack_sums_free (struct hs_stack_sums *sums)
{
    hs_free (sums);
}
