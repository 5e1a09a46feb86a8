/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A trace that is being written; see live.h. */
#include "model/live.h"

#include "base/units.h"

#include <glib/gi18n.h>

/* The document looks ten times a second: the oldest of these is a second ago. */
#define RATE_LOOKS 11

typedef struct {
    gint64 time; /* monotonic, µs */
    guint64 n_events;
} Look;

struct _HsLive {
    GObject parent_instance;

    HsDocument *document;
    HsRecorder *recorder;
    Look looks[RATE_LOOKS]; /* a ring */
    guint n_looks;
};

G_DEFINE_TYPE (HsLive, hs_live, G_TYPE_OBJECT)

static guint changed_signal;

static void on_document (HsLive *self)
{
    Look look = { g_get_monotonic_time (), hs_document_get_n_events (self->document) };

    self->looks[self->n_looks++ % RATE_LOOKS] = look;
    g_signal_emit (self, changed_signal, 0);
}

static void on_recorder (HsLive *self)
{
    HsRecorderState state = hs_recorder_get_state (self->recorder);

    if (state == HS_RECORDER_ENDED || state == HS_RECORDER_FAILED)
        hs_document_end_following (self->document);
    g_signal_emit (self, changed_signal, 0);
}

void hs_live_set_recorder (HsLive *self, HsRecorder *recorder)
{
    g_return_if_fail (HS_IS_LIVE (self) && HS_IS_RECORDER (recorder));
    if (self->recorder != NULL)
        g_signal_handlers_disconnect_by_data (self->recorder, self);
    g_set_object (&self->recorder, recorder);
    g_signal_connect_swapped (recorder, "changed", G_CALLBACK (on_recorder), self);
    self->n_looks = 0;
    hs_document_follow (self->document, hs_recorder_get_output (recorder));
}

HsRecorder *hs_live_get_recorder (HsLive *self)
{
    return self->recorder;
}

static HsLiveState state_of_recording (HsLive *self, HsDocumentState document)
{
    HsRecorderState recorder = hs_recorder_get_state (self->recorder);
    gboolean is_reading = document == HS_DOCUMENT_LOADING || document == HS_DOCUMENT_LIVE;

    switch (recorder) {
    case HS_RECORDER_IDLE:
        break;
    case HS_RECORDER_RUNNING:
        return document == HS_DOCUMENT_LIVE      ? HS_LIVE_RECORDING
               : document == HS_DOCUMENT_LOADING ? HS_LIVE_STARTING
                                                 : HS_LIVE_ENDING;
    case HS_RECORDER_STOPPING:
        return HS_LIVE_ENDING;
    case HS_RECORDER_ENDED:
        return is_reading ? HS_LIVE_ENDING : HS_LIVE_ENDED;
    case HS_RECORDER_FAILED:
        return is_reading ? HS_LIVE_ENDING : HS_LIVE_FAILED;
    }
    return HS_LIVE_NOT;
}

HsLiveState hs_live_get_state (HsLive *self)
{
    HsDocumentState document = hs_document_get_state (self->document);

    if (self->recorder != NULL)
        return state_of_recording (self, document);
    return document == HS_DOCUMENT_LIVE ? HS_LIVE_FOLLOWING : HS_LIVE_NOT;
}

gboolean hs_live_is_growing (HsLive *self)
{
    HsLiveState state = hs_live_get_state (self);

    return state == HS_LIVE_FOLLOWING || state == HS_LIVE_STARTING || state == HS_LIVE_RECORDING ||
           state == HS_LIVE_ENDING;
}

double hs_live_get_rate (HsLive *self)
{
    const Look *newest, *oldest;

    if (self->n_looks < 2)
        return 0;
    newest = &self->looks[(self->n_looks - 1) % RATE_LOOKS];
    oldest = &self->looks[self->n_looks > RATE_LOOKS ? self->n_looks % RATE_LOOKS : 0];
    if (newest->time <= oldest->time || newest->n_events < oldest->n_events)
        return 0;
    return (double)(newest->n_events - oldest->n_events) * G_USEC_PER_SEC /
           (double)(newest->time - oldest->time);
}

static const char *state_text (HsLive *self)
{
    switch (hs_live_get_state (self)) {
    case HS_LIVE_FOLLOWING:
        return _ ("live");
    case HS_LIVE_STARTING:
        return _ ("starting");
    case HS_LIVE_RECORDING:
        return _ ("recording");
    case HS_LIVE_ENDING:
        return _ ("ending");
    case HS_LIVE_ENDED:
        return _ ("ended");
    case HS_LIVE_NOT:
    case HS_LIVE_FAILED:
        break;
    }
    return "";
}

/* A figure that changes all the time is told in few digits. */
static char *rate_text (double rate)
{
    if (rate < 10000)
        return g_strdup_printf ("%.0f", rate);
    if (rate < 1e7)
        /* Translators: thousands, as in "412 k events/s" */
        return g_strdup_printf (_ ("%.0f k"), rate / 1e3);
    /* Translators: millions, as in "12.3 M events/s" */
    return g_strdup_printf (_ ("%.1f M"), rate / 1e6);
}

char *hs_live_text (HsLive *self)
{
    const struct hs_snapshot *snapshot = hs_document_get_snapshot (self->document);
    const HsTraceInfo *info = hs_document_get_info (self->document);
    char lost[HS_UNITS_TEXT_SIZE], bytes[HS_UNITS_TEXT_SIZE];
    g_autofree char *rate = rate_text (hs_live_get_rate (self));
    double seconds = hs_snapshot_seconds (snapshot, snapshot->last_time) -
                     hs_snapshot_seconds (snapshot, snapshot->first_time);

    hs_format_count (info->lost_events, lost);
    hs_format_bytes (hs_document_get_file_bytes (self->document), bytes);
    /* Translators: what is going on ("recording"), events in a second, lost events, size of the
     * file, seconds since the beginning */
    return g_strdup_printf (_ ("%s · %s events/s · %s lost · %s · %.1f s"),
                            hs_document_is_paused (self->document) ? _ ("view paused")
                                                                   : state_text (self),
                            rate, lost, bytes, seconds);
}

gboolean hs_live_can_stop (HsLive *self)
{
    return self->recorder != NULL && hs_recorder_get_state (self->recorder) == HS_RECORDER_RUNNING;
}

void hs_live_stop (HsLive *self)
{
    g_return_if_fail (HS_IS_LIVE (self));
    if (!hs_live_can_stop (self))
        return;
    hs_document_set_paused (self->document, FALSE); /* the end is shown as it is in the file */
    hs_recorder_stop (self->recorder);
}

static void hs_live_dispose (GObject *object)
{
    HsLive *self = HS_LIVE (object);

    if (self->recorder != NULL)
        g_signal_handlers_disconnect_by_data (self->recorder, self);
    if (self->document != NULL)
        g_signal_handlers_disconnect_by_data (self->document, self);
    g_clear_object (&self->recorder);
    g_clear_object (&self->document);
    G_OBJECT_CLASS (hs_live_parent_class)->dispose (object);
}

static void hs_live_class_init (HsLiveClass *class)
{
    G_OBJECT_CLASS (class)->dispose = hs_live_dispose;
    changed_signal = g_signal_new ("changed", HS_TYPE_LIVE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                   G_TYPE_NONE, 0);
}

static void hs_live_init (HsLive *self)
{
}

HsLive *hs_live_new (HsDocument *document)
{
    HsLive *self = g_object_new (HS_TYPE_LIVE, NULL);

    self->document = g_object_ref (document);
    g_signal_connect_swapped (document, "progress", G_CALLBACK (on_document), self);
    return self;
}
