/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What views ask, run on worker threads; see questions.h. */
#include "model/questions.h"

#include <string.h>

/* The times of a question that says "whole" or "the newest": those of its snapshot. So that new
 * data does not make another question of it. */
static struct hs_timeline_query timeline_query (const struct hs_snapshot *snapshot,
                                                const gint64 *parameters, guint n_columns)
{
    struct hs_timeline_query query = {
        .from = parameters[0], .to = parameters[1], .n_columns = n_columns, .may_move_borders = true
    };
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

void hs_question_part_of (HsTimeAxis *axis, gint64 parameters[HS_QUERY_N_PARAMETERS])
{
    gint64 from = hs_time_axis_get_from (axis), to = hs_time_axis_get_to (axis);

    parameters[0] = hs_time_axis_is_whole (axis) ? HS_TIME_FIRST : from;
    parameters[1] = hs_time_axis_is_at_end (axis) ? HS_TIME_NEWEST : to;
    parameters[3] = 0;
    if (hs_time_axis_is_at_end (axis) && !hs_time_axis_is_whole (axis)) {
        parameters[0] = HS_TIME_FIRST;
        parameters[3] = to - from;
    }
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

static gpointer work_row_curves (const HsQuestion *question, const struct hs_cancel *cancel,
                                 struct hs_error *err)
{
    struct hs_row_curves_query query = {
        .rows = question->subject,
        .times = timeline_query (&question->snapshot, question->parameters,
                                 (guint)question->parameters[2]),
    };
    struct hs_row_curves *answer = NULL;

    (void)hs_row_curves (&question->snapshot, &question->filter, &query, cancel, &answer, err);
    return answer;
}

static void unref_row_curves (gpointer answer)
{
    hs_row_curves_unref (answer);
}

static gpointer ref_tree_rows (gpointer rows)
{
    return hs_tree_rows_ref (rows);
}

static void unref_tree_rows (gpointer rows)
{
    hs_tree_rows_unref (rows);
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
    struct hs_stack_sums *sums = NULL;
    struct hs_sums *answer = NULL;

    if (hs_stack_sums (&question->snapshot, &question->filter, cancel, &sums, err) == HS_OK)
        answer = g_memdup2 (&sums->total, sizeof sums->total);
    hs_stack_sums_free (sums);
    return answer;
}

static gpointer work_peak (const HsQuestion *question, const struct hs_cancel *cancel,
                           struct hs_error *err)
{
    struct hs_timeline_query query = timeline_query (&question->snapshot, question->parameters, 1);
    struct hs_range_peak peak;

    if (hs_range_peak (&question->snapshot, &question->filter,
                       (const int64_t[2]){ query.from, query.to }, cancel, &peak, err) != HS_OK)
        return NULL;
    return g_memdup2 (&peak, sizeof peak);
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

const HsQueryKind hs_question_timeline = { .work = work_timeline, .unref = unref_timeline };
const HsQueryKind hs_question_histogram = { .work = work_histogram, .unref = unref_histogram };
const HsQueryKind hs_question_call_tree = {
    .work = work_call_tree,
    .ref = ref_call_tree,
    .unref = unref_call_tree,
    .has_names = TRUE,
};
const HsQueryKind hs_question_caller_path = { .work = work_caller_path,
                                              .unref = unref_caller_path,
                                              .has_names = TRUE };
const HsQueryKind hs_question_source_lines = { .work = work_source_lines,
                                               .unref = unref_source_rows,
                                               .has_names = TRUE };
const HsQueryKind hs_question_symbols = { .work = work_symbols,
                                          .unref = unref_symbols,
                                          .has_names = TRUE };
const HsQueryKind hs_question_peak = { .work = work_peak, .unref = g_free };
const HsQueryKind hs_question_totals = { .work = work_totals, .unref = g_free };
const HsQueryKind hs_question_row_curves = {
    .work = work_row_curves,
    .unref = unref_row_curves,
    .ref_subject = ref_tree_rows,
    .unref_subject = unref_tree_rows,
};

#define HISTOGRAM_KEY "hs-histogram"

HsQuery *hs_question_shared_histogram (HsSelection *selection)
{
    HsQuery *query = g_object_get_data (G_OBJECT (selection), HISTOGRAM_KEY);

    if (query == NULL) {
        query = hs_query_new (&hs_question_histogram, hs_selection_get_document (selection));
        g_object_set_data_full (G_OBJECT (selection), HISTOGRAM_KEY, query, g_object_unref);
    }
    return query;
}

void hs_question_ask_shared_histogram (HsSelection *selection)
{
    struct hs_filter filter = hs_selection_get_filter (selection);
    gint64 parameters[HS_QUERY_N_PARAMETERS] = { 0 };

    filter.size_min = hs_filter_all ().size_min;
    filter.size_max = hs_filter_all ().size_max;
    hs_query_ask (hs_question_shared_histogram (selection), &filter, parameters);
}
