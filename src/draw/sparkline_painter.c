/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A row's bytes over time; see sparkline_painter.h. Its pixels are computed here: a list shows
 * dozens of them, and cairo's paths take ten times as long. */
#include "draw/sparkline_painter.h"

#include <math.h>

/* A column of pixels, counted from the bottom; `step` to the one above. */
struct column {
    uint32_t *bottom;
    ptrdiff_t step;
    int height;
};

static uint32_t pixel_of (struct hs_color color)
{
    double parts[] = { color.alpha, color.red * color.alpha, color.green * color.alpha,
                       color.blue * color.alpha };
    uint32_t pixel = 0;

    for (int i = 0; i < 4; i++)
        pixel = pixel << 8 | (uint32_t)(parts[i] * 255 + 0.5);
    return pixel;
}

/* The colour upon another. */
static struct hs_color over (struct hs_color top, struct hs_color below)
{
    double share = top.alpha;

    return (struct hs_color){ top.red * share + below.red * (1 - share),
                              top.green * share + below.green * (1 - share),
                              top.blue * share + below.blue * (1 - share), below.alpha };
}

/* Adds a colour to the pixels between two heights, in part where these are covered in part. */
static void add_span (const struct column *column, double from, double to, uint32_t pixel)
{
    int last = (int)fmin (ceil (to), column->height);

    for (int i = (int)from; i < last; i++) {
        uint32_t share = (uint32_t)((fmin (to, i + 1) - fmax (from, i)) * 256);
        uint32_t even = (pixel & 0xff00ff) * share >> 8 & 0xff00ff;
        uint32_t odd = (pixel >> 8 & 0xff00ff) * share & 0xff00ff00;

        column->bottom[i * column->step] += even + odd;
    }
}

/* The most that any of the columns in a pixel has. */
static struct hs_row_value most_in (const struct hs_row_curve *curve, uint32_t from, uint32_t to)
{
    struct hs_row_value most = curve->values[from];
    uint64_t all = most.stays + most.freed;

    for (uint32_t i = from + 1; i < to; i++) {
        const struct hs_row_value *value = &curve->values[i];

        most.stays = value->stays > most.stays ? value->stays : most.stays;
        all = value->stays + value->freed > all ? value->stays + value->freed : all;
    }
    most.freed = all - most.stays;
    return most;
}

static void fill_pixels (cairo_surface_t *surface, const struct hs_draw_style *style, double edge,
                         const struct hs_row_curve *curve, uint32_t n_columns)
{
    uint32_t width = (uint32_t)cairo_image_surface_get_width (surface);
    int height = cairo_image_surface_get_height (surface);
    int stride = cairo_image_surface_get_stride (surface);
    uint32_t *pixels = (uint32_t *)(void *)cairo_image_surface_get_data (surface);
    ptrdiff_t step = stride / (ptrdiff_t)sizeof *pixels;
    uint32_t freed = pixel_of (style->freed), leak = pixel_of (style->leak);
    uint32_t stays = pixel_of (over (hs_color_fade (style->leak, 0.8), style->freed));

    for (uint32_t x = 0; x < width; x++) {
        struct column column = { pixels + (height - 1) * step + x, -step, height };
        uint32_t from = (uint32_t)((uint64_t)x * n_columns / width);
        struct hs_row_value value =
            most_in (curve, from, (uint32_t)((uint64_t)(x + 1) * n_columns / width));
        double top = (double)value.stays / (double)curve->max * height;
        double inside = fmax (0, top - edge);

        add_span (&column, 0, inside, stays);
        add_span (&column, inside, top, leak);
        add_span (&column, top, (double)(value.stays + value.freed) / (double)curve->max * height,
                  freed);
    }
}

void hs_draw_sparkline (cairo_t *cr, const struct hs_draw_style *style, struct hs_rect area,
                        const struct hs_row_curve *curve, uint32_t n_columns)
{
    double scale, unused;
    cairo_surface_t *surface;

    if (curve->max == 0 || n_columns == 0)
        return;
    cairo_surface_get_device_scale (cairo_get_target (cr), &scale, &unused);
    surface = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, (int)(area.width * scale),
                                          (int)(area.height * scale));
    if (cairo_surface_status (surface) == CAIRO_STATUS_SUCCESS) {
        cairo_surface_flush (surface);
        fill_pixels (surface, style, scale, curve, n_columns);
        cairo_surface_mark_dirty (surface);
        cairo_surface_set_device_scale (surface, scale, scale);
        cairo_set_source_surface (cr, surface, area.x, area.y);
        cairo_paint (cr);
    }
    cairo_surface_destroy (surface);
}
