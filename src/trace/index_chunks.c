/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The values of one chunk of a column in the closing index: a base, and of each value the bytes
 * that it is above it. Whole bytes, not bits: unpacking runs at the speed of memory.
 */
#include "trace/index_private.h"

#include "base/limits.h"

static bool is_end (enum hs_column_id column)
{
    return column == HS_COLUMN_END || column == HS_COLUMN_SURVIVOR_END;
}

static bool is_stack (enum hs_column_id column)
{
    return column == HS_COLUMN_STACK || column == HS_COLUMN_SURVIVOR_STACK;
}

/* Sentinels and flags stand at the top of these columns; turned, they are small numbers too. */
static uint64_t turn (enum hs_column_id column, uint64_t value)
{
    if (is_end (column))
        return (uint32_t)(value + 1);
    if (is_stack (column))
        return (uint32_t)(value << 2 | value >> 30);
    return value;
}

static uint64_t value_at (unsigned value_size, const void *values, uint32_t i)
{
    if (value_size == 1)
        return ((const uint8_t *)values)[i];
    if (value_size == 2)
        return ((const uint16_t *)values)[i];
    return value_size == 4 ? ((const uint32_t *)values)[i] : ((const uint64_t *)values)[i];
}

void hs_index_pack (enum hs_column_id column, unsigned value_size, const void *values, uint32_t n,
                    uint8_t *to, struct hs_index_entry *entry)
{
    uint64_t min = UINT64_MAX, max = 0;
    unsigned width = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint64_t value = turn (column, value_at (value_size, values, i));

        min = value < min ? value : min;
        max = value > max ? value : max;
    }
    while (width < 8 && (max - min) >> 8 * width != 0)
        width++;
    entry->base = min;
    entry->width = (uint8_t)width;
    for (uint32_t i = 0; i < n && width > 0; i++, to += width)
        hs_put_u64 (to, turn (column, value_at (value_size, values, i)) - min);
}

static void unpack_u8 (uint8_t *to, const uint8_t *from, uint32_t n, unsigned width, uint8_t base)
{
    for (uint32_t i = 0; i < n && width == 0; i++)
        to[i] = base;
    for (uint32_t i = 0; i < n && width >= 1; i++)
        to[i] = (uint8_t)(base + from[i]);
}

static void unpack_u16 (uint16_t *to, const uint8_t *from, uint32_t n, unsigned width,
                        uint16_t base)
{
    for (uint32_t i = 0; i < n && width == 0; i++)
        to[i] = base;
    for (uint32_t i = 0; i < n && width == 1; i++)
        to[i] = (uint16_t)(base + from[i]);
    for (uint32_t i = 0; i < n && width >= 2; i++)
        to[i] = (uint16_t)(base + hs_get_u16 (from + (size_t)i * 2));
}

static void unpack_u32 (uint32_t *to, const uint8_t *from, uint32_t n, unsigned width,
                        uint32_t base)
{
    for (uint32_t i = 0; i < n && width == 0; i++)
        to[i] = base;
    for (uint32_t i = 0; i < n && width == 1; i++)
        to[i] = base + from[i];
    for (uint32_t i = 0; i < n && width == 2; i++)
        to[i] = base + hs_get_u16 (from + (size_t)i * 2);
    for (uint32_t i = 0; i < n && width == 3; i++)
        to[i] = base + (hs_get_u32 (from + (size_t)i * 3) & 0xffffff);
    for (uint32_t i = 0; i < n && width >= 4; i++)
        to[i] = base + hs_get_u32 (from + (size_t)i * 4);
}

static void unpack_u64 (uint64_t *to, const uint8_t *from, uint32_t n, unsigned width,
                        uint64_t base)
{
    uint64_t mask = width == 0 ? 0 : UINT64_MAX >> (64 - 8 * width);

    for (uint32_t i = 0; i < n; i++)
        to[i] = base + (hs_get_u64 (from + (size_t)i * width) & mask);
}

void hs_index_unpack (enum hs_column_id column, unsigned value_size,
                      const struct hs_index_entry *entry, const uint8_t *from, uint32_t n,
                      void *values)
{
    uint32_t *small = values;

    if (value_size == 1)
        unpack_u8 (values, from, n, entry->width, (uint8_t)entry->base);
    else if (value_size == 2)
        unpack_u16 (values, from, n, entry->width, (uint16_t)entry->base);
    else if (value_size == 4)
        unpack_u32 (values, from, n, entry->width, (uint32_t)entry->base);
    else
        unpack_u64 (values, from, n, entry->width, entry->base);
    for (uint32_t i = 0; i < n && is_end (column); i++)
        small[i]--;
    for (uint32_t i = 0; i < n && is_stack (column); i++)
        small[i] = small[i] >> 2 | small[i] << 30;
}

/* Whether all values are below `limit`, or `limit` is no matter. */
static bool are_below (const uint32_t *values, uint32_t n, uint64_t limit)
{
    uint32_t max = 0;

    for (uint32_t i = 0; i < n; i++)
        max = values[i] > max ? values[i] : max;
    return max < limit;
}

static bool contexts_are_sound (const void *contexts, const struct hs_index_check *check)
{
    uint32_t n_contexts = check->counts->of[HS_INDEX_CONTEXTS], max = 0;
    struct hs_narrow_values values = { contexts, hs_narrow_bytes (n_contexts) };

    for (uint32_t i = 0; i < check->n; i++)
        max = hs_narrow_at (values, i) > max ? hs_narrow_at (values, i) : max;
    return max < n_contexts;
}

/* None, or an event that was there; rows that count are not ended by one that does not. */
static bool ends_are_sound (const uint32_t *ends, const struct hs_index_check *check)
{
    const uint32_t *counts = check->counts->of;
    uint32_t max = 0;

    for (uint32_t i = 0; i < check->n; i++) /* none + 1 = 0 */
        max = ends[i] + 1 > max ? ends[i] + 1 : max;
    if (max > counts[HS_INDEX_EVENTS])
        return false;
    for (uint32_t i = 0; i < check->n && counts[HS_INDEX_FIRST_EVENT] > 0; i++) {
        if (check->first + i >= counts[HS_INDEX_FIRST_ROW] &&
            ends[i] < counts[HS_INDEX_FIRST_EVENT])
            return false;
    }
    return true;
}

/* None, or an event that was there. */
static bool peaks_are_sound (const uint32_t *events, const struct hs_index_check *check)
{
    bool is_sound = true;

    for (uint32_t i = 0; i < check->n; i++)
        is_sound &= events[i] == HS_NO_EVENT || events[i] < check->counts->of[HS_INDEX_EVENTS];
    return is_sound;
}

/* As many births as there are rows, none of an event that is not there. */
static bool births_are_sound (const uint64_t *bits, const struct hs_index_check *check)
{
    uint64_t n_events = check->counts->of[HS_INDEX_EVENTS], n = 0;

    for (uint32_t i = 0; i < check->n; i++)
        n += (unsigned)__builtin_popcountll (bits[i]);
    if ((check->first + check->n) * 64 > n_events && n_events % 64 != 0 &&
        bits[check->n - 1] >> n_events % 64 != 0)
        return false;
    return check->rank + n == check->next_rank;
}

static bool parents_are_sound (const uint32_t *parents, const struct hs_index_check *check)
{
    bool is_sound = check->first > 0 || parents[0] == HS_NODE_ROOT;

    for (uint32_t i = check->first > 0 ? 0 : 1; i < check->n; i++)
        is_sound &= parents[i] < check->first + i;
    return is_sound;
}

static bool frames_are_sound (const uint64_t *frames, const struct hs_index_check *check)
{
    bool is_sound = true;

    for (uint32_t i = check->first > 0 ? 0 : 1; i < check->n; i++)
        is_sound &= check->parents[i] != HS_NODE_ROOT || frames[i] < check->n_processes;
    return is_sound;
}

static bool segments_are_sound (const uint32_t *firsts, const struct hs_index_check *check)
{
    bool is_sound = check->first > 0 || firsts[0] == 0;

    for (uint32_t i = 1; i < check->n; i++)
        is_sound &= firsts[i - 1] <= firsts[i];
    return is_sound && are_below (firsts, check->n, check->counts->of[HS_INDEX_EVENTS]);
}

static bool bases_are_sound (const uint64_t *bases, uint32_t n)
{
    bool is_sound = true;

    for (uint32_t i = 0; i < n; i++) /* a delta is added */
        is_sound &= (int64_t)bases[i] <= INT64_MAX - UINT16_MAX;
    return is_sound;
}

static bool nodes_are_sound (const uint32_t *nodes, const struct hs_index_check *check)
{
    bool is_sound = true;

    for (uint32_t i = 0; i < check->n; i++)
        is_sound &= nodes[i] == HS_NODE_NONE || nodes[i] < check->counts->of[HS_INDEX_NODES];
    return is_sound;
}

static bool large_sizes_are_sound (const uint64_t *sizes, uint32_t n)
{
    bool is_sound = true;

    for (uint32_t i = 0; i < n; i++)
        is_sound &= sizes[i] <= HS_LIMIT_BLOCK_BYTES;
    return is_sound;
}

bool hs_index_values_are_sound (enum hs_column_id column, const void *values,
                                const struct hs_index_check *check)
{
    const uint32_t *counts = check->counts->of;

    switch (column) {
    case HS_COLUMN_END:
        return ends_are_sound (values, check);
    case HS_COLUMN_CONTEXT:
    case HS_COLUMN_SURVIVOR_CONTEXT:
        return contexts_are_sound (values, check);
    case HS_COLUMN_SUM_PROCESS:
    case HS_COLUMN_WHOLE_PROCESS:
        return are_below (values, check->n, check->n_processes);
    case HS_COLUMN_SUM_SLOT:
        return are_below (values, check->n, counts[HS_INDEX_SLOTS]);
    case HS_COLUMN_SUM_LAST_ROW:
    case HS_COLUMN_SURVIVOR_ROW:
    case HS_COLUMN_PEAK_ROW:
    case HS_COLUMN_WHOLE_ROW:
    case HS_COLUMN_LARGE_ROW:
        return are_below (values, check->n, counts[HS_INDEX_ROWS]);
    case HS_COLUMN_LARGE_SIZE:
        return large_sizes_are_sound (values, check->n);
    case HS_COLUMN_SEGMENT_FIRST:
        return segments_are_sound (values, check);
    case HS_COLUMN_SEGMENT_BASE:
        return bases_are_sound (values, check->n);
    case HS_COLUMN_BIRTH_BITS:
        return births_are_sound (values, check);
    case HS_COLUMN_CONTEXT_PROCESS:
        return are_below (values, check->n, check->n_processes);
    case HS_COLUMN_CONTEXT_HEAP:
        return are_below (values, check->n, check->n_heaps);
    case HS_COLUMN_OVERVIEW_FIRST:
    case HS_COLUMN_OVERVIEW_LAST:
        return are_below (values, check->n, counts[HS_INDEX_EVENTS]);
    case HS_COLUMN_OVERVIEW_PEAK_EVENT:
    case HS_COLUMN_STEP_PEAK_EVENT:
        return peaks_are_sound (values, check);
    case HS_COLUMN_NODE_PARENT:
        return parents_are_sound (values, check);
    case HS_COLUMN_NODE_FRAME:
        return frames_are_sound (values, check);
    case HS_COLUMN_SLOT_NODE:
        return nodes_are_sound (values, check);
    case HS_COLUMN_SIZE:
    case HS_COLUMN_STACK:
    case HS_COLUMN_ADDRESS:
    case HS_COLUMN_TIME_DELTA:
    case HS_COLUMN_BIRTH_RANK:
    case HS_COLUMN_CONTEXT_THREAD:
    case HS_COLUMN_CONTEXT_SOURCE:
    case HS_COLUMN_CONTEXT_ADDRESS_HIGH:
    case HS_COLUMN_OVERVIEW_PROCESS:
    case HS_COLUMN_OVERVIEW_MIN:
    case HS_COLUMN_OVERVIEW_MAX:
    case HS_COLUMN_OVERVIEW_END:
    case HS_COLUMN_OVERVIEW_BIRTH_BYTES:
    case HS_COLUMN_OVERVIEW_FIRST_TIME:
    case HS_COLUMN_OVERVIEW_LAST_TIME:
    case HS_COLUMN_OVERVIEW_BIRTHS:
    case HS_COLUMN_OVERVIEW_LIVE_COUNT:
    case HS_COLUMN_STEP_MIN:
    case HS_COLUMN_STEP_MAX:
    case HS_COLUMN_STEP_END:
    case HS_COLUMN_STEP_BIRTH_BYTES:
    case HS_COLUMN_STEP_FIRST_TIME:
    case HS_COLUMN_STEP_LAST_TIME:
    case HS_COLUMN_STEP_BIRTHS:
    case HS_COLUMN_STEP_LIVE_COUNT:
    case HS_COLUMN_SUM_BYTES:
    case HS_COLUMN_SUM_COUNT:
    case HS_COLUMN_SUM_TEMPORARY:
    case HS_COLUMN_SURVIVOR_SIZE:
    case HS_COLUMN_SURVIVOR_STACK: /* scans look */
    case HS_COLUMN_SURVIVOR_END:
    case HS_COLUMN_PEAK_BYTES:
    case HS_COLUMN_PEAK_COUNT:
    case HS_COLUMN_WHOLE_FREED_BYTES:
    case HS_COLUMN_WHOLE_LIVE_BYTES:
    case HS_COLUMN_WHOLE_TIME:
    case HS_COLUMN_WHOLE_FREED_COUNT:
    case HS_COLUMN_WHOLE_LIVE_COUNT:
    case HS_COLUMN_WHOLE_TEMPORARY:
    case HS_N_COLUMNS:
        break;
    }
    return true;
}

/* The memory is zero: for most columns that will do. */
void hs_index_fill (enum hs_column_id column, const struct hs_index_check *check, void *values)
{
    uint64_t n_births = check->next_rank - check->rank;
    uint32_t *small = values;
    uint64_t *wide = values;

    for (uint32_t i = 0; i < check->n; i++) {
        if (column == HS_COLUMN_END || column == HS_COLUMN_SLOT_NODE)
            small[i] = UINT32_MAX;
        else if (column == HS_COLUMN_NODE_PARENT)
            small[i] = check->first + i > 0 ? (uint32_t)(check->first + i - 1) : HS_NODE_ROOT;
        else if (column != HS_COLUMN_BIRTH_BITS)
            return;
        else if (n_births >= 64)
            wide[i] = UINT64_MAX;
        else
            wide[i] = (UINT64_C (1) << n_births) - 1;
        n_births -= n_births < 64 ? n_births : 64;
    }
}

void hs_index_rank (const uint64_t *bits, uint32_t n, uint64_t rank, uint32_t *ranks)
{
    for (uint32_t i = 0; i < n; i++) {
        ranks[i] = (uint32_t)rank;
        rank += (unsigned)__builtin_popcountll (bits[i]);
    }
}
