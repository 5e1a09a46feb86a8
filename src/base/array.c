/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Growth of typed arrays; see array.h. */
#include "base/array.h"

#include <string.h>

bool hs_array_grow (void **items, size_t *capacity, size_t n, size_t more, size_t item_size)
{
    size_t wanted, doubled;
    void *old, *grown;

    if (__builtin_add_overflow (n, more, &wanted))
        return false;
    doubled = *capacity < 8 ? 8 : *capacity + *capacity / 2;
    if (doubled > wanted)
        wanted = doubled;
    memcpy (&old, items, sizeof old); /* `items` points to a pointer of another type */
    grown = hs_realloc_array (old, wanted, item_size);
    if (grown == NULL)
        return false;
    memcpy (items, &grown, sizeof grown);
    *capacity = wanted;
    return true;
}
