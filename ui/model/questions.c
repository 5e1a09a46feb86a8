/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What views ask, run on worker threads; see questions.h. */
#include "model/questions.h"

/* The times of a question that says "whole" or "the newest": those of its snapshot. So that new
 * data does not make another question of it. */
static struct hs_timeline_query timeline_query (const struct hs_snapshot *snapshot,
                                                const gint64 *parameters, guint n_columns)
{
    struct hs_timeline_query query = { .from = parameters[0],
                                       .to = parameters[1],
                                       .n_columns = n_columns };
    gint64 last = snapshot->last_time;

    /* a batch may end before the time of its last event is told */
    if (snapshot->n_events > 0)
        last = MAX (last, hs_snapshot_event_time (snapshot, snapshot->n_events - 1));
    last = MAX (last, snapshot->first_time);
    if (parameters[3] > 0)
        query.from = last - MIN (parameters[3], last - snapshot->first_time);
    query.from = CLAMP (query.from, snapshot->first_time, last);
    query.to = CLAMP (query.to, query.from, last);
    return query;
}

static gpointer work_timeline (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                               const gint64 *parameters, const struct hs_cancel *cancel,
                               struct hs_error *err)
{
    struct hs_timeline_query query = timeline_query (snapshot, parameters, (guint)parameters[2]);
    struct hs_timeline *answer = NULL;

    (void)hs_timeline (snapshot, filter, &query, cancel, &answer, err);
    return answer;
}

static void unref_timeline (gpointer answer)
{
    hs_timeline_unref (answer);
}

static gpointer work_histogram (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                                const gint64 *parameters, const struct hs_cancel *cancel,
                                struct hs_error *err)
{
    struct hs_histogram *answer = NULL;

    (void)hs_histogram (snapshot, filter, cancel, &answer, err);
    return answer;
}

static void unref_histogram (gpointer answer)
{
    hs_histogram_unref (answer);
}

static gpointer work_call_tree (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                                const gint64 *parameters, const struct hs_cancel *cancel,
                                struct hs_error *err)
{
    struct hs_call_tree_query query = { .direction = (enum hs_tree_direction)parameters[0],
                                        .metric = (enum hs_metric)parameters[1],
                                        .unit = (enum hs_metric_unit)parameters[2],
                                        .allocator_frames = HS_ALLOCATOR_FRAMES_FOLD };
    struct hs_call_tree *answer = NULL;

    (void)hs_call_tree (snapshot, filter, &query, cancel, &answer, err);
    return answer;
}

static void unref_call_tree (gpointer answer)
{
    hs_call_tree_unref (answer);
}

static gpointer work_totals (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                             const gint64 *parameters, const struct hs_cancel *cancel,
                             struct hs_error *err)
{
    struct hs_timeline_query query = timeline_query (snapshot, parameters, 1);
    struct hs_timeline *timeline = NULL;
    struct hs_stack_sums *sums = NULL;
    HsRangeTotals *answer = NULL;

    if (hs_stack_sums (snapshot, filter, cancel, &sums, err) != HS_OK)
        goto out;
    if (hs_timeline (snapshot, filter, &query, cancel, &timeline, err) != HS_OK)
        goto out;
    answer = g_new0 (HsRangeTotals, 1);
    answer->sums = sums->total;
    answer->peak_bytes = timeline->max_bytes;
    answer->peak_time = timeline->peak_time;
out:
    hs_stack_sums_free (sums);
    hs_timeline_unref (timeline);
    return answer;
}

static gpointer work_symbols (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                              const gint64 *parameters, const struct hs_cancel *cancel,
                              struct hs_error *err)
{
    struct hs_symbol_list *answer = NULL;

    (void)hs_symbol_list (snapshot, cancel, &answer, err);
    return answer;
}

static void unref_symbols (gpointer answer)
{
    hs_symbol_list_free (answer);
}

static gpointer work_caller_path (const struct hs_snapshot *snapshot,
                                  const struct hs_filter *filter, const gint64 *parameters,
                                  const struct hs_cancel *cancel, struct hs_error *err)
{
    struct hs_caller_path_query query = {
        .row = { .hash = (guint64)parameters[0],
                 .depth = (guint)parameters[1],
                 .direction = (enum hs_tree_direction)parameters[2] },
        .metric = (enum hs_metric)parameters[3],
    };
    struct hs_caller_path *answer = NULL;

    (void)hs_caller_path (snapshot, filter, &query, cancel, &answer, err);
    return answer;
}

static void unref_caller_path (gpointer answer)
{
    hs_caller_path_free (answer);
}

static gpointer work_source_lines (const struct hs_snapshot *snapshot,
                                   const struct hs_filter *filter, const gint64 *parameters,
                                   const struct hs_cancel *cancel, struct hs_error *err)
{
    struct hs_source_rows *answer = NULL;

    (void)hs_source_lines (snapshot, filter, (guint64)parameters[0], cancel, &answer, err);
    return answer;
}

static void unref_source_rows (gpointer answer)
{
    hs_source_rows_free (answer);
}

const HsQueryKind hs_question_timeline = { work_timeline, unref_timeline, FALSE };
const HsQueryKind hs_question_histogram = { work_histogram, unref_histogram, FALSE };
const HsQueryKind hs_question_call_tree = { work_call_tree, unref_call_tree, TRUE };
const HsQueryKind hs_question_caller_path = { work_caller_path, unref_caller_path, TRUE };
const HsQueryKind hs_question_source_lines = { work_source_lines, unref_source_rows, TRUE };
const HsQueryKind hs_question_symbols = { work_symbols, unref_symbols, TRUE };
const HsQueryKind hs_question_totals = { work_totals, g_free, FALSE };
