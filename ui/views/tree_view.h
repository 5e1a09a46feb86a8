/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The call tree of the query: who allocated, top-down or bottom-up, or who freed, bottom-up. */
#ifndef HS_VIEWS_TREE_VIEW_H
#define HS_VIEWS_TREE_VIEW_H

#include "analysis/call_tree.h"
#include "model/selection.h"

#include <gtk/gtk.h>

#define HS_TYPE_TREE_VIEW (hs_tree_view_get_type ())
G_DECLARE_FINAL_TYPE (HsTreeView, hs_tree_view, HS, TREE_VIEW, GtkBox)

GtkWidget *hs_tree_view_new_top_down (HsSelection *selection);
GtkWidget *hs_tree_view_new_bottom_up (HsSelection *selection);
GtkWidget *hs_tree_view_new_freed_by (HsSelection *selection);
gboolean hs_tree_view_is_settled (GtkWidget *self);

#endif
