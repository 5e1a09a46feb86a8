/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paints what analysis/histogram.h answers: bars of power-of-two sizes, the whole trace as a ghost
 * behind them. */
#ifndef HS_DRAW_HISTOGRAM_PAINTER_H
#define HS_DRAW_HISTOGRAM_PAINTER_H

#include "analysis/call_tree.h"
#include "analysis/histogram.h"
#include "draw/plot.h"

struct hs_histogram_look {
    enum hs_metric metric; /* what the bars tell of the range; PEAK and TOTAL: allocated in it */
    enum hs_metric_unit unit;
    unsigned selected_first, selected_last; /* classes outlined; first > last: none */
};

/* What a bar tells of a class. NET may be negative. */
int64_t hs_histogram_value (const struct hs_size_class_sums *sums,
                            const struct hs_histogram_look *look);

/* Both series share one scale unless the range is so small a part of the trace that its bars would
 * not be seen; then the ghost is divided by this (1, 2, 5, 10, 20 …). */
uint64_t hs_histogram_ghost_divisor (const struct hs_histogram *histogram,
                                     const struct hs_histogram_look *look);

void hs_draw_histogram (cairo_t *cr, const struct hs_draw_style *style, struct hs_rect area,
                        const struct hs_histogram *histogram, const struct hs_histogram_look *look);

/* Where the bar of a class in [first, first + n) stands, over the whole height of the plot. */
struct hs_rect hs_histogram_bar (struct hs_rect area, const struct hs_histogram *histogram,
                                 unsigned size_class);

#endif
