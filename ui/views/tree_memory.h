/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which rows of a call tree are open and which is selected, told by their path of frames, so that
 * the next answer can be shown alike. Rows that a filter took away are remembered.
 */
#ifndef HS_VIEWS_TREE_MEMORY_H
#define HS_VIEWS_TREE_MEMORY_H

#include "analysis/call_tree.h"

#include <gtk/gtk.h>

typedef struct _HsTreeMemory HsTreeMemory;

HsTreeMemory *hs_tree_memory_new (void);
void hs_tree_memory_free (HsTreeMemory *memory);

void hs_tree_memory_set_open (HsTreeMemory *memory, const struct hs_call_tree *tree, uint32_t node,
                              gboolean is_open);
void hs_tree_memory_set_selected (HsTreeMemory *memory, const struct hs_call_tree *tree,
                                  uint32_t node);

/* Opens and selects in a view that has just got its model. */
void hs_tree_memory_restore (HsTreeMemory *memory, GtkTreeView *view);

#endif
