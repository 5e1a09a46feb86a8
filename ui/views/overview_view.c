/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The strip of the whole trace; see overview_view.h. */
#include "views/overview_view.h"

#include "draw/timeline_painter.h"

#include <glib/gi18n.h>

struct _HsOverviewView {
    HsTimeChart parent_instance;
};

G_DEFINE_TYPE (HsOverviewView, hs_overview_view, HS_TYPE_TIME_CHART)

static HsTimeAxis *axis_of (HsChart *chart)
{
    return hs_selection_get_axis (hs_chart_get_selection (chart));
}

static void hs_overview_view_paint (HsChart *chart, cairo_t *cr, const struct hs_draw_style *style)
{
    const struct hs_timeline *timeline = hs_time_chart_get_timeline (HS_TIME_CHART (chart));

    if (timeline != NULL)
        hs_draw_overview (cr, style, hs_time_chart_get_plot (HS_TIME_CHART (chart)), timeline,
                          hs_selection_get_state (hs_chart_get_selection (chart))->unit);
}

static void hs_overview_view_paint_overlay (HsChart *chart, cairo_t *cr,
                                            const struct hs_draw_style *style)
{
    const struct hs_time_plot *plot = hs_time_chart_get_plot (HS_TIME_CHART (chart));
    const HsQueryState *state;

    if (hs_time_chart_get_timeline (HS_TIME_CHART (chart)) == NULL)
        return;
    state = hs_selection_get_state (hs_chart_get_selection (chart));
    if (state->has_range) {
        gint64 from, to;
        double left, right;

        hs_selection_get_effective_range (hs_chart_get_selection (chart), &from, &to);
        left = hs_time_plot_x (plot, from);
        right = hs_time_plot_x (plot, to);

        hs_draw_set_color (cr, hs_color_fade (style->selection, 0.35));
        cairo_rectangle (cr, left, plot->inside.y, MAX (1, right - left), plot->inside.height);
        cairo_fill (cr);
    }
    if (state->has_moment)
        hs_draw_moment (cr, style, plot, state->moment);
    hs_draw_overview_window (cr, style, plot, hs_time_axis_get_from (axis_of (chart)),
                             hs_time_axis_get_to (axis_of (chart)));
}

static char *hs_overview_view_describe (HsChart *chart, int mark)
{
    HsSelection *selection = hs_chart_get_selection (chart);
    const struct hs_timeline_column *column;
    char from_text[48], to_text[48], bytes[HS_UNITS_TEXT_SIZE];
    gint64 from, to;

    if (mark == HS_CHART_WHOLE)
        /* Translators: which part of the trace the charts show */
        return g_strdup_printf (
            _ ("Shown: %s to %s"),
            hs_selection_time_text (selection, hs_time_axis_get_from (axis_of (chart)), from_text),
            hs_selection_time_text (selection, hs_time_axis_get_to (axis_of (chart)), to_text));
    hs_time_chart_get_mark_times (HS_TIME_CHART (chart), mark, &from, &to);
    column = hs_time_chart_column_at (HS_TIME_CHART (chart), to);
    if (column == NULL)
        return NULL;
    return g_strdup_printf (_ ("%s: up to %s outstanding"),
                            hs_selection_time_text (selection, column->end_time, to_text),
                            hs_format_bytes (column->max_bytes, bytes));
}

/* A click brings the window there. */
static void hs_overview_view_choose (HsChart *chart, int mark)
{
    HsTimeAxis *axis = axis_of (chart);
    double shown = (double)hs_time_axis_get_to (axis) - (double)hs_time_axis_get_from (axis),
           centre;
    gint64 from, to;

    hs_time_chart_get_mark_times (HS_TIME_CHART (chart), mark, &from, &to);
    centre = ((double)hs_time_axis_get_from (axis) + (double)hs_time_axis_get_to (axis)) / 2;
    hs_time_axis_pan (axis, ((double)to - centre) / MAX (1, shown));
}

static void hs_overview_view_select (HsChart *chart, int anchor, int mark, HsStep step)
{
    gint64 from, to, unused;

    hs_time_chart_get_mark_times (HS_TIME_CHART (chart), MIN (anchor, mark), &from, &unused);
    hs_time_chart_get_mark_times (HS_TIME_CHART (chart), MAX (anchor, mark), &unused, &to);
    hs_time_axis_show (axis_of (chart), from, to);
}

static void hs_overview_view_class_init (HsOverviewViewClass *class)
{
    HsChartClass *chart_class = HS_CHART_CLASS (class);

    HS_TIME_CHART_CLASS (class)->above = 3;
    HS_TIME_CHART_CLASS (class)->below = 3;
    HS_TIME_CHART_CLASS (class)->is_whole = TRUE;
    chart_class->paint = hs_overview_view_paint;
    chart_class->paint_overlay = hs_overview_view_paint_overlay;
    chart_class->describe = hs_overview_view_describe;
    chart_class->choose = hs_overview_view_choose;
    chart_class->select = hs_overview_view_select;
    chart_class->extend = NULL;
}

static void hs_overview_view_init (HsOverviewView *self)
{
}
