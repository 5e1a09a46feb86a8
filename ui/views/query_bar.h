/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The row of chips: the whole query, each part removable, with back and forward, an entry
 * for more parts, metric and unit. */
#ifndef HS_VIEWS_QUERY_BAR_H
#define HS_VIEWS_QUERY_BAR_H

#include "model/selection.h"

#include <gtk/gtk.h>

#define HS_TYPE_QUERY_BAR (hs_query_bar_get_type ())
G_DECLARE_FINAL_TYPE (HsQueryBar, hs_query_bar, HS, QUERY_BAR, GtkBox)

void hs_query_bar_set_selection (HsQueryBar *self, HsSelection *selection);

/* Of the entry. */
void hs_query_bar_focus (HsQueryBar *self);

#endif
