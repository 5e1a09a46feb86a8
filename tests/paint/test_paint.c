/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Paints hand-made answers on image surfaces and compares with the pictures beside this file, with
 * a small tolerance for other versions of the font renderer. The font is pinned; without it the
 * test is skipped. With --update the pictures are written anew.
 */
#include "draw/histogram_painter.h"
#include "draw/sparkline_painter.h"
#include "draw/timeline_painter.h"

#include <pango/pangocairo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FONT "DejaVu Sans"
#define WIDTH 420
#define HEIGHT 170
#define N_COLUMNS 340

/* Differences up to this are font rendering; more of the pixels must not differ more. */
#define TOLERANCE 40
#define MAX_SHARE_OFF 0.01

/* A saw tooth that leaks: least and most differ within some columns. */
static struct hs_timeline *make_timeline (void)
{
    struct hs_timeline *timeline =
        calloc (1, sizeof *timeline + N_COLUMNS * sizeof timeline->columns[0]);

    timeline->to = 34000;
    timeline->n_columns = N_COLUMNS;
    for (uint32_t i = 0; i < N_COLUMNS; i++) {
        struct hs_timeline_column *column = &timeline->columns[i];

        column->end_time = (i + 1) * 100;
        column->live_bytes = (i % 50) * 20000 + i * 6000;
        column->live_count = column->live_bytes / 100;
        column->min_bytes = column->live_bytes;
        column->max_bytes = column->live_bytes + (i > 200 && i < 260 ? 900000 : 0);
        column->births = 10 + i % 37;
        column->birth_bytes = column->births * 2000;
        column->ends = i % 50 == 49 ? 40 : i % 11;
        column->end_bytes = column->ends * 2000;
        if (column->max_bytes > timeline->max_bytes)
            timeline->max_bytes = column->max_bytes;
    }
    return timeline;
}

static struct hs_time_plot make_plot (const struct hs_draw_style *style, double above, double below)
{
    struct hs_time_plot plot;

    hs_time_plot_init (&plot, style, (struct hs_rect){ 0, 0, WIDTH, HEIGHT }, above, below);
    plot.from = 0;
    plot.to = 34000;
    plot.ticks_per_second = 1000;
    return plot;
}

static void paint_timeline (cairo_t *cr, const struct hs_draw_style *style)
{
    static const struct hs_draw_flag flags[] = { { 5000, "warm-up done" }, { 21000, "reload" } };
    static const struct hs_draw_level levels[] = { { 0, 500000 },
                                                   { 17000, 3000000 },
                                                   { 34000, 3100000 } };
    struct hs_timeline *timeline = make_timeline ();
    struct hs_time_plot plot = make_plot (style, HS_TIMELINE_FLAGS, HS_PLOT_TIME_LABELS);
    struct hs_timeline_look look = { .title = "Outstanding bytes",
                                     .resident_text = "resident set",
                                     .flags = flags,
                                     .n_flags = 2,
                                     .levels = levels,
                                     .n_levels = 3 };

    hs_draw_timeline (cr, style, &plot, timeline, &look);
    hs_draw_time_range (cr, style, &plot, 8000, 20000);
    hs_draw_moment (cr, style, &plot, 26000);
    free (timeline);
}

/* A row's part of the total, known for a part of the time. */
static void paint_row (cairo_t *cr, const struct hs_draw_style *style)
{
    struct hs_row_value values[50];
    struct hs_row_curve curve = { .max = 900000, .values = values };
    struct hs_row_curves row = {
        .from = 4000, .to = 30000, .n_columns = 50, .n_rows = 1, .curves = &curve
    };
    struct hs_timeline *timeline = make_timeline ();
    struct hs_time_plot plot = make_plot (style, HS_TIMELINE_FLAGS, HS_PLOT_TIME_LABELS);
    struct hs_timeline_look look = { .title = "Outstanding bytes",
                                     .row_text = "chosen row",
                                     .row = &row };

    for (uint32_t i = 0; i < 50; i++)
        values[i] = (struct hs_row_value){ i * 10000, (i % 8) * 50000 };
    hs_draw_timeline (cr, style, &plot, timeline, &look);
    free (timeline);
}

static void paint_zoomed (cairo_t *cr, const struct hs_draw_style *style)
{
    struct hs_timeline *timeline = make_timeline ();
    struct hs_time_plot plot = make_plot (style, HS_TIMELINE_FLAGS, HS_PLOT_TIME_LABELS);
    struct hs_timeline_look look = { .unit = HS_UNIT_BLOCKS, .title = "Outstanding blocks" };

    /* the answer of another range, stretched until the right one is there */
    plot.from = 10000;
    plot.to = 12000;
    hs_draw_timeline (cr, style, &plot, timeline, &look);
    free (timeline);
}

/* Gaps: one outside, two that fall together, a short one; and a process that ended. */
static void paint_gaps (cairo_t *cr, const struct hs_draw_style *style)
{
    static const struct hs_draw_span gaps[] = {
        { 1000, 2000 }, { 12000, 15000 }, { 14000, 16000 }, { 24000, 24001 }
    };
    static const struct hs_draw_level levels[] = { { 8000, 1000000 },
                                                   { 28000, 1500000 },
                                                   { 29000, 0 } };
    struct hs_timeline *timeline = make_timeline ();
    struct hs_time_plot plot = make_plot (style, HS_TIMELINE_FLAGS, HS_PLOT_TIME_LABELS);
    struct hs_timeline_look look = { .title = "Outstanding bytes",
                                     .resident_text = "resident set",
                                     .levels = levels,
                                     .n_levels = 3,
                                     .gap_text = "events lost",
                                     .gaps = gaps,
                                     .n_gaps = 4 };

    plot.from = 8000;
    hs_draw_timeline (cr, style, &plot, timeline, &look);
    free (timeline);
}

static void paint_rates (cairo_t *cr, const struct hs_draw_style *style)
{
    struct hs_timeline *timeline = make_timeline ();
    struct hs_time_plot plot = make_plot (style, 4, HS_PLOT_TIME_LABELS);
    struct hs_rates_look look = { .unit = HS_UNIT_BLOCKS,
                                  .allocations_text = "allocs/s",
                                  .frees_text = "frees/s" };

    hs_draw_rates (cr, style, &plot, timeline, &look);
    free (timeline);
}

static void paint_overview (cairo_t *cr, const struct hs_draw_style *style)
{
    struct hs_timeline *timeline = make_timeline ();
    struct hs_time_plot plot = make_plot (style, 3, 3);

    hs_draw_overview (cr, style, &plot, timeline, HS_UNIT_BYTES);
    hs_draw_overview_window (cr, style, &plot, 9000, 24000);
    free (timeline);
}

static struct hs_histogram *make_histogram (void)
{
    struct hs_histogram *histogram = calloc (1, sizeof *histogram);

    histogram->first = 4;
    histogram->n = 14;
    for (unsigned i = 4; i < 18; i++) {
        histogram->classes[i].count[1] = (i * 37) % 90;
        histogram->classes[i].bytes[1] = histogram->classes[i].count[1] << i;
        histogram->classes[i].whole_count = 60 + (i * 53) % 200;
        histogram->classes[i].whole_bytes = histogram->classes[i].whole_count << i;
    }
    return histogram;
}

static void paint_histogram (cairo_t *cr, const struct hs_draw_style *style)
{
    struct hs_histogram *histogram = make_histogram ();
    struct hs_histogram_look look = { .unit = HS_UNIT_BLOCKS,
                                      .selected_first = 9,
                                      .selected_last = 10 };

    hs_draw_histogram (cr, style, (struct hs_rect){ 0, 0, WIDTH, HEIGHT }, histogram, &look);
    free (histogram);
}

/* The range freed more than it allocated, and is small beside the whole trace. */
static void paint_shrinking (cairo_t *cr, const struct hs_draw_style *style)
{
    struct hs_histogram *histogram = make_histogram ();
    struct hs_histogram_look look = { .metric = HS_METRIC_NET, .selected_first = 1 };

    for (unsigned i = 4; i < 18; i++) {
        histogram->classes[i].bytes[1] /= 100;
        histogram->classes[i].bytes[2] = i % 3 == 0 ? histogram->classes[i].bytes[1] * 2 : 0;
    }
    hs_draw_histogram (cr, style, (struct hs_rect){ 0, 0, WIDTH, HEIGHT }, histogram, &look);
    free (histogram);
}

/* Rows of a tree: leaks, is freed, both, came late and stays, nothing. */
static void paint_sparklines (cairo_t *cr, const struct hs_draw_style *style)
{
    struct hs_row_value values[5][100];

    for (uint32_t i = 0; i < 100; i++) {
        values[0][i] = (struct hs_row_value){ 1000 + i * 70, 0 };
        values[1][i] = (struct hs_row_value){ 0, (i % 25) * 40 };
        values[2][i] = (struct hs_row_value){ i * 10, (i % 10) * 80 };
        values[3][i] = (struct hs_row_value){ i < 60 ? 0 : 5, 0 };
        values[4][i] = (struct hs_row_value){ 0, 0 };
    }
    for (int row = 0; row < 5; row++) {
        struct hs_row_curve curve = { .values = values[row] };

        for (int i = 0; i < 100; i++)
            if (values[row][i].stays + values[row][i].freed > curve.max)
                curve.max = values[row][i].stays + values[row][i].freed;
        hs_draw_sparkline (cr, style, (struct hs_rect){ 10 + row * 80, 10 + row * 30, 70, 17 },
                           &curve, 100);
        hs_draw_sparkline (cr, style, (struct hs_rect){ 10, 10 + row * 30, 60, 17 }, &curve,
                           row == 0 ? 0 : 100);
    }
}

static const struct picture {
    const char *name;
    void (*paint) (cairo_t *cr, const struct hs_draw_style *style);
    enum hs_draw_theme theme;
    bool is_rtl;
} pictures[] = {
    { "timeline-light", paint_timeline, HS_DRAW_LIGHT, false },
    { "timeline-dark", paint_timeline, HS_DRAW_DARK, false },
    { "timeline-rtl", paint_timeline, HS_DRAW_LIGHT, true },
    { "timeline-row", paint_row, HS_DRAW_LIGHT, false },
    { "timeline-zoomed", paint_zoomed, HS_DRAW_LIGHT, false },
    { "timeline-gaps", paint_gaps, HS_DRAW_LIGHT, false },
    { "timeline-gaps-dark", paint_gaps, HS_DRAW_DARK, false },
    { "rates", paint_rates, HS_DRAW_LIGHT, false },
    { "overview", paint_overview, HS_DRAW_LIGHT, false },
    { "sparklines", paint_sparklines, HS_DRAW_LIGHT, false },
    { "sparklines-dark", paint_sparklines, HS_DRAW_DARK, false },
    { "histogram-light", paint_histogram, HS_DRAW_LIGHT, false },
    { "histogram-dark", paint_histogram, HS_DRAW_DARK, false },
    { "histogram-shrinking", paint_shrinking, HS_DRAW_LIGHT, false },
};

static cairo_surface_t *make_picture (const struct picture *picture)
{
    cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
    cairo_font_options_t *options = cairo_font_options_create ();
    cairo_t *cr = cairo_create (surface);
    struct hs_draw_style style;

    /* nothing of the machine's settings */
    cairo_font_options_set_antialias (options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style (options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics (options, CAIRO_HINT_METRICS_OFF);
    cairo_set_font_options (cr, options);
    cairo_font_options_destroy (options);
    hs_draw_style_init (&style, picture->theme);
    style.font_family = FONT;
    style.is_rtl = picture->is_rtl;
    hs_draw_set_color (cr, style.background);
    cairo_paint (cr);
    picture->paint (cr, &style);
    cairo_destroy (cr);
    return surface;
}

/* The share of pixels in which the two differ noticeably; 1 when the sizes differ. */
static double difference (cairo_surface_t *a, cairo_surface_t *b)
{
    size_t n_off = 0;

    if (cairo_image_surface_get_width (b) != WIDTH || cairo_image_surface_get_height (b) != HEIGHT)
        return 1;
    cairo_surface_flush (a);
    cairo_surface_flush (b);
    for (int y = 0; y < HEIGHT; y++) {
        const uint8_t *left =
            cairo_image_surface_get_data (a) + y * cairo_image_surface_get_stride (a);
        const uint8_t *right =
            cairo_image_surface_get_data (b) + y * cairo_image_surface_get_stride (b);

        for (int x = 0; x < WIDTH; x++)
            for (int channel = 0; channel < 3; channel++)
                if (abs (left[4 * x + channel] - right[4 * x + channel]) > TOLERANCE) {
                    n_off++;
                    break;
                }
    }
    return (double)n_off / (WIDTH * HEIGHT);
}

static bool check (const struct picture *picture, const char *folder)
{
    cairo_surface_t *surface = make_picture (picture), *expected;
    char path[1024], actual[1024];
    bool is_good;

    (void)snprintf (path, sizeof path, "%s/%s.png", folder, picture->name);
    expected = cairo_image_surface_create_from_png (path);
    is_good = cairo_surface_status (expected) == CAIRO_STATUS_SUCCESS &&
              difference (surface, expected) <= MAX_SHARE_OFF;
    if (!is_good) {
        (void)snprintf (actual, sizeof actual, "%s.actual.png", picture->name);
        (void)cairo_surface_write_to_png (surface, actual);
        printf ("# %s differs in %.2f %% of its pixels; painted: %s\n", path,
                100 * difference (surface, expected), actual);
    }
    cairo_surface_destroy (expected);
    cairo_surface_destroy (surface);
    return is_good;
}

static bool has_font (void)
{
    PangoFontFamily **families;
    bool is_found = false;
    int n;

    pango_font_map_list_families (pango_cairo_font_map_get_default (), &families, &n);
    for (int i = 0; i < n; i++)
        is_found |= strcmp (pango_font_family_get_name (families[i]), FONT) == 0;
    g_free (families);
    return is_found;
}

int main (int argc, char **argv)
{
    const char *folder = argv[argc - 1];
    bool is_update = argc > 2 && strcmp (argv[1], "--update") == 0;
    size_t n = sizeof pictures / sizeof pictures[0], n_bad = 0;

    if (!has_font ()) {
        printf ("1..0 # SKIP the font " FONT " is not installed\n");
        return 0;
    }
    printf ("1..%zu\n", n);
    for (size_t i = 0; i < n; i++) {
        bool is_good;

        if (is_update) {
            cairo_surface_t *surface = make_picture (&pictures[i]);
            char path[1024];

            (void)snprintf (path, sizeof path, "%s/%s.png", folder, pictures[i].name);
            is_good = cairo_surface_write_to_png (surface, path) == CAIRO_STATUS_SUCCESS;
            cairo_surface_destroy (surface);
        } else {
            is_good = check (&pictures[i], folder);
        }
        n_bad += !is_good;
        printf ("%s %zu - %s\n", is_good ? "ok" : "not ok", i + 1, pictures[i].name);
    }
    return n_bad != 0;
}
