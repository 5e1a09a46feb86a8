/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sums per module without names; see module_shares.h. */
#include "analysis/module_shares.h"

#include "base/memory.h"
#include "trace/images.h"

#define NO_MODULE UINT32_MAX

struct node { /* of the trie, once looked at */
    uint32_t module;
    bool is_known, is_named;
};

struct search {
    const struct hs_snapshot *snapshot;
    const struct hs_tables *tables;
    struct hs_module_shares *shares;
    struct node *nodes;
    uint32_t *counted_in; /* per module: 1 + the last stack that it hid */
    struct hs_idmap seen; /* hash of (module, address): counted as a frame */
};

static bool has_name (const struct hs_tables *tables, const struct hs_module_info *module,
                      hs_process_id process, uint64_t address)
{
    const struct hs_frame_name *name = hs_tables_frame_name (tables, process, address);

    if (name == NULL && hs_tables_image_name (tables, module, address, &name) != HS_NAME_FOUND)
        return false;
    return hs_intern_text (&tables->strings, name->function)[0] != '\0';
}

static bool look_at_node (struct search *search, uint32_t number, hs_process_id process,
                          int64_t time)
{
    uint64_t address = hs_column_u64 (&search->snapshot->stacks->frame, number), key;
    const struct hs_module_info *module =
        hs_tables_module_at (search->tables, process, address - 1, time);
    struct node *node = &search->nodes[number];
    struct hs_module_share *share;

    node->is_known = true;
    node->module = NO_MODULE;
    if (module == NULL)
        return true;
    node->module = (uint32_t)(module - search->tables->modules.items);
    if (node->module >= search->shares->n) { /* came after the answer was begun */
        node->module = NO_MODULE;
        return true;
    }
    node->is_named = has_name (search->tables, module, process, address);
    key = hs_hash_u64 (address + node->module * UINT64_C (0x9e3779b97f4a7c15));
    if (hs_idmap_get (&search->seen, key) != HS_IDMAP_NONE)
        return true;
    share = &search->shares->shares[node->module];
    share->n_frames++;
    share->n_named += node->is_named;
    return hs_idmap_set (&search->seen, key, 0);
}

static bool add_stack (struct search *search, const struct hs_stack_sum *stack, uint32_t order)
{
    const struct hs_snapshot *snapshot = search->snapshot;
    int64_t time = hs_stack_sum_time (snapshot, stack);

    for (uint32_t number = stack->node; number != HS_NODE_NONE && number != HS_NODE_ROOT;) {
        uint32_t parent = hs_column_u32 (&snapshot->stacks->parent, number);
        struct node *node = &search->nodes[number];

        if (parent == HS_NODE_ROOT)
            break;
        if (!node->is_known && !look_at_node (search, number, stack->process, time))
            return false;
        if (node->module != NO_MODULE && !node->is_named &&
            search->counted_in[node->module] != order + 1) {
            struct hs_module_share *share = &search->shares->shares[node->module];

            search->counted_in[node->module] = order + 1;
            share->hidden_bytes += hs_sums_outstanding_bytes (&stack->sums);
            share->hidden_count += hs_sums_outstanding_count (&stack->sums);
        }
        number = parent;
    }
    return true;
}

static enum hs_status add_all (struct search *search, const struct hs_stack_sums *sums,
                               const struct hs_cancel *cancel)
{
    const struct hs_trace *trace = search->snapshot->trace;
    enum hs_status status = HS_OK;

    for (uint32_t i = 0; i < sums->n && status == HS_OK;) {
        search->tables = hs_trace_lock (trace);
        for (uint32_t n = 0; n < 256 && i < sums->n && status == HS_OK; n++, i++) {
            if (!add_stack (search, &sums->stacks[i], i))
                status = HS_NO_MEMORY;
        }
        hs_trace_unlock (trace);
        if (hs_cancel_is_set (cancel))
            status = HS_CANCELLED;
    }
    return status;
}

enum hs_status hs_module_shares (const struct hs_snapshot *snapshot, const struct hs_cancel *cancel,
                                 struct hs_module_shares **ret, struct hs_error *err)
{
    struct search search = { .snapshot = snapshot };
    struct hs_filter filter = hs_filter_all ();
    struct hs_stack_sums *sums;
    enum hs_status status = hs_stack_sums (snapshot, &filter, cancel, &sums, err);
    uint32_t n;

    if (status != HS_OK)
        return status;
    n = (uint32_t)hs_trace_lock (snapshot->trace)->modules.n;
    hs_trace_unlock (snapshot->trace);
    search.shares = hs_alloc_zeroed (1, sizeof *search.shares + n * sizeof *search.shares->shares);
    search.nodes = hs_alloc_zeroed (snapshot->n_nodes, sizeof *search.nodes);
    search.counted_in = hs_alloc_zeroed (n, sizeof *search.counted_in);
    if (search.shares == NULL || search.nodes == NULL || search.counted_in == NULL) {
        status = HS_NO_MEMORY;
    } else {
        search.shares->n = n;
        search.shares->total = sums->total;
        status = add_all (&search, sums, cancel);
    }
    if (status == HS_OK)
        *ret = search.shares;
    else
        hs_free (search.shares);
    hs_idmap_clear (&search.seen);
    hs_free (search.nodes);
    hs_free (search.counted_in);
    hs_stack_sums_free (sums);
    return status == HS_NO_MEMORY ? hs_error_no_memory (err) : status;
}

void hs_module_shares_free (struct hs_module_shares *shares)
{
    hs_free (shares);
}
