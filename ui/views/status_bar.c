/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The range in numbers; see status_bar.h. Tooltips tell the numbers to the byte. */
#include "views/status_bar.h"

#include "analysis/filter_words.h"
#include "base/units.h"
#include "model/questions.h"
#include "views/refresh.h"

#include <glib/gi18n.h>

struct _HsStatusBar {
    GtkBox parent_instance;

    GtkLabel *length, *net, *peak, *allocations, *outstanding, *hint;
    GtkButton *unsure;
    GtkLabel *unsure_label;

    HsSelection *selection;
    /* Sums per stack cost more than twice as much as the histogram that is there anyway; they are
     * needed where that leaves the filter's sizes out. */
    HsQuery *histogram, *query, *peak_query;
};

G_DEFINE_TYPE (HsStatusBar, hs_status_bar, GTK_TYPE_BOX)

static void set_figure (GtkLabel *label, char *text, char *exact)
{
    gtk_label_set_markup (label, text);
    gtk_widget_set_tooltip_text (GTK_WIDGET (label), exact);
    atk_object_set_description (gtk_widget_get_accessible (GTK_WIDGET (label)), exact);
    g_free (text);
    g_free (exact);
}

static void show_length (HsStatusBar *self)
{
    gint64 from, to;
    double seconds;
    char text[HS_UNITS_TEXT_SIZE];

    hs_selection_get_effective_range (self->selection, &from, &to);
    seconds =
        hs_selection_seconds (self->selection, to) - hs_selection_seconds (self->selection, from);
    hs_format_seconds (seconds, text);
    /* Translators: the length of the selected range of time */
    set_figure (self->length, g_strdup_printf (_ ("range %s"), text),
                g_strdup_printf (_ ("From %.9f s to %.9f s"),
                                 hs_selection_seconds (self->selection, from),
                                 hs_selection_seconds (self->selection, to)));
}

static void show_totals (HsStatusBar *self, const struct hs_sums *sums)
{
    char text[HS_UNITS_TEXT_SIZE], count[HS_UNITS_TEXT_SIZE];
    int64_t net = hs_sums_metric (sums, HS_METRIC_NET, HS_UNIT_BYTES);
    guint64 opened = hs_sums_opened_count (sums), left = hs_sums_outstanding_count (sums);

    hs_format_bytes_signed (net, text);
    hs_format_count ((uint64_t)ABS (net), count);
    set_figure (self->net, g_strdup_printf (_ ("<b>%s</b> net"), text),
                g_strdup_printf (_ ("%s%s B net"), net < 0 ? "-" : "", count));
    hs_format_count (opened, count);
    hs_format_count (hs_sums_opened_bytes (sums), text);
    set_figure (self->allocations,
                g_strdup_printf (ngettext ("%s allocation", "%s allocations", opened), count),
                g_strdup_printf (_ ("%s blocks, %s B"), count, text));
    hs_format_count (left, count);
    hs_format_count (hs_sums_outstanding_bytes (sums), text);
    set_figure (self->outstanding, g_strdup_printf (_ ("%s outstanding"), count),
                g_strdup_printf (_ ("%s blocks, %s B"), count, text));
}

static void show_peak (HsStatusBar *self, const struct hs_range_peak *peak)
{
    char text[HS_UNITS_TEXT_SIZE], count[HS_UNITS_TEXT_SIZE], time[48];

    hs_format_bytes (peak->bytes, text);
    hs_format_count (peak->bytes, count);
    hs_selection_time_text (self->selection, peak->time, time);
    set_figure (self->peak, g_strdup_printf (_ ("peak <b>%s</b> at %s"), text, time),
                g_strdup_printf (_ ("%s B at %.9f s"), count,
                                 hs_selection_seconds (self->selection, peak->time)));
}

/* At the right: what makes the numbers unsure; opens the findings. */
static void show_doubts (HsStatusBar *self)
{
    HsDocument *document = hs_selection_get_document (self->selection);
    const HsTraceInfo *info = hs_document_get_info (document);
    g_autoptr (GPtrArray) parts = g_ptr_array_new_with_free_func (g_free);
    g_autofree char *text = NULL, *all = NULL;
    char count[HS_UNITS_TEXT_SIZE];
    double without_stack = info->stack_events == 0
                               ? 0
                               : 100.0 * (double)(info->stack_events - info->stack_events_set) /
                                     (double)info->stack_events;

    if (without_stack > 0)
        g_ptr_array_add (parts, without_stack >= 0.05
                                    ? g_strdup_printf (_ ("%.1f %% without stack"), without_stack)
                                    : g_strdup (_ ("under 0.1 % without stack")));
    if (info->lost_events > 0)
        g_ptr_array_add (
            parts, g_strdup_printf (ngettext ("%s event lost", "%s events lost", info->lost_events),
                                    hs_format_count (info->lost_events, count)));
    if (info->findings->len > 0)
        g_ptr_array_add (
            parts, g_strdup_printf (ngettext ("%u finding", "%u findings", info->findings->len),
                                    info->findings->len));
    gtk_widget_set_visible (GTK_WIDGET (self->unsure), parts->len > 0);
    if (parts->len == 0)
        return;
    g_ptr_array_add (parts, NULL);
    text = g_strjoinv (" · ", (char **)parts->pdata);
    all = g_strdup_printf ("⚠ %s", text);
    gtk_label_set_text (self->unsure_label, all);
    atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (self->unsure)), text);
}

static gboolean needs_sums (HsStatusBar *self)
{
    struct hs_filter filter = hs_selection_get_filter (self->selection);

    return hs_filter_has_term (&filter, HS_TERM_SIZE);
}

static HsQuery *totals_query (HsStatusBar *self)
{
    return needs_sums (self) ? self->query : self->histogram;
}

/* Of either query: the one that is not needed now says nothing. */
static void on_answered (HsStatusBar *self)
{
    gconstpointer answer = hs_query_get_answer (totals_query (self));
    struct hs_sums sums = { 0 };

    if (answer == NULL)
        return;
    if (!needs_sums (self)) {
        const struct hs_histogram *histogram = answer;

        memcpy (sums.count, histogram->total.count, sizeof sums.count);
        memcpy (sums.bytes, histogram->total.bytes, sizeof sums.bytes);
        answer = &sums;
    }
    show_totals (self, answer);
}

static void refresh (GtkWidget *widget)
{
    HsStatusBar *self = HS_STATUS_BAR (widget);
    struct hs_filter filter = hs_selection_get_filter (self->selection);
    gint64 parameters[HS_QUERY_N_PARAMETERS] = { HS_TIME_FIRST, HS_TIME_NEWEST };

    if (needs_sums (self))
        hs_query_ask (self->query, &filter, parameters);
    else
        hs_question_ask_shared_histogram (self->selection);
    if (hs_query_is_settled (totals_query (self))) /* it was answered before */
        on_answered (self);
    if (filter.has_range) {
        parameters[0] = filter.from;
        parameters[1] = filter.to;
    }
    filter = hs_selection_get_timeless_filter (self->selection);
    hs_query_ask (self->peak_query, &filter, parameters);
    show_length (self);
    show_doubts (self);
}

static void on_peak_answered (HsStatusBar *self)
{
    show_peak (self, hs_query_get_answer (self->peak_query));
}

static void on_hint (HsStatusBar *self)
{
    const char *hint = hs_selection_get_hint (self->selection);

    gtk_label_set_text (self->hint, hint != NULL ? hint : "");
}

void hs_status_bar_set_selection (HsStatusBar *self, HsSelection *selection)
{
    g_return_if_fail (HS_IS_STATUS_BAR (self) && self->selection == NULL);
    self->selection = g_object_ref (selection);
    self->query = hs_query_new (&hs_question_totals, hs_selection_get_document (selection));
    g_signal_connect_object (self->query, "answered", G_CALLBACK (on_answered), self,
                             G_CONNECT_SWAPPED);
    self->histogram = g_object_ref (hs_question_shared_histogram (selection));
    g_signal_connect_object (self->histogram, "answered", G_CALLBACK (on_answered), self,
                             G_CONNECT_SWAPPED);
    self->peak_query = hs_query_new (&hs_question_peak, hs_selection_get_document (selection));
    g_signal_connect_object (self->peak_query, "answered", G_CALLBACK (on_peak_answered), self,
                             G_CONNECT_SWAPPED);
    g_signal_connect_object (selection, "hint-changed", G_CALLBACK (on_hint), self,
                             G_CONNECT_SWAPPED);
    hs_refresh_watch (GTK_WIDGET (self), selection, refresh);
}

gboolean hs_status_bar_has_answers (HsStatusBar *self)
{
    return hs_query_get_answer (totals_query (self)) != NULL &&
           hs_query_get_answer (self->peak_query) != NULL;
}

gboolean hs_status_bar_is_settled (HsStatusBar *self)
{
    HsQuery *query = totals_query (self);

    return hs_query_is_settled (query) && hs_query_is_settled (self->peak_query) &&
           hs_query_get_answer (query) != NULL;
}

static void hs_status_bar_dispose (GObject *object)
{
    HsStatusBar *self = HS_STATUS_BAR (object);

    g_clear_object (&self->histogram);
    g_clear_object (&self->query);
    g_clear_object (&self->peak_query);
    g_clear_object (&self->selection);
    G_OBJECT_CLASS (hs_status_bar_parent_class)->dispose (object);
}

static void hs_status_bar_class_init (HsStatusBarClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_status_bar_dispose;
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/status_bar.ui");
    gtk_widget_class_bind_template_child (widget_class, HsStatusBar, length);
    gtk_widget_class_bind_template_child (widget_class, HsStatusBar, net);
    gtk_widget_class_bind_template_child (widget_class, HsStatusBar, peak);
    gtk_widget_class_bind_template_child (widget_class, HsStatusBar, allocations);
    gtk_widget_class_bind_template_child (widget_class, HsStatusBar, outstanding);
    gtk_widget_class_bind_template_child (widget_class, HsStatusBar, hint);
    gtk_widget_class_bind_template_child (widget_class, HsStatusBar, unsure);
    gtk_widget_class_bind_template_child (widget_class, HsStatusBar, unsure_label);
}

static void hs_status_bar_init (HsStatusBar *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
}
