/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The histogram with its heading, and the question behind it. */
#ifndef HS_VIEWS_HISTOGRAM_PANEL_H
#define HS_VIEWS_HISTOGRAM_PANEL_H

#include "model/selection.h"

#include <gtk/gtk.h>

#define HS_TYPE_HISTOGRAM_PANEL (hs_histogram_panel_get_type ())
G_DECLARE_FINAL_TYPE (HsHistogramPanel, hs_histogram_panel, HS, HISTOGRAM_PANEL, GtkBox)

void hs_histogram_panel_set_selection (HsHistogramPanel *self, HsSelection *selection);
void hs_histogram_panel_focus (HsHistogramPanel *self);
gboolean hs_histogram_panel_is_settled (HsHistogramPanel *self);

#endif
