/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the main thread was; see turn_samples.h. */
#include "app/turn_samples.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_NS 4000000
#define N_SAMPLES 64u
#define N_FRAMES 192 /* widgets within widgets, each closed by a signal */
#define OWN_FRAMES 2 /* the handler, and what the kernel returns to */

typedef struct {
    void *frames[N_FRAMES];
    int n;
} Sample;

static Sample samples[N_SAMPLES];
static volatile sig_atomic_t n_samples;
static timer_t timer;

static void on_tick (int signal)
{
    int error = errno;

    if ((guint)n_samples < N_SAMPLES) {
        Sample *sample = &samples[n_samples];

        sample->n = backtrace (sample->frames, N_FRAMES);
        n_samples = n_samples + 1;
    }
    errno = error;
}

gboolean hs_turn_samples_begin (void)
{
    struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF };
    struct itimerspec times = { .it_interval.tv_nsec = INTERVAL_NS,
                                .it_value.tv_nsec = INTERVAL_NS };

    /* its first call loads a library, which a handler must not */
    (void)backtrace (samples[0].frames, N_FRAMES);
    event._sigev_un._tid = gettid ();
    return sigaction (SIGPROF, &action, NULL) == 0 &&
           timer_create (CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0 &&
           timer_settime (timer, 0, &times, NULL) == 0;
}

void hs_turn_samples_end (void)
{
    (void)timer_delete (timer);
    (void)signal (SIGPROF, SIG_IGN);
}

void hs_turn_samples_drop (void)
{
    n_samples = 0;
}

static void tell_frame (GString *text, void *address)
{
    g_autofree char *name = NULL;
    Dl_info found;

    if (dladdr (address, &found) == 0 || found.dli_fname == NULL)
        return;
    name = g_strescape (found.dli_fname, NULL);
    /* within the call, not behind it */
    g_string_append_printf (text, "%s[\"%s\", %" G_GUINT64_FORMAT "]",
                            text->str[text->len - 1] == '[' ? "" : ", ", name,
                            (guint64)((char *)address - (char *)found.dli_fbase) - 1);
}

char *hs_turn_samples_tell (void)
{
    GString *text = g_string_new ("[");
    int n = n_samples; /* telling takes long enough for more of them */

    for (int i = 0; i < n; i++) {
        g_string_append (text, i > 0 ? ", [" : "[");
        for (int k = OWN_FRAMES; k < samples[i].n; k++)
            tell_frame (text, samples[i].frames[k]);
        g_string_append_c (text, ']');
    }
    g_string_append_c (text, ']');
    return g_string_free (text, FALSE);
}
