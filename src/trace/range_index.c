/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sums of blocks of rows; see range_index.h. */
#include "trace/range_index.h"

#include "trace/trace_private.h"

#include <string.h>

/* A block is built when a 16th of its rows stand behind it: stacks follow their events soon. */
#define SETTLE_SHIFT 4

/* Blocks of all levels below: level 0 has at most half of the places, and so on down by eights. */
static uint32_t first_of_level (unsigned level)
{
    static const uint32_t firsts[HS_RANGE_LEVELS] = { 0, 4096, 4608, 4672 };

    return firsts[level];
}

static uint32_t max_of_level (unsigned level)
{
    return UINT32_C (4096) >> HS_RANGE_LEVEL_SHIFT * level;
}

static unsigned shift_of (const struct hs_range_index *index, unsigned level)
{
    return atomic_load_explicit (&index->shift, memory_order_relaxed) +
           HS_RANGE_LEVEL_SHIFT * level;
}

static const struct hs_range_block *block_at (const struct hs_range_index *index, unsigned level,
                                              uint32_t number)
{
    const struct hs_range_block *block;

    if (number >= max_of_level (level))
        return NULL;
    block = atomic_load_explicit (&index->blocks[first_of_level (level) + number],
                                  memory_order_acquire);
    return block != NULL && !atomic_load_explicit (&block->is_stale, memory_order_acquire) ? block
                                                                                           : NULL;
}

const struct hs_range_block *hs_range_index_block (const struct hs_snapshot *snapshot,
                                                   hs_row_no first, hs_row_no end)
{
    const struct hs_range_index *index = &snapshot->trace->range_index;

    if (atomic_load_explicit (&index->is_off, memory_order_relaxed))
        return NULL;
    for (unsigned level = HS_RANGE_LEVELS; level > 0; level--) {
        unsigned shift = shift_of (index, level - 1);
        const struct hs_range_block *block;

        if ((first & ((UINT64_C (1) << shift) - 1)) != 0 || first + (UINT64_C (1) << shift) > end)
            continue;
        block = block_at (index, level - 1, (uint32_t)((uint64_t)first >> shift));
        if (block != NULL && block->max_slot < snapshot->n_slots)
            return block;
    }
    return NULL;
}

bool hs_range_index_is_off (const struct hs_snapshot *snapshot)
{
    return atomic_load_explicit (&snapshot->trace->range_index.is_off, memory_order_acquire);
}

void hs_range_index_turn_off (struct hs_range_index *index)
{
    atomic_store_explicit (&index->is_off, true, memory_order_release);
}

bool hs_range_index_has_ends (const struct hs_snapshot *snapshot)
{
    return atomic_load_explicit (&snapshot->trace->range_index.has_ends, memory_order_acquire);
}

hs_row_no hs_range_index_border (const struct hs_snapshot *snapshot, hs_row_no row)
{
    unsigned shift = shift_of (&snapshot->trace->range_index, 0);
    uint64_t border = (((uint64_t)row >> shift) + 1) << shift;

    return border < snapshot->n_rows ? (hs_row_no)border : snapshot->n_rows;
}

static bool need_places (struct hs_range_index *index, uint32_t n_slots)
{
    uint32_t *grown;
    uint32_t n = n_slots + n_slots / 2;

    if (n_slots <= index->n_places)
        return true;
    grown = hs_realloc_array (index->places, n, sizeof *grown);
    if (grown == NULL)
        return false;
    memset (grown + index->n_places, 0, (n - index->n_places) * sizeof *grown);
    index->places = grown;
    index->n_places = n;
    return true;
}

/* The sum of a slot and process in the block being built; NULL when memory is out. Slots belong to
 * one process but for rows without a stack and for crafted input: then it is searched. */
static struct hs_block_sum *find_sum (struct hs_range_index *index, uint32_t slot, uint32_t process)
{
    uint32_t place = index->places[slot];
    size_t i;

    if (place > 0 && index->sums.items[place - 1].process == process)
        return &index->sums.items[place - 1];
    for (i = 0; place > 0 && i < index->sums.n; i++) {
        if (index->sums.items[i].slot == slot && index->sums.items[i].process == process)
            break;
    }
    if (place == 0 || i == index->sums.n) {
        if (!hs_array_reserve (&index->sums, 1))
            return NULL;
        i = index->sums.n++;
        index->sums.items[i] = (struct hs_block_sum){ .slot = slot, .process = process };
    }
    index->places[slot] = (uint32_t)i + 1;
    return &index->sums.items[i];
}

static bool add_survivor (struct hs_range_index *index, const struct hs_survivor *survivor)
{
    if (!hs_array_reserve (&index->survivors, 1))
        return false;
    index->survivors.items[index->survivors.n++] = *survivor;
    return true;
}

static inline struct hs_block_sum *need_sum (struct hs_range_index *index, uint32_t slot,
                                             uint32_t process)
{
    uint32_t place = index->places[slot];

    return place > 0 && index->sums.items[place - 1].process == process
               ? &index->sums.items[place - 1]
               : find_sum (index, slot, process);
}

/* Rows that lie in one chunk of their columns. */
static bool sum_run (struct hs_trace *trace, struct hs_range_block *block, hs_row_no first,
                     uint32_t n, hs_event_no border)
{
    struct hs_range_index *index = &trace->range_index;
    const struct hs_rows *rows = &trace->rows;
    const uint32_t at = first & (HS_COLUMN_CHUNK_VALUES - 1);
    const uint32_t *const ends = hs_column_chunk_u32 (&rows->end, first) + at;
    const uint32_t *const sizes = hs_column_chunk_u32 (&rows->size, first) + at;
    const uint32_t *const stacks = hs_column_chunk_u32 (&rows->stack, first) + at;
    const struct hs_narrow_values contexts = hs_narrow_values (&rows->context, first);
    const uint64_t n_slots = trace->stacks.slot_node.n;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t stack = stacks[i], slot = stack & HS_ROW_SLOT_MASK;
        uint32_t context = hs_narrow_at (contexts, i);
        bool is_survivor = ends[i] >= border;
        uint64_t size = sizes[i] != HS_SIZE_LARGE ? sizes[i] : hs_rows_size (rows, first + i);
        struct hs_block_class *class = &block->classes[hs_size_class (size)];
        struct hs_block_sum *sum;

        if (slot >= n_slots)
            return false; /* does not happen: slots are made with their first use */
        sum = need_sum (index, slot, hs_column_u32 (&rows->context_process, context));
        if (sum == NULL ||
            (is_survivor &&
             !add_survivor (index,
                            &(struct hs_survivor){ first + i, sizes[i], context, stack, ends[i] })))
            return false;
        sum->bytes += size;
        sum->count++;
        sum->temporary += !is_survivor && (stack & HS_ROW_IS_TEMPORARY) != 0;
        sum->last_row = first + i;
        class->bytes += size;
        class->count++;
        block->max_slot = slot > block->max_slot ? slot : block->max_slot;
    }
    return true;
}

/* Level 0: reads the rows. `border`: the event after the birth of the last one. */
static bool sum_rows (struct hs_trace *trace, struct hs_range_block *block, hs_event_no border)
{
    uint64_t end = (uint64_t)block->first + block->n_rows;
    uint32_t n;

    for (uint64_t row = block->first; row < end; row += n) {
        n = hs_column_run (row, end);
        if (!sum_run (trace, block, (hs_row_no)row, n, border))
            return false;
    }
    return true;
}

/* Rows of `part` that were over before `border` are survivors no more: the temporary ones count. */
static bool add_survivors (struct hs_trace *trace, const struct hs_range_block *part,
                           hs_event_no border)
{
    struct hs_range_index *index = &trace->range_index;
    const struct hs_range_columns *columns = &index->columns;
    const struct hs_rows *rows = &trace->rows;

    for (uint32_t i = part->first_survivor; i < part->first_survivor + part->n_survivors; i++) {
        struct hs_survivor survivor = { .row = hs_column_u32 (&columns->survivor_row, i),
                                        .size = hs_column_u32 (&columns->survivor_size, i),
                                        .context = hs_narrow_get (&columns->survivor_context, i) };
        struct hs_block_sum *sum;

        survivor.stack = hs_column_u32 (&rows->stack, survivor.row);
        survivor.end = hs_column_u32 (&rows->end, survivor.row);
        if (survivor.end >= border) {
            if (!add_survivor (index, &survivor))
                return false;
        } else if ((survivor.stack & HS_ROW_IS_TEMPORARY) != 0) {
            sum = find_sum (index, survivor.stack & HS_ROW_SLOT_MASK,
                            hs_column_u32 (&rows->context_process, survivor.context));
            if (sum == NULL)
                return false;
            sum->temporary++;
        }
    }
    return true;
}

static bool add_sums (struct hs_range_index *index, const struct hs_range_block *part)
{
    const struct hs_range_columns *columns = &index->columns;

    for (uint32_t i = part->first_sum; i < part->first_sum + part->n_sums; i++) {
        struct hs_block_sum *sum = find_sum (index, hs_column_u32 (&columns->sum_slot, i),
                                             hs_column_u32 (&columns->sum_process, i));

        if (sum == NULL)
            return false;
        sum->bytes += hs_column_u64 (&columns->sum_bytes, i);
        sum->count += hs_column_u32 (&columns->sum_count, i);
        sum->temporary += hs_column_u32 (&columns->sum_temporary, i);
        sum->last_row = hs_column_u32 (&columns->sum_last_row, i);
    }
    return true;
}

/* A higher level: adds up eight blocks of the level below. */
static bool sum_blocks (struct hs_trace *trace, struct hs_range_block *block,
                        const struct hs_range_block *const *parts, hs_event_no border)
{
    for (unsigned k = 0; k < 1u << HS_RANGE_LEVEL_SHIFT; k++) {
        const struct hs_range_block *part = parts[k];

        if (!add_sums (&trace->range_index, part))
            return false;
        for (unsigned i = 0; i < HS_N_SIZE_CLASSES; i++) {
            block->classes[i].bytes += part->classes[i].bytes;
            block->classes[i].count += part->classes[i].count;
        }
        block->max_slot = part->max_slot > block->max_slot ? part->max_slot : block->max_slot;
        if (!add_survivors (trace, part, border))
            return false;
    }
    return true;
}

static bool keep_sums (struct hs_range_index *index)
{
    struct hs_range_columns *columns = &index->columns;

    for (size_t i = 0; i < index->sums.n; i++) {
        const struct hs_block_sum *sum = &index->sums.items[i];

        if (!hs_column_append_u64 (&columns->sum_bytes, sum->bytes) ||
            !hs_column_append_u32 (&columns->sum_slot, sum->slot) ||
            !hs_column_append_u32 (&columns->sum_process, sum->process) ||
            !hs_column_append_u32 (&columns->sum_count, sum->count) ||
            !hs_column_append_u32 (&columns->sum_temporary, sum->temporary) ||
            !hs_column_append_u32 (&columns->sum_last_row, sum->last_row))
            return false;
    }
    return true;
}

static bool keep_survivors (struct hs_range_index *index)
{
    struct hs_range_columns *columns = &index->columns;

    for (size_t i = 0; i < index->survivors.n; i++) {
        const struct hs_survivor *survivor = &index->survivors.items[i];

        if (!hs_column_append_u32 (&columns->survivor_row, survivor->row) ||
            !hs_column_append_u32 (&columns->survivor_size, survivor->size) ||
            !hs_narrow_append (&columns->survivor_context, survivor->context) ||
            !hs_column_append_u32 (&columns->survivor_stack, survivor->stack) ||
            !hs_column_append_u32 (&columns->survivor_end, survivor->end))
            return false;
    }
    return true;
}

/* What was gathered becomes the block's own, and it is published. */
static bool publish (struct hs_range_index *index, struct hs_range_block *block, uint32_t at)
{
    struct hs_range_block *old = atomic_load (&index->blocks[at]);
    uint64_t first_sum = index->columns.sum_last_row.n;
    uint64_t first_survivor = index->columns.survivor_end.n;

    if (first_sum + index->sums.n > UINT32_MAX ||
        first_survivor + index->survivors.n > UINT32_MAX || !keep_sums (index) ||
        !keep_survivors (index))
        return false;
    block->first_sum = (uint32_t)first_sum;
    block->n_sums = (uint32_t)index->sums.n;
    block->first_survivor = (uint32_t)first_survivor;
    block->n_survivors = (uint32_t)index->survivors.n;
    if (old != NULL) {
        if (!hs_array_reserve (&index->replaced, 1))
            return false;
        index->replaced.items[index->replaced.n++] = old;
    }
    atomic_store_explicit (&index->blocks[at], block, memory_order_release);
    return true;
}

/* Whether the eight blocks below are there and sound. */
static bool find_parts (const struct hs_range_index *index, unsigned level, uint32_t number,
                        const struct hs_range_block **parts)
{
    for (unsigned k = 0; k < 1u << HS_RANGE_LEVEL_SHIFT; k++) {
        parts[k] = block_at (index, level - 1, (number << HS_RANGE_LEVEL_SHIFT) + k);
        if (parts[k] == NULL)
            return false;
    }
    return true;
}

/* Builds a block anew; that its parts are not all there is no failure. */
static bool build_block (struct hs_trace *trace, unsigned level, uint32_t number)
{
    struct hs_range_index *index = &trace->range_index;
    const struct hs_range_block *parts[1u << HS_RANGE_LEVEL_SHIFT] = { NULL };
    struct hs_snapshot snapshot = trace->published;
    struct hs_range_block *block;
    hs_event_no border;
    bool is_done;

    if (level > 0 && !find_parts (index, level, number, parts))
        return true;
    block = HS_NEW (struct hs_range_block);
    if (block == NULL || !need_places (index, (uint32_t)trace->stacks.slot_node.n)) {
        hs_free (block);
        return false;
    }
    block->first = number << shift_of (index, level);
    block->n_rows = UINT32_C (1) << shift_of (index, level);
    border = hs_snapshot_birth (&snapshot, block->first + block->n_rows - 1) + 1;
    index->sums.n = index->survivors.n = 0;
    is_done =
        level == 0 ? sum_rows (trace, block, border) : sum_blocks (trace, block, parts, border);
    is_done = is_done && publish (index, block, first_of_level (level) + number);
    for (size_t i = 0; i < index->sums.n; i++)
        index->places[index->sums.items[i].slot] = 0;
    if (!is_done)
        hs_free (block);
    return is_done;
}

/* A block of level 0, and those above that it completes. */
static bool build_upwards (struct hs_trace *trace, uint32_t number)
{
    for (unsigned level = 0; level < HS_RANGE_LEVELS; level++, number >>= HS_RANGE_LEVEL_SHIFT) {
        if (number >= max_of_level (level) || !build_block (trace, level, number))
            return number >= max_of_level (level);
        if ((number & ((1u << HS_RANGE_LEVEL_SHIFT) - 1)) != (1u << HS_RANGE_LEVEL_SHIFT) - 1)
            return true;
    }
    return true;
}

/* Those whose rows got stacks in the meantime. */
static bool rebuild (struct hs_trace *trace, unsigned level, uint32_t number)
{
    struct hs_range_index *index = &trace->range_index;
    const struct hs_range_block *block =
        atomic_load (&index->blocks[first_of_level (level) + number]);

    if (block != NULL && !atomic_load (&block->is_stale))
        return true;
    return build_block (trace, level, number);
}

static bool rebuild_all (struct hs_trace *trace)
{
    struct hs_range_index *index = &trace->range_index;

    for (unsigned level = 0; level < HS_RANGE_LEVELS; level++) {
        uint32_t n = index->n_built >> HS_RANGE_LEVEL_SHIFT * level;

        for (uint32_t number = 0; number < n && number < max_of_level (level); number++) {
            if (!rebuild (trace, level, number))
                return false;
        }
    }
    index->n_stale = 0;
    return true;
}

/* At the end of the trace: readers may be at it, but they read the rows until has_ends is set. */
static void set_ends (struct hs_trace *trace)
{
    struct hs_range_columns *columns = &trace->range_index.columns;
    const struct hs_rows *rows = &trace->rows;

    for (uint32_t i = 0; i < columns->survivor_end.n; i++) {
        hs_row_no row = hs_column_u32 (&columns->survivor_row, i);

        hs_column_poke (&columns->survivor_end, i, hs_column_u32 (&rows->end, row));
        hs_column_poke (&columns->survivor_stack, i, hs_column_u32 (&rows->stack, row));
    }
    atomic_store_explicit (&trace->range_index.has_ends, true, memory_order_release);
}

/* Survivors may be at most one of so many rows; else blocks are made larger, where fewer survive.
 */
#define MIN_ROWS_PER_SURVIVOR 6

/* Chooses how large blocks are, by one in the middle of the first. False: there are too few rows.
 */
static bool choose_shift (struct hs_trace *trace)
{
    struct hs_range_index *index = &trace->range_index;
    struct hs_snapshot snapshot = hs_trace_snapshot (trace);
    unsigned shift = shift_of (index, 0);

    if (trace->n_rows >> shift < HS_RANGE_FIRST_BLOCKS)
        return false;
    for (; shift < index->max_shift; shift++) {
        hs_row_no n = (hs_row_no)1 << shift, first = snapshot.n_rows / 2 >> shift << shift;
        hs_event_no border;
        uint32_t n_survivors = 0;

        if (first + n > snapshot.n_rows)
            break;
        border = hs_snapshot_birth (&snapshot, first + n - 1) + 1;
        for (hs_row_no row = first; row < first + n; row++)
            n_survivors += hs_column_u32 (&trace->rows.end, row) >= border;
        if (n_survivors <= n / MIN_ROWS_PER_SURVIVOR)
            break;
    }
    atomic_store_explicit (&index->shift, (uint8_t)shift, memory_order_relaxed);
    return true;
}

static void free_scratch (struct hs_range_index *index)
{
    hs_array_clear (&index->sums);
    hs_array_clear (&index->survivors);
    hs_free (index->places);
    index->places = NULL;
    index->n_places = 0;
}

bool hs_range_index_build (struct hs_trace *trace, bool is_last)
{
    struct hs_range_index *index = &trace->range_index;
    uint64_t settled;
    bool is_done = true;

    if (index->is_off || index->has_ends || (index->n_built == 0 && !choose_shift (trace)))
        return true;
    settled = is_last ? 0 : (UINT64_C (1) << index->shift) >> SETTLE_SHIFT;
    while (is_done && index->n_built < max_of_level (0) &&
           (((uint64_t)index->n_built + 1) << index->shift) + settled <= trace->n_rows)
        is_done = build_upwards (trace, index->n_built++);
    index->n_built_rows = (uint64_t)index->n_built << index->shift;
    if (is_done && is_last && index->n_stale > 0)
        is_done = rebuild_all (trace);
    if (is_done && is_last)
        is_done = index->n_built == 0 || hs_range_index_set_peaks (trace);
    if (!is_done)
        hs_range_index_turn_off (index);
    else if (is_last)
        set_ends (trace);
    if (is_last)
        free_scratch (index);
    return is_done;
}

void hs_range_index_set_stale (struct hs_range_index *index, hs_row_no row)
{
    index->n_stale++;
    for (unsigned level = 0; level < HS_RANGE_LEVELS; level++) {
        uint32_t number = (uint32_t)((uint64_t)row >> shift_of (index, level));
        struct hs_range_block *block =
            atomic_load (&index->blocks[first_of_level (level) + number]);

        if (block != NULL)
            atomic_store_explicit (&block->is_stale, true, memory_order_release);
    }
}

void hs_range_index_init (struct hs_range_index *index)
{
    index->shift = HS_RANGE_BLOCK_SHIFT;
    index->max_shift = HS_RANGE_MAX_SHIFT;
}

bool hs_range_index_take_block (struct hs_range_index *index, uint32_t place,
                                struct hs_range_block *block, uint64_t n_rows)
{
    for (unsigned level = 0; level < HS_RANGE_LEVELS; level++) {
        uint32_t number = place - first_of_level (level);
        unsigned shift = shift_of (index, level);

        if (place < first_of_level (level) || number >= max_of_level (level))
            continue;
        if (index->blocks[place] != NULL || ((uint64_t)number + 1) << shift > n_rows)
            return false;
        block->first = number << shift;
        block->n_rows = UINT32_C (1) << shift;
        index->blocks[place] = block;
        return true;
    }
    return false;
}

void hs_range_index_clear (struct hs_range_index *index)
{
    for (uint32_t i = 0; i < HS_RANGE_MAX_BLOCKS; i++) {
        hs_free (index->blocks[i]);
        index->blocks[i] = NULL;
    }
    for (size_t i = 0; i < index->replaced.n; i++)
        hs_free (index->replaced.items[i]);
    hs_array_clear (&index->replaced);
    free_scratch (index);
}

uint64_t hs_range_index_bytes (const struct hs_range_index *index)
{
    uint64_t n = sizeof *index + index->n_places * sizeof *index->places +
                 index->sums.capacity * sizeof *index->sums.items +
                 index->survivors.capacity * sizeof *index->survivors.items;

    for (uint32_t i = 0; i < HS_RANGE_MAX_BLOCKS; i++)
        n += atomic_load (&index->blocks[i]) != NULL ? sizeof (struct hs_range_block) : 0;
    return n;
}
