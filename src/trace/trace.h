/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A trace that can be asked: append-only columns of allocations, and tables of what they refer to.
 *
 * One writer (the loader's thread), many readers. Rows, event times and stacks are read without
 * locks within a snapshot. The tables (processes, heaps, modules, frame names, findings, facts)
 * are read between hs_trace_lock and hs_trace_unlock; copy out and unlock soon: the writer waits.
 * Rules for blocks: formats/etl.md 7.4; numbers: its section 13.
 */
#ifndef HS_TRACE_TRACE_H
#define HS_TRACE_TRACE_H

#include "base/error.h"
#include "event/event_batch.h"
#include "trace/rows.h"
#include "trace/stacks.h"
#include "trace/tables.h"

struct hs_trace;
struct hs_range_columns;

/* An entry of hs_level_columns (rows.h) that is not complete. */
struct hs_level {
    uint32_t n_events; /* 0: there is none */
    uint64_t min, max, end, birth_bytes;
    int64_t first_time, last_time;
    uint32_t births, live_count;
    hs_event_no peak_event;
};

/*
 * A fixed prefix of a trace. Values; valid as long as the trace. Later frees do not disturb it: a
 * row is live in it when its end is none or >= n_events.
 */
struct hs_snapshot {
    const struct hs_trace *trace;
    const struct hs_rows *rows;
    const struct hs_stacks *stacks;
    const struct hs_range_columns *ranges; /* range_index.h */
    hs_event_no n_events;
    hs_row_no n_rows;
    hs_event_no first_event; /* > 0 only after HS_EVENT_RESET: nothing before counts */
    hs_row_no first_row;
    uint32_t n_segments; /* of event times, rows.h */
    uint32_t n_contexts;
    uint32_t n_overview; /* complete overview blocks */
    uint32_t n_steps;
    bool has_levels; /* else memory ran out: the counts of overview and steps are none */
    struct hs_level overview_tail, step_tail; /* of all processes: what came after those */
    uint32_t n_nodes;                         /* stack nodes */
    uint32_t n_slots;
    int64_t first_time; /* ticks: 0, or the first event's if earlier */
    int64_t last_time;  /* ticks: the last record of any kind, plausible ones only (limits.h) */
    uint64_t ticks_per_second;
    uint64_t generation; /* changes with every append */
    uint64_t names;      /* changes with every name found for images.h: only words differ */
};

/* NULL when memory is out. */
struct hs_trace *hs_trace_new (void);
void hs_trace_free (struct hs_trace *trace);

/* Any one thread beside the writer's: store.h, hs_store_touch_ahead. */
bool hs_trace_touch_ahead (struct hs_trace *trace);

/* Writer. HS_TOO_LARGE past HS_LIMIT_EVENTS, HS_NO_MEMORY: what was published stays readable,
 * nothing more can be appended. */
enum hs_status hs_trace_append (struct hs_trace *trace, const struct hs_event_batch *batch,
                                struct hs_error *err);

/* Writer: the input has ended. Completes the overview and frees what only a writer needs; nothing
 * can be appended afterwards. */
enum hs_status hs_trace_finish (struct hs_trace *trace, struct hs_error *err);

/* Any thread. */
struct hs_snapshot hs_trace_snapshot (const struct hs_trace *trace);

/* Any thread: guards the tables. Never held by this code while calling out. */
const struct hs_tables *hs_trace_lock (const struct hs_trace *trace);
void hs_trace_unlock (const struct hs_trace *trace);

/*
 * Any thread. HS_OK unless the trace was opened by a closing index (index_file.h), a part of it was
 * lost since, and the recording too: then an answer whose making has touched it is not to be used.
 * Every question asks this at its end.
 */
enum hs_status hs_trace_check (const struct hs_trace *trace, struct hs_error *err);

/* Seconds since the trace's zero. */
double hs_snapshot_seconds (const struct hs_snapshot *snapshot, int64_t ticks);
int64_t hs_snapshot_ticks (const struct hs_snapshot *snapshot, double seconds);

/* Time of an event of the snapshot, ticks. O(log segments). */
int64_t hs_snapshot_event_time (const struct hs_snapshot *snapshot, hs_event_no event);

/* The first event with time >= `ticks`, or > `ticks`; n_events when there is none. */
hs_event_no hs_snapshot_event_at_or_after (const struct hs_snapshot *snapshot, int64_t ticks);
hs_event_no hs_snapshot_event_after (const struct hs_snapshot *snapshot, int64_t ticks);

/* Rows born before event `event`: the births of [a, b) are rows [rank (a), rank (b)). O(1). */
hs_row_no hs_snapshot_rows_before (const struct hs_snapshot *snapshot, hs_event_no event);

/* The event that gave birth to a row of the snapshot. O(log). For many rows in order walk
 * struct hs_birth_walk instead. */
hs_event_no hs_snapshot_birth (const struct hs_snapshot *snapshot, hs_row_no row);

/* Walks births in row order: hs_birth_walk_next gives the birth of row first, first + 1 … */
#define HS_BIRTH_WORD_EVENTS 64u
struct hs_birth_walk {
    const struct hs_snapshot *snapshot;
    uint64_t bits; /* births of the current word not yet given */
    uint32_t word;
};
struct hs_birth_walk hs_birth_walk_init (const struct hs_snapshot *snapshot, hs_row_no first);

/* Inline: a scan asks for every row. */
static inline hs_event_no hs_birth_walk_next (struct hs_birth_walk *walk)
{
    uint32_t bit;

    while (walk->bits == 0) {
        walk->word++;
        walk->bits = hs_column_peek_u64 (&walk->snapshot->rows->birth_bits, walk->word);
    }
    bit = (uint32_t)__builtin_ctzll (walk->bits);
    walk->bits &= walk->bits - 1;
    return walk->word * HS_BIRTH_WORD_EVENTS + bit;
}

/* The stack of a row as a node of the trie (stacks.h), HS_NODE_NONE when it has none or none yet.
 */
uint32_t hs_snapshot_row_node (const struct hs_snapshot *snapshot, hs_row_no row);

/* Bytes held by columns, stacks and tables, for the memory budget. Any thread. */
uint64_t hs_trace_memory (const struct hs_trace *trace);

#endif
