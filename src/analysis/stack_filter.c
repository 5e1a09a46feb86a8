/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stacks by the names on them; see stack_filter.h. A node of the trie passes when its own frame
 * does or its caller passes, so each node is looked at once, and each address once for its names.
 */
#include "analysis/stack_filter.h"

#include "base/limits.h"
#include "base/memory.h"
#include "trace/images.h"

#include <string.h>

struct search {
    const struct hs_snapshot *snapshot;
    const struct hs_tables *tables;
    const char *text;
    struct hs_idmap seen; /* frame key -> whether its names have the text */
    hs_process_id *processes;
    uint8_t *passes; /* both per node */
};

static bool has_text (const struct search *search, uint32_t string)
{
    return strcasestr (hs_intern_text (&search->tables->strings, string), search->text) != NULL;
}

/* The file's name, without its folders. */
static bool has_text_in_name (const struct search *search, uint32_t path)
{
    const char *text = hs_intern_text (&search->tables->strings, path);
    const char *name = text + strlen (text);

    while (name > text && name[-1] != '/' && name[-1] != '\\')
        name--;
    return strcasestr (name, search->text) != NULL;
}

static bool chain_passes (const struct search *search, const struct hs_frame_name *name)
{
    const struct hs_tables *tables = search->tables;

    for (uint32_t n = 0; n < HS_LIMIT_STACK_DEPTH; n++) {
        if (has_text (search, name->function) || has_text_in_name (search, name->module))
            return true;
        if (name->next >= tables->frame_names.n)
            break;
        name = &tables->frame_names.items[name->next];
    }
    return false;
}

/* A module that is loaded at neither end of the trace does not tell its name. */
static bool frame_passes (const struct search *search, hs_process_id process, uint64_t address)
{
    const struct hs_tables *tables = search->tables;
    const struct hs_frame_name *name = hs_tables_frame_name (tables, process, address);
    const struct hs_module_info *module =
        hs_tables_module_at (tables, process, address - 1, search->snapshot->last_time);

    if (module == NULL)
        module = hs_tables_module_at (tables, process, address - 1, search->snapshot->first_time);
    if (name != NULL && chain_passes (search, name))
        return true;
    if (module == NULL)
        return false;
    return has_text_in_name (search, module->path) ||
           (hs_tables_image_name (tables, module, address, &name) == HS_NAME_FOUND &&
            chain_passes (search, name));
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
    search->passes[node] = search->passes[parent];
    if (search->passes[node])
        return true;
    key = hs_tables_frame_key (search->processes[node], frame);
    known = hs_idmap_get (&search->seen, key);
    if (known == HS_IDMAP_NONE) {
        known = frame_passes (search, search->processes[node], frame);
        if (!hs_idmap_set (&search->seen, key, known))
            return false;
    }
    search->passes[node] = known != 0;
    return true;
}

static uint8_t *pass_slots (const struct search *search)
{
    const struct hs_snapshot *snapshot = search->snapshot;
    uint8_t *slots = hs_alloc_zeroed ((size_t)snapshot->n_slots + 1, 1);

    for (uint32_t slot = 0; slots != NULL && slot < snapshot->n_slots; slot++) {
        uint32_t node = hs_column_peek (&snapshot->stacks->slot_node, slot);

        slots[slot] = node < snapshot->n_nodes && search->passes[node];
    }
    return slots;
}

enum hs_status hs_stack_filter_slots (const struct hs_snapshot *snapshot, const char *text,
                                      uint8_t **ret, struct hs_error *err)
{
    struct search search = { .snapshot = snapshot, .text = text };
    bool is_done;

    search.processes = hs_alloc_zeroed ((size_t)snapshot->n_nodes + 1, sizeof *search.processes);
    search.passes = hs_alloc_zeroed ((size_t)snapshot->n_nodes + 1, 1);
    is_done = search.processes != NULL && search.passes != NULL;
    search.tables = hs_trace_lock (snapshot->trace);
    for (uint32_t node = 1; is_done && node < snapshot->n_nodes; node++)
        is_done = look_at_node (&search, node);
    hs_trace_unlock (snapshot->trace);
    if (is_done) {
        *ret = pass_slots (&search);
        is_done = *ret != NULL;
    }
    hs_idmap_clear (&search.seen);
    hs_free (search.processes);
    hs_free (search.passes);
    return is_done ? HS_OK : hs_error_no_memory (err);
}
