/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `heapstrata draw`: the charts of the window as SVG or PNG, by the same painters. */
#include "analysis/histogram.h"
#include "analysis/timeline.h"
#include "cli/open_trace.h"
#include "draw/histogram_painter.h"
#include "draw/timeline_painter.h"

#include <cairo-svg.h>
#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

#define MIN_SIDE 64
#define MAX_SIDE 16384
#define MARGIN 8.0
#define RATES_SHARE 0.28 /* of the height of a timeline */

static gchar *option_output, *option_size, *option_font;
static gboolean option_dark, option_blocks;

static const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &option_output,
      N_ ("Write this file; its name ends in .svg or .png"), N_ ("FILE") },
    { "size", 0, 0, G_OPTION_ARG_STRING, &option_size,
      N_ ("Width and height, pixels (timeline 1200x400, histogram 800x400)"), N_ ("WxH") },
    { "dark", 0, 0, G_OPTION_ARG_NONE, &option_dark, N_ ("Light on dark"), NULL },
    { "count-blocks", 0, 0, G_OPTION_ARG_NONE, &option_blocks, N_ ("Count blocks, not bytes"),
      NULL },
    { "font", 0, 0, G_OPTION_ARG_STRING, &option_font, N_ ("Font family (Sans)"), N_ ("NAME") },
    G_OPTION_ENTRY_NULL,
};

struct drawing {
    cairo_t *cr;
    struct hs_draw_style style;
    enum hs_metric_unit unit;
    struct hs_rect area;
    const struct open_trace *open;
    const struct hs_filter *filter;
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
    const struct hs_tables *tables = hs_trace_lock (drawing->open->trace);
    struct copies ret = { g_array_new (FALSE, FALSE, sizeof (struct hs_draw_level)),
                          g_array_new (FALSE, FALSE, sizeof (struct hs_draw_flag)),
                          g_array_new (FALSE, FALSE, sizeof (struct hs_draw_span)) };

    for (size_t i = 0; i < tables->samples.n; i++) {
        struct hs_draw_level level = { tables->samples.items[i].time,
                                       tables->samples.items[i].bytes };

        /* of all processes together nobody told */
        if (tables->samples.items[i].process == drawing->filter->process ||
            (drawing->filter->process == HS_NO_PROCESS && tables->processes.n == 1))
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

        if (concerns (&tables->gaps.items[i], drawing->filter->process))
            g_array_append_val (ret.gaps, span);
    }
    hs_trace_unlock (drawing->open->trace);
    return ret;
}

static void init_plot (const struct drawing *drawing, const struct hs_timeline *timeline,
                       struct hs_rect area, double above, struct hs_time_plot *plot)
{
    hs_time_plot_init (plot, &drawing->style, area, above,
                       above > HS_PLOT_TIME_LABELS / 2 ? 8 : HS_PLOT_TIME_LABELS);
    plot->from = timeline->from;
    plot->to = MAX (timeline->to, timeline->from + 1);
    plot->ticks_per_second = drawing->open->snapshot.ticks_per_second;
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
    const struct hs_snapshot *snapshot = &drawing->open->snapshot;
    const struct hs_filter *filter = drawing->filter;
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
        hs_histogram (&drawing->open->snapshot, drawing->filter, NULL, &histogram, err);

    if (status != HS_OK)
        return status;
    hs_draw_histogram (drawing->cr, &drawing->style, drawing->area, histogram, &look);
    hs_histogram_unref (histogram);
    return HS_OK;
}

static const struct chart {
    const char *name;
    int width, height;
    enum hs_status (*draw) (const struct drawing *drawing, struct hs_error *err);
} charts[] = { { "timeline", 1200, 400, draw_timeline },
               { "histogram", 800, 400, draw_histogram } };

/* ---- where to ---- */

static gboolean parse_size (const struct chart *chart, int *width, int *height)
{
    char end;

    *width = chart->width;
    *height = chart->height;
    if (option_size == NULL)
        return TRUE;
    return sscanf (option_size, "%5dx%5d%c", width, height, &end) == 2 && *width >= MIN_SIDE &&
           *width <= MAX_SIDE && *height >= MIN_SIDE && *height <= MAX_SIDE;
}

static int fail_to_write (const char *reason)
{
    (void)fprintf (stderr, "heapstrata: %s: %s\n", option_output, reason);
    return CLI_BAD_INPUT;
}

/* Draws on the surface and completes it as a file. */
static int draw_on (cairo_surface_t *surface, const struct cli_call *call,
                    const struct chart *chart, struct drawing *drawing)
{
    struct hs_error err = { 0 };
    cairo_status_t written;
    enum hs_status status;

    drawing->cr = cairo_create (surface);
    hs_draw_set_color (drawing->cr, drawing->style.background);
    cairo_paint (drawing->cr);
    status = chart->draw (drawing, &err);
    cairo_destroy (drawing->cr);
    if (status != HS_OK)
        return cli_query_failed (call, &err);
    if (g_str_has_suffix (option_output, ".png")) {
        written = cairo_surface_write_to_png (surface, option_output);
    } else {
        cairo_surface_finish (surface);
        written = cairo_surface_status (surface);
    }
    if (written != CAIRO_STATUS_SUCCESS)
        return fail_to_write (cairo_status_to_string (written));
    return open_trace_status (drawing->open);
}

static int draw_file (const struct cli_call *call, const struct chart *chart, int width, int height)
{
    struct drawing drawing = { .unit = option_blocks ? HS_UNIT_BLOCKS : HS_UNIT_BYTES };
    struct open_trace open;
    struct hs_filter filter;
    cairo_surface_t *surface;
    int status;

    if (!open_trace_load (&open, call))
        return CLI_BAD_INPUT;
    if (!cli_filter (call, &open.snapshot, &filter)) {
        open_trace_clear (&open);
        return CLI_BAD_USAGE;
    }
    hs_draw_style_init (&drawing.style, option_dark ? HS_DRAW_DARK : HS_DRAW_LIGHT);
    if (option_font != NULL)
        drawing.style.font_family = option_font;
    drawing.open = &open;
    drawing.filter = &filter;
    drawing.area = (struct hs_rect){ MARGIN, MARGIN, width - 2 * MARGIN, height - 2 * MARGIN };
    surface = g_str_has_suffix (option_output, ".png")
                  ? cairo_image_surface_create (CAIRO_FORMAT_RGB24, width, height)
                  : cairo_svg_surface_create (option_output, width, height);
    if (cairo_surface_status (surface) != CAIRO_STATUS_SUCCESS)
        status = fail_to_write (cairo_status_to_string (cairo_surface_status (surface)));
    else
        status = draw_on (surface, call, chart, &drawing);
    cairo_surface_destroy (surface);
    open_trace_clear (&open);
    return status;
}

static int run (const struct cli_call *call)
{
    struct cli_call files = *call;
    const struct chart *chart = NULL;
    int width, height;

    for (size_t i = 0; i < G_N_ELEMENTS (charts); i++)
        if (strcmp (call->files[0], charts[i].name) == 0)
            chart = &charts[i];
    if (chart == NULL)
        return cli_usage_error (_ ("draw what? Say “timeline” or “histogram” first"));
    if (call->n_files < 2)
        return cli_usage_error (_ ("name a file; see “heapstrata help %s”"), "draw");
    if (option_output == NULL ||
        (!g_str_has_suffix (option_output, ".svg") && !g_str_has_suffix (option_output, ".png")))
        return cli_usage_error (_ ("--output takes a name that ends in .svg or .png"));
    if (!parse_size (chart, &width, &height))
        return cli_usage_error (_ ("--size takes WIDTHxHEIGHT, %d to %d each"), MIN_SIDE, MAX_SIDE);
    files.files++;
    files.n_files--;
    return draw_file (&files, chart, width, height);
}

const struct cli_command cli_command_draw = {
    .name = "draw",
    .arguments = N_ ("timeline|histogram FILE… -o OUT.svg|OUT.png"),
    .summary = N_ ("Draw a chart as SVG or PNG"),
    .shared_options = CLI_OPTION_RANGE | CLI_OPTION_PROCESS,
    .options = entries,
    .run = run,
};
