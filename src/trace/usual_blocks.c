/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Block events as almost all of them are, in bursts: what hs_trace_block_event (blocks.c) does one
 * by one, with everything that is the same for a burst asked once. Usual is an allocation at a free
 * address with a stack that is known, or a free of a block that lives, of the heap of the run, in
 * order of time, with nothing else due: no new word, chunk, segment or step, no entry of the
 * overview that ends. The first event that is anything else changes nothing and ends the burst; the
 * rules are those of blocks.c. The writer's.
 */
#include "trace/rows_writer.h"
#include "trace/stack_links.h"

#include "base/units.h"
#include "event/block_call.h"

/* Ends of rows are far away in memory: they are asked for, and written when all is done. */
struct death {
    hs_row_no row;
    hs_event_no event;
};

/* What changes from event to event. Lives in registers, as far as there are any: it is passed to
 * nothing that is not inlined. */
struct burst {
    struct hs_live_map live;
    struct hs_tail tail;
    uint64_t births, opened_bytes, temporary;
    int64_t time, level, min, max, peak;
    hs_event_no event;
    hs_row_no n_rows, newest_row;
    uint32_t n_deaths;
    /* of the last free, and the last allocation */
    struct hs_thread_state *thread;
    uint32_t free_thread, alloc_thread, source, address_high, context;
    /* what is the same for all */
    uint32_t *const *slot_uses;
    uint64_t *histogram;
    uint64_t n_slot_uses, handle, n_before; /* live blocks of the run, less those of the map */
    int64_t segment_base, end_time;
    uint32_t process;
};

/* Events that may come before something is due. */
static uint32_t most_events (const struct hs_trace *trace, uint32_t n)
{
    const struct hs_block_run *run = &trace->run;
    uint32_t in_word = HS_BIRTH_WORD_EVENTS - trace->n_events % HS_BIRTH_WORD_EVENTS;
    uint32_t in_chunk = HS_COLUMN_CHUNK_VALUES - trace->n_rows % HS_COLUMN_CHUNK_VALUES;
    const struct hs_live_map *live;
    size_t room;

    if (n <= HS_PREFETCH_MAP || run->heap == HS_NO_HEAP || run->n_events == 0 ||
        trace->n_open_gaps > 0 || trace->tables.unsure.count > 0 ||
        trace->n_events % HS_BIRTH_WORD_EVENTS == 0 || trace->n_rows % HS_COLUMN_CHUNK_VALUES == 0)
        return 0;
    live = &trace->heaps.items[run->heap].live;
    room = live->most - live->n; /* 0: there may be no places yet */
    n -= HS_PREFETCH_MAP;
    n = n < in_word ? n : in_word;
    n = n < in_chunk ? n : in_chunk;
    n = n < room ? n : (uint32_t)room;
    return n < run->max_events - run->n_events ? n : run->max_events - run->n_events - 1;
}

static inline struct burst begin (const struct hs_trace *trace)
{
    const struct hs_block_run *run = &trace->run;
    const struct hs_live_map *live = &trace->heaps.items[run->heap].live;
    int64_t end_of_segment = trace->segment_base < INT64_MAX - UINT16_MAX
                                 ? trace->segment_base + UINT16_MAX + 1
                                 : INT64_MAX;

    return (struct burst){
        .live = *live,
        .tail = trace->tail,
        .births = *trace->tail.births,
        .time = trace->newest_event_time,
        .level = run->level,
        .min = run->min,
        .max = run->max,
        .peak = run->peak,
        .event = trace->n_events,
        .n_rows = trace->n_rows,
        .newest_row = trace->processes.items[run->process].newest_row,
        .context = UINT32_MAX,
        .slot_uses = (uint32_t *const *)trace->slot_uses.chunks,
        .histogram = trace->tables.heaps.items[run->heap].histogram,
        .n_slot_uses = trace->slot_uses.n,
        .handle = run->handle,
        .n_before = run->opened - run->closed - live->n,
        .segment_base = trace->segment_base,
        .end_time = end_of_segment < trace->step_end ? end_of_segment : trace->step_end,
        .process = run->process,
    };
}

static inline void finish (struct hs_trace *trace, const struct burst *burst,
                           const struct death *deaths)
{
    struct hs_block_run *run = &trace->run;
    uint32_t n = burst->event - trace->n_events, opened = burst->n_rows - trace->n_rows;

    for (uint32_t i = 0; i < burst->n_deaths; i++)
        hs_column_poke (&trace->rows.end, deaths[i].row, deaths[i].event);
    __atomic_store_n (burst->tail.births, burst->births, __ATOMIC_RELAXED);
    run->allocs += opened;
    run->opened += opened;
    run->opened_bytes += burst->opened_bytes;
    run->frees += n - opened;
    run->closed += n - opened;
    run->closed_bytes += burst->opened_bytes - (uint64_t)(burst->level - run->level);
    run->temporary += burst->temporary;
    run->level = burst->level;
    run->min = burst->min;
    run->max = burst->max;
    run->n_events += n;
    run->last = burst->event - 1;
    trace->tables.stack_events += opened;
    trace->tables.stack_events_set += opened;
    trace->heaps.items[run->heap].live.n = burst->live.n;
    trace->processes.items[run->process].newest_row = burst->newest_row;
    trace->newest_event_time = burst->time;
    trace->n_events = burst->event;
    trace->n_rows = burst->n_rows;
}

static inline bool is_usual (const struct burst *burst, const struct hs_event *event)
{
    return (event->kind == HS_EVENT_ALLOC || event->kind == HS_EVENT_FREE) && event->flags == 0 &&
           event->process == burst->process && event->block.heap == burst->handle &&
           event->block.address != 0 && event->time >= burst->time && event->time < burst->end_time;
}

/* UINT32_MAX: no memory. */
static uint32_t context_of (struct hs_trace *trace, const struct hs_event *event)
{
    const struct hs_context_key key = {
        .process = event->process,
        .heap = trace->run.heap,
        .thread = event->thread,
        .source = hs_event_origin (event),
        .address_high = (uint32_t)(event->block.address >> 32),
    };
    uint32_t context;

    return hs_trace_need_context (trace, &key, &context) ? context : UINT32_MAX;
}

static inline bool add_context (struct hs_trace *trace, struct burst *burst,
                                const struct hs_event *event)
{
    uint32_t source = hs_event_origin (event);
    uint32_t address_high = (uint32_t)(event->block.address >> 32);

    if (burst->context == UINT32_MAX || burst->alloc_thread != event->thread ||
        burst->source != source || burst->address_high != address_high) {
        burst->context = context_of (trace, event);
        burst->alloc_thread = event->thread;
        burst->source = source;
        burst->address_high = address_high;
    }
    return burst->context != UINT32_MAX && hs_narrow_append (&trace->rows.context, burst->context);
}

static inline bool has_known_stack (const struct burst *burst, hs_stack_slot slot)
{
    return slot < burst->n_slot_uses &&
           burst->slot_uses[slot >> HS_COLUMN_CHUNK_SHIFT][slot & (HS_COLUMN_CHUNK_VALUES - 1)] ==
               HS_SLOT_IS_FILLED;
}

static inline bool open_block (struct hs_trace *trace, struct burst *burst,
                               const struct hs_event *event)
{
    const uint64_t address = event->block.address, size = event->block.size;
    uint32_t at = burst->n_rows & (HS_COLUMN_CHUNK_VALUES - 1);
    struct hs_live_block *place = &burst->live.places[hs_live_map_find (&burst->live, address)];

    if (place->row != HS_NO_ROW || size >= HS_LIVE_SIZE_LARGE ||
        !has_known_stack (burst, event->stack) || !add_context (trace, burst, event))
        return false;
    place->address = address;
    place->row = burst->n_rows;
    place->birth = hs_live_birth (size, event->call & HS_CALL_MASK);
    burst->live.n++;
    burst->tail.end[at] = HS_NO_EVENT;
    burst->tail.size[at] = (uint32_t)size;
    burst->tail.stack[at] = event->stack;
    burst->tail.address[at] = (uint32_t)address;
    burst->births |= UINT64_C (1) << burst->event % HS_BIRTH_WORD_EVENTS;
    burst->newest_row = burst->n_rows++;
    burst->histogram[hs_size_class (size)]++;
    burst->opened_bytes += size;
    burst->level += (int64_t)size;
    burst->max = burst->level > burst->max ? burst->level : burst->max;
    if (burst->level > burst->peak) {
        burst->peak = trace->run.peak = burst->level;
        trace->run.peak_time = event->time;
        trace->run.peak_event = burst->event;
        trace->run.peak_count = burst->n_before + burst->live.n;
    }
    return true;
}

static inline bool note_free (struct hs_trace *trace, struct burst *burst,
                              const struct hs_event *event)
{
    if (burst->thread == NULL || burst->free_thread != event->thread) {
        burst->thread = hs_trace_thread_of (trace, event);
        burst->free_thread = event->thread;
    }
    if (burst->thread == NULL)
        return false;
    burst->thread->free_heap = burst->handle;
    burst->thread->free_address = event->block.address;
    burst->thread->free_rows = burst->n_rows;
    return true;
}

static inline bool close_block (struct hs_trace *trace, struct burst *burst, struct death *deaths,
                                const struct hs_event *event)
{
    size_t at = hs_live_map_find (&burst->live, event->block.address);
    const struct hs_live_block block = burst->live.places[at];
    uint32_t size = hs_live_birth_size (block.birth);

    if (block.row == HS_NO_ROW || size == HS_LIVE_SIZE_LARGE || event->stack != HS_NO_STACK ||
        event->stack_ref != 0 ||
        !hs_block_calls_match (hs_live_birth_call (block.birth), event->call) ||
        !note_free (trace, burst, event))
        return false;
    hs_live_map_clear_place (&burst->live, at);
    if (block.row == burst->newest_row) {
        hs_trace_set_row_flag (trace, block.row, HS_ROW_IS_TEMPORARY);
        burst->temporary++;
    }
    burst->newest_row = HS_NO_ROW;
    hs_column_prefetch (&trace->rows.end, block.row);
    deaths[burst->n_deaths++] = (struct death){ block.row, burst->event };
    burst->level -= size;
    burst->min = burst->level < burst->min ? burst->level : burst->min;
    return true;
}

uint32_t hs_trace_usual_blocks (struct hs_trace *trace, const struct hs_event *events, uint32_t n)
{
    uint32_t most = most_events (trace, n), i;
    struct death deaths[HS_BIRTH_WORD_EVENTS];
    struct burst burst;

    if (most == 0 || events->kind > HS_EVENT_FREE)
        return 0;
    burst = begin (trace);
    for (i = 0; i < most; i++) {
        const struct hs_event *event = &events[i];

        hs_live_map_prefetch (&burst.live, event[HS_PREFETCH_MAP].block.address);
        if (!is_usual (&burst, event) ||
            !(event->kind == HS_EVENT_ALLOC ? open_block (trace, &burst, event)
                                            : close_block (trace, &burst, deaths, event)))
            break;
        burst.time = event->time;
        burst.tail.time[burst.event & (HS_COLUMN_CHUNK_VALUES - 1)] =
            (uint16_t)(event->time - burst.segment_base);
        burst.event++;
    }
    if (i > 0)
        finish (trace, &burst, deaths);
    return i;
}
