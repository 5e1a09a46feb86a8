/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of a trace: made, appended to, published, freed. See trace.h. */
#include "trace/trace.h"

#include "trace/gaps.h"
#include "trace/rows_writer.h"
#include "trace/stack_links.h"
#include "base/limits.h"

#include <stdio.h>
#include <string.h>

/* Bytes of a value of each column; the narrow ones are not here. */
static const uint8_t value_sizes[HS_N_COLUMNS] = {
    [HS_COLUMN_END] = 4,
    [HS_COLUMN_SIZE] = 4,
    [HS_COLUMN_STACK] = 4,
    [HS_COLUMN_ADDRESS] = 4,
    [HS_COLUMN_LARGE_ROW] = 4,
    [HS_COLUMN_LARGE_SIZE] = 8,
    [HS_COLUMN_TIME_DELTA] = 2,
    [HS_COLUMN_SEGMENT_FIRST] = 4,
    [HS_COLUMN_SEGMENT_BASE] = 8,
    [HS_COLUMN_BIRTH_BITS] = 8,
    [HS_COLUMN_BIRTH_RANK] = 4,
    [HS_COLUMN_CONTEXT_PROCESS] = 4,
    [HS_COLUMN_CONTEXT_HEAP] = 4,
    [HS_COLUMN_CONTEXT_THREAD] = 4,
    [HS_COLUMN_CONTEXT_SOURCE] = 4,
    [HS_COLUMN_CONTEXT_ADDRESS_HIGH] = 4,
    [HS_COLUMN_OVERVIEW_PROCESS] = 4,
    [HS_COLUMN_OVERVIEW_FIRST] = 4,
    [HS_COLUMN_OVERVIEW_LAST] = 4,
    [HS_COLUMN_OVERVIEW_MIN] = 8,
    [HS_COLUMN_OVERVIEW_MAX] = 8,
    [HS_COLUMN_OVERVIEW_END] = 8,
    [HS_COLUMN_OVERVIEW_BIRTH_BYTES] = 8,
    [HS_COLUMN_OVERVIEW_FIRST_TIME] = 8,
    [HS_COLUMN_OVERVIEW_LAST_TIME] = 8,
    [HS_COLUMN_OVERVIEW_BIRTHS] = 4,
    [HS_COLUMN_OVERVIEW_LIVE_COUNT] = 4,
    [HS_COLUMN_OVERVIEW_PEAK_EVENT] = 4,
    [HS_COLUMN_STEP_MIN] = 8,
    [HS_COLUMN_STEP_MAX] = 8,
    [HS_COLUMN_STEP_END] = 8,
    [HS_COLUMN_STEP_BIRTH_BYTES] = 8,
    [HS_COLUMN_STEP_FIRST_TIME] = 8,
    [HS_COLUMN_STEP_LAST_TIME] = 8,
    [HS_COLUMN_STEP_BIRTHS] = 4,
    [HS_COLUMN_STEP_LIVE_COUNT] = 4,
    [HS_COLUMN_STEP_PEAK_EVENT] = 4,
    [HS_COLUMN_NODE_PARENT] = 4,
    [HS_COLUMN_NODE_FRAME] = 8,
    [HS_COLUMN_SLOT_NODE] = 4,
    [HS_COLUMN_SUM_BYTES] = 8,
    [HS_COLUMN_SUM_SLOT] = 4,
    [HS_COLUMN_SUM_PROCESS] = 4,
    [HS_COLUMN_SUM_COUNT] = 4,
    [HS_COLUMN_SUM_TEMPORARY] = 4,
    [HS_COLUMN_SUM_LAST_ROW] = 4,
    [HS_COLUMN_SURVIVOR_ROW] = 4,
    [HS_COLUMN_SURVIVOR_SIZE] = 4,
    [HS_COLUMN_SURVIVOR_STACK] = 4,
    [HS_COLUMN_SURVIVOR_END] = 4,
    [HS_COLUMN_PEAK_BYTES] = 8,
    [HS_COLUMN_PEAK_COUNT] = 4,
    [HS_COLUMN_PEAK_ROW] = 4,
    [HS_COLUMN_WHOLE_FREED_BYTES] = 8,
    [HS_COLUMN_WHOLE_LIVE_BYTES] = 8,
    [HS_COLUMN_WHOLE_TIME] = 8,
    [HS_COLUMN_WHOLE_FREED_COUNT] = 4,
    [HS_COLUMN_WHOLE_LIVE_COUNT] = 4,
    [HS_COLUMN_WHOLE_TEMPORARY] = 4,
    [HS_COLUMN_WHOLE_ROW] = 4,
    [HS_COLUMN_WHOLE_PROCESS] = 4,
};

void hs_trace_list_columns (const struct hs_trace *trace, struct hs_column *columns[HS_N_COLUMNS])
{
    struct hs_rows *rows = &((struct hs_trace *)trace)->rows;
    struct hs_stacks *stacks = &((struct hs_trace *)trace)->stacks;
    struct hs_range_columns *ranges = &((struct hs_trace *)trace)->range_index.columns;
    struct hs_column *const all[HS_N_COLUMNS] = {
        [HS_COLUMN_END] = &rows->end,
        [HS_COLUMN_SIZE] = &rows->size,
        [HS_COLUMN_STACK] = &rows->stack,
        [HS_COLUMN_ADDRESS] = &rows->address,
        [HS_COLUMN_CONTEXT] = &rows->context,
        [HS_COLUMN_LARGE_ROW] = &rows->large_row,
        [HS_COLUMN_LARGE_SIZE] = &rows->large_size,
        [HS_COLUMN_TIME_DELTA] = &rows->time_delta,
        [HS_COLUMN_SEGMENT_FIRST] = &rows->segment_first,
        [HS_COLUMN_SEGMENT_BASE] = &rows->segment_base,
        [HS_COLUMN_BIRTH_BITS] = &rows->birth_bits,
        [HS_COLUMN_BIRTH_RANK] = &rows->birth_rank,
        [HS_COLUMN_CONTEXT_PROCESS] = &rows->context_process,
        [HS_COLUMN_CONTEXT_HEAP] = &rows->context_heap,
        [HS_COLUMN_CONTEXT_THREAD] = &rows->context_thread,
        [HS_COLUMN_CONTEXT_SOURCE] = &rows->context_source,
        [HS_COLUMN_CONTEXT_ADDRESS_HIGH] = &rows->context_address_high,
        [HS_COLUMN_OVERVIEW_PROCESS] = &rows->overview_process,
        [HS_COLUMN_OVERVIEW_FIRST] = &rows->overview_first,
        [HS_COLUMN_OVERVIEW_LAST] = &rows->overview_last,
        [HS_COLUMN_OVERVIEW_MIN] = &rows->overview.min,
        [HS_COLUMN_OVERVIEW_MAX] = &rows->overview.max,
        [HS_COLUMN_OVERVIEW_END] = &rows->overview.end,
        [HS_COLUMN_OVERVIEW_BIRTH_BYTES] = &rows->overview.birth_bytes,
        [HS_COLUMN_OVERVIEW_FIRST_TIME] = &rows->overview.first_time,
        [HS_COLUMN_OVERVIEW_LAST_TIME] = &rows->overview.last_time,
        [HS_COLUMN_OVERVIEW_BIRTHS] = &rows->overview.births,
        [HS_COLUMN_OVERVIEW_LIVE_COUNT] = &rows->overview.live_count,
        [HS_COLUMN_OVERVIEW_PEAK_EVENT] = &rows->overview.peak_event,
        [HS_COLUMN_STEP_MIN] = &rows->steps.min,
        [HS_COLUMN_STEP_MAX] = &rows->steps.max,
        [HS_COLUMN_STEP_END] = &rows->steps.end,
        [HS_COLUMN_STEP_BIRTH_BYTES] = &rows->steps.birth_bytes,
        [HS_COLUMN_STEP_FIRST_TIME] = &rows->steps.first_time,
        [HS_COLUMN_STEP_LAST_TIME] = &rows->steps.last_time,
        [HS_COLUMN_STEP_BIRTHS] = &rows->steps.births,
        [HS_COLUMN_STEP_LIVE_COUNT] = &rows->steps.live_count,
        [HS_COLUMN_STEP_PEAK_EVENT] = &rows->steps.peak_event,
        [HS_COLUMN_NODE_PARENT] = &stacks->parent,
        [HS_COLUMN_NODE_FRAME] = &stacks->frame,
        [HS_COLUMN_SLOT_NODE] = &stacks->slot_node,
        [HS_COLUMN_SUM_BYTES] = &ranges->sum_bytes,
        [HS_COLUMN_SUM_SLOT] = &ranges->sum_slot,
        [HS_COLUMN_SUM_PROCESS] = &ranges->sum_process,
        [HS_COLUMN_SUM_COUNT] = &ranges->sum_count,
        [HS_COLUMN_SUM_TEMPORARY] = &ranges->sum_temporary,
        [HS_COLUMN_SUM_LAST_ROW] = &ranges->sum_last_row,
        [HS_COLUMN_SURVIVOR_ROW] = &ranges->survivor_row,
        [HS_COLUMN_SURVIVOR_SIZE] = &ranges->survivor_size,
        [HS_COLUMN_SURVIVOR_CONTEXT] = &ranges->survivor_context,
        [HS_COLUMN_SURVIVOR_STACK] = &ranges->survivor_stack,
        [HS_COLUMN_SURVIVOR_END] = &ranges->survivor_end,
        [HS_COLUMN_PEAK_BYTES] = &ranges->peak_bytes,
        [HS_COLUMN_PEAK_COUNT] = &ranges->peak_count,
        [HS_COLUMN_PEAK_ROW] = &ranges->peak_row,
        [HS_COLUMN_WHOLE_FREED_BYTES] = &ranges->whole_freed_bytes,
        [HS_COLUMN_WHOLE_LIVE_BYTES] = &ranges->whole_live_bytes,
        [HS_COLUMN_WHOLE_TIME] = &ranges->whole_time,
        [HS_COLUMN_WHOLE_FREED_COUNT] = &ranges->whole_freed_count,
        [HS_COLUMN_WHOLE_LIVE_COUNT] = &ranges->whole_live_count,
        [HS_COLUMN_WHOLE_TEMPORARY] = &ranges->whole_temporary,
        [HS_COLUMN_WHOLE_ROW] = &ranges->whole_row,
        [HS_COLUMN_WHOLE_PROCESS] = &ranges->whole_process,
    };

    for (size_t i = 0; i < HS_N_COLUMNS; i++)
        columns[i] = all[i];
}

static void init_columns (struct hs_trace *trace)
{
    struct hs_column *columns[HS_N_COLUMNS];

    hs_trace_list_columns (trace, columns);
    hs_store_init (&trace->store);
    for (size_t i = 0; i < HS_N_COLUMNS; i++)
        *columns[i] = hs_column_init (value_sizes[i]);
    hs_narrow_init (&trace->rows.context, trace->rows.wider_contexts);
    hs_narrow_init (&trace->range_index.columns.survivor_context,
                    trace->range_index.columns.wider_survivor_contexts);
    for (size_t i = 0; i < HS_N_COLUMNS; i++)
        hs_column_set_store (columns[i], &trace->store);
}

void hs_trace_publish (struct hs_trace *trace)
{
    struct hs_snapshot next = {
        .trace = trace,
        .rows = &trace->rows,
        .stacks = &trace->stacks,
        .ranges = &trace->range_index.columns,
        .n_events = trace->n_events,
        .n_rows = trace->n_rows,
        .first_event = trace->first_event,
        .first_row = trace->first_row,
        .n_segments = (uint32_t)trace->rows.segment_base.n,
        .n_contexts = (uint32_t)trace->rows.context_process.n,
        .n_overview = (uint32_t)trace->rows.overview_process.n,
        .n_steps = (uint32_t)trace->rows.steps.peak_event.n,
        .overview_tail = hs_trace_level_of (trace, &trace->overview),
        .step_tail = hs_trace_level_of (trace, &trace->step),
        .has_levels = !trace->has_lost_levels,
        .n_nodes = (uint32_t)trace->stacks.frame.n,
        .n_slots = (uint32_t)trace->stacks.slot_node.n,
        .first_time = trace->first_time,
        .last_time = trace->last_time,
        .ticks_per_second = trace->tables.ticks_per_second,
        .generation = trace->published.generation + 1,
    };

    (void)pthread_mutex_lock (&trace->publish_lock);
    trace->published = next;
    (void)pthread_mutex_unlock (&trace->publish_lock);
}

struct hs_trace *hs_trace_new (void)
{
    struct hs_trace *trace = HS_NEW (struct hs_trace);

    if (trace == NULL)
        return NULL;
    init_columns (trace);
    hs_range_index_init (&trace->range_index);
    trace->slot_uses = hs_column_init (4);
    trace->rows.end_stack = hs_column_init (4);
    trace->newest_heap = UINT32_MAX;
    trace->run.heap = HS_NO_HEAP;
    trace->step_end = INT64_MIN;
    hs_trace_init_recent (trace);
    trace->pool_free = UINT32_MAX;
    trace->tables.ticks_per_second = 1000000000;
    trace->tables.totals.peak_event = HS_NO_EVENT;
    trace->recent_refs = hs_alloc_zeroed (HS_RECENT_REFS, sizeof *trace->recent_refs);
    if (trace->recent_refs == NULL || !hs_stacks_init (&trace->stacks)) {
        hs_free (trace->recent_refs);
        hs_free (trace);
        return NULL;
    }
    (void)pthread_mutex_init (&trace->tables_lock, NULL);
    (void)pthread_mutex_init (&trace->publish_lock, NULL);
    hs_trace_publish (trace);
    return trace;
}

void hs_trace_clear_tables (struct hs_tables *tables)
{
    hs_intern_clear (&tables->strings);
    hs_array_clear (&tables->processes);
    hs_array_clear (&tables->heaps);
    hs_array_clear (&tables->modules);
    hs_array_clear (&tables->module_order);
    hs_array_clear (&tables->threads);
    hs_array_clear (&tables->frame_names);
    hs_array_clear (&tables->findings);
    hs_array_clear (&tables->facts);
    hs_array_clear (&tables->counts);
    hs_array_clear (&tables->marks);
    hs_array_clear (&tables->samples);
    hs_array_clear (&tables->gaps);
    hs_array_clear (&tables->suppressions);
    hs_array_clear (&tables->pool.tags);
    hs_idmap_clear (&tables->frame_index);
    hs_tables_clear_images (tables);
}

void hs_trace_clear_writer (struct hs_trace *trace)
{
    for (size_t i = 0; i < trace->heaps.n; i++)
        hs_live_map_clear (&trace->heaps.items[i].live);
    for (size_t i = 0; i < trace->processes.n; i++) {
        hs_ranges_clear (&trace->processes.items[i].reserved);
        hs_ranges_clear (&trace->processes.items[i].committed);
    }
    hs_array_clear (&trace->heaps);
    hs_array_clear (&trace->processes);
    hs_array_clear (&trace->threads);
    hs_array_clear (&trace->late_ref_rows);
    hs_array_clear (&trace->pool_blocks);
    hs_idmap_clear (&trace->heap_index);
    hs_idmap_clear (&trace->thread_index);
    hs_idmap_clear (&trace->context_index);
    hs_idmap_clear (&trace->pid_instances);
    hs_idmap_clear (&trace->module_index);
    hs_idmap_clear (&trace->fact_index);
    hs_idmap_clear (&trace->count_index);
    hs_idmap_clear (&trace->late_refs);
    hs_idmap_clear (&trace->inheritors);
    hs_idmap_clear (&trace->pool_live);
    hs_column_clear (&trace->slot_uses);
    hs_free (trace->recent_refs);
    trace->recent_refs = NULL;
}

void hs_trace_free (struct hs_trace *trace)
{
    struct hs_column *columns[HS_N_COLUMNS];

    if (trace == NULL)
        return;
    hs_trace_list_columns (trace, columns);
    for (size_t i = 0; i < HS_N_COLUMNS; i++)
        hs_column_clear (columns[i]);
    hs_column_clear (&trace->rows.end_stack);
    hs_index_close (trace->index);
    hs_range_index_clear (&trace->range_index);
    hs_stacks_clear (&trace->stacks);
    hs_trace_clear_tables (&trace->tables);
    hs_trace_clear_writer (trace);
    hs_store_clear (&trace->store);
    (void)pthread_mutex_destroy (&trace->tables_lock);
    (void)pthread_mutex_destroy (&trace->publish_lock);
    hs_free (trace);
}

bool hs_trace_touch_ahead (struct hs_trace *trace)
{
    return hs_store_touch_ahead (&trace->store);
}

static bool add_shortage (struct hs_trace *trace, const char *sentence)
{
    return hs_trace_add_finding (trace, HS_NOTE_SHORTAGE, 1, HS_NO_OFFSET,
                                 (struct hs_text){ sentence, (uint32_t)strlen (sentence) });
}

static void tell_shortages (struct hs_trace *trace)
{
    char sentence[192];

    if (trace->has_untold_index)
        trace->has_untold_index =
            !add_shortage (trace, "There was no memory for the index of ranges.");
    if (!trace->has_untold_file)
        return;
    (void)snprintf (sentence, sizeof sentence,
                    "The temporary file for columns cannot grow (%s); memory is used instead.",
                    strerrordesc_np (trace->store.file_error));
    trace->has_untold_file = !add_shortage (trace, sentence);
}

void hs_trace_note_shortages (struct hs_trace *trace, bool has_index)
{
    trace->has_untold_index |= !has_index;
    trace->has_untold_file |= trace->store.file_error != 0 && !trace->has_told_file;
    trace->has_told_file |= trace->has_untold_file;
    tell_shortages (trace);
}

static bool append_other (struct hs_trace *trace, const struct hs_event *event)
{
    switch ((enum hs_event_kind)event->kind) {
    case HS_EVENT_HEAP_CREATE:
    case HS_EVENT_HEAP_DESTROY:
    case HS_EVENT_HEAP_SEEN:
        return hs_trace_heap_event (trace, event);
    case HS_EVENT_PROCESS_END:
        return hs_trace_process_end (trace, event);
    case HS_EVENT_VIRTUAL:
        return hs_trace_virtual_event (trace, event);
    case HS_EVENT_POOL:
        return hs_trace_pool_event (trace, event);
    case HS_EVENT_HEAP_NAME:
        return hs_trace_name_heap (trace, event);
    case HS_EVENT_RESET:
        return hs_trace_forget_blocks (trace);
    case HS_EVENT_HEAP_RANGE: /* counted as records only, until a view shows heap ranges */
    case HS_EVENT_NONE:
        return true;
    case HS_EVENT_ALLOC: /* append_one has them */
    case HS_EVENT_FREE:
    case HS_EVENT_REALLOC:
    case HS_EVENT_STACK:
    case HS_EVENT_STACK_LINK:
    case HS_EVENT_MEMORY_SAMPLE:
    case HS_EVENT_CLOCK:
    case HS_EVENT_PROCESS:
    case HS_EVENT_THREAD:
    case HS_EVENT_MODULE:
    case HS_EVENT_FRAME_NAME:
    case HS_EVENT_SUPPRESSION:
    case HS_EVENT_MARK:
    case HS_EVENT_FACT:
    case HS_EVENT_COUNT:
    case HS_EVENT_NOTE:
    case HS_EVENT_GAP:
    case HS_EVENT_LOST:
    case HS_N_EVENT_KINDS:
        break;
    }
    return hs_trace_describe (trace, event);
}

static inline bool append_one (struct hs_trace *trace, const struct hs_event *event)
{
    if (event->kind >= HS_EVENT_ALLOC && event->kind <= HS_EVENT_REALLOC)
        return hs_trace_block_event (trace, event);
    if (event->kind == HS_EVENT_STACK_LINK)
        return hs_trace_link_stack (trace, event->stack_info.ref, event->stack_info.slot);
    if (event->kind == HS_EVENT_STACK)
        return hs_trace_define_stack (trace, event);
    return hs_trace_end_run (trace) && append_other (trace, event);
}

/* On the guess that the heap is the one used last: a wrong guess costs nothing. */
static void prefetch (const struct hs_trace *trace, const struct hs_event_batch *batch, uint32_t i)
{
    const struct hs_event *far, *near;
    const struct hs_live_map *live;
    hs_row_no row;

    if (trace->newest_heap == UINT32_MAX || i + HS_PREFETCH_MAP >= batch->n)
        return;
    far = &batch->events[i + HS_PREFETCH_MAP];
    near = &batch->events[i + HS_PREFETCH_ROW];
    live = &trace->heaps.items[trace->newest_heap].live;
    if (far->kind <= HS_EVENT_REALLOC)
        hs_live_map_prefetch (live, far->block.address);
    if (near->kind != HS_EVENT_FREE)
        return;
    row = hs_live_map_guess (live, near->block.address);
    if (row != HS_NO_ROW)
        hs_column_prefetch (&trace->rows.end, row);
}

/* Where few are usual, it is not asked for each anew. The first of a word is never: that says
 * nothing. */
#define FEW_USUAL 4u
#define UNUSUAL_BURST 40u

static bool append_all (struct hs_trace *trace, const struct hs_event_batch *batch)
{
    uint32_t i = 0, end;

    while (i < batch->n) {
        uint32_t n_usual = hs_trace_usual_blocks (trace, &batch->events[i], batch->n - i);

        i += n_usual;
        end = n_usual < FEW_USUAL && trace->n_events % HS_BIRTH_WORD_EVENTS != 0 ? i + UNUSUAL_BURST
                                                                                 : i + 1;
        for (; i < end && i < batch->n; i++) {
            prefetch (trace, batch, i);
            if (!append_one (trace, &batch->events[i]))
                return false;
        }
    }
    return true;
}

static bool is_plausible (const struct hs_trace *trace, int64_t time)
{
    __int128 limit = (__int128)trace->tables.ticks_per_second * 86400 * HS_LIMIT_SPAN_DAYS;

    return time <= limit && time >= -limit;
}

/* Without sums of blocks every answer is the same, but takes longer. */
static void build_ranges (struct hs_trace *trace, bool is_last)
{
    bool is_built = hs_range_index_build (trace, is_last);

    if (is_built && trace->store.file_error == 0)
        return;
    (void)pthread_mutex_lock (&trace->tables_lock);
    hs_trace_note_shortages (trace, is_built);
    (void)pthread_mutex_unlock (&trace->tables_lock);
}

enum hs_status hs_trace_append (struct hs_trace *trace, const struct hs_event_batch *batch,
                                struct hs_error *err)
{
    bool is_done = !trace->is_closed && !batch->is_out_of_memory;

    (void)pthread_mutex_lock (&trace->tables_lock);
    is_done = is_done && append_all (trace, batch);
    is_done = hs_trace_end_run (trace) && is_done;
    hs_trace_settle_columns (trace);
    if (batch->has_last_time && batch->last_time > trace->last_time &&
        is_plausible (trace, batch->last_time))
        trace->last_time = batch->last_time;
    (void)pthread_mutex_unlock (&trace->tables_lock);
    trace->has_lost_levels |= !is_done; /* an event may be half counted */
    hs_trace_publish (trace);
    if (is_done) {
        build_ranges (trace, false);
        return HS_OK;
    }
    trace->is_closed = true; /* columns may differ in length now: read, but never append again */
    if (trace->n_events >= HS_LIMIT_EVENTS)
        return hs_error_set (err, HS_TOO_LARGE, HS_NO_OFFSET,
                             "the trace has more than %u events; what came before is kept",
                             HS_LIMIT_EVENTS);
    return hs_error_no_memory (err);
}

enum hs_status hs_trace_finish (struct hs_trace *trace, struct hs_error *err)
{
    bool is_done;

    if (trace->index == NULL)
        build_ranges (trace, true);
    (void)pthread_mutex_lock (&trace->tables_lock);
    hs_trace_end_gaps (trace);
    is_done = trace->is_closed || hs_trace_flush_overview (trace);
    trace->has_lost_levels |= !is_done;
    hs_trace_clear_writer (trace);
    hs_stacks_seal (&trace->stacks);
    trace->is_closed = true;
    (void)pthread_mutex_unlock (&trace->tables_lock);
    hs_trace_publish (trace);
    return is_done ? HS_OK : hs_error_no_memory (err);
}

struct hs_snapshot hs_trace_snapshot (const struct hs_trace *trace)
{
    struct hs_trace *mutable = (struct hs_trace *)trace; /* only its lock is touched */
    struct hs_snapshot snapshot;

    (void)pthread_mutex_lock (&mutable->publish_lock);
    snapshot = trace->published;
    snapshot.names = atomic_load_explicit (&mutable->names, memory_order_acquire);
    (void)pthread_mutex_unlock (&mutable->publish_lock);
    return snapshot;
}

const struct hs_tables *hs_trace_lock (const struct hs_trace *trace)
{
    struct hs_trace *mutable = (struct hs_trace *)trace; /* its lock, and an index kept on demand */

    (void)pthread_mutex_lock (&mutable->tables_lock);
    if (trace->are_modules_dirty)
        mutable->are_modules_dirty = !hs_tables_index_modules (&mutable->tables);
    if (trace->index != NULL)
        hs_index_tell (trace->index, mutable);
    if (trace->has_untold_index || trace->has_untold_file)
        tell_shortages (mutable);
    return &trace->tables;
}

void hs_trace_unlock (const struct hs_trace *trace)
{
    (void)pthread_mutex_unlock (&((struct hs_trace *)trace)->tables_lock);
}

uint64_t hs_trace_memory (const struct hs_trace *trace)
{
    struct hs_column *columns[HS_N_COLUMNS];
    const struct hs_tables *tables = hs_trace_lock (trace);
    uint64_t n = trace->stacks.table_size * sizeof (uint32_t);

    hs_trace_list_columns (trace, columns);
    for (size_t i = 0; i < HS_N_COLUMNS; i++)
        n += hs_column_bytes (columns[i]);
    n += hs_column_bytes (&trace->rows.end_stack);
    n += hs_range_index_bytes (&trace->range_index);
    for (size_t i = 0; i < trace->heaps.n; i++)
        n += hs_live_map_bytes (&trace->heaps.items[i].live);
    n += tables->strings.texts.n_bytes + tables->heaps.n * sizeof *tables->heaps.items +
         tables->modules.n * sizeof *tables->modules.items +
         tables->frame_names.n * sizeof *tables->frame_names.items;
    hs_trace_unlock (trace);
    return n;
}
