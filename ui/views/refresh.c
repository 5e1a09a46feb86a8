/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a view asks again; see refresh.h. */
#include "views/refresh.h"

#include "model/query.h"

#include <time.h>

#define KEY "hs-refresh"

/* What the user does is answered within the frame that shows it, when that takes no longer than
 * this: frames of their own would show the answers a sixtieth of a second later, each view's in
 * another one. The main loop sleeps meanwhile. Where answers take longer the next frame shows them,
 * and after further late ones in a row up to three frames do not wait: a pointer that moves all the
 * time is ahead of what is shown until one does again. */
#define WAIT_US 14000
#define FRAMES_WITHOUT 3
/* Where all answers together take so much of the processor to be painted, they have frames of their
 * own again, for a second. */
#define HEAVY_NS 12000000
#define FRAMES_AFTER_HEAVY 60

static guint n_without;  /* frames that do not wait */
static guint after_late; /* how many it will be when the next wait is in vain */
static gint64 began_ns;  /* of the thread's CPU: before the frame that waits is laid out */

typedef struct {
    GtkWidget *widget;
    HsSelection *selection;
    HsRefreshFunc func;
    guint tick; /* waiting for the next frame */
    gboolean is_dirty, is_by_user;
} Refresh;

static gint64 cpu_ns (void)
{
    struct timespec now;

    (void)clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
    return (gint64)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void on_painted (GdkFrameClock *clock, gpointer unused)
{
    g_signal_handlers_disconnect_by_func (clock, on_painted, NULL);
    if (cpu_ns () - began_ns > HEAVY_NS)
        n_without = FRAMES_AFTER_HEAVY;
}

/* After all views have asked, before anything is laid out. */
static void on_layout (GdkFrameClock *clock, gpointer unused)
{
    g_signal_handlers_disconnect_by_func (clock, on_layout, NULL);
    if (n_without > 0) {
        n_without--;
        return;
    }
    began_ns = cpu_ns ();
    g_signal_connect (clock, "after-paint", G_CALLBACK (on_painted), NULL);
    if (hs_query_wait (g_get_monotonic_time () + WAIT_US)) {
        after_late = 0;
    } else {
        n_without = after_late;
        after_late = MIN (after_late * 2 + 1, FRAMES_WITHOUT);
    }
}

static void wait_in_frame (GdkFrameClock *clock)
{
    if (g_signal_handler_find (clock, G_SIGNAL_MATCH_FUNC, 0, 0, NULL, on_layout, NULL) != 0)
        return;
    g_signal_connect (clock, "layout", G_CALLBACK (on_layout), NULL);
    gdk_frame_clock_request_phase (clock, GDK_FRAME_CLOCK_PHASE_LAYOUT);
}

static gboolean on_tick (GtkWidget *widget, GdkFrameClock *clock, gpointer data)
{
    Refresh *refresh = data;

    refresh->tick = 0;
    if (refresh->is_dirty && gtk_widget_get_mapped (widget)) {
        refresh->is_dirty = FALSE;
        refresh->func (widget);
        if (refresh->is_by_user)
            wait_in_frame (clock);
        refresh->is_by_user = FALSE;
    }
    return G_SOURCE_REMOVE;
}

static void queue (Refresh *refresh)
{
    refresh->is_dirty = TRUE;
    if (refresh->tick == 0 && gtk_widget_get_mapped (refresh->widget))
        refresh->tick = gtk_widget_add_tick_callback (refresh->widget, on_tick, refresh, NULL);
}

static void queue_by_user (Refresh *refresh)
{
    refresh->is_by_user = TRUE;
    queue (refresh);
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
    g_signal_connect_swapped (selection, "changed", G_CALLBACK (queue_by_user), refresh);
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
