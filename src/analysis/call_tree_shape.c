/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rows of a call tree; see call_tree_shape.h. Stacks are inserted heaviest first, into nodes
 * found by (parent, label); then all are numbered depth first.
 */
#include "analysis/call_tree_shape.h"

#include "analysis/label_trail.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct build_node {
    uint32_t parent; /* has a smaller number */
    uint32_t label;
};

struct build {
    struct hs_frame_labels labels;
    const struct hs_call_tree_query *query;
    HS_ARRAY (struct build_node) nodes;
    struct hs_idmap children; /* parent << 32 | label -> node */
    uint32_t *node_of;        /* top-down: per node of the trie its innermost tree node, 0 = none */
    struct hs_label_path path;
    struct hs_label_trail trail; /* of the stack that is inserted, where recursion is collapsed */
    bool is_cut;

    uint32_t *node_of_stack;
    uint32_t *place; /* per node: its number depth first */
    uint32_t *size;  /* per node: nodes below it, and itself */
    uint32_t *next;  /* per node: the number that its next child gets */
};

/* The child of `parent` with that label, new or known; `parent` itself when the tree is full. */
static bool find_child (struct build *build, uint32_t parent, uint32_t label, uint32_t *ret)
{
    uint64_t key = (uint64_t)parent << 32 | label;

    *ret = hs_idmap_get (&build->children, key);
    if (*ret != HS_IDMAP_NONE)
        return true;
    *ret = parent;
    if (build->nodes.n >= HS_TREE_MAX_NODES) {
        build->is_cut = true;
        return true;
    }
    if (!hs_array_reserve (&build->nodes, 1) ||
        !hs_idmap_set (&build->children, key, (uint32_t)build->nodes.n))
        return false;
    *ret = (uint32_t)build->nodes.n++;
    build->nodes.items[*ret] = (struct build_node){ parent, label };
    return true;
}

/* Makes the trail that of a node, where recursion is collapsed. */
static bool begin_trail (struct build *build, uint32_t node)
{
    uint32_t depth = 0;

    build->trail.steps.n = 0;
    if (!build->query->collapse_recursion)
        return true;
    for (uint32_t at = node; at != 0; at = build->nodes.items[at].parent)
        depth++;
    for (uint32_t at = node; at != 0; at = build->nodes.items[at].parent) {
        if (!hs_label_trail_put (&build->trail, --depth, build->nodes.items[at].label, at))
            return false;
    }
    return true;
}

/* One label further on the trail: to a child, or back to where the label stood. */
static bool go_on (struct build *build, uint32_t parent, uint32_t label, uint32_t *ret)
{
    uint32_t place;

    if (!build->query->collapse_recursion)
        return find_child (build, parent, label, ret);
    place = hs_label_trail_find (&build->trail, label);
    if (place != HS_TRAIL_NONE) {
        build->trail.steps.n = place + UINT32_C (1);
        *ret = build->trail.steps.items[place].value;
        return true;
    }
    return find_child (build, parent, label, ret) &&
           (*ret == parent ||
            hs_label_trail_put (&build->trail, (uint32_t)build->trail.steps.n, label, *ret));
}

static uint32_t trie_parent (const struct build *build, uint32_t node)
{
    return hs_column_u32 (&build->labels.snapshot.stacks->parent, node);
}

/* The tree node that a trie node's innermost function has, made along the way from the root. */
static bool tree_node_of (struct build *build, uint32_t node, uint32_t *ret)
{
    uint32_t at = node, tree = 0;

    build->path.labels.n = 0; /* of trie nodes, innermost first */
    while (at != HS_NODE_ROOT && build->node_of[at] == 0) {
        if (!hs_array_reserve (&build->path.labels, 1))
            return false;
        build->path.labels.items[build->path.labels.n++] = at;
        at = trie_parent (build, at);
    }
    if (at != HS_NODE_ROOT)
        tree = build->node_of[at];
    if (build->path.labels.n > 0 && !begin_trail (build, tree))
        return false;
    for (size_t i = build->path.labels.n; i > 0; i--) {
        struct hs_label_chain chain;

        at = build->path.labels.items[i - 1];
        if (trie_parent (build, at) == HS_NODE_ROOT && !build->labels.has_processes)
            continue; /* the only process has no row */
        chain = hs_frame_labels_of (&build->labels, at);
        for (uint32_t k = chain.n; k > 0; k--) {
            if (!go_on (build, tree, build->labels.chained.items[chain.first + k - 1], &tree))
                return false;
        }
        build->node_of[at] = tree;
    }
    *ret = tree;
    return true;
}

/* Steps over allocators: the trie node where a stack shall end, and how many of its labels are
 * left out. The outermost label of a stack always stays. */
static uint32_t fold (const struct build *build, uint32_t node, uint32_t *ret_n_skipped)
{
    const struct hs_frame_labels *labels = &build->labels;
    uint32_t n = 0;

    for (;;) {
        struct hs_label_chain chain = hs_frame_labels_of (labels, node);
        uint32_t parent = trie_parent (build, node);

        for (n = 0; n < chain.n; n++) {
            if (!labels->labels.items[labels->chained.items[chain.first + n]].is_allocator)
                break;
        }
        if (n == chain.n && trie_parent (build, parent) == HS_NODE_ROOT)
            n--;
        else if (n == chain.n) {
            node = parent;
            continue;
        }
        *ret_n_skipped = n;
        return node;
    }
}

static bool is_empty_stack (const struct build *build, uint32_t node)
{
    return node == HS_NODE_NONE || node == HS_NODE_ROOT ||
           trie_parent (build, node) == HS_NODE_ROOT;
}

static bool insert_top_down (struct build *build, const struct hs_stack_sum *stack, uint32_t *ret)
{
    uint32_t node = stack->node, n_skipped = 0, tree = 0;
    struct hs_label_chain chain;

    if (is_empty_stack (build, node)) {
        if (build->labels.has_processes &&
            !find_child (build, 0, hs_frame_labels_process (&build->labels, stack->process), &tree))
            return false;
        return find_child (build, tree, hs_frame_labels_none (&build->labels, stack), ret);
    }
    if (build->query->allocator_frames == HS_ALLOCATOR_FRAMES_FOLD)
        node = fold (build, node, &n_skipped);
    if (n_skipped == 0)
        return tree_node_of (build, node, ret);
    chain = hs_frame_labels_of (&build->labels, node);
    if (!tree_node_of (build, trie_parent (build, node), &tree) || !begin_trail (build, tree))
        return false;
    for (uint32_t k = chain.n; k > n_skipped; k--) {
        if (!go_on (build, tree, build->labels.chained.items[chain.first + k - 1], &tree))
            return false;
    }
    *ret = tree;
    return true;
}

static bool insert_bottom_up (struct build *build, const struct hs_stack_sum *stack, uint32_t *ret)
{
    uint32_t tree = 0;

    if (!hs_frame_labels_path (&build->labels, stack,
                               build->query->allocator_frames == HS_ALLOCATOR_FRAMES_FOLD,
                               &build->path) ||
        !begin_trail (build, 0))
        return false;
    for (size_t i = 0; i < build->path.labels.n; i++) {
        uint32_t parent = tree, label = build->path.labels.items[i];

        if (!go_on (build, parent, label, &tree))
            return false;
        if (tree == parent && (parent == 0 || build->nodes.items[parent].label != label))
            break; /* full */
    }
    *ret = tree;
    return true;
}

struct rank {
    int64_t metric;
    uint32_t stack;
};

static int compare_ranks (const void *a, const void *b)
{
    const struct rank *left = a, *right = b;

    if (left->metric != right->metric)
        return left->metric > right->metric ? -1 : 1;
    return left->stack < right->stack ? -1 : left->stack > right->stack;
}

/* Heaviest first, so that a tree that gets too large is cut where it matters least. */
static bool rank_stacks (const struct build *build, const struct hs_stack_sums *sums,
                         struct rank **ret)
{
    struct rank *ranks = hs_alloc_array (sums->n, sizeof *ranks);

    if (ranks == NULL)
        return false;
    for (uint32_t i = 0; i < sums->n; i++) {
        ranks[i].metric =
            hs_sums_metric (&sums->stacks[i].sums, build->query->metric, build->query->unit);
        ranks[i].stack = i;
    }
    if (sums->n > 0)
        qsort (ranks, sums->n, sizeof *ranks, compare_ranks);
    *ret = ranks;
    return true;
}

static enum hs_status insert_all (struct build *build, const struct hs_stack_sums *sums,
                                  const struct hs_cancel *cancel)
{
    enum hs_status status = HS_OK;
    struct rank *ranks;

    if (!hs_array_reserve (&build->nodes, 1) || !rank_stacks (build, sums, &ranks))
        return HS_NO_MEMORY;
    build->nodes.items[build->nodes.n++] = (struct build_node){ 0 };
    for (uint32_t i = 0; i < sums->n && status == HS_OK; i++) {
        const struct hs_stack_sum *stack = &sums->stacks[ranks[i].stack];
        uint32_t *node = &build->node_of_stack[ranks[i].stack];

        if ((i & 1023) == 0 && hs_cancel_is_set (cancel))
            status = HS_CANCELLED;
        else if (!(build->query->direction == HS_TREE_TOP_DOWN
                       ? insert_top_down (build, stack, node)
                       : insert_bottom_up (build, stack, node)))
            status = HS_NO_MEMORY;
    }
    hs_free (ranks);
    return status;
}

static bool number_nodes (struct build *build)
{
    uint32_t n = (uint32_t)build->nodes.n;

    build->place = hs_alloc_zeroed (n, sizeof *build->place);
    build->size = hs_alloc_zeroed (n, sizeof *build->size);
    build->next = hs_alloc_zeroed (n, sizeof *build->next);
    if (build->place == NULL || build->size == NULL || build->next == NULL)
        return false;
    /* parents have smaller numbers: backwards every size is complete in time, forwards every
     * parent has its place */
    for (uint32_t i = n; i > 0; i--) {
        build->size[i - 1]++;
        if (i > 1)
            build->size[build->nodes.items[i - 1].parent] += build->size[i - 1];
    }
    build->next[0] = 1;
    for (uint32_t i = 1; i < n; i++) {
        uint32_t parent = build->nodes.items[i].parent;

        build->place[i] = build->next[parent];
        build->next[parent] += build->size[i];
        build->next[i] = build->place[i] + 1;
    }
    return true;
}

static void fill_nodes (const struct build *build, const struct hs_stack_sums *sums,
                        struct hs_call_tree_shape *shape)
{
    struct hs_shape_node *nodes = shape->nodes;
    uint32_t n_before = 0;

    for (uint32_t i = 0; i < shape->n_nodes; i++) {
        struct hs_shape_node *node = &nodes[build->place[i]];

        node->label = build->nodes.items[i].label;
        node->end = build->place[i] + build->size[i];
    }
    for (uint32_t i = 0; i < sums->n; i++)
        nodes[build->place[build->node_of_stack[i]]].first_stack++;
    for (uint32_t i = 0; i <= shape->n_nodes; i++) {
        uint32_t n_here = nodes[i].first_stack;

        nodes[i].first_stack = n_before;
        if (i < shape->n_nodes)
            build->next[i] = n_before;
        n_before += n_here;
    }
    for (uint32_t i = 0; i < sums->n; i++)
        shape->stacks[i] = (struct hs_shape_stack){
            .node = sums->stacks[i].node,
            .is_not_freed = sums->stacks[i].is_not_freed,
            .process = sums->stacks[i].process,
            .place = build->next[build->place[build->node_of_stack[i]]]++,
        };
}

static uint32_t put_text (char *texts, size_t *n, const char *text)
{
    size_t at = *n, size = text != NULL ? strlen (text) + 1 : 1;

    if (size == 1)
        return 0;
    if (texts != NULL)
        memcpy (texts + at, text, size);
    *n += size;
    return (uint32_t)at;
}

/* All labels; with texts NULL only their size. */
static size_t put_texts (const struct build *build, struct hs_shape_label *labels, char *texts)
{
    size_t n = 1;

    for (size_t i = 0; i < build->labels.labels.n; i++) {
        const struct hs_label *from = &build->labels.labels.items[i];

        labels[i] = (struct hs_shape_label){
            .text = put_text (texts, &n, from->text),
            .module = put_text (texts, &n, from->module),
            .location = put_text (texts, &n, from->location),
            .key = from->key,
            .former_key = from->former_key,
            .kind = from->kind,
            .is_inlined = from->is_inlined,
        };
    }
    return n;
}

static enum hs_status make (struct build *build, const struct hs_stack_sums *sums,
                            struct hs_call_tree_shape *shape)
{
    size_t n_labels = build->labels.labels.n, n_texts;

    if (!number_nodes (build))
        return HS_NO_MEMORY;
    shape->is_cut = build->is_cut;
    shape->n_nodes = (uint32_t)build->nodes.n;
    shape->n_stacks = sums->n;
    shape->nodes = hs_alloc_zeroed ((size_t)shape->n_nodes + 1, sizeof *shape->nodes);
    shape->stacks = hs_alloc_array (sums->n, sizeof *shape->stacks);
    shape->labels = hs_alloc_array (n_labels, sizeof *shape->labels);
    if (shape->nodes == NULL || shape->stacks == NULL || shape->labels == NULL)
        return HS_NO_MEMORY;
    fill_nodes (build, sums, shape);
    n_texts = put_texts (build, shape->labels, NULL);
    shape->texts = n_texts <= UINT32_MAX ? hs_alloc_zeroed (n_texts, 1) : NULL;
    if (shape->texts == NULL)
        return HS_NO_MEMORY;
    (void)put_texts (build, shape->labels, shape->texts);
    return HS_OK;
}

static enum hs_status build_shape (struct build *build, const struct hs_snapshot *snapshot,
                                   const struct hs_stack_sums *sums, const struct hs_cancel *cancel,
                                   struct hs_call_tree_shape *shape)
{
    enum hs_status status = hs_frame_labels_init (&build->labels, snapshot, sums, NULL);

    if (status != HS_OK)
        return status;
    build->node_of = hs_alloc_zeroed (snapshot->n_nodes, sizeof *build->node_of);
    build->node_of_stack = hs_alloc_zeroed (sums->n, sizeof *build->node_of_stack);
    status = build->node_of != NULL && build->node_of_stack != NULL
                 ? insert_all (build, sums, cancel)
                 : HS_NO_MEMORY;
    if (status == HS_OK)
        status = make (build, sums, shape);
    hs_frame_labels_clear (&build->labels);
    hs_array_clear (&build->nodes);
    hs_label_path_clear (&build->path);
    hs_label_trail_clear (&build->trail);
    hs_idmap_clear (&build->children);
    hs_free (build->node_of);
    hs_free (build->node_of_stack);
    hs_free (build->place);
    hs_free (build->size);
    hs_free (build->next);
    return status;
}

enum hs_status hs_call_tree_shape (const struct hs_snapshot *snapshot,
                                   const struct hs_stack_sums *sums,
                                   const struct hs_call_tree_query *query,
                                   const struct hs_cancel *cancel, struct hs_call_tree_shape **ret)
{
    struct hs_call_tree_shape *shape = HS_NEW (struct hs_call_tree_shape);
    struct build build = { .query = query };
    enum hs_status status;

    if (shape == NULL)
        return HS_NO_MEMORY;
    atomic_init (&shape->n_references, 1);
    shape->trace = snapshot->trace;
    shape->generation = snapshot->generation;
    shape->names = snapshot->names;
    shape->direction = query->direction;
    shape->allocator_frames = query->allocator_frames;
    shape->stacks_of = query->stacks_of;
    shape->collapse_recursion = query->collapse_recursion;
    status = build_shape (&build, snapshot, sums, cancel, shape);
    if (status == HS_OK)
        *ret = shape;
    else
        hs_call_tree_shape_unref (shape);
    return status;
}

struct hs_call_tree_shape *hs_call_tree_shape_ref (struct hs_call_tree_shape *shape)
{
    atomic_fetch_add_explicit (&shape->n_references, 1, memory_order_relaxed);
    return shape;
}

void hs_call_tree_shape_unref (struct hs_call_tree_shape *shape)
{
    if (shape == NULL ||
        atomic_fetch_sub_explicit (&shape->n_references, 1, memory_order_acq_rel) != 1)
        return;
    hs_free (shape->nodes);
    hs_free (shape->stacks);
    hs_free (shape->labels);
    hs_free (shape->texts);
    hs_free (shape);
}
