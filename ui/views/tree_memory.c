/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which rows of a call tree are open; see tree_memory.h. A path is told by a hash over its keys. */
#include "views/tree_memory.h"

#include "base/idmap.h"
#include "base/limits.h"
#include "views/call_tree_model.h"

struct _HsTreeMemory {
    GHashTable *open; /* guint64 path hashes */
    guint64 selected; /* 0: none */
};

#define ROOT_HASH UINT64_C (0x9e3779b97f4a7c15)

static guint64 child_hash (guint64 parent, guint64 key)
{
    return hs_hash_u64 (parent + hs_hash_u64 (key)) | 1;
}

static guint64 path_hash (const struct hs_call_tree *tree, uint32_t node)
{
    uint32_t path[HS_LIMIT_STACK_DEPTH + 2];
    guint depth = 0;
    guint64 hash = ROOT_HASH;

    while (node != 0 && depth < G_N_ELEMENTS (path)) {
        path[depth++] = node;
        node = tree->nodes[node].parent;
    }
    while (depth > 0)
        hash = child_hash (hash, tree->nodes[path[--depth]].key);
    return hash;
}

HsTreeMemory *hs_tree_memory_new (void)
{
    HsTreeMemory *memory = g_new0 (HsTreeMemory, 1);

    memory->open = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
    return memory;
}

void hs_tree_memory_free (HsTreeMemory *memory)
{
    g_hash_table_unref (memory->open);
    g_free (memory);
}

void hs_tree_memory_set_open (HsTreeMemory *memory, const struct hs_call_tree *tree, uint32_t node,
                              gboolean is_open)
{
    guint64 hash = path_hash (tree, node);

    if (is_open)
        g_hash_table_add (memory->open, g_memdup2 (&hash, sizeof hash));
    else
        g_hash_table_remove (memory->open, &hash);
}

void hs_tree_memory_set_selected (HsTreeMemory *memory, const struct hs_call_tree *tree,
                                  uint32_t node)
{
    memory->selected = node == 0 ? 0 : path_hash (tree, node);
}

/*
 * The path of a row may have been remembered before names were found for it or for a row above:
 * `was` is the parent's path as it was remembered. Notes the row's path of now, and returns how the
 * row was remembered.
 */
static guint64 recall (HsTreeMemory *memory, const struct hs_call_tree_node *node, guint64 own,
                       guint64 was)
{
    const guint64 keys[] = { node->key, node->former_key };

    if (memory->selected == own || g_hash_table_contains (memory->open, &own))
        return own;
    for (guint i = 0; i < G_N_ELEMENTS (keys) && keys[i] != 0; i++) {
        guint64 before = child_hash (was, keys[i]);

        if (before == own)
            continue;
        if (memory->selected == before)
            memory->selected = own;
        if (g_hash_table_remove (memory->open, &before))
            g_hash_table_add (memory->open, g_memdup2 (&own, sizeof own));
        if (memory->selected == own || g_hash_table_contains (memory->open, &own))
            return before;
    }
    return own;
}

static void restore_below (HsTreeMemory *memory, GtkTreeView *view, uint32_t parent, guint64 hash,
                           guint64 was)
{
    HsCallTreeModel *model = HS_CALL_TREE_MODEL (gtk_tree_view_get_model (view));
    struct hs_call_tree *tree = hs_call_tree_model_get_tree (model);
    const struct hs_call_tree_node *node = &tree->nodes[parent];
    uint32_t n = MIN (node->n_children, HS_CALL_TREE_LEVEL_ROWS);

    hs_call_tree_open (tree, parent);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t child = node->first_child + i;
        guint64 own = child_hash (hash, tree->nodes[child].key);
        guint64 own_was = recall (memory, &tree->nodes[child], own, was);
        gboolean is_open = g_hash_table_contains (memory->open, &own);
        GtkTreePath *path;
        GtkTreeIter iter;

        if (!is_open && own != memory->selected)
            continue;
        hs_call_tree_model_get_iter (model, child, &iter);
        path = gtk_tree_model_get_path (GTK_TREE_MODEL (model), &iter);
        if (is_open && tree->nodes[child].n_children > 0) {
            gtk_tree_view_expand_row (view, path, FALSE);
            restore_below (memory, view, child, own, own_was);
        }
        if (own == memory->selected && gtk_widget_is_focus (GTK_WIDGET (view)))
            gtk_tree_view_set_cursor (view, path, NULL, FALSE); /* where the keyboard is */
        else if (own == memory->selected)
            gtk_tree_selection_select_path (gtk_tree_view_get_selection (view), path);
        gtk_tree_path_free (path);
    }
}

void hs_tree_memory_restore (HsTreeMemory *memory, GtkTreeView *view)
{
    restore_below (memory, view, 0, ROOT_HASH, ROOT_HASH);
}
