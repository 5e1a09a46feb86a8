/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words for the parts of a query; see chips.h. */
#include "model/chips.h"

#include "analysis/histogram.h"
#include "base/units.h"

#include <glib/gi18n.h>

static char *range_text (HsSelection *selection)
{
    const HsQueryState *state = hs_selection_get_state (selection);
    char from[48], to[48];

    hs_selection_time_text (selection, state->from, from);
    if (state->to == G_MAXINT64)
        /* Translators: a range of time without an end: "time 12.40 s – now" */
        return g_strdup_printf (_ ("time %s – now"), from);
    hs_selection_time_text (selection, state->to, to);
    from[strlen (from) - 2] = '\0'; /* the unit is told once */
    /* Translators: a range of time, from and to: "time 12.40 – 31.85 s" */
    return g_strdup_printf (_ ("time %s – %s"), from, to);
}

/* Sizes of whole classes are told as the histogram does. */
static char *sizes_text (const struct hs_filter *terms)
{
    char first[HS_UNITS_TEXT_SIZE], last[HS_UNITS_TEXT_SIZE];
    guint64 low = terms->size_min, high = terms->size_max;
    gboolean has_classes = (low & (low - 1)) == 0 && (high & (high + 1)) == 0;

    if (high == 0)
        /* Translators: only blocks of zero bytes are looked at */
        return g_strdup (_ ("size 0 B"));
    if (has_classes && hs_size_class (low) == hs_size_class (high))
        /* Translators: %s is a range of sizes such as "64 B - 127 B" */
        return g_strdup_printf (_ ("size %s"), hs_size_class_text (hs_size_class (low), first));
    if (low == high)
        return g_strdup_printf (_ ("size %s"), hs_format_bytes (low, first));
    if (high == UINT64_MAX)
        /* Translators: "size 1.0 KiB or more" */
        return g_strdup_printf (_ ("size %s or more"), hs_format_bytes (low, first));
    if (has_classes)
        /* Translators: "size 64 B to under 1.0 KiB" */
        return g_strdup_printf (_ ("size %s to under %s"), hs_format_bytes (low, first),
                                hs_format_bytes (high + 1, last));
    /* Translators: "size 64 B to 1.0 KiB" */
    return g_strdup_printf (_ ("size %s to %s"), hs_format_bytes (low, first),
                            hs_format_bytes (high, last));
}

static const char *ns_text (guint64 ns, char text[HS_UNITS_TEXT_SIZE])
{
    return hs_format_seconds ((double)ns / 1e9, text);
}

static char *lifetime_text (const struct hs_filter *terms)
{
    char min[HS_UNITS_TEXT_SIZE], max[HS_UNITS_TEXT_SIZE];

    if (terms->lifetime_max == UINT64_MAX)
        /* Translators: blocks that lived for a time: "lived 1.00 s or longer" */
        return g_strdup_printf (_ ("lived %s or longer"), ns_text (terms->lifetime_min, min));
    if (terms->lifetime_min == 0)
        /* Translators: blocks that lived for a time: "lived up to 10.0 ms" */
        return g_strdup_printf (_ ("lived up to %s"), ns_text (terms->lifetime_max, max));
    /* Translators: blocks that lived for a time: "lived 10.0 ms to 1.00 s" */
    return g_strdup_printf (_ ("lived %s to %s"), ns_text (terms->lifetime_min, min),
                            ns_text (terms->lifetime_max, max));
}

static char *term_text (const struct hs_filter *terms, enum hs_filter_term term)
{
    char heap[32];

    if (!hs_filter_has_term (terms, term))
        return NULL;
    switch (term) {
    case HS_TERM_FRAMES:
        /* Translators: a function or module on the stack with this text in its name */
        return g_strdup_printf (_ ("name: %s"), terms->frames);
    case HS_TERM_MODULE:
        /* Translators: a module on the stack with this text in its name */
        return g_strdup_printf (_ ("module: %s"), terms->module);
    case HS_TERM_SIZE:
        return sizes_text (terms);
    case HS_TERM_LIFETIME:
        return lifetime_text (terms);
    case HS_TERM_THREAD:
        return g_strdup_printf (_ ("thread %u"), terms->thread);
    case HS_TERM_HEAP:
        (void)g_snprintf (heap, sizeof heap, "0x%" G_GINT64_MODIFIER "x", terms->heap);
        return g_strdup_printf (_ ("heap %s"), heap);
    case HS_N_TERMS:
        break;
    }
    return NULL;
}

char *hs_chip_text (HsSelection *selection, HsChip chip)
{
    const HsQueryState *state = hs_selection_get_state (selection);
    char text[48];

    if (chip >= HS_CHIP_TERMS)
        return term_text (&state->terms, (enum hs_filter_term) (chip - HS_CHIP_TERMS));
    if (chip == HS_CHIP_RANGE)
        return state->has_range ? range_text (selection) : NULL;
    if (chip == HS_CHIP_MOMENT && !state->has_moment)
        return NULL;
    if (chip == HS_CHIP_MOMENT)
        /* Translators: what is alive at a moment: "alive at 12.40 s" */
        return g_strdup_printf (_ ("alive at %s"),
                                hs_selection_time_text (selection, state->moment, text));
    if (state->process == HS_NO_PROCESS ||
        hs_document_get_info (hs_selection_get_document (selection))->processes->len < 2)
        return NULL;
    return hs_selection_process_text (selection, state->process);
}

static char *exact_sizes (const struct hs_filter *terms)
{
    char min[HS_UNITS_TEXT_SIZE], max[HS_UNITS_TEXT_SIZE];

    hs_format_count (terms->size_min, min);
    hs_format_count (terms->size_max, max);
    if (terms->size_max == UINT64_MAX)
        return g_strdup_printf (_ ("From %s B on"), min);
    return g_strdup_printf (_ ("From %s B to %s B"), min, max);
}

static char *exact_lifetimes (const struct hs_filter *terms)
{
    double min = (double)terms->lifetime_min / 1e9, max = (double)terms->lifetime_max / 1e9;

    if (terms->lifetime_max == UINT64_MAX)
        return g_strdup_printf (_ ("From %.9f s on"), min);
    return g_strdup_printf (_ ("From %.9f s to %.9f s"), min, max);
}

char *hs_chip_exact_text (HsSelection *selection, HsChip chip)
{
    const HsQueryState *state = hs_selection_get_state (selection);
    double from, to;

    if (chip == HS_CHIP_TERMS + HS_TERM_SIZE)
        return exact_sizes (&state->terms);
    if (chip == HS_CHIP_TERMS + HS_TERM_LIFETIME)
        return exact_lifetimes (&state->terms);
    if (chip == HS_CHIP_MOMENT)
        return g_strdup_printf (_ ("At %.9f s"), hs_selection_seconds (selection, state->moment));
    if (chip != HS_CHIP_RANGE)
        return hs_chip_text (selection, chip);
    from = hs_selection_seconds (selection, state->from);
    if (state->to == G_MAXINT64)
        return g_strdup_printf (_ ("From %.9f s on"), from);
    to = hs_selection_seconds (selection, state->to);
    return g_strdup_printf (_ ("From %.9f s to %.9f s"), from, to);
}
