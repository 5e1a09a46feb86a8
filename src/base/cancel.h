/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One atomic flag: set by whoever lost interest, looked at by whoever works. Any thread. */
#ifndef HS_BASE_CANCEL_H
#define HS_BASE_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct hs_cancel {
    atomic_bool is_set;
};

static inline void hs_cancel_set (struct hs_cancel *cancel)
{
    atomic_store_explicit (&cancel->is_set, true, memory_order_relaxed);
}

/* NULL never cancels. Cheap enough for once per few thousand rows. */
static inline bool hs_cancel_is_set (const struct hs_cancel *cancel)
{
    return cancel != NULL && atomic_load_explicit (&cancel->is_set, memory_order_relaxed);
}

#endif
