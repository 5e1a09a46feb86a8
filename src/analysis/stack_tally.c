/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One scan of rows, added up per stack slot; see stack_tally.h. */
#include "analysis/stack_tally.h"

#include "base/memory.h"
#include "base/units.h"

static enum hs_status begin (struct hs_stack_tally *tally, struct hs_error *err)
{
    const struct hs_snapshot *snapshot = &tally->scan.snapshot;
    size_t n_groups = tally->stacks_of == HS_STACKS_OF_ENDS ? 2 : 1;

    tally->n_slots = snapshot->n_slots;
    tally->n_places = (size_t)snapshot->n_slots + n_groups * tally->n_processes;
    tally->inside = hs_alloc_zeroed (tally->n_places, sizeof *tally->inside);
    tally->before = hs_alloc_zeroed (tally->n_places, sizeof *tally->before);
    tally->peak = hs_alloc_zeroed (tally->n_places, sizeof *tally->peak);
    tally->context_at_peak = hs_alloc_zeroed (snapshot->n_contexts, 1);
    if (tally->inside == NULL || tally->before == NULL || tally->peak == NULL ||
        tally->context_at_peak == NULL)
        return hs_error_no_memory (err);
    for (uint32_t i = 0; i < snapshot->n_contexts; i++) {
        hs_event_no exit = tally->scan.context_exit[i];

        tally->context_at_peak[i] = exit == HS_NO_EVENT || exit > tally->peak_event;
    }
    return HS_OK;
}

/* Where the rows of a run stand to the range. */
enum run_place {
    RUN_BEFORE, /* AO… */
    RUN_INSIDE, /* AI… */
    RUN_AFTER,  /* looked at for the peak only */
};

/* The place of row i of a run by who allocated it: its process is looked up only when needed. */
static inline __attribute__ ((always_inline)) size_t place_of (const struct hs_stack_tally *tally,
                                                               uint32_t stack,
                                                               struct hs_narrow_values contexts,
                                                               uint32_t i)
{
    size_t at = stack & HS_ROW_SLOT_MASK;

    if (at == HS_NO_STACK || at >= tally->n_slots)
        at = (size_t)tally->n_slots + hs_column_u32 (&tally->scan.snapshot.rows->context_process,
                                                     hs_narrow_at (contexts, i));
    return at;
}

/* ---- row by row ---- */

static inline void add_at_peak (struct hs_tally_peak *peak, uint64_t size, hs_row_no row)
{
    peak->count++;
    peak->bytes = hs_add_saturated (peak->bytes, size);
    peak->row = row;
}

static inline void add_before (struct hs_tally_before *before, unsigned is_later, uint64_t size,
                               hs_row_no row)
{
    before->count[is_later]++;
    before->bytes[is_later] = hs_add_saturated (before->bytes[is_later], size);
    before->row = row;
}

static inline void add_inside (struct hs_tally_inside *inside, bool is_later, uint64_t size,
                               const bool is_plain)
{
    if (is_later) {
        inside->aifo_count++;
        inside->aifo_bytes = hs_add_saturated (inside->aifo_bytes, size);
        return;
    }
    inside->aifi_count++;
    inside->aifi_bytes =
        is_plain ? inside->aifi_bytes + size : hs_add_saturated (inside->aifi_bytes, size);
}

/* One run of rows; made five times for the constants of its callers, everything in registers. */
static inline __attribute__ ((always_inline)) void scan_run (
    struct hs_stack_tally *tally, const struct hs_row_run *run, const enum run_place place,
    const bool has_peak, const bool is_plain, const bool is_by_end)
{
    const struct hs_scan *const scan = &tally->scan;
    const struct hs_column *const processes = &scan->snapshot.rows->context_process;
    const hs_event_no begin_event = scan->begin, end_event = scan->end, peak = tally->peak_event;
    const bool passes_all = scan->passes_all;
    const uint64_t size_min = scan->size_min, size_max = scan->size_max;

    for (uint32_t i = 0; i < run->n; i++) {
        hs_event_no ended = hs_run_peek (run->end, i);
        uint32_t stack = hs_run_peek (run->stack, i);
        hs_row_no row = run->first + i;
        bool is_at_peak =
            has_peak && ended > peak && tally->context_at_peak[hs_narrow_at (run->context, i)];
        bool is_in_range = place == RUN_INSIDE || (place == RUN_BEFORE && ended >= begin_event);
        uint64_t size = hs_run_size (&scan->snapshot, run, i);
        size_t at;

        if ((!is_at_peak && !is_in_range) ||
            (!is_plain && (size < size_min || size > size_max ||
                           (!passes_all && !scan->context_passes[hs_narrow_at (run->context, i)]) ||
                           !hs_scan_lifetime_passes (scan, row))) ||
            (is_by_end && !hs_scan_stack_passes (scan, stack)))
            continue;
        at = is_by_end
                 ? hs_tally_end_place (tally, row, ended,
                                       hs_column_u32 (processes, hs_narrow_at (run->context, i)))
                 : place_of (tally, stack, run->context, i);
        if (is_in_range && place == RUN_INSIDE) {
            add_inside (&tally->inside[at], ended >= end_event, size, is_plain);
            tally->inside[at].temporary += ended < end_event ? stack >> 31 : 0;
            tally->inside[at].row = row;
        } else if (is_in_range) {
            add_before (&tally->before[at], ended >= end_event, size, row);
        }
        if (is_at_peak)
            add_at_peak (&tally->peak[at], size, row);
    }
}

/* ---- whole blocks ---- */

/* All rows of a block inside the range, as if all but its survivors ended in it, which they did. */
static void add_block_sums (struct hs_stack_tally *tally, const struct hs_range_block *block)
{
    const struct hs_scan *scan = &tally->scan;
    uint64_t end = (uint64_t)block->first_sum + block->n_sums;

    for (uint64_t first = block->first_sum; first < end;) {
        struct hs_sum_run run = hs_sum_run_at (&scan->snapshot, first, end);

        for (uint32_t i = 0; i < run.n; i++) {
            size_t at =
                run.slot[i] != HS_NO_STACK ? run.slot[i] : (size_t)tally->n_slots + run.process[i];
            struct hs_tally_inside *to = &tally->inside[at];

            if (!scan->passes_all && run.process[i] != scan->process)
                continue;
            to->aifi_count += run.count[i];
            to->aifi_bytes += run.bytes[i];
            to->temporary += run.temporary[i];
            if (to->row < run.last_row[i])
                to->row = run.last_row[i];
        }
        first += run.n;
    }
}

/* A survivor of a block inside the range is in the block's sums already, as one that ended. Here as
 * below no branch is to be guessed: half of the survivors lived, and half did not. */
static inline void move_survivor (struct hs_tally_inside *to, uint64_t size, bool is_later,
                                  uint32_t stack)
{
    uint64_t moved = size & -(uint64_t)is_later;

    to->aifi_count -= is_later;
    to->aifi_bytes -= moved;
    to->temporary += stack >> 31 & (uint32_t)!is_later;
    to->aifo_count += is_later;
    to->aifo_bytes += moved;
}

static inline void add_survivor (struct hs_tally_before *to, bool is_in_range, bool is_later,
                                 uint64_t size, hs_row_no row)
{
    uint32_t seen = row & -(uint32_t)is_in_range;

    to->count[is_later] += is_in_range;
    to->bytes[is_later] += size & -(uint64_t)is_in_range;
    to->row = to->row > seen ? to->row : seen;
}

/* One survivor of any kind. */
static inline __attribute__ ((always_inline)) void scan_survivor (struct hs_stack_tally *tally,
                                                                  const struct hs_survivor_run *run,
                                                                  uint32_t i,
                                                                  const enum run_place place,
                                                                  const bool has_peak)
{
    const struct hs_scan *scan = &tally->scan;
    struct hs_survivor_row row = hs_survivor_at (scan, run, i);
    size_t at = place_of (tally, row.stack, run->context, i);

    if (!scan->passes_all && !scan->context_passes[hs_narrow_at (run->context, i)])
        return;
    if (place == RUN_INSIDE)
        move_survivor (&tally->inside[at], row.size, row.ended >= scan->end, row.stack);
    else if (place == RUN_BEFORE)
        add_survivor (&tally->before[at], row.ended >= scan->begin, row.ended >= scan->end,
                      row.size, run->row[i]);
    if (has_peak && row.ended > tally->peak_event &&
        tally->context_at_peak[hs_narrow_at (run->context, i)])
        add_at_peak (&tally->peak[at], row.size, run->row[i]);
}

/* Those that the index knows all of, where all of them pass: nearly all of a large trace.
 * Everything is in registers. */
static inline __attribute__ ((always_inline)) void scan_plain_survivors (
    struct hs_stack_tally *tally, const struct hs_survivor_run *run, const enum run_place place)
{
    const uint32_t *const ends = run->end, *const stacks = run->stack, *const sizes = run->size;
    struct hs_tally_inside *const inside = tally->inside;
    struct hs_tally_before *const before = tally->before;
    const hs_event_no begin_event = tally->scan.begin, end_event = tally->scan.end;
    const uint32_t n_slots = tally->n_slots, n = run->n;

    for (uint32_t i = 0; i < n; i++) {
        hs_event_no ended = hs_run_peek (ends, i);
        uint32_t stack = hs_run_peek (stacks, i), size = sizes[i];
        uint32_t at = stack & HS_ROW_SLOT_MASK;

        if (__builtin_expect (at - 1 >= n_slots - 1 || size == HS_SIZE_LARGE, 0))
            scan_survivor (tally, run, i, place, false);
        else if (place == RUN_INSIDE)
            move_survivor (&inside[at], size, ended >= end_event, stack);
        else
            add_survivor (&before[at], ended >= begin_event, ended >= end_event, size, run->row[i]);
    }
}

static void scan_survivors (struct hs_stack_tally *tally, const struct hs_range_block *block,
                            enum run_place place, bool has_peak)
{
    const bool is_plain = hs_range_index_has_ends (&tally->scan.snapshot) && !has_peak &&
                          tally->scan.passes_all && tally->n_slots > 0;
    uint64_t end = (uint64_t)block->first_survivor + block->n_survivors;

    for (uint64_t first = block->first_survivor; first < end;) {
        struct hs_survivor_run run = hs_survivor_run_at (&tally->scan.snapshot, first, end);

        if (is_plain && place == RUN_BEFORE)
            scan_plain_survivors (tally, &run, RUN_BEFORE);
        else if (is_plain && place == RUN_INSIDE)
            scan_plain_survivors (tally, &run, RUN_INSIDE);
        else
            for (uint32_t i = 0; i < run.n; i++)
                scan_survivor (tally, &run, i, place, has_peak);
        first += run.n;
    }
}

/* ---- all rows ---- */

/* Rows [first, end), all of the same place. */
static enum hs_status scan_part (struct hs_stack_tally *tally, hs_row_no first, hs_row_no end,
                                 enum run_place place, const struct hs_cancel *cancel)
{
    uint32_t n;

    for (hs_row_no row = first; row < end; row += n) {
        bool has_peak = row < tally->peak_rows;
        hs_row_no limit = has_peak && tally->peak_rows < end ? tally->peak_rows : end;
        struct hs_row_run run;
        const struct hs_range_block *block;

        if (hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        block = hs_scan_block (&tally->scan, row, limit, &run);
        n = block != NULL ? block->n_rows : run.n;
        if (tally->stacks_of == HS_STACKS_OF_ENDS) {
            scan_run (tally, &run, place, has_peak || place == RUN_AFTER, false, true);
        } else if (block != NULL) {
            if (place == RUN_INSIDE)
                add_block_sums (tally, block);
            scan_survivors (tally, block, place, has_peak);
        } else if (place == RUN_BEFORE) {
            scan_run (tally, &run, RUN_BEFORE, has_peak, false, false);
        } else if (place == RUN_AFTER) {
            scan_run (tally, &run, RUN_AFTER, true, false, false);
        } else if (has_peak) {
            scan_run (tally, &run, RUN_INSIDE, true, false, false);
        } else if (tally->scan.passes_all && tally->scan.passes_sizes) {
            scan_run (tally, &run, RUN_INSIDE, false, true, false);
        } else {
            scan_run (tally, &run, RUN_INSIDE, false, false, false);
        }
    }
    return HS_OK;
}

/* What lived at the peak, as the index has it. */
static void add_kept_peak (struct hs_stack_tally *tally)
{
    const struct hs_range_columns *columns = tally->scan.snapshot.ranges;

    for (size_t at = 0; at < tally->n_places; at++)
        tally->peak[at] = (struct hs_tally_peak){
            .bytes = hs_column_u64 (&columns->peak_bytes, at),
            .count = hs_column_u32 (&columns->peak_count, at),
            .row = hs_column_u32 (&columns->peak_row, at),
        };
}

/* All rows, likewise. */
static void add_kept_whole (struct hs_stack_tally *tally)
{
    const struct hs_range_columns *columns = tally->scan.snapshot.ranges;

    for (size_t at = 0; at < tally->n_places; at++)
        tally->inside[at] = (struct hs_tally_inside){
            .aifi_bytes = hs_column_u64 (&columns->whole_freed_bytes, at),
            .aifi_count = hs_column_u32 (&columns->whole_freed_count, at),
            .aifo_bytes = hs_column_u64 (&columns->whole_live_bytes, at),
            .aifo_count = hs_column_u32 (&columns->whole_live_count, at),
            .temporary = hs_column_u32 (&columns->whole_temporary, at),
            .row = hs_column_u32 (&columns->whole_row, at),
        };
}

enum hs_status hs_stack_tally (struct hs_stack_tally *tally, const struct hs_cancel *cancel,
                               struct hs_error *err)
{
    const struct hs_scan *scan = &tally->scan;
    enum hs_status status = begin (tally, err);

    if (status != HS_OK)
        return status;
    if (tally->has_kept_whole) {
        add_kept_whole (tally);
        add_kept_peak (tally);
        return HS_OK;
    }
    status = scan_part (tally, scan->snapshot.first_row, scan->row_begin, RUN_BEFORE, cancel);
    if (status == HS_OK)
        status = scan_part (tally, scan->row_begin, scan->row_end, RUN_INSIDE, cancel);
    if (status == HS_OK)
        status = scan_part (tally, scan->row_end, tally->peak_rows, RUN_AFTER, cancel);
    if (status == HS_OK && tally->has_kept_peak)
        add_kept_peak (tally);
    return status;
}

void hs_stack_tally_clear (struct hs_stack_tally *tally)
{
    hs_free (tally->inside);
    hs_free (tally->before);
    hs_free (tally->peak);
    hs_free (tally->unsure);
    hs_free (tally->context_at_peak);
}
