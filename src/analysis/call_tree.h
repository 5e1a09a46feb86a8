/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The call tree of a filter: top-down (from main) or bottom-up (from the allocating function).
 *
 * Nodes with indices inside, reference counted. Immutable but for hs_call_tree_open, which lays out
 * the children of a node where only rows that are opened were asked for. Node 0 is the invisible
 * root. Siblings are sorted by the query's metric, largest first, and stand together: the children
 * of a node are nodes [first_child, first_child + n_children). Frames with a known function are
 * merged by (function, module), others by module + offset. Stacks of several processes: top-down
 * the first level are the processes. Rows have all sums, but there are only rows whose blocks the
 * metric counts: a tree by outstanding bytes holds no stack that freed everything.
 */
#ifndef HS_ANALYSIS_CALL_TREE_H
#define HS_ANALYSIS_CALL_TREE_H

#include "analysis/frame_labels.h"

enum hs_tree_direction {
    HS_TREE_TOP_DOWN,
    HS_TREE_BOTTOM_UP,
};

/* What a row is sorted and judged by; bytes or blocks. */
enum hs_metric {
    HS_METRIC_OUTSTANDING, /* AIFO + AOFO */
    HS_METRIC_AIFI,
    HS_METRIC_AIFO,
    HS_METRIC_AOFI,
    HS_METRIC_AOFO,
    HS_METRIC_TOTAL, /* allocated inside: AIFI + AIFO */
    HS_METRIC_NET,   /* allocated inside - freed inside: AIFO - AOFI */
    HS_METRIC_PEAK,
    HS_METRIC_TEMPORARY, /* blocks only */
    HS_N_METRICS,
};

enum hs_metric_unit {
    HS_UNIT_BYTES,
    HS_UNIT_BLOCKS,
};

enum hs_allocator_frames {
    HS_ALLOCATOR_FRAMES_FOLD, /* leaf frames that are the allocator itself go into their caller */
    HS_ALLOCATOR_FRAMES_SHOW,
};

enum hs_tree_layout {
    HS_TREE_WHOLE,     /* all rows are there */
    HS_TREE_AS_OPENED, /* those below a row from hs_call_tree_open on; the top rows always */
};

struct hs_call_tree;
struct hs_call_tree_shape;

struct hs_call_tree_query {
    enum hs_tree_direction direction;
    enum hs_metric metric;
    enum hs_metric_unit unit;
    enum hs_allocator_frames allocator_frames;
    enum hs_stacks_of stacks_of;
    bool collapse_recursion; /* label_trail.h: no function stands below itself */
    enum hs_tree_layout layout;
    /* AS_OPENED: an answer about the same trace, or NULL. Its rows and names are taken over where
     * they fit, which spares most of the work while only the range changes. Lent for the call. */
    const struct hs_call_tree *earlier;
};

struct hs_call_tree_node {
    uint32_t parent;                  /* 0 for the top rows; the root's own is 0 */
    uint32_t first_child, n_children; /* first_child is 0 until the row is opened */
    uint32_t place;                   /* in the shape */
    uint32_t label;      /* offset into texts: "function", or "module+0x1a2b", or "0x7f…" */
    uint32_t module;     /* offset into texts: file name without folders; "" */
    uint32_t location;   /* offset into texts: "file.c:123"; "" */
    uint64_t key;        /* the same frame has the same key in every answer: restores expansion */
    uint64_t former_key; /* before its name was found, of one of its frames; 0 = none */
    enum hs_label_kind kind; /* HS_LABEL_NO_STACK: the label is to be translated */
    bool is_inlined;
    struct hs_sums inclusive;
    struct hs_sums exclusive; /* of stacks that end here (top-down: the allocating function;
                                 bottom-up: the program's start) */
};

struct hs_call_tree {
    _Atomic int n_references;
    struct hs_call_tree_query query;
    uint32_t n_nodes; /* that are laid out */
    struct hs_call_tree_node *nodes;
    const char *texts;
    struct hs_sums total;
    int64_t peak_time;
    bool is_cut; /* over HS_TREE_MAX_NODES: the lightest stacks end at a caller further in */

    struct hs_call_tree_shape *shape;
    struct hs_running_sums *running; /* per stack of the shape + 1 */
};

/* Some 50 bytes each while it is built; bottom-up trees of crafted files would have no end. */
#define HS_TREE_MAX_NODES (UINT32_C (1) << 21)

/* Any thread. */
enum hs_status hs_call_tree (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                             const struct hs_call_tree_query *query, const struct hs_cancel *cancel,
                             struct hs_call_tree **ret, struct hs_error *err);
/* AS_OPENED, one thread at a time: lays the children of `node` out, once. Nodes do not move. */
void hs_call_tree_open (struct hs_call_tree *tree, uint32_t node);
struct hs_call_tree *hs_call_tree_ref (struct hs_call_tree *tree);
void hs_call_tree_unref (struct hs_call_tree *tree);

/* The value of a metric; NET may be negative. */
int64_t hs_sums_metric (const struct hs_sums *sums, enum hs_metric metric,
                        enum hs_metric_unit unit);
/* Whether there are blocks that it counts; NET may be 0 because both sides are equal. */
bool hs_sums_has_metric (const struct hs_sums *sums, enum hs_metric metric);

#endif
