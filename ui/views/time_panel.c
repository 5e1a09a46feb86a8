/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Overview, outstanding and rates; see time_panel.h. */
#include "views/time_panel.h"

#include "model/questions.h"
#include "views/busy_line.h"
#include "views/overview_view.h"
#include "views/rates_view.h"
#include "views/refresh.h"
#include "views/timeline_view.h"

#include <glib/gi18n.h>
#include <string.h>

struct _HsTimePanel {
    GtkBox parent_instance;

    HsTimeChart *overview, *timeline, *rates;
    GtkProgressBar *busy_line;

    enum hs_metric_unit unit; /* that the pictures are of */
    hs_process_id process;
    HsSelection *selection;
    HsQuery *part, *whole; /* of what is shown; of the whole trace */
    gboolean shows_whole;  /* they are the same question */
    HsQuery *peak;         /* of the range, when it is wanted */
    gboolean is_peak_wanted, is_of_range;
    HsDocumentState state; /* that the charts were painted for */
};

G_DEFINE_TYPE (HsTimePanel, hs_time_panel, GTK_TYPE_BOX)

static gint64 columns_of (HsTimeChart *chart)
{
    return MAX (1, (gint64)hs_time_chart_get_plot (chart)->inside.width);
}

static void show_part (HsTimePanel *self)
{
    struct hs_timeline *answer = hs_query_get_answer (self->shows_whole ? self->whole : self->part);

    hs_time_chart_set_timeline (self->timeline, answer);
    hs_time_chart_set_timeline (self->rates, answer);
}

/* The whole is asked once for all three charts. */
static void refresh (GtkWidget *widget)
{
    HsTimePanel *self = HS_TIME_PANEL (widget);
    HsTimeAxis *axis = hs_selection_get_axis (self->selection);
    struct hs_filter filter = hs_selection_get_timeless_filter (self->selection);
    gint64 part[HS_QUERY_N_PARAMETERS] = { 0 };
    gint64 whole[HS_QUERY_N_PARAMETERS] = { HS_TIME_FIRST, HS_TIME_NEWEST };

    hs_question_part_of (axis, part);
    hs_chart_do_layout (HS_CHART (self->timeline));
    hs_chart_do_layout (HS_CHART (self->overview));
    part[2] = columns_of (self->timeline);
    whole[2] = columns_of (self->overview);
    self->shows_whole = memcmp (part, whole, sizeof part) == 0;
    hs_query_ask (self->whole, &filter, whole);
    if (!self->shows_whole)
        hs_query_ask (self->part, &filter, part);
    if (hs_query_is_settled (self->shows_whole ? self->whole : self->part))
        show_part (self);
    gtk_widget_queue_draw (widget);
}

static void repaint (HsTimePanel *self)
{
    hs_chart_invalidate (HS_CHART (self->timeline));
    hs_chart_invalidate (HS_CHART (self->rates));
    hs_chart_invalidate (HS_CHART (self->overview));
}

/* What charts say without a curve depends on whether one may still come. */
static void on_progress (HsTimePanel *self)
{
    HsDocumentState state = hs_document_get_state (hs_selection_get_document (self->selection));

    if (state == self->state)
        return;
    self->state = state;
    repaint (self);
}

/* A range that is dragged is laid over the pictures: these show the unit and one process. */
static void on_selection_changed (HsTimePanel *self)
{
    const HsQueryState *state = hs_selection_get_state (self->selection);

    if (state->unit != self->unit || state->process != self->process) {
        self->unit = state->unit;
        self->process = state->process;
        repaint (self);
    }
    hs_chart_redraw_overlay (HS_CHART (self->timeline));
    hs_chart_redraw_overlay (HS_CHART (self->rates));
    hs_chart_redraw_overlay (HS_CHART (self->overview));
}

static void repaint_timeline (HsTimePanel *self)
{
    hs_chart_invalidate (HS_CHART (self->timeline));
}

/* The old picture moves along until the answer is there. */
static void on_axis_changed (HsTimePanel *self)
{
    hs_chart_forget_anchor (HS_CHART (self->timeline));
    hs_chart_forget_anchor (HS_CHART (self->rates));
    repaint (self);
}

static void on_part_answered (HsTimePanel *self)
{
    if (!self->shows_whole)
        show_part (self);
}

static void on_whole_answered (HsTimePanel *self)
{
    hs_time_chart_set_timeline (self->overview, hs_query_get_answer (self->whole));
    if (self->shows_whole)
        show_part (self);
}

static void go_to_peak_of (HsTimePanel *self, const struct hs_range_peak *answer)
{
    HsTimeAxis *axis = hs_selection_get_axis (self->selection);

    if (answer == NULL || answer->bytes == 0)
        return;
    if (answer->time < hs_time_axis_get_from (axis) || answer->time > hs_time_axis_get_to (axis)) {
        double shown = (double)hs_time_axis_get_to (axis) - (double)hs_time_axis_get_from (axis);
        double centre = (double)hs_time_axis_get_from (axis) + shown / 2;

        hs_time_axis_pan (axis, ((double)answer->time - centre) / shown);
    }
    hs_selection_set_moment (self->selection, answer->time, HS_STEP_NEW);
}

/* Another range, or none, since it was asked: nobody waits for it any more. */
static void on_peak_answered (HsTimePanel *self)
{
    gboolean is_wanted = self->is_peak_wanted && hs_query_is_settled (self->peak) &&
                         hs_selection_get_state (self->selection)->has_range == self->is_of_range;

    self->is_peak_wanted = self->is_peak_wanted && !hs_query_is_settled (self->peak);
    if (is_wanted)
        go_to_peak_of (self, hs_query_get_answer (self->peak));
}

static void on_size (GtkWidget *widget, GtkAllocation *allocation, HsTimePanel *self)
{
    if (self->selection != NULL)
        hs_refresh_queue (GTK_WIDGET (self));
}

void hs_time_panel_set_selection (HsTimePanel *self, HsSelection *selection)
{
    HsDocument *document = hs_selection_get_document (selection);

    g_return_if_fail (HS_IS_TIME_PANEL (self) && self->selection == NULL);
    self->selection = g_object_ref (selection);
    hs_chart_set_up (HS_CHART (self->overview), selection, _ ("Overview of the whole trace"));
    hs_chart_set_up (HS_CHART (self->timeline), selection, _ ("Outstanding over time"));
    hs_chart_set_up (HS_CHART (self->rates), selection, _ ("Allocations and frees over time"));
    self->part = hs_query_new (&hs_question_timeline, document);
    self->whole = hs_query_new (&hs_question_timeline, document);
    self->peak = hs_query_new (&hs_question_peak, document);
    g_signal_connect_object (self->peak, "answered", G_CALLBACK (on_peak_answered), self,
                             G_CONNECT_SWAPPED);
    g_signal_connect_object (self->part, "answered", G_CALLBACK (on_part_answered), self,
                             G_CONNECT_SWAPPED);
    g_signal_connect_object (self->whole, "answered", G_CALLBACK (on_whole_answered), self,
                             G_CONNECT_SWAPPED);
    g_signal_connect_object (hs_selection_get_axis (selection), "changed",
                             G_CALLBACK (on_axis_changed), self, G_CONNECT_SWAPPED);
    g_signal_connect_object (selection, "changed", G_CALLBACK (on_selection_changed), self,
                             G_CONNECT_SWAPPED);
    g_signal_connect_object (selection, "row-curves-changed", G_CALLBACK (repaint_timeline), self,
                             G_CONNECT_SWAPPED);
    g_signal_connect_object (document, "progress", G_CALLBACK (on_progress), self,
                             G_CONNECT_SWAPPED);
    hs_busy_line_watch (self->busy_line, self->part);
    hs_busy_line_watch (self->busy_line, self->whole);
    hs_refresh_watch (GTK_WIDGET (self), selection, refresh);
}

void hs_time_panel_go_to_peak (HsTimePanel *self)
{
    const HsQueryState *state = hs_selection_get_state (self->selection);
    struct hs_filter filter = hs_selection_get_timeless_filter (self->selection);
    gint64 parameters[HS_QUERY_N_PARAMETERS] = { HS_TIME_FIRST, HS_TIME_NEWEST };

    if (state->has_range) {
        parameters[0] = state->from;
        parameters[1] = state->to;
    }
    self->is_peak_wanted = TRUE;
    self->is_of_range = state->has_range;
    hs_query_ask (self->peak, &filter, parameters);
    if (hs_query_is_settled (self->peak)) /* it was answered already */
        on_peak_answered (self);
}

void hs_time_panel_zoom (HsTimePanel *self, double factor)
{
    HsTimeAxis *axis = hs_selection_get_axis (self->selection);
    gint64 from = hs_time_axis_get_from (axis), to = hs_time_axis_get_to (axis);

    hs_time_axis_zoom (axis, from + (to - from) / 2, factor);
}

void hs_time_panel_focus (HsTimePanel *self)
{
    gtk_widget_grab_focus (GTK_WIDGET (self->timeline));
}

gboolean hs_time_panel_is_settled (HsTimePanel *self)
{
    return hs_query_is_settled (self->part) && hs_query_is_settled (self->whole) &&
           hs_time_chart_get_timeline (self->timeline) != NULL;
}

static void hs_time_panel_dispose (GObject *object)
{
    HsTimePanel *self = HS_TIME_PANEL (object);

    g_clear_object (&self->part);
    g_clear_object (&self->whole);
    g_clear_object (&self->peak);
    g_clear_object (&self->selection);
    G_OBJECT_CLASS (hs_time_panel_parent_class)->dispose (object);
}

static void hs_time_panel_class_init (HsTimePanelClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_time_panel_dispose;
    g_type_ensure (HS_TYPE_OVERVIEW_VIEW);
    g_type_ensure (HS_TYPE_TIMELINE_VIEW);
    g_type_ensure (HS_TYPE_RATES_VIEW);
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/time_panel.ui");
    gtk_widget_class_bind_template_child (widget_class, HsTimePanel, overview);
    gtk_widget_class_bind_template_child (widget_class, HsTimePanel, timeline);
    gtk_widget_class_bind_template_child (widget_class, HsTimePanel, rates);
    gtk_widget_class_bind_template_child (widget_class, HsTimePanel, busy_line);
    gtk_widget_class_bind_template_callback (widget_class, on_size);
}

static void hs_time_panel_init (HsTimePanel *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
}
