/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one window asks of its trace: one query object that every view obeys and may write. Each
 * change is one step back and forward, and one chip that can be removed. Main thread.
 *
 * Signals: `changed` - the query is another; `hint-changed` - what is pointed at is another;
 * `row-changed` - another row of a call tree is chosen; `row-curves-changed`.
 */
#ifndef HS_MODEL_SELECTION_H
#define HS_MODEL_SELECTION_H

#include "analysis/caller_path.h"
#include "analysis/filter_words.h"
#include "analysis/row_curves.h"
#include "model/document.h"
#include "model/time_axis.h"

#define HS_TYPE_SELECTION (hs_selection_get_type ())
G_DECLARE_FINAL_TYPE (HsSelection, hs_selection, HS, SELECTION, GObject)

typedef struct {
    hs_process_id process; /* HS_NO_PROCESS: all */
    gboolean has_range;
    gint64 from, to; /* ticks, inclusive; `to` is G_MAXINT64 for "and what comes" */
    gboolean has_moment;
    gint64 moment;          /* what is alive at it; excludes a range */
    struct hs_filter terms; /* those of analysis/filter_words.h; nothing else of it */
    enum hs_metric metric;
    enum hs_metric_unit unit;
    gboolean shows_allocators;    /* as rows of their own, not folded into their callers */
    gboolean collapses_recursion; /* no function stands below itself */
} HsQueryState;

typedef enum {
    HS_CHIP_PROCESS,
    HS_CHIP_RANGE,
    HS_CHIP_MOMENT,
    HS_CHIP_TERMS, /* one for each enum hs_filter_term */
    HS_N_CHIPS = HS_CHIP_TERMS + HS_N_TERMS,
} HsChip;

/* Whether a change is a step of its own, or goes on with the last one (a drag under way). */
typedef enum {
    HS_STEP_NEW,
    HS_STEP_CONTINUED,
} HsStep;

HsSelection *hs_selection_new (HsDocument *document);
HsDocument *hs_selection_get_document (HsSelection *self);
HsTimeAxis *hs_selection_get_axis (HsSelection *self);
const HsQueryState *hs_selection_get_state (HsSelection *self);

void hs_selection_set_process (HsSelection *self, hs_process_id process);
/* In a trace that grows, a range that reaches the newest event is open: it grows with it. */
void hs_selection_set_range (HsSelection *self, gint64 from, gint64 to, HsStep step);
void hs_selection_set_moment (HsSelection *self, gint64 moment, HsStep step);
/* Size classes, inclusive. */
void hs_selection_set_sizes (HsSelection *self, guint first, guint last, HsStep step);
/* The classes that the sizes of the query touch; FALSE: every size is looked at. */
gboolean hs_selection_get_sizes (HsSelection *self, guint *ret_first, guint *ret_last);

/* Makes the terms of the query those of `base` and, over them, those of a line of words. NULL, or a
 * phrase about the first word that is wrong: then nothing is changed. Free with g_free. */
char *hs_selection_set_words (HsSelection *self, const struct hs_filter *base, const char *words);
void hs_selection_set_metric (HsSelection *self, enum hs_metric metric);
void hs_selection_set_unit (HsSelection *self, enum hs_metric_unit unit);
void hs_selection_set_rows (HsSelection *self, gboolean shows_allocators,
                            gboolean collapses_recursion);

/* Selects the time between two neighbouring marks, the first or the last: that after (1) or before
 * (-1) the one that is selected. The beginning and the end of the trace count as marks. */
void hs_selection_step_between_marks (HsSelection *self, int step);

/* Takes range, moment and terms away. */
void hs_selection_clear (HsSelection *self);
gboolean hs_selection_can_clear (HsSelection *self);

void hs_selection_back (HsSelection *self);
void hs_selection_forward (HsSelection *self);
gboolean hs_selection_can_go_back (HsSelection *self);
gboolean hs_selection_can_go_forward (HsSelection *self);

void hs_selection_remove_chip (HsSelection *self, HsChip chip);

/* The query for the core: with the range (trees, totals), or without (what runs along time). */
struct hs_filter hs_selection_get_filter (HsSelection *self);
struct hs_filter hs_selection_get_timeless_filter (HsSelection *self);

/* The range the filter means, within the trace. */
void hs_selection_get_effective_range (HsSelection *self, gint64 *from, gint64 *to);

/* "image-server (48211)"; "All processes". Free with g_free. */
char *hs_selection_process_text (HsSelection *self, hs_process_id process);

/* The sentence about what the pointer or the keyboard cursor is at; NULL: nothing. */
void hs_selection_set_hint (HsSelection *self, const char *hint);
const char *hs_selection_get_hint (HsSelection *self);

/* The row of a call tree that was chosen last; depth 0: none. No part of the query. */
void hs_selection_set_row (HsSelection *self, struct hs_tree_row row);
struct hs_tree_row hs_selection_get_row (HsSelection *self);

/* That row's bytes over time, as a view found them out; NULL: not known. A reference is taken. */
void hs_selection_set_row_curves (HsSelection *self, struct hs_row_curves *curves);
const struct hs_row_curves *hs_selection_get_row_curves (HsSelection *self);

double hs_selection_seconds (HsSelection *self, gint64 ticks);

/* "12.404 s": as many digits as the range shown needs. Returns `text`. */
const char *hs_selection_time_text (HsSelection *self, gint64 ticks, char text[48]);

#endif
