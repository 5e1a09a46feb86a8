/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a reader asks of a snapshot: times, births, stacks. No locks. */
#include "trace/trace.h"

double hs_snapshot_seconds (const struct hs_snapshot *snapshot, int64_t ticks)
{
    return (double)ticks / (double)snapshot->ticks_per_second;
}

int64_t hs_snapshot_ticks (const struct hs_snapshot *snapshot, double seconds)
{
    double ticks = seconds * (double)snapshot->ticks_per_second;

    if (ticks >= 0x1p63)
        return INT64_MAX;
    if (ticks < -0x1p63)
        return INT64_MIN;
    return (int64_t)(ticks < 0 ? ticks - 0.5 : ticks + 0.5);
}

static int64_t segment_base (const struct hs_snapshot *snapshot, uint32_t segment)
{
    return (int64_t)hs_column_u64 (&snapshot->rows->segment_base, segment);
}

static hs_event_no segment_first (const struct hs_snapshot *snapshot, uint32_t segment)
{
    return hs_column_u32 (&snapshot->rows->segment_first, segment);
}

/* The last segment that begins at or before `event`. There is one: segment 0 begins at event 0. */
static uint32_t segment_of_event (const struct hs_snapshot *snapshot, hs_event_no event)
{
    uint32_t low = 0, high = snapshot->n_segments;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (segment_first (snapshot, middle) <= event)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t hs_snapshot_event_time (const struct hs_snapshot *snapshot, hs_event_no event)
{
    return segment_base (snapshot, segment_of_event (snapshot, event)) +
           hs_column_u16 (&snapshot->rows->time_delta, event);
}

hs_event_no hs_snapshot_event_at_or_after (const struct hs_snapshot *snapshot, int64_t ticks)
{
    uint32_t low = 0, high = snapshot->n_segments;
    hs_event_no first, last;
    int64_t base;

    /* the last segment with base < ticks holds the border, or the next one begins at it */
    if (high == 0 || segment_base (snapshot, 0) >= ticks)
        return 0;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (segment_base (snapshot, middle) < ticks)
            low = middle;
        else
            high = middle;
    }
    base = segment_base (snapshot, low);
    first = segment_first (snapshot, low);
    last = low + 1 < snapshot->n_segments ? segment_first (snapshot, low + 1) : snapshot->n_events;
    while (first < last) {
        hs_event_no middle = first + (last - first) / 2;

        if (base + hs_column_u16 (&snapshot->rows->time_delta, middle) < ticks)
            first = middle + 1;
        else
            last = middle;
    }
    return first;
}

hs_event_no hs_snapshot_event_after (const struct hs_snapshot *snapshot, int64_t ticks)
{
    return ticks == INT64_MAX ? snapshot->n_events
                              : hs_snapshot_event_at_or_after (snapshot, ticks + 1);
}

hs_row_no hs_snapshot_rows_before (const struct hs_snapshot *snapshot, hs_event_no event)
{
    uint32_t word = event / HS_BIRTH_WORD_EVENTS;
    uint64_t bits;

    if (event >= snapshot->n_events)
        return snapshot->n_rows;
    bits = hs_column_peek_u64 (&snapshot->rows->birth_bits, word);
    bits &= (UINT64_C (1) << event % HS_BIRTH_WORD_EVENTS) - 1;
    return hs_column_u32 (&snapshot->rows->birth_rank, word) +
           (hs_row_no)__builtin_popcountll (bits);
}

/* The word of births that holds row `row`. */
static uint32_t word_of_row (const struct hs_snapshot *snapshot, hs_row_no row)
{
    uint32_t low = 0, high = snapshot->n_events / HS_BIRTH_WORD_EVENTS + 1;

    if ((uint64_t)high * HS_BIRTH_WORD_EVENTS >=
        (uint64_t)snapshot->n_events + HS_BIRTH_WORD_EVENTS)
        high--;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (hs_column_u32 (&snapshot->rows->birth_rank, middle) <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

struct hs_birth_walk hs_birth_walk_init (const struct hs_snapshot *snapshot, hs_row_no first)
{
    struct hs_birth_walk walk = { .snapshot = snapshot };
    hs_row_no rank;

    if (first >= snapshot->n_rows)
        return walk;
    walk.word = word_of_row (snapshot, first);
    walk.bits = hs_column_peek_u64 (&snapshot->rows->birth_bits, walk.word);
    for (rank = hs_column_u32 (&snapshot->rows->birth_rank, walk.word); rank < first; rank++)
        walk.bits &= walk.bits - 1;
    return walk;
}

hs_event_no hs_snapshot_birth (const struct hs_snapshot *snapshot, hs_row_no row)
{
    struct hs_birth_walk walk = hs_birth_walk_init (snapshot, row);

    return hs_birth_walk_next (&walk);
}

uint32_t hs_snapshot_row_node (const struct hs_snapshot *snapshot, hs_row_no row)
{
    uint32_t slot = hs_column_peek (&snapshot->rows->stack, row) & HS_ROW_SLOT_MASK;

    if (slot == HS_NO_STACK || slot >= snapshot->n_slots)
        return HS_NODE_NONE;
    return hs_column_peek (&snapshot->stacks->slot_node, slot);
}
