/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Append-only columns; see column.h. */
#include "base/column.h"

#include "base/memory.h"
#include "base/store.h"

#define FIRST_STORED_CHUNK 4

static bool need_directory (struct hs_column *column, size_t n_chunks)
{
    if (column->chunks == NULL)
        column->chunks = hs_alloc_zeroed (n_chunks, sizeof *column->chunks);
    return column->chunks != NULL;
}

bool hs_column_grow (struct hs_column *column)
{
    uint64_t chunk = column->n >> HS_COLUMN_CHUNK_SHIFT;

    if (chunk >= HS_COLUMN_MAX_CHUNKS || !need_directory (column, HS_COLUMN_MAX_CHUNKS))
        return false;
    if (column->chunks[chunk] == NULL && column->store != NULL && chunk >= FIRST_STORED_CHUNK)
        column->chunks[chunk] =
            hs_store_take (column->store, (size_t)HS_COLUMN_CHUNK_VALUES * column->value_size);
    else if (column->chunks[chunk] == NULL)
        column->chunks[chunk] = hs_alloc_array (HS_COLUMN_CHUNK_VALUES, column->value_size);
    return column->chunks[chunk] != NULL;
}

void hs_column_set_store (struct hs_column *column, struct hs_store *store)
{
    for (; column != NULL; column = column->wider)
        column->store = store;
}

bool hs_column_back (struct hs_column *column, uint64_t n, struct hs_column_backing *backing)
{
    /* of no more chunks than it has: memory that was used before is to be cleared */
    if (!need_directory (column, (size_t)(n >> HS_COLUMN_CHUNK_SHIFT) + 1))
        return false;
    column->n = n;
    column->backing = backing;
    return true;
}

void hs_column_publish (const struct hs_column *column, uint32_t chunk, void *values)
{
    __atomic_store_n (&column->chunks[chunk], values, __ATOMIC_RELEASE);
}

const void *hs_column_fetch (const struct hs_column *column, uint64_t chunk)
{
    return column->backing->fetch (column->backing, column, (uint32_t)chunk);
}

/* A chunk is a mapping of its own: of the last one, only the pages behind values are there. */
#define PAGE_BYTES 4096u

static uint64_t fetched_bytes (const struct hs_column *column)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i << HS_COLUMN_CHUNK_SHIFT < column->n; i++) {
        if (__atomic_load_n (&column->chunks[i], __ATOMIC_RELAXED) != NULL)
            n += (uint64_t)HS_COLUMN_CHUNK_VALUES * column->value_size;
    }
    return n;
}

static uint64_t pages (uint64_t n_bytes)
{
    return (n_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

uint64_t hs_column_bytes (const struct hs_column *column)
{
    uint64_t first = 0, end = column->n, n = 0;

    if (column->backing != NULL)
        return fetched_bytes (column);
    for (; column->wider != NULL && column->n_narrow != UINT64_MAX; column = column->wider) {
        n += pages ((column->n_narrow - first) * column->value_size);
        first = column->n_narrow;
    }
    return n + pages ((end - first) * column->value_size);
}

static void clear_part (struct hs_column *column)
{
    uint64_t end = column->store != NULL ? FIRST_STORED_CHUNK : HS_COLUMN_MAX_CHUNKS;

    /* one more chunk may be there than values need; a wider part has none for the values before */
    for (uint64_t i = 0; column->backing == NULL && column->chunks != NULL && i < end &&
                         i <= column->n >> HS_COLUMN_CHUNK_SHIFT;
         i++)
        hs_free (column->chunks[i]);
    hs_free (column->chunks);
    *column = (struct hs_column){ .value_size = column->value_size,
                                  .store = column->store,
                                  .wider = column->wider,
                                  .n_narrow = UINT64_MAX };
}

void hs_column_clear (struct hs_column *column)
{
    for (; column != NULL; column = column->wider)
        clear_part (column);
}
