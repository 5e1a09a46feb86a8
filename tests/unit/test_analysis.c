/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Filter, histogram, timeline and stack sums on a hand-made trace, figures worked out by hand. */
#include "analysis/histogram.h"
#include "analysis/stack_sums.h"
#include "analysis/timeline.h"
#include "base/memory.h"
#include "base/units.h"
#include "trace_maker.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/*
 * Process 0 (one.exe): stacks X = 10<20, Y = 11<20        process 1 (two.exe): stack Z = 10<20
 *
 *   time   process 0                     live    process 1                live    all
 *     10   A 100 B by X                   100                                      100
 *     20                                          P 1000 B by Z           1000    1100
 *     30   B 50 B by Y (thread 2)         150                                     1150
 *     40   free A                          50                                     1050
 *     50   C 7 B by X, temporary           57                                     1057
 *     51   free C                          50                                     1050
 *     60                                          Q 64 B no stack         1064    1114
 *     70   D 200 B by X in heap 2         250                                     1314   peak
 *     80   destroy heap 2                  50                                     1114
 *     90                                          exit                       0      50
 *    100   E 0 B by Y                      50                                       50
 */
static const uint64_t x_frames[] = { 0x10, 0x20, 0 }, y_frames[] = { 0x11, 0x20, 0 };

static struct trace_maker make (void)
{
    struct trace_maker m = trace_maker_begin ();
    hs_stack_slot x, y, z;

    (void)trace_maker_process (&m, 7, "one.exe");
    x = trace_maker_stack (&m, x_frames);
    y = trace_maker_stack (&m, y_frames);
    (void)trace_maker_process (&m, 8, "two.exe");
    z = trace_maker_stack (&m, x_frames);
    m.process = 0;
    m.time = 10, trace_maker_alloc (&m, 0xa, 100, x);
    m.process = 1;
    m.time = 20, trace_maker_alloc (&m, 0xa, 1000, z);
    m.process = 0;
    m.thread = 2;
    m.time = 30, trace_maker_alloc (&m, 0xb, 50, y);
    m.thread = 1;
    m.time = 40, trace_maker_free (&m, 0xa);
    m.time = 50, trace_maker_alloc (&m, 0xc, 7, x);
    m.time = 51, trace_maker_free (&m, 0xc);
    m.process = 1;
    m.time = 60, trace_maker_alloc (&m, 0xb, 64, HS_NO_STACK);
    m.process = 0;
    m.heap = 0x2000;
    m.time = 70, trace_maker_alloc (&m, 0xd, 200, x);
    m.time = 80, trace_maker_destroy_heap (&m);
    m.heap = 0x1000;
    m.process = 1;
    m.time = 90, trace_maker_exit (&m);
    m.process = 0;
    m.time = 100, trace_maker_alloc (&m, 0xe, 0, y);
    return m;
}

static struct hs_filter range (int64_t from, int64_t to)
{
    struct hs_filter filter = hs_filter_all ();

    filter.has_range = true;
    filter.from = from;
    filter.to = to;
    return filter;
}

static struct hs_stack_sums *sums_of (const struct hs_snapshot *snapshot,
                                      const struct hs_filter *filter)
{
    struct hs_stack_sums *sums;

    ck_assert_int_eq (hs_stack_sums (snapshot, filter, NULL, &sums, NULL), HS_OK);
    return sums;
}

static void assert_total (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                          const uint64_t bytes[4], const uint64_t count[4])
{
    struct hs_stack_sums *sums = sums_of (snapshot, filter);
    struct hs_histogram *histogram;

    ck_assert_int_eq (hs_histogram (snapshot, filter, NULL, &histogram, NULL), HS_OK);
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq (sums->total.bytes[i], bytes[i]);
        ck_assert_uint_eq (sums->total.count[i], count[i]);
        if (filter->size_min > 0)
            continue; /* histograms leave the sizes out of the filter */
        ck_assert_uint_eq (histogram->total.bytes[i], bytes[i]);
        ck_assert_uint_eq (histogram->total.count[i], count[i]);
    }
    hs_histogram_unref (histogram);
    hs_stack_sums_free (sums);
}

START_TEST (classes_of_the_whole_trace)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = hs_filter_all ();

    /* freed: A C D; what the exit of two.exe closed counts as never freed */
    assert_total (&snapshot, &filter, (uint64_t[]){ 307, 1114, 0, 0 }, (uint64_t[]){ 3, 4, 0, 0 });
    trace_maker_end (&m);
}
END_TEST

START_TEST (classes_of_a_range)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = range (30, 70);

    /* C; B Q D; A; P */
    assert_total (&snapshot, &filter, (uint64_t[]){ 7, 314, 100, 1000 },
                  (uint64_t[]){ 1, 3, 1, 1 });
    filter = range (31, 39); /* nothing happens: what is live */
    assert_total (&snapshot, &filter, (uint64_t[]){ 0, 0, 0, 1150 }, (uint64_t[]){ 0, 0, 0, 3 });
    filter = range (40, 40); /* borders belong to the range */
    assert_total (&snapshot, &filter, (uint64_t[]){ 0, 0, 100, 1050 }, (uint64_t[]){ 0, 0, 1, 2 });
    filter = range (85, 95); /* the exit frees nothing */
    assert_total (&snapshot, &filter, (uint64_t[]){ 0, 0, 0, 1114 }, (uint64_t[]){ 0, 0, 0, 3 });
    filter = range (39, 31);
    assert_total (&snapshot, &filter, (uint64_t[]){ 0, 0, 0, 0 }, (uint64_t[]){ 0, 0, 0, 0 });
    filter = range (INT64_MIN, INT64_MAX);
    assert_total (&snapshot, &filter, (uint64_t[]){ 307, 1114, 0, 0 }, (uint64_t[]){ 3, 4, 0, 0 });
    trace_maker_end (&m);
}
END_TEST

START_TEST (filters_by_process_thread_heap_and_size)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = hs_filter_all ();

    filter.process = 1;
    assert_total (&snapshot, &filter, (uint64_t[]){ 0, 1064, 0, 0 }, (uint64_t[]){ 0, 2, 0, 0 });
    filter = hs_filter_all ();
    filter.has_thread = true;
    filter.thread = 2;
    assert_total (&snapshot, &filter, (uint64_t[]){ 0, 50, 0, 0 }, (uint64_t[]){ 0, 1, 0, 0 });
    filter = hs_filter_all ();
    filter.has_heap = true;
    filter.heap = 0x2000;
    assert_total (&snapshot, &filter, (uint64_t[]){ 200, 0, 0, 0 }, (uint64_t[]){ 1, 0, 0, 0 });
    filter = hs_filter_all ();
    filter.size_min = 50;
    filter.size_max = 100;
    assert_total (&snapshot, &filter, (uint64_t[]){ 100, 114, 0, 0 }, (uint64_t[]){ 1, 2, 0, 0 });
    trace_maker_end (&m);
}
END_TEST

START_TEST (histogram_counts_classes_and_keeps_the_whole)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = range (30, 70);
    struct hs_histogram *histogram;

    filter.size_min = 5000; /* must not matter */
    ck_assert_int_eq (hs_histogram (&snapshot, &filter, NULL, &histogram, NULL), HS_OK);
    ck_assert_uint_eq (histogram->first, 0); /* E of size 0 */
    ck_assert_uint_eq (histogram->n, 11);    /* up to 512 .. 1023 */
    ck_assert_uint_eq (histogram->classes[0].whole_count, 1);
    ck_assert_uint_eq (histogram->classes[0].count[1], 0);    /* born after the range */
    ck_assert_uint_eq (histogram->classes[7].whole_count, 2); /* 64 .. 127: A Q */
    ck_assert_uint_eq (histogram->classes[7].whole_bytes, 164);
    ck_assert_uint_eq (histogram->classes[7].count[1], 1);
    ck_assert_uint_eq (histogram->classes[7].count[2], 1);
    ck_assert_uint_eq (histogram->classes[7].bytes[2], 100);
    ck_assert_uint_eq (histogram->classes[10].count[3], 1); /* P */
    ck_assert_uint_eq (histogram->total.whole_bytes, 1421);
    hs_histogram_unref (hs_histogram_ref (histogram));
    hs_histogram_unref (histogram);
    trace_maker_end (&m);
}
END_TEST

START_TEST (size_classes_have_names)
{
    char text[HS_UNITS_TEXT_SIZE];

    ck_assert_str_eq (hs_size_class_text (0, text), "0 B");
    ck_assert_str_eq (hs_size_class_text (1, text), "1 B");
    ck_assert_str_eq (hs_size_class_text (2, text), "2 B - 3 B");
    ck_assert_str_eq (hs_size_class_text (7, text), "64 B - 127 B");
    ck_assert_str_eq (hs_size_class_text (10, text), "512 B - 1023 B");
    ck_assert_str_eq (hs_size_class_text (11, text), "1 KiB - <2 KiB");
    ck_assert_str_eq (hs_size_class_text (20, text), "512 KiB - <1 MiB");
    ck_assert_str_eq (hs_size_class_text (64, text), "8 EiB - <16 EiB");
}
END_TEST

static struct hs_timeline *timeline_of (const struct hs_snapshot *snapshot,
                                        const struct hs_filter *filter, int64_t from, int64_t to,
                                        uint32_t n_columns)
{
    struct hs_timeline_query query = { .from = from, .to = to, .n_columns = n_columns };
    struct hs_timeline *timeline;

    ck_assert_int_eq (hs_timeline (snapshot, filter, &query, NULL, &timeline, NULL), HS_OK);
    return timeline;
}

START_TEST (timeline_of_all)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = range (1, 2); /* its range must not matter */
    struct hs_timeline *timeline = timeline_of (&snapshot, &filter, 20, 100, 4);
    const uint64_t end_time[] = { 40, 60, 80, 100 }, live[] = { 1050, 1114, 1114, 50 };
    const uint64_t least[] = { 100, 1050, 1114, 50 }, most[] = { 1150, 1114, 1314, 1114 };
    const uint64_t births[] = { 2, 2, 1, 1 }, ends[] = { 1, 1, 1, 2 }, count[] = { 2, 3, 3, 2 };

    ck_assert_uint_eq (timeline->n_columns, 4);
    ck_assert_uint_eq (timeline->start_bytes, 100);
    ck_assert_uint_eq (timeline->start_count, 1);
    ck_assert_uint_eq (timeline->max_bytes, 1314);
    ck_assert_int_eq (timeline->peak_time, 70);
    ck_assert_uint_eq (timeline->max_births, 2);
    ck_assert_uint_eq (timeline->max_ends, 2);
    for (int i = 0; i < 4; i++) {
        const struct hs_timeline_column *column = &timeline->columns[i];

        ck_assert_int_eq (column->end_time, (int64_t)end_time[i]);
        ck_assert_uint_eq (column->live_bytes, live[i]);
        ck_assert_uint_eq (column->live_count, count[i]);
        ck_assert_uint_eq (column->min_bytes, least[i]);
        ck_assert_uint_eq (column->max_bytes, most[i]);
        ck_assert_uint_eq (column->births, births[i]);
        ck_assert_uint_eq (column->ends, ends[i]);
    }
    ck_assert_uint_eq (timeline->columns[0].birth_bytes, 1050);
    ck_assert_uint_eq (timeline->columns[3].end_bytes, 1064);
    hs_timeline_unref (timeline);
    trace_maker_end (&m);
}
END_TEST

START_TEST (timeline_of_a_process_and_outside_the_trace)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = hs_filter_all ();
    struct hs_timeline *timeline;

    filter.process = 0;
    timeline = timeline_of (&snapshot, &filter, -1000, 9000, 1);
    ck_assert_uint_eq (timeline->start_bytes, 0);
    ck_assert_uint_eq (timeline->columns[0].live_bytes, 50);
    ck_assert_uint_eq (timeline->columns[0].max_bytes, 250);
    ck_assert_int_eq (timeline->peak_time, 70);
    hs_timeline_unref (timeline);
    timeline = timeline_of (&snapshot, &filter, 200, 300, 3);
    ck_assert_uint_eq (timeline->start_bytes, 50);
    ck_assert_uint_eq (timeline->columns[2].live_bytes, 50);
    ck_assert_uint_eq (timeline->max_bytes, 50);
    hs_timeline_unref (timeline);
    timeline = timeline_of (&snapshot, &filter, -20, -10, 2);
    ck_assert_uint_eq (timeline->columns[1].live_bytes, 0);
    hs_timeline_unref (timeline);
    trace_maker_end (&m);
}
END_TEST

START_TEST (moments_of_all_processes)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    const int64_t times[] = { 0, 30, 89, 90, 100 };
    const uint64_t one[] = { 0, 150, 50, 50, 50 }, two[] = { 0, 1000, 1064, 0, 0 };
    const struct hs_moments_query query = { times, 5, (const uint32_t[]){ 0, 1 }, 2 };
    struct hs_moment *moments;

    ck_assert_int_eq (hs_timeline_moments (&snapshot, &query, &moments, NULL), HS_OK);
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq (moments[i].live_bytes, one[i]);
        ck_assert_uint_eq (moments[5 + i].live_bytes, two[i]);
        ck_assert_uint_eq (moments[10 + i].live_bytes, one[i] + two[i]);
    }
    ck_assert_uint_eq (moments[4].live_count, 2);
    ck_assert_uint_eq (moments[7].live_count, 2);
    hs_free (moments);
    trace_maker_end (&m);
}
END_TEST

static const struct hs_stack_sum *find (const struct hs_snapshot *snapshot,
                                        const struct hs_stack_sums *sums, hs_process_id process,
                                        uint64_t leaf)
{
    for (uint32_t i = 0; i < sums->n; i++) {
        uint64_t frame = 0;

        (void)hs_stacks_frames (snapshot->stacks, sums->stacks[i].node, &frame, 1);
        if (sums->stacks[i].process == process && frame == leaf)
            return &sums->stacks[i];
    }
    return NULL;
}

START_TEST (sums_per_stack_with_peak)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = range (30, 60);
    struct hs_stack_sums *sums = sums_of (&snapshot, &filter);
    const struct hs_stack_sum *x = find (&snapshot, sums, 0, 0x10);
    const struct hs_stack_sum *none = find (&snapshot, sums, 1, 0);

    ck_assert_uint_eq (sums->n, 4); /* X Y Z and two.exe without a stack */
    ck_assert_int_eq (sums->peak_time, 70);
    ck_assert_uint_eq (x->sums.bytes[0], 7);
    ck_assert_uint_eq (x->sums.bytes[2], 100);
    ck_assert_uint_eq (x->sums.temporary, 1);
    ck_assert_uint_eq (x->sums.peak_bytes, 200); /* D, though born after the range */
    ck_assert_uint_eq (find (&snapshot, sums, 0, 0x11)->sums.peak_bytes, 50);
    ck_assert_uint_eq (find (&snapshot, sums, 1, 0x10)->sums.peak_bytes, 1000);
    ck_assert_uint_eq (none->node, HS_NODE_NONE);
    ck_assert_uint_eq (none->sums.bytes[1], 64);
    ck_assert_uint_eq (sums->total.peak_bytes, 1314);
    ck_assert_uint_eq (sums->total.peak_count, 4);
    hs_stack_sums_free (sums);
    filter.process = 1; /* its own peak: P and Q at 60 */
    sums = sums_of (&snapshot, &filter);
    ck_assert_int_eq (sums->peak_time, 60);
    ck_assert_uint_eq (sums->total.peak_bytes, 1064);
    hs_stack_sums_free (sums);
    trace_maker_end (&m);
}
END_TEST

START_TEST (slots_of_one_stack_are_one)
{
    struct trace_maker m = trace_maker_begin ();
    struct hs_filter filter = hs_filter_all ();
    struct hs_snapshot snapshot;
    struct hs_stack_sums *sums;
    hs_stack_slot a, b, open;

    (void)trace_maker_process (&m, 7, "one.exe");
    a = trace_maker_stack (&m, x_frames);
    b = trace_maker_stack (&m, x_frames);
    open = trace_maker_open_slot (&m);
    trace_maker_alloc (&m, 1, 10, a);
    trace_maker_alloc (&m, 2, 20, b);
    trace_maker_alloc (&m, 3, 40, open);
    snapshot = trace_maker_snapshot (&m);
    sums = sums_of (&snapshot, &filter);
    ck_assert_uint_eq (sums->n, 2);
    ck_assert_uint_eq (sums->stacks[0].sums.bytes[1], 30);
    ck_assert_uint_eq (sums->stacks[0].sums.count[1], 2);
    ck_assert_uint_eq (sums->stacks[1].node, HS_NODE_NONE);
    ck_assert_uint_eq (sums->stacks[1].sums.bytes[1], 40);
    hs_stack_sums_free (sums);
    trace_maker_define (&m, open, y_frames); /* told late */
    snapshot = trace_maker_snapshot (&m);
    sums = sums_of (&snapshot, &filter);
    ck_assert_uint_eq (sums->n, 2);
    ck_assert_uint_eq (find (&snapshot, sums, 0, 0x11)->sums.bytes[1], 40);
    hs_stack_sums_free (sums);
    trace_maker_end (&m);
}
END_TEST

START_TEST (an_old_snapshot_answers_as_before)
{
    struct trace_maker m = trace_maker_begin ();
    struct hs_filter filter = hs_filter_all ();
    struct hs_snapshot old;
    struct hs_timeline *timeline;
    struct hs_stack_sums *sums;
    hs_stack_slot x;

    (void)trace_maker_process (&m, 7, "one.exe");
    x = trace_maker_stack (&m, x_frames);
    for (uint64_t i = 1; i <= 3000; i++) { /* more than one overview block */
        m.time++;
        trace_maker_alloc (&m, i, 10, x);
    }
    m.time++;
    trace_maker_free (&m, 1);
    old = trace_maker_snapshot (&m);
    for (uint64_t i = 2; i <= 3000; i++) {
        m.time++;
        trace_maker_free (&m, i);
    }
    trace_maker_alloc (&m, 9999, 1000000, x); /* a new peak */
    trace_maker_exit (&m);
    (void)trace_maker_snapshot (&m);

    sums = sums_of (&old, &filter);
    ck_assert_uint_eq (sums->total.bytes[0], 10);
    ck_assert_uint_eq (sums->total.bytes[1], 29990);
    ck_assert_uint_eq (sums->total.peak_bytes, 30000);
    ck_assert_int_eq (sums->peak_time, 3000);
    hs_stack_sums_free (sums);
    timeline = timeline_of (&old, &filter, 0, 9000, 3);
    ck_assert_uint_eq (timeline->columns[2].live_bytes, 29990);
    ck_assert_uint_eq (timeline->max_bytes, 30000);
    hs_timeline_unref (timeline);
    trace_maker_end (&m);
}
END_TEST

START_TEST (what_came_before_a_reset_counts_nowhere)
{
    struct trace_maker m = trace_maker_begin ();
    struct hs_filter filter = hs_filter_all ();
    struct hs_snapshot snapshot;
    struct hs_timeline *timeline;

    (void)trace_maker_process (&m, 7, "one.exe");
    m.time = 10;
    trace_maker_alloc (&m, 1, 10, HS_NO_STACK);
    trace_maker_reset (&m);
    m.time = 20;
    trace_maker_alloc (&m, 2, 5, HS_NO_STACK);
    trace_maker_free (&m, 1);
    snapshot = trace_maker_snapshot (&m);
    assert_total (&snapshot, &filter, (uint64_t[]){ 0, 5, 0, 0 }, (uint64_t[]){ 0, 1, 0, 0 });
    timeline = timeline_of (&snapshot, &filter, 0, 20, 2);
    ck_assert_uint_eq (timeline->columns[0].max_bytes, 0);
    ck_assert_uint_eq (timeline->columns[1].live_bytes, 5);
    hs_timeline_unref (timeline);
    trace_maker_end (&m);
}
END_TEST

START_TEST (an_empty_trace_has_answers)
{
    struct trace_maker m = trace_maker_begin ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = hs_filter_all ();
    struct hs_timeline *timeline = timeline_of (&snapshot, &filter, 0, 0, 10);

    assert_total (&snapshot, &filter, (uint64_t[]){ 0, 0, 0, 0 }, (uint64_t[]){ 0, 0, 0, 0 });
    ck_assert_uint_eq (timeline->max_bytes, 0);
    hs_timeline_unref (timeline);
    trace_maker_end (&m);
}
END_TEST

START_TEST (cancel_is_heard)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    struct hs_filter filter = hs_filter_all ();
    struct hs_timeline_query query = { .from = 0, .to = 100, .n_columns = 4 };
    struct hs_cancel cancel = { false };
    struct hs_timeline *timeline;
    struct hs_histogram *histogram;
    struct hs_stack_sums *sums;

    hs_cancel_set (&cancel);
    ck_assert_int_eq (hs_timeline (&snapshot, &filter, &query, &cancel, &timeline, NULL),
                      HS_CANCELLED);
    ck_assert_int_eq (hs_histogram (&snapshot, &filter, &cancel, &histogram, NULL), HS_CANCELLED);
    ck_assert_int_eq (hs_stack_sums (&snapshot, &filter, &cancel, &sums, NULL), HS_CANCELLED);
    trace_maker_end (&m);
}
END_TEST

/* Asks everything once; HS_OK or the first failure. */
static enum hs_status ask_all (const struct hs_snapshot *snapshot)
{
    const struct hs_timeline_query shown = { .from = 0, .to = 100, .n_columns = 4 };
    const int64_t times[] = { 10, 50 };
    const struct hs_moments_query moments_query = { times, 2, (const uint32_t[]){ 0, 1 }, 2 };
    struct hs_filter filter = range (10, 60);
    struct hs_moment *moments;
    struct hs_timeline *timeline;
    struct hs_histogram *histogram;
    enum hs_status status = hs_timeline (snapshot, &filter, &shown, NULL, &timeline, NULL);

    if (status != HS_OK)
        return status;
    hs_timeline_unref (timeline);
    status = hs_histogram (snapshot, &filter, NULL, &histogram, NULL);
    if (status != HS_OK)
        return status;
    hs_histogram_unref (histogram);
    status = hs_timeline_moments (snapshot, &moments_query, &moments, NULL);
    if (status == HS_OK)
        hs_free (moments);
    return status;
}

START_TEST (answers_survive_the_lack_of_memory)
{
    struct trace_maker m = make ();
    struct hs_snapshot snapshot = trace_maker_snapshot (&m);
    enum hs_status status = HS_NO_MEMORY;
    uint64_t n;

    for (n = 1; status == HS_NO_MEMORY; n++) {
        hs_memory_fail_at (n);
        status = ask_all (&snapshot);
        hs_memory_fail_never ();
    }
    ck_assert_int_eq (status, HS_OK);
    ck_assert_uint_gt (n, 10);
    trace_maker_end (&m);
}
END_TEST

/* What is older than a gap and outstanding is unsure; in a range before the gap it is not. */
START_TEST (blocks_older_than_a_gap_are_unsure)
{
    struct trace_maker m = make ();
    struct hs_filter all = hs_filter_all (), before = range (0, 100), small = all;
    struct hs_snapshot snapshot;
    struct hs_stack_sums *sums;

    m.process = 0;
    m.time = 110, trace_maker_gap (&m, 0, 120);
    m.time = 130, trace_maker_alloc (&m, 0xf0, 9, HS_NO_STACK);
    m.time = 140, trace_maker_free (&m, 0xe);
    snapshot = trace_maker_snapshot (&m);
    sums = sums_of (&snapshot, &all);
    ck_assert_uint_eq (sums->total.unsure_count, 1); /* B; not P and Q of the other process */
    ck_assert_uint_eq (sums->total.unsure_bytes, 50);
    ck_assert_uint_eq (hs_sums_outstanding_bytes (&sums->total), 50 + 9 + 1000 + 64);
    hs_stack_sums_free (sums);
    before.to = 90;
    sums = sums_of (&snapshot, &before);
    ck_assert_uint_eq (sums->total.unsure_count, 0);
    hs_stack_sums_free (sums);
    small.size_max = 40;
    sums = sums_of (&snapshot, &small);
    ck_assert_uint_eq (sums->total.unsure_count, 0);
    hs_stack_sums_free (sums);
    trace_maker_end (&m);
}
END_TEST

int main (void)
{
    Suite *suite = suite_create ("analysis");
    TCase *tests = tcase_create ("answers");

    tcase_add_test (tests, classes_of_the_whole_trace);
    tcase_add_test (tests, classes_of_a_range);
    tcase_add_test (tests, filters_by_process_thread_heap_and_size);
    tcase_add_test (tests, histogram_counts_classes_and_keeps_the_whole);
    tcase_add_test (tests, size_classes_have_names);
    tcase_add_test (tests, timeline_of_all);
    tcase_add_test (tests, timeline_of_a_process_and_outside_the_trace);
    tcase_add_test (tests, moments_of_all_processes);
    tcase_add_test (tests, sums_per_stack_with_peak);
    tcase_add_test (tests, slots_of_one_stack_are_one);
    tcase_add_test (tests, an_old_snapshot_answers_as_before);
    tcase_add_test (tests, what_came_before_a_reset_counts_nowhere);
    tcase_add_test (tests, an_empty_trace_has_answers);
    tcase_add_test (tests, cancel_is_heard);
    tcase_add_test (tests, answers_survive_the_lack_of_memory);
    tcase_add_test (tests, blocks_older_than_a_gap_are_unsure);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
