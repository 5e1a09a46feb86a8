/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The x axis that all views along time share; see time_axis.h. */
#include "model/time_axis.h"

#include <math.h>

struct _HsTimeAxis {
    GObject parent_instance;

    gint64 first, last; /* bounds; first < last */
    gint64 from, to;
    gboolean is_held;
    gint64 next_first, next_last; /* bounds that wait; equal: none */
};

G_DEFINE_TYPE (HsTimeAxis, hs_time_axis, G_TYPE_OBJECT)

static guint changed_signal;

void hs_time_axis_show (HsTimeAxis *self, gint64 from, gint64 to)
{
    g_return_if_fail (HS_IS_TIME_AXIS (self));
    from = CLAMP (from, self->first, self->last - 1);
    to = CLAMP (to, from + 1, self->last);
    if (from == self->from && to == self->to)
        return;
    self->from = from;
    self->to = to;
    g_signal_emit (self, changed_signal, 0);
}

void hs_time_axis_set_bounds (HsTimeAxis *self, gint64 from, gint64 to)
{
    gboolean was_whole = hs_time_axis_is_whole (self);
    gboolean was_at_end = hs_time_axis_is_at_end (self);
    gint64 span = self->to - self->from;

    g_return_if_fail (HS_IS_TIME_AXIS (self));
    if (self->is_held) {
        self->next_first = from;
        self->next_last = MAX (to, from + 1);
        return;
    }
    self->first = from;
    self->last = MAX (to, from + 1);
    if (was_whole)
        hs_time_axis_show (self, self->first, self->last);
    else if (was_at_end)
        hs_time_axis_show (self, MAX (self->first, self->last - span), self->last);
    else
        hs_time_axis_show (self, self->from, self->to);
}

void hs_time_axis_set_held (HsTimeAxis *self, gboolean is_held)
{
    g_return_if_fail (HS_IS_TIME_AXIS (self));
    if (self->is_held == is_held)
        return;
    self->is_held = is_held;
    if (!is_held && self->next_first < self->next_last)
        hs_time_axis_set_bounds (self, self->next_first, self->next_last);
    self->next_first = self->next_last = 0;
}

gint64 hs_time_axis_get_first (HsTimeAxis *self)
{
    return self->first;
}

gint64 hs_time_axis_get_last (HsTimeAxis *self)
{
    return self->last;
}

gint64 hs_time_axis_get_from (HsTimeAxis *self)
{
    return self->from;
}

gint64 hs_time_axis_get_to (HsTimeAxis *self)
{
    return self->to;
}

/* Shows `span` ticks from `from` on, moved to lie within the bounds. */
static void show_span (HsTimeAxis *self, double from, double span)
{
    double whole = (double)self->last - (double)self->first;

    span = CLAMP (span, 1, whole);
    from = CLAMP (from, (double)self->first, (double)self->last - span);
    hs_time_axis_show (self, (gint64)floor (from), (gint64)ceil (from + span));
}

void hs_time_axis_zoom (HsTimeAxis *self, gint64 centre, double factor)
{
    double span = (double)self->to - (double)self->from;
    double place;

    g_return_if_fail (HS_IS_TIME_AXIS (self));
    centre = CLAMP (centre, self->from, self->to);
    place = ((double)centre - (double)self->from) / span;
    /* closer than some ticks there is nothing to see */
    span = MAX (span * factor, 8);
    show_span (self, (double)centre - place * span, span);
}

void hs_time_axis_pan (HsTimeAxis *self, double share)
{
    double span = (double)self->to - (double)self->from;

    g_return_if_fail (HS_IS_TIME_AXIS (self));
    show_span (self, (double)self->from + share * span, span);
}

void hs_time_axis_fit (HsTimeAxis *self)
{
    hs_time_axis_show (self, self->first, self->last);
}

gboolean hs_time_axis_is_whole (HsTimeAxis *self)
{
    return self->from == self->first && self->to == self->last;
}

gboolean hs_time_axis_is_at_end (HsTimeAxis *self)
{
    return self->to == self->last;
}

static void hs_time_axis_class_init (HsTimeAxisClass *class)
{
    changed_signal = g_signal_new ("changed", HS_TYPE_TIME_AXIS, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
}

static void hs_time_axis_init (HsTimeAxis *self)
{
    self->to = self->last = 1;
}

HsTimeAxis *hs_time_axis_new (void)
{
    return g_object_new (HS_TYPE_TIME_AXIS, NULL);
}
