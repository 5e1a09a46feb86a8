/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Questions asked on one thread while a file is loaded on another: each snapshot's answers are the
 * same when asked again after the end. Run with the thread sanitizer too. The file is the first
 * argument; the questions are those of the window.
 */
#include "analysis/call_tree.h"
#include "analysis/histogram.h"
#include "analysis/timeline.h"
#include "base/memory.h"
#include "load/loader.h"
#include "load/read_ahead.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MAX_SNAPSHOTS 64
#define N_COLUMNS 40

static const char *path;
static atomic_bool is_over;

static void *load_all (void *data)
{
    enum hs_status status = hs_loader_run (data, NULL);

    if (hs_status_is_error (status))
        abort ();
    atomic_store (&is_over, true);
    return NULL;
}

static uint64_t fold (uint64_t digest, const uint64_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        digest = (digest ^ values[i]) * UINT64_C (0x9e3779b97f4a7c15) + (digest >> 29);
    return digest;
}

static uint64_t timeline_digest (const struct hs_snapshot *snapshot, const struct hs_filter *filter)
{
    struct hs_timeline_query query = { .from = snapshot->first_time,
                                       .to = snapshot->last_time,
                                       .n_columns = N_COLUMNS };
    struct hs_timeline *timeline;
    uint64_t digest = 1;

    ck_assert_int_eq (hs_timeline (snapshot, filter, &query, NULL, &timeline, NULL), HS_OK);
    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        const struct hs_timeline_column *column = &timeline->columns[i];
        const uint64_t values[] = { column->live_bytes, column->live_count, column->births,
                                    column->ends, column->end_bytes };

        digest = fold (digest, values, 5);
    }
    hs_timeline_unref (timeline);
    return digest;
}

static uint64_t histogram_digest (const struct hs_snapshot *snapshot,
                                  const struct hs_filter *filter)
{
    struct hs_histogram *histogram;
    uint64_t digest = 2;

    ck_assert_int_eq (hs_histogram (snapshot, filter, NULL, &histogram, NULL), HS_OK);
    for (unsigned i = 0; i < HS_N_SIZE_CLASSES; i++) {
        digest = fold (digest, histogram->classes[i].count, 4);
        digest = fold (digest, histogram->classes[i].bytes, 4);
    }
    hs_histogram_unref (histogram);
    return digest;
}

/* Totals only: a stack may become known later, and the peak moves while the file is read. */
static uint64_t tree_digest (const struct hs_snapshot *snapshot, const struct hs_filter *filter)
{
    struct hs_call_tree_query query = { .direction = HS_TREE_BOTTOM_UP };
    struct hs_call_tree *tree;
    uint64_t digest;

    ck_assert_int_eq (hs_call_tree (snapshot, filter, &query, NULL, &tree, NULL), HS_OK);
    digest = fold (fold (3, tree->total.count, 4), tree->total.bytes, 4);
    hs_call_tree_unref (tree);
    return digest;
}

/* The middle third of the snapshot's time. */
static uint64_t answers (const struct hs_snapshot *snapshot)
{
    struct hs_filter filter = hs_filter_all ();
    int64_t third = (snapshot->last_time - snapshot->first_time) / 3;
    uint64_t digests[3];

    filter.has_range = true;
    filter.from = snapshot->first_time + third;
    filter.to = snapshot->last_time - third;
    digests[0] = timeline_digest (snapshot, &filter);
    digests[1] = histogram_digest (snapshot, &filter);
    digests[2] = tree_digest (snapshot, &filter);
    return fold (0, digests, 3);
}

START_TEST (answers_can_be_repeated)
{
    struct hs_snapshot snapshots[MAX_SNAPSHOTS];
    uint64_t first[MAX_SNAPSHOTS];
    struct hs_trace *trace = hs_trace_new ();
    struct hs_loader *loader;
    pthread_t thread;
    unsigned n = 0;

    ck_assert_int_eq (hs_loader_open (&path, 1, HS_SOURCE_WHOLE, trace, &loader, NULL), HS_OK);
    ck_assert_int_eq (pthread_create (&thread, NULL, load_all, loader), 0);
    do {
        snapshots[n] = hs_trace_snapshot (trace);
        if (n > 0 && snapshots[n].n_events == snapshots[n - 1].n_events)
            continue;
        first[n] = answers (&snapshots[n]);
        n++;
        ck_assert (hs_loader_progress (loader).fraction <= 1);
    } while (!atomic_load (&is_over) && n < MAX_SNAPSHOTS);
    ck_assert_int_eq (pthread_join (thread, NULL), 0);
    for (unsigned i = 0; i < n; i++)
        ck_assert_uint_eq (answers (&snapshots[i]), first[i]);
    hs_loader_free (loader);
    hs_trace_free (trace);
}
END_TEST

START_TEST (cancelling_keeps_what_is_there)
{
    struct hs_trace *trace = hs_trace_new ();
    struct hs_snapshot snapshot;
    struct hs_loader *loader;
    pthread_t thread;

    ck_assert_int_eq (hs_loader_open (&path, 1, HS_SOURCE_WHOLE, trace, &loader, NULL), HS_OK);
    ck_assert_int_eq (pthread_create (&thread, NULL, load_all, loader), 0);
    do
        snapshot = hs_trace_snapshot (trace);
    while (snapshot.n_events == 0 && !atomic_load (&is_over));
    hs_loader_cancel (loader);
    ck_assert_int_eq (pthread_join (thread, NULL), 0);
    ck_assert_uint_ge (hs_trace_snapshot (trace).n_events, snapshot.n_events);
    (void)answers (&snapshot);
    hs_loader_free (loader);
    hs_trace_free (trace);
}
END_TEST

static struct hs_decoder *open_decoder (void)
{
    struct hs_decoder *decoder;

    ck_assert_int_eq (hs_decoder_open (&path, 1, HS_SOURCE_WHOLE, &decoder, NULL), HS_OK);
    return decoder;
}

/* Block events alone: where a batch of ETL ends depends on the clock, for counts are told in
 * between, and with it whether a stack comes in its event or behind it. */
static uint64_t batch_digest (uint64_t digest, const struct hs_event_batch *batch)
{
    for (uint32_t i = 0; i < batch->n; i++) {
        const struct hs_event *event = &batch->events[i];
        const uint64_t values[] = { (uint64_t)event->time, event->kind,       event->process,
                                    event->thread,         event->block.heap, event->block.address,
                                    event->block.size };

        if (event->kind >= HS_EVENT_ALLOC && event->kind <= HS_EVENT_REALLOC)
            digest = fold (digest, values, sizeof values / sizeof values[0]);
    }
    return digest;
}

START_TEST (what_is_read_ahead_is_what_the_decoder_reads)
{
    struct hs_decoder *decoder = open_decoder (), *other = open_decoder ();
    struct hs_event_batch *batch = hs_batch_new ();
    struct hs_trace *trace = hs_trace_new ();
    struct hs_read_ahead *ahead = hs_read_ahead_new (other, trace);
    uint64_t expected = 0, digest = 0;
    const struct hs_event_batch *got;
    double progress, before = 0;
    enum hs_status status;

    ck_assert (batch != NULL && ahead != NULL);
    do {
        status = hs_decoder_next (decoder, batch, NULL);
        expected = batch_digest (expected, batch);
    } while (status == HS_OK);
    ck_assert_int_eq (status, HS_END);
    do {
        status = hs_read_ahead_next (ahead, &got, &progress, NULL);
        digest = batch_digest (digest, got);
        ck_assert (progress >= before && progress <= 1);
        before = progress;
    } while (status == HS_OK);
    ck_assert_int_eq (status, HS_END);
    ck_assert_uint_eq (digest, expected);
    hs_read_ahead_free (ahead);
    hs_trace_free (trace);
    hs_decoder_close (decoder);
    hs_decoder_close (other);
    hs_batch_free (batch);
}
END_TEST

START_TEST (opening_is_cancelled_but_not_what_was_opened)
{
    struct hs_cancel cancel = { false };
    const struct hs_files files = { &path, 1, HS_SOURCE_WHOLE, &cancel };
    struct hs_event_batch *batch = hs_batch_new ();
    struct hs_decoder *decoder = NULL;

    ck_assert_int_eq (hs_decoder_open_files (&files, &decoder, NULL), HS_OK);
    hs_cancel_set (&cancel);
    ck_assert_int_eq (hs_decoder_next (decoder, batch, NULL), HS_OK);
    ck_assert_uint_gt (batch->n, 0);
    hs_decoder_close (decoder);
    decoder = NULL;
    ck_assert_int_eq (hs_decoder_open_files (&files, &decoder, NULL), HS_CANCELLED);
    ck_assert_ptr_null (decoder);
    hs_batch_free (batch);
}
END_TEST

/* The decoder is the caller's again, wherever the thread stood. */
START_TEST (reading_ahead_ends_at_any_moment)
{
    const struct hs_event_batch *batch;
    double progress;

    for (unsigned n = 0; n < 12; n++) {
        struct hs_decoder *decoder = open_decoder ();
        struct hs_trace *trace = hs_trace_new ();
        struct hs_read_ahead *ahead = hs_read_ahead_new (decoder, trace);

        ck_assert_ptr_nonnull (ahead);
        for (unsigned i = 0; i < n; i++)
            ck_assert_int_eq (hs_read_ahead_next (ahead, &batch, &progress, NULL), HS_OK);
        hs_read_ahead_free (ahead);
        hs_trace_free (trace);
        (void)hs_decoder_progress (decoder);
        hs_decoder_close (decoder);
    }
}
END_TEST

START_TEST (without_memory_nothing_is_read_ahead)
{
    struct hs_decoder *decoder = open_decoder ();
    struct hs_trace *trace = hs_trace_new ();
    struct hs_read_ahead *ahead = NULL;
    uint64_t n = 0;

    while (ahead == NULL) {
        hs_memory_fail_at (++n);
        ahead = hs_read_ahead_new (decoder, trace);
        hs_memory_fail_never ();
    }
    ck_assert_uint_gt (n, 32); /* a batch each */
    hs_read_ahead_free (ahead);
    hs_trace_free (trace);
    hs_decoder_close (decoder);
}
END_TEST

int main (int argc, char **argv)
{
    Suite *suite = suite_create ("load_threads");
    TCase *rules = tcase_create ("rules");

    if (argc != 2)
        return EXIT_FAILURE;
    path = argv[1];
    tcase_set_timeout (rules, 240);
    tcase_add_test (rules, answers_can_be_repeated);
    tcase_add_test (rules, cancelling_keeps_what_is_there);
    tcase_add_test (rules, what_is_read_ahead_is_what_the_decoder_reads);
    tcase_add_test (rules, opening_is_cancelled_but_not_what_was_opened);
    tcase_add_test (rules, reading_ahead_ends_at_any_moment);
    tcase_add_test (rules, without_memory_nothing_is_read_ahead);
    suite_add_tcase (suite, rules);
    return run_suite (suite);
}
