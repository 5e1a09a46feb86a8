/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What makes a question about any range of a large trace quick: sums of whole blocks of rows.
 *
 * Level 0 has a block per 2^18 rows or more, each further level one per eight blocks of the level
 * below. A block knows per call stack what its rows are, by size class what they are, and its
 * *survivors*: the rows that were not over when its last row was born. All other rows were over by
 * then, so a block inside a range costs its stacks and its survivors, one before a range its
 * survivors.
 *
 * Built by the writer while rows are appended; nothing in a published block changes, so readers
 * within a snapshot need no lock. A block is never needed: where there is none (its rows got their
 * call stacks later, memory ran out), the rows themselves are read.
 */
#ifndef HS_TRACE_RANGE_INDEX_H
#define HS_TRACE_RANGE_INDEX_H

#include "base/array.h"
#include "base/narrow.h"
#include "trace/tables.h"

#include <stdatomic.h>

/* A range has two blocks that it cuts, whose rows are read one by one: with 2^20 they were most of
 * what a question cost. Smaller ones cost memory: 1.2 B an event with 2^20, 2.3 with 2^18. */
#define HS_RANGE_BLOCK_SHIFT 18
#define HS_RANGE_MAX_SHIFT 21 /* for traces of which much lives long: survivors cost 17 bytes */
#define HS_RANGE_FIRST_BLOCKS                                                                      \
    16 /* below so many blocks a scan is quick enough, and none is built */
#define HS_RANGE_LEVEL_SHIFT 3
#define HS_RANGE_LEVELS 4
#define HS_RANGE_MAX_BLOCKS 4680u /* of all levels, for 2^30 rows: 4096 + 512 + 64 + 8 */

struct hs_block_class {
    uint64_t bytes;
    uint32_t count;
};

/*
 * The values of all blocks, in columns that the closing index has too (FORMAT.md 9). A sum is that
 * of the rows of one stack slot and process; a survivor has a copy of what questions want of its
 * row, for reading four columns at random costs ten times as much.
 */
struct hs_range_columns {
    struct hs_column sum_bytes; /* u64, the others u32 */
    struct hs_column sum_slot, sum_process;
    struct hs_column sum_count;
    struct hs_column sum_temporary; /* of those that are no survivors */
    struct hs_column sum_last_row;
    struct hs_column survivor_row;     /* of a block: ascending */
    struct hs_column survivor_size;    /* HS_SIZE_LARGE: look up */
    struct hs_column survivor_context; /* narrow.h */
    struct hs_column wider_survivor_contexts[HS_NARROW_WIDER];
    struct hs_column survivor_stack; /* its slot; its flags only when has_ends. Peek. */
    struct hs_column survivor_end;   /* only when has_ends. Peek. */
    /* What lived at the peak of all processes together, per slot and then per process for rows
     * without a stack; set with has_ends. */
    struct hs_column peak_bytes; /* u64 */
    struct hs_column peak_count;
    struct hs_column peak_row; /* the newest of them; of none: 0 */
    /* Of the same places, all rows of the whole trace: those that ended, and those that did not. */
    struct hs_column whole_freed_bytes, whole_live_bytes; /* u64, wrapping */
    struct hs_column whole_time;                          /* u64: ticks of the newest's birth */
    struct hs_column whole_freed_count, whole_live_count;
    struct hs_column whole_temporary;
    struct hs_column whole_row, whole_process; /* the newest, and whose it is */
};

struct hs_range_block {
    hs_row_no first;
    uint32_t n_rows;
    uint32_t first_sum, n_sums;
    uint32_t first_survivor, n_survivors;
    uint32_t max_slot;
    struct hs_block_class classes[HS_N_SIZE_CLASSES];
    _Atomic bool is_stale; /* a row got its call stack since */
};

/* While a block is built. */
struct hs_block_sum {
    uint64_t bytes;
    uint32_t slot, process, count, temporary;
    hs_row_no last_row;
};

struct hs_survivor {
    hs_row_no row;
    uint32_t size, context, stack;
    hs_event_no end;
};

struct hs_range_index {
    struct hs_range_columns columns;
    /* level 0, then level 1 …; NULL where there is none */
    struct hs_range_block *_Atomic blocks[HS_RANGE_MAX_BLOCKS];

    /* the writer's */
    uint32_t n_built; /* of level 0 */
    uint64_t n_built_rows;
    uint32_t n_stale;      /* rows of blocks that got their stack too late */
    _Atomic bool is_off;   /* readers see no block any more */
    _Atomic bool has_ends; /* nothing will come any more: survivors know their ends */
    _Atomic uint8_t shift; /* rows of a block of level 0, as a power of two; fixed by the first */
    uint8_t max_shift;
    uint32_t *places; /* per slot: 1 + place in sums of the block being built; all 0 between */
    uint32_t n_places;
    HS_ARRAY (struct hs_block_sum) sums;
    HS_ARRAY (struct hs_survivor) survivors;
    HS_ARRAY (struct hs_range_block *) replaced; /* readers may still use them */
};

struct hs_trace;
struct hs_snapshot;

/* The largest sound block that begins with row `first` and has no row from `end` on; else NULL. */
const struct hs_range_block *hs_range_index_block (const struct hs_snapshot *snapshot,
                                                   hs_row_no first, hs_row_no end);

/* Whether survivors know their ends and flags, or these are to be read from the columns. */
bool hs_range_index_has_ends (const struct hs_snapshot *snapshot);

/* Readers see no block any more. A part of the closing index that was damaged turns the index off
 * too: an answer during which that happened is to be made again. */
bool hs_range_index_is_off (const struct hs_snapshot *snapshot);
void hs_range_index_turn_off (struct hs_range_index *index);

/* Where the next block may begin behind `row`: rows up to there are read one by one. */
hs_row_no hs_range_index_border (const struct hs_snapshot *snapshot, hs_row_no row);

/* Writer: after rows were appended. `is_last`: no row and no stack will come any more. Failing to
 * find memory turns the index off; false then, once. */
bool hs_range_index_build (struct hs_trace *trace, bool is_last);

/* Not for direct use. */
void hs_range_index_set_stale (struct hs_range_index *index, hs_row_no row);

/* Writer: the row has got another stack slot. Inline: every allocation asks. */
static inline void hs_range_index_stale (struct hs_range_index *index, hs_row_no row)
{
    if (__builtin_expect (row < index->n_built_rows, 0))
        hs_range_index_set_stale (index, row);
}

/* For the closing index: the block at a place of `blocks` is `block`, which is taken. False when it
 * cannot be at that place of a trace of `n_rows` rows; then it is the caller's still. */
bool hs_range_index_take_block (struct hs_range_index *index, uint32_t place,
                                struct hs_range_block *block, uint64_t n_rows);

void hs_range_index_init (struct hs_range_index *index);
void hs_range_index_clear (struct hs_range_index *index);
/* Without the columns. */
uint64_t hs_range_index_bytes (const struct hs_range_index *index);

#endif
