/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long the main loop was busy; see dispatch_times.h. The time from the end of one poll to the
 * beginning of the next. */
#include "app/dispatch_times.h"

#include "app/turn_samples.h"
#include "model/query.h"
#include "model/selection.h"

#include <gtk/gtk.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define VARIABLE "HEAPSTRATA_DISPATCH_TIMES"
#define WORST_TURNS 40u
#define SLOW_MS 16.0f /* a frame */

typedef struct {
    float ms, wall_ms, at; /* CPU of the thread, time; seconds since the beginning */
} Turn;

static GArray *turns; /* Turn; NULL: not measuring */
static GString *slow; /* what was seen of turns over SLOW_MS, JSON */
static gboolean has_samples;
static GPollFunc next_poll;
static GPollFD urgent = { .events = G_IO_IN }; /* never readable */
static gint64 busy_since_ns = -1, busy_since_us, began_us;

/* ---- from what the user does to the frame that shows all answers ---- */

typedef struct {
    float wall_ms, cpu_ms; /* CPU of all threads */
} Wait;

typedef struct {
    const char *name;
    GArray *waits;        /* Wait */
    gint64 since_us;      /* what no frame has shown; 0: nothing */
    GdkFrameClock *clock; /* of the window; a tooltip has its own. NULL: no frame ends it */
    gint64 since_cpu_ns;
} Span;

enum { MOTION, TYPING, GIVING_WAY, N_SPANS };
static Span spans[N_SPANS] = { { .name = "motion" },
                               { .name = "typing" },
                               { .name = "giving_way" } };
static gboolean is_news; /* an answer that no frame has shown */
static double first_picture_ms;

static gint64 cpu_ns (clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime (clock, &now);
    return (gint64)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void begin_span (Span *span, GtkWidget *widget)
{
    span->clock = gtk_widget_get_frame_clock (widget);
    span->since_us = g_get_monotonic_time ();
    span->since_cpu_ns = cpu_ns (CLOCK_PROCESS_CPUTIME_ID);
}

static void end_span (Span *span, const GdkFrameClock *clock)
{
    Wait wait = { (float)((double)(g_get_monotonic_time () - span->since_us) / 1e3),
                  (float)((double)(cpu_ns (CLOCK_PROCESS_CPUTIME_ID) - span->since_cpu_ns) / 1e6) };

    if (span->since_us == 0 || span->clock != clock)
        return;
    g_array_append_val (span->waits, wait);
    span->since_us = 0;
}

static gboolean on_answered (GSignalInvocationHint *hint, guint n_values, const GValue *values,
                             gpointer unused)
{
    is_news = TRUE;
    return TRUE;
}

static gboolean on_after_paint (GSignalInvocationHint *hint, guint n_values, const GValue *values,
                                gpointer unused)
{
    const GdkFrameClock *clock = g_value_get_object (&values[0]);

    if (is_news && first_picture_ms == 0)
        first_picture_ms = (double)(g_get_monotonic_time () - began_us) / 1e3;
    if (!hs_query_are_all_answered ())
        return TRUE;
    end_span (&spans[MOTION], clock);
    if (is_news) /* it takes a moment until a question is made of what is typed */
        end_span (&spans[TYPING], clock);
    is_news = FALSE;
    return TRUE;
}

/* Motions that come before the frame are counted with the first. */
static gboolean on_motion (GSignalInvocationHint *hint, guint n_values, const GValue *values,
                           gpointer unused)
{
    const GdkEventMotion *event = g_value_get_boxed (&values[1]);

    if ((event->state & GDK_BUTTON1_MASK) != 0 && spans[MOTION].since_us == 0)
        begin_span (&spans[MOTION], g_value_get_object (&values[0]));
    return TRUE;
}

/* From the last letter. */
static gboolean on_key (GSignalInvocationHint *hint, guint n_values, const GValue *values,
                        gpointer unused)
{
    if (GTK_IS_ENTRY (g_value_get_object (&values[0]))) {
        begin_span (&spans[TYPING], g_value_get_object (&values[0]));
        is_news = FALSE;
    }
    return TRUE;
}

/* Another filter or range, while answers to the one before are worked on. */
static gboolean on_replaced (GSignalInvocationHint *hint, guint n_values, const GValue *values,
                             gpointer unused)
{
    Span *span = &spans[GIVING_WAY];

    if (span->since_us == 0 && hs_query_oldest_start () != G_MAXINT64) {
        span->since_us = g_get_monotonic_time ();
        span->since_cpu_ns = cpu_ns (CLOCK_PROCESS_CPUTIME_ID);
    }
    return TRUE;
}

static void watch (GType type, const char *signal, GSignalEmissionHook hook)
{
    g_type_class_unref (g_type_class_ref (type));
    g_signal_add_emission_hook (g_signal_lookup (signal, type), 0, hook, NULL, NULL);
}

static void begin_spans (void)
{
    for (guint i = 0; i < N_SPANS; i++)
        spans[i].waits = g_array_new (FALSE, FALSE, sizeof (Wait));
    watch (GTK_TYPE_WIDGET, "motion-notify-event", on_motion);
    watch (GTK_TYPE_WIDGET, "key-press-event", on_key);
    watch (GDK_TYPE_FRAME_CLOCK, "after-paint", on_after_paint);
    watch (HS_TYPE_QUERY, "answered", on_answered);
    watch (HS_TYPE_SELECTION, "changed", on_replaced);
}

static void tell_spans (GString *text)
{
    g_string_append_printf (text, "\"began\": %.3f, \"first_picture_ms\": %.1f, ",
                            (double)began_us / 1e6, first_picture_ms);
    for (guint i = 0; i < N_SPANS; i++) {
        g_string_append_printf (text, "\"%s\": [", spans[i].name);
        for (guint k = 0; k < spans[i].waits->len; k++) {
            const Wait *wait = &g_array_index (spans[i].waits, Wait, k);

            g_string_append_printf (text, "%s[%.1f, %.1f]", k > 0 ? ", " : "",
                                    (double)wait->wall_ms, (double)wait->cpu_ms);
        }
        g_string_append (text, "], ");
        g_clear_pointer (&spans[i].waits, g_array_unref);
    }
}

/* ---- turns of the loop ---- */

static void note_slow (const Turn *turn)
{
    g_autofree char *stacks = hs_turn_samples_tell ();

    g_string_append_printf (slow, "%s{\"at\": %.2f, \"ms\": %.2f, \"stacks\": %s}",
                            slow->len > 0 ? ", " : "", (double)turn->at, (double)turn->ms, stacks);
}

static int measured_poll (GPollFD *fds, guint n, int timeout_ms)
{
    int ret;

    if (busy_since_ns >= 0) {
        gint64 now_us = g_get_monotonic_time ();
        Turn turn = { (float)((double)(cpu_ns (CLOCK_THREAD_CPUTIME_ID) - busy_since_ns) / 1e6),
                      (float)((double)(now_us - busy_since_us) / 1e3),
                      (float)((double)(now_us - began_us) / 1e6) };

        g_array_append_val (turns, turn);
        if (has_samples && turn.ms > SLOW_MS)
            note_slow (&turn);
    }
    if (hs_query_oldest_start () > spans[GIVING_WAY].since_us)
        end_span (&spans[GIVING_WAY], NULL);
    ret = next_poll (fds, n, timeout_ms);
    busy_since_us = g_get_monotonic_time ();
    busy_since_ns = cpu_ns (CLOCK_THREAD_CPUTIME_ID);
    hs_turn_samples_drop ();
    return ret;
}

void hs_dispatch_times_begin (void)
{
    if (g_getenv (VARIABLE) == NULL)
        return;
    turns = g_array_new (FALSE, FALSE, sizeof (Turn));
    slow = g_string_new (NULL);
    has_samples = hs_turn_samples_begin ();
    began_us = g_get_monotonic_time ();
    begin_spans ();
    /* without one of the highest priority the loop does not poll between turns of urgent sources,
     * and several turns look like one */
    urgent.fd = eventfd (0, EFD_CLOEXEC);
    g_main_context_add_poll (NULL, &urgent, G_MININT);
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
    g_main_context_remove_poll (NULL, &urgent);
    (void)close (urgent.fd);
    if (has_samples)
        hs_turn_samples_end ();
    g_array_sort (turns, slowest_first);
    wall_p99 = (double)g_array_index (turns, Turn, turns->len / 100).wall_ms;
    g_array_sort (turns, longest_first);
    for (guint i = 0; i < turns->len; i++)
        sum += (double)g_array_index (turns, Turn, i).ms;
    g_string_append_c (text, '{');
    tell_spans (text);
    g_string_append_printf (
        text,
        "\"turns\": %u, \"p99_ms\": %.2f, \"wall_p99_ms\": %.2f, \"cpu_seconds\": %.2f, "
        "\"worst\": [",
        turns->len, (double)g_array_index (turns, Turn, turns->len / 100).ms, wall_p99, sum / 1e3);
    for (guint i = 0; i < MIN (turns->len, WORST_TURNS); i++)
        g_string_append_printf (text, "%s[%.2f, %.2f]", i > 0 ? ", " : "",
                                (double)g_array_index (turns, Turn, i).at,
                                (double)g_array_index (turns, Turn, i).ms);
    g_string_append_printf (text, "], \"slow\": [%s]}\n", slow->str);
    (void)g_string_free (g_steal_pointer (&slow), TRUE);
    (void)g_file_set_contents (g_getenv (VARIABLE), text->str, -1, NULL);
    g_clear_pointer (&turns, g_array_unref);
}
