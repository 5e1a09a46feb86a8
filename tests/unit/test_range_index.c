/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sums of blocks of rows against plain scans: two traces of the same random events, one of which
 * has no index; random ranges, filters and older snapshots. Answers are equal to the byte.
 */
#include "analysis/event_columns.h"
#include "analysis/histogram.h"
#include "analysis/row_curves.h"
#include "analysis/stack_sums.h"
#include "base/memory.h"
#include "trace/trace_private.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define N_PLACES 1500u
#define N_SNAPSHOTS 12u
#define N_PROCESSES 3u
#define MAX_WAITING 64u

static uint64_t seed;
static uint32_t n_processes = N_PROCESSES;
static uint64_t only_size; /* 0: any */

static uint64_t draw (uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % below;
}

struct pair {
    struct hs_trace *with, *without;
    struct hs_event_batch *batch;
    uint64_t live[N_PLACES];
    uint64_t next_address, next_ref;
    uint64_t waiting[MAX_WAITING]; /* refs of events that get their stack later */
    uint32_t n_waiting, n_slots;
    int64_t time;
    bool is_over[N_PROCESSES];
};

static void hand_over (struct pair *pair)
{
    ck_assert_int_eq (hs_trace_append (pair->with, pair->batch, NULL), HS_OK);
    ck_assert_int_eq (hs_trace_append (pair->without, pair->batch, NULL), HS_OK);
    hs_batch_reset (pair->batch);
}

static void begin (struct pair *pair, uint8_t shift)
{
    *pair = (struct pair){ .with = hs_trace_new (), .without = hs_trace_new () };
    pair->batch = hs_batch_new ();
    ck_assert (pair->with != NULL && pair->without != NULL && pair->batch != NULL);
    pair->with->range_index.shift = shift;
    pair->with->range_index.max_shift = shift;
    pair->without->range_index.is_off = true;
    /* steps of one tick, or of some */
    pair->with->tables.ticks_per_second = (1 + draw (20)) * 4 * HS_STEPS;
    pair->without->tables.ticks_per_second = pair->with->tables.ticks_per_second;
    for (hs_process_id i = 0; i < n_processes; i++) {
        struct hs_process_fields fields = { .pid = 10 + i };

        hs_batch_add_process (pair->batch, HS_EVENT_PROCESS, 0, &fields)->process = i;
    }
}

static void end (struct pair *pair)
{
    hs_batch_free (pair->batch);
    hs_trace_free (pair->with);
    hs_trace_free (pair->without);
}

static void define_stack (struct pair *pair, hs_process_id process)
{
    uint64_t frames[3] = { 0x1000 + draw (5), 0x2000 + draw (3), 0x3000 };

    hs_batch_add_stack (pair->batch, process, ++pair->n_slots, frames, 3);
}

static uint64_t draw_size (void)
{
    if (only_size > 0)
        return only_size;
    return draw (300) == 0 ? UINT64_C (0xfffffff0) + draw (32)
                           : draw (1) + (draw (5000) << draw (4));
}

static void add_event (struct pair *pair, uint32_t spread)
{
    uint32_t place = (uint32_t)draw (draw (10) > 0 ? spread : N_PLACES);
    hs_process_id process = place % n_processes;
    struct hs_event *event;

    if (pair->is_over[process])
        return;
    pair->time += (int64_t)draw (3);
    event = hs_batch_add (pair->batch, HS_EVENT_ALLOC, pair->time);
    event->process = process;
    event->thread = (uint32_t)draw (2);
    event->block = (struct hs_block_fields){ .heap = 1 + place % 2 };
    if (pair->live[place] != 0) {
        event->kind = HS_EVENT_FREE;
        event->block.address = pair->live[place];
        pair->live[place] = 0;
        if (draw (30) == 0)
            event->flags = HS_EVENT_COUNTS_TEMPORARY;
        return;
    }
    pair->live[place] = event->block.address = pair->next_address += 16;
    event->block.size = draw_size ();
    if (draw (40) == 0 && pair->n_waiting < MAX_WAITING)
        pair->waiting[pair->n_waiting++] = event->stack_ref = ++pair->next_ref;
    else if (draw (15) > 0)
        event->stack = 1 + (uint32_t)draw (pair->n_slots);
}

static void add_rare (struct pair *pair)
{
    struct hs_event *event;
    hs_process_id process = (hs_process_id)draw (n_processes);

    if (pair->n_waiting > 0) {
        uint32_t at = (uint32_t)draw (pair->n_waiting);

        hs_batch_add_stack_link (pair->batch, pair->waiting[at],
                                 1 + (uint32_t)draw (pair->n_slots));
        pair->waiting[at] = pair->waiting[--pair->n_waiting];
    }
    if (draw (4) == 0)
        define_stack (pair, process);
    if (draw (50) == 0) {
        event = hs_batch_add (pair->batch, HS_EVENT_GAP, pair->time);
        event->process = draw (2) == 0 ? process : HS_NO_PROCESS;
        event->end_time = pair->time + 1;
    }
    if (draw (60) != 0 || pair->is_over[process])
        return;
    event = hs_batch_add (pair->batch, HS_EVENT_HEAP_DESTROY, pair->time);
    event->process = process;
    event->heap.heap = 1;
    for (uint32_t i = process; i < N_PLACES; i += n_processes)
        pair->live[i] = 0;
}

static void end_process (struct pair *pair, hs_process_id process)
{
    struct hs_process_fields fields = { .exit_status = 1 };

    hs_batch_add_process (pair->batch, HS_EVENT_PROCESS_END, pair->time, &fields)->process =
        process;
    pair->is_over[process] = true;
}

/* Of the events: nobody tells such a trace its last time. */
static uint64_t span_of (const struct hs_snapshot *snapshot)
{
    return snapshot->n_events == 0
               ? 2
               : (uint64_t)hs_snapshot_event_time (snapshot, snapshot->n_events - 1) + 2;
}

static struct hs_filter draw_filter (const struct hs_snapshot *snapshot)
{
    struct hs_filter filter = hs_filter_all ();
    uint64_t span = span_of (snapshot);

    filter.has_range = draw (5) > 0;
    filter.from = (int64_t)draw (span) - 1;
    filter.to = filter.from + (int64_t)draw (span);
    if (draw (3) == 0)
        filter.process = (hs_process_id)draw (n_processes + 1);
    if (draw (6) == 0)
        filter.size_min = draw (3000);
    if (draw (6) == 0)
        filter.lifetime_min = draw (span) * 1000000;
    if (draw (6) == 0) {
        filter.has_thread = true;
        filter.thread = (uint32_t)draw (2);
    }
    if (draw (6) == 0) {
        filter.has_heap = true;
        filter.heap = 1 + draw (2);
    }
    return filter;
}

static void get_curves (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                        const struct hs_timeline_query *times, enum hs_tree_direction direction,
                        struct hs_row_curves **ret)
{
    struct hs_call_tree_query query = { .direction = direction, .layout = HS_TREE_AS_OPENED };
    uint32_t nodes[40], n;
    struct hs_call_tree *tree;
    struct hs_tree_rows *rows;

    ck_assert_int_eq (hs_call_tree (snapshot, filter, &query, NULL, &tree, NULL), HS_OK);
    for (n = 0; n < tree->n_nodes && n < 40; n++) {
        hs_call_tree_open (tree, n);
        nodes[n] = n;
    }
    rows = hs_tree_rows_new (tree, nodes, n);
    ck_assert_int_eq (hs_row_curves (snapshot, filter,
                                     &(struct hs_row_curves_query){ rows, *times }, NULL, ret,
                                     NULL),
                      HS_OK);
    hs_tree_rows_unref (rows);
    hs_call_tree_unref (tree);
}

static void compare_curves (const struct hs_snapshot *one, const struct hs_snapshot *other,
                            const struct hs_filter *filter)
{
    uint64_t span = span_of (one);
    struct hs_timeline_query times = { .from = (int64_t)draw (span) - 1,
                                       .n_columns = 1 + (uint32_t)draw (20) };
    enum hs_tree_direction direction = (enum hs_tree_direction)draw (2);
    struct hs_row_curves *curves[2];

    times.to = times.from + (int64_t)draw (span);
    get_curves (one, filter, &times, direction, &curves[0]);
    get_curves (other, filter, &times, direction, &curves[1]);
    ck_assert_uint_eq (curves[0]->n_rows, curves[1]->n_rows);
    for (uint32_t i = 0; i < curves[0]->n_rows; i++) {
        const struct hs_row_curve *curve = &curves[0]->curves[i];
        const struct hs_row_curve *same = hs_row_curves_find (curves[1], curve->row);

        ck_assert_ptr_nonnull (same);
        ck_assert_mem_eq (curve->values, same->values, times.n_columns * sizeof *same->values);
    }
    hs_row_curves_unref (curves[0]);
    hs_row_curves_unref (curves[1]);
}

static uint64_t n_moved; /* borders */

/* What a column says, by a scan of just its time. */
static void check_column (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                          const struct hs_timeline_column *column, int64_t begin)
{
    struct hs_timeline_query query = { .from = begin + 1, .to = column->end_time, .n_columns = 1 };
    struct hs_timeline *timeline;

    ck_assert_int_lt (begin, column->end_time);
    ck_assert_int_eq (hs_timeline (snapshot, filter, &query, NULL, &timeline, NULL), HS_OK);
    ck_assert_mem_eq (column, &timeline->columns[0], sizeof *column);
    hs_timeline_unref (timeline);
}

/* Wherever the borders went: not far, and every number is that of a scan between them. */
static void check_moved (const struct hs_snapshot *snapshot, const struct hs_snapshot *other,
                         const struct hs_filter *filter, struct hs_timeline_query query)
{
    struct hs_timeline_query whole = { .n_columns = 1 };
    struct hs_timeline *timeline, *same;
    int64_t begin, tolerance = (query.to - query.from) / query.n_columns / 4;
    uint32_t n = query.n_columns;

    query.may_move_borders = true;
    query.max_replay_events = 1;
    ck_assert_int_eq (hs_timeline (snapshot, filter, &query, NULL, &timeline, NULL), HS_OK);
    begin = timeline->begin;
    ck_assert_int_le (llabs (begin - (query.from - 1)), tolerance);
    for (uint32_t i = 0; i < n; i++) {
        int64_t wanted = hs_event_columns_end (query.from, query.to, n, i);
        int64_t moved = llabs (timeline->columns[i].end_time - wanted);

        ck_assert_int_le (moved, tolerance);
        n_moved += moved > 0;
    }
    /* else it may be as wide as the overview has it */
    if (begin != query.from - 1 || timeline->columns[n - 1].end_time != query.to) {
        for (uint32_t i = 0; i < n; begin = timeline->columns[i++].end_time)
            check_column (other, filter, &timeline->columns[i], begin);
        whole.from = timeline->begin + 1;
        whole.to = timeline->columns[n - 1].end_time;
        ck_assert_int_eq (hs_timeline (other, filter, &whole, NULL, &same, NULL), HS_OK);
        ck_assert_uint_eq (timeline->start_bytes, same->start_bytes);
        ck_assert_uint_eq (timeline->start_count, same->start_count);
        ck_assert_uint_eq (timeline->max_bytes, same->max_bytes);
        if (timeline->max_bytes > timeline->start_bytes)
            ck_assert_int_eq (timeline->peak_time, same->peak_time);
        hs_timeline_unref (same);
    }
    hs_timeline_unref (timeline);
}

static void compare_timelines (const struct hs_snapshot *one, const struct hs_snapshot *other,
                               const struct hs_filter *filter)
{
    uint64_t span = span_of (one);
    struct hs_timeline_query query = { .from = (int64_t)draw (span) - 1,
                                       .n_columns = 1 + (uint32_t)draw (20),
                                       .max_replay_events = draw (2) == 0 ? 1 : 0 };
    struct hs_timeline *timelines[2];

    query.to = query.from + (int64_t)draw (span);
    ck_assert_int_eq (hs_timeline (one, filter, &query, NULL, &timelines[0], NULL), HS_OK);
    ck_assert_int_eq (hs_timeline (other, filter, &query, NULL, &timelines[1], NULL), HS_OK);
    ck_assert_mem_eq (timelines[0], timelines[1],
                      sizeof *timelines[0] + query.n_columns * sizeof timelines[0]->columns[0]);
    hs_timeline_unref (timelines[0]);
    hs_timeline_unref (timelines[1]);
    if (query.to > query.from + query.n_columns)
        check_moved (one, other, filter, query);
}

static void compare (const struct hs_snapshot *one, const struct hs_snapshot *other)
{
    struct hs_filter filter = draw_filter (one);
    struct hs_stack_sums *sums[2];
    struct hs_histogram *histograms[2];

    ck_assert_uint_eq (one->n_events, other->n_events);
    ck_assert_int_eq (hs_stack_sums (one, &filter, NULL, &sums[0], NULL), HS_OK);
    ck_assert_int_eq (hs_stack_sums (other, &filter, NULL, &sums[1], NULL), HS_OK);
    ck_assert_uint_eq (sums[0]->n, sums[1]->n);
    ck_assert_uint_eq (sums[0]->peak_event, sums[1]->peak_event);
    ck_assert_int_eq (memcmp (&sums[0]->total, &sums[1]->total, sizeof sums[0]->total), 0);
    for (uint32_t i = 0; i < sums[0]->n; i++) {
        const struct hs_stack_sum *left = &sums[0]->stacks[i], *right = &sums[1]->stacks[i];

        ck_assert_uint_eq (left->node, right->node);
        ck_assert_uint_eq (left->process, right->process);
        ck_assert_uint_eq (left->row, right->row);
        ck_assert_int_eq (memcmp (&left->sums, &right->sums, sizeof left->sums), 0);
    }
    ck_assert_int_eq (hs_histogram (one, &filter, NULL, &histograms[0], NULL), HS_OK);
    ck_assert_int_eq (hs_histogram (other, &filter, NULL, &histograms[1], NULL), HS_OK);
    ck_assert_int_eq (memcmp (histograms[0], histograms[1], sizeof *histograms[0]), 0);
    for (int i = 0; i < 2; i++) {
        hs_stack_sums_free (sums[i]);
        hs_histogram_unref (histograms[i]);
    }
    compare_timelines (one, other, &filter);
    if (draw (4) == 0)
        compare_curves (one, other, &filter);
}

static uint32_t n_blocks (const struct hs_trace *trace, uint32_t from)
{
    uint32_t n = 0;

    for (uint32_t i = from; i < HS_RANGE_MAX_BLOCKS; i++)
        n += trace->range_index.blocks[i] != NULL;
    return n;
}

static void check_story (uint32_t n_events, uint8_t shift, bool has_reset)
{
    struct pair pair;
    struct hs_snapshot snapshots[N_SNAPSHOTS][2];
    uint32_t n = 0;

    begin (&pair, shift);
    define_stack (&pair, 0);
    for (uint32_t i = 0; i < n_events; i++) {
        if (!hs_batch_has_room (pair.batch, 8) || draw (2000) == 0)
            hand_over (&pair);
        add_event (&pair, 1 + (uint32_t)draw (200));
        if (draw (20) == 0)
            add_rare (&pair);
        if (has_reset && i == n_events / 3)
            (void)hs_batch_add (pair.batch, HS_EVENT_RESET, pair.time);
        if (i == n_events / 2 && n_processes > 2)
            end_process (&pair, 2);
        if (i % (n_events / N_SNAPSHOTS) == n_events / N_SNAPSHOTS - 1 && n < N_SNAPSHOTS) {
            hand_over (&pair);
            snapshots[n][0] = hs_trace_snapshot (pair.with);
            snapshots[n][1] = hs_trace_snapshot (pair.without);
            compare (&snapshots[n][0], &snapshots[n][1]);
            n++;
        }
    }
    hand_over (&pair);
    for (uint32_t i = 0; i < 40; i++) { /* what came later does not disturb an older snapshot */
        uint32_t at = (uint32_t)draw (n);

        compare (&snapshots[at][0], &snapshots[at][1]);
    }
    ck_assert_int_eq (hs_trace_finish (pair.with, NULL), HS_OK);
    ck_assert_int_eq (hs_trace_finish (pair.without, NULL), HS_OK);
    ck_assert_uint_gt (n_blocks (pair.with, 0), 0);
    ck_assert_uint_eq (n_blocks (pair.without, 0), 0);
    for (uint32_t i = 0; i < 60; i++) {
        struct hs_snapshot one = hs_trace_snapshot (pair.with);
        struct hs_snapshot other = hs_trace_snapshot (pair.without);

        compare (&one, &other);
    }
    end (&pair);
}

START_TEST (any_range_is_as_a_scan_has_it)
{
    for (uint64_t i = 1; i <= 12; i++) {
        seed = i * UINT64_C (0x9e3779b97f4a7c15);
        printf ("seed %lu\n", (unsigned long)i);
        check_story (6000 + 1000 * (uint32_t)i, (uint8_t)(1 + i % 6), i % 3 == 0);
    }
    ck_assert_uint_gt (n_moved, 1000);
}
END_TEST

/* Who asks for it is told what the index knows of all. With blocks of one size, the highest level
 * comes again and again. */
START_TEST (the_only_process_is_as_a_scan_has_it)
{
    n_processes = 1;
    for (uint64_t i = 1; i <= 3; i++) {
        seed = i * UINT64_C (0x9e3779b97f4a7c15) + 7;
        only_size = i == 2 ? 64 : 0;
        printf ("seed %lu\n", (unsigned long)i);
        check_story (9000, (uint8_t)(1 + i), i == 3);
    }
}
END_TEST

START_TEST (higher_levels_stand_on_lower_ones)
{
    struct pair pair;

    seed = 99;
    begin (&pair, 2);
    define_stack (&pair, 0);
    for (uint32_t i = 0; i < 9000; i++) {
        if (!hs_batch_has_room (pair.batch, 8))
            hand_over (&pair);
        add_event (&pair, 300);
    }
    hand_over (&pair);
    ck_assert_uint_gt (n_blocks (pair.with, 4096), 0);
    ck_assert_uint_gt (n_blocks (pair.with, 4608), 0);
    ck_assert_uint_gt (n_blocks (pair.with, 4672), 0);
    end (&pair);
}
END_TEST

/* Blocks get larger until few rows outlive theirs. */
START_TEST (blocks_are_larger_where_much_lives_long)
{
    struct pair pair;
    struct hs_snapshot one, other;

    seed = 3;
    begin (&pair, 5);
    pair.with->range_index.max_shift = 8;
    define_stack (&pair, 0);
    for (uint32_t i = 0; i < 12000; i++) {
        if (!hs_batch_has_room (pair.batch, 8))
            hand_over (&pair);
        add_event (&pair, 150);
    }
    hand_over (&pair);
    ck_assert_uint_gt (pair.with->range_index.shift, 5);
    one = hs_trace_snapshot (pair.with);
    other = hs_trace_snapshot (pair.without);
    for (int i = 0; i < 30; i++)
        compare (&one, &other);
    end (&pair);
}
END_TEST

START_TEST (a_small_trace_has_no_blocks)
{
    struct pair pair;

    seed = 4;
    begin (&pair, 8);
    define_stack (&pair, 0);
    while (pair.with->n_rows < 8 << 8) {
        if (!hs_batch_has_room (pair.batch, 8))
            hand_over (&pair);
        add_event (&pair, 150);
    }
    hand_over (&pair);
    ck_assert_int_eq (hs_trace_finish (pair.with, NULL), HS_OK);
    ck_assert_uint_eq (n_blocks (pair.with, 0), 0);
    end (&pair);
}
END_TEST

/* ---- without memory ----------------------------------------------------------------------------
 */

struct failing {
    uint64_t n_left; /* allocations until the one that fails */
    bool is_lasting, has_failed;
    enum hs_status status; /* of the trace that lacks memory: HS_NO_MEMORY when it ended early */
};

/* What one call of the trace's may take of it. */
static void begin_failing (const struct failing *failing)
{
    uint64_t n = failing->has_failed ? 1 : failing->n_left;

    if (failing->is_lasting)
        hs_memory_fail_at (n);
    else if (!failing->has_failed)
        hs_memory_fail_once (n);
}

static void end_failing (struct failing *failing)
{
    uint64_t n = hs_memory_n_allocations ();

    hs_memory_fail_never ();
    failing->has_failed |= n >= failing->n_left;
    failing->n_left -= failing->has_failed ? 0 : n;
}

static void hand_over_failing (struct pair *pair, struct failing *failing)
{
    if (failing->status == HS_OK) {
        begin_failing (failing);
        failing->status = hs_trace_append (pair->with, pair->batch, NULL);
        end_failing (failing);
    }
    ck_assert_int_eq (hs_trace_append (pair->without, pair->batch, NULL), HS_OK);
    hs_batch_reset (pair->batch);
}

static bool has_shortage (const struct hs_trace *trace)
{
    const struct hs_tables *tables = hs_trace_lock (trace);
    bool has = false;

    for (size_t i = 0; i < tables->findings.n; i++)
        has |= tables->findings.items[i].kind == HS_NOTE_SHORTAGE;
    hs_trace_unlock (trace);
    return has;
}

/* A trace that ended early has no second one: its own scan is asked. */
static void compare_failed (struct pair *pair, const struct failing *failing)
{
    struct hs_snapshot one = hs_trace_snapshot (pair->with);
    struct hs_snapshot other = hs_trace_snapshot (pair->without);
    struct hs_filter filter = draw_filter (&one);
    struct hs_stack_sums *sums[2];
    bool is_off = pair->with->range_index.is_off;

    if (failing->status == HS_OK) {
        compare (&one, &other);
        return;
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq (hs_stack_sums (&one, &filter, NULL, &sums[i], NULL), HS_OK);
        pair->with->range_index.is_off = true;
    }
    pair->with->range_index.is_off = is_off;
    ck_assert_uint_eq (sums[0]->n, sums[1]->n);
    ck_assert_mem_eq (&sums[0]->total, &sums[1]->total, sizeof sums[0]->total);
    hs_stack_sums_free (sums[0]);
    hs_stack_sums_free (sums[1]);
}

/* False when there are fewer allocations. */
static bool check_failing (uint64_t number, bool is_lasting, unsigned *n_off)
{
    struct failing failing = { .n_left = number, .is_lasting = is_lasting };
    struct pair pair;

    seed = 7;
    begin (&pair, 4);
    define_stack (&pair, 0);
    for (uint32_t i = 0; i < 1600; i++) {
        if (!hs_batch_has_room (pair.batch, 8) || i % 150 == 149)
            hand_over_failing (&pair, &failing);
        add_event (&pair, 200);
        if (i % 40 == 0)
            add_rare (&pair);
    }
    hand_over_failing (&pair, &failing);
    for (int i = 0; i < 3; i++)
        compare_failed (&pair, &failing);
    if (failing.status == HS_OK) {
        begin_failing (&failing);
        failing.status = hs_trace_finish (pair.with, NULL);
        end_failing (&failing);
    }
    ck_assert_int_eq (hs_trace_finish (pair.without, NULL), HS_OK);
    for (int i = 0; i < 3; i++)
        compare_failed (&pair, &failing);
    ck_assert_int_eq (has_shortage (pair.with), pair.with->range_index.is_off);
    if (failing.has_failed && failing.status == HS_OK)
        ck_assert (pair.with->range_index.is_off);
    *n_off += failing.status == HS_OK && pair.with->range_index.is_off;
    end (&pair);
    return failing.has_failed;
}

/* Each allocation in turn: an index that is not there makes questions longer, and is told. */
START_TEST (without_memory_no_number_is_wrong)
{
    for (int is_lasting = 0; is_lasting < 2; is_lasting++) {
        unsigned n_off = 0;
        uint64_t n = 1;

        while (check_failing (n, is_lasting, &n_off))
            n += is_lasting ? 1 + n / 8 : 1; /* one alone is the harder case */
        ck_assert_uint_gt (n, 150);
        ck_assert_uint_gt (n_off, is_lasting ? 0 : 100);
    }
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("range index");
    TCase *rules = tcase_create ("rules");

    tcase_set_timeout (rules, 100);
    tcase_add_test (rules, any_range_is_as_a_scan_has_it);
    tcase_add_test (rules, the_only_process_is_as_a_scan_has_it);
    tcase_add_test (rules, higher_levels_stand_on_lower_ones);
    tcase_add_test (rules, blocks_are_larger_where_much_lives_long);
    tcase_add_test (rules, a_small_trace_has_no_blocks);
    tcase_add_test (rules, without_memory_no_number_is_wrong);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
