/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The call path behind one row of a call tree: the heaviest of the stacks that stand in it, frame
 * by frame with its place in the sources - where the tree merges, this does not.
 */
#ifndef HS_ANALYSIS_CALLER_PATH_H
#define HS_ANALYSIS_CALLER_PATH_H

#include "analysis/call_tree.h"

/* Which row: the same in every answer to the same question. */
struct hs_tree_row {
    enum hs_tree_direction direction;
    uint64_t hash;  /* of the keys from this row to the top one */
    uint32_t depth; /* 1 for top rows; 0: the root, which all stacks are in */
    enum hs_allocator_frames allocator_frames; /* as the tree's query said */
    bool collapse_recursion;
};

struct hs_tree_row hs_call_tree_row (const struct hs_call_tree *tree, uint32_t node);

struct hs_caller_path_query {
    struct hs_tree_row row;
    enum hs_metric metric; /* what makes a stack the heaviest; in bytes */
};

struct hs_path_frame {
    const char *function, *module; /* as labels of trees; in the same block */
    const char *file;              /* path as the compiler wrote it, or "" */
    uint32_t line;                 /* 0 = not known */
    enum hs_label_kind kind;
    bool is_inlined; /* into the next one */
};

struct hs_caller_path {
    struct hs_sums sums;     /* of this stack */
    struct hs_sums row_sums; /* of all stacks of the row */
    uint32_t n_stacks;       /* in the row */
    uint32_t chosen;         /* the row's own frame; of the root, the first */
    uint32_t n;              /* 0: nothing stands in such a row (any more) */
    struct hs_path_frame
        frames[]; /* the allocating function first; allocators as trees show them */
};

/* Any thread. Free with hs_caller_path_free. */
enum hs_status hs_caller_path (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                               const struct hs_caller_path_query *query,
                               const struct hs_cancel *cancel, struct hs_caller_path **ret,
                               struct hs_error *err);
void hs_caller_path_free (struct hs_caller_path *path); /* NULL is allowed */

#endif
