/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An append-only column of 32-bit values (or 64-bit) in fixed chunks. Values never move, so a
 * reader that knows how many values were published may read them without a lock while the one
 * writer goes on appending.
 *
 * The chunk directory is itself fixed (a top table of pages), so nothing a reader holds is ever
 * reallocated. A value already published may be changed with hs_column_poke and read with
 * hs_column_peek (relaxed atomics); everything else is read plainly.
 */
#ifndef HS_BASE_COLUMN_H
#define HS_BASE_COLUMN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HS_COLUMN_CHUNK_SHIFT 16
#define HS_COLUMN_CHUNK_VALUES (UINT32_C (1) << HS_COLUMN_CHUNK_SHIFT)
#define HS_COLUMN_MAX_CHUNKS (UINT32_C (1) << 16) /* 2^32 values in all */

struct hs_column;
struct hs_store;

/*
 * Where the chunks of a finished column come from when they are not in memory yet: a file. `fetch`
 * is called from any thread by the first reader that needs the chunk; it makes the chunk, publishes
 * it with hs_column_publish, keeps it for the column's life, and never fails - what it does when
 * the file does is its business (trace/index_file.h).
 */
struct hs_column_backing {
    const void *(*fetch) (struct hs_column_backing *backing, const struct hs_column *column,
                          uint32_t chunk);
};

struct hs_column {
    void **chunks; /* HS_COLUMN_MAX_CHUNKS pointers, reserved on first use, touched as needed; with
                      a backing as many as it has */
    uint64_t n;    /* values appended; the writer's business */
    struct hs_store *store; /* where chunks behind the first few come from; NULL: hs_alloc_array */
    struct hs_column_backing *backing; /* NULL: all chunks are in memory and the column's own */
    struct hs_column *wider;           /* narrow.h: values from n_narrow on; NULL: there is none */
    uint64_t n_narrow;                 /* a multiple of a chunk; UINT64_MAX: all are here */
    uint8_t value_size;
};

/* `value_size` is 1, 2, 4 or 8 bytes. No memory is taken yet. */
static inline struct hs_column hs_column_init (uint8_t value_size)
{
    return (struct hs_column){ .n_narrow = UINT64_MAX, .value_size = value_size };
}

/* Not for direct use: makes the chunk that value number column->n falls into. */
bool hs_column_grow (struct hs_column *column);

/* For an empty column: from now on chunks come from the store (store.h), which outlives it. The
 * first few do not: small traces shall not take large pages. */
void hs_column_set_store (struct hs_column *column, struct hs_store *store);

/* Makes an empty column one of `n` values that come from `backing`; false when memory is out. */
bool hs_column_back (struct hs_column *column, uint64_t n, struct hs_column_backing *backing);

/* For fetch: from now on readers find the chunk there. */
void hs_column_publish (const struct hs_column *column, uint32_t chunk, void *values);

/* Not for direct use: a chunk that is not in memory. */
const void *hs_column_fetch (const struct hs_column *column, uint64_t chunk);

/* Not for direct use: the chunk of value `i`. The branch is never taken in columns of their own. */
static inline const void *hs_column_chunk (const struct hs_column *column, uint64_t i)
{
    const void *chunk =
        __atomic_load_n (&column->chunks[i >> HS_COLUMN_CHUNK_SHIFT], __ATOMIC_ACQUIRE);

    if (__builtin_expect (chunk == NULL, 0))
        chunk = hs_column_fetch (column, i >> HS_COLUMN_CHUNK_SHIFT);
    return chunk;
}

static inline bool hs_column_append_u16 (struct hs_column *column, uint16_t value)
{
    uint64_t n = column->n;

    if ((n & (HS_COLUMN_CHUNK_VALUES - 1)) == 0 && !hs_column_grow (column))
        return false;
    ((uint16_t *)column->chunks[n >> HS_COLUMN_CHUNK_SHIFT])[n & (HS_COLUMN_CHUNK_VALUES - 1)] =
        value;
    column->n = n + 1;
    return true;
}

static inline bool hs_column_append_u32 (struct hs_column *column, uint32_t value)
{
    uint64_t n = column->n;

    if ((n & (HS_COLUMN_CHUNK_VALUES - 1)) == 0 && !hs_column_grow (column))
        return false;
    ((uint32_t *)column->chunks[n >> HS_COLUMN_CHUNK_SHIFT])[n & (HS_COLUMN_CHUNK_VALUES - 1)] =
        value;
    column->n = n + 1;
    return true;
}

static inline bool hs_column_append_u64 (struct hs_column *column, uint64_t value)
{
    uint64_t n = column->n;

    if ((n & (HS_COLUMN_CHUNK_VALUES - 1)) == 0 && !hs_column_grow (column))
        return false;
    ((uint64_t *)column->chunks[n >> HS_COLUMN_CHUNK_SHIFT])[n & (HS_COLUMN_CHUNK_VALUES - 1)] =
        value;
    column->n = n + 1;
    return true;
}

/* Lends the values of the chunk that holds value `i`, for scans: index with i & (CHUNK - 1). */
static inline const uint32_t *hs_column_chunk_u32 (const struct hs_column *column, uint64_t i)
{
    return hs_column_chunk (column, i);
}

/* How many values from `i` on, up to `end`, lie in the chunk of value `i`. */
static inline uint32_t hs_column_run (uint64_t i, uint64_t end)
{
    uint64_t n = HS_COLUMN_CHUNK_VALUES - (i & (HS_COLUMN_CHUNK_VALUES - 1));

    return (uint32_t)(n < end - i ? n : end - i);
}

static inline uint32_t hs_column_u32 (const struct hs_column *column, uint64_t i)
{
    return hs_column_chunk_u32 (column, i)[i & (HS_COLUMN_CHUNK_VALUES - 1)];
}

static inline uint16_t hs_column_u16 (const struct hs_column *column, uint64_t i)
{
    return ((const uint16_t *)hs_column_chunk (column, i))[i & (HS_COLUMN_CHUNK_VALUES - 1)];
}

static inline uint64_t hs_column_u64 (const struct hs_column *column, uint64_t i)
{
    return ((const uint64_t *)hs_column_chunk (column, i))[i & (HS_COLUMN_CHUNK_VALUES - 1)];
}

/* A value that the writer may still change. */
static inline uint32_t hs_column_peek (const struct hs_column *column, uint64_t i)
{
    const uint32_t *at = &hs_column_chunk_u32 (column, i)[i & (HS_COLUMN_CHUNK_VALUES - 1)];

    return __atomic_load_n (at, __ATOMIC_RELAXED);
}

static inline void hs_column_poke (struct hs_column *column, uint64_t i, uint32_t value)
{
    uint32_t *at =
        (uint32_t *)column->chunks[i >> HS_COLUMN_CHUNK_SHIFT] + (i & (HS_COLUMN_CHUNK_VALUES - 1));

    __atomic_store_n (at, value, __ATOMIC_RELAXED);
}

/* Brings a 32-bit value into the cache ahead of its change. */
static inline void hs_column_prefetch (const struct hs_column *column, uint64_t i)
{
    __builtin_prefetch (&hs_column_chunk_u32 (column, i)[i & (HS_COLUMN_CHUNK_VALUES - 1)], 1);
}

/* As peek and poke, for 64-bit columns. */
static inline uint64_t hs_column_peek_u64 (const struct hs_column *column, uint64_t i)
{
    const uint64_t *at =
        (const uint64_t *)hs_column_chunk (column, i) + (i & (HS_COLUMN_CHUNK_VALUES - 1));

    return __atomic_load_n (at, __ATOMIC_RELAXED);
}

static inline void hs_column_poke_u64 (struct hs_column *column, uint64_t i, uint64_t value)
{
    uint64_t *at =
        (uint64_t *)column->chunks[i >> HS_COLUMN_CHUNK_SHIFT] + (i & (HS_COLUMN_CHUNK_VALUES - 1));

    __atomic_store_n (at, value, __ATOMIC_RELAXED);
}

/* Bytes of memory behind the values, whole pages, for the memory budget. */
uint64_t hs_column_bytes (const struct hs_column *column);

void hs_column_clear (struct hs_column *column);

#endif
