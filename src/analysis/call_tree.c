/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The call tree of a filter; see call_tree.h. What is summed up is stacks, in the order of the
 * shape: the sums of a row are the difference of two running sums, so an answer costs as much as
 * there are stacks, and rows only where they are looked at.
 */
#include "analysis/call_tree.h"

#include "analysis/call_tree_shape.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Sums that cannot overflow: sums of sums saturate, differences of those would be wrong. */
struct hs_running_sums {
    unsigned __int128 bytes[4], peak_bytes, unsure_bytes;
    uint64_t count[4], peak_count, temporary, unsure_count;
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

bool hs_sums_has_metric (const struct hs_sums *sums, enum hs_metric metric)
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

static void add (struct hs_running_sums *to, const struct hs_sums *from)
{
    for (int i = 0; i < 4; i++) {
        to->count[i] += from->count[i];
        to->bytes[i] += from->bytes[i];
    }
    to->peak_count += from->peak_count;
    to->peak_bytes += from->peak_bytes;
    to->temporary += from->temporary;
    to->unsure_count += from->unsure_count;
    to->unsure_bytes += from->unsure_bytes;
}

static uint64_t saturated (unsigned __int128 value)
{
    return value < UINT64_MAX ? (uint64_t)value : UINT64_MAX;
}

/* The sums of stacks [first, end) of the shape's order. */
static struct hs_sums sums_of (const struct hs_call_tree *tree, uint32_t first, uint32_t end)
{
    const struct hs_running_sums *from = &tree->running[first], *to = &tree->running[end];
    struct hs_sums sums = {
        .peak_count = to->peak_count - from->peak_count,
        .peak_bytes = saturated (to->peak_bytes - from->peak_bytes),
        .temporary = to->temporary - from->temporary,
        .unsure_count = to->unsure_count - from->unsure_count,
        .unsure_bytes = saturated (to->unsure_bytes - from->unsure_bytes),
    };

    for (int i = 0; i < 4; i++) {
        sums.count[i] = to->count[i] - from->count[i];
        sums.bytes[i] = saturated (to->bytes[i] - from->bytes[i]);
    }
    return sums;
}

static struct hs_sums inclusive_of (const struct hs_call_tree *tree, uint32_t node)
{
    const struct hs_shape_node *nodes = tree->shape->nodes;

    return sums_of (tree, nodes[node].first_stack, nodes[nodes[node].end].first_stack);
}

static bool is_shown (const struct hs_call_tree *tree, uint32_t node)
{
    struct hs_sums sums = inclusive_of (tree, node);

    return hs_sums_has_metric (&sums, tree->query.metric);
}

static uint32_t count_children (const struct hs_call_tree *tree, uint32_t node)
{
    const struct hs_shape_node *nodes = tree->shape->nodes;
    uint32_t n = 0;

    for (uint32_t child = node + 1; child < nodes[node].end; child = nodes[child].end)
        n += is_shown (tree, child);
    return n;
}

static void fill_node (const struct hs_call_tree *tree, uint32_t node,
                       struct hs_call_tree_node *ret)
{
    const struct hs_shape_node *nodes = tree->shape->nodes;
    const struct hs_shape_label *label = &tree->shape->labels[nodes[node].label];

    *ret = (struct hs_call_tree_node){
        .place = node,
        .n_children = count_children (tree, node),
        .inclusive = inclusive_of (tree, node),
        .exclusive = sums_of (tree, nodes[node].first_stack, nodes[node + 1].first_stack),
    };
    if (node == 0)
        return; /* the invisible root has no name */
    ret->label = label->text;
    ret->module = label->module;
    ret->location = label->location;
    ret->key = label->key;
    ret->former_key = label->former_key;
    ret->kind = label->kind;
    ret->is_inlined = label->is_inlined;
}

static int compare_siblings (const void *a, const void *b, void *data)
{
    const struct hs_call_tree *tree = data;
    const struct hs_call_tree_node *left = a, *right = b;
    int64_t left_metric = hs_sums_metric (&left->inclusive, tree->query.metric, tree->query.unit);
    int64_t right_metric = hs_sums_metric (&right->inclusive, tree->query.metric, tree->query.unit);
    int order;

    if (left_metric != right_metric)
        return left_metric > right_metric ? -1 : 1;
    order = strcmp (tree->texts + left->label, tree->texts + right->label);
    return order != 0 ? order : strcmp (tree->texts + left->module, tree->texts + right->module);
}

void hs_call_tree_open (struct hs_call_tree *tree, uint32_t node)
{
    struct hs_call_tree_node *parent = &tree->nodes[node];
    const struct hs_shape_node *nodes = tree->shape->nodes;
    uint32_t first = tree->n_nodes, n = first;

    if (parent->first_child != 0 || parent->n_children == 0)
        return;
    for (uint32_t child = parent->place + 1; child < nodes[parent->place].end;
         child = nodes[child].end) {
        if (!is_shown (tree, child))
            continue;
        fill_node (tree, child, &tree->nodes[n]);
        tree->nodes[n++].parent = node;
    }
    qsort_r (&tree->nodes[first], n - first, sizeof tree->nodes[0], compare_siblings, tree);
    parent->first_child = first;
    tree->n_nodes = n;
}

/* In the order of struct hs_stack_sums. */
static int compare_place (const struct hs_shape_stack *left, const struct hs_stack_sum *right)
{
    if (left->node != right->node)
        return left->node < right->node ? -1 : 1;
    if (left->is_not_freed != right->is_not_freed)
        return left->is_not_freed ? 1 : -1;
    if (left->process != right->process)
        return left->process < right->process ? -1 : 1;
    return 0;
}

/* The running sums: those of the shape's stacks, where `sums` has them. False: it has others. */
static bool run_sums (const struct hs_call_tree_shape *shape, const struct hs_stack_sums *sums,
                      struct hs_running_sums *running)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < sums->n; i++) {
        const struct hs_stack_sum *stack = &sums->stacks[i];

        while (at < shape->n_stacks && compare_place (&shape->stacks[at], stack) < 0)
            at++;
        if (at == shape->n_stacks || compare_place (&shape->stacks[at], stack) != 0)
            return false;
        add (&running[shape->stacks[at].place + 1], &stack->sums);
    }
    for (uint32_t i = 0; i < shape->n_stacks; i++) {
        struct hs_running_sums *to = &running[i + 1];
        const struct hs_running_sums *from = &running[i];

        for (int k = 0; k < 4; k++) {
            to->count[k] += from->count[k];
            to->bytes[k] += from->bytes[k];
        }
        to->peak_count += from->peak_count;
        to->peak_bytes += from->peak_bytes;
        to->temporary += from->temporary;
        to->unsure_count += from->unsure_count;
        to->unsure_bytes += from->unsure_bytes;
    }
    return true;
}

static bool is_same_shape (const struct hs_call_tree_shape *shape,
                           const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                           const struct hs_call_tree_query *query)
{
    return shape->trace == snapshot->trace && shape->generation == snapshot->generation &&
           shape->names == snapshot->names && shape->process == filter->process &&
           shape->direction == query->direction &&
           shape->allocator_frames == query->allocator_frames &&
           shape->stacks_of == query->stacks_of &&
           shape->collapse_recursion == query->collapse_recursion;
}

/* The shape of the whole trace: it fits whatever range is asked for next. */
static enum hs_status make_whole_shape (const struct hs_snapshot *snapshot,
                                        const struct hs_filter *filter,
                                        const struct hs_call_tree_query *query,
                                        const struct hs_stack_sums *asked,
                                        const struct hs_cancel *cancel,
                                        struct hs_call_tree_shape **ret)
{
    struct hs_filter whole = hs_filter_all ();
    struct hs_stack_sums *sums;
    enum hs_status status;

    whole.process = filter->process;
    if (hs_filter_is_same (&whole, filter)) { /* that is what was asked */
        status = hs_call_tree_shape (snapshot, asked, query, cancel, ret);
        if (status == HS_OK)
            (*ret)->process = filter->process;
        return status;
    }
    status = hs_stack_sums_of (snapshot, &whole, query->stacks_of, cancel, &sums, NULL);
    if (status != HS_OK)
        return status;
    status = hs_call_tree_shape (snapshot, sums, query, cancel, ret);
    hs_stack_sums_free (sums);
    if (status == HS_OK)
        (*ret)->process = filter->process;
    return status;
}

static enum hs_status find_shape (const struct hs_snapshot *snapshot,
                                  const struct hs_filter *filter,
                                  const struct hs_call_tree_query *query,
                                  const struct hs_stack_sums *sums, const struct hs_cancel *cancel,
                                  struct hs_call_tree_shape **ret)
{
    if (query->layout == HS_TREE_WHOLE)
        return hs_call_tree_shape (snapshot, sums, query, cancel, ret);
    if (query->earlier == NULL || !is_same_shape (query->earlier->shape, snapshot, filter, query))
        return make_whole_shape (snapshot, filter, query, sums, cancel, ret);
    *ret = hs_call_tree_shape_ref (query->earlier->shape);
    return HS_OK;
}

/* All nodes that there can be, and memory only for those that are looked at. */
static size_t nodes_size (const struct hs_call_tree *tree)
{
    return ((size_t)tree->shape->n_nodes + 1) * sizeof tree->nodes[0];
}

static enum hs_status lay_out (struct hs_call_tree *tree, const struct hs_stack_sums *sums)
{
    tree->running = hs_alloc_zeroed ((size_t)tree->shape->n_stacks + 1, sizeof *tree->running);
    if (tree->running == NULL)
        return HS_NO_MEMORY;
    if (!run_sums (tree->shape, sums, tree->running))
        return HS_DAMAGED;
    tree->nodes = hs_reserve (nodes_size (tree));
    if (tree->nodes == NULL)
        return HS_NO_MEMORY;
    tree->texts = tree->shape->texts;
    tree->is_cut = tree->shape->is_cut;
    tree->peak_time = sums->peak_time;
    fill_node (tree, 0, &tree->nodes[0]);
    tree->n_nodes = 1;
    tree->total = tree->nodes[0].inclusive;
    hs_call_tree_open (tree, 0);
    for (uint32_t i = 1; tree->query.layout == HS_TREE_WHOLE && i < tree->n_nodes; i++)
        hs_call_tree_open (tree, i);
    return HS_OK;
}

static enum hs_status make_tree (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                                 const struct hs_call_tree_query *query,
                                 const struct hs_stack_sums *sums, const struct hs_cancel *cancel,
                                 struct hs_call_tree **ret)
{
    struct hs_call_tree *tree = HS_NEW (struct hs_call_tree);
    enum hs_status status;

    if (tree == NULL)
        return HS_NO_MEMORY;
    atomic_init (&tree->n_references, 1);
    tree->query = *query;
    tree->query.earlier = NULL;
    status = find_shape (snapshot, filter, query, sums, cancel, &tree->shape);
    if (status == HS_OK)
        status = lay_out (tree, sums);
    if (status == HS_OK)
        *ret = tree;
    else
        hs_call_tree_unref (tree);
    return status;
}

enum hs_status hs_call_tree (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                             const struct hs_call_tree_query *query, const struct hs_cancel *cancel,
                             struct hs_call_tree **ret, struct hs_error *err)
{
    struct hs_call_tree_query whole = *query;
    struct hs_stack_sums *sums;
    enum hs_status status =
        hs_stack_sums_of (snapshot, filter, query->stacks_of, cancel, &sums, err);

    if (status != HS_OK)
        return status;
    hs_stack_sums_keep_classes (sums, filter->classes);
    status = make_tree (snapshot, filter, query, sums, cancel, ret);
    if (status == HS_DAMAGED) { /* a stack that the whole trace does not have: crafted, or late */
        whole.layout = HS_TREE_WHOLE;
        status = make_tree (snapshot, filter, &whole, sums, cancel, ret);
    }
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
    if (tree == NULL ||
        atomic_fetch_sub_explicit (&tree->n_references, 1, memory_order_acq_rel) != 1)
        return;
    if (tree->nodes != NULL)
        hs_unreserve (tree->nodes, nodes_size (tree));
    hs_free (tree->running);
    hs_call_tree_shape_unref (tree->shape);
    hs_free (tree);
}
