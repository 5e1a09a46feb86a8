/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What not every event does to the columns; see rows_writer.h. */
#include "trace/rows_writer.h"

void hs_trace_settle_columns (struct hs_trace *trace)
{
    struct hs_rows *rows = &trace->rows;

    rows->end.n = rows->size.n = rows->stack.n = rows->address.n = trace->n_rows;
    rows->time_delta.n = trace->n_events;
}

_Static_assert(HS_LIMIT_EVENTS % HS_BIRTH_WORD_EVENTS == 0 &&
                   HS_COLUMN_CHUNK_VALUES % HS_BIRTH_WORD_EVENTS == 0,
               "looked at where a word begins");

/* Of 64 events, and of a chunk of their times. */
bool hs_trace_begin_word (struct hs_trace *trace)
{
    struct hs_rows *rows = &trace->rows;
    uint64_t word = trace->n_events / HS_BIRTH_WORD_EVENTS;

    if (trace->n_events >= HS_LIMIT_EVENTS)
        return false;
    if (trace->n_events % HS_COLUMN_CHUNK_VALUES == 0) {
        hs_trace_settle_columns (trace);
        if (!hs_column_grow (&rows->time_delta))
            return false;
        trace->tail.time = rows->time_delta.chunks[trace->n_events >> HS_COLUMN_CHUNK_SHIFT];
    }
    if (!hs_column_append_u64 (&rows->birth_bits, 0) ||
        !hs_column_append_u32 (&rows->birth_rank, trace->n_rows))
        return false;
    trace->tail.births = (uint64_t *)rows->birth_bits.chunks[word >> HS_COLUMN_CHUNK_SHIFT] +
                         (word & (HS_COLUMN_CHUNK_VALUES - 1));
    return true;
}

/* Also of the first event of all. */
bool hs_trace_begin_segment (struct hs_trace *trace, int64_t time)
{
    struct hs_rows *rows = &trace->rows;

    trace->segment_base = time;
    if (!hs_column_append_u32 (&rows->segment_first, trace->n_events))
        return false;
    if (!hs_column_append_u64 (&rows->segment_base, (uint64_t)time)) {
        rows->segment_first.n--;
        return false;
    }
    if (trace->n_events == 0 && time < trace->first_time)
        trace->first_time = time;
    return true;
}

/* Of rows. */
bool hs_trace_begin_chunk (struct hs_trace *trace)
{
    struct hs_column *const columns[] = { &trace->rows.end, &trace->rows.size, &trace->rows.stack,
                                          &trace->rows.address };
    uint32_t **const tails[] = { &trace->tail.end, &trace->tail.size, &trace->tail.stack,
                                 &trace->tail.address };

    hs_trace_settle_columns (trace);
    for (unsigned i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if (!hs_column_grow (columns[i]))
            return false;
        *tails[i] = columns[i]->chunks[trace->n_rows >> HS_COLUMN_CHUNK_SHIFT];
    }
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

bool hs_trace_find_context (struct hs_trace *trace, const struct hs_context_key *key, uint32_t *ret)
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

bool hs_trace_find_thread (struct hs_trace *trace, uint64_t key, uint32_t *ret)
{
    *ret = hs_idmap_get (&trace->thread_index, key);
    if (*ret != HS_IDMAP_NONE)
        return true;
    *ret = (uint32_t)trace->threads.n;
    if (!hs_array_reserve (&trace->threads, 1) || !hs_idmap_set (&trace->thread_index, key, *ret))
        return false;
    trace->threads.items[trace->threads.n++] = (struct hs_thread_state){ 0 };
    return true;
}

void hs_trace_init_recent (struct hs_trace *trace)
{
    for (uint32_t i = 0; i < HS_N_RECENT; i++)
        trace->recent_contexts[i].context = trace->recent_threads[i].thread = UINT32_MAX;
}

bool hs_trace_add_large_size (struct hs_trace *trace, uint64_t size)
{
    struct hs_rows *rows = &trace->rows;

    if (!hs_column_append_u32 (&rows->large_row, trace->n_rows) ||
        !hs_column_append_u64 (&rows->large_size, size))
        return false;
    atomic_store_explicit (&rows->n_large, (uint32_t)rows->large_row.n, memory_order_release);
    return true;
}
