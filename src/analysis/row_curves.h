/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of rows of a call tree over time: what each row's own blocks were at the end of each
 * column, those that are still there at the end of the filter's range apart from those that were
 * freed by then. Many rows cost one scan; they may lie below each other. Not for trees by who
 * freed.
 */
#ifndef HS_ANALYSIS_ROW_CURVES_H
#define HS_ANALYSIS_ROW_CURVES_H

#include "analysis/caller_path.h"
#include "analysis/timeline.h"

/* Rows of one tree. Immutable, reference counted; outlives the tree. */
struct hs_tree_rows;

/* NULL when memory is out. The thread that opens the tree's rows. */
struct hs_tree_rows *hs_tree_rows_new (const struct hs_call_tree *tree, const uint32_t *nodes,
                                       uint32_t n);
struct hs_tree_rows *hs_tree_rows_ref (struct hs_tree_rows *rows);
/* The same for the same rows of another answer to the same question. */
uint64_t hs_tree_rows_id (const struct hs_tree_rows *rows);
void hs_tree_rows_unref (struct hs_tree_rows *rows); /* NULL is allowed */

struct hs_row_value { /* bytes that live after all events up to the end of a column */
    uint64_t stays;   /* not freed before the end of the range */
    uint64_t freed;   /* freed by then */
};

struct hs_row_curve {
    struct hs_tree_row row;
    uint64_t max; /* of both together, over the columns */
    const struct hs_row_value *values;
};

struct hs_row_curves {
    _Atomic int n_references;
    int64_t from, to; /* as asked: column i covers what hs_timeline's does */
    uint32_t n_columns, n_rows;
    struct hs_row_curve *curves; /* in the order of the nodes; in the same block */
};

struct hs_row_curves_query {
    const struct hs_tree_rows *rows;
    struct hs_timeline_query times; /* max_replay_events is not looked at */
};

/* Any thread. The filter's range only says what stays; all times from `from` to `to` are told. */
enum hs_status hs_row_curves (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                              const struct hs_row_curves_query *query,
                              const struct hs_cancel *cancel, struct hs_row_curves **ret,
                              struct hs_error *err);

/* The curve of a row, or NULL. */
const struct hs_row_curve *hs_row_curves_find (const struct hs_row_curves *curves,
                                               struct hs_tree_row row);

struct hs_row_curves *hs_row_curves_ref (struct hs_row_curves *curves);
void hs_row_curves_unref (struct hs_row_curves *curves); /* NULL is allowed */

#endif
