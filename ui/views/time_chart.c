/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the charts along time do alike; see time_chart.h. */
#include "views/time_chart.h"

#include <math.h>

typedef struct {
    struct hs_timeline *timeline;
    struct hs_time_plot plot;
} HsTimeChartPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (HsTimeChart, hs_time_chart, HS_TYPE_CHART)

static HsTimeChartPrivate *private_of (gpointer self)
{
    return hs_time_chart_get_instance_private (HS_TIME_CHART (self));
}

static HsTimeAxis *axis_of (HsChart *self)
{
    return hs_selection_get_axis (hs_chart_get_selection (self));
}

static void hs_time_chart_layout (HsChart *self, const struct hs_draw_style *style,
                                  struct hs_rect area)
{
    HsTimeChartPrivate *priv = private_of (self);
    HsTimeChartClass *class = HS_TIME_CHART_GET_CLASS (self);
    HsSelection *selection = hs_chart_get_selection (self);

    hs_time_plot_init (&priv->plot, style, area, class->above, class->below);
    priv->plot.ticks_per_second = 1;
    if (selection == NULL)
        return;
    priv->plot.ticks_per_second =
        MAX (1, hs_document_get_snapshot (hs_selection_get_document (selection))->ticks_per_second);
    if (class->is_whole) {
        priv->plot.from = hs_time_axis_get_first (axis_of (self));
        priv->plot.to = hs_time_axis_get_last (axis_of (self));
    } else {
        priv->plot.from = hs_time_axis_get_from (axis_of (self));
        priv->plot.to = hs_time_axis_get_to (axis_of (self));
    }
}

static int hs_time_chart_n_marks (HsChart *self)
{
    HsTimeChartPrivate *priv = private_of (self);

    if (priv->timeline == NULL)
        return 0;
    return MAX (1, (int)priv->plot.inside.width);
}

static int hs_time_chart_mark_at (HsChart *self, double x, double y)
{
    HsTimeChartPrivate *priv = private_of (self);
    const struct hs_rect *area = &priv->plot.area;
    int mark = (int)floor (x - priv->plot.inside.x);

    if (mark < 0 || mark >= hs_time_chart_n_marks (self) || y < area->y ||
        y >= area->y + area->height)
        return HS_CHART_WHOLE;
    return mark;
}

static gboolean hs_time_chart_mark_rect (HsChart *self, int mark, struct hs_rect *ret)
{
    HsTimeChartPrivate *priv = private_of (self);

    if (mark < 0 || mark >= hs_time_chart_n_marks (self))
        return FALSE;
    *ret = (struct hs_rect){ priv->plot.inside.x + mark, priv->plot.inside.y, 1,
                             priv->plot.inside.height };
    return TRUE;
}

void hs_time_chart_get_mark_times (HsTimeChart *self, int mark, gint64 *from, gint64 *to)
{
    HsTimeChartPrivate *priv = private_of (self);
    double n = MAX (1, hs_time_chart_n_marks (HS_CHART (self)));
    double width = priv->plot.inside.width;

    *from = hs_time_plot_ticks (&priv->plot, priv->plot.inside.x + mark * width / n);
    *to = hs_time_plot_ticks (&priv->plot, priv->plot.inside.x + (mark + 1) * width / n);
}

const struct hs_timeline_column *hs_time_chart_column_at (HsTimeChart *self, gint64 ticks)
{
    const struct hs_timeline *timeline = private_of (self)->timeline;
    uint32_t low = 0, high;

    if (timeline == NULL || timeline->n_columns == 0 || ticks < timeline->from ||
        ticks > timeline->to)
        return NULL;
    high = timeline->n_columns;
    while (low < high) { /* the first column that ends at or after it */
        uint32_t middle = low + (high - low) / 2;

        if (timeline->columns[middle].end_time < ticks)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == timeline->n_columns || (low > 0 && ticks - timeline->columns[low - 1].end_time <
                                                      timeline->columns[low].end_time - ticks))
        low--;
    return &timeline->columns[low];
}

static void hs_time_chart_choose (HsChart *self, int mark)
{
    gint64 from, to;

    hs_time_chart_get_mark_times (HS_TIME_CHART (self), mark, &from, &to);
    hs_selection_set_moment (hs_chart_get_selection (self), to, HS_STEP_NEW);
}

/* From the first tick of one mark to the last of the other. */
static void range_of_marks (HsChart *self, int a, int b, gint64 *from, gint64 *to)
{
    gint64 unused;

    hs_time_chart_get_mark_times (HS_TIME_CHART (self), MIN (a, b), from, &unused);
    hs_time_chart_get_mark_times (HS_TIME_CHART (self), MAX (a, b), &unused, to);
    if (MIN (a, b) > 0)
        (*from)++;
}

static void hs_time_chart_select (HsChart *self, int anchor, int mark, HsStep step)
{
    gint64 from, to;

    range_of_marks (self, anchor, mark, &from, &to);
    /* the last mark of all is the newest, even while the axis is held for the drag */
    if (MAX (anchor, mark) == hs_time_chart_n_marks (self) - 1 &&
        hs_time_axis_is_at_end (axis_of (self)))
        to = G_MAXINT64;
    hs_selection_set_range (hs_chart_get_selection (self), from, MAX (from, to), step);
}

/* The range grows or shrinks to the mark: the nearer of its ends moves. */
static void hs_time_chart_extend (HsChart *self, int mark)
{
    HsSelection *selection = hs_chart_get_selection (self);
    const HsQueryState *state = hs_selection_get_state (selection);
    gint64 from, to, range_from, range_to;

    range_of_marks (self, mark, mark, &from, &to);
    if (state->has_range) {
        range_from = state->from;
        range_to = MIN (state->to, hs_time_axis_get_last (axis_of (self)));
    } else if (state->has_moment) {
        range_from = range_to = state->moment;
    } else {
        range_from = hs_time_axis_get_from (axis_of (self));
        range_to = to;
    }
    if (to < range_from || ABS (to - range_from) < ABS (to - range_to))
        range_from = from;
    else
        range_to = to;
    hs_selection_set_range (selection, range_from, range_to, HS_STEP_NEW);
}

static void hs_time_chart_zoom (HsChart *self, double x, double factor)
{
    HsTimeChartPrivate *priv = private_of (self);

    hs_time_axis_zoom (axis_of (self), hs_time_plot_ticks (&priv->plot, x), factor);
}

static void hs_time_chart_pan (HsChart *self, double share)
{
    hs_time_axis_pan (axis_of (self), share);
}

static void hs_time_chart_fit (HsChart *self)
{
    hs_time_axis_fit (axis_of (self));
}

void hs_time_chart_set_timeline (HsTimeChart *self, struct hs_timeline *timeline)
{
    HsTimeChartPrivate *priv = private_of (self);

    if (timeline == priv->timeline)
        return;
    hs_timeline_unref (priv->timeline);
    priv->timeline = timeline != NULL ? hs_timeline_ref (timeline) : NULL;
    hs_chart_invalidate (HS_CHART (self));
}

const struct hs_timeline *hs_time_chart_get_timeline (HsTimeChart *self)
{
    return private_of (self)->timeline;
}

const struct hs_time_plot *hs_time_chart_get_plot (HsTimeChart *self)
{
    return &private_of (self)->plot;
}

/* What all of them lay over the picture. */
static void hs_time_chart_paint_overlay (HsChart *self, cairo_t *cr,
                                         const struct hs_draw_style *style)
{
    HsTimeChartPrivate *priv = private_of (self);
    const HsQueryState *state;

    if (hs_chart_get_selection (self) == NULL)
        return;
    state = hs_selection_get_state (hs_chart_get_selection (self));
    if (state->has_range)
        hs_draw_time_range (cr, style, &priv->plot, state->from, state->to);
    if (state->has_moment)
        hs_draw_moment (cr, style, &priv->plot, state->moment);
}

static void hs_time_chart_finalize (GObject *object)
{
    hs_timeline_unref (private_of (object)->timeline);
    G_OBJECT_CLASS (hs_time_chart_parent_class)->finalize (object);
}

static void hs_time_chart_class_init (HsTimeChartClass *class)
{
    HsChartClass *chart_class = HS_CHART_CLASS (class);

    G_OBJECT_CLASS (class)->finalize = hs_time_chart_finalize;
    chart_class->layout = hs_time_chart_layout;
    chart_class->paint_overlay = hs_time_chart_paint_overlay;
    chart_class->n_marks = hs_time_chart_n_marks;
    chart_class->mark_at = hs_time_chart_mark_at;
    chart_class->mark_rect = hs_time_chart_mark_rect;
    chart_class->choose = hs_time_chart_choose;
    chart_class->select = hs_time_chart_select;
    chart_class->extend = hs_time_chart_extend;
    chart_class->zoom = hs_time_chart_zoom;
    chart_class->pan = hs_time_chart_pan;
    chart_class->fit = hs_time_chart_fit;
}

static void hs_time_chart_init (HsTimeChart *self)
{
}
