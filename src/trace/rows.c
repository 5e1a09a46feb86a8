/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading single values out of the columns; scans read them directly. */
#include "trace/rows.h"

uint64_t hs_rows_size (const struct hs_rows *rows, hs_row_no row)
{
    uint32_t size = hs_column_u32 (&rows->size, row);
    uint32_t low = 0, high;

    if (size != HS_SIZE_LARGE)
        return size;
    high = atomic_load_explicit (&rows->n_large, memory_order_acquire);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (hs_column_u32 (&rows->large_row, middle) < row)
            low = middle + 1;
        else
            high = middle;
    }
    /* a crafted index may name a large size that is not there */
    return low < atomic_load_explicit (&rows->n_large, memory_order_acquire)
               ? hs_column_u64 (&rows->large_size, low)
               : 0;
}
