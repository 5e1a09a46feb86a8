/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Allocations up, frees down, with the labels of time below. */
#ifndef HS_VIEWS_RATES_VIEW_H
#define HS_VIEWS_RATES_VIEW_H

#include "views/time_chart.h"

#define HS_TYPE_RATES_VIEW (hs_rates_view_get_type ())
G_DECLARE_FINAL_TYPE (HsRatesView, hs_rates_view, HS, RATES_VIEW, HsTimeChart)

#endif
