/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A call tree as a GtkTreeModel. An iterator is a node number of the answer; nothing is copied and
 * nothing is sorted here. A level shows at most HS_CALL_TREE_LEVEL_ROWS children and then one row
 * that tells how many more there are. Immutable: a new answer is a new model.
 */
#ifndef HS_VIEWS_CALL_TREE_MODEL_H
#define HS_VIEWS_CALL_TREE_MODEL_H

#include "analysis/call_tree.h"

#include <gtk/gtk.h>

#define HS_TYPE_CALL_TREE_MODEL (hs_call_tree_model_get_type ())
G_DECLARE_FINAL_TYPE (HsCallTreeModel, hs_call_tree_model, HS, CALL_TREE_MODEL, GObject)

#define HS_CALL_TREE_LEVEL_ROWS 10000u

enum {
    HS_CALL_TREE_COLUMN_LABEL,   /* string: function, module */
    HS_CALL_TREE_COLUMN_TOOLTIP, /* string, markup */
    HS_CALL_TREE_N_COLUMNS,
};

/* Takes a reference on the answer. */
HsCallTreeModel *hs_call_tree_model_new (struct hs_call_tree *tree);
struct hs_call_tree *hs_call_tree_model_get_tree (HsCallTreeModel *self);

/* The node of a row, or NULL for the row "… and N more". */
const struct hs_call_tree_node *hs_call_tree_model_get_node (HsCallTreeModel *self,
                                                             GtkTreeIter *iter);

/* What of the label is the function, translated where it is a text of ours. */
const char *hs_call_tree_model_get_function (HsCallTreeModel *self, GtkTreeIter *iter);
void hs_call_tree_model_get_iter (HsCallTreeModel *self, uint32_t node, GtkTreeIter *iter);
uint32_t hs_call_tree_model_node_number (GtkTreeIter *iter);

#endif
