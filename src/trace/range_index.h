/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What makes a question about any range of a large trace quick: sums of whole blocks of rows.
 *
 * Level 0 has a block per 2^20 rows, each further level one per eight blocks of the level below. A
 * block knows per call stack what its rows are, by size class what they are, and its *survivors*:
 * the rows that were not over when its last row was born. All other rows were over by then, so a
 * block inside a range costs its stacks and its survivors, one before a range its survivors.
 *
 * Built by the writer while rows are appended; nothing in a published block changes, so readers
 * within a snapshot need no lock. A block is never needed: where there is none (its rows got their
 * call stacks later, memory ran out), the rows themselves are read.
 */
#ifndef HS_TRACE_RANGE_INDEX_H
#define HS_TRACE_RANGE_INDEX_H

#include "base/array.h"
#include "trace/tables.h"

#include <stdatomic.h>

#define HS_RANGE_BLOCK_SHIFT 20
#define HS_RANGE_LEVEL_SHIFT 3
#define HS_RANGE_LEVELS 4
#define HS_RANGE_MAX_BLOCKS 4680u /* of all levels, for 2^32 rows: 4096 + 512 + 64 + 8 */

struct hs_block_sum { /* rows of one stack slot and process */
    uint64_t bytes;
    uint32_t slot, process;
    uint32_t count;
    uint32_t temporary; /* of those that are no survivors */
    hs_row_no last_row;
};

/* A row that outlives its block, with what questions want of it: reading four columns at random
 * costs ten times as much. */
struct hs_survivor {
    hs_row_no row;
    uint32_t size; /* HS_SIZE_LARGE: look up */
    uint32_t context;
    uint32_t stack;  /* its slot; its flags only when has_ends */
    hs_event_no end; /* only when has_ends */
};

struct hs_block_class {
    uint64_t bytes;
    uint32_t count;
};

struct hs_range_block {
    hs_row_no first;
    uint32_t n_rows;
    uint32_t n_sums, n_survivors;
    uint32_t max_slot;
    struct hs_block_sum *sums;
    struct hs_survivor *survivors; /* ascending rows */
    struct hs_block_class classes[HS_N_SIZE_CLASSES];
    _Atomic bool is_stale; /* a row got its call stack since */
};

struct hs_range_index {
    /* level 0, then level 1 …; NULL where there is none */
    struct hs_range_block *_Atomic blocks[HS_RANGE_MAX_BLOCKS];

    /* the writer's */
    uint32_t n_built; /* of level 0 */
    uint64_t n_built_rows;
    uint32_t n_stale;      /* rows of blocks that got their stack too late */
    _Atomic bool is_off;   /* readers see no block any more */
    _Atomic bool has_ends; /* nothing will come any more: survivors know their ends */
    uint8_t shift;         /* rows of a block of level 0, as a power of two */
    uint32_t *places;      /* per slot: 1 + place in sums of the block being built; all 0 between */
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

void hs_range_index_init (struct hs_range_index *index);
void hs_range_index_clear (struct hs_range_index *index);
uint64_t hs_range_index_bytes (const struct hs_range_index *index);

#endif
