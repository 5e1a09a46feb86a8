/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stacks by the names on them; see stack_filter.h. A node of the trie has what its own frame has
 * and what its caller has, so each node is looked at once, and each address once for its names.
 */
#include "analysis/stack_filter.h"

#include "base/limits.h"
#include "base/memory.h"
#include "trace/images.h"

#include <string.h>

#define NODES_PER_LOCK 4096u

/* What is there, of a frame or a stack. */
enum found {
    FOUND_FRAMES = 1,
    FOUND_MODULE = 2,
    FOUND_ALL = 3,
};

struct search {
    const struct hs_snapshot *snapshot;
    const struct hs_filter *filter;
    const struct hs_tables *tables;
    unsigned wanted;
    struct hs_idmap seen; /* frame key -> what it has */
    hs_process_id *processes;
    uint8_t *found; /* both per node */
};

static bool has_text (const char *name, const char *text)
{
    return text[0] != '\0' && strcasestr (name, text) != NULL;
}

/* By the file's name, without its folders. */
static unsigned look_at_module (const struct search *search, uint32_t path)
{
    const char *text = hs_intern_text (&search->tables->strings, path);
    const char *name = text + strlen (text);

    while (name > text && name[-1] != '/' && name[-1] != '\\')
        name--;
    return (has_text (name, search->filter->frames) ? FOUND_FRAMES : 0) |
           (has_text (name, search->filter->module) ? FOUND_MODULE : 0);
}

static unsigned look_at_chain (const struct search *search, const struct hs_frame_name *name)
{
    const struct hs_tables *tables = search->tables;
    unsigned found = 0;

    for (uint32_t n = 0; n < HS_LIMIT_STACK_DEPTH; n++) {
        if (has_text (hs_intern_text (&tables->strings, name->function), search->filter->frames))
            found |= FOUND_FRAMES;
        found |= look_at_module (search, name->module);
        if (name->next >= tables->frame_names.n)
            break;
        name = &tables->frame_names.items[name->next];
    }
    return found;
}

/* A module that is loaded at neither end of the trace does not tell its name. */
static unsigned look_at_frame (const struct search *search, hs_process_id process, uint64_t address)
{
    const struct hs_tables *tables = search->tables;
    const struct hs_frame_name *name = hs_tables_frame_name (tables, process, address);
    const struct hs_module_info *module =
        hs_tables_module_at (tables, process, address - 1, search->snapshot->last_time);
    unsigned found = name != NULL ? look_at_chain (search, name) : 0;

    if (module == NULL)
        module = hs_tables_module_at (tables, process, address - 1, search->snapshot->first_time);
    if (module == NULL)
        return found;
    found |= look_at_module (search, module->path);
    if (hs_tables_image_name (tables, module, address, &name) == HS_NAME_FOUND)
        found |= look_at_chain (search, name);
    return found;
}

static bool look_at_node (struct search *search, uint32_t node)
{
    const struct hs_stacks *stacks = search->snapshot->stacks;
    uint32_t parent = hs_column_u32 (&stacks->parent, node), known;
    uint64_t frame = hs_column_u64 (&stacks->frame, node), key;

    if (parent == HS_NODE_ROOT) {
        search->processes[node] = (hs_process_id)frame;
        return true;
    }
    search->processes[node] = search->processes[parent];
    search->found[node] = search->found[parent];
    if ((search->found[node] & search->wanted) == search->wanted)
        return true;
    key = hs_tables_frame_key (search->processes[node], frame);
    known = hs_idmap_get (&search->seen, key);
    if (known == HS_IDMAP_NONE) {
        known = look_at_frame (search, search->processes[node], frame);
        if (!hs_idmap_set (&search->seen, key, known))
            return false;
    }
    search->found[node] |= (uint8_t)(known & FOUND_ALL);
    return true;
}

/* The writer of the trace gets its turn between the parts. */
static enum hs_status look_at_nodes (struct search *search, const struct hs_cancel *cancel,
                                     struct hs_error *err)
{
    const struct hs_snapshot *snapshot = search->snapshot;
    bool is_done = true;

    for (uint32_t node = 1; is_done && node < snapshot->n_nodes;) {
        uint32_t n =
            snapshot->n_nodes - node < NODES_PER_LOCK ? snapshot->n_nodes - node : NODES_PER_LOCK;

        if (hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        search->tables = hs_trace_lock (snapshot->trace);
        for (; n > 0 && is_done; n--)
            is_done = look_at_node (search, node++);
        hs_trace_unlock (snapshot->trace);
    }
    return is_done ? HS_OK : hs_error_no_memory (err);
}

static uint8_t *pass_slots (const struct search *search)
{
    const struct hs_snapshot *snapshot = search->snapshot;
    uint8_t *slots = hs_alloc_zeroed ((size_t)snapshot->n_slots + 1, 1);

    for (uint32_t slot = 0; slots != NULL && slot < snapshot->n_slots; slot++) {
        uint32_t node = hs_column_peek (&snapshot->stacks->slot_node, slot);

        slots[slot] =
            node < snapshot->n_nodes && (search->found[node] & search->wanted) == search->wanted;
    }
    return slots;
}

enum hs_status hs_stack_filter_slots (const struct hs_snapshot *snapshot,
                                      const struct hs_filter *filter,
                                      const struct hs_cancel *cancel, uint8_t **ret,
                                      struct hs_error *err)
{
    struct search search = { .snapshot = snapshot, .filter = filter };
    enum hs_status status;
    uint8_t *slots = NULL;

    search.wanted = (filter->frames[0] != '\0' ? FOUND_FRAMES : 0) |
                    (filter->module[0] != '\0' ? FOUND_MODULE : 0);
    search.processes = hs_alloc_zeroed ((size_t)snapshot->n_nodes + 1, sizeof *search.processes);
    search.found = hs_alloc_zeroed ((size_t)snapshot->n_nodes + 1, 1);
    if (search.processes == NULL || search.found == NULL)
        status = hs_error_no_memory (err);
    else
        status = look_at_nodes (&search, cancel, err);
    if (status == HS_OK) {
        slots = pass_slots (&search);
        status = slots != NULL ? HS_OK : hs_error_no_memory (err);
    }
    hs_idmap_clear (&search.seen);
    hs_free (search.processes);
    hs_free (search.found);
    if (status == HS_OK)
        *ret = slots;
    return status;
}
