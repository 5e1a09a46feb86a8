/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The call tree out of sums per stack; see call_tree.h. Built by inserting stacks, heaviest first,
 * into nodes found by (parent, label); then laid out breadth-first with siblings sorted.
 */
#include "analysis/call_tree.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct build_node {
    uint32_t parent; /* has a smaller number */
    uint32_t label;
    struct hs_sums inclusive, exclusive;
};

struct build {
    struct hs_frame_labels labels;
    struct hs_call_tree_query query;
    HS_ARRAY (struct build_node) nodes;
    struct hs_idmap children; /* parent << 32 | label -> node */
    uint32_t *node_of;        /* top-down: per node of the trie its innermost tree node, 0 = none */
    struct hs_label_path path;
    bool is_cut;

    /* layout */
    uint32_t *first_child; /* per node + 1: into `siblings` */
    uint32_t *siblings;
    uint32_t *order; /* tree number -> node */
    uint32_t n_kept;
};

int64_t hs_sums_metric (const struct hs_sums *sums, enum hs_metric metric, enum hs_metric_unit unit)
{
    const uint64_t *values = unit == HS_UNIT_BYTES ? sums->bytes : sums->count;

    switch (metric) {
    case HS_METRIC_OUTSTANDING:
        return (int64_t)(values[1] + values[3]);
    case HS_METRIC_AIFI:
    case HS_METRIC_AIFO:
    case HS_METRIC_AOFI:
    case HS_METRIC_AOFO:
        return (int64_t)values[metric - HS_METRIC_AIFI];
    case HS_METRIC_TOTAL:
        return (int64_t)(values[0] + values[1]);
    case HS_METRIC_NET:
        return (int64_t)(values[1] - values[2]);
    case HS_METRIC_PEAK:
        return (int64_t)(unit == HS_UNIT_BYTES ? sums->peak_bytes : sums->peak_count);
    case HS_METRIC_TEMPORARY:
        return (int64_t)sums->temporary;
    case HS_N_METRICS:
        break;
    }
    return 0;
}

static bool is_zero (const struct hs_sums *sums)
{
    return (sums->count[0] | sums->count[1] | sums->count[2] | sums->count[3] | sums->peak_count |
            sums->temporary) == 0;
}

/* Whether a row has a part in what the metric tells; NET may be 0 because both sides are equal. */
static bool is_relevant (const struct hs_sums *sums, enum hs_metric metric)
{
    const uint64_t *count = sums->count;

    switch (metric) {
    case HS_METRIC_OUTSTANDING:
        return (count[1] | count[3]) != 0;
    case HS_METRIC_TOTAL:
        return (count[0] | count[1]) != 0;
    case HS_METRIC_NET:
        return (count[1] | count[2]) != 0;
    case HS_METRIC_AIFI:
    case HS_METRIC_AIFO:
    case HS_METRIC_AOFI:
    case HS_METRIC_AOFO:
    case HS_METRIC_PEAK:
    case HS_METRIC_TEMPORARY:
    case HS_N_METRICS:
        break;
    }
    return hs_sums_metric (sums, metric, HS_UNIT_BLOCKS) != 0;
}

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
    build->nodes.items[*ret] = (struct build_node){ .parent = parent, .label = label };
    return true;
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
    for (size_t i = build->path.labels.n; i > 0; i--) {
        struct hs_label_chain chain;

        at = build->path.labels.items[i - 1];
        if (trie_parent (build, at) == HS_NODE_ROOT && !build->labels.has_processes)
            continue; /* the only process has no row */
        chain = hs_frame_labels_of (&build->labels, at);
        for (uint32_t k = chain.n; k > 0; k--) {
            if (!find_child (build, tree, build->labels.chained.items[chain.first + k - 1], &tree))
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
        return find_child (build, tree, build->labels.no_stack, ret);
    }
    if (build->query.allocator_frames == HS_ALLOCATOR_FRAMES_FOLD)
        node = fold (build, node, &n_skipped);
    if (n_skipped == 0)
        return tree_node_of (build, node, ret);
    chain = hs_frame_labels_of (&build->labels, node);
    if (!tree_node_of (build, trie_parent (build, node), &tree))
        return false;
    for (uint32_t k = chain.n; k > n_skipped; k--) {
        if (!find_child (build, tree, build->labels.chained.items[chain.first + k - 1], &tree))
            return false;
    }
    *ret = tree;
    return true;
}

static bool insert_bottom_up (struct build *build, const struct hs_stack_sum *stack, uint32_t *ret)
{
    uint32_t tree = 0;

    if (!hs_frame_labels_path (&build->labels, stack,
                               build->query.allocator_frames == HS_ALLOCATOR_FRAMES_FOLD,
                               &build->path))
        return false;
    for (size_t i = 0; i < build->path.labels.n; i++) {
        uint32_t parent = tree;

        if (!find_child (build, parent, build->path.labels.items[i], &tree))
            return false;
        if (tree == parent)
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
            hs_sums_metric (&sums->stacks[i].sums, build->query.metric, build->query.unit);
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
        uint32_t node;

        if ((i & 1023) == 0 && hs_cancel_is_set (cancel))
            status = HS_CANCELLED;
        else if (is_zero (&stack->sums))
            continue;
        else if (build->query.direction == HS_TREE_TOP_DOWN
                     ? insert_top_down (build, stack, &node)
                     : insert_bottom_up (build, stack, &node))
            hs_sums_add (&build->nodes.items[node].exclusive, &stack->sums);
        else
            status = HS_NO_MEMORY;
    }
    hs_free (ranks);
    /* parents have smaller numbers: from the last to the first every sum is complete in time */
    for (size_t i = build->nodes.n; i > 0; i--) {
        struct build_node *node = &build->nodes.items[i - 1];

        hs_sums_add (&node->inclusive, &node->exclusive);
        if (i > 1)
            hs_sums_add (&build->nodes.items[node->parent].inclusive, &node->inclusive);
    }
    return status;
}

static int compare_siblings (const void *a, const void *b, void *data)
{
    const struct build *build = data;
    const struct build_node *left = &build->nodes.items[*(const uint32_t *)a];
    const struct build_node *right = &build->nodes.items[*(const uint32_t *)b];
    int64_t left_metric = hs_sums_metric (&left->inclusive, build->query.metric, build->query.unit);
    int64_t right_metric =
        hs_sums_metric (&right->inclusive, build->query.metric, build->query.unit);
    int order;

    if (left_metric != right_metric)
        return left_metric > right_metric ? -1 : 1;
    order = strcmp (build->labels.labels.items[left->label].text,
                    build->labels.labels.items[right->label].text);
    if (order != 0)
        return order;
    return strcmp (build->labels.labels.items[left->label].module,
                   build->labels.labels.items[right->label].module);
}

/* Sorted lists of children, then a breadth-first order. */
static bool order_nodes (struct build *build)
{
    uint32_t n = (uint32_t)build->nodes.n;

    build->first_child = hs_alloc_zeroed ((size_t)n + 2, sizeof *build->first_child);
    build->siblings = hs_alloc_array (n, sizeof *build->siblings);
    build->order = hs_alloc_array (n, sizeof *build->order);
    if (build->first_child == NULL || build->siblings == NULL || build->order == NULL)
        return false;
    /* first_child[p + 2] counts, becomes the place to write the next child of p + 1, and in the
     * end first_child[p] is where the children of p begin */
    for (uint32_t i = 1; i < n; i++)
        build->first_child[build->nodes.items[i].parent + 2] +=
            is_relevant (&build->nodes.items[i].inclusive, build->query.metric);
    for (uint32_t i = 0; i < n; i++)
        build->first_child[i + 2] += build->first_child[i + 1];
    for (uint32_t i = 1; i < n; i++) {
        if (is_relevant (&build->nodes.items[i].inclusive, build->query.metric))
            build->siblings[build->first_child[build->nodes.items[i].parent + 1]++] = i;
    }
    build->order[build->n_kept++] = 0;
    for (uint32_t at = 0; at < build->n_kept; at++) {
        uint32_t node = build->order[at], first = build->first_child[node];
        uint32_t n_children = build->first_child[node + 1] - first;

        qsort_r (build->siblings + first, n_children, sizeof *build->siblings, compare_siblings,
                 build);
        memcpy (build->order + build->n_kept, build->siblings + first,
                n_children * sizeof *build->order);
        build->n_kept += n_children;
    }
    return true;
}

/* Texts of the labels in use, each once: offsets per label. Offset 0 is "". */
struct texts {
    uint32_t *label_at, *module_at, *location_at;
    size_t n;
};

static uint32_t take_text (struct texts *texts, const char *text)
{
    uint32_t at = (uint32_t)texts->n;

    if (text == NULL || *text == '\0')
        return 0;
    texts->n += strlen (text) + 1;
    return at;
}

static bool measure_texts (const struct build *build, struct texts *texts)
{
    size_t n_labels = build->labels.labels.n;

    texts->label_at = hs_alloc_zeroed (n_labels, 3 * sizeof *texts->label_at);
    if (texts->label_at == NULL)
        return false;
    texts->module_at = texts->label_at + n_labels;
    texts->location_at = texts->module_at + n_labels;
    texts->n = 1;
    for (uint32_t i = 1; i < build->n_kept; i++) {
        uint32_t number = build->nodes.items[build->order[i]].label;
        const struct hs_label *label = &build->labels.labels.items[number];

        if (texts->label_at[number] != 0)
            continue;
        texts->label_at[number] = take_text (texts, label->text);
        texts->module_at[number] = take_text (texts, label->module);
        texts->location_at[number] = take_text (texts, label->location);
    }
    return texts->n <= UINT32_MAX;
}

static void copy_texts (const struct build *build, const struct texts *texts, char *to)
{
    to[0] = '\0';
    for (size_t i = 0; i < build->labels.labels.n; i++) {
        const struct hs_label *label = &build->labels.labels.items[i];

        if (texts->label_at[i] != 0)
            memcpy (to + texts->label_at[i], label->text, strlen (label->text) + 1);
        if (texts->module_at[i] != 0)
            memcpy (to + texts->module_at[i], label->module, strlen (label->module) + 1);
        if (texts->location_at[i] != 0)
            memcpy (to + texts->location_at[i], label->location, strlen (label->location) + 1);
    }
}

static void fill_nodes (const struct build *build, const struct texts *texts,
                        struct hs_call_tree_node *nodes)
{
    uint32_t next = 1;

    for (uint32_t i = 0; i < build->n_kept; i++) {
        const struct build_node *from = &build->nodes.items[build->order[i]];
        const struct hs_label *label = &build->labels.labels.items[from->label];
        uint32_t at = build->order[i];
        struct hs_call_tree_node *node = &nodes[i];

        node->first_child = next;
        node->n_children = build->first_child[at + 1] - build->first_child[at];
        for (uint32_t k = 0; k < node->n_children; k++)
            nodes[next + k].parent = i;
        next += node->n_children;
        node->inclusive = from->inclusive;
        node->exclusive = from->exclusive;
        if (i == 0)
            continue; /* the invisible root has no name */
        node->label = texts->label_at[from->label];
        node->module = texts->module_at[from->label];
        node->location = texts->location_at[from->label];
        node->key = label->key;
        node->former_key = label->former_key;
        node->kind = label->kind;
        node->is_inlined = label->is_inlined;
    }
}

static enum hs_status lay_out (struct build *build, const struct hs_stack_sums *sums,
                               struct hs_call_tree **ret)
{
    struct texts texts = { 0 };
    struct hs_call_tree *tree = NULL;
    char *text_bytes;

    if (order_nodes (build) && measure_texts (build, &texts))
        tree = hs_alloc_zeroed (1, sizeof *tree + build->n_kept * sizeof tree->nodes[0] + texts.n);
    if (tree != NULL) {
        atomic_init (&tree->n_references, 1);
        tree->query = build->query;
        tree->n_nodes = build->n_kept;
        tree->nodes = (struct hs_call_tree_node *)(tree + 1);
        text_bytes = (char *)(tree->nodes + build->n_kept);
        copy_texts (build, &texts, text_bytes);
        tree->texts = text_bytes;
        fill_nodes (build, &texts, tree->nodes);
        tree->total = tree->nodes[0].inclusive;
        tree->peak_time = sums->peak_time;
        tree->is_cut = build->is_cut;
        *ret = tree;
    }
    hs_free (texts.label_at);
    return tree != NULL ? HS_OK : HS_NO_MEMORY;
}

static enum hs_status build_tree (struct build *build, const struct hs_snapshot *snapshot,
                                  const struct hs_stack_sums *sums, const struct hs_cancel *cancel,
                                  struct hs_call_tree **ret)
{
    enum hs_status status = hs_frame_labels_init (&build->labels, snapshot, sums, NULL);

    if (status != HS_OK)
        return status;
    build->node_of = hs_alloc_zeroed (snapshot->n_nodes, sizeof *build->node_of);
    status = build->node_of != NULL ? insert_all (build, sums, cancel) : HS_NO_MEMORY;
    if (status == HS_OK)
        status = lay_out (build, sums, ret);
    hs_frame_labels_clear (&build->labels);
    hs_array_clear (&build->nodes);
    hs_label_path_clear (&build->path);
    hs_idmap_clear (&build->children);
    hs_free (build->node_of);
    hs_free (build->first_child);
    hs_free (build->siblings);
    hs_free (build->order);
    return status;
}

enum hs_status hs_call_tree (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                             const struct hs_call_tree_query *query, const struct hs_cancel *cancel,
                             struct hs_call_tree **ret, struct hs_error *err)
{
    struct build build = { .query = *query };
    struct hs_stack_sums *sums;
    enum hs_status status = hs_stack_sums (snapshot, filter, cancel, &sums, err);

    if (status != HS_OK)
        return status;
    hs_stack_sums_keep_classes (sums, filter->classes);
    status = build_tree (&build, snapshot, sums, cancel, ret);
    hs_stack_sums_free (sums);
    if (status == HS_OK) {
        status = hs_trace_check (snapshot->trace, err);
        if (status != HS_OK)
            hs_call_tree_unref (*ret);
        return status;
    }
    return status == HS_NO_MEMORY ? hs_error_no_memory (err) : status;
}

struct hs_call_tree *hs_call_tree_ref (struct hs_call_tree *tree)
{
    atomic_fetch_add_explicit (&tree->n_references, 1, memory_order_relaxed);
    return tree;
}

void hs_call_tree_unref (struct hs_call_tree *tree)
{
    if (tree != NULL &&
        atomic_fetch_sub_explicit (&tree->n_references, 1, memory_order_acq_rel) == 1)
        hs_free (tree);
}
