/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the closing index share: index_write.c writes it, index_file.c opens it and
 * brings chunks when they are asked for, index_chunks.c packs and checks the values of a chunk,
 * index_tables.c does both directions of the tables. Numbers here are those of FORMAT.md 9.
 */
#ifndef HS_TRACE_INDEX_PRIVATE_H
#define HS_TRACE_INDEX_PRIVATE_H

#include "base/array.h"
#include "base/span.h"
#include "trace/index_file.h"
#include "trace/trace_private.h"

#define HS_INDEX_VERSION 5u
#define HS_INDEX_START_BYTES 16u
#define HS_INDEX_TRAILER_CHECKED 28u

/* Offsets in the head. */
enum {
    HS_INDEX_AT_VERSION = 0,
    HS_INDEX_AT_N_COLUMNS = 4,
    HS_INDEX_AT_RECORDING = 8,
    HS_INDEX_AT_SEAL = 16,
    HS_INDEX_AT_ENTRY_BYTES = 20,
    HS_INDEX_AT_COUNTS = 24, /* u32 each, in the order of enum hs_index_count */
    HS_INDEX_AT_FIRST_TIME = 80,
    HS_INDEX_AT_LAST_TIME = 88,
    HS_INDEX_AT_TICKS = 96,
    HS_INDEX_AT_TABLES = 104, /* u64 offset in the section, u64 bytes, u32 sum, u32 0 */
    HS_INDEX_AT_BLOCKS = 128, /* the same */
    HS_INDEX_HEAD_BYTES = 152,
};

enum hs_index_count {
    HS_INDEX_EVENTS,
    HS_INDEX_ROWS,
    HS_INDEX_FIRST_EVENT,
    HS_INDEX_FIRST_ROW,
    HS_INDEX_SEGMENTS,
    HS_INDEX_CONTEXTS,
    HS_INDEX_OVERVIEW,
    HS_INDEX_STEPS,
    HS_INDEX_NODES,
    HS_INDEX_SLOTS,
    HS_INDEX_LARGE,
    HS_INDEX_SUMS,
    HS_INDEX_SURVIVORS,
    HS_INDEX_PEAKS,
    HS_N_INDEX_COUNTS,
};

/* Offsets in the entry of a chunk. */
enum {
    HS_INDEX_ENTRY_AT_OFFSET = 0, /* in the section */
    HS_INDEX_ENTRY_AT_BASE = 8,
    HS_INDEX_ENTRY_AT_SUM = 16,
    HS_INDEX_ENTRY_AT_WIDTH = 20, /* u8: bytes a value, 0 = all are the base */
    HS_INDEX_ENTRY_BYTES = 24,
};

struct hs_index_entry {
    uint64_t offset, base;
    uint32_t sum;
    uint8_t width;
};

/* The counts of a trace that decide how long its columns are. */
struct hs_index_counts {
    uint32_t of[HS_N_INDEX_COUNTS];
};
uint64_t hs_index_column_values (const struct hs_index_counts *counts, enum hs_column_id column);
uint64_t hs_index_column_chunks (const struct hs_index_counts *counts, enum hs_column_id column);

/* Values of chunk `chunk` of a column of `n` values. */
static inline uint32_t hs_index_chunk_values (uint64_t n, uint32_t chunk)
{
    uint64_t left = n - (uint64_t)chunk * HS_COLUMN_CHUNK_VALUES;

    return left < HS_COLUMN_CHUNK_VALUES ? (uint32_t)left : HS_COLUMN_CHUNK_VALUES;
}

/* index_chunks.c. Packed values need HS_INDEX_SLACK bytes behind them that may be touched. */
#define HS_INDEX_SLACK 8u
#define HS_INDEX_MAX_CHUNK_BYTES (HS_COLUMN_CHUNK_VALUES * 8u)

/* Packs `n` values of a chunk, as they lie in the column, to `to`; sets base and width. */
void hs_index_pack (enum hs_column_id column, unsigned value_size, const void *values, uint32_t n,
                    uint8_t *to, struct hs_index_entry *entry);
void hs_index_unpack (enum hs_column_id column, unsigned value_size,
                      const struct hs_index_entry *entry, const uint8_t *from, uint32_t n,
                      void *values);

/* What values of a chunk must be for readers to be safe, and to mean something. */
struct hs_index_check {
    const struct hs_index_counts *counts;
    uint64_t n_processes, n_heaps;
    uint64_t first; /* number of the chunk's first value */
    uint32_t n;
    const uint32_t *parents;  /* of the same nodes, for HS_COLUMN_NODE_FRAME */
    uint64_t rank, next_rank; /* for HS_COLUMN_BIRTH_BITS: rows born before it, and after it */
};
bool hs_index_values_are_sound (enum hs_column_id column, const void *values,
                                const struct hs_index_check *check);
/* Harmless values for a chunk that is lost. */
void hs_index_fill (enum hs_column_id column, const struct hs_index_check *check, void *values);
/* The rank column of a chunk of births. */
void hs_index_rank (const uint64_t *bits, uint32_t n, uint64_t rank, uint32_t *ranks);

/* Columns that only make questions quicker: when they are damaged, the rows are read instead. */
static inline bool hs_index_is_of_ranges (enum hs_column_id column)
{
    return column >= HS_COLUMN_SUM_BYTES;
}

struct hs_index_bytes {
    HS_ARRAY (uint8_t) bytes;
};

/* index_blocks.c: the blocks of range_index.h, without their columns. */
bool hs_index_write_blocks (const struct hs_range_index *ranges, struct hs_index_bytes *ret);
/* HS_DAMAGED or HS_NO_MEMORY; what is read then is the caller's to clear. */
enum hs_status hs_index_read_blocks (struct hs_span bytes, const struct hs_index_counts *counts,
                                     struct hs_range_index *ranges);

/* index_tables.c */
bool hs_index_write_tables (const struct hs_tables *tables, struct hs_index_bytes *ret);
/* HS_DAMAGED or HS_NO_MEMORY; what is read then is the caller's to clear. */
enum hs_status hs_index_read_tables (struct hs_span bytes, const struct hs_index_counts *counts,
                                     struct hs_tables *tables);

#endif
