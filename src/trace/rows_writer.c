/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writer's side of the columns: events, rows, contexts. Layout in rows.h. */
#include "trace/trace_private.h"

#include "base/limits.h"

#include <string.h>

static bool begin_segment (struct hs_trace *trace, int64_t time)
{
    struct hs_rows *rows = &trace->rows;

    trace->segment_base = time;
    if (!hs_column_append_u32 (&rows->segment_first, trace->n_events))
        return false;
    if (!hs_column_append_u64 (&rows->segment_base, (uint64_t)time)) {
        rows->segment_first.n--;
        return false;
    }
    return true;
}

bool hs_trace_add_event (struct hs_trace *trace, int64_t time, hs_event_no *ret)
{
    struct hs_rows *rows = &trace->rows;
    hs_event_no event = trace->n_events;

    if (event >= HS_LIMIT_EVENTS)
        return false;
    if (event > 0 && time < trace->newest_event_time)
        time = trace->newest_event_time;
    if (time >= trace->step_end && !hs_trace_begin_step (trace, time))
        return false;
    if (event == 0 || (uint64_t)time - (uint64_t)trace->segment_base > UINT16_MAX) {
        if (!begin_segment (trace, time))
            return false;
    }
    if (event % 64 == 0 && (!hs_column_append_u64 (&rows->birth_bits, 0) ||
                            !hs_column_append_u32 (&rows->birth_rank, trace->n_rows)))
        return false;
    if (!hs_column_append_u16 (&rows->time_delta, (uint16_t)(time - trace->segment_base)))
        return false;
    if (event == 0 && time < trace->first_time)
        trace->first_time = time;
    trace->newest_event_time = time;
    trace->n_events++;
    *ret = event;
    return true;
}

static bool add_context (struct hs_trace *trace, const struct hs_context_key *key, uint32_t *ret)
{
    struct hs_rows *rows = &trace->rows;

    *ret = (uint32_t)rows->context_process.n;
    return hs_column_append_u32 (&rows->context_heap, key->heap) &&
           hs_column_append_u32 (&rows->context_thread, key->thread) &&
           hs_column_append_u32 (&rows->context_source, key->source) &&
           hs_column_append_u32 (&rows->context_address_high, key->address_high) &&
           hs_column_append_u32 (&rows->context_process, key->process);
}

static bool context_equals (const struct hs_rows *rows, uint32_t context,
                            const struct hs_context_key *key)
{
    return hs_column_u32 (&rows->context_process, context) == key->process &&
           hs_column_u32 (&rows->context_heap, context) == key->heap &&
           hs_column_u32 (&rows->context_thread, context) == key->thread &&
           hs_column_u32 (&rows->context_source, context) == key->source &&
           hs_column_u32 (&rows->context_address_high, context) == key->address_high;
}

static uint32_t recent_place (const struct hs_context_key *key)
{
    uint32_t mixed = key->thread * UINT32_C (0x9e3779b1) + key->address_high * 7 + key->source +
                     key->heap * UINT32_C (0x85ebca6b);

    return mixed >> (32 - HS_RECENT_SHIFT);
}

void hs_trace_init_recent (struct hs_trace *trace)
{
    for (uint32_t i = 0; i < HS_N_RECENT; i++)
        trace->recent_contexts[i].context = trace->recent_threads[i].thread = UINT32_MAX;
}

static bool find_context (struct hs_trace *trace, const struct hs_context_key *key, uint32_t *ret)
{
    uint64_t hash = hs_hash_u64 ((uint64_t)key->process << 32 | key->heap);
    uint32_t context;

    hash = hs_hash_u64 (hash ^ ((uint64_t)key->thread << 32 | key->source));
    hash = hs_hash_u64 (hash ^ key->address_high);
    /* another key with the same hash: look one further */
    for (;; hash++) {
        context = hs_idmap_get (&trace->context_index, hash);
        if (context == HS_IDMAP_NONE || context_equals (&trace->rows, context, key))
            break;
    }
    if (context == HS_IDMAP_NONE && (!add_context (trace, key, &context) ||
                                     !hs_idmap_set (&trace->context_index, hash, context)))
        return false;
    *ret = context;
    return true;
}

static inline bool need_context (struct hs_trace *trace, const struct hs_context_key *key,
                                 uint32_t *ret)
{
    struct hs_recent_context *recent = &trace->recent_contexts[recent_place (key)];

    if (recent->context == UINT32_MAX || memcmp (key, &recent->key, sizeof *key) != 0) {
        recent->context = UINT32_MAX;
        if (!find_context (trace, key, &recent->context))
            return false;
        recent->key = *key;
    }
    *ret = recent->context;
    return true;
}

static bool add_large_size (struct hs_trace *trace, uint64_t size)
{
    struct hs_rows *rows = &trace->rows;

    if (!hs_column_append_u32 (&rows->large_row, trace->n_rows) ||
        !hs_column_append_u64 (&rows->large_size, size))
        return false;
    atomic_store_explicit (&rows->n_large, (uint32_t)rows->large_row.n, memory_order_release);
    return true;
}

bool hs_trace_add_row (struct hs_trace *trace, hs_event_no event, const struct hs_context_key *key,
                       uint64_t address, uint64_t size, hs_stack_slot stack)
{
    struct hs_rows *rows = &trace->rows;
    uint32_t context, word = event / 64;
    uint64_t bits;

    if (!need_context (trace, key, &context))
        return false;
    if (size >= HS_SIZE_LARGE && !add_large_size (trace, size))
        return false;
    if (!hs_column_append_u32 (&rows->end, HS_NO_EVENT) ||
        !hs_column_append_u32 (&rows->size,
                               size < HS_SIZE_LARGE ? (uint32_t)size : HS_SIZE_LARGE) ||
        !hs_column_append_u32 (&rows->stack, stack) ||
        !hs_column_append_u32 (&rows->address, (uint32_t)address) ||
        !hs_narrow_append (&rows->context, context))
        return false;
    bits = hs_column_u64 (&rows->birth_bits, word);
    hs_column_poke_u64 (&rows->birth_bits, word, bits | UINT64_C (1) << event % 64);
    trace->n_rows++;
    return true;
}
