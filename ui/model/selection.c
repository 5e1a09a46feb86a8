/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The query object of a window; see selection.h. */
#include "model/selection.h"

#include "analysis/histogram.h"
#include "base/units.h"

#include <glib/gi18n.h>
#include <string.h>

#define HISTORY_STEPS 200

struct _HsSelection {
    GObject parent_instance;

    HsDocument *document;
    HsTimeAxis *axis;

    HsQueryState state;
    GArray *past, *future; /* HsQueryState; the newest last */
    gboolean is_process_chosen;
    char *hint;
    struct hs_tree_row row;
    struct hs_row_curves *row_curves;
};

G_DEFINE_TYPE (HsSelection, hs_selection, G_TYPE_OBJECT)

enum {
    SIGNAL_CHANGED,
    SIGNAL_HINT_CHANGED,
    SIGNAL_ROW_CHANGED,
    SIGNAL_ROW_CURVES_CHANGED,
    N_SIGNALS
};
static guint signals[N_SIGNALS];

static gboolean is_same_state (const HsQueryState *a, const HsQueryState *b)
{
    return a->process == b->process && a->has_range == b->has_range &&
           (!a->has_range || (a->from == b->from && a->to == b->to)) &&
           a->has_moment == b->has_moment && (!a->has_moment || a->moment == b->moment) &&
           hs_filter_is_same (&a->terms, &b->terms) && a->metric == b->metric &&
           a->unit == b->unit && a->shows_allocators == b->shows_allocators &&
           a->collapses_recursion == b->collapses_recursion;
}

static void change (HsSelection *self, const HsQueryState *state, HsStep step)
{
    if (is_same_state (&self->state, state))
        return;
    if (step == HS_STEP_NEW) {
        if (self->past->len == HISTORY_STEPS)
            g_array_remove_index (self->past, 0);
        g_array_append_val (self->past, self->state);
        g_array_set_size (self->future, 0);
    }
    self->state = *state;
    g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

/* Until the user chooses, the process with the most blocks is shown. */
static void choose_process (HsSelection *self)
{
    const HsTraceInfo *info = hs_document_get_info (self->document);
    hs_process_id best = HS_NO_PROCESS;
    guint64 most = 0;

    for (guint i = 0; i < info->processes->len; i++) {
        const HsProcessEntry *entry = &g_array_index (info->processes, HsProcessEntry, i);

        if (entry->opened > most) {
            most = entry->opened;
            best = entry->id;
        }
    }
    if (best == self->state.process)
        return;
    self->state.process = best;
    g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

static gint64 last_time (HsSelection *self)
{
    return hs_document_get_snapshot (self->document)->last_time;
}

/* A range that grew with the trace stands still when nothing more comes. */
static void on_document_progress (HsDocument *document, HsSelection *self)
{
    HsDocumentState state = hs_document_get_state (document);

    if (state == HS_DOCUMENT_LIVE || state == HS_DOCUMENT_LOADING || !self->state.has_range ||
        self->state.to != G_MAXINT64)
        return;
    self->state.to = last_time (self);
    g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

static void on_document_changed (HsDocument *document, HsSelection *self)
{
    const struct hs_snapshot *snapshot = hs_document_get_snapshot (document);

    hs_time_axis_set_bounds (self->axis, snapshot->first_time, snapshot->last_time);
    if (!self->is_process_chosen)
        choose_process (self);
}

HsDocument *hs_selection_get_document (HsSelection *self)
{
    return self->document;
}

HsTimeAxis *hs_selection_get_axis (HsSelection *self)
{
    return self->axis;
}

const HsQueryState *hs_selection_get_state (HsSelection *self)
{
    return &self->state;
}

void hs_selection_set_process (HsSelection *self, hs_process_id process)
{
    HsQueryState state = self->state;

    self->is_process_chosen = TRUE;
    state.process = process;
    change (self, &state, HS_STEP_NEW);
}

void hs_selection_set_range (HsSelection *self, gint64 from, gint64 to, HsStep step)
{
    HsQueryState state = self->state;

    state.has_range = TRUE;
    state.has_moment = FALSE;
    state.from = MIN (from, to);
    state.to = MAX (from, to);
    if (hs_document_get_state (self->document) == HS_DOCUMENT_LIVE) {
        if (state.to >= last_time (self))
            state.to = G_MAXINT64;
    } else if (state.to == G_MAXINT64) {
        state.to = MAX (state.from, last_time (self));
    }
    change (self, &state, step);
}

void hs_selection_set_moment (HsSelection *self, gint64 moment, HsStep step)
{
    HsQueryState state = self->state;

    state.has_range = FALSE;
    state.has_moment = TRUE;
    state.moment = moment;
    change (self, &state, step);
}

void hs_selection_set_sizes (HsSelection *self, guint first, guint last, HsStep step)
{
    HsQueryState state = self->state;
    guint low = MIN (first, last), high = MAX (first, last);

    state.terms.size_min = low == 0 ? 0 : UINT64_C (1) << (low - 1);
    state.terms.size_max = high >= 64 ? UINT64_MAX : (UINT64_C (1) << high) - 1;
    change (self, &state, step);
}

gboolean hs_selection_get_sizes (HsSelection *self, guint *ret_first, guint *ret_last)
{
    const struct hs_filter *terms = &self->state.terms;

    *ret_first = hs_size_class (terms->size_min);
    *ret_last = hs_size_class (terms->size_max);
    return hs_filter_has_term (terms, HS_TERM_SIZE);
}

char *hs_selection_set_words (HsSelection *self, const struct hs_filter *base, const char *words)
{
    HsQueryState state = self->state;
    gboolean is_first = hs_filter_is_same (&state.terms, base);
    struct hs_filter_wrong wrong;

    state.terms = *base;
    if (!hs_filter_set_words (&state.terms, words, &wrong))
        return g_strdup_printf (_ (hs_filter_term_complaint (wrong.term)), wrong.value);
    if (!is_first && self->past->len > 0 &&
        is_same_state (&state, &g_array_index (self->past, HsQueryState, self->past->len - 1)))
        g_array_set_size (self->past, self->past->len - 1); /* taken back: it was no step */
    change (self, &state, is_first ? HS_STEP_NEW : HS_STEP_CONTINUED);
    return NULL;
}

void hs_selection_set_metric (HsSelection *self, enum hs_metric metric)
{
    HsQueryState state = self->state;

    state.metric = metric;
    change (self, &state, HS_STEP_NEW);
}

void hs_selection_set_unit (HsSelection *self, enum hs_metric_unit unit)
{
    HsQueryState state = self->state;

    state.unit = unit;
    change (self, &state, HS_STEP_NEW);
}

void hs_selection_set_rows (HsSelection *self, gboolean shows_allocators,
                            gboolean collapses_recursion)
{
    HsQueryState state = self->state;

    state.shows_allocators = shows_allocators;
    state.collapses_recursion = collapses_recursion;
    change (self, &state, HS_STEP_NEW);
}

/* The i-th border: the trace's beginning, its marks, its end. */
static gint64 border_at (HsSelection *self, guint i)
{
    const GArray *marks = hs_document_get_info (self->document)->marks;
    const struct hs_snapshot *snapshot = hs_document_get_snapshot (self->document);

    if (i == 0)
        return snapshot->first_time;
    return i <= marks->len ? g_array_index (marks, HsMarkEntry, i - 1).time : snapshot->last_time;
}

void hs_selection_step_between_marks (HsSelection *self, int step)
{
    guint n_spans = hs_document_get_info (self->document)->marks->len + 1, at = n_spans;

    for (guint i = 0; self->state.has_range && i < n_spans; i++)
        if (border_at (self, i) == self->state.from)
            at = i;
    if (at == n_spans)
        at = step > 0 ? 0 : n_spans - 1;
    else
        at = (guint)CLAMP ((int)at + step, 0, (int)n_spans - 1);
    hs_selection_set_range (self, border_at (self, at), border_at (self, at + 1), HS_STEP_NEW);
}

void hs_selection_clear (HsSelection *self)
{
    HsQueryState state = self->state;

    state.has_range = state.has_moment = FALSE;
    state.terms = hs_filter_all ();
    change (self, &state, HS_STEP_NEW);
}

gboolean hs_selection_can_clear (HsSelection *self)
{
    const struct hs_filter all = hs_filter_all ();

    return self->state.has_range || self->state.has_moment ||
           !hs_filter_is_same (&self->state.terms, &all);
}

/* Moves the state onto one stack and takes the new one from the other. */
static void travel (HsSelection *self, GArray *from, GArray *onto)
{
    if (from->len == 0)
        return;
    g_array_append_val (onto, self->state);
    self->state = g_array_index (from, HsQueryState, from->len - 1);
    g_array_set_size (from, from->len - 1);
    g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

void hs_selection_back (HsSelection *self)
{
    travel (self, self->past, self->future);
}

void hs_selection_forward (HsSelection *self)
{
    travel (self, self->future, self->past);
}

gboolean hs_selection_can_go_back (HsSelection *self)
{
    return self->past->len > 0;
}

gboolean hs_selection_can_go_forward (HsSelection *self)
{
    return self->future->len > 0;
}

void hs_selection_set_row (HsSelection *self, struct hs_tree_row row)
{
    g_return_if_fail (HS_IS_SELECTION (self));
    if (row.hash == self->row.hash && row.depth == self->row.depth &&
        row.direction == self->row.direction)
        return;
    self->row = row;
    g_signal_emit (self, signals[SIGNAL_ROW_CHANGED], 0);
}

struct hs_tree_row hs_selection_get_row (HsSelection *self)
{
    return self->row;
}

void hs_selection_set_row_curves (HsSelection *self, struct hs_row_curves *curves)
{
    g_return_if_fail (HS_IS_SELECTION (self));
    if (curves == self->row_curves)
        return;
    hs_row_curves_unref (self->row_curves);
    self->row_curves = curves != NULL ? hs_row_curves_ref (curves) : NULL;
    g_signal_emit (self, signals[SIGNAL_ROW_CURVES_CHANGED], 0);
}

const struct hs_row_curves *hs_selection_get_row_curves (HsSelection *self)
{
    return self->row_curves;
}

double hs_selection_seconds (HsSelection *self, gint64 ticks)
{
    return hs_snapshot_seconds (hs_document_get_snapshot (self->document), ticks);
}

const char *hs_selection_time_text (HsSelection *self, gint64 ticks, char text[48])
{
    double seconds = hs_selection_seconds (self, ticks);
    double shown = hs_selection_seconds (self, hs_time_axis_get_to (self->axis)) -
                   hs_selection_seconds (self, hs_time_axis_get_from (self->axis));
    int decimals = 2;

    /* a hundredth of what is shown can be told apart */
    while (decimals < 9 && shown < 10) {
        shown *= 10;
        decimals++;
    }
    (void)g_snprintf (text, 48, "%.*f s", decimals, seconds);
    return text;
}

void hs_selection_remove_chip (HsSelection *self, HsChip chip)
{
    HsQueryState state = self->state;

    switch (chip) {
    case HS_CHIP_PROCESS:
        self->is_process_chosen = TRUE;
        state.process = HS_NO_PROCESS;
        break;
    case HS_CHIP_RANGE:
        state.has_range = FALSE;
        break;
    case HS_CHIP_MOMENT:
        state.has_moment = FALSE;
        break;
    case HS_CHIP_TERMS:
    case HS_N_CHIPS:
    default:
        hs_filter_clear_term (&state.terms, (enum hs_filter_term) (chip - HS_CHIP_TERMS));
        break;
    }
    change (self, &state, HS_STEP_NEW);
}

struct hs_filter hs_selection_get_timeless_filter (HsSelection *self)
{
    struct hs_filter filter = self->state.terms;

    filter.process = self->state.process;
    return filter;
}

struct hs_filter hs_selection_get_filter (HsSelection *self)
{
    struct hs_filter filter = hs_selection_get_timeless_filter (self);

    if (self->state.has_range || self->state.has_moment) {
        filter.has_range = true;
        filter.from = self->state.has_range ? self->state.from : INT64_MIN;
        filter.to = self->state.has_range ? self->state.to : self->state.moment;
    }
    return filter;
}

void hs_selection_get_effective_range (HsSelection *self, gint64 *from, gint64 *to)
{
    const struct hs_snapshot *snapshot = hs_document_get_snapshot (self->document);

    *from = snapshot->first_time;
    *to = snapshot->last_time;
    if (self->state.has_range) {
        *from = MAX (*from, self->state.from);
        *to = MIN (*to, self->state.to);
    } else if (self->state.has_moment) {
        *to = MIN (*to, self->state.moment);
    }
    *to = MAX (*from, *to);
}

char *hs_selection_process_text (HsSelection *self, hs_process_id process)
{
    const HsProcessEntry *entry = hs_document_get_process (self->document, process);

    if (process == HS_NO_PROCESS)
        return g_strdup (_ ("All processes"));
    if (entry == NULL)
        return g_strdup ("");
    if (entry->name[0] == '\0')
        return g_strdup_printf (_ ("process %u"), entry->pid);
    if (entry->instance > 0)
        /* Translators: a process's name, its number, and that the number was used before */
        return g_strdup_printf (_ ("%s (%u, life %u)"), entry->name, entry->pid,
                                entry->instance + 1);
    return g_strdup_printf ("%s (%u)", entry->name, entry->pid);
}

void hs_selection_set_hint (HsSelection *self, const char *hint)
{
    if (g_strcmp0 (self->hint, hint) == 0)
        return;
    g_free (self->hint);
    self->hint = g_strdup (hint);
    g_signal_emit (self, signals[SIGNAL_HINT_CHANGED], 0);
}

const char *hs_selection_get_hint (HsSelection *self)
{
    return self->hint;
}

static void hs_selection_dispose (GObject *object)
{
    HsSelection *self = HS_SELECTION (object);

    if (self->document != NULL)
        g_signal_handlers_disconnect_by_data (self->document, self);
    g_clear_object (&self->document);
    g_clear_object (&self->axis);
    G_OBJECT_CLASS (hs_selection_parent_class)->dispose (object);
}

static void hs_selection_finalize (GObject *object)
{
    HsSelection *self = HS_SELECTION (object);

    g_array_unref (self->past);
    g_array_unref (self->future);
    g_free (self->hint);
    hs_row_curves_unref (self->row_curves);
    G_OBJECT_CLASS (hs_selection_parent_class)->finalize (object);
}

static void hs_selection_class_init (HsSelectionClass *class)
{
    GObjectClass *object_class = G_OBJECT_CLASS (class);

    object_class->dispose = hs_selection_dispose;
    object_class->finalize = hs_selection_finalize;
    signals[SIGNAL_CHANGED] = g_signal_new ("changed", HS_TYPE_SELECTION, G_SIGNAL_RUN_LAST, 0,
                                            NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_HINT_CHANGED] = g_signal_new (
        "hint-changed", HS_TYPE_SELECTION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_ROW_CHANGED] = g_signal_new ("row-changed", HS_TYPE_SELECTION, G_SIGNAL_RUN_LAST,
                                                0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_ROW_CURVES_CHANGED] =
        g_signal_new ("row-curves-changed", HS_TYPE_SELECTION, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                      NULL, G_TYPE_NONE, 0);
}

static void hs_selection_init (HsSelection *self)
{
    self->axis = hs_time_axis_new ();
    self->state.process = HS_NO_PROCESS;
    self->state.terms = hs_filter_all ();
    self->past = g_array_new (FALSE, FALSE, sizeof (HsQueryState));
    self->future = g_array_new (FALSE, FALSE, sizeof (HsQueryState));
}

HsSelection *hs_selection_new (HsDocument *document)
{
    HsSelection *self = g_object_new (HS_TYPE_SELECTION, NULL);

    self->document = g_object_ref (document);
    g_signal_connect (document, "changed", G_CALLBACK (on_document_changed), self);
    g_signal_connect (document, "progress", G_CALLBACK (on_document_progress), self);
    return self;
}
