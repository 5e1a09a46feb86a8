/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A row's bytes over time; see sparkline_painter.h. */
#include "draw/sparkline_painter.h"

#include <math.h>

static double y_of (struct hs_rect area, const struct hs_row_curve *curve, uint64_t bytes)
{
    return area.y + area.height - (double)bytes / (double)curve->max * area.height;
}

static uint64_t value_of (const struct hs_row_curve *curve, uint32_t column, bool is_all)
{
    const struct hs_row_value *value = &curve->values[column];

    return is_all ? value->stays + value->freed : value->stays;
}

static void step_path (cairo_t *cr, struct hs_rect area, const struct hs_row_curve *curve,
                       uint32_t n_columns, bool is_all)
{
    double x = area.x;

    for (uint32_t i = 0; i < n_columns; i++) {
        double y = y_of (area, curve, value_of (curve, i, is_all));

        cairo_line_to (cr, x, y);
        x = area.x + area.width * (i + 1) / n_columns;
        cairo_line_to (cr, x, y);
    }
}

static void fill_steps (cairo_t *cr, struct hs_rect area, const struct hs_row_curve *curve,
                        uint32_t n_columns, bool is_all)
{
    cairo_move_to (cr, area.x, area.y + area.height);
    step_path (cr, area, curve, n_columns, is_all);
    cairo_line_to (cr, area.x + area.width, area.y + area.height);
    cairo_close_path (cr);
    cairo_fill (cr);
}

/* Only where something stays: along the bottom it would look like a little. */
static void stroke_edge (cairo_t *cr, struct hs_rect area, const struct hs_row_curve *curve,
                         uint32_t n_columns)
{
    double x = area.x;

    cairo_new_path (cr);
    for (uint32_t i = 0; i < n_columns; i++) {
        double right = area.x + area.width * (i + 1) / n_columns;
        double y = y_of (area, curve, curve->values[i].stays);

        if (i == 0 || curve->values[i].stays == 0)
            cairo_move_to (cr, right, y);
        if (curve->values[i].stays > 0) {
            cairo_line_to (cr, x, y);
            cairo_line_to (cr, right, y);
        }
        x = right;
    }
    cairo_set_line_width (cr, 1);
    cairo_stroke (cr);
}

void hs_draw_sparkline (cairo_t *cr, const struct hs_draw_style *style, struct hs_rect area,
                        const struct hs_row_curve *curve, uint32_t n_columns)
{
    bool stays_any = false;

    if (curve->max == 0 || n_columns == 0)
        return;
    for (uint32_t i = 0; i < n_columns; i++)
        stays_any |= curve->values[i].stays > 0;
    cairo_save (cr);
    cairo_rectangle (cr, area.x, area.y, area.width, area.height);
    cairo_clip (cr);
    hs_draw_set_color (cr, style->freed);
    fill_steps (cr, area, curve, n_columns, true);
    if (stays_any) {
        hs_draw_set_color (cr, hs_color_fade (style->leak, 0.8));
        fill_steps (cr, area, curve, n_columns, false);
        hs_draw_set_color (cr, style->leak);
        stroke_edge (cr, area, curve, n_columns);
    }
    cairo_restore (cr);
}
