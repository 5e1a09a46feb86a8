/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Loading and watching a trace; see document.h.
 *
 * The loader's thread owns nothing but a reference to a `load`, which holds the loader and the
 * trace. Progress is not sent: the document looks at the loader's atomics. Closing sets the cancel
 * flag and drops the reference; the thread ends within a step and frees the rest.
 */
#include "model/document.h"

#include "model/follow.h"
#include "model/name_finder.h"
#include "model/settings.h"
#include "model/trace_info.h"
#include "trace/images.h"

#include <glib/gi18n.h>

#define LOOK_INTERVAL_MS 100

struct _HsTraceHold {
    struct hs_trace *trace;
};

typedef struct {
    HsTraceHold *hold;
    char **paths;
    HsFollow follow;
    gboolean keeps_index;
    struct hs_error error; /* written before the task returns */
    GWeakRef owner;        /* a closed document must not wait for its file */
} Load;

struct _HsDocument {
    GObject parent_instance;

    HsDocumentState state;
    Load *load;
    HsNameFinder *names;
    GFileMonitor *allocators; /* the user's list */
    guint look_source;
    gboolean is_paused, keeps_index;
    char *title;

    struct hs_snapshot snapshot;
    HsTraceInfo info;
    struct hs_load_progress progress;
    struct hs_error error;
};

G_DEFINE_TYPE (HsDocument, hs_document, G_TYPE_OBJECT)

enum { SIGNAL_CHANGED, SIGNAL_PROGRESS, N_SIGNALS };
static guint signals[N_SIGNALS];

static gpointer free_trace (gpointer trace)
{
    hs_trace_free (trace);
    return NULL;
}

/* A large trace takes longer than a frame to be given back (50 ms with 10^8 events), and whoever
 * lets go of it last may be the main thread. */
static void clear_hold (gpointer data)
{
    struct hs_trace *trace = ((HsTraceHold *)data)->trace;
    GThread *thread = g_thread_try_new ("free-trace", free_trace, trace, NULL);

    if (thread != NULL)
        g_thread_unref (thread);
    else
        hs_trace_free (trace);
}

HsTraceHold *hs_trace_hold_ref (HsTraceHold *hold)
{
    return g_atomic_rc_box_acquire (hold);
}

struct hs_trace *hs_trace_hold_trace (HsTraceHold *hold)
{
    return hold->trace;
}

void hs_trace_hold_unref (HsTraceHold *hold)
{
    if (hold != NULL)
        g_atomic_rc_box_release_full (hold, clear_hold);
}

static void clear_load (gpointer data)
{
    Load *load = data;

    hs_loader_free (load->follow.loader);
    hs_trace_hold_unref (load->hold);
    g_strfreev (load->paths);
    g_weak_ref_clear (&load->owner);
}

static void unref_load (gpointer load)
{
    g_atomic_rc_box_release_full (load, clear_load);
}

static void load_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    Load *load = data;
    enum hs_status status = hs_follow_run (&load->follow, load->hold->trace, &load->error);

    g_task_return_int (task, status);
    /* the trace is there; whoever has read it all may spare the next opening the work */
    if (status == HS_END && load->keeps_index)
        hs_loader_keep_index (load->follow.loader);
}

/* Takes a new snapshot when there is one. */
static void look (HsDocument *self)
{
    struct hs_snapshot snapshot = hs_trace_snapshot (self->load->hold->trace);
    struct hs_loader *loader = atomic_load (&self->load->follow.loader);

    /* before its progress: all that was there counts as read when it begins to be live */
    if (self->state == HS_DOCUMENT_LOADING && atomic_load (&self->load->follow.is_caught_up))
        self->state = HS_DOCUMENT_LIVE;
    if (loader != NULL)
        self->progress = hs_loader_progress (loader);
    if (self->is_paused) { /* the same rows, with the names that were found since */
        if (snapshot.names != self->snapshot.names && self->snapshot.trace != NULL) {
            self->snapshot.names = snapshot.names;
            g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
        }
        return;
    }
    if (snapshot.generation != self->snapshot.generation || self->snapshot.trace == NULL) {
        self->snapshot = snapshot;
        hs_trace_info_fill (&self->info, &snapshot);
        g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
    } else if (snapshot.names != self->snapshot.names) {
        self->snapshot = snapshot;
        g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
    }
}

static gboolean is_loading (HsDocument *self)
{
    return self->state == HS_DOCUMENT_LOADING || self->state == HS_DOCUMENT_LIVE;
}

static gboolean on_look (gpointer data)
{
    HsDocument *self = data;
    gboolean is_busy = is_loading (self) || hs_name_finder_is_busy (self->names);

    look (self);
    g_signal_emit (self, signals[SIGNAL_PROGRESS], 0);
    if (is_busy)
        return G_SOURCE_CONTINUE;
    self->look_source = 0;
    return G_SOURCE_REMOVE;
}

static void on_loaded (GObject *source, GAsyncResult *result, gpointer data)
{
    Load *load = g_task_get_task_data (G_TASK (result));
    enum hs_status status = (enum hs_status)g_task_propagate_int (G_TASK (result), NULL);
    g_autoptr (HsDocument) self = g_weak_ref_get (&load->owner);

    if (self == NULL || self->load != load) /* closed, or opened again */
        return;
    hs_name_finder_end (self->names); /* looking goes on until all names are there */
    if (status == HS_CANCELLED) {
        self->state = HS_DOCUMENT_CANCELLED;
    } else if (hs_status_is_error (status)) {
        self->state = HS_DOCUMENT_FAILED;
        self->error = load->error;
        if (self->error.status == HS_OK)
            self->error.status = status;
    } else {
        self->state = HS_DOCUMENT_LOADED;
        self->progress.fraction = 1;
    }
    look (self);
    g_signal_emit (self, signals[SIGNAL_PROGRESS], 0);
}

static void cancel_load (Load *load)
{
    struct hs_loader *loader = atomic_load (&load->follow.loader);

    hs_cancel_set (&load->follow.cancel);
    if (loader != NULL)
        hs_loader_cancel (loader);
}

static void drop_load (HsDocument *self)
{
    g_clear_handle_id (&self->look_source, g_source_remove);
    if (self->load == NULL)
        return;
    cancel_load (self->load);
    g_clear_pointer (&self->names, hs_name_finder_drop);
    g_clear_pointer (&self->load, unref_load);
    self->snapshot = (struct hs_snapshot){ .ticks_per_second = 1 };
}

static void read_allocators (HsDocument *self)
{
    g_autofree char *path = hs_allocators_path (), *text = NULL;

    (void)g_file_get_contents (path, &text, NULL, NULL);
    (void)hs_trace_set_allocators (self->load->hold->trace, text != NULL ? text : "");
}

static void on_allocators_changed (HsDocument *self)
{
    if (self->load == NULL)
        return;
    read_allocators (self);
    if (self->look_source == 0)
        look (self);
}

static void watch_allocators (HsDocument *self)
{
    g_autofree char *path = hs_allocators_path ();
    g_autoptr (GFile) file = g_file_new_for_path (path);

    read_allocators (self);
    g_clear_object (&self->allocators);
    self->allocators = g_file_monitor_file (file, G_FILE_MONITOR_NONE, NULL, NULL);
    if (self->allocators != NULL)
        g_signal_connect_object (self->allocators, "changed", G_CALLBACK (on_allocators_changed),
                                 self, G_CONNECT_SWAPPED);
}

static char *title_of (const char *const *paths)
{
    guint n = g_strv_length ((char **)paths);
    char *name = g_filename_display_basename (paths[0]);
    char *title = name;

    if (n > 1) {
        /* Translators: several files of one recording session are open as one trace */
        title = g_strdup_printf (ngettext ("%s and %u more", "%s and %u more", n - 1), name, n - 1);
        g_free (name);
    }
    return title;
}

static void open_files (HsDocument *self, const char *const *paths, HsFollowMode mode)
{
    GTask *task;
    struct hs_trace *trace;

    g_return_if_fail (self->state == HS_DOCUMENT_EMPTY || self->state == HS_DOCUMENT_FAILED);

    drop_load (self);
    self->is_paused = FALSE;
    g_free (self->title);
    self->title = title_of (paths);
    self->progress = (struct hs_load_progress){ 0 };
    trace = hs_trace_new ();
    if (trace == NULL) {
        (void)hs_error_no_memory (&self->error);
        self->state = HS_DOCUMENT_FAILED;
        g_signal_emit (self, signals[SIGNAL_PROGRESS], 0);
        return;
    }
    self->load = g_atomic_rc_box_new0 (Load);
    self->load->hold = g_atomic_rc_box_new0 (HsTraceHold);
    self->load->hold->trace = trace;
    self->load->paths = g_strdupv ((char **)paths);
    self->load->follow.paths = self->load->paths;
    self->load->follow.mode = mode;
    self->load->keeps_index = self->keeps_index;
    self->state = HS_DOCUMENT_LOADING;
    self->look_source = g_timeout_add (LOOK_INTERVAL_MS, on_look, self);
    g_weak_ref_init (&self->load->owner, self);
    watch_allocators (self);
    self->names = hs_name_finder_start (self->load->hold, paths[0]);
    task = g_task_new (NULL, NULL, on_loaded, NULL);
    g_task_set_task_data (task, g_atomic_rc_box_acquire (self->load), unref_load);
    g_task_run_in_thread (task, load_in_thread);
    g_object_unref (task);
    g_signal_emit (self, signals[SIGNAL_PROGRESS], 0);
}

void hs_document_set_keeps_index (HsDocument *self, gboolean keeps_index)
{
    g_return_if_fail (HS_IS_DOCUMENT (self));
    self->keeps_index = keeps_index;
}

void hs_document_open (HsDocument *self, const char *const *paths)
{
    g_return_if_fail (HS_IS_DOCUMENT (self));
    g_return_if_fail (paths != NULL && paths[0] != NULL);
    open_files (self, paths, HS_FOLLOW_WHILE_WRITTEN);
}

void hs_document_follow (HsDocument *self, const char *path)
{
    const char *const paths[] = { path, NULL };

    g_return_if_fail (HS_IS_DOCUMENT (self));
    g_return_if_fail (path != NULL);
    open_files (self, paths, HS_FOLLOW_UNTIL_TOLD);
}

void hs_document_end_following (HsDocument *self)
{
    g_return_if_fail (HS_IS_DOCUMENT (self));
    if (self->load != NULL)
        atomic_store (&self->load->follow.is_told_to_end, true);
}

void hs_document_set_paused (HsDocument *self, gboolean is_paused)
{
    g_return_if_fail (HS_IS_DOCUMENT (self));
    if (self->is_paused == is_paused)
        return;
    self->is_paused = is_paused;
    if (self->load != NULL)
        look (self);
    g_signal_emit (self, signals[SIGNAL_PROGRESS], 0);
}

gboolean hs_document_is_paused (HsDocument *self)
{
    return self->is_paused;
}

void hs_document_cancel (HsDocument *self)
{
    g_return_if_fail (HS_IS_DOCUMENT (self));
    if (is_loading (self))
        cancel_load (self->load);
}

HsDocumentState hs_document_get_state (HsDocument *self)
{
    return self->state;
}

double hs_document_get_fraction (HsDocument *self)
{
    return CLAMP (self->progress.fraction, 0, 1);
}

guint64 hs_document_get_bytes_total (HsDocument *self)
{
    return self->progress.bytes_total;
}

guint64 hs_document_get_file_bytes (HsDocument *self)
{
    return self->load != NULL ? atomic_load (&self->load->follow.file_bytes) : 0;
}

guint64 hs_document_get_n_events (HsDocument *self)
{
    return self->progress.n_events;
}

const struct hs_error *hs_document_get_error (HsDocument *self)
{
    return &self->error;
}

const char *hs_document_get_path (HsDocument *self)
{
    return self->load != NULL ? self->load->paths[0] : NULL;
}

const char *hs_document_get_title (HsDocument *self)
{
    return self->title != NULL ? self->title : "";
}

gboolean hs_document_has_free_stacks (HsDocument *self)
{
    return self->snapshot.rows != NULL && hs_rows_have_end_stacks (self->snapshot.rows);
}

const struct hs_snapshot *hs_document_get_snapshot (HsDocument *self)
{
    return &self->snapshot;
}

const HsTraceInfo *hs_document_get_info (HsDocument *self)
{
    return &self->info;
}

HsTraceHold *hs_document_get_hold (HsDocument *self)
{
    return self->load != NULL ? self->load->hold : NULL;
}

gboolean hs_document_is_naming (HsDocument *self)
{
    return self->names != NULL &&
           (hs_name_finder_is_busy (self->names) || (!is_loading (self) && self->look_source != 0));
}

gboolean hs_document_get_download (HsDocument *self, HsSymbolDownload *ret)
{
    return self->names != NULL && hs_name_finder_get_download (self->names, ret);
}

void hs_document_cancel_download (HsDocument *self)
{
    if (self->names != NULL)
        hs_name_finder_cancel_download (self->names);
}

void hs_document_retry_symbols (HsDocument *self)
{
    if (self->names == NULL)
        return;
    hs_name_finder_retry (self->names);
    if (self->look_source == 0)
        self->look_source = g_timeout_add (LOOK_INTERVAL_MS, on_look, self);
}

const HsProcessEntry *hs_document_get_process (HsDocument *self, hs_process_id id)
{
    if (id >= self->info.processes->len)
        return NULL;
    return &g_array_index (self->info.processes, HsProcessEntry, id);
}

static void hs_document_dispose (GObject *object)
{
    drop_load (HS_DOCUMENT (object));
    g_clear_object (&HS_DOCUMENT (object)->allocators);
    G_OBJECT_CLASS (hs_document_parent_class)->dispose (object);
}

static void hs_document_finalize (GObject *object)
{
    HsDocument *self = HS_DOCUMENT (object);

    g_free (self->title);
    hs_trace_info_clear (&self->info);
    G_OBJECT_CLASS (hs_document_parent_class)->finalize (object);
}

static void hs_document_class_init (HsDocumentClass *class)
{
    GObjectClass *object_class = G_OBJECT_CLASS (class);

    object_class->dispose = hs_document_dispose;
    object_class->finalize = hs_document_finalize;
    signals[SIGNAL_CHANGED] = g_signal_new ("changed", HS_TYPE_DOCUMENT, G_SIGNAL_RUN_LAST, 0, NULL,
                                            NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_PROGRESS] = g_signal_new ("progress", HS_TYPE_DOCUMENT, G_SIGNAL_RUN_LAST, 0,
                                             NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void hs_document_init (HsDocument *self)
{
    self->snapshot.ticks_per_second = 1;
    hs_trace_info_init (&self->info);
}

HsDocument *hs_document_new (void)
{
    return g_object_new (HS_TYPE_DOCUMENT, NULL);
}
