/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The strip of the whole trace; dragging on it chooses the part that the others show. */
#ifndef HS_VIEWS_OVERVIEW_VIEW_H
#define HS_VIEWS_OVERVIEW_VIEW_H

#include "views/time_chart.h"

#define HS_TYPE_OVERVIEW_VIEW (hs_overview_view_get_type ())
G_DECLARE_FINAL_TYPE (HsOverviewView, hs_overview_view, HS, OVERVIEW_VIEW, HsTimeChart)

#endif
