/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What call trees of one trace have in common, whatever range they are of: the rows, their names,
 * and which row each stack ends in. Nodes are numbered depth first, so the stacks below a node are
 * neighbours, and a node's sums are the difference of two sums over stacks.
 *
 * Immutable and reference counted; any thread. For what is made of trees, not for who shows them.
 */
#ifndef HS_ANALYSIS_CALL_TREE_SHAPE_H
#define HS_ANALYSIS_CALL_TREE_SHAPE_H

#include "analysis/call_tree.h"

struct hs_shape_label { /* offsets into texts; 0 = "" */
    uint32_t text, module, location;
    uint64_t key, former_key;
    enum hs_label_kind kind;
    bool is_inlined;
};

struct hs_shape_node {
    uint32_t label;
    uint32_t end;         /* the first node behind those below it; its children begin at + 1 */
    uint32_t first_stack; /* of `order`: the first that ends in it or below it */
};

struct hs_shape_stack { /* in the order of struct hs_stack_sums */
    uint32_t node;
    bool is_not_freed;
    hs_process_id process;
    uint32_t place; /* in the order of nodes */
};

struct hs_call_tree_shape {
    _Atomic int n_references;
    /* whose shape it is */
    const struct hs_trace *trace;
    uint64_t generation, names;
    hs_process_id process;
    enum hs_tree_direction direction;
    enum hs_allocator_frames allocator_frames;
    enum hs_stacks_of stacks_of;
    bool collapse_recursion;

    uint32_t n_nodes, n_stacks;
    struct hs_shape_node *nodes; /* 0 is the invisible root; one more at the end */
    struct hs_shape_stack *stacks;
    struct hs_shape_label *labels;
    char *texts;
    bool is_cut;
};

/* The shape of the tree of these stacks, which came from the snapshot. */
enum hs_status hs_call_tree_shape (const struct hs_snapshot *snapshot,
                                   const struct hs_stack_sums *sums,
                                   const struct hs_call_tree_query *query,
                                   const struct hs_cancel *cancel, struct hs_call_tree_shape **ret);
struct hs_call_tree_shape *hs_call_tree_shape_ref (struct hs_call_tree_shape *shape);
void hs_call_tree_shape_unref (struct hs_call_tree_shape *shape); /* NULL is allowed */

#endif
