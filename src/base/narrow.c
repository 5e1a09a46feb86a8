/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Columns that grow wider; see narrow.h. */
#include "base/narrow.h"

void hs_narrow_init (struct hs_column *column, struct hs_column wider[HS_NARROW_WIDER])
{
    *column = hs_column_init (1);
    column->wider = &wider[0];
    wider[0] = hs_column_init (2);
    wider[0].wider = &wider[1];
    wider[1] = hs_column_init (4);
}

static bool append_u8 (struct hs_column *column, uint8_t value)
{
    uint64_t n = column->n;

    if ((n & (HS_COLUMN_CHUNK_VALUES - 1)) == 0 && !hs_column_grow (column))
        return false;
    ((uint8_t *)column->chunks[n >> HS_COLUMN_CHUNK_SHIFT])[n & (HS_COLUMN_CHUNK_VALUES - 1)] =
        value;
    column->n = n + 1;
    return true;
}

static bool append (struct hs_column *part, uint32_t value)
{
    if (part->value_size == 1)
        return append_u8 (part, (uint8_t)value);
    return part->value_size == 2 ? hs_column_append_u16 (part, (uint16_t)value)
                                 : hs_column_append_u32 (part, value);
}

/* The chunk that is being filled, and all behind it, go to the next wider column. */
static bool widen (struct hs_column *part)
{
    struct hs_column *wider = part->wider;
    uint64_t end = part->n, first = end & ~(uint64_t)(HS_COLUMN_CHUNK_VALUES - 1);

    wider->n = first;
    for (uint64_t i = first; i < end; i++) {
        if (!append (wider, hs_narrow_get (part, i)))
            return false;
    }
    __atomic_store_n (&part->n_narrow, first, __ATOMIC_RELEASE);
    return true;
}

bool hs_narrow_append_any (struct hs_column *column, uint32_t value)
{
    struct hs_column *part = column;

    while (part->wider != NULL &&
           (part->n_narrow != UINT64_MAX || value >> 8 * part->value_size != 0)) {
        if (part->n_narrow == UINT64_MAX && !widen (part))
            return false;
        part = part->wider;
    }
    if (!append (part, value))
        return false;
    column->n = part->n;
    return true;
}
