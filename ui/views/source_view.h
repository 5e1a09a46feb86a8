/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source of the row chosen in a call tree, with the memory of each line, beside the call path
 * that leads there. */
#ifndef HS_VIEWS_SOURCE_VIEW_H
#define HS_VIEWS_SOURCE_VIEW_H

#include "model/selection.h"

#include <gtk/gtk.h>

#define HS_TYPE_SOURCE_VIEW (hs_source_view_get_type ())
G_DECLARE_FINAL_TYPE (HsSourceView, hs_source_view, HS, SOURCE_VIEW, GtkBox)

GtkWidget *hs_source_view_new (HsSelection *selection);
gboolean hs_source_view_is_settled (GtkWidget *self);

#endif
