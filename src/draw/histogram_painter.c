/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bars of power-of-two sizes; see histogram_painter.h. */
#include "draw/histogram_painter.h"

#include "draw/label.h"

#include <math.h>
#include <stdio.h>

#define SIDE 10.0
#define ABOVE 18.0
#define BELOW 20.0
#define MAX_BAR 46.0

int64_t hs_histogram_value (const struct hs_size_class_sums *sums,
                            const struct hs_histogram_look *look)
{
    const uint64_t *part = look->unit == HS_UNIT_BYTES ? sums->bytes : sums->count;

    switch (look->metric) {
    case HS_METRIC_OUTSTANDING:
        return (int64_t)(part[1] + part[3]);
    case HS_METRIC_NET:
        return (int64_t)(part[1] - part[2]);
    case HS_METRIC_AIFI:
        return (int64_t)part[0];
    case HS_METRIC_AIFO:
        return (int64_t)part[1];
    case HS_METRIC_AOFI:
        return (int64_t)part[2];
    case HS_METRIC_AOFO:
        return (int64_t)part[3];
    case HS_METRIC_TOTAL:
    case HS_METRIC_PEAK:
    case HS_METRIC_TEMPORARY:
    case HS_N_METRICS:
        break;
    }
    return (int64_t)(part[0] + part[1]);
}

static uint64_t ghost_value (const struct hs_size_class_sums *sums,
                             const struct hs_histogram_look *look)
{
    return look->unit == HS_UNIT_BYTES ? sums->whole_bytes : sums->whole_count;
}

static double highest_bar (const struct hs_histogram *histogram,
                           const struct hs_histogram_look *look)
{
    double max = 0;

    for (unsigned i = histogram->first; i < histogram->first + histogram->n; i++)
        max = fmax (max, fabs ((double)hs_histogram_value (&histogram->classes[i], look)));
    return max;
}

static double highest_ghost (const struct hs_histogram *histogram,
                             const struct hs_histogram_look *look)
{
    double max = 0;

    for (unsigned i = histogram->first; i < histogram->first + histogram->n; i++)
        max = fmax (max, (double)ghost_value (&histogram->classes[i], look));
    return max;
}

uint64_t hs_histogram_ghost_divisor (const struct hs_histogram *histogram,
                                     const struct hs_histogram_look *look)
{
    double bars = highest_bar (histogram, look), ghosts = highest_ghost (histogram, look);

    if (bars <= 0 || ghosts <= 6 * bars)
        return 1;
    return (uint64_t)hs_axis_nice_step (HS_AXIS_COUNT, ghosts / (2 * bars));
}

struct hs_rect hs_histogram_bar (struct hs_rect area, const struct hs_histogram *histogram,
                                 unsigned size_class)
{
    double slot = (area.width - 2 * SIDE) / fmax (1, histogram->n);
    double width = fmin (MAX_BAR, slot * 0.82);
    double x = area.x + SIDE + ((double)size_class - histogram->first) * slot;

    return (struct hs_rect){ x + (slot - width) / 2, area.y + ABOVE, width,
                             fmax (1, area.height - ABOVE - BELOW) };
}

/* The lower bound of a class, short: "8", "2K", "1M". */
static void bound_text (unsigned size_class, char *text, size_t size)
{
    static const char suffixes[] = " KMGTPE";
    unsigned power = size_class - 1, unit;

    if (size_class == 0) {
        (void)snprintf (text, size, "0");
        return;
    }
    unit = power / 10;
    if (unit == 0)
        (void)snprintf (text, size, "%u", 1u << power);
    else
        (void)snprintf (text, size, "%u%c", 1u << power % 10, suffixes[unit]);
}

static void draw_bounds (cairo_t *cr, const struct hs_draw_style *style, struct hs_rect area,
                         const struct hs_histogram *histogram)
{
    double slot = (area.width - 2 * SIDE) / histogram->n;
    unsigned every = slot >= 34 ? 1 : slot >= 17 ? 2 : slot >= 9 ? 4 : 8;
    char text[16];

    for (unsigned i = histogram->first; i < histogram->first + histogram->n; i++) {
        struct hs_rect bar = hs_histogram_bar (area, histogram, i);

        /* the same classes are named whatever the first one is */
        if (i % every != 0)
            continue;
        bound_text (i, text, sizeof text);
        hs_draw_label (cr, style,
                       &(struct hs_text_spot){ .x = bar.x + bar.width / 2,
                                               .y = area.y + area.height - BELOW / 2 + 1,
                                               .align = HS_ALIGN_CENTRE,
                                               .color = style->dim },
                       text);
    }
}

static void draw_scale (cairo_t *cr, const struct hs_draw_style *style, struct hs_rect area,
                        const struct hs_axis *axis)
{
    struct hs_tick ticks[HS_AXIS_MAX_TICKS];
    unsigned n = hs_axis_ticks (axis, fmax (40, style->font_size * 3), ticks);

    for (unsigned i = 1; i < n; i++) { /* the one at zero is the base line */
        double y = floor (hs_axis_pixel (axis, ticks[i].value));

        hs_draw_set_color (cr, style->grid);
        cairo_rectangle (cr, area.x + SIDE, y, area.width - 2 * SIDE, 1);
        cairo_fill (cr);
        hs_draw_label (cr, style,
                       &(struct hs_text_spot){ .x = area.x + SIDE,
                                               .y = y - style->font_size * 0.6,
                                               .color = hs_color_fade (style->dim, 0.8) },
                       ticks[i].text);
    }
}

static void draw_bar (cairo_t *cr, const struct hs_draw_style *style, const struct hs_axis *axis,
                      struct hs_rect slot, int64_t value)
{
    double height = fabs ((double)value) / axis->max * (axis->begin - axis->end);
    double width = slot.width * 0.62;

    if (value == 0)
        return;
    height = fmax (1, height);
    /* what shrank (NET below zero) has another colour and is hollow */
    hs_draw_set_color (cr, value < 0 ? style->freed : style->series[0]);
    cairo_rectangle (cr, slot.x + (slot.width - width) / 2, axis->begin - height, width, height);
    if (value < 0) {
        cairo_set_line_width (cr, 1.5);
        cairo_stroke (cr);
    } else {
        cairo_fill (cr);
    }
}

/* One outline around the classes that are the filter. */
static void draw_selected (cairo_t *cr, const struct hs_draw_style *style, struct hs_rect area,
                           const struct hs_histogram *histogram,
                           const struct hs_histogram_look *look)
{
    unsigned end = histogram->first + histogram->n;
    unsigned first =
        look->selected_first > histogram->first ? look->selected_first : histogram->first;
    unsigned last = look->selected_last < end ? look->selected_last : end - 1;
    struct hs_rect left, right;

    if (look->selected_first > look->selected_last || first > last)
        return;
    left = hs_histogram_bar (area, histogram, first);
    right = hs_histogram_bar (area, histogram, last);
    hs_draw_set_color (cr, style->focus);
    cairo_set_line_width (cr, 2);
    cairo_rectangle (cr, left.x - 2, left.y - 2, right.x + right.width - left.x + 4,
                     left.height + 3);
    cairo_stroke (cr);
}

void hs_draw_histogram (cairo_t *cr, const struct hs_draw_style *style, struct hs_rect area,
                        const struct hs_histogram *histogram, const struct hs_histogram_look *look)
{
    double divisor = (double)hs_histogram_ghost_divisor (histogram, look);
    struct hs_axis axis = { .begin = area.y + area.height - BELOW,
                            .end = area.y + ABOVE,
                            .unit = look->unit == HS_UNIT_BYTES ? HS_AXIS_BYTES : HS_AXIS_COUNT };

    if (histogram->n == 0)
        return;
    axis.max =
        fmax (1, fmax (highest_bar (histogram, look), highest_ghost (histogram, look) / divisor)) *
        1.08;
    draw_scale (cr, style, area, &axis);
    for (unsigned i = histogram->first; i < histogram->first + histogram->n; i++) {
        const struct hs_size_class_sums *sums = &histogram->classes[i];
        struct hs_rect bar = hs_histogram_bar (area, histogram, i);
        double ghost = (double)ghost_value (sums, look) / divisor;
        double y = fmax (hs_axis_pixel (&axis, ghost), axis.end);

        if (ghost > 0)
            y = fmin (y, axis.begin - 1);
        hs_draw_set_color (cr, style->ghost);
        cairo_rectangle (cr, bar.x, y, bar.width, axis.begin - y);
        cairo_fill (cr);
        draw_bar (cr, style, &axis, bar, hs_histogram_value (sums, look));
    }
    draw_selected (cr, style, area, histogram, look);
    hs_draw_set_color (cr, hs_color_fade (style->dim, 0.6));
    cairo_rectangle (cr, area.x + SIDE, floor (axis.begin), area.width - 2 * SIDE, 1);
    cairo_fill (cr);
    draw_bounds (cr, style, area, histogram);
}
