/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The thread that finds names; see name_finder.h. It holds the trace, never the document. */
#include "model/name_finder.h"

#include "analysis/name_side_file.h"
#include "analysis/naming.h"
#include "model/settings.h"
#include "trace/images.h"

#define FIRST_PAUSE_MS 20 /* while there is nothing yet */
#define PAUSE_MS 250      /* between two looks at a trace that grows */
#define WORK_SHARE 10     /* … and never more than a tenth of the time for looking */

/* What another look may do better; what has lines has all. */
#define STATES_TO_RETRY                                                                            \
    (1u << HS_SYMBOLS_EXPORTS | 1u << HS_SYMBOLS_FUNCTIONS | 1u << HS_SYMBOLS_NONE |               \
     1u << HS_SYMBOLS_NO_FILE | 1u << HS_SYMBOLS_MISMATCH | 1u << HS_SYMBOLS_FAILED |              \
     1u << HS_SYMBOLS_WAITING | 1u << HS_SYMBOLS_DOWNLOADING)

struct _HsNameFinder {
    HsTraceHold *hold;
    char *path;
    GMutex lock;
    GCond told; /* to end, to look again or to stop */

    /* under the lock */
    struct hs_naming *naming; /* while it runs */
    HsSymbolPlaces *places;   /* to look in from now on; NULL: nothing new */
    gboolean is_last;         /* the trace grows no more */
    gboolean is_dropped;

    struct hs_cancel cancel; /* of what runs now */
    gboolean is_done;        /* atomic: the thread rests */
};

static void clear (gpointer data)
{
    HsNameFinder *self = data;

    hs_trace_hold_unref (self->hold);
    g_free (self->path);
    hs_symbol_places_free (self->places);
    g_mutex_clear (&self->lock);
    g_cond_clear (&self->told);
}

static void unref (gpointer self)
{
    g_atomic_rc_box_release_full (self, clear);
}

/* ---- the thread ---- */

static gboolean is_last (HsNameFinder *self)
{
    gboolean is_last;

    g_mutex_lock (&self->lock);
    is_last = self->is_last;
    g_mutex_unlock (&self->lock);
    return is_last;
}

/* Sleeps until it is time to look again. FALSE: nothing more will come. */
static gboolean wait_for_more (HsNameFinder *self, gboolean was_last, gint64 pause_us)
{
    gint64 end = g_get_monotonic_time () + pause_us;

    g_mutex_lock (&self->lock);
    while (!was_last && !self->is_last && !hs_cancel_is_set (&self->cancel) &&
           g_cond_wait_until (&self->told, &self->lock, end))
        ;
    g_mutex_unlock (&self->lock);
    return !was_last && !hs_cancel_is_set (&self->cancel);
}

static void find_names (HsNameFinder *self, struct hs_naming *naming)
{
    struct hs_trace *trace = hs_trace_hold_trace (self->hold);
    guint64 generation = 0;
    gint64 took_us = 0;
    gboolean was_last;

    do {
        gint64 begin = g_get_monotonic_time ();
        struct hs_error err = { 0 };
        struct hs_snapshot snapshot;

        was_last = is_last (self); /* before the snapshot, which then is the last one */
        snapshot = hs_trace_snapshot (trace);
        if ((snapshot.generation == generation && !was_last && !hs_naming_is_fetching (naming)) ||
            snapshot.n_rows == 0)
            continue;
        generation = snapshot.generation;
        if (hs_status_is_error (hs_naming_run (naming, !was_last, &self->cancel, &err))) {
            g_message ("%s", err.text);
            return;
        }
        took_us = g_get_monotonic_time () - begin;
    } while (
        wait_for_more (self, was_last,
                       MAX ((generation == 0 ? FIRST_PAUSE_MS : PAUSE_MS) * G_TIME_SPAN_MILLISECOND,
                            took_us * WORK_SHARE)));
}

/* Names that `heapstrata symbolize` wrote. */
static void read_side_file (HsNameFinder *self)
{
    g_autofree char *path = g_strconcat (self->path, HS_NAME_SIDE_FILE_SUFFIX, NULL);
    g_autofree char *text = NULL;
    struct hs_error err = { 0 };
    gsize size;

    if (g_file_get_contents (path, &text, &size, NULL) &&
        hs_name_side_file_read (hs_trace_hold_trace (self->hold),
                                (struct hs_span){ (const guint8 *)text, size }, &err) != HS_OK)
        g_message ("%s: %s", path, err.text);
}

static void look_in (HsNameFinder *self, const HsSymbolPlaces *places)
{
    g_autofree char *folders = g_strjoinv (":", places->folders);
    struct hs_symbolizer_options options = { .folders = folders,
                                             .symbol_path = places->symbol_path,
                                             .may_download = !places->is_offline };
    struct hs_naming *naming = hs_naming_new (hs_trace_hold_trace (self->hold), &options);

    g_mutex_lock (&self->lock);
    self->naming = naming;
    g_mutex_unlock (&self->lock);
    if (naming != NULL)
        find_names (self, naming);
    g_mutex_lock (&self->lock);
    self->naming = NULL;
    g_mutex_unlock (&self->lock);
    hs_naming_free (naming);
}

/* The places to look in next, when somebody asks for it; NULL: it is over. */
static HsSymbolPlaces *next_places (HsNameFinder *self)
{
    HsSymbolPlaces *places;

    g_mutex_lock (&self->lock);
    while (self->places == NULL && !self->is_dropped) {
        g_atomic_int_set (&self->is_done, TRUE);
        g_cond_wait (&self->told, &self->lock);
    }
    places = self->is_dropped ? NULL : g_steal_pointer (&self->places);
    atomic_store (&self->cancel.is_set, false);
    if (self->is_dropped)
        hs_cancel_set (&self->cancel);
    g_mutex_unlock (&self->lock);
    return places;
}

static gpointer run (gpointer data)
{
    HsNameFinder *self = data;
    HsSymbolPlaces *places = next_places (self);

    read_side_file (self);
    while (places != NULL) {
        look_in (self, places);
        hs_symbol_places_free (places);
        places = next_places (self);
        if (places != NULL)
            hs_trace_forget_images (hs_trace_hold_trace (self->hold), STATES_TO_RETRY);
    }
    unref (self);
    return NULL;
}

/* ---- the main thread ---- */

HsNameFinder *hs_name_finder_start (HsTraceHold *hold, const char *path)
{
    HsNameFinder *self = g_atomic_rc_box_new0 (HsNameFinder);

    self->hold = hs_trace_hold_ref (hold);
    self->path = g_strdup (path);
    self->places = hs_symbol_places_load ();
    g_mutex_init (&self->lock);
    g_cond_init (&self->told);
    g_thread_unref (g_thread_new ("names", run, g_atomic_rc_box_acquire (self)));
    return self;
}

void hs_name_finder_end (HsNameFinder *self)
{
    g_mutex_lock (&self->lock);
    self->is_last = TRUE;
    g_cond_signal (&self->told);
    g_mutex_unlock (&self->lock);
}

void hs_name_finder_retry (HsNameFinder *self)
{
    HsSymbolPlaces *places = hs_symbol_places_load ();

    g_mutex_lock (&self->lock);
    hs_symbol_places_free (self->places);
    self->places = places;
    g_atomic_int_set (&self->is_done, FALSE);
    hs_cancel_set (&self->cancel);
    g_cond_signal (&self->told);
    g_mutex_unlock (&self->lock);
}

gboolean hs_name_finder_is_busy (HsNameFinder *self)
{
    return !g_atomic_int_get (&self->is_done);
}

gboolean hs_name_finder_get_download (HsNameFinder *self, HsSymbolDownload *ret)
{
    struct hs_naming_download download;
    gboolean is_one;

    g_mutex_lock (&self->lock);
    is_one = self->naming != NULL && hs_naming_download (self->naming, &download);
    g_mutex_unlock (&self->lock);
    if (is_one)
        *ret = (HsSymbolDownload){ download.image, download.n_bytes, download.n_total };
    return is_one;
}

void hs_name_finder_cancel_download (HsNameFinder *self)
{
    g_mutex_lock (&self->lock);
    if (self->naming != NULL)
        hs_naming_give_up_download (self->naming);
    g_mutex_unlock (&self->lock);
}

void hs_name_finder_drop (HsNameFinder *self)
{
    g_mutex_lock (&self->lock);
    self->is_dropped = TRUE;
    hs_cancel_set (&self->cancel);
    g_cond_signal (&self->told);
    g_mutex_unlock (&self->lock);
    unref (self);
}
