/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Outstanding bytes over time; see timeline_painter.h. The strip and the rates: rates_painter.c. */
#include "draw/timeline_painter.h"

#include "draw/label.h"

#include <math.h>
#include <stdio.h>

/* A resident set up to so many times the outstanding bytes shares their axis. */
#define LEVEL_SHARE 2.5

#define MIN_GAP_PIXELS 3.0
#define HATCH_PIXELS 6.0

/* With more flags than this there is no room for texts, and no time to look for it. */
#define MAX_FLAG_TEXTS 200

static uint64_t value_at (const struct hs_timeline *timeline, uint32_t column,
                          enum hs_metric_unit unit)
{
    const struct hs_timeline_column *at = &timeline->columns[column];

    return unit == HS_UNIT_BYTES ? at->live_bytes : at->live_count;
}

static uint64_t highest_level (const struct hs_time_plot *plot, const struct hs_timeline_look *look)
{
    uint64_t max = 0;

    for (size_t i = 0; i < look->n_levels; i++)
        if (look->levels[i].time >= plot->from && look->levels[i].time <= plot->to &&
            look->levels[i].bytes > max)
            max = look->levels[i].bytes;
    return max;
}

uint64_t hs_timeline_level_divisor (const struct hs_time_plot *plot,
                                    const struct hs_timeline *timeline,
                                    const struct hs_timeline_look *look)
{
    double level = (double)highest_level (plot, look), bytes = (double)timeline->max_bytes;

    if (bytes <= 0 || level <= LEVEL_SHARE * bytes)
        return 1;
    return (uint64_t)hs_axis_nice_step (HS_AXIS_COUNT, level / bytes);
}

struct hs_axis hs_timeline_value_axis (const struct hs_time_plot *plot,
                                       const struct hs_timeline *timeline,
                                       const struct hs_timeline_look *look)
{
    double bottom = plot->inside.y + plot->inside.height;
    uint64_t max = look->unit == HS_UNIT_BYTES ? timeline->max_bytes : timeline->start_count;

    if (look->unit == HS_UNIT_BLOCKS)
        for (uint32_t i = 0; i < timeline->n_columns; i++)
            if (timeline->columns[i].live_count > max)
                max = timeline->columns[i].live_count;
    if (look->unit == HS_UNIT_BYTES && look->n_levels > 0) {
        uint64_t level =
            highest_level (plot, look) / hs_timeline_level_divisor (plot, timeline, look);

        max = level > max ? level : max;
    }
    /* the title stands over the highest point */
    return (struct hs_axis){ 0, fmax (1, (double)max) * 1.22, bottom, plot->inside.y,
                             look->unit == HS_UNIT_BYTES ? HS_AXIS_BYTES : HS_AXIS_COUNT };
}

/* Left edge of a column. */
static double column_x (const struct hs_time_plot *plot, const struct hs_timeline *timeline,
                        uint32_t column)
{
    return hs_time_plot_x (plot,
                           column == 0 ? timeline->from : timeline->columns[column - 1].end_time);
}

/* The filled steps, ending at the bottom. `use_max`: the upper edge of the band. */
static void step_path (cairo_t *cr, const struct hs_time_plot *plot,
                       const struct hs_timeline *timeline, const struct hs_axis *axis,
                       enum hs_metric_unit unit)
{
    double x = column_x (plot, timeline, 0);

    cairo_move_to (cr, x, axis->begin);
    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        double right = hs_time_plot_x (plot, timeline->columns[i].end_time);
        double y = hs_axis_pixel (axis, (double)value_at (timeline, i, unit));

        cairo_line_to (cr, x, y);
        cairo_line_to (cr, right, y);
        x = right;
    }
    cairo_line_to (cr, x, axis->begin);
    cairo_close_path (cr);
}

static void draw_band (cairo_t *cr, const struct hs_draw_style *style,
                       const struct hs_time_plot *plot, const struct hs_timeline *timeline,
                       const struct hs_axis *axis)
{
    double x = column_x (plot, timeline, 0);

    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        const struct hs_timeline_column *column = &timeline->columns[i];
        double right = hs_time_plot_x (plot, column->end_time);
        double top = hs_axis_pixel (axis, (double)column->max_bytes);
        double bottom = hs_axis_pixel (axis, (double)column->min_bytes);

        if (bottom - top >= 0.5)
            cairo_rectangle (cr, x, top, fmax (right - x, 0.5), bottom - top);
        x = right;
    }
    hs_draw_set_color (cr, hs_color_fade (style->series[0], 0.45));
    cairo_fill (cr);
}

static bool has_row (const struct hs_timeline_look *look)
{
    return look->row != NULL && look->row->n_rows > 0 && look->row->curves[0].max > 0 &&
           look->unit == HS_UNIT_BYTES;
}

/* The chosen row's part of the total; its columns are of its own range. */
static void draw_row (cairo_t *cr, const struct hs_draw_style *style,
                      const struct hs_time_plot *plot, const struct hs_axis *axis,
                      const struct hs_timeline_look *look)
{
    const struct hs_row_curves *row = look->row;
    double from = hs_time_plot_x (plot, row->from), to = hs_time_plot_x (plot, row->to), x = from;

    cairo_move_to (cr, from, axis->begin);
    for (uint32_t i = 0; i < row->n_columns; i++) {
        const struct hs_row_value *value = &row->curves[0].values[i];
        double y = hs_axis_pixel (axis, (double)(value->stays + value->freed));

        cairo_line_to (cr, x, y);
        x = from + (to - from) * (i + 1) / row->n_columns;
        cairo_line_to (cr, x, y);
    }
    cairo_line_to (cr, x, axis->begin);
    cairo_close_path (cr);
    hs_draw_set_color (cr, hs_color_fade (style->series[1], 0.8));
    cairo_fill_preserve (cr);
    hs_draw_set_color (cr, style->series[1]);
    cairo_set_line_width (cr, 1);
    cairo_stroke (cr);
}

static void draw_levels (cairo_t *cr, const struct hs_draw_style *style,
                         const struct hs_time_plot *plot, const struct hs_timeline *timeline,
                         const struct hs_timeline_look *look)
{
    static const double dashes[] = { 5, 3 };
    struct hs_axis axis = hs_timeline_value_axis (plot, timeline, look);
    double divisor = (double)hs_timeline_level_divisor (plot, timeline, look);
    double last = -1e9, last_y = 0;

    cairo_save (cr);
    cairo_set_dash (cr, dashes, 2, 0);
    cairo_set_line_width (cr, 1.2);
    hs_draw_set_color (cr, hs_color_fade (style->foreground, 0.85));
    for (size_t i = 0; i < look->n_levels; i++) {
        double x = hs_time_plot_x (plot, look->levels[i].time);
        double y = hs_axis_pixel (&axis, (double)look->levels[i].bytes / divisor);

        /* as many points as pixels at most */
        if (i > 0 && i + 1 < look->n_levels && x - last < 1)
            continue;
        if (i == 0)
            cairo_move_to (cr, x, y);
        else
            cairo_line_to (cr, x, look->levels[i].bytes > 0 ? y : last_y);
        if (look->levels[i].bytes == 0) /* the process has ended; it did not shrink until then */
            cairo_line_to (cr, x, y);
        last = x;
        last_y = y;
    }
    cairo_stroke (cr);
    cairo_restore (cr);
}

/* Where the next flag stands, for the text of flag `i` to end before it. */
static double next_flag_x (const struct hs_time_plot *plot, const struct hs_timeline_look *look,
                           size_t i)
{
    double x = hs_time_plot_x (plot, look->flags[i].time), next = plot->area.x + plot->area.width;

    for (size_t k = 0; k < look->n_flags; k++) {
        double other = hs_time_plot_x (plot, look->flags[k].time);

        if (other > x && other < next)
            next = other;
    }
    return next;
}

static void draw_flags (cairo_t *cr, const struct hs_draw_style *style,
                        const struct hs_time_plot *plot, const struct hs_timeline_look *look)
{
    double y = plot->inside.y, last = -1e9;

    for (size_t i = 0; i < look->n_flags; i++) {
        double x = floor (hs_time_plot_x (plot, look->flags[i].time)) + 0.5, room;

        /* as many as pixels at most */
        if (x < plot->inside.x || x > plot->inside.x + plot->inside.width || fabs (x - last) < 1)
            continue;
        last = x;
        hs_draw_set_color (cr, style->selection);
        cairo_move_to (cr, x - 4.5, y - HS_TIMELINE_FLAGS + 3);
        cairo_line_to (cr, x + 4.5, y - HS_TIMELINE_FLAGS + 3);
        cairo_line_to (cr, x, y - HS_TIMELINE_FLAGS + 10);
        cairo_close_path (cr);
        cairo_fill (cr);
        if (look->n_flags > MAX_FLAG_TEXTS)
            continue;
        hs_draw_set_color (cr, hs_color_fade (style->selection, 0.5));
        cairo_set_line_width (cr, 1);
        cairo_move_to (cr, x, y - HS_TIMELINE_FLAGS + 10);
        cairo_line_to (cr, x, y + plot->inside.height);
        cairo_stroke (cr);
        room = next_flag_x (plot, look, i) - x - 11;
        if (room < style->font_size)
            continue;
        hs_draw_label (cr, style,
                       &(struct hs_text_spot){ .x = x + 8,
                                               .y = y - HS_TIMELINE_FLAGS / 2,
                                               .color = style->selection,
                                               .max_width = fmin (room, 160) },
                       look->flags[i].text);
    }
}

static bool is_seen (const struct hs_time_plot *plot, const struct hs_draw_span *gap)
{
    return gap->to >= plot->from && gap->from <= plot->to;
}

/* Hatched to the full height; even the shortest can be seen. Gaps that fall together are one. */
static bool gap_path (cairo_t *cr, const struct hs_time_plot *plot,
                      const struct hs_timeline_look *look)
{
    double right = -1e9;
    bool is_any = false;

    for (size_t i = 0; i < look->n_gaps; i++) {
        double from = hs_time_plot_x (plot, look->gaps[i].from), to, left;

        if (!is_seen (plot, &look->gaps[i]))
            continue;
        to = fmax (hs_time_plot_x (plot, look->gaps[i].to), from + MIN_GAP_PIXELS);
        left = fmax (fmax (from, right), plot->inside.x);
        to = fmin (to, plot->inside.x + plot->inside.width);
        if (to <= left)
            continue;
        cairo_rectangle (cr, left, plot->inside.y, to - left, plot->inside.height);
        right = to;
        is_any = true;
    }
    return is_any;
}

/* Lines through a square that is laid side by side: many lines through many gaps, stroked, took
 * most of the time of a picture. */
static cairo_pattern_t *hatch_pattern (cairo_t *cr, struct hs_color color,
                                       const struct hs_rect *area)
{
    cairo_surface_t *tile = cairo_surface_create_similar (
        cairo_get_target (cr), CAIRO_CONTENT_COLOR_ALPHA, (int)HATCH_PIXELS, (int)HATCH_PIXELS);
    cairo_pattern_t *pattern = cairo_pattern_create_for_surface (tile);
    cairo_t *line = cairo_create (tile);
    cairo_matrix_t matrix;

    hs_draw_set_color (line, color);
    cairo_set_line_width (line, 1);
    for (double x = 0; x <= 2 * HATCH_PIXELS; x += HATCH_PIXELS) {
        cairo_move_to (line, x + 1, -1);
        cairo_line_to (line, x - HATCH_PIXELS - 1, HATCH_PIXELS + 1);
    }
    cairo_stroke (line);
    cairo_destroy (line);
    cairo_surface_destroy (tile);
    cairo_matrix_init_translate (&matrix, -floor (area->x), -floor (area->y));
    cairo_pattern_set_matrix (pattern, &matrix);
    cairo_pattern_set_extend (pattern, CAIRO_EXTEND_REPEAT);
    cairo_pattern_set_filter (pattern, CAIRO_FILTER_NEAREST);
    return pattern;
}

/* Fills the path. */
static void hatch (cairo_t *cr, const struct hs_draw_style *style, const struct hs_rect *area)
{
    cairo_pattern_t *pattern = hatch_pattern (cr, hs_color_fade (style->series[1], 0.5), area);

    hs_draw_set_color (cr, hs_color_fade (style->series[1], 0.10));
    cairo_fill_preserve (cr);
    cairo_set_source (cr, pattern);
    cairo_fill (cr);
    cairo_pattern_destroy (pattern);
}

static void draw_gaps (cairo_t *cr, const struct hs_draw_style *style,
                       const struct hs_time_plot *plot, const struct hs_timeline_look *look)
{
    cairo_save (cr);
    if (gap_path (cr, plot, look))
        hatch (cr, style, &plot->inside);
    cairo_restore (cr);
}

/* Returns where the next entry may stand. */
static double draw_gap_legend (cairo_t *cr, const struct hs_draw_style *style,
                               const struct hs_timeline_look *look, double x, double y)
{
    struct hs_rect sample = { x + 24, floor (y - 5), 18, 10 };

    cairo_save (cr);
    cairo_rectangle (cr, sample.x, sample.y, sample.width, sample.height);
    hatch (cr, style, &sample);
    cairo_restore (cr);
    return x + 48 +
           hs_draw_label (cr, style,
                          &(struct hs_text_spot){ .x = x + 48, .y = y, .color = style->dim },
                          look->gap_text);
}

/* Likewise. */
static double draw_row_legend (cairo_t *cr, const struct hs_draw_style *style,
                               const struct hs_timeline_look *look, double x, double y)
{
    hs_draw_set_color (cr, hs_color_fade (style->series[1], 0.8));
    cairo_rectangle (cr, x + 24, floor (y - 5), 10, 10);
    cairo_fill (cr);
    return x + 40 +
           hs_draw_label (cr, style,
                          &(struct hs_text_spot){ .x = x + 40, .y = y, .color = style->dim },
                          look->row_text);
}

static void draw_legend (cairo_t *cr, const struct hs_draw_style *style,
                         const struct hs_time_plot *plot, const struct hs_timeline *timeline,
                         const struct hs_timeline_look *look)
{
    uint64_t divisor = hs_timeline_level_divisor (plot, timeline, look);
    char text[128];
    static const double dashes[] = { 5, 3 };
    double x = plot->inside.x + 7, y = plot->inside.y + style->font_size;

    x += hs_draw_label (
        cr, style,
        &(struct hs_text_spot){ .x = x, .y = y, .is_bold = true, .color = style->foreground },
        look->title);
    if (has_row (look))
        x = draw_row_legend (cr, style, look, x, y);
    for (size_t i = 0; i < look->n_gaps; i++) {
        if (is_seen (plot, &look->gaps[i])) {
            x = draw_gap_legend (cr, style, look, x, y);
            break;
        }
    }
    if (look->n_levels == 0 || look->unit != HS_UNIT_BYTES)
        return;
    cairo_save (cr);
    cairo_set_dash (cr, dashes, 2, 0);
    cairo_set_line_width (cr, 1.2);
    hs_draw_set_color (cr, style->foreground);
    cairo_move_to (cr, x + 24, floor (y) + 0.5);
    cairo_line_to (cr, x + 42, floor (y) + 0.5);
    cairo_stroke (cr);
    cairo_restore (cr);
    if (divisor > 1)
        (void)snprintf (text, sizeof text, "%s \303\267 %llu", look->resident_text,
                        (unsigned long long)divisor);
    else
        (void)snprintf (text, sizeof text, "%s", look->resident_text);
    hs_draw_label (cr, style, &(struct hs_text_spot){ .x = x + 48, .y = y, .color = style->dim },
                   text);
}

void hs_draw_timeline (cairo_t *cr, const struct hs_draw_style *style,
                       const struct hs_time_plot *plot, const struct hs_timeline *timeline,
                       const struct hs_timeline_look *look)
{
    struct hs_axis axis = hs_timeline_value_axis (plot, timeline, look);

    hs_draw_time_grid (cr, style, plot);
    hs_draw_value_grid (cr, style, plot, &axis);
    cairo_save (cr);
    cairo_rectangle (cr, plot->inside.x, plot->inside.y, plot->inside.width, plot->inside.height);
    cairo_clip (cr);
    if (timeline->n_columns > 0) {
        step_path (cr, plot, timeline, &axis, look->unit);
        hs_draw_set_color (cr, hs_color_fade (style->series[0], 0.75));
        cairo_fill_preserve (cr);
        hs_draw_set_color (cr, style->series[0]);
        cairo_set_line_width (cr, 1);
        cairo_stroke (cr);
        if (look->unit == HS_UNIT_BYTES)
            draw_band (cr, style, plot, timeline, &axis);
        if (has_row (look))
            draw_row (cr, style, plot, &axis, look);
    }
    if (look->unit == HS_UNIT_BYTES)
        draw_levels (cr, style, plot, timeline, look);
    draw_gaps (cr, style, plot, look);
    cairo_restore (cr);
    draw_flags (cr, style, plot, look);
    draw_legend (cr, style, plot, timeline, look);
}
