/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a view asks again; see refresh.h. */
#include "views/refresh.h"

#define KEY "hs-refresh"

typedef struct {
    GtkWidget *widget;
    HsSelection *selection;
    HsRefreshFunc func;
    guint tick; /* waiting for the next frame */
    gboolean is_dirty;
} Refresh;

static gboolean on_tick (GtkWidget *widget, GdkFrameClock *clock, gpointer data)
{
    Refresh *refresh = data;

    refresh->tick = 0;
    if (refresh->is_dirty && gtk_widget_get_mapped (widget)) {
        refresh->is_dirty = FALSE;
        refresh->func (widget);
    }
    return G_SOURCE_REMOVE;
}

static void queue (Refresh *refresh)
{
    refresh->is_dirty = TRUE;
    if (refresh->tick == 0 && gtk_widget_get_mapped (refresh->widget))
        refresh->tick = gtk_widget_add_tick_callback (refresh->widget, on_tick, refresh, NULL);
}

static void on_map (GtkWidget *widget, Refresh *refresh)
{
    if (refresh->is_dirty)
        queue (refresh);
}

static void free_refresh (gpointer data)
{
    Refresh *refresh = data;

    g_signal_handlers_disconnect_by_data (hs_selection_get_document (refresh->selection), refresh);
    g_signal_handlers_disconnect_by_data (hs_selection_get_axis (refresh->selection), refresh);
    g_signal_handlers_disconnect_by_data (refresh->selection, refresh);
    g_object_unref (refresh->selection);
    g_free (refresh);
}

/* The data is dropped in dispose, before the selection's other owners are. */
static void on_destroy (GtkWidget *widget, gpointer unused)
{
    g_object_set_data (G_OBJECT (widget), KEY, NULL);
}

void hs_refresh_watch (GtkWidget *widget, HsSelection *selection, HsRefreshFunc func)
{
    Refresh *refresh = g_new0 (Refresh, 1);

    refresh->widget = widget;
    refresh->selection = g_object_ref (selection);
    refresh->func = func;
    g_signal_connect_swapped (selection, "changed", G_CALLBACK (queue), refresh);
    g_signal_connect_swapped (hs_selection_get_document (selection), "changed", G_CALLBACK (queue),
                              refresh);
    g_signal_connect_swapped (hs_selection_get_axis (selection), "changed", G_CALLBACK (queue),
                              refresh);
    g_signal_connect (widget, "map", G_CALLBACK (on_map), refresh);
    g_signal_connect (widget, "destroy", G_CALLBACK (on_destroy), NULL);
    g_object_set_data_full (G_OBJECT (widget), KEY, refresh, free_refresh);
    queue (refresh);
}

void hs_refresh_queue (GtkWidget *widget)
{
    Refresh *refresh = g_object_get_data (G_OBJECT (widget), KEY);

    if (refresh != NULL)
        queue (refresh);
}
