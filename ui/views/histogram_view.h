/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Allocation sizes: a click on a class filters by it, a drag by several. */
#ifndef HS_VIEWS_HISTOGRAM_VIEW_H
#define HS_VIEWS_HISTOGRAM_VIEW_H

#include "analysis/histogram.h"
#include "views/chart.h"

#define HS_TYPE_HISTOGRAM_VIEW (hs_histogram_view_get_type ())
G_DECLARE_FINAL_TYPE (HsHistogramView, hs_histogram_view, HS, HISTOGRAM_VIEW, HsChart)

/* A reference is taken. */
void hs_histogram_view_set_histogram (HsHistogramView *self, struct hs_histogram *histogram);

/* By how much the ghost is divided so that both can be seen; 1: not at all. */
guint64 hs_histogram_view_get_ghost_divisor (HsHistogramView *self);

#endif
