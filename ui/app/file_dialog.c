/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks for files to open; see file_dialog.h. What they are is decided by content, not by name. */
#include "app/file_dialog.h"

#include <glib/gi18n.h>

static const char *const patterns[] = { "*.hst", "*.etl",       "*.etl.zip", "*.diagsession",
                                        "*.zip", "heaptrack.*", "*.gz",      "*.zst" };

static void add_filters (GtkFileChooser *chooser)
{
    GtkFileFilter *traces = gtk_file_filter_new (), *all = gtk_file_filter_new ();

    gtk_file_filter_set_name (traces, _ ("Heap traces"));
    for (gsize i = 0; i < G_N_ELEMENTS (patterns); i++)
        gtk_file_filter_add_pattern (traces, patterns[i]);
    gtk_file_filter_set_name (all, _ ("All files"));
    gtk_file_filter_add_pattern (all, "*");
    gtk_file_chooser_add_filter (chooser, traces);
    gtk_file_chooser_add_filter (chooser, all);
}

GPtrArray *hs_file_dialog_run (GtkWindow *parent)
{
    g_autoptr (GtkFileChooserNative) dialog = gtk_file_chooser_native_new (
        _ ("Open a heap trace"), parent, GTK_FILE_CHOOSER_ACTION_OPEN, _ ("_Open"), _ ("_Cancel"));
    GtkFileChooser *chooser = GTK_FILE_CHOOSER (dialog);
    GPtrArray *files;
    GSList *chosen;

    gtk_file_chooser_set_select_multiple (chooser, TRUE);
    add_filters (chooser);
    if (gtk_native_dialog_run (GTK_NATIVE_DIALOG (dialog)) != GTK_RESPONSE_ACCEPT)
        return NULL;
    files = g_ptr_array_new_with_free_func (g_object_unref);
    chosen = gtk_file_chooser_get_files (chooser);
    for (GSList *at = chosen; at != NULL; at = at->next)
        g_ptr_array_add (files, at->data);
    g_slist_free (chosen);
    return files;
}

char *hs_file_dialog_run_folder (GtkWindow *parent)
{
    g_autoptr (GtkFileChooserNative) dialog = gtk_file_chooser_native_new (
        _ ("Add a folder with symbols"), parent, GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, _ ("_Add"),
        _ ("_Cancel"));

    if (gtk_native_dialog_run (GTK_NATIVE_DIALOG (dialog)) != GTK_RESPONSE_ACCEPT)
        return NULL;
    return gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (dialog));
}
