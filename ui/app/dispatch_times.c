/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long the main loop was busy; see dispatch_times.h. The time from the end of one poll to the
 * beginning of the next. */
#include "app/dispatch_times.h"

#include <glib.h>
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
    g_string_append_printf (
        text,
        "{\"turns\": %u, \"p99_ms\": %.2f, \"wall_p99_ms\": %.2f, \"cpu_seconds\": %.2f, "
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
