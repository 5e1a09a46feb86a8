/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Outstanding bytes or blocks over time, with resident set and marks. */
#ifndef HS_VIEWS_TIMELINE_VIEW_H
#define HS_VIEWS_TIMELINE_VIEW_H

#include "views/time_chart.h"

#define HS_TYPE_TIMELINE_VIEW (hs_timeline_view_get_type ())
G_DECLARE_FINAL_TYPE (HsTimelineView, hs_timeline_view, HS, TIMELINE_VIEW, HsTimeChart)

#endif
