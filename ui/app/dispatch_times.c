/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long the main loop was busy; see dispatch_times.h. The time from the end of one poll to the
 * beginning of the next. */
#include "app/dispatch_times.h"

#include "model/query.h"

#include <gtk/gtk.h>
#include <time.h>

#define VARIABLE "HEAPSTRATA_DISPATCH_TIMES"
#define WORST_TURNS 40u

typedef struct {
    float ms, wall_ms, at; /* CPU of the thread, time; seconds since the beginning */
} Turn;

static GArray *turns; /* Turn; NULL: not measuring */
static GPollFunc next_poll;
static gint64 busy_since_ns = -1, busy_since_us, began_us;

static gint64 thread_cpu_ns (void)
{
    struct timespec now;

    (void)clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
    return (gint64)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- from the motion of the pointer to the frame that shows all answers ---- */

static GArray *frames;     /* double: ms */
static gint64 moved_at_us; /* the first motion that no frame has shown; 0: none */
static gulong paint_handler;

static void on_after_paint (GdkFrameClock *clock, gpointer unused)
{
    double ms = (double)(g_get_monotonic_time () - moved_at_us) / 1e3;

    if (moved_at_us == 0 || !hs_query_are_all_answered ())
        return;
    g_array_append_val (frames, ms);
    moved_at_us = 0;
}

static gboolean on_motion (GSignalInvocationHint *hint, guint n_values, const GValue *values,
                           gpointer unused)
{
    GtkWidget *widget = g_value_get_object (&values[0]);
    const GdkEventMotion *event = g_value_get_boxed (&values[1]);

    if ((event->state & GDK_BUTTON1_MASK) == 0 || frames == NULL)
        return TRUE;
    if (paint_handler == 0)
        paint_handler = g_signal_connect (gtk_widget_get_frame_clock (widget), "after-paint",
                                          G_CALLBACK (on_after_paint), NULL);
    if (moved_at_us == 0)
        moved_at_us = g_get_monotonic_time ();
    return TRUE;
}

static void watch_pointer (void)
{
    frames = g_array_new (FALSE, FALSE, sizeof (double));
    g_type_class_unref (g_type_class_ref (GTK_TYPE_WIDGET));
    g_signal_add_emission_hook (g_signal_lookup ("motion-notify-event", GTK_TYPE_WIDGET), 0,
                                on_motion, NULL, NULL);
}

static int by_value (gconstpointer a, gconstpointer b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left > right ? 1 : -(left < right);
}

static void tell_frames (GString *text)
{
    g_array_sort (frames, by_value);
    g_string_append (text, "\"frames_ms\": [");
    for (guint i = 0; i < frames->len; i++)
        g_string_append_printf (text, "%s%.1f", i > 0 ? ", " : "",
                                g_array_index (frames, double, i));
    g_string_append (text, "], ");
    g_clear_pointer (&frames, g_array_unref);
}

/* ---- turns of the loop ---- */

static int measured_poll (GPollFD *fds, guint n, int timeout_ms)
{
    int ret;

    if (busy_since_ns >= 0) {
        gint64 now_us = g_get_monotonic_time ();
        Turn turn = { (float)((double)(thread_cpu_ns () - busy_since_ns) / 1e6),
                      (float)((double)(now_us - busy_since_us) / 1e3),
                      (float)((double)(now_us - began_us) / 1e6) };

        g_array_append_val (turns, turn);
    }
    ret = next_poll (fds, n, timeout_ms);
    busy_since_us = g_get_monotonic_time ();
    busy_since_ns = thread_cpu_ns ();
    return ret;
}

void hs_dispatch_times_begin (void)
{
    if (g_getenv (VARIABLE) == NULL)
        return;
    turns = g_array_new (FALSE, FALSE, sizeof (Turn));
    began_us = g_get_monotonic_time ();
    watch_pointer ();
    next_poll = g_main_context_get_poll_func (NULL);
    g_main_context_set_poll_func (NULL, measured_poll);
}

static int longest_first (gconstpointer a, gconstpointer b)
{
    float left = ((const Turn *)a)->ms, right = ((const Turn *)b)->ms;

    return left > right ? -1 : left < right;
}

static int slowest_first (gconstpointer a, gconstpointer b)
{
    float left = ((const Turn *)a)->wall_ms, right = ((const Turn *)b)->wall_ms;

    return left > right ? -1 : left < right;
}

void hs_dispatch_times_end (void)
{
    g_autoptr (GString) text = g_string_new (NULL);
    double sum = 0, wall_p99;

    if (turns == NULL || turns->len == 0)
        return;
    g_main_context_set_poll_func (NULL, next_poll);
    g_array_sort (turns, slowest_first);
    wall_p99 = (double)g_array_index (turns, Turn, turns->len / 100).wall_ms;
    g_array_sort (turns, longest_first);
    for (guint i = 0; i < turns->len; i++)
        sum += (double)g_array_index (turns, Turn, i).ms;
    g_string_append_c (text, '{');
    tell_frames (text);
    g_string_append_printf (
        text,
        "\"turns\": %u, \"p99_ms\": %.2f, \"wall_p99_ms\": %.2f, \"cpu_seconds\": %.2f, "
        "\"worst\": [",
        turns->len, (double)g_array_index (turns, Turn, turns->len / 100).ms, wall_p99, sum / 1e3);
    for (guint i = 0; i < MIN (turns->len, WORST_TURNS); i++)
        g_string_append_printf (text, "%s[%.2f, %.2f]", i > 0 ? ", " : "",
                                (double)g_array_index (turns, Turn, i).at,
                                (double)g_array_index (turns, Turn, i).ms);
    g_string_append (text, "]}\n");
    (void)g_file_set_contents (g_getenv (VARIABLE), text->str, -1, NULL);
    g_clear_pointer (&turns, g_array_unref);
}
