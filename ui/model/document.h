/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A trace as the window sees it: loads on a thread of its own, shows what is there ten times a
 * second, and copies out of the trace's tables what widgets show. One file (or the files of one
 * session) per document; no widgets. Main thread only, but for the trace holder.
 *
 * Signals: `changed` - there is a new snapshot; `progress` - state or progress is another.
 */
#ifndef HS_MODEL_DOCUMENT_H
#define HS_MODEL_DOCUMENT_H

#include "analysis/findings.h"
#include "base/status.h"
#include "trace/trace.h"

#include <gio/gio.h>

#define HS_TYPE_DOCUMENT (hs_document_get_type ())
G_DECLARE_FINAL_TYPE (HsDocument, hs_document, HS, DOCUMENT, GObject)

typedef enum {
    HS_DOCUMENT_EMPTY,
    HS_DOCUMENT_LOADING,
    HS_DOCUMENT_LIVE, /* what is there was read; somebody writes more */
    HS_DOCUMENT_LOADED,
    HS_DOCUMENT_CANCELLED, /* what was read stays usable */
    HS_DOCUMENT_FAILED,    /* so it does here; it may be nothing */
} HsDocumentState;

typedef struct {
    hs_process_id id;
    guint32 pid, instance;
    char *name; /* of the image, without folders; "" when unknown */
    guint64 opened, live_bytes, peak_bytes;
    gint64 peak_time; /* ticks */
} HsProcessEntry;

typedef struct {
    gint64 time;
    char *name;
} HsMarkEntry;

/* What the tables say at the time of the snapshot. */
typedef struct {
    GArray *processes; /* HsProcessEntry, by id */
    GArray *findings;  /* struct hs_finding_row, most severe first */
    GArray *gaps;      /* struct hs_gap */
    GArray *marks;     /* HsMarkEntry, in order of arrival */
    GArray *samples;   /* struct hs_sample */
    guint64 opened;    /* blocks, of all processes */
    guint64 peak_bytes;
    gint64 peak_time;
    guint64 stack_events, stack_events_set;
    guint64 lost_events;
    guint64 duplicate_allocs, unmatched_frees;
    struct hs_finding_list *finding_list; /* has the texts of findings */
} HsTraceInfo;

/* Keeps a trace alive for a worker that looks at a snapshot of it. Any thread. */
typedef struct _HsTraceHold HsTraceHold;
HsTraceHold *hs_trace_hold_ref (HsTraceHold *hold);
void hs_trace_hold_unref (HsTraceHold *hold);
struct hs_trace *hs_trace_hold_trace (HsTraceHold *hold);

/* A file with symbols that is being fetched from a server. */
typedef struct {
    guint32 image;            /* trace/images.h */
    guint64 n_bytes, n_total; /* n_total 0: not known */
} HsSymbolDownload;

HsDocument *hs_document_new (void);

/* Whether large recordings get their closing index once they were read in full (loader.h:
 * hs_loader_keep_index). Off at first; holds for files that are opened later. */
void hs_document_set_keeps_index (HsDocument *self, gboolean keeps_index);

/* Starts loading; `paths` ends with NULL. Only while the state is EMPTY or FAILED. Files that
 * somebody writes are followed until nobody does. */
void hs_document_open (HsDocument *self, const char *const *paths);

/* Likewise a file that may not be there yet, until hs_document_end_following(): then it is read to
 * its end. */
void hs_document_follow (HsDocument *self, const char *path);
void hs_document_end_following (HsDocument *self);

/* Stops loading or following and keeps what is there. */
void hs_document_cancel (HsDocument *self);

/* While paused, what is read is not shown: the snapshot stays. */
void hs_document_set_paused (HsDocument *self, gboolean is_paused);
gboolean hs_document_is_paused (HsDocument *self);

HsDocumentState hs_document_get_state (HsDocument *self);
double hs_document_get_fraction (HsDocument *self); /* 0..1 */
guint64 hs_document_get_bytes_total (HsDocument *self);
guint64 hs_document_get_file_bytes (HsDocument *self); /* now */
guint64 hs_document_get_n_events (HsDocument *self);

/* Of FAILED: the status and the core's sentence. */
const struct hs_error *hs_document_get_error (HsDocument *self);

/* The first file's path, or NULL while EMPTY. */
const char *hs_document_get_path (HsDocument *self);

/* "kernel.etl", "kernel.etl and 2 more"; "" while EMPTY. */
const char *hs_document_get_title (HsDocument *self);

/* Valid until the next `changed`; n_events is 0 before anything was read. */
const struct hs_snapshot *hs_document_get_snapshot (HsDocument *self);

/* Frees came with call stacks, so that blocks can be shown by who freed them. */
gboolean hs_document_has_free_stacks (HsDocument *self);
const HsTraceInfo *hs_document_get_info (HsDocument *self);
HsTraceHold *hs_document_get_hold (HsDocument *self); /* lent */

/* Names of functions: whether they may still come (`progress` is told meanwhile), what is fetched
 * for them, and another look in the places that the settings say now. */
gboolean hs_document_is_naming (HsDocument *self);
gboolean hs_document_get_download (HsDocument *self, HsSymbolDownload *ret);
void hs_document_cancel_download (HsDocument *self);
void hs_document_retry_symbols (HsDocument *self);

/* The entry of a process, or NULL. */
const HsProcessEntry *hs_document_get_process (HsDocument *self, hs_process_id id);

#endif
