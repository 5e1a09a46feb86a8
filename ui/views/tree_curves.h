/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The curves of a call tree's rows: the column of small pictures, and the chosen row's curve for
 * the charts along time. Asked in the background for the rows in sight only, once nothing has
 * changed for a moment: while a range is dragged the trees come first. Main thread.
 */
#ifndef HS_VIEWS_TREE_CURVES_H
#define HS_VIEWS_TREE_CURVES_H

#include "model/selection.h"

#include <gtk/gtk.h>

typedef struct HsTreeCurves HsTreeCurves;

/* Adds the column behind those that `view` has. It lives as long as the view. */
HsTreeCurves *hs_tree_curves_new (GtkTreeView *view, HsSelection *selection);

/* Other rows are in sight, or another tree is. */
void hs_tree_curves_queue (HsTreeCurves *self);

/* Whether all curves in sight are those of the query. */
gboolean hs_tree_curves_are_settled (HsTreeCurves *self);

#endif
