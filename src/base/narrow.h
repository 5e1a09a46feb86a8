/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A column (column.h) of numbers of which few are large: a value takes one byte until one comes
 * that does not fit, from the beginning of that chunk on two, and then four. As with all columns,
 * values never move for who reads them: the chunk in which it happens is copied, and readers that
 * knew of it before go on in the narrow one.
 *
 * The column itself has values of one byte, and `n` counts all; behind it are two wider ones. One
 * that comes from a file (hs_column_back) has one width, whatever it is, and nothing behind it.
 */
#ifndef HS_BASE_NARROW_H
#define HS_BASE_NARROW_H

#include "base/column.h"

#define HS_NARROW_WIDER 2

/* Makes `column` an empty one; it and the two at `wider`, which belong to it, stay where they are.
 * Stores, bytes and clearing are asked of `column` alone. */
void hs_narrow_init (struct hs_column *column, struct hs_column wider[HS_NARROW_WIDER]);

/* Not for direct use: whatever is not the usual case. */
bool hs_narrow_append_any (struct hs_column *column, uint32_t value);

/* False when memory is out. */
static inline bool hs_narrow_append (struct hs_column *column, uint32_t value)
{
    uint64_t n = column->n, at = n & (HS_COLUMN_CHUNK_VALUES - 1);

    if (__builtin_expect (at == 0 || value > UINT8_MAX || column->n_narrow != UINT64_MAX, 0))
        return hs_narrow_append_any (column, value);
    ((uint8_t *)column->chunks[n >> HS_COLUMN_CHUNK_SHIFT])[at] = (uint8_t)value;
    column->n = n + 1;
    return true;
}

/* Bytes that every number below `limit` fits into. */
static inline uint8_t hs_narrow_bytes (uint64_t limit)
{
    return limit <= UINT64_C (1) << 8 ? 1 : limit <= UINT64_C (1) << 16 ? 2 : 4;
}

/* The column that has value `i`. */
static inline const struct hs_column *hs_narrow_part (const struct hs_column *column, uint64_t i)
{
    while (column->wider != NULL && i >= __atomic_load_n (&column->n_narrow, __ATOMIC_ACQUIRE))
        column = column->wider;
    return column;
}

/* Lent values, side by side. */
struct hs_narrow_values {
    const void *at;
    uint8_t value_size;
};

static inline uint32_t hs_narrow_at (struct hs_narrow_values values, uint32_t i)
{
    if (__builtin_expect (values.value_size == 1, 1))
        return ((const uint8_t *)values.at)[i];
    return values.value_size == 2 ? ((const uint16_t *)values.at)[i]
                                  : ((const uint32_t *)values.at)[i];
}

/* Lends value `i` and those behind it in its chunk. */
static inline struct hs_narrow_values hs_narrow_values (const struct hs_column *column, uint64_t i)
{
    const struct hs_column *part = hs_narrow_part (column, i);
    const uint8_t *chunk = hs_column_chunk (part, i);

    return (struct hs_narrow_values){ chunk + (i & (HS_COLUMN_CHUNK_VALUES - 1)) * part->value_size,
                                      part->value_size };
}

static inline uint32_t hs_narrow_get (const struct hs_column *column, uint64_t i)
{
    return hs_narrow_at (hs_narrow_values (column, i), 0);
}

#endif
