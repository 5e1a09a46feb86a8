/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Outstanding bytes or blocks over time; see timeline_view.h. */
#include "views/timeline_view.h"

#include "draw/label.h"
#include "draw/timeline_painter.h"

#include <glib/gi18n.h>

struct _HsTimelineView {
    HsTimeChart parent_instance;
};

G_DEFINE_TYPE (HsTimelineView, hs_timeline_view, HS_TYPE_TIME_CHART)

static void paint_message (cairo_t *cr, const struct hs_draw_style *style,
                           const struct hs_time_plot *plot, const char *text)
{
    hs_draw_label (cr, style,
                   &(struct hs_text_spot){ .x = plot->inside.x + plot->inside.width / 2,
                                           .y = plot->inside.y + plot->inside.height / 2,
                                           .align = HS_ALIGN_CENTRE,
                                           .color = style->dim },
                   text);
}

/* What to say when there is no curve, or NULL. */
static const char *message_of (HsTimelineView *self)
{
    HsSelection *selection = hs_chart_get_selection (HS_CHART (self));
    HsDocument *document = hs_selection_get_document (selection);
    const struct hs_timeline *timeline = hs_time_chart_get_timeline (HS_TIME_CHART (self));

    if (hs_document_get_state (document) == HS_DOCUMENT_LOADING)
        return NULL;
    if (hs_document_get_info (document)->opened == 0 &&
        hs_document_get_state (document) == HS_DOCUMENT_LIVE)
        return _ ("Nothing was allocated yet");
    if (hs_document_get_info (document)->opened == 0)
        return _ ("This trace holds no heap events");
    if (timeline != NULL && timeline->max_bytes == 0 && timeline->start_count == 0)
        return _ ("Nothing was allocated here");
    return NULL;
}

static GArray *levels_of (HsSelection *selection)
{
    const HsTraceInfo *info = hs_document_get_info (hs_selection_get_document (selection));
    hs_process_id process = hs_selection_get_state (selection)->process;
    GArray *levels = g_array_new (FALSE, FALSE, sizeof (struct hs_draw_level));

    for (guint i = 0; i < info->samples->len; i++) {
        const struct hs_sample *sample = &g_array_index (info->samples, struct hs_sample, i);
        struct hs_draw_level level = { sample->time, sample->bytes };

        if (sample->process == process)
            g_array_append_val (levels, level);
    }
    return levels;
}

static GArray *flags_of (HsSelection *selection)
{
    const HsTraceInfo *info = hs_document_get_info (hs_selection_get_document (selection));
    GArray *flags = g_array_new (FALSE, FALSE, sizeof (struct hs_draw_flag));

    for (guint i = 0; i < info->marks->len; i++) {
        const HsMarkEntry *mark = &g_array_index (info->marks, HsMarkEntry, i);
        struct hs_draw_flag flag = { mark->time, mark->name };

        g_array_append_val (flags, flag);
    }
    return flags;
}

static gboolean concerns (const struct hs_gap *gap, hs_process_id process)
{
    return process == HS_NO_PROCESS || gap->process == HS_NO_PROCESS || gap->process == process;
}

static GArray *gaps_of (HsSelection *selection)
{
    const HsTraceInfo *info = hs_document_get_info (hs_selection_get_document (selection));
    hs_process_id process = hs_selection_get_state (selection)->process;
    GArray *spans = g_array_new (FALSE, FALSE, sizeof (struct hs_draw_span));

    for (guint i = 0; i < info->gaps->len; i++) {
        const struct hs_gap *gap = &g_array_index (info->gaps, struct hs_gap, i);
        struct hs_draw_span span = { gap->begin, gap->end };

        if (concerns (gap, process))
            g_array_append_val (spans, span);
    }
    return spans;
}

static void hs_timeline_view_paint (HsChart *chart, cairo_t *cr, const struct hs_draw_style *style)
{
    HsTimelineView *self = HS_TIMELINE_VIEW (chart);
    HsSelection *selection = hs_chart_get_selection (chart);
    const struct hs_time_plot *plot = hs_time_chart_get_plot (HS_TIME_CHART (self));
    const struct hs_timeline *timeline = hs_time_chart_get_timeline (HS_TIME_CHART (self));
    g_autoptr (GArray) levels = levels_of (selection);
    g_autoptr (GArray) flags = flags_of (selection);
    g_autoptr (GArray) gaps = gaps_of (selection);
    enum hs_metric_unit unit = hs_selection_get_state (selection)->unit;
    struct hs_timeline_look look = {
        .unit = unit,
        .title = unit == HS_UNIT_BYTES ? _ ("Outstanding bytes") : _ ("Outstanding blocks"),
        .resident_text = _ ("resident set"),
        .flags = (const struct hs_draw_flag *)(void *)flags->data,
        .n_flags = flags->len,
        .levels = (const struct hs_draw_level *)(void *)levels->data,
        .n_levels = levels->len,
        .gap_text = _ ("not recorded"),
        .gaps = (const struct hs_draw_span *)(void *)gaps->data,
        .n_gaps = gaps->len,
        .row_text = _ ("chosen row"),
        .row = hs_selection_get_row_curves (selection),
    };
    const char *message = message_of (self);

    if (message != NULL)
        paint_message (cr, style, plot, message);
    else if (timeline != NULL)
        hs_draw_timeline (cr, style, plot, timeline, &look);
}

static char *describe_whole (HsChart *chart)
{
    HsSelection *selection = hs_chart_get_selection (chart);
    const struct hs_timeline *timeline = hs_time_chart_get_timeline (HS_TIME_CHART (chart));
    char from[48], to[48], peak_time[48], peak[HS_UNITS_TEXT_SIZE], end[HS_UNITS_TEXT_SIZE];

    if (message_of (HS_TIMELINE_VIEW (chart)) != NULL)
        return g_strdup (message_of (HS_TIMELINE_VIEW (chart)));
    if (timeline == NULL || timeline->n_columns == 0)
        return NULL;
    hs_selection_time_text (selection, timeline->begin + 1, from);
    hs_selection_time_text (selection, timeline->columns[timeline->n_columns - 1].end_time, to);
    hs_selection_time_text (selection, timeline->peak_time, peak_time);
    /* Translators: a whole chart in a sentence: times, sizes */
    return g_strdup_printf (
        _ ("%s to %s: at most %s at %s, %s at the end"), from, to,
        hs_format_bytes (timeline->max_bytes, peak), peak_time,
        hs_format_bytes (timeline->columns[timeline->n_columns - 1].live_bytes, end));
}

static char *hs_timeline_view_describe (HsChart *chart, int mark)
{
    const struct hs_timeline_column *column;
    char time[48], bytes[HS_UNITS_TEXT_SIZE], count[HS_UNITS_TEXT_SIZE];
    char low[HS_UNITS_TEXT_SIZE], high[HS_UNITS_TEXT_SIZE];
    gint64 from, to;

    if (mark == HS_CHART_WHOLE)
        return describe_whole (chart);
    hs_time_chart_get_mark_times (HS_TIME_CHART (chart), mark, &from, &to);
    column = hs_time_chart_column_at (HS_TIME_CHART (chart), to);
    if (column == NULL)
        return NULL;
    hs_selection_time_text (hs_chart_get_selection (chart), column->end_time, time);
    hs_format_bytes (column->live_bytes, bytes);
    hs_format_count (column->live_count, count);
    hs_format_bytes (column->min_bytes, low);
    hs_format_bytes (column->max_bytes, high);
    if (g_str_equal (low, high))
        /* Translators: time, bytes, number of blocks */
        return g_strdup_printf (_ ("%s: %s outstanding in %s blocks"), time, bytes, count);
    /* Translators: time, bytes, number of blocks, least and most bytes within the pixel */
    return g_strdup_printf (_ ("%s: %s outstanding in %s blocks (%s to %s around it)"), time, bytes,
                            count, low, high);
}

static void hs_timeline_view_class_init (HsTimelineViewClass *class)
{
    HsChartClass *chart_class = HS_CHART_CLASS (class);

    HS_TIME_CHART_CLASS (class)->above = HS_TIMELINE_FLAGS;
    HS_TIME_CHART_CLASS (class)->below = 8;
    chart_class->paint = hs_timeline_view_paint;
    chart_class->describe = hs_timeline_view_describe;
}

static void hs_timeline_view_init (HsTimelineView *self)
{
}
