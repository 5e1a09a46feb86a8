/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A thin moving line while an answer is under way; see busy_line.h. */
#include "views/busy_line.h"

#define PULSE_MS 80

static gboolean on_pulse (gpointer line)
{
    gtk_progress_bar_pulse (line);
    return G_SOURCE_CONTINUE;
}

static void stop (GtkWidget *line)
{
    guint source = GPOINTER_TO_UINT (g_object_steal_data (G_OBJECT (line), "hs-busy-line-source"));

    if (source != 0)
        g_source_remove (source);
    gtk_widget_set_opacity (line, 0);
}

static void on_busy (HsQuery *query, GParamSpec *spec, GtkWidget *line)
{
    guint n_busy = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (line), "hs-busy-line-queries"));

    n_busy += hs_query_is_busy (query) ? 1u : -1u;
    g_object_set_data (G_OBJECT (line), "hs-busy-line-queries", GUINT_TO_POINTER (n_busy));
    stop (line);
    if (n_busy == 0)
        return;
    gtk_widget_set_opacity (line, 1);
    g_object_set_data (G_OBJECT (line), "hs-busy-line-source",
                       GUINT_TO_POINTER (g_timeout_add (PULSE_MS, on_pulse, line)));
}

void hs_busy_line_watch (GtkProgressBar *line, HsQuery *query)
{
    gtk_progress_bar_set_pulse_step (line, 0.08);
    gtk_widget_set_opacity (GTK_WIDGET (line), 0);
    g_signal_connect_object (query, "notify::busy", G_CALLBACK (on_busy), line, 0);
    g_signal_connect (line, "destroy", G_CALLBACK (stop), NULL);
}
