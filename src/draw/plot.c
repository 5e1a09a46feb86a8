/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the painters along time share; see plot.h. */
#include "draw/plot.h"

#include "draw/label.h"

#include <math.h>

void hs_time_plot_init (struct hs_time_plot *plot, const struct hs_draw_style *style,
                        struct hs_rect area, double above, double below)
{
    double edge = 10; /* the last label of time may stand out a little */

    plot->area = area;
    plot->inside =
        (struct hs_rect){ area.x + (style->is_rtl ? edge : HS_PLOT_GUTTER), area.y + above,
                          fmax (1, floor (area.width - HS_PLOT_GUTTER - edge)),
                          fmax (1, area.height - above - below) };
}

static struct hs_axis time_axis (const struct hs_time_plot *plot)
{
    double rate = (double)plot->ticks_per_second;

    return (struct hs_axis){ (double)plot->from / rate, (double)plot->to / rate, plot->inside.x,
                             plot->inside.x + plot->inside.width, HS_AXIS_SECONDS };
}

double hs_time_plot_x (const struct hs_time_plot *plot, int64_t ticks)
{
    double span = (double)plot->to - (double)plot->from;

    if (span <= 0)
        return plot->inside.x;
    return plot->inside.x + ((double)ticks - (double)plot->from) / span * plot->inside.width;
}

int64_t hs_time_plot_ticks (const struct hs_time_plot *plot, double x)
{
    double share = (x - plot->inside.x) / plot->inside.width;

    if (share <= 0)
        return plot->from;
    if (share >= 1)
        return plot->to;
    return plot->from + (int64_t)(share * ((double)plot->to - (double)plot->from));
}

static void hairline (cairo_t *cr, double x0, double y0, double x1, double y1)
{
    cairo_move_to (cr, x0, y0);
    cairo_line_to (cr, x1, y1);
    cairo_stroke (cr);
}

void hs_draw_time_grid (cairo_t *cr, const struct hs_draw_style *style,
                        const struct hs_time_plot *plot)
{
    struct hs_axis axis = time_axis (plot);
    struct hs_tick ticks[HS_AXIS_MAX_TICKS];
    double below = plot->area.y + plot->area.height - (plot->inside.y + plot->inside.height);
    double apart = fmax (90, hs_draw_label_width (cr, style, "000.000 ms") * 1.6);
    unsigned n = hs_axis_ticks (&axis, apart, ticks);

    cairo_set_line_width (cr, 1);
    for (unsigned i = 0; i < n; i++) {
        double x = floor (hs_axis_pixel (&axis, ticks[i].value)) + 0.5;
        double half;

        hs_draw_set_color (cr, hs_color_fade (style->grid, style->is_high_contrast ? 1 : 0.6));
        hairline (cr, x, plot->inside.y, x, plot->inside.y + plot->inside.height);
        if (below < HS_PLOT_TIME_LABELS)
            continue;
        half = hs_draw_label_width (cr, style, ticks[i].text) / 2;
        hs_draw_label (
            cr, style,
            &(struct hs_text_spot){ .x = fmin (x, plot->area.x + plot->area.width - half - 3),
                                    .y = plot->inside.y + plot->inside.height + below / 2 + 1,
                                    .align = HS_ALIGN_CENTRE,
                                    .color = style->dim },
            ticks[i].text);
    }
}

void hs_draw_value_grid (cairo_t *cr, const struct hs_draw_style *style,
                         const struct hs_time_plot *plot, const struct hs_axis *axis)
{
    struct hs_tick ticks[HS_AXIS_MAX_TICKS];
    unsigned n = hs_axis_ticks (axis, fmax (30, style->font_size * 2.4), ticks);
    double right = plot->inside.x + plot->inside.width;

    cairo_set_line_width (cr, 1);
    for (unsigned i = 0; i < n; i++) {
        double y = floor (hs_axis_pixel (axis, ticks[i].value)) + 0.5;

        hs_draw_set_color (cr, style->grid);
        hairline (cr, plot->inside.x, y, right, y);
        hs_draw_label (
            cr, style,
            &(struct hs_text_spot){ .x = style->is_rtl ? right + 6 : plot->inside.x - 6,
                                    .y = y,
                                    .align = style->is_rtl ? HS_ALIGN_LEFT : HS_ALIGN_RIGHT,
                                    .color = style->dim },
            ticks[i].text);
    }
}

void hs_draw_time_range (cairo_t *cr, const struct hs_draw_style *style,
                         const struct hs_time_plot *plot, int64_t from, int64_t to)
{
    double left = fmax (hs_time_plot_x (plot, from), plot->inside.x - 2);
    double right = fmin (hs_time_plot_x (plot, to), plot->inside.x + plot->inside.width + 2);

    if (right < plot->inside.x || left > plot->inside.x + plot->inside.width)
        return;
    cairo_save (cr);
    cairo_rectangle (cr, plot->inside.x - 1, plot->inside.y - 1, plot->inside.width + 2,
                     plot->inside.height + 2);
    cairo_clip (cr);
    left = floor (left) + 0.5;
    right = fmax (floor (right) + 0.5, left + 1);
    cairo_rectangle (cr, left, plot->inside.y + 0.5, right - left, plot->inside.height - 1);
    hs_draw_set_color (cr, hs_color_fade (style->selection, 0.14));
    cairo_fill_preserve (cr);
    hs_draw_set_color (cr, style->selection);
    cairo_set_line_width (cr, style->is_high_contrast ? 2 : 1);
    cairo_stroke (cr);
    cairo_restore (cr);
}

void hs_draw_moment (cairo_t *cr, const struct hs_draw_style *style,
                     const struct hs_time_plot *plot, int64_t moment)
{
    double x = floor (hs_time_plot_x (plot, moment)) + 0.5;
    double y = plot->inside.y;

    if (x < plot->inside.x || x > plot->inside.x + plot->inside.width + 1)
        return;
    hs_draw_set_color (cr, style->focus);
    cairo_set_line_width (cr, 1.5);
    hairline (cr, x, y, x, y + plot->inside.height);
    cairo_move_to (cr, x - 5, y);
    cairo_line_to (cr, x + 5, y);
    cairo_line_to (cr, x, y + 7);
    cairo_close_path (cr);
    cairo_fill (cr);
}

void hs_draw_cursor (cairo_t *cr, const struct hs_draw_style *style, struct hs_rect mark)
{
    static const double dashes[] = { 3, 3 };
    double x = floor (mark.x + mark.width / 2) + 0.5;

    cairo_save (cr);
    hs_draw_set_color (cr, hs_color_fade (style->foreground, 0.7));
    cairo_set_line_width (cr, 1);
    cairo_set_dash (cr, dashes, 2, 0);
    if (mark.width < 4)
        hairline (cr, x, mark.y, x, mark.y + mark.height);
    else
        cairo_rectangle (cr, floor (mark.x) + 0.5, floor (mark.y) + 0.5, floor (mark.width) - 1,
                         floor (mark.height) - 1);
    cairo_stroke (cr);
    cairo_restore (cr);
}
