/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The columns of a call tree: what each shows of a row, and which are shown for a query. */
#ifndef HS_VIEWS_TREE_COLUMNS_H
#define HS_VIEWS_TREE_COLUMNS_H

#include "model/selection.h"

#include <gtk/gtk.h>

/* Adds all columns; `state` is read when cells are drawn and must outlive the view. */
void hs_tree_columns_add (GtkTreeView *view, const HsQueryState *state,
                          enum hs_stacks_of stacks_of);

/* Titles and visibility for the query. */
void hs_tree_columns_update (GtkTreeView *view);

/* A row as one line of text for the clipboard. Free with g_free. */
char *hs_tree_columns_row_text (GtkTreeView *view, GtkTreeIter *iter);

/* The metric's name as a heading, translated. */
const char *hs_metric_title (enum hs_metric metric);

#endif
