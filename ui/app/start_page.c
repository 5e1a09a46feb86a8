/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a window without a trace shows; see start_page.h. */
#include "app/start_page.h"

#define MAX_RECENT 10
#define TRACES "heapstrata-traces" /* GTK adds itself what was picked in any file chooser */

struct _HsStartPage {
    GtkBox parent_instance;

    GtkListBox *recent;
    GtkWidget *recent_box;
};

G_DEFINE_TYPE (HsStartPage, hs_start_page, GTK_TYPE_BOX)

static guint open_uri_signal;

void hs_start_page_remember (const char *uri)
{
    char *groups[] = { TRACES, NULL };
    g_autofree char *command = g_strconcat (g_get_prgname (), " %u", NULL);
    GtkRecentData data = {
        .mime_type = "application/octet-stream",
        .app_name = (char *)g_get_application_name (),
        .app_exec = command,
        .groups = groups,
    };

    gtk_recent_manager_add_full (gtk_recent_manager_get_default (), uri, &data);
}

static GtkWidget *make_row (GtkRecentInfo *info)
{
    g_autoptr (GtkBuilder) builder =
        gtk_builder_new_from_resource ("/org/heapstrata/Heapstrata/recent_row.ui");
    GtkWidget *row = GTK_WIDGET (gtk_builder_get_object (builder, "row"));
    g_autofree char *path = gtk_recent_info_get_uri_display (info);
    g_autofree char *folder = path != NULL ? g_path_get_dirname (path) : g_strdup ("");

    gtk_label_set_text (GTK_LABEL (gtk_builder_get_object (builder, "name")),
                        gtk_recent_info_get_display_name (info));
    gtk_label_set_text (GTK_LABEL (gtk_builder_get_object (builder, "folder")), folder);
    gtk_widget_set_tooltip_text (row, path);
    g_object_set_data_full (G_OBJECT (row), "hs-uri", g_strdup (gtk_recent_info_get_uri (info)),
                            g_free);
    return g_object_ref (row);
}

static int compare_visited (gconstpointer a, gconstpointer b)
{
    gint64 left = gtk_recent_info_get_visited ((GtkRecentInfo *)a);
    gint64 right = gtk_recent_info_get_visited ((GtkRecentInfo *)b);

    return left > right ? -1 : left < right;
}

static void destroy_row (GtkWidget *row, gpointer unused)
{
    gtk_widget_destroy (row);
}

static void fill (HsStartPage *self)
{
    GList *items = gtk_recent_manager_get_items (gtk_recent_manager_get_default ());
    int n = 0;

    gtk_container_foreach (GTK_CONTAINER (self->recent), destroy_row, NULL);
    items = g_list_sort (items, compare_visited);
    for (GList *at = items; at != NULL && n < MAX_RECENT; at = at->next) {
        g_autoptr (GtkWidget) row = NULL;

        /* only what was opened here, and only what does not cost a look at a network */
        if (!gtk_recent_info_has_group (at->data, TRACES) || !gtk_recent_info_is_local (at->data) ||
            !gtk_recent_info_exists (at->data))
            continue;
        row = make_row (at->data);
        gtk_container_add (GTK_CONTAINER (self->recent), row);
        n++;
    }
    g_list_free_full (items, (GDestroyNotify)gtk_recent_info_unref);
    gtk_widget_set_visible (self->recent_box, n > 0);
}

static void on_row_activated (GtkListBox *list, GtkListBoxRow *row, HsStartPage *self)
{
    g_signal_emit (self, open_uri_signal, 0, g_object_get_data (G_OBJECT (row), "hs-uri"));
}

static void hs_start_page_map (GtkWidget *widget)
{
    fill (HS_START_PAGE (widget));
    GTK_WIDGET_CLASS (hs_start_page_parent_class)->map (widget);
}

static void hs_start_page_class_init (HsStartPageClass *class)
{
    GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

    widget_class->map = hs_start_page_map;
    open_uri_signal = g_signal_new ("open-uri", HS_TYPE_START_PAGE, G_SIGNAL_RUN_LAST, 0, NULL,
                                    NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
    gtk_widget_class_set_template_from_resource (widget_class,
                                                 "/org/heapstrata/Heapstrata/start_page.ui");
    gtk_widget_class_bind_template_child (widget_class, HsStartPage, recent);
    gtk_widget_class_bind_template_child (widget_class, HsStartPage, recent_box);
    gtk_widget_class_bind_template_callback (widget_class, on_row_activated);
}

static void hs_start_page_init (HsStartPage *self)
{
    gtk_widget_init_template (GTK_WIDGET (self));
}
