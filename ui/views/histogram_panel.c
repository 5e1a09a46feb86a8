/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The histogram with its heading; see histogram_panel.h. */
#include "views/histogram_panel.h"

#include "model/questions.h"
#include "views/busy_line.h"
#include "views/histogram_view.h"
#include "views/refresh.h"

#include <glib/gi18n.h>

struct _HsHistogramPanel {
    GtkBox parent_instance;

    HsHistogramView *view;
    GtkLabel *legend;
    GtkProgressBar *busy_line;

    HsSelection *selection;
    HsQueryState shown; /* what the picture is of */
    HsQuery *query;
};

G_DEFINE_TYPE (HsHistogramPanel, hs_histogram_panel, GTK_TYPE_BOX)

/* What the bars and their ghosts are. */
static void update_legend (HsHistogramPanel *self)
{
    const HsQueryState *state = hs_selection_get_state (self->selection);
    guint64 divisor = hs_histogram_view_get_ghost_divisor (self->view);
    const char *unit = state->unit == HS_UNIT_BYTES ? _ ("bytes") : _ ("blocks");
    g_autofree char *text = NULL;
    char number[HS_UNITS_TEXT_SIZE];

    if (divisor > 1)
        /* Translators: bytes or blocks; the bars behind show the whole trace, divided by a number
         */
        text =
            g_strdup_printf (_ ("%s · ghost: whole ÷ %s"), unit, hs_format_count (divisor, number));
    else
        /* Translators: bytes or blocks; the bars behind show the whole trace */
        text = g_strdup_printf (_ ("%s · ghost: whole trace"), unit);
    gtk_label_set_text (self->legend, text);
}

/* Before the first event is read there is no "nothing". */
static void show_answer (HsHistogramPanel *self)
{
    HsDocument *document = hs_selection_get_document (self->selection);
    struct hs_histogram *histogram = hs_query_get_answer (self->query);

    if (histogram != NULL &&
        (histogram->n > 0 || hs_document_get_state (document) != HS_DOCUMENT_LOADING))
        hs_histogram_view_set_histogram (self->view, histogram);
    update_legend (self);
}

static void refresh (GtkWidget *widget)
{
    HsHistogramPanel *self = HS_HISTOGRAM_PANEL (widget);

    hs_question_ask_shared_histogram (self->selection);
    show_answer (self);
}

/* A range that is dragged is seen when its answer comes. */
static void on_selection_changed (HsHistogramPanel *self)
{
    const HsQueryState *state = hs_selection_get_state (self->selection);
    HsQueryState *shown = &self->shown;

    if (state->unit == shown->unit && state->metric == shown->metric &&
        state->terms.size_min == shown->terms.size_min &&
        state->terms.size_max == shown->terms.size_max)
        return;
    *shown = *state;
    hs_chart_invalidate (HS_CHART (self->view));
}

void hs_histogram_panel_set_selection (HsHistogramPanel *self, HsSelection *selection)
{
    g_return_if_fail (HS_IS_HISTOGRAM_PANEL (self) && self->selection == NULL);
    self->selection = g_object_ref (selection);
    hs_chart_set_up (HS_CHART (self->view), selection, _ ("Allocation sizes"));
    /* this view sets the sizes, so it shows them all */
    self->query = g_object_ref (hs_question_shared_histogram (selection));
    g_signal_connect_object (self->query, "answered", G_CALLBACK (show_answer), self,
                             G_CONNECT_SWAPPED);
    g_signal_connect_object (selection, "changed", G_CALLBACK (on_selection_changed), self,
                             G_CONNECT_SWAPPED);
    hs_busy_line_watch (self->busy_line, self->query);
    hs_refresh_watch (GTK_WIDGET (self), selection, refresh);
}

void hs_histogram_panel_focus (HsHistogramPanel *self)
{
    gtk_widget_grab_focus (GTK_WIDGET (self->view));
}

gboolean hs_histogram_panel_is_settled (HsHistogramPanel *self)
{
    return hs_query_is_settled (self->query) && hs_query_get_answer (self->query) != NULL;
}

static void hs_histogram_panel_dispose (GObject *object)
{
    HsHistogramPanel *self = HS_HISTOGRAM_PANEL (object);

    g_clear_object (&self->query);
    g_clear_object (&self->selection);
    G_OBJECT_CLASS (hs_histogram_panel_parent_class)->dispose (object);
}

static void hs_histogram_panel_class_init (HsHistogramPanelClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_histogram_panel_dispose;
    g_type_ensure (HS_TYPE_HISTOGRAM_VIEW);
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/histogram_panel.ui");
    gtk_widget_class_bind_template_child (widget_class, HsHistogramPanel, view);
    gtk_widget_class_bind_template_child (widget_class, HsHistogramPanel, legend);
    gtk_widget_class_bind_template_child (widget_class, HsHistogramPanel, busy_line);
}

static void hs_histogram_panel_init (HsHistogramPanel *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
}
