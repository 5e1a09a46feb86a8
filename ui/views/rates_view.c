/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Allocations up, frees down; see rates_view.h. */
#include "views/rates_view.h"

#include "draw/timeline_painter.h"

#include <glib/gi18n.h>

struct _HsRatesView {
    HsTimeChart parent_instance;
};

G_DEFINE_TYPE (HsRatesView, hs_rates_view, HS_TYPE_TIME_CHART)

static void hs_rates_view_paint (HsChart *chart, cairo_t *cr, const struct hs_draw_style *style)
{
    const struct hs_timeline *timeline = hs_time_chart_get_timeline (HS_TIME_CHART (chart));
    struct hs_rates_look look = {
        /* blocks whatever the unit: one large block would press all others flat */
        .unit = HS_UNIT_BLOCKS,
        /* Translators: names of an axis, short */
        .allocations_text = _ ("allocs/s"),
        .frees_text = _ ("frees/s"),
    };

    if (timeline != NULL)
        hs_draw_rates (cr, style, hs_time_chart_get_plot (HS_TIME_CHART (chart)), timeline, &look);
}

static char *describe_sums (HsChart *chart, const struct hs_timeline_column *sums, gint64 from,
                            gint64 to)
{
    HsSelection *selection = hs_chart_get_selection (chart);
    char from_text[48], to_text[48], opened[HS_UNITS_TEXT_SIZE], closed[HS_UNITS_TEXT_SIZE];
    char opened_bytes[HS_UNITS_TEXT_SIZE], closed_bytes[HS_UNITS_TEXT_SIZE];

    /* Translators: from time to time, how many and how much was allocated and freed */
    return g_strdup_printf (
        _ ("%s to %s: %s allocated (%s), %s freed (%s)"),
        hs_selection_time_text (selection, from, from_text),
        hs_selection_time_text (selection, to, to_text), hs_format_count (sums->births, opened),
        hs_format_bytes (sums->birth_bytes, opened_bytes), hs_format_count (sums->ends, closed),
        hs_format_bytes (sums->end_bytes, closed_bytes));
}

static char *hs_rates_view_describe (HsChart *chart, int mark)
{
    const struct hs_timeline *timeline = hs_time_chart_get_timeline (HS_TIME_CHART (chart));
    const struct hs_timeline_column *column;
    struct hs_timeline_column sums = { 0 };
    gint64 from, to;

    if (timeline == NULL)
        return NULL;
    if (mark != HS_CHART_WHOLE) {
        hs_time_chart_get_mark_times (HS_TIME_CHART (chart), mark, &from, &to);
        column = hs_time_chart_column_at (HS_TIME_CHART (chart), to);
        if (column == NULL)
            return NULL;
        from = column == timeline->columns ? timeline->begin + 1 : column[-1].end_time;
        return describe_sums (chart, column, from, column->end_time);
    }
    for (uint32_t i = 0; i < timeline->n_columns; i++) {
        sums.births += timeline->columns[i].births;
        sums.birth_bytes += timeline->columns[i].birth_bytes;
        sums.ends += timeline->columns[i].ends;
        sums.end_bytes += timeline->columns[i].end_bytes;
    }
    return describe_sums (chart, &sums, timeline->begin + 1,
                          timeline->columns[timeline->n_columns - 1].end_time);
}

static void hs_rates_view_class_init (HsRatesViewClass *class)
{
    HsChartClass *chart_class = HS_CHART_CLASS (class);

    HS_TIME_CHART_CLASS (class)->above = 4;
    HS_TIME_CHART_CLASS (class)->below = HS_PLOT_TIME_LABELS;
    chart_class->paint = hs_rates_view_paint;
    chart_class->describe = hs_rates_view_describe;
}

static void hs_rates_view_init (HsRatesView *self)
{
}
