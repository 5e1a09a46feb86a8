/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The middle of the header bar; see process_chooser.h. The list is made when it is opened. */
#include "app/process_chooser.h"

#include "base/units.h"

#include <glib/gi18n.h>

struct _HsProcessChooser {
    GtkMenuButton parent_instance;

    GtkLabel *title, *subtitle;
    GtkWidget *arrow, *live_dot;
    GtkPopover *popover;
    GtkListStore *store;
    GtkTreeView *list;
    GtkTreeModelFilter *filter;
    GtkEntry *search;

    HsSelection *selection;
};

G_DEFINE_TYPE (HsProcessChooser, hs_process_chooser, GTK_TYPE_MENU_BUTTON)

enum { COLUMN_ID, COLUMN_NAME, COLUMN_PID, COLUMN_OPENED, COLUMN_PEAK, COLUMN_WEIGHT };

static void append_row (HsProcessChooser *self, hs_process_id id, const HsProcessEntry *entry)
{
    const HsTraceInfo *info = hs_document_get_info (hs_selection_get_document (self->selection));
    gboolean is_chosen = hs_selection_get_state (self->selection)->process == id;
    char opened[HS_UNITS_TEXT_SIZE], peak[HS_UNITS_TEXT_SIZE], pid[16] = "";
    g_autofree char *name = NULL;

    if (entry != NULL)
        g_snprintf (pid, sizeof pid, "%u", entry->pid);
    name = entry == NULL            ? g_strdup (_ ("All processes"))
           : entry->name[0] == '\0' ? g_strdup (_ ("unknown"))
                                    : g_strdup (entry->name);
    hs_format_count (entry != NULL ? entry->opened : info->opened, opened);
    hs_format_bytes (entry != NULL ? entry->peak_bytes : info->peak_bytes, peak);
    gtk_list_store_insert_with_values (self->store, NULL, -1, COLUMN_ID, id, COLUMN_NAME, name,
                                       COLUMN_PID, pid, COLUMN_OPENED, opened, COLUMN_PEAK, peak,
                                       COLUMN_WEIGHT,
                                       is_chosen ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL, -1);
}

static int compare_entries (gconstpointer a, gconstpointer b)
{
    const HsProcessEntry *const *left = a, *const *right = b;

    if ((*left)->opened != (*right)->opened)
        return (*left)->opened > (*right)->opened ? -1 : 1;
    return (*left)->pid < (*right)->pid ? -1 : (*left)->pid > (*right)->pid;
}

/* Those with the most blocks first. */
static void fill (HsProcessChooser *self)
{
    GArray *entries = hs_document_get_info (hs_selection_get_document (self->selection))->processes;
    g_autoptr (GPtrArray) sorted = g_ptr_array_new ();

    for (guint i = 0; i < entries->len; i++)
        g_ptr_array_add (sorted, &g_array_index (entries, HsProcessEntry, i));
    g_ptr_array_sort (sorted, compare_entries);
    gtk_list_store_clear (self->store);
    append_row (self, HS_NO_PROCESS, NULL);
    for (guint i = 0; i < sorted->len; i++) {
        const HsProcessEntry *entry = g_ptr_array_index (sorted, i);

        append_row (self, entry->id, entry);
    }
}

static void on_toggled (HsProcessChooser *self)
{
    if (self->selection == NULL || !gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (self)))
        return;
    gtk_entry_set_text (self->search, "");
    fill (self);
    gtk_widget_grab_focus (GTK_WIDGET (self->list));
}

static void on_row_activated (GtkTreeView *list, GtkTreePath *path, GtkTreeViewColumn *column,
                              HsProcessChooser *self)
{
    GtkTreeIter iter;
    guint id;

    if (!gtk_tree_model_get_iter (GTK_TREE_MODEL (self->filter), &iter, path))
        return;
    gtk_tree_model_get (GTK_TREE_MODEL (self->filter), &iter, COLUMN_ID, &id, -1);
    gtk_popover_popdown (self->popover);
    hs_selection_set_process (self->selection, id);
}

static void on_search_changed (GtkEntry *entry, HsProcessChooser *self)
{
    gtk_tree_model_filter_refilter (self->filter);
}

static gboolean is_row_visible (GtkTreeModel *model, GtkTreeIter *iter, gpointer data)
{
    HsProcessChooser *self = data;
    g_autofree char *name = NULL, *pid = NULL, *low = NULL, *wanted = NULL;

    wanted = g_utf8_strdown (gtk_entry_get_text (self->search), -1);
    if (wanted[0] == '\0')
        return TRUE;
    gtk_tree_model_get (model, iter, COLUMN_NAME, &name, COLUMN_PID, &pid, -1);
    if (name == NULL)
        return FALSE;
    low = g_utf8_strdown (name, -1);
    return strstr (low, wanted) != NULL || (pid != NULL && g_str_has_prefix (pid, wanted));
}

/* What could not be opened leaves no name behind: the start page is back. */
static gboolean is_nothing (HsDocument *document)
{
    const HsTraceInfo *info = hs_document_get_info (document);

    return hs_document_get_state (document) == HS_DOCUMENT_FAILED && info->processes->len == 0 &&
           info->findings->len == 0 && hs_document_get_snapshot (document)->n_events == 0;
}

static void update_title (HsProcessChooser *self)
{
    HsDocument *document = hs_selection_get_document (self->selection);
    hs_process_id process = hs_selection_get_state (self->selection)->process;
    const HsProcessEntry *entry = hs_document_get_process (document, process);
    guint n = hs_document_get_info (document)->processes->len;
    g_autofree char *title = NULL;

    if (is_nothing (document))
        title = g_strdup ("");
    else if (entry == NULL)
        title = g_strdup (n > 1 ? _ ("All processes") : hs_document_get_title (document));
    else if (entry->name[0] != '\0' && entry->pid == 0)
        title = g_strdup (entry->name); /* a format that does not tell the number */
    else if (entry->name[0] != '\0')
        /* Translators: a program's name and its process number */
        title = g_strdup_printf (_ ("%s — pid %u"), entry->name, entry->pid);
    else
        title = g_strdup_printf (_ ("pid %u"), entry->pid);
    if (!g_str_equal (gtk_label_get_text (self->title), title))
        gtk_label_set_text (self->title, title);
    gtk_widget_set_visible (self->arrow, n > 1);
    gtk_widget_set_sensitive (GTK_WIDGET (self), n > 1);
    atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (self)), title);
}

void hs_process_chooser_set_selection (HsProcessChooser *self, HsSelection *selection)
{
    g_return_if_fail (HS_IS_PROCESS_CHOOSER (self) && self->selection == NULL);
    self->selection = g_object_ref (selection);
    g_signal_connect_object (selection, "changed", G_CALLBACK (update_title), self,
                             G_CONNECT_SWAPPED);
    g_signal_connect_object (hs_selection_get_document (selection), "changed",
                             G_CALLBACK (update_title), self, G_CONNECT_SWAPPED);
    g_signal_connect_object (hs_selection_get_document (selection), "progress",
                             G_CALLBACK (update_title), self, G_CONNECT_SWAPPED);
    update_title (self);
}

void hs_process_chooser_set_subtitle (HsProcessChooser *self, const char *subtitle,
                                      gboolean is_live)
{
    gtk_widget_set_visible (self->live_dot, is_live);
    if (g_str_equal (gtk_label_get_text (self->subtitle), subtitle))
        return;
    gtk_label_set_text (self->subtitle, subtitle);
    /* what a button holds is no part of the accessible tree */
    atk_object_set_description (gtk_widget_get_accessible (GTK_WIDGET (self)), subtitle);
}

static void hs_process_chooser_dispose (GObject *object)
{
    g_clear_object (&HS_PROCESS_CHOOSER (object)->selection);
    G_OBJECT_CLASS (hs_process_chooser_parent_class)->dispose (object);
}

static void hs_process_chooser_class_init (HsProcessChooserClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_process_chooser_dispose;
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/process_chooser.ui");
    gtk_widget_class_bind_template_child (widget_class, HsProcessChooser, title);
    gtk_widget_class_bind_template_child (widget_class, HsProcessChooser, subtitle);
    gtk_widget_class_bind_template_child (widget_class, HsProcessChooser, arrow);
    gtk_widget_class_bind_template_child (widget_class, HsProcessChooser, live_dot);
    gtk_widget_class_bind_template_child (widget_class, HsProcessChooser, popover);
    gtk_widget_class_bind_template_child (widget_class, HsProcessChooser, store);
    gtk_widget_class_bind_template_child (widget_class, HsProcessChooser, filter);
    gtk_widget_class_bind_template_child (widget_class, HsProcessChooser, list);
    gtk_widget_class_bind_template_child (widget_class, HsProcessChooser, search);
    gtk_widget_class_bind_template_callback (widget_class, on_row_activated);
    gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
}

static void hs_process_chooser_init (HsProcessChooser *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
    gtk_tree_model_filter_set_visible_func (self->filter, is_row_visible, self, NULL);
    g_signal_connect (self, "toggled", G_CALLBACK (on_toggled), NULL);
}
