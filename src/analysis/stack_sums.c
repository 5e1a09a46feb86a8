/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sums per stack, of what stack_tally.c added up per slot; see stack_sums.h. */
#include "analysis/stack_sums.h"

#include "analysis/replay.h"
#include "analysis/stack_tally.h"
#include "base/memory.h"
#include "base/units.h"

#include <stdlib.h>

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

static enum hs_status set_peak (struct hs_stack_tally *tally, hs_process_id process,
                                const struct hs_cancel *cancel, struct hs_error *err)
{
    const struct hs_snapshot *snapshot = &tally->scan.snapshot;
    const struct hs_tables *tables = hs_trace_lock (snapshot->trace);
    enum hs_status status = HS_OK;
    bool is_newer;

    tally->n_processes = (uint32_t)tables->processes.n;
    tally->peak_event = HS_NO_EVENT;
    if (process == HS_NO_PROCESS)
        tally->peak_event = tables->totals.peak_event;
    else if (process < tally->n_processes)
        tally->peak_event = tables->processes.items[process].counters.peak_event;
    hs_trace_unlock (snapshot->trace);
    /* a trace that grew since the snapshot has a newer peak: find the one of the snapshot */
    is_newer = tally->peak_event != HS_NO_EVENT && tally->peak_event >= snapshot->n_events;
    if (is_newer)
        status = hs_replay_find_peak (snapshot, process, cancel, &tally->peak_event, err);
    tally->has_kept_peak = !is_newer && status == HS_OK && process == HS_NO_PROCESS &&
                           tally->stacks_of == HS_STACKS_OF_BIRTHS &&
                           hs_scan_has_peaks (&tally->scan, tally->n_processes);
    tally->has_kept_whole = tally->has_kept_peak && hs_scan_is_whole (&tally->scan);
    if (status == HS_OK && tally->peak_event != HS_NO_EVENT && !tally->has_kept_peak)
        tally->peak_rows = hs_snapshot_rows_before (snapshot, tally->peak_event + 1);
    return status;
}

/* Stacks that do not pass are summed up and left out here: so a filter on them costs no scan. */
static bool is_any (const struct hs_stack_tally *tally, size_t at)
{
    const struct hs_tally_inside *inside = &tally->inside[at];
    const struct hs_tally_before *before = &tally->before[at];
    const struct hs_scan *scan = &tally->scan;
    bool passes = tally->stacks_of == HS_STACKS_OF_ENDS ||
                  (at < tally->n_slots ? hs_scan_stack_passes (scan, (uint32_t)at)
                                       : scan->slot_passes == NULL);

    return passes && (inside->aifi_count | inside->aifo_count | before->count[0] |
                      before->count[1] | tally->peak[at].count) != 0;
}

static hs_row_no newest_row (const struct hs_stack_tally *tally, size_t at)
{
    hs_row_no row = tally->inside[at].row;

    row = row > tally->before[at].row ? row : tally->before[at].row;
    return row > tally->peak[at].row ? row : tally->peak[at].row;
}

static void set_stack (const struct hs_stack_tally *tally, size_t at, struct hs_stack_sum *ret)
{
    const struct hs_snapshot *snapshot = &tally->scan.snapshot;
    const struct hs_tally_inside *inside = &tally->inside[at];
    const struct hs_tally_before *before = &tally->before[at];

    *ret = (struct hs_stack_sum){
        .node = HS_NODE_NONE,
        .row = newest_row (tally, at),
        .is_of_end = tally->stacks_of == HS_STACKS_OF_ENDS && at < tally->n_slots,
        .is_not_freed = at >= (size_t)tally->n_slots + tally->n_processes,
        .sums = { .count = { inside->aifi_count, inside->aifo_count, before->count[0],
                             before->count[1] },
                  .bytes = { inside->aifi_bytes, inside->aifo_bytes, before->bytes[0],
                             before->bytes[1] },
                  .peak_count = tally->peak[at].count,
                  .peak_bytes = tally->peak[at].bytes,
                  .temporary = inside->temporary },
    };
    if (tally->unsure != NULL) {
        ret->sums.unsure_count = tally->unsure[at].count;
        ret->sums.unsure_bytes = tally->unsure[at].bytes;
    }
    if (at < tally->n_slots)
        ret->node = hs_column_peek (&snapshot->stacks->slot_node, at);
    if (ret->node != HS_NODE_NONE && ret->node >= snapshot->n_nodes)
        ret->node = HS_NODE_NONE; /* defined after the snapshot */
    ret->has_time = tally->has_kept_whole;
    if (tally->has_kept_whole) {
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
static enum hs_status collect (const struct hs_stack_tally *tally, struct hs_stack_sums **ret,
                               struct hs_error *err)
{
    size_t n_places = tally->n_places, n = 0;
    struct hs_stack_sums *sums;
    uint32_t n_kept = 0;
    bool is_sorted = true;

    for (size_t i = 0; i < n_places; i++)
        n += is_any (tally, i);
    sums = hs_alloc_array (1, sizeof *sums + n * sizeof sums->stacks[0]);
    if (sums == NULL)
        return hs_error_no_memory (err);
    *sums = (struct hs_stack_sums){ .peak_event = tally->peak_event };
    n = 0;
    for (size_t i = 0; i < n_places; i++) {
        if (!is_any (tally, i))
            continue;
        set_stack (tally, i, &sums->stacks[n++]);
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
    if (tally->peak_event != HS_NO_EVENT)
        sums->peak_time = hs_snapshot_event_time (&tally->scan.snapshot, tally->peak_event);
    *ret = sums;
    return HS_OK;
}

static enum hs_status answer (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                              enum hs_stacks_of stacks_of, const struct hs_cancel *cancel,
                              struct hs_stack_sums **ret, struct hs_error *err)
{
    struct hs_stack_tally tally = { .stacks_of = stacks_of };
    enum hs_status status = hs_scan_init (&tally.scan, snapshot, filter, cancel, err);

    if (status != HS_OK)
        return status;
    /* the sums of whole blocks are by birth */
    tally.scan.passes_sizes &= stacks_of == HS_STACKS_OF_BIRTHS;
    /* the only process is all: the index knows what lived at the peak of all */
    status = set_peak (
        &tally, hs_filter_is_of_all (filter, snapshot->trace) ? HS_NO_PROCESS : filter->process,
        cancel, err);
    if (status == HS_OK)
        status = hs_stack_tally (&tally, cancel, err);
    if (status == HS_OK)
        status = hs_stack_tally_unsure (&tally, cancel, err);
    if (status == HS_OK)
        status = hs_trace_check (snapshot->trace, err);
    if (status == HS_OK)
        status = collect (&tally, ret, err);
    hs_stack_tally_clear (&tally);
    hs_scan_clear (&tally.scan);
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
