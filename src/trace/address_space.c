/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VirtualAlloc and kernel pool: formats/etl.md 8.1 and 8.2. */
#include "trace/trace_private.h"

#include "base/units.h"

#include <string.h>

static bool apply_alloc (struct hs_process_state *state, const struct hs_virtual_fields *fields,
                         uint64_t end)
{
    if ((fields->flags & HS_VIRTUAL_RESERVE) &&
        !hs_ranges_add (&state->reserved, fields->address, end))
        return false;
    return !(fields->flags & HS_VIRTUAL_COMMIT) ||
           hs_ranges_add (&state->committed, fields->address, end);
}

static bool apply_free (struct hs_process_state *state, const struct hs_virtual_fields *fields,
                        uint64_t end)
{
    uint64_t begin = fields->address;

    if (fields->flags & HS_VIRTUAL_RELEASE) {
        /* size 0 releases the whole reservation */
        if (fields->size == 0 && !hs_ranges_find (&state->reserved, begin, &begin, &end))
            return true;
        return hs_ranges_remove (&state->reserved, begin, end) &&
               hs_ranges_remove (&state->committed, begin, end);
    }
    return !(fields->flags & HS_VIRTUAL_DECOMMIT) ||
           hs_ranges_remove (&state->committed, begin, end);
}

bool hs_trace_virtual_event (struct hs_trace *trace, const struct hs_event *event)
{
    const struct hs_virtual_fields *fields = &event->virtual_memory;
    uint64_t end = hs_add_saturated (fields->address, fields->size);
    struct hs_process_state *state;
    struct hs_virtual_counters *counters;

    if (!hs_trace_need_process (trace, event->process))
        return false;
    state = &trace->processes.items[event->process];
    counters = &trace->tables.processes.items[event->process].virtual_memory;
    if (fields->op == HS_VIRTUAL_ROTATE || fields->op == HS_VIRTUAL_RUNDOWN)
        return true;
    trace->tables.processes.items[event->process].has_virtual = true;
    if (fields->op == HS_VIRTUAL_ALLOC) {
        counters->allocs++;
        if (!apply_alloc (state, fields, end))
            return false;
    } else {
        counters->frees++;
        if (!apply_free (state, fields, end))
            return false;
    }
    counters->commit_bytes = state->committed.n_bytes;
    counters->reserve_bytes = state->reserved.n_bytes;
    if (counters->commit_bytes > counters->peak_commit)
        counters->peak_commit = counters->commit_bytes;
    if (counters->reserve_bytes > counters->peak_reserve)
        counters->peak_reserve = counters->reserve_bytes;
    return true;
}

void hs_trace_virtual_exit (struct hs_trace *trace, hs_process_id process)
{
    struct hs_process_state *state = &trace->processes.items[process];
    struct hs_virtual_counters *counters = &trace->tables.processes.items[process].virtual_memory;

    counters->exit_commit = hs_add_saturated (counters->exit_commit, state->committed.n_bytes);
    counters->commit_bytes = 0;
    counters->reserve_bytes = 0;
    hs_ranges_clear (&state->committed);
    hs_ranges_clear (&state->reserved);
}

static bool find_tag (struct hs_trace *trace, const char tag[4], uint32_t *ret)
{
    struct hs_pool_info *pool = &trace->tables.pool;

    for (uint32_t i = 0; i < pool->tags.n; i++) {
        if (memcmp (pool->tags.items[i].tag, tag, 4) == 0) {
            *ret = i;
            return true;
        }
    }
    if (!hs_array_reserve (&pool->tags, 1))
        return false;
    *ret = (uint32_t)pool->tags.n++;
    pool->tags.items[*ret] = (struct hs_pool_tag){ 0 };
    memcpy (pool->tags.items[*ret].tag, tag, 4);
    return true;
}

/* Takes the block at `address` out of the sums; false when none is live there. */
static bool close_pool_block (struct hs_trace *trace, uint64_t address)
{
    struct hs_pool_info *pool = &trace->tables.pool;
    uint32_t index = hs_idmap_remove (&trace->pool_live, address);
    struct hs_pool_block *block;

    if (index == HS_IDMAP_NONE)
        return false;
    block = &trace->pool_blocks.items[index];
    pool->live_count--;
    pool->live_bytes -= block->size;
    pool->tags.items[block->tag].live_count--;
    pool->tags.items[block->tag].live_bytes -= block->size;
    block->next_free = trace->pool_free;
    trace->pool_free = index;
    return true;
}

static bool open_pool_block (struct hs_trace *trace, const struct hs_pool_fields *fields,
                             uint32_t tag)
{
    struct hs_pool_info *pool = &trace->tables.pool;
    /* sums must never saturate, or closing would not bring them back: absurd sizes count 0 */
    uint64_t size = fields->size <= UINT64_C (1) << 47 ? fields->size : 0;
    uint32_t index = trace->pool_free;

    if (index != UINT32_MAX) {
        trace->pool_free = trace->pool_blocks.items[index].next_free;
    } else {
        if (!hs_array_reserve (&trace->pool_blocks, 1))
            return false;
        index = (uint32_t)trace->pool_blocks.n++;
    }
    trace->pool_blocks.items[index].size = size;
    trace->pool_blocks.items[index].tag = tag;
    if (!hs_idmap_set (&trace->pool_live, fields->address, index))
        return false;
    pool->alloc_bytes = hs_add_saturated (pool->alloc_bytes, size);
    pool->live_count++;
    pool->live_bytes += size;
    pool->tags.items[tag].live_count++;
    pool->tags.items[tag].live_bytes += size;
    if (pool->live_bytes > pool->peak_bytes)
        pool->peak_bytes = pool->live_bytes;
    return true;
}

bool hs_trace_pool_event (struct hs_trace *trace, const struct hs_event *event)
{
    const struct hs_pool_fields *fields = &event->pool;
    struct hs_pool_info *pool = &trace->tables.pool;
    uint32_t tag;

    if (!find_tag (trace, fields->tag, &tag))
        return false;
    pool->is_present = true;
    if (fields->is_free) {
        pool->frees++;
        pool->tags.items[tag].frees++;
        if (fields->address != 0 && !close_pool_block (trace, fields->address))
            pool->unmatched_frees++;
        return true;
    }
    pool->allocs++;
    pool->tags.items[tag].allocs++;
    if (fields->address == 0)
        return true;
    (void)close_pool_block (trace, fields->address); /* its Free was lost */
    return open_pool_block (trace, fields, tag);
}
