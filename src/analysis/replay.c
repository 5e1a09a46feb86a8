/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deltas per event from one scan; see replay.h. */
#include "analysis/replay.h"

#include "base/memory.h"

struct replay {
    hs_event_no begin, end;
    uint64_t *deltas;
    uint64_t start;
    bool knows_start; /* only what ends in between is of interest of earlier rows */
};

/* Ends lie anywhere among the deltas: they are asked for ahead. */
#define PREFETCH_ROWS 16u

/* Rows born before the range that live into it. */
static inline void add_earlier (struct replay *replay, hs_event_no gone, uint64_t size)
{
    if (!replay->knows_start)
        replay->start += size;
    if (gone - replay->begin < replay->end - replay->begin)
        replay->deltas[gone - replay->begin] -= size;
}

static void replay_earlier (struct replay *replay, const struct hs_scan *scan,
                            const struct hs_row_run *run)
{
    for (uint32_t i = 0; i < run->n; i++) {
        hs_event_no gone =
            hs_scan_gone (scan, hs_narrow_at (run->context, i), hs_run_peek (run->end, i));
        uint64_t size;

        if (gone >= replay->begin && hs_scan_passes (scan, run, i, &size))
            add_earlier (replay, gone, size);
    }
}

/* Whatever else is in a block from before the range was over by then. */
static void replay_survivors (struct replay *replay, const struct hs_scan *scan,
                              const struct hs_range_block *block)
{
    uint64_t first = block->first_survivor, end = first + block->n_survivors;
    const hs_event_no n = replay->end - replay->begin;
    /* a row's own end tells, where no exit of a process is the end of others */
    const bool has_few = replay->knows_start && !scan->has_exits;

    for (struct hs_survivor_run run; first < end; first += run.n) {
        run = hs_survivor_run_at (&scan->snapshot, first, end);
        for (uint32_t i = 0; i < run.n; i++) {
            struct hs_survivor_row row;

            if (has_few && run.has_ends && hs_run_peek (run.end, i) - replay->begin >= n)
                continue;
            row = hs_survivor_at (scan, &run, i);
            if (row.passes && row.gone >= replay->begin)
                add_earlier (replay, row.gone, row.size);
        }
    }
}

/* Rows born in the range. The walk is given and returned by value, so that it stays in registers.
 */
static struct hs_birth_walk replay_run (struct replay *replay, const struct hs_scan *scan,
                                        const struct hs_row_run *run, struct hs_birth_walk births)
{
    const hs_event_no begin = replay->begin, n = replay->end - begin;
    uint64_t *const deltas = replay->deltas;

    for (uint32_t i = 0; i < run->n; i++) {
        hs_event_no birth = hs_birth_walk_next (&births);
        hs_event_no gone =
            hs_scan_gone (scan, hs_narrow_at (run->context, i), hs_run_peek (run->end, i));
        uint64_t size;

        if (i + PREFETCH_ROWS < run->n) {
            hs_event_no ahead = hs_run_peek (run->end, i + PREFETCH_ROWS) - begin;

            if (ahead < n)
                __builtin_prefetch (&deltas[ahead], 1);
        }
        if (!hs_scan_passes (scan, run, i, &size))
            continue;
        deltas[birth - begin] += size; /* births come no later than the range's end */
        if (gone - begin < n)
            deltas[gone - begin] -= size;
    }
    return births;
}

static enum hs_status replay_rows (struct replay *replay, const struct hs_scan *scan,
                                   const struct hs_cancel *cancel)
{
    const struct hs_snapshot *snapshot = &scan->snapshot;
    hs_row_no row_begin = hs_snapshot_rows_before (snapshot, replay->begin);
    hs_row_no row_end = hs_snapshot_rows_before (snapshot, replay->end), row;
    struct hs_birth_walk births;
    struct hs_row_run run;
    uint32_t n;

    if (row_begin < snapshot->first_row)
        row_begin = snapshot->first_row;
    for (row = snapshot->first_row; row < row_begin; row += n) {
        const struct hs_range_block *block = hs_scan_block (scan, row, row_begin, &run);

        if (hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        n = block != NULL ? block->n_rows : run.n;
        if (block != NULL)
            replay_survivors (replay, scan, block);
        else
            replay_earlier (replay, scan, &run);
    }
    births = hs_birth_walk_init (snapshot, row_begin);
    for (row = row_begin; row < row_end; row += run.n) {
        if (hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        run = hs_row_run_at (snapshot, row, row_end);
        births = replay_run (replay, scan, &run, births);
    }
    return HS_OK;
}

static enum hs_status replay_all (struct replay *replay, const struct hs_scan *scan,
                                  const struct hs_cancel *cancel)
{
    enum hs_status status;

    replay->deltas = hs_alloc_zeroed (replay->end - replay->begin, sizeof *replay->deltas);
    if (replay->deltas == NULL)
        return HS_NO_MEMORY;
    status = replay_rows (replay, scan, cancel);
    if (status != HS_OK)
        hs_free (replay->deltas);
    return status;
}

enum hs_status hs_replay (const struct hs_scan *scan, hs_event_no begin, hs_event_no end,
                          const struct hs_cancel *cancel, uint64_t **ret, uint64_t *ret_start)
{
    struct replay replay = { .begin = begin, .end = end };
    enum hs_status status = replay_all (&replay, scan, cancel);

    if (status != HS_OK)
        return status;
    *ret = replay.deltas;
    *ret_start = replay.start;
    return HS_OK;
}

/* So many deltas at a time. */
#define MAX_EVENTS (UINT32_C (1) << 23)

/* What the overview says of a range: the first of its blocks inside that has the highest maximum,
 * and the parts of the range that are no whole blocks. */
struct candidates {
    struct part {
        hs_event_no begin, end;
        uint64_t max;           /* no more than that */
        hs_event_no peak_event; /* the first with it; HS_NO_EVENT: not known, or outside */
        bool has_level;
        hs_event_no level_event; /* no later than `begin`: … */
        uint64_t level;          /* … how much there was before it */
    } left, best, right, tail;
    uint64_t most_before;
};

/* `begin` lies inside of a block, or `end` does, or both. */
static void add_border (struct candidates *found, const struct part *block, hs_event_no begin,
                        hs_event_no end)
{
    struct part part = *block;

    part.begin = block->begin > begin ? block->begin : begin;
    part.end = block->end < end ? block->end : end;
    if (block->peak_event < part.begin || block->peak_event >= part.end)
        part.peak_event = HS_NO_EVENT;
    if (block->begin < begin)
        found->left = part;
    else
        found->right = part;
}

/* A block that is not full is pushed at the end: else the last events of a process are in none. */
static bool is_all_in_overview (const struct hs_snapshot *snapshot)
{
    return hs_range_index_has_ends (snapshot) &&
           hs_trace_snapshot (snapshot->trace).n_overview == snapshot->n_overview;
}

static struct candidates find_candidates (const struct hs_snapshot *snapshot, hs_process_id process,
                                          hs_event_no begin, hs_event_no end)
{
    const struct hs_rows *rows = snapshot->rows;
    struct candidates found = {
        .tail = { .begin = begin, .end = end, .max = UINT64_MAX, .peak_event = HS_NO_EVENT }
    };
    uint64_t level = 0; /* after the block before */
    bool has_level = false;

    for (uint32_t i = 0; i < snapshot->n_overview; i++) {
        struct part block = { .begin = hs_column_u32 (&rows->overview_first, i),
                              .end = hs_column_u32 (&rows->overview_last, i) + 1,
                              .level = level,
                              .has_level = has_level };

        if (block.begin >= end || hs_column_u32 (&rows->overview_process, i) != process)
            continue;
        level = hs_column_u64 (&rows->overview.end, i);
        has_level = block.begin >= snapshot->first_event;
        if (block.end <= begin) {
            found.most_before = level;
            continue;
        }
        block.level_event = block.begin;
        block.max = hs_column_u64 (&rows->overview.max, i);
        block.peak_event = hs_column_u32 (&rows->overview.peak_event, i);
        if (block.begin < begin)
            found.most_before = block.max;
        found.tail.begin = block.end < end ? block.end : end;
        if (block.peak_event == HS_NO_EVENT && block.begin >= begin)
            continue; /* it never has more than there was before it */
        if (block.begin < begin || block.end > end)
            add_border (&found, &block, begin, end);
        else if (block.max > found.best.max) {
            found.best = block;
            if (block.peak_event < block.begin || block.peak_event >= block.end)
                found.best.peak_event = HS_NO_EVENT;
        }
    }
    if (is_all_in_overview (snapshot))
        found.tail.begin = end;
    if (found.tail.begin == begin && begin < end) /* what came before may be in no block either */
        found.most_before = UINT64_MAX;
    return found;
}

/* That the part may have more than `peak` says is known. */
static enum hs_status find_in (const struct hs_scan *scan, const struct part *part,
                               const struct hs_cancel *cancel, struct hs_peak *peak)
{
    struct replay replay = { .begin = part->has_level ? part->level_event : part->begin,
                             .start = part->level,
                             .knows_start = part->has_level };
    enum hs_status status = HS_OK;

    if (part->peak_event != HS_NO_EVENT) {
        *peak = (struct hs_peak){ part->max, part->peak_event, peak->most_before };
        return HS_OK;
    }
    for (; replay.begin < part->end; replay.begin = replay.end) {
        uint64_t level;

        replay.end = part->end - replay.begin < MAX_EVENTS ? part->end : replay.begin + MAX_EVENTS;
        status = replay_all (&replay, scan, cancel);
        if (status != HS_OK)
            return status;
        level = replay.start;
        for (hs_event_no event = replay.begin; event < replay.end; event++) {
            level += replay.deltas[event - replay.begin];
            if (level > peak->bytes && event >= part->begin)
                *peak = (struct hs_peak){ level, event, peak->most_before };
        }
        hs_free (replay.deltas);
        replay.start = level;
        replay.knows_start = true;
    }
    return HS_OK;
}

enum hs_status hs_replay_range_peak (const struct hs_scan *scan, const struct hs_filter *filter,
                                     hs_event_no begin, hs_event_no end,
                                     const struct hs_cancel *cancel, struct hs_peak *peak)
{
    struct candidates found;
    enum hs_status status = HS_OK;

    peak->most_before = UINT64_MAX;
    if (!hs_filter_is_of_process (filter))
        return find_in (
            scan,
            &(struct part){
                .begin = begin, .end = end, .max = UINT64_MAX, .peak_event = HS_NO_EVENT },
            cancel, peak);
    found = find_candidates (&scan->snapshot, filter->process, begin, end);
    peak->most_before = found.most_before;
    /* in order of time: the first of several is wanted */
    if (found.left.max >= found.best.max && found.left.max > peak->bytes)
        status = find_in (scan, &found.left, cancel, peak);
    if (status == HS_OK && found.best.max > peak->bytes)
        status = find_in (scan, &found.best, cancel, peak);
    if (status == HS_OK && found.right.max > peak->bytes)
        status = find_in (scan, &found.right, cancel, peak);
    return status == HS_OK ? find_in (scan, &found.tail, cancel, peak) : status;
}

enum hs_status hs_replay_find_peak (const struct hs_snapshot *snapshot, hs_process_id process,
                                    const struct hs_cancel *cancel, hs_event_no *ret,
                                    struct hs_error *err)
{
    struct hs_filter filter = hs_filter_all ();
    struct hs_peak peak = { .event = HS_NO_EVENT };
    struct hs_scan scan;
    enum hs_status status;

    filter.process = process;
    status = hs_scan_init (&scan, snapshot, &filter, cancel, err);
    if (status != HS_OK)
        return status;
    status = hs_replay_range_peak (&scan, &filter, snapshot->first_event, snapshot->n_events,
                                   cancel, &peak);
    hs_scan_clear (&scan);
    if (status == HS_NO_MEMORY)
        return hs_error_no_memory (err);
    if (status == HS_OK)
        *ret = peak.event;
    return status;
}
