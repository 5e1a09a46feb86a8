/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Collapsing recursion; see label_trail.h. A look-up costs the same however long the trail is:
 * recursion is what makes stacks deep. */
#include "analysis/label_trail.h"

uint32_t hs_label_trail_find (const struct hs_label_trail *trail, uint32_t label)
{
    uint32_t place;

    if (label >= trail->last_place.n)
        return HS_TRAIL_NONE;
    place = trail->last_place.items[label];
    return place < trail->steps.n && trail->steps.items[place].label == label ? place
                                                                              : HS_TRAIL_NONE;
}

bool hs_label_trail_put (struct hs_label_trail *trail, uint32_t place, uint32_t label,
                         uint32_t value)
{
    size_t n_known = trail->last_place.n, n = trail->steps.n;

    if (place >= n && !hs_array_reserve (&trail->steps, place + 1 - n))
        return false;
    if (label >= n_known && !hs_array_reserve (&trail->last_place, label + 1 - n_known))
        return false;
    for (; n_known <= label; n_known++)
        trail->last_place.items[n_known] = HS_TRAIL_NONE;
    trail->last_place.n = n_known;
    trail->last_place.items[label] = place;
    trail->steps.n = place >= n ? place + UINT32_C (1) : n;
    trail->steps.items[place] = (struct hs_trail_step){ label, value };
    return true;
}

void hs_label_trail_clear (struct hs_label_trail *trail)
{
    hs_array_clear (&trail->steps);
    hs_array_clear (&trail->last_place);
}
