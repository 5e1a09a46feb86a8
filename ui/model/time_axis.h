/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The x axis that all views along time share: which part of the trace is shown. Zooming one zooms
 * all. Not part of the query: it asks nothing. Main thread.
 *
 * Signal: `changed`.
 */
#ifndef HS_MODEL_TIME_AXIS_H
#define HS_MODEL_TIME_AXIS_H

#include <glib-object.h>

#define HS_TYPE_TIME_AXIS (hs_time_axis_get_type ())
G_DECLARE_FINAL_TYPE (HsTimeAxis, hs_time_axis, HS, TIME_AXIS, GObject)

HsTimeAxis *hs_time_axis_new (void);

/* The whole trace, ticks. What is shown follows as long as it was the whole, or reached the end:
 * then its length stays and the newest is always in view. Anything else stays where it is. */
void hs_time_axis_set_bounds (HsTimeAxis *self, gint64 from, gint64 to);
/* While held, nothing follows: what is dragged over stays under the pointer. */
void hs_time_axis_set_held (HsTimeAxis *self, gboolean is_held);

gint64 hs_time_axis_get_first (HsTimeAxis *self);
gint64 hs_time_axis_get_last (HsTimeAxis *self);

/* What is shown; always at least one tick, within the bounds. */
gint64 hs_time_axis_get_from (HsTimeAxis *self);
gint64 hs_time_axis_get_to (HsTimeAxis *self);
void hs_time_axis_show (HsTimeAxis *self, gint64 from, gint64 to);

/* `factor` < 1 shows less; `centre` keeps its place. */
void hs_time_axis_zoom (HsTimeAxis *self, gint64 centre, double factor);

/* `share` of what is shown, positive: later. */
void hs_time_axis_pan (HsTimeAxis *self, double share);
void hs_time_axis_fit (HsTimeAxis *self);
gboolean hs_time_axis_is_whole (HsTimeAxis *self);
gboolean hs_time_axis_is_at_end (HsTimeAxis *self);

#endif
