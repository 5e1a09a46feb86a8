/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way from a tree's top to a row, on which no label stands twice: how recursion is collapsed.
 * A label that comes again, directly or through others, leads back to where it stood, so that
 * every row still stands below one that called it (top-down) or that it called (bottom-up), and
 * what is below a row is counted in it once.
 *
 * One thread. A zeroed trail is valid and empty; a smaller steps.n shortens it.
 */
#ifndef HS_ANALYSIS_LABEL_TRAIL_H
#define HS_ANALYSIS_LABEL_TRAIL_H

#include "base/array.h"

#include <stdbool.h>
#include <stdint.h>

#define HS_TRAIL_NONE UINT32_MAX

struct hs_trail_step {
    uint32_t label;
    uint32_t value; /* the caller's */
};

struct hs_label_trail {
    HS_ARRAY (struct hs_trail_step) steps;
    HS_ARRAY (uint32_t) last_place; /* per label, in steps; true only where that step agrees */
};

/* Where a label stands; HS_TRAIL_NONE when it does not. */
uint32_t hs_label_trail_find (const struct hs_label_trail *trail, uint32_t label);
/* Puts a label at a place, the next one (steps.n) or any: those before it must be put, too, before
 * something is looked up. It must not stand elsewhere. False when memory is out. */
bool hs_label_trail_put (struct hs_label_trail *trail, uint32_t place, uint32_t label,
                         uint32_t value);
void hs_label_trail_clear (struct hs_label_trail *trail);

#endif
