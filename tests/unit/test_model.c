/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The objects behind the window: time axis, query with its history, slots for questions. */
#include "model/chips.h"
#include "model/query.h"
#include "model/selection.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void run_until (gboolean *condition)
{
    while (!*condition)
        g_main_context_iteration (NULL, TRUE);
}

static void wait_ms (guint ms)
{
    gint64 end = g_get_monotonic_time () + ms * 1000;

    while (g_get_monotonic_time () < end) {
        g_main_context_iteration (NULL, FALSE);
        g_usleep (1000);
    }
}

/* ---- time axis ---- */

START_TEST (axis_follows_and_stays_within)
{
    g_autoptr (HsTimeAxis) axis = hs_time_axis_new ();

    hs_time_axis_set_bounds (axis, 0, 1000);
    ck_assert_int_eq (hs_time_axis_get_to (axis), 1000);
    hs_time_axis_set_bounds (axis, 0, 2000); /* still the whole: follows */
    ck_assert_int_eq (hs_time_axis_get_to (axis), 2000);
    hs_time_axis_zoom (axis, 1000, 0.5);
    ck_assert_int_eq (hs_time_axis_get_from (axis), 500);
    ck_assert_int_eq (hs_time_axis_get_to (axis), 1500);
    hs_time_axis_set_bounds (axis, 0, 4000); /* zoomed: stays */
    ck_assert_int_eq (hs_time_axis_get_to (axis), 1500);
    hs_time_axis_pan (axis, 100);
    ck_assert_int_eq (hs_time_axis_get_from (axis), 3000);
    ck_assert_int_eq (hs_time_axis_get_to (axis), 4000);
    hs_time_axis_set_bounds (axis, 0, 5000); /* at the end: goes with it */
    ck_assert_int_eq (hs_time_axis_get_from (axis), 4000);
    ck_assert_int_eq (hs_time_axis_get_to (axis), 5000);
    hs_time_axis_set_held (axis, TRUE); /* somebody drags */
    hs_time_axis_set_bounds (axis, 0, 6000);
    ck_assert_int_eq (hs_time_axis_get_to (axis), 5000);
    hs_time_axis_set_held (axis, FALSE);
    ck_assert_int_eq (hs_time_axis_get_from (axis), 5000);
    ck_assert_int_eq (hs_time_axis_get_to (axis), 6000);
    hs_time_axis_zoom (axis, 3500, 1e9);
    ck_assert (hs_time_axis_is_whole (axis));
    hs_time_axis_zoom (axis, 1234, 1e-9);
    ck_assert_int_le (hs_time_axis_get_to (axis) - hs_time_axis_get_from (axis), 10);
    ck_assert_int_le (hs_time_axis_get_from (axis), 1234);
    ck_assert_int_ge (hs_time_axis_get_to (axis), 1234);
}
END_TEST

/* ---- the index that a large recording gets ---- */

static const char *long_recording; /* without an index */

static gsize size_of (const char *path)
{
    GStatBuf info;

    ck_assert_int_eq (g_stat (path, &info), 0);
    return (gsize)info.st_size;
}

/* Opens a copy of the long recording and waits for it and for what its thread does at last. */
static gsize size_when_opened (gboolean keeps_index)
{
    /* several builds may be tested at a time */
    g_autofree char *path =
        g_strdup_printf ("%s/test_model-%d.hst", g_get_tmp_dir (), (int)getpid ());
    const char *const paths[] = { path, NULL };
    HsDocument *document = hs_document_new ();
    g_autofree char *bytes = NULL;
    gsize n, size;

    ck_assert (g_file_get_contents (long_recording, &bytes, &n, NULL));
    ck_assert (g_file_set_contents (path, bytes, (gssize)n, NULL));
    hs_document_set_keeps_index (document, keeps_index);
    hs_document_open (document, paths);
    while (hs_document_get_state (document) != HS_DOCUMENT_LOADED)
        g_main_context_iteration (NULL, TRUE);
    for (int i = 0; i < 100 && (size = size_of (path)) == n && keeps_index; i++)
        wait_ms (100);
    wait_ms (300);
    size = size_of (path);
    g_object_unref (document);
    (void)g_unlink (path);
    return size - n;
}

START_TEST (a_large_recording_gets_its_index)
{
    ck_assert_uint_eq (size_when_opened (FALSE), 0);
    ck_assert_uint_gt (size_when_opened (TRUE), 1000000);
}
END_TEST

/* ---- the query and its history ---- */

START_TEST (each_change_is_a_step)
{
    g_autoptr (HsDocument) document = hs_document_new ();
    g_autoptr (HsSelection) selection = hs_selection_new (document);
    const HsQueryState *state = hs_selection_get_state (selection);

    ck_assert (!hs_selection_can_go_back (selection));
    hs_selection_set_range (selection, 50, 10, HS_STEP_NEW); /* turned round */
    hs_selection_set_range (selection, 10, 70, HS_STEP_CONTINUED);
    ck_assert_int_eq (state->from, 10);
    ck_assert_int_eq (state->to, 70);
    hs_selection_set_sizes (selection, 7, 7, HS_STEP_NEW);
    ck_assert_uint_eq (hs_selection_get_filter (selection).size_min, 64);
    ck_assert_uint_eq (hs_selection_get_filter (selection).size_max, 127);
    hs_selection_set_sizes (selection, 7, 7, HS_STEP_NEW); /* nothing new: no step */
    hs_selection_back (selection);
    ck_assert (!hs_filter_has_term (&state->terms, HS_TERM_SIZE) && state->has_range);
    hs_selection_back (selection);
    ck_assert (!state->has_range && !hs_selection_can_go_back (selection));
    hs_selection_forward (selection);
    ck_assert_int_eq (state->to, 70);
    hs_selection_set_moment (selection, 33, HS_STEP_NEW); /* a moment takes the range's place */
    ck_assert (!state->has_range && !hs_selection_can_go_forward (selection));
    ck_assert_int_eq (hs_selection_get_filter (selection).to, 33);
    hs_selection_clear (selection);
    ck_assert (!hs_selection_get_filter (selection).has_range);
}
END_TEST

START_TEST (words_typed_on_are_one_step)
{
    g_autoptr (HsDocument) document = hs_document_new ();
    g_autoptr (HsSelection) selection = hs_selection_new (document);
    const HsQueryState *state = hs_selection_get_state (selection);
    struct hs_filter base;
    char *phrase;

    hs_selection_set_sizes (selection, 7, 8, HS_STEP_NEW);
    base = state->terms;
    ck_assert_ptr_null (hs_selection_set_words (selection, &base, "p"));
    ck_assert_ptr_null (hs_selection_set_words (selection, &base, "png lifetime:<1ms"));
    ck_assert_str_eq (state->terms.frames, "png");
    ck_assert_uint_eq (hs_selection_get_filter (selection).lifetime_max, 999999);
    ck_assert_uint_eq (hs_selection_get_filter (selection).size_max, 255);
    phrase = hs_selection_set_words (selection, &base, "pn lifetime:<1mm");
    ck_assert_ptr_nonnull (strstr (phrase, "<1mm"));
    g_free (phrase);
    ck_assert_str_eq (state->terms.frames, "png"); /* as it was */
    hs_selection_back (selection);
    ck_assert (hs_filter_is_same (&state->terms, &base));
    ck_assert_ptr_null (hs_selection_set_words (selection, &base, "size:1..2"));
    ck_assert_ptr_null (hs_selection_set_words (selection, &base, "")); /* taken back */
    ck_assert (hs_filter_is_same (&state->terms, &base));
    hs_selection_back (selection);
    ck_assert (!hs_selection_can_clear (selection) && !hs_selection_can_go_back (selection));
}
END_TEST

START_TEST (each_term_has_a_chip)
{
    g_autoptr (HsDocument) document = hs_document_new ();
    g_autoptr (HsSelection) selection = hs_selection_new (document);
    const struct hs_filter base = hs_filter_all ();
    static const char *const chips[][3] = {
        { "png read", "name: png read", "name: png read" },
        { "module:libc", "module: libc", "module: libc" },
        { "size:64..127", "size 64 B - 127 B", "From 64 B to 127 B" },
        { "size:64..4095", "size 64 B to under 4.0 KiB", "From 64 B to 4,095 B" },
        { "size:100..5000", "size 100 B to 4.9 KiB", "From 100 B to 5,000 B" },
        { "size:>=1k", "size 1.0 KiB or more", "From 1,024 B on" },
        { "size:7", "size 7 B", "From 7 B to 7 B" },
        { "size:0", "size 0 B", "From 0 B to 0 B" },
        { "lifetime:<10ms", "lived up to 10.0 ms", "From 0.000000000 s to 0.009999999 s" },
        { "lifetime:1s..", "lived 1.00 s or longer", "From 1.000000000 s on" },
        { "lifetime:1us..1s", "lived 1.0 us to 1.00 s", "From 0.000001000 s to 1.000000000 s" },
        { "thread:0x10", "thread 16", "thread 16" },
        { "heap:0x1F0000", "heap 0x1f0000", "heap 0x1f0000" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (chips); i++) {
        guint n_chips = 0;

        ck_assert_ptr_null (hs_selection_set_words (selection, &base, chips[i][0]));
        for (HsChip chip = 0; chip < HS_N_CHIPS; chip++) {
            g_autofree char *text = hs_chip_text (selection, chip), *exact = NULL;

            if (text == NULL)
                continue;
            exact = hs_chip_exact_text (selection, chip);
            ck_assert_str_eq (text, chips[i][1]);
            ck_assert_str_eq (exact, chips[i][2]);
            hs_selection_remove_chip (selection, chip);
            n_chips++;
        }
        ck_assert_uint_eq (n_chips, 1);
        ck_assert (!hs_selection_can_clear (selection));
    }
}
END_TEST

START_TEST (sizes_reach_the_ends)
{
    g_autoptr (HsDocument) document = hs_document_new ();
    g_autoptr (HsSelection) selection = hs_selection_new (document);
    struct hs_filter filter;

    hs_selection_set_sizes (selection, 0, 64, HS_STEP_NEW);
    filter = hs_selection_get_filter (selection);
    ck_assert_uint_eq (filter.size_min, 0);
    ck_assert_uint_eq (filter.size_max, UINT64_MAX);
    hs_selection_set_sizes (selection, 0, 0, HS_STEP_NEW);
    filter = hs_selection_get_filter (selection);
    ck_assert_uint_eq (filter.size_max, 0);
}
END_TEST

/* ---- questions ---- */

static const char *trace_path;
static _Atomic int n_started, n_cancelled;
static _Atomic bool may_answer;

/* Answers its first parameter, when allowed to. */
static gpointer slow_work (const HsQuestion *question, const struct hs_cancel *cancel,
                           struct hs_error *err)
{
    gint64 *answer;

    n_started++;
    while (!may_answer) {
        if (hs_cancel_is_set (cancel)) {
            n_cancelled++;
            return NULL;
        }
        g_usleep (500);
    }
    answer = g_new (gint64, 1);
    *answer = question->parameters[0];
    return answer;
}

static const HsQueryKind slow_kind = { .work = slow_work, .unref = g_free };

static void on_answered (HsQuery *query, gboolean *is_answered)
{
    *is_answered = TRUE;
}

static void on_progress (HsDocument *document, gboolean *is_loaded)
{
    *is_loaded = hs_document_get_state (document) == HS_DOCUMENT_LOADED;
}

static HsDocument *open_trace (void)
{
    HsDocument *document = hs_document_new ();
    const char *paths[] = { trace_path, NULL };
    gboolean is_loaded = FALSE;

    g_signal_connect (document, "progress", G_CALLBACK (on_progress), &is_loaded);
    hs_document_open (document, paths);
    run_until (&is_loaded);
    g_signal_handlers_disconnect_by_data (document, &is_loaded);
    return document;
}

static void ask (HsQuery *query, gint64 what)
{
    struct hs_filter filter = hs_filter_all ();
    gint64 parameters[HS_QUERY_N_PARAMETERS] = { what };

    hs_query_ask (query, &filter, parameters);
}

START_TEST (the_newest_question_wins)
{
    g_autoptr (HsDocument) document = open_trace ();
    g_autoptr (HsQuery) query = hs_query_new (&slow_kind, document);
    gboolean is_answered = FALSE;

    g_signal_connect (query, "answered", G_CALLBACK (on_answered), &is_answered);
    ask (query, 1);
    ask (query, 1); /* the same again: nothing to wait for */
    wait_ms (50);
    ask (query, 2);
    ask (query, 3);
    wait_ms (200); /* the first one had its grace */
    ck_assert (!is_answered);
    may_answer = true;
    run_until (&is_answered);
    ck_assert_int_eq (*(gint64 *)hs_query_get_answer (query), 3);
    ck_assert_int_eq (n_started, 2); /* 2 was never begun */
    ck_assert_int_eq (n_cancelled, 1);
    ck_assert (hs_query_is_settled (query));
    ask (query, 3); /* answered already */
    ck_assert (hs_query_is_settled (query));
}
END_TEST

START_TEST (an_answer_can_be_waited_for)
{
    g_autoptr (HsDocument) document = open_trace ();
    g_autoptr (HsQuery) query = hs_query_new (&slow_kind, document);
    gboolean is_answered = FALSE;

    g_signal_connect (query, "answered", G_CALLBACK (on_answered), &is_answered);
    ck_assert (hs_query_wait (g_get_monotonic_time ())); /* for nothing */
    ask (query, 1);
    ck_assert (!hs_query_wait (g_get_monotonic_time () + 20000));
    ck_assert (!is_answered);
    ask (query, 2);
    may_answer = true;
    ck_assert (hs_query_wait (g_get_monotonic_time () + G_USEC_PER_SEC * 60));
    ck_assert (is_answered);
    ck_assert_int_eq (*(gint64 *)hs_query_get_answer (query), 2);
    ck_assert (hs_query_is_settled (query) && hs_query_are_all_answered ());
    is_answered = FALSE;
    wait_ms (50); /* and not once more */
    ck_assert (!is_answered);
    ck_assert_int_eq (n_started, 2);
}
END_TEST

START_TEST (quick_questions_are_answered_while_others_come)
{
    g_autoptr (HsDocument) document = open_trace ();
    g_autoptr (HsQuery) query = hs_query_new (&slow_kind, document);
    gboolean is_answered = FALSE;

    g_signal_connect (query, "answered", G_CALLBACK (on_answered), &is_answered);
    ask (query, 1);
    ask (query, 2); /* a pointer that moves on */
    may_answer = true;
    run_until (&is_answered);
    ck_assert_int_eq (*(gint64 *)hs_query_get_answer (query), 1);
    is_answered = FALSE;
    run_until (&is_answered);
    ck_assert_int_eq (*(gint64 *)hs_query_get_answer (query), 2);
    ck_assert_int_eq (n_cancelled, 0);
}
END_TEST

START_TEST (a_left_question_asked_again_is_answered)
{
    g_autoptr (HsDocument) document = open_trace ();
    g_autoptr (HsQuery) query = hs_query_new (&slow_kind, document);
    gboolean is_answered = FALSE;

    g_signal_connect (query, "answered", G_CALLBACK (on_answered), &is_answered);
    ask (query, 1);
    ask (query, 2);
    ask (query, 1);
    may_answer = true;
    run_until (&is_answered);
    ck_assert_int_eq (*(gint64 *)hs_query_get_answer (query), 1);
}
END_TEST

START_TEST (a_question_taken_back_ends_at_once)
{
    g_autoptr (HsDocument) document = open_trace ();
    g_autoptr (HsQuery) query = hs_query_new (&slow_kind, document);
    gboolean is_answered = FALSE;

    g_signal_connect (query, "answered", G_CALLBACK (on_answered), &is_answered);
    may_answer = true;
    ask (query, 1);
    run_until (&is_answered);
    may_answer = false;
    ask (query, 2);
    wait_ms (500);
    ask (query, 3);
    ck_assert (hs_query_is_busy (query));
    ask (query, 1); /* its answer is still there */
    while (hs_query_is_busy (query))
        g_main_context_iteration (NULL, TRUE);
    ck_assert (hs_query_is_settled (query));
    ck_assert_int_eq (*(gint64 *)hs_query_get_answer (query), 1);
    ck_assert_int_eq (n_started, 2);
    ck_assert_int_eq (n_cancelled, 1);
}
END_TEST

START_TEST (busy_is_told_after_a_while)
{
    g_autoptr (HsDocument) document = open_trace ();
    g_autoptr (HsQuery) query = hs_query_new (&slow_kind, document);
    gboolean is_answered = FALSE;

    g_signal_connect (query, "answered", G_CALLBACK (on_answered), &is_answered);
    ask (query, 1);
    ck_assert (!hs_query_is_busy (query));
    wait_ms (500);
    ck_assert (hs_query_is_busy (query));
    may_answer = true;
    run_until (&is_answered);
    ck_assert (!hs_query_is_busy (query));
}
END_TEST

START_TEST (closing_waits_for_nothing)
{
    HsDocument *document = open_trace ();
    HsQuery *query = hs_query_new (&slow_kind, document);

    ask (query, 1);
    wait_ms (20);
    g_object_unref (query);
    g_object_unref (document); /* the worker holds the trace */
    wait_ms (50);
    ck_assert_int_eq (n_cancelled, 1);
}
END_TEST

START_TEST (a_missing_file_fails)
{
    g_autoptr (HsDocument) document = hs_document_new ();
    const char *paths[] = { "/nonexistent/trace.etl", NULL };

    hs_document_open (document, paths);
    while (hs_document_get_state (document) == HS_DOCUMENT_LOADING)
        g_main_context_iteration (NULL, TRUE);
    ck_assert_int_eq (hs_document_get_state (document), HS_DOCUMENT_FAILED);
    ck_assert_int_eq (hs_document_get_error (document)->status, HS_IO);
    ck_assert_str_eq (hs_document_get_title (document), "trace.etl");
}
END_TEST

/* ---- files that somebody writes ---- */

typedef struct {
    char *folder, *path;
    char *bytes; /* of the whole trace */
    gsize n_bytes;
    FILE *out;
} Writer;

static Writer begin_writing (void)
{
    Writer writer = { 0 };

    writer.folder = g_dir_make_tmp ("hs-follow-XXXXXX", NULL);
    writer.path = g_build_filename (writer.folder, "growing.etl", NULL);
    ck_assert (g_file_get_contents (trace_path, &writer.bytes, &writer.n_bytes, NULL));
    return writer;
}

static void write_part (Writer *writer, double from, double to)
{
    gsize first = (gsize)(from * (double)writer->n_bytes);
    gsize last = (gsize)(to * (double)writer->n_bytes);

    if (writer->out == NULL)
        writer->out = fopen (writer->path, "wb");
    ck_assert_uint_eq (fwrite (writer->bytes + first, 1, last - first, writer->out), last - first);
    ck_assert_int_eq (fflush (writer->out), 0);
}

static void end_writing (Writer *writer)
{
    if (writer->out != NULL)
        fclose (writer->out);
    g_unlink (writer->path);
    g_rmdir (writer->folder);
    g_free (writer->folder);
    g_free (writer->path);
    g_free (writer->bytes);
}

static void wait_for_state (HsDocument *document, HsDocumentState state)
{
    while (hs_document_get_state (document) != state)
        g_main_context_iteration (NULL, TRUE);
}

static void wait_for_events (HsDocument *document, guint64 more_than)
{
    while (hs_document_get_snapshot (document)->n_events <= more_than)
        g_main_context_iteration (NULL, TRUE);
}

static void expect_same (HsDocument *a, HsDocument *b)
{
    const HsTraceInfo *one = hs_document_get_info (a), *other = hs_document_get_info (b);

    ck_assert_uint_eq (hs_document_get_snapshot (a)->n_events,
                       hs_document_get_snapshot (b)->n_events);
    ck_assert_int_eq (hs_document_get_snapshot (a)->last_time,
                      hs_document_get_snapshot (b)->last_time);
    ck_assert_uint_eq (one->opened, other->opened);
    ck_assert_uint_eq (one->peak_bytes, other->peak_bytes);
    ck_assert_uint_eq (one->findings->len, other->findings->len);
    for (guint i = 0; i < one->findings->len; i++)
        ck_assert_str_eq (g_array_index (one->findings, struct hs_finding_row, i).example,
                          g_array_index (other->findings, struct hs_finding_row, i).example);
}

START_TEST (a_file_is_followed_while_it_is_written)
{
    g_autoptr (HsDocument) whole = open_trace ();
    g_autoptr (HsDocument) document = hs_document_new ();
    g_autoptr (HsSelection) selection = hs_selection_new (document);
    Writer writer = begin_writing ();
    const char *paths[] = { writer.path, NULL };
    gint64 from, to, later_to;
    guint64 n_before, n_total = hs_document_get_snapshot (whole)->n_events;

    write_part (&writer, 0, 0.5);
    hs_document_open (document, paths);
    wait_for_state (document, HS_DOCUMENT_LIVE);
    wait_for_events (document, 0);
    n_before = hs_document_get_snapshot (document)->n_events;
    ck_assert_uint_lt (n_before, n_total);
    hs_selection_set_range (selection, 10, G_MAXINT64 - 1, HS_STEP_NEW); /* to the newest */
    hs_selection_get_effective_range (selection, &from, &to);
    write_part (&writer, 0.5, 0.8);
    wait_for_events (document, n_before);
    hs_selection_get_effective_range (selection, &from, &later_to);
    ck_assert_int_gt (later_to, to); /* it grows */
    hs_selection_set_range (selection, 10, 20, HS_STEP_NEW);
    ck_assert_int_eq (hs_selection_get_filter (selection).to, 20); /* this one does not */

    hs_document_set_paused (document, TRUE);
    n_before = hs_document_get_snapshot (document)->n_events;
    write_part (&writer, 0.8, 1);
    wait_for_state (document, HS_DOCUMENT_LOADED); /* the file says itself that it is complete */
    ck_assert_uint_eq (hs_document_get_snapshot (document)->n_events, n_before);
    ck_assert_uint_eq (hs_document_get_n_events (document), n_total);
    hs_document_set_paused (document, FALSE);
    expect_same (document, whole);
    end_writing (&writer);
}
END_TEST

/* What the window shows when the writer is gone is what a later opening shows. */
START_TEST (a_file_that_was_left_ends_as_a_cut_one)
{
    g_autoptr (HsDocument) document = hs_document_new ();
    g_autoptr (HsDocument) later = hs_document_new ();
    Writer writer = begin_writing ();
    const char *paths[] = { writer.path, NULL };
    const struct timespec long_ago[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

    write_part (&writer, 0, 0.61);
    hs_document_open (document, paths);
    wait_for_state (document, HS_DOCUMENT_LIVE);
    fclose (g_steal_pointer (&writer.out));
    wait_for_state (document, HS_DOCUMENT_LOADED);
    ck_assert_uint_gt (hs_document_get_info (document)->findings->len, 0);

    ck_assert_int_eq (utimensat (AT_FDCWD, writer.path, long_ago, 0), 0);
    hs_document_open (later, paths);
    while (hs_document_get_state (later) != HS_DOCUMENT_LOADED) {
        ck_assert_int_ne (hs_document_get_state (later), HS_DOCUMENT_LIVE);
        g_main_context_iteration (NULL, TRUE);
    }
    expect_same (document, later);
    end_writing (&writer);
}
END_TEST

START_TEST (a_file_may_come_later)
{
    g_autoptr (HsDocument) whole = open_trace ();
    g_autoptr (HsDocument) document = hs_document_new ();
    Writer writer = begin_writing ();

    hs_document_follow (document, writer.path);
    wait_ms (200);
    ck_assert_int_eq (hs_document_get_state (document), HS_DOCUMENT_LOADING);
    write_part (&writer, 0, 0.4);
    wait_for_state (document, HS_DOCUMENT_LIVE);
    write_part (&writer, 0.4, 1);
    hs_document_end_following (document);
    wait_for_state (document, HS_DOCUMENT_LOADED);
    expect_same (document, whole);
    end_writing (&writer);
}
END_TEST

START_TEST (a_file_that_never_comes_is_told)
{
    g_autoptr (HsDocument) document = hs_document_new ();

    hs_document_follow (document, "/nonexistent/x.hst");
    wait_ms (100);
    ck_assert_int_eq (hs_document_get_state (document), HS_DOCUMENT_LOADING);
    hs_document_end_following (document);
    wait_for_state (document, HS_DOCUMENT_FAILED);
    ck_assert_int_eq (hs_document_get_error (document)->status, HS_IO);
}
END_TEST

int main (int argc, char **argv)
{
    Suite *suite = suite_create ("model");
    TCase *tests = tcase_create ("model");

    trace_path = argv[argc - 2];
    long_recording = argv[argc - 1];
    tcase_set_timeout (tests, 60);
    tcase_add_test (tests, axis_follows_and_stays_within);
    tcase_add_test (tests, a_large_recording_gets_its_index);
    tcase_add_test (tests, each_change_is_a_step);
    tcase_add_test (tests, words_typed_on_are_one_step);
    tcase_add_test (tests, each_term_has_a_chip);
    tcase_add_test (tests, sizes_reach_the_ends);
    tcase_add_test (tests, the_newest_question_wins);
    tcase_add_test (tests, quick_questions_are_answered_while_others_come);
    tcase_add_test (tests, a_left_question_asked_again_is_answered);
    tcase_add_test (tests, an_answer_can_be_waited_for);
    tcase_add_test (tests, a_question_taken_back_ends_at_once);
    tcase_add_test (tests, busy_is_told_after_a_while);
    tcase_add_test (tests, closing_waits_for_nothing);
    tcase_add_test (tests, a_missing_file_fails);
    tcase_add_test (tests, a_file_is_followed_while_it_is_written);
    tcase_add_test (tests, a_file_that_was_left_ends_as_a_cut_one);
    tcase_add_test (tests, a_file_may_come_later);
    tcase_add_test (tests, a_file_that_never_comes_is_told);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
