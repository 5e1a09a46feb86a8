/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Paints what analysis/timeline.h answers: outstanding bytes or blocks, allocations up and frees
 * down, and the strip of the whole trace. Steps, never smoothed: what is drawn was so.
 */
#ifndef HS_DRAW_TIMELINE_PAINTER_H
#define HS_DRAW_TIMELINE_PAINTER_H

#include "analysis/call_tree.h"
#include "analysis/row_curves.h"
#include "analysis/timeline.h"
#include "draw/plot.h"

struct hs_draw_flag { /* a mark of the trace */
    int64_t time;
    const char *text;
};

struct hs_draw_level { /* a sample of the resident set */
    int64_t time;
    uint64_t bytes;
};

struct hs_draw_span { /* a time in which not everything was recorded */
    int64_t from, to;
};

struct hs_timeline_look {
    enum hs_metric_unit unit;
    const char *title;         /* translated: "Outstanding bytes" */
    const char *resident_text; /* translated: "resident set" */
    const struct hs_draw_flag *flags;
    size_t n_flags;
    const struct hs_draw_level *levels; /* in time order */
    size_t n_levels;
    const char *gap_text; /* translated: "not recorded" */
    const struct hs_draw_span *gaps;
    size_t n_gaps;
    const char *row_text;            /* translated: "chosen row" */
    const struct hs_row_curves *row; /* its first curve is drawn inside the total; NULL: none */
};

/* Height above the plot that flags need. */
#define HS_TIMELINE_FLAGS 14.0

/* The plot's time range should be the answer's; another one moves the old picture (it is stretched
 * until the new answer is there). The value axis follows the answer. */
void hs_draw_timeline (cairo_t *cr, const struct hs_draw_style *style,
                       const struct hs_time_plot *plot, const struct hs_timeline *timeline,
                       const struct hs_timeline_look *look);

/* The axis of values that hs_draw_timeline uses. */
struct hs_axis hs_timeline_value_axis (const struct hs_time_plot *plot,
                                       const struct hs_timeline *timeline,
                                       const struct hs_timeline_look *look);

/* A resident set far above the outstanding bytes would press them flat: it is drawn divided by this
 * (1, 2, 5, 10, 20 …), and the legend says so. */
uint64_t hs_timeline_level_divisor (const struct hs_time_plot *plot,
                                    const struct hs_timeline *timeline,
                                    const struct hs_timeline_look *look);

struct hs_rates_look {
    enum hs_metric_unit unit;
    const char *allocations_text; /* translated: "allocs/s" */
    const char *frees_text;
};

/* Columns are gathered into bars of some pixels, drawn from the middle up and down to one scale. */
void hs_draw_rates (cairo_t *cr, const struct hs_draw_style *style, const struct hs_time_plot *plot,
                    const struct hs_timeline *timeline, const struct hs_rates_look *look);

/* The strip: the shape of the whole trace. */
void hs_draw_overview (cairo_t *cr, const struct hs_draw_style *style,
                       const struct hs_time_plot *plot, const struct hs_timeline *timeline,
                       enum hs_metric_unit unit);

/* The window into the whole, as the strip shows it. */
void hs_draw_overview_window (cairo_t *cr, const struct hs_draw_style *style,
                              const struct hs_time_plot *plot, int64_t from, int64_t to);

#endif
