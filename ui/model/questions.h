/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What views ask (kinds of HsQuery) and the parameters of each. */
#ifndef HS_MODEL_QUESTIONS_H
#define HS_MODEL_QUESTIONS_H

#include "analysis/caller_path.h"
#include "analysis/histogram.h"
#include "analysis/range_peak.h"
#include "analysis/row_curves.h"
#include "analysis/source_lines.h"
#include "analysis/symbol_list.h"
#include "analysis/timeline.h"
#include "model/query.h"
#include "model/selection.h"
#include "model/time_axis.h"

/* from, to (ticks), columns, and 0 or how many ticks before `to` to begin -> hs_timeline */
extern const HsQueryKind hs_question_timeline;
extern const HsQueryKind hs_question_histogram; /* -> hs_histogram */
/* HS_TREE_… | direction, metric, unit, stacks of -> hs_call_tree */
extern const HsQueryKind hs_question_call_tree;
/* hash and depth of a struct hs_tree_row, HS_TREE_… | direction, metric -> hs_caller_path */
extern const HsQueryKind hs_question_caller_path;
extern const HsQueryKind hs_question_source_lines; /* hs_source_path_key -> hs_source_rows */
extern const HsQueryKind hs_question_symbols;      /* of the whole trace -> hs_symbol_list */
extern const HsQueryKind hs_question_totals;       /* -> struct hs_sums */
extern const HsQueryKind hs_question_peak;         /* from, to (ticks) -> struct hs_range_peak */

/* The slot for the histogram of the selection, of any size, that whoever wants it shares: its total
 * is that of the range, and a scan serves all. Lent for the selection's life. */
HsQuery *hs_question_shared_histogram (HsSelection *selection);
void hs_question_ask_shared_histogram (HsSelection *selection);

/* from, to, columns, before `to`, about hs_tree_rows -> hs_row_curves */
extern const HsQueryKind hs_question_row_curves;

/* How rows are made, as a parameter; the direction is put into it with |. */
#define HS_TREE_SHOWS_ALLOCATORS 2
#define HS_TREE_COLLAPSES_RECURSION 4

/* For from and to: those of the newest snapshot. A trace that grows is then asked the same. */
#define HS_TIME_FIRST G_MININT64
#define HS_TIME_NEWEST G_MAXINT64

/* What an axis shows as parameters 0, 1 and 3, in words that stay the same while a trace grows. */
void hs_question_part_of (HsTimeAxis *axis, gint64 parameters[HS_QUERY_N_PARAMETERS]);

#endif
