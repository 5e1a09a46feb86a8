/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One slot for one view's question to the trace, answered on a small pool of threads.
 *
 * A new question (another filter or other parameters) cancels what the slot is doing once that has
 * had a tenth of a second: the newest wins, and quick answers come while it changes all the time.
 * New data does not: it waits until the running question has answered, else a slow question on a
 * growing trace would never finish. The worker has private copies of snapshot, filter and
 * parameters. Main thread only.
 *
 * Signals: `answered`. Property: `busy`, true when an answer takes longer than 300 ms.
 */
#ifndef HS_MODEL_QUERY_H
#define HS_MODEL_QUERY_H

#include "analysis/filter.h"
#include "model/document.h"

#define HS_TYPE_QUERY (hs_query_get_type ())
G_DECLARE_FINAL_TYPE (HsQuery, hs_query, HS, QUERY, GObject)

#define HS_QUERY_N_PARAMETERS 4

/* What a worker is given, to read. */
typedef struct {
    struct hs_snapshot snapshot;
    struct hs_filter filter;
    gint64 parameters[HS_QUERY_N_PARAMETERS];
    gpointer earlier; /* the answer that the slot had, or NULL; kinds with `ref` */
    gpointer subject; /* what it is about, beside the filter; NULL: nothing */
    guint64 subject_id;
} HsQuestion;

/* What can be asked: a function of the question, run on a worker thread. */
typedef struct {
    gpointer (*work) (const HsQuestion *question, const struct hs_cancel *cancel,
                      struct hs_error *err); /* NULL: failed or cancelled */
    gpointer (*ref) (gpointer answer);       /* NULL: earlier answers are of no use */
    void (*unref) (gpointer answer);
    gboolean has_names; /* of functions: to be asked again when more are known */
    gpointer (*ref_subject) (gpointer subject); /* both NULL: it has none */
    void (*unref_subject) (gpointer subject);
} HsQueryKind;

HsQuery *hs_query_new (const HsQueryKind *kind, HsDocument *document);

/* Asks about the document's snapshot of now. When just this was answered last, that answer stays,
 * and what is under way is cancelled. */
void hs_query_ask (HsQuery *self, const struct hs_filter *filter,
                   const gint64 parameters[HS_QUERY_N_PARAMETERS]);

/* The same about a subject, of which a reference is taken. Subjects of one id are the same
 * question; the newest is used. */
void hs_query_ask_about (HsQuery *self, const struct hs_filter *filter,
                         const gint64 parameters[HS_QUERY_N_PARAMETERS], gpointer subject,
                         guint64 subject_id);

/* What is under way about another filter is of no use any more, and makes way at once. */
void hs_query_cancel_others (HsQuery *self, const struct hs_filter *filter);

/* The newest answer, lent until the next `answered`; NULL before the first. */
gpointer hs_query_get_answer (HsQuery *self);

/* The number of the question that the answer is to: it stays when only the data is newer. */
guint hs_query_get_question (HsQuery *self);

/* Waits until no question about the filter alone is worked on, or until a moment (monotonic, in
 * microseconds): FALSE then. Answers that came by then are taken, with `answered`, within this. */
gboolean hs_query_wait (gint64 until);

/* Whether no slot at all waits for an answer about the filter alone; for measuring. */
gboolean hs_query_are_all_answered (void);

/* When the oldest question began that is still worked on, in any slot (monotonic, in microseconds);
 * G_MAXINT64: there is none. For measuring. */
gint64 hs_query_oldest_start (void);

/* Whether the answer is to what was asked last, with nothing under way. */
gboolean hs_query_is_settled (HsQuery *self);
gboolean hs_query_is_busy (HsQuery *self);

#endif
