/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call tree as a GtkTreeModel; see call_tree_model.h. */
#include "views/call_tree_model.h"

#include "base/units.h"

#include <glib/gi18n.h>

struct _HsCallTreeModel {
    GObject parent_instance;

    struct hs_call_tree *tree;
    int stamp;
};

static void tree_model_init (GtkTreeModelIface *iface);
G_DEFINE_TYPE_WITH_CODE (HsCallTreeModel, hs_call_tree_model, G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (GTK_TYPE_TREE_MODEL, tree_model_init))

/* An iterator: user_data is the node, or for the row "and more" the parent, with user_data2 set. */
static gboolean set_iter (HsCallTreeModel *self, GtkTreeIter *iter, uint32_t node, gboolean is_more)
{
    iter->stamp = self->stamp;
    iter->user_data = GUINT_TO_POINTER (node);
    iter->user_data2 = GINT_TO_POINTER (is_more);
    iter->user_data3 = NULL;
    return TRUE;
}

static gboolean no_iter (GtkTreeIter *iter)
{
    iter->stamp = 0;
    return FALSE;
}

uint32_t hs_call_tree_model_node_number (GtkTreeIter *iter)
{
    return GPOINTER_TO_UINT (iter->user_data);
}

static gboolean is_more_row (GtkTreeIter *iter)
{
    return GPOINTER_TO_INT (iter->user_data2);
}

static const struct hs_call_tree_node *node_at (HsCallTreeModel *self, uint32_t number)
{
    return &self->tree->nodes[number];
}

static int n_rows_below (HsCallTreeModel *self, uint32_t number)
{
    uint32_t n = node_at (self, number)->n_children;

    return n > HS_CALL_TREE_LEVEL_ROWS ? (int)HS_CALL_TREE_LEVEL_ROWS + 1 : (int)n;
}

static gboolean nth_below (HsCallTreeModel *self, GtkTreeIter *iter, uint32_t parent, int n)
{
    if (n < 0 || n >= n_rows_below (self, parent))
        return no_iter (iter);
    if (n == (int)HS_CALL_TREE_LEVEL_ROWS)
        return set_iter (self, iter, parent, TRUE);
    return set_iter (self, iter, node_at (self, parent)->first_child + (uint32_t)n, FALSE);
}

static GtkTreeModelFlags model_get_flags (GtkTreeModel *model)
{
    return GTK_TREE_MODEL_ITERS_PERSIST;
}

static int model_get_n_columns (GtkTreeModel *model)
{
    return HS_CALL_TREE_N_COLUMNS;
}

static GType model_get_column_type (GtkTreeModel *model, int column)
{
    return G_TYPE_STRING;
}

static gboolean model_get_iter (GtkTreeModel *model, GtkTreeIter *iter, GtkTreePath *path)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    int depth, *indices = gtk_tree_path_get_indices_with_depth (path, &depth);
    uint32_t node = 0;

    if (self->tree->n_nodes == 0 || depth == 0)
        return no_iter (iter);
    for (int i = 0; i < depth; i++) {
        if (!nth_below (self, iter, node, indices[i]))
            return FALSE;
        if (is_more_row (iter) && i + 1 < depth)
            return no_iter (iter);
        node = hs_call_tree_model_node_number (iter);
    }
    return TRUE;
}

static GtkTreePath *model_get_path (GtkTreeModel *model, GtkTreeIter *iter)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    GtkTreePath *path = gtk_tree_path_new ();
    uint32_t node = hs_call_tree_model_node_number (iter);

    if (is_more_row (iter))
        gtk_tree_path_append_index (path, (int)HS_CALL_TREE_LEVEL_ROWS);
    while (node != 0) {
        uint32_t parent = node_at (self, node)->parent;

        gtk_tree_path_prepend_index (path, (int)(node - node_at (self, parent)->first_child));
        node = parent;
    }
    return path;
}

/* The function; a row without a stack has a text of ours. */
static const char *function_of (HsCallTreeModel *self, const struct hs_call_tree_node *node)
{
    const char *label = self->tree->texts + node->label;

    return node->kind == HS_LABEL_NO_STACK && label[0] != '\0' ? _ (label) : label;
}

static char *label_of (HsCallTreeModel *self, const struct hs_call_tree_node *node)
{
    const char *label = function_of (self, node);
    const char *module = self->tree->texts + node->module;

    if (module[0] == '\0')
        return g_strdup (label);
    return g_strdup_printf ("%s %s", label, module);
}

static char *more_label (HsCallTreeModel *self, GtkTreeIter *iter)
{
    uint32_t n =
        node_at (self, hs_call_tree_model_node_number (iter))->n_children - HS_CALL_TREE_LEVEL_ROWS;
    char count[HS_UNITS_TEXT_SIZE];

    /* Translators: the last row of a long list; %s is a number */
    return g_strdup_printf (ngettext ("… and %s more", "… and %s more", n),
                            hs_format_count (n, count));
}

static char *tooltip_of (HsCallTreeModel *self, const struct hs_call_tree_node *node)
{
    const char *module = self->tree->texts + node->module;
    const char *location = self->tree->texts + node->location;
    g_autoptr (GString) text = g_string_new (NULL);
    g_autofree char *label = g_markup_escape_text (function_of (self, node), -1);

    g_string_append_printf (text, "<b>%s</b>", label);
    if (module[0] != '\0') {
        g_autofree char *escaped = g_markup_escape_text (module, -1);

        g_string_append_printf (text, "\n%s", escaped);
    }
    if (location[0] != '\0') {
        g_autofree char *escaped = g_markup_escape_text (location, -1);

        g_string_append_printf (text, "\n%s", escaped);
    }
    if (node->is_inlined)
        g_string_append_printf (text, "\n%s", _ ("inlined"));
    return g_string_free (g_steal_pointer (&text), FALSE);
}

static void model_get_value (GtkTreeModel *model, GtkTreeIter *iter, int column, GValue *value)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    const struct hs_call_tree_node *node = hs_call_tree_model_get_node (self, iter);

    g_value_init (value, G_TYPE_STRING);
    if (node == NULL)
        g_value_take_string (value, more_label (self, iter));
    else if (column == HS_CALL_TREE_COLUMN_LABEL)
        g_value_take_string (value, label_of (self, node));
    else
        g_value_take_string (value, tooltip_of (self, node));
}

static gboolean model_iter_children (GtkTreeModel *model, GtkTreeIter *iter, GtkTreeIter *parent)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);

    if (self->tree->n_nodes == 0 || (parent != NULL && is_more_row (parent)))
        return no_iter (iter);
    return nth_below (self, iter, parent != NULL ? hs_call_tree_model_node_number (parent) : 0, 0);
}

static gboolean model_iter_nth_child (GtkTreeModel *model, GtkTreeIter *iter, GtkTreeIter *parent,
                                      int n)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);

    if (self->tree->n_nodes == 0 || (parent != NULL && is_more_row (parent)))
        return no_iter (iter);
    return nth_below (self, iter, parent != NULL ? hs_call_tree_model_node_number (parent) : 0, n);
}

static int model_iter_n_children (GtkTreeModel *model, GtkTreeIter *iter)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);

    if (self->tree->n_nodes == 0 || (iter != NULL && is_more_row (iter)))
        return 0;
    return n_rows_below (self, iter != NULL ? hs_call_tree_model_node_number (iter) : 0);
}

static gboolean model_iter_has_child (GtkTreeModel *model, GtkTreeIter *iter)
{
    return model_iter_n_children (model, iter) > 0;
}

static gboolean model_iter_next (GtkTreeModel *model, GtkTreeIter *iter)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    uint32_t node = hs_call_tree_model_node_number (iter), parent;

    if (is_more_row (iter))
        return no_iter (iter);
    parent = node_at (self, node)->parent;
    return nth_below (self, iter, parent, (int)(node - node_at (self, parent)->first_child) + 1);
}

static gboolean model_iter_previous (GtkTreeModel *model, GtkTreeIter *iter)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    uint32_t node = hs_call_tree_model_node_number (iter), parent;

    if (is_more_row (iter))
        return nth_below (self, iter, node, (int)HS_CALL_TREE_LEVEL_ROWS - 1);
    parent = node_at (self, node)->parent;
    return nth_below (self, iter, parent, (int)(node - node_at (self, parent)->first_child) - 1);
}

static gboolean model_iter_parent (GtkTreeModel *model, GtkTreeIter *iter, GtkTreeIter *child)
{
    HsCallTreeModel *self = HS_CALL_TREE_MODEL (model);
    uint32_t node = hs_call_tree_model_node_number (child);
    uint32_t parent = is_more_row (child) ? node : node_at (self, node)->parent;

    return parent == 0 ? no_iter (iter) : set_iter (self, iter, parent, FALSE);
}

static void tree_model_init (GtkTreeModelIface *iface)
{
    iface->get_flags = model_get_flags;
    iface->get_n_columns = model_get_n_columns;
    iface->get_column_type = model_get_column_type;
    iface->get_iter = model_get_iter;
    iface->get_path = model_get_path;
    iface->get_value = model_get_value;
    iface->iter_children = model_iter_children;
    iface->iter_nth_child = model_iter_nth_child;
    iface->iter_n_children = model_iter_n_children;
    iface->iter_has_child = model_iter_has_child;
    iface->iter_next = model_iter_next;
    iface->iter_previous = model_iter_previous;
    iface->iter_parent = model_iter_parent;
}

static void hs_call_tree_model_finalize (GObject *object)
{
    hs_call_tree_unref (HS_CALL_TREE_MODEL (object)->tree);
    G_OBJECT_CLASS (hs_call_tree_model_parent_class)->finalize (object);
}

static void hs_call_tree_model_class_init (HsCallTreeModelClass *class)
{
    G_OBJECT_CLASS (class)->finalize = hs_call_tree_model_finalize;
}

static void hs_call_tree_model_init (HsCallTreeModel *self)
{
    self->stamp = g_random_int_range (1, G_MAXINT);
}

HsCallTreeModel *hs_call_tree_model_new (struct hs_call_tree *tree)
{
    HsCallTreeModel *self = g_object_new (HS_TYPE_CALL_TREE_MODEL, NULL);

    self->tree = hs_call_tree_ref (tree);
    return self;
}

struct hs_call_tree *hs_call_tree_model_get_tree (HsCallTreeModel *self)
{
    return self->tree;
}

const struct hs_call_tree_node *hs_call_tree_model_get_node (HsCallTreeModel *self,
                                                             GtkTreeIter *iter)
{
    if (is_more_row (iter))
        return NULL;
    return node_at (self, hs_call_tree_model_node_number (iter));
}

void hs_call_tree_model_get_iter (HsCallTreeModel *self, uint32_t node, GtkTreeIter *iter)
{
    (void)set_iter (self, iter, node, FALSE);
}

const char *hs_call_tree_model_get_function (HsCallTreeModel *self, GtkTreeIter *iter)
{
    const struct hs_call_tree_node *node = hs_call_tree_model_get_node (self, iter);

    return node != NULL ? function_of (self, node) : "";
}
