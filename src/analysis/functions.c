/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The flat list of functions; see functions.h. */
#include "analysis/functions.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct build {
    struct hs_frame_labels labels;
    struct hs_functions_query query;
    struct hs_function *all; /* by label */
    uint32_t *seen_in;       /* by label: 1 + the last stack it was counted for */
    struct hs_label_path path;
};

static bool add_stack (struct build *build, const struct hs_stack_sum *stack, uint32_t number)
{
    bool fold = build->query.allocator_frames == HS_ALLOCATOR_FRAMES_FOLD;

    if (!hs_frame_labels_path (&build->labels, stack, fold, &build->path))
        return false;
    hs_sums_add (&build->all[build->path.labels.items[0]].exclusive, &stack->sums);
    for (size_t i = 0; i < build->path.labels.n; i++) {
        uint32_t label = build->path.labels.items[i];

        if (build->labels.labels.items[label].kind == HS_LABEL_PROCESS ||
            build->seen_in[label] == number + 1)
            continue;
        build->seen_in[label] = number + 1;
        hs_sums_add (&build->all[label].inclusive, &stack->sums);
    }
    return true;
}

static enum hs_status add_all (struct build *build, const struct hs_stack_sums *sums,
                               const struct hs_cancel *cancel)
{
    size_t n = build->labels.labels.n;

    build->all = hs_alloc_zeroed (n, sizeof *build->all);
    build->seen_in = hs_alloc_zeroed (n, sizeof *build->seen_in);
    if (build->all == NULL || build->seen_in == NULL)
        return HS_NO_MEMORY;
    for (uint32_t i = 0; i < sums->n; i++) {
        if ((i & 1023) == 0 && hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        if (!add_stack (build, &sums->stacks[i], i))
            return HS_NO_MEMORY;
    }
    return HS_OK;
}

static int compare_functions (const void *a, const void *b, void *data)
{
    const struct hs_functions_query *query = data;
    const struct hs_function *left = a, *right = b;
    int64_t inclusive = 0, exclusive = 0;
    int order;

    inclusive = hs_sums_metric (&left->inclusive, query->metric, query->unit) -
                hs_sums_metric (&right->inclusive, query->metric, query->unit);
    exclusive = hs_sums_metric (&left->exclusive, query->metric, query->unit) -
                hs_sums_metric (&right->exclusive, query->metric, query->unit);
    if (query->order == HS_FUNCTIONS_BY_EXCLUSIVE && exclusive != 0)
        return exclusive > 0 ? -1 : 1;
    if (inclusive != 0)
        return inclusive > 0 ? -1 : 1;
    if (exclusive != 0)
        return exclusive > 0 ? -1 : 1;
    order = strcmp (left->label, right->label);
    return order != 0 ? order : strcmp (left->module, right->module);
}

static bool is_any (const struct hs_function *function)
{
    const struct hs_sums *sums = &function->inclusive;

    return (sums->count[0] | sums->count[1] | sums->count[2] | sums->count[3] | sums->peak_count) !=
           0;
}

/* Copies `text` behind the functions and moves the place on. */
static const char *copy_text (char **place, const char *text)
{
    size_t n = strlen (text) + 1;
    char *copy = *place;

    memcpy (copy, text, n);
    *place += n;
    return copy;
}

static enum hs_status lay_out (struct build *build, struct hs_functions **ret)
{
    struct hs_functions *functions;
    size_t n_labels = build->labels.labels.n, n = 0, n_text = 0;
    char *place;

    for (size_t i = 1; i < n_labels; i++) {
        const struct hs_label *label = &build->labels.labels.items[i];

        if (!is_any (&build->all[i]))
            continue;
        n++;
        n_text += strlen (label->text) + strlen (label->module) + strlen (label->location) + 3;
    }
    functions =
        hs_alloc_zeroed (1, sizeof *functions + n * sizeof functions->functions[0] + n_text);
    if (functions == NULL)
        return HS_NO_MEMORY;
    place = (char *)(functions->functions + n);
    for (size_t i = 1; i < n_labels; i++) {
        const struct hs_label *label = &build->labels.labels.items[i];
        struct hs_function *function = &functions->functions[functions->n];

        if (!is_any (&build->all[i]))
            continue;
        *function = build->all[i];
        function->label = copy_text (&place, label->text);
        function->module = copy_text (&place, label->module);
        function->location = copy_text (&place, label->location);
        function->key = label->key;
        function->kind = label->kind;
        function->is_inlined = label->is_inlined;
        functions->n++;
    }
    qsort_r (functions->functions, n, sizeof functions->functions[0], compare_functions,
             &build->query);
    *ret = functions;
    return HS_OK;
}

enum hs_status hs_functions (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                             const struct hs_functions_query *query, const struct hs_cancel *cancel,
                             struct hs_functions **ret, struct hs_error *err)
{
    struct build build = { .query = *query };
    struct hs_functions *functions = NULL;
    struct hs_stack_sums *sums;
    enum hs_status status =
        hs_stack_sums_of (snapshot, filter, query->stacks_of, cancel, &sums, err);

    if (status != HS_OK)
        return status;
    hs_stack_sums_keep_classes (sums, filter->classes);
    status = hs_frame_labels_init (&build.labels, snapshot, sums, err);
    if (status == HS_OK)
        status = add_all (&build, sums, cancel);
    if (status == HS_OK)
        status = hs_trace_check (snapshot->trace, err);
    if (status == HS_OK)
        status = lay_out (&build, &functions);
    if (status == HS_OK) {
        atomic_init (&functions->n_references, 1);
        functions->total = sums->total;
        functions->peak_time = sums->peak_time;
        *ret = functions;
    }
    hs_frame_labels_clear (&build.labels);
    hs_label_path_clear (&build.path);
    hs_free (build.all);
    hs_free (build.seen_in);
    hs_stack_sums_free (sums);
    return status == HS_NO_MEMORY ? hs_error_no_memory (err) : status;
}

struct hs_functions *hs_functions_ref (struct hs_functions *functions)
{
    atomic_fetch_add_explicit (&functions->n_references, 1, memory_order_relaxed);
    return functions;
}

void hs_functions_unref (struct hs_functions *functions)
{
    if (functions != NULL &&
        atomic_fetch_sub_explicit (&functions->n_references, 1, memory_order_acq_rel) == 1)
        hs_free (functions);
}
