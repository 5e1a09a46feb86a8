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

static gpointer work_timeline (const HsQuestion *question, const struct hs_cancel *cancel,
                               struct hs_error *err)
{
    struct hs_timeline_query query =
        timeline_query (&question->snapshot, question->parameters, (guint)question->parameters[2]);
    struct hs_timeline *answer = NULL;

    (void)hs_timeline (&question->snapshot, &question->filter, &query, cancel, &answer, err);
    return answer;
}

static void unref_timeline (gpointer answer)
{
    hs_timeline_unref (answer);
}

static gpointer work_histogram (const HsQuestion *question, const struct hs_cancel *cancel,
                                struct hs_error *err)
{
    struct hs_histogram *answer = NULL;

    (void)hs_histogram (&question->snapshot, &question->filter, cancel, &answer, err);
    return answer;
}

static void unref_histogram (gpointer answer)
{
    hs_histogram_unref (answer);
}

static enum hs_allocator_frames allocator_frames (gint64 flags)
{
    return (flags & HS_TREE_SHOWS_ALLOCATORS) != 0 ? HS_ALLOCATOR_FRAMES_SHOW
                                                   : HS_ALLOCATOR_FRAMES_FOLD;
}

static gpointer work_call_tree (const HsQuestion *question, const struct hs_cancel *cancel,
                                struct hs_error *err)
{
    gint64 rows = question->parameters[0];
    struct hs_call_tree_query query = { .direction = (enum hs_tree_direction) (rows & 1),
                                        .metric = (enum hs_metric)question->parameters[1],
                                        .unit = (enum hs_metric_unit)question->parameters[2],
                                        .allocator_frames = allocator_frames (rows),
                                        .stacks_of = (enum hs_stacks_of)question->parameters[3],
                                        .collapse_recursion =
                                            (rows & HS_TREE_COLLAPSES_RECURSION) != 0,
                                        .layout = HS_TREE_AS_OPENED,
                                        .earlier = question->earlier };
    struct hs_call_tree *answer = NULL;

    (void)hs_call_tree (&question->snapshot, &question->filter, &query, cancel, &answer, err);
    return answer;
}

static gpointer ref_call_tree (gpointer answer)
{
    return hs_call_tree_ref (answer);
}

static void unref_call_tree (gpointer answer)
{
    hs_call_tree_unref (answer);
}

static gpointer work_totals (const HsQuestion *question, const struct hs_cancel *cancel,
                             struct hs_error *err)
{
    struct hs_timeline_query query = timeline_query (&question->snapshot, question->parameters, 1);
    struct hs_timeline *timeline = NULL;
    struct hs_stack_sums *sums = NULL;
    HsRangeTotals *answer = NULL;

    if (hs_stack_sums (&question->snapshot, &question->filter, cancel, &sums, err) != HS_OK)
        goto out;
    if (hs_timeline (&question->snapshot, &question->filter, &query, cancel, &timeline, err) !=
        HS_OK)
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

static gpointer work_symbols (const HsQuestion *question, const struct hs_cancel *cancel,
                              struct hs_error *err)
{
    struct hs_symbol_list *answer = NULL;

    (void)hs_symbol_list (&question->snapshot, cancel, &answer, err);
    return answer;
}

static void unref_symbols (gpointer answer)
{
    hs_symbol_list_free (answer);
}

static gpointer work_caller_path (const HsQuestion *question, const struct hs_cancel *cancel,
                                  struct hs_error *err)
{
    gint64 rows = question->parameters[2];
    struct hs_caller_path_query query = {
        .row = { .hash = (guint64)question->parameters[0],
                 .depth = (guint)question->parameters[1],
                 .direction = (enum hs_tree_direction) (rows & 1),
                 .allocator_frames = allocator_frames (rows),
                 .collapse_recursion = (rows & HS_TREE_COLLAPSES_RECURSION) != 0 },
        .metric = (enum hs_metric)question->parameters[3],
    };
    struct hs_caller_path *answer = NULL;

    (void)hs_caller_path (&question->snapshot, &question->filter, &query, cancel, &answer, err);
    return answer;
}

static void unref_caller_path (gpointer answer)
{
    hs_caller_path_free (answer);
}

static gpointer work_source_lines (const HsQuestion *question, const struct hs_cancel *cancel,
                                   struct hs_error *err)
{
    struct hs_source_rows *answer = NULL;

    (void)hs_source_lines (&question->snapshot, &question->filter, (guint64)question->parameters[0],
                           cancel, &answer, err);
    return answer;
}

static void unref_source_rows (gpointer answer)
{
    hs_source_rows_free (answer);
}

const HsQueryKind hs_question_timeline = { work_timeline, NULL, unref_timeline, FALSE };
const HsQueryKind hs_question_histogram = { work_histogram, NULL, unref_histogram, FALSE };
const HsQueryKind hs_question_call_tree = { work_call_tree, ref_call_tree, unref_call_tree, TRUE };
const HsQueryKind hs_question_caller_path = { work_caller_path, NULL, unref_caller_path, TRUE };
const HsQueryKind hs_question_source_lines = { work_source_lines, NULL, unref_source_rows, TRUE };
const HsQueryKind hs_question_symbols = { work_symbols, NULL, unref_symbols, TRUE };
const HsQueryKind hs_question_totals = { work_totals, NULL, g_free, FALSE };
