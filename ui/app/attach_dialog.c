/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks which process to attach to; see attach_dialog.h. */
#include "app/attach_dialog.h"

#include "app/output_check.h"
#include "base/units.h"
#include "model/process_list.h"

#include <glib/gi18n.h>
#include <string.h>

struct _HsAttachDialog {
    GtkDialog parent_instance;

    GtkEntry *search, *output;
    GtkTreeView *list;
    GtkListStore *store;
    GtkToggleButton *frees;
    GtkLabel *complaint, *placeholder;
    GtkWidget *attach_button;

    HsAttachFunc attach;
    GCancellable *cancellable;
    GPtrArray *processes; /* HsRunningProcess; NULL until read */
    gboolean is_output_own, is_filling;
    char *replaced; /* a file that may be */
};

G_DEFINE_TYPE (HsAttachDialog, hs_attach_dialog, GTK_TYPE_DIALOG)

enum {
    COLUMN_PLACE, /* in `processes` */
    COLUMN_NAME,
    COLUMN_PID,
    COLUMN_MEMORY,
    COLUMN_COMMAND, /* or why not */
    COLUMN_CAN_ATTACH,
    COLUMN_STYLE,
    COLUMN_TOOLTIP,
};

static const HsRunningProcess *selected_process (HsAttachDialog *self)
{
    GtkTreeIter iter;
    guint place;

    if (!gtk_tree_selection_get_selected (gtk_tree_view_get_selection (self->list), NULL, &iter))
        return NULL;
    gtk_tree_model_get (GTK_TREE_MODEL (self->store), &iter, COLUMN_PLACE, &place, -1);
    return self->processes->pdata[place];
}

/* ---- rows ---- */

static gboolean is_wanted (const HsRunningProcess *process, const char *wanted)
{
    g_autofree char *text = g_strdup_printf ("%s %u %s %s", process->name, process->pid,
                                             process->command, process->user);
    g_autofree char *low = g_utf8_strdown (text, -1);

    return strstr (low, wanted) != NULL;
}

static void append_row (HsAttachDialog *self, guint place)
{
    const HsRunningProcess *process = self->processes->pdata[place];
    const char *refusal = hs_refusal_text (process->refusal);
    char pid[16], memory[HS_UNITS_TEXT_SIZE];
    g_autofree char *command = NULL, *plain = NULL, *tooltip = NULL;

    (void)g_snprintf (pid, sizeof pid, "%u", process->pid);
    hs_format_bytes (process->resident_bytes, memory);
    if (process->refusal == HS_REFUSAL_OTHER_USER)
        command = g_strdup_printf (_ ("belongs to %s"), process->user);
    else
        command = g_strdup (refusal != NULL ? refusal : process->command);
    plain = g_strdup_printf ("%.600s%s%s", process->command, refusal != NULL ? "\n" : "",
                             refusal != NULL ? command : "");
    tooltip = g_markup_escape_text (plain, -1);
    gtk_list_store_insert_with_values (
        self->store, NULL, -1, COLUMN_PLACE, place, COLUMN_NAME, process->name, COLUMN_PID, pid,
        COLUMN_MEMORY, memory, COLUMN_COMMAND, command, COLUMN_CAN_ATTACH, refusal == NULL,
        COLUMN_STYLE, refusal == NULL ? PANGO_STYLE_NORMAL : PANGO_STYLE_ITALIC, COLUMN_TOOLTIP,
        tooltip, -1);
}

/* The row of that process, else the first that can be attached to. */
static void select_row (HsAttachDialog *self, guint wanted)
{
    GtkTreeModel *model = GTK_TREE_MODEL (self->store);
    GtkTreeSelection *selection = gtk_tree_view_get_selection (self->list);
    GtkTreeIter iter;

    for (gboolean is_there = gtk_tree_model_get_iter_first (model, &iter); is_there;
         is_there = gtk_tree_model_iter_next (model, &iter)) {
        const HsRunningProcess *process;
        guint place;

        gtk_tree_model_get (model, &iter, COLUMN_PLACE, &place, -1);
        process = self->processes->pdata[place];
        if (process->pid == wanted) {
            gtk_tree_selection_select_iter (selection, &iter);
            return;
        }
        if (process->refusal == HS_REFUSAL_NONE &&
            gtk_tree_selection_count_selected_rows (selection) == 0)
            gtk_tree_selection_select_iter (selection, &iter);
    }
}

/* Those that fit the search; `pid` is selected when it is among them. */
static void fill (HsAttachDialog *self, guint pid)
{
    g_autofree char *typed = g_strstrip (g_strdup (gtk_entry_get_text (self->search)));
    g_autofree char *wanted = g_utf8_strdown (typed, -1);
    GtkTreeIter iter;

    if (self->processes == NULL)
        return;
    gtk_list_store_clear (self->store);
    for (guint i = 0; i < self->processes->len; i++)
        if (is_wanted (self->processes->pdata[i], wanted))
            append_row (self, i);
    gtk_widget_set_visible (GTK_WIDGET (self->placeholder),
                            !gtk_tree_model_get_iter_first (GTK_TREE_MODEL (self->store), &iter));
    select_row (self, pid);
}

static void on_read (GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr (GError) error = NULL;
    GPtrArray *processes = hs_process_list_read_finish (result, &error);
    HsAttachDialog *self;
    guint pid = 0;

    if (processes == NULL)
        return; /* the dialog is gone */
    self = HS_ATTACH_DIALOG (data);
    if (self->processes != NULL && selected_process (self) != NULL)
        pid = selected_process (self)->pid;
    gtk_list_store_clear (self->store);
    g_clear_pointer (&self->processes, g_ptr_array_unref);
    self->processes = processes;
    fill (self, pid);
}

static void on_refresh (GtkButton *button, HsAttachDialog *self)
{
    hs_process_list_read_async (self->cancellable, on_read, self);
}

static void on_search_changed (GtkEntry *entry, HsAttachDialog *self)
{
    fill (self, 0);
}

/* Down leads from the search into the list. */
static gboolean on_search_key (GtkWidget *entry, GdkEventKey *event, HsAttachDialog *self)
{
    if (event->keyval != GDK_KEY_Down && event->keyval != GDK_KEY_Page_Down)
        return GDK_EVENT_PROPAGATE;
    gtk_widget_grab_focus (GTK_WIDGET (self->list));
    return GDK_EVENT_STOP;
}

/* Escape, which the entry keeps for itself. */
static void on_stop_search (GtkSearchEntry *entry, HsAttachDialog *self)
{
    gtk_dialog_response (GTK_DIALOG (self), GTK_RESPONSE_CANCEL);
}

/* ---- the choice ---- */

static void complain (HsAttachDialog *self, const char *sentence)
{
    gtk_label_set_text (self->complaint, sentence);
    gtk_widget_set_visible (GTK_WIDGET (self->complaint), sentence[0] != '\0');
}

static void suggest_output (HsAttachDialog *self, const HsRunningProcess *process)
{
    g_autofree char *base = NULL, *name = NULL;

    if (self->is_output_own)
        return;
    if (process != NULL) {
        base = g_strdup_printf ("%s.%u", process->name, process->pid);
        g_strdelimit (base, "/ :", '_');
        name = hs_recorder_free_name (g_get_home_dir (), base);
    }
    self->is_filling = TRUE;
    gtk_entry_set_text (self->output, name != NULL ? name : "");
    gtk_editable_set_position (GTK_EDITABLE (self->output), -1);
    self->is_filling = FALSE;
}

static void on_selected (GtkTreeSelection *selection, HsAttachDialog *self)
{
    const HsRunningProcess *process = self->processes != NULL ? selected_process (self) : NULL;

    complain (self, "");
    gtk_widget_set_sensitive (self->attach_button,
                              process != NULL && process->refusal == HS_REFUSAL_NONE);
    suggest_output (self, process);
}

static void on_output_changed (GtkEntry *entry, HsAttachDialog *self)
{
    complain (self, "");
    if (!self->is_filling)
        self->is_output_own = gtk_entry_get_text_length (entry) > 0;
}

static void on_row_activated (GtkTreeView *list, GtkTreePath *path, GtkTreeViewColumn *column,
                              HsAttachDialog *self)
{
    if (gtk_widget_get_sensitive (self->attach_button))
        gtk_dialog_response (GTK_DIALOG (self), GTK_RESPONSE_OK);
}

static gboolean start (HsAttachDialog *self)
{
    const HsRunningProcess *process = selected_process (self);
    g_autofree char *output = g_strstrip (g_strdup (gtk_entry_get_text (self->output)));
    const char *complaint = hs_output_complaint (output, &self->replaced);
    g_autoptr (GError) error = NULL;
    HsAttachment attachment = { .output = output };

    if (process == NULL || process->refusal != HS_REFUSAL_NONE)
        return FALSE;
    if (complaint != NULL) {
        complain (self, complaint);
        gtk_widget_grab_focus (GTK_WIDGET (self->output));
        return FALSE;
    }
    attachment.pid = process->pid;
    attachment.free_stacks = gtk_toggle_button_get_active (self->frees);
    if (self->attach (gtk_window_get_transient_for (GTK_WINDOW (self)), &attachment, &error))
        return TRUE;
    complain (self, error->message);
    return FALSE;
}

static void hs_attach_dialog_response (GtkDialog *dialog, int response)
{
    if (response != GTK_RESPONSE_OK || start (HS_ATTACH_DIALOG (dialog)))
        gtk_widget_destroy (GTK_WIDGET (dialog));
}

static void hs_attach_dialog_dispose (GObject *object)
{
    HsAttachDialog *self = HS_ATTACH_DIALOG (object);

    g_cancellable_cancel (self->cancellable);
    g_clear_object (&self->cancellable);
    G_OBJECT_CLASS (hs_attach_dialog_parent_class)->dispose (object);
    g_clear_pointer (&self->processes, g_ptr_array_unref);
    g_clear_pointer (&self->replaced, g_free);
}

static void hs_attach_dialog_class_init (HsAttachDialogClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    G_OBJECT_CLASS (class)->dispose = hs_attach_dialog_dispose;
    GTK_DIALOG_CLASS (class)->response = hs_attach_dialog_response;
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/attach_dialog.ui");
    gtk_widget_class_bind_template_child (widget_class, HsAttachDialog, search);
    gtk_widget_class_bind_template_child (widget_class, HsAttachDialog, output);
    gtk_widget_class_bind_template_child (widget_class, HsAttachDialog, list);
    gtk_widget_class_bind_template_child (widget_class, HsAttachDialog, store);
    gtk_widget_class_bind_template_child (widget_class, HsAttachDialog, frees);
    gtk_widget_class_bind_template_child (widget_class, HsAttachDialog, complaint);
    gtk_widget_class_bind_template_child (widget_class, HsAttachDialog, placeholder);
    gtk_widget_class_bind_template_child (widget_class, HsAttachDialog, attach_button);
    gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
    gtk_widget_class_bind_template_callback (widget_class, on_search_key);
    gtk_widget_class_bind_template_callback (widget_class, on_stop_search);
    gtk_widget_class_bind_template_callback (widget_class, on_refresh);
    gtk_widget_class_bind_template_callback (widget_class, on_selected);
    gtk_widget_class_bind_template_callback (widget_class, on_output_changed);
    gtk_widget_class_bind_template_callback (widget_class, on_row_activated);
}

static void hs_attach_dialog_init (HsAttachDialog *self)
{
    self->cancellable = g_cancellable_new ();
    gtk_widget_init_template (GTK_WIDGET (self));
}

void hs_attach_dialog_present (GtkWindow *parent, HsAttachFunc attach)
{
    HsAttachDialog *self =
        g_object_new (HS_TYPE_ATTACH_DIALOG, "use-header-bar", TRUE, "transient-for", parent,
                      "destroy-with-parent", TRUE, NULL);

    self->attach = attach;
    gtk_dialog_set_default_response (GTK_DIALOG (self), GTK_RESPONSE_OK);
    on_refresh (NULL, self);
    gtk_window_present (GTK_WINDOW (self));
}
