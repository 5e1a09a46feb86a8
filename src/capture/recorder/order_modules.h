/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The modules of a recorded process: which are loaded, and when they go. The agent says when a
 * dlclose made one go; another one at its place says so, too. Owned by the process's order, whose
 * thread this is.
 *
 * An address where a module was, and perhaps another is now, means something else from then on: a
 * stack with such a frame is not the one it was before.
 */
#ifndef HS_CAPTURE_RECORDER_ORDER_MODULES_H
#define HS_CAPTURE_RECORDER_ORDER_MODULES_H

#include "base/array.h"
#include "base/error.h"
#include "base/idmap.h"

#include <stdbool.h>
#include <stdint.h>

#define HS_ORDER_LEFT 64u /* ranges kept apart */

struct hs_event_order;

struct hs_order_module {
    uint64_t begin, end, key;
    bool has_gaps; /* the agent tells it part by part */
};

struct hs_order_left { /* a range that modules have left, and how often */
    uint64_t begin, end, n;
};

struct hs_order_modules {
    HS_ARRAY (struct hs_order_module) loaded;
    struct hs_idmap known; /* key -> 1: loaded and told */
    uint32_t n_left;
    struct hs_order_left left[HS_ORDER_LEFT];
};

/* HS_REC_MODULE: told when it is new. */
enum hs_status hs_order_take_module (struct hs_event_order *order, int64_t time,
                                     const uint64_t *words, struct hs_error *err);

/* The module that begins at `begin` was unloaded; nothing when it was never told. */
void hs_order_end_module (struct hs_event_order *order, int64_t time, uint64_t begin);

void hs_order_modules_clear (struct hs_order_modules *modules);

/* How often modules have left the place of the call before a return address. */
static inline uint64_t hs_order_times_left (const struct hs_order_modules *modules, uint64_t frame)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < modules->n_left; i++) {
        if (frame > modules->left[i].begin && frame <= modules->left[i].end)
            n += modules->left[i].n;
    }
    return n;
}

#endif
