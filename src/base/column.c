/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Append-only columns; see column.h. */
#include "base/column.h"

#include "base/memory.h"

bool hs_column_grow (struct hs_column *column)
{
    uint64_t chunk = column->n >> HS_COLUMN_CHUNK_SHIFT;

    if (chunk >= HS_COLUMN_MAX_CHUNKS)
        return false;
    if (column->chunks == NULL) {
        column->chunks = hs_alloc_zeroed (HS_COLUMN_MAX_CHUNKS, sizeof *column->chunks);
        if (column->chunks == NULL)
            return false;
    }
    if (column->chunks[chunk] == NULL)
        column->chunks[chunk] = hs_alloc_array (HS_COLUMN_CHUNK_VALUES, column->value_size);
    return column->chunks[chunk] != NULL;
}

/* A chunk is a mapping of its own: of the last one, only the pages behind values are there. */
#define PAGE_BYTES 4096u

uint64_t hs_column_bytes (const struct hs_column *column)
{
    return (column->n * column->value_size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

void hs_column_clear (struct hs_column *column)
{
    if (column->chunks != NULL) {
        for (uint32_t i = 0; i < HS_COLUMN_MAX_CHUNKS && column->chunks[i] != NULL; i++)
            hs_free (column->chunks[i]);
        hs_free (column->chunks);
    }
    *column = (struct hs_column){ .value_size = column->value_size };
}
