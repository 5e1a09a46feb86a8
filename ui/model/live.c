/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A trace that is being written; see live.h. */
#include "model/live.h"

#include "base/units.h"
#include "model/control_client.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>

/* The document looks ten times a second: the oldest of these is a second ago. */
#define RATE_LOOKS 11

/* How often the recorder is asked how it is doing, or searched for. */
#define STATUS_INTERVAL_US G_USEC_PER_SEC
#define SEARCHED_PROCESSES 16u

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

    GCancellable *cancellable;
    guint target;        /* pid whose recorder writes the file; 0: not found */
    guint n_searched;    /* processes of the trace asked so far */
    gboolean is_asking;  /* for a status */
    gboolean is_told;    /* to end */
    gboolean is_at_rest; /* the recorder says: paused */
    guint64 n_lost;      /* as the recorder says */
    gint64 asked_at;
};

G_DEFINE_TYPE (HsLive, hs_live, G_TYPE_OBJECT)

enum { SIGNAL_CHANGED, SIGNAL_REFUSED, N_SIGNALS };
static guint signals[N_SIGNALS];

/* ---- the recorder behind the file ---- */

static gboolean is_same_file (const char *a, const char *b)
{
    GStatBuf one, other;

    return a != NULL && b != NULL && g_stat (a, &one) == 0 && g_stat (b, &other) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static guint64 number_in (const char *reply, const char *key)
{
    g_autofree char *text = hs_control_client_value (reply, key);

    return text != NULL ? g_ascii_strtoull (text, NULL, 10) : 0;
}

static void on_status (GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *reply = hs_control_client_ask_finish (result, &error);
    g_autofree char *file = NULL, *state = NULL;
    HsLive *self;

    if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return; /* the window is gone */
    self = HS_LIVE (data);
    self->is_asking = FALSE;
    if (reply == NULL) {
        self->target = 0; /* it ended, or this process has none */
        return;
    }
    file = hs_control_client_value (reply, "file");
    if (!is_same_file (file, hs_document_get_path (self->document)))
        return;
    state = hs_control_client_value (reply, "state");
    self->target = (guint)number_in (reply, "pid");
    self->n_lost = number_in (reply, "lost") + number_in (reply, "unrecorded");
    self->is_at_rest = g_strcmp0 (state, "paused") == 0;
    g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

/* Asks the recorder that was found, else that of the next process of the trace. */
static void ask_for_status (HsLive *self)
{
    const GArray *processes = hs_document_get_info (self->document)->processes;
    guint n = MIN (processes->len, SEARCHED_PROCESSES), pid = self->target;
    gint64 now = g_get_monotonic_time ();

    if (self->is_asking || self->is_told ||
        hs_document_get_state (self->document) != HS_DOCUMENT_LIVE)
        return;
    if (pid == 0 && n > 0)
        pid = g_array_index (processes, HsProcessEntry, self->n_searched % n).pid;
    if (pid == 0 || (self->n_searched >= n && now - self->asked_at < STATUS_INTERVAL_US))
        return;
    self->n_searched++;
    self->asked_at = now;
    self->is_asking = TRUE;
    hs_control_client_ask_async (pid, "status", self->cancellable, on_status, self);
}

static void on_done (GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *reply = hs_control_client_ask_finish (result, &error);

    if (reply != NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    HS_LIVE (data)->is_told = FALSE;
    g_signal_emit (data, signals[SIGNAL_REFUSED], 0, error->message);
}

/* ---- what comes ---- */

static void on_document (HsLive *self)
{
    Look look = { g_get_monotonic_time (), hs_document_get_n_events (self->document) };

    /* what was there already is read far quicker than it came */
    if (hs_document_get_state (self->document) == HS_DOCUMENT_LOADING)
        self->n_looks = 0;
    self->looks[self->n_looks++ % RATE_LOOKS] = look;
    ask_for_status (self);
    g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

static void on_recorder (HsLive *self)
{
    HsRecorderState state = hs_recorder_get_state (self->recorder);

    if (state == HS_RECORDER_ENDED || state == HS_RECORDER_FAILED)
        hs_document_end_following (self->document);
    g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

void hs_live_set_recorder (HsLive *self, HsRecorder *recorder)
{
    g_return_if_fail (HS_IS_LIVE (self) && HS_IS_RECORDER (recorder));
    if (self->recorder != NULL)
        g_signal_handlers_disconnect_by_data (self->recorder, self);
    g_set_object (&self->recorder, recorder);
    g_signal_connect_swapped (recorder, "changed", G_CALLBACK (on_recorder), self);
    self->n_looks = self->n_searched = self->target = 0;
    self->is_told = self->is_at_rest = FALSE;
    hs_document_follow (self->document, hs_recorder_get_output (recorder));
}

HsRecorder *hs_live_get_recorder (HsLive *self)
{
    return self->recorder;
}

/* While a recorder runs. */
static HsLiveState state_of_following (HsLive *self)
{
    return self->is_told ? HS_LIVE_ENDING : self->is_at_rest ? HS_LIVE_PAUSED : HS_LIVE_RECORDING;
}

static HsLiveState state_of_recording (HsLive *self, HsDocumentState document)
{
    HsRecorderState recorder = hs_recorder_get_state (self->recorder);
    gboolean is_reading = document == HS_DOCUMENT_LOADING || document == HS_DOCUMENT_LIVE;

    switch (recorder) {
    case HS_RECORDER_IDLE:
        break;
    case HS_RECORDER_RUNNING:
        return document == HS_DOCUMENT_LIVE      ? state_of_following (self)
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
    if (document != HS_DOCUMENT_LIVE)
        return HS_LIVE_NOT;
    return self->target != 0 ? state_of_following (self) : HS_LIVE_FOLLOWING;
}

gboolean hs_live_is_growing (HsLive *self)
{
    HsLiveState state = hs_live_get_state (self);

    return state != HS_LIVE_NOT && state != HS_LIVE_ENDED && state != HS_LIVE_FAILED;
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

gboolean hs_live_knows_rate (HsLive *self)
{
    return self->n_looks >= RATE_LOOKS;
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
    case HS_LIVE_PAUSED:
        return _ ("recording paused");
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

    hs_format_count (MAX (info->lost_events, self->n_lost), lost);
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
    if (self->is_told)
        return FALSE;
    if (self->recorder != NULL)
        return hs_recorder_get_state (self->recorder) == HS_RECORDER_RUNNING;
    return hs_live_can_mark (self);
}

void hs_live_stop (HsLive *self)
{
    g_return_if_fail (HS_IS_LIVE (self));
    if (!hs_live_can_stop (self))
        return;
    hs_document_set_paused (self->document, FALSE); /* the end is shown as it is in the file */
    self->is_told = TRUE;
    if (self->target == 0) /* it has only just begun */
        hs_recorder_stop (self->recorder);
    else
        hs_control_client_ask_async (self->target, "detach", self->cancellable, on_done, self);
}

gboolean hs_live_can_mark (HsLive *self)
{
    return self->target != 0 && !self->is_told &&
           hs_document_get_state (self->document) == HS_DOCUMENT_LIVE;
}

void hs_live_mark (HsLive *self, const char *name)
{
    g_autofree char *request = g_strdup_printf ("mark %s", name);

    g_return_if_fail (HS_IS_LIVE (self));
    if (hs_live_can_mark (self))
        hs_control_client_ask_async (self->target, request, self->cancellable, on_done, self);
}

static void hs_live_dispose (GObject *object)
{
    HsLive *self = HS_LIVE (object);

    g_cancellable_cancel (self->cancellable);
    g_clear_object (&self->cancellable);
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
    signals[SIGNAL_CHANGED] = g_signal_new ("changed", HS_TYPE_LIVE, G_SIGNAL_RUN_LAST, 0, NULL,
                                            NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_REFUSED] = g_signal_new ("refused", HS_TYPE_LIVE, G_SIGNAL_RUN_LAST, 0, NULL,
                                            NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void hs_live_init (HsLive *self)
{
    self->cancellable = g_cancellable_new ();
}

HsLive *hs_live_new (HsDocument *document)
{
    HsLive *self = g_object_new (HS_TYPE_LIVE, NULL);

    self->document = g_object_ref (document);
    g_signal_connect_swapped (document, "progress", G_CALLBACK (on_document), self);
    return self;
}
