/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The block model: rules of formats/etl.md 7.4, counters of its section 13. */
#include "trace/gaps.h"
#include "trace/rows_writer.h"
#include "trace/stack_links.h"

#include "base/limits.h"
#include "base/units.h"
#include "event/block_call.h"

#include <stdio.h>
#include <string.h>

static bool heap_equals (const struct hs_heap_info *heap, hs_process_id process, uint64_t handle)
{
    return heap->handle == handle && heap->process == process;
}

static uint64_t heap_hash (hs_process_id process, uint64_t handle)
{
    return hs_hash_u64 (handle + process * UINT64_C (0x9e3779b97f4a7c15));
}

static bool add_heap (struct hs_trace *trace, hs_process_id process, uint64_t handle,
                      uint32_t instance, uint32_t *ret)
{
    uint64_t hash = heap_hash (process, handle);
    uint32_t heap = (uint32_t)trace->tables.heaps.n;
    struct hs_process_state *owner = &trace->processes.items[process];

    if (!hs_array_reserve (&trace->tables.heaps, 1) || !hs_array_reserve (&trace->heaps, 1))
        return false;
    trace->heaps.items[heap] = (struct hs_heap_state){
        .older = hs_idmap_get (&trace->heap_index, hash),
        .next_of_process = owner->first_heap,
    };
    if (!hs_idmap_set (&trace->heap_index, hash, heap))
        return false;
    trace->tables.heaps.items[heap] = (struct hs_heap_info){
        .process = process,
        .handle = handle,
        .instance = instance,
        .counters.peak_event = HS_NO_EVENT,
    };
    trace->tables.heaps.n++;
    trace->heaps.n++;
    owner->first_heap = heap;
    *ret = heap;
    return true;
}

/* The living heap with that handle, made when it is new. *ret is HS_NO_HEAP past HS_LIMIT_HEAPS. */
static bool need_heap (struct hs_trace *trace, hs_process_id process, uint64_t handle,
                       uint32_t *ret)
{
    const struct hs_heap_info *heaps = trace->tables.heaps.items;
    uint32_t instance = 0;

    *ret = trace->newest_heap;
    if (*ret != HS_NO_HEAP && heap_equals (&heaps[*ret], process, handle) &&
        !heaps[*ret].is_destroyed)
        return true;
    *ret = hs_idmap_get (&trace->heap_index, heap_hash (process, handle));
    while (*ret != HS_NO_HEAP && !heap_equals (&heaps[*ret], process, handle))
        *ret = trace->heaps.items[*ret].older;
    if (*ret != HS_NO_HEAP && heaps[*ret].is_destroyed) {
        instance = heaps[*ret].instance + 1;
        *ret = HS_NO_HEAP;
    }
    if (*ret == HS_NO_HEAP) {
        if (trace->tables.heaps.n >= HS_LIMIT_HEAPS)
            return hs_trace_add_finding (
                trace, HS_NOTE_VALUE_ABSURD, 1, HS_NO_OFFSET,
                (struct hs_text){ "too many heaps; blocks of further ones are left out", 51 });
        if (!add_heap (trace, process, handle, instance, ret))
            return false;
    }
    trace->newest_heap = *ret;
    return true;
}

/* Its address stands in the live map already. */
static bool open_block (struct hs_trace *trace, const struct hs_event *event, hs_event_no number,
                        uint64_t size)
{
    struct hs_block_run *run = &trace->run;
    bool has_stack = event->stack < HS_LIMIT_STACK_SLOTS;
    struct hs_context_key key = {
        .process = event->process,
        .heap = run->heap,
        .thread = event->thread,
        .source = hs_event_origin (event),
        .address_high = (uint32_t)(event->block.address >> 32),
    };

    if (!hs_trace_add_row (trace, &key, event->block.address, size,
                           has_stack ? event->stack : HS_NO_STACK))
        return false;
    hs_run_open (run, size, number, trace->newest_event_time);
    trace->tables.heaps.items[run->heap].histogram[hs_size_class (size)]++;
    trace->processes.items[event->process].newest_row = trace->n_rows - 1;
    return true;
}

/* Of the row that was just opened. */
static bool take_stack (struct hs_trace *trace, const struct hs_event *event,
                        hs_row_no inherits_from)
{
    if (event->stack != HS_NO_STACK && event->stack < HS_LIMIT_STACK_SLOTS)
        return hs_trace_count_stack (trace, event->stack);
    return hs_trace_take_stack (trace, event, trace->n_rows - 1, inherits_from);
}

/* Ends a row that has been taken out of its heap's live map. */
static uint64_t end_row (struct hs_trace *trace, struct hs_live_block block, hs_event_no number)
{
    uint64_t size = hs_live_birth_size (block.birth);

    if (__builtin_expect (size == HS_LIVE_SIZE_LARGE, 0))
        size = hs_rows_size (&trace->rows, block.row);
    hs_column_poke (&trace->rows.end, block.row, number);
    hs_run_close (&trace->run, size);
    if (trace->tables.unsure.count > 0)
        hs_trace_close_unsure (trace, trace->run.heap, block.row, size);
    return size;
}

/* The block that is about to be opened, as the live map has it. */
static struct hs_live_block new_block (const struct hs_trace *trace, const struct hs_event *event,
                                       uint64_t size)
{
    return (struct hs_live_block){
        .address = event->block.address,
        .row = trace->n_rows,
        .birth = hs_live_birth (size, event->call & HS_CALL_MASK),
    };
}

/* Counts the block as temporary when nothing happened in its process since its birth. */
static void judge_temporary (struct hs_trace *trace, const struct hs_event *event, hs_row_no row)
{
    if (trace->processes.items[event->process].newest_row != row &&
        !(event->flags & HS_EVENT_COUNTS_TEMPORARY))
        return;
    hs_trace_set_row_flag (trace, row, HS_ROW_IS_TEMPORARY);
    trace->run.temporary++;
}

/* Says so when the block was born by a function of another family. */
static bool judge_call (struct hs_trace *trace, const struct hs_event *event,
                        struct hs_live_block block)
{
    const struct hs_rows *rows = &trace->rows;
    uint8_t birth = hs_live_birth_call (block.birth);
    char text[128];
    int n;

    if (hs_block_calls_match (birth, event->call))
        return true;
    n = snprintf (text, sizeof text, "a block of %llu bytes at %#llx came from %s and went by %s",
                  (unsigned long long)hs_rows_size (rows, block.row),
                  (unsigned long long)hs_rows_address (rows, block.row), hs_block_call_name (birth),
                  hs_block_end_name (event->call));
    return hs_trace_add_finding (trace, HS_NOTE_MISMATCHED_FREE, 1, HS_NO_OFFSET,
                                 (struct hs_text){ text, (uint32_t)n });
}

/* Sizes that cannot be: the block is followed, its bytes count nothing. */
static bool plausible_size (struct hs_trace *trace, uint64_t *size)
{
    char text[96];
    int n;

    if (*size <= HS_LIMIT_BLOCK_BYTES)
        return true;
    n = snprintf (text, sizeof text,
                  "a block of %#llx bytes is over the limit of 2^47; its size counts as 0",
                  (unsigned long long)*size);
    *size = 0;
    return hs_trace_add_finding (trace, HS_NOTE_VALUE_ABSURD, 1, HS_NO_OFFSET,
                                 (struct hs_text){ text, (uint32_t)n });
}

static bool alloc (struct hs_trace *trace, const struct hs_event *event, hs_event_no number)
{
    uint32_t heap = trace->run.heap;
    uint64_t size = event->block.size;
    struct hs_live_block block, old;

    trace->run.allocs++;
    trace->tables.stack_events++;
    if (event->block.address == 0)
        return hs_trace_take_stack (trace, event, HS_NO_ROW, HS_NO_ROW);
    if (!plausible_size (trace, &size))
        return false;
    block = new_block (trace, event, size);
    if (!hs_live_map_exchange (&trace->heaps.items[heap].live, &block, &old))
        return false;
    if (old.row != HS_NO_ROW) {
        hs_trace_count_duplicate_alloc (trace, heap, old.row);
        (void)end_row (trace, old, number);
    }
    return open_block (trace, event, number, size) && take_stack (trace, event, HS_NO_ROW);
}

static bool release (struct hs_trace *trace, const struct hs_event *event, hs_event_no number)
{
    struct hs_thread_state *thread = hs_trace_thread_of (trace, event);
    uint32_t heap = trace->run.heap;
    struct hs_live_block block;

    if (thread == NULL)
        return false;
    trace->run.frees++;
    if (event->block.address == 0)
        return true;
    thread->free_heap = event->block.heap;
    thread->free_address = event->block.address;
    thread->free_rows = trace->n_rows;
    block = hs_live_map_remove (&trace->heaps.items[heap].live, event->block.address);
    if (block.row == HS_NO_ROW) {
        hs_trace_count_unmatched_free (trace, heap);
    } else {
        judge_temporary (trace, event, block.row);
        if (!judge_call (trace, event, block) || !hs_trace_take_end_stack (trace, event, block.row))
            return false;
        (void)end_row (trace, block, number);
    }
    trace->processes.items[event->process].newest_row = HS_NO_ROW;
    return true;
}

/* 7.4.3c: whether this ReAlloc only sums up an Alloc(new) and Free(old) that came before it. */
static bool is_summary (const struct hs_trace *trace, const struct hs_event *event, hs_row_no row)
{
    const struct hs_rows *rows = &trace->rows;

    return row != HS_NO_ROW && !(hs_column_u32 (&rows->stack, row) & HS_ROW_IS_CLAIMED) &&
           hs_rows_size (rows, row) == event->block.size &&
           hs_column_u32 (&rows->context_thread, hs_narrow_get (&rows->context, row)) ==
               event->thread;
}

static bool sum_up_move (struct hs_trace *trace, const struct hs_event *event, hs_event_no number,
                         hs_row_no row)
{
    struct hs_thread_state *thread = hs_trace_thread_of (trace, event);
    uint32_t heap = trace->run.heap;
    struct hs_live_map *live = &trace->heaps.items[heap].live;
    uint64_t old_address = event->block.old_address;
    hs_row_no old;

    if (thread == NULL)
        return false;
    HS_TRACE_COUNT (trace, heap, realloc_summary, 1);
    hs_trace_set_row_flag (trace, row, HS_ROW_IS_CLAIMED);
    if (thread->free_heap == event->block.heap && thread->free_address == old_address &&
        thread->free_rows > row)
        return true;
    old = hs_live_map_get (live, old_address);
    if (old != HS_NO_ROW && old < row)
        (void)end_row (trace, hs_live_map_remove (live, old_address), number);
    return true;
}

static bool reopen (struct hs_trace *trace, const struct hs_event *event, hs_event_no number)
{
    uint32_t heap = trace->run.heap;
    struct hs_live_map *live = &trace->heaps.items[heap].live;
    bool is_in_place = event->block.address == event->block.old_address;
    struct hs_live_block old = hs_live_map_remove (live, event->block.old_address), block, over;
    uint64_t size = event->block.size;

    if (is_in_place)
        HS_TRACE_COUNT (trace, heap, realloc_inplace, 1);
    else
        HS_TRACE_COUNT (trace, heap, realloc_standalone, 1);
    if (!plausible_size (trace, &size))
        return false;
    if (old.row != HS_NO_ROW) {
        judge_temporary (trace, event, old.row);
        if (!judge_call (trace, event, old))
            return false;
        /* not for its own sake: where frees tell nothing, the column would be all that there is */
        if (trace->rows.n_end_stacks > 0 && !hs_trace_take_end_stack (trace, event, old.row))
            return false;
        (void)end_row (trace, old, number);
    }
    block = new_block (trace, event, size);
    if (!hs_live_map_exchange (live, &block, &over))
        return false;
    if (over.row != HS_NO_ROW) {
        hs_trace_count_duplicate_alloc (trace, heap, over.row);
        (void)end_row (trace, over, number);
    }
    if (!open_block (trace, event, number, size))
        return false;
    hs_trace_set_row_flag (trace, trace->n_rows - 1, HS_ROW_IS_CLAIMED);
    return take_stack (trace, event, is_in_place ? old.row : HS_NO_ROW);
}

static bool reallocate (struct hs_trace *trace, const struct hs_event *event, hs_event_no number)
{
    uint32_t heap = trace->run.heap;
    hs_row_no row;

    HS_TRACE_COUNT (trace, heap, reallocs, 1);
    trace->tables.stack_events++;
    if (event->block.address == 0) {
        HS_TRACE_COUNT (trace, heap, realloc_failed, 1);
        return hs_trace_take_stack (trace, event, HS_NO_ROW, HS_NO_ROW);
    }
    row = hs_live_map_get (&trace->heaps.items[heap].live, event->block.address);
    if (event->block.address == event->block.old_address || !is_summary (trace, event, row))
        return reopen (trace, event, number);
    return sum_up_move (trace, event, number, row) &&
           hs_trace_take_stack (trace, event, HS_NO_ROW, HS_NO_ROW);
}

/* After the end of its process an id may not be used: such events are counted and left out. */
static bool is_alive (struct hs_trace *trace, hs_process_id process, bool *ret)
{
    static const char sentence[] = "a heap record after the end of its process was left out";

    if (!hs_trace_need_process (trace, process))
        return false;
    *ret = hs_trace_process_of (trace, process)->exit_event == HS_NO_EVENT;
    return *ret || hs_trace_add_finding (trace, HS_NOTE_OTHER, 1, HS_NO_OFFSET,
                                         (struct hs_text){ sentence, sizeof sentence - 1 });
}

/* Another heap: a new run. There is none when the event is to be left out. */
static bool change_heap (struct hs_trace *trace, const struct hs_event *event)
{
    uint32_t heap;
    bool alive;

    if (!hs_trace_end_run (trace) || !is_alive (trace, event->process, &alive))
        return false;
    if (!alive)
        return true;
    if (!need_heap (trace, event->process, event->block.heap, &heap))
        return false;
    if (heap != HS_NO_HEAP)
        hs_trace_begin_run (trace, heap);
    return true;
}

/* The end of a gap reads the counters. */
static bool pass_gap (struct hs_trace *trace, const struct hs_event *event)
{
    uint32_t heap = trace->run.heap;

    if (!hs_trace_end_run (trace))
        return false;
    hs_trace_pass_gap (trace, event->process, event->time);
    hs_trace_begin_run (trace, heap);
    return true;
}

bool hs_trace_block_event (struct hs_trace *trace, const struct hs_event *event)
{
    struct hs_block_run *run = &trace->run;
    hs_event_no number;
    bool is_done;

    if (run->heap == HS_NO_HEAP || run->process != event->process ||
        run->handle != event->block.heap) {
        if (!change_heap (trace, event))
            return false;
        if (run->heap == HS_NO_HEAP)
            return true;
    }
    if (trace->n_open_gaps > 0 && !pass_gap (trace, event))
        return false;
    if (!hs_trace_add_event (trace, event->time, &number))
        return false;
    if (event->flags & HS_EVENT_ADDRESS_INVENTED)
        trace->tables.has_invented_addresses = true;
    if (event->kind == HS_EVENT_ALLOC)
        is_done = alloc (trace, event, number);
    else if (event->kind == HS_EVENT_FREE)
        is_done = release (trace, event, number);
    else
        is_done = reallocate (trace, event, number);
    return is_done &&
           (!hs_run_add_event (run, number, trace->newest_event_time) || hs_trace_end_run (trace));
}

/* After an event that opened nothing. */
static bool note_level (struct hs_trace *trace, hs_process_id process, hs_event_no event)
{
    struct hs_levels levels = { .first = event,
                                .last = event,
                                .peak_event = HS_NO_EVENT,
                                .first_time = trace->newest_event_time,
                                .n = 1 };

    levels.min = levels.max = hs_trace_process_of (trace, process)->counters.live_bytes;
    if (!hs_trace_note_levels (trace, process, &levels))
        return false;
    levels.min = levels.max = trace->tables.totals.live_bytes;
    return hs_trace_note_levels (trace, HS_NO_PROCESS, &levels);
}

/* 7.4.4: every live block of the heap ends with it. */
static bool destroy_heap (struct hs_trace *trace, uint32_t heap, int64_t time)
{
    struct hs_heap_info *info = &trace->tables.heaps.items[heap];
    struct hs_live_map *live = &trace->heaps.items[heap].live;
    const struct hs_live_block *block;
    size_t place = 0;
    hs_event_no number;

    if (!hs_trace_add_event (trace, time, &number))
        return false;
    hs_trace_begin_run (trace, heap);
    while ((block = hs_live_map_next (live, &place)) != NULL) {
        uint64_t size = end_row (trace, *block, number);

        HS_TRACE_COUNT (trace, heap, destroy_count, 1);
        HS_TRACE_COUNT (trace, heap, destroy_bytes, size);
    }
    hs_live_map_clear (live);
    info->is_destroyed = true;
    info->destroyed = time;
    trace->processes.items[info->process].newest_row = HS_NO_ROW;
    (void)hs_run_add_event (&trace->run, number, trace->newest_event_time);
    return hs_trace_end_run (trace);
}

static bool create_heap (struct hs_trace *trace, const struct hs_event *event, uint32_t heap)
{
    struct hs_heap_info *info = &trace->tables.heaps.items[heap];

    if (info->is_created) { /* 7.4.5: its Destroy was lost */
        if (!destroy_heap (trace, heap, event->time) ||
            !need_heap (trace, event->process, event->heap.heap, &heap))
            return false;
        if (heap == HS_NO_HEAP)
            return true;
        info = &trace->tables.heaps.items[heap];
    }
    info->is_created = true;
    info->created = event->time;
    return true;
}

bool hs_trace_heap_event (struct hs_trace *trace, const struct hs_event *event)
{
    uint32_t heap;
    bool alive;

    if (!is_alive (trace, event->process, &alive))
        return false;
    if (!alive)
        return true;
    if (!need_heap (trace, event->process, event->heap.heap, &heap))
        return false;
    if (heap == HS_NO_HEAP)
        return true;
    if (event->kind == HS_EVENT_HEAP_CREATE)
        return create_heap (trace, event, heap);
    if (event->kind == HS_EVENT_HEAP_DESTROY)
        return destroy_heap (trace, heap, event->time);
    return true;
}

bool hs_trace_name_heap (struct hs_trace *trace, const struct hs_event *event)
{
    uint32_t heap, name;
    bool alive;

    if (event->process == HS_NO_PROCESS)
        return true;
    if (!is_alive (trace, event->process, &alive))
        return false;
    if (!alive)
        return true;
    if (!need_heap (trace, event->process, event->heap_name.heap, &heap) ||
        !hs_intern_add (&trace->tables.strings, event->heap_name.name.bytes,
                        event->heap_name.name.length, &name))
        return false;
    if (heap != HS_NO_HEAP)
        trace->tables.heaps.items[heap].name = name;
    return true;
}

static void exit_counters (struct hs_counters *counters, uint64_t n, uint64_t bytes)
{
    counters->exit_count += n;
    counters->exit_bytes = hs_add_saturated (counters->exit_bytes, bytes);
    counters->live_count -= n;
    counters->live_bytes -= bytes;
}

/* 7.4.6: what is live stays without an end; readers look at the process's exit event. */
bool hs_trace_process_end (struct hs_trace *trace, const struct hs_event *event)
{
    hs_event_no number;
    struct hs_process_info *process;
    uint32_t heap;
    bool alive;

    if (!is_alive (trace, event->process, &alive))
        return false;
    if (!alive)
        return true;
    if (!hs_trace_add_event (trace, event->time, &number))
        return false;
    if (trace->n_open_gaps > 0)
        hs_trace_pass_gap (trace, event->process, INT64_MAX);
    process = hs_trace_process_of (trace, event->process);
    process->exit_event = number;
    process->has_end = true;
    process->end = event->time;
    process->end_reason = event->process_info->end_reason;
    for (heap = trace->processes.items[event->process].first_heap; heap != HS_NO_HEAP;
         heap = trace->heaps.items[heap].next_of_process) {
        struct hs_counters *counters = &trace->tables.heaps.items[heap].counters;
        uint64_t n = counters->live_count, bytes = counters->live_bytes;

        exit_counters (counters, n, bytes);
        exit_counters (&process->counters, n, bytes);
        exit_counters (&trace->tables.totals, n, bytes);
        hs_live_map_clear (&trace->heaps.items[heap].live);
    }
    hs_trace_virtual_exit (trace, event->process);
    return note_level (trace, event->process, number);
}

static void reset_counters (struct hs_counters *counters)
{
    *counters = (struct hs_counters){ .peak_event = HS_NO_EVENT };
}

bool hs_trace_forget_blocks (struct hs_trace *trace)
{
    struct hs_tables *tables = &trace->tables;

    if (!hs_trace_flush_overview (trace)) /* entries are of events before it, or after it */
        return false;
    trace->first_event = trace->n_events;
    trace->first_row = trace->n_rows;
    reset_counters (&tables->totals);
    tables->unsure = (struct hs_unsure){ 0 };
    for (size_t i = 0; i < tables->processes.n; i++) {
        reset_counters (&tables->processes.items[i].counters);
        tables->processes.items[i].unsure = (struct hs_unsure){ 0 };
        trace->processes.items[i].newest_row = HS_NO_ROW;
    }
    for (size_t i = 0; i < tables->heaps.n; i++) {
        reset_counters (&tables->heaps.items[i].counters);
        memset (tables->heaps.items[i].histogram, 0, sizeof tables->heaps.items[i].histogram);
        hs_live_map_clear (&trace->heaps.items[i].live);
    }
    return true;
}
