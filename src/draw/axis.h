/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An axis: values to pixels and back, and ticks at numbers a person would choose. Bytes step by
 * powers of two, counts by 1-2-5, time by 1-2-5 up to a minute and by minutes and hours above.
 */
#ifndef HS_DRAW_AXIS_H
#define HS_DRAW_AXIS_H

#include "base/units.h"

enum hs_axis_unit {
    HS_AXIS_BYTES,
    HS_AXIS_COUNT,
    HS_AXIS_SECONDS,
};

struct hs_axis {
    double min, max;   /* values; min < max */
    double begin, end; /* pixels of min and max; end < begin for an axis that goes up */
    enum hs_axis_unit unit;
};

#define HS_AXIS_MAX_TICKS 64

struct hs_tick {
    double value;
    char text[HS_UNITS_TEXT_SIZE];
};

static inline double hs_axis_pixel (const struct hs_axis *axis, double value)
{
    return axis->begin + (value - axis->min) / (axis->max - axis->min) * (axis->end - axis->begin);
}

static inline double hs_axis_value (const struct hs_axis *axis, double pixel)
{
    return axis->min + (pixel - axis->begin) / (axis->end - axis->begin) * (axis->max - axis->min);
}

/* Ticks at least `pixels_apart` from each other; returns how many. */
unsigned hs_axis_ticks (const struct hs_axis *axis, double pixels_apart,
                        struct hs_tick ticks[HS_AXIS_MAX_TICKS]);

/* The distance of ticks: the least nice number that is not less than `least`. */
double hs_axis_nice_step (enum hs_axis_unit unit, double least);

/* "412 k", "1.2 M": counts as they stand at ticks; buffer of HS_UNITS_TEXT_SIZE. */
const char *hs_axis_count_text (double count, char *text);

#endif
