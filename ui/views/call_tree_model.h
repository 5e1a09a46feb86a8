/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A call tree as a GtkTreeModel. An iterator is a node number of the answer; nothing is copied. A
 * level shows at most HS_CALL_TREE_LEVEL_ROWS children and then one row that tells how many more
 * there are. Rows come in the answer's order, or level by level in the order that another model
 * had. A new answer is a new model, or takes the place of one with the same rows.
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
/*
 * Gives the top level, and those below rows that are open in `view`, the order they have there:
 * rows are told by their key, new ones come last. TRUE when these levels have exactly the rows of
 * the view's model: then hs_call_tree_model_replace() can show it.
 */
gboolean hs_call_tree_model_keep_order (HsCallTreeModel *self, GtkTreeView *view);

/* Takes over the content of `other`, which is left empty-handed; rows of `view` change in place. */
void hs_call_tree_model_replace (HsCallTreeModel *self, HsCallTreeModel *other, GtkTreeView *view);

struct hs_call_tree *hs_call_tree_model_get_tree (HsCallTreeModel *self);

/* The node of a row, or NULL for the row "… and N more". */
const struct hs_call_tree_node *hs_call_tree_model_get_node (HsCallTreeModel *self,
                                                             GtkTreeIter *iter);

/* What of the label is the function, translated where it is a text of ours. */
const char *hs_call_tree_model_get_function (HsCallTreeModel *self, GtkTreeIter *iter);
void hs_call_tree_model_get_iter (HsCallTreeModel *self, uint32_t node, GtkTreeIter *iter);
uint32_t hs_call_tree_model_node_number (GtkTreeIter *iter);

#endif
