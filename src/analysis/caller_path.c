/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The heaviest stack of a row; see caller_path.h. */
#include "analysis/caller_path.h"

#include "analysis/label_trail.h"
#include "base/memory.h"

#include <string.h>

static uint64_t step (uint64_t hash, uint64_t key)
{
    return hs_hash_u64 (hash * UINT64_C (0x9e3779b97f4a7c15) + key);
}

struct hs_tree_row hs_call_tree_row (const struct hs_call_tree *tree, uint32_t node)
{
    struct hs_tree_row row = { .direction = tree->query.direction,
                               .allocator_frames = tree->query.allocator_frames,
                               .collapse_recursion = tree->query.collapse_recursion };

    for (uint32_t at = node; at != 0; at = tree->nodes[at].parent) {
        row.depth++;
        row.hash = step (row.hash, tree->nodes[at].key);
    }
    return row;
}

/* Where the n-th label from the tree's top stands in a path, the allocating function first. */
static size_t place_of (const struct hs_label_path *path, enum hs_tree_direction direction,
                        size_t n)
{
    return direction == HS_TREE_BOTTOM_UP ? n : path->labels.n - 1 - n;
}

/* The way of a path into its row, each step with the place in the path that stands for it: of
 * those that recursion makes one, the innermost that is on the way. False when memory is out. */
static bool follow (const struct hs_label_path *path, const struct hs_tree_row *row,
                    struct hs_label_trail *trail)
{
    trail->steps.n = 0;
    for (size_t i = 0; i < path->labels.n; i++) {
        uint32_t at = (uint32_t)place_of (path, row->direction, i), place = HS_TRAIL_NONE;
        uint32_t label = path->labels.items[at];

        if (row->collapse_recursion)
            place = hs_label_trail_find (trail, label);
        else if (i >= row->depth)
            break;
        if (place == HS_TRAIL_NONE) {
            if (!hs_label_trail_put (trail, (uint32_t)trail->steps.n, label, at))
                return false;
            continue;
        }
        trail->steps.n = place + UINT32_C (1);
        if (trail->steps.items[place].value > at)
            trail->steps.items[place].value = at;
    }
    return true;
}

/* Whether that way leads through the row: the last step has its label then. */
static bool is_in_row (const struct hs_frame_labels *labels, const struct hs_label_trail *trail,
                       const struct hs_tree_row *row)
{
    uint64_t hash = 0;

    if (trail->steps.n < row->depth)
        return false;
    for (uint32_t i = row->depth; i > 0; i--) /* from the row to the top */
        hash = step (hash, labels->labels.items[trail->steps.items[i - 1].label].key);
    return hash == row->hash;
}

static const char *copy_text (char **at, const char *text)
{
    size_t n = strlen (text) + 1;
    const char *copy = memcpy (*at, text, n);

    *at += n;
    return copy;
}

static struct hs_caller_path *lay_out (const struct hs_frame_labels *labels,
                                       const struct hs_label_path *path, uint32_t chosen)
{
    size_t n = path->labels.n, n_texts = 0;
    struct hs_caller_path *answer;
    char *texts;

    for (size_t i = 0; i < n; i++) {
        const struct hs_label *label = &labels->labels.items[path->labels.items[i]];

        n_texts += strlen (label->text) + strlen (label->module) + 3 +
                   strlen (hs_intern_text (&labels->locations, path->places.items[i].file));
    }
    answer = hs_alloc_zeroed (1, sizeof *answer + n * sizeof answer->frames[0] + n_texts);
    if (answer == NULL)
        return NULL;
    texts = (char *)(answer->frames + n);
    answer->n = (uint32_t)n;
    answer->chosen = chosen;
    for (size_t i = 0; i < n; i++) {
        const struct hs_label *label = &labels->labels.items[path->labels.items[i]];
        const struct hs_label_place *place = &path->places.items[i];

        answer->frames[i] = (struct hs_path_frame){
            .function = copy_text (&texts, label->text),
            .module = copy_text (&texts, label->module),
            .file = copy_text (&texts, hs_intern_text (&labels->locations, place->file)),
            .line = place->line,
            .kind = label->kind,
            .is_inlined = place->is_inlined,
        };
    }
    return answer;
}

struct search {
    struct hs_frame_labels labels;
    struct hs_label_path path;
    struct hs_label_trail trail;
    const struct hs_stack_sum *heaviest;
    struct hs_sums sums;
    uint32_t n_stacks;
};

static enum hs_status find_heaviest (struct search *search, const struct hs_stack_sums *sums,
                                     const struct hs_caller_path_query *query,
                                     const struct hs_cancel *cancel)
{
    bool fold = query->row.allocator_frames == HS_ALLOCATOR_FRAMES_FOLD;
    int64_t most = 0;

    for (uint32_t i = 0; i < sums->n; i++) {
        const struct hs_stack_sum *stack = &sums->stacks[i];
        int64_t bytes = hs_sums_metric (&stack->sums, query->metric, HS_UNIT_BYTES);

        if ((i & 1023) == 0 && hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        if (!hs_sums_has_metric (&stack->sums, query->metric))
            continue;
        if (!hs_frame_labels_path (&search->labels, stack, fold, &search->path) ||
            !follow (&search->path, &query->row, &search->trail))
            return HS_NO_MEMORY;
        if (!is_in_row (&search->labels, &search->trail, &query->row))
            continue;
        search->n_stacks++;
        hs_sums_add (&search->sums, &stack->sums);
        if (search->heaviest == NULL || bytes > most) {
            search->heaviest = stack;
            most = bytes;
        }
    }
    return HS_OK;
}

enum hs_status hs_caller_path (const struct hs_snapshot *snapshot, const struct hs_filter *filter,
                               const struct hs_caller_path_query *query,
                               const struct hs_cancel *cancel, struct hs_caller_path **ret,
                               struct hs_error *err)
{
    struct search search = { .n_stacks = 0 };
    uint32_t chosen = 0;
    struct hs_caller_path *answer = NULL;
    struct hs_stack_sums *sums;
    enum hs_status status = hs_stack_sums (snapshot, filter, cancel, &sums, err);

    if (status != HS_OK)
        return status;
    hs_stack_sums_keep_classes (sums, filter->classes);
    status = hs_frame_labels_init (&search.labels, snapshot, sums, err);
    if (status == HS_OK)
        status = find_heaviest (&search, sums, query, cancel);
    search.path.labels.n = search.path.places.n = search.trail.steps.n = 0;
    if (status == HS_OK && search.heaviest != NULL &&
        (!hs_frame_labels_path (&search.labels, search.heaviest,
                                query->row.allocator_frames == HS_ALLOCATOR_FRAMES_FOLD,
                                &search.path) ||
         !follow (&search.path, &query->row, &search.trail)))
        status = HS_NO_MEMORY;
    if (status == HS_OK)
        status = hs_trace_check (snapshot->trace, err);
    if (status == HS_OK) {
        if (query->row.depth > 0 && search.trail.steps.n >= query->row.depth)
            chosen = search.trail.steps.items[query->row.depth - 1].value;
        answer = lay_out (&search.labels, &search.path, chosen);
        status = answer != NULL ? HS_OK : HS_NO_MEMORY;
    }
    if (answer != NULL) {
        answer->row_sums = search.sums;
        answer->n_stacks = search.n_stacks;
        if (search.heaviest != NULL)
            answer->sums = search.heaviest->sums;
        *ret = answer;
    }
    hs_frame_labels_clear (&search.labels);
    hs_label_path_clear (&search.path);
    hs_label_trail_clear (&search.trail);
    hs_stack_sums_free (sums);
    return status == HS_NO_MEMORY ? hs_error_no_memory (err) : status;
}

void hs_caller_path_free (struct hs_caller_path *path)
{
    hs_free (path);
}
