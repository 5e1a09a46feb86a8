/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Overview, outstanding and rates above each other, on one x axis and out of one answer. */
#ifndef HS_VIEWS_TIME_PANEL_H
#define HS_VIEWS_TIME_PANEL_H

#include "model/selection.h"

#include <gtk/gtk.h>

#define HS_TYPE_TIME_PANEL (hs_time_panel_get_type ())
G_DECLARE_FINAL_TYPE (HsTimePanel, hs_time_panel, HS, TIME_PANEL, GtkBox)

void hs_time_panel_set_selection (HsTimePanel *self, HsSelection *selection);

/* Sets the moment of most outstanding bytes and brings it into view. */
void hs_time_panel_go_to_peak (HsTimePanel *self);

/* Zooms about the middle; `factor` < 1: closer. */
void hs_time_panel_zoom (HsTimePanel *self, double factor);

void hs_time_panel_focus (HsTimePanel *self);
gboolean hs_time_panel_is_settled (HsTimePanel *self);

#endif
