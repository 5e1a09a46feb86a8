/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The drawing half of `heapstrata draw`; see chart_drawing.h. */
#include "cli/chart_drawing.h"

#include "analysis/histogram.h"
#include "analysis/timeline.h"
#include "draw/histogram_painter.h"
#include "draw/timeline_painter.h"
#include "trace/tables.h"

#include <cairo-svg.h>
#include <glib.h>
#include <glib/gi18n.h>
#include <math.h>

#define MARGIN 8.0
#define RATES_SHARE 0.28 /* of the height of a timeline */

struct drawing {
    cairo_t *cr;
    struct hs_draw_style style;
    enum hs_metric_unit unit;
    struct hs_rect area;
    const struct chart_request *request;
};

/* ---- what is drawn ---- */

struct copies { /* out of the trace's tables; the texts live as long as the trace */
    GArray *levels, *flags, *gaps;
};

static bool concerns (const struct hs_gap *gap, hs_process_id process)
{
    return process == HS_NO_PROCESS || gap->process == HS_NO_PROCESS || gap->process == process;
}

/* Resident set of the process, marks and gaps. */
static struct copies copy_tables (const struct drawing *drawing)
{
    const struct hs_tables *tables = hs_trace_lock (drawing->request->trace);
    struct copies ret = { g_array_new (FALSE, FALSE, sizeof (struct hs_draw_level)),
                          g_array_new (FALSE, FALSE, sizeof (struct hs_draw_flag)),
                          g_array_new (FALSE, FALSE, sizeof (struct hs_draw_span)) };

    for (size_t i = 0; i < tables->samples.n; i++) {
        struct hs_draw_level level = { tables->samples.items[i].time,
                                       tables->samples.items[i].bytes };

        /* of all processes together nobody told */
        if (tables->samples.items[i].process == drawing->request->filter->process ||
            (drawing->request->filter->process == HS_NO_PROCESS && tables->processes.n == 1))
            g_array_append_val (ret.levels, level);
    }
    for (size_t i = 0; i < tables->marks.n; i++) {
        struct hs_draw_flag flag = { tables->marks.items[i].time,
                                     hs_intern_text (&tables->strings,
                                                     tables->marks.items[i].name) };

        g_array_append_val (ret.flags, flag);
    }
    for (size_t i = 0; i < tables->gaps.n; i++) {
        struct hs_draw_span span = { tables->gaps.items[i].begin, tables->gaps.items[i].end };

        if (concerns (&tables->gaps.items[i], drawing->request->filter->process))
            g_array_append_val (ret.gaps, span);
    }
    hs_trace_unlock (drawing->request->trace);
    return ret;
}

static void init_plot (const struct drawing *drawing, const struct hs_timeline *timeline,
                       struct hs_rect area, double above, struct hs_time_plot *plot)
{
    hs_time_plot_init (plot, &drawing->style, area, above,
                       above > HS_PLOT_TIME_LABELS / 2 ? 8 : HS_PLOT_TIME_LABELS);
    plot->from = timeline->from;
    plot->to = MAX (timeline->to, timeline->from + 1);
    plot->ticks_per_second = drawing->request->snapshot->ticks_per_second;
}

static void paint_timeline (const struct drawing *drawing, const struct hs_timeline *timeline)
{
    gboolean is_bytes = drawing->unit == HS_UNIT_BYTES;
    struct hs_rect upper = drawing->area, lower = drawing->area;
    struct hs_rates_look rates = {
        /* blocks whatever the unit: one large block would press all others flat */
        .unit = HS_UNIT_BLOCKS,
        .allocations_text = _ ("allocs/s"),
        .frees_text = _ ("frees/s"),
    };
    struct hs_timeline_look look = {
        .unit = drawing->unit,
        .title = is_bytes ? _ ("Outstanding bytes") : _ ("Outstanding blocks"),
        .resident_text = _ ("resident set"),
        .gap_text = _ ("not recorded"),
    };
    struct hs_time_plot plot;
    struct copies copies = copy_tables (drawing);

    look.levels = (const struct hs_draw_level *)(void *)copies.levels->data;
    look.n_levels = copies.levels->len;
    look.flags = (const struct hs_draw_flag *)(void *)copies.flags->data;
    look.n_flags = copies.flags->len;
    look.gaps = (const struct hs_draw_span *)(void *)copies.gaps->data;
    look.n_gaps = copies.gaps->len;
    lower.height = floor (drawing->area.height * RATES_SHARE);
    upper.height -= lower.height;
    lower.y += upper.height;
    init_plot (drawing, timeline, upper, HS_TIMELINE_FLAGS, &plot);
    hs_draw_timeline (drawing->cr, &drawing->style, &plot, timeline, &look);
    init_plot (drawing, timeline, lower, 4, &plot);
    hs_draw_rates (drawing->cr, &drawing->style, &plot, timeline, &rates);
    g_array_unref (copies.levels);
    g_array_unref (copies.flags);
    g_array_unref (copies.gaps);
}

static enum hs_status draw_timeline (const struct drawing *drawing, struct hs_error *err)
{
    const struct hs_snapshot *snapshot = drawing->request->snapshot;
    const struct hs_filter *filter = drawing->request->filter;
    struct hs_timeline_query query = {
        .from = filter->from != INT64_MIN ? filter->from : snapshot->first_time,
        .to = filter->to != INT64_MAX ? filter->to : snapshot->last_time,
        .n_columns = (uint32_t)drawing->area.width,
    };
    struct hs_timeline *timeline;
    enum hs_status status = hs_timeline (snapshot, filter, &query, NULL, &timeline, err);

    if (status != HS_OK)
        return status;
    paint_timeline (drawing, timeline);
    hs_timeline_unref (timeline);
    return HS_OK;
}

static enum hs_status draw_histogram (const struct drawing *drawing, struct hs_error *err)
{
    struct hs_histogram_look look = { .metric = HS_METRIC_TOTAL,
                                      .unit = drawing->unit,
                                      .selected_first = 1 };
    struct hs_histogram *histogram;
    enum hs_status status =
        hs_histogram (drawing->request->snapshot, drawing->request->filter, NULL, &histogram, err);

    if (status != HS_OK)
        return status;
    hs_draw_histogram (drawing->cr, &drawing->style, drawing->area, histogram, &look);
    hs_histogram_unref (histogram);
    return HS_OK;
}

/* Draws on the surface and completes it as a file. */
static enum hs_status draw_on (cairo_surface_t *surface, struct drawing *drawing,
                               cairo_status_t *ret_written, struct hs_error *err)
{
    const struct chart_request *request = drawing->request;
    enum hs_status status;

    drawing->cr = cairo_create (surface);
    hs_draw_set_color (drawing->cr, drawing->style.background);
    cairo_paint (drawing->cr);
    status = request->is_histogram ? draw_histogram (drawing, err) : draw_timeline (drawing, err);
    cairo_destroy (drawing->cr);
    if (status != HS_OK)
        return status;
    if (g_str_has_suffix (request->output, ".png")) {
        *ret_written = cairo_surface_write_to_png (surface, request->output);
    } else {
        cairo_surface_finish (surface);
        *ret_written = cairo_surface_status (surface);
    }
    return HS_OK;
}

enum hs_status chart_draw (const struct chart_request *request, const char **ret_unwritten,
                           struct hs_error *err)
{
    struct drawing drawing = {
        .request = request,
        .unit = request->counts_blocks ? HS_UNIT_BLOCKS : HS_UNIT_BYTES,
        .area = { MARGIN, MARGIN, request->width - 2 * MARGIN, request->height - 2 * MARGIN },
    };
    cairo_surface_t *surface =
        g_str_has_suffix (request->output, ".png")
            ? cairo_image_surface_create (CAIRO_FORMAT_RGB24, request->width, request->height)
            : cairo_svg_surface_create (request->output, request->width, request->height);
    cairo_status_t written = cairo_surface_status (surface);
    enum hs_status status = HS_OK;

    hs_draw_style_init (&drawing.style, request->is_dark ? HS_DRAW_DARK : HS_DRAW_LIGHT);
    if (request->font != NULL)
        drawing.style.font_family = request->font;
    if (written == CAIRO_STATUS_SUCCESS)
        status = draw_on (surface, &drawing, &written, err);
    cairo_surface_destroy (surface);
    *ret_unwritten = written != CAIRO_STATUS_SUCCESS ? cairo_status_to_string (written) : NULL;
    return status;
}
