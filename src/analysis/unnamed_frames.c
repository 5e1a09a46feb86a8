/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding frames to be named; see unnamed_frames.h. */
#include "analysis/unnamed_frames.h"

#include "base/idmap.h"
#include "base/memory.h"
#include "trace/images.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_STACKS 100     /* a window shows some forty rows */
#define STACKS_AT_A_TIME 256 /* then the trace's lock is given back */

struct wanted_module { /* copied out of the tables */
    struct hs_image_identity identity;
    bool is_known; /* `image` is set */
    uint32_t image;
};

struct search {
    struct hs_trace *trace;
    bool is_growing;
    struct hs_snapshot snapshot;
    struct hs_unnamed_frames *frames;
    struct hs_idmap seen;                     /* hash of (module, offset): on the list */
    uint8_t *is_looked_at;                    /* per node of the trie */
    HS_ARRAY (struct hs_unnamed_frame) found; /* with numbers of modules for images */
    HS_ARRAY (struct wanted_module) modules;  /* by number in the tables */
};

static int compare_stacks (const void *a, const void *b)
{
    const struct hs_stack_sum *left = a, *right = b;
    uint64_t left_bytes = hs_sums_outstanding_bytes (&left->sums);
    uint64_t right_bytes = hs_sums_outstanding_bytes (&right->sums);

    if (left_bytes != right_bytes)
        return left_bytes > right_bytes ? -1 : 1;
    left_bytes = hs_sums_opened_bytes (&left->sums);
    right_bytes = hs_sums_opened_bytes (&right->sums);
    if (left_bytes != right_bytes)
        return left_bytes > right_bytes ? -1 : 1;
    return left->node < right->node ? -1 : left->node > right->node;
}

/*
 * Linux' programs and libraries have paths with a slash in front, in an ETL file too. Windows'
 * PDBs are told of late in a trace: before its end one does not look for a file that may be
 * another.
 */
static bool can_be_named (const struct hs_tables *tables, const struct hs_module_info *module,
                          bool is_growing)
{
    struct hs_image_identity identity = hs_tables_identify (tables, module);

    if (!identity.is_windows)
        return identity.path[0] == '/';
    return identity.debug_name[0] != '\0' || (!is_growing && identity.id_size > 0);
}

/* A trace of 10^8 events need not be scanned for nothing. */
static bool has_anything (struct hs_trace *trace, bool is_growing)
{
    const struct hs_tables *tables = hs_trace_lock (trace);
    bool has = false;

    for (size_t i = 0; i < tables->modules.n && !has; i++)
        has = can_be_named (tables, &tables->modules.items[i], is_growing);
    hs_trace_unlock (trace);
    return has;
}

static bool look_at_frame (struct search *search, const struct hs_tables *tables,
                           hs_process_id process, uint64_t address, int64_t time)
{
    const struct hs_module_info *module = hs_tables_module_at (tables, process, address - 1, time);
    const struct hs_frame_name *name;
    struct hs_unnamed_frame frame;
    uint64_t key;

    if (module == NULL || !can_be_named (tables, module, search->is_growing) ||
        hs_tables_frame_name (tables, process, address) != NULL ||
        hs_tables_image_name (tables, module, address, &name) != HS_NAME_UNKNOWN)
        return true;
    frame.image = (uint32_t)(module - tables->modules.items);
    frame.offset = address - 1 - module->base;
    key = hs_hash_u64 (frame.offset + frame.image * UINT64_C (0x9e3779b97f4a7c15));
    if (hs_idmap_get (&search->seen, key) != HS_IDMAP_NONE)
        return true;
    if (!hs_idmap_set (&search->seen, key, 0) || !hs_array_reserve (&search->found, 1))
        return false;
    search->found.items[search->found.n++] = frame;
    return true;
}

static bool look_at_stack (struct search *search, const struct hs_tables *tables,
                           const struct hs_stack_sum *stack)
{
    const struct hs_stacks *stacks = search->snapshot.stacks;
    int64_t time = hs_stack_sum_time (&search->snapshot, stack);

    for (uint32_t node = stack->node; node != HS_NODE_NONE && node != HS_NODE_ROOT;) {
        uint32_t parent = hs_column_u32 (&stacks->parent, node);

        if (search->is_looked_at[node])
            break;
        search->is_looked_at[node] = true;
        if (parent != HS_NODE_ROOT && !look_at_frame (search, tables, stack->process,
                                                      hs_column_u64 (&stacks->frame, node), time))
            return false;
        node = parent;
    }
    return true;
}

/* Copies what images are made of, while the tables are locked. */
static bool copy_modules (struct search *search, const struct hs_tables *tables)
{
    size_t n = tables->modules.n;

    if (!hs_array_reserve (&search->modules, n - search->modules.n))
        return false;
    for (size_t i = search->modules.n; i < n; i++)
        search->modules.items[i] = (struct wanted_module){ .image = 0 };
    search->modules.n = n;
    for (size_t i = 0; i < search->found.n; i++) {
        uint32_t number = search->found.items[i].image;

        search->modules.items[number].identity =
            hs_tables_identify (tables, &tables->modules.items[number]);
    }
    return true;
}

/* What was found goes on the list, with images. */
static bool take_found (struct search *search)
{
    for (size_t i = 0; i < search->found.n; i++) {
        struct wanted_module *module = &search->modules.items[search->found.items[i].image];

        if (!module->is_known &&
            !hs_trace_need_image (search->trace, &module->identity, &module->image))
            return false;
        module->is_known = true;
        if (!hs_array_reserve (&search->frames->frames, 1))
            return false;
        search->found.items[i].image = module->image;
        search->frames->frames.items[search->frames->frames.n++] = search->found.items[i];
    }
    search->found.n = 0;
    return true;
}

static bool look_at_stacks (struct search *search, const struct hs_stack_sum *stacks, uint32_t n)
{
    const struct hs_tables *tables = hs_trace_lock (search->trace);
    bool is_done = true;

    for (uint32_t i = 0; i < n && is_done; i++)
        is_done = look_at_stack (search, tables, &stacks[i]);
    is_done = is_done && copy_modules (search, tables);
    hs_trace_unlock (search->trace);
    return is_done && take_found (search);
}

static enum hs_status look_at_all (struct search *search, struct hs_stack_sums *sums,
                                   const struct hs_cancel *cancel)
{
    uint32_t n;

    if (search->is_looked_at == NULL)
        search->is_looked_at = hs_alloc_zeroed (search->snapshot.n_nodes, 1);
    if (search->is_looked_at == NULL)
        return HS_NO_MEMORY;
    if (sums->n > 0)
        qsort (sums->stacks, sums->n, sizeof sums->stacks[0], compare_stacks);
    for (uint32_t i = 0; i < sums->n; i += n) {
        n = i == 0 ? FIRST_STACKS : STACKS_AT_A_TIME;
        if (n > sums->n - i)
            n = sums->n - i;
        if (hs_cancel_is_set (cancel))
            return HS_CANCELLED;
        if (!look_at_stacks (search, sums->stacks + i, n))
            return HS_NO_MEMORY;
        if (i == 0 && search->frames->n_first == 0)
            search->frames->n_first = search->frames->frames.n;
    }
    return HS_OK;
}

enum hs_status hs_unnamed_frames (struct hs_trace *trace, bool is_growing,
                                  const struct hs_cancel *cancel, struct hs_unnamed_frames *ret,
                                  struct hs_error *err)
{
    struct hs_unnamed_frames frames = { .n_first = 0 };
    struct search search = { .trace = trace, .is_growing = is_growing, .frames = &frames };
    struct hs_filter filter = hs_filter_all ();
    struct hs_stack_sums *sums;
    enum hs_status status;

    if (!has_anything (trace, is_growing)) {
        *ret = frames;
        return HS_OK;
    }
    search.snapshot = hs_trace_snapshot (trace);
    status = hs_stack_sums (&search.snapshot, &filter, cancel, &sums, err);
    if (status != HS_OK)
        return status;
    status = look_at_all (&search, sums, cancel);
    hs_stack_sums_free (sums);
    if (status == HS_OK && hs_rows_have_end_stacks (search.snapshot.rows)) {
        status =
            hs_stack_sums_of (&search.snapshot, &filter, HS_STACKS_OF_ENDS, cancel, &sums, err);
        if (status == HS_OK) {
            status = look_at_all (&search, sums, cancel);
            hs_stack_sums_free (sums);
        }
    }
    hs_idmap_clear (&search.seen);
    hs_array_clear (&search.found);
    hs_array_clear (&search.modules);
    hs_free (search.is_looked_at);
    if (status == HS_OK) {
        *ret = frames;
        return HS_OK;
    }
    hs_unnamed_frames_clear (&frames);
    return status == HS_NO_MEMORY ? hs_error_no_memory (err) : status;
}

void hs_unnamed_frames_clear (struct hs_unnamed_frames *frames)
{
    hs_array_clear (&frames->frames);
    frames->n_first = 0;
}
