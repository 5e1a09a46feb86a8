/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One window; see window.h. The layout stands in window.ui. */
#include "app/window.h"

#include "app/actions.h"
#include "app/file_dialog.h"
#include "app/mark_button.h"
#include "app/process_chooser.h"
#include "app/start_page.h"
#include "app/window_state.h"
#include "base/units.h"
#include "views/histogram_panel.h"
#include "views/query_bar.h"
#include "views/status_bar.h"
#include "views/time_panel.h"
#include "views/views.h"

#include <glib/gi18n.h>
#include <math.h>

/* A file that is read sooner needs no progress bar. */
#define PROGRESS_AFTER_US 300000

struct _HsWindow {
    GtkApplicationWindow parent_instance;

    GtkStack *pages;
    HsProcessChooser *chooser;
    GtkRevealer *progress_revealer;
    GtkLabel *progress_label;
    GtkProgressBar *progress_bar;
    GtkInfoBar *error_bar;
    GtkLabel *error_title, *error_text;
    HsQueryBar *query_bar;
    HsTimePanel *time_panel;
    GtkNotebook *notebook;
    HsHistogramPanel *histogram_panel;
    HsStatusBar *status_bar;
    GtkPaned *upper_pane, *side_pane;
    GtkWidget *live_controls, *stop_button;
    HsMarkButton *mark_button;

    HsDocument *document;
    HsSelection *selection;
    HsLive *live;
    gint64 opened_at; /* monotonic */
    gboolean is_failure_told;
};

G_DEFINE_TYPE (HsWindow, hs_window, GTK_TYPE_APPLICATION_WINDOW)

HsDocument *hs_window_get_document (HsWindow *self)
{
    return self->document;
}

HsSelection *hs_window_get_selection (HsWindow *self)
{
    return self->selection;
}

HsLive *hs_window_get_live (HsWindow *self)
{
    return self->live;
}

/* ---- opening ---- */

static gboolean has_anything (HsWindow *self)
{
    const HsTraceInfo *info = hs_document_get_info (self->document);

    return info->processes->len > 0 || info->findings->len > 0 ||
           hs_document_get_snapshot (self->document)->n_events > 0;
}

gboolean hs_window_is_free (HsWindow *self)
{
    HsDocumentState state = hs_document_get_state (self->document);

    return state == HS_DOCUMENT_EMPTY || (state == HS_DOCUMENT_FAILED && !has_anything (self));
}

/* Before the document is opened. */
static void show_trace (HsWindow *self)
{
    gtk_widget_hide (GTK_WIDGET (self->error_bar));
    self->is_failure_told = FALSE;
    self->opened_at = g_get_monotonic_time ();
    gtk_stack_set_visible_child_name (self->pages, "trace");
    hs_time_panel_focus (self->time_panel);
}

static void open_here (HsWindow *self, GFile **files, gsize n_files)
{
    g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);

    for (gsize i = 0; i < n_files; i++) {
        char *path = g_file_get_path (files[i]);
        g_autofree char *uri = g_file_get_uri (files[i]);

        if (path != NULL)
            g_ptr_array_add (paths, path);
        hs_start_page_remember (uri);
    }
    if (paths->len == 0) {
        hs_window_state_show_error (self->error_bar, self->error_title, self->error_text,
                                    _ ("Only files on this machine can be opened"), "");
        return;
    }
    g_ptr_array_add (paths, NULL);
    show_trace (self);
    hs_document_open (self->document, (const char *const *)paths->pdata);
}

/* This window, or a new one when it has a trace. */
static HsWindow *free_window (HsWindow *self)
{
    HsWindow *window = self;

    if (hs_window_is_free (self))
        return self;
    window = hs_window_new (gtk_window_get_application (GTK_WINDOW (self)));
    gtk_window_present (GTK_WINDOW (window));
    return window;
}

void hs_window_open_files (HsWindow *self, GFile **files, gsize n_files)
{
    g_return_if_fail (HS_IS_WINDOW (self));
    if (n_files > 0)
        open_here (free_window (self), files, n_files);
}

/* Follows the file of a recorder that was just started. */
static void follow (HsWindow *self, HsRecorder *recorder)
{
    HsWindow *window = free_window (self);

    show_trace (window);
    gtk_button_set_label (GTK_BUTTON (window->stop_button),
                          hs_recorder_is_attached (recorder) ? _ ("Detach") : _ ("Stop"));
    hs_live_set_recorder (window->live, recorder);
}

gboolean hs_window_record (GtkWindow *window, const HsLaunch *launch, GError **error)
{
    g_autoptr (HsRecorder) recorder = hs_recorder_new ();

    g_return_val_if_fail (HS_IS_WINDOW (window), FALSE);
    if (!hs_recorder_launch (recorder, launch, error))
        return FALSE;
    follow (HS_WINDOW (window), recorder);
    return TRUE;
}

gboolean hs_window_attach (GtkWindow *window, const HsAttachment *attachment, GError **error)
{
    g_autoptr (HsRecorder) recorder = hs_recorder_new ();

    g_return_val_if_fail (HS_IS_WINDOW (window), FALSE);
    if (!hs_recorder_attach (recorder, attachment, error))
        return FALSE;
    follow (HS_WINDOW (window), recorder);
    return TRUE;
}

void hs_window_ask_and_open (HsWindow *self)
{
    g_autoptr (GPtrArray) files = hs_file_dialog_run (GTK_WINDOW (self));

    if (files != NULL)
        hs_window_open_files (self, (GFile **)files->pdata, files->len);
}

static void on_open_uri (HsStartPage *page, const char *uri, HsWindow *self)
{
    g_autoptr (GFile) file = g_file_new_for_uri (uri);

    hs_window_open_files (self, &file, 1);
}

static void on_drag_data_received (GtkWidget *widget, GdkDragContext *context, int x, int y,
                                   GtkSelectionData *data, guint info, guint time, HsWindow *self)
{
    g_auto (GStrv) uris = gtk_selection_data_get_uris (data);
    g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_object_unref);

    for (guint i = 0; uris != NULL && uris[i] != NULL; i++)
        g_ptr_array_add (files, g_file_new_for_uri (uris[i]));
    gtk_drag_finish (context, files->len > 0, FALSE, time);
    hs_window_open_files (self, (GFile **)files->pdata, files->len);
}

/* ---- what the document says ---- */

static void update_progress (HsWindow *self)
{
    gboolean is_loading = hs_document_get_state (self->document) == HS_DOCUMENT_LOADING;
    char bytes[HS_UNITS_TEXT_SIZE], events[HS_UNITS_TEXT_SIZE];
    g_autofree char *text = NULL;
    double fraction = hs_document_get_fraction (self->document);

    gtk_revealer_set_reveal_child (self->progress_revealer,
                                   is_loading && g_get_monotonic_time () - self->opened_at >=
                                                     PROGRESS_AFTER_US);
    if (!is_loading)
        return;
    hs_format_bytes (hs_document_get_bytes_total (self->document), bytes);
    hs_format_count (hs_document_get_n_events (self->document), events);
    if (hs_document_get_bytes_total (self->document) == 0)
        text = g_strdup_printf (_ ("Opening %s…"), hs_document_get_title (self->document));
    else
        /* Translators: file name, percent, size of the file, number of events read */
        text = g_strdup_printf (_ ("Reading %s: %.0f %% of %s, %s events"),
                                hs_document_get_title (self->document), floor (fraction * 100),
                                bytes, events);
    gtk_label_set_text (self->progress_label, text);
    gtk_progress_bar_set_fraction (self->progress_bar, fraction);
}

static void update_live_text (HsWindow *self)
{
    g_autofree char *text = hs_live_text (self->live);

    hs_process_chooser_set_subtitle (self->chooser, text, TRUE);
    gtk_window_set_title (GTK_WINDOW (self), hs_document_get_title (self->document));
}

static void update_live_controls (HsWindow *self)
{
    gboolean is_shown = hs_live_is_growing (self->live) || hs_document_is_paused (self->document);

    gtk_widget_set_visible (self->live_controls, is_shown);
    gtk_widget_set_visible (self->stop_button,
                            hs_live_can_stop (self->live) ||
                                hs_live_get_state (self->live) == HS_LIVE_ENDING);
    gtk_widget_set_visible (GTK_WIDGET (self->mark_button), hs_live_can_mark (self->live));
}

static void update_subtitle (HsWindow *self)
{
    const struct hs_snapshot *snapshot = hs_document_get_snapshot (self->document);
    char length[HS_UNITS_TEXT_SIZE], events[HS_UNITS_TEXT_SIZE];
    g_autofree char *text = NULL;
    const char *state = "";

    if (hs_document_get_state (self->document) == HS_DOCUMENT_LOADING)
        state = _ (" · reading");
    else if (hs_document_get_state (self->document) == HS_DOCUMENT_CANCELLED)
        state = _ (" · reading cancelled");
    else if (hs_document_get_state (self->document) == HS_DOCUMENT_FAILED)
        state = _ (" · incomplete");
    hs_format_seconds (hs_snapshot_seconds (snapshot, snapshot->last_time) -
                           hs_snapshot_seconds (snapshot, snapshot->first_time),
                       length);
    hs_format_count (snapshot->n_events, events);
    /* Translators: file name, length of the trace, number of events, what is going on with it */
    text = g_strdup_printf (
        ngettext ("%s · %s · %s event%s", "%s · %s · %s events%s", snapshot->n_events),
        hs_document_get_title (self->document), length, events, state);
    hs_process_chooser_set_subtitle (self->chooser, text, FALSE);
    gtk_window_set_title (GTK_WINDOW (self), hs_document_get_title (self->document));
}

static void tell_failure (HsWindow *self)
{
    HsRecorder *recorder = hs_live_get_recorder (self->live);

    self->is_failure_told = TRUE;
    if (hs_live_get_state (self->live) == HS_LIVE_FAILED)
        hs_window_state_show_error (self->error_bar, self->error_title, self->error_text,
                                    _ ("Nothing was recorded"), hs_recorder_get_words (recorder));
    else
        hs_window_state_show_failure (self->error_bar, self->error_title, self->error_text,
                                      self->document);
    if (has_anything (self))
        return;
    gtk_stack_set_visible_child_name (self->pages, "start");
    hs_process_chooser_set_subtitle (self->chooser, "", FALSE);
    gtk_window_set_title (GTK_WINDOW (self), _ ("Heapstrata"));
}

static void on_progress (HsWindow *self)
{
    update_progress (self);
    if (hs_live_is_growing (self->live))
        update_live_text (self);
    else
        update_subtitle (self);
    hs_actions_update (self);
    update_live_controls (self);
    if (hs_document_get_state (self->document) == HS_DOCUMENT_FAILED && !self->is_failure_told)
        tell_failure (self);
}

static void on_refused (HsLive *live, const char *sentence, HsWindow *self)
{
    hs_window_state_show_error (self->error_bar, self->error_title, self->error_text,
                                _ ("The recorder did not do it"), sentence);
}

static void on_error_response (GtkInfoBar *bar, int response, HsWindow *self)
{
    gtk_widget_hide (GTK_WIDGET (bar));
}

/* ---- commands ---- */

void hs_window_show_error (HsWindow *self, const char *headline, const char *sentence)
{
    hs_window_state_show_error (self->error_bar, self->error_title, self->error_text, headline,
                                sentence);
}

void hs_window_go_to_peak (HsWindow *self)
{
    hs_time_panel_go_to_peak (self->time_panel);
}

void hs_window_mark (HsWindow *self)
{
    hs_mark_button_open (self->mark_button);
}

void hs_window_zoom (HsWindow *self, double factor)
{
    hs_time_panel_zoom (self->time_panel, factor);
}

void hs_window_show_view (HsWindow *self, const char *id)
{
    for (guint i = 0; i < hs_n_views; i++)
        if (g_str_equal (hs_views[i].id, id))
            gtk_notebook_set_current_page (self->notebook, (int)i);
}

static void on_switch_page (GtkNotebook *notebook, GtkWidget *page, guint number, HsWindow *self)
{
    hs_actions_set_state (self, "view", hs_views[number].id);
}

void hs_window_focus (HsWindow *self, const char *place)
{
    if (g_str_equal (place, "timeline"))
        hs_time_panel_focus (self->time_panel);
    else if (g_str_equal (place, "histogram"))
        hs_histogram_panel_focus (self->histogram_panel);
    else if (g_str_equal (place, "filter"))
        hs_query_bar_focus (self->query_bar);
    else
        gtk_widget_child_focus (gtk_notebook_get_nth_page (
                                    self->notebook, gtk_notebook_get_current_page (self->notebook)),
                                GTK_DIR_TAB_FORWARD);
}

gboolean hs_window_is_settled (HsWindow *self)
{
    HsDocumentState state = hs_document_get_state (self->document);

    if (state == HS_DOCUMENT_EMPTY)
        return TRUE;
    if (state == HS_DOCUMENT_LOADING)
        return FALSE;
    if (hs_document_get_hold (self->document) == NULL)
        return TRUE;
    /* of what grows there is always a newer answer under way: the first ones are enough */
    if (state == HS_DOCUMENT_LIVE)
        return hs_live_knows_rate (self->live) && hs_status_bar_has_answers (self->status_bar);
    if (hs_document_is_naming (self->document))
        return FALSE;
    for (guint i = 0; i < hs_n_views; i++)
        if (hs_views[i].is_settled != NULL &&
            !hs_views[i].is_settled (gtk_notebook_get_nth_page (self->notebook, (int)i)))
            return FALSE;
    return hs_time_panel_is_settled (self->time_panel) &&
           hs_histogram_panel_is_settled (self->histogram_panel) &&
           hs_status_bar_is_settled (self->status_bar);
}

gboolean hs_window_save_picture (HsWindow *self, const char *path, GError **error)
{
    GtkWidget *widget = GTK_WIDGET (self);
    g_autoptr (GdkPixbuf) picture = NULL;
    GtkAllocation inside;

    /* without the shadow and border that the toolkit draws around the title bar */
    gtk_widget_get_allocation (gtk_window_get_titlebar (GTK_WINDOW (self)), &inside);
    inside.height = gtk_widget_get_allocated_height (widget) - 2 * inside.y;
    picture = gdk_pixbuf_get_from_window (gtk_widget_get_window (widget), inside.x, inside.y,
                                          inside.width, inside.height);
    if (picture != NULL)
        return gdk_pixbuf_save (picture, path, "png", error, "compression", "9", NULL);
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("%s: the window cannot be read"), path);
    return FALSE;
}

/* The focused widget comes before the commands: Escape closes a popover first, plus and minus zoom
 * the chart that has the focus, letters go into an entry. */
static gboolean hs_window_key_press (GtkWidget *widget, GdkEventKey *event)
{
    if (gtk_window_propagate_key_event (GTK_WINDOW (widget), event))
        return GDK_EVENT_STOP;
    return GTK_WIDGET_CLASS (hs_window_parent_class)->key_press_event (widget, event);
}

static gboolean hs_window_delete (GtkWidget *widget, GdkEventAny *event)
{
    HsWindow *self = HS_WINDOW (widget);

    hs_window_state_save (GTK_WINDOW (self), self->upper_pane, self->side_pane);
    return GDK_EVENT_PROPAGATE;
}

static void hs_window_dispose (GObject *object)
{
    HsWindow *self = HS_WINDOW (object);

    if (self->live != NULL)
        g_signal_handlers_disconnect_by_data (self->live, self);
    if (self->notebook != NULL) {
        g_signal_handlers_disconnect_by_func (self->notebook, on_switch_page, self);
        /* else GTK's accessible pages look for their tabs when these are gone, and complain */
        gtk_notebook_set_show_tabs (self->notebook, FALSE);
        self->notebook = NULL;
    }
    G_OBJECT_CLASS (hs_window_parent_class)->dispose (object);
    g_clear_object (&self->live);
    g_clear_object (&self->selection);
    g_clear_object (&self->document);
}

static void bind_children (GtkWidgetClass *class)
{
    gtk_widget_class_bind_template_child (class, HsWindow, pages);
    gtk_widget_class_bind_template_child (class, HsWindow, chooser);
    gtk_widget_class_bind_template_child (class, HsWindow, progress_revealer);
    gtk_widget_class_bind_template_child (class, HsWindow, progress_label);
    gtk_widget_class_bind_template_child (class, HsWindow, progress_bar);
    gtk_widget_class_bind_template_child (class, HsWindow, error_bar);
    gtk_widget_class_bind_template_child (class, HsWindow, error_title);
    gtk_widget_class_bind_template_child (class, HsWindow, error_text);
    gtk_widget_class_bind_template_child (class, HsWindow, query_bar);
    gtk_widget_class_bind_template_child (class, HsWindow, time_panel);
    gtk_widget_class_bind_template_child (class, HsWindow, notebook);
    gtk_widget_class_bind_template_child (class, HsWindow, histogram_panel);
    gtk_widget_class_bind_template_child (class, HsWindow, status_bar);
    gtk_widget_class_bind_template_child (class, HsWindow, upper_pane);
    gtk_widget_class_bind_template_child (class, HsWindow, side_pane);
    gtk_widget_class_bind_template_child (class, HsWindow, live_controls);
    gtk_widget_class_bind_template_child (class, HsWindow, stop_button);
    gtk_widget_class_bind_template_child (class, HsWindow, mark_button);
    gtk_widget_class_bind_template_callback (class, on_open_uri);
    gtk_widget_class_bind_template_callback (class, on_drag_data_received);
    gtk_widget_class_bind_template_callback (class, on_error_response);
}

static void hs_window_class_init (HsWindowClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_window_dispose;
    widget_class->key_press_event = hs_window_key_press;
    widget_class->delete_event = hs_window_delete;
    g_type_ensure (HS_TYPE_START_PAGE);
    g_type_ensure (HS_TYPE_MARK_BUTTON);
    g_type_ensure (HS_TYPE_PROCESS_CHOOSER);
    g_type_ensure (HS_TYPE_QUERY_BAR);
    g_type_ensure (HS_TYPE_TIME_PANEL);
    g_type_ensure (HS_TYPE_HISTOGRAM_PANEL);
    g_type_ensure (HS_TYPE_STATUS_BAR);
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/window.ui");
    bind_children (widget_class);
}

static void add_views (HsWindow *self)
{
    for (guint i = 0; i < hs_n_views; i++) {
        GtkWidget *view = hs_views[i].make (self->selection);

        gtk_notebook_append_page (self->notebook, view, gtk_label_new (_ (hs_views[i].title)));
    }
    g_signal_connect (self->notebook, "switch-page", G_CALLBACK (on_switch_page), self);
}

static void hs_window_init (HsWindow *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
    self->document = hs_document_new ();
    hs_document_set_keeps_index (self->document, hs_window_state_keeps_index ());
    self->selection = hs_selection_new (self->document);
    self->live = hs_live_new (self->document);
    hs_actions_add_to_window (self);
    hs_process_chooser_set_selection (self->chooser, self->selection);
    hs_query_bar_set_selection (self->query_bar, self->selection);
    hs_time_panel_set_selection (self->time_panel, self->selection);
    hs_histogram_panel_set_selection (self->histogram_panel, self->selection);
    hs_status_bar_set_selection (self->status_bar, self->selection);
    add_views (self);
    gtk_drag_dest_set (GTK_WIDGET (self), GTK_DEST_DEFAULT_ALL, NULL, 0, GDK_ACTION_COPY);
    gtk_drag_dest_add_uri_targets (GTK_WIDGET (self));
    g_signal_connect_swapped (self->live, "changed", G_CALLBACK (on_progress), self);
    g_signal_connect (self->live, "refused", G_CALLBACK (on_refused), self);
    hs_mark_button_set_live (self->mark_button, self->live, self->document);
    g_signal_connect_object (self->selection, "changed", G_CALLBACK (hs_actions_update), self,
                             G_CONNECT_SWAPPED);
    hs_window_state_restore (GTK_WINDOW (self), self->upper_pane, self->side_pane);
    hs_actions_update (self);
}

HsWindow *hs_window_new (GtkApplication *application)
{
    return g_object_new (HS_TYPE_WINDOW, "application", application, NULL);
}
