/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the charts along time do alike: the shared x axis, marks that are columns of pixels, a drag
 * that is a range, a click that is a moment. Abstract; the panel gives them their answer.
 */
#ifndef HS_VIEWS_TIME_CHART_H
#define HS_VIEWS_TIME_CHART_H

#include "analysis/timeline.h"
#include "views/chart.h"

#define HS_TYPE_TIME_CHART (hs_time_chart_get_type ())
G_DECLARE_DERIVABLE_TYPE (HsTimeChart, hs_time_chart, HS, TIME_CHART, HsChart)

struct _HsTimeChartClass {
    HsChartClass parent_class;

    double above, below; /* room over and under the plot, pixels */
    gboolean is_whole;   /* shows all of the trace, not the part of the axis */
};

/* A reference is taken; NULL: nothing to show yet. */
void hs_time_chart_set_timeline (HsTimeChart *self, struct hs_timeline *timeline);
const struct hs_timeline *hs_time_chart_get_timeline (HsTimeChart *self);

/* As laid out last. */
const struct hs_time_plot *hs_time_chart_get_plot (HsTimeChart *self);

/* The time of a mark: from is exclusive but for the first one. */
void hs_time_chart_get_mark_times (HsTimeChart *self, int mark, gint64 *from, gint64 *to);

/* The answer's column that ends nearest to a time, or NULL. Its own times are to be told: borders
 * of columns may have moved (analysis/timeline.h). */
const struct hs_timeline_column *hs_time_chart_column_at (HsTimeChart *self, gint64 ticks);

#endif
