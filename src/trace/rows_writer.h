/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The writer's side of the columns: events, rows, contexts. Layout in rows.h. What every
 * event does is here, to be inlined: its columns are appended to all at one place, so there is one
 * test for a new chunk, and the counts of the columns are set at the end of an append
 * (hs_trace_settle_columns). Like trace_private.h: false when memory is out.
 */
#ifndef HS_TRACE_ROWS_WRITER_H
#define HS_TRACE_ROWS_WRITER_H

#include "trace/trace_private.h"

#include "base/limits.h"

#include <string.h>

/* Not for direct use. */
bool hs_trace_begin_word (struct hs_trace *trace);
bool hs_trace_begin_segment (struct hs_trace *trace, int64_t time);
bool hs_trace_begin_chunk (struct hs_trace *trace);
bool hs_trace_find_context (struct hs_trace *trace, const struct hs_context_key *key,
                            uint32_t *ret);
bool hs_trace_find_thread (struct hs_trace *trace, uint64_t key, uint32_t *ret);
bool hs_trace_add_large_size (struct hs_trace *trace, uint64_t size);

/* The columns are as long as the events and rows that there are: for who looks at their counts. */
void hs_trace_settle_columns (struct hs_trace *trace);

void hs_trace_init_recent (struct hs_trace *trace);

/* A new event; its number. False also past HS_LIMIT_EVENTS. */
static inline bool hs_trace_add_event (struct hs_trace *trace, int64_t time, hs_event_no *ret)
{
    hs_event_no event = trace->n_events;

    if (event > 0 && time < trace->newest_event_time)
        time = trace->newest_event_time;
    if (__builtin_expect (time >= trace->step_end, 0) && !hs_trace_begin_step (trace, time))
        return false;
    if (event % HS_BIRTH_WORD_EVENTS == 0 && !hs_trace_begin_word (trace))
        return false;
    if (__builtin_expect ((uint64_t)time - (uint64_t)trace->segment_base > UINT16_MAX || event == 0,
                          0) &&
        !hs_trace_begin_segment (trace, time))
        return false;
    trace->tail.time[event & (HS_COLUMN_CHUNK_VALUES - 1)] = (uint16_t)(time - trace->segment_base);
    trace->newest_event_time = time;
    trace->n_events = event + 1;
    *ret = event;
    return true;
}

/* What was used last, by some bits of the key. */
static inline bool hs_trace_need_context (struct hs_trace *trace, const struct hs_context_key *key,
                                          uint32_t *ret)
{
    /* all of a key reaches the highest bits: a thread's malloc and realloc take turns */
    uint32_t mixed =
        (key->thread + key->source * UINT32_C (0xc2b2ae35) +
         key->address_high * UINT32_C (0x27d4eb2f) + key->heap * UINT32_C (0x85ebca6b)) *
        UINT32_C (0x9e3779b1);
    struct hs_recent_context *recent = &trace->recent_contexts[mixed >> (32 - HS_RECENT_SHIFT)];

    if (recent->context == UINT32_MAX || memcmp (key, &recent->key, sizeof *key) != 0) {
        recent->context = UINT32_MAX;
        if (!hs_trace_find_context (trace, key, &recent->context))
            return false;
        recent->key = *key;
    }
    *ret = recent->context;
    return true;
}

/* The state of the event's thread, made when it is new; NULL when memory is out. */
static inline struct hs_thread_state *hs_trace_thread_of (struct hs_trace *trace,
                                                          const struct hs_event *event)
{
    uint64_t key = (uint64_t)event->process << 32 | event->thread;
    uint32_t mixed = (event->thread + event->process) * UINT32_C (0x9e3779b1);
    struct hs_recent_thread *recent = &trace->recent_threads[mixed >> (32 - HS_RECENT_SHIFT)];

    if (recent->thread == UINT32_MAX || recent->key != key) {
        recent->key = key;
        if (!hs_trace_find_thread (trace, key, &recent->thread)) {
            recent->thread = UINT32_MAX;
            return NULL;
        }
    }
    return &trace->threads.items[recent->thread];
}

static inline void hs_trace_set_row_flag (struct hs_trace *trace, hs_row_no row, uint32_t flag)
{
    hs_column_poke (&trace->rows.stack, row, hs_column_u32 (&trace->rows.stack, row) | flag);
}

/* A row born by the newest event. */
static inline bool hs_trace_add_row (struct hs_trace *trace, const struct hs_context_key *key,
                                     uint64_t address, uint64_t size, hs_stack_slot stack)
{
    uint32_t at = trace->n_rows & (HS_COLUMN_CHUNK_VALUES - 1), context;
    struct hs_tail *tail = &trace->tail;

    if (at == 0 && !hs_trace_begin_chunk (trace))
        return false;
    if (!hs_trace_need_context (trace, key, &context) ||
        !hs_narrow_append (&trace->rows.context, context) ||
        (size >= HS_SIZE_LARGE && !hs_trace_add_large_size (trace, size)))
        return false;
    tail->end[at] = HS_NO_EVENT;
    tail->size[at] = size < HS_SIZE_LARGE ? (uint32_t)size : HS_SIZE_LARGE;
    tail->stack[at] = stack;
    tail->address[at] = (uint32_t)address;
    /* readers of earlier events look at the word */
    __atomic_store_n (tail->births,
                      *tail->births | UINT64_C (1) << (trace->n_events - 1) % HS_BIRTH_WORD_EVENTS,
                      __ATOMIC_RELAXED);
    trace->n_rows++;
    return true;
}

#endif
