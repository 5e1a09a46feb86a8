/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the painters along time share: where the plot lies, its time axis, and what is laid over
 * it (selected range, moment, marks). Rectangles are in the cairo context's units.
 */
#ifndef HS_DRAW_PLOT_H
#define HS_DRAW_PLOT_H

#include "draw/axis.h"
#include "draw/palette.h"

#include <stdint.h>

struct hs_rect {
    double x, y, width, height;
};

/* Room beside a plot for the labels of its values. */
#define HS_PLOT_GUTTER 64.0
#define HS_PLOT_TIME_LABELS 18.0 /* room below for the labels of time */

struct hs_time_plot {
    struct hs_rect area;       /* all of it: labels and plot */
    struct hs_rect inside;     /* the plot */
    int64_t from, to;          /* ticks at its left and right edge */
    uint64_t ticks_per_second; /* > 0 */
};

/* Lays a plot into `area`: gutter at the left (right in right-to-left), `below` under it. */
void hs_time_plot_init (struct hs_time_plot *plot, const struct hs_draw_style *style,
                        struct hs_rect area, double above, double below);

double hs_time_plot_x (const struct hs_time_plot *plot, int64_t ticks);
int64_t hs_time_plot_ticks (const struct hs_time_plot *plot, double x);

/* Vertical lines at nice times; with labels when there is room below the plot. */
void hs_draw_time_grid (cairo_t *cr, const struct hs_draw_style *style,
                        const struct hs_time_plot *plot);

/* Horizontal lines and labels of a value axis whose pixels run from inside's bottom to its top. */
void hs_draw_value_grid (cairo_t *cr, const struct hs_draw_style *style,
                         const struct hs_time_plot *plot, const struct hs_axis *axis);

/* The selected range, lit and outlined; cut to the plot. */
void hs_draw_time_range (cairo_t *cr, const struct hs_draw_style *style,
                         const struct hs_time_plot *plot, int64_t from, int64_t to);

/* A moment: a line over the height of the plot, with a grip at its top. */
void hs_draw_moment (cairo_t *cr, const struct hs_draw_style *style,
                     const struct hs_time_plot *plot, int64_t moment);

/* What the keyboard cursor stands at, or the pointer hovers over: a dashed line. */
void hs_draw_cursor (cairo_t *cr, const struct hs_draw_style *style, struct hs_rect mark);

#endif
