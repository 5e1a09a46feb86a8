/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Allocations up, frees down, and the strip of the whole trace; see timeline_painter.h. */
#include "draw/timeline_painter.h"

#include "draw/label.h"

#include <math.h>

#define BAR_PIXELS 4.0 /* one of them the gap */

struct bar {
    double opened, closed; /* per second */
    double left, right;
};

/* Columns [first, …) that share a bar; returns the first column of the next one. */
static uint32_t gather (const struct hs_time_plot *plot, const struct hs_timeline *timeline,
                        uint32_t first, enum hs_metric_unit unit, struct bar *bar)
{
    int64_t begin = first == 0 ? timeline->from : timeline->columns[first - 1].end_time;
    double seconds;
    uint32_t i = first;

    *bar = (struct bar){ .left = hs_time_plot_x (plot, begin) };
    do {
        const struct hs_timeline_column *column = &timeline->columns[i];

        bar->opened += (double)(unit == HS_UNIT_BYTES ? column->birth_bytes : column->births);
        bar->closed += (double)(unit == HS_UNIT_BYTES ? column->end_bytes : column->ends);
        bar->right = hs_time_plot_x (plot, column->end_time);
        i++;
    } while (i < timeline->n_columns && bar->right - bar->left < BAR_PIXELS - 0.01);
    seconds = (double)(timeline->columns[i - 1].end_time - begin) / (double)plot->ticks_per_second;
    if (seconds > 0) {
        bar->opened /= seconds;
        bar->closed /= seconds;
    }
    return i;
}

static double highest_bar (const struct hs_time_plot *plot, const struct hs_timeline *timeline,
                           enum hs_metric_unit unit)
{
    double max = 0;
    struct bar bar;

    for (uint32_t i = 0; i < timeline->n_columns;) {
        i = gather (plot, timeline, i, unit, &bar);
        max = fmax (max, fmax (bar.opened, bar.closed));
    }
    return max;
}

static void draw_side_label (cairo_t *cr, const struct hs_draw_style *style,
                             const struct hs_time_plot *plot, double y, const char *text)
{
    double right = plot->inside.x + plot->inside.width;

    hs_draw_label (cr, style,
                   &(struct hs_text_spot){ .x = style->is_rtl ? right + 6 : plot->inside.x - 6,
                                           .y = y,
                                           .align = style->is_rtl ? HS_ALIGN_LEFT : HS_ALIGN_RIGHT,
                                           .color = style->dim,
                                           .max_width = HS_PLOT_GUTTER - 8 },
                   text);
}

void hs_draw_rates (cairo_t *cr, const struct hs_draw_style *style, const struct hs_time_plot *plot,
                    const struct hs_timeline *timeline, const struct hs_rates_look *look)
{
    const struct hs_rect *in = &plot->inside;
    double middle = floor (in->y + in->height / 2), half = in->height / 2 - 1;
    double max = highest_bar (plot, timeline, look->unit);
    struct bar bar;

    hs_draw_time_grid (cr, style, plot);
    cairo_save (cr);
    cairo_rectangle (cr, in->x, in->y, in->width, in->height);
    cairo_clip (cr);
    for (uint32_t i = 0; max > 0 && i < timeline->n_columns;) {
        double width, up, down;

        i = gather (plot, timeline, i, look->unit, &bar);
        width = fmax (1, bar.right - bar.left - 1);
        /* what happened at all is seen */
        up = bar.opened > 0 ? fmax (1, bar.opened / max * half) : 0;
        down = bar.closed > 0 ? fmax (1, bar.closed / max * half) : 0;
        hs_draw_set_color (cr, style->series[0]);
        cairo_rectangle (cr, bar.left, middle - up, width, up);
        cairo_fill (cr);
        hs_draw_set_color (cr, style->freed);
        cairo_rectangle (cr, bar.left, middle + 1, width, down);
        cairo_fill (cr);
    }
    cairo_restore (cr);
    hs_draw_set_color (cr, style->grid);
    cairo_rectangle (cr, in->x, middle, in->width, 1);
    cairo_fill (cr);
    draw_side_label (cr, style, plot, middle - half / 2, look->allocations_text);
    draw_side_label (cr, style, plot, middle + half / 2, look->frees_text);
}

void hs_draw_overview (cairo_t *cr, const struct hs_draw_style *style,
                       const struct hs_time_plot *plot, const struct hs_timeline *timeline,
                       enum hs_metric_unit unit)
{
    const struct hs_rect *in = &plot->inside;
    double x = hs_time_plot_x (plot, timeline->from), max = 1;

    for (uint32_t i = 0; i < timeline->n_columns; i++)
        max = fmax (max, (double)(unit == HS_UNIT_BYTES ? timeline->columns[i].max_bytes
                                                        : timeline->columns[i].live_count));
    cairo_save (cr);
    cairo_rectangle (cr, in->x, in->y, in->width, in->height);
    cairo_clip (cr);
    cairo_move_to (cr, x, in->y + in->height);
    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        const struct hs_timeline_column *column = &timeline->columns[i];
        double right = hs_time_plot_x (plot, column->end_time);
        double value = (double)(unit == HS_UNIT_BYTES ? column->max_bytes : column->live_count);
        double y = in->y + in->height - value / max * (in->height - 2);

        cairo_line_to (cr, x, y);
        cairo_line_to (cr, right, y);
        x = right;
    }
    cairo_line_to (cr, x, in->y + in->height);
    cairo_close_path (cr);
    hs_draw_set_color (cr, style->ghost);
    cairo_fill (cr);
    cairo_restore (cr);
}

void hs_draw_overview_window (cairo_t *cr, const struct hs_draw_style *style,
                              const struct hs_time_plot *plot, int64_t from, int64_t to)
{
    const struct hs_rect *in = &plot->inside;
    double left = fmax (in->x, floor (hs_time_plot_x (plot, from)));
    double right = fmin (in->x + in->width, ceil (hs_time_plot_x (plot, to)));

    right = fmax (right, left + 4);
    hs_draw_set_color (cr, hs_color_fade (style->selection, 0.12));
    cairo_rectangle (cr, left, in->y, right - left, in->height);
    cairo_fill (cr);
    hs_draw_set_color (cr, style->selection);
    cairo_set_line_width (cr, 2);
    cairo_rectangle (cr, left + 1, in->y + 1, right - left - 2, in->height - 2);
    cairo_stroke (cr);
}
