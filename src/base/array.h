/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Typed growing arrays: HS_ARRAY (struct point) points; then hs_array_reserve (&points, 1) and
 * points.items[points.n++] = value. A zeroed array is valid and empty. Items move when it grows.
 */
#ifndef HS_BASE_ARRAY_H
#define HS_BASE_ARRAY_H

#include "base/memory.h"

#include <stdbool.h>

#define HS_ARRAY(type)                                                                             \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t n;                                                                                  \
        size_t capacity;                                                                           \
    }

/* Makes room for `more` items behind the last; false when memory is out. */
#define hs_array_reserve(array, more)                                                              \
    ((array)->capacity - (array)->n >= (more)                                                      \
         ? true                                                                                    \
         : hs_array_grow ((void **)&(array)->items, &(array)->capacity, (array)->n, (more),        \
                          sizeof *(array)->items))

#define hs_array_clear(array)                                                                      \
    do {                                                                                           \
        hs_free ((array)->items);                                                                  \
        (array)->items = NULL;                                                                     \
        (array)->n = (array)->capacity = 0;                                                        \
    } while (0)

/* Not for direct use. */
bool hs_array_grow (void **items, size_t *capacity, size_t n, size_t more, size_t item_size);

#endif
